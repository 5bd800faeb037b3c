/*
 * What a client proves itself with, and what it may ask for: shared by the
 * verbs that make clients. Each ends the process if it cannot.
 */
#ifndef GUSP_CLI_CREDENTIAL_H
#define GUSP_CLI_CREDENTIAL_H

#include <libpq-fe.h>

/* Give the client a new secret, and print it: nobody can read it again. */
void credential_secret(PGconn *conn, const char *client);

/* Register a public key: a JWK, or a JWK set with one key. Prints its kid. */
void credential_jwk(PGconn *conn, const char *client, const char *path);

/* The scopes of every operation that the contract lets a role call, perhaps
 * several times; malloc'd. */
char *credential_scopes_of(const char *role);

/* "a b" as a PostgreSQL array; malloc'd. Scopes that no operation of the
 * contract needs are refused. */
char *credential_scopes(const char *words);

#endif
