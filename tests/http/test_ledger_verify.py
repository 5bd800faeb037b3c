"""gusp verify: what it says of logs that these tests make, sign and serve
themselves (merkle.py); nothing of the API or the database is in play."""

import http.server
import json
import os
import random
import shutil
import subprocess
import threading
import time
import urllib.parse
import uuid

import merkle
import pytest
from contract import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ORIGIN = "ledger.example/engagements"
DAY = 24 * 3600


class Log:
    """A log of some records, as an honest host keeps it."""

    def __init__(self):
        self.private = merkle.Ed25519PrivateKey.generate()
        self.vkey = merkle.vkey_of(ORIGIN, 1, self.private)
        self.leaves, self.last = [], {}
        self.institution = str(uuid.uuid4())

    def add(self, subject, **members):
        seq, prev = self.last.get(subject, (0, None))
        leaf = merkle.canonical({
            "v": 1, "kind": "commitment.updated", "event": str(uuid.uuid4()), "institution": self.institution,
            "commitment": subject, "seq": seq + 1, "prev": prev and merkle.b64(merkle.leaf_hash(prev)),
            "at": "2026-11-23T10:00:00.000Z", "private": {}, **members})
        self.last[subject] = seq + 1, leaf
        self.leaves.append(leaf)

    def grow(self, n, subjects=5):
        names = [f"5b0c7a4e-1d2f-4c3b-8a9e-0f1e2d3c4b{i:02x}" for i in range(subjects)]
        for i in range(n):
            self.add(names[i % subjects], n=len(self.leaves))

    def checkpoint(self, leaves=None, private=None, witnesses=(), origin=ORIGIN, size=None):
        leaves = self.leaves if leaves is None else leaves
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        text = f"{origin}\n{len(leaves) if size is None else size}\n{merkle.b64(merkle.root(hashes))}\n"
        private = private or self.private
        note = text + "\n" + merkle.sign(merkle.vkey_of(ORIGIN, 1, private), private, text)
        for vkey, key, at in witnesses:
            note += merkle.sign(vkey, key, text, at)
        return note


@pytest.fixture
def log():
    made = Log()
    made.grow(40)
    return made


def verify(*arguments):
    """(exit status, what it printed)."""
    done = subprocess.run([ROOT / "build/gusp", "verify", *map(str, arguments)], cwd=ROOT, text=True, check=False,
                          capture_output=True, env=dict(os.environ, LC_ALL="en_GB.UTF-8", GUSP_TOKEN="t"))
    assert "Sanitizer" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def save(directory, leaves, note):
    directory.mkdir(exist_ok=True)
    (directory / "entries.jsonl").write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
    (directory / "checkpoint").write_bytes(note.encode())
    return directory


def offline(directory, vkey, *more):
    status, said = verify("--offline", "--dir", directory, "--key", vkey, "--report", directory / "report.json", *more)
    return status, json.loads((directory / "report.json").read_text()), said


def codes(report):
    return [finding["code"] for finding in report["findings"]]


# A saved pull ----------------------------------------------------------------

def test_an_honest_log_is_good(log, tmp_path):
    status, report, said = offline(save(tmp_path / "pull", log.leaves, log.checkpoint()), log.vkey)
    assert (status, report["verdict"], report["findings"]) == (0, "good", [])
    assert (report["origin"], report["size"], report["subjects"]) == (ORIGIN, 40, 5)
    assert merkle.unb64(report["root"]) == merkle.root([merkle.leaf_hash(leaf) for leaf in log.leaves])
    assert said.rstrip().endswith("GOOD")


def test_an_empty_log_is_good_but_proves_nothing_where_more_is_expected(tmp_path):
    log = Log()
    pull = save(tmp_path / "pull", [], log.checkpoint())
    assert offline(pull, log.vkey)[0] == 0
    status, report, _ = offline(pull, log.vkey, "--min-size", 1)
    assert status == 1 and codes(report) == ["too_small"]


def test_a_changed_leaf_is_named(log, tmp_path):
    leaves = list(log.leaves)
    leaves[13] = leaves[13].replace(b'"n":13', b'"n":14')
    status, report, said = offline(save(tmp_path / "pull", leaves, log.checkpoint()), log.vkey)
    assert (status, report["first_wrong_leaf"]) == (1, 13)
    assert "other_tree" in codes(report) and "first wrong leaf: 13" in said


