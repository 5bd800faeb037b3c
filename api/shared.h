/*
 * Memory that all workers share: taken at start, before they fork.
 */
#ifndef GUSP_SHARED_H
#define GUSP_SHARED_H

#include <stddef.h>

/* len bytes, zeroed, never freed. Never fails: the start does. */
void *shared_take(size_t len);

#endif
