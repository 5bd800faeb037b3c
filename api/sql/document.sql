-- Documents: metadata here, bytes by api/storage.c.

-- document_list
-- One walk along an index for each key and each status; who holds several
-- keys finds a document by each of them, and it is shown once.
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    p.created_at, p.id
    --? sort:title
    p.title, p.id
    --?
    ) AS key
FROM (
    SELECT DISTINCT f.created_at, f.title, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (SELECT DISTINCT unnest(:status)) AS s (status)
    CROSS JOIN LATERAL (
        SELECT k.created_at, k.title, k.id
        FROM document_key AS k
        WHERE k.key = u.key
          AND k.status = s.status
          --? cursor sort:-created_at
          AND (k.created_at, k.id) < (:after_1, :after_2)
          --? cursor sort:title
          AND (k.title, k.id) > (:after_1, :after_2)
          --? kind
          AND k.kind = ANY (:kind)
          --? toolbox:true
          AND k.toolbox
          --? toolbox:false
          AND NOT k.toolbox
          --? visibility
          AND k.visibility = ANY (:visibility)
          --? target_id
          AND k.target_id = :target_id
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND k.id IN (SELECT matches('document', :q))
          --?
        ORDER BY
          --? sort:-created_at
          k.created_at DESC, k.id DESC
          --? sort:title
          k.title, k.id
          --?
        LIMIT :limit
    ) AS f
    ORDER BY
      --? sort:-created_at
      f.created_at DESC, f.id DESC
      --? sort:title
      f.title, f.id
      --?
    LIMIT :limit
) AS p
JOIN document_read AS r ON r.id = p.id
ORDER BY
  --? sort:-created_at
  p.created_at DESC, p.id DESC
  --? sort:title
  p.title, p.id
  --?
;

-- document_create
INSERT INTO document (programme_id, kind, title, keywords, toolbox, licence, derived_from_id, target_type,
    target_id, visibility, faces_plates_checked, personal_data_acknowledged, media_type, size, sha256,
    stripped, width, height)
VALUES (caller_programme(), :kind, :title, coalesce(:keywords, '{}'), coalesce(:toolbox, false), :licence,
    :derived_from_id, :target_type, :target_id, coalesce(:visibility, 'partners'),
    coalesce(:faces_plates_checked, false), coalesce(:acknowledge_personal_data, false), :media_type, :size,
    :sha256, :stripped, :width, :height)
RETURNING created(id);
SELECT body, version AS etag, '/v1/documents/' || id AS location
FROM document_read
WHERE id = created();

-- document_read
SELECT body, version AS etag, writable
FROM document_read
WHERE id = :id;

-- document_content
SELECT jsonb_build_object(
           'media_type', d.media_type,
           'size', d.size,
           'name', coalesce(nullif(left(slug_of(d.title), 80), ''), 'document') || CASE d.media_type
               WHEN 'image/jpeg' THEN '.jpg'
               WHEN 'image/png' THEN '.png'
               WHEN 'image/webp' THEN '.webp'
               ELSE '.pdf' END) AS body,
       d.sha256 AS etag
FROM document AS d
WHERE d.id = :id;

-- document_update
WITH changed AS (
    UPDATE document AS d
    SET (title, keywords, toolbox, licence, visibility, faces_plates_checked,
         personal_data_acknowledged) = (
        SELECT b.title, b.keywords, b.toolbox, b.licence, b.visibility, b.faces_plates_checked,
               d.personal_data_acknowledged
               OR coalesce((:body ->> 'acknowledge_personal_data')::boolean, false)
        FROM jsonb_populate_record(d, patched(to_jsonb(d), :body - 'acknowledge_personal_data')) AS b)
    WHERE d.id = :id
      AND (:versions::bigint[] IS NULL OR d.version = ANY (:versions))
    RETURNING d.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM document_read
WHERE id = :id;

-- document_transition
SELECT move('document', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM document_read
WHERE id = :id;

-- document_history
SELECT true AS found
FROM document
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
