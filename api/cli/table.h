/*
 * A table from names to small values of one size, in memory: open addressing
 * over 16 bytes of the name's SHA-256. Grows; nothing is ever taken out.
 */
#ifndef GUSP_CLI_TABLE_H
#define GUSP_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
	size_t width; /* of a value: set it before the first use */
	unsigned char *slots;
	size_t size, n;
};

/* The value of a name, zeroed when it is new (*fresh). Good until the next
 * call. Ends the process when memory does. */
void *table_at(struct table *table, const char *name, bool *fresh);

void table_free(struct table *table);

#endif
