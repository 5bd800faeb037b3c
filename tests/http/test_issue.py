"""Issues: what is wrong on the ground, from the report to the verified answer."""

import datetime
import json
import uuid

import pytest

from world import World, in_days, mark, unique

EVIDENCE = {"kind": "photo_after", "external_ref": "IMG-0042"}
STATES = ("submitted", "qualified", "assigned", "accepted", "planned", "in_progress", "on_hold", "treated",
          "resolved", "duplicate", "no_action", "withdrawn")


def point(lon=5.0972, lat=43.6401):
    return {"type": "Point", "coordinates": [lon, lat]}


def ids(client, **params):
    return {i["id"] for i in client.pages("/v1/issues", params)}


def assigned(w, lead="bailleur", due_on=None, contributors=(), **more):
    """An issue that somebody is asked to answer for."""
    made = w.city.move(w.issue(**more), "qualified").expect(200)
    return w.city.move(made, "assigned", details={
        "lead_actor_id": w.actor[lead] if lead in w.actor else lead, "due_on": due_on or in_days(10),
        "contributors": list(contributors)}).expect(200)


def treated(w, lead="bailleur", by=None, **more):
    by = by or lead
    made = w.clients[by].move(assigned(w, lead, **more), "accepted").expect(200)
    return w.clients[by].move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)


def declined(w, lead, issue=None, **more):
    """Asked of a lead, which declines."""
    made = issue or w.city.move(w.issue(**more), "qualified").expect(200)
    made = w.city.move(made, "assigned", details={"lead_actor_id": w.actor[lead], "due_on": in_days(5)}).expect(200)
    return w.clients[lead].move(made, "qualified", details={"decline_reason": "not_my_land"}).expect(200)


@pytest.fixture(scope="module")
def place(as_admin, contract):
    """A programme of its own, for lists."""
    return World(as_admin, contract)


# --- reporting ---------------------------------------------------------------------


def test_an_issue_is_submitted_with_its_reference_reporter_and_both_clocks(world):
    made = world.issue(by="association", occurred_at="2024-05-16T08:00:00Z").json
    assert made["status"] == "submitted" and made["version"] == 1
    assert made["reported_by_actor_id"] == made["reported_institution_id"] == world.actor["association"]
    assert made["occurred_at"] == "2024-05-16T08:00:00.000Z" and made["created_at"] > "2025"
    assert made["visibility"] == "partners" and made["origin_kind"] == "association"
    assert made["allowed_transitions"] == ["withdrawn"]
    programme, quartier, letter, year, number = made["ref"].split("-")
    assert (quartier, letter, len(number)) == ("PRO", "I", 6) and len(programme) == 3 and year.isdigit()


def test_references_are_never_the_same(world):
    assert len({world.issue().json["ref"] for _ in range(5)}) == 5


def test_an_issue_is_not_seen_in_the_future(world):
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = world.city.post("/v1/issues", world.issue_body(occurred_at=later)).expect(422)
    assert answer.problem.code == "occurred_in_the_future" and answer.problem.pointers == ["/occurred_at"]
    made = world.issue()
    assert world.city.patch(made, {"occurred_at": later}).expect(422).problem.code == "occurred_in_the_future"


@pytest.mark.parametrize("member,value", [("theme", "nowhere"), ("category", "nothing"), ("component", "none")])
def test_codes_are_those_of_the_vocabularies(world, member, value):
    answer = world.city.post("/v1/issues", world.issue_body(**{member: value})).expect(422)
    assert answer.problem.code == "unknown_term" and answer.problem.pointers == [f"/{member}"]


def test_the_site_of_an_issue_lies_in_its_quartier(world):
    site = world.site(quartier_id=world.far)
    answer = world.city.post("/v1/issues", world.issue_body(site_id=site.id)).expect(422)
    assert answer.problem.code == "site_in_another_quartier" and answer.problem.pointers == ["/site_id"]


@pytest.mark.parametrize("geometry,code", [
    (point(43.64, 5.09), "geometry_outside_territory"),
    ({"type": "Polygon", "coordinates": [[[5.1, 43.6], [5.11, 43.61], [5.11, 43.6], [5.1, 43.61], [5.1, 43.6]]]}, "bad_geometry"),
])
def test_the_geometry_of_an_issue_is_sound_and_in_the_territory(world, geometry, code):
    assert world.city.post("/v1/issues", world.issue_body(geometry=geometry)).expect(422).problem.code == code


def test_an_issue_may_be_a_line_or_an_area(world):
    line = {"type": "LineString", "coordinates": [[5.0972, 43.6401], [5.0979, 43.6404]]}
    assert world.issue(geometry=line).json["geometry"] == line


def test_references_to_other_systems_name_actors_that_are_there(world):
    ref = {"actor_id": world.actor["bailleur"], "system": "GMAO", "ref": "DI-2026-17", "url": "https://gmao.example.org/17"}
    made = world.issue(external_refs=[ref])
    assert made.json["external_refs"] == [ref]
    assert "external_refs" not in world.association.get(made.url).expect(200).json
    answer = world.city.patch(made, {"external_refs": [ref, {**ref, "actor_id": str(uuid.uuid4())}]}).expect(422)
    assert answer.problem.pointers == ["/external_refs/1/actor_id"]


