/*
 * Configuration: the table of variables and the checks of their values.
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define LIST_ITEM_MAX 255

struct config config;

/* Whether a value may stand for its variable. */
typedef bool (*check)(const char *value);

static bool is_base_url(const char *value);
static bool is_origins(const char *value);
static bool is_addresses(const char *value);

/* Texts; one without a value and without a fallback stays NULL. */
static const struct {
	const char *name;
	const char **to;
	const char *fallback;
	bool required;
	check valid;
	const char *wanted; /* what valid asks for, in words */
} texts[] = {
	{ "GUSP_DATABASE_URL", &config.database_url, NULL, true, NULL, NULL },
	{ "GUSP_PASSFILE", &config.passfile, NULL, false, NULL, NULL },
	{ "GUSP_ISSUER", &config.issuer, NULL, true, is_base_url,
	    "an http(s) URL without query, fragment and final slash" },
	{ "GUSP_KEY_DIR", &config.key_dir, NULL, true, NULL, NULL },
	{ "GUSP_CONTRACT", &config.contract, "build/openapi.json", false, NULL,
	    NULL },
	{ "GUSP_DOCS", &config.docs_dir, NULL, false, NULL, NULL },
	{ "GUSP_CORS_ORIGINS", &config.cors_origins, "", false, is_origins,
	    "a comma list of scheme://host[:port]" },
	{ "GUSP_TRUSTED_PROXIES", &config.trusted_proxies, "", false,
	    is_addresses, "a comma list of IP addresses" },
};

static const struct {
	const char *name;
	long *to;
	long fallback, least, most;
} numbers[] = {
	{ "GUSP_TOKEN_TTL", &config.token_ttl_s, 600, 60, 86400 },
	{ "GUSP_RATE", &config.rate_per_minute, 600, 0, 10000000 },
	{ "GUSP_TOKEN_RATE", &config.token_rate_per_minute, 10, 0, 10000000 },
	{ "GUSP_DRAIN", &config.drain_s, 10, 0, 300 },
	{ "GUSP_LINKS_MEMBER", &config.links_member, 6, 1, 64 },
	{ "GUSP_LINKS_AUDITOR", &config.links_auditor, 1, 1, 64 },
	{ "GUSP_LINKS_AUTH", &config.links_auth, 1, 1, 64 },
};

static bool read_texts(char *why, size_t why_len);
static bool read_numbers(char *why, size_t why_len);
static bool number(const char *text, long least, long most, long *out);
static const char *host_of(const char *url);
static bool every_item(const char *list, check valid);
static bool is_origin(const char *value);
static bool is_address(const char *value);

bool
config_read(char *why, size_t why_len)
{
	return read_texts(why, why_len) && read_numbers(why, why_len);
}

/* A variable that is set to nothing counts as not set: compose files and
 * unit files cannot always leave one out. */
static bool
read_texts(char *why, size_t why_len)
{
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		const char *value = getenv(texts[i].name);

		if (value == NULL || *value == '\0') {
			if (texts[i].required) {
				(void)snprintf(why, why_len, "%s is not set",
				    texts[i].name);
				return false;
			}
			*texts[i].to = texts[i].fallback;
			continue;
		}
		if (texts[i].valid != NULL && !texts[i].valid(value)) {
			(void)snprintf(why, why_len, "%s must be %s",
			    texts[i].name, texts[i].wanted);
			return false;
		}
		*texts[i].to = value;
	}
	return true;
}

static bool
read_numbers(char *why, size_t why_len)
{
	for (size_t i = 0; i < N_ELEMENTS(numbers); i++) {
		const char *value = getenv(numbers[i].name);

		*numbers[i].to = numbers[i].fallback;
		if (value == NULL || *value == '\0')
			continue;
		if (!number(value, numbers[i].least, numbers[i].most,
		        numbers[i].to)) {
			(void)snprintf(why, why_len,
			    "%s must be a whole number from %ld to %ld",
			    numbers[i].name, numbers[i].least, numbers[i].most);
			return false;
		}
	}
	return true;
}

/* Digits only: strtol alone would take blanks and signs. */
static bool
number(const char *text, long least, long most, long *out)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < least || value > most)
		return false;
	*out = value;
	return true;
}

static bool
is_base_url(const char *value)
{
	const char *host = host_of(value);
	size_t len = strlen(value);

	return host != NULL && value[len - 1] != '/' &&
	       strpbrk(host, "?#@") == NULL;
}

/* What follows scheme:// of an http(s) URL made of visible ASCII, else NULL. */
static const char *
host_of(const char *url)
{
	static const char *const schemes[] = { "https://", "http://" };

	for (const char *at = url; *at != '\0'; at++)
		if (*at <= ' ' || *at >= 0x7f || strchr("\"<>\\", *at) != NULL)
			return NULL;
	for (size_t i = 0; i < N_ELEMENTS(schemes); i++) {
		size_t len = strlen(schemes[i]);

		if (strncmp(url, schemes[i], len) == 0 &&
		    (isalnum((unsigned char)url[len]) || url[len] == '['))
			return url + len;
	}
	return NULL;
}

static bool
is_origins(const char *value)
{
	return every_item(value, is_origin);
}

static bool
is_addresses(const char *value)
{
	return every_item(value, is_address);
}

static bool
every_item(const char *list, check valid)
{
	char item[LIST_ITEM_MAX + 1];

	for (;;) {
		size_t len = strcspn(list, ",");

		if (len > LIST_ITEM_MAX)
			return false;
		memcpy(item, list, len);
		item[len] = '\0';
		if (!valid(item))
			return false;
		if (list[len] == '\0')
			return true;
		list += len + 1;
	}
}

/* RFC 6454 6.2; compared byte by byte with what browsers send. */
static bool
is_origin(const char *value)
{
	const char *host = host_of(value);

	return host != NULL && strpbrk(host, "/?#@*") == NULL;
}

static bool
is_address(const char *value)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, value, address) == 1 ||
	       inet_pton(AF_INET6, value, address) == 1;
}
