/*
 * gusp migrate: applies NNNN_name.sql in order, each once and each in one
 * transaction, while the API serves. A lock that is not to be had within two
 * seconds is given up and asked for again, so that requests queue no longer
 * than that behind it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>
#include <openssl/sha.h>

#include "cli.h"
#include "database.h"

#define FILES_MAX    1000
#define NAME_MAX_LEN 200
#define TRIES        30
#define WAIT_MS      500

struct migration {
	char name[NAME_MAX_LEN + 1]; /* of the file */
	long version;
	char *sql;
	size_t len;
	char digest[2 * SHA256_DIGEST_LENGTH + 1];
	bool applied;
};

/* A list that lives as long as the process. */
struct migrations {
	struct migration at[FILES_MAX];
	size_t n;
};

static void read_directory(struct migrations *list);
static void lock(PGconn *conn);
static void compare(PGconn *conn, struct migrations *list);
static void apply(PGconn *conn, const struct migration *m);

static int
status(PGconn *conn, const struct migrations *list)
{
	PGresult *result = database_run(conn,
	    "SELECT max(applied_at)::text FROM gusp.migration", DATABASE_END);
	static const char *const words[][2] = { { "en attente", "appliquée" },
		{ "pending", "applied" } };
	const char *last = database_value(result, 0);
	size_t pending = 0;

	for (size_t i = 0; i < list->n; i++) {
		pending += !list->at[i].applied;
		printf("%s\t%s\n", list->at[i].name,
		    words[is_english()][list->at[i].applied]);
	}
	fprintf(stderr,
	    is_english() ? "gusp: %zu pending, last applied %s\n"
	                 : "gusp: %zu en attente, dernière application %s\n",
	    pending, last != NULL ? last : "-");
	PQclear(result);
	return EXIT_DONE;
}

int
migrate_run(int argc, char **argv)
{
	static struct migrations list;
	bool only_status = argc == 2 && strcmp(argv[1], "--status") == 0;

	if (argc != 1 && !only_status)
		return usage(argv[0]);
	read_directory(&list);

	PGconn *conn = database_open("gusp_owner");

	if (!only_status)
		lock(conn);
	database_do(conn,
	    "CREATE TABLE IF NOT EXISTS gusp.migration ("
	    "version bigint PRIMARY KEY, name text NOT NULL, "
	    "sha256 text NOT NULL, "
	    "applied_at timestamptz NOT NULL DEFAULT now())",
	    DATABASE_END);
	compare(conn, &list);
	if (only_status)
		return status(conn, &list);
	for (size_t i = 0; i < list.n; i++)
		if (!list.at[i].applied)
			apply(conn, &list.at[i]);
	PQfinish(conn);
	return EXIT_DONE;
}

/* The version of "0002_auth.sql"; -1 for any other name. */
static long
version_of(const char *name)
{
	size_t digits = strspn(name, "0123456789"), len = strlen(name);

	if (digits != 4 || name[digits] != '_' || len <= 9 ||
	    len > NAME_MAX_LEN || strcmp(name + len - 4, ".sql") != 0)
		return -1;
	return strtol(name, NULL, 10);
}

static void
read_migration(const char *directory, const char *name, struct migration *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->version = version_of(name);
	out->sql = file_read(path, &out->len);
	SHA256((const unsigned char *)out->sql, out->len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out->digest + 2 * i, 3, "%02x", digest[i]);
}

/* Four digits: the order of names is that of versions. */
static int
is_migration(const struct dirent *entry)
{
	return version_of(entry->d_name) != -1;
}

static void
read_directory(struct migrations *list)
{
	const char *directory = setting("GUSP_MIGRATIONS", "./migrations");
	struct dirent **names = NULL;
	int n = scandir(directory, &names, is_migration, alphasort);

	if (n == -1)
		die("%s : répertoire illisible", "%s: cannot read directory",
		    directory);
	if (n > FILES_MAX)
		die("plus de %d migrations", "more than %d migrations",
		    FILES_MAX);
	for (int i = 0; i < n; i++) {
		read_migration(
		    directory, names[i]->d_name, &list->at[list->n++]);
		free(names[i]);
	}
	free(names);
	for (size_t i = 1; i < list->n; i++)
		if (list->at[i].version == list->at[i - 1].version)
			die("%s et %s ont le même numéro",
			    "%s and %s have the same number",
			    list->at[i - 1].name, list->at[i].name);
}

