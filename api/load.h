/*
 * What the files that read the contract share: contract.c (document and
 * paths), operation.c, and parameter.c (parameters and pages). For them only.
 */
#ifndef GUSP_LOAD_H
#define GUSP_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "contract.h"
#include "mem.h"

/* Reading one document; op is the operation being read, for reasons. */
struct load {
	json_t *document;
	struct mem *mem; /* of the process */
	const struct operation *op;
	char *why;
	size_t why_len;
};

/* Say why the contract is refused, with the operation. Always false. */
bool load_fail(struct load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Refuse members of node that are not in names. */
bool load_only(struct load *load, json_t *node, const char *what,
    const char *const *names, size_t n);

/* The node itself, or what its $ref names; NULL with the reason. */
json_t *load_follow(struct load *load, json_t *node);

/* Fill op, whose method and path are set, from its node and the parameters
 * that all operations of its path share. */
bool load_operation(
    struct load *load, struct operation *op, json_t *node, json_t *shared);

/* Schemas of answers are not applied, but they are the contract: the same
 * keywords, without the bounds. References are checked where they lead. */
bool load_response_schema(struct load *load, json_t *content);

/* Fill the parameters of op from the path item and the operation; path ones
 * first, in the order of the template. */
bool load_parameters(
    struct load *load, struct operation *op, json_t *shared, json_t *own);

/* Fill paged and sorts from x-page, which may be NULL. */
bool load_page(struct load *load, struct operation *op, json_t *page);

#endif
