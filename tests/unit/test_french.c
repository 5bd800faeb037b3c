/* French identifiers, good and bad. Codes of quartiers and communes are of
 * other cities than the demonstration's, or only have the form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format.h"
#include "french.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

struct vector {
	const char *text;
	bool good;
};

static void
check_all(bool (*check)(const char *), const struct vector *vectors, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (check(vectors[i].text) != vectors[i].good)
			fail_msg("'%s' should be %s", vectors[i].text,
			    vectors[i].good ? "accepted" : "refused");
}

#define CHECK(check, vectors) check_all(check, vectors, N_ELEMENTS(vectors))

static void
a_siren_has_nine_digits_and_luhns_key(void **state)
{
	static const struct vector vectors[] = {
		{ "356000000", true },
		{ "732829320", true },
		{ "552100554", true },
		{ "732829321", false },
		{ "723829320", false }, /* two digits swapped */
		{ "000000000", false },
		{ "73282932", false },
		{ "7328293200", false },
		{ "732 829 320", false },
		{ "73282932O", false },
		{ "-32829320", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_siren, vectors);
}

static void
a_siret_is_a_siren_a_number_and_a_key(void **state)
{
	static const struct vector vectors[] = {
		{ "73282932000074", true },
		{ "55210055400013", true },
		{ "73282932000075", false },
		{ "73282932100073", false }, /* its SIREN has a wrong key */
		{ "73282932000009", false }, /* establishment 0000 */
		{ "00000000000018", false },
		{ "7328293200007", false },
		{ "732829320000741", false },
		{ "732 829 320 00074", false },
		{ "7328293200007X", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_siret, vectors);
}

static void
la_poste_counts_its_establishments_in_fives(void **state)
{
	static const struct vector vectors[] = {
		{ "35600000000048", true }, /* the head office follows Luhn */
		{ "35600000049837", true }, /* 45 is a multiple of five */
		{ "35600000049838", false },
		{ "35600000000015", true },  /* 20 */
		{ "35600000000016", false }, /* 21 */
		{ "73282932000075", false }, /* 47, and not La Poste */
		{ "73282932000078", false }, /* 50, and not La Poste */
	};

	(void)state;
	CHECK(french_siret, vectors);
}

static void
an_rna_number_is_w_and_nine_places_the_second_maybe_a_letter(void **state)
{
	static const struct vector vectors[] = {
		{ "W139999999", true },
		{ "W000000001", true },
		{ "W2A0000001", true },
		{ "W9R0000001", true },
		{ "WA20000001", false },
		{ "w139999999", false },
		{ "W13999999", false },
		{ "W1399999999", false },
		{ "W13999999A", false },
		{ "1399999999", false },
		{ "W", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_rna, vectors);
}

static void
a_commune_has_five_characters_and_a_departement(void **state)
{
	static const struct vector vectors[] = {
		{ "13103", true },
		{ "01001", true },
		{ "95680", true },
		{ "2A004", true },
		{ "2B033", true },
		{ "97105", true },
		{ "97608", true },
		{ "98818", true },
		{ "00001", false },
		{ "20004", false },
		{ "96001", false },
		{ "97001", false },
		{ "97901", false },
		{ "98101", false },
		{ "2C004", false },
		{ "2a004", false },
		{ "13000", false },
		{ "97100", false },
		{ "1310", false },
		{ "131031", false },
		{ "1310A", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_insee, vectors);
}

static void
a_departement_is_two_characters_or_three_overseas(void **state)
{
	static const struct vector vectors[] = {
		{ "13", true },
		{ "01", true },
		{ "95", true },
		{ "2A", true },
		{ "974", true },
		{ "00", false },
		{ "20", false },
		{ "96", false },
		{ "97", false },
		{ "970", false },
		{ "1", false },
		{ "013", false },
		{ "2AB", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_departement, vectors);
}

static void
a_quartier_code_is_of_2015_or_of_2024(void **state)
{
	static const struct vector vectors[] = {
		{ "QP013001", true },
		{ "QP02A001", true },
		{ "QP974012", true },
		{ "QN01301N", true },
		{ "QN01312M", true },
		{ "QN97401I", true },
		{ "QN02B01I", true },
		{ "QN013001", false }, /* 2024 ends in a letter */
		{ "QP01301M", false }, /* 2015 does not */
		{ "QN01301X", false },
		{ "QP13001", false },
		{ "QP0130011", false },
		{ "QP099001", false },
		{ "QX013001", false },
		{ "qp013001", false },
		{ "", false },
	};

	(void)state;
	CHECK(french_qpv, vectors);
}

static void
a_day_is_one_of_the_calendar(void **state)
{
	static const struct vector vectors[] = {
		{ "2007-07-12", true },
		{ "2024-02-29", true },
		{ "2000-02-29", true },
		{ "0001-01-01", true },
		{ "9999-12-31", true },
		{ "2023-02-29", false },
		{ "1900-02-29", false },
		{ "2024-02-30", false },
		{ "2024-04-31", false },
		{ "2024-13-01", false },
		{ "2024-00-01", false },
		{ "2024-01-00", false },
		{ "2024-01-32", false },
		{ "0000-01-01", false },
		{ "2024-1-01", false },
		{ "24-01-01", false },
		{ "2024-01-01T00:00:00Z", false },
		{ "2024/01/01", false },
		{ "+2024-01-01", false },
		{ "2024-01-01 ", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_date, vectors);
}

static void
an_instant_has_its_offset(void **state)
{
	static const struct vector vectors[] = {
		{ "2024-01-01T00:00:00Z", true },
		{ "2024-01-01t00:00:00z", true },
		{ "2024-06-30T23:59:59.123456789+02:00", true },
		{ "2024-06-30T23:59:59-11:30", true },
		{ "2016-12-31T23:59:60Z", true },
		{ "2017-01-01T00:59:60+01:00", true },
		{ "2024-06-30T12:00:60Z", false },
		{ "2024-01-01T00:00:00", false },
		{ "2024-01-01T00:00Z", false },
		{ "2024-01-01 00:00:00Z", false },
		{ "2024-01-01T24:00:00Z", false },
		{ "2024-01-01T00:60:00Z", false },
		{ "2024-01-01T00:00:61Z", false },
		{ "2024-01-01T00:00:00.Z", false },
		{ "2024-01-01T00:00:00.1234567890Z", false },
		{ "2024-01-01T00:00:00+2:00", false },
		{ "2024-01-01T00:00:00+0200", false },
		{ "2024-01-01T00:00:00+16:00", false },
		{ "2024-01-01T00:00:00+02:60", false },
		{ "2024-01-01T00:00:00 02:00", false },
		{ "2024-01-01T00:00:00ZZ", false },
		{ "0001-01-01T00:00:00+14:00", false },
		{ "9999-12-31T23:59:59-14:00", false },
		{ "2023-02-29T00:00:00Z", false },
		{ "2024-01-01", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_date_time, vectors);
}

static void
what_is_read_as_of_is_a_day_or_an_instant(void **state)
{
	static const struct vector vectors[] = {
		{ "2024-02-29", true },
		{ "2024-02-29T09:30:00Z", true },
		{ "2024-02-29T09:30:00+01:00", true },
		{ "2023-02-29", false },
		{ "2024-02-29T09:30:00", false },
		{ "2024-02-29 ", false },
		{ "now", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_day_or_instant, vectors);
}

static void
a_uuid_has_its_hyphens(void **state)
{
	static const struct vector vectors[] = {
		{ "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b11", true },
		{ "0191F3A2-7C4E-7D10-9A55-3F2F6A1C8B11", true },
		{ "0191f3a27c4e7d109a553f2f6a1c8b11", false },
		{ "{0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b11}", false },
		{ "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b1", false },
		{ "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b1g", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_uuid, vectors);
}

static void
a_link_is_http_with_a_host(void **state)
{
	static const struct vector vectors[] = {
		{ "https://example.org", true },
		{ "http://example.org:8080/a/b?c=d&e=%C3%A9#f", true },
		{ "HTTPS://example.org/", true },
		{ "http://localhost/", true },
		{ "https://127.0.0.1/x", true },
		{ "javascript:alert(1)", false },
		{ "ftp://example.org/", false },
		{ "//example.org/", false },
		{ "https://", false },
		{ "https:///path", false },
		{ "https://user@example.org/", false },
		{ "https://good.example.org:80@evil.example.org/", false },
		{ "https://exa mple.org/", false },
		{ "https://example.org/\xc3\xa9", false },
		{ "https://example.org/%zz", false },
		{ "https://example.org:0/", false },
		{ "https://example.org:65536/", false },
		{ "https://example.org:/", false },
		{ "https://-example.org/", false },
		{ "https://example..org/", false },
		{ "https://example.org/#a#b", false },
		{ "https://example.org/<script>", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_uri, vectors);
}

static void
a_mail_address_has_one_at_and_a_domain(void **state)
{
	static const struct vector vectors[] = {
		{ "accueil@example.org", true },
		{ "a.b+c@sub.example.org", true },
		{ "accueil@example", false },
		{ "@example.org", false },
		{ "accueil", false },
		{ "a@b@example.org", false },
		{ ".a@example.org", false },
		{ "a.@example.org", false },
		{ "a..b@example.org", false },
		{ "a b@example.org", false },
		{ "a@example.org.", false },
		{ "a@-example.org", false },
		{ "", false },
	};

	(void)state;
	CHECK(format_email, vectors);
}

static void
no_check_reads_beyond_a_random_text(void **state)
{
	static const char alphabet[] = "QPNWMI2AB013569-:.TZ+@/%h";
	static bool (*const checks[])(const char *) = { french_siren,
		french_siret, french_rna, french_insee, french_departement,
		french_qpv, format_uuid, format_date, format_date_time,
		format_day_or_instant, format_uri, format_email };

	(void)state;
	srand(7);
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)(rand() % 40);
		/* On the heap and exact, so that the sanitizer sees. */
		char *text = malloc(len + 1);

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] =
			    alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		text[len] = '\0';
		for (size_t i = 0; i < N_ELEMENTS(checks); i++)
			checks[i](text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_siren_has_nine_digits_and_luhns_key),
		cmocka_unit_test(a_siret_is_a_siren_a_number_and_a_key),
		cmocka_unit_test(la_poste_counts_its_establishments_in_fives),
		cmocka_unit_test(
		    an_rna_number_is_w_and_nine_places_the_second_maybe_a_letter),
		cmocka_unit_test(
		    a_commune_has_five_characters_and_a_departement),
		cmocka_unit_test(
		    a_departement_is_two_characters_or_three_overseas),
		cmocka_unit_test(a_quartier_code_is_of_2015_or_of_2024),
		cmocka_unit_test(a_day_is_one_of_the_calendar),
		cmocka_unit_test(an_instant_has_its_offset),
		cmocka_unit_test(what_is_read_as_of_is_a_day_or_an_instant),
		cmocka_unit_test(a_uuid_has_its_hyphens),
		cmocka_unit_test(a_link_is_http_with_a_host),
		cmocka_unit_test(a_mail_address_has_one_at_and_a_domain),
		cmocka_unit_test(no_check_reads_beyond_a_random_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
