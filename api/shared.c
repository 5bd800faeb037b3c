/*
 * Shared memory: anonymous maps, which a fork keeps.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>

#include "shared.h"

void *
shared_take(size_t len)
{
	/* Without a file the descriptor is -1 (mmap(2)). */
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    /* cppcheck-suppress invalidFunctionArg */
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("shared_take");
		abort();
	}
	return memory;
}
