/* Variants: text, parameters and types of each part. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "variant.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* pg_type.dat of PostgreSQL 15; these never change. */
static const struct {
	const char *name;
	Oid oid;
} types[] = {
	{ "text", 25 },
	{ "uuid", 2950 },
	{ "bigint", 20 },
	{ "boolean", 16 },
	{ "date", 1082 },
	{ "timestamptz", 1184 },
	{ "numeric", 1700 },
	{ "jsonb", 3802 },
	{ "bytea", 17 },
	{ "integer", 23 },
	{ "int", 23 },
	{ "smallint", 21 },
	{ "interval", 1186 },
	{ "inet", 869 },
	{ "text[]", 1009 },
	{ "uuid[]", 2951 },
	{ "bigint[]", 1016 },
	{ "boolean[]", 1000 },
	{ "date[]", 1182 },
	{ "timestamptz[]", 1185 },
	{ "numeric[]", 1231 },
	{ "integer[]", 1007 },
	{ "jsonb[]", 3807 },
};

/*
 * The answer of an idempotent operation is kept by the statement that gives
 * it, so that both are there or neither is. A WITH list of the statement's
 * own goes first: PostgreSQL takes data-modifying ones at the top level only.
 * Of a private one the body is left out.
 */
static const char keep_open[] = "answer AS (\n";
static const char keep_close[] =
    "\n), kept AS (\n"
    "INSERT INTO idempotency (client_id, membership_id, key, fingerprint,"
    " status, body, etag, location)\n"
    "SELECT client_id(), membership_id(), idempotency_key(),"
    " idempotency_fingerprint(), %d, %s, a.etag::text,"
    " a.location::text\n"
    "FROM answer AS a RETURNING 1)\n"
    "SELECT a.body, a.etag, a.location FROM answer AS a";

/* A list as a map: its records in its order, each as a feature (0013). */
static const char map_open[] =
    "SELECT feature(r.body::jsonb) AS body, r.key\nFROM (\n";
static const char map_close[] = "\n) AS r";

struct text {
	char *at;
	size_t len;
};

