/*
 * Request quotas a minute, shared by the node's workers (shared memory).
 *
 * Windows are fixed: one minute, the same for every key. The table has a
 * fixed size; when too many keys fall together the least used gives way and
 * its count is inherited, so that a flood of keys never lifts a quota.
 */
#ifndef GUSP_RATE_H
#define GUSP_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	long quota;     /* per window; 0: no limit */
	long remaining; /* after this request, never negative */
	long reset_s;   /* until the window ends */
	bool exceeded;
};

/* Map the memory; once, before workers fork. */
void rate_setup(void);

/* Take one from the bucket of a key (client id, or address). */
void
rate_take(const char *bucket, const char *key, long quota, struct rate *out);

/* Look without taking: exceeded if the next rate_take would be. */
void
rate_peek(const char *bucket, const char *key, long quota, struct rate *out);

#endif
