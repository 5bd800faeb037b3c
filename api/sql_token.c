/* The tokens of SQL: pure functions of the text that follows. */
#include <ctype.h>
#include <string.h>

#include "sql_token.h"

static bool
is_word_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (c & 0x80) != 0;
}

static bool
is_word(char c)
{
	return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

/* Length of a quoted token with its quotes, doubled quotes inside; 0 if it
 * does not end. */
static size_t
quoted_len(const char *s, bool escapes)
{
	char quote = s[0];

	for (size_t i = 1; s[i] != '\0'; i++) {
		if (escapes && s[i] == '\\' && s[i + 1] != '\0') {
			i++;
			continue;
		}
		if (s[i] != quote)
			continue;
		if (s[i + 1] != quote)
			return i + 1;
		i++;
	}
	return 0;
}

/* $tag$ ... $tag$; the kind says whether it is one, and ends. */
static enum sql_token
dollar(const char *s, size_t *len)
{
	size_t tag = 1;

	*len = 1;
	if (isdigit((unsigned char)s[1]))
		return TOKEN_NUMBERED;
	while (s[tag] != '$' && is_word(s[tag]))
		tag++;
	if (s[tag] != '$')
		return TOKEN_OTHER;
	tag++;
	for (const char *end = s + tag; (end = strchr(end, '$')) != NULL; end++)
		if (strncmp(end, s, tag) == 0) {
			*len = (size_t)(end - s) + tag;
			return TOKEN_QUOTED;
		}
	return TOKEN_BROKEN;
}

/* Block comments nest (PostgreSQL 4.1.5). */
static enum sql_token
block_comment(const char *s, size_t *len)
{
	size_t depth = 0, i = 0;

	while (s[i] != '\0') {
		if (s[i] == '/' && s[i + 1] == '*') {
			depth++;
			i += 2;
		} else if (s[i] == '*' && s[i + 1] == '/') {
			i += 2;
			if (--depth == 0) {
				*len = i;
				return TOKEN_BLOCK_COMMENT;
			}
		} else {
			i++;
		}
	}
	return TOKEN_BROKEN;
}

static enum sql_token
colon(const char *s, size_t *len)
{
	if (s[1] == ':' || s[1] == '=') {
		*len = 2;
		return TOKEN_OTHER;
	}
	if (!is_word_start(s[1]))
		return TOKEN_OTHER;
	while (is_word(s[*len]) && s[*len] != '$')
		++*len;
	return TOKEN_PARAM;
}

enum sql_token
sql_token_at(const char *s, bool escapes, size_t *len)
{
	*len = 1;
	switch (s[0]) {
	case '\n':
		return TOKEN_NEWLINE;
	case '\'':
	case '"':
		*len = quoted_len(s, escapes && s[0] == '\'');
		return *len > 0 ? TOKEN_QUOTED : TOKEN_BROKEN;
	case '$':
		return dollar(s, len);
	case ':':
		return colon(s, len);
	case ';':
		return TOKEN_END;
	case '(':
		return TOKEN_OPEN;
	case ')':
		return TOKEN_CLOSE;
	default:
		break;
	}
	if (s[0] == '-' && s[1] == '-') {
		*len = strcspn(s, "\n");
		return TOKEN_LINE_COMMENT;
	}
	if (s[0] == '/' && s[1] == '*')
		return block_comment(s, len);
	if (isspace((unsigned char)s[0]))
		return TOKEN_SPACE;
	if (!is_word(s[0]))
		return TOKEN_OTHER;
	while (is_word(s[*len]))
		++*len;
	return TOKEN_WORD;
}
