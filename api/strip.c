/*
 * Metadata taken out of images: one walk over the parts of the file, which
 * copies what stays to the front. What stays is listed; what is not known is
 * not kept.
 */
#include <stdint.h>
#include <string.h>

#include "strip.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* A walk: bytes up to in were read, those up to out are kept. */
struct walk {
	unsigned char *bytes;
	size_t len, in, out;
	struct stripped *found;
};

static bool strip_jpeg(struct walk *w);
static bool strip_png(struct walk *w);
static bool strip_webp(struct walk *w);
static bool check_pdf(struct walk *w);

static bool (*const strippers[N_CONTENTS])(struct walk *w) = {
	[CONTENT_JPEG] = strip_jpeg,
	[CONTENT_PNG] = strip_png,
	[CONTENT_WEBP] = strip_webp,
	[CONTENT_PDF] = check_pdf,
};

bool
/* NOLINTNEXTLINE(readability-non-const-parameter): cleaned in place */
strip(enum content content, unsigned char *bytes, size_t len,
    struct stripped *out)
{
	struct walk w = { .bytes = bytes, .len = len, .found = out };

	*out = (struct stripped){ .len = len };
	if (!strippers[content](&w))
		return false;
	out->len = w.out;
	out->changed = out->changed || w.out != len;
	return true;
}

static bool
refuse(struct walk *w, const char *what)
{
	w->found->code = "content_malformed";
	w->found->what = what;
	return false;
}

static size_t
left(const struct walk *w)
{
	return w->len - w->in;
}

/* n bytes stay. */
static void
keep(struct walk *w, size_t n)
{
	if (w->out != w->in)
		memmove(w->bytes + w->out, w->bytes + w->in, n);
	w->in += n;
	w->out += n;
}

static void
drop(struct walk *w, size_t n)
{
	w->in += n;
}

static bool
starts_with(const unsigned char *bytes, size_t len, const char *start, size_t n)
{
	return len >= n && memcmp(bytes, start, n) == 0;
}

static unsigned long
big(const unsigned char *b, size_t n)
{
	unsigned long value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | b[i];
	return value;
}

static unsigned long
little(const unsigned char *b, size_t n)
{
	unsigned long value = 0;

	for (size_t i = n; i > 0; i--)
		value = value << 8 | b[i - 1];
	return value;
}

static void
put_little(unsigned char *b, unsigned long value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b[i] = (unsigned char)(value >> 8 * i & 0xff);
}

/* The larger of all sizes that a file names is the one that counts. */
static bool
measure(struct walk *w, unsigned long width, unsigned long height)
{
	struct stripped *found = w->found;

	if (width == 0 || height == 0)
		return refuse(w, "an image without width or height");
	if ((unsigned long long)width * height > PIXELS_MAX) {
		found->code = "too_many_pixels";
		return false;
	}
	if ((unsigned long long)width * height >
	    (unsigned long long)found->width * found->height) {
		found->width = width;
		found->height = height;
	}
	return true;
}

/* --- JPEG (ITU-T T.81 annex B) -------------------------------------------- */

enum {
	SOF0 = 0xc0,
	DHT = 0xc4,
	JPG = 0xc8,
	DAC = 0xcc,
	RST0 = 0xd0,
	RST7 = 0xd7,
	SOI = 0xd8,
	EOI = 0xd9,
	SOS = 0xda,
	DQT = 0xdb,
	DRI = 0xdd,
	APP0 = 0xe0,
	APP1 = 0xe1,
	APP2 = 0xe2,
	APP14 = 0xee,
	APP15 = 0xef,
	COM = 0xfe
};

#define JFIF_LEN  18 /* marker and all, without a thumbnail */
#define ADOBE_LEN 16
#define EXIF_LEN  36

/* What of a JPEG was seen. */
struct jpeg {
	bool framed, scanned, turned;
};

/* Bits of the lossy processes that readers know: baseline, extended,
 * progressive, each with Huffman or arithmetic coding. */
static bool
is_frame(unsigned marker)
{
	return marker == 0xc0 || marker == 0xc1 || marker == 0xc2 ||
	       marker == 0xc9 || marker == 0xca;
}

static bool
is_table(unsigned marker)
{
	return marker == DHT || marker == DAC || marker == DQT || marker == DRI;
}

/*
 * The orientation that Exif tells (TIFF 6.0, tag 274); 1 if it tells none.
 * tiff is what follows "Exif\0\0".
 */