def test_leaves_that_are_dropped_moved_repeated_or_put_in_are_found(log, tmp_path):
    good, note = log.leaves, log.checkpoint()
    extra = good[0].replace(b'"n":0', b'"n":7')
    for name, leaves in (("dropped", good[:9] + good[10:]), ("moved", good[:9] + [good[10], good[9]] + good[11:]),
                         ("repeated", good[:9] + good[8:]), ("put in", good[:9] + [extra] + good[9:-1]),
                         ("cut", good[:-1])):
        status, report, _ = offline(save(tmp_path / "pull", leaves, note), log.vkey)
        assert status == 1, name
        assert codes(report), name
    assert codes(report) == ["missing_leaves"] and report["first_wrong_leaf"] == 39


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_change_of_any_byte_goes_unnoticed(tmp_path, data):
    made = Log()
    made.grow(data.draw(st.integers(1, 30)))
    lines = bytearray(b"".join(leaf + b"\n" for leaf in made.leaves))
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] ^= 1 << data.draw(st.integers(0, 7))
    pull = save(tmp_path / "pull", [], made.checkpoint())
    (pull / "entries.jsonl").write_bytes(lines)
    status, report, _ = offline(pull, made.vkey)
    assert (status, report["verdict"]) == (1, "wrong")


def test_a_whole_rewriting_with_the_key_in_hand_passes_only_where_nothing_was_held(log, tmp_path):
    """What a checkpoint alone cannot show; a partner's own does (below)."""
    forged = Log()
    forged.private, forged.vkey = log.private, log.vkey
    forged.grow(40)
    assert offline(save(tmp_path / "pull", forged.leaves, forged.checkpoint()), log.vkey)[0] == 0


@pytest.mark.parametrize("break_", ["another key", "size", "origin", "nothing", "crlf", "no lines"])
def test_a_checkpoint_that_is_not_the_logs_is_refused(log, tmp_path, break_):
    note = {
        "another key": log.checkpoint(private=merkle.Ed25519PrivateKey.generate()),
        "size": log.checkpoint().replace("\n40\n", "\n41\n"),
        "origin": log.checkpoint(origin="ledger.example/other"),
        "nothing": "",
        "crlf": log.checkpoint().replace("\n", "\r\n"),
        "no lines": log.checkpoint().split("\n\n")[0] + "\n",
    }[break_]
    status, report, _ = offline(save(tmp_path / "pull", log.leaves, note), log.vkey)
    assert status == 1 and codes(report) == ["bad_checkpoint"]


@pytest.mark.parametrize("leaf, code", [
    (b"not json", "malformed_leaf"), (b'{"v":2}', "malformed_leaf"), (b'{"v":1,"v":1}', "malformed_leaf"),
    (b"[]", "malformed_leaf"), (b'{"v":1}', "leaf_without_event"), (b"", "malformed_leaf"),
    (b'{"v":1,"event":"018f9c1e-7b2a-7c3d-9e4f-a0b1c2d3e4f5"}', "leaf_without_subject"),
    (b'{"v":1,"event":"018f9c1e-7b2a-7c3d-9e4f-a0b1c2d3e4f5","commitment":"x"}', "gap"),
    (b'{"v":1,"event":"018f9c1e-7b2a-7c3d-9e4f-a0b1c2d3e4f5","commitment":"x","seq":2}', "gap"),
    (b'{"v":1,"event":"018f9c1e-7b2a-7c3d-9e4f-a0b1c2d3e4f5","commitment":"x","seq":1,"prev":"y"}', "other_past")])
def test_a_signed_leaf_of_another_form_is_named(log, tmp_path, leaf, code):
    log.leaves.append(leaf)
    status, report, _ = offline(save(tmp_path / "pull", log.leaves, log.checkpoint()), log.vkey)
    assert (status, report["first_wrong_leaf"]) == (1, 40)
    assert code in codes(report)


