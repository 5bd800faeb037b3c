"""The rules of the interface that every resource gets from the engine, shown
on actors: conditional requests, merge-patch, idempotency, pages, strict
parameters, problems, negotiation, CORS, quotas, identifiers."""

import json
import re
import threading
import uuid

import pytest

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def named(prefix="Association"):
    return {"kind": "association", "name": f"{prefix} {uuid.uuid4().hex[:12]}"}


@pytest.fixture
def actor(as_city):
    return as_city.post("/v1/actors", named()).expect(201)


# --- records and their versions --------------------------------------------------


def test_a_new_record_has_an_address_a_version_and_an_etag(as_city, actor):
    assert UUID7.match(actor.id)
    assert actor.headers["location"] == f"/v1/actors/{actor.id}"
    assert re.match(r'^"1-[0-9a-f]{16}"$', actor.etag)
    read = as_city.get(actor.url).expect(200)
    assert (read.etag, read.json) == (actor.etag, actor.json)


def test_a_read_with_the_current_etag_is_not_sent_again(as_city, actor):
    answer = as_city.get(actor.url, headers={"If-None-Match": f'"x", W/{actor.etag}'})
    assert answer.status == 304 and answer.body == b""
    assert answer.headers["etag"] == actor.etag
    assert "date" in answer.headers and "cache-control" in answer.headers
    as_city.get(actor.url, headers={"If-None-Match": '"1-0000000000000000"'}).expect(200)


def test_authenticated_reads_are_revalidated_and_problems_are_not_stored(as_city, actor):
    assert as_city.get(actor.url).headers["cache-control"] == "private, no-cache"
    assert as_city.get(f"/v1/actors/{uuid.uuid4()}").headers["cache-control"] == "no-store"


def test_a_change_needs_if_match(as_city, actor):
    answer = as_city.patch(actor, {"short_name": "A"}, if_match=None).expect(428)
    assert answer.problem.code == "precondition_required"


def test_a_change_made_on_a_stale_copy_is_refused_with_the_current_etag(as_city, actor):
    changed = as_city.patch(actor, {"short_name": "A"}).expect(200)
    assert changed.json["version"] == 2
    stale = as_city.patch(actor, {"short_name": "B"}).expect(412)
    assert stale.problem.code == "precondition_failed"
    assert stale.headers["etag"] == changed.etag
    assert as_city.get(actor.url).json["short_name"] == "A"


@pytest.mark.parametrize("tag", ['W/"1-0000000000000000"', '"9-0000000000000000"'])
def test_weak_and_other_tags_never_match(as_city, actor, tag):
    as_city.patch(actor, {"short_name": "A"}, if_match=tag).expect(412)


def test_a_star_matches_any_version_and_a_list_any_of_its_tags(as_city, actor):
    as_city.patch(actor, {"short_name": "A"}, if_match="*").expect(200)
    as_city.patch(actor, {"short_name": "B"}, if_match=f'"7-0000000000000000", "2-0000000000000000"').expect(200)


def test_a_malformed_if_match_is_a_bad_request(as_city, actor):
    as_city.patch(actor, {"short_name": "A"}, if_match="1").expect(400)


def test_of_many_changes_on_one_version_one_succeeds(as_city, actor):
    statuses = []

    def change(n):
        statuses.append(as_city.patch(actor, {"short_name": f"n{n}"}, check=False).status)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(statuses) == [200] + [412] * 15
    assert as_city.get(actor.url).json["version"] == 2


# --- merge-patch --------------------------------------------------------------------


def test_null_clears_absent_leaves_and_arrays_are_replaced(as_city, actor):
    one = as_city.patch(actor, {"short_name": "A", "links": ["https://a.example.org/", "https://b.example.org/"]})
    two = as_city.patch(one.expect(200), {"short_name": None, "links": ["https://c.example.org/"]}).expect(200)
    assert two.json["short_name"] is None
    assert two.json["links"] == ["https://c.example.org/"]
    assert two.json["name"] == actor.json["name"]


def test_an_empty_patch_and_one_that_changes_nothing_make_no_version(as_city, actor):
    assert as_city.patch(actor, {}).expect(200).json["version"] == 1
    assert as_city.patch(actor, {"name": actor.json["name"]}).expect(200).json["version"] == 1
    assert len(as_city.get(actor.url + "/history").items) == 1


