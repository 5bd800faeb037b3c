"""What holds whatever is asked: a merge-patch makes what RFC 7396 says, and
a record's life goes where its table leads and where allowed_transitions says.

The examples are the same in each run."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issue_transitions import STEPS
import commitment_transitions
import test_action_sheet
import test_contribution
import test_convention
import test_diagnosis
import test_evaluation
from meeting_transitions import STEPS as MEETING_STEPS
from world import World, in_days, unique

BOUNDED = {"deadline": None, "derandomize": True, "database": None,
           "suppress_health_check": list(HealthCheck)}

# What every text may hold; the refusal of controls has a test of its own.
TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=60)
DATE = st.dates().map(str).filter(lambda d: d >= "1900")
AMOUNT = st.integers(0, 10**14)


def merged(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def shown(members, record):
    """The members of a record; one that is absent is shown as null."""
    return {name: record.get(name) for name in members}


def patches(members, **needed):
    """Patches that name some of the members, each with a value or null."""
    return st.fixed_dictionaries({}, optional={
        name: strategy if name in needed else st.none() | strategy for name, strategy in members.items()})


def apply(client, url, patch, members, required, holds):
    """Send a patch, and see that it made what the model says."""
    before = client.get(url).expect(200)
    wanted = shown(members, merged(shown(members, before.json), copy.deepcopy(patch)))
    refused = any(wanted[name] is None for name in required) or not holds(wanted)
    answer = client.patch(before, patch)
    after = client.get(url).expect(200)
    if refused:
        answer.expect(422)
        assert after.json == before.json and after.etag == before.etag
        return
    answer.expect(200)
    assert shown(members, answer.json) == wanted
    assert after.json == answer.json and after.etag == answer.etag
    changed = wanted != shown(members, before.json)
    assert answer.json["version"] == before.json["version"] + changed
    untouched = set(before.json) - set(members) - {"version", "updated_at", "updated_by"}
    assert {n: before.json[n] for n in untouched} == {n: after.json[n] for n in untouched}


# --- merge-patch -----------------------------------------------------------------------------

SITE = {
    "name": TEXT,
    "address": TEXT,
    "kind": st.sampled_from(["outdoor", "road", "parking"]),
    "tenure": st.sampled_from(["public_city", "condominium", "mixed", "unknown"]),
    "tenure_source": TEXT,
    "dwellings": st.integers(0, 20),
    "dwellings_tfpb_eligible": st.integers(0, 20),
    "condition": st.sampled_from(["good", "worn", "degraded", "severe"]),
    "condition_as_of_on": DATE,
    # Replaced whole, says the contract; a point has nothing to merge.
    "geometry": st.builds(lambda lon, lat: {"type": "Point", "coordinates": [lon / 1000, lat / 1000]},
                          st.integers(4000, 6000), st.integers(43000, 44000)),
}


@pytest.fixture(scope="module")
def site(world):
    return world.site().url


@settings(max_examples=150, **BOUNDED)
@given(patch=patches(SITE))
def test_any_patch_of_a_site_makes_what_rfc_7396_says(world, site, patch):
    def holds(record):
        eligible, dwellings = record["dwellings_tfpb_eligible"], record["dwellings"]
        return eligible is None or dwellings is not None and eligible <= dwellings

    apply(world.city, site, patch, SITE, ["name", "kind", "tenure"], holds)


ACTOR = {
    "name": TEXT,
    "short_name": TEXT,
    "kind": st.sampled_from(["association", "other"]),
    "service_type": TEXT,
    "address": TEXT,
    "website": st.sampled_from(["https://a.example.org", "http://b.example.org/c?d=e#f"]),
    "links": st.lists(st.sampled_from(["https://a.example.org", "https://b.example.org"]), max_size=3),
    "active_from_on": DATE,
    "active_to_on": DATE,
}


@pytest.fixture(scope="module")
def actor(world):
    return world.make("/v1/actors", world.actor_body()).url


@settings(max_examples=150, **BOUNDED)
@given(patch=patches(ACTOR, links=True))
def test_any_patch_of_an_actor_makes_what_rfc_7396_says(world, actor, patch):
    def holds(record):
        first, last = record["active_from_on"], record["active_to_on"]
        return first is None or last is None or first <= last

    apply(world.city, actor, patch, ACTOR, ["name", "kind"], holds)


BUDGET = patches({"planned_cents": AMOUNT, "actual_cents": AMOUNT})


@pytest.fixture(scope="module")
def own(as_admin, contract):
    return World(as_admin, contract, only=[])


@settings(max_examples=60, **BOUNDED)
@given(budgets=st.lists(BUDGET, min_size=1, max_size=3))
def test_any_patches_of_a_budget_merge_member_by_member(own, budgets):
    wanted = own.city.get(own.url).json["budget"]
    for budget in budgets:
        wanted = shown(wanted, merged(wanted, budget))
        answer = own.city.patch(own.url, {"budget": budget}).expect(200)
        assert answer.json["budget"] == wanted


@settings(max_examples=60, **BOUNDED)
@given(body=st.recursive(
    st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "kind", "geometry", "type", "coordinates", "dwellings", "tenure"]),
                      inner, max_size=4), max_leaves=12))
def test_any_json_at_all_is_answered_with_care(world, site, body):
    """Never a 500, and what is refused changes nothing."""
    before = world.city.get(site).expect(200)
    # None is no body at all for the client.
    answer = world.city.patch(site, body if body is not None else [], if_match=before.etag)
    assert answer.status in (200, 400, 422), answer
    if answer.status != 200:
        assert world.city.get(site).etag == before.etag


# --- life-cycles -------------------------------------------------------------------------------

# State -> states that may follow.
ARCHIVED_AND_BACK = {"active": {"archived"}, "archived": {"active"}}
LIVES = {
    "programme": {"active": {"closed"}, "closed": {"active", "archived"}, "archived": set()},
    "member": {"active": {"ended"}, "ended": set()},
    "comment": {"active": {"redacted"}, "redacted": set()},
    **{noun: ARCHIVED_AND_BACK for noun in ("actor", "contact", "context", "document", "finding", "funding", "lesson",
                                            "objective_outcome",
                                            "meeting_series", "objective", "quartier", "rule", "site", "term")},
}
STATES = ["active", "archived", "closed", "ended", "redacted", "deleted"]
WHO = ["city", "city", "mandated", "bailleur", "association", "institution", "facilitator", "auditor", "admin"]


def record_of(world, noun):
    """A new record; a programme has others to move it than its city."""
    if noun == "programme":
        return world.admin.post("/v1/programmes", {"title": unique(), "city": {"name": "Ville"}}).expect(201).url
    if noun == "member":
        return world.make(f"{world.url}/members", {
            "actor_id": world.make("/v1/actors", world.actor_body()).id, "role": "association",
            "to_on": in_days(30)}).url
    if noun == "actor":
        return world.service("bailleur").url
    if noun == "contact":
        return world.contact(actor_id=world.actor["bailleur"]).url
    if noun == "comment":
        return world.comment(world.issue()).url
    if noun == "site":
        return world.site(manager_actor_id=world.actor["bailleur"]).url
    return getattr(world, noun)().url


def test_the_lives_of_the_database_are_those_of_this_table(database):
    with database.cursor() as cursor:
        cursor.execute("SELECT noun, from_state, to_state FROM gusp.transition")
        found = {}
        for noun, before, after in cursor.fetchall():
            found.setdefault(noun, set()).add((before, after))
    assert found == {**{noun: {(before, after) for before in life for after in life[before]}
                        for noun, life in LIVES.items()}, "issue": set(STEPS),
                     "contribution": set(test_contribution.STEPS), "diagnosis": set(test_diagnosis.STEPS),
                     "answer_due": {("open", "given"), ("open", "waived"), ("open", "merged")},
                     "commitment": set(commitment_transitions.STEPS), "revision": set(commitment_transitions.REVISIONS),
                     "evidence": {("active", "withdrawn")},
                     "evaluation": test_evaluation.STEPS, "capitalisation_sheet": {("live", "published")},
                     "action_plan": {("draft", "adopted"), ("adopted", "closed"), ("closed", "adopted")},
                     "action_sheet": set(test_action_sheet.STEPS),
                     "convention": set(test_convention.STEPS), "signature": {("recorded", "disputed")},
                     **{noun: set(steps) for noun, steps in MEETING_STEPS.items()}}


@pytest.mark.parametrize("noun", LIVES)
@settings(max_examples=12, **BOUNDED)
@given(steps=st.lists(st.tuples(st.sampled_from(WHO), st.sampled_from(STATES)), min_size=3, max_size=12))
def test_a_life_goes_where_its_table_leads_and_as_it_was_told(world, noun, steps):
    url, life, state, version = record_of(world, noun), LIVES[noun], "active", 1
    reader = world.admin if noun in ("programme", "member") else world.city
    for role, wanted in steps:
        client = world.clients[role]
        told = client.get(url)
        allowed = told.json["allowed_transitions"] if told.status == 200 else []
        assert set(allowed) <= life[state]
        answer = client.move(url, wanted, if_match="*", comment="Essai")
        assert (answer.status == 200) == (wanted in allowed), (role, wanted, allowed, answer)
        if answer.status == 200:
            state, version = wanted, version + 1
        else:
            assert answer.status in (403, 404, 409, 422)
        if answer.status == 409:
            assert answer.problem.allowed_transitions == allowed
        now = reader.get(url).expect(200).json
        assert (now["status"], now["version"]) == (state, version)
    if noun != "comment":  # which has no history that is read
        assert len(reader.get(url + "/history").expect(200).items) == version
