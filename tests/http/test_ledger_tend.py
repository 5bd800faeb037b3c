"""gusp tend: it integrates and signs what is there, publishes no tree that does
not extend the one it signed, and stands still, saying why, when it cannot."""

import random
import signal
import subprocess
import time

import merkle
import psycopg2
import pytest
from conftest import environment
from ledger import Ledger
from stand import wait_until


@pytest.fixture
def ledger():
    made = Ledger(environment("GUSP_TEST_DB_URL"))
    yield made
    made.close()


@pytest.fixture
def running(ledger, tmp_path):
    """Processes of gusp tend, ended with the test."""
    started = []

    def start(directory=tmp_path, **env):
        started.append(ledger.tend(directory, **env))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def judge(ledger, vkey):
    """Every checkpoint is signed, and of the leaves that are there."""
    hashes = [merkle.leaf_hash(leaf) for leaf in ledger.leaves()]
    found = ledger.checkpoints()
    for size, root, note in found:
        assert merkle.checkpoint(note, vkey) == ("ledger.example/engagements", size, root)
        assert merkle.root(hashes[:size]) == root
    return found


def frozen(ledger):
    found = ledger.rows("SELECT frozen, why FROM ledger.ledger_halt ORDER BY n DESC LIMIT 1")
    return found[0][1] if found and found[0][0] else None


def test_a_log_without_leaves_has_a_checkpoint(ledger, tmp_path):
    ledger.sign(tmp_path)
    _, vkey = ledger.key(tmp_path)
    (size, _, _), = judge(ledger, vkey)
    assert size == 0


def test_what_is_written_is_published_within_five_seconds_and_signed_no_oftener(ledger, tmp_path, running):
    process = running()
    assert wait_until(ledger.checkpoints, 5)
    begun = time.monotonic()
    while time.monotonic() - begun < 12:
        ledger.pledge(status="proposed")
        size = ledger.value("SELECT count(*) FROM ledger.ledger_event")
        written = time.monotonic()
        if random.random() < 0.1:
            assert wait_until(lambda: ledger.checkpoints()[-1][0] >= size, 6.5)
            assert time.monotonic() - written < 6
        time.sleep(0.05)
    _, vkey = ledger.key(tmp_path)
    assert len(judge(ledger, vkey)) >= 3
    gaps = ledger.rows("SELECT extract(epoch FROM signed_at - lag(signed_at) OVER (ORDER BY tree_size))"
                       " FROM ledger.ledger_checkpoint")
    assert all(gap is None or gap > 4.5 for (gap,) in gaps[2:])
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_without_a_key_it_only_integrates(ledger):
    ledger.pledge(status="proposed")
    ledger.gusp("tend", "--once")
    assert (len(ledger.leaves()), ledger.checkpoints()) == (1, [])


def test_many_leaves_are_integrated_and_signed_in_one_round(ledger, tmp_path):
    ledger.add(*(b'{"n":%d}' % n for n in range(9000)))
    ledger.sign(tmp_path)
    assert judge(ledger, ledger.key(tmp_path)[1])[-1][0] == 9000


def test_of_two_on_one_state_the_second_says_so(ledger, tmp_path, running):
    running()
    assert wait_until(ledger.checkpoints, 5)
    refused = ledger.sign(tmp_path, check=False)
    assert refused.returncode == 1 and "signs with" in refused.stderr


def test_of_two_on_two_machines_one_signs(ledger, tmp_path, running):
    running()
    assert wait_until(ledger.checkpoints, 5)
    running(GUSP_LEDGER_STATE=str(tmp_path / "other.state"))
    ledger.add(b"{}")
    assert wait_until(lambda: ledger.checkpoints()[-1][0] == 1, 8)
    time.sleep(2)
    assert not (tmp_path / "other.state").exists()
    judge(ledger, ledger.key(tmp_path)[1])


def test_killed_at_any_moment_it_loses_and_doubles_nothing(ledger, tmp_path, running):
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    written = 0
    for _ in range(15):
        process = running()
        until = time.monotonic() + chance.uniform(0.02, 0.5)
        while time.monotonic() < until:
            ledger.add(b'{"n":%d}' % written)
            written += 1
        process.kill()
        process.wait()
    ledger.sign(tmp_path)
    assert sorted(ledger.leaves()) == sorted(b'{"n":%d}' % n for n in range(written))
    assert judge(ledger, ledger.key(tmp_path)[1])[-1][0] == written
    assert ledger.rows("SELECT * FROM ledger.self_check()") == []


def test_it_comes_back_when_its_connection_is_cut(ledger, tmp_path, running):
    running()
    assert wait_until(ledger.checkpoints, 5)
    superuser = ledger.connect()
    ledger.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE usename = 'gusp_ledger' AND datname = current_database()", on=superuser)
    superuser.close()
    ledger.add(b"{}")
    assert wait_until(lambda: ledger.checkpoints()[-1][0] == 1, 9)


