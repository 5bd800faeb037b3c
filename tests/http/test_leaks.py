"""Lists, filters, search, history and refusals tell nothing more than reads
do: what cannot be read by its id is nowhere else either."""

import json
import re
import uuid

import pytest

from world import World, in_days, mark, unique

# How records are listed, all states of them, and where each is read.
LISTS = {
    "action_plan": ("/v1/action-plans", "/v1/action-plans", "draft,adopted,closed"),
    "action_sheet": ("/v1/action-sheets", "/v1/action-sheets",
                     "draft,consultation,adopted,annexed,running,completed,evaluated,withdrawn"),
    "commitment": ("/v1/commitments", "/v1/commitments", "draft,proposed,accepted,in_progress,blocked,claimed,"
                   "verified,declined,abandoned,superseded"),
    "evaluation": ("/v1/evaluations", "/v1/evaluations", "draft,contradictory,final"),
    "lesson": ("/v1/lessons", "/v1/lessons", "active,archived"),
    "objective_outcome": ("/v1/outcomes", "/v1/outcomes", "active,archived"),
    "capitalisation_sheet": ("/v1/capitalisation-sheets", "/v1/capitalisation-sheets", "live,published"),
    "convention": ("/v1/conventions", "/v1/conventions", "draft,negotiation,open_for_signature,in_force,expired,terminated"),
    "signature": (None, "/v1/signatures", None),  # below each convention
    "evidence": (None, "/v1/evidence", None),  # below each commitment
    "revision": (None, "/v1/revisions", None),  # below each commitment
    "actor": ("/v1/actors", "/v1/actors", "active,archived"),
    "answer_due": ("/v1/answers-due", "/v1/answers-due", "open,given,waived,merged"),
    "contact": ("/v1/contacts", "/v1/contacts", "active,archived"),
    "context": (None, "/v1/context", "active,archived"),  # below each quartier
    "comment": (None, "/v1/comments", None),  # below each issue
    "contribution": ("/v1/contributions", "/v1/contributions", "collected,retained,set_aside,merged,linked,answered"),
    "diagnosis": ("/v1/diagnoses", "/v1/diagnoses", "open,shared,restituted,validated,archived"),
    "document": ("/v1/documents", "/v1/documents", "active,archived"),
    "finding": (None, "/v1/findings", "active,archived"),  # below each diagnosis
    "funding": ("/v1/funding", "/v1/funding", "active,archived"),
    "issue": ("/v1/issues", "/v1/issues", "submitted,qualified,assigned,accepted,planned,in_progress,on_hold,"
              "treated,resolved,escalated,duplicate,no_action,withdrawn"),
    "meeting": ("/v1/meetings", "/v1/meetings", "planned,called,held,minutes_draft,minutes_published,cancelled,postponed"),
    "meeting_series": ("/v1/meeting-series", "/v1/meeting-series", "active,archived"),
    # Below each meeting.
    "agenda_point": ("agenda-points", "/v1/agenda-points", "proposed,accepted,refused,withdrawn"),
    "attendance": ("attendance", "/v1/attendance", "active,archived"),
    "decision": ("decisions", "/v1/decisions", "recorded,withdrawn"),
    "invitation": ("invitations", "/v1/invitations", "invited,accepted,excused,withdrawn"),
    "member": ("/v1/programmes/{programme}/members", "/v1/members", "active,ended"),
    "objective": ("/v1/programmes/{programme}/objectives", "/v1/objectives", "active,archived"),
    "programme": ("/v1/programmes", "/v1/programmes", "active,closed,archived"),
    "quartier": ("/v1/quartiers", "/v1/quartiers", "active,archived"),
    "rule": ("/v1/responsibility-rules", "/v1/responsibility-rules", "active,archived"),
    "site": ("/v1/sites", "/v1/sites", "active,archived"),
    "term": ("/v1/vocabularies/components/terms", "/v1/terms", "active,archived"),
}
# What happened to these is in the history of what they belong to.
WITHOUT_HISTORY = ("comment", "evidence", "revision", "signature")
ROLES = ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "association_b",
         "institution", "facilitator", "mandated", "auditor")

NOTE = "Façade dégradée, réhabilitation attendue"
EMAIL, PHONE = "accueil.principal@ville.example.org", "01 99 00 00 09"


def places(world):
    return [world.near, world.far]


