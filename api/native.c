/*
 * Native operations: health, metrics, the contract itself, documentation and
 * what helps a stranger find them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "native.h"

#include "clock.h"
#include "config.h"
#include "docs.h"
#include "front.h"
#include "ledger.h"
#include "metrics.h"
#include "oauth.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define OPENAPI_TYPE  "application/vnd.oai.openapi+json;version=3.1"
/* RFC 9116 2.5.5: less than a year, to be renewed. */
#define SECURITY_TXT_DAYS 180

static const char pass[] = "{\"status\":\"pass\"}";

static char *contract_etag;
static char *root_body, *catalog_body, *catalog_link;
static const char *security_contact;

static bool bind_operation(struct operation *op, char *why, size_t why_len);
static bool
all_bound(const struct native *list, size_t n, char *why, size_t why_len);
static void make_root(void);
static void make_catalog(void);

/* Is this process alive? */
static enum next
livez_get(struct exchange *x)
{
	return (enum next)answer_json(
	    x, 200, pass, sizeof(pass) - 1, CACHE_NEVER);
}

/* Can this worker answer? Load balancers ask every few seconds; while it
 * drains they must send elsewhere. */
static enum next
readyz_get(struct exchange *x)
{
	if (front_draining() || !db_ready(LANE_MEMBER) || !oauth_ready())
		return refuse(x, "unavailable", NULL);
	return (enum next)answer_json(
	    x, 200, pass, sizeof(pass) - 1, CACHE_NEVER);
}

static enum next
metrics_get(struct exchange *x)
{
	size_t len = 0;

	x->answer.status = 200;
	x->answer.type = "text/plain; version=0.0.4; charset=utf-8";
	x->answer.body = metrics_text(&x->mem, &len);
	x->answer.len = len;
	x->answer.cache = CACHE_NEVER;
	return DONE;
}

/* Plain application/json for those who ask for that and nothing closer. */
static enum next
contract_get(struct exchange *x)
{
	const char *accept = x->in.headers[HEADER_ACCEPT];
	bool plain = accept != NULL &&
	             strstr(accept, "application/json") != NULL &&
	             strstr(accept, "openapi") == NULL;

	x->answer = (struct answer){
		.status = 200,
		.type = plain ? "application/json" : OPENAPI_TYPE,
		.body = contract.text,
		.len = contract.text_len,
		.etag = contract_etag,
		.cache = CACHE_PUBLIC,
		.any_origin = true,
		.immutable = true,
	};
	return DONE;
}

static enum next
answer_page(struct exchange *x, const char *name)
{
	const struct page *page = docs_find(name);

	if (page == NULL)
		return refuse(x, "not_found", NULL);
	x->answer = (struct answer){
		.status = 200,
		.type = page->type,
		.body = page->body,
		.len = page->len,
		.etag = page->etag,
		.cache = CACHE_PUBLIC,
		.csp = page->csp,
		.immutable = true,
	};
	return DONE;
}

static enum next
docs_get(struct exchange *x)
{
	return answer_page(x, "");
}

static enum next
docs_page_get(struct exchange *x)
{
	return answer_page(x, x->route.n_args > 0 ? x->route.args[0] : "");
}

static enum next
root_get(struct exchange *x)
{
	return (enum next)answer_json(
	    x, 200, root_body, strlen(root_body), CACHE_PUBLIC);
}

/* RFC 9727; its link says so of itself, for those who send HEAD. */
static enum next
api_catalog_get(struct exchange *x)
{
	answer_json(x, 200, catalog_body, strlen(catalog_body), CACHE_PUBLIC);
	x->answer.type = "application/linkset+json; "
	                 "profile=\"https://www.rfc-editor.org/info/rfc9727\"";
	x->answer.link = catalog_link;
	return DONE;
}

