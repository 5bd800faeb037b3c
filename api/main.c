/*
 * Kore's hooks: what happens before workers fork, when a worker starts and
 * when it stops, and which system calls it may make.
 */
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>
#include <kore/kore.h>

#include <kore/http.h>
#include <kore/seccomp.h>

#include <libpq-fe.h>

#include "answer.h"
#include "config.h"
#include "content.h"
#include "contract.h"
#include "db.h"
#include "exchange.h"
#include "front.h"
#include "lane.h"
#include "log.h"
#include "metrics.h"
#include "native.h"
#include "oauth.h"
#include "problem.h"
#include "rate.h"
#include "route.h"
#include "statement.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define EXPORTED      __attribute__((visibility("default")))

#define WHY_LEN          512
#define DATABASE_WAIT_MS 30000
#define CONNECT_TIMEOUT  "5"
#define TICK_MS          200
#define DRAIN_LEAST_MS   500 /* front.c closes idle connections meanwhile */
#define DRAIN_STEP_MS    20

EXPORTED void kore_parent_configure(int argc, char **argv);
EXPORTED void kore_worker_configure(void);
EXPORTED void kore_worker_teardown(void);
EXPORTED void kore_seccomp_hook(void);

static bool load_contract(char *why, size_t why_len);
static bool load_problems(char *why, size_t why_len);
static bool set_up(char *why, size_t why_len);
static bool check_database(char *why, size_t why_len);

/* What must succeed before a worker may start, in order. */
static const struct {
	const char *name;
	bool (*run)(char *why, size_t why_len);
} start[] = {
	{ "configuration", config_read },
	{ "contract", load_contract },
	{ "problems", load_problems },
	{ "statements", statements_load },
	{ "natives", native_bind },
	{ "content", content_setup },
	{ "setup", set_up },
	{ "database", check_database },
};

/*
 * Beyond what Kore allows its workers (seccomp.c, pgsql.c): what glibc 2.36,
 * libpq 15 (with TLS too), OpenSSL 3.0 and this code were seen to call under
 * seccomp_tracing, and what the sources say of rarer paths. A call that is
 * missing here kills the worker.
 */
/* cppcheck-suppress unknownMacro */
KORE_SECCOMP_FILTER("gusp",
    /* stat and fstat, opendir, realloc of large blocks */
    KORE_SYSCALL_ALLOW(newfstatat), KORE_SYSCALL_ALLOW(getdents64),
    KORE_SYSCALL_ALLOW(mremap),
    /* getaddrinfo */
    KORE_SYSCALL_ALLOW(uname), KORE_SYSCALL_ALLOW(sendmmsg),
    /* getaddrinfo, sorting several addresses (check_pf.c; not seen) */
    KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_NETLINK), KORE_SYSCALL_ALLOW(bind),
    KORE_SYSCALL_ALLOW(recvmsg),
    /* front.c: the end of a refusal */
    KORE_SYSCALL_ALLOW(shutdown),
    /* abort(), so that it is told from a violation */
    KORE_SYSCALL_ALLOW(gettid), KORE_SYSCALL_ALLOW(tgkill))

static PGconn *connect_as(const char *user);
static void tick(void *arg, uint64_t now);
static void stop_accepting(void);

/*
 * After Kore has read its configuration, before workers fork: everything
 * that is read-only for the rest of the process. Kore prints to standard
 * output without ever flushing it (utils.c:kore_log).
 */
void
kore_parent_configure(int argc, char **argv)
{
	char why[WHY_LEN] = "";

	(void)argc;
	(void)argv;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < N_ELEMENTS(start); i++) {
		if (start[i].run(why, sizeof(why)))
			continue;
		log_error("start_refused", LOG_STR("step", start[i].name),
		    LOG_STR("why", why));
		fatal("%s: %s", start[i].name, why);
	}
	log_info("started", LOG_INT("operations", contract.n_operations),
	    LOG_STR("issuer", config.issuer));
}

static bool
load_contract(char *why, size_t why_len)
{
	if (!contract_load(config.contract, why, why_len))
		return false;
	route_build();
	return true;
}

