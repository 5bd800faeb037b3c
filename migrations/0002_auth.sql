-- Who may come in: clients with their secrets and keys, the keys that sign
-- access tokens, and what makes a token or an assertion void before its time.
--
-- Only gusp_auth reads here, plus gusp_definer on behalf of enter(). Clients
-- and keys are written by the gusp command, as gusp_owner; the API adds
-- assertions and revocations and nothing else.

SET search_path = gusp, public;

GRANT USAGE ON SCHEMA auth TO gusp_auth, gusp_definer;

-- Clients -------------------------------------------------------------------

-- A partner's software. What it may do comes from its membership; scopes only
-- narrow that. A client that is rotating has two credentials alive.
CREATE TABLE auth.client (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    membership_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'rotating', 'revoked', 'expired')),
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    expires_at timestamptz,
    -- Tokens issued before are refused.
    tokens_from timestamptz NOT NULL DEFAULT '-infinity',
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    CONSTRAINT revoked_clients_say_when CHECK ((status = 'revoked') = (revoked_at IS NOT NULL))
);
CREATE INDEX client_membership ON auth.client (membership_id);

-- RFC 6749 3.3: what a scope is made of.
CREATE FUNCTION auth.are_scopes(scopes text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(bool_and(s ~ '^[a-z0-9_.:-]{1,64}$'), true)
    FROM unnest($1) AS s
$$;
ALTER TABLE auth.client ADD CONSTRAINT scopes_are_words CHECK (auth.are_scopes(scopes));

-- 256 random bits need no slow hash: SHA-256 of the secret.
CREATE TABLE auth.client_secret (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    client_id uuid NOT NULL REFERENCES auth.client,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX client_secret_client ON auth.client_secret (client_id);

-- Whether a JWK has only public members (RFC 7518 6.2.2, 6.3.2, 6.4.1).
CREATE FUNCTION auth.is_public(jwk jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT jsonb_typeof($1) = 'object'
        AND NOT $1 ?| ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
$$;

CREATE TABLE auth.client_key (
    client_id uuid NOT NULL REFERENCES auth.client,
    kid text NOT NULL CHECK (length(kid) BETWEEN 1 AND 128),
    alg text NOT NULL CHECK (alg IN ('ES256', 'RS256')),
    jwk jsonb NOT NULL CHECK (auth.is_public(jwk)),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (client_id, kid)
);

-- A rollover needs two credentials of a kind; a third would be one that
-- nobody remembers.
CREATE FUNCTION auth.at_most_two() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    live bigint;
BEGIN
    PERFORM FROM auth.client AS c WHERE c.id = NEW.client_id FOR UPDATE;
    EXECUTE format('SELECT count(*) FROM auth.%I WHERE client_id = $1 AND revoked_at IS NULL',
        TG_TABLE_NAME) INTO live USING NEW.client_id;
    IF live > 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'GU409', MESSAGE = 'two_live_credentials';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER at_most_two AFTER INSERT OR UPDATE ON auth.client_secret
    FOR EACH ROW EXECUTE FUNCTION auth.at_most_two();
CREATE TRIGGER at_most_two AFTER INSERT OR UPDATE ON auth.client_key
    FOR EACH ROW EXECUTE FUNCTION auth.at_most_two();

-- Void before their time ------------------------------------------------------

-- Assertions already used: none is taken twice (RFC 7523 3).
CREATE TABLE auth.assertion (
    client_id uuid NOT NULL REFERENCES auth.client,
    jti text NOT NULL CHECK (length(jti) BETWEEN 1 AND 255),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX assertion_expires_at ON auth.assertion (expires_at);

-- By identifier, never by text: a token's text can be spelt in several ways.
CREATE TABLE auth.revoked_token (
    jti uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_token_expires_at ON auth.revoked_token (expires_at);

-- Forget what time has made void anyway, past every leeway on clocks, and the
-- answers kept for as long as the contract says (7 days). A part at a time, so
-- that no worker holds the table; returns how many.
CREATE FUNCTION auth.purge() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH used AS (
        DELETE FROM auth.assertion AS a
        WHERE (a.client_id, a.jti) IN (
            SELECT o.client_id, o.jti FROM auth.assertion AS o
            WHERE o.expires_at < now() - interval '5 minutes'
            ORDER BY o.expires_at LIMIT 1000
            FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), revoked AS (
        DELETE FROM auth.revoked_token AS t
        WHERE t.jti IN (
            SELECT o.jti FROM auth.revoked_token AS o
            WHERE o.expires_at < now() - interval '5 minutes'
            ORDER BY o.expires_at LIMIT 1000
            FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), answered AS (
        DELETE FROM gusp.idempotency AS i
        WHERE (i.client_id, i.membership_id, i.key) IN (
            SELECT o.client_id, o.membership_id, o.key FROM gusp.idempotency AS o
            WHERE o.created_at < now() - interval '7 days'
            ORDER BY o.created_at LIMIT 10000
            FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM used) + (SELECT count(*) FROM revoked)
        + (SELECT count(*) FROM answered)
$$;

-- Our own keys ----------------------------------------------------------------

-- next: published, not used yet; active: signs; retiring: still verifies;
-- revoked: neither. The private half is a file, never in the database.
CREATE TABLE auth.signing_key (
    kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    alg text NOT NULL DEFAULT 'ES256' CHECK (alg = 'ES256'),
    state text NOT NULL DEFAULT 'next'
        CHECK (state IN ('next', 'active', 'retiring', 'revoked')),
    jwk jsonb NOT NULL CHECK (auth.is_public(jwk)),
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX one_active_key ON auth.signing_key (state) WHERE state = 'active';

-- Every worker listens and reads the keys again.
CREATE FUNCTION auth.tell_keys() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY gusp_key;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_keys AFTER INSERT OR UPDATE OR DELETE ON auth.signing_key
    FOR EACH STATEMENT EXECUTE FUNCTION auth.tell_keys();

-- Secrets that all nodes share: 'cursor' binds the cursors of lists.
CREATE TABLE auth.secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
INSERT INTO auth.secret (name, value) VALUES ('cursor', public.gen_random_bytes(32));

-- Rights ------------------------------------------------------------------------

GRANT SELECT ON auth.client, auth.client_secret, auth.client_key, auth.signing_key,
    auth.secret TO gusp_auth;
GRANT SELECT, INSERT ON auth.assertion, auth.revoked_token TO gusp_auth;

GRANT SELECT ON auth.client, auth.revoked_token TO gusp_definer;
GRANT SELECT, UPDATE, DELETE ON auth.assertion, auth.revoked_token TO gusp_definer;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.purge() TO gusp_auth, gusp_ledger;
ALTER FUNCTION auth.purge() OWNER TO gusp_definer;