def test_the_state_is_on_disk_before_the_checkpoint_is_published(ledger, tmp_path, running):
    ledger.sign(tmp_path)
    ledger.add(b"{}")
    ledger.execute("ALTER TABLE ledger.ledger_checkpoint ADD CONSTRAINT shut CHECK (tree_size < 1)")
    process = running()
    state = tmp_path / "log.pem.state"
    assert wait_until(lambda: "\n1\n" in state.read_text(), 5)
    process.kill()
    process.wait()
    assert ledger.checkpoints()[-1][0] == 0
    ledger.execute("ALTER TABLE ledger.ledger_checkpoint DROP CONSTRAINT shut")
    ledger.add(b"{}")
    ledger.sign(tmp_path)
    # What it had signed is published as it was, then what came since.
    assert [size for size, _, _ in judge(ledger, ledger.key(tmp_path)[1])] == [0, 1, 2]


# Standing still --------------------------------------------------------------

def test_after_a_lost_tail_it_signs_nothing_and_nothing_is_written(ledger, tmp_path, running):
    ledger.add(*(b'{"n":%d}' % n for n in range(300)))
    record = ledger.pledge(status="proposed")
    ledger.sign(tmp_path)
    keep = ledger.connect()
    ledger.execute("CREATE TABLE public.tail AS SELECT l.leaf_index, l.event_id, l.leaf_hash"
                   " FROM ledger.ledger_leaf AS l WHERE leaf_index >= 290", on=keep)
    ledger.tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 290",
                  "DELETE FROM ledger_checkpoint WHERE tree_size > 0")
    failed = ledger.sign(tmp_path, check=False)
    assert failed.returncode == 1
    assert "tail lost: 301 leaves were signed, the database has 290" in failed.stderr
    assert frozen(ledger).startswith("tail lost")
    with pytest.raises(psycopg2.Error) as refused:
        ledger.change(record, title="x")
    assert refused.value.pgcode == "GU503"
    # The tail comes back: every leaf is hashed again, and it goes on.
    ledger.tamper("INSERT INTO ledger_leaf (leaf_index, event_id, leaf_hash) SELECT * FROM public.tail")
    keep.close()
    ledger.sign(tmp_path)
    assert frozen(ledger) is None
    ledger.change(record, title="x")
    ledger.sign(tmp_path)
    assert judge(ledger, ledger.key(tmp_path)[1])[-1][0] == 302


def test_a_tail_lost_while_it_runs_freezes_it_and_it_goes_on_saying_so(ledger, tmp_path, running):
    ledger.add(*(b'{"n":%d}' % n for n in range(20)))
    process = running()
    assert wait_until(lambda: ledger.checkpoints() and ledger.checkpoints()[-1][0] == 20, 5)
    ledger.tamper("DELETE FROM ledger_leaf WHERE leaf_index >= 10")
    assert wait_until(lambda: frozen(ledger), 7)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 1
    assert "ledger_frozen" in (tmp_path / "tend.log").read_text()


@pytest.mark.parametrize("coherent", [False, True])
def test_it_does_not_sign_a_tree_that_was_rewritten(ledger, tmp_path, coherent):
    ledger.add(*(b'{"n":%d}' % n for n in range(300)))
    ledger.sign(tmp_path)
    ledger.tamper("UPDATE ledger_event SET leaf = '{\"n\":0}' WHERE event_id = 4",
                  *(ledger.rebuild() if coherent else ()),
                  *([] if coherent else ["UPDATE ledger_leaf SET leaf_hash = sha256('') WHERE leaf_index = 270"]))
    ledger.add(b"{}")
    failed = ledger.sign(tmp_path, check=False)
    assert failed.returncode == 1 and "forked" in failed.stderr
    assert ledger.checkpoints()[-1][0] == 300


def test_a_rewritten_leaf_under_an_untouched_tree_stays_a_finding_of_whoever_hashes_it(ledger, tmp_path):
    """The signer reads what is new; thawing reads everything."""
    ledger.add(*(b'{"n":%d}' % n for n in range(9)))
    ledger.sign(tmp_path)
    ledger.tamper("UPDATE ledger_event SET leaf = '{\"n\":0}' WHERE event_id = 4")
    ledger.sign(tmp_path)
    ledger.execute("INSERT INTO ledger.ledger_halt (frozen, why) VALUES (true, 'by hand')",
                   on=ledger.connect("gusp_ledger"))
    failed = ledger.sign(tmp_path, check=False)
    assert "hashed again" in failed.stderr
    assert ("leaves that are not those of their events", 1) in ledger.rows("SELECT * FROM ledger.self_check()")


