/*
 * The arguments of an operation: path, query and header parameters checked
 * against the contract and turned into text that PostgreSQL reads.
 *
 * Strict: an unknown or repeated query parameter is a violation that names
 * it, so that a silent typo never widens a list.
 */
#ifndef GUSP_ARGS_H
#define GUSP_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "contract.h"
#include "input.h"
#include "mem.h"
#include "percent.h"
#include "problem.h"
#include "route.h"

/* Arguments and flags; the loader refuses an operation that could give more.
 * Some are kept for what is not a parameter: versions, idempotency_key,
 * after_1 ... after_4, cursor, sort:<name>, body, and the engine's own. */
#define ARGS_MAX      128
#define ARGS_RESERVED 24

struct arg {
	const char *name;  /* of the statement's :name */
	const char *value; /* PostgreSQL text form; NULL is SQL NULL */
	bool given;        /* by the caller (or by default): turns --? on */
	int len;           /* value is so many bytes in PostgreSQL's binary
	                      form; 0: it is text */
};

struct args {
	struct arg at[ARGS_MAX];
	size_t n;
	long limit;              /* of a paged list, as asked */
	const struct sort *sort; /* of a paged list, never NULL there */
	const char *scope; /* canonical filters and sort: what binds a cursor */
	bool first_page;   /* no cursor was given */
};

/*
 * Read the parameters of op. On a paged list this also adds
 *   limit          one more than asked, to see whether a page follows
 *   after_1 ...    the key of the cursor, given only with one
 *   cursor, sort:<name>  flags for fragments, without value
 * and for every enumerated parameter a flag <name>:<value>.
 * If-Match adds versions: a bigint[] of strong tags, NULL for "*".
 * Idempotency-Key adds idempotency_key, without quotes.
 * False with p filled: invalid_parameters with all its violations, or else
 * invalid_cursor, idempotency_key_missing, precondition_required ...
 */
bool args_read(const struct operation *op, const struct route *route,
    const struct input *in, struct mem *mem, struct args *out,
    struct problem *p);

/* Add or replace one; strings are borrowed. It is given, unless value is
 * NULL. */
void args_set(struct args *args, const char *name, const char *value);

/* Add or replace one whose value is bytes: for a parameter of type bytea. */
void
args_set_bytes(struct args *args, const char *name, const void *bytes, int len);

/* NULL if no such argument is there. */
const struct arg *args_find(const struct args *args, const char *name);

#endif
