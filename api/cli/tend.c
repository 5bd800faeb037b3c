/*
 * gusp tend: what has to be done again and again, as long as it runs. Each
 * second it gives the ledger's new events their places; where it has the
 * log's key (GUSP_LEDGER_KEY) it signs and publishes, at most every five
 * seconds. Each minute it takes the steps that are due by themselves. As many
 * may run as there are nodes: one does the work.
 *
 * A database that goes away is waited for. SIGTERM and SIGINT end it after
 * the round at hand.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "database.h"
#include "signer.h"

#include "../log.h"

#define ROUND_MS 1000
#define SIGN_MS  5000
#define CHORE_MS 60000

/* Conventions come into force and end on their day; persons who reported are
 * forgotten in time. */
static const char *const chores[] = { "SELECT gusp.conventions_tend()",
	"SELECT vault.expire()" };

static volatile sig_atomic_t stopping;

struct tend {
	PGconn *conn;
	bool signs;
	struct signer signer;
	int64_t size; /* of the tree, as integrated last */
	int64_t signed_ms;
	int64_t chores_ms; /* when they are due again */
	bool warned;
};

static void
stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A signal cuts it short. */
static void
rest(int64_t ms)
{
	struct timespec time = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	if (ms > 0 && !stopping)
		nanosleep(&time, NULL);
}

/* A WARNING at a commit: perhaps no standby has it. */
static void
note_warning(void *arg, const PGresult *result)
{
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL && strcmp(severity, "WARNING") == 0) {
		*(bool *)arg = true;
		log_warning("ledger_database_warns",
		    LOG_STR("message", PQresultErrorMessage(result)));
	}
}

/* The size of the tree after one batch; -1: another one is at it. False if
 * the database does not answer. */
static bool
integrate_batch(PGconn *conn, int64_t *size)
{
	PGresult *result =
	    database_try(conn, "SELECT ledger.integrate()", DATABASE_END);
	const char *value = result == NULL ? NULL : database_value(result, 0);

	if (value != NULL)
		*size = strtoll(value, NULL, 10);
	PQclear(result);
	return value != NULL;
}

/* Give places until none waits for one. */
static bool
integrate(struct tend *t)
{
	int64_t size = t->size;

	do {
		t->size = size;
		if (!integrate_batch(t->conn, &size))
			return false;
	} while (size > t->size && !stopping);
	return true;
}

static bool
sign(struct tend *t, int64_t at_ms)
{
	uint64_t before = t->signer.frontier.size;
	bool first = !t->signer.signed_once;

	if (!t->signs || (t->signed_ms != 0 && at_ms - t->signed_ms < SIGN_MS))
		return true;
	if (!signer_run(&t->signer, t->conn, &t->warned))
		return false;
	if (t->signer.frontier.size != before ||
	    (first && t->signer.signed_once)) {
		t->signed_ms = at_ms;
		log_info(
		    "ledger_signed", LOG_INT("size", t->signer.frontier.size));
	}
	return true;
}

/* One that fails is logged and tried again a minute later. */
static bool
do_chores(struct tend *t, int64_t at_ms)
{
	if (at_ms < t->chores_ms)
		return true;
	t->chores_ms = at_ms + CHORE_MS;
	for (size_t i = 0; i < sizeof(chores) / sizeof(*chores); i++)
		PQclear(database_try(t->conn, chores[i], DATABASE_END));
	return PQstatus(t->conn) == CONNECTION_OK;
}

static bool
reach(struct tend *t)
{
	if (t->conn != NULL)
		return true;
	t->conn = database_reach("gusp_ledger");
	if (t->conn == NULL)
		return false;
	PQsetNoticeReceiver(t->conn, note_warning, &t->warned);
	log_info("ledger_tended", LOG_INT("signs", t->signs));
	return true;
}

/* The lock that makes us the signer went with the connection. */
static void
lose(struct tend *t)
{
	PQfinish(t->conn);
	t->conn = NULL;
	t->signer.ready = false;
}

static bool
round_of(struct tend *t, int64_t at_ms)
{
	if (!reach(t) || !do_chores(t, at_ms))
		return false;
	/* A tree that is not what was signed is not built upon. */
	if (t->signer.frozen[0] == '\0' && !integrate(t))
		return false;
	return sign(t, at_ms);
}

static void
run(struct tend *t, bool once)
{
	int64_t next_ms = now_ms();
	int64_t told_ms = next_ms;

	while (!stopping) {
		int64_t at_ms = now_ms();
		bool good = round_of(t, at_ms);

		if (!good && t->conn != NULL)
			lose(t);
		if (once && good)
			return;
		if (t->signer.frozen[0] != '\0' && at_ms - told_ms >= 60000) {
			log_error(
			    "ledger_frozen", LOG_STR("why", t->signer.frozen));
			told_ms = at_ms;
		}
		next_ms += ROUND_MS;
		if (next_ms < now_ms())
			next_ms = now_ms();
		rest(next_ms - now_ms());
	}
}

static void
open_signer(struct tend *t)
{
	static char beside[4096];
	const char *keys = setting("GUSP_LEDGER_KEY", "");

	if (*keys == '\0')
		return;
	snprintf(beside, sizeof(beside), "%.*s.state", (int)strcspn(keys, ":"),
	    keys);
	signer_open(&t->signer, keys, setting("GUSP_LEDGER_STATE", beside));
	t->signs = true;
}

int
tend_run(int argc, char **argv)
{
	static struct tend t;
	bool once = argc == 2 && strcmp(argv[1], "--once") == 0;
	bool adopts = argc == 3 && strcmp(argv[1], "--adopt") == 0;

	if (argc != 1 && !once && !adopts)
		return usage(argv[0]);
	open_signer(&t);
	if (adopts) {
		if (!t.signs)
			die("GUSP_LEDGER_KEY n'est pas définie",
			    "GUSP_LEDGER_KEY is not set");
		t.conn = database_open("gusp_ledger");
		signer_adopt(&t.signer, t.conn, argv[2]);
		PQfinish(t.conn);
		return EXIT_DONE;
	}
	catch_signals();
	run(&t, once);
	if (t.conn != NULL)
		PQfinish(t.conn);
	return t.signer.frozen[0] == '\0' ? EXIT_DONE : EXIT_FAILED;
}
