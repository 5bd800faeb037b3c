/*
 * Header values that say what a client can take and who it is.
 *
 * Quality values are honoured to the third decimal; what is malformed counts
 * as absent, since none of these headers is worth refusing a request for.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/rand.h>

#include "negotiate.h"

#define TRACEPARENT_LEN 55

/* One element of a comma list: its text without parameters, and its q. */
struct element {
	const char *text;
	size_t len;
	int quality; /* thousandths */
};

static int
quality_of(const char *parameters, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if (parameters[i] != ';')
			continue;
		size_t at = i + 1;

		while (at < len && parameters[at] == ' ')
			at++;
		if (at + 2 < len &&
		    tolower((unsigned char)parameters[at]) == 'q' &&
		    parameters[at + 1] == '=')
			return (int)(strtod(parameters + at + 2, NULL) * 1000);
	}
	return 1000;
}

/* The next element of *list, moved past it; false at the end. */
static bool
next_element(const char **list, struct element *out)
{
	const char *p = *list + strspn(*list, " \t,");
	size_t whole = strcspn(p, ",");
	size_t name = 0;

	if (*p == '\0')
		return false;
	while (name < whole && p[name] != ';')
		name++;
	out->quality = quality_of(p + name, whole - name);
	while (name > 0 && (p[name - 1] == ' ' || p[name - 1] == '\t'))
		name--;
	out->text = p;
	out->len = name;
	*list = p + whole;
	return true;
}

static bool
is_language(const struct element *e, const char *language)
{
	return e->len >= 2 && strncasecmp(e->text, language, 2) == 0 &&
	       (e->len == 2 || e->text[2] == '-');
}

bool
prefers_english(const char *accept_language)
{
	struct element e;
	int french = -1, english = 0;

	if (accept_language == NULL)
		return false;
	while (next_element(&accept_language, &e)) {
		if (is_language(&e, "fr") && e.quality > french)
			french = e.quality;
		if (is_language(&e, "en") && e.quality > english)
			english = e.quality;
	}
	return english > french;
}

static bool
range_covers(const struct element *e, const char *media_type)
{
	size_t main_len = strcspn(media_type, "/");

	if (e->len == 3 && strncmp(e->text, "*/*", 3) == 0)
		return true;
	if (e->len == main_len + 2 && e->text[e->len - 1] == '*')
		return strncasecmp(e->text, media_type, main_len + 1) == 0;
	return e->len == strcspn(media_type, ";") &&
	       strncasecmp(e->text, media_type, e->len) == 0;
}

bool
accepts(const char *accept, const char *media_type)
{
	struct element e;
	bool covered = false;

	if (accept == NULL)
		return true;
	while (next_element(&accept, &e))
		if (e.quality > 0 && range_covers(&e, media_type))
			covered = true;
	return covered;
}

bool
is_media_type(const char *content_type, const char *media_type)
{
	size_t len = strlen(media_type);

	if (content_type == NULL ||
	    strncasecmp(content_type, media_type, len) != 0)
		return false;
	content_type += len;
	content_type += strspn(content_type, " \t");
	return *content_type == '\0' || *content_type == ';';
}

/* n random bytes as hex. OpenSSL's generator failing is out of our hands:
 * an identifier of zeroes is then still a well-formed one. */
static char *
random_hex(size_t n, struct mem *mem)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[32] = { 0 };
	char *hex = mem_take(mem, 2 * n + 1);

	(void)RAND_bytes(bytes, (int)n);
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	return hex;
}

const char *
request_id_of(const char *given, struct mem *mem)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = given == NULL ? 0 : strlen(given);

	if (len >= 8 && len <= 64 && strspn(given, allowed) == len)
		return given;
	return random_hex(16, mem);
}

static bool
is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool
is_zero(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

/* 00-<32 hex>-<16 hex>-<2 hex>; later versions may go on after a dash. */
static bool
traceparent_is_good(const char *t)
{
	size_t len = t == NULL ? 0 : strlen(t);

	if (len < TRACEPARENT_LEN || t[2] != '-' || t[35] != '-' ||
	    t[52] != '-')
		return false;
	if (!is_hex(t, 2) || !is_hex(t + 3, 32) || !is_hex(t + 36, 16) ||
	    !is_hex(t + 53, 2))
		return false;
	if (strncmp(t, "ff", 2) == 0 || is_zero(t + 3, 32) ||
	    is_zero(t + 36, 16))
		return false;
	if (strncmp(t, "00", 2) == 0)
		return len == TRACEPARENT_LEN;
	return len == TRACEPARENT_LEN || t[TRACEPARENT_LEN] == '-';
}

void
trace_of(const char *traceparent, struct mem *mem, const char **trace,
    const char **span)
{
	*span = random_hex(8, mem);
	if (traceparent_is_good(traceparent))
		*trace = mem_copy(mem, traceparent + 3, 32);
	else
		*trace = random_hex(16, mem);
}

const char *
client_address(const char *peer, const char *forwarded, const char *proxies,
    struct mem *mem)
{
	size_t len = strlen(peer);

	if (forwarded == NULL || proxies == NULL)
		return mem_copy(mem, peer, len);
	for (const char *at = proxies; *at != '\0';) {
		size_t n;

		at += strspn(at, " ,");
		n = strcspn(at, " ,");
		if (n == len && strncmp(at, peer, n) == 0) {
			const char *hop = strrchr(forwarded, ',');

			hop = hop == NULL ? forwarded : hop + 1;
			hop += strspn(hop, " ");
			return mem_copy(mem, hop, strcspn(hop, " "));
		}
		at += n;
	}
	return mem_copy(mem, peer, len);
}
