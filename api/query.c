/*
 * An operation in the database: one round trip, one implicit transaction.
 *
 * The columns that a statement answers with are its protocol: body, etag,
 * location, cache, headers, key (of a page), position and until (of a stream)
 * and the guards found, touched and writable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "config.h"
#include "cursor.h"
#include "download.h"
#include "query.h"
#include "slices.h"
#include "statement.h"
#include "storage.h"
#include "upload.h"

/*
 * Times that a call is sent: again once if its fate is unknown and it only
 * reads; more often if it met a stale plan, since each link has its own.
 */
#define READ_TRIES  2
#define STALE_TRIES 12

enum phase {
	TO_SEND,
	SENT,
	REPLAYING
};

static enum next send_operation(struct exchange *x);
static enum next send_replay(struct exchange *x);
static enum next read_operation(struct exchange *x);
static enum next read_replay(struct exchange *x);
static enum next read_failure(struct exchange *x);

enum next
query_run(struct exchange *x)
{
	if (x->phase == TO_SEND)
		return send_operation(x);
	if (x->call->state == DB_WAITING)
		return WAIT;
	if (x->call->state != DB_DONE)
		return read_failure(x);
	if (x->phase == REPLAYING)
		return read_replay(x);
	return read_operation(x);
}

/* What an upload says: its parameters, and its bytes as they are kept. */
static const char *
content_of(struct exchange *x)
{
	const char *query = x->in.query == NULL ? "" : x->in.query;

	return mem_print(&x->mem, "%s %s %s", query,
	    args_find(&x->args, "media_type")->value,
	    args_find(&x->args, "sha256")->value);
}

/* What makes two requests with one Idempotency-Key the same: method, path
 * and body, whatever the order of its members. */
static const char *
fingerprint_of(struct exchange *x)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char *canonical = x->body == NULL ? NULL
	                                  : json_dumps(x->body,
	                                        JSON_SORT_KEYS | JSON_COMPACT);
	const char *body = x->upload != NULL ? content_of(x) : canonical;
	const char *text = mem_print(&x->mem, "%s %s %s",
	    method_names[x->in.method], x->in.path, body == NULL ? "" : body);
	char *hex = mem_take(&x->mem, 65);

	free(canonical);
	EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/* enter(); with the key only where there is an effect to keep with it. */
static void
add_enter(struct db_call *call, const struct caller *caller,
    const char *request_id, const char *key, const char *fingerprint,
    struct mem *mem)
{
	static const struct statement *enter;
	struct args args = { 0 };

	if (enter == NULL)
		enter = statement_named("enter");
	args_set(&args, "client", caller->client);
	args_set(&args, "membership", caller->membership);
	args_set(&args, "role", role_names[caller->role]);
	args_set(&args, "token", caller->token);
	args_set(&args, "issued",
	    mem_print(mem, "%lld", (long long)caller->issued_s));
	args_set(&args, "request_id", request_id);
	args_set(&args, "key", key);
	args_set(&args, "fingerprint", fingerprint);
	db_add(call, &statement_variant(enter, &args)->parts[0], &args);
}

void
query_enter(struct db_call *call, const struct caller *caller,
    const char *request_id, struct mem *mem)
{
	add_enter(call, caller, request_id, NULL, NULL, mem);
}

static void
enter_operation(struct exchange *x)
{
	const struct arg *key = args_find(&x->args, "idempotency_key");
	bool keyed = x->op->idempotent && key != NULL;

	add_enter(x->call, &x->caller, x->request_id, keyed ? key->value : NULL,
	    keyed ? fingerprint_of(x) : NULL, &x->mem);
}

/* The parts of the statement; before the last, which keeps the answer, the
 * bytes of an upload; behind it those of a download. */
