/* Pulling over libcurl. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include <jansson.h>

#include "cli.h"
#include "pull.h"

/* What is kept in memory: a checkpoint, a tile, a proof. */
#define BODY_MAX ((size_t)4 * 1024 * 1024)

struct pull {
	CURL *curl;
	char *base;
	struct curl_slist *headers; /* with the token */
};

/* One transfer. */
struct transfer {
	struct pull *pull;
	FILE *file;
	struct pulled *out;
};

static void
set_token(struct pull *pull, const char *token)
{
	static const char name[] = "Authorization: Bearer ";
	size_t len = sizeof(name) + strlen(token);
	char *line = malloc(len);

	if (line == NULL)
		die("mémoire épuisée", "out of memory");
	(void)snprintf(line, len, "%s%s", name, token);
	curl_slist_free_all(pull->headers);
	pull->headers = curl_slist_append(NULL, line);
	free(line);
}

struct pull *
pull_open(const char *base, const char *token)
{
	struct pull *pull = calloc(1, sizeof(*pull));

	if (pull == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (pull->curl = curl_easy_init()) == NULL ||
	    (pull->base = strdup(base)) == NULL)
		die("libcurl ne démarre pas", "libcurl does not start");
	for (size_t n = strlen(pull->base); n > 0 && pull->base[n - 1] == '/';)
		pull->base[--n] = '\0';
	if (token != NULL)
		set_token(pull, token);
	return pull;
}

void
pull_close(struct pull *pull)
{
	curl_easy_cleanup(pull->curl);
	curl_slist_free_all(pull->headers);
	free(pull->base);
	free(pull);
	curl_global_cleanup();
}

static size_t
keep(struct transfer *t, const char *bytes, size_t n)
{
	struct pulled *out = t->out;
	char *grown;

	if (out->len + n > BODY_MAX)
		return 0;
	grown = realloc(out->body, out->len + n + 1);
	if (grown == NULL)
		return 0;
	out->body = grown;
	memcpy(out->body + out->len, bytes, n);
	out->len += n;
	out->body[out->len] = '\0';
	return n;
}

static size_t
take(char *bytes, size_t size, size_t n, void *state)
{
	struct transfer *t = state;
	long status = 0;

	curl_easy_getinfo(t->pull->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->file == NULL || status != 200)
		return keep(t, bytes, size * n);
	n = fwrite(bytes, 1, size * n, t->file);
	t->out->len += n;
	return n;
}

/* A header of one number. */
static void
read_number(const char *line, size_t len, const char *name, int64_t *out)
{
	size_t n = strlen(name);
	char value[24];

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return;
	(void)snprintf(
	    value, sizeof(value), "%.*s", (int)(len - n - 1), line + n + 1);
	*out = strtoll(value, NULL, 10);
}

static size_t
take_header(char *line, size_t size, size_t n, void *state)
{
	struct transfer *t = state;

	read_number(line, size * n, "Ledger-Start", &t->out->start);
	read_number(line, size * n, "Ledger-End", &t->out->end);
	return size * n;
}

/* The code of a problem, for people; a body that is none stays unsaid. */
static void
explain(struct pulled *out)
{
	json_t *problem = json_loads(out->body, 0, NULL);
	const char *code = json_string_value(json_object_get(problem, "code"));

	(void)snprintf(out->error, sizeof(out->error), "HTTP %ld%s%s",
	    out->status, code == NULL ? "" : " ", code == NULL ? "" : code);
	json_decref(problem);
}

static void
perform(struct pull *pull, const char *path, FILE *file, struct pulled *out)
{
	struct transfer transfer = { .pull = pull, .file = file, .out = out };
	size_t len = strlen(pull->base) + strlen(path) + 1;
	char *url = malloc(len);
	CURLcode code;

	memset(out, 0, sizeof(*out));
	out->start = out->end = -1;
	out->body = calloc(1, 1);
	if (url == NULL || out->body == NULL)
		die("mémoire épuisée", "out of memory");
	(void)snprintf(url, len, "%s%s", pull->base, path);
	curl_easy_setopt(pull->curl, CURLOPT_URL, url);
	curl_easy_setopt(pull->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(pull->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(pull->curl, CURLOPT_WRITEDATA, &transfer);
	curl_easy_setopt(pull->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(pull->curl, CURLOPT_HEADERDATA, &transfer);
	curl_easy_setopt(pull->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	/* A transfer may be long; it may not stand still. */
	curl_easy_setopt(pull->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(pull->curl, CURLOPT_LOW_SPEED_TIME, 30L);
	curl_easy_setopt(pull->curl, CURLOPT_NOSIGNAL, 1L);
	code = curl_easy_perform(pull->curl);
	free(url);
	curl_easy_getinfo(pull->curl, CURLINFO_RESPONSE_CODE, &out->status);
	out->whole = code == CURLE_OK;
	if (code != CURLE_OK)
		(void)snprintf(out->error, sizeof(out->error), "%s",
		    curl_easy_strerror(code));
	else if (out->status >= 300)
		explain(out);
	curl_easy_reset(pull->curl);
}

void
pull_get(struct pull *pull, const char *path, FILE *file, struct pulled *out)
{
	curl_easy_setopt(pull->curl, CURLOPT_HTTPHEADER, pull->headers);
	perform(pull, path, file, out);
}

void
pull_post(
    struct pull *pull, const char *path, const char *text, struct pulled *out)
{
	struct curl_slist *headers = NULL;

	for (struct curl_slist *h = pull->headers; h != NULL; h = h->next)
		headers = curl_slist_append(headers, h->data);
	headers = curl_slist_append(headers, "Content-Type: text/plain");
	/* Not waited for: the body is small. */
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(pull->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(pull->curl, CURLOPT_POSTFIELDS, text);
	perform(pull, path, NULL, out);
	curl_slist_free_all(headers);
}

bool
pull_authenticate(
    struct pull *pull, const char *client, const char *secret, char error[256])
{
	struct pulled answer;
	json_t *body;
	const char *token;

	curl_easy_setopt(pull->curl, CURLOPT_USERNAME, client);
	curl_easy_setopt(pull->curl, CURLOPT_PASSWORD, secret);
	curl_easy_setopt(
	    pull->curl, CURLOPT_POSTFIELDS, "grant_type=client_credentials");
	perform(pull, "/oauth/token", NULL, &answer);
	body = json_loads(answer.body, 0, NULL);
	token = json_string_value(json_object_get(body, "access_token"));
	if (token != NULL)
		set_token(pull, token);
	else
		(void)snprintf(error, 256, "%s", answer.error);
	json_decref(body);
	pulled_free(&answer);
	return token != NULL;
}

void
pulled_free(struct pulled *pulled)
{
	free(pulled->body);
	pulled->body = NULL;
}