static unsigned
orientation_of(const unsigned char *tiff, size_t len)
{
	bool swapped = starts_with(tiff, len, "II*\0", 4);
	unsigned long (*number)(const unsigned char *, size_t) =
	    swapped ? little : big;
	unsigned long at, n;

	if (len < 8 || (!swapped && !starts_with(tiff, len, "MM\0*", 4)))
		return 1;
	at = number(tiff + 4, 4);
	if (at > len - 2)
		return 1;
	n = number(tiff + at, 2);
	at += 2;
	for (; n > 0 && len - at >= 12; n--, at += 12) {
		unsigned long value = number(tiff + at + 8, 2);

		if (number(tiff + at, 2) == 274 &&
		    number(tiff + at + 2, 2) == 3)
			return value >= 1 && value <= 8 ? (unsigned)value : 1;
	}
	return 1;
}

/* In the place of an Exif segment, one that tells the orientation alone. */
static void
replace_exif(struct walk *w, size_t segment, unsigned orientation)
{
	unsigned char exif[EXIF_LEN] = { 0xff, APP1, 0, EXIF_LEN - 2, 'E', 'x',
		'i', 'f', 0, 0,              /* and, big-endian: */
		'M', 'M', 0, 42, 0, 0, 0, 8, /* TIFF, its directory at 8 */
		0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 };

	exif[29] = (unsigned char)orientation;
	/* It may be what is there already. */
	if (segment != EXIF_LEN ||
	    memcmp(w->bytes + w->in, exif, EXIF_LEN) != 0)
		w->found->changed = true;
	memcpy(w->bytes + w->out, exif, EXIF_LEN);
	w->in += segment;
	w->out += EXIF_LEN;
}

/* What stays of a segment is its beginning, with a length of its own. */
static void
keep_start(struct walk *w, size_t segment, size_t n)
{
	if (n == segment) {
		keep(w, n);
		return;
	}
	w->found->changed = true;
	w->bytes[w->in + 2] = 0;
	w->bytes[w->in + 3] = (unsigned char)(n - 2);
	keep(w, n);
	drop(w, segment - n);
}

static void
application(struct walk *w, struct jpeg *j, unsigned marker, size_t segment)
{
	unsigned char *data = w->bytes + w->in + 4;
	size_t len = segment - 4;

	if (marker == APP0 && segment >= JFIF_LEN &&
	    starts_with(data, len, "JFIF\0", 5)) {
		/* Its small copy may show what was cut away. */
		if (data[12] != 0 || data[13] != 0)
			w->found->changed = true;
		data[12] = data[13] = 0;
		keep_start(w, segment, JFIF_LEN);
	} else if (marker == APP14 && segment >= ADOBE_LEN &&
	           starts_with(data, len, "Adobe", 5)) {
		keep_start(w, segment, ADOBE_LEN);
	} else if (marker == APP2 &&
	           starts_with(data, len, "ICC_PROFILE\0", 12)) {
		keep(w, segment);
	} else if (marker == APP1 && !j->turned && segment >= EXIF_LEN &&
	           starts_with(data, len, "Exif\0\0", 6) &&
	           orientation_of(data + 6, len - 6) != 1) {
		j->turned = true;
		replace_exif(w, segment, orientation_of(data + 6, len - 6));
	} else {
		drop(w, segment);
	}
}

/* What a scan holds, up to the next marker that is none of its own. */
static bool
scan(struct walk *w)
{
	size_t at = w->in;

	for (;;) {
		const unsigned char *ff =
		    memchr(w->bytes + at, 0xff, w->len - at);

		if (ff == NULL || ff + 1 >= w->bytes + w->len)
			return refuse(w, "a JPEG without its end");
		at = (size_t)(ff - w->bytes);
		if (ff[1] != 0 && ff[1] != 0xff &&
		    (ff[1] < RST0 || ff[1] > RST7))
			break;
		at += ff[1] == 0xff ? 1 : 2;
	}
	keep(w, at - w->in);
	return true;
}

static bool
frame(struct walk *w, struct jpeg *j, size_t segment)
{
	const unsigned char *data = w->bytes + w->in + 4;

	if (j->framed || segment < 10)
		return refuse(w, "a JPEG whose frame is malformed");
	j->framed = true;
	if (!measure(w, big(data + 3, 2), big(data + 1, 2)))
		return false;
	keep(w, segment);
	return true;
}

/* One segment, at its marker. */
static bool
segment(struct walk *w, struct jpeg *j, unsigned marker)
{
	size_t len;

	if (left(w) < 4)
		return refuse(w, "a JPEG without its end");
	len = 2 + big(w->bytes + w->in + 2, 2);
	if (len < 4 || len > left(w))
		return refuse(w, "a JPEG whose segment is longer than it");
	if (is_frame(marker))
		return frame(w, j, len);
	if (marker >= APP0 && marker <= APP15) {
		application(w, j, marker, len);
		return true;
	}
	if (marker == COM) {
		drop(w, len);
		return true;
	}
	if (is_table(marker)) {
		keep(w, len);
		return true;
	}
	if (marker != SOS || !j->framed)
		return refuse(w, "a JPEG with a segment that has no place");
	j->scanned = true;
	keep(w, len);
	return scan(w);
}

