"""The demonstration programme carries the facts of the sheet of July 2007,
with fictional persons only, as each partner may see them."""

import pytest

from world import claims


@pytest.fixture(scope="module")
def programme(as_city):
    found = as_city.get("/v1/programmes").expect(200).items
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def quartiers(as_city):
    return {q["slug"]: q for q in as_city.pages("/v1/quartiers")}


@pytest.fixture(scope="module")
def actors(as_city):
    return {a["id"]: a for a in as_city.pages("/v1/actors", {"limit": 200})}


@pytest.fixture(scope="module")
def sites(as_city):
    return list(as_city.pages("/v1/sites", {"limit": 200}))


# --- the programme ----------------------------------------------------------------------------


def test_the_programme_is_the_experimental_demarche_of_salon(programme):
    assert programme["title"].startswith("GUSP Salon-de-Provence")
    assert programme["nature"] == "experimental" and programme["status"] == "active"
    assert (programme["commune_insee"], programme["departement"]) == ("13103", "13")
    assert programme["commune_name"] == "Salon-de-Provence"
    assert programme["starts_on"] == "2007-01-15" and programme["ends_on"] is None
    assert "cucs" in {s["kind"] for s in programme["schemes"]}


def test_its_definition_purpose_and_method_are_the_sheets(programme):
    assert "bon fonctionnement d’un quartier" in programme["definition"]
    assert "conditions de vie des habitants" in programme["definition"]
    for word in ("logement", "espaces extérieurs", "vie associative", "bailleurs"):
        assert word in programme["purpose"]
    for word in ("réunions de quartier", "cartographie participative", "restitutions", "réunions techniques", "fiches"):
        assert word in programme["method"]
    assert any("en marchant" in skill for skill in programme["skills"])
    assert any("Habitants" in public for public in programme["target_publics"])


def test_its_budget_is_as_empty_as_in_the_sheet(programme):
    assert programme["budget"] == {"planned_cents": None, "actual_cents": None, "currency": "EUR"}


def test_its_funders_are_known_and_their_amounts_are_not(programme, actors):
    kinds = [actors[line["funder_actor_id"]]["kind"] for line in programme["funding"]]
    assert sorted(set(kinds)) == ["bailleur", "city", "state"] and kinds.count("bailleur") == 3
    assert {line["planned_cents"] for line in programme["funding"]} == {None}
    assert {line["year"] for line in programme["funding"]} == {2007}


def test_its_objectives_are_in_order(programme):
    objectives = programme["objectives"]
    assert [o["n"] for o in objectives] == list(range(1, len(objectives) + 1)) and len(objectives) >= 4
    texts = " ".join(o["text"] for o in objectives)
    for word in ("actions concrètes", "diagnostics participatifs", "bailleurs", "convention"):
        assert word in texts


# --- the territory ------------------------------------------------------------------------------


def test_its_quartiers_are_the_three_of_the_sheet(quartiers):
    assert {"canourgues", "monaque", "bressons-blazots"} <= set(quartiers)
    for slug in ("canourgues", "monaque", "bressons-blazots"):
        statuses = quartiers[slug]["statuses"]
        assert [(s["scheme"], s["code"]) for s in statuses] == [("cucs", None)], slug
        assert quartiers[slug]["perimeter"]["type"] == "MultiPolygon"


@pytest.mark.parametrize("role", ["city", "bailleur", "association", "institution", "facilitator", "auditor"])
@pytest.mark.parametrize("question", ["bressons blazot", "Bressons-Blazots", "BRESSON", "blazots", "les blazot"])
def test_both_spellings_of_the_sheet_find_bressons_blazots(client_named, question, role):
    found = client_named(role).get("/v1/quartiers", {"q": question}).expect(200).items
    assert [q["name"] for q in found] == ["Bressons Blazots"]
    assert "Bressons Blazot" in found[0]["aliases"]


