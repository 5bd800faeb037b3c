-- Programmes, their actors and members, contacts, objectives, funding and
-- vocabularies; and enter(), which makes a caller known to its transaction.
--
-- The programme is the tenant: every business record names one.

SET search_path = gusp, public;

-- Programme ---------------------------------------------------------------------

CREATE TABLE programme (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    purpose text,
    definition text,
    nature text NOT NULL DEFAULT 'permanent' CHECK (nature IN ('experimental', 'permanent')),
    commune_insee text CHECK (commune_insee ~ '^([013-9][0-9]|2[0-9AB])[0-9]{3}$'),
    commune_name text,
    epci_siren text CHECK (is_siren(epci_siren)),
    departement text CHECK (departement ~ '^([013-9][0-9]|2[0-9AB]|97[1-8]|98[4-8])$'),
    starts_on date,
    ends_on date,
    target_publics text[] NOT NULL DEFAULT '{}',
    method text,
    skills text[] NOT NULL DEFAULT '{}',
    schemes jsonb NOT NULL DEFAULT '[]',
    budget jsonb NOT NULL DEFAULT '{"planned_cents": null, "actual_cents": null, "currency": "EUR"}',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    CONSTRAINT programme_is_its_own_tenant CHECK (programme_id = id),
    CONSTRAINT programme_ends_after_start CHECK (ends_on >= starts_on)
);
CALL protect('programme', 'id = (SELECT caller_programme())', 'written_by && (SELECT pens())');
-- A member changes its programme; only the administrator opens one.
DROP POLICY member_insert ON programme;
REVOKE INSERT ON programme FROM gusp_member;
CALL administer('programme', true);

CREATE FUNCTION prepare_programme() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.programme_id := NEW.id;
    NEW.written_by := ARRAY['c:' || NEW.id, 'm:programme:' || NEW.id];
    RETURN NEW;
END $$;

-- Actors --------------------------------------------------------------------------

