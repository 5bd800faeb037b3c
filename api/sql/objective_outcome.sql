-- Outcomes: what was expected of each objective, and what was obtained.

-- objective_outcome_list
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM objective_outcome_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? objective_id
  AND r.objective_id = :objective_id
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- objective_outcome_create
INSERT INTO objective_outcome (programme_id, objective_id, expected, obtained, gap_comment)
SELECT caller_programme(), b.objective_id, b.expected, b.obtained, b.gap_comment
FROM jsonb_populate_record(NULL::objective_outcome, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/outcomes/' || id AS location
FROM objective_outcome_read
WHERE id = created();

-- objective_outcome_read
SELECT body, version AS etag, writable
FROM objective_outcome_read
WHERE id = :id;

-- objective_outcome_update
WITH changed AS (
    UPDATE objective_outcome AS o
    SET (expected, obtained, gap_comment) = (
        SELECT b.expected, b.obtained, b.gap_comment
        FROM jsonb_populate_record(o, patched(to_jsonb(o), :body)) AS b)
    WHERE o.id = :id
      AND (:versions::bigint[] IS NULL OR o.version = ANY (:versions))
    RETURNING o.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM objective_outcome_read
WHERE id = :id;

-- objective_outcome_transition
SELECT move('objective_outcome', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM objective_outcome_read
WHERE id = :id;

-- objective_outcome_history
SELECT true AS found
FROM objective_outcome
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
