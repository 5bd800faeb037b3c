/*
 * The tokens of SQL, as far as a template must know them: what is quoted,
 * what is a comment, what is a parameter. PostgreSQL 15, 4.1 (lexical
 * structure).
 */
#ifndef GUSP_SQL_TOKEN_H
#define GUSP_SQL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum sql_token {
	TOKEN_SPACE, /* a blank or any other byte without a meaning here */
	TOKEN_NEWLINE,
	TOKEN_LINE_COMMENT,
	TOKEN_BLOCK_COMMENT,
	TOKEN_QUOTED,
	TOKEN_PARAM,
	TOKEN_NUMBERED, /* $1: ours are named */
	TOKEN_WORD,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_END, /* ; */
	TOKEN_OTHER,
	TOKEN_BROKEN, /* a quote or comment that is never closed */
	N_TOKENS
};

/*
 * The token at s, which is not empty, and its length. escapes says that the
 * token before was the E of E'...', where a backslash escapes.
 */
enum sql_token sql_token_at(const char *s, bool escapes, size_t *len);

#endif
