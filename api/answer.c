/*
 * Answers: what is sent, with everything that every answer carries.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <kore/kore.h>

#include <kore/http.h>

#include <openssl/sha.h>

#include "answer.h"

#include "clock.h"
#include "config.h"
#include "db.h"
#include "exchange.h"
#include "front.h"
#include "log.h"
#include "metrics.h"
#include "negotiate.h"
#include "stream.h"

#define N_ELEMENTS(a)  (sizeof(a) / sizeof((a)[0]))
#define ORIGINS_MAX    32
#define LOG_FIELDS_MAX 16
/* Counted for a client that left before its answer (as nginx does). */
#define STATUS_LEFT 499

/* Sent with every answer: SECURITY 3.1. */
static const struct {
	const char *name, *value;
} constant_headers[] = {
	{ "x-content-type-options", "nosniff" },
	{ "referrer-policy", "no-referrer" },
	{ "vary", "Accept, Accept-Encoding, Authorization, Origin" },
};

static const char policy_none[] = "default-src 'none'; frame-ancestors 'none'";

/* What a script of another origin may read and send (Fetch, 3.2). */
static const char exposed[] =
    "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, "
    "Deprecation, Sunset, X-Request-Id, Idempotency-Replayed, Content-Crs";
static const char accepted[] =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    "traceparent, X-Request-Id";

static const char *origins[ORIGINS_MAX];
static size_t n_origins;
static char date[40];

static void turn_problem(struct exchange *x);
static void turn_not_modified(struct exchange *x);
static void set_headers(struct exchange *x);
static void send_body(struct exchange *x);
static void account(struct exchange *x, int status);

void
answer_setup(void)
{
	static char *list; /* what origins point into */
	char *word, *rest = NULL;

	http_server_version("gusp");
	answer_tick();
	if (config.cors_origins == NULL)
		return;
	list = strdup(config.cors_origins);
	if (list == NULL)
		fatal("answer_setup: out of memory");
	for (word = strtok_r(list, ", ", &rest); word != NULL;
	     word = strtok_r(NULL, ", ", &rest)) {
		if (n_origins == ORIGINS_MAX)
			fatal("GUSP_CORS_ORIGINS: more than %d", ORIGINS_MAX);
		origins[n_origins++] = word;
	}
}

/* Resident pages of this process (proc(5), statm), in bytes. */
static size_t
resident_bytes(void)
{
	char text[128], *second;
	long page = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || page <= 0)
		return 0;
	text[n] = '\0';
	second = strchr(text, ' ');
	return second == NULL ? 0 : strtoul(second, NULL, 10) * (size_t)page;
}

void
answer_tick(void)
{
	time_t now = (time_t)clock_now_s();
	struct tm utc;

	if (gmtime_r(&now, &utc) == NULL ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc) ==
	        0)
		fatal("answer_tick: no date");
	if (worker != NULL)
		metrics_gauges(worker->id, db_in_flight(), resident_bytes());
}

const char *
answer_date(void)
{
	return date;
}

const char *
answer_request_id(const char *asked, struct mem *mem)
{
	return request_id_of(asked, mem);
}

int
answer_json(struct exchange *x, int status, const char *body, size_t len,
    enum cache cache)
{
	x->answer.status = status;
	x->answer.type = "application/json";
	x->answer.body = body;
	x->answer.len = len;
	x->answer.cache = cache;
	return DONE;
}

const char *
answer_etag(
    struct exchange *x, const char *version, const char *body, size_t len)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[17];

	SHA256((const unsigned char *)body, len, digest);
	for (size_t i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return mem_print(&x->mem, "\"%s-%s\"", version, hex);
}

int
answer_preflight(struct exchange *x, const char *allow)
{
	x->answer = (struct answer){
		.status = 204, .allow = allow, .cache = CACHE_NEVER
	};
	return DONE;
}

void
answer_send(struct exchange *x)
{
	struct connection *c = x->req == NULL ? NULL : x->req->owner;

	if (x->request_id == NULL)
		x->request_id = answer_request_id(
		    x->in.headers[HEADER_REQUEST_ID], &x->mem);
	if (c == NULL) {
		if (x->answer.source.done != NULL)
			x->answer.source.done(x->answer.source.state);
		account(x, STATUS_LEFT);
		return;
	}
	if (x->problem.code != NULL)
		turn_problem(x);
	else
		turn_not_modified(x);
	if (front_draining())
		c->flags |= CONN_CLOSE_EMPTY;
	set_headers(x);
	send_body(x);
	account(x, x->answer.status);
	/* Else Kore's own timer cuts a long answer with a 408 (KORE 2.1). */
	c->http_timeout = 0;
	if (!(c->flags & CONN_CLOSE_EMPTY))
		front_rearm(c);
}

/* RFC 6750 section 3: a 401 always says how to do better. */
static const char *
challenge(const struct problem *p)
{
	if (p->authenticate != NULL || problem_status(p->code) != 401)
		return p->authenticate;
	if (strcmp(p->code, "token_missing") == 0)
		return "Bearer realm=\"gusp\"";
	return "Bearer realm=\"gusp\", error=\"invalid_token\"";
}

