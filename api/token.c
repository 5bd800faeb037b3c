/*
 * libjwt behind its guards. libjwt 1.10.2 checks the signature and nothing
 * else: what it lets through is listed, case by case, in
 * tests/unit/test_token.c.
 */
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base64.h"
#include "jwk.h"
#include "token.h"

#define ES256_SIGNATURE 64 /* r and s, RFC 7518 3.4 */
#define KID_MAX         128
#define SUBJECT_MAX     255

/* A token cut in three, each part canonical base64url. */
struct cut {
	const char *part[3];
	size_t len[3];
};

static bool cut(const char *token, size_t len, struct cut *out);
static json_t *object_of(const char *text, size_t len);
static const struct token_key *
key_for(const json_t *header, token_key_find find, void *arg, const char **why);
static bool
signature_holds(const char *token, size_t len, const struct token_key *key);
static const char *
fault_of(const json_t *claims, const struct token_rules *rules);

json_t *
token_verify(const char *token, size_t len, token_key_find find, void *arg,
    const struct token_rules *rules, const char **why)
{
	struct cut parts;

	*why = "malformed";
	if (!cut(token, len, &parts))
		return NULL;

	json_auto_t *header = object_of(parts.part[0], parts.len[0]);
	json_auto_t *claims = object_of(parts.part[1], parts.len[1]);

	if (header == NULL || claims == NULL)
		return NULL;

	const struct token_key *key = key_for(header, find, arg, why);

	if (key == NULL)
		return NULL;
	*why = "signature";
	if (key->alg == TOKEN_ES256 &&
	    parts.len[2] != BASE64_TEXT(ES256_SIGNATURE) - 1)
		return NULL;
	if (!signature_holds(token, len, key))
		return NULL;
	*why = fault_of(claims, rules);
	return *why == NULL ? json_incref(claims) : NULL;
}

static bool
cut(const char *token, size_t len, struct cut *out)
{
	const char *end = token + len;
	unsigned char bytes[BASE64_BYTES(TOKEN_MAX)];
	size_t n_bytes;

	if (len == 0 || len > TOKEN_MAX)
		return false;
	for (int i = 0; i < 3; i++) {
		const char *dot = memchr(token, '.', (size_t)(end - token));

		if ((dot == NULL) != (i == 2)) /* two dots, no more */
			return false;
		if (dot == NULL)
			dot = end;
		out->part[i] = token;
		out->len[i] = (size_t)(dot - token);
		if (out->len[i] == 0 ||
		    !base64url_read(token, out->len[i], bytes, &n_bytes))
			return false;
		token = dot + 1;
	}
	return true;
}

/* The JSON object of a part. No NUL: jansson 2.14 takes one after a number. */
static json_t *
object_of(const char *text, size_t len)
{
	unsigned char bytes[BASE64_BYTES(TOKEN_MAX)];
	size_t n;

	if (len > TOKEN_MAX || !base64url_read(text, len, bytes, &n) ||
	    memchr(bytes, '\0', n) != NULL)
		return NULL;

	json_t *value =
	    json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

/*
 * The key that the header's kid selects, if the header is one we issue or
 * accept. alg is the key's, pinned; the header may only agree. jku, jwk, x5u
 * and x5c are never looked at (RFC 8725 3.10).
 */
static const struct token_key *
key_for(const json_t *header, token_key_find find, void *arg, const char **why)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *kid = json_string_value(json_object_get(header, "kid"));
	const json_t *typ = json_object_get(header, "typ");

	*why = "header";
	if (alg == NULL || kid == NULL || strlen(kid) > KID_MAX ||
	    json_object_get(header, "crit") != NULL)
		return NULL;
	if (typ != NULL && (!json_is_string(typ) ||
	                       strcmp(json_string_value(typ), "JWT") != 0))
		return NULL;

	const struct token_key *key = find(kid, arg);

	*why = "unknown_kid";
	if (key == NULL || key->pem == NULL)
		return NULL;
	*why = "algorithm";
	return strcmp(alg, jwk_alg_names[key->alg]) == 0 ? key : NULL;
}

