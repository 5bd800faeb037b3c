/*
 * What a leaf says, judged leaf by leaf in the order of the tree: JSON of the
 * form that the ledger has, events that are there once, and in the history of
 * each subject no gap and no other past (seq, prev).
 */
#ifndef GUSP_CLI_HISTORY_H
#define GUSP_CLI_HISTORY_H

#include "report.h"
#include "table.h"

struct history {
	struct table subjects, events;
	const char *institution; /* whose leaves are listed; NULL: nobody's */
	json_t *own;             /* owned: those leaves, from own_from on */
	uint64_t own_from;
};

void
history_open(struct history *history, const char *institution, uint64_t from);

/* Judge a leaf; what is wrong goes to the report. */
void history_add(struct history *history, uint64_t index, const char *leaf,
    size_t len, const struct hash *hash, struct report *report);

void history_close(struct history *history);

#endif
