/*
 * The OpenAPI document, read path by path, or refused.
 *
 * Tables say which members a document, a path, an operation may have;
 * whatever else is there stops the start, because nothing would obey it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#include "load.h"
#include "loose.h"
#include "mem.h"
#include "schema.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const char *const document_members[] = { "openapi", "info", "servers",
	"tags", "externalDocs", "paths", "components", "x-problems",
	"x-violations", "x-constraints" };

static const char *const path_members[] = { "summary", "description",
	"parameters", "get", "post", "put", "patch", "delete" };

/* HEAD is GET's, OPTIONS is the engine's. */
static const struct {
	const char *name;
	enum method method;
} methods[] = {
	{ "get", METHOD_GET },
	{ "post", METHOD_POST },
	{ "put", METHOD_PUT },
	{ "patch", METHOD_PATCH },
	{ "delete", METHOD_DELETE },
};

struct contract contract;

/* Operations live as long as the process. */
static struct mem forever;

static bool read_document(struct load *load, struct contract *out);
static bool read_path(
    struct load *load, struct contract *out, const char *path, json_t *item);
static bool check_unique(struct load *load, const struct contract *c);
static bool find_also(struct load *load, struct contract *c);
static bool check_components(struct load *load);

static char *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long size;

	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
	    fseek(file, 0, SEEK_SET) == 0 &&
	    (text = malloc((size_t)size + 1)) != NULL) {
		*len = fread(text, 1, (size_t)size, file);
		text[*len] = '\0';
	}
	(void)fclose(file);
	return text;
}

bool
/* NOLINTNEXTLINE(readability-non-const-parameter): load_fail() writes */
contract_load(const char *path, char *why, size_t why_len)
{
	struct contract next = { 0 };
	struct load load = { .mem = &forever, .why = why, .why_len = why_len };
	json_error_t error;

	next.text = read_file(path, &next.text_len);
	if (next.text == NULL)
		return load_fail(&load, "cannot read %s", path);
	next.document = json_loadb(
	    next.text, next.text_len, JSON_REJECT_DUPLICATES, &error);
	if (next.document == NULL)
		load_fail(
		    &load, "%s line %d: %s", path, error.line, error.text);
	load.document = next.document;
	if (next.document == NULL || !read_document(&load, &next)) {
		json_decref(next.document);
		free(next.text);
		return false;
	}
	/* Only tests load twice. */
	json_decref(contract.document);
	free(contract.text);
	contract = next;
	return true;
}

bool
load_fail(struct load *load, const char *format, ...)
{
	const struct operation *op = load->op;
	va_list args;
	int n = 0;

	if (op != NULL)
		n = snprintf(load->why, load->why_len,
		    "%s %s (%s): ", method_names[op->method], op->path,
		    op->id == NULL ? "no operationId" : op->id);
	if (n < 0 || (size_t)n >= load->why_len)
		return false;
	va_start(args, format);
	(void)vsnprintf(load->why + n, load->why_len - (size_t)n, format, args);
	va_end(args);
	return false;
}

bool
load_only(struct load *load, json_t *node, const char *what,
    const char *const *names, size_t n)
{
	const char *key;
	json_t *value;

	if (!json_is_object(node))
		return load_fail(load, "%s is not an object", what);
	json_object_foreach (node, key, value) {
		size_t i = 0;

		while (i < n && strcmp(names[i], key) != 0)
			i++;
		if (i == n)
			return load_fail(
			    load, "unknown keyword '%s' in %s", key, what);
	}
	return true;
}

json_t *
load_follow(struct load *load, json_t *node)
{
	const char *reference =
	    json_string_value(json_object_get(node, "$ref"));

	if (reference == NULL)
		return node;

	/* What it leads to is the document's own: mutable again. */
	json_t *target = loose(schema_resolve(load->document, reference));

	if (target == NULL)
		load_fail(load, "$ref '%s' leads nowhere", reference);
	return target;
}

static bool
read_document(struct load *load, struct contract *out)
{
	json_t *paths = json_object_get(load->document, "paths");
	const char *version =
	    json_string_value(json_object_get(load->document, "openapi"));
	const char *path;
	json_t *item;
	size_t n = 0;

	if (!load_only(load, load->document, "the document", document_members,
	        N_ELEMENTS(document_members)))
		return false;
	if (version == NULL || strncmp(version, "3.1.", 4) != 0)
		return load_fail(load, "openapi is not 3.1");
	if (json_object_size(paths) == 0)
		return load_fail(load, "no paths");
	json_object_foreach (paths, path, item)
		n += json_object_size(item);
	out->operations = mem_take(&forever, n * sizeof(*out->operations));
	json_object_foreach (paths, path, item)
		if (!read_path(load, out, path, item))
			return false;
	return check_unique(load, out) && find_also(load, out) &&
	       check_components(load);
}

