"""The contract's bundler: what is written short is written out, and what is
wrong is named with its file and its path."""

import json
import pathlib
import subprocess
import sys

import jsonschema
import pytest

from contract import FORMATS, matches

ROOT = pathlib.Path(__file__).parents[2]
SHARED = (ROOT / "openapi" / "openapi.yaml").read_text(encoding="utf-8")

ACTOR = """
paths:
  /v1/things:
    get:
      operationId: thing_list
      summary: List things
      security: [{ oauth2: [actors.read] }]
      x-roles: [city]
      x-page: { item: thing, sorts: { name: [text, uuid], -at_on: [date, uuid] } }
      parameters:
        - { name: kind, in: query, schema: { type: array, maxItems: 2, items: { type: string, enum: [a, b] } } }
    post:
      operationId: thing_create
      summary: Create a thing
      security: [{ oauth2: [actors.write] }]
      x-roles: [city]
      x-answer: { "201": thing }
      parameters: [{ $ref: "#/components/parameters/idempotency_key" }]
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/thing_new" } } } }
  /v1/things.geojson:
    get:
      operationId: thing_map
      summary: The same on a map
      x-map: thing_list
components:
  schemas:
    thing_new:
      type: object
      additionalProperties: false
      required: [name]
      properties: &fields { name: { type: string, maxLength: 9, example: 2024-01-01 } }
    thing: { type: object, properties: { id: { type: string }, move: { $ref: "#/components/schemas/thing_move" }, <<: *fields } }
    thing_move: { x-like: transition_request, required: [why], properties: { why: { type: integer } } }
"""


def bundle(folder, text, shared=SHARED):
    (folder / "openapi.yaml").write_text(shared, encoding="utf-8")
    (folder / "thing.yaml").write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, ROOT / "api/tools/bundle.py", folder],
                          capture_output=True, text=True, check=False)


@pytest.fixture
def document(tmp_path):
    done = bundle(tmp_path, ACTOR)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_page_is_written_out(document):
    operation = document["paths"]["/v1/things"]["get"]
    names = [p.get("name", p.get("$ref", "").split("/")[-1]) for p in operation["parameters"]]
    assert names == ["kind", "sort", "limit", "cursor"]
    assert operation["parameters"][0]["explode"] is False
    assert operation["parameters"][1]["schema"] == {
        "type": "string", "enum": ["name", "-at_on"], "default": "name"}
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/thing_page"}
    assert "x-page" in operation


def test_a_map_takes_over_what_its_list_asks(document):
    listed, mapped = (document["paths"][path]["get"] for path in ("/v1/things", "/v1/things.geojson"))
    for shared in ("security", "x-roles", "x-page", "parameters"):
        assert mapped[shared] == listed[shared]
    (media, body), = mapped["responses"]["200"]["content"].items()
    assert media == "application/geo+json" and body["schema"] == {"$ref": "#/components/schemas/thing_map"}
    assert body["example"]["features"][0]["properties"]["name"] == "2024-01-01"
    assert mapped["x-map"] == "thing_list"


def test_an_answer_has_its_headers(document):
    operation = document["paths"]["/v1/things"]["post"]
    assert set(operation["responses"]["201"]["headers"]) == {"X-Request-Id", "ETag", "Location"}
    assert "x-answer" not in operation


def test_every_refusal_is_promised(document):
    responses = document["paths"]["/v1/things"]["post"]["responses"]
    assert set(responses) == {"201", "400", "401", "403", "405", "406", "408", "409", "411",
                              "413", "414", "415", "422", "429", "431", "500", "503"}
    assert "411" not in document["paths"]["/v1/things"]["get"]["responses"]
    assert responses["400"] == {"$ref": "#/components/responses/problem"}


def test_a_schema_takes_over_what_it_is_like(document):
    schema = document["components"]["schemas"]["thing_move"]
    assert schema["required"] == ["to", "why"]
    assert list(schema["properties"])[-1] == "why"
    assert schema["additionalProperties"] is False


def test_a_day_stays_a_text(document):
    name = document["components"]["schemas"]["thing"]["properties"]["name"]
    assert name["example"] == "2024-01-01"


def test_a_component_that_nothing_leads_to_is_not_published(document):
    assert set(document["components"]["schemas"]) == {
        "thing", "thing_new", "thing_move", "thing_page", "thing_map", "next_cursor", "problem", "fault",
        "allowed_transitions"}


