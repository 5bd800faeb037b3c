-- Diagnoses: what is found of a quartier, shared with it, told back to its
-- residents, and then validated; each new version follows the one before.

SET search_path = gusp, public;

-- Diagnoses ------------------------------------------------------------------------

-- previous_id is the version that this one follows. restitutions are the
-- meetings that told residents of it.
CREATE TABLE diagnosis (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    quartier_id uuid NOT NULL,
    version_label text NOT NULL CHECK (length(version_label) BETWEEN 1 AND 100),
    period_from_on date,
    period_to_on date,
    previous_id uuid,
    restitutions uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(restitutions) <= 20),
    shared_at timestamptz,
    validated_at timestamptz,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'shared', 'restituted', 'validated', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id),
    FOREIGN KEY (programme_id, previous_id) REFERENCES diagnosis (programme_id, id),
    CONSTRAINT diagnosis_ends_after_start CHECK (period_to_on >= period_from_on)
);
CREATE INDEX diagnosis_list ON diagnosis (programme_id, created_at DESC, id DESC);
CREATE INDEX diagnosis_recent ON diagnosis (programme_id, updated_at DESC, id DESC);
CREATE INDEX diagnosis_quartier ON diagnosis (quartier_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX diagnosis_successor ON diagnosis (previous_id) WHERE previous_id IS NOT NULL;
CALL protect('diagnosis', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Before it is shared it is for those who write it; then for its quartier.
CREATE FUNCTION prepare_diagnosis() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.diagnosis := CASE WHEN TG_OP = 'UPDATE' THEN OLD END;
BEGIN
    IF was.status IN ('validated', 'archived') AND NEW.status = was.status AND NEW IS DISTINCT FROM OLD THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    IF NEW.quartier_id <> was.quartier_id AND was.status <> 'open' THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/quartier_id"}');
    END IF;
    IF NEW.previous_id IS NOT NULL
       AND (NEW.previous_id, NEW.quartier_id) IS DISTINCT FROM (was.previous_id, was.quartier_id)
       AND NOT EXISTS (SELECT FROM gusp.diagnosis AS d
                       WHERE d.id = NEW.previous_id AND d.quartier_id = NEW.quartier_id) THEN
        PERFORM gusp.refuse('422', 'previous_in_another_quartier', '{"pointer": "/previous_id"}');
    END IF;
    IF NEW.restitutions IS DISTINCT FROM was.restitutions
       AND EXISTS (SELECT FROM gusp.meeting AS m
                   WHERE m.id = ANY (NEW.restitutions)
                     AND (m.kind <> 'restitution'
                          OR m.quartiers <> '{}' AND NEW.quartier_id <> ALL (m.quartiers))) THEN
        PERFORM gusp.refuse('422', 'not_a_restitution', '{"pointer": "/restitutions"}');
    END IF;
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:diagnosis:' || NEW.programme_id];
    NEW.seen_by := CASE WHEN NEW.status = 'open' THEN NEW.written_by
        ELSE ARRAY['w:' || NEW.programme_id, 'q:' || NEW.quartier_id] END;
    RETURN NEW;
END $$;

-- What the caller is to a diagnosis: it is written by mandate, and never
-- validated by it.
CREATE FUNCTION relations_to_diagnosis(programme uuid) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        gusp.caller_role(), CASE WHEN 'm:diagnosis:' || $1 = ANY (gusp.pens()) THEN 'mandated' END], NULL)
$$;

CREATE FUNCTION diagnosis_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_diagnosis(($1 ->> 'programme_id')::uuid)
$$;

