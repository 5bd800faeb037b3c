/*
 * The log: one JSON object per line on standard error.
 *
 * The event is a constant string, facts are fields. Never a token, a body, a
 * query value or a name.
 *
 *     log_warning("db_link_lost", LOG_INT("link", link->id));
 */
#ifndef GUSP_LOG_H
#define GUSP_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
};

struct log_field {
	const char *name;
	const char *text; /* NULL: the field is the number */
	int64_t number;
};

/* A text that is not there is logged as an empty one. */
static inline const char *
log_text(const char *text)
{
	return text != NULL ? text : "";
}

#define LOG_STR(n, v) ((struct log_field){ .name = (n), .text = log_text(v) })
#define LOG_INT(n, v)                                                          \
	((struct log_field){ .name = (n), .number = (int64_t)(v) })

#define LOG_FIELDS(...)                                                        \
	((const struct log_field[]){ __VA_ARGS__ }),                           \
	    sizeof((const struct log_field[]){ __VA_ARGS__ }) /                \
	        sizeof(struct log_field)

/* At least one field is needed: every event says something. */
#define log_info(event, ...)                                                   \
	log_write(LOG_LEVEL_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warning(event, ...)                                                \
	log_write(LOG_LEVEL_WARNING, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...)                                                  \
	log_write(LOG_LEVEL_ERROR, event, LOG_FIELDS(__VA_ARGS__))

/* Adds ts and level; one write(2) per line, so that lines never mix. */
void log_write(enum log_level level, const char *event,
    const struct log_field *fields, size_t n);

#endif
