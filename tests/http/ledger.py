"""A ledger of one's own: a database beside the others of the cluster, that a
test may tamper with, and a noun to be kept in it.

    ledger = Ledger(superuser_url)      prepared and migrated, no demonstration
    ledger.connect("gusp_member")       psycopg2 connection, autocommit
    ledger.add(b"leaf", ...)            leaves of any bytes, as the owner
    ledger.integrate()                  the size of the tree
    ledger.pledge(status="proposed")    a record of the noun; its id
    ledger.change(id, title="...")      a change of it, as the API would make it
    ledger.leaves()                     bytes in the order of the tree
    ledger.close()
"""

import json
import os
import re
import subprocess
import time
import uuid

import merkle
import psycopg2
import psycopg2.extras
from client import Client
from contract import ROOT
from stand import wait_until

# What a noun is to the ledger: a table under rights, with its books, its
# history and its field groups.
PLEDGE = """
SET search_path = gusp, public;
CREATE TABLE pledge (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL,
    title text,
    cost_cents bigint,
    due_on date,
    note text,
    visibility text NOT NULL DEFAULT 'partners',
    status text NOT NULL DEFAULT 'draft',
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL DEFAULT '{}',
    written_by text[] NOT NULL DEFAULT '{}'
);
CALL protect('pledge', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');
CALL keep('pledge', false, NULL);
CREATE TABLE pledge_delay (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL,
    pledge_id uuid NOT NULL REFERENCES pledge,
    due_on date,
    reason text,
    status text NOT NULL DEFAULT 'requested',
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL DEFAULT '{}',
    written_by text[] NOT NULL DEFAULT '{}'
);
CALL protect('pledge_delay', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');
CALL keep('pledge_delay', false, NULL);
INSERT INTO field_group (noun, field, grp)
SELECT t.relname, a.attname, CASE
           WHEN a.attname IN ('title', 'status', 'due_on', 'visibility', 'reason', 'pledge_id') THEN 'public'
           WHEN a.attname = 'cost_cents' THEN 'cost'
           WHEN a.attname = 'note' THEN 'personal'
           ELSE 'kept' END
FROM pg_attribute AS a JOIN pg_class AS t ON t.oid = a.attrelid
WHERE t.relname IN ('pledge', 'pledge_delay') AND t.relkind = 'r' AND a.attnum > 0;
CALL ledger.keep('pledge', drafts => '{draft}');
CALL ledger.keep('pledge_delay', "of" => 'pledge', "by" => 'pledge_id');
"""


