/* Clocks: wall time for tokens and dates, monotonic time for durations. */
#ifndef GUSP_CLOCK_H
#define GUSP_CLOCK_H

#include <stdint.h>

int64_t clock_now_s(void);         /* seconds since 1970, UTC */
uint64_t clock_monotonic_us(void); /* microseconds, never goes back */

#endif
