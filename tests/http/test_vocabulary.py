"""Vocabularies: codes with French labels, a programme's own."""

import pytest

from world import World, mark, unique


@pytest.fixture
def own(as_admin, contract):
    return World(as_admin, contract, only=["association"])


def terms(client, vocabulary, **params):
    return list(client.pages(f"/v1/vocabularies/{vocabulary}/terms", params))


def codes(client, vocabulary, **params):
    return [t["code"] for t in terms(client, vocabulary, **params)]


def test_the_vocabularies_say_which_of_them_may_grow(world):
    found = {v["name"]: v for v in world.association.pages("/v1/vocabularies", {"limit": 5})}
    assert {n for n, v in found.items() if v["extensible"]} == {"themes", "categories", "components", "target_publics"}
    assert found["categories"]["parent_vocabulary"] == "themes" == found["themes"]["parent_vocabulary"]
    assert {"actor_kind", "contact_kind", "site_kind", "tenure", "role", "visibility"} <= set(found)
    assert all(v["label_fr"] for v in found.values())


def test_the_three_domains_of_the_sheet_are_the_roots_of_the_themes(world):
    roots = {t["code"]: t["label_fr"] for t in terms(world.city, "themes") if t["parent_code"] is None
             and t["code"] in ("housing", "outdoor", "community_life")}
    assert roots == {"housing": "Logement", "outdoor": "Espaces extérieurs",
                     "community_life": "Animation et vie associative"}
    assert "dangerous_traffic" in codes(world.city, "categories", parent_code="outdoor")
    assert {"shutters", "balconies", "insulation", "sanitary"} <= set(codes(world.city, "components"))


def test_terms_are_in_order_and_the_short_address_says_the_same(world):
    found = terms(world.city, "categories", limit=6)
    assert [(t["position"], t["code"]) for t in found] == sorted((t["position"], t["code"]) for t in found)
    assert list(world.city.pages("/v1/vocabularies/categories", {"limit": 9})) == found
    assert list(world.city.pages("/v1/vocabularies/categories", {"parent_code": "housing", "status": "active"})) \
        == terms(world.city, "categories", parent_code="housing", status="active")


@pytest.mark.parametrize("path", ["/v1/vocabularies/nothing", "/v1/vocabularies/nothing/terms"])
def test_an_unknown_vocabulary_is_not_found(world, path):
    world.city.get(path).expect(404)


def test_a_term_cannot_be_added_to_an_unknown_vocabulary(world):
    world.city.post("/v1/vocabularies/nothing/terms", world.term_body()).expect(404)


def test_a_programme_adds_terms_of_its_own(own, world):
    made = own.term("categories", code="shared_gardens", parent_code="outdoor", label_fr="Jardins partagés",
                    label_fr_plain="Jardins", definition_fr="Parcelles cultivées ensemble.", position=5)
    assert made.json["programme_id"] == own.programme and made.json["vocabulary"] == "categories"
    assert codes(own.association, "categories")[0] == "shared_gardens"
    assert "shared_gardens" not in codes(world.city, "categories")
    assert "shared_gardens" not in codes(own.admin, "categories")


def test_a_code_is_used_once_in_a_vocabulary(own):
    own.term("themes", code="culture")
    answer = own.city.post("/v1/vocabularies/themes/terms", own.term_body(code="culture")).expect(409)
    assert answer.problem.code == "already_exists"
    assert [fault["pointer"] for fault in answer.problem.errors] == ["#/code"]
    own.term("target_publics", code="culture")


@pytest.mark.parametrize("body,pointer", [
    ({"code": "Majuscule"}, "/code"), ({"code": "_x"}, "/code"), ({"code": "é"}, "/code"), ({"code": "a b"}, "/code"),
    ({"code": "x" * 64}, "/code"), ({"code": ""}, "/code"), ({"label_fr": ""}, "/label_fr"),
    ({"label_fr": None}, "/label_fr"), ({"position": -1}, "/position"), ({"vocabulary": "themes"}, "/vocabulary"),
])
def test_a_faulty_term_is_refused_and_its_fault_named(world, body, pointer):
    answer = world.city.post("/v1/vocabularies/themes/terms", world.term_body(**body)).expect(422)
    assert answer.problem.pointers == [pointer]


@pytest.mark.parametrize("vocabulary,parent", [("themes", "nowhere"), ("categories", "graffiti"),
                                               ("target_publics", "outdoor"), ("components", "outdoor")])
def test_a_parent_is_a_term_of_the_vocabulary_that_parents_come_from(world, vocabulary, parent):
    answer = world.city.post(f"/v1/vocabularies/{vocabulary}/terms", world.term_body(parent_code=parent)).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/parent_code"]


def test_a_term_is_not_above_itself(own):
    one = own.term("themes")
    two = own.term("themes", parent_code=one.json["code"])
    for parent in (one.json["code"], two.json["code"]):
        answer = own.city.patch(one, {"parent_code": parent}).expect(422)
        assert answer.problem.code == "parent_cycle" and answer.problem.pointers == ["/parent_code"]
    own.city.patch(two, {"parent_code": None}).expect(200)


def test_enumerations_of_the_contract_do_not_grow_or_shrink_but_are_relabelled(own):
    answer = own.city.post("/v1/vocabularies/actor_kind/terms", own.term_body()).expect(422)
    assert answer.problem.code == "vocabulary_is_closed"
    bailleur = next(t for t in terms(own.city, "actor_kind") if t["code"] == "bailleur")
    assert bailleur["allowed_transitions"] == []
    url = f"/v1/terms/{bailleur['id']}"
    assert own.city.move(url, "archived").expect(422).problem.code == "vocabulary_is_closed"
    assert own.city.patch(url, {"label_fr": "Organisme HLM"}).expect(200).json["label_fr"] == "Organisme HLM"


@pytest.mark.parametrize("member", ["code", "vocabulary", "programme_id", "status"])
def test_what_a_term_is_does_not_change(world, member):
    made = world.term()
    assert world.city.patch(made, {member: mark()}).expect(422).problem.codes == ["unknown_member"]


def test_an_archived_term_is_kept_but_not_used_again(world):
    made = world.term("themes")
    code = made.json["code"]
    said = world.context(theme=code)
    archived = world.city.move(made, "archived").expect(200)
    assert code not in codes(world.city, "themes") and code in codes(world.city, "themes", status="archived")
    answer = world.city.post(f"/v1/quartiers/{world.near}/context", world.context_body(theme=code)).expect(422)
    assert answer.problem.code == "unknown_term" and answer.problem.pointers == ["/theme"]
    assert world.city.get(said.url).json["theme"] == code
    world.city.patch(said, {"text": unique()}).expect(200)
    world.city.move(archived, "active").expect(200)
    world.context(theme=code)


def test_history_of_a_term_tells_its_labels(own):
    made = own.term(label_fr="Avant")
    own.city.patch(made, {"label_fr": "Après"}).expect(200)
    events = own.association.get(made.url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["term.created", "term.updated"]
    assert events[1]["changes"] == {"label_fr": {"before": "Avant", "after": "Après"}}
