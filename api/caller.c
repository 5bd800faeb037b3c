/*
 * Who asks. The cache of verified tokens is a table of sets of four: bounded,
 * nothing to link, nothing to age; a full set loses the entry that ends first.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/sha.h>

#include "caller.h"
#include "clock.h"
#include "config.h"
#include "jwk.h"
#include "log.h"
#include "rate.h"
#include "token.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define KEYS_MAX   16
#define KEPT_S     60
#define WAYS       4
#define SETS       1024
#define UUID_LEN   36
#define LIFE_MAX_S 3600  /* of a token, unless the configuration says more */
#define AUDIENCE   "/v1" /* after the issuer */

struct known {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct caller caller;
	char *scope; /* the caller's: owned, malloc'd */
	int64_t from_s, until_s;
};

static struct known cache[SETS][WAYS];
static struct token_key keys[KEYS_MAX];
static struct {
	char *kid, *pem;
} owned[KEYS_MAX]; /* what keys borrow */
static size_t n_keys;

static bool refuse_caller(
    struct problem *p, const char *code, const char *arg, struct mem *mem);

bool
caller_keys(const json_t *list)
{
	bool whole = json_is_array(list) && json_array_size(list) <= KEYS_MAX;
	const json_t *item;
	size_t i;

	for (i = 0; i < n_keys; i++) {
		free(owned[i].kid);
		free(owned[i].pem);
	}
	n_keys = 0;
	for (i = 0; i < (size_t)SETS * WAYS; i++)
		free(cache[i / WAYS][i % WAYS].scope);
	memset(cache, 0, sizeof(cache));

	json_array_foreach (list, i, item) {
		const char *kid =
		    json_string_value(json_object_get(item, "kid"));
		const char *why = "kid";
		enum token_alg alg;
		char *pem =
		    kid == NULL || n_keys == KEYS_MAX
		        ? NULL
		        : jwk_pem(json_object_get(item, "jwk"), &alg, &why);

		if (pem == NULL) {
			log_error("key_refused", LOG_STR("kid", kid),
			    LOG_STR("why", why));
			whole = false;
			continue;
		}
		owned[n_keys].kid = strdup(kid);
		owned[n_keys].pem = pem;
		keys[n_keys] = (struct token_key){
			.kid = owned[n_keys].kid, .alg = alg, .pem = pem
		};
		n_keys++;
	}
	return whole;
}

bool
caller_ready(void)
{
	return n_keys > 0;
}

static const struct token_key *
key_find(const char *kid, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n_keys; i++)
		if (keys[i].kid != NULL && strcmp(keys[i].kid, kid) == 0)
			return &keys[i];
	return NULL;
}

json_t *
caller_claims(const char *token, size_t len)
{
	struct mem mem = { 0 };
	const char *why;
	const long life_s =
	    config.token_ttl_s > LIFE_MAX_S ? config.token_ttl_s : LIFE_MAX_S;
	const struct token_rules rules = {
		.issuer = config.issuer,
		.audience = mem_print(&mem, "%s" AUDIENCE, config.issuer),
		.now_s = clock_now_s(),
		.max_life_s = life_s + TOKEN_LEEWAY_S,
		.jti_required = true,
	};
	json_t *claims = token_verify(token, len, key_find, NULL, &rules, &why);

	mem_release(&mem);
	if (claims == NULL)
		log_info("token_refused", LOG_STR("why", why));
	return claims;
}

/* PostgreSQL's own spelling of a UUID. */
static bool
read_uuid(const json_t *claims, const char *name, char out[UUID_LEN + 1])
{
	const char *text = json_string_value(json_object_get(claims, name));

	if (text == NULL || strlen(text) != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-'
		         : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	memcpy(out, text, UUID_LEN + 1);
	return true;
}

static bool
read_role(const json_t *claims, enum role *out)
{
	const char *text = json_string_value(json_object_get(claims, "role"));

	for (int i = 0; text != NULL && i < N_ROLES; i++) {
		if (strcmp(text, role_names[i]) == 0) {
			*out = (enum role)i;
			return true;
		}
	}
	return false;
}

/* Claims of ours as a caller; scope is borrowed from them. */
static bool
read_claims(const json_t *claims, struct caller *out)
{
	const json_t *iat = json_object_get(claims, "iat");
	const char *sub = json_string_value(json_object_get(claims, "sub"));

	out->scope = json_string_value(json_object_get(claims, "scope"));
	if (!read_uuid(claims, "client_id", out->client) ||
	    !read_uuid(claims, "mbr", out->membership) ||
	    !read_uuid(claims, "act", out->actor) ||
	    !read_uuid(claims, "jti", out->token) ||
	    !read_role(claims, &out->role) || out->scope == NULL ||
	    !json_is_integer(iat) || sub == NULL ||
	    strcmp(sub, out->client) != 0)
		return false;
	out->issued_s = json_integer_value(iat);
	out->expires_s = json_integer_value(json_object_get(claims, "exp"));
	return true;
}

static struct known *
set_of(const unsigned char *digest)
{
	return cache[(digest[0] | (unsigned)digest[1] << 8) % SETS];
}

static const struct caller *
recall(const unsigned char *digest, int64_t now_s)
{
	const struct known *set = set_of(digest);

	for (size_t i = 0; i < WAYS; i++)
		if (now_s >= set[i].from_s && now_s < set[i].until_s &&
		    memcmp(set[i].digest, digest, SHA256_DIGEST_LENGTH) == 0)
			return &set[i].caller;
	return NULL;
}

static void
keep(const unsigned char *digest, const struct caller *caller, int64_t now_s)
{
	struct known *set = set_of(digest), *place = set;
	int64_t end = caller->expires_s + TOKEN_LEEWAY_S;

	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until_s < place->until_s)
			place = &set[i];
	free(place->scope);
	*place = (struct known){ .caller = *caller,
		.from_s = now_s,
		.until_s = end < now_s + KEPT_S ? end : now_s + KEPT_S };
	memcpy(place->digest, digest, SHA256_DIGEST_LENGTH);
	place->caller.scope = place->scope = strdup(caller->scope);
	if (place->scope == NULL)
		place->until_s = 0;
}

