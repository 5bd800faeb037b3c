"""Every step of an issue, by everyone, legal or not: the server does what
issue_transitions.py says; and no sequence of calls reaches what it does not
allow, or shows anyone what is not theirs to see."""

import functools
import time
import types

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from issue_transitions import STAGES, STATES, STEPS, allowed, expected, relations
from world import World, in_days, unique

EVIDENCE = {"kind": "work_order", "external_ref": "BT-2026-0042"}
CALLERS = ("city", "city_service", "bailleur", "bailleur_b", "association", "association_b", "association_far",
           "regie", "institution", "facilitator", "mandated", "auditor")

# Those who also try what is no step at all.
ONE_OF_EACH = ("city", "bailleur", "association", "institution", "mandated")


@pytest.fixture(scope="module")
def cast(as_admin, contract):
    """A programme with callers of every kind, and what is known of each."""
    w = World(as_admin, contract)
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


# Who reports, leads and helps: all that the rights of a step depend on.
CASES = {
    "a bailleur leads": ("association", "bailleur", []),
    "a city service leads": ("bailleur", "service", []),
    "the city helps a bailleur": ("city", "bailleur", ["service"]),
    "a contractor leads": ("institution", "regie", []),
    "its reporter leads": ("bailleur_b", "bailleur_b", ["regie"]),
    "an association helps the city": ("mandated", "service", ["association"]),
}


def actor_of(w, name):
    return w.service_actor if name == "service" else w.actor[name]


def institution_of(w, name):
    return w.actor["city"] if name == "service" else w.actor[name]


def details(w, lead="bailleur", contributors=(), master=None):
    """All that any step may ask for."""
    return {"lead_actor_id": actor_of(w, lead), "contributors": [actor_of(w, c) for c in contributors],
            "due_on": in_days(-1), "decline_reason": "not_my_land", "planned_on": in_days(20),
            "review_on": in_days(30), "evidence": [EVIDENCE], "public_explanation": "Déjà prévu au plan de la ville.",
            "commitment_id": w.promise.id, **({"master_id": master} if master else {})}


def step(w, url, to, by, case, client=None):
    _, lead, contributors = case
    return (client or w.clients[by]).move(
        url, to, if_match="*", reason_code="weather", comment="Essai de la table",
        details=details(w, lead, contributors, w.master.id))


# How each stage is reached: the steps, each with who does it.
PATHS = {
    "submitted": [], "withdrawn": [("withdrawn", "reporter")],
    "duplicate": [("duplicate", "city")], "no_action": [("no_action", "city")],
    "qualified": [("qualified", "city")],
}
PATHS["escalated"] = PATHS["qualified"] + [("escalated", "city")]
PATHS["assigned"] = PATHS["qualified"] + [("assigned", "city")]
PATHS["accepted"] = PATHS["assigned"] + [("accepted", "lead")]
PATHS["planned"] = PATHS["accepted"] + [("planned", "lead")]
PATHS["in_progress"] = PATHS["planned"] + [("in_progress", "lead")]
for _stage in ("accepted", "planned", "in_progress"):
    PATHS["on_hold:" + _stage] = PATHS[_stage] + [("on_hold", "lead")]
PATHS["treated"] = PATHS["in_progress"] + [("treated", "lead")]
PATHS["resolved"] = PATHS["treated"] + [("resolved", "verifier")]


def reach(w, stage, case):
    """A new issue of a case, brought to a stage."""
    reporter, lead, contributors = case
    made = w.issue(by=reporter)
    works = {institution_of(w, name) for name in (lead, *contributors)}
    verifier = next(name for name, c in w.callers.items() if "verifier" in relations(c, types.SimpleNamespace(
        reporter=w.actor[reporter], lead=institution_of(w, lead), works=works, city=w.actor["city"])))
    who = {"city": "city", "reporter": reporter, "lead": "city_service" if lead == "service" else lead,
           "verifier": verifier}
    for to, by in PATHS[stage]:
        step(w, made.url, to, who[by], case).expect(200)
    return made.url


