/* Leaves and the histories that they make. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "history.h"

#include "../base64.h"

#define LEAF_MAX     8192
#define NAME_MAX_LEN 300

/* Where a subject's history stands. */
struct last {
	uint64_t index, seq;
	struct hash hash;
};

void
history_open(struct history *history, const char *institution, uint64_t from)
{
	memset(history, 0, sizeof(*history));
	history->subjects.width = sizeof(struct last);
	history->events.width = sizeof(uint64_t);
	history->institution = institution;
	history->own = json_array();
	history->own_from = from;
}

void
history_close(struct history *history)
{
	table_free(&history->subjects);
	table_free(&history->events);
	json_decref(history->own);
}

static const char *
text_of(const json_t *leaf, const char *name)
{
	return json_string_value(json_object_get(leaf, name));
}

/* An event that is there twice would count twice. */
static void
judge_event(struct history *history, uint64_t index, const json_t *leaf,
    struct report *report)
{
	const char *event = text_of(leaf, "event");
	uint64_t *first;
	bool fresh;

	if (event == NULL || strlen(event) != 36) {
		report_wrong(report, "leaf_without_event", index,
		    "la feuille %" PRIu64 " ne nomme pas d'événement",
		    "leaf %" PRIu64 " names no event", index);
		return;
	}
	first = table_at(&history->events, event, &fresh);
	if (fresh)
		*first = index;
	else
		report_wrong(report, "event_twice", index,
		    "la feuille %" PRIu64 " répète l'événement de la feuille "
		    "%" PRIu64,
		    "leaf %" PRIu64 " repeats the event of leaf %" PRIu64,
		    index, *first);
}

/* Whose history: the commitment's, or that of a subject of another kind.
 * False for the log's own events. */
static bool
subject_of(const json_t *leaf, char name[NAME_MAX_LEN])
{
	const char *commitment = text_of(leaf, "commitment");
	const char *kind = text_of(leaf, "subject_kind");
	const char *subject = text_of(leaf, "subject");

	if (commitment != NULL)
		(void)snprintf(name, NAME_MAX_LEN, "commitment %s", commitment);
	else if (kind != NULL && subject != NULL)
		(void)snprintf(name, NAME_MAX_LEN, "%s %s", kind, subject);
	else
		return false;
	return true;
}

static bool
follows(const struct last *last, const json_t *leaf)
{
	const json_t *prev = json_object_get(leaf, "prev");
	char text[BASE64_TEXT(HASH_LEN) + 2];

	if (last->seq == 0)
		return json_is_null(prev);
	base64_write(last->hash.bytes, HASH_LEN, text);
	return json_is_string(prev) &&
	       strcmp(json_string_value(prev), text) == 0;
}

static void
judge_place(struct history *history, uint64_t index, const json_t *leaf,
    const struct hash *hash, struct report *report)
{
	char name[NAME_MAX_LEN];
	const char *kind = text_of(leaf, "kind");
	json_int_t seq = json_integer_value(json_object_get(leaf, "seq"));
	struct last *last;
	bool fresh;

	if (!subject_of(leaf, name)) {
		if (kind == NULL || strncmp(kind, "ledger.", 7) != 0)
			report_wrong(report, "leaf_without_subject", index,
			    "la feuille %" PRIu64 " n'appartient à rien",
			    "leaf %" PRIu64 " belongs to nothing", index);
		return;
	}
	last = table_at(&history->subjects, name, &fresh);
	if (seq < 1 || (uint64_t)seq != last->seq + 1)
		report_wrong(report, "gap", index,
		    "%s : la feuille %" PRIu64 " porte le numéro %" PRIi64
		    " après %" PRIu64,
		    "%s: leaf %" PRIu64 " has number %" PRIi64
		    " after %" PRIu64,
		    name, index, (int64_t)seq, last->seq);
	else if (!follows(last, leaf))
		/* A leaf vouches for the one before it. */
		report_wrong(report, "other_past",
		    last->seq == 0 ? index : last->index,
		    "%s : la feuille %" PRIu64 " ne suit pas la feuille "
		    "%" PRIu64 " telle qu'elle est ici",
		    "%s: leaf %" PRIu64 " does not follow leaf %" PRIu64
		    " as it is here",
		    name, index, last->seq == 0 ? index : last->index);
	*last = (struct last){ .index = index,
		.seq = seq < 1 ? last->seq + 1 : (uint64_t)seq,
		.hash = *hash };
}

static void
list_own(struct history *history, uint64_t index, const json_t *leaf)
{
	const char *institution = text_of(leaf, "institution");

	if (history->institution == NULL || institution == NULL ||
	    index < history->own_from ||
	    strcmp(history->institution, institution) != 0)
		return;
	json_array_append_new(history->own,
	    json_pack("{s:I, s:s*, s:s*, s:s*}", "leaf", (json_int_t)index,
	        "event", text_of(leaf, "event"), "kind", text_of(leaf, "kind"),
	        "at", text_of(leaf, "at")));
}

void
history_add(struct history *history, uint64_t index, const char *leaf,
    size_t len, const struct hash *hash, struct report *report)
{
	json_t *value = len > LEAF_MAX ? NULL
	                               : json_loadb(leaf, len,
	                                     JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(value) ||
	    json_integer_value(json_object_get(value, "v")) != 1)
		report_wrong(report, "malformed_leaf", index,
		    "la feuille %" PRIu64 " n'a pas la forme d'une feuille",
		    "leaf %" PRIu64 " does not have the form of a leaf", index);
	else {
		judge_event(history, index, value, report);
		judge_place(history, index, value, hash, report);
		list_own(history, index, value);
	}
	json_decref(value);
}
