"""The ledger over HTTP: what a partner or an auditor gets, byte for byte, held
against an implementation of the tests' own (merkle.py)."""

import json
import socket
import threading
import time
import uuid

import merkle
import psycopg2
import pytest
from conftest import environment
from ledger import Served
from stand import wait_until

READERS = ("city", "bailleur", "association", "institution", "facilitator", "auditor")
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def served(tmp_path_factory, contract):
    made = Served(environment("GUSP_TEST_DB_URL"), tmp_path_factory.mktemp("served"), contract)
    yield made
    made.close()


@pytest.fixture(scope="module")
def grown(served):
    """Six hundred leaves and a record with a history, published; and one leaf
    that has its place and is in no checkpoint."""
    assert served.client("auditor").get("/v1/ledger/checkpoint").problem.code == "ledger_not_begun"
    served.sign(served.dir)
    served.add(*(b'{"n":%d}' % n for n in range(290)))
    served.sign(served.dir)
    served.add(*(b'{"n":%d}' % n for n in range(290, 600)))
    record = served.pledge(status="proposed", title="Bancs", cost_cents=125000, note="Mme X")
    served.change(record, status="accepted", due_on="2027-01-31")
    served.record = record
    served.sign(served.dir)
    served.size = 602
    served.add(b'{"not":"published"}')
    served.integrate()
    served.hashes = [merkle.leaf_hash(leaf) for leaf in served.leaves()[:602]]
    return served


@pytest.fixture
def auditor(grown):
    return grown.client("auditor")


# Checkpoints -----------------------------------------------------------------

@pytest.mark.parametrize("role", READERS)
def test_every_partner_reads_the_checkpoint(grown, role):
    answer = grown.client(role).get("/v1/ledger/checkpoint").expect(200)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "no-cache" in answer.headers["cache-control"]
    note = answer.body.decode()
    assert merkle.checkpoint(note, grown.key(grown.dir)[1]) == (
        "ledger.example/engagements", 602, merkle.root(grown.hashes))


def test_the_administrator_and_nobody_do_not(grown):
    assert grown.client("admin").get("/v1/ledger/checkpoint").expect(403).problem.code == "role_forbidden"
    grown.client("city").request("GET", "/v1/ledger/checkpoint", headers={"Authorization": ""}).expect(401)


def test_published_checkpoints_are_served_by_size_for_ever(grown, auditor):
    for size in (0, 290, 602):
        answer = auditor.get(f"/v1/ledger/checkpoint/{size}").expect(200)
        assert answer.headers["cache-control"] == FOREVER
        assert merkle.checkpoint(answer.body.decode(), grown.key(grown.dir)[1])[1:] == (
            size, merkle.root(grown.hashes[:size]))
    for size in (1, 291, 603):
        auditor.get(f"/v1/ledger/checkpoint/{size}").expect(404)
    auditor.get("/v1/ledger/checkpoint/x").expect(400)


def test_a_log_that_stands_still_gives_no_checkpoint_but_all_that_was_signed(grown, auditor):
    signer = grown.connect("gusp_ledger")
    grown.execute("INSERT INTO ledger.ledger_halt (frozen, why) VALUES (true, 'test')", on=signer)
    try:
        refused = auditor.get("/v1/ledger/checkpoint").expect(503)
        assert refused.problem.code == "ledger_frozen" and int(refused.headers["retry-after"]) > 0
        auditor.get("/v1/ledger/checkpoint/602").expect(200)
        assert auditor.get("/v1/ledger/entries?start=0&end=5").expect(200).body.count(b"\n") == 5
    finally:
        grown.execute("INSERT INTO ledger.ledger_halt (frozen, why) VALUES (false, 'test')", on=signer)
        signer.close()


# Entries ---------------------------------------------------------------------

@pytest.mark.parametrize("start, end, first, last", [
    (0, 602, 0, 602), (5, 6, 5, 6), (590, 9999, 590, 602), (None, None, 0, 602), (602, 602, 602, 602),
    (602, None, 602, 602), (7, 7, 7, 7), (499, 501, 499, 501), (0, 500, 0, 500)])
