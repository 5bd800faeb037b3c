"""Commitments: what is promised stays promised, costs and notes stay with
those whom they are for, dates move only by revisions."""

import json
import threading

import pytest

from world import World, in_days, mark, unique

READERS = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "association_b", "institution",
           "facilitator", "mandated", "auditor")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def refused(answer, status, code):
    assert answer.expect(status).problem.code == code, answer
    return answer.problem


def listed(client, **params):
    return {c["id"]: c for c in client.pages("/v1/commitments", {"limit": 100, **params})}


def events(client, url):
    return list(client.pages(url + "/history", {"limit": 100}))


# --- drafts ---------------------------------------------------------------------------


def test_a_draft_is_seen_by_its_author_and_by_whom_it_asks(w):
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    for name in READERS:
        client, sees = w.clients[name], name in ("city", "bailleur")
        client.get(made.url).expect(200 if sees else 404)
        client.get(made.url + "/history").expect(200 if sees else 404)
        client.get(made.url + "/evidence").expect(200 if sees else 404)
        assert (made.id in listed(client)) == sees, name
        assert (made.id in listed(client, status="draft", q=made.json["title"].split()[1])) == sees, name


def test_a_bailleurs_own_draft_is_not_the_citys(w):
    made = w.commitment("bailleur")
    w.city.get(made.url).expect(404)
    refused(w.city.move(made, "proposed"), 404, "not_found")
    assert w.bailleur.get(made.url).json["allowed_transitions"] == ["proposed"]


def test_an_auditor_of_the_authors_institution_sees_no_draft_and_no_note(w):
    w.join("auditor", "control", actor=w.actor["institution"])
    made = w.commitment("institution")
    w.institution.patch(made.url + "/note", {"internal_note": "À relire."}, if_match="*").expect(200)
    w.control.get(made.url).expect(404)
    assert made.id not in listed(w.control)
    w.institution.move(made, "proposed").expect(200)
    read = w.control.get(made.url).expect(200)
    assert "internal_note" not in read.json
    assert [e["kind"] for e in events(w.control, made.url)] == ["commitment.proposed", "commitment_cost.updated"]
    w.control.get(made.url + "/note").expect(403)


def test_only_the_city_and_mandated_facilitators_draft_for_another(w):
    body = w.commitment_body(owner_actor_id=w.actor["bailleur_b"])
    for name, status in (("city", 201), ("mandated", 201), ("facilitator", 403), ("bailleur", 403),
                         ("association", 403), ("institution", 403)):
        w.clients[name].post("/v1/commitments", body).expect(status)


def test_a_draft_is_changed_by_its_author_not_by_whom_it_asks(w):
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    refused(w.bailleur.patch(made, {"title": "Autre"}), 403, "forbidden")
    refused(w.bailleur.patch(made.url + "/cost", {"planned_cents": 1}, if_match="*"), 403, "forbidden")
    changed = w.city.patch(made, {"owner_actor_id": w.actor["bailleur_b"], "theme": None}).expect(200)
    assert changed.json["owner_institution_id"] == w.actor["bailleur_b"]
    w.bailleur.get(made.url).expect(404)
    w.bailleur_b.get(made.url).expect(200)
    assert w.bailleur_b.get(made.url).json["cost"]["planned_cents"] is None


def test_a_proposal_is_its_owners_and_the_citys_to_change_and_its_owner_stays(w):
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    w.city.move(made, "proposed").expect(200)
    w.bailleur.patch(made.url, {"due_on": in_days(45)}).expect(200)
    w.city.patch(made.url, {"title": "Mieux dit"}).expect(200)
    refused(w.bailleur_b.patch(made.url, {"title": "Autre"}), 403, "forbidden")
    assert refused(w.city.patch(made.url, {"owner_actor_id": w.actor["bailleur_b"]}), 422, "immutable_field").pointers \
        == ["/owner_actor_id"]
    service = w.service("bailleur").id
    w.bailleur.patch(made.url, {"owner_actor_id": service}).expect(200)


def test_a_proposal_says_what_when_and_where(w):
    for missing in ("deliverable", "due_on", "quartiers"):
        body = w.commitment_body()
        del body[missing]
        made = w.make("/v1/commitments", body, "bailleur")
        refused(w.bailleur.move(made, "proposed"), 422, "guard_promise_is_whole")


def test_nobody_is_asked_who_cannot_accept(w):
    made = w.commitment("city", owner_actor_id=w.service("auditor").id)
    refused(w.city.move(made, "proposed"), 422, "guard_owner_is_member")


@pytest.mark.parametrize("name", [n for n in READERS if n not in ("bailleur", "auditor", "association_b")])
def test_nobody_accepts_for_another(w, name):
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    w.city.move(made, "proposed").expect(200)
    w.clients[name].move(made.url, "accepted").expect(403)
    assert w.bailleur.get(made.url).json["status"] == "proposed"