-- An institution or one of its services. institution_id is the topmost of its
-- line: the legal person that rights compare. The platform's own actor, whom
-- administrators act for, has no programme.
CREATE TABLE actor (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid REFERENCES programme,
    institution_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('city', 'city_service', 'epci', 'state', 'bailleur',
        'bailleur_agency', 'association', 'tenants_group', 'resident_council', 'social_centre',
        'neighbourhood_contractor', 'syndic', 'operator', 'resource_centre', 'funder',
        'control_body', 'other')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    short_name text,
    parent_id uuid,
    service_type text,
    siren text CONSTRAINT siren_invalid CHECK (is_siren(siren)),
    siret text CONSTRAINT siret_invalid CHECK (is_siret(siret)),
    rna text CONSTRAINT rna_invalid CHECK (rna ~ '^W[0-9][0-9A-Z][0-9]{7}$'),
    address text,
    website text,
    links text[] NOT NULL DEFAULT '{}',
    active_from_on date,
    active_to_on date,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, parent_id) REFERENCES actor (programme_id, id),
    CONSTRAINT actor_siret_matches_siren CHECK (siret IS NULL OR siren IS NULL OR left(siret, 9) = siren),
    CONSTRAINT actor_active_to_after_from CHECK (active_to_on >= active_from_on)
);
CREATE INDEX actor_list ON actor (programme_id, name, id);
CREATE INDEX actor_recent ON actor (programme_id, updated_at DESC, id DESC);
CREATE INDEX actor_parent ON actor (parent_id);
CREATE UNIQUE INDEX actor_siren ON actor (programme_id, siren) WHERE parent_id IS NULL AND siren IS NOT NULL;
CREATE UNIQUE INDEX actor_siret ON actor (programme_id, siret) WHERE siret IS NOT NULL;
CREATE UNIQUE INDEX actor_rna ON actor (programme_id, rna) WHERE parent_id IS NULL AND rna IS NOT NULL;
CALL protect('actor', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');
CALL administer('actor', true);

-- A service belongs to the institution of its parent, for good: moving it to
-- another institution would rewrite who signed and who verified.
CREATE FUNCTION prepare_actor() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    top uuid;
BEGIN
    IF TG_OP = 'INSERT' OR NEW.parent_id IS DISTINCT FROM OLD.parent_id THEN
        -- Those who move services of one institution wait for each other.
        IF TG_OP = 'UPDATE' THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('services of ' || OLD.institution_id, 0));
        END IF;
        IF NEW.parent_id IS NULL THEN
            top := NEW.id;
        ELSE
            SELECT a.institution_id INTO top FROM gusp.actor AS a WHERE a.id = NEW.parent_id;
        END IF;
        IF TG_OP = 'UPDATE' AND top IS DISTINCT FROM OLD.institution_id THEN
            PERFORM gusp.refuse('422', 'institution_of_service_is_fixed', '{"pointer": "/parent_id"}');
        END IF;
        IF TG_OP = 'UPDATE' AND EXISTS (
            WITH RECURSIVE above AS (
                SELECT a.id, a.parent_id FROM gusp.actor AS a WHERE a.id = NEW.parent_id
                UNION
                SELECT a.id, a.parent_id FROM gusp.actor AS a JOIN above ON a.id = above.parent_id)
            SELECT FROM above WHERE above.id = NEW.id) THEN
            PERFORM gusp.refuse('422', 'parent_cycle', '{"pointer": "/parent_id"}');
        END IF;
        NEW.institution_id := top;
    END IF;
    -- What an institution is, its city or the platform says: partners trust it.
    IF gusp.caller_role() NOT IN ('city', 'admin')
       AND (TG_OP = 'INSERT' OR NEW.kind <> OLD.kind)
       AND NEW.kind IN ('city', 'city_service', 'epci', 'state', 'control_body', 'funder', 'bailleur') THEN
        PERFORM gusp.refuse('403', 'kind_is_given_by_the_city', '{"pointer": "/kind"}');
    END IF;
    NEW.written_by := CASE WHEN NEW.programme_id IS NULL THEN '{}'
        ELSE ARRAY['c:' || NEW.programme_id, 'i:' || NEW.institution_id] END;
    RETURN NEW;
END $$;

-- Members ---------------------------------------------------------------------------

