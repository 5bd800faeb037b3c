/* Statement texts, read and bound to a contract made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "statement.h"

#define UUID        2950
#define TEXT        25
#define BIGINT      20
#define BIGINTS     1016
#define JSONB       3802
#define TIMESTAMPTZ 1184

static struct parameter list_parameters[] = {
	{ .name = "limit", .in = IN_QUERY, .pg_type = "bigint" },
	{ .name = "cursor", .in = IN_QUERY, .pg_type = "text" },
	{ .name = "sort", .in = IN_QUERY, .pg_type = "text" },
	{ .name = "quartier_id", .in = IN_QUERY, .pg_type = "uuid" },
	{ .name = "status", .in = IN_QUERY, .pg_type = "text" },
};
static struct parameter id_parameter[] = {
	{ .name = "id", .in = IN_PATH, .pg_type = "uuid", .required = true },
};
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static struct sort sorts[] = {
	{ "name", { "text", "uuid" }, 2 },
	{ "-updated_at", { "timestamptz", "uuid" }, 2 },
};

enum {
	LIST,
	READ,
	CREATE,
	UPDATE,
	UPLOAD,
	DOWNLOAD,
	MAP,
	N_OPERATIONS
};

static struct operation operations[N_OPERATIONS] = {
	[LIST] = { .id = "site_list",
	    .parameters = list_parameters,
	    .n_parameters = 5,
	    .paged = true,
	    .sorts = sorts,
	    .n_sorts = 2,
	    .success = 200 },
	[READ] = { .id = "site_read",
	    .parameters = id_parameter,
	    .n_parameters = 1,
	    .success = 200 },
	[CREATE] = { .id = "site_create",
	    .body_kind = BODY_JSON,
	    .idempotent = true,
	    .success = 201 },
	[UPDATE] = { .id = "site_update",
	    .parameters = id_parameter,
	    .n_parameters = 1,
	    .body_kind = BODY_MERGE_PATCH,
	    .if_match = true,
	    .success = 200 },
	[UPLOAD] = { .id = "photo_create",
	    .body_kind = BODY_UPLOAD,
	    .idempotent = true,
	    .success = 201 },
	[DOWNLOAD] = { .id = "photo_content",
	    .parameters = id_parameter,
	    .n_parameters = 1,
	    .download = true,
	    .success = 200 },
	[MAP] = { .id = "site_map",
	    .parameters = list_parameters,
	    .n_parameters = 5,
	    .paged = true,
	    .sorts = sorts,
	    .n_sorts = 2,
	    .map = NULL, /* "site_list" in its own test */
	    .success = 200 },
};

static char why[300];

static const char list_text[] =
    "-- site_list\n"
    "SELECT r.body, jsonb_build_array(r.name, r.id) AS key\n"
    "FROM site_read AS r\n"
    "WHERE true\n"
    "  --? cursor sort:name\n"
    "  AND (r.name, r.id) > (:after_1, :after_2)\n"
    "  --? cursor sort:-updated_at\n"
    "  AND (r.updated_at, r.id) < (:after_1, :after_2)\n"
    "  --? quartier_id\n"
    "  AND r.quartier_id = :quartier_id\n"
    "  --? status:open\n"
    "  AND r.closed_at IS NULL\n"
    "  --? sort:name\n"
    "ORDER BY r.name, r.id\n"
    "  --? sort:-updated_at\n"
    "ORDER BY r.updated_at DESC, r.id DESC\n"
    "  --?\n"
    "LIMIT :limit;\n";

static bool
load_texts(const char *one, const char *two)
{
	static struct statement_text texts[2];

	contract.operations = operations;
	contract.n_operations = N_OPERATIONS;
	texts[0] = (struct statement_text){ "site.sql", one };
	texts[1] = (struct statement_text){ "engine.sql", two };
	why[0] = '\0';
	return statements_load_from(
	    texts, two != NULL ? 2 : 1, why, sizeof(why));
}

static void
loads(const char *text)
{
	if (!load_texts(text, NULL))
		fail_msg("%s", why);
}