def facts(w, stage, case):
    """The issue as the table sees it."""
    reporter, lead, contributors = case
    led = stage not in ("submitted", "qualified", "escalated", "withdrawn", "duplicate", "no_action")
    works = {institution_of(w, name) for name in (lead, *contributors)} if led else set()
    return types.SimpleNamespace(reporter=w.actor[reporter], lead=institution_of(w, lead) if led else None,
                                 works=works, city=w.actor["city"])


def sees(caller, issue, local):
    return caller.whole or local and caller.local or caller.institution in issue.works | {issue.reporter}


@pytest.fixture(scope="module", autouse=True)
def master(cast):
    cast.master, cast.promise = cast.issue(), cast.accepted()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("case", CASES)
def test_each_step_is_for_those_whom_the_table_names(cast, case, stage):
    w, wrong = cast, []
    case = CASES[case]
    url, issue = reach(w, stage, case), facts(w, stage, case)
    legal = [to for at, to in STEPS if at == stage]
    for caller in w.callers.values():
        if sees(caller, issue, local=True):
            shown = w.clients[caller.name].get(url).expect(200).json
            assert set(shown["allowed_transitions"]) == (
                allowed(caller, issue, stage) if caller.role != "auditor" else set()), (caller.name, stage)
        for to in STATES if case == CASES["a bailleur leads"] and caller.name in ONE_OF_EACH else legal:
            if caller.role == "auditor":
                status = 403
            elif not sees(caller, issue, local=True):
                status = 404
            else:
                status = expected(caller, issue, stage, to)
            answer = step(w, url, to, caller.name, case)
            if answer.status != status:
                wrong.append(f"{caller.name}: {stage} -> {to}: {status} expected, {answer!r}")
            if status == 200 and answer.status == 200:
                assert answer.json["status"] == to
                url = reach(w, stage, case)
    assert not wrong, "\n".join(wrong)


def test_the_table_in_the_database_has_these_steps_and_no_other(database):
    with database.cursor() as cursor:
        cursor.execute("SELECT from_state, to_state FROM gusp.transition WHERE noun = 'issue'")
        assert set(cursor.fetchall()) == set(STEPS)


def test_every_stage_can_be_reached_and_every_end_is_meant():
    assert set(PATHS) == set(STAGES)
    assert {at for at in STAGES if not any(source == at for source, _ in STEPS)} \
        == {"duplicate", "no_action", "withdrawn", "escalated"}


# --- any sequence of calls ---------------------------------------------------------


# How long calls are made; what is begun then ends without any.
SECONDS = 30


def until_late(step_of_walk):
    """Do nothing once the time is up."""
    @functools.wraps(step_of_walk)
    def wrapped(self, *args, **drawn):
        if time.monotonic() > self.until:
            return
        type(self).steps += 1
        try:
            step_of_walk(self, *args, **drawn)
        except AssertionError:
            type(self).until = float("inf")  # what failed is tried again
            raise

    return wrapped


