#!/usr/bin/python3
"""Make the served contract: openapi/*.yaml in, one OpenAPI 3.1 document out.

    api/tools/bundle.py openapi/ > build/openapi.json

openapi.yaml comes first, then the others by name; nothing is sorted. What is
written short there is written out here, so that the document is complete for
whoever reads it:

  x-page    {item, sorts} on a GET: parameters limit, cursor and (with several
            sorts) sort, the 200 with schema <item>_page, the header Link.
            Stays in the document: the server reads it.
  x-map     name of a list: this GET shows the same pages as GeoJSON; it takes
            over security, x-roles, x-page and parameters of the list. Stays.
  x-answer  {"200": schema}: that answer with its headers; X-Request-Id always,
            Location with 201, ETag unless x-etag: false. A GET with an ETag
            also gets If-None-Match and 304.
  x-like    in a schema of components: name, or list of names, of schemas
            whose properties and required it takes over before its own, and
            the other keywords it does not say itself.
  x-leaf    true on what writes a record kept in the ledger: the headers that name
            the leaf it made. Stays in the document.
  x-also    operationId of a GET that answers instead where its media type is
            asked for and this one's is not; written into the 200. Stays.
  errors    every operation names the refusals it can meet.
  lists     query parameters of type array get style: form, explode: false.
  tags      an operation without tags gets the stem of its file.
  example   a 2xx answer in JSON and a body get one where none is written
            (example.py).

Of the scopes in openapi.yaml those that some operation needs are published,
of the components those that something refers to; a scope that is not there is
an error, like a key that is defined twice, a reference that leads nowhere, an
operationId used again. Errors name the file and the path in it.
"""

import json
import pathlib
import re
import sys

import yaml

sys.dont_write_bytecode = True
from example import Examples, Unexampled  # noqa: E402

METHODS = ("get", "post", "put", "patch", "delete")
JSON_BODIES = ("application/json", "application/merge-patch+json")
SORT_TYPES = ("text", "uuid", "bigint", "date", "timestamptz", "numeric", "boolean")
MERGED = ("paths", "components", "tags", "x-problems", "x-violations", "x-constraints")
PROBLEM = {"$ref": "#/components/responses/problem"}


class Refused(Exception):
    pass


# Reading -------------------------------------------------------------------

