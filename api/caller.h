/*
 * Who asks: a bearer token turned into a caller.
 *
 * Verified tokens are kept per worker, keyed by their SHA-256, until
 * min(exp, 60 s). That spares the signature, never the rights: client,
 * membership and revocation are read in the database with every request.
 */
#ifndef GUSP_CALLER_H
#define GUSP_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract.h"
#include "mem.h"
#include "problem.h"

struct caller {
	char client[37];
	char membership[37];
	char actor[37];
	char token[37]; /* jti */
	enum role role;
	int64_t issued_s, expires_s;
	const char *scope; /* space separated; lives in the exchange's mem */
};

/*
 * Public keys of this worker's issuer, replaced as a whole: JSON array of
 * {kid, alg, state, jwk}. Forgets every verified token. False if some key
 * could not be read; the others serve.
 */
bool caller_keys(const json_t *keys);

/* Whether there is a key to verify with. */
bool caller_ready(void);

/* authorization: the header's value or NULL. address: whose refused tokens
 * are counted, so that forgeries cannot take all of a core. False with p
 * filled. */
bool caller_from_header(const char *authorization, const char *address,
    struct mem *mem, struct caller *out, struct problem *p);

/*
 * An access token of ours: its claims (a new reference), or NULL. Signature,
 * dates and form only; whether it still counts is the database's to say.
 */
json_t *caller_claims(const char *token, size_t len);

/* Role and scope of the contract: false with p filled (403). */
bool caller_may(const struct caller *caller, const struct operation *op,
    struct mem *mem, struct problem *p);

#endif