static Oid
type_named(const char *name)
{
	for (size_t i = 0; name != NULL && i < N_ELEMENTS(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].oid;
	return 0;
}

const char *
statement_name(const struct statement *statement)
{
	return statement->op != NULL ? statement->op->id
	                             : statement->template->name;
}

size_t
after_index(const char *name)
{
	if (strncmp(name, "after_", 6) != 0 ||
	    !isdigit((unsigned char)name[6]) || name[7] != '\0')
		return 0;
	return (size_t)(name[6] - '0');
}

/* What is known of an upload (upload.h). */
static const struct {
	const char *name, *type;
} of_upload[] = {
	{ "media_type", "text" },
	{ "size", "bigint" },
	{ "sha256", "text" },
	{ "stripped", "boolean" },
	{ "width", "bigint" },
	{ "height", "bigint" },
};

static const char *
type_of_body(const struct operation *op, const char *name)
{
	switch (op->body_kind) {
	case BODY_JSON:
	case BODY_MERGE_PATCH:
		return strcmp(name, "body") == 0 ? "jsonb" : NULL;
	case BODY_UPLOAD:
		for (size_t i = 0; i < N_ELEMENTS(of_upload); i++)
			if (strcmp(of_upload[i].name, name) == 0)
				return of_upload[i].type;
		return NULL;
	case BODY_NONE:
	case BODY_FORM:
	case BODY_TEXT:
		break;
	}
	return NULL;
}

static const char *
type_of(const struct operation *op, const char *name, size_t sort)
{
	size_t after = after_index(name);
	const char *type = type_of_body(op, name);

	if (type != NULL)
		return type;
	for (size_t i = 0; i < op->n_parameters; i++)
		if (op->parameters[i].in != IN_HEADER &&
		    strcmp(op->parameters[i].name, name) == 0)
			return op->parameters[i].pg_type;
	if (strcmp(name, "versions") == 0)
		return op->if_match ? "bigint[]" : NULL;
	if (strcmp(name, "limit") == 0)
		return op->paged ? "bigint" : NULL;
	if (op->stream &&
	    (strcmp(name, "position") == 0 || strcmp(name, "until") == 0))
		return "text";
	if (after > 0 && op->paged && sort < op->n_sorts &&
	    after <= op->sorts[sort].n_types)
		return op->sorts[sort].types[after - 1];
	return NULL;
}

Oid
param_type(const struct statement *statement, size_t param, size_t sort)
{
	const struct param *p = &statement->template->params[param];

	if (statement->op == NULL)
		return type_named(p->type);
	return type_named(type_of(statement->op, p->name, sort));
}

static bool
is_on(const struct args *args, const char *flag)
{
	const struct arg *arg = args_find(args, flag);

	return arg != NULL && arg->given;
}

uint64_t
fragments_on(const struct statement *statement, const struct args *args)
{
	const struct template *t = statement->template;
	uint64_t on = 0;

	for (size_t i = 0; i < t->n_fragments; i++) {
		bool all = true;

		for (size_t j = 0; all && j < t->fragments[i].n; j++)
			all = is_on(args, t->fragments[i].flags[j]);
		if (all)
			on |= (uint64_t)1 << i;
	}
	return on;
}

uint64_t
fragments_of_sort(const struct statement *s, size_t sort, bool cursor)
{
	const struct template *t = s->template;
	uint64_t fragments = 0;

	for (size_t i = 0; i < t->n_fragments; i++) {
		bool fits = true;

		for (size_t j = 0; j < t->fragments[i].n; j++) {
			const char *flag = t->fragments[i].flags[j];

			if (s->op == NULL || !s->op->paged)
				break;
			if (strcmp(flag, "cursor") == 0)
				fits &= cursor;
			else if (strncmp(flag, "sort:", 5) == 0)
				fits &= strcmp(s->op->sorts[sort].name,
				            flag + 5) == 0;
		}
		if (fits)
			fragments |= (uint64_t)1 << i;
	}
	return fragments;
}

static void
put(struct text *text, const char *bytes, size_t len)
{
	memcpy(text->at + text->len, bytes, len);
	text->len += len;
}

/* $n for a parameter; the first use in a part gives the number. */
static bool
put_param(struct text *text, struct part *part, const char *name, Oid type)
{
	char number[24];
	size_t i = 0;
	int len;

	while (i < part->n && strcmp(part->names[i], name) != 0)
		i++;
	if (i == PARAMS_MAX)
		return false;
	if (i == part->n) {
		part->names[i] = name;
		part->types[i] = type;
		part->n++;
	}
	len = snprintf(number, sizeof(number), "$%zu", i + 1);
	put(text, number, (size_t)len);
	return true;
}

/* Room for all pieces, with any fragment on. */
static size_t
room_for(const struct template_part *part)
{
	size_t room = sizeof(keep_open) + sizeof(keep_close) +
	              sizeof(map_open) + sizeof(map_close) + 48;

	for (size_t i = 0; i < part->n; i++)
		room +=
		    part->pieces[i].len + (part->pieces[i].param >= 0 ? 4 : 0);
	return room;
}

static void
put_keep_open(struct text *text, const struct template_part *from)
{
	const char *link = from->with ? ", " : "WITH ";

	put(text, link, strlen(link));
	put(text, keep_open, sizeof(keep_open) - 1);
}

static void
put_keep_close(struct text *text, const struct operation *op)
{
	char close[sizeof(keep_close) + 32];

	put(text, close,
	    (size_t)snprintf(close, sizeof(close), keep_close, op->success,
	        op->private ? "NULL" : "a.body::text"));
}

static void
put_end(struct text *text)
{
	while (text->len > 0 && isspace((unsigned char)text->at[text->len - 1]))
		text->len--;
	text->at[text->len] = '\0';
}

static bool
make_part(const struct statement *statement, size_t at, uint64_t fragments,
    size_t sort, struct mem *mem, struct part *out)
{
	const struct template_part *from = &statement->template->parts[at];
	bool last =
	    statement->op != NULL && at + 1 == statement->template->n_parts;
	bool kept = last && statement->op->idempotent;
	bool mapped = last && statement->op->map != NULL;
	struct text text = { mem_take(mem, room_for(from)), 0 };

	if (mapped)
		put(&text, map_open, sizeof(map_open) - 1);
	for (size_t i = 0; i < from->n; i++) {
		const struct piece *p = &from->pieces[i];

		if (kept && i == from->verb)
			put_keep_open(&text, from);
		if (p->fragment >= 0 && (fragments >> p->fragment & 1) == 0)
			continue;
		if (p->param < 0) {
			put(&text, p->text, p->len);
			continue;
		}
		size_t param = (size_t)p->param;
		if (!put_param(&text, out,
		        statement->template->params[param].name,
		        param_type(statement, param, sort)))
			return false;
	}
	put_end(&text);
	if (kept)
		put_keep_close(&text, statement->op);
	if (mapped)
		put(&text, map_close, sizeof(map_close) - 1);
	put_end(&text);
	out->sql = text.at + strspn(text.at, " \t\n");
	return true;
}

/* site_list.0.3f, and .1 for a sort that gives the key other types. */
static const char *
part_name(const struct statement *statement, size_t at, uint64_t fragments,
    size_t sort, struct mem *mem)
{
	const char *name = statement_name(statement);
	unsigned long long on =
	    fragments & statement->template->parts[at].fragments;

	if (!statement->keyed || sort == 0)
		return mem_print(mem, "%s.%zu.%llx", name, at, on);
	return mem_print(mem, "%s.%zu.%llx.%zu", name, at, on, sort);
}

bool
variant_make(const struct statement *statement, uint64_t fragments, size_t sort,
    struct mem *mem, struct variant *out, char *why, size_t why_len)
{
	static unsigned long serial;
	const struct template *t = statement->template;

	memset(out, 0, sizeof(*out));
	out->serial = ++serial;
	for (size_t i = 0; i < t->n_parts; i++) {
		struct part *part = &out->parts[out->n_parts];

		part->name = part_name(statement, i, fragments, sort, mem);
		if (!make_part(statement, i, fragments, sort, mem, part)) {
			(void)snprintf(why, why_len,
			    "%s: part %zu has more than %d parameters",
			    statement_name(statement), i + 1, PARAMS_MAX);
			return false;
		}
		for (size_t j = 0; j < part->n; j++) {
			if (part->types[j] != 0)
				continue;
			(void)snprintf(why, why_len, "%s: :%s has no type",
			    t->name, part->names[j]);
			return false;
		}
		/* A part may stand in fragments whole: then it is not sent. */
		if (part->sql[0] != '\0')
			out->n_parts++;
	}
	return true;
}
