"""Sites: whose they are, where they are, and who may write them."""

import pytest

from world import World, mark, unique

KINDS = ["residence", "building", "entrance", "block", "outdoor", "road", "facility", "parking", "play_area"]
TENURES = ["public_city", "public_epci", "public_other", "bailleur_private", "condominium", "mixed", "unknown"]
SQUARE = [[5.09, 43.64], [5.10, 43.64], [5.10, 43.65], [5.09, 43.65], [5.09, 43.64]]
POINT = {"type": "Point", "coordinates": [5.0972, 43.6401]}


def ids(client, **params):
    return {s["id"] for s in client.pages("/v1/sites", params)}


@pytest.fixture
def site(world):
    return world.site()


@pytest.fixture
def patrimony(world):
    return world.site(by="bailleur", tenure="bailleur_private", owner_actor_id=world.actor["bailleur"],
                      kind="residence", dwellings=48)


# --- fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_site_is_known(world, kind):
    assert world.site(kind=kind).json["kind"] == kind


def test_tenure_is_unknown_until_somebody_knows(world):
    made = world.make("/v1/sites", {"quartier_id": world.near, "kind": "outdoor", "name": unique()})
    assert made.json["tenure"] == "unknown" and made.json["owner_actor_id"] is None


@pytest.mark.parametrize("body,pointer", [
    ({"name": ""}, "/name"), ({"name": None}, "/name"), ({"kind": "square"}, "/kind"), ({"tenure": None}, "/tenure"),
    ({"dwellings": -1}, "/dwellings"), ({"dwellings": "12"}, "/dwellings"), ({"condition": "ruined"}, "/condition"),
    ({"condition_as_of_on": "2007-02-29"}, "/condition_as_of_on"), ({"quartier_id": None}, "/quartier_id"),
    ({"sensitive_note": ""}, "/sensitive_note"), ({"seen_by": []}, "/seen_by"), ({"owner_actor_id": "x"}, "/owner_actor_id"),
])
def test_a_faulty_site_is_refused_and_its_fault_named(world, site, body, pointer):
    assert set(world.city.patch(site, body).expect(422).problem.pointers) == {pointer}
    assert set(world.city.post("/v1/sites", world.site_body(**body)).expect(422).problem.pointers) == {pointer}


@pytest.mark.parametrize("body,code", [
    ({"tenure": "bailleur_private"}, "bailleur_private_needs_owner"),
    ({"dwellings": 10, "dwellings_tfpb_eligible": 11}, "tfpb_eligible_within_dwellings"),
    ({"dwellings_tfpb_eligible": 1}, "tfpb_eligible_within_dwellings"),
])
def test_a_site_that_cannot_be_is_refused(world, body, code):
    actor = "bailleur" if "tenure" in body else "city"
    assert world.clients[actor].post("/v1/sites", world.site_body(**body)).status in (403, 422)
    assert world.bailleur.post("/v1/sites", world.site_body(**{
        "tenure": "public_city", "manager_actor_id": world.actor["bailleur"], **body})).expect(422).problem.code == code


def test_dwellings_stay_above_those_that_are_eligible(world, patrimony):
    changed = world.bailleur.patch(patrimony, {"dwellings_tfpb_eligible": 48}).expect(200)
    answer = world.bailleur.patch(changed, {"dwellings": 47}).expect(422)
    assert answer.problem.code == "tfpb_eligible_within_dwellings"
    world.bailleur.patch(changed, {"dwellings": None, "dwellings_tfpb_eligible": None}).expect(200)


@pytest.mark.parametrize("note", ["Voir jean.dupont@example.org", "Appeler le 01 99 00 00 01", "Voiture AB-123-CD"])
def test_a_sensitive_note_is_never_about_persons(world, site, note):
    answer = world.city.patch(site, {"sensitive_note": note}).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/sensitive_note"]
    answer = world.city.post("/v1/sites", world.site_body(sensitive_note=note)).expect(422)
    assert answer.problem.code == "personal_data_suspected"


# --- whose it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tenure", TENURES)
def test_the_city_writes_what_no_bailleur_owns_privately(world, tenure):
    owner = {"owner_actor_id": world.actor["bailleur"]} if tenure == "bailleur_private" else {}
    answer = world.city.post("/v1/sites", world.site_body(tenure=tenure, **owner))
    assert answer.status == (403 if tenure == "bailleur_private" else 201)


