"""Context: what is said of a quartier, about places and never about persons."""

import pytest

from world import mark, unique

PERSONAL = [
    "Écrire à jean.dupont@example.org pour la clé",
    "Rappeler au 01 99 00 00 01 le soir",
    "Rappeler au 0199000001",
    "Rappeler au 01.99.00.00.01",
    "Joindre au +33 1 99 00 00 01",
    "Joindre au +33 (0)1 99 00 00 01",
    "N° 1 85 05 78 006 084 36",
    "Numéro 185057800608436",
    "Un véhicule AB-123-CD stationne",
    "Un véhicule ab-123-cd stationne",
    "Épave immatriculée AB 123 CD",
    "Épave 123 ABC 13 devant l'entrée",
]
IMPERSONAL = [
    "Vitesse excessive avenue principale, entre 17 h et 19 h.",
    "Réunion du 12 07 2007, 14 h 30, salle 12.",
    "Budget de 1 500 000 euros, soit 150 000 000 centimes.",
    "48 logements en 2007, 36 en 2008, 112 au total.",
    "Bâtiment A, entrées 1-3-5 ; îlot B-12.",
    "SIRET 732 829 320 00074, convention n° 2007-13-103.",
    "Parcelle AB 123, section CD ; lot 45 HLM 13.",
    "Coordonnées 43.6401, 5.0972.",
    "Une dame âgée du quartier entretient les massifs.",
    "Code QP013001, INSEE 13103.",
]


def ids(client, quartier, **params):
    return {c["id"] for c in client.pages(f"/v1/quartiers/{quartier}/context", params)}


@pytest.fixture
def quartier(world):
    """One that says nothing yet."""
    return world.quartier().id


@pytest.mark.parametrize("text", PERSONAL)
def test_a_text_that_seems_to_name_a_person_is_refused(world, text):
    path = f"/v1/quartiers/{world.near}/context"
    answer = world.city.post(path, world.context_body(text=text)).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/text"]
    made = world.context()
    answer = world.city.patch(made, {"text": text}).expect(422)
    assert answer.problem.code == "personal_data_suspected"
    assert text not in answer.text


@pytest.mark.parametrize("text", IMPERSONAL)
def test_a_text_about_places_passes(world, text):
    assert world.context(text=text).json["text"] == text


@pytest.mark.parametrize("body,pointer,code", [
    ({"theme": "nothing"}, "/theme", "unknown_term"), ({"theme": "graffiti"}, "/theme", "unknown_term"),
    ({"text": ""}, "/text", "invalid_body"), ({"as_of_on": "2024-02-30"}, "/as_of_on", "invalid_body"),
    ({"visibility": "secret"}, "/visibility", "invalid_body"), ({"quartier_id": "x"}, "/quartier_id", "invalid_body"),
    ({"institution_id": "x"}, "/institution_id", "invalid_body"), ({"theme": None}, "/theme", "invalid_body"),
])
def test_a_faulty_statement_is_refused_and_its_fault_named(world, body, pointer, code):
    answer = world.city.post(f"/v1/quartiers/{world.near}/context", world.context_body(**body)).expect(422)
    assert (answer.problem.code, answer.problem.pointers) == (code, [pointer])
    answer = world.city.patch(world.context(), body).expect(422)
    assert (answer.problem.code, answer.problem.pointers) == (code, [pointer])


def test_a_statement_is_for_partners_and_its_authors_institution_is_kept(world):
    made = world.context(by="mandated")
    assert made.json["visibility"] == "partners"
    assert made.json["institution_id"] == world.actor["mandated"]
    changed = world.city.patch(made, {"visibility": "public"}).expect(200)
    assert changed.json["institution_id"] == world.actor["mandated"]


def test_nothing_is_said_of_a_quartier_that_is_not_there(world):
    for id in (mark(), "01890a5d-ac96-774b-bcce-b302099a8057"):
        status = 404 if "-" in id else 400
        world.city.get(f"/v1/quartiers/{id}/context").expect(status)
        world.city.post(f"/v1/quartiers/{id}/context", world.context_body()).expect(status)


def test_statements_are_filtered_and_the_latest_come_first(world, quartier):
    old = world.context(quartier, theme="housing", as_of_on="2007-07-12", visibility="public").id
    new = world.context(quartier, theme="mobility", as_of_on="2024-03-18", visibility="internal").id
    mid = world.context(quartier, theme="outdoor", as_of_on="2015-01-01").id
    path = f"/v1/quartiers/{quartier}/context"
    assert [c["id"] for c in world.city.pages(path, {"limit": 1})] == [new, mid, old]
    assert [c["id"] for c in world.city.pages(path, {"limit": 2, "sort": "-updated_at"})] == [mid, new, old]
    assert ids(world.city, quartier, theme="housing,mobility") == {old, new}
    assert ids(world.city, quartier, visibility="public,partners") == {old, mid}
    assert ids(world.city, quartier, theme="housing", visibility="partners") == set()
    assert ids(world.institution, quartier) == {old, mid}


def test_a_statement_is_archived_and_brought_back(world, quartier):
    made = world.context(quartier)
    archived = world.city.move(made, "archived").expect(200)
    assert ids(world.city, quartier) == set() and ids(world.city, quartier, status="archived") == {made.id}
    world.city.move(archived, "active").expect(200)
    assert ids(world.city, quartier, status="active") == {made.id}


def test_history_of_a_statement_tells_its_text(world):
    made = world.context(text="Avant")
    world.mandated.patch(made, {"text": "Après", "as_of_on": "2024-04-01"}).expect(200)
    created, updated = world.association.get(made.url + "/history").expect(200).items
    assert created["role"] == "city" and updated["role"] == "facilitator"
    assert updated["institution_id"] == world.actor["mandated"]
    assert updated["changes"] == {"text": {"before": "Avant", "after": "Après"},
                                  "as_of_on": {"before": "2024-03-18", "after": "2024-04-01"}}


def test_a_statement_may_be_public(world):
    made = world.context(visibility="public", text=unique())
    assert world.association.get(made.url).json["visibility"] == "public"
