"""Examples of the contract, made from its schemas; the same each time.

What a schema says of itself comes first (example, examples, default, enum),
then what the request that creates such a record shows, then the format, then
the name of the member. A member that may be null and of which nothing is known
is null. Nothing here is about a real person or body.
"""

import hashlib
import re

# SIREN and SIRET pass their check digit; nobody has them.
FORMATS = {
    "email": "accueil@ville.example.org",
    "uri": "https://ville.example.org/gusp",
    "siren": "000000018",
    "siret": "00000001800010",
    "rna": "W139999999",
    "insee": "13999",
    "date": "2024-05-21",
    "date-time": "2024-05-21T09:30:00.000Z",
    "day-or-instant": "2024-05-21",
}
RING = [[5.0970, 43.6400], [5.0976, 43.6400], [5.0976, 43.6404], [5.0970, 43.6404], [5.0970, 43.6400]]
GEOMETRIES = {
    "geojson-point": {"type": "Point", "coordinates": RING[0]},
    "geojson-linestring": {"type": "LineString", "coordinates": RING[:2]},
    "geojson-polygon": {"type": "Polygon", "coordinates": [RING]},
    "geojson-multipolygon": {"type": "MultiPolygon", "coordinates": [[RING]]},
    "geojson-geometry": {"type": "Point", "coordinates": RING[0]},
}
# By the name of the member; the first that the schema takes.
NAMES = {
    "name": ["Les Tilleuls"],
    "title": ["Programme des Tilleuls"],
    "slug": ["les-tilleuls"],
    "code": ["lighting"],
    "theme": ["mobility"],
    "text": ["Éclairage insuffisant le long de l'allée."],
    "label_fr": ["Éclairage"],
    "address": ["1 place des Tilleuls"],
    "phone": ["01 99 00 00 04"],
    "function": ["Accueil"],
    "source": ["Visite de terrain"],
    "commune_name": ["Les Tilleuls"],
    "vocabulary": ["themes"],
    "to": ["archived"],
    "departement": ["13"],
    "role": ["city"],
    "year": [2024],
    "created_at": ["2024-03-18T09:30:00.000Z"],
    "starts_on": ["2024-01-01"],
    "from_on": ["2024-01-01"],
    "valid_from_on": ["2024-01-01"],
    "active_from_on": ["2024-01-01"],
    "ends_on": ["2027-12-31"],
    "to_on": ["2027-12-31"],
    "valid_to_on": ["2027-12-31"],
    "active_to_on": ["2027-12-31"],
}
TEXT = "Texte"


class Unexampled(Exception):
    """Nothing can be made up: an example must be written."""


def uuid_of(name):
    """A UUID of version 7 that is always the same for a name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"018f9b3a-5c00-7{digest[:3]}-8{digest[3:6]}-{digest[6:18]}"


def is_json(media_type):
    return "json" in media_type and not any(
        lines in media_type for lines in ("jsonl", "ndjson", "json-seq"))


class Examples:
    def __init__(self, document):
        self.document = document
        self.created = self.learn()

    def follow(self, node):
        while "$ref" in node:
            at = self.document
            for step in node["$ref"].split("/")[1:]:
                at = at[step]
            node = at
        return node

    def learn(self):
        """Schema of an answer 201 -> what its request shows."""
        found = {}
        for item in self.document.get("paths", {}).values():
            operation = item.get("post", {})
            shown = self.shown(operation)
            for media in operation.get("responses", {}).get("201", {}).get("content", {}).values():
                if shown and "$ref" in media.get("schema", {}):
                    found.setdefault(media["schema"]["$ref"], shown)
        return found

    @staticmethod
    def shown(operation):
        """The example of its request; none is {}."""
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if isinstance(media.get("example"), dict):
                return media["example"]
        return {}

    def add(self, operation):
        """Give an operation the examples that it lacks."""
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if "schema" in media and "example" not in media and "examples" not in media:
                media["example"] = self.make(media["schema"], all_members=False)
        shown = self.shown(operation)
        for status, response in operation["responses"].items():
            for kind, media in self.follow(response).get("content", {}).items():
                if status[0] != "2" or not is_json(kind) or "schema" not in media \
                        or "example" in media or "examples" in media:
                    continue
                media["example"] = self.after(shown, media["schema"])

    def after(self, shown, schema):
        """The record as a request leaves it."""
        made = self.make(schema)
        properties = self.follow(schema).get("properties", {})
        if isinstance(made, dict) and "example" not in self.follow(schema):
            made.update({k: v for k, v in shown.items() if k in properties})
            if shown.get("to") in self.follow(properties.get("status", {})).get("enum", []):
                made["status"] = shown["to"]
        return made

    def make(self, schema, name="", noun="", all_members=True):
        reference = schema.get("$ref")
        known = self.created.get(reference, {})
        if reference:
            noun = reference.rsplit("/", 1)[-1]
            schema = self.follow(schema)
        if "example" in schema:
            return schema["example"]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if schema.get("default") is not None:
            return schema["default"]
        types = schema.get("type", "null")
        types = [types] if isinstance(types, str) else types
        kind = next((t for t in types if t != "null"), "null")
        value = getattr(self, "make_" + kind)(schema, name, noun, known, all_members)
        if value is None and "null" not in types:
            raise Unexampled(f"write an example of '{name}' in {noun or 'the schema'}")
        if "null" in types and value == TEXT:
            return None
        return value

    def make_object(self, schema, _name, noun, known, all_members):
        if schema.get("format") in GEOMETRIES:
            return GEOMETRIES[schema["format"]]
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        return {member: known[member] if member in known
                else self.make(part, member, noun)
                for member, part in properties.items() if all_members or member in required}

    def make_array(self, schema, name, noun, _known, _all_members):
        item = self.make(schema["items"], name, noun) if "items" in schema else None
        return [item] * max(1, schema.get("minItems", 1))

    def make_string(self, schema, name, noun, _known, _all_members):
        if schema.get("format") == "uuid":
            return uuid_of(noun + "_id" if name == "id" else name)
        candidates = list(NAMES.get(name, []))
        if "format" in schema:
            candidates.append(FORMATS.get(schema["format"]))
        candidates.append(TEXT)
        for value in candidates:
            if isinstance(value, str) and re.search(schema.get("pattern", ""), value) \
                    and len(value) <= schema.get("maxLength", len(value)):
                return value
        return None

    @staticmethod
    def make_integer(schema, name, _noun, _known, _all_members):
        least, most = schema.get("minimum", 1), schema.get("maximum")
        if name in NAMES:
            return NAMES[name][0]
        if "null" in schema.get("type", ""):
            return None
        return least if most is not None and most < max(1, least) else max(1, least)

    make_number = make_integer

    @staticmethod
    def make_boolean(_schema, _name, _noun, _known, _all_members):
        return True

    @staticmethod
    def make_null(_schema, _name, _noun, _known, _all_members):
        return None
