"""Contributions: what residents say of a place, sorted, linked and answered."""

import datetime
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from world import World, mark, unique

STATES = ("collected", "retained", "set_aside", "merged", "linked", "answered")
CALLERS = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "association_b", "institution",
           "facilitator", "mandated", "auditor")
PHONE = "Appeler le 06 39 98 00 01"
ANSWER = {"text": "Deux bancs seront posés au printemps.", "channel": "meeting"}
# Who sees a contribution of near that is not sorted: the city, the mandated
# facilitator, the associations there and the control.
BEFORE = {"city", "association", "association_b", "mandated", "auditor"}
# Who sees it once retained: everyone there.
AFTER = set(CALLERS)


def point(lon=5.0972, lat=43.6401):
    return {"type": "Point", "coordinates": [lon, lat]}


LINE = {"type": "LineString", "coordinates": [[5.0972, 43.6401], [5.0979, 43.6404], [5.0985, 43.6404]]}
AREA = {"type": "Polygon", "coordinates": [[[5.097, 43.64], [5.098, 43.64], [5.098, 43.641], [5.097, 43.64]]]}


def details(w):
    """All that any step may ask for."""
    return {"set_aside_reason": "Déjà fait au mois de mai.", "merged_into_id": w.master.id,
            "links": [{"type": "issue", "id": w.cause.id}], "answer": ANSWER}


def step(w, target, to, by="city"):
    return w.clients[by].move(target, to, if_match="*", details=details(w))


PATHS = {"collected": [], "retained": ["retained"], "set_aside": ["set_aside"], "merged": ["merged"],
         "linked": ["retained", "linked"], "answered": ["retained", "answered"]}


def reach(w, state, by="association", **more):
    made = w.contribution(by=by, **more)
    for to in PATHS[state]:
        step(w, made.url, to).expect(200)
    return made


@pytest.fixture(scope="module")
def place(as_admin, contract):
    w = World(as_admin, contract)
    w.master, w.cause = w.contribution(), w.issue()
    w.join("association", "association_far", kind="association", quartiers=[w.far])
    return w


def seeing(w, url, names=CALLERS):
    found = set()
    for name in names:
        answer = w.clients[name].get(url)
        assert answer.status in (200, 404), answer
        in_list = url.rsplit("/", 1)[1] in {c["id"] for c in w.clients[name].pages("/v1/contributions", {"limit": 200})}
        assert in_list == (answer.status == 200), name
        found |= {name} if in_list else set()
    return found


# --- collecting --------------------------------------------------------------------


@pytest.mark.parametrize("by", ["city", "association", "mandated"])
def test_what_a_resident_says_is_collected_under_a_pseudonym(place, by):
    made = place.contribution(by=by, occurred_at="2024-05-16T08:00:00Z", geometry=point()).json
    assert made["status"] == "collected" and made["version"] == 1 and made["contributor_code"] == "CAN-07"
    assert made["collected_by_actor_id"] == made["collected_by_institution_id"] == place.actor[by]
    assert made["occurred_at"] == "2024-05-16T08:00:00.000Z" and made["links"] == [] and made["answer"] is None
    assert made["allowed_transitions"] == ([] if by == "association" else ["retained", "set_aside", "merged"])


@pytest.mark.parametrize("by,code", [("bailleur", "role_forbidden"), ("institution", "role_forbidden"),
                                     ("auditor", "role_forbidden"), ("facilitator", "forbidden")])
def test_others_collect_nothing(place, by, code):
    answer = place.clients[by].post("/v1/contributions", place.contribution_body())
    assert answer.expect(403).problem.code == code


@pytest.mark.parametrize("kind", ["problem", "asset", "use", "idea", "path", "feeling"])
def test_each_kind_is_a_contribution(place, kind):
    assert place.contribution(kind=kind).json["kind"] == kind


@pytest.mark.parametrize("code", ["Mme Durand", "CAN", "can-07", "06-12345678", "CAN-", "-07"])
def test_a_pseudonym_has_no_room_for_a_name(place, code):
    answer = place.city.post("/v1/contributions", place.contribution_body(contributor_code=code)).expect(422)
    assert answer.problem.pointers == ["/contributor_code"]


