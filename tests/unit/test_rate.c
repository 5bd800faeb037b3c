/* Quotas: what is taken, what is left, and that workers share it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "rate.h"

#define WINDOW_US 60000000u

/* Windows end by the clock: start where one cannot end within a test. */
static int
begin(void **state)
{
	uint64_t left = WINDOW_US - clock_monotonic_us() % WINDOW_US;

	(void)state;
	if (left < 2000000)
		usleep((useconds_t)left + 1000);
	return 0;
}

static int
map(void **state)
{
	rate_setup();
	return begin(state);
}

static void
a_quota_is_exceeded_by_the_first_request_beyond_it(void **state)
{
	struct rate rate;

	(void)state;
	for (long i = 1; i <= 5; i++) {
		rate_take("client", "a", 5, &rate);
		assert_false(rate.exceeded);
		assert_int_equal(rate.remaining, 5 - i);
	}
	rate_take("client", "a", 5, &rate);
	assert_true(rate.exceeded);
	assert_int_equal(rate.remaining, 0);
	assert_int_equal(rate.quota, 5);
	assert_in_range(rate.reset_s, 1, 60);
}

static void
keys_and_buckets_do_not_share_a_quota(void **state)
{
	struct rate rate;

	(void)state;
	rate_take("client", "b", 1, &rate);
	assert_false(rate.exceeded);
	rate_take("client", "c", 1, &rate);
	assert_false(rate.exceeded);
	rate_take("address", "b", 1, &rate);
	assert_false(rate.exceeded);
	rate_take("client", "b", 1, &rate);
	assert_true(rate.exceeded);
}

static void
looking_takes_nothing(void **state)
{
	struct rate rate;

	(void)state;
	rate_peek("client", "d", 1, &rate);
	rate_peek("client", "d", 1, &rate);
	assert_false(rate.exceeded);
	assert_int_equal(rate.remaining, 1);
	rate_take("client", "d", 1, &rate);
	assert_false(rate.exceeded);
	rate_peek("client", "d", 1, &rate);
	assert_true(rate.exceeded);
}

static void
a_quota_of_zero_is_no_limit(void **state)
{
	struct rate rate;

	(void)state;
	for (int i = 0; i < 1000; i++)
		rate_take("client", "e", 0, &rate);
	assert_false(rate.exceeded);
	assert_int_equal(rate.quota, 0);
}

static void
a_flood_of_keys_does_not_lift_a_quota(void **state)
{
	struct rate rate;
	char key[32];

	(void)state;
	for (int i = 0; i < 10; i++)
		rate_take("client", "busy", 10, &rate);
	for (int i = 0; i < 200000; i++) {
		snprintf(key, sizeof(key), "flood-%d", i);
		rate_take("address", key, 10, &rate);
	}
	rate_take("client", "busy", 10, &rate);
	assert_true(rate.exceeded);
}

static void
workers_count_together(void **state)
{
	struct rate rate;
	pid_t children[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] != 0)
			continue;
		for (int n = 0; n < 1000; n++)
			rate_take("client", "shared", 5000, &rate);
		_exit(0);
	}
	for (size_t i = 0; i < 4; i++)
		waitpid(children[i], NULL, 0);
	rate_peek("client", "shared", 5000, &rate);
	assert_int_equal(rate.remaining, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    a_quota_is_exceeded_by_the_first_request_beyond_it, begin),
		cmocka_unit_test_setup(
		    keys_and_buckets_do_not_share_a_quota, begin),
		cmocka_unit_test_setup(looking_takes_nothing, begin),
		cmocka_unit_test(a_quota_of_zero_is_no_limit),
		cmocka_unit_test_setup(workers_count_together, begin),
		/* Last: whoever comes after it inherits. */
		cmocka_unit_test_setup(
		    a_flood_of_keys_does_not_lift_a_quota, begin),
	};

	return cmocka_run_group_tests(tests, map, NULL);
}
