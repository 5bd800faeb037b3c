"""The vault: who reported is behind a pseudonym, read for a purpose, erased without a trace."""

import concurrent.futures
import datetime
import os
import pathlib
import subprocess
import urllib.parse
import uuid

import psycopg2
import pytest

from client import Client
from conftest import environment
from test_access import owing, subject
from world import access_tool, in_days, mark

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
OUTSIDERS = ("bailleur", "bailleur_b", "institution", "facilitator", "mandated", "auditor")
EVERYONE = ("city", "association", *OUTSIDERS)


def person():
    """Someone whom nothing else names: by name, mail and telephone."""
    word = mark()
    return {"name": f"Camille {word.capitalize()}", "email": f"{word}@example.org",
            "phone": "06 39 98 " + " ".join(f"{n:02}" for n in (uuid.uuid4().int % 97, uuid.uuid4().int % 89))}


def entrusted(world, by="association", issue=None, **more):
    """(issue, reporter, person); the issue is of who entrusts unless given."""
    who, issue = person(), issue or world.issue(by=by)
    return issue, world.reporter(issue, by=by, **who, **more), who


def read(client, reporter, purpose="answer", **more):
    return client.post(f"{reporter.url}/readings", {"purpose": purpose, **more})


def name_of(reporter):
    return reporter.url.rsplit("/", 1)[1]


def closed(world, issue):
    return world.city.move(issue.url, "no_action", reason_code="other",
                           details={"public_explanation": "Rien à faire"}).expect(200)


def reopened_rights(world, reporter):
    return {name: world.clients[name].get(reporter.url).status for name in ("city", "association", "association_b")}


# --- a pseudonym for others ---------------------------------------------------------------


def test_who_sees_the_issue_sees_a_pseudonym_and_an_auditor_not_even_that(world):
    issue, reporter, who = entrusted(world)
    for name in EVERYONE:
        client = world.clients[name]
        seen = client.get(issue.url).expect(200)
        if name == "auditor":
            assert "reporter_pseudonym" not in seen.json
        else:
            assert seen.json["reporter_pseudonym"] == name_of(reporter)
        told = seen.text + client.get(f"{issue.url}/history").text + client.get("/v1/issues", {"limit": 200}).text
        assert not [value for value in who.values() if value in told]
        assert (name_of(reporter) in told) == (name != "auditor")


def test_no_answer_to_an_auditor_has_a_member_of_a_reporter(world):
    issue, reporter, _ = entrusted(world)
    texts = [world.auditor.get(path).text for path in (
        issue.url, f"{issue.url}/history", "/v1/issues?limit=200", f"{issue.url}/similar", f"{issue.url}/comments")]
    for text in texts:
        assert "reporter" not in text and name_of(reporter) not in text
    for path in ("/v1/reporters", reporter.url, f"{subject(reporter.url)}/export", "/v1/privacy/register"):
        assert world.auditor.get(path).expect(403).problem.code == "role_forbidden"


def test_an_issue_without_a_reporter_says_so(world):
    assert world.city.get(world.issue().url).json["reporter_pseudonym"] is None


def test_pseudonyms_are_drawn_and_say_nothing_of_who_reports_twice(world):
    who = person()
    made = [name_of(world.reporter(world.issue(), **who)) for _ in range(8)]
    assert len(set(made)) == 8
    assert len({name[0] for name in made} | {name[-1] for name in made}) > 2


def test_a_reporter_may_give_nothing_but_a_channel(world):
    issue = world.issue(by="association")
    made = world.association.post(f"{issue.url}/reporter", {"channel": "walk", "notice_version": "2026-01"}).expect(201)
    told = world.association.get(made.url).expect(200).json
    assert told["held"] == [] and told["consent_recall"] is False and told["retention_until"] is None
    disclosed = read(world.association, made).expect(200).json
    assert (disclosed["name"], disclosed["email"], disclosed["phone"]) == (None, None, None)


@pytest.mark.parametrize("member,value", [
    ("email", "nobody"), ("phone", "call me"), ("name", ""), ("channel", "letter"), ("notice_version", "two words"),
    ("siblings", 2)])
def test_a_member_that_is_not_in_the_contract_is_refused_by_name(world, member, value):
    issue = world.issue()
    answer = world.city.post(f"{issue.url}/reporter", world.reporter_body(**{member: value})).expect(422)
    assert answer.problem.pointers == [f"/{member}"]


# --- who entrusts -------------------------------------------------------------------------


