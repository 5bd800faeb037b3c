/*
 * One exchange: a request's life from route to answer.
 *
 * This is the line every request follows. Each step does one thing; what it
 * needs of the database comes in one round trip (query.c), and what it says
 * leaves by one door (answer.c).
 */
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include "clock.h"
#include "config.h"
#include "exchange.h"
#include "front.h"
#include "large.h"
#include "log.h"
#include "loose.h"
#include "native.h"
#include "negotiate.h"
#include "peer.h"
#include "query.h"
#include "schema.h"
#include "upload.h"

#define DEPTH_MAX 32
#define NODES_MAX 10000

struct step {
	const char *name;
	enum next (*run)(struct exchange *x);
};

static enum next step_route(struct exchange *x);
static enum next step_authenticate(struct exchange *x);
static enum next step_authorise(struct exchange *x);
static enum next step_decode(struct exchange *x);
static enum next step_validate(struct exchange *x);
static enum next step_query(struct exchange *x);

static const struct step line[] = {
	{ "route", step_route },
	{ "authenticate", step_authenticate },
	{ "authorise", step_authorise },
	{ "decode", step_decode },
	{ "validate", step_validate },
	{ "receive", upload_receive },
	{ "query", step_query },
};

#define N_STEPS (sizeof(line) / sizeof(line[0]))

/* Kore's methods in ours; it has no others (the front filter sees to it). */
static const struct {
	int kore;
	enum method ours;
} methods[] = {
	{ HTTP_METHOD_GET, METHOD_GET },
	{ HTTP_METHOD_HEAD, METHOD_HEAD },
	{ HTTP_METHOD_POST, METHOD_POST },
	{ HTTP_METHOD_PUT, METHOD_PUT },
	{ HTTP_METHOD_PATCH, METHOD_PATCH },
	{ HTTP_METHOD_DELETE, METHOD_DELETE },
	{ HTTP_METHOD_OPTIONS, METHOD_OPTIONS },
};

static size_t unanswered;

__attribute__((visibility("default"))) int api_request(struct http_request *);

static struct exchange *exchange_of(struct http_request *req);
static void exchange_open(struct exchange *x, struct http_request *req);
static void exchange_free(struct http_request *req);

/*
 * Kore's only entry point; called again each time the request wakes up.
 * Resumes where it left off.
 */
int
api_request(struct http_request *req)
{
	struct exchange *x = exchange_of(req);
	enum next next = NEXT;

	while (x->at < N_STEPS && next == NEXT) {
		next = line[x->at].run(x);
		if (next == NEXT)
			x->at++;
	}
	if (next == WAIT) {
		http_request_sleep(req);
		return KORE_RESULT_RETRY;
	}
	unanswered--;
	x->answered = true;
	answer_send(x);
	return KORE_RESULT_OK;
}

static struct exchange *
exchange_of(struct http_request *req)
{
	struct exchange *x;

	if (http_state_exists(req))
		return http_state_get(req);
	x = http_state_create(req, sizeof(*x), exchange_free);
	memset(x, 0, sizeof(*x));
	exchange_open(x, req);
	unanswered++;
	return x;
}

static const char *
address_of(struct exchange *x)
{
	const struct connection *c = x->req->owner;
	char peer[PEER_ADDRESS_LEN] = "local";

	return client_address(c == NULL ? peer : peer_address(c, peer),
	    x->in.headers[HEADER_FORWARDED_FOR], config.trusted_proxies,
	    &x->mem);
}

static void
exchange_open(struct exchange *x, struct http_request *req)
{
	const char *value;

	x->req = req;
	x->started_us = clock_monotonic_us();
	if (req->owner != NULL)
		req->owner->http_timeout = 0; /* Kore 4.1: else 408 midway */
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].kore == req->method)
			x->in.method = methods[i].ours;
	x->in.path = req->path;
	x->in.query = req->query_string;
	for (size_t i = 0; i < N_HEADERS; i++)
		if (http_request_header(req, header_names[i], &value) ==
		        KORE_RESULT_OK &&
		    *value != '\0')
			x->in.headers[i] = value;
	x->request_id =
	    request_id_of(x->in.headers[HEADER_REQUEST_ID], &x->mem);
	trace_of(x->in.headers[HEADER_TRACEPARENT], &x->mem, &x->trace_id,
	    &x->span_id);
	x->english = prefers_english(x->in.headers[HEADER_ACCEPT_LANGUAGE]);
	x->address = address_of(x);
}

