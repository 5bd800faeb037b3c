-- Quartiers: the territories of a programme.

-- quartier_list
SELECT r.body, jsonb_build_array(
    --? sort:name
    r.name, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM quartier_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:name
  AND (r.name, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? slug
  AND r.slug = :slug
  --? scheme
  AND EXISTS (SELECT FROM jsonb_array_elements(r.statuses) AS s WHERE s ->> 'scheme' = ANY (:scheme))
  --? code
  AND EXISTS (SELECT FROM jsonb_array_elements(r.statuses) AS s WHERE s ->> 'code' = :code)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --? q
  AND r.id IN (SELECT matches('quartier', :q))
  --?
ORDER BY
  --? sort:name
  r.name, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- quartier_create
INSERT INTO quartier (programme_id, slug, name, aliases, statuses, perimeter, population)
SELECT caller_programme(), b.slug, b.name, coalesce(b.aliases, '{}'), coalesce(b.statuses, '[]'),
       geometry_of(:body -> 'perimeter', '/perimeter'), coalesce(b.population, '[]')
FROM jsonb_populate_record(NULL::quartier, :body - 'perimeter') AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/quartiers/' || id AS location
FROM quartier_read
WHERE id = created();

-- quartier_read
SELECT body, version AS etag, writable
FROM quartier_read
WHERE id = :id;

-- quartier_update
WITH changed AS (
    UPDATE quartier AS q
    SET (name, aliases, statuses, perimeter, population) = (
        SELECT b.name, coalesce(b.aliases, '{}'), coalesce(b.statuses, '[]'),
               CASE WHEN :body ? 'perimeter' THEN geometry_of(:body -> 'perimeter', '/perimeter')
                    ELSE q.perimeter END,
               coalesce(b.population, '[]')
        FROM jsonb_populate_record(q, patched(to_jsonb(q), :body - 'perimeter')) AS b)
    WHERE q.id = :id
      AND (:versions::bigint[] IS NULL OR q.version = ANY (:versions))
    RETURNING q.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM quartier_read
WHERE id = :id;

-- quartier_transition
SELECT move('quartier', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM quartier_read
WHERE id = :id;

-- quartier_history
SELECT true AS found
FROM quartier
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
