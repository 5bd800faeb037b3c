/*
 * The command's connection: one, synchronous, ended with the process.
 */
#ifndef GUSP_CLI_DATABASE_H
#define GUSP_CLI_DATABASE_H

#include <stdbool.h>

#include <libpq-fe.h>

/*
 * Connect to GUSP_DATABASE_URL as user, whatever user the URL names; as that
 * one with NULL. Ends the process if that fails.
 */
PGconn *database_open(const char *user);

/*
 * Run one statement with text parameters, $1 first, ended by DATABASE_END.
 * Ends the process if the database refuses it. The result is the caller's.
 */
PGresult *database_run(PGconn *conn, const char *sql, ...);
extern const char database_end[];
#define DATABASE_END database_end

/* The same, without a result. */
#define database_do(...) PQclear(database_run(__VA_ARGS__))

/*
 * For what goes on when the database does not: the connection, or the result,
 * is NULL, and the reason is logged. Bytes come in binary form.
 */
PGconn *database_reach(const char *user);
PGresult *database_try(PGconn *conn, const char *sql, ...);
PGresult *database_try_bytes(PGconn *conn, const char *sql, ...);

/* A column of the first row; NULL if there is no row or it is null. */
const char *database_value(const PGresult *result, int column);

/* Print the rows as tab-separated text below a line of names. */
void database_print(const PGresult *result);

#endif
