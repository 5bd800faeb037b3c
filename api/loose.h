/* jansson iterates over an object without changing it, yet asks for one that
 * may be changed. */
#ifndef GUSP_LOOSE_H
#define GUSP_LOOSE_H

#include <jansson.h>

/* The same value; the caller still only reads it. */
static inline json_t *
loose(const json_t *value)
{
	union {
		const json_t *in;
		json_t *out;
	} same = { .in = value };

	return same.out;
}

#endif
