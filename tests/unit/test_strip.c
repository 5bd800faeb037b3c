/* What stays of an image, and what does not: files made here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "strip.h"

#define FILE_MAX 4096

/* A file in the making. */
struct file {
	unsigned char bytes[FILE_MAX];
	size_t len;
};

static void
put(struct file *f, const void *bytes, size_t n)
{
	assert_true(f->len + n <= FILE_MAX);
	memcpy(f->bytes + f->len, bytes, n);
	f->len += n;
}

#define PUT(f, literal) put(f, literal, sizeof(literal) - 1)

/* strip() of a copy of its own length, so that an overrun shows. */
static bool
stripped(enum content content, const struct file *f, struct file *out,
    struct stripped *found)
{
	unsigned char *copy = malloc(f->len + (f->len == 0));
	bool good;

	assert_non_null(copy);
	memcpy(copy, f->bytes, f->len);
	good = strip(content, copy, f->len, found);
	if (good) {
		assert_true(found->len <= f->len);
		memcpy(out->bytes, copy, found->len);
		out->len = found->len;
	} else {
		assert_non_null(found->code);
	}
	free(copy);
	return good;
}

static void
assert_same(const struct file *a, const struct file *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* Stripping what was stripped changes nothing. */
static void
assert_becomes(
    enum content content, const struct file *sent, const struct file *kept)
{
	struct file out = { .len = 0 }, again = { .len = 0 };
	struct stripped found;

	assert_true(stripped(content, sent, &out, &found));
	assert_same(&out, kept);
	assert_int_equal(found.changed,
	    sent->len != kept->len ||
	        memcmp(sent->bytes, kept->bytes, kept->len) != 0);
	assert_true(stripped(content, &out, &again, &found));
	assert_same(&again, kept);
	assert_false(found.changed);
}

static void
assert_refused(enum content content, const struct file *f, const char *code)
{
	struct file out;
	struct stripped found;

	assert_false(stripped(content, f, &out, &found));
	assert_string_equal(found.code, code);
}

/* --- JPEG -------------------------------------------------------------------
 */

#define JPEG_START "\xff\xd8"
#define JFIF       "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
/* 8 by 8 grey pixels, all alike. */
#define PICTURE                                                                \
	"\xff\xdb\0\x07\0\1\1\1\1"                                             \
	"\xff\xc0\0\x0b\x08\0\x08\0\x08\1\1\x11\0"                             \
	"\xff\xc4\0\x14\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                   \
	"\xff\xc4\0\x14\x10\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                 \
	"\xff\xda\0\x08\1\1\0\0\x3f\0\x3f\xff\0\x12\xff\xd0\x34"
#define JPEG_END "\xff\xd9"
#define COMMENT  "\xff\xfe\0\x0cunescalier"
#define XMP      "\xff\xe1\0\x0cXMP:43.640"
/* II, a directory with GPS (34853) and perhaps the orientation (274). */
#define EXIF(length, entries, orientation)                                     \
	"\xff\xe1\0" length "Exif\0\0II*\0\x08\0\0\0" entries orientation      \
	"\x25\x88\4\0\1\0\0\0\x2a\0\0\0\0\0\0\0"
#define TURNED(n) "\x12\1\3\0\1\0\0\0" n "\0\0\0"
/* What is left of it: big-endian, that tag alone. */
#define KEPT_EXIF(n)                                                           \
	"\xff\xe1\0\x22"                                                       \
	"Exif\0\0MM\0\x2a\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1"                     \
	"\0" n "\0\0\0\0\0\0"

static struct file
plain_jpeg(void)
{
	struct file f = { .len = 0 };

	PUT(&f, JPEG_START JFIF PICTURE JPEG_END);
	return f;
}

static void
a_jpeg_without_metadata_is_kept_byte_by_byte(void **state)
{
	struct file f = plain_jpeg();
	struct stripped found;
	struct file out;

	(void)state;
	assert_becomes(CONTENT_JPEG, &f, &f);
	assert_true(stripped(CONTENT_JPEG, &f, &out, &found));
	assert_int_equal(found.width, 8);
	assert_int_equal(found.height, 8);
}

static void
a_jpeg_loses_its_place_its_comments_and_what_follows_its_end(void **state)
{
	struct file f = { .len = 0 }, kept = plain_jpeg();

	(void)state;
	PUT(&f, JPEG_START JFIF EXIF("\x22", "\1\0", "") COMMENT XMP
	    "\xff\xed\0\x0aPhotosho"
	    "\xff\xe5\0\6abcd\xff\xef\0\4zz" PICTURE JPEG_END
	    "MotionPhoto_Data GPS 43.64");
	assert_becomes(CONTENT_JPEG, &f, &kept);
}

static void
the_orientation_of_a_jpeg_stays_alone(void **state)
{
	struct file f = { .len = 0 }, kept = { .len = 0 };

	(void)state;
	PUT(&f, JPEG_START JFIF EXIF("\x2e", "\2\0", TURNED("\6"))
	            PICTURE JPEG_END);
	PUT(&kept, JPEG_START JFIF KEPT_EXIF("\6") PICTURE JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &kept);
}

static void
an_upright_orientation_needs_no_exif(void **state)
{
	struct file f = { .len = 0 }, kept = plain_jpeg();

	(void)state;
	PUT(&f, JPEG_START JFIF EXIF("\x2e", "\2\0", TURNED("\1"))
	            PICTURE JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &kept);
	f.len = 0;
	PUT(&f, JPEG_START JFIF EXIF("\x2e", "\2\0", TURNED("\x2a"))
	            PICTURE JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &kept);
}

static void
colours_of_a_jpeg_stay(void **state)
{
	struct file f = { .len = 0 };

	(void)state;
	PUT(&f, JPEG_START "\xff\xe2\0\x14ICC_PROFILE\0\1\1abcd"
	                   "\xff\xee\0\x0e"
	                   "Adobe\0\x64\0\0\0\0\1" PICTURE JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &f);
}

static void
the_small_copy_in_jfif_and_a_second_image_go(void **state)
{
	struct file f = { .len = 0 }, kept = plain_jpeg();

	(void)state;
	PUT(&f, JPEG_START "\xff\xe0\0\x13JFIF\0\1\1\0\0\1\0\1\1\1rgb"
	                   "\xff\xe0\0\x0aJFXX\0\x10xx"
	                   "\xff\xe2\0\x0aMPF\0abcd" PICTURE JPEG_END JPEG_START
	                       PICTURE JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &kept);
}

static void
a_jpeg_cut_anywhere_is_refused(void **state)
{
	struct file whole = { .len = 0 };

	(void)state;
	PUT(&whole, JPEG_START JFIF EXIF("\x2e", "\2\0", TURNED("\6"))
	                PICTURE JPEG_END);
	for (size_t len = 0; len < whole.len; len++) {
		struct file f = whole;

		f.len = len;
		assert_refused(CONTENT_JPEG, &f, "content_malformed");
	}
}

static void
a_malformed_jpeg_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
#define BAD(literal) { literal, sizeof(literal) - 1 }
		BAD(JPEG_START JPEG_END), /* no picture */
		BAD(JPEG_START JFIF JPEG_END),
		BAD(JPEG_START "\xff\xda\0\x08\1\1\0\0\x3f\0\x3f" JPEG_END),
		BAD(JPEG_START "\xff\xd8" PICTURE JPEG_END),
		BAD(JPEG_START "\xff\xd0" PICTURE JPEG_END),
		BAD(JPEG_START "\xff\xe1\0\1" PICTURE JPEG_END),
		BAD(JPEG_START "\xff\xf7\0\4ab" PICTURE JPEG_END), /* LS */
		BAD(JPEG_START
		    "\xff\xc3\0\x0b\x08\0\x08\0\x08\1\1\x11\0" PICTURE
		        JPEG_END), /* lossless, and two frames */
		BAD(JPEG_START "xx" PICTURE JPEG_END),
		BAD("\xff\xd7" PICTURE JPEG_END),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct file f = { .len = 0 };

		put(&f, bad[i].bytes, bad[i].len);
		assert_refused(CONTENT_JPEG, &f, "content_malformed");
	}
}

