/*
 * The judgement on a raw header block: what its lines mean together.
 */
#include <ctype.h>
#include <string.h>

#include "vet.h"

#include "block.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Kore 4.1 http.c:http_request_new answers a longer one with an empty 400. */
#define HOST_MAX 250

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

static const char *judge(const struct block *block, struct vetted *out);
static const char *judge_size(const struct block *block,
    bool (*upload_path)(const char *, size_t), const struct vetted *out);

void
vet(char *text, size_t len, bool (*upload_path)(const char *, size_t),
    struct vetted *out)
{
	struct block block = { .n_lines = 0 };
	char compact[VET_BLOCK_MAX];
	size_t start = 0, end = 0;

	*out = (struct vetted){ .verdict = VET_REFUSE, .method = N_METHODS };

	out->code =
	    block_find((struct span){ text, len }, VET_BLOCK_MAX, &start, &end);
	if (out->code != NULL)
		return;
	if (end == 0) {
		out->verdict = VET_MORE;
		return;
	}
	out->block_len = end;
	out->code =
	    block_read((struct span){ text + start, end - start }, &block);
	if (out->code == NULL)
		out->code = judge(&block, out);
	if (out->code == NULL)
		out->code = judge_size(&block, upload_path, out);
	if (out->code != NULL)
		return;

	out->request_id = NULL;
	out->len = block_write(&block, compact);
	memcpy(text, compact, out->len);
	out->verdict = VET_PASS;
}

static const char *
judge(const struct block *block, struct vetted *out)
{
	const struct block_line *id = block->first[HEADER_REQUEST_ID];

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
	const struct block_line *line = block->first[HEADER_HOST];
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
	const struct block_line *line = block->first[HEADER_CONTENT_LENGTH];
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
	if (!takes_body[out->method])
		return out->body_len > 0 ? "body_unexpected" : NULL;
	return block->first[HEADER_CONTENT_LENGTH] == NULL ? "length_required"
	                                                   : NULL;
}

static const char *
check_wishes(const struct block *block, struct vetted *out)
{
	if (block_says(block, HEADER_CONNECTION, "close"))
		out->close = true;
	out->expects_continue =
	    out->body_len > 0 &&
	    memcmp(block->version.at, "HTTP/1.1", 8) == 0 &&
	    block_says(block, HEADER_EXPECT, "100-continue");
	return NULL;
}

static const char *
judge_size(const struct block *block, bool (*upload_path)(const char *, size_t),
    const struct vetted *out)
{
	struct span path = path_of(block->target);

	if (out->body_len <= VET_BODY_MAX)
		return NULL;
	if (out->body_len > VET_UPLOAD_MAX || upload_path == NULL ||
	    !upload_path(path.at, path.len))
		return "body_too_large";
	return NULL;
}
