"""Meetings: from the call to the published minutes; who came, what was
decided, and what issues owe to them."""

import uuid

import pytest

from meeting_transitions import PATHS, STEPS, expected
from world import JPEG, World, in_days, in_hours, mark, unique

KINDS = ("neighbourhood", "resident_workshop", "walk", "interview", "restitution", "technical", "inter_bailleurs",
         "transversal", "tech_committee", "steering_committee", "resident_council", "other")
MEMBERS = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "association_b", "institution",
           "facilitator", "mandated", "auditor")
PHONE = "Appeler le 06 39 98 00 01"
EVIDENCE = {"kind": "photo_after", "external_ref": "IMG-0042"}


def point(lon=5.0972, lat=43.6401):
    return {"type": "Point", "coordinates": [lon, lat]}


def ids(client, path="/v1/meetings", **params):
    return {i["id"] for i in client.pages(path, params)}


def stops(n=3):
    return [{"n": i + 1, "point": point(5.0972 + i / 1000), "label": f"Arrêt {i + 1}"} for i in range(n)]


@pytest.fixture(scope="module")
def place(as_admin, contract):
    """A programme of its own, for lists and agendas."""
    return World(as_admin, contract)


# --- what a meeting is -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_the_2007_sheet_are_meetings(world, kind):
    made = world.meeting(kind=kind, phase="diagnosis").json
    assert made["kind"] == kind and made["status"] == "planned" and made["phase"] == "diagnosis"
    assert made["convenor_actor_id"] == world.actor["city"] and made["minutes_version"] == 0
    programme, quartier, letter, year, number = made["ref"].split("-")
    assert (quartier, letter, len(number)) == ("PRO", "M", 6)


def test_a_meeting_of_no_quartier_has_none_in_its_reference(world):
    assert len(world.meeting(quartiers=[]).json["ref"].split("-")) == 4


def test_a_walk_has_a_route_groups_and_numbered_stops(world):
    walk = {"kind": "walk", "weather": "Pluie fine", "stops": stops(), "groups": [
        {"code": "A", "label": "Nord", "lead_actor_id": world.actor["association"]}],
        "route": {"type": "LineString", "coordinates": [[5.0972, 43.6401], [5.0992, 43.6401]]}}
    walk["stops"][0]["planned_at"] = "2026-03-05T10:00:00+01:00"
    made = world.meeting(**walk).json
    assert made["stops"][0]["planned_at"] == "2026-03-05T09:00:00.000Z"
    assert made["stops"][1] == {**walk["stops"][1], "planned_at": None}
    assert {name: made[name] for name in ("route", "weather", "groups")} == {name: walk[name] for name in ("route", "weather", "groups")}


@pytest.mark.parametrize("member,value", [
    ("weather", "Soleil"), ("stops", stops(1)), ("groups", [{"code": "A"}]),
    ("route", {"type": "LineString", "coordinates": [[5.0972, 43.6401], [5.0992, 43.6401]]})])
def test_only_a_walk_has_an_itinerary(world, member, value):
    answer = world.city.post("/v1/meetings", world.meeting_body(**{member: value})).expect(422)
    assert answer.problem.code == "itinerary_is_of_a_walk"


def test_the_stops_of_a_walk_are_in_the_territory_and_of_different_numbers(world):
    swapped = stops(2)
    swapped[1]["point"] = point(43.6, 5.1)
    answer = world.city.post("/v1/meetings", world.meeting_body(kind="walk", stops=swapped)).expect(422)
    assert answer.problem.code == "geometry_outside_territory" and answer.problem.pointers == ["/stops/1/point"]
    twice = stops(2)
    twice[1]["n"] = 1
    answer = world.city.post("/v1/meetings", world.meeting_body(kind="walk", stops=twice)).expect(422)
    assert answer.problem.code == "repeated_number" and answer.problem.pointers == ["/stops/1/n"]


def test_a_meeting_ends_after_it_has_begun(world):
    answer = world.city.post("/v1/meetings", world.meeting_body(ends_at=in_hours(1))).expect(422)
    assert answer.problem.code == "meeting_ends_after_start"


def test_a_meeting_tells_what_it_works_from_whom_it_told_and_what_matters(world):
    said = {
        "supports": [{"kind": "map", "document_id": world.document().id, "label": "Fond de plan"}],
        "communications": [{"channel": "letterbox", "audience": "Habitants de l'îlot", "sent_on": "2026-03-01", "text": "Venez"}],
        "priorities": [{"n": 1, "theme": "outdoor", "text": "Éclairage de l'allée"}],
        "facilitators": [world.actor["association"]], "venue_actor_id": world.actor["association"]}
    made = world.meeting(kind="neighbourhood", **said)
    assert {name: made.json[name] for name in said} == said
    changed = world.city.patch(made, {"priorities": [], "venue_text": "Salle des Tilleuls"}).expect(200).json
    assert changed["priorities"] == [] and changed["supports"] == said["supports"] and changed["version"] == 2


@pytest.mark.parametrize("member,part,pointer,code", [
    ("supports", {"kind": "map", "document_id": "absent"}, "/supports/0/document_id", "unknown_reference"),
    ("priorities", {"n": 1, "theme": "nowhere", "text": "Rien"}, "/priorities/0/theme", "unknown_term"),
    ("priorities", {"n": 1, "text": PHONE}, "/priorities/0/text", "personal_data_suspected"),
    ("communications", {"channel": "letter", "audience": PHONE}, "/communications/0/audience", "personal_data_suspected"),
    ("communications", {"channel": "letter", "audience": "Tous", "text": PHONE}, "/communications/0/text", "personal_data_suspected"),
])
def test_the_parts_of_a_meeting_are_looked_at(world, member, part, pointer, code):
    part = {name: str(uuid.uuid4()) if value == "absent" else value for name, value in part.items()}
    answer = world.city.post("/v1/meetings", world.meeting_body(**{member: [part]})).expect(422)
    assert answer.problem.code == code and answer.problem.pointers == [pointer]