def test_a_bailleur_writes_what_it_or_its_services_own_or_manage(world, patrimony):
    agency = world.service("bailleur", kind="bailleur_agency").id
    managed = world.site(manager_actor_id=agency)
    world.bailleur.patch(managed, {"condition": "worn", "condition_as_of_on": "2024-05-21"}).expect(200)
    world.bailleur.patch(patrimony, {"manager_actor_id": agency}).expect(200)
    world.bailleur_b.patch(patrimony.url, {"condition": "good"}).expect(403)
    world.city.patch(patrimony.url, {"condition": "good"}).expect(403)
    assert world.city.get(patrimony.url).json["allowed_transitions"] == []


def test_a_bailleur_does_not_give_its_site_away_nor_take_anothers(world, patrimony):
    world.bailleur.patch(patrimony, {"owner_actor_id": world.actor["bailleur_b"]}).expect(403)
    world.bailleur_b.patch(patrimony.url, {"owner_actor_id": world.actor["bailleur_b"]}).expect(403)
    public = world.site()
    world.bailleur.patch(public, {"owner_actor_id": world.actor["bailleur"]}).expect(403)
    world.bailleur.patch(public, {"manager_actor_id": world.actor["bailleur"]}).expect(403)


def test_the_city_does_not_make_a_site_private_by_itself(world, site):
    answer = world.city.patch(site, {"tenure": "bailleur_private", "owner_actor_id": world.actor["bailleur"]})
    answer.expect(403)
    assert world.city.get(site.url).json["tenure"] == "public_city"


def test_a_bailleur_adds_no_site_outside_its_quartiers(world):
    answer = world.bailleur.post("/v1/sites", world.site_body(
        quartier_id=world.far, tenure="bailleur_private", owner_actor_id=world.actor["bailleur"])).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/quartier_id"]


# --- parts -------------------------------------------------------------------------------------------


def test_parts_lie_in_the_quartier_of_the_whole(world):
    block = world.site(kind="block")
    answer = world.city.post("/v1/sites", world.site_body(quartier_id=world.far, parent_id=block.id)).expect(422)
    assert answer.problem.code == "parent_in_another_quartier" and answer.problem.pointers == ["/parent_id"]
    part = world.site(parent_id=block.id)
    world.city.patch(part, {"quartier_id": world.far}).expect(422)
    answer = world.city.patch(block, {"quartier_id": world.far}).expect(422)
    assert answer.problem.code == "site_has_parts" and answer.problem.pointers == ["/quartier_id"]
    world.city.patch(part, {"quartier_id": world.far, "parent_id": None}).expect(200)
    world.city.patch(block, {"quartier_id": world.far}).expect(200)


def test_no_site_is_part_of_itself(world):
    one = world.site(kind="block")
    two = world.site(parent_id=one.id)
    three = world.site(parent_id=two.id)
    for parent in (one, two, three):
        assert world.city.patch(one, {"parent_id": parent.id}).expect(422).problem.code == "parent_cycle"


# --- geometry ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [
    POINT,
    {"type": "LineString", "coordinates": SQUARE[:3]},
    {"type": "Polygon", "coordinates": [SQUARE]},
    {"type": "MultiPoint", "coordinates": SQUARE[:2]},
    {"type": "MultiLineString", "coordinates": [SQUARE[:2], SQUARE[2:4]]},
    {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
    {"type": "GeometryCollection", "geometries": [POINT, {"type": "LineString", "coordinates": SQUARE[:2]}]},
    {"type": "Point", "coordinates": [55.45, -20.88]},
    {"type": "Point", "coordinates": [-61.53, 16.24]},
], ids=lambda shape: shape["type"])
def test_each_kind_of_geometry_comes_back_as_it_was(world, site, shape):
    assert world.city.patch(site, {"geometry": shape}).expect(200).json["geometry"] == shape


def test_a_geometry_has_seven_decimals_and_no_altitude(world):
    made = world.site(geometry={"type": "Point", "coordinates": [5.09720000049, 43.64010004, 112.5]})
    assert made.json["geometry"]["coordinates"] == [5.0972, 43.6401]


def test_a_geometry_is_replaced_whole_kept_and_taken_away(world):
    made = world.site(geometry={"type": "Polygon", "coordinates": [SQUARE]})
    changed = world.city.patch(made, {"geometry": POINT}).expect(200)
    assert changed.json["geometry"] == POINT
    changed = world.city.patch(changed, {"name": unique()}).expect(200)
    assert changed.json["geometry"] == POINT
    assert world.city.patch(changed, {"geometry": None}).expect(200).json["geometry"] is None