@pytest.fixture(scope="module")
def world(as_admin, contract):
    """With records of each noun that some see and others do not."""
    w = World(as_admin, contract)
    w.point = {"type": "Point", "coordinates": [5.0972, 43.6401]}
    w.word = mark()
    w.there = {}
    for place, bailleur in ((w.near, "bailleur"), (w.near, "bailleur_b"), (w.far, "bailleur_wide")):
        w.there[bailleur] = w.site(
            by=bailleur, quartier_id=place, kind="residence", tenure="bailleur_private",
            owner_actor_id=w.actor[bailleur], geometry=w.point, name=unique(f"Résidence {w.word}")).id
    for place in places(w):
        block = w.site(quartier_id=place, kind="block", geometry=w.point, name=unique(f"Îlot {w.word}"),
                       sensitive_note=NOTE)
        w.there[place] = block.id
        w.site(quartier_id=place, parent_id=block.id, name=unique(f"Cour {w.word}"), geometry=w.point)
        old = w.site(quartier_id=place)
        w.city.move(old, "archived").expect(200)
        w.context(place)
        w.context(place, by="mandated", visibility="internal")
        w.context(place, visibility="internal")
        w.contact(quartiers=[place])
        w.rule(match_site_id=block.id)
    for name in ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "institution"):
        w.contact(by=name, visibility="internal", name=unique(f"Interne {w.word}"))
        w.contact(by=name, visibility="partners", email=EMAIL, phone=PHONE)
        w.contact(by=name, visibility="public")
        w.document(by=name)
        w.document(by=name, visibility="internal")
    issues = []
    for name in ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "institution", "mandated"):
        for visibility in ("public", "partners", "confidential", "internal"):
            place = w.far if name == "bailleur_wide" else w.near
            issues.append(w.issue(by=name, quartier_id=place, site_id=w.there[place], visibility=visibility,
                                  geometry=w.point, title=unique(f"Constat {w.word}"),
                                  external_refs=[{"actor_id": w.actor["city"], "ref": "2026-0017"}]))
    for issue in [i for i in issues if i.json["visibility"] != "internal"]:
        for visibility in ("public", "partners", "internal"):
            w.comment(issue, visibility=visibility)
        if issue.json["visibility"] == "partners":
            moved = w.city.move(issue, "qualified").expect(200)
            w.city.move(moved, "assigned", details={
                "lead_actor_id": w.actor["bailleur_b"], "due_on": in_days(10)}).expect(200)
    for place in places(w):
        for made in (w.diagnosis(quartier_id=place), w.shared_diagnosis(by="mandated", quartier_id=place)):
            w.finding(made)
    for name in ("city", "association", "association_b", "mandated"):
        w.contribution(by=name, geometry=w.point)
        w.retained(by=name, geometry=w.point)
    w.contribution(quartier_id=w.far), w.retained(quartier_id=w.far)
    w.hidden_document = w.document(visibility="internal").id
    w.comment(issues[1], by="association", visibility="internal")
    w.hidden_issue = issues[3].id  # internal to the city
    for name in ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "institution"):
        place = w.far if name == "bailleur_wide" else w.near
        w.commitment(name, quartiers=[place], title=unique(f"Engagement {w.word}"), cost={"planned_cents": 1})
        promise = w.accepted(name, quartiers=[place], sites=[w.there[place]], cost={"planned_cents": 77},
                             partner_note="Entre partenaires", title=unique(f"Engagement {w.word}"))
        w.evidence(promise, by=name)
        w.evidence(promise, by=name, kind="invoice", external_ref="F-2026-0042")
        w.revision(promise, by=name)
    w.commitment("city", owner_actor_id=w.actor["bailleur"])
    w.plan = w.city.move(w.action_plan(quartiers=[w.near]), "adopted").expect(200).id
    for pilot in ("bailleur", "bailleur_b", "association"):
        w.action_sheet(plan_id=w.plan, pilot_actor_id=w.actor[pilot])
        w.consulted_sheet(plan_id=w.plan, pilot_actor_id=w.actor[pilot], quartiers=[w.far])
    for parties in (("city", "bailleur"), ("city", "association_b", "institution"), ("city", "bailleur_b")):
        w.convention(parties=w.parties(*parties))
        annexed = w.adopted_sheet()
        w.accepted("bailleur_b", sheet_id=annexed.id)
        opened = w.opened_convention(parties=w.parties(*parties), sheets=[annexed.id])
        w.sign(opened, parties[1])
    w.sign(opened, "city")
    w.city.post(opened.url + "/amendments", w.amendment_body()).expect(201)
    w.hidden_sheet = w.action_sheet(pilot_actor_id=w.actor["bailleur_b"]).id
    w.evaluation(), w.evaluation(subject_type="action_plan", subject_id=w.plan)
    scored = w.contradictory()
    for visibility in ("partners", "internal"):
        w.comment(scored, by="bailleur_b", visibility=visibility)
    w.problem = w.lesson(links=[{"type": "action_sheet", "id": w.hidden_sheet}, {"type": "issue", "id": w.hidden_issue}])
    w.lesson(kind="solution", answers_id=w.problem.id)
    w.objective_outcome(), w.capitalisation_sheet()
    w.city.move(w.capitalisation_sheet(evaluation_id=w.city.move(w.contradictory(), "final").id), "published").expect(200)
    for place in (w.near, w.far):
        held = w.held_meeting(kind="walk", quartiers=[place])
        w.contribution(meeting_id=held.id, quartier_id=place), w.retained(meeting_id=held.id, quartier_id=place)
        for visibility in ("partners", "confidential", "internal"):
            w.issue(origin_meeting_id=held.id, quartier_id=place, visibility=visibility)
        w.published_meeting(held)
    for place in (w.near, w.far):
        w.meeting_series(quartiers=[place])
        invited = w.meeting(quartiers=[place], venue_actor_id=w.actor["association_b"])
        w.invitation(invited, of="bailleur_b")
        w.city.move(w.invitation(invited, of="bailleur"), "withdrawn").expect(200)
        held = w.held_meeting(quartiers=[place], kind="walk", convenor_actor_id=w.actor["association"])
        w.comment(held), w.comment(held, visibility="internal")
        w.attendance(held), w.attendance(held, of=None)
        for issue in [i for i in issues if i.json["visibility"] in ("public", "confidential")][:6]:
            w.agenda_point(invited, issue_id=issue.id)
            w.decision(held, on=issue)
        w.agenda_point(invited), w.decision(held)
        w.issue(quartier_id=place, origin_meeting_id=held.id)
    w.hidden_meeting = w.meeting(quartiers=[w.far]).id
    w.objective()
    w.funding(funder_actor_id=w.actor["bailleur_b"])
    w.service("bailleur_b")
    w.term("components")
    return w


