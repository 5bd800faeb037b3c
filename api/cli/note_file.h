/*
 * Files of note keys: the private half of a log's or a witness' key, with its
 * name above the PEM, so that neither is used under another's name.
 */
#ifndef GUSP_CLI_NOTE_FILE_H
#define GUSP_CLI_NOTE_FILE_H

#include "../ledger_note.h"

struct note_secret {
	struct note_key key;
	unsigned char seed[NOTE_SEED_LEN];
};

/* Make a key and write it to path, which must not exist; mode 0600. Ends the
 * process if it cannot. */
void note_file_make(const char *path, const char *name, enum note_kind kind,
    struct note_key *out);

/* Read one; ends the process if it is not of this kind (0: of either). */
#define NOTE_ANY ((enum note_kind)0)
void
note_file_read(const char *path, enum note_kind kind, struct note_secret *out);

/* Write a file whole or not at all: beside it, to disk, then in its place.
 * False with errno. */
bool file_replace(const char *path, const char *text, size_t len);

#endif
