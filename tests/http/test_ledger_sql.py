"""The ledger in the database: the bytes of leaves, their order, the tree and
its proofs, and what no role may do. The vectors are those of another
implementation; merkle.py is the tests' own."""

import json
import threading
import uuid

import merkle
import psycopg2
import pytest
from conftest import environment
from contract import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import Ledger

VECTORS = json.loads((ROOT / "tests/data/ledger-vectors.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def ledger():
    made = Ledger(environment("GUSP_TEST_DB_URL"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tree():
    """A ledger that holds the thousand leaves of the vectors, integrated by
    batches of uneven sizes."""
    made = Ledger(environment("GUSP_TEST_DB_URL"), nouns=False)
    made.add(*(b'{"n":%d,"v":1}' % n for n in range(1000)))
    size, batch = 0, 1
    while size < 1000:
        size = made.integrate(batch)
        batch = batch * 2 + 1
    yield made
    made.close()


# Bytes -----------------------------------------------------------------------

def test_the_writer_spells_json_as_the_vectors_do(tree):
    for leaf in VECTORS["commitment_chain"]["leaves"]:
        assert tree.value("SELECT ledger.canonical(%s)", leaf) == leaf


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=10), inner, max_size=4),
    max_leaves=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
def test_the_writer_spells_any_json_as_the_tests_do(tree, value):
    # Keys in the order of their bytes: Python's order of code points is that of UTF-8.
    written = tree.value("SELECT ledger.canonical(%s)", json.dumps(value))
    assert written.encode() == merkle.canonical(value)
    assert "\n" not in written and "\r" not in written


@pytest.mark.parametrize("number", ["0.5", "1e-3", "9007199254740992", "-9007199254740992", "1.0"])
def test_a_leaf_has_whole_numbers_that_any_reader_keeps(tree, number):
    with pytest.raises(psycopg2.errors.NumericValueOutOfRange):
        tree.value("SELECT ledger.canonical(%s)", f'{{"n":{number}}}')


def test_fields_are_committed_to_as_in_the_vectors(tree):
    vectors = VECTORS["field_commitments"]["vectors"]
    assert len(vectors) == 3
    for vector in vectors:
        assert vector["commitment"] == tree.value(
            "SELECT ledger.commitment(%s, %s, %s)", psycopg2.Binary(bytes.fromhex(vector["salt_hex"])),
            vector["field"], psycopg2.Binary(vector["value_utf8"].encode()))


def test_stored_leaves_have_the_hashes_of_the_vectors(ledger):
    """Those that the ledger may hold: the others are of any bytes."""
    held = [v for v in VECTORS["leaf_hashes"] if v["leaf_hex"].startswith("7b")]
    assert held
    for vector in held:
        assert merkle.unb64(vector["leaf_hash"]) == ledger.value(
            "INSERT INTO ledger.ledger_event (event_uuid, institution_id, leaf) VALUES (%s, %s, %s)"
            " RETURNING leaf_hash", uuid.uuid4(), ledger.institution,
            psycopg2.Binary(bytes.fromhex(vector["leaf_hex"])))


@pytest.mark.parametrize("leaf", [b"", b"{", b'{"a":1}\n', b'{"a":\r1}', b"x" * 8193])
def test_a_leaf_is_one_line_of_bounded_length(ledger, leaf):
    with pytest.raises(psycopg2.errors.CheckViolation):
        ledger.add(leaf)


# The tree --------------------------------------------------------------------

def test_roots_are_those_of_the_vectors(tree):
    for vector in VECTORS["roots"]:
        if vector["size"] <= 1000:
            assert merkle.unb64(vector["root"]) == tree.value("SELECT ledger.mth(0, %s)", vector["size"])


def test_inclusion_proofs_are_those_of_the_vectors(tree):
    assert len(VECTORS["inclusion"]) == 227
    for vector in VECTORS["inclusion"]:
        proof = tree.value("SELECT ledger.inclusion(%s, %s)", vector["index"], vector["size"])
        assert [merkle.b64(h) for h in proof] == vector["proof"], vector


def test_consistency_proofs_are_those_of_the_vectors(tree):
    assert len(VECTORS["consistency"]) == 250
    for vector in VECTORS["consistency"]:
        proof = tree.value("SELECT ledger.consistency(%s, %s)", vector["from"], vector["to"])
        assert [merkle.b64(h) for h in proof] == vector["proof"], vector


def test_tiles_are_those_of_the_vectors(tree):
    import hashlib

    for vector in VECTORS["tiles_size_1000"]:
        tile = tree.value("SELECT ledger.tile(%s, %s, %s, 1000)", vector["level"], vector["index"], vector["width"])
        assert hashlib.sha256(tile).hexdigest() == vector["sha256_hex"], vector["path"]
        if vector["width"] == 256:
            assert merkle.b64(tree.value("SELECT ledger.mth_full(%s)", psycopg2.Binary(tile))) == vector["tile_root"]


@pytest.mark.parametrize("level, idx, width, size", [
    (0, 3, 233, 1000), (0, 4, 1, 1000), (1, 0, 4, 1000), (1, 0, 256, 1000), (0, 0, 0, 1000), (0, 0, 257, 1000),
    (8, 0, 1, 1000), (-1, 0, 1, 1000), (0, -1, 1, 1000), (0, 2**62, 1, 1000), (0, 0, 20, 19)])
def test_there_is_no_tile_of_what_is_not_in_the_tree(tree, level, idx, width, size):
    assert tree.value("SELECT ledger.tile(%s, %s, %s, %s)", level, idx, width, size) is None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 1000), st.data())
