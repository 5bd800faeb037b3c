/*
 * Parameters and pages of an operation, read from the contract.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "load.h"

#include "args.h"
#include "route.h"
#include "schema.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const parameter_members[] = { "name", "in", "required",
	"description", "schema", "example", "examples", "deprecated", "style",
	"explode" };

static const char *const page_members[] = { "item", "sorts" };

static const char *const places[] = {
	[IN_PATH] = "path", [IN_QUERY] = "query", [IN_HEADER] = "header"
};

/* Names that statements use for something else. */
static const char *const taken[] = { "body", "versions", "after_1", "after_2",
	"after_3", "after_4", "request_id", "position", "until" };

/* Types a sort key may have. */
static const char *const key_types[] = { "text", "uuid", "bigint", "date",
	"timestamptz", "numeric", "boolean" };

static bool
read_parameter(struct load *load, struct operation *op, json_t *node);
static bool read_place(struct load *load, struct parameter *p, json_t *node);
static bool
read_header(struct load *load, struct operation *op, struct parameter *p);
static bool read_schema(struct load *load, struct parameter *p, json_t *node);
static bool
read_default(struct load *load, struct parameter *p, json_t *schema);
static bool order_path(struct load *load, struct operation *op);
static bool check_room(struct load *load, const struct operation *op);
static bool read_sort(
    struct load *load, struct operation *op, const char *name, json_t *types);
static bool
check_page_parameters(struct load *load, const struct operation *op);

bool
load_parameters(
    struct load *load, struct operation *op, json_t *shared, json_t *own)
{
	json_t *lists[] = { shared, own };
	size_t n = json_array_size(shared) + json_array_size(own);

	op->parameters = mem_take(load->mem, (n + 1) * sizeof(*op->parameters));
	for (size_t l = 0; l < N_ELEMENTS(lists); l++)
		for (size_t i = 0; i < json_array_size(lists[l]); i++)
			if (!read_parameter(
			        load, op, json_array_get(lists[l], i)))
				return false;
	return order_path(load, op) && check_room(load, op);
}

static bool
is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
read_parameter(struct load *load, struct operation *op, json_t *node)
{
	struct parameter *p = &op->parameters[op->n_parameters];

	node = load_follow(load, node);
	if (node == NULL ||
	    !load_only(load, node, "a parameter", parameter_members,
	        N_ELEMENTS(parameter_members)))
		return false;
	p->name = json_string_value(json_object_get(node, "name"));
	if (p->name == NULL)
		return load_fail(load, "a parameter without name");
	if (!read_place(load, p, node))
		return false;
	p->required = json_is_true(json_object_get(node, "required"));
	for (size_t i = 0; i < op->n_parameters; i++)
		if (strcmp(op->parameters[i].name, p->name) == 0)
			return load_fail(load, "parameter '%s' twice", p->name);
	op->n_parameters++;
	if (p->in == IN_HEADER)
		return read_header(load, op, p);
	if (is_one_of(p->name, taken, N_ELEMENTS(taken)) ||
	    p->name[strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] !=
	        '\0')
		return load_fail(load,
		    "parameter '%s' has a name that "
		    "statements cannot use",
		    p->name);
	return read_schema(load, p, node) &&
	       read_default(load, p, json_object_get(node, "schema"));
}

static bool
read_place(struct load *load, struct parameter *p, json_t *node)
{
	const char *in = json_string_value(json_object_get(node, "in"));

	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		if (in == NULL || strcmp(places[i], in) != 0)
			continue;
		p->in = (enum place)i;
		return true;
	}
	return load_fail(load, "parameter '%s' is in no known place", p->name);
}

/* Header parameters are those the engine itself reads. */
static bool
read_header(struct load *load, struct operation *op, struct parameter *p)
{
	static const enum header read[] = { HEADER_ACCEPT_LANGUAGE,
		HEADER_IDEMPOTENCY_KEY, HEADER_IF_MATCH, HEADER_IF_NONE_MATCH,
		HEADER_REQUEST_ID, HEADER_TRACEPARENT };

	for (size_t i = 0; i < N_ELEMENTS(read); i++) {
		if (strcasecmp(p->name, header_names[read[i]]) != 0)
			continue;
		p->name = header_names[read[i]];
		p->pg_type = "text";
		op->if_match = op->if_match || read[i] == HEADER_IF_MATCH;
		op->idempotent =
		    op->idempotent || read[i] == HEADER_IDEMPOTENCY_KEY;
		return true;
	}
	return load_fail(load, "nothing reads the header %s", p->name);
}

