/*
 * Problems: the catalogue of the contract, and what a database error means in
 * it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

#include "log.h"
#include "loose.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What C names; the contract must have a text for each. */
static const char *const codes_used[] = {
	"already_exists",
	"bad_request",
	"bad_value",
	"body_missing",
	"body_too_large",
	"body_unexpected",
	"conflict",
	"content_malformed",
	"forbidden",
	"header_too_large",
	"idempotency_in_progress",
	"idempotency_key_invalid",
	"idempotency_key_missing",
	"idempotency_mismatch",
	"insufficient_scope",
	"internal",
	"invalid_body",
	"invalid_cursor",
	"invalid_parameters",
	"invalid_token",
	"invalid_utf8",
	"length_required",
	"malformed_json",
	"media_type_mismatch",
	"membership_ended",
	"method_not_allowed",
	"method_unknown",
	"not_acceptable",
	"not_found",
	"nul_character",
	"outcome_unknown",
	"overloaded",
	"precondition_failed",
	"precondition_malformed",
	"precondition_required",
	"rate_exceeded",
	"request_timeout",
	"role_forbidden",
	"rule_broken",
	"token_malformed",
	"token_missing",
	"too_deep",
	"too_many_values",
	"too_many_pixels",
	"too_slow",
	"try_again",
	"unavailable",
	"unknown_reference",
	"unsupported_media_type",
	"uri_too_long",
	"version_unknown",
};

static const char *const violations_used[] = {
	"enum",
	"format",
	"malformed_parameter",
	"maxItems",
	"maxLength",
	"maximum",
	"minItems",
	"minLength",
	"minimum",
	"pattern",
	"repeated_parameter",
	"required",
	"type",
	"uniqueItems",
	"unknown_member",
	"unknown_parameter",
};

/*
 * What a database error means to a client. First match wins; a prefix
 * stands for its class. PostgreSQL 15, appendix A; GU is our own class,
 * where this is only for a message that is no code of the catalogue.
 */
static const struct {
	const char *sqlstate;
	const char *code;
} meanings[] = {
	{ "GU400", "bad_request" },
	{ "GU401", "invalid_token" },
	{ "GU403", "forbidden" },
	{ "GU404", "not_found" },
	{ "GU409", "conflict" },
	{ "GU412", "precondition_failed" },
	{ "GU422", "rule_broken" },
	{ "23505", "already_exists" },
	{ "23503", "unknown_reference" },
	{ "23", "rule_broken" },
	{ "22", "bad_value" },
	{ "42501", "forbidden" },
	{ "40", "try_again" },
	{ "55P03", "try_again" },
	{ "57014", "too_slow" },
	{ "57P", "unavailable" },
	{ "08", "unavailable" },
	{ "25006", "unavailable" },
	{ "53", "unavailable" },
};

/* Borrowed from the contract by problem_load(). */
static const json_t *catalogue;
static const json_t *violation_texts;
static const json_t *constraint_pointers;

static bool
problem_whole(const char *code, const json_t *entry, char *why, size_t why_len);
static bool all_there(const json_t *object, const char *const *names, size_t n,
    const char *what, char *why, size_t why_len);

void
violation_add(struct violations *list, int where, const char *at,
    const char *code, const char *arg)
{
	if (list->n == VIOLATIONS_MAX)
		return;

	struct violation *v = &list->at[list->n++];

	*v = (struct violation){ .at = at, .code = code, .arg = arg };
	switch (where) {
	case AT_PARAMETER:
		v->where = AT_PARAMETER;
		break;
	case AT_HEADER:
		v->where = AT_HEADER;
		break;
	default:
		v->where = AT_POINTER;
		break;
	}
}

bool
problem_load(const json_t *problems, const json_t *violations,
    const json_t *constraints, char *why, size_t why_len)
{
	const char *code;
	json_t *entry;

	if (!all_there(problems, codes_used, N_ELEMENTS(codes_used),
	        "x-problems", why, why_len) ||
	    !all_there(violations, violations_used, N_ELEMENTS(violations_used),
	        "x-violations", why, why_len))
		return false;

	json_object_foreach (loose(problems), code, entry) {
		if (!problem_whole(code, entry, why, why_len))
			return false;
	}
	json_object_foreach (loose(violations), code, entry) {
		if (json_is_string(json_object_get(entry, "fr")) &&
		    json_is_string(json_object_get(entry, "en")))
			continue;
		snprintf(
		    why, why_len, "x-violations %s: fr or en is missing", code);
		return false;
	}
	json_object_foreach (loose(constraints), code, entry) {
		const char *pointer = json_string_value(entry);

		if (pointer != NULL && pointer[0] == '/')
			continue;
		snprintf(why, why_len, "x-constraints %s: not a pointer", code);
		return false;
	}
	catalogue = problems;
	violation_texts = violations;
	constraint_pointers = constraints;
	return true;
}

