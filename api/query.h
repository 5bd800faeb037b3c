/*
 * The round trip of an operation: enter(), its statement, Sync; and what the
 * rows that come back mean to the client.
 */
#ifndef GUSP_QUERY_H
#define GUSP_QUERY_H

#include "exchange.h"

/* A step: sends on its first call, reads the answer on the next. */
enum next query_run(struct exchange *x);

/* The first query of every call: who asks. Lives in mem until it is sent. */
void query_enter(struct db_call *call, const struct caller *caller,
    const char *request_id, struct mem *mem);

#endif
