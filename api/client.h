/*
 * The client behind an OAuth request: who it says it is, proved.
 */
#ifndef GUSP_CLIENT_H
#define GUSP_CLIENT_H

#include <stdbool.h>

#include "credentials.h"
#include "exchange.h"

/* x->phase of an endpoint; the endpoint's own question comes back in WORK. */
enum client_phase {
	CLIENT_ASK,   /* read the request, ask who the client is */
	CLIENT_JUDGE, /* compare the secret, or verify the assertion */
	CLIENT_NOTED, /* the assertion's use was noted: was it the first? */
	CLIENT_WORK
};

/* What the database says of a client; texts live in the exchange's mem. */
struct client {
	bool live, member_live;
	const char *id, *membership, *actor, *role;
	const char *jti;                     /* a fresh one, for a token */
	const char *scopes, *secrets, *keys; /* JSON arrays */
	const char *issued_from; /* seconds; no older tokens. Or NULL */
};

/*
 * Make the client known: NEXT when it is, with form and client set; else
 * what to return. Reads the request again in each phase, so that nothing but
 * the phase need be remembered.
 */
enum next client_authenticate(
    struct exchange *x, struct form *form, struct client *client);

#endif
