"""One constat, from the map of a workshop to the verified answer that
residents were given: five institutions, each with its own client."""

import pytest

from world import World, in_days


POINT = {"type": "Point", "coordinates": [5.0972, 43.6401]}


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def test_a_constat_goes_from_the_workshop_to_the_verified_answer(w):
    city, bailleur, association, state, animator = w.city, w.bailleur, w.association, w.institution, w.mandated

    # The city says who keeps what; the animator, by mandate, calls a workshop.
    site = w.site(by="bailleur", tenure="bailleur_private", owner_actor_id=w.actor["bailleur"], kind="outdoor")
    rule = w.rule(match_tenure=None, match_site_id=site.id, lead_actor_id=w.actor["bailleur"], target_days=20, calendar="calendar")
    workshop = animator.post("/v1/meetings", w.meeting_body(
        kind="resident_workshop", quartiers=[w.near], venue_actor_id=w.actor["association"],
        starts_at="2026-03-05T17:00:00Z")).expect(201)
    workshop = animator.move(animator.move(workshop, "called").expect(200), "held").expect(200)

    # The association draws what a resident showed, under a pseudonym.
    said = association.post("/v1/contributions", w.contribution_body(
        meeting_id=workshop.id, contributor_code="CAN-07", geometry=POINT)).expect(201)
    bailleur.get(said.url).expect(404)
    said = animator.move(animator.get(said.url), "retained").expect(200)
    assert "contributor_code" not in w.auditor.get(said.url).expect(200).json

    # It becomes an issue, which the rule gives to the bailleur.
    issue = association.post("/v1/issues", w.issue_body(
        site_id=site.id, geometry=POINT, origin_kind="meeting", origin_meeting_id=workshop.id)).expect(201)
    city.move(city.get(said.url), "linked", details={"links": [{"type": "issue", "id": issue.id}]}).expect(200)
    issue = city.move(city.get(issue.url), "qualified").expect(200)
    proposed = city.get(f"{issue.url}/proposal").expect(200).json
    assert (proposed["rule_id"], proposed["lead_actor_id"], proposed["due_on"]) == (
        rule.id, w.actor["bailleur"], in_days(20))
    issue = city.move(issue, "assigned").expect(200)
    assert issue.json["rule_id"] == rule.id and issue.json["due_on"] == in_days(20)

    # The minutes open two debts of answer: to the drawing, and to the issue.
    workshop = animator.move(animator.get(workshop.url), "minutes_draft").expect(200)
    animator.move(workshop, "minutes_published", details={"answers_due_on": in_days(30)}).expect(200)
    debts = {d["origin_type"]: d for d in association.pages("/v1/answers-due", {"meeting_id": workshop.id})}
    assert {t: d["responsible_actor_id"] for t, d in debts.items()} == {
        "contribution": w.actor["mandated"], "issue": w.actor["bailleur"]}

    # The bailleur does the work and proves it; it cannot judge it.
    issue = bailleur.move(bailleur.get(issue.url), "accepted").expect(200)
    issue = bailleur.move(issue, "planned", details={"planned_on": in_days(7)}).expect(200)
    issue = bailleur.move(issue, "in_progress").expect(200)
    photo = w.document(by="bailleur", target_type="issue", target_id=issue.id)
    issue = bailleur.move(issue, "treated", details={"evidence": [
        {"kind": "photo_after", "document_id": photo.id}]}).expect(200)
    assert bailleur.move(issue, "resolved").expect(403).problem.code == "self_verification"

    # The association contests, the bailleur does it again, the city verifies.
    association.move(association.get(issue.url), "in_progress", comment="La dalle bouge encore.").expect(200)
    issue = bailleur.move(bailleur.get(issue.url), "treated").expect(200)
    issue = city.move(city.get(issue.url), "resolved").expect(200)
    assert (issue.json["status"], issue.json["reopen_count"]) == ("resolved", 1)
    assert issue.json["verifier_actor_id"] == w.actor["city"]

    # Residents are answered: by who did the work, and by who asked them.
    answer = {"answer": "La dalle a été rescellée deux fois, elle tient.", "channel": "in_person"}
    bailleur.move(f"/v1/answers-due/{debts['issue']['id']}", "given", details=answer).expect(200)
    assert w.auditor.get("/v1/answers-due/rate", {"meeting_id": workshop.id}).json["rate"] == 50.0
    association.move(association.get(said.url), "answered", details={
        "answer": {"text": "Votre point noir est traité.", "channel": "relay"}}).expect(200)
    rate = state.get("/v1/answers-due/rate", {"meeting_id": workshop.id}).expect(200).json
    assert (rate["numerator"], rate["denominator"], rate["rate"], rate["overdue"]) == (2, 2, 100.0, 0)

    # From the drawing, one question reaches the proof; from the proof, the workshop.
    down = {r["type"]: r["status"] for r in state.get(f"{said.url}/trace").expect(200).json["down"]}
    assert down == {"issue": "resolved", "document": "active", "answer_due": "given"}
    up = {r["type"] for r in w.auditor.get(f"{photo.url}/trace").expect(200).json["up"]}
    assert up == {"issue", "contribution", "meeting"}

    # And all of it is remembered: who did what, in order.
    told = [(e["kind"], e["role"]) for e in w.auditor.get(f"{issue.url}/history", {"limit": 50}).expect(200).items]
    assert told == [("issue.created", "association"), ("issue.qualified", "city"), ("issue.assigned", "city"),
                    ("issue.accepted", "bailleur"), ("issue.planned", "bailleur"), ("issue.in_progress", "bailleur"),
                    ("issue.treated", "bailleur"), ("issue.in_progress", "association"),
                    ("issue.treated", "bailleur"), ("issue.resolved", "city")]
