/*
 * The check at start: every statement is prepared on a real link as it will
 * be, so that a text PostgreSQL does not take stops the server, not a
 * request.
 */
#include <stdio.h>
#include <string.h>

#include "statement.h"

#include "template.h"
#include "variant.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Names of parts that were described, so that each is once. */
#define SEEN_MAX 512

struct check {
	PGconn *conn;
	const struct statement *statement;
	const char *seen[SEEN_MAX];
	size_t n_seen;
	struct mem mem;
	char *why;
	size_t why_len;
};

/* Kinds of operations that are answered from different columns. */
enum shape {
	RECORD,
	PAGE,
	BYTES,
	STREAM
};

/* What the engine can read (pg_type.dat: json, jsonb, text, bigint, integer,
 * boolean, bytea); of some columns only whether there is a row: types[0] is
 * 0. */
static const struct {
	enum column column;
	Oid types[3];
	bool last; /* of the last part; else of the ones before it */
	enum shape shape;
} readable[] = {
	{ COLUMN_BODY, { 114, 3802, 25 }, true, RECORD },
	{ COLUMN_ETAG, { 20, 23, 25 }, true, RECORD },
	{ COLUMN_LOCATION, { 25 }, true, RECORD },
	{ COLUMN_WRITABLE, { 16 }, true, RECORD },
	{ COLUMN_HEADERS, { 114 }, true, RECORD },
	{ COLUMN_CACHE, { 25 }, true, RECORD },
	{ COLUMN_TOUCHED, { 20, 23 }, false, RECORD },
	{ COLUMN_FOUND, { 0 }, false, RECORD },
	{ COLUMN_BODY, { 114, 3802, 25 }, true, PAGE },
	{ COLUMN_KEY, { 3802 }, true, PAGE },
	{ COLUMN_FOUND, { 0 }, false, PAGE },
	{ COLUMN_BODY, { 17 }, true, BYTES },
	{ COLUMN_HEADERS, { 114 }, true, BYTES },
	{ COLUMN_CACHE, { 25 }, true, BYTES },
	{ COLUMN_HEADERS, { 114 }, false, STREAM },
	{ COLUMN_CACHE, { 25 }, false, STREAM },
	{ COLUMN_POSITION, { 25 }, false, STREAM },
	{ COLUMN_UNTIL, { 25 }, false, STREAM },
	{ COLUMN_BODY, { 25 }, true, STREAM },
	{ COLUMN_POSITION, { 25 }, true, STREAM },
};

static enum shape
shape_of(const struct operation *op)
{
	if (op->stream)
		return STREAM;
	if (op->bytes)
		return BYTES;
	return op->paged ? PAGE : RECORD;
}

static bool
wrong(struct check *c, const struct part *part, const char *what,
    const char *name)
{
	(void)snprintf(c->why, c->why_len, "%s: %s: %s %s",
	    c->statement->template->file, part->name, what, name);
	c->why[strcspn(c->why, "\n")] = '\0';
	return false;
}

static bool
was_seen(struct check *c, const char *name)
{
	for (size_t i = 0; i < c->n_seen; i++)
		if (strcmp(c->seen[i], name) == 0)
			return true;
	if (c->n_seen < SEEN_MAX)
		c->seen[c->n_seen++] = name;
	return false;
}

/* -1: no such column is read here; 0: not as this type; 1: yes. */
static int
is_readable(const char *name, Oid type, bool last, enum shape shape)
{
	int found = -1;

	for (size_t i = 0; i < N_ELEMENTS(readable); i++) {
		if (readable[i].last != last || readable[i].shape != shape ||
		    strcmp(column_names[readable[i].column], name) != 0)
			continue;
		found = readable[i].types[0] == 0;
		for (size_t j = 0; j < N_ELEMENTS(readable[i].types); j++)
			if (readable[i].types[j] == type)
				return 1;
	}
	return found;
}

/* Of the last part every column is read; of the others, those known. */
static bool
columns_are_right(
    struct check *c, const struct part *part, const PGresult *shape, bool last)
{
	const struct operation *op = c->statement->op;

	for (int i = 0; i < PQnfields(shape); i++) {
		int readable_as = is_readable(
		    PQfname(shape, i), PQftype(shape, i), last, shape_of(op));

		if (readable_as == 0)
			return wrong(c, part,
			    "is not of a type it may have:", PQfname(shape, i));
		if (readable_as < 0 && last)
			return wrong(c, part, "nobody reads the column",
			    PQfname(shape, i));
	}
	if (!last || op->success == 204)
		return true;
	if (PQfnumber(shape, "body") < 0)
		return wrong(c, part, "has no column", "body");
	if (op->paged && PQfnumber(shape, "key") < 0)
		return wrong(c, part, "has no column", "key");
	return true;
}

