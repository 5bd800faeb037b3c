/* gusp prepare: what only a superuser may make, once a database. */
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "cli.h"
#include "database.h"

int
prepare_run(int argc, char **argv)
{
	char path[4096];
	size_t len;
	bool print = argc == 2 && strcmp(argv[1], "--print") == 0;

	if (argc != 1 && !print)
		return usage(argv[0]);
	snprintf(path, sizeof(path), "%s/prepare.sql",
	    setting("GUSP_MIGRATIONS", "./migrations"));

	char *sql = file_read(path, &len);

	if (print)
		return fwrite(sql, 1, len, stdout) == len ? EXIT_DONE
		                                          : EXIT_FAILED;

	PGconn *conn = database_open(NULL);
	/* Several statements in one query are one transaction (libpq 34.3). */
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    PQresultStatus(result) != PGRES_TUPLES_OK)
		die("refus de la base : %s", "the database refuses: %s",
		    PQresultErrorMessage(result));
	fprintf(stderr,
	    is_english() ? "gusp: %s is prepared\n" : "gusp: %s est prête\n",
	    PQdb(conn));
	PQfinish(conn);
	return EXIT_DONE;
}
