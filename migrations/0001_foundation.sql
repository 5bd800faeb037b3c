-- What every noun stands on: who asks, who sees and writes a row, which state
-- may follow which, what is remembered, how words are found.
--
-- Visibility is data. A row carries seen_by and written_by, text arrays of
-- keys; enter() gives the transaction the keys and pens of the caller's
-- membership, and a policy is an overlap of the two. The grammar of keys:
--   p:<programme>    everyone of the programme
--   w:<programme>    who sees its whole territory
--   q:<quartier>     who is restricted to some of its quartiers
--   i:<institution>  that institution and its services
--   admin            platform administrators
-- and of pens, which write:
--   c:<programme>    the city
--   m:<noun>:<programme>  a facilitator whose mandate names that noun
--   i:<institution>  the institution's own records
--   b:<institution>  a bailleur's own patrimony
--   *                platform administrators, on what their policies open

SET search_path = gusp, public;

GRANT USAGE ON SCHEMA gusp TO gusp_member, gusp_auditor, gusp_admin, gusp_auth;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA gusp GRANT EXECUTE ON FUNCTIONS
    TO gusp_definer, gusp_member, gusp_auditor, gusp_admin;

-- Identifiers ---------------------------------------------------------------

-- UUID version 7 (RFC 9562 5.7): 48 bits of milliseconds, then random.
CREATE FUNCTION uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send(
                    (extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1), 'hex')::uuid
$$;

-- An instant as the interface writes it: RFC 3339, UTC, milliseconds.
CREATE FUNCTION instant(timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The caller ----------------------------------------------------------------
-- Set for one transaction by enter(). After a commit such a setting is '',
-- not NULL: hence nullif. Missing means no rows.

CREATE FUNCTION keys() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.keys', true), '')::text[]
$$;

CREATE FUNCTION pens() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.pens', true), '')::text[]
$$;

-- Projection groups (field_group) that the caller may read.
CREATE FUNCTION groups() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.groups', true), '')::text[]
$$;

CREATE FUNCTION caller_role() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.role', true), '')
$$;

CREATE FUNCTION caller_programme() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.programme', true), '')::uuid
$$;

CREATE FUNCTION caller_actor() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.actor', true), '')::uuid
$$;

CREATE FUNCTION caller_institution() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.institution', true), '')::uuid
$$;

CREATE FUNCTION client_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.client', true), '')::uuid
$$;

CREATE FUNCTION membership_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.membership', true), '')::uuid
$$;

CREATE FUNCTION idempotency_key() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.key', true), '')
$$;

CREATE FUNCTION idempotency_fingerprint() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.fingerprint', true), '')
$$;

-- The row that the statement before this one created, for the part that
-- answers: INSERT ... RETURNING created(id).
CREATE FUNCTION created(id uuid) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('app.created', id::text, true)::uuid
$$;

CREATE FUNCTION created() RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('app.created', true), '')::uuid
$$;