@pytest.fixture(scope="module")
def elsewhere(as_admin, contract):
    """Another programme, with a record of each noun."""
    e = World(as_admin, contract, only=["bailleur", "auditor"])
    e.comment(e.issue())
    there = e.accepted("city")
    e.evidence(there, by="city"), e.revision(there, by="city"), e.commitment("bailleur"), e.action_sheet()
    e.convention_in_force(parties=e.parties("city"))
    e.contribution(), e.retained(), e.finding()
    held = e.held_meeting(kind="walk")
    e.contribution(meeting_id=held.id), e.published_meeting(held)
    e.evaluation(), e.contradictory(), e.lesson(), e.objective_outcome(), e.capitalisation_sheet()
    e.contact(), e.context(), e.document(), e.rule(), e.objective(), e.funding(), e.term("components")
    e.meeting_series(), e.invitation(of="city"), e.attendance(of="city"), e.agenda_point(), e.decision()
    e.there = {"site": e.site(geometry={"type": "Point", "coordinates": [5.0972, 43.6401]}).id}
    return e


def listed(world, client, noun, **filters):
    """What a client finds in the list of a noun, in all states."""
    path, _, states = LISTS[noun]
    params = {"status": states, "limit": 200, **filters}
    if noun in ("evidence", "revision"):
        part = {"evidence": "evidence", "revision": "revisions"}[noun]
        return [item for c in client.pages("/v1/commitments", {"limit": 200})
                for item in client.pages(f"/v1/commitments/{c['id']}/{part}", {"limit": 200, **filters})]
    if noun == "signature":
        return [item for v in client.pages("/v1/conventions", {"limit": 200})
                for item in client.pages(f"/v1/conventions/{v['id']}/signatures", {"limit": 200, **filters})]
    if noun == "comment":
        return [item for path in ("/v1/issues", "/v1/meetings", "/v1/evaluations") for target in client.pages(path, {"limit": 200})
                for item in client.pages(f"{path}/{target['id']}/comments", {"limit": 200, **filters})]
    if noun in ("agenda_point", "attendance", "decision", "invitation"):
        return [item for meeting in client.pages("/v1/meetings", {"limit": 200})
                for item in client.pages(f"/v1/meetings/{meeting['id']}/{path}", params)]
    if noun == "finding":
        return [item for diagnosis in client.pages("/v1/diagnoses", {"limit": 200})
                for item in client.pages(f"/v1/diagnoses/{diagnosis['id']}/findings", params)]
    if noun != "context":
        return list(client.pages(path.format(programme=world.programme), params))
    seen = [quartier["id"] for quartier in client.pages("/v1/quartiers", {"limit": 200})]
    return [item for quartier in seen for item in client.pages(f"/v1/quartiers/{quartier}/context", params)]


def all_ids(database, world, noun):
    """What there is, seen by the superuser."""
    with database.cursor() as cursor:
        cursor.execute(f"SELECT id::text FROM gusp.{noun} WHERE programme_id = %s"
                       + (" AND vocabulary = 'components'" if noun == "term" else ""), [world.programme])
        return {row[0] for row in cursor.fetchall()}


def without_traces(answer):
    """An answer without what tells one exchange from another, and without
    the ids that were asked for."""
    hidden = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    body = answer.json
    for member in ("request_id", "instance"):
        body.pop(member, None)
    headers = {name.lower(): value for name, value in answer.headers.items()
               if name.lower() not in ("date", "x-request-id", "ratelimit", "traceparent")}
    headers.pop("content-length")
    return answer.status, hidden.sub("ID", json.dumps(body)), hidden.sub("ID", json.dumps(headers)), \
        len(answer.body)


# --- lists and reads ------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("noun", LISTS)
def test_what_is_listed_is_read_alike_and_the_rest_is_not_found(world, database, noun, role):
    client, url = world.clients[role], LISTS[noun][1]
    items = {item["id"]: item for item in listed(world, client, noun)}
    there = all_ids(database, world, noun)
    assert set(items) <= there
    assert items or noun in ("contact", "context", "comment")
    for id in there:
        answer = client.get(f"{url}/{id}")
        if id in items:
            assert answer.expect(200).json == items[id]
        else:
            answer.expect(404)
            if noun not in WITHOUT_HISTORY:
                client.get(f"{url}/{id}/history").expect(404)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("noun", [noun for noun in LISTS if noun not in WITHOUT_HISTORY])
