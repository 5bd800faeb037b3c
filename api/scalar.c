/*
 * Schemas of parameters: texts read as the type they stand for, and the type
 * that PostgreSQL gives them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

#include "compile.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* A number as JSON writes it, without exponent; integer: without fraction. */
static bool
number_syntax(const char *text, bool integer)
{
	size_t n;

	if (strlen(text) > 40)
		return false;
	if (*text == '-')
		text++;
	n = strspn(text, "0123456789");
	if (n == 0 || (n > 1 && *text == '0'))
		return false;
	text += n;
	if (*text == '.' && !integer) {
		n = strspn(text + 1, "0123456789");
		if (n == 0)
			return false;
		text += n + 1;
	}
	return *text == '\0';
}

/* The JSON value that a parameter's text stands for; NULL if it has not the
 * type. Types are tried from narrow to wide. */
static json_t *
value_of(const struct schema *s, const char *text)
{
	if ((s->types & TYPE_BOOLEAN) != 0 &&
	    (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return json_boolean(text[0] == 't');
	if ((s->types & TYPE_INTEGER) != 0 && number_syntax(text, true)) {
		errno = 0;

		long long value = strtoll(text, NULL, 10);

		if (errno == 0)
			return json_integer(value);
	}
	if ((s->types & TYPE_NUMBER) != 0 && number_syntax(text, false))
		return json_real(strtod(text, NULL));
	if ((s->types & TYPE_STRING) != 0)
		return json_string(text);
	return NULL;
}

/* The first fault of value, NULL if there is none. */
static const char *
first_fault(const struct schema *s, const json_t *value, struct mem *mem,
    const char **arg)
{
	struct violations found = { 0 };

	*arg = NULL;
	if (schema_check(s, value, mem, &found))
		return NULL;
	*arg = found.at[0].arg;
	return found.at[0].code;
}

const char *
schema_check_text(const struct schema *schema, const char *text,
    struct mem *mem, const char **arg)
{
	json_auto_t *value = value_of(schema, text);

	/* No scalar schema takes an object: the fault is the type. */
	if (value == NULL)
		value = json_object();
	return first_fault(schema, value, mem, arg);
}

const char *
schema_check_texts(const struct schema *schema, const char *const *texts,
    size_t n, struct mem *mem, const char **arg)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; i < n && i <= schema->max_items; i++) {
		const char *code =
		    schema_check_text(schema->items, texts[i], mem, arg);

		if (code != NULL)
			return code;
		json_array_append_new(list, value_of(schema->items, texts[i]));
	}
	return first_fault(schema, list, mem, arg);
}

const struct schema *
schema_items(const struct schema *schema)
{
	return (schema->types & TYPE_ARRAY) != 0 ? schema->items : NULL;
}

const json_t *
schema_enum(const struct schema *schema)
{
	return schema->values;
}

bool
schema_is_instant(const struct schema *schema)
{
	return schema->format != NULL &&
	       strcmp(schema->format->name, "date-time") == 0;
}

const char *
schema_pg_type(const struct schema *schema)
{
	static const char *const lists[][2] = { { "uuid", "uuid[]" },
		{ "text", "text[]" }, { "bigint", "bigint[]" },
		{ "boolean", "boolean[]" }, { "date", "date[]" },
		{ "timestamptz", "timestamptz[]" },
		{ "numeric", "numeric[]" } };

	switch (schema->types) {
	case TYPE_STRING:
		return schema->format != NULL ? schema->format->pg_type
		                              : "text";
	case TYPE_INTEGER:
		return "bigint";
	case TYPE_BOOLEAN:
		return "boolean";
	case TYPE_NUMBER:
		return "numeric";
	default:
		break;
	}
	if (schema->types != TYPE_ARRAY || schema->items == NULL ||
	    schema->items->types == TYPE_ARRAY)
		return NULL;

	const char *one = schema_pg_type(schema->items);

	for (size_t i = 0; one != NULL && i < N_ELEMENTS(lists); i++)
		if (strcmp(lists[i][0], one) == 0)
			return lists[i][1];
	return NULL;
}
