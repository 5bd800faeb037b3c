/*
 * Tokens. Each row of weaknesses[] is something that libjwt 1.10.2 lets
 * through: its test first shows that, and then that token_verify() refuses.
 * Rows of refused[] are wrong in ways that libjwt sees, or that only we judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "../../api/base64.h"
#include "../../api/jwk.h"
#include "../../api/token.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define NOW    1800000000
#define ISSUER "https://gusp.example.org"
#define AUD    ISSUER "/v1"
#define TEXT   16384

/* Header and claims that are good, for the rows that change one thing. */
#define H_ES "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"ec\"}"
#define H_RS "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"rsa\"}"
#define C(iss, aud, times, more)                                               \
	"{\"iss\":" iss ",\"aud\":" aud "," times "\"sub\":\"a\"" more "}"
#define ISS   "\"" ISSUER "\""
#define JTI   ",\"jti\":\"j\""
#define TIMES "\"iat\":1799999990,\"exp\":1800000300,"
#define GOOD  C(ISS, "\"" AUD "\"", TIMES, JTI)

enum signing {
	EC,
	RSA_2048,
	P384,
	K256,
	RSA_1024,
	PUBLIC_PEM,
	NOBODY
};

/* Private keys by enum signing, and what a verifier is given for them. */
static struct {
	EVP_PKEY *keys[NOBODY];
	char *pems[NOBODY];
	char *jwk_pems[NOBODY]; /* through jwk_pem(); NULL: refused */
	enum token_alg algs[NOBODY];
} world;

static char *
pem_of(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *text;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	long len = BIO_get_mem_data(bio, &bytes);

	text = strndup(bytes, (size_t)len);
	BIO_free(bio);
	return text;
}

static void
add_number(json_t *jwk, EVP_PKEY *key, const char *name, const char *parameter,
    int width)
{
	unsigned char bytes[600];
	char text[900];
	BIGNUM *number = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, parameter, &number), 1);
	int len = width > 0 ? BN_bn2binpad(number, bytes, width)
	                    : BN_bn2bin(number, bytes);

	base64url_write(bytes, (size_t)len, text);
	json_object_set_new(jwk, name, json_string(text));
	BN_free(number);
}

static json_t *
jwk_of(enum signing which)
{
	EVP_PKEY *key = world.keys[which];
	bool rsa = which == RSA_2048 || which == RSA_1024;
	json_t *jwk = json_pack("{s:s}", "kty", rsa ? "RSA" : "EC");

	if (rsa) {
		add_number(jwk, key, "n", "n", 0);
		add_number(jwk, key, "e", "e", 0);
		return jwk;
	}
	int width = which == P384 ? 48 : 32;

	json_object_set_new(jwk, "crv",
	    json_string(which == P384   ? "P-384"
	                : which == K256 ? "secp256k1"
	                                : "P-256"));
	add_number(jwk, key, "x", "qx", width);
	add_number(jwk, key, "y", "qy", width);
	return jwk;
}

static int
make_world(void **state)
{
	const char *why;

	(void)state;
	world.keys[EC] = EVP_EC_gen("P-256");
	world.keys[P384] = EVP_EC_gen("P-384");
	world.keys[K256] = EVP_EC_gen("secp256k1");
	world.keys[RSA_2048] = EVP_RSA_gen(2048);
	world.keys[RSA_1024] = EVP_RSA_gen(1024);
	for (int i = 0; i < PUBLIC_PEM; i++) {
		json_auto_t *jwk = jwk_of((enum signing)i);

		world.pems[i] = pem_of(world.keys[i]);
		world.jwk_pems[i] = jwk_pem(jwk, &world.algs[i], &why);
	}
	return 0;
}

static int
end_world(void **state)
{
	(void)state;
	for (int i = 0; i < PUBLIC_PEM; i++) {
		EVP_PKEY_free(world.keys[i]);
		free(world.pems[i]);
		free(world.jwk_pems[i]);
	}
	return 0;
}

