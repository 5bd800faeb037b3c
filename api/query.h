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

/*
 * Set what an answer of the operation carries besides its body, from the row
 * that tells: type; cache ("forever": it never changes, for nobody); headers,
 * a JSON object of further ones.
 */
void query_describe(struct exchange *x, const PGresult *row);

/* What a call that did not succeed means to the client. Returns REFUSE. */
enum next query_failed(struct exchange *x);

/* The text of a column in the first row; NULL if there is none. */
const char *query_value(const PGresult *result, const char *column);

#endif
