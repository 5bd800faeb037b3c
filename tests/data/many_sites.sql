-- Many sites, for measures and for tests of plans: a programme of 30
-- quartiers and 20 bailleurs with n sites (200000 unless -v n=...).
--
-- Run by psql as superuser on a migrated database. The triggers are off while
-- sites come in: what they would have computed is computed here for all rows
-- at once, except that no events are made; and indexes are made at the end, so
-- that nobody else can use these tables meanwhile. A second run adds nothing.
-- The memberships to measure with are in gusp_bench.member.

\set ON_ERROR_STOP on
\if :{?n}
\else
    \set n 200000
\endif

SET search_path = gusp, public;
SELECT EXISTS (SELECT FROM programme WHERE title = 'GUSP de mesure') AS there \gset
\if :there
    \quit
\endif

BEGIN;
SELECT setseed(0.13103) AS seed \gset

INSERT INTO programme (title, commune_insee, commune_name, departement)
VALUES ('GUSP de mesure', '13103', 'Salon-de-Provence', '13')
RETURNING id AS programme \gset

INSERT INTO actor (programme_id, kind, name) VALUES (:'programme', 'city', 'Ville de mesure')
RETURNING id AS city \gset
INSERT INTO actor (programme_id, kind, name)
SELECT :'programme', 'bailleur', 'Bailleur ' || i FROM generate_series(1, 20) AS i;
INSERT INTO actor (programme_id, kind, name) VALUES (:'programme', 'control_body', 'Contrôle de mesure')
RETURNING id AS control \gset
INSERT INTO quartier (programme_id, name)
SELECT :'programme', 'Quartier ' || i FROM generate_series(1, 30) AS i;

-- One who sees all, one who is restricted to three quartiers, one who audits.
CREATE SCHEMA IF NOT EXISTS gusp_bench;
CREATE TABLE IF NOT EXISTS gusp_bench.member (role text NOT NULL, membership_id uuid PRIMARY KEY);
WITH made AS (
    INSERT INTO member (programme_id, actor_id, role, quartiers)
    SELECT :'programme', a.id, m.role, m.quartiers
    FROM (VALUES
        ('city', 'Ville de mesure', '{}'::uuid[]),
        ('bailleur', 'Bailleur 1', ARRAY(
            SELECT q.id FROM quartier AS q
            WHERE q.programme_id = :'programme' AND q.name IN ('Quartier 1', 'Quartier 2', 'Quartier 3'))),
        ('auditor', 'Contrôle de mesure', '{}')
    ) AS m (role, actor, quartiers)
    JOIN actor AS a ON a.programme_id = :'programme' AND a.name = m.actor
    RETURNING role, id
)
INSERT INTO gusp_bench.member (role, membership_id) SELECT role, id FROM made;

SET LOCAL session_replication_role = replica;
SET LOCAL maintenance_work_mem = '256MB';
SET LOCAL work_mem = '256MB';
CREATE TEMPORARY TABLE dropped ON COMMIT DROP AS
SELECT 'DROP INDEX ' || i.indexrelid::regclass AS off, pg_get_indexdef(i.indexrelid) AS again
FROM pg_index AS i
WHERE i.indrelid IN ('site'::regclass, 'site_key'::regclass, 'word'::regclass)
  AND NOT i.indisunique
UNION ALL
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
           pg_get_constraintdef(c.oid))
FROM pg_constraint AS c
WHERE c.conrelid IN ('site_key'::regclass, 'word'::regclass) AND c.contype = 'p';
SELECT off FROM dropped \gexec

