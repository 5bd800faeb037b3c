/* The reader of statement texts: one pass over each file, token by token. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql_token.h"
#include "template.h"

#define PIECES_MAX    512
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

const char *const column_names[N_COLUMNS] = {
	[COLUMN_BODY] = "body",
	[COLUMN_KEY] = "key",
	[COLUMN_ETAG] = "etag",
	[COLUMN_LOCATION] = "location",
	[COLUMN_WRITABLE] = "writable",
	[COLUMN_TOUCHED] = "touched",
	[COLUMN_FOUND] = "found",
	[COLUMN_HEADERS] = "headers",
	[COLUMN_CACHE] = "cache",
	[COLUMN_POSITION] = "position",
	[COLUMN_UNTIL] = "until",
};

/* What is read, and what of it is not yet in a piece. */
struct reader {
	struct mem *mem;
	const char *file;
	const char *at;
	size_t line;
	const char *line_start;
	bool line_empty; /* nothing but blanks on this line so far */
	bool line_over;  /* a part ended on this line */
	bool escapes;    /* the last token was the E of E'...' */

	struct template *first, *last; /* all so far */
	struct template *template;     /* the one being read, or NULL */
	struct template_part *part;
	struct piece pieces[PIECES_MAX];
	size_t n;
	const char *run; /* begin of the text that no piece has yet */
	int fragment;
	int depth; /* of parentheses */
	bool any_word;

	char *why;
	size_t why_len;
};

static bool
wrong(struct reader *r, const char *what)
{
	(void)snprintf(
	    r->why, r->why_len, "%s:%zu: %s", r->file, r->line, what);
	return false;
}

static bool
add_piece(struct reader *r, const char *text, size_t len, int param)
{
	if (r->n == PIECES_MAX)
		return wrong(r, "the part has too many pieces");
	if (r->fragment >= 0)
		r->part->fragments |= (uint64_t)1 << r->fragment;
	r->pieces[r->n++] = (struct piece){ .text = text,
		.len = len,
		.param = param,
		.fragment = r->fragment };
	return true;
}

/* What was read since the last piece becomes one. */
static bool
flush(struct reader *r)
{
	const char *run = r->run;

	r->run = r->at;
	if (r->part == NULL || run == r->at)
		return true;
	return add_piece(r, run, (size_t)(r->at - run), -1);
}

static void
begin_part(struct reader *r)
{
	r->part = &r->template->parts[r->template->n_parts];
	r->part->verb = PIECES_MAX;
	r->n = 0;
	r->depth = 0;
	r->any_word = false;
}

static bool
end_statement(struct reader *r)
{
	if (r->template == NULL)
		return true;
	if (r->fragment >= 0)
		return wrong(r, "a fragment is not closed by --?");
	if (r->any_word)
		return wrong(r, "the last part does not end with ;");
	if (r->template->n_parts == 0)
		return wrong(r, "the statement is empty");
	return true;
}

/* "-- site_list" or "-- @enter", alone on its line from the first column. */
static bool
is_header(const struct reader *r, size_t len)
{
	size_t i = 3;

	if (r->at != r->line_start || len < 4 || r->at[2] != ' ')
		return false;
	if (r->at[i] == '@')
		i++;
	if (!islower((unsigned char)r->at[i]))
		return false;
	while (
	    i < len && (islower((unsigned char)r->at[i]) ||
	                   isdigit((unsigned char)r->at[i]) || r->at[i] == '_'))
		i++;
	return i == len;
}

static bool
begin_statement(struct reader *r, size_t len)
{
	struct template *t = mem_take(r->mem, sizeof(*t));

	if (!end_statement(r))
		return false;
	t->engine = r->at[3] == '@';
	t->file = r->file;
	t->name = mem_copy(
	    r->mem, r->at + (t->engine ? 4 : 3), len - (t->engine ? 4 : 3));
	if (r->last == NULL)
		r->first = t;
	else
		r->last->next = t;
	r->last = r->template = t;
	begin_part(r);
	r->run = r->at + len;
	return true;
}