static void
an_image_of_too_many_pixels_is_refused(void **state)
{
	struct file f = { .len = 0 };

	(void)state;
	/* 7072 by 7071 is above 50 million, 7071 by 7071 is not. */
	PUT(&f, JPEG_START "\xff\xc0\0\x0b\x08\x1b\x9f\x1b\xa0\1\1\x11\0"
	                   "\xff\xda\0\x08\1\1\0\0\x3f\0\x3f" JPEG_END);
	assert_refused(CONTENT_JPEG, &f, "too_many_pixels");
	f.len = 0;
	PUT(&f, JPEG_START "\xff\xc0\0\x0b\x08\x1b\x9f\x1b\x9f\1\1\x11\0"
	                   "\xff\xda\0\x08\1\1\0\0\x3f\0\x3f" JPEG_END);
	assert_becomes(CONTENT_JPEG, &f, &f);
	f.len = 0;
	PUT(&f, JPEG_START "\xff\xc0\0\x0b\x08\0\0\1\0\1\1\x11\0"
	                   "\xff\xda\0\x08\1\1\0\0\x3f\0\x3f" JPEG_END);
	assert_refused(CONTENT_JPEG, &f, "content_malformed");
}

/* --- PNG ---------------------------------------------------------------------
 */

static uint32_t
crc(const unsigned char *bytes, size_t len)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		c ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ ((c & 1) != 0 ? 0xedb88320 : 0);
	}
	return c ^ 0xffffffff;
}

