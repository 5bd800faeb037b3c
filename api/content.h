/*
 * What a file is: by its first bytes and by libmagic, which must agree with
 * each other and with what its sender says. Its name is never asked.
 */
#ifndef GUSP_CONTENT_H
#define GUSP_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "strip.h"

/* Media types, indexed by enum content. */
extern const char *const content_types[N_CONTENTS];

/* Load libmagic's database; before workers fork, which then need no file for
 * it. False with the reason. */
bool content_setup(char *why, size_t why_len);

/* What a Content-Type value names; N_CONTENTS if it is nothing we take. */
enum content content_named(const char *content_type);

/* Whether the bytes are that, by both judges. */
bool content_is(enum content content, const unsigned char *bytes, size_t len);

#endif