static bool
strip_jpeg(struct walk *w)
{
	struct jpeg j = { 0 };

	if (!starts_with(w->bytes, w->len, "\xff\xd8\xff", 3))
		return refuse(w, "no JPEG");
	keep(w, 2);
	for (;;) {
		if (left(w) < 2 || w->bytes[w->in] != 0xff)
			return refuse(w, "a JPEG without its end");
		if (w->bytes[w->in + 1] == 0xff) {
			drop(w, 1); /* fill */
			continue;
		}
		if (w->bytes[w->in + 1] == EOI)
			break;
		if (!segment(w, &j, w->bytes[w->in + 1]))
			return false;
	}
	if (!j.scanned)
		return refuse(w, "a JPEG without a picture");
	keep(w, 2);
	return true;
}

/* --- PNG (ISO/IEC 15948, third edition) -------------------------------------
 */

/* What makes the picture, its colours and its movement. */
static const char png_kept[][5] = { "IHDR", "PLTE", "IDAT", "IEND", "tRNS",
	"gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "hIST", "pHYs", "cICP",
	"mDCV", "cLLI", "acTL", "fcTL", "fdAT" };

static bool
is_kept(const unsigned char *type)
{
	for (size_t i = 0; i < N_ELEMENTS(png_kept); i++)
		if (memcmp(type, png_kept[i], 4) == 0)
			return true;
	return false;
}

/* CRC-32 of the PNG specification, annex D, half a byte at a time. */
static uint32_t
crc_of(const unsigned char *bytes, size_t len)
{
	static const uint32_t half[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
		0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ half[crc & 15];
		crc = crc >> 4 ^ half[crc & 15];
	}
	return crc ^ 0xffffffff;
}

static bool
png_header(struct walk *w, const unsigned char *data, size_t len)
{
	static const unsigned char depths[7] = { /* bits of 1 2 4 8 16 */
		0x1f, 0, 0x18, 0x0f, 0x18, 0, 0x18
	};
	unsigned depth, colour;

	if (len != 13 || big(data, 4) > INT32_MAX ||
	    big(data + 4, 4) > INT32_MAX)
		return refuse(w, "a PNG whose header is malformed");
	depth = data[8];
	colour = data[9];
	if (colour > 6 || depth == 0 || depth > 16 ||
	    (depth & (depth - 1)) != 0 ||
	    (depths[colour] >> __builtin_ctz(depth) & 1) == 0 ||
	    data[10] != 0 || data[11] != 0 || data[12] > 1)
		return refuse(w, "a PNG whose header is malformed");
	return measure(w, big(data, 4), big(data + 4, 4));
}

/* One chunk; its type is left to the caller. False if it is malformed. */
static bool
chunk(struct walk *w, unsigned char type[4])
{
	const unsigned char *at = w->bytes + w->in;
	size_t len;
	bool pixels;

	if (left(w) < 12)
		return refuse(w, "a PNG without its end");
	len = big(at, 4);
	if (len > left(w) - 12)
		return refuse(w, "a PNG whose chunk is longer than it");
	memcpy(type, at + 4, 4);
	/* Of what is kept; that of the picture itself is its reader's. */
	pixels = memcmp(type, "IDAT", 4) == 0 || memcmp(type, "fdAT", 4) == 0;
	if (is_kept(type) && !pixels &&
	    crc_of(at + 4, len + 4) != big(at + 8 + len, 4))
		return refuse(w, "a PNG whose chunk was damaged");
	if (memcmp(type, "IHDR", 4) == 0) {
		if (w->in != 8 || !png_header(w, at + 8, len))
			return w->found->code != NULL
			           ? false
			           : refuse(w, "a PNG with two headers");
	} else if (w->in == 8) {
		return refuse(w, "a PNG without its header");
	} else if (!is_kept(type) && (type[0] & 0x20) == 0) {
		return refuse(w, "a PNG with a chunk that nobody knows");
	}
	if (is_kept(type))
		keep(w, len + 12);
	else
		drop(w, len + 12);
	return true;
}

static bool
strip_png(struct walk *w)
{
	unsigned char type[4] = { 0 };
	bool picture = false;

	if (!starts_with(w->bytes, w->len, "\x89PNG\r\n\x1a\n", 8))
		return refuse(w, "no PNG");
	keep(w, 8);
	while (memcmp(type, "IEND", 4) != 0) {
		if (!chunk(w, type))
			return false;
		if (memcmp(type, "IDAT", 4) == 0)
			picture = true;
	}
	return picture || refuse(w, "a PNG without a picture");
}

/* --- WebP (RFC 9649) --------------------------------------------------------
 */

#define EXIF_AND_XMP 0x0c /* flags of VP8X */