def test_an_event_that_is_there_twice_is_named(log, tmp_path):
    event = json.loads(log.leaves[3])["event"]
    log.add("another", event=event)
    status, report, _ = offline(save(tmp_path / "pull", log.leaves, log.checkpoint()), log.vkey)
    assert (status, codes(report), report["first_wrong_leaf"]) == (1, ["event_twice"], 40)


def test_the_logs_own_events_have_no_subject(log, tmp_path):
    log.leaves.append(merkle.canonical({"v": 1, "kind": "ledger.key", "event": str(uuid.uuid4())}))
    assert offline(save(tmp_path / "pull", log.leaves, log.checkpoint()), log.vkey)[0] == 0


def test_leaves_behind_the_checkpoint_are_left_alone(log, tmp_path):
    note = log.checkpoint()
    log.leaves.append(b"whatever")
    assert offline(save(tmp_path / "pull", log.leaves, note), log.vkey)[0] == 0


# Policies --------------------------------------------------------------------

def witness(name):
    key = merkle.Ed25519PrivateKey.generate()
    return name, merkle.vkey_of(f"witness.example/{name}", 4, key), key


def judged(tmp_path, log, policy, signed, *more):
    file = tmp_path / "policy"
    file.write_text(policy)
    pull = save(tmp_path / "pull", log.leaves, log.checkpoint(witnesses=signed))
    status, _ = verify("--offline", "--dir", pull, "--policy", file, "--report", pull / "report.json", *more)
    return status, json.loads((pull / "report.json").read_text())


def test_a_policy_asks_for_its_quorum(log, tmp_path):
    now = int(time.time())
    (a, va, ka), (b, vb, kb), (c, vc, kc) = (witness(n) for n in "abc")
    policy = (f"# who counts\nlog {log.vkey}\nwitness a {va}\nwitness b {vb}\nwitness c {vc}\n"
              "group bailleurs any a b\ngroup both all bailleurs c\nquorum both\n")
    for signed, good in (([], False), ([(va, ka, now)], False), ([(vc, kc, now)], False),
                         ([(va, ka, now), (vb, kb, now)], False), ([(vb, kb, now), (vc, kc, now)], True),
                         ([(va, ka, now), (vb, kb, now), (vc, kc, now)], True)):
        status, report = judged(tmp_path, log, policy, signed)
        assert (status == 0) == good
        assert report["policy"] == ("met" if good else "unmet")
        assert len(report["cosignatures"]) == len(signed)
    two = policy.replace("group both all bailleurs c", "group both 2 a b c")
    assert judged(tmp_path, log, two, [(va, ka, now), (vb, kb, now)])[0] == 0


def test_a_quorum_of_long_ago_is_a_stale_view(log, tmp_path):
    now = int(time.time())
    (a, va, ka), (b, vb, kb) = witness("a"), witness("b")
    policy = f"log {log.vkey}\nwitness a {va}\nwitness b {vb}\ngroup two all a b\nquorum two\n"
    fresh, old = (va, ka, now), (vb, kb, now - 25 * 3600)
    status, report = judged(tmp_path, log, policy, [fresh, old])
    assert (status, report["policy"]) == (1, "stale")
    assert judged(tmp_path, log, policy, [fresh, old], "--max-age", 2 * DAY)[0] == 0
    # The newest two of three make the quorum.
    c, vc, kc = witness("c")
    policy = f"log {log.vkey}\nwitness a {va}\nwitness b {vb}\nwitness c {vc}\ngroup two 2 a b c\nquorum two\n"
    assert judged(tmp_path, log, policy, [fresh, old, (vc, kc, now)])[0] == 0


def test_a_false_cosignature_spoils_the_checkpoint(log, tmp_path):
    a, va, ka = witness("a")
    other = merkle.Ed25519PrivateKey.generate()
    text = log.checkpoint().split("\n\n")[0] + "\n"
    real = merkle.Key(va)
    line = merkle.sign(va, ka, text, 1)
    forged = merkle.b64(real.id + bytes(8) + other.sign(b"x"))
    pull = save(tmp_path / "pull", log.leaves, log.checkpoint() + line.rsplit(" ", 1)[0] + " " + forged + "\n")
    file = tmp_path / "policy"
    file.write_text(f"log {log.vkey}\nwitness a {va}\nquorum none\n")
    status, said = verify("--offline", "--dir", pull, "--policy", file)
    assert status == 1 and "bad_cosignature" in said


