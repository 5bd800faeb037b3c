/*
 * base64: the strict reading of RFC 4648, and its URL-safe writing.
 *
 * A text has exactly one decoding and a value exactly one text: foreign
 * characters, stray padding and unused bits that are not zero are refused,
 * so that no two spellings of a token exist.
 */
#ifndef GUSP_BASE64_H
#define GUSP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the text of n bytes, with its NUL; for the bytes of n characters. */
#define BASE64_TEXT(n)  (((n)*4 + 2) / 3 + 1)
#define BASE64_BYTES(n) ((n) / 4 * 3 + 3)

/* base64url without padding; out has BASE64_TEXT(len). Returns its length. */
size_t base64url_write(const void *bytes, size_t len, char *out);

/* out has BASE64_BYTES(len); false if the text is not canonical. */
bool base64url_read(
    const char *text, size_t len, unsigned char *out, size_t *out_len);

/* The standard alphabet with its padding, as in Basic credentials and in
 * signed notes; out has BASE64_TEXT(len) + 2. */
size_t base64_write(const void *bytes, size_t len, char *out);

bool
base64_read(const char *text, size_t len, unsigned char *out, size_t *out_len);

#endif
