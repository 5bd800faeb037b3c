/*
 * Links against a real PostgreSQL: GUSP_TEST_DB_URL names a database and a
 * superuser who may enter without being asked more. The roles of the lanes
 * are created if they are not there; all else stands in a schema that is
 * dropped again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db.h"

#include "config.h"
#include "epoll_stub.c"

#define SCHEMA "gusp_unit"

static PGconn *admin; /* the superuser's, blocking */
static int woken, wanted;
static int keys_seen, keys_wanted;

static void
run_sql(const char *sql)
{
	PGresult *result = PQexec(admin, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(admin));
	PQclear(result);
}

static long
ask(const char *sql)
{
	PGresult *result = PQexec(admin, sql);
	long value;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(admin));
	value = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return value;
}

static int
set_up_database(void **state)
{
	const char *url = getenv("GUSP_TEST_DB_URL");

	(void)state;
	if (url == NULL) {
		print_error("GUSP_TEST_DB_URL is not set: test_db needs a "
		            "PostgreSQL database and a superuser in it\n");
		return -1;
	}
	admin = PQconnectdb(url);
	if (PQstatus(admin) != CONNECTION_OK) {
		print_error("GUSP_TEST_DB_URL: %s", PQerrorMessage(admin));
		return -1;
	}
	config.database_url = url;
	config.passfile = getenv("GUSP_PASSFILE");
	run_sql("SET client_min_messages = error");
	run_sql("DO $$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY["
	        "'gusp_member', 'gusp_auditor', 'gusp_admin', 'gusp_privacy',"
	        "'gusp_auth']"
	        " LOOP IF to_regrole(r) IS NULL THEN"
	        " EXECUTE format('CREATE ROLE %I LOGIN', r); END IF;"
	        " END LOOP; END $$");
	run_sql("DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
	run_sql("CREATE SCHEMA " SCHEMA);
	run_sql("GRANT USAGE ON SCHEMA " SCHEMA " TO PUBLIC");
	run_sql("ALTER DEFAULT PRIVILEGES IN SCHEMA " SCHEMA
	        " GRANT ALL ON TABLES TO PUBLIC");
	run_sql("CREATE TABLE " SCHEMA ".thing (id bigint PRIMARY KEY,"
	        " parent bigint CONSTRAINT thing_parent REFERENCES " SCHEMA
	        ".thing DEFERRABLE INITIALLY DEFERRED)");
	return 0;
}

static int
tear_down_database(void **state)
{
	(void)state;
	if (admin != NULL)
		run_sql("DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
	PQfinish(admin);
	return 0;
}

static void
wake(void *arg)
{
	(void)arg;
	woken++;
}

static bool
all_woken(void)
{
	return woken >= wanted;
}

static bool
member_ready(void)
{
	return db_ready(LANE_MEMBER);
}

static bool
never(void)
{
	return false;
}

static bool
keys_came(void)
{
	return keys_seen >= keys_wanted;
}

static void
on_keys(void)
{
	keys_seen++;
}

static void
open_links(long members)
{
	config.links_member = members;
	config.links_auditor = 1;
	config.links_auth = 1;
	woken = wanted = 0;
	db_open();
	assert_true(stub_run(member_ready, 5000));
}

static int
set_up(void **state)
{
	(void)state;
	run_sql("TRUNCATE " SCHEMA ".thing");
	open_links(1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	db_close();
	return 0;
}

/* A part without parameters. */
static struct part
plain(const char *name, const char *sql)
{
	return (struct part){ .name = name, .sql = sql };
}

/* A part with one bigint, :id. */
static struct part
with_id(const char *name, const char *sql)
{
	return (struct part){ .name = name,
		.sql = sql,
		.names = { "id" },
		.types = { 20 },
		.n = 1 };
}

static void
add(struct db_call *call, struct part part, const char *id)
{
	struct part *lasting = malloc(sizeof(part));
	static struct part *all[8192];
	static size_t n;
	struct args args = { .at = { { "id", id, true, 0 } }, .n = 1 };

	/* Borrowed until db_send() returns: the oldest can go. */
	*lasting = part;
	free(all[n % 8192]);
	all[n++ % 8192] = lasting;
	db_add(call, lasting, &args);
}

static struct db_call *
call_of(struct part part, const char *id)
{
	struct db_call *call = db_call(wake, NULL);

	add(call, part, id);
	return call;
}

static void
send_call(struct db_call *call, enum lane lane)
{
	int before = woken;

	assert_true(db_send(call, lane));
	assert_int_equal(woken, before);
	wanted++;
}

static void
wait_all(void)
{
	assert_true(stub_run(all_woken, 10000));
	assert_int_equal(woken, wanted);
}

/* Send a call of one part, wait, drop it; how it ended. */
static enum db_state
try(struct part part, const char *id)
{
	struct db_call *call = call_of(part, id);
	enum db_state state;

	send_call(call, LANE_MEMBER);
	wait_all();
	state = call->state;
	db_drop(call);
	return state;
}

static struct part
insert(void)
{
	return with_id(
	    "insert", "INSERT INTO " SCHEMA ".thing (id) VALUES ($1)");
}

static struct part
broken(void)
{
	return with_id("broken", "SELECT 1 / (0 * $1)");
}

static struct part
echo(void)
{
	return with_id("echo", "SELECT $1 AS id");
}

static void
queries_of_one_call_are_one_transaction(void **state)
{
	struct part txid = plain("txid", "SELECT pg_current_xact_id()");
	struct db_call *both = call_of(txid, NULL);
	struct db_call *half = call_of(insert(), "1");

	(void)state;
	add(both, txid, NULL);
	send_call(both, LANE_MEMBER);
	add(half, broken(), "1");
	send_call(half, LANE_MEMBER);
	wait_all();
	assert_int_equal(both->state, DB_DONE);
	assert_string_equal(PQgetvalue(both->results[0], 0, 0),
	    PQgetvalue(both->results[1], 0, 0));
	assert_int_equal(half->state, DB_FAILED);
	assert_string_equal(half->sqlstate, "22012");
	assert_int_equal(half->failed_at, 1);
	assert_null(half->results[0]);
	assert_int_equal(ask("SELECT count(*) FROM " SCHEMA ".thing"), 0);
	db_drop(both);
	db_drop(half);
}

static void
an_error_leaves_the_neighbours_unharmed(void **state)
{
	struct db_call *calls[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		const char *id = (const char *[]){ "0", "1", "2", "3", "4" }[i];

		calls[i] = call_of(insert(), id);
		add(calls[i], i % 2 == 1 ? broken() : echo(), id);
		send_call(calls[i], LANE_MEMBER);
	}
	wait_all();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
		    calls[i]->state, i % 2 == 1 ? DB_FAILED : DB_DONE);
		if (i % 2 == 0)
			assert_int_equal(
			    atoi(PQgetvalue(calls[i]->results[1], 0, 0)), i);
		db_drop(calls[i]);
	}
	assert_int_equal(ask("SELECT sum(id) FROM " SCHEMA ".thing"), 6);
}

static void
a_constraint_that_fails_at_commit_is_a_failure(void **state)
{
	struct db_call *call =
	    call_of(with_id("orphan", "INSERT INTO " SCHEMA
	                              ".thing (id, parent) VALUES ($1, 99)"),
	        "1");
	struct db_call *next = call_of(echo(), "7");

	(void)state;
	send_call(call, LANE_MEMBER);
	send_call(next, LANE_MEMBER);
	wait_all();
	assert_int_equal(call->state, DB_FAILED);
	assert_string_equal(call->sqlstate, "23503");
	assert_string_equal(call->constraint, "thing_parent");
	assert_int_equal(call->failed_at, call->n);
	assert_int_equal(next->state, DB_DONE);
	db_drop(call);
	db_drop(next);
}

static void
a_terminated_link_loses_its_calls_and_comes_back(void **state)
{
	struct db_call *slow =
	    call_of(plain("slow", "SELECT pg_sleep(4)"), NULL);
	struct db_call *behind = call_of(echo(), "1");

	(void)state;
	send_call(slow, LANE_MEMBER);
	send_call(behind, LANE_MEMBER);
	stub_run(never, 100);
	run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	        " WHERE application_name LIKE 'gusp-%'");
	wait_all();
	assert_int_equal(slow->state, DB_LOST);
	assert_int_equal(behind->state, DB_LOST);
	assert_int_equal(db_in_flight(), 0);
	db_drop(slow);
	db_drop(behind);
	assert_true(stub_run(member_ready, 5000));
	assert_int_equal(try(echo(), "1"), DB_DONE);
}

