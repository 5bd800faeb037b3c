/*
 * One link: a connection to PostgreSQL in pipeline mode and its life. It
 * connects by itself, is watched, dies, and comes back.
 *
 * What is on its way on a link is a queue of batches, each ended by a Sync
 * of its own, so that none can fail another:
 *
 *   prepare    one PREPARE, sent before the first call that needs it
 *   call       the queries of a call
 *   listen     LISTEN gusp_key, first of all, on one auth link
 *   forget     DEALLOCATE ALL, when too much is prepared or plans are stale
 *
 * Prepared statements are not transactional, but what follows an error in a
 * batch is skipped up to its Sync. A PREPARE in a batch of its own can only
 * fail by its own fault; so a call may count on one that is still on its
 * way.
 */
#ifndef GUSP_DB_LINK_H
#define GUSP_DB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kore/kore.h>

#include "db.h"
#include "mem.h"

#define LINK_CALLS_MAX    256
#define LINK_PREPARED_MAX 512
#define PREPARED_SLOTS    1024 /* a power of two, twice LINK_PREPARED_MAX */

struct db_link;

enum batch_kind {
	BATCH_PREPARE,
	BATCH_CALL,
	BATCH_LISTEN,
	BATCH_FORGET
};

struct batch {
	struct batch *next;
	enum batch_kind kind;
	struct db_pending *pending; /* of a call; of the call that needs a
	                               prepare, which is behind it */
	uint64_t sent_ms;
	size_t slot;         /* of a prepare */
	size_t query;        /* of pending: what the prepare is for */
	unsigned generation; /* of the table when it was sent */
};

/* One query of a call. */
struct query {
	const struct part *part;
	const char *values[PARAMS_MAX];
	size_t bytes_at; /* the value that is bytes, */
	int bytes_len;   /* and how many; 0: all are text */
	bool wants_bytes;
	size_t slot; /* of its prepared statement */
	unsigned attempt;
};

/* A call and what its link needs to know. In flight it belongs to the link,
 * even when the caller has dropped it. */
struct db_pending {
	struct db_call call;
	struct batch batch;
	void (*wake)(void *);
	void *arg;
	struct query queries[DB_QUERIES_MAX];
	size_t at;   /* query whose results come now */
	bool seen;   /* something of it came */
	bool failed; /* call's error members are set */
	bool stale;  /* by a plan that no longer fits: LOST */
	bool warned; /* a WARNING came: UNKNOWN */
	bool in_flight;
	bool dropped;
	struct mem mem; /* texts of the error; copies while waiting */
};

/* A prepared statement of a link, by name. */
struct prepared {
	char *name;       /* owned; NULL: the slot is free */
	bool there;       /* sent, and not known to have failed */
	unsigned attempt; /* of preparing it, counted from 1 */
	unsigned failed;  /* the last attempt that failed */
};

enum link_state {
	LINK_ASLEEP, /* until the first call */
	LINK_DOWN,   /* until due_ms */
	LINK_CONNECTING,
	LINK_READY
};

struct db_link {
	struct kore_event event; /* first: Kore calls handle with it */
	enum lane lane;
	int id;
	bool listens;
	enum link_state state;
	PGconn *conn;
	int fd, events; /* what epoll watches */
	bool doomed;    /* to be closed by the next event or tick */
	uint64_t due_ms, since_ms;
	uint32_t backoff_ms;
	struct batch *head, **tail;
	size_t in_flight;      /* calls among the batches */
	struct batch *waiting; /* calls, until the first connect */
	size_t n_waiting;
	struct prepared prepared[PREPARED_SLOTS];
	size_t n_prepared;
	unsigned generation;
};

/* Set up; asleep or to be connected by the next tick. */
void link_setup(struct db_link *link, enum lane lane, int id, bool asleep);

/* Begin to connect, unless it is under way. */
void link_connect(struct db_link *link);

/* Close it: what is in flight is LOST; try again later unless for_good. */
void link_lose(struct db_link *link, const char *why, bool for_good);

/* Watchdog, time to connect again: every TICK_MS. */
void link_tick(struct db_link *link, uint64_t now_ms);

/* Can it take a call now? */
bool link_takes(const struct db_link *link);

/* Keep a call until the link is ready; false if it is not on its way. */
bool link_wait(struct db_link *link, struct db_pending *pending);

/* The conninfo of a lane, for PQconnectStartParams and its like; values and
 * keywords have room for LINK_PARAMS. */
#define LINK_PARAMS 10
void link_params(enum lane lane, const char **keywords, const char **values);

/* --- the pipeline: out (db_pipe.c) and in (db_result.c) --- */

/* Queue a call with its Sync. False if the link broke before the Sync was
 * queued: it is doomed, and the call is still the caller's. */
bool pipe_send(struct db_link *link, struct db_pending *pending);

/* Queue LISTEN gusp_key. */
void pipe_listen(struct db_link *link);

/* Forget all that is prepared, here and in the server. */
void pipe_forget(struct db_link *link);

/* Take the batch at the head from the queue. */
struct batch *pipe_pop(struct db_link *link);

/* Take what has arrived: answer calls whose Sync came. */
void pipe_drain(struct db_link *link);

/* Every batch is LOST; then nothing is prepared. */
void pipe_lose(struct db_link *link);

/* A call's end: frees it if it was dropped, else wakes who asked. */
void pending_end(struct db_pending *pending, enum db_state state);
void pending_free(struct db_pending *pending);

/* Watch for writing as long as something waits to be sent (db_link.c). */
void link_watch(struct db_link *link, bool writing);

/* NOTIFY gusp_key came, or the link that listens is ready (db.c). */
void db_keys_changed(void);

#endif
