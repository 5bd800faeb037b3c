/*
 * A mirror of the ledger: a file whose line k is leaf k, filled from an API
 * page by page. A page that was cut short, or a run that was killed, leaves
 * whole lines at the beginning; the next run goes on behind them.
 */
#ifndef GUSP_CLI_MIRROR_H
#define GUSP_CLI_MIRROR_H

#include <stdio.h>

#include "pull.h"
#include "report.h"

struct mirror {
	FILE *file;
	struct pull *pull; /* NULL: offline */
	uint64_t size;     /* whole lines */
	char *line;        /* owned: of mirror_next */
	size_t room;
};

/* Open the file, making it unless offline; what stands behind its last line
 * feed is dropped. Ends the process if it cannot. */
void mirror_open(struct mirror *mirror, const char *path, struct pull *pull);
void mirror_close(struct mirror *mirror);

/* Pull leaves until there are size of them; false, reported, if it cannot. */
bool mirror_pull(struct mirror *mirror, uint64_t size, struct report *report);

/* Read from the first leaf on; false at the end. A line is good until the
 * next is read. */
bool mirror_rewind(struct mirror *mirror);
bool mirror_next(struct mirror *mirror, const char **line, size_t *len);

/*
 * The leaves here do not make the tree of head: name those that are to blame.
 * The log's own tiles tell, if they make that tree: they are then as
 * authentic as its signature. Says nothing if they do not.
 */
void mirror_blame(
    struct mirror *mirror, const struct tree_head *head, struct report *report);

/* Ask for the proof that one tree extends the other, and check it. */
void mirror_consistency(struct mirror *mirror, const struct tree_head *from,
    const struct tree_head *to, struct report *report);

#endif