/* What a server would have loaded: keys that jwk_pem() accepts, no others. */
static const struct token_key *
find(const char *kid, void *arg)
{
	static const struct {
		const char *kid;
		enum signing which;
	} names[] = { { "ec", EC }, { "rsa", RSA_2048 }, { "p384", P384 },
		{ "k256", K256 }, { "rsa1024", RSA_1024 } };
	static struct token_key found;

	(void)arg;
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		if (strcmp(kid, names[i].kid) != 0)
			continue;
		found = (struct token_key){ .kid = kid,
			.alg = world.algs[names[i].which],
			.pem = world.jwk_pems[names[i].which] };
		return found.pem == NULL ? NULL : &found;
	}
	return NULL;
}

static void
sign_ec(EVP_PKEY *key, const EVP_MD *md, const char *text, unsigned char *out,
    size_t *len)
{
	unsigned char der[160];
	const unsigned char *at = der;
	size_t n = sizeof(der);
	int half = (EVP_PKEY_get_bits(key) + 7) / 8;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &n,
	                     (const unsigned char *)text, strlen(text)),
	    1);
	EVP_MD_CTX_free(ctx);

	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);

	BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half);
	ECDSA_SIG_free(sig);
	*len = (size_t)half * 2;
}

/* A compact token with any header and claims, by any key. */
static void
make(const char *header, const char *claims, enum signing by, char *out)
{
	unsigned char signature[600];
	size_t len = 0, n = base64url_write(header, strlen(header), out);

	out[n++] = '.';
	n += base64url_write(claims, strlen(claims), out + n);
	if (by == EC || by == P384 || by == K256) {
		sign_ec(world.keys[by], EVP_sha256(), out, signature, &len);
	} else if (by == RSA_2048 || by == RSA_1024) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		len = sizeof(signature);
		EVP_DigestSignInit(
		    ctx, NULL, EVP_sha256(), NULL, world.keys[by]);
		assert_int_equal(EVP_DigestSign(ctx, signature, &len,
		                     (const unsigned char *)out, n),
		    1);
		EVP_MD_CTX_free(ctx);
	} else if (by == PUBLIC_PEM) {
		unsigned hmac_len;

		HMAC(EVP_sha256(), world.pems[EC], (int)strlen(world.pems[EC]),
		    (const unsigned char *)out, n, signature, &hmac_len);
		len = hmac_len;
	}
	out[n++] = '.';
	base64url_write(signature, len, out + n);
}

static const struct token_rules rules = { .issuer = ISSUER,
	.audience = AUD,
	.now_s = NOW,
	.max_life_s = 3600,
	.jti_required = true };

static bool
ours(const char *token, size_t len, const char **why)
{
	json_auto_t *claims = token_verify(token, len, find, NULL, &rules, why);

	assert_int_equal(ERR_peek_error(), 0);
	return claims != NULL;
}

static bool
libjwts(const char *token, const char *pem)
{
	jwt_t *jwt = NULL;
	int failed = jwt_decode(&jwt, token, (const unsigned char *)pem,
	    pem == NULL ? 0 : (int)strlen(pem));

	jwt_free(jwt);
	ERR_clear_error();
	return failed == 0;
}

struct row {
	const char *name;
	const char *header, *claims;
	enum signing by;
	enum signing verified_with; /* by libjwt; NOBODY: no key */
	const char *why;
	void (*bend)(char *token); /* afterwards; NULL: not */
};

/* --- changes to a token's text ----------------------------------------------
 */

/* 64 bytes leave four unused bits in the last of 86 characters. */
static void
set_an_unused_bit(char *token)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                               "abcdefghijklmnopqrstuvwxyz"
	                               "0123456789-_";
	char *last = token + strlen(token) - 1;
	const char *at = strchr(alphabet, *last);

	*last = alphabet[(at - alphabet) | 1];
}

static void
pad(char *token)
{
	strcat(token, "==");
}

static void
append_segment(char *token)
{
	strcat(token, ".e30");
}

static void
append_garbage(char *token)
{
	strcat(token, "\n");
}

static void
drop_signature(char *token)
{
	strrchr(token, '.')[1] = '\0';
}

static void
drop_a_segment(char *token)
{
	*strrchr(token, '.') = '\0';
}

static void
zero_signature(char *token)
{
	memset(strrchr(token, '.') + 1, 'A', 86);
}

static void
flip_a_claim(char *token)
{
	char *claims = strchr(token, '.') + 12;

	*claims = *claims == 'A' ? 'B' : 'A';
}

static void
standard_alphabet(char *token)
{
	strrchr(token, '.')[1] = '+';
}

