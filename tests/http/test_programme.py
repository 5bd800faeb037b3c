"""Programmes: opened by the administrator, kept by their city."""

import pytest

from world import World, in_days, unique

CITY = {"name": "Ville d'essai"}


@pytest.fixture
def programme(world):
    return world.city.get(world.url).expect(200)


@pytest.fixture
def own(as_admin, contract):
    """A programme that the test may close."""
    return World(as_admin, contract, only=[])


# --- opening ---------------------------------------------------------------------------


def test_the_administrator_opens_a_programme_with_its_city_and_its_vocabularies(as_admin, contract):
    made = as_admin.post("/v1/programmes", {
        "title": unique("Programme"), "nature": "experimental", "commune_insee": "13103",
        "commune_name": "Salon-de-Provence", "departement": "13", "starts_on": "2007-01-15",
        "schemes": [{"kind": "cucs", "from_on": "2007-01-01"}],
        "city": {"name": "Ville d'essai", "siren": "732829320"}}).expect(201)
    assert made.headers["location"] == f"/v1/programmes/{made.id}"
    assert made.json["status"] == "active" and made.json["objectives"] == made.json["funding"] == []
    members = as_admin.get(made.url + "/members").expect(200).items
    assert [(m["role"], m["status"], m["to_on"]) for m in members] == [("city", "active", None)]
    city = as_admin.get(f"/v1/actors/{members[0]['actor_id']}").expect(200).json
    assert (city["kind"], city["name"], city["siren"]) == ("city", "Ville d'essai", "732829320")
    assert city["programme_id"] == made.id


def test_a_new_programme_has_its_own_copy_of_every_term(as_admin, own):
    for vocabulary in as_admin.get("/v1/vocabularies", {"limit": 200}).items:
        path = f"/v1/vocabularies/{vocabulary['name']}/terms"
        platform = {t["code"]: t for t in as_admin.pages(path)}
        mine = {t["code"]: t for t in own.city.pages(path)}
        assert platform.keys() == mine.keys()
        for code, term in mine.items():
            assert term["label_fr"] == platform[code]["label_fr"]
            assert term["parent_code"] == platform[code]["parent_code"]
            assert term["id"] != platform[code]["id"] and term["programme_id"] == own.programme


@pytest.mark.parametrize("body,pointers", [
    ({}, {"/title", "/city"}),
    ({"title": "T"}, {"/city"}),
    ({"title": "T", "city": {}}, {"/city/name"}),
    ({"title": "", "city": CITY}, {"/title"}),
    ({"title": "T", "city": {**CITY, "kind": "bailleur"}}, {"/city/kind"}),
    ({"title": "T", "city": CITY, "nature": "temporary"}, {"/nature"}),
    ({"title": "T", "city": CITY, "objectives": []}, {"/objectives"}),
    ({"title": "T", "city": CITY, "schemes": [{"kind": "cucs"}]}, {"/schemes/0/from_on"}),
    ({"title": "T", "city": CITY, "schemes": [{"kind": "x", "from_on": "2007-02-30"}]},
     {"/schemes/0/kind", "/schemes/0/from_on"}),
    ({"title": "T", "city": CITY, "budget": {"planned_cents": -1}}, {"/budget/planned_cents"}),
    ({"title": "T", "city": CITY, "budget": {"planned_cents": 1.5}}, {"/budget/planned_cents"}),
    ({"title": "T", "city": CITY, "budget": {"currency": "USD"}}, {"/budget/currency"}),
])
def test_a_faulty_opening_is_refused_and_its_faults_named(as_admin, body, pointers):
    answer = as_admin.post("/v1/programmes", body).expect(422)
    assert set(answer.problem.pointers) == pointers


