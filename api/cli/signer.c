/* The signer: own state, barrier, signature, publication. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli.h"
#include "database.h"
#include "signer.h"

#include "../base64.h"
#include "../log.h"

#define LEAVES_AT_ONCE "1000"

static const char heading[] = "gusp ledger state 1\n";

/* --- the state
 * -----------------------------------------------------------------
 */

static const char *
origin_of(const struct signer *s)
{
	return s->keys[0].key.name;
}

static void
head_of(const struct frontier *frontier, struct tree_head *head)
{
	head->size = frontier->size;
	frontier_root(frontier, &head->root);
}

/* Heading, the hashes of the frontier a line each, a blank line, the note. */
static bool
write_state(const struct signer *s)
{
	char text[sizeof(heading) + (size_t)FRONTIER_MAX * 48 +
	          sizeof(s->note) + 2];
	char *at = stpcpy(text, heading);

	for (size_t i = 0; i < frontier_len(&s->frontier); i++) {
		at += base64_write(s->frontier.at[i].bytes, HASH_LEN, at);
		*at++ = '\n';
	}
	*at++ = '\n';
	at = stpcpy(at, s->note);
	if (file_replace(s->state_path, text, (size_t)(at - text)))
		return true;
	log_error("ledger_state_unwritable", LOG_STR("path", s->state_path),
	    LOG_STR("error", strerror(errno)));
	return false;
}

/* The note tells the size, and so how many hashes there must be; their root
 * must be the note's. */
static bool
parse_state(struct signer *s, const char *text, size_t len)
{
	struct note_key keys[SIGNER_KEYS_MAX];
	const char *at = text + sizeof(heading) - 1, *blank;
	struct checkpoint checkpoint;
	struct tree_head head;
	struct note note;
	size_t n = 0;

	for (size_t i = 0; i < s->n_keys; i++)
		keys[i] = s->keys[i].key;
	if (strncmp(text, heading, sizeof(heading) - 1) != 0)
		return false;
	for (; n < FRONTIER_MAX && *at != '\n'; n++, at += 45) {
		unsigned char bytes[BASE64_BYTES(44)];
		size_t got;

		if (strlen(at) < 45 || at[44] != '\n' ||
		    !base64_read(at, 44, bytes, &got) || got != HASH_LEN)
			return false;
		memcpy(s->frontier.at[n].bytes, bytes, HASH_LEN);
	}
	blank = at++;
	if (*blank != '\n' || (size_t)(text + len - at) >= sizeof(s->note) ||
	    !checkpoint_open(
	        at, strlen(at), keys, s->n_keys, &note, &checkpoint) ||
	    strcmp(checkpoint.origin, origin_of(s)) != 0)
		return false;
	memcpy(s->note, at, strlen(at) + 1);
	s->frontier.size = checkpoint.head.size;
	if (frontier_len(&s->frontier) != n)
		return false;
	head_of(&s->frontier, &head);
	s->signed_once = true;
	return hash_equal(&head.root, &checkpoint.head.root);
}

static void
lock_state(struct signer *s)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.lock", s->state_path);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock == -1)
		die("%s ne peut être écrit : %s", "cannot write %s: %s", path,
		    strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) == -1)
		die("un autre gusp tend signe déjà avec %s",
		    "another gusp tend signs with %s already", s->state_path);
}

void
signer_open(struct signer *s, const char *keys, const char *state)
{
	char *list = strdup(keys), *rest = NULL, *path;
	size_t len;

	memset(s, 0, sizeof(*s));
	for (path = strtok_r(list, ":", &rest); path != NULL;
	     path = strtok_r(NULL, ":", &rest)) {
		if (s->n_keys == SIGNER_KEYS_MAX)
			die("plus de %d clés du registre",
			    "more than %d ledger keys", SIGNER_KEYS_MAX);
		note_file_read(path, NOTE_LOG, &s->keys[s->n_keys++]);
	}
	free(list);
	if (s->n_keys == 0 || (s->n_keys == 2 && strcmp(s->keys[0].key.name,
	                                             s->keys[1].key.name) != 0))
		die("les clés du registre ont un seul nom",
		    "the ledger's keys have one name");
	s->state_path = state;
	lock_state(s);
	if (access(state, F_OK) == -1 && errno == ENOENT)
		return;

	char *text = file_read(state, &len);

	if (!parse_state(s, text, len))
		die("%s n'est pas l'état de ce registre, ou il est abîmé : "
		    "gusp tend --adopt CHECKPOINT repart d'un témoin",
		    "%s is not the state of this ledger, or it is damaged: "
		    "gusp tend --adopt CHECKPOINT begins from a witness",
		    state);
	free(text);
}