def plain(value):
    """bytea as bytes, alone and in arrays."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    return bytes(value) if isinstance(value, memoryview) else value


class Ledger:
    def __init__(self, superuser, nouns=True):
        self.name = "ledger_" + uuid.uuid4().hex[:12]
        self.base = superuser
        self.superuser = re.sub(r"///[^?]*", "///" + self.name, superuser)
        self.url = re.sub(r"[?&]user=[^&]*", "", self.superuser)
        self.programme = str(uuid.uuid4())
        self.institution = str(uuid.uuid4())
        self._sql(self.base, f"CREATE DATABASE {self.name}")
        self.gusp("prepare", url=self.superuser)
        self.gusp("migrate")
        self.owner = self.connect("gusp_owner")
        if nouns:
            self.execute(PLEDGE)

    def env(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GUSP_", "PG"))}
        return dict(kept, **{"GUSP_DATABASE_URL": self.url, "LC_ALL": "en_GB.UTF-8", **more})

    def gusp(self, *arguments, url=None, check=True, **env):
        """Run the command; its standard output."""
        done = subprocess.run([ROOT / "build/gusp", *arguments], cwd=ROOT, text=True, check=False,
                              capture_output=True,
                              env=dict(self.env(**env), GUSP_DATABASE_URL=url or self.url))
        assert not check or done.returncode == 0, done.stderr
        return done.stdout if check else done

    @staticmethod
    def _sql(url, statement):
        connection = psycopg2.connect(url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    def connect(self, role=None, autocommit=True):
        url = self.superuser if role is None else re.sub(r"user=[^&]*", "user=" + role, self.superuser)
        connection = psycopg2.connect(url)
        connection.autocommit = autocommit
        psycopg2.extras.register_uuid(conn_or_curs=connection)
        return connection

    def rows(self, statement, *values, on=None):
        with (on or self.owner).cursor() as cursor:
            cursor.execute(statement, values or None)
            return [tuple(plain(v) for v in row)
                    for row in cursor.fetchall()] if cursor.description else []

    def value(self, statement, *values, on=None):
        return self.rows(statement, *values, on=on)[0][0]

    execute = rows

    # Leaves ------------------------------------------------------------------

    def add(self, *leaves):
        """Leaves of no subject, as they are."""
        with self.owner.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO ledger.ledger_event (event_uuid, institution_id, leaf) VALUES %s",
                [(uuid.uuid4(), self.institution, psycopg2.Binary(leaf)) for leaf in leaves])

    def integrate(self, batch=8192):
        connection = self.connect("gusp_ledger")
        try:
            return self.value("SELECT ledger.integrate(%s)", batch, on=connection)
        finally:
            connection.close()

    def leaves(self):
        return [leaf for (leaf,) in self.rows(
            "SELECT e.leaf FROM ledger.ledger_leaf AS l JOIN ledger.ledger_event AS e USING (event_id)"
            " ORDER BY l.leaf_index")]

    # Records -----------------------------------------------------------------

    def caller(self, connection):
        """What enter() would set, for the transaction."""
        self.execute(
            "SELECT set_config('app.institution', %s, false), set_config('app.role', 'city', false),"
            " set_config('app.programme', %s, false)", self.institution, self.programme, on=connection)
        return connection

    def pledge(self, on=None, **fields):
        fields = {"programme_id": self.programme, **fields}
        return self.value(
            f"INSERT INTO gusp.pledge ({', '.join(fields)}) VALUES ({', '.join(['%s'] * len(fields))})"
            " RETURNING id::text", *fields.values(), on=on)

    def change(self, record, on=None, **fields):
        """Set columns; the state as move() does."""
        self.execute("SELECT set_config('app.moving', %s, false)", record, on=on)
        self.execute(f"UPDATE gusp.pledge SET {', '.join(f + ' = %s' for f in fields)} WHERE id = %s",
                     *fields.values(), record, on=on)

    def history(self, record):
        """Leaves of one subject, read as JSON, in the order of seq."""
        return [json.loads(leaf) for (leaf,) in self.rows(
            "SELECT leaf FROM ledger.ledger_event WHERE subject_id = %s ORDER BY seq", record)]

    def openings(self, event):
        return {field: (grp, salt, value) for field, grp, salt, value in self.rows(
            "SELECT field, grp, salt, value FROM ledger.event_opening WHERE event_uuid = %s", event)}

    def close(self):
        self.owner.close()
        self._sql(self.base, f"DROP DATABASE {self.name} WITH (FORCE)")

    # The signer --------------------------------------------------------------

    def key(self, directory, origin="ledger.example/engagements", name="log.pem"):
        """The log's key, made once; (path, verifier key)."""
        path = directory / name
        if not path.exists():
            self.gusp("key", "ledger", origin, str(path))
        return path, self.gusp("key", "show", str(path)).strip()

    def sign(self, directory, check=True):
        """One round of gusp tend."""
        path, _ = self.key(directory)
        return self.gusp("tend", "--once", check=check, GUSP_LEDGER_KEY=str(path))

    def tend(self, directory, **env):
        """gusp tend as a process of its own, with its log in a file."""
        path, _ = self.key(directory)
        with open(directory / "tend.log", "ab") as log:
            return subprocess.Popen([ROOT / "build/gusp", "tend"], cwd=ROOT, stderr=log,
                                    env=self.env(GUSP_LEDGER_KEY=str(path), **env))

    def checkpoints(self):
        return self.rows("SELECT tree_size, root_hash, note FROM ledger.ledger_checkpoint ORDER BY tree_size")

    def tamper(self, *statements):
        """As a superuser who turns off what is in the way."""
        tables = ("ledger_event", "ledger_leaf", "ledger_tile", "ledger_checkpoint", "ledger_cosignature",
                  "ledger_halt")
        superuser = self.connect()
        self.execute("SET search_path = ledger, gusp, public", on=superuser)
        self.execute("SET session_replication_role = replica", on=superuser)
        for table in tables:
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER", on=superuser)
        for statement in statements:
            self.execute(statement, on=superuser)
        for table in tables:
            self.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only", on=superuser)
        self.execute("ALTER TABLE ledger_event ENABLE ALWAYS TRIGGER enqueue", on=superuser)
        superuser.close()

    def rebuild(self):
        """Statements that make places and tiles coherent with the leaves."""
        size = self.value("SELECT count(*) FROM ledger.ledger_leaf")
        return (
            "UPDATE ledger_leaf AS l SET leaf_hash = e.leaf_hash FROM ledger_event AS e"
            " WHERE e.event_id = l.event_id",
            "DELETE FROM ledger_tile",
            "INSERT INTO ledger_tile SELECT 0, x.t, x.h, mth_full(x.h) FROM (SELECT leaf_index / 256 AS t,"
            " string_agg(leaf_hash, ''::bytea ORDER BY leaf_index) AS h FROM ledger_leaf"
            f" WHERE leaf_index < {size // 256 * 256} GROUP BY 1) AS x")


