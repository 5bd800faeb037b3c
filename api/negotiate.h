/*
 * What the client can take and who it is: languages, media types, request
 * identifiers and trace context. Pure functions of header values.
 */
#ifndef GUSP_NEGOTIATE_H
#define GUSP_NEGOTIATE_H

#include <stdbool.h>

#include "mem.h"

/* Whether English is asked for before French (RFC 9110 12.5.4). */
bool prefers_english(const char *accept_language);

/* Whether an Accept value (NULL: anything) admits a media type (12.5.1). */
bool accepts(const char *accept, const char *media_type);

/* Whether a Content-Type value names this media type, parameters apart. */
bool is_media_type(const char *content_type, const char *media_type);

/* The client's X-Request-Id if it is well-formed, else a new one. */
const char *request_id_of(const char *given, struct mem *mem);

/*
 * The address of the client: the peer's, or what a proxy that is trusted
 * says of it (X-Forwarded-For), the right-most hop: the only one that the
 * proxy itself wrote. proxies: addresses between blanks or commas, or NULL.
 */
const char *client_address(const char *peer, const char *forwarded,
    const char *proxies, struct mem *mem);

/*
 * The trace of a traceparent (W3C Trace Context), or a new one when it is
 * absent or bad; span is always new. Both hex, in mem.
 */
void trace_of(const char *traceparent, struct mem *mem, const char **trace,
    const char **span);

#endif
