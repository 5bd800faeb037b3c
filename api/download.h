/*
 * What an operation with x-download answers: the bytes of a record, slice
 * after slice, never more than one in memory.
 *
 * Its statement has one part, and answers body: a JSON object of media_type,
 * size and name (of a file, ASCII); etag: the SHA-256 of the bytes, in hex.
 * The bytes are those kept under the path parameter id. Each slice is read
 * in a transaction of its own, with the rights that the caller has then.
 */
#ifndef GUSP_DOWNLOAD_H
#define GUSP_DOWNLOAD_H

#include "exchange.h"

/* Add to x->call, behind the statement, what tells of the bytes. */
void download_add(struct exchange *x);

/* Read what came: sets the answer, which streams. */
enum next download_read(struct exchange *x);

#endif
