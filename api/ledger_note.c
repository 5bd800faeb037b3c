/* Signed notes: form, verifier keys, Ed25519. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base64.h"
#include "ledger_note.h"

#define ID_LEN        4
#define SIGNATURE_LEN 64
#define TIME_LEN      8
/* Decoded, of the lines that are ours; others may be longer. */
#define BODY_MAX ((size_t)(ID_LEN + TIME_LEN + SIGNATURE_LEN))

/* U+2014 EM DASH and a space. */
static const char dash[] = "\xe2\x80\x94 ";
#define DASH_LEN (sizeof(dash) - 1)

/* --- keys --------------------------------------------------------------------
 */

static bool
is_name(const char *name, size_t len)
{
	if (len == 0 || len > NOTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c <= ' ' || c >= 0x7f || c == '+')
			return false;
	}
	return true;
}

/* The first bytes of SHA-256(name || LF || kind || key). */
static void
set_id(struct note_key *key)
{
	unsigned char message[NOTE_NAME_MAX + 2 + NOTE_KEY_LEN];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t n = strlen(key->name);

	memcpy(message, key->name, n);
	message[n++] = '\n';
	message[n++] = (unsigned char)key->kind;
	memcpy(message + n, key->bytes, NOTE_KEY_LEN);
	SHA256(message, n + NOTE_KEY_LEN, digest);
	memcpy(key->id, digest, ID_LEN);
}

bool
note_key_make(const char *name, enum note_kind kind,
    const unsigned char bytes[NOTE_KEY_LEN], struct note_key *out)
{
	size_t len = strlen(name);

	if (!is_name(name, len) || (kind != NOTE_LOG && kind != NOTE_WITNESS))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->name, name, len + 1);
	out->kind = kind;
	memcpy(out->bytes, bytes, NOTE_KEY_LEN);
	set_id(out);
	return true;
}

bool
note_key_of_seed(const char *name, enum note_kind kind,
    const unsigned char seed[NOTE_SEED_LEN], struct note_key *out)
{
	unsigned char bytes[NOTE_KEY_LEN];
	size_t len = sizeof(bytes);
	EVP_PKEY *private = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, seed, NOTE_SEED_LEN);
	bool good = private != NULL &&
	            EVP_PKEY_get_raw_public_key(private, bytes, &len) == 1;

	EVP_PKEY_free(private);
	return good && note_key_make(name, kind, bytes, out);
}

bool
note_key_read(const char *vkey, struct note_key *out)
{
	unsigned char decoded[BASE64_BYTES(44)];
	char name[NOTE_NAME_MAX + 1], hex[2 * ID_LEN + 1];
	const char *plus = strchr(vkey, '+');
	const char *second = plus == NULL ? NULL : strchr(plus + 1, '+');
	size_t len;

	if (second == NULL || second - plus != 1 + 2 * ID_LEN ||
	    plus - vkey > NOTE_NAME_MAX || strlen(second + 1) != 44 ||
	    !base64_read(second + 1, 44, decoded, &len) ||
	    len != 1 + NOTE_KEY_LEN)
		return false;
	memcpy(name, vkey, (size_t)(plus - vkey));
	name[plus - vkey] = '\0';
	if (!note_key_make(name, (enum note_kind)decoded[0], decoded + 1, out))
		return false;
	for (size_t i = 0; i < ID_LEN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", out->id[i]);
	return strncmp(plus + 1, hex, sizeof(hex) - 1) == 0;
}

void
note_key_write(const struct note_key *key, char out[NOTE_VKEY_MAX])
{
	unsigned char bytes[1 + NOTE_KEY_LEN];
	char text[BASE64_TEXT(sizeof(bytes)) + 3];

	bytes[0] = (unsigned char)key->kind;
	memcpy(bytes + 1, key->bytes, NOTE_KEY_LEN);
	base64_write(bytes, sizeof(bytes), text);
	(void)snprintf(out, NOTE_VKEY_MAX, "%s+%02x%02x%02x%02x+%s", key->name,
	    key->id[0], key->id[1], key->id[2], key->id[3], text);
}

/* --- checkpoints
 * ---------------------------------------------------------------
 */

void
checkpoint_write(const struct checkpoint *checkpoint, char out[NOTE_TEXT_MAX])
{
	char root[BASE64_TEXT(HASH_LEN) + 3];

	base64_write(checkpoint->head.root.bytes, HASH_LEN, root);
	(void)snprintf(out, NOTE_TEXT_MAX, "%s\n%" PRIu64 "\n%s\n",
	    checkpoint->origin, checkpoint->head.size, root);
}

/* A line, without its line feed; false if there is none. */
static bool
next_line(const char **at, const char *end, const char **line, size_t *len)
{
	const char *feed = memchr(*at, '\n', (size_t)(end - *at));

	if (feed == NULL)
		return false;
	*line = *at;
	*len = (size_t)(feed - *at);
	*at = feed + 1;
	return true;
}

/* Decimal, without leading zero, at most 2^63 - 1. */
static bool
read_size(const char *text, size_t len, uint64_t *out)
{
	if (len == 0 || len > 19 || (text[0] == '0' && len > 1))
		return false;
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	}
	return *out <= INT64_MAX;
}

