-- Reporters: residents who report, behind a pseudonym. All of these run as
-- gusp_privacy, and what reads or writes a person is a function of the vault.

-- reporter_list
SELECT r.body, jsonb_build_array(
    --? sort:-created_at
    r.created_at, r.id
    --? sort:-updated_at
    r.updated_at, r.id
    --?
    ) AS key
FROM vault.reporter_read AS r
WHERE r.programme_id = caller_programme()
  AND r.status = ANY (:status)
  --? updated_since
  AND r.updated_at >= :updated_since
  --? cursor sort:-created_at
  AND (r.created_at, r.id) < (:after_1, :after_2)
  --? cursor sort:-updated_at
  AND (r.updated_at, r.id) < (:after_1, :after_2)
  --?
ORDER BY
  --? sort:-created_at
  r.created_at DESC, r.id DESC
  --? sort:-updated_at
  r.updated_at DESC, r.id DESC
  --?
LIMIT :limit;

-- reporter_create
SELECT NULL::text AS body, NULL::bigint AS etag,
       '/v1/reporters/' || vault.entrust(:id, :body) AS location;

-- reporter_read
SELECT body, version AS etag
FROM vault.reporter_read
WHERE programme_id = caller_programme()
  AND pseudonym = :pseudonym;

-- reporter_update
SELECT vault.correct(:pseudonym, :versions, :body) AS touched;
SELECT body, version AS etag
FROM vault.reporter_read
WHERE programme_id = caller_programme()
  AND pseudonym = :pseudonym;

-- reporter_disclose
SELECT vault.disclose(:pseudonym, :body ->> 'purpose', :body ->> 'comment') AS body;

-- reporter_history
SELECT true AS found
FROM vault.reporter_read
WHERE programme_id = caller_programme()
  AND pseudonym = :pseudonym;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM vault.reporter_read AS r
JOIN event_read AS e ON e.subject_id = r.id
WHERE r.programme_id = caller_programme()
  AND r.pseudonym = :pseudonym
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
