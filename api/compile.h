/*
 * A schema as compiled from the contract: shared by compile.c, which makes
 * it, and schema.c, which applies it. Nobody else looks inside.
 */
#ifndef GUSP_COMPILE_H
#define GUSP_COMPILE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "format.h"

/* Bits in the order of type_names. An integer is also a number. */
enum type {
	TYPE_NULL = 1u << 0,
	TYPE_BOOLEAN = 1u << 1,
	TYPE_INTEGER = 1u << 2,
	TYPE_NUMBER = 1u << 3,
	TYPE_STRING = 1u << 4,
	TYPE_ARRAY = 1u << 5,
	TYPE_OBJECT = 1u << 6
};

#define N_TYPES 7

extern const char *const type_names[N_TYPES];

struct pattern {
	regex_t compiled;
	const char *text;
};

struct member {
	const char *name;
	const struct schema *schema;
};

/* All borrowed from the document, or of the process' arena. */
struct schema {
	unsigned types;       /* 0: any */
	const json_t *values; /* enum */
	struct member *members;
	size_t n_members;
	const char **required;
	size_t n_required;
	bool sealed;                 /* additionalProperties: false */
	const struct schema *others; /* additionalProperties: {...} */
	const struct schema *items;
	size_t min_items, max_items; /* no bound is SIZE_MAX */
	bool unique;
	size_t min_length, max_length;
	const struct pattern *pattern;
	const json_t *minimum, *maximum;
	const struct format *format;
	bool read_only;
};

#endif
