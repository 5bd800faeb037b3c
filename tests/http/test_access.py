"""Every operation of the contract, called by every role on what is its own,
another's and hidden from it: the server does what access_table.py says."""

import re
import types
import uuid

import pytest

import ledger
from access_table import PUBLIC, ROLES, TABLE
from world import JPEG, World, claims, in_days, mark, unique

RELATIONS = ("own", "other", "hidden")
RESTRICTED = ("bailleur", "association")
COLLECTORS = ("city", "association", "mandated")
REPORTERS = ("city", "bailleur", "bailleur_b", "association", "institution", "mandated")
OWNERS = ("city", "bailleur", "bailleur_b", "association", "institution")
BEFORE_THE_ROW = ("role", "401")

# What refuses is told by its code: the contract's roles, or the row's rights.
CODES = {
    "role": {"role_forbidden"},
    "401": {"token_missing"},
    "403": {"forbidden", "transition_forbidden"},
    "404": {"not_found"},
    "422": {"unknown_reference"},
}


def parsed(table):
    """operation -> role -> relation -> label."""
    head, *rows = [re.split(r" {2,}", line.strip())
                   for line in table.strip().splitlines() if line]
    assert tuple(head[1:]) == ROLES
    made = {}
    for operation, *cells in rows:
        assert len(cells) == len(ROLES), operation
        assert operation not in made, operation
        made[operation] = {}
        for role, cell in zip(ROLES, cells):
            labels = cell.split()
            labels = labels * 3 if len(labels) == 1 else labels
            made[operation][role] = dict(zip(RELATIONS, labels, strict=True))
    return made


LABELS = parsed(TABLE)


# --- the objects ---------------------------------------------------------------------


def seen(own=(), other=(), hidden=()):
    """What a role tries, by relation."""
    return {"own": list(own), "other": list(other), "hidden": list(hidden)}


def actors(s, role):
    if role == "admin":
        return seen(own=[f"/v1/actors/{s.platform.actor}"], other=[s.service["bailleur_b"]])
    return seen([s.service[role]], [s.service["bailleur_b"]],
                     [f"/v1/actors/{s.elsewhere.actor['city']}"])


def programmes(s, role):
    if role == "admin":
        return seen(other=[s.world.url, s.elsewhere.url])
    return seen(own=[s.world.url], hidden=[s.elsewhere.url])


def members(s, role):
    other = f"/v1/members/{s.world.member['association_b']}"
    if role == "admin":
        return seen(own=[f"/v1/members/{s.platform.member}"], other=[other])
    return seen([f"/v1/members/{s.world.member[role]}"], [other],
                     [f"/v1/members/{s.elsewhere.member['city']}"])


def ending_members(s, role):
    """Memberships that nobody misses. The administrator's own is the only one."""
    w = s.world
    found = members(s, role)
    found["other"] = [w.make(f"{w.url}/members", {
        "actor_id": w.make("/v1/actors", w.actor_body()).id, "role": "association"}).url]
    if role == "city":
        found["own"] = [w.make(f"{w.url}/members", {"actor_id": w.service().id, "role": "city"}).url]
    if role == "admin":
        found["own"] = []
    return found


def contacts(s, role):
    own = [s.contact[role]] + ([s.internal_contact[role]] if role in s.internal_contact else [])
    return seen(own, [s.contact["bailleur_b"]],
                     [url for name, url in s.internal_contact.items() if name != role]
                     + [s.elsewhere_contact])


def objectives(s, role):
    return seen(own=[s.objective], hidden=[s.elsewhere_objective])


def fundings(s, role):
    return seen([s.funding[role]], [s.funding["bailleur_b"]], [s.elsewhere_funding])


def rules(s, role):
    return seen([s.rule[role]], [s.rule["bailleur_b"]], [s.elsewhere_rule])


def terms(s, role):
    if role == "admin":
        return seen(own=[s.platform.term], hidden=[s.term, s.elsewhere_term])
    return seen(own=[s.term], hidden=[s.platform.term, s.elsewhere_term])


def quartiers(s, role):
    near, far, elsewhere = (f"/v1/quartiers/{q}" for q in (s.world.near, s.world.far, s.elsewhere.near))
    if role in RESTRICTED:
        return seen(own=[near], hidden=[far, elsewhere])
    return seen(own=[near], other=[far], hidden=[elsewhere])


def contexts(s, role):
    said = {"own": [], "other": [], "hidden": [s.elsewhere_context]}
    for author in ("city", "mandated"):
        mine = "own" if author == role else "other"
        said[mine].append(s.context[author])
        said["own" if author == role else "hidden"].append(s.internal_context[author])
    said["hidden" if role in RESTRICTED else "other"].append(s.far_context)
    if role == "city":  # the one in far is its own
        said["other"].remove(s.far_context)
        said["own"].append(s.far_context)
    return said


def sites(s, role):
    if role == "city":
        return seen(s.public_sites, [s.private_site["bailleur"]], [s.elsewhere_site])
    hidden = [s.elsewhere_site] + ([s.far_site, s.far_private_site] if role in RESTRICTED else [])
    own = [s.private_site[role], s.managed_site] if role == "bailleur" else [s.own_site[role]]
    return seen(own, s.public_sites + [s.private_site["bailleur_b"]], hidden)


def issues(s, role):
    """Its own, internal or not; what others share; what is not for it."""
    own = [s.issue[role], s.internal_issue[role]] if role in REPORTERS else []
    hidden = [s.elsewhere_issue] + [url for name, url in s.internal_issue.items() if name != role]
    other = [s.issue["bailleur_b"]]
    if role in RESTRICTED:
        hidden.append(s.far_issue)
    elif role != "city":
        other.append(s.far_issue)
    if role == "auditor":
        other.append(s.confidential_issue)
    elif role != "city":
        hidden.append(s.confidential_issue)
    return seen(own, other, hidden)


def fresh_issues(s, role):
    """Issues that nothing has happened to yet: a step cannot be taken back."""
    found, w = issues(s, role), s.world
    if role in REPORTERS:
        found["own"] = [w.issue(by=role).url]
    found["other"] = [w.issue(by="bailleur_b").url]
    return found


