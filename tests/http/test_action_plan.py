"""Action plans: kept by the city and mandated facilitators, read by partners
while they are drafts and by everybody once adopted."""

import pytest

from world import World, unique

PARTNERS = ("city", "bailleur", "bailleur_b", "institution", "facilitator", "mandated")
OTHERS = ("association", "auditor")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def test_a_draft_is_read_by_partners_and_an_adopted_plan_by_all(w):
    made = w.action_plan(quartiers=[w.near])
    for name in PARTNERS:
        w.clients[name].get(made.url).expect(200)
    for name in OTHERS:
        w.clients[name].get(made.url).expect(404)
        assert made.id not in [p["id"] for p in w.clients[name].pages("/v1/action-plans")]
    w.city.move(made, "adopted").expect(200)
    for name in PARTNERS + OTHERS:
        assert w.clients[name].get(made.url).expect(200).json["status"] == "adopted"
        assert made.id in [p["id"] for p in w.clients[name].pages("/v1/action-plans")]


def test_only_the_city_and_a_mandate_keep_plans(w):
    for name, status in (("city", 201), ("mandated", 201), ("facilitator", 403), ("bailleur", 403)):
        w.clients[name].post("/v1/action-plans", w.action_plan_body()).expect(status)
    made = w.action_plan()
    assert w.mandated.patch(made, {"title": "Autrement"}).expect(200).json["title"] == "Autrement"
    w.facilitator.patch(made.url, {"title": "Non"}).expect(403)


def test_a_closed_plan_is_fixed_until_it_is_opened_again(w):
    made = w.action_plan()
    for to in ("adopted", "closed"):
        w.city.move(made.url, to).expect(200)
    assert w.city.patch(made.url, {"title": "Tard"}).expect(409).problem.code == "frozen"
    w.city.move(made.url, "adopted", comment="Une année de plus").expect(200)
    w.city.patch(made.url, {"title": "À temps"}).expect(200)
    assert [e["kind"] for e in w.bailleur.get(made.url + "/history").items] == [
        "action_plan.created", "action_plan.adopted", "action_plan.closed", "action_plan.adopted", "action_plan.updated"]


def test_a_period_ends_after_it_begins(w):
    answer = w.city.post("/v1/action-plans", w.action_plan_body(period_from_on="2026-01-01", period_to_on="2025-01-01"))
    assert answer.expect(422).problem.code == "period_ends_after_start"


def test_plans_are_found_by_quartier_state_and_words(w):
    near, everywhere = w.action_plan(quartiers=[w.near], title=unique("Plan")), w.action_plan()
    far = w.action_plan(quartiers=[w.far])
    ids = {p["id"] for p in w.city.pages("/v1/action-plans", {"quartier_id": w.near, "status": "draft"})}
    assert {near.id, everywhere.id} <= ids and far.id not in ids
    assert [p["id"] for p in w.city.pages("/v1/action-plans", {"q": near.json["title"]})] == [near.id]