def test_entries_are_the_leaves_as_they_were_hashed(grown, auditor, start, end, first, last):
    asked = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
    answer = auditor.get("/v1/ledger/entries", asked).expect(200)
    assert answer.body == b"".join(leaf + b"\n" for leaf in grown.leaves()[first:last])
    assert answer.headers["content-type"] == "application/jsonl"
    assert [answer.headers[h] for h in ("Ledger-Start", "Ledger-End", "Ledger-Tree-Size")] == \
        [str(first), str(last), "602"]
    constant = end is not None and end <= 602
    assert (answer.headers["cache-control"] == FOREVER) == constant


@pytest.mark.parametrize("query", ["start=603", "start=5&end=4", "start=x", "end=1.0", "start=-1", "start=01x",
                                   "start=99999999999999999999", "begin=1"])
def test_an_interval_that_is_none_is_refused(auditor, query):
    auditor.get("/v1/ledger/entries?" + query).expect(400)


def test_nothing_beyond_the_last_checkpoint_is_served(grown, auditor):
    assert grown.value("SELECT count(*) FROM ledger.ledger_leaf") == 603
    assert b"published" not in auditor.get("/v1/ledger/entries", {"start": 590, "end": 700}).body
    hidden = merkle.leaf_hash(b'{"not":"published"}').hex()
    for path, status in (("proof/inclusion?index=602&size=603", 400), ("proof/inclusion?index=602&size=602", 400),
                         ("proof/consistency?from=290&to=603", 400), ("tile/0/002.p/91", 404),
                         ("entries?start=603", 400)):
        auditor.get("/v1/ledger/" + path).expect(status)
    waiting = auditor.get(f"/v1/ledger/proof/inclusion?hash={hidden}&size=602").expect(404)
    assert (waiting.problem.code, waiting.headers["retry-after"]) == ("leaf_not_published", "1")


def test_the_head_of_a_page_says_where_it_ends_without_its_leaves(auditor):
    answer = auditor.head("/v1/ledger/entries?start=3&end=5").expect(200)
    assert (answer.headers["Ledger-End"], answer.body) == ("5", b"")


def test_one_connection_serves_one_page_after_the_other(auditor):
    for n in range(20):
        assert auditor.get("/v1/ledger/entries", {"start": n, "end": n + 580}).expect(200).body.count(b"\n") == 580


# Proofs ----------------------------------------------------------------------

@pytest.mark.parametrize("index, size", [(0, 1), (0, 602), (289, 290), (601, 602), (255, 256), (256, 600), (511, 513)])
def test_a_leaf_is_proved_to_be_in_the_tree(grown, auditor, index, size):
    expected = {"leaf_index": index, "tree_size": size, "leaf_hash": merkle.b64(grown.hashes[index]),
                "proof": [merkle.b64(h) for h in merkle.inclusion(index, grown.hashes[:size])]}
    answer = auditor.get("/v1/ledger/proof/inclusion", {"index": index, "size": size}).expect(200)
    assert (answer.json, answer.headers["cache-control"]) == (expected, FOREVER)
    by_hash = auditor.get("/v1/ledger/proof/inclusion", {"hash": grown.hashes[index].hex(), "size": size})
    assert by_hash.json == expected


def test_without_a_size_the_published_tree_is_meant(grown, auditor):
    answer = auditor.get("/v1/ledger/proof/inclusion?index=4").expect(200)
    assert answer.json["tree_size"] == 602 and "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize("query", ["index=5&size=5", "index=0&size=0", "size=5", "index=1&hash=" + "0" * 64,
                                   "hash=" + "0" * 63, "hash=" + "G" * 64, "index=x&size=5"])
def test_a_proof_of_nothing_is_refused(auditor, query):
    auditor.get("/v1/ledger/proof/inclusion?" + query).expect(400)


def test_a_hash_of_no_leaf_is_not_found(grown, auditor):
    assert auditor.get("/v1/ledger/proof/inclusion?size=602&hash=" + "0" * 64).expect(404).problem.code == "not_found"
    late = grown.hashes[300].hex()
    assert auditor.get(f"/v1/ledger/proof/inclusion?size=290&hash={late}").expect(404)


