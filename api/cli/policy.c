/* Policies of gusp verify. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "policy.h"

#define WORDS_MAX (POLICY_MEMBERS_MAX + 3)

static bool
add_log(struct policy *policy, const char *vkey)
{
	struct note_key *key = &policy->logs[policy->n_logs];

	if (policy->n_logs == POLICY_LOGS_MAX || !note_key_read(vkey, key) ||
	    key->kind != NOTE_LOG)
		return false;
	policy->n_logs++;
	return true;
}

void
policy_of_key(struct policy *policy, const char *vkey)
{
	memset(policy, 0, sizeof(*policy));
	if (!add_log(policy, vkey))
		die("« %s » n'est pas la clé d'un registre (ledger_key)",
		    "\"%s\" is no key of a ledger (ledger_key)", vkey);
}

/* The place of a member; n if there is none of that name. */
static size_t
find(const struct policy *policy, const char *name)
{
	size_t i = 0;

	while (i < policy->n && strcmp(policy->at[i].name, name) != 0)
		i++;
	return i;
}

/* A new member; NULL if the name is taken or too long. */
static struct policy_member *
new_member(struct policy *policy, const char *name)
{
	struct policy_member *member = &policy->at[policy->n];

	if (policy->n == POLICY_MEMBERS_MAX || strcmp(name, "none") == 0 ||
	    strlen(name) >= sizeof(member->name) ||
	    find(policy, name) != policy->n)
		return NULL;
	memcpy(member->name, name, strlen(name) + 1);
	return member;
}

static bool
add_witness(struct policy *policy, char **words, size_t n)
{
	struct policy_member *member =
	    n < 3 ? NULL : new_member(policy, words[1]);

	if (member == NULL || !note_key_read(words[2], &member->key) ||
	    member->key.kind != NOTE_WITNESS)
		return false;
	policy->n++;
	return true;
}

static bool
add_group(struct policy *policy, char **words, size_t n)
{
	struct policy_member *member =
	    n < 4 ? NULL : new_member(policy, words[1]);
	char *end;

	if (member == NULL)
		return false;
	for (size_t i = 3; i < n; i++) {
		size_t place = find(policy, words[i]);

		if (place == policy->n)
			return false;
		member->has[place] = true;
	}
	member->is_group = true;
	member->needs = strtoul(words[2], &end, 10);
	if (strcmp(words[2], "all") == 0)
		member->needs = n - 3;
	else if (strcmp(words[2], "any") == 0)
		member->needs = 1;
	else if (*end != '\0' || member->needs < 1 || member->needs > n - 3)
		return false;
	policy->n++;
	return true;
}

static bool
read_line(struct policy *policy, char **words, size_t n, bool *quorum)
{
	if (n == 2 && strcmp(words[0], "log") == 0)
		return add_log(policy, words[1]);
	if (n == 3 && strcmp(words[0], "witness") == 0)
		return add_witness(policy, words, n);
	if (n >= 4 && strcmp(words[0], "group") == 0)
		return add_group(policy, words, n);
	if (n != 2 || strcmp(words[0], "quorum") != 0 || *quorum)
		return false;
	*quorum = true;
	policy->quorum = find(policy, words[1]);
	return policy->quorum != policy->n || strcmp(words[1], "none") == 0;
}

void
policy_read(struct policy *policy, const char *path)
{
	size_t len, line = 0;
	char *text = file_read(path, &len), *at = text, *next;
	bool quorum = false, none = false;

	memset(policy, 0, sizeof(*policy));
	for (; at != NULL; at = next) {
		char *words[WORDS_MAX], *rest = NULL, *word;
		size_t n = 0;

		line++;
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		at[strcspn(at, "#")] = '\0';
		for (word = strtok_r(at, " \t\r", &rest);
		     word != NULL && n < WORDS_MAX;
		     word = strtok_r(NULL, " \t\r", &rest))
			words[n++] = word;
		if (n > 0 && !read_line(policy, words, n, &quorum))
			die("%s, ligne %zu : mal formée",
			    "%s, line %zu: malformed", path, line);
		none = none || (quorum && policy->quorum == policy->n);
	}
	/* A later member must not take the place that says "none". */
	if (!quorum || none)
		policy->quorum = POLICY_MEMBERS_MAX;
	if (policy->n_logs == 0 || !quorum)
		die("%s : il faut une ligne log et une ligne quorum",
		    "%s: a line log and a line quorum are wanted", path);
	free(text);
}

/* Whether a member has signed, and since when its signature, or its quorum,
 * holds: the time of the weakest that is needed. */
static bool
holds(struct policy *policy, size_t place, uint64_t *time_s)
{
	struct policy_member *member = &policy->at[place];
	uint64_t times[POLICY_MEMBERS_MAX] = { 0 };
	size_t n = 0;

	*time_s = member->time_s;
	if (!member->is_group)
		return member->signed_;
	/* Members stand above their groups: no circle. */
	for (size_t i = 0; i < place; i++) {
		uint64_t its = 0;
		size_t at;

		if (!member->has[i] || !holds(policy, i, &its))
			continue;
		for (at = n++; at > 0 && times[at - 1] < its; at--)
			times[at] = times[at - 1];
		times[at] = its;
	}
	*time_s = n >= member->needs ? times[member->needs - 1] : 0;
	return n >= member->needs;
}

static void
judge_witnesses(
    struct policy *policy, const struct note *note, struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < policy->n; i++) {
		struct policy_member *member = &policy->at[i];
		enum note_verdict verdict;

		if (member->is_group)
			continue;
		verdict = note_check(note, &member->key, &member->time_s);
		member->signed_ = verdict == NOTE_GOOD;
		if (verdict == NOTE_BAD)
			report_wrong(report, "bad_cosignature", NO_LEAF,
			    "la cosignature de %s est fausse",
			    "the cosignature of %s is false", member->name);
		else if (verdict == NOTE_GOOD)
			json_array_append_new(list,
			    json_pack("{s:s, s:I}", "witness", member->name,
			        "time", (json_int_t)member->time_s));
	}
	report_json(report, "cosignatures", list);
}

void
policy_judge(struct policy *policy, const struct note *note, uint64_t now_s,
    uint64_t max_age_s, struct report *report)
{
	uint64_t time_s = 0;

	judge_witnesses(policy, note, report);
	if (policy->quorum >= policy->n) {
		report_text(report, "policy", "log");
		return;
	}
	if (!holds(policy, policy->quorum, &time_s)) {
		report_text(report, "policy", "unmet");
		report_wrong(report, "quorum_unmet", NO_LEAF,
		    "la politique n'est pas remplie : %s",
		    "the policy is not met: %s",
		    policy->at[policy->quorum].name);
		return;
	}
	if (time_s + max_age_s < now_s) {
		report_text(report, "policy", "stale");
		report_wrong(report, "stale", NO_LEAF,
		    "cosignatures vieilles de %" PRIu64 " heures : la vue "
		    "est périmée",
		    "cosignatures are %" PRIu64 " hours old: the view is stale",
		    (now_s - time_s) / 3600);
		return;
	}
	report_text(report, "policy", "met");
}
