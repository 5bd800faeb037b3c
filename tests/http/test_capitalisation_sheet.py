"""Capitalisation sheets: composed of what is recorded, under the headings of
2007; the sheet of 2007 itself goes in by the API and comes out again."""

import hashlib
import html
import json
import re

import pytest

from contract import ROOT
from world import World, scores, unique

SHEET = (ROOT / "tests" / "data" / "fiche-salon-2007.txt").read_text("utf-8")

# The sheet, heading by heading: what stands under each. Its persons, mails and
# phones are fictional.
TITLE = "La mise en œuvre de la démarche de gestion urbaine et sociale de proximité à Salon de Provence"
TERRITORY = ("Trois quartiers prioritaires de la politique de la ville : Canourgues, Monaque et Bressons Blazot")
DEFINITION = ("La GUP est « l'ensemble des actes qui contribuent au bon fonctionnement d'un quartier et à "
              "l'amélioration des conditions de vie des habitants ».")
PURPOSE = (
    "Mise en place d'une démarche expérimentale sur ces trois quartiers afin de permettre la réalisation d'actions "
    "concrètes qui touchent à la vie quotidienne dans ces quartiers : logement, espaces extérieurs, animation et vie "
    "associative. Pour ce faire, animation dans les quartiers de diagnostics participatifs et partagés avec les "
    "habitants ; implication de tous les acteurs concernés : bailleurs, acteurs associatifs, services technique et "
    "politique de la ville.")
INTRODUCTION = (
    "Ces trois quartiers connaissent des situations sociales et des problématiques qui leur sont propres et bien "
    "spécifiques, même s'ils sont désignés sous la même catégorie : quartiers prioritaires :")
CONTEXTS = {
    "Bressons Blazots": "les Bressons Blazots sont touchés par la vétusté d'une partie des logements sociaux, et des "
                        "espaces extérieurs dégradés ;",
    "Canourgues": "aux Canourgues, la multiplicité des bailleurs rend difficile une bonne gestion des problématiques "
                  "communes : entretien des espaces extérieurs, circulations dangereuses ; immeubles ou îlots stigmatisés "
                  "et touchés par des situations sociales difficiles et un état matériel déplorable ;",
    "Monaque": "à la Monaque, une forte solidarité et capacité de mobilisation des habitants ; des problèmes de "
               "co-habitation générationnelles ; des revendications récurrentes concernant les logements (volets, balcons, "
               "isolation, sanitaires).",
}
PARTNERSHIP = (
    "Partenariat entre les différents services de la ville (service logement, politique de la ville, services "
    "techniques), les bailleurs, l'agglomération, les associations de quartier.")
FUNDERS = "L'Etat, la municipalité, les organismes HLM impliqués."
METHOD = (
    "Associer l'ensemble des acteurs concernés au diagnostic, à la recherche et à la mise en œuvre de solutions aux "
    "problèmes identifiés, grâce à différents outils : des réunions de quartier (état des lieux et des thèmes "
    "prioritaires) ; des ateliers habitants (cartographie participative) ; des restitutions du diagnostic partagé ; des "
    "réunions techniques (bailleurs et services de la ville) pour l'élaboration de plans d'action qui donneront lieu à "
    "des fiches actions, outils de travail des acteurs pour le suivi et la réalisation concrète des actions.")
HUMAN = ("Association Arènes pour le suivi de l'action, le service politique de la ville, les structures de quartier sur "
         "le terrain.")
MATERIAL = ("Les locaux des associations de quartier et centres sociaux ; matériel de dessin et reproductions pris en "
            "charge par la Mairie.")
TOOLS = "Plan d'actions et fiches-actions pour aboutir à une convention."
KNOW_HOW = "Cartographie participative, entretiens « en marchant »."
SKILLS = [
    "Capacité d'animation de groupes de travail sur les thématiques concernées, à partir de supports variés : photos, "
    "cartographie",
    "capacité de synthèse des informations recueillies",
    "animation de réunions regroupant des acteurs diversifiés (institutionnels, techniciens, associatifs...)"]
EFFECT = (
    "De nombreux chantiers effectivement engagés au sein des trois quartiers ; pérennisation des réunions "
    "inter-bailleurs et réunions transversales regroupant l'ensemble des acteurs institutionnels concernés par les "
    "problématiques ; la mobilisation des habitants n'a pas perdu suite aux premiers ateliers et réunions.")
