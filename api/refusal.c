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
#include "problem.h"

#define NO_ROUTE ((size_t)-1)

static void record(const struct refusal *refusal, int status, const char *id);

/* A response to HEAD has the length of a body, but none. */
const char *
refusal_text(const struct refusal *refusal, struct mem *mem, size_t *len)
{
	struct problem p = { .code = refusal->code };
	int status = problem_status(refusal->code);
	const char *id = answer_request_id(refusal->request_id, mem);
	const char *body, *retry = "", *text;
	size_t body_len;

	if (problem_retry_after_s(&p) > 0)
		retry = mem_print(
		    mem, "retry-after: %d\r\n", problem_retry_after_s(&p));
	body = problem_body(&p, config.issuer, id, false, mem, &body_len);
	text = mem_print(mem,
	    "HTTP/1.1 %d %s\r\n"
	    "connection: close\r\n"
	    "date: %s\r\n"
	    "content-type: application/problem+json\r\n"
	    "content-language: fr\r\n"
	    "content-length: %zu\r\n"
	    "x-request-id: %s\r\n"
	    "cache-control: no-store\r\n"
	    "content-security-policy: default-src 'none'\r\n"
	    "cross-origin-resource-policy: same-site\r\n"
	    "referrer-policy: no-referrer\r\n"
	    "x-content-type-options: nosniff\r\n"
	    "%s\r\n%s",
	    status, http_status_text(status), answer_date(), body_len, id,
	    retry, refusal->method == METHOD_HEAD ? "" : body);
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
	        LOG_STR("error.type", refusal->code)));
	metrics_count(NO_ROUTE, (int)method, status, refusal->took_us);
}