@pytest.mark.parametrize("member", ["title", "venue_text", "synthesis"])
def test_a_text_of_a_meeting_names_nobody(world, member):
    answer = world.city.post("/v1/meetings", world.meeting_body(**{member: PHONE})).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == [f"/{member}"]


NAMES = ("name", "names", "participants", "attendees", "residents", "present", "list", "email", "note", "comment")


@pytest.mark.parametrize("name", NAMES)
def test_no_member_takes_the_name_of_a_resident(world, held, name):
    tries = [("/v1/meetings", world.meeting_body()), (held.url + "/invitations", {"actor_id": world.actor["bailleur"]}),
             (held.url + "/attendance", world.attendance_body(None)), (held.url + "/decisions", {"text": "Décidé"}),
             (held.url + "/agenda-points", {"title": "Point"})]
    for path, body in tries:
        answer = world.city.post(path, {**body, name: "Camille Exemple"}).expect(422)
        assert answer.problem.codes == ["unknown_member"] and answer.problem.pointers == [f"/{name}"], path


def test_a_series_gathers_its_meetings(world):
    series = world.meeting_series()
    mine = {world.meeting(series_id=series.id, kind="inter_bailleurs", starts_at=in_hours(h)).id for h in (24, 48)}
    assert ids(world.bailleur, series_id=series.id) == mine
    archived = world.city.move(series, "archived").expect(200)
    assert world.city.patch(archived, {"title": "Autre"}).expect(409).problem.code == "frozen"


# --- who sees ---------------------------------------------------------------------------


def seeing(world, url):
    return {name for name in MEMBERS if world.clients[name].get(url).status == 200}


RESTRICTED = {"bailleur", "bailleur_b", "association", "association_b"}


def test_a_meeting_is_seen_in_its_quartiers_and_without_one_by_all(world):
    assert seeing(world, world.meeting().url) == set(MEMBERS)
    assert seeing(world, world.meeting(quartiers=[]).url) == set(MEMBERS)
    assert seeing(world, world.meeting(quartiers=[world.far, world.near]).url) == set(MEMBERS)
    assert seeing(world, world.meeting(quartiers=[world.far]).url) == set(MEMBERS) - RESTRICTED


@pytest.mark.parametrize("member", ["venue_actor_id", "convenor_actor_id", "facilitators"])
def test_who_calls_hosts_or_leads_a_meeting_sees_it(world, member):
    actor = world.actor["association"]
    made = world.meeting(quartiers=[world.far], **{member: [actor] if member == "facilitators" else actor})
    assert seeing(world, made.url) == set(MEMBERS) - RESTRICTED | {"association"}


def test_who_is_invited_sees_the_meeting_and_who_is_no_longer_does_not(world):
    made = world.meeting(quartiers=[world.far])
    photo = world.document(target_type="meeting", target_id=made.id)
    invited = world.invitation(made, of="bailleur")
    hidden = set(MEMBERS) - RESTRICTED
    for url in (made.url, photo.url, invited.url):
        assert seeing(world, url) == hidden | {"bailleur"}
    assert made.id in ids(world.bailleur) and made.id not in ids(world.bailleur_b)
    world.city.move(invited, "withdrawn", comment="Erreur de destinataire").expect(200)
    for url in (made.url, photo.url, invited.url):
        assert seeing(world, url) == hidden
    assert made.id not in ids(world.bailleur)
    # What was said of the invitation is not said of the meeting.
    assert all(e["comment"] is None for e in world.city.pages(made.url + "/history"))


def test_documents_of_a_meeting_are_for_those_who_see_it(world):
    made = world.meeting(quartiers=[world.far])
    path = world.document_path(target_type="meeting", target_id=made.id)
    answer = world.bailleur.post(path, data=JPEG, content_type="image/jpeg").expect(422)
    assert answer.problem.code == "unknown_reference"
    photo = world.institution.post(path, data=JPEG, content_type="image/jpeg").expect(201)
    world.bailleur.get(photo.url).expect(404)
    world.city.patch(made, {"quartiers": [world.near]}).expect(200)
    world.bailleur.get(photo.url).expect(200)


# --- lists ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(as_admin, contract):
    """A programme with meetings of many kinds, days and places."""
    w = World(as_admin, contract)
    w.word = mark()
    w.series = w.meeting_series().id
    for n, kind in enumerate(KINDS):
        made = w.meeting(kind=kind, title=unique(f"Réunions {w.word}"), starts_at=in_hours(24 * (n - 4)),
                         quartiers=[[w.near], [w.far], [w.near, w.far], []][n % 4],
                         **({"series_id": w.series} if n % 3 == 0 else {}),
                         **({"convenor_actor_id": w.actor["association"]} if n % 5 == 0 else {}))
        if n % 2:
            w.city.move(made, "called").expect(200)
        if n % 4 == 1:
            w.invitation(made, of="bailleur")
    return w


