-- Conventions and amendments, their signatures, and all of it as one bundle.

-- convention_list
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM convention_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:-created_at
  AND (r.created_at, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? kind
  AND r.kind = :kind
  --? parent_id
  AND r.parent_id = :parent_id
  --? party_institution_id
  AND :party_institution_id = ANY (r.party_institutions)
  --? status
  AND r.state = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? q
  AND r.id IN (SELECT matches('convention', :q))
  --?
ORDER BY
  --? sort:-created_at
  r.created_at DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- convention_create
INSERT INTO convention (programme_id, kind, title, principles, parties, sheets, effective_from_on, effective_to_on)
SELECT caller_programme(), b.kind, b.title, coalesce(b.principles, '[]'), coalesce(b.parties, '[]'),
       coalesce(b.sheets, '{}'), b.effective_from_on, b.effective_to_on
FROM jsonb_populate_record(NULL::convention, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/conventions/' || id AS location
FROM convention_read
WHERE id = created();

-- convention_read
SELECT body, version AS etag, writable
FROM convention_read
WHERE id = :id;

-- convention_update
WITH changed AS (
    UPDATE convention AS v
    SET (title, principles, parties, sheets, replaces, effective_from_on, effective_to_on) = (
        SELECT b.title, b.principles, b.parties, coalesce(b.sheets, '{}'), b.replaces, b.effective_from_on,
               b.effective_to_on
        FROM jsonb_populate_record(v, patched(to_jsonb(v), :body)) AS b)
    WHERE v.id = :id
      AND (:versions::bigint[] IS NULL OR v.version = ANY (:versions))
    RETURNING v.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM convention_read
WHERE id = :id;

-- convention_transition
SELECT move('convention', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM convention_read
WHERE id = :id;

-- convention_amend
SELECT created(create_amendment(:id, :body));
SELECT body, version AS etag, '/v1/conventions/' || id AS location
FROM convention_read
WHERE id = created();

-- convention_bundle
SELECT body
FROM convention_bundle_read
WHERE id = :id;

-- convention_history
SELECT true AS found
FROM convention
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = ANY (:id || ARRAY(SELECT s.id FROM signature AS s WHERE s.convention_id = :id))
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- signature_list
SELECT true AS found
FROM convention
WHERE id = :id;
SELECT r.body, jsonb_build_array(r.created_at, r.id) AS key
FROM signature_read AS r
WHERE r.convention_id = :id
  --? cursor
  AND (r.created_at, r.id) > (:after_1, :after_2)
  --? updated_since
  AND r.updated_at >= :updated_since
  --?
ORDER BY r.created_at, r.id
LIMIT :limit;

-- signature_create
SELECT true AS found
FROM convention
WHERE id = :id;
INSERT INTO signature (programme_id, convention_id, actor_id, signatory_capacity, signed_on, method, external_ref,
    document_id, digest_seen)
SELECT v.programme_id, v.id, b.actor_id, b.signatory_capacity, b.signed_on, b.method, b.external_ref, b.document_id,
       b.digest_seen
FROM convention AS v
CROSS JOIN jsonb_populate_record(NULL::signature, :body) AS b
WHERE v.id = :id
RETURNING created(id);
SELECT body, version AS etag, '/v1/signatures/' || id AS location
FROM signature_read
WHERE id = created();

-- signature_read
SELECT body, version AS etag
FROM signature_read
WHERE id = :id;

-- signature_transition
SELECT move('signature', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM signature_read
WHERE id = :id;