static void
is_refused(const char *text, const char *reason)
{
	assert_false(load_texts(text, NULL));
	if (strstr(why, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, reason);
}

static const struct variant *
variant_of(int operation, const struct args *args)
{
	return statement_variant(operations[operation].statement, args);
}

static void
turn_on(struct args *args, const char *flag)
{
	args->at[args->n++] = (struct arg){ flag, NULL, true, 0 };
}

/* The first part of site_read without flags. */
static const struct part *
read_part(const char *text)
{
	static const struct args none;

	loads(text);
	return &variant_of(READ, &none)->parts[0];
}

static void
a_name_becomes_a_number_and_the_same_name_the_same_number(void **state)
{
	const struct part *p =
	    read_part("-- site_read\n"
	              "SELECT :id AS body WHERE :id = :id;\n");

	(void)state;
	assert_string_equal(p->sql, "SELECT $1 AS body WHERE $1 = $1");
	assert_int_equal(p->n, 1);
	assert_string_equal(p->names[0], "id");
	assert_int_equal(p->types[0], UUID);
	assert_string_equal(p->name, "site_read.0.0");
}

static void
a_cast_is_not_a_name(void **state)
{
	const struct part *p = read_part("-- site_read\n"
	                                 "SELECT body::text, :id::uuid, "
	                                 "a[1:2], f(a := 1);\n");

	(void)state;
	assert_string_equal(
	    p->sql, "SELECT body::text, $1::uuid, a[1:2], f(a := 1)");
}

static void
what_is_quoted_is_left_alone(void **state)
{
	const struct part *p = read_part(
	    "-- site_read\n"
	    "SELECT ':no '' :no;', E'\\' :no', \":no\"\";\", $$ :no ; $$,\n"
	    "  $t$ :no $$ ; $t$, e'a\\\\', body, :id;\n");

	(void)state;
	assert_string_equal(p->sql,
	    "SELECT ':no '' :no;', E'\\' :no', \":no\"\";\", $$ :no ; $$,\n"
	    "  $t$ :no $$ ; $t$, e'a\\\\', body, $1");
	assert_int_equal(p->n, 1);
}

static void
a_backslash_does_not_escape_in_a_plain_string(void **state)
{
	const struct part *p = read_part("-- site_read\n"
	                                 "SELECT '\\', body, :id, '\\';\n");

	(void)state;
	assert_string_equal(p->sql, "SELECT '\\', body, $1, '\\'");
}

static void
comments_are_gone(void **state)
{
	const struct part *p = read_part("-- All about sites: it's fine.\n"
	                                 "\n"
	                                 "-- site_read\n"
	                                 "-- $1 id: don't; :mind\n"
	                                 "SELECT/* :a /* ; */ ' */body -- :b;\n"
	                                 "WHERE :id IS NULL; -- the end\n"
	                                 "-- more words\n");

	(void)state;
	assert_string_equal(p->sql, "SELECT body \nWHERE $1 IS NULL");
}

static void
parts_are_ended_by_a_semicolon_and_numbered_apart(void **state)
{
	static const struct args none;
	const struct variant *v;

	(void)state;
	loads("-- site_update\n"
	      "WITH c AS (UPDATE site SET b = :body WHERE id = :id\n"
	      "  AND (:versions::bigint[] IS NULL\n"
	      "       OR version = ANY (:versions)) RETURNING 1)\n"
	      "SELECT count(*) AS touched FROM c;\n"
	      "SELECT body, version AS etag FROM site_read WHERE id = :id;\n");
	v = variant_of(UPDATE, &none);
	assert_int_equal(v->n_parts, 2);
	assert_int_equal(v->parts[0].n, 3);
	assert_string_equal(v->parts[0].names[0], "body");
	assert_int_equal(v->parts[0].types[0], JSONB);
	assert_string_equal(v->parts[0].names[2], "versions");
	assert_int_equal(v->parts[0].types[2], BIGINTS);
	assert_string_equal(v->parts[1].sql,
	    "SELECT body, version AS etag FROM site_read WHERE id = $1");
	assert_string_equal(v->parts[1].name, "site_update.1.0");
	assert_int_equal(v->parts[1].n, 1);
}

static void
a_part_of_which_nothing_is_left_is_not_sent(void **state)
{
	struct args args = { .sort = &sorts[0] };
	const struct variant *v;

	(void)state;
	loads("-- site_list\n"
	      "--? quartier_id\nSELECT look(:quartier_id)\n--?\n;\n"
	      "SELECT body, key FROM f(:limit)\n"
	      "--? cursor\nWHERE (n, id) > (:after_1, :after_2)\n--?\n"
	      "--? status:open\nAND :quartier_id IS NULL\n--?\n;\n");
	v = variant_of(LIST, &args);
	assert_int_equal(v->n_parts, 1);
	assert_string_equal(v->parts[0].sql, "SELECT body, key FROM f($1)");
	assert_string_equal(v->parts[0].name, "site_list.1.0");
	turn_on(&args, "quartier_id");
	v = variant_of(LIST, &args);
	assert_int_equal(v->n_parts, 2);
	assert_string_equal(v->parts[0].sql, "SELECT look($1)");
	assert_string_equal(v->parts[1].name, "site_list.1.0");
}

static void
a_fragment_is_there_when_all_its_flags_are_on(void **state)
{
	struct args args = { .sort = &sorts[0] };
	const struct variant *v;

	(void)state;
	loads(list_text);
	turn_on(&args, "sort:name");
	v = variant_of(LIST, &args);
	assert_null(strstr(v->parts[0].sql, "$2"));
	assert_non_null(strstr(v->parts[0].sql, "ORDER BY r.name, r.id"));
	assert_null(strstr(v->parts[0].sql, "DESC"));
	assert_string_equal(v->parts[0].names[0], "limit");
	assert_int_equal(v->parts[0].types[0], BIGINT);

	turn_on(&args, "cursor");
	turn_on(&args, "status:open");
	args.at[args.n++] = (struct arg){ "quartier_id", NULL, false, 0 };
	v = variant_of(LIST, &args);
	assert_non_null(strstr(v->parts[0].sql, "(r.name, r.id) > ($1, $2)"));
	assert_non_null(strstr(v->parts[0].sql, "closed_at"));
	assert_null(strstr(v->parts[0].sql, "quartier_id"));
	assert_int_equal(v->parts[0].types[0], TEXT);
	assert_int_equal(v->parts[0].types[1], UUID);
}

static void
a_key_has_the_types_of_its_sort(void **state)
{
	struct args args = { .sort = &sorts[1] };
	const struct variant *v;

	(void)state;
	loads(list_text);
	turn_on(&args, "sort:-updated_at");
	turn_on(&args, "cursor");
	v = variant_of(LIST, &args);
	assert_int_equal(v->parts[0].types[0], TIMESTAMPTZ);
	assert_non_null(strstr(v->parts[0].sql, "< ($1, $2)"));
}

static void
a_map_is_its_list_with_features_for_records(void **state)
{
	struct args args = { .sort = &sorts[0] };
	const struct part *list, *map;

	(void)state;
	operations[MAP].map = "site_list";
	loads(list_text);
	turn_on(&args, "sort:name");
	turn_on(&args, "cursor");
	list = &variant_of(LIST, &args)->parts[0];
	map = &variant_of(MAP, &args)->parts[0];
	assert_non_null(strstr(map->sql, list->sql));
	assert_ptr_equal(
	    strstr(map->sql, "SELECT feature(r.body::jsonb)"), map->sql);
	assert_string_equal(map->sql + strlen(map->sql) - 6, ") AS r");
	assert_memory_equal(map->names, list->names, sizeof(map->names));
	assert_true(strncmp(map->name, "site_map.0.", 11) == 0);
	operations[MAP].map = NULL;
}

static void
a_map_of_what_is_no_list_stops_the_start(void **state)
{
	static const char *const wrong[] = { "site_read", "site_map",
		"nothing" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		operations[MAP].map = wrong[i];
		is_refused(list_text, "is no list");
	}
	operations[MAP].map = NULL;
}

static void
a_variant_is_made_once(void **state)
{
	struct args args = { .sort = &sorts[0] };
	const struct variant *v;

	(void)state;
	loads(list_text);
	v = variant_of(LIST, &args);
	assert_ptr_equal(variant_of(LIST, &args), v);
	turn_on(&args, "sort:name");
	assert_ptr_not_equal(variant_of(LIST, &args), v);
	assert_true(variant_of(LIST, &args)->serial != v->serial);
}

/* Nine fragments: 512 variants, of which the cache holds 256. */
static void
any_combination_of_fragments_may_be_asked(void **state)
{
	static const char *const names[] = { "f0", "f1", "f2", "f3", "f4", "f5",
		"f6", "f7", "f8" };
	static const char text[] = "-- @many\nSELECT 1\n"
	                           "--? f0\n+ 0\n--? f1\n+ 1\n--? f2\n+ 2\n"
	                           "--? f3\n+ 3\n--? f4\n+ 4\n--? f5\n+ 5\n"
	                           "--? f6\n+ 6\n--? f7\n+ 7\n--? f8\n+ 8\n"
	                           "--?\n;\n";

	(void)state;
	loads(text);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned set = 0; set < 512; set++) {
			struct args args = { .n = 0 };
			const struct variant *v;
			char name[40];

			for (unsigned i = 0; i < 9; i++)
				if ((set & 1u << i) != 0)
					turn_on(&args, names[i]);
			v = statement_variant(statement_named("many"), &args);
			snprintf(name, sizeof(name), "many.0.%x", set);
			assert_string_equal(v->parts[0].name, name);
		}
}