-- Whether the caller writes a row: one of its pens does. The administrator
-- holds the pen '*', which opens what its policies let it change.
CREATE FUNCTION writes(written_by text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(($1 || '*'::text) && gusp.pens(), false)
$$;

-- Refusals ------------------------------------------------------------------

-- Refuse with a problem code. status is the HTTP status as text; extra holds
-- "pointer" and further members of the problem.
CREATE FUNCTION refuse(status text, code text, extra jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'GU' || status, MESSAGE = code,
        DETAIL = coalesce(extra::text, '');
END $$;

-- Rights --------------------------------------------------------------------

-- Put a table under row-level security. One permissive policy a command and
-- role, none with OR. seen and written are expressions over the row; written
-- NULL means that no serving role writes.
CREATE PROCEDURE protect(noun text, seen text, written text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE gusp.%I ENABLE ROW LEVEL SECURITY', noun);
    EXECUTE format('ALTER TABLE gusp.%I FORCE ROW LEVEL SECURITY', noun);
    EXECUTE format('CREATE POLICY owner_all ON gusp.%I TO gusp_owner USING (true)', noun);
    EXECUTE format('CREATE POLICY definer_all ON gusp.%I TO gusp_definer USING (true)', noun);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON gusp.%I TO gusp_definer', noun);
    EXECUTE format('CREATE POLICY member_select ON gusp.%I FOR SELECT TO gusp_member USING (%s)', noun, seen);
    EXECUTE format('CREATE POLICY auditor_select ON gusp.%I FOR SELECT TO gusp_auditor USING (%s)', noun, seen);
    EXECUTE format('GRANT SELECT ON gusp.%I TO gusp_member, gusp_auditor', noun);
    IF written IS NOT NULL THEN
        EXECUTE format('CREATE POLICY member_insert ON gusp.%I FOR INSERT TO gusp_member WITH CHECK (%s)', noun, written);
        EXECUTE format('CREATE POLICY member_update ON gusp.%I FOR UPDATE TO gusp_member USING (%s) WITH CHECK (%s)', noun, written, written);
        EXECUTE format('GRANT INSERT, UPDATE ON gusp.%I TO gusp_member', noun);
    END IF;
END $$;

-- The platform administrator reads, and where writes is true also writes,
-- every row of a table that is no business record.
CREATE PROCEDURE administer(noun text, writes boolean)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY admin_select ON gusp.%I FOR SELECT TO gusp_admin USING (true)', noun);
    EXECUTE format('GRANT SELECT ON gusp.%I TO gusp_admin', noun);
    IF writes THEN
        EXECUTE format('CREATE POLICY admin_insert ON gusp.%I FOR INSERT TO gusp_admin WITH CHECK (true)', noun);
        EXECUTE format('CREATE POLICY admin_update ON gusp.%I FOR UPDATE TO gusp_admin USING (true)', noun);
        EXECUTE format('GRANT INSERT, UPDATE ON gusp.%I TO gusp_admin', noun);
    END IF;
END $$;

-- Answers kept with their Idempotency-Key -------------------------------------

CREATE TABLE idempotency (
    client_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 16 AND 128),
    fingerprint text NOT NULL,
    status int NOT NULL CHECK (status BETWEEN 200 AND 299),
    body text NOT NULL,
    etag text,
    location text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client_id, membership_id, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

CALL protect('idempotency',
    'client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id())', NULL);
CREATE POLICY member_insert ON idempotency FOR INSERT TO gusp_member
    WITH CHECK (client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id()));
CREATE POLICY admin_select ON idempotency FOR SELECT TO gusp_admin
    USING (client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id()));
CREATE POLICY admin_insert ON idempotency FOR INSERT TO gusp_admin
    WITH CHECK (client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id()));
GRANT INSERT ON idempotency TO gusp_member;
GRANT SELECT, INSERT ON idempotency TO gusp_admin;

-- History -------------------------------------------------------------------

-- To which projection group a field of a noun belongs: who may read it, in a
-- record as in its history. 'kept' is bookkeeping that no event repeats. A
-- test refuses a column that is not listed.
CREATE TABLE field_group (
    noun text NOT NULL,
    field text NOT NULL,
    grp text NOT NULL CHECK (grp IN ('public', 'partner', 'personal', 'cost', 'internal', 'kept')),
    PRIMARY KEY (noun, field)
);
CALL protect('field_group', 'true', NULL);
CALL administer('field_group', false);

CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT uuid7(),
    programme_id uuid,
    kind text NOT NULL,
    noun text NOT NULL,
    subject_id uuid NOT NULL,
    subject_version bigint NOT NULL,
    institution_id uuid,
    actor_id uuid,
    membership_id uuid,
    client_id uuid,
    role text NOT NULL,
    request_id text,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    reason_code text,
    comment text,
    seen_by text[] NOT NULL,
    -- Who saw the record before the change, where that is not the same: to
    -- others it has no past.
    seen_before text[],
    changes jsonb NOT NULL
);
CREATE INDEX event_subject ON event (subject_id, seq);

CALL protect('event', 'seen_by && (SELECT keys())', NULL);
-- The administrator sees that its own records changed, and no others did.
CREATE POLICY admin_select ON event FOR SELECT TO gusp_admin
    USING (noun = ANY ('{programme,actor,member,term,client}'));
GRANT SELECT ON event TO gusp_admin;