def test_proofs_of_any_place_and_size_are_those_of_the_definition(tree, size, data):
    hashes = [merkle.leaf_hash(b'{"n":%d,"v":1}' % n) for n in range(size)]
    index, early = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    assert tree.value("SELECT ledger.inclusion(%s, %s)", index, size) == merkle.inclusion(index, hashes)
    assert tree.value("SELECT ledger.consistency(%s, %s)", early, size) == merkle.consistency(early, hashes)


def test_the_self_check_finds_nothing_in_a_whole_tree(tree):
    assert tree.rows("SELECT * FROM ledger.self_check()") == []


# Leaves of records -----------------------------------------------------------

def test_a_draft_makes_no_leaf_and_the_step_that_ends_it_tells_the_whole_record(ledger):
    caller = ledger.caller(ledger.connect("gusp_owner"))
    record = ledger.pledge(on=caller, title="Bancs", cost_cents=125000)
    ledger.change(record, on=caller, title="Bancs du square")
    assert ledger.history(record) == []
    ledger.change(record, on=caller, status="proposed")
    leaf, = ledger.history(record)
    assert (leaf["seq"], leaf["prev"], leaf["kind"]) == (1, None, "pledge.proposed")
    assert (leaf["status"], leaf["institution"]) == ("proposed", ledger.institution)
    assert (leaf["subject_kind"], leaf["subject"]) == ("pledge", record)
    assert set(leaf["private"]) == {"title", "cost_cents", "visibility"}
    values = {field: value for field, (_, _, value) in ledger.openings(leaf["event"]).items()}
    assert values == {"title": b"Bancs du square", "cost_cents": b"125000", "visibility": b"partners"}


def test_later_leaves_tell_what_changed_and_are_chained(ledger):
    record = ledger.pledge(status="proposed", title="Haies")
    ledger.change(record, title="Haies basses", due_on="2027-01-31")
    ledger.change(record, status="accepted")
    ledger.change(record, due_on=None)
    stored = [leaf for (leaf,) in ledger.rows(
        "SELECT leaf FROM ledger.ledger_event WHERE subject_id = %s ORDER BY seq", record)]
    leaves = [json.loads(leaf) for leaf in stored]
    assert [leaf["kind"] for leaf in leaves] == ["pledge.created", "pledge.updated", "pledge.accepted",
                                                 "pledge.updated"]
    assert [leaf["seq"] for leaf in leaves] == [1, 2, 3, 4]
    assert [leaf["prev"] for leaf in leaves] == [None] + [merkle.b64(merkle.leaf_hash(s)) for s in stored[:3]]
    assert [set(leaf["private"]) for leaf in leaves[1:]] == [{"title", "due_on"}, set(), {"due_on"}]
    assert ledger.openings(leaves[3]["event"])["due_on"][2] == b""
    for leaf, line in zip(leaves, stored):
        assert merkle.canonical(leaf) == line


