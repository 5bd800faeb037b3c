"""Action sheets: from the finding to the indicators, adopted by a meeting,
their progress computed from their commitments, their costs for some."""

import pytest

from world import World, in_days, mark, unique

PARTNERS = ("city", "bailleur", "bailleur_b", "institution", "facilitator", "mandated")

# The life-cycle of the domain (C.3).
STEPS = {("draft", "consultation"), ("consultation", "adopted"), ("adopted", "annexed"), ("annexed", "running"),
         ("running", "completed"), ("completed", "evaluated"),
         *((at, "withdrawn") for at in ("draft", "consultation", "adopted"))}

# Every heading of the sheet.
WHOLE = {
    "themes": ["outdoor"], "finding": "Deux lampadaires sur trois sont éteints.",
    "objectives": ["Se déplacer le soir sans crainte", "Réduire la consommation"],
    "description": "Remplacer les candélabres de l'allée.", "method": "Par tranches, avec les locataires.",
    "calendar": [{"milestone": "Consultation", "planned_on": "2026-03-01", "actual_on": None}],
    "expected_results": "Une allée éclairée.",
    "indicators": [{"label": "Candélabres en service", "unit": "nombre", "baseline": 4, "target": 12,
                    "values": [{"on": "2026-06-30", "value": 7.5}]}],
}


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def refused(answer, status, code):
    assert answer.expect(status).problem.code == code, answer
    return answer.problem


def test_a_sheet_has_every_heading(w):
    body = {**WHOLE, "target_publics": [], "quartiers": [w.near], "partners": [w.actor["association"]],
            "means": [{"kind": "human", "label": "Chargé de secteur", "actor_id": w.actor["city"], "person_days": 12.5},
                      {"kind": "material", "label": "Nacelle", "actor_id": None}],
            "origin": [{"type": "issue", "id": w.issue().id}]}
    made = w.action_sheet(**body)
    assert {k: made.json[k] for k in body} == body
    assert "-F-" in made.json["ref"]
    assert made.json["progress"] == {"commitments": 0, "proposed": 0, "under_way": 0, "late": 0, "claimed": 0,
                                     "verified": 0, "percent": None}


def test_a_draft_is_for_partners_and_those_whom_it_names(w):
    made = w.action_sheet(partners=[w.actor["association"]])
    for name in (*PARTNERS, "association"):
        w.clients[name].get(made.url).expect(200)
    for name in ("association_b", "auditor"):
        w.clients[name].get(made.url).expect(404)
        w.clients[name].get(made.url + "/history").expect(404)
    w.city.move(made, "consultation").expect(200)
    for name in ("association_b", "auditor"):
        w.clients[name].get(made.url).expect(200)


def test_a_sheet_is_adopted_by_a_meeting_and_then_stands(w):
    made, held = w.consulted_sheet(), w.held_meeting()
    refused(w.city.move(made.url, "adopted"), 422, "guard_meeting_id_required")
    refused(w.city.move(made.url, "adopted", details={"meeting_id": held.id}), 422, "guard_adopted_by_a_meeting")
    w.decision(held, target_type="action_sheet", target_id=made.id)
    w.city.move(made.url, "adopted", details={"meeting_id": held.id}).expect(200)
    for field, value in (("title", "Autre"), ("finding", "Autre"), ("objectives", ["Moins"]), ("quartiers", [w.near]),
                         ("pilot_actor_id", w.actor["city"])):
        assert refused(w.city.patch(made.url, {field: value}), 409, "sheet_frozen").pointers[0].startswith("/")
    w.bailleur.patch(made.url, {"calendar": [{"milestone": "Pose", "actual_on": "2026-06-02"}]}).expect(200)


def test_a_sheet_is_consulted_on_with_a_finding_an_objective_and_a_pilot(w):
    for missing in ({"finding": None}, {"objectives": []}, {"pilot_actor_id": None}):
        refused(w.city.move(w.action_sheet(**missing), "consultation"), 422, "guard_sheet_is_whole")