def comments(s, role):
    own = [s.comment[role], s.internal_comment[role]] if role in s.comment else []
    hidden = [url for name, url in s.internal_comment.items() if name != role] + [s.elsewhere_comment]
    if role not in ("city", "auditor"):
        hidden.append(s.confidential_comment)
    if role in RESTRICTED:
        hidden.append(s.far_comment)
    return seen(own, [s.comment["bailleur_b"]], hidden)


def fresh_comments(s, role):
    found = comments(s, role)
    if role in s.comment:
        found["own"] = [s.world.comment(s.shared_issue, by=role).url]
    return found


def documents(s, role):
    hidden = [url for name, url in s.internal_document.items() if name != role] + [s.elsewhere_document]
    own = [found[role] for found in (s.document, s.internal_document) if role in found]
    return seen(own, [s.document["bailleur_b"]], hidden)


def commitments(s, role):
    """Its own, accepted and not; what another promised; drafts, what is
    elsewhere and what is far."""
    own = [found[role] for found in (s.accepted, s.draft) if role in found]
    hidden = [url for name, url in s.draft.items() if name != role] + [s.elsewhere_commitment]
    if role in RESTRICTED:
        hidden.append(s.far_commitment)
    return seen(own, [s.accepted["bailleur_b"]], hidden)


def promised(s, role):
    """Those that are no drafts: what is done about a promise."""
    found = commitments(s, role)
    found["own"] = [url for url in found["own"] if url in s.accepted.values()]
    return found


def fresh_drafts(s, role):
    found = commitments(s, role)
    if role in s.draft:
        found["own"] = [drafted(s.world, role)]
    return found


def drafted(w, name):
    """A facilitator drafts for somebody else."""
    return w.commitment(name, **({"owner_actor_id": w.actor["bailleur_b"]} if name == "mandated" else {})).url


def below(make, found):
    """Something new below commitments that another may find."""
    def made(s, role):
        urls = found(s, role)
        owner = {url: name for name, url in s.accepted.items()}
        owner |= {s.elsewhere_commitment: None, getattr(s, "far_commitment", None): "city"}
        return {relation: [make(s, url, owner[url]) for url in urls[relation] if url in owner] for relation in urls}

    return made


def evidences(s, role):
    found = below(lambda s, url, name: (s.world if name else s.elsewhere).evidence(
        types.SimpleNamespace(url=url), by=name or "city").url, promised)(s, role)
    if role in ("bailleur", "association", "facilitator", "mandated"):
        found["hidden"].append(s.invoice)
    return found


def revisions(s, role):
    def asked(s, url, name):
        w = s.world if name else s.elsewhere
        client = w.clients[name or "city"]
        for old in client.get(url + "/revisions").items:
            if old["status"] == "requested":
                return f"/v1/revisions/{old['id']}"
        return w.revision(types.SimpleNamespace(url=url), by=name or "city").url

    return below(asked, promised)(s, role)


def keeps_plans(role):
    return role in ("city", "mandated")


def plans(s, role):
    """The city's and a mandate's; for others what is adopted, and for
    partners drafts too."""
    drafts = [s.draft_plan]
    if keeps_plans(role):
        return seen(own=drafts + [s.plan], hidden=[s.elsewhere_plan])
    if role in ("association", "auditor"):
        return seen(other=[s.plan], hidden=drafts + [s.elsewhere_plan])
    return seen(other=drafts + [s.plan], hidden=[s.elsewhere_plan])


def fresh_plans(s, role):
    found = plans(s, role)
    found["own" if keeps_plans(role) else "other"] = [s.world.action_plan().url] \
        if role not in ("association", "auditor") else [s.plan]
    return found


def sheets(s, role):
    """Those that it pilots or keeps; what others pilot; drafts."""
    drafts = [s.draft_sheet]
    if keeps_plans(role):
        return seen(own=drafts + [s.sheet["bailleur_b"]], hidden=[s.elsewhere_sheet])
    own = [s.sheet[role]] if role in s.sheet else []
    if role in ("association", "auditor"):
        return seen(own, [s.sheet["bailleur_b"]], drafts + [s.elsewhere_sheet])
    return seen(own, drafts + [s.sheet["bailleur_b"]], [s.elsewhere_sheet])


def fresh_sheets(s, role):
    found = sheets(s, role)
    if keeps_plans(role):
        found["own"] = [s.world.action_sheet().url]
    return found


SIGNATORIES = ("bailleur", "association", "institution")


def conventions(s, role):
    """Those that it is a party to, the city's all of them; another one that is
    in force; those that are not, and drafts."""
    if role == "city":
        return seen(own=[s.draft_convention, s.convention.url, *s.opened.values()], hidden=[s.elsewhere_convention.url])
    open_to_others = [url for name, url in s.opened.items() if name != role]
    hidden = [s.draft_convention, s.elsewhere_convention.url]
    if role == "auditor":
        return seen(other=[s.convention.url, *open_to_others], hidden=hidden)
    return seen([s.opened[role]] if role in s.opened else (), [s.convention.url], hidden + open_to_others)


def fresh_conventions(s, role):
    return {**conventions(s, role), "own": [s.world.convention().url]}


def amendable_conventions(s, role):
    return {**conventions(s, role), "own": [s.convention.url]}


def new_signatures(s, role):
    """Of a convention that it is a party to, and of one that it is none to."""
    w = s.world
    own = w.opened_convention(parties=w.parties(*dict.fromkeys(("city", role))))
    other = w.opened_convention(parties=w.parties("bailleur_b")) if role == "city" else s.convention
    return seen(*([(at.url + "/signatures", w.signature_body(at))] for at in (own, other, s.elsewhere_convention)))


def filed(s, name):
    """A signature of an institution, of a convention that another is still to
    sign; but for the city's own, the city filed it."""
    w = s.world
    made = w.opened_convention(parties=w.parties(name, "bailleur_b" if name == "city" else "city"))
    return w.sign(made, "city", **({} if name == "city" else {"actor_id": w.actor[name], "document_id": w.document().id})).url


