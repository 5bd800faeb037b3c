"""A programme of one's own for the tests of a module.

It is opened by the platform's administrator and filled through the API, so
nothing here rests on the demonstration data. Two quartiers: near, and far,
which restricted members do not see. One institution for each membership:

    city                        sees and writes all but what is a bailleur's
    bailleur, association       restricted to near
    bailleur_b, association_b   the same, of other institutions
    bailleur_wide               a bailleur of the whole territory
    institution, auditor        see the whole territory
    facilitator                 without a mandate
    mandated                    a facilitator whose mandate names all it may

    world.city.post("/v1/sites", world.site())       a Client for each name
    world.actor["bailleur"], world.member["bailleur"]         ids
    world.near, world.far, world.programme                    ids
    world.join("bailleur")      one more institution, its client and membership
"""

import base64
import datetime
import json
import sys
import urllib.parse
import uuid
import zoneinfo

from client import Client
from contract import ROOT

sys.path.insert(0, str(ROOT / "api" / "tools"))
import access as access_tool  # noqa: E402

# What a mandate may name of what there is.
MANDATE = ["programme", "member", "rule", "term", "quartier", "meeting", "issue", "contribution", "diagnosis", "action_plan",
           "evaluation"]

# Name -> kind of the actor, role, whether restricted to near, mandate.
MEMBERS = {
    "bailleur": ("bailleur", "bailleur", True, []),
    "bailleur_b": ("bailleur", "bailleur", True, []),
    "bailleur_wide": ("bailleur", "bailleur", False, []),
    "association": ("association", "association", True, []),
    "association_b": ("association", "association", True, []),
    "institution": ("state", "institution", False, []),
    "facilitator": ("operator", "facilitator", False, []),
    "mandated": ("operator", "facilitator", False, MANDATE),
    "auditor": ("control_body", "auditor", False, []),
}


# The smallest photograph: 8 by 8 grey pixels.
JPEG = (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0" + b"\1" * 64
        + b"\xff\xc0\0\x0b\x08\0\x08\0\x08\1\1\x11\0\xff\xc4\0\x14\0\1" + bytes(16)
        + b"\xff\xc4\0\x14\x10\1" + bytes(16) + b"\xff\xda\0\x08\1\1\0\0\x3f\0\x3f\xff\xd9")


def unique(text="Essai"):
    """A text that no other record has; one word of it is its mark."""
    return f"{text} {mark()}"


def mark():
    """A word that nothing else contains, of letters, so that no rule takes
    it for a number of anything."""
    return "".join(chr(ord("a") + int(c, 16)) for c in uuid.uuid4().hex[:14])


