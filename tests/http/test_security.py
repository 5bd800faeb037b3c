"""What an attacker tried and must not get: each test is an attack that once
went through."""

import concurrent.futures
import http.client
import re
import urllib.parse

import pytest
import requests

from client import Client
from world import World, in_days


# --- whose a site is -------------------------------------------------------------------------


@pytest.fixture
def square(world):
    """Public, the city's, kept by a bailleur."""
    return world.site(owner_actor_id=world.actor["city"], manager_actor_id=world.actor["bailleur"])


@pytest.mark.parametrize("claim", [
    {"tenure": "bailleur_private"}, {"owner_actor_id": "bailleur"}, {"owner_actor_id": None},
    {"tenure": "bailleur_private", "owner_actor_id": "bailleur"}, {"tenure": "unknown"},
])
def test_who_keeps_a_public_site_does_not_make_it_its_own(world, square, claim):
    if claim.get("owner_actor_id"):
        claim = dict(claim, owner_actor_id=world.actor["bailleur"])
    assert world.bailleur.patch(square, claim).expect(403).problem.code == "forbidden"
    world.bailleur.patch(square, {"condition": "worn"}).expect(200)
    world.city.patch(square.url, {"condition": "good"}).expect(200)


def test_who_keeps_the_patrimony_of_another_does_not_make_it_its_own(world):
    residence = world.site(by="bailleur", tenure="bailleur_private", owner_actor_id=world.actor["bailleur"],
                           manager_actor_id=world.actor["bailleur_b"])
    for claim in ({"owner_actor_id": world.actor["bailleur_b"]}, {"tenure": "mixed"}):
        world.bailleur_b.patch(residence.url, claim).expect(403)
    world.bailleur_b.patch(residence.url, {"condition": "worn"}).expect(200)
    world.bailleur.patch(residence.url, {"condition": "good"}).expect(200)


def test_who_keeps_a_site_without_owner_does_not_make_it_its_own(world):
    site = world.site(tenure="unknown", manager_actor_id=world.actor["bailleur"])
    world.bailleur.patch(site, {"tenure": "bailleur_private", "owner_actor_id": world.actor["bailleur"]}).expect(403)


def test_patrimony_is_declared_by_its_owner_alone(world):
    private = world.site_body(tenure="bailleur_private", owner_actor_id=world.actor["bailleur_b"],
                              manager_actor_id=world.actor["bailleur"])
    assert world.bailleur.post("/v1/sites", private).expect(403).problem.code == "forbidden"
    own = world.site(by="bailleur", tenure="bailleur_private", owner_actor_id=world.actor["bailleur"],
                     manager_actor_id=world.actor["bailleur"])
    world.bailleur.patch(own, {"owner_actor_id": world.actor["bailleur_b"]}).expect(403)


def test_a_site_changes_hands_by_way_of_the_city(world):
    site = world.site(by="bailleur", tenure="bailleur_private", owner_actor_id=world.actor["bailleur"])
    world.bailleur.patch(site, {"tenure": "unknown"}).expect(200)
    world.city.patch(site.url, {"owner_actor_id": world.actor["bailleur_b"]}).expect(200)
    world.bailleur.patch(site.url, {"name": "Encore"}).expect(403)
    world.bailleur_b.patch(site.url, {"tenure": "bailleur_private"}).expect(200)
    world.city.patch(site.url, {"name": "Encore"}).expect(403)


# --- what a mandate reaches ------------------------------------------------------------------


@pytest.mark.parametrize("holder", ["city", "mandated", "auditor"])
@pytest.mark.parametrize("role", ["bailleur", "association", "institution"])
def test_a_mandate_gives_no_second_membership_to_those_who_hold_power(world, holder, role):
    body = {"actor_id": world.actor[holder], "role": role}
    assert world.mandated.post(f"{world.url}/members", body).expect(403).problem.code == "forbidden"


def test_a_mandate_gives_no_membership_to_a_service_of_the_city(world):
    body = {"actor_id": world.service().id, "role": "association"}
    world.mandated.post(f"{world.url}/members", body).expect(403)


@pytest.fixture
def own(as_admin, contract):
    """A programme of its own, with the city alone."""
    return World(as_admin, contract, only=[])


def test_the_last_city_membership_does_not_begin_later(own):
    answer = own.city.patch(f"/v1/members/{own.member['city']}", {"from_on": in_days(2)}).expect(422)
    assert answer.problem.code == "guard_not_last_city" and answer.problem.pointers == ["/from_on"]


def test_a_city_membership_to_come_does_not_replace_the_last(own):
    own.city.post(f"{own.url}/members", {
        "actor_id": own.service().id, "role": "city", "from_on": in_days(30)}).expect(201)
    for change in ({"to_on": in_days(10)}, {"from_on": in_days(2)}):
        own.city.patch(f"/v1/members/{own.member['city']}", change, if_match="*").expect(422)
    own.city.move(f"/v1/members/{own.member['city']}", "ended", if_match="*").expect(422)


# --- at the same time ------------------------------------------------------------------------