@pytest.mark.parametrize("line", ["", "quorum a", "quorum", "witness a", "witness a {log}", "log {witness}",
                                  "group g 3 w", "group g 0 w", "group g all x", "group w any w", "frobnicate",
                                  "quorum w\nquorum w"])
def test_a_malformed_policy_is_refused_with_its_line(log, tmp_path, line):
    _, vkey, _ = witness("w")
    file = tmp_path / "policy"
    file.write_text(f"log {log.vkey}\nwitness w {vkey}\n" + line.format(log=log.vkey, witness=vkey) + "\n")
    status, said = verify("--offline", "--dir", tmp_path, "--policy", file)
    assert status == 1 and ("line 3" in said or "line 4" in said or "wanted" in said)


# Pulling ---------------------------------------------------------------------

class Host(http.server.ThreadingHTTPServer):
    """An API that serves a log, honestly or not. lie(path, query) may give
    (status, headers, body) instead of the honest answer."""

    daemon_threads = True

    def __init__(self, log):
        super().__init__(("127.0.0.1", 0), Answer)
        self.log, self.note, self.leaves = log, log.checkpoint(), list(log.leaves)
        self.asked, self.cosigned, self.lie, self.page = [], [], lambda path, query: None, 5000
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self):
        self.note, self.leaves = self.log.checkpoint(), list(self.log.leaves)

    def size(self):
        return int(self.note.split("\n")[1])

    def hashes(self, size=None):
        return [merkle.leaf_hash(leaf) for leaf in self.leaves[:size]]

    def answer(self, path, query):
        if path == "/v1/ledger/checkpoint":
            return 200, {}, self.note.encode()
        if path == "/v1/ledger/entries":
            start = int(query["start"])
            end = min(int(query["end"]), self.size(), start + self.page)
            return 200, {"Ledger-Start": start, "Ledger-End": end}, b"".join(
                leaf + b"\n" for leaf in self.leaves[start:end])
        if path == "/v1/ledger/proof/consistency":
            proof = merkle.consistency(int(query["from"]), self.hashes(int(query["to"])))
            return 200, {}, json.dumps({"proof": [merkle.b64(h) for h in proof]}).encode()
        if path.startswith("/v1/ledger/tile/"):
            level, *rest = path[len("/v1/ledger/tile/"):].split("/")
            width = 256
            if rest[-2:-1] and rest[-2].endswith(".p"):
                width = int(rest.pop())
                rest[-1] = rest[-1][:-2]
            index = int("".join(part.lstrip("x") for part in rest))
            return 200, {}, merkle.tile(int(level), index, self.hashes(self.size()))[:width * 32]
        return 404, {}, b'{"code":"not_found"}'


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.server.asked.append(self.path)
        assert self.headers["Authorization"] == "Bearer t"
        status, headers, body = self.server.lie(parts.path, query) or self.server.answer(parts.path, query)
        self.send_response(status)
        length = headers.pop("Content-Length", len(body))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length != len(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.cosigned.append(body.decode())
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def host(log):
    made = Host(log)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def pull(host, log, tmp_path):
    directory = tmp_path / "mirror"

    def run(*more):
        status, said = verify("--url", host.url, "--dir", directory, "--key", log.vkey, "--report",
                              tmp_path / "report.json", *more)
        return status, json.loads((tmp_path / "report.json").read_text()), said

    run.dir = directory
    return run


def test_a_first_pull_takes_all_and_a_second_what_is_new(host, log, pull):
    status, report, said = pull()
    assert (status, report["size"]) == (0, 40), said
    assert (pull.dir / "entries.jsonl").read_bytes() == b"".join(leaf + b"\n" for leaf in log.leaves)
    log.grow(25)
    host.publish()
    host.asked.clear()
    status, report, said = pull()
    assert (status, report["held_size"], report["size"]) == (0, 40, 65), said
    assert [path for path in host.asked if "entries" in path] == ["/v1/ledger/entries?start=40&end=65"]
    assert any("consistency?from=40&to=65" in path for path in host.asked)
    assert pull()[0] == 0


def test_pages_are_followed_whatever_their_length(host, log, pull):
    host.page = 7
    assert pull()[0] == 0
    assert len([path for path in host.asked if "entries" in path]) == 6


def test_a_page_cut_short_is_found_and_the_next_run_goes_on(host, log, pull):
    def cut(path, query):
        if "entries" in path:
            status, headers, body = host.answer(path, query)
            return status, dict(headers, **{"Content-Length": len(body)}), body[:-100]
        return None

    host.lie = cut
    status, report, _ = pull()
    assert status == 1 and codes(report) == ["truncated_page"]
    kept = (pull.dir / "entries.jsonl").read_bytes()
    assert kept.endswith(b"\n") and kept.count(b"\n") == 39
    host.lie = lambda path, query: None
    assert pull()[0] == 0


def test_a_page_that_ends_early_and_looks_whole_is_found(host, log, pull):
    def cut(path, query):
        if "entries" in path:
            status, headers, body = host.answer(path, query)
            return status, headers, b"".join(body.splitlines(True)[:-3])
        return None

    host.lie = cut
    status, report, _ = pull()
    assert status == 1 and codes(report) == ["truncated_page"] and report["first_wrong_leaf"] == 37


def test_a_host_that_gives_nothing_is_not_judged(host, log, pull):
    for answer in ((503, {}, b'{"code":"ledger_frozen"}'), (401, {}, b"{}"), (200, {"Content-Length": 999}, b"x")):
        host.lie = lambda path, query, answer=answer: (answer[0], dict(answer[1]), answer[2])
        status, report, said = pull()
        assert (status, report["verdict"], codes(report)) == (3, "unjudged", ["unreachable"]), said
    host.shutdown()
    host.server_close()
    assert pull()[0] == 3


def test_a_leaf_changed_at_the_host_is_named_by_the_tree_that_was_signed(host, log, pull):
    hashes = host.hashes()
    host.leaves[17] = host.leaves[17].replace(b'"n":17', b'"n":18')
    host.hashes = lambda size=None: hashes[:size]
    status, report, _ = pull()
    assert (status, report["first_wrong_leaf"]) == (1, 17)
    assert "other_leaf" in codes(report)
    assert not (pull.dir / "checkpoint").exists()


def test_a_leaf_that_breaks_its_own_past_is_named_not_the_one_before(host, log, pull):
    hashes = host.hashes()
    host.leaves[17] = host.leaves[17].replace(b'"prev":"', b'"prev":"A', 1)
    host.hashes = lambda size=None: hashes[:size]
    assert pull()[1]["first_wrong_leaf"] == 17


def test_a_history_rewritten_and_signed_again_is_found_by_who_held_the_old_one(host, log, pull):
    assert pull()[0] == 0
    forged = Log()
    forged.private = log.private
    forged.grow(60)
    host.leaves, host.note = forged.leaves, forged.checkpoint()
    status, report, _ = pull()
    assert status == 1 and report["first_wrong_leaf"] == 0
    assert "other_tree" in codes(report) or "inconsistent" in codes(report)
    # The checkpoint from before is kept: it is the proof.
    assert (pull.dir / "checkpoint").read_text() == log.checkpoint()


def test_one_leaf_rewritten_deep_in_the_past_is_named_by_who_held_it(host, log, pull):
    assert pull()[0] == 0
    log.grow(10)
    log.leaves[22] = log.leaves[22].replace(b'"n":22', b'"n":23')
    host.publish()
    status, report, _ = pull()
    assert (status, report["first_wrong_leaf"]) == (1, 22)


def test_an_older_checkpoint_served_again_is_found(host, log, pull):
    early = host.note
    log.grow(3)
    host.publish()
    assert pull()[0] == 0
    host.note = early
    status, report, _ = pull()
    assert status == 1 and codes(report) == ["older_checkpoint"]


def test_a_fork_of_the_same_size_is_found(host, log, pull):
    assert pull()[0] == 0
    fork = list(log.leaves[:-1]) + [log.leaves[-1].replace(b'"n":39', b'"n":41')]
    host.note, host.leaves = log.checkpoint(leaves=fork), fork
    status, report, _ = pull()
    assert (status, report["first_wrong_leaf"]) == (1, 39)


def test_a_kept_leaf_that_was_touched_here_is_named(host, log, pull):
    assert pull()[0] == 0
    entries = pull.dir / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"n":5,', b'"n":6,'))
    status, report, _ = pull()
    assert (status, report["first_wrong_leaf"]) == (1, 5)


def test_a_false_proof_of_consistency_is_found(host, log, pull):
    assert pull()[0] == 0
    log.grow(5)
    host.publish()
    host.lie = lambda path, query: (200, {}, b'{"proof":[]}') if "consistency" in path else None
    status, report, _ = pull()
    assert status == 1 and codes(report) == ["inconsistent"]


def test_more_than_a_thousand_tiles_have_paths_of_their_own(host, log, pull):
    """x001/001: asked for by that name."""
    asked = []

    def lie(path, query):
        if path.startswith("/v1/ledger/tile/0/"):
            asked.append(path)
            return 200, {}, bytes(256 * 32)
        if "entries" in path:
            start, end = int(query["start"]), min(int(query["end"]), int(query["start"]) + 5000)
            return 200, {"Ledger-Start": start, "Ledger-End": end}, b"{}\n" * (end - start)
        return None

    host.lie = lie
    host.note = log.checkpoint(size=1002 * 256)
    assert pull()[0] == 1
    assert asked[:2] == ["/v1/ledger/tile/0/000", "/v1/ledger/tile/0/001"]
    assert asked[-1] == "/v1/ledger/tile/0/x001/001"


def test_killed_while_it_pulls_it_goes_on_where_it_was(host, log, tmp_path, pull):
    log.grow(4000, subjects=100)
    host.publish()
    host.page = 50
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen([ROOT / "build/gusp", "verify", "--url", host.url, "--dir", pull.dir, "--key",
                                    log.vkey], env=dict(os.environ, GUSP_TOKEN="t"), stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.02, 0.2))
        process.kill()
        process.wait()
    status, report, said = pull()
    assert (status, report["size"]) == (0, 4040), said
    assert (pull.dir / "entries.jsonl").read_bytes() == b"".join(leaf + b"\n" for leaf in log.leaves)