CREATE FUNCTION guard_restitution_named(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 -> 'restitutions' <> '[]'
$$;

CREATE FUNCTION guard_restitution_held(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM gusp.meeting AS m
                   WHERE m.id IN (SELECT jsonb_array_elements_text($1 -> 'restitutions')::uuid)
                     AND m.status IN ('held', 'minutes_draft', 'minutes_published'));
END $$;

CREATE FUNCTION step_diagnosis_share(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('shared_at', now())
$$;

CREATE FUNCTION step_diagnosis_validate(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('validated_at', now())
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, guards, effect) VALUES
    ('diagnosis', 'open', 'shared', 1, '{city,mandated}', '{}', 'diagnosis_share'),
    ('diagnosis', 'shared', 'restituted', 1, '{city,mandated}', '{restitution_named}', NULL),
    ('diagnosis', 'restituted', 'validated', 1, '{city}', '{restitution_held}', 'diagnosis_validate'),
    ('diagnosis', 'validated', 'archived', 1, '{city}', '{}', NULL);

CALL keep('diagnosis', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON diagnosis
    FOR EACH ROW EXECUTE FUNCTION check_references('quartier_id', 'quartier', 'previous_id', 'diagnosis',
        'restitutions', 'meeting');

INSERT INTO field_group (noun, field, grp)
SELECT 'diagnosis', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
    id,programme_id,quartier_id,version_label,period_from_on,period_to_on,previous_id,restitutions,shared_at,
    validated_at,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

CREATE OR REPLACE VIEW linkable WITH (security_invoker = true) AS
SELECT t.noun, t.id, t.programme_id FROM commentable AS t
UNION ALL
SELECT 'contribution', c.id, c.programme_id FROM contribution AS c
UNION ALL
SELECT 'diagnosis', d.id, d.programme_id FROM diagnosis AS d;

-- Findings ----------------------------------------------------------------------------

-- What a diagnosis says, one thing at a time, with where it comes from
-- ({type, id?, text?}) and the institutions that agree. seen_by is what an
-- event of it keeps: who saw the diagnosis when it was written.
CREATE TABLE finding (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    diagnosis_id uuid NOT NULL,
    n int NOT NULL,
    theme text NOT NULL,
    polarity text NOT NULL CHECK (polarity IN ('asset', 'problem', 'neutral')),
    statement text NOT NULL CHECK (length(statement) BETWEEN 1 AND 2000),
    priority text CHECK (priority IN ('high', 'normal', 'low')),
    sources jsonb NOT NULL DEFAULT '[]',
    agreed_by uuid[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (diagnosis_id, n),
    FOREIGN KEY (programme_id, diagnosis_id) REFERENCES diagnosis (programme_id, id)
);
CALL protect('finding', 'EXISTS (SELECT FROM diagnosis AS d WHERE d.id = finding.diagnosis_id)',
    'written_by && (SELECT pens())');

-- A statistic is told in words, any other source is a record.
CREATE FUNCTION check_sources(sources jsonb, programme uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    source jsonb;
    n int := 0;
BEGIN
    FOR source IN SELECT s FROM jsonb_array_elements(sources) AS s LOOP
        IF (source ->> 'type' = 'statistic') <> (source ->> 'id' IS NULL)
           OR source ->> 'type' = 'statistic' AND source ->> 'text' IS NULL THEN
            PERFORM gusp.refuse('422', 'source_incomplete', jsonb_build_object('pointer', '/sources/' || n));
        END IF;
        PERFORM gusp.refuse_personal(source ->> 'text', format('/sources/%s/text', n));
        n := n + 1;
    END LOOP;
    PERFORM gusp.check_links(sources, programme, '/sources');
END $$;

-- Findings of a diagnosis are written one at a time, until it is validated.
-- Who agreed to other words has not agreed to these.
CREATE FUNCTION prepare_finding() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.finding := CASE WHEN TG_OP = 'UPDATE' THEN OLD END;
    whole gusp.diagnosis;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    SELECT * INTO whole FROM gusp.diagnosis AS d WHERE d.id = NEW.diagnosis_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    IF whole.status IN ('validated', 'archived') THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    IF TG_OP = 'INSERT' THEN
        SELECT 1 + coalesce(max(f.n), 0) INTO NEW.n FROM gusp.finding AS f WHERE f.diagnosis_id = NEW.diagnosis_id;
    END IF;
    IF NEW.statement IS DISTINCT FROM was.statement THEN
        PERFORM gusp.refuse_personal(NEW.statement, '/statement');
    END IF;
    IF NEW.sources IS DISTINCT FROM was.sources THEN
        PERFORM gusp.check_sources(NEW.sources, NEW.programme_id);
    END IF;
    IF (NEW.statement, NEW.polarity) IS DISTINCT FROM (was.statement, was.polarity) THEN
        NEW.agreed_by := '{}';
    END IF;
    NEW.seen_by := whole.seen_by;
    NEW.written_by := whole.written_by;
    RETURN NEW;
END $$;

-- Each institution agrees, or no longer does, for itself alone, while the
-- diagnosis is shared. Called for a finding that the caller sees.
CREATE FUNCTION agree(finding uuid, agrees boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM finding AS f
               JOIN diagnosis AS d ON d.id = f.diagnosis_id
               WHERE f.id = $1 AND d.status = 'open') THEN
        PERFORM refuse('409', 'diagnosis_not_shared');
    END IF;
    UPDATE finding AS f
    SET agreed_by = array_remove(f.agreed_by, caller_institution())
        || CASE WHEN $2 THEN ARRAY[caller_institution()] ELSE '{}' END
    WHERE f.id = $1
      AND (caller_institution() = ANY (f.agreed_by)) <> $2;
END $$;
ALTER FUNCTION agree(uuid, boolean) OWNER TO gusp_definer;

INSERT INTO transition (noun, from_state, to_state, position, who) VALUES
    ('finding', 'active', 'archived', 1, '{writer}'),
    ('finding', 'archived', 'active', 2, '{writer}');

CALL keep('finding', true, NULL);
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON finding
    FOR EACH ROW EXECUTE FUNCTION check_terms('theme', 'themes');

INSERT INTO field_group (noun, field, grp)
SELECT 'finding', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
    id,programme_id,diagnosis_id,n,theme,polarity,statement,priority,sources,agreed_by,status,version,created_at,
    created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

-- What is read ------------------------------------------------------------------------

CREATE VIEW diagnosis_read WITH (security_invoker = true) AS
SELECT d.id, d.programme_id, d.quartier_id, d.previous_id, d.status, d.created_at, d.updated_at, d.version,
       writes(d.written_by) AS writable,
       json_build_object(
           'id', d.id,
           'programme_id', d.programme_id,
           'quartier_id', d.quartier_id,
           'version_label', d.version_label,
           'period_from_on', d.period_from_on,
           'period_to_on', d.period_to_on,
           'previous_id', d.previous_id,
           'restitutions', d.restitutions,
           'shared_at', instant(d.shared_at),
           'validated_at', instant(d.validated_at),
           'status', d.status,
           'version', d.version,
           'created_at', instant(d.created_at),
           'created_by', d.created_by,
           'updated_at', instant(d.updated_at),
           'updated_by', d.updated_by,
           'allowed_transitions', allowed_transitions('diagnosis', d.status, relations_to_diagnosis(d.programme_id))
       ) AS body
FROM diagnosis AS d;
GRANT SELECT ON diagnosis_read TO gusp_member, gusp_auditor;

CREATE VIEW finding_read WITH (security_invoker = true) AS
SELECT f.id, f.diagnosis_id, f.n, f.theme, f.polarity, f.priority, f.status, f.updated_at, f.version, w.writable,
       json_build_object(
           'id', f.id,
           'programme_id', f.programme_id,
           'diagnosis_id', f.diagnosis_id,
           'n', f.n,
           'theme', f.theme,
           'polarity', f.polarity,
           'statement', f.statement,
           'priority', f.priority,
           'sources', f.sources,
           'agreed_by', f.agreed_by,
           'status', f.status,
           'version', f.version,
           'created_at', instant(f.created_at),
           'created_by', f.created_by,
           'updated_at', instant(f.updated_at),
           'updated_by', f.updated_by,
           'allowed_transitions', CASE WHEN w.writable AND d.status IN ('open', 'shared', 'restituted')
               THEN allowed_transitions('finding', f.status, '{writer}') ELSE '[]' END
       ) AS body
FROM finding AS f
JOIN diagnosis AS d ON d.id = f.diagnosis_id
CROSS JOIN LATERAL (SELECT writes(f.written_by) AS writable) AS w;
GRANT SELECT ON finding_read TO gusp_member, gusp_auditor;

-- Words -----------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('diagnosis_status', 'États d’un diagnostic', false),
    ('polarity', 'Sens d’un élément de diagnostic', false),
    ('finding_priority', 'Priorité d’un élément de diagnostic', false),
    ('source_type', 'Sources d’un diagnostic', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('diagnosis_status', 10, 'open', 'En cours d’élaboration', 'On l’écrit', NULL),
    ('diagnosis_status', 20, 'shared', 'Partagé', 'Montré aux partenaires',
        'Soumis aux partenaires du quartier, qui disent leur accord.'),
    ('diagnosis_status', 30, 'restituted', 'Restitué', 'Présenté aux habitants',
        'Présenté aux habitants lors d’une réunion de restitution.'),
    ('diagnosis_status', 40, 'validated', 'Validé', 'Terminé', 'Ne change plus ; une nouvelle version le suit.'),
    ('diagnosis_status', 50, 'archived', 'Archivé', 'Rangé', NULL),

    ('polarity', 10, 'asset', 'Atout', 'Ce qui va bien', NULL),
    ('polarity', 20, 'problem', 'Difficulté', 'Ce qui ne va pas', NULL),
    ('polarity', 30, 'neutral', 'Constat neutre', 'Ce qui est', NULL),

    ('finding_priority', 10, 'high', 'Haute', 'Important', NULL),
    ('finding_priority', 20, 'normal', 'Normale', 'Normal', NULL),
    ('finding_priority', 30, 'low', 'Basse', 'Moins important', NULL),

    ('source_type', 10, 'contribution', 'Contribution', 'La parole d’un habitant', NULL),
    ('source_type', 20, 'meeting', 'Réunion', 'Une réunion', NULL),
    ('source_type', 30, 'issue', 'Constat', 'Un constat', NULL),
    ('source_type', 40, 'statistic', 'Statistique', 'Un chiffre',
        'Une donnée chiffrée, avec son origine et son année.');

CALL spread_terms();
