/*
 * JSON Schema, the part of it that the contract may use.
 *
 * Keywords: type (string or list), properties, required,
 * additionalProperties, items, minItems, maxItems, uniqueItems, minLength,
 * maxLength, pattern, enum, minimum, maximum, format, $ref (beside it only
 * annotations), plus annotations: title, description, examples, example,
 * default, readOnly, deprecated. Formats are those of format.c.
 *
 * An integer is written as one: 1.0 and 1e2 are not. Lengths count Unicode
 * code points. A pattern is searched for, as JSON Schema says, and is what
 * POSIX extended and ECMAScript expressions have in common.
 */
#ifndef GUSP_SCHEMA_H
#define GUSP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "mem.h"
#include "problem.h"

struct schema;

/*
 * Compile a schema of the document; $ref is resolved in it. closed demands
 * what request schemas owe: a type everywhere, additionalProperties: false on
 * every object, maxLength on every free string, items and maxItems on every
 * array, nothing readOnly. Below a geojson format nothing is demanded: the
 * format checks the whole. The result lives as long as the process; node and
 * document must too. NULL with the reason, which begins with a JSON Pointer
 * from node or, after a $ref, from the document.
 */
const struct schema *schema_compile(const json_t *node, const json_t *document,
    bool closed, char *why, size_t why_len);

/* What a reference ("#/components/...") names in the document, or NULL. */
const json_t *schema_resolve(const json_t *document, const char *reference);

/*
 * Check value against schema and append what is wrong to out.
 *
 * Paths are JSON Pointers (RFC 6901) from the value's root. They point into
 * mem and live as long as it does; value is only read. A missing member is
 * reported where it should be. A geometry reports its first fault only.
 *
 * Returns true if nothing was added.
 */
bool schema_check(const struct schema *schema, const json_t *value,
    struct mem *mem, struct violations *out);

/*
 * Check one textual parameter (path, query or header), as sent after
 * percent-decoding, against a scalar schema: integers, numbers, booleans,
 * strings.
 * Returns NULL if it is valid, else the violation's code; *arg its argument.
 */
const char *schema_check_text(const struct schema *schema, const char *text,
    struct mem *mem, const char **arg);

/* The same for the elements of a list parameter against an array schema. */
const char *schema_check_texts(const struct schema *schema,
    const char *const *texts, size_t n, struct mem *mem, const char **arg);

/* The items schema of an array schema, else NULL. */
const struct schema *schema_items(const struct schema *schema);

/* The values of enum, a JSON array, or NULL. */
const json_t *schema_enum(const struct schema *schema);

/* Whether it is a date-time, whose offset may hold a plus sign. */
bool schema_is_instant(const struct schema *schema);

/* The PostgreSQL type of such a parameter: uuid, text[] ...; NULL if it
 * cannot be one. */
const char *schema_pg_type(const struct schema *schema);

#endif