def signatures(s, role):
    """Its own, and another's that it sees; in a convention that is not for it."""
    other = "/v1/signatures/" + s.world.city.get(s.convention.url + "/signatures").items[0]["id"]
    hidden = [s.elsewhere_signature]
    if role not in ("city", "auditor"):
        hidden.append(filed(s, "bailleur_b"))
    return seen([filed(s, role)] if role in (*SIGNATORIES, "city") else (),
                [other] if role != "city" else [filed(s, "bailleur_b")], hidden)


def sheet_costs(s, role):
    return {k: [u + "/cost" for u in v] for k, v in sheets(s, role).items()}


def changed(noun):
    """A change of a record of a noun."""
    if noun not in CHANGES:
        return {"present_count": 5}
    return {CHANGES[noun]: 7 if noun.endswith("_cost") else unique()}


def evaluations(s, role):
    """The city's and a mandate's; for others those past their draft."""
    if keeps_plans(role):
        return seen(own=[s.evaluation, s.contradictory], hidden=[s.elsewhere_evaluation])
    return seen(other=[s.contradictory], hidden=[s.evaluation, s.elsewhere_evaluation])


def fresh_evaluations(s, role):
    found = evaluations(s, role)
    if keeps_plans(role):
        found["own"] = [s.world.evaluation().url]
    return found


def kept(noun):
    """What the city and a mandate keep and everybody reads."""
    def found(s, role):
        mine, elsewhere = [s.kept[noun]], [s.elsewhere_kept[noun]]
        return seen(own=mine, hidden=elsewhere) if keeps_plans(role) else seen(other=mine, hidden=elsewhere)

    return found


def fresh_capitalisation_sheets(s, role):
    found = kept("capitalisation_sheet")(s, role)
    if keeps_plans(role):
        found["own"] = [s.world.capitalisation_sheet().url]
    return found


def beside(part):
    return lambda s, role: {k: [u + "/" + part for u in v] for k, v in commitments(s, role).items()}


def reporters(s, role):
    """Pseudonyms: the city's are the programme's, an association's those that it collected."""
    inside = [s.internal_reporter[name] for name in s.internal_reporter if name != role]
    if role == "association":
        return seen([s.reporter[role], s.internal_reporter[role]],
                    hidden=[s.reporter["city"], s.elsewhere_reporter, *inside])
    return seen([s.reporter["city"]], [s.reporter["association"]], [s.elsewhere_reporter, *inside])


def fresh_reporters(s, role):
    """Persons that nobody has erased yet."""
    found, w = reporters(s, role), s.world
    author = role if role == "association" else "city"
    found["own"] = [w.reporter(w.issue(by=author), by=author).url]
    if found["other"]:
        found["other"] = [w.reporter(w.issue(by="association"), by="association").url]
    return found


def contributions(s, role):
    """Its own; one that is retained; those of others before that, and elsewhere."""
    collected = [url for name, url in s.contribution.items() if name != role]
    sees_all = role in (*COLLECTORS, "auditor")
    return seen([s.contribution[role]] if role in COLLECTORS else (),
                [s.retained] + (collected if sees_all else []),
                [s.elsewhere_contribution] + ([s.far_contribution] if role in RESTRICTED else [])
                + ([] if sees_all else collected))


def collected_contributions(s, role):
    """Contributions that nothing has happened to yet."""
    found, w = contributions(s, role), s.world
    if role in COLLECTORS:
        found["own"], found["other"] = [w.contribution(by=role).url], [w.contribution(by="association_b").url]
    return found


def diagnoses(s, role):
    """Shared by oneself or by another; still open, of a far quartier, or elsewhere."""
    found = s.diagnosis
    return seen([found[role]] if role in found else (), [url for name, url in found.items() if name != role],
                [s.elsewhere_diagnosis] + ([s.far_diagnosis] if role in RESTRICTED else [])
                + ([] if role in found else [s.open_diagnosis]))


def open_diagnoses(s, role):
    found, w = diagnoses(s, role), s.world
    if role in s.diagnosis:
        found["own"], found["other"] = ([w.diagnosis(by=name).url] for name in (
            role, next(name for name in s.diagnosis if name != role)))
    return found


def findings(s, role):
    return {k: [s.finding[url] for url in v] for k, v in diagnoses(s, role).items()}


def places(s, role, near, far, elsewhere):
    """In near, and in far, which restricted members do not see."""
    if role in RESTRICTED:
        return seen(own=near, hidden=[*far, elsewhere])
    return seen(own=near, other=far, hidden=[elsewhere])


def meetings(s, role):
    """Of its quartiers, of all, and those of others that it is invited to."""
    found = places(s, role, [s.meeting, s.whole_meeting], [s.far_meeting], s.elsewhere_meeting)
    if role in RESTRICTED:
        found["own"].append(s.invited_meeting[role])
    return found


def fresh_meetings(s, role):
    w = s.world
    return places(s, role, [w.meeting().url], [w.meeting(quartiers=[w.far]).url], s.elsewhere_meeting)


def held_meetings(s, role):
    return places(s, role, [s.held.url], [s.far_held.url], s.elsewhere_held.url)


def series(s, role):
    return places(s, role, [s.series], [s.far_series], s.elsewhere_series)


def invitations(s, role):
    w, meeting = s.world, s.world.meeting()
    own = [w.invitation(meeting, of=role).url] if role in COUNTED else []
    return seen(own, [w.invitation(meeting, of="bailleur_b").url], [s.elsewhere_invitation])


def attendances(s, role):
    w, meeting = s.world, s.world.held_meeting()
    own = [w.attendance(meeting, of=role).url] if role in COUNTED else []
    return seen(own, [w.attendance(meeting, of="bailleur_b").url], [s.elsewhere_attendance])


def agenda_points(s, role):
    w, meeting = s.world, s.world.meeting()
    own = [w.agenda_point(meeting, by=role).url] if role in (*COUNTED, "mandated") else []
    hidden = [s.elsewhere_point]
    if role not in ("city", "auditor"):
        hidden.append(w.agenda_point(meeting, issue_id=s.confidential_issue.rsplit("/", 1)[1]).url)
    return seen(own, [w.agenda_point(meeting, by="bailleur_b").url], hidden)


