-- Statements of the engine itself.

-- @enter
SELECT enter(:client::uuid, :membership::uuid, :role::text, :token::uuid, :issued::bigint,
    :request_id::text, :key::text, :fingerprint::text);

-- @idempotency_replay
SELECT status, body, etag, location
FROM idempotency
WHERE client_id = client_id()
  AND membership_id = membership_id()
  AND key = :key::text;

-- @leaf_made
-- The leaf of the ledger that this transaction made last (x-leaf).
SELECT json_build_object('Ledger-Event', nullif(current_setting('app.leaf_event', true), ''),
    'Ledger-Leaf-Hash', nullif(current_setting('app.leaf_hash', true), '')) AS headers;