static void
a_dropped_call_still_has_its_effect(void **state)
{
	struct db_call *dropped = call_of(insert(), "1");
	struct db_call *unsent = call_of(insert(), "2");
	int before;

	(void)state;
	db_drop(unsent);
	db_drop(NULL);
	assert_int_equal(try(echo(), "1"), DB_DONE);
	before = woken;
	assert_true(db_send(dropped, LANE_MEMBER));
	db_drop(dropped);
	stub_run(never, 200);
	assert_int_equal(woken, before);
	assert_int_equal(db_in_flight(), 0);
	assert_int_equal(ask("SELECT count(*) FROM " SCHEMA ".thing"), 1);
}

static void
a_thousand_calls_are_all_answered(void **state)
{
	static struct db_call *calls[1000];
	char id[24];

	(void)state;
	db_close();
	open_links(4);
	stub_run(never, 300);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		calls[i] = call_of(i % 10 == 3 ? broken() : echo(), id);
		send_call(calls[i], LANE_MEMBER);
	}
	wait_all();
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(
		    calls[i]->state, i % 10 == 3 ? DB_FAILED : DB_DONE);
		if (calls[i]->state == DB_DONE)
			assert_int_equal(
			    atoi(PQgetvalue(calls[i]->results[0], 0, 0)), i);
		db_drop(calls[i]);
	}
}