/* --- rows
 * --------------------------------------------------------------------- */

#define ES(claims) H_ES, claims, EC, EC

static const struct row weaknesses[] = {
	{ "hs256_signed_with_the_public_pem_is_refused",
	    "{\"alg\":\"HS256\",\"kid\":\"ec\"}", GOOD, PUBLIC_PEM, EC,
	    "algorithm", NULL },
	{ "a_token_without_algorithm_is_refused",
	    "{\"alg\":\"none\",\"kid\":\"ec\"}", GOOD, NOBODY, NOBODY,
	    "malformed", NULL },
	{ "an_rs256_token_for_an_unknown_key_is_refused",
	    "{\"alg\":\"RS256\",\"kid\":\"x\"}", GOOD, RSA_1024, NOBODY,
	    "unknown_kid", NULL },
	{ "an_es256_token_for_an_unknown_key_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"x\"}", GOOD, EC, NOBODY,
	    "unknown_kid", NULL },
	{ "a_token_without_kid_is_refused", "{\"alg\":\"ES256\"}", GOOD, EC, EC,
	    "header", NULL },
	{ "es256_with_a_p384_key_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"p384\"}", GOOD, P384, P384,
	    "unknown_kid", NULL },
	{ "es256_with_a_secp256k1_key_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"k256\"}", GOOD, K256, K256,
	    "unknown_kid", NULL },
	{ "rs256_with_1024_bits_is_refused",
	    "{\"alg\":\"RS256\",\"kid\":\"rsa1024\"}", GOOD, RSA_1024, RSA_1024,
	    "unknown_kid", NULL },
	{ "an_expired_token_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"exp\":1799999940,", JTI)), "expired",
	    NULL },
	{ "a_token_without_exp_is_refused", ES(C(ISS, "\"" AUD "\"", "", JTI)),
	    "exp", NULL },
	{ "a_token_for_ten_years_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"exp\":2115360000,", JTI)),
	    "exp_too_far", NULL },
	{ "exp_beyond_every_clock_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"exp\":9223372036854775807,", JTI)),
	    "exp_too_far", NULL },
	{ "exp_as_a_real_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"exp\":1e10,", JTI)), "exp", NULL },
	{ "exp_as_a_text_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"exp\":\"1800000300\",", JTI)), "exp",
	    NULL },
	{ "nbf_in_the_future_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"nbf\":1800000061," TIMES, JTI)), "nbf",
	    NULL },
	{ "iat_in_the_future_is_refused",
	    ES(C(ISS, "\"" AUD "\"", "\"iat\":1800000061,\"exp\":1800000300,",
	        JTI)),
	    "iat", NULL },
	{ "another_issuer_is_refused",
	    ES(C("\"https://evil.example\"", "\"" AUD "\"", TIMES, JTI)), "iss",
	    NULL },
	{ "an_issuer_with_a_final_slash_is_another_one",
	    ES(C("\"" ISSUER "/\"", "\"" AUD "\"", TIMES, JTI)), "iss", NULL },
	{ "a_token_without_issuer_is_refused",
	    ES("{\"aud\":\"" AUD "\",\"sub\":\"a\"," TIMES "\"jti\":\"j\"}"),
	    "iss", NULL },
	{ "another_audience_is_refused",
	    ES(C(ISS, "\"https://other.example\"", TIMES, JTI)), "aud", NULL },
	{ "the_issuer_is_not_the_audience", ES(C(ISS, ISS, TIMES, JTI)), "aud",
	    NULL },
	{ "a_list_without_us_is_refused",
	    ES(C(ISS, "[\"https://other.example\",3]", TIMES, JTI)), "aud",
	    NULL },
	{ "an_audience_that_begins_like_ours_is_refused",
	    ES(C(ISS, "\"" AUD "0\"", TIMES, JTI)), "aud", NULL },
	{ "a_critical_extension_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":[\"b64\"],"
	    "\"b64\":false}",
	    GOOD, EC, EC, "header", NULL },
	{ "an_empty_crit_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":[]}", GOOD, EC, EC,
	    "header", NULL },
	{ "alg_said_twice_is_refused",
	    "{\"alg\":\"none\",\"kid\":\"ec\",\"alg\":\"ES256\"}", GOOD, EC, EC,
	    "malformed", NULL },
	{ "kid_said_twice_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"x\",\"kid\":\"ec\"}", GOOD, EC, EC,
	    "malformed", NULL },
	{ "a_claim_said_twice_is_refused",
	    ES("{\"iss\":\"x\",\"iss\":\"" ISSUER "\",\"aud\":\"" AUD
	       "\",\"sub\":\"a\"," TIMES "\"jti\":\"j\"}"),
	    "malformed", NULL },
	{ "a_list_of_claims_is_refused", ES("[]"), "malformed", NULL },
	{ "a_kid_that_is_a_number_is_refused", "{\"alg\":\"ES256\",\"kid\":1}",
	    GOOD, EC, EC, "header", NULL },
	{ "a_signature_spelt_with_an_unused_bit_is_refused", ES(GOOD),
	    "malformed", set_an_unused_bit },
	{ "padding_is_refused", ES(GOOD), "malformed", pad },
	{ "typ_in_small_letters_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"jwt\"}", GOOD, EC, EC,
	    "header", NULL },
	{ "a_token_without_subject_is_refused",
	    ES("{\"iss\":\"" ISSUER "\",\"aud\":\"" AUD "\"," TIMES
	       "\"jti\":\"j\"}"),
	    "sub", NULL },
	{ "a_token_without_jti_is_refused",
	    ES(C(ISS, "\"" AUD "\"", TIMES, "")), "jti", NULL },
	{ "an_empty_jti_is_refused",
	    ES(C(ISS, "\"" AUD "\"", TIMES, ",\"jti\":\"\"")), "jti", NULL },
};