def test_danger_shows_to_whom_the_rules_name_at_once_and_says_whom_to_call(world):
    site = world.site(quartier_id=world.far)
    world.rule(match_site_id=site.id, lead_actor_id=world.actor["bailleur"], target_days=2, priority=9)
    made = world.issue(quartier_id=world.far, site_id=site.id, severity="danger", visibility="confidential")
    assert "112" in made.json["notice"]
    assert world.bailleur.get(made.url).expect(200).json["severity"] == "danger"
    world.bailleur_b.get(made.url).expect(404)
    calm = world.issue(quartier_id=world.far, site_id=site.id, severity="high")
    assert calm.json["notice"] is None
    world.bailleur.get(calm.url).expect(404)


# --- personal data -------------------------------------------------------------------


@pytest.mark.parametrize("member", ["title", "description"])
@pytest.mark.parametrize("words", ["Appeler le 06 39 98 00 01", "Écrire à habitant@exemple.org", "Voiture AB-123-CD gênante"])
def test_a_text_that_names_someone_is_refused_unless_acknowledged(world, member, words):
    answer = world.bailleur.post("/v1/issues", world.issue_body(**{member: words})).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == [f"/{member}"]
    made = world.issue(by="bailleur", visibility="public", acknowledge_personal_data=True, **{member: words})
    assert made.json["visibility"] == "internal"
    for other in ("city", "bailleur_b", "association", "institution", "mandated", "auditor"):
        world.clients[other].get(made.url).expect(404)
    assert world.bailleur.patch(made, {"visibility": "partners"}).expect(422).problem.code == "personal_data_stays_internal"
    clean = {member: unique("Sans nom"), "acknowledge_personal_data": False, "visibility": "partners"}
    world.bailleur.patch(made, clean).expect(200)
    assert words not in world.city.get(made.url + "/history").expect(200).text


def test_what_is_said_of_a_step_names_nobody_either(world):
    made = assigned(world)
    words = "Appeler le 06 39 98 00 01"
    answer = world.bailleur.move(made, "accepted", comment=words).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/comment"]
    made = world.bailleur.move(made, "accepted").expect(200)
    answer = world.bailleur.move(made, "treated", details={"evidence": [EVIDENCE, {"kind": "statement", "note": words}]})
    assert answer.expect(422).problem.pointers == ["/details/evidence/1/note"]
    other = world.issue()
    answer = world.city.move(other, "no_action", reason_code="private", details={"public_explanation": words})
    assert answer.expect(422).problem.pointers == ["/details/public_explanation"]


# --- who sees, who edits ---------------------------------------------------------------


def test_an_internal_issue_is_its_institutions_alone_until_it_is_shared(world):
    made = world.issue(by="bailleur", visibility="internal")
    for other in ("city", "bailleur_b", "bailleur_wide", "association", "institution", "facilitator", "mandated", "auditor"):
        world.clients[other].get(made.url).expect(404)
    shared = world.bailleur.patch(made, {"visibility": "partners"}).expect(200)
    qualified = world.city.move(shared, "qualified").expect(200)
    assert world.city.patch(qualified, {"visibility": "internal"}).status in (403, 422)


def test_the_control_service_of_an_institution_does_not_read_what_is_internal(world):
    world.join("auditor", "control_of_bailleur", actor=world.service("bailleur").id)
    made = world.issue(by="bailleur", visibility="internal")
    world.control_of_bailleur.get(made.url).expect(404)
    assert made.id not in ids(world.control_of_bailleur)


def test_what_is_internal_is_not_worked_on(world):
    made = world.issue(visibility="internal")
    assert world.city.move(made, "qualified").expect(422).problem.code == "guard_not_internal"


def test_a_confidential_issue_is_for_the_city_the_control_its_reporter_and_who_works(world):
    made = world.issue(by="association", visibility="confidential")
    seeing = {"city", "auditor", "association"}
    def check():
        for name in ("city", "bailleur", "bailleur_b", "association", "association_b", "institution", "mandated", "auditor"):
            world.clients[name].get(made.url).expect(200 if name in seeing else 404)
            assert (made.id in ids(world.clients[name], visibility="confidential")) == (name in seeing)
    check()
    world.city.move(made.url, "qualified", if_match="*").expect(200)
    world.city.move(made.url, "assigned", if_match="*", details={
        "lead_actor_id": world.actor["bailleur"], "contributors": [world.actor["bailleur_b"]],
        "due_on": in_days(3)}).expect(200)
    seeing |= {"bailleur", "bailleur_b"}
    check()
    said = world.bailleur.move(made.url, "qualified", if_match="*", details={"decline_reason": "not_found"}).expect(200)
    assert said.json["lead_actor_id"] is None
    seeing -= {"bailleur_b"}  # who declined reads its answer
    check()
    world.city.patch(made.url, {"severity": "high"}, if_match="*").expect(200)
    seeing -= {"bailleur"}
    check()


def test_who_reported_edits_until_the_city_has_qualified(world):
    made = world.issue(by="association")
    made = world.association.patch(made, {"description": "Plus précisément"}).expect(200)
    world.association_b.patch(made, {"description": "Autre"}).expect(403)
    made = world.city.move(made, "qualified").expect(200)
    world.association.patch(made, {"description": "Trop tard"}).expect(403)
    world.mandated.patch(made, {"description": "Par mandat"}).expect(200)
    answer = world.city.patch(made.url, {"quartier_id": world.far}).expect(422)
    assert answer.problem.code == "immutable_field" and answer.problem.pointers == ["/quartier_id"]


