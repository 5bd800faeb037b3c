"""The tree, the notes and the leaves of the ledger, written for the tests from
RFC 6962, RFC 9162 and C2SP alone: nothing of it is the product's.

Plain and slow on purpose: each function is the definition.
"""

import base64
import hashlib
import hmac
import json
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey, Ed25519PublicKey)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


# The tree --------------------------------------------------------------------

def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def inclusion(index, hashes):
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return inclusion(index, hashes[:k]) + [root(hashes[k:])]
    return inclusion(index - k, hashes[k:]) + [root(hashes[:k])]


def consistency(size, hashes):
    """From the first size leaves to all of them."""
    def subproof(m, part, whole):
        if m == len(part):
            return [] if whole else [root(part)]
        k = split(len(part))
        if m <= k:
            return subproof(m, part[:k], whole) + [root(part[k:])]
        return subproof(m - k, part[k:], False) + [root(part[:k])]

    return subproof(size, hashes, True) if size else []


def tile(level, index, hashes):
    """The bytes of a tile of a tree of these leaves: full, or what there is."""
    height = 256 ** level
    whole = [root(hashes[at:at + height])
             for at in range(0, len(hashes) - height + 1, height)]
    return b"".join(whole[index * 256:(index + 1) * 256])


# Notes -----------------------------------------------------------------------

class Key:
    """A verifier key: name+id+base64(kind || key)."""

    def __init__(self, vkey):
        self.name, hexed, encoded = vkey.split("+", 2)
        decoded = unb64(encoded)
        self.kind, self.public = decoded[0], decoded[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + decoded).digest()[:4]
        assert self.id.hex() == hexed

    def verify(self, text, body):
        assert body[:4] == self.id
        message, signature = text.encode(), body[4:]
        if self.kind == 4:
            time = struct.unpack(">Q", signature[:8])[0]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
            signature = signature[8:]
        Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)


def vkey_of(name, kind, private):
    raw = bytes([kind]) + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identity = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{identity.hex()}+{b64(raw)}"


def sign(vkey, private, text, time=None):
    """A signature line; of a witness with its time."""
    key = Key(vkey)
    message = text.encode()
    if time is not None:
        message = f"cosignature/v1\ntime {time}\n".encode() + message
    body = key.id + (struct.pack(">Q", time) if time is not None else b"") + private.sign(message)
    return f"\N{EM DASH} {key.name} {b64(body)}\n"


def open_note(note, *vkeys):
    """Text of a note; each key has signed it."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    signed = set()
    for line in lines.splitlines():
        dash, name, body = line.split(" ")
        assert dash == "\N{EM DASH}"
        for vkey in vkeys:
            key = Key(vkey)
            if name == key.name and unb64(body)[:4] == key.id:
                try:
                    key.verify(text, unb64(body))
                except InvalidSignature as error:
                    raise AssertionError("a signature does not verify") from error
                signed.add(vkey)
    assert signed == set(vkeys), "not signed by all"
    return text


def checkpoint(note, *vkeys):
    """(origin, size, root) of a checkpoint that these keys have signed."""
    origin, size, encoded, end = open_note(note, *vkeys).split("\n")
    assert end == ""
    assert str(int(size)) == size
    return origin, int(size), unb64(encoded)


# Leaves ----------------------------------------------------------------------

def canonical(value):
    """The bytes of a leaf."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def commitment(salt, field, value):
    return hmac.new(salt, field.encode() + b"\0" + value, hashlib.sha256).digest()


__all__ = ["Ed25519PrivateKey", "Key", "b64", "canonical", "checkpoint", "commitment",
           "consistency", "inclusion", "leaf_hash", "node_hash", "open_note", "root", "sign",
           "split", "tile", "unb64", "vkey_of"]
