"""The ledger's tree (api/ledger_tree.c) against the definitions of RFC 6962,
written again in Python (tests/http/merkle.py), on trees that hypothesis makes."""

import ctypes
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/http"))
import merkle  # noqa: E402

HASH = ctypes.c_ubyte * 32
READ = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint64,
                        ctypes.POINTER(HASH))


class Source(ctypes.Structure):
    _fields_ = [("read", READ), ("state", ctypes.c_void_p)]


class Proof(ctypes.Structure):
    _fields_ = [("at", HASH * 65), ("n", ctypes.c_size_t)]

    def hashes(self):
        return [bytes(self.at[i]) for i in range(self.n)]


class Head(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint64), ("root", HASH)]


class Frontier(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint64), ("at", HASH * 64)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The module as a library of its own; its names are hidden in gusp.so."""
    library = tmp_path_factory.mktemp("ledger") / "tree.so"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-fPIC", "-shared", "-o", library,
                    ROOT / "api/ledger_tree.c", "-lcrypto"], check=True)
    loaded = ctypes.CDLL(str(library))
    for name in ("tree_prove_inclusion", "tree_prove_consistency"):
        getattr(loaded, name).argtypes = [ctypes.POINTER(Source), ctypes.c_uint64,
                                          ctypes.c_uint64, ctypes.POINTER(Proof)]
    loaded.tree_includes.argtypes = [ctypes.POINTER(Head), ctypes.c_uint64,
                                     ctypes.POINTER(HASH), ctypes.POINTER(Proof)]
    loaded.tree_extends.argtypes = [ctypes.POINTER(Head), ctypes.POINTER(Head),
                                    ctypes.POINTER(Proof)]
    for name in ("tree_prove_inclusion", "tree_prove_consistency", "tree_includes",
                 "tree_extends"):
        getattr(loaded, name).restype = ctypes.c_bool
    return loaded


def head(hashes):
    return Head(len(hashes), HASH(*merkle.root(hashes)))


def source_of(hashes):
    def read(_state, level, index, out):
        part = hashes[index << level:(index + 1) << level]
        out.contents[:] = merkle.root(part)
        return len(part) == 1 << level

    return Source(READ(read), None)


leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=90)


@settings(max_examples=150, deadline=None)
@given(leaves, st.data())
def test_proofs_are_those_of_the_definition_and_hold(tree, texts, data):
    hashes = [merkle.leaf_hash(leaf) for leaf in texts]
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    early = data.draw(st.integers(0, size))
    proof, source = Proof(), source_of(hashes)
    assert tree.tree_prove_inclusion(source, index, size, proof)
    assert proof.hashes() == merkle.inclusion(index, hashes)
    assert tree.tree_includes(head(hashes), index, HASH(*hashes[index]), proof)
    assert tree.tree_prove_consistency(source, early, size, proof)
    assert proof.hashes() == merkle.consistency(early, hashes)
    assert tree.tree_extends(head(hashes[:early]), head(hashes), proof)


@settings(max_examples=150, deadline=None)
@given(leaves, st.data())
def test_no_change_of_a_proof_or_of_what_it_is_of_is_accepted(tree, texts, data):
    hashes = [merkle.leaf_hash(b"%d " % n + leaf) for n, leaf in enumerate(texts)]
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = Proof()
    assert tree.tree_prove_inclusion(source_of(hashes), index, size, proof)
    changed = bytearray(hashes[index])
    changed[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert not tree.tree_includes(head(hashes), index, HASH(*changed), proof)
    other = data.draw(st.integers(0, size + 3).filter(lambda n: n != index))
    assert not tree.tree_includes(head(hashes), other, HASH(*hashes[index]), proof)
    if proof.n:
        at = data.draw(st.integers(0, proof.n - 1))
        proof.at[at][data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        assert not tree.tree_includes(head(hashes), index, HASH(*hashes[index]), proof)


@settings(max_examples=100, deadline=None)
@given(leaves, st.data())
def test_a_rewritten_history_is_no_extension(tree, texts, data):
    hashes = [merkle.leaf_hash(b"%d " % n + leaf) for n, leaf in enumerate(texts)]
    early = data.draw(st.integers(1, len(hashes)))
    at = data.draw(st.integers(0, early - 1))
    rewritten = hashes[:at] + [merkle.leaf_hash(b"another")] + hashes[at + 1:]
    proof = Proof()
    assert tree.tree_prove_consistency(source_of(rewritten), early, len(hashes), proof)
    assert not tree.tree_extends(head(hashes[:early]), head(rewritten), proof)


@settings(max_examples=60, deadline=None)
@given(leaves)
def test_a_tree_that_grows_has_the_root_of_the_definition_at_every_size(tree, texts):
    hashes = [merkle.leaf_hash(leaf) for leaf in texts]
    frontier, got = Frontier(), HASH()
    for size in range(len(hashes) + 1):
        tree.frontier_root(ctypes.byref(frontier), ctypes.byref(got))
        assert bytes(got) == merkle.root(hashes[:size])
        if size < len(hashes):
            tree.frontier_add(ctypes.byref(frontier), ctypes.byref(HASH(*hashes[size])))