@pytest.mark.parametrize("member", ["status", "lead_actor_id", "due_on", "bounce_count", "ref", "reported_by_actor_id"])
def test_what_steps_decide_is_no_member_of_a_change(world, member):
    assert world.city.patch(world.issue(), {member: None}).expect(422).problem.pointers == [f"/{member}"]


def test_a_stale_change_is_refused(world):
    made = world.issue()
    world.city.patch(made, {"severity": "high"}).expect(200)
    assert world.city.patch(made, {"severity": "low"}).expect(412).problem.code == "precondition_failed"
    assert world.city.move(made, "qualified").expect(412).problem.code == "precondition_failed"


# --- the life-cycle ----------------------------------------------------------------------


@pytest.mark.parametrize("member", ["theme", "category", "severity"])
def test_an_issue_is_qualified_once_classified(world, member):
    made = world.issue(**{member: None})
    assert world.city.move(made, "qualified").expect(422).problem.code == "guard_classified"
    given = {"theme": "outdoor", "category": "roads", "severity": "low"}[member]
    made = world.mandated.patch(made, {member: given}).expect(200)
    assert world.mandated.move(made, "qualified").expect(200).json["status"] == "qualified"


def test_the_rule_of_the_site_names_lead_contributors_and_time(world):
    site = world.site(tenure="public_city", kind="road")
    rule = world.rule(match_site_id=site.id, match_category="roads", lead_actor_id=world.actor["bailleur"],
                      contributors=[world.actor["bailleur_b"]], target_days=5, calendar="calendar", priority=70)
    made = world.city.move(world.issue(site_id=site.id, category="roads"), "qualified").expect(200)
    proposal = world.city.get(made.url + "/proposal").expect(200).json
    assert proposal == {"rule_id": rule.id, "lead_actor_id": world.actor["bailleur"],
                        "contributors": [world.actor["bailleur_b"]], "due_on": in_days(5)}
    done = world.city.move(made, "assigned").expect(200).json
    assert {name: done[name] for name in proposal} == proposal


def test_a_rule_counts_working_days(world):
    site = world.site(tenure="public_city", kind="facility")
    world.rule(match_site_id=site.id, target_days=10, priority=70)
    due = world.city.get(world.issue(site_id=site.id).url + "/proposal").json["due_on"]
    assert in_days(12) <= due <= in_days(20) and datetime.date.fromisoformat(due).isoweekday() < 6


def test_unknown_tenure_proposes_nobody_and_shows_among_the_orphans(world):
    site = world.site(tenure="unknown")
    world.rule(match_theme="outdoor", target_days=3)
    made = world.city.move(world.issue(site_id=site.id), "qualified").expect(200)
    assert set(world.city.get(made.url + "/proposal").expect(200).json.values()) == {None}
    assert made.id in ids(world.city, orphan="true") and made.id not in ids(world.city, orphan="false")
    assert world.city.move(made, "assigned").expect(422).problem.code == "guard_lead_required"
    answer = world.city.move(made, "assigned", details={"lead_actor_id": world.actor["city"]}).expect(422)
    assert answer.problem.code == "guard_due_on_required"


def test_the_lead_is_a_member_that_does_work(world):
    made = world.city.move(world.issue(), "qualified").expect(200)
    stranger = world.make("/v1/actors", world.actor_body()).id
    for actor in (stranger, world.actor["auditor"], world.actor["facilitator"]):
        answer = world.city.move(made, "assigned", details={"lead_actor_id": actor, "due_on": in_days(3)})
        assert answer.expect(422).problem.code == "guard_lead_is_member"
    answer = world.city.move(made, "assigned", details={"lead_actor_id": str(uuid.uuid4()), "due_on": in_days(3)})
    assert answer.expect(422).problem.pointers == ["/details/lead_actor_id"]


def test_a_lead_accepts_plans_works_pauses_and_treats(world):
    made = world.bailleur.move(assigned(world), "accepted").expect(200)
    assert world.bailleur.move(made, "planned").expect(422).problem.code == "guard_planned_on_required"
    made = world.bailleur.move(made, "planned", details={"planned_on": in_days(4)}).expect(200)
    assert made.json["planned_on"] == in_days(4)
    assert world.bailleur.move(made, "on_hold", details={"review_on": in_days(9)}).expect(422).problem.code \
        == "guard_reason_code_required"
    answer = world.bailleur.move(made, "on_hold", reason_code="weather").expect(422)
    assert answer.problem.code == "guard_review_on_required" and answer.problem.pointers == ["/details/review_on"]
    made = world.bailleur.move(made, "on_hold", reason_code="weather", details={"review_on": in_days(9)}).expect(200)
    assert made.json["hold_review_on"] == in_days(9) and made.json["held_from"] == "planned"
    assert made.json["allowed_transitions"] == ["planned"]
    assert world.city.get(made.url).json["hold_cause"] == "weather"
    assert "hold_cause" not in world.association.get(made.url).json
    made = world.bailleur.move(made, "planned").expect(200)
    assert made.json["held_at"] is None and made.json["hold_days"] == 0
    made = world.bailleur.move(made, "in_progress").expect(200)
    assert world.bailleur.move(made, "treated").expect(422).problem.code == "guard_evidence_required"
    empty = world.bailleur.move(made, "treated", details={"evidence": [EVIDENCE, {"kind": "statement"}]}).expect(422)
    assert (empty.problem.code, empty.problem.pointers) == ("evidence_empty", ["/details/evidence/1"])
    made = world.bailleur.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)
    assert made.json["evidence"] == [EVIDENCE] and made.json["treated_at"]
    made = world.city.move(made, "resolved").expect(200)
    assert made.json["verifier_actor_id"] == world.actor["city"] and made.json["resolved_at"]