static void
a_full_link_refuses_and_the_call_stays_the_callers(void **state)
{
	struct db_call *calls[257];

	(void)state;
	for (int i = 0; i < 256; i++) {
		calls[i] = call_of(echo(), "1");
		send_call(calls[i], LANE_MEMBER);
	}
	assert_int_equal(db_in_flight(), 256);
	assert_false(db_ready(LANE_MEMBER));
	calls[256] = call_of(echo(), "1");
	assert_false(db_send(calls[256], LANE_MEMBER));
	wait_all();
	send_call(calls[256], LANE_MEMBER);
	wait_all();
	for (int i = 0; i < 257; i++) {
		assert_int_equal(calls[i]->state, DB_DONE);
		db_drop(calls[i]);
	}
}

static void
a_prepare_that_fails_is_its_calls_failure_and_is_tried_again(void **state)
{
	struct part late = plain("late", "SELECT 1 FROM " SCHEMA ".late");
	struct db_call *first = call_of(echo(), "1");
	struct db_call *counted_on_it = call_of(late, NULL);
	struct db_call *neighbour = call_of(echo(), "2");

	(void)state;
	add(first, late, NULL);
	send_call(first, LANE_MEMBER);
	send_call(counted_on_it, LANE_MEMBER);
	send_call(neighbour, LANE_MEMBER);
	wait_all();
	assert_int_equal(first->state, DB_FAILED);
	assert_string_equal(first->sqlstate, "42P01");
	assert_int_equal(first->failed_at, 1);
	assert_int_equal(counted_on_it->state, DB_LOST);
	assert_int_equal(neighbour->state, DB_DONE);
	db_drop(first);
	db_drop(counted_on_it);
	db_drop(neighbour);
	assert_int_equal(try(late, NULL), DB_FAILED);
	run_sql("CREATE TABLE " SCHEMA ".late (id int)");
	assert_int_equal(try(late, NULL), DB_DONE);
	run_sql("DROP TABLE " SCHEMA ".late");
}

static void
what_an_aborted_call_prepared_is_there_for_the_next(void **state)
{
	struct part fresh = with_id("fresh", "SELECT $1 + 1");
	struct db_call *aborted = call_of(broken(), "1");
	struct db_call *next = call_of(fresh, "1");

	(void)state;
	add(aborted, fresh, "1");
	send_call(aborted, LANE_MEMBER);
	send_call(next, LANE_MEMBER);
	wait_all();
	assert_int_equal(aborted->state, DB_FAILED);
	assert_int_equal(aborted->failed_at, 0);
	assert_int_equal(next->state, DB_DONE);
	assert_string_equal(PQgetvalue(next->results[0], 0, 0), "2");
	db_drop(aborted);
	db_drop(next);
}

