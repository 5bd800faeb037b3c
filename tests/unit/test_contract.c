/* The contract: what is read from it, and what stops the start. The tests
 * change one thing of tests/data/contract/small.json at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract.h"
#include "schema.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define SMALL         "tests/data/contract/small.json"

static json_t *small;

static int
start(void **state)
{
	(void)state;
	small = json_load_file(SMALL, JSON_REJECT_DUPLICATES, NULL);
	return small == NULL;
}

static int
stop(void **state)
{
	(void)state;
	json_decref(small);
	return 0;
}

/* Load a document from memory: the loader reads files. */
static bool
load(const json_t *document, char *why, size_t why_len)
{
	char path[] = "/tmp/gusp-contract-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	bool good;

	assert_non_null(file);
	assert_int_equal(json_dumpf(document, file, 0), 0);
	fclose(file);
	good = contract_load(path, why, why_len);
	unlink(path);
	return good;
}

static const struct operation *
operation_named(const char *id)
{
	for (size_t i = 0; i < contract.n_operations; i++)
		if (strcmp(contract.operations[i].id, id) == 0)
			return &contract.operations[i];
	fail_msg("no operation %s", id);
	return NULL;
}

static const struct parameter *
parameter_named(const struct operation *op, const char *name)
{
	for (size_t i = 0; i < op->n_parameters; i++)
		if (strcmp(op->parameters[i].name, name) == 0)
			return &op->parameters[i];
	fail_msg("no parameter %s", name);
	return NULL;
}

static void
load_small(void)
{
	char why[500] = "";

	if (!contract_load(SMALL, why, sizeof(why)))
		fail_msg("%s", why);
}

static void
every_operation_is_read_in_the_order_of_the_document(void **state)
{
	static const char *const ids[] = { "site_list", "site_create",
		"site_map", "site_read", "site_update", "site_transition",
		"site_history", "photo_create", "oauth_token" };

	(void)state;
	load_small();
	assert_int_equal(contract.n_operations, N_ELEMENTS(ids));
	for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
		assert_string_equal(contract.operations[i].id, ids[i]);
		assert_int_equal(contract.operations[i].index, i);
	}
	assert_int_equal(contract.text_len, strlen(contract.text));
}

static void
a_list_knows_its_sorts_and_its_parameters(void **state)
{
	const struct operation *op;
	const struct parameter *p;

	(void)state;
	load_small();
	op = operation_named("site_list");
	assert_true(op->paged);
	assert_int_equal(op->n_sorts, 2);
	assert_string_equal(op->sorts[0].name, "name");
	assert_int_equal(op->sorts[0].n_types, 2);
	assert_string_equal(op->sorts[0].types[1], "uuid");
	assert_string_equal(op->sorts[1].name, "-updated_at");
	assert_string_equal(op->sorts[1].types[0], "timestamptz");
	assert_int_equal(op->roles,
	    1u << ROLE_CITY | 1u << ROLE_BAILLEUR | 1u << ROLE_AUDITOR);
	assert_int_equal(op->n_scopes, 1);
	assert_string_equal(op->scopes[0], "sites.read");
	assert_false(op->public);
	assert_int_equal(op->success, 200);
	assert_string_equal(op->media_type, "application/json");
	p = parameter_named(op, "status");
	assert_true(p->list);
	assert_string_equal(p->pg_type, "text[]");
	p = parameter_named(op, "kind");
	assert_false(p->list);
	assert_string_equal(p->fallback, "square");
	assert_string_equal(parameter_named(op, "limit")->fallback, "50");
	assert_string_equal(
	    parameter_named(op, "quartier_id")->pg_type, "uuid");
	assert_string_equal(
	    parameter_named(op, "updated_since")->pg_type, "timestamptz");
	assert_string_equal(parameter_named(op, "bbox")->pg_type, "numeric[]");
}

