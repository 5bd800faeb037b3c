"""The trace: up to why a record exists, down to what came of it, and never
through what the caller does not see."""

import pytest

from world import World, in_days


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def held(w):
    return w.held_meeting(kind="resident_workshop")


def kinds(records):
    return sorted((r["type"], r["depth"]) for r in records)


def traced(client, record):
    return client.get(f"{record.url}/trace").expect(200).json


def test_a_trace_leads_both_ways_from_each_of_its_records(w):
    meeting = held(w)
    said = w.retained(meeting_id=meeting.id)
    issue = w.issue()
    w.city.move(said, "linked", details={"links": [{"type": "issue", "id": issue.id}]}).expect(200)
    photo = w.document(target_type="issue", target_id=issue.id)
    down = traced(w.city, meeting)
    assert down["up"] == []
    assert kinds(down["down"]) == [("contribution", 1), ("document", 3), ("issue", 2)]
    up = traced(w.city, photo)
    assert up["down"] == []
    assert kinds(up["up"]) == [("contribution", 2), ("issue", 1), ("meeting", 3)]
    middle = traced(w.city, issue)
    assert kinds(middle["up"]) == [("contribution", 1), ("meeting", 2)]
    assert kinds(middle["down"]) == [("document", 1)]
    assert {(link["from"], link["to"]) for link in middle["links"]} == {
        (meeting.id, said.id), (said.id, issue.id), (issue.id, photo.id)}
    for record in (*middle["up"], *middle["down"]):
        assert w.city.get(record["href"]).expect(200).json["id"] == record["id"]
    assert middle["truncated"] is False


def test_a_way_ends_at_what_the_caller_does_not_see(w):
    meeting = held(w)
    said = w.retained(meeting_id=meeting.id)
    hidden = w.issue(visibility="confidential")
    w.city.move(said, "linked", details={"links": [{"type": "issue", "id": hidden.id}]}).expect(200)
    photo = w.document(target_type="issue", target_id=hidden.id)
    assert kinds(traced(w.city, said)["down"]) == [("document", 2), ("issue", 1)]
    trace = traced(w.bailleur_b, said)
    assert trace["down"] == [] and kinds(trace["up"]) == [("meeting", 1)]
    assert hidden.id not in str(trace) and photo.id not in str(trace)
    w.bailleur_b.get(f"{hidden.url}/trace").expect(404)


def test_a_link_that_is_taken_back_is_no_longer_traced(w):
    first, second = held(w), held(w)
    said = w.contribution(meeting_id=first.id)
    w.city.patch(said, {"meeting_id": second.id}).expect(200)
    assert traced(w.city, first)["down"] == []
    assert kinds(traced(w.city, second)["down"]) == [("contribution", 1)]


def test_a_duplicate_leads_to_its_master_and_its_proof(w):
    master, twin = w.issue(), w.issue()
    w.city.move(twin, "duplicate", details={"master_id": master.id}).expect(200)
    made = w.city.move(w.city.get(master.url), "qualified").expect(200)
    made = w.city.move(made, "assigned", details={"lead_actor_id": w.actor["bailleur"], "due_on": in_days(9)}).expect(200)
    made = w.bailleur.move(w.bailleur.get(made.url), "accepted").expect(200)
    photo = w.document(by="bailleur", target_type="issue", target_id=master.id)
    made = w.bailleur.move(made, "treated", details={"evidence": [
        {"kind": "photo_after", "document_id": photo.id}]}).expect(200)
    assert made.json["evidence"] == [{"kind": "photo_after", "document_id": photo.id, "sha256": photo.json["sha256"]}]
    assert kinds(traced(w.city, twin)["down"]) == [("document", 2), ("issue", 1)]
    assert {link["relation"] for link in traced(w.city, twin)["links"]} == {"merged_into", "proved_by", "shown_by"}


def test_a_meeting_that_decides_on_an_issue_is_no_origin_of_what_else_was_said_there(w):
    meeting = held(w)
    said = w.retained(meeting_id=meeting.id)
    issue = w.city.move(w.issue(), "qualified").expect(200)
    for _ in range(2):
        issue = w.city.move(w.city.get(issue.url), "assigned", details={
            "lead_actor_id": w.actor["bailleur"], "due_on": in_days(9)}).expect(200)
        issue = w.bailleur.move(w.bailleur.get(issue.url), "qualified", details={
            "decline_reason": "not_my_land"}).expect(200)
    w.decision(meeting, on=issue)
    w.city.move(w.city.get(issue.url), "assigned", details={
        "lead_actor_id": w.actor["bailleur"], "due_on": in_days(9), "meeting_id": meeting.id}).expect(200)
    assert kinds(traced(w.city, issue)["down"]) == [("meeting", 1)]
    assert kinds(traced(w.city, said)["up"]) == [("meeting", 1)]
    assert kinds(traced(w.city, meeting)["up"]) == [("issue", 1)]


def test_a_finding_stands_between_its_sources_and_its_diagnosis(w):
    said = w.retained()
    diagnosis = w.shared_diagnosis()
    finding = w.finding(diagnosis, sources=[{"type": "contribution", "id": said.id},
                                            {"type": "statistic", "text": "Recensement de 2021"}])
    assert kinds(traced(w.city, said)["down"]) == [("diagnosis", 2), ("finding", 1)]
    up = traced(w.city, diagnosis)["up"]
    assert [(r["type"], r["id"]) for r in up] == [("finding", finding.id), ("contribution", said.id)]


def test_a_trace_needs_the_scope_of_the_history_too(contract):
    paths = [(path, item["get"]) for path, item in contract.judged["paths"].items() if path.endswith("/trace")]
    assert len(paths) > 5
    for path, operation in paths:
        [way] = operation["security"]
        assert len(way["oauth2"]) == 2 and "history.read" in way["oauth2"], path
