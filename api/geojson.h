/*
 * The structure of GeoJSON geometries (RFC 7946): what can be judged without
 * geometry. Whether a ring crosses itself or lies in the territory is
 * PostGIS's to say.
 *
 * A geometry has type and coordinates (geometries for a collection) and
 * nothing else; a position has a longitude, a latitude and perhaps an
 * altitude; rings are closed. WGS 84 only: crs is refused.
 */
#ifndef GUSP_GEOJSON_H
#define GUSP_GEOJSON_H

#include <stdbool.h>

#include <jansson.h>

#include "mem.h"

#define GEOJSON_POSITIONS_MAX 3000

/* Bits: which types a place accepts. */
#define GEOJSON_POINT           (1u << 0)
#define GEOJSON_MULTIPOINT      (1u << 1)
#define GEOJSON_LINESTRING      (1u << 2)
#define GEOJSON_MULTILINESTRING (1u << 3)
#define GEOJSON_POLYGON         (1u << 4)
#define GEOJSON_MULTIPOLYGON    (1u << 5)
#define GEOJSON_COLLECTION      (1u << 6) /* of simple ones, not nested */
#define GEOJSON_ANY             0x7fu

/* The first fault of a geometry: a violation's code and what goes with it. */
struct geojson_fault {
	const char *code;
	const char *arg;
	const char *at; /* JSON Pointer from the geometry, in mem */
};

/* False with the fault filled. value is only read. */
bool geojson_check(const json_t *value, unsigned types, struct mem *mem,
    struct geojson_fault *out);

#endif
