-- Bytes of uploads, for api/storage.c: chunks under the rights of the record
-- that they belong to.

-- @content_put
INSERT INTO document_chunk (document_id, seq, bytes)
VALUES (created(), :seq::int, :bytes::bytea);

-- @content_get
-- What is stored EXTERNAL is cut without being read whole.
SELECT substring(c.bytes FROM :first::int FOR :most::int) AS bytes
FROM document_chunk AS c
WHERE c.document_id = :id::uuid
  AND c.seq = :seq::int;

-- @content_size
SELECT coalesce(sum(octet_length(c.bytes)), 0) AS size
FROM document_chunk AS c
WHERE c.document_id = :id::uuid;
