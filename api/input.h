/*
 * What a request says, free of Kore: method, path, query and the header lines
 * the API knows. Pure modules and their tests read this and nothing else.
 */
#ifndef GUSP_INPUT_H
#define GUSP_INPUT_H

#include <stddef.h>

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	N_METHODS
};

/* The header lines the front filter lets through; its table names them. */
enum header {
	HEADER_HOST,
	HEADER_ACCEPT,
	HEADER_ACCEPT_LANGUAGE,
	HEADER_AUTHORIZATION,
	HEADER_CONNECTION,
	HEADER_CONTENT_LENGTH,
	HEADER_CONTENT_TYPE,
	HEADER_EXPECT,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_ORIGIN,
	HEADER_REQUEST_METHOD,  /* Access-Control-Request-Method */
	HEADER_REQUEST_HEADERS, /* Access-Control-Request-Headers */
	HEADER_FORWARDED_FOR,   /* X-Forwarded-For */
	HEADER_REQUEST_ID,      /* X-Request-Id */
	HEADER_TRACEPARENT,
	HEADER_TRACESTATE,
	N_HEADERS
};

/* Lower-case names, indexed by enum header (input.c). */
extern const char *const header_names[N_HEADERS];

/* Upper-case names, indexed by enum method (input.c). */
extern const char *const method_names[N_METHODS];

struct input {
	enum method method;
	const char *path;  /* as sent: not decoded, no query */
	const char *query; /* after '?', not decoded; NULL if there is none */
	const char *headers[N_HEADERS]; /* NULL: absent or empty */
	const char *body;
	size_t body_len;
};

#endif