def test_its_pilot_writes_its_part_and_no_more(w):
    made = w.action_sheet()
    told = {"indicators": WHOLE["indicators"], "calendar": WHOLE["calendar"], "means": [], "method": "Autrement"}
    assert {k: v for k, v in w.bailleur.patch(made, told).expect(200).json.items() if k in told} == told
    refused(w.bailleur.patch(made.url, {"title": "Autre"}), 403, "forbidden")
    refused(w.bailleur.patch(made.url, {"method": "Autre", "objectives": []}), 403, "forbidden")
    refused(w.bailleur_b.patch(made.url, {"method": "Autre"}), 403, "forbidden")
    refused(w.bailleur.move(made.url, "consultation"), 403, "role_forbidden")
    w.mandated.patch(made.url, {"title": "Mieux dit"}).expect(200)


def test_texts_in_its_lists_name_nobody_and_its_actors_are_known(w, as_admin, contract):
    phone = "Appeler le 06 12 34 56 78"
    for field, value in (("objectives", [phone]), ("calendar", [{"milestone": phone}]), ("indicators", [{"label": phone}]),
                         ("means", [{"kind": "human", "label": phone}]), ("method", phone)):
        assert refused(w.city.post("/v1/action-sheets", {"plan_id": w.action_plan().id,
                                                         **w.action_sheet_body(**{field: value})}),
                       422, "personal_data_suspected").pointers == ["/" + field]
    e = World(as_admin, contract, only=[])
    body = {"plan_id": w.action_plan().id, **w.action_sheet_body()}
    for field, value, at in (("means", [{"kind": "human", "label": "x", "actor_id": e.actor["city"]}], "/means/0/actor_id"),
                             ("partners", [e.actor["city"]], "/partners"), ("plan_id", e.action_plan().id, "/plan_id"),
                             ("pilot_actor_id", e.actor["city"], "/pilot_actor_id"),
                             ("origin", [{"type": "issue", "id": e.issue().id}], "/origin")):
        assert refused(w.city.post("/v1/action-sheets", {**body, field: value}), 422, "unknown_reference").pointers == [at]


def test_progress_is_that_of_the_commitments_that_the_reader_sees(w):
    sheet = w.consulted_sheet()
    w.commitment("city", sheet_id=sheet.id)  # a draft, which counts for nobody
    w.accepted(sheet_id=sheet.id, progress=50, due_on=in_days(-1))
    done = w.claimed(sheet_id=sheet.id)
    w.city.move(done.url, "verified", details={"outcome": "full"}).expect(200)
    far = w.accepted("bailleur_wide", quartiers=[w.far], sheet_id=sheet.id)
    whole = {"commitments": 3, "proposed": 0, "under_way": 2, "late": 1, "claimed": 0, "verified": 1, "percent": 50}
    for name in ("city", "institution", "auditor", "bailleur_wide"):
        assert w.clients[name].get(sheet.url).json["progress"] == whole, name
    for name in ("association", "bailleur_b", "bailleur"):
        assert w.clients[name].get(sheet.url).json["progress"] == {
            **whole, "commitments": 2, "under_way": 1, "percent": 75}, name
        assert far.id not in {c["id"] for c in w.clients[name].pages("/v1/commitments", {"sheet_id": sheet.id})}
    assert {c["id"] for c in w.institution.pages("/v1/commitments", {"sheet_id": sheet.id})} > {far.id, done.id}


def test_a_sheet_runs_and_ends_as_its_commitments_do(w, database):
    sheet = w.adopted_sheet()
    with database.cursor() as cursor:  # a convention annexes it
        cursor.execute("SET search_path = gusp, public; SELECT gusp.move('action_sheet', %s, NULL, '{\"to\": \"annexed\"}')",
                       [sheet.id])
    refused(w.city.move(sheet.url, "running"), 422, "guard_work_has_begun")
    made = w.accepted(sheet_id=sheet.id)
    w.bailleur.move(made.url, "in_progress").expect(200)
    w.city.move(sheet.url, "running").expect(200)
    refused(w.city.move(sheet.url, "completed"), 422, "guard_work_has_ended")
    w.evidence(made)
    w.bailleur.move(made.url, "claimed", details={"obtained_result": "Posé."}).expect(200)
    refused(w.city.move(sheet.url, "completed"), 422, "guard_work_has_ended")
    w.city.move(made.url, "verified", details={"outcome": "full"}).expect(200)
    w.city.move(sheet.url, "completed").expect(200)
    w.city.move(sheet.url, "evaluated").expect(200)
    refused(w.bailleur.patch(sheet.url, {"method": "Trop tard"}), 409, "sheet_frozen")


