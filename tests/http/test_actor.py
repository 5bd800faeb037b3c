"""Actors: institutions and their services, with their French identifiers."""

import pytest

from world import mark, unique

KINDS = ["city", "city_service", "epci", "state", "bailleur", "bailleur_agency", "association", "tenants_group",
         "resident_council", "social_centre", "neighbourhood_contractor", "syndic", "operator", "resource_centre",
         "funder", "control_body", "other"]


def luhn(digits):
    """The digits with the last one that makes them valid."""
    for last in "0123456789":
        number = digits + last
        total = sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(reversed(number)))
        if total % 10 == 0:
            return number
    raise AssertionError


def ids(client, **params):
    return {a["id"] for a in client.pages("/v1/actors", params)}


@pytest.fixture
def actor(world):
    return world.make("/v1/actors", world.actor_body(kind="association"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_actor_is_known(world, kind):
    assert world.make("/v1/actors", world.actor_body(kind=kind)).json["kind"] == kind


# --- identifiers -------------------------------------------------------------------------


@pytest.mark.parametrize("member,good,bad", [
    # 732829320 and 552100554 are the examples that everybody publishes; La
    # Poste's establishments add up to a multiple of five.
    ("siren", ["732829320", "552100554", None],
     ["732829321", "73282932", "7328293200", "73282932O", "732 829 320", "000000000", "", 732829320]),
    ("siret", ["73282932000074", "35600000000048", "35600000049837", None],
     ["73282932000075", "35600000000046", "7328293200007", "732829320000744", "7328293200007A", ""]),
    ("rna", ["W131234567", "W000000001", None],
     ["w131234567", "W13123456", "W1312345678", "131234567", "W13123456A", ""]),
])
def test_identifiers_are_checked(world, actor, member, good, bad):
    for value in good:
        assert world.city.patch(actor.url, {member: value}).expect(200).json[member] == value
    world.city.patch(actor.url, {member: None}).expect(200)
    for value in bad:
        assert world.city.patch(actor.url, {member: value}).expect(422).problem.pointers == [f"/{member}"], value


@pytest.mark.parametrize("digits", ["12345678", "99999999", "10000000", "44332211", "78101234"])
def test_a_siren_has_exactly_one_last_digit(world, actor, digits):
    good = luhn(digits)
    for last in "0123456789":
        answer = world.city.patch(actor.url, {"siren": digits + last})
        assert answer.status == (200 if digits + last == good else 422)
    world.city.patch(actor.url, {"siren": None}).expect(200)


def test_a_siret_belongs_to_its_siren(world, actor):
    answer = world.city.patch(actor, {"siren": "552100554", "siret": "73282932000074"}).expect(422)
    assert answer.problem.code == "actor_siret_matches_siren"


@pytest.mark.parametrize("member,value", [("siren", luhn("31415926")), ("siret", luhn("3141592600001")),
                                          ("rna", "W271828182")])
def test_an_identifier_is_one_institutions(world, member, value):
    world.make("/v1/actors", world.actor_body(**{member: value}))
    answer = world.city.post("/v1/actors", world.actor_body(**{member: value})).expect(409)
    assert answer.problem.code == "already_exists"
    assert [fault["pointer"] for fault in answer.problem.errors] == ["#/" + member]


def test_services_share_the_siren_of_their_institution(world):
    siren = luhn("27182818")
    top = world.make("/v1/actors", world.actor_body(siren=siren))
    for _ in range(2):
        world.make("/v1/actors", world.actor_body(siren=siren, parent_id=top.id))


@pytest.mark.parametrize("member,bad", [
    ("website", "javascript:alert(1)"), ("website", "ville"), ("name", ""), ("name", None), ("kind", "mairie"),
    ("links", ["https://a.example.org", "x y"]), ("active_from_on", "2024-02-30"), ("address", ""),
    ("institution_id", None), ("parent_id", "x"),
])
def test_a_faulty_actor_is_refused_and_its_fault_named(world, actor, member, bad):
    pointers = world.city.patch(actor, {member: bad}).expect(422).problem.pointers
    assert pointers == [f"/{member}/1" if member == "links" else f"/{member}"]


def test_an_actor_does_not_stop_before_it_starts(world, actor):
    answer = world.city.patch(actor, {"active_from_on": "2024-01-02", "active_to_on": "2024-01-01"}).expect(422)
    assert answer.problem.code == "actor_active_to_after_from"


# --- institutions and services --------------------------------------------------------------


def test_a_service_belongs_to_the_institution_at_its_top(world):
    agency = world.service("bailleur")
    office = world.make("/v1/actors", world.actor_body(parent_id=agency.id))
    assert agency.json["institution_id"] == office.json["institution_id"] == world.actor["bailleur"]
    assert world.bailleur.get(office.url).json["allowed_transitions"] == ["archived"]
    world.bailleur.patch(office, {"service_type": "Proximité"}).expect(200)
    world.bailleur_b.patch(office, {"service_type": "Autre"}).expect(403)


def test_a_service_does_not_change_institution(world):
    agency = world.service("bailleur")
    for parent in (world.actor["bailleur_b"], None):
        answer = world.city.patch(agency, {"parent_id": parent}).expect(422)
        assert answer.problem.code == "institution_of_service_is_fixed" and answer.problem.pointers == ["/parent_id"]
    other = world.service("bailleur")
    assert world.city.patch(agency, {"parent_id": other.id}).expect(200).json["parent_id"] == other.id


def test_an_institution_does_not_become_a_service(world):
    answer = world.city.patch(f"/v1/actors/{world.actor['association']}", {"parent_id": world.actor["city"]}).expect(422)
    assert answer.problem.code == "institution_of_service_is_fixed"


def test_no_service_is_above_itself(world):
    one = world.service("bailleur")
    two = world.make("/v1/actors", world.actor_body(parent_id=one.id))
    for parent in (one.id, two.id):
        assert world.city.patch(one, {"parent_id": parent}).expect(422).problem.code == "parent_cycle"


def test_a_partner_registers_no_institution(world):
    for role in ("bailleur", "association", "institution"):
        assert world.clients[role].post("/v1/actors", world.actor_body()).expect(403).problem.code == "forbidden"


# --- lists, archive, history ---------------------------------------------------------------------


def test_actors_are_filtered_and_sorted(world):
    siren = luhn("16180339")
    top = world.make("/v1/actors", world.actor_body(kind="syndic"))
    made = world.make("/v1/actors", world.actor_body(
        kind="syndic", parent_id=top.id, siren=siren, siret=luhn(siren + "0001"), rna="W161803398",
        short_name=mark()))
    good = {"kind": "syndic,operator", "institution_id": top.id, "parent_id": top.id, "siren": siren,
            "siret": made.json["siret"], "rna": "W161803398", "status": "active", "q": made.json["short_name"]}
    bad = {"kind": "operator", "institution_id": world.actor["city"], "parent_id": world.actor["city"],
           "siren": "732829320", "siret": "73282932000074", "rna": "W161803399", "status": "archived",
           "q": made.json["short_name"] + " absent"}
    assert ids(world.association, **good) == {made.id}
    for name in good:
        found, missed = ids(world.city, **{name: good[name]}), ids(world.city, **{name: bad[name]})
        assert made.id in found - missed, name
    assert ids(world.city, institution_id=top.id) == {top.id, made.id}
    names = [a["name"] for a in world.city.pages("/v1/actors", {"sort": "name", "limit": 20})]
    assert names == sorted(names)
    changed = [a["updated_at"] for a in world.city.pages("/v1/actors", {"sort": "-updated_at", "limit": 20})]
    assert changed == sorted(changed, reverse=True)


def test_search_follows_a_new_name(world, actor):
    word = mark()
    world.city.patch(actor, {"name": f"Amicale {word}"}).expect(200)
    assert ids(world.city, q=word) == {actor.id} == ids(world.city, q=f"amicales {word[:9]}")
    assert ids(world.city, q=actor.json["name"].split()[-1]) == set()


def test_an_actor_is_archived_and_brought_back(world, actor):
    archived = world.city.move(actor, "archived", comment="Dissoute").expect(200)
    assert actor.id in ids(world.city, status="archived") - ids(world.city)
    assert archived.json["allowed_transitions"] == ["active"]
    assert world.city.move(archived, "active").expect(200).json["status"] == "active"


def test_history_of_an_actor_tells_both_clocks_and_all_members(world, actor):
    world.city.patch(actor, {"website": "https://a.example.org", "links": ["https://b.example.org"]}).expect(200)
    world.city.move(actor.url, "archived", occurred_at="2024-03-01T08:30:00+01:00").expect(200)
    created, updated, archived = world.bailleur.get(actor.url + "/history").expect(200).items
    assert created["changes"]["name"] == {"before": None, "after": actor.json["name"]}
    assert updated["changes"] == {"website": {"before": None, "after": "https://a.example.org"},
                                  "links": {"before": [], "after": ["https://b.example.org"]}}
    assert archived["kind"] == "actor.archived" and archived["occurred_at"] == "2024-03-01T07:30:00.000Z"
    assert created["occurred_at"] <= created["recorded_at"] <= updated["recorded_at"] <= archived["recorded_at"]
    assert [e["subject"]["version"] for e in (created, updated, archived)] == [1, 2, 3]
    assert created["changes"].keys().isdisjoint({"id", "version", "written_by", "created_at"})


def test_the_administrator_keeps_actors_but_does_not_read_what_happened(world, actor):
    changed = world.admin.patch(actor, {"short_name": unique("A")}).expect(200)
    assert world.admin.get(actor.url).json == changed.json
    events = world.admin.get(actor.url + "/history").expect(200).items
    assert [(e["kind"], e["changes"]) for e in events] == [("actor.created", {}), ("actor.updated", {})]
    assert world.city.get(actor.url + "/history").items[1]["role"] == "admin"


def test_what_is_archived_is_not_changed_until_it_is_brought_back(world):
    actor = world.city.move(world.city.post("/v1/actors", world.actor_body()).expect(201), "archived").expect(200)
    refused = world.city.patch(actor, {"service_type": "voirie"}).expect(409)
    assert refused.problem.code == "frozen"
    back = world.city.move(actor, "active").expect(200)
    world.city.patch(back, {"service_type": "voirie"}).expect(200)


def test_the_administrator_registers_and_finds_the_actors_of_a_programme(world, as_admin):
    made = as_admin.post(world.url + "/actors", world.actor_body()).expect(201)
    assert made.json["programme_id"] == world.url.rsplit("/", 1)[1]
    assert made.id in {a["id"] for a in as_admin.pages(world.url + "/actors")}
    assert made.id in {a["id"] for a in world.city.pages(world.url + "/actors")}
