/*
 * The OpenAPI document turned into struct operation, or refused.
 *
 * Tables say which members an operation, a path, a body may have; whatever
 * else is in the document stops the start, because nothing would obey it.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#include "load.h"
#include "mem.h"
#include "route.h"
#include "schema.h"
#include "vet.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

const char *const role_names[N_ROLES] = {
	[ROLE_CITY] = "city",
	[ROLE_BAILLEUR] = "bailleur",
	[ROLE_ASSOCIATION] = "association",
	[ROLE_INSTITUTION] = "institution",
	[ROLE_FACILITATOR] = "facilitator",
	[ROLE_AUDITOR] = "auditor",
	[ROLE_ADMIN] = "admin",
};

static const char *const document_members[] = { "openapi", "info", "servers",
	"tags", "externalDocs", "paths", "components", "x-problems",
	"x-violations" };

static const char *const path_members[] = { "summary", "description",
	"parameters", "get", "post", "put", "patch", "delete" };

static const char *const operation_members[] = { "operationId", "summary",
	"description", "tags", "externalDocs", "deprecated", "security",
	"parameters", "requestBody", "responses", "x-roles", "x-page",
	"x-upload" };

static const char *const body_members[] = { "description", "required",
	"content" };

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
static bool read_operation(
    struct load *load, struct operation *op, json_t *item, json_t *node);
static bool
read_security(struct load *load, struct operation *op, json_t *node);
static bool
read_scopes(struct load *load, struct operation *op, json_t *scopes);
static bool read_roles(struct load *load, struct operation *op, json_t *roles);
static bool read_body(struct load *load, struct operation *op, json_t *node);
static bool
read_responses(struct load *load, struct operation *op, json_t *responses);
static bool check_promises(struct load *load, const struct operation *op);
static bool check_unique(struct load *load, const struct contract *c);
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
	fclose(file);
	return text;
}

bool
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
	vsnprintf(load->why + n, load->why_len - (size_t)n, format, args);
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
	json_t *target =
	    (json_t *)(uintptr_t)schema_resolve(load->document, reference);

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
	return check_unique(load, out) && check_components(load);
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
		if (!read_operation(load, op, item, node))
			return false;
	}
	load->op = NULL;
	return out->n_operations > before ||
	       load_fail(load, "%s has no operation", path);
}

static bool
read_operation(
    struct load *load, struct operation *op, json_t *item, json_t *node)
{
	op->id = json_string_value(json_object_get(node, "operationId"));
	if (!load_only(load, node, "the operation", operation_members,
	        N_ELEMENTS(operation_members)))
		return false;
	if (op->id == NULL || op->id[0] == '\0')
		return load_fail(load, "operationId is missing");
	if (json_string_value(json_object_get(node, "summary")) == NULL)
		return load_fail(load, "summary is missing");
	return read_security(load, op, node) &&
	       load_parameters(load, op, json_object_get(item, "parameters"),
	           json_object_get(node, "parameters")) &&
	       load_page(load, op, json_object_get(node, "x-page")) &&
	       read_body(load, op, node) &&
	       read_responses(load, op, json_object_get(node, "responses")) &&
	       check_promises(load, op);
}

/* [] is public; else one alternative, [{oauth2: [scope, ...]}]. */
static bool
read_security(struct load *load, struct operation *op, json_t *node)
{
	json_t *security = json_object_get(node, "security");
	json_t *roles = json_object_get(node, "x-roles");
	json_t *one = json_array_get(security, 0);

	if (!json_is_array(security))
		return load_fail(load, "security is missing");
	op->public = json_array_size(security) == 0;
	if (op->public)
		return roles == NULL ||
		       load_fail(load, "x-roles on a public operation");
	if (json_array_size(security) != 1 || json_object_size(one) != 1)
		return load_fail(load, "security is not [{oauth2: [scope]}]");
	return read_scopes(load, op, json_object_get(one, "oauth2")) &&
	       read_roles(load, op, roles);
}

static bool
read_scopes(struct load *load, struct operation *op, json_t *scopes)
{
	const json_t *known = schema_resolve(load->document,
	    "#/components/securitySchemes/oauth2/flows/clientCredentials/"
	    "scopes");

	if (json_array_size(scopes) == 0)
		return load_fail(load, "security names no scope of oauth2");
	op->scopes =
	    mem_take(load->mem, json_array_size(scopes) * sizeof(*op->scopes));
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const char *scope =
		    json_string_value(json_array_get(scopes, i));

		if (scope == NULL || json_object_get(known, scope) == NULL)
			return load_fail(load, "unknown scope '%s'",
			    scope == NULL ? "?" : scope);
		op->scopes[op->n_scopes++] = scope;
	}
	return true;
}

