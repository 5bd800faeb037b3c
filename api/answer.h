/*
 * Answers: the only place that sends one.
 *
 * Adds what every answer carries (Date, X-Request-Id, Cache-Control, Vary,
 * CORS, RateLimit, security headers, traceparent), decides 304, suppresses
 * the body of HEAD, writes the request's one log line and counts it.
 */
#ifndef GUSP_ANSWER_H
#define GUSP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "stream.h"

struct exchange;
struct mem;

enum cache {
	CACHE_PRIVATE,   /* private, no-cache: authenticated reads */
	CACHE_NEVER,     /* no-store: tokens, health, problems */
	CACHE_PUBLIC,    /* public, max-age=300: contract, keys, metadata */
	CACHE_IMMUTABLE, /* private, immutable: bytes that never change */
	CACHE_FOREVER    /* public, immutable: the same for whoever may ask */
};

/* Headers of one operation's own. */
#define ANSWER_HEADERS_MAX 4

struct answer_header {
	const char *name, *value;
};

struct answer {
	int status;
	const char *type; /* media type, or NULL without a body */
	const char
	    *body; /* borrowed until sent; in the exchange's mem or static */
	size_t len;
	const char *etag;     /* quoted; NULL: none */
	const char *location; /* absolute path */
	const char *link;     /* Link header */
	const char *authenticate;
	const char *allow; /* Allow; with status 204 also the CORS preflight */
	enum cache cache;
	bool any_origin; /* Access-Control-Allow-Origin: * */
	bool replayed;   /* Idempotency-Replayed: true */
	bool immutable;  /* body outlives the process' requests: streamed
	                    from where it is, never copied */
	const char *csp; /* instead of default-src 'none' */
	struct answer_header more[ANSWER_HEADERS_MAX];
	size_t n_more;
	const char *disposition;     /* Content-Disposition */
	struct stream_source source; /* of len bytes, instead of body, if its
	                                next is set; done with the answer */
};

/*
 * Send x->answer, or x->problem if its code is set. Exactly once a request;
 * does nothing but count and log if the client has left.
 */
void answer_send(struct exchange *x);

/* A JSON body that is static or in mem, with a cache rule. Returns DONE. */
int answer_json(struct exchange *x, int status, const char *body, size_t len,
    enum cache cache);

/* `"<version>-<16 hex of SHA-256 of body>"`; lives in the exchange's mem. */
const char *answer_etag(
    struct exchange *x, const char *version, const char *body, size_t len);

/* The answer to OPTIONS: 204, Allow, and what a browser asks before it sends
 * a request across origins. allow lives in mem. Returns DONE. */
int answer_preflight(struct exchange *x, const char *allow);

/*
 * The id of a request: asked (X-Request-Id, or NULL) if it is well formed,
 * else a new one. Lives in mem. To be called when the exchange is set up;
 * answer_send() does it for one that never got so far.
 */
const char *answer_request_id(const char *asked, struct mem *mem);

/* Now, as an HTTP date (RFC 9110 5.6.7), at most a tick old. */
const char *answer_date(void);

/* The origin itself, if its scripts may read answers, else NULL; so for NULL.
 */
const char *answer_origin(const char *origin);

/* Read the CORS allow-list from config; once, before workers fork. */
void answer_setup(void);

/* Refresh the cached Date and the worker's gauges; from the worker's timer
 * and at its start. */
void answer_tick(void);

#endif
