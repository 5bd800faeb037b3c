/*
 * French identifiers: what can be judged from the text alone, without a
 * register. Each takes the bare text, without spaces or dots.
 */
#ifndef GUSP_FRENCH_H
#define GUSP_FRENCH_H

#include <stdbool.h>

/* An enterprise: nine digits, Luhn's key. */
bool french_siren(const char *text);

/* An establishment: its SIREN, a number of four digits, Luhn's key. Those of
 * La Poste (356000000) have a sum of digits that is a multiple of five. */
bool french_siret(const char *text);

/* An association: W and nine digits. */
bool french_rna(const char *text);

/* A commune of the official geographic code: 13103, 2A004, 97411. */
bool french_insee(const char *text);

/* A departement: 13, 2A, 974. */
bool french_departement(const char *text);

/* A priority quartier of either generation: QP013001 (2015), QN01301M (2024:
 * N is new, M has a changed contour, I is unchanged). */
bool french_qpv(const char *text);

#endif
