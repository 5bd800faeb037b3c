/*
 * How the authorisation server speaks: its answers, its refusals, and its
 * questions to the database.
 *
 * Refusals are those of RFC 6749 5.2. Its error_description is ASCII and for
 * developers: hence English, and in C. What it has no code for (quota, no
 * database) is told as a problem that also carries "error".
 */
#ifndef GUSP_OAUTH_REPLY_H
#define GUSP_OAUTH_REPLY_H

#include "exchange.h"

/* A JSON answer that nobody keeps; body is in mem, static, or NULL: none. */
enum next oauth_answer(struct exchange *x, int status, const char *body);

/* A refusal; both texts are constants of ours, without need to be escaped. */
enum next
oauth_fault(struct exchange *x, const char *error, const char *description);

/* What is not the client's fault: a problem code. */
enum next oauth_fail(struct exchange *x, const char *code, int retry_after_s);

/*
 * Ask one or two engine statements, parameters from x->args, in one
 * transaction. The exchange comes back in that phase.
 */
enum next
oauth_ask(struct exchange *x, const char *first, const char *second, int phase);

/* NEXT if the last question was answered, else what to return. */
enum next oauth_answered(struct exchange *x);

/* A column of the first row of an answer, in mem; NULL if there is none. */
const char *oauth_column(struct exchange *x, size_t result, const char *name);

#endif