-- A membership is what rights come from: the token of a client only points to
-- one. Its keys, pens and groups are computed when it is written, so that a
-- request pays one primary-key read for them.
CREATE TABLE member (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid REFERENCES programme,
    actor_id uuid NOT NULL REFERENCES actor,
    institution_id uuid NOT NULL REFERENCES actor,
    role text NOT NULL CHECK (role IN ('city', 'bailleur', 'association', 'institution',
        'facilitator', 'auditor', 'admin')),
    quartiers uuid[] NOT NULL DEFAULT '{}',
    from_on date NOT NULL DEFAULT current_date,
    to_on date,
    local_relay boolean NOT NULL DEFAULT false,
    mandate_ref text,
    mandate_scope text[] NOT NULL DEFAULT '{}'
        CHECK (mandate_scope <@ ARRAY['programme', 'member', 'rule', 'term', 'quartier',
            'meeting', 'issue', 'contribution', 'diagnosis', 'action_plan', 'evaluation']),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
    keys text[] NOT NULL,
    pens text[] NOT NULL,
    groups text[] NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    CONSTRAINT admin_has_no_programme CHECK ((role = 'admin') = (programme_id IS NULL)),
    CONSTRAINT member_ends_after_start CHECK (to_on >= from_on),
    CONSTRAINT mandate_is_for_facilitators CHECK (role = 'facilitator' OR mandate_scope = '{}'),
    CONSTRAINT mandate_has_an_end CHECK (mandate_scope = '{}' OR to_on IS NOT NULL),
    CONSTRAINT quartiers_restrict_partners CHECK (quartiers = '{}' OR role IN ('bailleur', 'association'))
);
CREATE INDEX member_list ON member (programme_id, created_at, id);
CREATE UNIQUE INDEX member_once ON member (programme_id, actor_id, role) WHERE status = 'active';
CALL protect('member', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');
CALL administer('member', true);

ALTER TABLE auth.client ADD FOREIGN KEY (membership_id) REFERENCES member;

CREATE FUNCTION prepare_member() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.actor_id <> OLD.actor_id OR NEW.role <> OLD.role) THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.to_on IS NULL AND NEW.to_on IS NOT NULL
       AND NOT gusp.guard_not_last_city(to_jsonb(OLD), NULL) THEN
        PERFORM gusp.refuse('422', 'guard_not_last_city', '{"pointer": "/to_on"}');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.from_on > OLD.from_on AND NEW.from_on > (now() AT TIME ZONE 'Europe/Paris')::date
       AND NOT gusp.guard_not_last_city(to_jsonb(OLD), NULL) THEN
        PERFORM gusp.refuse('422', 'guard_not_last_city', '{"pointer": "/from_on"}');
    END IF;
    SELECT a.institution_id INTO NEW.institution_id FROM gusp.actor AS a WHERE a.id = NEW.actor_id;
    IF NEW.programme_id IS NULL THEN
        NEW.keys := '{admin}';
        NEW.pens := '{*}';
        NEW.groups := '{}';
        NEW.written_by := '{}';
        RETURN NEW;
    END IF;
    NEW.keys := ARRAY['p:' || NEW.programme_id, 'i:' || NEW.institution_id]
        || CASE WHEN NEW.quartiers = '{}' THEN ARRAY['w:' || NEW.programme_id]
                ELSE ARRAY(SELECT 'q:' || q FROM unnest(NEW.quartiers) AS q) END;
    NEW.pens := CASE NEW.role
        WHEN 'city' THEN ARRAY['c:' || NEW.programme_id, 'i:' || NEW.institution_id]
        WHEN 'bailleur' THEN ARRAY['i:' || NEW.institution_id, 'b:' || NEW.institution_id]
        WHEN 'facilitator' THEN ARRAY(SELECT 'm:' || s || ':' || NEW.programme_id
                                      FROM unnest(NEW.mandate_scope) AS s)
        WHEN 'auditor' THEN '{}'
        ELSE ARRAY['i:' || NEW.institution_id] END;
    NEW.groups := CASE NEW.role
        WHEN 'association' THEN ARRAY['public', 'personal']
        WHEN 'auditor' THEN ARRAY['public', 'partner', 'cost']
        WHEN 'city' THEN ARRAY['public', 'partner', 'personal', 'cost']
        WHEN 'institution' THEN ARRAY['public', 'partner', 'personal', 'cost']
        ELSE ARRAY['public', 'partner', 'personal'] END;
    -- A mandate never reaches the memberships that hold power over others, nor
    -- others of the same institutions: those would open what these keep inside.
    NEW.written_by := CASE WHEN NEW.role IN ('city', 'facilitator', 'auditor')
        OR EXISTS (SELECT FROM gusp.member AS b
                   WHERE b.programme_id = NEW.programme_id AND b.institution_id = NEW.institution_id
                     AND b.role IN ('city', 'facilitator', 'auditor') AND b.status = 'active')
        THEN ARRAY['c:' || NEW.programme_id]
        ELSE ARRAY['c:' || NEW.programme_id, 'm:member:' || NEW.programme_id] END;
    RETURN NEW;
END $$;

-- A programme stays governed: some city membership that has begun and has no
-- end remains; and so does the platform: some administrator. The lock makes
-- two that end at once wait for each other.
CREATE FUNCTION guard_not_last_city(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF $1 ->> 'role' NOT IN ('city', 'admin') THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(concat('governs ', $1 ->> 'programme_id'), 0));
    RETURN EXISTS (
        SELECT FROM gusp.member AS m
        WHERE m.programme_id IS NOT DISTINCT FROM ($1 ->> 'programme_id')::uuid
          AND m.role = $1 ->> 'role' AND m.status = 'active' AND m.to_on IS NULL
          AND m.from_on <= (now() AT TIME ZONE 'Europe/Paris')::date
          AND m.id <> ($1 ->> 'id')::uuid);