def decisions(s, role):
    w, made = s.world, s.world.decision(s.held).url
    confidential = types.SimpleNamespace(id=s.confidential_issue.rsplit("/", 1)[1])
    hidden = [s.elsewhere_decision]
    if role not in ("city", "auditor"):
        hidden.append(w.decision(s.held, on=confidential).url)
    return seen([made], [], hidden) if role in ("city", "mandated") else seen([], [made], hidden)


def owing(w, lead, quartier=None):
    """The debt of a workshop's issue, which a lead answers for: its path."""
    held = w.held_meeting(kind="resident_workshop", quartiers=[quartier or w.near])
    issue = w.city.move(w.issue(quartier_id=quartier or w.near, origin_meeting_id=held.id), "qualified").expect(200)
    w.city.move(issue, "assigned", details={"lead_actor_id": w.actor[lead], "due_on": in_days(10)}).expect(200)
    w.published_meeting(held)
    [debt] = w.city.get("/v1/answers-due", {"meeting_id": held.id}).expect(200).items
    return "/v1/answers-due/" + debt["id"]


def answers(s, role):
    """Owed by it, by another; of a far quartier, or elsewhere."""
    other = [s.answer["bailleur_b"]] + ([] if role in RESTRICTED else [s.far_answer])
    return seen([s.answer[role]] if role in s.answer else (), other,
                [s.elsewhere_answer] + ([s.far_answer] if role in RESTRICTED else []))


def open_answers(s, role):
    found = answers(s, role)
    if role in s.answer:
        found["own"] = [owing(s.world, role)]
    if role in ("city", "mandated"):
        found["other"] = [owing(s.world, "bailleur_b")]
    return found


# Institutions that are invited and counted, among the roles.
COUNTED = ("city", "bailleur", "association", "institution")


OBJECTS = {
    "commitment": commitments, "commitment_cost": beside("cost"), "commitment_note": beside("note"),
    "evidence": evidences, "revision": revisions,
    "evaluation": evaluations, **{noun: kept(noun) for noun in ("lesson", "objective_outcome", "capitalisation_sheet")},
    "action_plan": plans, "action_sheet": sheets, "action_sheet_cost": sheet_costs,
    "convention": conventions, "signature": signatures,
    "privacy": reporters, "reporter": reporters,
    "meeting": meetings, "meeting_series": series, "invitation": invitations, "attendance": attendances,
    "agenda_point": agenda_points, "decision": decisions,
    "actor": actors, "answer_due": answers, "comment": comments, "contact": contacts, "context": contexts,
    "contribution": contributions, "diagnosis": diagnoses, "document": documents, "finding": findings,
    "funding": fundings,
    "issue": issues, "member": members, "objective": objectives, "programme": programmes, "quartier": quartiers,
    "rule": rules, "site": sites, "term": terms,
}

# Lists that stand below something, and those that stand alone.
LISTS = {
    "member_list": lambda s, role: {k: [u + "/members" for u in v] for k, v in programmes(s, role).items()},
    "programme_actor_list": lambda s, role: {
        k: [u + "/actors" for u in v] for k, v in programmes(s, role).items()},
    "objective_list": lambda s, role: {k: [u + "/objectives" for u in v] for k, v in programmes(s, role).items()},
    "context_list": lambda s, role: {k: [u + "/context" for u in v] for k, v in quartiers(s, role).items()},
    "vocabulary_read": lambda s, role: seen(own=["/v1/vocabularies/themes"]),
    "term_list": lambda s, role: seen(own=["/v1/vocabularies/themes/terms"]),
    "contribution_map": lambda s, role: seen(own=["/v1/contributions.geojson"]),
    "answer_due_rate": lambda s, role: seen(own=["/v1/answers-due/rate"]),
    "finding_list": lambda s, role: {k: [u + "/findings" for u in v] for k, v in diagnoses(s, role).items()},
    "comment_list": lambda s, role: {k: [u + "/comments" for u in v] for k, v in issues(s, role).items()},
    "evaluation_comment_list": lambda s, role: {k: [u + "/comments" for u in v] for k, v in evaluations(s, role).items()},
    "signature_list": lambda s, role: {k: [u + "/signatures" for u in v] for k, v in conventions(s, role).items()},
    "evidence_list": beside("evidence"),
    "revision_list": beside("revisions"),
    **{f"{noun}_list": lambda s, role, below=below: {k: [u + below for u in v] for k, v in meetings(s, role).items()}
       for noun, below in (("meeting_comment", "/comments"), ("invitation", "/invitations"), ("attendance", "/attendance"),
                           ("agenda_point", "/agenda-points"), ("decision", "/decisions"))},
    "ledger_history": lambda s, role: {
        k: ["/v1/ledger/histories/issue/" + u.rsplit("/", 1)[1] for u in v] for k, v in issues(s, role).items()},
    "commitment_leaves": lambda s, role: {k: [u + "/leaves" for u in v] for k, v in commitments(s, role).items()},
    **{f"ledger_{name}": lambda s, role, path=path: seen(own=[path.format(**ledger.some(s.world.city))])
       for name, path in (("checkpoint", "/v1/ledger/checkpoint"),
                          ("checkpoint_of", "/v1/ledger/checkpoint/{size}"), ("entries", "/v1/ledger/entries"),
                          ("openings", "/v1/ledger/openings"), ("inclusion", "/v1/ledger/proof/inclusion?index=0"),
                          ("consistency", "/v1/ledger/proof/consistency?from=0&to={size}"),
                          ("tile", "/v1/ledger/tile/0/999"), ("tile_2", "/v1/ledger/tile/0/000.p/1"),
                          ("tile_3", "/v1/ledger/tile/0/x999/000.p/1"),
                          ("tile_4", "/v1/ledger/tile/0/x999/x000/000.p/1"),
                          ("proof", "/v1/events/{event}/tlog-proof"))},
    "privacy_register": lambda s, role: seen(own=["/v1/privacy/register"]),
}

