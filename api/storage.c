/* Bytes of uploads in PostgreSQL: chunks as rows. */
#include <stdlib.h>

#include "storage.h"

#include "statement.h"

/* The only variant of a statement of ours, which has one part. */
static const struct part *
part_of(const char *name)
{
	static const struct args none;

	return &statement_variant(statement_named(name), &none)->parts[0];
}

void
storage_put(struct db_call *call, const unsigned char *bytes, size_t len,
    struct mem *mem)
{
	const struct part *put = part_of("content_put");

	for (size_t at = 0; at < len; at += STORAGE_CHUNK) {
		size_t n = len - at < STORAGE_CHUNK ? len - at : STORAGE_CHUNK;
		struct args args = { 0 };

		args_set(
		    &args, "seq", mem_print(mem, "%zu", at / STORAGE_CHUNK));
		args_set_bytes(&args, "bytes", bytes + at, (int)n);
		db_add(call, put, &args);
	}
}

void
storage_get(
    struct db_call *call, const char *id, size_t offset, struct mem *mem)
{
	struct args args = { 0 };

	args_set(&args, "id", id);
	args_set(&args, "seq", mem_print(mem, "%zu", offset / STORAGE_CHUNK));
	args_set(
	    &args, "first", mem_print(mem, "%zu", offset % STORAGE_CHUNK + 1));
	args_set(&args, "most", mem_print(mem, "%zu", STORAGE_SLICE));
	db_add(call, part_of("content_get"), &args);
	db_want_bytes(call);
}

void
storage_size(struct db_call *call, const char *id)
{
	struct args args = { 0 };

	args_set(&args, "id", id);
	db_add(call, part_of("content_size"), &args);
}

void
storage_drop(const char *sha256)
{
	(void)sha256; /* the rollback took it */
}
