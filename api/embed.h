/* The texts of api/sql, built in by tools/embed.awk (build/statements.c). */
#ifndef GUSP_EMBED_H
#define GUSP_EMBED_H

#include <stddef.h>

struct statement_text {
	const char *file; /* site.sql */
	const char *text;
};

extern const struct statement_text statement_texts[];
extern const size_t n_statement_texts;

#endif
