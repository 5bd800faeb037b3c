/* Problems: the catalogue, the body, and what database errors become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "problem.h"

#define BASE "https://gusp.example.org"

static struct mem mem;
static json_t *problems, *violations, *constraints;

/* Codes that problem_load() demands, each with texts that name it. */
static const char *const codes[] = { "already_exists", "bad_request",
	"content_malformed", "media_type_mismatch", "too_many_pixels",
	"bad_value", "body_missing", "body_too_large", "body_unexpected",
	"conflict", "forbidden", "header_too_large", "idempotency_in_progress",
	"idempotency_key_invalid", "idempotency_key_missing",
	"idempotency_mismatch", "insufficient_scope", "internal",
	"invalid_body", "invalid_cursor", "invalid_parameters", "invalid_token",
	"invalid_utf8", "length_required", "malformed_json", "membership_ended",
	"method_not_allowed", "method_unknown", "not_acceptable", "not_found",
	"nul_character", "outcome_unknown", "overloaded", "precondition_failed",
	"precondition_malformed", "precondition_required", "rate_exceeded",
	"request_timeout", "role_forbidden", "rule_broken", "token_malformed",
	"token_missing", "too_deep", "too_many_values", "too_slow", "try_again",
	"unavailable", "unknown_reference", "unsupported_media_type",
	"uri_too_long", "version_unknown", "frozen", "due_after_reported" };
static const char *const rules[] = { "enum", "format", "malformed_parameter",
	"maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
	"pattern", "repeated_parameter", "required", "type", "uniqueItems",
	"unknown_member", "unknown_parameter" };

static json_t *
entry_of(const char *code, int status)
{
	return json_pack("{s:i, s:s+, s:s+, s:s, s:s}", "status", status,
	    "title_fr", "Titre ", code, "title_en", "Title ", code, "detail_fr",
	    "Précision {} ici", "detail_en", "Detail {} here");
}

static int
load(void **state)
{
	char why[200] = "";

	(void)state;
	problems = json_object();
	violations = json_object();
	constraints = json_pack("{s:s}", "actor_siren", "/siren");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		json_object_set_new(
		    problems, codes[i], entry_of(codes[i], 400 + (int)i));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		json_object_set_new(violations, rules[i],
		    json_pack(
		        "{s:s, s:s}", "fr", "au plus {}", "en", "at most {}"));
	json_object_set_new(json_object_get(problems, "unavailable"),
	    "retry_after_s", json_integer(2));
	assert_true(
	    problem_load(problems, violations, constraints, why, sizeof(why)));
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	mem_release(&mem);
	json_decref(problems);
	json_decref(violations);
	json_decref(constraints);
	return 0;
}

static json_t *
body_of(const struct problem *p, bool english)
{
	size_t len;
	const char *text =
	    problem_body(p, BASE, "req-12345", english, &mem, &len);

	assert_int_equal(strlen(text), len);

	json_t *body = json_loadb(text, len, 0, NULL);

	assert_non_null(body);
	return body;
}

static const char *
member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
a_body_has_the_members_of_rfc_9457(void **state)
{
	struct problem p = { .code = "not_found", .arg = "là" };
	json_auto_t *body = body_of(&p, false);

	(void)state;
	assert_string_equal(
	    member(body, "type"), BASE "/docs/problems#not_found");
	assert_string_equal(member(body, "title"), "Titre not_found");
	assert_string_equal(member(body, "detail"), "Précision là ici");
	assert_string_equal(member(body, "instance"), "/problems/req-12345");
	assert_string_equal(member(body, "request_id"), "req-12345");
	assert_string_equal(member(body, "code"), "not_found");
	assert_int_equal(json_integer_value(json_object_get(body, "status")),
	    problem_status("not_found"));
	assert_null(json_object_get(body, "errors"));
}

static void
the_code_does_not_change_with_the_language(void **state)
{
	struct problem p = { .code = "not_found", .arg = "there" };
	json_auto_t *body = body_of(&p, true);

	(void)state;
	assert_string_equal(member(body, "detail"), "Detail there here");
	assert_string_equal(member(body, "code"), "not_found");
}

static void
a_detail_without_its_argument_gives_way_to_the_title(void **state)
{
	struct problem p = { .code = "not_found" };
	json_auto_t *body = body_of(&p, false);

	(void)state;
	assert_string_equal(member(body, "detail"), "Titre not_found");
}

