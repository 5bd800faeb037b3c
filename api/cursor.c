/*
 * Cursors: written and read here, opaque everywhere else.
 */
#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <jansson.h>

#include "cursor.h"

#include "base64.h"

#define VERSION    1
#define MAC_LEN    16
#define HEAD_LEN   (1 + MAC_LEN)
#define SECRET_LEN 32

static unsigned char secret[SECRET_LEN];
static bool ready;

static bool sign(const char *scope, const char *key, size_t key_len,
    struct mem *mem, unsigned char out[MAC_LEN]);
static bool
read_key(const char *key, struct mem *mem, const char **values, size_t n);

void
cursor_secret(const unsigned char *bytes, size_t len)
{
	ready = len == sizeof(secret);
	if (ready)
		memcpy(secret, bytes, len);
}

const char *
cursor_write(const char *scope, const char *key, struct mem *mem)
{
	size_t key_len = strlen(key);
	size_t len = HEAD_LEN + key_len;
	unsigned char *bytes = mem_take(mem, len);
	char *text = mem_take(mem, BASE64_TEXT(len));

	bytes[0] = VERSION;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes */
	memcpy(bytes + HEAD_LEN, key, key_len);
	if (!sign(scope, key, key_len, mem, bytes + 1))
		return NULL;
	base64url_write(bytes, len, text);
	return text;
}

bool
cursor_read(const char *cursor, const char *scope, struct mem *mem,
    const char **values, size_t n)
{
	unsigned char mac[MAC_LEN];
	size_t len = strlen(cursor);
	unsigned char *bytes = mem_take(mem, BASE64_BYTES(len));

	if (!base64url_read(cursor, len, bytes, &len) || len <= HEAD_LEN ||
	    bytes[0] != VERSION)
		return false;

	/* The arena zeroes what it gives, yet a text may fill it: copy. */
	const char *key =
	    mem_copy(mem, (const char *)bytes + HEAD_LEN, len - HEAD_LEN);

	return sign(scope, key, len - HEAD_LEN, mem, mac) &&
	       CRYPTO_memcmp(mac, bytes + 1, MAC_LEN) == 0 &&
	       read_key(key, mem, values, n);
}

/* The first 16 bytes of HMAC-SHA-256 over version, scope, NUL and key: a
 * scope has no NUL, so that no two pairs make the same message. */
static bool
sign(const char *scope, const char *key, size_t key_len, struct mem *mem,
    unsigned char out[MAC_LEN])
{
	size_t scope_len = strlen(scope);
	size_t len = 1 + scope_len + 1 + key_len;
	unsigned char *message = mem_take(mem, len);
	unsigned char mac[EVP_MAX_MD_SIZE];

	message[0] = VERSION;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes */
	memcpy(message + 1, scope, scope_len);
	memcpy(message + 1 + scope_len + 1, key, key_len);
	if (!ready || HMAC(EVP_sha256(), secret, (int)sizeof(secret), message,
	                  len, mac, NULL) == NULL)
		return false;
	memcpy(out, mac, MAC_LEN);
	return true;
}

/* The end of the JSON value at text, inside an array. */
static const char *
value_end(const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted && (*text == ',' || *text == ']'))
			break;
	}
	return text;
}

/* A number is taken as it is written: numeric does not survive a double. */
static const char *
element_text(const json_t *value, const char *raw, struct mem *mem)
{
	const char *text = json_string_value(value);

	if (text != NULL)
		return mem_copy(mem, text, strlen(text));
	if (json_is_null(value))
		return NULL;
	return mem_copy(mem, raw, (size_t)(value_end(raw) - raw));
}

static bool
read_key(const char *key, struct mem *mem, const char **values, size_t n)
{
	json_auto_t *list = json_loads(key, JSON_REJECT_DUPLICATES, NULL);
	const char *raw = strchr(key, '[');

	if (!json_is_array(list) || json_array_size(list) != n || raw == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);

		if (json_is_array(value) || json_is_object(value))
			return false;
		raw++;
		raw += strspn(raw, " \t\r\n");
		values[i] = element_text(value, raw, mem);
		raw = value_end(raw);
	}
	return true;
}
