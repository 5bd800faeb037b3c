-- What belongs to a programme beside its actors and members: objectives,
-- funding, contacts; what is read of each; and how a programme is opened.

SET search_path = gusp, public;

-- Programme -----------------------------------------------------------------------

ALTER TABLE programme
    ADD CONSTRAINT scheme_ends_after_start
        CHECK (NOT jsonb_path_exists(schemes, '$[*] ? (@.to_on < @.from_on)'));

-- A member sees one programme; these serve the administrator, who sees all.
CREATE INDEX programme_title ON programme (title, id);
CREATE INDEX programme_recent ON programme (updated_at DESC, id DESC);

-- Objectives ----------------------------------------------------------------------

-- What the programme is evaluated against, in the order it states them: n
-- counts from 1 without a gap.
CREATE TABLE objective (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    n int NOT NULL CHECK (n >= 1),
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    -- Deferrable, so that one statement may shift several.
    CONSTRAINT objective_n UNIQUE (programme_id, n) DEFERRABLE
);
CALL protect('objective', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');
CALL administer('objective', false);

CREATE FUNCTION prepare_objective() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:programme:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- Where an objective that asks for place n gets it: at most behind the last;
-- there too if it asks for none.
CREATE FUNCTION objective_place(programme uuid, n int, more int) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT least(coalesce($2, last.n + $3), last.n + $3)
    FROM (SELECT coalesce(max(o.n), 0) AS n FROM gusp.objective AS o WHERE o.programme_id = $1) AS last
$$;

-- Funding -------------------------------------------------------------------------

-- Who pays what. target says for which noun the line is; for the programme
-- that is all there is to say.
CREATE TABLE funding (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    target text NOT NULL DEFAULT 'programme' CHECK (target IN ('programme')),
    funder_actor_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('own', 'state', 'epci', 'city', 'tfpb', 'caf', 'eu', 'other')),
    year int NOT NULL CHECK (year BETWEEN 1970 AND 2200),
    planned_cents bigint CHECK (planned_cents >= 0),
    granted_cents bigint CHECK (granted_cents >= 0),
    paid_cents bigint CHECK (paid_cents >= 0),
    note text CHECK (length(note) BETWEEN 1 AND 2000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, funder_actor_id) REFERENCES actor (programme_id, id)
);
CREATE INDEX funding_list ON funding (programme_id, year DESC, id DESC);
CREATE INDEX funding_recent ON funding (programme_id, updated_at DESC, id DESC);
CREATE INDEX funding_funder ON funding (programme_id, funder_actor_id, year DESC, id DESC);
CALL protect('funding', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');
CALL administer('funding', false);

CREATE FUNCTION prepare_funding() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:programme:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- Contacts ------------------------------------------------------------------------

-- Whom to call, for professional reasons. institution_id is the legal person
-- that answers for the record: that of the actor, else of who wrote it. An
-- internal contact is seen and written by that institution alone: the city
-- does not read a bailleur's.
CREATE TABLE contact (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    actor_id uuid,
    institution_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('resource_person', 'operational_team', 'similar_operator',
        'academic_expert', 'institutional_network', 'documentation', 'other')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    function text CHECK (length(function) BETWEEN 1 AND 200),
    email text CHECK (length(email) BETWEEN 3 AND 254),
    phone text CHECK (length(phone) BETWEEN 3 AND 40),
    website text CHECK (length(website) BETWEEN 1 AND 500),
    quartiers uuid[] NOT NULL DEFAULT '{}',
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners', 'internal')),
    valid_from_on date,
    valid_to_on date,
    source text CHECK (length(source) BETWEEN 1 AND 500),
    consent_note text CHECK (length(consent_note) BETWEEN 1 AND 500),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, institution_id) REFERENCES actor (programme_id, id),
    CONSTRAINT contact_valid_to_after_from CHECK (valid_to_on >= valid_from_on)
);
CREATE INDEX contact_list ON contact (programme_id, name, id);
CREATE INDEX contact_recent ON contact (programme_id, updated_at DESC, id DESC);
CREATE INDEX contact_actor ON contact (programme_id, actor_id, name, id);
CALL protect('contact', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_contact() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.actor_id IS NOT NULL THEN
        SELECT a.institution_id INTO NEW.institution_id FROM gusp.actor AS a WHERE a.id = NEW.actor_id;
    ELSIF TG_OP = 'INSERT' THEN
        NEW.institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
    END IF;
    IF NEW.visibility = 'internal' THEN
        NEW.seen_by := ARRAY['i:' || NEW.institution_id];
        NEW.written_by := NEW.seen_by;
    ELSE
        NEW.seen_by := ARRAY['p:' || NEW.programme_id];
        NEW.written_by := ARRAY['c:' || NEW.programme_id, 'i:' || NEW.institution_id];
    END IF;
    RETURN NEW;
END $$;

-- Triggers ------------------------------------------------------------------------

CALL keep('objective', true, NULL);
CALL keep('funding', true, NULL);
CALL keep('contact', true, '{name,function}');

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON funding
    FOR EACH ROW EXECUTE FUNCTION check_references('funder_actor_id', 'actor');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON contact
    FOR EACH ROW EXECUTE FUNCTION check_references('actor_id', 'actor');
CREATE TRIGGER a_references_of_quartiers BEFORE INSERT OR UPDATE ON contact
    FOR EACH ROW WHEN (NEW.quartiers <> '{}')
    EXECUTE FUNCTION check_references('quartiers', 'quartier');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON member
    FOR EACH ROW WHEN (NEW.programme_id IS NOT NULL)
    EXECUTE FUNCTION check_references('actor_id', 'actor');

-- An administrator registers members but reads no quartier: the check of
-- theirs is made with other rights than the caller's.
CREATE FUNCTION check_member_quartiers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(NEW.quartiers) AS m (id)
               WHERE NOT EXISTS (SELECT FROM quartier AS q
                                 WHERE q.id = m.id AND q.programme_id = NEW.programme_id)) THEN
        PERFORM refuse('422', 'unknown_reference', '{"pointer": "/quartiers"}');
    END IF;
    RETURN NEW;
