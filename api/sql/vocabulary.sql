-- Vocabularies and their terms: the programme's own, the platform's for the
-- administrator.

-- vocabulary_list
SELECT r.body, jsonb_build_array(r.name) AS key
FROM vocabulary_read AS r
WHERE true
  --? cursor
  AND r.name > :after_1
  --?
ORDER BY r.name
LIMIT :limit;

-- vocabulary_read
SELECT true AS found
FROM vocabulary
WHERE name = :vocabulary;
SELECT r.body, jsonb_build_array(r.position, r.code) AS key
FROM term_read AS r
WHERE r.tenant = caller_tenant()
  AND r.vocabulary = :vocabulary
  --? cursor
  AND (r.position, r.code) > (:after_1, :after_2)
  --? parent_code
  AND r.parent_code = :parent_code
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY r.position, r.code
LIMIT :limit;

-- term_list
SELECT true AS found
FROM vocabulary
WHERE name = :vocabulary;
SELECT r.body, jsonb_build_array(r.position, r.code) AS key
FROM term_read AS r
WHERE r.tenant = caller_tenant()
  AND r.vocabulary = :vocabulary
  --? cursor
  AND (r.position, r.code) > (:after_1, :after_2)
  --? parent_code
  AND r.parent_code = :parent_code
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY r.position, r.code
LIMIT :limit;

-- term_create
INSERT INTO term (programme_id, vocabulary, code, parent_code, label_fr, label_fr_plain,
    definition_fr, position)
SELECT caller_programme(), v.name, b.code, b.parent_code, b.label_fr, b.label_fr_plain,
       b.definition_fr, coalesce(b.position, 1000)
FROM vocabulary AS v,
     jsonb_populate_record(NULL::term, :body) AS b
WHERE v.name = :vocabulary
RETURNING created(id);
SELECT body, version AS etag, '/v1/terms/' || id AS location
FROM term_read
WHERE id = created();

-- term_read
SELECT body, version AS etag, writable
FROM term_read
WHERE id = :id;

-- term_update
WITH changed AS (
    UPDATE term AS t
    SET (parent_code, label_fr, label_fr_plain, definition_fr, position) = (
        SELECT b.parent_code, b.label_fr, b.label_fr_plain, b.definition_fr, b.position
        FROM jsonb_populate_record(t, patched(to_jsonb(t), :body)) AS b)
    WHERE t.id = :id
      AND (:versions::bigint[] IS NULL OR t.version = ANY (:versions))
    RETURNING t.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM term_read
WHERE id = :id;

-- term_transition
SELECT move('term', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM term_read
WHERE id = :id;

-- term_history
SELECT true AS found
FROM term
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
