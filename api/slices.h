/*
 * What an operation with x-stream answers: text of any length, slice after
 * slice, never more than one in memory.
 *
 * Its statement has two parts. The first is asked once and answers one row,
 * or none for not found: position, where the first slice begins (NULL: the
 * body is empty); until, a bound that all slices are given; headers and cache
 * as of any operation. The second is asked again and again, each time in a
 * transaction of its own, with the rights that the caller has then: it is
 * given :position and :until and answers one row of body, the text to send,
 * and the position of the next slice, NULL behind the last.
 *
 * A body that cannot be gone on with is broken off with its connection.
 */
#ifndef GUSP_SLICES_H
#define GUSP_SLICES_H

#include "exchange.h"

/* Read what the first part answered: sets the answer, which streams. */
enum next slices_read(struct exchange *x);

#endif
