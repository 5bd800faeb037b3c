/*
 * The round trip of an operation: enter(), its statement, Sync; and what the
 * rows that come back mean to the client.
 */
#ifndef GUSP_QUERY_H
#define GUSP_QUERY_H

#include "exchange.h"

/* A step: sends on its first call, reads the answer on the next. */
enum next query_run(struct exchange *x);

/* The lane that serves a role. */
enum lane query_lane(enum role role);

#endif
