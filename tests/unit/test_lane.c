/* Lanes: whose connection a call goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lane.h"

#define BOTH (1u << ROLE_CITY | 1u << ROLE_AUDITOR)

static const struct operation record = { .roles = BOTH };
static const struct operation person = { .roles = BOTH, .private = true };

static void
each_lane_logs_in_as_a_role_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_LANES; i++) {
		assert_non_null(lane_table[i].role);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
			    lane_table[i].role, lane_table[j].role);
	}
	assert_string_equal(lane_table[LANE_PRIVACY].role, "gusp_privacy");
}

static void
the_role_chooses_the_lane(void **state)
{
	(void)state;
	assert_int_equal(lane_of(&record, ROLE_CITY), LANE_MEMBER);
	assert_int_equal(lane_of(&record, ROLE_AUDITOR), LANE_AUDITOR);
	assert_int_equal(lane_of(&record, ROLE_ADMIN), LANE_ADMIN);
	assert_true(lane_serves(LANE_MEMBER, &record));
	assert_true(lane_serves(LANE_AUDITOR, &record));
	assert_false(lane_serves(LANE_ADMIN, &record));
	assert_false(lane_serves(LANE_PRIVACY, &record));
	assert_false(lane_serves(LANE_AUTH, &record));
}

static void
what_is_private_has_one_lane_whoever_calls(void **state)
{
	(void)state;
	for (unsigned role = 0; role < N_ROLES; role++)
		assert_int_equal(
		    lane_of(&person, (enum role)role), LANE_PRIVACY);
	for (unsigned lane = 0; lane < N_LANES; lane++)
		assert_int_equal(lane_serves((enum lane)lane, &person),
		    lane == LANE_PRIVACY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lane_logs_in_as_a_role_of_its_own),
		cmocka_unit_test(the_role_chooses_the_lane),
		cmocka_unit_test(what_is_private_has_one_lane_whoever_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
