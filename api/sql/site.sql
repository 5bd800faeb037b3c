-- Sites: places that somebody owns and somebody keeps.

-- site_list
-- One walk along an index for each key, each status and each value of a
-- filter, then the first of them all: so that a page reads about as many rows
-- as it shows. What words or a box name is found first, once, and the walk
-- then passes over all else. IS TRUE keeps it from being joined: the planner
-- knows too little of how many they are, and a join of frequent words with a
-- large box can take minutes.
SELECT r.body, jsonb_build_array(
    --? sort:name
    p.name, p.id
    --? sort:-updated_at
    p.updated_at, p.id
    --?
    ) AS key
FROM (
    SELECT f.name, f.updated_at, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (SELECT DISTINCT unnest(:status)) AS s (status)
    --? kind
    CROSS JOIN (SELECT DISTINCT unnest(:kind)) AS a (kind)
    --? tenure
    CROSS JOIN (SELECT DISTINCT unnest(:tenure)) AS t (tenure)
    --? condition
    CROSS JOIN (SELECT DISTINCT unnest(:condition)) AS c (condition)
    --?
    CROSS JOIN LATERAL (
        SELECT k.name, k.updated_at, k.id
        FROM site_key AS k
        WHERE k.key = u.key
          AND k.status = s.status
          --? cursor sort:name
          AND (k.name, k.id) > (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? quartier_id
          AND k.quartier_id = :quartier_id
          --? parent_id
          AND k.parent_id = :parent_id
          --? kind
          AND k.kind = a.kind
          --? tenure
          AND k.tenure = t.tenure
          --? owner_actor_id
          AND k.owner_actor_id = :owner_actor_id
          --? manager_actor_id
          AND k.manager_actor_id = :manager_actor_id
          --? condition
          AND k.condition = c.condition
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND (k.id IN (SELECT matches('site', :q))) IS TRUE
          --? bbox
          AND (k.id IN (SELECT sites_in(:bbox))) IS TRUE
          --?
        ORDER BY
          --? sort:name
          k.name, k.id
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    ORDER BY
      --? sort:name
      f.name, f.id
      --? sort:-updated_at
      f.updated_at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN site_read AS r ON r.id = p.id
ORDER BY
  --? sort:name
  p.name, p.id
  --? sort:-updated_at
  p.updated_at DESC, p.id DESC
  --?
;

-- site_create
INSERT INTO site (programme_id, quartier_id, parent_id, kind, name, address, geometry,
    owner_actor_id, manager_actor_id, tenure, tenure_source, dwellings, dwellings_tfpb_eligible,
    condition, condition_as_of_on, sensitive_note)
SELECT caller_programme(), b.quartier_id, b.parent_id, b.kind, b.name, b.address,
       geometry_of(:body -> 'geometry', '/geometry'), b.owner_actor_id, b.manager_actor_id,
       coalesce(b.tenure, 'unknown'), b.tenure_source, b.dwellings, b.dwellings_tfpb_eligible,
       b.condition, b.condition_as_of_on, b.sensitive_note
FROM jsonb_populate_record(NULL::site, :body - 'geometry') AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/sites/' || id AS location
FROM site_read
WHERE id = created();

-- site_read
SELECT body, version AS etag, writable
FROM site_read
WHERE id = :id;

-- site_update
WITH changed AS (
    UPDATE site AS s
    SET (quartier_id, parent_id, kind, name, address, geometry, owner_actor_id, manager_actor_id,
         tenure, tenure_source, dwellings, dwellings_tfpb_eligible, condition, condition_as_of_on,
         sensitive_note) = (
        SELECT b.quartier_id, b.parent_id, b.kind, b.name, b.address,
               CASE WHEN :body ? 'geometry' THEN geometry_of(:body -> 'geometry', '/geometry')
                    ELSE s.geometry END,
               b.owner_actor_id, b.manager_actor_id, b.tenure, b.tenure_source, b.dwellings,
               b.dwellings_tfpb_eligible, b.condition, b.condition_as_of_on, b.sensitive_note
        FROM jsonb_populate_record(s, patched(to_jsonb(s), :body - 'geometry')) AS b)
    WHERE s.id = :id
      AND (:versions::bigint[] IS NULL OR s.version = ANY (:versions))
    RETURNING s.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM site_read
WHERE id = :id;

-- site_transition
SELECT move('site', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM site_read
WHERE id = :id;

-- site_history
SELECT true AS found
FROM site
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
