-- The demonstration programme: what the 2007 capitalisation sheet tells of
-- Salon-de-Provence, with fictional institutions and persons only.
--
-- Run by psql as superuser on a migrated database; does nothing where the
-- programme is there. Everything is entered as partners would enter it: under
-- the database roles that serve, through enter(), by clients that exist only
-- for that and are revoked at the end; so every record has its author in its
-- history, and what rights forbid is not in the demonstration.
--
-- gusp_demo.member names memberships to log in with: one of each role first,
-- then further ones, which are restricted to some quartiers.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = gusp, public;

SELECT EXISTS (
    SELECT FROM programme WHERE title = 'GUSP Salon-de-Provence (démonstration)') AS there \gset
\if :there
    \quit
\endif

BEGIN;

CREATE SCHEMA IF NOT EXISTS gusp_demo;
DROP TABLE IF EXISTS gusp_demo.member, gusp_demo.client;
CREATE TABLE gusp_demo.member (role text NOT NULL, membership_id uuid PRIMARY KEY);
CREATE TABLE gusp_demo.client (name text PRIMARY KEY, role text NOT NULL, membership_id uuid NOT NULL, client_id uuid NOT NULL);

-- A client of a membership, for this script alone.
CREATE OR REPLACE FUNCTION gusp_demo.employ(name text, membership uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    client uuid;
BEGIN
    INSERT INTO auth.client (membership_id, name, scopes)
    VALUES (membership, 'Saisie de la démonstration : ' || name, '{}')
    RETURNING id INTO client;
    INSERT INTO gusp_demo.client
    SELECT employ.name, m.role, m.id, client FROM gusp.member AS m WHERE m.id = membership;
END $$;

-- Speak as a client, with the database role that serves it, until RESET ROLE.
CREATE OR REPLACE FUNCTION gusp_demo.act(who text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    c gusp_demo.client;
BEGIN
    SELECT * INTO STRICT c FROM gusp_demo.client AS k WHERE k.name = who;
    PERFORM set_config('role', CASE c.role WHEN 'admin' THEN 'gusp_admin'
        WHEN 'auditor' THEN 'gusp_auditor' ELSE 'gusp_member' END, true);
    PERFORM gusp.enter(c.client_id, c.membership_id, c.role, gusp.uuid7(),
        extract(epoch FROM now())::bigint, 'demonstration', NULL, NULL);
END $$;

-- The platform's administrator, and the programme it opens ------------------------

SELECT EXISTS (SELECT FROM member WHERE role = 'admin' AND status = 'active') AS administered \gset
\if :administered
\else
    SELECT bootstrap('Plateforme de démonstration') AS membership \gset
\endif
SELECT gusp_demo.employ('admin', m.id)
FROM member AS m
WHERE m.role = 'admin' AND m.status = 'active'
ORDER BY m.created_at, m.id
LIMIT 1;

SELECT gusp_demo.act('admin');
SELECT open_programme(jsonb_build_object(
    'title', 'GUSP Salon-de-Provence (démonstration)',
    'purpose', 'Des actions concrètes pour la vie de tous les jours dans trois quartiers prioritaires : le logement, les espaces extérieurs, l’animation et la vie associative. Les diagnostics y sont faits et partagés avec les habitants, et chacun prend sa part : bailleurs, associations, services techniques et politique de la ville.',
    'definition', 'Ensemble des actes qui contribuent au bon fonctionnement d’un quartier et à l’amélioration des conditions de vie des habitants.',
    'nature', 'experimental',
    'commune_insee', '13103',
    'commune_name', 'Salon-de-Provence',
    'departement', '13',
    'starts_on', '2007-01-15',
    'target_publics', '["Habitants des trois quartiers", "Locataires du parc social"]'::jsonb,
    'method', 'Tous les acteurs sont associés au diagnostic, à la recherche et à la mise en œuvre de solutions : réunions de quartier pour l’état des lieux et les thèmes prioritaires ; ateliers d’habitants et cartographie participative ; restitutions du diagnostic partagé ; réunions techniques des bailleurs et des services de la ville, d’où sortent le plan d’actions et ses fiches.',
    'skills', '["Animer des groupes de travail par thème à partir de photos et de cartes", "Mener une cartographie participative", "Conduire des entretiens en marchant", "Faire la synthèse de ce qui est recueilli", "Animer des réunions d’acteurs divers"]'::jsonb,
    'schemes', '[{"kind": "cucs", "from_on": "2007-01-01", "to_on": "2014-12-31"}]'::jsonb,
    'budget', '{"planned_cents": null, "actual_cents": null, "currency": "EUR"}'::jsonb,
    'city', jsonb_build_object(
        'kind', 'city',
        'name', 'Ville de Salon-de-Provence (démonstration)',
        'short_name', 'Ville',
        'website', 'https://ville.example.org'))) AS programme \gset
RESET ROLE;

SELECT a.id AS city, m.id AS city_member
FROM actor AS a
JOIN member AS m ON m.actor_id = a.id
WHERE a.programme_id = :'programme' \gset
SELECT gusp_demo.employ('city', :'city_member');

-- Actors: the city registers its partners ------------------------------------------

SELECT gusp_demo.act('city');

INSERT INTO actor (programme_id, parent_id, kind, name, short_name, service_type) VALUES
    (:'programme', :'city', 'city_service', 'Service politique de la ville', 'Politique de la ville', 'politique_de_la_ville'),
    (:'programme', :'city', 'city_service', 'Services techniques', NULL, 'services_techniques'),
    (:'programme', :'city', 'city_service', 'Service logement', NULL, 'logement');
INSERT INTO actor (programme_id, kind, name, short_name, website, links) VALUES
    (:'programme', 'epci', 'Agglomération du Pays salonais (fictive)', 'Agglomération', NULL, '{}'),
    (:'programme', 'state', 'État, préfecture (fictive)', 'État', NULL, '{}'),
    (:'programme', 'bailleur', 'Habitat du Levant', NULL, 'https://levant.example.org', '{}'),
    (:'programme', 'bailleur', 'Logis des Alpilles', NULL, 'https://alpilles.example.org', '{}'),
    (:'programme', 'bailleur', 'Toits de la Crau', NULL, 'https://crau.example.org', '{}'),
    (:'programme', 'operator', 'Association Arènes (fictive)', 'Arènes', 'https://operateur.example.org',
        '{https://documentation.operateur.example.org}'),
    (:'programme', 'association', 'Les Voisins de la Monaque', NULL, NULL, '{}'),
    (:'programme', 'association', 'Canourgues ensemble', NULL, NULL, '{}'),
    (:'programme', 'social_centre', 'Centre social du Cèdre', NULL, NULL, '{}'),
    (:'programme', 'neighbourhood_contractor', 'Régie de quartier du Canal', NULL, NULL, '{}'),
    (:'programme', 'resident_council', 'Conseil citoyen des trois quartiers', NULL, NULL, '{}'),
    (:'programme', 'tenants_group', 'Amicale des locataires des Bressons', NULL, NULL, '{}'),
    (:'programme', 'resource_centre', 'Centre de ressources de la politique de la ville (fictif)', NULL,
        'https://centre-ressources.example.org', '{}'),
    (:'programme', 'control_body', 'Chambre de contrôle (fictive)', NULL, NULL, '{}');

SELECT
    max(id::text) FILTER (WHERE name = 'Service politique de la ville') AS service_policy,
    max(id::text) FILTER (WHERE name = 'Services techniques') AS service_works,
    max(id::text) FILTER (WHERE name = 'Service logement') AS service_housing,
    max(id::text) FILTER (WHERE kind = 'epci') AS epci,
    max(id::text) FILTER (WHERE kind = 'state') AS state,
    max(id::text) FILTER (WHERE name = 'Habitat du Levant') AS levant,
    max(id::text) FILTER (WHERE name = 'Logis des Alpilles') AS alpilles,
    max(id::text) FILTER (WHERE name = 'Toits de la Crau') AS crau,
    max(id::text) FILTER (WHERE kind = 'operator') AS arenes,
    max(id::text) FILTER (WHERE name = 'Les Voisins de la Monaque') AS voisins,
    max(id::text) FILTER (WHERE name = 'Canourgues ensemble') AS ensemble,
    max(id::text) FILTER (WHERE kind = 'social_centre') AS centre,
    max(id::text) FILTER (WHERE kind = 'neighbourhood_contractor') AS regie,
    max(id::text) FILTER (WHERE kind = 'resident_council') AS council,
    max(id::text) FILTER (WHERE kind = 'resource_centre') AS resource,
    max(id::text) FILTER (WHERE kind = 'control_body') AS control
FROM actor
WHERE programme_id = :'programme' \gset

-- Quartiers: codes of 2015 and 2024 stay unknown until the city gives them -----------

INSERT INTO quartier (programme_id, name, aliases, statuses, perimeter) VALUES
    (:'programme', 'Canourgues', '{Les Canourgues}',
        '[{"scheme": "cucs", "code": null, "from_on": "2007-01-01", "to_on": "2014-12-31"}]',
        geometry_of('{"type": "MultiPolygon", "coordinates": [[[[5.1015, 43.6440], [5.1095, 43.6437], [5.1102, 43.6493], [5.1021, 43.6497], [5.1015, 43.6440]]]]}', '/perimeter')),
    (:'programme', 'Monaque', '{La Monaque}',
        '[{"scheme": "cucs", "code": null, "from_on": "2007-01-01", "to_on": "2014-12-31"}]',
        geometry_of('{"type": "MultiPolygon", "coordinates": [[[[5.0905, 43.6302], [5.0968, 43.6299], [5.0973, 43.6341], [5.0911, 43.6345], [5.0905, 43.6302]]]]}', '/perimeter')),
    (:'programme', 'Bressons Blazots', '{Bressons Blazot,Les Bressons,Les Blazots}',
        '[{"scheme": "cucs", "code": null, "from_on": "2007-01-01", "to_on": "2014-12-31"}]',
        geometry_of('{"type": "MultiPolygon", "coordinates": [[[[5.0842, 43.6398], [5.0899, 43.6395], [5.0904, 43.6433], [5.0848, 43.6437], [5.0842, 43.6398]]]]}', '/perimeter'));
SELECT
    max(id::text) FILTER (WHERE slug = 'canourgues') AS canourgues,
    max(id::text) FILTER (WHERE slug = 'monaque') AS monaque,
    max(id::text) FILTER (WHERE slug = 'bressons-blazots') AS bressons
FROM quartier
WHERE programme_id = :'programme' \gset

INSERT INTO context (programme_id, quartier_id, theme, text, as_of_on, visibility) VALUES
    (:'programme', :'bressons', 'building_repair', 'Une partie des logements sociaux est vétuste.', '2007-07-12', 'public'),
    (:'programme', :'bressons', 'outdoor_upkeep', 'Les espaces extérieurs sont dégradés.', '2007-07-12', 'public'),
    (:'programme', :'canourgues', 'rental_management', 'Les bailleurs sont nombreux, ce qui rend difficile une bonne gestion des problèmes qu’ils ont en commun.', '2007-07-12', 'public'),
    (:'programme', :'canourgues', 'outdoor_upkeep', 'L’entretien des espaces extérieurs est un problème partagé entre bailleurs et ville.', '2007-07-12', 'public'),
    (:'programme', :'canourgues', 'mobility', 'Des circulations sont dangereuses.', '2007-07-12', 'public'),
    (:'programme', :'canourgues', 'building_repair', 'Des immeubles et des îlots sont stigmatisés : situations sociales difficiles, état matériel déplorable.', '2007-07-12', 'partners'),
    (:'programme', :'monaque', 'participation', 'Une forte solidarité, et des habitants capables de se mobiliser.', '2007-07-12', 'public'),
    (:'programme', :'monaque', 'living_together', 'La cohabitation des générations pose des problèmes.', '2007-07-12', 'public'),
    (:'programme', :'monaque', 'housing', 'Des revendications reviennent sur les logements : volets, balcons, isolation, sanitaires.', '2007-07-12', 'public');

-- Members ---------------------------------------------------------------------------

-- A mandate ends: three years from the day the demonstration is loaded.
INSERT INTO member (programme_id, actor_id, role, quartiers, local_relay, mandate_ref, mandate_scope, to_on) VALUES
    (:'programme', :'levant', 'bailleur', '{}', false, NULL, '{}', NULL),
    (:'programme', :'alpilles', 'bailleur', '{}', false, NULL, '{}', NULL),
    (:'programme', :'crau', 'bailleur', ARRAY[:'canourgues', :'bressons']::uuid[], false, NULL, '{}', NULL),
    (:'programme', :'centre', 'association', '{}', true, NULL, '{}', NULL),
    (:'programme', :'voisins', 'association', ARRAY[:'monaque']::uuid[], true, NULL, '{}', NULL),
    (:'programme', :'ensemble', 'association', ARRAY[:'canourgues']::uuid[], true, NULL, '{}', NULL),
    (:'programme', :'regie', 'association', '{}', false, NULL, '{}', NULL),
    (:'programme', :'council', 'association', '{}', true, NULL, '{}', NULL),
    (:'programme', :'state', 'institution', '{}', false, NULL, '{}', NULL),
    (:'programme', :'epci', 'institution', '{}', false, NULL, '{}', NULL),
    (:'programme', :'arenes', 'facilitator', '{}', false, 'Convention d’animation de la démonstration',
        '{quartier,meeting,issue,contribution,diagnosis,action_plan,evaluation}',
        (current_date + interval '3 years')::date),
    (:'programme', :'control', 'auditor', '{}', false, NULL, '{}', NULL);

-- Objectives, funding, contacts -----------------------------------------------------

INSERT INTO objective (programme_id, n, text) VALUES
    (:'programme', 1, 'Réaliser des actions concrètes qui touchent à la vie quotidienne : logement, espaces extérieurs, animation et vie associative.'),
    (:'programme', 2, 'Mener dans les quartiers des diagnostics participatifs, partagés avec les habitants.'),
    (:'programme', 3, 'Engager tous les acteurs concernés : bailleurs, associations, services techniques et politique de la ville.'),
    (:'programme', 4, 'Aboutir à un plan d’actions, à ses fiches-actions et à une convention que tous signent.');

-- Who pays is known; how much is not in the sheet.
INSERT INTO funding (programme_id, funder_actor_id, kind, year) VALUES
    (:'programme', :'state', 'state', 2007),
    (:'programme', :'city', 'city', 2007),
    (:'programme', :'levant', 'own', 2007),
    (:'programme', :'alpilles', 'own', 2007),
    (:'programme', :'crau', 'own', 2007);

INSERT INTO contact (programme_id, actor_id, kind, name, function, email, phone, website, visibility) VALUES
    (:'programme', :'arenes', 'resource_person', 'Claire Martin', 'Chargée d’étude et de recherche', 'contact@operateur.example.org', '01 99 00 00 01', NULL, 'partners'),
    (:'programme', :'arenes', 'resource_person', 'Anne Dubois', 'Chargée d’étude et de recherche', 'contact@operateur.example.org', '01 99 00 00 01', NULL, 'partners'),
    (:'programme', :'service_policy', 'operational_team', 'Sophie Bernard', 'Référente territoriale du CUCS', 's.bernard@ville.example.org', '01 99 00 00 02', NULL, 'partners'),
    (:'programme', :'resource', 'institutional_network', 'Marie Petit', 'Chargée de mission capitalisation', 'm.petit@centre-ressources.example.org', '01 99 00 00 03', 'https://centre-ressources.example.org', 'public'),
    (:'programme', NULL, 'similar_operator', 'Atelier des Deux Rives (fictif)', 'Opérateur de gestion urbaine dans une ville voisine', 'atelier@deux-rives.example.org', '01 99 00 00 04', NULL, 'partners'),
    (:'programme', NULL, 'academic_expert', 'Laboratoire Ville et Habitants (fictif)', 'Recherche sur la participation des habitants', 'labo@universite.example.org', '01 99 00 00 05', NULL, 'partners'),
    (:'programme', :'arenes', 'documentation', 'Plateforme documentaire d’Arènes', 'Documents et outils en ligne', NULL, NULL, 'https://documentation.operateur.example.org', 'public');

-- Sites: the city those of public and mixed tenure ----------------------------------

INSERT INTO site (programme_id, quartier_id, kind, name, address, tenure, tenure_source,
    owner_actor_id, manager_actor_id, condition, condition_as_of_on, sensitive_note, geometry) VALUES
    (:'programme', :'canourgues', 'block', 'Îlot des Tilleuls', 'Avenue des Tilleuls', 'mixed',
        'Relevé de démonstration, trois propriétaires', NULL, NULL, 'degraded', '2007-05-10',
        'Îlot stigmatisé dans la ville ; à aborder par l’usage des lieux, sans désigner de ménages.',
        geometry_of('{"type": "Polygon", "coordinates": [[[5.1040, 43.6455], [5.1062, 43.6454], [5.1064, 43.6468], [5.1042, 43.6469], [5.1040, 43.6455]]]}', '/geometry')),
    (:'programme', :'canourgues', 'road', 'Avenue des Tilleuls', NULL, 'public_city', NULL,
        :'city', :'service_works', 'worn', '2007-05-10', NULL,
        geometry_of('{"type": "LineString", "coordinates": [[5.1022, 43.6450], [5.1064, 43.6448], [5.1096, 43.6447]]}', '/geometry')),
    (:'programme', :'canourgues', 'facility', 'Centre social du Cèdre', '12 avenue des Tilleuls', 'public_city', NULL,
        :'city', :'centre', 'good', '2007-05-10', NULL,
        geometry_of('{"type": "Point", "coordinates": [5.1071, 43.6461]}', '/geometry')),
    (:'programme', :'monaque', 'play_area', 'Aire de jeux de la Monaque', NULL, 'public_city', NULL,
        :'city', :'service_works', 'worn', '2007-05-24', NULL,
        geometry_of('{"type": "Point", "coordinates": [5.0940, 43.6321]}', '/geometry')),
    (:'programme', :'monaque', 'parking', 'Parking du Mail', NULL, 'unknown', NULL,
        NULL, NULL, NULL, NULL, NULL,
        geometry_of('{"type": "Point", "coordinates": [5.0953, 43.6316]}', '/geometry')),
    (:'programme', :'bressons', 'outdoor', 'Square des Blazots', NULL, 'public_city', NULL,
        :'city', :'service_works', 'degraded', '2007-06-07', NULL,
        geometry_of('{"type": "Polygon", "coordinates": [[[5.0868, 43.6411], [5.0879, 43.6410], [5.0880, 43.6418], [5.0869, 43.6419], [5.0868, 43.6411]]]}', '/geometry'));

SELECT id AS block FROM site WHERE programme_id = :'programme' AND name = 'Îlot des Tilleuls' \gset
INSERT INTO site (programme_id, quartier_id, parent_id, kind, name, tenure, tenure_source, condition,
    condition_as_of_on, geometry) VALUES
    (:'programme', :'canourgues', :'block', 'outdoor', 'Cœur d’îlot des Tilleuls', 'mixed',
        'Limites de propriété à établir entre la ville et les trois bailleurs', 'degraded', '2007-05-10',
        geometry_of('{"type": "Polygon", "coordinates": [[[5.1047, 43.6459], [5.1056, 43.6459], [5.1057, 43.6464], [5.1048, 43.6464], [5.1047, 43.6459]]]}', '/geometry'));

-- ... and each bailleur its own patrimony -------------------------------------------

RESET ROLE;
SELECT gusp_demo.employ('levant', id) FROM member WHERE programme_id = :'programme' AND actor_id = :'levant';
SELECT gusp_demo.employ('alpilles', id) FROM member WHERE programme_id = :'programme' AND actor_id = :'alpilles';
SELECT gusp_demo.employ('crau', id) FROM member WHERE programme_id = :'programme' AND actor_id = :'crau';

SELECT gusp_demo.act('levant');
INSERT INTO actor (programme_id, parent_id, kind, name) VALUES
    (:'programme', :'levant', 'bailleur_agency', 'Agence de Salon (Habitat du Levant)')
RETURNING id AS agency \gset
INSERT INTO site (programme_id, quartier_id, parent_id, kind, name, address, tenure, owner_actor_id,
    manager_actor_id, dwellings, dwellings_tfpb_eligible, condition, condition_as_of_on, geometry) VALUES
    (:'programme', :'canourgues', :'block', 'building', 'Bâtiment A des Tilleuls', '1 avenue des Tilleuls',
        'bailleur_private', :'levant', :'agency', 48, 48, 'worn', '2007-05-10',
        geometry_of('{"type": "Point", "coordinates": [5.1044, 43.6457]}', '/geometry')),
    (:'programme', :'monaque', NULL, 'residence', 'Résidence de la Monaque', '3 rue du Mail',
        'bailleur_private', :'levant', :'agency', 112, 112, 'worn', '2007-05-24',
        geometry_of('{"type": "Polygon", "coordinates": [[[5.0922, 43.6312], [5.0936, 43.6311], [5.0937, 43.6319], [5.0923, 43.6320], [5.0922, 43.6312]]]}', '/geometry'));

RESET ROLE;
SELECT gusp_demo.act('alpilles');
INSERT INTO site (programme_id, quartier_id, parent_id, kind, name, address, tenure, owner_actor_id,
    manager_actor_id, dwellings, dwellings_tfpb_eligible, condition, condition_as_of_on, geometry) VALUES
    (:'programme', :'canourgues', :'block', 'building', 'Bâtiment B des Tilleuls', '5 avenue des Tilleuls',
        'bailleur_private', :'alpilles', :'alpilles', 36, 36, 'degraded', '2007-05-10',
        geometry_of('{"type": "Point", "coordinates": [5.1058, 43.6456]}', '/geometry'));

RESET ROLE;
SELECT gusp_demo.act('crau');
INSERT INTO site (programme_id, quartier_id, parent_id, kind, name, address, tenure, owner_actor_id,
    manager_actor_id, dwellings, dwellings_tfpb_eligible, condition, condition_as_of_on, sensitive_note, geometry) VALUES
    (:'programme', :'canourgues', :'block', 'building', 'Bâtiment C des Tilleuls', '9 avenue des Tilleuls',
        'bailleur_private', :'crau', :'crau', 40, 38, 'degraded', '2007-05-10', NULL,
        geometry_of('{"type": "Point", "coordinates": [5.1060, 43.6466]}', '/geometry')),
    (:'programme', :'bressons', NULL, 'residence', 'Résidence des Bressons', '2 allée des Bressons',
        'bailleur_private', :'crau', :'crau', 84, 84, 'severe', '2007-06-07',
        'Vétusté des réseaux et des façades ; réhabilitation attendue depuis longtemps.',
        geometry_of('{"type": "Polygon", "coordinates": [[[5.0855, 43.6420], [5.0873, 43.6419], [5.0874, 43.6428], [5.0856, 43.6429], [5.0855, 43.6420]]]}', '/geometry'));

-- Who answers for what ----------------------------------------------------------------

RESET ROLE;
SELECT gusp_demo.act('city');
SELECT id AS heart FROM site WHERE programme_id = :'programme' AND name = 'Cœur d’îlot des Tilleuls' \gset
INSERT INTO rule (programme_id, match_site_id, match_tenure, match_theme, match_category,
    lead_actor_id, contributors, target_days, calendar, priority, valid_from_on, source) VALUES
    (:'programme', NULL, 'public_city', 'outdoor', NULL, :'service_works', '{}', 10, 'working', 0, '2007-07-12',
        'Usage de la ville : ses services techniques tiennent l’espace public'),
    (:'programme', NULL, 'public_city', NULL, 'lighting', :'service_works', '{}', 5, 'working', 10, '2007-07-12',
        'Usage de la ville'),
    (:'programme', NULL, NULL, NULL, 'dangerous_traffic', :'service_works', ARRAY[:'service_policy']::uuid[], 5, 'working', 20, '2007-07-12',
        'Réunion technique de la démonstration'),
    (:'programme', NULL, NULL, NULL, 'abandoned_vehicles', :'city', '{}', 15, 'calendar', 5, '2007-07-12',
        'Pouvoirs de police du maire'),
    (:'programme', :'heart', NULL, 'outdoor', NULL, :'service_policy', ARRAY[:'levant', :'alpilles', :'crau', :'service_works']::uuid[], 20, 'working', 50, '2007-07-12',
        'Réunion inter-bailleurs de la démonstration : la politique de la ville coordonne'),
    (:'programme', NULL, NULL, 'community_life', NULL, :'service_policy', ARRAY[:'centre']::uuid[], 30, 'calendar', 0, '2007-07-12', NULL);
RESET ROLE;

-- Issues: what walks, meetings and residents' relays have brought up ------------------

RESET ROLE;
SELECT gusp_demo.employ(w.name, m.id)
FROM (VALUES ('centre', :'centre'), ('voisins', :'voisins'), ('ensemble', :'ensemble'),
             ('council', :'council'), ('state', :'state'), ('arenes', :'arenes')) AS w (name, actor)
JOIN member AS m ON m.programme_id = :'programme' AND m.actor_id = w.actor::uuid;

-- Somebody reports something, so many days ago.
CREATE OR REPLACE FUNCTION gusp_demo.report(who text, quartier text, site text, days int, place text, said jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp_demo.act(who);
    PERFORM gusp.create_issue(gusp.uuid7(), said || jsonb_strip_nulls(jsonb_build_object(
            'quartier_id', (SELECT q.id FROM gusp.quartier AS q WHERE q.programme_id = gusp.caller_programme() AND q.slug = quartier),
            'site_id', (SELECT t.id FROM gusp.site AS t WHERE t.programme_id = gusp.caller_programme() AND t.name = site),
            'recurrence_of_id', (SELECT i.id FROM gusp.issue AS i
                                 WHERE i.programme_id = gusp.caller_programme() AND i.title = said ->> 'again'),
            'occurred_at', now() - days * interval '1 day',
            'geometry', CASE WHEN place IS NOT NULL THEN jsonb_build_object(
                'type', 'Point', 'coordinates', ('[' || place || ']')::jsonb) END)) - 'again',
        gusp.caller_origin());
    PERFORM set_config('role', 'none', true);
END $$;

-- Somebody moves an issue. Actors and the master are told by their names; due
-- and the other days by how far they are from today.
CREATE OR REPLACE FUNCTION gusp_demo.step(who text, title text, wanted text, said jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    issue uuid;
BEGIN
    PERFORM gusp_demo.act(who);
    SELECT i.id INTO STRICT issue FROM gusp.issue AS i WHERE i.programme_id = gusp.caller_programme() AND i.title = title;
    PERFORM gusp.move('issue', issue, NULL, jsonb_build_object('to', wanted) || (said - 'details') || jsonb_build_object(
        'details', (SELECT coalesce(jsonb_object_agg(d.key, CASE
                WHEN d.key LIKE '%\_on' THEN to_jsonb(gusp.today() + d.value::int)
                WHEN d.key IN ('lead_actor_id', 'suggested_actor_id') THEN (
                    SELECT to_jsonb(a.id) FROM gusp.actor AS a
                    WHERE a.programme_id = gusp.caller_programme() AND a.name = d.value #>> '{}')
                WHEN d.key = 'master_id' THEN (
                    SELECT to_jsonb(i.id) FROM gusp.issue AS i
                    WHERE i.programme_id = gusp.caller_programme() AND i.title = d.value #>> '{}')
                ELSE d.value END), '{}')
            FROM jsonb_each(said -> 'details') AS d)));
    PERFORM set_config('role', 'none', true);
END $$;

-- Canourgues: several owners, shared grounds, dangerous traffic.
SELECT gusp_demo.report(r.who, 'canourgues', r.site, r.days, r.place,
    jsonb_build_object('title', r.title, 'category', r.category, 'theme', r.theme, 'severity', r.severity) || r.more)
FROM (VALUES
    ('ensemble', 'Cœur d’îlot des Tilleuls', 60, '5.1052,43.6461', 'Dalle piétonne affaissée au cœur de l’îlot', 'outdoor_upkeep', 'outdoor_upkeep', 'high', '{"nature": "investment", "origin_kind": "resident_relay"}'::jsonb),
    ('ensemble', 'Cœur d’îlot des Tilleuls', 58, '5.1050,43.6462', 'Bacs débordants au pied du bâtiment B', 'bulky_waste', 'outdoor_upkeep', 'normal', '{"nature": "maintenance"}'),
    ('city', 'Cœur d’îlot des Tilleuls', 40, '5.1053,43.6460', 'Bancs cassés au cœur de l’îlot', 'furniture_play_areas', 'outdoor_design', 'low', '{"origin_kind": "walk"}'),
    ('ensemble', 'Avenue des Tilleuls', 12, '5.1064,43.6448', 'Traversée dangereuse devant le centre social', 'dangerous_traffic', 'mobility', 'danger', '{"nature": "investment", "origin_kind": "resident_relay", "description": "Les voitures ne ralentissent pas ; la traversée n’est ni éclairée ni surélevée."}'),
    ('centre', 'Avenue des Tilleuls', 10, '5.1064,43.6448', 'Passage piéton effacé avenue des Tilleuls', 'dangerous_traffic', 'mobility', 'high', '{}'),
    ('centre', 'Avenue des Tilleuls', 9, '5.1066,43.6449', 'Voitures rapides devant le centre social', 'dangerous_traffic', 'mobility', 'high', '{}'),
    ('levant', 'Avenue des Tilleuls', 35, '5.1045,43.6449', 'Deux lampadaires éteints avenue des Tilleuls', 'lighting', 'outdoor_upkeep', 'normal', '{"nature": "maintenance"}'),
    ('state', 'Avenue des Tilleuls', 33, '5.1038,43.6449', 'Épave sur le trottoir de l’avenue', 'abandoned_vehicles', 'outdoor_upkeep', 'normal', '{}'),
    ('city', 'Avenue des Tilleuls', 30, '5.1080,43.6447', 'Trottoir défoncé par les racines', 'roads', 'outdoor_upkeep', 'normal', '{"origin_kind": "walk", "nature": "investment"}'),
    ('ensemble', 'Bâtiment A des Tilleuls', 28, '5.1044,43.6457', 'Ascenseur en panne au bâtiment A', 'lift', 'building_repair', 'high', '{"nature": "maintenance"}'),
    ('ensemble', 'Bâtiment B des Tilleuls', 27, '5.1058,43.6456', 'Porte d’entrée forcée au bâtiment B', 'access_doors', 'building_repair', 'high', '{"nature": "maintenance"}'),
    ('ensemble', 'Bâtiment C des Tilleuls', 26, '5.1060,43.6466', 'Hall et boîtes aux lettres dégradés au bâtiment C', 'common_areas', 'rental_management', 'normal', '{}'),
    ('crau', 'Bâtiment C des Tilleuls', 20, '5.1060,43.6466', 'Présence de rats dans les caves du bâtiment C', 'pests', 'rental_management', 'high', '{"visibility": "confidential"}'),
    ('levant', 'Bâtiment A des Tilleuls', 15, NULL, 'Reprise de l’étanchéité à chiffrer au bâtiment A', 'common_areas', 'building_repair', 'normal', '{"visibility": "internal", "nature": "investment"}'),
    ('city', 'Cœur d’îlot des Tilleuls', 8, '5.1049,43.6463', 'Tags sur le mur du cœur d’îlot', 'graffiti', 'outdoor_upkeep', 'low', '{"origin_kind": "walk"}'),
    ('centre', NULL, 6, '5.1071,43.6461', 'Occupation bruyante le soir près du centre social', 'tranquillity', 'tranquillity', 'normal', '{"visibility": "confidential", "nature": "behaviour"}'),
    ('arenes', 'Îlot des Tilleuls', 5, '5.1055,43.6466', 'Stationnement anarchique autour de l’îlot', 'parking', 'mobility', 'normal', '{"origin_kind": "meeting", "nature": "behaviour"}')
) AS r (who, site, days, place, title, category, theme, severity, more);

-- Monaque: residents who mobilise, and demands on their dwellings that come back.
SELECT gusp_demo.report(r.who, 'monaque', r.site, r.days, r.place,
    jsonb_build_object('title', r.title, 'category', r.category, 'theme', r.theme, 'severity', r.severity) || r.more)
FROM (VALUES
    ('voisins', 'Résidence de la Monaque', 300, '5.0929,43.6315', 'Volets qui ne ferment plus, entrée 1', 'dwelling', 'building_repair', 'normal', '{"component": "shutters", "nature": "investment", "origin_kind": "resident_relay"}'::jsonb),
    ('voisins', 'Résidence de la Monaque', 298, '5.0929,43.6315', 'Balcons fissurés, façade sud', 'dwelling', 'building_repair', 'high', '{"component": "balconies", "nature": "investment", "origin_kind": "resident_relay"}'),
    ('voisins', 'Résidence de la Monaque', 295, '5.0929,43.6315', 'Logements froids faute d’isolation', 'dwelling', 'building_repair', 'high', '{"component": "insulation", "nature": "investment", "origin_kind": "resident_relay"}'),
    ('voisins', 'Résidence de la Monaque', 290, '5.0929,43.6315', 'Sanitaires vétustes', 'dwelling', 'building_repair', 'normal', '{"component": "sanitary", "nature": "investment", "origin_kind": "resident_relay"}'),
    ('voisins', 'Résidence de la Monaque', 45, '5.0930,43.6315', 'Volets bloqués, entrée 3', 'dwelling', 'building_repair', 'normal', '{"component": "shutters", "again": "Volets qui ne ferment plus, entrée 1"}'),
    ('voisins', 'Résidence de la Monaque', 44, '5.0931,43.6316', 'Volets arrachés par le vent, entrée 5', 'dwelling', 'building_repair', 'high', '{"component": "shutters", "again": "Volets qui ne ferment plus, entrée 1"}'),
    ('voisins', 'Résidence de la Monaque', 42, '5.0927,43.6314', 'Éclats de béton sous les balcons', 'dwelling', 'building_repair', 'danger', '{"component": "balconies", "again": "Balcons fissurés, façade sud"}'),
    ('voisins', 'Résidence de la Monaque', 38, '5.0926,43.6315', 'Courants d’air aux fenêtres du nord', 'dwelling', 'building_repair', 'normal', '{"component": "insulation", "again": "Logements froids faute d’isolation"}'),
    ('voisins', 'Résidence de la Monaque', 37, '5.0928,43.6316', 'Fuites aux sanitaires, entrée 2', 'dwelling', 'building_repair', 'high', '{"component": "sanitary", "again": "Sanitaires vétustes"}'),
    ('voisins', 'Aire de jeux de la Monaque', 33, '5.0940,43.6321', 'Balançoire sans assise à l’aire de jeux', 'furniture_play_areas', 'outdoor_upkeep', 'high', '{"nature": "maintenance"}'),
    ('city', 'Aire de jeux de la Monaque', 32, '5.0940,43.6321', 'Sol souple usé à l’aire de jeux', 'furniture_play_areas', 'outdoor_upkeep', 'normal', '{"origin_kind": "walk", "nature": "investment"}'),
    ('voisins', 'Parking du Mail', 25, '5.0953,43.6316', 'Parking du Mail sans éclairage', 'lighting', 'outdoor_upkeep', 'high', '{}'),
    ('levant', 'Résidence de la Monaque', 18, '5.0924,43.6313', 'Encombrants au pied de la résidence', 'bulky_waste', 'outdoor_upkeep', 'normal', '{}'),
    ('voisins', NULL, 14, '5.0945,43.6325', 'Jeunes et anciens se disputent la placette', 'cohabitation', 'living_together', 'normal', '{"nature": "behaviour", "description": "Les âges n’ont pas les mêmes heures ; chacun demande un endroit à soi."}'),
    ('centre', NULL, 7, '5.0938,43.6330', 'Les travaux du Mail ne sont pas annoncés', 'information', 'participation', 'low', '{"nature": "information"}')
) AS r (who, site, days, place, title, category, theme, severity, more);

-- Bressons Blazots: degraded grounds, dilapidated housing.
SELECT gusp_demo.report(r.who, 'bressons-blazots', r.site, r.days, r.place,
    jsonb_build_object('title', r.title, 'category', r.category, 'theme', r.theme, 'severity', r.severity) || r.more)
FROM (VALUES
    ('council', 'Square des Blazots', 80, '5.0874,43.6414', 'Allées boueuses au square des Blazots', 'outdoor_upkeep', 'outdoor_upkeep', 'normal', '{"nature": "investment"}'::jsonb),
    ('council', 'Square des Blazots', 75, '5.0872,43.6415', 'Arbres morts au square des Blazots', 'green_spaces', 'outdoor_upkeep', 'high', '{"nature": "maintenance"}'),
    ('city', 'Square des Blazots', 50, '5.0876,43.6413', 'Corbeilles arrachées au square', 'cleanliness', 'outdoor_upkeep', 'low', '{"origin_kind": "walk"}'),
    ('city', 'Square des Blazots', 50, '5.0870,43.6416', 'Pelouse non tondue au square', 'green_spaces', 'outdoor_upkeep', 'low', '{"origin_kind": "walk"}'),
    ('city', 'Square des Blazots', 50, '5.0873,43.6417', 'Fontaine à sec au square', 'furniture_play_areas', 'outdoor_upkeep', 'low', '{"origin_kind": "walk", "nature": "information"}'),
    ('council', 'Résidence des Bressons', 48, '5.0864,43.6424', 'Infiltrations en toiture', 'common_areas', 'building_repair', 'high', '{"nature": "investment"}'),
    ('council', 'Résidence des Bressons', 47, '5.0866,43.6425', 'Chauffage en panne dans deux entrées', 'dwelling', 'building_repair', 'high', '{"component": "heating"}'),
    ('council', 'Résidence des Bressons', 46, '5.0863,43.6426', 'Moisissures dans les logements du rez-de-chaussée', 'dwelling', 'building_repair', 'high', '{"component": "damp"}'),
    ('crau', 'Résidence des Bressons', 22, '5.0868,43.6421', 'Locaux poubelles vandalisés', 'common_areas', 'rental_management', 'normal', '{}'),
    ('centre', NULL, 16, '5.0890,43.6405', 'Pas de lieu pour se réunir aux Blazots', 'social_ties', 'associations', 'normal', '{"nature": "investment"}'),
    ('arenes', 'Résidence des Bressons', 11, '5.0860,43.6427', 'Rampe d’accès glissante', 'access_doors', 'building_repair', 'danger', '{"origin_kind": "walk"}'),
    ('state', NULL, 4, '5.0882,43.6412', 'Panneau d’information illisible', 'information', 'participation', 'low', '{"nature": "information"}'),
    ('council', NULL, 3, '5.0851,43.6431', 'Déchets verts déposés derrière la résidence', 'bulky_waste', 'outdoor_upkeep', 'normal', '{}')
) AS r (who, site, days, place, title, category, theme, severity, more);

-- The city classifies what has waited, all but the latest.
SELECT gusp_demo.step(CASE WHEN i.n % 7 = 0 THEN 'arenes' ELSE 'city' END, i.title, 'qualified')
FROM (SELECT i.title, row_number() OVER (ORDER BY i.id) AS n
      FROM issue AS i
      WHERE i.programme_id = :'programme' AND i.occurred_at < now() - interval '9 days'
        AND i.visibility IN ('public', 'partners')
        AND i.title NOT IN ('Passage piéton effacé avenue des Tilleuls', 'Fontaine à sec au square')) AS i;
SELECT gusp_demo.step('city', 'Présence de rats dans les caves du bâtiment C', 'qualified');

-- The slab of the îlot: two owners in turn say it is not theirs; a meeting will decide.
SELECT gusp_demo.step(s.who, 'Dalle piétonne affaissée au cœur de l’îlot', s.wanted, s.said)
FROM (VALUES
    ('city', 'assigned', '{"details": {"lead_actor_id": "Habitat du Levant", "due_on": 20, "contributors": []}}'::jsonb),
    ('levant', 'qualified', '{"comment": "La dalle est hors de notre parcelle.", "details": {"decline_reason": "not_my_land", "suggested_actor_id": "Logis des Alpilles"}}'),
    ('city', 'assigned', '{"details": {"lead_actor_id": "Logis des Alpilles", "due_on": 20, "contributors": []}}'),
    ('alpilles', 'qualified', '{"comment": "Le bornage de 1974 place la dalle sur le domaine public.", "details": {"decline_reason": "not_my_land", "suggested_actor_id": "Services techniques"}}')
) AS s (who, wanted, said);

-- The dangerous crossing: the rule names who leads; two more reports of it are one.
SELECT gusp_demo.step(s.who, s.title, s.wanted, s.said)
FROM (VALUES
    ('city', 'Traversée dangereuse devant le centre social', 'assigned', '{}'::jsonb),
    ('city', 'Traversée dangereuse devant le centre social', 'accepted', '{}'),
    ('city', 'Traversée dangereuse devant le centre social', 'planned', '{"details": {"planned_on": 12}}'),
    ('city', 'Passage piéton effacé avenue des Tilleuls', 'duplicate', '{"details": {"master_id": "Traversée dangereuse devant le centre social"}}'),
    ('city', 'Voitures rapides devant le centre social', 'duplicate', '{"details": {"master_id": "Traversée dangereuse devant le centre social"}}'),
    -- Done by a service of the city, verified by an association of the quartier.
    ('city', 'Deux lampadaires éteints avenue des Tilleuls', 'assigned', '{}'),
    ('city', 'Deux lampadaires éteints avenue des Tilleuls', 'accepted', '{}'),
    ('city', 'Deux lampadaires éteints avenue des Tilleuls', 'treated', '{"details": {"evidence": [{"kind": "work_order", "external_ref": "BT-ECL-118", "note": "Deux lampes remplacées"}]}}'),
    ('ensemble', 'Deux lampadaires éteints avenue des Tilleuls', 'resolved', '{"comment": "Vu allumés deux soirs de suite"}'),
    -- Done by a bailleur, verified by the city.
    ('city', 'Ascenseur en panne au bâtiment A', 'assigned', '{"details": {"lead_actor_id": "Habitat du Levant", "due_on": 3}}'),
    ('levant', 'Ascenseur en panne au bâtiment A', 'accepted', '{}'),
    ('levant', 'Ascenseur en panne au bâtiment A', 'treated', '{"details": {"evidence": [{"kind": "invoice", "external_ref": "F-2291"}]}}'),
    ('city', 'Ascenseur en panne au bâtiment A', 'resolved', '{}'),
    -- Said to be done; not yet, say the residents.
    ('city', 'Porte d’entrée forcée au bâtiment B', 'assigned', '{"details": {"lead_actor_id": "Logis des Alpilles", "due_on": 6}}'),
    ('alpilles', 'Porte d’entrée forcée au bâtiment B', 'accepted', '{}'),
    ('alpilles', 'Porte d’entrée forcée au bâtiment B', 'treated', '{"details": {"evidence": [{"kind": "photo_after", "external_ref": "IMG-7741"}]}}'),
    ('ensemble', 'Porte d’entrée forcée au bâtiment B', 'in_progress', '{"comment": "La serrure ne tient pas."}'),
    -- Late: accepted, its day passed.
    ('city', 'Hall et boîtes aux lettres dégradés au bâtiment C', 'assigned', '{"details": {"lead_actor_id": "Toits de la Crau", "due_on": -6}}'),
    ('crau', 'Hall et boîtes aux lettres dégradés au bâtiment C', 'accepted', '{}'),
    ('city', 'Présence de rats dans les caves du bâtiment C', 'assigned', '{"details": {"lead_actor_id": "Toits de la Crau", "due_on": 8}}'),
    ('crau', 'Présence de rats dans les caves du bâtiment C', 'accepted', '{}'),
    ('city', 'Épave sur le trottoir de l’avenue', 'assigned', '{}'),
    -- Monaque: the balconies first; the rest is planned, or waits for its budget.
    ('city', 'Éclats de béton sous les balcons', 'assigned', '{"details": {"lead_actor_id": "Habitat du Levant", "due_on": 2}}'),
    ('levant', 'Éclats de béton sous les balcons', 'accepted', '{"comment": "Purge des bétons et filets cette semaine."}'),
    ('levant', 'Éclats de béton sous les balcons', 'in_progress', '{}'),
    ('city', 'Volets qui ne ferment plus, entrée 1', 'assigned', '{"details": {"lead_actor_id": "Habitat du Levant", "due_on": 90}}'),
    ('levant', 'Volets qui ne ferment plus, entrée 1', 'accepted', '{}'),
    ('levant', 'Volets qui ne ferment plus, entrée 1', 'planned', '{"details": {"planned_on": 60}}'),
    ('city', 'Sanitaires vétustes', 'assigned', '{"details": {"lead_actor_id": "Habitat du Levant", "due_on": 120}}'),
    ('levant', 'Sanitaires vétustes', 'accepted', '{}'),
    ('levant', 'Sanitaires vétustes', 'on_hold', '{"reason_code": "budget", "comment": "Inscrit au plan de travaux de l’an prochain.", "details": {"review_on": 45}}'),
    ('city', 'Balançoire sans assise à l’aire de jeux', 'assigned', '{}'),
    ('city', 'Balançoire sans assise à l’aire de jeux', 'accepted', '{}'),
    ('city', 'Balançoire sans assise à l’aire de jeux', 'treated', '{"details": {"evidence": [{"kind": "photo_after", "external_ref": "IMG-8107"}]}}'),
    -- Bressons Blazots.
    ('city', 'Arbres morts au square des Blazots', 'assigned', '{}'),
    ('city', 'Arbres morts au square des Blazots', 'accepted', '{}'),
    ('city', 'Arbres morts au square des Blazots', 'in_progress', '{}'),
    ('city', 'Infiltrations en toiture', 'assigned', '{"details": {"lead_actor_id": "Toits de la Crau", "due_on": -15}}'),
    ('city', 'Infiltrations en toiture', 'qualified', '{"comment": "Sans réponse à l’échéance."}'),
    ('city', 'Infiltrations en toiture', 'assigned', '{"details": {"lead_actor_id": "Toits de la Crau", "due_on": 15}}'),
    ('city', 'Fontaine à sec au square', 'no_action', '{"reason_code": "out_of_use", "details": {"public_explanation": "La fontaine est hors service depuis la sécheresse ; une plantation la remplacera au printemps."}}')
) AS s (who, title, wanted, said);
RESET ROLE;

-- What is said of them.
SELECT gusp_demo.act('levant');
INSERT INTO comment (programme_id, noun, target_id, text, visibility)
SELECT :'programme', 'issue', i.id, c.text, c.visibility
FROM (VALUES
    ('Dalle piétonne affaissée au cœur de l’îlot', 'Nous pouvons prendre part aux travaux si les trois bailleurs y viennent.', 'partners'),
    ('Dalle piétonne affaissée au cœur de l’îlot', 'Plafond à proposer en réunion : un tiers du devis.', 'internal'),
    ('Éclats de béton sous les balcons', 'Les pieds de façade sont fermés au public.', 'public')
) AS c (title, text, visibility)
JOIN issue AS i ON i.programme_id = :'programme' AND i.title = c.title;
RESET ROLE;

-- Meetings, and what came of them -----------------------------------------------------

\ir demo_meetings.sql

-- Memberships to log in with; the clients that entered all this are done --------------

INSERT INTO gusp_demo.member (role, membership_id)
SELECT m.role, m.id
FROM (VALUES
    (1, 'city', :'city'), (2, 'bailleur', :'levant'), (3, 'association', :'centre'),
    (4, 'institution', :'state'), (5, 'facilitator', :'arenes'), (6, 'auditor', :'control'),
    (8, 'bailleur', :'crau'), (9, 'association', :'voisins')
) AS w (n, role, actor)
JOIN member AS m ON m.programme_id = :'programme' AND m.actor_id = w.actor::uuid AND m.role = w.role
ORDER BY w.n;
INSERT INTO gusp_demo.member (role, membership_id)
SELECT c.role, c.membership_id FROM gusp_demo.client AS c WHERE c.name = 'admin';

UPDATE auth.client AS c
SET status = 'revoked', revoked_at = now()
FROM gusp_demo.client AS d
WHERE c.id = d.client_id;
DROP FUNCTION gusp_demo.act(text), gusp_demo.employ(text, uuid),
    gusp_demo.report(text, text, text, int, text, jsonb), gusp_demo.step(text, text, text, jsonb);
DROP TABLE gusp_demo.client;

COMMIT;