WITH owner AS (
    SELECT array_agg(a.id ORDER BY a.id) AS ids
    FROM actor AS a
    WHERE a.programme_id = :'programme' AND a.kind = 'bailleur'
), place AS (
    SELECT array_agg(q.id ORDER BY q.id) AS ids FROM quartier AS q WHERE q.programme_id = :'programme'
), made AS MATERIALIZED (
    SELECT i, uuid7() AS id,
           (SELECT ids FROM place)[1 + i % 30] AS quartier_id,
           (ARRAY['residence', 'building', 'entrance', 'block', 'outdoor', 'road', 'facility',
                  'parking', 'play_area'])[1 + i % 9] AS kind,
           (ARRAY['Résidence', 'Bâtiment', 'Entrée', 'Îlot', 'Square', 'Rue', 'Maison', 'Parking',
                  'Aire de jeux'])[1 + i % 9]
           || ' ' || (ARRAY['des Tilleuls', 'du Lavoir', 'des Amandiers', 'de la Fontaine', 'des Pins',
                  'du Moulin', 'des Oliviers', 'de l’Aqueduc', 'des Micocouliers', 'du Levant',
                  'des Cigales', 'du Canal', 'des Platanes'])[1 + (random() * 12)::int]
           || ' ' || (1 + (random() * 9999)::int) AS name,
           (1 + i % 200) || ' avenue du Canal' AS address,
           5.05 + random() * 0.1 AS lon,
           43.6 + random() * 0.08 AS lat,
           CASE WHEN i % 3 > 0 THEN (SELECT ids FROM owner)[1 + i % 20] END AS owner_id,
           (ARRAY['good', 'worn', 'degraded', 'severe', NULL])[1 + (random() * 4)::int] AS condition,
           CASE WHEN i % 50 = 0 THEN 'archived' ELSE 'active' END AS status,
           now() - random() * interval '400 days' AS updated_at
    FROM generate_series(1, :n) AS i
)
INSERT INTO site (id, programme_id, quartier_id, parent_id, kind, name, address, geometry,
    owner_actor_id, manager_actor_id, tenure, dwellings, condition, status, version, created_at,
    updated_at, seen_by, written_by)
SELECT m.id, :'programme', m.quartier_id,
       -- One quartier returns after 30 sites; a part is never a whole.
       CASE WHEN m.i % 7 = 0 THEN lag(m.id, 30) OVER (ORDER BY m.i) END,
       m.kind, m.name, m.address,
       CASE WHEN m.i % 10 = 0 THEN ST_MakeEnvelope(m.lon, m.lat, m.lon + 0.001, m.lat + 0.0007, 4326)
            ELSE ST_SetSRID(ST_MakePoint(m.lon, m.lat), 4326) END,
       m.owner_id, m.owner_id,
       CASE WHEN m.owner_id IS NULL THEN 'public_city' ELSE 'bailleur_private' END,
       CASE WHEN m.kind = 'residence' THEN 40 END,
       m.condition, m.status, 1, m.updated_at, m.updated_at,
       ARRAY['w:' || :'programme', 'q:' || m.quartier_id],
       CASE WHEN m.owner_id IS NULL THEN ARRAY['c:' || :'programme'] ELSE ARRAY['b:' || m.owner_id] END
FROM made AS m;

INSERT INTO site_key (key, status, name, updated_at, id, quartier_id, parent_id, kind, tenure,
    owner_actor_id, manager_actor_id, condition, cell)
SELECT k, s.status, s.name, s.updated_at, s.id, s.quartier_id, s.parent_id, s.kind, s.tenure,
       s.owner_actor_id, s.manager_actor_id, s.condition, s.cell
FROM (SELECT *, cell_of(geometry) AS cell
      FROM site
      WHERE programme_id = :'programme'
      OFFSET 0) AS s,
     unnest(s.seen_by) AS k;

-- Each of the few words there are is stemmed once.
WITH said AS MATERIALIZED (
    SELECT s.id, w
    FROM site AS s, string_to_table(s.name || ' ' || s.address, ' ') AS w
    WHERE s.programme_id = :'programme'
), stemmed AS MATERIALIZED (
    SELECT d.w, stem COLLATE "C" AS stem
    FROM (SELECT DISTINCT w FROM said) AS d, unnest(stems(d.w)) AS stem
)
INSERT INTO word (programme_id, noun, stem, id)
SELECT DISTINCT :'programme'::uuid, 'site', stemmed.stem, said.id
FROM said JOIN stemmed USING (w);

SELECT again FROM dropped \gexec
COMMIT;
VACUUM ANALYZE site, site_key, word, quartier, actor;
