/*
 * Refusals: what answer.c sends with every answer, without an exchange.
 */
#include <stdio.h>
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include "refusal.h"

#include "answer.h"
#include "config.h"
#include "log.h"
#include "metrics.h"

#define NO_ROUTE ((size_t)-1)

static void record(const struct refusal *refusal, int status, const char *id);

/* "name: value" as a line; none without a value. */
static const char *
line(const char *name, const char *value, struct mem *mem)
{
	return value == NULL ? "" : mem_print(mem, "%s: %s\r\n", name, value);
}

/* The lines that not every refusal has. */
static const char *
more_lines(const struct refusal *refusal, struct mem *mem)
{
	const struct problem *p = &refusal->problem;
	int retry_s = problem_retry_after_s(p);
	const char *after = retry_s > 0 ? mem_print(mem, "%d", retry_s) : NULL;
	const char *origin = answer_origin(refusal->origin);

	return mem_print(mem, "%s%s%s%s", line("retry-after", after, mem),
	    line("www-authenticate", p->authenticate, mem),
	    line("access-control-allow-origin", origin, mem),
	    line("vary", origin == NULL ? NULL : "Origin", mem));
}

/* A response to HEAD has the length of a body, but none. */
const char *
refusal_text(const struct refusal *refusal, struct mem *mem, size_t *len)
{
	const struct problem *p = &refusal->problem;
	int status = problem_status(p->code);
	const char *id = answer_request_id(refusal->request_id, mem);
	const char *body, *text;
	size_t body_len;

	body = problem_body(
	    p, config.issuer, id, refusal->english, mem, &body_len);
	text = mem_print(mem,
	    "HTTP/1.1 %d %s\r\n"
	    "connection: close\r\n"
	    "date: %s\r\n"
	    "content-type: application/problem+json\r\n"
	    "content-language: %s\r\n"
	    "content-length: %zu\r\n"
	    "x-request-id: %s\r\n"
	    "cache-control: no-store\r\n"
	    "content-security-policy: default-src 'none'\r\n"
	    "cross-origin-resource-policy: same-site\r\n"
	    "referrer-policy: no-referrer\r\n"
	    "x-content-type-options: nosniff\r\n"
	    "%s\r\n%s",
	    status, http_status_text(status), answer_date(),
	    refusal->english ? "en" : "fr", body_len, id,
	    more_lines(refusal, mem),
	    refusal->method == METHOD_HEAD ? "" : body);
	*len = strlen(text);
	record(refusal, status, id);
	return text;
}

static void
record(const struct refusal *refusal, int status, const char *id)
{
	enum method method = refusal->method;
	char took[32];

	(void)snprintf(
	    took, sizeof(took), "%.6f", (double)refusal->took_us / 1e6);
	log_write(status == 503 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "request",
	    LOG_FIELDS(LOG_STR("request_id", id),
	        LOG_STR("http.request.method",
	            method < N_METHODS ? method_names[method] : "_OTHER"),
	        LOG_INT("http.response.status_code", status),
	        LOG_STR("network.peer.address", refusal->address),
	        LOG_STR("duration_s", took),
	        LOG_STR("error.type", refusal->problem.code)));
	metrics_count(NO_ROUTE, (int)method, status, refusal->took_us);
}
