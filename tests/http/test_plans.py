"""How much the database reads for an answer, at 200,000 sites.

The statements are those that the API prepares, as `gusp statement` prints
them, and they run as the API runs them: as the serving role, after enter(),
both with a plan for these values and with one for any values, since
PostgreSQL chooses between the two. The database is one of its own beside that
of the other tests: its size would be in their way, and they in its.
"""

import functools
import json
import os
import subprocess
import time
import urllib.parse

import psycopg2
import pytest
from psycopg2 import sql

from conftest import environment
from contract import ROOT

DATABASE = "gusp_plans"
LIMIT = 20
ROLES = ("city", "bailleur", "auditor")
PLANS = ("force_generic_plan", "force_custom_plan")
SORTS = ("name", "-updated_at")
# No filter, and each alone; {} is what the programme of measure has of it.
FILTERS = ("", "status=active,archived", "quartier_id={quartier}", "parent_id={parent}",
           "kind=residence", "tenure=public_city", "owner_actor_id={owner}",
           "manager_actor_id={owner}", "condition=severe", "bbox=5.1,43.64,5.102,43.642",
           "q=123", "q=residence+123")


def url_of(user=None):
    """The database of the plans, in the cluster of the other tests."""
    query = dict(urllib.parse.parse_qsl(
        urllib.parse.urlsplit(environment("GUSP_TEST_DB_URL")).query))
    query["user"] = user or query["user"]
    return f"postgresql:///{DATABASE}?{urllib.parse.urlencode(query)}"


def connected(url):
    connection = psycopg2.connect(url, options="-c search_path=gusp,public")
    connection.autocommit = True
    return connection


@functools.lru_cache(None)
def statement(*words):
    """The parts of a statement; each has sql, names, types and values."""
    return json.loads(subprocess.run(
        [ROOT / "build" / "gusp", "statement", *words], cwd=ROOT, check=True,
        stdout=subprocess.PIPE).stdout)


def see_all(connection):
    """Vacuum until an index-only scan needs no table: whoever looked at the
    database while it was filled (autovacuum does) keeps pages from being marked
    as visible to all."""
    with connection.cursor() as cursor:
        for _ in range(60):
            cursor.execute("VACUUM site, site_key, word")
            cursor.execute("SELECT min(relallvisible::float / greatest(relpages, 1)) FROM pg_class "
                           "WHERE oid IN ('site_key'::regclass, 'word'::regclass)")
            if cursor.fetchone()[0] > 0.99:
                return
            time.sleep(1)
    raise AssertionError("pages stay invisible")


@pytest.fixture(scope="module")
def many_sites(database):
    """The superuser's connection to a database with many sites."""
    drop = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"
    with database.cursor() as cursor:
        cursor.execute(drop)
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    for verb, user in (("prepare", None), ("migrate", "gusp_owner")):
        subprocess.run([ROOT / "build" / "gusp", verb], check=True, cwd=ROOT,
                       env=dict(os.environ, GUSP_DATABASE_URL=url_of(user)),
                       stdout=subprocess.DEVNULL)
    subprocess.run(["psql", "-X", "-q", "-o", os.devnull, "-f",
                    ROOT / "tests/data/many_sites.sql", url_of()], check=True)
    connection = connected(url_of())
    see_all(connection)
    yield connection
    connection.close()
    with database.cursor() as cursor:
        cursor.execute(drop)


@pytest.fixture(scope="module")
def row(many_sites):
    """The first row of a query."""
    def run(query, *values):
        with many_sites.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchone()

    return run


@pytest.fixture(scope="module")
def known(row):
    """What the filters name: all of it within the quartiers of the bailleur."""
    site, quartier, parent, owner = row(
        """SELECT s.id::text, s.quartier_id::text, s.parent_id::text, s.owner_actor_id::text
           FROM site AS s
           JOIN quartier AS q ON q.id = s.quartier_id
           JOIN actor AS a ON a.id = s.owner_actor_id
           WHERE q.name IN ('Quartier 1', 'Quartier 2', 'Quartier 3')
             AND s.parent_id IS NOT NULL AND s.status = 'active'
           LIMIT 1""")
    return {"site": site, "quartier": quartier, "parent": parent, "owner": owner}


