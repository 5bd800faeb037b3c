/*
 * Headers that say under which condition a request may act.
 */
#ifndef GUSP_CONDITION_H
#define GUSP_CONDITION_H

#include <stdbool.h>

#include "mem.h"

/*
 * If-Match (RFC 9110 13.1.1) as a PostgreSQL array of record versions:
 * "3-9f86d081884c7d65", "7-…" gives {3,7}. A weak tag, or one that is not
 * ours, never matches and adds nothing. *versions is NULL for "*".
 * False if the header is malformed.
 */
bool
condition_versions(const char *header, struct mem *mem, const char **versions);

/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-06): a
 * structured-field string, or the bare token that most clients send; 16 to
 * 128 visible ASCII characters. NULL if it is anything else.
 */
const char *condition_key(const char *header, struct mem *mem);

#endif
