/*
 * The judgement on a raw header block: a pure function, so that unit tests
 * and a fuzzer can call it.
 */
#ifndef GUSP_VET_H
#define GUSP_VET_H

#include <stdbool.h>
#include <stddef.h>

#include "input.h"

#define VET_BLOCK_MAX  16384
#define VET_PATH_MAX   1900 /* of the target: path and query */
#define VET_BODY_MAX   ((size_t)256 * 1024)
#define VET_UPLOAD_MAX ((size_t)10 * 1024 * 1024)

enum vet_verdict {
	VET_MORE,  /* the block is not whole yet */
	VET_PASS,  /* compacted in place: len is the new length */
	VET_REFUSE /* code says why; the connection closes */
};

struct vetted {
	enum vet_verdict verdict;
	const char *code; /* of a problem: bad_request, header_too_large,
	                     uri_too_long, length_required, body_too_large,
	                     body_unexpected, method_unknown,
	                     version_unknown */
	size_t block_len; /* header block as received, with its blank line
	                     and empty lines before it */
	size_t len;       /* after compaction; never more than block_len */
	size_t body_len;  /* Content-Length, 0 if none */
	bool expects_continue;
	bool close;         /* Connection: close in any spelling, or HTTP/1.0 */
	enum method method; /* N_METHODS: not known */
	/* X-Request-Id of a refused block, if it was read; in text. */
	const char *request_id;
	size_t request_id_len;
};

/*
 * Judge the bytes at text. upload_path says whether a path takes uploads
 * (VET_UPLOAD_MAX instead of VET_BODY_MAX); it is asked only about bodies
 * that need it. On VET_PASS the block at text was reduced to the request
 * line and at most one line for each of header_names with a value, in
 * canonical lower case: lines that may be repeated are joined by commas
 * (RFC 9110 5.3), of Connection only "close" remains.
 *
 * Source: RFC 9112, stricter where Kore 4.1 http.c reads it differently.
 */
void vet(char *text, size_t len, bool (*upload_path)(const char *, size_t),
    struct vetted *out);

#endif
