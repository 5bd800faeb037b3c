"""Diagnoses: what is found of a quartier, shared with it, told back to its
residents, then validated; and their findings, with sources and agreements."""

import uuid

import pytest

from world import World, unique

STATES = ("open", "shared", "restituted", "validated", "archived")
CALLERS = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "association_b", "institution",
           "facilitator", "mandated", "auditor")
WRITERS = {"city", "mandated"}
PHONE = "Appeler le 06 39 98 00 01"
STATISTIC = {"type": "statistic", "text": "14 lampadaires sur 22 en panne, relevé de mars 2026"}


@pytest.fixture(scope="module")
def place(as_admin, contract):
    return World(as_admin, contract)


def meeting(w, kind, **more):
    """One that could take place by now."""
    return w.make("/v1/meetings", {"kind": kind, "title": unique("Réunion"), "quartiers": [w.near],
                                   "starts_at": "2024-05-16T18:00:00Z", **more})


def restitution(w, held=True):
    """A meeting that tells residents of a diagnosis."""
    made = meeting(w, "restitution")
    for to in ("called", "held") if held else ():
        made = w.city.move(made.url, to, if_match="*").expect(200)
    return made


def reach(w, state, **more):
    made = w.diagnosis(restitutions=[w.told.id], **more)
    for to in STATES[1:STATES.index(state) + 1]:
        made = w.city.move(made, to).expect(200)
    return made


@pytest.fixture(scope="module", autouse=True)
def told(place):
    place.told = restitution(place)


def seeing(w, url):
    found = set()
    for name in CALLERS:
        answer = w.clients[name].get(url)
        assert answer.status in (200, 404), answer
        listed = url.rsplit("/", 1)[1] in {d["id"] for d in w.clients[name].pages("/v1/diagnoses", {"limit": 200})}
        assert listed == (answer.status == 200), name
        found |= {name} if listed else set()
    return found


# --- diagnoses -----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["city", "mandated"])
def test_a_diagnosis_is_begun_by_the_city_or_by_mandate(place, by):
    made = place.diagnosis(by=by, period_from_on="2026-01-01", period_to_on="2026-12-31").json
    assert made["status"] == "open" and made["restitutions"] == [] and made["shared_at"] is None
    assert made["allowed_transitions"] == ["shared"]
    answer = place.facilitator.post("/v1/diagnoses", place.diagnosis_body()).expect(403)
    assert answer.problem.code == "forbidden"


def test_a_diagnosis_is_of_a_quartier_that_is_there_and_ends_after_it_starts(place):
    answer = place.city.post("/v1/diagnoses", place.diagnosis_body(quartier_id=str(uuid.uuid4()))).expect(422)
    assert answer.problem.pointers == ["/quartier_id"]
    body = place.diagnosis_body(period_from_on="2026-02-01", period_to_on="2026-01-01")
    assert place.city.post("/v1/diagnoses", body).expect(422).problem.code == "diagnosis_ends_after_start"


def test_a_diagnosis_is_for_those_who_write_it_until_it_is_shared(place):
    made = place.diagnosis()
    place.finding(made)
    assert seeing(place, made.url) == WRITERS
    for name in set(CALLERS) - WRITERS:
        place.clients[name].get(made.url + "/findings").expect(404)
        place.clients[name].get(made.url + "/history").expect(404)
    shared = place.mandated.move(made, "shared").expect(200)
    assert shared.json["shared_at"] and seeing(place, made.url) == set(CALLERS)
    for name in CALLERS:
        finding, = place.clients[name].get(made.url + "/findings").expect(200).items
        events = place.clients[name].get(f"/v1/findings/{finding['id']}/history").expect(200).items
        assert len(events) == (1 if name in WRITERS else 0)


def test_a_shared_diagnosis_is_for_its_quartier(place):
    made = place.shared_diagnosis(quartier_id=place.far)
    assert seeing(place, made.url) == set(CALLERS) - {"bailleur", "bailleur_b", "association", "association_b"}


# The table of the domain (C.3); validating is the city's, who mandates.
STEPS = {
    ("open", "shared"): {"city", "mandated"},
    ("shared", "restituted"): {"city", "mandated"},
    ("restituted", "validated"): {"city"},
    ("validated", "archived"): {"city"},
}


