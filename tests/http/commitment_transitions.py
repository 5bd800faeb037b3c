"""The life-cycle of a commitment: which state may follow which, and who may
do it.

Written from the table of the domain (C.3), never copied from the database's.
A step's callers are named by what they are to the commitment:

    author     of the institution that drafted it; a facilitator by mandate
    owner      of the institution that promises it, or one of its services
    verifier   not of an institution that works on it (owner, co-owners,
               executants); the city, or where the city works on it another
               institution (State, agglomeration) or an association of its
               quartiers; or the city where it works itself, and a committee
               found the work done
    decider    as verifier, but no association
    city       a membership of the city; to give up takes the owner's request
               and a meeting's decision besides
    system     nobody who calls
"""

STATES = ("draft", "proposed", "accepted", "in_progress", "blocked", "claimed", "verified", "declined",
          "abandoned", "superseded")

# The stage a record is in: its state, and for a block where it goes back to.
STAGES = tuple(s for s in STATES if s != "blocked") + ("blocked:accepted", "blocked:in_progress")

STEPS = {
    ("draft", "proposed"): {"author"},
    ("proposed", "accepted"): {"owner"},
    ("proposed", "declined"): {"owner"},
    ("accepted", "in_progress"): {"owner"},
    ("accepted", "blocked"): {"owner"},
    ("in_progress", "blocked"): {"owner"},
    ("blocked:accepted", "accepted"): {"owner"},
    ("blocked:in_progress", "in_progress"): {"owner"},
    ("accepted", "claimed"): {"owner"},
    ("in_progress", "claimed"): {"owner"},
    ("claimed", "verified"): {"verifier"},
    ("claimed", "in_progress"): {"verifier"},
    **{(at, "abandoned"): {"city"}
       for at in ("accepted", "in_progress", "blocked:accepted", "blocked:in_progress")},
    **{(at, "superseded"): {"system"}
       for at in ("accepted", "in_progress", "blocked:accepted", "blocked:in_progress", "claimed")},
}

# What becomes of a revision: of the due date, or to give up.
REVISIONS = {
    ("requested:due_date", "accepted"): {"decider"},
    ("requested:due_date", "refused"): {"decider"},
    ("requested:due_date", "withdrawn"): {"owner"},
    ("requested:abandonment", "accepted"): {"closing"},
    ("requested:abandonment", "refused"): {"decider"},
    ("requested:abandonment", "withdrawn"): {"owner"},
}

ACTIVE = {"city", "bailleur", "association", "institution"}


def relations(caller, commitment):
    """What a caller is to a commitment. A caller has role, institution, local
    (whether its membership reaches the quartier) and mandated; a commitment
    has author, by_mandate, owner and works, institutions, and city, the
    city's."""
    found = {"city"} & {caller.role}
    acts = caller.role in ACTIVE or caller.mandated and commitment.by_mandate
    if acts and caller.institution == commitment.author:
        found.add("author")
    if caller.role in ACTIVE and caller.institution == commitment.owner:
        found.add("owner")
    if caller.institution not in commitment.works:
        if caller.role == "city":
            found |= {"verifier", "decider"}
        if commitment.city in commitment.works:
            if caller.role == "institution":
                found |= {"verifier", "decider"}
            if caller.role == "association" and caller.local:
                found.add("verifier")
    return found


def allowed(caller, commitment, stage, steps=STEPS):
    """The states to which a caller may move a commitment."""
    mine = relations(caller, commitment)
    return {to for (at, to), who in steps.items() if at == stage and who & mine}


def expected(caller, commitment, stage, to, steps=STEPS):
    """The status that a well-formed attempt gets from a caller who sees the
    commitment: no step leads back to a draft; else rights come before the
    state."""
    mine = relations(caller, commitment)
    if to not in {target for _, target in steps}:
        return 422
    if not any(who & mine for (_, target), who in steps.items() if target == to):
        return 403
    if (stage, to) not in steps:
        return 409
    return 200 if steps[stage, to] & mine else 403
