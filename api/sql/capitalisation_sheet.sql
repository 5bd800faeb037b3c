-- Capitalisation sheets: what a programme was and what it teaches.

-- capitalisation_sheet_list
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM capitalisation_sheet_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-created_at
  AND (r.created_at, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
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

-- capitalisation_sheet_create
INSERT INTO capitalisation_sheet (programme_id, title, author_name, author_actor_id, dated_on, keywords, themes,
    location, evaluation_id, overrides)
SELECT caller_programme(), b.title, b.author_name, b.author_actor_id, b.dated_on, coalesce(b.keywords, '{}'),
       coalesce(b.themes, '{}'), b.location, b.evaluation_id, merge_patch('{}', coalesce(b.overrides, '{}'))
FROM jsonb_populate_record(NULL::capitalisation_sheet, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/capitalisation-sheets/' || id AS location
FROM capitalisation_sheet_read
WHERE id = created();

-- capitalisation_sheet_read
SELECT body, version AS etag, writable
FROM capitalisation_sheet_read
WHERE id = :id;

-- capitalisation_sheet_update
WITH changed AS (
    UPDATE capitalisation_sheet AS s
    SET (title, author_name, author_actor_id, dated_on, keywords, themes, location, evaluation_id, overrides) = (
        SELECT b.title, b.author_name, b.author_actor_id, b.dated_on, coalesce(b.keywords, '{}'),
               coalesce(b.themes, '{}'), b.location, b.evaluation_id, coalesce(b.overrides, '{}')
        FROM jsonb_populate_record(s, patched(to_jsonb(s), :body)) AS b)
    WHERE s.id = :id
      AND (:versions::bigint[] IS NULL OR s.version = ANY (:versions))
    RETURNING s.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM capitalisation_sheet_read
WHERE id = :id;

-- capitalisation_sheet_transition
SELECT move('capitalisation_sheet', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM capitalisation_sheet_read
WHERE id = :id;

-- capitalisation_sheet_markdown
SELECT sheet_markdown(content, details) AS body, version AS etag
FROM capitalisation_sheet_read
WHERE id = :id;

-- capitalisation_sheet_html
SELECT sheet_html(content, details) AS body, version AS etag
FROM capitalisation_sheet_read
WHERE id = :id;

-- capitalisation_sheet_history
SELECT true AS found
FROM capitalisation_sheet
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
