/* Parameters read from a request: strictly, and as PostgreSQL reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "args.h"
#include "condition.h"
#include "cursor.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define SMALL         "tests/data/contract/small.json"
#define ID            "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b11"
#define KEY           "8e03978e-40d5-43dd-bc93-6894a57f9324"

static const unsigned char secret[32] = { 4, 2 };

/* One request, and what was read from it. */
static struct mem mem;
static struct input in;
static struct args args;
static struct problem problem;

static int
start_group(void **state)
{
	char why[500] = "";

	(void)state;
	if (!contract_load(SMALL, why, sizeof(why)))
		fail_msg("%s", why);
	route_build();
	cursor_secret(secret, sizeof(secret));
	return 0;
}

static int
start(void **state)
{
	(void)state;
	in = (struct input){ 0 };
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	mem_release(&mem);
	return 0;
}

static bool
ask(enum method method, const char *path, const char *query)
{
	struct route route;

	in.method = method;
	in.path = path;
	in.query = query;
	problem = (struct problem){ 0 };
	route_find(method, path, &mem, &route);
	assert_non_null(route.operation);
	return args_read(route.operation, &route, &in, &mem, &args, &problem);
}

static bool
list(const char *query)
{
	return ask(METHOD_GET, "/v1/sites", query);
}

static void
assert_value(const char *name, const char *value)
{
	const struct arg *arg = args_find(&args, name);

	if (arg == NULL)
		fail_msg("no argument %s", name);
	else if (value == NULL)
		assert_null(arg->value);
	else
		assert_string_equal(arg->value, value);
}

static bool
given(const char *name)
{
	const struct arg *arg = args_find(&args, name);

	return arg != NULL && arg->given;
}

static void
assert_fault(const char *query, const char *at, const char *code)
{
	if (list(query))
		fail_msg("accepted: %s", query);
	assert_string_equal(problem.code, "invalid_parameters");
	assert_int_equal(problem.errors.n, 1);
	assert_int_equal(problem.errors.at[0].where, AT_PARAMETER);
	assert_string_equal(problem.errors.at[0].at, at);
	assert_string_equal(problem.errors.at[0].code, code);
}

static void
a_list_without_a_query_has_its_defaults(void **state)
{
	(void)state;
	assert_true(list(NULL));
	assert_int_equal(args.limit, 50);
	assert_value("limit", "51");
	assert_string_equal(args.sort->name, "name");
	assert_true(args.first_page);
	assert_true(given("sort:name"));
	assert_false(given("cursor"));
	assert_value("kind", "square");
	assert_true(given("kind:square"));
	assert_value("tier", "{\"a\",\"b\"}");
	assert_true(given("tier:b"));
	assert_false(given("tier:c"));
	assert_null(args_find(&args, "status"));
	assert_null(args_find(&args, "after_1"));
	assert_true(list(""));
	assert_true(list("&"));
}

static void
filters_become_arguments_and_flags(void **state)
{
	(void)state;
	assert_true(list("status=open,closed&kind=residence&late=true&score=7"
	                 "&quartier_id=" ID "&due_on=2024-02-29&limit=3"
	                 "&sort=-updated_at"
	                 "&updated_since=2024-01-01T00:00:00%2B02:00"
	                 "&bbox=5.0,43.6,5.2,43.70000000000000009"
	                 "&q=cit%C3%A9+des%20pins"));
	assert_value("status", "{\"open\",\"closed\"}");
	assert_true(given("status:open"));
	assert_true(given("status:closed"));
	assert_false(given("status:archived"));
	assert_true(given("kind:residence"));
	assert_false(given("kind:square"));
	assert_value("late", "true");
	assert_true(given("late:true"));
	assert_value("score", "7");
	assert_value("quartier_id", ID);
	assert_value("due_on", "2024-02-29");
	assert_value("updated_since", "2024-01-01T00:00:00+02:00");
	assert_value(
	    "bbox", "{\"5.0\",\"43.6\",\"5.2\",\"43.70000000000000009\"}");
	assert_value("q", "cit\xc3\xa9 des pins");
	assert_value("limit", "4");
	assert_string_equal(args.sort->name, "-updated_at");
	assert_true(given("sort:-updated_at"));
	assert_false(given("sort:name"));
}

static void
a_list_may_have_its_commas_encoded(void **state)
{
	(void)state;
	assert_true(list("status=open%2Cclosed"));
	assert_value("status", "{\"open\",\"closed\"}");
}

static void
an_array_literal_is_quoted(void **state)
{
	(void)state;
	assert_true(list("label=a%22b,c%5Cd,NULL,%7Be%7D,f+g"));
	assert_value(
	    "label", "{\"a\\\"b\",\"c\\\\d\",\"NULL\",\"{e}\",\"f g\"}");
}