static bool
check_part(struct check *c, const struct part *part, bool last)
{
	PGresult *prepared, *shape;
	bool right;

	if (was_seen(c, part->name))
		return true;
	prepared = PQprepare(c->conn, "", part->sql, (int)part->n, part->types);
	right = PQresultStatus(prepared) == PGRES_COMMAND_OK;
	PQclear(prepared);
	if (!right)
		return wrong(
		    c, part, "PostgreSQL says:", PQerrorMessage(c->conn));
	shape = PQdescribePrepared(c->conn, "");
	right = PQresultStatus(shape) == PGRES_COMMAND_OK;
	if (!right)
		wrong(c, part, "PostgreSQL says:", PQerrorMessage(c->conn));
	else if (c->statement->op != NULL)
		right = columns_are_right(c, part, shape, last);
	PQclear(shape);
	return right;
}

static bool
check_variant(struct check *c, uint64_t fragments, size_t sort)
{
	struct variant variant;

	if (!variant_make(c->statement, fragments, sort, &c->mem, &variant,
	        c->why, c->why_len))
		return false;
	for (size_t i = 0; i < variant.n_parts; i++)
		if (!check_part(c, &variant.parts[i], i + 1 == variant.n_parts))
			return false;
	return true;
}

/* Fragments that need no filter: on with the sort and the cursor alone. */
static uint64_t
always_on(const struct statement *s, uint64_t possible)
{
	const struct template *t = s->template;
	uint64_t on = 0;

	for (size_t i = 0; i < t->n_fragments; i++) {
		bool all = (possible >> i & 1) != 0;

		for (size_t j = 0; all && j < t->fragments[i].n; j++)
			all =
			    strcmp(t->fragments[i].flags[j], "cursor") == 0 ||
			    strncmp(t->fragments[i].flags[j], "sort:", 5) == 0;
		if (all)
			on |= (uint64_t)1 << i;
	}
	return on;
}

static bool
same_flags(const struct fragment *a, const struct fragment *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++)
		if (strcmp(a->flags[i], b->flags[i]) != 0)
			return false;
	return a->n == b->n;
}

/* A filter may stand at several places: its fragments are on together. */
static uint64_t
together(const struct template *t, size_t with)
{
	uint64_t on = 0;

	for (size_t i = 0; i < t->n_fragments; i++)
		if (same_flags(&t->fragments[i], &t->fragments[with]))
			on |= (uint64_t)1 << i;
	return on;
}

static bool
check_sort(struct check *c, size_t sort, bool cursor)
{
	uint64_t possible = fragments_of_sort(c->statement, sort, cursor);
	uint64_t base = always_on(c->statement, possible);

	if (!check_variant(c, base, sort) || !check_variant(c, possible, sort))
		return false;
	for (size_t i = 0; i < c->statement->template->n_fragments; i++) {
		uint64_t one = together(c->statement->template, i);

		if ((possible & ~base & one) != 0 &&
		    !check_variant(c, base | one, sort))
			return false;
	}
	return true;
}

static bool
check_statement(struct check *c)
{
	const struct operation *op = c->statement->op;

	c->n_seen = 0;
	if (op == NULL || !op->paged)
		return check_sort(c, 0, true);
	for (size_t i = 0; i < op->n_sorts; i++)
		if (!check_sort(c, i, false) || !check_sort(c, i, true))
			return false;
	return true;
}

/* Is it run on this lane? Public operations have no caller, so no lane of
 * one: they run on that of the engine. */
static bool
is_of_lane(const struct statement *s, enum lane lane)
{
	bool of_auth;

	if (s->op != NULL && !s->op->public)
		return lane_serves(lane, s->op);
	of_auth = s->op != NULL || strcmp(s->template->file, "oauth.sql") == 0;
	return of_auth == (lane == LANE_AUTH);
}

bool
statements_check(PGconn *conn, enum lane lane, char *why, size_t why_len)
{
	struct check c = { .conn = conn, .why_len = why_len };
	bool right = true;

	c.why = why;
	for (size_t i = 0; right && statement_at(i) != NULL; i++) {
		c.statement = statement_at(i);
		if (is_of_lane(c.statement, lane))
			right = check_statement(&c);
		mem_release(&c.mem);
	}
	return right;
}
