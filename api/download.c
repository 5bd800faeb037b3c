/*
 * Downloads: a stream whose source is the database.
 *
 * The first slice comes with the record, unless the client may have the
 * bytes already or wants only headers. Kore frees the request as soon as its
 * head is sent, so a download has its own copy of who asks and for what.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include <jansson.h>

#include "download.h"

#include "log.h"
#include "query.h"
#include "storage.h"

#define REQUEST_ID_MAX 129

struct download {
	struct caller caller;
	enum lane lane;
	char request_id[REQUEST_ID_MAX], id[37];
	size_t size, at; /* at: what was given so far */
	struct db_call
	    *call;  /* of a slice: owned; on its way, given, or lost */
	bool given; /* call's bytes are the stream's at hand */
	bool again; /* call was sent a second time */
	struct stream *stream; /* that waits for call */
	struct mem mem;        /* of call, until it is sent */
};

static size_t
next_slice(void *state, struct stream *stream, const char **chunk);
static bool ask(struct download *d);
static void came(void *arg);
static void done(void *state);

static const char *
id_of(const struct exchange *x)
{
	const struct arg *id = args_find(&x->args, "id");

	return id == NULL ? "" : id->value;
}

static bool
wants_bytes(const struct exchange *x)
{
	return x->in.method == METHOD_GET &&
	       x->in.headers[HEADER_IF_NONE_MATCH] == NULL;
}

void
download_add(struct exchange *x)
{
	storage_size(x->call, id_of(x));
	if (wants_bytes(x))
		storage_get(x->call, id_of(x), 0, &x->mem);
}

/* The call of the first slice is that of the exchange. */
static struct download *
download_new(struct exchange *x, size_t size)
{
	struct download *d = calloc(1, sizeof(*d));

	if (d == NULL)
		fatal("download: out of memory");
	d->caller = x->caller;
	d->lane = lane_of(x->op, x->caller.role);
	d->caller.scope = NULL;
	(void)snprintf(
	    d->request_id, sizeof(d->request_id), "%s", x->request_id);
	(void)snprintf(d->id, sizeof(d->id), "%s", id_of(x));
	d->size = size;
	if (wants_bytes(x)) {
		d->call = x->call;
		x->call = NULL;
	}
	return d;
}

static const char *
member_of(const json_t *body, const char *name)
{
	const char *text = json_string_value(json_object_get(body, name));

	return text == NULL ? "" : text;
}

static void
answer(struct exchange *x, const json_t *body, const char *sha256, size_t size)
{
	const char *type = member_of(body, "media_type");

	x->answer = (struct answer){
		.status = x->op->success,
		.type = mem_copy(&x->mem, type, strlen(type)),
		.len = size,
		.etag = mem_print(&x->mem, "\"%s\"", sha256),
		.cache = CACHE_IMMUTABLE,
		.disposition = mem_print(&x->mem, "attachment; filename=\"%s\"",
		    member_of(body, "name")),
	};
	if (x->in.method != METHOD_GET)
		return;
	x->answer.source = (struct stream_source){
		.next = next_slice, .done = done, .state = download_new(x, size)
	};
}

static const char *
value_of(const PGresult *result, const char *column)
{
	int at = PQfnumber(result, column);

	if (at < 0 || PQntuples(result) == 0 || PQgetisnull(result, 0, at))
		return NULL;
	return PQgetvalue(result, 0, at);
}

enum next
download_read(struct exchange *x)
{
	size_t first = x->call->n - (wants_bytes(x) ? 3 : 2);
	const PGresult *record = x->call->results[first];
	const char *text = value_of(record, "body");
	const char *sha256 = value_of(record, "etag");
	const char *kept = value_of(x->call->results[first + 1], "size");
	json_t *body;
	json_int_t size;

	if (text == NULL || sha256 == NULL)
		return refuse(x, "not_found", NULL);
	body = json_loads(text, 0, NULL);
	size = json_integer_value(json_object_get(body, "size"));
	/* Never promise a length that is not there. */
	if (size <= 0 || kept == NULL || strtoll(kept, NULL, 10) != size) {
		log_error("content_incomplete", LOG_STR("id", id_of(x)));
		json_decref(body);
		return refuse(x, "internal", NULL);
	}
	answer(x, body, sha256, (size_t)size);
	json_decref(body);
	return DONE;
}

/* The bytes of a call that has come. */
static size_t
bytes_of(struct download *d, const char **chunk)
{
	const PGresult *slice = d->call->results[d->call->n - 1];

	if (PQntuples(slice) == 0 || PQgetisnull(slice, 0, 0))
		return 0; /* no longer the caller's: it breaks off */
	*chunk = PQgetvalue(slice, 0, 0);
	d->given = true;
	d->at += (size_t)PQgetlength(slice, 0, 0);
	return (size_t)PQgetlength(slice, 0, 0);
}

static size_t
next_slice(void *state, struct stream *stream, const char **chunk)
{
	struct download *d = state;

	d->stream = stream;
	if (d->call != NULL && !d->given)
		return d->call->state == DB_DONE ? bytes_of(d, chunk) : 0;
	d->again = false;
	if (d->at == d->size || !ask(d))
		return 0;
	return STREAM_WAIT;
}

/* Ask for the next slice; what was given before goes. */
static bool
ask(struct download *d)
{
	bool sent;

	db_drop(d->call);
	d->call = db_call(came, d);
	d->given = false;
	query_enter(d->call, &d->caller, d->request_id, &d->mem);
	storage_get(d->call, d->id, d->at, &d->mem);
	sent = db_send(d->call, d->lane);
	mem_release(&d->mem);
	return sent;
}

/* A slice that was lost with its link is read again, once. */
static void
came(void *arg)
{
	struct download *d = arg;

	if (d->call->state == DB_LOST && !d->again) {
		d->again = true;
		if (ask(d))
			return;
	}
	stream_resume(d->stream);
}

static void
done(void *state)
{
	struct download *d = state;

	db_drop(d->call);
	mem_release(&d->mem);
	free(d);
}
