/*
 * Long answers in constant memory: one chunk outstanding a client, the next
 * is asked for when the last one has drained (net_send_stream).
 */
#ifndef GUSP_STREAM_H
#define GUSP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct stream;

/* The next chunk is not there yet: stream_resume() will say when. */
#define STREAM_WAIT SIZE_MAX

/* There is no next chunk, though the body is not at its end: the connection
 * is closed, so that a client does not take what it has for the whole. */
#define STREAM_BREAK (SIZE_MAX - 1)

/*
 * Where a stream's bytes come from. next gives the next chunk (borrowed
 * until it is called again or done is) and its length; 0 ends the stream, or
 * breaks it off if its length was promised. It may say STREAM_WAIT instead
 * and must then see to one stream_resume() from the event loop, never from
 * inside next. done is called once, also when the client leaves early; the
 * stream is no more after it.
 */
struct stream_source {
	size_t (*next)(void *state, struct stream *stream, const char **chunk);
	void (*done)(void *state);
	void *state;
};

/*
 * Send a body after the response headers were set with
 * http_response_header(). len is the whole length, sent as Content-Length;
 * with len 0 it is not known and HTTP/1.1 chunked coding is used.
 */
void stream_send(struct http_request *req, int status, size_t len,
    struct stream_source source);

/* What a source let its stream wait for is there. */
void stream_resume(struct stream *stream);

#endif
