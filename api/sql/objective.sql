-- Objectives of a programme, in its order. One that takes the place of
-- another moves the others by one, in the same transaction.

-- objective_list
SELECT true AS found
FROM programme
WHERE id = :programme_id;
SELECT r.body, jsonb_build_array(r.n) AS key
FROM objective_read AS r
WHERE r.programme_id = :programme_id
  --? cursor
  AND r.n > :after_1
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY r.n
LIMIT :limit;

-- objective_create
WITH shifted AS (
    UPDATE objective AS o
    SET n = o.n + 1
    WHERE o.programme_id = :programme_id
      AND o.n >= (:body ->> 'n')::int
)
INSERT INTO objective (programme_id, n, text)
SELECT p.id, objective_place(p.id, b.n, 1), b.text
FROM programme AS p,
     jsonb_populate_record(NULL::objective, :body) AS b
WHERE p.id = :programme_id
RETURNING created(id);
SELECT body, version AS etag, '/v1/objectives/' || id AS location
FROM objective_read
WHERE id = created();

-- objective_read
SELECT body, version AS etag, writable
FROM objective_read
WHERE id = :id;

-- objective_update
WITH wanted AS (
    SELECT o.id, o.programme_id, o.n AS was, b.text, objective_place(o.programme_id, b.n, 0) AS n
    FROM objective AS o,
         jsonb_populate_record(o, patched(to_jsonb(o), :body)) AS b
    WHERE o.id = :id
      AND (:versions::bigint[] IS NULL OR o.version = ANY (:versions))
), changed AS (
    UPDATE objective AS o
    SET (n, text) = (w.n, w.text)
    FROM wanted AS w
    WHERE o.id = w.id
    RETURNING o.id
), shifted AS (
    UPDATE objective AS o
    SET n = o.n + sign(w.was - w.n)::int
    FROM wanted AS w
    WHERE o.programme_id = w.programme_id
      AND o.id <> w.id
      AND o.n BETWEEN least(w.was, w.n) AND greatest(w.was, w.n)
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM objective_read
WHERE id = :id;

-- objective_transition
SELECT move('objective', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM objective_read
WHERE id = :id;

-- objective_history
SELECT true AS found
FROM objective
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
