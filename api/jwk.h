/*
 * JSON Web Keys (RFC 7517): which keys are good enough, and their forms.
 *
 * Size, curve and algorithm are judged here, when a key is loaded, because
 * libjwt never does: P-256 for ES256, RSA of 2048 to 4096 bits for RS256.
 */
#ifndef GUSP_JWK_H
#define GUSP_JWK_H

#include <stdbool.h>

#include <jansson.h>

#include "token.h"

/* A thumbprint, base64url, with its NUL. */
#define JWK_KID_MAX 44

/*
 * A public JWK as PEM; malloc'd, *alg set. NULL if it is anything else than
 * a good public key (private members are refused); *why is a constant word.
 */
char *jwk_pem(const json_t *jwk, enum token_alg *alg, const char **why);

/* RFC 7638 thumbprint of a JWK that jwk_pem() accepts. */
bool jwk_thumbprint(const json_t *jwk, char out[JWK_KID_MAX]);

/* A new P-256 private key as PKCS #8 PEM; malloc'd, or NULL. */
char *jwk_generate(void);

/* The public JWK {kty, crv, x, y} of a P-256 private key; new, or NULL. */
json_t *jwk_of_private(const char *pem);

/* "ES256", "RS256", indexed by enum token_alg. */
extern const char *const jwk_alg_names[];

#endif
