/* Calls, and the lanes they are sent on. */
#include <stdlib.h>
#include <string.h>

#include "db.h"

#include "config.h"
#include "db_link.h"
#include "log.h"

#define TICK_MS 50

static struct db_link *links;
static size_t n_links;
static void (*keys_changed)(void);

/* Links of a lane; one of those that are opened by their first call. */
static size_t
links_of(enum lane lane)
{
	const long counts[N_LANES] = {
		[LANE_MEMBER] = config.links_member,
		[LANE_AUDITOR] = config.links_auditor,
		[LANE_ADMIN] = 1,
		[LANE_PRIVACY] = 1,
		[LANE_AUTH] = config.links_auth,
	};

	return counts[lane] > 0 ? (size_t)counts[lane] : 1;
}

/* One timer for the life of the worker: none must ever be removed. */
static void
tick(void *arg, u_int64_t now_ms)
{
	(void)arg;
	for (size_t i = 0; i < n_links; i++)
		link_tick(&links[i], now_ms);
}

void
db_open(void)
{
	static bool ticking;
	size_t total = 0, n = 0;

	for (unsigned lane = 0; lane < N_LANES; lane++)
		total += links_of((enum lane)lane);
	links = calloc(total, sizeof(struct db_link));
	if (links == NULL)
		fatal("db: out of memory");
	for (unsigned lane = 0; lane < N_LANES; lane++)
		for (size_t i = 0; i < links_of((enum lane)lane); i++, n++) {
			link_setup(&links[n], (enum lane)lane, (int)n,
			    lane_table[lane].on_demand);
			links[n].listens = lane == LANE_AUTH && i == 0;
		}
	n_links = n;
	for (size_t i = 0; i < n_links; i++)
		if (links[i].state != LINK_ASLEEP)
			link_connect(&links[i]);
	if (!ticking)
		kore_timer_add(tick, TICK_MS, NULL, 0);
	ticking = true;
}

void
db_close(void)
{
	struct db_link *closing = links;
	size_t n = n_links;

	/* Whoever is woken finds no link any more. */
	links = NULL;
	n_links = 0;
	for (size_t i = 0; i < n; i++)
		link_lose(&closing[i], "close", true);
	free(closing);
}

static struct db_link *
lightest(enum lane lane)
{
	struct db_link *best = NULL;

	for (size_t i = 0; links != NULL && i < n_links; i++)
		if (links[i].lane == lane && link_takes(&links[i]) &&
		    (best == NULL || links[i].in_flight < best->in_flight))
			best = &links[i];
	return best;
}

static struct db_link *
first_of(enum lane lane)
{
	for (size_t i = 0; links != NULL && i < n_links; i++)
		if (links[i].lane == lane)
			return &links[i];
	return NULL;
}

bool
db_ready(enum lane lane)
{
	return lightest(lane) != NULL;
}

size_t
db_in_flight(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_links; i++)
		n += links[i].in_flight + links[i].n_waiting;
	return n;
}

struct db_call *
db_call(void (*wake)(void *), void *arg)
{
	struct db_pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL)
		fatal("db: out of memory");
	pending->wake = wake;
	pending->arg = arg;
	pending->call.pending = pending;
	pending->call.message = "";
	pending->call.detail = "";
	pending->call.constraint = "";
	return &pending->call;
}

void
db_add(struct db_call *call, const struct part *part, const struct args *args)
{
	struct query *q;

	if (call->n == DB_QUERIES_MAX)
		fatal("db: a call of more than %d queries", DB_QUERIES_MAX);
	q = &call->pending->queries[call->n++];
	q->part = part;
	for (size_t i = 0; i < part->n; i++) {
		const struct arg *arg = args_find(args, part->names[i]);

		q->values[i] = arg != NULL ? arg->value : NULL;
		if (arg != NULL && arg->len > 0) {
			q->bytes_at = i;
			q->bytes_len = arg->len;
		}
	}
}

void
db_want_bytes(struct db_call *call)
{
	call->pending->queries[call->n - 1].wants_bytes = true;
}

bool
db_send(struct db_call *call, enum lane lane)
{
	struct db_link *link;

	/* A link that breaks while it is written to takes no more calls, so
	 * this ends. */
	while ((link = lightest(lane)) != NULL)
		if (pipe_send(link, call->pending))
			return true;
	if (!lane_table[lane].on_demand)
		return false;
	link = first_of(lane);
	return link != NULL && link_wait(link, call->pending);
}

void
pending_free(struct db_pending *pending)
{
	for (size_t i = 0; i < pending->call.n; i++)
		PQclear(pending->call.results[i]);
	mem_release(&pending->mem);
	free(pending);
}

static void
clear_results(struct db_call *call)
{
	for (size_t i = 0; i < call->n; i++) {
		PQclear(call->results[i]);
		call->results[i] = NULL;
	}
}

void
pending_end(struct db_pending *pending, enum db_state state)
{
	pending->in_flight = false;
	if (pending->dropped) {
		pending_free(pending);
		return;
	}
	pending->call.state = state;
	if (state == DB_FAILED || state == DB_LOST)
		clear_results(&pending->call);
	pending->wake(pending->arg);
}

void
db_drop(struct db_call *call)
{
	if (call == NULL)
		return;
	if (call->pending->in_flight)
		call->pending->dropped = true;
	else
		pending_free(call->pending);
}

void
db_on_keys(void (*changed)(void))
{
	keys_changed = changed;
}

void
db_keys_changed(void)
{
	if (keys_changed != NULL)
		keys_changed();
}

PGconn *
db_connect(enum lane lane)
{
	const char *keywords[LINK_PARAMS], *values[LINK_PARAMS];

	link_params(lane, keywords, values);
	return PQconnectdbParams(keywords, values, 1);
}
