/*
 * Where the bytes of uploads are: four functions, and all that the rest of
 * the server knows of it.
 *
 * Today they are rows of PostgreSQL, of at most STORAGE_CHUNK bytes each, in
 * the transaction of the record that they belong to and under its row
 * rights (api/sql/storage.sql). An object store could fill the same four:
 * put keeps the bytes under their digest before the call is sent, drop takes
 * them back if the call failed, get and size ask the store after the
 * database has said that the caller sees the record.
 *
 * A function adds queries to a call that begins with enter(), so it is the
 * caller's rights that decide. What it is given is borrowed until db_send()
 * returns.
 */
#ifndef GUSP_STORAGE_H
#define GUSP_STORAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "db.h"
#include "mem.h"

#define STORAGE_CHUNK ((size_t)1024 * 1024)

/* What get reads at once: a part of a chunk, so that many slow readers do
 * not hold much. A chunk is a whole number of them. */
#define STORAGE_SLICE ((size_t)256 * 1024)

/*
 * Have these bytes kept with the record that the call creates before
 * (created(id)): both are there after it, or neither. At most
 * STORAGE_PUT_QUERIES queries.
 */
#define STORAGE_PUT_QUERIES 10
void storage_put(struct db_call *call, const unsigned char *bytes, size_t len,
    struct mem *mem);

/* Read the slice at offset, a multiple of STORAGE_SLICE: one query, whose
 * result is one row of one column, bytes; no row if nothing is there. */
void storage_get(
    struct db_call *call, const char *id, size_t offset, struct mem *mem);

/* How many bytes are kept of a record: one query, one row of one column,
 * text. */
void storage_size(struct db_call *call, const char *id);

/* A put did not come to be: its call failed, or nobody knows. Nothing of it
 * is there in a database that took the record's row back with it. */
void storage_drop(const char *sha256);

#endif