/* The answer that tells the exchange's problem. */
static void
turn_problem(struct exchange *x)
{
	struct problem *p = &x->problem;
	struct answer a = {
		.status = problem_status(p->code),
		.type = "application/problem+json",
		.cache = CACHE_NEVER,
		.etag = p->etag,
		.allow = p->allow,
		.authenticate = challenge(p),
		.any_origin = x->answer.any_origin,
	};

	if (a.status == 429 && x->rated && p->retry_after_s < x->rate.reset_s)
		p->retry_after_s = (int)x->rate.reset_s;
	a.body = problem_body(
	    p, config.issuer, x->request_id, x->english, &x->mem, &a.len);
	x->answer = a;
}

/* One entity tag of a list, without W/: weak comparison, whole tags only
 * (RFC 9110 8.8.3.2). Moves *at behind it; NULL at the end. */
static const char *
next_tag(const char **at, size_t *len)
{
	const char *tag = *at + strspn(*at, ", \t");

	if (strncmp(tag, "W/", 2) == 0)
		tag += 2;
	if (*tag != '"')
		return NULL; /* the end, or no list of tags */

	const char *end = strchr(tag + 1, '"');

	if (end == NULL)
		return NULL;
	*len = (size_t)(end + 1 - tag);
	*at = end + 1;
	return tag;
}

static bool
tag_listed(const char *list, const char *etag)
{
	const char *tag;
	size_t len;

	if (strcmp(list + strspn(list, " \t"), "*") == 0)
		return true;
	if (strncmp(etag, "W/", 2) == 0)
		etag += 2;
	while ((tag = next_tag(&list, &len)) != NULL)
		if (len == strlen(etag) && memcmp(tag, etag, len) == 0)
			return true;
	return false;
}

/* 304 if the client has what it asks for (RFC 9110 13.1.2). */
static void
turn_not_modified(struct exchange *x)
{
	const char *list = x->in.headers[HEADER_IF_NONE_MATCH];
	struct answer *a = &x->answer;

	if (list == NULL || a->etag == NULL || a->status != 200 ||
	    (x->in.method != METHOD_GET && x->in.method != METHOD_HEAD) ||
	    !tag_listed(list, a->etag))
		return;
	a->status = 304;
	a->type = NULL;
	a->disposition = NULL;
	a->body = NULL;
	a->len = 0;
}

static void
set(struct exchange *x, const char *name, const char *value)
{
	if (value != NULL)
		http_response_header(x->req, name, value);
}

static const char *
cache_control(const struct exchange *x)
{
	bool reading =
	    x->in.method == METHOD_GET || x->in.method == METHOD_HEAD;

	switch (x->answer.cache) {
	case CACHE_PUBLIC:
		return "public, max-age=300";
	case CACHE_PRIVATE:
		return reading ? "private, no-cache" : "no-store";
	case CACHE_IMMUTABLE:
		return "private, max-age=86400, immutable";
	case CACHE_FOREVER:
		return "public, max-age=31536000, immutable";
	case CACHE_NEVER:
		break;
	}
	return "no-store";
}

/* What scripts may read: what every answer has, and this one's own. */
static const char *
exposed_by(struct exchange *x)
{
	const char *list = exposed;

	for (size_t i = 0; i < x->answer.n_more; i++)
		list =
		    mem_print(&x->mem, "%s, %s", list, x->answer.more[i].name);
	return list;
}

/* Exact origins from the configuration; no credentials, ever. */
const char *
answer_origin(const char *origin)
{
	for (size_t i = 0; origin != NULL && i < n_origins; i++)
		if (strcmp(origin, origins[i]) == 0)
			return origins[i];
	return NULL;
}

static void
set_cors(struct exchange *x)
{
	const char *allowed = x->answer.any_origin
	                          ? "*"
	                          : answer_origin(x->in.headers[HEADER_ORIGIN]);

	if (allowed == NULL)
		return;
	set(x, "access-control-allow-origin", allowed);
	set(x, "access-control-expose-headers", exposed_by(x));
	if (x->in.method != METHOD_OPTIONS || x->answer.status != 204)
		return;
	set(x, "access-control-allow-methods", x->answer.allow);
	set(x, "access-control-allow-headers", accepted);
	set(x, "access-control-max-age", "7200");
}

/* draft-ietf-httpapi-ratelimit-headers, September 2025. */
static void
set_rate(struct exchange *x)
{
	if (!x->rated || x->rate.quota == 0)
		return;
	set(x, "ratelimit-policy",
	    mem_print(&x->mem, "\"partner\";q=%ld;w=60", x->rate.quota));
	set(x, "ratelimit",
	    mem_print(&x->mem, "\"partner\";r=%ld;t=%ld", x->rate.remaining,
	        x->rate.reset_s));
}

static void
set_problem_headers(struct exchange *x)
{
	if (x->problem.code == NULL)
		return;
	set(x, "content-language", x->english ? "en" : "fr");
	set(x, "accept-patch", x->problem.accept_patch);
	if (problem_retry_after_s(&x->problem) > 0)
		set(x, "retry-after",
		    mem_print(
		        &x->mem, "%d", problem_retry_after_s(&x->problem)));
}

