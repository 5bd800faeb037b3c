/*
 * Operations of the contract: who may call them, what they take and answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

#include "load.h"
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

static const char *const operation_members[] = { "operationId", "summary",
	"description", "tags", "externalDocs", "deprecated", "security",
	"parameters", "requestBody", "responses", "x-roles", "x-page",
	"x-upload", "x-download", "x-private", "x-map", "x-stream", "x-leaf",
	"x-also" };

static const char *const body_members[] = { "description", "required",
	"content" };

static bool
read_security(struct load *load, struct operation *op, json_t *node);
static bool
read_scopes(struct load *load, struct operation *op, json_t *scopes);
static bool read_roles(struct load *load, struct operation *op, json_t *roles);
static bool read_body(struct load *load, struct operation *op, json_t *node);
static bool
read_responses(struct load *load, struct operation *op, json_t *responses);
static bool
read_download(struct load *load, struct operation *op, json_t *download);
static bool
read_private(struct load *load, struct operation *op, json_t *private);
static bool read_map(struct load *load, struct operation *op, json_t *map);
static bool
read_stream(struct load *load, struct operation *op, json_t *stream);
static bool read_leaf(struct load *load, struct operation *op, json_t *leaf);
static bool check_promises(struct load *load, const struct operation *op);

bool
load_operation(
    struct load *load, struct operation *op, json_t *node, json_t *shared)
{
	op->id = json_string_value(json_object_get(node, "operationId"));
	if (!load_only(load, node, "the operation", operation_members,
	        N_ELEMENTS(operation_members)))
		return false;
	if (op->id == NULL || op->id[0] == '\0')
		return load_fail(load, "operationId is missing");
	if (json_string_value(json_object_get(node, "summary")) == NULL)
		return load_fail(load, "summary is missing");
	op->also_id = json_string_value(json_object_get(node, "x-also"));
	return read_security(load, op, node) &&
	       load_parameters(
	           load, op, shared, json_object_get(node, "parameters")) &&
	       load_page(load, op, json_object_get(node, "x-page")) &&
	       read_body(load, op, node) &&
	       read_responses(load, op, json_object_get(node, "responses")) &&
	       read_download(load, op, json_object_get(node, "x-download")) &&
	       read_private(load, op, json_object_get(node, "x-private")) &&
	       read_map(load, op, json_object_get(node, "x-map")) &&
	       read_stream(load, op, json_object_get(node, "x-stream")) &&
	       read_leaf(load, op, json_object_get(node, "x-leaf")) &&
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
	{ "text/plain", BODY_TEXT, METHOD_POST, false },
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
	if (json_object_size(content) != 1 || type == NULL || schema == NULL)
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

bool
load_response_schema(struct load *load, json_t *content)
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
		long status = strtol(key, NULL, 10);
		json_t *response = load_follow(load, node);
		json_t *content = json_object_get(response, "content");

		if (response == NULL || !load_response_schema(load, content))
			return false;
		if (strlen(key) != 3 || status < 200 || status > 599)
			return load_fail(load, "response '%s'", key);
		if (status > 299)
			continue;
		if (op->success != 0)
			return load_fail(load, "two 2xx answers");
		op->success = (int)status;
		/* Of several the operation itself chooses; what another one
		 * answers instead stands last. */
		if (json_object_size(content) == 1 || op->also_id != NULL)
			op->media_type =
			    json_object_iter_key(json_object_iter(content));
	}
	op->bytes = op->media_type != NULL &&
	            strcmp(op->media_type, "application/octet-stream") == 0;
	return op->success != 0 || load_fail(load, "no 2xx answer");
}

static bool
read_download(struct load *load, struct operation *op, json_t *download)
{
	bool below_an_id = false;

	if (download == NULL)
		return true;
	if (!json_is_true(download))
		return load_fail(load, "x-download is true or absent");
	for (size_t i = 0; i < op->n_parameters; i++)
		if (op->parameters[i].in == IN_PATH &&
		    strcmp(op->parameters[i].name, "id") == 0)
			below_an_id = true;
	op->download = true;
	if (op->method != METHOD_GET || op->paged || op->public || !below_an_id)
		return load_fail(load, "x-download is for GET below an id");
	return true;
}

/* An answer that is kept with its key says where and no more: so is the
 * first one, that the repeated one is the same. */
static bool
read_private(struct load *load, struct operation *op, json_t *private)
{
	if (private == NULL)
		return true;
	if (!json_is_true(private))
		return load_fail(load, "x-private is true or absent");
	op->private = true;
	if (op->public || op->download || op->body_kind == BODY_UPLOAD)
		return load_fail(load, "x-private is for JSON of a caller");
	return !op->idempotent || op->media_type == NULL ||
	       load_fail(load, "x-private: a kept answer has no content");
}

static bool
read_map(struct load *load, struct operation *op, json_t *map)
{
	if (map == NULL)
		return true;
	op->map = json_string_value(map);
	if (op->map == NULL || !op->paged || op->media_type == NULL ||
	    strcmp(op->media_type, "application/geo+json") != 0)
		return load_fail(
		    load, "x-map names a list, and answers GeoJSON pages");
	return true;
}

static bool
read_stream(struct load *load, struct operation *op, json_t *stream)
{
	if (stream == NULL)
		return true;
	if (!json_is_true(stream))
		return load_fail(load, "x-stream is true or absent");
	op->stream = true;
	if (op->method != METHOD_GET || op->paged || op->public ||
	    op->download || op->bytes || op->media_type == NULL)
		return load_fail(load, "x-stream is for GET of text");
	return true;
}

static bool
read_leaf(struct load *load, struct operation *op, json_t *leaf)
{
	if (leaf == NULL)
		return true;
	if (!json_is_true(leaf))
		return load_fail(load, "x-leaf is true or absent");
	op->leaf = true;
	return op->method != METHOD_GET ||
	       load_fail(load, "x-leaf is for what writes");
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
	if (lists && !op->paged && !op->stream)
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
