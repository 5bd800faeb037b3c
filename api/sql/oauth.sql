-- The statements of the authorisation server, run as gusp_auth. They belong to
-- no operation: api/oauth.c and api/keys.c ask for them by name.

-- @oauth_keys
-- Every worker reads these at its start, at NOTIFY gusp_key and every few
-- minutes; what time has made void goes at the same occasion.
SELECT auth.purge() AS purged;
SELECT coalesce(json_agg(json_build_object(
           'kid', k.kid, 'alg', k.alg, 'state', k.state, 'jwk', k.jwk)
           ORDER BY k.created_at DESC, k.kid), '[]') AS keys,
       json_build_object('keys', coalesce(json_agg(
           k.jwk || jsonb_build_object('kid', k.kid, 'alg', k.alg, 'use', 'sig')
           ORDER BY k.created_at DESC, k.kid), '[]')) AS body,
       (SELECT encode(s.value, 'base64')
        FROM auth.secret AS s
        WHERE s.name = 'cursor') AS cursor
FROM auth.signing_key AS k
WHERE k.state <> 'revoked';

-- @oauth_client
-- Everything that decides whether a client gets a token. issued_from: tokens
-- that say they are older than that are refused, so none is issued so.
SELECT c.id,
       c.status IN ('active', 'rotating')
       AND (c.expires_at IS NULL OR c.expires_at > now()) AS live,
       to_json(c.scopes) AS scopes,
       CASE WHEN isfinite(c.tokens_from)
            THEN ceil(extract(epoch FROM c.tokens_from))::bigint END AS issued_from,
       gen_random_uuid() AS jti,
       m.membership_id, m.actor_id, m.role,
       coalesce(m.live, false) AS member_live,
       (SELECT coalesce(json_agg(encode(s.digest, 'hex')), '[]')
        FROM auth.client_secret AS s
        WHERE s.client_id = c.id AND s.revoked_at IS NULL) AS secrets,
       (SELECT coalesce(json_agg(json_build_object('kid', k.kid, 'jwk', k.jwk)), '[]')
        FROM auth.client_key AS k
        WHERE k.client_id = c.id AND k.revoked_at IS NULL) AS keys
FROM auth.client AS c
LEFT JOIN LATERAL gusp.client_membership(c.id) AS m ON true
WHERE c.id = :client::uuid;

-- @oauth_assertion
-- No row: this assertion was used before.
INSERT INTO auth.assertion (client_id, jti, expires_at)
VALUES (:client::uuid, :jti::text, to_timestamp(:expires::bigint))
ON CONFLICT DO NOTHING
RETURNING jti;

-- @oauth_introspect
-- Active is what enter() would accept; the claims are those of a token whose
-- signature and dates were found good.
SELECT CASE WHEN EXISTS (
           SELECT
           FROM auth.client AS c
           CROSS JOIN LATERAL gusp.client_membership(c.id) AS m
           WHERE c.id = :client::uuid
             AND c.status IN ('active', 'rotating')
             AND (c.expires_at IS NULL OR c.expires_at > now())
             AND c.tokens_from <= to_timestamp(:issued::bigint)
             AND m.membership_id = :membership::uuid
             AND m.role = :role::text
             AND m.live
             AND NOT EXISTS (SELECT
                             FROM auth.revoked_token AS r
                             WHERE r.jti = :token::uuid))
       THEN jsonb_build_object('active', true) || :claims::jsonb
       ELSE jsonb_build_object('active', false)
       END AS body;

-- @oauth_revoke
INSERT INTO auth.revoked_token (jti, expires_at)
VALUES (:token::uuid, to_timestamp(:expires::bigint))
ON CONFLICT DO NOTHING;
