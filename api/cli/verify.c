/*
 * gusp verify: an auditor's or a partner's judgement of the ledger, without
 * trust in who hosts it.
 *
 * It keeps a directory: the leaves it has (entries.jsonl, line k is leaf k)
 * and the checkpoint it judged good last (checkpoint). Each run pulls what is
 * new, hashes every leaf it has, and holds the result against the signature,
 * the checkpoint from before, the histories inside and the policy. A
 * directory that somebody else filled is judged the same way, --offline.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "history.h"
#include "mirror.h"
#include "note_file.h"
#include "policy.h"
#include "pull.h"
#include "report.h"

#define NOTE_BYTES_MAX 65536

struct verify {
	const char *url, *token_file, *client, *secret_file, *key, *policy_file;
	const char *dir, *report_file, *cosign, *institution;
	bool offline;
	uint64_t min_size, max_age_s;
	struct policy policy;
	struct pull *pull;
	struct report report;
	struct mirror mirror;
	char *bytes; /* the checkpoint to judge; owned */
	struct note note;
	struct checkpoint checkpoint;
	bool has_held;
	struct checkpoint held; /* the one from before */
};

/* --- arguments
 * ------------------------------------------------------------------
 */

static bool
read_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text != '\0' && *text != '-' && *end == '\0';
}

static bool
read_arguments(struct verify *v, int argc, char **argv)
{
	const struct {
		const char *name, **text;
		uint64_t *number;
	} options[] = {
		{ "--url", &v->url, NULL },
		{ "--token-file", &v->token_file, NULL },
		{ "--client", &v->client, NULL },
		{ "--secret-file", &v->secret_file, NULL },
		{ "--key", &v->key, NULL },
		{ "--policy", &v->policy_file, NULL },
		{ "--dir", &v->dir, NULL },
		{ "--report", &v->report_file, NULL },
		{ "--cosign", &v->cosign, NULL },
		{ "--institution", &v->institution, NULL },
		{ "--min-size", NULL, &v->min_size },
		{ "--max-age", NULL, &v->max_age_s },
	};
	size_t n = sizeof(options) / sizeof(options[0]), o;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--offline") == 0) {
			v->offline = true;
			continue;
		}
		for (o = 0; o < n && strcmp(argv[i], options[o].name) != 0;)
			o++;
		if (o == n || ++i == argc)
			return false;
		if (options[o].text != NULL)
			*options[o].text = argv[i];
		else if (!read_number(argv[i], options[o].number))
			return false;
	}
	return v->dir != NULL && v->offline == (v->url == NULL) &&
	       (v->key != NULL) != (v->policy_file != NULL) &&
	       (v->client != NULL) == (v->secret_file != NULL) &&
	       !(v->offline && v->cosign != NULL);
}

