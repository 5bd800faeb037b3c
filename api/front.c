/*
 * The front filter, on Kore's connections (Kore 4.1 net.c, connection.c,
 * http.c).
 *
 * A connection passes through phases: IDLE until the first byte of a
 * request, HEADER until its block is whole, then in Kore's hands as BODY
 * (Kore reads the body, through front_body) and ANSWER (nothing is read),
 * and back to IDLE by front_rearm(). A refusal ends it: LINGER reads and
 * throws away for a moment, so that the answer is not lost to a reset.
 *
 * Kore's own timeouts of header and body are switched off, because they
 * answer with an empty 408, even on an idle connection.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include "front.h"

#include "block.h"
#include "clock.h"
#include "config.h"
#include "large.h"
#include "log.h"
#include "mem.h"
#include "metrics.h"
#include "negotiate.h"
#include "peer.h"
#include "refusal.h"
#include "route.h"
#include "vet.h"

#define HEADER_MS     5000
#define BODY_MS       UINT64_C(15000)
#define LINGER_MS     1000
#define DRAIN_IDLE_MS 250            /* for a request that is on its way */
#define LINGER_BYTES  VET_UPLOAD_MAX /* may be on their way already */
#define NO_ROUTE      ((size_t)-1)
#define MIB           ((uint64_t)1024 * 1024)

enum phase {
	IDLE,
	HEADER,
	BODY,
	ANSWER,
	LINGER
};

/* Of one connection; hdlr_extra, which Kore frees with it. */
struct front {
	struct connection *c;
	enum phase phase;
	uint64_t deadline_ms; /* 0: none */
	uint64_t started_us;  /* first byte of the request */
	int (*kore_body)(struct netbuf *);
	char *aside; /* owned: what came behind the request at hand */
	size_t aside_len;
	size_t discarded;
	bool queued;          /* in resuming */
	void (*gone)(void *); /* of who makes the answer, bit by bit */
	void *gone_arg;
	LIST_ENTRY(front) all;
	TAILQ_ENTRY(front) resume;
};

static LIST_HEAD(front_list, front) fronts = LIST_HEAD_INITIALIZER(fronts);
static TAILQ_HEAD(front_queue, front) resuming = TAILQ_HEAD_INITIALIZER(
    resuming);
static uint64_t drain_ms; /* when draining began; 0: it has not */

static void front_gone(struct connection *c);
static int front_recv(struct netbuf *nb);
static int pass(struct front *f, struct netbuf *nb, const struct vetted *v);
static int
pass_large(struct front *f, struct netbuf *nb, const struct vetted *v);
static int front_body(struct netbuf *nb);
static int front_discard(struct netbuf *nb);
static void resume_all(void *arg, uint64_t now);
static void resume(struct front *f);
static void expire(struct front *f);
static void refuse(struct front *f, const char *code, const struct vetted *v);
static void turn_away(struct front *f, struct refusal *refusal);

/*
 * CONN_IS_BUSY keeps http_response_normal from reading the next request by
 * itself, past this filter; only Python code uses it otherwise.
 */
__attribute__((visibility("default"))) void
front_connect(struct connection *c)
{
	struct front *f = kore_calloc(1, sizeof(*f));

	f->c = c;
	LIST_INSERT_HEAD(&fronts, f, all);
	c->hdlr_extra = f;
	c->disconnect = front_gone;
	c->evt.handle = peer_event;
	c->read = peer_read;
	c->proto = CONN_PROTO_HTTP;
	c->flags |= CONN_IS_BUSY;
	c->http_timeout = 0;
	c->idle_timer.length = (uint64_t)http_keepalive_time * 1000;
	net_recv_queue(c, VET_BLOCK_MAX, NETBUF_CALL_CB_ALWAYS, front_recv);
}

/* From a timer of its own that is due at once: the caller may stand in a
 * handler, whose loop would not see a new request for some time, or in
 * net_send, which must not be entered again. */
