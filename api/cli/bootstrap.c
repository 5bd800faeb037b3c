/*
 * gusp bootstrap: the first administrator of an installation and its client,
 * which proves itself with a key that never was here. There is no default
 * account; a second run is refused.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "credential.h"
#include "database.h"

static void
insert(const char *institution, const char *name, const char *jwk,
    const char *scopes)
{
	PGconn *conn = database_open("gusp_owner");
	char *array = credential_scopes(scopes);

	database_do(conn, "BEGIN", DATABASE_END);
	PGresult *made = database_run(
	    conn, "SELECT gusp.bootstrap($1)", institution, DATABASE_END);
	PGresult *client = database_run(conn,
	    "INSERT INTO auth.client (membership_id, name, scopes) "
	    "SELECT $1, $2, array_agg(DISTINCT s ORDER BY s) "
	    "FROM unnest($3::text[]) AS s RETURNING id",
	    database_value(made, 0), name, array, DATABASE_END);

	credential_jwk(conn, database_value(client, 0), jwk);
	database_do(conn, "COMMIT", DATABASE_END);
	printf("membership_id %s\nclient_id %s\n", database_value(made, 0),
	    database_value(client, 0));
	free(array);
	PQclear(made);
	PQclear(client);
	PQfinish(conn);
}

int
bootstrap_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "institution", required_argument, NULL, 'i' },
		{ "jwk", required_argument, NULL, 'j' },
		{ "name", required_argument, NULL, 'n' },
		{ "scopes", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *institution = NULL, *jwk = NULL, *scopes = NULL;
	const char *name = "administration";
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'i')
			institution = optarg;
		else if (option == 'j')
			jwk = optarg;
		else if (option == 'n')
			name = optarg;
		else if (option == 's')
			scopes = optarg;
		else
			return usage(argv[0]);
	}
	if (institution == NULL || jwk == NULL || optind != argc)
		return usage(argv[0]);
	insert(institution, name, jwk,
	    scopes == NULL ? credential_scopes_of("admin") : scopes);
	return EXIT_DONE;
}
