/*
 * Slices: a stream whose source is a statement.
 *
 * Kore frees the request as soon as its head is sent, so that a stream has
 * its own copy of who asks and for what.
 */
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include "query.h"
#include "slices.h"

struct slices {
	struct caller caller;
	enum lane lane;
	const char *request_id;
	const struct statement *statement;
	struct args args;
	char *position; /* owned: of the next slice; NULL: there is none */
	struct db_call *call; /* of a slice: owned */
	bool given;           /* its bytes are the stream's at hand */
	bool again;           /* it was sent a second time */
	struct stream *stream;
	struct mem kept; /* what args point to */
	struct mem mem;  /* of a call, until it is sent */
};

static size_t
next_slice(void *state, struct stream *stream, const char **chunk);
static bool ask(struct slices *s);
static void came(void *arg);
static void done(void *state);

static char *
copied(struct slices *s, const char *text)
{
	return text == NULL ? NULL : mem_copy(&s->kept, text, strlen(text));
}

/* Names are the contract's, or flags made for the exchange. */
static void
copy_args(struct slices *s, const struct args *from)
{
	s->args = *from;
	s->args.scope = NULL;
	for (size_t i = 0; i < from->n; i++) {
		s->args.at[i].name = copied(s, from->at[i].name);
		s->args.at[i].value = copied(s, from->at[i].value);
	}
}

static void
set_position(struct slices *s, const char *position)
{
	free(s->position);
	s->position = position == NULL ? NULL : strdup(position);
	if (position != NULL && s->position == NULL)
		fatal("slices: out of memory");
}

static struct slices *
slices_new(const struct exchange *x, const PGresult *head)
{
	struct slices *s = calloc(1, sizeof(*s));

	if (s == NULL)
		fatal("slices: out of memory");
	s->caller = x->caller;
	s->caller.scope = NULL;
	s->lane = lane_of(x->op, x->caller.role);
	s->request_id = copied(s, x->request_id);
	s->statement = x->op->statement;
	copy_args(s, &x->args);
	args_set(&s->args, "until", copied(s, query_value(head, "until")));
	set_position(s, query_value(head, "position"));
	return s;
}

enum next
slices_read(struct exchange *x)
{
	const PGresult *head = x->call->results[x->call->n - 1];

	if (PQntuples(head) == 0)
		return refuse(x, "not_found", NULL);
	x->answer.status = x->op->success;
	query_describe(x, head);
	if (x->in.method != METHOD_GET)
		return DONE;
	x->answer.source = (struct stream_source){
		.next = next_slice, .done = done, .state = slices_new(x, head)
	};
	return DONE;
}

/* The bytes of a slice that has come, and where the next one begins. */
static size_t
take(struct slices *s, const char **chunk)
{
	const PGresult *slice = s->call->results[s->call->n - 1];
	const char *body;

	if (s->call->state != DB_DONE)
		return STREAM_BREAK;
	body = query_value(slice, "body");
	set_position(s, query_value(slice, "position"));
	s->given = true;
	if (body == NULL)
		return s->position == NULL ? 0 : STREAM_BREAK;
	*chunk = body;
	return strlen(body);
}

/* An empty slice would end the body: the next one is asked for instead. */
static size_t
next_slice(void *state, struct stream *stream, const char **chunk)
{
	struct slices *s = state;
	size_t n = 0;

	s->stream = stream;
	if (s->call != NULL && !s->given) {
		n = take(s, chunk);
		if (n > 0)
			return n;
	}
	if (s->position == NULL)
		return 0;
	s->again = false;
	return ask(s) ? STREAM_WAIT : STREAM_BREAK;
}

/* Ask for the next slice; what was given before goes. */
static bool
ask(struct slices *s)
{
	const struct variant *v;
	bool sent;

	db_drop(s->call);
	s->call = db_call(came, s);
	s->given = false;
	args_set(&s->args, "position", s->position);
	query_enter(s->call, &s->caller, s->request_id, &s->mem);
	v = statement_variant(s->statement, &s->args);
	db_add(s->call, &v->parts[1], &s->args);
	sent = db_send(s->call, s->lane);
	mem_release(&s->mem);
	return sent;
}

/* A slice that was lost with its link is read again, once. */
static void
came(void *arg)
{
	struct slices *s = arg;

	if (s->call->state == DB_LOST && !s->again) {
		s->again = true;
		if (ask(s))
			return;
	}
	stream_resume(s->stream);
}

static void
done(void *state)
{
	struct slices *s = state;

	db_drop(s->call);
	free(s->position);
	mem_release(&s->kept);
	mem_release(&s->mem);
	free(s);
}