static void
a_plan_of_an_old_shape_is_lost_once(void **state)
{
	struct part all = plain("all", "SELECT * FROM " SCHEMA ".shape");
	struct db_call *one, *two;

	(void)state;
	run_sql("CREATE TABLE " SCHEMA ".shape (a int)");
	assert_int_equal(try(all, NULL), DB_DONE);
	run_sql("ALTER TABLE " SCHEMA ".shape ADD COLUMN b int");
	one = call_of(all, NULL);
	two = call_of(all, NULL);
	send_call(one, LANE_MEMBER);
	send_call(two, LANE_MEMBER);
	wait_all();
	assert_int_equal(one->state, DB_LOST);
	assert_int_equal(two->state, DB_LOST);
	assert_string_equal(one->sqlstate, "0A000");
	db_drop(one);
	db_drop(two);
	assert_int_equal(try(all, NULL), DB_DONE);
	run_sql("DROP TABLE " SCHEMA ".shape");
}

static void
statements_that_vanish_are_prepared_again(void **state)
{
	(void)state;
	assert_int_equal(try(echo(), "1"), DB_DONE);
	assert_int_equal(try(plain("vanish", "DEALLOCATE ALL"), NULL), DB_DONE);
	assert_int_equal(try(echo(), "1"), DB_LOST);
	assert_int_equal(try(echo(), "1"), DB_DONE);
}

static void
any_number_of_statements_can_be_prepared(void **state)
{
	static struct db_call *calls[1500];
	static char names[1500][24];

	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(names[i], sizeof(names[i]), "many_%d", i);
		calls[i] = call_of(with_id(names[i], "SELECT $1"), "5");
		if (!db_ready(LANE_MEMBER))
			wait_all();
		send_call(calls[i], LANE_MEMBER);
	}
	wait_all();
	for (int i = 0; i < 1500; i++) {
		assert_int_equal(calls[i]->state, DB_DONE);
		db_drop(calls[i]);
	}
	assert_int_equal(try(echo(), "1"), DB_DONE);
}

static void
a_warning_makes_the_outcome_of_its_call_unknown(void **state)
{
	struct db_call *before = call_of(echo(), "1");
	struct db_call *warned = call_of(insert(), "1");
	struct db_call *after = call_of(echo(), "1");

	(void)state;
	add(warned,
	    plain("warn", "DO $$ BEGIN RAISE WARNING 'perhaps'; END $$"), NULL);
	send_call(before, LANE_MEMBER);
	send_call(warned, LANE_MEMBER);
	send_call(after, LANE_MEMBER);
	wait_all();
	assert_int_equal(before->state, DB_DONE);
	assert_int_equal(warned->state, DB_UNKNOWN);
	assert_int_equal(after->state, DB_DONE);
	db_drop(before);
	db_drop(warned);
	db_drop(after);
}

/* A deferred trigger runs where the wait for a standby would warn: after the
 * last result of the call, before its Sync. */
static void
a_warning_at_the_commit_belongs_to_its_call(void **state)
{
	struct db_call *calls[3];

	(void)state;
	run_sql("CREATE FUNCTION " SCHEMA ".warn() RETURNS trigger LANGUAGE "
	        "plpgsql AS $$ BEGIN RAISE WARNING 'late'; RETURN NULL; END "
	        "$$");
	run_sql("CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON " SCHEMA
	        ".thing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN "
	        "(NEW.id = 2) EXECUTE FUNCTION " SCHEMA ".warn()");
	for (int i = 0; i < 3; i++) {
		calls[i] =
		    call_of(insert(), (const char *[]){ "1", "2", "3" }[i]);
		send_call(calls[i], LANE_MEMBER);
	}
	wait_all();
	assert_int_equal(calls[0]->state, DB_DONE);
	assert_int_equal(calls[1]->state, DB_UNKNOWN);
	assert_int_equal(calls[2]->state, DB_DONE);
	for (int i = 0; i < 3; i++)
		db_drop(calls[i]);
	run_sql("DROP TRIGGER warn ON " SCHEMA ".thing");
}

static void
a_server_that_only_reads_is_left(void **state)
{
	struct db_call *call =
	    call_of(plain("read_only", "SET LOCAL transaction_read_only = "
	                               "on"),
	        NULL);

	(void)state;
	add(call, insert(), "1");
	send_call(call, LANE_MEMBER);
	wait_all();
	assert_int_equal(call->state, DB_LOST);
	assert_string_equal(call->sqlstate, "25006");
	assert_false(db_ready(LANE_MEMBER));
	db_drop(call);
	assert_true(stub_run(member_ready, 5000));
	assert_int_equal(try(insert(), "1"), DB_DONE);
}

