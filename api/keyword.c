/*
 * The keywords a schema of the contract may have, each with the function that
 * reads it. One that is not in the table stops the start.
 */
#include <stdint.h>
#include <string.h>

#include "keyword.h"

#include "loose.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

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
			return compile_fail(c, "unknown type");
		s->types |= 1u << t;
	}
	return s->types != 0 || compile_fail(c, "empty type");
}

static bool
read_properties(struct compile *c, struct schema *s, const json_t *value)
{
	const char *key;
	json_t *node;

	if (!json_is_object(value))
		return compile_fail(c, "not an object");
	s->members = mem_take(&compile_forever,
	    (json_object_size(value) + 1) * sizeof(*s->members));
	json_object_foreach (loose(value), key, node) {
		size_t back = compile_enter(c, key);
		const struct schema *schema = compile_node(c, node);

		if (schema == NULL)
			return false;
		if (c->closed && schema->read_only)
			return compile_fail(c, "readOnly in a request");
		s->members[s->n_members++] = (struct member){ key, schema };
		compile_leave(c, back);
	}
	return true;
}

static bool
read_required(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_array(value))
		return compile_fail(c, "not a list");
	s->required = mem_take(&compile_forever,
	    (json_array_size(value) + 1) * sizeof(*s->required));
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *name = json_array_get(value, i);

		if (!json_is_string(name))
			return compile_fail(c, "not a list of names");
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
		return compile_fail(c, "not a count");
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
	return json_is_boolean(value) || compile_fail(c, "not a boolean");
}

static bool
read_read_only(struct compile *c, struct schema *s, const json_t *value)
{
	s->read_only = json_is_true(value);
	return json_is_boolean(value) || compile_fail(c, "not a boolean");
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
	struct pattern *pattern = mem_take(&compile_forever, sizeof(*pattern));

	if (!json_is_string(value))
		return compile_fail(c, "not a string");
	pattern->text = json_string_value(value);
	if (!portable(pattern->text))
		return compile_fail(c,
		    "'%s' is not the same in POSIX and in ECMAScript",
		    pattern->text);
	if (regcomp(&pattern->compiled, pattern->text,
	        REG_EXTENDED | REG_NOSUB) != 0)
		return compile_fail(
		    c, "'%s' is not a regular expression", pattern->text);
	s->pattern = pattern;
	return true;
}

static bool
read_enum(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_array(value) || json_array_size(value) == 0)
		return compile_fail(c, "not a list of values");
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_array(json_array_get(value, i)) ||
		    json_is_object(json_array_get(value, i)) ||
		    json_is_boolean(json_array_get(value, i)))
			return compile_fail(
			    c, "only strings, numbers and null");
	s->values = value;
	return true;
}

static bool
read_minimum(struct compile *c, struct schema *s, const json_t *value)
{
	s->minimum = value;
	return json_is_number(value) || compile_fail(c, "not a number");
}

static bool
read_maximum(struct compile *c, struct schema *s, const json_t *value)
{
	s->maximum = value;
	return json_is_number(value) || compile_fail(c, "not a number");
}

static bool
read_format(struct compile *c, struct schema *s, const json_t *value)
{
	if (!json_is_string(value))
		return compile_fail(c, "not a string");
	s->format = format_named(json_string_value(value));
	return s->format != NULL ||
	       compile_fail(c, "unknown format '%s'", json_string_value(value));
}

/* What may be said of a schema; the last are annotations. */
static const struct keyword keywords[] = {
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

const struct keyword *
keyword_named(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(keywords); i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
}
