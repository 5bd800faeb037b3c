/*
 * Cursors: where a list goes on. base64url of a version byte, 16 bytes of
 * HMAC-SHA-256 over scope and key, and the key: a JSON array of the sort
 * columns of the last row. Bound to filters and sort, so that a cursor can
 * be used for the list it came from and for nothing else.
 */
#ifndef GUSP_CURSOR_H
#define GUSP_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

/* The secret, 32 bytes, copied. Until it is set every cursor is refused. */
void cursor_secret(const unsigned char *secret, size_t len);

/* A cursor for key (JSON array text) under scope; lives in mem. */
const char *cursor_write(const char *scope, const char *key, struct mem *mem);

/* The key's elements as text, n of them; false if it is not ours. */
bool cursor_read(const char *cursor, const char *scope, struct mem *mem,
    const char **values, size_t n);

#endif