def test_a_transition_that_is_no_step_answers_with_those_that_are(world):
    answer = world.city.move(world.issue(), "assigned").expect(409)
    assert answer.problem.code == "transition_illegal"
    assert answer.problem.allowed_transitions == ["qualified", "withdrawn", "duplicate", "no_action"]


def test_declining_needs_a_reason_and_is_counted(world):
    made = assigned(world)
    assert world.bailleur.move(made, "qualified").expect(422).problem.code == "guard_decline_reason_required"
    made = world.bailleur.move(made, "qualified", comment="Parcelle de la ville", details={
        "decline_reason": "not_my_land", "suggested_actor_id": world.actor["city"]}).expect(200)
    assert made.json["bounce_count"] == 1 and made.json["suggested_actor_id"] == world.actor["city"]
    assert made.json["lead_actor_id"] is None and not made.json["arbitration"]
    said, = world.city.get(made.url + "/assignments").expect(200).items
    assert (said["n"], said["answer"], said["decline_reason"], said["comment"]) \
        == (1, "declined", "not_my_land", "Parcelle de la ville")


def test_the_second_decline_asks_for_arbitration_and_no_third_assignment(world):
    made = declined(world, "bailleur_b", declined(world, "bailleur"))
    assert made.json["bounce_count"] == 2
    shown = world.city.get(made.url).json
    assert shown["arbitration"] and made.id in ids(world.city, arbitration="true")
    assert made.id not in ids(world.city, arbitration="false")
    for by in ("city", "mandated"):
        for meeting in ({}, {"meeting_id": str(uuid.uuid4())}):
            answer = world.clients[by].move(made.url, "assigned", details={
                "lead_actor_id": world.actor["city"], "due_on": in_days(3), **meeting}).expect(422)
            assert answer.problem.code == "guard_third_assignment_is_decided"
    assert [a["answer"] for a in world.city.get(made.url + "/assignments").items] == ["declined", "declined"]


def test_the_city_takes_an_unanswered_one_back_after_its_day_and_says_why(world):
    early, late = assigned(world), assigned(world, due_on=in_days(-1))
    assert world.city.move(early, "qualified", comment="Relance").expect(422).problem.code == "guard_declined_or_unanswered"
    assert world.city.move(late, "qualified").expect(422).problem.code == "guard_comment_required"
    made = world.city.move(late, "qualified", comment="Sans réponse").expect(200)
    assert made.json["bounce_count"] == 0
    assert world.city.get(made.url + "/assignments").items[0]["answer"] == "unanswered"


def test_nothing_is_done_only_with_a_reason_and_a_word_for_residents(world):
    made = world.issue()
    answer = world.city.move(made, "no_action", details={"public_explanation": "Hors programme"}).expect(422)
    assert answer.problem.code == "guard_reason_code_required"
    answer = world.city.move(made, "no_action", reason_code="out_of_scope").expect(422)
    assert answer.problem.pointers == ["/details/public_explanation"]
    made = world.city.move(made, "no_action", reason_code="out_of_scope",
                           details={"public_explanation": "Prévu dans un autre programme."}).expect(200)
    assert made.json["public_explanation"] and made.json["status_reason"] == "out_of_scope"
    assert made.json["allowed_transitions"] == []


def test_a_contested_answer_goes_back_to_work(world):
    made = treated(world, by=None, lead="bailleur")
    assert world.association.move(made, "in_progress").expect(422).problem.code == "guard_comment_required"
    made = world.association.move(made, "in_progress", comment="Toujours en panne").expect(200)
    assert made.json["reopen_count"] == 1 and made.json["treated_at"] is None


def test_a_resolved_issue_is_reopened_by_an_association_within_sixty_days(world, database):
    made = world.city.move(treated(world), "resolved").expect(200)
    again = world.association.move(made, "assigned", comment="De nouveau cassé").expect(200)
    assert again.json["lead_actor_id"] == world.actor["bailleur"] and again.json["verifier_actor_id"] is None
    assert [a["n"] for a in world.city.get(made.url + "/assignments").items] == [1, 2]
    old = world.city.move(treated(world), "resolved").expect(200)
    with database.cursor() as cursor:
        cursor.execute("UPDATE issue SET resolved_at = now() - interval '61 days' WHERE id = %s", [old.id])
    assert world.association.move(old.url, "assigned", comment="Encore").expect(422).problem.code == "guard_reopen_window"
    world.city.move(old.url, "assigned", comment="Encore").expect(200)


# --- nobody verifies its own work ------------------------------------------------------------