def test_a_refusal_has_a_reason_that_partners_read(w):
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    w.city.move(made, "proposed").expect(200)
    refused(w.bailleur.move(made.url, "declined"), 422, "guard_decline_reason_required")
    w.bailleur.move(made.url, "declined", details={"decline_reason": "Hors patrimoine."}).expect(200)
    assert w.bailleur_b.get(made.url).json["decline_reason"] == "Hors patrimoine."
    assert "decline_reason" not in w.association.get(made.url).json
    assert "Hors patrimoine" not in w.association.get(made.url + "/history").text


# --- what was promised ------------------------------------------------------------------


FROZEN = {"title": "Autre", "deliverable": "Moins", "due_on": in_days(99), "theme": "housing", "sites": [],
          "quartiers": [], "co_owners": [], "expected_result": "Peu", "beneficiaries": "Personne",
          "visibility": "public", "origin": []}


def test_once_accepted_nothing_of_the_promise_changes(w):
    made = w.accepted(sites=[w.site().id], co_owners=[w.actor["association"]], expected_result="Beaucoup",
                      beneficiaries="Les habitants", origin=[{"type": "issue", "id": w.issue().id}])
    for field, value in FROZEN.items():
        assert refused(w.bailleur.patch(made.url, {field: value}), 409, "commitment_frozen").pointers == ["/" + field]
    refused(w.bailleur.patch(made.url, {"owner_actor_id": w.service("bailleur").id}), 409, "commitment_frozen")
    refused(w.city.patch(made.url, {"title": "Autre"}), 403, "forbidden")
    same = w.bailleur.patch(made.url, {"title": made.json["title"]}).expect(200)
    assert same.json == made.json


def test_the_owner_tells_how_it_goes_on(w):
    made = w.accepted()
    told = {"progress": 40, "public_note": "Les massifs sont coulés.", "partner_note": "Livraison mardi.",
            "executants": [w.actor["association"]]}
    answer = w.bailleur.patch(made, told).expect(200)
    assert {k: answer.json[k] for k in told} == told
    for name in ("city", "bailleur_b", "association", "institution", "mandated"):
        refused(w.clients[name].patch(made.url, {"progress": 80}), 403, "forbidden")


def test_who_once_worked_on_it_is_not_forgotten_before_the_verification(w):
    made = w.accepted(executants=[w.actor["association"]])
    assert refused(w.bailleur.patch(made, {"executants": []}), 409, "commitment_frozen").pointers == ["/executants"]
    w.bailleur.patch(made, {"executants": [w.actor["association"], w.actor["association_b"]]}).expect(200)


def test_after_the_claim_who_did_the_work_is_fixed(w):
    made = w.claimed(executants=[w.actor["association"]])
    assert refused(w.bailleur.patch(made, {"executants": []}), 409, "commitment_frozen").pointers == ["/executants"]


def test_a_correction_is_recorded_with_its_reason(w):
    made, title = w.accepted(), unique("Juste")
    body = {"title": title, "reason": "Nom de l'allée oublié"}
    for name in ("city", "bailleur_b", "association", "institution"):
        refused(w.clients[name].post(made.url + "/corrections", body, if_match="*"), 403, "forbidden")
    stale = made.etag
    answer = w.bailleur.post(made.url + "/corrections", body, if_match=stale).expect(200)
    assert (answer.json["title"], answer.json["corrections_count"]) == (title, 1)
    refused(w.bailleur.post(made.url + "/corrections", body, if_match=stale), 412, "precondition_failed")
    for name in ("association", "auditor", "bailleur_b"):
        last = events(w.clients[name], made.url)[-1]
        assert last["comment"] == body["reason"]
        assert last["changes"]["title"] == {"before": made.json["title"], "after": title}
    assert w.bailleur.get("/v1/commitments", {"q": title}).items[0]["id"] == made.id


def test_a_correction_is_of_what_was_accepted(w):
    made = w.commitment("bailleur")
    refused(w.bailleur.post(made.url + "/corrections", {"title": "Autre", "reason": "Essai"}, if_match="*"),
            409, "commitment_not_open")
    other = w.accepted()
    w.bailleur.post(other.url + "/corrections", {"due_on": in_days(9), "reason": "Essai"}, if_match="*").expect(422)
    w.bailleur.post(other.url + "/corrections", {"owner_actor_id": w.actor["city"], "reason": "Essai"},
                    if_match="*").expect(422)


# --- dates --------------------------------------------------------------------------------