def test_no_text_names_anybody(place):
    answer = place.city.post("/v1/contributions", place.contribution_body(text=PHONE)).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/text"]
    made = place.contribution()
    assert place.city.patch(made, {"text": PHONE}).expect(422).problem.pointers == ["/text"]
    answer = place.city.move(made, "set_aside", details={"set_aside_reason": PHONE}).expect(422)
    assert answer.problem.pointers == ["/details/set_aside_reason"]
    made = place.city.move(made, "retained").expect(200)
    answer = place.city.move(made, "answered", details={"answer": {**ANSWER, "text": PHONE}}).expect(422)
    assert answer.problem.pointers == ["/details/answer/text"]


def test_nothing_is_said_in_the_future(place):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)
    later = later.strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = place.city.post("/v1/contributions", place.contribution_body(occurred_at=later)).expect(422)
    assert answer.problem.code == "occurred_in_the_future" and answer.problem.pointers == ["/occurred_at"]
    retained = place.retained()
    answer = place.city.move(retained, "answered", details={"answer": {**ANSWER, "given_at": later}}).expect(422)
    assert answer.problem.pointers == ["/details/answer/given_at"]


@pytest.mark.parametrize("member,value,code", [
    ("theme", "nowhere", "unknown_term"), ("meeting_id", str(uuid.uuid4()), "unknown_reference"),
    ("document_id", str(uuid.uuid4()), "unknown_reference"),
    ("quartier_id", str(uuid.uuid4()), "unknown_reference")])
def test_what_a_contribution_names_is_there(place, member, value, code):
    answer = place.city.post("/v1/contributions", place.contribution_body(**{member: value})).expect(422)
    assert answer.problem.code == code and answer.problem.pointers == [f"/{member}"]


def test_an_association_collects_where_its_membership_reaches(place):
    answer = place.association.post("/v1/contributions", place.contribution_body(quartier_id=place.far)).expect(422)
    assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/quartier_id"]
    photo = place.document(by="association", visibility="internal")
    made = place.contribution(by="association", document_id=photo.id)
    assert made.json["document_id"] == photo.id
    answer = place.city.post("/v1/contributions", place.contribution_body(document_id=photo.id)).expect(422)
    assert answer.problem.pointers == ["/document_id"]


# --- places ---------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", [point(), LINE, AREA, None])
def test_a_point_a_line_an_area_or_the_whole_quartier_is_its_place(place, geometry):
    made = place.contribution(geometry=geometry)
    assert made.json["geometry"] == geometry
    assert place.city.patch(made, {"geometry": None}).expect(200).json["geometry"] is None


def test_an_altitude_is_not_kept(place):
    made = place.contribution(geometry={"type": "Point", "coordinates": [5.0972, 43.6401, 112.5]})
    assert made.json["geometry"] == point()


@pytest.mark.parametrize("geometry,code", [
    ({"type": "Polygon", "coordinates": [[[5.1, 43.6], [5.11, 43.6], [5.11, 43.61], [5.1, 43.61]]]}, "invalid_body"),
    ({"type": "Polygon", "coordinates": [[[5.1, 43.6], [5.11, 43.61], [5.11, 43.6], [5.1, 43.61], [5.1, 43.6]]]},
     "bad_geometry"),
    (point(43.6401, 5.0972), "geometry_outside_territory"),
    (point(2.35, 4.85), "geometry_outside_territory"),
    ({"type": "LineString", "coordinates": [[5.0972, 43.6401]]}, "invalid_body"),
    ({"type": "Point", "coordinates": [5.0972, 43.6401, 112.5, 7]}, "invalid_body"),
    ({"type": "Point", "coordinates": []}, "invalid_body"),
    ({"type": "Circle", "coordinates": [5.0972, 43.6401]}, "invalid_body"),
    ({"type": "MultiPoint", "coordinates": [[5.0972, 43.6401], [5.0979, 43.6404]]}, "bad_geometry"),
    ({"type": "GeometryCollection", "geometries": [point()]}, "bad_geometry"),
])
def test_a_place_is_sound_simple_and_in_france(place, geometry, code):
    answer = place.city.post("/v1/contributions", place.contribution_body(geometry=geometry)).expect(422)
    assert answer.problem.code == code
    assert all(pointer.startswith("/geometry") for pointer in answer.problem.pointers) and answer.problem.pointers
    made = place.contribution(geometry=point())
    assert place.city.patch(made, {"geometry": geometry}).expect(422).problem.code == code


# --- who sees -----------------------------------------------------------------------------


