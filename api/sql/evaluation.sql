-- Evaluations: scores of a programme, a plan or a sheet.

-- evaluation_list
SELECT r.body, jsonb_build_array(
    --? sort:-evaluated_on
    r.evaluated_on, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM evaluation_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-evaluated_on
  AND (r.evaluated_on, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? subject_type
  AND r.subject_type = :subject_type
  --? subject_id
  AND r.subject_id = :subject_id
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY
  --? sort:-evaluated_on
  r.evaluated_on DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- evaluation_create
INSERT INTO evaluation (programme_id, subject_type, subject_id, evaluated_on, grid_version, reference, document_id,
    evaluators, scores)
SELECT caller_programme(), b.subject_type, b.subject_id, b.evaluated_on, b.grid_version, b.reference, b.document_id,
       coalesce(b.evaluators, '{}'), coalesce(b.scores, '[]')
FROM jsonb_populate_record(NULL::evaluation, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/evaluations/' || id AS location
FROM evaluation_read
WHERE id = created();

-- evaluation_read
SELECT body, version AS etag, writable
FROM evaluation_read
WHERE id = :id;

-- evaluation_update
WITH changed AS (
    UPDATE evaluation AS e
    SET (evaluated_on, grid_version, reference, document_id, evaluators, scores) = (
        SELECT b.evaluated_on, b.grid_version, b.reference, b.document_id, coalesce(b.evaluators, '{}'),
               coalesce(b.scores, '[]')
        FROM jsonb_populate_record(e, patched(to_jsonb(e), :body)) AS b)
    WHERE e.id = :id
      AND (:versions::bigint[] IS NULL OR e.version = ANY (:versions))
    RETURNING e.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM evaluation_read
WHERE id = :id;

-- evaluation_transition
SELECT move('evaluation', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM evaluation_read
WHERE id = :id;

-- evaluation_history
SELECT true AS found
FROM evaluation
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