static void
add_parts(struct exchange *x, const struct variant *v)
{
	size_t len;

	/* Of a stream the second part is asked later (slices.c). */
	for (size_t i = 0; i < (x->op->stream ? 1 : v->n_parts); i++) {
		if (x->upload != NULL && i + 1 == v->n_parts) {
			const unsigned char *bytes =
			    upload_bytes(x->upload, &len);

			storage_put(x->call, bytes, len, &x->mem);
		}
		db_add(x->call, &v->parts[i], &x->args);
	}
	if (x->op->bytes)
		db_want_bytes(x->call);
	if (x->op->download)
		download_add(x);
	if (x->op->leaf)
		db_add(x->call,
		    &statement_variant(statement_named("leaf_made"), &x->args)
		         ->parts[0],
		    &x->args);
}

static struct db_call *
new_call(struct exchange *x)
{
	if (x->upload != NULL)
		return db_call(upload_wake, x->upload);
	return db_call(exchange_wake, x);
}

static enum next
send_operation(struct exchange *x)
{
	const struct variant *v;

	if (x->body != NULL)
		args_set(&x->args, "body", x->in.body);
	v = statement_variant(x->op->statement, &x->args);
	x->call = new_call(x);
	enter_operation(x);
	add_parts(x, v);
	x->phase = SENT;
	x->tries++;
	return exchange_send(x, lane_of(x->op, x->caller.role));
}

/* A finished key: the answer it had, read in an exchange of its own because
 * the refusal of enter() ended the first. */
static enum next
send_replay(struct exchange *x)
{
	const struct statement *replay = statement_named("idempotency_replay");
	const struct arg *key = args_find(&x->args, "idempotency_key");
	struct args args = { 0 };
	const struct variant *v;

	args_set(&args, "key", key == NULL ? NULL : key->value);
	db_drop(x->call);
	x->call = new_call(x);
	v = statement_variant(replay, &args);
	query_enter(x->call, &x->caller, x->request_id, &x->mem);
	db_add(x->call, &v->parts[0], &args);
	x->phase = REPLAYING;
	return exchange_send(x, lane_of(x->op, x->caller.role));
}

/* feature_not_supported of a cached plan, invalid_sql_statement_name. */
static bool
is_stale_plan(const struct db_call *call)
{
	return strcmp(call->sqlstate, "0A000") == 0 ||
	       strcmp(call->sqlstate, "26000") == 0;
}

enum next
query_failed(struct exchange *x)
{
	const struct db_call *call = x->call;

	if (call->state == DB_FAILED) {
		problem_from_database(&x->problem, &x->mem, call->sqlstate,
		    call->message, call->detail, call->constraint);
		return REFUSE;
	}
	/* Of a lost call nothing is known; of one that reads that is enough. */
	if (call->state != DB_UNKNOWN && x->op->method == METHOD_GET)
		return refuse(x, "unavailable", NULL);
	return refuse(x, "outcome_unknown", NULL);
}

static enum next
read_failure(struct exchange *x)
{
	const struct db_call *call = x->call;
	bool reads = x->op->method == METHOD_GET;

	if (call->state == DB_FAILED && strcmp(call->sqlstate, "GU208") == 0)
		return send_replay(x);
	/* Nothing is known of a lost call, unless PostgreSQL said that a plan
	 * was stale: then it did nothing. */
	if (call->state == DB_LOST && x->phase == SENT &&
	    ((reads && x->tries < READ_TRIES) ||
	        (is_stale_plan(call) && x->tries < STALE_TRIES))) {
		db_drop(x->call);
		x->call = NULL;
		return send_operation(x);
	}
	return query_failed(x);
}

const char *
query_value(const PGresult *result, const char *column)
{
	int at = PQfnumber(result, column);

	if (at < 0 || PQntuples(result) == 0 || PQgetisnull(result, 0, at))
		return NULL;
	return PQgetvalue(result, 0, at);
}

/* A charset where one counts; JSON has only one (RFC 8259 8.1). */
static const char *
type_of_answer(struct exchange *x)
{
	const char *type = x->op->media_type;

	if (type == NULL || strncmp(type, "text/", 5) != 0)
		return type;
	return mem_print(&x->mem, "%s; charset=utf-8", type);
}

