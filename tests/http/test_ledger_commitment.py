"""The ledger of real commitments: each accepted change of one from its proposal
on is a leaf, named in the answer, proved within seconds, and tells nobody what
it may not know."""

import json
import os
import subprocess

import merkle
import pytest
from contract import ROOT
from stand import wait_until
from world import World, in_days, unique

@pytest.fixture(scope="module")
def w(as_admin, contract):
    made = World(as_admin, contract)
    made.bailleur.get("/v1/ledger/checkpoint").expect(200)
    return made


def leaves(client, url):
    answer = client.get(url + "/leaves").expect(200)
    return [json.loads(line) for line in answer.body.splitlines()]


def told(answer):
    """(event, hash) of the leaf that an answer names; None."""
    names = answer.headers.get("Ledger-Event"), answer.headers.get("Ledger-Leaf-Hash")
    assert (names[0] is None) == (names[1] is None)
    return names if names[0] else None


def test_a_draft_leaves_no_leaf_and_each_later_change_names_its_own(w):
    made = w.commitment("bailleur")
    assert told(made) is None
    changed = w.bailleur.patch(made.url, {"title": unique("Bancs")}).expect(200)
    assert told(changed) is None and leaves(w.bailleur, made.url) == []
    answers = [w.bailleur.move(made.url, "proposed").expect(200), w.bailleur.move(made.url, "accepted").expect(200),
               w.bailleur.patch(made.url, {"progress": 40}).expect(200)]
    lines = [line["leaf"].encode() for line in leaves(w.bailleur, made.url)]
    parsed = [json.loads(line) for line in lines]
    by_event = {leaf["event"]: line for leaf, line in zip(parsed, lines)}
    for answer in answers:
        event, hash_ = told(answer)
        assert merkle.b64(merkle.leaf_hash(by_event[event])) == hash_
    assert [leaf["seq"] for leaf in parsed] == list(range(1, len(parsed) + 1))
    assert [leaf["prev"] for leaf in parsed] == [None] + [merkle.b64(merkle.leaf_hash(x)) for x in lines[:-1]]
    assert {leaf["commitment"] for leaf in parsed} == {made.id}
    own = [leaf for leaf in parsed if leaf["kind"].startswith("commitment.")]
    assert [leaf["status"] for leaf in own] == ["proposed", "accepted", "accepted"]
    assert {"title", "due_on", "deliverable"} <= set(own[0]["private"])
    for line, leaf in zip(lines, parsed):
        assert merkle.canonical(leaf) == line


def test_what_is_changed_without_effect_names_no_leaf(w):
    made = w.accepted("bailleur")
    title = w.bailleur.get(made.url).json["public_note"]
    same = w.bailleur.patch(made.url, {"public_note": title}).expect(200)
    assert told(same) is None


def test_the_history_is_of_leaves_for_those_who_ask_for_lines(w):
    made = w.accepted("bailleur")
    url = made.url + "/history"
    assert "items" in w.auditor.get(url).expect(200).json
    for accept in ("*/*", "application/json", "application/json, application/jsonl;q=0.5"):
        assert w.auditor.get(url, headers={"Accept": accept}).headers["content-type"] == "application/json"
    lines = w.auditor.get(url, headers={"Accept": "application/jsonl"}).expect(200)
    assert lines.headers["content-type"] == "application/jsonl"
    assert lines.body == w.auditor.get(made.url + "/leaves").body
    w.auditor.get(url, headers={"Accept": "text/html"}).expect(406)


def test_revisions_costs_and_evidence_are_in_the_history_and_notes_are_not(w):
    made = w.accepted("bailleur")
    w.bailleur.patch(made.url + "/cost", {"planned_cents": 7654321}, if_match="*").expect(200)
    w.bailleur.patch(made.url + "/note", {"internal_note": "Entre nous."}, if_match="*").expect(200)
    revision = w.revision(made, to_on=in_days(90), reason="Retard de livraison.")
    assert told(revision)
    w.evidence(made)
    kinds = [json.loads(line["leaf"])["kind"] for line in leaves(w.bailleur, made.url)]
    assert {"commitment_cost.updated", "revision.created", "evidence.created"} <= set(kinds)
    assert not any(kind.startswith("commitment_note") for kind in kinds)
    shown = w.bailleur.get(made.url + "/leaves").body
    for hidden in (b"7654321", b"Entre nous", b"livraison", in_days(90).encode()):
        assert hidden not in shown


def test_costs_are_opened_to_those_who_may_read_them_alone(w):
    made = w.accepted("bailleur")
    w.bailleur.patch(made.url + "/cost", {"planned_cents": 8642097}, if_match="*").expect(200)
    size = [None]

    def published():
        lines = leaves(w.bailleur, made.url)
        size[0] = lines[0]["index"]
        return all(line["index"] is not None for line in lines)

    assert wait_until(published, 10, 0.3)
    for name in ("bailleur", "bailleur_b", "city", "association", "institution", "facilitator", "auditor"):
        client = w.clients[name]
        read = client.get(made.url, check=False).text + client.get(made.url + "/cost", check=False).text
        opened = client.get("/v1/ledger/openings", {"start": size[0]}).text
        assert ("8642097" in opened) == ("8642097" in read), name
        assert ("8642097" in opened) == (name in ("bailleur", "city", "institution", "auditor")), name


def test_an_answer_named_a_leaf_that_is_proved_within_seconds(w, access):
    made = w.commitment("bailleur")
    event, hash_ = told(w.bailleur.move(made, "proposed").expect(200))
    proof = [None]

    def there():
        proof[0] = w.auditor.get(f"/v1/events/{event}/tlog-proof")
        return proof[0].status == 200

    assert wait_until(there, 10, 0.3)
    from test_ledger import judge_proof

    line = next(line["leaf"] for line in leaves(w.auditor, made.url) if event in line["leaf"])
    judge_proof(proof[0].body.decode(), line.encode(), access["ledger_key"])
    found = w.auditor.get("/v1/ledger/proof/inclusion", {"hash": merkle.unb64(hash_).hex()}).expect(200)
    assert found.json["leaf_hash"] == hash_


def test_who_does_not_see_a_commitment_does_not_find_its_leaves(w):
    made = w.commitment("bailleur")
    for name in ("bailleur_b", "city", "auditor"):
        w.clients[name].get(made.url + "/leaves").expect(404)


def test_an_auditor_verifies_all_that_was_ever_promised_here(w, access, server, tmp_path):
    w.accepted("bailleur")
    done = subprocess.run(
        [ROOT / "build/gusp", "verify", "--url", server.base_url, "--key", access["ledger_key"], "--dir", tmp_path,
         "--min-size", "3"], env=dict(os.environ, GUSP_TOKEN=access["tokens"]["auditor"], LC_ALL="en_GB.UTF-8"),
        text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
