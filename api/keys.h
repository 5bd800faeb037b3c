/*
 * Our own keys, as this worker has them: the public ones from the database,
 * the private one that signs from config.key_dir. Read again at NOTIFY and
 * every few minutes; replaced as a whole.
 */
#ifndef GUSP_KEYS_H
#define GUSP_KEYS_H

/* What tokens are signed with. Borrowed until the event loop runs again. */
struct signer {
	const char *kid;
	const char *pem; /* private */
	const char *public_pem;
};

/* Ask the database for them; the answer takes effect when it comes. */
void keys_load(void);

/* NULL while there is no active key, or its file is missing. */
const struct signer *keys_signer(void);

/* The JWK set (RFC 7517), or NULL before the first load. Borrowed likewise. */
const char *keys_set(void);

#endif