/* --- the database
 * ----------------------------------------------------------------
 */

/* A statement of the signer's: NULL, logged, if it fails. */
#define ask(...) database_try(__VA_ARGS__)

/* One number; -1 if there is no answer. */
static int64_t
ask_number(PGconn *conn, const char *sql)
{
	PGresult *result = ask(conn, sql, DATABASE_END);
	const char *value = result == NULL ? NULL : database_value(result, 0);
	int64_t number = value == NULL ? -1 : strtoll(value, NULL, 10);

	PQclear(result);
	return number;
}

/* Stand still, and say why: here and in the database, whose writers then stop
 * too. Always true: the connection is good. */
__attribute__((format(printf, 3, 4))) static bool
freeze(struct signer *s, PGconn *conn, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(s->frozen, sizeof(s->frozen), format, arguments);
	va_end(arguments);
	log_error("ledger_frozen", LOG_STR("why", s->frozen));
	PQclear(ask(conn,
	    "INSERT INTO ledger.ledger_halt (frozen, why) VALUES (true, $1)",
	    s->frozen, DATABASE_END));
	return true;
}

/* The root that the database itself has of its first size leaves. */
static bool
ask_root(PGconn *conn, uint64_t size, struct hash *out)
{
	char number[24];
	unsigned char bytes[BASE64_BYTES(44)];
	PGresult *result;
	const char *value;
	size_t len = 0;
	bool good;

	snprintf(number, sizeof(number), "%" PRIu64, size);
	result = ask(conn, "SELECT encode(ledger.mth(0, $1::bigint), 'base64')",
	    number, DATABASE_END);
	value = result == NULL ? NULL : database_value(result, 0);
	good = value != NULL && strlen(value) == 44 &&
	       base64_read(value, 44, bytes, &len) && len == HASH_LEN;
	if (good)
		memcpy(out->bytes, bytes, HASH_LEN);
	PQclear(result);
	return good;
}

/* Fold the leaves [frontier->size, size) in, by their bytes. False without an
 * answer; fewer leaves than asked leave the frontier short. */
static bool
fold(PGconn *conn, uint64_t size, struct frontier *frontier)
{
	while (frontier->size < size) {
		char from[24], to[24];
		PGresult *result;
		int n;

		snprintf(from, sizeof(from), "%" PRIu64, frontier->size);
		snprintf(to, sizeof(to), "%" PRIu64, size);
		result = database_try_bytes(conn,
		    "SELECT e.leaf FROM ledger.ledger_leaf AS l "
		    "JOIN ledger.ledger_event AS e USING (event_id) "
		    "WHERE l.leaf_index >= $1::bigint "
		    "AND l.leaf_index < $2::bigint "
		    "ORDER BY l.leaf_index LIMIT " LEAVES_AT_ONCE,
		    from, to, DATABASE_END);
		if (result == NULL)
			return false;
		n = PQntuples(result);
		for (int i = 0; i < n; i++) {
			struct hash leaf;

			tree_leaf(PQgetvalue(result, i, 0),
			    (size_t)PQgetlength(result, i, 0), &leaf);
			frontier_add(frontier, &leaf);
		}
		PQclear(result);
		if (n == 0)
			return true;
	}
	return true;
}

/* The checkpoint of the state, if the database has none of its size yet. */
static bool
publish(struct signer *s, PGconn *conn, bool *warned)
{
	struct tree_head head;
	char size[24], root[BASE64_TEXT(HASH_LEN) + 2];
	PGresult *result;
	const char *same;

	head_of(&s->frontier, &head);
	snprintf(size, sizeof(size), "%" PRIu64, head.size);
	base64_write(head.root.bytes, HASH_LEN, root);
	*warned = false;
	result = ask(conn,
	    "INSERT INTO ledger.ledger_checkpoint (tree_size, root_hash, note) "
	    "VALUES ($1::bigint, decode($2, 'base64'), $3) "
	    "ON CONFLICT (tree_size) DO NOTHING",
	    size, root, s->note, DATABASE_END);
	if (result == NULL || *warned) {
		PQclear(result);
		return false;
	}
	PQclear(result);
	result = ask(conn,
	    "SELECT root_hash = decode($2, 'base64') "
	    "FROM ledger.ledger_checkpoint WHERE tree_size = $1::bigint",
	    size, root, DATABASE_END);
	same = result == NULL ? NULL : database_value(result, 0);
	if (same != NULL && same[0] == 't')
		s->published = true;
	else if (same != NULL)
		freeze(s, conn, "forked: another root was published at size %s",
		    size);
	PQclear(result);
	return same != NULL;
}