def test_two_revisions_show_the_first_date_the_present_one_and_the_slippage(w):
    made = w.accepted(due_on=in_days(30))
    for n, (days, reason) in enumerate(((45, "weather"), (75, "procurement")), 1):
        asked = w.revision(made, to_on=in_days(days), reason_code=reason)
        assert w.bailleur.get(made.url).json["due_on"] == in_days(30 if n == 1 else 45)
        refused(w.bailleur.move(asked, "accepted"), 403, "transition_forbidden")
        refused(w.city.move(asked, "accepted"), 422, "guard_comment_required")
        w.city.move(asked, "accepted", comment="Accordé.").expect(200)
    for name in READERS:
        shown = w.clients[name].get(made.url).expect(200).json
        assert (shown["initial_due_on"], shown["due_on"], shown["slippage_days"], shown["late"]) \
            == (in_days(30), in_days(75), 45, False), name
        said = w.clients[name].get(made.url + "/revisions").expect(200).items
        assert [(r["from_on"], r["to_on"], r["reason_code"], r["status"], r["requested_by"], r["decided_by"])
                for r in said] == [
            (in_days(30), in_days(45), "weather", "accepted", w.actor["bailleur"], w.actor["city"]),
            (in_days(45), in_days(75), "procurement", "accepted", w.actor["bailleur"], w.actor["city"])], name
        moved = [(e["institution_id"], e["changes"]["due_on"]) for e in events(w.clients[name], made.url)
                 if e["kind"] == "commitment.updated" and "due_on" in e["changes"]]
        assert moved == [(w.actor["city"], {"before": in_days(30), "after": in_days(45)}),
                         (w.actor["city"], {"before": in_days(45), "after": in_days(75)})], name
        asked = [e["institution_id"] for e in events(w.clients[name], made.url) if e["kind"] == "revision.created"]
        assert asked == [w.actor["bailleur"]] * 2, name


def test_a_refused_or_withdrawn_revision_moves_nothing(w):
    made = w.accepted()
    w.city.move(w.revision(made), "refused", comment="Pas de motif.").expect(200)
    w.bailleur.move(w.revision(made), "withdrawn").expect(200)
    assert w.bailleur.get(made.url).json["due_on"] == made.json["due_on"]
    decided = w.bailleur.get(made.url + "/revisions").items[0]
    assert decided["decision_comment"] == "Pas de motif."
    refused(w.city.move(f"/v1/revisions/{decided['id']}", "accepted", comment="Si."), 409, "transition_illegal")


def test_one_revision_at_a_time_asked_by_the_owner_with_a_day(w):
    made = w.accepted()
    for name in ("city", "bailleur_b", "association", "institution"):
        refused(w.clients[name].post(made.url + "/revisions", w.revision_body()), 403, "forbidden")
    for body, code in ((w.revision_body(to_on=None), "revision_names_a_day"),
                       (w.revision_body(kind="abandonment"), "revision_names_a_day"),
                       (w.revision_body(to_on=made.json["due_on"]), "revision_moves_the_day"),
                       (w.revision_body(reason="Appelez le 06 12 34 56 78"), "personal_data_suspected")):
        refused(w.bailleur.post(made.url + "/revisions", body), 422, code)
    w.revision(made)
    refused(w.bailleur.post(made.url + "/revisions", w.revision_body()), 409, "already_exists")


def test_no_date_moves_of_what_is_not_to_be_kept(w):
    draft, done = w.commitment("bailleur"), w.accepted()
    refused(w.bailleur.post(draft.url + "/revisions", w.revision_body()), 409, "commitment_not_open")
    asked = w.revision(done)
    w.evidence(done)
    w.bailleur.move(done.url, "claimed", details={"obtained_result": "Posé."}).expect(200)
    refused(w.city.move(asked, "accepted", comment="Accordé."), 422, "guard_commitment_is_due")


def test_the_first_date_never_changes_whoever_asks(w, database):
    made = w.accepted()
    with database.cursor() as cursor:
        with pytest.raises(Exception, match="immutable_field"):
            cursor.execute("UPDATE gusp.commitment SET initial_due_on = '2030-01-01' WHERE id = %s", [made.id])
        with pytest.raises(Exception, match="commitment_frozen"):
            cursor.execute("UPDATE gusp.commitment SET due_on = '2030-01-01' WHERE id = %s", [made.id])


def test_late_is_computed_from_the_date_of_today_s_due(w):
    made = w.accepted(due_on=in_days(-1))
    assert made.json["late"]
    w.city.move(w.revision(made, to_on=in_days(5)), "accepted", comment="Accordé.").expect(200)
    assert not w.city.get(made.url).json["late"]
    proposed = w.commitment("bailleur", due_on=in_days(-3))
    assert not w.bailleur.move(proposed, "proposed").json["late"]
    done = w.claimed(due_on=in_days(-3))
    assert not done.json["late"]


# --- verification ---------------------------------------------------------------------------


def test_a_claim_needs_evidence_that_was_not_withdrawn(w):
    made, claim = w.accepted(), {"obtained_result": "Posé."}
    refused(w.bailleur.move(made, "claimed"), 422, "guard_obtained_result_required")
    refused(w.bailleur.move(made, "claimed", details=claim), 422, "guard_evidence_on_file")
    filed = w.evidence(made)
    w.bailleur.move(filed, "withdrawn", comment="Autre lieu").expect(200)
    refused(w.bailleur.move(made.url, "claimed", details=claim), 422, "guard_evidence_on_file")
    w.evidence(made)
    assert w.bailleur.move(made.url, "claimed", details=claim).expect(200).json["claimed_on"] == in_days(0)


