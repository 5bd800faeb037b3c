"""What a hostile review found: each of these was possible."""

import uuid

import pytest

from test_command import refused
from world import World, in_days, unique

EVIDENCE = {"kind": "photo_after", "external_ref": "IMG-0042"}


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def qualified(w, **more):
    return w.city.move(w.issue(**more), "qualified").expect(200)


def assign(w, issue, lead, due=5, **details):
    return w.city.move(issue.url, "assigned", if_match="*", details={
        "lead_actor_id": w.actor[lead], "due_on": in_days(due), **details})


def declined(w, issue, lead, **details):
    made = assign(w, issue, lead, **details).expect(200)
    return w.clients[lead].move(made, "qualified", details={"decline_reason": "not_my_land"}).expect(200)


# --- what is archived ----------------------------------------------------------------------


def test_an_archived_document_does_not_hold_its_issue_where_it_is(w):
    issue = w.issue(by="association")
    photo = w.document(by="association", target_type="issue", target_id=issue.id)
    w.association.move(photo, "archived").expect(200)
    made = assign(w, w.city.move(issue, "qualified").expect(200), "bailleur").expect(200)
    w.city.patch(made, {"visibility": "confidential"}).expect(200)
    w.association_b.get(photo.url).expect(404)
    assert w.association.patch(photo.url, {"title": unique()}, if_match="*").expect(409).problem.code == "frozen"


def test_an_archived_document_does_not_hold_its_meeting_where_it_is(w):
    meeting = w.meeting(quartiers=[w.far])
    photo = w.document(by="institution", target_type="meeting", target_id=meeting.id)
    w.institution.move(photo, "archived").expect(200)
    w.invitation(meeting, of="bailleur")
    w.bailleur.get(photo.url).expect(200)


# --- in whose name ------------------------------------------------------------------------------


def test_the_city_does_not_decline_for_a_lead(w):
    made = assign(w, qualified(w), "bailleur", due=-1).expect(200)
    back = w.city.move(made, "qualified", comment="Sans réponse", details={
        "decline_reason": "not_my_land", "suggested_actor_id": w.actor["institution"]}).expect(200)
    assert (back.json["decline_reason"], back.json["suggested_actor_id"], back.json["bounce_count"]) == (None, None, 0)
    [asked] = w.city.get(made.url + "/assignments").items
    assert (asked["answer"], asked["decline_reason"], asked["suggested_actor_id"]) == ("unanswered", None, None)


def test_a_decision_from_before_the_refusals_arbitrates_nothing(w):
    issue, first = qualified(w), w.held_meeting()
    w.decision(first, on=issue)
    issue = declined(w, issue, "institution", meeting_id=first.id)
    issue = declined(w, issue, "bailleur_wide")
    assert assign(w, issue, "bailleur").expect(422).problem.code == "guard_third_assignment_is_decided"
    answer = assign(w, issue, "bailleur", meeting_id=first.id).expect(422)
    assert answer.problem.code == "guard_third_assignment_is_decided"
    second = w.held_meeting()
    w.decision(second, on=issue)
    issue = declined(w, issue, "bailleur", meeting_id=second.id)
    # Nor do two meetings in turn, without end.
    answer = assign(w, issue, "institution", meeting_id=first.id).expect(422)
    assert answer.problem.code == "guard_third_assignment_is_decided"


def test_the_city_does_not_say_for_others_that_they_were_there(w):
    made = assign(w, qualified(w), "city").expect(200)
    made = w.city.move(made, "accepted").expect(200)
    made = w.city.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)
    held = w.held_meeting()
    w.decision(held, on=made)
    line = w.attendance(held, of="bailleur", by="city")
    w.published_meeting(held)
    answer = w.city.move(made.url, "resolved", if_match="*", details={"meeting_id": held.id}).expect(403)
    assert answer.problem.code == "self_verification"
    w.bailleur.patch(line, {"present_count": 1}).expect(200)
    w.city.move(made.url, "resolved", if_match="*", details={"meeting_id": held.id}).expect(200)


def test_what_was_merged_twice_is_owed_where_it_can_be_answered(w):
    meeting = w.held_meeting(kind="walk")
    first, second, third = w.contribution(meeting_id=meeting.id), w.contribution(), w.retained()
    w.city.move(first, "merged", details={"merged_into_id": second.id}).expect(200)
    w.city.move(second, "merged", details={"merged_into_id": third.id}).expect(200)
    one, two, three = w.issue(origin_meeting_id=meeting.id), w.issue(), w.issue()
    w.city.move(one, "duplicate", details={"master_id": two.id}).expect(200)
    w.city.move(two.url, "duplicate", if_match="*", details={"master_id": three.id}).expect(200)
    w.published_meeting(meeting)
    debts = list(w.city.pages("/v1/answers-due", {"meeting_id": meeting.id}))
    assert {d["origin_id"] for d in debts} == {third.id, three.id}
    for debt in debts:
        w.city.move(w.city.get(f"/v1/answers-due/{debt['id']}"), "given",
                    details={"answer": "Réparé en mai.", "channel": "relay"}).expect(200)


