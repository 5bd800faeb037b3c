-- Many issues in the programme of many_sites.sql, which runs before this: n of
-- them (200000 unless -v n=...), over three years, at its sites and besides.
--
-- As there, the triggers are off and what they would have written is computed
-- for all rows at once: references, rights, keys and words, as a test of
-- test_plans.py compares; but no events and no assignments. A second run adds
-- nothing.

\set ON_ERROR_STOP on
\if :{?n}
\else
    \set n 200000
\endif

SET search_path = gusp, public;
SELECT id AS programme FROM programme WHERE title = 'GUSP de mesure' \gset
SELECT EXISTS (SELECT FROM issue WHERE programme_id = :'programme') AS there \gset
\if :there
    \quit
\endif
SELECT id AS city FROM actor WHERE programme_id = :'programme' AND kind = 'city' \gset

BEGIN;
SELECT setseed(0.13103) AS seed \gset
SET LOCAL session_replication_role = replica;
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL work_mem = '256MB';
CREATE TEMPORARY TABLE dropped ON COMMIT DROP AS
SELECT 'DROP INDEX ' || i.indexrelid::regclass AS off, pg_get_indexdef(i.indexrelid) AS again
FROM pg_index AS i
WHERE i.indrelid IN ('issue'::regclass, 'issue_key'::regclass, 'word'::regclass)
  AND NOT i.indisunique
UNION ALL
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
           pg_get_constraintdef(c.oid))
FROM pg_constraint AS c
WHERE c.conrelid IN ('issue_key'::regclass, 'word'::regclass) AND c.contype = 'p';
SELECT off FROM dropped \gexec

-- Of a hundred issues, how many are in a state: what a follow-up table holds,
-- the most of what is old being resolved. r mixes them, evenly in any hundred.
CREATE TEMPORARY TABLE made ON COMMIT DROP AS
WITH place AS (
    SELECT row_number() OVER (ORDER BY s.id) - 1 AS n, s.id AS site_id, s.quartier_id, s.geometry
    FROM site AS s
    WHERE s.programme_id = :'programme' AND s.status = 'active'
), places AS (
    SELECT count(*) AS n FROM place
), bailleur AS (
    SELECT array_agg(a.id ORDER BY a.id) AS ids
    FROM actor AS a
    WHERE a.programme_id = :'programme' AND a.kind = 'bailleur'
), word AS (
    SELECT array_agg(t.code ORDER BY t.code) AS codes, array_agg(t.parent_code ORDER BY t.code) AS themes
    FROM term AS t
    WHERE t.programme_id = :'programme' AND t.vocabulary = 'categories'
), numbered AS (
    SELECT i, uuid7() AS id, (i * 37) % 100 AS r,
           1 + floor(random() * 20)::int AS category, 1 + floor(random() * 20)::int AS lead,
           now() - interval '1100 days' * (1 - i::float / :n) AS created_at,
           random() AS x, random() AS y, random() AS z
    FROM generate_series(1, :n) AS i
)
SELECT m.i, m.id, m.z, m.created_at, p.quartier_id,
       CASE WHEN m.r % 5 > 0 THEN p.site_id END AS site_id,
       CASE WHEN m.i % 97 = 0 THEN ST_MakeEnvelope(g.lon, g.lat, g.lon + 0.0003, g.lat + 0.0002, 4326)
            WHEN m.i % 50 > 0 THEN ST_SetSRID(ST_MakePoint(g.lon, g.lat), 4326) END AS geometry,
       (ARRAY['Lampadaire éteint', 'Dépôt sauvage', 'Porte cassée', 'Ascenseur en panne', 'Fuite d’eau',
              'Trottoir défoncé', 'Tag', 'Épave', 'Haie à tailler', 'Éclairage du hall', 'Boîte aux lettres',
              'Encombrants', 'Grille descellée'])[1 + floor(m.x * 13)::int]
       || ' ' || (ARRAY['devant l’entrée', 'au parking', 'dans le hall', 'sur la place', 'près de l’école',
              'derrière le bâtiment', 'sous le porche'])[1 + floor(m.y * 7)::int]
       || ' ' || (1 + m.i % 5000) AS title,
       word.codes[m.category] AS category, word.themes[m.category] AS theme,
       (ARRAY['danger', 'high', 'high', 'normal', 'normal', 'normal', 'normal', 'low', 'low',
              'low'])[1 + (m.i / 3) % 10] AS severity,
       s.status,
       CASE WHEN s.status IN ('submitted', 'withdrawn') AND m.x < 0.2 THEN 'internal'
            WHEN m.x < 0.25 THEN 'public' WHEN m.x < 0.31 THEN 'confidential' ELSE 'partners' END AS visibility,
       CASE WHEN m.y < 0.5 THEN :'city' ELSE bailleur.ids[1 + (m.i / 7) % 20] END AS reporter,
       -- Nobody leads before it is assigned.
       CASE WHEN s.status IN ('submitted', 'qualified', 'duplicate', 'no_action', 'withdrawn') THEN NULL
            WHEN m.x < 0.35 THEN :'city' ELSE bailleur.ids[m.lead] END AS lead,
       CASE WHEN m.i % 9 = 0 AND s.status IN ('accepted', 'planned', 'in_progress', 'treated', 'resolved') THEN ARRAY[bailleur.ids[1 + (m.i + 5) % 20]]
            ELSE '{}' END AS contributors