END $$;

-- Entering ----------------------------------------------------------------------------

-- Make a caller known to this transaction, or refuse it. The token only says
-- which client and membership; both are read here, in the round trip of the
-- work, so that a revocation acts at the next request.
--
-- key and fingerprint are those of an Idempotency-Key, or NULL. A finished
-- key ends the exchange with GU208: its answer is read in another one.
CREATE FUNCTION enter(client uuid, membership uuid, role text, token uuid,
    issued bigint, request_id text, key text, fingerprint text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m record;
    kept text;
    today date := (now() AT TIME ZONE 'Europe/Paris')::date;
BEGIN
    SELECT b.programme_id, b.actor_id, b.institution_id, b.role AS holds,
           b.keys, b.pens, b.groups, b.status, b.from_on, b.to_on
    INTO m
    FROM auth.client AS c
    JOIN gusp.member AS b ON b.id = c.membership_id
    WHERE c.id = client
      AND c.membership_id = membership
      AND c.status IN ('active', 'rotating')
      AND (c.expires_at IS NULL OR c.expires_at > now())
      AND c.tokens_from <= to_timestamp(issued)
      AND NOT EXISTS (SELECT FROM auth.revoked_token AS r WHERE r.jti = token);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'GU401', MESSAGE = 'invalid_token';
    END IF;
    IF m.status <> 'active' OR m.holds <> role OR m.from_on > today OR m.to_on < today THEN
        RAISE EXCEPTION USING ERRCODE = 'GU403', MESSAGE = 'membership_ended';
    END IF;
    PERFORM set_config('app.programme', coalesce(m.programme_id::text, ''), true),
            set_config('app.actor', m.actor_id::text, true),
            set_config('app.institution', m.institution_id::text, true),
            set_config('app.role', role, true),
            set_config('app.keys', m.keys::text, true),
            set_config('app.pens', m.pens::text, true),
            set_config('app.groups', m.groups::text, true),
            set_config('app.membership', membership::text, true),
            set_config('app.client', client::text, true),
            set_config('app.request_id', coalesce(request_id, ''), true);
    IF key IS NULL THEN
        RETURN;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended(client::text || membership::text || key, 0)) THEN
        RAISE EXCEPTION USING ERRCODE = 'GU409', MESSAGE = 'idempotency_in_progress';
    END IF;
    SELECT i.fingerprint INTO kept
    FROM gusp.idempotency AS i
    WHERE i.client_id = client AND i.membership_id = membership AND i.key = key;
    IF FOUND AND kept = fingerprint THEN
        RAISE EXCEPTION USING ERRCODE = 'GU208', MESSAGE = 'idempotency_replay';
    ELSIF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'GU422', MESSAGE = 'idempotency_mismatch';
    END IF;
    PERFORM set_config('app.key', key, true),
            set_config('app.fingerprint', fingerprint, true);
END $$;
ALTER FUNCTION enter(uuid, uuid, text, uuid, bigint, text, text, text) OWNER TO gusp_definer;