@pytest.mark.parametrize("state", STATES)
def test_each_step_is_for_those_whom_the_table_names(place, state):
    w, wrong, made = place, [], reach(place, state)
    for name in CALLERS:
        read = w.clients[name].get(made.url)
        assert read.status == (200 if name in WRITERS or state != "open" else 404)
        if read.status == 200:
            assert set(read.json["allowed_transitions"]) == {
                to for (at, to), who in STEPS.items() if at == state and name in who}
        for to in STATES:
            may = [who for (_, target), who in STEPS.items() if target == to and name in who]
            if name not in WRITERS | {"facilitator"}:
                status = 403  # by its role
            elif read.status == 404:
                status = 404
            elif to == "open":
                status = 422
            elif not may:
                status = 403
            else:
                status = 200 if (state, to) in STEPS else 409
            answer = w.clients[name].move(made.url, to, if_match="*")
            if answer.status != status:
                wrong.append(f"{name}: {state} -> {to}: {status} expected, {answer!r}")
            if answer.status == 200:
                assert answer.json["status"] == to
                made = reach(w, state)
    assert not wrong, "\n".join(wrong)


def test_the_table_in_the_database_has_these_steps_and_no_other(database):
    with database.cursor() as cursor:
        cursor.execute("SELECT from_state, to_state FROM gusp.transition WHERE noun = 'diagnosis'")
        assert set(cursor.fetchall()) == set(STEPS)


def test_restituting_names_a_meeting_of_restitution(place):
    made = place.shared_diagnosis()
    assert place.city.move(made, "restituted").expect(422).problem.code == "guard_restitution_named"
    answer = place.city.patch(made, {"restitutions": [str(uuid.uuid4())]}).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/restitutions"]
    for other in (meeting(place, "neighbourhood"), meeting(place, "restitution", quartiers=[place.far])):
        answer = place.city.patch(made, {"restitutions": [place.told.id, other.id]}).expect(422)
        assert answer.problem.code == "not_a_restitution" and answer.problem.pointers == ["/restitutions"]
    made = place.mandated.patch(made, {"restitutions": [place.told.id]}).expect(200)
    assert place.mandated.move(made, "restituted").expect(200).json["restitutions"] == [place.told.id]


def test_validating_waits_for_a_restitution_that_was_held(place):
    planned = restitution(place, held=False)
    made = place.city.patch(place.shared_diagnosis(), {"restitutions": [planned.id]}).expect(200)
    made = place.city.move(made, "restituted").expect(200)
    assert place.city.move(made, "validated").expect(422).problem.code == "guard_restitution_held"
    made = place.city.patch(made, {"restitutions": [planned.id, place.told.id]}).expect(200)
    done = place.city.move(made, "validated").expect(200)
    assert done.json["validated_at"] and done.json["allowed_transitions"] == ["archived"]


@pytest.mark.parametrize("state", ["validated", "archived"])
def test_what_is_validated_does_not_change(place, state):
    made = place.diagnosis(restitutions=[place.told.id])
    finding = place.finding(made)
    for to in STATES[1:STATES.index(state) + 1]:
        made = place.city.move(made, to).expect(200)
    assert place.city.patch(made, {"version_label": "Autre"}).expect(409).problem.code == "frozen"
    assert place.city.patch(made, {}).expect(200).json["version"] == made.json["version"]
    assert place.city.post(made.url + "/findings", place.finding_body()).expect(409).problem.code == "frozen"
    assert place.city.patch(finding, {"priority": "low"}).expect(409).problem.code == "frozen"
    assert place.city.move(finding, "archived").expect(409).problem.code == "frozen"
    assert place.city.get(finding.url).json["allowed_transitions"] == []
    answer = place.bailleur.post(finding.url + "/agreement", {"agrees": True}).expect(409)
    assert answer.problem.code == "frozen"


def test_the_quartier_is_fixed_once_shared(place):
    made = place.city.patch(place.diagnosis(), {"quartier_id": place.far}).expect(200)
    made = place.city.move(made, "shared").expect(200)
    answer = place.city.patch(made, {"quartier_id": place.near}).expect(422)
    assert answer.problem.code == "immutable_field" and answer.problem.pointers == ["/quartier_id"]