def test_the_association_that_reported_or_the_city_entrusts_and_only_once(world):
    issue = world.issue(by="association")
    path, body = f"{issue.url}/reporter", world.reporter_body()
    assert world.association_b.post(path, body).expect(403).problem.code == "forbidden"
    world.city.post(path, body).expect(201)
    for name in ("city", "association"):
        assert world.clients[name].post(path, body).expect(409).problem.code == "reporter_exists"


def test_a_reporter_of_a_qualified_issue_is_entrusted_by_who_can_no_longer_edit_it(world):
    issue = world.issue(by="association")
    world.city.move(issue, "qualified").expect(200)
    world.association.patch(issue.url, {"title": "Autre"}).expect(403)
    world.reporter(issue, by="association")
    assert world.city.get(issue.url).json["status"] == "qualified"


def test_a_closed_issue_gets_no_reporter(world):
    issue = world.issue(by="association")
    closed(world, issue)
    for name in ("association", "city"):
        answer = world.clients[name].post(f"{issue.url}/reporter", world.reporter_body()).expect(409)
        assert answer.problem.code == "reporter_of_closed_issue"


def test_two_who_entrust_at_once_make_one_reporter(world):
    """One waits for the other and is told that there is one."""
    issue = world.issue(by="association")

    def send(name):
        client = Client(world.admin.base_url, world.clients[name].token, world.contract, name)
        return client.post(f"{issue.url}/reporter", world.reporter_body())

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, ["city", "association"] * 3))
    assert sorted(a.status for a in answers) == [201] + [409] * 5


def test_a_repeated_request_gets_the_same_place_and_no_body(world, database):
    issue, body, key = world.issue(), world.reporter_body(**person()), str(uuid.uuid4())
    first = world.city.post(f"{issue.url}/reporter", body, key=key).expect(201)
    again = world.city.post(f"{issue.url}/reporter", body, key=key).expect(201)
    assert (first.body, again.body) == (b"", b"") and first.url == again.url
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = world.city.post(f"{issue.url}/reporter", {**body, "name": "Autre"}, key=key).expect(422)
    assert other.problem.code == "idempotency_mismatch"
    with database.cursor() as cursor:
        cursor.execute("SELECT body, status, location FROM idempotency WHERE key = %s", [key])
        assert cursor.fetchall() == [(None, 201, first.url)]


# --- who reads, and that it is known ------------------------------------------------------


def test_the_city_and_the_collector_read_the_person_for_a_purpose(world):
    _, reporter, who = entrusted(world, consent_recall=True)
    for name in ("city", "association"):
        seen = read(world.clients[name], reporter, "clarify").expect(200)
        assert {k: seen.json[k] for k in who} == who and seen.json["purpose"] == "clarify"
        assert seen.headers["cache-control"] == "no-store"
    for name in (*OUTSIDERS, "admin"):
        assert read(world.clients[name], reporter).expect(403).problem.code == "role_forbidden"
    read(world.association_b, reporter).expect(404)


@pytest.mark.parametrize("body,code", [
    ({}, "required"), ({"purpose": "curiosity"}, "enum"), ({"purpose": None}, "type")])
def test_no_person_is_read_without_a_purpose(world, body, code):
    _, reporter, _ = entrusted(world)
    answer = world.city.post(f"{reporter.url}/readings", body).expect(422)
    assert (answer.problem.pointers, answer.problem.codes) == (["/purpose"], [code])
    assert [e["kind"] for e in world.city.pages(f"{reporter.url}/history")] == ["reporter.created"]


def test_a_comment_that_names_who_is_read_is_not_remembered(world):
    _, reporter, who = entrusted(world)
    for comment in (f"Rappeler au {who['phone']}", f"Vu {who['name'].split()[1].upper()} ce matin"):
        answer = read(world.city, reporter, comment=comment).expect(422)
        assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/comment"]
    read(world.city, reporter, comment="Vu ce matin").expect(200)


def test_each_reading_is_an_event_that_tells_who_when_and_why_and_nothing_of_the_person(world):
    _, reporter, who = entrusted(world)
    read(world.city, reporter, "appointment", comment="Visite de l'immeuble").expect(200)
    read(world.association, reporter, "clarify").expect(200)
    world.city.get(f"{subject(reporter.url)}/export").expect(200)
    for name in ("city", "association"):
        answer = world.clients[name].get(f"{reporter.url}/history").expect(200)
        first, second, third = answer.items[1:]
        assert (first["kind"], first["reason_code"], first["comment"]) == (
            "reporter.read", "appointment", "Visite de l'immeuble")
        assert first["membership_id"] == world.member["city"] and first["client_id"] and first["request_id"]
        assert (second["institution_id"], second["reason_code"]) == (world.actor["association"], "clarify")
        assert (third["kind"], third["reason_code"]) == ("reporter.read", "access_request")
        assert not [value for value in who.values() if value in answer.text]
    world.association_b.get(f"{reporter.url}/history").expect(404)