def test_partners_see_a_contribution_once_it_is_retained(place):
    made = place.contribution(by="association", geometry=point())
    assert seeing(place, made.url) == BEFORE
    for name in set(CALLERS) - BEFORE:
        place.clients[name].get(made.url + "/history").expect(404)
    place.city.move(made, "retained").expect(200)
    assert seeing(place, made.url) == AFTER
    # What happened before is told to those who saw it.
    kinds = {name: [e["kind"] for e in place.clients[name].pages(made.url + "/history")] for name in AFTER}
    assert {n for n in AFTER if kinds[n] == ["contribution.created", "contribution.retained"]} == BEFORE
    assert all(kinds[n] == ["contribution.retained"] for n in AFTER - BEFORE)


@pytest.mark.parametrize("state", STATES)
def test_what_was_never_retained_stays_with_those_who_sort_and_collect(place, state):
    made = reach(place, state)
    assert seeing(place, made.url) == (BEFORE if state in ("collected", "set_aside", "merged") else AFTER)


def test_an_answer_to_what_was_set_aside_does_not_show_it_to_partners(place):
    made = reach(place, "set_aside")
    step(place, made.url, "answered", "association").expect(200)
    assert seeing(place, made.url) == BEFORE


def test_a_contribution_of_another_quartier_is_not_seen(place):
    made = place.retained(quartier_id=place.far)
    assert seeing(place, made.url) == {"city", "bailleur_wide", "institution", "facilitator", "mandated", "auditor"}
    place.association_far.get(made.url).expect(200)
    collected = place.contribution(quartier_id=place.far)
    assert seeing(place, collected.url) == {"city", "mandated", "auditor"}


def test_the_auditor_never_gets_a_code_of_a_contributor(place):
    made = place.contribution(contributor_code="SECRET-4217")
    place.city.patch(made, {"contributor_code": "SECRET-4218"}).expect(200)
    url = place.city.move(made.url, "retained", if_match="*").expect(200).url
    read = ("/v1/contributions?limit=200", "/v1/contributions.geojson?limit=200", url, url + "/history")
    for path in read:
        text = place.auditor.get(path).expect(200).text
        assert made.id in text and "SECRET" not in text and "contributor_code" not in text
        for name in ("city", "bailleur", "association", "institution"):
            assert "SECRET-421" in place.clients[name].get(path).text or path.endswith("/history"), (name, path)
    assert "SECRET-4218" in place.city.get(url + "/history").text
    assert list(place.auditor.pages("/v1/contributions", {"q": "secret"})) == []


# --- sorting and answering --------------------------------------------------------------------

# The table of the domain (C.3), with what it leaves open settled: an answer is
# owed for what is set aside too. collector: the association that gathered it.
STEPS = {
    ("collected", "retained"): {"city", "mandated"},
    ("collected", "set_aside"): {"city", "mandated"},
    ("collected", "merged"): {"city", "mandated"},
    ("retained", "linked"): {"city", "mandated"},
    ("retained", "answered"): {"city", "mandated", "collector"},
    ("set_aside", "answered"): {"city", "mandated", "collector"},
    ("linked", "answered"): {"city", "mandated", "collector"},
}


def relations(name):
    return {"city": {"city"}, "mandated": {"mandated"}, "association": {"collector"}}.get(name, set())


def expected(name, seen, state, to):
    if name in ("bailleur", "institution", "auditor"):
        return 403  # by its role
    if not seen:
        return 404
    mine = relations(name)
    if to == "collected":
        return 422
    if not any(who & mine for (_, target), who in STEPS.items() if target == to):
        return 403
    if (state, to) not in STEPS:
        return 409
    return 200 if STEPS[state, to] & mine else 403


@pytest.mark.parametrize("state", STATES)
def test_each_step_is_for_those_whom_the_table_names(place, state):
    w, wrong, made = place, [], reach(place, state)
    for name in ("city", "mandated", "association", "association_b", "association_far", "facilitator", "bailleur",
                 "institution", "auditor"):
        read = w.clients[name].get(made.url)
        if read.status == 200:
            told = {to for (at, to), who in STEPS.items() if at == state and who & relations(name)}
            assert set(read.json["allowed_transitions"]) == told, name
        for to in STATES:
            status = expected(name, read.status == 200, state, to)
            answer = step(w, made.url, to, name)
            if answer.status != status:
                wrong.append(f"{name}: {state} -> {to}: {status} expected, {answer!r}")
            if answer.status == 200:
                assert answer.json["status"] == to
                made = reach(w, state)
    assert not wrong, "\n".join(wrong)


@settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(["city", "mandated", "association", "association_b", "bailleur",
                                                 "facilitator", "auditor"]), st.sampled_from(STATES)),
                      min_size=3, max_size=10))
def test_a_life_goes_where_the_table_leads_whatever_is_tried(place, steps):
    w, state, version = place, "collected", 1
    url = w.contribution(by="association").url
    for name, to in steps:
        status = expected(name, w.clients[name].get(url).status == 200, state, to)
        assert step(w, url, to, name).status == status, (name, state, to)
        if status == 200:
            state, version = to, version + 1
        now = w.city.get(url).expect(200).json
        assert (now["status"], now["version"]) == (state, version)
        assert not now["links"] or state in ("linked", "answered")
        assert (now["answer"] is not None) == (state == "answered")
    assert len(list(w.city.pages(url + "/history"))) == version


def test_the_table_in_the_database_has_these_steps_and_no_other(database):
    with database.cursor() as cursor:
        cursor.execute("SELECT from_state, to_state FROM gusp.transition WHERE noun = 'contribution'")
        assert set(cursor.fetchall()) == set(STEPS)


def test_setting_aside_needs_a_reason_that_can_be_told(place):
    made = place.contribution()
    answer = place.city.move(made, "set_aside").expect(422)
    assert answer.problem.code == "guard_set_aside_reason_required"
    assert answer.problem.pointers == ["/details/set_aside_reason"]
    done = place.city.move(made, "set_aside", details={"set_aside_reason": "Hors du quartier."}).expect(200)
    assert done.json["set_aside_reason"] == "Hors du quartier."


def test_a_contribution_is_merged_into_another_that_is_whole_itself(place):
    first, second, third = (place.contribution() for _ in range(3))

    def merge(one, other, by="city"):
        return place.clients[by].move(one.url, "merged", if_match="*", details={"merged_into_id": other})

    assert place.city.move(first, "merged").expect(422).problem.code == "guard_merged_into_id_required"
    assert merge(first, first.id).expect(422).problem.code == "guard_merged_into_another"
    assert merge(first, str(uuid.uuid4())).expect(422).problem.pointers == ["/details/merged_into_id"]
    assert merge(first, second.id).expect(200).json["merged_into_id"] == second.id
    for other in (second, third):
        assert merge(other, first.id).expect(422).problem.code == "guard_merged_into_another"
    assert merge(second, third.id).expect(200).json["status"] == "merged"


def test_linking_names_at_least_one_record_that_the_caller_sees(place):
    made, hidden = place.retained(), place.issue(by="bailleur", visibility="internal")
    answer = place.city.move(made, "linked").expect(422)
    assert answer.problem.code == "guard_links_required" and answer.problem.pointers == ["/details/links"]
    good = {"type": "issue", "id": place.cause.id}
    for bad in ({"type": "issue", "id": hidden.id}, {"type": "issue", "id": str(uuid.uuid4())},
                {"type": "diagnosis", "id": place.cause.id}, {"type": "commitment", "id": str(uuid.uuid4())}):
        answer = place.city.move(made, "linked", details={"links": [good, bad]}).expect(422)
        assert answer.problem.code == "unknown_reference" and answer.problem.pointers == ["/details/links/1/id"]
    links = [good, {"type": "diagnosis", "id": place.diagnosis().id}]
    assert place.city.move(made, "linked", details={"links": links}).expect(200).json["links"] == links


def test_links_are_mended_once_there_are_some(place):
    made = place.retained()
    links = [{"type": "issue", "id": place.cause.id}]
    assert place.city.patch(made, {"links": links}).expect(422).problem.code == "links_follow_retention"
    made = place.city.move(made, "linked", details={"links": links}).expect(200)
    assert place.city.patch(made, {"links": []}).expect(422).problem.code == "linked_has_links"
    wrong = place.city.patch(made, {"links": links + [{"type": "issue", "id": str(uuid.uuid4())}]}).expect(422)
    assert wrong.problem.pointers == ["/links/1/id"]
    more = links + [{"type": "issue", "id": place.issue().id}]
    assert place.city.patch(made, {"links": more}).expect(200).json["links"] == more


