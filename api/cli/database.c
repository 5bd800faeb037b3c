/* The command's connection. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "database.h"

#include "../log.h"

#define PARAMETERS_MAX 16

const char database_end[] = "";

/* Messages of our own functions are problem codes. */
static const struct {
	const char *code, *french, *english;
} sentences[] = {
	{ "administrator_exists", "il y a déjà un administrateur",
	    "there is an administrator already" },
	{ "two_live_credentials",
	    "ce client a déjà deux secrets ou deux clés : gusp client rotate "
	    "ID --finish",
	    "this client has two secrets or two keys already: gusp client "
	    "rotate ID --finish" },
};

/* What PostgreSQL itself refuses, by SQLSTATE and, where it counts, by
 * constraint. */
static const struct {
	const char *sqlstate, *constraint, *french, *english;
} refusals[] = {
	{ "23505", "client_key_pkey",
	    "cette clé (même kid) est ou a été enregistrée pour ce client : "
	    "il en faut une autre",
	    "this key (the same kid) is or was registered for this client: "
	    "another is wanted" },
	{ "23503", "client_key_client_id_fkey", "pas de tel client",
	    "no such client" },
	{ "23503", "client_secret_client_id_fkey", "pas de tel client",
	    "no such client" },
	{ "22007", NULL, "date illisible : 2027-12-31, ou 2027-12-31T18:00:00Z",
	    "unreadable date: 2027-12-31, or 2027-12-31T18:00:00Z" },
	{ "22008", NULL, "cette date n'existe pas", "there is no such date" },
	{ "22P02", NULL, "une valeur n'a pas la forme voulue",
	    "a value does not have the form wanted" },
};

static void
tell_notice(void *arg, const PGresult *result)
{
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	(void)arg;
	if (severity != NULL && strcmp(severity, "WARNING") == 0)
		(void)fputs(PQresultErrorMessage(result), stderr);
}

static PGconn *
connect_as(const char *user)
{
	/* What stands after an expanded dbname overrides it (libpq 34.1). */
	const char *const names[] = { "dbname", "application_name", "options",
		"connect_timeout", "user", NULL };
	const char *const values[] = { setting("GUSP_DATABASE_URL", NULL),
		"gusp", "-c search_path=gusp,public", "10", user, NULL };
	const char *passfile = getenv("GUSP_PASSFILE");

	if (passfile != NULL && *passfile != '\0')
		setenv("PGPASSFILE", passfile, 1);

	return PQconnectdbParams(names, values, 1);
}

PGconn *
database_open(const char *user)
{
	PGconn *conn = connect_as(user);

	if (PQstatus(conn) != CONNECTION_OK)
		die("pas de connexion à la base : %s",
		    "no connection to the database: %s", PQerrorMessage(conn));
	PQsetNoticeReceiver(conn, tell_notice, NULL);
	return conn;
}

PGconn *
database_reach(const char *user)
{
	PGconn *conn = connect_as(user);

	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	log_warning(
	    "database_unreachable", LOG_STR("error", PQerrorMessage(conn)));
	PQfinish(conn);
	return NULL;
}

static void
explain_refusal(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint =
	    PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	size_t n = sizeof(refusals) / sizeof(refusals[0]);

	for (size_t i = 0; state != NULL && i < n; i++) {
		const char *wanted = refusals[i].constraint;

		if (strcmp(state, refusals[i].sqlstate) != 0 ||
		    (wanted != NULL && (constraint == NULL ||
		                           strcmp(constraint, wanted) != 0)))
			continue;
		die("%s", "%s",
		    is_english() ? refusals[i].english : refusals[i].french);
	}
}

static _Noreturn void
explain(const PGresult *result)
{
	const char *message =
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	explain_refusal(result);
	if (message == NULL)
		message = PQresultErrorMessage(result);
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(message, sentences[i].code) == 0)
			die("%s", "%s",
			    is_english() ? sentences[i].english
			                 : sentences[i].french);
	die("refus de la base : %s %s", "the database refuses: %s %s", message,
	    detail == NULL ? "" : detail);
}

static PGresult *
execute(PGconn *conn, const char *sql, va_list arguments, int format)
{
	const char *values[PARAMETERS_MAX];
	const char *value;
	int n = 0;

	while ((value = va_arg(arguments, const char *)) != DATABASE_END &&
	       n < PARAMETERS_MAX)
		values[n++] = value;
	return PQexecParams(conn, sql, n, NULL, values, NULL, NULL, format);
}

static bool
is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

PGresult *
database_run(PGconn *conn, const char *sql, ...)
{
	va_list arguments;
	PGresult *result;

	va_start(arguments, sql);
	result = execute(conn, sql, arguments, 0);
	va_end(arguments);
	if (!is_good(result))
		explain(result);
	return result;
}

/* A refusal of PostgreSQL, logged; NULL. */
static PGresult *
try_result(PGresult *result)
{
	if (is_good(result))
		return result;
	log_warning(
	    "database_refused", LOG_STR("error", PQresultErrorMessage(result)));
	PQclear(result);
	return NULL;
}

PGresult *
database_try(PGconn *conn, const char *sql, ...)
{
	va_list arguments;
	PGresult *result;

	va_start(arguments, sql);
	result = execute(conn, sql, arguments, 0);
	va_end(arguments);
	return try_result(result);
}

PGresult *
database_try_bytes(PGconn *conn, const char *sql, ...)
{
	va_list arguments;
	PGresult *result;

	va_start(arguments, sql);
	result = execute(conn, sql, arguments, 1);
	va_end(arguments);
	return try_result(result);
}

const char *
database_value(const PGresult *result, int column)
{
	if (PQntuples(result) == 0 || PQgetisnull(result, 0, column))
		return NULL;
	return PQgetvalue(result, 0, column);
}

void
database_print(const PGresult *result)
{
	int rows = PQntuples(result), columns = PQnfields(result);

	for (int c = 0; c < columns; c++)
		printf(
		    "%s%c", PQfname(result, c), c + 1 < columns ? '\t' : '\n');
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++)
			printf("%s%c", PQgetvalue(result, r, c),
			    c + 1 < columns ? '\t' : '\n');
}
