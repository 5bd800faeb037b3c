"""Every list, with each of its filters and each of its orders: from the
contract, so that none is forgotten."""

import json

import pytest

from contract import ROOT

# What a filter may be given, where its schema does not say.
TEXTS = {"q": "place", "slug": "les-tilleuls", "code": "QP013001", "theme": "housing", "category": "lighting",
         "parent_code": "outdoor", "bbox": "5.09,43.63,5.11,43.65", "departement": "13"}
FORMATS = {"date": "2024-03-18", "siren": "732829320", "siret": "73282932000074", "rna": "W131234567",
           "insee": "13103", "uuid": "01890a5d-ac96-774b-bcce-b302099a8057"}
# Lists of which the city sees one record; the administrator sees them whole.
ADMIN = {"programme_list"}
# What every list has; pages and orders have tests of their own.
COMMON = {"limit", "cursor", "sort"}


def lists():
    """(operation, path, query parameter, its schema) of every list; references
    are followed."""
    document = json.loads((ROOT / "build" / "openapi.json").read_text("utf-8"))

    def followed(part):
        while "$ref" in part:
            at = document
            for step in part["$ref"].lstrip("#/").split("/"):
                at = at[step]
            part = at
        return {**part, "items": followed(part["items"])} if "items" in part else part

    for path, item in document["paths"].items():
        operation = item.get("get", {})
        if "x-page" in operation:
            for parameter in map(followed, operation.get("parameters", [])):
                if parameter["in"] == "query":
                    yield operation["operationId"], path, parameter["name"], followed(parameter["schema"])


def values(name, schema):
    """What to ask for: each value of an enumeration, then all; or one value."""
    items = schema.get("items", schema)
    if "enum" in items:
        return [*items["enum"], *([",".join(items["enum"])] if "items" in schema else [])]
    if name in TEXTS:
        return [TEXTS[name]]
    if items.get("format") in FORMATS:
        return [FORMATS[items["format"]]]
    return ["2007"] if items.get("type") == "integer" else []


def place_of(world, path):
    """The path of a list in the world."""
    for name, value in (("{programme_id}", world.programme), ("{quartier_id}", world.near),
                        ("{vocabulary}", "themes")):
        path = path.replace(name, value)
    return path


LISTS = [row for row in lists() if row[2] not in COMMON and not row[0].endswith("_history")]


@pytest.mark.parametrize("operation,path,name,schema", LISTS, ids=[f"{r[0]} {r[2]}" for r in LISTS])
def test_each_filter_of_each_list_is_answered(world, operation, path, name, schema):
    tried = values(name, schema)
    assert tried, "a filter that this test does not know how to use"
    client = world.admin if operation in ADMIN else world.city
    for value in tried:
        client.get(place_of(world, path), {name: value}).expect(200)


@pytest.mark.parametrize("operation,path", sorted({row[:2] for row in LISTS}))
def test_all_filters_of_a_list_go_together_with_each_order_and_a_second_page(world, operation, path):
    client = world.admin if operation in ADMIN else world.city
    everything = {name: values(name, schema)[-1] for o, _, name, schema in LISTS if o == operation}
    sorts = [s for o, _, n, s in lists() if o == operation and n == "sort"]
    for sort in (sorts[0]["enum"] if sorts else [None]):
        params = {"limit": 1, **({"sort": sort} if sort else {})}
        client.get(place_of(world, path), {**params, **everything}).expect(200)
        page = client.get(place_of(world, path), params).expect(200)
        if page.json["next_cursor"]:
            second = client.get(place_of(world, path), {**params, "cursor": page.json["next_cursor"]}).expect(200)
            assert second.items != page.items
