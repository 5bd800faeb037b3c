/*
 * The arena of one exchange: everything a request needs is taken from it and
 * released in one call when the request is over.
 *
 * Never fails: out of memory ends the worker, which its parent restarts.
 */
#ifndef GUSP_MEM_H
#define GUSP_MEM_H

#include <stddef.h>

struct mem_block;

/* An empty arena is all zeroes: struct mem m = { 0 }. */
struct mem {
	struct mem_block *head;
};

/* len bytes, zeroed, aligned for any type, owned by the arena. */
void *mem_take(struct mem *mem, size_t len);

/* A NUL-terminated copy of len bytes, owned by the arena. */
char *mem_copy(struct mem *mem, const char *text, size_t len);

/* A formatted string, owned by the arena. */
char *mem_print(struct mem *mem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Give everything back; the arena is empty and usable again. */
void mem_release(struct mem *mem);

#endif
