"""Conventions: frozen with a digest when they are opened, signed by each party
for itself, in force by themselves, changed by amendments alone."""

import hashlib
import itertools
import json
import uuid
from decimal import Decimal

import pytest

from world import World, in_days, unique

# The life-cycle of the domain (C.3); and what ends or stays undone: a
# convention that not all sign is ended too, one whose signature is disputed is
# open again.
STEPS = {
    ("draft", "negotiation"): {"city"},
    ("negotiation", "open_for_signature"): {"city"},
    ("open_for_signature", "in_force"): set(),
    ("open_for_signature", "terminated"): {"city"},
    ("in_force", "open_for_signature"): set(),
    ("in_force", "expired"): set(),
    ("in_force", "terminated"): {"city"},
}
STATES = sorted(set(itertools.chain(*STEPS)))
CALLERS = ("city", "bailleur", "bailleur_b", "association", "institution", "facilitator", "mandated", "auditor")
PARTIES = ("city", "bailleur", "association")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def refused(answer, status, code):
    assert answer.expect(status).problem.code == code, answer
    return answer.problem


def tend(database):
    """What `gusp tend` does each minute."""
    with database.cursor() as cursor:
        cursor.execute("SET ROLE gusp_ledger")
        cursor.execute("SELECT gusp.conventions_tend()")
        moved = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        return moved


def later(database, convention, days):
    """Make it as if a convention had been opened so many days earlier."""
    with database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE convention SET effective_from_on = effective_from_on - %s, effective_to_on = "
                       "effective_to_on - %s WHERE id = %s", [days, days, convention.id])
        cursor.execute("UPDATE signature SET created_at = created_at - %s * interval '1 day' WHERE convention_id = %s",
                       [days, convention.id])
        cursor.execute("SET session_replication_role = origin")


# --- the text that is signed ---------------------------------------------------------


def canonical(value):
    """The canonical text, by another hand than the server's."""
    if isinstance(value, dict):
        pairs = sorted((key.encode(), member) for key, member in value.items())
        return "{" + ",".join(canonical(key.decode()) + ":" + canonical(member) for key, member in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, str):
        short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
        return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, Decimal):
        sign, digits, exponent = (value.normalize() + 0).as_tuple()
        text = "".join(map(str, digits)) + "0" * max(exponent, 0)
        if exponent < 0:
            text = text.rjust(1 - exponent, "0")
            text = text[:exponent] + "." + text[exponent:]
        return "-" * (sign and value != 0) + text
    return str(value) if type(value) is int else {None: "null", True: "true", False: "false"}[value]


def parsed(text):
    return json.loads(text, parse_float=Decimal)


def digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@pytest.mark.parametrize("value", [
    '{"b":1,"a":[],"é":{},"Z":null,"a.b":true,"aa":false,"A":""}', "12.50", "-0.0", "1e3", "1.5e-7", "0.10",
    "123456789012345678901234567890",
    '"à « /\\\\ \\" \\b\\f\\n\\r\\t \\u0001 \\u001f \\u007f \\u20ac \\ud83c\\udf33"', "[1, 2 ,3]", "{}", "null"])
def test_the_canonical_text_is_the_same_by_another_hand(database, value):
    with database.cursor() as cursor:
        cursor.execute("SELECT canonical(%s::jsonb)", [value])
        assert cursor.fetchone()[0] == canonical(parsed(value))


