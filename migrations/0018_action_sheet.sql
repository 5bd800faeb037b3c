-- Action plans and their sheets (fiches-actions): what is found, what is aimed
-- at and how, who leads it with whom, when, with which means; what it costs
-- stands beside it. And the keys of partners, who read what is not yet for
-- everybody.

SET search_path = gusp, public;

-- Keys ----------------------------------------------------------------------------

-- Two keys more: pp:<programme> of the partners, who are neither associations
-- nor auditors; n:<programme> of the other institutions (State, agglomeration,
-- funders), who read costs. Of auditors one less, i: of their institution: what
-- that drafts or notes for itself is not audited, not even by its own control
-- service.
CREATE FUNCTION add_keys_of_role() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys := CASE NEW.role
        WHEN 'admin' THEN NEW.keys
        WHEN 'association' THEN NEW.keys
        WHEN 'auditor' THEN array_remove(NEW.keys, 'i:' || NEW.institution_id)
        WHEN 'institution' THEN NEW.keys || ARRAY['pp:' || NEW.programme_id, 'n:' || NEW.programme_id]
        ELSE NEW.keys || ('pp:' || NEW.programme_id) END;
    RETURN NEW;
END $$;
CREATE TRIGGER c_keys_of_role BEFORE INSERT OR UPDATE ON member
    FOR EACH ROW EXECUTE FUNCTION add_keys_of_role();

-- Of the memberships there are: no change that anybody made, so no event.
ALTER TABLE member DISABLE TRIGGER USER;
ALTER TABLE member ENABLE TRIGGER b_prepare;
ALTER TABLE member ENABLE TRIGGER c_keys_of_role;
UPDATE member SET keys = keys;
ALTER TABLE member ENABLE TRIGGER USER;

-- Plans ---------------------------------------------------------------------------

CREATE TABLE action_plan (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    quartiers uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(quartiers) <= 100),
    period_from_on date,
    period_to_on date,
    diagnosis_id uuid,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'adopted', 'closed')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    CONSTRAINT period_ends_after_start CHECK (period_to_on >= period_from_on)
);
CREATE INDEX action_plan_list ON action_plan (programme_id, title, id);
CREATE INDEX action_plan_recent ON action_plan (programme_id, updated_at DESC, id DESC);
CALL protect('action_plan', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- The pens of those who keep plans and sheets.
CREATE FUNCTION pens_of_plans(programme uuid) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['c:' || $1, 'm:action_plan:' || $1]
$$;

CREATE FUNCTION prepare_action_plan() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp.refuse_personal(NEW.title, '/title');
    IF TG_OP = 'UPDATE' AND OLD.status = 'closed' AND NEW.status = 'closed'
       AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    NEW.seen_by := ARRAY[CASE WHEN NEW.status = 'draft' THEN 'pp:' ELSE 'p:' END || NEW.programme_id];
    NEW.written_by := gusp.pens_of_plans(NEW.programme_id);
    RETURN NEW;
END $$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs) VALUES
    ('action_plan', 'draft', 'adopted', 1, '{writer}', '{}'),
    ('action_plan', 'adopted', 'closed', 1, '{writer}', '{}'),
    ('action_plan', 'closed', 'adopted', 1, '{writer}', '{comment}');

CALL keep('action_plan', true, '{title}');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON action_plan
    FOR EACH ROW EXECUTE FUNCTION check_references('quartiers', 'quartier', 'diagnosis_id', 'diagnosis');

INSERT INTO field_group (noun, field, grp)
SELECT 'action_plan', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
        id,programme_id,title,quartiers,period_from_on,period_to_on,diagnosis_id,status,version,created_at,
        created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

CREATE VIEW action_plan_read WITH (security_invoker = true) AS
SELECT p.id, p.programme_id, p.title, p.quartiers, p.diagnosis_id, p.status, p.version, p.updated_at, w.writable,
       json_build_object(
           'id', p.id,
           'programme_id', p.programme_id,
           'title', p.title,
           'quartiers', p.quartiers,
           'period_from_on', p.period_from_on,
           'period_to_on', p.period_to_on,
           'diagnosis_id', p.diagnosis_id,
           'status', p.status,
           'version', p.version,
           'created_at', instant(p.created_at),
           'created_by', p.created_by,
           'updated_at', instant(p.updated_at),
           'updated_by', p.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('action_plan', p.status, '{writer}') ELSE '[]' END
       ) AS body
