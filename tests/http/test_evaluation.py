"""Evaluations: drafted by the city or a mandate, discussed with the partners,
then final for good."""

import pytest

from world import World, scores, unique

STEPS = {("draft", "contradictory"), ("contradictory", "final")}
KEEPERS = ("city", "mandated")
READERS = ("bailleur", "association", "institution", "facilitator", "auditor")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def with_score(**changed):
    """The scores of 2007, one of them changed."""
    first, *others = scores(4, 3, 3, 3)
    return [{**first, **changed}, *others]


def test_the_total_is_computed_and_never_typed(w):
    made = w.evaluation(reference="Cf. document de présentation", evaluators=[w.actor["mandated"]])
    assert made.json["total"] == {"score": 13, "out_of": 16}
    assert w.city.patch(made, {"scores": scores(4, 4, 0, 3)[:3]}).expect(200).json["total"] == {"score": 8, "out_of": 12}
    assert w.city.patch(made.url, {"total": {"score": 16, "out_of": 16}}).expect(422).problem.pointers == ["/total"]
    assert w.evaluation(scores=[]).json["total"] == {"score": 0, "out_of": 0}


@pytest.mark.parametrize("changed,code,pointer", [
    ({"score": 5}, "score_out_of_scale", "/scores/0/score"),
    ({"score": 11, "out_of": 10}, "score_out_of_scale", "/scores/0/score"),
    ({"score": -1}, "invalid_body", "/scores/0/score"),
    ({"score": 3.5}, "invalid_body", "/scores/0/score"),
    ({"out_of": 0, "score": 0}, "invalid_body", "/scores/0/out_of"),
    ({"criterion": "innovation"}, "criterion_repeated", "/scores/3/criterion"),
    ({"criterion": "cost"}, "invalid_body", "/scores/0/criterion"),
    ({"rationale": "Voir avec s.bernard@ville.example.org"}, "personal_data_suspected", "/scores/0/rationale"),
])
def test_a_score_lies_within_its_scale_and_names_nobody(w, changed, code, pointer):
    for answer in (w.city.post("/v1/evaluations", w.evaluation_body(scores=with_score(**changed))),
                   w.city.patch(w.evaluation(), {"scores": with_score(**changed)})):
        problem = answer.expect(422).problem
        assert problem.code == code and pointer in problem.pointers


def test_a_scale_is_kept_with_its_score(w):
    made = w.evaluation(scores=with_score(score=9, out_of=10, rationale="Chaque mois."))
    assert made.json["scores"][0] == {"criterion": "partnership", "score": 9, "out_of": 10, "rationale": "Chaque mois."}
    assert made.json["total"] == {"score": 18, "out_of": 22}


def test_a_draft_is_for_the_city_and_a_mandate_and_then_for_all(w):
    made = w.evaluation(by="mandated")
    for name in KEEPERS:
        w.clients[name].get(made.url).expect(200)
    for name in READERS:
        w.clients[name].get(made.url).expect(404)
        w.clients[name].get(made.url + "/comments").expect(404)
        assert made.id not in [e["id"] for e in w.clients[name].pages("/v1/evaluations")]
    w.mandated.move(made, "contradictory").expect(200)
    for name in READERS:
        assert w.clients[name].get(made.url).expect(200).json["status"] == "contradictory"
        assert w.clients[name].get(made.url).json["allowed_transitions"] == []
        assert made.id in [e["id"] for e in w.clients[name].pages("/v1/evaluations")]


@pytest.mark.parametrize("name", ["bailleur", "association", "institution", "facilitator", "auditor", "admin"])
def test_nobody_else_writes_an_evaluation(w, name):
    client, made = w.clients[name], w.contradictory()
    client.post("/v1/evaluations", w.evaluation_body()).expect(403)
    client.patch(made.url, {"grid_version": "2026"}, if_match="*").expect(403)
    client.move(made.url, "final", if_match="*").expect(403)


def test_partners_are_asked_once_each_criterion_has_its_score(w):
    made = w.evaluation(scores=scores(4, 3, 3))
    assert w.city.move(made, "contradictory").expect(422).problem.code == "guard_criteria_are_scored"
    w.city.patch(made, {"scores": scores(4, 3, 3, 3)}).expect(200)
    made = w.city.move(made.url, "contradictory").expect(200)
    made = w.city.patch(made, {"scores": scores(4, 3, 3)}).expect(200)
    assert w.city.move(made, "final").expect(422).problem.code == "guard_criteria_are_scored"


