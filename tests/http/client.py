"""A client of the API as a partner would write it, for tests.

    answer = as_city.post("/v1/issues", {"title": "Lampadaire"})
    answer.status, answer.json, answer.etag, answer.headers, answer.url
    as_city.patch(answer, {"title": "Banc"})              # with its If-Match
    as_bailleur.move(answer, to="accepted")               # a transition
    answer.problem.code                                   # of a refusal

A record may be given as an answer (its url and etag are used) or as a path.
Idempotency-Key is sent with every POST of a record and every transition, a new
one each time unless key= says otherwise; key=None sends none. if_match= takes
an ETag or an answer; None sends none. Every answer is checked against the
contract (contract.py) unless check=False.
"""

import json as json_module
import uuid

import requests

UNSAID = object()


class Problem:
    """The members of a problem as attributes; an absent one is None."""

    def __init__(self, members):
        self.members = members

    def __getattr__(self, name):
        return self.members.get(name)

    @property
    def pointers(self):
        """What errors[] points to, without the leading '#'."""
        return [error.get("pointer", "").lstrip("#")
                for error in self.members.get("errors", [])]

    @property
    def codes(self):
        """The codes of errors[]."""
        return [error.get("code") for error in self.members.get("errors", [])]

    def __repr__(self):
        return json_module.dumps(self.members, ensure_ascii=False)


class Answer:
    """One answer. url is the record's: Location, or the path asked for."""

    def __init__(self, response, method, path):
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.response = response
        self.method = method
        self.path = path
        self.etag = response.headers.get("etag")
        self.url = response.headers.get("location")
        if self.url is None:
            self.url = path.split("?")[0]
            if self.url.endswith("/transitions"):
                self.url = self.url[:-len("/transitions")]
        elif "://" in self.url:
            self.url = "/" + self.url.split("://", 1)[1].split("/", 1)[1]

    @property
    def text(self):
        """The body as text: not of a file, whose coding would be guessed."""
        return self.response.text

    @property
    def json(self):
        """The body as JSON; None if there is none."""
        return json_module.loads(self.body) if self.body else None

    @property
    def id(self):
        """The record's id."""
        return self.json["id"]

    @property
    def items(self):
        """The items of a page."""
        return self.json["items"]

    @property
    def problem(self):
        """The problem of a refusal."""
        assert self.headers.get("content-type", "").startswith(
            "application/problem+json"), f"{self!r} is no problem"
        return Problem(self.json)

    def expect(self, status):
        """Itself, if it has the status; the body is shown if not."""
        assert self.status == status, f"{self!r} instead of {status}"
        return self

    def __repr__(self):
        return (f"{self.method} {self.path} -> {self.status} "
                f"{self.text[:2000]}")


class Client:
    """Speaks as one membership (token None: as nobody)."""

    def __init__(self, base_url, token=None, contract=None, name=None):
        self.base_url = base_url
        self.token = token
        self.contract = contract
        self.name = name or "anonymous"
        self.session = requests.Session()
        # Neither .netrc nor a proxy has a say here.
        self.session.trust_env = False

    def __repr__(self):
        return f"as_{self.name}"

    def request(self, method, target, *, headers=None, params=None, json=None,
                data=None, key=None, if_match=None, content_type=None,
                check=True):
        """One request. json is sent as it is given; data are raw bytes."""
        path = target.url if isinstance(target, Answer) else target
        if path.startswith(self.base_url):
            path = path[len(self.base_url):]
        sent = {}
        if self.token:
            sent["Authorization"] = "Bearer " + self.token
        if json is not None:
            data = json_module.dumps(json, ensure_ascii=False).encode()
            content_type = content_type or "application/json"
        if content_type:
            sent["Content-Type"] = content_type
        if key is not None:
            sent["Idempotency-Key"] = key
        if if_match is not None:
            sent["If-Match"] = (if_match.etag if isinstance(if_match, Answer)
                                else if_match)
        sent.update(headers or {})
        prepared = self.session.prepare_request(requests.Request(
            method, self.base_url + path, headers=sent, params=params,
            data=data))
        response = self.session.send(prepared, timeout=30,
                                     allow_redirects=False)
        answer = Answer(response, method, prepared.path_url)
        if check and self.contract:
            self.contract.check(method, prepared.path_url.split("?")[0],
                                answer)
        return answer

    def get(self, target, params=None, **more):
        """Read a record, a page, anything."""
        return self.request("GET", target, params=params, **more)

    def head(self, target, **more):
        """The headers of a GET."""
        return self.request("HEAD", target, **more)

    def post(self, target, json=None, *, key=UNSAID, **more):
        """Create; with a fresh Idempotency-Key unless key= is given."""
        if key is UNSAID:
            key = str(uuid.uuid4())
        return self.request("POST", target, json=json, key=key, **more)

    def patch(self, target, json=None, *, if_match=UNSAID, **more):
        """Change; with the record's own ETag unless if_match= is given."""
        if if_match is UNSAID:
            if_match = self._etag_of(target)
        more.setdefault("content_type", "application/merge-patch+json")
        return self.request("PATCH", target, json=json, if_match=if_match,
                            **more)

    def delete(self, target, *, if_match=UNSAID, **more):
        """Remove; with the record's own ETag unless if_match= is given."""
        if if_match is UNSAID:
            if_match = self._etag_of(target)
        return self.request("DELETE", target, if_match=if_match, **more)

    def move(self, target, to, *, if_match=UNSAID, key=UNSAID, headers=None,
             check=True, **body):
        """A transition: reason_code=, comment=, occurred_at=, details=."""
        url = target.url if isinstance(target, Answer) else target
        if if_match is UNSAID:
            if_match = self._etag_of(target)
        return self.post(url + "/transitions", {"to": to, **body},
                         if_match=if_match, key=key, headers=headers,
                         check=check)

    def pages(self, target, params=None):
        """Every item of a list, page after page; each page is a 200."""
        params = dict(params or {})
        while True:
            page = self.get(target, params).expect(200).json
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            params["cursor"] = page["next_cursor"]

    def _etag_of(self, target):
        """An answer's own ETag; of a path, or of an answer without one, the
        one that reading it now gives."""
        if isinstance(target, Answer) and target.etag:
            return target.etag
        return self.get(target, check=False).etag
