/* Clocks; clock_gettime cannot fail for these two. */
#include <time.h>

#include "clock.h"

int64_t
clock_now_s(void)
{
	return (int64_t)time(NULL);
}

uint64_t
clock_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