def test_history_tells_only_of_members_that_a_read_shows(world, noun, role):
    client, url = world.clients[role], LISTS[noun][1]
    for item in listed(world, client, noun):
        for event in client.pages(f"{url}/{item['id']}/history"):
            if event["subject"]["type"] == noun:  # a commitment's has that of what is beside it
                assert set(event["changes"]) <= set(item), (event, item)


@pytest.mark.parametrize("noun", LISTS)
def test_another_programme_sees_nothing_of_this_one(world, elsewhere, database, noun):
    there, url = all_ids(database, world, noun), LISTS[noun][1]
    for role in ("city", "bailleur", "auditor"):
        client = elsewhere.clients[role]
        assert not there & {item["id"] for item in listed(elsewhere, client, noun)}
        for id in there:
            client.get(f"{url}/{id}").expect(404)
            if noun not in WITHOUT_HISTORY:
                client.get(f"{url}/{id}/history").expect(404)


@pytest.mark.parametrize("path", ["members", "objectives"])
def test_the_lists_below_another_programme_are_not_found(world, elsewhere, path):
    for role in ("city", "bailleur", "auditor"):
        world.clients[role].get(f"{elsewhere.url}/{path}").expect(404)


def test_an_identifier_of_another_programme_may_be_used_here(world, elsewhere):
    """Else a refusal would tell who is a partner elsewhere."""
    siret = {"siren": "732829320", "siret": "73282932000074", "rna": "W139999999", "kind": "other"}
    for w in (world, elsewhere):
        w.city.post("/v1/actors", {**siret, "name": unique()}).expect(201)
        w.city.post("/v1/quartiers", {"name": "Les Tilleuls", "slug": "les-tilleuls"}).expect(201)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("noun", ["actor", "commitment", "contact", "contribution", "diagnosis", "issue", "site", "quartier"])
def test_pages_are_full_until_the_last(world, noun, role):
    """A short page would tell how many hidden records lie between."""
    client, seen, cursor = world.clients[role], [], None
    path, _, states = LISTS[noun]
    whole = listed(world, client, noun)
    while True:
        page = client.get(path, {"status": states, "limit": 2, **({"cursor": cursor} if cursor else {})}).expect(200)
        seen += page.items
        cursor = page.json["next_cursor"]
        if cursor is None:
            break
        assert len(page.items) == 2
    assert seen == whole


# --- filters ---------------------------------------------------------------------------

# What each filter by an id compares, in a record as it is read.
FILTERS = {
    ("evaluation", "subject_id"): lambda r, id: r["subject_id"] == id,
    ("lesson", "answers_id"): lambda r, id: r["answers_id"] == id,
    ("objective_outcome", "objective_id"): lambda r, id: r["objective_id"] == id,
    ("convention", "parent_id"): lambda r, id: r["parent_id"] == id,
    ("convention", "party_institution_id"): lambda r, id: id in [p["actor_id"] for p in r["parties"]],
    ("action_plan", "quartier_id"): lambda r, id: not r["quartiers"] or id in r["quartiers"],
    ("action_sheet", "plan_id"): lambda r, id: r["plan_id"] == id,
    ("action_sheet", "quartier_id"): lambda r, id: not r["quartiers"] or id in r["quartiers"],
    ("action_sheet", "pilot_institution_id"): lambda r, id: r["pilot_institution_id"] == id,
    ("commitment", "sheet_id"): lambda r, id: r["sheet_id"] == id,
    ("commitment", "owner_institution_id"): lambda r, id: r["owner_institution_id"] == id,
    ("commitment", "quartier_id"): lambda r, id: id in r["quartiers"],
    ("actor", "institution_id"): lambda r, id: r["institution_id"] == id,
    ("actor", "parent_id"): lambda r, id: r["parent_id"] == id,
    ("contact", "actor_id"): lambda r, id: r["actor_id"] == id,
    ("contact", "institution_id"): lambda r, id: r["institution_id"] == id,
    ("contact", "quartier_id"): lambda r, id: not r["quartiers"] or id in r["quartiers"],
    ("answer_due", "meeting_id"): lambda r, id: r["meeting_id"] == id,
    ("answer_due", "quartier_id"): lambda r, id: r["quartier_id"] == id,
    ("answer_due", "responsible_institution_id"): lambda r, id: r["responsible_institution_id"] == id,
    ("answer_due", "origin_id"): lambda r, id: r["origin_id"] == id,
    ("contribution", "meeting_id"): lambda r, id: r["meeting_id"] == id,
    ("contribution", "quartier_id"): lambda r, id: r["quartier_id"] == id,
    ("contribution", "collected_by_institution_id"): lambda r, id: r["collected_by_institution_id"] == id,
    ("diagnosis", "quartier_id"): lambda r, id: r["quartier_id"] == id,
    ("diagnosis", "previous_id"): lambda r, id: r["previous_id"] == id,
    ("document", "target_id"): lambda r, id: r["target_id"] == id,
    ("funding", "funder_actor_id"): lambda r, id: r["funder_actor_id"] == id,
    ("issue", "quartier_id"): lambda r, id: r["quartier_id"] == id,
    ("issue", "site_id"): lambda r, id: r["site_id"] == id,
    ("issue", "lead_actor_id"): lambda r, id: r["lead_actor_id"] == id,
    ("issue", "lead_institution_id"): lambda r, id: r["lead_institution_id"] == id,
    ("issue", "reported_institution_id"): lambda r, id: r["reported_institution_id"] == id,
    ("issue", "meeting_id"): lambda r, id: r["origin_meeting_id"] == id,
    ("meeting", "quartier_id"): lambda r, id: id in r["quartiers"],
    ("meeting", "series_id"): lambda r, id: r["series_id"] == id,
    ("meeting", "convenor_actor_id"): lambda r, id: r["convenor_actor_id"] == id,
    ("member", "actor_id"): lambda r, id: r["actor_id"] == id,
    ("member", "quartier_id"): lambda r, id: not r["quartiers"] or id in r["quartiers"],
    ("rule", "lead_actor_id"): lambda r, id: r["lead_actor_id"] == id,
    ("rule", "site_id"): lambda r, id: r["match_site_id"] == id,
    ("site", "quartier_id"): lambda r, id: r["quartier_id"] == id,
    ("site", "parent_id"): lambda r, id: r["parent_id"] == id,
    ("site", "owner_actor_id"): lambda r, id: r["owner_actor_id"] == id,
    ("site", "manager_actor_id"): lambda r, id: r["manager_actor_id"] == id,
}