static void
the_engines_statements_are_typed_by_their_casts(void **state)
{
	static const struct args none;
	const struct variant *v;

	(void)state;
	assert_true(load_texts(list_text,
	    "-- @enter\n"
	    "SELECT enter(:client::uuid, :scopes::text[], :client);\n"));
	assert_null(statement_named("site_list"));
	v = statement_variant(statement_named("@enter"), &none);
	assert_string_equal(
	    v->parts[0].sql, "SELECT enter($1::uuid, $2::text[], $1)");
	assert_int_equal(v->parts[0].types[0], UUID);
	assert_int_equal(v->parts[0].types[1], 1009);
	assert_string_equal(v->parts[0].name, "enter.0.0");
	is_refused("-- @enter\nSELECT enter(:client);\n", "no type is cast on");
	is_refused("-- @a\nSELECT 1;\n-- @a\nSELECT 1;\n", "twice");
}

static void
the_answer_of_an_idempotent_operation_is_kept(void **state)
{
	static const struct args none;
	const char *sql;

	(void)state;
	loads("-- site_create\n"
	      "SELECT body, etag, location FROM make(:body) -- a site\n;\n");
	sql = variant_of(CREATE, &none)->parts[0].sql;
	assert_ptr_equal(strstr(sql, "WITH answer AS (\nSELECT body,"), sql);
	assert_non_null(strstr(sql, "make($1)\n), kept AS (\nINSERT INTO "
	                            "idempotency"));
	assert_non_null(strstr(sql, "idempotency_fingerprint(), 201, "));
	assert_non_null(
	    strstr(sql, "SELECT a.body, a.etag, a.location FROM answer AS a"));
}