static bool
read_roles(struct load *load, struct operation *op, json_t *roles)
{
	if (json_array_size(roles) == 0)
		return load_fail(load, "x-roles is missing");
	for (size_t i = 0; i < json_array_size(roles); i++) {
		const char *name = json_string_value(json_array_get(roles, i));
		unsigned role = 0;

		while (role < N_ROLES && name != NULL &&
		       strcmp(role_names[role], name) != 0)
			role++;
		if (name == NULL || role == N_ROLES)
			return load_fail(load, "unknown role '%s'",
			    name == NULL ? "?" : name);
		if ((op->roles & 1u << role) != 0)
			return load_fail(load, "role '%s' twice", name);
		op->roles |= 1u << role;
	}
	return true;
}

static const struct {
	const char *type;
	enum body_kind kind;
	enum method method;
	bool checked; /* by its schema, here */
} bodies[] = {
	{ "application/json", BODY_JSON, METHOD_POST, true },
	{ "application/json", BODY_JSON, METHOD_PUT, true },
	{ "application/merge-patch+json", BODY_MERGE_PATCH, METHOD_PATCH,
	    true },
	{ "application/x-www-form-urlencoded", BODY_FORM, METHOD_POST, false },
};

static bool
read_body_schema(struct load *load, struct operation *op, json_t *node)
{
	char why[300];

	op->body = schema_compile(node, load->document, true, why, sizeof(why));
	return op->body != NULL || load_fail(load, "body %s", why);
}

static bool
read_body(struct load *load, struct operation *op, json_t *node)
{
	json_t *upload = json_object_get(node, "x-upload");
	json_t *body = json_object_get(node, "requestBody");
	json_t *content = json_object_get(body, "content");
	const char *type = json_object_iter_key(json_object_iter(content));
	json_t *schema =
	    json_object_get(json_object_get(content, type), "schema");

	if (upload != NULL && !json_is_true(upload))
		return load_fail(load, "x-upload is true or absent");
	if (body == NULL)
		return upload == NULL || load_fail(load, "x-upload, no body");
	if (!load_only(load, body, "requestBody", body_members,
	        N_ELEMENTS(body_members)))
		return false;
	op->body_required = json_is_true(json_object_get(body, "required"));
	op->body_max = upload != NULL ? VET_UPLOAD_MAX : VET_BODY_MAX;
	if (upload != NULL && type != NULL && op->method == METHOD_POST) {
		op->body_kind = BODY_UPLOAD;
		return true;
	}
	if (json_object_size(content) != 1 || schema == NULL)
		return load_fail(load, "a body has one type and its schema");
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		if (strcmp(bodies[i].type, type) != 0 ||
		    bodies[i].method != op->method)
			continue;
		op->body_kind = bodies[i].kind;
		return !bodies[i].checked || read_body_schema(load, op, schema);
	}
	return load_fail(
	    load, "a body of type %s is not for this method", type);
}

/* Schemas of answers are not applied, but they are the contract: the same
 * keywords, without the bounds. References are checked once, where they
 * lead. */
static bool
check_response_schema(struct load *load, json_t *content)
{
	const char *type;
	json_t *media;

	json_object_foreach (content, type, media) {
		json_t *schema = json_object_get(media, "schema");
		char why[300];

		if (schema == NULL || json_object_get(schema, "$ref") != NULL)
			continue;
		if (schema_compile(schema, load->document, false, why,
		        sizeof(why)) == NULL)
			return load_fail(load, "response %s", why);
	}
	return true;
}

static bool
read_responses(struct load *load, struct operation *op, json_t *responses)
{
	const char *key;
	json_t *node;

	json_object_foreach (responses, key, node) {
		int status = atoi(key);
		json_t *response = load_follow(load, node);
		json_t *content = json_object_get(response, "content");

		if (response == NULL || !check_response_schema(load, content))
			return false;
		if (strlen(key) != 3 || status < 200 || status > 599)
			return load_fail(load, "response '%s'", key);
		if (status > 299)
			continue;
		if (op->success != 0)
			return load_fail(load, "two 2xx answers");
		op->success = status;
		op->media_type =
		    json_object_iter_key(json_object_iter(content));
	}
	return op->success != 0 || load_fail(load, "no 2xx answer");
}

static bool
ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) &&
	       strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* What every operation of a kind owes to its callers. */
static bool
check_promises(struct load *load, const struct operation *op)
{
	bool moves = ends_with(op->path, "/transitions");
	bool lists =
	    ends_with(op->id, "_list") || ends_with(op->id, "_history");

	if (op->method == METHOD_GET && op->body_kind != BODY_NONE)
		return load_fail(load, "GET has no body");
	if (lists && !op->paged)
		return load_fail(load, "a list without x-page");
	if (op->method == METHOD_PATCH && !op->if_match)
		return load_fail(load, "PATCH without If-Match");
	if (op->method == METHOD_POST && moves && !op->if_match)
		return load_fail(load, "a transition without If-Match");
	if (op->method == METHOD_POST && !op->public && !op->idempotent &&
	    (moves || op->success == 201))
		return load_fail(load, "no Idempotency-Key");
	if (op->idempotent && op->method != METHOD_POST)
		return load_fail(load, "Idempotency-Key is for POST");
	return true;
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
		if (!check_response_schema(
		        load, json_object_get(node, "content")))
			return false;
	return true;
}
