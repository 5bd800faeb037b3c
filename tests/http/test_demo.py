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
