/*
 * JSON Web Keys: from members to OpenSSL and back. Nothing here trusts the
 * text of a key: lengths first, then the curve, then OpenSSL's own check.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base64.h"
#include "jwk.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define P256_BYTES   32
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define RSA_E_MIN    65537 /* ANSSI, guide des mecanismes crypto. 2.04 */

const char *const jwk_alg_names[] = {
	[TOKEN_ES256] = "ES256",
	[TOKEN_RS256] = "RS256",
};

/* RFC 7518 6.2.2, 6.3.2, 6.4.1: members that only a private key has. */
static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi",
	"oth", "k" };

/* Bytes of one member. */
struct octets {
	unsigned char at[RSA_BITS_MAX / 8 + 3];
	size_t n;
};

static EVP_PKEY *read_ec(const json_t *jwk, const char **why);
static EVP_PKEY *read_rsa(const json_t *jwk, const char **why);

static const struct {
	const char *kty;
	enum token_alg alg;
	EVP_PKEY *(*read)(const json_t *jwk, const char **why);
} kinds[] = {
	{ "EC", TOKEN_ES256, read_ec },
	{ "RSA", TOKEN_RS256, read_rsa },
};

static bool fit_to_verify(const json_t *jwk, enum token_alg alg);
static char *public_pem(const EVP_PKEY *key);
static char *text_of(BIO *bio);

char *
jwk_pem(const json_t *jwk, enum token_alg *alg, const char **why)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));

	*why = "not_a_key";
	for (size_t i = 0; i < N_ELEMENTS(private_members); i++) {
		if (json_object_get(jwk, private_members[i]) != NULL) {
			*why = "private_member";
			return NULL;
		}
	}
	for (size_t i = 0; kty != NULL && i < N_ELEMENTS(kinds); i++) {
		if (strcmp(kty, kinds[i].kty) != 0)
			continue;
		if (!fit_to_verify(jwk, kinds[i].alg)) {
			*why = "wrong_use";
			return NULL;
		}
		EVP_PKEY *key = kinds[i].read(jwk, why);
		char *pem = key == NULL ? NULL : public_pem(key);

		EVP_PKEY_free(key);
		ERR_clear_error();
		*alg = kinds[i].alg;
		return pem;
	}
	return NULL;
}

/* alg, use and key_ops may be absent; said otherwise they must not differ. */
static bool
fit_to_verify(const json_t *jwk, enum token_alg alg)
{
	const json_t *name = json_object_get(jwk, "alg");
	const json_t *use = json_object_get(jwk, "use");
	const json_t *operations = json_object_get(jwk, "key_ops"), *item;
	size_t i;

	if (name != NULL &&
	    (!json_is_string(name) ||
	        strcmp(json_string_value(name), jwk_alg_names[alg]) != 0))
		return false;
	if (use != NULL && (!json_is_string(use) ||
	                       strcmp(json_string_value(use), "sig") != 0))
		return false;
	if (operations == NULL)
		return true;
	json_array_foreach (operations, i, item)
		if (json_is_string(item) &&
		    strcmp(json_string_value(item), "verify") == 0)
			return true;
	return false;
}

static bool
read_octets(const json_t *jwk, const char *name, struct octets *out)
{
	const json_t *member = json_object_get(jwk, name);
	size_t len = json_string_length(member);

	if (!json_is_string(member) || BASE64_BYTES(len) > sizeof(out->at))
		return false;
	return base64url_read(json_string_value(member), len, out->at, &out->n);
}

