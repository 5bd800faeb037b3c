/*
 * The authorisation server's endpoints. Each that takes a form first makes
 * the client known (client.c), then does its work.
 */
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "client.h"
#include "clock.h"
#include "config.h"
#include "exchange.h"
#include "keys.h"
#include "log.h"
#include "native.h"
#include "oauth.h"
#include "oauth_reply.h"
#include "token.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static enum next token_post(struct exchange *x);
static enum next introspect_post(struct exchange *x);
static enum next revoke_post(struct exchange *x);
static enum next metadata_get(struct exchange *x);
static enum next jwks_get(struct exchange *x);

const struct native oauth_natives[] = {
	{ "oauth_token", token_post },
	{ "oauth_introspect", introspect_post },
	{ "oauth_revoke", revoke_post },
	{ "oauth_metadata", metadata_get },
	{ "jwks_get", jwks_get },
};
const size_t n_oauth_natives = N_ELEMENTS(oauth_natives);

static enum next
issue(struct exchange *x, const struct client *client, const char *scope);

void
oauth_load_keys(void)
{
	keys_load();
}

int
oauth_ready(void)
{
	return caller_ready();
}

/* --- POST /oauth/token ------------------------------------------------------
 */

static bool
listed(const json_t *list, const char *word, size_t len)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (json_string_length(item) == len &&
		    memcmp(json_string_value(item), word, len) == 0)
			return true;
	return false;
}

/*
 * The scope to grant: what was asked, each word once, if the client has all
 * of it; all that it has if nothing was asked. NULL: invalid_scope.
 */
static const char *
granted(struct exchange *x, const char *scopes, const char *asked)
{
	json_auto_t *owned =
	    scopes == NULL ? NULL : json_loads(scopes, 0, NULL);
	json_auto_t *given = json_array();
	const char *out = "";
	const json_t *item;
	size_t i, len;

	for (; asked != NULL && *asked != '\0'; asked += len) {
		asked += strspn(asked, " ");
		len = strcspn(asked, " ");
		if (len > 0 && !listed(owned, asked, len))
			return NULL;
		if (len > 0 && !listed(given, asked, len))
			json_array_append_new(given, json_stringn(asked, len));
	}
	json_array_foreach (json_array_size(given) > 0 ? given : owned, i, item)
		out = mem_print(&x->mem, "%s%s%s", out, i == 0 ? "" : " ",
		    json_string_value(item));
	return out;
}

static enum next
token_post(struct exchange *x)
{
	struct client client;
	struct form form;
	enum next next = client_authenticate(x, &form, &client);

	if (next != NEXT)
		return next;

	const char *grant = form_get(&form, "grant_type");

	if (grant == NULL)
		return oauth_fault(
		    x, "invalid_request", "grant_type is missing");
	if (strcmp(grant, "client_credentials") != 0)
		return oauth_fault(x, "unsupported_grant_type",
		    "only client_credentials is supported");
	if (!client.member_live)
		return oauth_fault(x, "unauthorized_client",
		    "the membership of this client has ended");

	const char *scope = granted(x, client.scopes, form_get(&form, "scope"));

	if (scope == NULL)
		return oauth_fault(x, "invalid_scope",
		    "a scope is unknown or not this client's");
	return issue(x, &client, scope);
}

static enum next
issue(struct exchange *x, const struct client *client, const char *scope)
{
	const struct signer *signer = keys_signer();
	int64_t now_s = clock_now_s();
	/* enter() refuses tokens that are older than the client's cut. */
	int64_t from_s = client->issued_from == NULL
	                     ? now_s
	                     : strtoll(client->issued_from, NULL, 10);
	int64_t issued_s = from_s > now_s ? from_s : now_s;
	json_auto_t *claims = json_pack(
	    "{s:s, s:o, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "iss",
	    config.issuer, "aud", json_sprintf("%s/v1", config.issuer), "iat",
	    (json_int_t)issued_s, "exp",
	    (json_int_t)issued_s + config.token_ttl_s, "sub", client->id,
	    "client_id", client->id, "jti", client->jti, "act", client->actor,
	    "mbr", client->membership, "role", client->role, "scope", scope);
	char *token = claims == NULL || signer == NULL
	                  ? NULL
	                  : token_sign(claims, signer->kid, signer->pem);

	if (token == NULL || strlen(token) > TOKEN_MAX) {
		log_error(
		    "token_not_signed", LOG_INT("signer", signer != NULL));
		free(token);
		return oauth_fail(x, "unavailable", 5);
	}
	log_info("token_issued", LOG_STR("client_id", client->id),
	    LOG_STR("jti", client->jti));

	const char *body = mem_print(&x->mem,
	    "{\"access_token\":\"%s\",\"token_type\":\"Bearer\","
	    "\"expires_in\":%ld,\"scope\":\"%s\"}",
	    token, config.token_ttl_s, scope);

	free(token);
	return oauth_answer(x, 200, body);
}

/* --- POST /oauth/introspect and /oauth/revoke -------------------------------
 */

static const char *
text(const json_t *claims, const char *name)
{
	return json_string_value(json_object_get(claims, name));
}

/*
 * The claims of the form's token, if it is an access token of ours, with the
 * parameters of the statements set from them. A new reference, or NULL.
 */
