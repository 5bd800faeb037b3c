"""Each size at its limit and one beyond it; and the sandbox of the workers,
which no request may lead them to break. What the server's log says of its
whole life is asked once more by tests/run.sh, after the last test.
"""

import json

import pytest

from stand import DIED
from test_front import HOST, Line, assert_refused

# api/vet.h
BODY = 256 * 1024
BLOCK = 16384
LINES = 128
TARGET = 1900  # the first length that is too long


def actor_of(size):
    """The JSON of an actor, filled up with blanks."""
    text = json.dumps({"kind": "association", "name": "Taille limite"})
    return text.encode().ljust(size)


@pytest.mark.parametrize("size", [BODY - 1, BODY])
def test_a_body_up_to_the_limit_is_read_whole(as_city, size):
    answer = as_city.post("/v1/actors", data=actor_of(size),
                          content_type="application/json").expect(201)
    assert answer.json["name"] == "Taille limite"


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(server,
                                                              as_city):
    with Line(server) as line:
        line.send(b"POST /v1/actors HTTP/1.1\r\n" + HOST,
                  b"Authorization: Bearer " + as_city.token.encode(),
                  b"\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % (BODY + 1))
        assert_refused(line, 413, "body_too_large")


def block_of(size):
    head = b"GET /livez HTTP/1.1\r\n" + HOST + b"X-Filler: "
    return head + b"a" * (size - len(head) - 4) + b"\r\n\r\n"


def test_a_header_block_of_the_limit_is_read(server):
    for size in (BLOCK - 1, BLOCK):
        with Line(server) as line:
            assert line.send(block_of(size)).answer().status == 200


def test_a_header_block_beyond_the_limit_is_refused(server):
    with Line(server) as line:
        line.send(block_of(BLOCK + 1))
        assert_refused(line, 431, "header_too_large")


def lines_of(number):
    """Host is one of them."""
    return (b"GET /livez HTTP/1.1\r\n" + HOST + b"A: b\r\n" * (number - 1)
            + b"\r\n")


def test_as_many_header_lines_as_the_limit_are_read(server):
    for number in (LINES - 1, LINES):
        with Line(server) as line:
            assert line.send(lines_of(number)).answer().status == 200


def test_one_header_line_beyond_the_limit_is_refused(server):
    with Line(server) as line:
        line.send(lines_of(LINES + 1))
        assert_refused(line, 431, "header_too_large")


def target_of(size, path=b"/"):
    return (b"GET " + path.ljust(size, b"a") + b" HTTP/1.1\r\n" + HOST
            + b"\r\n")


@pytest.mark.parametrize("path", [b"/", b"/nowhere?q="])
def test_a_target_below_the_limit_is_looked_up(server, path):
    with Line(server) as line:
        assert line.send(target_of(TARGET - 1, path)).answer().status == 404


@pytest.mark.parametrize("path", [b"/", b"/nowhere?q="])
def test_a_target_of_the_limit_is_refused(server, path):
    with Line(server) as line:
        line.send(target_of(TARGET, path))
        assert_refused(line, 414, "uri_too_long")


def test_no_worker_of_the_server_has_died_or_broken_its_sandbox(server):
    """Neither by what came before nor by these sizes (a body of the limit
    goes through a file)."""
    text = server.log.read_text("utf-8", "replace")
    assert "seccomp sandbox enabled" in text
    assert DIED.findall(text) == []
