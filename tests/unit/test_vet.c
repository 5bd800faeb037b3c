/* The judgement on raw header blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block.h"
#include "vet.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define HOST          "Host: a\r\n"
#define TEN(x)        x x x x x x x x x x

static char text[4 * VET_BLOCK_MAX];
static struct vetted v;

static bool
takes_uploads(const char *path, size_t len)
{
	return len == 8 && memcmp(path, "/uploads", 8) == 0;
}

static void
judge_bytes(const char *block, size_t len)
{
	assert_true(len < sizeof(text));
	memcpy(text, block, len);
	text[len] = '\0';
	vet(text, len, takes_uploads, &v);
}

static void
judge(const char *block)
{
	judge_bytes(block, strlen(block));
}

static void
assert_refused(const char *block, const char *code)
{
	judge(block);
	if (v.verdict != VET_REFUSE || strcmp(v.code, code) != 0)
		fail_msg("%s: %s, not %s", block,
		    v.verdict == VET_REFUSE ? v.code : "not refused", code);
}

static void
assert_becomes(const char *block, const char *compact)
{
	judge(block);
	assert_int_equal(v.verdict, VET_PASS);
	assert_int_equal(v.block_len, strlen(block));
	assert_int_equal(v.len, strlen(compact));
	assert_memory_equal(text, compact, v.len);
}

struct refusal {
	const char *block, *code;
};

static void
assert_all_refused(const struct refusal *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refused(all[i].block, all[i].code);
}

static void
a_plain_request_passes(void **state)
{
	(void)state;
	assert_becomes("GET /v1/sites?limit=2 HTTP/1.1\r\n" HOST "\r\n",
	    "GET /v1/sites?limit=2 HTTP/1.1\r\nhost:a\r\n\r\n");
	assert_int_equal(v.method, METHOD_GET);
	assert_int_equal(v.body_len, 0);
	assert_false(v.close);
	assert_false(v.expects_continue);
}

static void
a_block_without_its_blank_line_waits_for_more(void **state)
{
	const char *whole = "GET / HTTP/1.1\r\n" HOST "\r\n";

	(void)state;
	for (size_t len = 0; len < strlen(whole); len++) {
		judge_bytes(whole, len);
		assert_int_equal(v.verdict, VET_MORE);
	}
	judge(whole);
	assert_int_equal(v.verdict, VET_PASS);
}

static void
forty_lines_lose_none_that_the_api_uses(void **state)
{
	(void)state;
	assert_becomes("GET / HTTP/1.1\r\n" HOST TEN("X-A: 1\r\n")
	                   TEN("X-B: 2\r\n") TEN("X-C: 3\r\n") TEN(
	                       "X-D: 4\r\n") "Authorization: Bearer t\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\nauthorization:Bearer t\r\n\r\n");
}

static void
what_kore_is_given_is_below_its_limit_of_lines(void **state)
{
	size_t lines = 0;
	char block[4096] = "POST / HTTP/1.1\r\n";

	(void)state;
	for (enum header h = 0; h < N_HEADERS; h++) {
		strcat(block, header_names[h]);
		strcat(block,
		    h == HEADER_CONTENT_LENGTH ? ": 1\r\n" : ": close\r\n");
	}
	strcat(block, "\r\n");
	judge(block);
	assert_int_equal(v.verdict, VET_PASS);
	for (size_t i = 0; i < v.len; i++)
		lines += text[i] == '\n';
	assert_true(lines - 2 <= 23);
}

static void
bytes_behind_the_block_are_left_alone(void **state)
{
	const char *block = "POST / HTTP/1.1\r\n" HOST "X-Gone: 1\r\n"
	                    "Content-Length: 5\r\n\r\nhello\r\n\r\nGET";

	(void)state;
	judge(block);
	assert_int_equal(v.verdict, VET_PASS);
	assert_int_equal(v.body_len, 5);
	assert_string_equal(text + v.block_len, "hello\r\n\r\nGET");
}

static void
an_empty_value_is_an_absent_line(void **state)
{
	(void)state;
	assert_becomes("GET / HTTP/1.1\r\nAccept:\r\nIf-Match: \t \r\n" HOST
	               "\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\n\r\n");
}

static void
repeated_list_lines_are_joined_in_order(void **state)
{
	(void)state;
	assert_becomes(
	    "GET / HTTP/1.1\r\n" HOST "If-None-Match: \"1\"\r\n"
	    "X-Forwarded-For: 192.0.2.1\r\nIf-None-Match:\r\n"
	    "if-none-match:\"2\"\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\nif-none-match:\"1\", \"2\"\r\n"
	    "x-forwarded-for:192.0.2.1, 10.0.0.1\r\n\r\n");
}

static void
a_tab_in_a_value_becomes_a_blank(void **state)
{
	(void)state;
	assert_becomes("GET / HTTP/1.1\r\nAccept: a,\tb\t\r\n" HOST "\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\naccept:a, b\r\n\r\n");
}

static void
close_is_found_in_any_spelling(void **state)
{
	(void)state;
	assert_becomes("GET / HTTP/1.1\r\n" HOST
	               "Connection: Keep-Alive, CLOSE\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\nconnection:close\r\n\r\n");
	assert_true(v.close);
	assert_becomes("GET / HTTP/1.1\r\n" HOST
	               "Connection: x\r\nConnection: close\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\nconnection:close\r\n\r\n");
	assert_becomes("GET / HTTP/1.1\r\n" HOST
	               "Connection: closed, keep-alive\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\n\r\n");
	assert_false(v.close);
	assert_becomes("GET / HTTP/1.0\r\n" HOST "\r\n",
	    "GET / HTTP/1.0\r\nhost:a\r\n\r\n");
	assert_true(v.close);
}

static void
only_a_body_to_come_expects_100_continue(void **state)
{
	(void)state;
	judge("POST / HTTP/1.1\r\n" HOST
	      "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
	assert_true(v.expects_continue);
	judge("POST / HTTP/1.1\r\n" HOST
	      "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	assert_false(v.expects_continue);
	judge("POST / HTTP/1.0\r\n" HOST
	      "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_false(v.expects_continue);
}

static void
empty_lines_before_a_request_are_skipped(void **state)
{
	(void)state;
	assert_becomes("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
	    "GET / HTTP/1.1\r\nhost:a\r\n\r\n");
	judge("\r\n\r\n");
	assert_int_equal(v.verdict, VET_MORE);
}

static void
the_host_is_there_once_and_is_a_host(void **state)
{
	static const struct refusal all[] = {
		{ "GET / HTTP/1.1\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHostile: a\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost:\r\n" HOST "\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\nHost: " TEN(TEN("abc")) "\r\n\r\n",
		    "bad_request" },
		{ "GET / HTTP/1.0\r\n\r\n", "bad_request" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
	assert_becomes("GET / HTTP/1.1\r\nHostile: x\r\nHost: [::1]:80\r\n\r\n",
	    "GET / HTTP/1.1\r\nhost:[::1]:80\r\n\r\n");
}

static void
a_length_is_said_once_in_digits(void **state)
{
#define POST "POST / HTTP/1.1\r\n" HOST
	static const struct refusal all[] = {
		{ POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		    "bad_request" },
		{ POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		    "bad_request" },
		{ POST "Content-Length: 1, 1\r\n\r\n", "bad_request" },
		{ POST "Content-Length: +1\r\n\r\n", "bad_request" },
		{ POST "Content-Length: -1\r\n\r\n", "bad_request" },
		{ POST "Content-Length: 0x1\r\n\r\n", "bad_request" },
		{ POST "Content-Length: 1 2\r\n\r\n", "bad_request" },
		{ POST "Content-Length:\r\n\r\n", "bad_request" },
		{ POST "\r\n", "length_required" },
		{ "PUT / HTTP/1.1\r\n" HOST "\r\n", "length_required" },
		{ "PATCH / HTTP/1.1\r\n" HOST "\r\n", "length_required" },
		{ POST "Transfer-Encoding: chunked\r\n\r\n",
		    "length_required" },
		{ POST "Content-Length: 1\r\ntransfer-encoding:\r\n\r\n",
		    "length_required" },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\n\r\n",
		    "length_required" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
	judge(POST "Content-Length: 0\r\n\r\n");
	assert_int_equal(v.verdict, VET_PASS);
	judge(POST "Content-Length: 0042\r\n\r\n");
	assert_int_equal(v.body_len, 42);
}

static void
a_body_is_bounded_and_only_where_it_belongs(void **state)
{
	static const struct refusal all[] = {
		{ POST "Content-Length: 262145\r\n\r\n", "body_too_large" },
		{ POST "Content-Length: 99999999999999999999999\r\n\r\n",
		    "body_too_large" },
		{ "POST /uploads HTTP/1.1\r\n" HOST
		  "Content-Length: 10485761\r\n\r\n",
		    "body_too_large" },
		{ "POST /uploads/x HTTP/1.1\r\n" HOST
		  "Content-Length: 262145\r\n\r\n",
		    "body_too_large" },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n",
		    "body_unexpected" },
		{ "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n",
		    "body_unexpected" },
		{ "DELETE / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n",
		    "body_unexpected" },
		{ "OPTIONS / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n",
		    "body_unexpected" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
	judge(POST "Content-Length: 262144\r\n\r\n");
	assert_int_equal(v.body_len, VET_BODY_MAX);
	judge("POST /uploads?x=1 HTTP/1.1\r\n" HOST
	      "Content-Length: 10485760\r\n\r\n");
	assert_int_equal(v.body_len, VET_UPLOAD_MAX);
	judge("GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	assert_int_equal(v.verdict, VET_PASS);
}

static void
a_request_line_has_three_words_and_two_blanks(void **state)
{
	static const struct refusal all[] = {
		{ "GET /\r\n" HOST "\r\n", "bad_request" },
		{ "GET  / HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET / HTTP/1.1 x\r\n" HOST "\r\n", "bad_request" },
		{ "GET / HTTP/1.1 \r\n" HOST "\r\n", "bad_request" },
		{ "GET\t/ HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ " GET / HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET / http/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET / HTTP/11\r\n" HOST "\r\n", "bad_request" },
		{ "G(T / HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "BREW / HTTP/1.1\r\n" HOST "\r\n", "method_unknown" },
		{ "get / HTTP/1.1\r\n" HOST "\r\n", "method_unknown" },
		{ "GETS / HTTP/1.1\r\n" HOST "\r\n", "method_unknown" },
		{ "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "method_unknown" },
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", "version_unknown" },
		{ "GET / HTTP/1.2\r\n" HOST "\r\n", "version_unknown" },
		{ "PRI * HTTP/2.0\r\n\r\n", "version_unknown" },
		{ "PATCH / HTTP/1.0\r\n" HOST "Content-Length: 0\r\n\r\n",
		    "version_unknown" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
}

static void
a_target_is_a_short_absolute_path(void **state)
{
	static const struct refusal all[] = {
		{ "GET http://a/ HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET a HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET /a#b HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "bad_request" },
		{ "GET /" TEN(TEN("1234567890123456789")) " HTTP/1.1\r\n" HOST
		                                          "\r\n",
		    "uri_too_long" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
	judge("GET /a?b=%00 HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(v.verdict, VET_PASS);
}

static void
header_lines_are_names_a_colon_and_plain_values(void **state)
{
#define GET "GET / HTTP/1.1\r\n" HOST
	static const struct refusal all[] = {
		{ GET "X : a\r\n\r\n", "bad_request" },
		{ GET ": a\r\n\r\n", "bad_request" },
		{ GET "nocolon\r\n\r\n", "bad_request" },
		{ GET "X@Y: a\r\n\r\n", "bad_request" },
		{ GET "X: a\r\n folded\r\n\r\n", "bad_request" },
		{ GET "X: a\r\n\tfolded\r\n\r\n", "bad_request" },
		{ "GET / HTTP/1.1\r\n folded\r\n" HOST "\r\n", "bad_request" },
		{ GET "X: a\x01\r\n\r\n", "bad_request" },
		{ GET "X: a\x7f\r\n\r\n", "bad_request" },
		{ GET "X: \xc3\xa9\r\n\r\n", "bad_request" },
		{ GET "X\xc3\xa9: a\r\n\r\n", "bad_request" },
		{ GET "Authorization: a\r\nAuthorization: b\r\n\r\n",
		    "bad_request" },
	};
	static const char nul[] = GET "X: a\0b\r\n\r\n";

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
	judge_bytes(nul, sizeof(nul) - 1);
	assert_int_equal(v.verdict, VET_REFUSE);
}

static void
only_cr_lf_ends_a_line(void **state)
{
	static const struct refusal all[] = {
		{ "GET / HTTP/1.1\nHost: a\n\n", "bad_request" },
		{ GET "X: a\nY: b\r\n\r\n", "bad_request" },
		{ GET "X: a\rY: b\r\n\r\n", "bad_request" },
		{ GET "\n", "bad_request" },
	};

	(void)state;
	assert_all_refused(all, N_ELEMENTS(all));
}

static void
a_bad_byte_is_refused_before_the_block_is_whole(void **state)
{
	(void)state;
	assert_refused("GET / HTTP/1.1\n", "bad_request");
	assert_refused("\x16\x03\x01", "bad_request");
	assert_refused(" world", "bad_request");
}

static void
too_many_lines_or_bytes_are_refused(void **state)
{
	static char block[VET_BLOCK_MAX + 64];

	(void)state;
	strcpy(block, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < BLOCK_LINES_MAX - 1; i++)
		strcat(block, "X: y\r\n");
	strcat(block, "\r\n");
	judge(block);
	assert_int_equal(v.verdict, VET_PASS);
	strcpy(block + strlen(block) - 2, "X: y\r\n\r\n");
	assert_refused(block, "header_too_large");

	memset(block, 'x', sizeof(block));
	memcpy(block, "GET / HTTP/1.1\r\n", 16);
	memcpy(block + 16, "X: ", 3);
	judge_bytes(block, VET_BLOCK_MAX - 1);
	assert_int_equal(v.verdict, VET_MORE);
	judge_bytes(block, VET_BLOCK_MAX);
	assert_string_equal(v.code, "header_too_large");

	memcpy(block, "GET /", 5);
	memset(block + 5, 'x', 20);
	judge_bytes(block, VET_BLOCK_MAX);
	assert_string_equal(v.code, "uri_too_long");
}

static void
a_block_of_just_the_limit_passes(void **state)
{
	static char block[VET_BLOCK_MAX + 1];
	const char *end = "\r\n" HOST "\r\n";

	(void)state;
	memset(block, 'x', VET_BLOCK_MAX);
	memcpy(block, "GET / HTTP/1.1\r\nAccept:", 23);
	memcpy(block + VET_BLOCK_MAX - strlen(end), end, strlen(end));
	judge_bytes(block, VET_BLOCK_MAX);
	assert_int_equal(v.verdict, VET_PASS);
	assert_true(v.len <= VET_BLOCK_MAX);
}

static void
compaction_twice_changes_nothing(void **state)
{
	char once[512];
	size_t len;

	(void)state;
	judge("POST /x HTTP/1.1\r\n" HOST "X-Gone: 1\r\nAccept: a\r\n"
	      "Accept: b\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
	len = v.len;
	memcpy(once, text, len);
	vet(text, len, takes_uploads, &v);
	assert_int_equal(v.len, len);
	assert_memory_equal(text, once, len);
}

static void
a_refusal_names_the_requests_id(void **state)
{
	(void)state;
	assert_refused("BREW / HTTP/1.1\r\n" HOST
	               "X-Request-Id: partner-0042\r\n\r\n",
	    "method_unknown");
	assert_int_equal(v.request_id_len, 12);
	assert_memory_equal(v.request_id, "partner-0042", 12);
	assert_refused("GET / HTTP/1.1\n", "bad_request");
	assert_null(v.request_id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_request_passes),
		cmocka_unit_test(a_block_without_its_blank_line_waits_for_more),
		cmocka_unit_test(forty_lines_lose_none_that_the_api_uses),
		cmocka_unit_test(
		    what_kore_is_given_is_below_its_limit_of_lines),
		cmocka_unit_test(bytes_behind_the_block_are_left_alone),
		cmocka_unit_test(an_empty_value_is_an_absent_line),
		cmocka_unit_test(repeated_list_lines_are_joined_in_order),
		cmocka_unit_test(a_tab_in_a_value_becomes_a_blank),
		cmocka_unit_test(close_is_found_in_any_spelling),
		cmocka_unit_test(only_a_body_to_come_expects_100_continue),
		cmocka_unit_test(empty_lines_before_a_request_are_skipped),
		cmocka_unit_test(the_host_is_there_once_and_is_a_host),
		cmocka_unit_test(a_length_is_said_once_in_digits),
		cmocka_unit_test(a_body_is_bounded_and_only_where_it_belongs),
		cmocka_unit_test(a_request_line_has_three_words_and_two_blanks),
		cmocka_unit_test(a_target_is_a_short_absolute_path),
		cmocka_unit_test(
		    header_lines_are_names_a_colon_and_plain_values),
		cmocka_unit_test(only_cr_lf_ends_a_line),
		cmocka_unit_test(
		    a_bad_byte_is_refused_before_the_block_is_whole),
		cmocka_unit_test(too_many_lines_or_bytes_are_refused),
		cmocka_unit_test(a_block_of_just_the_limit_passes),
		cmocka_unit_test(compaction_twice_changes_nothing),
		cmocka_unit_test(a_refusal_names_the_requests_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
