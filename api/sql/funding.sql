-- Funding: who pays for the programme, which year, how much.

-- funding_list
SELECT r.body, jsonb_build_array(
    --? sort:-year
    r.year, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM funding_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-year
  AND (r.year, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? funder_actor_id
  AND r.funder_actor_id = :funder_actor_id
  --? kind
  AND r.kind = ANY (:kind)
  --? year
  AND r.year = :year
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY
  --? sort:-year
  r.year DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- funding_create
INSERT INTO funding (programme_id, target, funder_actor_id, kind, year, planned_cents,
    granted_cents, paid_cents, note)
SELECT caller_programme(), coalesce(b.target, 'programme'), b.funder_actor_id, b.kind, b.year,
       b.planned_cents, b.granted_cents, b.paid_cents, b.note
FROM jsonb_populate_record(NULL::funding, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/funding/' || id AS location
FROM funding_read
WHERE id = created();

-- funding_read
SELECT body, version AS etag, writable
FROM funding_read
WHERE id = :id;

-- funding_update
WITH changed AS (
    UPDATE funding AS f
    SET (funder_actor_id, kind, year, planned_cents, granted_cents, paid_cents, note) = (
        SELECT b.funder_actor_id, b.kind, b.year, b.planned_cents, b.granted_cents, b.paid_cents,
               b.note
        FROM jsonb_populate_record(f, patched(to_jsonb(f), :body)) AS b)
    WHERE f.id = :id
      AND (:versions::bigint[] IS NULL OR f.version = ANY (:versions))
    RETURNING f.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM funding_read
WHERE id = :id;

-- funding_transition
SELECT move('funding', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM funding_read
WHERE id = :id;

-- funding_history
SELECT true AS found
FROM funding
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
