"""Members: rights come from a membership, and end with it at once."""

import pytest

from world import World, in_days, unique


@pytest.fixture
def own(as_admin, contract):
    """A programme whose memberships the test may end."""
    return World(as_admin, contract, only=[])


def new_actor(world, kind="other"):
    return world.make("/v1/actors", world.actor_body(kind=kind)).id


def new_member(world, role="association", by="city", actor=None, **more):
    return world.clients[by].post(f"{world.url}/members", {
        "actor_id": actor or new_actor(world), "role": role, **more})


# --- what a membership may say -------------------------------------------------------------


@pytest.mark.parametrize("role,more,code", [
    ("facilitator", {"mandate_scope": ["quartier"]}, "mandate_has_an_end"),
    ("bailleur", {"mandate_scope": ["quartier"], "to_on": "2199-12-31"}, "mandate_is_for_facilitators"),
    ("association", {"from_on": "2024-01-02", "to_on": "2024-01-01"}, "member_ends_after_start"),
])
def test_a_membership_that_cannot_be_is_refused(world, role, more, code):
    assert new_member(world, role, **more).expect(422).problem.code == code


@pytest.mark.parametrize("role", ["city", "institution", "facilitator", "auditor"])
def test_only_bailleurs_and_associations_are_restricted_to_quartiers(world, role):
    answer = new_member(world, role, quartiers=[world.near]).expect(422)
    assert answer.problem.code == "quartiers_restrict_partners"
    for partner in ("bailleur", "association"):
        assert new_member(world, partner, quartiers=[world.near]).expect(201).json["quartiers"] == [world.near]


@pytest.mark.parametrize("more,pointer", [
    ({"role": "admin"}, "/role"), ({"role": "mayor"}, "/role"), ({"mandate_scope": ["everything"]}, "/mandate_scope/0"),
    ({"quartiers": ["x"]}, "/quartiers/0"), ({"from_on": "2024-13-01"}, "/from_on"), ({"keys": ["admin"]}, "/keys"),
    ({"pens": ["*"]}, "/pens"), ({"programme_id": None}, "/programme_id"),
])
def test_a_faulty_membership_is_refused_and_its_fault_named(world, more, pointer):
    answer = world.city.post(f"{world.url}/members", {
        "actor_id": world.actor["bailleur"], "role": "association", **more}).expect(422)
    assert answer.problem.pointers == [pointer]


def test_nobody_is_made_administrator_through_the_interface(world):
    for by in ("city", "admin"):
        assert new_member(world, "admin", by=by).expect(422).problem.pointers == ["/role"]


def test_an_actor_has_a_role_once_at_a_time(world):
    actor = new_actor(world)
    first = new_member(world, actor=actor).expect(201)
    assert new_member(world, actor=actor).expect(409).problem.code == "already_exists"
    new_member(world, "institution", actor=actor).expect(201)
    world.city.move(first, "ended").expect(200)
    new_member(world, actor=actor).expect(201)


@pytest.mark.parametrize("member", ["role", "actor_id", "status", "institution_id"])
def test_who_a_member_is_does_not_change(world, member):
    made = new_member(world).expect(201)
    answer = world.city.patch(made, {member: world.actor["city"]}).expect(422)
    assert answer.problem.codes == ["unknown_member"]


def test_a_service_is_a_member_of_its_institution(world):
    service = world.service("bailleur_b").id
    assert new_member(world, actor=service).expect(201).json["institution_id"] == world.actor["bailleur_b"]


def test_the_administrator_registers_members_of_any_programme(world):
    made = new_member(world, "bailleur", by="admin", quartiers=[world.near]).expect(201)
    assert world.city.get(made.url).json["quartiers"] == [world.near]
    changed = world.admin.patch(made, {"quartiers": []}).expect(200)
    assert world.admin.move(changed, "ended").expect(200).json["status"] == "ended"


# --- when it acts ----------------------------------------------------------------------------


def test_a_membership_that_ends_is_refused_at_the_next_request(world):
    name = world.join("association")
    client = world.clients[name]
    client.get("/v1/actors").expect(200)
    ended = world.city.move(f"/v1/members/{world.member[name]}", "ended").expect(200)
    assert ended.json["status"] == "ended" and ended.json["allowed_transitions"] == []
    refused = client.get("/v1/actors").expect(403)
    assert refused.problem.code == "membership_ended"
    client.post("/v1/contacts", world.contact_body()).expect(403)


@pytest.mark.parametrize("period", [
    {"from_on": "2020-01-01", "to_on": in_days(-2)}, {"from_on": in_days(2)},
])
def test_a_membership_acts_only_in_its_period(world, period):
    name = world.join("bailleur")
    world.clients[name].get("/v1/sites").expect(200)
    changed = world.city.patch(f"/v1/members/{world.member[name]}", period).expect(200)
    assert world.clients[name].get("/v1/sites").expect(403).problem.code == "membership_ended"
    world.city.patch(changed, {"from_on": "2020-01-01", "to_on": None}).expect(200)
    world.clients[name].get("/v1/sites").expect(200)


def test_quartiers_of_a_membership_act_at_the_next_request(world):
    name = world.join("bailleur", quartiers=[world.near])
    client, member = world.clients[name], f"/v1/members/{world.member[name]}"

    def seen():
        return {q["id"] for q in client.pages("/v1/quartiers")} & {world.near, world.far}

    assert seen() == {world.near}
    world.city.patch(member, {"quartiers": [world.far]}).expect(200)
    assert seen() == {world.far}
    world.city.patch(member, {"quartiers": []}).expect(200)
    assert seen() == {world.near, world.far}


