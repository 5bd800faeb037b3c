"""Lessons, each of one kind, and outcomes, what each objective came to."""

import pytest

from world import World

KINDS = ("effect", "difficulty", "solution", "fragility", "success_condition", "perspective", "transferability")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def test_a_solution_and_its_difficulty_name_each_other(w):
    difficulty = w.lesson()
    solutions = [w.lesson(kind="solution", answers_id=difficulty.id) for _ in range(2)]
    assert [s.json["answers_id"] for s in solutions] == [difficulty.id] * 2
    assert w.bailleur.get(difficulty.url).json["answered_by"] == [s.id for s in solutions]
    assert [s["id"] for s in w.auditor.pages("/v1/lessons", {"answers_id": difficulty.id})] == [s.id for s in solutions]
    w.city.move(solutions[0], "archived").expect(200)
    w.city.patch(solutions[1], {"answers_id": None}).expect(200)
    assert w.city.get(difficulty.url).json["answered_by"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_solution_answers_and_only_a_difficulty_is_answered(w, kind):
    difficulty, other = w.lesson(), w.lesson(kind=kind)
    answer = w.city.post("/v1/lessons", w.lesson_body(kind=kind, answers_id=difficulty.id))
    if kind == "solution":
        answer.expect(201)
    else:
        assert answer.expect(422).problem.code == "answers_no_difficulty" and answer.problem.pointers == ["/answers_id"]
    answer = w.city.post("/v1/lessons", w.lesson_body(kind="solution", answers_id=other.id))
    assert answer.status == (201 if kind == "difficulty" else 422)


def test_a_kind_is_for_good(w):
    assert w.city.patch(w.lesson(), {"kind": "effect"}).expect(422).problem.pointers == ["/kind"]


def test_links_are_shown_to_those_who_see_what_they_lead_to(w):
    sheet, draft = w.consulted_sheet(), w.action_sheet(pilot_actor_id=w.actor["bailleur_b"])
    links = [{"type": "action_sheet", "id": s.id} for s in (sheet, draft)]
    made = w.lesson(links=links)
    assert made.json["links"] == links
    assert w.association.get(made.url).json["links"] == links[:1]
    answer = w.city.patch(made, {"links": [{"type": "issue", "id": sheet.id}]})
    assert answer.expect(422).problem.pointers == ["/links/0/id"]
    assert w.association.get(made.url + "/history").items[0]["changes"].keys() == {"kind", "text", "status"}


def test_a_lesson_names_nobody_and_is_found_by_its_words(w):
    answer = w.city.post("/v1/lessons", w.lesson_body(text="Voir s.bernard@ville.example.org"))
    assert answer.expect(422).problem.code == "personal_data_suspected"
    made = w.lesson(kind="perspective")
    found = w.bailleur.pages("/v1/lessons", {"q": made.json["text"], "kind": "perspective,effect"})
    assert [lesson["id"] for lesson in found] == [made.id]


@pytest.mark.parametrize("name", ["bailleur", "association", "institution", "facilitator", "auditor", "admin"])
def test_all_read_lessons_and_outcomes_and_the_city_and_a_mandate_write_them(w, name):
    lesson, outcome, client = w.lesson(by="mandated"), w.objective_outcome(by="mandated"), w.clients[name]
    for made, body in ((lesson, w.lesson_body()), (outcome, {"objective_id": w.objective().id})):
        if name != "admin":
            client.get(made.url).expect(200)
        client.post(made.url.rsplit("/", 1)[0], body).expect(403)
        client.patch(made.url, {"text": "Non"} if made is lesson else {"obtained": "Non"}, if_match="*").expect(403)
        client.move(made.url, "archived", if_match="*").expect(403)


def test_an_objective_has_one_outcome_and_says_why_it_differs(w):
    objective = w.objective()
    made = w.objective_outcome(objective_id=objective.id, expected="Trois cours", obtained="Deux cours",
                               gap_comment="La troisième attend le bornage.")
    again = w.city.post("/v1/outcomes", {"objective_id": objective.id})
    assert again.expect(409).problem.code == "already_exists"
    assert w.city.patch(made, {"obtained": "Trois cours", "gap_comment": None}).expect(200).json["gap_comment"] is None
    w.city.move(made.url, "archived").expect(200)
    other = w.objective_outcome(objective_id=objective.id)
    assert [o["id"] for o in w.auditor.pages("/v1/outcomes", {"objective_id": objective.id})] == [other.id]
    assert w.city.move(made.url, "active").expect(409).problem.code == "already_exists"
    assert w.city.patch(other.url, {"objective_id": w.objective().id}).expect(422).problem.pointers == ["/objective_id"]


@pytest.mark.parametrize("member", ["expected", "obtained", "gap_comment"])
def test_an_outcome_names_nobody(w, member):
    answer = w.city.post("/v1/outcomes", {"objective_id": w.objective().id, member: "Appeler le 01 99 00 00 01"})
    assert answer.expect(422).problem.pointers == ["/" + member]
