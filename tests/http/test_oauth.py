"""The authorisation server (RFC 6749, 7523, 7009, 7662, 8414) and what the API
makes of tokens that are not right."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import subprocess
import time
import urllib.parse
import uuid

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import \
    decode_dss_signature

from client import Answer
from contract import ROOT

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


# --- tokens by hand ---

def b64(data):
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str)
                else json.dumps(data, separators=(",", ":"))).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(key, text):
    if key is None:
        return b""
    if isinstance(key, bytes):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(text.encode(),
                                         ec.ECDSA(hashes.SHA256())))
    width = (key.curve.key_size + 7) // 8
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def make_token(header, claims, key):
    """Header and claims: an object, or the very text of one."""
    text = b64(header) + "." + b64(claims)
    return text + "." + b64(signature(key, text))


def decoded(token, part=1):
    segment = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(segment + "=="))


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def public_jwk(key, kid):
    def number(value):
        return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "kid": kid, "n": number(numbers.n),
                "e": number(numbers.e)}
    return {"kty": "EC", "crv": "P-256", "kid": kid,
            "x": b64(numbers.x.to_bytes(32, "big")),
            "y": b64(numbers.y.to_bytes(32, "big"))}


# --- clients ---

@pytest.fixture(scope="module")
def client(access):
    return access["clients"]["city"]


@pytest.fixture(scope="module")
def oauth(server, contract):
    """POST a form to an endpoint; a list of pairs keeps repetitions. The
    contract judges each answer."""
    session = requests.Session()
    session.trust_env = False

    def post(path, form, auth=None, **headers):
        if auth is not None:
            pair = ":".join(urllib.parse.quote(part, safe="")
                            for part in auth)
            headers["Authorization"] = \
                "Basic " + base64.b64encode(pair.encode()).decode()
        headers = {name.replace("_", "-"): value
                   for name, value in headers.items()}
        headers.setdefault("Content-Type", FORM)
        body = form if isinstance(form, str) else urllib.parse.urlencode(form)
        answer = session.post(server.base_url + path, data=body,
                              headers=headers, timeout=30)
        contract.check("POST", path, Answer(answer, "POST", path))
        return answer

    return post


@pytest.fixture(scope="module")
def basic(client):
    return client["client_id"], client["client_secret"]


GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def fresh(oauth, basic):
    """A new access token of the city's client."""
    answer = oauth("/oauth/token", GRANT, basic)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def run_gusp(*arguments):
    """The gusp command; its lines as a dictionary."""
    out = subprocess.run([ROOT / "build" / "gusp", *arguments], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return dict(line.split(None, 1) for line in out.splitlines())


@pytest.fixture(scope="module")
def membership(database, client):
    with database.cursor() as cursor:
        cursor.execute("SELECT membership_id FROM auth.client WHERE id = %s",
                       [client["client_id"]])
        return str(cursor.fetchone()[0])


def key_client(tmp_path_factory, membership, key):
    path = tmp_path_factory.mktemp("jwk") / "public.jwk"
    path.write_text(json.dumps(public_jwk(key, "k1")))
    made = run_gusp("client", "create", "--member", membership, "--name",
                    "test of keys", "--scopes", "sites.read", "--jwk", path)
    return made["client_id"], key


@pytest.fixture(scope="module")
def ec_client(tmp_path_factory, membership):
    return key_client(tmp_path_factory, membership,
                      ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def rsa_client(tmp_path_factory, membership):
    return key_client(tmp_path_factory, membership,
                      rsa.generate_private_key(65537, 2048))


def assertion(server, client_id, key, header=None, **changes):
    claims = {"iss": client_id, "sub": client_id, "aud": server.base_url,
              "exp": int(time.time()) + 120, "jti": str(uuid.uuid4())}
    claims.update(changes)
    claims = {name: value for name, value in claims.items()
              if value is not None}
    alg = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return make_token(header or {"alg": alg, "kid": "k1"}, claims, key)


def asserted(text, **more):
    return dict(GRANT, client_assertion_type=ASSERTION, client_assertion=text,
                **more)


def assert_refused(answer, status, error):
    """RFC 6749 5.2, never a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.json()["error"] == error
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic realm=")


# --- the token endpoint ---

def test_a_secret_in_basic_gives_a_token(oauth, basic, server):
    answer = oauth("/oauth/token", GRANT, basic)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert body["token_type"] == "Bearer"
    assert decoded(body["access_token"], 0)["alg"] == "ES256"
    assert decoded(body["access_token"], 0)["typ"] == "JWT"
    claims = decoded(body["access_token"])
    assert set(claims) == {"iss", "aud", "exp", "iat", "sub", "jti",
                           "client_id", "act", "mbr", "role", "scope"}
    assert claims["iss"] == server.base_url
    assert claims["aud"] == server.base_url + "/v1"
    assert claims["sub"] == claims["client_id"] == basic[0]
    assert claims["exp"] - claims["iat"] == body["expires_in"]
    assert claims["scope"] == body["scope"]


def test_a_secret_in_the_body_gives_a_token(oauth, basic):
    form = dict(GRANT, client_id=basic[0], client_secret=basic[1])
    assert oauth("/oauth/token", form).status_code == 200


def test_a_type_with_a_charset_is_a_form(oauth, basic):
    answer = oauth("/oauth/token", GRANT, basic,
                   Content_Type=FORM + "; charset=utf-8")
    assert answer.status_code == 200


def test_a_scope_narrows_the_token(oauth, basic):
    scopes = oauth("/oauth/token", GRANT, basic).json()["scope"].split()
    assert scopes
    answer = oauth("/oauth/token", dict(
        GRANT, scope=f"{scopes[-1]} {scopes[-1]}"), basic)
    assert answer.json()["scope"] == scopes[-1]


@pytest.mark.parametrize("scope", ["nothing.known", "*", 'a"b', "\u00e9"])
def test_a_scope_that_is_not_the_clients_is_refused(oauth, basic, scope):
    assert_refused(oauth("/oauth/token", dict(GRANT, scope=scope), basic), 400,
                   "invalid_scope")


def test_an_empty_parameter_is_an_absent_one(oauth, basic):
    assert oauth("/oauth/token", dict(GRANT, scope=""),
                 basic).status_code == 200


def test_unknown_parameters_are_ignored(oauth, basic):
    assert oauth("/oauth/token", dict(GRANT, resource="x"),
                 basic).status_code == 200


@pytest.mark.parametrize("repeated", ["grant_type", "scope", "whatever"])
def test_a_repeated_parameter_is_refused(oauth, basic, repeated):
    form = list(GRANT.items()) + [(repeated, "client_credentials")] * 2
    assert_refused(oauth("/oauth/token", form, basic), 400, "invalid_request")


@pytest.mark.parametrize("body", [
    "grant_type=%zz", "grant_type=%", "grant_type=a%00b", "grant_type=%ff"])
def test_a_malformed_form_is_refused(oauth, basic, body):
    assert_refused(oauth("/oauth/token", body, basic), 400, "invalid_request")


def test_two_ways_to_authenticate_are_refused(oauth, basic, server, ec_client):
    twice = dict(GRANT, client_id=basic[0], client_secret=basic[1])
    assert_refused(oauth("/oauth/token", twice, basic), 400, "invalid_request")
    text = assertion(server, *ec_client)
    assert_refused(oauth("/oauth/token", asserted(text), basic), 400,
                   "invalid_request")
    assert_refused(oauth("/oauth/token", asserted(text, client_secret="x")),
                   400, "invalid_request")


def test_a_client_id_that_contradicts_basic_is_refused(oauth, basic):
    form = dict(GRANT, client_id=str(uuid.uuid4()))
    assert_refused(oauth("/oauth/token", form, basic), 400, "invalid_request")


@pytest.mark.parametrize("type_", ["application/json", "text/plain",
                                   FORM + "x"])
def test_a_body_that_is_no_form_is_refused(oauth, basic, type_):
    assert_refused(oauth("/oauth/token", json.dumps(GRANT), basic,
                         Content_Type=type_), 400, "invalid_request")


def test_no_grant_type_is_an_invalid_request(oauth, basic):
    assert_refused(oauth("/oauth/token", {"scope": ""}, basic), 400,
                   "invalid_request")


@pytest.mark.parametrize("grant", ["password", "authorization_code",
                                   "refresh_token", "client_credentialsx"])
def test_other_grants_are_not_supported(oauth, basic, grant):
    assert_refused(oauth("/oauth/token", {"grant_type": grant}, basic), 400,
                   "unsupported_grant_type")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect",
                                  "/oauth/revoke"])
def test_only_post_is_allowed(server, path):
    answer = requests.get(server.base_url + path, timeout=30)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect",
                                  "/oauth/revoke"])
def test_a_wrong_client_is_not_told_why(oauth, basic, path):
    form = dict(GRANT, token="x")
    answers = [
        oauth(path, form),
        oauth(path, form, (basic[0], "wrong")),
        oauth(path, form, (str(uuid.uuid4()), basic[1])),
        oauth(path, form, ("no uuid", basic[1])),
        oauth(path, form, (basic[0].upper(), basic[1])),
        oauth(path, form, (basic[0], basic[1][:-1])),
        oauth(path, dict(form, client_id=basic[0])),
        oauth(path, form, Authorization="Bearer abc"),
    ]
    for answer in answers:
        assert_refused(answer, 401, "invalid_client")
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("value", ["Basic !", "Basic eA", "Basic eA==",
                                   "Basic eDp%", "Basic JTo="])
def test_malformed_basic_credentials_are_refused(oauth, value):
    assert oauth("/oauth/token", GRANT,
                 Authorization=value).status_code in (400, 401)


def test_known_and_unknown_clients_take_the_same_time(oauth, basic):
    took = {basic[0]: [], str(uuid.uuid4()): []}
    for _ in range(25):  # in turn, so that the machine's load meets both
        for client_id, times in took.items():
            times.append(oauth("/oauth/token", GRANT,
                               (client_id, "x")).elapsed.total_seconds())
    known, unknown = (sorted(times)[12] for times in took.values())
    assert max(known, unknown) < 3 * min(known, unknown)


# --- private_key_jwt ---

def test_an_es256_assertion_gives_a_token(oauth, server, ec_client):
    answer = oauth("/oauth/token", asserted(assertion(server, *ec_client)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "sites.read"


def test_an_rs256_assertion_gives_a_token(oauth, server, rsa_client):
    answer = oauth("/oauth/token", asserted(
        assertion(server, *rsa_client), client_id=rsa_client[0]))
    assert answer.status_code == 200, answer.text


def test_the_token_endpoint_is_an_audience_too(oauth, server, ec_client):
    for audience in (server.base_url + "/oauth/token",
                     ["https://x.example", server.base_url]):
        text = assertion(server, *ec_client, aud=audience)
        assert oauth("/oauth/token", asserted(text)).status_code == 200


def test_an_assertion_is_taken_once(oauth, server, ec_client):
    text = assertion(server, *ec_client)
    assert oauth("/oauth/token", asserted(text)).status_code == 200
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        assert_refused(oauth(path, asserted(text, token="x")), 401,
                       "invalid_client")


def test_of_twenty_uses_at_once_one_succeeds(oauth, server, ec_client):
    form = asserted(assertion(server, *ec_client))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: requests.post(
            server.base_url + "/oauth/token", data=form,
            timeout=30).status_code, range(20)))
    assert sorted(statuses) == [200] + 19 * [401]


BAD_ASSERTIONS = {
    "wrong_aud": {"aud": "https://other.example"},
    "aud_of_the_api": {"aud": "/v1"},  # after the issuer
    "no_aud": {"aud": None},
    "expired": {"exp": -61},
    "exp_too_far": {"exp": 3600},
    "no_exp": {"exp": None},
    "no_jti": {"jti": None},
    "other_iss": {"iss": "00000000-0000-0000-0000-000000000001"},
    "other_sub": {"sub": "00000000-0000-0000-0000-000000000001"},
    "not_yet": {"nbf": 3600},
    "no_sub": {"sub": None},
}


@pytest.mark.parametrize("name", BAD_ASSERTIONS)
def test_a_bad_assertion_is_refused(oauth, server, ec_client, name):
    changes = dict(BAD_ASSERTIONS[name])
    for claim in ("exp", "nbf"):
        if changes.get(claim) is not None:
            changes[claim] += int(time.time())
    if changes.get("aud") == "/v1":
        changes["aud"] = server.base_url + "/v1"
    text = assertion(server, *ec_client, **changes)
    assert_refused(oauth("/oauth/token", asserted(text)), 401,
                   "invalid_client")


def test_an_assertion_by_another_key_is_refused(oauth, server, ec_client,
                                                rsa_client):
    stranger = ec.generate_private_key(ec.SECP256R1())
    pem = public_pem(ec_client[1])
    for header, key in (
            ({"alg": "ES256", "kid": "k1"}, stranger),
            ({"alg": "ES256", "kid": "k2"}, ec_client[1]),
            ({"alg": "ES256"}, ec_client[1]),
            ({"alg": "RS256", "kid": "k1"}, rsa_client[1]),
            ({"alg": "HS256", "kid": "k1"}, pem),
            ({"alg": "none", "kid": "k1"}, None)):
        text = assertion(server, ec_client[0], key, header)
        assert_refused(oauth("/oauth/token", asserted(text)), 401,
                       "invalid_client")


def test_an_access_token_is_no_assertion(oauth, fresh):
    assert_refused(oauth("/oauth/token", asserted(fresh)), 401,
                   "invalid_client")


def test_an_assertion_needs_its_type(oauth, server, ec_client):
    text = assertion(server, *ec_client)
    for type_ in (None, "urn:ietf:params:oauth:client-assertion-type:saml2"):
        form = dict(GRANT, client_assertion=text)
        if type_:
            form["client_assertion_type"] = type_
        assert_refused(oauth("/oauth/token", form), 400, "invalid_request")


# --- the documents ---

def test_the_metadata_name_the_issuer_of_tokens(as_nobody, fresh):
    answer = as_nobody.get("/.well-known/oauth-authorization-server")
    metadata = answer.expect(200).json
    assert metadata["issuer"] == decoded(fresh)["iss"]
    assert metadata["response_types_supported"] == []
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert "private_key_jwt" in \
        metadata["token_endpoint_auth_methods_supported"]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == \
        ["ES256", "RS256"]
    assert metadata["scopes_supported"]
    assert requests.get(metadata["jwks_uri"], timeout=30).status_code == 200


def test_the_key_set_has_public_members_only(as_nobody, fresh):
    answer = as_nobody.get("/.well-known/jwks.json").expect(200)
    assert "max-age=300" in answer.headers["cache-control"]
    keys = answer.json["keys"]
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")
        canonical = json.dumps({name: key[name] for name in
                                ("crv", "kty", "x", "y")},
                               separators=(",", ":"), sort_keys=True)
        assert key["kid"] == b64(hashlib.sha256(canonical.encode()).digest())
    assert decoded(fresh, 0)["kid"] in [key["kid"] for key in keys]


# --- introspection and revocation ---

def introspected(oauth, token, auth):
    answer = oauth("/oauth/introspect", {"token": token}, auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_client_introspects_its_own_token(oauth, basic, fresh):
    told = introspected(oauth, fresh, basic)
    claims = decoded(fresh)
    assert told.pop("active") is True
    assert told.pop("token_type") == "Bearer"
    assert told == {name: claims[name] for name in
                    ("scope", "client_id", "sub", "aud", "iss", "exp", "iat",
                     "jti")}


def test_nobody_introspects_another_clients_token(oauth, access, fresh):
    other = access["clients"]["auditor"]
    assert introspected(oauth, fresh, (
        other["client_id"], other["client_secret"])) == {"active": False}


@pytest.mark.parametrize("token", ["x", "a.b.c", "\u00e9", "x" * 5000])
def test_what_is_no_token_is_not_active(oauth, basic, token):
    assert introspected(oauth, token, basic) == {"active": False}


def test_introspection_needs_a_token(oauth, basic):
    for path in ("/oauth/introspect", "/oauth/revoke"):
        assert_refused(oauth(path, {}, basic), 400, "invalid_request")


def status_with(server, token, path):
    return requests.get(server.base_url + path, timeout=30,
                        headers={"Authorization": "Bearer " + token})


@pytest.fixture(scope="module")
def protected(contract):
    """A path that the city may read."""
    for path, item in contract.judged["paths"].items():
        get = item.get("get", {})
        if "{" not in path and "city" in get.get("x-roles", []):
            return path
    pytest.skip("the contract has no list for the city")


def test_a_revoked_token_is_refused_at_the_next_request(oauth, basic, fresh,
                                                        server, protected):
    assert status_with(server, fresh, protected).status_code == 200
    answer = oauth("/oauth/revoke", {"token": fresh,
                                     "token_type_hint": "access_token"}, basic)
    assert (answer.status_code, answer.content) == (200, b"")
    for _ in range(4):  # whichever worker takes it
        refused = requests.get(server.base_url + protected, timeout=30,
                               headers={"Authorization": "Bearer " + fresh})
        assert refused.status_code == 401
        assert refused.json()["code"] == "invalid_token"
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert introspected(oauth, fresh, basic) == {"active": False}
    assert oauth("/oauth/revoke", {"token": fresh}, basic).status_code == 200


def test_an_unknown_token_is_revoked_already(oauth, basic):
    for token in ("x", "a.b.c"):
        assert oauth("/oauth/revoke", {"token": token},
                     basic).status_code == 200


def test_nobody_revokes_another_clients_token(oauth, basic, access, fresh):
    other = access["clients"]["auditor"]
    answer = oauth("/oauth/revoke", {"token": fresh},
                   (other["client_id"], other["client_secret"]))
    assert answer.status_code == 200
    assert introspected(oauth, fresh, basic)["active"] is True


# --- clients and keys that end ---

@pytest.fixture
def secret_client(membership):
    made = run_gusp("client", "create", "--member", membership, "--name",
                    "test of secrets", "--scopes", "sites.read", "--secret")
    return made["client_id"], made["client_secret"]


def test_a_secret_has_a_prefix_and_a_checksum(secret_client):
    secret = secret_client[1]
    assert secret.startswith("gusp_cs_") and len(secret) == 8 + 43 + 4
    assert b64(hashlib.sha256(secret[:-4].encode()).digest()[:3]) == \
        secret[-4:]


def test_two_secrets_live_while_a_client_rotates(oauth, secret_client):
    client_id, old = secret_client
    new = run_gusp("client", "rotate", client_id, "--secret")["client_secret"]
    for secret in (old, new):
        assert oauth("/oauth/token", GRANT,
                     (client_id, secret)).status_code == 200
    assert subprocess.run([ROOT / "build" / "gusp", "client", "rotate",
                           client_id, "--secret"], check=False,
                          capture_output=True).returncode != 0
    run_gusp("client", "rotate", client_id, "--finish")
    assert_refused(oauth("/oauth/token", GRANT, (client_id, old)), 401,
                   "invalid_client")
    assert oauth("/oauth/token", GRANT, (client_id, new)).status_code == 200


def test_a_revoked_client_gets_nothing(oauth, secret_client, server,
                                       protected):
    token = oauth("/oauth/token", GRANT, secret_client).json()["access_token"]
    run_gusp("client", "revoke", secret_client[0])
    assert_refused(oauth("/oauth/token", GRANT, secret_client), 401,
                   "invalid_client")
    refused = requests.get(server.base_url + protected, timeout=30,
                           headers={"Authorization": "Bearer " + token})
    assert refused.status_code in (401, 403)


def test_an_expired_client_gets_nothing(oauth, database, secret_client):
    with database.cursor() as cursor:
        cursor.execute("UPDATE auth.client SET expires_at = now() "
                       "WHERE id = %s", [secret_client[0]])
    assert_refused(oauth("/oauth/token", GRANT, secret_client), 401,
                   "invalid_client")


def test_a_rotation_at_once_ends_the_tokens_too(oauth, secret_client):
    client_id, old = secret_client
    token = oauth("/oauth/token", GRANT, secret_client).json()["access_token"]
    new = run_gusp("client", "rotate", client_id, "--secret",
                   "--now")["client_secret"]
    assert introspected(oauth, token, (client_id, new)) == {"active": False}
    later = oauth("/oauth/token", GRANT,
                  (client_id, new)).json()["access_token"]
    assert introspected(oauth, later, (client_id, new))["active"] is True
    assert_refused(oauth("/oauth/token", GRANT, (client_id, old)), 401,
                   "invalid_client")


def test_a_new_key_is_published_before_it_signs(server, oauth, basic):
    kid = run_gusp("key", "new")["kid"]
    deadline = time.monotonic() + 5

    def published():
        keys = requests.get(server.base_url + "/.well-known/jwks.json",
                            timeout=30).json()["keys"]
        return kid in [key["kid"] for key in keys]

    while not published() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert published()
    refused = subprocess.run([ROOT / "build" / "gusp", "key", "activate", kid],
                             check=False, capture_output=True)
    assert refused.returncode != 0
    token = oauth("/oauth/token", GRANT, basic).json()["access_token"]
    assert decoded(token, 0)["kid"] != kid
    subprocess.run([ROOT / "build" / "gusp", "key", "revoke", kid],
                   check=True)


def test_failures_are_limited_by_address(another_server, basic):
    limited = another_server(GUSP_TOKEN_RATE="3")

    def attempt(secret):
        return requests.post(limited.base_url + "/oauth/token", data=GRANT,
                             auth=(basic[0], secret), timeout=30)

    # At most one change of the minute comes between.
    statuses = [attempt("wrong").status_code for _ in range(8)]
    assert 401 in statuses and 429 in statuses
    answer = attempt(basic[1])
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


# --- forged tokens ---

@pytest.fixture(scope="module")
def signer(server, oauth, basic):
    """The server's own private key: what is wrong with a token signed by it
    is only what the test makes wrong. And a good token's claims."""
    token = oauth("/oauth/token", GRANT, basic).json()["access_token"]
    kid = decoded(token, 0)["kid"]
    pem = (server.dir / "keys" / (kid + ".pem")).read_bytes()
    return (serialization.load_pem_private_key(pem, None), kid,
            decoded(token))


def header_of(own, **changes):
    header = {"alg": "ES256", "typ": "JWT", "kid": own}
    header.update(changes)
    return {name: value for name, value in header.items()
            if value is not None}


# Name -> function of (key, kid, claims) to a token. The key is the server's.
STRANGER = ec.generate_private_key(ec.SECP256R1())
STRANGER_RSA = rsa.generate_private_key(65537, 2048)


def with_header(**changes):
    return lambda key, kid, claims: make_token(header_of(kid, **changes),
                                               claims, key)


def with_claims(**changes):
    def forge(key, kid, claims):
        claims = {name: value for name, value in {**claims, **changes}.items()
                  if value is not None}
        return make_token(header_of(kid), claims, key)
    return forge


def in_seconds(**changes):
    return lambda key, kid, claims: with_claims(**{
        name: int(time.time()) + value for name, value in changes.items()})(
            key, kid, claims)


def bent(bend):
    return lambda key, kid, claims: bend(make_token(header_of(kid), claims,
                                                    key))


def set_unused_bit(token):
    alphabet = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                "0123456789-_")
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


FORGED = {
    # no signature, or another's
    "alg_none": lambda key, kid, claims: make_token(
        header_of(kid, alg="none"), claims, None),
    "alg_None": lambda key, kid, claims: make_token(
        header_of(kid, alg="None"), claims, None),
    "alg_none_with_signature": with_header(alg="none"),
    "hs256_with_public_pem": lambda key, kid, claims: make_token(
        header_of(kid, alg="HS256"), claims, public_pem(key)),
    "hs256_with_empty_key": lambda key, kid, claims: make_token(
        header_of(kid, alg="HS256"), claims, b""),
    "rs256_by_a_stranger": lambda key, kid, claims: make_token(
        header_of(kid, alg="RS256"), claims, STRANGER_RSA),
    "es256_by_a_stranger": lambda key, kid, claims: make_token(
        header_of(kid), claims, STRANGER),
    "own_key_in_jwk": lambda key, kid, claims: make_token(
        header_of(kid, jwk=public_jwk(STRANGER, kid)), claims, STRANGER),
    "own_key_in_jwk_without_kid": lambda key, kid, claims: make_token(
        header_of(None, jwk=public_jwk(STRANGER, "x")), claims, STRANGER),
    "own_keys_at_jku": lambda key, kid, claims: make_token(
        header_of("x", jku="https://evil.example/jwks.json"), claims,
        STRANGER),
    "own_keys_at_x5u": lambda key, kid, claims: make_token(
        header_of(kid, x5u="https://evil.example/x5u"), claims, STRANGER),
    "es384_said_of_it": with_header(alg="ES384"),
    "es256k_said_of_it": with_header(alg="ES256K"),
    "eddsa_said_of_it": with_header(alg="EdDSA"),
    "ps256_said_of_it": with_header(alg="PS256"),
    "signature_of_zeroes": bent(
        lambda t: t.rsplit(".", 1)[0] + "." + b64(bytes(64))),
    "signature_as_der": lambda key, kid, claims: (lambda text: text + "." + b64(
        key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))))(
            b64(header_of(kid)) + "." + b64(claims)),
    "signature_too_long": bent(lambda t: t + "AAAA"),
    "claims_changed": lambda key, kid, claims: (
        lambda t: t[0] + "." + b64({**claims, "role": "admin"}) + "." + t[2])(
            make_token(header_of(kid), claims, key).split(".")),
    # the header
    "wrong_kid": with_header(kid="x" * 43),
    "missing_kid": with_header(kid=None),
    "empty_kid": with_header(kid=""),
    "kid_as_number": with_header(kid=1),
    "kid_as_path": with_header(kid="../../../../etc/passwd"),
    "kid_as_sql": with_header(kid="' OR 1=1 --"),
    "crit": with_header(crit=["exp"]),
    "crit_b64": with_header(crit=["b64"], b64=False),
    "crit_empty": with_header(crit=[]),
    "missing_alg": with_header(alg=None),
    "alg_as_list": with_header(alg=["ES256"]),
    "typ_at_jwt": with_header(typ="at+jwt"),
    "typ_jwt_small": with_header(typ="jwt"),
    "typ_as_number": with_header(typ=1),
    "duplicate_alg": lambda key, kid, claims: make_token(
        f'{{"alg":"none","alg":"ES256","kid":"{kid}"}}', claims, key),
    "duplicate_kid": lambda key, kid, claims: make_token(
        f'{{"alg":"ES256","kid":"x","kid":"{kid}"}}', claims, key),
    "header_as_list": lambda key, kid, claims: make_token("[]", claims, key),
    "header_not_json": lambda key, kid, claims: make_token("{", claims, key),
    "header_with_nul": lambda key, kid, claims: make_token(
        json.dumps(header_of(kid)) + "\0", claims, key),
    # the claims
    "exp_missing": with_claims(exp=None),
    "exp_past": in_seconds(exp=-61),
    "exp_long_past": with_claims(exp=1),
    "exp_negative": with_claims(exp=-1),
    "exp_huge": with_claims(exp=2**63 - 1),
    "exp_beyond_int64": with_claims(exp=2**64),
    "exp_real": with_claims(exp=1e10),
    "exp_text": with_claims(exp="9999999999"),
    "exp_null": lambda key, kid, claims: make_token(
        header_of(kid), {**claims, "exp": None}, key),
    "exp_far": in_seconds(exp=20 * 86400),
    "nbf_future": in_seconds(nbf=120),
    "iat_future": in_seconds(iat=120),
    "iat_missing": with_claims(iat=None),
    "iat_text": with_claims(iat="now"),
    "aud_wrong": with_claims(aud="https://other.example/v1"),
    "aud_missing": with_claims(aud=None),
    "aud_empty_list": with_claims(aud=[]),
    "aud_prefix": lambda key, kid, claims: with_claims(
        aud=claims["aud"] + "/x")(key, kid, claims),
    "aud_is_issuer": lambda key, kid, claims: with_claims(
        aud=claims["iss"])(key, kid, claims),
    "iss_wrong": with_claims(iss="https://other.example"),
    "iss_missing": with_claims(iss=None),
    "iss_with_slash": lambda key, kid, claims: with_claims(
        iss=claims["iss"] + "/")(key, kid, claims),
    "sub_missing": with_claims(sub=None),
    "sub_of_another": with_claims(sub=str(uuid.uuid4())),
    "jti_missing": with_claims(jti=None),
    "jti_no_uuid": with_claims(jti="1"),
    "client_missing": with_claims(client_id=None),
    "client_unknown": lambda key, kid, claims: (
        lambda u: with_claims(client_id=u, sub=u)(key, kid, claims))(
            str(uuid.uuid4())),
    "membership_missing": with_claims(mbr=None),
    "membership_of_another": with_claims(mbr=str(uuid.uuid4())),
    "role_missing": with_claims(role=None),
    "role_unknown": with_claims(role="root"),
    "scope_missing": with_claims(scope=None),
    "scope_as_list": with_claims(scope=["sites.read"]),
    "older_than_the_epoch": with_claims(iat=-10**12, exp=None),
    "duplicate_claim": lambda key, kid, claims: make_token(
        header_of(kid), json.dumps(claims)[:-1] + ',"role":"admin"}', key),
    "claims_as_list": lambda key, kid, claims: make_token(
        header_of(kid), "[]", key),
    "claims_with_nul": lambda key, kid, claims: make_token(
        header_of(kid), json.dumps(claims) + "\0", key),
    # the text
    "padding": bent(lambda t: t + "=="),
    "padding_inside": bent(lambda t: t.replace(".", "=.", 1)),
    "non_canonical": bent(set_unused_bit),
    "standard_alphabet": bent(lambda t: t[:-40] + "+/" + t[-38:]),
    "four_segments": bent(lambda t: t + "." + t.split(".")[2]),
    "two_segments": bent(lambda t: t.rsplit(".", 1)[0]),
    "empty_signature": bent(lambda t: t.rsplit(".", 1)[0] + "."),
    "empty_header": bent(lambda t: "." + t.split(".", 1)[1]),
    "dots": lambda key, kid, claims: "..",
    "no_token_at_all": lambda key, kid, claims: "x",
    "five_thousand_bytes": lambda key, kid, claims: with_claims(
        more="x" * 3700)(key, kid, claims),
    "five_thousand_letters": lambda key, kid, claims: "x" * 5000,
}


