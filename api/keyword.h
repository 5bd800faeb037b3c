/*
 * One compilation of a schema, and the table of keywords it goes by: shared by
 * compile.c and keyword.c, which call each other. Nobody else looks inside.
 */
#ifndef GUSP_KEYWORD_H
#define GUSP_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "compile.h"
#include "mem.h"
#include "schema.h"

/* Nodes that were met: compiled once, also in a circle. */
struct known {
	struct known *next;
	const json_t *node;
	bool closed;
	struct schema *schema;
};

/* One compilation; path is where it is, for the reason in why. */
struct compile {
	const json_t *document;
	bool closed;
	char *why;
	size_t why_len;
	char path[400];
	size_t path_len;
	struct known *known;
	int depth;
};

/* read is NULL for annotations; types are those the keyword has a meaning
 * for, 0 for any. */
struct keyword {
	const char *name;
	bool (*read)(struct compile *c, struct schema *s, const json_t *value);
	unsigned types;
};

/* NULL if the contract may not use this name. */
const struct keyword *keyword_named(const char *name);

/* Schemas live as long as the process. */
extern struct mem compile_forever;

/* NULL with the reason. */
const struct schema *compile_node(struct compile *c, const json_t *node);

/* Say why, with the place. Always false. */
bool compile_fail(struct compile *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Go one step down; returns where to come back to. */
size_t compile_enter(struct compile *c, const char *key);

void compile_leave(struct compile *c, size_t back);

#endif
