/*
 * The body of a problem: RFC 9457, in French or in English.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Problem types of IANA's registry (draft-ietf-httpapi-ratelimit-headers). */
#define IANA "https://iana.org/assignments/http-problem-types#"

/* Codes that have a registered type instead of one of our own. */
static const struct {
	const char *code;
	const char *type;
	const char *policy; /* violated-policies */
} registered[] = {
	{ "rate_exceeded", IANA "quota-exceeded", "partner" },
	{ "overloaded", IANA "temporary-reduced-capacity", NULL },
};

/* A JSON string of any bytes: what is not UTF-8 is not repeated. */
static json_t *
string_of(const char *text)
{
	json_t *string = json_string(text);

	return string == NULL ? json_string("?") : string;
}

/* text with arg for every {}. NULL if it needs an argument and has none. */
static const char *
fill(const char *text, const char *arg, struct mem *mem)
{
	const char *hole;
	const char *out = "";

	if (text == NULL || (strstr(text, "{}") != NULL && arg == NULL))
		return NULL;
	while ((hole = strstr(text, "{}")) != NULL) {
		out = mem_print(
		    mem, "%s%.*s%s", out, (int)(hole - text), text, arg);
		text = hole + 2;
	}
	return mem_print(mem, "%s%s", out, text);
}

static const char *
problem_text(const char *code, const char *what, bool english, struct mem *mem)
{
	const char *key = mem_print(mem, "%s_%s", what, english ? "en" : "fr");

	return json_string_value(json_object_get(problem_entry(code), key));
}

/* The detail of a code, or its title where the detail lacks its argument. */
static const char *
detail_of(const char *code, const char *arg, bool english, struct mem *mem)
{
	const char *text =
	    fill(problem_text(code, "detail", english, mem), arg, mem);

	if (text == NULL)
		text = problem_text(code, "title", english, mem);
	return text == NULL ? code : text;
}

/* A JSON Pointer as URI fragment (RFC 6901 section 6). */
static const char *
fragment(const char *pointer, struct mem *mem)
{
	static const char plain[] = "/-._~!$&'()*+,;=:@?";
	char *out = mem_take(mem, 3 * strlen(pointer) + 2);
	size_t n = 0;

	out[n++] = '#';
	for (const char *c = pointer; *c != '\0'; c++) {
		if (isalnum((unsigned char)*c) || strchr(plain, *c) != NULL)
			out[n++] = *c;
		else
			n += (size_t)snprintf(
			    out + n, 4, "%%%02X", (unsigned char)*c);
	}
	return out;
}

/* A format that has texts of its own says what it looks like. */
static const json_t *
texts_of(const struct violation *v, struct mem *mem)
{
	const json_t *own = NULL;

	if (strcmp(v->code, "format") == 0 && v->arg != NULL)
		own = problem_violation(mem_print(mem, "format_%s", v->arg));
	return own != NULL ? own : problem_violation(v->code);
}

/* One member of errors[]: where, which rule, and in words. */
static json_t *
error_of(const struct violation *v, bool english, struct mem *mem)
{
	static const char *const places[] = { [AT_POINTER] = "pointer",
		[AT_PARAMETER] = "parameter",
		[AT_HEADER] = "header" };
	const char *text = fill(json_string_value(json_object_get(
	                            texts_of(v, mem), english ? "en" : "fr")),
	    v->arg, mem);
	json_t *error = json_object();

	if (text == NULL)
		text = detail_of(v->code, v->arg, english, mem);
	json_object_set_new(error, places[v->where],
	    string_of(v->where == AT_POINTER ? fragment(v->at, mem) : v->at));
	json_object_set_new(error, "code", string_of(v->code));
	json_object_set_new(error, "detail", string_of(text));
	return error;
}

/* The type, and what a registered type says besides. */
static void
add_type(json_t *body, const char *code, const char *base_url, struct mem *mem)
{
	for (size_t i = 0; i < N_ELEMENTS(registered); i++) {
		if (strcmp(code, registered[i].code) != 0)
			continue;
		json_object_set_new(
		    body, "type", json_string(registered[i].type));
		if (registered[i].policy != NULL)
			json_object_set_new(body, "violated-policies",
			    json_pack("[s]", registered[i].policy));
		return;
	}
	json_object_set_new(body, "type",
	    string_of(mem_print(mem, "%s/docs/problems#%s", base_url, code)));
}

/* Members that a problem has of its own; the standard ones stay. */
static void
add_extension(json_t *body, const char *extension)
{
	json_t *more = json_loads(extension, 0, NULL);

	if (json_is_object(more))
		json_object_update_missing(body, more);
	json_decref(more);
}

const char *
problem_body(const struct problem *p, const char *base_url,
    const char *request_id, bool english, struct mem *mem, size_t *len)
{
	const char *code = p->code;
	const char *title = problem_text(code, "title", english, mem);
	json_t *body = json_object();

	add_type(body, code, base_url, mem);
	json_object_set_new(
	    body, "title", string_of(title == NULL ? code : title));
	json_object_set_new(body, "status", json_integer(problem_status(code)));
	json_object_set_new(
	    body, "detail", string_of(detail_of(code, p->arg, english, mem)));
	if (request_id != NULL)
		json_object_set_new(body, "instance",
		    string_of(mem_print(mem, "/problems/%s", request_id)));
	json_object_set_new(body, "code", string_of(code));
	if (request_id != NULL)
		json_object_set_new(body, "request_id", string_of(request_id));
	if (p->errors.n > 0) {
		json_t *errors = json_array();

		for (size_t i = 0; i < p->errors.n; i++)
			json_array_append_new(
			    errors, error_of(&p->errors.at[i], english, mem));
		json_object_set_new(body, "errors", errors);
	}
	if (p->extension != NULL)
		add_extension(body, p->extension);

	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	if (text == NULL)
		abort(); /* out of memory: the parent starts another worker */
	*len = strlen(text);

	const char *kept = mem_copy(mem, text, *len);

	free(text);
	return kept;
}
