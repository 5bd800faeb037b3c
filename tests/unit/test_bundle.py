"""The contract's bundler: what is written short is written out, and what is
wrong is named with its file and its path."""

import json
import pathlib
import subprocess
import sys

import pytest

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
components:
  schemas:
    thing_new:
      type: object
      additionalProperties: false
      required: [name]
      properties: &fields { name: { type: string, maxLength: 9, example: 2024-01-01 } }
    thing: { type: object, properties: { id: { type: string }, <<: *fields } }
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


def test_an_answer_has_its_headers(document):
    operation = document["paths"]["/v1/things"]["post"]
    assert set(operation["responses"]["201"]["headers"]) == {"X-Request-Id", "ETag", "Location"}
    assert "x-answer" not in operation


def test_every_refusal_is_promised(document):
    responses = document["paths"]["/v1/things"]["post"]["responses"]
    assert set(responses) == {"201", "400", "401", "403", "406", "409", "413", "415",
                              "422", "429", "500", "503"}
    assert responses["400"] == {"$ref": "#/components/responses/problem"}


def test_a_schema_takes_over_what_it_is_like(document):
    schema = document["components"]["schemas"]["thing_move"]
    assert schema["required"] == ["to", "why"]
    assert list(schema["properties"])[-1] == "why"
    assert schema["additionalProperties"] is False


def test_a_day_stays_a_text(document):
    name = document["components"]["schemas"]["thing"]["properties"]["name"]
    assert name["example"] == "2024-01-01"


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


def test_the_repositorys_own_contract_can_be_bundled():
    done = subprocess.run([sys.executable, ROOT / "api/tools/bundle.py", ROOT / "openapi"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
