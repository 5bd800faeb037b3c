/* Values against schemas, and schemas that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What a request may say of a site: a part of each kind. */
static const char site[] =
    "{'type':'object','additionalProperties':false,"
    "'required':['name','kind'],'properties':{"
    "'name':{'type':'string','minLength':2,'maxLength':5},"
    "'kind':{'type':'string','enum':['residence','square']},"
    "'note':{'type':['string','null'],'maxLength':9},"
    "'code':{'type':'string','maxLength':8,'pattern':'^[A-Z]{2}-[0-9]+$'},"
    "'score':{'type':'integer','minimum':0,'maximum':16},"
    "'ratio':{'type':'number','minimum':0,'maximum':0.5},"
    "'active':{'type':'boolean'},"
    "'due_on':{'type':['string','null'],'format':'date'},"
    "'siret':{'type':'string','format':'siret'},"
    "'level':{'type':['integer','null'],'enum':[1,2,null]},"
    "'tags':{'type':'array','minItems':1,'maxItems':3,'uniqueItems':true,"
    "'items':{'type':'string','maxLength':3}},"
    "'location':{'type':['object','null'],'format':'geojson-point'},"
    "'a/b~c':{'type':'object','additionalProperties':false,'properties':{"
    "'x':{'type':'array','maxItems':9,'items':{'type':'integer'}}}}}}";

struct world {
	struct mem mem;
	json_t *document;
	const struct schema *site;
	struct violations found;
};

/* JSON with ' for ", to be read in C. */
static json_t *
json_of(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	assert_non_null(copy);
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	value = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return value;
}

static int
start(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char why[300] = "";

	assert_non_null(w);
	w->document = json_of(site);
	w->site =
	    schema_compile(w->document, w->document, true, why, sizeof(why));
	if (w->site == NULL)
		fail_msg("%s", why);
	*state = w;
	return 0;
}

static int
stop(void **state)
{
	struct world *w = *state;

	mem_release(&w->mem);
	json_decref(w->document);
	free(w);
	return 0;
}

static bool
passes(struct world *w, const char *text)
{
	json_auto_t *value = json_of(text);

	w->found.n = 0;
	return schema_check(w->site, value, &w->mem, &w->found);
}

static void
a_value_of_every_kind_passes(void **state)
{
	assert_true(passes(*state, "{'name':'abc','kind':'square'}"));
	assert_true(passes(*state,
	    "{'name':'abc','kind':'square','note':null,'code':'AB-12',"
	    "'score':16,'ratio':0.5,'active':false,'due_on':'2024-02-29',"
	    "'siret':'73282932000074','level':null,'tags':['a','b'],"
	    "'location':{'type':'Point','coordinates':[5,43.5]},"
	    "'a/b~c':{'x':[1,2]}}"));
	assert_true(passes(*state,
	    "{'name':'abc','kind':'square','ratio':0,'location':null}"));
}