def at_once(*calls):
    """The statuses of calls that start together."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return sorted(call.status for call in pool.map(lambda call: call(), calls))


def test_two_services_never_become_parts_of_each_other_at_once(world):
    clients = [Client(world.city.base_url, world.city.token, world.contract) for _ in range(2)]
    for _ in range(10):
        one, other = world.service(), world.service()
        assert at_once(lambda: clients[0].patch(one, {"parent_id": other.id}),
                       lambda: clients[1].patch(other, {"parent_id": one.id})) == [200, 422]


def test_two_terms_never_become_parts_of_each_other_at_once(world):
    clients = [Client(world.city.base_url, world.city.token, world.contract) for _ in range(2)]
    for _ in range(10):
        one, other = world.term(), world.term()
        assert at_once(lambda: clients[0].patch(one, {"parent_code": other.json["code"]}),
                       lambda: clients[1].patch(other, {"parent_code": one.json["code"]})) == [200, 422]


# --- what history tells ----------------------------------------------------------------------


def test_the_administrator_reads_that_an_actor_moved_but_not_why(world):
    service = world.service()
    world.city.move(service, "archived", comment="Réorganisation").expect(200)
    assert [e["comment"] for e in world.city.get(service.url + "/history").items] == [None, "Réorganisation"]
    events = world.admin.get(service.url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["actor.created", "actor.archived"]
    assert [e["comment"] for e in events] == [None, None]


@pytest.mark.parametrize("comment", ["Vu avec jean@exemple.fr", "Rappeler le 06 99 00 00 01"])
def test_a_comment_that_no_one_could_erase_names_nobody(world, comment):
    answer = world.city.move(world.site(), "archived", comment=comment).expect(422)
    assert answer.problem.code == "personal_data_suspected" and answer.problem.pointers == ["/comment"]


def test_an_answer_is_kept_for_seven_days_and_no_longer(world, database):
    with database.cursor() as cursor:
        kept = {}
        for days in (6, 8):
            key = f"kept-for-{days}-days-{world.programme}"
            kept[key] = days
            world.city.post("/v1/contacts", world.contact_body(), key=key).expect(201)
            cursor.execute("UPDATE gusp.idempotency SET created_at = now() - make_interval(days => %s)"
                           " WHERE key = %s", (days, key))
        cursor.execute("SELECT auth.purge()")
        cursor.execute("SELECT key FROM gusp.idempotency WHERE key = ANY (%s)", (list(kept),))
        assert [kept[key] for key, in cursor.fetchall()] == [6]


# --- headers ---------------------------------------------------------------------------------


def test_the_link_to_the_next_page_leads_to_no_other_host(world, server):
    words = 'evasion>;rel="x",<http://elsewhere.example/'
    for _ in range(2):
        world.contact(name=" ".join(re.findall("[a-z]+", words)))
    # As it stands: other libraries would encode it.
    line = http.client.HTTPConnection(server.host, server.port, timeout=10)
    line.request("GET", "/v1/contacts?limit=1&q=" + words, headers={"Authorization": "Bearer " + world.city.token})
    answer = line.getresponse()
    link = answer.headers["Link"]
    line.close()
    assert answer.status == 200 and re.fullmatch(r'<[^<>"]+>; rel="next"', link)
    here = link[1:].split(">")[0]
    assert here.startswith(server.base_url + "/v1/contacts?")
    assert urllib.parse.parse_qs(here.split("?")[1])["q"] == [words]
    assert len(world.city.get(here).expect(200).items) == 1


def test_forged_tokens_of_one_address_are_soon_not_looked_at(another_server, access):
    url = another_server(GUSP_TOKEN_RATE="1").base_url + "/v1/actors"
    good = access["tokens"]["city"]
    assert requests.get(url, headers={"Authorization": "Bearer " + good}).status_code == 200
    forged = [requests.get(url, headers={"Authorization": f"Bearer {good[:-8]}AAAAAAA{n % 10}"})
              for n in range(20)]
    statuses = [answer.status_code for answer in forged]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert "retry-after" in forged[-1].headers
    # A token that was verified before is still served.
    assert requests.get(url, headers={"Authorization": "Bearer " + good}).status_code == 200


@pytest.mark.parametrize("name", ["a\u0001b", "a\u0008b", "a\u001bb", "a\u007fb"])
def test_control_characters_are_refused(as_city, name):
    answer = as_city.post("/v1/actors", {"kind": "other", "name": name}).expect(422)
    assert answer.problem.codes == ["control_character"]


def test_a_partner_does_not_call_itself_the_city_or_the_state(world):
    actor = "/v1/actors/" + world.actor["association"]
    for kind in ("city", "state", "control_body"):
        assert world.association.patch(actor, {"kind": kind}).expect(403).problem.code == "kind_is_given_by_the_city"


@pytest.mark.parametrize("question", ["a", "a b c", "-", "é"])
def test_a_question_of_single_letters_is_refused(as_city, question):
    answer = as_city.get("/v1/actors", {"q": question}).expect(400)
    assert answer.problem.code == "question_too_short"


def test_a_question_of_many_words_asks_for_the_longest(as_city):
    as_city.get("/v1/actors", {"q": " ".join(f"mot{n}" for n in range(30))}).expect(200)