static bool
read_schema(struct load *load, struct parameter *p, json_t *node)
{
	char why[300];

	p->schema = schema_compile(json_object_get(node, "schema"),
	    load->document, true, why, sizeof(why));
	if (p->schema == NULL)
		return load_fail(load, "parameter '%s' %s", p->name, why);
	p->list = schema_items(p->schema) != NULL;
	p->pg_type = schema_pg_type(p->schema);
	if (p->pg_type == NULL)
		return load_fail(load,
		    "parameter '%s': no such type in a "
		    "query",
		    p->name);
	if (p->list && p->in != IN_QUERY)
		return load_fail(load,
		    "parameter '%s': lists are for the "
		    "query",
		    p->name);
	if (p->list && !json_is_false(json_object_get(node, "explode")))
		return load_fail(load,
		    "parameter '%s': lists are comma "
		    "separated, explode: false",
		    p->name);
	if (p->in == IN_PATH && !p->required)
		return load_fail(load,
		    "parameter '%s': required: true is "
		    "missing",
		    p->name);
	return true;
}

/* The default of a list: its elements with commas between them. */
static bool
read_default_list(struct load *load, struct parameter *p, json_t *value)
{
	const char *text = NULL, *code, *arg;
	json_t *element;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) == 0)
		return load_fail(
		    load, "parameter '%s': its default is no list", p->name);
	json_array_foreach (value, i, element) {
		const char *one = json_string_value(element);

		if (one == NULL)
			return load_fail(load,
			    "parameter '%s': its default is "
			    "no list of strings",
			    p->name);
		code = schema_check_text(
		    schema_items(p->schema), one, load->mem, &arg);
		if (code != NULL)
			return load_fail(load,
			    "parameter '%s': its default "
			    "breaks %s",
			    p->name, code);
		text = text == NULL ? one
		                    : mem_print(load->mem, "%s,%s", text, one);
	}
	p->fallback = text;
	return true;
}

