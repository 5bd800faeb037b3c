"""Quartiers: names, legal statuses by generation, population, perimeter."""

import math

import pytest

from world import mark, unique

SQUARE = [[5.09, 43.64], [5.10, 43.64], [5.10, 43.65], [5.09, 43.65], [5.09, 43.64]]
HOLE = [[5.093, 43.643], [5.093, 43.647], [5.097, 43.647], [5.097, 43.643], [5.093, 43.643]]


def multipolygon(*polygons):
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def ids(client, **params):
    return {q["id"] for q in client.pages("/v1/quartiers", params)}


@pytest.fixture
def quartier(world):
    return world.quartier()


# --- names -----------------------------------------------------------------------------------


def test_a_slug_is_made_from_the_name_and_stays(world):
    word = mark()
    made = world.make("/v1/quartiers", {"name": f"L'Étoile & les Œillets {word}"})
    assert made.json["slug"] == f"l-etoile-les-oeillets-{word}"
    changed = world.city.patch(made, {"name": unique("Autre nom")}).expect(200)
    assert changed.json["slug"] == made.json["slug"]
    assert world.city.patch(changed, {"slug": "autre"}).expect(422).problem.codes == ["unknown_member"]


def test_a_slug_is_one_quartiers(world, quartier):
    answer = world.city.post("/v1/quartiers", {"name": "Autre", "slug": quartier.json["slug"]}).expect(409)
    assert answer.problem.code == "already_exists"
    assert [fault["pointer"] for fault in answer.problem.errors] == ["#/slug"]
    world.city.post("/v1/quartiers", {"name": quartier.json["name"]}).expect(409)


def test_a_name_without_letters_makes_no_slug(world):
    answer = world.city.post("/v1/quartiers", {"name": "???"}).expect(422)
    assert answer.problem.code == "slug_invalid"
    world.city.post("/v1/quartiers", {"name": "???", "slug": mark()}).expect(201)


@pytest.mark.parametrize("slug", ["Majuscule", "-a", "a-", "a--b", "é", "a b", "", "a/b"])
def test_a_slug_is_an_address(world, slug):
    answer = world.city.post("/v1/quartiers", {"name": "A", "slug": slug}).expect(422)
    assert set(answer.problem.pointers) == {"/slug"}


def test_a_quartier_is_found_by_each_of_its_names(world):
    word = mark()
    made = world.quartier(aliases=[f"Bressons Blazot {word}", f"Les Étangs {word}"])
    for question in (f"bressons blazots {word}", f"BRESSON {word}", f"etang {word}", made.json["name"]):
        assert ids(world.city, q=question) == {made.id}, question
    world.city.patch(made, {"aliases": []}).expect(200)
    assert ids(world.city, q=word) == set()


# --- statuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme,good,bad", [
    ("qpv2015", ["QP013001", "QP02A001", "QP971001", None], ["QN01301N", "QP13001", "QP0130011", "qp013001", "QP02C001"]),
    ("qpv2024", ["QN01301N", "QN01302M", "QN02A03I", None], ["QP013001", "QN01301", "QN01301X", "QN013001N", "qn01301n"]),
    ("zus", ["9301010", None], [""]),
    ("cucs", [None, "CUCS 13"], ["x" * 21]),
])
def test_codes_follow_their_generation(world, quartier, scheme, good, bad):
    def answer(code):
        return world.city.patch(quartier.url, {"statuses": [{"scheme": scheme, "code": code, "from_on": "2015-01-01"}]})

    for code in good:
        assert answer(code).expect(200).json["statuses"][0]["code"] == code
    for code in bad:
        problem = answer(code).expect(422).problem
        assert problem.code == "qpv_code_invalid" or problem.pointers == ["/statuses/0/code"], code


def test_a_quartier_answers_to_the_codes_of_all_its_generations(world):
    number = f"{int(mark().encode().hex(), 16) % 1000:03}"
    old, new = f"QP013{number}", f"QN013{number[:2]}M"
    made = world.quartier(statuses=[
        {"scheme": "cucs", "from_on": "2007-01-01", "to_on": "2014-12-31"},
        {"scheme": "qpv2015", "code": old, "from_on": "2015-01-01", "to_on": "2023-12-31"},
        {"scheme": "qpv2024", "code": new, "from_on": "2024-01-01"}])
    for code in (old, new):
        assert made.id in ids(world.city, code=code)
    assert made.id not in ids(world.city, code="QP999999")
    assert made.id in ids(world.city, scheme="cucs") & ids(world.city, scheme="zus,qpv2024") - ids(world.city, scheme="zus")
    periods = [(s["scheme"], s["from_on"], s.get("to_on")) for s in made.json["statuses"]]
    assert periods == [("cucs", "2007-01-01", "2014-12-31"), ("qpv2015", "2015-01-01", "2023-12-31"),
                       ("qpv2024", "2024-01-01", None)]