def test_anyone_recomputes_the_digests_of_a_bundle(w):
    sheet = w.adopted_sheet(
        title="Éclairer « l'allée »\n\tdes \"Tilleuls\" \\ été", partners=[w.actor["association"]],
        indicators=[{"label": "Candélabres", "unit": "€/m²", "baseline": 4, "target": 12.50,
                     "values": [{"on": "2026-06-30", "value": 7.25}]}],
        means=[{"kind": "human", "label": "Chargé de secteur", "actor_id": w.actor["city"], "person_days": 12.5}])
    promise = w.accepted(sheet_id=sheet.id, cost={"planned_cents": 7700}, partner_note="Entre nous")
    w.commitment("bailleur", sheet_id=sheet.id)
    sheet = w.city.get(sheet.url)
    made = w.opened_convention(sheets=[sheet.id])
    bundle = parsed(w.auditor.get(made.url + "/bundle").expect(200).text)
    assert canonical(parsed(bundle["content"])) == bundle["content"]
    assert digest(bundle["content"]) == bundle["content_digest"] == made.json["content_digest"]
    [annex] = bundle["annexes"]
    assert canonical(parsed(annex["content"])) == annex["content"]
    assert digest(annex["content"]) == annex["digest"]
    assert made.json["annexes"] == [{k: annex[k] for k in ("sheet_id", "version", "digest")}]

    # The text is that of the record, member by member, no more and no less.
    shown = parsed(w.city.get(made.url).text)
    names = {actor: w.city.get(f"/v1/actors/{actor}").json["name"] for actor in w.actor.values()}
    assert parsed(bundle["content"]) == {
        "format": "gusp.convention/1", "convention_id": made.id, "parent_digest": None,
        **{k: shown[k] for k in ("ref", "kind", "title", "parent_id", "principles", "annexes", "replaces",
                                 "effective_from_on", "effective_to_on")},
        "parties": [{**party, "name": names[party["actor_id"]]} for party in shown["parties"]]}
    frozen, told = parsed(annex["content"]), parsed(sheet.text)
    assert frozen["commitments"] == [{
        **{k: promise.json[k] for k in (
            "id", "ref", "title", "deliverable", "beneficiaries", "owner_actor_id", "co_owners", "quartiers", "sites",
            "theme", "initial_due_on", "due_on", "expected_result")},
        "owner_name": names[w.actor["bailleur"]]}]
    assert {k: v for k, v in frozen.items() if k != "commitments"} == {
        "format": "gusp.annex/1", "sheet_id": sheet.id, "pilot_name": names[w.actor["bailleur"]],
        **{k: told[k] for k in (
            "ref", "version", "title", "themes", "quartiers", "target_publics", "finding", "objectives", "description",
            "method", "pilot_actor_id", "partners", "calendar", "expected_results", "indicators", "means")}}
    assert "7700" not in annex["content"] and "Entre nous" not in annex["content"]


def test_a_party_reads_in_an_annex_what_it_is_to_sign_wherever_that_is(w):
    sheet = w.adopted_sheet()
    far = w.accepted("bailleur_wide", sheet_id=sheet.id, quartiers=[w.far])
    w.bailleur.get(far.url).expect(404)
    [annex] = w.bailleur.get(w.opened_convention(sheets=[sheet.id]).url + "/bundle").expect(200).json["annexes"]
    assert [c["id"] for c in json.loads(annex["content"])["commitments"]] == [far.id]


def test_a_bundle_before_the_opening_has_nothing_frozen(w):
    bundle = w.city.get(w.convention(sheets=[w.adopted_sheet().id]).url + "/bundle").expect(200).json
    assert [bundle[k] for k in ("content", "content_digest", "annexes", "signatures")] == [None, None, [], []]


# --- making ------------------------------------------------------------------------------


def test_a_convention_has_what_it_was_given(w):
    body = {"kind": "tfpb_use", "title": unique("Convention"),
            "principles": [{"n": 1, "text": "Répondre"}, {"n": 2, "text": "Réparer"}],
            "parties": [{"actor_id": w.actor["city"], "required": True, "capacity_label": "Maire"},
                        {"actor_id": w.actor["institution"], "required": False, "capacity_label": None}],
            "sheets": [w.adopted_sheet().id], "effective_from_on": "2026-01-01", "effective_to_on": "2028-12-31"}
    made = w.make("/v1/conventions", body)
    assert {k: made.json[k] for k in body} == body
    assert "-V-" in made.json["ref"] and made.json["annexes"] == [] and made.json["content_digest"] is None
    assert made.json["signing"] == {"state": "none", "required": 1, "signed": 0, "missing": [w.actor["city"]]}


@pytest.mark.parametrize("change, code, pointer", [
    (lambda w: {"parties": w.parties("city") * 2}, "party_twice", "/parties/1/actor_id"),
    (lambda w: {"parties": w.parties("bailleur") + [{"actor_id": w.service("bailleur").id}]}, "party_twice",
     "/parties/1/actor_id"),
    (lambda w: {"parties": [{"actor_id": str(uuid.uuid4())}]}, "unknown_reference", "/parties/0/actor_id"),
    (lambda w: {"parties": [{"actor_id": w.actor["city"], "capacity_label": "06 12 34 56 78"}]},
     "personal_data_suspected", "/parties/0/capacity_label"),
    (lambda w: {"principles": [{"n": 1, "text": "Un"}, {"n": 1, "text": "Deux"}]}, "repeated_number",
     "/principles/1/n"),
    (lambda w: {"principles": [{"n": 1, "text": "Écrire à a.b@example.org"}]}, "personal_data_suspected",
     "/principles/0/text"),
    (lambda w: {"sheets": [w.action_sheet().id]}, "sheet_is_a_draft", "/sheets"),
    (lambda w: {"sheets": [str(uuid.uuid4())]}, "unknown_reference", "/sheets"),
    (lambda w: {"title": "Appeler le 06 12 34 56 78"}, "personal_data_suspected", "/title"),
], ids=["twice", "service", "unknown", "capacity", "number", "text", "draft", "sheet", "title"])
def test_what_cannot_be_is_refused_where_it_stands(w, change, code, pointer):
    assert refused(w.city.post("/v1/conventions", w.convention_body(**change(w))), 422, code).pointers == [pointer]


