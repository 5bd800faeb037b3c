/*
 * Arguments: each parameter of the operation read, checked, and written as
 * PostgreSQL reads it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#include "condition.h"
#include "cursor.h"
#include "schema.h"

/* Longest unknown name that is quoted back. */
#define NAME_MAX_QUOTED 60

/* Elements of a list that are looked at: more break maxItems anyway, and the
 * target's own bound is near. */
#define ELEMENTS_MAX 1000

/* One reading. */
struct reading {
	const struct operation *op;
	struct mem *mem;
	struct args *out;
	struct problem *problem;
	const char **sent; /* raw text of each parameter, NULL: not there */
};

/* A query parameter's place among those of its operation. */
#define NOWHERE ((size_t)-1)

static void read_path(struct reading *r, const struct route *route);
static void read_query(struct reading *r, const char *query);
static void add_parameters(struct reading *r);
static bool read_page(struct reading *r);
static bool read_headers(struct reading *r, const struct input *in);
static void
refuse(struct reading *r, const char *name, const char *code, const char *arg);

bool
args_read(const struct operation *op, const struct route *route,
    const struct input *in, struct mem *mem, struct args *out,
    struct problem *p)
{
	struct reading r = {
		.op = op,
		.mem = mem,
		.out = out,
		.problem = p,
		.sent = mem_take(mem, (op->n_parameters + 1) * sizeof(*r.sent)),
	};

	*out = (struct args){ .first_page = true };
	read_path(&r, route);
	read_query(&r, in->query);
	add_parameters(&r);
	if (p->errors.n > 0) {
		p->code = "invalid_parameters";
		return false;
	}
	return (!op->paged || read_page(&r)) && read_headers(&r, in);
}

static void
put(struct args *args, struct arg next)
{
	for (size_t i = 0; i < args->n; i++) {
		if (strcmp(args->at[i].name, next.name) != 0)
			continue;
		args->at[i] = next;
		return;
	}
	/* The loader left room: more is our own mistake. */
	if (args->n == ARGS_MAX)
		abort();
	args->at[args->n++] = next;
}

void
args_set(struct args *args, const char *name, const char *value)
{
	put(args, (struct arg){
	              .name = name, .value = value, .given = value != NULL });
}

void
args_set_bytes(struct args *args, const char *name, const void *bytes, int len)
{
	put(args,
	    (struct arg){
	        .name = name, .value = bytes, .given = true, .len = len });
}

const struct arg *
args_find(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->n; i++)
		if (strcmp(args->at[i].name, name) == 0)
			return &args->at[i];
	return NULL;
}

static void
set_flag(struct args *args, const char *name)
{
	args_set(args, name, "");
	for (size_t i = 0; i < args->n; i++)
		if (strcmp(args->at[i].name, name) == 0)
			args->at[i].value = NULL;
}

static void
refuse(struct reading *r, const char *name, const char *code, const char *arg)
{
	violation_add(&r->problem->errors, AT_PARAMETER, name, code, arg);
}

static void
read_path(struct reading *r, const struct route *route)
{
	for (size_t i = 0; i < route->n_args && i < r->op->n_parameters; i++)
		r->sent[i] = route->args[i];
}

static size_t
place_of(const struct operation *op, const char *name)
{
	for (size_t i = 0; name != NULL && i < op->n_parameters; i++)
		if (op->parameters[i].in == IN_QUERY &&
		    strcmp(op->parameters[i].name, name) == 0)
			return i;
	return NOWHERE;
}

/* What can be shown of a name that is not ours: it is the caller's text. */
static const char *
quoted_name(struct reading *r, const char *name, size_t len)
{
	const char *shown = percent_decode(
	    name, len < NAME_MAX_QUOTED ? len : NAME_MAX_QUOTED, true, r->mem);

	return shown != NULL ? shown : "?";
}

