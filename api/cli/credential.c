/* What a client proves itself with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "cli.h"
#include "credential.h"
#include "database.h"

#include "../base64.h"
#include "../contract.h"
#include "../jwk.h"

/* So that a scanner finds a leaked one (SECURITY 1.5). */
#define PREFIX       "gusp_cs_"
#define SECRET_BYTES 32
#define CHECK_BYTES  3

void
credential_secret(PGconn *conn, const char *client)
{
	unsigned char random[SECRET_BYTES], digest[SHA256_DIGEST_LENGTH];
	char secret[sizeof(PREFIX) + BASE64_TEXT(SECRET_BYTES) +
	            BASE64_TEXT(CHECK_BYTES)] = PREFIX;
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	size_t len = sizeof(PREFIX) - 1;

	if (RAND_bytes(random, sizeof(random)) != 1)
		die("pas de hasard", "no randomness");
	len += base64url_write(random, sizeof(random), secret + len);
	SHA256((const unsigned char *)secret, len, digest);
	len += base64url_write(digest, CHECK_BYTES, secret + len);
	SHA256((const unsigned char *)secret, len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	database_do(conn,
	    "INSERT INTO auth.client_secret (client_id, digest) "
	    "VALUES ($1, decode($2, 'hex'))",
	    client, hex, DATABASE_END);
	printf("client_secret %s\n", secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(random, sizeof(random));
}

/* The one key of a file; a new reference. */
static json_t *
read_jwk(const char *path)
{
	size_t len;
	char *text = file_read(path, &len);
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *keys = json_object_get(root, "keys");

	free(text);
	if (root == NULL)
		die("%s n'est pas du JSON", "%s is not JSON", path);
	if (keys != NULL && json_array_size(keys) != 1)
		die("%s ne contient pas une seule clé",
		    "%s does not hold exactly one key", path);
	return json_incref(keys == NULL ? root : json_array_get(keys, 0));
}

void
credential_jwk(PGconn *conn, const char *client, const char *path)
{
	json_auto_t *jwk = read_jwk(path);
	char thumbprint[JWK_KID_MAX] = "";
	enum token_alg alg;
	const char *why;
	char *pem = jwk_pem(jwk, &alg, &why);
	const char *kid = json_string_value(json_object_get(jwk, "kid"));

	if (pem == NULL && strcmp(why, "private_member") == 0)
		die("%s est une clé privée : enregistrez sa partie publique",
		    "%s is a private key: register its public half", path);
	if (pem == NULL)
		die("%s : il faut une clé P-256, ou RSA de 2048 à 4096 bits "
		    "(%s)",
		    "%s: a P-256 key is wanted, or RSA of 2048 to 4096 bits "
		    "(%s)",
		    path, why);
	free(pem);
	if (kid == NULL && jwk_thumbprint(jwk, thumbprint))
		kid = thumbprint;

	char *text = json_dumps(jwk, JSON_COMPACT);

	if (text == NULL)
		die("mémoire épuisée", "out of memory");
	database_do(conn,
	    "INSERT INTO auth.client_key (client_id, kid, alg, jwk) "
	    "VALUES ($1, $2, $3, $4)",
	    client, kid, jwk_alg_names[alg], text, DATABASE_END);
	free(text);
	printf("kid %s\n", kid);
}

static void
load_contract(void)
{
	char why[256];

	if (contract.n_operations == 0 &&
	    !contract_load(setting("GUSP_CONTRACT", "build/openapi.json"), why,
	        sizeof(why)))
		die("contrat illisible (%s) : GUSP_CONTRACT le désigne",
		    "cannot read the contract (%s): GUSP_CONTRACT names it",
		    why);
}

char *
credential_scopes_of(const char *role)
{
	char *words = NULL;
	unsigned bit = 0;
	size_t len;
	FILE *to = open_memstream(&words, &len);

	load_contract();
	for (unsigned i = 0; i < N_ROLES; i++)
		if (strcmp(role, role_names[i]) == 0)
			bit = 1u << i;
	if (to == NULL || bit == 0)
		die("rôle inconnu : %s", "unknown role: %s", role);
	for (size_t i = 0; i < contract.n_operations; i++) {
		const struct operation *op = &contract.operations[i];

		/* What is private is granted by name. */
		if ((op->roles & bit) == 0 || op->private)
			continue;
		for (size_t s = 0; s < op->n_scopes; s++)
			fprintf(to, "%s ", op->scopes[s]);
	}
	(void)fclose(to);
	return words;
}

/* The scopes of the contract in their order, each once; the first after "". */
static const char *
next_scope(const char *after)
{
	const char *next = NULL;

	for (size_t i = 0; i < contract.n_operations; i++) {
		const struct operation *op = &contract.operations[i];

		for (size_t s = 0; s < op->n_scopes; s++)
			if (strcmp(op->scopes[s], after) > 0 &&
			    (next == NULL || strcmp(op->scopes[s], next) < 0))
				next = op->scopes[s];
	}
	return next;
}

/* A scope that no operation needs is a mistake of the hand. */
static void
check_scope(const char *word, size_t len)
{
	char *known = NULL;
	size_t known_len;
	FILE *to = open_memstream(&known, &known_len);

	if (to == NULL)
		die("mémoire épuisée", "out of memory");
	for (const char *s = next_scope(""); s != NULL; s = next_scope(s)) {
		if (strlen(s) == len && strncmp(s, word, len) == 0) {
			(void)fclose(to);
			free(known);
			return;
		}
		fprintf(to, " %s", s);
	}
	(void)fclose(to);
	die("périmètre inconnu : %.*s ; connus :%s",
	    "unknown scope: %.*s; known:%s", (int)len, word, known);
}

char *
credential_scopes(const char *words)
{
	size_t len = strlen(words), n = 0;
	char *out = malloc(len + 3);

	load_contract();
	if (out == NULL)
		die("mémoire épuisée", "out of memory");
	if (strspn(words, "abcdefghijklmnopqrstuvwxyz0123456789_.:- ") != len)
		die("périmètres illisibles : %s", "unreadable scopes: %s",
		    words);
	out[n++] = '{';
	while (*(words += strspn(words, " ")) != '\0') {
		if (n > 1)
			out[n++] = ',';
		check_scope(words, strcspn(words, " "));
		while (*words != '\0' && *words != ' ')
			out[n++] = *words++;
	}
	out[n++] = '}';
	out[n] = '\0';
	return out;
}