static void
the_body_of_a_private_answer_is_not_kept(void **state)
{
	static const struct args none;
	const char *sql;

	(void)state;
	operations[CREATE].private = true;
	loads("-- site_create\n"
	      "SELECT body, etag, location FROM make(:body);\n");
	sql = variant_of(CREATE, &none)->parts[0].sql;
	operations[CREATE].private = false;
	assert_non_null(
	    strstr(sql, "idempotency_fingerprint(), 201, NULL, a.etag::text,"
	                " a.location::text\n"));
}

static void
a_with_list_stays_at_the_top_when_the_answer_is_kept(void **state)
{
	static const struct args none;
	const char *sql;

	(void)state;
	loads("-- site_create\n"
	      "WITH made AS (INSERT INTO site SELECT :body RETURNING id)\n"
	      "SELECT body, etag, location FROM made;\n");
	sql = variant_of(CREATE, &none)->parts[0].sql;
	assert_ptr_equal(strstr(sql, "WITH made AS (INSERT"), sql);
	assert_non_null(
	    strstr(sql, "RETURNING id)\n, answer AS (\nSELECT body"));
}

static void
what_is_kept_must_be_an_answer(void **state)
{
	(void)state;
	is_refused("-- site_create\nSELECT body, etag FROM f(:body);\n",
	    "does not answer location");
	is_refused("-- site_create\nSELECT 1 AS touched;\n"
	           "SELECT body, etag, location FROM f(:body);\n",
	    "must raise, not count");
}

static void
names_and_flags_must_be_known(void **state)
{
	(void)state;
	is_refused("-- site_read\nSELECT body FROM s WHERE id = :idd;\n",
	    "the operation has no idd");
	is_refused("-- site_read\nSELECT body, :id, :body;\n",
	    "the operation has no body");
	is_refused("-- site_read\nSELECT body, :id\n--? stauts\n, 1\n--?\n;\n",
	    "nothing can turn on stauts");
	is_refused("-- site_read\nSELECT body, :id\n--? cursor\n, 1\n--?\n;\n",
	    "nothing can turn on cursor");
	is_refused("-- sit_read\nSELECT 1;\n", "no such operation");
	is_refused("-- site_read\nSELECT body, :id;\n"
	           "-- site_read\nSELECT body, :id;\n",
	    "twice");
}

static void
an_upload_tells_its_statement_what_it_is(void **state)
{
	struct args args = { .n = 0 };
	const struct variant *v;

	(void)state;
	loads("-- photo_create\n"
	      "INSERT INTO photo VALUES (:media_type, :size, :sha256);\n"
	      "SELECT body, etag, location FROM photo_read;\n");
	v = variant_of(UPLOAD, &args);
	assert_int_equal(v->n_parts, 2);
	assert_int_equal(v->parts[0].types[0], TEXT);
	assert_int_equal(v->parts[0].types[1], BIGINT);
	assert_int_equal(v->parts[0].types[2], TEXT);
	is_refused("-- photo_create\n"
	           "INSERT INTO photo VALUES (:media_type, :size);\n"
	           "SELECT body, etag, location FROM photo_read;\n",
	    "never uses sha256");
	is_refused(
	    "-- photo_create\n"
	    "SELECT body, etag, location, :media_type, :size, :sha256;\n",
	    "an upload has a part that answers");
	is_refused("-- photo_create\n"
	           "SELECT :media_type, :size, :sha256, :body;\n"
	           "SELECT body, etag, location;\n",
	    "the operation has no body");
	is_refused("-- photo_content\nSELECT 1;\nSELECT body, :id;\n",
	    "a download has one part");
}