# --- what is told -----------------------------------------------------------------------------------


def test_the_cause_of_a_pause_is_in_no_event_that_an_association_reads(w):
    made = w.bailleur.move(assign(w, qualified(w), "bailleur").expect(200), "accepted").expect(200)
    made = w.bailleur.move(made, "on_hold", reason_code="procurement", details={"review_on": in_days(9)}).expect(200)
    for name, shown in (("city", True), ("bailleur_b", True), ("auditor", True), ("association", False)):
        last = list(w.clients[name].pages(made.url + "/history"))[-1]
        assert (last["reason_code"] == "procurement") == shown, name
        assert ("procurement" in str(last)) == shown, name
    # Other reasons are told to all.
    ended = w.city.move(w.issue(), "no_action", reason_code="out_of_scope", details={"public_explanation": "Hors du quartier"}).expect(200)
    assert list(w.association.pages(ended.url + "/history"))[-1]["reason_code"] == "out_of_scope"


def test_what_is_said_of_a_duplicate_is_not_said_of_its_master(w):
    master, hidden = w.issue(), w.issue(visibility="confidential")
    w.city.move(hidden, "duplicate", comment="Vu avec la police", details={"master_id": master.id}).expect(200)
    assert w.city.get(master.url).json["supporters_count"] == 1
    assert [e["comment"] for e in w.association.pages(master.url + "/history")] == [None, None]
    assert list(w.city.pages(hidden.url + "/history"))[-1]["comment"] == "Vu avec la police"


def test_the_control_service_of_an_institution_reads_no_internal_document_nor_past(w):
    w.join("auditor", "own_control", actor=w.service("bailleur").id)
    photo = w.document(by="bailleur", visibility="internal")
    w.own_control.get(photo.url).expect(404)
    w.own_control.get(photo.url + "/content").expect(404)
    secret = unique("Secret")
    issue = w.issue(by="bailleur", visibility="internal", description=secret)
    changed = w.bailleur.patch(issue, {"description": "Rien"}).expect(200)
    w.bailleur.patch(changed, {"visibility": "partners"}).expect(200)
    w.own_control.get(issue.url).expect(200)
    assert secret not in str(list(w.own_control.pages(issue.url + "/history")))
    assert secret in str(list(w.bailleur.pages(issue.url + "/history")))


def test_a_redacted_comment_is_in_no_kept_answer(w):
    issue, key, body = w.issue(), str(uuid.uuid4()), {"text": unique("Mots")}
    made = w.association.post(issue.url + "/comments", body, key=key).expect(201)
    assert w.association.post(issue.url + "/comments", body, key=key).expect(201).json == made.json
    w.association.move(made, "redacted").expect(200)
    again = w.association.post(issue.url + "/comments", body, key=key).expect(422)
    assert again.problem.code == "idempotency_mismatch" and body["text"] not in again.text


# --- what one client costs ---------------------------------------------------------------------------


def ring(n, size):
    """A polygon of n points in a box of so many degrees."""
    half = n // 2
    low = [[5.0 + size * i / half, 43.6] for i in range(half)]
    high = [[5.0 + size * (half - 1 - i) / half, 43.6 + size] for i in range(half)]
    return {"type": "Polygon", "coordinates": [[*low, *high, low[0]]]}


@pytest.mark.parametrize("path,body", [("/v1/issues", "issue_body"), ("/v1/contributions", "contribution_body")])
def test_a_shape_has_as_many_points_as_a_hand_draws(w, path, body):
    w.city.post(path, getattr(w, body)(geometry=ring(900, 0.01))).expect(201)
    answer = w.city.post(path, getattr(w, body)(geometry=ring(2000, 0.01))).expect(422)
    assert answer.problem.code == "bad_geometry" and answer.problem.pointers == ["/geometry"]


def test_what_lies_in_a_large_shape_is_not_similar_to_it(w):
    at = w.issue(geometry={"type": "Point", "coordinates": [5.005, 43.605]}, category="cleanliness")
    small, large = (w.issue(geometry=ring(10, size)) for size in (0.01, 0.1))
    assert at.id in {i["id"] for i in w.city.pages(small.url + "/similar")}
    assert at.id not in {i["id"] for i in w.city.pages(large.url + "/similar")}


# --- keys ----------------------------------------------------------------------------------------------


def test_a_kid_may_begin_as_an_option_does():
    """One of sixty-four does; that one is not taken for a word misused."""
    for said in refused("key", "activate", "-" + "a" * 42):
        assert "gusp key list" in said