CREATE FUNCTION append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE event ENABLE ALWAYS TRIGGER append_only;
REVOKE UPDATE, DELETE ON event FROM gusp_definer;

-- One event for every accepted write: who, under which membership and client,
-- both clocks, and each changed field before and after, by projection group.
CREATE FUNCTION remember() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) END;
    after jsonb := to_jsonb(NEW);
    by_group jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(g.grp, g.fields), '{}') INTO by_group
    FROM (SELECT f.grp,
                 jsonb_object_agg(f.field, jsonb_build_object(
                     'before', before -> f.field, 'after', after -> f.field)) AS fields
          FROM field_group AS f
          WHERE f.noun = TG_TABLE_NAME
            AND f.grp <> 'kept'
            AND nullif(after -> f.field, 'null') IS DISTINCT FROM nullif(before -> f.field, 'null')
          GROUP BY f.grp) AS g;
    INSERT INTO event (programme_id, kind, noun, subject_id, subject_version,
        institution_id, actor_id, membership_id, client_id, role, request_id,
        occurred_at, recorded_at, reason_code, comment, seen_by, seen_before, changes)
    VALUES ((after ->> 'programme_id')::uuid,
        TG_TABLE_NAME || '.' || CASE
            WHEN before IS NULL THEN 'created'
            WHEN before ->> 'status' IS DISTINCT FROM after ->> 'status' THEN after ->> 'status'
            ELSE 'updated' END,
        TG_TABLE_NAME, NEW.id, NEW.version,
        caller_institution(), caller_actor(), membership_id(), client_id(),
        coalesce(caller_role(), 'system'),
        nullif(current_setting('app.request_id', true), ''),
        coalesce(nullif(current_setting('app.occurred_at', true), '')::timestamptz, now()),
        clock_timestamp(),
        nullif(current_setting('app.reason_code', true), ''),
        nullif(current_setting('app.comment', true), ''),
        coalesce((SELECT array_agg(k) FROM jsonb_array_elements_text(after -> 'seen_by') AS k),
            CASE WHEN after ->> 'programme_id' IS NULL THEN ARRAY['admin']
                 ELSE ARRAY['p:' || (after ->> 'programme_id')] END),
        CASE WHEN before -> 'seen_by' <> after -> 'seen_by'
             THEN ARRAY(SELECT jsonb_array_elements_text(before -> 'seen_by')) END,
        by_group);
    RETURN NULL;
END $$;
ALTER FUNCTION remember() OWNER TO gusp_definer;

-- What the caller may read of an event: its own projection groups. The
-- platform administrator reads that something happened, not what.
CREATE VIEW event_read WITH (security_invoker = true) AS
SELECT e.seq, e.subject_id, e.noun,
       json_build_object(
           'id', e.id,
           'kind', e.kind,
           'subject', json_build_object('type', e.noun, 'id', e.subject_id, 'version', e.subject_version),
           'institution_id', e.institution_id,
           'actor_id', e.actor_id,
           'membership_id', e.membership_id,
           'client_id', e.client_id,
           'role', e.role,
           'request_id', e.request_id,
           'occurred_at', instant(e.occurred_at),
           'recorded_at', instant(e.recorded_at),
           'reason_code', e.reason_code,
           'comment', CASE WHEN 'public' = ANY ((SELECT groups())::text[]) THEN e.comment END,
           'changes', coalesce((
               SELECT json_object_agg(f.key, CASE
                          WHEN (e.seen_before && (SELECT keys())) IS NOT FALSE THEN f.value
                          ELSE f.value - 'before' END ORDER BY f.key)
               FROM jsonb_each(e.changes) AS g,
                    jsonb_each(g.value) AS f
               WHERE g.key = ANY ((SELECT groups())::text[])), '{}')
       ) AS body
FROM event AS e;
GRANT SELECT ON event_read TO gusp_member, gusp_auditor, gusp_admin;

-- Life-cycles -----------------------------------------------------------------