@pytest.mark.parametrize("slug,said", [
    ("bressons-blazots", {"building_repair": "vétuste", "outdoor_upkeep": "dégradés"}),
    ("canourgues", {"rental_management": "bailleurs", "mobility": "dangereuses", "outdoor_upkeep": "espaces extérieurs"}),
    ("monaque", {"participation": "solidarité", "living_together": "générations", "housing": "volets"}),
])
def test_what_the_sheet_says_of_each_quartier_is_said_of_it(as_city, quartiers, slug, said):
    texts = {}
    for statement in as_city.pages(f"/v1/quartiers/{quartiers[slug]['id']}/context"):
        assert statement["as_of_on"] == "2007-07-12"
        texts[statement["theme"]] = texts.get(statement["theme"], "") + statement["text"]
    for theme, word in said.items():
        assert word in texts[theme]


def test_the_ilot_of_canourgues_has_many_bailleurs_and_an_outdoor_that_nobody_owns_alone(sites, quartiers, actors):
    there = [s for s in sites if s["quartier_id"] == quartiers["canourgues"]["id"]]
    owners = {s["owner_actor_id"] for s in there if s["tenure"] == "bailleur_private"}
    assert len(owners) == 3 and {actors[o]["kind"] for o in owners} == {"bailleur"}
    assert any(s["tenure"] == "mixed" and s["kind"] == "outdoor" and s["owner_actor_id"] is None for s in there)
    blocks = {s["id"] for s in there if s["kind"] == "block"}
    assert {s["parent_id"] for s in there if s["kind"] == "building"} == blocks


def test_bressons_blazots_has_a_residence_in_a_severe_state_and_worn_outdoors(sites, quartiers):
    there = [s for s in sites if s["quartier_id"] == quartiers["bressons-blazots"]["id"]]
    assert ("residence", "severe") in {(s["kind"], s["condition"]) for s in there}
    assert ("outdoor", "degraded") in {(s["kind"], s["condition"]) for s in there}


# --- who takes part --------------------------------------------------------------------------------


def test_the_partners_of_the_sheet_take_part(actors):
    kinds = [a["kind"] for a in actors.values()]
    for kind in ("city", "epci", "state", "operator", "association", "social_centre", "resource_centre"):
        assert kind in kinds, kind
    services = {a["name"] for a in actors.values() if a["kind"] == "city_service"}
    assert {"Service politique de la ville", "Services techniques", "Service logement"} <= services
    assert kinds.count("bailleur") >= 3


def test_each_role_has_a_membership_to_log_in_with(client_named, access, programme):
    for role in ("city", "bailleur", "association", "institution", "facilitator", "auditor", "admin"):
        assert claims(access["tokens"][role])["role"] == role
    for role in ("bailleur_b", "association_b"):
        restricted = list(client_named(role).pages("/v1/quartiers"))
        assert 0 < len(restricted) < 3


def test_the_operator_runs_the_process_by_a_mandate_that_ends(as_city, as_facilitator, programme, access):
    member = as_city.get(f"/v1/members/{claims(access['tokens']['facilitator'])['mbr']}").expect(200).json
    assert member["mandate_scope"] and member["to_on"] is not None
    assert as_city.get(f"/v1/actors/{member['actor_id']}").json["kind"] == "operator"


def test_local_relays_are_associations(as_city, programme):
    members = list(as_city.pages(f"/v1/programmes/{programme['id']}/members", {"limit": 200}))
    assert {m["role"] for m in members if m["local_relay"]} == {"association"}


def test_the_contacts_of_the_sheet_are_there_with_all_their_kinds(as_city):
    contacts = list(as_city.pages("/v1/contacts", {"limit": 200}))
    kinds = [c["kind"] for c in contacts]
    assert kinds.count("resource_person") == 2
    assert {"resource_person", "operational_team", "similar_operator", "academic_expert", "institutional_network",
            "documentation"} <= set(kinds)
    assert {"Claire Martin", "Anne Dubois", "Sophie Bernard", "Marie Petit"} <= {c["name"] for c in contacts}


def test_nobody_in_the_demonstration_can_be_reached(as_city):
    """Reserved names and numbers only."""
    for contact in as_city.pages("/v1/contacts", {"limit": 200}):
        assert contact["email"] is None or contact["email"].endswith(".example.org")
        assert contact["phone"] is None or contact["phone"].startswith("01 99 00 ")
        assert contact["website"] is None or contact["website"].endswith(".example.org")


def test_the_auditor_reads_the_contacts_without_what_is_personal(as_auditor):
    contacts = list(as_auditor.pages("/v1/contacts", {"limit": 200}))
    assert len(contacts) >= 7 and not any({"email", "phone"} & set(c) for c in contacts)