class Loader(yaml.SafeLoader):
    """YAML as JSON sees it: no dates, no yes and no, no octal, no key twice."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
    ("merge", r"^<<$", "<"),
):
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def mapping(loader, node):
    seen = {}
    for key_node, _ in node.value:
        key = key_node.value
        if key_node.tag.endswith(":merge"):
            continue
        if key in seen:
            raise Refused(f"{where(key_node)}: '{key}' is defined twice, first at line {seen[key]}")
        seen[key] = key_node.start_mark.line + 1
    loader.flatten_mapping(node)
    found = {}
    for key_node, value_node in node.value:
        # Keys are strings in JSON: 200 and "200" are one.
        found[str(key_node.value)] = loader.construct_object(value_node, deep=True)
    return found


Loader.add_constructor("tag:yaml.org,2002:map", mapping)


def where(node):
    return f"{node.start_mark.name}:{node.start_mark.line + 1}"


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.load(file, Loader)
    except yaml.YAMLError as error:
        raise Refused(str(error).replace("\n", " ")) from error
    if not isinstance(document, dict):
        raise Refused(f"{path}: not a mapping")
    return document


# Merging -------------------------------------------------------------------

class Bundle:
    def __init__(self):
        self.document = {}
        self.source = {}  # path in the document -> file

    def file_of(self, *path):
        for n in range(len(path), 0, -1):
            if path[:n] in self.source:
                return self.source[path[:n]]
        return "openapi"

    def refuse(self, path, reason):
        raise Refused(f"{self.file_of(*path)}: {' > '.join(path)}: {reason}")

    def put(self, into, path, key, value, file):
        if key in into:
            raise Refused(f"{file}: {' > '.join(path + (key,))}: "
                          f"already defined in {self.file_of(*path, key)}")
        into[key] = value
        self.source[path + (key,)] = file

    def merge(self, file, document, first):
        for section, content in document.items():
            if section not in MERGED:
                if not first:
                    raise Refused(f"{file}: {section}: belongs in openapi.yaml")
                self.put(self.document, (), section, content, file)
            elif section == "tags":
                self.document.setdefault(section, []).extend(content)
            elif section == "components":
                into = self.document.setdefault(section, {})
                for kind, parts in content.items():
                    for name, part in (parts or {}).items():
                        self.put(into.setdefault(kind, {}), (section, kind), name, part, file)
            else:
                for name, part in (content or {}).items():
                    self.put(self.document.setdefault(section, {}), (section,), name, part, file)

    def component(self, kind, name):
        return self.document["components"].get(kind, {}).get(name)


# Schemas -------------------------------------------------------------------

def take_over(bundle, name, circle=()):
    """Write out x-like of a schema, and of those it is like."""
    path = ("components", "schemas", name)
    schema = bundle.component("schemas", name)
    if "x-like" not in schema:
        return schema
    if name in circle:
        bundle.refuse(path, "x-like of itself")
    likes = schema.pop("x-like")
    properties, required = {}, []
    for like in likes if isinstance(likes, list) else [likes]:
        if bundle.component("schemas", like) is None:
            bundle.refuse(path, f"x-like: no schema '{like}'")
        schema["x-like"] = likes  # still a circle for those below
        other = take_over(bundle, like, circle + (name,))
        schema.pop("x-like")
        properties.update(other.get("properties", {}))
        required += [r for r in other.get("required", []) if r not in required]
        for key, value in other.items():
            schema.setdefault(key, value)
    properties.update(schema.get("properties", {}))
    required += [r for r in schema.get("required", []) if r not in required]
    schema["properties"] = properties
    if required:
        schema["required"] = required
    return schema


def add_page_schema(bundle, item):
    schemas = bundle.document["components"]["schemas"]
    schemas.setdefault(f"{item}_page", {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "maxItems": 200,
                      "items": {"$ref": f"#/components/schemas/{item}"}},
            "next_cursor": {"$ref": "#/components/schemas/next_cursor"},
        },
    })


def add_map_schema(bundle, item):
    """A FeatureCollection (RFC 7946) of records: properties are the record,
    its geometry apart."""
    schemas = bundle.document["components"]["schemas"]
    schemas.setdefault(f"{item}_map", {
        "type": "object",
        "required": ["type", "features", "next_cursor"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "maxItems": 200, "items": {
                "type": "object",
                "required": ["type", "id", "geometry", "properties"],
                "properties": {
                    "type": {"type": "string", "enum": ["Feature"]},
                    "id": {"type": "string", "format": "uuid"},
                    "geometry": {"type": ["object", "null"], "format": "geojson-geometry"},
                    "properties": {"$ref": f"#/components/schemas/{item}"},
                },
            }},
            "next_cursor": {"$ref": "#/components/schemas/next_cursor"},
        },
    })


# Operations ----------------------------------------------------------------

def parameter(name):
    return {"$ref": f"#/components/parameters/{name}"}


def header(name):
    return {"$ref": f"#/components/headers/{name}"}


def answer(description, schema, headers, media_type="application/json"):
    return {
        "description": description,
        "headers": {"X-Request-Id": header("request_id"), **headers},
        "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def take_over_list(bundle, path, operation):
    """What an operation with x-map shares with its list."""
    lists = (item.get("get", {}) for item in bundle.document["paths"].values())
    source = next((o for o in lists if o.get("operationId") == operation["x-map"]), {})
    if "x-page" not in source or "x-map" in source:
        bundle.refuse(path, f"x-map: no list '{operation['x-map']}'")
    for key in ("security", "x-roles", "x-page", "parameters"):
        if key in operation:
            bundle.refuse(path, f"x-map: {key} is that of the list")
        if key in source:
            operation[key] = copied(source[key])


def expand_page(bundle, path, operation):
    page = operation["x-page"]
    if not isinstance(page, dict) or set(page) != {"item", "sorts"} or not page["sorts"]:
        bundle.refuse(path, "x-page is {item, sorts}")
    item, sorts = page["item"], page["sorts"]
    if bundle.component("schemas", item) is None:
        bundle.refuse(path, f"x-page: no schema '{item}'")
    for name, types in sorts.items():
        if not isinstance(types, list) or not 1 <= len(types) <= 4 or \
                any(t not in SORT_TYPES for t in types):
            bundle.refuse(path, f"x-page: sort '{name}' is a list of 1 to 4 of {SORT_TYPES}")
    mapped = "x-map" in operation
    (add_map_schema if mapped else add_page_schema)(bundle, item)
    parameters = operation.setdefault("parameters", [])
    if len(sorts) > 1:
        names = list(sorts)
        parameters.append({
            "name": "sort", "in": "query", "required": False,
            "description": "Ordre de la liste · Order of the list",
            "schema": {"type": "string", "enum": names, "default": names[0]},
        })
    parameters += [parameter("limit"), parameter("cursor")]
    operation.setdefault("responses", {})["200"] = answer(
        "Une page · One page", f"{item}_map" if mapped else f"{item}_page", {"Link": header("link")},
        "application/geo+json" if mapped else "application/json")


def expand_answer(bundle, path, operation, method):
    promised = operation.pop("x-answer")
    tagged = operation.pop("x-etag", True)
    if not isinstance(promised, dict) or len(promised) != 1:
        bundle.refuse(path, 'x-answer is {"200": schema}')
    (status, schema), = promised.items()
    if bundle.component("schemas", schema) is None:
        bundle.refuse(path, f"x-answer: no schema '{schema}'")
    headers = {}
    if tagged:
        headers["ETag"] = header("etag")
    if status == "201":
        headers["Location"] = header("location")
    responses = operation.setdefault("responses", {})
    responses[status] = answer(operation["summary"], schema, headers)
    if tagged and method == "get":
        operation.setdefault("parameters", []).append(parameter("if_none_match"))
        responses["304"] = {"$ref": "#/components/responses/not_modified"}


def expand_leaf(operation):
    """What a write of a kept noun says of the leaf that it made."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update({
                "Ledger-Event": header("ledger_event"),
                "Ledger-Leaf-Hash": header("ledger_leaf_hash")})