/* Kore may call this twice for one request (KORE 6, tasks): what was given
 * back stays given back. */
static void
exchange_free(struct http_request *req)
{
	struct exchange *x = http_state_get(req);

	if (x->req == NULL)
		return;
	x->req = NULL;
	if (!x->answered)
		unanswered--; /* the client left before its answer */
	upload_leave(x);
	large_end(req);
	db_drop(x->call);
	x->call = NULL;
	json_decref(x->body);
	x->body = NULL;
	mem_release(&x->mem);
}

enum next
refuse(struct exchange *x, const char *code, const char *arg)
{
	x->problem.code = code;
	x->problem.arg = arg;
	return REFUSE;
}

void
exchange_wake(void *arg)
{
	const struct exchange *x = arg;

	if (x->req != NULL)
		http_request_wakeup(x->req);
}

enum next
exchange_send(struct exchange *x, enum lane lane)
{
	if (db_send(x->call, lane))
		return WAIT;
	db_drop(x->call);
	x->call = NULL;
	return refuse(x, "unavailable", NULL);
}

size_t
exchange_count(void)
{
	return unanswered;
}

/*
 * "/docs/" is meant for "/docs": what anybody may read is found one slash too
 * far, by the contract's own path: nothing of the request is repeated.
 */
static bool
lead_on(struct exchange *x)
{
	size_t len = strlen(x->in.path);
	bool reads = x->in.method == METHOD_GET || x->in.method == METHOD_HEAD;

	if (!reads || len < 3 || x->in.path[len - 1] != '/')
		return false;

	const char *path = mem_copy(&x->mem, x->in.path, len - 1);
	struct route route;

	route_find(x->in.method, path, &x->mem, &route);
	if (route.operation == NULL || !route.operation->public ||
	    route.n_args > 0)
		return false;
	x->answer.status = 308;
	x->answer.location = route.operation->path;
	x->answer.cache = CACHE_PUBLIC;
	return true;
}

/* The operation of the route, or the one that answers in its place for those
 * who ask for that one's media type and not for its own. */
static const struct operation *
asked_for(const struct exchange *x)
{
	const struct operation *op = x->route.operation;
	const char *accept = x->in.headers[HEADER_ACCEPT];

	if (op->also != NULL && !accepts(accept, op->media_type) &&
	    accepts(accept, op->also->media_type))
		return op->also;
	return op;
}

static enum next
step_route(struct exchange *x)
{
	route_find(x->in.method, x->in.path, &x->mem, &x->route);
	if (x->route.methods == 0)
		return lead_on(x) ? DONE : refuse(x, "not_found", NULL);
	if (x->in.method == METHOD_OPTIONS) {
		answer_preflight(x, route_allow(x->route.methods, &x->mem));
		return DONE;
	}
	if (x->route.operation == NULL) {
		x->problem.allow = route_allow(x->route.methods, &x->mem);
		return refuse(x, "method_not_allowed", NULL);
	}
	x->op = asked_for(x);
	if (x->op->media_type != NULL &&
	    !accepts(x->in.headers[HEADER_ACCEPT], x->op->media_type))
		return refuse(x, "not_acceptable", x->op->media_type);
	return NEXT;
}

static enum next
step_authenticate(struct exchange *x)
{
	if (x->op->public)
		return NEXT;
	if (!caller_from_header(x->in.headers[HEADER_AUTHORIZATION], x->address,
	        &x->mem, &x->caller, &x->problem))
		return REFUSE;
	x->known = true;
	if (config.rate_per_minute == 0)
		return NEXT;
	rate_take("client", x->caller.client, config.rate_per_minute, &x->rate);
	x->rated = true;
	if (x->rate.exceeded) {
		x->problem.retry_after_s = (int)x->rate.reset_s;
		return refuse(x, "rate_exceeded", NULL);
	}
	return NEXT;
}

