/* The log's lines, read back from a pipe in place of standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "log.h"

#define READ_MAX 16384

static int saved = -1, from = -1;
static char text[READ_MAX];

static int
divert(void **state)
{
	int ends[2];

	(void)state;
	if (pipe(ends) == -1)
		return -1;
	saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	from = ends[0];
	return 0;
}

static int
restore(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(from);
	return 0;
}

/* What was written in one piece. */
static size_t
written(void)
{
	ssize_t n = read(from, text, sizeof(text) - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return (size_t)n;
}

/* The one line that was written, as JSON; owned by the caller. */
static json_t *
line(void)
{
	size_t len = written();
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	return json;
}

static const char *
member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void
an_event_is_one_json_object_on_one_line(void **state)
{
	(void)state;
	log_warning("db_link_lost", LOG_INT("link", -3), LOG_STR("lane", "m"));

	json_auto_t *json = line();

	assert_string_equal(member(json, "event"), "db_link_lost");
	assert_string_equal(member(json, "level"), "warning");
	assert_string_equal(member(json, "lane"), "m");
	assert_int_equal(json_integer_value(json_object_get(json, "link")), -3);
}

static void
a_line_begins_with_the_instant_in_utc(void **state)
{
	(void)state;
	log_info("e", LOG_INT("n", 1));

	json_auto_t *json = line();
	const char *ts = member(json, "ts");

	assert_int_equal(strlen(ts), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(ts[10], 'T');
	assert_int_equal(ts[23], 'Z');
	assert_memory_equal(text, "{\"ts\":", 6);
}

static void
numbers_keep_all_their_digits(void **state)
{
	(void)state;
	log_info("e", LOG_INT("least", INT64_MIN), LOG_INT("most", INT64_MAX));

	json_auto_t *json = line();

	assert_true(
	    json_integer_value(json_object_get(json, "least")) == INT64_MIN);
	assert_true(
	    json_integer_value(json_object_get(json, "most")) == INT64_MAX);
}

static void
a_text_cannot_break_out_of_its_field(void **state)
{
	const char *evil = "a\"},{\"level\":\"error\\\n\r\t\x01\x7f";

	(void)state;
	log_info("e", LOG_STR("v", evil));

	json_auto_t *json = line();

	assert_string_equal(member(json, "v"), evil);
	assert_string_equal(member(json, "level"), "info");
}

static void
utf_8_is_kept_and_what_is_not_utf_8_is_replaced(void **state)
{
	(void)state;
	log_info("e",
	    LOG_STR("good", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac "
	                    "\xf0\x9f\x8f\xa0"),
	    LOG_STR("bad", "\xc3(\xff\xed\xa0\x80\xc0\x80|\xe2\x82"));

	json_auto_t *json = line();

	assert_string_equal(member(json, "good"),
	    "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8f\xa0");
	assert_non_null(strstr(member(json, "bad"), "\xef\xbf\xbd("));
	assert_non_null(strstr(member(json, "bad"), "|"));
}

static void
a_missing_text_is_an_empty_one(void **state)
{
	(void)state;
	log_info("e", LOG_STR("v", NULL));

	json_auto_t *json = line();

	assert_string_equal(member(json, "v"), "");
}

static void
a_text_too_long_is_cut_and_the_line_stays_json(void **state)
{
	static char quotes[9000], letters[9000];

	(void)state;
	memset(quotes, '"', sizeof(quotes) - 1);
	memset(letters, 'x', sizeof(letters) - 1);
	for (size_t cut = 3900; cut < 4100; cut++) {
		letters[cut] = '\0';
		log_info("e", LOG_STR("a", letters), LOG_STR("b", quotes),
		    LOG_INT("n", INT64_MIN));
		letters[cut] = 'x';

		json_auto_t *json = line();

		assert_true(strlen(text) <= 4096);
		assert_true(strlen(member(json, "a")) > 3800);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, divert, restore)
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_one_json_object_on_one_line),
		TEST(a_line_begins_with_the_instant_in_utc),
		TEST(numbers_keep_all_their_digits),
		TEST(a_text_cannot_break_out_of_its_field),
		TEST(utf_8_is_kept_and_what_is_not_utf_8_is_replaced),
		TEST(a_missing_text_is_an_empty_one),
		TEST(a_text_too_long_is_cut_and_the_line_stays_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