def test_only_an_amendment_replaces(w):
    made = w.convention()
    change = {"replaces": [{"commitment_id": w.accepted().id, "reason": "Fini"}]}
    refused(w.city.patch(made, change), 422, "only_an_amendment_replaces")


@pytest.mark.parametrize("lacking", [{"principles": []}, {"effective_from_on": None},
                                     {"effective_to_on": in_days(-1), "effective_from_on": in_days(-9)}])
def test_it_is_opened_when_it_is_whole(w, lacking):
    made = w.city.move(w.convention(**lacking), "negotiation").expect(200)
    refused(w.city.move(made, "open_for_signature"), 422, "guard_convention_is_whole")


def test_it_is_opened_when_somebody_has_to_sign(w):
    refused(w.city.move(w.convention(parties=[]), "negotiation"), 422, "guard_convention_has_parties")
    made = w.convention(parties=[{"actor_id": w.actor["city"], "required": False}])
    made = w.city.move(made, "negotiation").expect(200)
    refused(w.city.move(made, "open_for_signature"), 422, "guard_convention_is_whole")


def test_only_adopted_sheets_are_annexed(w):
    made = w.city.move(w.convention(sheets=[w.consulted_sheet().id]), "negotiation").expect(200)
    refused(w.city.move(made, "open_for_signature"), 422, "guard_sheets_are_adopted")


# --- who sees it -----------------------------------------------------------------------


def test_a_convention_is_read_by_its_parties_from_the_negotiation_and_by_all_once_in_force(w):
    made = w.convention()
    for state, readers in (("draft", {"city"}), ("negotiation", {*PARTIES, "auditor"}),
                           ("open_for_signature", {*PARTIES, "auditor"})):
        if state != "draft":
            made = w.city.move(made, state).expect(200)
        for name in CALLERS:
            for part in ("", "/bundle", "/signatures", "/history"):
                w.clients[name].get(made.url + part).expect(200 if name in readers else 404)
            assert (made.id in [v["id"] for v in w.clients[name].pages("/v1/conventions")]) == (name in readers)
    for name in PARTIES:
        w.sign(made, name)
    for name in CALLERS:
        assert w.clients[name].get(made.url).expect(200).json["status"] == "in_force"
        assert len(w.clients[name].get(made.url + "/signatures").expect(200).items) == 3


# --- steps ------------------------------------------------------------------------------


def reach(w, database, state, parties=PARTIES):
    """A new convention in a state."""
    made = w.convention(parties=w.parties(*parties), effective_to_on=in_days(30))
    if state == "draft":
        return made
    made = w.city.move(made, "negotiation").expect(200)
    if state == "negotiation":
        return made
    made = w.city.move(made, "open_for_signature").expect(200)
    if state == "open_for_signature":
        return made
    for name in parties:
        w.sign(made, name)
    if state == "expired":
        later(database, made, 40)
        tend(database)
    if state == "terminated":
        w.city.move(made.url, "terminated", comment="Essai", details={"meeting_id": ending(w, made)}).expect(200)
    made = w.city.get(made.url)
    assert made.json["status"] == state
    return made


def ending(w, convention):
    """A meeting that decided to end a convention."""
    held = w.held_meeting(quartiers=[])
    w.decision(held, target_type="convention", target_id=convention.id)
    return held.id


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("party", [True, False], ids=["party", "none"])
def test_each_step_is_for_those_whom_the_table_names(w, database, state, party):
    parties = PARTIES if party else ("institution",)
    made, wrong = reach(w, database, state, parties), []
    for name, to in itertools.product(CALLERS, STATES):
        client = w.clients[name]
        if name != "city":  # the contract already stops the others
            status = 403
        elif not any("city" in who for (_, target), who in STEPS.items() if target == to):
            status = 422 if to == "draft" else 403
        elif (state, to) not in STEPS:
            status = 409
        else:
            status = 200 if "city" in STEPS[state, to] else 403
        details = {"details": {"meeting_id": ending(w, made)}} if to == "terminated" and status == 200 else {}
        answer = client.move(made.url, to, if_match="*", comment="Essai", **details)
        if answer.status != status:
            wrong.append(f"{name}: {state} -> {to}: {status} expected, {answer!r}")
        if answer.status == 200:
            assert answer.json["status"] == to
            made = reach(w, database, state, parties)
    assert not wrong, "\n".join(wrong)
    assert set(w.city.get(made.url).json["allowed_transitions"]) == {
        to for (at, to), who in STEPS.items() if at == state and "city" in who}