# What a change changes, and where a transition leads and how it is undone.
CHANGES = {
    "evaluation": "grid_version", "lesson": "text", "objective_outcome": "obtained", "capitalisation_sheet": "title",
    "convention": "title",
    "action_plan": "title", "action_sheet": "method", "action_sheet_cost": "planned_cents",
    "commitment": "public_note", "commitment_cost": "planned_cents", "commitment_note": "internal_note",
    "actor": "service_type", "comment": "text", "contact": "function", "context": "text", "contribution": "text",
    "diagnosis": "version_label", "document": "title", "finding": "statement",
    "funding": "note",
    "meeting": "venue_text", "meeting_series": "title", "agenda_point": "text", "decision": "text",
    "issue": "description", "member": "mandate_ref", "objective": "text", "programme": "method", "quartier": "name",
    "reporter": "name", "rule": "source", "site": "name", "term": "label_fr",
}
MOVES = {"commitment": "proposed", "evidence": "withdrawn", "revision": "withdrawn",
         "action_plan": "adopted", "action_sheet": "consultation",
         "evaluation": "contradictory", "capitalisation_sheet": "published",
         "convention": "negotiation", "signature": "disputed",
         "programme": "closed", "member": "ended", "issue": "qualified", "comment": "redacted", "meeting": "called",
         "invitation": "accepted", "agenda_point": "withdrawn", "decision": "withdrawn",
         "contribution": "retained", "diagnosis": "shared", "answer_due": "given"}
DETAILS = {"answer_due": {"details": {"answer": "C'est fait.", "channel": "meeting"}}}
ONE_WAY = ("convention", "signature", "commitment", "evidence", "revision", "action_plan", "action_sheet",
           "evaluation", "capitalisation_sheet",
           "answer_due", "member", "issue", "comment", "contribution", "diagnosis", "meeting", "invitation",
           "agenda_point", "decision")


def naming(path, body, key):
    """Bodies that name under a key the caller's own institution, another, and
    one of another programme."""
    def made(s, role):
        actors_named = (s.world.actor[role], s.world.actor["bailleur_b"], s.elsewhere.actor["city"])
        return seen(*([(path, {**body(s.world), key: actor})] for actor in actors_named))

    return made


def new_members(s, role):
    path, actor = s.world.url + "/members", s.world.make("/v1/actors", s.world.actor_body()).id
    ordinary, powerful = ({"actor_id": actor, "role": r} for r in ("association", "auditor"))
    if role == "admin":
        return seen(other=[(path, ordinary), (path, powerful)])
    return seen([(path, ordinary)], [(path, powerful)], [(s.elsewhere.url + "/members", ordinary)])


def new_sites(s, role):
    w, path = s.world, "/v1/sites"
    theirs = w.site_body(tenure="bailleur_private", owner_actor_id=w.actor["bailleur_b"])
    if role == "bailleur":
        mine = w.site_body(tenure="bailleur_private", owner_actor_id=w.actor[role])
        hidden = [{**mine, "quartier_id": q} for q in (w.far, s.elsewhere.near)]
    else:
        mine = w.site_body()
        hidden = [{**mine, "quartier_id": s.elsewhere.near}]
    others = [theirs] if role == "city" else [theirs, w.site_body()]
    return seen([(path, mine)], [(path, b) for b in others], [(path, b) for b in hidden])


def new_documents(s, role):
    """On nothing, on an issue that is seen, on one that is not."""
    def of(issue):
        return s.world.document_path(target_type="issue", target_id=issue.rsplit("/", 1)[1]), None

    return seen([(s.world.document_path(), None)], [of(s.issue["city"])], [of(s.elsewhere_issue)])


def new_reporters(s, role):
    """Of an issue that nobody has a reporter of yet: the caller's institution's, another's, a hidden one."""
    w = s.world
    own = [w.issue(by=role)] if role in REPORTERS else []
    found = seen([i.url for i in own], [w.issue(by="bailleur_b").url], issues(s, role)["hidden"])
    return {k: [(u + "/reporter", w.reporter_body()) for u in v] for k, v in found.items()}


def create(client, path, body):
    return client.post(path, body) if body is not None else client.post(
        path, data=JPEG, content_type="image/jpeg")


def below_meetings(found, path, body):
    return lambda s, role: {k: [(u + path, body(s)) for u in v] for k, v in found(s, role).items()}


def new_attendance(s, role):
    """Its own line, another's; below a meeting that it does not see."""
    w, meeting = s.world, s.world.held_meeting()
    return seen(*([(at.url + "/attendance", w.attendance_body(of))]
                  for at, of in ((meeting, role), (meeting, "bailleur_b"), (s.elsewhere_held, role))))


