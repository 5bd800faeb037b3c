/* Cursors: read by who wrote them, for the list they came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"

#define SCOPE "site_list name status=4:{\"a\"}"

static const unsigned char secret[32] = { 1, 2, 3, 4, 5 };
static const unsigned char other_secret[32] = { 9 };

static int
start(void **state)
{
	*state = calloc(1, sizeof(struct mem));
	cursor_secret(secret, sizeof(secret));
	return *state == NULL;
}

static int
stop(void **state)
{
	mem_release(*state);
	free(*state);
	return 0;
}

static void
a_cursor_gives_its_key_back(void **state)
{
	struct mem *mem = *state;
	const char *values[4];
	const char *cursor = cursor_write(SCOPE,
	    "[\"Cit\xc3\xa9 \\\"A, ]\\\" \\\\\", 12345678901234567, "
	    "0.10000000000000000001, null]",
	    mem);

	assert_non_null(cursor);
	assert_true(cursor_read(cursor, SCOPE, mem, values, 4));
	assert_string_equal(values[0], "Cit\xc3\xa9 \"A, ]\" \\");
	assert_string_equal(values[1], "12345678901234567");
	assert_string_equal(values[2], "0.10000000000000000001");
	assert_null(values[3]);
}

static void
a_cursor_is_opaque_and_safe_in_an_address(void **state)
{
	struct mem *mem = *state;
	const char *cursor = cursor_write(SCOPE, "[\"\xc3\xbf?>~\",1]", mem);

	assert_int_equal(
	    strspn(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
	                   "uvwxyz0123456789-_"),
	    strlen(cursor));
}

static void
a_cursor_of_another_list_is_refused(void **state)
{
	struct mem *mem = *state;
	const char *values[4];
	const char *cursor = cursor_write(SCOPE, "[\"a\"]", mem);

	assert_true(cursor_read(cursor, SCOPE, mem, values, 1));
	assert_false(cursor_read(cursor, SCOPE " ", mem, values, 1));
	assert_false(cursor_read(cursor, "", mem, values, 1));
	assert_false(cursor_read(cursor, SCOPE, mem, values, 2));
}

static void
a_cursor_that_was_touched_is_refused(void **state)
{
	struct mem *mem = *state;
	const char *values[4];
	const char *cursor = cursor_write(SCOPE, "[\"abc\",7]", mem);

	for (size_t i = 0; i < strlen(cursor); i++) {
		char *touched = mem_copy(mem, cursor, strlen(cursor));

		touched[i] = touched[i] == 'A' ? 'B' : 'A';
		assert_false(cursor_read(touched, SCOPE, mem, values, 2));
		touched[i] = '\0';
		assert_false(cursor_read(touched, SCOPE, mem, values, 2));
	}
	assert_false(
	    cursor_read(mem_print(mem, "%sA", cursor), SCOPE, mem, values, 2));
	assert_false(
	    cursor_read(mem_print(mem, "%s=", cursor), SCOPE, mem, values, 2));
	assert_false(cursor_read("", SCOPE, mem, values, 2));
	assert_false(cursor_read("\xc3\xa9", SCOPE, mem, values, 2));
}

static void
a_cursor_under_another_secret_is_refused(void **state)
{
	struct mem *mem = *state;
	const char *values[4];
	const char *cursor = cursor_write(SCOPE, "[1]", mem);

	cursor_secret(other_secret, sizeof(other_secret));
	assert_false(cursor_read(cursor, SCOPE, mem, values, 1));
	cursor_secret(secret, sizeof(secret));
	assert_true(cursor_read(cursor, SCOPE, mem, values, 1));
}

static void
without_a_secret_every_cursor_is_refused(void **state)
{
	struct mem *mem = *state;
	const char *values[4];
	const char *cursor = cursor_write(SCOPE, "[1]", mem);

	cursor_secret(secret, 31);
	assert_false(cursor_read(cursor, SCOPE, mem, values, 1));
	assert_null(cursor_write(SCOPE, "[1]", mem));
}

static void
random_texts_are_refused_without_harm(void **state)
{
	static const char alphabet[] = "ABCDabcd0189-_=%+/ \xc3";
	struct mem *mem = *state;
	const char *values[4];

	srand(5);
	for (int round = 0; round < 20000; round++) {
		char text[80] = "AQ";
		size_t len = (size_t)(rand() % 70);

		for (size_t i = 0; i < len; i++)
			text[i + (size_t)(round % 2) * 2] =
			    alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		assert_false(cursor_read(text, SCOPE, mem, values, 4));
		mem_release(mem);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cursor_gives_its_key_back),
		TEST(a_cursor_is_opaque_and_safe_in_an_address),
		TEST(a_cursor_of_another_list_is_refused),
		TEST(a_cursor_that_was_touched_is_refused),
		TEST(a_cursor_under_another_secret_is_refused),
		TEST(without_a_secret_every_cursor_is_refused),
		TEST(random_texts_are_refused_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