def test_an_example_is_made_where_none_is_written(document):
    operations = document["paths"]["/v1/things"]
    assert operations["get"]["responses"]["200"]["content"]["application/json"]["example"] == {
        "items": [{"id": "Texte", "move": {"to": "archived", "reason_code": None, "comment": None,
                                           "occurred_at": "2024-05-21T09:30:00.000Z", "why": 1},
                   "name": "2024-01-01"}], "next_cursor": None}
    assert operations["post"]["requestBody"]["content"]["application/json"]["example"] == {
        "name": "2024-01-01"}


def test_only_scopes_in_use_are_published(document):
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert set(flow["scopes"]) == {"actors.read", "actors.write"}


def test_tags_come_from_the_file(document):
    assert document["tags"] == [{"name": "thing"}]


@pytest.mark.parametrize("old, new, reason", [
    ("summary: List things", "summary: a\n      summary: b", "'summary' is defined twice"),
    ("operationId: thing_create", "operationId: thing_list", "operationId thing_list is that of"),
    ("      operationId: thing_create\n", "", "operationId is missing"),
    ("security: [{ oauth2: [actors.read] }]", "", "security is missing"),
    ("x-roles: [city]", "", "x-roles goes with security"),
    ("oauth2: [actors.read]", "oauth2: [actors.raed]", "scope 'actors.raed'"),
    ("x-map: thing_list", "x-map: thing_create", "x-map: no list 'thing_create'"),
    ("x-map: thing_list", "x-map: thing_list\n      x-roles: [city]", "x-roles is that of the list"),
    ("item: thing,", "item: think,", "no schema 'think'"),
    ("[date, uuid]", "[day, uuid]", "sort '-at_on'"),
    ('{ "201": thing }', '{ "201": think }', "no schema 'think'"),
    ("parameters/idempotency_key", "parameters/idempotence", "leads nowhere"),
    ("schemas/thing_new", "schemas/thing_old", "leads nowhere"),
    ("x-like: transition_request", "x-like: transition", "no schema 'transition'"),
    ("x-like: transition_request", "x-like: thing_move", "x-like of itself"),
    ("    thing_new:", "    problem:", "already defined in"),
    ("paths:", "info: {}\npaths:", "belongs in openapi.yaml"),
    ("paths:", "paths: [", "thing.yaml"),
])
def test_a_mistake_is_named_with_its_file(tmp_path, old, new, reason):
    assert old in ACTOR
    done = bundle(tmp_path, ACTOR.replace(old, new, 1))
    assert done.returncode != 0
    assert done.stdout == ""
    assert reason in done.stderr
    assert "thing.yaml" in done.stderr


# --- the repository's own contract -----------------------------------------

# Besides those that the judge of the http tests knows.
matches("siren", r"\d{9}")
matches("siret", r"\d{14}")
matches("rna", r"W\d{9}|W\dM\d{7}")
matches("insee", r"\d[\dAB]\d{3}")


def own_bundle():
    return subprocess.run([sys.executable, ROOT / "api/tools/bundle.py", ROOT / "openapi"],
                          capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def own():
    done = own_bundle()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def media_of(document):
    """(where, in an answer or not, media type, what is said of it)."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{method} {path}", False, kind, media
            for status, response in operation["responses"].items():
                for kind, media in response.get("content", {}).items():
                    yield f"{method} {path} {status}", status[0] == "2", kind, media


def test_the_bundle_is_the_same_each_time(own):
    assert json.loads(own_bundle().stdout) == own


def test_every_body_and_every_good_answer_in_json_has_an_example(own):
    for where, good, kind, media in media_of(own):
        if "json" in kind and "jsonl" not in kind and (good or " " not in where.split(" ", 1)[1]):
            assert "example" in media, f"{where}: no example of {kind}"


def test_every_example_is_what_its_schema_accepts(own):
    resolver = jsonschema.RefResolver.from_schema(own)
    problem = own["components"]["responses"]["problem"]["content"].items()
    for where, _, kind, media in [*media_of(own), *(("problem", False, *of) for of in problem)]:
        if "example" in media:
            faults = [f"{list(fault.absolute_path)}: {fault.message}" for fault in
                      jsonschema.Draft202012Validator(media["schema"], resolver=resolver, format_checker=FORMATS)
                      .iter_errors(media["example"])]
            assert not faults, f"{where}, {kind}: {faults}"


def test_every_tag_is_described_in_both_languages(own):
    assert len(own["tags"]) > 10
    for tag in own["tags"]:
        assert len(tag.get("description", "").split(" · ")) == 2, tag


def test_every_list_of_records_can_be_asked_for_what_changed(own):
    for path, item in own["paths"].items():
        operation = item.get("get", {})
        if "x-page" in operation:
            records = operation["x-page"]["item"] not in ("assignment", "event", "vocabulary")
            given = {"$ref": "#/components/parameters/updated_since"} in operation["parameters"]
            assert given == records, path