static void
rest(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* One migration at a time; held until the connection ends. */
static void
lock(PGconn *conn)
{
	for (int i = 0; i < 120; i++) {
		PGresult *result = database_run(conn,
		    "SELECT pg_try_advisory_lock("
		    "hashtextextended('gusp migrate', 0))",
		    DATABASE_END);
		const char *value = database_value(result, 0);
		bool had = value != NULL && value[0] == 't';

		PQclear(result);
		if (had)
			return;
		rest(WAIT_MS);
	}
	die("une autre migration est en cours", "another migration is running");
}

/* What was applied must still be there, unchanged, and before the rest. */
static void
compare(PGconn *conn, struct migrations *list)
{
	PGresult *result = database_run(conn,
	    "SELECT version, name, sha256 FROM gusp.migration "
	    "ORDER BY version",
	    DATABASE_END);
	long last = -1;

	for (int row = 0; row < PQntuples(result); row++) {
		const char *name = PQgetvalue(result, row, 1);
		struct migration *found = NULL;

		last = strtol(PQgetvalue(result, row, 0), NULL, 10);
		for (size_t i = 0; i < list->n; i++)
			if (list->at[i].version == last)
				found = &list->at[i];
		if (found == NULL)
			die("%s a été appliquée et n'est plus là",
			    "%s was applied and is no longer there", name);
		if (strcmp(found->digest, PQgetvalue(result, row, 2)) != 0)
			die("%s a été modifiée après son application",
			    "%s was changed after it was applied", found->name);
		found->applied = true;
	}
	PQclear(result);
	for (size_t i = 0; i < list->n; i++)
		if (!list->at[i].applied && list->at[i].version < last)
			die("%s vient après coup : la migration %ld est déjà "
			    "appliquée",
			    "%s comes too late: migration %ld is applied "
			    "already",
			    list->at[i].name, last);
}

/* The line of a file where PostgreSQL stumbled; 0 if it does not say. */
static long
line_of(const struct migration *m, const PGresult *result)
{
	const char *text =
	    PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	long position = text == NULL ? 0 : strtol(text, NULL, 10);
	long line = position > 0 ? 1 : 0;

	/* Counted in characters: bytes that go on one do not count. */
	for (size_t i = 0; i < m->len && position > 1; i++) {
		if ((m->sql[i] & 0xc0) != 0x80)
			position--;
		line += m->sql[i] == '\n';
	}
	return line;
}

/* Somebody was in the way; it may be otherwise in a moment. */
static bool
passes(const PGresult *result)
{
	static const char *const states[] = { "55P03", "40P01", "40001" };
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state != NULL && i < 3; i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

static void
begin(PGconn *conn)
{
	static const char *const opening[] = { "BEGIN",
		"SET LOCAL lock_timeout = '2s'",
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL client_min_messages = warning" };

	for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++)
		database_do(conn, opening[i], DATABASE_END);
}

static void
apply(PGconn *conn, const struct migration *m)
{
	char version[24];

	snprintf(version, sizeof(version), "%ld", m->version);
	for (int i = 0; i < TRIES; i++) {
		begin(conn);
		PGresult *result = PQexec(conn, m->sql);
		ExecStatusType status = PQresultStatus(result);

		if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
			PQclear(result);
			if (PQtransactionStatus(conn) != PQTRANS_INTRANS)
				die("%s ferme sa transaction elle-même",
				    "%s ends its transaction itself", m->name);
			database_do(conn,
			    "INSERT INTO gusp.migration "
			    "(version, name, sha256) VALUES ($1, $2, $3)",
			    version, m->name, m->digest, DATABASE_END);
			database_do(conn, "COMMIT", DATABASE_END);
			database_do(conn, "RESET ALL", DATABASE_END);
			printf("%s\n", m->name);
			return;
		}
		if (!passes(result))
			die("%s, ligne %ld : %s", "%s, line %ld: %s", m->name,
			    line_of(m, result), PQresultErrorMessage(result));
		PQclear(result);
		database_do(conn, "ROLLBACK", DATABASE_END);
		rest(WAIT_MS);
	}
	die("%s : un verrou reste pris", "%s: a lock stays taken", m->name);
}
