/*
 * The gusp command: what its verbs share. A verb does one thing and ends; what
 * goes wrong ends the process with a sentence on standard error, and the
 * database undoes what was begun.
 */
#ifndef GUSP_CLI_H
#define GUSP_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_MISUSED = 2
};

/* Verbs, one a file; argv[0] is the verb's own name. They return an exit
 * status. */
int prepare_run(int argc, char **argv);
int migrate_run(int argc, char **argv);
int bootstrap_run(int argc, char **argv);
int client_run(int argc, char **argv);
int key_run(int argc, char **argv);
int healthcheck_run(int argc, char **argv);
int statement_run(int argc, char **argv);
int tend_run(int argc, char **argv);
int witness_run(int argc, char **argv);
int verify_run(int argc, char **argv);
int restore_run(int argc, char **argv);

/* Say how the verb named argv[0] is used; returns EXIT_MISUSED. */
int usage(const char *verb);

/* Whether the user reads English; else French. */
bool is_english(void);

/* A sentence in both languages with the same arguments; ends the process. */
void die(const char *french, const char *english, ...)
    __attribute__((noreturn, format(printf, 1, 3), format(printf, 2, 3)));

/* A variable of the environment, or fallback; without one it must be set. */
const char *setting(const char *name, const char *fallback);

/* A whole file, NUL-terminated, malloc'd; ends the process if unreadable. */
char *file_read(const char *path, size_t *len);

#endif
