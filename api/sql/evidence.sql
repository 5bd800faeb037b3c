-- Evidence: what shows that a commitment was kept.

-- evidence_list
SELECT true AS found
FROM commitment
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM evidence_read AS r
WHERE r.commitment_id = :id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- evidence_create
SELECT true AS found
FROM commitment
WHERE id = :id;
INSERT INTO evidence (programme_id, commitment_id, kind, document_id, external_ref, occurred_at, note)
SELECT c.programme_id, c.id, b.kind, b.document_id, b.external_ref, coalesce(b.occurred_at, now()), b.note
FROM commitment AS c
CROSS JOIN jsonb_populate_record(NULL::evidence, :body) AS b
WHERE c.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/evidence/' || id AS location
FROM evidence_read
WHERE id = created();

-- evidence_read
SELECT body, version AS etag, writable
FROM evidence_read
WHERE id = :id;

-- evidence_transition
SELECT move('evidence', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM evidence_read
WHERE id = :id;