BOW_TIE = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]


@pytest.mark.parametrize("shape,code", [
    ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "invalid_body"),
    ({"type": "Polygon", "coordinates": [SQUARE[:2] + SQUARE[:1]]}, "invalid_body"),
    ({"type": "Polygon", "coordinates": [BOW_TIE]}, "bad_geometry"),
    ({"type": "Point", "coordinates": [43.6401, 5.0972]}, "geometry_outside_territory"),
    ({"type": "Point", "coordinates": [2.35, 151.0]}, "invalid_body"),
    ({"type": "Point", "coordinates": [-73.9, 40.7]}, "geometry_outside_territory"),
    ({"type": "LineString", "coordinates": [[5.1, 43.6], [-61.5, 16.2]]}, "geometry_outside_territory"),
    ({"type": "LineString", "coordinates": SQUARE[:1]}, "invalid_body"),
    ({"type": "LineString", "coordinates": [SQUARE[0], SQUARE[0]]}, "bad_geometry"),
    ({"type": "Point", "coordinates": []}, "invalid_body"),
    ({"type": "Point", "coordinates": [5.0972]}, "invalid_body"),
    ({"type": "Point", "coordinates": ["5.0972", "43.6401"]}, "invalid_body"),
    ({"type": "Point", "coordinates": [5.0972, None]}, "invalid_body"),
    ({"type": "Point", "coordinates": [[5.0972, 43.6401]]}, "invalid_body"),
    ({"type": "MultiPoint", "coordinates": []}, "invalid_body"),
    ({"type": "GeometryCollection", "geometries": []}, "invalid_body"),
    ({"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": [POINT]}]}, "invalid_body"),
    ({"type": "Feature", "geometry": POINT, "properties": {}}, "invalid_body"),
    ({"type": "Circle", "coordinates": [5.0972, 43.6401]}, "invalid_body"),
    ({"type": "Point"}, "invalid_body"),
    ({**POINT, "bbox": [5, 43, 6, 44]}, "invalid_body"),
    ([5.0972, 43.6401], "invalid_body"),
    ("POINT(5.0972 43.6401)", "invalid_body"),
])
def test_a_faulty_geometry_is_refused_and_named(world, site, shape, code):
    for answer in (world.city.post("/v1/sites", world.site_body(geometry=shape)),
                   world.city.patch(site, {"geometry": shape})):
        assert answer.expect(422).problem.code == code
        assert answer.problem.pointers and all(p.startswith("/geometry") for p in answer.problem.pointers)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_what_is_no_number_of_json_is_no_coordinate(world, number):
    body = '{"quartier_id": "%s", "kind": "road", "name": "A", "geometry": {"type": "Point", "coordinates": [%s, 43]}}'
    answer = world.city.post("/v1/sites", data=(body % (world.near, number)).encode(), content_type="application/json")
    assert answer.expect(400).problem.code == "malformed_json"


# --- lists ---------------------------------------------------------------------------------------------


def test_sites_are_filtered(world):
    quartier, word = world.quartier().id, mark()
    block = world.site(quartier_id=quartier, kind="block").id
    made = world.site(quartier_id=quartier, parent_id=block, kind="play_area", tenure="mixed", name=f"Aire {word}",
                      owner_actor_id=world.actor["city"], manager_actor_id=world.actor["association"],
                      condition="degraded", geometry=POINT, address="12 avenue des Œillets")
    good = {"quartier_id": quartier, "parent_id": block, "kind": "play_area,road", "tenure": "mixed,unknown",
            "owner_actor_id": world.actor["city"], "manager_actor_id": world.actor["association"],
            "condition": "degraded,severe", "bbox": "5.09,43.63,5.11,43.65", "status": "active", "q": word}
    bad = {"quartier_id": world.near, "parent_id": made.id, "kind": "road", "tenure": "unknown",
           "owner_actor_id": world.actor["bailleur"], "manager_actor_id": world.actor["city"], "condition": "good",
           "bbox": "5.2,43.7,5.3,43.8", "status": "archived", "q": word + " absent"}
    assert ids(world.city, **good) == {made.id}
    for name in good:
        rest = {k: v for k, v in good.items() if k == "quartier_id"}
        assert made.id in ids(world.city, **{**rest, name: good[name]}), name
        assert made.id not in ids(world.city, **{name: bad[name]}), name
    assert ids(world.city, quartier_id=quartier) == {block, made.id}
    assert ids(world.city, q=f"avenue oeillet {word}") == {made.id}


