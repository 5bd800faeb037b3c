"""Reading as of an instant: what was returned then is returned again, to those
who saw it then and see it today."""

import datetime
import re
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from world import World, in_days, mark, unique

# Who looks: of the owner, of another bailleur, of those who read costs or not.
LOOKERS = ("city", "bailleur", "bailleur_b", "association", "institution", "auditor")
# Computed for who asks now, and what each of them sees today.
OF_TODAY = ("allowed_transitions", "origin")


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


def now():
    """An instant that is over, as the interface writes it."""
    at = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.002)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def was(record):
    return {k: v for k, v in record.items() if k not in OF_TODAY}


def seen(client, url, **params):
    """What a client gets of a record or a list."""
    answer = client.get(url, params)
    if answer.status != 200:
        answer.expect(404)
        return None
    return [was(r) for r in answer.items] if "items" in answer.json else was(answer.json)


def refused(answer, status, code):
    assert answer.expect(status).problem.code == code, answer
    return answer.problem


def days_ago(database, table, id, days):
    """As if all that is known of a record had been known for so many days."""
    with database.cursor() as cursor:
        cursor.execute(f"""UPDATE {table}_version SET from_at = from_at - make_interval(days => %s),
            to_at = to_at - make_interval(days => %s) WHERE id = %s""", (days, days, id))


# What happens, at random: by whom, on the commitment (c) or its sheet (s). What
# is refused where the record has come to changes nothing, which is a case too.
WORDS = st.integers(1, 9).map(str)
CALLS = st.one_of(
    st.tuples(st.just("patch"), st.just("c"), st.sampled_from(("bailleur", "city")), st.fixed_dictionaries({}, optional={
        "title": WORDS, "due_on": st.integers(-3, 3).map(in_days), "theme": st.sampled_from(("outdoor", None)),
        "public_note": WORDS, "partner_note": WORDS, "progress": st.integers(0, 100)})),
    st.tuples(st.just("cost"), st.just("c"), st.just("bailleur"),
              st.fixed_dictionaries({"planned_cents": st.integers(0, 9)})),
    st.tuples(st.just("note"), st.just("c"), st.sampled_from(("bailleur", "city", "institution")),
              st.fixed_dictionaries({"internal_note": st.one_of(WORDS, st.none())})),
    st.tuples(st.just("move"), st.just("c"), st.just("bailleur"),
              st.sampled_from(("proposed", "accepted", "in_progress", "blocked"))),
    st.tuples(st.just("patch"), st.just("s"), st.just("city"), st.fixed_dictionaries({}, optional={
        "title": WORDS, "objectives": st.lists(WORDS, max_size=2), "method": WORDS, "themes": st.just(["outdoor"])})),
    st.tuples(st.just("cost"), st.just("s"), st.sampled_from(("city", "bailleur")), st.fixed_dictionaries({}, optional={
        "actual_cents": st.integers(0, 9), "open": st.booleans()})),
    st.tuples(st.just("move"), st.just("s"), st.just("city"), st.sampled_from(("consultation", "withdrawn"))),
    st.tuples(st.just("join"), st.just("c"), st.just("bailleur"), st.booleans()))


def call(w, urls, what, of, by, said):
    client, url = w.clients[by], urls[of]
    if what == "move":
        details = {"blocked_reason": "Pluie.", "review_on": in_days(9)} if said == "blocked" else None
        comment = "Sans suite." if said == "withdrawn" else None
        client.move(url, said, if_match="*", **{k: v for k, v in (("details", details), ("comment", comment)) if v})
    elif what == "join":
        client.patch(url, {"sheet_id": urls["s"].rsplit("/", 1)[1] if said else None}, if_match="*")
    else:
        client.patch(url + ("" if what == "patch" else "/" + what), said, if_match="*")


SETTINGS = {"max_examples": 12, "deadline": None, "database": None, "derandomize": False,
            "phases": (Phase.explicit, Phase.generate), "suppress_health_check": list(HealthCheck)}


@settings(**SETTINGS)
@given(calls=st.lists(CALLS, min_size=3, max_size=12))
def test_as_of_is_what_was_returned_then(w, calls):
    begun = now()
    sheet = w.action_sheet()
    urls = {"s": sheet.url, "c": w.commitment("bailleur", sheet_id=sheet.id).url}
    lists = [("/v1/commitments", {"sheet_id": sheet.id}), ("/v1/commitments", {"sheet_id": sheet.id, "late": "true"}),
             ("/v1/commitments", {"sheet_id": sheet.id, "status": "accepted,blocked", "sort": "due_on"}),
             ("/v1/action-sheets", {"plan_id": sheet.json["plan_id"], "status": "draft,consultation"})]

    def all_of_it(**as_of):
        return {(name, url, *filters.items()): seen(w.clients[name], url, **filters, **as_of)
                for name in LOOKERS for url, filters in [(u, {}) for u in urls.values()] + lists}

    kept = [(now(), all_of_it())]
    for each in calls:
        call(w, urls, *each)
        kept.append((now(), all_of_it()))
    # Whoever reads no costs today, of a sheet that was open, reads none of then.
    today = {(name, r["id"]): r for name in LOOKERS for url in urls.values() if (r := seen(w.clients[name], url))}

    def of(name, record):
        return record if "cost" in today[name, record["id"]] else {k: v for k, v in record.items() if k != "cost"}

    for at, then in kept:
        for asked, answer in all_of_it(as_of=at).items():
            was_then = then[asked]
            if isinstance(was_then, list):
                assert answer == [of(asked[0], r) for r in was_then], (at, asked)
            else:
                assert answer == (was_then and of(asked[0], was_then)), (at, asked)
    for name in LOOKERS:
        assert [seen(w.clients[name], url, as_of=begun) for url in urls.values()] == [None, None]


