/* The arena of one exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

static int
release(void **state)
{
	mem_release(*state);
	return 0;
}

static int
begin(void **state)
{
	static struct mem mem;

	mem = (struct mem){ 0 };
	*state = &mem;
	return 0;
}

static void
what_is_taken_is_zeroed_and_aligned_for_any_type(void **state)
{
	for (size_t len = 0; len < 300; len += 7) {
		unsigned char *at = mem_take(*state, len);

		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(at[i], 0);
		memset(at, 0xff, len);
	}
}

static void
two_takings_never_overlap(void **state)
{
	unsigned char *all[2000];

	for (size_t i = 0; i < 2000; i++) {
		all[i] = mem_take(*state, i % 97 + 1);
		memset(all[i], (int)(i % 251), i % 97 + 1);
	}
	for (size_t i = 0; i < 2000; i++)
		for (size_t at = 0; at < i % 97 + 1; at++)
			assert_int_equal(all[i][at], i % 251);
}

static void
a_piece_larger_than_a_block_is_given_whole(void **state)
{
	char *small = mem_copy(*state, "before", 6);
	unsigned char *large = mem_take(*state, 3 * 1024 * 1024);
	char *after = mem_copy(*state, "after", 5);

	memset(large, 0xaa, 3 * 1024 * 1024);
	assert_string_equal(small, "before");
	assert_string_equal(after, "after");
}

static void
a_large_piece_leaves_the_rest_of_the_block_in_use(void **state)
{
	const char *first = mem_take(*state, 16);

	mem_take(*state, 100000);
	assert_ptr_equal(mem_take(*state, 16), first + 16);
}

static void
a_copy_ends_in_nul_and_takes_no_more_than_asked(void **state)
{
	assert_string_equal(mem_copy(*state, "quartier nord", 8), "quartier");
	assert_string_equal(mem_copy(*state, "x", 0), "");
	assert_string_equal(mem_copy(*state, NULL, 0), "");
}

static void
a_formatted_text_of_any_length_is_whole(void **state)
{
	char *text = mem_print(*state, "%s-%d-%05000d", "a", 42, 7);

	assert_int_equal(strlen(text), 5 + 5000);
	assert_memory_equal(text, "a-42-000", 8);
	assert_int_equal(text[strlen(text) - 1], '7');
}

static void
a_released_arena_is_empty_and_usable_again(void **state)
{
	struct mem *mem = *state;

	mem_take(mem, 10000);
	mem_release(mem);
	assert_null(mem->head);
	mem_release(mem);
	assert_string_equal(mem_copy(mem, "again", 5), "again");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, release)
	const struct CMUnitTest tests[] = {
		TEST(what_is_taken_is_zeroed_and_aligned_for_any_type),
		TEST(two_takings_never_overlap),
		TEST(a_piece_larger_than_a_block_is_given_whole),
		TEST(a_large_piece_leaves_the_rest_of_the_block_in_use),
		TEST(a_copy_ends_in_nul_and_takes_no_more_than_asked),
		TEST(a_formatted_text_of_any_length_is_whole),
		TEST(a_released_arena_is_empty_and_usable_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
