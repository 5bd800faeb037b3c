/*
 * A link's life: connect, be watched, be lost, come back.
 *
 * Level-triggered epoll, because libpq does not say when a read would block.
 * Kore's kore_platform_disable_read is never called: libpq closes its socket
 * by itself, and epoll then answers EBADF, which Kore takes for fatal (Kore
 * 4.1 linux.c). Closing is what takes a socket out of epoll.
 */
#include <sys/epoll.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_link.h"

#include "config.h"
#include "log.h"

#define BACKOFF_MIN_MS     50
#define BACKOFF_MAX_MS     2000
#define CONNECT_TIMEOUT_MS 5000
#define WATCHDOG_MS        7000

static void on_event(void *arg, int error);
static void on_notice(void *arg, const PGresult *notice);

/* Without TLS on the machine itself, unless the URL says what it wants:
 * libpq would look for certificates in the home directory. */
static const char *
sslmode(void)
{
	PQconninfoOption *options = PQconninfoParse(config.database_url, NULL);
	const char *mode = "disable";

	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL;
	     o++) {
		if (o->val == NULL || o->val[0] == '\0')
			continue;
		if (strcmp(o->keyword, "sslmode") == 0)
			mode = NULL;
		if ((strcmp(o->keyword, "host") == 0 ||
		        strcmp(o->keyword, "hostaddr") == 0) &&
		    o->val[0] != '/' && strcmp(o->val, "127.0.0.1") != 0 &&
		    strcmp(o->val, "::1") != 0 &&
		    strcmp(o->val, "localhost") != 0)
			mode = NULL;
	}
	PQconninfoFree(options);
	return mode;
}

void
link_params(enum lane lane, const char **keywords, const char **values)
{
	const struct {
		const char *keyword, *value;
	} params[] = {
		/* First, so that what follows has the last word. */
		{ "dbname", config.database_url },
		{ "user", lane_table[lane].role },
		{ "application_name", lane_table[lane].application },
		{ "options",
		    "-c search_path=gusp,public -c statement_timeout=5000"
		    " -c lock_timeout=1000"
		    " -c idle_in_transaction_session_timeout=5000" },
		{ "client_encoding", "UTF8" },
		{ "gssencmode", "disable" },
		{ "connect_timeout", "5" },
		{ "passfile", config.passfile },
		{ "sslmode", sslmode() },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		if (params[i].value == NULL)
			continue;
		keywords[n] = params[i].keyword;
		values[n++] = params[i].value;
	}
	keywords[n] = values[n] = NULL;
}

void
link_setup(struct db_link *link, enum lane lane, int id, bool asleep)
{
	link->event.handle = on_event;
	link->lane = lane;
	link->id = id;
	link->state = asleep ? LINK_ASLEEP : LINK_DOWN;
	link->fd = -1;
	link->backoff_ms = BACKOFF_MIN_MS;
	link->tail = &link->head;
}

static void
watch(struct db_link *link, int events)
{
	int fd = PQsocket(link->conn);

	if (fd < 0)
		return;
	/* Always while connecting: libpq may have closed the socket and
	 * opened another of the same number. */
	if (link->state == LINK_READY && fd == link->fd &&
	    events == link->events)
		return;
	link->fd = fd;
	link->events = events;
	kore_platform_event_schedule(fd, events, 0, link);
}