@pytest.mark.parametrize("early, late", [(0, 0), (0, 602), (602, 602), (290, 602), (256, 512), (1, 2), (255, 601)])
def test_a_tree_is_proved_to_extend_an_earlier_one(grown, auditor, early, late):
    answer = auditor.get("/v1/ledger/proof/consistency", {"from": early, "to": late}).expect(200)
    assert answer.json == {"from": early, "to": late, "proof": [
        merkle.b64(h) for h in merkle.consistency(early, grown.hashes[:late])] if early < late else []}


@pytest.mark.parametrize("query", ["from=3&to=2", "from=1&to=603", "from=1", "to=1", "from=a&to=2"])
def test_no_tree_extends_a_later_one(auditor, query):
    auditor.get("/v1/ledger/proof/consistency?" + query).expect(400)


# Tiles -----------------------------------------------------------------------

@pytest.mark.parametrize("path, level, index, width", [
    ("0/000", 0, 0, 256), ("0/001", 0, 1, 256), ("0/002.p/90", 0, 2, 90), ("0/002.p/1", 0, 2, 1),
    ("0/000.p/255", 0, 0, 255), ("1/000.p/2", 1, 0, 2), ("1/000.p/1", 1, 0, 1)])
def test_tiles_are_octets_that_never_change(grown, auditor, path, level, index, width):
    answer = auditor.get("/v1/ledger/tile/" + path).expect(200)
    assert answer.body == merkle.tile(level, index, grown.hashes)[:width * 32]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == FOREVER


@pytest.mark.parametrize("path", [
    "0/002", "0/003", "1/000", "2/000", "2/000.p/1", "0/002.p/91", "0/000.p/256", "0/000.p/0", "0/000.p/01", "8/000",
    "0/0", "0/0000", "0/x000/000", "0/x001/000", "0/x001/x000/000", "0/000.p", "0/-01", "a/000", "0/x001/x002/x003/004",
    "00/000", "0/000.p/x", "0/x000/000.p/1", "0/000/000"])
def test_there_is_one_name_for_a_tile_and_none_for_what_is_not_there(auditor, path):
    assert auditor.get("/v1/ledger/tile/" + path).expect(404).problem.code == "not_found"


def test_a_head_of_a_tile_tells_its_length(auditor):
    assert auditor.head("/v1/ledger/tile/0/000").expect(200).headers["content-length"] == "8192"


# Openings --------------------------------------------------------------------

def openings(client, **query):
    answer = client.get("/v1/ledger/openings", query).expect(200)
    return [json.loads(line) for line in answer.body.splitlines()]


def test_openings_open_what_the_leaves_hold(grown):
    found = openings(grown.client("city"), start=600)
    assert {(o["index"], o["field"]): o["value"] for o in found} == {
        (600, "title"): "Bancs", (600, "cost_cents"): "125000", (600, "note"): "Mme X",
        (600, "visibility"): "partners", (601, "due_on"): "2027-01-31"}
    leaves = grown.leaves()
    for o in found:
        assert json.loads(leaves[o["index"]])["private"][o["field"]] == merkle.b64(
            merkle.commitment(merkle.unb64(o["salt"]), o["field"], o["value"].encode()))


@pytest.mark.parametrize("role, fields", [
    ("auditor", {"title", "visibility", "cost_cents", "due_on"}), ("bailleur", {"title", "visibility", "note", "due_on"}),
    ("association", {"title", "visibility", "note", "due_on"})])
def test_openings_are_those_that_the_caller_may_read(grown, role, fields):
    assert {o["field"] for o in openings(grown.client(role), start=0)} == fields


def test_openings_of_what_a_caller_does_not_see_are_absent(grown, auditor):
    other = grown.pledge(status="proposed", title="secret", seen_by=["i:" + str(uuid.uuid4())])
    grown.sign(grown.dir)
    try:
        assert "secret" not in auditor.get("/v1/ledger/openings").text
        leaf, = grown.history(other)
        assert leaf["private"]["title"]
    finally:
        size = grown.checkpoints()[-1][0]
        grown.size, grown.hashes = size, [merkle.leaf_hash(leaf) for leaf in grown.leaves()[:size]]