static void
an_exceeded_quota_has_the_registered_type(void **state)
{
	struct problem p = { .code = "rate_exceeded" };
	json_auto_t *body = body_of(&p, false);

	(void)state;
	assert_string_equal(member(body, "type"),
	    "https://iana.org/assignments/http-problem-types#quota-exceeded");
	assert_string_equal(json_string_value(json_array_get(
	                        json_object_get(body, "violated-policies"), 0)),
	    "partner");
}

static void
every_fault_is_listed_with_its_place(void **state)
{
	struct problem p = { .code = "invalid_body" };

	(void)state;
	violation_add(&p.errors, AT_POINTER, "/a b/é", "maxLength", "200");
	violation_add(&p.errors, AT_PARAMETER, "limite", "maximum", "5");
	violation_add(&p.errors, AT_HEADER, "if-match", "frozen", NULL);

	json_auto_t *body = body_of(&p, false);
	json_t *errors = json_object_get(body, "errors");

	assert_int_equal(json_array_size(errors), 3);
	assert_string_equal(
	    member(json_array_get(errors, 0), "pointer"), "#/a%20b/%C3%A9");
	assert_string_equal(
	    member(json_array_get(errors, 0), "detail"), "au plus 200");
	assert_string_equal(
	    member(json_array_get(errors, 1), "parameter"), "limite");
	assert_string_equal(
	    member(json_array_get(errors, 2), "header"), "if-match");
	assert_string_equal(
	    member(json_array_get(errors, 2), "detail"), "Titre frozen");
}

static void
a_thousand_mistakes_keep_the_first_twenty(void **state)
{
	struct violations list = { .n = 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		violation_add(&list, AT_POINTER, "/x", "type", NULL);
	assert_int_equal(list.n, VIOLATIONS_MAX);
}

static void
an_extension_cannot_replace_a_standard_member(void **state)
{
	struct problem p = { .code = "frozen",
		.extension =
		    "{\"status\":200,\"allowed_transitions\":[\"open\"]}" };
	json_auto_t *body = body_of(&p, false);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(body, "status")),
	    problem_status("frozen"));
	assert_int_equal(
	    json_array_size(json_object_get(body, "allowed_transitions")), 1);
}

static void
bytes_that_are_not_utf_8_do_not_break_the_body(void **state)
{
	struct problem p = { .code = "not_found", .arg = "\xff\xfe" };
	json_auto_t *body = body_of(&p, false);

	(void)state;
	assert_string_equal(member(body, "detail"), "?");
}