def test_events_of_reporters_are_on_no_other_lane(world, database):
    _, reporter, _ = entrusted(world)
    id = world.city.get(reporter.url).id
    read(world.city, reporter).expect(200)
    with database.cursor() as cursor:
        cursor.execute("SELECT kind, seen_by FROM event WHERE subject_id = %s ORDER BY seq", [id])
        assert cursor.fetchall() == [("reporter.created", []), ("reporter.read", [])]


def test_a_record_of_a_reporter_says_what_is_held_and_not_what_it_is(world):
    issue, reporter, who = entrusted(world)
    answer = world.city.get(reporter.url).expect(200)
    assert answer.json["held"] == ["name", "email", "phone"] and answer.json["issue_id"] == issue.id
    assert answer.json["pseudonym"] == name_of(reporter)
    for text in (answer.text, world.city.get("/v1/reporters", {"limit": 200}).text):
        assert not [value for value in who.values() if value in text]


def test_the_list_has_what_a_read_shows(world):
    made = {by: entrusted(world, by=by)[1].url for by in ("city", "association", "association_b")}
    for name, own in (("city", set(made)), ("association", {"association"}), ("association_b", {"association_b"})):
        listed = {f"/v1/reporters/{r['pseudonym']}" for r in world.clients[name].pages("/v1/reporters", {"limit": 2})}
        assert {by for by in made if made[by] in listed} == own
        for by, url in made.items():
            world.clients[name].get(url).expect(200 if by in own else 404)


def test_a_collector_reads_while_the_issue_is_open(world):
    issue, reporter, _ = entrusted(world)
    assert reopened_rights(world, reporter) == {"city": 200, "association": 200, "association_b": 404}
    closed(world, issue)
    assert reopened_rights(world, reporter) == {"city": 200, "association": 404, "association_b": 404}
    read(world.association, reporter).expect(404)
    assert name_of(reporter) not in world.association.get("/v1/reporters", {"limit": 200}).text
    assert world.association.get(issue.url).json["reporter_pseudonym"] == name_of(reporter)


def test_a_reporter_of_an_internal_issue_is_its_collectors_alone(world):
    issue = world.issue(by="association", visibility="internal")
    _, reporter, _ = entrusted(world, issue=issue)
    assert reopened_rights(world, reporter) == {"city": 404, "association": 200, "association_b": 404}
    world.association.patch(issue.url, {"visibility": "partners"}).expect(200)
    assert reopened_rights(world, reporter) == {"city": 200, "association": 200, "association_b": 404}


def test_another_programme_finds_nothing(world, as_city, as_association):
    _, reporter, _ = entrusted(world)
    for client in (as_city, as_association):
        client.get(reporter.url).expect(404)
        read(client, reporter).expect(404)
        client.post(f"{subject(reporter.url)}/erase").expect(404)
        assert name_of(reporter) not in client.get("/v1/reporters", {"status": "active,erased"}).text


def test_a_client_without_the_grant_reads_no_one(world):
    """The right to read persons is given to a client by name, not by its role."""
    made = access_tool.create_client("plain", world.member["city"], every_scope=False)
    plain = Client(world.admin.base_url, access_tool.token_for(world.admin.base_url, made), world.contract, "plain")
    issue, reporter, _ = entrusted(world)
    assert plain.get(issue.url).expect(200).json["reporter_pseudonym"] == name_of(reporter)
    for answer in (plain.get(reporter.url), read(plain, reporter), plain.get("/v1/privacy/register"),
                   plain.post(f"{subject(reporter.url)}/erase")):
        assert answer.expect(403).problem.code == "insufficient_scope"


# --- correct ------------------------------------------------------------------------------