def test_an_answer_says_what_whose_when_and_how(place):
    made = place.retained(by="association")
    assert place.association.move(made, "answered").expect(422).problem.code == "guard_answer_required"
    for member in ("text", "channel"):
        answer = place.association.move(made, "answered", details={"answer": {**ANSWER, member: None}}).expect(422)
        assert answer.problem.code == "invalid_body"
    stranger = {**ANSWER, "by_actor_id": str(uuid.uuid4())}
    answer = place.association.move(made, "answered", details={"answer": stranger}).expect(422)
    assert answer.problem.pointers == ["/details/answer/by_actor_id"]
    said = {"text": "Réparé le 3 mai.", "channel": "relay", "by_actor_id": place.actor["bailleur"],
            "given_at": "2024-05-16T08:00:00Z"}
    done = place.association.move(made, "answered", details={"answer": said}).expect(200).json
    assert done["answer"] == {**said, "given_at": "2024-05-16T08:00:00.000Z"}
    own = place.city.move(place.retained(), "answered", details={"answer": ANSWER}).expect(200).json["answer"]
    assert own["by_actor_id"] == place.actor["city"] and own["given_at"] > "2026"


def test_its_collector_changes_it_until_it_is_sorted(place):
    made = place.association.patch(place.contribution(by="association"), {"kind": "idea"}).expect(200)
    assert made.json["kind"] == "idea"
    place.association_b.patch(made, {"kind": "use"}).expect(403)
    place.facilitator.patch(made.url, {"kind": "use"}, if_match="*").expect(404)
    made = place.mandated.move(made, "retained").expect(200)
    place.association.patch(made, {"kind": "use"}).expect(403)
    place.mandated.patch(made, {"kind": "use"}).expect(200)
    assert place.city.patch(made, {"kind": "path"}).expect(412).problem.code == "precondition_failed"


@pytest.mark.parametrize("member", ["status", "answer", "set_aside_reason", "merged_into_id", "retained_at",
                                    "collected_by_actor_id"])
def test_what_steps_decide_is_no_member_of_a_change(place, member):
    assert place.city.patch(place.contribution(), {member: None}).expect(422).problem.pointers == [f"/{member}"]


