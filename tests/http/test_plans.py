"""How much the database reads for an answer, at 200,000 sites and as many issues.

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
ISSUE_SORTS = ("-created_at", "due_on", "-updated_at")
# What is asked each day: about as much is read as is shown, whatever the order.
ISSUE_FILTERS = (
    "", "quartier_id={quartier}", "quartier_id={quartier}&status=in_progress", "site_id={site}",
    "theme={theme}", "category={category}", "status=submitted", "status=resolved,treated", "severity=danger",
    "visibility=partners", "lead_actor_id={lead}", "lead_institution_id={lead}",
    "reported_institution_id={lead}", "overdue=true", "overdue=false", "orphan=true", "orphan=false")
# What may be anywhere in an order, and what is found by words or place: along
# the index of what the caller sees, in memory and never beyond it.
RARE_ISSUE_FILTERS = (
    "visibility=confidential", "visibility=internal", "arbitration=true", "status=withdrawn&severity=danger",
    "lead_institution_id={lead}&status=assigned", "quartier_id={quartier}&theme={theme}&severity=high",
    "occurred_from={old}&occurred_to={later}", "occurred_to={old}", "updated_since={old}",
    "bbox=5.1,43.64,5.102,43.642", "bbox=5.08,43.62,5.12,43.65", "near=5.1,43.64&radius_m=200",
    "near=5.1,43.64&radius_m=2000", "q=4321", "q=lampadaire+4321", "q=ascenseur")


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
            cursor.execute("VACUUM site, site_key, issue_key, word")
            cursor.execute("SELECT min(relallvisible::float / greatest(relpages, 1)) FROM pg_class "
                           "WHERE oid IN ('site_key'::regclass, 'issue_key'::regclass, 'word'::regclass)")
            if cursor.fetchone()[0] > 0.99:
                return
            time.sleep(1)
    raise AssertionError("pages stay invisible")


@pytest.fixture(scope="module")
def many_rows(database):
    """The superuser's connection to a database with many sites and issues."""
    drop = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"
    with database.cursor() as cursor:
        cursor.execute(drop)
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    for verb, user in (("prepare", None), ("migrate", "gusp_owner")):
        subprocess.run([ROOT / "build" / "gusp", verb], check=True, cwd=ROOT,
                       env=dict(os.environ, GUSP_DATABASE_URL=url_of(user)),
                       stdout=subprocess.DEVNULL)
    for file in ("many_sites.sql", "many_issues.sql"):
        subprocess.run(["psql", "-X", "-q", "-o", os.devnull, "-f",
                        ROOT / "tests/data" / file, url_of()], check=True)
    connection = connected(url_of())
    see_all(connection)
    yield connection
    connection.close()
    with database.cursor() as cursor:
        cursor.execute(drop)


@pytest.fixture(scope="module")
def row(many_rows):
    """The first row of a query."""
    def run(query, *values):
        with many_rows.cursor() as cursor:
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

    def page(self, path, key=None):
        """The keys of the rows that a GET of a list reads: one more than it shows."""
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                execute(cursor, statement("enter")[0], self.enter)
                execute(cursor, statement("GET", path, *([key] if key else []))[-1], keep=True)
                return [row[1] for row in cursor.fetchall()]
            finally:
                cursor.execute("ROLLBACK")
                cursor.execute("DEALLOCATE ALL")


def execute(cursor, part, given=(), before=sql.SQL(""), keep=False):
    """Prepare and execute a part of a statement, as the API does."""
    values = [dict(given).get(name, value)
              for name, value in zip(part["names"], part["values"])]
    cursor.execute("SELECT string_agg(t::regtype::text, ', ' ORDER BY n) "
                   "FROM unnest(%s::oid[]) WITH ORDINALITY AS u (t, n)", (part["types"],))
    cursor.execute(f"PREPARE part ({cursor.fetchone()[0]}) AS " + part["sql"])
    cursor.execute(before + sql.SQL("EXECUTE part ({})").format(
        sql.SQL(", ").join(map(sql.Literal, values))))
    if not before.string and not keep:
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


@pytest.fixture(scope="module")
def known_issue(row):
    """What the filters of issues name, within the quartiers of the bailleur."""
    names = ("issue", "quartier", "site", "lead", "theme", "category", "old", "later")
    return dict(zip(names, row(
        """SELECT i.id::text, i.quartier_id::text, i.site_id::text, i.lead_actor_id::text, i.theme, i.category,
                  to_char(now() - interval '500 days', 'YYYY-MM-DD"T00:00:00Z"'),
                  to_char(now() - interval '495 days', 'YYYY-MM-DD"T00:00:00Z"')
           FROM issue AS i
           JOIN quartier AS q ON q.id = i.quartier_id
           JOIN actor AS a ON a.id = i.lead_actor_id
           WHERE q.name IN ('Quartier 1', 'Quartier 2', 'Quartier 3') AND a.name = 'Bailleur 1'
             AND i.site_id IS NOT NULL AND i.visibility = 'partners'
           LIMIT 1""")))


@pytest.fixture(scope="module")
def issue_after(row):
    """For each order of issues, the row after which a page begins."""
    day, = row("SELECT (now() - interval '300 days')::date::text")
    return f'["{day}", "01900000-0000-7000-8000-000000000000"]'


