"""A server that is told to stop answers what it has, takes nothing new, and
leaves nothing behind. Each test has a server of its own."""

import os
import signal
import socket
import time

import pytest

from test_front import ALIVE, Line, get, post


@pytest.fixture
def stopping(another_server):
    """A server, a way to tell it to stop, and one to wait until it has."""

    class Stopping:
        def __init__(self):
            self.server = another_server(GUSP_WORKERS="2", GUSP_DRAIN="5")
            self.pid = int((self.server.dir / "api.pid").read_text().split()[0])

        def line(self):
            return Line(self.server)

        def stop(self):
            os.kill(self.pid, signal.SIGTERM)

        def log(self):
            return self.server.log.read_text("utf-8", "replace")

        def gone(self, within=10):
            end = time.monotonic() + within
            while time.monotonic() < end:
                if "goodbye" in self.log():
                    return True
                time.sleep(0.05)
            return False

    return Stopping()


def test_a_request_on_its_way_when_the_server_stops_is_answered(stopping):
    with stopping.line() as busy, stopping.line() as idle:
        assert idle.send(ALIVE).answer().status == 200
        busy.send(post(length=4))
        time.sleep(0.1)
        stopping.stop()
        time.sleep(0.6)
        busy.send(b"body")
        answer = busy.answer()
        assert answer.status == 404
        assert answer.headers["connection"] == "close"
        assert busy.ends()
        assert idle.ends()
    assert stopping.gone()
    assert stopping.log().count('"event":"worker_stopped"') == 2
    assert stopping.log().count('"unanswered":0') == 2


def test_a_kept_connection_gets_one_last_answer(stopping):
    with stopping.line() as kept:
        assert kept.send(ALIVE).answer().headers["connection"] != "close"
        stopping.stop()
        time.sleep(0.05)
        answer = kept.send(ALIVE).answer()
        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        assert kept.ends()


def test_a_server_that_stops_says_so_to_its_balancer(stopping):
    with stopping.line() as balancer:
        assert balancer.send(get("/readyz")).answer().status == 200
        stopping.stop()
        time.sleep(0.05)
        assert balancer.send(get("/readyz")).answer().status == 503


def test_a_stopped_server_accepts_nobody_and_is_gone_within_its_time(stopping):
    begun = time.monotonic()
    with stopping.line() as stuck:
        stuck.send(post(length=4))
        time.sleep(0.1)
        stopping.stop()
        assert stopping.gone(within=8)
    assert 4 < time.monotonic() - begun < 8
    with pytest.raises(OSError):
        socket.create_connection(
            (stopping.server.host, stopping.server.port), 1).recv(1)


def test_no_worker_dies_in_a_life(stopping):
    """Neither of the sandbox nor of its work; Kore would restart it unseen."""
    with stopping.line() as line:
        for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/"):
            line.send(get(path)).answer()
    stopping.stop()
    assert stopping.gone()
    for word in ("sandbox violation", " gone\n", "restarting worker", "ignoring \""):
        assert word not in stopping.log()