static bool
signature_holds(const char *token, size_t len, const struct token_key *key)
{
	static const jwt_alg_t wanted[] = {
		[TOKEN_ES256] = JWT_ALG_ES256,
		[TOKEN_RS256] = JWT_ALG_RS256,
	};
	char text[TOKEN_MAX + 1];
	jwt_t *jwt = NULL;

	memcpy(text, token, len);
	text[len] = '\0';

	bool good = jwt_decode(&jwt, text, (const unsigned char *)key->pem,
	                (int)strlen(key->pem)) == 0 &&
	            jwt_get_alg(jwt) == wanted[key->alg];

	jwt_free(jwt);
	ERR_clear_error(); /* Kore and others read OpenSSL's queue */
	return good;
}

static bool
is_audience(const json_t *aud, const char *wanted)
{
	const json_t *item;
	size_t i;

	if (wanted == NULL)
		return false;
	if (json_is_string(aud))
		return strcmp(json_string_value(aud), wanted) == 0;
	json_array_foreach (aud, i, item)
		if (json_is_string(item) &&
		    strcmp(json_string_value(item), wanted) == 0)
			return true;
	return false;
}

static bool
is_text(const json_t *claim)
{
	size_t len = json_string_length(claim);

	return json_is_string(claim) && len > 0 && len <= SUBJECT_MAX;
}

/* Absent, or an integer that is not in the future. */
static bool
has_come(const json_t *instant, int64_t now_s)
{
	return instant == NULL ||
	       (json_is_integer(instant) &&
	           json_integer_value(instant) <= now_s + TOKEN_LEEWAY_S);
}

/* The first claim that is wrong, in the order of RFC 7519 4.1; or NULL. */
static const char *
fault_of(const json_t *claims, const struct token_rules *rules)
{
	const json_t *iss = json_object_get(claims, "iss");
	const json_t *aud = json_object_get(claims, "aud");
	const json_t *exp = json_object_get(claims, "exp");
	const json_t *jti = json_object_get(claims, "jti");

	if (!json_is_string(iss) ||
	    strcmp(json_string_value(iss), rules->issuer) != 0)
		return "iss";
	if (!is_text(json_object_get(claims, "sub")))
		return "sub";
	if (!is_audience(aud, rules->audience) &&
	    !is_audience(aud, rules->audience_too))
		return "aud";
	if (!json_is_integer(exp))
		return "exp";
	if (json_integer_value(exp) <= rules->now_s - TOKEN_LEEWAY_S)
		return "expired";
	if (json_integer_value(exp) > rules->now_s + rules->max_life_s)
		return "exp_too_far";
	if (!has_come(json_object_get(claims, "nbf"), rules->now_s))
		return "nbf";
	if (!has_come(json_object_get(claims, "iat"), rules->now_s))
		return "iat";
	if (jti == NULL ? rules->jti_required : !is_text(jti))
		return "jti";
	return NULL;
}

const char *
token_peek(const char *token, size_t len, const char *claim, struct mem *mem)
{
	struct cut parts;

	if (!cut(token, len, &parts))
		return NULL;

	json_auto_t *claims = object_of(parts.part[1], parts.len[1]);
	const json_t *value = json_object_get(claims, claim);

	if (!is_text(value))
		return NULL;
	return mem_copy(
	    mem, json_string_value(value), json_string_length(value));
}

char *
token_sign(const json_t *claims, const char *kid, const char *pem)
{
	char *text = json_dumps(claims, JSON_COMPACT);
	char *token = NULL;
	jwt_t *jwt = NULL;

	if (text != NULL && jwt_new(&jwt) == 0 &&
	    jwt_add_header(jwt, "kid", kid) == 0 &&
	    jwt_add_grants_json(jwt, text) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)pem,
	        (int)strlen(pem)) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt); /* cleanses its copy of the key */
	ERR_clear_error();
	free(text);
	return token;
}
