"""The life-cycles of meetings, and of what stands below them: which state may
follow which, and who may do it.

Written from the domain (C.3, C.4), never copied from the database's table:

    organiser   a membership of the city, or a facilitator whose mandate names
                meetings
    invited     of the institution that an invitation names
    proposer    of the institution that proposed a point; a facilitator only by
                mandate
    counter     who may write a line of attendance: the organiser and the
                institution; of residents, the association that hosts
"""

RUN = {"organiser"}

STEPS = {
    "meeting": {
        ("planned", "called"): RUN,
        ("planned", "postponed"): RUN,
        ("planned", "cancelled"): RUN,
        ("called", "held"): RUN,
        ("called", "postponed"): RUN,
        ("called", "cancelled"): RUN,
        ("postponed", "called"): RUN,
        ("postponed", "cancelled"): RUN,
        ("held", "minutes_draft"): RUN,
        ("minutes_draft", "minutes_published"): RUN,
        ("minutes_published", "minutes_draft"): RUN,
    },
    "invitation": {
        ("invited", "accepted"): {"invited"},
        ("invited", "excused"): {"invited"},
        ("accepted", "excused"): {"invited"},
        ("excused", "accepted"): {"invited"},
        ("invited", "withdrawn"): RUN,
        ("accepted", "withdrawn"): RUN,
        ("excused", "withdrawn"): RUN,
        ("withdrawn", "invited"): RUN,
    },
    "agenda_point": {
        ("proposed", "accepted"): RUN,
        ("proposed", "refused"): RUN,
        ("proposed", "withdrawn"): {"proposer"},
        ("accepted", "refused"): RUN,
        ("refused", "accepted"): RUN,
    },
    "decision": {
        ("recorded", "withdrawn"): RUN,
    },
    "attendance": {
        ("active", "archived"): {"counter"},
        ("archived", "active"): {"counter"},
    },
}

# State -> the steps that lead there, each with who does it.
PATHS = {
    "meeting": {
        "planned": [], "called": [("called", "city")], "postponed": [("postponed", "city")],
        "cancelled": [("cancelled", "city")],
        "held": [("called", "city"), ("held", "city")],
        "minutes_draft": [("called", "city"), ("held", "city"), ("minutes_draft", "mandated")],
        "minutes_published": [("called", "city"), ("held", "city"), ("minutes_draft", "city"),
                              ("minutes_published", "city")],
    },
    "invitation": {
        "invited": [], "accepted": [("accepted", "bailleur")], "excused": [("excused", "bailleur")],
        "withdrawn": [("withdrawn", "city")],
    },
    "agenda_point": {
        "proposed": [], "accepted": [("accepted", "city")], "refused": [("refused", "mandated")],
        "withdrawn": [("withdrawn", "bailleur")],
    },
    "decision": {"recorded": [], "withdrawn": [("withdrawn", "city")]},
    "attendance": {"active": [], "archived": [("archived", "bailleur")]},
}


def expected(steps, relations, state, to):
    """The status that a well-formed attempt gets from a caller who sees the
    record and is this to it: rights come before the state."""
    if to not in {target for _, target in steps}:
        return 422
    if not any(who & relations for (_, target), who in steps.items() if target == to):
        return 403
    if (state, to) not in steps:
        return 409
    return 200 if steps[state, to] & relations else 403
