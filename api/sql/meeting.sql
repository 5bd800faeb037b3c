-- Meetings: when institutions and residents meet, who came, what was decided.

-- meeting_series_list
SELECT r.body, jsonb_build_array(
    --? sort:title
    r.title, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM meeting_series_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:title
  AND (r.title, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? kind
  AND r.kind = ANY (:kind)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --? q
  AND r.id IN (SELECT matches('meeting_series', :q))
  --?
ORDER BY
  --? sort:title
  r.title, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- meeting_series_create
INSERT INTO meeting_series (programme_id, title, kind, rhythm, quartiers)
SELECT caller_programme(), b.title, b.kind, b.rhythm, coalesce(b.quartiers, '{}')
FROM jsonb_populate_record(NULL::meeting_series, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/meeting-series/' || id AS location
FROM meeting_series_read
WHERE id = created();

-- meeting_series_read
SELECT body, version AS etag, writable
FROM meeting_series_read
WHERE id = :id;

-- meeting_series_update
WITH changed AS (
    UPDATE meeting_series AS s
    SET (title, kind, rhythm, quartiers) = (
        SELECT b.title, b.kind, b.rhythm, b.quartiers
        FROM jsonb_populate_record(s, patched(to_jsonb(s), :body)) AS b)
    WHERE s.id = :id
      AND (:versions::bigint[] IS NULL OR s.version = ANY (:versions))
    RETURNING s.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM meeting_series_read
WHERE id = :id;

-- meeting_series_transition
SELECT move('meeting_series', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM meeting_series_read
WHERE id = :id;

-- meeting_series_history
SELECT true AS found
FROM meeting_series
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- meeting_list
-- One walk along an index for each key; who holds several keys finds a meeting
-- by each of them, and it is shown once. The nil UUID stands for any quartier.
SELECT r.body, jsonb_build_array(
    --? sort:-starts_at
    p.starts_at, p.id
    --? sort:starts_at
    p.starts_at, p.id
    --? sort:-updated_at
    p.updated_at, p.id
    --?
    ) AS key
FROM (
    SELECT DISTINCT f.starts_at, f.updated_at, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (
        SELECT '00000000-0000-0000-0000-000000000000'::uuid AS id
        --? quartier_id
        WHERE false UNION SELECT :quartier_id
        --?
    ) AS q
    CROSS JOIN LATERAL (
        SELECT k.starts_at, k.updated_at, k.id
        FROM meeting_key AS k
        WHERE k.key = u.key
          AND k.quartier_id = q.id
          --? cursor sort:-starts_at
          AND (k.starts_at, k.id) < (:after_1, :after_2)
          --? cursor sort:starts_at
          AND (k.starts_at, k.id) > (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? kind
          AND k.kind = ANY (:kind)
          --? status
          AND k.status = ANY (:status)
          --? series_id
          AND k.series_id = :series_id
          --? convenor_actor_id
          AND k.convenor_actor_id = :convenor_actor_id
          --? starts_from
          AND k.starts_at >= :starts_from
          --? starts_to
          AND k.starts_at < :starts_to
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND k.id IN (SELECT matches('meeting', :q))
          --?
        ORDER BY
          --? sort:-starts_at
          k.starts_at DESC, k.id DESC
          --? sort:starts_at
          k.starts_at, k.id
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    ORDER BY
      --? sort:-starts_at
      f.starts_at DESC, f.id DESC
      --? sort:starts_at
      f.starts_at, f.id
      --? sort:-updated_at
      f.updated_at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN meeting_read AS r ON r.id = p.id
ORDER BY
  --? sort:-starts_at
  p.starts_at DESC, p.id DESC
  --? sort:starts_at
  p.starts_at, p.id
  --? sort:-updated_at
  p.updated_at DESC, p.id DESC
  --?
;

-- meeting_create
INSERT INTO meeting (programme_id, kind, phase, series_id, title, quartiers, starts_at, ends_at, venue_text,
    venue_actor_id, convenor_actor_id, facilitators, supports, communications, priorities, route, weather, groups,
    stops, synthesis, minutes_document_id, answers_due_on)
SELECT caller_programme(), b.kind, b.phase, b.series_id, b.title, coalesce(b.quartiers, '{}'), b.starts_at,
       b.ends_at, b.venue_text, b.venue_actor_id, b.convenor_actor_id, coalesce(b.facilitators, '{}'),
       coalesce(b.supports, '[]'), coalesce(b.communications, '[]'), coalesce(b.priorities, '[]'),
       geometry_of(:body -> 'route', '/route'), b.weather, coalesce(b.groups, '[]'), coalesce(b.stops, '[]'),
       b.synthesis, b.minutes_document_id, b.answers_due_on
FROM jsonb_populate_record(NULL::meeting, :body - 'route') AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/meetings/' || id AS location
FROM meeting_read
WHERE id = created();

-- meeting_read
SELECT body, version AS etag, writable
FROM meeting_read
WHERE id = :id;

-- meeting_update
WITH changed AS (
    UPDATE meeting AS m
    SET (kind, phase, series_id, title, quartiers, starts_at, ends_at, venue_text, venue_actor_id,
         convenor_actor_id, facilitators, supports, communications, priorities, route, weather, groups, stops,
         synthesis, minutes_document_id, answers_due_on) = (
        SELECT b.kind, b.phase, b.series_id, b.title, b.quartiers, b.starts_at, b.ends_at, b.venue_text,
               b.venue_actor_id, b.convenor_actor_id, b.facilitators, b.supports, b.communications, b.priorities,
               CASE WHEN :body ? 'route' THEN geometry_of(:body -> 'route', '/route') ELSE m.route END,
               b.weather, b.groups, b.stops, b.synthesis, b.minutes_document_id, b.answers_due_on
        FROM jsonb_populate_record(m, patched(to_jsonb(m), :body - 'route')) AS b)
    WHERE m.id = :id
      AND (:versions::bigint[] IS NULL OR m.version = ANY (:versions))
    RETURNING m.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM meeting_read
WHERE id = :id;

-- meeting_transition
SELECT move('meeting', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM meeting_read
WHERE id = :id;

-- meeting_history
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- invitation_list
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM invitation_read AS r
WHERE r.meeting_id = :id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- invitation_create
SELECT true AS found
FROM meeting
WHERE id = :id;
INSERT INTO invitation (programme_id, meeting_id, actor_id)
SELECT caller_programme(), m.id, (:body ->> 'actor_id')::uuid
FROM meeting AS m
WHERE m.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/invitations/' || id AS location
FROM invitation_read
WHERE id = created();

-- invitation_read
SELECT body, version AS etag, NULL::boolean AS writable
FROM invitation_read
WHERE id = :id;

-- invitation_transition
SELECT move('invitation', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM invitation_read
WHERE id = :id;

-- invitation_history
SELECT true AS found
FROM invitation
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- attendance_list
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM attendance_read AS r
WHERE r.meeting_id = :id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? kind
  AND r.kind = :kind
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- attendance_create
SELECT true AS found
FROM meeting
WHERE id = :id;
INSERT INTO attendance (programme_id, meeting_id, kind, actor_id, via_actor_id, present_count, excused, women,
    youth, seniors)
SELECT caller_programme(), m.id, b.kind, b.actor_id, b.via_actor_id, coalesce(b.present_count, 0),
       coalesce(b.excused, false), b.women, b.youth, b.seniors
FROM meeting AS m
CROSS JOIN jsonb_populate_record(NULL::attendance, :body) AS b
WHERE m.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/attendance/' || id AS location
FROM attendance_read
WHERE id = created();

-- attendance_read
SELECT body, version AS etag, writable
FROM attendance_read
WHERE id = :id;

-- attendance_update
WITH changed AS (
    UPDATE attendance AS a
    SET (present_count, excused, women, youth, seniors) = (
        SELECT b.present_count, b.excused, b.women, b.youth, b.seniors
        FROM jsonb_populate_record(a, patched(to_jsonb(a), :body)) AS b)
    WHERE a.id = :id
      AND (:versions::bigint[] IS NULL OR a.version = ANY (:versions))
    RETURNING a.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM attendance_read
WHERE id = :id;

-- attendance_transition
SELECT move('attendance', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM attendance_read
WHERE id = :id;

-- attendance_history
SELECT true AS found
FROM attendance
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- agenda_point_list
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.n, r.id) AS key
FROM agenda_point_read AS r
WHERE r.meeting_id = :id
  --? cursor
  AND (r.n, r.id) > (:after_1, :after_2)
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.n, r.id
LIMIT :limit;

-- agenda_point_create
SELECT true AS found
FROM meeting
WHERE id = :id;
INSERT INTO agenda_point (programme_id, meeting_id, title, text, issue_id)
SELECT caller_programme(), m.id, b.title, b.text, b.issue_id
FROM meeting AS m
CROSS JOIN jsonb_populate_record(NULL::agenda_point, :body) AS b
WHERE m.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/agenda-points/' || id AS location
FROM agenda_point_read
WHERE id = created();

-- agenda_point_read
SELECT body, version AS etag, writable
FROM agenda_point_read
WHERE id = :id;

-- agenda_point_update
WITH changed AS (
    UPDATE agenda_point AS a
    SET (n, title, text, issue_id) = (
        SELECT b.n, b.title, b.text, b.issue_id
        FROM jsonb_populate_record(a, patched(to_jsonb(a), :body)) AS b)
    WHERE a.id = :id
      AND (:versions::bigint[] IS NULL OR a.version = ANY (:versions))
    RETURNING a.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM agenda_point_read
WHERE id = :id;

-- agenda_point_transition
SELECT move('agenda_point', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM agenda_point_read
WHERE id = :id;

-- agenda_point_history
SELECT true AS found
FROM agenda_point
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- decision_list
SELECT true AS found
FROM meeting
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.n) AS key
FROM decision_read AS r
WHERE r.meeting_id = :id
  --? cursor
  AND r.n > :after_1
  --? status
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.n
LIMIT :limit;

-- decision_create
SELECT true AS found
FROM meeting
WHERE id = :id;
INSERT INTO decision (programme_id, meeting_id, text, target_type, target_id)
SELECT caller_programme(), m.id, b.text, b.target_type, b.target_id
FROM meeting AS m
CROSS JOIN jsonb_populate_record(NULL::decision, :body) AS b
WHERE m.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/decisions/' || id AS location
FROM decision_read
WHERE id = created();

-- decision_read
SELECT body, version AS etag, writable
FROM decision_read
WHERE id = :id;

-- decision_update
WITH changed AS (
    UPDATE decision AS d
    SET text = coalesce(:body ->> 'text', d.text)
    WHERE d.id = :id
      AND (:versions::bigint[] IS NULL OR d.version = ANY (:versions))
    RETURNING d.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM decision_read
WHERE id = :id;

-- decision_transition
SELECT move('decision', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM decision_read
WHERE id = :id;

-- decision_history
SELECT true AS found
FROM decision
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
