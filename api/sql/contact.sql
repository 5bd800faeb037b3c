-- Contacts: whom to call at an institution.

-- contact_list
SELECT r.body, jsonb_build_array(
    --? sort:name
    r.name, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM contact_read AS r
WHERE r.programme_id = caller_programme()
  --? cursor sort:name
  AND (r.name, r.id) > (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --? kind
  AND r.kind = ANY (:kind)
  --? actor_id
  AND r.actor_id = :actor_id
  --? institution_id
  AND r.institution_id = :institution_id
  --? quartier_id
  AND (r.quartiers = '{}' OR :quartier_id = ANY (r.quartiers))
  --? visibility
  AND r.visibility = ANY (:visibility)
  --? valid_on
  AND coalesce(r.valid_from_on, '-infinity') <= :valid_on
  AND coalesce(r.valid_to_on, 'infinity') >= :valid_on
  --? updated_since
  AND r.updated_at >= :updated_since
  --? status
  AND r.status = ANY (:status)
  --? q
  AND r.id IN (SELECT matches('contact', :q))
  --?
ORDER BY
  --? sort:name
  r.name, r.id
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- contact_create
INSERT INTO contact (programme_id, actor_id, kind, name, function, email, phone, website, quartiers,
    visibility, valid_from_on, valid_to_on, source, consent_note)
SELECT caller_programme(), b.actor_id, b.kind, b.name, b.function, b.email, b.phone, b.website,
       coalesce(b.quartiers, '{}'), coalesce(b.visibility, 'partners'), b.valid_from_on,
       b.valid_to_on, b.source, b.consent_note
FROM jsonb_populate_record(NULL::contact, :body) AS b
RETURNING created(id);
SELECT body, version AS etag, '/v1/contacts/' || id AS location
FROM contact_read
WHERE id = created();

-- contact_read
SELECT body, version AS etag, writable
FROM contact_read
WHERE id = :id;

-- contact_update
WITH changed AS (
    UPDATE contact AS c
    SET (actor_id, kind, name, function, email, phone, website, quartiers, visibility,
         valid_from_on, valid_to_on, source, consent_note) = (
        SELECT b.actor_id, b.kind, b.name, b.function, b.email, b.phone, b.website,
               coalesce(b.quartiers, '{}'), b.visibility, b.valid_from_on, b.valid_to_on,
               b.source, b.consent_note
        FROM jsonb_populate_record(c, patched(to_jsonb(c), :body)) AS b)
    WHERE c.id = :id
      AND (:versions::bigint[] IS NULL OR c.version = ANY (:versions))
    RETURNING c.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM contact_read
WHERE id = :id;

-- contact_transition
SELECT move('contact', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM contact_read
WHERE id = :id;

-- contact_history
SELECT true AS found
FROM contact
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
