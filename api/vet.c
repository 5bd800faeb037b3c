/*
 * The judgement on a raw header block, in three passes: where it ends and
 * whether its bytes are allowed, what its lines are, what they mean together.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "vet.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Kore 4.1 http.c:http_request_new answers a longer one with an empty 400. */
#define HOST_MAX 250

struct span {
	const char *at;
	size_t len;
};

struct line {
	struct span name, value;
	enum header header; /* N_HEADERS: not ours */
};

struct block {
	struct span method, target, version;
	struct line lines[VET_LINES_MAX];
	size_t n_lines;
	const struct line *first[N_HEADERS]; /* first line of each, or NULL */
	bool repeated[N_HEADERS];
	bool transfer_encoding;
	bool (*upload_path)(const char *, size_t);
};

/* Whether a request of the method is sent with a body. */
static const bool takes_body[N_METHODS] = {
	[METHOD_POST] = true,
	[METHOD_PUT] = true,
	[METHOD_PATCH] = true,
};

/* Methods of HTTP/1.0; Kore answers the others there with an empty 405. */
static const bool in_http_1_0[N_METHODS] = {
	[METHOD_GET] = true,
	[METHOD_HEAD] = true,
	[METHOD_POST] = true,
};

/* Lines that two readers of the same request must not choose between. */
static const bool only_once[N_HEADERS] = {
	[HEADER_HOST] = true,
	[HEADER_AUTHORIZATION] = true,
	[HEADER_CONTENT_LENGTH] = true,
	[HEADER_CONTENT_TYPE] = true,
	[HEADER_IDEMPOTENCY_KEY] = true,
};

/* A check gives the code of a problem, or NULL. */
typedef const char *(*check)(const struct block *block, struct vetted *out);

static const char *check_version(const struct block *, struct vetted *);
static const char *check_method(const struct block *, struct vetted *);
static const char *check_target(const struct block *, struct vetted *);
static const char *check_repeated(const struct block *, struct vetted *);
static const char *check_host(const struct block *, struct vetted *);
static const char *check_length(const struct block *, struct vetted *);
static const char *check_body(const struct block *, struct vetted *);
static const char *check_wishes(const struct block *, struct vetted *);

static const check checks[] = {
	check_version,
	check_method,
	check_target,
	check_repeated,
	check_host,
	check_length,
	check_body,
	check_wishes,
};

static const char *
find_end(const char *text, size_t len, size_t *start, size_t *end);
static const char *read_block(struct span text, struct block *block);
static const char *judge(const struct block *block, struct vetted *out);
static size_t write_block(const struct block *block, char *out);

void
vet(char *text, size_t len, bool (*upload_path)(const char *, size_t),
    struct vetted *out)
{
	struct block block = { .upload_path = upload_path };
	char compact[VET_BLOCK_MAX];
	size_t start = 0, end = 0;

	*out = (struct vetted){ .verdict = VET_REFUSE, .method = N_METHODS };

	out->code = find_end(text, len, &start, &end);
	if (out->code != NULL)
		return;
	if (end == 0) {
		out->verdict = VET_MORE;
		return;
	}
	out->block_len = end;
	out->code =
	    read_block((struct span){ text + start, end - start }, &block);
	if (out->code == NULL)
		out->code = judge(&block, out);
	if (out->code != NULL)
		return;