END $$;
ALTER FUNCTION check_member_quartiers() OWNER TO gusp_definer;
CREATE TRIGGER a_references_of_quartiers BEFORE INSERT OR UPDATE OF quartiers ON member
    FOR EACH ROW WHEN (NEW.quartiers <> '{}')
    EXECUTE FUNCTION check_member_quartiers();

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at',
        'updated_by', 'seen_by', 'written_by') THEN 'kept'
    WHEN n.noun = 'contact' AND f IN ('email', 'phone') THEN 'personal'
    ELSE 'public' END
FROM (VALUES
    ('objective', '{id,programme_id,n,text,status,version,created_at,created_by,updated_at,updated_by,written_by}'::text[]),
    ('funding', '{id,programme_id,target,funder_actor_id,kind,year,planned_cents,granted_cents,paid_cents,note,status,version,created_at,created_by,updated_at,updated_by,written_by}'),
    ('contact', '{id,programme_id,actor_id,institution_id,kind,name,function,email,phone,website,quartiers,visibility,valid_from_on,valid_to_on,source,consent_note,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

INSERT INTO transition (noun, from_state, to_state, position, who)
SELECT n, s.from_state, s.to_state, s.position, '{writer}'
FROM unnest('{objective,funding,contact}'::text[]) AS n,
     (VALUES ('active', 'archived', 1), ('archived', 'active', 2)) AS s (from_state, to_state, position);

-- An administrator reads the platform's terms, nobody's own.
CREATE POLICY admin_select ON term FOR SELECT TO gusp_admin USING (tenant = (SELECT caller_tenant()));
GRANT SELECT ON term TO gusp_admin;

-- Opening -------------------------------------------------------------------------

-- A programme with its first city actor and that actor's membership, from
-- which everything else is entered: {programme fields, "city": {actor fields}}.
CREATE FUNCTION open_programme(body jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    b gusp.programme := jsonb_populate_record(NULL::gusp.programme, body - 'city');
    c gusp.actor := jsonb_populate_record(NULL::gusp.actor, body -> 'city');
    opened uuid;
    city uuid;
BEGIN
    INSERT INTO gusp.programme (title, purpose, definition, nature, commune_insee, commune_name,
        epci_siren, departement, starts_on, ends_on, target_publics, method, skills, schemes, budget)
    VALUES (b.title, b.purpose, b.definition, coalesce(b.nature, 'permanent'), b.commune_insee,
        b.commune_name, b.epci_siren, b.departement, b.starts_on, b.ends_on,
        coalesce(b.target_publics, '{}'), b.method, coalesce(b.skills, '{}'),
        coalesce(b.schemes, '[]'), coalesce(b.budget, '{}'))
    RETURNING id INTO opened;
    INSERT INTO gusp.actor (programme_id, kind, name, short_name, siren, siret, address, website, links)
    VALUES (opened, 'city', c.name, c.short_name, c.siren, c.siret, c.address, c.website,
        coalesce(c.links, '{}'))
    RETURNING id INTO city;
    INSERT INTO gusp.member (programme_id, actor_id, role) VALUES (opened, city, 'city');
    RETURN opened;
END $$;
REVOKE EXECUTE ON FUNCTION open_programme(jsonb) FROM gusp_member, gusp_auditor;

-- What is read --------------------------------------------------------------------

CREATE VIEW objective_read WITH (security_invoker = true) AS
SELECT o.id, o.programme_id, o.n, o.status, o.version, o.updated_at, w.writable,
       json_build_object(
           'id', o.id,
           'programme_id', o.programme_id,
           'n', o.n,
           'text', o.text,
           'status', o.status,
           'version', o.version,
           'created_at', instant(o.created_at),
           'created_by', o.created_by,
           'updated_at', instant(o.updated_at),
           'updated_by', o.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('objective', o.status, '{writer}') ELSE '[]' END
       ) AS body
FROM objective AS o
CROSS JOIN LATERAL (SELECT writes(o.written_by) AS writable) AS w;
GRANT SELECT ON objective_read TO gusp_member, gusp_auditor;

CREATE VIEW funding_read WITH (security_invoker = true) AS
SELECT f.id, f.programme_id, f.target, f.funder_actor_id, f.kind, f.year, f.status, f.version,
       f.updated_at, w.writable,
       json_build_object(
           'id', f.id,
           'programme_id', f.programme_id,
           'target', f.target,
           'funder_actor_id', f.funder_actor_id,
           'kind', f.kind,
           'year', f.year,
           'planned_cents', f.planned_cents,
           'granted_cents', f.granted_cents,
           'paid_cents', f.paid_cents,
           'note', f.note,
           'status', f.status,
           'version', f.version,
           'created_at', instant(f.created_at),
           'created_by', f.created_by,
           'updated_at', instant(f.updated_at),
           'updated_by', f.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('funding', f.status, '{writer}') ELSE '[]' END
       ) AS body
FROM funding AS f
CROSS JOIN LATERAL (SELECT writes(f.written_by) AS writable) AS w;
GRANT SELECT ON funding_read TO gusp_member, gusp_auditor;

CREATE VIEW programme_read WITH (security_invoker = true) AS
SELECT p.id, p.title, p.nature, p.commune_insee, p.departement, p.status, p.version, p.updated_at,
       w.writable,
       json_build_object(
           'id', p.id,
           'title', p.title,
           'purpose', p.purpose,
           'definition', p.definition,
           'nature', p.nature,
           'commune_insee', p.commune_insee,
           'commune_name', p.commune_name,
           'epci_siren', p.epci_siren,
           'departement', p.departement,
           'starts_on', p.starts_on,
           'ends_on', p.ends_on,
           'objectives', (
               SELECT coalesce(json_agg(json_build_object('id', o.id, 'n', o.n, 'text', o.text)
                                        ORDER BY o.n), '[]')
               FROM objective AS o
               WHERE o.programme_id = p.id AND o.status = 'active'),
           'target_publics', p.target_publics,
           'method', p.method,
           'skills', p.skills,
           'schemes', p.schemes,
           'budget', json_build_object(
               'planned_cents', p.budget -> 'planned_cents',
               'actual_cents', p.budget -> 'actual_cents',
               'currency', coalesce(p.budget ->> 'currency', 'EUR')),
           'funding', (
               SELECT coalesce(json_agg(json_build_object(
                          'id', f.id,
                          'funder_actor_id', f.funder_actor_id,
                          'kind', f.kind,
                          'year', f.year,
                          'planned_cents', f.planned_cents,
                          'granted_cents', f.granted_cents,
                          'paid_cents', f.paid_cents,
                          'note', f.note) ORDER BY f.year, f.id), '[]')
               FROM funding AS f
               WHERE f.programme_id = p.id AND f.target = 'programme' AND f.status = 'active'),
           'status', p.status,
           'version', p.version,
           'created_at', instant(p.created_at),
           'created_by', p.created_by,
           'updated_at', instant(p.updated_at),
           'updated_by', p.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('programme', p.status, '{writer}') ELSE '[]' END
       ) AS body
FROM programme AS p
CROSS JOIN LATERAL (SELECT writes(p.written_by) AS writable) AS w;
GRANT SELECT ON programme_read TO gusp_member, gusp_auditor, gusp_admin;

CREATE VIEW member_read WITH (security_invoker = true) AS
SELECT m.id, m.programme_id, m.actor_id, m.institution_id, m.role, m.quartiers, m.status, m.version,
       m.created_at, m.updated_at, w.writable,
       json_build_object(
           'id', m.id,
           'programme_id', m.programme_id,
           'actor_id', m.actor_id,
           'institution_id', m.institution_id,
           'role', m.role,
           'quartiers', m.quartiers,
           'from_on', m.from_on,
           'to_on', m.to_on,
           'local_relay', m.local_relay,
           'mandate_ref', m.mandate_ref,
           'mandate_scope', m.mandate_scope,
           'status', m.status,
           'version', m.version,
           'created_at', instant(m.created_at),
           'created_by', m.created_by,
           'updated_at', instant(m.updated_at),
           'updated_by', m.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('member', m.status, '{writer}') ELSE '[]' END
       ) AS body
FROM member AS m
CROSS JOIN LATERAL (SELECT writes(m.written_by) AS writable) AS w;
GRANT SELECT ON member_read TO gusp_member, gusp_auditor, gusp_admin;

CREATE VIEW contact_read WITH (security_invoker = true) AS
SELECT c.id, c.programme_id, c.actor_id, c.institution_id, c.kind, c.name, c.quartiers, c.visibility,
       c.valid_from_on, c.valid_to_on, c.status, c.version, c.updated_at, w.writable,
       jsonb_build_object(
           'id', c.id,
           'programme_id', c.programme_id,
           'actor_id', c.actor_id,
           'institution_id', c.institution_id,
           'kind', c.kind,
           'name', c.name,
           'function', c.function,
           'website', c.website,
           'quartiers', c.quartiers,
           'visibility', c.visibility,
           'valid_from_on', c.valid_from_on,
           'valid_to_on', c.valid_to_on,
           'source', c.source,
           'consent_note', c.consent_note,
           'status', c.status,
           'version', c.version,
           'created_at', instant(c.created_at),
           'created_by', c.created_by,
           'updated_at', instant(c.updated_at),
           'updated_by', c.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('contact', c.status, '{writer}') ELSE '[]' END
       ) || CASE WHEN 'personal' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('email', c.email, 'phone', c.phone)
            ELSE '{}' END AS body
FROM contact AS c
CROSS JOIN LATERAL (SELECT writes(c.written_by) AS writable) AS w;
GRANT SELECT ON contact_read TO gusp_member, gusp_auditor;

CREATE VIEW vocabulary_read WITH (security_invoker = true) AS
SELECT v.name,
       json_build_object(
           'name', v.name,
           'label_fr', v.label_fr,
           'extensible', v.extensible,
           'parent_vocabulary', v.parent_vocabulary
       ) AS body
FROM vocabulary AS v;
GRANT SELECT ON vocabulary_read TO gusp_member, gusp_auditor, gusp_admin;

-- A term of the platform is nobody's to write here, not even the
-- administrator's: hence the pens, not writes().
CREATE VIEW term_read WITH (security_invoker = true) AS
SELECT t.id, t.tenant, t.programme_id, t.vocabulary, t.code, t.parent_code, t.position, t.status,
       t.version, t.updated_at, w.writable,
       json_build_object(
           'id', t.id,
           'programme_id', t.programme_id,
           'vocabulary', t.vocabulary,
           'code', t.code,
           'parent_code', t.parent_code,
           'label_fr', t.label_fr,
           'label_fr_plain', t.label_fr_plain,
           'definition_fr', t.definition_fr,
           'position', t.position,
           'status', t.status,
           'version', t.version,
           'created_at', instant(t.created_at),
           'created_by', t.created_by,
           'updated_at', instant(t.updated_at),
           'updated_by', t.updated_by,
           'allowed_transitions', CASE
               WHEN w.writable AND (SELECT v.extensible FROM vocabulary AS v WHERE v.name = t.vocabulary)
               THEN allowed_transitions('term', t.status, '{writer}') ELSE '[]' END
       ) AS body
FROM term AS t
CROSS JOIN LATERAL (SELECT coalesce(t.written_by && pens(), false) AS writable) AS w;
GRANT SELECT ON term_read TO gusp_member, gusp_auditor, gusp_admin;
