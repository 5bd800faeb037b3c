/*
 * The rules between a statement and its operation, judged once at start:
 * nothing is asked for in the contract that the SQL ignores, and nothing is
 * named in the SQL that the contract does not give.
 */
#include <stdio.h>
#include <string.h>

#include "variant.h"

#include "schema.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What a statement owes its operation; false with the reason. */
typedef bool (*rule)(const struct statement *s, char *why, size_t why_len);

static bool names_are_known(const struct statement *s, char *why, size_t len);
static bool flags_are_known(const struct statement *s, char *why, size_t len);
static bool uses_parameters(const struct statement *s, char *why, size_t len);
static bool uses_request(const struct statement *s, char *why, size_t len);
static bool has_columns(const struct statement *s, char *why, size_t len);
static bool can_be_kept(const struct statement *s, char *why, size_t len);
static bool has_keys(const struct statement *s, char *why, size_t len);

static const rule rules[] = { names_are_known, flags_are_known, uses_parameters,
	uses_request, has_columns, can_be_kept, has_keys };

bool
rules_obeyed(const struct statement *s, char *why, size_t why_len)
{
	for (size_t i = 0; i < N_ELEMENTS(rules); i++)
		if (!rules[i](s, why, why_len))
			return false;
	return true;
}

bool
rule_broken(char *why, size_t why_len, const struct statement *s,
    const char *what, const char *name)
{
	(void)snprintf(why, why_len, "%s: %s: %s%s%s", s->template->file,
	    statement_name(s), what, name != NULL ? " " : "",
	    name != NULL ? name : "");
	return false;
}

/* Types of keys depend on the sort: has_keys() judges them. */
static bool
names_are_known(const struct statement *s, char *why, size_t why_len)
{
	for (size_t i = 0; i < s->template->n_params; i++) {
		const char *name = s->template->params[i].name;

		if (s->op != NULL && s->op->paged && after_index(name) > 0)
			continue;
		if (param_type(s, i, 0) == 0)
			return rule_broken(why, why_len, s,
			    s->op == NULL ? "no type is cast on"
			                  : "the operation has no",
			    name);
	}
	return true;
}

static const struct parameter *
parameter_named(const struct operation *op, const char *name, size_t len)
{
	for (size_t i = 0; i < op->n_parameters; i++)
		if (op->parameters[i].in != IN_HEADER &&
		    strlen(op->parameters[i].name) == len &&
		    memcmp(op->parameters[i].name, name, len) == 0)
			return &op->parameters[i];
	return NULL;
}

static bool
takes_value(const struct parameter *p, const char *value)
{
	const struct schema *schema = p->schema;
	struct mem mem = { 0 };
	const char *arg = NULL;
	bool valid;

	if (schema != NULL && p->list)
		schema = schema_items(schema);
	if (schema == NULL)
		return true;
	valid = schema_check_text(schema, value, &mem, &arg) == NULL;
	mem_release(&mem);
	return valid;
}

static bool
flag_is_known(const struct operation *op, const char *flag)
{
	const char *value = strchr(flag, ':');
	const struct parameter *p;

	if (op->paged && strcmp(flag, "cursor") == 0)
		return true;
	if (op->paged && strncmp(flag, "sort:", 5) == 0) {
		for (size_t i = 0; i < op->n_sorts; i++)
			if (strcmp(op->sorts[i].name, flag + 5) == 0)
				return true;
		return false;
	}
	if (value == NULL)
		return parameter_named(op, flag, strlen(flag)) != NULL;
	p = parameter_named(op, flag, (size_t)(value - flag));
	return p != NULL && takes_value(p, value + 1);
}

static bool
flags_are_known(const struct statement *s, char *why, size_t why_len)
{
	const struct template *t = s->template;

	for (size_t i = 0; s->op != NULL && i < t->n_fragments; i++)
		for (size_t j = 0; j < t->fragments[i].n; j++)
			if (!flag_is_known(s->op, t->fragments[i].flags[j]))
				return rule_broken(why, why_len, s,
				    "nothing can turn on",
				    t->fragments[i].flags[j]);
	return true;
}

