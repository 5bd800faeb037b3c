/*
 * Header blocks: where one ends and whether its bytes are allowed, what its
 * lines are, and how they are written for Kore.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "block.h"

/* Bytes that a block may hold besides its line ends (RFC 9110 5.5, without
 * obs-text). */
static bool
is_plain(char c)
{
	return c == '\t' || (c >= ' ' && c < 0x7f);
}

/* RFC 9110 5.6.2 */
static bool
is_token(char c)
{
	return isalnum((unsigned char)c) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/*
 * Start and end of the block; end is left 0 while it is not there. Empty
 * lines before a request are skipped (RFC 9112 2.2), and a request begins
 * with a method. Every line ends in CR LF: who takes a bare LF for an end sees
 * another request than we do.
 */
const char *
block_find(struct span span, size_t max, size_t *start, size_t *end)
{
	const char *text = span.at;
	size_t len = span.len;
	bool lines = false;
	size_t i = 0;

	while (i + 1 < len && text[i] == '\r' && text[i + 1] == '\n')
		i += 2;
	*start = i;
	if (i < len && text[i] != '\r' && !is_token(text[i]))
		return "bad_request";
	for (; i < len; i++) {
		if (is_plain(text[i]))
			continue;
		if (text[i] != '\r')
			return "bad_request";
		if (i + 1 == len)
			break;
		if (text[++i] != '\n')
			return "bad_request";
		if (i >= *start + 3 && text[i - 2] == '\n') {
			*end = i + 1;
			break;
		}
		lines = true;
	}
	if (*end == 0 ? len >= max : *end > max)
		return lines || *start > 0 ? "header_too_large"
		                           : "uri_too_long";
	return NULL;
}

static bool
is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

/* The longest prefix of text of such characters; text moves behind it. */
static struct span
take(struct span *text, bool (*such)(char))
{
	struct span taken = { text->at, 0 };

	while (taken.len < text->len && such(text->at[taken.len]))
		taken.len++;
	text->at += taken.len;
	text->len -= taken.len;
	return taken;
}

static bool
take_char(struct span *text, char c)
{
	if (text->len == 0 || *text->at != c)
		return false;
	text->at++;
	text->len--;
	return true;
}

/* The next line without its CR LF; text moves behind it. */
static struct span
take_line(struct span *text)
{
	struct span line = take(text, is_plain);

	text->at += 2;
	text->len -= 2;
	return line;
}

static bool
same_name(struct span name, const char *other)
{
	return strlen(other) == name.len &&
	       strncasecmp(name.at, other, name.len) == 0;
}

static bool
read_request_line(struct span line, struct block *block)
{
	block->method = take(&line, is_token);
	if (block->method.len == 0 || !take_char(&line, ' '))
		return false;
	block->target = take(&line, is_visible);
	if (block->target.len == 0 || !take_char(&line, ' '))
		return false;
	block->version = line;
	return line.len == 8 && memcmp(line.at, "HTTP/", 5) == 0 &&
	       isdigit((unsigned char)line.at[5]) && line.at[6] == '.' &&
	       isdigit((unsigned char)line.at[7]);
}

static enum header
header_of(struct span name)
{
	enum header h = 0;

	while (h < N_HEADERS && !same_name(name, header_names[h]))
		h++;
	return h;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
trim(struct span *text)
{
	while (text->len > 0 && is_blank(*text->at))
		take_char(text, *text->at);
	while (text->len > 0 && is_blank(text->at[text->len - 1]))
		text->len--;
}

/* A folded line begins with a blank, which no name does. */
static bool
read_header_line(struct span text, struct block *block)
{
	struct block_line *line = &block->lines[block->n_lines++];

	line->name = take(&text, is_token);
	if (line->name.len == 0 || !take_char(&text, ':'))
		return false;
	trim(&text);
	line->value = text;
	line->header = header_of(line->name);
	if (line->header == N_HEADERS) {
		if (same_name(line->name, "transfer-encoding"))
			block->transfer_encoding = true;
		return true;
	}
	if (block->first[line->header] != NULL)
		block->repeated[line->header] = true;
	else
		block->first[line->header] = line;
	return true;
}

const char *
block_read(struct span text, struct block *block)
{
	if (!read_request_line(take_line(&text), block))
		return "bad_request";
	while (text.len > 2) {
		if (block->n_lines == BLOCK_LINES_MAX)
			return "header_too_large";
		if (!read_header_line(take_line(&text), block))
			return "bad_request";
	}
	return NULL;
}

/* The first of comma separated words; list moves behind its comma. */
static struct span
take_word(struct span *list)
{
	const char *comma = memchr(list->at, ',', list->len);
	struct span word = *list;

	if (comma != NULL)
		word.len = (size_t)(comma - list->at);
	list->at += word.len;
	list->len -= word.len;
	take_char(list, ',');
	trim(&word);
	return word;
}

bool
block_says(const struct block *block, enum header header, const char *word)
{
	for (size_t i = 0; i < block->n_lines; i++) {
		struct span list = block->lines[i].value;

		if (block->lines[i].header != header)
			continue;
		while (list.len > 0)
			if (same_name(take_word(&list), word))
				return true;
	}
	return false;
}

void
block_input(const struct block *block, struct mem *mem, struct input *out)
{
	const struct span target = block->target;
	char *path = mem_copy(mem, target.at, target.len);
	char *query = strchr(path, '?');

	*out = (struct input){ .path = path };
	if (query != NULL) {
		*query = '\0';
		out->query = query + 1;
	}
	for (enum header h = 0; h < N_HEADERS; h++) {
		const struct block_line *line = block->first[h];

		if (line != NULL && line->value.len > 0)
			out->headers[h] =
			    mem_copy(mem, line->value.at, line->value.len);
	}
}

static char *
put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

/* A tab is legal in a value, but Kore refuses it. */
static char *
put_value(char *at, struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		*at++ = (char)(value.at[i] == '\t' ? ' ' : value.at[i]);
	return at;
}

/* All values of a header on one line, if there is one. */
static char *
put_header(char *at, const struct block *block, enum header header)
{
	bool begun = false;

	for (size_t i = 0; i < block->n_lines; i++) {
		const struct block_line *line = &block->lines[i];

		if (line->header != header || line->value.len == 0)
			continue;
		if (begun) {
			at = put(at, ", ", 2);
		} else {
			at = put(at, header_names[header],
			    strlen(header_names[header]));
			at = put(at, ":", 1);
		}
		at = put_value(at, line->value);
		begun = true;
	}
	return begun ? put(at, "\r\n", 2) : at;
}

/* Kore honours a Connection line only if its value is exactly "close". */
size_t
block_write(const struct block *block, char *out)
{
	char *at = out;

	at = put(at, block->method.at, block->method.len);
	at = put(at, " ", 1);
	at = put(at, block->target.at, block->target.len);
	at = put(at, " ", 1);
	at = put(at, block->version.at, block->version.len);
	at = put(at, "\r\n", 2);
	for (enum header h = 0; h < N_HEADERS; h++)
		if (h != HEADER_CONNECTION)
			at = put_header(at, block, h);
	if (block_says(block, HEADER_CONNECTION, "close"))
		at = put(at, "connection:close\r\n", 18);
	at = put(at, "\r\n", 2);
	return (size_t)(at - out);
}