static const struct row refused[] = {
	{ "the_algorithm_of_another_key_is_refused", H_RS, GOOD, EC, RSA_2048,
	    "signature", NULL },
	{ "rs256_said_of_an_ec_key_is_refused",
	    "{\"alg\":\"RS256\",\"kid\":\"ec\"}", GOOD, EC, EC, "algorithm",
	    NULL },
	{ "no_algorithm_with_a_key_is_refused",
	    "{\"alg\":\"none\",\"kid\":\"ec\"}", GOOD, EC, EC, "algorithm",
	    NULL },
	{ "eddsa_is_refused", "{\"alg\":\"EdDSA\",\"kid\":\"ec\"}", GOOD, EC,
	    EC, "algorithm", NULL },
	{ "ps256_is_refused", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", GOOD,
	    RSA_2048, RSA_2048, "algorithm", NULL },
	{ "a_token_that_names_no_algorithm_is_refused", "{\"kid\":\"ec\"}",
	    GOOD, EC, EC, "header", NULL },
	{ "an_algorithm_that_is_a_number_is_refused",
	    "{\"alg\":1,\"kid\":\"ec\"}", GOOD, EC, EC, "header", NULL },
	{ "at_jwt_is_refused",
	    "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"at+jwt\"}", GOOD, EC,
	    EC, "header", NULL },
	{ "a_signature_of_zeroes_is_refused", ES(GOOD), "signature",
	    zero_signature },
	{ "an_empty_signature_is_refused", ES(GOOD), "malformed",
	    drop_signature },
	{ "two_segments_are_refused", ES(GOOD), "malformed", drop_a_segment },
	{ "four_segments_are_refused", ES(GOOD), "malformed", append_segment },
	{ "trailing_garbage_is_refused", ES(GOOD), "malformed",
	    append_garbage },
	{ "the_standard_alphabet_is_refused", ES(GOOD), "malformed",
	    standard_alphabet },
	{ "a_changed_claim_is_refused", ES(GOOD), NULL, flip_a_claim },
	{ "the_key_of_a_stranger_is_refused", H_ES, GOOD, P384, EC, "signature",
	    NULL },
};

static void
libjwt_accepts_it_and_we_do_not(void **state)
{
	const struct row *row = *state;
	char token[TEXT];
	const char *why;

	make(row->header, row->claims, row->by, token);
	if (row->bend != NULL)
		row->bend(token);
	assert_true(libjwts(token, row->verified_with == NOBODY
	                               ? NULL
	                               : world.pems[row->verified_with]));
	assert_false(ours(token, strlen(token), &why));
	assert_string_equal(why, row->why);
}