FROM action_plan AS p
CROSS JOIN LATERAL (SELECT writes(p.written_by) AS writable) AS w;
GRANT SELECT ON action_plan_read TO gusp_member, gusp_auditor;

-- Sheets ---------------------------------------------------------------------------

-- The records that something comes from, [{type, id}], as far as the caller
-- sees them.
CREATE FUNCTION visible_origin(origin jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jsonb := '[]';
    link jsonb;
    seen boolean;
BEGIN
    FOR link IN SELECT jsonb_array_elements(origin) LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM gusp.%I AS t WHERE t.id = $1)', link ->> 'type')
            INTO seen USING (link ->> 'id')::uuid;
        IF seen THEN
            found := found || link;
        END IF;
    END LOOP;
    RETURN found;
END $$;

CREATE FUNCTION check_origin(origin jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_array_length(origin) <> jsonb_array_length(gusp.visible_origin(origin)) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/origin"}');
    END IF;
END $$;

-- objectives are texts; calendar [{milestone, planned_on, actual_on}];
-- indicators [{label, unit, baseline, target, values: [{on, value}]}]; means
-- [{kind, label, actor_id, person_days}].
CREATE TABLE action_sheet (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    ref text NOT NULL UNIQUE,
    plan_id uuid NOT NULL,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    themes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(themes) <= 20),
    quartiers uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(quartiers) <= 100),
    target_publics text[] NOT NULL DEFAULT '{}' CHECK (cardinality(target_publics) <= 20),
    finding text CHECK (length(finding) BETWEEN 1 AND 4000),
    objectives text[] NOT NULL DEFAULT '{}' CHECK (cardinality(objectives) <= 20),
    description text CHECK (length(description) BETWEEN 1 AND 4000),
    method text CHECK (length(method) BETWEEN 1 AND 4000),
    pilot_actor_id uuid,
    pilot_institution_id uuid,
    partners uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(partners) <= 50),
    calendar jsonb NOT NULL DEFAULT '[]',
    expected_results text CHECK (length(expected_results) BETWEEN 1 AND 4000),
    indicators jsonb NOT NULL DEFAULT '[]',
    means jsonb NOT NULL DEFAULT '[]',
    origin jsonb NOT NULL DEFAULT '[]',
    decision_meeting_id uuid,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'consultation', 'adopted', 'annexed', 'running',
        'completed', 'evaluated', 'withdrawn')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, plan_id) REFERENCES action_plan (programme_id, id),
    FOREIGN KEY (programme_id, pilot_actor_id) REFERENCES actor (programme_id, id)
);
CREATE INDEX action_sheet_list ON action_sheet (programme_id, created_at DESC, id DESC);
CREATE INDEX action_sheet_recent ON action_sheet (programme_id, updated_at DESC, id DESC);
CREATE INDEX action_sheet_plan ON action_sheet (plan_id, created_at DESC, id DESC);
CALL protect('action_sheet', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Every text of a sheet names nobody, those in its lists too.
CREATE FUNCTION check_sheet_texts(now_ jsonb, was jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    field text;
    words text;
BEGIN
    FOREACH field IN ARRAY '{
        title,finding,objectives,description,method,calendar,expected_results,indicators,
        means}'::text[] LOOP
        CONTINUE WHEN now_ -> field IS NOT DISTINCT FROM was -> field;
        FOR words IN SELECT v #>> '{}' FROM jsonb_path_query(now_ -> field, 'strict $.** ? (@.type() == "string")') AS v
        LOOP
            CONTINUE WHEN words ~ '^[0-9a-f-]{36}$' OR words ~ '^\d{4}-\d{2}-\d{2}$';
            PERFORM gusp.refuse_personal(words, '/' || field);
        END LOOP;
    END LOOP;
END $$;

-- Actors that the means name are those that the caller sees.
CREATE FUNCTION check_sheet_means(means jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    SELECT min(m.n) INTO n
    FROM jsonb_array_elements(means) WITH ORDINALITY AS m (line, n)
    WHERE m.line ->> 'actor_id' IS NOT NULL
      AND NOT EXISTS (SELECT FROM gusp.actor AS a
                      WHERE a.id = (m.line ->> 'actor_id')::uuid AND a.programme_id = gusp.caller_programme());
    IF n IS NOT NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference',
            jsonb_build_object('pointer', format('/means/%s/actor_id', n - 1)));
    END IF;
END $$;

-- The city and a mandated facilitator write a sheet until it is adopted; its
-- pilot its part: how it is done, when, with what, and what is measured. That
-- part lives on; what a meeting adopted does not change.
CREATE FUNCTION check_sheet_change(now_ gusp.action_sheet, was gusp.action_sheet) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part text[] := '{description,method,calendar,indicators,means}';
    fixed text;
BEGIN
    SELECT n.key INTO fixed
    FROM jsonb_each(to_jsonb(now_) - part) AS n
    WHERE n.value IS DISTINCT FROM to_jsonb(was) -> n.key
    ORDER BY n.key
    LIMIT 1;
    IF fixed IS NOT NULL AND was.status NOT IN ('draft', 'consultation')
       OR was.status IN ('evaluated', 'withdrawn') AND to_jsonb(now_) <> to_jsonb(was) THEN
        PERFORM gusp.refuse('409', 'sheet_frozen', jsonb_build_object('pointer', '/' || coalesce(fixed, '')));
    END IF;
    IF fixed IS NOT NULL AND NOT gusp.pens_of_plans(was.programme_id) && gusp.pens() THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
END $$;

CREATE FUNCTION prepare_action_sheet() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.action_sheet;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.ref := coalesce(NEW.ref, gusp.reference(NEW.programme_id, NEW.quartiers[1], 'F'));
        IF gusp.caller_role() IS NOT NULL AND NOT gusp.pens_of_plans(NEW.programme_id) && gusp.pens() THEN
            PERFORM gusp.refuse('403', 'forbidden');
        END IF;
    ELSE
        was := OLD;
        IF gusp.caller_role() IS NOT NULL
           AND current_setting('app.moving', true) IS DISTINCT FROM NEW.id::text THEN
            PERFORM gusp.check_sheet_change(NEW, OLD);
        END IF;
    END IF;
    PERFORM gusp.check_sheet_texts(to_jsonb(NEW), to_jsonb(was));
    IF gusp.caller_role() IS NOT NULL AND NEW.means IS DISTINCT FROM was.means THEN
        PERFORM gusp.check_sheet_means(NEW.means);
    END IF;
    IF gusp.caller_role() IS NOT NULL AND NEW.origin IS DISTINCT FROM was.origin THEN
        PERFORM gusp.check_origin(NEW.origin);
    END IF;
    NEW.pilot_institution_id := (gusp.institutions_of(ARRAY[NEW.pilot_actor_id]))[1];
    NEW.seen_by := CASE WHEN NEW.status = 'draft' THEN 'pp:' || NEW.programme_id
            || ARRAY(SELECT 'i:' || i FROM unnest(gusp.institutions_of(NEW.pilot_actor_id || NEW.partners)) AS i)
        ELSE ARRAY['p:' || NEW.programme_id] END;
    NEW.written_by := gusp.pens_of_plans(NEW.programme_id)
        || CASE WHEN NEW.pilot_institution_id IS NULL THEN '{}' ELSE ARRAY['i:' || NEW.pilot_institution_id] END;
    RETURN NEW;
END $$;

CREATE FUNCTION action_sheet_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN gusp.pens_of_plans(($1 ->> 'programme_id')::uuid) && gusp.pens()
        THEN '{keeper}'::text[] ELSE '{}' END
$$;

-- Costs -----------------------------------------------------------------------------

-- What a sheet costs and who pays: seen by its pilot, the city, the other
-- institutions and the auditors; by everybody where it is said to be open.
-- funding [{funder_actor_id, kind, year, planned_cents, granted_cents,
-- paid_cents}]; in_kind [{label, provider_actor_id, valued_cents}].
CREATE TABLE action_sheet_cost (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    action_sheet_id uuid NOT NULL UNIQUE REFERENCES action_sheet,
    planned_cents bigint CHECK (planned_cents >= 0),
    actual_cents bigint CHECK (actual_cents >= 0),
    funding jsonb NOT NULL DEFAULT '[]',
    in_kind jsonb NOT NULL DEFAULT '[]',
    open boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'active' CHECK (status = 'active'),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL
);
CALL protect('action_sheet_cost', 'seen_by && (SELECT keys()) '
    'AND EXISTS (SELECT FROM action_sheet AS s WHERE s.id = action_sheet_cost.action_sheet_id)',
    'written_by && (SELECT pens())');

CREATE FUNCTION prepare_action_sheet_cost() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    s gusp.action_sheet;
    line jsonb;
BEGIN
    SELECT * INTO s FROM gusp.action_sheet AS x WHERE x.id = NEW.action_sheet_id;
    NEW.programme_id := s.programme_id;
    FOR line IN SELECT jsonb_array_elements(NEW.funding || NEW.in_kind) LOOP
        PERFORM gusp.refuse_personal(line ->> 'label', '/in_kind');
        IF NOT EXISTS (SELECT FROM gusp.actor AS a
                       WHERE a.id = coalesce(line ->> 'funder_actor_id', line ->> 'provider_actor_id')::uuid
                         AND a.programme_id = s.programme_id) THEN
            PERFORM gusp.refuse('422', 'unknown_reference', jsonb_build_object('pointer',
                CASE WHEN line ? 'funder_actor_id' THEN '/funding' ELSE '/in_kind' END));
        END IF;
    END LOOP;
    NEW.seen_by := CASE WHEN NEW.open THEN ARRAY['p:' || s.programme_id]
        ELSE ARRAY['c:' || s.programme_id, 'n:' || s.programme_id, 'u:' || s.programme_id]
            || CASE WHEN s.pilot_institution_id IS NULL THEN '{}' ELSE ARRAY['i:' || s.pilot_institution_id] END END;
    NEW.written_by := s.written_by;
    RETURN NEW;
END $$;

CREATE FUNCTION spread_sheet_rights() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF OLD.pilot_institution_id IS NULL THEN
        UPDATE action_sheet_cost AS k SET seen_by = k.seen_by WHERE k.action_sheet_id = NEW.id;
    ELSE
        -- Who pilots now does not learn what the pilot before spent.
        UPDATE action_sheet_cost AS k
        SET planned_cents = NULL, actual_cents = NULL, funding = '[]', in_kind = '[]', open = false
        WHERE k.action_sheet_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION spread_sheet_rights() OWNER TO gusp_definer;
CREATE TRIGGER z_costs AFTER UPDATE ON action_sheet
    FOR EACH ROW WHEN (OLD.pilot_institution_id IS DISTINCT FROM NEW.pilot_institution_id)
    EXECUTE FUNCTION spread_sheet_rights();

CREATE FUNCTION create_action_sheet(said jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO gusp.action_sheet AS s (programme_id, plan_id, title, themes, quartiers, target_publics, finding,
        objectives, description, method, pilot_actor_id, partners, calendar, expected_results, indicators,
        means, origin)
    SELECT gusp.caller_programme(), b.plan_id, b.title, coalesce(b.themes, '{}'), coalesce(b.quartiers, '{}'),
           coalesce(b.target_publics, '{}'), b.finding, coalesce(b.objectives, '{}'), b.description, b.method,
           b.pilot_actor_id, coalesce(b.partners, '{}'), coalesce(b.calendar, '[]'), b.expected_results,
           coalesce(b.indicators, '[]'), coalesce(b.means, '[]'), coalesce(b.origin, '[]')
    FROM jsonb_populate_record(NULL::gusp.action_sheet, said) AS b
    RETURNING s.id INTO made;
    INSERT INTO gusp.action_sheet_cost (action_sheet_id) VALUES (made);
    RETURN made;
END $$;

-- Life-cycle ------------------------------------------------------------------------

CREATE FUNCTION guard_sheet_is_whole(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT num_nonnulls($1 ->> 'finding', $1 ->> 'pilot_actor_id') = 2 AND $1 -> 'objectives' <> '[]'
$$;

CREATE FUNCTION guard_adopted_by_a_meeting(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT gusp.decided(($2 -> 'details' ->> 'meeting_id')::uuid, 'action_sheet', ($1 ->> 'id')::uuid)
$$;

-- Work has begun, or ended, where its commitments say so.
CREATE FUNCTION guard_work_has_begun(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM gusp.commitment AS c
                   WHERE c.sheet_id = ($1 ->> 'id')::uuid
                     AND c.status IN ('in_progress', 'blocked', 'claimed', 'verified'));
END $$;

CREATE FUNCTION guard_work_has_ended(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM gusp.commitment AS c
                   WHERE c.sheet_id = ($1 ->> 'id')::uuid AND c.status = 'verified')
       AND NOT EXISTS (SELECT FROM gusp.commitment AS c
                       WHERE c.sheet_id = ($1 ->> 'id')::uuid
                         AND c.status IN ('proposed', 'accepted', 'in_progress', 'blocked', 'claimed'));
END $$;

CREATE FUNCTION step_sheet_adopt(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, needs_details, guards, effect) VALUES
    ('action_sheet', 'draft', 'consultation', 1, '{keeper}', '{}', '{}', '{sheet_is_whole}', NULL),
    ('action_sheet', 'draft', 'withdrawn', 2, '{keeper}', '{comment}', '{}', '{}', NULL),
    ('action_sheet', 'consultation', 'adopted', 1, '{keeper}', '{}', '{meeting_id}',
        '{adopted_by_a_meeting}', 'sheet_adopt'),
    ('action_sheet', 'consultation', 'withdrawn', 2, '{keeper}', '{comment}', '{}', '{}', NULL),
    ('action_sheet', 'adopted', 'annexed', 1, '{system}', '{}', '{}', '{}', NULL),
    ('action_sheet', 'adopted', 'withdrawn', 2, '{keeper}', '{comment}', '{}', '{}', NULL),
    ('action_sheet', 'annexed', 'running', 1, '{city}', '{}', '{}', '{work_has_begun}', NULL),
    ('action_sheet', 'running', 'completed', 1, '{city}', '{}', '{}', '{work_has_ended}', NULL),
    ('action_sheet', 'completed', 'evaluated', 1, '{city}', '{}', '{}', '{}', NULL);

CALL keep('action_sheet', true, '{ref,title,finding,description}');
CALL keep('action_sheet_cost', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON action_sheet
    FOR EACH ROW EXECUTE FUNCTION check_references('plan_id', 'action_plan', 'quartiers', 'quartier',
        'pilot_actor_id', 'actor', 'partners', 'actor');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON action_sheet
    FOR EACH ROW EXECUTE FUNCTION check_terms('themes', 'themes', 'target_publics', 'target_publics');

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'origin') OR n.noun = 'action_sheet_cost' AND f = 'status' THEN 'kept'
    ELSE 'public' END
FROM (VALUES
    ('action_sheet', '{
        id,programme_id,ref,plan_id,title,themes,quartiers,target_publics,finding,objectives,description,method,
        pilot_actor_id,pilot_institution_id,partners,calendar,expected_results,indicators,means,origin,
        decision_meeting_id,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]),
    ('action_sheet_cost', '{
        id,programme_id,action_sheet_id,planned_cents,actual_cents,funding,in_kind,open,status,version,
        created_at,created_by,updated_at,updated_by,seen_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

ALTER TABLE decision DROP CONSTRAINT decision_target_type_check,
    ADD CONSTRAINT decision_target_type_check CHECK (target_type IN ('issue', 'commitment', 'action_sheet'));

-- What is read ----------------------------------------------------------------------------

-- How far a sheet is, by those of its commitments that the caller sees: no
-- count tells of others. percent is the mean of what was verified (all of it)
-- and of what owners estimate of the rest.
CREATE FUNCTION sheet_progress(sheet uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
                'commitments', count(*),
                'proposed', count(*) FILTER (WHERE c.status = 'proposed'),
                'under_way', count(*) FILTER (WHERE gusp.is_due(c.status)),
                'late', count(*) FILTER (WHERE gusp.is_due(c.status) AND c.due_on < gusp.today()),
                'claimed', count(*) FILTER (WHERE c.status = 'claimed'),
                'verified', count(*) FILTER (WHERE c.status = 'verified'),
                'percent', round(avg(CASE WHEN c.status = 'verified' THEN 100 ELSE c.progress END)))
            FROM gusp.commitment AS c
            WHERE c.sheet_id = sheet
              AND c.status IN ('proposed', 'accepted', 'in_progress', 'blocked', 'claimed', 'verified'));
END $$;

CREATE VIEW action_sheet_cost_read WITH (security_invoker = true) AS
SELECT k.action_sheet_id, k.version, w.writable,
       json_build_object(
           'action_sheet_id', k.action_sheet_id,
           'planned_cents', k.planned_cents,
           'actual_cents', k.actual_cents,
           'funding', k.funding,
           'in_kind', k.in_kind,
           'open', k.open,
           'version', k.version,
           'updated_at', instant(k.updated_at),
           'updated_by', k.updated_by
       ) AS body
FROM action_sheet_cost AS k
CROSS JOIN LATERAL (SELECT writes(k.written_by) AS writable) AS w;
GRANT SELECT ON action_sheet_cost_read TO gusp_member, gusp_auditor;

CREATE VIEW action_sheet_read WITH (security_invoker = true) AS
SELECT s.id, s.programme_id, s.plan_id, s.themes, s.quartiers, s.pilot_institution_id, s.status, s.version,
       s.created_at, s.updated_at, w.writable,
       (jsonb_build_object(
           'id', s.id,
           'programme_id', s.programme_id,
           'ref', s.ref,
           'plan_id', s.plan_id,
           'title', s.title,
           'themes', s.themes,
           'quartiers', s.quartiers,
           'target_publics', s.target_publics,
           'finding', s.finding,
           'objectives', s.objectives,
           'description', s.description,
           'method', s.method,
           'pilot_actor_id', s.pilot_actor_id,
           'pilot_institution_id', s.pilot_institution_id,
           'partners', s.partners,
           'calendar', s.calendar,
           'expected_results', s.expected_results,
           'indicators', s.indicators,
           'means', s.means,
           'origin', visible_origin(s.origin),
           'progress', sheet_progress(s.id),
           'decision_meeting_id', s.decision_meeting_id,
           'status', s.status,
           'version', s.version,
           'created_at', instant(s.created_at),
           'created_by', s.created_by,
           'updated_at', instant(s.updated_at),
           'updated_by', s.updated_by,
           'allowed_transitions', allowed_transitions('action_sheet', s.status,
               caller_role() || action_sheet_relations(to_jsonb(s)))
       ) || coalesce((SELECT jsonb_build_object('cost', jsonb_build_object('planned_cents', k.planned_cents,
                          'actual_cents', k.actual_cents, 'funding', k.funding, 'in_kind', k.in_kind, 'open', k.open))
                      FROM action_sheet_cost AS k WHERE k.action_sheet_id = s.id), '{}')) AS body
FROM action_sheet AS s
CROSS JOIN LATERAL (SELECT writes(s.written_by) AS writable) AS w;
GRANT SELECT ON action_sheet_read TO gusp_member, gusp_auditor;

-- Words ---------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('action_plan_status', 'États d’un plan d’actions', false),
    ('action_sheet_status', 'États d’une fiche-action', false),
    ('means_kind', 'Types de moyens', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('action_plan_status', 10, 'draft', 'En préparation', 'En préparation',
        'Visible de la ville et de ses partenaires.'),
    ('action_plan_status', 20, 'adopted', 'Adopté', 'Décidé', NULL),
    ('action_plan_status', 30, 'closed', 'Clos', 'Terminé', NULL),

    ('action_sheet_status', 10, 'draft', 'Brouillon', 'En préparation',
        'Visible de la ville, de ses partenaires et de qui la pilote.'),
    ('action_sheet_status', 20, 'consultation', 'En consultation', 'À discuter', NULL),
    ('action_sheet_status', 30, 'adopted', 'Adoptée', 'Décidée',
        'Une réunion l’a adoptée ; son contenu ne change plus.'),
    ('action_sheet_status', 40, 'annexed', 'Annexée à la convention', 'Dans la convention', NULL),
    ('action_sheet_status', 50, 'running', 'En cours', 'En cours', NULL),
    ('action_sheet_status', 60, 'completed', 'Réalisée', 'Finie', NULL),
    ('action_sheet_status', 70, 'evaluated', 'Évaluée', 'Évaluée', NULL),
    ('action_sheet_status', 80, 'withdrawn', 'Retirée', 'Retirée', NULL),
    ('means_kind', 10, 'human', 'Moyens humains', 'Des personnes', NULL),
    ('means_kind', 20, 'material', 'Moyens matériels', 'Du matériel', NULL),

    ('decision_target', 30, 'action_sheet', 'Fiche-action', 'Une action', NULL);
CALL spread_terms();