	out->request_id = NULL;
	out->len = write_block(&block, compact);
	memcpy(text, compact, out->len);
	out->verdict = VET_PASS;
}

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
static const char *
find_end(const char *text, size_t len, size_t *start, size_t *end)
{
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
	if (*end == 0 ? len >= VET_BLOCK_MAX : *end > VET_BLOCK_MAX)
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

/* A folded line begins with a blank, which no name does. */
static bool
read_header_line(struct span text, struct block *block)
{
	struct line *line = &block->lines[block->n_lines++];

	line->name = take(&text, is_token);
	if (line->name.len == 0 || !take_char(&text, ':'))
		return false;
	take(&text, is_blank);
	while (text.len > 0 && is_blank(text.at[text.len - 1]))
		text.len--;
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

/* text ends in an empty line. */
static const char *
read_block(struct span text, struct block *block)
{
	if (!read_request_line(take_line(&text), block))
		return "bad_request";
	while (text.len > 2) {
		if (block->n_lines == VET_LINES_MAX)
			return "header_too_large";
		if (!read_header_line(take_line(&text), block))
			return "bad_request";
	}
	return NULL;
}

static const char *
judge(const struct block *block, struct vetted *out)
{
	const struct line *id = block->first[HEADER_REQUEST_ID];

	if (id != NULL && !block->repeated[HEADER_REQUEST_ID]) {
		out->request_id = id->value.at;
		out->request_id_len = id->value.len;
	}
	for (size_t i = 0; i < N_ELEMENTS(checks); i++) {
		const char *code = checks[i](block, out);

		if (code != NULL)
			return code;
	}
	return NULL;
}

static const char *
check_version(const struct block *block, struct vetted *out)
{
	if (memcmp(block->version.at, "HTTP/1.1", 8) == 0)
		return NULL;
	out->close = true;
	return memcmp(block->version.at, "HTTP/1.0", 8) == 0
	           ? NULL
	           : "version_unknown";
}

/* Names of methods are case-sensitive (RFC 9110 9.1). */
static const char *
check_method(const struct block *block, struct vetted *out)
{
	enum method m = 0;

	while (m < N_METHODS && (strlen(method_names[m]) != block->method.len ||
	                            memcmp(method_names[m], block->method.at,
	                                block->method.len) != 0))
		m++;
	out->method = m;
	if (m == N_METHODS)
		return "method_unknown";
	return out->close && !in_http_1_0[m] ? "version_unknown" : NULL;
}

static struct span
path_of(struct span target)
{
	const char *query = memchr(target.at, '?', target.len);

	if (query != NULL)
		target.len = (size_t)(query - target.at);
	return target;
}

static const char *
check_target(const struct block *block, struct vetted *out)
{
	struct span target = block->target, path = path_of(target);

	(void)out;
	if (target.len >= VET_PATH_MAX)
		return "uri_too_long";
	if (*target.at != '/' || memchr(target.at, '#', target.len) != NULL ||
	    memmem(path.at, path.len, "%00", 3) != NULL)
		return "bad_request";
	return NULL;
}

static const char *
check_repeated(const struct block *block, struct vetted *out)
{
	(void)out;
	for (enum header h = 0; h < N_HEADERS; h++)
		if (only_once[h] && block->repeated[h])
			return "bad_request";
	return NULL;
}

/* host [":" port] (RFC 9110 7.2), without the rarer characters of a
 * reg-name; Kore cuts at the last colon or at the bracket. */
static const char *
check_host(const struct block *block, struct vetted *out)
{
	const struct line *line = block->first[HEADER_HOST];
	struct span host;

	(void)out;
	if (line == NULL)
		return "bad_request";
	host = line->value;
	if (host.len == 0 || host.len > HOST_MAX || *host.at == ':' ||
	    (*host.at == '[' && memchr(host.at, ']', host.len) == NULL))
		return "bad_request";
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.at[i]) &&
		    strchr("-._~:[]%", host.at[i]) == NULL)
			return "bad_request";
	return NULL;
}

/* Digits only (RFC 9110 8.6). A length beyond every limit stays just that. */
static const char *
check_length(const struct block *block, struct vetted *out)
{
	const struct line *line = block->first[HEADER_CONTENT_LENGTH];
	size_t n = 0;

	if (block->transfer_encoding)
		return "length_required";
	if (line == NULL)
		return NULL;
	if (line->value.len == 0)
		return "bad_request";
	for (size_t i = 0; i < line->value.len; i++) {
		char c = line->value.at[i];

		if (!isdigit((unsigned char)c))
			return "bad_request";
		if (n <= VET_UPLOAD_MAX)
			n = n * 10 + (size_t)(c - '0');
	}
	out->body_len = n;
	return NULL;
}

static const char *
check_body(const struct block *block, struct vetted *out)
{
	struct span path = path_of(block->target);

	if (!takes_body[out->method])
		return out->body_len > 0 ? "body_unexpected" : NULL;
	if (block->first[HEADER_CONTENT_LENGTH] == NULL)
		return "length_required";
	if (out->body_len <= VET_BODY_MAX)
		return NULL;
	if (out->body_len > VET_UPLOAD_MAX || block->upload_path == NULL ||
	    !block->upload_path(path.at, path.len))
		return "body_too_large";
	return NULL;
}

/* Whether a line of the header has word among its comma separated ones. */
static bool
says(const struct block *block, enum header header, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < block->n_lines; i++) {
		struct span rest = block->lines[i].value;

		if (block->lines[i].header != header)
			continue;
		while (rest.len > 0) {
			const char *comma = memchr(rest.at, ',', rest.len);
			size_t item = comma != NULL ? (size_t)(comma - rest.at)
			                            : rest.len;
			size_t end = item, from = 0;

			while (from < end && is_blank(rest.at[from]))
				from++;
			while (end > from && is_blank(rest.at[end - 1]))
				end--;
			if (end - from == len &&
			    strncasecmp(rest.at + from, word, len) == 0)
				return true;
			if (comma != NULL)
				item++;
			rest.at += item;
			rest.len -= item;
		}
	}
	return false;
}

static const char *
check_wishes(const struct block *block, struct vetted *out)
{
	if (says(block, HEADER_CONNECTION, "close"))
		out->close = true;
	out->expects_continue = out->body_len > 0 &&
	                        memcmp(block->version.at, "HTTP/1.1", 8) == 0 &&
	                        says(block, HEADER_EXPECT, "100-continue");
	return NULL;
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
		*at++ = value.at[i] == '\t' ? ' ' : value.at[i];
	return at;
}

/* All values of a header on one line, if there is one. */
static char *
put_header(char *at, const struct block *block, enum header header)
{
	bool begun = false;

	for (size_t i = 0; i < block->n_lines; i++) {
		const struct line *line = &block->lines[i];

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
static size_t
write_block(const struct block *block, char *out)
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
	if (says(block, HEADER_CONNECTION, "close"))
		at = put(at, "connection:close\r\n", 18);
	at = put(at, "\r\n", 2);
	return (size_t)(at - out);
}
