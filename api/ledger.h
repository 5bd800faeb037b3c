/*
 * The one operation of the ledger that is C: a cosignature is verified here,
 * because PostgreSQL has no Ed25519.
 */
#ifndef GUSP_LEDGER_H
#define GUSP_LEDGER_H

#include "native.h"

/* ledger_cosign (ledger.c). */
extern const struct native ledger_natives[];
extern const size_t n_ledger_natives;

#endif
