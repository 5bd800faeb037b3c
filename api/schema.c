/*
 * Values against schemas. How a schema is read from the contract is in
 * compile.c, what is asked about parameters in scalar.c.
 */
#include <string.h>

#include "schema.h"

#include "compile.h"
#include "geojson.h"
#include "loose.h"

/* Longest list of enum values that a violation quotes, in bytes. */
#define QUOTE_MAX 400

/* Where a value stands: a chain up to the root, on the stack. The pointer's
 * text is only made when there is something to say about it. */
struct spot {
	const struct spot *up; /* NULL: the root */
	const char *key;       /* or NULL, and then: */
	size_t index;
};

/* One check of one value. */
struct run {
	struct mem *mem;
	struct violations *out;
};

static void check(struct run *run, const struct schema *schema,
    const json_t *value, const struct spot *spot);

bool
schema_check(const struct schema *schema, const json_t *value, struct mem *mem,
    struct violations *out)
{
	struct run run = { .mem = mem, .out = out };
	struct spot root = { 0 };
	size_t before = out->n;

	check(&run, schema, value, &root);
	return out->n == before;
}

/* Append the JSON Pointer of spot to text. RFC 6901 3: ~0 is ~, ~1 is /. */
static const char *
pointer_to(struct mem *mem, const struct spot *spot)
{
	if (spot->up == NULL)
		return "";

	const char *above = pointer_to(mem, spot->up);

	if (spot->key == NULL)
		return mem_print(mem, "%s/%zu", above, spot->index);

	char *text = mem_take(mem, strlen(above) + 2 * strlen(spot->key) + 2);
	char *end = stpcpy(text, above);

	*end++ = '/';
	for (const char *c = spot->key; *c != '\0'; c++) {
		if (*c == '~' || *c == '/') {
			*end++ = '~';
			*end++ = *c == '~' ? '0' : '1';
			continue;
		}
		*end++ = *c;
	}
	return text;
}

static void
add(struct run *run, const struct spot *spot, const char *code, const char *arg)
{
	if (run->out->n < VIOLATIONS_MAX)
		violation_add(run->out, AT_POINTER, pointer_to(run->mem, spot),
		    code, arg);
}

static const char *
count(struct run *run, size_t n)
{
	return mem_print(run->mem, "%zu", n);
}

static unsigned
type_bit(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return TYPE_OBJECT;
	case JSON_ARRAY:
		return TYPE_ARRAY;
	case JSON_STRING:
		return TYPE_STRING;
	case JSON_INTEGER:
		return TYPE_INTEGER | TYPE_NUMBER;
	case JSON_REAL:
		return TYPE_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return TYPE_BOOLEAN;
	case JSON_NULL:
		break;
	}
	return TYPE_NULL;
}

static const char *
type_list(struct run *run, unsigned types)
{
	const char *list = "";

	for (size_t i = 0; i < N_TYPES; i++)
		if ((types & (1u << i)) != 0)
			list = mem_print(run->mem, "%s%s%s", list,
			    list[0] == '\0' ? "" : ", ", type_names[i]);
	return list;
}

/* Code points of UTF-8 that was validated before. */
static size_t
length_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Controls but for tab and line ends: text that people cannot see, and that
 * terminals and logs obey. */
static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == 0x7f || (c < 0x20 && strchr("\t\n\r", c) == NULL))
			return true;
	}
	return false;
}

static void
check_string(struct run *run, const struct schema *s, const char *text,
    const struct spot *spot)
{
	size_t n = length_of(text);

	/* What is too long is not looked at further: a regular expression's
	 * price grows with its text. */
	if (n > s->max_length) {
		add(run, spot, "maxLength", count(run, s->max_length));
		return;
	}
	if (has_control(text))
		add(run, spot, "control_character", NULL);
	if (n < s->min_length)
		add(run, spot, "minLength", count(run, s->min_length));
	if (s->pattern != NULL &&
	    regexec(&s->pattern->compiled, text, 0, NULL, 0) != 0)
		add(run, spot, "pattern", s->pattern->text);
	if (s->format != NULL && s->format->check != NULL &&
	    !s->format->check(text))
		add(run, spot, "format", s->format->name);
}

/* Negative, zero or positive as a is less, equal or more than b. */
static int
compare(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a);
		json_int_t y = json_integer_value(b);

		return (x > y) - (x < y);
	}

	double x = json_number_value(a);
	double y = json_number_value(b);

	return (x > y) - (x < y);
}

