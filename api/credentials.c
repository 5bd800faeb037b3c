/*
 * Client authentication. An unknown client takes the path of a known one:
 * a digest is compared and a signature verified all the same, and only then
 * is it refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base64.h"
#include "credentials.h"
#include "jwk.h"
#include "percent.h"

#define KEYS_MAX         2 /* live ones that a client may have */
#define SECRETS_MAX      2
#define UUID_LEN         36
#define BASIC_MAX        1024
#define ASSERTION_LIFE_S 300
#define ASSERTION_TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

bool
form_read(
    const struct input *in, struct mem *mem, struct form *out, const char **why)
{
	static const char type[] = "application/x-www-form-urlencoded";
	const char *given = in->headers[HEADER_CONTENT_TYPE];
	const char *at = in->body, *end;

	out->n = 0;
	*why = "the body must be application/x-www-form-urlencoded";
	if (given == NULL || strncasecmp(given, type, sizeof(type) - 1) != 0 ||
	    strchr(" \t;", given[sizeof(type) - 1]) == NULL)
		return false;
	*why = "parameters belong into the body";
	if (in->query != NULL && *in->query != '\0')
		return false;
	if (at == NULL)
		return true;
	for (end = at + in->body_len; at < end; at++) {
		const char *stop = memchr(at, '&', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		const char *key_end = equals == NULL ? stop : equals;
		const char *value = equals == NULL ? stop : equals + 1;

		*why = "a parameter is malformed";
		const char *name =
		    percent_decode(at, (size_t)(key_end - at), true, mem);
		const char *text =
		    percent_decode(value, (size_t)(stop - value), true, mem);

		at = stop;
		if (name == NULL || text == NULL)
			return false;
		*why = "a parameter is repeated";
		for (size_t i = 0; i < out->n; i++)
			if (strcmp(out->names[i], name) == 0)
				return false;
		*why = "there are too many parameters";
		if (out->n == FORM_MAX)
			return false;
		out->names[out->n] = name;
		out->values[out->n++] = text;
	}
	return true;
}

const char *
form_get(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->n; i++)
		if (strcmp(form->names[i], name) == 0)
			return form->values[i][0] == '\0' ? NULL
			                                  : form->values[i];
	return NULL;
}

/* id and secret of "Basic ...", each form-urlencoded (RFC 6749 2.3.1). */
static bool
read_basic(const char *authorization, struct mem *mem, const char **id,
    const char **secret)
{
	const char *text = authorization + strlen("Basic");
	unsigned char bytes[BASE64_BYTES(BASIC_MAX)];
	size_t n;

	text += strspn(text, " ");
	if (strlen(text) > BASIC_MAX ||
	    !base64_read(text, strlen(text), bytes, &n))
		return false;

	const char *pair = (const char *)bytes;
	const char *colon = memchr(pair, ':', n);

	if (colon == NULL)
		return false;
	*id = percent_decode(pair, (size_t)(colon - pair), true, mem);
	*secret = percent_decode(
	    colon + 1, n - 1 - (size_t)(colon - pair), true, mem);
	OPENSSL_cleanse(bytes, n);
	return *id != NULL && *secret != NULL;
}

/* A client is known by its UUID in PostgreSQL's own spelling. */
static void
copy_client(const char *id, char out[UUID_LEN + 1])
{
	static const char nobody[] = "00000000-0000-0000-0000-000000000000";
	bool good = id != NULL && strlen(id) == UUID_LEN;

	for (size_t i = 0; good && i < UUID_LEN; i++)
		good = nobody[i] == '-'
		           ? id[i] == '-'
		           : strchr("0123456789abcdef", id[i]) != NULL;
	memcpy(out, good ? id : nobody, UUID_LEN + 1);
}

bool
credentials_read(const struct input *in, const struct form *form,
    struct mem *mem, struct credentials *out, const char **why)
{
	const char *authorization = in->headers[HEADER_AUTHORIZATION];
	const char *form_secret = form_get(form, "client_secret");
	const char *type = form_get(form, "client_assertion_type");
	const char *id = form_get(form, "client_id"), *basic_id = NULL;