-- What a token is issued for, and whether it may be.
CREATE FUNCTION client_membership(client uuid)
RETURNS TABLE (membership_id uuid, actor_id uuid, role text, live boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, m.actor_id, m.role,
           m.status = 'active'
           AND m.from_on <= (now() AT TIME ZONE 'Europe/Paris')::date
           AND (m.to_on IS NULL OR m.to_on >= (now() AT TIME ZONE 'Europe/Paris')::date)
    FROM auth.client AS c
    JOIN gusp.member AS m ON m.id = c.membership_id
    WHERE c.id = $1
$$;
REVOKE EXECUTE ON FUNCTION client_membership(uuid) FROM gusp_member, gusp_auditor, gusp_admin;
GRANT EXECUTE ON FUNCTION client_membership(uuid) TO gusp_auth;
ALTER FUNCTION client_membership(uuid) OWNER TO gusp_definer;

-- The first administrator of an installation: its institution, and a
-- membership without programme. Refuses when there is one.
CREATE FUNCTION bootstrap(institution text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    actor uuid := uuid7();
    membership uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('gusp bootstrap', 0));
    IF EXISTS (SELECT FROM member AS m WHERE m.role = 'admin' AND m.status = 'active') THEN
        PERFORM refuse('409', 'administrator_exists');
    END IF;
    INSERT INTO actor (id, kind, name) VALUES (actor, 'other', institution);
    INSERT INTO member (actor_id, role) VALUES (actor, 'admin') RETURNING id INTO membership;
    RETURN membership;
END $$;
REVOKE EXECUTE ON FUNCTION bootstrap(text) FROM gusp_member, gusp_auditor, gusp_admin;

-- Vocabularies --------------------------------------------------------------------------

-- A vocabulary is a list of terms with French labels. Those that are not
-- extensible are the enumerations of the contract: their labels may be
-- edited, their codes not.
CREATE TABLE vocabulary (
    name text PRIMARY KEY,
    label_fr text NOT NULL,
    extensible boolean NOT NULL,
    -- Where its terms have their parents: in itself if it is a tree.
    parent_vocabulary text REFERENCES vocabulary
);
CALL protect('vocabulary', 'true', NULL);
CALL administer('vocabulary', false);

-- Whose terms the caller reads: its programme's, or the platform's.
CREATE FUNCTION caller_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('app.programme', true), '')::uuid,
        '00000000-0000-0000-0000-000000000000'::uuid)
    WHERE nullif(current_setting('app.role', true), '') IS NOT NULL
$$;

-- Each programme has its own terms, copied from the platform's (programme_id
-- NULL) when it is opened.
CREATE TABLE term (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid REFERENCES programme,
    tenant uuid NOT NULL,
    vocabulary text NOT NULL REFERENCES vocabulary,
    code text NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9_]{0,62}$'),
    parent_vocabulary text,
    parent_code text,
    label_fr text NOT NULL CHECK (length(label_fr) BETWEEN 1 AND 200),
    label_fr_plain text,
    definition_fr text,
    position int NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (tenant, vocabulary, code),
    FOREIGN KEY (tenant, parent_vocabulary, parent_code) REFERENCES term (tenant, vocabulary, code)
);
CREATE INDEX term_list ON term (tenant, vocabulary, position, code);
CALL protect('term', 'tenant = (SELECT caller_tenant())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_term() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    extends boolean;
BEGIN
    SELECT v.extensible, v.parent_vocabulary INTO extends, NEW.parent_vocabulary
    FROM gusp.vocabulary AS v WHERE v.name = NEW.vocabulary;
    NEW.tenant := coalesce(NEW.programme_id, '00000000-0000-0000-0000-000000000000');
    NEW.written_by := CASE WHEN NEW.programme_id IS NULL THEN '{}'
        ELSE ARRAY['c:' || NEW.programme_id, 'm:term:' || NEW.programme_id] END;
    IF TG_OP = 'UPDATE' AND (NEW.code <> OLD.code OR NEW.vocabulary <> OLD.vocabulary) THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/code"}');
    END IF;
    -- An administrator inserts terms only by opening a programme.
    IF gusp.caller_role() <> 'admin' AND NOT extends
       AND (TG_OP = 'INSERT' OR NEW.status <> OLD.status OR NEW.parent_code IS DISTINCT FROM OLD.parent_code) THEN
        PERFORM gusp.refuse('422', 'vocabulary_is_closed');
    END IF;
    -- Whoever opens a programme copies parents and children in one statement:
    -- there the foreign key is enough.
    IF NEW.parent_code IS NOT NULL
       AND (NEW.parent_vocabulary IS NULL
            OR gusp.caller_role() <> 'admin'
            AND NOT EXISTS (SELECT FROM gusp.term AS t
                            WHERE t.tenant = NEW.tenant AND t.vocabulary = NEW.parent_vocabulary
                              AND t.code = NEW.parent_code)) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/parent_code"}');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.parent_code IS DISTINCT FROM OLD.parent_code THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('terms of ' || NEW.tenant || NEW.vocabulary, 0));
    END IF;
    IF NEW.parent_vocabulary = NEW.vocabulary AND EXISTS (
        WITH RECURSIVE above AS (
            SELECT NEW.parent_code AS code
            UNION
            SELECT t.parent_code FROM gusp.term AS t JOIN above ON t.code = above.code
            WHERE t.tenant = NEW.tenant AND t.vocabulary = NEW.vocabulary)
        SELECT FROM above WHERE above.code = NEW.code) THEN
        PERFORM gusp.refuse('422', 'parent_cycle', '{"pointer": "/parent_code"}');
    END IF;
    RETURN NEW;
END $$;

-- A new programme starts with the platform's terms.
CREATE FUNCTION copy_terms() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    INSERT INTO term (programme_id, vocabulary, code, parent_code, label_fr,
        label_fr_plain, definition_fr, position)
    SELECT NEW.id, t.vocabulary, t.code, t.parent_code, t.label_fr,
           t.label_fr_plain, t.definition_fr, t.position
    FROM term AS t
    WHERE t.programme_id IS NULL
    ORDER BY t.parent_code NULLS FIRST;
    RETURN NULL;
END $$;
ALTER FUNCTION copy_terms() OWNER TO gusp_definer;

-- Fields that hold codes of a programme's extensible vocabularies. Arguments:
-- field, vocabulary, field, vocabulary ...; a field may be an array.
CREATE FUNCTION check_terms() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    now_ jsonb := to_jsonb(NEW);
    was jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) ELSE '{}' END;
    field text;