FILTERS = {
    "kind": (["walk", "technical,other", "interview"], lambda w, m, v: m["kind"] in v.split(",")),
    "status": (["planned", "called", "planned,called", "held"], lambda w, m, v: m["status"] in v.split(",")),
    "quartier_id": (["near", "far"], lambda w, m, v: v in m["quartiers"]),
    "series_id": (["series"], lambda w, m, v: m["series_id"] == v),
    "convenor_actor_id": (["association", "city", "bailleur"], lambda w, m, v: m["convenor_actor_id"] == v),
    "starts_from": ([in_hours(-12), in_hours(60)], lambda w, m, v: m["starts_at"] >= v),
    "starts_to": ([in_hours(-12), in_hours(60)], lambda w, m, v: m["starts_at"] < v),
    "q": (["reunion", "absente"], lambda w, m, v: v == "reunion"),
}
CALLERS = ("city", "bailleur", "bailleur_b", "association", "institution", "auditor")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_what_the_list_shows_and_no_more(listed, name, caller):
    w, client = listed, listed.clients[caller]
    whole = list(client.pages("/v1/meetings", {"limit": 200}))
    assert whole and len({m["id"] for m in whole}) == len(whole)
    values, holds = FILTERS[name]
    for value in values:
        value = {"near": w.near, "far": w.far, "series": w.series, **w.actor}.get(value, value)
        assert list(client.pages("/v1/meetings", {name: value})) == [m for m in whole if holds(w, m, value)], value


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort", ["-starts_at", "starts_at", "-updated_at"])
def test_pages_of_every_sort_are_full_and_show_each_meeting_once(listed, caller, sort):
    client, member = listed.clients[caller], sort.lstrip("-")
    whole = client.get("/v1/meetings", {"sort": sort, "limit": 200}).items
    assert list(client.pages("/v1/meetings", {"sort": sort, "limit": 2})) == whole
    shown = [m[member] for m in whole]
    assert shown == sorted(shown, reverse=sort[0] == "-") and len({m["id"] for m in whole}) == len(whole)


# --- the life-cycles --------------------------------------------------------------------------


def step(client, url, to):
    """With all that any step may ask for."""
    details = {"details": {"starts_at": in_hours(-1), "answers_due_on": in_days(30)}} if "/meetings/" in url else {}
    return client.move(url, to, if_match="*", comment="Essai de la table", **details)


def reach(w, noun, state):
    """A new record of the bailleur's, in a state."""
    made = {
        "meeting": lambda: w.meeting(kind="walk", starts_at=in_hours(-1)),
        "invitation": lambda: w.invitation(of="bailleur"),
        "agenda_point": lambda: w.agenda_point(by="bailleur"),
        "decision": lambda: w.decision(),
        "attendance": lambda: w.attendance(of="bailleur"),
    }[noun]()
    for to, by in PATHS[noun][state]:
        step(w.clients[by], made.url, to).expect(200)
    return made.url


def relations(name):
    found = {"organiser", "counter"} if name in ("city", "mandated") else set()
    return found | {"invited", "proposer", "counter"} if name == "bailleur" else found


@pytest.mark.parametrize("noun,state", [(noun, state) for noun in PATHS for state in PATHS[noun]])
def test_each_step_is_for_those_whom_the_table_names(world, noun, state):
    steps, url, wrong = STEPS[noun], reach(world, noun, state), []
    closed = {"meeting", "decision"}  # to whom the contract does not open the step
    for name in ("city", "bailleur", "bailleur_b", "association", "institution", "facilitator", "mandated", "auditor"):
        mine = relations(name)
        allowed = {to for (at, to), who in steps.items() if at == state and who & mine}
        assert set(world.clients[name].get(url).expect(200).json["allowed_transitions"]) == allowed, name
        for to in PATHS[noun]:
            status = expected(steps, mine, state, to)
            if name == "auditor" or noun in closed and name in ("bailleur", "bailleur_b", "association", "institution"):
                status = 403
            answer = step(world.clients[name], url, to)
            if answer.status != status:
                wrong.append(f"{name}: {state} -> {to}: {status} expected, {answer!r}")
            if answer.status == 200:
                assert answer.json["status"] == to
                url = reach(world, noun, state)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("noun", PATHS)
def test_the_table_in_the_database_has_these_steps_and_no_other(database, noun):
    with database.cursor() as cursor:
        cursor.execute("SELECT from_state, to_state FROM gusp.transition WHERE noun = %s", [noun])
        assert set(cursor.fetchall()) == set(STEPS[noun])


def test_a_meeting_is_not_held_before_it_has_begun(world):
    made = world.city.move(world.meeting(), "called").expect(200)
    assert world.city.move(made, "held").expect(422).problem.code == "guard_meeting_has_begun"
    made = world.city.patch(made, {"starts_at": in_hours(-2)}).expect(200)
    made = world.city.move(made, "held").expect(200)
    answer = world.city.patch(made, {"starts_at": in_hours(2)}).expect(422)
    assert answer.problem.code == "guard_meeting_has_begun" and answer.problem.pointers == ["/starts_at"]


def test_a_postponed_meeting_is_called_for_a_new_day_and_lasts_as_long(world):
    made = world.city.move(world.meeting(starts_at=in_hours(1), ends_at=in_hours(3)), "postponed").expect(200)
    answer = world.city.move(made, "called").expect(422)
    assert answer.problem.code == "guard_starts_at_required" and answer.problem.pointers == ["/details/starts_at"]
    made = world.city.move(made, "called", details={"starts_at": "2030-03-05T09:00:00Z"}).expect(200)
    assert made.json["starts_at"] == "2030-03-05T09:00:00.000Z" and made.json["ends_at"] == "2030-03-05T11:00:00.000Z"


