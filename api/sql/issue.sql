-- Issues: what is wrong on the ground, and what comes of it.

-- issue_list
-- One walk along an index for each key and each status, and of places for
-- each range of cells; then the first of them all. A caller may hold several
-- keys of one issue: it is shown once. IS TRUE keeps what words find from
-- being joined, as in site_list.
SELECT r.body, jsonb_build_array(p.at, p.id) AS key
FROM (
    SELECT f.at, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (
        SELECT NULL AS status
        --? status
        WHERE false UNION SELECT unnest(:status)
        --?
    ) AS s
    CROSS JOIN (
        SELECT NULL::bigint AS lo, NULL::bigint AS hi
        --? bbox
        WHERE false UNION ALL SELECT lo, hi FROM issue_cells(:bbox)
        --? near
        WHERE false UNION ALL SELECT lo, hi FROM issue_cells(box_around(point_of(:near), :radius_m))
        --?
    ) AS c
    CROSS JOIN LATERAL (
        SELECT k.id,
               --? sort:-created_at
               k.created_at AS at
               --? sort:due_on
               k.due_on AS at
               --? sort:-updated_at
               k.updated_at AS at
               --?
        FROM issue_key AS k
        WHERE k.key = u.key
          --? status
          AND k.status = s.status
          --? cursor sort:-created_at
          AND (k.created_at, k.id) < (:after_1, :after_2)
          --? cursor sort:due_on
          AND (k.due_on, k.id) > (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? quartier_id
          AND k.quartier_id = :quartier_id
          --? site_id
          AND k.site_id = :site_id
          --? meeting_id
          AND k.origin_meeting_id = :meeting_id
          --? theme
          AND k.theme = :theme
          --? category
          AND k.category = :category
          --? severity
          AND k.severity = :severity
          --? visibility
          AND k.visibility = :visibility
          -- Keys that show none are not walked to their ends.
          --? visibility:internal
          AND left(u.key, 2) = 'i:'
          --? visibility:confidential
          AND left(u.key, 2) IN ('c:', 'i:', 'u:')
          --? lead_actor_id
          AND k.lead_actor_id = :lead_actor_id
          --? lead_actor_id sort:-created_at
          -- What is known of an actor, and in an index of this order.
          AND k.lead_institution_id = (SELECT a.institution_id FROM actor AS a WHERE a.id = :lead_actor_id)
          --? lead_institution_id
          AND k.lead_institution_id = :lead_institution_id
          --? reported_institution_id
          AND k.reported_institution_id = :reported_institution_id
          --? overdue:true
          AND k.open
          AND k.due_on < today()
          --? overdue:false
          AND (NOT k.open OR k.due_on >= today())
          --? orphan:true
          AND k.orphan
          --? orphan:true sort:due_on
          -- So they all are, and nothing is due: they would come last.
          AND k.status = 'qualified'
          --? orphan:false
          AND NOT k.orphan
          --? arbitration:true
          AND k.arbitration
          --? arbitration:true sort:due_on
          AND k.status = 'qualified'
          --? arbitration:false
          AND NOT k.arbitration
          --? occurred_from
          AND k.occurred_at >= :occurred_from
          --? occurred_to
          AND k.occurred_at < :occurred_to
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND (k.id IN (SELECT matches('issue', :q))) IS TRUE
          --? bbox
          AND k.cell >= c.lo
          AND k.cell <= c.hi
          AND k.west <= (SELECT ST_XMax(box_of(:bbox)))
          AND k.east >= (SELECT ST_XMin(box_of(:bbox)))
          AND k.south <= (SELECT ST_YMax(box_of(:bbox)))
          AND k.north >= (SELECT ST_YMin(box_of(:bbox)))
          AND (k.cell >= 0 OR k.id IN (SELECT issue_shapes_in(:bbox)))
          --? near
          AND k.cell >= c.lo
          AND k.cell <= c.hi
          AND CASE WHEN k.cell >= 0
              THEN metres_from(k.west, k.south, (SELECT point_of(:near)::geography)) <= :radius_m
              ELSE k.id IN (SELECT issue_shapes_near(point_of(:near), :radius_m)) END
          --?
        ORDER BY
          --? sort:-created_at
          k.created_at DESC, k.id DESC
          --? sort:due_on
          k.due_on, k.id
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    GROUP BY f.at, f.id
    ORDER BY
      --? sort:-created_at
      f.at DESC, f.id DESC
      --? sort:due_on
      f.at, f.id
      --? sort:-updated_at
      f.at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN issue_read AS r ON r.id = p.id
ORDER BY
  --? sort:-created_at
  p.at DESC, p.id DESC
  --? sort:due_on
  p.at, p.id
  --? sort:-updated_at
  p.at DESC, p.id DESC
  --?
;

-- issue_create
SELECT created(c.id)
FROM create_issue(uuid7(), :body, caller_origin()) AS c;
SELECT body, version AS etag, '/v1/issues/' || id AS location
FROM issue_read
WHERE id = created();

-- issue_read
SELECT body, version AS etag, writable
FROM issue_read
WHERE id = :id;

-- issue_update
WITH changed AS (
    UPDATE issue AS i
    SET (title, description, personal_data_acknowledged, quartier_id, site_id, geometry, theme, category,
         component, severity, nature, origin_kind, origin_meeting_id, origin_stop_n, occurred_at, visibility,
         recurrence_of_id, external_refs, photo_refs, public_note) = (
        SELECT b.title, b.description,
               coalesce((:body ->> 'acknowledge_personal_data')::boolean, i.personal_data_acknowledged),
               b.quartier_id, b.site_id,
               CASE WHEN :body ? 'geometry' THEN geometry_of(:body -> 'geometry', '/geometry')
                    ELSE i.geometry END,
               b.theme, b.category, b.component, b.severity, b.nature, b.origin_kind,
               b.origin_meeting_id, b.origin_stop_n, b.occurred_at, b.visibility, b.recurrence_of_id,
               coalesce(nullif(b.external_refs, 'null'), '[]'), coalesce(b.photo_refs, '{}'), b.public_note
        FROM jsonb_populate_record(i, patched(to_jsonb(i), :body - 'geometry')) AS b)
    WHERE i.id = :id
      AND i.edited_by && pens()
      AND (:versions::bigint[] IS NULL OR i.version = ANY (:versions))
    RETURNING i.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM issue_read
WHERE id = :id;

-- issue_transition
SELECT move('issue', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM issue_read
WHERE id = :id;

-- issue_history
SELECT true AS found
FROM issue
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- issue_assignments
SELECT true AS found
FROM issue
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.n) AS key
FROM assignment_read AS r
WHERE r.issue_id = :id
  --? cursor
  AND r.n > :after_1
  --?
ORDER BY r.n
LIMIT :limit;

-- issue_proposal
SELECT json_build_object(
           'rule_id', p.rule_id,
           'lead_actor_id', p.lead_actor_id,
           'contributors', p.contributors,
           'due_on', p.due_on) AS body
FROM issue AS i
LEFT JOIN LATERAL proposal(i) AS p ON true
WHERE i.id = :id;

-- issue_similar
SELECT true AS found
FROM issue
WHERE id = :id;
SELECT r.body, jsonb_build_array(i.created_at, i.id) AS key
FROM similar_issues(:id) AS s (id)
JOIN issue AS i ON i.id = s.id
JOIN issue_read AS r ON r.id = i.id
WHERE true
  --? updated_since
  AND i.updated_at >= :updated_since
  --? cursor
  AND (i.created_at, i.id) < (:after_1, :after_2)
  --?
ORDER BY i.created_at DESC, i.id DESC
LIMIT :limit;

-- issue_batch
SELECT json_build_object('items', batch_issues((:body ->> 'meeting_id')::uuid, :body -> 'items')) AS body,
       NULL::text AS etag, NULL::text AS location;
