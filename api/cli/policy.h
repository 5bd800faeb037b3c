/*
 * A policy: whose signatures make a checkpoint good enough. A text of lines,
 * after C2SP tlog-policy:
 *
 *     log VKEY
 *     witness NAME VKEY
 *     group NAME all|any|N MEMBER ...      of witnesses and groups above
 *     quorum none|NAME
 *
 * "#" begins a comment. Without a file the policy is the log's key alone.
 */
#ifndef GUSP_CLI_POLICY_H
#define GUSP_CLI_POLICY_H

#include "report.h"

#include "../ledger_note.h"

#define POLICY_LOGS_MAX    4
#define POLICY_MEMBERS_MAX 64

struct policy {
	struct note_key logs[POLICY_LOGS_MAX];
	size_t n_logs;
	struct policy_member {
		char name[64];
		bool is_group;
		struct note_key key;          /* of a witness */
		size_t needs;                 /* of a group */
		bool has[POLICY_MEMBERS_MAX]; /* of a group: by place */
		bool signed_;                 /* in the note at hand */
		uint64_t time_s;
	} at[POLICY_MEMBERS_MAX];
	size_t n;
	size_t quorum; /* place of the member; n: none is asked for */
};

/* Read a file; ends the process, with the line, if it is malformed. */
void policy_read(struct policy *policy, const char *path);

/* The policy of one verifier key of a log. */
void policy_of_key(struct policy *policy, const char *vkey);

/*
 * Judge a checkpoint's cosignatures. Findings go to the report; with them who
 * signed and when. A quorum that is older than max_age_s is no quorum.
 */
void policy_judge(struct policy *policy, const struct note *note,
    uint64_t now_s, uint64_t max_age_s, struct report *report);

#endif