def test_a_person_is_corrected_and_the_answer_does_not_repeat_it(world):
    _, reporter, who = entrusted(world)
    before = world.city.get(reporter.url)
    answer = world.city.patch(before, {"phone": None, "name": "Dominique Exemple"}).expect(200)
    assert answer.json["held"] == ["name", "email"] and answer.json["version"] == 2
    assert "Dominique" not in answer.text
    assert world.city.patch(before, {"phone": "06 39 98 00 03"}).expect(412)
    seen = read(world.association, reporter).expect(200).json
    assert (seen["name"], seen["email"], seen["phone"]) == ("Dominique Exemple", who["email"], None)
    event = list(world.city.pages(f"{reporter.url}/history"))[1]
    assert event["kind"] == "reporter.updated" and event["changes"] == {"members_held": {"before": 3, "after": 2}}


def test_a_change_that_changes_nothing_makes_no_event(world):
    _, reporter, _ = entrusted(world)
    world.city.patch(reporter.url, {}).expect(200)
    assert len(list(world.city.pages(f"{reporter.url}/history"))) == 1


def test_nobody_was_answered_tomorrow(world):
    _, reporter, _ = entrusted(world)
    answer = world.city.patch(reporter.url, {"answered_at": in_days(1) + "T12:00:00Z"}).expect(422)
    assert answer.problem.code == "occurred_in_the_future"


# --- rights of persons ----------------------------------------------------------------------


def test_an_export_has_all_that_is_known_and_who_read_it(world):
    issue, reporter, who = entrusted(world)
    read(world.association, reporter, "clarify").expect(200)
    told = world.city.get(f"{subject(reporter.url)}/export").expect(200).json
    assert {k: told["person"][k] for k in who} == who
    assert told["issue"]["id"] == issue.id and told["reporter"]["notice_version"] == "2026-01"
    assert [(r["institution_id"], r["purpose"]) for r in told["readings"]] == [
        (world.actor["association"], "clarify"), (world.actor["city"], "access_request")]


def test_a_person_is_found_by_what_they_gave_and_each_finding_is_told(world):
    def found(client, contact):
        answer = client.post("/v1/privacy/searches", {"contact": contact}).expect(200)
        assert contact not in answer.text
        return [f"/v1/reporters/{item['pseudonym']}" for item in answer.json["items"]]

    who = person()
    made = [world.reporter(world.issue(by=by), by=by, **who).url for by in ("association", "city")]
    for contact in (who["email"].upper(), who["phone"], "+33" + who["phone"].replace(" ", "")[1:]):
        assert found(world.city, contact) == made
        assert found(world.association, contact) == made[:1]
        assert found(world.association_b, contact) == []
    event = list(world.city.pages(f"{made[1]}/history"))[-1]
    assert (event["kind"], event["reason_code"]) == ("reporter.found", "access_request")
    world.city.post(f"{subject(made[1])}/erase").expect(200)
    assert found(world.city, who["email"]) == made[:1]
    assert found(world.city, mark() + "@example.org") == []


def dump():
    """The whole database as a backup has it."""
    return subprocess.run([BIN / "pg_dump", environment("GUSP_TEST_DB_URL")], check=True, capture_output=True).stdout


def logs(server):
    """What API and database wrote since the run began."""
    data = subprocess.run(["api/tools/cluster.sh", "data", "build/test-pg"], check=True, capture_output=True,
                          text=True).stdout.strip()
    return server.log.read_bytes() + pathlib.Path(data).parent.joinpath("log").read_bytes()


def test_an_erased_person_leaves_no_trace(world, server, database):
    issue, who, key = world.issue(by="association"), person(), str(uuid.uuid4())
    body = {"channel": "phone", "notice_version": "2026-01", **who}
    reporter = world.association.post(f"{issue.url}/reporter", body, key=key).expect(201)
    later = person()
    read(world.city, reporter).expect(200)
    world.association.patch(reporter.url, {**later}).expect(200)
    world.city.get(f"{subject(reporter.url)}/export").expect(200)
    # What is refused is logged by the database; it names nobody either.
    world.association.post(f"{issue.url}/reporter", {**body, "phone": later["phone"]}).expect(409)
    world.city.patch(reporter.url, {"email": who["email"], "answered_at": "2999-01-01T00:00:00Z"}).expect(422)
    world.city.get(f"/v1/reporters/{who['email']}").expect(400)
    words = [word.encode() for known in (later, who) for word in (*known.values(), known["name"].split()[1])]
    words += [word.replace(b" ", b"") for word in words] + [word.lower() for word in words]
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT fingerprint FROM idempotency WHERE key = %s", [key])
        words.append(cursor.fetchone()[0].encode())
    there = dump()
    assert all(word in there for word in words[:4]) and words[-1] in there

    erased = world.city.post(f"{subject(reporter.url)}/erase").expect(200)
    assert erased.json["held"] == [] and erased.json["erased_at"] and erased.json["status"] == "erased"
    there = dump()
    assert name_of(reporter).encode() in there
    assert not [word for word in words if word in there]
    assert not [word for word in words if word in logs(server)]
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stats WHERE schemaname = 'vault' "
                       "AND attname IN ('name', 'email', 'phone')")
        assert cursor.fetchone() == (0,)
    # Its key stays used: sent again, the request does not bring the person back.
    again = world.association.post(f"{issue.url}/reporter", body, key=key).expect(422)
    assert again.problem.code == "idempotency_mismatch"


