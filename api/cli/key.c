/*
 * gusp key: the keys that sign access tokens, and, as files anywhere, those
 * that sign the ledger (note_file.h).
 *
 * Of tokens: The private half is a file of
 * GUSP_KEY_DIR and nowhere else. A new key is published first, signs ten
 * minutes later (twice what verifiers may cache the set), retires when the
 * next one signs, and is revoked when its last token is over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "cli.h"
#include "database.h"
#include "note_file.h"

#include "../jwk.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define PATH_LEN 4096
#define KID_LEN  43 /* a thumbprint in base64url */

static int new (char **arguments, int n);
static int list(char **arguments, int n);
static int activate(char **arguments, int n);
static int retire(char **arguments, int n);
static int end(char **arguments, int n);
static int make_log(char **arguments, int n);
static int make_witness(char **arguments, int n);
static int show(char **arguments, int n);
static int announce(char **arguments, int n);

static const struct {
	const char *name;
	int (*run)(char **arguments, int n);
} actions[] = {
	{ "new", new },
	{ "list", list },
	{ "activate", activate },
	{ "retire", retire },
	{ "revoke", end },
	{ "ledger", make_log },
	{ "witness", make_witness },
	{ "show", show },
	{ "announce", announce },
};

int
key_run(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < N_ELEMENTS(actions); i++)
		if (strcmp(argv[1], actions[i].name) == 0 &&
		    actions[i].run(argv + 2, argc - 2) == EXIT_DONE)
			return EXIT_DONE;
	return usage("key");
}

static void
path_of(const char *kid, char out[PATH_LEN])
{
	snprintf(
	    out, PATH_LEN, "%s/%s.pem", setting("GUSP_KEY_DIR", NULL), kid);
}

/*
 * Write the private key where nobody else can read it. As root, for whoever
 * owns the directory: the API does not run as root.
 */
static void
write_key(const char *path, const char *pem)
{
	size_t len = strlen(pem);
	struct stat directory;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good =
	    fd != -1 &&
	    (geteuid() != 0 ||
	        (stat(setting("GUSP_KEY_DIR", NULL), &directory) == 0 &&
	            fchown(fd, directory.st_uid, directory.st_gid) == 0)) &&
	    write(fd, pem, len) == (ssize_t)len && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	if (good)
		return;
	if (fd != -1)
		unlink(path);
	die("%s ne peut être écrit : %s", "cannot write %s: %s", path,
	    strerror(errno));
}

static int new (char **arguments, int n)
{
	char path[PATH_LEN], kid[JWK_KID_MAX] = "";

	(void)arguments;
	if (n != 0)
		return EXIT_MISUSED;

	PGconn *conn = database_open("gusp_owner");
	char *pem = jwk_generate();
	json_auto_t *jwk = pem == NULL ? NULL : jwk_of_private(pem);
	char *text = jwk == NULL ? NULL : json_dumps(jwk, JSON_COMPACT);

	if (text == NULL || !jwk_thumbprint(jwk, kid))
		die("pas de clé", "no key");
	path_of(kid, path);
	database_do(conn, "BEGIN", DATABASE_END);
	database_do(conn,
	    "INSERT INTO auth.signing_key (kid, jwk) VALUES ($1, $2)", kid,
	    text, DATABASE_END);
	write_key(path, pem); /* before anybody can hear of it */
	database_do(conn, "COMMIT", DATABASE_END);
	OPENSSL_cleanse(pem, strlen(pem));
	free(pem);
	free(text);
	PQfinish(conn);
	printf("kid %s\n", kid);
	return EXIT_DONE;
}

static int
list(char **arguments, int n)
{
	(void)arguments;
	if (n != 0)
		return EXIT_MISUSED;

	PGconn *conn = database_open("gusp_owner");
	PGresult *found = database_run(conn,
	    "SELECT kid, alg, state, created_at, activated_at, retired_at, "
	    "revoked_at FROM auth.signing_key ORDER BY created_at",
	    DATABASE_END);

	database_print(found);
	PQclear(found);
	PQfinish(conn);
	return EXIT_DONE;
}

/* The key that is next: the one named, or the only one. NULL if there is
 * none; the result owns it. */
static const char *
find_next(PGconn *conn, const char *kid, PGresult **found, bool *ripe)
{
	*found = database_run(conn,
	    "SELECT kid, created_at <= now() - interval '10 minutes' "
	    "OR NOT EXISTS (SELECT FROM auth.signing_key AS o "
	    "WHERE o.state <> 'next') "
	    "FROM auth.signing_key AS k WHERE k.state = 'next' "
	    "AND ($1::text IS NULL OR k.kid = $1::text) FOR UPDATE",
	    kid, DATABASE_END);
	if (PQntuples(*found) != 1)
		return NULL;
	*ripe = PQgetvalue(*found, 0, 1)[0] == 't';
	return PQgetvalue(*found, 0, 0);
}