def test_the_steps_of_the_database_are_these(database):
    with database.cursor() as cursor:
        cursor.execute("SELECT from_state, to_state FROM transition WHERE noun = 'convention'")
        assert set(cursor.fetchall()) == set(STEPS)


def test_a_meeting_decides_to_end_it_for_a_reason(w, database):
    made = reach(w, database, "in_force")
    refused(w.city.move(made, "terminated", details={"meeting_id": ending(w, made)}), 422, "guard_comment_required")
    refused(w.city.move(made, "terminated", comment="Fini"), 422, "guard_meeting_id_required")
    undecided = {"meeting_id": w.held_meeting().id}
    refused(w.city.move(made, "terminated", comment="Fini", details=undecided), 422, "guard_termination_decided")
    meeting = ending(w, made)
    ended = w.city.move(made, "terminated", comment="Démoli", details={"meeting_id": meeting}).expect(200).json
    assert (ended["termination_reason"], ended["decision_meeting_id"], ended["terminated_on"]) \
        == ("Démoli", meeting, in_days(0))


# --- frozen -----------------------------------------------------------------------------


def test_opened_nothing_of_it_changes_any_more(w, database):
    made = w.opened_convention()
    for field, value in (("title", "Autre"), ("principles", []), ("parties", w.parties("city")),
                         ("sheets", [w.adopted_sheet().id]), ("effective_from_on", in_days(3)),
                         ("effective_to_on", in_days(99))):
        refused(w.city.patch(made.url, {field: value}), 409, "convention_frozen")
    assert w.city.patch(made.url, {}).expect(200).json == made.json
    for column in ("title = 'Autre'", "content = '{}'", "content_digest = repeat('0', 64)"):
        with database.cursor() as cursor, pytest.raises(Exception, match="convention_frozen|digest_is"):
            cursor.execute(f"UPDATE convention SET {column} WHERE id = %s", [made.id])


def test_an_annexed_sheet_is_frozen_for_everybody(w, database):
    sheet = w.adopted_sheet()
    w.bailleur.patch(sheet, {"method": "Encore autrement"}).expect(200)
    made = w.opened_convention(sheets=[sheet.id])
    assert w.city.get(sheet.url).json["status"] == "annexed"
    for name, change in itertools.product(("city", "mandated", "bailleur"), (
            {"title": "Autre"}, {"method": "Autre"}, {"calendar": [{"milestone": "Pose"}]},
            {"partners": [w.actor["city"]]})):
        told = refused(w.clients[name].patch(sheet.url, change), 409, "frozen_by_convention")
        assert told.pointers == ["/" + next(iter(change))]
    refused(w.association.patch(sheet.url, {"title": "Autre"}), 403, "forbidden")
    assert w.bailleur.patch(sheet.url, {}).expect(200).json["status"] == "annexed"
    for column in ("content", "digest"):
        with database.cursor() as cursor, pytest.raises(Exception, match="append-only"):
            cursor.execute(f"UPDATE annex SET {column} = '' WHERE convention_id = %s", [made.id])
    w.city.move(made.url, "terminated", comment="Essai", details={"meeting_id": ending(w, made)}).expect(200)
    w.bailleur.patch(sheet.url, {"method": "À nouveau"}).expect(200)


def test_what_is_measured_is_told_while_an_annexed_sheet_runs(w):
    sheet = w.adopted_sheet()
    promise = w.accepted(sheet_id=sheet.id)
    made = w.opened_convention(sheets=[sheet.id])
    w.bailleur.move(promise.url, "in_progress").expect(200)
    w.city.move(sheet.url, "running").expect(200)
    w.bailleur.patch(sheet.url, {"calendar": [{"milestone": "Pose", "actual_on": "2026-06-02"}]}).expect(200)
    refused(w.bailleur.patch(sheet.url, {"method": "Autre"}), 409, "frozen_by_convention")
    [annex] = w.city.get(made.url + "/bundle").json["annexes"]
    assert json.loads(annex["content"])["calendar"] == []


def test_a_contractual_commitment_says_so_to_those_who_may_read_the_convention(w):
    sheet = w.adopted_sheet()
    promise = w.accepted(sheet_id=sheet.id)
    version = w.city.get(sheet.url).json["version"]
    made = w.opened_convention(sheets=[sheet.id])
    for name in CALLERS:
        told = w.clients[name].get(promise.url).expect(200)
        if name in (*PARTIES, "auditor"):
            assert told.json["contractual"] == {"convention_id": made.id, "annexed_version": version}
        else:
            assert made.id not in told.text + w.clients[name].get(promise.url + "/history").text
    w.bailleur.patch(promise.url, {"progress": 20}).expect(200)


