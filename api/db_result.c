/*
 * The incoming half of a pipeline: results, in the order of the batches.
 *
 * libpq 15, 34.5: each query gives its results and a NULL; a Sync gives
 * PGRES_PIPELINE_SYNC without one. After an error all up to the Sync is
 * PGRES_PIPELINE_ABORTED. An error at the commit comes as one more result
 * before the Sync.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_link.h"

#include "log.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What an error means beyond its call; a class is two or three letters. */
enum meaning {
	ITS_OWN,
	LINK_GONE,
	PLAN_STALE
};

static const struct {
	const char *sqlstate;
	const char *function; /* of the server's source; NULL: any */
	enum meaning meaning;
} meanings[] = {
	{ "57P", NULL, LINK_GONE },    /* shutdown, crash, starting up */
	{ "08", NULL, LINK_GONE },     /* connection, protocol */
	{ "25006", NULL, LINK_GONE },  /* read only: no longer the primary */
	{ "26000", NULL, PLAN_STALE }, /* no such prepared statement */
	{ "42P05", NULL, PLAN_STALE }, /* one that is there already */
	/* "cached plan must not change result type", in any language */
	{ "0A000", "RevalidateCachedQuery", PLAN_STALE },
};

static enum meaning
meaning_of(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *function =
	    PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (state == NULL) /* libpq's own: the connection broke */
		return LINK_GONE;
	if (severity != NULL &&
	    (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		return LINK_GONE;
	for (size_t i = 0; i < N_ELEMENTS(meanings); i++)
		if (strncmp(state, meanings[i].sqlstate,
		        strlen(meanings[i].sqlstate)) == 0 &&
		    (meanings[i].function == NULL ||
		        (function != NULL &&
		            strcmp(function, meanings[i].function) == 0)))
			return meanings[i].meaning;
	return ITS_OWN;
}

static const char *
field(struct mem *mem, const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);

	return text == NULL ? "" : mem_copy(mem, text, strlen(text));
}

/* The first error of a call is the one that counts: the rest follow. */
static void
keep_error(struct db_pending *pending, const PGresult *result, size_t at)
{
	struct db_call *call = &pending->call;

	if (pending->failed)
		return;
	pending->failed = true;
	(void)snprintf(call->sqlstate, sizeof(call->sqlstate), "%s",
	    field(&pending->mem, result, PG_DIAG_SQLSTATE));
	call->message = field(&pending->mem, result, PG_DIAG_MESSAGE_PRIMARY);
	call->detail = field(&pending->mem, result, PG_DIAG_MESSAGE_DETAIL);
	call->constraint =
	    field(&pending->mem, result, PG_DIAG_CONSTRAINT_NAME);
	call->failed_at = at;
}

/*
 * A statement is gone or its plan no longer fits. Once a generation; and not
 * for a call that counted on a PREPARE which has failed by its own fault.
 */
static void
call_is_stale(struct db_link *link, struct batch *batch)
{
	struct db_pending *pending = batch->pending;
	const struct query *q;

	pending->stale = true;
	if (batch->generation != link->generation ||
	    pending->at >= pending->call.n)
		return;
	q = &pending->queries[pending->at];
	if (link->prepared[q->slot].failed >= q->attempt)
		return;
	log_warning("db_plans_stale", LOG_INT("link", link->id),
	    LOG_STR("sqlstate", pending->call.sqlstate));
	pipe_forget(link);
}

static void
error_of_call(struct db_link *link, struct batch *batch, const PGresult *result)
{
	bool first = !batch->pending->failed;

	keep_error(batch->pending, result, batch->pending->at);
	switch (meaning_of(result)) {
	case LINK_GONE:
		link->doomed = true;
		return;
	case PLAN_STALE:
		if (first)
			call_is_stale(link, batch);
		return;
	case ITS_OWN:
		return;
	}
}

/* Of a prepare, a LISTEN or a DEALLOCATE. */
static void
error_of_other(
    struct db_link *link, struct batch *batch, const PGresult *result)
{
	struct prepared *p = &link->prepared[batch->slot];

	log_error("db_batch_failed", LOG_INT("link", link->id),
	    LOG_INT("kind", batch->kind),
	    LOG_STR("sqlstate", PQresultErrorField(result, PG_DIAG_SQLSTATE)),
	    LOG_STR("message",
	        PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
	if (batch->kind != BATCH_PREPARE || meaning_of(result) != ITS_OWN) {
		link->doomed = true;
		return;
	}
	if (batch->pending != NULL)
		keep_error(batch->pending, result, batch->query);
	if (batch->generation != link->generation)
		return;
	p->there = false;
	p->failed = p->attempt;
}

/* One result of the batch at the head. */
static void
take(struct db_link *link, struct batch *batch, PGresult *result)
{
	struct db_pending *pending = batch->pending;
	bool of_call = batch->kind == BATCH_CALL;

	if (of_call)
		pending->seen = true;
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		if (of_call && pending->at < pending->call.n &&
		    pending->call.results[pending->at] == NULL) {
			pending->call.results[pending->at] = result;
			return;
		}
		break;
	case PGRES_FATAL_ERROR:
		if (of_call)
			error_of_call(link, batch, result);
		else
			error_of_other(link, batch, result);
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	case PGRES_BAD_RESPONSE:
	case PGRES_NONFATAL_ERROR:
	case PGRES_COPY_OUT:
	case PGRES_COPY_IN:
	case PGRES_COPY_BOTH:
	case PGRES_SINGLE_TUPLE:
	case PGRES_PIPELINE_SYNC:
		/* Nothing that a statement of ours can bring about. */
		link->doomed = true;
		break;
	}
	PQclear(result);
}

static enum db_state
outcome(const struct db_pending *pending)
{
	if (pending->stale)
		return DB_LOST;
	if (pending->failed)
		return DB_FAILED;
	return pending->warned ? DB_UNKNOWN : DB_DONE;
}

/* The Sync of the batch at the head came. */
static void
end_batch(struct db_link *link)
{
	struct batch *batch = pipe_pop(link);
	bool listens = batch->kind == BATCH_LISTEN;

	if (batch->kind == BATCH_CALL) {
		link->in_flight--;
		pending_end(batch->pending, outcome(batch->pending));
		return;
	}
	free(batch);
	if (listens)
		db_keys_changed();
}

static void
end_query(const struct batch *batch)
{
	struct db_pending *pending = batch->pending;

	if (batch->kind != BATCH_CALL || !pending->seen)
		return;
	pending->seen = false;
	pending->at++;
}

void
pipe_drain(struct db_link *link)
{
	unsigned empty = 0;

	/* Two NULLs in a row: nothing is there. */
	while (link->head != NULL && !link->doomed && empty < 2 &&
	       !PQisBusy(link->conn)) {
		PGresult *result = PQgetResult(link->conn);

		if (result == NULL) {
			empty++;
			end_query(link->head);
			continue;
		}
		empty = 0;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			end_batch(link);
			continue;
		}
		take(link, link->head, result);
	}
}
