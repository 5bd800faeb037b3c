/*
 * The log's lines: built in a buffer on the stack, written by one write(2).
 *
 * A line is at most LINE_MAX_LEN bytes, which a pipe takes in one piece
 * (POSIX: PIPE_BUF). Texts that do not fit are cut and fields after them left
 * out; the line stays JSON.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_LEN 4096
#define NUMBER_LEN   24 /* of an int64_t, and more */
#define CLOSE_LEN    3  /* "}\n and one to spare */

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

static const char *const level_names[] = { "info", "warning", "error" };

static void add_time(struct line *line);
static void add_field(struct line *line, const struct log_field *field);
static bool add_name(struct line *line, const char *name, size_t value_len);
static void add_string(struct line *line, const char *text);
static size_t escape(const unsigned char *text, char *out, size_t *used);
static size_t utf8_len(const unsigned char *text);
static void add_raw(struct line *line, const char *text, size_t len);

void
log_write(enum log_level level, const char *event,
    const struct log_field *fields, size_t n)
{
	const struct log_field first[] = {
		{ .name = "level", .text = level_names[level] },
		{ .name = "event", .text = event },
	};
	struct line line = { .len = 0 };
	ssize_t written;

	add_time(&line);
	add_field(&line, &first[0]);
	add_field(&line, &first[1]);
	for (size_t i = 0; i < n; i++)
		add_field(&line, &fields[i]);
	add_raw(&line, "}\n", 2);

	/* A log that cannot be written is nowhere to be reported. */
	written = write(STDERR_FILENO, line.text, line.len);
	(void)written;
}

static void
add_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char text[64];
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(text, sizeof(text), "{\"ts\":\"%Y-%m-%dT%H:%M:%S", &utc);
	add_raw(line, text, len);
	len = (size_t)snprintf(
	    text, sizeof(text), ".%03ldZ\"", now.tv_nsec / 1000000);
	add_raw(line, text, len);
}

static void
add_field(struct line *line, const struct log_field *field)
{
	char number[NUMBER_LEN];

	if (field->text != NULL) {
		if (add_name(line, field->name, CLOSE_LEN))
			add_string(line, field->text);
		return;
	}
	if (!add_name(line, field->name, NUMBER_LEN))
		return;
	add_raw(line, number,
	    (size_t)snprintf(
	        number, sizeof(number), "%" PRId64, field->number));
}

/* False if name and a value of value_len do not fit any more. */
static bool
add_name(struct line *line, const char *name, size_t value_len)
{
	size_t len = strlen(name);

	if (line->len + len + value_len + 4 + CLOSE_LEN > sizeof(line->text))
		return false;
	add_raw(line, ",\"", 2);
	add_raw(line, name, len);
	add_raw(line, "\":", 2);
	return true;
}

static void
add_string(struct line *line, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	char out[8];
	size_t len, used;

	add_raw(line, "\"", 1);
	for (; *at != '\0'; at += used) {
		len = escape(at, out, &used);
		if (line->len + len + CLOSE_LEN > sizeof(line->text))
			break;
		add_raw(line, out, len);
	}
	add_raw(line, "\"", 1);
}

/* One character at text as JSON: bytes put in out, bytes used of text. */
static size_t
escape(const unsigned char *text, char *out, size_t *used)
{
	size_t len = utf8_len(text);

	*used = len > 0 ? len : 1;
	if (len == 0)
		return (size_t)snprintf(out, 8, "\\ufffd");
	if (*text == '"' || *text == '\\') {
		out[0] = '\\';
		out[1] = (char)*text;
		return 2;
	}
	if (*text < 0x20 || *text == 0x7f)
		return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)*text);
	memcpy(out, text, len);
	return len;
}

/* Length of the UTF-8 sequence at text (RFC 3629), 0 if there is none. */
static size_t
utf8_len(const unsigned char *text)
{
	size_t len = *text < 0x80                     ? 1
	             : *text >= 0xc2 && *text <= 0xdf ? 2
	             : *text >= 0xe0 && *text <= 0xef ? 3
	             : *text >= 0xf0 && *text <= 0xf4 ? 4
	                                              : 0;

	for (size_t i = 1; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((*text == 0xe0 && text[1] < 0xa0) ||
	    (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) ||
	    (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

static void
add_raw(struct line *line, const char *text, size_t len)
{
	if (len > sizeof(line->text) - line->len)
		len = sizeof(line->text) - line->len;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}
