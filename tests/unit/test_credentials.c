/* The form of an OAuth request, the credentials in it, and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../api/base64.h"
#include "../../api/credentials.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define ID    "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER "01890a5d-ac96-774b-bcce-b302099a8058"
#define FORM  "application/x-www-form-urlencoded"

static struct input
request(const char *body, const char *authorization)
{
	struct input in = { .method = METHOD_POST,
		.path = "/oauth/token",
		.body = body,
		.body_len = strlen(body) };

	in.headers[HEADER_CONTENT_TYPE] = FORM;
	in.headers[HEADER_AUTHORIZATION] = authorization;
	return in;
}

static void
a_form_is_decoded(void **state)
{
	struct input in = request("a=1&b=x+y%26&c&d=&%65=z", NULL);
	struct mem mem = { 0 };
	struct form form;
	const char *why;

	(void)state;
	assert_true(form_read(&in, &mem, &form, &why));
	assert_string_equal(form_get(&form, "a"), "1");
	assert_string_equal(form_get(&form, "b"), "x y&");
	assert_string_equal(form_get(&form, "e"), "z");
	assert_null(form_get(&form, "c"));
	assert_null(form_get(&form, "d"));
	assert_null(form_get(&form, "f"));
	mem_release(&mem);
}

static void
a_malformed_form_is_refused(void **state)
{
	static const char *const bodies[] = { "a=%", "a=%4", "a=%zz", "a=%00",
		"a=%ff", "a=1&a=2", "a=1&%61=2", "a&a" };
	struct mem mem = { 0 };
	struct form form;
	const char *why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		struct input in = request(bodies[i], NULL);

		assert_false(form_read(&in, &mem, &form, &why));
	}
	mem_release(&mem);
}

static void
only_a_form_without_a_query_is_read(void **state)
{
	static const struct {
		const char *type, *query;
		bool good;
	} rows[] = {
		{ FORM, NULL, true },
		{ FORM, "", true },
		{ "Application/X-WWW-Form-Urlencoded;charset=UTF-8", NULL,
		    true },
		{ FORM "x", NULL, false },
		{ "application/json", NULL, false },
		{ NULL, NULL, false },
		{ FORM, "client_secret=x", false },
	};
	struct mem mem = { 0 };
	struct form form;
	const char *why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct input in = request("a=1", NULL);

		in.headers[HEADER_CONTENT_TYPE] = rows[i].type;
		in.query = rows[i].query;
		assert_int_equal(
		    form_read(&in, &mem, &form, &why), rows[i].good);
	}
	mem_release(&mem);
}

static void
one_way_to_authenticate_is_read(void **state)
{
	/* base64 of ID:s%2Bx, ID:, ":s" and "ID". */
	static const struct {
		const char *body, *authorization;
		bool good;
		const char *client, *secret;
	} rows[] = {
		{ "client_id=" ID "&client_secret=s", NULL, true, ID, "s" },
		{ "client_id=" ID "&client_secret=", NULL, true, ID, NULL },
		{ "client_id=x&client_secret=s", NULL, true,
		    "00000000-0000-0000-0000-000000000000", "s" },
		{ "", NULL, true, "00000000-0000-0000-0000-000000000000",
		    NULL },
		{ "",
		    "Basic MDE4OTBhNWQtYWM5Ni03NzRiLWJjY2UtYjMwMjA5OWE4MDU3OnMl"
		    "MkJ4",
		    true, ID, "s+x" },
		{ "client_id=" ID,
		    "basic MDE4OTBhNWQtYWM5Ni03NzRiLWJjY2UtYjMwMjA5OWE4MDU3OnMl"
		    "MkJ4",
		    true, ID, "s+x" },
		{ "client_id=" OTHER,
		    "Basic MDE4OTBhNWQtYWM5Ni03NzRiLWJjY2UtYjMwMjA5OWE4MDU3OnMl"
		    "MkJ4",
		    false, NULL, NULL },
		{ "client_secret=s", "Basic eDp5", false, NULL, NULL },
		{ "client_secret=s&client_assertion=a.b.c"
		  "&client_assertion_type=x",
		    NULL, false, NULL, NULL },
		{ "client_assertion=a.b.c", NULL, false, NULL, NULL },
		{ "client_assertion=a.b.c&client_assertion_type=saml", NULL,
		    false, NULL, NULL },
		{ "", "Basic eA==", false, NULL, NULL },
		{ "", "Basic !", false, NULL, NULL },
		{ "", "Bearer x", true, "00000000-0000-0000-0000-000000000000",
		    NULL },
	};
	struct mem mem = { 0 };
	struct credentials given;
	struct form form;
	const char *why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct input in = request(rows[i].body, rows[i].authorization);

		assert_true(form_read(&in, &mem, &form, &why));
		bool good = credentials_read(&in, &form, &mem, &given, &why);

		if (good != rows[i].good)
			fail_msg("row %zu: %s", i, why);
		if (!good)
			continue;
		assert_string_equal(given.client, rows[i].client);
		if (rows[i].secret == NULL)
			assert_null(given.secret);
		else
			assert_string_equal(given.secret, rows[i].secret);
	}
	mem_release(&mem);
}