def test_versions_of_a_quartier_follow_each_other_one_by_one(place):
    first = place.diagnosis()
    second = place.diagnosis(previous_id=first.id)
    assert second.json["previous_id"] == first.id
    answer = place.city.post("/v1/diagnoses", place.diagnosis_body(previous_id=first.id)).expect(409)
    assert answer.problem.code == "already_exists" and answer.problem.pointers == ["/previous_id"]
    third = place.diagnosis(previous_id=second.id)
    found, = place.city.get("/v1/diagnoses", {"previous_id": second.id}).expect(200).items
    assert found["id"] == third.id
    assert place.city.patch(third, {"previous_id": None}).expect(422).problem.pointers == ["/previous_id"]
    answer = place.city.patch(third, {"quartier_id": place.far}).expect(422)
    assert answer.problem.code == "previous_in_another_quartier"
    elsewhere = place.diagnosis(quartier_id=place.far)
    answer = place.city.post("/v1/diagnoses", place.diagnosis_body(previous_id=elsewhere.id)).expect(422)
    assert answer.problem.code == "previous_in_another_quartier" and answer.problem.pointers == ["/previous_id"]


def test_a_stale_change_is_refused(place):
    made = place.diagnosis()
    place.city.patch(made, {"version_label": "Autre"}).expect(200)
    assert place.city.patch(made, {"version_label": "Encore"}).expect(412).problem.code == "precondition_failed"
    assert place.city.move(made, "shared").expect(412).problem.code == "precondition_failed"
    place.facilitator.patch(place.shared_diagnosis(), {"version_label": "Autre"}).expect(403)


@pytest.mark.parametrize("sort", ["-created_at", "-updated_at"])
def test_diagnoses_are_listed_by_quartier_state_and_order(place, sort):
    for client in (place.city, place.bailleur, place.auditor):
        whole = list(client.pages("/v1/diagnoses", {"sort": sort, "limit": 3}))
        assert whole == client.get("/v1/diagnoses", {"sort": sort, "limit": 200}).items
        keys = [d[sort[1:]] for d in whole]
        assert keys == sorted(keys, reverse=True)
        for params, holds in (({"quartier_id": place.near}, lambda d: d["quartier_id"] == place.near),
                              ({"status": "shared,validated"}, lambda d: d["status"] in ("shared", "validated")),
                              ({"status": "open"}, lambda d: d["status"] == "open")):
            found = list(client.pages("/v1/diagnoses", {"sort": sort, "limit": 200, **params}))
            assert found == [d for d in whole if holds(d)]


# --- findings -------------------------------------------------------------------------------


def test_findings_are_numbered_in_the_order_of_a_diagnosis(place):
    made = place.diagnosis()
    for polarity in ("asset", "problem", "neutral"):
        place.finding(made, polarity=polarity, theme="housing" if polarity == "asset" else "outdoor",
                      priority="high" if polarity == "problem" else None)
    items = place.city.get(made.url + "/findings").expect(200).items
    assert [(f["n"], f["polarity"]) for f in items] == [(1, "asset"), (2, "problem"), (3, "neutral")]
    for params, numbers in (({"theme": "outdoor"}, [2, 3]), ({"polarity": "asset"}, [1]), ({"priority": "high"}, [2])):
        assert [f["n"] for f in place.city.get(made.url + "/findings", params).expect(200).items] == numbers
    assert [f["n"] for f in place.city.pages(made.url + "/findings", {"limit": 1})] == [1, 2, 3]
    place.city.move(f"/v1/findings/{items[1]['id']}", "archived").expect(200)
    assert [f["n"] for f in place.city.get(made.url + "/findings").items] == [1, 3]
    assert place.finding(made).json["n"] == 4


def test_findings_name_terms_and_nobody(place):
    made = place.diagnosis()
    answer = place.city.post(made.url + "/findings", place.finding_body(theme="nowhere")).expect(422)
    assert answer.problem.code == "unknown_term" and answer.problem.pointers == ["/theme"]
    answer = place.city.post(made.url + "/findings", place.finding_body(statement=PHONE)).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/statement"]
    sources = [STATISTIC, {**STATISTIC, "text": PHONE}]
    answer = place.city.post(made.url + "/findings", place.finding_body(sources=sources)).expect(422)
    assert answer.problem.pointers == ["/sources/1/text"]