static int
activate(char **arguments, int n)
{
	const char *asked = NULL;
	bool now = false, ripe = false;
	char path[PATH_LEN];
	PGresult *found;

	/* One kid of sixty-four begins as an option does. */
	for (int i = 0; i < n; i++) {
		if (strcmp(arguments[i], "--now") == 0)
			now = true;
		else if (asked == NULL && (arguments[i][0] != '-' ||
		                              strlen(arguments[i]) == KID_LEN))
			asked = arguments[i];
		else
			return EXIT_MISUSED;
	}

	PGconn *conn = database_open("gusp_owner");

	database_do(conn, "BEGIN", DATABASE_END);
	const char *kid = find_next(conn, asked, &found, &ripe);

	if (kid == NULL)
		die("il faut une clé suivante, et une seule : gusp key list",
		    "exactly one next key is wanted: gusp key list");
	path_of(kid, path);
	if (access(path, R_OK) == -1)
		die("%s est illisible : %s", "cannot read %s: %s", path,
		    strerror(errno));
	if (!ripe && !now)
		die("la clé %s a moins de dix minutes : des vérificateurs ne "
		    "la connaissent pas encore (--now passe outre)",
		    "key %s is younger than ten minutes: some verifiers do "
		    "not know it yet (--now overrules)",
		    kid);
	database_do(conn,
	    "UPDATE auth.signing_key SET state = 'retiring', "
	    "retired_at = now() WHERE state = 'active'",
	    DATABASE_END);
	database_do(conn,
	    "UPDATE auth.signing_key SET state = 'active', "
	    "activated_at = now() WHERE kid = $1",
	    kid, DATABASE_END);
	database_do(conn, "COMMIT", DATABASE_END);
	printf("kid %s\n", kid);
	PQclear(found);
	PQfinish(conn);
	return EXIT_DONE;
}

/* Say why a key was not changed: it is not there, or past that. */
static _Noreturn void
say_state(PGconn *conn, const char *kid)
{
	PGresult *result = database_run(conn,
	    "SELECT state FROM auth.signing_key WHERE kid = $1", kid,
	    DATABASE_END);
	const char *state = database_value(result, 0);

	if (state == NULL)
		die("pas de clé %s : gusp key list les montre",
		    "no key %s: gusp key list shows them", kid);
	if (strcmp(state, "retiring") == 0)
		die("la clé %s est déjà en retrait (retiring) : elle ne signe "
		    "plus ; gusp key revoke %s refuse aussi ses jetons",
		    "key %s is retiring already: it signs no longer; "
		    "gusp key revoke %s refuses its tokens too",
		    kid, kid);
	die("la clé %s est déjà révoquée (%s) : il n'y a plus rien à faire ; "
	    "gusp key new en fait une autre",
	    "key %s is revoked already (%s): nothing is left to be done; "
	    "gusp key new makes another",
	    kid, state);
}

static void
change(const char *sql, const char *kid)
{
	PGconn *conn = database_open("gusp_owner");
	PGresult *result = database_run(conn, sql, kid, DATABASE_END);

	if (strcmp(PQcmdTuples(result), "1") != 0)
		say_state(conn, kid);
	PQclear(result);
	PQfinish(conn);
}

/* It signs no longer, or never will; what it signed is good until it ends. */
static int
retire(char **arguments, int n)
{
	if (n != 1)
		return EXIT_MISUSED;
	change("UPDATE auth.signing_key SET state = 'retiring', "
	       "retired_at = now() WHERE kid = $1 "
	       "AND state IN ('next', 'active')",
	    arguments[0]);
	return EXIT_DONE;
}

/* Its tokens are refused at once; the private half is destroyed. */
static int
end(char **arguments, int n)
{
	char path[PATH_LEN];

	if (n != 1)
		return EXIT_MISUSED;
	change("UPDATE auth.signing_key SET state = 'revoked', "
	       "revoked_at = now() WHERE kid = $1 AND state <> 'revoked'",
	    arguments[0]);
	path_of(arguments[0], path);
	if (unlink(path) == -1 && errno != ENOENT)
		die("%s n'a pu être détruit : %s", "cannot destroy %s: %s",
		    path, strerror(errno));
	return EXIT_DONE;
}

/* --- the ledger's ------------------------------------------------------------
 */

static void
print_vkey(const struct note_key *key)
{
	char vkey[NOTE_VKEY_MAX];

	note_key_write(key, vkey);
	printf("%s\n", vkey);
}

static int
make_note_key(char **arguments, int n, enum note_kind kind)
{
	struct note_key key;

	if (n != 2)
		return EXIT_MISUSED;
	note_file_make(arguments[1], arguments[0], kind, &key);
	print_vkey(&key);
	return EXIT_DONE;
}

static int
make_log(char **arguments, int n)
{
	return make_note_key(arguments, n, NOTE_LOG);
}

static int
make_witness(char **arguments, int n)
{
	return make_note_key(arguments, n, NOTE_WITNESS);
}

static int
show(char **arguments, int n)
{
	struct note_secret secret;

	if (n != 1)
		return EXIT_MISUSED;
	note_file_read(arguments[0], NOTE_ANY, &secret);
	print_vkey(&secret.key);
	return EXIT_DONE;
}

/* The first step of a rotation: the log itself says which key comes. */
static int
announce(char **arguments, int n)
{
	struct note_secret secret;
	char vkey[NOTE_VKEY_MAX];
	PGconn *conn;

	if (n != 1)
		return EXIT_MISUSED;
	note_file_read(arguments[0], NOTE_LOG, &secret);
	note_key_write(&secret.key, vkey);
	conn = database_open("gusp_owner");
	database_do(conn,
	    "SELECT ledger.note_event('ledger.key', "
	    "jsonb_build_object('key', $1::text))",
	    vkey, DATABASE_END);
	PQfinish(conn);
	printf("%s\n", vkey);
	return EXIT_DONE;
}