def test_every_filter_by_an_id_is_tried_here(contract):
    offered = set()
    for item in contract.document["paths"].values():
        operation = item.get("get", {})
        if operation.get("operationId", "").endswith("_list"):
            for parameter in operation.get("parameters", []):
                parameter = contract.resolver.resolve(parameter["$ref"])[1] if "$ref" in parameter else parameter
                if parameter["in"] == "query" and parameter["schema"].get("format") == "uuid":
                    offered.add((operation["operationId"][:-5], parameter["name"]))
    assert offered == set(FILTERS)


@pytest.mark.parametrize("role", ["city", "bailleur", "association", "auditor"])
@pytest.mark.parametrize("noun,filter", FILTERS)
def test_a_filter_finds_what_the_list_shows_and_no_more(world, elsewhere, noun, filter, role):
    client = world.clients[role]
    whole = listed(world, client, noun)
    ids = [world.actor["bailleur_b"], elsewhere.actor["city"], elsewhere.near, elsewhere.there["site"],
           str(uuid.uuid4()), *places(world), *world.there.values()]
    for id in ids:
        found = listed(world, client, noun, **{filter: id})
        assert found == [r for r in whole if FILTERS[noun, filter](r, id)], id


@pytest.mark.parametrize("role", ["bailleur", "association"])
@pytest.mark.parametrize("noun,filter", [("site", "quartier_id"), ("site", "parent_id"), ("context", None)])
def test_what_is_invisible_filters_like_what_is_not_there(world, elsewhere, noun, filter, role):
    client = world.clients[role]
    for hidden in (world.far, world.there[world.far], elsewhere.near, elsewhere.there["site"]):
        absent = str(uuid.uuid4())
        if noun == "context":
            answers = [client.get(f"/v1/quartiers/{id}/context") for id in (hidden, absent)]
        else:
            answers = [client.get("/v1/sites", {filter: id}).expect(200) for id in (hidden, absent)]
            assert answers[0].items == []
        assert without_traces(answers[0]) == without_traces(answers[1])


@pytest.mark.parametrize("noun,filter", [("site", "owner_actor_id"), ("rule", "lead_actor_id"),
                                         ("contact", "institution_id"), ("funding", "funder_actor_id"),
                                         ("actor", "parent_id"), ("site", "manager_actor_id")])
def test_an_actor_of_another_programme_filters_like_none(world, elsewhere, noun, filter):
    answers = [world.city.get(LISTS[noun][0], {filter: id}).expect(200)
               for id in (elsewhere.actor["city"], str(uuid.uuid4()))]
    assert without_traces(answers[0]) == without_traces(answers[1])
    assert answers[0].items == []


def test_a_restricted_bailleur_finds_only_the_sites_of_its_quartiers(world):
    w, hidden = world, {world.there[world.far], world.there["bailleur_wide"]}
    for params in ({"q": w.word}, {"q": w.word[:6]}, {"bbox": "5.09,43.63,5.11,43.65"},
                   {"bbox": "-180,-90,180,90"}, {"q": w.word, "sort": "-updated_at"},
                   {"kind": "block,residence"}, {"tenure": "public_city,bailleur_private"}):
        found = list(w.bailleur.pages("/v1/sites", params))
        assert found and {site["quartier_id"] for site in found} == {w.near}, params
        assert hidden < {site["id"] for site in w.city.pages("/v1/sites", params)}, params
    assert w.bailleur.get("/v1/sites", {"parent_id": w.there[w.far]}).items == []
    assert w.bailleur.get("/v1/sites", {"owner_actor_id": w.actor["bailleur_wide"]}).items == []
    assert len(w.city.get("/v1/sites", {"owner_actor_id": w.actor["bailleur_wide"]}).items) == 1


