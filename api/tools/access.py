"""Access for each role of the demonstration: a client, and a token.

    access.py BASE_URL FILE                 make what is missing, get fresh tokens
    access.py --every-scope BASE_URL FILE   the same; the role alone refuses
    access.py --print FILE                  show the tokens

FILE (mode 0600) keeps {"base_url", "ledger_key", "clients": {name: {client_id,
client_secret, role}}, "tokens": {name: token}}; ledger_key, the verifier key
of the ledger, is that of GUSP_LEDGER_VKEY, if set. A name is a role; a second
membership of the same role is role_b, and so on.

The memberships are those of the table gusp_demo.member (tests/data/demo.sql),
read as GUSP_SUPERUSER_URL. A client whose secret the server does not take (the
database is another one) is made anew. Needs GUSP_DATABASE_URL for
"gusp client create".
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

ROLES = ("city", "bailleur", "association", "institution", "facilitator",
         "auditor", "admin")
GUSP = pathlib.Path(__file__).resolve().parents[2] / "build" / "gusp"


def members():
    """Name -> (role, membership id), the order of the table kept. Whoever
    tries the API may have ended a membership: it has no token then."""
    rows = subprocess.run(
        ["psql", "-XAt", "-F", " ", os.environ["GUSP_SUPERUSER_URL"], "-c",
         "SELECT d.role, d.membership_id FROM gusp_demo.member AS d"
         " JOIN gusp.member AS m ON m.id = d.membership_id"
         " WHERE m.status = 'active'"
         " AND current_date BETWEEN m.from_on AND coalesce(m.to_on, 'infinity')"
         " ORDER BY d.ctid"],
        check=True, capture_output=True, text=True).stdout.split("\n")
    found = {}
    for row in filter(None, rows):
        role, membership = row.split()
        name = role
        while name in found:
            name = role + "_" + (chr(ord(name[-1]) + 1)
                                 if name != role else "b")
        found[name] = (role, membership)
    missing = [role for role in ROLES if role not in found]
    if missing:
        print("access: no membership left for " + ", ".join(missing),
              file=sys.stderr)
    return found


def scopes():
    """Every scope there is: the role alone then says what is allowed."""
    document = json.loads((GUSP.parent / "openapi.json").read_text("utf-8"))
    scheme = document["components"]["securitySchemes"]["oauth2"]
    return sorted(scheme["flows"]["clientCredentials"]["scopes"])


def create_client(name, membership, every_scope):
    """A new client of a membership, with the scopes of its role or with all;
    its id and secret are shown only now."""
    answer = subprocess.run(
        [str(GUSP), "client", "create", "--name", "demo-" + name,
         "--member", membership, "--secret",
         *(["--scopes", " ".join(scopes())] if every_scope else [])],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    made = dict(line.split(None, 1) for line in answer.splitlines())
    return {"client_id": made["client_id"],
            "client_secret": made["client_secret"]}


def token_for(base_url, client):
    """An access token, or None if the server does not take the secret."""
    quoted = [urllib.parse.quote(client[part], safe="")
              for part in ("client_id", "client_secret")]
    request = urllib.request.Request(
        base_url + "/oauth/token", data=b"grant_type=client_credentials",
        headers={"Authorization": "Basic " + base64.b64encode(
            ":".join(quoted).encode()).decode()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["access_token"]
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        if error.code == 401 or "unauthorized_client" in text:
            return None
        sys.exit(f"access: {error.code} {text}")


def write(path, access):
    """Whole or not at all, and never readable by others."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600),
              "w", encoding="utf-8") as file:
        json.dump(access, file, indent=2)
        file.write("\n")
    fresh.rename(path)


def make(base_url, path, every_scope):
    """Bring the file to what the server takes."""
    try:
        clients = json.loads(path.read_text())["clients"]
    except FileNotFoundError:
        clients = {}
    access = {"base_url": base_url, "clients": {}, "tokens": {}}
    if os.environ.get("GUSP_LEDGER_VKEY"):
        access["ledger_key"] = os.environ["GUSP_LEDGER_VKEY"]
    for name, (role, membership) in members().items():
        client = clients.get(name)
        token = client and token_for(base_url, client)
        if not token:
            client = create_client(name, membership, every_scope)
            token = token_for(base_url, client)
        if not token:
            sys.exit(f"access: the server refuses the new client of {name}")
        access["clients"][name] = dict(client, role=role)
        access["tokens"][name] = token
        # Kept at once: a secret made now is never shown again.
        write(path, access)


def show(path):
    """One token a line, for people who paste."""
    for name, token in json.loads(path.read_text())["tokens"].items():
        print(f"{name:<14}{token}")


if __name__ == "__main__":
    words = sys.argv[1:]
    wide = words[:1] == ["--every-scope"]
    if len(words) != 2 + wide:
        sys.exit(__doc__)
    if words[0] == "--print":
        show(pathlib.Path(words[1]))
    else:
        make(words[-2], pathlib.Path(words[-1]), wide)
