-- Context: what is said of a quartier on a day, under a theme.

-- context_list
SELECT true AS found
FROM quartier
WHERE id = :quartier_id;
SELECT r.body, jsonb_build_array(
    --? sort:-as_of_on
    r.as_of_on, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM context_read AS r
WHERE r.quartier_id = :quartier_id
  AND r.programme_id = caller_programme()
  --? cursor sort:-as_of_on
  AND (r.as_of_on, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? theme
  AND r.theme = ANY (:theme)
  --? visibility
  AND r.visibility = ANY (:visibility)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY
  --? sort:-as_of_on
  r.as_of_on DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- context_create
-- A quartier that the caller does not see makes no row, and so no answer.
INSERT INTO context (programme_id, quartier_id, theme, text, as_of_on, visibility)
SELECT q.programme_id, q.id, b.theme, b.text, b.as_of_on, coalesce(b.visibility, 'partners')
FROM quartier AS q, jsonb_populate_record(NULL::context, :body) AS b
WHERE q.id = :quartier_id
RETURNING created(id);
SELECT body, version AS etag, '/v1/context/' || id AS location
FROM context_read
WHERE id = created();

-- context_read
SELECT body, version AS etag, writable
FROM context_read
WHERE id = :id;

-- context_update
WITH changed AS (
    UPDATE context AS c
    SET (theme, text, as_of_on, visibility) = (
        SELECT b.theme, b.text, b.as_of_on, b.visibility
        FROM jsonb_populate_record(c, patched(to_jsonb(c), :body)) AS b)
    WHERE c.id = :id
      AND (:versions::bigint[] IS NULL OR c.version = ANY (:versions))
    RETURNING c.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM context_read
WHERE id = :id;

-- context_transition
SELECT move('context', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM context_read
WHERE id = :id;

-- context_history
SELECT true AS found
FROM context
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