def test_there_are_enough_forgeries():
    assert len(FORGED) >= 40


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused(server, signer, protected, name):
    answer = status_with(server, FORGED[name](*signer), protected)
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"].startswith(
        "application/problem+json")
    assert answer.json()["code"] == "invalid_token"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer realm=")
    assert 'error="invalid_token"' in challenge


def test_what_the_forgeries_start_from_is_good(server, signer, protected):
    good = make_token(header_of(signer[1]), signer[2], signer[0])
    assert status_with(server, good, protected).status_code == 200
    # Whatever points elsewhere is ignored, not followed.
    rides = make_token(header_of(signer[1], jku="https://evil.example"),
                       signer[2], signer[0])
    assert status_with(server, rides, protected).status_code == 200


def test_a_role_that_is_not_the_memberships_is_forbidden(server, signer,
                                                        protected):
    forged = make_token(header_of(signer[1]), {**signer[2], "role":
                                               "bailleur"}, signer[0])
    assert status_with(server, forged, protected).status_code == 403


def test_an_assertion_is_no_access_token(server, ec_client, protected):
    text = assertion(server, *ec_client)
    assert status_with(server, text, protected).status_code == 401
    text = assertion(server, *ec_client, aud=server.base_url + "/v1")
    assert status_with(server, text, protected).status_code == 401