def test_nothing_breaks_when_a_person_is_erased(world):
    issue, reporter, _ = entrusted(world)
    before = world.bailleur.get(issue.url)
    history = world.bailleur.get(f"{issue.url}/history").items
    first = world.association.post(f"{subject(reporter.url)}/erase").expect(200)
    assert world.association.post(f"{subject(reporter.url)}/erase").expect(200).json == first.json
    assert world.bailleur.get(issue.url).json == before.json
    assert world.bailleur.get(f"{issue.url}/history").items == history
    for client in (world.city, world.association):
        assert client.get(reporter.url).expect(200).json == first.json
        seen = read(client, reporter).expect(200).json
        assert (seen["name"], seen["email"], seen["phone"]) == (None, None, None) and seen["erased_at"]
        listed = {r["pseudonym"]: r for r in client.pages("/v1/reporters", {"status": "erased", "limit": 200})}
        assert listed[name_of(reporter)] == first.json
        assert name_of(reporter) not in {r["pseudonym"] for r in client.pages("/v1/reporters", {"limit": 200})}
    assert world.city.get(f"{subject(reporter.url)}/export").expect(200).json["person"]["name"] is None
    answer = world.city.patch(reporter.url, {"name": "De nouveau"}).expect(409)
    assert answer.problem.code == "frozen"
    kinds = [(e["kind"], e["reason_code"], e["changes"]) for e in world.city.pages(f"{reporter.url}/history")]
    assert kinds[1] == ("reporter.erased", "request", {"members_held": {"before": 3, "after": 0}})
    assert [kind for kind, _, _ in kinds].count("reporter.erased") == 1
    closed(world, issue)


def test_who_does_not_see_a_reporter_does_not_erase_it(world):
    _, reporter, _ = entrusted(world)
    world.association_b.post(f"{subject(reporter.url)}/erase").expect(404)
    for name in OUTSIDERS:
        world.clients[name].post(f"{subject(reporter.url)}/erase").expect(403)
    assert world.city.get(reporter.url).json["held"]


def test_the_register_says_what_is_kept_and_counts_it(world):
    def counts():
        told = world.city.get("/v1/privacy/register").expect(200).json
        assert told["programme_id"] == world.programme
        assert all(activity["retention"] and activity["legal_basis"] for activity in told["activities"])
        return next(a["counts"] for a in told["activities"] if a["code"] == "reporters")

    before = counts()
    _, reporter, _ = entrusted(world)
    assert counts()["held"] == before["held"] + 1
    world.city.post(f"{subject(reporter.url)}/erase").expect(200)
    assert counts() == {**before, "erased": before["erased"] + 1}


# --- retention ------------------------------------------------------------------------------


def months(instant, n):
    year, month = divmod(instant.month - 1 + n, 12)
    return instant.year + year, month + 1


def test_a_person_is_kept_twelve_months_after_the_issue_is_closed_or_three_after_the_answer(world):
    issue, reporter, _ = entrusted(world)
    assert world.city.get(reporter.url).json["retention_until"] is None
    now = datetime.datetime.now(datetime.timezone.utc)
    world.city.patch(reporter.url, {"answered_at": None}).expect(200)
    closed(world, issue)
    until = world.city.get(reporter.url).json["retention_until"]
    assert (int(until[:4]), int(until[5:7])) == months(now, 12)
    world.city.patch(reporter.url, {"answered_at": now.strftime("%Y-%m-%dT%H:%M:%SZ")}).expect(200)
    until = world.city.get(reporter.url).json["retention_until"]
    assert (int(until[:4]), int(until[5:7])) == months(now, 3)


def test_the_answer_that_an_issue_is_owed_is_the_reporters(world):
    debt = owing(world, "bailleur_b")
    issue = world.city.get("/v1/issues/" + world.city.get(debt).json["origin_id"])
    reporter = world.reporter(issue)
    given = world.city.move(debt, "given", comment="Dit en réunion",
                            details={"answer": "C'est réparé.", "channel": "meeting"}).expect(200)
    assert world.city.get(reporter.url).json["answered_at"] == given.json["given_at"]
    event = list(world.city.pages(f"{reporter.url}/history"))[-1]
    assert (event["kind"], event["reason_code"], event["comment"]) == ("reporter.updated", None, None)