static bool
load_problems(char *why, size_t why_len)
{
	return problem_load(json_object_get(contract.document, "x-problems"),
	    json_object_get(contract.document, "x-violations"),
	    json_object_get(contract.document, "x-constraints"), why, why_len);
}

static bool
set_up(char *why, size_t why_len)
{
	(void)why_len;
	*why = '\0';
	metrics_setup();
	rate_setup();
	answer_setup();
	return true;
}

/*
 * Have the database describe every statement, as each of the roles that will
 * run it. These connections close before workers fork.
 */
static bool
check_database(char *why, size_t why_len)
{
	for (enum lane lane = 0; lane < N_LANES; lane++) {
		PGconn *conn = connect_as(lane_table[lane].role);
		bool good = PQstatus(conn) == CONNECTION_OK;

		if (!good)
			(void)snprintf(why, why_len, "%s: %s",
			    lane_table[lane].role, PQerrorMessage(conn));
		else
			good = statements_check(conn, lane, why, why_len);
		PQfinish(conn);
		if (!good)
			return false;
	}
	return true;
}

/* Host and port are config.database_url's; the last try is returned as it
 * is. Never NULL. */
static PGconn *
connect_as(const char *user)
{
	const char *const names[] = { "dbname", "user", "application_name",
		"options", "gssencmode", "connect_timeout",
		config.passfile != NULL ? "passfile" : NULL, NULL };
	const char *const values[] = { config.database_url, user, "gusp-check",
		"-c search_path=gusp,public", "disable", CONNECT_TIMEOUT,
		config.passfile, NULL };
	uint64_t end = kore_time_ms() + DATABASE_WAIT_MS;

	for (;;) {
		PGconn *conn = PQconnectdbParams(names, values, 1);

		if (conn == NULL)
			fatal("out of memory");
		if (PQstatus(conn) == CONNECTION_OK || kore_time_ms() >= end)
			return conn;
		log_warning("database_unreachable", LOG_STR("user", user),
		    LOG_STR("why", PQerrorMessage(conn)));
		PQfinish(conn);
		(void)sleep(1); /* a signal ends it early */
		if (sig_recv == SIGTERM || sig_recv == SIGINT ||
		    sig_recv == SIGQUIT)
			fatal("stopped while waiting for the database");
	}
}

void
kore_worker_configure(void)
{
	answer_tick();
	db_on_keys(oauth_load_keys);
	db_open();
	/* It also bounds the wait of epoll, behind which a signal or a request
	 * that woke up late would stand (worker.c:kore_worker_entry). */
	kore_timer_add(tick, TICK_MS, NULL, 0);
}

static void
tick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	answer_tick();
	front_tick();
}

/*
 * Kore would drop what is in flight (worker.c:kore_worker_entry leaves its
 * loop before this). So its loop is run here once more, without new
 * connections, until every request is answered or time is up. Idle
 * connections get a moment: a request may be on its way.
 */
void
kore_worker_teardown(void)
{
	uint64_t begun = kore_time_ms(), now = begun;
	uint64_t most = (uint64_t)config.drain_s * 1000;

	front_drain();
	stop_accepting();
	while (now - begun < most &&
	       (now - begun < DRAIN_LEAST_MS || exchange_count() > 0 ||
	           front_busy() > 0)) {
		kore_platform_event_wait(DRAIN_STEP_MS);
		now = kore_time_ms();
		kore_timer_run(now);
		http_process();
		kore_connection_prune(KORE_CONNECTION_PRUNE_DISCONNECT);
	}
	log_info("worker_stopped", LOG_INT("worker", worker->id),
	    LOG_INT("drain_ms", now - begun),
	    LOG_INT("unanswered", exchange_count()));
	db_close();
}

/* No event is asked for any more; a listener that is not in the epoll set
 * (another worker has the accept lock) is put there to no effect. */
static void
stop_accepting(void)
{
	const struct kore_server *server;
	struct listener *l;

	LIST_FOREACH(server, &kore_servers, list)
	LIST_FOREACH(l, &server->listeners, list)
	kore_platform_event_schedule(l->fd, 0, 0, l);
}