DIFFICULTIES = [
    "Difficultés de mobilisation des habitants pour les ateliers, les réunions de travail et plus globalement de "
    "l'ensemble des acteurs.",
    "Essoufflement de ces acteurs qui voient se multiplier les initiatives « participatives » sans résultats concrets."]
SOLUTION = ("Importance de la communication et de l'explicitation de la démarche en amont et des relais locaux "
            "(associations de quartier).")
FRAGILITY = (
    "La question de la mobilisation des habitants est problématique, d'autant plus dans un contexte socio-économique "
    "difficile (violence symbolique, hiérarchisation des préoccupations et des implications...).")
PERSPECTIVE = (
    "Signature d'une convention entre tous les acteurs impliqués dans la démarche, qui s'engagent à respecter les "
    "principes énoncés, et à tout faire pour mettre en œuvre les actions décrites dans les fiches-actions.")
TRANSFER = ("Certains outils mis en place pour la démarche de la GUSP à Salon pourraient être repris pour d'autres "
            "contextes de GUP : ateliers, entretiens, fiches actions et conventions.")
REFERENCE = "Cf. document de présentation des principes de la capitalisation"
TOOLBOX = "Un plan d'action et une convention signée à laquelle sont annexées les fiches-action."

FIELDS = [
    ("Intitulé de l'action", [TITLE]),
    ("Territoire concerné", [TERRITORY]),
    ("Résumé et finalités", []),
    ("L'action a été mise en place pour quoi faire ?", [DEFINITION, PURPOSE]),
    ("Contexte local", [INTRODUCTION, *CONTEXTS.values()]),
    ("Date de lancement (et de clôture)", []),
    ("Objectifs poursuivis", []),
    ("Publics visés", []),
    ("Portage de l'expérience", []),
    ("Nom, fonction et coordonnées de la « personne ressource »", [
        "Association Arènes Claire MARTIN et Anne DUBOIS, chargées d'étude et de recherche "
        "contact@operateur.example.org Tel : 01 99 00 00 01"]),
    ("Partenariat de projet", [PARTNERSHIP]),
    ("Partenaires financiers", [FUNDERS]),
    ("Budget de l'action", []),
    ("Méthode développée", [METHOD]),
    ("Moyens humains mobilisés", [HUMAN]),
    ("Moyens matériels utilisés", [MATERIAL]),
    ("Outils élaborés", [TOOLS]),
    ("Savoir-faire développés", [KNOW_HOW]),
    ("Compétences requises", [" ; ".join(SKILLS)]),
    ("Enseignements", []),
    ("Effets de l'action (écarts entre résultats attendus et obtenus)", [EFFECT]),
    ("Difficultés rencontrées et solutions apportées", [*DIFFICULTIES, SOLUTION]),
    ("Éléments de fragilité et conditions de réussite identifiés", [FRAGILITY]),
    ("Perspectives envisagées et potentialités de transférabilité", [PERSPECTIVE, TRANSFER]),
    ("Evaluation", [REFERENCE]),
    ("Est-ce que l'action...", []),
    ("Consolide le partenariat et la mise en réseau des acteurs ?", ["4/4"]),
    ("Favorise la participation des habitants / bénéficiaires ?", ["3/4"]),
    ("Est articulée au projet du territoire ?", ["3/4"]),
    ("Est innovante ?", ["3/4"]),
    ("Note", ["13/16"]),
    ("Réseaux", []),
    ("Contacts opérateurs similaires", []),
    ("Contacts universitaires et/ou experts sur la thématique traitée à travers l'action", []),
    ("Contacts réseaux institutionnels", [
        "Contact équipe opérationnelle du CUCS de Salon-de-Provence Sophie BERNARD, référente territoriale "
        "Mail : s.bernard@ville.example.org Tel : 01 99 00 00 02",
        "Contact CRPV-PACA Marie PETIT, chargée de mission capitalisation Mail : m.petit@centre-ressources.example.org "
        "Tel : 01 99 00 00 03 Site Internet : <http://www.crpv-paca.org>"]),
    ("Sites Internet et centre de documentation ressource...", [
        "Site Internet de la plateforme documentaire de l'association Arènes <http://www.arenas.org>"]),
    ("Boite à outils", []),
    ("Plaquette de présentation, bilan...", []),
    ("Tout outil de travail associé à l'action : charte, outil de suivi...", [TOOLBOX]),
    ("Mots clé", []),
    ("Auteur de la fiche ressource", ["Claire Martin, Arènes"]),
    ("Date", ["12 juillet 2007"]),
    ("Thèmes", ["Gestion urbaine de proximité"]),
    ("Localisation de l'expérience", ["Salon de Provence (13)"]),
    ("Dispositifs associés à l'action", []),
]
# What the sheet does not say: its total is computed.
COMPUTED = {"13/16"}