def in_days(days):
    """A date, so many days from today where the programmes are."""
    return str(datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Paris")).date() + datetime.timedelta(days))


def in_hours(hours):
    """An instant, so many hours from now."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def scores(*notes):
    """Notes out of four, criterion by criterion in the order of the grid."""
    return [{"criterion": criterion, "score": note, "out_of": 4} for criterion, note in
            zip(("partnership", "participation", "territorial_fit", "innovation"), notes)]


def claims(token):
    """What a token says; its signature is not looked at."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class World:
    """See the head of this file. only: the memberships to make, all if None."""

    def __init__(self, admin, contract, only=None):
        self.admin = admin
        self.contract = contract
        self.nobody = Client(admin.base_url, None, contract)
        self.clients = {"admin": admin, "nobody": self.nobody}
        opened = admin.post("/v1/programmes", {
            "title": unique("Programme"), "city": {"name": unique("Ville")}})
        self.programme = opened.expect(201).id
        self.url = opened.url
        city = admin.get(f"{self.url}/members").expect(200).items[0]
        self.actor = {"city": city["actor_id"]}
        self.member = {"city": city["id"]}
        self.clients["city"] = self.client_of(city["id"], "city")
        self.near = self.quartier("Proche").id
        self.far = self.quartier("Lointain").id
        for name in MEMBERS if only is None else only:
            kind, role, restricted, mandate = MEMBERS[name]
            self.join(role, name, kind, mandate_scope=mandate,
                      quartiers=[self.near] if restricted else [],
                      to_on=in_days(365) if mandate else None)

    def __getattr__(self, name):
        try:
            return self.__dict__["clients"][name]
        except KeyError:
            raise AttributeError(name) from None

    # Members -------------------------------------------------------------------

    def join(self, role, name=None, kind="other", actor=None, **more):
        """A new membership with its client; its name is the given one or made
        up. The actor is a new institution unless one is given."""
        name = name or f"{role}_{mark()}"
        if actor is None:
            actor = self.city.post("/v1/actors", {
                "kind": kind, "name": unique(name)}).expect(201).id
        made = self.city.post(f"{self.url}/members", {
            "actor_id": actor, "role": role, **more}).expect(201)
        self.actor[name] = actor
        self.member[name] = made.id
        self.clients[name] = self.client_of(made.id, name)
        return name

    def client_of(self, membership, name):
        """A Client with a token of its own for a membership."""
        made = access_tool.create_client(name, membership, every_scope=True)
        token = access_tool.token_for(self.admin.base_url, made)
        return Client(self.admin.base_url, token, self.contract, name)

    # Records: as the city, unless told, each with what it must have ------------------

    def make(self, path, body, by="city"):
        return self.clients[by].post(path, body).expect(201)

    def quartier(self, name="Quartier", by="city", **more):
        return self.make("/v1/quartiers", {"name": unique(name), **more}, by)

    def context(self, quartier=None, by="city", **more):
        return self.make(f"/v1/quartiers/{quartier or self.near}/context",
                         self.context_body(**more), by)

    def site(self, by="city", **more):
        return self.make("/v1/sites", self.site_body(**more), by)

    def rule(self, by="city", **more):
        return self.make("/v1/responsibility-rules", self.rule_body(**more), by)

    def contact(self, by="city", **more):
        return self.make("/v1/contacts", self.contact_body(**more), by)

    def service(self, of="city", by="city", **more):
        """An actor below that of a membership."""
        return self.make("/v1/actors", self.actor_body(
            parent_id=self.actor[of], **more), by)

    def document(self, by="city", **more):
        """A photograph; its metadata are parameters."""
        return self.clients[by].post(self.document_path(**more), data=JPEG, content_type="image/jpeg").expect(201)

    def document_path(self, **more):
        return "/v1/documents?" + urllib.parse.urlencode({"title": unique("Photo"), "kind": "photo", **more})

    def objective(self, by="city", **more):
        return self.make(f"{self.url}/objectives", {"text": unique("Objectif"), **more}, by)

    def funding(self, by="city", **more):
        return self.make("/v1/funding", self.funding_body(**more), by)

    def issue(self, by="city", **more):
        return self.make("/v1/issues", self.issue_body(**more), by)

    def meeting_series(self, by="city", **more):
        return self.make("/v1/meeting-series", self.meeting_series_body(**more), by)

    def meeting(self, by="city", **more):
        """Still to come, in near."""
        return self.make("/v1/meetings", self.meeting_body(**more), by)

    def held_meeting(self, **more):
        """One that took place an hour ago."""
        made = self.meeting(**{"starts_at": in_hours(-1), **more})
        made = self.city.move(made, "called").expect(200)
        return self.city.move(made, "held").expect(200)

    def published_meeting(self, held):
        """The same with its minutes."""
        made = self.city.move(held.url, "minutes_draft", if_match="*").expect(200)
        return self.city.move(made, "minutes_published", details={"answers_due_on": in_days(30)}).expect(200)

    def invitation(self, meeting=None, of="bailleur", by="city"):
        return self.make(f"{(meeting or self.meeting()).url}/invitations", {"actor_id": self.actor.get(of, of)}, by)

    def attendance(self, meeting=None, of="bailleur", by="city", **more):
        """A line of an institution; of residents if of is None."""
        return self.make(f"{(meeting or self.held_meeting()).url}/attendance", self.attendance_body(of, **more), by)

    def agenda_point(self, meeting=None, by="city", **more):
        return self.make(f"{(meeting or self.meeting()).url}/agenda-points", {"title": unique("Point"), **more}, by)

    def decision(self, meeting=None, by="city", on=None, **more):
        """On nothing, or on an issue."""
        target = {"target_type": "issue", "target_id": on.id} if on else {}
        return self.make(f"{(meeting or self.held_meeting()).url}/decisions",
                         {"text": unique("Décision"), **target, **more}, by)

    def contribution(self, by="city", **more):
        return self.make("/v1/contributions", self.contribution_body(**more), by)

    def retained(self, by="city", **more):
        """A contribution that partners see."""
        return self.city.move(self.contribution(by=by, **more), "retained").expect(200)

    def diagnosis(self, by="city", **more):
        return self.make("/v1/diagnoses", self.diagnosis_body(**more), by)

    def shared_diagnosis(self, by="city", **more):
        return self.city.move(self.diagnosis(by=by, **more), "shared").expect(200)

    def finding(self, diagnosis=None, by="city", **more):
        url = (diagnosis or self.shared_diagnosis()).url
        return self.make(f"{url}/findings", self.finding_body(**more), by)

    def reporter(self, issue=None, by="city", **more):
        """Who reported an issue, a new one if none is given; its url has the pseudonym."""
        issue = issue or self.issue(by=by)
        return self.make(f"{issue.url}/reporter", self.reporter_body(**more), by)

    def comment(self, issue, by="city", **more):
        return self.make(f"{issue.url}/comments", self.comment_body(**more), by)

    def action_plan(self, by="city", **more):
        return self.make("/v1/action-plans", self.action_plan_body(**more), by)

    def action_sheet(self, by="city", **more):
        """A draft, of a plan of its own unless plan_id says whose."""
        return self.make("/v1/action-sheets", {"plan_id": more.get("plan_id") or self.action_plan().id,
                                               **self.action_sheet_body(**more)}, by)

    def consulted_sheet(self, **more):
        """One that everybody reads."""
        return self.city.move(self.action_sheet(**more), "consultation").expect(200)

    def adopted_sheet(self, **more):
        made, held = self.consulted_sheet(**more), self.held_meeting()
        self.decision(held, target_type="action_sheet", target_id=made.id)
        return self.city.move(made.url, "adopted", details={"meeting_id": held.id}).expect(200)

    def commitment(self, by="city", **more):
        """A draft; promised by its author unless owner_actor_id says whose."""
        return self.make("/v1/commitments", self.commitment_body(**more), by)

    def accepted(self, owner="bailleur", by=None, **more):
        """A commitment that its owner has accepted."""
        made = self.commitment(by or owner, owner_actor_id=self.actor[owner], **more)
        self.clients[by or owner].move(made, "proposed").expect(200)
        return self.clients[owner].move(made.url, "accepted").expect(200)

    def claimed(self, owner="bailleur", **more):
        """One that its owner says is done, with evidence."""
        made = self.accepted(owner, **more)
        self.evidence(made, by=owner)
        return self.clients[owner].move(made.url, "claimed", details={"obtained_result": "Posé."}).expect(200)

    def evidence(self, commitment, by="bailleur", **more):
        return self.make(f"{commitment.url}/evidence", self.evidence_body(**more), by)

    def revision(self, commitment, by="bailleur", **more):
        return self.make(f"{commitment.url}/revisions", self.revision_body(**more), by)

    def evaluation(self, by="city", **more):
        """A draft, of the programme unless told."""
        return self.make("/v1/evaluations", self.evaluation_body(**more), by)

    def contradictory(self, **more):
        """One that partners read and comment."""
        return self.city.move(self.evaluation(**more), "contradictory").expect(200)

    def lesson(self, by="city", **more):
        return self.make("/v1/lessons", self.lesson_body(**more), by)

    def objective_outcome(self, by="city", **more):
        """Of an objective of its own unless objective_id says whose."""
        return self.make("/v1/outcomes", {"objective_id": more.get("objective_id") or self.objective().id,
                                          "expected": unique("Attendu"), **more}, by)

    def capitalisation_sheet(self, by="city", **more):
        return self.make("/v1/capitalisation-sheets", self.capitalisation_sheet_body(**more), by)

    def convention(self, by="city", **more):
        """A draft between the city, the bailleur and the association."""
        return self.make("/v1/conventions", self.convention_body(**more), by)

    def opened_convention(self, **more):
        made = self.city.move(self.convention(**more), "negotiation").expect(200)
        return self.city.move(made, "open_for_signature").expect(200)

    def convention_in_force(self, **more):
        """One that all of its parties have signed."""
        made = self.opened_convention(**more)
        names = {actor: name for name, actor in self.actor.items()}
        for party in made.json["parties"]:
            self.sign(made, names[party["actor_id"]])
        return self.city.get(made.url)

    def sign(self, convention, by="city", **more):
        return self.make(f"{convention.url}/signatures", self.signature_body(convention, **more), by)

    def term(self, vocabulary="themes", by="city", **more):
        return self.make(f"/v1/vocabularies/{vocabulary}/terms", self.term_body(**more), by)

    # Bodies that are taken as they are -------------------------------------------------

    def site_body(self, **more):
        return {"quartier_id": self.near, "kind": "outdoor", "name": unique("Square"),
                "tenure": "public_city", **more}

    def context_body(self, **more):
        return {"theme": "outdoor", "text": unique("Constat"), "as_of_on": "2024-03-18", **more}

    def rule_body(self, **more):
        return {"match_tenure": "public_city", "lead_actor_id": self.actor["city"],
                "source": unique("Article"), **more}

    def contact_body(self, **more):
        return {"kind": "other", "name": unique("Accueil"), **more}

    def actor_body(self, **more):
        return {"kind": "other", "name": unique("Service"), **more}

    def funding_body(self, **more):
        return {"funder_actor_id": self.actor["city"], "kind": "city", "year": 2026,
                "note": unique("Ligne"), **more}

    def issue_body(self, **more):
        return {"quartier_id": self.near, "title": unique("Constat"), "theme": "outdoor",
                "category": "lighting", "severity": "normal", **more}

    def meeting_series_body(self, **more):
        return {"title": unique("Réunions"), "kind": "inter_bailleurs", "rhythm": "monthly", **more}

    def meeting_body(self, **more):
        return {"kind": "technical", "title": unique("Réunion"), "quartiers": [self.near], "starts_at": in_hours(48), **more}

    def attendance_body(self, of="bailleur", **more):
        if of is None:
            return {"kind": "residents", "present_count": 12, **more}
        return {"kind": "institution", "actor_id": self.actor.get(of, of), "present_count": 2, **more}

    def contribution_body(self, **more):
        return {"quartier_id": self.near, "kind": "problem", "theme": "outdoor", "contributor_code": "CAN-07",
                "text": unique("Contribution"), **more}

    def diagnosis_body(self, **more):
        return {"quartier_id": self.near, "version_label": unique("Version"), **more}

    def finding_body(self, **more):
        return {"theme": "outdoor", "polarity": "problem", "statement": unique("Diagnostic"), **more}

    def reporter_body(self, **more):
        return {"channel": "desk", "notice_version": "2026-01", "name": unique("Camille"), **more}

    def comment_body(self, **more):
        return {"text": unique("Commentaire"), **more}

    def action_plan_body(self, **more):
        return {"title": unique("Plan"), **more}

    def action_sheet_body(self, **more):
        return {"title": unique("Fiche"), "finding": unique("Constat"), "objectives": ["Se déplacer sans crainte"],
                "pilot_actor_id": self.actor.get("bailleur", self.actor["city"]), **more}

    def commitment_body(self, **more):
        return {"title": unique("Engagement"), "deliverable": unique("Livrable"), "due_on": in_days(30),
                "quartiers": [self.near], "theme": "outdoor", **more}

    def evidence_body(self, **more):
        return {"kind": "work_order", "external_ref": "BT-2026-0042", **more}

    def revision_body(self, **more):
        return {"to_on": in_days(60), "reason_code": "weather", "reason": "Pluie continue.", **more}

    def evaluation_body(self, **more):
        return {"subject_type": "programme", "subject_id": self.programme, "evaluated_on": "2026-06-30",
                "grid_version": "2007", "scores": scores(4, 3, 3, 3), **more}

    def lesson_body(self, **more):
        return {"kind": "difficulty", "text": unique("Enseignement"), **more}

    def capitalisation_sheet_body(self, **more):
        return {"title": unique("Fiche"), "dated_on": "2007-07-12", **more}

    def parties(self, *names):
        return [{"actor_id": self.actor[name]} for name in names]

    def convention_body(self, **more):
        return {"kind": "gusp", "title": unique("Convention"), "principles": [{"n": 1, "text": unique("Principe")}],
                "effective_from_on": in_days(0), "parties": self.parties(*(n for n in ("city", "bailleur", "association") if n in self.actor)), **more}

    def amendment_body(self, **more):
        return {"title": unique("Avenant"), "principles": [{"n": 1, "text": unique("Principe")}],
                "effective_from_on": in_days(0), **more}

    def signature_body(self, convention, **more):
        return {"signatory_capacity": "Direction générale", "signed_on": in_days(0), "method": "paper",
                "digest_seen": convention.json["content_digest"] or "0" * 64, **more}

    def term_body(self, **more):
        return {"code": mark(), "label_fr": unique("Terme"), **more}
