/* Reports of gusp verify. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "note_file.h"
#include "report.h"

#include "../base64.h"

#define FINDINGS_MAX 100 /* kept; more are counted */

void
report_open(struct report *report)
{
	memset(report, 0, sizeof(*report));
	report->document = json_object();
	report->findings = json_array();
	report->first_wrong = NO_LEAF;
	json_object_set_new(report->document, "findings", report->findings);
}

void
report_json(struct report *report, const char *name, json_t *value)
{
	json_object_set_new(report->document, name, value);
}

void
report_text(struct report *report, const char *name, const char *text)
{
	report_json(
	    report, name, text == NULL ? json_null() : json_string(text));
}

void
report_number(struct report *report, const char *name, uint64_t number)
{
	report_json(report, name, json_integer((json_int_t)number));
}

void
report_hash(struct report *report, const char *name, const struct hash *hash)
{
	char text[BASE64_TEXT(HASH_LEN) + 2];

	base64_write(hash->bytes, HASH_LEN, text);
	report_text(report, name, text);
}

__attribute__((format(printf, 4, 0))) static void
add(struct report *report, const char *code, uint64_t leaf, const char *format,
    va_list arguments)
{
	char sentence[600];
	json_t *finding;

	(void)vsnprintf(sentence, sizeof(sentence), format, arguments);
	if (json_array_size(report->findings) >= FINDINGS_MAX)
		return;
	finding = json_pack("{s:s, s:s}", "code", code, "detail", sentence);
	if (leaf != NO_LEAF)
		json_object_set_new(
		    finding, "leaf", json_integer((json_int_t)leaf));
	json_array_append_new(report->findings, finding);
}

void
report_wrong(struct report *report, const char *code, uint64_t leaf,
    const char *french, const char *english, ...)
{
	va_list arguments;

	report->wrong = true;
	if (leaf < report->first_wrong)
		report->first_wrong = leaf;
	va_start(arguments, english);
	if (is_english())
		add(report, code, leaf, english, arguments);
	else
		add(report, code, leaf, french, arguments);
	va_end(arguments);
}

void
report_certain(struct report *report)
{
	if (!report->certain)
		report->first_wrong = NO_LEAF;
	report->certain = true;
}

void
report_unjudged(struct report *report, const char *code, const char *french,
    const char *english, ...)
{
	va_list arguments;

	report->unjudged = true;
	va_start(arguments, english);
	if (is_english())
		add(report, code, NO_LEAF, english, arguments);
	else
		add(report, code, NO_LEAF, french, arguments);
	va_end(arguments);
}

static void
print_fact(const json_t *document, const char *name, const char *french,
    const char *english)
{
	const json_t *value = json_object_get(document, name);
	const char *label = is_english() ? english : french;

	if (json_is_string(value))
		printf("%-24s%s\n", label, json_string_value(value));
	else if (json_is_integer(value))
		printf("%-24s%" JSON_INTEGER_FORMAT "\n", label,
		    json_integer_value(value));
}

static void
print_findings(const struct report *report)
{
	for (size_t i = 0; i < json_array_size(report->findings); i++) {
		const json_t *finding = json_array_get(report->findings, i);

		printf("%s: %s\n",
		    json_string_value(json_object_get(finding, "code")),
		    json_string_value(json_object_get(finding, "detail")));
	}
	if (report->first_wrong != NO_LEAF)
		printf(is_english() ? "first wrong leaf: %" PRIu64 "\n"
		                    : "première feuille fausse : %" PRIu64 "\n",
		    report->first_wrong);
}

static void
print(const struct report *report)
{
	static const struct {
		const char *name, *french, *english;
	} facts[] = {
		{ "origin", "registre", "ledger" },
		{ "size", "feuilles", "leaves" },
		{ "root", "racine", "root" },
		{ "held_size", "déjà vérifiées", "verified before" },
		{ "subjects", "historiques", "histories" },
		{ "policy", "politique", "policy" },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		print_fact(report->document, facts[i].name, facts[i].french,
		    facts[i].english);
	print_findings(report);
	if (report->wrong)
		puts(is_english() ? "WRONG" : "FAUX");
	else if (report->unjudged)
		puts(is_english() ? "NOT VERIFIED" : "NON VÉRIFIÉ");
	else
		puts(is_english() ? "GOOD" : "CONFORME");
}

static void
write_json(const struct report *report, const char *path)
{
	char *text =
	    json_dumps(report->document, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	if (text == NULL || !file_replace(path, text, strlen(text)))
		die("%s ne peut être écrit", "cannot write %s", path);
	free(text);
}

int
report_close(struct report *report, const char *path)
{
	char now[32];
	time_t at = time(NULL);
	struct tm utc;
	int status = report->wrong      ? EXIT_FAILED
	             : report->unjudged ? EXIT_UNJUDGED
	                                : EXIT_DONE;

	if (gmtime_r(&at, &utc) != NULL &&
	    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
		report_text(report, "checked_at", now);
	report_text(report, "verdict",
	    report->wrong      ? "wrong"
	    : report->unjudged ? "unjudged"
	                       : "good");
	report_json(report, "first_wrong_leaf",
	    report->first_wrong == NO_LEAF
	        ? json_null()
	        : json_integer((json_int_t)report->first_wrong));
	print(report);
	if (path != NULL)
		write_json(report, path);
	json_decref(report->document);
	return status;
}
