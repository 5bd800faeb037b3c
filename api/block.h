/*
 * A request's header block as lines: bytes to lines and back. What the lines
 * mean is for vet.c to judge.
 */
#ifndef GUSP_BLOCK_H
#define GUSP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "input.h"
#include "mem.h"

#define BLOCK_LINES_MAX 128

/* Some bytes of a text that somebody else owns. */
struct span {
	const char *at;
	size_t len;
};

struct block_line {
	struct span name, value; /* without the blanks around it */
	enum header header;      /* N_HEADERS: not one of header_names */
};

struct block {
	struct span method, target, version; /* "HTTP/d.d" */
	struct block_line lines[BLOCK_LINES_MAX];
	size_t n_lines;
	const struct block_line *first[N_HEADERS]; /* NULL: no such line */
	bool repeated[N_HEADERS];
	bool transfer_encoding;
};

/*
 * Find the block in text: from *start, behind empty lines, to *end, behind
 * its own, which is 0 while it is not there. max is the longest it may be.
 * Returns the code of a problem, or NULL.
 */
const char *
block_find(struct span text, size_t max, size_t *start, size_t *end);

/* Read a block that block_find has found into out, which is empty. Returns
 * the code of a problem, or NULL. */
const char *block_read(struct span text, struct block *out);

/* Whether a header has word among its comma separated ones, in any case. */
bool
block_says(const struct block *block, enum header header, const char *word);

/* What a block says but its method, as copies in mem; lines that may be
 * repeated were joined before (block_write). */
void block_input(const struct block *block, struct mem *mem, struct input *out);

/*
 * Write the request line and the lines of header_names that have a value to
 * out; repeated ones are joined by commas (RFC 9110 5.3). Returns the
 * length, never more than that of the block that was read.
 */
size_t block_write(const struct block *block, char *out);

#endif
