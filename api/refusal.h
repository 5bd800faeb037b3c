/*
 * Refusals: answers to requests that never reach a handler, written whole.
 */
#ifndef GUSP_REFUSAL_H
#define GUSP_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"
#include "mem.h"
#include "problem.h"

struct refusal {
	struct problem problem;
	bool english;
	const char *origin;     /* Origin, or NULL */
	enum method method;     /* N_METHODS: not known */
	const char *request_id; /* as the client sent it, or NULL */
	const char *address;    /* of the client, for the log */
	uint64_t took_us;
};

/*
 * The response, head and body: a problem, and the end of the connection. Counts
 * the request and writes its line of the log, as answer.c does for the others.
 * Lives in mem.
 */
const char *
refusal_text(const struct refusal *refusal, struct mem *mem, size_t *len);

#endif