/* As :name, as a flag, or as flags name:value. */
static bool
uses(const struct template *t, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < t->n_params; i++)
		if (strcmp(t->params[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < t->n_fragments; i++)
		for (size_t j = 0; j < t->fragments[i].n; j++) {
			const char *flag = t->fragments[i].flags[j];

			if (strncmp(flag, name, len) == 0 &&
			    (flag[len] == '\0' || flag[len] == ':'))
				return true;
		}
	return false;
}

static bool
uses_parameters(const struct statement *s, char *why, size_t why_len)
{
	const struct operation *op = s->op;

	for (size_t i = 0; op != NULL && i < op->n_parameters; i++) {
		const struct parameter *p = &op->parameters[i];

		if (p->in == IN_HEADER ||
		    (op->paged && (strcmp(p->name, "cursor") == 0 ||
		                      strcmp(p->name, "sort") == 0)))
			continue;
		if (!uses(s->template, p->name))
			return rule_broken(
			    why, why_len, s, "never uses", p->name);
	}
	return true;
}

/* Its bytes go another way (storage.h), between the parts. */
static bool
upload_is_told(const struct statement *s, char *why, size_t why_len)
{
	static const char *const told[] = { "media_type", "size", "sha256" };

	for (size_t i = 0; i < N_ELEMENTS(told); i++) {
		if (parameter_named(s->op, told[i], strlen(told[i])) != NULL)
			return rule_broken(why, why_len, s,
			    "an upload has no parameter", told[i]);
		if (!uses(s->template, told[i]))
			return rule_broken(
			    why, why_len, s, "never uses", told[i]);
	}
	if (s->template->n_parts < 2)
		return rule_broken(
		    why, why_len, s, "an upload has a part that answers", NULL);
	return true;
}

static bool
uses_request(const struct statement *s, char *why, size_t why_len)
{
	const struct operation *op = s->op;

	if (op == NULL)
		return true;
	if (op->body_kind == BODY_FORM || op->body_kind == BODY_TEXT)
		return rule_broken(
		    why, why_len, s, "such a body has no statement", NULL);
	if (op->body_kind == BODY_UPLOAD)
		return upload_is_told(s, why, why_len);
	if (op->body_kind != BODY_NONE && !uses(s->template, "body"))
		return rule_broken(why, why_len, s, "never uses", "body");
	if (op->download && s->template->n_parts != 1)
		return rule_broken(
		    why, why_len, s, "a download has one part", NULL);
	if (op->stream &&
	    (s->template->n_parts != 2 || !uses(s->template, "position")))
		return rule_broken(why, why_len, s,
		    "a stream has two parts, the second from :position on",
		    NULL);
	if (op->if_match && !uses(s->template, "versions"))
		return rule_broken(why, why_len, s, "never uses", "versions");
	if (op->paged && !uses(s->template, "limit"))
		return rule_broken(why, why_len, s, "never uses", "limit");
	return true;
}

/* Do the columns named by bits stand in the last part? */
static bool
answers(const struct statement *s, unsigned columns, char *why, size_t why_len)
{
	const struct template *t = s->template;
	unsigned there = t->parts[t->n_parts - 1].columns;

	for (size_t i = 0; i < N_COLUMNS; i++)
		if ((columns & ~there & 1u << i) != 0)
			return rule_broken(why, why_len, s, "does not answer",
			    column_names[i]);
	return true;
}

static bool
has_columns(const struct statement *s, char *why, size_t why_len)
{
	const unsigned body = 1u << COLUMN_BODY;

	if (s->op == NULL || s->op->success == 204)
		return true;
	if (s->op->stream)
		return answers(s, body | 1u << COLUMN_POSITION, why, why_len);
	return answers(
	    s, s->op->paged ? body | 1u << COLUMN_KEY : body, why, why_len);
}

/*
 * What is kept is an effect that took place. A change that touches no row
 * would be kept as a success before C can see the count: it must raise.
 */
static bool
can_be_kept(const struct statement *s, char *why, size_t why_len)
{
	const struct template *t = s->template;
	const struct template_part *last = &t->parts[t->n_parts - 1];

	if (s->op == NULL || !s->op->idempotent)
		return true;
	for (size_t i = 0; i < t->n_parts; i++)
		if ((t->parts[i].columns & 1u << COLUMN_TOUCHED) != 0)
			return rule_broken(why, why_len, s,
			    "its answer is kept, so it must raise, not count",
			    column_names[COLUMN_TOUCHED]);
	if (last->verb == last->n)
		return rule_broken(why, why_len, s,
		    "its answer is kept, so the last part needs a SELECT"
		    " outside of fragments",
		    NULL);
	return answers(s,
	    1u << COLUMN_BODY | 1u << COLUMN_ETAG | 1u << COLUMN_LOCATION, why,
	    why_len);
}

static bool
has_name(const struct variant *variant, const char *name)
{
	for (size_t i = 0; i < variant->n_parts; i++)
		for (size_t j = 0; j < variant->parts[i].n; j++)
			if (strcmp(variant->parts[i].names[j], name) == 0)
				return true;
	return false;
}

/* Every sort can be made, and goes on after all columns of its key. */
static bool
has_keys(const struct statement *s, char *why, size_t why_len)
{
	bool paged = s->op != NULL && s->op->paged;
	struct mem mem = { 0 };
	struct variant all;
	bool right = true;

	for (size_t i = 0; right && i < (paged ? s->op->n_sorts : 1); i++) {
		right = variant_make(s, fragments_of_sort(s, i, true), i, &mem,
		    &all, why, why_len);
		for (size_t j = 0;
		     right && paged && j < s->op->sorts[i].n_types; j++) {
			const char *name = mem_print(&mem, "after_%zu", j + 1);

			if (!has_name(&all, name))
				right = rule_broken(
				    why, why_len, s, "a sort never uses", name);
		}
	}
	mem_release(&mem);
	return right;
}
