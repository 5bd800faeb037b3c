/*
 * Quotas: a table of counters in memory that all workers share.
 *
 * A key's counter stands in one of the WAYS slots that its hash chooses. A
 * slot is claimed by exchanging its tag; a counter of a past window counts
 * as zero. Nothing is ever freed and nothing waits.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/sha.h>

#include "rate.h"

#include "clock.h"
#include "shared.h"

#define WINDOW_US 60000000u
#define SETS      ((size_t)8192)
#define WAYS      ((size_t)8)

struct slot {
	_Atomic uint64_t tag; /* hash of the key; 0 is free */
	_Atomic uint64_t
	    count; /* window in the upper half, uses in the lower */
};

static struct slot *table;
/* Drawn at start, so that nobody can choose keys that fall together. */
static unsigned char seed[16];

void
rate_setup(void)
{
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		perror("rate_setup");
		abort();
	}
	table = shared_take(SETS * WAYS * sizeof(struct slot));
}

static uint64_t
hash_of(const char *bucket, const char *key)
{
	unsigned char text[512], digest[SHA256_DIGEST_LENGTH];
	uint64_t hash;
	int n;

	memcpy(text, seed, sizeof(seed));
	n = snprintf((char *)text + sizeof(seed), sizeof(text) - sizeof(seed),
	    "%s\n%s", bucket, key);
	if (n < 0 || (size_t)n >= sizeof(text) - sizeof(seed))
		n = (int)(sizeof(text) - sizeof(seed)) - 1;
	SHA256(text, sizeof(seed) + (size_t)n, digest);
	memcpy(&hash, digest, sizeof(hash));
	return hash == 0 ? 1 : hash;
}

/* Uses in this window; what is left of a past one is none. */
static uint32_t
uses_of(uint64_t count, uint32_t window)
{
	return (uint32_t)(count >> 32) == window ? (uint32_t)count : 0;
}

static struct slot *
slot_find(uint64_t hash)
{
	struct slot *set = table + (hash % SETS) * WAYS;

	for (size_t i = 0; i < WAYS; i++)
		if (atomic_load(&set[i].tag) == hash)
			return &set[i];
	return NULL;
}

/*
 * The slot of a key, claimed if it has none: the one of its set that is
 * least used in this window, whose count the key inherits.
 */
static struct slot *
slot_claim(uint64_t hash, uint32_t window)
{
	struct slot *set = table + (hash % SETS) * WAYS;

	for (;;) {
		struct slot *found = slot_find(hash);
		struct slot *least = &set[0];

		if (found != NULL)
			return found;
		for (size_t i = 1; i < WAYS; i++)
			if (uses_of(atomic_load(&set[i].count), window) <
			    uses_of(atomic_load(&least->count), window))
				least = &set[i];

		uint64_t old = atomic_load(&least->tag);

		/* Lost to another worker: perhaps it claimed for our key. */
		if (atomic_compare_exchange_strong(&least->tag, &old, hash))
			return least;
	}
}

static uint32_t
use(struct slot *slot, uint32_t window)
{
	uint64_t old = atomic_load(&slot->count);
	uint32_t uses;

	do {
		uses = uses_of(old, window);
		if (uses < UINT32_MAX)
			uses++;
	} while (!atomic_compare_exchange_weak(
	    &slot->count, &old, (uint64_t)window << 32 | uses));
	return uses;
}

static void
judge(const char *bucket, const char *key, long quota, bool taking,
    struct rate *out)
{
	uint64_t now = clock_monotonic_us();
	/* From 1, so that memory all zeroes is of no window. */
	uint32_t window = (uint32_t)(now / WINDOW_US + 1);
	uint64_t left_us = WINDOW_US - now % WINDOW_US;
	uint32_t uses = 0;

	*out = (struct rate){ .quota = quota > 0 ? quota : 0,
		.reset_s = (long)((left_us + 999999) / 1000000) };
	if (quota <= 0)
		return;

	uint64_t hash = hash_of(bucket, key);

	if (taking) {
		uses = use(slot_claim(hash, window), window);
		out->exceeded = uses > (uint64_t)quota;
	} else {
		struct slot *slot = slot_find(hash);

		if (slot != NULL)
			uses = uses_of(atomic_load(&slot->count), window);
		out->exceeded = uses >= (uint64_t)quota;
	}
	out->remaining = uses < (uint64_t)quota ? quota - (long)uses : 0;
}

void
rate_take(const char *bucket, const char *key, long quota, struct rate *out)
{
	judge(bucket, key, quota, true, out);
}

void
rate_peek(const char *bucket, const char *key, long quota, struct rate *out)
{
	judge(bucket, key, quota, false, out);
}
