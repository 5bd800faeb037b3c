"""Any sequence of calls about commitments, by anybody: no institution or
service of it ever verifies its own work, nobody reads another's draft, cost or
note, and a due date moves only as it was decided."""

import functools
import time
import types

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from commitment_transitions import REVISIONS, STAGES, STATES, allowed, relations
from test_commitment_transitions import CALLERS, CASES, PATHS, actor_of, cast_of, facts, institution_of, reach, step
from world import in_days, mark

# How long calls are made; what is begun then ends without any.
SECONDS = 30
BEGUN = [stage for stage in PATHS if stage not in ("declined", "abandoned", "verified")]


@pytest.fixture(scope="module")
def cast(as_admin, contract):
    return cast_of(as_admin, contract)


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


class Promises(RuleBasedStateMachine):
    """One commitment, of whom a model knows who may read what of it."""

    w = until = steps = reached = None

    @initialize(stage=st.sampled_from(BEGUN), case=st.sampled_from(list(CASES.values())))
    def start(self, stage, case):
        self.c = None
        self.begin(stage, case)

    @until_late
    def begin(self, stage, case):
        w = self.w
        self.cents, self.notes = 10**9 + int(time.monotonic_ns() % 10**9), {}
        url = reach(w, stage, case, cost={"planned_cents": self.cents})
        self.c = types.SimpleNamespace(**vars(facts(w, case)), url=url, id=url.rsplit("/", 1)[1], stage=stage,
                                       initial=in_days(30) if stage not in ("draft", "proposed") else None,
                                       due=in_days(30), asked=None)
        self.reached.add(stage)

    # What the model says ---------------------------------------------------------

    def sees(self, caller):
        c = self.c
        if c.stage == "draft":
            return caller.role != "auditor" and caller.institution in (c.author, c.owner)
        return caller.whole or caller.local or caller.institution in c.works | {c.author}

    def reads_costs(self, caller):
        c = self.c
        if c.stage == "draft":
            return self.sees(caller)
        return self.sees(caller) and (caller.role in ("city", "institution", "auditor")
                                      or caller.institution == c.owner)

    def may(self, caller):
        return allowed(caller, self.c, self.c.stage) if caller.role != "auditor" else set()

    @rule()
    def wait(self):
        """What is left to do once the time is up."""

    # What anybody tries -------------------------------------------------------------

    @precondition(lambda self: self.c)
    @rule(by=st.sampled_from(CALLERS), to=st.sampled_from(STATES))
    @until_late
    def move(self, by, to):
        self.attempt(by, to)

    @precondition(lambda self: self.c)
    @rule(pick=st.integers(0, 1000))
    @until_late
    def advance(self, pick):
        """Some step that somebody may take, so that the walk gets far."""
        open_ = [(name, to) for name, caller in self.w.callers.items() if self.sees(caller)
                 for to in sorted(self.may(caller)) if to not in ("declined", "abandoned")]
        if open_:
            self.attempt(*open_[pick % len(open_)])

    def attempt(self, by, to):
        w, c, caller = self.w, self.c, self.w.callers[by]
        answer = step(w, c.url, to, by)
        if caller.role == "auditor":
            assert answer.expect(403).problem.code == "role_forbidden"
        elif not self.sees(caller):
            answer.expect(404)
        elif to not in self.may(caller):
            assert answer.status in ((422,) if to == "draft" else (403, 409)), answer
        elif answer.status == 422:
            assert to in ("claimed", "abandoned"), answer
        else:
            answer.expect(200)
            if to == "verified":
                assert caller.institution not in c.works
            if to == "accepted" and c.stage == "proposed":
                assert caller.institution == c.owner
                c.initial = c.due
            c.stage = "blocked:" + c.stage if to == "blocked" else to
            self.reached.add(c.stage)

    @precondition(lambda self: self.c)
    @rule(by=st.sampled_from(CALLERS), helper=st.sampled_from(["regie", "association", "service", None]))
    @until_late
    def engage(self, by, helper):
        """Somebody says who does the work."""
        w, c, caller = self.w, self.c, self.w.callers[by]
        answer = w.clients[by].patch(c.url, {"executants": [actor_of(w, helper)] if helper else []}, if_match="*")
        acts = caller.role in ("city", "bailleur", "association", "institution")
        edits = {"draft": "author" in relations(caller, c),
                 "proposed": caller.role == "city" or acts and caller.institution == c.owner}.get(
                     c.stage, acts and caller.institution == c.owner)
        if caller.role == "auditor":
            answer.expect(403)
        elif not self.sees(caller):
            answer.expect(404)
        elif not edits:
            answer.expect(403)
        elif answer.status == 200:
            case = {institution_of(w, helper)} if helper else set()
            shown = answer.json
            c.works = case | {c.owner} | {a for a in shown["co_owners"] if a != w.service_actor} \
                | ({w.actor["city"]} if w.service_actor in shown["co_owners"] else set())
        else:
            answer.expect(409)

    @precondition(lambda self: self.c)
    @rule(by=st.sampled_from(CALLERS))
    @until_late
    def prove(self, by):
        caller, c = self.w.callers[by], self.c
        answer = self.w.clients[by].post(c.url + "/evidence", self.w.evidence_body())
        if answer.status == 201:
            assert caller.institution == c.owner
        else:
            assert answer.status in ((404,) if not self.sees(caller) and caller.role not in ("auditor", "facilitator")
                                     else (403, 409)), answer

    @precondition(lambda self: self.c)
    @rule(by=st.sampled_from(CALLERS), days=st.integers(31, 90))
    @until_late
    def ask(self, by, days):
        caller, c = self.w.callers[by], self.c
        answer = self.w.clients[by].post(c.url + "/revisions", self.w.revision_body(to_on=in_days(days)))
        if answer.status == 201:
            assert caller.institution == c.owner and c.asked is None
            c.asked = (answer.url, in_days(days))
        else:
            assert answer.status in (403, 404, 409, 422), answer

    @precondition(lambda self: self.c and self.c.asked)
    @rule(by=st.sampled_from(CALLERS), to=st.sampled_from(["accepted", "refused", "withdrawn"]))
    @until_late
    def decide(self, by, to):
        caller, c = self.w.callers[by], self.c
        url, day = c.asked
        answer = step(self.w, url, to, by)
        if answer.status == 200:
            assert to in allowed(caller, c, "requested:due_date", REVISIONS)
            assert to == "withdrawn" or caller.institution not in c.works
            c.asked = None
            if to == "accepted":
                c.due = day
        else:
            assert answer.status in (403, 404, 422), answer

    @precondition(lambda self: self.c)
    @rule(by=st.sampled_from(CALLERS))
    @until_late
    def note(self, by):
        caller, c, words = self.w.callers[by], self.c, f"Note {mark()}"
        answer = self.w.clients[by].patch(c.url + "/note", {"internal_note": words}, if_match="*")
        answer.expect(403 if caller.role == "auditor" else 200 if self.sees(caller) else 404)
        if answer.status == 200:
            self.notes[caller.institution] = words

    # What always holds -----------------------------------------------------------------

    @precondition(lambda self: self.c)
    @invariant()
    def everyone_reads_what_is_theirs(self):
        self.look()

    @until_late
    def look(self):
        w, c = self.w, self.c
        for caller in w.callers.values():
            client = w.clients[caller.name]
            answer = client.get(c.url)
            if not self.sees(caller):
                answer.expect(404)
                continue
            shown = answer.expect(200).json
            assert shown["status"] == c.stage.split(":")[0]
            assert (shown["initial_due_on"], shown["due_on"]) == (c.initial, c.due)
            assert set(shown["allowed_transitions"]) == self.may(caller), caller
            assert (str(self.cents) in answer.text) == self.reads_costs(caller), caller
            for institution, words in self.notes.items():
                assert (words in answer.text) == (institution == caller.institution and caller.role != "auditor"), caller

    def teardown(self):
        if not self.c:
            return
        for caller in self.w.callers.values():
            client = self.w.clients[caller.name]
            listed = client.get("/v1/commitments", {"limit": 5, "sort": "-updated_at"}).text
            told = listed + client.get(self.c.url + "/history", check=False).text
            assert (self.c.id in listed) == self.sees(caller), caller
            if not self.reads_costs(caller):
                assert str(self.cents) not in told, caller
            for institution, words in self.notes.items():
                assert institution == caller.institution or words not in told, caller


def test_no_sequence_of_calls_verifies_ones_own_work_or_reads_what_is_anothers(cast):
    Promises.w, Promises.until, Promises.steps, Promises.reached = cast, time.monotonic() + SECONDS, 0, set()
    run_state_machine_as_test(Promises, settings=settings(
        max_examples=60, stateful_step_count=30, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), database=None, print_blob=True))
    assert Promises.steps > 30 and len(Promises.reached) > 3, (Promises.steps, Promises.reached)
    assert Promises.reached <= set(STAGES)