static void
set_headers(struct exchange *x)
{
	const struct answer *a = &x->answer;

	set(x, "date", date);
	set(x, "content-type", a->type);
	set(x, "content-disposition", a->disposition);
	set(x, "x-request-id", x->request_id);
	if (x->trace_id != NULL && x->span_id != NULL)
		set(x, "traceparent",
		    mem_print(&x->mem, "00-%s-%s-01", x->trace_id, x->span_id));
	set(x, "cache-control", cache_control(x));
	set(x, "etag", a->etag);
	set(x, "location", a->location);
	set(x, "link", a->link);
	set(x, "allow", a->allow);
	set(x, "www-authenticate", a->authenticate);
	for (size_t i = 0; i < a->n_more; i++)
		set(x, a->more[i].name, a->more[i].value);
	if (a->replayed)
		set(x, "idempotency-replayed", "true");
	set(x, "content-security-policy", a->csp ? a->csp : policy_none);
	set(x, "cross-origin-resource-policy",
	    a->any_origin ? "cross-origin" : "same-site");
	for (size_t i = 0; i < N_ELEMENTS(constant_headers); i++)
		set(x, constant_headers[i].name, constant_headers[i].value);
	set_cors(x);
	set_rate(x);
	set_problem_headers(x);
}

/* A body that stays where it is: one chunk. The state outlives the
 * exchange, whose memory goes before the last byte does. */
struct whole {
	const char *body;
	size_t len;
	bool given;
};

static size_t
whole_next(void *state, struct stream *stream, const char **chunk)
{
	struct whole *whole = state;

	(void)stream;
	if (whole->given)
		return 0;
	whole->given = true;
	*chunk = whole->body;
	return whole->len;
}

static void
whole_done(void *state)
{
	free(state);
}

static void
send_immutable(struct exchange *x)
{
	struct whole *whole = calloc(1, sizeof(*whole));

	if (whole == NULL)
		fatal("answer: out of memory");
	whole->body = x->answer.body;
	whole->len = x->answer.len;
	stream_send(x->req, x->answer.status, whole->len,
	    (struct stream_source){
	        .next = whole_next, .done = whole_done, .state = whole });
}

static void
send_body(struct exchange *x)
{
	const struct answer *a = &x->answer;

	/* Kore writes a length even where there can be no body (http.c). */
	if (a->status == 304)
		x->req->flags |= HTTP_REQUEST_NO_CONTENT_LENGTH;
	if (a->source.next != NULL && a->status != 304) {
		stream_send(x->req, a->status, a->len, a->source);
		return;
	}
	if (a->source.done != NULL)
		a->source.done(a->source.state);
	if (x->in.method == METHOD_HEAD)
		http_response(x->req, a->status, NULL, a->len);
	else if (a->immutable && a->len > 0)
		send_immutable(x);
	else
		http_response(x->req, a->status, a->body, a->len);
}

static enum log_level
level_of(int status, const char *code)
{
	if (code != NULL && strcmp(code, "internal") == 0)
		return LOG_LEVEL_ERROR;
	return status >= 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

/* Count the request and write its one line: names of OpenTelemetry's HTTP
 * conventions; never the query, a body or a header's value. */
static void
account(struct exchange *x, int status)
{
	uint64_t took_us = clock_monotonic_us() - x->started_us;
	struct log_field at[LOG_FIELDS_MAX];
	size_t n = 0;
	const char *error =
	    status == STATUS_LEFT ? "client_left" : x->problem.code;

	metrics_count(x->op == NULL ? (size_t)-1 : x->op->index,
	    (int)x->in.method, status, took_us);

	if (x->trace_id != NULL)
		at[n++] = LOG_STR("trace_id", x->trace_id);
	if (x->span_id != NULL)
		at[n++] = LOG_STR("span_id", x->span_id);
	at[n++] = LOG_STR("request_id", x->request_id);
	if (x->known) {
		at[n++] = LOG_STR("client_id", x->caller.client);
		at[n++] = LOG_STR("tenant", x->caller.membership);
	}
	at[n++] = LOG_STR("http.request.method", method_names[x->in.method]);
	if (x->op != NULL) {
		at[n++] = LOG_STR("http.route", x->op->path);
		at[n++] = LOG_STR("operation", x->op->id);
	}
	at[n++] = LOG_INT("http.response.status_code", status);
	/* Who mistakes an address for a name puts it there. */
	at[n++] = LOG_STR("url.path",
	    x->op != NULL && x->op->private ? x->op->path : x->in.path);
	at[n++] = LOG_STR(
	    "duration_s", mem_print(&x->mem, "%.6f", (double)took_us / 1e6));
	if (error != NULL)
		at[n++] = LOG_STR("error.type", error);
	else if (status >= 400)
		at[n++] =
		    LOG_STR("error.type", mem_print(&x->mem, "%d", status));
	log_write(level_of(status, error), "request", at, n);
}