@pytest.fixture(scope="module")
def city_services(world):
    """Two services of the city, each with a membership of its own."""
    for name in ("works", "policy"):
        world.actor[name] = world.service("city", kind="city_service").id
        world.join("city", name, actor=world.actor[name])
    return "works", "policy"


def test_the_city_does_not_verify_itself_nor_its_services_one_another(world, city_services):
    for lead in ("city", *city_services):
        made = treated(world, lead, by="city")
        for by in ("city", *city_services):
            shown = world.clients[by].get(made.url).json
            assert "resolved" not in shown["allowed_transitions"]
            assert world.clients[by].move(made, "resolved").expect(403).problem.code == "self_verification"
    world.institution.move(made, "resolved").expect(200)
    made = treated(world, "works")
    world.bailleur.move(made, "resolved").expect(403)
    world.association.move(made, "resolved").expect(200)


def test_a_service_of_a_bailleur_does_not_verify_the_bailleur(world):
    agency = world.service("bailleur", by="bailleur").id
    made = world.bailleur.move(assigned(world, agency), "accepted").expect(200)
    made = world.bailleur.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)
    assert world.bailleur.move(made, "resolved").expect(403).problem.code == "self_verification"


def test_who_helped_does_not_verify_and_somebody_still_can(world, city_services):
    """Where the city helped a bailleur, it is not the one to verify."""
    made = treated(world, "bailleur", contributors=[world.actor["works"], world.actor["association"]])
    for by in ("city", "policy", "association", "bailleur"):
        assert world.clients[by].move(made, "resolved").expect(403).problem.code == "self_verification"
    world.association_b.move(made, "resolved").expect(200)


def test_a_facilitator_never_verifies(world):
    made = treated(world)
    assert world.mandated.move(made, "resolved").expect(403).problem.code == "transition_forbidden"


# --- duplicates ----------------------------------------------------------------------------


def test_a_duplicate_gives_its_supporters_to_its_master(world):
    master, first, second = world.issue(by="bailleur"), world.issue(by="association"), world.issue()
    world.city.move(second, "duplicate", details={"master_id": first.id}).expect(200)
    done = world.city.move(first.url, "duplicate", details={"master_id": master.id}).expect(200)
    assert done.json["master_id"] == master.id
    assert world.city.get(master.url).json["supporters_count"] == 2


def test_duplicates_make_no_cycle(world):
    a, b, c = (world.issue() for _ in range(3))
    def refused(issue, master):
        answer = world.city.move(issue.url, "duplicate", details={"master_id": master.id})
        assert answer.expect(422).problem.code == "guard_master_is_no_cycle"
    refused(a, a)
    world.city.move(a, "duplicate", details={"master_id": b.id}).expect(200)
    refused(b, a)
    world.city.move(b.url, "duplicate", details={"master_id": c.id}).expect(200)
    refused(c, a)
    refused(c, b)


def test_the_master_is_named_and_visible(world):
    made = world.issue()
    assert world.city.move(made, "duplicate").expect(422).problem.code == "guard_master_id_required"
    hidden = world.issue(by="bailleur", visibility="internal")
    for master in (hidden.id, str(uuid.uuid4())):
        answer = world.city.move(made, "duplicate", details={"master_id": master}).expect(422)
        assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/details/master_id"]


def test_lines_and_areas_are_found_where_they_lie(place):
    """A long one is not where its middle is."""
    line = {"type": "LineString", "coordinates": [[5.2, 43.7], [5.3, 43.8]]}
    area = {"type": "Polygon", "coordinates": [[[5.2, 43.7], [5.3, 43.7], [5.3, 43.71], [5.2, 43.7]]]}
    made = {place.issue(geometry=line).id, place.issue(geometry=area).id}
    assert ids(place.city, bbox="5.19,43.69,5.2001,43.7001") == made
    assert ids(place.city, near="5.2,43.7", radius_m=5) == made
    # Within the box around the line, but not on it.
    assert ids(place.city, bbox="5.29,43.72,5.295,43.725") == set()
    assert ids(place.city, near="5.29,43.75", radius_m=500) == set()


def test_similar_issues_are_those_of_the_place(place):
    w = place
    site, other = w.site(), w.site()
    made = w.issue(site_id=site.id, category="graffiti", geometry=point())
    same_site = w.issue(site_id=site.id, category="graffiti")
    ten_metres = w.issue(category="roads", geometry=point(5.0972, 43.64019))
    area = w.issue(geometry={"type": "LineString", "coordinates": [[5.09, 43.6402], [5.1, 43.6402]]})
    w.issue(site_id=site.id, category="parking")
    w.issue(site_id=other.id, category="graffiti")
    w.issue(geometry=point(5.0972, 43.6405))
    gone = w.issue(site_id=site.id, category="graffiti")
    w.city.move(gone, "withdrawn").expect(200)
    w.issue(by="bailleur", visibility="internal", geometry=point())
    found = [i["id"] for i in w.city.pages(made.url + "/similar", {"limit": 1})]
    assert found == [area.id, ten_metres.id, same_site.id]


def test_recurring_demands_refer_to_the_first(world):
    first = world.issue(theme="housing", category="dwelling", component="shutters")
    again = world.issue(theme="housing", category="dwelling", component="shutters", recurrence_of_id=first.id)
    assert again.json["recurrence_of_id"] == first.id and again.json["component"] == "shutters"


