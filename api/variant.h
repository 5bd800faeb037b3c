/*
 * Variants: a template bound to its operation, put together for one set of
 * fragments and one sort. For statement.c and its check at start only.
 */
#ifndef GUSP_VARIANT_H
#define GUSP_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract.h"
#include "mem.h"
#include "statement.h"
#include "template.h"

struct statement {
	const struct template *template;
	const struct operation *op; /* NULL: the engine's own */
	bool keyed;                 /* some parameter is after_1 ... */
	struct cache *cache;
};

/* That of its operation, or of the engine's own statement. */
const char *statement_name(const struct statement *statement);

/* All that are loaded, in order; NULL from the last on. */
const struct statement *statement_at(size_t i);

/* Whether a statement gives its operation what it owes; false with the
 * reason (statement_rules.c). */
bool rules_obeyed(const struct statement *statement, char *why, size_t why_len);

/* The reason why a rule is broken: file, statement, what and name, which may
 * be NULL. Returns false. */
bool rule_broken(char *why, size_t why_len, const struct statement *s,
    const char *what, const char *name);

/* n of "after_<n>", counted from 1; 0 if name is another. */
size_t after_index(const char *name);

/* The type of a parameter under a sort of the operation; 0: unknown. */
Oid param_type(const struct statement *statement, size_t param, size_t sort);

/* The fragments that the flags of args turn on. */
uint64_t
fragments_on(const struct statement *statement, const struct args *args);

/* The fragments that can be on under a sort, with or without a cursor. */
uint64_t
fragments_of_sort(const struct statement *statement, size_t sort, bool cursor);

/* Put together, in mem. False with the reason: a part with more than
 * PARAMS_MAX parameters, a parameter without a type. */
bool
variant_make(const struct statement *statement, uint64_t fragments, size_t sort,
    struct mem *mem, struct variant *out, char *why, size_t why_len);

#endif