static void
a_faulty_parameter_is_named(void **state)
{
	static const struct {
		const char *query, *at, *code;
	} bad[] = {
		{ "staus=open", "staus", "unknown_parameter" },
		{ "Status=open", "Status", "unknown_parameter" },
		{ "status[]=open", "status[]", "unknown_parameter" },
		{ "=open", "", "unknown_parameter" },
		{ "%C3%A9=1", "\xc3\xa9", "unknown_parameter" },
		{ "%ff=1", "?", "unknown_parameter" },
		{ "if-match=1", "if-match", "unknown_parameter" },
		{ "id=" ID, "id", "unknown_parameter" },
		{ "kind=square&kind=square", "kind", "repeated_parameter" },
		{ "status=open&status=closed", "status", "repeated_parameter" },
		{ "%6bind=square&kind=square", "kind", "repeated_parameter" },
		{ "kind=square&kind=", "kind", "repeated_parameter" },
		{ "kind=", "kind", "malformed_parameter" },
		{ "kind", "kind", "malformed_parameter" },
		{ "q=%zz", "q", "malformed_parameter" },
		{ "q=%4", "q", "malformed_parameter" },
		{ "q=%", "q", "malformed_parameter" },
		{ "q=%00", "q", "malformed_parameter" },
		{ "q=a%00b", "q", "malformed_parameter" },
		{ "q=%ff", "q", "malformed_parameter" },
		{ "q=%C3", "q", "malformed_parameter" },
		{ "q=%C0%80", "q", "malformed_parameter" },
		{ "q=%ED%A0%80", "q", "malformed_parameter" },
		{ "q=%F4%90%80%80", "q", "malformed_parameter" },
		{ "status=open,", "status", "malformed_parameter" },
		{ "status=,open", "status", "malformed_parameter" },
		{ "status=open,,closed", "status", "malformed_parameter" },
		{ "updated_since=2024-01-01T00:00:00+02:00", "updated_since",
		    "malformed_parameter" },
		{ "updated_since=2024-01-01T00:00:00", "updated_since",
		    "format" },
		{ "updated_since=2024-01-01", "updated_since", "format" },
		{ "kind=castle", "kind", "enum" },
		{ "status=open,lost", "status", "enum" },
		{ "status=open,closed,open,closed", "status", "maxItems" },
		{ "quartier_id=7", "quartier_id", "format" },
		{ "late=yes", "late", "type" },
		{ "score=1.0", "score", "type" },
		{ "score=17", "score", "maximum" },
		{ "due_on=2023-02-29", "due_on", "format" },
		{ "bbox=1,2,3", "bbox", "minItems" },
		{ "bbox=1,2,3,4,5", "bbox", "maxItems" },
		{ "bbox=1,2,3,181", "bbox", "maximum" },
		{ "bbox=1,2,3,1e9", "bbox", "type" },
		{ "limit=0", "limit", "minimum" },
		{ "limit=201", "limit", "maximum" },
		{ "limit=-1", "limit", "minimum" },
		{ "limit=ten", "limit", "type" },
		{ "limit=99999999999999999999", "limit", "type" },
		{ "sort=size", "sort", "enum" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++)
		assert_fault(bad[i].query, bad[i].at, bad[i].code);
}

static void
all_faults_are_told_at_once(void **state)
{
	char query[1000] = "";

	(void)state;
	assert_false(list("x=1&kind=castle&limit=0&y=2"));
	assert_int_equal(problem.errors.n, 4);
	for (int i = 0; i < 60; i++)
		sprintf(query + strlen(query), "x%d=1&", i);
	assert_false(list(query));
	assert_int_equal(problem.errors.n, VIOLATIONS_MAX);
}

static void
a_path_argument_is_decoded_and_checked(void **state)
{
	(void)state;
	assert_true(ask(METHOD_GET, "/v1/sites/" ID, NULL));
	assert_value("id", ID);
	/* A plus sign in a path is a plus sign. */
	in.headers[HEADER_IDEMPOTENCY_KEY] = KEY;
	assert_true(ask(METHOD_POST, "/v1/sites/" ID "/photos/a%2F+b", NULL));
	assert_value("photo_id", "a/+b");
	assert_value("id", ID);
	assert_false(ask(METHOD_GET, "/v1/sites/7", NULL));
	assert_string_equal(problem.code, "invalid_parameters");
	assert_string_equal(problem.errors.at[0].at, "id");
	assert_string_equal(problem.errors.at[0].code, "format");
	assert_false(ask(METHOD_GET, "/v1/sites/%zz", NULL));
	assert_string_equal(problem.errors.at[0].code, "malformed_parameter");
	assert_false(ask(METHOD_GET, "/v1/sites/" ID, "fields=id"));
	assert_string_equal(problem.errors.at[0].code, "unknown_parameter");
}

static void
a_cursor_goes_on_where_it_came_from(void **state)
{
	const char *cursor;

	(void)state;
	assert_true(list("status=open&limit=10"));
	cursor = cursor_write(args.scope, "[\"Les Pins\", \"" ID "\"]", &mem);
	assert_true(list(mem_print(&mem, "cursor=%s&status=open", cursor)));
	assert_false(args.first_page);
	assert_true(given("cursor"));
	assert_value("cursor", NULL);
	assert_value("after_1", "Les Pins");
	assert_value("after_2", ID);
	assert_null(args_find(&args, "after_3"));
}

static void
a_cursor_of_another_filter_or_order_is_refused(void **state)
{
	static const char *const others[] = { "", "status=closed",
		"status=open,closed", "status=open&kind=residence",
		"status=open&sort=-updated_at", "status=open&q=x" };
	const char *cursor;

	(void)state;
	assert_true(list("status=open"));
	cursor = cursor_write(args.scope, "[\"a\",\"b\"]", &mem);
	for (size_t i = 0; i < N_ELEMENTS(others); i++) {
		assert_false(
		    list(mem_print(&mem, "%s&cursor=%s", others[i], cursor)));
		assert_string_equal(problem.code, "invalid_cursor");
		assert_int_equal(problem.errors.n, 0);
	}
	/* The default said aloud, the filters in another order. */
	assert_true(list(mem_print(&mem,
	    "kind=square&sort=name&cursor=%s&limit=7&status=open", cursor)));
	assert_false(list("cursor=abc"));
	assert_string_equal(problem.code, "invalid_cursor");
	/* The history of another record. */
	assert_true(ask(METHOD_GET, "/v1/sites/" ID "/history", NULL));
	cursor = cursor_write(args.scope, "[7]", &mem);
	assert_true(ask(METHOD_GET, "/v1/sites/" ID "/history",
	    mem_print(&mem, "cursor=%s", cursor)));
	assert_value("after_1", "7");
	assert_false(ask(METHOD_GET,
	    "/v1/sites/0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b12/history",
	    mem_print(&mem, "cursor=%s", cursor)));
	assert_string_equal(problem.code, "invalid_cursor");
}

static void
filters_cannot_be_confused_in_a_scope(void **state)
{
	const char *scope;

	(void)state;
	assert_true(list("q=a%20score=1:7"));
	scope = args.scope;
	assert_true(list("q=a&score=7"));
	assert_string_not_equal(args.scope, scope);
}

static bool
patch_with(const char *if_match)
{
	in.headers[HEADER_IF_MATCH] = if_match;
	return ask(METHOD_PATCH, "/v1/sites/" ID, NULL);
}

static void
if_match_becomes_versions(void **state)
{
	static const struct {
		const char *header, *versions;
	} good[] = {
		{ "\"3-9f86d081884c7d65\"", "{3}" },
		{ " \"3-9f86\" ,\t\"7-00\" ", "{3,7}" },
		{ ",\"3-9f86\",,\"7-00\",", "{3,7}" },
		{ "W/\"3-9f86\"", "{}" },
		{ "W/\"3-9f86\", \"4-ab\"", "{4}" },
		{ "\"foreign\"", "{}" },
		{ "\"\"", "{}" },
		{ "\"3\"", "{}" },
		{ "\"3-\"", "{}" },
		{ "\"3-XYZ\"", "{}" },
		{ "\"-3-ab\"", "{}" },
		{ "\"3,4-ab\"", "{}" },
		{ "\"1234567890123456789-ab\"", "{}" },
		{ "\"123456789012345678-ab\"", "{123456789012345678}" },
		{ "\"\xc3\xa9\"", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		if (!patch_with(good[i].header))
			fail_msg("refused: %s", good[i].header);
		assert_true(given("versions"));
		assert_value("versions", good[i].versions);
	}
	assert_true(patch_with("*"));
	assert_true(given("versions"));
	assert_value("versions", NULL);
}

static void
a_malformed_if_match_is_refused(void **state)
{
	static const char *const bad[] = { "3", "3-ab", "\"3-ab", "3-ab\"",
		"*, \"3-ab\"", "\"3-ab\", *", "**", "\"3-ab\" \"4-ab\"",
		"w/\"3-ab\"", "W/ \"3-ab\"", "W/", ",", ", ,", "'3-ab'",
		"\"3 ab\"", "\"3-ab\"x" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		if (patch_with(bad[i]))
			fail_msg("accepted: %s", bad[i]);
		assert_string_equal(problem.code, "precondition_malformed");
	}
	assert_false(patch_with(NULL));
	assert_string_equal(problem.code, "precondition_required");
}

static bool
post_with(const char *key)
{
	in.headers[HEADER_IDEMPOTENCY_KEY] = key;
	return ask(METHOD_POST, "/v1/sites", NULL);
}

static void
an_idempotency_key_is_taken_with_and_without_quotes(void **state)
{
	(void)state;
	assert_true(post_with(KEY));
	assert_value("idempotency_key", KEY);
	assert_true(post_with("\"" KEY "\""));
	assert_value("idempotency_key", KEY);
	assert_true(post_with("\"0123456789abcde\\\"\""));
	assert_value("idempotency_key", "0123456789abcde\"");
	assert_true(post_with("0123456789abcdef"));
}

static void
a_bad_idempotency_key_is_refused(void **state)
{
	static const char *const bad[] = { "short", "0123456789abcde",
		"\"0123456789abcde\"", "\"" KEY, KEY "\"", "\"" KEY "\";a=1",
		"\"0123456789\\abcdef\"", "\"01234 6789abcdef0\"",
		"0123456789abcdef, x", "0123456789abcdef\x7f",
		"0123456789abcd\xc3\xa9", "\"0123456789\"abcdef\"", "\"",
		"\"\"", "\"0123456789abcdef\\\"" };
	char longest[132];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		if (post_with(bad[i]))
			fail_msg("accepted: %s", bad[i]);
		assert_string_equal(problem.code, "idempotency_key_invalid");
	}
	assert_false(post_with(NULL));
	assert_string_equal(problem.code, "idempotency_key_missing");
	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	assert_true(post_with(longest));
	longest[128] = 'a';
	longest[129] = '\0';
	assert_false(post_with(longest));
}

static void
parameters_are_judged_before_conditions(void **state)
{
	(void)state;
	assert_false(ask(METHOD_PATCH, "/v1/sites/7", NULL));
	assert_string_equal(problem.code, "invalid_parameters");
}

static void
an_argument_is_added_once_and_replaced(void **state)
{
	(void)state;
	args = (struct args){ 0 };
	args_set(&args, "body", "{}");
	args_set(&args, "body", "[]");
	assert_int_equal(args.n, 1);
	assert_value("body", "[]");
	assert_true(given("body"));
	args_set(&args, "body", NULL);
	assert_false(given("body"));
	assert_null(args_find(&args, "bod"));
}

static void
a_plus_sign_is_a_space_in_forms_only(void **state)
{
	(void)state;
	assert_string_equal(percent_decode("a+b%2B", 6, true, &mem), "a b+");
	assert_string_equal(percent_decode("a+b%2B", 6, false, &mem), "a+b+");
	assert_string_equal(percent_decode("%41bc", 3, false, &mem), "A");
	assert_null(percent_decode("%41bc", 2, false, &mem));
}

static void
random_queries_are_read_without_harm(void **state)
{
	static const char *const pieces[] = { "status", "=", "&", "open", ",",
		"%", "%2", "%41", "+", "limit", "cursor", "AQ", "7", "kind",
		"%C3", "\xff", "q", "\"", "\\", "sort", "name", "label" };

	(void)state;
	srand(13);
	for (int round = 0; round < 20000; round++) {
		char query[400] = "";

		for (int n = rand() % 30; n > 0; n--)
			strcat(query, pieces[rand() % 22]);
		in.headers[HEADER_IF_MATCH] = query;
		in.headers[HEADER_IDEMPOTENCY_KEY] = query;
		assert_true(list(query) == (problem.code == NULL));
		ask(METHOD_PATCH, "/v1/sites/" ID, NULL);
		ask(METHOD_POST, "/v1/sites", NULL);
		mem_release(&mem);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_without_a_query_has_its_defaults),
		TEST(filters_become_arguments_and_flags),
		TEST(a_list_may_have_its_commas_encoded),
		TEST(an_array_literal_is_quoted),
		TEST(a_faulty_parameter_is_named),
		TEST(all_faults_are_told_at_once),
		TEST(a_path_argument_is_decoded_and_checked),
		TEST(a_cursor_goes_on_where_it_came_from),
		TEST(a_cursor_of_another_filter_or_order_is_refused),
		TEST(filters_cannot_be_confused_in_a_scope),
		TEST(if_match_becomes_versions),
		TEST(a_malformed_if_match_is_refused),
		TEST(an_idempotency_key_is_taken_with_and_without_quotes),
		TEST(a_bad_idempotency_key_is_refused),
		TEST(parameters_are_judged_before_conditions),
		TEST(an_argument_is_added_once_and_replaced),
		TEST(a_plus_sign_is_a_space_in_forms_only),
		TEST(random_queries_are_read_without_harm),
	};

	return cmocka_run_group_tests(tests, start_group, NULL);
}