def test_a_meeting_is_cancelled_with_a_reason(world):
    made = world.meeting()
    assert world.city.move(made, "cancelled").expect(422).problem.code == "guard_comment_required"
    assert world.city.move(made, "cancelled", comment="Salle indisponible").expect(200).json["allowed_transitions"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_residents_says_by_when_they_are_answered(world, kind):
    made = world.city.move(world.held_meeting(kind=kind), "minutes_draft").expect(200)
    owes = kind in ("walk", "neighbourhood", "resident_workshop")
    answer = world.city.move(made, "minutes_published").expect(422 if owes else 200)
    if owes:
        assert answer.problem.code == "guard_answers_due_on_required"
        assert answer.problem.pointers == ["/details/answers_due_on"]
        made = world.city.move(made, "minutes_published", details={"answers_due_on": in_days(40)}).expect(200)
        assert made.json["answers_due_on"] == in_days(40)


def test_the_day_of_the_answers_may_be_there_already(world):
    made = world.city.move(world.held_meeting(kind="walk", answers_due_on=in_days(20)), "minutes_draft").expect(200)
    assert world.city.move(made, "minutes_published").expect(200).json["answers_due_on"] == in_days(20)


def test_published_minutes_are_frozen_and_corrected_as_a_new_version(world):
    made = world.published_meeting(world.held_meeting(kind="neighbourhood", synthesis="Première version"))
    assert made.json["minutes_version"] == 1 and made.json["minutes_published_at"] and made.json["contest_until"] >= in_days(14)
    document = world.document(kind="minutes").id
    for body in ({"synthesis": "Autre"}, {"priorities": [{"n": 1, "text": "Autre"}]}, {"minutes_document_id": document},
                 {"answers_due_on": in_days(90)}, {"kind": "other"}):
        assert world.city.patch(made, body).expect(409).problem.code == "frozen", body
    told = {"communications": [{"channel": "poster", "audience": "Habitants"}]}
    made = world.city.patch(made, told).expect(200)
    assert world.city.move(made, "minutes_draft").expect(422).problem.code == "guard_comment_required"
    made = world.city.move(made, "minutes_draft", comment="Oubli signalé par une association").expect(200)
    made = world.city.patch(made, {"synthesis": "Deuxième version", "minutes_document_id": document}).expect(200)
    made = world.city.move(made, "minutes_published").expect(200)
    assert made.json["minutes_version"] == 2 and made.json["synthesis"] == "Deuxième version"
    assert "Première version" in world.bailleur.get(made.url + "/history").text


def test_minutes_are_contested_by_comments(world):
    made = world.published_meeting(world.held_meeting())
    said = world.make(made.url + "/comments", {"text": "Il manque la demande de bancs."}, by="association")
    assert said.json["target"] == {"type": "meeting", "id": made.id}
    inside = world.make(made.url + "/comments", world.comment_body(visibility="internal"), by="bailleur")
    assert ids(world.city, made.url + "/comments") == {said.id}
    assert ids(world.bailleur, made.url + "/comments") == {said.id, inside.id}
    assert ids(world.auditor, made.url + "/comments") == {said.id}
    hidden = world.meeting(quartiers=[world.far])
    world.bailleur.get(hidden.url + "/comments").expect(404)
    world.bailleur.post(hidden.url + "/comments", {"text": "Rien"}).expect(404)


def test_a_stale_change_is_refused(world):
    made = world.meeting()
    world.city.patch(made, {"venue_text": "Salle A"}).expect(200)
    assert world.city.patch(made, {"venue_text": "Salle B"}).expect(412).problem.code == "precondition_failed"
    assert world.city.move(made, "called").expect(412).problem.code == "precondition_failed"


# --- invitations and attendance --------------------------------------------------------------


@pytest.fixture(scope="module")
def held(world):
    return world.held_meeting()


def test_the_city_and_a_mandated_facilitator_invite(world):
    made = world.meeting()
    for by, status in (("city", 201), ("mandated", 201), ("facilitator", 403), ("bailleur", 403)):
        actor = world.make("/v1/actors", world.actor_body()).id
        world.clients[by].post(made.url + "/invitations", {"actor_id": actor}).expect(status)
    body = {"actor_id": world.actor["bailleur"]}
    world.city.post(made.url + "/invitations", body).expect(201)
    answer = world.city.post(made.url + "/invitations", body).expect(409)
    assert answer.problem.code == "already_exists" and answer.problem.pointers == ["/actor_id"]


def test_nobody_answers_for_another_institution(world):
    invited = world.invitation(of=world.service("bailleur", by="bailleur").id)
    for by in ("city", "mandated", "bailleur_b", "association"):
        assert world.clients[by].move(invited, "accepted").expect(403).problem.code == "transition_forbidden"
    answered = world.bailleur.move(invited, "excused").expect(200)
    assert answered.json["answered_at"] and answered.json["allowed_transitions"] == ["accepted"]


def test_an_institution_writes_its_own_line_and_no_other(world):
    made = world.held_meeting()
    world.attendance(made, of="bailleur", by="bailleur", present_count=3)
    for of, by, status in (("bailleur_b", "bailleur", 403), ("city", "association", 403), ("bailleur", "facilitator", 403),
                           ("bailleur_b", "mandated", 201), ("association", "city", 201)):
        world.clients[by].post(made.url + "/attendance", world.attendance_body(of)).expect(status)
    line = next(a for a in world.bailleur.pages(made.url + "/attendance") if a["actor_id"] == world.actor["association"])
    url = f"/v1/attendance/{line['id']}"
    world.association.patch(url, {"present_count": 5}).expect(200)
    world.bailleur.patch(url, {"present_count": 9}).expect(403)
    answer = world.association.post(made.url + "/attendance", world.attendance_body("association")).expect(409)
    assert answer.problem.code == "already_exists"


@pytest.mark.parametrize("member", ["venue_actor_id", "convenor_actor_id"])
def test_residents_are_counted_by_the_association_that_hosts(world, member):
    made = world.held_meeting(**{member: world.actor["association"]})
    counts = {"present_count": 20, "women": 11, "youth": 4, "seniors": 7, "via_actor_id": world.actor["association_b"]}
    line = world.attendance(made, of=None, by="association", **counts)
    assert {name: line.json[name] for name in counts} == counts
    for by in ("association_b", "bailleur", "institution"):
        world.clients[by].post(made.url + "/attendance", world.attendance_body(None)).expect(403)
        world.clients[by].patch(line.url, {"present_count": 21}).expect(403)
    world.attendance(made, of=None, by="mandated")
    assert world.city.get(made.url).json["attendance"]["residents"] == 32
    # Another host: no longer its to count.
    world.city.patch(made.url, {member: world.actor["association_b"]}, if_match="*").expect(200)
    world.association.patch(line.url, {"present_count": 22}).expect(403)
    world.association_b.patch(line.url, {"present_count": 22}).expect(200)


def test_a_bailleur_that_hosts_does_not_count_residents(world):
    made = world.held_meeting(venue_actor_id=world.actor["bailleur"])
    world.bailleur.post(made.url + "/attendance", world.attendance_body(None)).expect(403)


@pytest.mark.parametrize("more,code", [
    ({"women": 13}, "brackets_within_count"), ({"youth": 7, "seniors": 6}, "brackets_within_count"),
    ({"excused": True}, "attendance_of_one_kind"), ({"actor_id": "bailleur"}, "attendance_of_one_kind")])
def test_counts_of_residents_are_sound(world, held, more, code):
    body = world.attendance_body(None, **{k: world.actor.get(v, v) for k, v in more.items()})
    assert world.city.post(held.url + "/attendance", body).expect(422).problem.code == code


def test_who_is_excused_is_not_present(world, held):
    answer = world.city.post(held.url + "/attendance", world.attendance_body("institution", excused=True)).expect(422)
    assert answer.problem.code == "excused_is_not_present"
    answer = world.city.post(held.url + "/attendance", world.attendance_body("institution", via_actor_id=world.actor["city"]))
    assert answer.expect(422).problem.code == "attendance_of_one_kind"


def test_nobody_is_present_before_the_meeting_is_held(world):
    answer = world.city.post(world.meeting().url + "/attendance", world.attendance_body()).expect(409)
    assert answer.problem.code == "meeting_not_held"


def test_the_summary_counts_institutions_once_and_shows_who_is_missing(world):
    made = world.held_meeting()
    agency = world.service("bailleur", by="bailleur").id
    for of in ("bailleur", agency, "bailleur_b", "association", "institution"):
        world.invitation(made, of=of)
    gone = world.invitation(made, of="association_b")
    world.city.move(gone, "withdrawn").expect(200)
    excused = next(i for i in world.city.pages(made.url + "/invitations") if i["actor_id"] == world.actor["association"])
    world.association.move(f"/v1/invitations/{excused['id']}", "excused").expect(200)

    def summary(by="auditor"):
        return list(world.clients[by].get(made.url).json["attendance"].values())

    assert summary() == [4, 0, 1, 3, 0]
    world.attendance(made, of=agency, present_count=1)
    world.attendance(made, of="bailleur", present_count=2)
    world.attendance(made, of="bailleur_b", present_count=0, excused=True)
    world.attendance(made, of="city", present_count=4)
    assert summary() == [4, 2, 2, 1, 0]
    line = world.attendance(made, of="institution", by="institution", present_count=1)
    world.attendance(made, of=None, present_count=9)
    world.attendance(made, of=None, present_count=5, via_actor_id=world.actor["association"])
    assert summary() == summary("association") == [4, 3, 2, 0, 14]
    world.institution.move(line, "archived").expect(200)
    assert summary() == [4, 2, 2, 1, 14]


# --- agenda and decisions ------------------------------------------------------------------------


def test_any_member_that_sees_the_meeting_proposes_a_point(world):
    made = world.meeting()
    for by in ("bailleur", "association", "institution", "city", "mandated"):
        assert world.agenda_point(made, by=by).json["proposed_institution_id"] == world.actor[by]
    world.facilitator.post(made.url + "/agenda-points", {"title": "Point"}).expect(403)
    assert [p["n"] for p in world.association.pages(made.url + "/agenda-points", {"limit": 2})] == [1, 2, 3, 4, 5]


def test_who_runs_the_meeting_sets_the_order_of_its_agenda(world):
    made = world.meeting()
    first, second = world.agenda_point(made, by="bailleur"), world.agenda_point(made, by="association")
    assert world.bailleur.patch(first, {"n": 3}).expect(403).problem.code == "forbidden"
    world.mandated.patch(first.url, {"n": 3}).expect(200)
    assert [p["id"] for p in world.bailleur.pages(made.url + "/agenda-points")] == [second.id, first.id]


def test_a_point_is_its_proposers_until_it_is_accepted(world):
    made = world.agenda_point(by="bailleur")
    made = world.bailleur.patch(made, {"text": "Précision"}).expect(200)
    world.bailleur_b.patch(made, {"text": "Autre"}).expect(403)
    made = world.city.move(made, "accepted").expect(200)
    world.bailleur.patch(made, {"text": "Trop tard"}).expect(403)


def test_an_agenda_is_closed_once_the_meeting_is_over(world):
    made = world.city.move(world.held_meeting(), "minutes_draft").expect(200)
    assert world.city.post(made.url + "/agenda-points", {"title": "Point"}).expect(409).problem.code == "agenda_closed"


def test_a_point_about_an_issue_is_for_those_who_see_the_issue(world):
    made, hidden = world.meeting(), world.issue(visibility="confidential")
    said = world.agenda_point(made, issue_id=hidden.id)
    assert seeing(world, said.url) == {"city", "auditor"}
    assert said.id not in ids(world.bailleur, made.url + "/agenda-points")
    answer = world.bailleur.post(made.url + "/agenda-points", {"title": "Point", "issue_id": hidden.id}).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/issue_id"]
    inside = world.issue(by="bailleur", visibility="internal")
    answer = world.bailleur.post(made.url + "/agenda-points", {"title": "Point", "issue_id": inside.id}).expect(422)
    assert answer.problem.code == "internal_issue_on_agenda"


def test_decisions_are_recorded_from_the_meeting_to_its_minutes(world):
    made = world.meeting(starts_at=in_hours(-1))

    def refused(code):
        assert world.city.post(made.url + "/decisions", {"text": "Décidé"}).expect(409).problem.code == code

    refused("meeting_not_held")
    made = world.city.move(made, "called").expect(200)
    refused("meeting_not_held")
    made = world.city.move(made, "held").expect(200)
    first = world.decision(made)
    second = world.decision(made, by="mandated")
    assert (first.json["n"], second.json["n"]) == (1, 2)
    for by, status in (("bailleur", 403), ("facilitator", 403), ("mandated", 200)):
        world.clients[by].patch(first.url, {"text": unique("Précisé")}, if_match="*").expect(status)
    published = world.published_meeting(made)
    refused("frozen")
    assert world.city.patch(second, {"text": "Autre"}).expect(409).problem.code == "frozen"
    assert world.city.move(second, "withdrawn", comment="Erreur").expect(409).problem.code == "frozen"
    world.city.move(published, "minutes_draft", comment="Correction").expect(200)
    world.city.move(second.url, "withdrawn", comment="Erreur").expect(200)


def test_a_decision_names_what_its_recorder_sees_and_is_for_those_who_see_it(world, elsewhere):
    made, hidden = world.held_meeting(), world.issue(visibility="confidential")
    said = world.decision(made, on=hidden)
    assert seeing(world, said.url) == {"city", "auditor"}
    inside = world.issue(by="bailleur", visibility="internal")
    for by, target in (("city", inside.id), ("city", elsewhere.issue().id), ("mandated", hidden.id), ("city", str(uuid.uuid4()))):
        answer = world.clients[by].post(made.url + "/decisions", {"text": "Décidé", "target_type": "issue", "target_id": target})
        assert answer.expect(422).problem.code == "unknown_reference" and answer.problem.pointers == ["/target_id"]
    answer = world.city.post(made.url + "/decisions", {"text": "Décidé", "target_type": "issue"}).expect(422)
    assert answer.problem.code == "decision_target_is_whole"


@pytest.fixture(scope="module")
def elsewhere(as_admin, contract):
    return World(as_admin, contract, only=[])


# --- arbitration ----------------------------------------------------------------------------------


def declined(w, lead, issue=None, **more):
    """Asked of a lead, which declines."""
    made = issue or w.city.move(w.issue(**more), "qualified").expect(200)
    made = w.city.move(made, "assigned", details={"lead_actor_id": w.actor[lead], "due_on": in_days(5)}).expect(200)
    return w.clients[lead].move(made, "qualified", comment="Pas chez nous", details={"decline_reason": "not_my_land"}).expect(200)


def bounced(w, **more):
    return declined(w, "bailleur_wide", declined(w, "institution", **more))


def agenda(w, meeting, by="city"):
    return [p for p in w.clients[by].pages(meeting.url + "/agenda-points") if p["automatic"]]


def assign(w, issue, lead="city", by="city", **details):
    return w.clients[by].move(issue.url, "assigned", if_match="*", details={
        "lead_actor_id": w.actor[lead], "due_on": in_days(5), **details})


def test_two_refusals_then_the_agenda_then_a_decision_then_a_third_assignment(place):
    w = place
    soon = w.meeting(kind="inter_bailleurs", starts_at=in_hours(24))
    late = w.meeting(kind="transversal", quartiers=[], starts_at=in_hours(72))
    others = [w.meeting(kind="inter_bailleurs", quartiers=[w.far], starts_at=in_hours(12)),
              w.meeting(kind="technical", starts_at=in_hours(12)), w.held_meeting(kind="inter_bailleurs")]
    issue = declined(w, "institution")
    assert agenda(w, soon) == []
    issue = declined(w, "bailleur_wide", issue)
    said, = agenda(w, soon)
    assert said["issue_id"] == issue.id and said["status"] == "accepted" and issue.json["ref"] in said["title"]
    assert said["proposed_institution_id"] is None
    assert [agenda(w, m) for m in (late, *others)] == [[]] * 4
    assert w.city.get(f"/v1/agenda-points/{said['id']}/history").items[0]["comment"] is None

    assert assign(w, issue).expect(422).problem.code == "guard_third_assignment_is_decided"
    assert assign(w, issue, meeting_id=soon.id).expect(422).problem.code == "guard_third_assignment_is_decided"
    w.city.patch(soon.url, {"starts_at": in_hours(-1)}, if_match="*").expect(200)
    w.city.move(soon.url, "called", if_match="*").expect(200)
    w.city.move(soon.url, "held", if_match="*").expect(200)
    w.decision(soon, on=w.issue())
    assert assign(w, issue, meeting_id=soon.id).expect(422).problem.code == "guard_third_assignment_is_decided"
    gone = w.decision(soon, on=issue)
    w.city.move(gone, "withdrawn", comment="Erreur").expect(200)
    assert assign(w, issue, meeting_id=soon.id).expect(422).problem.code == "guard_third_assignment_is_decided"
    w.decision(soon, on=issue)
    done = assign(w, issue, lead="bailleur", by="mandated", meeting_id=soon.id).expect(200)
    assert done.json["decision_meeting_id"] == soon.id and not done.json["arbitration"]
    # Declined once more, it takes another decision.
    again = w.bailleur.move(done, "qualified", details={"decline_reason": "budget"}).expect(200)
    assert assign(w, again, meeting_id=soon.id).expect(422).problem.code == "guard_third_assignment_is_decided"


def test_an_issue_that_waits_is_on_the_agenda_of_the_next_meeting_once(as_admin, contract):
    w = World(as_admin, contract)
    near, far = bounced(w), bounced(w, quartier_id=w.far)
    hidden = bounced(w, visibility="confidential")
    first = w.meeting(kind="inter_bailleurs", starts_at=in_hours(48))
    assert [p["issue_id"] for p in agenda(w, first)] == [near.id, hidden.id]
    assert [p["issue_id"] for p in agenda(w, first, by="bailleur")] == [near.id]
    whole = w.meeting(kind="transversal", quartiers=[], starts_at=in_hours(96))
    assert [p["issue_id"] for p in agenda(w, whole)] == [far.id]
    # Called, moved within its place: nothing comes twice.
    w.city.move(first, "called").expect(200)
    w.city.patch(first.url, {"starts_at": in_hours(50)}, if_match="*").expect(200)
    assert len(agenda(w, first)) == 2 and len(agenda(w, whole)) == 1
    # Put off, it gives what waits to the other.
    w.city.move(first.url, "postponed", if_match="*").expect(200)
    assert {p["issue_id"] for p in agenda(w, whole)} == {far.id, near.id, hidden.id}


def test_an_issue_on_an_agenda_by_hand_is_not_there_twice(as_admin, contract):
    w = World(as_admin, contract)
    made = w.meeting(kind="inter_bailleurs")
    issue = declined(w, "institution")
    point_ = w.agenda_point(made, by="institution", issue_id=issue.id)
    declined(w, "bailleur_wide", issue)
    assert agenda(w, made) == []
    assert w.city.post(made.url + "/agenda-points", {"title": "Encore", "issue_id": issue.id}).expect(409).problem.code \
        == "already_exists"
    w.institution.move(point_, "withdrawn").expect(200)
    assert [p["issue_id"] for p in agenda(w, made)] == [issue.id]


def test_a_meeting_that_is_named_must_have_decided_even_the_first_time(world):
    issue, held = world.city.move(world.issue(), "qualified").expect(200), world.held_meeting()
    assert assign(world, issue, meeting_id=held.id).expect(422).problem.code == "guard_third_assignment_is_decided"
    world.decision(held, on=issue)
    assign(world, issue, meeting_id=held.id).expect(200)


# --- the city does not verify itself, a meeting may ---------------------------------------------------


def treated_by_city(w):
    made = w.city.move(w.issue(), "qualified").expect(200)
    made = assign(w, made).expect(200)
    made = w.city.move(made, "accepted").expect(200)
    return w.city.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)