def test_what_was_erased_is_absent_and_every_proof_still_holds(grown, auditor, tmp_path):
    record = grown.pledge(status="proposed", title="Square", note="M. Y")
    leaf, = grown.history(record)
    grown.sign(grown.dir)
    city = grown.client("city")
    assert "M. Y" in city.get("/v1/ledger/openings", {"start": 600}).text
    privacy = grown.connect("gusp_privacy")
    grown.execute("SELECT ledger.erase(%s, '{note}', 'request')", leaf["event"], on=privacy)
    privacy.close()
    grown.sign(grown.dir)
    assert "M. Y" not in city.get("/v1/ledger/openings", {"start": 600}).text
    assert "Square" in city.get("/v1/ledger/openings", {"start": 600}).text
    proof = auditor.get(f"/v1/events/{leaf['event']}/tlog-proof").expect(200).text
    judge_proof(proof, merkle.canonical(leaf), grown.key(grown.dir)[1])
    erased = json.loads(grown.leaves()[-1])
    assert (erased["kind"], erased["erased"]["reason"], erased["subject"]) == ("private.erased", "request", record)


# One history -----------------------------------------------------------------

def test_the_history_of_one_record_is_its_leaves_in_their_order(grown, auditor):
    answer = auditor.get(f"/v1/ledger/histories/pledge/{grown.record}").expect(200)
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.body.splitlines()]
    leaves = grown.leaves()
    assert [leaves[line["index"]] for line in lines] == [line["leaf"].encode() for line in lines]
    assert [json.loads(line["leaf"])["seq"] for line in lines] == [1, 2]


def test_a_leaf_that_waits_for_its_checkpoint_has_no_place_in_a_history(grown, auditor):
    record = grown.pledge(status="proposed", title="a")
    grown.sign(grown.dir)
    for n in range(120):
        grown.change(record, title=f"b {n}")
    grown.integrate()
    lines = [json.loads(line) for line in
             auditor.get(f"/v1/ledger/histories/pledge/{record}").expect(200).body.splitlines()]
    assert [json.loads(line["leaf"])["seq"] for line in lines] == list(range(1, 122))
    assert [line["index"] is None for line in lines] == [False] + [True] * 120
    grown.sign(grown.dir)


def test_who_sees_nothing_of_a_record_does_not_find_its_history(grown, auditor):
    hidden = grown.pledge(status="proposed", seen_by=["i:" + str(uuid.uuid4())])
    for path in (f"pledge/{hidden}", f"pledge/{uuid.uuid4()}", f"other/{grown.record}"):
        assert auditor.get("/v1/ledger/histories/" + path).expect(404).problem.code == "not_found"
    draft = grown.pledge(status="draft")
    assert auditor.get(f"/v1/ledger/histories/pledge/{draft}").expect(200).body == b""


# Proofs to be handed over ----------------------------------------------------

def judge_proof(text, leaf, *vkeys):
    """C2SP tlog-proof, offline."""
    head, note = text.split("\n\n", 1)
    magic, index, *proof = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1" and index.startswith("index ")
    _, size, root = merkle.checkpoint(note, *vkeys)
    place, last, hash_ = int(index[6:]), size - 1, merkle.leaf_hash(leaf)
    for sibling in map(merkle.unb64, proof):
        assert last
        if place % 2 or place == last:
            hash_ = merkle.node_hash(sibling, hash_)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            hash_ = merkle.node_hash(hash_, sibling)
        place, last = place >> 1, last >> 1
    assert last == 0 and hash_ == root


def test_an_event_is_proved_by_a_file(grown, auditor):
    for leaf in grown.history(grown.record):
        answer = auditor.get(f"/v1/events/{leaf['event']}/tlog-proof").expect(200)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        judge_proof(answer.body.decode(), merkle.canonical(leaf), grown.key(grown.dir)[1])


