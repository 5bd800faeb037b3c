/*
 * Pulling from an API: GETs and one POST with a bearer token, over libcurl.
 * One connection, kept; TLS is verified; redirects are not followed.
 */
#ifndef GUSP_CLI_PULL_H
#define GUSP_CLI_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pull;

/* An answer; its body is in memory unless it went to a file. */
struct pulled {
	long status; /* 0: there was none, error says why */
	char *body;  /* owned, NUL-terminated; "" if it went to a file */
	size_t len;  /* of the body, wherever it went */
	bool whole;  /* it did not end before its end */
	char error[256];
	int64_t start, end; /* Ledger-Start, Ledger-End; -1: not there */
};

/* base is https://host, without /v1; token may be NULL. Ends the process if
 * libcurl does not start. */
struct pull *pull_open(const char *base, const char *token);
void pull_close(struct pull *pull);

/*
 * A token of a client, by its secret (client_credentials), kept for what
 * follows. False with *error, which is the caller's to show.
 */
bool pull_authenticate(
    struct pull *pull, const char *client, const char *secret, char error[256]);

/* GET base + path; the body goes to file unless it is NULL, where only a 200
 * has one. */
void
pull_get(struct pull *pull, const char *path, FILE *file, struct pulled *out);

/* POST text/plain. */
void pull_post(
    struct pull *pull, const char *path, const char *text, struct pulled *out);

void pulled_free(struct pulled *pulled);

#endif