@pytest.mark.parametrize("member,good,bad", [
    ("commune_insee", ["13103", "2A004", "2B033", "97411", "01001"], ["1310", "131034", "2C004", "A3103", "13 103"]),
    ("departement", ["13", "2A", "971", "978", "988"], ["1", "20X", "979", "2C", "1313"]),
    ("epci_siren", ["732829320", "552100554"], ["732829321", "73282932", "7328293200", "ABCDEFGHI"]),
])
def test_codes_of_territories_are_checked(as_admin, programme, world, member, good, bad):
    for code in good:
        assert world.city.patch(world.url, {member: code}).expect(200).json[member] == code
    for code in bad:
        assert world.city.patch(world.url, {member: code}).expect(422).problem.pointers == [f"/{member}"]


# --- changing ----------------------------------------------------------------------------


def test_a_budget_is_empty_until_somebody_fills_it(own):
    assert own.city.get(own.url).json["budget"] == {
        "planned_cents": None, "actual_cents": None, "currency": "EUR"}


def test_a_budget_is_patched_member_by_member(own):
    def patched(budget):
        return own.city.patch(own.url, {"budget": budget}).expect(200).json["budget"]

    assert patched({"planned_cents": 1500000}) == {
        "planned_cents": 1500000, "actual_cents": None, "currency": "EUR"}
    assert patched({"actual_cents": 0}) == {"planned_cents": 1500000, "actual_cents": 0, "currency": "EUR"}
    assert patched({"planned_cents": None}) == {"planned_cents": None, "actual_cents": 0, "currency": "EUR"}
    assert patched({}) == {"planned_cents": None, "actual_cents": 0, "currency": "EUR"}
    answer = own.city.patch(own.url, {"budget": {"amount": 1}}).expect(422)
    assert answer.problem.pointers == ["/budget/amount"]


def test_lists_of_a_programme_are_replaced_whole(own):
    both = [{"kind": "cucs", "from_on": "2007-01-01", "to_on": "2014-12-31"}, {"kind": "tfpb", "from_on": "2015-01-01"}]
    changed = own.city.patch(own.url, {"schemes": both, "skills": ["Écouter", "Cartographier"]}).expect(200)
    assert [s["kind"] for s in changed.json["schemes"]] == ["cucs", "tfpb"]
    changed = own.city.patch(changed, {"schemes": both[1:], "skills": []}).expect(200)
    assert [s["kind"] for s in changed.json["schemes"]] == ["tfpb"] and changed.json["skills"] == []


@pytest.mark.parametrize("body,code", [
    ({"starts_on": "2007-01-15", "ends_on": "2007-01-14"}, "programme_ends_after_start"),
    ({"schemes": [{"kind": "cucs", "from_on": "2014-12-31", "to_on": "2007-01-01"}]}, "scheme_ends_after_start"),
])
def test_nothing_ends_before_it_starts(world, body, code):
    assert world.city.patch(world.url, body).expect(422).problem.code == code


@pytest.mark.parametrize("member", ["objectives", "funding", "status", "city", "id"])
def test_what_has_its_own_address_is_not_patched_in_the_programme(world, programme, member):
    answer = world.city.patch(programme, {member: []}).expect(422)
    assert answer.problem.pointers == [f"/{member}"]


# --- lists ---------------------------------------------------------------------------------


def test_a_member_lists_its_own_programme_and_the_administrator_all(world, as_admin, own):
    for role in ("city", "bailleur", "association", "auditor"):
        assert [p["id"] for p in world.clients[role].get("/v1/programmes").items] == [world.programme]
    assert {world.programme, own.programme} <= {p["id"] for p in as_admin.pages("/v1/programmes")}


def test_programmes_are_filtered_and_sorted(as_admin, own):
    own.city.patch(own.url, {"nature": "experimental", "commune_insee": "13103", "departement": "13"}).expect(200)

    def ids(**params):
        return {p["id"] for p in as_admin.pages("/v1/programmes", params)}

    for params in ({"nature": "experimental"}, {"commune_insee": "13103"}, {"departement": "13"},
                   {"status": "active"}, {"nature": "experimental", "commune_insee": "13103", "departement": "13"}):
        assert own.programme in ids(**params), params
    for params in ({"nature": "permanent"}, {"commune_insee": "13055"}, {"departement": "2A"}, {"status": "closed"}):
        assert own.programme not in ids(**params), params
    titles = [p["title"] for p in as_admin.pages("/v1/programmes", {"sort": "title"})]
    assert titles == sorted(titles)
    changed = [p["updated_at"] for p in as_admin.pages("/v1/programmes", {"sort": "-updated_at"})]
    assert changed == sorted(changed, reverse=True)