/* The default as a caller would write it, checked like theirs. */
static bool
read_default(struct load *load, struct parameter *p, json_t *schema)
{
	json_t *value = json_object_get(schema, "default");
	const char *code, *arg;

	if (value == NULL)
		return true;
	if (p->required)
		return load_fail(load,
		    "parameter '%s': a default is for "
		    "optional parameters",
		    p->name);
	if (p->list)
		return read_default_list(load, p, value);
	if (json_is_string(value))
		p->fallback = json_string_value(value);
	else if (json_is_integer(value))
		p->fallback = mem_print(load->mem, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	else if (json_is_boolean(value))
		p->fallback = json_is_true(value) ? "true" : "false";
	else
		return load_fail(
		    load, "parameter '%s': unknown default", p->name);
	code = schema_check_text(p->schema, p->fallback, load->mem, &arg);
	return code == NULL || load_fail(load,
	                           "parameter '%s': its default "
	                           "breaks %s",
	                           p->name, code);
}

/* Bring the path parameters to the front, in the order of the template. */
static bool
order_path(struct load *load, struct operation *op)
{
	size_t n = 0;

	for (const char *c = strchr(op->path, '{'); c != NULL;
	     c = strchr(c, '{')) {
		size_t len = strcspn(++c, "}");
		size_t i = n;

		while (i < op->n_parameters &&
		       (op->parameters[i].in != IN_PATH ||
		           strlen(op->parameters[i].name) != len ||
		           strncmp(op->parameters[i].name, c, len) != 0))
			i++;
		if (i == op->n_parameters)
			return load_fail(
			    load, "{%.*s} is not a parameter", (int)len, c);

		struct parameter found = op->parameters[i];

		memmove(&op->parameters[n + 1], &op->parameters[n],
		    (i - n) * sizeof(found));
		op->parameters[n++] = found;
	}
	if (n > ROUTE_ARGS_MAX)
		return load_fail(
		    load, "more than %d path parameters", ROUTE_ARGS_MAX);
	for (size_t i = n; i < op->n_parameters; i++)
		if (op->parameters[i].in == IN_PATH)
			return load_fail(load,
			    "parameter '%s' is not in the "
			    "path",
			    op->parameters[i].name);
	return true;
}

/* A request that gives everything must fit in struct args. */
static bool
check_room(struct load *load, const struct operation *op)
{
	size_t n = ARGS_RESERVED;

	for (size_t i = 0; i < op->n_parameters; i++) {
		const struct parameter *p = &op->parameters[i];

		n++;
		if (p->schema == NULL)
			continue;
		if (p->list)
			n += json_array_size(
			    schema_enum(schema_items(p->schema)));
		else if (schema_enum(p->schema) != NULL)
			n++;
	}
	return n <= ARGS_MAX || load_fail(load,
	                            "parameters and their values "
	                            "need %zu arguments, there are %d",
	                            n, ARGS_MAX);
}

bool
load_page(struct load *load, struct operation *op, json_t *page)
{
	json_t *sorts = json_object_get(page, "sorts");
	const char *item = json_string_value(json_object_get(page, "item"));
	const char *name;
	json_t *types;

	if (page == NULL)
		return true;
	if (!load_only(
	        load, page, "x-page", page_members, N_ELEMENTS(page_members)))
		return false;
	if (op->method != METHOD_GET)
		return load_fail(load, "x-page is for GET");
	if (item == NULL ||
	    schema_resolve(load->document,
	        mem_print(load->mem, "#/components/schemas/%s", item)) == NULL)
		return load_fail(load, "x-page: item names no schema");
	if (json_object_size(sorts) == 0)
		return load_fail(load, "x-page: no sorts");
	op->sorts =
	    mem_take(load->mem, json_object_size(sorts) * sizeof(*op->sorts));
	json_object_foreach (sorts, name, types)
		if (!read_sort(load, op, name, types))
			return false;
	op->paged = true;
	return check_page_parameters(load, op);
}

static bool
read_sort(
    struct load *load, struct operation *op, const char *name, json_t *types)
{
	struct sort *sort = &op->sorts[op->n_sorts++];
	size_t n = json_array_size(types);

	sort->name = name;
	if (n == 0 || n > N_ELEMENTS(sort->types))
		return load_fail(load, "sort '%s': from 1 to %zu types", name,
		    N_ELEMENTS(sort->types));
	for (size_t i = 0; i < n; i++) {
		const char *type = json_string_value(json_array_get(types, i));

		if (type == NULL ||
		    !is_one_of(type, key_types, N_ELEMENTS(key_types)))
			return load_fail(load, "sort '%s': unknown type", name);
		sort->types[sort->n_types++] = type;
	}
	return true;
}

static const struct parameter *
query_parameter(const struct operation *op, const char *name)
{
	for (size_t i = 0; i < op->n_parameters; i++)
		if (op->parameters[i].in == IN_QUERY &&
		    strcmp(op->parameters[i].name, name) == 0)
			return &op->parameters[i];
	return NULL;
}

static bool
check_page_parameters(struct load *load, const struct operation *op)
{
	const struct parameter *limit = query_parameter(op, "limit");
	const struct parameter *sort = query_parameter(op, "sort");

	if (limit == NULL || limit->fallback == NULL ||
	    strcmp(limit->pg_type, "bigint") != 0)
		return load_fail(load, "a page without parameter limit, an "
		                       "integer with a default");
	if (query_parameter(op, "cursor") == NULL)
		return load_fail(load, "a page without parameter cursor");
	if (op->n_sorts > 1 &&
	    (sort == NULL ||
	        json_array_size(schema_enum(sort->schema)) != op->n_sorts))
		return load_fail(load, "a page without parameter sort, an "
		                       "enumeration of its sorts");
	if (op->n_sorts == 1 && sort != NULL)
		return load_fail(load, "a parameter sort for one order");
	return true;
}
