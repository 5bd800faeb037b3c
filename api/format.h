/*
 * The formats of the contract: what the keyword format means here, and which
 * PostgreSQL type such a parameter has.
 */
#ifndef GUSP_FORMAT_H
#define GUSP_FORMAT_H

#include <stdbool.h>

struct format {
	const char *name;
	bool (*check)(const char *text); /* of a string, or NULL */
	const char *pg_type;
	unsigned geometry; /* GEOJSON_ types of an object, or 0 */
	bool bounded;      /* its texts have a greatest length by themselves */
};

/* NULL if the contract may not use this name. */
const struct format *format_named(const char *name);

bool format_uuid(const char *text);
bool format_date(const char *text); /* of the calendar: no 30 February */

/* RFC 3339 with its offset, which is mandatory. */
bool format_date_time(const char *text);
bool format_day_or_instant(const char *text);

/* http or https, with a host: others have no business in links that a
 * browser will show. RFC 3986: ASCII only. */
bool format_uri(const char *text);

bool format_email(const char *text);

#endif
