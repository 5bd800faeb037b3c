/*
 * Pipelined PostgreSQL links on Kore's event loop.
 *
 * A call is a list of prepared queries and one Sync: one round trip, one
 * implicit transaction (libpq 34.5). It is answered at its Sync, never
 * before: a commit can still fail there. The link owns a call in flight; who
 * asked may drop it at any time, the answer is then thrown away.
 */
#ifndef GUSP_DB_H
#define GUSP_DB_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

#include "args.h"
#include "lane.h"
#include "statement.h"

/* enter(), the parts of a statement, and the chunks of an upload. */
#define DB_QUERIES_MAX 16

enum db_state {
	DB_WAITING,
	DB_DONE,   /* results are there, committed */
	DB_FAILED, /* the database refused: see the error members */
	DB_LOST,   /* the link went away: nothing is known */
	DB_UNKNOWN /* committed here, perhaps not on the standby: a warning
	              came before the Sync (SECURITY: outcome unknown) */
};

struct db_call {
	enum db_state state;
	PGresult *results[DB_QUERIES_MAX]; /* one a query, owned; text format
	                                      unless db_want_bytes(); all
	                                      there in DONE and UNKNOWN, none
	                                      in FAILED and LOST */
	size_t n;
	/* Of the first error; empty strings if the server gave none. */
	char sqlstate[6];
	const char *message, *detail, *constraint;
	size_t failed_at; /* index of the query that failed; n: the commit */
	/* private to db.c */
	struct db_pending *pending;
};

/* Open the links of this worker; they connect by themselves, for ever. */
void db_open(void);

/* Close them; what is in flight is LOST. */
void db_close(void);

/* Whether some link of the lane could take a call now. A lane that is on
 * demand is opened by its first call, which waits for it. */
bool db_ready(enum lane lane);

/* Calls in flight in this worker: a metric. */
size_t db_in_flight(void);

/*
 * A new call; wake(arg) is called once, from the event loop, when it is
 * answered (never from inside db_send). The caller owns it until db_drop.
 */
struct db_call *db_call(void (*wake)(void *), void *arg);

/*
 * Add a query: values are looked up by name in args; an absent one is NULL.
 * One of them may be bytes (args_set_bytes). part and values are borrowed until
 * db_send() returns, so send in the same step.
 */
void
db_add(struct db_call *call, const struct part *part, const struct args *args);

/* The last query added answers in binary format: for bytea. */
void db_want_bytes(struct db_call *call);

/* Send it on the link of the lane with the fewest in flight. False if no
 * link is ready or all are full (the call is then still the caller's). */
bool db_send(struct db_call *call, enum lane lane);

/* Let go of a call, answered or not. NULL is allowed. */
void db_drop(struct db_call *call);

/* Called when keys change (NOTIFY gusp_key) and after each connect of the
 * auth link; set it before db_open(). */
void db_on_keys(void (*changed)(void));

/* A connection of its own to a lane's role, blocking: for the checks at
 * start. Never NULL save out of memory; PQstatus() tells, PQfinish() ends. */
PGconn *db_connect(enum lane lane);

#endif