static void
each_sqlstate_has_its_meaning(void **state)
{
	static const struct {
		const char *sqlstate, *code;
	} cases[] = {
		{ "23505", "already_exists" },
		{ "23503", "unknown_reference" },
		{ "23514", "rule_broken" },
		{ "23502", "rule_broken" },
		{ "22P02", "bad_value" },
		{ "42501", "forbidden" },
		{ "40001", "try_again" },
		{ "55P03", "try_again" },
		{ "57014", "too_slow" },
		{ "57P01", "unavailable" },
		{ "08006", "unavailable" },
		{ "25006", "unavailable" },
		{ "53300", "unavailable" },
		{ "", "unavailable" },
		{ "42P01", "internal" },
		{ "XX000", "internal" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem p;

		problem_from_database(&p, &mem, cases[i].sqlstate,
		    "relation \"secret\"", "Key (a)=(b) exists.", NULL);
		assert_string_equal(p.code, cases[i].code);
		assert_null(p.extension);
		assert_null(p.arg);
		assert_int_equal(p.errors.n, 0);
	}
}

static void
a_wait_is_the_problems_own_or_the_catalogues(void **state)
{
	const struct problem of_catalogue = { .code = "unavailable" };
	const struct problem own = { .code = "unavailable",
		.retry_after_s = 9 };
	const struct problem none = { .code = "not_found" };

	(void)state;
	assert_int_equal(problem_retry_after_s(&of_catalogue), 2);
	assert_int_equal(problem_retry_after_s(&own), 9);
	assert_int_equal(problem_retry_after_s(&none), 0);
}

static void
a_constraint_that_is_a_code_is_the_problem(void **state)
{
	struct problem p;

	(void)state;
	problem_from_database(
	    &p, &mem, "23514", "new row", NULL, "due_after_reported");
	assert_string_equal(p.code, "due_after_reported");
	problem_from_database(
	    &p, &mem, "23514", "new row", NULL, "issue_title_check");
	assert_string_equal(p.code, "rule_broken");
}

static void
our_own_errors_say_what_and_where(void **state)
{
	struct problem p;

	(void)state;
	problem_from_database(&p, &mem, "GU409", "frozen",
	    "{\"pointer\":\"/status\",\"arg\":7,"
	    "\"allowed_transitions\":[]}",
	    NULL);
	assert_string_equal(p.code, "frozen");
	assert_string_equal(p.arg, "7");
	assert_int_equal(p.errors.n, 1);
	assert_string_equal(p.errors.at[0].at, "/status");
	assert_string_equal(p.errors.at[0].code, "frozen");
	assert_string_equal(p.extension, "{\"allowed_transitions\":[]}");
}

static void
a_message_that_is_no_code_is_not_repeated(void **state)
{
	struct problem p;

	(void)state;
	problem_from_database(
	    &p, &mem, "GU422", "Jeanne habite ici", "[1]", NULL);
	assert_string_equal(p.code, "rule_broken");
	assert_int_equal(problem_status("Jeanne habite ici"), 500);
}

static void
a_unique_index_names_the_member_that_is_there_already(void **state)
{
	struct problem p;

	(void)state;
	problem_from_database(
	    &p, &mem, "23505", "duplicate key", NULL, "actor_siren");
	assert_string_equal(p.code, "already_exists");
	assert_int_equal(p.errors.n, 1);
	assert_int_equal(p.errors.at[0].where, AT_POINTER);
	assert_string_equal(p.errors.at[0].at, "/siren");
	assert_string_equal(p.errors.at[0].code, "already_exists");

	problem_from_database(
	    &p, &mem, "23505", "duplicate key", NULL, "actor_pkey");
	assert_int_equal(p.errors.n, 0);
	problem_from_database(&p, &mem, "23503", "", NULL, "actor_siren");
	assert_int_equal(p.errors.n, 0);
}

static void
a_pointer_that_is_none_is_refused(void **state)
{
	json_auto_t *wrong = json_pack("{s:s}", "actor_siren", "siren");
	char why[200] = "";

	(void)state;
	assert_false(
	    problem_load(problems, violations, wrong, why, sizeof(why)));
	assert_non_null(strstr(why, "actor_siren"));
}

static void
a_catalogue_that_lacks_a_code_is_refused(void **state)
{
	json_auto_t *poor = json_deep_copy(problems);
	char why[200] = "";

	(void)state;
	json_object_del(poor, "internal");
	assert_false(problem_load(poor, violations, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "internal"));
	json_object_set_new(poor, "internal", entry_of("internal", 200));
	assert_false(problem_load(poor, violations, NULL, why, sizeof(why)));
	json_object_set_new(poor, "internal", entry_of("internal", 500));
	json_object_del(json_object_get(poor, "internal"), "detail_fr");
	assert_false(problem_load(poor, violations, NULL, why, sizeof(why)));
	assert_non_null(strstr(why, "detail_fr"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_has_the_members_of_rfc_9457),
		cmocka_unit_test(the_code_does_not_change_with_the_language),
		cmocka_unit_test(
		    a_detail_without_its_argument_gives_way_to_the_title),
		cmocka_unit_test(an_exceeded_quota_has_the_registered_type),
		cmocka_unit_test(every_fault_is_listed_with_its_place),
		cmocka_unit_test(a_thousand_mistakes_keep_the_first_twenty),
		cmocka_unit_test(an_extension_cannot_replace_a_standard_member),
		cmocka_unit_test(
		    bytes_that_are_not_utf_8_do_not_break_the_body),
		cmocka_unit_test(each_sqlstate_has_its_meaning),
		cmocka_unit_test(a_wait_is_the_problems_own_or_the_catalogues),
		cmocka_unit_test(a_constraint_that_is_a_code_is_the_problem),
		cmocka_unit_test(our_own_errors_say_what_and_where),
		cmocka_unit_test(a_message_that_is_no_code_is_not_repeated),
		cmocka_unit_test(
		    a_unique_index_names_the_member_that_is_there_already),
		cmocka_unit_test(a_pointer_that_is_none_is_refused),
		cmocka_unit_test(a_catalogue_that_lacks_a_code_is_refused),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
