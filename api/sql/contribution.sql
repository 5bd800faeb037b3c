-- Contributions: what residents say of a place, and what they are answered.

-- contribution_list
-- One walk along an index for each key and each status, and of places for
-- each range of cells; then the first of them all, as in issue_list.
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    p.created_at, p.id
    --? sort:-occurred_at
    p.occurred_at, p.id
    --? sort:-updated_at
    p.updated_at, p.id
    --?
    ) AS key
FROM (
    SELECT f.created_at, f.occurred_at, f.updated_at, f.id
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
        SELECT k.created_at, k.occurred_at, k.updated_at, k.id
        FROM contribution_key AS k
        WHERE k.key = u.key
          --? status
          AND k.status = s.status
          --? cursor sort:-created_at
          AND (k.created_at, k.id) < (:after_1, :after_2)
          --? cursor sort:-occurred_at
          AND (k.occurred_at, k.id) < (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? meeting_id
          AND k.meeting_id = :meeting_id
          --? quartier_id
          AND k.quartier_id = :quartier_id
          --? kind
          AND k.kind = :kind
          --? theme
          AND k.theme = :theme
          --? collected_by_institution_id
          AND k.collected_by_institution_id = :collected_by_institution_id
          --? occurred_from
          AND k.occurred_at >= :occurred_from
          --? occurred_to
          AND k.occurred_at < :occurred_to
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND k.id IN (SELECT matches('contribution', :q))
          --? bbox
          AND k.cell >= c.lo
          AND k.cell <= c.hi
          AND k.west <= (SELECT ST_XMax(box_of(:bbox)))
          AND k.east >= (SELECT ST_XMin(box_of(:bbox)))
          AND k.south <= (SELECT ST_YMax(box_of(:bbox)))
          AND k.north >= (SELECT ST_YMin(box_of(:bbox)))
          AND (k.cell >= 0 OR k.id IN (SELECT contribution_shapes_in(:bbox)))
          --? near
          AND k.cell >= c.lo
          AND k.cell <= c.hi
          AND CASE WHEN k.cell >= 0
              THEN metres_from(k.west, k.south, (SELECT point_of(:near)::geography)) <= :radius_m
              ELSE k.id IN (SELECT contribution_shapes_near(point_of(:near), :radius_m)) END
          --?
        ORDER BY
          --? sort:-created_at
          k.created_at DESC, k.id DESC
          --? sort:-occurred_at
          k.occurred_at DESC, k.id DESC
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    GROUP BY f.created_at, f.occurred_at, f.updated_at, f.id
    ORDER BY
      --? sort:-created_at
      f.created_at DESC, f.id DESC
      --? sort:-occurred_at
      f.occurred_at DESC, f.id DESC
      --? sort:-updated_at
      f.updated_at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN contribution_read AS r ON r.id = p.id
ORDER BY
  --? sort:-created_at
  p.created_at DESC, p.id DESC
  --? sort:-occurred_at
  p.occurred_at DESC, p.id DESC
  --? sort:-updated_at
  p.updated_at DESC, p.id DESC
  --?
;

-- contribution_create
SELECT created(create_contribution(uuid7(), :body));
SELECT body, version AS etag, '/v1/contributions/' || id AS location
FROM contribution_read
WHERE id = created();

-- contribution_read
SELECT body, version AS etag, writable
FROM contribution_read
WHERE id = :id;

-- contribution_update
WITH changed AS (
    UPDATE contribution AS c
    SET (meeting_id, contributor_code, kind, theme, text, quartier_id, geometry, document_id, occurred_at, links) = (
        SELECT b.meeting_id, b.contributor_code, b.kind, b.theme, b.text, b.quartier_id,
               CASE WHEN :body ? 'geometry' THEN geometry_of(:body -> 'geometry', '/geometry')
                    ELSE c.geometry END,
               b.document_id, b.occurred_at, b.links
        FROM jsonb_populate_record(c, patched(to_jsonb(c), :body - 'geometry')) AS b)
    WHERE c.id = :id
      AND c.edited_by && pens()
      AND (:versions::bigint[] IS NULL OR c.version = ANY (:versions))
    RETURNING c.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM contribution_read
WHERE id = :id;

-- contribution_transition
SELECT move('contribution', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM contribution_read
WHERE id = :id;

-- contribution_history
SELECT true AS found
FROM contribution
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- contribution_batch
SELECT json_build_object('items', batch('contribution', :body -> 'items')) AS body,
       NULL::text AS etag, NULL::text AS location;