static void
nobody_accepts_it(void **state)
{
	const struct row *row = *state;
	char token[TEXT];
	const char *why;

	make(row->header, row->claims, row->by, token);
	if (row->bend != NULL)
		row->bend(token);
	assert_false(ours(token, strlen(token), &why));
	if (row->why != NULL)
		assert_string_equal(why, row->why);
}

/* --- single sentences
 * ------------------------------------------------------------ */

static void
good_tokens_pass(void **state)
{
	static const struct {
		const char *header, *claims;
		enum signing by;
	} good[] = {
		{ H_ES, GOOD, EC },
		{ H_RS, GOOD, RSA_2048 },
		{ "{\"kid\":\"ec\",\"alg\":\"ES256\"}", GOOD, EC },
		{ H_ES, C(ISS, "[\"x\",\"" AUD "\"]", TIMES, JTI), EC },
		/* Clocks differ by up to 60 s. */
		{ H_ES, C(ISS, "\"" AUD "\"", "\"exp\":1799999941,", JTI), EC },
		{ H_ES,
		    C(ISS, "\"" AUD "\"",
		        "\"iat\":1800000060,\"nbf\":1800000060,"
		        "\"exp\":1800003600,",
		        JTI),
		    EC },
		/* Never followed: they only ride along. */
		{ "{\"alg\":\"ES256\",\"kid\":\"ec\","
		  "\"jku\":\"https://evil.example\",\"jwk\":{}}",
		    GOOD, EC },
	};
	char token[TEXT];
	const char *why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		make(good[i].header, good[i].claims, good[i].by, token);
		if (!ours(token, strlen(token), &why))
			fail_msg("good[%zu]: %s", i, why);
	}
}

static void
a_thousand_signatures_of_ours_verify(void **state)
{
	json_auto_t *claims = json_loads(GOOD, 0, NULL);
	char *pem = jwk_generate();
	json_auto_t *jwk = jwk_of_private(pem);
	const char *why;
	char *kept = world.jwk_pems[EC];

	(void)state;
	world.jwk_pems[EC] = jwk_pem(jwk, &world.algs[EC], &why);
	for (int i = 0; i < 1000; i++) {
		char *token = token_sign(claims, "ec", pem);

		assert_non_null(token);
		assert_true(ours(token, strlen(token), &why));
		free(token);
	}
	free(world.jwk_pems[EC]);
	world.jwk_pems[EC] = kept;
	free(pem);
}

static void
a_token_of_more_than_4_kib_is_refused(void **state)
{
	char claims[TEXT / 2], token[TEXT];
	const char *why;

	(void)state;
	for (int len = 2600; len < 3200; len += 40) {
		snprintf(claims, sizeof(claims),
		    C(ISS, "\"" AUD "\"", TIMES, JTI ",\"x\":\"%0*d\""), len,
		    0);
		make(H_ES, claims, EC, token);
		assert_true(libjwts(token, world.pems[EC]));
		assert_int_equal(ours(token, strlen(token), &why),
		    strlen(token) <= TOKEN_MAX);
	}
}

static void
a_token_of_16_mib_ends_libjwt_and_not_us(void **state)
{
	size_t len = 16 * 1024 * 1024;
	char *token = malloc(len + 1);
	const char *why;
	int status;

	(void)state;
	assert_non_null(token);
	memset(token, 'A', len);
	token[len] = '\0';
	token[len - 4] = token[len - 2] = '.'; /* it copies each to the stack */
	assert_false(ours(token, len, &why));
	assert_string_equal(why, "malformed");

	pid_t child = fork();

	if (child == 0) {
		struct rlimit none = { 0, 0 };
		struct rlimit stack = { 8 << 20, 8 << 20 }; /* the usual */

		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_STACK, &stack);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(0);
		libjwts(token, world.pems[EC]);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(token);
}

static void
every_bit_of_a_token_counts(void **state)
{
	char token[TEXT];
	const char *why;

	(void)state;
	make(H_ES, GOOD, EC, token);
	for (size_t i = 0; i < strlen(token); i++) {
		token[i] ^= 1;
		assert_false(ours(token, strlen(token), &why));
		token[i] ^= 1;
	}
	for (size_t i = 0; i < strlen(token); i++)
		assert_false(ours(token, i, &why));
}