def test_a_mirror_is_a_saved_pull_that_anybody_can_judge(host, log, tmp_path, pull):
    assert pull()[0] == 0
    copy = tmp_path / "copy"
    shutil.copytree(pull.dir, copy)
    assert offline(copy, log.vkey)[0] == 0


def test_what_was_judged_good_is_cosigned(host, log, tmp_path, pull):
    made = subprocess.run([ROOT / "build/gusp", "key", "witness", "witness.example/w", str(tmp_path / "w.pem")],
                          check=True, capture_output=True, text=True).stdout.strip()
    status, report, _ = pull("--cosign", tmp_path / "w.pem")
    assert (status, report["cosigned_as"]) == (0, "witness.example/w")
    text = merkle.open_note(host.cosigned[0], made)
    assert text == host.note.split("\n\n")[0] + "\n"
    host.leaves[3] = host.leaves[3].replace(b'"n":3', b'"n":4')
    shutil.rmtree(pull.dir)
    assert pull("--cosign", tmp_path / "w.pem")[0] == 1
    assert len(host.cosigned) == 1


def test_leaves_in_the_name_of_an_institution_are_listed_for_it(host, log, pull):
    assert pull()[0] == 0
    mine = str(uuid.uuid4())
    log.add("x", institution=mine, kind="commitment.accepted")
    host.publish()
    _, report, _ = pull("--institution", mine)
    assert [(own["leaf"], own["kind"]) for own in report["own"]] == [(40, "commitment.accepted")]


@pytest.mark.parametrize("arguments", [
    [], ["--dir", "x"], ["--dir", "x", "--offline"], ["--dir", "x", "--offline", "--url", "y", "--key", "k"],
    ["--dir", "x", "--offline", "--key", "k", "--policy", "p"], ["--dir"], ["--frob", "x"],
    ["--dir", "x", "--offline", "--key", "k", "--min-size", "-1"]])
def test_a_misuse_is_told(arguments):
    status, said = verify(*arguments)
    assert status == 2 and "gusp verify" in said
