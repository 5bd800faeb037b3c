/* How the authorisation server speaks. */
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include "log.h"
#include "oauth_reply.h"
#include "statement.h"

enum next
oauth_answer(struct exchange *x, int status, const char *body)
{
	/* RFC 6749 5.1, beside Cache-Control: no-store. */
	if (x->req != NULL)
		http_response_header(x->req, "pragma", "no-cache");
	answer_json(
	    x, status, body, body == NULL ? 0 : strlen(body), CACHE_NEVER);
	if (body == NULL)
		x->answer.type = NULL;
	return DONE;
}

/* Both texts are constants of ours: nothing in them needs escaping. */
enum next
oauth_fault(struct exchange *x, const char *error, const char *description)
{
	bool client = strcmp(error, "invalid_client") == 0;

	log_info("oauth_refused", LOG_STR("error", error),
	    LOG_STR("why", description));
	if (client)
		x->answer.authenticate = "Basic realm=\"gusp\"";
	return oauth_answer(x, client ? 401 : 400,
	    mem_print(&x->mem,
	        "{\"error\":\"%s\",\"error_description\":\"%s\"}", error,
	        description));
}

/* What is not the client's fault. */
enum next
oauth_fail(struct exchange *x, const char *code, int retry_after_s)
{
	enum next next = refuse(x, code, NULL);

	x->problem.retry_after_s = retry_after_s;
	x->problem.extension = "{\"error\":\"temporarily_unavailable\"}";
	return next;
}

static void
add(struct exchange *x, const char *name)
{
	const struct statement *statement = statement_named(name);
	const struct variant *variant =
	    statement == NULL ? NULL : statement_variant(statement, &x->args);

	if (variant == NULL)
		fatal("oauth: no statement %s", name);
	for (size_t i = 0; i < variant->n_parts; i++)
		db_add(x->call, &variant->parts[i], &x->args);
}

/* Ask one or two statements; the exchange comes back in that phase. */
enum next
oauth_ask(struct exchange *x, const char *first, const char *second, int phase)
{
	db_drop(x->call);
	x->call = db_call(exchange_wake, x);
	add(x, first);
	if (second != NULL)
		add(x, second);
	x->phase = phase;
	return exchange_send(x, LANE_AUTH);
}

/* The last question's answer: NEXT if it is there and good. */
enum next
oauth_answered(struct exchange *x)
{
	struct db_call *call = x->call;

	switch (call->state) {
	case DB_WAITING:
		return WAIT;
	case DB_DONE:
		return NEXT;
	case DB_FAILED:
		problem_from_database(&x->problem, &x->mem, call->sqlstate,
		    call->message, call->detail, call->constraint);
		return REFUSE;
	case DB_UNKNOWN:
		return oauth_fail(x, "outcome_unknown", 1);
	case DB_LOST:
		break;
	}
	return oauth_fail(x, "unavailable", 1);
}

const char *
oauth_column(struct exchange *x, size_t index, const char *name)
{
	const PGresult *result = x->call->results[index];
	int number = PQfnumber(result, name);

	if (number < 0 || PQntuples(result) == 0 ||
	    PQgetisnull(result, 0, number))
		return NULL;
	return mem_copy(&x->mem, PQgetvalue(result, 0, number),
	    (size_t)PQgetlength(result, 0, number));
}