bool
checkpoint_read(const char *text, size_t len, struct checkpoint *checkpoint)
{
	unsigned char root[BASE64_BYTES(44)];
	const char *at = text, *end = text + len;
	const char *origin, *size, *hash;
	size_t origin_len, size_len, hash_len, root_len;

	if (!next_line(&at, end, &origin, &origin_len) ||
	    !next_line(&at, end, &size, &size_len) ||
	    !next_line(&at, end, &hash, &hash_len) || at != end ||
	    !is_name(origin, origin_len) ||
	    !read_size(size, size_len, &checkpoint->head.size) ||
	    hash_len != 44 || !base64_read(hash, hash_len, root, &root_len) ||
	    root_len != HASH_LEN)
		return false;
	memcpy(checkpoint->origin, origin, origin_len);
	checkpoint->origin[origin_len] = '\0';
	memcpy(checkpoint->head.root.bytes, root, HASH_LEN);
	return true;
}

/* --- notes
 * ---------------------------------------------------------------------
 */

/* "— name base64": its parts, and the id that the base64 begins with. */
static bool
read_line(const char *line, size_t len, struct note_line *out)
{
	unsigned char first[BASE64_BYTES(8)];
	const char *blank;
	size_t n;

	if (len <= DASH_LEN || memcmp(line, dash, DASH_LEN) != 0)
		return false;
	out->line = line;
	out->line_len = len + 1;
	out->name = line + DASH_LEN;
	blank = memchr(out->name, ' ', len - DASH_LEN);
	if (blank == NULL)
		return false;
	out->name_len = (size_t)(blank - out->name);
	out->body = blank + 1;
	out->body_len = len - DASH_LEN - out->name_len - 1;
	/* Eight characters are the id and two bytes of what follows it. */
	if (!is_name(out->name, out->name_len) || out->body_len < 8 ||
	    !base64_read(out->body, 8, first, &n) || n < ID_LEN + 1)
		return false;
	memcpy(out->id, first, ID_LEN);
	return true;
}

static bool
has_control(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)bytes[i] < ' ' && bytes[i] != '\n')
			return true;
	return false;
}

bool
note_read(const char *bytes, size_t len, struct note *out)
{
	const char *end = bytes + len, *at = NULL, *line;
	size_t line_len;

	out->n = 0;
	if (len == 0 || end[-1] != '\n' || has_control(bytes, len))
		return false;
	/* The last blank line: a text may have others. */
	for (size_t i = 0; i + 1 < len; i++)
		if (bytes[i] == '\n' && bytes[i + 1] == '\n')
			at = bytes + i + 2;
	if (at == NULL)
		return false;
	out->text = bytes;
	out->text_len = (size_t)(at - bytes) - 1;
	while (next_line(&at, end, &line, &line_len))
		if (out->n == NOTE_LINES_MAX ||
		    !read_line(line, line_len, &out->at[out->n++]))
			return false;
	return out->n > 0;
}

/* What is signed: the text, a witness' one below its time. malloc'd. */
static char *
message_of(enum note_kind kind, const char *text, size_t len, uint64_t time_s,
    size_t *out_len)
{
	char head[64] = "";
	int n = 0;
	char *message;

	if (kind == NOTE_WITNESS)
		n = snprintf(head, sizeof(head),
		    "cosignature/v1\ntime %" PRIu64 "\n", time_s);
	message = malloc((size_t)n + len + 1);
	if (message == NULL)
		return NULL;
	memcpy(message, head, (size_t)n);
	memcpy(message + n, text, len);
	*out_len = (size_t)n + len;
	return message;
}