def test_costs_are_for_some_until_they_are_open(w):
    sheet, label = w.consulted_sheet(), mark()
    cost = {"planned_cents": 73190044, "funding": [{"funder_actor_id": w.actor["institution"], "kind": "state", "year": 2026,
                                                    "planned_cents": 73190055}],
            "in_kind": [{"label": f"Salle {label}", "provider_actor_id": w.actor["association"], "valued_cents": 900}]}
    w.bailleur.patch(sheet.url + "/cost", cost).expect(200)
    for name in ("city", "institution", "auditor", "bailleur"):
        assert w.clients[name].get(sheet.url).json["cost"]["planned_cents"] == 73190044
    for name in ("bailleur_b", "association", "facilitator", "mandated"):
        client = w.clients[name]
        refused(client.get(sheet.url + "/cost"), 404, "not_found")
        told = client.get(sheet.url).text + client.get(sheet.url + "/history").text \
            + client.get("/v1/action-sheets", {"limit": 200}).text
        assert "73190044" not in told and "73190055" not in told and label not in told and '"cost"' not in told
    before = w.association.get(sheet.url).etag
    w.city.patch(sheet.url + "/cost", {"actual_cents": 5}).expect(200)
    assert w.association.get(sheet.url).etag == before
    w.bailleur.patch(sheet.url + "/cost", {"open": True}).expect(200)
    assert w.association.get(sheet.url).json["cost"]["planned_cents"] == 73190044
    refused(w.association.patch(sheet.url + "/cost", {"open": False}), 403, "forbidden")


def test_who_pilots_next_does_not_learn_what_the_pilot_before_spent(w):
    sheet = w.action_sheet()
    w.bailleur.patch(sheet.url + "/cost", {"actual_cents": 73190066}).expect(200)
    w.city.patch(sheet.url, {"pilot_actor_id": w.actor["bailleur_b"]}).expect(200)
    assert w.bailleur_b.get(sheet.url + "/cost").expect(200).json["actual_cents"] is None
    assert "73190066" not in w.bailleur_b.get(sheet.url + "/history").text
    w.bailleur.get(sheet.url + "/cost").expect(404)


def test_sheets_are_found_by_what_they_say(w):
    plan, word = w.action_plan().id, mark()
    one = w.consulted_sheet(plan_id=plan, themes=["outdoor"], quartiers=[w.near], title=f"Fiche {word}")
    two = w.action_sheet(plan_id=plan, themes=["housing"], quartiers=[w.far], pilot_actor_id=w.actor["city"])
    for params, found in (({}, {one, two}), ({"theme": "housing"}, {two}), ({"quartier_id": w.near}, {one}),
                          ({"status": "consultation"}, {one}), ({"pilot_institution_id": w.actor["city"]}, {two}),
                          ({"q": word}, {one}), ({"updated_since": two.json["updated_at"]}, {two})):
        for sort in ("-created_at", "-updated_at"):
            ids = {s["id"] for s in w.city.pages("/v1/action-sheets", {"plan_id": plan, "sort": sort, **params})}
            assert ids == {s.id for s in found}, params
    assert [s["id"] for s in w.association.pages("/v1/action-sheets", {"plan_id": plan})] == [one.id]


@pytest.mark.parametrize("stage", ["draft", "consultation", "adopted"])
def test_a_sheet_is_withdrawn_with_a_reason_before_it_is_annexed(w, stage):
    make = {"draft": w.action_sheet, "consultation": w.consulted_sheet, "adopted": w.adopted_sheet}[stage]
    made = make(title=unique("Fiche"))
    refused(w.city.move(made.url, "withdrawn"), 422, "guard_comment_required")
    w.mandated.move(made.url, "withdrawn", comment="Fusionnée").expect(200)
    refused(w.city.move(made.url, "consultation"), 409, "transition_illegal")


def test_nobody_but_a_convention_annexes(w):
    made = w.adopted_sheet()
    for name in ("city", "mandated"):
        refused(w.clients[name].move(made.url, "annexed"), 403, "transition_forbidden")