/* The first line of a file. */
static char *
line_of(const char *path)
{
	size_t len;
	char *text = file_read(path, &len);

	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static void
connect_to(struct verify *v)
{
	const char *given = getenv("GUSP_TOKEN");
	char *token = NULL, *secret, error[256];

	if (v->token_file != NULL)
		token = line_of(v->token_file);
	else if (given != NULL && *given != '\0')
		token = strdup(given);
	v->pull = pull_open(v->url, token);
	free(token);
	if (v->client == NULL)
		return;
	secret = line_of(v->secret_file);
	if (!pull_authenticate(v->pull, v->client, secret, error))
		report_unjudged(&v->report, "unreachable", "pas de jeton : %s",
		    "no token: %s", error);
	free(secret);
}

/* --- checkpoints
 * -----------------------------------------------------------------
 */

static void
path_in(const struct verify *v, const char *name, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/%s", v->dir, name);
}

static bool
open_checkpoint(const struct verify *v, const char *bytes, struct note *note,
    struct checkpoint *out)
{
	return checkpoint_open(
	    bytes, strlen(bytes), v->policy.logs, v->policy.n_logs, note, out);
}

/* The one judged good last, of a directory that is resumed. */
static void
read_held(struct verify *v)
{
	char path[PATH_MAX], *bytes;
	struct note note;
	size_t len;

	path_in(v, "checkpoint", path);
	if (v->offline || access(path, F_OK) == -1)
		return;
	bytes = file_read(path, &len);
	v->has_held = open_checkpoint(v, bytes, &note, &v->held);
	if (!v->has_held)
		report_wrong(&v->report, "bad_state", NO_LEAF,
		    "%s n'est pas un checkpoint signé par ce registre",
		    "%s is no checkpoint signed by this ledger", path);
	else
		report_number(&v->report, "held_size", v->held.head.size);
	free(bytes);
}

/* Ask the API, or take the one of the directory; NULL, reported, if there is
 * none. */
static char *
fetch_checkpoint(struct verify *v)
{
	struct pulled answer;
	char path[PATH_MAX];
	size_t len;

	if (v->offline) {
		path_in(v, "checkpoint", path);
		return file_read(path, &len);
	}
	pull_get(v->pull, "/v1/ledger/checkpoint", NULL, &answer);
	if (answer.status == 200 && answer.whole &&
	    strlen(answer.body) == answer.len)
		return answer.body;
	report_unjudged(&v->report, "unreachable",
	    "pas de checkpoint de %s : %s", "no checkpoint from %s: %s", v->url,
	    answer.error);
	pulled_free(&answer);
	return NULL;
}

/* Signed, of this log, and not before the one from last time. */
static bool
judge_checkpoint(struct verify *v)
{
	const struct checkpoint *now = &v->checkpoint;

	v->bytes = fetch_checkpoint(v);
	if (v->bytes == NULL)
		return false;
	if (!open_checkpoint(v, v->bytes, &v->note, &v->checkpoint)) {
		report_wrong(&v->report, "bad_checkpoint", NO_LEAF,
		    "le checkpoint n'est pas signé par la clé attendue, ou "
		    "il est mal formé",
		    "the checkpoint is not signed by the expected key, or it "
		    "is malformed");
		return false;
	}
	report_text(&v->report, "origin", now->origin);
	report_number(&v->report, "size", now->head.size);
	report_hash(&v->report, "root", &now->head.root);
	if (now->head.size < v->min_size)
		report_wrong(&v->report, "too_small", NO_LEAF,
		    "%" PRIu64 " feuilles ; il en faut %" PRIu64
		    " pour que ce jugement vaille",
		    "%" PRIu64 " leaves; it takes %" PRIu64
		    " for this judgement to mean anything",
		    now->head.size, v->min_size);
	if (!v->has_held || now->head.size >= v->held.head.size)
		return true;
	report_wrong(&v->report, "older_checkpoint", NO_LEAF,
	    "le checkpoint servi a %" PRIu64 " feuilles ; %" PRIu64
	    " étaient déjà vérifiées",
	    "the checkpoint served has %" PRIu64 " leaves; %" PRIu64
	    " were verified before",
	    now->head.size, v->held.head.size);
	return false;
}

/* --- leaves
 * ----------------------------------------------------------------------
 */

/* What is not the tree that was signed before, or now. */
static void
judge_roots(
    struct verify *v, const struct frontier *tree, const struct hash *before)
{
	struct hash root;

	frontier_root(tree, &root);
	if (v->has_held && !hash_equal(before, &v->held.head.root)) {
		mirror_blame(&v->mirror, &v->held.head, &v->report);
		report_wrong(&v->report, "other_past", NO_LEAF,
		    "les %" PRIu64 " premières feuilles gardées ici ne sont "
		    "plus celles qui furent vérifiées",
		    "the first %" PRIu64 " leaves kept here are no longer "
		    "those that were verified",
		    v->held.head.size);
		return;
	}
	if (hash_equal(&root, &v->checkpoint.head.root))
		return;
	mirror_blame(&v->mirror, &v->checkpoint.head, &v->report);
	report_wrong(&v->report, "other_tree", NO_LEAF,
	    "les feuilles ne font pas l'arbre du checkpoint",
	    "the leaves do not make the tree of the checkpoint");
}

/* Hash every leaf up to the checkpoint, and judge what each says. */
static void
judge_leaves(struct verify *v)
{
	struct frontier tree = { .size = 0 };
	struct history history;
	struct hash leaf, before = { { 0 } };
	const char *line;
	size_t len;

	history_open(&history, v->institution, v->held.head.size);
	if (!mirror_rewind(&v->mirror))
		report_unjudged(&v->report, "unreadable",
		    "les feuilles gardées sont illisibles",
		    "the leaves kept are unreadable");
	if (v->held.head.size == 0)
		frontier_root(&tree, &before);
	while (tree.size < v->checkpoint.head.size &&
	       mirror_next(&v->mirror, &line, &len)) {
		tree_leaf(line, len, &leaf);
		history_add(&history, tree.size, line, len, &leaf, &v->report);
		frontier_add(&tree, &leaf);
		if (tree.size == v->held.head.size)
			frontier_root(&tree, &before);
	}
	report_number(&v->report, "subjects", history.subjects.n);
	if (v->institution != NULL)
		report_json(&v->report, "own", json_incref(history.own));
	history_close(&history);
	if (tree.size < v->checkpoint.head.size)
		report_wrong(&v->report, "missing_leaves", tree.size,
		    "il manque des feuilles : %" PRIu64 " sur %" PRIu64,
		    "leaves are missing: %" PRIu64 " of %" PRIu64 " are here",
		    tree.size, v->checkpoint.head.size);
	else
		judge_roots(v, &tree, &before);
}

/* --- the end
 * ---------------------------------------------------------------------
 */

static void
keep_checkpoint(struct verify *v)
{
	char path[PATH_MAX];

	if (v->offline)
		return;
	path_in(v, "checkpoint", path);
	if (!file_replace(path, v->bytes, strlen(v->bytes)))
		die("%s ne peut être écrit", "cannot write %s", path);
}

/* What was judged good is cosigned, and the log told. */
static void
cosign(struct verify *v)
{
	struct note_secret secret;
	char text[NOTE_TEXT_MAX], line[NOTE_LINE_MAX];
	char body[NOTE_TEXT_MAX + NOTE_LINE_MAX + 1];
	struct pulled answer;

	note_file_read(v->cosign, NOTE_WITNESS, &secret);
	checkpoint_write(&v->checkpoint, text);
	if (!note_sign(
	        &secret.key, secret.seed, text, (uint64_t)time(NULL), line))
		die("pas de signature", "no signature");
	(void)snprintf(body, sizeof(body), "%s\n%s", text, line);
	pull_post(v->pull, "/v1/ledger/cosignatures", body, &answer);
	if (answer.status == 204)
		report_text(&v->report, "cosigned_as", secret.key.name);
	else
		report_unjudged(&v->report, "cosignature_refused",
		    "la cosignature n'est pas prise : %s",
		    "the cosignature is not taken: %s", answer.error);
	pulled_free(&answer);
}

static void
judge(struct verify *v)
{
	char path[PATH_MAX];

	if (!v->offline)
		connect_to(v);
	if (v->report.unjudged)
		return;
	read_held(v);
	if (!judge_checkpoint(v))
		return;
	policy_judge(&v->policy, &v->note, (uint64_t)time(NULL), v->max_age_s,
	    &v->report);
	path_in(v, "entries.jsonl", path);
	mirror_open(&v->mirror, path, v->pull);
	if (!v->offline &&
	    !mirror_pull(&v->mirror, v->checkpoint.head.size, &v->report))
		return;
	judge_leaves(v);
	if (!v->offline && v->has_held)
		mirror_consistency(
		    &v->mirror, &v->held.head, &v->checkpoint.head, &v->report);
	if (v->report.wrong || v->report.unjudged)
		return;
	keep_checkpoint(v);
	if (v->cosign != NULL)
		cosign(v);
}

int
verify_run(int argc, char **argv)
{
	static struct verify v = { .max_age_s = 86400 };
	int status;

	if (!read_arguments(&v, argc, argv))
		return usage(argv[0]);
	if (v.policy_file != NULL)
		policy_read(&v.policy, v.policy_file);
	else
		policy_of_key(&v.policy, v.key);
	if (!v.offline && mkdir(v.dir, 0700) == -1 && access(v.dir, W_OK) == -1)
		die("%s n'est pas un répertoire où écrire",
		    "%s is no directory to write in", v.dir);
	report_open(&v.report);
	judge(&v);
	status = report_close(&v.report, v.report_file);
	mirror_close(&v.mirror);
	if (v.pull != NULL)
		pull_close(v.pull);
	free(v.bytes);
	return status;
}