-- Which state may follow which, and by whom. who lists relations of the
-- caller to the row, any of which is enough; needs lists members that the
-- request must carry; guards are functions guard_<name>(record jsonb, request
-- jsonb) RETURNS boolean, refused as 422 guard_<name>.
CREATE TABLE transition (
    noun text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    position int NOT NULL,
    who text[] NOT NULL,
    needs text[] NOT NULL DEFAULT '{}',
    guards text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (noun, from_state, to_state)
);
CALL protect('transition', 'true', NULL);
CALL administer('transition', false);

-- The states that a caller with these relations may move a record to. plpgsql,
-- because it keeps the plan of its query from call to call.
CREATE FUNCTION allowed_transitions(noun text, state text, relations text[])
RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(t.to_state ORDER BY t.position), '[]')
            FROM gusp.transition AS t
            WHERE t.noun = $1 AND t.from_state = $2 AND t.who && $3);
END $$;

-- What the caller is to a record: its role; 'writer' if a pen of the caller
-- writes it; and what <noun>_relations(record) adds, where there is one.
CREATE FUNCTION relations(noun text, record jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found text[] := ARRAY[coalesce(caller_role(), 'system')];
    more text[];
BEGIN
    IF writes(ARRAY(SELECT jsonb_array_elements_text(record -> 'written_by'))) THEN
        found := found || 'writer'::text;
    END IF;
    IF to_regprocedure(format('gusp.%I(jsonb)', noun || '_relations')) IS NOT NULL THEN
        EXECUTE format('SELECT gusp.%I($1)', noun || '_relations') INTO more USING record;
        found := found || more;
    END IF;
    RETURN found;
END $$;

-- Move a record along its life-cycle: the one function that does so.
--
-- Checks in the order of the interface: seen (404), allowed to the caller
-- (403), version (412), state (409), what the step needs and its guards (422).
CREATE FUNCTION move(noun text, id uuid, versions bigint[], request jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    record jsonb;
    mine text[];
    step gusp.transition;
    wanted text := request ->> 'to';
    need text;
    guard text;
    holds boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM gusp.transition AS t WHERE t.noun = move.noun) THEN
        PERFORM refuse('422', 'unknown_transition');
    END IF;
    EXECUTE format('SELECT to_jsonb(t) FROM gusp.%I AS t WHERE t.id = $1', noun)
        INTO record USING id;
    IF record IS NULL THEN
        PERFORM refuse('404', 'not_found');
    END IF;
    mine := relations(noun, record);
    IF NOT EXISTS (SELECT FROM gusp.transition AS t
                   WHERE t.noun = move.noun AND t.to_state = wanted) THEN
        PERFORM refuse('422', 'unknown_transition', jsonb_build_object('pointer', '/to'));
    END IF;
    IF NOT EXISTS (SELECT FROM gusp.transition AS t
                   WHERE t.noun = move.noun AND t.to_state = wanted AND t.who && mine) THEN
        PERFORM refuse('403', 'transition_forbidden');
    END IF;
    IF versions IS NOT NULL AND NOT (record ->> 'version')::bigint = ANY (versions) THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    SELECT * INTO step FROM gusp.transition AS t
    WHERE t.noun = move.noun AND t.from_state = record ->> 'status' AND t.to_state = wanted;
    IF NOT FOUND THEN
        PERFORM refuse('409', 'transition_illegal', jsonb_build_object(
            'allowed_transitions', allowed_transitions(noun, record ->> 'status', mine)));
    END IF;
    IF NOT step.who && mine THEN
        PERFORM refuse('403', 'transition_forbidden');
    END IF;
    FOREACH need IN ARRAY step.needs LOOP
        IF coalesce(request ->> need, '') = '' THEN
            PERFORM refuse('422', 'guard_' || need || '_required',
                jsonb_build_object('pointer', '/' || need));
        END IF;
    END LOOP;
    FOREACH guard IN ARRAY step.guards LOOP
        EXECUTE format('SELECT gusp.%I($1, $2)', 'guard_' || guard) INTO holds USING record, request;
        IF holds IS NOT TRUE THEN
            PERFORM refuse('422', 'guard_' || guard);
        END IF;
    END LOOP;
    IF (request ->> 'occurred_at')::timestamptz > now() + interval '5 minutes' THEN
        PERFORM refuse('422', 'occurred_in_the_future', jsonb_build_object('pointer', '/occurred_at'));
    END IF;
    -- No event is ever rewritten: what names a person must not get in.
    PERFORM refuse_personal(request ->> 'comment', '/comment');
    PERFORM set_config('app.moving', id::text, true),
            set_config('app.occurred_at', coalesce(request ->> 'occurred_at', ''), true),
            set_config('app.reason_code', coalesce(request ->> 'reason_code', ''), true),
            set_config('app.comment', coalesce(request ->> 'comment', ''), true);
    EXECUTE format('UPDATE gusp.%I AS t SET status = $1 WHERE t.id = $2 AND t.version = $3 RETURNING true', noun)
        INTO holds USING wanted, id, (record ->> 'version')::bigint;
    IF holds IS NULL THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    PERFORM set_config('app.moving', '', true);
END $$;

-- Bookkeeping -------------------------------------------------------------------

-- Version, instants and authors of a record; a write that changes nothing
-- makes no version; identity and tenant never change; what is archived or
-- ended is not changed until it is brought back; the state changes by move()
-- alone. Fires last of the BEFORE triggers (their order is by name).
CREATE FUNCTION keep_books() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
        NEW.created_at := now();
        NEW.created_by := gusp.caller_actor();
        NEW.updated_at := NEW.created_at;
        NEW.updated_by := NEW.created_by;
        RETURN NEW;
    END IF;
    NEW.version := OLD.version;
    NEW.created_at := OLD.created_at;
    NEW.created_by := OLD.created_by;
    NEW.updated_at := OLD.updated_at;
    NEW.updated_by := OLD.updated_by;
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF NEW.id <> OLD.id OR NEW.programme_id IS DISTINCT FROM OLD.programme_id THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    END IF;
    IF OLD.status IN ('archived', 'ended') AND NEW.status = OLD.status
       AND gusp.caller_role() IS NOT NULL THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    IF NEW.status <> OLD.status
       AND current_setting('app.moving', true) IS DISTINCT FROM NEW.id::text THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/status"}');
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    NEW.updated_by := gusp.caller_actor();
    RETURN NEW;
END $$;

-- References are read with the caller's own rights: what it cannot see is as
-- unknown as what is not there. Arguments: field, table, field, table ... A
-- field that is an array is checked element by element.
CREATE FUNCTION check_references() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    now_ jsonb := to_jsonb(NEW);
    was jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) ELSE '{}' END;
    field text;
    ids uuid[];
    missing boolean;