# --- life ------------------------------------------------------------------------------------


def test_a_programme_is_closed_reopened_with_a_reason_and_archived(own):
    programme = own.city.get(own.url).expect(200)
    assert programme.json["allowed_transitions"] == ["closed"]
    refused = own.city.move(programme, "archived").expect(409)
    assert refused.problem.code == "transition_illegal" and refused.problem.allowed_transitions == ["closed"]
    closed = own.city.move(programme, "closed").expect(200)
    assert closed.json["status"] == "closed" and closed.json["allowed_transitions"] == ["active", "archived"]
    refused = own.city.move(closed, "active").expect(422)
    assert refused.problem.code == "guard_comment_required" and refused.problem.pointers == ["/comment"]
    reopened = own.city.move(closed, "active", comment="Avenant signé").expect(200)
    closed = own.city.move(reopened, "closed").expect(200)
    archived = own.city.move(closed, "archived").expect(200)
    assert archived.json["allowed_transitions"] == []
    assert own.programme in {p["id"] for p in own.admin.pages("/v1/programmes", {"status": "archived"})}
    kinds = [e["kind"] for e in own.city.get(own.url + "/history").items]
    assert kinds == ["programme." + s for s in ("created", "closed", "active", "closed", "archived")]


def test_a_state_that_no_programme_has_is_named(own):
    answer = own.city.move(own.url, "deleted").expect(422)
    assert answer.problem.code == "unknown_transition" and answer.problem.pointers == ["/to"]


def test_history_tells_both_clocks_who_and_why(own):
    moved = own.city.move(own.url, "closed", occurred_at="2024-05-01T10:00:00Z", reason_code="end_of_term",
                          comment="Fin du contrat").expect(200)
    event = own.city.get(own.url + "/history").items[-1]
    assert event["occurred_at"] == "2024-05-01T10:00:00.000Z"
    assert event["recorded_at"][:10] == moved.json["updated_at"][:10] and event["recorded_at"] > event["occurred_at"]
    assert (event["reason_code"], event["comment"]) == ("end_of_term", "Fin du contrat")
    assert (event["role"], event["actor_id"], event["membership_id"]) == ("city", own.actor["city"], own.member["city"])
    assert event["institution_id"] == own.actor["city"]
    assert event["request_id"] == moved.headers["x-request-id"]
    assert event["subject"] == {"type": "programme", "id": own.programme, "version": 2}
    assert event["changes"] == {"status": {"before": "active", "after": "closed"}}


def test_nothing_has_happened_in_the_future(own):
    answer = own.city.move(own.url, "closed", occurred_at=in_days(2) + "T00:00:00Z").expect(422)
    assert answer.problem.code == "occurred_in_the_future" and answer.problem.pointers == ["/occurred_at"]


def test_the_administrator_reads_that_something_happened_but_not_what(own):
    own.city.patch(own.url, {"purpose": "Vivre mieux"}).expect(200)
    events = own.admin.get(own.url + "/history").items
    assert [e["kind"] for e in events] == ["programme.created", "programme.updated"]
    assert [e["changes"] for e in events] == [{}, {}]
    assert own.city.get(own.url + "/history").items[1]["changes"] == {
        "purpose": {"before": None, "after": "Vivre mieux"}}


# --- templates ---------------------------------------------------------------------------


