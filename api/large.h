/*
 * Bodies that Kore takes to disk: who may send one, and how many are under way
 * in this worker. The front filter asks before it reads a byte of one, since
 * a file is there long before the line of steps sees the request.
 */
#ifndef GUSP_LARGE_H
#define GUSP_LARGE_H

#include <stdbool.h>

#include "caller.h"
#include "input.h"
#include "mem.h"
#include "problem.h"

/* A worker has at most LARGE_AT_ONCE * VET_UPLOAD_MAX on disk: docker/ sizes
 * the place by it. */
#define LARGE_AT_ONCE    4
#define LARGE_PER_CLIENT 2

/*
 * Whether a long body may come in: it goes to an upload's operation, its
 * token verifies, role and scope may call that, and there is room. What only
 * the database knows, a revocation say, is asked when it is here. address: as
 * of caller_from_header(). False with p filled.
 */
bool large_admit(const struct input *in, const char *address, struct mem *mem,
    struct caller *caller, struct problem *p);

/* The body of an admitted client is on its way, until its request, which
 * owns the file, ends. A request that has none ends to no effect. */
void large_begin(const void *request, const char *client);
void large_end(const void *request);

#endif