static void
add_headers(struct exchange *x, const char *text)
{
	json_t *headers = text == NULL ? NULL : json_loads(text, 0, NULL);
	const char *name;
	json_t *value;

	json_object_foreach (headers, name, value) {
		struct answer_header *more = &x->answer.more[x->answer.n_more];

		if (x->answer.n_more == ANSWER_HEADERS_MAX ||
		    !json_is_string(value))
			continue;
		more->name = mem_copy(&x->mem, name, strlen(name));
		more->value = mem_copy(&x->mem, json_string_value(value),
		    json_string_length(value));
		x->answer.n_more++;
	}
	json_decref(headers);
}

void
query_describe(struct exchange *x, const PGresult *row)
{
	const char *cache = query_value(row, "cache");

	x->answer.type = type_of_answer(x);
	if (cache != NULL && strcmp(cache, "forever") == 0)
		x->answer.cache = CACHE_FOREVER;
	add_headers(x, query_value(row, "headers"));
}

static bool
is_false(const char *value)
{
	return value != NULL && value[0] == 'f';
}

/* A private effect tells where it is, and nothing that would have to be kept
 * for who asks again. */
static bool
has_no_body(const struct operation *op)
{
	return op->private && op->idempotent;
}

static enum next
answer_record(struct exchange *x, const char *body, const char *version,
    const char *location)
{
	size_t len = body == NULL ? 0 : strlen(body);

	x->answer.status = x->op->success;
	x->answer.type = type_of_answer(x);
	x->answer.body = body;
	x->answer.len = len;
	x->answer.location = location;
	if (version != NULL)
		x->answer.etag = answer_etag(x, version, body, len);
	return DONE;
}

/* Part of a query inside <>: what RFC 3986 has no place for would end the
 * link, and begin one to another host. */
static const char *
link_part(struct exchange *x, const char *text, size_t len)
{
	char *out = mem_take(&x->mem, 3 * len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (strchr("<>\"\\^`{|}", text[i]) == NULL)
			out[n++] = text[i];
		else
			n += (size_t)snprintf(
			    out + n, 4, "%%%02X", (unsigned char)text[i]);
	}
	return out;
}

/* The address of the next page: this request's, with another cursor. */
static const char *
next_page(struct exchange *x, const char *cursor)
{
	const char *at = x->in.query == NULL ? "" : x->in.query;
	const char *kept = "";

	while (*at != '\0') {
		size_t n = strcspn(at, "&");

		if (strncmp(at, "cursor=", 7) != 0 && n > 0)
			kept = mem_print(
			    &x->mem, "%s%s&", kept, link_part(x, at, n));
		at += n;
		at += strspn(at, "&");
	}
	return mem_print(&x->mem, "<%s%s?%scursor=%s>; rel=\"next\"",
	    config.issuer, x->in.path, kept, cursor);
}

/* What a page begins with; a map's next_cursor is a foreign member (RFC 7946
 * 6.1). */
static const char list_open[] = "{\"items\":[";
static const char map_open[] = "{\"type\":\"FeatureCollection\",\"features\":[";

/* {"items":[...],"next_cursor":...} from rows of body and key. One row more
 * than asked for says that there is a next page; it is not shown. */
