/*
 * Native operations: the few that have no statement.
 *
 * An operationId found both here and in api/sql, or in neither, stops the
 * server at start.
 */
#ifndef GUSP_NATIVE_H
#define GUSP_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "exchange.h"

typedef enum next (*native_run)(struct exchange *x);

struct native {
	const char *id;
	native_run run;
};

/* livez_get, readyz_get, metrics_get, contract_get, docs_get,
 * docs_page_get, root_get, api_catalog_get, security_txt_get (native.c). */
extern const struct native natives[];
extern const size_t n_natives;

/* oauth_token, oauth_introspect, oauth_revoke, oauth_metadata, jwks_get
 * (oauth.c). */
extern const struct native oauth_natives[];
extern const size_t n_oauth_natives;

/* Bind the natives to contract's operations, and load what they serve
 * (contract, documentation pages). False with the reason. */
bool native_bind(char *why, size_t why_len);

#endif