static void
what_the_contract_promises_must_be_used(void **state)
{
	(void)state;
	is_refused("-- site_read\nSELECT body FROM s;\n", "never uses id");
	is_refused("-- site_update\nSELECT body, :id, :body;\n",
	    "never uses versions");
	is_refused("-- site_update\nSELECT body, :id, :versions;\n",
	    "never uses body");
	is_refused("-- site_read\nSELECT bodi, :id;\n", "does not answer body");
	is_refused("-- site_list\nSELECT body, key, :quartier_id, :status\n"
	           "LIMIT :limit;\n",
	    "a sort never uses after_1");
	is_refused("-- site_list\nSELECT body, :quartier_id, :status,"
	           " :after_1, :after_2\nLIMIT :limit;\n",
	    "does not answer key");
	is_refused("-- site_list\nSELECT body, key, :quartier_id, :status,"
	           " :after_1, :after_2, :after_3\nLIMIT :limit;\n",
	    ":after_3 has no type");
}

static void
a_malformed_text_is_refused_with_its_line(void **state)
{
	(void)state;
	is_refused("SELECT 1;\n", "site.sql:1: SQL before the first");
	is_refused("-- site_read\nSELECT body, :id\n", "does not end with ;");
	is_refused("-- site_read\n-- site_list\n", "the statement is empty");
	is_refused("-- site_read\nSELECT '\nx\n", "site.sql:2: a quote");
	is_refused("-- site_read\nSELECT $x$ $y$;\n", "a quote");
	is_refused("-- site_read\nSELECT 1 /* /* */;\n", "a quote");
	is_refused("-- site_read\nSELECT $1;\n", "named, not numbered");
	is_refused("-- site_read\nSELECT '\n' = $1;\n", "site.sql:3: param");
	is_refused(
	    "-- site_read\nSELECT 1; SELECT 2;\n", "at the end of its line");
	is_refused("-- site_read\n;\n", "the part is empty");
	is_refused("-- site_read\nSELECT (1;\n", "parentheses");
	is_refused("-- site_read\nSELECT 1\n--? id\n;\n--?\n",
	    "ends inside a fragment");
	is_refused("-- site_read\nSELECT 1;\n--? id\n", "not closed by --?");
	is_refused("-- site_read\nSELECT 1;\nSELECT 2;\nSELECT 3;\n"
	           "SELECT 4;\nSELECT 5;\n",
	    "too many parts");
	is_refused("\n", "no statement");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_name_becomes_a_number_and_the_same_name_the_same_number),
		cmocka_unit_test(a_cast_is_not_a_name),
		cmocka_unit_test(what_is_quoted_is_left_alone),
		cmocka_unit_test(a_backslash_does_not_escape_in_a_plain_string),
		cmocka_unit_test(comments_are_gone),
		cmocka_unit_test(
		    parts_are_ended_by_a_semicolon_and_numbered_apart),
		cmocka_unit_test(a_part_of_which_nothing_is_left_is_not_sent),
		cmocka_unit_test(a_fragment_is_there_when_all_its_flags_are_on),
		cmocka_unit_test(a_key_has_the_types_of_its_sort),
		cmocka_unit_test(a_map_is_its_list_with_features_for_records),
		cmocka_unit_test(a_map_of_what_is_no_list_stops_the_start),
		cmocka_unit_test(a_variant_is_made_once),
		cmocka_unit_test(any_combination_of_fragments_may_be_asked),
		cmocka_unit_test(
		    the_engines_statements_are_typed_by_their_casts),
		cmocka_unit_test(the_answer_of_an_idempotent_operation_is_kept),
		cmocka_unit_test(the_body_of_a_private_answer_is_not_kept),
		cmocka_unit_test(
		    a_with_list_stays_at_the_top_when_the_answer_is_kept),
		cmocka_unit_test(what_is_kept_must_be_an_answer),
		cmocka_unit_test(names_and_flags_must_be_known),
		cmocka_unit_test(an_upload_tells_its_statement_what_it_is),
		cmocka_unit_test(what_the_contract_promises_must_be_used),
		cmocka_unit_test(a_malformed_text_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