/* From parameters to a key that OpenSSL itself finds sound. */
static EVP_PKEY *
build(const char *type, OSSL_PARAM_BLD *made)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(made);
	EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY_CTX *check = NULL;
	EVP_PKEY *key = NULL;

	if (params == NULL || from == NULL ||
	    EVP_PKEY_fromdata_init(from) != 1 ||
	    EVP_PKEY_fromdata(from, &key, EVP_PKEY_PUBLIC_KEY, params) != 1 ||
	    (check = EVP_PKEY_CTX_new(key, NULL)) == NULL ||
	    EVP_PKEY_public_check(check) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(check);
	EVP_PKEY_CTX_free(from);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
read_ec(const json_t *jwk, const char **why)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	struct octets x, y;
	unsigned char point[1 + 2 * P256_BYTES] = { 4 }; /* uncompressed */

	*why = "wrong_curve";
	if (crv == NULL || strcmp(crv, "P-256") != 0)
		return NULL;
	*why = "bad_point";
	if (!read_octets(jwk, "x", &x) || x.n != P256_BYTES ||
	    !read_octets(jwk, "y", &y) || y.n != P256_BYTES)
		return NULL;
	memcpy(point + 1, x.at, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y.at, P256_BYTES);

	OSSL_PARAM_BLD *made = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (made != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(
	        made, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(
	        made, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
		key = build("EC", made);
	OSSL_PARAM_BLD_free(made);
	return key;
}

static EVP_PKEY *
read_rsa(const json_t *jwk, const char **why)
{
	struct octets n_bytes, e_bytes;

	*why = "bad_number";
	if (!read_octets(jwk, "n", &n_bytes) || n_bytes.n == 0 ||
	    n_bytes.at[0] == 0 || !read_octets(jwk, "e", &e_bytes) ||
	    e_bytes.n == 0 || e_bytes.n > 4 || e_bytes.at[0] == 0)
		return NULL;

	BIGNUM *n = BN_bin2bn(n_bytes.at, (int)n_bytes.n, NULL);
	BIGNUM *e = BN_bin2bn(e_bytes.at, (int)e_bytes.n, NULL);
	OSSL_PARAM_BLD *made = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	*why = "wrong_size";
	if (n != NULL && e != NULL && made != NULL &&
	    BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX &&
	    BN_is_odd(e) && BN_get_word(e) >= RSA_E_MIN &&
	    OSSL_PARAM_BLD_push_BN(made, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(made, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = build("RSA", made);
	OSSL_PARAM_BLD_free(made);
	BN_free(n);
	BN_free(e);
	return key;
}

static char *
public_pem(const EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1)
		text = text_of(bio);
	BIO_free(bio);
	return text;
}

static char *
text_of(BIO *bio)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	return len <= 0 ? NULL : strndup(bytes, (size_t)len);
}

bool
jwk_thumbprint(const json_t *jwk, char out[JWK_KID_MAX])
{
	/* RFC 7638 3.2: required members only, in lexicographic order. */
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	bool rsa = kty != NULL && strcmp(kty, "RSA") == 0;
	json_auto_t *required = rsa ? json_pack("{s:O?, s:O?, s:O?}", "e",
	                                  json_object_get(jwk, "e"), "kty",
	                                  json_object_get(jwk, "kty"), "n",
	                                  json_object_get(jwk, "n"))
	                            : json_pack("{s:O?, s:O?, s:O?, s:O?}",
	                                  "crv", json_object_get(jwk, "crv"),
	                                  "kty", json_object_get(jwk, "kty"),
	                                  "x", json_object_get(jwk, "x"), "y",
	                                  json_object_get(jwk, "y"));
	char *text = required == NULL
	                 ? NULL
	                 : json_dumps(required, JSON_COMPACT | JSON_SORT_KEYS);
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (text == NULL)
		return false;
	SHA256((const unsigned char *)text, strlen(text), digest);
	base64url_write(digest, sizeof(digest), out);
	free(text);
	return true;
}

char *
jwk_generate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;

	if (key != NULL && bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(
	        bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		text = text_of(bio);
	BIO_free(bio);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return text;
}

static bool
on_p256(const EVP_PKEY *key)
{
	char group[32] = "";

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
	           group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static bool
coordinate(const EVP_PKEY *key, const char *name, char *out)
{
	unsigned char bytes[P256_BYTES];
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
	            BN_bn2binpad(number, bytes, sizeof(bytes)) == sizeof(bytes);

	BN_free(number);
	if (good)
		base64url_write(bytes, sizeof(bytes), out);
	return good;
}

json_t *
jwk_of_private(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	char x[BASE64_TEXT(P256_BYTES)], y[BASE64_TEXT(P256_BYTES)];
	json_t *jwk = NULL;

	if (key != NULL && on_p256(key) &&
	    coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, x) &&
	    coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, y))
		jwk = json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
		    "P-256", "x", x, "y", y);
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return jwk;
}
