-- The ledger: histories that nobody can rewrite, the host included.
--
-- Every event of a kept noun (CALL ledger.keep) becomes a leaf: one line of
-- JSON, exact bytes, in the transaction of the change. Writers only insert. A
-- leaf gets its place in the tree (RFC 6962) later, by batch: integrate(). What
-- is signed and published is the signer's doing (gusp tend), not the database's.
--
-- Every partner reads every leaf, so a leaf shows identifiers, order and times;
-- what a record says is there as salted commitments. The values that they
-- commit to are openings, read under the rights of their event, and erased
-- without touching a leaf.

DO $$
BEGIN
    IF to_regnamespace('ledger') IS NULL THEN
        RAISE EXCEPTION 'schema ledger is missing: run "gusp prepare" once more';
    END IF;
END $$;

SET search_path = ledger, gusp, public;

-- The administrator reads nothing of it; its lane prepares the engine's own
-- statements like the others.
GRANT USAGE ON SCHEMA ledger TO gusp_member, gusp_auditor, gusp_ledger, gusp_admin;
GRANT USAGE ON SCHEMA gusp TO gusp_ledger;

-- Tables --------------------------------------------------------------------------

-- subject is whose history a leaf belongs to, seq its place there. The log's own
-- events (ledger.key ...) have none.
CREATE TABLE ledger_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    event_uuid uuid NOT NULL UNIQUE,
    subject_kind text,
    subject_id uuid,
    seq int CHECK (seq >= 1),
    institution_id uuid NOT NULL,
    leaf bytea NOT NULL CHECK (octet_length(leaf) BETWEEN 2 AND 8192
        AND position('\x0a'::bytea IN leaf) = 0 AND position('\x0d'::bytea IN leaf) = 0),
    leaf_hash bytea NOT NULL GENERATED ALWAYS AS (sha256('\x00'::bytea || leaf)) STORED,
    UNIQUE (subject_kind, subject_id, seq),
    CONSTRAINT subject_is_whole CHECK (num_nulls(subject_kind, subject_id, seq) IN (0, 3))
);

