/*
 * Schemas of the contract, compiled: references followed, keywords read by
 * keyword.c, and what the result owes checked. What is not understood stops
 * the start.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"

#include "compile.h"
#include "keyword.h"
#include "loose.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* References within references; more is a circle. */
#define DEPTH_MAX 64

const char *const type_names[N_TYPES] = { "null", "boolean", "integer",
	"number", "string", "array", "object" };

struct mem compile_forever;

static bool
compile_keywords(struct compile *c, struct schema *s, const json_t *node);
static bool check_closed(struct compile *c, const struct schema *s);
static bool check_enum_types(struct compile *c, const struct schema *s);

const struct schema *
schema_compile(const json_t *node, const json_t *document, bool closed,
    /* NOLINTNEXTLINE(readability-non-const-parameter): compile_fail() */
    char *why, size_t why_len)
{
	struct compile c = {
		.document = document,
		.closed = closed,
		.why = why,
		.why_len = why_len,
	};

	return compile_node(&c, node);
}

bool
compile_fail(struct compile *c, const char *format, ...)
{
	va_list args;
	int n =
	    snprintf(c->why, c->why_len, "%.*s: ", (int)c->path_len, c->path);

	if (n < 0 || (size_t)n >= c->why_len)
		return false;
	va_start(args, format);
	(void)vsnprintf(c->why + n, c->why_len - (size_t)n, format, args);
	va_end(args);
	return false;
}

size_t
compile_enter(struct compile *c, const char *key)
{
	size_t back = c->path_len;
	int n = snprintf(c->path + back, sizeof(c->path) - back, "/%s", key);

	if (n > 0 && (size_t)n < sizeof(c->path) - back)
		c->path_len = back + (size_t)n;
	return back;
}

void
compile_leave(struct compile *c, size_t back)
{
	c->path_len = back;
	c->path[back] = '\0';
}

const json_t *
schema_resolve(const json_t *document, const char *reference)
{
	const json_t *node = document;
	char name[128];

	if (strncmp(reference, "#/", 2) != 0)
		return NULL;
	for (const char *at = reference + 1; *at == '/' && node != NULL;) {
		size_t n = strcspn(++at, "/");

		/* Names of components need no escapes: none are read. */
		if (n >= sizeof(name) || memchr(at, '~', n) != NULL)
			return NULL;
		memcpy(name, at, n);
		name[n] = '\0';
		node = json_object_get(node, name);
		at += n;
	}
	return node;
}

static const struct schema *
compile_reference(struct compile *c, const json_t *node, const char *reference)
{
	const json_t *target = schema_resolve(c->document, reference);
	const char *key;
	json_t *value;

	json_object_foreach (loose(node), key, value) {
		const struct keyword *keyword = keyword_named(key);

		if (strcmp(key, "$ref") == 0 ||
		    (keyword != NULL && keyword->read == NULL))
			continue;
		compile_fail(c, "'%s' beside $ref", key);
		return NULL;
	}
	if (target == NULL) {
		compile_fail(c, "$ref '%s' leads nowhere", reference);
		return NULL;
	}
	for (const struct known *k = c->known; k != NULL; k = k->next)
		if (k->node == target && k->closed == c->closed)
			return k->schema;

	/* From here reasons speak of the target. */
	char here[sizeof(c->path)];
	size_t here_len = c->path_len;

	memcpy(here, c->path, sizeof(here));
	c->path_len =
	    (size_t)snprintf(c->path, sizeof(c->path), "%.300s", reference);

	const struct schema *schema = compile_node(c, target);

	if (schema != NULL) {
		memcpy(c->path, here, sizeof(here));
		c->path_len = here_len;
	}
	return schema;
}

