/*
 * gusp client: the software of partners. Rotation is in two steps, so that a
 * partner changes its credential without an interruption: a second one is
 * given, and later the older ones are ended.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "credential.h"
#include "database.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What the options said, and the arguments that are none. */
struct wish {
	const char *member, *name, *scopes, *jwk, *expires;
	bool secret, now, finish;
	char **rest;
	int n_rest;
};

static int create(const struct wish *wish);
static int list(const struct wish *wish);
static int rotate(const struct wish *wish);
static int set_scopes(const struct wish *wish);
static int revoke(const struct wish *wish);

static const struct {
	const char *name;
	int (*run)(const struct wish *wish);
	int n_rest;
} actions[] = {
	{ "create", create, 0 },
	{ "list", list, 0 },
	{ "rotate", rotate, 1 },
	{ "scopes", set_scopes, 2 },
	{ "revoke", revoke, 1 },
};

static bool
read_wish(int argc, char **argv, struct wish *out)
{
	static const struct option options[] = {
		{ "member", required_argument, NULL, 'm' },
		{ "membership", required_argument, NULL, 'm' },
		{ "name", required_argument, NULL, 'n' },
		{ "scopes", required_argument, NULL, 's' },
		{ "jwk", required_argument, NULL, 'j' },
		{ "expires", required_argument, NULL, 'e' },
		{ "secret", no_argument, NULL, 'S' },
		{ "now", no_argument, NULL, 'N' },
		{ "finish", no_argument, NULL, 'F' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*out = (struct wish){ 0 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			out->member = optarg;
			break;
		case 'n':
			out->name = optarg;
			break;
		case 's':
			out->scopes = optarg;
			break;
		case 'j':
			out->jwk = optarg;
			break;
		case 'e':
			out->expires = optarg;
			break;
		case 'S':
			out->secret = true;
			break;
		case 'N':
			out->now = true;
			break;
		case 'F':
			out->finish = true;
			break;
		default:
			return false;
		}
	}
	out->rest = argv + optind;
	out->n_rest = argc - optind;
	return !(out->secret && out->jwk != NULL);
}

int
client_run(int argc, char **argv)
{
	struct wish wish;

	if (argc < 2 || !read_wish(argc - 1, argv + 1, &wish))
		return usage("client");
	for (size_t i = 0; i < N_ELEMENTS(actions); i++)
		if (strcmp(argv[1], actions[i].name) == 0 &&
		    wish.n_rest == actions[i].n_rest &&
		    actions[i].run(&wish) == EXIT_DONE)
			return EXIT_DONE;
	return usage("client");
}

static void
give(PGconn *conn, const char *client, const struct wish *wish)
{
	if (wish->jwk != NULL)
		credential_jwk(conn, client, wish->jwk);
	else
		credential_secret(conn, client);
}

static void
commit(PGconn *conn)
{
	database_do(conn, "COMMIT", DATABASE_END);
	PQfinish(conn);
}

/* An identifier as the database writes it; ends the process if it is none. */
static const char *
identifier(const char *text)
{
	static const char form[] = "00000000-0000-0000-0000-000000000000";
	size_t i = 0;

	while (text[i] != '\0' && form[i] != '\0' &&
	       (form[i] == '-' ? text[i] == '-'
	                       : isxdigit((unsigned char)text[i])))
		i++;
	if (text[i] != '\0' || form[i] != '\0')
		die("%s n'est pas un identifiant (UUID) : gusp client list les "
		    "montre",
		    "%s is not an identifier (UUID): gusp client list shows "
		    "them",
		    text);
	return text;
}

static int
create(const struct wish *wish)
{
	if (wish->member == NULL || wish->name == NULL)
		return EXIT_MISUSED;
	identifier(wish->member);

	PGconn *conn = database_open("gusp_owner");
	PGresult *member = database_run(conn,
	    "SELECT role FROM gusp.member WHERE id = $1 AND status = 'active'",
	    wish->member, DATABASE_END);

	if (database_value(member, 0) == NULL)
		die("pas d'adhésion en cours %s", "no active membership %s",
		    wish->member);

	char *scopes = credential_scopes(
	    wish->scopes != NULL
	        ? wish->scopes
	        : credential_scopes_of(database_value(member, 0)));

	database_do(conn, "BEGIN", DATABASE_END);
	PGresult *made = database_run(conn,
	    "INSERT INTO auth.client (membership_id, name, scopes, expires_at) "
	    "SELECT $1, $2, coalesce(array_agg(DISTINCT s ORDER BY s), '{}'), "
	    "$4 FROM unnest($3::text[]) AS s RETURNING id",
	    wish->member, wish->name, scopes, wish->expires, DATABASE_END);

	printf("client_id %s\n", database_value(made, 0));
	give(conn, database_value(made, 0), wish);
	commit(conn);
	PQclear(made);
	PQclear(member);
	free(scopes);
	return EXIT_DONE;
}

static int
list(const struct wish *wish)
{
	if (wish->member != NULL)
		identifier(wish->member);

	PGconn *conn = database_open("gusp_owner");
	PGresult *found = database_run(conn,
	    "SELECT c.id, c.name, CASE WHEN c.expires_at <= now() "
	    "AND c.status <> 'revoked' THEN 'expired' ELSE c.status END "
	    "AS status, c.membership_id, m.role, "
	    "(SELECT count(*) FROM auth.client_secret AS s "
	    "WHERE s.client_id = c.id AND s.revoked_at IS NULL) AS secrets, "
	    "(SELECT count(*) FROM auth.client_key AS k "
	    "WHERE k.client_id = c.id AND k.revoked_at IS NULL) AS keys, "
	    "c.expires_at, array_to_string(c.scopes, ' ') AS scopes "
	    "FROM auth.client AS c "
	    "LEFT JOIN gusp.member AS m ON m.id = c.membership_id "
	    "WHERE $1::uuid IS NULL OR c.membership_id = $1::uuid "
	    "ORDER BY c.created_at, c.id",
	    wish->member, DATABASE_END);

	database_print(found);
	PQclear(found);
	PQfinish(conn);
	return EXIT_DONE;
}

/* Change a client that is not revoked; ends the process if there is none. */
static void
change(PGconn *conn, const char *sql, const char *client, const char *value)
{
	PGresult *result =
	    value == NULL
	        ? database_run(conn, sql, client, DATABASE_END)
	        : database_run(conn, sql, client, value, DATABASE_END);

	if (strcmp(PQcmdTuples(result), "1") != 0)
		die("pas de client vivant %s", "no living client %s", client);
	PQclear(result);
}

/* End the credentials of a client; all, or all but the newest. */
static void
end_credentials(PGconn *conn, const char *client, bool keep_newest)
{
	static const char *const ends[] = {
		"UPDATE auth.client_secret AS s SET revoked_at = now() "
		"WHERE s.client_id = $1 AND s.revoked_at IS NULL "
		"AND NOT ($2::boolean AND s.created_at = (SELECT max(c) FROM "
		"(SELECT created_at AS c, client_id, revoked_at "
		"FROM auth.client_secret UNION ALL SELECT created_at, "
		"client_id, "
		"revoked_at FROM auth.client_key) AS a "
		"WHERE a.client_id = $1 AND a.revoked_at IS NULL))",
		"UPDATE auth.client_key AS k SET revoked_at = now() "
		"WHERE k.client_id = $1 AND k.revoked_at IS NULL "
		"AND NOT ($2::boolean AND k.created_at = (SELECT max(c) FROM "
		"(SELECT created_at AS c, client_id, revoked_at "
		"FROM auth.client_secret UNION ALL SELECT created_at, "
		"client_id, "
		"revoked_at FROM auth.client_key) AS a "
		"WHERE a.client_id = $1 AND a.revoked_at IS NULL))",
	};

	for (size_t i = 0; i < N_ELEMENTS(ends); i++)
		database_do(conn, ends[i], client, keep_newest ? "t" : "f",
		    DATABASE_END);
}

static int
rotate(const struct wish *wish)
{
	if (wish->finish == (wish->secret || wish->jwk != NULL))
		return EXIT_MISUSED;

	const char *client = identifier(wish->rest[0]);

	PGconn *conn = database_open("gusp_owner");

	database_do(conn, "BEGIN", DATABASE_END);
	if (wish->now || wish->finish)
		end_credentials(conn, client, wish->finish);
	if (!wish->finish)
		give(conn, client, wish);
	/* --now: somebody else may have the old one, and tokens by it. */
	change(conn,
	    wish->now ? "UPDATE auth.client SET status = 'active', tokens_from "
	                "= now() "
	                "WHERE id = $1 AND status <> 'revoked'"
	    : wish->finish ? "UPDATE auth.client SET status = 'active' "
	                     "WHERE id = $1 AND status <> 'revoked'"
	                   : "UPDATE auth.client SET status = 'rotating' "
	                     "WHERE id = $1 AND status <> 'revoked'",
	    client, NULL);
	commit(conn);
	return EXIT_DONE;
}

static int
set_scopes(const struct wish *wish)
{
	const char *client = identifier(wish->rest[0]);
	char *scopes = credential_scopes(wish->rest[1]);
	PGconn *conn = database_open("gusp_owner");

	/* Tokens carry scopes: those with the old ones end. */
	change(conn,
	    "UPDATE auth.client SET scopes = $2, tokens_from = now() "
	    "WHERE id = $1 AND status <> 'revoked'",
	    client, scopes);
	free(scopes);
	PQfinish(conn);
	return EXIT_DONE;
}

static int
revoke(const struct wish *wish)
{
	const char *client = identifier(wish->rest[0]);
	PGconn *conn = database_open("gusp_owner");

	database_do(conn, "BEGIN", DATABASE_END);
	change(conn,
	    "UPDATE auth.client SET status = 'revoked', revoked_at = now() "
	    "WHERE id = $1 AND status <> 'revoked'",
	    client, NULL);
	end_credentials(conn, client, false);
	commit(conn);
	return EXIT_DONE;
}
