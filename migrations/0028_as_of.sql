-- Reading as of an instant: what was recorded then, shown with the rights of
-- today on what was visible then and is visible today.
--
-- A record that is remembered so has a row for each of its versions beside it,
-- in <noun>_version. In the schema "past" the same names mean what was so at
-- the instant that look_back() set: past.commitment has the rows of then, and
-- past.commitment_read is the text of commitment_read, compiled where those
-- names are meant. So what a reader gets is written once, and reading the
-- present goes on as if there were no past.
--
--   CALL remember_versions('convention');   keeps its versions from now on
--   CALL read_past('convention_read');      reads them as today's are read
--
-- A migration that changes a remembered table, or a view or function that is
-- read in the past, calls read_past() again with their names; a test says so
-- if it was forgotten.

SET search_path = gusp, public;

DO $$
BEGIN
    IF to_regnamespace('past') IS NULL THEN
        RAISE EXCEPTION 'there is no schema past yet: run "gusp prepare" once more, as a superuser';
    END IF;
END $$;
GRANT USAGE ON SCHEMA past TO gusp_member, gusp_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA past GRANT SELECT ON TABLES TO gusp_member, gusp_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA past GRANT EXECUTE ON FUNCTIONS TO gusp_member, gusp_auditor;

-- The instant ---------------------------------------------------------------------

-- The last instant that is looked back on; NULL in the present.
CREATE FUNCTION as_of() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.as_of', true), '')::timestamptz
$$;