def test_the_digest_of_a_document_is_kept_with_the_evidence(w):
    made, photo = w.accepted(), w.document(by="bailleur")
    filed = w.evidence(made, kind="photo_after", document_id=photo.id, external_ref=None)
    assert filed.json["sha256"] == photo.json["sha256"]
    hidden = w.document(by="bailleur_b", visibility="internal")
    problem = refused(w.bailleur.post(made.url + "/evidence", w.evidence_body(document_id=hidden.id)),
                      422, "unknown_reference")
    assert problem.pointers == ["/document_id"]
    refused(w.bailleur.post(made.url + "/evidence", {"kind": "count"}), 422, "evidence_shows_something")
    refused(w.bailleur_b.post(made.url + "/evidence", w.evidence_body()), 403, "forbidden")


def test_what_the_abatement_pays_for_is_claimed_with_its_cost(w):
    made = w.accepted(cost={"planned_cents": 100, "tfpb_eligible": True, "tfpb_axis": 3, "tfpb_year": 2026})
    w.evidence(made)
    refused(w.bailleur.move(made.url, "claimed", details={"obtained_result": "Posé."}), 422, "guard_actual_cost_known")
    w.bailleur.patch(made.url + "/cost", {"actual_cents": 90}).expect(200)
    w.bailleur.move(made.url, "claimed", details={"obtained_result": "Posé."}).expect(200)
    refused(w.bailleur.post("/v1/commitments", w.commitment_body(cost={"tfpb_eligible": True})),
            422, "tfpb_names_its_axis")


def test_the_city_does_not_verify_its_technical_service_and_the_state_does(w):
    service = w.service("city", kind="city_service").id
    made = w.commitment("city", owner_actor_id=service)
    for to in ("proposed", "accepted"):
        w.city.move(made.url, to).expect(200)
    w.evidence(made, by="city")
    w.city.move(made.url, "claimed", details={"obtained_result": "Posé."}).expect(200)
    refused(w.city.move(made.url, "verified", details={"outcome": "full"}), 403, "self_verification")
    done = w.institution.move(made.url, "verified", details={"outcome": "full"}).expect(200).json
    assert (done["verifier_institution_id"], done["outcome"], done["verified_on"]) \
        == (w.actor["institution"], "full", in_days(0))


def test_the_database_itself_knows_no_self_verification(w, database):
    made = w.claimed()
    with database.cursor() as cursor:
        with pytest.raises(Exception, match="self_verification"):
            cursor.execute(
                "SELECT set_config('app.moving', %s, false); UPDATE gusp.commitment SET status = 'verified', "
                "outcome = 'full', verifier_institution_id = owner_institution_id WHERE id = %s", [made.id, made.id])
        cursor.execute("SELECT set_config('app.moving', '', false)")


def test_a_partial_outcome_names_the_remainder_or_why_it_is_given_up(w):
    made, rest, theirs = w.claimed(), w.accepted(), w.accepted("bailleur_b")
    draft = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    hidden = w.commitment("bailleur_b")
    for details, code in (({"outcome": "partial"}, "guard_remainder_or_waiver"),
                          ({}, "guard_outcome_required"),
                          ({"outcome": "partial", "remainder_id": made.id}, "guard_remainder_or_waiver"),
                          ({"outcome": "partial", "remainder_id": theirs.id}, "guard_remainder_or_waiver"),
                          ({"outcome": "partial", "remainder_id": draft.id}, "guard_remainder_or_waiver"),
                          ({"outcome": "partial", "remainder_id": hidden.id}, "unknown_reference"),
                          ({"outcome": "partial", "remainder_id": rest.id, "waiver": "x"}, "guard_remainder_or_waiver"),
                          ({"outcome": "full", "waiver": "Sans objet."}, "guard_remainder_or_waiver")):
        refused(w.city.move(made.url, "verified", details=details), 422, code)
    done = w.city.move(made.url, "verified", details={"outcome": "partial", "remainder_id": rest.id}).expect(200)
    assert done.json["remainder_id"] == rest.id
    waived = w.city.move(w.claimed().url, "verified", details={"outcome": "partial", "waiver": "Arbres abattus."})
    assert waived.expect(200).json["waiver"] == "Arbres abattus."


def test_a_contested_claim_goes_on_with_the_reason(w):
    made = w.claimed()
    refused(w.city.move(made.url, "in_progress"), 422, "guard_comment_required")
    again = w.city.move(made.url, "in_progress", comment="Deux candélabres éteints.").expect(200).json
    assert (again["status"], again["claimed_on"]) == ("in_progress", None)


def test_a_block_comes_back_to_where_it_came_from(w):
    blocked = {"blocked_reason": "Accès fermé.", "review_on": in_days(10)}
    for before in ("accepted", "in_progress"):
        made = w.accepted()
        if before == "in_progress":
            w.bailleur.move(made.url, before).expect(200)
        refused(w.bailleur.move(made.url, "blocked"), 422, "guard_blocked_reason_required")
        shown = w.bailleur.move(made.url, "blocked", details=blocked).expect(200).json
        assert (shown["blocked_from"], shown["blocked_reason"]) == (before, "Accès fermé.")
        assert "blocked_reason" not in w.association.get(made.url).json
        back = w.bailleur.move(made.url, before).expect(200).json
        assert (back["status"], back["blocked_reason"], back["review_on"]) == (before, None, None)


