/*
 * Schemas of the contract, compiled: a table of keywords, each with the
 * function that reads it. A keyword that is not in the table stops the start.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"

#include "compile.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* References within references; more is a circle. */
#define DEPTH_MAX 64

const char *const type_names[N_TYPES] = { "null", "boolean", "integer",
	"number", "string", "array", "object" };

/* Nodes that references have led to: compiled once, also in a circle. */
struct known {
	struct known *next;
	const json_t *node;
	bool closed;
	struct schema *schema;
};

/* One compilation. */
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

typedef bool (*read_keyword)(
    struct compile *c, struct schema *s, const json_t *value);

/* Schemas live as long as the process. */
static struct mem forever;

static const struct schema *compile_node(struct compile *c, const json_t *node);
static bool
compile_keywords(struct compile *c, struct schema *s, const json_t *node);
static bool check_closed(struct compile *c, const struct schema *s);
static bool check_enum_types(struct compile *c, const struct schema *s);

const struct schema *
schema_compile(const json_t *node, const json_t *document, bool closed,
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

static __attribute__((format(printf, 2, 3))) bool
fail(struct compile *c, const char *format, ...)
{
	va_list args;
	int n =
	    snprintf(c->why, c->why_len, "%.*s: ", (int)c->path_len, c->path);

	if (n < 0 || (size_t)n >= c->why_len)
		return false;
	va_start(args, format);
	vsnprintf(c->why + n, c->why_len - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* Go one step down; returns where to come back to. */
static size_t
enter(struct compile *c, const char *key)
{
	size_t back = c->path_len;
	int n = snprintf(c->path + back, sizeof(c->path) - back, "/%s", key);

	if (n > 0 && (size_t)n < sizeof(c->path) - back)
		c->path_len = back + (size_t)n;
	return back;
}

static void
leave(struct compile *c, size_t back)
{
	c->path_len = back;
	c->path[back] = '\0';
}

/* jansson iterates without changing, but asks for a mutable value. */
static json_t *
loose(const json_t *value)
{
	return (json_t *)(uintptr_t)value;
}

static bool
read_type(struct compile *c, struct schema *s, const json_t *value)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	for (size_t i = 0; i < n; i++) {
		const json_t *one =
		    json_is_array(value) ? json_array_get(value, i) : value;
		size_t t = 0;

		while (t < N_TYPES && json_is_string(one) &&
		       strcmp(type_names[t], json_string_value(one)) != 0)
			t++;
		if (!json_is_string(one) || t == N_TYPES)
			return fail(c, "unknown type");
		s->types |= 1u << t;
	}
	return s->types != 0 || fail(c, "empty type");
}

static bool
read_properties(struct compile *c, struct schema *s, const json_t *value)
{
	const char *key;
	json_t *node;

	if (!json_is_object(value))
		return fail(c, "not an object");
	s->members = mem_take(
	    &forever, (json_object_size(value) + 1) * sizeof(*s->members));
	json_object_foreach (loose(value), key, node) {
		size_t back = enter(c, key);
		const struct schema *schema = compile_node(c, node);

		if (schema == NULL)
			return false;
		if (c->closed && schema->read_only)
			return fail(c, "readOnly in a request");
		s->members[s->n_members++] = (struct member){ key, schema };
		leave(c, back);
	}
	return true;
}

static bool
read_required(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_array(value))
		return fail(c, "not a list");
	s->required = mem_take(
	    &forever, (json_array_size(value) + 1) * sizeof(*s->required));
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *name = json_array_get(value, i);

		if (!json_is_string(name))
			return fail(c, "not a list of names");
		s->required[s->n_required++] = json_string_value(name);
	}
	return true;
}

static bool
read_others(struct compile *c, struct schema *s, const json_t *value)
{
	s->sealed = json_is_false(value);
	if (json_is_boolean(value))
		return true;
	s->others = compile_node(c, value);
	return s->others != NULL;
}

static bool
read_items(struct compile *c, struct schema *s, const json_t *value)
{
	s->items = compile_node(c, value);
	return s->items != NULL;
}

static bool
read_count(struct compile *c, const json_t *value, size_t *out)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return fail(c, "not a count");
	*out = (size_t)json_integer_value(value);
	return true;
}

static bool
read_min_items(struct compile *c, struct schema *s, const json_t *value)
{
	return read_count(c, value, &s->min_items);
}

static bool
read_max_items(struct compile *c, struct schema *s, const json_t *value)
{
	return read_count(c, value, &s->max_items);
}

static bool
read_min_length(struct compile *c, struct schema *s, const json_t *value)
{
	return read_count(c, value, &s->min_length);
}

static bool
read_max_length(struct compile *c, struct schema *s, const json_t *value)
{
	return read_count(c, value, &s->max_length);
}

static bool
read_unique(struct compile *c, struct schema *s, const json_t *value)
{
	s->unique = json_is_true(value);
	return json_is_boolean(value) || fail(c, "not a boolean");
}

static bool
read_read_only(struct compile *c, struct schema *s, const json_t *value)
{
	s->read_only = json_is_true(value);
	return json_is_boolean(value) || fail(c, "not a boolean");
}

/*
 * What POSIX and ECMAScript read differently: \d, (?:, [[:alpha:]], and a
 * backslash in brackets. The contract's readers use the other dialect.
 */