static void
a_statement_that_takes_too_long_is_a_failure(void **state)
{
	struct db_call *call = call_of(
	    plain("brief", "SELECT set_config('statement_timeout', '50',"
	                   " true)"),
	    NULL);

	(void)state;
	add(call, plain("sleep", "SELECT pg_sleep(2)"), NULL);
	send_call(call, LANE_MEMBER);
	wait_all();
	assert_int_equal(call->state, DB_FAILED);
	assert_string_equal(call->sqlstate, "57014");
	db_drop(call);
	assert_true(db_ready(LANE_MEMBER));
}

static void
opens_with_its_first_call(enum lane lane, const char *role)
{
	struct db_call *first =
	    call_of(plain("who", "SELECT current_user"), NULL);
	struct db_call *second = call_of(echo(), "12");

	assert_false(db_ready(lane));
	send_call(first, lane);
	send_call(second, lane);
	wait_all();
	assert_int_equal(first->state, DB_DONE);
	assert_string_equal(PQgetvalue(first->results[0], 0, 0), role);
	assert_int_equal(second->state, DB_DONE);
	assert_string_equal(PQgetvalue(second->results[0], 0, 0), "12");
	assert_true(db_ready(lane));
	db_drop(first);
	db_drop(second);
}

static void
the_lanes_on_demand_open_with_their_first_call(void **state)
{
	(void)state;
	opens_with_its_first_call(LANE_ADMIN, "gusp_admin");
	opens_with_its_first_call(LANE_PRIVACY, "gusp_privacy");
}

static void
keys_are_announced_on_connect_and_by_notify(void **state)
{
	(void)state;
	db_close();
	keys_seen = 0;
	db_on_keys(on_keys);
	open_links(1);
	keys_wanted = 1;
	assert_true(stub_run(keys_came, 5000));
	assert_int_equal(keys_seen, 1);
	keys_wanted = 2;
	run_sql("NOTIFY gusp_key");
	assert_true(stub_run(keys_came, 2000));
	keys_wanted = 3;
	run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	        " WHERE application_name = 'gusp-auth'");
	assert_true(stub_run(keys_came, 5000));
	keys_wanted = 4;
	run_sql("NOTIFY gusp_key");
	assert_true(stub_run(keys_came, 2000));
	assert_int_equal(keys_seen, 4);
	db_on_keys(NULL);
}

static void
large_values_pass_both_ways(void **state)
{
	enum {
		LEN = 3000000
	};
	struct part part = { .name = "large",
		.sql = "SELECT $1 AS body, length($1)",
		.names = { "body" },
		.types = { 25 },
		.n = 1 };
	struct args args = { .n = 1 };
	struct db_call *calls[3];
	char *text = malloc(LEN + 1);

	(void)state;
	memset(text, 'x', LEN);
	text[LEN] = '\0';
	args.at[0] = (struct arg){ "body", text, true, 0 };
	for (int i = 0; i < 3; i++) {
		calls[i] = db_call(wake, NULL);
		db_add(calls[i], &part, &args);
		send_call(calls[i], LANE_MEMBER);
	}
	free(text);
	wait_all();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(calls[i]->state, DB_DONE);
		assert_int_equal(PQgetlength(calls[i]->results[0], 0, 0), LEN);
		db_drop(calls[i]);
	}
}

/* A value that is bytes, in a query among others, and back. */
static void
bytes_go_and_come_as_they_are(void **state)
{
	enum {
		LEN = 1024 * 1024
	};
	struct part part = { .name = "bytes",
		.sql = "SELECT $2 AS bytes WHERE octet_length($2) = $1",
		.names = { "len", "bytes" },
		.types = { 20, 17 },
		.n = 2 };
	unsigned char *bytes = malloc(LEN);
	struct db_call *call = call_of(echo(), "1");
	struct args args = { 0 };

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (unsigned char)(i * 7 >> 3);
	args_set(&args, "len", "1048576");
	args_set_bytes(&args, "bytes", bytes, LEN);
	for (int i = 0; i < 10; i++) {
		db_add(call, &part, &args);
		if (i % 2 == 0)
			db_want_bytes(call);
	}
	add(call, echo(), "2");
	send_call(call, LANE_MEMBER);
	wait_all();
	assert_int_equal(call->state, DB_DONE);
	for (int i = 1; i <= 10; i++)
		assert_int_equal(PQgetlength(call->results[i], 0, 0),
		    i % 2 == 1 ? LEN : 2 + 2 * LEN);
	assert_memory_equal(PQgetvalue(call->results[9], 0, 0), bytes, LEN);
	assert_string_equal(PQgetvalue(call->results[11], 0, 0), "2");
	db_drop(call);
	free(bytes);
}