_some = {}


def some(client):
    """Of the log of the tests' own server, which then has a leaf and a witness:
    size, the event of the first leaf, a cosignature of the last checkpoint."""
    if not _some:
        private = merkle.Ed25519PrivateKey.generate()
        vkey = merkle.vkey_of("witness.example/of-the-tests", 4, private)
        subprocess.run([ROOT / "build/gusp", "witness", "add", vkey], check=True)
        assert wait_until(lambda: client.get("/v1/ledger/entries").body, 15, 0.3)
        _some.update(vkey=vkey, private=private)
    note = client.get("/v1/ledger/checkpoint").expect(200).body.decode()
    text = note.split("\n\n")[0] + "\n"
    first = json.loads(client.get("/v1/ledger/entries?start=0&end=1").body)
    return {"size": text.split("\n")[1], "event": first["event"],
            "cosignature": text + "\n" + merkle.sign(_some["vkey"], _some["private"], text, int(time.time()))}


class Served(Ledger):
    """The same with the demonstration, and a server of its own before it.

    served.client("city")           a Client of a demonstration membership
    served.base_url, served.dir
    """

    def __init__(self, superuser, directory, contract=None):
        super().__init__(superuser, nouns=False)
        self.dir, self.contract = directory, contract
        (directory / "keys").mkdir(mode=0o700)
        self.environment = self.env(
            GUSP_KEY_DIR=str(directory / "keys"), GUSP_ISSUER="https://ledger.example", GUSP_RATE="0",
            GUSP_TOKEN_RATE="0", GUSP_TOKEN_TTL="43200", GUSP_WORKERS="1", GUSP_PORT="18480", GUSP_DRAIN="1",
            GUSP_SUPERUSER_URL=self.superuser, LC_ALL="C.UTF-8")
        self.tool("install.sh", self.superuser)
        self.base_url = self.tool("server.sh", "start", directory)
        subprocess.run(["/usr/bin/python3", ROOT / "api/tools/access.py", "--every-scope", self.base_url,
                        directory / "access.json"], check=True, env=self.environment)
        self.access = json.loads((directory / "access.json").read_text())
        self.programme, self.institution = self.rows(
            "SELECT m.programme_id::text, m.institution_id::text FROM gusp.member AS m"
            " JOIN auth.client AS c ON c.membership_id = m.id WHERE c.id = %s",
            self.access["clients"]["city"]["client_id"])[0]
        self.execute(PLEDGE)

    def tool(self, name, *arguments):
        return subprocess.run([ROOT / "api/tools" / name, *map(str, arguments)], check=True, env=self.environment,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def client(self, name):
        return Client(self.base_url, self.access["tokens"][name], self.contract, name)

    def pledge(self, on=None, **fields):
        return super().pledge(on, **{"seen_by": ["p:" + self.programme], **fields})

    def verify(self, *arguments, token="auditor", key=None):
        """gusp verify as an auditor: (exit status, what it said)."""
        done = self.gusp("verify", "--url", self.base_url, "--key", key or self.key(self.dir)[1],
                         *map(str, arguments), check=False, GUSP_TOKEN=self.access["tokens"][token])
        return done.returncode, done.stdout + done.stderr

    def close(self):
        self.tool("server.sh", "stop", self.dir)
        super().close()
