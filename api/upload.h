/*
 * What an operation with x-upload receives: looked at, cleaned, and given to
 * its statement.
 *
 * Kore has taken a long body to a file: it is mapped, cleaned where it is,
 * and sent from there; a short one is cleaned where Kore holds it. Only
 * UPLOADS_AT_ONCE of a worker are in hand at a time, because what goes to
 * PostgreSQL passes through the buffers of its links, which never shrink;
 * the others wait with their bytes on disk.
 */
#ifndef GUSP_UPLOAD_H
#define GUSP_UPLOAD_H

#include "exchange.h"

#define UPLOADS_AT_ONCE 2

struct upload;

/*
 * A step. Refuses what is not of the declared type (415), malformed or too
 * large an image (422); else gives x->args what a statement may name beside
 * its parameters: media_type, size, sha256, stripped, width, height.
 */
enum next upload_receive(struct exchange *x);

/* The cleaned bytes. */
const unsigned char *upload_bytes(const struct upload *u, size_t *len);

/* Wakes the exchange; for db_call() of an upload, instead of exchange_wake:
 * it outlives the exchange. */
void upload_wake(void *upload);

/* The exchange is over. A call of it that is under way is the upload's from
 * then on, which keeps its turn until that call has ended. */
void upload_leave(struct exchange *x);

#endif