def test_what_was_a_draft_stays_hidden_from_who_did_not_see_it(w):
    made = w.commitment("bailleur", cost={"planned_cents": 4200000})
    drafted = now()
    w.bailleur.move(made, "proposed").expect(200)
    for name in ("city", "association", "auditor", "bailleur_b", "institution"):
        assert seen(w.clients[name], made.url)
        assert seen(w.clients[name], made.url, as_of=drafted) is None
        assert made.id not in [r["id"] for r in seen(w.clients[name], "/v1/commitments", as_of=drafted, limit=200)]
    assert seen(w.bailleur, made.url, as_of=drafted)["status"] == "draft"


def test_what_is_hidden_today_is_hidden_in_its_past(w):
    sheet = w.action_sheet()
    w.city.patch(f"{sheet.url}/cost", {"planned_cents": 7, "open": True}, if_match="*").expect(200)
    w.city.move(sheet.url, "consultation", if_match="*").expect(200)
    opened = now()
    assert seen(w.association, sheet.url)["cost"]["planned_cents"] == 7
    w.city.patch(f"{sheet.url}/cost", {"open": False}, if_match="*").expect(200)
    assert "cost" not in seen(w.association, sheet.url, as_of=opened)
    assert seen(w.institution, sheet.url, as_of=opened)["cost"]["planned_cents"] == 7


def test_costs_and_notes_of_then_are_for_who_reads_them_today(w):
    made = w.accepted("bailleur", cost={"planned_cents": 100})
    w.city.patch(f"{made.url}/note", {"internal_note": "Avant."}, if_match="*").expect(200)
    then = now()
    w.bailleur.patch(f"{made.url}/cost", {"planned_cents": 200}, if_match="*").expect(200)
    w.city.patch(f"{made.url}/note", {"internal_note": "Après."}, if_match="*").expect(200)
    for name in ("city", "institution", "auditor", "bailleur"):
        assert seen(w.clients[name], made.url, as_of=then)["cost"]["planned_cents"] == 100
    assert seen(w.city, made.url, as_of=then)["internal_note"] == "Avant."
    for name in ("association", "bailleur_b"):
        assert not {"cost", "internal_note"} & seen(w.clients[name], made.url, as_of=then).keys()


def test_late_is_computed_as_of_that_day(w, database):
    made = w.accepted("bailleur", due_on=in_days(-2), sheet_id=(sheet := w.consulted_sheet()).id)
    for table in ("commitment", "commitment_cost"):
        days_ago(database, table, made.id, 10)
    days_ago(database, "action_sheet", sheet.id, 10)
    for days, late in ((-4, False), (-3, False), (-2, False), (-1, True), (0, True)):
        at = in_days(days)
        assert seen(w.city, made.url, as_of=at)["late"] is late, days
        assert seen(w.city, sheet.url, as_of=at)["progress"]["late"] == int(late), days
        for asked, found in (("true", late), ("false", not late)):
            page = seen(w.city, "/v1/commitments", sheet_id=sheet.id, late=asked, as_of=at)
            assert [r["id"] for r in page] == [made.id] * found, (days, asked)


def test_a_day_ends_at_midnight_in_paris(w, database):
    made = w.commitment("bailleur", title=unique("Avant"))
    first = made.json["title"]
    second = w.bailleur.patch(made.url, {"title": unique("Après")}, if_match=made).expect(200).json["title"]
    with database.cursor() as cursor:
        cursor.execute("""UPDATE commitment_version SET
            from_at = CASE n WHEN 1 THEN timestamptz '2024-01-01 12:00Z' ELSE timestamptz '2024-07-01 22:00Z' END,
            to_at = CASE n WHEN 1 THEN timestamptz '2024-07-01 22:00Z' ELSE to_at END WHERE id = %s""", (made.id,))

    def title(at):
        return (seen(w.bailleur, made.url, as_of=at) or {}).get("title")

    assert title("2024-06-30") == title("2024-07-01") == first  # 24:00 there is 22:00Z in summer
    assert title("2024-07-02") == title("2024-07-01T22:00:00Z") == title("2024-07-02T00:00:00+02:00") == second
    assert title("2024-07-01T21:59:59.999Z") == first
    assert title("2023-12-31") is title("2024-01-01T11:59:59.999Z") is None
    assert title(in_days(0)) == second