BEGIN
    FOR i IN 0 .. TG_NARGS / 2 - 1 LOOP
        field := TG_ARGV[2 * i];
        CONTINUE WHEN now_ -> field IS NULL OR now_ -> field = 'null' OR now_ -> field = was -> field;
        IF EXISTS (
            SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(now_ -> field)
                WHEN 'array' THEN now_ -> field ELSE jsonb_build_array(now_ -> field) END) AS c (code)
            WHERE NOT EXISTS (SELECT FROM gusp.term AS t
                              WHERE t.tenant = NEW.programme_id AND t.vocabulary = TG_ARGV[2 * i + 1]
                                AND t.code = c.code AND t.status = 'active')) THEN
            PERFORM gusp.refuse('422', 'unknown_term', jsonb_build_object('pointer', '/' || field));
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- The triggers every record has. BEFORE triggers fire in the order of their
-- names: a_ checks references and terms, b_ prepares, z_ keeps the books.
CREATE PROCEDURE keep(noun text, prepares boolean, searched text[])
LANGUAGE plpgsql AS $$
BEGIN
    IF prepares THEN
        EXECUTE format('CREATE TRIGGER b_prepare BEFORE INSERT OR UPDATE ON gusp.%I '
            'FOR EACH ROW EXECUTE FUNCTION gusp.%I()', noun, 'prepare_' || noun);
    END IF;
    EXECUTE format('CREATE TRIGGER z_keep_books BEFORE INSERT OR UPDATE ON gusp.%I '
        'FOR EACH ROW EXECUTE FUNCTION gusp.keep_books()', noun);
    EXECUTE format('CREATE TRIGGER y_created AFTER INSERT ON gusp.%I '
        'FOR EACH ROW EXECUTE FUNCTION gusp.remember()', noun);
    EXECUTE format('CREATE TRIGGER y_changed AFTER UPDATE ON gusp.%I FOR EACH ROW '
        'WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION gusp.remember()', noun);
    IF searched IS NOT NULL THEN
        EXECUTE format('CREATE TRIGGER x_words AFTER INSERT OR UPDATE OF %s ON gusp.%I '
            'FOR EACH ROW EXECUTE FUNCTION gusp.index_words(%s)',
            (SELECT string_agg(quote_ident(f), ', ') FROM unnest(searched) AS f), noun,
            (SELECT string_agg(quote_literal(f), ', ') FROM unnest(searched) AS f));
    END IF;