def test_partners_comment_while_it_is_discussed_and_no_longer_once_it_is_final(w):
    made = w.contradictory()
    for name in ("bailleur", "association", "institution", "facilitator"):
        said = w.clients[name].post(made.url + "/comments", w.comment_body()).expect(201)
        assert said.json["target"] == {"type": "evaluation", "id": made.id}
    assert w.auditor.post(made.url + "/comments", w.comment_body()).expect(403).problem.code == "role_forbidden"
    w.bailleur.post(made.url + "/comments", w.comment_body(visibility="internal")).expect(201)
    assert len(w.bailleur.get(made.url + "/comments").items) == 5
    assert len(w.city.get(made.url + "/comments").items) == 4
    w.city.move(made.url, "final").expect(200)
    assert w.bailleur.post(made.url + "/comments", w.comment_body()).expect(409).problem.code == "frozen"
    assert len(w.association.get(made.url + "/comments").expect(200).items) == 4


def test_what_is_final_never_changes(w):
    made = w.city.move(w.contradictory(), "final").expect(200)
    for change in ({"scores": scores(4, 4, 4, 4)}, {"grid_version": "2026"}, {"evaluated_on": "2026-07-01"},
                   {"evaluators": [w.actor["city"]]}, {"reference": "Autre"}):
        assert w.city.patch(made, change).expect(409).problem.code == "frozen"
    for to in ("draft", "contradictory", "final"):
        assert w.city.move(made, to).status in (409, 422)
    assert w.city.get(made.url).json == made.json and made.json["allowed_transitions"] == []
    assert [e["kind"] for e in w.bailleur.get(made.url + "/history").items][-2:] == [
        "evaluation.contradictory", "evaluation.final"]


def test_a_state_is_left_only_as_the_table_says(w):
    states = {"draft": w.evaluation, "contradictory": w.contradictory,
              "final": lambda: w.city.move(w.contradictory(), "final").expect(200)}
    for before, made in states.items():
        for after in states:
            answer = w.city.move(made(), after)
            assert (answer.status == 200) == ((before, after) in STEPS), (before, after, answer)


def test_a_plan_and_a_sheet_are_evaluated_once_all_read_them(w):
    plan, sheet = w.action_plan(), w.action_sheet()
    for kind, subject in (("action_plan", plan), ("action_sheet", sheet)):
        answer = w.city.post("/v1/evaluations", w.evaluation_body(subject_type=kind, subject_id=subject.id))
        assert answer.expect(422).problem.code == "subject_is_a_draft"
    w.city.move(plan, "adopted").expect(200), w.city.move(sheet, "consultation").expect(200)
    for kind, subject in (("action_plan", plan), ("action_sheet", sheet)):
        made = w.evaluation(subject_type=kind, subject_id=subject.id)
        assert [e["id"] for e in w.city.pages("/v1/evaluations", {"subject_type": kind, "subject_id": subject.id})] == [made.id]
        answer = w.city.patch(made, {"subject_id": w.programme})
        assert answer.expect(422).problem.pointers == ["/subject_id"]


def test_what_is_evaluated_and_what_explains_the_grid_are_read_by_who_names_them(w):
    hidden = w.document(by="bailleur", visibility="internal")
    for member, value in (("subject_id", w.near), ("document_id", hidden.id), ("evaluators", [w.near])):
        answer = w.city.post("/v1/evaluations", w.evaluation_body(**{member: value}))
        assert answer.expect(422).problem.code == "unknown_reference" and answer.problem.pointers == ["/" + member]
    assert w.evaluation(document_id=w.document(title=unique("Grille")).id).status == 201


def test_an_evaluation_may_be_long_past_and_the_last_is_listed_first(w):
    old, new = w.evaluation(evaluated_on="2007-07-12"), w.evaluation(evaluated_on="2031-01-01")
    ids = [e["id"] for e in w.city.pages("/v1/evaluations", {"status": "draft"})]
    assert ids[0] == new.id and ids[-1] == old.id
