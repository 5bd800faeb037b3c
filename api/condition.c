/*
 * If-Match and Idempotency-Key.
 */
#include <stddef.h>
#include <string.h>

#include "condition.h"

#define KEY_MIN 16
#define KEY_MAX 128

/* Digits that surely fit in a bigint. */
#define VERSION_DIGITS_MAX 18

static size_t our_version(const char *tag, size_t len);

static const char *
skip_space(const char *text)
{
	return text + strspn(text, " \t");
}

/* An entity tag at *text, which moves past it; false if malformed. */
static bool
take_tag(const char **text, bool *weak, const char **tag, size_t *len)
{
	*weak = strncmp(*text, "W/", 2) == 0;
	if (*weak)
		*text += 2;
	if (**text != '"')
		return false;
	*tag = ++*text;
	while (**text != '"') {
		unsigned char c = (unsigned char)**text;

		/* RFC 9110 8.8.3: etagc. Also ends at NUL. */
		if (c < 0x21 || c == 0x7f)
			return false;
		++*text;
	}
	*len = (size_t)(*text - *tag);
	++*text;
	return true;
}

bool
condition_versions(const char *header, struct mem *mem, const char **versions)
{
	const char *at = skip_space(header);
	char *list = mem_take(mem, strlen(header) + 3);
	size_t n = 0, tags = 0;

	*versions = NULL;
	if (*at == '*')
		return *skip_space(at + 1) == '\0';
	list[n++] = '{';
	for (; *at != '\0'; at = skip_space(at)) {
		const char *tag;
		size_t len, digits;
		bool weak;

		/* RFC 9110 5.6.1: empty elements are passed over. */
		if (*at == ',') {
			at++;
			continue;
		}
		if (!take_tag(&at, &weak, &tag, &len))
			return false;
		at = skip_space(at);
		if (*at != '\0' && *at != ',')
			return false;
		tags++;
		digits = weak ? 0 : our_version(tag, len);
		if (digits == 0)
			continue;
		if (n > 1)
			list[n++] = ',';
		memcpy(list + n, tag, digits);
		n += digits;
	}
	list[n] = '}';
	*versions = list;
	return tags > 0;
}

/* Length of the version in <version>-<hex>; 0 if the tag is not ours. */
static size_t
our_version(const char *tag, size_t len)
{
	size_t digits = 0, at;

	while (digits < len && tag[digits] >= '0' && tag[digits] <= '9')
		digits++;
	if (digits == 0 || digits > VERSION_DIGITS_MAX || digits == len ||
	    tag[digits] != '-' || len == digits + 1)
		return 0;
	for (at = digits + 1; at < len; at++)
		if (strchr("0123456789abcdef", tag[at]) == NULL)
			return 0;
	return digits;
}

/* RFC 8941 3.3.3: between quotes, with \" and \\ escaped. */
static bool
unquote(const char *text, size_t len, char *out)
{
	if (len < 2 || text[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++) {
		if (text[i] == '"')
			return false;
		if (text[i] == '\\') {
			i++;
			if (i == len - 1 || (text[i] != '"' && text[i] != '\\'))
				return false;
		}
		*out++ = text[i];
	}
	return true;
}

const char *
condition_key(const char *header, struct mem *mem)
{
	const char *text = skip_space(header);
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;

	char *key = mem_copy(mem, text, len);

	if (text[0] == '"') {
		memset(key, 0, len);
		if (!unquote(text, len, key))
			return NULL;
	} else if (strpbrk(key, "\"\\,;") != NULL) {
		return NULL;
	}
	len = strlen(key);
	for (size_t i = 0; i < len; i++)
		if (key[i] < 0x21 || key[i] > 0x7e)
			return NULL;
	return len >= KEY_MIN && len <= KEY_MAX ? key : NULL;
}