/* RFC 9116. */
static enum next
security_txt_get(struct exchange *x)
{
	time_t end = (time_t)clock_now_s() + SECURITY_TXT_DAYS * 86400L;
	struct tm utc;
	char day[32];

	if (gmtime_r(&end, &utc) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT00:00:00Z", &utc) == 0)
		return refuse(x, "internal", NULL);
	x->answer.status = 200;
	x->answer.type = "text/plain; charset=utf-8";
	x->answer.body = mem_print(&x->mem,
	    "Contact: %s\nExpires: %s\nPreferred-Languages: fr, en\n"
	    "Canonical: %s/.well-known/security.txt\n",
	    security_contact, day, config.issuer);
	x->answer.len = strlen(x->answer.body);
	x->answer.cache = CACHE_PUBLIC;
	return DONE;
}

const struct native natives[] = {
	{ "livez_get", livez_get },
	{ "readyz_get", readyz_get },
	{ "metrics_get", metrics_get },
	{ "contract_get", contract_get },
	{ "docs_get", docs_get },
	{ "docs_page_get", docs_page_get },
	{ "root_get", root_get },
	{ "api_catalog_get", api_catalog_get },
	{ "security_txt_get", security_txt_get },
};
const size_t n_natives = N_ELEMENTS(natives);

bool
native_bind(char *why, size_t why_len)
{
	for (size_t i = 0; i < contract.n_operations; i++)
		if (!bind_operation(&contract.operations[i], why, why_len))
			return false;
	if (!all_bound(natives, n_natives, why, why_len) ||
	    !all_bound(oauth_natives, n_oauth_natives, why, why_len) ||
	    !all_bound(ledger_natives, n_ledger_natives, why, why_len))
		return false;

	security_contact = getenv("GUSP_SECURITY_CONTACT");
	if (security_contact == NULL || security_contact[0] == '\0')
		security_contact = "mailto:security@example.org";
	contract_etag = docs_etag("contract", contract.text, contract.text_len);
	make_root();
	make_catalog();
	return docs_load(why, why_len);
}

static const struct native *
native_find(const struct native *list, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].id, id) == 0)
			return &list[i];
	return NULL;
}

static bool
bind_operation(struct operation *op, char *why, size_t why_len)
{
	const struct native *native = native_find(natives, n_natives, op->id);

	if (native == NULL)
		native = native_find(oauth_natives, n_oauth_natives, op->id);
	if (native == NULL)
		native = native_find(ledger_natives, n_ledger_natives, op->id);
	if ((native == NULL) == (op->statement == NULL)) {
		snprintf(why, why_len, "%s: %s", op->id,
		    native == NULL ? "no statement and not native"
		                   : "both a statement and native");
		return false;
	}
	op->native = native;
	return true;
}

/* A function that no operation names would be dead code. */
static bool
all_bound(const struct native *list, size_t n, char *why, size_t why_len)
{
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		for (size_t o = 0; o < contract.n_operations; o++)
			if (contract.operations[o].native == &list[i])
				found = true;
		if (!found) {
			snprintf(why, why_len,
			    "%s: native, but not in the contract", list[i].id);
			return false;
		}
	}
	return true;
}

/* An absolute address of ours, as a JSON string. */
static json_t *
address_of(const char *path)
{
	return json_sprintf("%s%s", config.issuer, path);
}

static void
make_root(void)
{
	static const struct {
		const char *rel, *path, *type;
	} links[] = {
		{ "self", "/", "application/json" },
		{ "service-desc", "/openapi.json", OPENAPI_TYPE },
		{ "service-doc", "/docs", "text/html" },
		{ "status", "/readyz", "application/json" },
		{ "api-catalog", "/.well-known/api-catalog",
		    "application/linkset+json" },
		{ "oauth-authorization-server",
		    "/.well-known/oauth-authorization-server",
		    "application/json" },
		{ "security", "/.well-known/security.txt", "text/plain" },
	};
	json_t *info = json_object_get(contract.document, "info");
	json_t *list = json_array();

	for (size_t i = 0; i < N_ELEMENTS(links); i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:o, s:s}", "rel", links[i].rel, "href",
		        address_of(links[i].path), "type", links[i].type));

	json_t *root = json_pack("{s:O?, s:O?, s:o}", "title",
	    json_object_get(info, "title"), "version",
	    json_object_get(info, "version"), "links", list);

	root_body = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (root_body == NULL)
		abort();
}

static void
make_catalog(void)
{
	json_t *set = json_pack("{s:[{s:o, s:[{s:o, s:s}], s:[{s:o, s:s}], "
	                        "s:[{s:o, s:s}]}]}",
	    "linkset", "anchor", address_of("/v1"), "service-desc", "href",
	    address_of("/openapi.json"), "type", OPENAPI_TYPE, "service-doc",
	    "href", address_of("/docs"), "type", "text/html", "status", "href",
	    address_of("/readyz"), "type", "application/json");

	catalog_body = json_dumps(set, JSON_COMPACT);
	json_decref(set);
	if (catalog_body == NULL ||
	    asprintf(&catalog_link,
	        "<%s/.well-known/api-catalog>; rel=\"api-catalog\"",
	        config.issuer) == -1)
		abort();
}
