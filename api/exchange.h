/*
 * One exchange: a request's life from route to answer.
 *
 * exchange.c holds the line it follows as a table of steps. A step does one
 * thing and returns NEXT, WAIT (a database answer is on its way; the step
 * runs again when it is there) or REFUSE (the problem is set). DONE means
 * that an answer is set and the rest of the line is passed over.
 */
#ifndef GUSP_EXCHANGE_H
#define GUSP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "answer.h"
#include "args.h"
#include "caller.h"
#include "contract.h"
#include "db.h"
#include "input.h"
#include "mem.h"
#include "problem.h"
#include "rate.h"
#include "route.h"

struct http_request;

enum next {
	NEXT,
	WAIT,
	REFUSE,
	DONE
};

struct exchange {
	struct http_request *req; /* NULL once the client has left */
	struct mem mem;
	size_t at; /* step of the line */
	int phase; /* of a step that waits more than once */
	int tries; /* times the operation was sent to the database */
	struct input in;
	struct route route;
	const struct operation *op;
	struct caller caller;
	bool known; /* caller is set */
	struct args args;
	json_t *body;          /* owned */
	struct db_call *call;  /* owned */
	struct upload *upload; /* owned; of an operation with x-upload */
	struct problem problem;
	struct answer answer;
	struct rate rate; /* of the caller: RateLimit headers, if rated */
	bool rated;
	const char *request_id;
	const char *trace_id, *span_id; /* hex; in mem */
	const char *address;            /* of the client, text; in mem */
	bool english;
	bool answered;
	uint64_t started_us; /* monotonic */
};

/* Refuse with a problem code; arg may be NULL. Returns REFUSE. */
enum next refuse(struct exchange *x, const char *code, const char *arg);

/* Wake the request when a database call is answered: for db_call(). */
void exchange_wake(void *x);

/* Send the call on a lane, or refuse with 503. Returns WAIT or REFUSE. */
enum next exchange_send(struct exchange *x, enum lane lane);

/* Requests of this worker that are not answered yet. */
size_t exchange_count(void);

#endif