def test_a_verified_commitment_is_closed(w):
    made = w.claimed()
    w.city.move(made.url, "verified", details={"outcome": "full"}).expect(200)
    refused(w.bailleur.patch(made.url, {"progress": 10}), 409, "commitment_frozen")
    refused(w.bailleur.post(made.url + "/evidence", w.evidence_body()), 409, "commitment_not_open")
    refused(w.bailleur.post(made.url + "/revisions", w.revision_body()), 409, "commitment_not_open")
    refused(w.bailleur.move(made.url, "claimed", details={"obtained_result": "x"}), 409, "transition_illegal")


def asked_to_give_up(w, made, owner="bailleur"):
    return w.revision(made, by=owner, kind="abandonment", to_on=None)


def test_to_give_up_takes_the_owners_request_and_a_later_decision(w):
    made, reason = w.accepted(), {"public_reason": "Le bâtiment est vendu."}
    held = w.held_meeting()
    refused(w.city.move(made.url, "abandoned", details=reason), 422, "guard_meeting_id_required")
    refused(w.city.move(made.url, "abandoned", details={"meeting_id": held.id}), 422, "guard_public_reason_required")
    details = {**reason, "meeting_id": held.id}
    w.decision(held, target_type="commitment", target_id=made.id)
    refused(w.city.move(made.url, "abandoned", details=details), 422, "guard_abandonment_requested")
    asked = asked_to_give_up(w, made)
    refused(w.city.move(made.url, "abandoned", details=details), 422, "guard_abandonment_decided")
    refused(w.city.move(asked, "accepted", comment="Oui"), 403, "transition_forbidden")
    refused(w.bailleur.move(made.url, "abandoned", details=details), 403, "transition_forbidden")
    w.decision(held, target_type="commitment", target_id=made.id)
    done = w.city.move(made.url, "abandoned", details=details).expect(200).json
    assert (done["status"], done["public_reason"], done["abandoned_on"], done["decision_meeting_id"]) \
        == ("abandoned", reason["public_reason"], in_days(0), held.id)
    closed = w.association.get(asked.url).expect(200).json
    assert (closed["status"], closed["decided_by"], closed["decision_meeting_id"]) \
        == ("accepted", w.actor["city"], held.id)
    assert w.association.get(made.url).json["public_reason"] == reason["public_reason"]


def test_a_date_that_a_meeting_moved_names_a_meeting_that_did(w):
    made, held = w.accepted(), w.held_meeting()
    asked = w.revision(made)
    refused(w.city.move(asked, "accepted", comment="Oui", details={"meeting_id": held.id}),
            422, "guard_named_meeting_decided")
    w.decision(held, target_type="commitment", target_id=made.id)
    moved = w.city.move(asked, "accepted", comment="Oui", details={"meeting_id": held.id}).expect(200)
    assert moved.json["decision_meeting_id"] == held.id


def test_a_committee_verifies_what_the_city_did(w):
    made = w.claimed("city")
    held = {kind: w.held_meeting(kind=kind) for kind in ("steering_committee", "technical")}
    for name, meeting in held.items():
        w.decision(meeting, target_type="commitment", target_id=made.id)
        w.attendance(meeting, of="institution")
    details = {"outcome": "full", "meeting_id": held["steering_committee"].id}
    refused(w.city.move(made.url, "verified", details=details), 403, "self_verification")
    for meeting in held.values():
        w.published_meeting(meeting)
    assert w.city.get(made.url).json["allowed_transitions"] == ["verified"]
    refused(w.city.move(made.url, "verified", details={"outcome": "full"}), 422, "guard_meeting_id_required")
    refused(w.city.move(made.url, "verified", details={**details, "meeting_id": held["technical"].id}),
            422, "guard_kept_says_another")
    done = w.city.move(made.url, "verified", details=details).expect(200).json
    assert (done["status"], done["verifier_actor_id"], done["decision_meeting_id"]) \
        == ("verified", None, held["steering_committee"].id)


def test_a_committee_of_those_who_worked_verifies_nothing(w):
    made, held = w.claimed("city"), w.held_meeting(kind="tech_committee")
    w.decision(held, target_type="commitment", target_id=made.id)
    w.attendance(held, of="city")
    w.published_meeting(held)
    refused(w.city.move(made.url, "verified", details={"outcome": "full", "meeting_id": held.id}),
            403, "self_verification")


def test_an_invoice_that_others_see_is_no_evidence(w):
    made = w.accepted()
    cost = w.bailleur.get(made.url + "/cost").json["id"]
    refused(w.bailleur.post(made.url + "/evidence", w.evidence_body(
        kind="invoice", document_id=w.document(by="bailleur").id)), 422, "invoice_is_open")
    bill = w.document(by="bailleur", target_type="commitment_cost", target_id=cost, kind="other")
    w.evidence(made, kind="invoice", document_id=bill.id)
    for name in READERS:
        sees = name in ("bailleur", "city", "institution", "auditor")
        w.clients[name].get(bill.url).expect(200 if sees else 404)
        w.clients[name].get(bill.url + "/content").expect(200 if sees else 404)