void
front_rearm(struct connection *c)
{
	struct front *f;

	if (c == NULL || c->state != CONN_STATE_ESTABLISHED ||
	    (c->flags & CONN_CLOSE_EMPTY) != 0)
		return;
	f = c->hdlr_extra;
	if (f->queued || f->gone != NULL || f->phase != ANSWER)
		return;
	if (TAILQ_EMPTY(&resuming))
		kore_timer_add(resume_all, 0, NULL, KORE_TIMER_ONESHOT);
	f->queued = true;
	TAILQ_INSERT_TAIL(&resuming, f, resume);
}

void
front_hold(struct connection *c, void (*gone)(void *), void *arg)
{
	struct front *f = c->hdlr_extra;

	f->gone = gone;
	f->gone_arg = arg;
}

void
front_tick(void)
{
	uint64_t now = kore_time_ms();
	struct front *f, *next;

	for (f = LIST_FIRST(&fronts); f != NULL; f = next) {
		next = LIST_NEXT(f, all);
		if (f->deadline_ms != 0 && now >= f->deadline_ms)
			expire(f);
		else if (drain_ms != 0 && now >= drain_ms + DRAIN_IDLE_MS &&
		         f->phase == IDLE && TAILQ_EMPTY(&f->c->send_queue))
			kore_connection_disconnect(f->c);
	}
}

void
front_drain(void)
{
	drain_ms = kore_time_ms();
}

bool
front_draining(void)
{
	return drain_ms != 0;
}

size_t
front_busy(void)
{
	const struct front *f;
	size_t n = 0;

	LIST_FOREACH(f, &fronts, all)
	if (f->phase == BODY || f->phase == ANSWER ||
	    !TAILQ_EMPTY(&f->c->send_queue))
		n++;
	return n;
}

/* Called once, when Kore gives the connection up; it is freed later. */
static void
front_gone(struct connection *c)
{
	struct front *f = c->hdlr_extra;

	if (f->queued)
		TAILQ_REMOVE(&resuming, f, resume);
	LIST_REMOVE(f, all);
	free(f->aside);
	f->aside = NULL;
	f->aside_len = 0;
	f->queued = false;
	if (f->gone != NULL)
		f->gone(f->gone_arg);
	f->gone = NULL;
}

/* Bytes of a header block; net_recv_flush calls it after each read. */
static int
front_recv(struct netbuf *nb)
{
	struct front *f = nb->owner->hdlr_extra;
	struct vetted v;

	if (nb->s_off == 0)
		return KORE_RESULT_OK;
	if (f->phase == IDLE) {
		f->phase = HEADER;
		f->started_us = clock_monotonic_us();
		f->deadline_ms = kore_time_ms() + HEADER_MS;
	}
	vet((char *)nb->buf, nb->s_off, route_uploads, &v);
	switch (v.verdict) {
	case VET_MORE:
		return KORE_RESULT_OK;
	case VET_PASS:
		if (http_request_count >=
		    http_request_limit - http_request_limit / 8)
			break;
		return v.body_len > VET_BODY_MAX ? pass_large(f, nb, &v)
		                                 : pass(f, nb, &v);
	case VET_REFUSE:
		refuse(f, v.code, &v);
		return KORE_RESULT_OK;
	}
	refuse(f, "overloaded", &v);
	return KORE_RESULT_OK;
}

/* What is behind the request belongs to the next: Kore would take it for
 * body (http.c:http_header_recv, bytes_left) or lose it. */
static void
keep_aside(struct front *f, struct netbuf *nb, size_t request_len)
{
	if (nb->s_off <= request_len)
		return;
	f->aside_len = nb->s_off - request_len;
	f->aside = malloc(f->aside_len);
	if (f->aside == NULL)
		fatal("out of memory");
	memcpy(f->aside, nb->buf + request_len, f->aside_len);
	nb->s_off = request_len;
}