static void
a_change_knows_its_body_and_its_conditions(void **state)
{
	const struct operation *op;

	(void)state;
	load_small();
	op = operation_named("site_update");
	assert_int_equal(op->body_kind, BODY_MERGE_PATCH);
	assert_non_null(op->body);
	assert_true(op->body_required);
	assert_int_equal(op->body_max, 256 * 1024);
	assert_true(op->if_match);
	assert_false(op->idempotent);
	assert_int_equal(op->n_scopes, 2);
	assert_string_equal(op->parameters[0].name, "id");
	assert_int_equal(op->parameters[0].in, IN_PATH);
	assert_string_equal(parameter_named(op, "if-match")->name, "if-match");
	op = operation_named("site_transition");
	assert_true(op->if_match);
	assert_true(op->idempotent);
	assert_int_equal(op->body_kind, BODY_JSON);
}

static void
an_upload_may_be_ten_mebibytes_of_any_type(void **state)
{
	const struct operation *op;

	(void)state;
	load_small();
	op = operation_named("photo_create");
	assert_int_equal(op->body_kind, BODY_UPLOAD);
	assert_null(op->body);
	assert_int_equal(op->body_max, 10 * 1024 * 1024);
	/* Declared the other way round. */
	assert_string_equal(op->parameters[0].name, "id");
	assert_string_equal(op->parameters[1].name, "photo_id");
}

static void
an_empty_security_is_public(void **state)
{
	const struct operation *op;

	(void)state;
	load_small();
	op = operation_named("oauth_token");
	assert_true(op->public);
	assert_int_equal(op->roles, 0);
	assert_int_equal(op->body_kind, BODY_FORM);
	assert_null(op->body);
	assert_false(op->body_required);
}

/* Where the change is made, what is put there (NULL removes), and a part of
 * the reason. */
struct change {
	const char *path; /* members joined by a space */
	const char *value;
	const char *reason;
};

static void
apply(json_t *document, const struct change *change)
{
	char path[200];
	char *rest = path, *key, *next;
	json_t *node = document;

	snprintf(path, sizeof(path), "%s", change->path);
	key = strsep(&rest, " ");
	while ((next = strsep(&rest, " ")) != NULL) {
		node = json_is_array(node)
		           ? json_array_get(node, (size_t)atoi(key))
		           : json_object_get(node, key);
		if (node == NULL)
			fail_msg("no %s in %s", key, change->path);
		key = next;
	}
	if (change->value == NULL) {
		assert_int_equal(json_object_del(node, key), 0);
		return;
	}

	json_t *value = json_loads(change->value, JSON_DECODE_ANY, NULL);

	if (value == NULL)
		fail_msg("not JSON: %s", change->value);
	if (json_is_array(node))
		json_array_append_new(node, value);
	else
		json_object_set_new(node, key, value);
}

static void
check_changes(const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_auto_t *document = json_deep_copy(small);
		char why[500] = "";

		apply(document, &changes[i]);
		if (load(document, why, sizeof(why)))
			fail_msg("loaded in spite of %s", changes[i].path);
		if (strstr(why, changes[i].reason) == NULL)
			fail_msg("%s: '%s' does not say '%s'", changes[i].path,
			    why, changes[i].reason);
	}
}

#define LIST   "paths /v1/sites get "
#define CREATE "paths /v1/sites post "
#define UPDATE "paths /v1/sites/{id} patch "
#define MOVE   "paths /v1/sites/{id}/transitions post "

