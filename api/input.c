/* Names of methods and of the header lines the API knows. */
#include "input.h"

const char *const header_names[N_HEADERS] = {
	[HEADER_HOST] = "host",
	[HEADER_ACCEPT] = "accept",
	[HEADER_ACCEPT_LANGUAGE] = "accept-language",
	[HEADER_AUTHORIZATION] = "authorization",
	[HEADER_CONNECTION] = "connection",
	[HEADER_CONTENT_LENGTH] = "content-length",
	[HEADER_CONTENT_TYPE] = "content-type",
	[HEADER_EXPECT] = "expect",
	[HEADER_IDEMPOTENCY_KEY] = "idempotency-key",
	[HEADER_IF_MATCH] = "if-match",
	[HEADER_IF_NONE_MATCH] = "if-none-match",
	[HEADER_ORIGIN] = "origin",
	[HEADER_REQUEST_METHOD] = "access-control-request-method",
	[HEADER_REQUEST_HEADERS] = "access-control-request-headers",
	[HEADER_FORWARDED_FOR] = "x-forwarded-for",
	[HEADER_REQUEST_ID] = "x-request-id",
	[HEADER_TRACEPARENT] = "traceparent",
	[HEADER_TRACESTATE] = "tracestate",
};

const char *const method_names[N_METHODS] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};