static void
put_big(struct file *f, uint32_t n)
{
	unsigned char b[4] = { (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	put(f, b, 4);
}

static void
put_chunk(struct file *f, const char *type, const void *data, size_t len)
{
	size_t start;

	put_big(f, (uint32_t)len);
	start = f->len;
	put(f, type, 4);
	put(f, data, len);
	put_big(f, crc(f->bytes + start, len + 4));
}

static void
start_png(struct file *f)
{
	PUT(f, "\x89PNG\r\n\x1a\n");
	put_chunk(f, "IHDR", "\0\0\0\2\0\0\0\3\x08\2\0\0\0", 13);
}

static struct file
plain_png(void)
{
	struct file f = { .len = 0 };

	start_png(&f);
	put_chunk(&f, "gAMA", "\0\0\xb1\x8f", 4);
	put_chunk(&f, "IDAT", "pixels", 6);
	put_chunk(&f, "IEND", "", 0);
	return f;
}

static void
a_png_keeps_its_picture_and_its_colours_only(void **state)
{
	struct file f = { .len = 0 }, kept = plain_png();

	(void)state;
	assert_becomes(CONTENT_PNG, &kept, &kept);
	start_png(&f);
	put_chunk(&f, "eXIf", "MM\0*GPS", 7);
	put_chunk(&f, "gAMA", "\0\0\xb1\x8f", 4);
	put_chunk(&f, "tEXt", "Author\0me", 9);
	put_chunk(&f, "iTXt", "XML:com.adobe.xmp\0\0\0\0\0x", 23);
	put_chunk(&f, "zTXt", "Comment\0\0x", 10);
	put_chunk(&f, "tIME", "\7\xe8\1\1\0\0\0", 7);
	put_chunk(&f, "prVW", "a preview", 9);
	put_chunk(&f, "IDAT", "pixels", 6);
	put_chunk(&f, "tEXt", "Where\0here", 10);
	put_chunk(&f, "IEND", "", 0);
	PUT(&f, "and more behind");
	assert_becomes(CONTENT_PNG, &f, &kept);
}

static void
a_png_cut_anywhere_or_damaged_is_refused(void **state)
{
	struct file whole = plain_png();

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct file f = whole;

		f.len = len;
		assert_refused(CONTENT_PNG, &f, "content_malformed");
	}
	/* Each byte of its header, by its check sum at the latest. */
	for (size_t i = 0; i < 8 + 25; i++) {
		struct file f = whole;

		f.bytes[i] ^= 0x10;
		assert_refused(CONTENT_PNG, &f, "content_malformed");
	}
}

static void
a_malformed_png_is_refused(void **state)
{
	struct file f = { .len = 0 };

	(void)state;
	PUT(&f, "\x89PNG\r\n\x1a\n");
	put_chunk(&f, "IDAT", "pixels", 6);
	put_chunk(&f, "IEND", "", 0);
	assert_refused(CONTENT_PNG, &f, "content_malformed");
	f.len = 0;
	start_png(&f);
	put_chunk(&f, "IEND", "", 0);
	assert_refused(CONTENT_PNG, &f, "content_malformed");
	f.len = 0;
	start_png(&f);
	put_chunk(&f, "IHDR", "\0\0\0\2\0\0\0\3\x08\2\0\0\0", 13);
	put_chunk(&f, "IDAT", "pixels", 6);
	put_chunk(&f, "IEND", "", 0);
	assert_refused(CONTENT_PNG, &f, "content_malformed");
	f.len = 0;
	start_png(&f);
	put_chunk(&f, "CRIT", "unknown", 7);
	put_chunk(&f, "IDAT", "pixels", 6);
	put_chunk(&f, "IEND", "", 0);
	assert_refused(CONTENT_PNG, &f, "content_malformed");
	f.len = 0;
	PUT(&f, "\x89PNG\r\n\x1a\n");
	put_chunk(&f, "IHDR", "\0\0\xff\xff\0\0\xff\xff\x08\2\0\0\0", 13);
	assert_refused(CONTENT_PNG, &f, "too_many_pixels");
}

/* --- WebP --------------------------------------------------------------------
 */

#define VP8L "VP8L\x05\0\0\0\x2f\1\x80\0\0\0" /* 2 by 3, and its padding */

static void
a_webp_loses_exif_and_xmp_and_what_told_of_them(void **state)
{
	struct file f = { .len = 0 }, kept = { .len = 0 };

	(void)state;
	PUT(&f, "RIFF\x48\0\0\0WEBP"
	        "VP8X\x0a\0\0\0\x2c\0\0\0\1\0\0\2\0\0" /* ICC, Exif, XMP */
	        "ICCP\4\0\0\0abcd" VP8L "EXIF\4\0\0\0MM\0*"
	        "XMP \3\0\0\0<x>\0");
	f.bytes[4] = (unsigned char)(f.len - 8);
	PUT(&f, "behind");
	PUT(&kept, "RIFF\x30\0\0\0WEBP"
	           "VP8X\x0a\0\0\0\x20\0\0\0\1\0\0\2\0\0"
	           "ICCP\4\0\0\0abcd" VP8L);
	kept.bytes[4] = (unsigned char)(kept.len - 8);
	assert_becomes(CONTENT_WEBP, &f, &kept);
}

static void
frames_of_a_webp_are_cleaned_too(void **state)
{
	struct file f = { .len = 0 }, kept = { .len = 0 };

	(void)state;
	PUT(&f, "RIFF\0\0\0\0WEBP"
	        "VP8X\x0a\0\0\0\2\0\0\0\1\0\0\2\0\0"
	        "ANIM\6\0\0\0\0\0\0\0\0\0"
	        "ANMF\x2a\0\0\0"
	        "0123456789abcdef" VP8L "EXIF\4\0\0\0here");
	f.bytes[4] = (unsigned char)(f.len - 8);
	PUT(&kept, "RIFF\0\0\0\0WEBP"
	           "VP8X\x0a\0\0\0\2\0\0\0\1\0\0\2\0\0"
	           "ANIM\6\0\0\0\0\0\0\0\0\0"
	           "ANMF\x1e\0\0\0"
	           "0123456789abcdef" VP8L);
	kept.bytes[4] = (unsigned char)(kept.len - 8);
	assert_becomes(CONTENT_WEBP, &f, &kept);
}

static void
a_webp_cut_anywhere_is_refused(void **state)
{
	struct file whole = { .len = 0 };

	(void)state;
	PUT(&whole, "RIFF\x12\0\0\0WEBP" VP8L);
	assert_becomes(CONTENT_WEBP, &whole, &whole);
	for (size_t len = 0; len < whole.len; len++) {
		struct file f = whole;

		f.len = len;
		assert_refused(CONTENT_WEBP, &f, "content_malformed");
	}
	whole.bytes[24] = 0xff; /* 16384 by 16384 */
	whole.bytes[20 + 2] = whole.bytes[20 + 3] = 0xff;
	whole.bytes[20 + 1] = whole.bytes[20 + 4] = 0xff;
	assert_refused(CONTENT_WEBP, &whole, "too_many_pixels");
}

/* --- PDF
 * ---------------------------------------------------------------------- */

static void
a_pdf_is_kept_as_it_is_if_it_is_whole(void **state)
{
	struct file f = { .len = 0 };

	(void)state;
	PUT(&f, "%PDF-1.4\n/GPS (43.64)\n%%EOF\n");
	assert_becomes(CONTENT_PDF, &f, &f);
	f.len -= 4;
	assert_refused(CONTENT_PDF, &f, "content_malformed");
	f.len = 0;
	PUT(&f, " %PDF-1.4\n%%EOF\n");
	assert_refused(CONTENT_PDF, &f, "content_malformed");
}

/* --- anything
 * -------------------------------------------------------------------- */

static struct file
seed(enum content content)
{
	struct file f = { .len = 0 };

	switch (content) {
	case CONTENT_JPEG:
		PUT(&f, JPEG_START JFIF EXIF("\x2e", "\2\0", TURNED("\6"))
		            COMMENT PICTURE JPEG_END "trailer");
		break;
	case CONTENT_PNG:
		start_png(&f);
		put_chunk(&f, "tEXt", "Author\0me", 9);
		put_chunk(&f, "IDAT", "pixels", 6);
		put_chunk(&f, "IEND", "", 0);
		break;
	case CONTENT_WEBP:
		PUT(&f, "RIFF\0\0\0\0WEBP"
		        "VP8X\x0a\0\0\0\x2e\0\0\0\1\0\0\2\0\0"
		        "ANMF\x2a\0\0\0"
		        "0123456789abcdef" VP8L "EXIF\4\0\0\0here" VP8L
		        "XMP \4\0\0\0here");
		f.bytes[4] = (unsigned char)(f.len - 8);
		break;
	case CONTENT_PDF:
	case N_CONTENTS:
		PUT(&f, "%PDF-1.4\n%%EOF\n");
		break;
	}
	return f;
}

static unsigned
chance(unsigned *state, unsigned below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % below;
}

/* Bytes changed, cut out, doubled: never read or written outside of the file
 * (the sanitizers say), and what is kept is kept by a second look too. */
static void
no_file_however_damaged_leads_outside_of_it(void **state)
{
	unsigned dice = 1;
	size_t kept = 0;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		enum content content = (enum content)(round % N_CONTENTS);
		struct file f = seed(content), out = { .len = 0 }, again;
		struct stripped found;

		for (unsigned n = chance(&dice, 4); n > 0; n--) {
			size_t at = chance(&dice, (unsigned)f.len);
			size_t len = chance(&dice, (unsigned)(f.len - at) + 1);

			switch (chance(&dice, 5)) {
			case 0:
				f.len = at + 1;
				break;
			case 1:
				memmove(f.bytes + at, f.bytes + at + len,
				    f.len - at - len);
				f.len -= len;
				break;
			case 2:
				put(&f, f.bytes + at, len);
				break;
			default:
				f.bytes[at] = (unsigned char)chance(&dice, 256);
			}
			if (f.len == 0 || f.len > FILE_MAX / 2)
				break;
		}
		if (!stripped(content, &f, &out, &found))
			continue;
		kept++;
		assert_true(stripped(content, &out, &again, &found));
		assert_same(&out, &again);
		assert_false(found.changed);
	}
	assert_true(kept > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jpeg_without_metadata_is_kept_byte_by_byte),
		cmocka_unit_test(
		    a_jpeg_loses_its_place_its_comments_and_what_follows_its_end),
		cmocka_unit_test(the_orientation_of_a_jpeg_stays_alone),
		cmocka_unit_test(an_upright_orientation_needs_no_exif),
		cmocka_unit_test(colours_of_a_jpeg_stay),
		cmocka_unit_test(the_small_copy_in_jfif_and_a_second_image_go),
		cmocka_unit_test(a_jpeg_cut_anywhere_is_refused),
		cmocka_unit_test(a_malformed_jpeg_is_refused),
		cmocka_unit_test(an_image_of_too_many_pixels_is_refused),
		cmocka_unit_test(a_png_keeps_its_picture_and_its_colours_only),
		cmocka_unit_test(a_png_cut_anywhere_or_damaged_is_refused),
		cmocka_unit_test(a_malformed_png_is_refused),
		cmocka_unit_test(
		    a_webp_loses_exif_and_xmp_and_what_told_of_them),
		cmocka_unit_test(frames_of_a_webp_are_cleaned_too),
		cmocka_unit_test(a_webp_cut_anywhere_is_refused),
		cmocka_unit_test(a_pdf_is_kept_as_it_is_if_it_is_whole),
		cmocka_unit_test(no_file_however_damaged_leads_outside_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
