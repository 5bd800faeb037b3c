/* Paths and methods to operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "route.h"

#define SMALL "tests/data/contract/small.json"
#define ID    "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b11"

static struct mem mem;

static int
start(void **state)
{
	char why[500] = "";

	(void)state;
	if (!contract_load(SMALL, why, sizeof(why)))
		fail_msg("%s", why);
	route_build();
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	mem_release(&mem);
	return 0;
}

static struct route
find(enum method method, const char *path)
{
	struct route route;

	route_find(method, path, &mem, &route);
	return route;
}

static void
assert_operation(enum method method, const char *path, const char *id)
{
	struct route route = find(method, path);

	assert_non_null(route.operation);
	assert_string_equal(route.operation->id, id);
}

static void
a_method_and_a_path_lead_to_one_operation(void **state)
{
	(void)state;
	assert_operation(METHOD_GET, "/v1/sites", "site_list");
	assert_operation(METHOD_POST, "/v1/sites", "site_create");
	assert_operation(METHOD_GET, "/v1/sites/" ID, "site_read");
	assert_operation(METHOD_PATCH, "/v1/sites/" ID, "site_update");
	assert_operation(
	    METHOD_POST, "/v1/sites/" ID "/transitions", "site_transition");
	assert_operation(METHOD_POST, "/oauth/token", "oauth_token");
}

static void
head_finds_get(void **state)
{
	(void)state;
	assert_operation(METHOD_HEAD, "/v1/sites", "site_list");
	assert_null(find(METHOD_HEAD, "/oauth/token").operation);
}

static void
parameters_are_taken_in_order_and_undecoded(void **state)
{
	struct route route = find(METHOD_POST, "/v1/sites/a%2Fb/photos/7+8");

	(void)state;
	assert_string_equal(route.operation->id, "photo_create");
	assert_int_equal(route.n_args, 2);
	assert_string_equal(route.args[0], "a%2Fb");
	assert_string_equal(route.args[1], "7+8");
}

static void
a_literal_wins_and_gives_way_where_it_leads_nowhere(void **state)
{
	struct route route;

	(void)state;
	assert_operation(METHOD_GET, "/v1/sites/map", "site_map");
	route = find(METHOD_GET, "/v1/sites/map/history");
	assert_string_equal(route.operation->id, "site_history");
	assert_int_equal(route.n_args, 1);
	assert_string_equal(route.args[0], "map");
	assert_null(find(METHOD_PATCH, "/v1/sites/map").operation);
}

static void
a_path_knows_its_methods(void **state)
{
	struct route route = find(METHOD_DELETE, "/v1/sites/" ID);

	(void)state;
	assert_null(route.operation);
	assert_string_equal(
	    route_allow(route.methods, &mem), "GET, HEAD, PATCH, OPTIONS");
	route = find(METHOD_OPTIONS, "/oauth/token");
	assert_null(route.operation);
	assert_string_equal(route_allow(route.methods, &mem), "POST, OPTIONS");
}

static void
a_path_that_is_not_there_has_no_methods(void **state)
{
	static const char *const paths[] = { "", "/", "*", "v1/sites", "/v1",
		"/v1/", "/v1/sites/", "/v1//sites", "//v1/sites", "/v1/site",
		"/v1/sitesx", "/V1/sites", "/v1/sites/" ID "/",
		"/v1/sites//history", "/v1/sites/" ID "/history/x",
		"/v1/sites/" ID "/photos", "/v1/sites/" ID "/photos/",
		"http://a/v1/sites", "/v1/%73ites" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct route route = find(METHOD_GET, paths[i]);

		assert_null(route.operation);
		assert_int_equal(route.methods, 0);
		assert_int_equal(route.n_args, 0);
	}
}

static void
random_paths_are_found_or_not_without_harm(void **state)
{
	static const char *const steps[] = { "/", "v1", "sites", "map", "a",
		"history", "photos", "transitions", "{id}", "%2F", "//" };

	(void)state;
	srand(2);
	for (int round = 0; round < 20000; round++) {
		char path[200] = "/v1";
		struct route route;

		for (int n = rand() % 12; n > 0; n--) {
			strcat(path, steps[rand() % 11]);
			strcat(path, rand() % 2 ? "/" : "");
		}
		route = find((enum method)(rand() % N_METHODS), path);
		assert_true(route.n_args <= ROUTE_ARGS_MAX);
		mem_release(&mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_method_and_a_path_lead_to_one_operation),
		cmocka_unit_test(head_finds_get),
		cmocka_unit_test(parameters_are_taken_in_order_and_undecoded),
		cmocka_unit_test(
		    a_literal_wins_and_gives_way_where_it_leads_nowhere),
		cmocka_unit_test(a_path_knows_its_methods),
		cmocka_unit_test(a_path_that_is_not_there_has_no_methods),
		cmocka_unit_test(random_paths_are_found_or_not_without_harm),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