def test_a_required_member_cannot_be_cleared(as_city, actor):
    answer = as_city.patch(actor, {"name": None}).expect(422)
    assert answer.problem.pointers == ["/name"]


@pytest.mark.parametrize("member", ["id", "version", "status", "created_by", "institution_id", "programme_id", "nom"])
def test_a_read_only_or_unknown_member_is_refused_and_named(as_city, actor, member):
    answer = as_city.patch(actor, {member: "x"}).expect(422)
    assert answer.problem.pointers == [f"/{member}"]
    assert answer.problem.codes == ["unknown_member"]
    assert as_city.get(actor.url).json["version"] == 1


def test_a_patch_in_another_media_type_is_told_which_one(as_city, actor):
    answer = as_city.patch(actor, {"short_name": "A"}, content_type="application/json").expect(415)
    assert answer.headers["accept-patch"] == "application/merge-patch+json"


def test_a_patch_that_is_no_object_is_refused(as_city, actor):
    as_city.patch(actor, [1]).expect(422)


# --- idempotency ----------------------------------------------------------------------


def test_creating_needs_an_idempotency_key(as_city):
    answer = as_city.post("/v1/actors", named(), key=None).expect(400)
    assert answer.problem.code == "idempotency_key_missing"


@pytest.mark.parametrize("key", ["short", "x" * 129, '"with space inside key"'])
def test_a_malformed_key_is_refused(as_city, key):
    as_city.post("/v1/actors", named(), key=key).expect(400)


@pytest.mark.parametrize("quoted", [True, False])
def test_a_repeated_request_gets_the_first_answer(as_city, quoted):
    key, body = str(uuid.uuid4()), named()
    sent = f'"{key}"' if quoted else key
    first = as_city.post("/v1/actors", body, key=sent).expect(201)
    again = as_city.post("/v1/actors", dict(reversed(body.items())), key=key).expect(201)
    assert again.json == first.json and again.etag == first.etag
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


def test_a_key_used_for_another_request_is_refused(as_city):
    key = str(uuid.uuid4())
    as_city.post("/v1/actors", named(), key=key).expect(201)
    assert as_city.post("/v1/actors", named(), key=key).expect(422).problem.code == "idempotency_mismatch"


def test_a_refusal_is_judged_anew(as_city):
    key, body = str(uuid.uuid4()), named()
    bad = {**body, "parent_id": str(uuid.uuid4())}
    as_city.post("/v1/actors", bad, key=key).expect(422)
    as_city.post("/v1/actors", body, key=key).expect(201)


def test_keys_are_each_clients_own(as_city, as_bailleur):
    key, body = str(uuid.uuid4()), named()
    as_city.post("/v1/actors", body, key=key).expect(201)
    answer = as_bailleur.post("/v1/actors", body, key=key)
    assert answer.status == 403 and "idempotency-replayed" not in answer.headers


