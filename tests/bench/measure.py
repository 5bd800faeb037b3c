"""The API beside the database alone, in one run: ratios, not figures.

    measure.py BASE_URL DIR

wrk asks the API over 64 keep-alive connections with a token; pgbench runs the
statements that `gusp statement` prints for the same requests, with the same
enter() and the same bodies, in a pipeline, as the same database role, over
several numbers of connections of which the best counts. The two take turns, so
that what else happens on the machine meets both. Each POST of either has an
Idempotency-Key of its own.

Writes build/bench.json: a list of {"workload", "api", "database", "ratio",
"goal", ...}.
"""

import functools
import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SOAK = float(os.environ.get("BENCH_SOAK", "0"))
CONNECTIONS = 64
PGBENCH_CLIENTS = (6, 16, 64)
SAMPLES = 24  # different ids in one run

LUA = """
local requests = { %s }
local threads, i = 0, 0
function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end
request = function()
  i = i + 1
  local r = requests[(i %% #requests) + 1]
  local headers = { ["Authorization"] = "Bearer %s" }
  if r.method == "POST" then
    headers["Content-Type"] = "application/json"
    headers["Idempotency-Key"] = "bench-%d-" .. id .. "-" .. i
  end
  return wrk.format(r.method, r.path, headers, r.body)
end
done = function(summary, latency, requests)
  io.write(string.format("RESULT %%d %%d %%d %%.0f %%.0f\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


def psql(query):
    return subprocess.run(
        ["psql", "-XAt", os.environ["BENCH_DB_URL"], "-c", query],
        check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def statement(*words):
    done = subprocess.run([ROOT / "build" / "gusp", "statement", *words],
                          check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout)


@functools.lru_cache(None)
def type_name(oid):
    return psql(f"SELECT {oid}::regtype")[0]


class Request(typing.NamedTuple):
    method: str
    path: str
    body: str = ""

    def lua(self):
        return f"{{ method = '{self.method}', path = [==[{self.path}]==], body = [==[{self.body}]==] }}"


class Api:
    def __init__(self, base, directory, token):
        self.base, self.directory, self.token = base, directory, token

    def run(self, requests, seconds):
        script = self.directory / "wrk.lua"
        script.write_text(LUA % (", ".join(r.lua() for r in requests), self.token, time.time_ns()))
        out = subprocess.run(
            ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", script, self.base],
            check=True, capture_output=True, text=True).stdout
        requests, micros, errors, p50, p99 = map(int, re.search(r"RESULT (.*)", out).group(1).split())
        if errors:
            sys.exit(f"bench: {errors} of {requests} requests failed")
        return {"rate": requests / (micros / 1e6), "p50_us": p50, "p99_us": p99}


class Database:
    """pgbench with a pipeline of enter() and the statement, one script a workload.

    Which of the requests a transaction makes is drawn by lot; what differs
    between them stands in the text as an array, of which the lot is the index.
    A script for each request would be a prepared statement for each, and each
    connection would spend its run with planning them.
    """

    def __init__(self, directory, caller):
        self.directory, self.caller = directory, caller

    @functools.lru_cache(None)
    def script(self, requests):
        """The file, and the values of its variables."""
        lines = [f"\\set n random(1, {len(requests)})",
                 "\\set lot_key random(1000000000000000, 9000000000000000000)", "\\startpipeline"]
        defines, keyed = {}, requests[0].method == "POST"
        alike = [statement("enter") + statement(r.method, r.path) for r in requests]
        for parts in zip(*alike):
            assert len({part["sql"] for part in parts}) == 1, "a workload is one statement"
            given = [{**dict(zip(part["names"], part["values"])), **self.caller,
                      **({"body": r.body, "fingerprint": "0" * 64} if keyed else {})}
                     for part, r in zip(parts, requests)]

            def name(match):
                at = int(match.group(1)) - 1
                parameter, kind = parts[0]["names"][at], type_name(parts[0]["types"][at])
                values = [values[parameter] for values in given]
                if keyed and parameter == "key":
                    return f":lot_key::{kind}"
                if len(set(values)) > 1 and kind.endswith("[]"):
                    # An array of arrays would be one of two dimensions.
                    return f"({self.choice(values, 'text')})::{kind}"
                if len(set(values)) > 1:
                    return self.choice(values, kind)
                if values[0] is None:
                    return "NULL"
                # The API prepares with the types of its parameters;
                # pgbench names none, so the text must.
                defines[f"p_{parameter}"] = values[0]
                return f":p_{parameter}::{kind}"

            lines.append(" ".join(re.sub(r"\$(\d+)", name, parts[0]["sql"]).split()) + ";")
        lines.append("\\endpipeline")
        file = self.directory / "workload.pgbench"
        file.write_text("\n".join(lines) + "\n")
        return file, defines

    @staticmethod
    def choice(values, kind):
        # pgbench takes ":name" for a variable, in a literal too.
        assert not any(re.search(r":\w", value) for value in values), values
        quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        return f"(ARRAY[{quoted}]::{kind}[])[:n::int]"

    def run(self, requests, seconds, clients):
        file, defines = self.script(requests)
        command = ["pgbench", "-n", "-M", "prepared", "-j", "2", "-c", str(clients), "-T", str(seconds),
                   "-f", str(file)]
        for name, value in defines.items():
            command += ["-D", f"{name}={value}"]
        url = os.environ["BENCH_DB_URL"].replace("user=postgres", "user=gusp_member")
        url = re.sub(r"//postgres@", "//gusp_member@", url)
        done = subprocess.run(
            command + [url], check=True, capture_output=True, text=True,
            env={**os.environ, "PGUSER": "gusp_member", "PGOPTIONS": "-c search_path=gusp,public"})
        return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))


def resident_kib():
    """Resident memory of each worker: the children of Kore's parent."""
    parent = os.environ["BENCH_PID"]
    sizes = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if re.search(rf"^PPid:\s+{parent}$", text, re.M):
            sizes.append(int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1)))
    return sizes