static json_t *
own_token(struct exchange *x, const char *token)
{
	json_t *claims = caller_claims(token, strlen(token));
	static const struct {
		const char *arg, *claim;
	} texts[] = {
		{ "token", "jti" },
		{ "membership", "mbr" },
		{ "role", "role" },
	};
	static const struct {
		const char *arg, *claim;
	} numbers[] = {
		{ "issued", "iat" },
		{ "expires", "exp" },
	};

	for (size_t i = 0; claims != NULL && i < N_ELEMENTS(texts); i++) {
		const char *value = text(claims, texts[i].claim);

		args_set(&x->args, texts[i].arg,
		    mem_print(&x->mem, "%s", value == NULL ? "" : value));
	}
	for (size_t i = 0; claims != NULL && i < N_ELEMENTS(numbers); i++)
		args_set(&x->args, numbers[i].arg,
		    mem_print(&x->mem, "%lld",
		        (long long)json_integer_value(
		            json_object_get(claims, numbers[i].claim))));
	return claims;
}

static bool
issued_to(const json_t *claims, const struct client *client)
{
	const char *id = text(claims, "client_id");

	return id != NULL && client->id != NULL && strcmp(id, client->id) == 0;
}

/* The claims of the token that a client asks about; NULL unless the token is
 * valid and its own. Owned by the caller. */
static enum next
token_asked(struct exchange *x, json_t **claims)
{
	struct client client;
	struct form form;
	enum next next;

	if ((next = client_authenticate(x, &form, &client)) != NEXT)
		return next;
	if (form_get(&form, "token") == NULL)
		return oauth_fault(x, "invalid_request", "token is missing");
	if (!caller_ready())
		return oauth_fail(x, "unavailable", 1);
	*claims = own_token(x, form_get(&form, "token"));
	if (*claims != NULL && !issued_to(*claims, &client)) {
		json_decref(*claims);
		*claims = NULL;
	}
	return NEXT;
}

static enum next
introspect_post(struct exchange *x)
{
	static const char *const shown[] = { "scope", "client_id", "sub", "aud",
		"iss", "exp", "iat", "jti" };
	json_auto_t *claims = NULL;
	enum next next;

	if (x->phase == CLIENT_WORK) {
		if ((next = oauth_answered(x)) != NEXT)
			return next;
		const char *body = oauth_column(x, 0, "body");

		return body == NULL ? refuse(x, "internal", NULL)
		                    : oauth_answer(x, 200, body);
	}
	if ((next = token_asked(x, &claims)) != NEXT)
		return next;

	json_auto_t *told = json_pack("{s:s}", "token_type", "Bearer");

	if (claims == NULL)
		return oauth_answer(x, 200, "{\"active\":false}");
	for (size_t i = 0; i < N_ELEMENTS(shown); i++)
		json_object_set(
		    told, shown[i], json_object_get(claims, shown[i]));

	char *dump = json_dumps(told, JSON_COMPACT);

	args_set(&x->args, "claims",
	    mem_print(&x->mem, "%s", dump == NULL ? "{}" : dump));
	free(dump);
	return oauth_ask(x, "oauth_introspect", NULL, CLIENT_WORK);
}

static enum next
revoke_post(struct exchange *x)
{
	json_auto_t *claims = NULL;
	enum next next;

	if (x->phase == CLIENT_WORK) {
		if ((next = oauth_answered(x)) != NEXT)
			return next;
		return oauth_answer(x, 200, NULL);
	}
	if ((next = token_asked(x, &claims)) != NEXT)
		return next;

	/* RFC 7009 2.2: what is void already is no error; what is another's
	 * looks the same, and stays as it is. */
	if (claims == NULL)
		return oauth_answer(x, 200, NULL);
	return oauth_ask(x, "oauth_revoke", NULL, CLIENT_WORK);
}

/* --- documents ---------------------------------------------------------------
 */

static json_t *
endpoint(const char *path)
{
	return json_sprintf("%s%s", config.issuer, path);
}

/* The names of the scopes that the contract declares. */
static json_t *
scopes_supported(void)
{
	static const char *const way[] = { "components", "securitySchemes",
		"oauth2", "flows", "clientCredentials", "scopes" };
	json_t *found = contract.document, *names = json_array();

	for (size_t i = 0; i < N_ELEMENTS(way); i++)
		found = json_object_get(found, way[i]);
	for (void *i = json_object_iter(found); i != NULL;
	     i = json_object_iter_next(found, i))
		json_array_append_new(
		    names, json_string(json_object_iter_key(i)));
	return names;
}

/* RFC 8414. Written once: it says nothing that changes. */
static enum next
metadata_get(struct exchange *x)
{
	static char *body;

	if (body == NULL) {
		json_auto_t *all = json_pack(
		    "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:[], s:[s], "
		    "s:[s, s, s], s:[s, s]}",
		    "issuer", config.issuer, "token_endpoint",
		    endpoint("/oauth/token"), "jwks_uri",
		    endpoint("/.well-known/jwks.json"),
		    "introspection_endpoint", endpoint("/oauth/introspect"),
		    "revocation_endpoint", endpoint("/oauth/revoke"),
		    "service_documentation", endpoint("/docs"),
		    "scopes_supported", scopes_supported(),
		    "response_types_supported", "grant_types_supported",
		    "client_credentials",
		    "token_endpoint_auth_methods_supported", "private_key_jwt",
		    "client_secret_basic", "client_secret_post",
		    "token_endpoint_auth_signing_alg_values_supported", "ES256",
		    "RS256");

		body = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
	}
	if (body == NULL)
		return refuse(x, "internal", NULL);
	answer_json(x, 200, body, strlen(body), CACHE_PUBLIC);
	return DONE;
}

static enum next
jwks_get(struct exchange *x)
{
	const char *set = keys_set();

	if (set == NULL)
		return oauth_fail(x, "unavailable", 1);
	set = mem_copy(&x->mem, set, strlen(set));
	answer_json(x, 200, set, strlen(set), CACHE_PUBLIC);
	x->answer.type = "application/jwk-set+json";
	return DONE;
}