def test_the_city_records_that_a_meeting_verified_its_work(world):
    made = treated_by_city(world)

    def refused(**details):
        answer = world.city.move(made.url, "resolved", if_match="*", details=details).expect(403)
        assert answer.problem.code == "self_verification"
        assert "resolved" not in world.city.get(made.url).json["allowed_transitions"]

    refused()
    held = world.held_meeting(kind="tech_committee")
    world.decision(held, on=made)
    refused(meeting_id=held.id)
    world.attendance(held, of="city")
    published = world.published_meeting(held)
    refused(meeting_id=held.id)  # the city was alone
    line = world.attendance(held, of="bailleur", by="bailleur")
    assert "resolved" in world.city.get(made.url).json["allowed_transitions"]
    answer = world.city.move(made.url, "resolved", if_match="*").expect(422)
    assert answer.problem.code == "guard_meeting_id_required" and answer.problem.pointers == ["/details/meeting_id"]
    other = world.held_meeting()
    answer = world.city.move(made.url, "resolved", if_match="*", details={"meeting_id": other.id}).expect(422)
    assert answer.problem.code == "guard_verified_by_another"
    world.city.move(published, "minutes_draft", comment="Correction").expect(200)
    refused(meeting_id=held.id)  # its minutes are not published
    world.city.move(held.url, "minutes_published", if_match="*", details={"answers_due_on": in_days(9)}).expect(200)
    world.bailleur.move(line, "archived").expect(200)
    refused(meeting_id=held.id)
    world.bailleur.move(line.url, "active", if_match="*").expect(200)
    done = world.city.move(made.url, "resolved", if_match="*", details={"meeting_id": held.id}).expect(200)
    assert done.json["decision_meeting_id"] == held.id and done.json["verifier_actor_id"] is None