def soak(api, requests, minutes):
    sizes = []
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        api.run(requests, 10)
        sizes.append(max(resident_kib()))
    half = len(sizes) // 2 or 1
    return {
        "workload": "resident memory of a worker, KiB",
        "minutes": minutes, "first": sizes[0], "last": sizes[-1], "max": max(sizes),
        "growth": statistics.mean(sizes[half:]) / statistics.mean(sizes[:half]),
        "goal": 40 * 1024,
    }


def gets(*paths):
    return tuple(Request("GET", path) for path in paths)


def of_sites():
    ids = psql(f"SELECT id FROM gusp.site_key WHERE key LIKE 'w:%' ORDER BY md5(id::text) LIMIT {SAMPLES}")
    quartiers = psql("SELECT DISTINCT quartier_id FROM gusp.site_key LIMIT 4")
    return [
        ("GET one site by id", gets(*(f"/v1/sites/{i}" for i in ids)), 0.5),
        ("GET a list of 20 sites", gets("/v1/sites?limit=20"), 0.8),
        ("GET a list of 20 sites of a quartier",
         gets(*(f"/v1/sites?limit=20&quartier_id={q}" for q in quartiers)), 0.8),
    ]


def of_issues():
    ids = psql(f"SELECT id FROM gusp.issue_key WHERE key LIKE 'w:%' ORDER BY md5(id::text) LIMIT {SAMPLES}")
    quartiers = psql("SELECT DISTINCT quartier_id FROM gusp.issue_key LIMIT 4")
    some = itertools.product(quartiers, ("submitted", "in_progress", "resolved"))
    places = psql("SELECT s.quartier_id || ' ' || s.id FROM gusp.site AS s JOIN gusp.site_key AS k ON k.id = s.id"
                  f" WHERE k.key LIKE 'w:%' AND s.status = 'active' ORDER BY md5(s.id::text) LIMIT {SAMPLES}")
    bodies = [json.dumps({
        "title": f"Lampadaire éteint devant l’entrée {n}",
        "description": "Éteint depuis trois jours, signalé par des habitants.",
        "quartier_id": place.split()[0], "site_id": place.split()[1], "theme": "outdoor", "category": "lighting",
        "severity": "normal", "geometry": {"type": "Point", "coordinates": [5.09 + n / 5000, 43.63 + n / 5000]},
    }, ensure_ascii=False) for n, place in enumerate(places)]
    return [
        ("GET one issue by id", gets(*(f"/v1/issues/{i}" for i in ids)), 0.5),
        ("GET a list of 20 issues, quartier and status",
         gets(*(f"/v1/issues?limit=20&quartier_id={q}&status={s}" for q, s in some)), 0.8),
        ("POST an issue", tuple(Request("POST", "/v1/issues", body) for body in bodies), 0.8),
    ]


def measure(api, database, name, requests, goal):
    api.run(requests, 2)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(api.run(requests, SECONDS))
        theirs += [(database.run(requests, SECONDS, c), c) for c in PGBENCH_CLIENTS]
    best, (alone, clients) = max(ours, key=lambda r: r["rate"]), max(theirs)
    return {
        "workload": name, "api": round(best["rate"]), "database": round(alone),
        "ratio": round(best["rate"] / alone, 3), "goal": goal,
        "pgbench_clients": clients, "p50_us": best["p50_us"], "p99_us": best["p99_us"],
        "resident_kib": max(resident_kib()),
    }


def main():
    base, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    access = json.loads((directory / "access.json").read_text())
    # The bench programme has a city client of its own (tests/data/many_sites.sql).
    caller = {
        "client": access["clients"]["bench"]["client_id"],
        "membership": psql("SELECT membership_id FROM gusp_demo.member WHERE role = 'bench'")[0],
        "role": "city",
        "token": "01900000-0000-7000-8000-000000000000", "issued": str(int(time.time())),
        "request_id": "bench-0001",
    }
    workloads = [w for noun in os.environ.get("BENCH_OF", "sites issues").split()
                 for w in {"sites": of_sites, "issues": of_issues}[noun]()]
    api, database = Api(base, directory, access["tokens"]["bench"]), Database(directory, caller)
    results = [measure(api, database, *workload) for workload in workloads]
    if SOAK:
        reads = [r for _, requests, _ in workloads for r in requests if r.method == "GET"]
        results.append(soak(api, reads, SOAK))
    (ROOT / "build" / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    print(f"{'workload':45} {'api/s':>8} {'database/s':>10} {'ratio':>6} {'goal':>5} {'p99 ms':>7} {'RSS MB':>7}")
    for r in results:
        if "ratio" in r:
            print(f"{r['workload']:45} {r['api']:8} {r['database']:10} {r['ratio']:6.2f} {r['goal']:5.2f} "
                  f"{r['p99_us'] / 1000:7.1f} {r['resident_kib'] / 1024:7.1f}")
        else:
            print(f"{r['workload']:45} first {r['first']}  last {r['last']}  max {r['max']}  "
                  f"growth {r['growth']:.3f} in {r['minutes']} min")


main()