static const char *
number_text(struct run *run, const json_t *number)
{
	if (json_is_integer(number))
		return mem_print(run->mem, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(number));
	return mem_print(run->mem, "%.12g", json_number_value(number));
}

static void
check_number(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	if (s->minimum != NULL && compare(value, s->minimum) < 0)
		add(run, spot, "minimum", number_text(run, s->minimum));
	if (s->maximum != NULL && compare(value, s->maximum) > 0)
		add(run, spot, "maximum", number_text(run, s->maximum));
}

static const char *
enum_list(struct run *run, const json_t *values)
{
	const char *list = "";

	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *value = json_array_get(values, i);
		const char *text =
		    json_is_string(value)   ? json_string_value(value)
		    : json_is_number(value) ? number_text(run, value)
		                            : "null";

		if (strlen(list) + strlen(text) > QUOTE_MAX)
			return mem_print(run->mem, "%s, …", list);
		list = mem_print(run->mem, "%s%s%s", list,
		    list[0] == '\0' ? "" : ", ", text);
	}
	return list;
}

static void
check_enum(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	for (size_t i = 0; i < json_array_size(s->values); i++)
		if (json_equal(json_array_get(s->values, i), value))
			return;
	add(run, spot, "enum", enum_list(run, s->values));
}

static void
check_array(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	size_t n = json_array_size(value);

	if (n > s->max_items) {
		add(run, spot, "maxItems", count(run, s->max_items));
		return;
	}
	if (n < s->min_items)
		add(run, spot, "minItems", count(run, s->min_items));
	for (size_t i = 0; i < n && run->out->n < VIOLATIONS_MAX; i++) {
		struct spot here = { .up = spot, .index = i };

		if (s->items != NULL)
			check(run, s->items, json_array_get(value, i), &here);
		for (size_t j = 0; s->unique && j < i; j++) {
			if (!json_equal(json_array_get(value, i),
			        json_array_get(value, j)))
				continue;
			add(run, &here, "uniqueItems", count(run, j));
			break;
		}
	}
}

static const struct schema *
member_of(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (strcmp(s->members[i].name, name) == 0)
			return s->members[i].schema;
	return NULL;
}

static void
check_object(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	for (size_t i = 0; i < s->n_required; i++) {
		struct spot here = { .up = spot, .key = s->required[i] };

		if (json_object_get(value, s->required[i]) == NULL)
			add(run, &here, "required", s->required[i]);
	}
	const char *key;
	json_t *member;

	json_object_foreach (loose(value), key, member) {
		const struct schema *schema = member_of(s, key);
		struct spot here = { .up = spot, .key = key };

		if (run->out->n == VIOLATIONS_MAX)
			return;
		if (schema == NULL)
			schema = s->others;
		if (schema != NULL)
			check(run, schema, member, &here);
		else if (s->sealed)
			add(run, &here, "unknown_member",
			    mem_copy(run->mem, key, strlen(key)));
	}
}

static void
check_geometry(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	struct geojson_fault fault;

	if (geojson_check(value, s->format->geometry, run->mem, &fault))
		return;
	if (run->out->n < VIOLATIONS_MAX)
		violation_add(run->out, AT_POINTER,
		    mem_print(
		        run->mem, "%s%s", pointer_to(run->mem, spot), fault.at),
		    fault.code, fault.arg);
}

static void
check(struct run *run, const struct schema *s, const json_t *value,
    const struct spot *spot)
{
	unsigned type = type_bit(value);

	if (s->types != 0 && (s->types & type) == 0) {
		add(run, spot, "type", type_list(run, s->types));
		return;
	}
	if (s->values != NULL) {
		check_enum(run, s, value, spot);
		return;
	}
	if ((type & TYPE_STRING) != 0)
		check_string(run, s, json_string_value(value), spot);
	else if ((type & TYPE_NUMBER) != 0)
		check_number(run, s, value, spot);
	else if ((type & TYPE_ARRAY) != 0)
		check_array(run, s, value, spot);
	else if ((type & TYPE_OBJECT) != 0 && s->format != NULL &&
	         s->format->geometry != 0)
		check_geometry(run, s, value, spot);
	else if ((type & TYPE_OBJECT) != 0)
		check_object(run, s, value, spot);
}