# --- lists -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(as_admin, contract):
    """A programme with issues in many states, places and hands."""
    w = World(as_admin, contract)
    w.word = mark()
    w.square = w.site(tenure="public_other").id
    for n, visibility in enumerate(("public", "partners", "confidential", "internal") * 3):
        w.issue(by=("city", "bailleur", "association")[n % 3], visibility=visibility, severity=("danger", "low")[n % 2],
                title=unique(f"Éclairages {w.word}"), site_id=w.square, category=("lighting", "roads")[n // 6],
                geometry=point(5.0972 + n / 1000, 43.6401), occurred_at=f"2024-05-{n + 10}T08:00:00Z")
    w.issue(quartier_id=w.far, theme="housing")
    assigned(w, "bailleur", due_on=in_days(-2)), assigned(w, "bailleur_b", due_on=in_days(3))
    assigned(w, "association", due_on=in_days(-9), quartier_id=w.far)
    treated(w, w.service("city").id, by="city", due_on=in_days(1))
    w.city.move(treated(w, due_on=in_days(-3)), "resolved").expect(200)
    declined(w, "bailleur_b", declined(w, "bailleur"))
    w.city.move(w.issue(), "qualified").expect(200)
    w.city.move(w.issue(), "withdrawn").expect(200)
    return w


TODAY = in_days(0)
OPEN = set(STATES) - {"resolved", "duplicate", "no_action", "withdrawn"}
FILTERS = {
    "status": (["submitted", "qualified,assigned", "treated", ",".join(STATES)], lambda i, v: i["status"] in v.split(",")),
    "theme": (["outdoor", "housing", "nothing"], lambda i, v: i["theme"] == v),
    "category": (["lighting", "roads"], lambda i, v: i["category"] == v),
    "severity": (["danger", "low", "high"], lambda i, v: i["severity"] == v),
    "visibility": (["public", "confidential", "internal"], lambda i, v: i["visibility"] == v),
    "overdue": (["true", "false"], lambda i, v: i["late"] == (v == "true")),
    "orphan": (["true", "false"], lambda i, v: (i["status"] == "qualified") == (v == "true")),
    "arbitration": (["true", "false"], lambda i, v: i["arbitration"] == (v == "true")),
    "occurred_from": (["2024-05-14T08:00:00Z", "2024-05-14T10:00:01%2B02:00"],
                      lambda i, v: i["occurred_at"] >= ("2024-05-14T08:00:01" if "%2B" in v else "2024-05-14T08:00:00.000Z")),
    "occurred_to": (["2024-05-14T08:00:00Z"], lambda i, v: i["occurred_at"] < "2024-05-14T08:00:00.000Z"),
    "bbox": (["5.0971,43.64,5.0993,43.641", "5.09,43.63,5.12,43.65", "-180,-90,180,90", "2,48,2.1,48.1"],
             lambda i, v: bool(i["geometry"]) and float(v.split(",")[0]) <= i["geometry"]["coordinates"][0] <= float(v.split(",")[2])),
}
CALLERS = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "institution", "mandated", "auditor")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_what_the_list_shows_and_no_more(listed, name, caller):
    client = listed.clients[caller]
    whole = list(client.pages("/v1/issues", {"limit": 200}))
    assert whole and len({i["id"] for i in whole}) == len(whole)
    values, holds = FILTERS[name]
    for value in values:
        found = [i for i in client.get(f"/v1/issues?limit=200&{name}={value}").expect(200).items]
        assert found == [i for i in whole if holds(i, value)], value


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort,key", [
    ("-created_at", lambda i: (i["created_at"], i["id"])), ("-updated_at", lambda i: (i["updated_at"], i["id"])),
    ("due_on", lambda i: (i["due_on"] or "9999", i["id"]))])
def test_pages_of_every_sort_are_full_and_show_each_issue_once(listed, caller, sort, key):
    client, seen, cursor = listed.clients[caller], [], None
    for params in ({}, {"status": "submitted,assigned,qualified"}):
        seen, cursor = [], None
        while True:
            page = client.get("/v1/issues", {"sort": sort, "limit": 3, **params,
                                             **({"cursor": cursor} if cursor else {})}).expect(200)
            seen += page.items
            cursor = page.json["next_cursor"]
            if cursor is None:
                break
            assert len(page.items) == 3
        whole = client.get("/v1/issues", {"sort": sort, "limit": 200, **params}).items
        assert seen == whole and len({i["id"] for i in seen}) == len(seen)
        keys = [key(i)[0] for i in seen]
        assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize("caller", CALLERS)
def test_words_find_only_what_is_listed(listed, caller):
    client = listed.clients[caller]
    whole = [i for i in client.pages("/v1/issues", {"limit": 200}) if listed.word in i["title"]]
    assert list(client.pages("/v1/issues", {"q": f"eclairage {listed.word[:9]}", "limit": 5})) == whole
    assert list(client.pages("/v1/issues", {"q": f"eclairage {listed.word} absent"})) == []


