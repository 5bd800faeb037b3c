/*
 * The check of statements at start, on a real PostgreSQL: GUSP_TEST_DB_URL
 * names a database and a user who may create a schema in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "statement.h"

#define SCHEMA "gusp_unit_check"

static struct parameter list_parameters[] = {
	{ .name = "limit", .in = IN_QUERY, .pg_type = "bigint" },
	{ .name = "owner_id", .in = IN_QUERY, .pg_type = "uuid" },
	{ .name = "name", .in = IN_QUERY, .pg_type = "text" },
};
static struct sort sorts[] = {
	{ "name", { "text", "uuid" }, 2 },
	{ "-id", { "uuid" }, 1 },
};
static struct operation operations[] = {
	{ .id = "thing_list",
	    .parameters = list_parameters,
	    .n_parameters = 3,
	    .roles = 1u << ROLE_CITY,
	    .paged = true,
	    .sorts = sorts,
	    .n_sorts = 2,
	    .success = 200 },
	{ .id = "thing_create",
	    .body_kind = BODY_JSON,
	    .idempotent = true,
	    .roles = 1u << ROLE_ADMIN,
	    .success = 201 },
	{ .id = "thing_read", .roles = 1u << ROLE_CITY, .success = 200 },
};

static PGconn *conn;
static char why[400];

static void
run_sql(const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	PQclear(result);
}

static int
set_up(void **state)
{
	const char *url = getenv("GUSP_TEST_DB_URL");

	(void)state;
	if (url == NULL) {
		print_error("GUSP_TEST_DB_URL is not set: this test needs a "
		            "PostgreSQL database\n");
		return -1;
	}
	conn = PQconnectdb(url);
	if (PQstatus(conn) != CONNECTION_OK) {
		print_error("GUSP_TEST_DB_URL: %s", PQerrorMessage(conn));
		return -1;
	}
	contract.operations = operations;
	contract.n_operations = sizeof(operations) / sizeof(operations[0]);
	run_sql("SET client_min_messages = error;"
	        "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE;"
	        "CREATE SCHEMA " SCHEMA ";"
	        "SET search_path = " SCHEMA);
	run_sql("CREATE TABLE thing (id uuid DEFAULT gen_random_uuid(),"
	        " name text, owner_id uuid);"
	        "CREATE TABLE idempotency (client_id uuid, membership_id uuid,"
	        " key text, fingerprint text, status int, body text,"
	        " etag text, location text);"
	        "CREATE FUNCTION client_id() RETURNS uuid LANGUAGE sql"
	        " RETURN NULL::uuid;"
	        "CREATE FUNCTION membership_id() RETURNS uuid LANGUAGE sql"
	        " RETURN NULL::uuid;"
	        "CREATE FUNCTION idempotency_key() RETURNS text LANGUAGE sql"
	        " RETURN 'k';"
	        "CREATE FUNCTION idempotency_fingerprint() RETURNS text"
	        " LANGUAGE sql RETURN 'f'");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (conn != NULL)
		run_sql("DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
	PQfinish(conn);
	return 0;
}

static bool
check(const char *text, enum lane lane)
{
	static struct statement_text texts[1];

	texts[0] = (struct statement_text){ "thing.sql", text };
	if (!statements_load_from(texts, 1, why, sizeof(why)))
		fail_msg("%s", why);
	return statements_check(conn, lane, why, sizeof(why));
}

static void
is_refused(const char *text, const char *reason)
{
	assert_false(check(text, LANE_MEMBER));
	if (strstr(why, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, reason);
}

/* A list with two sorts; the text of its filter on name is given. */
#define LIST(filter)                                                           \
	"-- thing_list\n"                                                      \
	"SELECT to_jsonb(t) AS body, jsonb_build_array(\n"                     \
	"--? sort:name\nt.name, t.id\n--? sort:-id\nt.id\n--?\n"               \
	") AS key\nFROM thing AS t WHERE true\n"                               \
	"--? cursor sort:name\n"                                               \
	"AND (t.name, t.id) > (:after_1, :after_2)\n"                          \
	"--? cursor sort:-id\nAND t.id < :after_1\n"                           \
	"--? owner_id\nAND t.owner_id = :owner_id\n"                           \
	"--? name\n" filter "\n"                                               \
	"--? sort:name\nORDER BY t.name, t.id\n"                               \
	"--? sort:-id\nORDER BY t.id DESC\n--?\nLIMIT :limit;\n"

