/*
 * Access tokens and client assertions: libjwt behind its guards. Nothing
 * else in this program touches a token.
 *
 * The guards stand before and after libjwt because it lets through: HS256
 * signed with a public PEM, no key at all, foreign curves, duplicate header
 * members, padding, expired and misdirected claims, 16 MiB of text.
 */
#ifndef GUSP_TOKEN_H
#define GUSP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "mem.h"

#define TOKEN_MAX      4096
#define TOKEN_LEEWAY_S 60 /* on exp, nbf and iat */

enum token_alg {
	TOKEN_ES256,
	TOKEN_RS256
};

/*
 * A public key to verify with; kid and pem are borrowed. The pem comes from
 * jwk_pem(), which has judged its size and curve.
 */
struct token_key {
	const char *kid;
	enum token_alg alg;
	const char *pem;
};

/* Finds the key for a kid; NULL if unknown. */
typedef const struct token_key *(*token_key_find)(const char *kid, void *arg);

/* What a token must say. */
struct token_rules {
	const char *issuer;       /* iss, exactly */
	const char *audience;     /* aud, or one of it */
	const char *audience_too; /* also accepted, or NULL */
	int64_t now_s;
	int64_t max_life_s; /* exp is at most this far ahead of now: no
	                       leeway, it is the caller's to add */
	bool jti_required;
};

/*
 * Verify a compact JWT: exp, sub and, if asked, jti must be there. Returns its
 * claims (a new reference) or NULL, and then *why is a constant word for the
 * log (never for the caller).
 */
json_t *token_verify(const char *token, size_t len, token_key_find find,
    void *arg, const struct token_rules *rules, const char **why);

/* An unverified text claim, to choose whose keys verify the token; copied
 * into mem, NULL if it is not there or the token is malformed. */
const char *
token_peek(const char *token, size_t len, const char *claim, struct mem *mem);

/* Sign claims with an EC P-256 private key (PEM); malloc'd, or NULL. */
char *token_sign(const json_t *claims, const char *kid, const char *pem);

#endif