def test_a_quartier_outside_the_membership_is_not_found_by_any_word_of_it(world):
    far = world.city.get(f"/v1/quartiers/{world.far}").json
    for params in ({"q": far["name"]}, {"slug": far["slug"]}):
        assert [q["id"] for q in world.city.get("/v1/quartiers", params).items] == [world.far]
        for role in ("bailleur", "association"):
            assert world.clients[role].get("/v1/quartiers", params).items == []


def test_search_does_not_find_internal_contacts_of_others(world):
    found = {role: {c["institution_id"] for c in world.clients[role].get("/v1/contacts", {"q": world.word}).items}
             for role in ROLES}
    for role in ROLES:
        institutional = role in ("city", "bailleur", "bailleur_b", "bailleur_wide", "association", "institution")
        assert found[role] == ({world.actor[role]} if institutional else set()), role


# --- refusals --------------------------------------------------------------------------


def reference_bodies(world, elsewhere):
    """(who, path, body, member, invisible id) for each reference of a body."""
    w, e = world, elsewhere
    mine, opened = dict(tenure="bailleur_private", owner_actor_id=w.actor["bailleur"]), w.opened_convention()
    return [
        ("bailleur", "/v1/sites", w.site_body(**mine), "quartier_id", w.far),
        ("bailleur", "/v1/sites", w.site_body(**mine), "quartier_id", e.near),
        ("bailleur", "/v1/sites", w.site_body(**mine), "parent_id", w.there[w.far]),
        ("bailleur", "/v1/sites", w.site_body(**mine), "parent_id", e.there["site"]),
        ("bailleur", "/v1/sites", w.site_body(**mine), "manager_actor_id", e.actor["city"]),
        ("bailleur", "/v1/sites", w.site_body(**mine), "owner_actor_id", e.actor["city"]),
        ("bailleur", "/v1/contacts", w.contact_body(), "actor_id", e.actor["city"]),
        ("bailleur", "/v1/contacts", w.contact_body(), "quartiers", [w.far]),
        ("bailleur", "/v1/contacts", w.contact_body(), "quartiers", [w.near, e.near]),
        ("bailleur", "/v1/actors", w.actor_body(), "parent_id", e.actor["bailleur"]),
        ("city", "/v1/actors", w.actor_body(), "parent_id", e.actor["city"]),
        ("bailleur", "/v1/issues", w.issue_body(), "quartier_id", w.far),
        ("bailleur", "/v1/issues", w.issue_body(), "site_id", w.there[w.far]),
        ("bailleur", "/v1/issues", w.issue_body(), "recurrence_of_id", w.hidden_issue),
        ("bailleur", "/v1/commitments", w.commitment_body(), "quartiers", [w.near, w.far]),
        ("bailleur", "/v1/commitments", w.commitment_body(), "sites", [w.there[w.far]]),
        ("association_b", "/v1/commitments", w.commitment_body(), "sheet_id", w.hidden_sheet),
        ("city", "/v1/action-plans", w.action_plan_body(), "quartiers", [e.near]),
        ("city", "/v1/action-plans", w.action_plan_body(), "diagnosis_id", e.diagnosis().id),
        ("city", "/v1/action-sheets", {"plan_id": w.plan, **w.action_sheet_body()}, "pilot_actor_id", e.actor["city"]),
        ("city", "/v1/evaluations", w.evaluation_body(), "subject_id", e.programme),
        ("city", "/v1/evaluations", w.evaluation_body(subject_type="action_sheet"), "subject_id", e.action_sheet().id),
        ("city", "/v1/evaluations", w.evaluation_body(), "document_id", e.document().id),
        ("city", "/v1/evaluations", w.evaluation_body(), "evaluators", [e.actor["city"]]),
        ("city", "/v1/lessons", w.lesson_body(kind="solution"), "answers_id", e.lesson().id),
        ("city", "/v1/outcomes", {}, "objective_id", e.objective().id),
        ("city", "/v1/capitalisation-sheets", w.capitalisation_sheet_body(), "author_actor_id", e.actor["city"]),
        ("city", "/v1/capitalisation-sheets", w.capitalisation_sheet_body(), "evaluation_id", e.evaluation().id),
        ("city", "/v1/conventions", w.convention_body(), "sheets", [e.consulted_sheet(pilot_actor_id=e.actor["city"]).id]),
        ("city", opened.url + "/signatures", w.signature_body(opened), "document_id", e.document().id),
        ("city", opened.url + "/signatures", w.signature_body(opened), "actor_id", e.actor["city"]),
        ("city", "/v1/commitments", w.commitment_body(), "owner_actor_id", e.actor["city"]),
        ("city", "/v1/commitments", w.commitment_body(), "co_owners", [e.actor["city"]]),
        ("city", "/v1/commitments", w.commitment_body(), "executants", [e.actor["city"]]),
        ("association", "/v1/contributions", w.contribution_body(), "quartier_id", w.far),
        ("association", "/v1/contributions", w.contribution_body(), "document_id", w.hidden_document),
        ("city", "/v1/contributions", w.contribution_body(), "meeting_id", e.meeting().id),
        ("city", "/v1/diagnoses", w.diagnosis_body(), "quartier_id", e.near),
        ("city", "/v1/diagnoses", w.diagnosis_body(), "previous_id", e.diagnosis().id),
        ("city", "/v1/diagnoses", w.diagnosis_body(), "restitutions", [e.meeting(kind="restitution").id]),
        ("bailleur", "/v1/issues", w.issue_body(), "origin_meeting_id", w.hidden_meeting),
        ("city", "/v1/meeting-series", w.meeting_series_body(), "quartiers", [e.near]),
        ("city", "/v1/meetings", w.meeting_body(), "quartiers", [w.near, e.near]),
        ("city", "/v1/meetings", w.meeting_body(), "series_id", e.meeting_series().id),
        ("city", "/v1/meetings", w.meeting_body(), "venue_actor_id", e.actor["city"]),
        ("city", "/v1/meetings", w.meeting_body(), "convenor_actor_id", e.actor["city"]),
        ("city", "/v1/meetings", w.meeting_body(), "facilitators", [e.actor["city"]]),
        ("city", "/v1/meetings", w.meeting_body(), "minutes_document_id", e.document().id),
        ("city", w.meeting().url + "/invitations", {}, "actor_id", e.actor["city"]),
        ("city", w.held_meeting().url + "/attendance", {"kind": "institution"}, "actor_id", e.actor["city"]),
        ("city", w.held_meeting().url + "/attendance", {"kind": "residents"}, "via_actor_id", e.actor["city"]),
        ("bailleur", w.meeting().url + "/agenda-points", {"title": "Point"}, "issue_id", w.hidden_issue),
        ("city", w.held_meeting().url + "/decisions", {"text": "Décidé", "target_type": "issue"}, "target_id", e.issue().id),
        ("city", "/v1/funding", w.funding_body(), "funder_actor_id", e.actor["city"]),
        ("city", "/v1/responsibility-rules", w.rule_body(), "lead_actor_id", e.actor["city"]),
        ("city", "/v1/responsibility-rules", w.rule_body(), "contributors", [e.actor["city"]]),
        ("city", "/v1/responsibility-rules", w.rule_body(), "match_site_id", e.there["site"]),
        ("city", w.url + "/members", {"role": "bailleur"}, "actor_id", e.actor["city"]),
        ("city", w.url + "/members", {"role": "bailleur", "actor_id": w.actor["auditor"]}, "quartiers", [e.near]),
        ("admin", w.url + "/members", {"role": "bailleur"}, "actor_id", e.actor["city"]),
        ("admin", w.url + "/members", {"role": "bailleur", "actor_id": w.actor["auditor"]}, "quartiers", [e.near]),
    ]


