"""Readers and writers who remember what they were told.

    with Load(server, token) as load:
        ... break something ...
    assert load.verify(connection) == []

Three kinds of client, each with a connection of its own: readers; writers,
which create actors and send each one again with its Idempotency-Key until it
is acknowledged; changers, each of which changes one actor over and over with
If-Match. What the database has afterwards is compared with what was
acknowledged: nothing of that may be missing, nothing may be there twice, and
no version may be skipped.
"""

import http.client
import json
import threading
import time
import uuid

HANG_S = 8
REQUESTS_A_CONNECTION = 40  # so that every worker gets some, all the time

# How a request ended, if not by a status.
CUT = "cut"
HANG = "hang"


class Event:
    """One request, as its client saw it."""

    __slots__ = ("begun", "ended", "method", "path", "result", "retry_after")

    def __init__(self, begun, method, path, result, retry_after):
        self.begun = begun
        self.ended = time.monotonic()
        self.method, self.path = method, path
        self.result = result  # a status, CUT or HANG
        self.retry_after = retry_after

    @property
    def good(self):
        return self.result in (200, 201)

    def __repr__(self):
        return (f"{self.method} {self.path} -> {self.result} after "
                f"{self.ended - self.begun:.3f} s")


class Asker:
    """One keep-alive connection; opened anew when it was cut."""

    def __init__(self, server, token):
        self.server, self.token = server, token
        self.connection = None
        self.asked = 0  # on this connection
        self.etag = None  # of the last answer
        self.events = []

    def ask(self, method, path, body=None, **headers):
        """The status and the body as JSON; (CUT or HANG, None)."""
        sent = {"Authorization": "Bearer " + self.token}
        sent.update({name.replace("_", "-"): value
                     for name, value in headers.items()})
        if body is not None:
            body = json.dumps(body)
        begun = time.monotonic()
        retry_after = None
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    self.server.host, self.server.port, timeout=HANG_S)
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
            text = answer.read()
            result = answer.status
            retry_after = answer.getheader("retry-after")
            self.etag = answer.getheader("etag")
            self.asked += 1
            if answer.getheader("connection") == "close" \
                    or self.asked == REQUESTS_A_CONNECTION:
                self.close()
        except TimeoutError:
            result, text = HANG, None
        except (OSError, http.client.HTTPException):
            result, text = CUT, None
        if text is None:
            self.close()
        self.events.append(Event(begun, method, path, result, retry_after))
        return result, json.loads(text) if text else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None
        self.asked = 0


