/*
 * What an image says beside its picture: taken out before it is kept.
 *
 * A photograph tells where and when it was taken, by which telephone, and
 * often holds a small copy of what was cut away. None of that is kept. No
 * picture is decoded: the structure of the file alone is read, segment by
 * segment, and only what is known to make the picture stays. A pure module.
 */
#ifndef GUSP_STRIP_H
#define GUSP_STRIP_H

#include <stdbool.h>
#include <stddef.h>

/* What is taken; nothing else can be sent. */
enum content {
	CONTENT_JPEG,
	CONTENT_PNG,
	CONTENT_WEBP,
	CONTENT_PDF,
	N_CONTENTS
};

/* More could not be shown without more memory than a telephone has. */
#define PIXELS_MAX 50000000ULL

struct stripped {
	size_t len; /* of what is left, from the first byte on */
	bool changed;
	unsigned long width, height; /* 0 of a PDF */
	const char *code;            /* of a problem: content_malformed,
	                                too_many_pixels; NULL if there is none */
	const char *what; /* what is malformed, a few words of English */
};

/*
 * Take out of len bytes, in place, what is not the picture:
 *
 *   JPEG  all application segments but JFIF (without its small copy), ICC
 *         and Adobe's; comments; what follows the end. The orientation
 *         stays: in an Exif segment that says nothing else.
 *   PNG   all chunks but those that make the picture and its colours.
 *   WebP  the same, also inside of frames.
 *   PDF   nothing; only its beginning and its end are looked at.
 *
 * False with the code if the file is truncated, malformed, or has more than
 * PIXELS_MAX pixels; what the bytes are then is not said.
 */
bool strip(enum content content, unsigned char *bytes, size_t len,
    struct stripped *out);

#endif
