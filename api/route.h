/*
 * Method and path to operation.
 *
 * Paths are matched segment by segment, undecoded; a {parameter} takes one
 * non-empty segment. A literal segment wins over a parameter.
 */
#ifndef GUSP_ROUTE_H
#define GUSP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "contract.h"
#include "mem.h"

#define ROUTE_ARGS_MAX 5

struct route {
	const struct operation *operation; /* NULL: not for this method */
	const char *args[ROUTE_ARGS_MAX];  /* path order, undecoded, in mem */
	size_t n_args;
	unsigned methods; /* bit 1u << enum method: what the path knows;
	                     0 means that the path is not there at all */
};

/* Build the tree from contract; once, before workers fork. */
void route_build(void);

/* HEAD finds the GET operation. OPTIONS is never an operation. */
void route_find(
    enum method method, const char *path, struct mem *mem, struct route *out);

/* Whether an upload goes there, which may be longer than other bodies. */
bool route_uploads(const char *path, size_t len);

/* "GET, HEAD, PATCH, OPTIONS": the value of Allow; lives in mem. */
const char *route_allow(unsigned methods, struct mem *mem);

#endif