BEGIN
    FOR i IN 0 .. TG_NARGS / 2 - 1 LOOP
        field := TG_ARGV[2 * i];
        CONTINUE WHEN now_ -> field IS NULL OR now_ -> field = 'null'
            OR now_ -> field = was -> field;
        ids := CASE jsonb_typeof(now_ -> field)
            WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(now_ -> field)::uuid)
            ELSE ARRAY[(now_ ->> field)::uuid] END;
        EXECUTE format('SELECT EXISTS (SELECT FROM unnest($1) AS r(id) WHERE NOT EXISTS '
            '(SELECT FROM gusp.%I AS t WHERE t.id = r.id AND t.programme_id = $2))', TG_ARGV[2 * i + 1])
            INTO missing USING ids, NEW.programme_id;
        IF missing THEN
            PERFORM gusp.refuse('422', 'unknown_reference', jsonb_build_object('pointer', '/' || field));
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- RFC 7396 for the objects inside a record: what a merge-patch makes of it.
-- Only the members that the patch names are in the result; geometries, which
-- are objects too, are replaced whole.
CREATE FUNCTION merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result jsonb := CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END;
    member text;
    value jsonb;
BEGIN
    IF jsonb_typeof(patch) <> 'object' OR patch ? 'coordinates' OR patch ? 'geometries' THEN
        RETURN patch;
    END IF;
    FOR member, value IN SELECT * FROM jsonb_each(patch) LOOP
        IF value = 'null' THEN
            result := result - member;
        ELSE
            result := result || jsonb_build_object(member, gusp.merge_patch(result -> member, value));
        END IF;
    END LOOP;
    RETURN result;