/*
 * The token of "Bearer <token>" (RFC 6750 2.1). *code says what is wrong:
 * token_missing without Bearer credentials, token_malformed if what follows
 * cannot be one token. A '=' that stands in its midst is left to the guards.
 */
static const char *
bearer(const char *authorization, size_t *len, const char **code)
{
	static const char scheme[] = "Bearer";
	static const char token68[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "abcdefghijklmnopqrstuvwxyz"
	                              "0123456789-._~+/=";
	const char *token = authorization;

	*code = "token_missing";
	if (token == NULL ||
	    strncasecmp(token, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	token += sizeof(scheme) - 1;
	if (*token != ' ' && *token != '\0')
		return NULL;
	*code = "token_malformed";
	token += strspn(token, " ");
	*len = strspn(token, token68);
	return *len == 0 || token[*len] != '\0' ? NULL : token;
}

/* Refused tokens a minute and address; as many as there are verified for the
 * few failures that the token endpoint allows. */
static long
forgeries_quota(void)
{
	return config.token_rate_per_minute * 6;
}

static bool
refuse_token(struct problem *p, const char *address, struct mem *mem)
{
	struct rate rate;

	rate_take("forged", address, forgeries_quota(), &rate);
	return refuse_caller(p, "invalid_token", NULL, mem);
}

bool
caller_from_header(const char *authorization, const char *address,
    struct mem *mem, struct caller *out, struct problem *p)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	const char *code;
	size_t len;
	const char *token = bearer(authorization, &len, &code);
	const int64_t now_s = clock_now_s();

	if (token == NULL)
		return refuse_caller(p, code, NULL, mem);
	SHA256((const unsigned char *)token, len, digest);

	const struct caller *known = recall(digest, now_s);
	struct rate rate;

	rate_peek("forged", address, forgeries_quota(), &rate);
	if (known == NULL && rate.exceeded) {
		p->code = "rate_exceeded";
		p->retry_after_s = (int)rate.reset_s;
		return false;
	}

	json_auto_t *claims = known != NULL ? NULL : caller_claims(token, len);

	/* A worker that has just started judges no token yet. */
	if (claims == NULL && known == NULL && !caller_ready())
		return refuse_caller(p, "unavailable", NULL, mem);
	if (known != NULL)
		*out = *known;
	else if (claims == NULL || !read_claims(claims, out))
		return refuse_token(p, address, mem);
	else
		keep(digest, out, now_s);
	out->scope = mem_copy(mem, out->scope, strlen(out->scope));
	return true;
}

/* RFC 6750 3: no error for a request without credentials. */
static const struct {
	const char *code, *challenge;
} challenges[] = {
	{ "token_missing", "Bearer realm=\"gusp\"" },
	{ "invalid_token", "Bearer realm=\"gusp\", error=\"invalid_token\"" },
	{ "token_malformed",
	    "Bearer realm=\"gusp\", error=\"invalid_request\"" },
	{ "insufficient_scope",
	    "Bearer realm=\"gusp\", error=\"insufficient_scope\"" },
};

/* arg: the scope that insufficient_scope lacks, the role that role_forbidden
 * names, else NULL. */
static bool
refuse_caller(
    struct problem *p, const char *code, const char *arg, struct mem *mem)
{
	p->code = code;
	p->arg = arg;
	for (size_t i = 0; i < N_ELEMENTS(challenges); i++)
		if (strcmp(code, challenges[i].code) == 0)
			p->authenticate = challenges[i].challenge;
	if (p->authenticate != NULL && arg != NULL)
		p->authenticate =
		    mem_print(mem, "%s, scope=\"%s\"", p->authenticate, arg);
	return false;
}

/* Whether a space-separated list has a word. */
static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list != '\0') {
		size_t n = strcspn(list, " ");

		if (n == len && memcmp(list, word, len) == 0)
			return true;
		list += n;
		list += strspn(list, " ");
	}
	return false;
}

bool
caller_may(const struct caller *caller, const struct operation *op,
    struct mem *mem, struct problem *p)
{
	const char *needed = "";
	bool lacks = false;

	if (op->public)
		return true;
	if ((op->roles & 1u << caller->role) == 0)
		return refuse_caller(
		    p, "role_forbidden", role_names[caller->role], mem);
	for (size_t i = 0; i < op->n_scopes; i++) {
		lacks = lacks || !has_word(caller->scope, op->scopes[i]);
		needed = mem_print(
		    mem, "%s%s%s", needed, i == 0 ? "" : " ", op->scopes[i]);
	}
	return !lacks || refuse_caller(p, "insufficient_scope", needed, mem);
}
