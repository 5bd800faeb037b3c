/*
 * Lanes: kinds of database links, each with a database role of its own.
 */
#ifndef GUSP_LANE_H
#define GUSP_LANE_H

#include "contract.h"

enum lane {
	LANE_MEMBER,
	LANE_AUDITOR,
	LANE_ADMIN,
	LANE_AUTH,
	N_LANES
};

/* The lane of a caller's role. */
static inline enum lane
lane_of(enum role role)
{
	if (role == ROLE_AUDITOR)
		return LANE_AUDITOR;
	return role == ROLE_ADMIN ? LANE_ADMIN : LANE_MEMBER;
}

/* Bits 1u << enum role of those a lane serves; 0 for LANE_AUTH. */
static inline unsigned
lane_roles(enum lane lane)
{
	unsigned roles = 0;

	for (unsigned role = 0; lane != LANE_AUTH && role < N_ROLES; role++)
		if (lane_of((enum role)role) == lane)
			roles |= 1u << role;
	return roles;
}

#endif
