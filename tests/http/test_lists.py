"""Every list, with each of its filters and each of its orders: from the
contract, so that none is forgotten."""

import json

import pytest

from contract import ROOT

# What a filter may be given, where its schema does not say.
TEXTS = {"q": "place", "slug": "les-tilleuls", "code": "QP013001", "theme": "housing", "category": "lighting",
         "parent_code": "outdoor", "bbox": "5.09,43.63,5.11,43.65", "near": "5.0972,43.6401", "departement": "13"}
FORMATS = {"date": "2024-03-18", "date-time": "2024-03-18T09:30:00+01:00", "siren": "732829320", "siret": "73282932000074", "rna": "W131234567",
           "insee": "13103", "day-or-instant": "2024-03-18", "uuid": "01890a5d-ac96-774b-bcce-b302099a8057"}
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
    return {"integer": ["2007"], "boolean": ["false", "true"]}.get(items.get("type"), [])


def place_of(world, path):
    """The path of a list in the world; below an issue, of one with a comment
    and a twin."""
    if path.startswith("/v1/issues/{id}"):
        there = world.site()
        issue, _ = world.issue(site_id=there.id), world.issue(site_id=there.id)
        world.comment(issue)
        return path.replace("/v1/issues/{id}", issue.url)
    if path.startswith("/v1/evaluations/{id}"):
        scored = world.contradictory()
        world.comment(scored)
        return path.replace("/v1/evaluations/{id}", scored.url)
    if path.startswith("/v1/commitments/{id}"):
        promise = world.accepted("city")
        world.evidence(promise, by="city"), world.revision(promise, by="city")
        return path.replace("/v1/commitments/{id}", promise.url)
    if path.startswith("/v1/conventions/{id}"):
        return path.replace("/v1/conventions/{id}", world.convention_in_force().url)
    if "{diagnosis_id}" in path:
        diagnosis = world.shared_diagnosis()
        world.finding(diagnosis), world.finding(diagnosis)
        return path.replace("{diagnosis_id}", diagnosis.id)
    if path.startswith("/v1/meetings/{id}"):
        held, invited = world.held_meeting(), world.invitation()
        world.comment(held), world.attendance(held), world.decision(held), world.agenda_point(held)
        if path.endswith("/invitations"):
            return f"/v1/meetings/{invited.json['meeting_id']}/invitations"
        return path.replace("/v1/meetings/{id}", held.url)
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
    place = place_of(world, path)
    for sort in (sorts[0]["enum"] if sorts else [None]):
        params = {"limit": 1, **({"sort": sort} if sort else {})}
        client.get(place, {**params, **everything}).expect(200)
        page = client.get(place, params).expect(200)
        if page.json["next_cursor"]:
            second = client.get(place, {**params, "cursor": page.json["next_cursor"]}).expect(200)
            shown = "features" if "features" in page.json else "items"
            assert second.json[shown] != page.json[shown]


# Of these a new programme has none.
MADE = {"action_plan", "action_sheet", "capitalisation_sheet", "commitment", "contact", "context", "contribution",
        "convention", "diagnosis", "document", "evaluation", "funding", "issue", "lesson", "meeting", "meeting_series",
        "objective", "objective_outcome", "reporter", "rule", "site"}
SINCE = sorted({row[:2] for row in LISTS if row[2] == "updated_since" and row[0].endswith("_list")})


@pytest.mark.parametrize("operation,path", SINCE, ids=[row[0] for row in SINCE])
def test_a_list_of_what_changed_begins_with_the_instant_and_leaves_out_what_is_older(world, operation, path):
    client = world.admin if operation in ADMIN else world.city
    place = place_of(world, path)
    if operation == "answer_due_list":
        held = world.held_meeting(kind="walk")
        world.contribution(meeting_id=held.id), world.published_meeting(held)
    if operation.removesuffix("_list") in MADE:
        getattr(world, operation.removesuffix("_list"))()
    items = client.get(place, {"limit": 200}).expect(200).items
    instants = sorted(item["updated_at"] for item in items)
    for instant in {instants[0], instants[len(instants) // 2], instants[-1]}:
        page = client.get(place, {"limit": 200, "updated_since": instant}).expect(200)
        found = [item["updated_at"] for item in page.items]
        assert instant in found
        assert min(found) >= instant
    page = client.get(place, {"updated_since": "2999-01-01T00:00:00Z"}).expect(200)
    assert (page.items, page.json["next_cursor"]) == ([], None)


def test_what_is_archived_since_is_found_by_its_status(world):
    site = world.site()
    before = site.json["updated_at"]
    world.city.move(site, "archived").expect(200)
    since = {"updated_since": before, "sort": "-updated_at", "limit": 200}
    assert site.id not in [s["id"] for s in world.city.get("/v1/sites", since).expect(200).items]
    both = world.city.get("/v1/sites", {**since, "status": "active,archived"}).expect(200)
    assert both.items[0]["id"] == site.id


@pytest.mark.parametrize("instant", ["2024-03-18", "yesterday", "2024-03-18T09:30:00", "2024-13-18T09:30:00Z"])
def test_an_instant_that_is_none_is_refused_by_name(world, instant):
    answer = world.city.get("/v1/sites", {"updated_since": instant}).expect(400)
    assert [fault["parameter"] for fault in answer.problem.errors] == ["updated_since"]
