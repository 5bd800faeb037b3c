/*
 * Documentation pages. Nothing here comes from another site: they work
 * without the internet, and their policies say so to the browser.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/sha.h>

#include "docs.h"

#include "config.h"
#include "contract.h"
#include "log.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define PAGES_MAX     64
#define PAGE_MAX      (8L * 1024 * 1024)
#define BUNDLE        "redoc.standalone.js"
#define CSP_NOTHING                                                            \
	"default-src 'none'; base-uri 'none'; form-action 'none'; "            \
	"frame-ancestors 'none'; "

static const char csp_page[] =
    CSP_NOTHING "style-src 'self'; img-src 'self' data:";
/* Redoc writes its styles into the page and searches in a worker made from
 * a blob. */
static const char csp_reference[] =
    CSP_NOTHING "script-src 'self'; style-src 'self' 'unsafe-inline'; "
                "img-src 'self' data:; connect-src 'self'; worker-src blob:";

static const struct {
	const char *ending;
	const char *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
};

static struct page pages[PAGES_MAX];
static size_t n_pages;

static bool load_directory(char *why, size_t why_len);
static bool load_file(const char *name, char *why, size_t why_len);
static bool page_add(const struct page *page, char *why, size_t why_len);
static char *file_read(const char *path, size_t *len);
static bool add_reference(char *why, size_t why_len);
static bool add_problems(char *why, size_t why_len);

bool
docs_load(char *why, size_t why_len)
{
	if (config.docs_dir != NULL && !load_directory(why, why_len))
		return false;
	if (docs_find(BUNDLE) == NULL)
		log_warning("docs_bundle_missing",
		    LOG_STR("directory", config.docs_dir));
	return add_reference(why, why_len) && add_problems(why, why_len);
}

const struct page *
docs_find(const char *name)
{
	for (size_t i = 0; i < n_pages; i++)
		if (strcmp(pages[i].name, name) == 0)
			return &pages[i];
	return NULL;
}

char *
docs_etag(const char *word, const char *body, size_t len)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[17];
	char *etag;

	SHA256((const unsigned char *)body, len, digest);
	for (size_t i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	if (asprintf(&etag, "\"%s-%s\"", word, hex) == -1)
		abort();
	return etag;
}

static bool
load_directory(char *why, size_t why_len)
{
	struct dirent *entry;
	bool good = true;
	DIR *dir = opendir(config.docs_dir);

	if (dir == NULL) {
		snprintf(why, why_len, "GUSP_DOCS %s: %s", config.docs_dir,
		    strerror(errno));
		return false;
	}
	/* Before workers fork, on the only thread. */
	/* cppcheck-suppress readdirCalled */
	while (good && (entry = readdir(dir)) != NULL)
		good = load_file(entry->d_name, why, why_len);
	closedir(dir);
	return good;
}

/* Letters, digits, "-" and "." that is not first: what a path may name. */
static bool
name_plain(const char *name)
{
	if (name[0] == '.')
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return false;
	return true;
}

/* One file of the directory; those of other kinds are left alone. */
static bool
load_file(const char *name, char *why, size_t why_len)
{
	const char *ending = strrchr(name, '.');
	char path[4096];

	if (ending == NULL || !name_plain(name))
		return true;
	for (size_t i = 0; i < N_ELEMENTS(types); i++) {
		if (strcmp(ending, types[i].ending) != 0)
			continue;

		struct page page = { .type = types[i].type, .csp = csp_page };
		bool html = strcmp(ending, ".html") == 0;
		char *stem, *text;

		snprintf(path, sizeof(path), "%s/%s", config.docs_dir, name);
		stem = strndup(
		    name, html ? (size_t)(ending - name) : strlen(name));
		text = file_read(path, &page.len);
		if (stem == NULL || text == NULL) {
			snprintf(why, why_len, "%s: cannot be read", path);
			free(stem);
			free(text);
			return false;
		}
		page.name = stem;
		page.body = text;
		return page_add(&page, why, why_len);
	}
	return true;
}

static bool
page_add(const struct page *page, char *why, size_t why_len)
{
	if (n_pages == PAGES_MAX || docs_find(page->name) != NULL) {
		snprintf(why, why_len, "GUSP_DOCS: %s is one page too many",
		    page->name);
		return false;
	}
	pages[n_pages] = *page;
	pages[n_pages].etag = docs_etag("docs", page->body, page->len);
	n_pages++;
	return true;
}

/* The bytes of a file, malloc'd; NULL if it is absent or too long. */
static char *
file_read(const char *path, size_t *len)
{
	struct stat facts;
	char *text = NULL;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return NULL;
	if (fstat(fileno(file), &facts) == 0 && S_ISREG(facts.st_mode) &&
	    facts.st_size <= PAGE_MAX) {
		*len = (size_t)facts.st_size;
		text = malloc(*len + 1);
	}
	if (text != NULL && fread(text, 1, *len, file) != *len) {
		free(text);
		text = NULL;
	}
	(void)fclose(file);
	return text;
}

/* Text into HTML, also inside an attribute. {} is what varies. */
static void
put_text(FILE *out, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {
		{ '&', "&amp;" },
		{ '<', "&lt;" },
		{ '>', "&gt;" },
		{ '"', "&quot;" },
		{ '\'', "&#39;" },
	};

	while (text != NULL && *text != '\0') {
		const char *entity = NULL;

		if (strncmp(text, "{}", 2) == 0) {
			(void)fputs("…", out);
			text += 2;
			continue;
		}
		for (size_t i = 0; i < N_ELEMENTS(entities); i++)
			if (entities[i].c == *text)
				entity = entities[i].entity;
		if (entity != NULL)
			(void)fputs(entity, out);
		else
			(void)fputc(*text, out);
		text++;
	}
}