END $$;

-- The members of patch with its inner objects merged into those of the
-- record: what jsonb_populate_record(row, ...) takes.
CREATE FUNCTION patched(record jsonb, patch jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(p.key, CASE jsonb_typeof(p.value)
        WHEN 'object' THEN gusp.merge_patch($1 -> p.key, p.value)
        ELSE p.value END), '{}')
    FROM jsonb_each($2) AS p
$$;

-- Words -----------------------------------------------------------------------

CREATE FUNCTION unaccented(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.unaccent('public.unaccent', $1)
$$;

-- The words of a text as they are searched: lower case, without accents,
-- cut at every other character, without the plural's s or x.
CREATE FUNCTION stems(text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT CASE
               WHEN length(w) > 3 THEN regexp_replace(w, '[sx]$', '')
               ELSE w END), '{}')
    FROM regexp_split_to_table(lower(gusp.unaccented($1)), '[^a-z0-9]+') AS w
    WHERE w <> ''
$$;

CREATE TABLE word (
    programme_id uuid NOT NULL,
    noun text NOT NULL,
    stem text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (programme_id, noun, stem, id)
);
CREATE INDEX word_id ON word (id);
CALL protect('word', 'programme_id = (SELECT caller_programme())', NULL);

-- Keep the words of a record; the arguments are its searched fields, text or
-- arrays of text.
CREATE FUNCTION index_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    record jsonb := to_jsonb(NEW);
    searched text;
BEGIN
    IF NEW.programme_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(CASE jsonb_typeof(record -> f)
               WHEN 'array' THEN (SELECT string_agg(v, ' ') FROM jsonb_array_elements_text(record -> f) AS v)
               ELSE record ->> f END, ' ')
    INTO searched
    FROM unnest(TG_ARGV) AS f;
    DELETE FROM word AS w WHERE w.id = NEW.id AND NOT w.stem = ANY (stems(coalesce(searched, '')));
    INSERT INTO word (programme_id, noun, stem, id)
    SELECT NEW.programme_id, TG_TABLE_NAME, s, NEW.id
    FROM unnest(stems(coalesce(searched, ''))) AS s
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
ALTER FUNCTION index_words() OWNER TO gusp_definer;