FROM numbered AS m
CROSS JOIN bailleur
CROSS JOIN word
CROSS JOIN places
JOIN place AS p ON p.n = (m.i::bigint * 7919) % places.n
CROSS JOIN LATERAL (
    SELECT ST_XMin(p.geometry) + (m.x - 0.5) / 5000 AS lon, ST_YMin(p.geometry) + (m.y - 0.5) / 5000 AS lat) AS g
CROSS JOIN LATERAL (
    SELECT CASE WHEN m.i < :n * 0.6 AND m.r < 56 AND m.r % 8 > 0 THEN 'resolved'
                WHEN m.r < 10 THEN 'submitted' WHEN m.r < 18 THEN 'qualified' WHEN m.r < 26 THEN 'assigned'
                WHEN m.r < 32 THEN 'accepted' WHEN m.r < 38 THEN 'planned' WHEN m.r < 46 THEN 'in_progress'
                WHEN m.r < 50 THEN 'on_hold' WHEN m.r < 56 THEN 'treated' WHEN m.r < 90 THEN 'resolved'
                WHEN m.r < 94 THEN 'duplicate' WHEN m.r < 98 THEN 'no_action' ELSE 'withdrawn' END AS status) AS s;

INSERT INTO issue (id, programme_id, ref, title, description, quartier_id, site_id, geometry, theme, category,
    severity, nature, origin_kind, reported_by_actor_id, reported_institution_id, occurred_at, visibility,
    status, stage, status_reason, public_explanation, master_id, bounce_count, lead_actor_id,
    lead_institution_id, contributors, executants, assigned_at, due_on, planned_on, held_from, held_at,
    hold_cause, hold_review_on, treated_at, resolved_at, verifier_actor_id, version, created_at, created_by,
    updated_at, updated_by, seen_by, written_by, edited_by)
SELECT m.id, :'programme',
       concat_ws('-', code_of('Salon-de-Provence'), code_of(q.name), 'I', extract(year FROM m.created_at),
           lpad(nextval('reference_number')::text, 6, '0')),
       m.title, CASE WHEN m.i % 2 = 0 THEN m.title || '. Signalé plusieurs fois par les habitants.' END,
       m.quartier_id, m.site_id, m.geometry, m.theme, m.category, m.severity, 'maintenance',
       CASE WHEN m.reporter = :'city' THEN 'city' ELSE 'bailleur' END,
       m.reporter, m.reporter, m.created_at - m.z * interval '2 days', m.visibility, m.status,
       CASE WHEN m.status = 'on_hold' THEN 'on_hold:accepted' ELSE m.status END,
       CASE WHEN m.status = 'no_action' THEN 'other' END,
       CASE WHEN m.status = 'no_action' THEN 'La ville ne peut pas agir.' END,
       -- The first of each hundred is no duplicate itself.
       CASE WHEN m.status = 'duplicate' THEN first_value(m.id) OVER (PARTITION BY m.i / 100 ORDER BY m.i) END,
       CASE WHEN m.status = 'qualified' AND m.i % 7 = 0 THEN 2 ELSE 0 END,
       m.lead, m.lead, m.contributors, f.executants,
       CASE WHEN m.lead IS NOT NULL THEN m.created_at + interval '2 days' END,
       CASE WHEN m.lead IS NOT NULL THEN m.created_at::date + 30 + (m.z * 60)::int END,
       CASE WHEN m.status = 'planned' THEN m.created_at::date + 20 END,
       CASE WHEN m.status = 'on_hold' THEN 'accepted' END,
       CASE WHEN m.status = 'on_hold' THEN f.updated_at END,
       CASE WHEN m.status = 'on_hold' THEN 'weather' END,
       CASE WHEN m.status = 'on_hold' THEN m.created_at::date + 60 END,
       CASE WHEN m.status IN ('treated', 'resolved') THEN f.updated_at END,
       CASE WHEN m.status = 'resolved' THEN f.updated_at END,
       CASE WHEN m.status = 'resolved' THEN :'city'::uuid END,
       1, m.created_at, m.reporter, f.updated_at, coalesce(m.lead, m.reporter),
       r.seen_by, f.edited_by || ARRAY['i:' || m.reporter, 'aq:' || m.quartier_id, 'aw:' || :'programme',
           'n:' || :'programme'] || CASE WHEN m.lead IS NULL THEN '{}' ELSE ARRAY['i:' || m.lead] END,
       f.edited_by
