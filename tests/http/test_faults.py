"""The server while something breaks: its database goes and comes back, it is
told to stop, a worker is killed, the schema changes under it, its clients
leave. On a cluster of its own, with servers of its own; longer runs are
"make faults".
"""

import os
import re
import signal
import socket
import struct
import threading
import time
import types

import pytest
import requests

from contract import ROOT
from load import CUT, Asker, Load
from stand import Stand, wait_until
from test_front import Line, get

pytestmark = pytest.mark.skipif(
    "GUSP_WRAP" in os.environ, reason="what is timed is not under valgrind")

BACK_WITHIN_S = 5


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("stand"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def connection(stand):
    """Opened for each use: the database is restarted in between."""
    class Opened:
        def __enter__(self):
            self.it = stand.connect()
            return self.it

        def __exit__(self, *_):
            self.it.close()

    return Opened


@pytest.fixture
def server(stand):
    made = stand.serve()
    yield made
    made.stop()


def asked(server, method, path, **more):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, server.base_url + path, timeout=8,
                               **more)


def in_flight(server):
    """Calls that some worker still waits for."""
    text = asked(server, "GET", "/metrics").text
    return sum(int(n) for n in re.findall(
        r"^db_calls_in_flight\{[^}]*\} (\d+)$", text, re.MULTILINE))


def some_actors(asker, number):
    """Paths and ETags of fresh actors."""
    made = []
    for index in range(number):
        status, body = asker.ask(
            "POST", "/v1/actors",
            {"kind": "association", "name": f"Verrou {time.time()} {index}"},
            Content_Type="application/json",
            Idempotency_Key=f"verrou-{time.time_ns()}-{index}")
        assert status == 201, body
        made.append(types.SimpleNamespace(
            path="/v1/actors/" + body["id"], id=body["id"], etag=asker.etag))
    return made


# --- the database ------------------------------------------------------------


def assert_refuses_politely(server):
    """What a server without a database answers."""
    for method, path in (("GET", "/readyz"), ("POST", "/oauth/token")):
        answer = asked(server, method, path, data=None if method == "GET"
                       else {"grant_type": "client_credentials"},
                       auth=None if method == "GET" else
                       ("01a209f5-4d64-7833-bd76-d16391d10c9f", "x" * 43))
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"].isdigit()
    assert asked(server, "GET", "/livez").status_code == 200
    assert asked(server, "GET", "/metrics").status_code == 200


def test_a_database_that_restarts_costs_refusals_and_nothing_else(
        stand, server, connection):
    workers = server.workers()
    with Load(server, stand.token("city")) as load:
        time.sleep(1)
        stand.stop_database("fast")
        stand.start_database()
        first = time.monotonic()
        time.sleep(3)
        second = time.monotonic()
        stand.stop_database("immediate")
        assert_refuses_politely(server)
        time.sleep(1.5)
        stand.start_database()
        third = time.monotonic()
        time.sleep(BACK_WITHIN_S + 0.5)
    assert load.rude() == []
    assert CUT not in load.count(), load.count()
    assert load.settled(first, second) < 3
    assert load.settled(third) < BACK_WITHIN_S
    assert load.slowest() < 8
    assert load.unknown == set()
    with connection() as database:
        assert load.verify(database) == []
    assert server.workers() == workers
    assert server.deaths() == 0
    assert len(load.acknowledged) > 50


# --- the server itself ---------------------------------------------------------


def test_a_server_that_stops_finishes_the_changes_it_has_begun(
        stand, server, connection):
    """They wait for a row that somebody else holds."""
    token = stand.token("city")
    askers = [Asker(server, token) for _ in range(6)]
    actors = some_actors(askers[0], len(askers))
    with connection() as holder, Line(server) as balancer:
        holder.autocommit = False
        holder.cursor().execute(
            "SELECT FROM actor WHERE id = ANY (%s::uuid[]) FOR UPDATE",
            ([actor.id for actor in actors],))
        results = [None] * len(askers)

        def change(index):
            results[index] = askers[index].ask(
                "PATCH", actors[index].path, {"address": "1, rue Longue"},
                Content_Type="application/merge-patch+json",
                If_Match=actors[index].etag)

        threads = [threading.Thread(target=change, args=(index,))
                   for index in range(len(askers))]
        for thread in threads:
            thread.start()
        assert wait_until(lambda: in_flight(server) == len(askers), 0.6)
        balancer.send(get("/livez")).answer()
        server.terminate()
        time.sleep(0.1)
        answer = balancer.send(get("/readyz")).answer()
        assert answer.status == 503
        holder.rollback()
        for thread in threads:
            thread.join(8)
    assert [result and result[0] for result in results] == [200] * len(askers)
    assert server.wait(within=8) == 0
    assert wait_until(lambda: not server.processes(), 2)
    assert server.deaths() == 0
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port), 1).close()
    with connection() as database, database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM actor WHERE id = ANY (%s::uuid[]) "
            "AND address = '1, rue Longue' AND version = 2",
            ([actor.id for actor in actors],))
        assert cursor.fetchone() == (len(actors),)


