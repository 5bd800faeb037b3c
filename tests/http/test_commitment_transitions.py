"""Every step of a commitment and of its revisions, by everyone, legal or not:
the server does what commitment_transitions.py says."""

import types
import uuid

import pytest

from commitment_transitions import REVISIONS, STAGES, STATES, STEPS, allowed, expected, relations
from world import World, in_days

CALLERS = ("city", "city_service", "bailleur", "bailleur_b", "association", "association_b", "association_far",
           "regie", "institution", "facilitator", "mandated", "auditor")

# Those who also try what is no step at all.
ONE_OF_EACH = ("city", "bailleur", "association", "institution", "mandated")

# Who drafts, promises, helps and executes: all that the rights of a step depend on.
CASES = {
    "a bailleur promises": ("bailleur", "bailleur", [], []),
    "the city asks a bailleur": ("city", "bailleur", [], []),
    "a city service promises": ("city", "service", [], []),
    "the city helps a bailleur": ("bailleur", "bailleur", ["service"], []),
    "a contractor works for a bailleur": ("bailleur", "bailleur", [], ["regie"]),
    "an association works for the city": ("city_service", "service", [], ["association"]),
    "a facilitator asks an association": ("mandated", "association", [], []),
    "the State promises": ("institution", "institution", ["bailleur_b"], []),
}


def cast_of(admin, contract):
    """A programme with callers of every kind, and what is known of each."""
    w = World(admin, contract)
    w.service_actor = w.service("city", kind="city_service").id
    w.join("city", "city_service", actor=w.service_actor)
    w.join("association", "association_far", kind="association", quartiers=[w.far])
    w.join("association", "regie", kind="neighbourhood_contractor", quartiers=[w.near])
    roles = {name: name.split("_")[0] for name in CALLERS}
    roles |= {"mandated": "facilitator", "regie": "association"}
    w.callers = {name: types.SimpleNamespace(
        name=name, role=roles[name], local=name != "association_far", mandated=name == "mandated",
        institution=w.actor["city"] if name == "city_service" else w.actor[name],
        whole=name not in ("bailleur", "bailleur_b", "association", "association_b", "association_far", "regie"),
    ) for name in CALLERS}
    return w


@pytest.fixture(scope="module")
def cast(as_admin, contract):
    return cast_of(as_admin, contract)


def actor_of(w, name):
    return w.service_actor if name == "service" else w.actor[name]


def institution_of(w, name):
    return w.actor["city"] if name in ("service", "city_service") else w.actor[name]


def draft(w, case, **more):
    author, owner, co_owners, executants = case
    return w.commitment(author, owner_actor_id=actor_of(w, owner), co_owners=[actor_of(w, n) for n in co_owners],
                        executants=[actor_of(w, n) for n in executants], **more).url


def facts(w, case):
    """The commitment as the table sees it."""
    author, owner, co_owners, executants = case
    return types.SimpleNamespace(
        author=institution_of(w, author), by_mandate=author == "mandated", owner=institution_of(w, owner),
        works={institution_of(w, n) for n in (owner, *co_owners, *executants)}, city=w.actor["city"])


DETAILS = {
    "declined": {"decline_reason": "Hors de notre patrimoine."},
    "blocked": {"blocked_reason": "Accès au chantier impossible.", "review_on": in_days(30)},
    "claimed": {"obtained_result": "Douze candélabres posés."},
    "verified": {"outcome": "full"},
    "abandoned": {"public_reason": "Le bâtiment est vendu.", "meeting_id": str(uuid.uuid4())},
}


def step(w, url, to, by, **details):
    """An attempt with all that the step may ask for."""
    details = {**DETAILS.get(to, {}), **details}
    return w.clients[by].move(url, to, if_match="*", comment="Essai de la table",
                              **({"details": details} if details else {}))


def wished_and_decided(w, url, owner):
    """What it takes to give up: the owner's request and a meeting's decision."""
    w.make(url + "/revisions", w.revision_body(kind="abandonment", to_on=None), owner)
    held = w.held_meeting(quartiers=[])
    w.decision(held, target_type="commitment", target_id=url.rsplit("/", 1)[1])
    return held.id


# How each stage is reached: the steps, each with who does it.
PATHS = {"draft": [], "proposed": [("proposed", "author")]}
PATHS["declined"] = PATHS["proposed"] + [("declined", "owner")]
PATHS["accepted"] = PATHS["proposed"] + [("accepted", "owner")]
PATHS["in_progress"] = PATHS["accepted"] + [("in_progress", "owner")]
for _stage in ("accepted", "in_progress"):
    PATHS["blocked:" + _stage] = PATHS[_stage] + [("blocked", "owner")]
PATHS["claimed"] = PATHS["in_progress"] + [("claimed", "owner")]
PATHS["abandoned"] = PATHS["in_progress"] + [("abandoned", "city")]
PATHS["verified"] = PATHS["claimed"] + [("verified", "verifier")]


def actors_of(w, case):
    """Who plays which part in a case."""
    author, owner, *_ = case
    owner = "city_service" if owner == "service" else owner
    found = {"author": author, "owner": owner, "city": "city"}
    for part in ("verifier", "decider"):
        found[part] = next(n for n, c in w.callers.items() if part in relations(c, facts(w, case)))
    return found