# --- what was entered, by whom ---------------------------------------------------------------------


def test_every_record_has_its_author_in_its_history(as_city, sites, programme):
    paths = [f"/v1/sites/{s['id']}" for s in sites] + [f"/v1/programmes/{programme['id']}"]
    for path in paths:
        first = as_city.get(path + "/history").expect(200).items[0]
        assert first["kind"].endswith(".created") and first["role"] in ("city", "bailleur", "admin"), path
        assert first["actor_id"] is not None and first["client_id"] is not None


def test_each_bailleur_entered_its_own_patrimony(as_city, sites, actors):
    for site in sites:
        if site["tenure"] == "bailleur_private":
            first = as_city.get(f"/v1/sites/{site['id']}/history").items[0]
            assert first["institution_id"] == actors[site["owner_actor_id"]]["institution_id"]


def test_the_rules_of_responsibility_name_the_shared_outdoor(as_city, sites, actors):
    rules = list(as_city.pages("/v1/responsibility-rules"))
    shared = {s["id"] for s in sites if s["tenure"] == "mixed"}
    assert any(r["match_site_id"] in shared and len(r["contributors"]) >= 3 for r in rules)
    assert any(r["match_category"] == "dangerous_traffic" for r in rules)
    assert all(r["lead_actor_id"] in actors for r in rules)


# --- meetings, and what came of them ---------------------------------------------------------------


@pytest.fixture(scope="module")
def meetings(as_city):
    """Of each kind, the earliest first."""
    found = {}
    for meeting in as_city.pages("/v1/meetings", {"sort": "starts_at", "limit": 200}):
        found.setdefault(meeting["kind"], []).append(meeting)
    return found


def only(meetings, kind):
    meeting, = meetings[kind]
    return meeting


def below(client, meeting, what, **params):
    return list(client.pages(f"/v1/meetings/{meeting['id']}/{what}", params))


def rate(client, meeting):
    return client.get("/v1/answers-due/rate", {"meeting_id": meeting["id"]}).expect(200).json


def test_the_demarche_had_each_kind_of_meeting_of_the_sheet(meetings):
    said = {kind: [m["status"] for m in found] for kind, found in meetings.items()}
    assert said == {
        "neighbourhood": ["minutes_published"], "resident_workshop": ["minutes_published"], "walk": ["minutes_draft"],
        "interview": ["held"], "restitution": ["minutes_published"], "technical": ["minutes_published"],
        "inter_bailleurs": ["minutes_published", "minutes_published", "planned"],
        "steering_committee": ["minutes_published"]}


def test_residents_are_counts(as_city, meetings):
    counted = {kind: only(meetings, kind)["attendance"]["residents"]
               for kind in ("neighbourhood", "resident_workshop", "walk", "restitution")}
    assert counted == {"neighbourhood": 57, "resident_workshop": 23, "walk": 14, "restitution": 31}
    for kind in counted:
        for line in below(as_city, only(meetings, kind), "attendance", kind="residents"):
            assert line["present_count"] > 0 and line["actor_id"] is None


def test_the_association_that_hosts_a_meeting_counted_its_residents(as_city, meetings, actors):
    for kind, host in (("neighbourhood", "Centre social du Cèdre"), ("resident_workshop", "Les Voisins de la Monaque")):
        for line in below(as_city, only(meetings, kind), "attendance", kind="residents"):
            first = as_city.get(f"/v1/attendance/{line['id']}/history").expect(200).items[0]
            assert actors[first["actor_id"]]["name"] == host


def test_the_neighbourhood_meeting_of_canourgues_has_priorities_and_one_answer_overdue(
        as_city, as_bailleur, meetings, quartiers):
    meeting = only(meetings, "neighbourhood")
    assert meeting["quartiers"] == [quartiers["canourgues"]["id"]]
    assert [p["n"] for p in meeting["priorities"]] == [1, 2, 3]
    assert meeting["minutes_version"] == 1 and meeting["answers_due_on"] is not None
    figures = rate(as_city, meeting)
    assert (figures["numerator"], figures["denominator"], figures["rate"], figures["overdue"]) == (4, 5, 80.0, 1)
    late = {line["name"]: line["overdue"] for line in figures["by_institution"]}
    assert late == {"Ville de Salon-de-Provence (démonstration)": 0, "Logis des Alpilles": 0, "Toits de la Crau": 1}
    debt, = as_bailleur.get("/v1/answers-due", {"meeting_id": meeting["id"], "overdue": "true"}).expect(200).items
    assert debt["late"] and debt["origin_type"] == "issue"
    issue = as_bailleur.get(f"/v1/issues/{debt['origin_id']}").expect(200).json
    assert (issue["title"], issue["origin_meeting_id"]) == ("Interphone muet au bâtiment C", meeting["id"])


