"""A database cluster and servers of one's own, to be broken.

    stand = Stand(directory)                     prepared, with demonstration data
    server = stand.serve(GUSP_WORKERS="2")
    server.base_url, server.log_text(), server.workers()
    stand.token("city")
    stand.stop_database("immediate"); stand.start_database()
    status = server.stop()                       Kore's exit status
    stand.close()

The cluster writes to disk as a real one does (no --throwaway): an
acknowledged write must survive.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

import psycopg2
import psycopg2.extras

from contract import ROOT

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")

# What Kore writes of a worker that ended badly (Kore 4.1 worker.c, seccomp.c).
DIED = re.compile(r"\) gone$|(sandbox|seccomp) violation|AddressSanitizer",
                  re.MULTILINE)

# Kore's parent runs below it, so that its exit status is known. bash runs a
# trap when the command has ended.
RECORD = """#!/bin/bash
trap : TERM
"$@"
echo $? > exit.txt
"""


def wait_until(holds, within, every=0.02):
    """Whether holds() became true in time."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > within:
            return False
        time.sleep(every)
    return True


def processes():
    """Process id -> (parent, session), without those that have ended."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text("utf-8", "replace")
        except OSError:
            continue
        state, parent, _, session = text.rpartition(") ")[2].split()[:4]
        if state not in "ZX":
            found[int(stat.parent.name)] = (int(parent), int(session))
    return found


def children(pid):
    return sorted(child for child, (parent, _) in processes().items()
                  if parent == pid)


def tool(name, *words, env=None):
    """What a script of api/tools prints."""
    run_by = [sys.executable] if name.endswith(".py") else []
    return subprocess.run(
        [*run_by, ROOT / "api/tools" / name, *words], env=env, check=True,
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        text=True).stdout.strip()


class Stand:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.keys = self.dir / "keys"
        self.keys.mkdir(mode=0o700)
        self.servers = []
        self.tokens = None
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("GUSP_", "PG"))}
        self.start_database()
        self.superuser = tool("cluster.sh", "superuser", self.cluster,
                              env=self.env)
        self.env.update(
            GUSP_DATABASE_URL=tool("cluster.sh", "url", self.cluster,
                                   env=self.env),
            GUSP_KEY_DIR=str(self.keys), GUSP_ISSUER="https://stand.example",
            GUSP_RATE="0", GUSP_TOKEN_RATE="0", GUSP_TOKEN_TTL="43200")
        tool("install.sh", self.superuser, env=self.env)

    @property
    def cluster(self):
        return self.dir / "pg"

    def serve(self, **settings):
        """A further server; its files are in a directory of its own."""
        directory = self.dir / f"server{len(self.servers)}"
        directory.mkdir()
        record = directory / "record.sh"
        record.write_text(RECORD)
        record.chmod(0o755)
        env = dict(self.env, GUSP_WORKERS="2", GUSP_PORT="18380",
                   GUSP_WRAP="./record.sh", GUSP_DRAIN="10")
        env.update(settings)
        self.servers.append(Server(directory, env))
        return self.servers[-1].start()

    def token(self, name):
        """Access of a demonstration membership; needs a server that runs."""
        if self.tokens is None:
            file = self.dir / "access.json"
            running = next(s for s in self.servers if s.pid)
            tool("access.py", "--every-scope", running.base_url, file,
                 env=dict(self.env, GUSP_SUPERUSER_URL=self.superuser))
            self.tokens = json.loads(file.read_text())["tokens"]
        return self.tokens[name]

    def connect(self):
        """A superuser's connection, autocommit."""
        connection = psycopg2.connect(self.superuser)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = gusp, public")
        psycopg2.extras.register_uuid()
        return connection

    @property
    def data(self):
        return pathlib.Path(tool("cluster.sh", "data", self.cluster,
                                 env=self.env))

    def postmaster(self):
        """Its process id."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop_database(self, mode):
        """fast or immediate (pg_ctl's): the latter is a crash."""
        owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*owner, BIN / "pg_ctl", "-D", self.data, "-s", "-w", "-m",
                        mode, "stop"], check=True, cwd="/")

    def start_database(self):
        tool("cluster.sh", "start", self.cluster, env=self.env)

    def migrate(self, directory):
        subprocess.run([ROOT / "build/gusp", "migrate"], check=True,
                       env=dict(self.env, GUSP_MIGRATIONS=str(directory)),
                       stdout=subprocess.DEVNULL)

    def close(self):
        for server in self.servers:
            server.stop()
        tool("cluster.sh", "destroy", self.cluster, env=self.env)


class Server:
    def __init__(self, directory, env):
        self.dir = directory
        self.env = env
        self.pid = None  # of Kore's parent, while it runs
        self.session = None
        self.status = None

    def start(self):
        self.base_url = tool("server.sh", "start", self.dir, env=self.env)
        parts = urllib.parse.urlsplit(self.base_url)
        self.host, self.port = parts.hostname, parts.port
        self.session = int((self.dir / "api.pid").read_text().split()[0])
        self.pid, = children(self.session)
        assert wait_until(lambda: len(self.workers()) ==
                          int(self.env["GUSP_WORKERS"]), within=5)
        return self

    def workers(self):
        """Their process ids."""
        return children(self.pid)

    def descriptors(self):
        """Open files of all workers."""
        return sum(len(os.listdir(f"/proc/{pid}/fd"))
                   for pid in self.workers())

    def resident(self):
        """Memory of all workers, in KiB."""
        total = 0
        for pid in self.workers():
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
        return total

    def log_text(self):
        return (self.dir / "api.log").read_text("utf-8", "replace")

    def deaths(self):
        """How many lines of the log tell of a worker that ended badly."""
        return len(DIED.findall(self.log_text()))

    def processes(self):
        """What is left of it."""
        return [pid for pid, (_, session) in processes().items()
                if session == self.session]

    def terminate(self):
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, within=20):
        """Its exit status; None if it did not end in time."""
        exit_file = self.dir / "exit.txt"
        if not wait_until(lambda: exit_file.exists()
                          and exit_file.read_text(), within):
            return None
        return int(exit_file.read_text())

    def stop(self):
        """Stop it if it runs; its exit status."""
        if self.pid and self.status is None:
            if self.pid in self.processes():
                self.terminate()
            self.status = self.wait()
        tool("server.sh", "stop", self.dir, env=self.env)
        self.pid = None
        return self.status
