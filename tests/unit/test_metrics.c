/* Metrics: what is counted, and that its text is what Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "contract.h"
#include "metrics.h"

static struct operation operations[] = {
	{ .id = "site_list",
	    .path = "/v1/sites",
	    .method = METHOD_GET,
	    .index = 0 },
	{ .id = "site_create",
	    .path = "/v1/sites",
	    .method = METHOD_POST,
	    .index = 1 },
};

static struct mem mem;

static int
map(void **state)
{
	(void)state;
	contract.operations = operations;
	contract.n_operations = 2;
	metrics_setup();
	return 0;
}

static int
unmap(void **state)
{
	(void)state;
	mem_release(&mem);
	return 0;
}

static bool
has_line(const char *line)
{
	size_t len, n = strlen(line);
	const char *at = metrics_text(&mem, &len);

	assert_int_equal(strlen(at), len);
	while ((at = strstr(at, line)) != NULL) {
		if (at[n] == '\n')
			return true;
		at += n;
	}
	return false;
}

static void
requests_are_counted_by_method_route_and_status(void **state)
{
	(void)state;
	metrics_count(0, METHOD_GET, 200, 700);
	metrics_count(0, METHOD_GET, 200, 700);
	metrics_count(0, METHOD_HEAD, 304, 700);
	metrics_count(1, METHOD_POST, 201, 700);
	assert_true(has_line("http_requests_total{method=\"GET\","
	                     "route=\"/v1/sites\",status=\"200\"} 2"));
	assert_true(has_line("http_requests_total{method=\"HEAD\","
	                     "route=\"/v1/sites\",status=\"304\"} 1"));
	assert_true(has_line("http_requests_total{method=\"POST\","
	                     "route=\"/v1/sites\",status=\"201\"} 1"));
}

static void
a_request_without_a_route_is_counted_as_unmatched(void **state)
{
	(void)state;
	metrics_count((size_t)-1, METHOD_GET, 404, 10);
	assert_true(has_line("http_requests_total{method=\"GET\","
	                     "route=\"unmatched\",status=\"404\"} 1"));
}

static void
the_buckets_of_a_histogram_are_cumulated(void **state)
{
	(void)state;
	metrics_count(1, METHOD_POST, 201, 2000000);
	metrics_count(1, METHOD_POST, 201, 60000000);
	assert_true(has_line("http_request_duration_seconds_bucket{"
	                     "method=\"POST\",route=\"/v1/sites\","
	                     "le=\"0.001\"} 1"));
	assert_true(has_line("http_request_duration_seconds_bucket{"
	                     "method=\"POST\",route=\"/v1/sites\","
	                     "le=\"2.5\"} 2"));
	assert_true(has_line("http_request_duration_seconds_bucket{"
	                     "method=\"POST\",route=\"/v1/sites\","
	                     "le=\"+Inf\"} 3"));
	assert_true(has_line("http_request_duration_seconds_count{"
	                     "method=\"POST\",route=\"/v1/sites\"} 3"));
	assert_true(has_line("http_request_duration_seconds_sum{"
	                     "method=\"POST\",route=\"/v1/sites\"} "
	                     "62.000700"));
}

static void
workers_count_together(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		metrics_count(0, METHOD_GET, 503, 10);
		metrics_gauges(3, 7, 4096);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	assert_true(has_line("http_requests_total{method=\"GET\","
	                     "route=\"/v1/sites\",status=\"503\"} 1"));
	assert_true(has_line("db_calls_in_flight{worker=\"3\"} 7"));
	assert_true(
	    has_line("worker_resident_memory_bytes{worker=\"3\"} 4096"));
}

/* What promtool check metrics demands of the order. */
static void
every_sample_follows_its_help_and_type(void **state)
{
	size_t len = 0;
	const char *told = metrics_text(&mem, &len);
	char *text = mem_copy(&mem, told, len);
	char *rest = NULL, name[128] = "", type[128] = "";

	(void)state;
	assert_int_equal(text[len - 1], '\n');
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "# HELP %127s", name) == 1)
			continue;
		if (sscanf(line, "# TYPE %127s", type) == 1) {
			assert_string_equal(name, type);
			continue;
		}
		assert_memory_equal(line, type, strlen(type));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    requests_are_counted_by_method_route_and_status),
		cmocka_unit_test(
		    a_request_without_a_route_is_counted_as_unmatched),
		cmocka_unit_test(the_buckets_of_a_histogram_are_cumulated),
		cmocka_unit_test(workers_count_together),
		cmocka_unit_test(every_sample_follows_its_help_and_type),
	};

	return cmocka_run_group_tests(tests, map, unmap);
}