@pytest.fixture
def shaped(as_admin, contract):
    """A programme with words, methods and meetings of its own, and with data."""
    w = World(as_admin, contract, only=["bailleur"])
    w.city.patch(w.url, {"purpose": "Ici", "method": "Marcher", "skills": ["Animer"], "target_publics": ["youth"],
                         "nature": "experimental", "starts_on": "2007-01-01"}).expect(200)
    w.term(code="shared_gardens", parent_code="outdoor", label_fr="Jardins partagés")
    w.term("categories", code="trees", parent_code="shared_gardens", label_fr="Arbres")
    housing = next(t for t in w.city.pages("/v1/vocabularies/themes/terms") if t["code"] == "housing")
    w.city.patch(f"/v1/terms/{housing['id']}", {"label_fr": "Habitat"}).expect(200)
    w.meeting_series(title="Inter-bailleurs"), w.meeting_series(title="Proche", quartiers=[w.near])
    w.objective(), w.issue(), w.contact(), w.rule()
    return w


def test_a_template_is_a_skeleton_without_data(shaped):
    template = shaped.bailleur.get(shaped.url + "/template").expect(200).json
    assert {k: v for k, v in template.items() if k != "terms"} == {
        "format": "gusp.programme_template/1", "nature": "experimental", "definition": None, "method": "Marcher",
        "skills": ["Animer"], "target_publics": ["youth"],
        "meeting_series": [{"title": "Inter-bailleurs", "kind": "inter_bailleurs", "rhythm": "monthly"}]}
    assert {(t["vocabulary"], t["code"], t["parent_code"], t["label_fr"]) for t in template["terms"]} == {
        ("categories", "trees", "shared_gardens", "Arbres"), ("themes", "shared_gardens", "outdoor", "Jardins partagés"),
        ("themes", "housing", None, "Habitat")}


def test_a_programme_opened_from_a_template_has_the_same_one(shaped, as_admin, contract):
    template = shaped.city.get(shaped.url + "/template").expect(200).json
    body = {"title": unique("Programme"), "city": CITY, "method": "Autrement", "from_template": template}
    made = as_admin.post("/v1/programmes", body).expect(201)
    assert (made.json["method"], made.json["nature"], made.json["skills"]) == ("Autrement", "experimental", ["Animer"])
    assert (made.json["purpose"], made.json["starts_on"], made.json["objectives"]) == (None, None, [])
    [member] = as_admin.get(made.url + "/members").expect(200).items
    city = shaped.client_of(member["id"], "city")
    assert city.get(made.url + "/template").expect(200).json == {**template, "method": "Autrement"}
    assert [s["title"] for s in city.pages("/v1/meeting-series")] == ["Inter-bailleurs"]
    for path in ("/v1/issues", "/v1/contacts", "/v1/quartiers", "/v1/responsibility-rules"):
        assert city.get(path).expect(200).items == []


def test_a_new_programme_has_an_empty_template(own):
    template = own.city.get(own.url + "/template").expect(200).json
    assert template["terms"] == template["meeting_series"] == [] and template["nature"] == "permanent"


@pytest.mark.parametrize("template,code,pointer", [
    ({}, "invalid_body", "/from_template/format"),
    ({"format": "gusp.programme_template/2"}, "invalid_body", "/from_template/format"),
    ({"format": "gusp.programme_template/1", "terms": [{"vocabulary": "themes"}]}, "invalid_body",
     "/from_template/terms/0/code"),
    ({"format": "gusp.programme_template/1", "terms": [{"vocabulary": "role", "code": "mayor", "label_fr": "Maire"}]},
     "unknown_vocabulary", "/from_template/terms/0/vocabulary"),
    ({"format": "gusp.programme_template/1", "title": "Vol"}, "invalid_body", "/from_template/title"),
])
def test_a_template_that_does_not_fit_opens_nothing(as_admin, template, code, pointer):
    title = unique("Programme")
    answer = as_admin.post("/v1/programmes", {"title": title, "city": CITY, "from_template": template}).expect(422)
    assert answer.problem.code == code and pointer in answer.problem.pointers
    assert title not in [p["title"] for p in as_admin.pages("/v1/programmes")]