def test_every_commitment_of_a_leaf_is_opened_by_its_salt_and_value(ledger):
    record = ledger.pledge(status="proposed", title="Rénovation énergétique \"40\" logements\n", note="07", cost_cents=1)
    leaf, = ledger.history(record)
    opened = ledger.openings(leaf["event"])
    assert set(opened) == set(leaf["private"])
    for field, (_, salt, value) in opened.items():
        assert merkle.b64(merkle.commitment(salt, field, value)) == leaf["private"][field]
    salts = [salt for _, salt, _ in opened.values()]
    assert len(set(salts)) == len(salts)
    assert {field: grp for field, (grp, _, _) in opened.items()} == {
        "title": "public", "note": "personal", "cost_cents": "cost", "visibility": "public"}


def test_equal_values_are_not_linked(ledger):
    one, two = (ledger.history(ledger.pledge(status="proposed", title="Même"))[0]["private"]["title"]
                for _ in range(2))
    assert one != two


def test_a_leaf_shows_nothing_that_a_partner_may_not_see(ledger):
    record = ledger.pledge(status="proposed", visibility="internal", title="secret-title", cost_cents=98765,
                           note="secret-note")
    ledger.change(record, status="accepted")
    shown = b"".join(leaf for (leaf,) in ledger.rows(
        "SELECT leaf FROM ledger.ledger_event WHERE subject_id = %s", record))
    for hidden in (b"secret", b"98765", b"accepted", b"proposed", b"internal"):
        assert hidden not in shown
    leaves = ledger.history(record)
    assert [leaf["kind"] for leaf in leaves] == ["pledge.created", "pledge.updated"]
    assert all("status" not in leaf and "status" in leaf["private"] for leaf in leaves)


def test_what_belongs_to_a_record_is_in_its_history(ledger):
    record = ledger.pledge(status="accepted")
    delay = ledger.value(
        "INSERT INTO gusp.pledge_delay (programme_id, pledge_id, due_on, reason) VALUES (%s, %s, '2027-03-01', 'x')"
        " RETURNING id::text", ledger.programme, record)
    ledger.change(record, title="after")
    first, second, third = ledger.history(record)
    assert (second["kind"], second["record"], second["status"]) == ("pledge_delay.created", delay, "requested")
    assert set(second["private"]) == {"due_on", "reason", "pledge_id"}
    assert third["seq"] == 3


def test_what_was_there_before_the_draft_ended_is_told_when_it_ends(ledger):
    record = ledger.pledge(title="Bancs")
    delay = ledger.value(
        "INSERT INTO gusp.pledge_delay (programme_id, pledge_id, due_on) VALUES (%s, %s, '2027-03-01')"
        " RETURNING id::text", ledger.programme, record)
    ledger.execute("UPDATE gusp.pledge_delay SET reason = 'pluie' WHERE id = %s", delay)
    assert ledger.history(record) == []
    ledger.change(record, status="proposed")
    own, belonging = ledger.history(record)
    assert (own["seq"], belonging["seq"], belonging["record"]) == (1, 2, delay)
    assert {f: v for f, (_, _, v) in ledger.openings(belonging["event"]).items()} == {
        "pledge_id": record.encode(), "due_on": b"2027-03-01", "reason": b"pluie"}


def test_a_leaf_and_its_event_have_one_identifier(ledger):
    record = ledger.pledge(status="proposed")
    leaf, = ledger.history(record)
    event, kind = ledger.rows("SELECT id::text, kind FROM gusp.event WHERE subject_id = %s", record)[0]
    assert (leaf["event"], leaf["kind"]) == (event, kind)


def test_a_change_whose_leaf_cannot_be_written_does_not_happen(ledger):
    record = ledger.pledge(status="proposed")
    ledger.execute("ALTER TABLE ledger.ledger_event ADD CONSTRAINT shut CHECK (seq < 2) NOT VALID")
    try:
        with pytest.raises(psycopg2.errors.CheckViolation):
            ledger.change(record, title="not this")
    finally:
        ledger.execute("ALTER TABLE ledger.ledger_event DROP CONSTRAINT shut")
    assert ledger.value("SELECT title FROM gusp.pledge WHERE id = %s", record) is None
    assert len(ledger.history(record)) == 1