def test_the_file_of_the_vectors_is_written_so(grown):
    from test_ledger_sql import VECTORS

    vector = VECTORS["tlog_proof"]
    note = vector["text"].split("\n\n", 1)[1]
    made = merkle.inclusion(11, [merkle.leaf_hash(b'{"n":%d,"v":1}' % n) for n in range(20)])
    head = "c2sp.org/tlog-proof@v1\nindex 11\n" + "".join(merkle.b64(h) + "\n" for h in made)
    assert head + "\n" + note == vector["text"]
    judge_proof(vector["text"], vector["leaf"].encode(), VECTORS["keys"]["log"]["vkey"])
    # And ours, of our own tree, with any note below.
    ours = grown.value("SELECT ledger.tlog_proof(11, 20, %s)", note)
    path = merkle.inclusion(11, grown.hashes[:20])
    assert ours == "c2sp.org/tlog-proof@v1\nindex 11\n" + "".join(merkle.b64(h) + "\n" for h in path) + "\n" + note


def test_an_event_that_waits_for_its_checkpoint_says_when_to_ask_again(grown, auditor):
    record = grown.pledge(status="proposed")
    event = grown.history(record)[0]["event"]
    waiting = auditor.get(f"/v1/events/{event}/tlog-proof").expect(404)
    assert (waiting.problem.code, waiting.headers["retry-after"]) == ("leaf_not_published", "1")
    grown.integrate()
    auditor.get(f"/v1/events/{event}/tlog-proof").expect(404)
    grown.sign(grown.dir)
    auditor.get(f"/v1/events/{event}/tlog-proof").expect(200)
    assert auditor.get(f"/v1/events/{uuid.uuid4()}/tlog-proof").expect(404).problem.code == "not_found"


# Cosignatures ----------------------------------------------------------------

@pytest.fixture(scope="module")
def witness(grown, tmp_path_factory):
    """A witness of the bailleur's institution: (verifier key, private key)."""
    private = merkle.Ed25519PrivateKey.generate()
    vkey = merkle.vkey_of("witness.bailleur.example/w1", 4, private)
    institution = grown.value("SELECT m.institution_id::text FROM gusp.member AS m JOIN auth.client AS c"
                              " ON c.membership_id = m.id WHERE c.id = %s",
                              grown.access["clients"]["bailleur"]["client_id"])
    grown.gusp("witness", "add", vkey, "--institution", institution)
    grown.sign(grown.dir)
    return vkey, private


def cosign(client, body, **more):
    return client.request("POST", "/v1/ledger/cosignatures", data=body.encode(), content_type="text/plain", **more)


def cosigned(note, vkey, private, at):
    text = note.split("\n\n")[0] + "\n"
    return text + "\n" + merkle.sign(vkey, private, text, at)


def test_a_cosignature_is_served_with_its_checkpoint(grown, witness):
    vkey, private = witness
    bailleur, now = grown.client("bailleur"), int(time.time())
    note = bailleur.get("/v1/ledger/checkpoint").body.decode()
    for at in (now - 60, now, now - 30):
        cosign(bailleur, cosigned(note, vkey, private, at)).expect(204)
    cosign(bailleur, cosigned(note, vkey, private, now)).expect(204)
    served = grown.client("auditor").get("/v1/ledger/checkpoint").body.decode()
    merkle.open_note(served, vkey, grown.key(grown.dir)[1])
    # The newest of the witness, once.
    assert served.count("witness.bailleur.example") == 1
    assert served.endswith(merkle.sign(vkey, private, note.split("\n\n")[0] + "\n", now))


def test_a_malformed_cosignature_is_refused(grown, witness):
    vkey, private = witness
    bailleur = grown.client("bailleur")
    note = bailleur.get("/v1/ledger/checkpoint").body.decode()
    good = cosigned(note, vkey, private, int(time.time()))
    for bad in ("x", good + good.split("\n\n")[1], good.replace("\n\n", "\n"), good.replace("\n", "\r\n"),
                good.replace("\N{EM DASH}", "-"), good[:-1], "0" + good):
        assert cosign(bailleur, bad).status in (400, 403), bad
    cosign(bailleur, "").expect(400)
    bailleur.request("POST", "/v1/ledger/cosignatures", data=good.encode(), content_type="application/json").expect(415)


