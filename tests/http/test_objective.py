"""Objectives: the order they are stated in has no gap and no tie."""

import threading

import pytest

from world import World, unique


@pytest.fixture
def own(as_admin, contract):
    """A programme with three objectives, a, b and c."""
    w = World(as_admin, contract, only=["association"])
    w.made = {name: w.objective(text=name) for name in "abc"}
    return w


def order(world, **params):
    found = list(world.city.pages(world.url + "/objectives", params))
    assert [o["n"] for o in found] == sorted(o["n"] for o in found)
    return "".join(o["text"] for o in found)


def numbers(world):
    return [o["n"] for o in world.city.pages(world.url + "/objectives", {"status": "active,archived"})]


def test_objectives_follow_each_other_unless_told(own):
    assert order(own) == "abc" and numbers(own) == [1, 2, 3]


@pytest.mark.parametrize("n,after", [(1, "dabc"), (2, "adbc"), (3, "abdc"), (4, "abcd"), (900, "abcd")])
def test_a_new_objective_takes_its_place_and_moves_the_others(own, n, after):
    made = own.objective(text="d", n=n)
    assert order(own) == after and numbers(own) == [1, 2, 3, 4]
    assert made.json["n"] == min(n, 4)


@pytest.mark.parametrize("name,n,after", [("a", 3, "bca"), ("c", 1, "cab"), ("b", 1, "bac"), ("a", 1, "abc"),
                                          ("b", 1000, "acb")])
def test_an_objective_moves_to_its_place_and_those_between_by_one(own, name, n, after):
    changed = own.city.patch(own.made[name].url, {"n": n}).expect(200)
    assert changed.json["n"] == min(n, 3)
    assert order(own) == after and numbers(own) == [1, 2, 3]


def test_an_objective_that_is_moved_by_another_has_a_new_version(own):
    own.city.patch(own.made["c"], {"n": 1}).expect(200)
    stale = own.city.patch(own.made["a"], {"text": "A"}).expect(412)
    assert stale.headers["etag"] == own.city.get(own.made["a"].url).etag
    event = own.city.get(own.made["a"].url + "/history").items[-1]
    assert event["changes"] == {"n": {"before": 1, "after": 2}}


@pytest.mark.parametrize("body,pointer", [
    ({"text": ""}, "/text"), ({"text": None}, "/text"), ({"n": 0}, "/n"), ({"n": 1001}, "/n"), ({"n": "1"}, "/n"),
    ({"n": None}, "/n"), ({"status": "archived"}, "/status"), ({"text": "x" * 2001}, "/text"),
])
def test_a_faulty_objective_is_refused_and_its_fault_named(own, body, pointer):
    assert own.city.patch(own.made["a"], body).expect(422).problem.pointers == [pointer]
    answer = own.city.post(own.url + "/objectives", {"text": "d", **body}).expect(422)
    assert answer.problem.pointers == [pointer]
    assert order(own) == "abc"


def test_the_programme_shows_its_objectives_in_order(own):
    own.city.patch(own.made["c"], {"n": 1}).expect(200)
    own.city.move(own.made["b"].url, "archived", if_match="*").expect(200)
    shown = own.association.get(own.url).json["objectives"]
    assert [(o["text"], set(o)) for o in shown] == [("c", {"id", "n", "text"}), ("a", {"id", "n", "text"})]


def test_an_archived_objective_keeps_its_place_and_comes_back_to_it(own):
    archived = own.city.move(own.made["b"], "archived").expect(200)
    assert order(own) == "ac" and order(own, status="archived") == "b"
    assert order(own, status="active,archived") == "abc"
    own.city.move(archived, "active").expect(200)
    assert order(own) == "abc"


def test_objectives_added_at_once_do_not_tie(own):
    statuses = []

    def add():
        statuses.append(own.city.post(own.url + "/objectives", {"text": "d"}).status)

    threads = [threading.Thread(target=add) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert set(statuses) <= {201, 409}
    assert numbers(own) == list(range(1, 4 + statuses.count(201)))


def test_objectives_are_paged_in_order(own):
    seen, cursor = [], None
    while True:
        page = own.association.get(own.url + "/objectives",
                                   {"limit": 2, **({"cursor": cursor} if cursor else {})}).expect(200)
        seen += [o["text"] for o in page.items]
        cursor = page.json["next_cursor"]
        if cursor is None:
            break
    assert seen == ["a", "b", "c"]


def test_history_of_an_objective_tells_its_text(own):
    text = unique("Objectif")
    own.city.patch(own.made["a"], {"text": text}).expect(200)
    events = own.association.get(own.made["a"].url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["objective.created", "objective.updated"]
    assert events[1]["changes"] == {"text": {"before": "a", "after": text}}
