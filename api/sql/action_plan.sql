-- Action plans: what is to be done in some quartiers over some years.

-- action_plan_list
SELECT r.body, jsonb_build_array(
    --? sort:title
    r.title, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM action_plan_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:title
  AND (r.title, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? quartier_id
  AND (r.quartiers = '{}' OR :quartier_id = ANY (r.quartiers))
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? q
  AND r.id IN (SELECT matches('action_plan', :q))
  --?
ORDER BY
  --? sort:title
  r.title, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- action_plan_create
INSERT INTO action_plan (programme_id, title, quartiers, period_from_on, period_to_on, diagnosis_id)
SELECT caller_programme(), b.title, coalesce(b.quartiers, '{}'), b.period_from_on, b.period_to_on, b.diagnosis_id
FROM jsonb_populate_record(NULL::action_plan, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/action-plans/' || id AS location
FROM action_plan_read
WHERE id = created();

-- action_plan_read
SELECT body, version AS etag, writable
FROM action_plan_read
WHERE id = :id;

-- action_plan_update
WITH changed AS (
    UPDATE action_plan AS p
    SET (title, quartiers, period_from_on, period_to_on, diagnosis_id) = (
        SELECT b.title, coalesce(b.quartiers, '{}'), b.period_from_on, b.period_to_on, b.diagnosis_id
        FROM jsonb_populate_record(p, patched(to_jsonb(p), :body)) AS b)
    WHERE p.id = :id
      AND (:versions::bigint[] IS NULL OR p.version = ANY (:versions))
    RETURNING p.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM action_plan_read
WHERE id = :id;

-- action_plan_transition
SELECT move('action_plan', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM action_plan_read
WHERE id = :id;

-- action_plan_history
SELECT true AS found
FROM action_plan
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
