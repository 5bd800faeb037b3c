/*
 * Signed notes and checkpoints as C2SP writes them (signed-note,
 * tlog-checkpoint, tlog-cosignature): text, a blank line, signature lines.
 * Bytes in, bytes out; no I/O.
 *
 * A checkpoint's text is three lines: the log's origin, the size of the tree,
 * its root in base64. A log signs the text as it is, a witness signs it with
 * the time it saw it.
 */
#ifndef GUSP_LEDGER_NOTE_H
#define GUSP_LEDGER_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger_tree.h"

#define NOTE_NAME_MAX  200 /* of a key, which is the origin of a log's */
#define NOTE_TEXT_MAX  512 /* of a checkpoint, with its NUL */
#define NOTE_LINE_MAX  512 /* of a signature line, with its NUL */
#define NOTE_VKEY_MAX  (NOTE_NAME_MAX + 64)
#define NOTE_LINES_MAX 100
#define NOTE_SEED_LEN  32
#define NOTE_KEY_LEN   32

enum note_kind {
	NOTE_LOG = 0x01,    /* Ed25519 over the text */
	NOTE_WITNESS = 0x04 /* Ed25519 over cosignature/v1, time and text */
};

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	enum note_kind kind;
	unsigned char bytes[NOTE_KEY_LEN]; /* the public key */
	unsigned char id[4];
};

/* False if the name cannot be one (empty, blanks, "+", control characters). */
bool note_key_make(const char *name, enum note_kind kind,
    const unsigned char bytes[NOTE_KEY_LEN], struct note_key *out);

/* The same from the seed of the private key. */
bool note_key_of_seed(const char *name, enum note_kind kind,
    const unsigned char seed[NOTE_SEED_LEN], struct note_key *out);

/* A verifier key: name+hex of the id+base64(kind || key). False if it is
 * malformed or its id is not its own. */
bool note_key_read(const char *vkey, struct note_key *out);
void note_key_write(const struct note_key *key, char out[NOTE_VKEY_MAX]);

/* --- checkpoints ---------------------------------------------------------- */

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	struct tree_head head;
};

void
checkpoint_write(const struct checkpoint *checkpoint, char out[NOTE_TEXT_MAX]);

/* Strict: three lines, no leading zero, a root of 32 bytes. */
bool
checkpoint_read(const char *text, size_t len, struct checkpoint *checkpoint);

/* --- signatures ------------------------------------------------------------
 */

/* A note taken apart; it points into the bytes it was read from. */
struct note {
	const char *text;
	size_t text_len; /* with the last line feed */
	struct note_line {
		const char *line; /* whole, with its line feed */
		size_t line_len;
		const char *name;
		size_t name_len;
		unsigned char id[4];
		const char *body; /* base64 of id and signature */
		size_t body_len;
	} at[NOTE_LINES_MAX];
	size_t n; /* from 1 on */
};

/* False if these bytes are no note: no blank line or no signature line, a
 * malformed one, control characters, more than NOTE_LINES_MAX lines. */
bool note_read(const char *bytes, size_t len, struct note *out);

/*
 * What a key has to say of a note. GOOD: a line of this key verifies, and
 * *time_s (may be NULL) is when a witness signed. BAD: a line with its name
 * and id does not verify, which spoils the whole note whatever others say.
 */
enum note_verdict {
	NOTE_UNSIGNED,
	NOTE_GOOD,
	NOTE_BAD
};

enum note_verdict note_check(
    const struct note *note, const struct note_key *key, uint64_t *time_s);

/*
 * A signature line, with its line feed, under a text; time_s counts for a
 * witness only. False if OpenSSL fails.
 */
bool
note_sign(const struct note_key *key, const unsigned char seed[NOTE_SEED_LEN],
    const char *text, uint64_t time_s, char out[NOTE_LINE_MAX]);

/*
 * A note that is a checkpoint of this log: form, origin and the signature of
 * one of its keys (a rotation has two), none of them bad. False if not.
 */
bool checkpoint_open(const char *bytes, size_t len, const struct note_key *keys,
    size_t n_keys, struct note *note, struct checkpoint *out);

#endif