static const char webp_kept[][5] = { "VP8X", "VP8 ", "VP8L", "ALPH", "ANIM",
	"ANMF", "ICCP" };

static bool
is_webp_kept(const unsigned char *type)
{
	for (size_t i = 0; i < N_ELEMENTS(webp_kept); i++)
		if (memcmp(type, webp_kept[i], 4) == 0)
			return true;
	return false;
}

/* The sizes that the parts of a WebP name. */
static bool
webp_measure(struct walk *w, const unsigned char *type, unsigned char *data,
    size_t len, bool *picture)
{
	if (memcmp(type, "VP8X", 4) == 0) {
		if (len < 10)
			return refuse(w, "a WebP whose header is malformed");
		if ((data[0] & EXIF_AND_XMP) != 0)
			w->found->changed = true;
		data[0] = (unsigned char)(data[0] & ~EXIF_AND_XMP);
		return measure(
		    w, little(data + 4, 3) + 1, little(data + 7, 3) + 1);
	}
	if (memcmp(type, "VP8 ", 4) == 0) {
		/* A key frame and its start code (RFC 6386 9.1). */
		if (len < 10 || (data[0] & 1) != 0 ||
		    memcmp(data + 3, "\x9d\x01\x2a", 3) != 0)
			return refuse(w, "a WebP whose picture is malformed");
		*picture = true;
		return measure(w, little(data + 6, 2) & 0x3fff,
		    little(data + 8, 2) & 0x3fff);
	}
	if (memcmp(type, "VP8L", 4) == 0) {
		if (len < 5 || data[0] != 0x2f)
			return refuse(w, "a WebP whose picture is malformed");
		*picture = true;
		return measure(w, (little(data + 1, 4) & 0x3fff) + 1,
		    (little(data + 1, 4) >> 14 & 0x3fff) + 1);
	}
	return true;
}

static bool webp_chunks(struct walk *w, size_t end, bool inside, bool *picture);

/* A frame of an animation: sixteen bytes, then chunks of its own. */
static bool
webp_frame(struct walk *w, size_t len, bool *picture)
{
	size_t start = w->out, end = w->in + 8 + len;

	if (len < 16)
		return refuse(w, "a WebP whose frame is malformed");
	keep(w, 8 + 16);
	if (!webp_chunks(w, end, true, picture))
		return false;
	put_little(w->bytes + start + 4, w->out - start - 8, 4);
	return true;
}

static bool
webp_chunks(struct walk *w, size_t end, bool inside, bool *picture)
{
	while (w->in < end) {
		unsigned char *at = w->bytes + w->in;
		size_t len, padded;

		if (end - w->in < 8)
			return refuse(w, "a WebP without its end");
		len = little(at + 4, 4);
		padded = len + (len & 1);
		if (padded > end - w->in - 8)
			return refuse(
			    w, "a WebP whose chunk is longer than it");
		if (!is_webp_kept(at)) {
			drop(w, 8 + padded);
			continue;
		}
		if (memcmp(at, "ANMF", 4) == 0) {
			if (inside || (len & 1) != 0)
				return refuse(
				    w, "a WebP whose frame is malformed");
			if (!webp_frame(w, len, picture))
				return false;
			continue;
		}
		if (!webp_measure(w, at, at + 8, len, picture))
			return false;
		if ((len & 1) != 0 && at[8 + len] != 0) {
			w->found->changed = true;
			at[8 + len] = 0;
		}
		keep(w, 8 + padded);
	}
	return true;
}

static bool
strip_webp(struct walk *w)
{
	bool picture = false;
	size_t end;

	if (w->len < 12 || memcmp(w->bytes, "RIFF", 4) != 0 ||
	    memcmp(w->bytes + 8, "WEBP", 4) != 0)
		return refuse(w, "no WebP");
	end = little(w->bytes + 4, 4);
	if (end < 4 || end > w->len - 8)
		return refuse(w, "a WebP without its end");
	end += 8;
	keep(w, 12);
	if (!webp_chunks(w, end, false, &picture))
		return false;
	if (!picture)
		return refuse(w, "a WebP without a picture");
	put_little(w->bytes + 4, w->out - 8, 4);
	return true;
}

/* --- PDF (ISO 32000-1, 7.5)
 * --------------------------------------------------- */

#define PDF_END 1024 /* readers look for %%EOF in so many last bytes */

static bool
check_pdf(struct walk *w)
{
	size_t end = w->len < PDF_END ? w->len : PDF_END;

	if (!starts_with(w->bytes, w->len, "%PDF-", 5))
		return refuse(w, "no PDF");
	if (memmem(w->bytes + w->len - end, end, "%%EOF", 5) == NULL)
		return refuse(w, "a PDF without its end");
	keep(w, w->len);
	return true;
}