def expand_also(bundle, path, operation):
    """The answer of the operation that x-also names is one of this one's."""
    others = [item["get"] for item in bundle.document["paths"].values() if "get" in item]
    other = next((o for o in others if o.get("operationId") == operation["x-also"]), None)
    if other is None:
        bundle.refuse(path, f"x-also: no GET '{operation['x-also']}'")
    operation["responses"]["200"]["content"].update(copied(other["responses"]["200"]["content"]))


def resolve(bundle, path, node):
    if "$ref" not in node:
        return node
    target = bundle.document
    for step in node["$ref"].split("/")[1:]:
        target = target.get(step) if isinstance(target, dict) else None
        if target is None:
            bundle.refuse(path, f"$ref '{node['$ref']}' leads nowhere")
    return target


def expand_parameters(bundle, path, operation, shared):
    """Lists are comma separated; returns what the operation takes."""
    taken = []
    for node in shared + operation.get("parameters", []):
        found = resolve(bundle, path, node)
        schema = resolve(bundle, path, found.get("schema", {}))
        if found["in"] == "query" and schema.get("type") == "array":
            found.setdefault("style", "form")
            found.setdefault("explode", False)
        taken.append((found["in"], found["name"].lower()))
    return taken


def refusals(url, operation, taken, public):
    """Statuses that the operation can answer besides its own; 405 by the path
    that it stands on, 408, 414 and 431 while the request arrives."""
    found = {"400", "405", "406", "408", "414", "429", "431", "500", "503"}
    content = operation.get("requestBody", {}).get("content", {})
    if not public:
        found |= {"401", "403"}
    if any(place == "path" for place, _ in taken):
        found |= {"404"}
    if content or operation.get("x-upload"):
        found |= {"411", "413", "415"}
    if any(kind in content for kind in JSON_BODIES) or operation.get("x-upload"):
        found |= {"409", "422"}
    if ("header", "if-match") in taken:
        found |= {"412", "428"}
    if ("header", "idempotency-key") in taken or url.endswith("/transitions"):
        found |= {"409", "422"}
    return sorted(found)


def check_security(bundle, path, operation, scopes, used):
    security = operation.get("security")
    if security is None:
        bundle.refuse(path, "security is missing")
    if bool(security) != ("x-roles" in operation):
        bundle.refuse(path, "x-roles goes with security, and only with it")
    for alternative in security:
        for scope in alternative.get("oauth2", []):
            if scope not in scopes:
                bundle.refuse(path, f"scope '{scope}' is not in openapi.yaml")
            used.add(scope)