const struct schema *
compile_node(struct compile *c, const json_t *node)
{
	if (!json_is_object(node)) {
		compile_fail(c, "a schema is an object");
		return NULL;
	}
	if (++c->depth > DEPTH_MAX) {
		compile_fail(c, "too deep, or a $ref to itself");
		return NULL;
	}

	const json_t *reference = json_object_get(node, "$ref");

	if (reference != NULL) {
		const struct schema *target =
		    json_is_string(reference)
		        ? compile_reference(
		              c, node, json_string_value(reference))
		        : NULL;

		c->depth--;
		return target;
	}

	struct schema *s = mem_take(&compile_forever, sizeof(*s));
	struct known *known = mem_take(&compile_forever, sizeof(*known));

	*known = (struct known){ c->known, node, c->closed, s };
	c->known = known;
	s->max_items = s->max_length = SIZE_MAX;
	if (!compile_keywords(c, s, node))
		return NULL;
	c->depth--;
	return s;
}

static bool
compile_keywords(struct compile *c, struct schema *s, const json_t *node)
{
	const json_t *format = json_object_get(node, "format");
	bool closed = c->closed;
	const char *key;
	json_t *value;

	/* What a geometry looks like inside is told for readers only. */
	if (json_is_string(format) &&
	    strncmp(json_string_value(format), "geojson-", 8) == 0)
		c->closed = false;
	json_object_foreach (loose(node), key, value) {
		const struct keyword *keyword = keyword_named(key);

		if (keyword == NULL)
			return compile_fail(c, "unknown keyword '%s'", key);
		if (keyword->read == NULL)
			continue;

		size_t back = compile_enter(c, key);

		if (!keyword->read(c, s, value))
			return false;
		compile_leave(c, back);
	}
	c->closed = closed;
	json_object_foreach (loose(node), key, value) {
		const struct keyword *keyword = keyword_named(key);

		if (s->types != 0 && keyword->types != 0 &&
		    (s->types & keyword->types) == 0)
			return compile_fail(
			    c, "'%s' says nothing of this type", key);
	}
	return check_enum_types(c, s) && (!c->closed || check_closed(c, s));
}

/* A value that the type refuses, or a null that enum forgets, is a mistake
 * that would only show when a client meets it. */
static bool
check_enum_types(struct compile *c, const struct schema *s)
{
	bool null_there = false;

	if (s->format != NULL && s->types != 0 &&
	    (s->format->geometry != 0) != ((s->types & TYPE_OBJECT) != 0))
		return compile_fail(
		    c, "format '%s' is not for this type", s->format->name);
	if (s->values == NULL || s->types == 0)
		return true;
	for (size_t i = 0; i < json_array_size(s->values); i++) {
		const json_t *value = json_array_get(s->values, i);
		unsigned type = json_is_string(value) ? TYPE_STRING
		                : json_is_integer(value)
		                    ? TYPE_INTEGER | TYPE_NUMBER
		                : json_is_real(value) ? TYPE_NUMBER
		                                      : TYPE_NULL;

		if ((s->types & type) == 0)
			return compile_fail(
			    c, "enum has a value of another type");
		null_there = null_there || type == TYPE_NULL;
	}
	if ((s->types & TYPE_NULL) != 0 && !null_there)
		return compile_fail(c, "type allows null, enum does not");
	return true;
}

/* What a request schema owes. */
static bool
check_closed(struct compile *c, const struct schema *s)
{
	bool bounded =
	    s->values != NULL || (s->format != NULL && s->format->bounded);

	if (s->types == 0)
		return compile_fail(c, "a request says every type");
	if ((s->types & TYPE_OBJECT) != 0 && !bounded && !s->sealed)
		return compile_fail(
		    c, "additionalProperties: false is missing");
	if ((s->types & TYPE_STRING) != 0 && !bounded &&
	    s->max_length == SIZE_MAX)
		return compile_fail(c, "maxLength is missing");
	if ((s->types & TYPE_ARRAY) != 0 &&
	    (s->max_items == SIZE_MAX || s->items == NULL))
		return compile_fail(c, "items or maxItems is missing");
	return true;
}