static void
each_fault_has_its_code_its_pointer_and_its_argument(void **state)
{
	static const struct {
		const char *member, *code, *at, *arg;
	} bad[] = {
		{ "'name':7", "type", "/name", "string" },
		{ "'name':null", "type", "/name", "string" },
		{ "'name':'a'", "minLength", "/name", "2" },
		{ "'name':'abcdef'", "maxLength", "/name", "5" },
		{ "'kind':'house'", "enum", "/kind", "residence, square" },
		{ "'note':7", "type", "/note", "null, string" },
		{ "'code':'xAB-1'", "pattern", "/code", "^[A-Z]{2}-[0-9]+$" },
		{ "'score':1.0", "type", "/score", "integer" },
		{ "'score':1e2", "type", "/score", "integer" },
		{ "'score':'1'", "type", "/score", "integer" },
		{ "'score':-1", "minimum", "/score", "0" },
		{ "'score':17", "maximum", "/score", "16" },
		{ "'ratio':0.51", "maximum", "/ratio", "0.5" },
		{ "'ratio':-1", "minimum", "/ratio", "0" },
		{ "'active':'true'", "type", "/active", "boolean" },
		{ "'active':0", "type", "/active", "boolean" },
		{ "'due_on':'2024-02-30'", "format", "/due_on", "date" },
		{ "'siret':'73282932000075'", "format", "/siret", "siret" },
		{ "'level':3", "enum", "/level", "1, 2, null" },
		{ "'tags':[]", "minItems", "/tags", "1" },
		{ "'tags':['a','b','c','d']", "maxItems", "/tags", "3" },
		{ "'tags':['a','b','a']", "uniqueItems", "/tags/2", "0" },
		{ "'tags':['a','bcde']", "maxLength", "/tags/1", "3" },
		{ "'tags':{}", "type", "/tags", "array" },
		{ "'location':{'type':'Point','coordinates':[5,91]}", "maximum",
		    "/location/coordinates/1", "90" },
		{ "'location':[5,43]", "type", "/location", "null, object" },
		{ "'nmae':'x'", "unknown_member", "/nmae", "nmae" },
		{ "'~/':1", "unknown_member", "/~0~1", "~/" },
		{ "'a/b~c':{'x':[1,2.5]}", "type", "/a~1b~0c/x/1", "integer" },
		{ "'a/b~c':{'y':1}", "unknown_member", "/a~1b~0c/y", "y" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		json_auto_t *value = json_of("{'name':'abc','kind':'square'}");
		char *text = NULL;

		assert_true(asprintf(&text, "{%s}", bad[i].member) > 0);

		json_auto_t *more = json_of(text);

		free(text);
		json_object_update(value, more);
		w->found.n = 0;
		if (schema_check(w->site, value, &w->mem, &w->found))
			fail_msg("accepted: %s", bad[i].member);
		assert_int_equal(w->found.n, 1);
		assert_int_equal(w->found.at[0].where, AT_POINTER);
		assert_string_equal(w->found.at[0].code, bad[i].code);
		assert_string_equal(w->found.at[0].at, bad[i].at);
		assert_string_equal(w->found.at[0].arg, bad[i].arg);
	}
}

static void
a_length_counts_code_points(void **state)
{
	/* Five of two bytes, five of four. */
	assert_true(
	    passes(*state, "{'name':'\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9',"
	                   "'kind':'square'}"));
	assert_true(
	    passes(*state, "{'name':'\\ud83c\\udfe0\\ud83c\\udfe0\\ud83c\\udfe0"
	                   "\\ud83c\\udfe0\\ud83c\\udfe0','kind':'square'}"));
	assert_false(passes(*state, "{'name':'\xc3\xa9','kind':'square'}"));
}

static void
all_faults_are_found_at_once_in_order(void **state)
{
	struct world *w = *state;

	assert_false(passes(w, "{'score':99,'x':1,'due_on':'soon'}"));
	assert_int_equal(w->found.n, 5);
	assert_string_equal(w->found.at[0].at, "/name");
	assert_string_equal(w->found.at[0].code, "required");
	assert_string_equal(w->found.at[1].at, "/kind");
	assert_string_equal(w->found.at[2].at, "/score");
	assert_string_equal(w->found.at[3].at, "/x");
	assert_string_equal(w->found.at[4].at, "/due_on");
}

static void
no_more_than_twenty_faults_are_kept(void **state)
{
	struct world *w = *state;
	json_auto_t *value = json_object();

	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%d", i);
		json_object_set_new(value, name, json_integer(i));
	}
	w->found.n = 0;
	assert_false(schema_check(w->site, value, &w->mem, &w->found));
	assert_int_equal(w->found.n, VIOLATIONS_MAX);
}

static void
a_body_that_is_no_object_is_a_fault_at_the_root(void **state)
{
	struct world *w = *state;

	assert_false(passes(w, "[]"));
	assert_string_equal(w->found.at[0].at, "");
	assert_string_equal(w->found.at[0].code, "type");
}

