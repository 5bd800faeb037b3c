"""What the server promises while things break, over longer runs.

    faults.py DIR

Writes build/faults.json: a list of {"run", "what", "value", "promise",
"holds"}, printed as a table too. The settings are in run.sh.

    kills      SIGKILL of a worker every two seconds, under keyed writers
    restarts   the database stopped fast, stopped at once, or one of its
               processes killed, in turns
    slow       connections that send their header a byte a second, beside a
               client that behaves
    soak       mixed load with clients that leave midway, while the workers'
               memory is watched

Besides, what each run acknowledged is compared with what is stored.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import resource
import signal
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "http"))

from load import CUT, HANG, Load  # noqa: E402
from stand import Stand, children, wait_until  # noqa: E402
from test_faults import leave  # noqa: E402

ONLY = list(filter(None, os.environ.get("FAULTS_ONLY", "").split(",")))
SEED = int(os.environ.get("FAULTS_SEED", str(time.time_ns() % 100000)))
HEADER_S = 5  # front.c: HEADER_MS


def setting(name, fallback):
    return int(os.environ.get("FAULTS_" + name, fallback))


CLIENTS = setting("CLIENTS", 32)


def crowd(server, stand):
    """Half of them read, a sixteenth change, the others create."""
    changers = max(CLIENTS // 16, 1)
    return Load(server, stand.token("city"), CLIENTS // 2,
                CLIENTS - CLIENTS // 2 - changers, changers)


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


class Findings:
    """Rows of the table; printed as they come."""

    def __init__(self):
        self.rows = []

    def add(self, run, what, value, promise=None, holds=None):
        """holds None: a figure without a promise."""
        self.rows.append({"run": run, "what": what, "value": value,
                          "promise": promise, "holds": holds})
        verdict = {True: "holds", False: "BROKEN", None: ""}[holds]
        print(f"{run:<10}{what:<44}{value!s:>12}  {promise or '':<10}"
              f"{verdict}", flush=True)

    def most(self, run, what, value, most):
        self.add(run, what, value, f"<= {most}", value <= most)

    def least(self, run, what, value, least):
        self.add(run, what, value, f">= {least}", value >= least)

    def load(self, run, stand, load):
        """What is promised of every load."""
        count = load.count()
        with contextlib.closing(stand.connect()) as connection:
            wrong = load.verify(connection)
        for text in wrong[:10] + [repr(event) for event in load.rude()[:10]]:
            print(f"{run}: {text}", file=sys.stderr)
        self.add(run, "requests", sum(count.values()))
        self.add(run, "  answered 503", count.get(503, 0))
        self.add(run, "  cut off", count.get(CUT, 0))
        self.add(run, "writes acknowledged", len(load.acknowledged)
                 + sum(len(done) for done, _ in load.changes.values()))
        self.most(run, "lost, doubled or strange writes", len(wrong), 0)
        self.most(run, "writes that no retry could settle",
                  len(load.unknown), 0)
        self.most(run, "other 5xx, 503 without Retry-After",
                  len(load.rude()) - count.get(HANG, 0), 0)
        self.most(run, "requests that hung", count.get(HANG, 0), 0)
        self.most(run, "slowest answer, s", round(load.slowest(), 2), 8)


def kills(stand, findings):
    number = setting("KILLS", 15)
    server = stand.serve(GUSP_WORKERS="2")
    back, gaps = [], []
    with crowd(server, stand) as load:
        time.sleep(1)
        for _ in range(number):
            victim = random.choice(server.workers())
            killed = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            there = wait_until(lambda: len(server.workers()) == 2
                               and victim not in server.workers(), 5, 0.005)
            back.append(time.monotonic() - killed if there else 99)
            time.sleep(max(0, 2 - (time.monotonic() - killed)))
            good = load.good(killed)
            gaps.append(good[0].ended - killed if good else 99)
    findings.most("kills", f"worst of {number}: worker back after, s",
                  round(max(back), 3), 1)
    findings.most("kills", "worst wait for a good answer, s",
                  round(max(gaps), 3), 1)
    findings.load("kills", stand, load)
    server.stop()


def crash_one(stand):
    """PostgreSQL stops every process when one was killed, and starts anew."""
    postmaster = stand.postmaster()
    with contextlib.closing(stand.connect()) as connection, \
            connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity "
                       "WHERE application_name = 'gusp-member' LIMIT 1")
        victim, = cursor.fetchone()
    assert victim in children(postmaster)
    os.kill(victim, signal.SIGKILL)

    def answers():
        try:
            stand.connect().close()
        except Exception:
            return False
        return victim not in children(postmaster)

    assert wait_until(answers, 30)


def restarts(stand, findings):
    number = setting("RESTARTS", 6)
    server = stand.serve(GUSP_WORKERS="2")
    workers = server.workers()
    settled = {}
    with crowd(server, stand) as load:
        time.sleep(1)
        for index in range(number):
            how = ("immediate", "fast", "crash")[index % 3]
            if how == "crash":
                crash_one(stand)
            else:
                stand.stop_database(how)
                time.sleep(1)
                stand.start_database()
            there = time.monotonic()
            time.sleep(5.5)
            settled.setdefault(how, []).append(
                load.settled(there, time.monotonic()))
    for how, times in settled.items():
        findings.most("restarts", f"{how}: service back after, s (worst)",
                      round(max(times), 2), 5)
    findings.most("restarts", "workers lost", len(
        set(workers) - set(server.workers())) + server.deaths(), 0)
    findings.load("restarts", stand, load)
    server.stop()


class Slow(threading.Thread):
    """Connections that never finish a header; each cut one is opened anew."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.stopping = threading.Event()
        self.lives = []   # seconds until a connection was cut
        self.refused = 0  # connections that could not be opened

    def open(self):
        try:
            line = socket.create_connection(
                (self.server.host, self.server.port), 2)
            line.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
            line.setblocking(False)
            return line, time.monotonic()
        except OSError:
            self.refused += 1
            return None

    @staticmethod
    def cut(line):
        """Send a byte more; whether the server has ended it."""
        try:
            line.send(b"a")
            return line.recv(4096) == b"" or Slow.cut(line)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def run(self):
        lines = [self.open() for _ in range(self.number)]
        while not self.stopping.is_set():
            begun = time.monotonic()
            for index, each in enumerate(lines):
                if each is not None and self.cut(each[0]):
                    self.lives.append(time.monotonic() - each[1])
                    each[0].close()
                    each = None
                lines[index] = each or self.open()
            self.stopping.wait(max(0, 1 - (time.monotonic() - begun)))
        for each in filter(None, lines):
            each[0].close()


