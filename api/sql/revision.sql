-- Revisions: requests to move a due date or to give a commitment up.

-- revision_list
SELECT true AS found
FROM commitment
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM revision_read AS r
WHERE r.commitment_id = :id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- revision_create
SELECT true AS found
FROM commitment
WHERE id = :id;
INSERT INTO revision (programme_id, commitment_id, kind, to_on, reason_code, reason)
SELECT c.programme_id, c.id, coalesce(b.kind, 'due_date'), b.to_on, b.reason_code, b.reason
FROM commitment AS c
CROSS JOIN jsonb_populate_record(NULL::revision, :body) AS b
WHERE c.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/revisions/' || id AS location
FROM revision_read
WHERE id = created();

-- revision_read
SELECT body, version AS etag
FROM revision_read
WHERE id = :id;

-- revision_transition
SELECT move('revision', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM revision_read
WHERE id = :id;
