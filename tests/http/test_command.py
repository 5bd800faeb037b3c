"""The gusp command: what goes wrong is said in a sentence, in French or in
English, and names what it is about."""

import base64
import json
import os
import subprocess
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contract import ROOT

RAW = ("23505", "22P02", "duplicate key", "invalid input", "violates")


def gusp(*arguments, english=False):
    """(exit status, standard output, standard error)."""
    done = subprocess.run([ROOT / "build" / "gusp", *arguments], cwd=ROOT, text=True, check=False,
                          capture_output=True, env=dict(os.environ, LC_ALL="en_GB.UTF-8" if english else "C.UTF-8"))
    return done.returncode, done.stdout, done.stderr


def refused(*arguments):
    """What is said on standard error, French then English."""
    told = []
    for english in (False, True):
        status, _, said = gusp(*arguments, english=english)
        assert status == 1, said
        assert said.startswith("gusp: ") and not any(word in said for word in RAW), said
        told.append(said)
    assert told[0] != told[1]
    return told


@pytest.fixture(scope="module")
def membership(database, access):
    with database.cursor() as cursor:
        cursor.execute("SELECT membership_id FROM auth.client WHERE id = %s", [access["clients"]["city"]["client_id"]])
        return str(cursor.fetchone()[0])


@pytest.fixture
def made(membership):
    """Make a client: its lines as a dictionary."""
    def make(*arguments):
        status, out, said = gusp("client", "create", "--member", membership, "--name", "test of the command",
                                 *arguments)
        assert status == 0, said
        return dict(line.split(None, 1) for line in out.splitlines())

    return make


@pytest.fixture
def jwk(tmp_path):
    """A public key, in a file."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    parts = {name: base64.urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode()
             for name, n in (("x", point.x), ("y", point.y))}
    path = tmp_path / "public.jwk"
    path.write_text(json.dumps({"kty": "EC", "crv": "P-256", **parts}))
    return path


def scopes_of(database, client):
    with database.cursor() as cursor:
        cursor.execute("SELECT scopes FROM auth.client WHERE id = %s", [client])
        return cursor.fetchone()[0]


def test_an_unknown_scope_is_refused_by_name_with_those_that_are_known(membership, made, database):
    for said in refused("client", "create", "--member", membership, "--name", "x", "--secret",
                        "--scopes", "sites.read sites.raed"):
        assert "sites.raed" in said and " sites.read" in said and "vocabularies.write" in said
    client = made("--secret", "--scopes", "sites.read")["client_id"]
    for said in refused("client", "scopes", client, "sites"):
        assert ": sites ;" in said or ": sites;" in said
    assert scopes_of(database, client) == ["sites.read"]
    assert gusp("client", "scopes", client, "actors.read sites.read")[0] == 0
    assert scopes_of(database, client) == ["actors.read", "sites.read"]


def test_a_client_has_the_scopes_of_its_role_unless_others_are_given(made, database):
    scopes = scopes_of(database, made("--secret")["client_id"])
    assert "sites.write" in scopes and "vocabularies.write" in scopes


def test_an_auditors_client_writes_nothing(database, access):
    with database.cursor() as cursor:
        cursor.execute("SELECT membership_id FROM auth.client WHERE id = %s",
                       [access["clients"]["auditor"]["client_id"]])
        membership = str(cursor.fetchone()[0])
    status, out, said = gusp("client", "create", "--member", membership, "--name", "audit", "--secret")
    assert status == 0, said
    scopes = scopes_of(database, out.split()[1])
    assert "sites.read" in scopes
    assert [scope for scope in scopes if scope.endswith(".write")] == []


def test_the_same_key_twice_is_refused_in_a_sentence(made, jwk):
    made_one = made("--jwk", str(jwk))
    for said in refused("client", "rotate", made_one["client_id"], "--jwk", str(jwk)):
        assert "kid" in said


@pytest.mark.parametrize("arguments", [
    ("client", "create", "--name", "x", "--secret", "--member"), ("client", "list", "--member"),
    ("client", "revoke"), ("client", "rotate", "--secret"), ("client", "rotate", "--finish")],
    ids=" ".join)
@pytest.mark.parametrize("text", ["42", "0191f3a2-7c4e-7d10-9a55-3f2f6a1c8b1g", ""])
def test_what_is_no_identifier_is_named(arguments, text):
    for said in refused(*arguments, text):
        assert text in said and "UUID" in said


def test_scopes_of_what_is_no_identifier_are_refused():
    for said in refused("client", "scopes", "42", "sites.read"):
        assert "42" in said and "UUID" in said


def test_a_client_that_is_not_there_is_said_so():
    nobody = str(uuid.uuid4())
    refused("client", "rotate", nobody, "--secret")
    for said in refused("client", "revoke", nobody):
        assert nobody in said


def test_a_date_that_is_none_is_said_so(membership):
    for text in ("demain", "2027-02-30"):
        refused("client", "create", "--member", membership, "--name", "x", "--secret", "--expires", text)


def test_a_key_in_another_state_is_named_with_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GUSP_KEY_DIR", str(tmp_path))
    for said in refused("key", "retire", "nobodys"):
        assert "nobodys" in said and "gusp key list" in said
    kid = gusp("key", "new")[1].split()[1]
    assert gusp("key", "retire", kid)[0] == 0
    for said in refused("key", "retire", kid):
        assert kid in said and "retiring" in said and f"gusp key revoke {kid}" in said
    assert gusp("key", "revoke", kid)[0] == 0
    for verb in ("retire", "revoke"):
        for said in refused("key", verb, kid):
            assert kid in said and "revoked" in said


def test_a_healthcheck_names_the_url_it_tried(as_nobody):
    url = "http://127.0.0.1:9/readyz"
    for said in refused("healthcheck", url):
        assert url in said
    url = as_nobody.base_url + "/nothing"
    for said in refused("healthcheck", url):
        assert url in said and "404" in said
    assert gusp("healthcheck", as_nobody.base_url + "/readyz")[0] == 0


def test_the_state_of_migrations_is_told_in_both_languages():
    status, out, said = gusp("migrate", "--status")
    assert status == 0 and "0001_foundation.sql\tappliquée\n" in out and "0 en attente" in said
    status, out, said = gusp("migrate", "--status", english=True)
    assert status == 0 and "0001_foundation.sql\tapplied\n" in out and "0 pending" in said
