"""Rules of responsibility: who leads on what, and within which time."""

import pytest

from world import unique


def ids(client, **params):
    return [r["id"] for r in client.pages("/v1/responsibility-rules", params)]


@pytest.fixture
def rule(world):
    return world.rule()


@pytest.mark.parametrize("match", [
    {"match_tenure": "bailleur_private"}, {"match_kind": "parking"}, {"match_theme": "outdoor"},
    {"match_category": "lighting"}, {"match_tenure": "mixed", "match_kind": "road", "match_category": "roads"},
])
def test_a_rule_names_what_it_is_for(world, match):
    made = world.make("/v1/responsibility-rules", {"lead_actor_id": world.actor["city"], **match})
    assert {k: v for k, v in made.json.items() if k.startswith("match_") and v is not None} == match
    assert (made.json["calendar"], made.json["priority"], made.json["contributors"]) == ("working", 0, [])


def test_a_rule_may_be_for_one_site(world):
    site = world.site().id
    made = world.make("/v1/responsibility-rules", {"lead_actor_id": world.actor["city"], "match_site_id": site})
    assert made.json["match_site_id"] == site


def test_a_rule_that_is_for_nothing_is_refused(world, rule):
    answer = world.city.post("/v1/responsibility-rules", {"lead_actor_id": world.actor["city"]}).expect(422)
    assert answer.problem.code == "rule_matches_nothing"
    assert world.city.patch(rule, {"match_tenure": None}).expect(422).problem.code == "rule_matches_nothing"
    changed = world.city.patch(rule, {"match_tenure": None, "match_theme": "outdoor"}).expect(200)
    assert changed.json["match_tenure"] is None


def test_who_leads_does_not_contribute_besides(world, rule):
    city, bailleur = world.actor["city"], world.actor["bailleur"]
    answer = world.city.patch(rule, {"contributors": [bailleur, city]}).expect(422)
    assert answer.problem.code == "lead_is_no_contributor"
    changed = world.city.patch(rule, {"contributors": [bailleur]}).expect(200)
    assert world.city.patch(changed, {"lead_actor_id": bailleur}).expect(422).problem.code == "lead_is_no_contributor"
    swapped = world.city.patch(changed, {"lead_actor_id": bailleur, "contributors": [city]}).expect(200)
    assert (swapped.json["lead_actor_id"], swapped.json["contributors"]) == (bailleur, [city])


@pytest.mark.parametrize("body,pointer,code", [
    ({"match_theme": "nothing"}, "/match_theme", "unknown_term"),
    ({"match_category": "outdoor"}, "/match_category", "unknown_term"),
    ({"match_tenure": "rented"}, "/match_tenure", "invalid_body"),
    ({"match_kind": "square"}, "/match_kind", "invalid_body"),
    ({"target_days": 0}, "/target_days", "invalid_body"), ({"target_days": 3651}, "/target_days", "invalid_body"),
    ({"priority": 1001}, "/priority", "invalid_body"), ({"priority": None}, "/priority", "invalid_body"),
    ({"calendar": "lunar"}, "/calendar", "invalid_body"), ({"lead_actor_id": None}, "/lead_actor_id", "invalid_body"),
    ({"valid_from_on": "2024-06-31"}, "/valid_from_on", "invalid_body"),
])
def test_a_faulty_rule_is_refused_and_its_fault_named(world, rule, body, pointer, code):
    for answer in (world.city.patch(rule, body), world.city.post("/v1/responsibility-rules", world.rule_body(**body))):
        assert (answer.expect(422).problem.code, answer.problem.pointers) == (code, [pointer])


def test_contributors_are_named_once_each(world):
    twice = [world.actor["bailleur"]] * 2
    answer = world.city.post("/v1/responsibility-rules", world.rule_body(contributors=twice)).expect(422)
    assert set(answer.problem.codes) == {"uniqueItems"}


def test_a_rule_does_not_end_before_it_starts(world, rule):
    answer = world.city.patch(rule, {"valid_from_on": "2024-01-02", "valid_to_on": "2024-01-01"}).expect(422)
    assert answer.problem.code == "rule_valid_to_after_from"


def test_the_strongest_rule_comes_first(world):
    weak, strong = world.rule(priority=-1000).id, world.rule(priority=1000).id
    found = list(world.city.pages("/v1/responsibility-rules", {"limit": 3}))
    assert [r["priority"] for r in found] == sorted((r["priority"] for r in found), reverse=True)
    order = [r["id"] for r in found]
    assert order.index(strong) < order.index(weak)
    changed = [r["updated_at"] for r in world.city.pages("/v1/responsibility-rules", {"sort": "-updated_at", "limit": 3})]
    assert changed == sorted(changed, reverse=True)


def test_rules_are_filtered(world):
    site = world.site().id
    made = world.rule(match_site_id=site, match_theme="mobility", match_category="parking",
                      lead_actor_id=world.actor["institution"])
    good = {"lead_actor_id": world.actor["institution"], "site_id": site, "theme": "mobility,housing",
            "category": "parking", "status": "active"}
    bad = {"lead_actor_id": world.actor["association"], "site_id": world.site().id, "theme": "housing",
           "category": "lift,pests", "status": "archived"}
    assert ids(world.city, **good) == [made.id]
    for name in good:
        assert made.id in ids(world.association, **{name: good[name]}), name
        assert made.id not in ids(world.association, **{name: bad[name]}), name


def test_a_rule_is_archived_and_brought_back(world, rule):
    archived = world.city.move(rule, "archived").expect(200)
    assert rule.id in ids(world.city, status="archived") and rule.id not in ids(world.city)
    world.city.move(archived, "active").expect(200)
    assert rule.id in ids(world.city, status="active,archived")


def test_history_of_a_rule_tells_its_delay(world, rule):
    source = unique("Convention")
    world.mandated.patch(rule, {"target_days": 5, "source": source}).expect(200)
    created, updated = world.bailleur.get(rule.url + "/history").expect(200).items
    assert created["kind"] == "rule.created" and updated["role"] == "facilitator"
    assert updated["changes"] == {"target_days": {"before": None, "after": 5},
                                  "source": {"before": rule.json["source"], "after": source}}
