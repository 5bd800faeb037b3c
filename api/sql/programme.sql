-- Programmes: a member's own, and all of them for the administrator.

-- programme_list
SELECT r.body, jsonb_build_array(
    --? sort:title
    r.title, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM programme_read AS r
WHERE true
  --? cursor sort:title
  AND (r.title, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? nature
  AND r.nature = :nature
  --? commune_insee
  AND r.commune_insee = :commune_insee
  --? departement
  AND r.departement = :departement
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY
  --? sort:title
  r.title, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- programme_create
SELECT created(open_programme(:body));
SELECT body, version AS etag, '/v1/programmes/' || id AS location
FROM programme_read
WHERE id = created();

-- programme_read
SELECT body, version AS etag, writable
FROM programme_read
WHERE id = :id;

-- programme_update
WITH changed AS (
    UPDATE programme AS p
    SET (title, purpose, definition, nature, commune_insee, commune_name, epci_siren, departement,
         starts_on, ends_on, target_publics, method, skills, schemes, budget) = (
        SELECT b.title, b.purpose, b.definition, b.nature, b.commune_insee, b.commune_name,
               b.epci_siren, b.departement, b.starts_on, b.ends_on, coalesce(b.target_publics, '{}'),
               b.method, coalesce(b.skills, '{}'), coalesce(b.schemes, '[]'), coalesce(b.budget, '{}')
        FROM jsonb_populate_record(p, patched(to_jsonb(p), :body)) AS b)
    WHERE p.id = :id
      AND (:versions::bigint[] IS NULL OR p.version = ANY (:versions))
    RETURNING p.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM programme_read
WHERE id = :id;

-- programme_transition
SELECT move('programme', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM programme_read
WHERE id = :id;

-- programme_history
SELECT true AS found
FROM programme
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- programme_template
SELECT programme_template(id) AS body, version AS etag
FROM programme_read
WHERE id = :id;
