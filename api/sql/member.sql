-- Members: which actor takes part in a programme, in which role.

-- member_list
SELECT true AS found
FROM programme
WHERE id = :programme_id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM member_read AS r
WHERE r.programme_id = :programme_id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? role
  AND r.role = ANY (:role)
  --? actor_id
  AND r.actor_id = :actor_id
  --? quartier_id
  AND (r.quartiers = '{}' OR :quartier_id = ANY (r.quartiers))
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- member_create
INSERT INTO member (programme_id, actor_id, role, quartiers, from_on, to_on, local_relay,
    mandate_ref, mandate_scope)
SELECT p.id, b.actor_id, b.role, coalesce(b.quartiers, '{}'), coalesce(b.from_on, current_date),
       b.to_on, coalesce(b.local_relay, false), b.mandate_ref, coalesce(b.mandate_scope, '{}')
FROM programme AS p,
     jsonb_populate_record(NULL::member, :body) AS b
WHERE p.id = :programme_id
RETURNING created(id);
SELECT body, version AS etag, '/v1/members/' || id AS location
FROM member_read
WHERE id = created();

-- member_read
SELECT body, version AS etag, writable
FROM member_read
WHERE id = :id;

-- member_update
WITH changed AS (
    UPDATE member AS m
    SET (quartiers, from_on, to_on, local_relay, mandate_ref, mandate_scope) = (
        SELECT coalesce(b.quartiers, '{}'), b.from_on, b.to_on, b.local_relay, b.mandate_ref,
               coalesce(b.mandate_scope, '{}')
        FROM jsonb_populate_record(m, patched(to_jsonb(m), :body)) AS b)
    WHERE m.id = :id
      AND (:versions::bigint[] IS NULL OR m.version = ANY (:versions))
    RETURNING m.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM member_read
WHERE id = :id;

-- member_transition
SELECT move('member', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM member_read
WHERE id = :id;

-- member_history
SELECT true AS found
FROM member
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
