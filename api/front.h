/*
 * The front filter: vets each raw header block before Kore's parser sees it
 * (bind ... front_connect), keeps bytes of pipelined requests aside, answers
 * Expect: 100-continue, and refuses with problem+json what Kore would drop,
 * truncate or misread.
 *
 * One request of a connection is in Kore's hands at a time; the next is read
 * when front_rearm() says that the last one was answered.
 */
#ifndef GUSP_FRONT_H
#define GUSP_FRONT_H

#include <stdbool.h>
#include <stddef.h>

struct connection;

/* The callback named in kore.conf's bind line. */
void front_connect(struct connection *c);

/*
 * After an answer was sent on a connection: read the next request, which may
 * be here already. Reads from the event loop, never from inside this call.
 * NULL, a closing and a closed connection are allowed and do nothing; so is
 * one that is held.
 */
void front_rearm(struct connection *c);

/*
 * The last answer is still being made by stream.c, which calls front_rearm()
 * itself when it is whole. gone(arg) is called if the connection ends before;
 * NULL when the answer is made.
 */
void front_hold(struct connection *c, void (*gone)(void *), void *arg);

/* Deadlines of header blocks and bodies; from the worker's timer, several
 * times a second. */
void front_tick(void);

/*
 * Draining: connections without a request close soon, and every next answer
 * must close its connection (CONN_CLOSE_EMPTY before http_response()).
 */
void front_drain(void);
bool front_draining(void);

/* Connections of this worker that still wait for an answer or for the rest
 * of one. */
size_t front_busy(void);

#endif
