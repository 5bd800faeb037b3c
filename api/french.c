/*
 * French identifiers.
 */
#include <stddef.h>
#include <string.h>

#include "french.h"

#define LA_POSTE "356000000"

static bool all_digits(const char *text, size_t from, size_t to);
static bool luhn(const char *text, size_t len);
static unsigned sum_of_digits(const char *text);

bool
french_siren(const char *text)
{
	/* Zeroes pass Luhn and name nobody. */
	return strlen(text) == 9 && all_digits(text, 0, 9) &&
	       strcmp(text, "000000000") != 0 && luhn(text, 9);
}

bool
french_siret(const char *text)
{
	if (strlen(text) != 14 || !all_digits(text, 0, 14) ||
	    strncmp(text, "000000000", 9) == 0 || !luhn(text, 9))
		return false;
	/* Establishments are numbered from 0001. */
	if (strncmp(text + 9, "0000", 4) == 0)
		return false;
	if (luhn(text, 14))
		return true;
	/* Too many post offices for Luhn; the head office still follows it. */
	return strncmp(text, LA_POSTE, 9) == 0 && sum_of_digits(text) % 5 == 0;
}

static bool
all_digits(const char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

/* Every second digit from the right counts double, its digits added. */
static bool
luhn(const char *text, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[len - 1 - i] - '0');

		if (i % 2 == 1)
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	return sum % 10 == 0;
}

static unsigned
sum_of_digits(const char *text)
{
	unsigned sum = 0;

	for (; *text != '\0'; text++)
		sum += (unsigned)(*text - '0');
	return sum;
}

bool
french_rna(const char *text)
{
	return strlen(text) == 10 && text[0] == 'W' && all_digits(text, 1, 2) &&
	       (all_digits(text, 2, 3) || (text[2] >= 'A' && text[2] <= 'Z')) &&
	       all_digits(text, 3, 10);
}

/* Length of the departement that text begins with; 0 if there is none. */
static size_t
departement_len(const char *text)
{
	/* Overseas departements and collectivities, INSEE's list. */
	static const char overseas[] =
	    "971 972 973 974 975 976 977 978 984 986 987 988 989";

	if (strncmp(text, "2A", 2) == 0 || strncmp(text, "2B", 2) == 0)
		return 2;
	if (strlen(text) < 2 || !all_digits(text, 0, 2))
		return 0;

	int n = (text[0] - '0') * 10 + (text[1] - '0');

	/* 20 was Corsica until 1976. */
	if (n >= 1 && n <= 95 && n != 20)
		return 2;
	if (n < 97 || n > 98 || strlen(text) < 3)
		return 0;
	for (const char *at = overseas; at < overseas + sizeof(overseas) - 1;
	     at += 4)
		if (strncmp(text, at, 3) == 0)
			return 3;
	return 0;
}

bool
french_insee(const char *text)
{
	size_t n = departement_len(text);

	return n != 0 && strlen(text) == 5 && all_digits(text, n, 5) &&
	       strspn(text + n, "0") < 5 - n;
}

bool
french_departement(const char *text)
{
	size_t n = departement_len(text);

	return n != 0 && text[n] == '\0';
}

bool
french_qpv(const char *text)
{
	char departement[4];

	if (strlen(text) != 8 || text[0] != 'Q')
		return false;
	/* Three characters: 013, 02A, 974. */
	memcpy(departement, text + 2, 3);
	departement[3] = '\0';
	if (!french_departement(
	        departement[0] == '0' ? departement + 1 : departement))
		return false;
	if (text[1] == 'P')
		return all_digits(text, 5, 8);
	return text[1] == 'N' && all_digits(text, 5, 7) &&
	       strchr("NMI", text[7]) != NULL;
}
