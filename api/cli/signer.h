/*
 * The signer of the ledger: the one who publishes checkpoints.
 *
 * It keeps, in a file of its own, the frontier of the tree that it signed
 * last. What it signs next is that frontier with the new leaves folded in, so
 * that it cannot sign a rewriting of what it signed before, even of a
 * database that was rebuilt without a flaw. When the database has less than
 * was signed, or something else, it freezes: it signs no more, says why, and
 * the database refuses writes.
 *
 * Order of a publication: barrier, leaves, state on disk, row in the database.
 * What is lost in a crash between the last two is put right at the next start.
 */
#ifndef GUSP_CLI_SIGNER_H
#define GUSP_CLI_SIGNER_H

#include <stdbool.h>

#include "note_file.h"

#include <libpq-fe.h>

#define SIGNER_KEYS_MAX 2 /* two during a rotation */

struct signer {
	struct note_secret keys[SIGNER_KEYS_MAX];
	size_t n_keys;
	const char *state_path;
	int lock;   /* of the state: one signer on this machine */
	bool ready; /* holds the database's lock and has compared */
	struct frontier frontier; /* of what was signed */
	bool signed_once;
	bool published; /* the last checkpoint is in the database */
	char note[NOTE_TEXT_MAX + SIGNER_KEYS_MAX * NOTE_LINE_MAX];
	char frozen[256]; /* why; "" if not */
};

/*
 * Read keys (paths separated by ':', the first one's name is the origin) and
 * state; take the lock of the state. Ends the process if it cannot.
 */
void signer_open(struct signer *signer, const char *keys, const char *state);

/*
 * Sign and publish what the database has more than was signed, if anything.
 * False if the connection should be given up; a frozen signer does nothing.
 * *warned is set by the connection's notice receiver.
 */
bool signer_run(struct signer *signer, PGconn *conn, bool *warned);

/*
 * Begin from a checkpoint that a witness holds, where the signer's own state
 * is lost: its signature and the database's leaves are checked. Ends the
 * process if they do not fit.
 */
void signer_adopt(struct signer *signer, PGconn *conn, const char *path);

#endif
