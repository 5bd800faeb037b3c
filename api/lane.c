/* Lanes: who logs in where, and when. */
#include "lane.h"

const struct lane_row lane_table[N_LANES] = {
	[LANE_MEMBER] = { "member", "gusp_member", "gusp-member", false },
	[LANE_AUDITOR] = { "auditor", "gusp_auditor", "gusp-auditor", false },
	[LANE_ADMIN] = { "admin", "gusp_admin", "gusp-admin", true },
	[LANE_PRIVACY] = { "privacy", "gusp_privacy", "gusp-privacy", true },
	[LANE_AUTH] = { "auth", "gusp_auth", "gusp-auth", false },
};