static bool
verify(const struct note_key *key, const unsigned char *signature,
    const char *message, size_t len)
{
	EVP_PKEY *public = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, key->bytes, NOTE_KEY_LEN);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good =
	    public != NULL && context != NULL &&
	    EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
	    EVP_DigestVerify(context, signature, SIGNATURE_LEN,
	        (const unsigned char *)message, len) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public);
	ERR_clear_error();
	return good;
}

static uint64_t
read_time(const unsigned char *bytes)
{
	uint64_t time_s = 0;

	for (size_t i = 0; i < TIME_LEN; i++)
		time_s = time_s << 8 | bytes[i];
	return time_s;
}

static bool
line_is_good(const struct note *note, const struct note_line *line,
    const struct note_key *key, uint64_t *time_s)
{
	unsigned char body[BASE64_BYTES((BODY_MAX + 2) / 3 * 4)];
	size_t before = key->kind == NOTE_WITNESS ? TIME_LEN : 0, len;
	char *message;
	bool good;

	if (line->body_len > (BODY_MAX + 2) / 3 * 4 ||
	    !base64_read(line->body, line->body_len, body, &len) ||
	    len != ID_LEN + before + SIGNATURE_LEN)
		return false;
	*time_s = before > 0 ? read_time(body + ID_LEN) : 0;
	message =
	    message_of(key->kind, note->text, note->text_len, *time_s, &len);
	good = message != NULL &&
	       verify(key, body + ID_LEN + before, message, len);
	free(message);
	return good;
}

enum note_verdict
note_check(
    const struct note *note, const struct note_key *key, uint64_t *time_s)
{
	enum note_verdict verdict = NOTE_UNSIGNED;
	uint64_t at_s = 0;

	if (time_s != NULL)
		*time_s = 0;
	for (size_t i = 0; i < note->n; i++) {
		const struct note_line *line = &note->at[i];

		if (line->name_len != strlen(key->name) ||
		    memcmp(line->name, key->name, line->name_len) != 0 ||
		    memcmp(line->id, key->id, ID_LEN) != 0)
			continue;
		if (!line_is_good(note, line, key, &at_s))
			return NOTE_BAD;
		verdict = NOTE_GOOD;
		/* A witness may have signed several times: the newest. */
		if (time_s != NULL && at_s > *time_s)
			*time_s = at_s;
	}
	return verdict;
}

static bool
sign(const unsigned char seed[NOTE_SEED_LEN], const char *message, size_t len,
    unsigned char signature[SIGNATURE_LEN])
{
	EVP_PKEY *private = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, seed, NOTE_SEED_LEN);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t signature_len = SIGNATURE_LEN;
	/* Ed25519 names no digest (EVP_DigestSign, one shot). */
	bool good =
	    private != NULL && context != NULL &&
	    EVP_DigestSignInit(context, NULL, NULL, NULL, private) == 1 &&
	    EVP_DigestSign(context, signature, &signature_len,
	        (const unsigned char *)message, len) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(private);
	return good;
}

bool
note_sign(const struct note_key *key, const unsigned char seed[NOTE_SEED_LEN],
    const char *text, uint64_t time_s, char out[NOTE_LINE_MAX])
{
	unsigned char body[BODY_MAX];
	char encoded[BASE64_TEXT(BODY_MAX) + 3];
	size_t n = ID_LEN, len;
	char *message = message_of(key->kind, text, strlen(text), time_s, &len);
	bool good;

	memcpy(body, key->id, ID_LEN);
	if (key->kind == NOTE_WITNESS)
		for (int shift = 56; shift >= 0; shift -= 8)
			body[n++] = (unsigned char)(time_s >> shift & 0xff);
	good = message != NULL && sign(seed, message, len, body + n);
	free(message);
	base64_write(body, n + SIGNATURE_LEN, encoded);
	(void)snprintf(
	    out, NOTE_LINE_MAX, "%s%s %s\n", dash, key->name, encoded);
	return good;
}

bool
checkpoint_open(const char *bytes, size_t len, const struct note_key *keys,
    size_t n_keys, struct note *note, struct checkpoint *out)
{
	bool signed_ = false;

	if (!note_read(bytes, len, note) ||
	    !checkpoint_read(note->text, note->text_len, out))
		return false;
	for (size_t i = 0; i < n_keys; i++) {
		switch (note_check(note, &keys[i], NULL)) {
		case NOTE_BAD:
			return false;
		case NOTE_GOOD:
			signed_ =
			    signed_ || strcmp(keys[i].name, out->origin) == 0;
			break;
		case NOTE_UNSIGNED:
			break;
		}
	}
	return signed_;
}