def test_an_unknown_witness_a_false_signature_and_anothers_key_are_refused(grown, witness):
    vkey, private = witness
    bailleur, now = grown.client("bailleur"), int(time.time())
    note = bailleur.get("/v1/ledger/checkpoint").body.decode()
    good = cosigned(note, vkey, private, now)
    stranger = merkle.Ed25519PrivateKey.generate()
    unknown = cosigned(note, merkle.vkey_of("witness.bailleur.example/w1", 4, stranger), stranger, now)
    false = good[:-12] + ("A" if good[-12] != "A" else "B") + good[-11:]
    for body in (unknown, false):
        assert cosign(bailleur, body).expect(403).problem.code == "cosignature_refused"
    assert cosign(grown.client("city"), good).expect(403).problem.code == "cosignature_refused"
    assert cosign(grown.client("auditor"), good).expect(403).problem.code == "role_forbidden"


def test_a_checkpoint_that_was_not_published_here_is_a_conflict(grown, witness):
    vkey, private = witness
    bailleur, now = grown.client("bailleur"), int(time.time())
    origin, size, root, _ = bailleur.get("/v1/ledger/checkpoint").body.decode().split("\n", 3)
    for text in (f"{origin}\n{int(size) + 1}\n{root}\n", f"{origin}\n290\n{root}\n"):
        answer = cosign(bailleur, text + "\n" + merkle.sign(vkey, private, text, now))
        assert answer.expect(409).problem.code == "cosignature_of_another_tree"


def test_a_cosignature_from_the_future_is_refused(grown, witness):
    vkey, private = witness
    bailleur = grown.client("bailleur")
    note = bailleur.get("/v1/ledger/checkpoint").body.decode()
    late = cosigned(note, vkey, private, int(time.time()) + 400)
    assert cosign(bailleur, late).expect(422).problem.code == "cosignature_from_the_future"


def test_a_witness_that_was_ended_signs_no_more(grown):
    private = merkle.Ed25519PrivateKey.generate()
    vkey = merkle.vkey_of("witness.example/ended", 4, private)
    grown.gusp("witness", "add", vkey)
    grown.sign(grown.dir)
    city = grown.client("city")
    note = city.get("/v1/ledger/checkpoint").body.decode()
    cosign(city, cosigned(note, vkey, private, int(time.time()))).expect(204)
    grown.gusp("witness", "end", vkey)
    cosign(city, cosigned(note, vkey, private, int(time.time()))).expect(403)


# The whole, by gusp verify ---------------------------------------------------