void
link_watch(struct db_link *link, bool writing)
{
	watch(link, writing ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void
link_connect(struct db_link *link)
{
	const char *keywords[LINK_PARAMS], *values[LINK_PARAMS];

	if (link->state == LINK_CONNECTING || link->state == LINK_READY)
		return;
	link_params(link->lane, keywords, values);
	link->state = LINK_CONNECTING;
	link->since_ms = kore_time_ms();
	link->doomed = false;
	link->conn = PQconnectStartParams(keywords, values, 1);
	if (link->conn == NULL)
		fatal("db: out of memory");
	if (PQstatus(link->conn) == CONNECTION_BAD) {
		link_lose(link, "connect", false);
		return;
	}
	PQsetNoticeReceiver(link->conn, on_notice, link);
	watch(link, EPOLLOUT);
}

/* Between half and the whole of the backoff, so that the links of all
 * workers do not come back at the same instant. */
static uint64_t
pause_ms(struct db_link *link)
{
	static uint32_t seed;
	uint32_t pause = link->backoff_ms;

	if (seed == 0)
		seed = (uint32_t)kore_time_ms() ^ (uint32_t)getpid();
	seed = seed * 1664525u + 1013904223u;
	if (link->backoff_ms < BACKOFF_MAX_MS)
		link->backoff_ms *= 2;
	if (link->backoff_ms > BACKOFF_MAX_MS)
		link->backoff_ms = BACKOFF_MAX_MS;
	return pause / 2 + (seed >> 8) % (pause / 2 + 1);
}

void
link_lose(struct db_link *link, const char *why, bool for_good)
{
	struct batch *waiting = link->waiting, *next;

	/* Later messages may quote a row; those of connecting do not. */
	if (link->conn != NULL && !for_good)
		log_warning("db_link_lost", LOG_INT("link", link->id),
		    LOG_STR("lane", lane_table[link->lane].name),
		    LOG_STR("why", why), LOG_INT("calls", link->in_flight),
		    LOG_STR("message", link->state == LINK_CONNECTING
		                           ? PQerrorMessage(link->conn)
		                           : ""));
	PQfinish(link->conn);
	link->conn = NULL;
	link->fd = -1;
	link->doomed = false;
	link->state = for_good ? LINK_ASLEEP : LINK_DOWN;
	link->due_ms = kore_time_ms() + pause_ms(link);
	link->waiting = NULL;
	link->n_waiting = 0;
	pipe_lose(link);
	for (; waiting != NULL; waiting = next) {
		next = waiting->next;
		pending_end(waiting->pending, DB_LOST);
	}
}

static void
send_waiting(struct db_link *link)
{
	struct batch *waiting = link->waiting, *next;

	link->waiting = NULL;
	link->n_waiting = 0;
	for (; waiting != NULL; waiting = next) {
		next = waiting->next;
		if (link->doomed || !pipe_send(link, waiting->pending))
			pending_end(waiting->pending, DB_LOST);
	}
}

static void
connected(struct db_link *link)
{
	if (PQsetnonblocking(link->conn, 1) != 0 ||
	    PQenterPipelineMode(link->conn) != 1) {
		link_lose(link, "pipeline", false);
		return;
	}
	watch(link, EPOLLIN);
	link->state = LINK_READY;
	link->backoff_ms = BACKOFF_MIN_MS;
	log_info("db_link_ready", LOG_INT("link", link->id),
	    LOG_STR("lane", lane_table[link->lane].name),
	    LOG_INT("backend", PQbackendPID(link->conn)));
	if (link->listens)
		pipe_listen(link);
	send_waiting(link);
	link_watch(link, PQflush(link->conn) == 1);
}

static void
go_on_connecting(struct db_link *link)
{
	switch (PQconnectPoll(link->conn)) {
	case PGRES_POLLING_READING:
		watch(link, EPOLLIN);
		return;
	case PGRES_POLLING_WRITING:
		watch(link, EPOLLOUT);
		return;
	case PGRES_POLLING_OK:
		connected(link);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		break;
	}
	link_lose(link, "connect", false);
}

static void
take_notifies(struct db_link *link)
{
	PGnotify *notify;
	bool keys = false;

	while ((notify = PQnotifies(link->conn)) != NULL) {
		keys |= strcmp(notify->relname, "gusp_key") == 0;
		PQfreemem(notify);
	}
	if (keys)
		db_keys_changed();
}

/*
 * Kore calls this. On an error there may still be something to read, such as
 * why the server ended the link; libpq tells when it is over.
 */
static void
on_event(void *arg, int error)
{
	struct db_link *link = arg;
	bool broken;

	(void)error;
	link->event.flags = 0; /* Kore only ever sets them */
	if (link->conn == NULL)
		return;
	if (link->state == LINK_CONNECTING) {
		go_on_connecting(link);
		return;
	}
	broken = PQconsumeInput(link->conn) == 0;
	pipe_drain(link);
	take_notifies(link);
	if (link->doomed || broken || PQstatus(link->conn) == CONNECTION_BAD) {
		link_lose(link, link->doomed ? "doomed" : "closed", false);
		return;
	}
	link_watch(link, PQflush(link->conn) == 1);
}

/*
 * A WARNING belongs to the call at the head: libpq reads one result at a
 * time, and the warning of a commit comes between the call's last result and
 * its Sync. PostgreSQL says "canceling wait for synchronous replication"
 * like this, and COMMAND_OK after it (SECURITY, decision 6).
 */
static void
on_notice(void *arg, const PGresult *notice)
{
	struct db_link *link = arg;
	const char *severity =
	    PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

	if (severity == NULL || strcmp(severity, "WARNING") != 0)
		return;
	/* "terminating because of crash of another server process" (57P02)
	 * and "because of immediate shutdown" (57P01) say nothing about a
	 * call: those without a Sync are lost with the link, and libpq may
	 * read it before we have taken the last Sync. */
	if (sqlstate != NULL &&
	    (strcmp(sqlstate, "57P01") == 0 || strcmp(sqlstate, "57P02") == 0))
		return;
	log_warning("db_warning", LOG_INT("link", link->id),
	    LOG_STR("sqlstate", sqlstate));
	if (link->head != NULL && link->head->kind == BATCH_CALL)
		link->head->pending->warned = true;
}

void
link_tick(struct db_link *link, uint64_t now_ms)
{
	switch (link->state) {
	case LINK_ASLEEP:
		return;
	case LINK_DOWN:
		if (now_ms >= link->due_ms)
			link_connect(link);
		return;
	case LINK_CONNECTING:
		if (now_ms - link->since_ms > CONNECT_TIMEOUT_MS)
			link_lose(link, "connect_timeout", false);
		return;
	case LINK_READY:
		if (link->doomed)
			link_lose(link, "doomed", false);
		else if (link->head != NULL &&
		         now_ms - link->head->sent_ms > WATCHDOG_MS)
			link_lose(link, "watchdog", false);
		return;
	}
}

bool
link_takes(const struct db_link *link)
{
	return link->state == LINK_READY && !link->doomed &&
	       link->in_flight < LINK_CALLS_MAX;
}

/* The queries of a call that must wait need texts of their own. */
static void
keep_texts(struct db_pending *pending)
{
	for (size_t i = 0; i < pending->call.n; i++) {
		struct query *q = &pending->queries[i];
		struct part *part = mem_take(&pending->mem, sizeof(*part));

		*part = *q->part;
		part->name =
		    mem_copy(&pending->mem, part->name, strlen(part->name));
		part->sql =
		    mem_copy(&pending->mem, part->sql, strlen(part->sql));
		q->part = part;
		for (size_t j = 0; j < part->n; j++)
			if (q->values[j] != NULL)
				q->values[j] =
				    mem_copy(&pending->mem, q->values[j],
				        q->bytes_len > 0 && q->bytes_at == j
				            ? (size_t)q->bytes_len
				            : strlen(q->values[j]));
	}
}

bool
link_wait(struct db_link *link, struct db_pending *pending)
{
	struct batch **end = &link->waiting;

	if (link->state == LINK_ASLEEP)
		link_connect(link);
	if (link->state != LINK_CONNECTING || link->n_waiting >= LINK_CALLS_MAX)
		return false;
	keep_texts(pending);
	while (*end != NULL)
		end = &(*end)->next;
	pending->batch.pending = pending;
	pending->batch.next = NULL;
	pending->in_flight = true;
	*end = &pending->batch;
	link->n_waiting++;
	return true;
}