/* Nothing is read until front_rearm(). */
static void
stop_reading(struct front *f)
{
	struct netbuf *nb = f->c->rnb;

	kore_free(nb->buf);
	nb->buf = NULL;
	nb->m_len = 0;
	f->phase = ANSWER;
	f->deadline_ms = 0;
}

/* Kore has answered for itself, with an empty body: it could not write the
 * body's file. Everything else was refused before. */
static bool
kore_refused(struct front *f)
{
	if (f->c->state == CONN_STATE_ESTABLISHED &&
	    (f->c->flags & CONN_CLOSE_EMPTY) == 0)
		return false;
	f->deadline_ms = 0;
	log_error("kore_refused", LOG_STR("path", http_body_disk_path));
	metrics_count(
	    NO_ROUTE, N_METHODS, 500, clock_monotonic_us() - f->started_us);
	return true;
}

/* Give a vetted request to Kore, with that part of its body that is here. */
static int
pass(struct front *f, struct netbuf *nb, const struct vetted *v)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct connection *c = f->c;
	size_t here;

	keep_aside(f, nb, v->block_len + v->body_len);
	here = nb->s_off - v->block_len;
	memmove(nb->buf + v->len, nb->buf + v->block_len, here);
	nb->s_off = v->len + here;
	if (v->expects_continue && here == 0)
		net_send_queue(c, go_on, sizeof(go_on) - 1);

	if (!http_header_recv(nb))
		return KORE_RESULT_ERROR;
	c->http_timeout = 0;
	if (kore_refused(f))
		return KORE_RESULT_OK;
	if (nb->extra == NULL) {
		stop_reading(f);
		return KORE_RESULT_OK;
	}
	f->phase = BODY;
	f->deadline_ms = kore_time_ms() + BODY_MS * (1 + v->body_len / MIB);
	f->kore_body = nb->cb;
	nb->cb = front_body;
	return KORE_RESULT_OK;
}

/* Of a request whose body's end did not come: else exchange.c says it. */
static void
body_gone(struct http_request *req)
{
	large_end(req);
}

/* Give Kore a request whose body it takes to disk, if its caller may send
 * such a one. No buffer of ours holds it whole: pass() leaves the phase BODY
 * or an end of the connection. */
static int
pass_large(struct front *f, struct netbuf *nb, const struct vetted *v)
{
	char peer[PEER_ADDRESS_LEN];
	struct refusal refusal = { .method = v->method };
	struct mem mem = { 0 };
	struct block block = { .n_lines = 0 };
	struct caller caller;
	struct input in;
	const char *address;
	int done = KORE_RESULT_OK;

	if (block_read((struct span){ (char *)nb->buf, v->len }, &block) !=
	    NULL) {
		refuse(f, "bad_request", v); /* never: it was read before */
		return KORE_RESULT_OK;
	}
	block_input(&block, &mem, &in);
	in.method = v->method;
	address = client_address(peer_address(f->c, peer),
	    in.headers[HEADER_FORWARDED_FOR], config.trusted_proxies, &mem);
	if (large_admit(&in, address, &mem, &caller, &refusal.problem)) {
		done = pass(f, nb, v);
		if (f->phase == BODY) {
			struct http_request *req = nb->extra;

			req->onfree = body_gone;
			large_begin(req, caller.client);
		}
	} else {
		refusal.request_id = in.headers[HEADER_REQUEST_ID];
		refusal.english =
		    prefers_english(in.headers[HEADER_ACCEPT_LANGUAGE]);
		refusal.origin = in.headers[HEADER_ORIGIN];
		turn_away(f, &refusal);
	}
	mem_release(&mem);
	return done;
}

/* After the body's last byte Kore would read on, past this filter
 * (http.c:http_body_recv). */
