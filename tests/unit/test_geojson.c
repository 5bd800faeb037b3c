/* GeoJSON geometries: what passes, and what is said of what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "geojson.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define RING          "[[0,0],[1,0],[1,1],[0,0]]"

static const char *
code_of(const char *text, unsigned types, struct mem *mem,
    struct geojson_fault *fault)
{
	json_auto_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	*fault = (struct geojson_fault){ 0 };
	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return geojson_check(value, types, mem, fault) ? NULL : fault->code;
}

static void
every_type_of_geometry_passes(void **state)
{
	static const char *const good[] = {
		"{\"type\":\"Point\",\"coordinates\":[5.09,43.64]}",
		"{\"type\":\"Point\",\"coordinates\":[5,43,120.5]}",
		"{\"type\":\"Point\",\"coordinates\":[-180,90]}",
		"{\"type\":\"MultiPoint\",\"coordinates\":[[0,0],[1,1]]}",
		"{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,1]]}",
		"{\"type\":\"MultiLineString\","
		"\"coordinates\":[[[0,0],[1,1]]]}",
		"{\"type\":\"Polygon\",\"coordinates\":[" RING "]}",
		"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],"
		"[0.0,0e0]]]}",
		"{\"type\":\"MultiPolygon\",\"coordinates\":[[" RING "],"
		"[" RING "," RING "]]}",
		"{\"type\":\"GeometryCollection\",\"geometries\":["
		"{\"type\":\"Point\",\"coordinates\":[0,0]}]}",
	};
	struct mem mem = { 0 };
	struct geojson_fault fault;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(good); i++)
		if (code_of(good[i], GEOJSON_ANY, &mem, &fault) != NULL)
			fail_msg("%s: %s at %s", good[i], fault.code, fault.at);
	mem_release(&mem);
}

static void
a_fault_is_named_where_it_is(void **state)
{
	static const struct {
		const char *text, *code, *at, *arg;
	} bad[] = {
		{ "[]", "type", "", "object" },
		{ "{}", "required", "/type", "type" },
		{ "{\"type\":\"point\",\"coordinates\":[0,0]}", "enum", "/type",
		    NULL },
		{ "{\"type\":\"Feature\",\"geometry\":null}", "enum", "/type",
		    NULL },
		{ "{\"type\":7,\"coordinates\":[0,0]}", "enum", "/type", NULL },
		{ "{\"type\":\"Point\"}", "required", "/coordinates",
		    "coordinates" },
		{ "{\"type\":\"Point\",\"coordinates\":null}", "type",
		    "/coordinates", "array" },
		{ "{\"type\":\"Point\",\"coordinates\":[]}", "minItems",
		    "/coordinates", "2" },
		{ "{\"type\":\"Point\",\"coordinates\":[5]}", "minItems",
		    "/coordinates", "2" },
		{ "{\"type\":\"Point\",\"coordinates\":[5,43,1,2]}", "maxItems",
		    "/coordinates", "3" },
		{ "{\"type\":\"Point\",\"coordinates\":[\"5\",43]}", "type",
		    "/coordinates/0", "number" },
		{ "{\"type\":\"Point\",\"coordinates\":[5,43,null]}", "type",
		    "/coordinates/2", "number" },
		{ "{\"type\":\"Point\",\"coordinates\":[180.0001,0]}",
		    "maximum", "/coordinates/0", "180" },
		{ "{\"type\":\"Point\",\"coordinates\":[5,-90.5]}", "minimum",
		    "/coordinates/1", "-90" },
		{ "{\"type\":\"Point\",\"coordinates\":[[0,0]]}", "minItems",
		    "/coordinates", "2" },
		{ "{\"type\":\"Point\",\"coordinates\":[0,0],\"crs\":{}}",
		    "unknown_member", "/crs", "crs" },
		{ "{\"type\":\"Point\",\"coordinates\":[0,0],\"a/b\":1}",
		    "unknown_member", "", "a/b" },
		{ "{\"type\":\"LineString\",\"coordinates\":[[0,0]]}",
		    "minItems", "/coordinates", "2" },
		{ "{\"type\":\"Polygon\",\"coordinates\":[]}", "minItems",
		    "/coordinates", "1" },
		{ "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],"
		  "[0,0]]]}",
		    "minItems", "/coordinates/0", "4" },
		{ "{\"type\":\"Polygon\",\"coordinates\":[" RING
		  ",[[0,0],[1,0],[1,1],[0,0.5]]]}",
		    "ring_not_closed", "/coordinates/1", NULL },
		{ "{\"type\":\"Polygon\",\"coordinates\":[[0,0],[1,1]]}",
		    "minItems", "/coordinates/0", "4" },
		{ "{\"type\":\"MultiPolygon\",\"coordinates\":[" RING "]}",
		    "minItems", "/coordinates/0/0", "4" },
		{ "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],"
		  "[1,91],[0,0]]]]}",
		    "maximum", "/coordinates/0/0/2/1", "90" },
		{ "{\"type\":\"GeometryCollection\",\"geometries\":[]}",
		    "minItems", "/geometries", "1" },
		{ "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":"
		  "\"GeometryCollection\",\"geometries\":[]}]}",
		    "enum", "/geometries/0/type", NULL },
		{ "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":"
		  "\"Point\",\"coordinates\":[999,0]}]}",
		    "maximum", "/geometries/0/coordinates/0", "180" },
	};
	struct mem mem = { 0 };
	struct geojson_fault fault;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		const char *code =
		    code_of(bad[i].text, GEOJSON_ANY, &mem, &fault);

		if (code == NULL)
			fail_msg("accepted: %s", bad[i].text);
		assert_string_equal(code, bad[i].code);
		assert_string_equal(fault.at, bad[i].at);
		if (bad[i].arg != NULL)
			assert_string_equal(fault.arg, bad[i].arg);
	}
	mem_release(&mem);
}

static void
only_the_types_asked_for_pass(void **state)
{
	static const char point[] =
	    "{\"type\":\"Point\",\"coordinates\":[0,0]}";
	struct mem mem = { 0 };
	struct geojson_fault fault;

	(void)state;
	assert_null(code_of(point, GEOJSON_POINT, &mem, &fault));
	assert_string_equal(
	    code_of(point, GEOJSON_POLYGON, &mem, &fault), "enum");
	assert_string_equal(fault.arg, "Polygon");
	assert_string_equal(
	    code_of(point, GEOJSON_LINESTRING | GEOJSON_POLYGON, &mem, &fault),
	    "enum");
	assert_string_equal(fault.arg, "LineString, Polygon");
	mem_release(&mem);
}

static json_t *
line_of(size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("[f,f]", (double)i / 1e6, 0.0));
	return json_pack(
	    "{s:s,s:o}", "type", "LineString", "coordinates", list);
}

static void
at_most_three_thousand_positions_pass(void **state)
{
	json_auto_t *most = line_of(GEOJSON_POSITIONS_MAX);
	json_auto_t *more = line_of(GEOJSON_POSITIONS_MAX + 1);
	struct mem mem = { 0 };
	struct geojson_fault fault;

	(void)state;
	assert_true(geojson_check(most, GEOJSON_ANY, &mem, &fault));
	assert_false(geojson_check(more, GEOJSON_ANY, &mem, &fault));
	assert_string_equal(fault.code, "maxItems");
	assert_string_equal(fault.arg, "3000");
	mem_release(&mem);
}

/* A random tree that looks like a geometry now and then. */
static json_t *
random_value(int depth)
{
	static const char *const types[] = { "Point", "LineString", "Polygon",
		"MultiPolygon", "GeometryCollection", "x" };
	json_t *value;

	switch (depth == 0 ? rand() % 4 : rand() % 7) {
	case 0:
		return json_integer(rand() % 400 - 200);
	case 1:
		return json_real(rand() % 400 - 200 + 0.5);
	case 2:
		return json_null();
	case 3:
		return json_string(types[rand() % 6]);
	case 4:
		value = json_object();
		json_object_set_new(
		    value, "type", json_string(types[rand() % 6]));
		json_object_set_new(value,
		    rand() % 4 == 0 ? "geometries" : "coordinates",
		    random_value(depth - 1));
		return value;
	default:
		value = json_array();
		for (int n = rand() % 5; n > 0; n--)
			json_array_append_new(value, random_value(depth - 1));
		return value;
	}
}

static void
any_tree_is_judged_without_harm(void **state)
{
	struct mem mem = { 0 };
	struct geojson_fault fault;

	(void)state;
	srand(11);
	for (int round = 0; round < 20000; round++) {
		json_auto_t *value = random_value(7);

		fault = (struct geojson_fault){ 0 };
		if (!geojson_check(value, GEOJSON_ANY, &mem, &fault)) {
			assert_non_null(fault.code);
			assert_non_null(fault.at);
		}
		mem_release(&mem);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_geometry_passes),
		cmocka_unit_test(a_fault_is_named_where_it_is),
		cmocka_unit_test(only_the_types_asked_for_pass),
		cmocka_unit_test(at_most_three_thousand_positions_pass),
		cmocka_unit_test(any_tree_is_judged_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
