/*
 * Counters shared by all workers: anonymous shared memory mapped before they
 * fork, updated with atomics, read as Prometheus text (version 0.0.4).
 */
#ifndef GUSP_METRICS_H
#define GUSP_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/* Map the memory; once, after the contract is loaded, before workers fork. */
void metrics_setup(void);

/* operation: contract index, or (size_t)-1 for requests without a route. */
void
metrics_count(size_t operation, int method, int status, uint64_t duration_us);

/* What one worker (its Kore id, from 0) uses now; from its timer. */
void
metrics_gauges(size_t worker, size_t calls_in_flight, size_t resident_bytes);

/* The whole text; lives in mem. */
const char *metrics_text(struct mem *mem, size_t *len);

#endif