/* "--? flag flag" opens a fragment and closes the one before; "--?" closes. */
static bool
mark(struct reader *r, size_t len)
{
	const char *at = r->at + 3, *end = r->at + len;
	struct fragment *f;

	if (!flush(r))
		return false;
	r->run = end;
	r->fragment = -1;
	if (r->template->n_fragments == FRAGMENTS_MAX)
		return wrong(r, "too many fragments");
	f = &r->template->fragments[r->template->n_fragments];
	for (;;) {
		while (at < end && isspace((unsigned char)*at))
			at++;
		if (at == end)
			break;
		const char *begin = at;
		while (at < end && !isspace((unsigned char)*at))
			at++;
		if (f->n == FLAGS_MAX)
			return wrong(r, "the fragment has too many flags");
		f->flags[f->n++] =
		    mem_copy(r->mem, begin, (size_t)(at - begin));
	}
	if (f->n > 0)
		r->fragment = (int)r->template->n_fragments++;
	return true;
}

static bool
on_line_comment(struct reader *r, size_t len)
{
	if (is_header(r, len))
		return begin_statement(r, len);
	if (r->template == NULL)
		return true;
	if (r->line_empty && len >= 3 && r->at[2] == '?')
		return mark(r, len);
	if (!flush(r))
		return false;
	r->run = r->at + len;
	return true;
}

static bool
on_block_comment(struct reader *r, size_t len)
{
	if (r->template == NULL)
		return true;
	if (!flush(r) || !add_piece(r, " ", 1, -1))
		return false;
	r->run = r->at + len;
	return true;
}

/* The type of ":name::type" or ":name::type[]"; NULL without a cast. */
static const char *
cast_after(struct reader *r, const char *at)
{
	size_t len = 2;

	if (at[0] != ':' || at[1] != ':')
		return NULL;
	while (isalnum((unsigned char)at[len]) || at[len] == '_')
		len++;
	if (at[len] == '[' && at[len + 1] == ']')
		len += 2;
	return mem_copy(r->mem, at + 2, len - 2);
}

static bool
on_param(struct reader *r, size_t len)
{
	struct template *t = r->template;
	size_t i;

	r->any_word = true;
	if (!flush(r))
		return false;
	r->run = r->at + len;
	for (i = 0; i < t->n_params; i++)
		if (strlen(t->params[i].name) == len - 1 &&
		    memcmp(t->params[i].name, r->at + 1, len - 1) == 0)
			return add_piece(r, "", 0, (int)i);
	if (i == TEMPLATE_PARAMS_MAX)
		return wrong(r, "too many parameters");
	t->params[i].name = mem_copy(r->mem, r->at + 1, len - 1);
	t->params[i].type = cast_after(r, r->at + len);
	t->n_params++;
	return add_piece(r, "", 0, (int)i);
}

static bool
is_verb(const char *word, size_t len)
{
	static const char *const verbs[] = { "select", "insert", "update",
		"delete", "values" };

	for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
		if (strlen(verbs[i]) == len &&
		    strncasecmp(verbs[i], word, len) == 0)
			return true;
	return false;
}

static bool
on_word(struct reader *r, size_t len)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (strlen(column_names[i]) == len &&
		    strncasecmp(column_names[i], r->at, len) == 0)
			r->part->columns |= 1u << i;
	if (!r->any_word)
		r->part->with = len == 4 && strncasecmp(r->at, "with", 4) == 0;
	r->any_word = true;
	if (r->part->verb == PIECES_MAX && r->depth == 0 && r->fragment < 0 &&
	    is_verb(r->at, len)) {
		if (!flush(r))
			return false;
		r->part->verb = r->n;
	}
	return true;
}

