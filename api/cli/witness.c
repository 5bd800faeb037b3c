/*
 * gusp witness: whose cosignatures the API takes. A witness is a verifier key
 * of type 0x04, made by the partner (gusp key witness) and confirmed out of
 * band; that it was added, or ended, is itself a leaf of the log.
 */
#include <string.h>

#include "cli.h"
#include "database.h"

#include "../ledger_note.h"

static void
check(const char *vkey)
{
	struct note_key key;

	if (!note_key_read(vkey, &key) || key.kind != NOTE_WITNESS)
		die("« %s » n'est pas la clé d'un témoin (gusp key witness)",
		    "\"%s\" is no key of a witness (gusp key witness)", vkey);
}

static void
change(PGconn *conn, const char *sql, const char *vkey, const char *state)
{
	PGresult *result;

	database_do(conn, "BEGIN", DATABASE_END);
	result = database_run(conn, sql, vkey, DATABASE_END);
	if (strcmp(PQcmdTuples(result), "1") != 0)
		die("rien à changer : gusp witness list",
		    "nothing to change: gusp witness list");
	PQclear(result);
	database_do(conn,
	    "SELECT ledger.note_event('ledger.witness', "
	    "jsonb_build_object('key', $1::text, 'state', $2::text))",
	    vkey, state, DATABASE_END);
	database_do(conn, "COMMIT", DATABASE_END);
}

static void
add(PGconn *conn, const char *vkey, const char *institution)
{
	check(vkey);
	change(conn,
	    "INSERT INTO ledger.ledger_witness (vkey) VALUES ($1) "
	    "ON CONFLICT (vkey) DO UPDATE SET until = NULL "
	    "WHERE ledger_witness.until IS NOT NULL",
	    vkey, "added");
	if (institution != NULL)
		database_do(conn,
		    "UPDATE ledger.ledger_witness SET institution_id = $2 "
		    "WHERE vkey = $1",
		    vkey, institution, DATABASE_END);
}

static void
list(PGconn *conn)
{
	PGresult *found = database_run(conn,
	    "SELECT vkey, institution_id, since, until "
	    "FROM ledger.ledger_witness ORDER BY since",
	    DATABASE_END);

	database_print(found);
	PQclear(found);
}

int
witness_run(int argc, char **argv)
{
	PGconn *conn;
	bool adds = (argc == 3 ||
	                (argc == 5 && strcmp(argv[3], "--institution") == 0)) &&
	            strcmp(argv[1], "add") == 0;
	bool ends = argc == 3 && strcmp(argv[1], "end") == 0;
	bool lists = argc == 2 && strcmp(argv[1], "list") == 0;

	if (!adds && !ends && !lists)
		return usage(argv[0]);
	conn = database_open("gusp_owner");
	if (adds)
		add(conn, argv[2], argc == 5 ? argv[4] : NULL);
	else if (ends)
		change(conn,
		    "UPDATE ledger.ledger_witness SET until = now() "
		    "WHERE vkey = $1 AND until IS NULL",
		    argv[2], "ended");
	else
		list(conn);
	PQfinish(conn);
	return EXIT_DONE;
}
