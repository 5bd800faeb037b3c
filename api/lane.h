/*
 * Lanes: kinds of database links, each with a database role of its own.
 */
#ifndef GUSP_LANE_H
#define GUSP_LANE_H

#include <stdbool.h>

#include "contract.h"

enum lane {
	LANE_MEMBER,
	LANE_AUDITOR,
	LANE_ADMIN,
	LANE_PRIVACY, /* what is x-private, whoever calls */
	LANE_AUTH,
	N_LANES
};

struct lane_row {
	const char *name;
	const char *role;        /* it logs in as */
	const char *application; /* as PostgreSQL shows it */
	bool on_demand;          /* opened by its first call, which waits */
};

/* Indexed by enum lane (lane.c). */
extern const struct lane_row lane_table[N_LANES];

/* The lane of an operation that a role calls. */
static inline enum lane
lane_of(const struct operation *op, enum role role)
{
	if (op->private)
		return LANE_PRIVACY;
	if (role == ROLE_AUDITOR)
		return LANE_AUDITOR;
	return role == ROLE_ADMIN ? LANE_ADMIN : LANE_MEMBER;
}

/* Do some of its roles call an operation, which is not public, on a lane? */
static inline bool
lane_serves(enum lane lane, const struct operation *op)
{
	for (unsigned role = 0; role < N_ROLES; role++)
		if ((op->roles & 1u << role) != 0 &&
		    lane_of(op, (enum role)role) == lane)
			return true;
	return false;
}

#endif
