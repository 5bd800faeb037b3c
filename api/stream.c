/*
 * Streams on Kore's send queue (net.c:net_send_stream): a netbuf borrows the
 * chunk, and its callback, when the chunk has drained or the connection has
 * died, asks for the next.
 *
 * The state of a stream is its own, not the request's, which Kore frees as
 * soon as its handler returns.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include "stream.h"

#include "front.h"
#include "log.h"

#define FRAME_LEN 32 /* CR LF, 16 hex digits, CR LF, CR LF */

/* How the client learns where the body ends. */
enum framing {
	BY_LENGTH,
	BY_CHUNKS,
	BY_CLOSE
};

struct stream {
	struct connection *c;
	struct stream_source source;
	enum framing framing;
	size_t left; /* BY_LENGTH: bytes that are still owed */
	bool begun;  /* a chunk went before: its CR LF is owed */
	bool ended;
	bool waiting; /* for its source: nothing of it is in the queue */
	bool closes;  /* the connection, at its end */
	char frame[FRAME_LEN]; /* in the send queue, before its chunk */
};

static void push(struct stream *s);
static void break_off(struct stream *s);
static void stand_by(struct stream *s);
static void push_frame(struct stream *s, size_t len);
static int drained(struct netbuf *nb);
static void finish(struct stream *s);
static void stream_gone(void *arg);

void
stream_send(struct http_request *req, int status, size_t len,
    struct stream_source source)
{
	struct stream *s;

	if (req->owner == NULL) {
		source.done(source.state);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		fatal("out of memory");
	s->c = req->owner;
	s->source = source;
	s->left = len;
	front_hold(s->c, stream_gone, s);

	if (len == 0) {
		req->flags |= HTTP_REQUEST_NO_CONTENT_LENGTH;
		s->framing =
		    (req->flags & HTTP_VERSION_1_1) != 0 ? BY_CHUNKS : BY_CLOSE;
	}
	if (s->framing == BY_CHUNKS)
		http_response_header(req, "transfer-encoding", "chunked");
	http_response(req, status, NULL, len);
	if (req->method == HTTP_METHOD_HEAD) {
		s->left = 0;
		finish(s);
	} else {
		push(s);
	}
}

/* Send what the source gives next, or the end. */
static void
push(struct stream *s)
{
	const char *chunk = NULL;
	size_t len = s->source.next(s->source.state, s, &chunk);
	struct netbuf *nb;

	if (len == STREAM_WAIT) {
		stand_by(s);
		return;
	}
	if (len == STREAM_BREAK) {
		break_off(s);
		return;
	}
	if (s->framing == BY_LENGTH) {
		if (len > s->left)
			len = s->left;
		s->left -= len;
		s->ended = s->left == 0;
	} else {
		s->ended = len == 0;
	}
	if (s->framing == BY_CHUNKS)
		push_frame(s, len);
	if (len > 0) {
		/* Kore only reads the buffer (net.c:net_write), yet asks for
		 * one that may be changed. */
		union {
			const void *in;
			void *out;
		} same = { .in = chunk };

		net_send_stream(s->c, same.out, len, drained, &nb);
		nb->extra = s;
	} else if (s->framing != BY_CHUNKS) {
		finish(s);
	}
}

static void
break_off(struct stream *s)
{
	front_hold(s->c, NULL, NULL);
	kore_connection_disconnect(s->c);
	s->source.done(s->source.state);
	free(s);
}

/* Kore closes a connection with CONN_CLOSE_EMPTY as soon as its queue is
 * empty (net.c:net_send_flush), which it is now. */
static void
stand_by(struct stream *s)
{
	s->waiting = true;
	if ((s->c->flags & CONN_CLOSE_EMPTY) != 0)
		s->closes = true;
	s->c->flags &= (u_int16_t)~CONN_CLOSE_EMPTY;
}

void
stream_resume(struct stream *s)
{
	struct connection *c = s->c;

	s->waiting = false;
	push(s);
	if (c->state == CONN_STATE_ESTABLISHED && !net_send_flush(c))
		kore_connection_disconnect(c);
}

/* The connection ends. What is in its queue is given back by drained(),
 * later; a stream that waits has nothing there. */
static void
stream_gone(void *arg)
{
	struct stream *s = arg;

	if (!s->waiting)
		return;
	s->source.done(s->source.state);
	free(s);
}

/* The line before a chunk, and the end of the one before (RFC 9112 7.1). */
static void
push_frame(struct stream *s, size_t len)
{
	struct netbuf *nb;
	int n = snprintf(s->frame, sizeof(s->frame), "%s%zx\r\n%s",
	    s->begun ? "\r\n" : "", len, len == 0 ? "\r\n" : "");

	net_send_stream(
	    s->c, s->frame, (size_t)n, len == 0 ? drained : NULL, &nb);
	nb->extra = s;
	s->begun = true;
}

/*
 * A chunk is through; or the connection is gone, and neither it nor its
 * filter may be used. In the middle of net_send either way.
 */
static int
drained(struct netbuf *nb)
{
	struct stream *s = nb->extra;

	if (s->c->state == CONN_STATE_DISCONNECTING) {
		s->source.done(s->source.state);
		free(s);
	} else if (s->ended) {
		finish(s);
	} else {
		push(s);
	}
	return KORE_RESULT_OK;
}

/* All is sent; a source that gave less than it promised leaves the client
 * waiting, so its connection ends. */
static void
finish(struct stream *s)
{
	front_hold(s->c, NULL, NULL);
	if (s->closes)
		s->c->flags |= CONN_CLOSE_EMPTY;
	if (s->framing == BY_LENGTH && s->left > 0) {
		log_error("stream_short", LOG_INT("missing", s->left));
		kore_connection_disconnect(s->c);
	} else {
		front_rearm(s->c);
	}
	s->source.done(s->source.state);
	free(s);
}
