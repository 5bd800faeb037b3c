"""What every http test may ask for; tests/run.sh sets up what it stands on.

    server            base_url, host, port, log (a path)
    access            the parsed access.json
    as_city ...       a Client of each role: city, bailleur, association,
                      institution, facilitator, auditor, admin
    as_nobody         a Client without a token
    client_named      Client of a further membership: client_named("bailleur_b")
    world             a programme of its own, with two quartiers and a membership
                      of each kind, for tests that only add to it (world.py)
    database          psycopg2 connection of the superuser, autocommit
    another_server    starts a further server on the same database with other
                      settings: another_server(GUSP_RATE="5").base_url
    contract          the judge of every answer (contract.py)
"""

import json
import os
import pathlib
import subprocess
import types
import urllib.parse

import psycopg2
import psycopg2.extras
import pytest

from client import Client
from contract import ROOT, Contract
from world import World

ROLES = ("city", "bailleur", "association", "institution", "facilitator",
         "auditor", "admin")


def environment(name):
    """A variable that tests/run.sh sets."""
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set: run the tests by 'make test'", 2)
    return value


def described(base_url, directory):
    """What a test may know of a server."""
    parts = urllib.parse.urlsplit(base_url)
    return types.SimpleNamespace(
        base_url=base_url, host=parts.hostname, port=parts.port,
        dir=pathlib.Path(directory),
        log=pathlib.Path(directory) / "api.log")


@pytest.fixture(scope="session")
def server():
    return described(environment("GUSP_TEST_BASE_URL"),
                     environment("GUSP_TEST_DIR"))


@pytest.fixture(scope="session")
def access():
    return json.loads(pathlib.Path(environment("GUSP_TEST_ACCESS"))
                      .read_text("utf-8"))


@pytest.fixture(scope="session")
def contract(pytestconfig):
    pytestconfig.contract = Contract()
    return pytestconfig.contract


@pytest.fixture(scope="session")
def client_named(server, access, contract):
    """Client of a name in access.json, the same one each time."""
    made = {}

    def named(name):
        if name not in made:
            made[name] = Client(server.base_url, access["tokens"][name],
                                contract, name)
        return made[name]

    return named


@pytest.fixture(scope="session")
def as_nobody(server, contract):
    return Client(server.base_url, None, contract)


def fixture_of(role):
    """as_<role>: the client of the role's first membership."""
    @pytest.fixture(scope="session", name="as_" + role)
    def as_role(client_named):
        return client_named(role)

    return as_role


for _role in ROLES:
    globals()["as_" + _role] = fixture_of(_role)


@pytest.fixture(scope="session")
def world(as_admin, contract):
    return World(as_admin, contract)


@pytest.fixture(scope="session")
def database():
    """The superuser's connection, for set-up and for looking behind."""
    connection = psycopg2.connect(environment("GUSP_TEST_DB_URL"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = gusp, public")
    psycopg2.extras.register_uuid()
    yield connection
    connection.close()


@pytest.fixture
def another_server(tmp_path):
    """A server of one's own, stopped at the end of the test. The issuer stays
    the first server's, so that its tokens are taken here too."""
    started = []

    def start(**settings):
        directory = tmp_path / f"server{len(started)}"
        env = dict(os.environ, GUSP_WORKERS="1", GUSP_PORT="18180",
                   GUSP_ISSUER=environment("GUSP_TEST_BASE_URL"))
        env.update(settings)
        started.append((directory, env))
        base_url = subprocess.run(
            [ROOT / "api/tools/server.sh", "start", directory], env=env,
            check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        return described(base_url, directory)

    yield start
    for directory, env in started:
        subprocess.run([ROOT / "api/tools/server.sh", "stop", directory],
                       env=env, check=True)


def pytest_terminal_summary(terminalreporter, config):
    """Which operations of the contract no test has called."""
    contract = getattr(config, "contract", None)
    if contract is None:
        return
    operations = {operation["operationId"]: set(operation["responses"])
                  for item in contract.judged["paths"].values()
                  for operation in item.values()
                  if isinstance(operation, dict)
                  and "operationId" in operation}
    never = sorted(set(operations) - set(contract.seen))
    terminalreporter.write_line(
        f"contract: {len(contract.seen)} of {len(operations)} operations "
        "called" + (", never: " + " ".join(never) if never else ""))
    (ROOT / "build" / "contract-seen.json").write_text(json.dumps(
        {name: sorted(seen) for name, seen in sorted(contract.seen.items())},
        indent=1))