END $$;

CALL keep('programme', true, NULL);
CALL keep('actor', true, '{name,short_name}');
CALL keep('member', true, NULL);
CALL keep('term', true, NULL);

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON actor
    FOR EACH ROW WHEN (NEW.programme_id IS NOT NULL)
    EXECUTE FUNCTION check_references('parent_id', 'actor');
CREATE TRIGGER c_terms AFTER INSERT ON programme
    FOR EACH ROW EXECUTE FUNCTION copy_terms();

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE WHEN f IN ('id', 'programme_id', 'tenant', 'parent_vocabulary', 'version', 'created_at', 'created_by',
        'updated_at', 'updated_by', 'seen_by', 'written_by', 'keys', 'pens', 'groups') THEN 'kept' ELSE 'public' END
FROM (VALUES
    ('programme', '{id,programme_id,title,purpose,definition,nature,commune_insee,commune_name,epci_siren,departement,starts_on,ends_on,target_publics,method,skills,schemes,budget,status,version,created_at,created_by,updated_at,updated_by,written_by}'::text[]),
    ('actor', '{id,programme_id,institution_id,kind,name,short_name,parent_id,service_type,siren,siret,rna,address,website,links,active_from_on,active_to_on,status,version,created_at,created_by,updated_at,updated_by,written_by}'),
    ('member', '{id,programme_id,actor_id,institution_id,role,quartiers,from_on,to_on,local_relay,mandate_ref,mandate_scope,status,keys,pens,groups,version,created_at,created_by,updated_at,updated_by,written_by}'),
    ('term', '{id,programme_id,tenant,vocabulary,code,parent_vocabulary,parent_code,label_fr,label_fr_plain,definition_fr,position,status,version,created_at,created_by,updated_at,updated_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, guards) VALUES
    ('programme', 'active', 'closed', 1, '{writer}', '{}', '{}'),
    ('programme', 'closed', 'active', 2, '{writer}', '{comment}', '{}'),
    ('programme', 'closed', 'archived', 3, '{writer}', '{}', '{}'),
    ('actor', 'active', 'archived', 1, '{writer}', '{}', '{}'),
    ('actor', 'archived', 'active', 2, '{writer}', '{}', '{}'),
    ('member', 'active', 'ended', 1, '{writer}', '{}', '{not_last_city}'),
    ('term', 'active', 'archived', 1, '{writer}', '{}', '{}'),
    ('term', 'archived', 'active', 2, '{writer}', '{}', '{}');

CREATE VIEW actor_read WITH (security_invoker = true) AS
SELECT a.id, a.programme_id, a.name, a.kind, a.parent_id, a.institution_id, a.siren, a.siret, a.rna,
       a.status, a.version, a.updated_at, w.writable,
       json_build_object(
           'id', a.id,
           'programme_id', a.programme_id,
           'institution_id', a.institution_id,
           'kind', a.kind,
           'name', a.name,
           'short_name', a.short_name,
           'parent_id', a.parent_id,
           'service_type', a.service_type,
           'siren', a.siren,
           'siret', a.siret,
           'rna', a.rna,
           'address', a.address,
           'website', a.website,
           'links', a.links,
           'active_from_on', a.active_from_on,
           'active_to_on', a.active_to_on,
           'status', a.status,
           'version', a.version,
           'created_at', instant(a.created_at),
           'created_by', a.created_by,
           'updated_at', instant(a.updated_at),
           'updated_by', a.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('actor', a.status, '{writer}') ELSE '[]' END
       ) AS body
FROM actor AS a
CROSS JOIN LATERAL (SELECT writes(a.written_by) AS writable) AS w;
GRANT SELECT ON actor_read TO gusp_member, gusp_auditor, gusp_admin;
