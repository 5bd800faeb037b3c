"""Comments: what institutions say of an issue, to whom they say it."""

import uuid

import pytest

from world import unique

PHONE = "Appeler le 06 39 98 00 01"
EVERYONE = ("city", "bailleur", "bailleur_b", "association", "association_b", "institution", "facilitator",
            "mandated", "auditor")


@pytest.fixture(scope="module")
def issue(world):
    return world.issue(by="association")


def said(client, issue):
    return {c["id"]: c for c in client.pages(f"/v1/issues/{issue.id}/comments")}


def test_a_comment_is_for_partners_unless_told(world, issue):
    made = world.comment(issue, by="bailleur")
    assert made.json["visibility"] == "partners" and made.json["status"] == "active"
    assert made.json["institution_id"] == world.actor["bailleur"] and made.json["target"] == {"type": "issue", "id": issue.id}
    for name in EVERYONE:
        assert world.clients[name].get(made.url).expect(200).json["text"] == made.json["text"]
        assert made.id in said(world.clients[name], issue)


@pytest.mark.parametrize("by", ["city", "bailleur", "association", "institution", "facilitator"])
def test_an_internal_comment_is_its_institutions_alone(world, issue, by):
    made = world.comment(issue, by=by, visibility="internal")
    for name in EVERYONE:
        world.clients[name].get(made.url).expect(200 if name == by else 404)
        assert (made.id in said(world.clients[name], issue)) == (name == by)


def test_the_control_service_of_an_institution_does_not_read_what_is_internal(world, issue):
    world.join("auditor", "own_control", actor=world.service("bailleur").id)
    made = world.comment(issue, by="bailleur", visibility="internal")
    world.own_control.get(made.url).expect(404)
    assert made.id not in said(world.own_control, issue)


def test_a_service_reads_what_its_institution_notes(world, issue):
    world.join("bailleur", "agency", actor=world.service("bailleur").id, quartiers=[world.near])
    made = world.comment(issue, by="agency", visibility="internal")
    world.bailleur.patch(made.url, {"text": unique("Complété")}).expect(200)
    world.bailleur_b.get(made.url).expect(404)


def test_comments_are_seen_by_those_who_see_the_issue(world):
    hidden = world.issue(visibility="confidential")
    made = world.comment(hidden)
    world.auditor.get(made.url).expect(200)
    for name in ("bailleur", "association", "institution", "mandated"):
        world.clients[name].get(made.url).expect(404)
        world.clients[name].get(f"{hidden.url}/comments").expect(404)
        world.clients[name].post(f"{hidden.url}/comments", world.comment_body()).expect(404)
    world.city.patch(hidden, {"visibility": "partners"}).expect(200)
    world.bailleur.get(made.url).expect(200)
    world.city.patch(hidden.url, {"visibility": "confidential"}).expect(200)
    world.bailleur.get(made.url).expect(404)


def test_only_its_institution_changes_or_redacts_a_comment(world, issue):
    made = world.comment(issue, by="bailleur")
    for name in ("city", "bailleur_b", "association", "institution", "mandated"):
        answer = world.clients[name].patch(made.url, {"text": "Autre"}).expect(403)
        assert answer.problem.code == "forbidden"
        assert world.clients[name].move(made.url, "redacted").expect(403).problem.code == "transition_forbidden"
        assert world.clients[name].get(made.url).json["allowed_transitions"] == []
    changed = world.bailleur.patch(made, {"text": "Précisé", "visibility": "internal"}).expect(200)
    assert changed.json["version"] == 2
    world.city.get(made.url).expect(404)


def test_what_is_redacted_is_gone_for_good(world, issue, database):
    made = world.comment(issue, by="bailleur", text="Un mot de trop xyzzyx")
    gone = world.bailleur.move(made, "redacted").expect(200)
    assert gone.json["text"] is None and gone.json["redacted_at"] and gone.json["allowed_transitions"] == []
    assert world.city.get(made.url).json["text"] is None
    assert world.bailleur.patch(gone, {"text": "De nouveau"}).expect(409).problem.code == "frozen"
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event WHERE subject_id = %s AND changes::text LIKE '%%xyzzyx%%'", [made.id])
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM event WHERE subject_id = %s", [made.id])
        assert cursor.fetchone() == (2,)


def test_a_comment_that_names_someone_is_refused_unless_acknowledged(world, issue):
    answer = world.bailleur.post(f"{issue.url}/comments", {"text": PHONE}).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/text"]
    made = world.comment(issue, by="bailleur", text=PHONE, visibility="public", acknowledge_personal_data=True)
    assert made.json["visibility"] == "internal"
    world.city.get(made.url).expect(404)
    assert world.bailleur.patch(made, {"visibility": "partners"}).expect(422).problem.code == "personal_data_stays_internal"
    clean = {"text": "Sans nom", "acknowledge_personal_data": False, "visibility": "partners"}
    world.bailleur.patch(made, clean).expect(200)


def test_a_reply_answers_a_comment_on_the_same_issue(world, issue):
    first = world.comment(issue, by="bailleur")
    assert world.comment(issue, reply_to_id=first.id).json["reply_to_id"] == first.id
    elsewhere = world.comment(world.issue())
    hidden = world.comment(issue, by="bailleur", visibility="internal")
    for other in (elsewhere.id, hidden.id, str(uuid.uuid4())):
        answer = world.city.post(f"{issue.url}/comments", world.comment_body(reply_to_id=other)).expect(422)
        assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/reply_to_id"]


def test_a_reply_to_what_is_internal_is_internal_too(world, issue):
    first = world.comment(issue, by="bailleur", visibility="internal")
    answer = world.bailleur.post(f"{issue.url}/comments", world.comment_body(reply_to_id=first.id)).expect(422)
    assert answer.problem.code == "reply_to_internal"
    reply = world.comment(issue, by="bailleur", reply_to_id=first.id, visibility="internal")
    assert world.bailleur.patch(reply, {"visibility": "partners"}).expect(422).problem.code == "reply_to_internal"


def test_comments_come_oldest_first_page_after_page(world):
    target = world.issue()
    made = [world.comment(target).id for _ in range(5)]
    assert [c["id"] for c in world.city.pages(target.url + "/comments", {"limit": 2})] == made


def test_a_stale_change_of_a_comment_is_refused(world, issue):
    made = world.comment(issue)
    world.city.patch(made, {"text": "Un"}).expect(200)
    world.city.patch(made, {"text": "Deux"}).expect(412)