static bool
portable(const char *text)
{
	bool bracket = false;

	for (const char *c = text; *c != '\0'; c++) {
		if (bracket) {
			if (*c == '\\' || (*c == '[' && c[1] == ':'))
				return false;
			bracket = *c != ']';
			continue;
		}
		if (*c == '\\' &&
		    (c[1] == '\0' || strchr(".*+?()[]{}|^$/\\", c[1]) == NULL))
			return false;
		if (*c == '(' && c[1] == '?')
			return false;
		if (*c == '\\')
			c++;
		else
			bracket = *c == '[';
	}
	return !bracket;
}

static bool
read_pattern(struct compile *c, struct schema *s, const json_t *value)
{
	struct pattern *pattern = mem_take(&forever, sizeof(*pattern));

	if (!json_is_string(value))
		return fail(c, "not a string");
	pattern->text = json_string_value(value);
	if (!portable(pattern->text))
		return fail(c,
		    "'%s' is not the same in POSIX and in ECMAScript",
		    pattern->text);
	if (regcomp(&pattern->compiled, pattern->text,
	        REG_EXTENDED | REG_NOSUB) != 0)
		return fail(
		    c, "'%s' is not a regular expression", pattern->text);
	s->pattern = pattern;
	return true;
}

static bool
read_enum(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_array(value) || json_array_size(value) == 0)
		return fail(c, "not a list of values");
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_array(json_array_get(value, i)) ||
		    json_is_object(json_array_get(value, i)) ||
		    json_is_boolean(json_array_get(value, i)))
			return fail(c, "only strings, numbers and null");
	s->values = value;
	return true;
}

static bool
read_minimum(struct compile *c, struct schema *s, const json_t *value)
{
	s->minimum = value;
	return json_is_number(value) || fail(c, "not a number");
}

static bool
read_maximum(struct compile *c, struct schema *s, const json_t *value)
{
	s->maximum = value;
	return json_is_number(value) || fail(c, "not a number");
}

static bool
read_format(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_string(value))
		return fail(c, "not a string");
	s->format = format_named(json_string_value(value));
	return s->format != NULL ||
	       fail(c, "unknown format '%s'", json_string_value(value));
}

/* What may be said of a schema. read is NULL for annotations; types are those
 * the keyword has a meaning for, 0 for any. */
static const struct keyword {
	const char *name;
	read_keyword read;
	unsigned types;
} keywords[] = {
	{ "type", read_type, 0 },
	{ "format", read_format,
	    TYPE_STRING | TYPE_OBJECT | TYPE_INTEGER | TYPE_NUMBER },
	{ "properties", read_properties, TYPE_OBJECT },
	{ "required", read_required, TYPE_OBJECT },
	{ "additionalProperties", read_others, TYPE_OBJECT },
	{ "items", read_items, TYPE_ARRAY },
	{ "minItems", read_min_items, TYPE_ARRAY },
	{ "maxItems", read_max_items, TYPE_ARRAY },
	{ "uniqueItems", read_unique, TYPE_ARRAY },
	{ "minLength", read_min_length, TYPE_STRING },
	{ "maxLength", read_max_length, TYPE_STRING },
	{ "pattern", read_pattern, TYPE_STRING },
	{ "enum", read_enum, 0 },
	{ "minimum", read_minimum, TYPE_INTEGER | TYPE_NUMBER },
	{ "maximum", read_maximum, TYPE_INTEGER | TYPE_NUMBER },
	{ "readOnly", read_read_only, 0 },
	{ "title", NULL, 0 },
	{ "description", NULL, 0 },
	{ "examples", NULL, 0 },
	{ "example", NULL, 0 },
	{ "default", NULL, 0 },
	{ "deprecated", NULL, 0 },
};

static const struct keyword *
keyword_named(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(keywords); i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
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
		fail(c, "'%s' beside $ref", key);
		return NULL;
	}
	if (target == NULL) {
		fail(c, "$ref '%s' leads nowhere", reference);
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

static const struct schema *
compile_node(struct compile *c, const json_t *node)
{
	if (!json_is_object(node)) {
		fail(c, "a schema is an object");
		return NULL;
	}
	if (++c->depth > DEPTH_MAX) {
		fail(c, "too deep, or a $ref to itself");
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

	struct schema *s = mem_take(&forever, sizeof(*s));
	struct known *known = mem_take(&forever, sizeof(*known));

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
			return fail(c, "unknown keyword '%s'", key);
		if (keyword->read == NULL)
			continue;

		size_t back = enter(c, key);

		if (!keyword->read(c, s, value))
			return false;
		leave(c, back);
	}
	c->closed = closed;
	json_object_foreach (loose(node), key, value) {
		const struct keyword *keyword = keyword_named(key);

		if (s->types != 0 && keyword->types != 0 &&
		    (s->types & keyword->types) == 0)
			return fail(c, "'%s' says nothing of this type", key);
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
		return fail(
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
			return fail(c, "enum has a value of another type");
		null_there = null_there || type == TYPE_NULL;
	}
	if ((s->types & TYPE_NULL) != 0 && !null_there)
		return fail(c, "type allows null, enum does not");
	return true;
}

/* What a request schema owes. */
static bool
check_closed(struct compile *c, const struct schema *s)
{
	bool bounded =
	    s->values != NULL || (s->format != NULL && s->format->bounded);

	if (s->types == 0)
		return fail(c, "a request says every type");
	if ((s->types & TYPE_OBJECT) != 0 && !bounded && !s->sealed)
		return fail(c, "additionalProperties: false is missing");
	if ((s->types & TYPE_STRING) != 0 && !bounded &&
	    s->max_length == SIZE_MAX)
		return fail(c, "maxLength is missing");
	if ((s->types & TYPE_ARRAY) != 0 &&
	    (s->max_items == SIZE_MAX || s->items == NULL))
		return fail(c, "items or maxItems is missing");
	return true;
}