def test_nine_of_the_twelve_answers_due_for_the_workshop_are_given(as_city, meetings):
    figures = rate(as_city, only(meetings, "resident_workshop"))
    assert (figures["numerator"], figures["denominator"], figures["rate"], figures["overdue"]) == (9, 12, 75.0, 0)
    assert figures["exclusions"] == {"waived": 0, "merged": 0}


def test_the_map_of_the_workshop_shows_points_a_path_and_an_area(as_city, meetings):
    features = as_city.get("/v1/contributions.geojson", {
        "meeting_id": only(meetings, "resident_workshop")["id"], "limit": 200}).expect(200).json["features"]
    shapes = [f["geometry"] and f["geometry"]["type"] for f in features]
    assert {shape: shapes.count(shape) for shape in shapes} == {"Point": 10, "LineString": 1, "Polygon": 1, None: 1}
    of_kind = {f["properties"]["kind"]: f["geometry"] and f["geometry"]["type"] for f in features}
    assert set(of_kind) == {"problem", "asset", "use", "idea", "path", "feeling"} and of_kind["path"] == "LineString"


def test_what_the_workshop_gathered_was_sorted_under_pseudonyms(as_city, as_auditor, meetings):
    there = {"meeting_id": only(meetings, "resident_workshop")["id"], "limit": 200}
    said = {c["contributor_code"]: c for c in as_city.pages("/v1/contributions", there)}
    assert set(said) == {f"MON-{n:02}" for n in range(1, 14)}
    assert sorted(c["status"] for c in said.values()) == ["answered"] * 9 + ["linked", "merged", "retained", "set_aside"]
    assert said["MON-08"]["merged_into_id"] == said["MON-07"]["id"] and said["MON-10"]["set_aside_reason"]
    demands = [link["id"] for code in ("MON-02", "MON-03", "MON-12") for link in said[code]["links"]]
    assert {as_city.get(f"/v1/issues/{i}").json["component"] for i in demands} == {"shutters", "balconies", "sanitary"}
    assert not any("contributor_code" in c for c in as_auditor.pages("/v1/contributions", there))


def test_the_relay_that_gathered_some_words_brought_their_answers(as_city, meetings, actors):
    there = {"meeting_id": only(meetings, "resident_workshop")["id"]}
    brought = [c["contributor_code"] for c in as_city.pages("/v1/contributions", there)
               if c["answer"] and actors[c["answer"]["by_actor_id"]]["name"] == "Les Voisins de la Monaque"]
    assert sorted(brought) == ["MON-01", "MON-09", "MON-11"]


def test_the_walk_of_bressons_blazots_gave_forty_numbered_observations(as_city, meetings, quartiers):
    walk = only(meetings, "walk")
    assert walk["quartiers"] == [quartiers["bressons-blazots"]["id"]]
    assert [g["code"] for g in walk["groups"]] == ["A", "B"] and len(walk["stops"]) == 8
    assert walk["route"]["coordinates"] == [s["point"]["coordinates"] for s in walk["stops"]]
    seen = list(as_city.pages("/v1/issues", {"meeting_id": walk["id"], "limit": 200}))
    assert len(seen) == 40 and len({i["title"] for i in seen}) == 40
    assert {i["origin_kind"] for i in seen} == {"walk"}
    stops = [i["origin_stop_n"] for i in seen]
    assert {n: stops.count(n) for n in stops} == {n: 5 for n in range(1, 9)}
    assert {i["description"] for i in seen} == {
        f"Constat n° {n}, groupe {'A' if n <= 20 else 'B'}." for n in range(1, 41)}