def test_a_replayed_step_is_done_once(place):
    made, key = place.contribution(), str(uuid.uuid4())
    answers = [place.city.move(made, "retained", key=key).expect(200) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(list(place.city.pages(made.url + "/history"))) == 2


# --- lists ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(as_admin, contract):
    """A programme with contributions in all states, kinds and places."""
    w = World(as_admin, contract)
    w.word = mark()
    w.master, w.cause = w.contribution(), w.issue()
    for n, state in enumerate(STATES * 2):
        reach(w, state, by=("association", "city", "mandated")[n % 3], kind=("problem", "asset")[n % 2],
              theme=("outdoor", "housing")[n // 6], text=unique(f"Allées {w.word}"),
              geometry=point(5.0972 + n / 1000, 43.6401), occurred_at=f"2024-05-{n + 10}T08:00:00Z")
    for geometry in (LINE, AREA):
        w.retained(geometry={"type": geometry["type"], "coordinates": geometry["coordinates"]}, kind="path")
    w.retained(quartier_id=w.far)
    w.contribution(quartier_id=w.far)
    return w


FILTERS = {
    "status": (["collected", "retained,linked", ",".join(STATES)], lambda c, v: c["status"] in v.split(",")),
    "kind": (["problem", "asset", "path", "idea"], lambda c, v: c["kind"] == v),
    "theme": (["outdoor", "housing", "nothing"], lambda c, v: c["theme"] == v),
    "occurred_from": (["2024-05-14T08:00:00Z"], lambda c, v: c["occurred_at"] >= "2024-05-14T08:00:00.000Z"),
    "occurred_to": (["2024-05-14T08:00:00Z"], lambda c, v: c["occurred_at"] < "2024-05-14T08:00:00.000Z"),
    "bbox": (["-180,-90,180,90", "2,48,2.1,48.1"], lambda c, v: bool(c["geometry"]) and v.startswith("-")),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_what_the_list_shows_and_no_more(listed, name, caller):
    client = listed.clients[caller]
    whole = list(client.pages("/v1/contributions", {"limit": 200}))
    assert whole and len({c["id"] for c in whole}) == len(whole)
    values, holds = FILTERS[name]
    for value in values:
        found = client.get(f"/v1/contributions?limit=200&{name}={value}").expect(200).items
        assert found == [c for c in whole if holds(c, value)], value


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort", ["-created_at", "-occurred_at", "-updated_at"])
def test_pages_of_every_order_are_full_and_show_each_once(listed, caller, sort):
    client = listed.clients[caller]
    for params in ({}, {"status": "collected,retained"}):
        seen, cursor = [], None
        while True:
            page = client.get("/v1/contributions", {"sort": sort, "limit": 3, **params,
                                                    **({"cursor": cursor} if cursor else {})}).expect(200)
            seen += page.items
            cursor = page.json["next_cursor"]
            if cursor is None:
                break
            assert len(page.items) == 3
        whole = client.get("/v1/contributions", {"sort": sort, "limit": 200, **params}).items
        assert seen == whole and len({c["id"] for c in seen}) == len(seen)
        keys = [c[sort[1:]] for c in seen]
        assert keys == sorted(keys, reverse=True)


def test_places_are_found_in_a_box_and_near_a_point(listed):
    placed = [c for c in listed.city.pages("/v1/contributions") if c["geometry"]]
    shapes = {c["id"] for c in placed if c["geometry"]["type"] != "Point"}
    first = min((c for c in placed if c["id"] not in shapes), key=lambda c: c["geometry"]["coordinates"][0])["id"]
    box = {c["id"] for c in listed.city.pages("/v1/contributions", {"bbox": "5.0971,43.64,5.0976,43.641"})}
    near = {c["id"] for c in listed.city.pages("/v1/contributions", {"near": "5.0972,43.6401", "radius_m": 40})}
    assert box == near == shapes | {first}
    assert listed.city.get("/v1/contributions", {"near": "91,5,3"}).expect(400).problem.code == "invalid_near"


@pytest.mark.parametrize("caller", CALLERS)
def test_words_find_only_what_is_listed(listed, caller):
    client = listed.clients[caller]
    whole = [c for c in client.pages("/v1/contributions", {"limit": 200}) if listed.word in c["text"]]
    assert list(client.pages("/v1/contributions", {"q": f"allee {listed.word[:9]}", "limit": 5})) == whole
    assert list(client.pages("/v1/contributions", {"q": "CAN-07"})) == []


# --- maps --------------------------------------------------------------------------------------


def is_ccw(ring):
    return sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in zip(ring, ring[1:])) < 0


@pytest.mark.parametrize("caller", CALLERS)
def test_the_map_is_the_list_as_geojson(listed, caller):
    client = listed.clients[caller]
    answer = client.get("/v1/contributions.geojson", {"limit": 200}).expect(200)
    assert answer.headers["content-type"] == "application/geo+json"
    shown = answer.json
    assert shown["type"] == "FeatureCollection" and shown["next_cursor"] is None
    items = list(client.pages("/v1/contributions", {"limit": 200}))
    assert [f["id"] for f in shown["features"]] == [c["id"] for c in items]
    for feature, item in zip(shown["features"], items):
        assert set(feature) == {"type", "id", "geometry", "properties"} and feature["type"] == "Feature"
        assert {**feature["properties"], "geometry": feature["geometry"]} == item
        if feature["geometry"] and feature["geometry"]["type"] == "Polygon":
            ring, = feature["geometry"]["coordinates"]
            assert ring[0] == ring[-1] and len(ring) >= 4 and is_ccw(ring)


def test_a_map_has_filters_orders_and_pages_like_its_list(listed):
    params = {"status": "collected,retained", "sort": "-occurred_at", "limit": 2, "bbox": "5.09,43.63,5.12,43.65"}
    items, found, target = list(listed.city.pages("/v1/contributions", params)), [], "/v1/contributions.geojson"
    page = listed.city.get(target, params).expect(200)
    while True:
        assert "crs" not in page.json
        found += [f["id"] for f in page.json["features"]]
        if "link" not in page.headers:
            break
        address, relation = page.headers["link"].split("; ")
        assert relation == 'rel="next"' and page.json["next_cursor"] in address
        page = listed.city.get("/" + address.strip("<>").split("/", 3)[3]).expect(200)
    assert len(items) > 2 and found == [c["id"] for c in items]


def test_a_cursor_of_the_list_is_none_of_the_map(listed):
    cursor = listed.city.get("/v1/contributions", {"limit": 2}).json["next_cursor"]
    answer = listed.city.get("/v1/contributions.geojson", {"limit": 2, "cursor": cursor}).expect(400)
    assert answer.problem.code == "invalid_cursor"


@pytest.mark.parametrize("accept,status", [("application/geo+json", 200), ("*/*", 200), ("application/json", 406)])
def test_a_map_is_given_to_who_takes_geojson(listed, accept, status):
    listed.city.get("/v1/contributions.geojson", headers={"Accept": accept}).expect(status)


# --- batches -----------------------------------------------------------------------------------


def gathered(w, **more):
    return {**w.contribution_body(geometry=point(), occurred_at="2024-05-16T08:00:00Z"),
            "client_ref": str(uuid.uuid4()), **more}


def posted(client, items, **more):
    return client.post("/v1/contribution-batches", {"items": items}, **more).expect(200).items


def test_a_workshop_makes_each_contribution_once_in_its_order(place):
    w, items = place, [gathered(place, text=unique(f"Carte {n}")) for n in range(12)]
    first = posted(w.association, items)
    assert [r["result"] for r in first] == ["created"] * 12
    assert [r["client_ref"] for r in first] == [i["client_ref"] for i in items]
    assert [r["id"] for r in first] == sorted(r["id"] for r in first)
    again = posted(w.association, items + [gathered(w)])
    assert [r["result"] for r in again] == ["existing"] * 12 + ["created"]
    assert [r["id"] for r in again[:12]] == [r["id"] for r in first]
    for item, result in zip(items, first):
        made = w.association.get(f"/v1/contributions/{result['id']}").expect(200).json
        assert made["text"] == item["text"] and made["geometry"] == item["geometry"]


def test_a_batch_sent_twice_with_one_key_is_answered_once(place):
    items, key = [gathered(place)], str(uuid.uuid4())
    first, second = (place.city.post("/v1/contribution-batches", {"items": items}, key=key).expect(200)
                     for _ in range(2))
    assert first.json == second.json and second.headers["idempotency-replayed"] == "true"


def test_one_contribution_that_is_refused_undoes_no_other(place):
    bad = {
        "unknown_reference": ("/quartier_id", gathered(place, quartier_id=str(uuid.uuid4()))),
        "personal_data_suspected": ("/text", gathered(place, text=PHONE)),
        "unknown_term": ("/theme", gathered(place, theme="nothing")),
        "geometry_outside_territory": ("/geometry", gathered(place, geometry=point(43.6, 5.1))),
        "bad_geometry": ("/geometry", gathered(place, geometry={"type": "MultiPoint", "coordinates": [[5.1, 43.6]]})),
        "occurred_in_the_future": ("/occurred_at", gathered(place, occurred_at="2199-01-01T00:00:00Z")),
    }
    results = posted(place.association, [gathered(place), *(item for _, item in bad.values()), gathered(place)])
    assert [r["result"] for r in results] == ["created"] + ["refused"] * len(bad) + ["created"]
    for n, (code, (pointer, item)) in enumerate(bad.items(), 1):
        assert results[n] == {"client_ref": item["client_ref"], "result": "refused", "code": code,
                              "pointer": f"/items/{n}{pointer}"}


def test_numbers_of_one_device_are_not_anothers(place):
    item = gathered(place)
    results = [posted(place.clients[by], [item])[0] for by in ("city", "association", "association_b", "mandated")]
    assert {r["result"] for r in results} == {"created"} and len({r["id"] for r in results}) == 4
    assert posted(place.facilitator, [item])[0]["code"] == "forbidden"


def test_a_batch_holds_two_hundred_contributions(place):
    items = [gathered(place) for _ in range(200)]
    assert len(json.dumps(items)) < 200 * 1024
    assert {r["result"] for r in posted(place.city, items)} == {"created"}
    answer = place.city.post("/v1/contribution-batches", {"items": items + [gathered(place)]}).expect(422)
    assert answer.problem.code == "invalid_body"


def test_a_batch_that_breaks_the_schema_does_nothing(place):
    good, bad = gathered(place), gathered(place)
    del bad["client_ref"]
    place.city.post("/v1/contribution-batches", {"items": [good, bad]}).expect(422)
    assert posted(place.city, [good])[0]["result"] == "created"