# --- projections ---------------------------------------------------------------------------

PUBLIC = {"ref", "title", "deliverable", "owner_actor_id", "owner_institution_id", "quartiers", "theme", "due_on",
          "initial_due_on", "status", "late", "verified_on", "outcome", "public_note", "slippage_days", "sites"}
PARTNER = {"partner_note", "blocked_reason", "blocked_from", "review_on", "decline_reason"}
COST = {"cost"}
NOTE = {"internal_note"}

# Who reads which group of a bailleur's commitment (C.5, C.4).
GROUPS = {
    "bailleur": PUBLIC | PARTNER | COST | NOTE,
    "city": PUBLIC | PARTNER | COST,
    "institution": PUBLIC | PARTNER | COST,
    "auditor": PUBLIC | PARTNER | COST,
    "bailleur_b": PUBLIC | PARTNER,
    "bailleur_wide": PUBLIC | PARTNER,
    "facilitator": PUBLIC | PARTNER,
    "mandated": PUBLIC | PARTNER,
    "association": PUBLIC,
    "association_b": PUBLIC,
}


@pytest.fixture(scope="module")
def secret(w):
    """A commitment with something in every group, and words that only some
    of its readers may ever get."""
    words = {group: mark() for group in ("partner", "note", "invoice")}
    made = w.accepted(cost={"planned_cents": 73190011, "actual_cents": 73190022}, partner_note=f"Entre nous {words['partner']}")
    w.bailleur.patch(made.url + "/cost", {"actual_cents": 73190033}).expect(200)
    w.bailleur.patch(made.url + "/note", {"internal_note": "Premier"}).expect(200)
    w.bailleur.patch(made.url + "/note", {"internal_note": f"Pour nous seuls {words['note']}"}).expect(200)
    w.evidence(made, kind="invoice", external_ref=f"F-{words['invoice']}")
    photo = w.evidence(made, kind="count", external_ref="Comptage")
    w.bailleur.move(made.url, "blocked", details={
        "blocked_reason": f"Litige {words['partner']}", "review_on": in_days(9)}).expect(200)
    return made, words, photo


@pytest.mark.parametrize("name", GROUPS)
def test_each_reader_gets_the_groups_of_its_projection(w, secret, name):
    made, *_ = secret
    shown = set(w.clients[name].get(made.url).expect(200).json)
    assert shown & (PUBLIC | PARTNER | COST | NOTE) == GROUPS[name]


def everything(client, made):
    """All that a client can get about a commitment."""
    got = [client.get(made.url), client.get(made.url + "/history"), client.get(made.url + "/evidence"),
           client.get(made.url + "/revisions"), client.get(made.url + "/cost"), client.get(made.url + "/note"),
           client.get("/v1/commitments", {"limit": 200, "sort": "-updated_at"}),
           client.patch(made.url, {"progress": 1}, if_match='"1-0000000000000000"'),
           client.patch(made.url + "/cost", {"planned_cents": 1}, if_match='"1-0000000000000000"'),
           client.move(made.url, "claimed", if_match="*"),
           client.post(made.url + "/evidence", {"kind": "count"})]
    return "\n".join(answer.text for answer in got)


@pytest.mark.parametrize("name", GROUPS)
def test_no_answer_tells_what_its_reader_may_not_know(w, secret, name):
    made, words, _ = secret
    if name == "bailleur":
        return
    told = everything(w.clients[name], made)
    assert made.json["title"] in told
    groups = GROUPS[name]
    assert (words["partner"] in told) == (PARTNER <= groups)
    assert words["note"] not in told and "Premier" not in told
    assert (words["invoice"] in told) == (COST <= groups)
    for cents in ("73190011", "73190022", "73190033"):
        assert (cents in told) == (COST <= groups), cents


@pytest.mark.parametrize("name", ["bailleur_b", "association", "facilitator"])
def test_a_change_of_costs_or_notes_leaves_no_trace_for_those_who_do_not_read_them(w, name):
    made, client = w.accepted(cost={"planned_cents": 5}), w.clients[name]

    def seen():
        return (client.get(made.url).etag, client.get(made.url).text, client.get(made.url + "/history").text,
                client.get(made.url + "/evidence").text, client.get("/v1/commitments", {"sort": "-updated_at"}).text)

    before = seen()
    w.bailleur.patch(made.url + "/cost", {"planned_cents": 6}).expect(200)
    w.bailleur.patch(made.url + "/note", {"internal_note": "À suivre."}).expect(200)
    w.city.patch(made.url + "/note", {"internal_note": "À surveiller."}).expect(200)
    w.evidence(made, kind="invoice")
    assert seen() == before


@pytest.mark.parametrize("name", ["bailleur_b", "association", "facilitator", "mandated"])
def test_the_costs_of_another_are_not_there(w, secret, name):
    made, *_ = secret
    for answer in (w.clients[name].get(made.url + "/cost"),
                   w.clients[name].patch(made.url + "/cost", {"planned_cents": 1}, if_match="*")):
        refused(answer, 404, "not_found")
    invoice = next(e for e in w.bailleur.get(made.url + "/evidence").items if e["kind"] == "invoice")
    w.clients[name].get(f"/v1/evidence/{invoice['id']}").expect(404)


