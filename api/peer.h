/*
 * The other end of a connection: its address, and its bytes as Kore reads
 * them but for one thing: a client that has only stopped sending still gets
 * its answer.
 */
#ifndef GUSP_PEER_H
#define GUSP_PEER_H

#include <netinet/in.h>

#include <stddef.h>

#define PEER_ADDRESS_LEN INET6_ADDRSTRLEN

struct connection;

/* Writes the address into out and returns it, or "local". */
const char *
peer_address(const struct connection *c, char out[PEER_ADDRESS_LEN]);

/* For c->evt.handle. */
void peer_event(void *c, int error);

/* For c->read. */
int peer_read(struct connection *c, size_t *bytes);

#endif