class Caller:
    """A connection as the API has it for a role, and its member's client."""

    def __init__(self, row, role):
        membership, = row("SELECT membership_id FROM gusp_bench.member WHERE role = %s", role)
        client, = row(
            """INSERT INTO auth.client (membership_id, name, scopes)
               VALUES (%s, 'plans', '{sites.read}') RETURNING id::text""", membership)
        self.enter = {"client": client, "membership": membership, "role": role,
                      "token": "01900000-0000-7000-8000-000000000000",
                      "issued": "4000000000"}
        self.connection = connected(
            url_of("gusp_auditor" if role == "auditor" else "gusp_member"))

    def explain(self, path, key=None, plans="force_generic_plan", settings=()):
        """The plan of the last part of a GET, as it was carried out."""
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                execute(cursor, statement("enter")[0], self.enter)
                for name, value in (("plan_cache_mode", plans), *settings):
                    cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
                execute(cursor, statement("GET", path, *([key] if key else []))[-1],
                        before=sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "))
                return Plan(cursor.fetchone()[0][0]["Plan"])
            finally:
                cursor.execute("ROLLBACK")
                cursor.execute("DEALLOCATE ALL")


def execute(cursor, part, given=(), before=sql.SQL("")):
    """Prepare and execute a part of a statement, as the API does."""
    values = [dict(given).get(name, value)
              for name, value in zip(part["names"], part["values"])]
    cursor.execute("SELECT string_agg(t::regtype::text, ', ' ORDER BY n) "
                   "FROM unnest(%s::oid[]) WITH ORDINALITY AS u (t, n)", (part["types"],))
    cursor.execute(f"PREPARE part ({cursor.fetchone()[0]}) AS " + part["sql"])
    cursor.execute(before + sql.SQL("EXECUTE part ({})").format(
        sql.SQL(", ").join(map(sql.Literal, values))))
    if not before.string:
        cursor.execute("DEALLOCATE part")


class Plan:
    """A plan carried out: its nodes, and what they read."""

    def __init__(self, root):
        self.nodes = list(walk(root))
        self.buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        self.rows = root["Actual Rows"]

    def of(self, kind):
        return [node for node in self.nodes if node["Node Type"].startswith(kind)]

    def scanned_whole(self):
        return {node.get("Relation Name") for node in self.of("Seq Scan")}

    def sorted_rows(self):
        """Of the largest sort; one sort of many loops counts each alone."""
        return max((child["Actual Rows"] for node in self.of("Sort")
                    for child in node["Plans"]), default=0)

    def __str__(self):
        return "\n".join(
            f"{node['depth'] * '  '}{node['Node Type']} "
            f"{node.get('Index Name', node.get('Relation Name', ''))} "
            f"{node['Actual Loops']} x {node['Actual Rows']} rows, "
            f"{node['Shared Hit Blocks'] + node['Shared Read Blocks']} buffers, "
            f"{node.get('Rows Removed by Filter', 0)} passed over "
            f"{node.get('Index Cond', '')} {node.get('Filter', '')}"
            for node in self.nodes)


def walk(node, depth=0):
    node["depth"] = depth
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child, depth + 1)


@pytest.fixture(scope="module")
def caller(row):
    """Caller of a role, the same one each time."""
    made = {}

    def of(role):
        if role not in made:
            made[role] = Caller(row, role)
        return made[role]

    yield of
    for one in made.values():
        one.connection.close()


# The row after which a page begins, for each order.
AFTER = {"name": '["Maison", "01900000-0000-7000-8000-000000000000"]',
         "-updated_at": '["%s", "01900000-0000-7000-8000-000000000000"]'}


@pytest.fixture(scope="module")
def after(row):
    """The keys of AFTER, the day being one in the middle of all changes."""
    day, = row("SELECT (now() - interval '200 days')::date::text")
    return {sort: key.replace("%s", day) for sort, key in AFTER.items()}


def assert_modest(plan, buffers, what):
    said = f"{what}: {plan.buffers} buffers, {plan.sorted_rows()} rows sorted\n{plan}"
    assert plan.buffers < buffers, said
    assert plan.sorted_rows() <= 300, said
    assert not plan.scanned_whole() & {"site", "site_key", "word", "actor"}, said


@pytest.mark.parametrize("plans", PLANS)
@pytest.mark.parametrize("role", ROLES)
def test_a_site_is_read_by_its_key(caller, known, role, plans):
    plan = caller(role).explain(f"/v1/sites/{known['site']}", plans=plans)
    assert plan.rows == 1
    assert_modest(plan, 20, role)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("filter", FILTERS)
def test_a_page_of_sites_reads_about_as_much_as_it_shows(caller, known, after, filter, role):
    # Words and boxes are looked for along the index of what the caller sees,
    # in memory and never beyond it: some 3,000 pages at this size.
    most = 4000 if filter.startswith(("q=", "bbox=")) else 600
    for sort in SORTS:
        path = f"/v1/sites?limit={LIMIT}&sort={sort}&{filter.format(**known)}"
        for key in (None, after[sort]):
            for plans in PLANS:
                plan = caller(role).explain(path, key, plans)
                assert key or plan.rows > 0, path
                assert_modest(plan, most, f"{path} after {key}, {plans}")


@pytest.mark.parametrize("plans", PLANS)
def test_a_frequent_word_in_a_large_box_is_found_within_the_time_of_a_statement(caller, plans):
    # The API's statement_timeout is 5 s; this machine may be busy.
    plan = caller("city").explain(
        f"/v1/sites?limit={LIMIT}&q=avenue&bbox=5.08,43.62,5.12,43.65", plans=plans,
        settings=[("statement_timeout", "20000")])
    assert plan.rows == LIMIT + 1
    assert plan.buffers < 50000, str(plan)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path, relation", [
    ("/v1/actors", "actor"), ("/v1/contacts", "contact"), ("/v1/quartiers", "quartier"),
    ("/v1/responsibility-rules", "rule"), ("/v1/funding", "funding")])
def test_no_policy_hides_the_index_that_the_tenant_leads(caller, path, relation, role):
    # These tables are small here: what other plans there are is switched off.
    others = [(f"enable_{way}", "off") for way in ("seqscan", "bitmapscan", "sort")]
    for plans in PLANS:
        plan = caller(role).explain(path, plans=plans, settings=others)
        scans = [node for node in plan.nodes if node.get("Relation Name") == relation]
        assert scans and all("(programme_id = " in node.get("Index Cond", "")
                             for node in scans), str(plan)
        assert not plan.of("Sort"), str(plan)