-- The words of a question that search: at most eight, the longest first, none
-- of one letter and none that another begins with.
CREATE FUNCTION question_stems(question text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    asked text[] := gusp.stems(question);
    kept text[];
BEGIN
    SELECT array_agg(k.stem) INTO kept
    FROM (SELECT s.stem
          FROM unnest(asked) AS s (stem)
          WHERE length(s.stem) > 1
            AND NOT EXISTS (SELECT FROM unnest(asked) AS o (stem)
                            WHERE o.stem <> s.stem AND starts_with(o.stem, s.stem))
          ORDER BY length(s.stem) DESC, s.stem
          LIMIT 8) AS k;
    IF kept IS NULL THEN
        PERFORM gusp.refuse('400', 'question_too_short', '{"parameter": "q"}');
    END IF;
    RETURN kept;
END $$;

-- Records of a noun that have every word of a question, each as a prefix.
-- The range is the prefix: comparisons of text are leakproof, LIKE is not,
-- and neither is ||: so the end of the range is made outside of the search,
-- and each word walks its own part of the index. To ask the other words of
-- each record that the first one finds takes ten times as long when that one
-- is frequent.
CREATE FUNCTION matches(noun text, question text) RETURNS SETOF uuid
LANGUAGE sql STABLE ROWS 50 AS $$
    SELECT f.id
    FROM (SELECT t.n, t.stem, t.stem || U&'\+10FFFF' AS above
          FROM unnest(gusp.question_stems($2)) WITH ORDINALITY AS t (stem, n)
          OFFSET 0) AS s
    CROSS JOIN LATERAL (
        SELECT w.id
        FROM gusp.word AS w
        WHERE w.programme_id = gusp.caller_programme()
          AND w.noun = $1
          AND w.stem >= s.stem
          AND w.stem < s.above
        OFFSET 0) AS f
    GROUP BY f.id
    HAVING count(DISTINCT s.n) = (SELECT cardinality(gusp.question_stems($2)))
$$;

-- Places ------------------------------------------------------------------------

-- Where French territory is, roughly: metropolitan France and each overseas
-- territory as a box of WGS84 degrees. A swapped longitude and latitude falls
-- outside all of them.
CREATE FUNCTION in_territory(geometry) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT $1 IS NULL OR EXISTS (
        SELECT FROM (VALUES
            (-5.6, 41.2, 9.8, 51.3),    -- métropole
            (-61.9, 15.7, -60.9, 16.6), -- Guadeloupe
            (-61.3, 14.3, -60.7, 15.0), -- Martinique
            (-54.7, 2.0, -51.5, 5.9),   -- Guyane
            (55.1, -21.5, 55.9, -20.8), -- La Réunion
            (44.9, -13.1, 45.4, -12.5), -- Mayotte
            (-56.6, 46.7, -56.0, 47.2), -- Saint-Pierre-et-Miquelon
            (-63.2, 17.8, -62.7, 18.2), -- Saint-Martin, Saint-Barthélemy
            (-155.0, -28.0, -134.0, -7.5), -- Polynésie française
            (163.5, -22.8, 168.2, -19.5),  -- Nouvelle-Calédonie
            (-178.3, -14.5, -176.0, -13.1) -- Wallis-et-Futuna
        ) AS box (west, south, east, north)
        WHERE public.ST_XMin($1) >= west AND public.ST_XMax($1) <= east
          AND public.ST_YMin($1) >= south AND public.ST_YMax($1) <= north)
$$;

-- A GeoJSON geometry as it is stored, or a refusal that names the member.
CREATE FUNCTION geometry_of(geojson jsonb, pointer text) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    shape public.geometry;
BEGIN
    IF geojson IS NULL OR geojson = 'null' THEN
        RETURN NULL;
    END IF;
    BEGIN
        -- A position may have an altitude (RFC 7946 3.1.1); none is stored.
        shape := public.ST_Force2D(public.ST_SetSRID(public.ST_GeomFromGeoJSON(geojson), 4326));
    EXCEPTION WHEN OTHERS THEN
        PERFORM gusp.refuse('422', 'bad_geometry', jsonb_build_object('pointer', pointer));
    END;
    IF NOT public.ST_IsValid(shape) OR public.ST_IsEmpty(shape) THEN
        PERFORM gusp.refuse('422', 'bad_geometry', jsonb_build_object('pointer', pointer));
    END IF;
    IF NOT gusp.in_territory(shape) THEN
        PERFORM gusp.refuse('422', 'geometry_outside_territory', jsonb_build_object('pointer', pointer));
    END IF;
    RETURN shape;
END $$;

-- RFC 7946: longitude first, 7 decimals, exterior rings counter-clockwise.
-- PostGIS does the last by clockwise and reverse, which turns lines round:
-- reversed before, they come out as they were.
CREATE FUNCTION geojson_of(shape geometry) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT public.ST_AsGeoJSON(public.ST_ForcePolygonCCW(public.ST_Reverse($1)), 7, 0)::json
$$;

-- French identifiers ---------------------------------------------------------------

CREATE FUNCTION luhn(digits text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT sum(CASE WHEN i % 2 = 0 THEN d WHEN d * 2 > 9 THEN d * 2 - 9 ELSE d * 2 END) % 10 = 0
    FROM (SELECT substr(reverse($1), i + 1, 1)::int AS d, i
          FROM generate_series(0, length($1) - 1) AS i) AS n
$$;

CREATE FUNCTION is_siren(text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 IS NULL THEN true
        WHEN $1 ~ '^[0-9]{9}$' THEN gusp.luhn($1) ELSE false END
$$;

-- La Poste's establishments add up to a multiple of five instead.
CREATE FUNCTION is_siret(text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $1 IS NULL THEN true
        WHEN $1 !~ '^[0-9]{14}$' THEN false
        WHEN gusp.luhn($1) THEN true
        WHEN $1 LIKE '356000000%' THEN (SELECT sum(d::int) % 5 = 0 FROM regexp_split_to_table($1, '') AS d)
        ELSE false END
$$;