static void
a_secret_is_compared_by_its_digest(void **state)
{
	/* SHA-256 of "abc" (FIPS 180-2). */
	static const char abc[] =
	    "[\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
	    "ad\"]";
	struct credentials given = { .secret = "abc" };

	(void)state;
	assert_true(credentials_secret(&given, abc));
	assert_false(credentials_secret(&given, "[]"));
	assert_false(credentials_secret(&given, NULL));
	given.secret = "abd";
	assert_false(credentials_secret(&given, abc));
	given.secret = "";
	assert_false(credentials_secret(&given, abc));
}

static void
base64_has_one_spelling(void **state)
{
	unsigned char in[64], out[BASE64_BYTES(128)];
	char text[BASE64_TEXT(64)];
	size_t n;

	(void)state;
	srand(7);
	for (size_t len = 0; len <= sizeof(in); len++) {
		for (size_t i = 0; i < len; i++)
			in[i] = (unsigned char)rand();
		size_t text_len = base64url_write(in, len, text);

		assert_int_equal(text_len, BASE64_TEXT(len) - 1);
		assert_true(base64url_read(text, text_len, out, &n));
		assert_int_equal(n, len);
		assert_memory_equal(in, out, len);
	}
	static const char *const wrong[] = { "A", "AB", "AAB",
		"AA=", "AA==", "A A", "A+AA", "AAAAA", "\xc3\xa9" };

	for (size_t i = 0; i < N_ELEMENTS(wrong); i++)
		assert_false(
		    base64url_read(wrong[i], strlen(wrong[i]), out, &n));
	assert_true(base64_read("AA==", 4, out, &n));
	assert_false(base64_read("AA", 2, out, &n));
	assert_false(base64_read("AB==", 4, out, &n));
	assert_false(base64_read("A===", 4, out, &n));
	assert_false(base64_read("AA-_", 4, out, &n));
}

/* For the sanitizers: whatever comes, nothing is read beyond its end. */
static void
noise_does_no_harm(void **state)
{
	static const char letters[] = "a=&%+41zBcsid_.:Z/\xc3\xa9\0-";
	struct mem mem = { 0 };
	struct credentials given;
	struct form form;
	const char *why;

	(void)state;
	srand(11);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % 60;
		char *body = malloc(len + 1), *basic = malloc(len + 7);

		assert_true(body != NULL && basic != NULL);
		memcpy(basic, "Basic ", 6);
		for (size_t j = 0; j < len; j++) {
			body[j] = letters[(size_t)rand() % sizeof(letters)];
			basic[6 + j] = (char)('0' + rand() % 75);
		}
		basic[6 + len] = '\0';
		body = realloc(body, len == 0 ? 1 : len);
		struct input in = request("", i % 2 == 0 ? basic : NULL);

		in.body = body;
		in.body_len = len;
		if (form_read(&in, &mem, &form, &why))
			credentials_read(&in, &form, &mem, &given, &why);
		free(body);
		free(basic);
		mem_release(&mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_decoded),
		cmocka_unit_test(a_malformed_form_is_refused),
		cmocka_unit_test(only_a_form_without_a_query_is_read),
		cmocka_unit_test(one_way_to_authenticate_is_read),
		cmocka_unit_test(a_secret_is_compared_by_its_digest),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(noise_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