static enum next
step_authorise(struct exchange *x)
{
	if (x->op->public)
		return NEXT;
	return caller_may(&x->caller, x->op, &x->mem, &x->problem) ? NEXT
	                                                           : REFUSE;
}

/* The whole body as one NUL-terminated text in the arena, wherever Kore put
 * it (memory, or a file when it was long). */
static bool
body_read(struct exchange *x)
{
	size_t len = x->req->http_body_length, at = 0;
	char *text;

	if (len == 0)
		return true;
	text = mem_take(&x->mem, len + 1);
	while (at < len) {
		ssize_t n = http_body_read(x->req, text + at, len - at);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	x->in.body = text;
	x->in.body_len = len;
	return true;
}

/* Depth and number of values, counted until one bound is passed. */
static bool
json_is_modest(const json_t *value, size_t depth, size_t *nodes)
{
	const char *key;
	json_t *child;
	size_t i;

	if (depth > DEPTH_MAX || ++*nodes > NODES_MAX)
		return false;
	if (json_is_array(value)) {
		json_array_foreach (value, i, child)
			if (!json_is_modest(child, depth + 1, nodes))
				return false;
	} else if (json_is_object(value)) {
		json_object_foreach (loose(value), key, child)
			if (!json_is_modest(child, depth + 1, nodes))
				return false;
	}
	return true;
}

static enum next
refuse_json(struct exchange *x, const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	if (code == json_error_invalid_utf8)
		return refuse(x, "invalid_utf8", NULL);
	if (code == json_error_null_character)
		return refuse(x, "nul_character", NULL);
	if (code == json_error_stack_overflow)
		return refuse(x, "too_deep", NULL);
	return refuse(x, "malformed_json",
	    mem_print(&x->mem, "%d:%d", error->line, error->column));
}

static enum next
json_decode(struct exchange *x)
{
	const char *type = x->op->body_kind == BODY_MERGE_PATCH
	                       ? "application/merge-patch+json"
	                       : "application/json";
	json_error_t error;
	size_t nodes = 0;

	if (!is_media_type(x->in.headers[HEADER_CONTENT_TYPE], type)) {
		if (x->op->body_kind == BODY_MERGE_PATCH)
			x->problem.accept_patch = type;
		return refuse(x, "unsupported_media_type", type);
	}
	if (x->in.body_len == 0)
		return refuse(x, "body_missing", NULL);
	/* jansson 2.14 accepts a NUL byte after a number (SECURITY 4). */
	if (memchr(x->in.body, '\0', x->in.body_len) != NULL)
		return refuse(x, "malformed_json", "NUL");
	x->body = json_loadb(
	    x->in.body, x->in.body_len, JSON_REJECT_DUPLICATES, &error);
	if (x->body == NULL)
		return refuse_json(x, &error);
	if (!json_is_modest(x->body, 1, &nodes))
		return refuse(x,
		    nodes > NODES_MAX ? "too_many_values" : "too_deep", NULL);
	return NEXT;
}

static enum next
step_decode(struct exchange *x)
{
	/* An upload is read where it is, when its turn comes. */
	if (x->op->body_kind != BODY_UPLOAD && !body_read(x))
		return refuse(x, "internal", NULL);
	if (!args_read(
	        x->op, &x->route, &x->in, &x->mem, &x->args, &x->problem)) {
		if (x->problem.code == NULL)
			x->problem.code = "invalid_parameters";
		return REFUSE;
	}
	if (x->op->body_kind == BODY_JSON ||
	    x->op->body_kind == BODY_MERGE_PATCH)
		return json_decode(x);
	return NEXT;
}

static enum next
step_validate(struct exchange *x)
{
	if (x->body == NULL)
		return NEXT;
	if (!schema_check(x->op->body, x->body, &x->mem, &x->problem.errors))
		return refuse(x, "invalid_body", NULL);
	return NEXT;
}

static enum next
step_query(struct exchange *x)
{
	if (x->op->native != NULL)
		return ((const struct native *)x->op->native)->run(x);
	return query_run(x);
}