static void
put_head(FILE *out, const char *title)
{
	static const struct {
		const char *path, *words;
	} links[] = {
		{ "/docs", "Référence" },
		{ "/docs/guides", "Guides" },
		{ "/docs/problems", "Erreurs" },
		{ "/openapi.json", "OpenAPI" },
	};

	fprintf(out, "<!DOCTYPE html>\n<html lang=\"fr\">\n<head>\n"
	             "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	             "content=\"width=device-width, initial-scale=1\">\n"
	             "<link rel=\"stylesheet\" href=\"/docs/style.css\">\n"
	             "<link rel=\"icon\" href=\"data:,\">\n<title>");
	put_text(out, title);
	fprintf(out, "</title>\n</head>\n<body>\n<nav>\n");
	for (size_t i = 0; i < N_ELEMENTS(links); i++)
		fprintf(out, "<a href=\"%s\">%s</a>\n", links[i].path,
		    links[i].words);
	fprintf(out, "</nav>\n");
}

/* Close a page written with open_memstream() and keep it. */
static bool
page_finish(
    FILE *out, char **text, struct page *page, char *why, size_t why_len)
{
	fprintf(out, "</body>\n</html>\n");
	if (fclose(out) != 0) {
		snprintf(why, why_len, "page %s: out of memory", page->name);
		return false;
	}
	page->type = types[0].type;
	page->body = *text;
	return page_add(page, why, why_len);
}

static bool
add_reference(char *why, size_t why_len)
{
	struct page page = { .name = "", .csp = csp_reference };
	char *text = NULL;
	FILE *out = open_memstream(&text, &page.len);
	const char *title = json_string_value(json_object_get(
	    json_object_get(contract.document, "info"), "title"));

	if (out == NULL)
		return false;
	put_head(out, title == NULL ? "API" : title);
	fprintf(out, "<noscript><p>La référence se lit aussi dans "
	             "<a href=\"/openapi.json\">openapi.json</a>.</p>"
	             "</noscript>\n"
	             "<redoc spec-url=\"/openapi.json\" "
	             "hide-download-button=\"true\"></redoc>\n"
	             "<script src=\"/docs/" BUNDLE "\"></script>\n");
	return page_finish(out, &text, &page, why, why_len);
}

static void
put_member(FILE *out, const char *tag, const char *lang, const json_t *entry,
    const char *member)
{
	fprintf(out, "<%s lang=\"%s\">", tag, lang);
	put_text(out, json_string_value(json_object_get(entry, member)));
	fprintf(out, "</%s>\n", tag);
}

static void
put_problem(FILE *out, const char *code, const json_t *entry)
{
	json_int_t status =
	    json_integer_value(json_object_get(entry, "status"));

	fprintf(out, "<section id=\"");
	put_text(out, code);
	fprintf(out, "\">\n<h2><code>");
	put_text(out, code);
	fprintf(out, "</code> <small>%" JSON_INTEGER_FORMAT "</small></h2>\n",
	    status);
	put_member(out, "h3", "fr", entry, "title_fr");
	put_member(out, "p", "fr", entry, "detail_fr");
	put_member(out, "h3", "en", entry, "title_en");
	put_member(out, "p", "en", entry, "detail_en");
	fprintf(out, "</section>\n");
}

static void
put_violation(FILE *out, const char *code, const json_t *entry)
{
	fprintf(out, "<tr id=\"violation-");
	put_text(out, code);
	fprintf(out, "\"><td><code>");
	put_text(out, code);
	fprintf(out, "</code></td>\n");
	put_member(out, "td", "fr", entry, "fr");
	put_member(out, "td", "en", entry, "en");
	fprintf(out, "</tr>\n");
}

static bool
add_problems(char *why, size_t why_len)
{
	struct page page = { .name = "problems", .csp = csp_page };
	char *text = NULL;
	FILE *out = open_memstream(&text, &page.len);
	const char *code;
	json_t *entry;

	if (out == NULL)
		return false;
	put_head(out, "Erreurs");
	fprintf(out,
	    "<main>\n<h1>Erreurs</h1>\n<p>Chaque refus est un document "
	    "<code>application/problem+json</code> (RFC 9457). Le membre "
	    "<code>code</code> est stable ; les textes suivent "
	    "<code>Accept-Language</code>.</p>\n"
	    "<p lang=\"en\">Every refusal is an "
	    "<code>application/problem+json</code> document (RFC 9457). Its "
	    "<code>code</code> is stable; its texts follow "
	    "<code>Accept-Language</code>.</p>\n");
	json_object_foreach (
	    json_object_get(contract.document, "x-problems"), code, entry) {
		put_problem(out, code, entry);
	}
	fprintf(out, "<section id=\"violations\">\n<h2>Membres de "
	             "<code>errors</code></h2>\n<table>\n");
	json_object_foreach (
	    json_object_get(contract.document, "x-violations"), code, entry) {
		put_violation(out, code, entry);
	}
	fprintf(out, "</table>\n</section>\n</main>\n");
	return page_finish(out, &text, &page, why, why_len);
}
