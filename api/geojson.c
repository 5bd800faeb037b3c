/*
 * GeoJSON structure: one table of shapes and one descent through the levels
 * of their coordinates.
 */
#include <stdio.h>
#include <string.h>

#include "geojson.h"

#include "loose.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

struct shape {
	const char *name;
	unsigned bit;
	int levels;      /* of arrays above a position */
	size_t at_least; /* positions in the innermost array */
	bool ring;       /* whose last position is its first */
};

/* RFC 7946 3.1 */
static const struct shape shapes[] = {
	{ "Point", GEOJSON_POINT, 0, 0, false },
	{ "MultiPoint", GEOJSON_MULTIPOINT, 1, 1, false },
	{ "LineString", GEOJSON_LINESTRING, 1, 2, false },
	{ "MultiLineString", GEOJSON_MULTILINESTRING, 2, 2, false },
	{ "Polygon", GEOJSON_POLYGON, 2, 4, true },
	{ "MultiPolygon", GEOJSON_MULTIPOLYGON, 3, 4, true },
	{ "GeometryCollection", GEOJSON_COLLECTION, 0, 0, false },
};

#define GEOMETRIES_MAX 100

/* One walk through a geometry. */
struct walk {
	struct mem *mem;
	struct geojson_fault *out;
	char at[160]; /* where it is: at most six steps */
	size_t at_len;
	size_t positions; /* seen so far */
};

static bool check_geometry(struct walk *w, const json_t *value, unsigned types);

bool
geojson_check(const json_t *value, unsigned types, struct mem *mem,
    struct geojson_fault *out)
{
	struct walk w = { .mem = mem, .out = out };

	return check_geometry(&w, value, types);
}

static bool
fault(struct walk *w, const char *code, const char *arg)
{
	*w->out = (struct geojson_fault){
		.code = code,
		.arg = arg,
		.at = mem_copy(w->mem, w->at, w->at_len),
	};
	return false;
}

/* Go one step down; returns where to come back to. */
static size_t
enter(struct walk *w, const char *key)
{
	size_t back = w->at_len;
	int n = snprintf(w->at + back, sizeof(w->at) - back, "/%.60s", key);

	if (n > 0 && (size_t)n < sizeof(w->at) - back)
		w->at_len = back + (size_t)n;
	return back;
}

static size_t
enter_index(struct walk *w, size_t index)
{
	char key[24];

	(void)snprintf(key, sizeof(key), "%zu", index);
	return enter(w, key);
}

static void
leave(struct walk *w, size_t back)
{
	w->at_len = back;
	w->at[back] = '\0';
}

/* The names of accepted types, for the message. */
static const char *
names_of(struct walk *w, unsigned types)
{
	const char *names = "";

	for (size_t i = 0; i < N_ELEMENTS(shapes); i++)
		if ((types & shapes[i].bit) != 0)
			names = mem_print(w->mem, "%s%s%s", names,
			    names[0] == '\0' ? "" : ", ", shapes[i].name);
	return names;
}

/* Only type and coordinates: a crs or a stray member is refused by name. */
static bool
only_members(struct walk *w, const json_t *value, const char *content)
{
	json_t *object = loose(value);
	const char *key;
	json_t *member;

	json_object_foreach (object, key, member) {
		if (strcmp(key, "type") == 0 || strcmp(key, content) == 0)
			continue;
		/* A pointer's token has its own escapes: name the member in
		 * the argument when it needs them. */
		if (strpbrk(key, "~/") == NULL && strlen(key) <= 60)
			enter(w, key);
		return fault(
		    w, "unknown_member", mem_print(w->mem, "%.60s", key));
	}
	return true;
}

static const struct shape *
shape_of(const json_t *type, unsigned types)
{
	for (size_t i = 0; i < N_ELEMENTS(shapes); i++)
		if ((types & shapes[i].bit) != 0 && json_is_string(type) &&
		    strcmp(json_string_value(type), shapes[i].name) == 0)
			return &shapes[i];
	return NULL;
}

static bool
check_position(struct walk *w, const json_t *value)
{
	static const double bound[] = { 180, 90 };
	static const char *const bound_text[][2] = { { "-180", "180" },
		{ "-90", "90" } };

	if (!json_is_array(value))
		return fault(w, "type", "array");
	if (json_array_size(value) < 2)
		return fault(w, "minItems", "2");
	if (json_array_size(value) > 3)
		return fault(w, "maxItems", "3");
	if (++w->positions > GEOJSON_POSITIONS_MAX)
		return fault(w, "maxItems", "3000");
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *number = json_array_get(value, i);
		double x = json_number_value(number);
		size_t back = enter_index(w, i);

		if (!json_is_number(number))
			return fault(w, "type", "number");
		if (i < 2 && !(x >= -bound[i]))
			return fault(w, "minimum", bound_text[i][0]);
		if (i < 2 && !(x <= bound[i]))
			return fault(w, "maximum", bound_text[i][1]);
		leave(w, back);
	}
	return true;
}

/* By value: 5 and 5.0 are the same longitude, json_equal() says otherwise. */
static bool
same_position(const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++) {
		double x = json_number_value(json_array_get(a, i));
		double y = json_number_value(json_array_get(b, i));

		if (x < y || x > y)
			return false;
	}
	return true;
}

static bool
check_level(
    struct walk *w, const struct shape *shape, int level, const json_t *value)
{
	if (level == 0)
		return check_position(w, value);
	if (!json_is_array(value))
		return fault(w, "type", "array");

	size_t n = json_array_size(value);
	size_t at_least = level == 1 ? shape->at_least : 1;

	if (n < at_least)
		return fault(w, "minItems", mem_print(w->mem, "%zu", at_least));
	for (size_t i = 0; i < n; i++) {
		size_t back = enter_index(w, i);

		if (!check_level(w, shape, level - 1, json_array_get(value, i)))
			return false;
		leave(w, back);
	}
	if (level == 1 && shape->ring &&
	    !same_position(
	        json_array_get(value, 0), json_array_get(value, n - 1)))
		return fault(w, "ring_not_closed", NULL);
	return true;
}

static bool
check_collection(struct walk *w, const json_t *list, unsigned types)
{
	if (!json_is_array(list))
		return fault(w, "type", "array");
	if (json_array_size(list) < 1)
		return fault(w, "minItems", "1");
	if (json_array_size(list) > GEOMETRIES_MAX)
		return fault(w, "maxItems", "100");
	for (size_t i = 0; i < json_array_size(list); i++) {
		size_t back = enter_index(w, i);

		/* RFC 7946 3.1.8: nested collections should be avoided. */
		if (!check_geometry(w, json_array_get(list, i),
		        types & ~GEOJSON_COLLECTION))
			return false;
		leave(w, back);
	}
	return true;
}

static bool
check_geometry(struct walk *w, const json_t *value, unsigned types)
{
	if (!json_is_object(value))
		return fault(w, "type", "object");

	const json_t *type = json_object_get(value, "type");
	const struct shape *shape = shape_of(type, types);

	if (shape == NULL) {
		enter(w, "type");
		return fault(w, type == NULL ? "required" : "enum",
		    type == NULL ? "type" : names_of(w, types));
	}

	bool many = shape->bit == GEOJSON_COLLECTION;
	const char *content = many ? "geometries" : "coordinates";
	const json_t *inside = json_object_get(value, content);

	if (!only_members(w, value, content))
		return false;

	size_t back = enter(w, content);

	if (inside == NULL)
		return fault(w, "required", content);
	if (many ? !check_collection(w, inside, types)
	         : !check_level(w, shape, shape->levels, inside))
		return false;
	leave(w, back);
	return true;
}
