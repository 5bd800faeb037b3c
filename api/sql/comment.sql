-- Comments: what is said of a record.

-- comment_list
SELECT true AS found
FROM issue
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM comment_read AS r
WHERE r.target_id = :id
  AND r.noun = 'issue'
  --? updated_since
  AND r.updated_at >= :updated_since
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- comment_create
SELECT true AS found
FROM issue
WHERE id = :id;
INSERT INTO comment (programme_id, noun, target_id, text, visibility, personal_data_acknowledged, reply_to_id)
SELECT caller_programme(), 'issue', i.id, :body ->> 'text', coalesce(:body ->> 'visibility', 'partners'),
       coalesce((:body ->> 'acknowledge_personal_data')::boolean, false), (:body ->> 'reply_to_id')::uuid
FROM issue AS i
WHERE i.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/comments/' || id AS location
FROM comment_read
WHERE id = created();

-- meeting_comment_list
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM comment_read AS r
WHERE r.target_id = :id
  AND r.noun = 'meeting'
  --? updated_since
  AND r.updated_at >= :updated_since
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- meeting_comment_create
SELECT true AS found
FROM meeting
WHERE id = :id;
INSERT INTO comment (programme_id, noun, target_id, text, visibility, personal_data_acknowledged, reply_to_id)
SELECT caller_programme(), 'meeting', m.id, :body ->> 'text', coalesce(:body ->> 'visibility', 'partners'),
       coalesce((:body ->> 'acknowledge_personal_data')::boolean, false), (:body ->> 'reply_to_id')::uuid
FROM meeting AS m
WHERE m.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/comments/' || id AS location
FROM comment_read
WHERE id = created();

-- evaluation_comment_list
SELECT true AS found
FROM evaluation
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM comment_read AS r
WHERE r.target_id = :id
  AND r.noun = 'evaluation'
  --? updated_since
  AND r.updated_at >= :updated_since
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- evaluation_comment_create
SELECT true AS found
FROM evaluation
WHERE id = :id;
INSERT INTO comment (programme_id, noun, target_id, text, visibility, personal_data_acknowledged, reply_to_id)
SELECT caller_programme(), 'evaluation', e.id, :body ->> 'text', coalesce(:body ->> 'visibility', 'partners'),
       coalesce((:body ->> 'acknowledge_personal_data')::boolean, false), (:body ->> 'reply_to_id')::uuid
FROM evaluation AS e
WHERE e.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/comments/' || id AS location
FROM comment_read
WHERE id = created();

-- comment_read
SELECT body, version AS etag, writable
FROM comment_read
WHERE id = :id;

-- comment_update
WITH changed AS (
    UPDATE comment AS c
    SET (text, visibility, personal_data_acknowledged) = (
        SELECT b.text, b.visibility,
               coalesce((:body ->> 'acknowledge_personal_data')::boolean, c.personal_data_acknowledged)
        FROM jsonb_populate_record(c, :body) AS b)
    WHERE c.id = :id
      AND (:versions::bigint[] IS NULL OR c.version = ANY (:versions))
    RETURNING c.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM comment_read
WHERE id = :id;

-- comment_transition
SELECT move('comment', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM comment_read
WHERE id = :id;