static void
a_reference_may_lead_back_to_its_own_schema(void **state)
{
	struct world *w = *state;
	json_auto_t *document = json_of(
	    "{'components':{'schemas':{'tree':{'type':'object',"
	    "'additionalProperties':false,'properties':{"
	    "'n':{'type':'integer'},'children':{'type':'array','maxItems':2,"
	    "'items':{'$ref':'#/components/schemas/tree'}}}}}}}");
	json_auto_t *node = json_of("{'$ref':'#/components/schemas/tree'}");
	json_auto_t *good = json_of("{'children':[{'children':[{'n':1}]}]}");
	json_auto_t *bad = json_of("{'children':[{'children':[{'n':'1'}]}]}");
	char why[300];
	const struct schema *tree =
	    schema_compile(node, document, true, why, sizeof(why));

	assert_non_null(tree);
	assert_true(schema_check(tree, good, &w->mem, &w->found));
	assert_false(schema_check(tree, bad, &w->mem, &w->found));
	assert_string_equal(w->found.at[0].at, "/children/0/children/0/n");
}

static void
what_is_not_understood_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *schema, *reason;
	} bad[] = {
		{ "{'type':'string','maxLenght':3}",
		    ": unknown keyword 'maxLenght'" },
		{ "{'oneOf':[]}", ": unknown keyword 'oneOf'" },
		{ "{'type':'text'}", "/type: unknown type" },
		{ "{'type':[]}", "/type: empty type" },
		{ "{'type':'string'}", ": maxLength is missing" },
		{ "{'type':'array','items':{'type':'integer'}}",
		    ": items or maxItems is missing" },
		{ "{'type':'array','maxItems':3}",
		    ": items or maxItems is missing" },
		{ "{'type':'object','properties':{}}",
		    ": additionalProperties: false is missing" },
		{ "{}", ": a request says every type" },
		{ "{'type':'integer','maxLength':3}",
		    ": 'maxLength' says nothing of this type" },
		{ "{'type':'string','maxLength':-1}",
		    "/maxLength: not a count" },
		{ "{'type':'string','maxLength':9,'format':'colour'}",
		    "/format: unknown format 'colour'" },
		{ "{'type':'string','format':'geojson-point'}",
		    ": format 'geojson-point' is not for this type" },
		{ "{'type':'string','maxLength':9,'pattern':'['}",
		    "/pattern: '[' is not the same in POSIX and in "
		    "ECMAScript" },
		{ "{'type':'string','maxLength':9,'pattern':'a{2,1}'}",
		    "/pattern: 'a{2,1}' is not a regular expression" },
		{ "{'type':'string','maxLength':9,'pattern':'\\\\d+'}",
		    "/pattern: '\\d+' is not the same in POSIX and in "
		    "ECMAScript" },
		{ "{'type':'string','maxLength':9,'pattern':'(?:a)'}",
		    "/pattern: '(?:a)' is not the same in POSIX and in "
		    "ECMAScript" },
		{ "{'type':'string','maxLength':9,'pattern':'[[:alpha:]]'}",
		    "/pattern: '[[:alpha:]]' is not the same in POSIX and in "
		    "ECMAScript" },
		{ "{'type':'string','enum':[1]}",
		    ": enum has a value of another type" },
		{ "{'type':['string','null'],'enum':['a']}",
		    ": type allows null, enum does not" },
		{ "{'type':'object','additionalProperties':false,"
		  "'properties':{'a':{'type':'object',"
		  "'additionalProperties':false,'properties':{"
		  "'b':{'type':'string'}}}}}",
		    "/properties/a/properties/b: maxLength is missing" },
		{ "{'type':'object','additionalProperties':false,"
		  "'properties':{'a':{'type':'integer','readOnly':true}}}",
		    "/properties/a: readOnly in a request" },
		{ "{'$ref':'#/nowhere'}", ": $ref '#/nowhere' leads nowhere" },
		{ "{'$ref':'#/loop','maxLength':3}",
		    ": 'maxLength' beside $ref" },
		{ "{'$ref':'#/loop'}",
		    "#/loop: too deep, or a $ref to itself" },
		{ "{'$ref':'#/open'}", "#/open/items: maxLength is missing" },
	};
	json_auto_t *document = json_of("{'loop':{'$ref':'#/loop'},"
	                                "'open':{'type':'array','maxItems':1,"
	                                "'items':{'type':'string'}}}");

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		json_auto_t *node = json_of(bad[i].schema);
		char why[300] = "";

		assert_null(
		    schema_compile(node, document, true, why, sizeof(why)));
		assert_string_equal(why, bad[i].reason);
	}
}