def test_a_hundred_identical_requests_at_once_have_one_effect(as_city):
    key, body, answers = str(uuid.uuid4()), named("Centuple"), []

    def send():
        answers.append(as_city.post("/v1/actors", body, key=key, check=False))

    threads = [threading.Thread(target=send) for _ in range(100)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {a.status for a in answers} <= {201, 409}
    assert len({a.id for a in answers if a.status == 201}) == 1
    for a in answers:
        if a.status == 409:
            assert a.problem.code == "idempotency_in_progress" and "retry-after" in a.headers
    assert len(as_city.get("/v1/actors", {"q": body["name"]}).items) == 1


# --- lists ------------------------------------------------------------------------------


def test_pages_follow_each_other_without_gap_or_repetition(as_city):
    mark = uuid.uuid4().hex[:10]
    made = {as_city.post("/v1/actors", named(f"Page{mark}")).expect(201).id for _ in range(7)}
    for sort in ("name", "-updated_at"):
        seen = [a["id"] for a in as_city.pages("/v1/actors", {"q": f"page{mark}", "limit": 3, "sort": sort})]
        assert len(seen) == 7 and set(seen) == made


def test_the_next_page_is_linked_and_keeps_the_filters(as_city):
    page = as_city.get("/v1/actors", {"limit": 1, "kind": "city,bailleur"}).expect(200)
    link = re.match(r'<([^>]+)>; rel="next"', page.headers["link"]).group(1)
    assert link.startswith(as_city.base_url) and "kind=city" in link and page.json["next_cursor"] in link
    assert as_city.get(link).expect(200).items[0]["id"] != page.items[0]["id"]


@pytest.mark.parametrize("limit,status", [(0, 400), (1, 200), (200, 200), (201, 400), ("ten", 400), ("1.0", 400)])
def test_the_limit_is_bounded(as_city, limit, status):
    as_city.get("/v1/actors", {"limit": limit}).expect(status)


def test_a_cursor_serves_only_the_list_it_came_from(as_city):
    cursor = as_city.get("/v1/actors", {"limit": 1}).json["next_cursor"]
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for params in ({"cursor": flipped}, {"cursor": cursor, "sort": "-updated_at"},
                   {"cursor": cursor, "kind": "city"}, {"cursor": "x"}):
        assert as_city.get("/v1/actors", {"limit": 1, **params}).expect(400).problem.code == "invalid_cursor"
    assert as_city.get("/v1/members/x/history", {"cursor": cursor}).status == 400


@pytest.mark.parametrize("query,code", [
    ("colour=red", "unknown_parameter"),
    ("limit=1&limit=2", "repeated_parameter"),
    ("kind=", "malformed_parameter"),
    ("kind=mairie", "enum"),
    ("institution_id=7", "format"),
    ("siren=123456789", "format"),
    ("q=%ff", "malformed_parameter"),
    ("q=%00", "malformed_parameter"),
])
def test_a_bad_parameter_is_named(as_city, query, code):
    answer = as_city.get("/v1/actors?" + query).expect(400)
    assert answer.problem.codes == [code]
    assert answer.problem.errors[0]["parameter"] == query.split("=")[0]


def test_more_parameters_than_kore_keeps_are_all_read(as_city):
    query = "&".join(f"p{n}=1" for n in range(30))
    answer = as_city.get("/v1/actors?" + query).expect(400)
    assert answer.problem.errors[0]["parameter"] == "p0" and len(answer.problem.errors) == 20


@pytest.mark.parametrize("name,question", [
    ("Amicale des Bressons Blazots", "bressons blazot"),
    ("Régie de l'Étoile-Filante", "regie etoile filante"),
    ("Comité Sous-Préfecture", "sous prefectures"),
])
def test_search_forgives_accents_hyphens_and_plurals(as_city, name, question):
    mark = uuid.uuid4().hex[:8]
    actor = as_city.post("/v1/actors", {"kind": "other", "name": f"{name} {mark}"}).expect(201)
    assert [a["id"] for a in as_city.get("/v1/actors", {"q": f"{question} {mark}"}).items] == [actor.id]


# --- bodies -----------------------------------------------------------------------------


@pytest.mark.parametrize("body,status,code", [
    (b"", 400, "body_missing"),
    (b"{", 400, "malformed_json"),
    (b'{"kind":"other","name":"a"} x', 400, "malformed_json"),
    (b'{"kind":"other","name":"a","name":"b"}', 400, "malformed_json"),
    (b'{"kind":"other","name":"a\\u0000b"}', 422, "nul_character"),
    (b'{"kind":"other","name":"a\x00b"}', 400, "malformed_json"),
    (b'[1\x002]', 400, "malformed_json"),
    (b'{"kind":"other","name":"\xff"}', 400, "invalid_utf8"),
    (b'{"kind":"other","name":"\\ud800"}', 400, None),
    (b'{"kind":"other","name":NaN}', 400, "malformed_json"),
    (b'{"kind":"other","name":1e400}', 400, "malformed_json"),
    (b'{"kind":"other","name":9223372036854775808}', 400, "malformed_json"),
    (b"[" * 1000 + b"]" * 1000, 400, "too_deep"),
    (b"[" * 5000 + b"]" * 5000, 400, "too_deep"),
    (b'{"links":' + b"[" * 40 + b"]" * 40 + b"}", 400, "too_deep"),
    (b'{"links":[' + b"1," * 20000 + b"1]}", 400, "too_many_values"),
    (b"[]", 422, "invalid_body"),
    (b"{}", 422, "invalid_body"),
    (b'"x"', 400, "malformed_json"),
    (b'\xef\xbb\xbf{"kind":"other","name":"a"}', 400, None),
])
def test_a_malformed_body_is_refused_and_changes_nothing(as_city, database, body, status, code):
    def count():
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM gusp.event")
            return cursor.fetchone()

    before = count()
    answer = as_city.post("/v1/actors", data=body, content_type="application/json").expect(status)
    if code:
        assert answer.problem.code == code
    assert count() == before


def test_all_faults_of_a_body_are_told_at_once(as_city):
    answer = as_city.post("/v1/actors", {
        "kind": "mairie", "name": "", "siren": "123", "links": ["x"], "parent_id": 7, "colour": 1,
    }).expect(422)
    assert set(answer.problem.pointers) == {"/kind", "/name", "/siren", "/links/0", "/parent_id", "/colour"}
    assert all(e["detail"] for e in answer.problem.errors)


@pytest.mark.parametrize("name", ["é", "emoji \U0001f600", "e\u0301 décomposé", "'; DROP TABLE gusp.actor; --", "\u202egauche", "x" * 200])
def test_text_comes_back_as_it_was_sent(as_city, name):
    assert as_city.post("/v1/actors", {"kind": "other", "name": name}).expect(201).json["name"] == name


def test_text_is_counted_in_characters_not_bytes(as_city):
    as_city.post("/v1/actors", {"kind": "other", "name": "é" * 200}).expect(201)
    as_city.post("/v1/actors", {"kind": "other", "name": "é" * 201}).expect(422)


def test_a_body_of_another_type_is_refused(as_city):
    as_city.post("/v1/actors", data=b"kind=other", content_type="application/x-www-form-urlencoded").expect(415)


def test_a_body_larger_than_the_limit_is_refused(as_city):
    answer = as_city.post("/v1/actors", data=b" " * (256 * 1024 + 1), content_type="application/json", check=False)
    assert answer.status == 413 and answer.problem.code == "body_too_large"


# --- problems ------------------------------------------------------------------------------


def test_a_problem_is_french_unless_english_is_asked_for(as_city):
    url = f"/v1/actors/{uuid.uuid4()}"
    french = as_city.get(url).expect(404)
    english = as_city.get(url, headers={"Accept-Language": "en-GB, fr;q=0.5"}).expect(404)
    assert french.headers["content-language"] == "fr" and english.headers["content-language"] == "en"
    assert french.problem.code == english.problem.code == "not_found"
    assert french.problem.title != english.problem.title


def test_a_problem_says_all_of_rfc_9457(as_city):
    answer = as_city.get(f"/v1/actors/{uuid.uuid4()}", headers={"X-Request-Id": "ticket-12345"})
    problem = answer.problem
    assert problem.type.startswith(as_city.base_url + "/docs/problems#")
    assert problem.status == 404 and problem.title and problem.detail
    assert problem.request_id == "ticket-12345" == answer.headers["x-request-id"]
    assert problem.instance.endswith("/ticket-12345")


@pytest.mark.parametrize("given", ["short", "bad id with spaces", "x" * 65, "newline\\n"])
def test_a_bad_request_id_is_replaced(as_city, given):
    made = as_city.get("/v1/actors", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert made != given and re.match(r"^[A-Za-z0-9._-]{8,64}$", made)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/unknown", "/v1/actors/", "//v1/actors", "/V1/actors"])
def test_an_unknown_path_is_a_problem(as_nobody, path):
    answer = as_nobody.get(path, check=False)
    if path != "/":
        assert answer.status == 404 and answer.problem.code == "not_found"


def test_a_method_the_path_does_not_know_is_told_which_it_does(as_city):
    answer = as_city.request("PUT", "/v1/actors", json={}, check=False)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_an_answer_nobody_can_read_is_not_acceptable(as_city):
    assert as_city.get("/v1/actors", headers={"Accept": "text/html"}).status == 406
    for accept in ("*/*", "application/*", "application/json;q=0.5, text/html", "application/problem+json, application/json"):
        as_city.get("/v1/actors", headers={"Accept": accept}).expect(200)


def test_head_gives_the_headers_of_get_without_a_body(as_city, actor):
    head, get = as_city.head(actor.url), as_city.get(actor.url)
    assert head.status == 200 and head.body == b""
    for name in ("etag", "content-type", "content-length", "cache-control"):
        assert head.headers[name] == get.headers[name]


def test_every_answer_carries_date_request_id_vary_and_the_safe_headers(as_city, as_nobody, actor):
    for answer in (as_city.get(actor.url), as_nobody.get("/livez"), as_nobody.get("/v1/x", check=False),
                   as_nobody.get(actor.url)):
        h = answer.headers
        assert re.match(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", h["date"])
        assert h["x-request-id"]
        assert {"accept", "authorization", "origin"} <= {v.strip().lower() for v in h["vary"].split(",")}
        assert h["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in h["content-security-policy"]
        assert h["referrer-policy"] == "no-referrer"
        assert "kore" not in h.get("server", "").lower()
        assert "strict-transport-security" not in h


def test_a_trace_is_continued_and_a_bad_one_ignored(as_city):
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = as_city.get("/v1/actors", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}).expect(200)
    assert answer.headers["traceparent"].split("-")[1] == trace
    for bad in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-" + trace + "-b7ad6b7169203331-01", "junk"):
        answer = as_city.get("/v1/actors", headers={"traceparent": bad}).expect(200)
        assert answer.headers["traceparent"].split("-")[1] != trace


# --- browsers -------------------------------------------------------------------------------

FRONT = "https://front.example"


def test_an_allowed_origin_may_read_answers_and_refusals(as_city, as_nobody):
    for answer in (as_city.get("/v1/actors", headers={"Origin": FRONT}),
                   as_nobody.get("/v1/actors", headers={"Origin": FRONT}),
                   as_city.get(f"/v1/actors/{uuid.uuid4()}", headers={"Origin": FRONT})):
        assert answer.headers["access-control-allow-origin"] == FRONT
        assert "etag" in answer.headers["access-control-expose-headers"].lower()
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://front.example.evil.example", "http://front.example", "null", "https://front.example:8443"])
def test_another_origin_may_not(as_city, origin):
    assert "access-control-allow-origin" not in as_city.get("/v1/actors", headers={"Origin": origin}).headers


def test_a_preflight_is_answered_without_a_token(as_nobody, actor):
    answer = as_nobody.request("OPTIONS", actor.url, check=False, headers={
        "Origin": FRONT, "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, if-match"})
    assert answer.status == 204 and answer.body == b""
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(h in allowed for h in ("authorization", "if-match", "idempotency-key", "content-type"))
    assert answer.headers["access-control-max-age"] == "7200"


# --- quotas ---------------------------------------------------------------------------------


def test_every_answer_says_what_is_left_of_the_quota(as_city):
    answer = as_city.get("/v1/actors")
    assert re.match(r'^"partner";q=\d+;w=60$', answer.headers["ratelimit-policy"])
    assert re.match(r'^"partner";r=\d+;t=\d+$', answer.headers["ratelimit"])


def test_who_passes_the_quota_is_asked_to_wait(another_server, as_city, contract, access):
    from client import Client
    client = Client(another_server(GUSP_RATE="5").base_url, access["tokens"]["association"], contract)
    statuses = [client.get("/v1/actors").status for _ in range(5)]
    refused = client.get("/v1/actors")
    if refused.status == 200:  # the minute turned over meanwhile
        refused = [client.get("/v1/actors") for _ in range(6)][-1]
    assert statuses == [200] * 5 and refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.problem.type == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert json.loads(refused.text)["violated-policies"] == ["partner"]


# --- one slash too far -------------------------------------------------------

def test_a_slash_too_far_leads_to_what_anybody_may_read(as_nobody):
    for path in ("/docs", "/livez"):
        assert as_nobody.get(path + "/").expect(308).headers["location"] == path
        assert as_nobody.head(path + "/").expect(308).headers["location"] == path
    for path in ("/v1/sites/", "/docs/problems/", "/nothing/", "//", "/docs//"):
        as_nobody.get(path).expect(404)