@pytest.mark.parametrize("plans", PLANS)
@pytest.mark.parametrize("role", ROLES)
def test_an_issue_is_read_by_its_key(caller, known_issue, role, plans):
    path = f"/v1/issues/{known_issue['issue']}"
    # The first calls of functions in a session read the catalogue besides.
    caller(role).explain(path, plans=plans)
    plan = caller(role).explain(path, plans=plans)
    assert plan.rows == 1
    assert plan.buffers < 40, str(plan)
    assert not plan.scanned_whole() & {"issue", "site", "issue_key"}, str(plan)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("filter", ISSUE_FILTERS + RARE_ISSUE_FILTERS)
def test_a_page_of_issues_walks_along_an_index(caller, known_issue, issue_after, filter, role):
    # Of them up to 70 for each of the 21 records shown: who leads, what carries it.
    most, most_sorted = (1600, 3000) if filter in ISSUE_FILTERS else (20000, 4000)
    # The first calls of functions in a session read the catalogue besides.
    for plans in PLANS:
        caller(role).explain(f"/v1/issues?limit={LIMIT}", plans=plans)
    for sort in ISSUE_SORTS:
        path = f"/v1/issues?limit={LIMIT}&sort={sort}&{filter.format(**known_issue)}"
        for key in (None, issue_after):
            for plans in PLANS:
                plan = caller(role).explain(path, key, plans)
                said = (f"{path} after {key}, {plans}: {plan.buffers} buffers, "
                        f"{plan.sorted_rows()} rows sorted\n{plan}")
                assert plan.buffers < most, said
                assert plan.sorted_rows() <= most_sorted, said
                assert not plan.scanned_whole() & {"issue", "issue_key", "word"}, said


@pytest.mark.parametrize("filter, where", [
    ("lead_institution_id={lead}&status=in_progress,on_hold",
     "i.lead_institution_id = '{lead}' AND i.status IN ('in_progress', 'on_hold')"),
    ("quartier_id={quartier}&category={category}", "i.quartier_id = '{quartier}' AND i.category = '{category}'"),
])
@pytest.mark.parametrize("sort, order", [("-created_at", "i.created_at DESC, i.id DESC"),
                                         ("due_on", "coalesce(i.due_on, 'infinity'), i.id")])
def test_a_page_is_full_until_the_last_though_several_keys_show_one_issue(
        caller, row, known_issue, filter, where, sort, order):
    bailleur = caller("bailleur")
    keys, = row("SELECT keys FROM member JOIN gusp_bench.member AS b ON b.membership_id = member.id "
                "WHERE b.role = 'bailleur'")
    expected, = row(f"SELECT array_agg(i.id::text ORDER BY {order}) FROM issue AS i "
                    f"WHERE i.seen_by && %s AND {where.format(**known_issue)}", keys)
    path = f"/v1/issues?limit={LIMIT}&sort={sort}&{filter.format(**known_issue)}"
    found, key = [], None
    while True:
        page = bailleur.page(path, key)
        found += [last[-1] for last in page[:LIMIT]]
        if len(page) <= LIMIT:
            break
        key = json.dumps(page[LIMIT - 1])
    assert len(expected) > 2 * LIMIT, "nothing is proved by a page or two"
    assert found == expected


def test_what_is_filled_in_is_what_the_triggers_write(many_rows):
    """Rights, references, keys and words of one issue in seven hundred."""
    with many_rows.cursor() as cursor:
        def count(query):
            cursor.execute(query)
            return cursor.fetchone()[0]

        cursor.execute("BEGIN")
        try:
            for table in ("issue", "issue_key", "word"):
                cursor.execute(f"CREATE TEMPORARY TABLE was_{table} ON COMMIT DROP AS SELECT t.* FROM {table} AS t "
                               "WHERE t.id IN (SELECT i.id FROM issue AS i WHERE hashtext(i.id::text) % 700 = 0)")
            assert count("SELECT count(*) FROM was_issue") > 200
            # What changes nothing is computed anew and must come out the same.
            cursor.execute("UPDATE issue AS i SET title = i.title FROM was_issue AS w WHERE w.id = i.id")
            assert count("SELECT count(*) FROM was_issue AS w JOIN issue AS i USING (id) "
                         "WHERE to_jsonb(w) <> to_jsonb(i)") == 0
            cursor.execute("DELETE FROM word AS d USING was_issue AS w WHERE w.id = d.id")
            cursor.execute("UPDATE issue AS i SET title = i.title, public_note = 'x' FROM was_issue AS w "
                           "WHERE w.id = i.id")
            kept = "key, id, to_jsonb({0}) - 'updated_at' AS rest"
            for table, columns in (("issue_key", kept), ("word", "*")):
                now, was = (f"SELECT {columns.format(name)} FROM {name}" for name in (table, "was_" + table))
                now += " WHERE id IN (SELECT id FROM was_issue)"
                assert count(f"SELECT count(*) FROM (({now}) EXCEPT ({was})) AS d") == 0
                assert count(f"SELECT count(*) FROM (({was}) EXCEPT ({now})) AS d") == 0
        finally:
            cursor.execute("ROLLBACK")


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
