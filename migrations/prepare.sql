-- Roles, extensions and schemas: what only a superuser may make. Run by
-- `gusp prepare`, printed by `gusp prepare --print` for an administrator who
-- runs it with other means. Running it again adds what is new and changes
-- nothing else: so it is run before each upgrade.
--
-- No role gets a password here. Where the server asks for one, set it with
-- ALTER ROLE <role> PASSWORD and tell the API by GUSP_PASSFILE.

SELECT pg_advisory_xact_lock(hashtextextended('gusp prepare', 0));

-- gusp_owner owns and migrates, gusp_definer owns the SECURITY DEFINER
-- functions, the others serve. Row-level security binds them all but
-- gusp_backup, which reads and never serves.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT name, attributes
        FROM (VALUES
            ('gusp_owner', 'LOGIN INHERIT NOBYPASSRLS'),
            ('gusp_definer', 'NOLOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_member', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_auditor', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_admin', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_auth', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_ledger', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_privacy', 'LOGIN NOINHERIT NOBYPASSRLS'),
            ('gusp_backup', 'LOGIN INHERIT BYPASSRLS')
        ) AS r (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION %s',
            wanted.name, wanted.attributes);
    END LOOP;
END $$;

-- The owner hands functions over to the definer, and to nobody else.
GRANT gusp_definer TO gusp_owner;
GRANT pg_read_all_data TO gusp_backup;

CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;

CREATE SCHEMA IF NOT EXISTS gusp AUTHORIZATION gusp_owner;
CREATE SCHEMA IF NOT EXISTS auth AUTHORIZATION gusp_owner;
CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION gusp_owner;
CREATE SCHEMA IF NOT EXISTS vault AUTHORIZATION gusp_owner;
CREATE SCHEMA IF NOT EXISTS past AUTHORIZATION gusp_owner;
GRANT USAGE, CREATE ON SCHEMA gusp, auth, vault, ledger TO gusp_definer;

-- What is said of a person is a parameter of a statement: whatever this server
-- logs of statements, it logs no parameter of this role's.
ALTER ROLE gusp_privacy SET log_parameter_max_length = 0;
ALTER ROLE gusp_privacy SET log_parameter_max_length_on_error = 0;

-- Nobody makes objects outside of these schemas, nor temporary ones that
-- could stand in front of ours.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO gusp_owner, gusp_definer, gusp_member,
    gusp_auditor, gusp_admin, gusp_auth, gusp_ledger, gusp_privacy,
    gusp_backup;

DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC',
        current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO gusp_owner, gusp_member,
        gusp_auditor, gusp_admin, gusp_auth, gusp_ledger, gusp_privacy,
        gusp_backup', current_database());
END $$;

-- Large objects are out of row-level security's reach, and nobody needs them.
DO $$
DECLARE
    f regprocedure;
BEGIN
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    FOR f IN SELECT p.oid FROM pg_proc AS p
             WHERE p.pronamespace = 'pg_catalog'::regnamespace
               AND p.proname ~ '^(lo_|lowrite|loread)' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