@pytest.mark.parametrize("caller", ["city", "bailleur", "association", "auditor"])
def test_what_is_near_is_within_the_radius(listed, caller):
    client = listed.clients[caller]
    whole = [i for i in client.pages("/v1/issues", {"limit": 200}) if i["geometry"]]
    for radius, degrees in ((60, 0.0005), (200, 0.0022), (20000, 1)):
        found = list(client.pages("/v1/issues", {"near": "5.0992,43.6401", "radius_m": radius}))
        assert found == [i for i in whole if abs(i["geometry"]["coordinates"][0] - 5.0992) < degrees], radius
    assert ids(client, near="5.0992,43.6401") == ids(client, near="5.0992,43.6401", radius_m=100)


@pytest.mark.parametrize("near", ["5.09", "5.09,43.6,1", "200,43", "5,91", "a,b", "5.09;43.6", ""])
def test_a_place_is_a_longitude_and_a_latitude(world, near):
    answer = world.city.get("/v1/issues", {"near": near}).expect(400)
    assert answer.problem.code in ("invalid_near", "invalid_parameters")


def test_filters_combine(listed):
    w = listed
    every = {"quartier_id": w.near, "site_id": w.square, "theme": "outdoor", "category": "lighting",
             "status": "submitted,assigned", "severity": "danger", "visibility": "public",
             "reported_institution_id": w.actor["city"], "overdue": "false", "orphan": "false", "arbitration": "false",
             "occurred_from": "2024-05-10T00:00:00Z", "occurred_to": "2024-05-11T00:00:00Z",
             "bbox": "5.09,43.63,5.11,43.65", "near": "5.0972,43.6401", "radius_m": 5, "q": w.word}
    assert len(ids(w.city, **every)) == 1
    for sort in ("-created_at", "due_on", "-updated_at"):
        assert len(ids(w.city, **every, sort=sort)) == 1
    lead = {"lead_actor_id": w.actor["bailleur"], "lead_institution_id": w.actor["bailleur"], "overdue": "true"}
    assert len(ids(w.city, **lead)) == 1


def test_overdue_is_computed_and_the_lead_of_a_service_is_its_institution(listed):
    late = list(listed.city.pages("/v1/issues", {"overdue": "true", "sort": "due_on"}))
    assert [i["due_on"] for i in late] == [in_days(-9), in_days(-2)]
    mine = list(listed.city.pages("/v1/issues", {"lead_institution_id": listed.actor["city"]}))
    assert [i["lead_institution_id"] for i in mine] == [listed.actor["city"]]
    assert mine[0]["lead_actor_id"] != listed.actor["city"]


# --- batches ---------------------------------------------------------------------------------


def observation(w, **more):
    return {"client_ref": str(uuid.uuid4()), "occurred_at": "2024-05-16T08:00:00Z", "title": unique("Constat"),
            "quartier_id": w.near, "geometry": point(), "category": "lighting", "theme": "outdoor", **more}


def posted(client, items, **more):
    """What is answered of each; sent again, as one would, if the machine is
    too busy for it just now (nothing is done then)."""
    answer = client.post("/v1/issue-batches", {"items": items}, **more)
    for _ in range(3):
        if answer.status == 503:
            answer = client.post("/v1/issue-batches", {"items": items}, **more)
    return answer.expect(200).items


def test_a_walk_makes_each_issue_once_in_its_order(place):
    w = place
    items = [observation(w, occurred_at=f"2024-05-16T{8 + n // 60:02}:{n % 60:02}:00Z", title=f"Constat {n:02}")
             for n in range(40)]
    first = posted(w.association, items)
    assert [r["result"] for r in first] == ["created"] * 40
    assert [r["client_ref"] for r in first] == [i["client_ref"] for i in items]
    again = posted(w.association, items)
    assert [(r["result"], r["id"], r["ref"]) for r in again] == [("existing", r["id"], r["ref"]) for r in first]
    assert [r["id"] for r in first] == sorted(r["id"] for r in first)
    newest = w.association.get("/v1/issues", {"limit": 40}).items
    assert [i["id"] for i in newest] == [r["id"] for r in reversed(first)]
    for item, result in zip(items, first):
        made = w.association.get(f"/v1/issues/{result['id']}").expect(200).json
        assert made["title"] == item["title"] and made["occurred_at"] == item["occurred_at"].replace("Z", ".000Z")
        assert made["origin_kind"] == "walk" and made["ref"] == result["ref"] and "client_ref" not in made


def test_the_same_key_gets_the_same_answer(world):
    items, key = [observation(world)], str(uuid.uuid4())
    first, again = (posted(world.city, items, key=key) for _ in range(2))
    assert first == again and first[0]["result"] == "created"


def test_one_that_is_refused_undoes_no_other(world):
    site = world.site(quartier_id=world.far).id
    good = [observation(world) for _ in range(3)]
    bad = {
        "unknown_reference": ("/quartier_id", observation(world, quartier_id=str(uuid.uuid4()))),
        "personal_data_suspected": ("/title", observation(world, title="Appeler le 06 39 98 00 01")),
        "unknown_term": ("/category", observation(world, category="nothing")),
        "geometry_outside_territory": ("/geometry", observation(world, geometry=point(43.6, 5.1))),
        "site_in_another_quartier": ("/site_id", observation(world, site_id=site)),
        "occurred_in_the_future": ("/occurred_at", observation(world, occurred_at="2199-01-01T00:00:00Z")),
    }
    items = [good[0], *(item for _, item in bad.values()), *good[1:]]
    results = posted(world.institution, items)
    assert [r["result"] for r in results] == ["created"] + ["refused"] * len(bad) + ["created"] * 2
    for n, (code, (pointer, item)) in enumerate(bad.items(), 1):
        assert results[n] == {"client_ref": item["client_ref"], "result": "refused", "code": code,
                              "pointer": f"/items/{n}{pointer}"}
    mended = posted(world.institution, [observation(world, client_ref=items[2]["client_ref"])])
    assert mended[0]["result"] == "created"