@pytest.mark.parametrize("shape,inside", [
    (POINT, True),
    ({"type": "Point", "coordinates": [5.2, 43.64]}, False),
    ({"type": "LineString", "coordinates": [[5.0, 43.64], [5.2, 43.64]]}, True),
    ({"type": "LineString", "coordinates": [[5.0, 43.60], [5.2, 43.60]]}, False),
    ({"type": "Polygon", "coordinates": [[[5.0, 43.5], [5.3, 43.5], [5.3, 43.8], [5.0, 43.8], [5.0, 43.5]]]}, True),
    (None, False),
], ids=["inside", "outside", "crossing", "passing by", "around", "nowhere"])
def test_a_box_finds_what_touches_it(world, shape, inside):
    quartier = world.quartier().id
    made = world.site(quartier_id=quartier, geometry=shape)
    found = ids(world.city, quartier_id=quartier, bbox="5.09,43.63,5.11,43.65")
    assert found == ({made.id} if inside else set())


@pytest.mark.parametrize("bbox", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "5.11,43.63,5.09,43.65", "5.09,43.65,5.11,43.63",
                                  "-181,0,0,1", "0,-91,1,0", "0,0,181,1", "5,43,5,44", "1e1,43,12,44", "NaN,0,1,1"])
def test_a_faulty_box_is_refused(world, bbox):
    answer = world.city.get("/v1/sites", {"bbox": bbox}).expect(400)
    assert answer.problem.code in ("invalid_bbox", "invalid_parameters")


@pytest.mark.parametrize("sort,key", [("name", lambda s: s["name"]), ("-updated_at", None)])
def test_sites_are_sorted_over_all_pages_and_both_states(as_admin, contract, sort, key):
    own = World(as_admin, contract, only=["bailleur"])
    made = [own.site(name=f"{name} {mark()}", quartier_id=place)
            for name in "cadbe" for place in (own.near, own.far)]
    own.city.move(made[3], "archived").expect(200)
    found = list(own.city.pages("/v1/sites", {"sort": sort, "limit": 3, "status": "active,archived"}))
    assert {s["id"] for s in found} == {m.id for m in made} and len(found) == len(made)
    if key:
        assert [key(s) for s in found] == sorted(key(s) for s in found)
    else:
        assert found[0]["id"] == made[3].id
        assert [s["updated_at"] for s in found] == sorted((s["updated_at"] for s in found), reverse=True)
    near = list(own.bailleur.pages("/v1/sites", {"sort": sort, "limit": 2, "status": "archived,active"}))
    assert [s["id"] for s in near] == [s["id"] for s in found if s["quartier_id"] == own.near]


# --- archive, history ------------------------------------------------------------------------------------


def test_a_site_is_archived_and_brought_back(world, patrimony):
    archived = world.bailleur.move(patrimony, "archived", comment="Démolie").expect(200)
    assert patrimony.id in ids(world.city, status="archived", owner_actor_id=world.actor["bailleur"])
    assert patrimony.id not in ids(world.city, owner_actor_id=world.actor["bailleur"])
    assert archived.json["allowed_transitions"] == ["active"]
    world.bailleur.move(archived, "active").expect(200)
    assert patrimony.id in ids(world.bailleur, owner_actor_id=world.actor["bailleur"])


def test_history_of_a_site_tells_the_note_to_partners_only(world):
    made = world.site(sensitive_note="Nuisances rapportées", geometry=POINT)
    world.city.patch(made, {"sensitive_note": "Nuisances moindres", "condition": "worn"}).expect(200)
    for role, told in (("city", True), ("bailleur", True), ("institution", True), ("auditor", True),
                       ("association", False)):
        created, updated = world.clients[role].get(made.url + "/history").expect(200).items
        assert updated["changes"]["condition"] == {"before": None, "after": "worn"}
        assert ("sensitive_note" in updated["changes"], "sensitive_note" in created["changes"]) == (told, told)
        assert created["changes"]["geometry"]["after"]["coordinates"] == POINT["coordinates"]
