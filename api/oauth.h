/*
 * The authorisation server: client_credentials by private_key_jwt or by
 * secret (RFC 6749 4.4, RFC 7523), introspection (RFC 7662), revocation
 * (RFC 7009), metadata (RFC 8414) and key set (RFC 7517).
 */
#ifndef GUSP_OAUTH_H
#define GUSP_OAUTH_H

/* (Re)load signing and verification keys and the cursor secret through the
 * auth lane, and private keys from config.key_dir: at start of the worker
 * and whenever db_on_keys says so. */
void oauth_load_keys(void);

/* Whether this worker has keys and can verify tokens. */
int oauth_ready(void);

#endif
