/* The outgoing half of a pipeline: batches, and what they have prepared. */
#include <stdlib.h>
#include <string.h>

#include "db_link.h"

static void
push(struct db_link *link, struct batch *batch)
{
	batch->next = NULL;
	batch->sent_ms = kore_time_ms();
	batch->generation = link->generation;
	*link->tail = batch;
	link->tail = &batch->next;
}

struct batch *
pipe_pop(struct db_link *link)
{
	struct batch *head = link->head;

	link->head = head->next;
	if (link->head == NULL)
		link->tail = &link->head;
	return head;
}

static struct batch *
new_batch(enum batch_kind kind)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		fatal("db: out of memory");
	batch->kind = kind;
	return batch;
}

/* A statement without parameters, in a batch of its own. */
static void
send_alone(struct db_link *link, enum batch_kind kind, const char *sql)
{
	if (PQsendQueryParams(link->conn, sql, 0, NULL, NULL, NULL, NULL, 0) ==
	        0 ||
	    PQpipelineSync(link->conn) == 0)
		link->doomed = true;
	push(link, new_batch(kind));
}

void
pipe_listen(struct db_link *link)
{
	send_alone(link, BATCH_LISTEN, "LISTEN gusp_key");
}

static void
clear_table(struct db_link *link)
{
	for (size_t i = 0; link->n_prepared > 0 && i < PREPARED_SLOTS; i++)
		free(link->prepared[i].name);
	memset(link->prepared, 0, sizeof(link->prepared));
	link->n_prepared = 0;
	link->generation++;
}

/* What is on its way runs before the DEALLOCATE, what is sent from now on
 * after it: neither a reconnect nor a pause is needed. */
void
pipe_forget(struct db_link *link)
{
	clear_table(link);
	send_alone(link, BATCH_FORGET, "DEALLOCATE ALL");
}

/* FNV-1a. */
static size_t
slot_of(const struct db_link *link, const char *name)
{
	uint32_t hash = 2166136261u;
	size_t slot;

	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	slot = hash & (PREPARED_SLOTS - 1);
	while (link->prepared[slot].name != NULL &&
	       strcmp(link->prepared[slot].name, name) != 0)
		slot = (slot + 1) & (PREPARED_SLOTS - 1);
	return slot;
}

static bool
prepare(struct db_link *link, struct db_pending *pending, size_t i)
{
	struct query *q = &pending->queries[i];
	struct prepared *p = &link->prepared[q->slot];
	struct batch *batch;

	if (p->name == NULL) {
		p->name = strdup(q->part->name);
		if (p->name == NULL)
			fatal("db: out of memory");
		link->n_prepared++;
	}
	if (PQsendPrepare(link->conn, p->name, q->part->sql, (int)q->part->n,
	        q->part->types) == 0 ||
	    PQpipelineSync(link->conn) == 0) {
		link->doomed = true;
		return false;
	}
	p->there = true;
	q->attempt = ++p->attempt;
	batch = new_batch(BATCH_PREPARE);
	batch->pending = pending;
	batch->slot = q->slot;
	batch->query = i;
	push(link, batch);
	return true;
}

/* Prepare what this link has not prepared yet. */
static bool
prepare_all(struct db_link *link, struct db_pending *pending)
{
	if (link->n_prepared + pending->call.n > LINK_PREPARED_MAX)
		pipe_forget(link);
	for (size_t i = 0; i < pending->call.n; i++) {
		struct query *q = &pending->queries[i];

		q->slot = slot_of(link, q->part->name);
		q->attempt = link->prepared[q->slot].attempt;
		if (!link->prepared[q->slot].there &&
		    !prepare(link, pending, i))
			return false;
	}
	return true;
}

/* Batches that name a call which was never sent must not do so. */
static void
disown(struct db_link *link, const struct db_pending *pending)
{
	for (struct batch *b = link->head; b != NULL; b = b->next)
		if (b->pending == pending)
			b->pending = NULL;
}

static bool
send_query(struct db_link *link, const struct query *q)
{
	int lengths[PARAMS_MAX] = { 0 }, formats[PARAMS_MAX] = { 0 };
	bool binary = q->bytes_len > 0;

	if (binary) {
		lengths[q->bytes_at] = q->bytes_len;
		formats[q->bytes_at] = 1;
	}
	return PQsendQueryPrepared(link->conn, q->part->name, (int)q->part->n,
	           q->values, binary ? lengths : NULL, binary ? formats : NULL,
	           q->wants_bytes) == 1;
}

bool
pipe_send(struct db_link *link, struct db_pending *pending)
{
	bool sent = prepare_all(link, pending);

	for (size_t i = 0; sent && i < pending->call.n; i++)
		sent = send_query(link, &pending->queries[i]);
	if (!sent) {
		link->doomed = true;
		disown(link, pending);
		return false;
	}
	/* From here on the server may have it: a failure is a loss, which
	 * the next event or tick tells. */
	if (PQpipelineSync(link->conn) == 0)
		link->doomed = true;
	pending->batch.kind = BATCH_CALL;
	pending->batch.pending = pending;
	pending->in_flight = true;
	push(link, &pending->batch);
	link->in_flight++;
	link_watch(link, PQflush(link->conn) == 1);
	return true;
}

void
pipe_lose(struct db_link *link)
{
	struct batch *batch = link->head, *next;

	/* Whoever is woken may send again, so the link is left clean first. */
	link->head = NULL;
	link->tail = &link->head;
	link->in_flight = 0;
	clear_table(link);
	for (; batch != NULL; batch = next) {
		next = batch->next;
		if (batch->kind == BATCH_CALL)
			pending_end(batch->pending, DB_LOST);
		else
			free(batch);
	}
}