static void
a_nul_byte_hides_nothing(void **state)
{
	char token[TEXT];
	const char *why;

	(void)state;
	make(H_ES, GOOD, EC, token);
	size_t len = strlen(token);

	assert_false(ours(token, len + 1, &why)); /* jansson would stop there */
}

static void
only_good_public_keys_become_pem(void **state)
{
	const char *why;
	enum token_alg alg;
	json_auto_t *jwk = jwk_of(EC);
	char *pem;

	(void)state;
	assert_non_null(world.jwk_pems[EC]);
	assert_non_null(world.jwk_pems[RSA_2048]);
	assert_null(world.jwk_pems[P384]);
	assert_null(world.jwk_pems[K256]);
	assert_null(world.jwk_pems[RSA_1024]);

	static const struct {
		const char *name, *value, *why;
	} wrong[] = {
		{ "d", "AAAA", "private_member" },
		{ "k", "AAAA", "private_member" },
		{ "use", "enc", "wrong_use" },
		{ "alg", "ES384", "wrong_use" },
		{ "crv", "P-384", "wrong_curve" },
		{ "x", "AAAA", "bad_point" },
		{ "kty", "oct", "not_a_key" },
	};
	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		json_auto_t *bad = json_copy(jwk);

		json_object_set_new(
		    bad, wrong[i].name, json_string(wrong[i].value));
		assert_null(jwk_pem(bad, &alg, &why));
		assert_string_equal(why, wrong[i].why);
	}
	/* A point that is not on the curve. */
	json_object_set(jwk, "x", json_object_get(jwk, "y"));
	pem = jwk_pem(jwk, &alg, &why);
	assert_null(pem);
}

static void
the_thumbprint_is_that_of_rfc_7638(void **state)
{
	/* Its example, section 3.1. */
	json_auto_t *jwk = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "RSA",
	    "n",
	    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z"
	    "wu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5Js"
	    "GY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
	    "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
	    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
	    "Cur-kEgU8awapJzKnqDKgw",
	    "e", "AQAB", "alg", "RS256", "kid", "2011-04-29");
	char kid[JWK_KID_MAX];
	enum token_alg alg;
	const char *why;
	char *pem = jwk_pem(jwk, &alg, &why);

	(void)state;
	assert_non_null(pem);
	assert_true(jwk_thumbprint(jwk, kid));
	assert_string_equal(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	free(pem);
}

static void
a_claim_can_be_peeked_at(void **state)
{
	struct mem mem = { 0 };
	char token[TEXT];

	(void)state;
	make(H_ES, GOOD, EC, token);
	assert_string_equal(
	    token_peek(token, strlen(token), "iss", &mem), ISSUER);
	assert_null(token_peek(token, strlen(token), "exp", &mem));
	assert_null(token_peek("a.b", 3, "iss", &mem));
	mem_release(&mem);
}

static size_t
add_rows(struct CMUnitTest *tests, size_t n, const struct row *rows,
    size_t n_rows, CMUnitTestFunction run)
{
	for (size_t i = 0; i < n_rows; i++)
		tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
			.test_func = run,
			.initial_state = (void *)(uintptr_t)&rows[i] };
	return n;
}

int
main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(good_tokens_pass),
		cmocka_unit_test(a_thousand_signatures_of_ours_verify),
		cmocka_unit_test(a_token_of_more_than_4_kib_is_refused),
		cmocka_unit_test(a_token_of_16_mib_ends_libjwt_and_not_us),
		cmocka_unit_test(every_bit_of_a_token_counts),
		cmocka_unit_test(a_nul_byte_hides_nothing),
		cmocka_unit_test(only_good_public_keys_become_pem),
		cmocka_unit_test(the_thumbprint_is_that_of_rfc_7638),
		cmocka_unit_test(a_claim_can_be_peeked_at),
	};
	static struct CMUnitTest tests[N_ELEMENTS(single) +
	                               N_ELEMENTS(weaknesses) +
	                               N_ELEMENTS(refused)];
	size_t n = N_ELEMENTS(single);

	memcpy(tests, single, sizeof(single));
	n = add_rows(tests, n, weaknesses, N_ELEMENTS(weaknesses),
	    libjwt_accepts_it_and_we_do_not);
	n = add_rows(tests, n, refused, N_ELEMENTS(refused), nobody_accepts_it);
	return _cmocka_run_group_tests(
	    "token", tests, n, make_world, end_world);
}