class Calls(RuleBasedStateMachine):
    """Anybody calls anything; a model says what may come of it."""

    w = until = steps = reached = None

    @initialize(stage=st.sampled_from(STAGES + 4 * ("qualified",)), case=st.sampled_from(list(CASES.values())),
                bounces=st.integers(0, 2))
    def start(self, stage, case, bounces):
        """An issue somewhere on its way, declined before if it waits for a
        lead, so that short walks get far too."""
        self.issues = []
        self.begin(stage, case, bounces if stage == "qualified" else 0)

    @until_late
    def begin(self, stage, case, bounces):
        issue, url = facts(self.w, stage, case), reach(self.w, stage, case)
        for _ in range(bounces):
            for to, by in (("assigned", "city"), ("qualified", "bailleur")):
                step(self.w, url, to, by, (None, "bailleur", [])).expect(200)
        self.touched = types.SimpleNamespace(
            url=url, id=url.rsplit("/", 1)[1], reporter=issue.reporter, stage=stage, lead=issue.lead,
            works=issue.works, declined={self.w.actor["bailleur"]} if bounces else set(), bounces=bounces, reopened=False,
            city=issue.city, near=True, visibility="partners")
        self.issues.append(self.touched)
        self.reached.add(stage)

    @precondition(lambda self: len(self.issues) < 2)
    @rule(by=st.sampled_from([c for c in CALLERS if c != "auditor"]),
          visibility=st.sampled_from(["public", "partners", "confidential", "internal"]))
    @until_late
    def report(self, by, visibility):
        w, caller = self.w, self.w.callers[by]
        far = not caller.whole and not caller.local
        answer = w.clients[by].post("/v1/issues", w.issue_body(
            visibility=visibility, quartier_id=w.far if far else w.near))
        if by == "facilitator":
            answer.expect(403)
            return
        self.issues.append(types.SimpleNamespace(
            url=answer.expect(201).url, id=answer.id, reporter=caller.institution, stage="submitted", lead=None,
            works=set(), declined=set(), bounces=0, reopened=False, city=w.actor["city"], near=not far, visibility=visibility))
        self.touched = self.issues[-1]

    def visible(self, caller, issue):
        """Whether a caller may read an issue."""
        if issue.visibility == "internal":
            return caller.institution == issue.reporter
        if caller.institution in {issue.reporter} | issue.works | issue.declined:
            return True
        if issue.visibility == "confidential":
            return caller.role in ("city", "auditor")
        return caller.whole or caller.local == issue.near

    @precondition(lambda self: self.issues)
    @rule(n=st.integers(0, 1), by=st.sampled_from(CALLERS), to=st.sampled_from(STATES),
          lead=st.sampled_from(["bailleur", "service", "regie", "institution"]),
          helper=st.sampled_from([None, "bailleur_b", "service", "association"]))
    @until_late
    def move(self, n, by, to, lead, helper):
        self.touched = self.issues[n % len(self.issues)]
        self.try_step(self.touched, by, to, lead, helper)

    @precondition(lambda self: self.issues)
    @rule(n=st.integers(0, 1), pick=st.integers(0, 1000),
          lead=st.sampled_from(["bailleur", "service", "regie", "institution"]),
          helper=st.sampled_from([None, "bailleur_b", "service", "association"]))
    @until_late
    def advance(self, n, pick, lead, helper):
        """Some step that somebody may take, so that the walk gets far."""
        issue = self.touched = self.issues[n % len(self.issues)]
        open_ = [(name, to) for name, c in self.w.callers.items() if c.role != "auditor" and self.visible(c, issue)
                 for to in sorted(self.may(c, issue)) if to not in ("duplicate", "no_action", "withdrawn", "escalated")]
        if open_:
            self.try_step(issue, *open_[pick % len(open_)], lead, helper)

    def may(self, caller, issue):
        caller = types.SimpleNamespace(**{**vars(caller), "local": caller.whole or caller.local == issue.near})
        return allowed(caller, issue, issue.stage)

    def try_step(self, issue, by, to, lead, helper):
        w, caller = self.w, self.w.callers[by]
        helpers = [helper] if helper and helper != lead else []
        answer = step(w, issue.url, to, by, (None, lead, helpers))
        if caller.role == "auditor":
            assert answer.expect(403).problem.code == "role_forbidden"
        elif not self.visible(caller, issue):
            answer.expect(404)
        elif to not in self.may(caller, issue):
            assert answer.status in ((422,) if to == "submitted" else (403, 409)), answer
        elif answer.status == 422:
            assert (to == "qualified" and issue.visibility == "internal"
                    or to == "qualified" and issue.reopened and caller.institution != issue.lead
                    or to == "assigned" and issue.bounces >= 2), answer
        else:
            answer.expect(200)
            self.moved(issue, caller, to, lead, helpers)

    def moved(self, issue, caller, to, lead, helpers):
        w = self.w
        issue.declined = set()
        if to == "assigned" and issue.stage == "qualified":
            assert issue.bounces < 2
            issue.lead = institution_of(w, lead)
            issue.works = {institution_of(w, name) for name in (lead, *helpers)}
        if to == "qualified" and issue.stage == "assigned":
            if caller.institution == issue.lead:
                issue.bounces += 1
                issue.declined = {issue.lead}
            issue.lead, issue.works = None, set()
        if to == "resolved":
            assert caller.institution not in issue.works
        if to == "assigned":  # who is asked again has new time to answer
            issue.reopened = issue.stage == "resolved"
        issue.stage = "on_hold:" + issue.stage if to == "on_hold" else to
        self.reached.add(to)

    @precondition(lambda self: self.issues)
    @rule(n=st.integers(0, 1), by=st.sampled_from(CALLERS),
          visibility=st.sampled_from(["public", "partners", "confidential", "internal"]))
    @until_late
    def show(self, n, by, visibility):
        """Who may edit an issue shows it to more people, or to fewer."""
        issue, caller = self.issues[n % len(self.issues)], self.w.callers[by]
        self.touched = issue
        answer = self.w.clients[by].patch(issue.url, {"visibility": visibility}, if_match="*")
        edits = caller.role == "city" or caller.mandated or issue.reporter == caller.institution and (
            issue.stage == "submitted" or issue.visibility == "internal")
        if caller.role == "auditor":
            answer.expect(403)
        elif not self.visible(caller, issue):
            answer.expect(404)
        elif not edits:
            answer.expect(403)
        elif answer.status == 200:
            if visibility != issue.visibility:
                issue.visibility, issue.declined = visibility, set()
        else:
            # Not out of one's own sight, and not back to internal.
            assert answer.status == 403 or visibility == "internal" and answer.status == 422, answer

    @precondition(lambda self: self.issues)
    @rule(n=st.integers(0, 1), by=st.sampled_from(CALLERS), visibility=st.sampled_from(["partners", "internal"]))
    @until_late
    def comment(self, n, by, visibility):
        issue, caller = self.issues[n % len(self.issues)], self.w.callers[by]
        self.touched = issue
        answer = self.w.clients[by].post(issue.url + "/comments", self.w.comment_body(visibility=visibility))
        if caller.role == "auditor":
            answer.expect(403)
            return
        answer.expect(201 if self.visible(caller, issue) else 404)
        if answer.status == 201:
            for other in self.w.callers.values():
                shown = self.visible(other, issue) and (
                    visibility != "internal" or other.institution == caller.institution)
                self.w.clients[other.name].get(answer.url).expect(200 if shown else 404)

    @precondition(lambda self: self.issues)
    @invariant()
    def everyone_sees_what_is_theirs_in_the_state_it_is_in(self):
        self.look_at(self.touched)

    @until_late
    def look_at(self, issue):
        w = self.w
        for caller in w.callers.values():
            answer = w.clients[caller.name].get(issue.url)
            if self.visible(caller, issue):
                assert answer.expect(200).json["status"] == issue.stage.split(":")[0]
                if caller.role != "auditor":
                    assert set(answer.json["allowed_transitions"]) == self.may(caller, issue), caller
            else:
                answer.expect(404)

    def teardown(self):
        for caller in self.w.callers.values() if self.issues else ():
            listed = [i["id"] for i in self.w.clients[caller.name].get("/v1/issues", {"limit": 30}).items]
            assert len(listed) == len(set(listed)), caller
            for issue in self.issues:
                assert (issue.id in listed) == self.visible(caller, issue), (caller, issue)


def test_no_sequence_of_calls_breaks_the_table_or_shows_a_row_it_may_not(cast):
    Calls.w, Calls.until, Calls.steps, Calls.reached = cast, time.monotonic() + SECONDS, 0, set()
    run_state_machine_as_test(Calls, settings=settings(
        max_examples=60, stateful_step_count=40, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        database=None, print_blob=True))
    assert Calls.steps > 30 and len(Calls.reached) > 3, (Calls.steps, Calls.reached)
