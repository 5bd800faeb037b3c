/* Media types of what is uploaded, by two judges. */
#include <stdio.h>
#include <string.h>

#include <magic.h>

#include "content.h"

#include "log.h"
#include "negotiate.h"

/* What libmagic is shown: all four types tell themselves at once. */
#define LOOK_LEN 4096

const char *const content_types[N_CONTENTS] = {
	[CONTENT_JPEG] = "image/jpeg",
	[CONTENT_PNG] = "image/png",
	[CONTENT_WEBP] = "image/webp",
	[CONTENT_PDF] = "application/pdf",
};

/* Bytes that stand at a place in each file of the type. */
static const struct {
	const char *bytes;
	size_t len, at;
} starts[N_CONTENTS] = {
	[CONTENT_JPEG] = { "\xff\xd8\xff", 3, 0 },
	[CONTENT_PNG] = { "\x89PNG\r\n\x1a\n", 8, 0 },
	[CONTENT_WEBP] = { "WEBPVP8", 7, 8 },
	[CONTENT_PDF] = { "%PDF-", 5, 0 },
};

static magic_t magic;

bool
content_setup(char *why, size_t why_len)
{
	/* Nothing that looks into archives, programs or texts: no process is
	 * started, no file opened. */
	magic = magic_open(MAGIC_MIME_TYPE | MAGIC_ERROR |
	                   MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
	                   MAGIC_NO_CHECK_APPTYPE | MAGIC_NO_CHECK_ELF |
	                   MAGIC_NO_CHECK_TEXT | MAGIC_NO_CHECK_CSV |
	                   MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_TOKENS |
	                   MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_JSON);
	if (magic != NULL && magic_load(magic, NULL) == 0)
		return true;
	(void)snprintf(why, why_len, "libmagic: %s",
	    magic == NULL ? "out of memory" : magic_error(magic));
	return false;
}

enum content
content_named(const char *content_type)
{
	for (enum content c = 0; content_type != NULL && c < N_CONTENTS; c++)
		if (is_media_type(content_type, content_types[c]))
			return c;
	return N_CONTENTS;
}

bool
content_is(enum content content, const unsigned char *bytes, size_t len)
{
	const char *type;

	if (len < starts[content].at + starts[content].len ||
	    memcmp(bytes + starts[content].at, starts[content].bytes,
	        starts[content].len) != 0)
		return false;
	type = magic_buffer(magic, bytes, len < LOOK_LEN ? len : LOOK_LEN);
	if (type == NULL) {
		log_error("magic_failed", LOG_STR("why", magic_error(magic)));
		return false;
	}
	return strcmp(type, content_types[content]) == 0;
}
