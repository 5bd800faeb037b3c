/*
 * Templates: the texts of api/sql taken apart, before any operation is known.
 *
 * A template is a list of parts; a part is a list of pieces, each a run of
 * SQL or the place of a parameter, each always there or in one fragment.
 * Comments are gone. Nothing in a string literal, quoted identifier, dollar
 * quote or comment is taken for a parameter, and `::` is a cast.
 */
#ifndef GUSP_TEMPLATE_H
#define GUSP_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "embed.h"
#include "mem.h"
#include "statement.h"

#define FRAGMENTS_MAX       64 /* a set of them is an uint64_t */
#define FLAGS_MAX           4
#define TEMPLATE_PARAMS_MAX 64

struct piece {
	const char *text; /* borrowed from the file's text */
	size_t len;
	int param;    /* a parameter stands here; -1: text does */
	int fragment; /* -1: always there */
};

/* Lines that are there only if all flags are on. */
struct fragment {
	const char *flags[FLAGS_MAX];
	size_t n;
};

struct param {
	const char *name;
	const char *type; /* of the cast after its first use, or NULL */
};

/* The columns that the engine reads. */
enum column {
	COLUMN_BODY,
	COLUMN_KEY,
	COLUMN_ETAG,
	COLUMN_LOCATION,
	COLUMN_WRITABLE,
	COLUMN_TOUCHED,
	COLUMN_FOUND,
	COLUMN_HEADERS,
	COLUMN_CACHE,
	COLUMN_POSITION,
	COLUMN_UNTIL,
	N_COLUMNS
};

extern const char *const column_names[N_COLUMNS];

struct template_part {
	struct piece *pieces;
	size_t n;
	size_t verb;        /* piece that begins with the main SELECT, INSERT,
	                       UPDATE, DELETE or VALUES; n: there is none */
	bool with;          /* a WITH list stands before it */
	unsigned columns;   /* bit 1u << enum column: the word occurs */
	uint64_t fragments; /* bit of each fragment that has a piece here */
};

struct template
{
	struct template *next; /* in the order of the files */
	const char *name;      /* without the @ */
	const char *file;
	bool engine; /* "-- @name" */
	struct template_part parts[PARTS_MAX];
	size_t n_parts;
	struct fragment fragments[FRAGMENTS_MAX];
	size_t n_fragments;
	struct param params[TEMPLATE_PARAMS_MAX];
	size_t n_params;
};

/*
 * Read all texts, which live as long as the templates; these live in mem.
 * NULL with the reason (file, line and what) if one is malformed, or if
 * there is no statement at all.
 */
struct template *templates_read(const struct statement_text *texts, size_t n,
    struct mem *mem, char *why, size_t why_len);

#endif
