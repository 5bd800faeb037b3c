-- The meetings of the demonstration programme, and what came of them: what
-- residents said, what they are owed, a diagnosis that is shared with them.
--
-- Included by demo.sql, in its transaction: its clients act, its names stand.
-- Days are counted from the day of loading.

-- Somebody plans a meeting of two hours, so many days from today.
CREATE OR REPLACE FUNCTION gusp_demo.meeting(who text, kind text, days int, hour time, title text, said jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    begins timestamptz := (gusp.today() + days + hour) AT TIME ZONE 'Europe/Paris';
    made uuid;
BEGIN
    PERFORM gusp_demo.act(who);
    INSERT INTO gusp.meeting (programme_id, kind, title, starts_at, ends_at, phase, series_id, quartiers, venue_text,
        venue_actor_id, convenor_actor_id, facilitators, communications, priorities, route, weather, groups, stops,
        synthesis)
    SELECT gusp.caller_programme(), kind, title, begins, begins + interval '2 hours', b.phase, b.series_id,
           coalesce(b.quartiers, '{}'), b.venue_text, b.venue_actor_id, b.convenor_actor_id,
           coalesce(b.facilitators, '{}'), coalesce(b.communications, '[]'), coalesce(b.priorities, '[]'),
           gusp.geometry_of(said -> 'route', '/route'), b.weather, coalesce(b.groups, '[]'), coalesce(b.stops, '[]'),
           b.synthesis
    FROM jsonb_populate_record(NULL::gusp.meeting, said - 'route') AS b
    RETURNING id INTO made;
    PERFORM set_config('role', 'none', true);
    RETURN made;
END $$;

-- Somebody moves a record of any noun.
CREATE OR REPLACE FUNCTION gusp_demo.move(who text, noun text, record uuid, wanted text, said jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp_demo.act(who);
    PERFORM gusp.move(noun, record, NULL, jsonb_build_object('to', wanted) || said);
    PERFORM set_config('role', 'none', true);
END $$;

-- Somebody takes a meeting on to a state, by the steps between, each at its
-- usual time.
CREATE OR REPLACE FUNCTION gusp_demo.hold(who text, meeting uuid, wanted text, said jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    steps CONSTANT text[] := '{planned,called,held,minutes_draft,minutes_published}';
    m gusp.meeting;
BEGIN
    SELECT * INTO STRICT m FROM gusp.meeting AS x WHERE x.id = meeting;
    FOR i IN array_position(steps, m.status) + 1 .. array_position(steps, wanted) LOOP
        PERFORM gusp_demo.move(who, 'meeting', meeting, steps[i], jsonb_build_object('occurred_at',
            least(now(), m.starts_at + (CASE steps[i] WHEN 'called' THEN '-14 days' WHEN 'held' THEN '2 hours'
                WHEN 'minutes_draft' THEN '1 day' ELSE '10 days' END)::interval))
            || CASE WHEN steps[i] = wanted THEN said ELSE '{}' END);
    END LOOP;
END $$;

-- Somebody answers residents, so many days ago. What they are answered is
-- known by the pseudonym of a contribution or by the title of an issue.
CREATE OR REPLACE FUNCTION gusp_demo.answer(who text, meeting uuid, origin text, days int, channel text, answer text) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    debt uuid;
BEGIN
    SELECT d.id INTO STRICT debt
    FROM gusp.answer_due AS d
    LEFT JOIN gusp.contribution AS c ON c.id = d.origin_id
    LEFT JOIN gusp.issue AS i ON i.id = d.origin_id
    WHERE d.meeting_id = meeting AND origin IN (c.contributor_code, i.title);
    PERFORM gusp_demo.move(who, 'answer_due', debt, 'given', jsonb_build_object('details', jsonb_build_object(
        'answer', answer, 'channel', channel, 'given_at', now() - days * interval '1 day')));
END $$;

-- What an association gathered at a meeting, as its device sends it.
CREATE OR REPLACE FUNCTION gusp_demo.gather(who text, meeting uuid, said jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp_demo.act(who);
    PERFORM gusp.batch('contribution', (
        SELECT jsonb_agg(s.item || jsonb_build_object('client_ref', gusp.uuid7(), 'meeting_id', m.id,
                   'quartier_id', m.quartiers[1], 'occurred_at', m.starts_at + interval '1 hour') ORDER BY s.n)
        FROM gusp.meeting AS m
        CROSS JOIN jsonb_array_elements(said) WITH ORDINALITY AS s (item, n)
        WHERE m.id = meeting));
    PERFORM set_config('role', 'none', true);
END $$;

-- Somebody sorts what was gathered at a meeting, by its pseudonym; master and
-- issue are told by a pseudonym and by a title.
CREATE OR REPLACE FUNCTION gusp_demo.sort(who text, meeting uuid, code text, wanted text, details jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    said gusp.contribution;
BEGIN
    SELECT * INTO STRICT said FROM gusp.contribution AS c
    WHERE c.meeting_id = meeting AND c.contributor_code = code;
    PERFORM gusp_demo.move(who, 'contribution', said.id, wanted, jsonb_build_object('details', CASE wanted
        WHEN 'merged' THEN (SELECT jsonb_build_object('merged_into_id', c.id) FROM gusp.contribution AS c
                            WHERE c.meeting_id = meeting AND c.contributor_code = details ->> 'master')
        WHEN 'linked' THEN (SELECT jsonb_build_object('links', jsonb_build_array(
                                       jsonb_build_object('type', 'issue', 'id', i.id)))
                            FROM gusp.issue AS i
                            WHERE i.programme_id = said.programme_id AND i.title = details ->> 'issue')
        ELSE details END));
END $$;

-- The neighbourhood meeting of Canourgues: what is owed for it was due four days ago ---

SELECT gusp_demo.meeting('arenes', 'neighbourhood', -40, '18:00', 'Réunion de quartier des Canourgues', jsonb_build_object(
    'phase', 'diagnosis',
    'quartiers', ARRAY[:'canourgues'],
    'venue_text', 'Grande salle du centre social',
    'venue_actor_id', :'centre',
    'convenor_actor_id', :'service_policy',
    'facilitators', ARRAY[:'arenes'],
    'communications', jsonb_build_array(
        jsonb_build_object('channel', 'letterbox', 'audience', 'Habitants de l’îlot des Tilleuls', 'sent_on', today() - 54,
            'text', 'Parlons de la vie de tous les jours aux Canourgues : venez dire ce qui va et ce qui ne va pas.'),
        jsonb_build_object('channel', 'local_relay', 'audience', 'Parents de l’école', 'sent_on', today() - 47)),
    'priorities', '[{"n": 1, "theme": "mobility", "text": "Ralentir les voitures devant le centre social"},
                    {"n": 2, "theme": "outdoor_upkeep", "text": "Savoir qui entretient le cœur de l’îlot, et le remettre en état"},
                    {"n": 3, "theme": "rental_management", "text": "Un seul interlocuteur pour les trois bailleurs de l’îlot"}]'::jsonb,
    'synthesis', 'Les habitants demandent d’abord une traversée sûre. Le cœur de l’îlot est aimé et mal tenu : chacun renvoie à l’autre. Les bailleurs sont trois ; les habitants ne savent pas à qui s’adresser.')) AS evening \gset
SELECT gusp_demo.hold('arenes', :'evening', 'held');

SELECT gusp_demo.gather('ensemble', :'evening', '[
    {"contributor_code": "CAN-01", "kind": "idea", "theme": "rental_management", "text": "Un panneau dans chaque hall avec le nom du service à appeler, le même pour les trois bailleurs."},
    {"contributor_code": "CAN-02", "kind": "asset", "theme": "living_together", "text": "Le marché du samedi : tout le monde s’y retrouve.", "geometry": {"type": "Point", "coordinates": [5.1073, 43.6458]}}]');
SELECT gusp_demo.report(r.who, 'canourgues', r.site, 40, r.place, jsonb_build_object('title', r.title,
    'category', r.category, 'theme', r.theme, 'severity', 'normal', 'origin_meeting_id', :'evening'))
FROM (VALUES
    ('arenes', 'Avenue des Tilleuls', '5.1060,43.6448', 'Grille d’eau de pluie bouchée avenue des Tilleuls', 'roads', 'outdoor_upkeep'),
    ('ensemble', 'Bâtiment B des Tilleuls', '5.1058,43.6456', 'Porte de cave battante au bâtiment B', 'access_doors', 'building_repair'),
    ('ensemble', 'Bâtiment C des Tilleuls', '5.1060,43.6466', 'Interphone muet au bâtiment C', 'access_doors', 'building_repair')
) AS r (who, site, place, title, category, theme);
SELECT gusp_demo.step('city', s.title, s.wanted, s.said)
FROM (VALUES
    ('Grille d’eau de pluie bouchée avenue des Tilleuls', 'qualified', '{}'::jsonb),
    ('Grille d’eau de pluie bouchée avenue des Tilleuls', 'assigned', '{"details": {"lead_actor_id": "Services techniques", "due_on": 5}}'),
    ('Porte de cave battante au bâtiment B', 'qualified', '{}'),
    ('Porte de cave battante au bâtiment B', 'assigned', '{"details": {"lead_actor_id": "Logis des Alpilles", "due_on": 6}}'),
    ('Interphone muet au bâtiment C', 'qualified', '{}'),
    ('Interphone muet au bâtiment C', 'assigned', '{"details": {"lead_actor_id": "Toits de la Crau", "due_on": 6}}')
) AS s (title, wanted, said);
SELECT gusp_demo.sort('arenes', :'evening', 'CAN-01', 'retained'), gusp_demo.sort('arenes', :'evening', 'CAN-02', 'retained');
SELECT gusp_demo.hold('arenes', :'evening', 'minutes_published',
    jsonb_build_object('details', jsonb_build_object('answers_due_on', today() - 4)));
SELECT gusp_demo.answer(a.who, :'evening', a.origin, a.days, a.channel, a.answer)
FROM (VALUES
    ('city', 'CAN-01', 20, 'notice', 'Oui : les trois bailleurs préparent un panneau commun, posé dans les halls à l’automne.'),
    ('city', 'CAN-02', 20, 'relay', 'Merci : le marché garde sa place et ses jours dans le projet de l’avenue.'),
    ('city', 'Grille d’eau de pluie bouchée avenue des Tilleuls', 15, 'relay', 'Les services techniques curent la grille dans la semaine.'),
    ('alpilles', 'Porte de cave battante au bâtiment B', 12, 'notice', 'Le groom est commandé ; la porte fermera avant la fin du mois.')
) AS a (who, origin, days, channel, answer);

-- The workshop of Monaque and its map: twelve answers due, nine given ----------------

SELECT gusp_demo.meeting('arenes', 'resident_workshop', -35, '14:00', 'Atelier habitants de la Monaque : la carte du quartier', jsonb_build_object(
    'phase', 'diagnosis',
    'quartiers', ARRAY[:'monaque'],
    'venue_text', 'Local des Voisins de la Monaque',
    'venue_actor_id', :'voisins',
    'convenor_actor_id', :'service_policy',
    'facilitators', ARRAY[:'arenes', :'voisins'],
    'communications', jsonb_build_array(
        jsonb_build_object('channel', 'door_to_door', 'audience', 'Locataires de la résidence', 'sent_on', today() - 42)),
    'priorities', '[{"n": 1, "theme": "building_repair", "text": "Volets, balcons, isolation et sanitaires de la résidence"},
                    {"n": 2, "theme": "living_together", "text": "Une placette où chaque âge a sa place"}]'::jsonb,
    'synthesis', 'Trois tables autour d’un fond de plan. Les habitants montrent d’abord ce à quoi ils tiennent ; les demandes sur les logements reviennent à chaque table.')) AS workshop \gset
SELECT gusp_demo.hold('arenes', :'workshop', 'held');

SELECT gusp_demo.gather('voisins', :'workshop', '[
    {"contributor_code": "MON-01", "kind": "asset", "theme": "living_together", "text": "On se connaît tous et on se rend service d’un étage à l’autre.", "geometry": {"type": "Point", "coordinates": [5.0929, 43.6316]}},
    {"contributor_code": "MON-02", "kind": "problem", "theme": "building_repair", "text": "Les volets ne ferment plus : l’hiver il fait froid, l’été on ne dort pas.", "geometry": {"type": "Point", "coordinates": [5.0927, 43.6315]}},
    {"contributor_code": "MON-03", "kind": "problem", "theme": "building_repair", "text": "Des morceaux de béton tombent des balcons.", "geometry": {"type": "Point", "coordinates": [5.0931, 43.6313]}},
    {"contributor_code": "MON-04", "kind": "use", "theme": "outdoor_design", "text": "La placette : les anciens le matin, les enfants après l’école, les jeunes le soir.", "geometry": {"type": "Polygon", "coordinates": [[[5.0942, 43.6323], [5.0948, 43.6323], [5.0948, 43.6327], [5.0942, 43.6327], [5.0942, 43.6323]]]}},
    {"contributor_code": "MON-05", "kind": "idea", "theme": "outdoor_design", "text": "Des bancs à l’ombre pour les anciens, à côté de l’aire de jeux.", "geometry": {"type": "Point", "coordinates": [5.0941, 43.6322]}},
    {"contributor_code": "MON-06", "kind": "path", "theme": "mobility", "text": "Le chemin de l’école passe entre les voitures du parking.", "geometry": {"type": "LineString", "coordinates": [[5.0931, 43.6318], [5.0943, 43.6317], [5.0953, 43.6316], [5.0962, 43.6309]]}},
    {"contributor_code": "MON-07", "kind": "feeling", "theme": "tranquillity", "text": "Le soir on fait le tour pour ne pas traverser le parking du Mail, il y fait trop noir.", "geometry": {"type": "Point", "coordinates": [5.0953, 43.6316]}},
    {"contributor_code": "MON-08", "kind": "problem", "theme": "outdoor_upkeep", "text": "Aucune lumière au parking du Mail.", "geometry": {"type": "Point", "coordinates": [5.0954, 43.6317]}},
    {"contributor_code": "MON-09", "kind": "asset", "theme": "associations", "text": "Le repas de juin, que les habitants préparent eux-mêmes.", "geometry": {"type": "Point", "coordinates": [5.0944, 43.6326]}},
    {"contributor_code": "MON-10", "kind": "idea", "theme": "outdoor_design", "text": "Une piscine à la place du parking.", "geometry": {"type": "Point", "coordinates": [5.0952, 43.6315]}},
    {"contributor_code": "MON-11", "kind": "use", "theme": "associations", "text": "L’aide aux devoirs se fait dans le hall, faute de salle.", "geometry": {"type": "Point", "coordinates": [5.0925, 43.6317]}},
    {"contributor_code": "MON-12", "kind": "problem", "theme": "building_repair", "text": "Les sanitaires fuient et les réparations ne tiennent pas.", "geometry": {"type": "Point", "coordinates": [5.0928, 43.6318]}},
    {"contributor_code": "MON-13", "kind": "feeling", "theme": "participation", "text": "On a souvent répondu à des enquêtes, et rarement su ce qui en était sorti."}]');

-- Sorted with the city the day after: what they said twice is answered once.
SELECT gusp_demo.sort(s.who, :'workshop', s.code, s.wanted, s.details)
FROM (VALUES
    ('arenes', 'MON-01', 'retained', '{}'::jsonb), ('arenes', 'MON-02', 'retained', '{}'), ('arenes', 'MON-03', 'retained', '{}'),
    ('arenes', 'MON-04', 'retained', '{}'), ('arenes', 'MON-05', 'retained', '{}'), ('arenes', 'MON-06', 'retained', '{}'),
    ('arenes', 'MON-07', 'retained', '{}'), ('arenes', 'MON-09', 'retained', '{}'), ('arenes', 'MON-11', 'retained', '{}'),
    ('arenes', 'MON-12', 'retained', '{}'), ('arenes', 'MON-13', 'retained', '{}'),
    ('arenes', 'MON-08', 'merged', '{"master": "MON-07"}'),
    ('city', 'MON-10', 'set_aside', '{"set_aside_reason": "Le terrain est trop petit et la piscine municipale est à dix minutes à pied ; l’idée d’un lieu frais l’été est reprise avec les bancs à l’ombre."}'),
    ('city', 'MON-02', 'linked', '{"issue": "Volets qui ne ferment plus, entrée 1"}'),
    ('city', 'MON-03', 'linked', '{"issue": "Éclats de béton sous les balcons"}'),
    ('city', 'MON-06', 'linked', '{"issue": "Parking du Mail sans éclairage"}'),
    ('city', 'MON-07', 'linked', '{"issue": "Parking du Mail sans éclairage"}'),
    ('city', 'MON-12', 'linked', '{"issue": "Sanitaires vétustes"}')
) AS s (who, code, wanted, details);
SELECT gusp_demo.hold('arenes', :'workshop', 'minutes_published',
    jsonb_build_object('details', jsonb_build_object('answers_due_on', today() + 20)));

-- The association that gathered them brings some answers itself.
SELECT gusp_demo.sort('voisins', :'workshop', a.code, 'answered', jsonb_build_object('answer', jsonb_build_object(
    'channel', 'relay', 'given_at', now() - interval '16 days', 'text', a.answer)))
FROM (VALUES
    ('MON-01', 'C’est inscrit en tête du diagnostic : une force du quartier.'),
    ('MON-09', 'La ville prête les tables et les barrières pour le repas de juin.'),
    ('MON-11', 'Le centre social ouvre une salle deux soirs par semaine à la rentrée.')
) AS a (code, answer);
SELECT gusp_demo.answer('city', :'workshop', a.origin, 7, 'meeting', a.answer)
FROM (VALUES
    ('MON-02', 'Habitat du Levant change les volets par entrées ; l’entrée 1 commence dans deux mois.'),
    ('MON-03', 'Les balcons sont purgés et des filets posés ; la réparation suivra.'),
    ('MON-04', 'Le projet de la placette partira de ces usages, heure par heure.'),
    ('MON-05', 'Trois bancs et deux arbres sont prévus au printemps.'),
    ('MON-07', 'La propriété du parking est en cours d’établissement ; un éclairage provisoire est à l’essai.'),
    ('MON-12', 'Les sanitaires sont inscrits au plan de travaux de l’an prochain.')
) AS a (origin, answer);

-- The walk of Bressons Blazots: eight stops, two groups, forty observations ----------

SELECT gusp_demo.meeting('arenes', 'walk', -12, '09:30', 'Diagnostic en marchant des Bressons Blazots', jsonb_build_object(
    'phase', 'diagnosis',
    'quartiers', ARRAY[:'bressons'],
    'venue_text', 'Départ à l’entrée de l’allée des Bressons',
    'convenor_actor_id', :'service_policy',
    'facilitators', ARRAY[:'arenes', :'council'],
    'weather', 'Sec et venteux, après une nuit de pluie',
    'communications', jsonb_build_array(
        jsonb_build_object('channel', 'poster', 'audience', 'Habitants des Bressons et des Blazots', 'sent_on', today() - 26)),
    'groups', jsonb_build_array(
        jsonb_build_object('code', 'A', 'label', 'Les Bressons, arrêts 1 à 4', 'lead_actor_id', :'arenes'),
        jsonb_build_object('code', 'B', 'label', 'Les Blazots, arrêts 5 à 8', 'lead_actor_id', :'council')),
    'route', jsonb_build_object('type', 'LineString', 'coordinates', jsonb_agg(s.place ORDER BY s.n)),
    'stops', jsonb_agg(jsonb_build_object('n', s.n, 'label', s.label,
        'point', jsonb_build_object('type', 'Point', 'coordinates', s.place),
        'planned_at', (today() - 12 + time '09:30' + (s.n - 1) * interval '15 minutes') AT TIME ZONE 'Europe/Paris')
        ORDER BY s.n))) AS walk
FROM (VALUES
    (1, '[5.0854, 43.6429]'::jsonb, 'Entrée de l’allée des Bressons'),
    (2, '[5.0860, 43.6427]', 'Hall et rampe de la résidence'),
    (3, '[5.0868, 43.6421]', 'Locaux poubelles'),
    (4, '[5.0872, 43.6426]', 'Pied de la façade est'),
    (5, '[5.0871, 43.6417]', 'Square des Blazots, entrée nord'),
    (6, '[5.0877, 43.6412]', 'Square des Blazots, aire de jeux'),
    (7, '[5.0886, 43.6409]', 'Parking des Blazots'),
    (8, '[5.0893, 43.6402]', 'Arrêt de bus des Blazots')
) AS s (n, place, label) \gset
SELECT gusp_demo.hold('arenes', :'walk', 'held');

-- As the device of the walk's facilitator sends them that evening.
SELECT gusp_demo.act('arenes');
SELECT batch_issues(m.id, jsonb_agg(jsonb_build_object(
    'client_ref', uuid7(),
    'occurred_at', (s.stop ->> 'planned_at')::timestamptz + o.n % 5 * interval '2 minutes',
    'title', o.title,
    'description', format('Constat n° %s, groupe %s.', o.n, CASE WHEN o.stop_n <= 4 THEN 'A' ELSE 'B' END),
    'quartier_id', m.quartiers[1],
    'geometry', jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(
        (s.stop #>> '{point,coordinates,0}')::numeric + o.n % 5 * 0.00005, s.stop #> '{point,coordinates,1}')),
    'category', o.category,
    'theme', o.theme,
    'stop_n', o.stop_n) ORDER BY o.n))
FROM (VALUES
    (1, 1, 'Panneau d’entrée de la résidence tombé', 'information', 'participation'),
    (2, 1, 'Nid-de-poule à l’entrée de l’allée', 'roads', 'outdoor_upkeep'),
    (3, 1, 'Candélabre penché', 'lighting', 'outdoor_upkeep'),
    (4, 1, 'Voitures sur le trottoir, poussettes sur la chaussée', 'parking', 'mobility'),
    (5, 1, 'Haie qui cache le virage', 'green_spaces', 'outdoor_upkeep'),
    (6, 2, 'Main courante descellée à la rampe', 'access_doors', 'building_repair'),
    (7, 2, 'Porte du hall qui ne ferme pas', 'access_doors', 'building_repair'),
    (8, 2, 'Peinture cloquée dans le hall', 'common_areas', 'building_repair'),
    (9, 2, 'Boîtes aux lettres ouvertes', 'common_areas', 'rental_management'),
    (10, 2, 'Affichage du gardien périmé', 'information', 'rental_management'),
    (11, 3, 'Bacs trop peu nombreux', 'bulky_waste', 'outdoor_upkeep'),
    (12, 3, 'Matelas et meubles devant le local', 'bulky_waste', 'outdoor_upkeep'),
    (13, 3, 'Porte du local arrachée', 'common_areas', 'rental_management'),
    (14, 3, 'Sol du local jamais lavé', 'cleanliness', 'outdoor_upkeep'),
    (15, 3, 'Traces de rongeurs', 'pests', 'rental_management'),
    (16, 4, 'Enduit décollé au-dessus du passage', 'common_areas', 'building_repair'),
    (17, 4, 'Descente d’eau percée', 'common_areas', 'building_repair'),
    (18, 4, 'Soupiraux de cave sans grille', 'common_areas', 'building_repair'),
    (19, 4, 'Tags sur toute la longueur', 'graffiti', 'outdoor_upkeep'),
    (20, 4, 'Massif devenu dépotoir', 'green_spaces', 'outdoor_upkeep'),
    (21, 5, 'Portillon du square bloqué', 'furniture_play_areas', 'outdoor_upkeep'),
    (22, 5, 'Allée ravinée par la pluie', 'outdoor_upkeep', 'outdoor_upkeep'),
    (23, 5, 'Plus une seule corbeille debout', 'cleanliness', 'outdoor_upkeep'),
    (24, 5, 'Racines qui soulèvent l’allée', 'green_spaces', 'outdoor_upkeep'),
    (25, 5, 'Banc sans dossier', 'furniture_play_areas', 'outdoor_design'),
    (26, 6, 'Toboggan fendu', 'furniture_play_areas', 'outdoor_upkeep'),
    (27, 6, 'Sol de l’aire de jeux décollé', 'furniture_play_areas', 'outdoor_upkeep'),
    (28, 6, 'Verre cassé dans le bac à sable', 'cleanliness', 'outdoor_upkeep'),
    (29, 6, 'Aucune ombre sur l’aire de jeux', 'green_spaces', 'outdoor_design'),
    (30, 6, 'Pas de clôture du côté de la rue', 'furniture_play_areas', 'outdoor_design'),
    (31, 7, 'Deux épaves depuis l’hiver', 'abandoned_vehicles', 'outdoor_upkeep'),
    (32, 7, 'Vidanges à même le sol', 'cleanliness', 'outdoor_upkeep'),
    (33, 7, 'Trois lampes éteintes sur cinq', 'lighting', 'outdoor_upkeep'),
    (34, 7, 'Place réservée aux personnes handicapées effacée', 'parking', 'mobility'),
    (35, 7, 'Rodéos le soir, disent les riverains', 'tranquillity', 'tranquillity'),
    (36, 8, 'Abri de bus sans vitre', 'furniture_play_areas', 'mobility'),
    (37, 8, 'Traversée sans passage piéton', 'dangerous_traffic', 'mobility'),
    (38, 8, 'Trottoir trop étroit pour un fauteuil', 'roads', 'mobility'),
    (39, 8, 'Horaires de bus illisibles', 'information', 'mobility'),
    (40, 8, 'Aucun banc pour attendre', 'furniture_play_areas', 'outdoor_design')
) AS o (n, stop_n, title, category, theme)
JOIN meeting AS m ON m.id = :'walk'
JOIN jsonb_array_elements(m.stops) AS s (stop) ON (s.stop ->> 'n')::int = o.stop_n
GROUP BY m.id, m.quartiers;
RESET ROLE;
SELECT gusp_demo.hold('arenes', :'walk', 'minutes_draft');

-- The bailleurs each month with the city; the next meeting finds the slab on its agenda

SELECT gusp_demo.act('city');
INSERT INTO meeting_series (programme_id, title, kind, rhythm)
VALUES (:'programme', 'Réunions inter-bailleurs', 'inter_bailleurs', 'monthly')
RETURNING id AS series \gset
RESET ROLE;
SELECT max(m.id::text) FILTER (WHERE m.n = 1) AS bailleurs_1,
       max(m.id::text) FILTER (WHERE m.n = 2) AS bailleurs_2,
       max(m.id::text) FILTER (WHERE m.n = 3) AS bailleurs_3
FROM (SELECT b.n, gusp_demo.meeting('city', 'inter_bailleurs', b.days, '10:00', b.title, jsonb_build_object(
          'phase', 'search', 'series_id', :'series', 'venue_text', 'Hôtel de ville, salle des commissions',
          'convenor_actor_id', :'service_policy') || b.more) AS id
      FROM (VALUES
          (1, -51, 'Inter-bailleurs : encombrants et cœur d’îlot', '{"synthesis": "Un calendrier commun de ramassage des encombrants est arrêté. Les limites de propriété du cœur d’îlot restent à établir."}'::jsonb),
          (2, -21, 'Inter-bailleurs : halls et interlocuteurs', '{"synthesis": "Les bailleurs s’accordent sur un panneau commun dans les halls de l’îlot. Sans Toits de la Crau, le bâtiment C est remis à la prochaine réunion."}'),
          (3, 9, 'Inter-bailleurs : la dalle de l’îlot des Tilleuls', '{}')
      ) AS b (n, days, title, more)) AS m \gset

-- Who is asked answers for itself.
SELECT gusp_demo.act('city');
INSERT INTO invitation (programme_id, meeting_id, actor_id)
SELECT :'programme', m.id, a.id
FROM unnest(ARRAY[:'bailleurs_1', :'bailleurs_2', :'bailleurs_3']::uuid[]) WITH ORDINALITY AS m (id, n)
CROSS JOIN unnest(ARRAY[:'service_policy', :'levant', :'alpilles', :'crau', :'state']::uuid[]) WITH ORDINALITY AS a (id, n)
ORDER BY m.n, a.n;
RESET ROLE;
SELECT gusp_demo.move(w.who, 'invitation', i.id, w.wanted)
FROM (VALUES
    (:'bailleurs_1', 'levant', :'levant', 'accepted'), (:'bailleurs_1', 'alpilles', :'alpilles', 'accepted'),
    (:'bailleurs_1', 'crau', :'crau', 'accepted'),
    (:'bailleurs_2', 'levant', :'levant', 'accepted'), (:'bailleurs_2', 'alpilles', :'alpilles', 'accepted'),
    (:'bailleurs_2', 'crau', :'crau', 'excused'),
    (:'bailleurs_3', 'levant', :'levant', 'accepted')
) AS w (meeting, who, actor, wanted)
JOIN invitation AS i ON i.meeting_id = w.meeting::uuid AND i.actor_id = w.actor::uuid;
SELECT gusp_demo.hold('city', :'bailleurs_1', 'held'), gusp_demo.hold('city', :'bailleurs_2', 'held');
SELECT gusp_demo.act('levant');
INSERT INTO agenda_point (programme_id, meeting_id, title, text)
VALUES (:'programme', :'bailleurs_3', 'Le panneau commun au bâtiment C', 'Remis de la réunion précédente, Toits de la Crau étant excusé.');
RESET ROLE;

-- The restitution, a committee, a technical meeting, an interview ----------------------

SELECT gusp_demo.meeting('arenes', 'interview', -68, '10:00', 'Entretien en marchant avec le conseil citoyen', jsonb_build_object(
    'phase', 'diagnosis', 'quartiers', ARRAY[:'bressons'], 'venue_text', 'Square des Blazots', 'venue_actor_id', :'council',
    'facilitators', ARRAY[:'arenes'],
    'synthesis', 'Le square est le seul lieu commun du quartier. Les membres du conseil proposent d’y commencer la marche.')) AS interview \gset
SELECT gusp_demo.meeting('city', 'technical', -28, '14:00', 'Réunion technique : espaces extérieurs', jsonb_build_object(
    'phase', 'search', 'venue_text', 'Centre technique municipal', 'convenor_actor_id', :'service_works',
    'synthesis', 'Services et bailleurs relisent les constats des espaces extérieurs et préparent le plan d’actions.')) AS technical \gset
SELECT gusp_demo.meeting('arenes', 'restitution', -8, '18:30', 'Restitution du diagnostic partagé de la Monaque', jsonb_build_object(
    'phase', 'diagnosis', 'quartiers', ARRAY[:'monaque'], 'venue_text', 'Cour de la résidence', 'venue_actor_id', :'voisins',
    'convenor_actor_id', :'service_policy', 'facilitators', ARRAY[:'arenes'],
    'synthesis', 'Le diagnostic est présenté élément par élément, et les réponses données une à une. Les habitants demandent à être de la suite.')) AS restitution \gset
SELECT gusp_demo.meeting('city', 'steering_committee', -3, '09:00', 'Comité de pilotage', jsonb_build_object(
    'phase', 'search', 'venue_text', 'Hôtel de ville, salle du conseil', 'convenor_actor_id', :'city',
    'synthesis', 'Le diagnostic de la Monaque est présenté. Le comité arrête la suite du calendrier.')) AS committee \gset
SELECT gusp_demo.hold('arenes', :'interview', 'held'), gusp_demo.hold('city', :'technical', 'held'),
       gusp_demo.hold('arenes', :'restitution', 'held'), gusp_demo.hold('city', :'committee', 'held');

-- What was decided.
SELECT gusp_demo.act('city');
INSERT INTO decision (programme_id, meeting_id, text, target_type, target_id)
SELECT :'programme', d.meeting::uuid, d.text, CASE WHEN i.id IS NOT NULL THEN 'issue' END, i.id
FROM (VALUES
    (:'bailleurs_1', 'Les trois bailleurs et la ville ramassent les encombrants le même jour, le premier mardi du mois.', NULL),
    (:'bailleurs_2', 'Un panneau commun est posé dans chaque hall de l’îlot, avec un seul numéro de service.', NULL),
    (:'technical', 'Les services techniques étudient un plateau surélevé pour la traversée du centre social.', 'Traversée dangereuse devant le centre social'),
    (:'committee', 'Le plan d’actions est élaboré à partir des diagnostics des trois quartiers, la Monaque d’abord.', NULL)
) AS d (meeting, text, title)
LEFT JOIN issue AS i ON i.programme_id = :'programme' AND i.title = d.title;

-- Who came: counts, and no names. Who hosts counts the residents.
INSERT INTO attendance (programme_id, meeting_id, kind, actor_id, present_count)
SELECT :'programme', a.meeting::uuid, 'institution', a.actor::uuid, a.present
FROM (VALUES
    (:'evening', :'service_policy', 2), (:'evening', :'service_works', 1), (:'evening', :'levant', 1), (:'evening', :'alpilles', 1),
    (:'workshop', :'service_policy', 1), (:'workshop', :'arenes', 3), (:'workshop', :'voisins', 2),
    (:'walk', :'service_policy', 1), (:'walk', :'service_works', 2), (:'walk', :'crau', 1), (:'walk', :'arenes', 2), (:'walk', :'council', 2),
    -- The State was invited to both and came once; Toits de la Crau is excused once.
    (:'bailleurs_1', :'service_policy', 2), (:'bailleurs_1', :'levant', 1), (:'bailleurs_1', :'alpilles', 1), (:'bailleurs_1', :'crau', 2), (:'bailleurs_1', :'state', 1),
    (:'bailleurs_2', :'service_policy', 2), (:'bailleurs_2', :'levant', 1), (:'bailleurs_2', :'alpilles', 1),
    (:'interview', :'council', 3), (:'interview', :'arenes', 1),
    (:'technical', :'service_works', 3), (:'technical', :'service_policy', 1), (:'technical', :'levant', 1), (:'technical', :'alpilles', 1), (:'technical', :'crau', 1),
    (:'restitution', :'service_policy', 2), (:'restitution', :'levant', 2), (:'restitution', :'arenes', 2), (:'restitution', :'voisins', 3),
    (:'committee', :'city', 4), (:'committee', :'state', 2), (:'committee', :'epci', 1), (:'committee', :'levant', 1), (:'committee', :'alpilles', 1), (:'committee', :'crau', 1)
) AS a (meeting, actor, present);
INSERT INTO attendance (programme_id, meeting_id, kind, via_actor_id, present_count, women, youth, seniors)
VALUES (:'programme', :'walk', 'residents', :'council', 14, 8, 3, 6);
RESET ROLE;
SELECT gusp_demo.act('centre');
INSERT INTO attendance (programme_id, meeting_id, kind, via_actor_id, present_count, women, youth, seniors)
VALUES (:'programme', :'evening', 'residents', :'ensemble', 46, 27, 6, 15),
       (:'programme', :'evening', 'residents', NULL, 11, NULL, NULL, NULL);
RESET ROLE;
SELECT gusp_demo.act('voisins');
INSERT INTO attendance (programme_id, meeting_id, kind, via_actor_id, present_count, women, youth, seniors)
VALUES (:'programme', :'workshop', 'residents', :'voisins', 23, 15, 7, 8),
       (:'programme', :'restitution', 'residents', :'voisins', 31, 18, 9, 11);
RESET ROLE;
SELECT gusp_demo.hold('city', m.id, 'minutes_published')
FROM unnest(ARRAY[:'bailleurs_1', :'bailleurs_2', :'technical', :'restitution', :'committee']::uuid[]) AS m (id);

-- The shared diagnosis of Monaque, restituted ------------------------------------------

SELECT gusp_demo.act('arenes');
INSERT INTO diagnosis (programme_id, quartier_id, version_label, period_from_on, period_to_on)
VALUES (:'programme', :'monaque', 'Diagnostic partagé, première version', today() - 68, today() - 12)
RETURNING id AS diagnosis \gset
INSERT INTO finding (programme_id, diagnosis_id, theme, polarity, priority, statement, sources)
SELECT :'programme', :'diagnosis', f.theme, f.polarity, f.priority, f.statement, s.sources
FROM (VALUES
    (1, 'living_together', 'asset', 'high', 'Une forte solidarité, et des habitants capables de se mobiliser.',
        '{MON-01,MON-09}'::text[], '{}'::text[], NULL),
    (2, 'building_repair', 'problem', 'high', 'Les demandes sur les logements reviennent d’année en année : volets, balcons, isolation, sanitaires.',
        '{MON-02,MON-03,MON-12}', '{"Volets qui ne ferment plus, entrée 1",Éclats de béton sous les balcons,Logements froids faute d’isolation,Sanitaires vétustes}',
        'Résidence de la Monaque : 112 logements, patrimoine déclaré par le bailleur.'),
    (3, 'outdoor_design', 'neutral', 'normal', 'La placette sert à tous les âges, chacun à son heure.',
        '{MON-04,MON-05}', '{Jeunes et anciens se disputent la placette}', NULL),
    (4, 'mobility', 'problem', 'normal', 'Le parking du Mail est sombre, sur le chemin de l’école, et nul ne sait à qui il est.',
        '{MON-06,MON-07}', '{Parking du Mail sans éclairage}', NULL),
    (5, 'participation', 'problem', 'normal', 'Les habitants parlent volontiers et attendent qu’on leur réponde.',
        '{MON-13}', '{Les travaux du Mail ne sont pas annoncés}', NULL)
) AS f (n, theme, polarity, priority, statement, codes, titles, statistic)
CROSS JOIN LATERAL (
    SELECT jsonb_agg(u.source) AS sources
    FROM (SELECT jsonb_build_object('type', 'contribution', 'id', c.id) FROM contribution AS c
          WHERE c.meeting_id = :'workshop' AND c.contributor_code = ANY (f.codes)
          UNION ALL
          SELECT jsonb_build_object('type', 'issue', 'id', i.id) FROM issue AS i
          WHERE i.programme_id = :'programme' AND i.title = ANY (f.titles)
          UNION ALL
          SELECT jsonb_build_object('type', 'statistic', 'text', f.statistic) WHERE f.statistic IS NOT NULL) AS u (source)) AS s
ORDER BY f.n;
RESET ROLE;
SELECT gusp_demo.move('arenes', 'diagnosis', :'diagnosis', 'shared');
SELECT gusp_demo.act('levant');
SELECT agree(f.id, true) FROM finding AS f WHERE f.diagnosis_id = :'diagnosis' AND f.n IN (1, 2, 3);
RESET ROLE;
SELECT gusp_demo.act('voisins');
SELECT agree(f.id, true) FROM finding AS f WHERE f.diagnosis_id = :'diagnosis';
RESET ROLE;
SELECT gusp_demo.act('city');
SELECT agree(f.id, true) FROM finding AS f WHERE f.diagnosis_id = :'diagnosis';
UPDATE diagnosis SET restitutions = ARRAY[:'restitution']::uuid[] WHERE id = :'diagnosis';
RESET ROLE;
SELECT gusp_demo.move('city', 'diagnosis', :'diagnosis', 'restituted');

DROP FUNCTION gusp_demo.meeting(text, text, int, time, text, jsonb), gusp_demo.move(text, text, uuid, text, jsonb),
    gusp_demo.hold(text, uuid, text, jsonb), gusp_demo.answer(text, uuid, text, int, text, text),
    gusp_demo.gather(text, uuid, jsonb), gusp_demo.sort(text, uuid, text, text, jsonb);