static bool
on_end(struct reader *r, size_t len)
{
	struct template *t = r->template;

	if (r->fragment >= 0)
		return wrong(r, "a part ends inside a fragment");
	if (!r->any_word)
		return wrong(r, "the part is empty");
	if (r->depth != 0)
		return wrong(r, "parentheses do not match");
	if (!flush(r))
		return false;
	r->run = r->at + len;
	r->part->n = r->n;
	if (r->part->verb == PIECES_MAX)
		r->part->verb = r->n;
	r->part->pieces = mem_take(r->mem, r->n * sizeof(struct piece));
	memcpy(r->part->pieces, r->pieces, r->n * sizeof(struct piece));
	t->n_parts++;
	r->line_over = true;
	r->any_word = false;
	r->part = NULL;
	return true;
}

static bool
read_token(struct reader *r, enum sql_token kind, size_t len)
{
	switch (kind) {
	case TOKEN_LINE_COMMENT:
		return on_line_comment(r, len);
	case TOKEN_BLOCK_COMMENT:
		return on_block_comment(r, len);
	case TOKEN_PARAM:
		return on_param(r, len);
	case TOKEN_WORD:
		return on_word(r, len);
	case TOKEN_END:
		return on_end(r, len);
	case TOKEN_OPEN:
		r->depth++;
		return true;
	case TOKEN_CLOSE:
		r->depth--;
		return true;
	case TOKEN_NUMBERED:
		return wrong(r, "parameters are named, not numbered");
	case TOKEN_BROKEN:
		return wrong(r, "a quote or comment is not closed");
	case TOKEN_QUOTED:
	case TOKEN_OTHER:
		r->any_word = true;
		return true;
	case TOKEN_SPACE:
	case TOKEN_NEWLINE:
	case N_TOKENS:
		break;
	}
	return true;
}

/* Does a token of this kind belong to a part? */
static bool
is_content(enum sql_token kind)
{
	return kind != TOKEN_SPACE && kind != TOKEN_NEWLINE &&
	       kind != TOKEN_LINE_COMMENT && kind != TOKEN_BLOCK_COMMENT;
}

static bool
may_stand(struct reader *r, enum sql_token kind)
{
	if (!is_content(kind))
		return true;
	if (r->template == NULL)
		return wrong(r, "SQL before the first \"-- name\"");
	if (r->line_over)
		return wrong(r, "a part ends at the end of its line");
	if (r->part != NULL)
		return true;
	if (r->template->n_parts == PARTS_MAX)
		return wrong(r, "too many parts");
	begin_part(r);
	r->run = r->at;
	return true;
}

static void
next_line(struct reader *r)
{
	r->line++;
	r->line_start = r->at;
	r->line_empty = true;
	r->line_over = false;
}

static bool
read_file(struct reader *r, const struct statement_text *text)
{
	r->file = text->file;
	r->at = r->run = text->text;
	r->template = NULL;
	r->part = NULL;
	r->fragment = -1;
	r->line = 0;
	r->escapes = false;
	next_line(r);
	while (*r->at != '\0') {
		size_t len = 1;
		enum sql_token kind = sql_token_at(r->at, r->escapes, &len);

		if (!may_stand(r, kind) || !read_token(r, kind, len))
			return false;
		r->escapes = kind == TOKEN_WORD && len == 1 &&
		             (*r->at == 'e' || *r->at == 'E');
		if (kind != TOKEN_SPACE)
			r->line_empty = false;
		/* Quotes and comments may span lines. */
		for (size_t i = 0; i + 1 < len; i++)
			r->line += r->at[i] == '\n';
		r->at += len;
		if (kind == TOKEN_NEWLINE)
			next_line(r);
	}
	return end_statement(r);
}

struct template *
templates_read(const struct statement_text *texts, size_t n, struct mem *mem,
    char *why, size_t why_len)
{
	struct reader *r = mem_take(mem, sizeof(*r));

	r->mem = mem;
	r->why = why;
	r->why_len = why_len;
	for (size_t i = 0; i < n; i++)
		if (!read_file(r, &texts[i]))
			return NULL;
	if (r->first == NULL)
		(void)snprintf(why, why_len, "no statement in %zu files", n);
	return r->first;
}