static int
front_body(struct netbuf *nb)
{
	struct front *f = nb->owner->hdlr_extra;

	if (!f->kore_body(nb)) {
		kore_refused(f);
		return KORE_RESULT_ERROR;
	}
	if (nb->extra == NULL) {
		stop_reading(f);
	} else {
		f->kore_body = nb->cb;
		nb->cb = front_body;
	}
	return KORE_RESULT_OK;
}

static int
front_discard(struct netbuf *nb)
{
	struct front *f = nb->owner->hdlr_extra;

	f->discarded += nb->s_off;
	nb->s_off = 0;
	if (f->discarded > LINGER_BYTES) {
		nb->owner->evt.flags &= ~KORE_EVENT_READ;
		kore_connection_disconnect(nb->owner);
	}
	return KORE_RESULT_OK;
}

static void
resume_all(void *arg, uint64_t now)
{
	struct front *f;

	(void)arg;
	(void)now;
	while ((f = TAILQ_FIRST(&resuming)) != NULL) {
		TAILQ_REMOVE(&resuming, f, resume);
		f->queued = false;
		resume(f);
	}
}

/* Read the next request: what was kept aside, then the socket. */
static void
resume(struct front *f)
{
	struct connection *c = f->c;
	struct netbuf *nb = c->rnb;
	int done = KORE_RESULT_OK;

	if ((c->flags & CONN_CLOSE_EMPTY) != 0)
		return;
	f->phase = IDLE;
	kore_connection_start_idletimer(c);
	net_recv_reset(c, VET_BLOCK_MAX, front_recv);
	if (f->aside != NULL) {
		memcpy(nb->buf, f->aside, f->aside_len);
		nb->s_off = f->aside_len;
		free(f->aside);
		f->aside = NULL;
		f->aside_len = 0;
		done = front_recv(nb);
	}
	if (!done || !net_recv_flush(c))
		kore_connection_disconnect(c);
}

static void
expire(struct front *f)
{
	struct netbuf *nb = f->c->rnb;

	if (f->phase == LINGER) {
		kore_connection_disconnect(f->c);
		return;
	}
	if (f->phase == BODY) {
		struct http_request *req = nb->extra;

		nb->extra = NULL;
		req->flags |= HTTP_REQUEST_DELETE;
		http_request_wakeup(req);
	}
	refuse(f, "request_timeout", NULL);
}

/* In French, and to no script: nothing of the request is to be relied on. */
static void
refuse(struct front *f, const char *code, const struct vetted *v)
{
	struct mem mem = { 0 };
	struct refusal refusal = {
		.problem = { .code = code },
		.method = v != NULL ? v->method : N_METHODS,
	};

	if (v != NULL && v->request_id != NULL)
		refusal.request_id =
		    mem_copy(&mem, v->request_id, v->request_id_len);
	turn_away(f, &refusal);
	mem_release(&mem);
}

/*
 * Answer with a problem and end the connection. Unread bytes at a close make
 * the kernel send a reset, which can overtake the answer: so our side is
 * closed first, and theirs is read for a moment more.
 */
static void
turn_away(struct front *f, struct refusal *refusal)
{
	struct connection *c = f->c;
	char address[PEER_ADDRESS_LEN];
	struct mem mem = { 0 };
	const char *text;
	size_t len;

	refusal->address = peer_address(c, address);
	refusal->took_us = clock_monotonic_us() - f->started_us;
	text = refusal_text(refusal, &mem, &len);
	net_send_queue(c, text, len);
	mem_release(&mem);

	f->phase = LINGER;
	f->deadline_ms = kore_time_ms() + LINGER_MS;
	net_recv_reset(c, NETBUF_SEND_PAYLOAD_MAX, front_discard);
	if (!net_send_flush(c))
		kore_connection_disconnect(c);
	else if (!TAILQ_EMPTY(&c->send_queue))
		c->flags |= CONN_CLOSE_EMPTY;
	else
		shutdown(c->fd, SHUT_WR);
}
