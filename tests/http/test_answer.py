"""Answers due: what is owed to residents once minutes are published."""

import pytest

from world import World, in_days

PATH = "/v1/answers-due"
ANSWER = {"answer": "La dalle a été rescellée, le passage est rouvert.", "channel": "meeting"}
OWING = ("walk", "neighbourhood", "resident_workshop")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def held(w, kind="resident_workshop"):
    return w.held_meeting(kind=kind)


def published(w, meeting, days=30):
    made = w.city.move(meeting, "minutes_draft").expect(200)
    return w.city.move(made, "minutes_published", details={"answers_due_on": in_days(days)}).expect(200)


def debts(client, meeting, **params):
    return list(client.pages(PATH, {"meeting_id": meeting.id, "limit": 200, **params}))


def owed(w, client=None, days=30, **more):
    """The one debt of a workshop with one contribution."""
    meeting = held(w)
    w.city.move(w.contribution(meeting_id=meeting.id, **more), "retained").expect(200)
    published(w, meeting, days)
    [debt] = debts(client or w.city, meeting)
    return (client or w.city).get(f"{PATH}/{debt['id']}").expect(200)


@pytest.mark.parametrize("kind", OWING)
def test_publishing_the_minutes_opens_one_debt_for_each_contribution_and_issue(w, kind):
    meeting = held(w, kind)
    said = [w.contribution(meeting_id=meeting.id).id for _ in range(2)]
    seen = w.issue(origin_meeting_id=meeting.id).id
    w.issue(origin_meeting_id=meeting.id, visibility="internal")
    assert debts(w.city, meeting) == []
    made = published(w, meeting, 15)
    found = debts(w.city, meeting)
    assert sorted((d["origin_type"], d["origin_id"]) for d in found) \
        == sorted([("contribution", i) for i in said] + [("issue", seen)])
    assert {(d["status"], d["due_on"], d["late"], d["quartier_id"]) for d in found} \
        == {("open", in_days(15), False, w.near)}
    assert {d["responsible_actor_id"] for d in found} == {w.actor["city"]}
    made = w.city.move(made, "minutes_draft", comment="Une coquille").expect(200)
    w.city.move(made, "minutes_published").expect(200)
    assert len(debts(w.city, meeting)) == 3


def test_a_technical_meeting_owes_residents_nothing(w):
    meeting = held(w, "technical")
    w.contribution(meeting_id=meeting.id)
    published(w, meeting)
    assert debts(w.city, meeting) == []


def test_what_is_told_of_a_meeting_later_is_owed_too(w):
    meeting = held(w)
    published(w, meeting)
    late = w.contribution(meeting_id=meeting.id)
    issue = w.issue(origin_meeting_id=meeting.id)
    assert {d["origin_id"] for d in debts(w.city, meeting)} == {late.id, issue.id}


def test_twelve_contributions_of_which_nine_are_answered_make_75_per_cent(w):
    meeting = held(w)
    said = [w.retained(meeting_id=meeting.id) for _ in range(12)]
    published(w, meeting)
    assert len(debts(w.city, meeting)) == 12
    for contribution in said[:4]:
        w.city.move(contribution, "answered", details={"answer": {"text": ANSWER["answer"], "channel": "relay"}}).expect(200)
    for debt in debts(w.city, meeting, status="open")[:5]:
        w.city.move(w.city.get(f"{PATH}/{debt['id']}"), "given", details=ANSWER).expect(200)
    rate = w.city.get(f"{PATH}/rate", {"meeting_id": meeting.id}).expect(200).json
    assert (rate["numerator"], rate["denominator"], rate["rate"], rate["small_population"]) == (9, 12, 75.0, False)
    assert rate["by_institution"][0]["institution_id"] == w.actor["city"]
    assert rate["by_institution"][0]["rate"] == 75.0
    for debt in debts(w.city, meeting, status="open")[:1]:
        w.city.move(w.city.get(f"{PATH}/{debt['id']}"), "waived", details={"waived_reason": "Déjà répondu l’an passé."}).expect(200)
    rate = w.city.get(f"{PATH}/rate", {"meeting_id": meeting.id}).expect(200).json
    assert (rate["numerator"], rate["denominator"], rate["exclusions"]) == (9, 11, {"waived": 1, "merged": 0})