-- Look back, for the rest of this transaction: on a day as it ended in Paris,
-- today as far as it has come; on an instant to the end of its millisecond,
-- which is as fine as the interface tells instants.
CREATE FUNCTION look_back(at text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    day date := CASE WHEN length(at) = 10 THEN at::date END;
    begun timestamptz := CASE WHEN day IS NULL THEN at::timestamptz ELSE day::timestamp AT TIME ZONE 'Europe/Paris' END;
BEGIN
    IF begun > clock_timestamp() THEN
        PERFORM gusp.refuse('400', 'as_of_in_the_future', '{"parameter": "as_of"}');
    END IF;
    PERFORM set_config('app.as_of', (CASE
        WHEN day IS NULL THEN date_trunc('milliseconds', begun) + interval '999 microseconds'
        ELSE least((day + 1)::timestamp AT TIME ZONE 'Europe/Paris' - interval '1 microsecond', clock_timestamp())
        END)::text, true);
END $$;

-- The day in Paris: who looks back stands there.
CREATE OR REPLACE FUNCTION today() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (coalesce(gusp.as_of(), now()) AT TIME ZONE 'Europe/Paris')::date
$$;

-- What is remembered ----------------------------------------------------------------

-- Close a version and begin the next, at the instant that the event has which
-- tells of it: it was written just before (y_created, y_changed).
CREATE FUNCTION remember_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    at timestamptz := (SELECT e.recorded_at FROM event AS e WHERE e.subject_id = NEW.id ORDER BY e.seq DESC LIMIT 1);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- Clocks are set back at times, the order of versions never.
        EXECUTE format('UPDATE gusp.%I AS v SET to_at = greatest(v.from_at, $1) WHERE v.id = $2 AND v.n = $3 '
            'RETURNING v.to_at', TG_TABLE_NAME || '_version')
            INTO at USING at, NEW.id, OLD.version;
    END IF;
    EXECUTE format('INSERT INTO gusp.%1$I SELECT v.* FROM gusp.version_of($1, $2, NULL::gusp.%1$I) AS v',
        TG_TABLE_NAME || '_version') USING to_jsonb(NEW), at;
    RETURN NULL;
END $$;
ALTER FUNCTION remember_version() OWNER TO gusp_definer;

-- The row of a version table for a record as it is from an instant on.
CREATE FUNCTION version_of(record jsonb, from_at timestamptz, kind anyelement) RETURNS anyelement
LANGUAGE sql STABLE AS $$
    SELECT jsonb_populate_record($3, $1 || jsonb_build_object('n', $1 -> 'version', 'from_at', $2,
        'to_at', 'infinity', 'record', $1))
$$;

-- Keep the versions of a noun. sought are those of its columns that others look
-- for it by (its parent's id): they stand in the version table and its indexes.
-- Of the records that there are, what they are now is known since updated_at.
-- What a person has erased is set to null in record, and read as null.
CREATE PROCEDURE remember_versions(noun text, sought text[] DEFAULT '{}')
LANGUAGE plpgsql AS $$
DECLARE
    versions text := noun || '_version';
    seen text := format('seen_by && (SELECT keys()) AND EXISTS (SELECT FROM gusp.%I AS t WHERE t.id = %I.id)',
        noun, versions);
    field text;
BEGIN
    EXECUTE format('CREATE TABLE gusp.%I (
        id uuid NOT NULL REFERENCES gusp.%I,
        n bigint NOT NULL,
        programme_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        status text NOT NULL,
        seen_by text[] NOT NULL,
        from_at timestamptz NOT NULL,
        to_at timestamptz NOT NULL CHECK (to_at >= from_at),
        record jsonb NOT NULL,
        PRIMARY KEY (id, n))', versions, noun);
    EXECUTE format('CREATE INDEX %I ON gusp.%I (programme_id, created_at DESC, id DESC)',
        versions || '_list', versions);
    FOREACH field IN ARRAY sought LOOP
        EXECUTE (SELECT format('ALTER TABLE gusp.%I ADD %I %s', versions, field, format_type(a.atttypid, a.atttypmod))
                 FROM pg_attribute AS a
                 WHERE a.attrelid = format('gusp.%I', noun)::regclass AND a.attname = field);
        EXECUTE format('CREATE INDEX %I ON gusp.%I (%I)', versions || '_' || field, versions, field);
    END LOOP;
    CALL protect(versions, seen, NULL);
    EXECUTE format('ALTER POLICY auditor_select ON gusp.%I USING (status <> ''draft'' AND %s)', versions, seen);
    EXECUTE format('REVOKE UPDATE, DELETE ON gusp.%I FROM gusp_definer', versions);
    EXECUTE format('GRANT UPDATE (to_at, record) ON gusp.%I TO gusp_definer', versions);
    EXECUTE format('INSERT INTO gusp.%1$I SELECT v.* FROM gusp.%2$I AS t '
        'CROSS JOIN LATERAL gusp.version_of(to_jsonb(t), t.updated_at, NULL::gusp.%1$I) AS v', versions, noun);
    EXECUTE format('CREATE TRIGGER y_version_created AFTER INSERT ON gusp.%I '
        'FOR EACH ROW EXECUTE FUNCTION gusp.remember_version()', noun);
    EXECUTE format('CREATE TRIGGER y_version_changed AFTER UPDATE ON gusp.%I FOR EACH ROW '
        'WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION gusp.remember_version()', noun);
    CALL read_past(noun);
END $$;

-- The past of names ------------------------------------------------------------------

-- The rows of a remembered table as they were, in its columns. Functions that
-- take a row of the table take one of these.
CREATE PROCEDURE read_past_of_table(noun text)
LANGUAGE plpgsql AS $$
DECLARE
    fields text;
    known boolean := to_regclass(format('past.%I', noun)) IS NOT NULL;
BEGIN
    SELECT string_agg(format('%s.%I', CASE WHEN v.attname IS NULL THEN 'r' ELSE 'v' END, a.attname), ', '
                      ORDER BY a.attnum)
    INTO fields
    FROM pg_attribute AS a
    LEFT JOIN pg_attribute AS v
        ON v.attrelid = format('gusp.%I', noun || '_version')::regclass AND v.attname = a.attname AND v.attnum > 0
    WHERE a.attrelid = format('gusp.%I', noun)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE format('CREATE OR REPLACE VIEW past.%1$I WITH (security_invoker = true) AS SELECT %3$s FROM gusp.%2$I AS v '
        'CROSS JOIN LATERAL jsonb_populate_record(NULL::gusp.%1$I, v.record) AS r '
        'WHERE v.from_at <= gusp.as_of() AND v.to_at > gusp.as_of()', noun, noun || '_version', fields);
    IF NOT known THEN
        EXECUTE format('CREATE FUNCTION past.as_today(past.%1$I) RETURNS gusp.%1$I LANGUAGE sql IMMUTABLE AS '
            '''SELECT ROW(($1).*)::gusp.%1$I''', noun);
        EXECUTE format('CREATE CAST (past.%1$I AS gusp.%1$I) WITH FUNCTION past.as_today(past.%1$I) AS IMPLICIT', noun);
    END IF;
END $$;

-- Compile tables, views and functions once more, in the order given, where
-- names mean the past.
CREATE PROCEDURE read_past(VARIADIC names text[])
LANGUAGE plpgsql
SET search_path = gusp, public AS $$
DECLARE
    name text;
    said text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        IF EXISTS (SELECT FROM pg_class AS c
                   WHERE c.oid = to_regclass(format('gusp.%I', name)) AND c.relkind = 'r') THEN
            CALL read_past_of_table(name);
            CONTINUE;
        END IF;
        IF to_regclass(format('gusp.%I', name)) IS NOT NULL THEN
            said := format('CREATE OR REPLACE VIEW past.%I WITH (security_invoker = true) AS ', name)
                || pg_get_viewdef(format('gusp.%I', name)::regclass);
        ELSE
            said := replace(pg_get_functiondef(format('gusp.%I', name)::regproc), 'gusp.', '');
        END IF;
        PERFORM set_config('search_path', 'past, gusp, public', true);
        EXECUTE said;
        IF to_regclass(format('gusp.%I', name)) IS NULL THEN
            EXECUTE format('ALTER FUNCTION past.%I SET search_path = past, gusp, public, pg_temp', name);
        END IF;
        PERFORM set_config('search_path', 'gusp, public', true);
    END LOOP;
END $$;

-- Nobody moves what was.
CREATE FUNCTION past.allowed_transitions(noun text, state text, relations text[]) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json '[]'
$$;

-- Commitments and action sheets ------------------------------------------------------

CALL remember_versions('commitment', '{sheet_id}');
CALL remember_versions('commitment_cost', '{commitment_id}');
CALL remember_versions('commitment_note', '{commitment_id}');
CALL read_past('commitment_itself_read', 'commitment_read');

-- What commitment_list walks along, of then. The policy tells what a caller
-- sees, so one walk is enough: that of its first key.
CREATE VIEW past.commitment_key WITH (security_invoker = true) AS
SELECT (gusp.keys())[1] AS key, q.id AS quartier_id, v.id, v.created_at,
       (v.record ->> 'updated_at')::timestamptz AS updated_at,
       coalesce((v.record ->> 'due_on')::date, 'infinity') AS due_on, gusp.is_due(v.status) AS due, v.status,
       (v.record ->> 'owner_institution_id')::uuid AS owner_institution_id, v.record ->> 'theme' AS theme,
       v.sheet_id, v.record ->> 'visibility' AS visibility
FROM gusp.commitment_version AS v
CROSS JOIN LATERAL (
    SELECT '00000000-0000-0000-0000-000000000000'::uuid
    UNION ALL
    SELECT jsonb_array_elements_text(v.record -> 'quartiers')::uuid) AS q (id)
WHERE v.programme_id = gusp.caller_programme() AND v.from_at <= gusp.as_of() AND v.to_at > gusp.as_of();

CALL remember_versions('action_sheet');
CALL remember_versions('action_sheet_cost', '{action_sheet_id}');
CALL read_past('sheet_progress', 'action_sheet_read');