def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(
        stand, server, connection):
    before = server.workers()
    with Load(server, stand.token("city")) as load:
        time.sleep(1)
        killed = time.monotonic()
        os.kill(before[0], signal.SIGKILL)
        assert wait_until(lambda: len(server.workers()) == len(before)
                          and before[0] not in server.workers(), 1), \
            server.log_text()[-2000:]
        time.sleep(2)
    assert before[1] in server.workers()
    assert server.deaths() == 1
    assert load.rude() == []
    # Others went on, and those who were cut off came back at once. The new
    # worker may say 503 until it has its keys, never 401.
    assert load.good(killed, killed + 0.5)
    assert load.settled(killed) < 1, load.failed(killed)
    assert load.count().get(CUT, 0) <= len(load.askers)
    assert load.unknown == set()
    with connection() as database:
        assert load.verify(database) == []


# --- the schema ------------------------------------------------------------------

# The same members in another order and type: every plan that reads the view
# goes stale.
RENEWED = """\
DROP VIEW gusp.actor_read;
CREATE VIEW gusp.actor_read WITH (security_invoker = true) AS
SELECT r.writable, r.body::{type} AS body, r.version, r.updated_at, r.status,
       r.rna, r.siret, r.siren, r.institution_id, r.parent_id, r.kind, r.name,
       r.programme_id, r.id
FROM ({definition}) AS r;
GRANT SELECT ON gusp.actor_read TO gusp_member, gusp_auditor, gusp_admin;
"""


def test_a_migration_while_requests_are_served_fails_none_of_them(
        stand, server, connection, tmp_path):
    for migration in (ROOT / "migrations").glob("*.sql"):
        (tmp_path / migration.name).write_bytes(migration.read_bytes())
    with connection() as database, database.cursor() as cursor:
        cursor.execute("SELECT pg_get_viewdef('gusp.actor_read'::regclass)")
        definition = cursor.fetchone()[0].rstrip(" ;")
    with Load(server, stand.token("city")) as load:
        time.sleep(1)
        for number, kind in enumerate(("jsonb", "json", "jsonb", "json")):
            (tmp_path / f"{9001 + number}_again.sql").write_text(
                RENEWED.format(type=kind, definition=definition))
            stand.migrate(tmp_path)
            time.sleep(0.7)
    assert load.failed() == []
    assert '"event":"db_plans_stale"' in server.log_text()
    assert server.deaths() == 0
    with connection() as database:
        assert load.verify(database) == []


# --- its clients -------------------------------------------------------------------


def leave(server, token, index):
    """Begin something and go, in one of several ways."""
    headers = (b"Host: a\r\nAuthorization: Bearer " + token.encode() + b"\r\n")
    body = b'{"kind": "association", "name": "Parti %d"}' % index
    create = (b"POST /v1/actors HTTP/1.1\r\n" + headers
              + b"Content-Type: application/json\r\n"
              b"Idempotency-Key: parti-%016d\r\nContent-Length: %d\r\n\r\n"
              % (index, len(body)))
    read = b"GET /v1/sites?limit=200 HTTP/1.1\r\n" + headers + b"\r\n"
    sent = (read, create + body, create, create + body[:20], read[:40],
            read * 5, read + create + body)[index % 7]
    line = socket.create_connection((server.host, server.port), 5)
    line.sendall(sent)
    if index % 3 == 0:
        time.sleep(0.003)
    if index % 2:
        # A reset instead of an orderly end.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    line.close()


def test_two_hundred_clients_that_leave_midway_leave_nothing_behind(
        stand, server, connection):
    token = stand.token("city")
    for index in range(20):
        leave(server, token, index)
    time.sleep(0.5)
    descriptors, workers = server.descriptors(), server.workers()
    for index in range(20, 220):
        leave(server, token, index)
    assert wait_until(lambda: in_flight(server) == 0, 5)
    assert wait_until(lambda: server.descriptors() <= descriptors, 5), \
        (server.descriptors(), descriptors)
    assert server.workers() == workers
    assert server.deaths() == 0
    with connection() as database, database.cursor() as cursor:
        cursor.execute("SELECT name FROM actor WHERE name LIKE 'Parti %' "
                       "GROUP BY name HAVING count(*) > 1")
        assert cursor.fetchall() == []
    assert asked(server, "GET", "/readyz").status_code == 200