def test_a_decision_from_before_the_work_verifies_nothing(world):
    """Who was to do it is not whether it was done."""
    issue, held = world.city.move(world.issue(), "qualified").expect(200), world.held_meeting()
    world.decision(held, on=issue)
    world.attendance(held, of="bailleur")
    world.published_meeting(held)
    made = assign(world, issue, meeting_id=held.id).expect(200)
    made = world.city.move(made, "accepted").expect(200)
    made = world.city.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)
    answer = world.city.move(made, "resolved", details={"meeting_id": held.id}).expect(403)
    assert answer.problem.code == "self_verification"


def test_a_bailleur_does_not_verify_itself_by_a_meeting(world):
    made = world.city.move(world.issue(), "qualified").expect(200)
    made = assign(world, made, lead="bailleur").expect(200)
    made = world.bailleur.move(made, "accepted").expect(200)
    made = world.bailleur.move(made, "treated", details={"evidence": [EVIDENCE]}).expect(200)
    held = world.held_meeting()
    world.decision(held, on=made)
    world.attendance(held, of="association")
    world.published_meeting(held)
    answer = world.bailleur.move(made, "resolved", details={"meeting_id": held.id}).expect(403)
    assert answer.problem.code == "self_verification"


# --- where issues come from ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walk(place):
    return place.meeting(kind="walk", stops=stops(10), starts_at=in_hours(-1))


