-- Action sheets (fiches-actions): one action of a plan, and what it costs.

-- action_sheet_list
--? as_of
SELECT look_back(:as_of)
--?
;
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM
  --? as_of
  past.
  --?
  action_sheet_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-created_at
  AND (r.created_at, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? plan_id
  AND r.plan_id = :plan_id
  --? quartier_id
  AND (r.quartiers = '{}' OR :quartier_id = ANY (r.quartiers))
  --? theme
  AND :theme = ANY (r.themes)
  --? pilot_institution_id
  AND r.pilot_institution_id = :pilot_institution_id
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? q
  AND r.id IN (SELECT matches('action_sheet', :q))
  --?
ORDER BY
  --? sort:-created_at
  r.created_at DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- action_sheet_create
SELECT created(create_action_sheet(:body));
SELECT body, version AS etag, '/v1/action-sheets/' || id AS location
FROM action_sheet_read
WHERE id = created();

-- action_sheet_read
--? as_of
SELECT look_back(:as_of)
--?
;
SELECT body, version AS etag
FROM
  --? as_of
  past.
  --?
  action_sheet_read
WHERE id = :id;

-- action_sheet_update
WITH changed AS (
    UPDATE action_sheet AS s
    SET (plan_id, title, themes, quartiers, target_publics, finding, objectives, description, method,
         pilot_actor_id, partners, calendar, expected_results, indicators, means, origin) = (
        SELECT b.plan_id, b.title, coalesce(b.themes, '{}'), coalesce(b.quartiers, '{}'),
               coalesce(b.target_publics, '{}'), b.finding, coalesce(b.objectives, '{}'), b.description, b.method,
               b.pilot_actor_id, coalesce(b.partners, '{}'), b.calendar, b.expected_results, b.indicators, b.means,
               b.origin
        FROM jsonb_populate_record(s, patched(to_jsonb(s), :body)) AS b)
    WHERE s.id = :id
      AND (:versions::bigint[] IS NULL OR s.version = ANY (:versions))
    RETURNING s.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM action_sheet_read
WHERE id = :id;

-- action_sheet_transition
SELECT move('action_sheet', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM action_sheet_read
WHERE id = :id;

-- action_sheet_history
SELECT true AS found
FROM action_sheet
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = ANY (:id || ARRAY(SELECT k.id FROM action_sheet_cost AS k WHERE k.action_sheet_id = :id))
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- action_sheet_cost_read
SELECT body, version AS etag, writable
FROM action_sheet_cost_read
WHERE action_sheet_id = :id;

-- action_sheet_cost_update
WITH changed AS (
    UPDATE action_sheet_cost AS k
    SET (planned_cents, actual_cents, funding, in_kind, open) = (
        SELECT b.planned_cents, b.actual_cents, b.funding, b.in_kind, b.open
        FROM jsonb_populate_record(k, patched(to_jsonb(k), :body)) AS b)
    WHERE k.action_sheet_id = :id
      AND (:versions::bigint[] IS NULL OR k.version = ANY (:versions))
    RETURNING k.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM action_sheet_cost_read
WHERE action_sheet_id = :id;