def test_as_of_when_an_event_was_recorded_is_what_it_made(w):
    made = w.accepted("bailleur")
    events = [e for e in w.city.get(f"{made.url}/history").expect(200).items
              if e["subject"]["type"] == "commitment" and e["kind"] != "commitment.created"]
    for event in events:
        then = seen(w.bailleur, made.url, as_of=event["recorded_at"])
        assert then["version"] == event["subject"]["version"]


def test_pages_as_of_follow_each_other(w):
    sheet = w.consulted_sheet()
    made = [w.commitment("bailleur", sheet_id=sheet.id) for _ in range(3)]
    at = now()
    w.bailleur.patch(made[1], {"sheet_id": None}, if_match="*").expect(200)
    w.commitment("bailleur", sheet_id=sheet.id)
    for sort, order in (("-created_at", made[::-1]), ("-updated_at", made[::-1]), ("due_on", None)):
        params, found = {"sheet_id": sheet.id, "as_of": at, "limit": 1, "sort": sort}, []
        while True:
            page = w.bailleur.get("/v1/commitments", params).expect(200)
            found += [r["id"] for r in page.items]
            if not page.json["next_cursor"]:
                break
            params["cursor"] = page.json["next_cursor"]
        assert (found if order else sorted(found)) == [m.id for m in (order or made)]


@pytest.mark.parametrize("path", ["/v1/commitments", "/v1/action-sheets", "c", "s"])
def test_the_future_and_nonsense_are_refused(w, path):
    path = {"c": lambda: w.commitment().url, "s": lambda: w.action_sheet().url}.get(path, lambda: path)()
    for at in (in_days(1), "2999-01-01T00:00:00Z"):
        refused(w.city.get(path, {"as_of": at}), 400, "as_of_in_the_future")
    for at in ("yesterday", "2024-02-30", "2024-03-18T09:30:00", "", "now", "infinity"):
        answer = w.city.get(path, {"as_of": at}).expect(400)
        assert [fault["parameter"] for fault in answer.problem.errors] == ["as_of"]


def test_nothing_is_moved_in_the_past_nor_changed_by_its_etag(w):
    made = w.accepted("bailleur")
    at = now()
    past = w.bailleur.get(made.url, {"as_of": at}).expect(200)
    assert past.json["allowed_transitions"] == []
    assert w.bailleur.get(made.url, {"as_of": at}, headers={"If-None-Match": past.etag}).status == 304
    w.bailleur.patch(made.url, {"progress": 10}, if_match="*").expect(200)
    w.bailleur.patch(made.url, {"progress": 20}, if_match=past).expect(412)


def test_looking_back_ends_with_the_request(w):
    made = w.accepted("bailleur")
    at = now()
    for n in range(1, 9):
        w.bailleur.patch(made.url, {"progress": n}, if_match="*").expect(200)
        assert (seen(w.city, made.url, as_of=at)["progress"], seen(w.city, made.url)["progress"]) == (0, n)


def test_what_was_erased_is_null(w, database):
    made = w.commitment("bailleur", deliverable=mark())
    at = now()
    with database.cursor() as cursor:
        cursor.execute("""UPDATE commitment_version SET record = record || '{"deliverable": null}' WHERE id = %s""", (made.id,))
    assert seen(w.bailleur, made.url, as_of=at)["deliverable"] is None


def test_the_past_is_read_by_the_text_that_reads_the_present(database):
    with database.cursor() as cursor:
        def texts(schema, path):
            cursor.execute(f"SET search_path = {path}")
            cursor.execute("""SELECT c.relname, pg_get_viewdef(c.oid) FROM pg_class AS c
                              WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'v'""", (schema,))
            # A function takes a past row as a present one by a cast.
            return {name: re.sub(r"\((\w+\.\*)\)::gusp\.\w+", r"\1", text) for name, text in cursor.fetchall()}

        past, present = texts("past", "past, gusp, public"), texts("gusp", "gusp, public")
        both = past.keys() & present.keys()
        assert {"commitment_read", "action_sheet_read"} <= both
        assert {name: past[name] for name in both} == {name: present[name] for name in both}
        cursor.execute("""SELECT p.proname, p.prosrc, g.prosrc FROM pg_proc AS p
                          JOIN pg_proc AS g ON g.proname = p.proname AND g.pronamespace = 'gusp'::regnamespace
                          WHERE p.pronamespace = 'past'::regnamespace AND p.proname <> 'allowed_transitions'""")
        functions = cursor.fetchall()
        assert [f[0] for f in functions if f[1] != f[2].replace("gusp.", "")] == []
        assert "sheet_progress" in {f[0] for f in functions}
        # Tables that are remembered have in the past all their columns.
        cursor.execute("""SELECT t.tgrelid::regclass::text FROM pg_trigger AS t WHERE t.tgname = 'y_version_created'""")
        for (table,) in cursor.fetchall():
            cursor.execute("""SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a
                              WHERE a.attnum > 0 AND NOT a.attisdropped
                                AND a.attrelid IN (format('gusp.%%I', %s::text)::regclass, format('past.%%I', %s::text)::regclass)
                              GROUP BY a.attrelid""", (table, table))
            columns = [c for (c,) in cursor.fetchall()]
            assert columns[0] == columns[1], table
        cursor.execute("SET search_path = gusp, public")
