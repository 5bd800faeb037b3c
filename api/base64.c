/* base64: the strict reading of RFC 4648, and its URL-safe writing. */
#include <stdint.h>

#include "base64.h"

static size_t
write_with(const char *last, const void *bytes, size_t len, char *out);
static bool read_with(char plus, char slash, const char *text, size_t len,
    unsigned char *out, size_t *out_len);

size_t
base64url_write(const void *bytes, size_t len, char *out)
{
	return write_with("-_", bytes, len, out);
}

size_t
base64_write(const void *bytes, size_t len, char *out)
{
	size_t n = write_with("+/", bytes, len, out);

	while (n % 4 != 0)
		out[n++] = '=';
	out[n] = '\0';
	return n;
}

static char
digit(uint32_t value, const char *last)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                               "abcdefghijklmnopqrstuvwxyz"
	                               "0123456789";

	value &= 63;
	if (value >= sizeof(alphabet) - 1)
		return last[value - (sizeof(alphabet) - 1)];
	return alphabet[value];
}

/* last: the characters of 62 and 63. Without padding. */
static size_t
write_with(const char *last, const void *bytes, size_t len, char *out)
{
	const unsigned char *in = bytes;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | in[i]) & 0xffff;
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			out[n++] = digit(bits >> (n_bits - 6), last);
	}
	if (n_bits > 0)
		out[n++] = digit(bits << (6 - n_bits), last);
	out[n] = '\0';
	return n;
}

bool
base64url_read(
    const char *text, size_t len, unsigned char *out, size_t *out_len)
{
	return read_with('-', '_', text, len, out, out_len);
}

bool
base64_read(const char *text, size_t len, unsigned char *out, size_t *out_len)
{
	if (len % 4 != 0)
		return false;
	for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
		len--;
	return read_with('+', '/', text, len, out, out_len);
}

static int
value_of(char c, char plus, char slash)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == plus)
		return 62;
	return c == slash ? 63 : -1;
}

static bool
read_with(char plus, char slash, const char *text, size_t len,
    unsigned char *out, size_t *out_len)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		int value = value_of(text[i], plus, slash);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (unsigned char)(bits >> n_bits & 0xff);
		}
	}
	*out_len = n;
	return (bits & ((1u << n_bits) - 1)) == 0; /* RFC 4648 3.5 */
}