def plain(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def w(as_admin, contract):
    return World(as_admin, contract)


@pytest.fixture(scope="module")
def salon(w):
    """The sheet of 2007 as a city enters it."""
    city = w.city
    city.patch(w.url, {"title": TITLE, "nature": "experimental", "definition": DEFINITION, "purpose": PURPOSE,
                       "method": METHOD, "skills": SKILLS, "commune_name": "Salon de Provence", "departement": "13",
                       "commune_insee": "13103"}).expect(200)
    for name, text in reversed(CONTEXTS.items()):
        quartier = city.post("/v1/quartiers", {"name": name}).expect(201)
        w.context(quartier.id, text=text, as_of_on="2007-07-12")

    def institution(name, kind, short=None):
        return city.post("/v1/actors", {"kind": kind, "name": name, "short_name": short}).expect(201).id

    arenes = institution("Association Arènes", "operator", "Arènes")
    team = institution("équipe opérationnelle du CUCS de Salon-de-Provence", "city_service")
    centre = institution("CRPV-PACA", "resource_centre")
    w.contact(kind="resource_person", actor_id=arenes, name="Claire MARTIN et Anne DUBOIS",
              function="chargées d'étude et de recherche", email="contact@operateur.example.org", phone="01 99 00 00 01")
    w.contact(kind="institutional_network", actor_id=centre, name="Marie PETIT",
              function="chargée de mission capitalisation", email="m.petit@centre-ressources.example.org",
              phone="01 99 00 00 03", website="http://www.crpv-paca.org")
    w.contact(kind="operational_team", actor_id=team, name="Sophie BERNARD", function="référente territoriale",
              email="s.bernard@ville.example.org", phone="01 99 00 00 02")
    w.contact(kind="documentation", name="Site Internet de la plateforme documentaire de l'association Arènes",
              website="http://www.arenas.org")
    w.consulted_sheet(means=[{"kind": "human", "label": HUMAN}, {"kind": "material", "label": MATERIAL}])
    w.lesson(kind="effect", text=EFFECT)
    tired = [w.lesson(kind="difficulty", text=text) for text in DIFFICULTIES][1]
    w.lesson(kind="perspective", text=PERSPECTIVE), w.lesson(kind="transferability", text=TRANSFER)
    w.lesson(kind="fragility", text=FRAGILITY), w.lesson(kind="solution", text=SOLUTION, answers_id=tired.id)
    evaluation = w.contradictory(evaluated_on="2007-07-12", reference=REFERENCE, scores=scores(4, 3, 3, 3))
    w.city.move(evaluation, "final").expect(200)
    w.document(title=TOOLBOX, kind="convention", toolbox="true")
    city.post("/v1/vocabularies/themes/terms", {"code": "gup", "label_fr": "Gestion urbaine de proximité"}).expect(201)
    return city.post("/v1/capitalisation-sheets", {
        "author_name": "Claire Martin", "author_actor_id": arenes, "dated_on": "2007-07-12", "themes": ["gup"],
        "overrides": {"territory": TERRITORY, "local_context_introduction": INTRODUCTION, "partnership": PARTNERSHIP,
                      "funders": FUNDERS, "tools": TOOLS, "know_how": KNOW_HOW}}).expect(201)


def told(record):
    """Heading after heading of a sheet, with what stands under each."""
    details = record["details"]
    reached = {c["contact_id"]: c for c in details["contacts"]}
    found = []
    for section in record["content"]["sections"]:
        for part in (section, *section["entries"]):
            words = [*part["text"], *part["items"]]
            if part["key"] == "author":
                words = [f"{details['author_name']}, {words[0]}"]
            for contact in part["contacts"]:
                bare = part["key"] in ("resource_persons", "documentation")
                has = {**contact, **reached.get(contact["contact_id"], {})}
                labels = (("organisation", "Contact "), ("name", ""), ("email", "Mail : "), ("phone", "Tel : "),
                          ("website", "Site Internet : "))
                lines = []
                for member, label in labels:
                    if has.get(member):
                        value = f"<{has[member]}>" if member == "website" else has[member]
                        if member == "name" and has["function"]:
                            value += ", " + has["function"]
                        lines.append(("" if bare and member != "phone" else label) + value)
                words.append(" ".join(lines))
            found.append((part["heading"], words))
    return found


def from_markdown(text):
    """The same of the Markdown; the title of the document is no heading."""
    found = []
    for block in text.split("\n\n")[1:]:
        heading = re.fullmatch(r"#{2,3} (.*)", block.strip())
        words = [re.sub(r"\\([\\`*_\[\]<>#&+=~>|.)-])", r"\1", line) for line in
                 ([heading.group(1)] if heading else
                  re.split(r"\n- ", "\n" + block.strip())[1:] if block.startswith("- ") else [block])]
        if heading:
            found.append((words[0], []))
        else:
            found[-1][1].extend(plain(w) for w in words)
    return found


def from_html(text):
    """The same of the HTML."""
    found = []
    for kind, words in re.findall(r"<(h2|h3|p|li)>(.*?)</\1>", text, re.S):
        words = plain(html.unescape(words.replace("<br>", " ")))
        if kind in ("h2", "h3"):
            found.append((words, []))
        else:
            found[-1][1].append(words)
    return found


# --- 2007 ------------------------------------------------------------------------------


def test_the_fields_of_this_test_are_the_whole_sheet_of_2007():
    """Nothing of the sheet is left when they are taken out of it."""
    left = plain(re.sub(r"</?(p|ul|li)\b[^>]*>", " ", SHEET))
    pieces = [heading for heading, _ in FIELDS] + [w for _, words in FIELDS for w in words if w not in COMPUTED]
    for piece in sorted(pieces, key=len, reverse=True):
        assert piece in left, piece
        left = left.replace(piece, " ", 1)
    assert set(left) <= set(" -")


def test_the_headings_stand_in_the_order_of_the_sheet():
    text, at = plain(re.sub(r"<[^>]+>", " ", SHEET)), 0
    for heading, _ in FIELDS:
        at = text.index(heading, at) + len(heading)


def test_the_sheet_of_2007_is_read_back_field_for_field_with_its_empty_headings(w, salon):
    for name in ("city", "institution", "facilitator", "bailleur_wide"):
        assert told(w.clients[name].get(salon.url).expect(200).json) == FIELDS, name
    assert salon.json["content"]["evaluation"]["total"] == {"score": 13, "out_of": 16}
    assert [s["score"] for s in salon.json["content"]["evaluation"]["scores"]] == [4, 3, 3, 3]


@pytest.mark.parametrize("kind,media_type,read", [("md", "text/markdown", from_markdown), ("html", "text/html", from_html)])
def test_its_exports_say_the_same_in_the_same_order(w, salon, kind, media_type, read):
    answer = w.city.get(f"{salon.url}/export.{kind}").expect(200)
    assert answer.headers["content-type"] == media_type + "; charset=utf-8"
    assert read(answer.body.decode()) == FIELDS
    assert w.city.get(f"{salon.url}/export.{kind}", headers={"If-None-Match": answer.etag}).status == 304
    assert w.city.get(f"{salon.url}/export.{kind}", headers={"Accept": "application/json"}).status == 406


def test_an_auditor_reads_it_without_what_names_its_author_or_reaches_people(w, salon):
    record = w.auditor.get(salon.url).expect(200)
    assert "details" not in record.json and "author_name" not in record.json
    for answer in (record, *(w.auditor.get(f"{salon.url}/export.{kind}").expect(200) for kind in ("md", "html"))):
        text = answer.body.decode()
        for personal in ("example.org", "01 99", "Claire Martin"):
            assert personal not in text
        assert "Sophie BERNARD" in text and "CRPV-PACA" in text


def test_a_published_sheet_keeps_its_words_whatever_changes(w, salon):
    """The last of 2007: what follows changes the programme."""
    made = w.city.move(salon.url, "published").expect(200)
    assert told(made.json) == FIELDS
    text = json.dumps(made.json["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert made.json["digest"] == hashlib.sha256(text.encode()).hexdigest()
    before = w.city.get(salon.url + "/export.md").expect(200)
    w.city.patch(w.url, {"title": unique("Autre")}).expect(200)
    w.lesson(), w.contact(kind="resource_person", email="autre@ville.example.org"), w.document(toolbox="true")
    assert w.city.get(salon.url).expect(200).json == made.json
    assert w.city.get(salon.url + "/export.md").body == before.body
    for name in ("bailleur", "association", "auditor"):
        read = w.clients[name].get(salon.url).expect(200).json
        assert (read["content"], read["digest"]) == (made.json["content"], made.json["digest"])
    for change in ({"title": "Autre"}, {"overrides": {"tools": None}}, {"author_name": None}):
        assert w.city.patch(made.url, change).expect(409).problem.code == "frozen"
    assert w.city.move(made.url, "live").expect(422).problem.code == "unknown_transition"
    kinds = [e["kind"] for e in w.auditor.get(made.url + "/history").items]
    assert kinds == ["capitalisation_sheet.created", "capitalisation_sheet.published"]
    assert "Claire" not in w.city.get(made.url + "/history").text


# --- any sheet ---------------------------------------------------------------------------


def part(record, key):
    return next(p for s in record.json["content"]["sections"] for p in (s, *s["entries"]) if p["key"] == key)


@pytest.fixture
def own(as_admin, contract):
    return World(as_admin, contract, only=["bailleur", "association", "auditor", "mandated", "facilitator"])


def test_an_empty_programme_gives_every_heading_and_nothing_under_most(own):
    made = own.capitalisation_sheet(by="mandated", title=None, dated_on=None)
    found = told(made.json | {"details": {"author_name": None, "contacts": []}} | {
        "content": {"sections": [s for s in made.json["content"]["sections"] if s["key"] != "author"]}})
    assert [h for h, _ in found] == [h for h, _ in FIELDS if h != "Auteur de la fiche ressource"]
    filled = {h for h, words in found if words}
    assert filled == {"Intitulé de l'action", "Territoire concerné", "Partenariat de projet"}


def test_a_live_sheet_follows_what_is_recorded(own):
    made = own.capitalisation_sheet(title=None)
    own.city.patch(own.url, {"starts_on": "2007-01-01", "ends_on": "2009-12-31", "target_publics": ["youth", "Écoliers"],
                             "budget": {"planned_cents": 123456789}, "definition": "Un.\n\nDeux.",
                             "schemes": [{"kind": "cucs", "from_on": "2007-01-01", "to_on": "2009-12-31"}]}).expect(200)
    objective = own.objective(text="Des cours plus sûres")
    own.objective_outcome(objective_id=objective.id, expected="trois", obtained="deux", gap_comment="bornage")
    own.funding(), own.city.move(own.action_plan(title="Plan des Tilleuls"), "adopted")
    own.held_meeting(kind="walk"), own.document(toolbox="true", kind="leaflet", title="Plaquette")
    own.document(toolbox="true", kind="leaflet", title="Cachée", visibility="internal")
    own.contact(kind="similar_operator", visibility="internal", name="Interne")
    read = own.city.get(made.url).expect(200)
    told_of = {key: part(read, key)["text"] + part(read, key)["items"] for key in (
        "dates", "target_publics", "budget", "purpose", "schemes", "objectives", "effects", "tools", "know_how", "leaflets")}
    assert told_of == {
        "dates": ["Lancement : 1er janvier 2007", "Clôture : 31 décembre 2009"],
        "target_publics": ["Jeunes", "Écoliers"],
        "budget": ["Prévu : 1\u202f234\u202f567,89\u00a0€"],
        "purpose": ["Un.", "Deux."],
        "schemes": ["Contrat urbain de cohésion sociale (CUCS) (2007–2009)"],
        "objectives": ["Des cours plus sûres"],
        "effects": ["Des cours plus sûres — attendu : trois — obtenu : deux — écart : bornage"],
        "tools": ["Plan des Tilleuls"],
        "know_how": ["Diagnostic en marchant"],
        "leaflets": ["Plaquette"]}
    assert part(read, "similar_operators")["contacts"] == []
    assert part(read, "funders")["text"] == [own.city.get(f"/v1/actors/{own.actor['city']}").json["name"]]
    assert read.etag != made.etag and read.json["version"] == made.json["version"]
    own.city.patch(made, {"overrides": {"tools": "Une charte.", "dates": None}}).expect(200)
    assert part(own.city.get(made.url), "tools")["text"] == ["Une charte."]
    own.city.patch(made.url, {"overrides": {"tools": None}}).expect(200)
    assert part(own.city.get(made.url), "tools")["items"] == ["Plan des Tilleuls"]


def test_a_live_sheet_says_no_more_than_its_reader_may_read(own):
    made = own.capitalisation_sheet()
    own.context(own.far, text="Au loin"), own.context(own.near, text="Tout près")
    assert part(own.city.get(made.url), "local_context")["items"] == ["Au loin", "Tout près"]
    assert part(own.bailleur.get(made.url), "local_context")["items"] == ["Tout près"]
    assert "Au loin" not in own.association.get(made.url + "/export.html").expect(200).text


def test_what_is_published_rests_on_a_final_evaluation(own):
    draft = own.evaluation()
    made = own.capitalisation_sheet(evaluation_id=draft.id)
    assert made.json["content"]["evaluation"] is None
    assert own.city.move(made, "published").expect(422).problem.code == "guard_evaluation_is_final"
    own.city.move(draft, "contradictory").expect(200)
    assert part(own.bailleur.get(made.url), "total")["text"] == ["13/16"]
    assert own.city.move(made.url, "published").expect(422).problem.code == "guard_evaluation_is_final"
    own.city.move(draft.url, "final").expect(200)
    assert own.mandated.move(made.url, "published").expect(200).json["content"]["evaluation"]["id"] == draft.id
    own.contradictory(evaluated_on="2031-01-01")
    unnamed = own.city.move(own.capitalisation_sheet(), "published").expect(200)
    assert unnamed.json["content"]["evaluation"]["id"] == draft.id


MARKS = "<b>1 & 2</b> *a* _b_ `c` [d](http://e) # f \\ \"g\" 'h'"


def test_what_is_written_is_words_and_never_markup(own):
    made = own.capitalisation_sheet(title=MARKS, overrides={"tools": "- un\n1. deux\n# trois\n<script>x</script>"})
    page = own.city.get(made.url + "/export.html").expect(200)
    assert "<b>" not in page.text and "<script" not in page.text and html.escape(MARKS).replace("&#x27;", "&#39;") in page.body.decode()
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    text = own.city.get(made.url + "/export.md").expect(200).body.decode()
    for line in ("\\- un", "1\\. deux", "\\# trois", "\\<script>x\\</script>"):
        assert line in text.split("\n")
    found = dict(from_markdown(text))
    assert found["Intitulé de l'action"] == [plain(MARKS)]
    assert found["Outils élaborés"] == ["- un", "1. deux", "# trois", "<script>x</script>"]


@pytest.mark.parametrize("body,pointer", [
    ({"overrides": {"tools": "Appeler le 01 99 00 00 01"}}, "/overrides/tools"),
    ({"keywords": ["s.bernard@ville.example.org"]}, "/keywords"),
    ({"title": "Voir s.bernard@ville.example.org"}, "/title"),
    ({"author_name": "s.bernard@ville.example.org"}, "/author_name"),
    ({"overrides": {"author": "Moi"}}, "/overrides/author"),
    ({"themes": ["unheard_of"]}, "/themes"),
    ({"content": {}}, "/content"),
    ({"digest": "0" * 64}, "/digest"),
])
def test_a_sheet_takes_its_own_words_and_no_others(own, body, pointer):
    assert pointer in own.city.post("/v1/capitalisation-sheets", body).expect(422).problem.pointers


def test_the_city_and_a_mandate_keep_sheets_that_all_read(own):
    made = own.capitalisation_sheet(by="mandated")
    for name in ("bailleur", "association", "facilitator", "auditor"):
        client = own.clients[name]
        client.get(made.url).expect(200)
        client.post("/v1/capitalisation-sheets", {}).expect(403)
        client.patch(made.url, {"title": "Autre"}, if_match="*").expect(403)
        client.move(made.url, "published", if_match="*").expect(403)
    assert own.capitalisation_sheet().id in [s["id"] for s in own.auditor.pages("/v1/capitalisation-sheets")]
