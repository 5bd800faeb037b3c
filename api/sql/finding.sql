-- Findings: what a diagnosis says, one thing at a time.

-- finding_list
SELECT true AS found
FROM diagnosis
WHERE id = :diagnosis_id;
SELECT r.body, jsonb_build_array(r.n) AS key
FROM finding_read AS r
WHERE r.diagnosis_id = :diagnosis_id
  --? cursor
  AND r.n > :after_1
  --? theme
  AND r.theme = :theme
  --? polarity
  AND r.polarity = :polarity
  --? priority
  AND r.priority = :priority
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.n
LIMIT :limit;

-- finding_create
-- A diagnosis that the caller does not see makes no row, and so no answer.
INSERT INTO finding (programme_id, diagnosis_id, theme, polarity, statement, priority, sources)
SELECT d.programme_id, d.id, b.theme, b.polarity, b.statement, b.priority, coalesce(nullif(b.sources, 'null'), '[]')
FROM diagnosis AS d, jsonb_populate_record(NULL::finding, :body) AS b
WHERE d.id = :diagnosis_id
RETURNING created(id);
SELECT body, version AS etag, '/v1/findings/' || id AS location
FROM finding_read
WHERE id = created();

-- finding_read
SELECT body, version AS etag, writable
FROM finding_read
WHERE id = :id;

-- finding_update
WITH changed AS (
    UPDATE finding AS f
    SET (theme, polarity, statement, priority, sources) = (
        SELECT b.theme, b.polarity, b.statement, b.priority, b.sources
        FROM jsonb_populate_record(f, patched(to_jsonb(f), :body)) AS b)
    WHERE f.id = :id
      AND (:versions::bigint[] IS NULL OR f.version = ANY (:versions))
    RETURNING f.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM finding_read
WHERE id = :id;

-- finding_agree
SELECT agree(id, (:body ->> 'agrees')::boolean)
FROM finding
WHERE id = :id;
SELECT body, version AS etag, NULL::text AS location
FROM finding_read
WHERE id = :id;

-- finding_transition
SELECT move('finding', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM finding_read
WHERE id = :id;

-- finding_history
SELECT true AS found
FROM finding
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
