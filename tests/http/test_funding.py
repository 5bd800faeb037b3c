"""Funding: who pays for the programme, which year, how much."""

import pytest

from world import World

KINDS = ["own", "state", "epci", "city", "tfpb", "caf", "eu", "other"]


def ids(client, **params):
    return {f["id"] for f in client.pages("/v1/funding", params)}


@pytest.mark.parametrize("kind", KINDS)
def test_each_origin_of_money_is_known(world, kind):
    assert world.funding(kind=kind).json["kind"] == kind


def test_amounts_may_be_unknown(world):
    made = world.funding().json
    assert made["planned_cents"] is made["granted_cents"] is made["paid_cents"] is None
    assert made["target"] == "programme"


@pytest.mark.parametrize("member,good,bad", [
    ("planned_cents", [0, 1, 10**14, None], [-1, 10**14 + 1, 1.5, "100", True]),
    ("granted_cents", [0, 1500000], [-1, "100"]),
    ("paid_cents", [0, 1500000], [-1, "100"]),
    ("year", [1970, 2007, 2200], [1969, 2201, "2007", 2007.5, None]),
    ("note", ["Reconduction", None], ["", "x" * 2001]),
    ("funder_actor_id", [], [None, "x", 7]),
])
def test_amounts_and_years_are_bounded(world, member, good, bad):
    line = world.funding().url
    for value in good:
        assert world.city.patch(line, {member: value}).expect(200).json[member] == value
    for value in bad:
        assert world.city.patch(line, {member: value}).expect(422).problem.pointers == [f"/{member}"], value


def test_a_line_is_for_the_programme_and_stays_so(world):
    assert world.funding(target="programme").json["target"] == "programme"
    world.city.post("/v1/funding", world.funding_body(target="site")).expect(422)
    answer = world.city.patch(world.funding(), {"target": "programme"}).expect(422)
    assert answer.problem.codes == ["unknown_member"]


def test_the_programme_shows_its_funding_by_year(as_admin, contract):
    own = World(as_admin, contract, only=[])
    lines = {year: own.funding(year=year, planned_cents=year) for year in (2008, 2007, 2009)}
    own.city.move(lines[2009], "archived").expect(200)
    shown = own.city.get(own.url).json["funding"]
    assert [(f["year"], f["planned_cents"]) for f in shown] == [(2007, 2007), (2008, 2008)]
    assert shown[0]["funder_actor_id"] == own.actor["city"]


def test_funding_is_filtered_and_sorted(world):
    made = world.funding(funder_actor_id=world.actor["institution"], kind="state", year=2011)
    good = {"funder_actor_id": world.actor["institution"], "kind": "state,caf", "year": 2011, "status": "active"}
    bad = {"funder_actor_id": world.actor["city"], "kind": "caf", "year": 2012, "status": "archived"}
    assert made.id in ids(world.city, **good)
    for name in good:
        assert made.id in ids(world.city, **{name: good[name]}) - ids(world.city, **{name: bad[name]}), name
    years = [f["year"] for f in world.city.pages("/v1/funding", {"sort": "-year", "limit": 3})]
    assert years == sorted(years, reverse=True)
    changed = [f["updated_at"] for f in world.city.pages("/v1/funding", {"sort": "-updated_at", "limit": 3})]
    assert changed == sorted(changed, reverse=True)


def test_a_line_is_archived_and_brought_back(world):
    made = world.funding()
    archived = world.city.move(made, "archived").expect(200)
    assert made.id in ids(world.city, status="archived") - ids(world.city)
    assert world.city.move(archived, "active").expect(200).json["allowed_transitions"] == ["archived"]
    assert made.id in ids(world.city)


def test_history_of_a_line_tells_its_amounts(world):
    made = world.funding(planned_cents=100)
    world.city.patch(made, {"granted_cents": 90}).expect(200)
    events = world.association.get(made.url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["funding.created", "funding.updated"]
    assert events[0]["changes"]["planned_cents"] == {"before": None, "after": 100}
    assert events[1]["changes"] == {"granted_cents": {"before": None, "after": 90}}