def test_the_same_observation_twice_in_a_batch_is_one(world):
    item = observation(world)
    first, again = posted(world.city, [item, {**item, "title": "Autre titre"}])
    assert (first["result"], again["result"], again["id"]) == ("created", "existing", first["id"])


def test_numbers_of_one_device_are_not_anothers(world):
    item = observation(world)
    results = [posted(world.clients[by], [item])[0] for by in ("bailleur", "bailleur_b", "association")]
    assert [r["result"] for r in results] == ["created"] * 3 and len({r["id"] for r in results}) == 3


def test_who_may_not_report_is_refused_item_by_item(world):
    far = observation(world, quartier_id=world.far)
    assert posted(world.bailleur, [far])[0]["code"] == "unknown_reference"
    assert posted(world.facilitator, [observation(world)])[0]["code"] == "forbidden"
    assert posted(world.mandated, [observation(world)])[0]["result"] == "created"


def test_a_batch_holds_five_hundred_observations(place):
    items = [observation(place) for _ in range(500)]
    for item in items:
        item["title"] = item["title"][:20]
    assert len(json.dumps(items)) < 200 * 1024
    results = posted(place.bailleur, items)
    assert {r["result"] for r in results} == {"created"} and len({r["id"] for r in results}) == 500
    assert [r["id"] for r in results] == sorted(r["id"] for r in results)
    assert {r["result"] for r in posted(place.bailleur, items)} == {"existing"}
    answer = place.bailleur.post("/v1/issue-batches", {"items": items + [observation(place)]}).expect(422)
    assert answer.problem.code == "invalid_body"


def test_an_observation_keeps_what_its_device_calls_its_photographs(world):
    item = {**observation(world), "photo_refs": ["IMG_0042.jpg", "IMG_0043.jpg"]}
    [done] = posted(world.bailleur, [item])
    made = world.bailleur.get("/v1/issues/" + done["id"]).expect(200)
    assert made.json["photo_refs"] == item["photo_refs"]
    assert world.bailleur.patch(made, {"photo_refs": ["IMG_0043.jpg"]}).expect(200).json["photo_refs"] == ["IMG_0043.jpg"]
    for refs in (["../../etc"], ["x"] * 2, [f"IMG_{n}" for n in range(11)]):
        world.bailleur.post("/v1/issue-batches", {"items": [{**observation(world), "photo_refs": refs}]}).expect(422)


def test_a_batch_that_breaks_the_schema_does_nothing(world):
    good, bad = observation(world), observation(world)
    del bad["occurred_at"]
    answer = world.city.post("/v1/issue-batches", {"items": [good, bad]}).expect(422)
    assert answer.problem.pointers == ["/items/1/occurred_at"] or answer.problem.pointers == ["/items/1"]
    assert posted(world.city, [good])[0]["result"] == "created"


# --- history -----------------------------------------------------------------------------------


def test_each_step_is_an_event_with_its_reason(world):
    made = world.association.move(treated(world), "in_progress", comment="Toujours en panne",
                                  occurred_at="2024-05-16T08:00:00Z").expect(200)
    events = list(world.city.pages(made.url + "/history"))
    assert [e["kind"] for e in events] == ["issue.created", "issue.qualified", "issue.assigned", "issue.accepted",
                                           "issue.treated", "issue.in_progress"]
    assert events[-1]["comment"] == "Toujours en panne" and events[-1]["occurred_at"] == "2024-05-16T08:00:00.000Z"
    assert events[-1]["institution_id"] == world.actor["association"]
    assert events[2]["changes"]["lead_actor_id"] == {"before": None, "after": world.actor["bailleur"]}


def test_history_keeps_the_cause_of_a_pause_from_associations(world):
    made = world.bailleur.move(assigned(world), "accepted").expect(200)
    made = world.bailleur.move(made, "on_hold", reason_code="procurement", details={"review_on": in_days(9)}).expect(200)
    for name, shown in (("city", True), ("bailleur_b", True), ("association", False)):
        last = list(world.clients[name].pages(made.url + "/history"))[-1]
        assert ("hold_cause" in last["changes"]) == shown


def test_a_replayed_transition_is_answered_alike_and_done_once(world):
    made, key = assigned(world), str(uuid.uuid4())
    answers = [world.bailleur.move(made, "accepted", key=key).expect(200) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(list(world.city.pages(made.url + "/history"))) == 4


def test_two_who_move_at_once_are_told_apart(world):
    made = assigned(world)
    world.bailleur.move(made, "accepted").expect(200)
    assert world.bailleur.move(made, "qualified", details={"decline_reason": "budget"}).expect(412).problem.code \
        == "precondition_failed"


def test_a_state_that_is_none_is_another_refusal_than_a_step_that_is_none(world):
    assert world.city.move(world.issue(), "nowhere").expect(422).problem.code == "unknown_transition"
