"""The API beside the database alone, in one run: ratios, not figures.

    measure.py BASE_URL DIR

wrk asks the API over 64 keep-alive connections with a token; pgbench runs the
statements that `gusp statement` prints for the same requests, with the same
enter(), in a pipeline, as the same database role, over several numbers of
connections of which the best counts. The two take turns, so that what else
happens on the machine meets both.

Writes build/bench.json: a list of {"workload", "api", "database", "ratio",
"goal", ...}.
"""

import functools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SOAK = float(os.environ.get("BENCH_SOAK", "0"))
CONNECTIONS = 64
PGBENCH_CLIENTS = (6, 16, 64)
SAMPLES = 24  # different ids in one run

LUA = """
local paths = { %s }
local i = 0
request = function()
  i = i + 1
  return wrk.format("GET", paths[(i %% #paths) + 1], { ["Authorization"] = "Bearer %s" })
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


class Api:
    def __init__(self, base, directory, token):
        self.base, self.directory, self.token = base, directory, token

    def run(self, paths, seconds):
        script = self.directory / "wrk.lua"
        script.write_text(LUA % (", ".join(json.dumps(p) for p in paths), self.token))
        out = subprocess.run(
            ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", script, self.base],
            check=True, capture_output=True, text=True).stdout
        requests, micros, errors, p50, p99 = map(int, re.search(r"RESULT (.*)", out).group(1).split())
        if errors:
            sys.exit(f"bench: {errors} of {requests} requests failed")
        return {"rate": requests / (micros / 1e6), "p50_us": p50, "p99_us": p99}


class Database:
    """pgbench with a pipeline of enter() and the statement, one script a path."""

    def __init__(self, directory, caller):
        self.directory, self.caller = directory, caller

    def scripts(self, paths):
        files, defines = [], {}
        for n, path in enumerate(paths):
            lines = ["\\startpipeline"]
            for part in statement("enter") + statement("GET", path):
                values = dict(zip(part["names"], part["values"]))
                values.update({k: v for k, v in self.caller.items() if k in part["names"]})

                def name(match):
                    parameter = part["names"][int(match.group(1)) - 1]
                    if values[parameter] is None:
                        return "NULL"
                    variable = f"p{n}_{parameter}"
                    defines[variable] = values[parameter]
                    # The API prepares with the types of its parameters;
                    # pgbench names none, so the text must.
                    return f":{variable}::{type_name(part['types'][int(match.group(1)) - 1])}"

                text = re.sub(r"\$(\d+)", name, part["sql"])
                lines.append(" ".join(text.split()) + ";")
            lines.append("\\endpipeline")
            file = self.directory / f"read{n}.pgbench"
            file.write_text("\n".join(lines) + "\n")
            files.append(file)
        return files, defines

    def run(self, paths, seconds, clients):
        files, defines = self.scripts(paths)
        command = ["pgbench", "-n", "-M", "prepared", "-j", "2", "-c", str(clients), "-T", str(seconds)]
        for name, value in defines.items():
            command += ["-D", f"{name}={value}"]
        for file in files:
            command += ["-f", str(file)]
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


def soak(api, paths, minutes):
    sizes = []
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        api.run(paths, 10)
        sizes.append(max(resident_kib()))
    half = len(sizes) // 2 or 1
    return {
        "workload": "resident memory of a worker, KiB",
        "minutes": minutes, "first": sizes[0], "last": sizes[-1], "max": max(sizes),
        "growth": statistics.mean(sizes[half:]) / statistics.mean(sizes[:half]),
        "goal": 40 * 1024,
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
    token = access["tokens"]["bench"]
    ids = psql(f"SELECT id FROM gusp.site_key WHERE key LIKE 'w:%' ORDER BY md5(id::text) LIMIT {SAMPLES}")
    quartiers = psql("SELECT DISTINCT quartier_id FROM gusp.site_key LIMIT 4")
    workloads = [
        ("GET one site by id", [f"/v1/sites/{i}" for i in ids], 0.5),
        ("GET a list of 20 sites", ["/v1/sites?limit=20"], 0.8),
        ("GET a list of 20 sites of a quartier",
         [f"/v1/sites?limit=20&quartier_id={q}" for q in quartiers], 0.8),
    ]
    api, database = Api(base, directory, token), Database(directory, caller)
    results = []
    for name, paths, goal in workloads:
        api.run(paths, 2)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(api.run(paths, SECONDS))
            theirs += [(database.run(paths, max(2, SECONDS // 2), c), c) for c in PGBENCH_CLIENTS]
        best, (alone, clients) = max(ours, key=lambda r: r["rate"]), max(theirs)
        results.append({
            "workload": name, "api": round(best["rate"]), "database": round(alone),
            "ratio": round(best["rate"] / alone, 3), "goal": goal,
            "pgbench_clients": clients, "p50_us": best["p50_us"], "p99_us": best["p99_us"],
            "resident_kib": max(resident_kib()),
        })
    if SOAK:
        results.append(soak(api, workloads[0][1] + workloads[1][1], SOAK))
    (ROOT / "build" / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    print(f"{'workload':42} {'api/s':>8} {'database/s':>10} {'ratio':>6} {'goal':>5} {'p99 ms':>7} {'RSS MB':>7}")
    for r in results:
        if "ratio" in r:
            print(f"{r['workload']:42} {r['api']:8} {r['database']:10} {r['ratio']:6.2f} {r['goal']:5.2f} "
                  f"{r['p99_us'] / 1000:7.1f} {r['resident_kib'] / 1024:7.1f}")
        else:
            print(f"{r['workload']:42} first {r['first']}  last {r['last']}  max {r['max']}  "
                  f"growth {r['growth']:.3f} in {r['minutes']} min")


main()
