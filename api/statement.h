/*
 * Statements: the SQL behind each operation, from api/sql, built in.
 *
 * A file holds statements, each after a line "-- operation_id". Parts are
 * ended by a ";" at the end of a line. ":name" is a parameter: one of the
 * operation's path and query parameters, or body (jsonb), what is known of
 * an upload (media_type, size, sha256, stripped, width, height; its bytes are
 * kept between the parts, storage.h), versions (bigint[]), limit (bigint),
 * after_1 ... (types of the sort). "--? flag flag" opens a fragment that is
 * there only if all its flags are on, and closes the one before; "--?" closes
 * it. A part of which nothing is left is not sent. A flag is the name of a given argument, name:value of an enumerated one,
 * sort:<name>, or cursor.
 *
 * A line "-- @name" begins a statement of the engine's own. Its parameters
 * are typed by the cast after their first use: ":client::uuid". Those of
 * oauth.sql run on the auth lane, all others on the lanes of callers.
 *
 * No value ever enters the text of a statement.
 */
#ifndef GUSP_STATEMENT_H
#define GUSP_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

#include "args.h"
#include "contract.h"
#include "embed.h"
#include "lane.h"

#define PARTS_MAX  4
#define PARAMS_MAX 32

/* Variants kept of one statement; the oldest makes room for a new one. */
#define STATEMENT_VARIANTS_MAX 256

/* One query as it is prepared: $1 ... stand for names[0] ... */
struct part {
	const char *name; /* of the prepared statement: site_list.0.3f; the
	                     same name always means the same text and types */
	const char *sql;
	const char *names[PARAMS_MAX];
	Oid types[PARAMS_MAX];
	size_t n;
};

/* The parts of a statement for one set of flags. */
struct variant {
	struct part parts[PARTS_MAX];
	size_t n_parts;
	unsigned long serial; /* unique in the process */
};

struct statement;

/*
 * Read the built-in texts, bind them to the operations of contract and check
 * names against arguments: an unknown name or flag, a parameter, body or
 * precondition that is never used, a list without its key. False with the
 * reason. What was loaded before is forgotten.
 */
bool statements_load(char *why, size_t why_len);

/* The same from texts that are given, for tests; they are borrowed. */
bool statements_load_from(
    const struct statement_text *texts, size_t n, char *why, size_t why_len);

/* An engine statement by name, with or without its @. NULL if there is
 * none. */
const struct statement *statement_named(const char *name);

/*
 * The variant of a statement for the flags that args turn on, and for
 * args->sort; made on first use, cached. It is good until the running step
 * returns (a later variant of the same statement may take its place): hand
 * its parts to db_add and call db_send in the same step.
 *
 * The last part of an idempotent operation is wrapped so that its answer is
 * kept with the key in the same transaction: it answers body, etag and
 * location, and nothing else; a private one's body is not kept. Never NULL:
 * what could fail was tried by statements_load().
 */
const struct variant *
statement_variant(const struct statement *statement, const struct args *args);

/*
 * Describe the statements of a lane on conn (synchronous, at start): each
 * fragment alone and all together, for every sort, with and without cursor.
 * Checks that every text is accepted with the contract's types, and the
 * columns that the engine reads. False with the reason.
 */
bool statements_check(PGconn *conn, enum lane lane, char *why, size_t why_len);

#endif
