/*
 * Our own keys: loaded through the auth lane, one load at a time; a request
 * for another while one is on its way is remembered and done after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kore/kore.h>

#include <openssl/crypto.h>

#include "base64.h"
#include "caller.h"
#include "config.h"
#include "cursor.h"
#include "db.h"
#include "jwk.h"
#include "keys.h"
#include "log.h"
#include "statement.h"

#define RETRY_MS   1000
#define AGAIN_MS   300000 /* in case a NOTIFY was lost; also purges */
#define PEM_MAX    4096
#define CURSOR_KEY ((size_t)32)

static struct {
	struct db_call *call; /* on its way */
	bool again;
	bool timer;
	struct {
		char *kid, *pem, *public_pem;
	} mine; /* owned; all NULL: none */
	char *set;
} keys;

static void loaded(void *arg);
static bool take_over(const PGresult *result);
static void retry(void);

void
keys_load(void)
{
	const struct statement *statement = statement_named("oauth_keys");
	static const struct args none;
	const struct variant *variant =
	    statement == NULL ? NULL : statement_variant(statement, &none);

	if (variant == NULL)
		fatal("keys_load: no statement oauth_keys");
	if (keys.call != NULL) {
		keys.again = true;
		return;
	}
	keys.call = db_call(loaded, NULL);
	for (size_t i = 0; i < variant->n_parts; i++)
		db_add(keys.call, &variant->parts[i], &none);
	if (!db_send(keys.call, LANE_AUTH)) {
		db_drop(keys.call);
		keys.call = NULL;
		retry();
	}
}

static void
tick(void *arg, u_int64_t now)
{
	(void)arg;
	(void)now;
	keys_load();
}

/* Once more, soon. */
static void
retry(void)
{
	kore_timer_add(tick, RETRY_MS, NULL, KORE_TIMER_ONESHOT);
}

static void
loaded(void *arg)
{
	struct db_call *call = keys.call;
	bool good = call->state == DB_DONE && call->n > 0 &&
	            take_over(call->results[call->n - 1]);

	(void)arg;
	if (!good)
		log_warning(
		    "keys_not_loaded", LOG_STR("sqlstate", call->sqlstate));
	keys.call = NULL;
	db_drop(call);
	if (!keys.timer) {
		kore_timer_add(tick, AGAIN_MS, NULL, 0);
		keys.timer = true;
	}
	if (!good) {
		keys.again = false;
		retry();
	} else if (keys.again) {
		keys.again = false;
		keys_load();
	}
}

static const char *
column(const PGresult *result, const char *name)
{
	int number = PQfnumber(result, name);

	if (number < 0 || PQntuples(result) != 1 ||
	    PQgetisnull(result, 0, number))
		return NULL;
	return PQgetvalue(result, 0, number);
}

static void
take_cursor_secret(const char *text)
{
	unsigned char bytes[BASE64_BYTES(2 * CURSOR_KEY)];
	size_t len = text == NULL ? 0 : strlen(text), n;

	if (len <= 2 * CURSOR_KEY && base64_read(text, len, bytes, &n) &&
	    n == CURSOR_KEY)
		cursor_secret(bytes, n);
	else
		log_error("cursor_secret_missing", LOG_INT("len", len));
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* The private key of a kid, if the file holds it and nothing else. */
static char *
read_private(const char *kid)
{
	char path[PATH_MAX], pem[PEM_MAX + 1], found[JWK_KID_MAX] = "";
	int n = snprintf(path, sizeof(path), "%s/%s.pem", config.key_dir, kid);
	char *copy = NULL;
	ssize_t len = -1;

	if (n < 0 || (size_t)n >= sizeof(path) ||
	    strspn(kid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                "0123456789-_") != JWK_KID_MAX - 1)
		return NULL;

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		len = read(fd, pem, PEM_MAX);
		close(fd);
	}
	if (len <= 0) {
		log_error("key_file_unreadable", LOG_STR("kid", kid),
		    LOG_INT("errno", errno));
		return NULL;
	}
	pem[len] = '\0';

	json_auto_t *jwk = jwk_of_private(pem);

	if (jwk != NULL && jwk_thumbprint(jwk, found) &&
	    strcmp(found, kid) == 0)
		copy = strdup(pem);
	else
		log_error("key_file_of_another", LOG_STR("kid", kid));
	OPENSSL_cleanse(pem, sizeof(pem));
	return copy;
}

static void
forget_signer(void)
{
	if (keys.mine.pem != NULL)
		OPENSSL_cleanse(keys.mine.pem, strlen(keys.mine.pem));
	free(keys.mine.kid);
	free(keys.mine.pem);
	free(keys.mine.public_pem);
	memset(&keys.mine, 0, sizeof(keys.mine));
}

static void
take_signer(const json_t *list)
{
	const json_t *item, *active = NULL;
	const char *state, *why;
	enum token_alg alg;
	size_t i;

	forget_signer();
	json_array_foreach (list, i, item) {
		state = json_string_value(json_object_get(item, "state"));
		if (state != NULL && strcmp(state, "active") == 0)
			active = item;
	}
	const char *kid = json_string_value(json_object_get(active, "kid"));

	if (kid == NULL) {
		log_warning("no_active_key", LOG_INT("keys", i));
		return;
	}
	keys.mine.kid = strdup(kid);
	keys.mine.pem = read_private(kid);
	keys.mine.public_pem =
	    jwk_pem(json_object_get(active, "jwk"), &alg, &why);
}

/* All of it at once: what verifies, what signs, what is published. */
static bool
take_over(const PGresult *result)
{
	const char *text = column(result, "keys");
	const char *set = column(result, "body");
	json_auto_t *list =
	    text == NULL ? NULL
	                 : json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (list == NULL || set == NULL)
		return false;
	if (!caller_keys(list))
		log_error(
		    "keys_incomplete", LOG_INT("keys", json_array_size(list)));
	take_signer(list);
	free(keys.set);
	keys.set = strdup(set);
	take_cursor_secret(column(result, "cursor"));
	log_info("keys_loaded", LOG_INT("keys", json_array_size(list)),
	    LOG_STR("signer", keys.mine.kid));
	return true;
}

const struct signer *
keys_signer(void)
{
	static struct signer signer;

	if (keys.mine.kid == NULL || keys.mine.pem == NULL ||
	    keys.mine.public_pem == NULL)
		return NULL;
	signer = (struct signer){ .kid = keys.mine.kid,
		.pem = keys.mine.pem,
		.public_pem = keys.mine.public_pem };
	return &signer;
}

const char *
keys_set(void)
{
	return keys.set;
}