def test_a_reference_to_what_is_invisible_is_refused_like_one_to_nothing(world, elsewhere):
    for who, path, body, member, invisible in reference_bodies(world, elsewhere):
        absent = [*invisible[:-1], str(uuid.uuid4())] if isinstance(invisible, list) else str(uuid.uuid4())
        answers = [world.clients[who].post(path, {**body, member: value}) for value in (invisible, absent)]
        for answer in answers:
            assert answer.expect(422).problem.code == "unknown_reference", (path, member)
            assert answer.problem.pointers == [f"/{member}"]
        assert without_traces(answers[0]) == without_traces(answers[1]), (path, member)


def test_a_patched_reference_to_what_is_invisible_is_refused_like_one_to_nothing(world, elsewhere):
    w, e = world, elsewhere
    site = f"/v1/sites/{w.there['bailleur']}"
    contact = w.contact(by="bailleur").url
    for target, member, invisible in ((site, "quartier_id", w.far), (site, "parent_id", w.there[w.far]),
                                      (site, "manager_actor_id", e.actor["city"]), (contact, "actor_id", e.actor["city"]),
                                      (contact, "quartiers", [w.far])):
        absent = [str(uuid.uuid4())] if isinstance(invisible, list) else str(uuid.uuid4())
        answers = [w.bailleur.patch(target, {member: value}, if_match="*") for value in (invisible, absent)]
        assert answers[0].expect(422).problem.code == "unknown_reference", member
        assert without_traces(answers[0]) == without_traces(answers[1]), member


@pytest.mark.parametrize("role", ["bailleur", "city"])
def test_what_is_invisible_is_not_found_like_what_is_not_there(world, elsewhere, role):
    client = world.clients[role]
    hidden = {"/v1/sites": elsewhere.there["site"], "/v1/actors": elsewhere.actor["city"],
              "/v1/contacts": listed(elsewhere, elsewhere.city, "contact")[0]["id"]}
    if role == "bailleur":
        hidden["/v1/sites"] = world.there[world.far]
        hidden["/v1/contacts"] = next(c["id"] for c in listed(world, world.bailleur_b, "contact")
                                      if c["visibility"] == "internal")
    for path, id in hidden.items():
        def answers(at):
            return [client.get(at), client.get(at + "/history"), client.head(at),
                    client.patch(at, {"name": "Autre"}, if_match="*"),
                    client.patch(at, {"name": "Autre"}, if_match='"9-0000000000000000"'),
                    client.move(at, "archived", if_match="*"), client.move(at, "nowhere", if_match="*")]
        for one, other in zip(answers(f"{path}/{id}"), answers(f"{path}/{uuid.uuid4()}")):
            assert one.status == other.status == 404
            if one.method != "HEAD":
                assert without_traces(one) == without_traces(other)


