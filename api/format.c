/*
 * Formats: the table, and the checks of those that are not French.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format.h"

#include "french.h"
#include "geojson.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const struct format formats[] = {
	{ "uuid", format_uuid, "uuid", 0, true },
	{ "date", format_date, "date", 0, true },
	{ "date-time", format_date_time, "timestamptz", 0, true },
	{ "day-or-instant", format_day_or_instant, "text", 0, true },
	{ "uri", format_uri, "text", 0, false },
	{ "email", format_email, "text", 0, false },
	{ "siren", french_siren, "text", 0, true },
	{ "siret", french_siret, "text", 0, true },
	{ "rna", french_rna, "text", 0, true },
	{ "insee", french_insee, "text", 0, true },
	{ "departement", french_departement, "text", 0, true },
	{ "qpv", french_qpv, "text", 0, true },
	{ "geojson-point", NULL, NULL, GEOJSON_POINT, true },
	{ "geojson-linestring", NULL, NULL, GEOJSON_LINESTRING, true },
	{ "geojson-polygon", NULL, NULL, GEOJSON_POLYGON, true },
	{ "geojson-multipolygon", NULL, NULL, GEOJSON_MULTIPOLYGON, true },
	{ "geojson-geometry", NULL, NULL, GEOJSON_ANY, true },
	/* Notes for those who generate clients: nothing to check. */
	{ "int32", NULL, "bigint", 0, false },
	{ "int64", NULL, "bigint", 0, false },
	{ "double", NULL, "numeric", 0, false },
	{ "binary", NULL, "text", 0, false },
	{ "password", NULL, "text", 0, false },
};

const struct format *
format_named(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
format_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'x' ? !is_hex(text[i]) : text[i] != '-')
			return false;
	return true;
}

/* Take a number of exactly n digits; -1 if it is not there. */
static int
take(const char **text, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!is_digit((*text)[i]))
			return -1;
		value = value * 10 + ((*text)[i] - '0');
	}
	*text += n;
	return value;
}

static bool
take_char(const char **text, const char *any)
{
	if (**text == '\0' || strchr(any, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

static bool
take_date(const char **text, int *year)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int month, day;

	*year = take(text, 4);
	if (*year < 1 || !take_char(text, "-"))
		return false;
	month = take(text, 2);
	if (month < 1 || month > 12 || !take_char(text, "-"))
		return false;
	day = take(text, 2);
	if (day < 1 || day > days[month - 1])
		return false;

	bool leap = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);

	return month != 2 || day < 29 || leap;
}

bool
format_date(const char *text)
{
	int year;

	return take_date(&text, &year) && *text == '\0';
}

/* Z or +hh:mm; *minutes is its distance from UTC. */
static bool
take_offset(const char **text, int *minutes)
{
	*minutes = 0;
	if (take_char(text, "Zz"))
		return true;

	int sign = **text == '-' ? -1 : 1;

	if (!take_char(text, "+-"))
		return false;

	int hour = take(text, 2);

	/* PostgreSQL refuses displacements of 16 hours and more. */
	if (hour < 0 || hour > 15 || !take_char(text, ":"))
		return false;

	int minute = take(text, 2);

	if (minute < 0 || minute > 59)
		return false;
	*minutes = sign * (hour * 60 + minute);
	return true;
}

bool
format_date_time(const char *text)
{
	int year, offset;

	/* No offset may carry an instant into year 0 or 10000: PostgreSQL
	 * would write it in a form that nobody reads back. */
	if (!take_date(&text, &year) || year < 2 || year > 9998 ||
	    !take_char(&text, "Tt"))
		return false;

	int hour = take(&text, 2);

	if (hour < 0 || hour > 23 || !take_char(&text, ":"))
		return false;

	int minute = take(&text, 2);

	if (minute < 0 || minute > 59 || !take_char(&text, ":"))
		return false;

	int second = take(&text, 2);

	if (second < 0 || second > 60)
		return false;
	if (take_char(&text, ".")) {
		size_t digits = strspn(text, "0123456789");

		if (digits < 1 || digits > 9)
			return false;
		text += digits;
	}
	if (!take_offset(&text, &offset) || *text != '\0')
		return false;

	int utc = hour * 60 + minute - offset + 1440;

	/* RFC 3339 5.7: a leap second is 23:59:60 UTC. */
	return second < 60 || utc % 1440 == 1439;
}

/* What is read "as of": a day has an end, which SQL knows. */
bool
format_day_or_instant(const char *text)
{
	return format_date(text) || format_date_time(text);
}

/* Unreserved, reserved and percent-encoded characters (RFC 3986 2). */
static bool
uri_characters(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '%') {
			if (!is_hex(text[1]) || !is_hex(text[2]))
				return false;
			continue;
		}
		if (!is_letter(*text) && !is_digit(*text) &&
		    strchr("-._~:/?#[]@!$&'()*+,;=", *text) == NULL)
			return false;
	}
	return true;
}

/* Letters, digits and inner hyphens, parts of 1..63 joined by dots. */
static bool
host_name(const char *text, size_t len, size_t parts_min)
{
	size_t part = 0, parts = 1;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '.') {
			if (part == 0 || text[i - 1] == '-')
				return false;
			part = 0;
			parts++;
			continue;
		}
		if (!is_letter(c) && !is_digit(c) && !(c == '-' && part > 0))
			return false;
		if (++part > 63)
			return false;
	}
	return part > 0 && text[len - 1] != '-' && parts >= parts_min;
}

static bool
has_port(const char *text, size_t len)
{
	if (len == 0)
		return true;
	if (len < 2 || len > 6 || text[0] != ':' ||
	    strspn(text + 1, "0123456789") < len - 1)
		return false;

	long port = strtol(text + 1, NULL, 10);

	return port >= 1 && port <= 65535;
}

bool
format_uri(const char *text)
{
	if (strncasecmp(text, "https://", 8) == 0)
		text += 8;
	else if (strncasecmp(text, "http://", 7) == 0)
		text += 7;
	else
		return false;
	if (!uri_characters(text) || strpbrk(text, "[]") != NULL)
		return false;

	/* No user@: it makes one host look like another. */
	size_t authority = strcspn(text, "/?#");
	size_t host = strcspn(text, ":/?#");
	const char *fragment = strchr(text, '#');

	return host_name(text, host, 1) &&
	       has_port(text + host, authority - host) &&
	       (fragment == NULL || strchr(fragment + 1, '#') == NULL);
}

bool
format_email(const char *text)
{
	const char *at = strchr(text, '@');
	char before = '.';

	if (at == NULL || at == text || at - text > 64 || strlen(text) > 254)
		return false;
	for (const char *c = text; c < at; c++) {
		if (*c == '.' && before == '.')
			return false;
		if (!is_letter(*c) && !is_digit(*c) &&
		    strchr("!#$%&'*+-/=?^_`{|}~.", *c) == NULL)
			return false;
		before = *c;
	}
	return before != '.' && host_name(at + 1, strlen(at + 1), 2);
}
