"""What reaches the server as bytes: malformed, pipelined, slow, oversized.

Plain sockets, because no client library sends such requests. Whatever is
refused is told so by a problem and a closed connection; afterwards the
server answers as before.
"""

import json
import re
import socket
import time

import pytest

HOST = b"Host: api.example.org\r\n"
ALIVE = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Answer:
    def __init__(self, head, body):
        lines = head.decode("ascii").split("\r\n")
        self.version, status = lines[0].split(" ")[:2]
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            assert name.lower() not in self.headers, f"{name} twice"
            self.headers[name.lower()] = value.strip()
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Line:
    """One connection; answers are read one at a time, in order."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.host, server.port), 20)
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))
        return self

    def more(self):
        received = self.socket.recv(65536)
        assert received, f"closed after {self.bytes[:200]!r}"
        self.bytes += received

    def answer(self, head_only=False):
        while b"\r\n\r\n" not in self.bytes:
            self.more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        answer = Answer(head, b"")
        length = int(answer.headers.get("content-length", 0))
        if head_only or answer.status == 100:
            return answer
        while len(self.bytes) < length:
            self.more()
        answer.body, self.bytes = self.bytes[:length], self.bytes[length:]
        return answer

    def ends(self, within=3):
        """No byte more, and an orderly end: not a reset, not silence."""
        self.socket.settimeout(within)
        return self.bytes == b"" and self.socket.recv(1) == b""


@pytest.fixture
def line(server):
    lines = []

    def opened():
        lines.append(Line(server))
        return lines[-1]

    yield opened
    for each in lines:
        each.socket.close()
    with Line(server) as after:
        assert after.send(ALIVE).answer().status == 200


def assert_problem(answer, status, code=None, head_only=False):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["date"].endswith(" GMT")
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    if head_only:
        return
    problem = answer.json
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert {"type", "title", "detail", "code"} <= problem.keys()
    if code is not None:
        assert problem["code"] == code


def assert_refused(line, status, code=None, head_only=False):
    answer = line.answer(head_only)
    assert_problem(answer, status, code, head_only)
    assert answer.headers["connection"] == "close"
    assert line.ends()


def get(path="/livez", *lines):
    return b"GET %s HTTP/1.1\r\n%s%s\r\n" % (
        path.encode(), HOST, b"".join(each + b"\r\n" for each in lines))


def post(body=b"", length=None, path="/nowhere", *lines):
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n%s\r\n%s" % (
        path.encode(), HOST, len(body) if length is None else length,
        b"".join(each + b"\r\n" for each in lines), body)


def with_line(text, method=b"GET"):
    return b"%s /livez HTTP/1.1\r\n%s%s\r\n\r\n" % (method, HOST, text)


def first_line(text):
    return text + b"\r\n" + HOST + b"\r\n"


MALFORMED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_request"),
    "two hosts": (with_line(HOST.rstrip()), 400, "bad_request"),
    "hostile is no host": (
        b"GET / HTTP/1.1\r\nHostile: a\r\n\r\n", 400, "bad_request"),
    "host with a blank": (
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request"),
    "host of 300 bytes": (
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n", 400,
        "bad_request"),
    "two equal lengths": (
        with_line(b"Content-Length: 0\r\nContent-Length: 0", b"POST"), 400,
        "bad_request"),
    "two lengths": (
        with_line(b"Content-Length: 0\r\nContent-Length: 3", b"POST"), 400,
        "bad_request"),
    "a list of lengths": (
        with_line(b"Content-Length: 0, 0", b"POST"), 400, "bad_request"),
    "signed length": (
        with_line(b"Content-Length: +14", b"POST"), 400, "bad_request"),
    "negative length": (
        with_line(b"Content-Length: -1", b"POST"), 400, "bad_request"),
    "length in letters": (
        with_line(b"Content-Length: abc", b"POST"), 400, "bad_request"),
    "length beyond 64 bits": (
        with_line(b"Content-Length: " + b"9" * 40, b"POST"), 413,
        "body_too_large"),
    "chunked": (
        with_line(b"Transfer-Encoding: chunked", b"POST") + b"0\r\n\r\n",
        411, "length_required"),
    "chunked and a length": (
        with_line(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"POST")
        + b"0\r\n\r\n", 411, "length_required"),
    "chunked get": (
        with_line(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 411,
        "length_required"),
    "post without a length": (
        with_line(b"Accept: */*", b"POST"), 411, "length_required"),
    "put without a length": (
        with_line(b"Accept: */*", b"PUT"), 411, "length_required"),
    "patch without a length": (
        with_line(b"Accept: */*", b"PATCH"), 411, "length_required"),
    "get with a body": (
        with_line(b"Content-Length: 3") + b"abc", 400, "body_unexpected"),
    "delete with a body": (
        with_line(b"Content-Length: 3", b"DELETE") + b"abc", 400,
        "body_unexpected"),
    "options with a body": (
        with_line(b"Content-Length: 3", b"OPTIONS") + b"abc", 400,
        "body_unexpected"),
    "bare line feeds": (
        b"GET / HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
    "one bare line feed": (with_line(b"A: b\nC: d"), 400, "bad_request"),
    "a bare carriage return": (with_line(b"A: b\rC: d"), 400, "bad_request"),
    "a folded line": (with_line(b"A: b\r\n c"), 400, "bad_request"),
    "a folded first line": (
        b"GET / HTTP/1.1\r\n A: b\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "nul in a value": (with_line(b"A: b\0c"), 400, "bad_request"),
    "nul in a name": (with_line(b"A\0: b"), 400, "bad_request"),
    "a control byte": (with_line(b"A: b\x01"), 400, "bad_request"),
    "a delete byte": (with_line(b"A: b\x7f"), 400, "bad_request"),
    "an accent in a value": (
        with_line("A: é".encode()), 400, "bad_request"),
    "latin 1 in a value": (with_line(b"A: \xe9"), 400, "bad_request"),
    "an accent in a name": (
        with_line("é: a".encode()), 400, "bad_request"),
    "a blank before the colon": (with_line(b"A : b"), 400, "bad_request"),
    "no colon": (with_line(b"nothing"), 400, "bad_request"),
    "no name": (with_line(b": b"), 400, "bad_request"),
    "two authorizations": (
        with_line(b"Authorization: a\r\nAuthorization: b"), 400,
        "bad_request"),
    "129 lines": (
        with_line(b"\r\n".join([b"A: b"] * 128)), 431, "header_too_large"),
    "a header of 20000 bytes": (
        with_line(b"A: " + b"b" * 20000), 431, "header_too_large"),
    "a path of 1900 bytes": (
        first_line(b"GET /" + b"a" * 1899 + b" HTTP/1.1"), 414,
        "uri_too_long"),
    "a query of 1900 bytes": (
        first_line(b"GET /?" + b"a" * 1900 + b" HTTP/1.1"), 414,
        "uri_too_long"),
    "a path of 20000 bytes": (
        first_line(b"GET /" + b"a" * 20000 + b" HTTP/1.1"), 414,
        "uri_too_long"),
    "an encoded nul": (
        first_line(b"GET /livez%00 HTTP/1.1"), 400, "bad_request"),
    "an accent in the path": (
        first_line("GET /é HTTP/1.1".encode()), 400, "bad_request"),
    "a fragment": (first_line(b"GET /livez#a HTTP/1.1"), 400, "bad_request"),
    "an absolute target": (
        first_line(b"GET http://api.example.org/livez HTTP/1.1"), 400,
        "bad_request"),
    "an asterisk": (first_line(b"OPTIONS * HTTP/1.1"), 400, "bad_request"),
    "an unknown method": (
        first_line(b"BREW / HTTP/1.1"), 501, "method_unknown"),
    "trace": (first_line(b"TRACE / HTTP/1.1"), 501, "method_unknown"),
    "connect": (
        first_line(b"CONNECT a.example:1 HTTP/1.1"), 501, "method_unknown"),
    "a method in lower case": (
        first_line(b"get /livez HTTP/1.1"), 501, "method_unknown"),
    "version 2.0": (first_line(b"GET / HTTP/2.0"), 505, "version_unknown"),
    "version 1.2": (first_line(b"GET / HTTP/1.2"), 505, "version_unknown"),
    "version 0.9": (first_line(b"GET / HTTP/0.9"), 505, "version_unknown"),
    "http 2 without tls": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_unknown"),
    "patch of version 1.0": (
        b"PATCH / HTTP/1.0\r\n" + HOST + b"Content-Length: 0\r\n\r\n", 505,
        "version_unknown"),
    "version in lower case": (
        first_line(b"GET / http/1.1"), 400, "bad_request"),
    "no version": (first_line(b"GET /livez"), 400, "bad_request"),
    "a fourth word": (first_line(b"GET / HTTP/1.1 x"), 400, "bad_request"),
    "two blanks": (first_line(b"GET  / HTTP/1.1"), 400, "bad_request"),
    "a tab": (first_line(b"GET\t/ HTTP/1.1"), 400, "bad_request"),
    "a tls handshake": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400,
        "bad_request"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_request_is_refused_with_a_problem(line, case):
    request, status, code = MALFORMED[case]
    assert_refused(line().send(request), status, code)


def test_a_refusal_of_head_has_no_body(line):
    asked = line().send(with_line(b"Content-Length: 3", b"HEAD") + b"abc")
    assert_refused(asked, 400, head_only=True)


def test_a_refusal_echoes_the_request_id(line):
    asked = line().send(
        first_line(b"BREW / HTTP/1.1\r\nX-Request-Id: partner-0042"))
    answer = asked.answer()
    assert_problem(answer, 501)
    assert answer.headers["x-request-id"] == "partner-0042"


def test_a_malformed_request_id_is_replaced(line):
    asked = line().send(
        first_line(b"BREW / HTTP/1.1\r\nX-Request-Id: a<b>c d e f g"))
    assert REQUEST_ID.fullmatch(asked.answer().headers["x-request-id"])


def a_guarded_path(line):
    """One that needs a token and no parameter."""
    document = line().send(get("/openapi.json")).answer().json
    for path, item in document["paths"].items():
        if "{" not in path and item.get("get", {}).get("security"):
            return path
    pytest.skip("the contract has no such path")


def test_forty_header_lines_lose_none(line):
    path = a_guarded_path(line)
    filler = [b"X-Filler-%d: %d" % (i, i) for i in range(38)]
    without = line().send(get(path, *filler)).answer()
    assert_problem(without, 401, "token_missing")
    last = line().send(get(path, *filler, b"Authorization: Bearer x")).answer()
    assert last.status in (400, 401)
    assert last.json["code"] != "token_missing"


def test_empty_header_values_are_as_good_as_absent(line):
    asked = line().send(get("/livez", b"Accept:", b"If-None-Match: \t",
                            b"Authorization:", b"X-Nothing:"))
    assert asked.answer().status == 200


def test_empty_lines_before_a_request_are_skipped(line):
    assert line().send(b"\r\n\r\n", ALIVE).answer().status == 200


def test_a_connection_serves_one_request_after_another(line):
    kept = line()
    for _ in range(5):
        answer = kept.send(ALIVE).answer()
        assert answer.status == 200
        assert answer.headers["connection"] == "keep-alive"
        assert kept.send(post(b"{}")).answer().status == 404


def test_pipelined_requests_are_all_answered_in_order(line):
    several = line().send(
        ALIVE, post(b"x" * 1000), ALIVE, get("/nowhere"), ALIVE)
    assert [several.answer().status for _ in range(5)] == [
        200, 404, 200, 404, 200]


def test_many_pipelined_requests_are_answered_without_pauses(line):
    several, begun = line(), time.monotonic()
    several.send(ALIVE * 300)
    assert {several.answer().status for _ in range(300)} == {200}
    assert time.monotonic() - begun < 10


def test_a_refused_pipelined_request_spares_the_one_before(line):
    several = line().send(ALIVE, first_line(b"BREW / HTTP/1.1"), ALIVE)
    assert several.answer().status == 200
    assert_refused(several, 501)


def test_a_request_in_many_packets_is_one_request(line):
    slow = line()
    for byte in ALIVE:
        slow.send(bytes([byte]))
        time.sleep(0.002)
    assert slow.answer().status == 200


def test_a_body_in_many_packets_ends_where_it_said(line):
    """What follows its last byte in the same packet is vetted too."""
    slow = line().send(post(length=10))
    for part in (b"012", b"3456", b"789" + ALIVE
                 + first_line(b"BREW / HTTP/1.1")):
        time.sleep(0.05)
        slow.send(part)
    assert slow.answer().status == 404
    assert slow.answer().status == 200
    assert_refused(slow, 501)


def test_bytes_beyond_the_length_are_the_next_request(line):
    more = line().send(post(b"12345" + ALIVE, length=5))
    assert more.answer().status == 404
    assert more.answer().status == 200


@pytest.mark.parametrize("rest", [b"\0" * 100_000, b"{}" * 50_000])
def test_a_body_longer_than_its_length_never_hangs(line, rest):
    begun = time.monotonic()
    more = line().send(post(b"ab" + rest, length=2))
    assert more.answer().status == 404
    answer = more.answer()
    assert answer.status in (400, 414)
    assert_problem(answer, answer.status)
    assert time.monotonic() - begun < 3


def test_a_client_that_expects_100_continue_is_told_to_go_on(line):
    careful = line().send(
        post(b"", 3, "/nowhere", b"Expect: 100-continue"))
    assert careful.answer().status == 100
    assert careful.send(b"abc").answer().status == 404


def test_a_client_that_expects_100_continue_is_told_that_it_is_too_much(line):
    careful = line().send(
        post(b"", 300 * 1024, "/nowhere", b"Expect: 100-continue"))
    assert_refused(careful, 413, "body_too_large")


def test_a_body_above_256_kib_is_refused_while_it_is_sent(line):
    assert_refused(line().send(post(b"x" * (256 * 1024 + 1))), 413,
                   "body_too_large")


def test_a_body_of_256_kib_is_read(line):
    assert line().send(post(b"x" * (256 * 1024))).answer().status == 404


UPLOAD = "/v1/documents?title=Plan&kind=plan"
TEN_MIB = 10 * 1024 * 1024
STRANGERS = {
    "nobody": ([], 401, "token_missing"),
    "a password": ([b"Authorization: Basic YTpi"], 401, "token_missing"),
    "no token": ([b"Authorization: Bearer"], 400, "token_malformed"),
    "junk": ([b"Authorization: Bearer junk"], 401, "invalid_token"),
    "an unsigned token": (
        [b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30."], 401,
        "invalid_token"),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_large_body_of_a_stranger_is_refused_before_it_is_sent(line, who):
    """Not one byte of it is, nor asked for."""
    lines, status, code = STRANGERS[who]
    for more in ([], [b"Expect: 100-continue"]):
        asked = line().send(post(b"", TEN_MIB, UPLOAD, *lines, *more))
        answer = asked.answer()
        assert_problem(answer, status, code)
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.headers["connection"] == "close"
        assert asked.ends()


def test_a_refused_large_body_is_told_to_scripts_and_in_their_language(line):
    answer = line().send(post(
        b"", TEN_MIB, UPLOAD, b"Origin: https://front.example",
        b"Accept-Language: en", b"X-Request-Id: partner-0042")).answer()
    assert_problem(answer, 401, "token_missing")
    assert answer.headers["access-control-allow-origin"] \
        == "https://front.example"
    assert answer.headers["content-language"] == "en"
    assert answer.headers["x-request-id"] == "partner-0042"
    answer = line().send(post(
        b"", TEN_MIB, UPLOAD, b"Origin: https://other.example")).answer()
    assert "access-control-allow-origin" not in answer.headers


def test_only_the_method_of_an_upload_takes_a_large_body(line):
    large = post(b"", TEN_MIB, UPLOAD).replace(b"POST", b"PATCH", 1)
    assert_refused(line().send(large), 413, "body_too_large")


def test_connection_close_is_honoured_in_any_spelling(line):
    for wish in (b"close", b"Close", b"keep-alive, close"):
        asked = line().send(get("/livez", b"Connection: " + wish))
        assert asked.answer().headers["connection"] == "close"
        assert asked.ends()


def test_version_1_0_is_answered_and_closed(line):
    old = line().send(b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n")
    assert old.answer().status == 200
    assert old.ends()


def test_a_client_that_stopped_sending_still_gets_its_answer(line):
    half = line().send(ALIVE, get("/nowhere"))
    half.socket.shutdown(socket.SHUT_WR)
    assert half.answer().status == 200
    assert half.answer().status == 404
    assert half.ends()


def test_slow_requests_are_given_up_and_idle_connections_are_not(line):
    """Five seconds for a header block, also drop by drop; fifteen for a body."""
    idle, stalled, body = line(), line(), line()
    assert idle.send(ALIVE).answer().status == 200
    begun = time.monotonic()
    stalled.send(ALIVE[:-2])
    body.send(post(b"abc", length=10))
    dripped = line().send(b"GET /livez HTTP/1.1\r\nX: ")
    for _ in range(12):
        time.sleep(0.5)
        try:
            dripped.send(b"y")
        except OSError:
            break
    for slow in (stalled, dripped):
        assert_problem(slow.answer(), 408, "request_timeout")
    assert 5 <= time.monotonic() - begun < 10
    assert_problem(body.answer(), 408, "request_timeout")
    assert 15 <= time.monotonic() - begun < 18
    assert idle.send(ALIVE).answer().status == 200