def test_an_auditor_pulls_and_verifies_the_log_as_it_grows(grown, tmp_path):
    """Leaves of the fixture are of any bytes: a log of records alone is below."""
    status, said = grown.verify("--dir", tmp_path / "mirror", "--report", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["size"] == grown.checkpoints()[-1][0], said
    assert {f["code"] for f in report["findings"]} == {"malformed_leaf"}
    assert (tmp_path / "mirror/entries.jsonl").read_bytes() == b"".join(
        leaf + b"\n" for leaf in grown.leaves()[:report["size"]])
    assert status == 1


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A server whose log holds nothing but records."""
    made = Served(environment("GUSP_TEST_DB_URL"), tmp_path_factory.mktemp("records"))
    for n in range(30):
        record = made.pledge(status="proposed", title=f"Banc {n}")
        made.change(record, title=f"Banc {n} bis")
    made.sign(made.dir)
    yield made
    made.close()


def test_a_partner_cosigns_what_it_verified_and_an_auditor_asks_for_it(records, tmp_path):
    key = tmp_path / "w.pem"
    vkey = records.gusp("key", "witness", "witness.example/w", str(key)).strip()
    records.gusp("witness", "add", vkey)
    records.sign(records.dir)
    policy = tmp_path / "policy"
    policy.write_text(f"log {records.key(records.dir)[1]}\nwitness w {vkey}\nquorum w\n")

    def ask():
        return records.gusp("verify", "--url", records.base_url, "--policy", str(policy), "--dir",
                            str(tmp_path / "auditor"), check=False, GUSP_TOKEN=records.access["tokens"]["auditor"])

    assert "quorum_unmet" in ask().stdout
    status, said = records.verify("--dir", tmp_path / "partner", "--cosign", key, token="bailleur")
    assert status == 0, said
    done = ask()
    assert done.returncode == 0, done.stdout


def test_a_client_pulls_with_its_own_secret(records, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(records.access["clients"]["auditor"]["client_secret"] + "\n")
    done = records.gusp("verify", "--url", records.base_url, "--key", records.key(records.dir)[1], "--dir",
                        str(tmp_path / "mirror"), "--client", records.access["clients"]["auditor"]["client_id"],
                        "--secret-file", str(secret), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Long answers ----------------------------------------------------------------

@pytest.fixture(scope="module")
def long(tmp_path_factory, contract):
    """12,000 short leaves, then 1,400 long ones."""
    made = Served(environment("GUSP_TEST_DB_URL"), tmp_path_factory.mktemp("long"), contract)
    made.add(*(b'{"n":%d}' % n for n in range(12000)))
    made.add(*(b'{"n":%d,"x":"%s"}' % (n, b"x" * 8000) for n in range(1400)))
    made.sign(made.dir)
    yield made
    made.close()


def test_pages_have_at_most_five_thousand_leaves_and_eight_mebibytes(long):
    auditor = long.client("auditor")
    at, pages, got = 0, [], b""
    while at < 13400:
        answer = auditor.get("/v1/ledger/entries", {"start": at, "end": 13400}).expect(200)
        assert int(answer.headers["Ledger-Start"]) == at
        at = int(answer.headers["Ledger-End"])
        pages.append((at, len(answer.body)))
        got += answer.body
    assert [end for end, _ in pages[:2]] == [5000, 10000]
    assert all(size <= 8 * 1024 * 1024 for _, size in pages) and len(pages) == 4
    assert got == b"".join(leaf + b"\n" for leaf in long.leaves())


def resident(served):
    """KiB of the worker."""
    import pathlib
    import re

    from stand import children

    session = int((served.dir / "api.pid").read_text().split()[0])
    parents = [session, *children(session)]
    workers = [pid for parent in parents for pid in children(parent)]
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
               for pid in workers)


def slow(served, path):
    """A client that reads nothing yet."""
    host, port = served.base_url.split("//")[1].split(":")
    link = socket.create_connection((host, int(port)))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.access['tokens']['auditor']}"
                 "\r\nConnection: close\r\n\r\n".encode())
    return link


def test_slow_readers_of_long_pages_hold_little(long):
    auditor = long.client("auditor")
    auditor.get("/v1/ledger/entries?start=12000&end=13023").expect(200)
    before = resident(long)
    links = [slow(long, "/v1/ledger/entries?start=12000&end=13023") for _ in range(10)]
    time.sleep(1.5)
    # Ten times eight mebibytes are asked for; a slice of each is held.
    assert resident(long) - before < 60 * 1024
    auditor.get("/v1/ledger/checkpoint").expect(200)
    for link in links:
        link.close()


def test_a_page_that_cannot_be_gone_on_with_does_not_look_whole(long):
    link = slow(long, "/v1/ledger/entries?start=12000&end=13023")
    time.sleep(0.5)
    long.execute("REVOKE SELECT ON ledger.ledger_leaf FROM gusp_auditor")
    try:
        got = b""
        link.settimeout(10)
        while True:
            part = link.recv(65536)
            if not part:
                break
            got += part
    finally:
        long.execute("GRANT SELECT ON ledger.ledger_leaf TO gusp_auditor")
        link.close()
    assert b"Ledger-End: 13023" in got or b"ledger-end: 13023" in got.lower()
    assert not got.endswith(b"0\r\n\r\n")
    assert got.count(b'"x":') < 1023
    long.client("auditor").get("/v1/ledger/entries?start=0&end=5").expect(200)


def test_many_pull_while_others_write(long):
    """Every page is what it says, whoever reads besides."""
    faults = []

    def pull(n):
        client = long.client(READERS[n % len(READERS)])
        for _ in range(5):
            answer = client.get("/v1/ledger/entries", {"start": n * 100, "end": n * 100 + 3000})
            lines = answer.body.split(b"\n")
            if answer.status != 200 or lines[0] != b'{"n":%d}' % (n * 100) or len(lines) != 3001:
                faults.append(answer)

    threads = [threading.Thread(target=pull, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_what_is_written_is_proved_within_seconds_while_the_signer_runs(long, tmp_path):
    process = long.tend(long.dir)
    try:
        auditor = long.client("auditor")
        record = long.pledge(status="proposed")
        event = long.history(record)[0]["event"]
        assert wait_until(lambda: auditor.get(f"/v1/events/{event}/tlog-proof").status == 200, 8, 0.2)
    finally:
        process.terminate()
        assert process.wait(5) == 0


def test_openings_cannot_be_written_by_who_reads_them(grown):
    for role in ("gusp_member", "gusp_auditor"):
        connection = grown.connect(role)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            grown.execute("UPDATE ledger.event_opening SET value = ''", on=connection)
        connection.close()


def test_a_lost_tail_comes_back_from_a_partners_mirror(tmp_path_factory, tmp_path):
    """A backup is restored without its end: the signer stands still, a partner's
    leaves are put back, every leaf is hashed again, and it goes on."""
    made = Served(environment("GUSP_TEST_DB_URL"), tmp_path_factory.mktemp("lost"))
    try:
        for n in range(150):
            record = made.pledge(status="proposed", title=f"Banc {n}")
            made.change(record, title=f"Banc {n} bis")
        made.sign(made.dir)
        status, said = made.verify("--dir", tmp_path / "partner")
        assert status == 0, said
        whole = made.leaves()
        made.tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 240", "DELETE FROM ledger_tile",
                    "DELETE FROM event_opening WHERE event_id >= 245",
                    "DELETE FROM ledger_event WHERE event_id >= 245", "DELETE FROM ledger_checkpoint",
                    "INSERT INTO ledger_queue SELECT event_id FROM ledger_event WHERE event_id BETWEEN 241 AND 244")
        assert "tail lost" in made.sign(made.dir, check=False).stderr
        assert made.client("auditor").get("/v1/ledger/checkpoint").expect(503).problem.code == "ledger_frozen"
        assert made.gusp("restore", str(tmp_path / "partner/entries.jsonl")).split()[-1] == "300"
        made.sign(made.dir)
        assert made.leaves() == whole
        assert made.rows("SELECT * FROM ledger.self_check()") == []
        status, said = made.verify("--dir", tmp_path / "partner")
        assert status == 0, said
        made.pledge(status="proposed")
        made.sign(made.dir)
        assert made.verify("--dir", tmp_path / "partner")[0] == 0
    finally:
        made.close()


# Last of those on this log: it is spoilt.
def test_what_a_superuser_does_behind_the_back_of_the_log_is_found_and_named(records, tmp_path):
    report = tmp_path / "report.json"

    def judge(name):
        status, said = records.verify("--dir", tmp_path / name, "--report", report)
        return status, json.loads(report.read_text()), said

    status, found, said = judge("partner")
    assert (status, found["subjects"]) == (0, 30), said
    # It changes a leaf: a first pull names it; who pulls no more of it does not see it.
    event = records.value("SELECT event_id FROM ledger.ledger_leaf WHERE leaf_index = 17")
    records.tamper(f"UPDATE ledger_event SET leaf = replace(convert_from(leaf, 'UTF8'), '\"v\":1',"
                   f" '\"v\":1,\"w\":2')::bytea WHERE event_id = {event}")
    status, found, said = judge("auditor")
    assert (status, found["first_wrong_leaf"]) == (1, 17), said
    # It makes places and tiles fit, has the key, signs again: the partner knows better.
    records.tamper(*records.rebuild(), "DELETE FROM ledger_cosignature", "DELETE FROM ledger_checkpoint")
    (records.dir / "log.pem.state").unlink()
    records.sign(records.dir)
    # To who held nothing it looks whole: that is why partners hold something.
    assert judge("stranger")[0] == 0
    status, found, said = judge("partner")
    assert (status, found["first_wrong_leaf"]) == (1, 17), said
