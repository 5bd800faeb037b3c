/* Environment variables to configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

static char why[256];

/* Only what must be there. */
static int
begin(void **state)
{
	static const char *const all[] = { "GUSP_PASSFILE", "GUSP_CONTRACT",
		"GUSP_DOCS", "GUSP_CORS_ORIGINS", "GUSP_TRUSTED_PROXIES",
		"GUSP_TOKEN_TTL", "GUSP_RATE", "GUSP_TOKEN_RATE", "GUSP_DRAIN",
		"GUSP_LINKS_MEMBER", "GUSP_LINKS_AUDITOR", "GUSP_LINKS_AUTH" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		unsetenv(all[i]);
	setenv("GUSP_DATABASE_URL", "postgresql:///gusp", 1);
	setenv("GUSP_ISSUER", "https://api.example.org", 1);
	setenv("GUSP_KEY_DIR", "keys", 1);
	*why = '\0';
	return 0;
}

static bool
reads(const char *name, const char *value)
{
	setenv(name, value, 1);

	bool good = config_read(why, sizeof(why));

	if (!good)
		assert_non_null(strstr(why, name));
	return good;
}

static void
what_is_not_set_has_its_documented_value(void **state)
{
	(void)state;
	assert_true(config_read(why, sizeof(why)));
	assert_string_equal(config.database_url, "postgresql:///gusp");
	assert_null(config.passfile);
	assert_null(config.docs_dir);
	assert_string_equal(config.cors_origins, "");
	assert_string_equal(config.trusted_proxies, "");
	assert_int_equal(config.token_ttl_s, 600);
	assert_int_equal(config.rate_per_minute, 600);
	assert_int_equal(config.token_rate_per_minute, 10);
	assert_int_equal(config.drain_s, 10);
	assert_int_equal(config.links_member, 6);
	assert_int_equal(config.links_auditor, 1);
	assert_int_equal(config.links_auth, 1);
}

static void
a_variable_set_to_nothing_is_not_set(void **state)
{
	(void)state;
	assert_true(reads("GUSP_RATE", ""));
	assert_int_equal(config.rate_per_minute, 600);
	assert_true(reads("GUSP_PASSFILE", ""));
	assert_null(config.passfile);
}

static void
a_missing_variable_is_named(void **state)
{
	static const char *const needed[] = { "GUSP_DATABASE_URL",
		"GUSP_ISSUER", "GUSP_KEY_DIR" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		begin(state);
		unsetenv(needed[i]);
		assert_false(config_read(why, sizeof(why)));
		assert_non_null(strstr(why, needed[i]));
		assert_false(reads(needed[i], ""));
	}
}

static void
the_issuer_is_a_url_without_final_slash(void **state)
{
	static const char *const good[] = { "https://api.example.org",
		"http://127.0.0.1:8080", "http://[::1]:8080",
		"https://example.org/gusp" };
	static const char *const bad[] = { "https://api.example.org/",
		"https://example.org/gusp/", "api.example.org", "https://",
		"ftp://example.org", "https://example.org?x=1",
		"https://example.org#x", "https://a b.org",
		"https://user@example.org", "https://example.org\n",
		"https:///x", "https://ex\xc3\xa9mple.org" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(reads("GUSP_ISSUER", good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(reads("GUSP_ISSUER", bad[i]));
}

static void
a_number_is_digits_within_its_bounds(void **state)
{
	static const char *const bad[] = { "59", "86401", "-600", "+600",
		" 600", "600 ", "600s", "0x258", "6e2", "1.5", "abc",
		"99999999999999999999999" };

	(void)state;
	assert_true(reads("GUSP_TOKEN_TTL", "60"));
	assert_int_equal(config.token_ttl_s, 60);
	assert_true(reads("GUSP_TOKEN_TTL", "86400"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(reads("GUSP_TOKEN_TTL", bad[i]));
}

static void
zero_turns_the_rate_off_but_leaves_no_lane_without_links(void **state)
{
	(void)state;
	assert_true(reads("GUSP_RATE", "0"));
	assert_int_equal(config.rate_per_minute, 0);
	assert_false(reads("GUSP_LINKS_MEMBER", "0"));
}

static void
origins_are_exact(void **state)
{
	(void)state;
	assert_true(reads("GUSP_CORS_ORIGINS",
	    "https://front.example.org,http://localhost:3000"));
	assert_false(reads("GUSP_CORS_ORIGINS", "*"));
	assert_false(reads("GUSP_CORS_ORIGINS", "https://*.example.org"));
	assert_false(reads("GUSP_CORS_ORIGINS", "https://example.org/"));
	assert_false(reads("GUSP_CORS_ORIGINS", "https://a.org,"));
	assert_false(reads("GUSP_CORS_ORIGINS", "null"));
}

static void
proxies_are_addresses(void **state)
{
	(void)state;
	assert_true(reads("GUSP_TRUSTED_PROXIES", "127.0.0.1,::1,10.0.0.7"));
	assert_false(reads("GUSP_TRUSTED_PROXIES", "proxy.example.org"));
	assert_false(reads("GUSP_TRUSTED_PROXIES", "10.0.0.0/8"));
	assert_false(reads("GUSP_TRUSTED_PROXIES", "127.0.0.1,,::1"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_set_has_its_documented_value),
		TEST(a_variable_set_to_nothing_is_not_set),
		TEST(a_missing_variable_is_named),
		TEST(the_issuer_is_a_url_without_final_slash),
		TEST(a_number_is_digits_within_its_bounds),
		TEST(zero_turns_the_rate_off_but_leaves_no_lane_without_links),
		TEST(origins_are_exact),
		TEST(proxies_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
