/* Mirrors: pulled, read, compared with the log's own tiles. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli.h"
#include "mirror.h"

#include "../base64.h"

#define PAGE  5000 /* leaves: what the API gives at once */
#define TILE  256
#define PATHS 128

static void
say_unwritable(const char *path)
{
	die("%s ne peut être écrit : %s", "cannot write %s: %s", path,
	    strerror(errno));
}

/* Count whole lines; where the last one ends. */
static uint64_t
count_lines(FILE *file, off_t *end)
{
	static char block[65536];
	uint64_t lines = 0;
	off_t at = 0;
	size_t n;

	*end = 0;
	rewind(file);
	while ((n = fread(block, 1, sizeof(block), file)) > 0) {
		for (size_t i = 0; i < n; i++)
			if (block[i] == '\n') {
				lines++;
				*end = at + (off_t)i + 1;
			}
		at += (off_t)n;
	}
	return lines;
}

void
mirror_open(struct mirror *mirror, const char *path, struct pull *pull)
{
	off_t end;

	memset(mirror, 0, sizeof(*mirror));
	mirror->pull = pull;
	mirror->file = fopen(path, pull == NULL ? "r" : "a+");
	if (mirror->file == NULL)
		die("%s est illisible : %s", "cannot read %s: %s", path,
		    strerror(errno));
	mirror->size = count_lines(mirror->file, &end);
	if (pull != NULL && ftruncate(fileno(mirror->file), end) == -1)
		say_unwritable(path);
}

void
mirror_close(struct mirror *mirror)
{
	if (mirror->file != NULL)
		(void)fclose(mirror->file);
	free(mirror->line);
}

/* --- pulling
 * ---------------------------------------------------------------------
 */

/* What came is counted, not believed: an answer says where it ends. */
static bool
check_page(
    struct mirror *mirror, const struct pulled *page, struct report *report)
{
	uint64_t before = mirror->size;
	off_t end;

	(void)fflush(mirror->file);
	mirror->size = count_lines(mirror->file, &end);
	if (ftruncate(fileno(mirror->file), end) == -1)
		say_unwritable("entries.jsonl");
	if (page->start == (int64_t)before &&
	    page->end == (int64_t)mirror->size && page->whole &&
	    mirror->size > before)
		return true;
	report_wrong(report, "truncated_page", mirror->size,
	    "une page de feuilles va jusqu'à %" PRIi64 ", il n'est venu que "
	    "jusqu'à %" PRIu64,
	    "a page of leaves ends at %" PRIi64 ", what came ends at %" PRIu64,
	    page->end, mirror->size);
	return false;
}

static bool
pull_page(struct mirror *mirror, uint64_t size, struct report *report)
{
	char path[PATHS];
	struct pulled page;
	bool good = false;

	/* Aligned pages never change: caches keep them. */
	uint64_t end = (mirror->size / PAGE + 1) * PAGE;

	(void)snprintf(path, sizeof(path),
	    "/v1/ledger/entries?start=%" PRIu64 "&end=%" PRIu64, mirror->size,
	    end < size ? end : size);
	(void)fseeko(mirror->file, 0, SEEK_END);
	pull_get(mirror->pull, path, mirror->file, &page);
	if (page.status == 200)
		good = check_page(mirror, &page, report);
	else
		report_unjudged(report, "unreachable",
		    "pas de feuilles à partir de %" PRIu64 " : %s",
		    "no leaves from %" PRIu64 " on: %s", mirror->size,
		    page.error);
	pulled_free(&page);
	return good;
}

bool
mirror_pull(struct mirror *mirror, uint64_t size, struct report *report)
{
	while (mirror->size < size)
		if (!pull_page(mirror, size, report))
			return false;
	if (fsync(fileno(mirror->file)) == -1)
		say_unwritable("entries.jsonl");
	return true;
}

/* --- reading
 * ---------------------------------------------------------------------
 */

bool
mirror_rewind(struct mirror *mirror)
{
	return fseeko(mirror->file, 0, SEEK_SET) == 0;
}

bool
mirror_next(struct mirror *mirror, const char **line, size_t *len)
{
	ssize_t n = getline(&mirror->line, &mirror->room, mirror->file);

	if (n <= 0 || mirror->line[n - 1] != '\n')
		return false;
	*line = mirror->line;
	*len = (size_t)n - 1;
	return true;
}

/* --- blaming
 * ---------------------------------------------------------------------
 */