/* --- beginning
 * --------------------------------------------------------------------
 */

/* Whether the database has what was signed. */
static bool
compare(struct signer *s, PGconn *conn)
{
	struct tree_head head;
	struct hash root;
	int64_t n = ask_number(conn,
	    "SELECT coalesce(max(leaf_index) + 1, 0) FROM ledger.ledger_leaf");
	int64_t last =
	    ask_number(conn, "SELECT coalesce(max(tree_size), -1) FROM "
	                     "ledger.ledger_checkpoint");

	if (n < 0)
		return false;
	head_of(&s->frontier, &head);
	/* Perhaps only the wrong file: nobody else has to stop for it. */
	if (!s->signed_once && last >= 0)
		die("la taille %" PRId64 " est publiée et l'état %s n'est pas "
		    "là : gusp tend --adopt CHECKPOINT repart d'un témoin",
		    "size %" PRId64 " is published and the state %s is not "
		    "there: gusp tend --adopt CHECKPOINT begins from a witness",
		    last, s->state_path);
	if (s->frontier.size > (uint64_t)n)
		return freeze(s, conn,
		    "tail lost: %" PRIu64 " leaves were signed, the database "
		    "has %" PRId64,
		    s->frontier.size, n);
	if (last > 0 && (uint64_t)last > s->frontier.size)
		return freeze(s, conn,
		    "state too old: it is of size %" PRIu64 ", and %" PRId64
		    " was published",
		    s->frontier.size, last);
	if (!ask_root(conn, s->frontier.size, &root))
		return false;
	if (!hash_equal(&root, &head.root))
		return freeze(s, conn,
		    "forked: the first %" PRIu64 " leaves are not those that "
		    "were signed",
		    s->frontier.size);
	return true;
}

/* A log that stood still goes on only when every leaf was hashed again. */
static bool
thaw(struct signer *s, PGconn *conn)
{
	PGresult *result = ask(conn,
	    "SELECT frozen FROM ledger.ledger_halt ORDER BY n DESC LIMIT 1",
	    DATABASE_END);
	const char *frozen = result == NULL ? "" : database_value(result, 0);
	struct frontier again = { .size = 0 };
	struct tree_head head, now;

	if (result == NULL)
		return false;
	if (frozen == NULL || frozen[0] != 't') {
		PQclear(result);
		return true;
	}
	PQclear(result);
	if (!fold(conn, s->frontier.size, &again))
		return false;
	head_of(&s->frontier, &head);
	head_of(&again, &now);
	if (now.size != head.size || !hash_equal(&now.root, &head.root))
		return freeze(s, conn,
		    "forked: hashed again, the first %" PRIu64
		    " leaves are not those that were signed",
		    head.size);
	log_info("ledger_thawed", LOG_INT("size", head.size));
	result = ask(conn,
	    "INSERT INTO ledger.ledger_halt (frozen, why) "
	    "VALUES (false, 'every leaf was hashed again')",
	    DATABASE_END);
	PQclear(result);
	return result != NULL;
}

/* The lock is the session's: whoever loses the connection loses it. */
static bool
begin(struct signer *s, PGconn *conn)
{
	PGresult *result =
	    ask(conn, "SELECT pg_try_advisory_lock(7166963)", DATABASE_END);
	const char *had = result == NULL ? NULL : database_value(result, 0);
	bool mine = had != NULL && had[0] == 't';

	PQclear(result);
	if (had == NULL)
		return false;
	if (!mine)
		return true; /* another one signs; asked again next time */
	if (!compare(s, conn) || (s->frozen[0] == '\0' && !thaw(s, conn)))
		return false;
	s->ready = true;
	s->published = false;
	return true;
}

/* --- signing
 * ---------------------------------------------------------------------
 */