NEW = {
    "evaluation": lambda s, role: seen(own=[("/v1/evaluations", s.world.evaluation_body())],
                                       hidden=[("/v1/evaluations", s.world.evaluation_body(subject_id=s.elsewhere.programme))]),
    "evaluation_comment": lambda s, role: {
        k: [(u + "/comments", s.world.comment_body()) for u in v] for k, v in evaluations(s, role).items()},
    "lesson": lambda s, role: seen(own=[("/v1/lessons", s.world.lesson_body())]),
    "objective_outcome": lambda s, role: seen(*([("/v1/outcomes", {"objective_id": u.rsplit("/", 1)[1]})] if u else []
                                                for u in (s.world.objective().url, None, s.elsewhere_objective))),
    "capitalisation_sheet": lambda s, role: seen(own=[("/v1/capitalisation-sheets", s.world.capitalisation_sheet_body())]),
    "action_plan": lambda s, role: seen(own=[("/v1/action-plans", s.world.action_plan_body())]),
    "action_sheet": lambda s, role: seen(*([("/v1/action-sheets", {"plan_id": u.rsplit("/", 1)[1],
                                                                   **s.world.action_sheet_body()})]
                                           for u in (s.plan, s.draft_plan, s.elsewhere_plan))),
    "convention": lambda s, role: seen(*([("/v1/conventions", s.world.convention_body(parties=[{"actor_id": a}]))]
                                         for a in (s.world.actor["city"], s.world.actor["bailleur_b"],
                                                   s.elsewhere.actor["city"]))),
    "signature": new_signatures,
    "commitment": naming("/v1/commitments", lambda w: w.commitment_body(), "owner_actor_id"),
    "evidence": lambda s, role: {k: [(u + "/evidence", s.world.evidence_body()) for u in v]
                                 for k, v in promised(s, role).items()},
    "revision": lambda s, role: {k: [(without_revision(s, u, role), s.world.revision_body()) for u in v]
                                 for k, v in promised(s, role).items()},
    "meeting_series": lambda s, role: seen(
        [("/v1/meeting-series", s.world.meeting_series_body(quartiers=[s.world.near]))],
        hidden=[("/v1/meeting-series", s.world.meeting_series_body(quartiers=[s.elsewhere.near]))]),
    "meeting": lambda s, role: seen(*([("/v1/meetings", s.world.meeting_body(quartiers=[q]))]
                                      for q in (s.world.near, s.world.far, s.elsewhere.near))),
    "meeting_comment": below_meetings(meetings, "/comments", lambda s: s.world.comment_body()),
    "invitation": below_meetings(fresh_meetings, "/invitations", lambda s: {"actor_id": s.world.actor["bailleur"]}),
    "attendance": new_attendance,
    "agenda_point": below_meetings(fresh_meetings, "/agenda-points", lambda s: {"title": unique("Point")}),
    "decision": below_meetings(held_meetings, "/decisions", lambda s: {"text": unique("Décision")}),
    "document": new_documents,
    "reporter": new_reporters,
    "actor": naming("/v1/actors", lambda w: w.actor_body(), "parent_id"),
    "contact": naming("/v1/contacts", lambda w: w.contact_body(), "actor_id"),
    "funding": naming("/v1/funding", lambda w: w.funding_body(), "funder_actor_id"),
    "rule": naming("/v1/responsibility-rules", lambda w: w.rule_body(), "lead_actor_id"),
    "member": new_members,
    "site": new_sites,
    "programme": lambda s, role: seen(own=[("/v1/programmes", {
        "title": unique("Programme"), "city": {"name": unique("Ville")}})]),
    "programme_actor": lambda s, role: {k: [(u + "/actors", s.world.actor_body()) for u in v]
                                        for k, v in programmes(s, role).items()},
    "objective": lambda s, role: {k: [(u + "/objectives", {"text": unique()}) for u in v]
                                  for k, v in programmes(s, role).items()},
    "context": lambda s, role: {k: [(u + "/context", s.world.context_body()) for u in v]
                                for k, v in quartiers(s, role).items()},
    "quartier": lambda s, role: seen(own=[("/v1/quartiers", {"name": unique("Quartier")})]),
    "term": lambda s, role: seen(own=[("/v1/vocabularies/themes/terms", s.world.term_body())]),
    "issue": lambda s, role: {k: [("/v1/issues", s.world.issue_body(quartier_id=u.rsplit("/", 1)[1])) for u in v]
                              for k, v in quartiers(s, role).items()},
    "contribution": lambda s, role: {
        k: [("/v1/contributions", s.world.contribution_body(quartier_id=u.rsplit("/", 1)[1])) for u in v]
        for k, v in quartiers(s, role).items()},
    "diagnosis": lambda s, role: {
        k: [("/v1/diagnoses", s.world.diagnosis_body(quartier_id=u.rsplit("/", 1)[1])) for u in v]
        for k, v in quartiers(s, role).items()},
    "finding": lambda s, role: {k: [(u + "/findings", s.world.finding_body()) for u in v]
                                for k, v in diagnoses(s, role).items()},
    "comment": lambda s, role: {k: [(u + "/comments", s.world.comment_body()) for u in v]
                                for k, v in issues(s, role).items()},
}


def without_revision(s, url, role):
    """Where to ask for a revision of a commitment; of one's own one that
    nobody asked for yet."""
    return (s.world.accepted(role).url if url == s.accepted.get(role) else url) + "/revisions"