def test_answering_a_debt_answers_its_contribution_and_the_other_way_round(w):
    debt = owed(w)
    given = w.city.move(debt, "given", details=ANSWER).expect(200)
    assert (given.json["answer"], given.json["channel"]) == (ANSWER["answer"], ANSWER["channel"])
    assert given.json["given_by_actor_id"] == w.actor["city"] and given.json["allowed_transitions"] == []
    said = w.city.get(f"/v1/contributions/{debt.json['origin_id']}").expect(200)
    assert said.json["status"] == "answered" and said.json["answer"]["text"] == ANSWER["answer"]
    debt = owed(w)
    said = w.city.get(f"/v1/contributions/{debt.json['origin_id']}").expect(200)
    w.city.move(said, "answered", comment="Dit sur place",
                details={"answer": {"text": "Oui, en mai.", "channel": "letter"}}).expect(200)
    now = w.city.get(debt.url).expect(200)
    assert (now.json["status"], now.json["answer"], now.json["channel"]) == ("given", "Oui, en mai.", "letter")
    assert [e["comment"] for e in w.city.get(debt.url + "/history").items] == [None, None]


def test_a_contribution_is_sorted_before_it_is_answered(w):
    meeting = held(w)
    w.contribution(meeting_id=meeting.id)
    published(w, meeting)
    [debt] = debts(w.city, meeting)
    answer = w.city.move(w.city.get(f"{PATH}/{debt['id']}"), "given", details=ANSWER).expect(422)
    assert answer.problem.code == "guard_contribution_is_sorted"


def test_who_leads_an_issue_owes_its_answer(w):
    meeting = held(w)
    issue = w.issue(origin_meeting_id=meeting.id)
    published(w, meeting, 3)
    made = w.city.move(issue, "qualified").expect(200)
    made = w.city.move(made, "assigned", details={"lead_actor_id": w.actor["bailleur"], "due_on": in_days(9)}).expect(200)
    [debt] = debts(w.bailleur, meeting, responsible_institution_id=w.actor["bailleur"])
    assert debt["allowed_transitions"] == ["given"]
    assert debts(w.bailleur_b, meeting)[0]["allowed_transitions"] == []
    w.bailleur_b.move(w.bailleur_b.get(f"{PATH}/{debt['id']}"), "given", details=ANSWER).expect(403)
    w.city.move(w.city.get(made.url), "qualified", comment="Trop tard").expect(422)
    back = w.bailleur.move(w.bailleur.get(made.url), "qualified", details={"decline_reason": "not_my_land"}).expect(200)
    assert debts(w.city, meeting)[0]["responsible_actor_id"] == w.actor["city"]
    w.city.move(back, "assigned", details={"lead_actor_id": w.actor["bailleur"], "due_on": in_days(9)}).expect(200)
    given = w.bailleur.move(w.bailleur.get(f"{PATH}/{debt['id']}"), "given", details=ANSWER).expect(200)
    assert given.json["given_by_actor_id"] == w.actor["bailleur"]


def test_a_duplicate_leaves_its_debt_to_its_master(w):
    meeting = held(w)
    first, second = w.issue(origin_meeting_id=meeting.id), w.issue(origin_meeting_id=meeting.id)
    outside, third = w.issue(), w.issue(origin_meeting_id=meeting.id)
    published(w, meeting)
    w.city.move(second, "duplicate", details={"master_id": first.id}).expect(200)
    w.city.move(third, "duplicate", details={"master_id": outside.id}).expect(200)
    found = {d["origin_id"]: d["status"] for d in debts(w.city, meeting)}
    assert found == {first.id: "open", second.id: "merged", outside.id: "open"}


