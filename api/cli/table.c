/* A table from names to values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "cli.h"
#include "table.h"

#define KEY_LEN    16
#define SIZE_LEAST 1024 /* a power of two */

/* Slots are key and value; a key of zeroes is a free slot, which no digest
 * is. */
static unsigned char *
slot_of(const struct table *table, const unsigned char *key)
{
	static const unsigned char none[KEY_LEN];
	size_t stride = KEY_LEN + table->width;
	uint64_t at;

	memcpy(&at, key, sizeof(at));
	for (;; at++) {
		unsigned char *slot =
		    table->slots + (at & (table->size - 1)) * stride;

		if (memcmp(slot, key, KEY_LEN) == 0 ||
		    memcmp(slot, none, KEY_LEN) == 0)
			return slot;
	}
}

static void
grow(struct table *table)
{
	static const unsigned char none[KEY_LEN];
	struct table old = *table;
	size_t stride = KEY_LEN + table->width;

	table->size = old.size == 0 ? SIZE_LEAST : old.size * 2;
	table->slots = calloc(table->size, stride);
	if (table->slots == NULL)
		die("mémoire épuisée", "out of memory");
	for (size_t i = 0; i < old.size; i++) {
		const unsigned char *slot = old.slots + i * stride;

		if (memcmp(slot, none, KEY_LEN) != 0)
			memcpy(slot_of(table, slot), slot, stride);
	}
	free(old.slots);
}

void *
table_at(struct table *table, const char *name, bool *fresh)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], *slot;

	if (table->n * 10 >= table->size * 7)
		grow(table);
	SHA256((const unsigned char *)name, strlen(name), digest);
	slot = slot_of(table, digest);
	*fresh = memcmp(slot, digest, KEY_LEN) != 0;
	if (*fresh) {
		memcpy(slot, digest, KEY_LEN);
		table->n++;
	}
	return slot + KEY_LEN;
}

void
table_free(struct table *table)
{
	free(table->slots);
	table->slots = NULL;
	table->size = table->n = 0;
}