def filled(world, elsewhere, admin):
    """Two programmes with what the roles of the first try."""
    s = types.SimpleNamespace(world=world, elsewhere=elsewhere)
    w, e = world, elsewhere
    said = claims(admin.token)
    s.platform = types.SimpleNamespace(
        actor=said["act"], member=said["mbr"],
        term="/v1/terms/" + admin.get("/v1/vocabularies/themes/terms").expect(200).items[0]["id"])
    institutions = [name for name in w.actor if name in ROLES or name == "bailleur_b"]
    s.service = {name: w.service(of=name).url for name in institutions}
    s.contact = {name: w.contact(actor_id=w.actor[name]).url for name in institutions}
    s.funding = {name: w.funding(funder_actor_id=w.actor[name]).url for name in institutions}
    s.rule = {name: w.rule(lead_actor_id=w.actor[name]).url for name in institutions}
    s.own_site = {name: w.site(owner_actor_id=w.actor[name]).url for name in institutions}
    s.internal_contact = {name: w.contact(by=name, visibility="internal").url
                          for name in ("city", "bailleur", "bailleur_b", "association", "institution")}
    s.objective, s.term = w.objective().url, w.term().url
    s.context = {name: w.context(by=name).url for name in ("city", "mandated")}
    s.internal_context = {name: w.context(by=name, visibility="internal").url for name in ("city", "mandated")}
    s.far_context = w.context(w.far).url
    s.public_sites = [w.site(tenure=tenure).url for tenure in ("public_city", "unknown")]
    s.private_site = {name: w.site(by=name, tenure="bailleur_private", owner_actor_id=w.actor[name]).url
                      for name in ("bailleur", "bailleur_b")}
    s.managed_site = w.site(manager_actor_id=w.actor["bailleur"]).url
    s.far_site = w.site(quartier_id=w.far).url
    s.far_private_site = w.site(by="bailleur_wide", quartier_id=w.far, tenure="bailleur_private",
                                owner_actor_id=w.actor["bailleur_wide"]).url
    s.issue = {name: w.issue(by=name).url for name in REPORTERS}
    s.internal_issue = {name: w.issue(by=name, visibility="internal").url for name in REPORTERS}
    s.shared_issue, confidential = w.issue(by="institution"), w.issue(visibility="confidential")
    far = w.issue(quartier_id=w.far)
    s.far_issue, s.confidential_issue = far.url, confidential.url
    s.comment = {name: w.comment(s.shared_issue, by=name).url for name in (*REPORTERS, "facilitator")}
    s.internal_comment = {name: w.comment(s.shared_issue, by=name, visibility="internal").url
                          for name in (*REPORTERS, "facilitator")}
    s.far_comment, s.confidential_comment = w.comment(far).url, w.comment(confidential).url
    s.reporter = {name: w.reporter(w.issue(by=name), by=name).url for name in ("city", "association")}
    s.internal_reporter = {"association": w.reporter(
        w.issue(by="association", visibility="internal"), by="association").url}
    s.elsewhere_reporter = e.reporter().url
    other = e.issue()
    s.elsewhere_issue, s.elsewhere_comment = other.url, e.comment(other).url
    s.answer = {name: owing(w, name) for name in ("city", "bailleur", "bailleur_b", "association", "institution")}
    s.far_answer, s.elsewhere_answer = owing(w, "city", w.far), owing(e, "city")
    s.contribution = {name: w.contribution(by=name).url for name in (*COLLECTORS, "association_b")}
    s.retained, s.far_contribution = (w.retained(quartier_id=q).url for q in (w.near, w.far))
    s.elsewhere_contribution = e.retained().url
    shared = [w.shared_diagnosis(by=name) for name in ("city", "mandated")]
    s.diagnosis = {name: made.url for name, made in zip(("city", "mandated"), shared)}
    hidden = [w.diagnosis(), w.shared_diagnosis(quartier_id=w.far), e.shared_diagnosis()]
    s.open_diagnosis, s.far_diagnosis, s.elsewhere_diagnosis = (made.url for made in hidden)
    s.finding = {made.url: (e if made is hidden[-1] else w).finding(made).url for made in (*shared, *hidden)}
    s.document = {name: w.document(by=name).url
                  for name in ("city", "bailleur", "bailleur_b", "association", "institution", "mandated")}
    s.internal_document = {name: w.document(by=name, visibility="internal").url for name in s.document}
    s.elsewhere_document = e.document().url
    s.accepted = {name: w.accepted(name).url for name in OWNERS}
    s.draft = {name: drafted(w, name) for name in ("city", "bailleur", "association", "institution")}
    s.far_commitment = w.accepted("city", quartiers=[w.far]).url
    s.elsewhere_commitment = e.accepted("city").url
    s.plan = w.city.move(w.action_plan(), "adopted").expect(200).url
    s.draft_plan, s.elsewhere_plan = w.action_plan().url, e.action_plan().url
    s.sheet = {name: w.consulted_sheet(pilot_actor_id=w.actor[name]).url
               for name in ("bailleur", "bailleur_b", "association", "institution")}
    s.draft_sheet = w.action_sheet(pilot_actor_id=w.actor["bailleur_b"]).url
    s.elsewhere_sheet = e.action_sheet(pilot_actor_id=e.actor["city"]).url
    s.evaluation, s.contradictory = w.evaluation().url, w.contradictory().url
    s.elsewhere_evaluation = e.contradictory().url
    s.kept, s.elsewhere_kept = ({noun: getattr(place, noun)().url
                                 for noun in ("lesson", "objective_outcome", "capitalisation_sheet")} for place in (w, e))
    s.draft_convention, s.convention = w.convention().url, w.convention_in_force(parties=w.parties("city", "bailleur_b"))
    s.opened = {name: w.opened_convention(parties=w.parties("city", name)).url for name in (*SIGNATORIES, "bailleur_b")}
    s.elsewhere_convention = e.convention_in_force()
    s.elsewhere_signature = "/v1/signatures/" + e.city.get(s.elsewhere_convention.url + "/signatures").items[0]["id"]
    s.draft["mandated"] = drafted(w, "mandated")
    s.invoice = w.evidence(types.SimpleNamespace(url=s.accepted["bailleur_b"]), by="bailleur_b", kind="invoice").url
    s.meeting, s.whole_meeting, s.held = w.meeting().url, w.meeting(quartiers=[]).url, w.held_meeting()
    s.far_meeting, s.far_held = w.meeting(quartiers=[w.far]).url, w.held_meeting(quartiers=[w.far])
    s.invited_meeting = {}
    for name in RESTRICTED:
        invited = w.meeting(quartiers=[w.far])
        w.invitation(invited, of=name)
        s.invited_meeting[name] = invited.url
    s.series, s.far_series = w.meeting_series(quartiers=[w.near]).url, w.meeting_series(quartiers=[w.far]).url
    s.elsewhere_meeting, s.elsewhere_held, s.elsewhere_series = e.meeting().url, e.held_meeting(), e.meeting_series().url
    s.elsewhere_invitation, s.elsewhere_attendance = e.invitation(of="city").url, e.attendance(of="city").url
    s.elsewhere_point, s.elsewhere_decision = e.agenda_point().url, e.decision().url
    s.elsewhere_contact, s.elsewhere_objective = e.contact().url, e.objective().url
    s.elsewhere_funding, s.elsewhere_rule = e.funding().url, e.rule().url
    s.elsewhere_term, s.elsewhere_context, s.elsewhere_site = e.term().url, e.context().url, e.site().url
    return s


@pytest.fixture(scope="module")
def scene(as_admin, contract):
    return filled(World(as_admin, contract), World(as_admin, contract, only=[]), as_admin)


# --- the walk ------------------------------------------------------------------------