def test_costs_that_others_read_are_their_owners_to_write(w):
    made = w.accepted()
    for name in ("city", "institution"):
        w.clients[name].get(made.url + "/cost").expect(200)
        refused(w.clients[name].patch(made.url + "/cost", {"planned_cents": 1}, if_match="*"), 403, "forbidden")


def test_an_association_reads_all_of_its_own_promise(w):
    made = w.accepted("association", cost={"planned_cents": 800}, partner_note="Avec le centre social")
    blocked = w.association.move(made.url, "blocked", details={"blocked_reason": "Salle fermée", "review_on": in_days(3)})
    assert (blocked.expect(200).json["blocked_reason"], blocked.json["partner_note"], blocked.json["cost"]["planned_cents"]) \
        == ("Salle fermée", "Avec le centre social", 800)
    assert "blocked_reason" not in w.association_b.get(made.url).json


# --- notes ----------------------------------------------------------------------------------


def test_each_institution_has_a_note_of_its_own(w):
    made = w.accepted()
    for name in ("city", "bailleur", "bailleur_b", "association", "institution", "facilitator"):
        client, url = w.clients[name], made.url + "/note"
        first = client.get(url).expect(200)
        assert (first.json["internal_note"], first.json["version"]) == (None, 0)
        told = client.patch(first, {"internal_note": f"Note de {name}"}).expect(200)
        assert told.json["version"] == 1
    for name in ("city", "bailleur", "bailleur_b", "association"):
        assert w.clients[name].get(made.url).json["internal_note"] == f"Note de {name}"
        kinds = [e["kind"] for e in events(w.clients[name], made.url)]
        assert kinds.count("commitment_note.created") == 1
    assert "internal_note" not in w.auditor.get(made.url).json


def test_a_note_is_written_on_the_copy_that_was_read(w):
    made = w.accepted()
    empty = w.bailleur.get(made.url + "/note")
    w.bailleur.patch(empty, {"internal_note": "Un"}).expect(200)
    refused(w.bailleur.patch(empty, {"internal_note": "Deux"}), 412, "precondition_failed")
    one = w.bailleur.get(made.url + "/note")
    w.bailleur.patch(one, {"internal_note": "Trois"}).expect(200)
    refused(w.bailleur.patch(one, {"internal_note": "Quatre"}), 412, "precondition_failed")
    assert w.bailleur.patch(made.url + "/note", {}).expect(200).json["internal_note"] == "Trois"
    refused(w.bailleur.patch(made.url + "/note", {"internal_note": "Appeler le 06 12 34 56 78"}),
            422, "personal_data_suspected")
    w.bailleur_b.patch(w.commitment("bailleur").url + "/note", {"internal_note": "x"}, if_match="*").expect(404)


def test_of_two_first_notes_at_once_one_is_refused(w):
    made = w.accepted()
    etag, got = w.city.get(made.url + "/note").etag, []

    def write(n):
        got.append(w.city.patch(made.url + "/note", {"internal_note": f"Note {n}"}, if_match=etag).status)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [200, 412, 412, 412]


# --- origins ---------------------------------------------------------------------------------


def test_an_origin_is_shown_to_those_who_see_it(w):
    shared, confidential = w.issue(), w.issue(visibility="confidential")
    made = w.commitment("city", owner_actor_id=w.actor["bailleur"], origin=[
        {"type": "issue", "id": shared.id}, {"type": "issue", "id": confidential.id}])
    w.city.move(made, "proposed").expect(200)
    assert [o["id"] for o in w.city.get(made.url).json["origin"]] == [shared.id, confidential.id]
    for name in ("bailleur", "association", "bailleur_b"):
        assert [o["id"] for o in w.clients[name].get(made.url).json["origin"]] == [shared.id], name
        assert confidential.id not in w.clients[name].get(made.url + "/history").text
    hidden = w.issue(by="bailleur_b", visibility="internal")
    for id in (hidden.id, made.id):
        problem = refused(w.city.post("/v1/commitments", w.commitment_body(origin=[{"type": "issue", "id": id}])),
                          422, "unknown_reference")
        assert problem.pointers == ["/origin"]


def test_an_issue_is_carried_by_a_commitment_that_its_owner_accepted(w):
    proposed = w.commitment("city", owner_actor_id=w.actor["bailleur"])
    issue = w.city.move(w.issue(), "qualified").expect(200)
    refused(w.city.move(issue.url, "escalated"), 422, "guard_commitment_id_required")
    refused(w.city.move(issue.url, "escalated", details={"commitment_id": issue.id}), 422, "unknown_reference")
    refused(w.city.move(issue.url, "escalated", details={"commitment_id": w.commitment("bailleur").id}),
            422, "unknown_reference")
    refused(w.city.move(issue.url, "escalated", details={"commitment_id": proposed.id}), 422, "guard_commitment_accepted")
    w.city.move(proposed.url, "proposed").expect(200)
    w.bailleur.move(proposed.url, "accepted").expect(200)
    w.city.move(issue.url, "escalated", details={"commitment_id": proposed.id}).expect(200)
    w.bailleur.move(proposed.url, "in_progress").expect(200)
    for name in READERS:
        shown = w.clients[name].get(issue.url).expect(200).json
        assert (shown["resulting_commitment_id"], shown["resulting_commitment"]["status"]) == (proposed.id, "in_progress")
    assert w.association.get("/v1/issues", {"status": "escalated", "limit": 1}).items[0]["id"] == issue.id


