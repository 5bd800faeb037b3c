"""Contacts: whom to call, for professional reasons."""

import pytest

from world import unique

KINDS = ["resource_person", "operational_team", "similar_operator", "academic_expert",
         "institutional_network", "documentation", "other"]


def ids(client, **params):
    return {c["id"] for c in client.pages("/v1/contacts", params)}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_the_sheet_is_a_contact(world, kind):
    assert world.contact(kind=kind).json["kind"] == kind


def test_a_contact_is_for_partners_unless_told(world):
    made = world.contact()
    assert made.json["visibility"] == "partners" and made.json["quartiers"] == []
    assert world.association.get(made.url).expect(200).json["name"] == made.json["name"]


@pytest.mark.parametrize("member,good,bad", [
    ("email", ["a@b.fr", "prenom.nom+gup@ville.example.org"], ["a", "a@", "@b.fr", "a b@c.fr", "a@b@c", ""]),
    ("phone", ["01 99 00 00 01", "+33 1 99 00 00 01", "0199000001", "+33(0)199000001"],
     ["one", "01", "tel:0199000001", "01 99 00 00 01 poste interne de la mairie"]),
    ("website", ["https://ville.example.org/a?b=c", "http://ville.example.org"],
     ["ville", "javascript:alert(1)", "//ville.example.org", "https://a b"]),
    ("valid_from_on", ["2024-02-29"], ["2023-02-29", "2024-2-1", "01/02/2024"]),
    ("kind", ["documentation"], ["resident", None]),
    ("visibility", ["public"], ["secret", None]),
])
def test_details_are_checked(world, member, good, bad):
    contact = world.contact().url
    for value in good:
        assert world.city.patch(contact, {member: value}).expect(200).json[member] == value
    for value in bad:
        assert world.city.patch(contact, {member: value}).expect(422).problem.pointers == [f"/{member}"], value


def test_a_contact_does_not_end_before_it_starts(world):
    answer = world.city.post("/v1/contacts", world.contact_body(
        valid_from_on="2024-01-02", valid_to_on="2024-01-01")).expect(422)
    assert answer.problem.code == "contact_valid_to_after_from"


def test_the_institution_of_a_contact_is_its_actors_else_its_authors(world):
    service = world.service("bailleur").id
    assert world.contact(actor_id=service).json["institution_id"] == world.actor["bailleur"]
    assert world.contact().json["institution_id"] == world.actor["city"]
    assert world.contact(by="bailleur").json["institution_id"] == world.actor["bailleur"]


def test_an_institution_keeps_the_contacts_of_its_services(world):
    service = world.service("bailleur").id
    made = world.contact(by="bailleur", actor_id=service)
    world.bailleur.patch(made, {"function": "Gardienne"}).expect(200)
    assert world.bailleur_b.get(made.url).json["allowed_transitions"] == []
    assert world.bailleur.get(made.url).json["allowed_transitions"] == ["archived"]


def test_a_contact_is_not_given_to_another_institution_nor_taken_from_it(world):
    mine, theirs = world.contact(by="bailleur"), world.contact(by="bailleur_b")
    world.bailleur.patch(mine, {"actor_id": world.actor["bailleur_b"]}).expect(403)
    world.bailleur.patch(theirs, {"actor_id": world.actor["bailleur"]}).expect(403)
    assert world.city.get(mine.url).json["institution_id"] == world.actor["bailleur"]


def test_the_city_does_not_hide_a_contact_of_another_institution_from_it(world):
    """Internal is the institution's own word: the city could not read it."""
    contact = world.contact(by="bailleur")
    world.city.patch(contact, {"visibility": "internal"}).expect(403)
    world.bailleur.get(contact.url).expect(200)


def test_a_contact_is_archived_and_brought_back(world):
    made = world.contact()
    archived = world.city.move(made, "archived").expect(200)
    assert archived.json["status"] == "archived" and archived.json["allowed_transitions"] == ["active"]
    assert made.id not in ids(world.city) and made.id in ids(world.city, status="archived")
    assert made.id in ids(world.city, status="active,archived")
    world.city.move(archived, "archived").expect(409)
    assert world.city.move(archived, "active").expect(200).json["status"] == "active"
    assert made.id in ids(world.city)


def test_contacts_are_filtered(world):
    made = world.contact(kind="academic_expert", actor_id=world.actor["bailleur_b"], visibility="public",
                         quartiers=[world.near], valid_from_on="2024-01-01", valid_to_on="2024-12-31",
                         function="Référente territoriale")
    good = {"kind": "academic_expert,other", "actor_id": world.actor["bailleur_b"], "visibility": "public",
            "institution_id": world.actor["bailleur_b"], "quartier_id": world.near, "valid_on": "2024-12-31",
            "status": "active", "q": "referente territoriales " + made.json["name"].split()[-1]}
    bad = {"kind": "documentation", "actor_id": world.actor["city"], "visibility": "partners,internal",
           "institution_id": world.actor["city"], "quartier_id": world.far, "valid_on": "2025-01-01",
           "status": "archived", "q": made.json["name"] + " absent"}
    assert ids(world.city, **good) == {made.id}
    for name, value in good.items():
        assert made.id in ids(world.city, **{name: value}), name
    for name, value in bad.items():
        assert made.id not in ids(world.city, **{name: value}), name


def test_a_contact_without_quartiers_is_for_all_of_them(world):
    made = world.contact()
    assert made.id in ids(world.city, quartier_id=world.near) & ids(world.city, quartier_id=world.far)


def test_contacts_are_sorted(world):
    world.contact(name=unique("zzz")), world.contact(name=unique("aaa"))
    names = [c["name"] for c in world.city.pages("/v1/contacts", {"sort": "name", "limit": 7})]
    assert names == sorted(names)
    changed = [c["updated_at"] for c in world.city.pages("/v1/contacts", {"sort": "-updated_at", "limit": 7})]
    assert changed == sorted(changed, reverse=True)


def test_history_shows_personal_details_to_those_who_read_them(world):
    made = world.contact(email="avant@ville.example.org")
    world.city.patch(made, {"email": "apres@ville.example.org", "function": "Chargée de mission"}).expect(200)
    for role, personal in (("city", True), ("bailleur", True), ("association", True), ("auditor", False)):
        created, updated = world.clients[role].get(made.url + "/history").expect(200).items
        assert created["kind"] == "contact.created" and updated["kind"] == "contact.updated"
        assert updated["changes"]["function"] == {"before": None, "after": "Chargée de mission"}
        assert updated["changes"].get("email") == (
            {"before": "avant@ville.example.org", "after": "apres@ville.example.org"} if personal else None)
        assert ("email" in created["changes"]) == personal