def test_without_a_token_the_challenge_names_no_error(server, protected):
    answer = requests.get(server.base_url + protected, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_missing"
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert "error" not in answer.headers["www-authenticate"]


@pytest.mark.parametrize("value", ["Basic eDp5", "Bearerx y", "Negotiate abc"])
def test_other_schemes_are_no_credentials(server, protected, value):
    answer = requests.get(server.base_url + protected, timeout=30,
                          headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_missing"


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Bearer a,b",
                                   'Bearer "abc"', "Bearer a;b"])
def test_malformed_bearer_credentials_are_a_bad_request(server, protected,
                                                        value):
    answer = requests.get(server.base_url + protected, timeout=30,
                          headers={"Authorization": value})
    assert answer.status_code == 400
    assert answer.json()["code"] == "token_malformed"
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_a_token_counts_only_in_the_header(server, fresh, protected):
    answer = requests.get(server.base_url + protected, timeout=30,
                          params={"access_token": fresh})
    assert answer.status_code in (400, 401)


def test_a_scope_that_lacks_is_named(oauth, server, basic, contract):
    scopes = oauth("/oauth/token", GRANT, basic).json()["scope"].split()
    for path, item in contract.judged["paths"].items():
        get = item.get("get", {})
        needed = [scope for way in get.get("security", [])
                  for scope in way.get("oauth2", [])]
        other = [scope for scope in scopes if scope not in needed]
        if "{" not in path and needed and other and \
                "city" in get.get("x-roles", []):
            break
    else:
        pytest.skip("the contract has no second scope")
    token = oauth("/oauth/token", dict(GRANT, scope=other[0]),
                  basic).json()["access_token"]
    answer = status_with(server, token, path)
    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient_scope"
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{" ".join(needed)}"' in challenge