def test_an_issue_tells_the_walk_and_the_stop_that_it_comes_from(place, walk):
    made = place.issue(by="association", origin_meeting_id=walk.id, origin_stop_n=3)
    assert made.json["origin_kind"] == "walk" and made.json["origin_stop_n"] == 3
    other = place.issue(origin_meeting_id=place.meeting().id)
    assert other.json["origin_kind"] == "meeting" and other.json["origin_stop_n"] is None
    assert made.id in ids(place.bailleur, "/v1/issues", meeting_id=walk.id)
    assert other.id not in ids(place.bailleur, "/v1/issues", meeting_id=walk.id)
    moved = place.city.patch(made, {"origin_stop_n": 4}).expect(200)
    assert place.city.patch(moved, {"origin_stop_n": 11}).expect(422).problem.code == "unknown_stop"
    assert place.city.patch(moved, {"origin_meeting_id": None}).expect(422).problem.code == "unknown_stop"
    place.city.patch(moved, {"origin_meeting_id": None, "origin_stop_n": None}).expect(200)
    assert made.id not in ids(place.bailleur, "/v1/issues", meeting_id=walk.id)


def test_a_stop_that_issues_come_from_stays(place):
    walk = place.meeting(kind="walk", stops=stops(3))
    place.issue(by="association", origin_meeting_id=walk.id, origin_stop_n=3)
    for body in ({"stops": stops(2)}, {"stops": [], "kind": "technical"}):
        answer = place.city.patch(walk, body).expect(422)
        assert answer.problem.code == "stop_in_use" and answer.problem.pointers == ["/stops"]
    place.city.patch(walk, {"stops": stops(3)[2:]}).expect(200)


