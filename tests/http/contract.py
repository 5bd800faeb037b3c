"""The contract as a judge: every answer against what its operation declares.

An answer must have a declared status, media type and required headers, and a
body that its schema accepts. Objects that list their properties are taken as
closed here, though the published contract leaves them open: a member that
nobody declared is a leak. Problems must be declared too, save those that are
sent before a request has an operation.
"""

import copy
import json
import pathlib
import re
import uuid

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Sent by the front filter to what is no request of the operation: a body where
# none is taken, another HTTP. By it and by the router when there is none.
NOT_ITS_OWN = {411, 413, 505}
NO_ROUTE = NOT_ITS_OWN | {400, 404, 405, 408, 414, 431, 501, 503}

FORMATS = jsonschema.FormatChecker(formats=())


def matches(name, pattern):
    """Declare a format by a regular expression."""
    compiled = re.compile(pattern)
    FORMATS.checks(name)(
        lambda value: not isinstance(value, str)
        or compiled.fullmatch(value) is not None)


DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
matches("date", DATE)
matches("date-time", DATE + r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z")
matches("uri", r"[a-z][a-z0-9+.-]*:\S+")
matches("uri-reference", r"\S*")
matches("email", r"[^@\s]+@[^@\s]+")


@FORMATS.checks("uuid")
def is_uuid(value):
    if not isinstance(value, str):
        return True
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False


def closed(schema):
    """The same schema, with every object that lists its members closed."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) \
            and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    if isinstance(schema.get("allOf"), list):
        # Each part alone would refuse the members of the others.
        for part in made["allOf"]:
            part.pop("additionalProperties", None)
        made.pop("additionalProperties", None)
        made["unevaluatedProperties"] = False
    return made


class Contract:
    """The bundled document, its operations found by method and path."""

    def __init__(self, path=ROOT / "build" / "openapi.json"):
        self.document = json.loads(pathlib.Path(path).read_text("utf-8"))
        judged = copy.deepcopy(self.document)
        components = judged.get("components", {})
        components["schemas"] = self._closed_schemas(components)
        self.judged = judged
        self.resolver = jsonschema.RefResolver.from_schema(judged)
        self.paths = [(re.compile(re.sub(r"\\\{[^}]+\\\}", "([^/]+)",
                                         re.escape(template)) + r"\Z"),
                       template, item)
                      for template, item in judged["paths"].items()]
        # Literal segments win over parameters.
        self.paths.sort(key=lambda path: path[1].count("{"))
        self.seen = {}
        self.validators = {}

    @staticmethod
    def _closed_schemas(components):
        schemas = components.get("schemas", {})
        composed = set(re.findall(r'"#/components/schemas/([^"]+)"',
                                  json.dumps([s.get("allOf") for s in
                                              schemas.values()
                                              if isinstance(s, dict)])))
        made = {}
        for name, schema in schemas.items():
            made[name] = closed(schema)
            if name in composed:
                made[name].pop("additionalProperties", None)
        return made

    def operation(self, method, path):
        """The operation of a request, or None."""
        method = "get" if method == "HEAD" else method.lower()
        for pattern, _, item in self.paths:
            if pattern.match(path):
                return item.get(method)
        return None

    def check(self, method, path, answer):
        """Raise AssertionError if the answer breaks the contract."""
        operation = self.operation(method, path)
        name = operation["operationId"] if operation else "no operation"
        where = f"{name}: {method} {path} -> {answer.status}"
        if operation:
            self.seen.setdefault(name, set()).add(answer.status)
        if method == "OPTIONS" and not operation:
            return
        declared = self._declared(operation, answer.status, where)
        self._check_headers(declared, answer, where)
        self._check_body(declared, method, answer, where)

    def _declared(self, operation, status, where):
        responses = operation["responses"] if operation else {}
        declared = responses.get(str(status))
        if declared is None and status == 304 and "200" in responses:
            return {}  # the 200 without its body (RFC 9110 15.4.5)
        if operation is None and status == 308:
            return {"headers": {"location": {"required": True}}}  # one slash too far
        if declared is None:
            anyway = NOT_ITS_OWN if operation else NO_ROUTE
            assert status in anyway, f"{where}: status not in the contract"
            declared = {"$ref": "#/components/responses/problem"}
        if "$ref" in declared:
            declared = self.resolver.resolve(declared["$ref"])[1]
        return declared

    def _check_headers(self, declared, answer, where):
        assert "date" in answer.headers, f"{where}: no Date header"
        for header, spec in declared.get("headers", {}).items():
            if "$ref" in spec:
                spec = self.resolver.resolve(spec["$ref"])[1]
            if spec.get("required"):
                assert header in answer.headers, f"{where}: no {header} header"

    def _check_body(self, declared, method, answer, where):
        content = declared.get("content")
        if method == "HEAD" or answer.status in (204, 304) or not content:
            assert answer.body == b"", f"{where}: a body nobody declared"
            return
        media_type = answer.headers.get("content-type", "").split(";")[0]
        full = answer.headers.get("content-type", "")
        declared_as = next((content[key] for key in content
                            if key in (full, media_type)
                            or key.split(";")[0] == media_type), None)
        assert declared_as is not None, \
            f"{where}: {full or 'no media type'}, declared: {list(content)}"
        schema = declared_as.get("schema")
        if schema is None or "json" not in media_type \
                or any(lines in media_type for lines in ("jsonl", "ndjson", "json-seq")):
            return
        self._validate(schema, answer.json, where)

    def _validate(self, schema, value, where):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                closed(schema), resolver=self.resolver,
                format_checker=FORMATS)
        errors = [f"  /{'/'.join(map(str, error.absolute_path))}: "
                  f"{error.message[:300]}"
                  for error in self.validators[key].iter_errors(value)]
        assert not errors, f"{where}: the body breaks its schema\n" \
            + "\n".join(errors[:10])