def test_even_a_replica_session_leaves_a_leaf(ledger):
    record = ledger.pledge(status="proposed")
    superuser = ledger.connect()
    ledger.execute("SET session_replication_role = replica", on=superuser)
    ledger.execute("UPDATE gusp.pledge SET title = 'behind', version = version + 1 WHERE id = %s", record,
                   on=superuser)
    superuser.close()
    assert len(ledger.history(record)) == 2


def test_nothing_is_written_while_the_log_stands_still(ledger):
    signer = ledger.connect("gusp_ledger")
    ledger.execute("INSERT INTO ledger.ledger_halt (frozen, why) VALUES (true, 'test')", on=signer)
    try:
        with pytest.raises(psycopg2.Error) as refused:
            ledger.pledge(status="proposed")
        assert refused.value.pgcode == "GU503"
        ledger.pledge(status="draft")
    finally:
        ledger.execute("INSERT INTO ledger.ledger_halt (frozen, why) VALUES (false, 'test')", on=signer)
        signer.close()
    ledger.pledge(status="proposed")


# Erasure ---------------------------------------------------------------------

def test_erasing_destroys_salt_and_value_and_the_history_says_so(ledger):
    record = ledger.pledge(status="proposed", title="Bancs", note="Mme X, 3e étage")
    before, = ledger.history(record)
    privacy = ledger.connect("gusp_privacy")
    assert ledger.value("SELECT ledger.erase(%s, '{note,none}', 'request')", before["event"], on=privacy) == 1
    assert ledger.value("SELECT ledger.erase(%s, '{note}', 'request')", before["event"], on=privacy) == 0
    privacy.close()
    assert set(ledger.openings(before["event"])) == {"title", "visibility"}
    first, second = ledger.history(record)
    assert first == before
    assert second["kind"] == "private.erased" and second["seq"] == 2
    assert second["erased"] == {"event": before["event"], "fields": ["note"], "reason": "request"}


# Order -----------------------------------------------------------------------

def test_eight_writers_two_integrators_and_a_transaction_held_open_lose_and_reorder_nothing():
    """10 % of the writes are rolled back; one transaction draws its number
    first and commits last."""
    made = Ledger(environment("GUSP_TEST_DB_URL"))
    try:
        held = made.connect("gusp_owner", autocommit=False)
        made.pledge(status="proposed", on=held)
        shared = made.pledge(status="proposed")
        stop = threading.Event()
        counts, faults = [], []

        def write(n):
            connection, kept = made.connect("gusp_owner", autocommit=False), 0
            try:
                for i in range(60):
                    made.change(shared, on=connection, title=f"{n} {i}") if i % 3 == 0 \
                        else made.pledge(on=connection, status="proposed")
                    if (n + i) % 10 == 0:
                        connection.rollback()
                    else:
                        connection.commit()
                        kept += 1
                counts.append(kept)
            except Exception as error:
                faults.append(error)
            finally:
                connection.close()

        def integrate():
            connection = made.connect("gusp_ledger")
            while not stop.is_set():
                try:
                    made.value("SELECT ledger.integrate(50)", on=connection)
                except Exception as error:
                    faults.append(error)
            connection.close()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        integrators = [threading.Thread(target=integrate) for _ in range(2)]
        for thread in writers + integrators:
            thread.start()
        for thread in writers:
            thread.join()
        held.commit()
        held.close()
        stop.set()
        for thread in integrators:
            thread.join()
        while made.value("SELECT count(*) FROM ledger.ledger_queue"):
            made.integrate()
        assert faults == []
        events = made.value("SELECT count(*) FROM ledger.ledger_event")
        assert events == sum(counts) + 2
        assert made.value("SELECT max(leaf_index) + 1 FROM ledger.ledger_leaf") == events
        # In the history of each record the place in the tree follows seq.
        assert made.rows(
            "SELECT subject_id FROM (SELECT e.subject_id, l.leaf_index, lag(l.leaf_index) OVER"
            " (PARTITION BY e.subject_id ORDER BY e.seq) AS before"
            " FROM ledger.ledger_event AS e JOIN ledger.ledger_leaf AS l USING (event_id)) AS o"
            " WHERE o.before > o.leaf_index") == []
        assert made.rows("SELECT * FROM ledger.self_check()") == []
        assert made.value("SELECT leaf_index > 100 FROM ledger.ledger_leaf WHERE event_id = 1")
        hashes = [merkle.leaf_hash(leaf) for leaf in made.leaves()]
        assert made.value("SELECT ledger.mth(0, %s)", events) == merkle.root(hashes)
    finally:
        made.close()


