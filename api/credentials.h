/*
 * The form of an OAuth request and the credentials in it: RFC 6749 2.3.1 and
 * 3.2, RFC 7523 2.2. Pure functions over the request and what the database
 * says of the client.
 */
#ifndef GUSP_CREDENTIALS_H
#define GUSP_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"
#include "mem.h"
#include "token.h"

#define FORM_MAX 32

/* application/x-www-form-urlencoded, decoded; each name once. */
struct form {
	const char *names[FORM_MAX];
	const char *values[FORM_MAX];
	size_t n;
};

/* Read the body; false with *why, an English phrase for error_description. */
bool form_read(const struct input *in, struct mem *mem, struct form *out,
    const char **why);

/* A value; NULL if it is absent or empty, which is the same (RFC 6749 3.2). */
const char *form_get(const struct form *form, const char *name);

/* How a client says who it is: a secret or an assertion, never both. */
struct credentials {
	char client[37]; /* a UUID; all zeroes if what was sent is none */
	const char *secret;
	const char *assertion;
};

/*
 * Read them. False with *why: more than one method, or a malformed one
 * (invalid_request). Without any, both secret and assertion are NULL.
 */
bool credentials_read(const struct input *in, const struct form *form,
    struct mem *mem, struct credentials *out, const char **why);

/*
 * Whether the secret's SHA-256 is one of digests, a JSON array of hex texts.
 * Takes the same time whatever they are, also for an unknown client.
 */
bool credentials_secret(const struct credentials *given, const char *digests);

/* What an assertion is judged by: its audience, and the time. */
struct assertion_rules {
	const char *issuer; /* ours */
	const char *decoy;  /* PEM to verify with when there is no key */
	int64_t now_s;
};

/*
 * Whether the assertion is signed by one of keys, a JSON array of {kid, jwk}.
 * Then *jti and *expires_s are set: its use must be noted once. *why is a
 * word for the log.
 */
bool credentials_assertion(const struct credentials *given, const char *keys,
    const struct assertion_rules *rules, struct mem *mem, const char **jti,
    int64_t *expires_s, const char **why);

#endif