def test_the_date_of_a_contractual_commitment_moves_by_a_meeting_alone(w):
    sheet = w.adopted_sheet()
    promise = w.accepted(sheet_id=sheet.id)
    w.opened_convention(sheets=[sheet.id])
    asked = w.revision(promise)
    refused(w.city.move(asked, "accepted", comment="Oui"), 422, "guard_meeting_id_required")
    held = w.held_meeting()
    refused(w.city.move(asked, "accepted", comment="Oui", details={"meeting_id": held.id}), 422,
            "guard_named_meeting_decided")
    w.decision(held, target_type="commitment", target_id=promise.id)
    w.city.move(asked, "accepted", comment="Oui", details={"meeting_id": held.id}).expect(200)
    assert w.city.get(promise.url).json["due_on"] == in_days(60)
    w.city.move(w.revision(promise, to_on=in_days(90)), "refused", comment="Non").expect(200)


def test_a_contractual_commitment_is_given_up_by_an_amendment_alone(w):
    sheet = w.adopted_sheet()
    promise = w.accepted(sheet_id=sheet.id)
    w.opened_convention(sheets=[sheet.id])
    w.revision(promise, kind="abandonment", to_on=None)
    held = w.held_meeting()
    w.decision(held, target_type="commitment", target_id=promise.id)
    refused(w.city.move(promise.url, "abandoned", details={"public_reason": "Vendu", "meeting_id": held.id}), 422,
            "guard_not_contractual")


# --- signing ----------------------------------------------------------------------------


def test_each_party_signs_for_itself_and_the_last_one_brings_it_into_force(w):
    made = w.opened_convention()
    for n, name in enumerate(PARTIES):
        told = w.auditor.get(made.url).json
        assert (told["status"], told["signing"]["signed"]) == ("open_for_signature", n)
        assert told["signing"]["state"] == ("partial" if n else "none")
        assert told["signing"]["missing"] == [w.actor[p] for p in PARTIES[n:]]
        signed = w.sign(made, name).json
        assert (signed["actor_id"], signed["recorded_by_institution_id"]) == (w.actor[name], w.actor[name])
    told = w.auditor.get(made.url).json
    assert (told["status"], told["in_force_on"], told["signing"]["state"]) == ("in_force", in_days(0), "complete")
    [event] = [e for e in w.city.pages(made.url + "/history") if e["kind"] == "convention.in_force"]
    assert (event["role"], event["actor_id"], event["client_id"]) == ("system", None, None)
    assert len([e for e in w.city.pages(made.url + "/history") if e["kind"] == "signature.created"]) == 3


def test_whoever_need_not_sign_may_and_does_so_later_too(w):
    parties = w.parties("city", "bailleur") + [{"actor_id": w.actor["association"], "required": False}]
    made = w.opened_convention(parties=parties)
    w.sign(made, "city"), w.sign(made, "bailleur")
    assert w.city.get(made.url).json["status"] == "in_force"
    w.sign(made, "association")
    assert w.city.get(made.url).json["signing"] == {"state": "complete", "required": 2, "signed": 2, "missing": []}


@pytest.mark.parametrize("name", CALLERS)
def test_nobody_signs_for_another_and_who_is_no_party_signs_nothing(w, name):
    made = w.opened_convention(parties=w.parties("city", "bailleur"))
    body, other = w.signature_body(made), "city" if name == "bailleur" else "bailleur"
    for named in (None, other):
        answer = w.clients[name].post(made.url + "/signatures", {
            **body, **({"actor_id": w.actor[named]} if named else {}), "method": "eidas_ref", "external_ref": "TSP-1"})
        if name in ("facilitator", "mandated", "auditor"):
            refused(answer, 403, "role_forbidden")
        elif name in ("city", "bailleur"):
            answer.expect(403 if named else 201)
        else:
            answer.expect(404)
    inforce = w.convention_in_force(parties=w.parties("city"))
    if name in ("bailleur", "bailleur_b", "association", "institution"):
        refused(w.clients[name].post(inforce.url + "/signatures", w.signature_body(inforce)), 403, "forbidden")