class Load:
    def __init__(self, server, token, readers=8, writers=6, changers=2):
        self.server, self.token = server, token
        self.tag = "Charge " + uuid.uuid4().hex[:8]
        self.stopping = threading.Event()
        self.given_up = threading.Event()
        self.askers = []
        self.acknowledged = {}  # name -> id
        self.unknown = set()    # names never acknowledged
        self.changes = {}       # id of an actor -> (acknowledged, perhaps)
        self.faults = []        # what no client should have seen
        self.threads = []
        for work, number in ((self._read, readers), (self._write, writers),
                             (self._change, changers)):
            for index in range(number):
                asker = Asker(server, token)
                self.askers.append(asker)
                self.threads.append(threading.Thread(
                    target=self._guarded, args=(work, asker, index),
                    daemon=True))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        """Writers end what they have begun, for a while."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(HANG_S)
        self.given_up.set()
        for thread in self.threads:
            thread.join(HANG_S + 1)
        for asker in self.askers:
            asker.close()

    def _guarded(self, work, asker, index):
        try:
            work(asker, index)
        except Exception as error:  # a thread's would be lost
            self.faults.append(f"{work.__name__}: {error!r}")

    def _read(self, asker, index):
        paths = ("/v1/actors?limit=20", "/v1/sites?limit=20",
                 "/v1/quartiers", "/v1/actors?sort=-updated_at&limit=5")
        while not self.stopping.is_set():
            status, body = asker.ask("GET", paths[index % len(paths)])
            index += 1
            if status == 200 and "items" not in body:
                self.faults.append(f"a page without items: {body}")
            if status != 200:
                time.sleep(0.02)

    def _create(self, asker, name):
        """Until it is acknowledged; its id, or None."""
        key = str(uuid.uuid4())
        self.unknown.add(name)
        while not self.given_up.is_set():
            status, body = asker.ask(
                "POST", "/v1/actors", {"kind": "association", "name": name},
                Content_Type="application/json", Idempotency_Key=key)
            if status == 201:
                self.acknowledged[name] = body["id"]
                self.unknown.discard(name)
                return body["id"]
            # 409: the first try is still on its way.
            if status not in (503, 409, CUT, HANG):
                self.faults.append(f"creating: {status} {body}")
                return None
            time.sleep(0.05)
        return None

    def _write(self, asker, index):
        sequence = 0
        while not self.stopping.is_set():
            self._create(asker, f"{self.tag} {index} {sequence}")
            sequence += 1

    def _look(self, asker, path):
        """Read a record, for its ETag; False if time is up."""
        while not self.given_up.is_set():
            status, body = asker.ask("GET", path)
            if status == 200:
                return True
            if status not in (503, CUT, HANG):
                self.faults.append(f"looking: {status} {body}")
                return False
            time.sleep(0.05)
        return False

    def _change(self, asker, index):
        actor = self._create(asker, f"{self.tag} registre {index}")
        if actor is None:
            return
        path, number = f"/v1/actors/{actor}", 0
        acknowledged, perhaps = self.changes[actor] = [], set()
        there = self._look(asker, path)
        while there and not self.stopping.is_set():
            number += 1
            status, body = asker.ask(
                "PATCH", path, {"address": str(number)},
                Content_Type="application/merge-patch+json",
                If_Match=asker.etag)
            if status == 200:
                acknowledged.append(str(number))
                continue
            # 412: one that was given up has come after all.
            if status in (503, CUT, HANG):
                perhaps.add(str(number))
            elif status != 412:
                self.faults.append(f"changing: {status} {body}")
            time.sleep(0.05)
            there = self._look(asker, path)

    # --- afterwards ---------------------------------------------------------

    def events(self, since=0.0, until=float("inf")):
        """Requests begun and ended in a span of time, in their order."""
        found = [event for asker in self.askers for event in asker.events
                 if since <= event.begun and event.ended < until]
        return sorted(found, key=lambda event: event.begun)

    def failed(self, since=0.0, until=float("inf")):
        return [event for event in self.events(since, until)
                if not event.good]

    def good(self, since=0.0, until=float("inf")):
        return [event for event in self.events(since, until) if event.good]

    def count(self):
        """How many requests ended how."""
        counted = {}
        for event in self.events():
            counted[event.result] = counted.get(event.result, 0) + 1
        return counted

    def rude(self):
        """Refusals that do not say when to come again, and what is neither an
        answer nor a refusal that a fault explains."""
        return [event for event in self.failed()
                if event.result not in (503, 409, 412, CUT)
                or event.result in (503, 409)
                and not (event.retry_after or "").isdigit()]

    def settled(self, since, until=float("inf")):
        """Seconds after since until requests failed no more."""
        last = max((event.begun for event in self.failed(since, until)),
                   default=since)
        assert self.good(last, until), "it did not come back"
        return last - since

    def slowest(self):
        return max(event.ended - event.begun for event in self.events())

    def verify(self, connection):
        """What the database has wrong, in words; also what clients saw that
        they should not have."""
        wrong = list(self.faults)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, array_agg(id::text) FROM actor "
                "WHERE name LIKE %s GROUP BY name", (self.tag + "%",))
            stored = dict(cursor.fetchall())
            wrong += [f"lost: {name}" for name in self.acknowledged
                      if name not in stored]
            wrong += [f"twice: {name}" for name, ids in stored.items()
                      if len(ids) > 1]
            wrong += [f"another: {name}" for name, ids in stored.items()
                      if ids[0] != self.acknowledged.get(name, ids[0])]
            wrong += [f"of nobody: {name}" for name in stored
                      if name not in self.acknowledged
                      and name not in self.unknown]
            for actor, (acknowledged, perhaps) in self.changes.items():
                wrong += self._verify_changes(cursor, actor, acknowledged,
                                              perhaps)
        return wrong

    @staticmethod
    def _verify_changes(cursor, actor, acknowledged, perhaps):
        cursor.execute(
            "SELECT subject_version, jsonb_path_query_first(changes, "
            "'$.*.address.after') #>> '{}' FROM event "
            "WHERE subject_id = %s ORDER BY seq", (actor,))
        rows = cursor.fetchall()
        values = [value for _, value in rows[1:]]
        wrong = []
        if [version for version, _ in rows] != list(range(1, len(rows) + 1)):
            wrong.append(f"versions of {actor} are not contiguous")
        if len(set(values)) != len(values):
            wrong.append(f"a change of {actor} came twice")
        if not set(acknowledged) <= set(values):
            wrong.append(f"a change of {actor} was lost")
        if not set(values) <= set(acknowledged) | perhaps:
            wrong.append(f"a change of {actor} that nobody asked for")
        cursor.execute("SELECT version, address FROM actor WHERE id = %s",
                       (actor,))
        if rows and cursor.fetchone() != rows[-1]:
            wrong.append(f"{actor} is not what its history says")
        return wrong