def test_an_ended_membership_does_not_come_back(world):
    made = new_member(world).expect(201)
    ended = world.city.move(made, "ended").expect(200)
    answer = world.city.move(ended, "ended").expect(409)
    assert answer.problem.allowed_transitions == []
    assert world.city.move(ended, "active").expect(422).problem.code == "unknown_transition"


# --- a city remains ----------------------------------------------------------------------------


def test_the_last_city_membership_cannot_end(own):
    member = f"/v1/members/{own.member['city']}"
    assert own.city.move(member, "ended").expect(422).problem.code == "guard_not_last_city"
    answer = own.city.patch(member, {"to_on": in_days(30)}).expect(422)
    assert answer.problem.code == "guard_not_last_city" and answer.problem.pointers == ["/to_on"]
    assert own.admin.move(member, "ended").expect(422).problem.code == "guard_not_last_city"
    own.city.get(own.url).expect(200)


def test_a_city_membership_with_an_end_does_not_count_as_the_one_that_remains(own):
    member = f"/v1/members/{own.member['city']}"
    second = new_member(own, "city", actor=own.service().id, to_on=in_days(30)).expect(201)
    own.city.move(member, "ended").expect(422)
    own.city.patch(second, {"to_on": None}).expect(200)
    own.city.move(member, "ended").expect(200)
    assert own.city.get(own.url).expect(403).problem.code == "membership_ended"
    own.admin.move(second.url, "ended").expect(422)


# --- mandates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope,may", [
    ("programme", {"programme", "objective", "funding"}), ("quartier", {"quartier", "context"}),
    ("rule", {"rule"}), ("term", {"term"}), ("member", {"member"}), ("meeting", set()),
])
def test_a_mandate_opens_what_it_names_and_nothing_else(world, scope, may):
    name = world.join("facilitator", mandate_scope=[scope], to_on=in_days(365))
    client = world.clients[name]
    answers = {
        "programme": client.patch(world.url, {"method": unique()}, if_match="*"),
        "objective": client.post(world.url + "/objectives", {"text": unique()}),
        "funding": client.post("/v1/funding", world.funding_body()),
        "quartier": client.post("/v1/quartiers", {"name": unique()}),
        "context": client.post(f"/v1/quartiers/{world.near}/context", world.context_body()),
        "rule": client.post("/v1/responsibility-rules", world.rule_body()),
        "term": client.post("/v1/vocabularies/themes/terms", world.term_body()),
        "member": new_member(world, by=name),
    }
    for noun, answer in answers.items():
        if noun in may:
            assert answer.status in (200, 201), (noun, answer)
        else:
            assert answer.expect(403).problem.code == "forbidden", noun


def test_a_mandate_that_is_taken_away_ends_at_the_next_request(world):
    name = world.join("facilitator", mandate_scope=["quartier"], to_on=in_days(365))
    made = world.quartier(by=name)
    assert world.clients[name].get(made.url).json["allowed_transitions"] == ["archived"]
    world.city.patch(f"/v1/members/{world.member[name]}", {"mandate_scope": []}).expect(200)
    world.clients[name].patch(made, {"aliases": ["Autre"]}).expect(403)
    assert world.clients[name].get(made.url).json["allowed_transitions"] == []


@pytest.mark.parametrize("role", ["city", "facilitator", "auditor"])
def test_a_mandate_never_gives_power_over_others(world, role):
    assert new_member(world, role, by="mandated").expect(403).problem.code == "forbidden"
    held = new_member(world, role).expect(201)
    world.mandated.patch(held, {"mandate_ref": "X"}).expect(403)
    world.mandated.move(held, "ended").expect(403)


def test_a_facilitator_does_not_widen_its_own_mandate(world):
    member = f"/v1/members/{world.member['mandated']}"
    world.mandated.patch(member, {"to_on": in_days(3650)}).expect(403)
    world.mandated.patch(member, {"mandate_scope": ["evaluation"]}).expect(403)


def test_a_facilitator_keeps_partners_by_mandate(world):
    made = new_member(world, "association", by="mandated", local_relay=True).expect(201)
    assert made.json["local_relay"] is True and made.json["allowed_transitions"] == ["ended"]
    world.mandated.move(made, "ended").expect(200)


# --- lists and history -------------------------------------------------------------------------------


def test_members_are_filtered(world):
    far = new_member(world, "bailleur", quartiers=[world.far]).expect(201)
    ended = new_member(world, "bailleur").expect(201)
    world.city.move(ended, "ended").expect(200)

    def ids(**params):
        return {m["id"] for m in world.city.pages(f"{world.url}/members", params)}

    assert far.id in ids(role="bailleur,association") and far.id not in ids(role="association")
    assert ids(actor_id=far.json["actor_id"]) == {far.id}
    assert far.id in ids(quartier_id=world.far) and far.id not in ids(quartier_id=world.near)
    assert world.member["city"] in ids(quartier_id=world.near)
    assert world.member["bailleur"] in ids(quartier_id=world.near) - ids(quartier_id=world.far)
    assert ended.id in ids(status="ended") and ended.id not in ids()
    assert ended.id in ids(status="active,ended", actor_id=ended.json["actor_id"])


def test_history_of_a_membership_tells_what_changed_of_it(world):
    made = new_member(world, "bailleur").expect(201)
    world.city.patch(made, {"quartiers": [world.near], "mandate_ref": "Lettre"}).expect(200)
    events = world.association.get(made.url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["member.created", "member.updated"]
    assert events[1]["changes"] == {"quartiers": {"before": [], "after": [world.near]},
                                    "mandate_ref": {"before": None, "after": "Lettre"}}
    assert not {"keys", "pens", "groups"} & set(events[0]["changes"])