/*
 * A commit record of our own, behind those of all leaves that are visible:
 * when it is on the standbys, they are (LEDGER.md 4). A warning says that it
 * is not known to be.
 */
static bool
barrier(PGconn *conn, bool *warned)
{
	PGresult *result;

	*warned = false;
	result = ask(conn,
	    "SELECT pg_logical_emit_message(true, 'ledger', 'barrier')",
	    DATABASE_END);
	PQclear(result);
	return result != NULL && !*warned;
}

static bool
make_note(struct signer *s)
{
	struct checkpoint checkpoint;
	char text[NOTE_TEXT_MAX], *at;

	memcpy(checkpoint.origin, origin_of(s), sizeof(checkpoint.origin));
	head_of(&s->frontier, &checkpoint.head);
	checkpoint_write(&checkpoint, text);
	at = stpcpy(s->note, text);
	*at++ = '\n';
	*at = '\0';
	for (size_t i = 0; i < s->n_keys; i++) {
		char line[NOTE_LINE_MAX];

		if (!note_sign(&s->keys[i].key, s->keys[i].seed, text, 0, line))
			return false;
		at = stpcpy(at, line);
	}
	return true;
}

/* The state goes to disk first: a signature that nobody saw does no harm, one
 * that was forgotten could be given again to another tree. */
static bool
sign(struct signer *s, PGconn *conn, const struct frontier *grown, bool *warned)
{
	struct frontier before = s->frontier;

	s->frontier = *grown;
	if (!make_note(s) || !write_state(s)) {
		s->frontier = before;
		(void)make_note(s);
		return true;
	}
	s->signed_once = true;
	s->published = false;
	return publish(s, conn, warned);
}

bool
signer_run(struct signer *s, PGconn *conn, bool *warned)
{
	struct frontier grown = s->frontier;
	struct hash root, own;
	int64_t n;

	if (s->frozen[0] != '\0')
		return true;
	if (!s->ready && !begin(s, conn))
		return false;
	if (!s->ready || s->frozen[0] != '\0')
		return true;
	if (s->signed_once && !s->published && !publish(s, conn, warned))
		return false;
	n = ask_number(conn,
	    "SELECT coalesce(max(leaf_index) + 1, 0) FROM ledger.ledger_leaf");
	if (n < 0)
		return false;
	if ((uint64_t)n < s->frontier.size)
		return freeze(s, conn,
		    "tail lost: %" PRIu64 " leaves were signed, the database "
		    "has %" PRId64,
		    s->frontier.size, n);
	if (s->signed_once && (uint64_t)n == s->frontier.size)
		return true;
	if (!barrier(conn, warned) || !fold(conn, (uint64_t)n, &grown) ||
	    !ask_root(conn, (uint64_t)n, &root))
		return false;
	frontier_root(&grown, &own);
	if (grown.size != (uint64_t)n || !hash_equal(&root, &own))
		return freeze(s, conn,
		    "forked: the tree of %" PRId64 " leaves does not extend "
		    "that of %" PRIu64,
		    n, s->frontier.size);
	return sign(s, conn, &grown, warned);
}

void
signer_adopt(struct signer *s, PGconn *conn, const char *path)
{
	struct note_key key = s->keys[0].key;
	struct frontier again = { .size = 0 };
	struct checkpoint checkpoint;
	struct tree_head head;
	struct note note;
	size_t len;
	char *text = file_read(path, &len);

	if (!checkpoint_open(text, len, &key, 1, &note, &checkpoint) ||
	    strcmp(checkpoint.origin, key.name) != 0)
		die("%s n'est pas un checkpoint signé de %s",
		    "%s is no signed checkpoint of %s", path, key.name);
	if (!fold(conn, checkpoint.head.size, &again))
		die("la base ne répond pas", "the database does not answer");
	head_of(&again, &head);
	if (head.size != checkpoint.head.size ||
	    !hash_equal(&head.root, &checkpoint.head.root))
		die("la base n'a pas l'arbre de %s (%" PRIu64 " feuilles)",
		    "the database does not have the tree of %s (%" PRIu64
		    " leaves)",
		    path, checkpoint.head.size);
	s->frontier = again;
	if (!make_note(s) || !write_state(s))
		die("%s ne peut être écrit", "cannot write %s", s->state_path);
	free(text);
}