def tries(scene, operation, role):
    """relation -> functions that each send one request of the operation."""
    client, as_role = scene.world.clients[role], "city" if role == "nobody" else role
    noun, _, verb = operation.rpartition("_")
    # Whoever is stopped before any row has none of its own: the city's will do.
    if role == "admin" and LABELS[operation][role]["own"] in BEFORE_THE_ROW:
        as_role = "city"

    def each(found, send):
        return {relation: [(lambda at=at: send(at)) for at in found[relation]] for relation in RELATIONS}

    if operation in LISTS or verb == "list":
        plain = lambda s, r: seen(own=[path_of(scene, operation)])  # noqa: E731
        return each(LISTS.get(operation, plain)(scene, as_role), client.get)
    if verb == "create":
        return each(NEW[noun](scene, as_role), lambda at: create(client, *at))
    if verb == "search":
        return each(seen(own=["06 39 98 00 01"]), lambda at: client.post("/v1/privacy/searches", {"contact": at}))
    if verb == "cosign":
        return each(seen(own=[ledger.some(scene.world.city)["cosignature"]]), lambda at: client.request(
            "POST", "/v1/ledger/cosignatures", data=at.encode(), content_type="text/plain"))
    if verb == "batch":
        item = {**getattr(scene.world, noun + "_body")(), "client_ref": str(uuid.uuid4()),
                "occurred_at": "2024-05-16T08:00:00Z"}
        item.pop("severity", None)
        return each(seen(own=[item]), lambda at: client.post(f"/v1/{noun}-batches", {"items": [at]}))
    fresh = {"evaluation_transition": fresh_evaluations,
             "capitalisation_sheet_transition": fresh_capitalisation_sheets,
             "commitment_transition": fresh_drafts, "commitment_correct": promised,
             "convention_update": fresh_conventions, "convention_transition": fresh_conventions,
             "convention_amend": amendable_conventions,
             "action_plan_transition": fresh_plans, "action_sheet_transition": fresh_sheets,
             "meeting_transition": fresh_meetings, "member_transition": ending_members, "issue_transition": fresh_issues,
             "comment_transition": fresh_comments, "contribution_transition": collected_contributions,
             "diagnosis_transition": open_diagnoses, "answer_due_transition": open_answers,
             "privacy_erase": fresh_reporters}
    found = fresh.get(operation, OBJECTS[noun])(scene, as_role)
    return each(found, {
        "read": client.get,
        "agree": lambda url: client.post(url + "/agreement", {"agrees": True}),
        "content": lambda url: client.get(url + "/content"),
        "history": lambda url: client.get(url + "/history"),
        "assignments": lambda url: client.get(url + "/assignments"),
        "proposal": lambda url: client.get(url + "/proposal"),
        "similar": lambda url: client.get(url + "/similar"),
        "correct": lambda url: client.post(url + "/corrections", {"title": unique(), "reason": "Essai"}, if_match="*"),
        "disclose": lambda url: client.post(url + "/readings", {"purpose": "answer"}),
        "export": lambda url: client.get(subject(url) + "/export"),
        "erase": lambda url: client.post(subject(url) + "/erase"),
        "template": lambda url: client.get(url + "/template"),
        "markdown": lambda url: client.get(url + "/export.md"),
        "html": lambda url: client.get(url + "/export.html"),
        "trace": lambda url: client.get(url + "/trace"),
        "bundle": lambda url: client.get(url + "/bundle"),
        "amend": lambda url: client.post(url + "/amendments", scene.world.amendment_body()),
        "update": lambda url: client.patch(url, changed(noun),
                                           if_match="*"),
        "transition": lambda url: moved_and_back(client, noun, url),
    }[verb])


def subject(url):
    return url.replace("/v1/reporters/", "/v1/privacy/subjects/")


def path_of(scene, operation):
    return next(path for path, item in scene.world.contract.document["paths"].items()
                for method in item.values()
                if isinstance(method, dict) and method.get("operationId") == operation)


def moved_and_back(client, noun, url):
    """Nothing remains of it, but for a member that is ended for good."""
    answer = client.move(url, MOVES.get(noun, "archived"), if_match="*", comment="Essai",
                         **DETAILS.get(noun, {}))
    if answer.status == 200 and noun not in ONE_WAY:
        client.move(url, "active", if_match="*", comment="Essai terminé").expect(200)
    return answer


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", LABELS)
def test_each_role_gets_what_the_table_says(scene, operation, role):
    wrong = []
    for relation, sends in tries(scene, operation, role).items():
        label = LABELS[operation][role][relation]
        if label == "-":
            assert not sends, f"{relation}: there is such an object, and the table has no label for it"
            continue
        for send in sends:
            answer = send()
            status = 403 if label == "role" else int(label)
            if answer.status != status or status >= 400 and answer.problem.code not in CODES[label]:
                wrong.append(f"{relation}: {label} expected, {answer!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("operation", LABELS)
def test_each_label_is_tried(scene, operation):
    """A label without an object to try it on would say nothing."""
    for role, labels in LABELS[operation].items():
        if len(set(labels.values())) > 1:
            for relation, sends in tries(scene, operation, role).items():
                assert bool(sends) == (labels[relation] != "-"), (role, relation)
        else:
            assert tries(scene, operation, role)["own"] or tries(scene, operation, role)["other"], role


# --- the table is whole ----------------------------------------------------------------


def operations(contract):
    return {method["operationId"]: method for item in contract.document["paths"].values()
            for method in item.values() if isinstance(method, dict) and "operationId" in method}


def test_every_operation_of_the_contract_is_labelled_and_no_other(contract):
    labelled = set(LABELS) | set(PUBLIC)
    assert not set(LABELS) & set(PUBLIC)
    assert labelled - set(operations(contract)) == set(), "labels of operations that are gone"
    assert set(operations(contract)) - labelled == set(), "operations without a label"


def test_every_role_of_the_contract_has_its_column(contract):
    assert set(contract.document["components"]["schemas"]["role"]["enum"]) == set(ROLES) - {"mandated", "nobody"}


def test_the_contract_names_the_roles_that_the_table_lets_call(contract):
    for name, operation in operations(contract).items():
        if name in PUBLIC:
            assert operation["security"] == [] and "x-roles" not in operation, name
            continue
        may = {role for role in ROLES if LABELS[name][role]["own"] not in BEFORE_THE_ROW
               or LABELS[name][role]["other"] not in BEFORE_THE_ROW}
        assert ("mandated" in may) == ("facilitator" in may), name
        assert set(operation["x-roles"]) == may - {"mandated"}, name


@pytest.mark.parametrize("operation", PUBLIC)
def test_a_public_operation_answers_everybody_alike(scene, contract, operation):
    path, method = next((path, method) for path, item in contract.document["paths"].items()
                        for method, spec in item.items()
                        if isinstance(spec, dict) and spec.get("operationId") == operation)
    for role in ROLES:
        client = scene.world.clients[role]
        answer = client.request(method.upper(), path.replace("{page}", "problems"),
                                data=b"token=x" if method == "post" else None,
                                content_type="application/x-www-form-urlencoded" if method == "post" else None)
        assert answer.status == PUBLIC[operation], (role, answer)


def test_a_request_of_nobody_says_how_to_be_somebody(scene):
    answer = scene.world.nobody.get(f"/v1/actors/{mark()}").expect(401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