def test_a_party_signs_once_and_what_it_read(w):
    made = w.opened_convention()
    body = w.signature_body(made)
    told = refused(w.city.post(made.url + "/signatures", {**body, "digest_seen": "0" * 64}), 422, "digest_differs")
    assert told.pointers == ["/digest_seen"]
    for day in (in_days(1), in_days(-1)):
        refused(w.city.post(made.url + "/signatures", {**body, "signed_on": day}), 422, "signed_out_of_time")
    refused(w.city.post(made.url + "/signatures", {**body, "signatory_capacity": "M. Maire, 06 12 34 56 78"}), 422,
            "personal_data_suspected")
    for method in ("eidas_ref", "meeting_record"):
        refused(w.city.post(made.url + "/signatures", {**body, "method": method}), 422, "signature_refers_to_its_proof")
    w.sign(made, "city")
    refused(w.city.post(made.url + "/signatures", body), 409, "already_exists")


def test_it_is_signed_while_it_is_open(w, database):
    for state in ("negotiation", "expired", "terminated"):
        made = reach(w, database, state)
        refused(w.bailleur.post(made.url + "/signatures", w.signature_body(made)), 409, "convention_not_open")


def test_the_city_files_what_another_party_signed_on_paper(w):
    made = w.opened_convention()
    body = {**w.signature_body(made), "actor_id": w.actor["bailleur"]}
    refused(w.city.post(made.url + "/signatures", body), 422, "scan_required")
    refused(w.association.post(made.url + "/signatures", {**body, "document_id": w.document().id}), 403, "forbidden")
    scan = w.document(kind="convention", target_type="convention", target_id=made.id)
    w.bailleur_b.get(scan.url).expect(404)
    signed = w.city.post(made.url + "/signatures", {**body, "document_id": scan.id}).expect(201).json
    assert (signed["actor_id"], signed["recorded_by_institution_id"]) == (w.actor["bailleur"], w.actor["city"])
    assert signed["document_sha256"] == scan.json["sha256"]
    w.sign(made, "city"), w.sign(made, "association")
    assert w.city.get(made.url).json["status"] == "in_force"
    w.bailleur_b.get(scan.url).expect(200)


def filed(w, **more):
    """A signature of the bailleur that the city filed, and its convention."""
    made = w.opened_convention(**more)
    return made, w.make(made.url + "/signatures", {**w.signature_body(made), "actor_id": w.actor["bailleur"],
                                                   "document_id": w.document().id})


def test_the_party_disputes_what_was_filed_for_it_and_has_not_signed(w):
    made, signed = filed(w)
    w.sign(made, "city"), w.sign(made, "association")
    assert w.city.get(made.url).json["status"] == "in_force"
    assert w.bailleur.get(signed.url).json["allowed_transitions"] == ["disputed"]
    for name in set(CALLERS) - {"bailleur"}:
        w.clients[name].move(signed.url, "disputed", if_match="*", comment="Non").expect(403)
    refused(w.bailleur.move(signed.url, "disputed"), 422, "guard_comment_required")
    told = w.bailleur.move(signed.url, "disputed", comment="Sans délégation").expect(200).json
    assert told["status"] == "disputed" and told["dispute_reason"] == "Sans délégation" and told["disputed_at"]
    open_again = w.city.get(made.url).json
    assert (open_again["status"], open_again["signing"]["missing"]) == ("open_for_signature", [w.actor["bailleur"]])
    w.sign(made, "bailleur")
    assert w.city.get(made.url).json["status"] == "in_force"


def test_what_one_signed_oneself_is_not_disputed(w):
    made = w.opened_convention()
    signed = w.sign(made, "bailleur")
    assert signed.json["allowed_transitions"] == []
    refused(w.bailleur.move(signed.url, "disputed", comment="Non"), 403, "transition_forbidden")


def test_a_signature_is_disputed_within_thirty_days(w, database):
    for days, status in ((29, 200), (31, 422)):
        made, signed = filed(w)
        later(database, made, days)
        answer = w.bailleur.move(signed.url, "disputed", comment="Non").expect(status)
        assert status == 200 or answer.problem.code == "guard_disputed_in_time"


def test_no_signature_is_changed_but_by_a_dispute(w, database):
    made = w.opened_convention()
    signed = w.sign(made, "city")
    for column in ("signed_on = signed_on - 1", "digest_seen = repeat('0', 64)", "status = 'disputed'"):
        with database.cursor() as cursor, pytest.raises(Exception, match="frozen"):
            cursor.execute(f"UPDATE signature SET {column} WHERE id = %s", [signed.id])


# --- days -------------------------------------------------------------------------------