/* "/v1/sites/{id}": a parameter is a whole segment. */
static bool
check_template(struct load *load, const char *path)
{
	if (path[0] != '/')
		return load_fail(load, "path '%s' does not begin with /", path);
	for (const char *c = path; *c != '\0'; c++) {
		bool fine = strchr("abcdefghijklmnopqrstuvwxyz0123456789"
		                   "-_./{}",
		                *c) != NULL;

		if (*c == '{')
			fine = c[-1] == '/' && c[1] != '}' &&
			       c[strcspn(c, "}/")] == '}';
		if (*c == '}')
			fine = c[1] == '\0' || c[1] == '/';
		if (!fine)
			return load_fail(load, "path '%s' is malformed", path);
	}
	return true;
}

static bool
read_path(
    struct load *load, struct contract *out, const char *path, json_t *item)
{
	size_t before = out->n_operations;

	load->op = NULL;
	if (!check_template(load, path) ||
	    !load_only(
	        load, item, path, path_members, N_ELEMENTS(path_members)))
		return false;
	for (size_t i = 0; i < N_ELEMENTS(methods); i++) {
		json_t *node = json_object_get(item, methods[i].name);
		struct operation *op = &out->operations[out->n_operations];

		if (node == NULL)
			continue;
		*op = (struct operation){
			.path = path,
			.method = methods[i].method,
			.index = out->n_operations++,
		};
		load->op = op;
		if (!load_operation(
		        load, op, node, json_object_get(item, "parameters")))
			return false;
	}
	load->op = NULL;
	return out->n_operations > before ||
	       load_fail(load, "%s has no operation", path);
}

/* The same template but for the names of its parameters. */
static bool
same_template(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		if (*a == '{' && *b == '{') {
			a += strcspn(a, "}") + 1;
			b += strcspn(b, "}") + 1;
			continue;
		}
		if (*a++ != *b++)
			return false;
	}
	return *a == *b;
}

static bool
check_unique(struct load *load, const struct contract *c)
{
	for (size_t i = 0; i < c->n_operations; i++) {
		const struct operation *a = &c->operations[i];

		load->op = a;
		for (size_t j = 0; j < i; j++) {
			const struct operation *b = &c->operations[j];

			if (strcmp(a->id, b->id) == 0)
				return load_fail(load, "operationId twice");
			if (a->method == b->method &&
			    same_template(a->path, b->path))
				return load_fail(
				    load, "the same path as %s", b->id);
		}
	}
	load->op = NULL;
	return true;
}

static size_t
path_parameters(const struct operation *op)
{
	size_t n = 0;

	while (n < op->n_parameters && op->parameters[n].in == IN_PATH)
		n++;
	return n;
}

/* What answers instead takes the same arguments of the path. */
static bool
find_also(struct load *load, struct contract *c)
{
	for (size_t i = 0; i < c->n_operations; i++) {
		struct operation *op = &c->operations[i];

		load->op = op;
		for (size_t j = 0; j < c->n_operations && op->also_id != NULL;
		     j++)
			if (strcmp(c->operations[j].id, op->also_id) == 0)
				op->also = &c->operations[j];
		if (op->also_id != NULL &&
		    (op->also == NULL || op->method != METHOD_GET ||
		        op->also->method != METHOD_GET ||
		        op->also->media_type == NULL || op->public ||
		        op->also->public ||
		        path_parameters(op) != path_parameters(op->also)))
			return load_fail(load, "x-also names no such GET");
	}
	load->op = NULL;
	return true;
}

static bool
check_components(struct load *load)
{
	json_t *components = json_object_get(load->document, "components");
	json_t *schemas = json_object_get(components, "schemas");
	json_t *responses = json_object_get(components, "responses");
	const char *name;
	json_t *node;

	json_object_foreach (schemas, name, node) {
		char why[300];

		if (schema_compile(
		        node, load->document, false, why, sizeof(why)) == NULL)
			return load_fail(
			    load, "#/components/schemas/%s%s", name, why);
	}
	json_object_foreach (responses, name, node)
		if (!load_response_schema(
		        load, json_object_get(node, "content")))
			return false;
	return true;
}