def test_a_trace_leads_from_an_issue_through_sheet_and_promise_to_its_proof(w):
    issue, photo = w.issue(), w.document(by="bailleur")
    sheet = w.consulted_sheet(origin=[{"type": "issue", "id": issue.id}])
    made = w.accepted(sheet_id=sheet.id)
    w.evidence(made, kind="photo_after", document_id=photo.id, external_ref=None)
    for name in ("city", "bailleur_b", "association"):
        down = w.clients[name].get(issue.url + "/trace").expect(200).json["down"]
        assert {sheet.id, made.id, photo.id} <= {r["id"] for r in down}, name
        up = w.clients[name].get(made.url + "/trace").expect(200).json["up"]
        assert {sheet.id, issue.id} <= {r["id"] for r in up}, name
        assert w.clients[name].get(sheet.url + "/trace").expect(200).json["subject"]["id"] == sheet.id
    draft = w.commitment("bailleur", origin=[{"type": "issue", "id": issue.id}])
    for name in ("city", "bailleur_b", "auditor"):
        assert draft.id not in w.clients[name].get(issue.url + "/trace").text


# --- lists -----------------------------------------------------------------------------------


def test_filters_find_what_they_say(as_admin, contract):
    w = World(as_admin, contract)
    late = w.accepted(due_on=in_days(-2), theme="housing", visibility="public")
    soon = w.accepted("bailleur_b", due_on=in_days(5), quartiers=[w.near])
    both = w.accepted("bailleur_wide", due_on=in_days(50), quartiers=[w.near, w.far])
    far = w.accepted("city", due_on=in_days(60), quartiers=[w.far])
    undated = w.make("/v1/commitments", {"title": "Sans date"}, "city")
    for params, found in (
            ({}, {late, soon, both, far, undated}),
            ({"quartier_id": w.near}, {late, soon, both}),
            ({"quartier_id": w.far}, {both, far}),
            ({"quartier_id": w.far, "status": "draft,accepted", "theme": "outdoor"}, {both, far}),
            ({"late": "true"}, {late}),
            ({"late": "false"}, {soon, both, far, undated}),
            ({"owner_institution_id": w.actor["bailleur_b"]}, {soon}),
            ({"due_from": in_days(5), "due_to": in_days(50)}, {soon, both}),
            ({"due_from": in_days(51)}, {far}),
            ({"theme": "housing"}, {late}),
            ({"visibility": "public"}, {late}),
            ({"status": "draft"}, {undated}),
            ({"q": late.json["title"].split()[1]}, {late}),
            ({"q": soon.json["ref"]}, {soon}),
            ({"updated_since": far.json["updated_at"]}, {far, undated})):
        for sort in ("-created_at", "due_on", "-updated_at"):
            ids = [c["id"] for c in w.city.pages("/v1/commitments", {**params, "sort": sort, "limit": 2})]
            assert sorted(ids) == sorted(c.id for c in found), (params, sort)
    assert [c["id"] for c in w.city.pages("/v1/commitments", {"sort": "due_on"})] \
        == [late.id, soon.id, both.id, far.id, undated.id]
    assert set(listed(w.association)) == {late.id, soon.id, both.id}
    assert set(listed(w.association, quartier_id=w.far)) == {both.id}


def test_a_request_sent_twice_drafts_once(w):
    body, key = w.commitment_body(), mark() + mark()
    first = w.bailleur.post("/v1/commitments", body, key=key).expect(201)
    again = w.bailleur.post("/v1/commitments", body, key=key).expect(201)
    assert json.loads(first.body) == json.loads(again.body)
    made = w.accepted()
    one = w.bailleur.post(made.url + "/revisions", w.revision_body(), key=key + "r").expect(201)
    two = w.bailleur.post(made.url + "/revisions", w.revision_body(), key=key + "r").expect(201)
    assert one.id == two.id


def test_texts_name_nobody(w):
    phone = "Appelez le 06 12 34 56 78"
    for field in ("title", "deliverable", "beneficiaries", "expected_result", "public_note", "partner_note"):
        problem = refused(w.bailleur.post("/v1/commitments", w.commitment_body(**{field: phone})),
                          422, "personal_data_suspected")
        assert problem.pointers == ["/" + field]
    made = w.accepted()
    problem = refused(w.bailleur.move(made, "blocked", details={"blocked_reason": phone, "review_on": in_days(1)}),
                      422, "personal_data_suspected")
    assert problem.pointers == ["/details/blocked_reason"]