FROM (SELECT i, id, z, created_at, quartier_id, site_id, geometry, title, category, theme, severity, status,
             visibility, reporter::uuid AS reporter, lead::uuid AS lead, contributors::uuid[] AS contributors
      FROM made) AS m
JOIN quartier AS q ON q.id = m.quartier_id
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT DISTINCT e FROM unnest(m.lead || m.contributors) AS e
                 WHERE e IS NOT NULL ORDER BY e) AS executants,
           least(m.created_at + m.z * interval '90 days', now()) AS updated_at,
           ARRAY['c:' || :'programme', 'm:issue:' || :'programme']
           || CASE WHEN m.status = 'submitted' OR m.visibility = 'internal'
                   THEN ARRAY['i:' || m.reporter] ELSE '{}' END AS edited_by) AS f
CROSS JOIN LATERAL (
    SELECT CASE m.visibility
           WHEN 'internal' THEN ARRAY['i:' || m.reporter]
           WHEN 'confidential' THEN ARRAY['c:' || :'programme', 'u:' || :'programme']
           ELSE ARRAY['w:' || :'programme', 'q:' || m.quartier_id] END
           || CASE WHEN m.visibility = 'internal' THEN '{}' ELSE ARRAY(
               SELECT DISTINCT 'i:' || e FROM unnest(m.reporter || f.executants) AS e ORDER BY 1) END
           AS seen_by) AS r;

INSERT INTO issue_key (key, id, created_at, updated_at, occurred_at, quartier_id, site_id, theme, category,
    status, severity, visibility, lead_actor_id, lead_institution_id, reported_institution_id, due_on, open,
    orphan, arbitration, cell, west, south, east, north)
SELECT s.key, i.id, i.created_at, i.updated_at, i.occurred_at, i.quartier_id, i.site_id, i.theme, i.category,
       i.status, i.severity, i.visibility, i.lead_actor_id, i.lead_institution_id, i.reported_institution_id,
       coalesce(i.due_on, 'infinity'), is_open(i.status),
       i.status = 'qualified' AND i.lead_actor_id IS NULL,
       i.status = 'qualified' AND i.bounce_count >= 2, i.cell,
       ST_XMin(i.geometry), ST_YMin(i.geometry), ST_XMax(i.geometry), ST_YMax(i.geometry)
FROM (SELECT *, CASE WHEN ST_GeometryType(geometry) = 'ST_Point' THEN cell_of(geometry)
                     WHEN geometry IS NOT NULL THEN -1 END AS cell
      FROM issue
      WHERE programme_id = :'programme'
      OFFSET 0) AS i,
     unnest(i.seen_by) AS s (key);

-- Each of the few words there are is stemmed once.
WITH said AS MATERIALIZED (
    SELECT i.id, w
    FROM issue AS i, regexp_split_to_table(concat_ws(' ', i.ref, i.title, i.description), '[ .-]+') AS w
    WHERE i.programme_id = :'programme' AND w <> ''
), stemmed AS MATERIALIZED (
    SELECT d.w, stem COLLATE "C" AS stem
    FROM (SELECT DISTINCT w FROM said) AS d, unnest(stems(d.w)) AS stem
)
INSERT INTO word (programme_id, noun, stem, id)
SELECT DISTINCT :'programme'::uuid, 'issue', stemmed.stem, said.id
FROM said JOIN stemmed USING (w);

SELECT again FROM dropped \gexec
COMMIT;
VACUUM ANALYZE issue, issue_key, word;