static bool
all_there(const json_t *object, const char *const *names, size_t n,
    const char *what, char *why, size_t why_len)
{
	for (size_t i = 0; i < n; i++) {
		if (json_is_object(json_object_get(object, names[i])))
			continue;
		snprintf(why, why_len, "%s: no entry for %s", what, names[i]);
		return false;
	}
	return true;
}

static bool
problem_whole(const char *code, const json_t *entry, char *why, size_t why_len)
{
	static const char *const texts[] = { "title_fr", "title_en",
		"detail_fr", "detail_en" };
	json_int_t status =
	    json_integer_value(json_object_get(entry, "status"));

	if (status < 400 || status > 599) {
		snprintf(why, why_len, "x-problems %s: status is not an error",
		    code);
		return false;
	}
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		if (json_string_length(json_object_get(entry, texts[i])) > 0)
			continue;
		snprintf(why, why_len, "x-problems %s: %s is missing", code,
		    texts[i]);
		return false;
	}
	return true;
}

int
problem_status(const char *code)
{
	json_t *status =
	    json_object_get(json_object_get(catalogue, code), "status");

	return status == NULL ? 500 : (int)json_integer_value(status);
}

int
problem_retry_after_s(const struct problem *p)
{
	const json_t *entry = json_object_get(catalogue, p->code);

	if (p->retry_after_s > 0)
		return p->retry_after_s;
	return (int)json_integer_value(json_object_get(entry, "retry_after_s"));
}

const json_t *
problem_entry(const char *code)
{
	return json_object_get(catalogue, code);
}

const json_t *
problem_violation(const char *code)
{
	return json_object_get(violation_texts, code);
}

static bool
known(const char *code)
{
	return code != NULL && problem_entry(code) != NULL;
}

/* For the log: a word that can be a code; other text may be anybody's. */
static const char *
code_like(const char *text)
{
	size_t n = text == NULL
	               ? 0
	               : strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && n < 64 && text[n] == '\0' ? text : NULL;
}

/* The meaning of an SQLSTATE; one that has none is our own fault. */
static void
meaning_of(const char *sqlstate, struct problem *p)
{
	for (size_t i = 0; i < N_ELEMENTS(meanings); i++) {
		if (strncmp(sqlstate, meanings[i].sqlstate,
		        strlen(meanings[i].sqlstate)) != 0)
			continue;
		p->code = meanings[i].code;
		return;
	}
	p->code = "internal";
}

/*
 * Take what our SQL says in DETAIL: where the fault is, what stands for {},
 * and members of its own, such as allowed_transitions.
 */
static void
take_detail(struct problem *p, struct mem *mem, const char *text)
{
	json_t *detail = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	static const struct {
		const char *member;
		int where;
	} places[] = {
		{ "pointer", AT_POINTER },
		{ "parameter", AT_PARAMETER },
		{ "header", AT_HEADER },
	};

	if (!json_is_object(detail)) {
		json_decref(detail);
		return;
	}

	json_t *arg = json_object_get(detail, "arg");

	if (json_is_string(arg))
		p->arg = mem_print(mem, "%s", json_string_value(arg));
	else if (json_is_integer(arg))
		p->arg = mem_print(
		    mem, "%" JSON_INTEGER_FORMAT, json_integer_value(arg));
	json_object_del(detail, "arg");

	for (size_t i = 0; i < N_ELEMENTS(places); i++) {
		const char *at = json_string_value(
		    json_object_get(detail, places[i].member));

		if (at != NULL)
			violation_add(&p->errors, places[i].where,
			    mem_print(mem, "%s", at), p->code, p->arg);
		json_object_del(detail, places[i].member);
	}
	if (json_object_size(detail) > 0) {
		char *rest = json_dumps(detail, JSON_COMPACT);

		if (rest != NULL)
			p->extension = mem_copy(mem, rest, strlen(rest));
		free(rest);
	}
	json_decref(detail);
}

/* A unique index is of a member of the body. */
static void
point_at(struct problem *p, const char *constraint)
{
	const char *pointer =
	    json_string_value(json_object_get(constraint_pointers, constraint));

	if (pointer != NULL)
		violation_add(&p->errors, AT_POINTER, pointer, p->code, NULL);
}

void
problem_from_database(struct problem *p, struct mem *mem, const char *sqlstate,
    const char *message, const char *detail, const char *constraint)
{
	*p = (struct problem){ 0 };
	if (sqlstate == NULL || sqlstate[0] == '\0')
		sqlstate = "08006"; /* no answer at all: the link is gone */
	meaning_of(sqlstate, p);

	if (strncmp(sqlstate, "GU", 2) == 0) {
		if (known(message))
			p->code = mem_print(mem, "%s", message);
		else
			log_error("problem_unknown",
			    LOG_STR("sqlstate", sqlstate),
			    LOG_STR("code", code_like(message)));
		if (detail != NULL)
			take_detail(p, mem, detail);
		return;
	}
	if (strncmp(sqlstate, "23", 2) == 0 && known(constraint))
		p->code = mem_print(mem, "%s", constraint);
	else if (strcmp(sqlstate, "23505") == 0 && constraint != NULL)
		point_at(p, constraint);
}