static struct db_call *chained;

static void
wake_and_send(void *arg)
{
	(void)arg;
	woken++;
	chained = call_of(echo(), "9");
	send_call(chained, LANE_MEMBER);
}

static void
who_is_woken_may_send_again(void **state)
{
	struct db_call *call = db_call(wake_and_send, NULL);

	(void)state;
	add(call, echo(), "8");
	send_call(call, LANE_MEMBER);
	wait_all();
	assert_int_equal(wanted, 2);
	assert_int_equal(chained->state, DB_DONE);
	db_drop(call);
	db_drop(chained);
}

static void
closing_loses_what_is_in_flight(void **state)
{
	struct db_call *call = call_of(echo(), "1");
	struct db_call *dropped = call_of(echo(), "1");

	(void)state;
	send_call(call, LANE_MEMBER);
	assert_true(db_send(dropped, LANE_MEMBER));
	db_drop(dropped);
	db_close();
	assert_int_equal(woken, wanted);
	assert_int_equal(call->state, DB_LOST);
	db_drop(call);
	assert_false(db_ready(LANE_MEMBER));
	open_links(1);
}

static void
a_call_older_than_seven_seconds_is_given_up(void **state)
{
	struct db_call *call = call_of(
	    plain("patient", "SELECT set_config('statement_timeout', '0',"
	                     " true)"),
	    NULL);
	u_int64_t begun = kore_time_ms();

	(void)state;
	add(call, plain("sleep", "SELECT pg_sleep(20)"), NULL);
	send_call(call, LANE_MEMBER);
	wait_all();
	assert_int_equal(call->state, DB_LOST);
	assert_in_range(kore_time_ms() - begun, 7000, 8000);
	db_drop(call);
	run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	        " WHERE query LIKE '%pg_sleep(20)%'"
	        " AND pid <> pg_backend_pid()");
	assert_true(stub_run(member_ready, 5000));
}

#define DB_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(queries_of_one_call_are_one_transaction),
		DB_TEST(an_error_leaves_the_neighbours_unharmed),
		DB_TEST(a_constraint_that_fails_at_commit_is_a_failure),
		DB_TEST(a_terminated_link_loses_its_calls_and_comes_back),
		DB_TEST(a_dropped_call_still_has_its_effect),
		DB_TEST(a_thousand_calls_are_all_answered),
		DB_TEST(a_full_link_refuses_and_the_call_stays_the_callers),
		DB_TEST(
		    a_prepare_that_fails_is_its_calls_failure_and_is_tried_again),
		DB_TEST(what_an_aborted_call_prepared_is_there_for_the_next),
		DB_TEST(a_plan_of_an_old_shape_is_lost_once),
		DB_TEST(statements_that_vanish_are_prepared_again),
		DB_TEST(any_number_of_statements_can_be_prepared),
		DB_TEST(a_warning_makes_the_outcome_of_its_call_unknown),
		DB_TEST(a_warning_at_the_commit_belongs_to_its_call),
		DB_TEST(a_server_that_only_reads_is_left),
		DB_TEST(a_statement_that_takes_too_long_is_a_failure),
		DB_TEST(the_lanes_on_demand_open_with_their_first_call),
		DB_TEST(keys_are_announced_on_connect_and_by_notify),
		DB_TEST(large_values_pass_both_ways),
		DB_TEST(bytes_go_and_come_as_they_are),
		DB_TEST(who_is_woken_may_send_again),
		DB_TEST(closing_loses_what_is_in_flight),
		DB_TEST(a_call_older_than_seven_seconds_is_given_up),
	};

	return cmocka_run_group_tests(
	    tests, set_up_database, tear_down_database);
}