def test_an_issue_that_is_reopened_keeps_its_reporter(world, database):
    issue, reporter, _ = entrusted(world)
    with database.cursor() as cursor:
        for status, at in (("resolved", "x"), ("submitted", None)):
            cursor.execute("SELECT set_config('app.moving', %s, false)", [issue.id])
            cursor.execute("UPDATE issue SET status = %s WHERE id = %s", [status, issue.id])
            cursor.execute("SELECT set_config('app.moving', '', false)")
            assert bool(world.city.get(reporter.url).json["retention_until"]) == bool(at)
    assert reopened_rights(world, reporter)["association"] == 200


def test_what_is_past_is_erased_and_what_is_not_stays(world, database):
    past, due, open_ = (entrusted(world) for _ in range(3))
    for issue, reporter, _ in (past, due):
        closed(world, issue)
    with database.cursor() as cursor:
        for (issue, _, _), ago in ((past, "13 months"), (due, "11 months")):
            cursor.execute("UPDATE vault.reporter SET closed_at = now() - %s::interval WHERE issue_id = %s",
                           [ago, issue.id])
    # As gusp tend does each minute.
    done = subprocess.run(["build/gusp", "tend", "--once"], capture_output=True, text=True, check=False,
                          env={**os.environ, "GUSP_DATABASE_URL": environment("GUSP_TEST_DB_URL"), "GUSP_LEDGER_KEY": ""})
    assert done.returncode == 0, done.stderr
    assert [world.city.get(r.url).json["status"] for _, r, _ in (past, due, open_)] == ["erased", "active", "active"]
    event = list(world.city.pages(f"{past[1].url}/history"))[-1]
    assert (event["kind"], event["reason_code"], event["role"]) == ("reporter.erased", "retention", "system")


# --- the database itself ----------------------------------------------------------------------


def as_role(role):
    """A connection of a role of the database."""
    url = urllib.parse.urlsplit(environment("GUSP_TEST_DB_URL"))
    query = {**dict(urllib.parse.parse_qsl(url.query)), "user": role}
    connection = psycopg2.connect(f"postgresql://{url.path}?{urllib.parse.urlencode(query)}")
    connection.autocommit = True
    return connection


@pytest.mark.parametrize("role", ["gusp_member", "gusp_auditor", "gusp_admin", "gusp_auth"])
def test_another_lane_does_not_enter_the_vault(role):
    with as_role(role).cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT pseudonym FROM vault.reporter")


def test_the_lane_of_the_vault_reads_no_person_and_no_row_without_a_caller(world):
    _, reporter, _ = entrusted(world)
    with as_role("gusp_privacy").cursor() as cursor:
        cursor.execute("SELECT count(pseudonym) FROM vault.reporter")
        assert cursor.fetchone() == (0,)
        for column in ("name", "email", "phone", "*"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT {column} FROM vault.reporter")
        with pytest.raises(psycopg2.Error, match="not_found"):
            cursor.execute("SELECT vault.disclose(%s, 'answer', NULL)", [name_of(reporter)])


def test_the_lane_of_the_vault_logs_no_parameter():
    with as_role("gusp_privacy").cursor() as cursor:
        for setting in ("log_parameter_max_length", "log_parameter_max_length_on_error"):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == ("0",)


def test_a_row_that_breaks_a_constraint_is_not_shown_in_the_log(world, server, database):
    """Under row-level security PostgreSQL tells no contents of a row that fails."""
    _, reporter, who = entrusted(world)
    with as_role("gusp_owner").cursor() as cursor:
        with pytest.raises(psycopg2.errors.CheckViolation) as refused:
            cursor.execute("UPDATE vault.reporter SET channel = 'letter' WHERE pseudonym = %s", [name_of(reporter)])
    assert refused.value.diag.message_detail is None
    assert who["email"].encode() not in logs(server)


def test_the_privacy_lane_opens_with_the_first_private_request(another_server, access, database):
    server = another_server(GUSP_WORKERS="1")

    def links():
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gusp-privacy'")
            return cursor.fetchone()[0]

    before = links()
    Client(server.base_url, access["tokens"]["city"], name="city").get("/v1/reporters").expect(200)
    assert links() == before + 1