def test_without_its_state_it_signs_nothing_until_a_checkpoint_is_brought_back(ledger, tmp_path):
    ledger.add(*(b'{"n":%d}' % n for n in range(7)))
    ledger.sign(tmp_path)
    (tmp_path / "log.pem.state").unlink()
    ledger.add(b"{}")
    failed = ledger.sign(tmp_path, check=False)
    assert failed.returncode == 1 and "--adopt" in failed.stderr
    assert frozen(ledger) is None
    held = tmp_path / "held"
    path, vkey = ledger.key(tmp_path)
    held.write_text(ledger.checkpoints()[-1][2].replace("7\n", "6\n"))
    assert ledger.gusp("tend", "--adopt", str(held), check=False, GUSP_LEDGER_KEY=str(path)).returncode == 1
    held.write_text(ledger.checkpoints()[-1][2])
    ledger.gusp("tend", "--adopt", str(held), GUSP_LEDGER_KEY=str(path))
    ledger.sign(tmp_path)
    assert [size for size, _, _ in judge(ledger, vkey)] == [7, 8]


def test_a_damaged_or_older_state_is_refused(ledger, tmp_path):
    ledger.add(b"{}")
    ledger.sign(tmp_path)
    state = tmp_path / "log.pem.state"
    early = state.read_text()
    ledger.add(b"{}", b"{}")
    ledger.sign(tmp_path)
    good = state.read_text()
    for bad in (good[:-20], good.replace("\n3\n", "\n4\n"), "", good.replace("state 1", "state 2")):
        state.write_text(bad)
        assert "damaged" in ledger.sign(tmp_path, check=False).stderr
    state.write_text(early)
    assert "state too old" in ledger.sign(tmp_path, check=False).stderr
    state.write_text(good)
    ledger.sign(tmp_path)
    assert frozen(ledger) is None


def test_another_key_of_the_same_name_does_not_take_over(ledger, tmp_path):
    ledger.add(b"{}")
    ledger.sign(tmp_path)
    path, _ = ledger.key(tmp_path, name="another.pem")
    refused = ledger.gusp("tend", "--once", check=False, GUSP_LEDGER_KEY=str(path),
                          GUSP_LEDGER_STATE=str(tmp_path / "log.pem.state"))
    assert refused.returncode == 1


def test_during_a_rotation_two_keys_sign_each_checkpoint(ledger, tmp_path):
    ledger.add(b"{}")
    ledger.sign(tmp_path)
    first, one = ledger.key(tmp_path)
    second, two = ledger.key(tmp_path, name="next.pem")
    ledger.gusp("key", "announce", str(second))
    ledger.gusp("tend", "--once", GUSP_LEDGER_KEY=f"{first}:{second}")
    size, root, note = ledger.checkpoints()[-1]
    assert merkle.checkpoint(note, one, two)[1:] == (size, root) and size == 2
    assert b'"kind":"ledger.key"' in ledger.leaves()[-1] and two.encode() in ledger.leaves()[-1]
    ledger.add(b"{}")
    # The old key signed the state: it is named with the new one once more.
    ledger.gusp("tend", "--once", GUSP_LEDGER_KEY=str(second),
                GUSP_LEDGER_STATE=str(first) + ".state")
    assert merkle.checkpoint(ledger.checkpoints()[-1][2], two)[1] == 3


# Keys ------------------------------------------------------------------------

def test_a_key_is_a_file_of_its_owner_alone_and_is_never_overwritten(ledger, tmp_path):
    path, vkey = ledger.key(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert merkle.Key(vkey).name == "ledger.example/engagements"
    assert ledger.gusp("key", "ledger", "x", str(path), check=False).returncode == 1
    for name in ("", "a b", "a+b", "é"):
        refused = ledger.gusp("key", "ledger", name, str(tmp_path / "x"), check=False)
        assert refused.returncode == 1 and "cannot name" in refused.stderr
    # openssl reads it, name and all.
    shown = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True,
                           capture_output=True, text=True).stdout
    assert shown.startswith("ED25519")


def test_a_witness_is_added_and_ended_and_the_log_says_so(ledger, tmp_path):
    vkey = ledger.gusp("key", "witness", "witness.example/w1", str(tmp_path / "w")).strip()
    assert merkle.Key(vkey).kind == 4
    ledger.gusp("witness", "add", vkey)
    assert ledger.gusp("witness", "add", vkey, check=False).returncode == 1
    assert vkey in ledger.gusp("witness", "list")
    ledger.gusp("witness", "end", vkey)
    ledger.integrate()
    assert [merkle.canonical({"key": vkey})[1:-1] in leaf for leaf in ledger.leaves()] == [True, True]
    assert ledger.gusp("witness", "add", ledger.key(tmp_path)[1], check=False).returncode == 1