def test_a_merged_contribution_leaves_its_debt_to_the_other(w):
    meeting = held(w)
    first, second = w.contribution(meeting_id=meeting.id), w.contribution(meeting_id=meeting.id)
    published(w, meeting)
    w.city.move(second, "merged", details={"merged_into_id": first.id}).expect(200)
    found = {d["origin_id"]: d["status"] for d in debts(w.city, meeting)}
    assert found == {first.id: "open", second.id: "merged"}


def test_overdue_ones_are_listed_by_responsible_institution(w):
    debt = owed(w, days=-2)
    assert debt.json["late"] is True
    late = [d["id"] for d in w.city.pages(PATH, {"overdue": "true", "responsible_institution_id": w.actor["city"]})]
    assert debt.id in late
    assert debt.id not in [d["id"] for d in w.city.pages(PATH, {"overdue": "false"})]
    assert w.city.get(f"{PATH}/rate", {"meeting_id": debt.json["meeting_id"]}).json["overdue"] == 1
    w.city.move(debt, "given", details=ANSWER).expect(200)
    assert debt.id not in [d["id"] for d in w.city.pages(PATH, {"overdue": "true"})]


@pytest.mark.parametrize("to,details,code", [
    ("given", {"channel": "meeting"}, "guard_answer_required"),
    ("given", {"answer": "Oui."}, "guard_channel_required"),
    ("given", {"answer": "Voir avec dupont@example.org", "channel": "meeting"}, "personal_data_suspected"),
    ("given", {**ANSWER, "given_at": "2999-01-01T00:00:00Z"}, "occurred_in_the_future"),
    ("waived", {}, "guard_waived_reason_required"),
])
def test_a_step_without_what_it_needs_changes_nothing(w, to, details, code):
    debt = owed(w)
    assert w.city.move(debt, to, details=details).expect(422).problem.code == code
    assert w.city.get(debt.url).etag == debt.etag


def test_merged_is_no_step_of_a_caller(w):
    assert w.city.move(owed(w), "merged").expect(403).problem.code == "transition_forbidden"


@pytest.mark.parametrize("role,status", [
    ("city", 200), ("mandated", 200), ("bailleur", 403), ("association", 403), ("institution", 403),
    ("facilitator", 403), ("auditor", 403), ("admin", 403)])
def test_who_answers_for_the_city(w, role, status):
    debt = owed(w)
    w.clients[role].move(debt.url, "given", if_match="*", details=ANSWER).expect(status)
    assert w.city.get(debt.url).json["status"] == ("given" if status == 200 else "open")


@pytest.mark.parametrize("role", ["mandated", "bailleur", "association", "institution"])
def test_only_the_city_waives(w, role):
    debt = owed(w)
    w.clients[role].move(debt.url, "waived", if_match="*", details={"waived_reason": "Sans objet."}).expect(403)


def test_nobody_counts_what_it_does_not_see(w):
    """A contribution that is not sorted yet, a confidential issue, another
    quartier: neither listed nor in the rate."""
    meeting = held(w)
    w.contribution(meeting_id=meeting.id)
    w.issue(origin_meeting_id=meeting.id, visibility="confidential")
    shown = w.issue(origin_meeting_id=meeting.id)
    published(w, meeting)
    assert [d["origin_id"] for d in debts(w.bailleur, meeting)] == [shown.id]
    assert w.bailleur.get(f"{PATH}/rate", {"meeting_id": meeting.id}).json["denominator"] == 1
    assert w.city.get(f"{PATH}/rate", {"meeting_id": meeting.id}).json["denominator"] == 3
    hidden = [d for d in debts(w.city, meeting) if d["origin_id"] != shown.id]
    for debt in hidden:
        for path in ("", "/history", "/trace"):
            w.bailleur.get(f"{PATH}/{debt['id']}{path}").expect(404)
    w.city.patch(w.city.get(shown.url), {"visibility": "confidential"}).expect(200)
    assert debts(w.bailleur, meeting) == []