-- Events without a place yet. Rows come and go: small pages with room.
CREATE TABLE ledger_queue (
    event_id bigint PRIMARY KEY
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- prev_index makes a gap impossible, the primary key a fork.
CREATE TABLE ledger_leaf (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    prev_index bigint GENERATED ALWAYS AS (nullif(leaf_index, 0) - 1) STORED REFERENCES ledger_leaf (leaf_index),
    event_id bigint NOT NULL UNIQUE REFERENCES ledger_event (event_id),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);
CREATE INDEX ledger_leaf_hash ON ledger_leaf (leaf_hash);

-- Full tiles only: 256 hashes of a level, which never change.
CREATE TABLE ledger_tile (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx bigint NOT NULL CHECK (idx >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, idx)
);
ALTER TABLE ledger_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE ledger_checkpoint (
    tree_size bigint PRIMARY KEY CHECK (tree_size >= 0),
    root_hash bytea NOT NULL CHECK (octet_length(root_hash) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who may cosign, by a C2SP verifier key of type 0x04. Kept by the operator.
CREATE TABLE ledger_witness (
    vkey text PRIMARY KEY,
    institution_id uuid,
    since timestamptz NOT NULL DEFAULT now(),
    until timestamptz
);

CREATE TABLE ledger_cosignature (
    tree_size bigint NOT NULL REFERENCES ledger_checkpoint,
    witness text NOT NULL,
    ts bigint NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (tree_size, witness, ts)
);

-- Why the log stood still, and that it goes on; the last row counts. Written
-- by the signer.
CREATE TABLE ledger_halt (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    frozen boolean NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What leaves commit to: the one table here whose rows are ever deleted. grp is
-- the projection group of the field (gusp.field_group).
CREATE TABLE event_opening (
    event_id bigint NOT NULL REFERENCES ledger_event,
    event_uuid uuid NOT NULL,
    field text NOT NULL,
    grp text NOT NULL,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    value bytea NOT NULL,
    PRIMARY KEY (event_id, field)
);
CREATE INDEX event_opening_event ON event_opening (event_uuid);

-- Which nouns make leaves. drafts are states without leaves; shown are fields
-- that leaves hold as they are, all others they commit to. A noun that belongs
-- to another's history (a revision to its commitment) says by which field.
CREATE TABLE kept (
    noun text PRIMARY KEY,
    drafts text[] NOT NULL,
    shown text[] NOT NULL,
    subject_kind text NOT NULL,
    subject_field text NOT NULL
);

-- Rights ----------------------------------------------------------------------------
-- Leaves, tiles and checkpoints are for all, or they prove nothing: no policy,
-- and nobody but the definer's functions writes. Openings are under the rights
-- of their event, field by field.

GRANT SELECT ON ledger_event, ledger_queue, ledger_leaf, ledger_tile, ledger_checkpoint, ledger_cosignature,
    ledger_witness, ledger_halt TO gusp_member, gusp_auditor, gusp_ledger, gusp_definer;
GRANT SELECT ON kept TO gusp_definer;
GRANT INSERT ON ledger_event, ledger_leaf, ledger_tile, ledger_cosignature TO gusp_definer;
GRANT INSERT, DELETE ON ledger_queue TO gusp_definer;
GRANT SELECT, INSERT, DELETE ON event_opening TO gusp_definer;
GRANT INSERT (tree_size, root_hash, note) ON ledger_checkpoint TO gusp_ledger;
GRANT INSERT (frozen, why) ON ledger_halt TO gusp_ledger;

ALTER TABLE event_opening ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_opening FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON event_opening TO gusp_owner USING (true);
CREATE POLICY definer_all ON event_opening TO gusp_definer USING (true);
CREATE POLICY member_select ON event_opening FOR SELECT TO gusp_member
    USING (grp = ANY ((SELECT groups())::text[])
           AND EXISTS (SELECT FROM gusp.event AS e WHERE e.id = event_opening.event_uuid));
CREATE POLICY auditor_select ON event_opening FOR SELECT TO gusp_auditor
    USING (grp = ANY ((SELECT groups())::text[])
           AND EXISTS (SELECT FROM gusp.event AS e WHERE e.id = event_opening.event_uuid));
GRANT SELECT ON event_opening TO gusp_member, gusp_auditor;

-- ENABLE ALWAYS: session_replication_role = replica does not turn them off.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{ledger_event,ledger_leaf,ledger_tile,ledger_checkpoint,ledger_cosignature,ledger_halt}'::text[]
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', t);
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', t);
    END LOOP;
END $$;

CREATE FUNCTION enqueue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp AS $$
BEGIN
    INSERT INTO ledger_queue (event_id) VALUES (NEW.event_id);
    RETURN NULL;
END $$;
ALTER FUNCTION enqueue() OWNER TO gusp_definer;
CREATE TRIGGER enqueue AFTER INSERT ON ledger_event FOR EACH ROW EXECUTE FUNCTION enqueue();
ALTER TABLE ledger_event ENABLE ALWAYS TRIGGER enqueue;

-- Leaves ------------------------------------------------------------------------------

-- JSON in one spelling: keys in the order of their bytes, no spaces, whole
-- numbers within 2^53. What jsonb itself writes of a scalar is what to_json
-- writes.
CREATE FUNCTION canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN '{' || coalesce((
            SELECT string_agg(to_json(m.key)::text || ':' || CASE jsonb_typeof(m.value)
                       WHEN 'string' THEN m.value::text
                       ELSE ledger.canonical(m.value) END, ',' ORDER BY m.key COLLATE "C")
            FROM jsonb_each(value) AS m), '') || '}';
    WHEN 'array' THEN
        RETURN '[' || coalesce((
            SELECT string_agg(ledger.canonical(m.value), ',' ORDER BY m.n)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS m (value, n)), '') || ']';
    WHEN 'number' THEN
        IF value::text !~ '^-?[0-9]+$' OR abs(value::text::numeric) > 9007199254740991 THEN
            RAISE EXCEPTION 'a leaf has no such number: %', value USING ERRCODE = '22003';
        END IF;
        RETURN value::text;
    ELSE
        RETURN value::text;
    END CASE;
END $$;

-- HMAC-SHA-256(salt, field || 0x00 || value), in base64.
CREATE FUNCTION commitment(salt bytea, field text, value bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT encode(public.hmac(convert_to($2, 'UTF8') || '\x00'::bytea || $3, $1, 'sha256'), 'base64')
$$;

-- The bytes of a value that a leaf commits to: of a text itself, of anything
-- else its JSON; of none no byte.
CREATE FUNCTION bytes_of(value jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT convert_to(coalesce(CASE jsonb_typeof($1)
        WHEN 'string' THEN $1 #>> '{}'
        WHEN 'null' THEN ''
        ELSE $1::text END, ''), 'UTF8')
$$;

-- Append a leaf; the one function that does.
--
-- members are what the leaf shows, hidden what it commits to: [{"field", "grp",
-- "value"}]. The caller holds the lock of the subject's row: else seq 2 could
-- draw its event_id before seq 1, and stand before it in the tree.
CREATE FUNCTION append(subject_kind text, subject_id uuid, kind text, event uuid, institution uuid,
    at timestamptz, members jsonb, hidden jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    last record;
    next int := 1;
    prev text;
    hash bytea;
BEGIN
    IF (SELECT h.frozen FROM ledger_halt AS h ORDER BY h.n DESC LIMIT 1) THEN
        PERFORM gusp.refuse('503', 'ledger_frozen');
    END IF;
    IF subject_id IS NOT NULL THEN
        SELECT e.seq, e.leaf_hash INTO last
        FROM ledger_event AS e
        WHERE e.subject_kind = subject_kind AND e.subject_id = subject_id
        ORDER BY e.seq DESC
        LIMIT 1;
        IF FOUND THEN
            next := last.seq + 1;
            prev := encode(last.leaf_hash, 'base64');
        END IF;
        members := members || jsonb_build_object('seq', next, 'prev', prev) || CASE subject_kind
            WHEN 'commitment' THEN jsonb_build_object('commitment', subject_id)
            ELSE jsonb_build_object('subject_kind', subject_kind, 'subject', subject_id) END;
    END IF;
    members := members || jsonb_build_object('v', 1, 'kind', kind, 'event', event, 'institution', institution,
        'at', gusp.instant(at));
    WITH salted AS MATERIALIZED (
        SELECT h.field, h.grp, public.gen_random_bytes(32) AS salt, bytes_of(h.value) AS value
        FROM jsonb_to_recordset(hidden) AS h (field text, grp text, value jsonb)
    ), line AS (
        SELECT convert_to(canonical(members || jsonb_build_object('private', coalesce(
                   jsonb_object_agg(s.field, commitment(s.salt, s.field, s.value)), '{}'))), 'UTF8') AS leaf
        FROM salted AS s
    ), made AS (
        INSERT INTO ledger_event (event_uuid, subject_kind, subject_id, seq, institution_id, leaf)
        SELECT event, subject_kind, subject_id, CASE WHEN subject_id IS NOT NULL THEN next END, institution, l.leaf
        FROM line AS l
        RETURNING event_id, leaf_hash
    ), opened AS (
        INSERT INTO event_opening (event_id, event_uuid, field, grp, salt, value)
        SELECT m.event_id, event, s.field, s.grp, s.salt, s.value
        FROM made AS m CROSS JOIN salted AS s
    )
    SELECT m.leaf_hash INTO hash FROM made AS m;
    -- For the answer: the client keeps them and asks for inclusion later.
    PERFORM set_config('app.leaf_event', event::text, true),
            set_config('app.leaf_hash', encode(hash, 'base64'), true);
END $$;
ALTER FUNCTION append(text, uuid, text, uuid, uuid, timestamptz, jsonb, jsonb) OWNER TO gusp_definer;

-- The leaf of a history event of a record. whole: it tells the record as it
-- stands, not only what changed. The state is shown of records that all partners
-- see; of others it is hidden, also where the kind of the event would tell it.
-- The caller holds the lock of the subject's row.
CREATE FUNCTION write_leaf(e gusp.event, k ledger.kept, subject jsonb, record jsonb, whole boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, gusp, public, pg_temp AS $$
DECLARE
    open boolean := coalesce(subject ->> 'visibility', 'partners') IN ('public', 'partners');
    members jsonb := CASE WHEN k.subject_kind <> k.noun THEN jsonb_build_object('record', e.subject_id) ELSE '{}' END;
    hidden jsonb;
BEGIN
    SELECT members || coalesce(jsonb_object_agg(f, record -> f), '{}') INTO members
    FROM unnest(k.shown || CASE WHEN open THEN '{status}' ELSE '{}' END::text[]) AS f
    WHERE record -> f <> 'null';
    SELECT coalesce(jsonb_agg(jsonb_build_object('field', h.field, 'grp', h.grp, 'value', h.value)), '[]') INTO hidden
    FROM (SELECT f.field, f.grp, record -> f.field AS value
          FROM field_group AS f
          WHERE f.noun = k.noun AND f.grp <> 'kept' AND NOT members ? f.field
            AND CASE WHEN whole THEN record -> f.field <> 'null' ELSE e.changes -> f.grp ? f.field END
          UNION ALL
          SELECT s.field, 'public', s.value
          FROM (VALUES ('step_actor', to_jsonb(e.actor_id)),
                       ('step_reason', to_jsonb(e.reason_code)),
                       ('step_comment', to_jsonb(e.comment)),
                       ('step_occurred_at', CASE
                           WHEN e.occurred_at NOT BETWEEN e.recorded_at - interval '1 minute' AND e.recorded_at
                           THEN to_jsonb(instant(e.occurred_at)) END)) AS s (field, value)
          WHERE s.value IS NOT NULL) AS h;
    PERFORM append(k.subject_kind, (subject ->> 'id')::uuid,
        CASE WHEN open THEN e.kind WHEN whole THEN k.noun || '.created' ELSE k.noun || '.updated' END,
        e.id, coalesce(e.institution_id, '00000000-0000-0000-0000-000000000000'), e.recorded_at, members, hidden);
END $$;
ALTER FUNCTION write_leaf(gusp.event, ledger.kept, jsonb, jsonb, boolean) OWNER TO gusp_definer;

-- What belongs to a subject that leaves its drafts: each record as it stands,
-- under its own last event, whose rights open it.
CREATE FUNCTION write_belongings(of_kind text, subject jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, gusp, public, pg_temp AS $$
DECLARE
    k ledger.kept;
    record jsonb;
    e gusp.event;
BEGIN
    FOR k IN SELECT * FROM kept WHERE kept.subject_kind = of_kind AND kept.noun <> of_kind ORDER BY kept.noun LOOP
        FOR record IN EXECUTE format('SELECT to_jsonb(t) FROM gusp.%I AS t WHERE t.%I = $1 ORDER BY t.id',
            k.noun, k.subject_field) USING (subject ->> 'id')::uuid
        LOOP
            SELECT * INTO STRICT e FROM event WHERE event.subject_id = (record ->> 'id')::uuid
            ORDER BY event.seq DESC LIMIT 1;
            PERFORM write_leaf(e, k, subject, record, true);
        END LOOP;
    END LOOP;
END $$;
ALTER FUNCTION write_belongings(text, jsonb) OWNER TO gusp_definer;

-- A draft has no leaf. The step that ends it makes the first ones; each later
-- event of the record, and of what belongs to it, makes one more.
CREATE FUNCTION remember_leaf() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, gusp, public, pg_temp AS $$
DECLARE
    k ledger.kept;
    record jsonb;
    subject jsonb;
    first boolean;
BEGIN
    SELECT * INTO STRICT k FROM kept WHERE kept.noun = NEW.noun;
    EXECUTE format('SELECT to_jsonb(t) FROM gusp.%I AS t WHERE t.id = $1 FOR NO KEY UPDATE', k.noun)
        INTO STRICT record USING NEW.subject_id;
    subject := record;
    IF k.subject_kind <> k.noun THEN
        EXECUTE format('SELECT to_jsonb(t) FROM gusp.%I AS t WHERE t.id = $1 FOR NO KEY UPDATE', k.subject_kind)
            INTO STRICT subject USING (record ->> k.subject_field)::uuid;
    END IF;
    first := NOT EXISTS (SELECT FROM ledger_event AS l
                         WHERE l.subject_kind = k.subject_kind AND l.subject_id = (subject ->> 'id')::uuid);
    IF first AND EXISTS (SELECT FROM kept AS s
                         WHERE s.noun = k.subject_kind AND subject ->> 'status' = ANY (s.drafts)) THEN
        RETURN NULL;
    END IF;
    PERFORM write_leaf(NEW, k, subject, record, first);
    IF first AND k.subject_kind = k.noun THEN
        PERFORM write_belongings(k.noun, subject);
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION remember_leaf() OWNER TO gusp_definer;

-- Keep a noun's history in the ledger. The one line that a migration needs:
--   CALL ledger.keep('commitment', drafts => '{draft}');
--   CALL ledger.keep('revision', of => 'commitment', by => 'commitment_id');
-- Fields are those of field_group; none but shown ones is legible in a leaf.
CREATE PROCEDURE keep(noun text, drafts text[] DEFAULT '{}', shown text[] DEFAULT '{}', "of" text DEFAULT NULL,
    "by" text DEFAULT 'id')
LANGUAGE plpgsql AS $$
DECLARE
    t name;
BEGIN
    INSERT INTO ledger.kept (noun, drafts, shown, subject_kind, subject_field)
    VALUES (noun, drafts, shown, coalesce("of", noun), "by");
    EXECUTE format('CREATE TRIGGER leaf_of_%s AFTER INSERT ON gusp.event FOR EACH ROW WHEN (NEW.noun = %L) '
        'EXECUTE FUNCTION ledger.remember_leaf()', noun, noun);
    EXECUTE format('ALTER TABLE gusp.event ENABLE ALWAYS TRIGGER leaf_of_%s', noun);
    -- No write of the noun without its event, whatever the session's role.
    FOR t IN SELECT g.tgname FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid
             WHERE g.tgrelid = to_regclass(format('gusp.%I', noun)) AND p.proname = 'remember' LOOP
        EXECUTE format('ALTER TABLE gusp.%I ENABLE ALWAYS TRIGGER %I', noun, t);
    END LOOP;
END $$;

-- Destroy what a leaf commits to: salts and values of some fields of an event.
-- The history says that it was done and why, not whose it was; every proof
-- still verifies. Returns how many there were.
CREATE FUNCTION erase(event uuid, fields text[], reason text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, gusp, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    target ledger_event;
    gone text[];
BEGIN
    IF reason !~ '^[a-z][a-z_]{0,62}$' THEN
        RAISE EXCEPTION 'a reason is a code, not a text' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO target FROM ledger_event AS e WHERE e.event_uuid = event;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('404', 'not_found');
    END IF;
    EXECUTE format('SELECT FROM gusp.%I AS t WHERE t.id = $1 FOR NO KEY UPDATE', target.subject_kind)
        USING target.subject_id;
    WITH destroyed AS (
        DELETE FROM event_opening AS o
        WHERE o.event_id = target.event_id AND o.field = ANY (fields)
        RETURNING o.field
    )
    SELECT array_agg(d.field ORDER BY d.field) INTO gone FROM destroyed AS d;
    IF gone IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM append(target.subject_kind, target.subject_id, 'private.erased', gusp.uuid7(),
        coalesce(gusp.caller_institution(), '00000000-0000-0000-0000-000000000000'), clock_timestamp(),
        jsonb_build_object('erased', jsonb_build_object('event', event, 'fields', to_jsonb(gone), 'reason', reason)),
        '[]');
    RETURN cardinality(gone);
END $$;
ALTER FUNCTION erase(uuid, text[], text) OWNER TO gusp_definer;
GRANT EXECUTE ON FUNCTION erase(uuid, text[], text) TO gusp_privacy;
GRANT USAGE ON SCHEMA ledger TO gusp_privacy;

-- An event of the log itself: ledger.key, ledger.witness.
CREATE FUNCTION note_event(kind text, members jsonb) RETURNS void
LANGUAGE sql AS $$
    SELECT ledger.append(NULL, NULL, $1, gusp.uuid7(), '00000000-0000-0000-0000-000000000000', clock_timestamp(),
        $2, '[]')
$$;

-- The tree ------------------------------------------------------------------------------

-- The root of 2^n hashes that stand one after the other.
CREATE FUNCTION mth_full(hashes bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    above bytea;
BEGIN
    WHILE octet_length(hashes) > 32 LOOP
        SELECT string_agg(sha256('\x01'::bytea || substring(hashes FROM g * 64 + 1 FOR 64)), ''::bytea ORDER BY g)
        INTO above
        FROM generate_series(0, octet_length(hashes) / 64 - 1) AS g;
        hashes := above;
    END LOOP;
    RETURN hashes;
END $$;

-- The tiles that are full when a tree grows from one size to another.
CREATE FUNCTION fill_tiles(since bigint, size bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp AS $$
DECLARE
    lo bigint := since;
    hi bigint := size;
    l int := 0;
BEGIN
    LOOP
        -- Tiles lo .. hi - 1 of this level are full now.
        lo := lo / 256;
        hi := hi / 256;
        EXIT WHEN lo = hi;
        IF l = 0 THEN
            INSERT INTO ledger_tile (level, idx, hashes, root)
            SELECT 0, x.t, x.h, mth_full(x.h)
            FROM (SELECT leaf_index / 256 AS t, string_agg(leaf_hash, ''::bytea ORDER BY leaf_index) AS h
                  FROM ledger_leaf
                  WHERE leaf_index >= lo * 256 AND leaf_index < hi * 256
                  GROUP BY 1) AS x;
        ELSE
            INSERT INTO ledger_tile (level, idx, hashes, root)
            SELECT l, x.t, x.h, mth_full(x.h)
            FROM (SELECT idx / 256 AS t, string_agg(root, ''::bytea ORDER BY idx) AS h
                  FROM ledger_tile
                  WHERE level = l - 1 AND idx >= lo * 256 AND idx < hi * 256
                  GROUP BY 1) AS x;
        END IF;
        l := l + 1;
    END LOOP;
END $$;
ALTER FUNCTION fill_tiles(bigint, bigint) OWNER TO gusp_definer;

-- Give queued events their places, in the order of event_id. Every row that is
-- visible is taken, not those above a mark: an event that commits late comes
-- later, and none is lost. Any node may call it; of two at once one does the
-- work, the other gets -1. Returns the size of the tree.
CREATE FUNCTION integrate(max_batch int DEFAULT 8192) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, pg_temp AS $$
DECLARE
    base bigint;
    added bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7166962) THEN
        RETURN -1;
    END IF;
    SELECT coalesce(max(leaf_index) + 1, 0) INTO base FROM ledger_leaf;
    WITH q AS (
        DELETE FROM ledger_queue
        WHERE event_id IN (SELECT event_id FROM ledger_queue ORDER BY event_id LIMIT max_batch)
        RETURNING event_id
    ), i AS (
        INSERT INTO ledger_leaf (leaf_index, event_id, leaf_hash)
        SELECT base + row_number() OVER (ORDER BY e.event_id) - 1, e.event_id, e.leaf_hash
        FROM q JOIN ledger_event AS e USING (event_id)
        ORDER BY e.event_id
        RETURNING 1
    )
    SELECT count(*) INTO added FROM i;
    PERFORM fill_tiles(base, base + added);
    RETURN base + added;
END $$;
ALTER FUNCTION integrate(int) OWNER TO gusp_definer;
GRANT EXECUTE ON FUNCTION integrate(int) TO gusp_ledger;

-- Put a leaf back that was lost with the tail of the log, at its place and
-- with its bytes: from a partner's mirror (gusp restore). Of the leaf that
-- stands next only; the events that are there already are taken for their own.
CREATE FUNCTION restore_leaf(place bigint, line text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := line::jsonb;
    known ledger.ledger_event;
BEGIN
    SELECT * INTO known FROM ledger.ledger_event AS e WHERE e.event_uuid = (said ->> 'event')::uuid;
    IF NOT FOUND THEN
        INSERT INTO ledger.ledger_event (event_uuid, subject_kind, subject_id, seq, institution_id, leaf)
        VALUES ((said ->> 'event')::uuid,
            CASE WHEN said ? 'commitment' THEN 'commitment' ELSE said ->> 'subject_kind' END,
            coalesce(said ->> 'commitment', said ->> 'subject')::uuid, (said ->> 'seq')::int,
            coalesce(said ->> 'institution', '00000000-0000-0000-0000-000000000000')::uuid, convert_to(line, 'UTF8'))
        RETURNING * INTO known;
    ELSIF known.leaf <> convert_to(line, 'UTF8') THEN
        RAISE EXCEPTION 'event % is there with other bytes', known.event_uuid USING ERRCODE = 'XX001';
    END IF;
    DELETE FROM ledger.ledger_queue AS q WHERE q.event_id = known.event_id;
    INSERT INTO ledger.ledger_leaf (leaf_index, event_id, leaf_hash) VALUES (place, known.event_id, known.leaf_hash);
END $$;

-- The root of the 2^h leaves that begin at a * 2^h, all of them there.
CREATE FUNCTION node(h int, a bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    q int := h / 8;
    first bigint := a << (h % 8);
    n int := 1 << (h % 8);
    hashes bytea;
BEGIN
    IF n > 1 THEN
        SELECT substring(t.hashes FROM (first % 256)::int * 32 + 1 FOR n * 32) INTO hashes
        FROM ledger.ledger_tile AS t
        WHERE t.level = q AND t.idx = first / 256;
    END IF;
    IF hashes IS NULL AND q = 0 THEN
        SELECT string_agg(l.leaf_hash, ''::bytea ORDER BY l.leaf_index) INTO hashes
        FROM ledger.ledger_leaf AS l
        WHERE l.leaf_index >= first AND l.leaf_index < first + n;
    ELSIF hashes IS NULL THEN
        SELECT string_agg(t.root, ''::bytea ORDER BY t.idx) INTO hashes
        FROM ledger.ledger_tile AS t
        WHERE t.level = q - 1 AND t.idx >= first AND t.idx < first + n;
    END IF;
    IF octet_length(hashes) IS DISTINCT FROM n * 32 THEN
        RAISE EXCEPTION 'leaves are missing below node %, %', h, a USING ERRCODE = 'XX001';
    END IF;
    RETURN ledger.mth_full(hashes);
END $$;

-- The largest power of two below n, for n > 1.
CREATE FUNCTION split_of(n bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    k bigint := 1;
BEGIN
    WHILE k * 2 < n LOOP
        k := k * 2;
    END LOOP;
    RETURN k;
END $$;

-- RFC 6962 2.1: the root of the leaves [lo, hi).
CREATE FUNCTION mth(lo bigint, hi bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    n bigint := hi - lo;
    k bigint;
    h int := 0;
BEGIN
    IF n = 0 THEN
        RETURN sha256(''::bytea);
    END IF;
    IF n & (n - 1) = 0 THEN
        WHILE 1::bigint << h < n LOOP
            h := h + 1;
        END LOOP;
        RETURN ledger.node(h, lo >> h);
    END IF;
    k := ledger.split_of(n);
    RETURN sha256('\x01'::bytea || ledger.mth(lo, lo + k) || ledger.mth(lo + k, hi));
END $$;

-- RFC 6962 2.1.1: the sibling of the leaf first.
CREATE FUNCTION inclusion(index bigint, size bigint) RETURNS bytea[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    lo bigint := 0;
    hi bigint := size;
    k bigint;
    path bytea[] := '{}';
BEGIN
    WHILE hi - lo > 1 LOOP
        k := ledger.split_of(hi - lo);
        IF index < lo + k THEN
            path := ledger.mth(lo + k, hi) || path;
            hi := lo + k;
        ELSE
            path := ledger.mth(lo, lo + k) || path;
            lo := lo + k;
        END IF;
    END LOOP;
    RETURN path;
END $$;

-- RFC 6962 2.1.2; nothing from 0, and nothing from a tree to itself.
CREATE FUNCTION consistency(since bigint, size bigint) RETURNS bytea[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    lo bigint := 0;
    hi bigint := size;
    k bigint;
    path bytea[] := '{}';
BEGIN
    WHILE since > 0 AND since <> hi LOOP
        k := ledger.split_of(hi - lo);
        IF since <= lo + k THEN
            path := ledger.mth(lo + k, hi) || path;
            hi := lo + k;
        ELSE
            path := ledger.mth(lo, lo + k) || path;
            lo := lo + k;
        END IF;
    END LOOP;
    RETURN CASE WHEN since > 0 AND lo > 0 THEN ledger.mth(lo, hi) || path ELSE path END;
END $$;

-- A tile (C2SP tlog-tiles): the hashes of its first width nodes, of a tree of
-- size leaves; NULL if that tree has not so many.
CREATE FUNCTION tile(level int, idx bigint, width int, size bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
#variable_conflict use_variable
DECLARE
    hashes bytea;
BEGIN
    -- Divided, not multiplied: a large idx must not overflow.
    IF level NOT BETWEEN 0 AND 7 OR width NOT BETWEEN 1 AND 256 OR idx < 0
       OR idx > (size >> (8 * level)) / 256 OR idx * 256 + width > size >> (8 * level) THEN
        RETURN NULL;
    END IF;
    SELECT substring(t.hashes FROM 1 FOR width * 32) INTO hashes
    FROM ledger.ledger_tile AS t
    WHERE t.level = level AND t.idx = idx;
    IF NOT FOUND AND level = 0 THEN
        SELECT string_agg(l.leaf_hash, ''::bytea ORDER BY l.leaf_index) INTO hashes
        FROM ledger.ledger_leaf AS l
        WHERE l.leaf_index >= idx * 256 AND l.leaf_index < idx * 256 + width;
    ELSIF hashes IS NULL THEN
        SELECT string_agg(t.root, ''::bytea ORDER BY t.idx) INTO hashes
        FROM ledger.ledger_tile AS t
        WHERE t.level = level - 1 AND t.idx >= idx * 256 AND t.idx < idx * 256 + width;
    END IF;
    RETURN hashes;
END $$;

-- The size of the last checkpoint; nothing beyond it is served. NULL before
-- the first.
CREATE FUNCTION published() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT max(c.tree_size) FROM ledger.ledger_checkpoint AS c
$$;

-- What is wrong inside; no row if nothing is. Reads everything: for the night.
CREATE FUNCTION self_check() RETURNS TABLE (what text, n bigint)
LANGUAGE sql STABLE AS $$
    SELECT * FROM (
        SELECT 'events that are neither in the tree nor queued', count(*)
        FROM ledger.ledger_event AS e
        WHERE NOT EXISTS (SELECT FROM ledger.ledger_leaf AS l WHERE l.event_id = e.event_id)
          AND NOT EXISTS (SELECT FROM ledger.ledger_queue AS q WHERE q.event_id = e.event_id)
        UNION ALL
        SELECT 'leaves that are not those of their events', count(*)
        FROM ledger.ledger_leaf AS l
        JOIN ledger.ledger_event AS e USING (event_id)
        WHERE l.leaf_hash <> sha256('\x00'::bytea || e.leaf)
        UNION ALL
        SELECT 'missing places', coalesce(max(l.leaf_index) + 1 - count(*), 0) FROM ledger.ledger_leaf AS l
        UNION ALL
        SELECT 'tiles that are not made of their leaves', count(*)
        FROM ledger.ledger_tile AS t
        WHERE t.root <> ledger.mth_full(t.hashes)
           OR t.hashes IS DISTINCT FROM CASE WHEN t.level = 0 THEN (
                  SELECT string_agg(l.leaf_hash, ''::bytea ORDER BY l.leaf_index) FROM ledger.ledger_leaf AS l
                  WHERE l.leaf_index >= t.idx * 256 AND l.leaf_index < (t.idx + 1) * 256)
              ELSE (
                  SELECT string_agg(b.root, ''::bytea ORDER BY b.idx) FROM ledger.ledger_tile AS b
                  WHERE b.level = t.level - 1 AND b.idx >= t.idx * 256 AND b.idx < (t.idx + 1) * 256) END
        UNION ALL
        SELECT 'checkpoints that are not those of the tree', count(*)
        FROM ledger.ledger_checkpoint AS c
        WHERE c.root_hash <> ledger.mth(0, c.tree_size)
        UNION ALL
        SELECT 'breaks in the history of a subject', count(*)
        FROM (SELECT convert_from(e.leaf, 'UTF8')::jsonb ->> 'prev' AS prev, e.seq,
                     lag(e.leaf_hash) OVER w AS before, lag(e.seq) OVER w AS seq_before
              FROM ledger.ledger_event AS e
              WHERE e.subject_id IS NOT NULL
              WINDOW w AS (PARTITION BY e.subject_kind, e.subject_id ORDER BY e.seq)) AS c
        WHERE c.seq <> coalesce(c.seq_before, 0) + 1
           OR c.prev IS DISTINCT FROM encode(c.before, 'base64')
    ) AS found (what, n)
    WHERE found.n > 0
$$;

GRANT EXECUTE ON FUNCTION mth_full(bytea), node(int, bigint), split_of(bigint), mth(bigint, bigint),
    inclusion(bigint, bigint), consistency(bigint, bigint), tile(int, bigint, int, bigint), published()
    TO gusp_member, gusp_auditor, gusp_ledger, gusp_definer;
GRANT EXECUTE ON FUNCTION canonical(jsonb), commitment(bytea, text, bytea), bytes_of(jsonb)
    TO gusp_definer, gusp_member, gusp_auditor;
GRANT EXECUTE ON FUNCTION self_check() TO gusp_ledger;

-- What is served --------------------------------------------------------------------------
-- Nothing beyond the last published checkpoint. What is refused is refused here,
-- once for all statements (api/sql/ledger.sql).

-- The size of the published tree, or a refusal before there is one.
CREATE FUNCTION served() RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    size bigint := ledger.published();
BEGIN
    IF size IS NULL THEN
        PERFORM gusp.refuse('503', 'ledger_not_begun');
    END IF;
    RETURN size;
END $$;

CREATE FUNCTION refuse_range(parameter text) RETURNS void
LANGUAGE sql IMMUTABLE AS $$
    SELECT gusp.refuse('400', 'beyond_the_ledger', jsonb_build_object('parameter', $1))
$$;

-- A published checkpoint with the newest cosignature of each witness.
CREATE FUNCTION cosigned(size bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT c.note || coalesce((
        SELECT string_agg(s.line, '' ORDER BY s.witness)
        FROM (SELECT DISTINCT ON (k.witness) k.witness, k.line
              FROM ledger.ledger_cosignature AS k
              WHERE k.tree_size = c.tree_size
              ORDER BY k.witness, k.ts DESC) AS s), '')
    FROM ledger.ledger_checkpoint AS c
    WHERE c.tree_size = $1
$$;

-- The last checkpoint; none while the log stands still.
CREATE FUNCTION last_checkpoint() RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (SELECT h.frozen FROM ledger.ledger_halt AS h ORDER BY h.n DESC LIMIT 1) THEN
        PERFORM gusp.refuse('503', 'ledger_frozen');
    END IF;
    RETURN ledger.cosigned(ledger.served());
END $$;

-- What one answer gives of the leaves [start, finish): at most 5000 leaves and
-- 8 MiB, at least one leaf where there is one.
CREATE FUNCTION page_of(start bigint, finish bigint, OUT first bigint, OUT last bigint, OUT size bigint,
    OUT constant boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    size := ledger.served();
    first := coalesce(start, 0);
    IF first > size OR first > finish THEN
        PERFORM ledger.refuse_range('start');
    END IF;
    -- What ends within the published tree is the same for ever.
    constant := coalesce(finish <= size, false);
    last := least(coalesce(finish, size), size, first + 5000);
    IF last - first > 1023 THEN
        SELECT max(s.leaf_index) + 1 INTO last
        FROM (SELECT l.leaf_index, sum(octet_length(e.leaf) + 1) OVER (ORDER BY l.leaf_index) AS bytes
              FROM ledger.ledger_leaf AS l
              JOIN ledger.ledger_event AS e USING (event_id)
              WHERE l.leaf_index >= page_of.first AND l.leaf_index < page_of.last) AS s
        WHERE s.bytes <= 8388608;
    END IF;
END $$;

CREATE FUNCTION b64(hashes bytea[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(encode(h.hash, 'base64') ORDER BY h.n), '{}')
    FROM unnest($1) WITH ORDINALITY AS h (hash, n)
$$;

-- The place of a leaf among the first size ones, or a refusal: 404, with
-- Retry-After if it only waits for its place or for a checkpoint.
CREATE FUNCTION place_of(hash bytea, size bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    place bigint := (SELECT min(l.leaf_index) FROM ledger.ledger_leaf AS l WHERE l.leaf_hash = hash);
BEGIN
    IF place < size THEN
        RETURN place;
    END IF;
    IF place IS NOT NULL
       OR EXISTS (SELECT FROM ledger.ledger_queue AS q JOIN ledger.ledger_event AS e USING (event_id)
                  WHERE e.leaf_hash = hash) THEN
        PERFORM gusp.refuse('404', 'leaf_not_published');
    END IF;
    PERFORM gusp.refuse('404', 'not_found');
END $$;

CREATE FUNCTION inclusion_proof(index bigint, hash text, size bigint) RETURNS json
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    known bigint := ledger.served();
BEGIN
    size := coalesce(size, known);
    IF size > known THEN
        PERFORM ledger.refuse_range('size');
    END IF;
    IF num_nulls(index, hash) <> 1 THEN
        PERFORM gusp.refuse('400', 'index_or_hash', '{"parameter": "index"}');
    END IF;
    IF index >= size THEN
        PERFORM ledger.refuse_range('index');
    END IF;
    index := coalesce(index, ledger.place_of(decode(hash, 'hex'), size));
    RETURN json_build_object('leaf_index', index, 'tree_size', size,
        'leaf_hash', (SELECT encode(l.leaf_hash, 'base64') FROM ledger.ledger_leaf AS l WHERE l.leaf_index = index),
        'proof', ledger.b64(ledger.inclusion(index, size)));
END $$;

CREATE FUNCTION consistency_proof(since bigint, size bigint) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF size > ledger.served() THEN
        PERFORM ledger.refuse_range('to');
    END IF;
    IF since > size THEN
        PERFORM ledger.refuse_range('from');
    END IF;
    RETURN json_build_object('from', since, 'to', size, 'proof', ledger.b64(ledger.consistency(since, size)));
END $$;

-- A tile by its C2SP path (003.p/232, x001/234); NULL if there is none.
CREATE FUNCTION tile_at(level text, path text) RETURNS bytea
LANGUAGE plpgsql STABLE AS $$
DECLARE
    part text[] := regexp_match(path, '^((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?$');
    width int := coalesce(part[2]::int, 256);
BEGIN
    IF level !~ '^[0-7]$' OR part IS NULL OR part[1] LIKE 'x000/%' OR (part[2] IS NOT NULL AND width > 255) THEN
        RETURN NULL;
    END IF;
    RETURN ledger.tile(level::int, translate(part[1], 'x/', '')::bigint, width, ledger.served());
END $$;

-- C2SP tlog-proof: place, path and checkpoint, to be verified offline.
CREATE FUNCTION tlog_proof(index bigint, size bigint, checkpoint text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat(E'c2sp.org/tlog-proof@v1\nindex ', $1, E'\n',
        (SELECT string_agg(h.hash || E'\n', '' ORDER BY h.n)
         FROM unnest(ledger.b64(ledger.inclusion($1, $2))) WITH ORDINALITY AS h (hash, n)),
        E'\n', $3)
$$;

CREATE FUNCTION proof_of_event(event uuid) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    hash bytea := (SELECT e.leaf_hash FROM ledger.ledger_event AS e WHERE e.event_uuid = event);
    size bigint := ledger.served();
BEGIN
    RETURN ledger.tlog_proof(ledger.place_of(hash, size), size, ledger.cosigned(size));
END $$;

-- The place of a subject's leaf in the published tree; NULL while it waits.
CREATE FUNCTION published_place(event_id bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT l.leaf_index
    FROM ledger.ledger_leaf AS l
    WHERE l.event_id = $1 AND l.leaf_index < ledger.published()
$$;

-- Keep a cosignature whose signature was verified (api/ledger.c): PostgreSQL
-- has no Ed25519. The witness must still be one, and of the caller's
-- institution where the operator said of which it is.
CREATE FUNCTION cosign(witness_key text, tree_size bigint, ts bigint, line text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ledger, gusp, public, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_witness AS w
                   WHERE w.vkey = witness_key AND w.until IS NULL
                     AND coalesce(w.institution_id = caller_institution(), true)) THEN
        PERFORM refuse('403', 'cosignature_refused');
    END IF;
    INSERT INTO ledger_cosignature (tree_size, witness, ts, line)
    VALUES (tree_size, split_part(witness_key, '+', 1), ts, line)
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;
ALTER FUNCTION cosign(text, bigint, bigint, text) OWNER TO gusp_definer;
GRANT EXECUTE ON FUNCTION cosign(text, bigint, bigint, text) TO gusp_member;

GRANT EXECUTE ON FUNCTION served(), refuse_range(text), cosigned(bigint), last_checkpoint(),
    page_of(bigint, bigint), b64(bytea[]), place_of(bytea, bigint), inclusion_proof(bigint, text, bigint),
    consistency_proof(bigint, bigint), tile_at(text, text), tlog_proof(bigint, bigint, text), proof_of_event(uuid),
    published_place(bigint)
    TO gusp_member, gusp_auditor, gusp_definer;

-- Which nouns are kept -------------------------------------------------------------------
-- Promises with what moves, costs and proves them; conventions with their
-- signatures. Not the notes that an institution keeps for itself.
DO $$
DECLARE
    k record;
BEGIN
    FOR k IN
        SELECT w.*
        FROM (VALUES
            ('commitment', '{draft}', NULL, 'id'),
            ('revision', '{}', 'commitment', 'commitment_id'),
            ('commitment_cost', '{}', 'commitment', 'commitment_id'),
            ('evidence', '{}', 'commitment', 'commitment_id'),
            ('convention', '{draft}', NULL, 'id'),
            ('signature', '{}', 'convention', 'convention_id')
        ) AS w (noun, drafts, subject, field)
        WHERE to_regclass('gusp.' || w.noun) IS NOT NULL
    LOOP
        CALL ledger.keep(k.noun, k.drafts::text[], '{}', k.subject, k.field);
    END LOOP;
END $$;
