/*
 * Configuration: environment variables, read once before workers fork.
 *
 * Secrets never come from the environment itself: they are files named by it.
 * The table in config.c is the list; README.md shows it to operators.
 */
#ifndef GUSP_CONFIG_H
#define GUSP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct config {
	const char
	    *database_url;    /* GUSP_DATABASE_URL: URI or conninfo, no user */
	const char *passfile; /* GUSP_PASSFILE: libpq passfile, or NULL */
	const char *issuer;   /* GUSP_ISSUER: public base URL, no final slash */
	const char *key_dir;  /* GUSP_KEY_DIR: <kid>.pem, mode 0400 or 0600 */
	const char *contract; /* GUSP_CONTRACT: the bundled document */
	const char *docs_dir; /* GUSP_DOCS: pages and bundle of /docs */
	const char *cors_origins; /* GUSP_CORS_ORIGINS: comma list, exact */
	const char
	    *trusted_proxies; /* GUSP_TRUSTED_PROXIES: comma list of IPs */
	long token_ttl_s;     /* GUSP_TOKEN_TTL, 600 */
	long rate_per_minute; /* GUSP_RATE, 600 a client; 0 is off */
	long token_rate_per_minute; /* GUSP_TOKEN_RATE, failures per address, 10
	                             */
	long drain_s;               /* GUSP_DRAIN, 10 */
	long links_member;          /* GUSP_LINKS_MEMBER, 6 */
	long links_auditor;         /* GUSP_LINKS_AUDITOR, 1 */
	long links_auth;            /* GUSP_LINKS_AUTH, 1 */
};

extern struct config config;

/* Fill config; false with a reason if a variable is missing or malformed. */
bool config_read(char *why, size_t why_len);

#endif
