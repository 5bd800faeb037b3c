-- Rules of responsibility: who leads on what, and within which time.

-- rule_list
SELECT r.body, jsonb_build_array(
    --? sort:-priority
    r.priority, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM rule_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-priority
  AND (r.priority, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? lead_actor_id
  AND r.lead_actor_id = :lead_actor_id
  --? site_id
  AND r.match_site_id = :site_id
  --? theme
  AND r.match_theme = ANY (:theme)
  --? category
  AND r.match_category = ANY (:category)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY
  --? sort:-priority
  r.priority DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- rule_create
INSERT INTO rule (programme_id, match_site_id, match_tenure, match_kind, match_theme,
    match_category, lead_actor_id, contributors, target_days, calendar, priority, valid_from_on,
    valid_to_on, source)
SELECT caller_programme(), b.match_site_id, b.match_tenure, b.match_kind, b.match_theme,
       b.match_category, b.lead_actor_id, coalesce(b.contributors, '{}'), b.target_days,
       coalesce(b.calendar, 'working'), coalesce(b.priority, 0), b.valid_from_on, b.valid_to_on,
       b.source
FROM jsonb_populate_record(NULL::rule, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/responsibility-rules/' || id AS location
FROM rule_read
WHERE id = created();

-- rule_read
SELECT body, version AS etag, writable
FROM rule_read
WHERE id = :id;

-- rule_update
WITH changed AS (
    UPDATE rule AS r
    SET (match_site_id, match_tenure, match_kind, match_theme, match_category, lead_actor_id,
         contributors, target_days, calendar, priority, valid_from_on, valid_to_on, source) = (
        SELECT b.match_site_id, b.match_tenure, b.match_kind, b.match_theme, b.match_category,
               b.lead_actor_id, coalesce(b.contributors, '{}'), b.target_days, b.calendar,
               b.priority, b.valid_from_on, b.valid_to_on, b.source
        FROM jsonb_populate_record(r, patched(to_jsonb(r), :body)) AS b)
    WHERE r.id = :id
      AND (:versions::bigint[] IS NULL OR r.version = ANY (:versions))
    RETURNING r.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM rule_read
WHERE id = :id;

-- rule_transition
SELECT move('rule', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM rule_read
WHERE id = :id;

-- rule_history
SELECT true AS found
FROM rule
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