static void
an_unknown_keyword_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ "x-new", "1", "unknown keyword 'x-new' in the document" },
		{ "webhooks", "{}", "unknown keyword 'webhooks'" },
		{ "jsonSchemaDialect", "\"x\"",
		    "unknown keyword 'jsonSchemaDialect'" },
		{ "paths /v1/sites head", "{}", "unknown keyword 'head'" },
		{ LIST "callbacks", "{}",
		    "GET /v1/sites (site_list): unknown keyword 'callbacks'" },
		{ LIST "x-rolse", "[]", "unknown keyword 'x-rolse'" },
		{ LIST "x-page order", "[]", "unknown keyword 'order'" },
		{ LIST "parameters 0 allowEmptyValue", "true",
		    "unknown keyword 'allowEmptyValue'" },
		{ CREATE "requestBody x", "1", "unknown keyword 'x'" },
		{ "components schemas site allOf", "[]",
		    "#/components/schemas/site: unknown keyword 'allOf'" },
		{ "components schemas site_new properties name maxLenght", "1",
		    "unknown keyword 'maxLenght'" },
		{ "components responses problem content "
		  "application/problem+json schema",
		    "{\"oneOf\":[]}", "unknown keyword 'oneOf'" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
an_operation_without_rights_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ LIST "security", NULL, "security is missing" },
		{ LIST "security", "[{\"oauth2\":[]}]", "names no scope" },
		{ LIST "security", "[{}]", "security is not" },
		{ LIST "security", "[{\"oauth2\":[\"sites.read\"]},{}]",
		    "security is not" },
		{ LIST "security", "[{\"basic\":[\"sites.read\"]}]",
		    "names no scope" },
		{ LIST "security", "[{\"oauth2\":[\"sites.raed\"]}]",
		    "unknown scope 'sites.raed'" },
		{ LIST "security", "[]", "x-roles on a public operation" },
		{ LIST "x-roles", NULL, "x-roles is missing" },
		{ LIST "x-roles", "[]", "x-roles is missing" },
		{ LIST "x-roles", "[\"mayor\"]", "unknown role 'mayor'" },
		{ LIST "x-roles", "[\"city\",\"city\"]", "'city' twice" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
an_operation_without_a_name_of_its_own_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ LIST "operationId", NULL,
		    "GET /v1/sites (no operationId): operationId is missing" },
		{ LIST "summary", NULL, "summary is missing" },
		{ LIST "operationId", "\"site_read\"", "operationId twice" },
		{ "paths /v1/sites/{other}",
		    "{\"get\":{\"operationId\":\"x\",\"summary\":\"x\","
		    "\"security\":[],\"parameters\":[{\"name\":\"other\","
		    "\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
		    "\"integer\"}}],\"responses\":{\"204\":{}}}}",
		    "the same path as site_read" },
		{ "paths /v1/{a}b", "{\"get\":{}}", "malformed" },
		{ "paths /v1/{a", "{\"get\":{}}", "malformed" },
		{ "paths /v1/x{a}", "{\"get\":{}}", "malformed" },
		{ "paths /v1/Sites", "{\"get\":{}}", "malformed" },
		{ "paths v1", "{\"get\":{}}", "does not begin with /" },
		{ "paths /v1/none", "{}", "has no operation" },
		{ "openapi", "\"3.0.3\"", "openapi is not 3.1" },
		{ "paths", "{}", "no paths" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
an_unbounded_request_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ "components schemas site_new properties name maxLength", NULL,
		    "/name: maxLength is missing" },
		{ "components schemas site_new properties tags maxItems", NULL,
		    "maxItems is missing" },
		{ "components schemas site_new additionalProperties", NULL,
		    "additionalProperties: false is missing" },
		{ LIST "parameters 3 schema maxItems", NULL,
		    "parameter 'label' : items or maxItems is missing" },
		{ LIST "parameters 3 schema items maxLength", NULL,
		    "parameter 'label' /items: maxLength is missing" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
a_parameter_that_nothing_can_read_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ LIST "parameters 0 explode", "true", "explode: false" },
		{ LIST "parameters 0 in", "\"cookie\"", "no known place" },
		{ LIST "parameters 0 name", "\"kind\"", "'kind' twice" },
		{ LIST "parameters 0 name", "\"body\"",
		    "a name that statements cannot use" },
		{ LIST "parameters 0 name", "\"a-b\"",
		    "a name that statements cannot use" },
		{ LIST "parameters 1 schema default", "\"castle\"",
		    "its default breaks enum" },
		{ LIST "parameters 0 schema default", "[]",
		    "its default is no list" },
		{ LIST "parameters 0 schema default", "[\"lost\"]",
		    "its default breaks enum" },
		{ LIST "parameters 2 schema",
		    "{\"type\":\"object\",\"additionalProperties\":false}",
		    "no such type in a query" },
		{ LIST "parameters x",
		    "{\"name\":\"X-Hidden\",\"in\":\"header\",\"schema\":{}}",
		    "nothing reads the header X-Hidden" },
		{ LIST "parameters x", "{\"$ref\":\"#/components/x\"}",
		    "leads nowhere" },
		{ LIST "parameters x",
		    "{\"name\":\"big\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}}",
		    "'big' is not in the path" },
		{ "paths /v1/sites/{id} parameters", "[]",
		    "{id} is not a parameter" },
		{ "components parameters id required", NULL,
		    "required: true is missing" },
		{ "paths /v1/{a}/{b}/{c}/{d}/{e}/{f}",
		    "{\"get\":{\"operationId\":\"x\",\"summary\":\"x\","
		    "\"security\":[],\"parameters\":["
		    "{\"name\":\"a\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}},"
		    "{\"name\":\"b\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}},"
		    "{\"name\":\"c\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}},"
		    "{\"name\":\"d\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}},"
		    "{\"name\":\"e\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}},"
		    "{\"name\":\"f\",\"in\":\"path\",\"required\":true,"
		    "\"schema\":{\"type\":\"integer\"}}],"
		    "\"responses\":{\"204\":{}}}}",
		    "more than 5 path parameters" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
a_list_that_is_not_a_page_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ LIST "x-page", NULL, "a list without x-page" },
		{ LIST "x-page sorts", "{}", "no sorts" },
		{ LIST "x-page sorts name", "[]", "from 1 to 4 types" },
		{ LIST "x-page sorts name", "[\"json\"]", "unknown type" },
		{ LIST "x-page sorts third", "[\"uuid\"]",
		    "an enumeration of its sorts" },
		{ LIST "x-page item", "\"nothing\"", "item names no schema" },
		{ "components parameters limit schema default", NULL,
		    "without parameter limit" },
		{ "components parameters cursor name", "\"cursed\"",
		    "without parameter cursor" },
		{ LIST "x-map", "\"site_list\"",
		    "x-map names a list, and answers GeoJSON" },
		{ CREATE "x-page",
		    "{\"item\":\"site\",\"sorts\":{\"a\":[\"uuid\"]}}",
		    "x-page is for GET" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
a_write_without_its_guards_stops_the_start(void **state)
{
	static const struct change changes[] = {
		{ UPDATE "parameters", "[]", "PATCH without If-Match" },
		{ CREATE "parameters", "[]", "no Idempotency-Key" },
		{ MOVE "parameters",
		    "[{\"$ref\":\"#/components/parameters/id\"}]",
		    "a transition without If-Match" },
		{ MOVE "parameters",
		    "[{\"$ref\":\"#/components/parameters/id\"},"
		    "{\"$ref\":\"#/components/parameters/if_match\"}]",
		    "no Idempotency-Key" },
		{ UPDATE "requestBody content",
		    "{\"application/json\":{\"schema\":{\"type\":\"integer\"}}"
		    "}",
		    "type application/json is not for this method" },
		{ CREATE "requestBody content",
		    "{\"text/csv\":{\"schema\":{}}}",
		    "type text/csv is not for this method" },
		{ CREATE "requestBody content", "{}", "one type" },
		{ LIST "requestBody",
		    "{\"content\":{\"application/json\":{\"schema\":{}}}}",
		    "is not for this method" },
		{ LIST "x-upload", "true", "x-upload, no body" },
		{ CREATE "x-upload", "false", "x-upload is true or absent" },
		{ CREATE "x-download", "true", "for GET below an id" },
		{ LIST "x-stream", "true", "x-stream is for GET of text" },
		{ LIST "x-stream", "1", "x-stream is true or absent" },
		{ LIST "x-leaf", "true", "x-leaf is for what writes" },
		{ CREATE "x-leaf", "\"a\"", "x-leaf is true or absent" },
		{ LIST "x-also", "\"nothing\"", "x-also names no such GET" },
		{ LIST "x-also", "\"site_create\"",
		    "x-also names no such GET" },
		{ CREATE "x-private", "false", "x-private is true or absent" },
		{ CREATE "x-private", "true", "a kept answer has no content" },
		{ "paths /v1/sites/{id}/photos/{photo_id} post x-private",
		    "true", "x-private is for JSON of a caller" },
		{ "paths /v1/sites/map get x-private", "true",
		    "x-private is for JSON of a caller" },
		{ LIST "x-download", "true", "for GET below an id" },
		{ LIST "x-download", "1", "x-download is true or absent" },
		{ LIST "responses 200", NULL, "no 2xx answer" },
		{ LIST "responses 204", "{}", "two 2xx answers" },
		{ LIST "responses default", "{}", "response 'default'" },
	};

	(void)state;
	check_changes(changes, N_ELEMENTS(changes));
}

static void
parameters_that_would_not_fit_stop_the_start(void **state)
{
	json_auto_t *document = json_deep_copy(small);
	json_t *list = json_object_get(
	    json_object_get(json_object_get(json_object_get(document, "paths"),
	                        "/v1/sites"),
	        "get"),
	    "parameters");
	char why[500] = "";

	(void)state;
	for (int i = 0; i < 100; i++)
		json_array_append_new(
		    list, json_pack("{s:o,s:s,s:{s:s}}", "name",
		              json_sprintf("p%d", i), "in", "query", "schema",
		              "type", "integer"));
	assert_false(load(document, why, sizeof(why)));
	assert_non_null(strstr(why, "arguments"));
}

static void
what_is_no_document_stops_the_start(void **state)
{
	char path[] = "/tmp/gusp-contract-XXXXXX";
	int fd = mkstemp(path);
	char why[500] = "";

	(void)state;
	assert_false(contract_load("/nowhere/x.json", why, sizeof(why)));
	assert_non_null(strstr(why, "cannot read"));
	assert_int_equal(write(fd, "{\"a\":1,\"a\":2}", 13), 13);
	close(fd);
	assert_false(contract_load(path, why, sizeof(why)));
	assert_non_null(strstr(why, "duplicate"));
	unlink(path);
}

static void
a_refused_document_leaves_the_old_one_in_force(void **state)
{
	char why[500] = "";

	(void)state;
	load_small();
	assert_false(contract_load("/nowhere/x.json", why, sizeof(why)));
	assert_string_equal(contract.operations[0].id, "site_list");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_operation_is_read_in_the_order_of_the_document),
		cmocka_unit_test(a_list_knows_its_sorts_and_its_parameters),
		cmocka_unit_test(a_change_knows_its_body_and_its_conditions),
		cmocka_unit_test(an_upload_may_be_ten_mebibytes_of_any_type),
		cmocka_unit_test(an_empty_security_is_public),
		cmocka_unit_test(an_unknown_keyword_stops_the_start),
		cmocka_unit_test(an_operation_without_rights_stops_the_start),
		cmocka_unit_test(
		    an_operation_without_a_name_of_its_own_stops_the_start),
		cmocka_unit_test(an_unbounded_request_stops_the_start),
		cmocka_unit_test(
		    a_parameter_that_nothing_can_read_stops_the_start),
		cmocka_unit_test(a_list_that_is_not_a_page_stops_the_start),
		cmocka_unit_test(a_write_without_its_guards_stops_the_start),
		cmocka_unit_test(parameters_that_would_not_fit_stop_the_start),
		cmocka_unit_test(what_is_no_document_stops_the_start),
		cmocka_unit_test(
		    a_refused_document_leaves_the_old_one_in_force),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