def expand_operation(bundle, url, method, operation, shared):
    path = ("paths", url, method)
    for key in ("operationId", "summary"):
        if key not in operation:
            bundle.refuse(path, f"{key} is missing")
    operation.setdefault("tags", [pathlib.Path(bundle.file_of(*path)).stem])
    if "x-page" in operation:
        expand_page(bundle, path, operation)
    if "x-answer" in operation:
        expand_answer(bundle, path, operation, method)
    if operation.get("x-leaf"):
        expand_leaf(operation)
    if "x-also" in operation:
        expand_also(bundle, path, operation)
    taken = expand_parameters(bundle, path, operation, shared)
    responses = operation.setdefault("responses", {})
    if not any(status.startswith("2") for status in responses):
        bundle.refuse(path, "no 2xx answer: x-answer, x-page or responses")
    for status in refusals(url, operation, taken, not operation.get("security")):
        responses.setdefault(status, dict(PROBLEM))
    operation["responses"] = dict(sorted(responses.items()))


def expand(bundle):
    document = bundle.document
    for name in list(document["components"].get("schemas", {})):
        take_over(bundle, name)
    flows = document["components"]["securitySchemes"]["oauth2"]["flows"]
    scopes = flows["clientCredentials"]["scopes"]
    for url, item in document.get("paths", {}).items():
        if "x-map" in item.get("get", {}):
            take_over_list(bundle, ("paths", url, "get"), item["get"])
    ids, used = {}, set()
    for url, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if method not in METHODS:
                continue
            check_security(bundle, ("paths", url, method), operation, scopes, used)
            expand_operation(bundle, url, method, operation, item.get("parameters", []))
            name = operation["operationId"]
            if name in ids:
                bundle.refuse(("paths", url, method), f"operationId {name} is that of {ids[name]}")
            ids[name] = f"{method} {url}"
    flows["clientCredentials"]["scopes"] = {s: t for s, t in scopes.items() if s in used}
    add_tags(document)


def add_tags(document):
    """Tags in the order of their first use, described or not; none unused."""
    described = {tag["name"]: tag for tag in document.get("tags", [])}
    names = {}
    for item in document.get("paths", {}).values():
        for method in METHODS:
            for name in item.get(method, {}).get("tags", []):
                names[name] = described.get(name, {"name": name})
    document["tags"] = list(names.values())


def references(node):
    """Every $ref in a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def drop_unused(bundle):
    """Shared parts that no operation leads to are for later: not published."""
    document, used = bundle.document, set()
    todo = [document.get("paths", {})]
    while todo:
        for reference in references(todo.pop()):
            if reference not in used:
                used.add(reference)
                todo.append(resolve(bundle, ("components",), {"$ref": reference}))
    for kind, parts in list(document["components"].items()):
        if kind == "securitySchemes":
            continue
        for name in list(parts):
            if f"#/components/{kind}/{name}" not in used:
                del parts[name]
        if not parts:
            del document["components"][kind]


def add_examples(bundle):
    """What is not shown by hand is shown by its schema."""
    examples = Examples(bundle.document)
    for url, item in bundle.document.get("paths", {}).items():
        for method in METHODS:
            if method not in item:
                continue
            try:
                examples.add(item[method])
            except Unexampled as reason:
                bundle.refuse(("paths", url, method), str(reason))


def check_references(bundle, node, path=()):
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            resolve(bundle, path, node)
        for key, value in node.items():
            check_references(bundle, value, path + (key,))
    elif isinstance(node, list):
        for n, value in enumerate(node):
            check_references(bundle, value, path + (str(n),))


def copied(node):
    """Without shared parts: an anchor used twice must not be changed twice."""
    return json.loads(json.dumps(node))


def bundle_directory(directory):
    files = sorted(directory.glob("*.yaml"), key=lambda f: (f.name != "openapi.yaml", f.name))
    if not files or files[0].name != "openapi.yaml":
        raise Refused(f"{directory}: no openapi.yaml")
    bundle = Bundle()
    for file in files:
        bundle.merge(str(file), copied(read(file)), file.name == "openapi.yaml")
    expand(bundle)
    check_references(bundle, bundle.document)
    add_examples(bundle)
    drop_unused(bundle)
    return bundle.document


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: bundle.py DIRECTORY")
    try:
        document = bundle_directory(pathlib.Path(sys.argv[1]))
    except Refused as refused:
        sys.exit(f"bundle.py: {refused}")
    json.dump(document, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