# Rights ----------------------------------------------------------------------

@pytest.mark.parametrize("role", ["gusp_member", "gusp_auditor", "gusp_ledger", "gusp_privacy", "gusp_admin",
                                  "gusp_auth", "gusp_definer"])
def test_no_role_of_the_application_rewrites_the_log(ledger, role):
    for table in ("ledger_event", "ledger_leaf", "ledger_tile", "ledger_checkpoint", "ledger_cosignature",
                  "ledger_halt"):
        for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
            assert not ledger.value("SELECT has_any_column_privilege(%s, %s, %s)"
                                    if right in ("UPDATE", "REFERENCES") else
                                    "SELECT has_table_privilege(%s, %s, %s)", role, "ledger." + table, right)


@pytest.mark.parametrize("statement", [
    "INSERT INTO ledger.ledger_event (event_uuid, institution_id, leaf) VALUES (gusp.uuid7(), gusp.uuid7(), '{}')",
    "INSERT INTO ledger.ledger_queue VALUES (1)",
    "INSERT INTO ledger.ledger_leaf (leaf_index, event_id, leaf_hash) VALUES (0, 1, sha256(''))",
    "INSERT INTO ledger.ledger_checkpoint (tree_size, root_hash, note) VALUES (0, sha256(''), 'x')",
    "INSERT INTO ledger.event_opening SELECT * FROM ledger.event_opening",
    "DELETE FROM ledger.event_opening",
    "SELECT ledger.append('pledge', gusp.uuid7(), 'x', gusp.uuid7(), gusp.uuid7(), now(), '{}', '[]')",
    "SELECT ledger.integrate()",
    "SELECT ledger.erase(gusp.uuid7(), '{}', 'request')",
    "SET session_replication_role = replica"])
def test_members_and_auditors_write_leaves_by_changing_records_alone(ledger, statement):
    for role in ("gusp_member", "gusp_auditor"):
        connection = ledger.connect(role)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ledger.execute(statement, on=connection)
        connection.close()


@pytest.mark.parametrize("table", ["ledger_event", "ledger_leaf", "ledger_tile", "ledger_checkpoint",
                                   "ledger_cosignature", "ledger_halt"])
def test_not_even_the_superuser_changes_a_row_by_accident(ledger, table):
    superuser = ledger.connect()
    for prelude in ("SELECT 1", "SET session_replication_role = replica"):
        ledger.execute(prelude, on=superuser)
        for statement in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table} CASCADE"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="append-only"):
                ledger.execute(statement, on=superuser)
    superuser.close()


def test_every_definer_function_of_the_ledger_belongs_to_the_definer_and_pins_its_path(ledger):
    loose = ledger.rows(
        "SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'ledger' AND p.prosecdef AND (pg_get_userbyid(p.proowner) <> 'gusp_definer'"
        " OR NOT coalesce(p.proconfig::text LIKE '%%search_path=%%pg_temp%%', false))".replace("%%", "%"))
    assert loose == []


def test_an_opening_is_read_under_the_rights_of_its_event_field_by_field(ledger):
    record = ledger.pledge(status="proposed", title="Bancs", cost_cents=5, note="n",
                           seen_by=["i:" + ledger.institution])
    leaf, = ledger.history(record)

    def fields(keys, groups, role="gusp_member"):
        connection = ledger.connect(role)
        ledger.execute("SELECT set_config('app.keys', %s, false), set_config('app.groups', %s, false)", keys, groups,
                       on=connection)
        found = {f for (f,) in ledger.rows("SELECT field FROM ledger.event_opening WHERE event_uuid = %s",
                                           leaf["event"], on=connection)}
        connection.close()
        return found

    mine = "{i:%s}" % ledger.institution
    assert fields(mine, "{public,personal,cost}") == {"title", "visibility", "note", "cost_cents"}
    assert fields(mine, "{public}") == {"title", "visibility"}
    assert fields(mine, "{public,cost}", "gusp_auditor") == {"title", "visibility", "cost_cents"}
    assert fields("{p:other}", "{public,personal,cost}") == set()
    assert fields("", "") == set()