static void
answers_need_no_bounds(void **state)
{
	static const char *const good[] = { "{}", "{'type':'string'}",
		"{'type':'array','items':{}}",
		"{'type':'object','additionalProperties':{'type':'string'}}",
		"{'type':'object','properties':{'id':{'type':'string',"
		"'readOnly':true}}}" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++) {
		json_auto_t *node = json_of(good[i]);
		char why[300] = "";

		if (schema_compile(node, node, false, why, sizeof(why)) == NULL)
			fail_msg("%s", why);
	}
}

static void
a_text_is_read_as_its_type(void **state)
{
	static const struct {
		const char *schema, *text, *code;
	} vectors[] = {
		{ "{'type':'integer','minimum':1,'maximum':200}", "1", NULL },
		{ "{'type':'integer','minimum':1,'maximum':200}", "200", NULL },
		{ "{'type':'integer','minimum':1,'maximum':200}", "0",
		    "minimum" },
		{ "{'type':'integer','minimum':1,'maximum':200}", "201",
		    "maximum" },
		{ "{'type':'integer'}", "-7", NULL },
		{ "{'type':'integer'}", "9223372036854775807", NULL },
		{ "{'type':'integer'}", "9223372036854775808", "type" },
		{ "{'type':'integer'}", "1.0", "type" },
		{ "{'type':'integer'}", "1e2", "type" },
		{ "{'type':'integer'}", "+1", "type" },
		{ "{'type':'integer'}", "01", "type" },
		{ "{'type':'integer'}", " 1", "type" },
		{ "{'type':'integer'}", "0x10", "type" },
		{ "{'type':'integer'}", "", "type" },
		{ "{'type':'boolean'}", "true", NULL },
		{ "{'type':'boolean'}", "false", NULL },
		{ "{'type':'boolean'}", "1", "type" },
		{ "{'type':'boolean'}", "TRUE", "type" },
		{ "{'type':'number','maximum':90}", "43.64", NULL },
		{ "{'type':'number','maximum':90}", "-2.35000000000000009",
		    NULL },
		{ "{'type':'number','maximum':90}", "90.1", "maximum" },
		{ "{'type':'number'}", "nan", "type" },
		{ "{'type':'number'}", "inf", "type" },
		{ "{'type':'number'}", "1.", "type" },
		{ "{'type':'number'}", ".5", "type" },
		{ "{'type':'string','maxLength':3}", "abc", NULL },
		{ "{'type':'string','maxLength':3}", "abcd", "maxLength" },
		{ "{'type':'string','maxLength':3}", "123", NULL },
		{ "{'type':'string','enum':['a','b']}", "b", NULL },
		{ "{'type':'string','enum':['a','b']}", "c", "enum" },
		{ "{'type':'string','format':'uuid'}", "7", "format" },
		{ "{'type':'string','format':'date'}", "2024-01-31", NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		json_auto_t *node = json_of(vectors[i].schema);
		char why[300];
		const char *arg;
		const struct schema *s =
		    schema_compile(node, node, true, why, sizeof(why));
		const char *code;

		assert_non_null(s);
		code = schema_check_text(s, vectors[i].text, &w->mem, &arg);
		if (vectors[i].code == NULL && code != NULL)
			fail_msg("'%s': %s", vectors[i].text, code);
		if (vectors[i].code != NULL)
			assert_string_equal(code, vectors[i].code);
	}
}

static void
a_list_of_texts_is_checked_as_a_whole(void **state)
{
	struct world *w = *state;
	json_auto_t *node = json_of(
	    "{'type':'array','minItems':2,'maxItems':3,'uniqueItems':true,"
	    "'items':{'type':'integer','maximum':9}}");
	static const char *const texts[] = { "1", "2", "3", "4" };
	static const char *const twice[] = { "1", "1" };
	static const char *const big[] = { "1", "10" };
	char why[300];
	const char *arg;
	const struct schema *s =
	    schema_compile(node, node, true, why, sizeof(why));

	assert_non_null(s);
	assert_non_null(schema_items(s));
	assert_null(schema_check_texts(s, texts, 3, &w->mem, &arg));
	assert_string_equal(
	    schema_check_texts(s, texts, 1, &w->mem, &arg), "minItems");
	assert_string_equal(
	    schema_check_texts(s, texts, 4, &w->mem, &arg), "maxItems");
	assert_string_equal(
	    schema_check_texts(s, twice, 2, &w->mem, &arg), "uniqueItems");
	assert_string_equal(
	    schema_check_texts(s, big, 2, &w->mem, &arg), "maximum");
	assert_string_equal(arg, "9");
}

static void
a_parameter_has_a_type_of_postgresql(void **state)
{
	static const struct {
		const char *schema, *type;
	} vectors[] = {
		{ "{'type':'string','format':'uuid'}", "uuid" },
		{ "{'type':'string','format':'date'}", "date" },
		{ "{'type':'string','format':'date-time'}", "timestamptz" },
		{ "{'type':'string','format':'siren'}", "text" },
		{ "{'type':'string','maxLength':9}", "text" },
		{ "{'type':'integer'}", "bigint" },
		{ "{'type':'number'}", "numeric" },
		{ "{'type':'boolean'}", "boolean" },
		{ "{'type':'array','maxItems':9,'items':{'type':'string',"
		  "'format':'uuid'}}",
		    "uuid[]" },
		{ "{'type':'array','maxItems':4,'items':{'type':'number'}}",
		    "numeric[]" },
		{ "{'type':'object','additionalProperties':false}", NULL },
		{ "{'type':['string','null'],'maxLength':9}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		json_auto_t *node = json_of(vectors[i].schema);
		char why[300];
		const struct schema *s =
		    schema_compile(node, node, true, why, sizeof(why));

		assert_non_null(s);
		if (vectors[i].type == NULL)
			assert_null(schema_pg_type(s));
		else
			assert_string_equal(schema_pg_type(s), vectors[i].type);
	}
}

static json_t *
random_value(int depth)
{
	static const char *const names[] = { "name", "kind", "note", "code",
		"score", "ratio", "tags", "location", "a/b~c", "x", "type",
		"coordinates", "due_on" };
	json_t *value;

	switch (depth == 0 ? rand() % 5 : rand() % 8) {
	case 0:
		return json_integer(rand() % 40 - 20);
	case 1:
		return json_real(rand() % 40 - 20.5);
	case 2:
		return json_null();
	case 3:
		return json_boolean(rand() % 2);
	case 4:
		return json_string(names[(size_t)rand() % N_ELEMENTS(names)]);
	case 5:
		value = json_array();
		for (int n = rand() % 5; n > 0; n--)
			json_array_append_new(value, random_value(depth - 1));
		return value;
	default:
		value = json_object();
		for (int n = rand() % 9; n > 0; n--)
			json_object_set_new(value,
			    names[(size_t)rand() % N_ELEMENTS(names)],
			    random_value(depth - 1));
		return value;
	}
}

static void
any_value_is_judged_without_harm(void **state)
{
	struct world *w = *state;

	srand(3);
	for (int round = 0; round < 20000; round++) {
		json_auto_t *value = random_value(5);
		bool good;

		w->found.n = 0;
		good = schema_check(w->site, value, &w->mem, &w->found);
		assert_true(good == (w->found.n == 0));
		mem_release(&w->mem);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_of_every_kind_passes),
		TEST(each_fault_has_its_code_its_pointer_and_its_argument),
		TEST(a_length_counts_code_points),
		TEST(all_faults_are_found_at_once_in_order),
		TEST(no_more_than_twenty_faults_are_kept),
		TEST(a_body_that_is_no_object_is_a_fault_at_the_root),
		TEST(a_reference_may_lead_back_to_its_own_schema),
		TEST(what_is_not_understood_is_refused_with_its_place),
		TEST(answers_need_no_bounds),
		TEST(a_text_is_read_as_its_type),
		TEST(a_list_of_texts_is_checked_as_a_whole),
		TEST(a_parameter_has_a_type_of_postgresql),
		TEST(any_value_is_judged_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