static enum next
answer_page(struct exchange *x, const PGresult *rows)
{
	int body = PQfnumber(rows, "body"), key = PQfnumber(rows, "key");
	int n = PQntuples(rows), shown = n;
	const char *cursor = NULL;
	size_t len = sizeof(map_open) + 32;
	char *text, *at;

	if (n > x->args.limit) {
		shown = (int)x->args.limit;
		cursor = cursor_write(
		    x->args.scope, PQgetvalue(rows, shown - 1, key), &x->mem);
		if (cursor == NULL) /* the secret is not loaded yet */
			return refuse(x, "unavailable", NULL);
		len += strlen(cursor);
		x->answer.link = next_page(x, cursor);
	}
	for (int i = 0; i < shown; i++)
		len += (size_t)PQgetlength(rows, i, body) + 1;
	text = at = mem_take(&x->mem, len);
	at = stpcpy(at, x->op->map != NULL ? map_open : list_open);
	for (int i = 0; i < shown; i++) {
		size_t row = (size_t)PQgetlength(rows, i, body);

		if (i > 0)
			*at++ = ',';
		memcpy(at, PQgetvalue(rows, i, body), row);
		at += row;
	}
	at = stpcpy(at, "],\"next_cursor\":");
	if (cursor == NULL)
		at = stpcpy(at, "null}");
	else
		at +=
		    snprintf(at, len - (size_t)(at - text), "\"%s\"}", cursor);
	x->answer.status = x->op->success;
	x->answer.type = x->op->media_type;
	x->answer.body = text;
	x->answer.len = (size_t)(at - text);
	x->answer.etag = answer_etag(x, "0", x->answer.body, x->answer.len);
	return DONE;
}

/* A write that touched nothing while the row is there: not the caller's to
 * write, or not the version it saw. */
static enum next
refuse_untouched(struct exchange *x, const PGresult *last)
{
	const char *body = query_value(last, "body");

	if (is_false(query_value(last, "writable")))
		return refuse(x, "forbidden", NULL);
	if (body != NULL)
		x->problem.etag = answer_etag(
		    x, query_value(last, "etag"), body, strlen(body));
	return refuse(x, "precondition_failed", NULL);
}

/* The bytes of a row's body, which came in binary format. */
static enum next
answer_bytes(struct exchange *x, const PGresult *row)
{
	int body = PQfnumber(row, "body");

	if (PQntuples(row) == 0 || PQgetisnull(row, 0, body))
		return refuse(x, "not_found", NULL);
	x->answer.status = x->op->success;
	query_describe(x, row);
	x->answer.body = PQgetvalue(row, 0, body);
	x->answer.len = (size_t)PQgetlength(row, 0, body);
	return DONE;
}

/* The leaf that the transaction made, if it made one. */
static void
tell_leaf(struct exchange *x)
{
	if (x->op->leaf)
		add_headers(x,
		    query_value(x->call->results[x->call->n - 1], "headers"));
}

static enum next
read_operation(struct exchange *x)
{
	struct db_call *call = x->call;
	size_t n = call->n - (x->op->leaf ? 1 : 0);
	const PGresult *last = call->results[n - 1];
	bool untouched = false;
	const char *body;

	for (size_t i = 1; i + 1 < n; i++) {
		const char *touched = query_value(call->results[i], "touched");

		if (PQfnumber(call->results[i], "found") >= 0 &&
		    PQntuples(call->results[i]) == 0)
			return refuse(x, "not_found", NULL);
		if (touched != NULL && strcmp(touched, "0") == 0)
			untouched = true;
	}
	if (x->op->private)
		x->answer.cache = CACHE_NEVER;
	if (x->op->paged)
		return answer_page(x, last);
	if (x->op->download)
		return download_read(x);
	if (x->op->stream)
		return slices_read(x);
	if (x->op->bytes)
		return answer_bytes(x, last);
	body = query_value(last, "body");
	if (PQntuples(last) == 0 || (body == NULL && !has_no_body(x->op)))
		return refuse(x, "not_found", NULL);
	if (untouched)
		return refuse_untouched(x, last);
	query_describe(x, last);
	tell_leaf(x);
	return answer_record(
	    x, body, query_value(last, "etag"), query_value(last, "location"));
}

static enum next
read_replay(struct exchange *x)
{
	const PGresult *kept = x->call->results[1];
	const char *body = query_value(kept, "body");

	if (PQntuples(kept) == 0)
		return refuse(x, "idempotency_in_progress", NULL);
	x->answer.replayed = true;
	return answer_record(
	    x, body, query_value(kept, "etag"), query_value(kept, "location"));
}