def test_sources_are_records_that_the_caller_sees_or_statistics_in_words(place):
    made = place.diagnosis()
    good = [STATISTIC, {"type": "contribution", "id": place.contribution().id, "text": "Dit en atelier"},
            {"type": "issue", "id": place.issue().id}, {"type": "meeting", "id": place.told.id}]
    finding = place.finding(made, sources=good)
    assert finding.json["sources"] == good
    hidden = place.issue(by="bailleur", visibility="internal")
    for source in ({"type": "issue", "id": hidden.id}, {"type": "contribution", "id": str(uuid.uuid4())},
                   {"type": "meeting", "id": good[2]["id"]}):
        answer = place.city.patch(finding, {"sources": [STATISTIC, source]}).expect(422)
        assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/sources/1/id"]
    for source in ({"type": "statistic"}, {**STATISTIC, "id": good[1]["id"]}, {"type": "issue", "text": "Oui"}):
        answer = place.city.patch(finding, {"sources": [source]}).expect(422)
        assert answer.problem.code == "source_incomplete" and answer.problem.pointers == ["/sources/0"]
    assert place.city.patch(finding, {"sources": []}).expect(200).json["sources"] == []


def test_each_institution_agrees_for_itself(place):
    finding = place.finding()
    for name in ("bailleur", "association", "institution", "city"):
        said = place.clients[name].post(finding.url + "/agreement", {"agrees": True}).expect(200)
        assert said.json["agreed_by"][-1] == place.actor[name]
    assert len(said.json["agreed_by"]) == 4
    again = place.bailleur.post(finding.url + "/agreement", {"agrees": True}).expect(200)
    assert again.json == place.bailleur.get(finding.url).json and again.json["version"] == said.json["version"]
    left = place.bailleur.post(finding.url + "/agreement", {"agrees": False}).expect(200).json["agreed_by"]
    assert place.actor["bailleur"] not in left and len(left) == 3
    event = list(place.city.pages(finding.url + "/history"))[-1]
    assert event["institution_id"] == place.actor["bailleur"] and set(event["changes"]) == {"agreed_by"}
    for name in ("facilitator", "mandated", "auditor"):
        answer = place.clients[name].post(finding.url + "/agreement", {"agrees": True}).expect(403)
        assert answer.problem.code == "role_forbidden"


def test_a_service_agrees_for_its_institution(place):
    place.join("city", "works", actor=place.service("city", kind="city_service").id)
    finding = place.finding()
    said = place.works.post(finding.url + "/agreement", {"agrees": True}).expect(200)
    assert said.json["agreed_by"] == [place.actor["city"]]


def test_agreement_is_with_these_words(place):
    finding = place.finding()
    place.bailleur.post(finding.url + "/agreement", {"agrees": True}).expect(200)
    kept = place.city.patch(finding.url, {"priority": "low"}, if_match="*").expect(200)
    assert kept.json["agreed_by"] == [place.actor["bailleur"]]
    changed = place.city.patch(kept, {"statement": unique("Autrement dit")}).expect(200)
    assert changed.json["agreed_by"] == []


def test_agreement_waits_for_what_is_shared_and_seen(place):
    hidden = place.finding(place.diagnosis())
    answer = place.city.post(hidden.url + "/agreement", {"agrees": True}).expect(409)
    assert answer.problem.code == "diagnosis_not_shared"
    place.bailleur.post(hidden.url + "/agreement", {"agrees": True}).expect(404)
    far = place.finding(place.shared_diagnosis(quartier_id=place.far))
    place.bailleur.post(far.url + "/agreement", {"agrees": True}).expect(404)
    assert place.city.get(far.url).json["agreed_by"] == []
    place.bailleur_wide.post(far.url + "/agreement", {"agrees": True}).expect(200)


def test_findings_are_written_like_their_diagnosis(place):
    made = place.shared_diagnosis()
    finding = place.finding(made, by="mandated")
    place.facilitator.post(made.url + "/findings", place.finding_body()).expect(403)
    place.facilitator.patch(finding, {"priority": "low"}).expect(403)
    place.bailleur.patch(finding, {"priority": "low"}).expect(403)
    assert place.city.patch(finding, {}).expect(200).json["version"] == finding.json["version"]
    assert place.city.patch(finding, {"agreed_by": []}).expect(422).problem.pointers == ["/agreed_by"]
    place.city.post(f"/v1/diagnoses/{uuid.uuid4()}/findings", place.finding_body()).expect(404)
