/*
 * Metrics: counters in memory that all workers share, and their text in the
 * exposition format of Prometheus (version 0.0.4).
 *
 * Routes are the templates of the contract, never paths: the number of
 * series is known at start.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

#include "contract.h"
#include "input.h"
#include "shared.h"

#ifndef GUSP_VERSION
#define GUSP_VERSION "unknown"
#endif

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define WORKERS_MAX   64

/* Statuses that are counted by themselves; others count as the last one. */
static const int statuses[] = { 200, 201, 202, 204, 304, 308, 400, 401, 403,
	404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 422, 428, 429, 431,
	499, 501, 503, 505, 500 };

/* Upper bounds of the histogram, in microseconds; above is +Inf. */
static const struct {
	uint64_t us;
	const char *le;
} bounds[] = {
	{ 500, "0.0005" },
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
};

typedef _Atomic uint64_t counter;

/* One a route of the contract, and one for requests without a route. */
struct row {
	counter requests[N_METHODS][N_ELEMENTS(statuses)];
	counter within[N_ELEMENTS(bounds) + 1]; /* not cumulated */
	counter total_us;
};

struct worker_use {
	counter alive; /* it said something */
	counter calls_in_flight;
	counter resident_bytes;
};

struct board {
	struct worker_use workers[WORKERS_MAX];
	struct row rows[]; /* contract.n_operations + 1 */
};

static struct board *board;
static size_t n_rows;

void
metrics_setup(void)
{
	n_rows = contract.n_operations + 1;
	board = shared_take(sizeof(*board) + n_rows * sizeof(struct row));
}

static size_t
status_index(int status)
{
	size_t i = 0;

	while (i < N_ELEMENTS(statuses) - 1 && statuses[i] != status)
		i++;
	return i;
}

void
metrics_count(size_t operation, int method, int status, uint64_t duration_us)
{
	size_t at = operation < n_rows - 1 ? operation : n_rows - 1;
	size_t how = method >= 0 && method < N_METHODS ? (size_t)method : 0;
	size_t b = 0;

	if (board == NULL)
		return;

	struct row *row = &board->rows[at];

	while (b < N_ELEMENTS(bounds) && duration_us > bounds[b].us)
		b++;
	atomic_fetch_add_explicit(
	    &row->requests[how][status_index(status)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&row->within[b], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(
	    &row->total_us, duration_us, memory_order_relaxed);
}

void
metrics_gauges(size_t worker, size_t calls_in_flight, size_t resident_bytes)
{
	if (board == NULL || worker >= WORKERS_MAX)
		return;

	struct worker_use *use = &board->workers[worker];

	atomic_store(&use->calls_in_flight, calls_in_flight);
	atomic_store(&use->resident_bytes, resident_bytes);
	atomic_store(&use->alive, 1);
}

/* HELP and TYPE: once a metric, before its first sample. */
static void
head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static const char *
route_of(size_t row)
{
	return row < n_rows - 1 ? contract.operations[row].path : "unmatched";
}

static void
write_requests(FILE *out)
{
	head(out, "http_requests_total", "counter",
	    "Requests answered, by method, route template and status.");
	for (size_t r = 0; r < n_rows; r++) {
		for (size_t m = 0; m < N_METHODS; m++) {
			for (size_t s = 0; s < N_ELEMENTS(statuses); s++) {
				uint64_t n =
				    atomic_load(&board->rows[r].requests[m][s]);

				if (n > 0)
					fprintf(out,
					    "http_requests_total{method=\"%s\","
					    "route=\"%s\",status=\"%d\"} "
					    "%" PRIu64 "\n",
					    method_names[m], route_of(r),
					    statuses[s], n);
			}
		}
	}
}

/* The method of a row's durations; a HEAD counts with its GET. */
static const char *
row_method(size_t row)
{
	return row < n_rows - 1 ? method_names[contract.operations[row].method]
	                        : "any";
}

static void
write_row_durations(FILE *out, size_t r)
{
	static const char name[] = "http_request_duration_seconds";
	const char *method = row_method(r);
	uint64_t sum = 0;

	for (size_t b = 0; b <= N_ELEMENTS(bounds); b++) {
		sum += atomic_load(&board->rows[r].within[b]);
		fprintf(out,
		    "%s_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %" PRIu64
		    "\n",
		    name, method, route_of(r),
		    b < N_ELEMENTS(bounds) ? bounds[b].le : "+Inf", sum);
	}
	fprintf(out, "%s_sum{method=\"%s\",route=\"%s\"} %.6f\n", name, method,
	    route_of(r), (double)atomic_load(&board->rows[r].total_us) / 1e6);
	fprintf(out, "%s_count{method=\"%s\",route=\"%s\"} %" PRIu64 "\n", name,
	    method, route_of(r), sum);
}

static void
write_durations(FILE *out)
{
	head(out, "http_request_duration_seconds", "histogram",
	    "Time from the request's header to its answer, by route.");
	for (size_t r = 0; r < n_rows; r++) {
		uint64_t n = 0;

		for (size_t b = 0; b <= N_ELEMENTS(bounds); b++)
			n += atomic_load(&board->rows[r].within[b]);
		if (n > 0)
			write_row_durations(out, r);
	}
}

/* A gauge that each worker tells of itself. */
static void
write_gauge(FILE *out, const char *name, const char *help, size_t offset)
{
	head(out, name, "gauge", help);
	for (size_t w = 0; w < WORKERS_MAX; w++) {
		struct worker_use *use = &board->workers[w];

		if (atomic_load(&use->alive) == 0)
			continue;
		fprintf(out, "%s{worker=\"%zu\"} %" PRIu64 "\n", name, w,
		    atomic_load((counter *)(void *)((char *)use + offset)));
	}
}

static void
write_build(FILE *out)
{
	const char *version = json_string_value(json_object_get(
	    json_object_get(contract.document, "info"), "version"));

	head(out, "build_info", "gauge", "What is running; always 1.");
	fprintf(out, "build_info{version=\"%s\",contract=\"%s\"} 1\n",
	    GUSP_VERSION, version == NULL ? "unknown" : version);
}

const char *
metrics_text(struct mem *mem, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (out == NULL)
		abort(); /* out of memory: the parent starts another worker */
	write_build(out);
	if (board != NULL) {
		write_gauge(out, "db_calls_in_flight",
		    "Database calls sent and not yet answered.",
		    offsetof(struct worker_use, calls_in_flight));
		write_gauge(out, "worker_resident_memory_bytes",
		    "Resident memory of a worker.",
		    offsetof(struct worker_use, resident_bytes));
		write_requests(out);
		write_durations(out);
	}
	if (fclose(out) != 0)
		abort();

	const char *kept = mem_copy(mem, text, *len);

	free(text);
	return kept;
}
