/*
 * What a verification found: for people on standard output, for machines as
 * JSON. The first leaf that is wrong is named.
 */
#ifndef GUSP_CLI_REPORT_H
#define GUSP_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "../ledger_tree.h"

enum {
	EXIT_UNJUDGED = 3 /* nothing wrong was found, not all was looked at */
};

#define NO_LEAF UINT64_MAX

struct report {
	json_t *document; /* owned */
	json_t *findings; /* in it */
	uint64_t first_wrong;
	bool certain; /* first_wrong is told by hashes that were signed */
	bool wrong, unjudged;
};

void report_open(struct report *report);

/* A fact of the verification: a member of the JSON. */
void report_text(struct report *report, const char *name, const char *text);
void report_number(struct report *report, const char *name, uint64_t number);
void
report_hash(struct report *report, const char *name, const struct hash *hash);
void report_json(struct report *report, const char *name, json_t *value);

/*
 * Something wrong, at a leaf or at NO_LEAF; or something that kept the
 * verification from going on. Sentences in both languages take the same
 * arguments.
 */
void report_wrong(struct report *report, const char *code, uint64_t leaf,
    const char *french, const char *english, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));
/* From here on the leaves that are named are known to be wrong, not concluded
 * from what stands beside them: the first one counts. */
void report_certain(struct report *report);

void report_unjudged(struct report *report, const char *code,
    const char *french, const char *english, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));

/* Print it, write the JSON to path unless it is NULL, free it. Returns the
 * exit status. */
int report_close(struct report *report, const char *path);

#endif
