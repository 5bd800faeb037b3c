/* Who may send a body that goes to disk, and how many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "config.h"
#include "contract.h"
#include "jwk.h"
#include "large.h"
#include "negotiate.h"
#include "rate.h"
#include "route.h"

#define SMALL  "tests/data/contract/small.json"
#define ISSUER "https://api.example.org"
#define PHOTOS "/v1/sites/a/photos/b"
#define A      "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b11"
#define B      "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b12"
#define C      "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b13"

static struct mem mem;
static char *pem;
static const int requests[LARGE_AT_ONCE + 1];

static int
start(void **state)
{
	char why[500] = "";

	(void)state;
	if (!contract_load(SMALL, why, sizeof(why)))
		fail_msg("%s", why);
	route_build();
	rate_setup();
	config.issuer = ISSUER;
	config.token_ttl_s = 600;
	config.token_rate_per_minute = 1000;
	pem = jwk_generate();

	json_auto_t *keys =
	    json_pack("[{s:s,s:o}]", "kid", "k", "jwk", jwk_of_private(pem));

	assert_true(caller_keys(keys));
	return 0;
}

static int
stop(void **state)
{
	json_auto_t *none = json_array();

	(void)state;
	assert_true(caller_keys(none));
	free(pem);
	mem_release(&mem);
	return 0;
}

static int
nobody_sends(void **state)
{
	(void)state;
	for (size_t i = 0; i <= LARGE_AT_ONCE; i++)
		large_end(&requests[i]);
	return 0;
}

static const char *
token_of(
    const char *client, const char *role, const char *scope, int64_t left_s)
{
	const int64_t now_s = clock_now_s();
	json_auto_t *claims = json_pack(
	    "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I}", "iss", ISSUER,
	    "aud", ISSUER "/v1", "sub", client, "client_id", client, "mbr", A,
	    "act", A, "jti", A, "role", role, "scope", scope, "iat",
	    (json_int_t)(now_s - 300), "exp", (json_int_t)(now_s + left_s));
	char *token = token_sign(claims, "k", pem);
	const char *kept = mem_print(&mem, "Bearer %s", token);

	free(token);
	return kept;
}

/* NULL if a body is let in, else the code of the problem. */
static const char *
answer_to(enum method method, const char *path, const char *authorization)
{
	struct input in = { .method = method, .path = path };
	struct problem p = { .code = NULL };
	struct caller caller;

	in.headers[HEADER_AUTHORIZATION] = authorization;
	if (large_admit(&in, "192.0.2.1", &mem, &caller, &p))
		return NULL;
	assert_non_null(p.code);
	assert_int_equal(p.authenticate != NULL,
	    strstr(p.code, "token") != NULL ||
	        strcmp(p.code, "insufficient_scope") == 0);
	return p.code;
}

static const char *
answer_to_client(const char *client)
{
	return answer_to(
	    METHOD_POST, PHOTOS, token_of(client, "city", "sites.write", 300));
}

static void
a_caller_of_the_operation_is_let_in(void **state)
{
	(void)state;
	assert_null(answer_to_client(A));
}

static void
nobody_else_is_let_in(void **state)
{
	const char *good = token_of(A, "city", "sites.write", 300);
	char *forged = mem_copy(&mem, good, strlen(good));
	const struct {
		const char *authorization, *code;
	} cases[] = {
		{ NULL, "token_missing" },
		{ "Basic YTpi", "token_missing" },
		{ "Bearer", "token_malformed" },
		{ "Bearer junk", "invalid_token" },
		{ forged, "invalid_token" },
		{ token_of(A, "city", "sites.write", -100), "invalid_token" },
		{ token_of(A, "auditor", "sites.write", 300),
		    "role_forbidden" },
		{ token_of(A, "city", "sites.read", 300),
		    "insufficient_scope" },
	};

	(void)state;
	forged[strlen(forged) - 10] ^= 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
		    answer_to(METHOD_POST, PHOTOS, cases[i].authorization),
		    cases[i].code);
}

static void
only_uploads_are_large(void **state)
{
	const char *good = token_of(A, "city", "sites.write", 300);

	(void)state;
	assert_string_equal(
	    answer_to(METHOD_POST, "/v1/sites", good), "body_too_large");
	assert_string_equal(
	    answer_to(METHOD_PATCH, PHOTOS, good), "body_too_large");
	assert_string_equal(
	    answer_to(METHOD_POST, "/nowhere", good), "body_too_large");
}

static void
a_client_sends_two_at_once(void **state)
{
	(void)state;
	large_begin(&requests[0], A);
	assert_null(answer_to_client(A));
	large_begin(&requests[1], A);
	assert_string_equal(answer_to_client(A), "overloaded");
	assert_null(answer_to_client(B));
	large_end(&requests[0]);
	assert_null(answer_to_client(A));
}

static void
a_worker_takes_four_at_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < LARGE_AT_ONCE; i++) {
		assert_null(answer_to_client(i < 2 ? A : B));
		large_begin(&requests[i], i < 2 ? A : B);
	}
	assert_string_equal(answer_to_client(C), "overloaded");
	large_end(&requests[LARGE_AT_ONCE]); /* has none */
	assert_string_equal(answer_to_client(C), "overloaded");
	large_end(&requests[2]);
	large_end(&requests[2]);
	assert_null(answer_to_client(C));
}

static const char *
address(const char *peer, const char *forwarded, const char *proxies)
{
	return client_address(peer, forwarded, proxies, &mem);
}

static void
only_a_trusted_proxy_speaks_for_another_address(void **state)
{
	(void)state;
	assert_string_equal(address("10.0.0.1", NULL, "10.0.0.1"), "10.0.0.1");
	assert_string_equal(address("10.0.0.1", "192.0.2.9", NULL), "10.0.0.1");
	assert_string_equal(
	    address("10.0.0.1", "192.0.2.9", "10.0.0.2"), "10.0.0.1");
	assert_string_equal(
	    address("10.0.0.1", "192.0.2.9", "10.0.0.11, 10.0.0.1"),
	    "192.0.2.9");
	assert_string_equal(
	    address("10.0.0.1", "198.51.100.7, 192.0.2.9", "10.0.0.1"),
	    "192.0.2.9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_of_the_operation_is_let_in),
		cmocka_unit_test(nobody_else_is_let_in),
		cmocka_unit_test(only_uploads_are_large),
		cmocka_unit_test_teardown(
		    a_client_sends_two_at_once, nobody_sends),
		cmocka_unit_test_teardown(
		    a_worker_takes_four_at_once, nobody_sends),
		cmocka_unit_test(
		    only_a_trusted_proxy_speaks_for_another_address),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