static void
read_pair(struct reading *r, const char *pair, size_t len)
{
	const char *equals = memchr(pair, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
	const char *name = percent_decode(pair, name_len, true, r->mem);
	size_t place = place_of(r->op, name);

	if (place == NOWHERE)
		refuse(r, quoted_name(r, pair, name_len), "unknown_parameter",
		    NULL);
	else if (r->sent[place] != NULL)
		refuse(r, name, "repeated_parameter", NULL);
	else
		r->sent[place] = equals == NULL ? ""
		                                : mem_copy(r->mem, equals + 1,
		                                      len - name_len - 1);
}

static void
read_query(struct reading *r, const char *query)
{
	const char *at = query;

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, "&");

		/* "a=1&&b=2" and a last "&" say nothing. */
		if (len > 0)
			read_pair(r, at, len);
		at += len;
		at += *at == '&';
	}
}

/* One element of an array literal, always quoted (PostgreSQL 8.15.6). */
static char *
put_element(char *out, const char *text)
{
	*out++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out++ = '"';
	return out;
}

static const char *
array_literal(struct reading *r, const char *const *texts, size_t n)
{
	size_t room = 3;

	for (size_t i = 0; i < n; i++)
		room += 2 * strlen(texts[i]) + 3;

	char *literal = mem_take(r->mem, room);
	char *end = literal;

	*end++ = '{';
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*end++ = ',';
		end = put_element(end, texts[i]);
	}
	*end = '}';
	return literal;
}

static void
flag_value(struct reading *r, const char *name, const char *value)
{
	set_flag(r->out, mem_print(r->mem, "%s:%s", name, value));
}

/* Comma separated after decoding: URLSearchParams writes %2C. */
static void
add_list(struct reading *r, const struct parameter *p, const char *text)
{
	const char **texts = mem_take(r->mem, ELEMENTS_MAX * sizeof(*texts));
	const char *code, *arg;
	size_t n = 0;

	for (const char *at = text; n < ELEMENTS_MAX; at++) {
		size_t len = strcspn(at, ",");

		if (len == 0) {
			refuse(r, p->name, "malformed_parameter", NULL);
			return;
		}
		texts[n++] = mem_copy(r->mem, at, len);
		at += len;
		if (*at == '\0')
			break;
	}
	code = schema_check_texts(p->schema, texts, n, r->mem, &arg);
	if (code != NULL) {
		refuse(r, p->name, code, arg);
		return;
	}
	args_set(r->out, p->name, array_literal(r, texts, n));
	if (schema_enum(schema_items(p->schema)) != NULL)
		for (size_t i = 0; i < n; i++)
			flag_value(r, p->name, texts[i]);
}

/* A plus sign in a query is a space (WHATWG URL): an instant's offset must
 * be sent as %2B, and whoever forgets it is told so. */
static bool
lost_plus(const struct parameter *p, const char *sent)
{
	const struct schema *one =
	    p->list ? schema_items(p->schema) : p->schema;

	return p->in == IN_QUERY && schema_is_instant(one) &&
	       strchr(sent, '+') != NULL;
}

static void
add_text(struct reading *r, const struct parameter *p, const char *text)
{
	const char *code, *arg;

	if (p->list) {
		add_list(r, p, text);
		return;
	}
	code = schema_check_text(p->schema, text, r->mem, &arg);
	if (code != NULL) {
		refuse(r, p->name, code, arg);
		return;
	}
	args_set(r->out, p->name, text);
	if (schema_enum(p->schema) != NULL ||
	    strcmp(p->pg_type, "boolean") == 0)
		flag_value(r, p->name, text);
}

static void
add_sent(struct reading *r, const struct parameter *p, const char *sent)
{
	const char *text =
	    percent_decode(sent, strlen(sent), p->in == IN_QUERY, r->mem);

	if (text == NULL || text[0] == '\0' || lost_plus(p, sent))
		refuse(r, p->name, "malformed_parameter", NULL);
	else
		add_text(r, p, text);
}

