-- Lessons: effects, difficulties with their solutions, and what comes next.

-- lesson_list
SELECT r.body, jsonb_build_array(
    --? sort:created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM lesson_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:created_at
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? kind
  AND r.kind = ANY (:kind)
  --? answers_id
  AND r.answers_id = :answers_id
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? q
  AND r.id IN (SELECT matches('lesson', :q))
  --?
ORDER BY
  --? sort:created_at
  r.created_at, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- lesson_create
INSERT INTO lesson (programme_id, kind, text, answers_id, links)
SELECT caller_programme(), b.kind, b.text, b.answers_id, coalesce(b.links, '[]')
FROM jsonb_populate_record(NULL::lesson, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/lessons/' || id AS location
FROM lesson_read
WHERE id = created();

-- lesson_read
SELECT body, version AS etag, writable
FROM lesson_read
WHERE id = :id;

-- lesson_update
WITH changed AS (
    UPDATE lesson AS l
    SET (text, answers_id, links) = (
        SELECT b.text, b.answers_id, b.links
        FROM jsonb_populate_record(l, patched(to_jsonb(l), :body)) AS b)
    WHERE l.id = :id
      AND (:versions::bigint[] IS NULL OR l.version = ANY (:versions))
    RETURNING l.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM lesson_read
WHERE id = :id;

-- lesson_transition
SELECT move('lesson', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM lesson_read
WHERE id = :id;

-- lesson_history
SELECT true AS found
FROM lesson
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
