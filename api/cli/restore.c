/*
 * gusp restore: the tail of the ledger, from a mirror. For a database that
 * was restored without its last leaves: they are put back in their places with
 * the bytes they had (entries.jsonl of gusp verify). The signer then hashes
 * every leaf again before it goes on.
 *
 * The records themselves are not in the ledger: what they said comes back
 * from those who hold them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "database.h"
#include "mirror.h"

static int64_t
size_of_tree(PGconn *conn)
{
	PGresult *result = database_run(conn,
	    "SELECT coalesce(max(leaf_index) + 1, 0) FROM ledger.ledger_leaf",
	    DATABASE_END);
	int64_t size = strtoll(database_value(result, 0), NULL, 10);

	PQclear(result);
	return size;
}

static void
restore_leaf(PGconn *conn, int64_t place, const char *line, size_t len)
{
	char index[24], *leaf = malloc(len + 1);

	if (leaf == NULL)
		die("mémoire épuisée", "out of memory");
	(void)snprintf(leaf, len + 1, "%.*s", (int)len, line);
	(void)snprintf(index, sizeof(index), "%" PRId64, place);
	database_do(conn, "SELECT ledger.restore_leaf($1::bigint, $2)", index,
	    leaf, DATABASE_END);
	free(leaf);
}

int
restore_run(int argc, char **argv)
{
	struct mirror mirror;
	PGconn *conn;
	const char *line;
	int64_t first, at = 0;
	char from[24], to[24];
	size_t len;

	if (argc != 2)
		return usage(argv[0]);
	mirror_open(&mirror, argv[1], NULL);
	conn = database_open("gusp_owner");
	database_do(conn, "BEGIN", DATABASE_END);
	/* integrate() must not take the same places. */
	database_do(
	    conn, "SELECT pg_advisory_xact_lock(7166962)", DATABASE_END);
	first = size_of_tree(conn);
	if (!mirror_rewind(&mirror))
		die("%s est illisible", "cannot read %s", argv[1]);
	for (; mirror_next(&mirror, &line, &len); at++)
		if (at >= first)
			restore_leaf(conn, at, line, len);
	(void)snprintf(from, sizeof(from), "%" PRId64, first);
	(void)snprintf(to, sizeof(to), "%" PRId64, at > first ? at : first);
	database_do(conn, "SELECT ledger.fill_tiles($1::bigint, $2::bigint)",
	    from, to, DATABASE_END);
	database_do(conn, "COMMIT", DATABASE_END);
	printf("%s -> %s\n", from, to);
	mirror_close(&mirror);
	PQfinish(conn);
	return EXIT_DONE;
}