static void
add_parameters(struct reading *r)
{
	for (size_t i = 0; i < r->op->n_parameters; i++) {
		const struct parameter *p = &r->op->parameters[i];

		if (p->in == IN_HEADER)
			continue;
		if (r->sent[i] != NULL)
			add_sent(r, p, r->sent[i]);
		else if (p->required)
			refuse(r, p->name, "required", p->name);
		else if (p->fallback != NULL)
			add_text(r, p, p->fallback);
	}
}

static bool
is_page_parameter(const char *name)
{
	return strcmp(name, "limit") == 0 || strcmp(name, "cursor") == 0 ||
	       strcmp(name, "sort") == 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct arg *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/*
 * Operation, order and filters, those by name: the same list asked for in
 * another spelling has the same scope. Lengths keep values apart.
 */
static const char *
scope_of(struct reading *r)
{
	const struct arg *filters[ARGS_MAX] = { NULL };
	const char *scope =
	    mem_print(r->mem, "%s %s", r->op->id, r->out->sort->name);
	size_t n = 0;

	for (size_t i = 0; i < r->out->n; i++)
		if (r->out->at[i].value != NULL &&
		    !is_page_parameter(r->out->at[i].name))
			filters[n++] = &r->out->at[i];
	qsort(filters, n, sizeof(const struct arg *), by_name);
	for (size_t i = 0; i < n; i++)
		scope =
		    mem_print(r->mem, "%s %s=%zu:%s", scope, filters[i]->name,
		        strlen(filters[i]->value), filters[i]->value);
	return scope;
}

static const struct sort *
sort_named(const struct operation *op, const char *name)
{
	for (size_t i = 0; name != NULL && i < op->n_sorts; i++)
		if (strcmp(op->sorts[i].name, name) == 0)
			return &op->sorts[i];
	return &op->sorts[0];
}

static bool
read_page(struct reading *r)
{
	static const char *const after[] = { "after_1", "after_2", "after_3",
		"after_4" };
	const char *values[4] = { NULL };
	struct args *out = r->out;
	const struct arg *sort = args_find(out, "sort");
	const struct arg *cursor = args_find(out, "cursor");
	const struct arg *limit = args_find(out, "limit");

	/* The loader saw to its default. */
	if (limit == NULL || limit->value == NULL)
		abort();
	out->sort = sort_named(r->op, sort != NULL ? sort->value : NULL);
	out->scope = scope_of(r);
	out->limit = strtol(limit->value, NULL, 10);
	args_set(out, "limit", mem_print(r->mem, "%ld", out->limit + 1));
	set_flag(out, mem_print(r->mem, "sort:%s", out->sort->name));
	out->first_page = cursor == NULL;
	if (cursor == NULL)
		return true;
	if (!cursor_read(cursor->value, out->scope, r->mem, values,
	        out->sort->n_types)) {
		r->problem->code = "invalid_cursor";
		return false;
	}
	set_flag(out, "cursor");
	for (size_t i = 0; i < out->sort->n_types; i++)
		args_set(out, after[i], values[i]);
	return true;
}

static bool
read_key(struct reading *r, const char *header)
{
	const char *key;

	if (header == NULL) {
		r->problem->code = "idempotency_key_missing";
		return false;
	}
	key = condition_key(header, r->mem);
	if (key == NULL) {
		r->problem->code = "idempotency_key_invalid";
		return false;
	}
	args_set(r->out, "idempotency_key", key);
	return true;
}

static bool
read_versions(struct reading *r, const char *header)
{
	const char *versions;

	if (header == NULL) {
		r->problem->code = "precondition_required";
		return false;
	}
	if (!condition_versions(header, r->mem, &versions)) {
		r->problem->code = "precondition_malformed";
		return false;
	}
	/* "*" is given, and null: any version. */
	if (versions == NULL)
		set_flag(r->out, "versions");
	else
		args_set(r->out, "versions", versions);
	return true;
}

static bool
read_headers(struct reading *r, const struct input *in)
{
	if (r->op->idempotent &&
	    !read_key(r, in->headers[HEADER_IDEMPOTENCY_KEY]))
		return false;
	return !r->op->if_match ||
	       read_versions(r, in->headers[HEADER_IF_MATCH]);
}
