-- Diagnoses: what is found of a quartier, version after version.

-- diagnosis_list
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM diagnosis_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-created_at
  AND (r.created_at, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? quartier_id
  AND r.quartier_id = :quartier_id
  --? previous_id
  AND r.previous_id = :previous_id
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY
  --? sort:-created_at
  r.created_at DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- diagnosis_create
INSERT INTO diagnosis (programme_id, quartier_id, version_label, period_from_on, period_to_on, previous_id,
    restitutions)
SELECT caller_programme(), b.quartier_id, b.version_label, b.period_from_on, b.period_to_on, b.previous_id,
       coalesce(b.restitutions, '{}')
FROM jsonb_populate_record(NULL::diagnosis, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/diagnoses/' || id AS location
FROM diagnosis_read
WHERE id = created();

-- diagnosis_read
SELECT body, version AS etag, writable
FROM diagnosis_read
WHERE id = :id;

-- diagnosis_update
WITH changed AS (
    UPDATE diagnosis AS d
    SET (quartier_id, version_label, period_from_on, period_to_on, restitutions) = (
        SELECT b.quartier_id, b.version_label, b.period_from_on, b.period_to_on, coalesce(b.restitutions, '{}')
        FROM jsonb_populate_record(d, patched(to_jsonb(d), :body)) AS b)
    WHERE d.id = :id
      AND (:versions::bigint[] IS NULL OR d.version = ANY (:versions))
    RETURNING d.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM diagnosis_read
WHERE id = :id;

-- diagnosis_transition
SELECT move('diagnosis', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM diagnosis_read
WHERE id = :id;

-- diagnosis_history
SELECT true AS found
FROM diagnosis
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
