/*
 * The documentation pages: read from GUSP_DOCS and made from the contract at
 * start, before workers fork; what is not here then is not served.
 */
#ifndef GUSP_DOCS_H
#define GUSP_DOCS_H

#include <stdbool.h>
#include <stddef.h>

struct page {
	const char *name; /* of /docs/{page}; "" is /docs itself */
	const char *type;
	const char *body;
	size_t len;
	const char *etag;
	const char *csp; /* NULL: the usual one */
};

/*
 * Load guide.html as "guide", other files (.css, .js, .svg) under their own
 * name; make "" (the reference, drawn by redoc.standalone.js) and
 * "problems" (the catalogue of errors, an anchor for each code). False with
 * the reason if the directory is named and cannot be read.
 */
bool docs_load(char *why, size_t why_len);

/* NULL if there is no such page. */
const struct page *docs_find(const char *name);

/* `"<word>-<16 hex of SHA-256>"`, for what never changes while the process
 * lives; malloc'd. */
char *docs_etag(const char *word, const char *body, size_t len);

#endif
