/*
 * Percent-encoding, strictly: what comes out is UTF-8 without NUL, or nothing.
 */
#include <stdint.h>

#include "percent.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Length of the UTF-8 character at text, 0 if it is none: RFC 3629 4. The
 * text is terminated, so that a cut sequence ends at the NUL. */
static size_t
utf8_len(const unsigned char *text)
{
	unsigned char lead = text[0];
	size_t len = lead < 0x80   ? 1
	             : lead < 0xc2 ? 0
	             : lead < 0xe0 ? 2
	             : lead < 0xf0 ? 3
	             : lead < 0xf5 ? 4
	                           : 0;

	for (size_t i = 1; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((lead == 0xe0 && text[1] < 0xa0) ||
	    (lead == 0xed && text[1] > 0x9f) ||
	    (lead == 0xf0 && text[1] < 0x90) ||
	    (lead == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

const char *
percent_decode(
    const char *text, size_t len, bool plus_is_space, struct mem *mem)
{
	unsigned char *out = mem_take(mem, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (char)(unsigned char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		out[n++] = (unsigned char)c;
	}
	for (size_t i = 0, step; i < n; i += step) {
		step = utf8_len(out + i);
		if (step == 0)
			return NULL;
	}
	return (const char *)out;
}