static void
every_sort_and_fragment_of_a_right_list_is_accepted(void **state)
{
	(void)state;
	if (!check(LIST("AND t.name = :name"), LANE_MEMBER))
		fail_msg("%s", why);
}

static void
a_fragment_that_postgresql_refuses_is_named(void **state)
{
	(void)state;
	is_refused(LIST("AND t.nom = :name"), "thing.sql: thing_list.0.");
	is_refused(LIST("AND t.nom = :name"), "t.nom does not exist");
	is_refused(LIST("AND t.id = :name"), "operator does not exist");
}

static void
a_statement_is_checked_on_the_lanes_of_its_roles(void **state)
{
	(void)state;
	assert_true(check(LIST("AND t.nom = :name"), LANE_ADMIN));
	assert_true(check(LIST("AND t.nom = :name"), LANE_AUTH));
	assert_false(check("-- @enter\nSELECT nothing;\n", LANE_ADMIN));
	assert_true(check("-- @enter\nSELECT nothing;\n", LANE_AUTH));
}

static void
a_private_statement_is_checked_on_its_own_lane_alone(void **state)
{
	const char *text = "-- thing_read\nSELECT nothing AS body;\n";

	(void)state;
	operations[2].private = true;
	assert_true(check(text, LANE_MEMBER));
	assert_false(check(text, LANE_PRIVACY));
	operations[2].private = false;
	assert_false(check(text, LANE_MEMBER));
	assert_true(check(text, LANE_PRIVACY));
}

static void
columns_that_nobody_reads_are_refused(void **state)
{
	(void)state;
	is_refused("-- thing_read\nSELECT '{}'::jsonb AS body, 1 AS odd;\n",
	    "nobody reads the column odd");
	is_refused("-- thing_read\nSELECT 1.5 AS body;\n",
	    "not of a type it may have: body");
	is_refused("-- thing_read\nSELECT '{}'::jsonb AS corps WHERE body();\n",
	    "PostgreSQL says");
	is_refused("-- thing_read\nSELECT 'x' AS touched;\n"
	           "SELECT '{}'::jsonb AS body;\n",
	    "not of a type it may have: touched");
}

static void
the_kept_answer_is_written_with_its_effect(void **state)
{
	static const struct args none;
	const char *const body[] = { "{\"name\": \"Place\"}" };
	const struct part *part;
	PGresult *result;

	(void)state;
	if (!check("-- thing_create\n"
	           "WITH made AS (INSERT INTO thing (name)\n"
	           "  VALUES (:body ->> 'name') RETURNING *)\n"
	           "SELECT to_jsonb(m) AS body, 7::bigint AS etag,\n"
	           "  '/v1/things/' || m.id AS location FROM made AS m;\n",
	        LANE_ADMIN))
		fail_msg("%s", why);
	part = &statement_variant(operations[1].statement, &none)->parts[0];
	result =
	    PQexecParams(conn, part->sql, 1, part->types, body, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	assert_int_equal(PQntuples(result), 1);
	assert_string_equal(PQfname(result, 0), "body");
	assert_string_equal(PQgetvalue(result, 0, 1), "7");
	PQclear(result);
	result = PQexec(conn, "SELECT i.status, t.name FROM idempotency AS i"
	                      " JOIN thing AS t"
	                      " ON i.location = '/v1/things/' || t.id"
	                      " AND i.body::jsonb = to_jsonb(t)"
	                      " AND i.etag = '7'");
	assert_int_equal(PQntuples(result), 1);
	assert_string_equal(PQgetvalue(result, 0, 0), "201");
	assert_string_equal(PQgetvalue(result, 0, 1), "Place");
	PQclear(result);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_sort_and_fragment_of_a_right_list_is_accepted),
		cmocka_unit_test(a_fragment_that_postgresql_refuses_is_named),
		cmocka_unit_test(
		    a_statement_is_checked_on_the_lanes_of_its_roles),
		cmocka_unit_test(
		    a_private_statement_is_checked_on_its_own_lane_alone),
		cmocka_unit_test(columns_that_nobody_reads_are_refused),
		cmocka_unit_test(the_kept_answer_is_written_with_its_effect),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