# --- fields ----------------------------------------------------------------------------


def everything(client, world, noun):
    """All texts that tell a client of a noun: list, reads and histories."""
    items = listed(world, client, noun)
    url = LISTS[noun][1]
    return [json.dumps(items)] + [client.get(f"{url}/{item['id']}").text for item in items] \
        + [client.get(f"{url}/{item['id']}/history").text for item in items]


def test_the_auditor_never_gets_an_email_or_a_phone(world):
    contact = world.contact(email=EMAIL, phone=PHONE)
    world.city.patch(contact, {"email": "autre@ville.example.org", "phone": "01 99 00 00 08"}).expect(200)
    texts = everything(world.auditor, world, "contact")
    assert len(texts) > 10
    for text in texts:
        assert '"email"' not in text and '"phone"' not in text and "@" not in text and "01 99" not in text
    for params in ({"q": EMAIL}, {"q": PHONE}, {"q": "principal"}):
        assert world.auditor.get("/v1/contacts", params).items == []
    assert EMAIL in "".join(everything(world.association, world, "contact"))


def test_an_association_never_gets_a_sensitive_note(world):
    site = world.site(sensitive_note=NOTE)
    world.city.patch(site, {"sensitive_note": NOTE + ", bientôt"}).expect(200)
    for role in ("association", "association_b"):
        for text in everything(world.clients[role], world, "site"):
            assert "sensitive_note" not in text and NOTE not in text
        assert world.clients[role].get("/v1/sites", {"q": "réhabilitation attendue"}).items == []
    for role in ("bailleur", "institution", "facilitator", "auditor"):
        assert world.clients[role].get(site.url).json["sensitive_note"].startswith(NOTE)


def test_an_internal_contact_is_its_institutions_alone(world):
    service = world.service("bailleur", by="bailleur").id
    contact = world.contact(by="bailleur", actor_id=service, visibility="internal")
    world.bailleur.patch(contact, {"function": "Gardien"}).expect(200)
    assert len(world.bailleur.get(contact.url + "/history").expect(200).items) == 2
    for role in set(ROLES) - {"bailleur"}:
        world.clients[role].get(contact.url).expect(404)
        world.clients[role].get(contact.url + "/history").expect(404)
        assert contact.id not in {c["id"] for c in listed(world, world.clients[role], "contact")}


def test_a_contact_made_internal_is_hidden_from_others_at_once(world):
    contact = world.contact(by="bailleur", visibility="partners", email=EMAIL)
    for role in ROLES:
        world.clients[role].get(contact.url).expect(200)
    kept = world.city.get(contact.url)
    world.bailleur.patch(contact, {"visibility": "internal"}).expect(200)
    for role in set(ROLES) - {"bailleur"}:
        world.clients[role].get(contact.url).expect(404)
        world.clients[role].get(contact.url + "/history").expect(404)
        assert contact.id not in {c["id"] for c in listed(world, world.clients[role], "contact")}
    world.city.get(contact.url, headers={"If-None-Match": kept.etag}).expect(404)
    world.city.patch(kept, {"function": "Accueil"}).expect(404)
    world.bailleur.get(contact.url).expect(200)


def test_a_contact_shown_again_does_not_tell_what_it_was_meanwhile(world):
    contact = world.contact(by="bailleur", visibility="internal", function="Confidentiel")
    world.bailleur.patch(contact, {"visibility": "partners", "function": "Accueil"}).expect(200)
    world.city.get(contact.url).expect(200)
    assert "Confidentiel" in world.bailleur.get(contact.url + "/history").text
    for role in ("city", "bailleur_b", "association", "auditor"):
        assert "Confidentiel" not in world.clients[role].get(contact.url + "/history").expect(200).text, role


def test_a_statement_made_internal_is_hidden_from_others_at_once(world):
    said = world.context(by="mandated")
    world.bailleur.get(said.url).expect(200)
    world.mandated.patch(said, {"visibility": "internal"}).expect(200)
    for role in set(ROLES) - {"mandated"}:
        world.clients[role].get(said.url).expect(404)
        world.clients[role].get(said.url + "/history").expect(404)


def test_a_site_that_changes_quartier_is_hidden_at_once_with_its_past(world):
    site = world.site(quartier_id=world.far, name=unique("Ailleurs"))
    world.bailleur.get(site.url).expect(404)
    world.city.patch(site, {"quartier_id": world.near, "name": unique("Ici")}).expect(200)
    world.bailleur.get(site.url).expect(200)
    assert world.bailleur.get("/v1/sites", {"q": site.json["name"]}).items == []
    assert "Ailleurs" not in world.bailleur.get(site.url + "/history").expect(200).text
    world.city.patch(site.url, {"quartier_id": world.far}).expect(200)
    world.bailleur.get(site.url).expect(404)
    assert site.id not in {s["id"] for s in listed(world, world.bailleur, "site")}
    assert len(world.city.get(site.url + "/history").items) == 3