@pytest.mark.parametrize("status,pointer", [
    ({"scheme": "qpv2030", "from_on": "2030-01-01"}, "/statuses/0/scheme"),
    ({"scheme": "zus"}, "/statuses/0/from_on"),
    ({"scheme": "zus", "from_on": "1996-02-30"}, "/statuses/0/from_on"),
    ({"scheme": "zus", "from_on": "1996-01-01", "name": "x"}, "/statuses/0/name"),
])
def test_a_faulty_status_is_refused_and_its_fault_named(world, status, pointer):
    answer = world.city.post("/v1/quartiers", {"name": unique(), "statuses": [status]}).expect(422)
    assert answer.problem.pointers == [pointer]


def test_a_status_does_not_end_before_it_starts(world):
    answer = world.city.post("/v1/quartiers", {"name": unique(), "statuses": [
        {"scheme": "zus", "from_on": "2014-12-31", "to_on": "1996-12-26"}]}).expect(422)
    assert answer.problem.code == "quartier_status_ends_after_start"


# --- population ----------------------------------------------------------------------------------


def test_a_population_has_its_year_and_its_source(world, quartier):
    counted = [{"value": 3120, "vintage": 2018, "source": "INSEE, recensement"},
               {"value": 2980, "vintage": 2020, "source": "INSEE, recensement"}]
    assert world.city.patch(quartier, {"population": counted}).expect(200).json["population"] == counted
    for missing in ("value", "vintage", "source"):
        part = {k: v for k, v in counted[0].items() if k != missing}
        answer = world.city.patch(quartier.url, {"population": [part]}).expect(422)
        assert answer.problem.pointers == [f"/population/0/{missing}"]
    for wrong in ({"value": -1}, {"value": 1.5}, {"vintage": 1899}, {"source": ""}):
        answer = world.city.patch(quartier.url, {"population": [{**counted[0], **wrong}]}).expect(422)
        assert answer.problem.pointers == ["/population/0/" + next(iter(wrong))]


# --- perimeter -------------------------------------------------------------------------------------


def test_a_perimeter_comes_back_with_its_holes_as_rfc_7946_wants_it(world):
    clockwise = [SQUARE[::-1], HOLE[::-1]]
    made = world.quartier(perimeter=multipolygon(clockwise))
    shape = made.json["perimeter"]
    assert shape["type"] == "MultiPolygon" and len(shape["coordinates"]) == 1

    def area(ring):
        return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:]))

    outer, inner = shape["coordinates"][0]
    assert area(outer) > 0 > area(inner)
    assert {tuple(p) for p in outer} == {tuple(p) for p in SQUARE}
    assert {tuple(p) for p in inner} == {tuple(p) for p in HOLE}


def test_a_perimeter_is_replaced_whole_and_taken_away(world, quartier):
    assert quartier.json["perimeter"] is None
    for shape in (multipolygon([SQUARE]), multipolygon([HOLE[::-1]])):
        stored = world.city.patch(quartier.url, {"perimeter": shape}).expect(200).json["perimeter"]
        assert {tuple(p) for p in stored["coordinates"][0][0]} == {tuple(p) for p in shape["coordinates"][0][0]}
    kept = world.city.patch(quartier.url, {"name": unique()}).expect(200)
    assert kept.json["perimeter"] == stored
    assert world.city.patch(quartier.url, {"perimeter": None}).expect(200).json["perimeter"] is None


SWAPPED = [[p[1], p[0]] for p in SQUARE]
BOW_TIE = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]
AWAY = [[p[0] + 30, p[1]] for p in SQUARE]


