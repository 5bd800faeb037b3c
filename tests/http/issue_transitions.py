"""The life-cycle of an issue: which state may follow which, and who may do it.

Written from the table of the domain (C.3), never copied from the database's.
A step's callers are named by what they are to the issue:

    city          a membership of the city
    mandated      a facilitator whose mandate names issues
    submitter     of the institution that reported it
    lead          of the institution that answers for it
    association   an association of its quartier
    verifier      not of an institution that does the work; the city, or where
                  the city does some of it, an association of the quartier or
                  another institution (State, agglomeration)
"""

STATES = ("submitted", "qualified", "assigned", "accepted", "planned", "in_progress", "on_hold",
          "treated", "resolved", "escalated", "duplicate", "no_action", "withdrawn")

# The stage a record is in: its state, and for a pause where it goes back to.
STAGES = tuple(s for s in STATES if s != "on_hold") + (
    "on_hold:accepted", "on_hold:planned", "on_hold:in_progress")

STEPS = {
    ("submitted", "qualified"): {"city", "mandated"},
    ("submitted", "withdrawn"): {"submitter"},
    ("submitted", "duplicate"): {"city"},
    ("submitted", "no_action"): {"city"},
    ("qualified", "duplicate"): {"city"},
    ("qualified", "no_action"): {"city"},
    ("qualified", "assigned"): {"city", "mandated"},
    ("assigned", "accepted"): {"lead"},
    ("assigned", "qualified"): {"lead", "city"},
    ("accepted", "planned"): {"lead"},
    ("accepted", "in_progress"): {"lead"},
    ("planned", "in_progress"): {"lead"},
    ("accepted", "on_hold"): {"lead"},
    ("planned", "on_hold"): {"lead"},
    ("in_progress", "on_hold"): {"lead"},
    ("on_hold:accepted", "accepted"): {"lead"},
    ("on_hold:planned", "planned"): {"lead"},
    ("on_hold:in_progress", "in_progress"): {"lead"},
    ("accepted", "treated"): {"lead"},
    ("planned", "treated"): {"lead"},
    ("in_progress", "treated"): {"lead"},
    ("treated", "resolved"): {"verifier"},
    ("treated", "in_progress"): {"city", "association", "submitter"},
    ("resolved", "assigned"): {"city", "association"},
    **{(at, "escalated"): {"city"}
       for at in ("qualified", "assigned", "accepted", "planned", "in_progress", "on_hold:accepted",
                  "on_hold:planned", "on_hold:in_progress")},
}

WRITERS = {"city", "bailleur", "association", "institution"}


def relations(caller, issue):
    """What a caller is to an issue. A caller has role, institution, local
    (whether its membership reaches the quartier) and mandated; an issue has
    reporter, lead and works, institutions, and city, the city's."""
    found = set()
    if caller.role == "city":
        found.add("city")
    if caller.mandated:
        found.add("mandated")
    if (caller.role in WRITERS or caller.mandated) and caller.institution == issue.reporter:
        found.add("submitter")
    if caller.role in WRITERS and issue.lead and caller.institution == issue.lead:
        found.add("lead")
    if caller.role == "association" and caller.local:
        found.add("association")
    if issue.lead and caller.institution not in issue.works:
        others = caller.role == "institution" or caller.role == "association" and caller.local
        if others if issue.city in issue.works else caller.role == "city":
            found.add("verifier")
    return found


def allowed(caller, issue, stage):
    """The states to which a caller may move an issue."""
    mine = relations(caller, issue)
    return {to for (at, to), who in STEPS.items() if at == stage and who & mine}


def expected(caller, issue, stage, to):
    """The status that a well-formed attempt gets from a caller who sees the
    issue: no step leads to submitted; else rights come before the state."""
    mine = relations(caller, issue)
    if to not in {target for _, target in STEPS}:
        return 422
    if not any(who & mine for (_, target), who in STEPS.items() if target == to):
        return 403
    if (stage, to) not in STEPS:
        return 409
    return 200 if STEPS[stage, to] & mine else 403