def test_the_walk_is_one_that_the_reporter_sees_and_has_that_stop(place, walk, elsewhere):
    hidden = place.meeting(kind="walk", quartiers=[place.far], stops=stops(1))
    for meeting in (hidden.id, elsewhere.meeting().id, str(uuid.uuid4())):
        answer = place.bailleur.post("/v1/issues", place.issue_body(origin_meeting_id=meeting)).expect(422)
        assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/origin_meeting_id"]
    for origin in ({"origin_meeting_id": walk.id, "origin_stop_n": 11}, {"origin_stop_n": 1},
                   {"origin_meeting_id": place.meeting().id, "origin_stop_n": 1}):
        answer = place.bailleur.post("/v1/issues", place.issue_body(**origin)).expect(422)
        assert answer.problem.code == "unknown_stop" and answer.problem.pointers == ["/origin_stop_n"]


def test_a_batch_of_forty_from_the_stops_of_a_walk_is_made_once(place):
    w, walk = place, place.meeting(kind="walk", stops=stops(10), starts_at=in_hours(-1))
    items = [{"client_ref": str(uuid.uuid4()), "occurred_at": f"2026-03-05T09:{n:02}:00Z", "title": unique("Constat"),
              "quartier_id": w.near, "stop_n": n // 4 + 1} for n in range(40)]
    batch = {"meeting_id": walk.id, "items": items}
    first = w.association.post("/v1/issue-batches", batch).expect(200).items
    assert [r["result"] for r in first] == ["created"] * 40
    again = w.association.post("/v1/issue-batches", batch).expect(200).items
    assert [(r["result"], r["id"]) for r in again] == [("existing", r["id"]) for r in first]
    found = {i["id"]: i for i in w.city.pages("/v1/issues", {"meeting_id": walk.id})}
    assert set(found) == {r["id"] for r in first}
    for item, result in zip(items, first):
        made = found[result["id"]]
        assert (made["origin_kind"], made["origin_stop_n"]) == ("walk", item["stop_n"])
        assert made["occurred_at"] == item["occurred_at"].replace("Z", ".000Z")


def test_a_stop_that_is_not_there_refuses_its_item_alone_and_an_unknown_walk_all(place, walk):
    item = {"occurred_at": "2026-03-05T09:00:00Z", "title": "Constat", "quartier_id": place.near}
    items = [{**item, "client_ref": str(uuid.uuid4()), "stop_n": n} for n in (1, 11)]
    good, bad = place.bailleur.post("/v1/issue-batches", {"meeting_id": walk.id, "items": items}).expect(200).items
    assert good["result"] == "created"
    assert (bad["result"], bad["code"], bad["pointer"]) == ("refused", "unknown_stop", "/items/1/stop_n")
    items = [{**item, "client_ref": str(uuid.uuid4())}]
    answer = place.bailleur.post("/v1/issue-batches", {"meeting_id": str(uuid.uuid4()), "items": items}).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/meeting_id"]