	*out = (struct credentials){ .secret = form_secret,
		.assertion = form_get(form, "client_assertion") };
	*why = "more than one way to authenticate the client";
	if ((authorization != NULL) + (form_secret != NULL) +
	        (out->assertion != NULL) >
	    1)
		return false;
	*why = "the Basic credentials are malformed";
	if (authorization != NULL &&
	    strncasecmp(authorization, "Basic ", strlen("Basic ")) == 0 &&
	    !read_basic(authorization, mem, &basic_id, &out->secret))
		return false;
	*why = "client_assertion_type is missing or unknown";
	if ((out->assertion == NULL) != (type == NULL) ||
	    (type != NULL && strcmp(type, ASSERTION_TYPE) != 0))
		return false;
	*why = "client_id contradicts the credentials";
	if (basic_id != NULL && id != NULL && strcmp(basic_id, id) != 0)
		return false;
	if (basic_id != NULL)
		id = basic_id;
	if (out->assertion != NULL) {
		const char *sub = token_peek(
		    out->assertion, strlen(out->assertion), "sub", mem);

		if (id != NULL && sub != NULL && strcmp(id, sub) != 0)
			return false;
		id = sub;
	}
	copy_client(id, out->client);
	return true;
}

bool
credentials_secret(const struct credentials *given, const char *digests)
{
	json_auto_t *list =
	    digests == NULL ? NULL
	                    : json_loads(digests, JSON_REJECT_DUPLICATES, NULL);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	/* No hex text: no digest equals it. */
	static const char decoy[sizeof(hex)] = "decoy";
	bool same = false;

	SHA256((const unsigned char *)given->secret, strlen(given->secret),
	    digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	for (size_t i = 0; i < SECRETS_MAX; i++) {
		const json_t *item = json_array_get(list, i);
		bool there = json_string_length(item) == sizeof(hex) - 1;
		const char *text = there ? json_string_value(item) : decoy;

		same |= CRYPTO_memcmp(text, hex, sizeof(hex) - 1) == 0;
	}
	return same;
}

/* The keys of a client, and a decoy for a kid that it has not. */
struct ring {
	struct token_key keys[KEYS_MAX];
	char *pems[KEYS_MAX]; /* owned */
	size_t n;
	struct token_key decoy;
	bool missed;
};

static void
ring_fill(struct ring *ring, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *kid =
		    json_string_value(json_object_get(item, "kid"));
		const char *why;
		enum token_alg alg;
		char *pem;

		if (kid == NULL || ring->n == KEYS_MAX)
			continue;
		pem = jwk_pem(json_object_get(item, "jwk"), &alg, &why);
		if (pem == NULL)
			continue;
		ring->pems[ring->n] = pem;
		ring->keys[ring->n++] =
		    (struct token_key){ .kid = kid, .alg = alg, .pem = pem };
	}
}

static const struct token_key *
ring_find(const char *kid, void *arg)
{
	struct ring *ring = arg;

	for (size_t i = 0; i < ring->n; i++)
		if (strcmp(ring->keys[i].kid, kid) == 0)
			return &ring->keys[i];
	ring->missed = true;
	return &ring->decoy;
}

bool
credentials_assertion(const struct credentials *given, const char *keys,
    const struct assertion_rules *rules, struct mem *mem, const char **jti,
    int64_t *expires_s, const char **why)
{
	json_auto_t *list = keys == NULL ? NULL : json_loads(keys, 0, NULL);
	struct ring ring = {
		.decoy = { .kid = "", .alg = TOKEN_ES256, .pem = rules->decoy }
	};
	const struct token_rules expected = {
		.issuer = given->client,
		.audience = rules->issuer,
		.audience_too = mem_print(mem, "%s/oauth/token", rules->issuer),
		.now_s = rules->now_s,
		.max_life_s = ASSERTION_LIFE_S,
		.jti_required = true,
	};

	ring_fill(&ring, list);
	json_auto_t *claims = token_verify(given->assertion,
	    strlen(given->assertion), ring_find, &ring, &expected, why);

	for (size_t i = 0; i < ring.n; i++)
		free(ring.pems[i]);
	if (ring.missed)
		*why = "unknown_kid";
	if (claims == NULL || ring.missed)
		return false;

	const char *sub = json_string_value(json_object_get(claims, "sub"));
	const char *id = json_string_value(json_object_get(claims, "jti"));

	*why = "sub";
	if (sub == NULL || id == NULL || strcmp(sub, given->client) != 0)
		return false;
	*jti = mem_copy(mem, id, strlen(id));
	*expires_s = json_integer_value(json_object_get(claims, "exp"));
	return true;
}