def reach(w, stage, case, **more):
    """A new commitment of a case, brought to a stage."""
    url, who = draft(w, case, **more), actors_of(w, case)
    for to, part in PATHS[stage]:
        if to == "claimed":
            w.make(url + "/evidence", w.evidence_body(), who["owner"])
        more = {"meeting_id": wished_and_decided(w, url, who["owner"])} if to == "abandoned" else {}
        step(w, url, to, who[part], **more).expect(200)
    return url


def sees(caller, commitment, stage):
    if stage == "draft":
        return caller.role != "auditor" and caller.institution in (commitment.author, commitment.owner)
    return caller.whole or caller.local or caller.institution in commitment.works | {commitment.author}


@pytest.mark.parametrize("stage", PATHS)
@pytest.mark.parametrize("case", CASES)
def test_each_step_is_for_those_whom_the_table_names(cast, case, stage):
    w, wrong = cast, []
    tries_all = case == "a bailleur promises"
    case = CASES[case]
    url, commitment = reach(w, stage, case), facts(w, case)
    legal = [to for at, to in STEPS if at == stage]
    for caller in w.callers.values():
        seen = sees(caller, commitment, stage)
        if seen:
            shown = w.clients[caller.name].get(url).expect(200).json
            may = allowed(caller, commitment, stage) if caller.role != "auditor" else set()
            assert set(shown["allowed_transitions"]) == may, (caller.name, stage)
        else:
            w.clients[caller.name].get(url).expect(404)
        for to in STATES if tries_all and caller.name in ONE_OF_EACH else legal:
            status = 403 if caller.role == "auditor" else expected(caller, commitment, stage, to) if seen else 404
            answer = step(w, url, to, caller.name)
            if status == 200 and to == "claimed" and answer.status == 422:
                assert answer.problem.code == "guard_evidence_on_file"
                w.make(url + "/evidence", w.evidence_body(), caller.name)
                answer = step(w, url, to, caller.name)
            if status == 200 and to == "abandoned":
                assert answer.expect(422).problem.code == "guard_abandonment_requested"
                meeting = wished_and_decided(w, url, actors_of(w, case)["owner"])
                answer = step(w, url, to, caller.name, meeting_id=meeting)
            if answer.status != status:
                wrong.append(f"{caller.name}: {stage} -> {to}: {status} expected, {answer!r}")
            if status == 200 and answer.status == 200:
                assert answer.json["status"] == to
                url = reach(w, stage, case)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", CASES)
def test_who_worked_on_it_is_told_why_it_does_not_verify(cast, case):
    url, commitment = reach(cast, "claimed", CASES[case]), facts(cast, CASES[case])
    for caller in cast.callers.values():
        if caller.role != "auditor" and caller.institution in commitment.works:
            for to in ("verified", "in_progress"):
                answer = step(cast, url, to, caller.name).expect(403)
                assert answer.problem.code == "self_verification", caller


@pytest.mark.parametrize("kind", ["due_date", "abandonment"])
@pytest.mark.parametrize("case", CASES)
def test_each_revision_is_decided_by_those_whom_the_table_names(cast, case, kind):
    w, case, wrong = cast, CASES[case], []
    url, commitment, who = reach(w, "accepted", case), facts(w, case), actors_of(w, case)
    body = w.revision_body(kind=kind, **({"to_on": None} if kind == "abandonment" else {}))

    def ask():
        return w.make(url + "/revisions", {**body, **({"to_on": in_days(70 + len(made))} if body["to_on"] else {})},
                      who["owner"])

    made = []
    made.append(ask())
    for caller in w.callers.values():
        seen = sees(caller, commitment, "accepted")
        stage = "requested:" + kind
        for to in ("accepted", "refused", "withdrawn", "requested"):
            if seen:
                shown = w.clients[caller.name].get(made[-1].url).expect(200).json
                may = allowed(caller, commitment, stage, REVISIONS) if caller.role != "auditor" else set()
                assert set(shown["allowed_transitions"]) == may, (caller.name, shown)
            status = expected(caller, commitment, stage, to, REVISIONS) if seen else 404
            status = 403 if caller.role in ("auditor", "facilitator") else status
            answer = step(w, made[-1].url, to, caller.name)
            if answer.status != status:
                wrong.append(f"{caller.name}: {stage} -> {to}: {status} expected, {answer!r}")
            if answer.status == 200:
                made.append(ask())
    assert not wrong, "\n".join(wrong)


def test_the_tables_in_the_database_have_these_steps_and_no_other(database):
    for noun, steps in (("commitment", STEPS), ("revision", REVISIONS)):
        with database.cursor() as cursor:
            cursor.execute("SELECT from_state, to_state FROM gusp.transition WHERE noun = %s", [noun])
            assert set(cursor.fetchall()) == set(steps)


def test_every_stage_can_be_reached_and_every_end_is_meant():
    assert set(STAGES) - set(PATHS) == {"superseded"}
    assert {at for at in STAGES if not any(source == at for source, _ in STEPS)} \
        == {"verified", "declined", "abandoned", "superseded"}
