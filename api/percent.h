/* Percent-encoding (RFC 3986 2.1), as it comes in paths, queries and forms. */
#ifndef GUSP_PERCENT_H
#define GUSP_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

/* Decode; plus_is_space for forms and queries. NULL if malformed, not UTF-8 or
 * with a NUL. Lives in mem. */
const char *percent_decode(
    const char *text, size_t len, bool plus_is_space, struct mem *mem);

#endif