def test_signed_by_all_it_waits_for_its_day(w, database):
    made = w.opened_convention(parties=w.parties("city"), effective_from_on=in_days(5), effective_to_on=None)
    w.sign(made, "city")
    tend(database)
    told = w.city.get(made.url).json
    assert (told["status"], told["signing"]["state"], told["in_force_on"]) == ("open_for_signature", "complete", None)
    w.institution.get(made.url).expect(404)
    later(database, made, 5)
    # Computed when it is read; then by the system, for good.
    told = w.city.get(made.url).json
    assert (told["status"], told["in_force_on"]) == ("in_force", None)
    assert made.id in [v["id"] for v in w.city.pages("/v1/conventions", {"status": "in_force"})]
    assert tend(database) >= 1
    assert w.institution.get(made.url).expect(200).json["in_force_on"] == in_days(0)
    assert tend(database) == 0


def test_past_its_last_day_it_has_expired(w, database):
    sheet = w.adopted_sheet()
    made = w.convention_in_force(parties=w.parties("city"), effective_to_on=in_days(2), sheets=[sheet.id])
    later(database, made, 2)
    assert w.city.get(made.url).json["status"] == "in_force"
    later(database, made, 1)
    told = w.city.get(made.url).json
    assert (told["status"], told["allowed_transitions"]) == ("expired", [])
    tend(database)
    assert w.city.get(made.url).json["status"] == "expired"
    w.bailleur.patch(sheet.url, {"method": "Autrement"}).expect(200)


# --- amendments -------------------------------------------------------------------------


def amended(w, made, *names, **more):
    """An amendment that its parties have signed."""
    child = w.make(made.url + "/amendments", w.amendment_body(**more))
    w.city.move(child, "negotiation").expect(200)
    w.city.move(child.url, "open_for_signature").expect(200)
    child = w.city.get(child.url)
    for name in names:
        w.sign(child, name)
    return w.city.get(child.url)


def test_an_amendment_begins_with_what_it_amends(w):
    made = w.convention_in_force(effective_to_on=in_days(300))
    refused(w.bailleur.post(made.url + "/amendments", w.amendment_body()), 403, "role_forbidden")
    child = w.make(made.url + "/amendments", w.amendment_body()).json
    assert (child["parent_id"], child["status"]) == (made.id, "draft")
    assert {k: child[k] for k in ("kind", "parties", "effective_to_on")} \
        == {k: made.json[k] for k in ("kind", "parties", "effective_to_on")}
    assert [v["id"] for v in w.city.pages("/v1/conventions", {"parent_id": made.id})] == [child["id"]]


def test_what_is_not_in_force_is_not_amended_and_an_amendment_neither(w):
    refused(w.city.post(w.opened_convention().url + "/amendments", w.amendment_body()), 409, "convention_not_in_force")
    made = w.convention_in_force(parties=w.parties("city"))
    child = amended(w, made, "city")
    assert child.json["status"] == "in_force"
    refused(w.city.post(child.url + "/amendments", w.amendment_body()), 409, "convention_not_in_force")


def test_an_amendment_in_force_supersedes_what_it_replaces(w):
    sheet, other = w.adopted_sheet(), w.adopted_sheet()
    replaced, dropped, kept = (w.accepted(sheet_id=sheet.id) for _ in range(3))
    made = w.convention_in_force(sheets=[sheet.id])
    before = w.city.get(made.url + "/bundle").json
    successor = w.accepted(sheet_id=other.id)
    replaces = [{"commitment_id": replaced.id, "successor_id": successor.id},
                {"commitment_id": dropped.id, "reason": "La résidence est démolie."}]
    child = amended(w, made, "city", "bailleur", sheets=[sheet.id, other.id], replaces=replaces)
    assert w.city.get(replaced.url).json["status"] == "accepted"
    w.sign(child, "association")
    told = {c.id: w.association_b.get(c.url).json for c in (replaced, dropped, kept, successor)}
    assert [(c["status"], c["successor_id"], c["public_reason"]) for c in told.values()] == [
        ("superseded", successor.id, None), ("superseded", None, "La résidence est démolie."),
        ("accepted", None, None), ("accepted", None, None)]
    assert [told[c.id]["contractual"]["convention_id"] for c in (kept, successor)] == [child.id] * 2
    [event] = [e for e in w.city.pages(replaced.url + "/history") if e["kind"] == "commitment.superseded"]
    assert event["role"] == "system"

    after = w.city.get(made.url + "/bundle").json
    assert {k: after[k] for k in ("content", "content_digest", "annexes", "signatures")} \
        == {k: before[k] for k in ("content", "content_digest", "annexes", "signatures")}
    assert after["amendments"] == [{"id": child.id, "ref": child.json["ref"], "status": "in_force",
                                    "content_digest": child.json["content_digest"]}]
    content = json.loads(w.city.get(child.url + "/bundle").json["content"])
    assert content["parent_digest"] == before["content_digest"]
    annexed = [json.loads(a["content"])["commitments"] for a in w.city.get(child.url + "/bundle").json["annexes"]]
    assert [[c["id"] for c in part] for part in annexed] == [[kept.id], [successor.id]]