def times_of_good_client(server, token, seconds):
    """How long each of its requests took; None for one that failed. Each has
    a connection of its own: to get one is what slow clients could prevent."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        connection = http.client.HTTPConnection(server.host, server.port,
                                                timeout=8)
        try:
            connection.request("GET", "/v1/actors?limit=5", headers={
                "Authorization": "Bearer " + token})
            answer = connection.getresponse()
            answer.read()
            good = answer.status == 200
        except (OSError, http.client.HTTPException):
            good = False
        finally:
            connection.close()
        times.append(time.monotonic() - begun if good else None)
        time.sleep(0.005)
    return times


def slow(stand, findings):
    number, seconds = setting("SLOW", 1000), setting("SLOW_S", 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(max(soft, number + 500), hard), hard))
    server = stand.serve(GUSP_WORKERS="2")
    token = stand.token("city")
    alone = times_of_good_client(server, token, 3)
    crowd_of_slow = Slow(server, number)
    crowd_of_slow.start()
    time.sleep(1)
    beside = times_of_good_client(server, token, seconds)
    crowd_of_slow.stopping.set()
    crowd_of_slow.join(10)
    lives = crowd_of_slow.lives
    findings.add("slow", "connections that send a byte a second", number)
    findings.add("slow", "  of these cut off", len(lives))
    findings.most("slow", "  worst life of one, s",
                  round(max(lives, default=0), 2), HEADER_S + 2)
    findings.least("slow", "  cut off at all", len(lives), number // 2)
    findings.add("slow", "requests of a good client", len(beside))
    findings.most("slow", "  failed", beside.count(None)
                  + alone.count(None), 0)
    findings.add("slow", "  p99 alone, ms",
                 round(percentile(filter(None, alone), 0.99) * 1000, 1))
    findings.most("slow", "  p99 beside slow ones, ms",
                  round(percentile(filter(None, beside), 0.99) * 1000, 1),
                  500)
    findings.most("slow", "workers lost", server.deaths(), 0)
    server.stop()


def soak(stand, findings):
    seconds = setting("SOAK_S", 60)
    server = stand.serve(GUSP_WORKERS="2")
    token = stand.token("city")
    samples, open_files = [], []
    with crowd(server, stand) as load:
        end, index = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for _ in range(5):
                leave(server, token, random.randrange(10 ** 9))
            index += 1
            if index % 5 == 0:
                samples.append(server.resident())
                open_files.append(server.descriptors())
            time.sleep(0.1)
    half = samples[len(samples) // 2:]
    third = len(half) // 3
    early = sum(half[:third]) / third
    late = sum(half[-third:]) / third
    findings.add("soak", "seconds", seconds)
    findings.add("soak", "memory of all workers: begin, KiB", samples[0])
    findings.add("soak", "  at the end, KiB", samples[-1])
    findings.most("soak", "  growth over the second half, %",
                  round((late / early - 1) * 100, 2), 3)
    findings.add("soak", "most open files", max(open_files))
    time.sleep(1)
    findings.most("soak", "open files afterwards, beyond the idle ones",
                  server.descriptors() - stand.idle_descriptors, 4)
    findings.most("soak", "workers lost", server.deaths(), 0)
    findings.load("soak", stand, load)
    findings.most("soak", "exit status", server.stop(), 0)


RUNS = {"kills": kills, "restarts": restarts, "slow": slow, "soak": soak}


def main(directory):
    random.seed(SEED)
    print(f"seed {SEED}: FAULTS_SEED repeats its choices")
    findings, began = Findings(), time.monotonic()
    stand = Stand(directory)
    try:
        first = stand.serve(GUSP_WORKERS="2")
        stand.token("city")
        time.sleep(0.5)
        stand.idle_descriptors = first.descriptors()
        first.stop()
        for name, run in RUNS.items():
            if not ONLY or name in ONLY:
                run(stand, findings)
    finally:
        stand.close()
        (ROOT / "build" / "faults.json").write_text(
            json.dumps(findings.rows, indent=1) + "\n")
    broken = [row for row in findings.rows if row["holds"] is False]
    print(f"\n{len(findings.rows)} figures, {len(broken)} promises broken, "
          f"{time.monotonic() - began:.0f} s; build/faults.json")
    return 1 if broken or not findings.rows else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