def test_nothing_is_owed_for_the_walk_before_its_minutes_are_published(as_city, meetings):
    figures = rate(as_city, only(meetings, "walk"))
    assert (figures["denominator"], figures["rate"]) == (0, None)


def test_the_bailleurs_meet_each_month_and_are_counted_by_institution(as_city, meetings):
    series, = as_city.get("/v1/meeting-series").expect(200).items
    assert (series["kind"], series["rhythm"]) == ("inter_bailleurs", "monthly")
    assert {m["series_id"] for m in meetings["inter_bailleurs"]} == {series["id"]}
    came = [{name: m["attendance"]["institutions_" + name] for name in ("invited", "present", "excused", "absent")}
            for m in meetings["inter_bailleurs"][:2]]
    assert came == [{"invited": 5, "present": 5, "excused": 0, "absent": 0},
                    {"invited": 5, "present": 3, "excused": 1, "absent": 1}]


def test_who_is_excused_said_so_itself(as_city, meetings, actors):
    invitation, = below(as_city, meetings["inter_bailleurs"][1], "invitations", status="excused")
    assert actors[invitation["institution_id"]]["name"] == "Toits de la Crau"
    last = as_city.get(f"/v1/invitations/{invitation['id']}/history").expect(200).items[-1]
    assert (last["kind"], last["actor_id"]) == ("invitation.excused", invitation["institution_id"])


def test_the_slab_that_two_owners_declined_is_on_the_next_agenda_by_itself(as_city, as_bailleur, meetings):
    slab, = as_city.get("/v1/issues", {"arbitration": "true"}).expect(200).items
    assert slab["title"].startswith("Dalle piétonne") and slab["bounce_count"] == 2
    for client in (as_city, as_bailleur):
        points = below(client, meetings["inter_bailleurs"][2], "agenda-points")
        assert [(p["issue_id"], p["automatic"], p["status"]) for p in points] \
            == [(slab["id"], True, "accepted"), (None, False, "proposed")]
    for earlier in meetings["inter_bailleurs"][:2]:
        assert below(as_city, earlier, "agenda-points") == []


def test_the_committee_decided_and_the_technical_meeting_named_the_crossing(as_city, meetings):
    decision, = below(as_city, only(meetings, "steering_committee"), "decisions")
    assert "plan d’actions" in decision["text"] and decision["target_id"] is None
    decision, = below(as_city, only(meetings, "technical"), "decisions")
    assert decision["target_type"] == "issue"
    assert as_city.get(f"/v1/issues/{decision['target_id']}").json["title"].startswith("Traversée dangereuse")


def test_the_diagnosis_of_monaque_was_shared_and_told_back(as_city, client_named, meetings, quartiers):
    diagnosis, = as_city.get("/v1/diagnoses").expect(200).items
    assert diagnosis["quartier_id"] == quartiers["monaque"]["id"] and diagnosis["status"] == "restituted"
    assert diagnosis["restitutions"] == [only(meetings, "restitution")["id"]]
    client_named("association_b").get(f"/v1/diagnoses/{diagnosis['id']}").expect(200)
    client_named("bailleur_b").get(f"/v1/diagnoses/{diagnosis['id']}").expect(404)


def test_its_findings_come_from_residents_and_from_issues_and_others_agree(as_city, actors):
    diagnosis, = as_city.get("/v1/diagnoses").expect(200).items
    findings = list(as_city.pages(f"/v1/diagnoses/{diagnosis['id']}/findings"))
    assert [f["polarity"] for f in findings] == ["asset", "problem", "neutral", "problem", "problem"]
    kinds = [s["type"] for f in findings for s in f["sources"]]
    assert {k: kinds.count(k) for k in kinds} == {"contribution": 10, "issue": 7, "statistic": 1}
    grouped = [s["id"] for s in findings[1]["sources"] if s["type"] == "issue"]
    assert {as_city.get(f"/v1/issues/{i}").json["component"] for i in grouped} == {"shutters", "balconies", "insulation", "sanitary"}
    agreed = {actors[a]["name"] for a in findings[1]["agreed_by"]}
    assert agreed == {"Ville de Salon-de-Provence (démonstration)", "Habitat du Levant", "Les Voisins de la Monaque"}
    assert all(len(f["agreed_by"]) >= 2 for f in findings)