@pytest.mark.parametrize("shape", [
    multipolygon([SQUARE[:-1]]),
    multipolygon([SQUARE[:2] + SQUARE[:1]]),
    multipolygon([SWAPPED]),
    multipolygon([BOW_TIE]),
    multipolygon([AWAY]),
    multipolygon([SQUARE, AWAY]),
    multipolygon([SQUARE], [SQUARE]),
    multipolygon([[[5.09]] * 4]),
    multipolygon([[[5.09, 143.64]] * 4]),
    multipolygon([[["5.09", "43.64"]] * 4]),
    multipolygon([[[5.09, 43.64, 0, 0]] * 4]),
    multipolygon([]),
    multipolygon(),
    {"type": "Polygon", "coordinates": [SQUARE]},
    {"type": "multipolygon", "coordinates": [[SQUARE]]},
    {"type": "MultiPolygon"},
    {"coordinates": [[SQUARE]]},
    {"type": "MultiPolygon", "coordinates": [[SQUARE]], "crs": {"type": "name"}},
    {},
], ids=["unclosed", "too few positions", "swapped", "self-crossing", "abroad", "a hole outside", "overlapping",
        "one number", "beyond the pole", "texts", "four numbers", "a polygon without ring", "no polygon",
        "a polygon", "another case", "no coordinates", "no type", "a crs", "nothing"])
def test_a_shape_that_is_no_perimeter_is_refused_and_named(world, shape):
    answer = world.city.post("/v1/quartiers", {"name": unique(), "perimeter": shape}).expect(422)
    assert answer.problem.pointers and all(p.startswith("/perimeter") for p in answer.problem.pointers)


def circle(positions):
    ring = [[round(5.1 + math.cos(i * 2 * math.pi / positions) / 100, 6),
             round(43.6 + math.sin(i * 2 * math.pi / positions) / 100, 6)] for i in range(positions - 1)]
    return ring + ring[:1]


def test_a_perimeter_may_be_detailed_but_not_without_end(world):
    shape = world.quartier(perimeter=multipolygon([circle(3000)])).json["perimeter"]
    assert len(shape["coordinates"][0][0]) == 3000
    answer = world.city.post("/v1/quartiers", {"name": unique(), "perimeter": multipolygon([circle(20001)])})
    assert answer.problem.code in ("too_deep", "body_too_large", "invalid_body")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "0x5"])
def test_what_is_no_number_of_json_is_refused(world, number):
    body = '{"name": "A", "perimeter": {"type": "MultiPolygon", "coordinates": [[[[%s, 43.64]]]]}}' % number
    answer = world.city.post("/v1/quartiers", data=body.encode(), content_type="application/json").expect(400)
    assert answer.problem.code == "malformed_json"


# --- lists, archive, history --------------------------------------------------------------------------


def test_quartiers_are_filtered_and_sorted(world, quartier):
    assert ids(world.city, slug=quartier.json["slug"]) == {quartier.id} == ids(world.city, q=quartier.json["name"])
    assert ids(world.city, slug="nulle-part") == set()
    names = [q["name"] for q in world.city.pages("/v1/quartiers", {"sort": "name", "limit": 9})]
    assert names == sorted(names)
    changed = [q["updated_at"] for q in world.city.pages("/v1/quartiers", {"sort": "-updated_at", "limit": 9})]
    assert changed == sorted(changed, reverse=True)


def test_a_quartier_is_archived_and_brought_back(world, quartier):
    archived = world.city.move(quartier, "archived").expect(200)
    assert quartier.id in ids(world.city, status="archived") - ids(world.city)
    world.association_b.get(quartier.url).expect(404)
    world.city.move(archived, "active", comment="Erreur").expect(200)
    assert quartier.id in ids(world.city)


def test_history_of_a_quartier_tells_its_statuses_and_aliases(world, quartier):
    status = {"scheme": "zus", "code": "9301010", "from_on": "1996-12-26", "to_on": None}
    world.city.patch(quartier, {"aliases": ["Autre"], "statuses": [status]}).expect(200)
    created, updated = world.institution.get(quartier.url + "/history").expect(200).items
    assert created["changes"]["name"]["after"] == quartier.json["name"]
    assert updated["changes"] == {"aliases": {"before": [], "after": ["Autre"]},
                                  "statuses": {"before": [], "after": [status]}}


def test_history_shows_a_perimeter_as_a_read_does(world, quartier):
    changed = world.city.patch(quartier, {"perimeter": multipolygon([SQUARE])}).expect(200)
    event = world.city.get(quartier.url + "/history").items[-1]
    assert event["changes"]["perimeter"]["before"] is None
    assert event["changes"]["perimeter"]["after"]["coordinates"] == changed.json["perimeter"]["coordinates"]
