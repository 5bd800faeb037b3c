/*
 * Problems: what every refused request is told (RFC 9457).
 *
 * The texts, in French and English, and the status of each code stand in the
 * contract (openapi/problems.yaml, "x-problems"); C and SQL know only codes.
 * A function that refuses fills the problem where the cause is known; nobody
 * re-words it on the way up.
 */
#ifndef GUSP_PROBLEM_H
#define GUSP_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "mem.h"

#define VIOLATIONS_MAX 20

/* One fault of a request. */
struct violation {
	enum {
		AT_POINTER,
		AT_PARAMETER,
		AT_HEADER
	} where;
	const char *at;   /* JSON Pointer (RFC 6901), or the name */
	const char *code; /* key of "x-violations" in openapi/problems.yaml */
	const char *arg;  /* what stands for {} in its text, or NULL */
};

struct violations {
	struct violation at[VIOLATIONS_MAX];
	size_t n;
};

/*
 * Append a violation; more than VIOLATIONS_MAX are dropped. Strings are
 * borrowed and must live as long as the list (take them from the arena).
 */
void violation_add(struct violations *list, int where, const char *at,
    const char *code, const char *arg);

struct problem {
	const char *code;         /* key of "x-problems"; NULL is no problem */
	const char *arg;          /* what stands for {} in its text, or NULL */
	struct violations errors; /* all faults at once */
	const char *extension;    /* JSON object of further members, or NULL */
	int retry_after_s;        /* 0: what the catalogue says */
	const char *authenticate; /* WWW-Authenticate, or NULL */
	const char *allow;        /* Allow, or NULL */
	const char *etag;         /* current ETag of a 412, or NULL */
	const char *accept_patch; /* Accept-Patch of a 415, or NULL */
};

/*
 * Keep the catalogue: the values of "x-problems", "x-violations" and
 * "x-constraints" (a unique index and the pointer to its member; may be NULL)
 * of the contract, borrowed for the life of the process. False with a reason
 * if a code that C uses is not there or an entry is malformed.
 */
bool problem_load(const json_t *problems, const json_t *violations,
    const json_t *constraints, char *why, size_t why_len);

/* What the catalogue says of a problem or of a violation; NULL: nothing. */
const json_t *problem_entry(const char *code);
const json_t *problem_violation(const char *code);

/* The HTTP status of a code; an unknown code is 500. */
int problem_status(const char *code);

/* Seconds of its Retry-After: the problem's own, else the catalogue's; 0 is
 * no such header. */
int problem_retry_after_s(const struct problem *p);

/*
 * Fill p from a database error: sqlstate, and PostgreSQL's message, detail
 * (JSON, for our own class GU) and constraint, each possibly NULL. Copies
 * into mem. No text of PostgreSQL's own ever reaches the caller.
 */
void
problem_from_database(struct problem *p, struct mem *mem, const char *sqlstate,
    const char *message, const char *detail, const char *constraint);

/*
 * The body: application/problem+json, French unless english. base_url makes
 * type absolute; request_id, which names the instance, may be NULL. A detail
 * that needs an argument gives way to the title without one. Lives in mem.
 */
const char *problem_body(const struct problem *p, const char *base_url,
    const char *request_id, bool english, struct mem *mem, size_t *len);

#endif
