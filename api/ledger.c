/*
 * Cosignatures: form, key, signature, checkpoint, time, in this order, and
 * then they are kept. Two exchanges with the database: which keys there are,
 * and the row.
 */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "ledger.h"
#include "ledger_note.h"
#include "negotiate.h"
#include "query.h"
#include "statement.h"

#include "base64.h"

#define AHEAD_MAX_S 300

enum phase {
	TO_ASK,
	ASKED,
	KEPT
};

static enum next cosign(struct exchange *x);

const struct native ledger_natives[] = { { "ledger_cosign", cosign } };
const size_t n_ledger_natives = 1;

/* The checkpoint and the one line below it. */
static bool
read_body(
    const struct exchange *x, struct note *note, struct checkpoint *checkpoint)
{
	return x->in.body != NULL &&
	       note_read(x->in.body, x->in.body_len, note) && note->n == 1 &&
	       checkpoint_read(note->text, note->text_len, checkpoint);
}

static enum next
send(struct exchange *x, const char *name, const struct args *args,
    enum phase next)
{
	const struct statement *statement = statement_named(name);

	db_drop(x->call);
	x->call = db_call(exchange_wake, x);
	query_enter(x->call, &x->caller, x->request_id, &x->mem);
	db_add(x->call, &statement_variant(statement, args)->parts[0], args);
	x->phase = next;
	return exchange_send(x, lane_of(x->op, x->caller.role));
}

static enum next
ask(struct exchange *x)
{
	struct args args = { 0 };
	struct checkpoint checkpoint;
	struct note note;
	char root[BASE64_TEXT(HASH_LEN) + 2];

	if (!is_media_type(x->in.headers[HEADER_CONTENT_TYPE], "text/plain"))
		return refuse(x, "unsupported_media_type", "text/plain");
	if (!read_body(x, &note, &checkpoint))
		return refuse(x, "cosignature_malformed", NULL);
	base64_write(checkpoint.head.root.bytes, HASH_LEN, root);
	args_set(&args, "size",
	    mem_print(&x->mem, "%" PRIu64, checkpoint.head.size));
	args_set(&args, "root", root);
	args_set(&args, "name",
	    mem_copy(&x->mem, note.at[0].name, note.at[0].name_len));
	return send(x, "ledger_witnesses", &args, ASKED);
}

/* The key among those of the witness that made the line; NULL: none did. */
static const char *
find_key(const PGresult *keys, const struct note *note, uint64_t *time_s)
{
	for (int i = 0; i < PQntuples(keys); i++) {
		const char *vkey = PQgetvalue(keys, i, 0);
		struct note_key key;

		if (note_key_read(vkey, &key) && key.kind == NOTE_WITNESS &&
		    note_check(note, &key, time_s) == NOTE_GOOD)
			return vkey;
	}
	return NULL;
}

static enum next
keep(struct exchange *x)
{
	const PGresult *keys = x->call->results[1];
	struct args args = { 0 };
	struct checkpoint checkpoint;
	struct note note;
	uint64_t time_s = 0;
	const char *vkey;

	if (!read_body(x, &note, &checkpoint))
		return refuse(x, "cosignature_malformed", NULL);
	vkey = find_key(keys, &note, &time_s);
	if (vkey == NULL)
		return refuse(x, "cosignature_refused", NULL);
	if (strcmp(PQgetvalue(keys, 0, 1), "t") != 0)
		return refuse(x, "cosignature_of_another_tree", NULL);
	if (time_s > (uint64_t)clock_now_s() + AHEAD_MAX_S)
		return refuse(x, "cosignature_from_the_future", NULL);
	args_set(&args, "vkey", mem_copy(&x->mem, vkey, strlen(vkey)));
	args_set(&args, "size",
	    mem_print(&x->mem, "%" PRIu64, checkpoint.head.size));
	args_set(&args, "ts", mem_print(&x->mem, "%" PRIu64, time_s));
	args_set(&args, "line",
	    mem_copy(&x->mem, note.at[0].line, note.at[0].line_len));
	return send(x, "ledger_cosign", &args, KEPT);
}

static enum next
cosign(struct exchange *x)
{
	if (x->phase == TO_ASK)
		return ask(x);
	if (x->call->state == DB_WAITING)
		return WAIT;
	if (x->call->state != DB_DONE)
		return query_failed(x);
	if (x->phase == ASKED)
		return keep(x);
	x->answer = (struct answer){ .status = 204, .cache = CACHE_NEVER };
	return DONE;
}
