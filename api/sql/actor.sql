-- Actors: institutions and their services.

-- actor_list
SELECT r.body, jsonb_build_array(
    --? sort:name
    r.name, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM actor_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:name
  AND (r.name, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? kind
  AND r.kind = ANY (:kind)
  --? institution_id
  AND r.institution_id = :institution_id
  --? parent_id
  AND r.parent_id = :parent_id
  --? siren
  AND r.siren = :siren
  --? siret
  AND r.siret = :siret
  --? rna
  AND r.rna = :rna
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --? q
  AND r.id IN (SELECT matches('actor', :q))
  --?
ORDER BY
  --? sort:name
  r.name, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- actor_create
INSERT INTO actor (programme_id, kind, name, short_name, parent_id, service_type, siren, siret,
    rna, address, website, links, active_from_on, active_to_on)
SELECT caller_programme(), b.kind, b.name, b.short_name, b.parent_id, b.service_type, b.siren, b.siret,
       b.rna, b.address, b.website, coalesce(b.links, '{}'), b.active_from_on, b.active_to_on
FROM jsonb_populate_record(NULL::actor, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/actors/' || id AS location
FROM actor_read
WHERE id = created();

-- actor_read
SELECT body, version AS etag, writable
FROM actor_read
WHERE id = :id;

-- actor_update
WITH changed AS (
    UPDATE actor AS a
    SET (kind, name, short_name, parent_id, service_type, siren, siret, rna, address, website,
         links, active_from_on, active_to_on) = (
        SELECT b.kind, b.name, b.short_name, b.parent_id, b.service_type, b.siren, b.siret, b.rna,
               b.address, b.website, coalesce(b.links, '{}'), b.active_from_on, b.active_to_on
        FROM jsonb_populate_record(a, patched(to_jsonb(a), :body)) AS b)
    WHERE a.id = :id
      AND (:versions::bigint[] IS NULL OR a.version = ANY (:versions))
    RETURNING a.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM actor_read
WHERE id = :id;

-- actor_transition
SELECT move('actor', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM actor_read
WHERE id = :id;

-- actor_history
SELECT id AS found
FROM actor
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- programme_actor_list
SELECT true AS found
FROM programme
WHERE id = :programme_id;
SELECT r.body, jsonb_build_array(r.name, r.id) AS key
FROM actor_read AS r
WHERE r.programme_id = :programme_id
  --? cursor
  AND (r.name, r.id) > (:after_1, :after_2)
  --? kind
  AND r.kind = ANY (:kind)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY r.name, r.id
LIMIT :limit;

-- programme_actor_create
INSERT INTO actor (programme_id, kind, name, short_name, parent_id, service_type, siren, siret,
    rna, address, website, links, active_from_on, active_to_on)
SELECT p.id, b.kind, b.name, b.short_name, b.parent_id, b.service_type, b.siren, b.siret,
       b.rna, b.address, b.website, coalesce(b.links, '{}'), b.active_from_on, b.active_to_on
FROM programme AS p,
     jsonb_populate_record(NULL::actor, :body) AS b
WHERE p.id = :programme_id
RETURNING created(id);
SELECT body, version AS etag, '/v1/actors/' || id AS location
FROM actor_read
WHERE id = created();