/* 1234067 is x001/x234/067 (C2SP tlog-tiles). */
static void
write_tile_path(uint64_t level, uint64_t index, unsigned width, char out[PATHS])
{
	int n = snprintf(out, PATHS, "/v1/ledger/tile/%" PRIu64, level);
	uint64_t scale = 1;

	while (index / scale >= 1000)
		scale *= 1000;
	for (; scale >= 1000; scale /= 1000)
		n += snprintf(out + n, PATHS - (size_t)n, "/x%03" PRIu64,
		    index / scale % 1000);
	n += snprintf(out + n, PATHS - (size_t)n, "/%03" PRIu64, index % 1000);
	if (width < TILE)
		(void)snprintf(out + n, PATHS - (size_t)n, ".p/%u", width);
}

/* The hashes that the log has of its leaves; NULL if it does not give them
 * or if they do not make the tree of head. */
static struct hash *
fetch_hashes(struct mirror *mirror, const struct tree_head *head)
{
	struct hash *all = calloc((size_t)head->size + 1, sizeof(*all)), root;
	struct frontier tree = { .size = 0 };

	if (all == NULL)
		die("mémoire épuisée", "out of memory");
	while (tree.size < head->size) {
		uint64_t left = head->size - tree.size;
		unsigned width = left < TILE ? (unsigned)left : TILE;
		struct pulled tile;
		char path[PATHS];
		bool good;

		write_tile_path(0, tree.size / TILE, width, path);
		pull_get(mirror->pull, path, NULL, &tile);
		good = tile.status == 200 && tile.whole &&
		       tile.len == (size_t)width * HASH_LEN;
		if (good)
			memcpy(&all[tree.size], tile.body, tile.len);
		pulled_free(&tile);
		if (!good)
			break;
		for (unsigned i = 0; i < width; i++) {
			struct hash leaf = all[tree.size];

			frontier_add(&tree, &leaf);
		}
	}
	frontier_root(&tree, &root);
	if (tree.size == head->size && hash_equal(&root, &head->root))
		return all;
	free(all);
	return NULL;
}

void
mirror_blame(
    struct mirror *mirror, const struct tree_head *head, struct report *report)
{
	struct hash *all =
	    mirror->pull == NULL ? NULL : fetch_hashes(mirror, head);
	const char *line;
	size_t len;

	if (all == NULL || !mirror_rewind(mirror)) {
		free(all);
		return;
	}
	for (uint64_t i = 0; i < head->size && mirror_next(mirror, &line, &len);
	     i++) {
		struct hash leaf;

		tree_leaf(line, len, &leaf);
		if (hash_equal(&leaf, &all[i]))
			continue;
		report_certain(report);
		report_wrong(report, "other_leaf", i,
		    "la feuille %" PRIu64 " n'est pas celle de "
		    "l'arbre signé de %" PRIu64 " feuilles",
		    "leaf %" PRIu64 " is not that of the signed tree "
		    "of %" PRIu64 " leaves",
		    i, head->size);
	}
	free(all);
}

static bool
read_proof(const char *body, struct proof *proof)
{
	json_t *answer = json_loads(body, 0, NULL);
	json_t *list = json_object_get(answer, "proof"), *one;
	bool good = json_is_array(list) && json_array_size(list) <= PROOF_MAX;
	size_t i;

	proof->n = 0;
	json_array_foreach (list, i, one) {
		unsigned char bytes[BASE64_BYTES(44)];
		const char *text = json_string_value(one);
		size_t len = 0;

		good = good && text != NULL && strlen(text) == 44 &&
		       base64_read(text, 44, bytes, &len) && len == HASH_LEN;
		if (good)
			memcpy(proof->at[proof->n++].bytes, bytes, HASH_LEN);
	}
	json_decref(answer);
	return good;
}

void
mirror_consistency(struct mirror *mirror, const struct tree_head *from,
    const struct tree_head *to, struct report *report)
{
	struct pulled answer;
	struct proof proof;
	char path[PATHS];

	(void)snprintf(path, sizeof(path),
	    "/v1/ledger/proof/consistency?from=%" PRIu64 "&to=%" PRIu64,
	    from->size, to->size);
	pull_get(mirror->pull, path, NULL, &answer);
	if (answer.status != 200 || !answer.whole)
		report_unjudged(report, "unreachable",
		    "pas de preuve de cohérence : %s",
		    "no proof of consistency: %s", answer.error);
	else if (!read_proof(answer.body, &proof) ||
	         !tree_extends(from, to, &proof))
		report_wrong(report, "inconsistent", NO_LEAF,
		    "l'arbre de %" PRIu64 " feuilles ne prolonge pas celui de "
		    "%" PRIu64,
		    "the tree of %" PRIu64 " leaves does not extend that of "
		    "%" PRIu64,
		    to->size, from->size);
	pulled_free(&answer);
}