def test_an_amendment_replaces_what_its_convention_binds_by_what_it_annexes(w):
    sheet, other = w.adopted_sheet(), w.adopted_sheet()
    bound, free = w.accepted(sheet_id=sheet.id), w.accepted(sheet_id=other.id)
    made = w.convention_in_force(sheets=[sheet.id])
    url = made.url + "/amendments"
    line = {"commitment_id": bound.id, "successor_id": free.id}
    assert refused(w.city.post(url, w.amendment_body(replaces=[{**line, "commitment_id": free.id}])), 422,
                   "commitment_of_another_convention").pointers == ["/replaces/0/commitment_id"]
    assert refused(w.city.post(url, w.amendment_body(replaces=[{**line, "successor_id": str(uuid.uuid4())}])), 422,
                   "unknown_reference").pointers == ["/replaces/0/successor_id"]
    for wrong in (None, bound.id):
        refused(w.city.post(url, w.amendment_body(replaces=[{**line, "successor_id": wrong}])), 422,
                "successor_or_reason")
    assert refused(w.city.post(url, w.amendment_body(replaces=[line, line])), 422, "replaced_twice").pointers \
        == ["/replaces/1/commitment_id"]
    child = w.city.move(w.make(url, w.amendment_body(replaces=[line])), "negotiation").expect(200)
    refused(w.city.move(child, "open_for_signature"), 422, "guard_successors_are_annexed")
    child = w.city.patch(child, {"sheets": [other.id]}).expect(200)
    w.city.move(child, "open_for_signature").expect(200)


def test_an_amendment_that_is_given_up_leaves_bound_what_was(w):
    sheet = w.adopted_sheet()
    promise = w.accepted(sheet_id=sheet.id)
    made = w.convention_in_force(sheets=[sheet.id])
    child = amended(w, made, sheets=[sheet.id])
    assert w.city.get(promise.url).json["contractual"]["convention_id"] == made.id
    w.city.move(child, "terminated", comment="Non", details={"meeting_id": ending(w, child)}).expect(200)
    assert w.city.get(promise.url).json["contractual"]["convention_id"] == made.id
    refused(w.city.move(w.revision(promise), "accepted", comment="Oui"), 422, "guard_meeting_id_required")
    refused(w.bailleur.patch(sheet.url, {"method": "Autre"}), 409, "frozen_by_convention")


def test_an_amendment_prolongs_and_ends_with_what_it_amends(w, database):
    made = w.convention_in_force(parties=w.parties("city"), effective_to_on=in_days(2))
    child = amended(w, made, "city", effective_to_on=in_days(50))
    for one in (made, child):
        later(database, one, 10)
    tend(database)
    assert [w.city.get(one.url).json["status"] for one in (made, child)] == ["in_force", "in_force"]
    w.city.move(made.url, "terminated", comment="Fini", details={"meeting_id": ending(w, made)}).expect(200)
    assert w.city.get(child.url).json["status"] == "expired"
    tend(database)
    assert w.city.get(child.url).json["status"] == "expired"


# --- trace ------------------------------------------------------------------------------


def test_a_trace_leads_from_a_sheet_to_the_convention_and_its_amendment(w):
    sheet = w.adopted_sheet()
    made = w.convention_in_force(parties=w.parties("city"), sheets=[sheet.id])
    child = amended(w, made, "city")
    down = w.bailleur.get(sheet.url + "/trace").expect(200).json
    assert {"convention"} <= {r["type"] for r in down["down"]}
    assert {(x["from"], x["to"], x["relation"]) for x in down["links"]} >= {
        (sheet.id, made.id, "annexed_to"), (made.id, child.id, "amended_by")}
    up = w.bailleur.get(child.url + "/trace").expect(200).json["up"]
    assert {made.id, sheet.id} <= {r["id"] for r in up}
    hidden = w.opened_convention(parties=w.parties("city"), sheets=[sheet.id])
    assert hidden.id not in w.bailleur.get(sheet.url + "/trace").text
    assert hidden.id in w.auditor.get(sheet.url + "/trace").text


def test_the_serving_roles_do_not_tend(database):
    with database.cursor() as cursor:
        cursor.execute("""SELECT r FROM unnest('{gusp_member,gusp_auditor,gusp_admin,gusp_auth,gusp_ledger}'::text[]) AS r
                          WHERE has_function_privilege(r, 'gusp.conventions_tend()', 'EXECUTE')""")
        assert cursor.fetchall() == [("gusp_ledger",)]
