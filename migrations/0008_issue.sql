-- Issues: what is wrong on the ground, who leads, and how it ends: verified by
-- another institution than the one that did the work.

SET search_path = gusp, public;

-- Instants ----------------------------------------------------------------------

-- As before, but STABLE as to_char is: PostgreSQL then puts it in the place of
-- its call, which is several times as fast.
CREATE OR REPLACE FUNCTION instant(timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- Places ------------------------------------------------------------------------

-- As before, with a plan that is kept.
CREATE OR REPLACE FUNCTION in_territory(geometry) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN $1 IS NULL OR EXISTS (
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
          AND public.ST_YMin($1) >= south AND public.ST_YMax($1) <= north);
END $$;

-- Words -------------------------------------------------------------------------

-- As before; stems are made once, and a new record has none to take away.
CREATE OR REPLACE FUNCTION index_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    record jsonb := to_jsonb(NEW);
    found text[];
BEGIN
    IF NEW.programme_id IS NULL THEN
        RETURN NULL;
    END IF;
    found := stems(coalesce((
        SELECT string_agg(CASE jsonb_typeof(record -> f)
            WHEN 'array' THEN (SELECT string_agg(v, ' ') FROM jsonb_array_elements_text(record -> f) AS v)
            ELSE record ->> f END, ' ')
        FROM unnest(TG_ARGV) AS f), ''));
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM word AS w WHERE w.id = NEW.id AND NOT w.stem = ANY (found);
    END IF;
    INSERT INTO word (programme_id, noun, stem, id)
    SELECT NEW.programme_id, TG_TABLE_NAME, s, NEW.id
    FROM unnest(found) AS s
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- Days --------------------------------------------------------------------------

-- Easter Sunday of a year (Meeus, Jones, Butcher: Gregorian computus).
CREATE FUNCTION easter(year int) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    a int := year % 19;
    b int := year / 100;
    c int := year % 100;
    h int := (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    l int := (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    m int := (a + 11 * h + 22 * l) / 451;
    n int := h + l - 7 * m + 114;
BEGIN
    RETURN make_date(year, n / 31, n % 31 + 1);
END $$;

-- Public holidays of metropolitan France (Code du travail, L3133-1).
CREATE FUNCTION is_holiday(day date) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_char($1, 'MM-DD') IN ('01-01', '05-01', '05-08', '07-14', '08-15', '11-01', '11-11', '12-25')
        OR $1 - gusp.easter(extract(year FROM $1)::int) IN (1, 39, 50)
$$;

-- The day that is n days later, counting working days (Monday to Friday, no
-- holiday) or all of them.
CREATE FUNCTION days_later(day date, n int, calendar text) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN $3 = 'calendar' THEN $1 + $2 ELSE (
        SELECT d::date
        FROM generate_series($1 + 1, $1 + $2 * 2 + 20, interval '1 day') AS d
        WHERE extract(isodow FROM d) < 6 AND NOT gusp.is_holiday(d::date)
        ORDER BY d
        OFFSET $2 - 1
        LIMIT 1) END
$$;

-- Today where the programmes are.
CREATE FUNCTION today() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE 'Europe/Paris')::date
$$;

-- References ----------------------------------------------------------------------

-- Three letters of a name, for references that people read aloud.
CREATE FUNCTION code_of(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT upper(rpad(left(regexp_replace(lower(gusp.unaccented($1)), '[^a-z]', '', 'g'), 3), 3, 'x'))
$$;

-- SAL-CAN-I-2026-000042: commune, quartier, noun, year, number. Numbers come
-- from a sequence of the installation: never used again, and no row that
-- writers would queue for.
CREATE SEQUENCE reference_number;
GRANT USAGE ON SEQUENCE reference_number TO gusp_member, gusp_definer;

CREATE FUNCTION reference(programme uuid, quartier uuid, letter text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_variable
BEGIN
    RETURN concat_ws('-',
        (SELECT gusp.code_of(coalesce(p.commune_name, p.title)) FROM gusp.programme AS p WHERE p.id = programme),
        (SELECT gusp.code_of(q.name) FROM gusp.quartier AS q WHERE q.id = quartier),
        letter, extract(year FROM gusp.today()),
        lpad(nextval('gusp.reference_number')::text, 6, '0'));
END $$;

-- Issues --------------------------------------------------------------------------

CREATE TABLE issue (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    ref text NOT NULL UNIQUE,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text CHECK (length(description) BETWEEN 1 AND 4000),
    personal_data_acknowledged boolean NOT NULL DEFAULT false,
    quartier_id uuid NOT NULL,
    site_id uuid,
    geometry geometry(Geometry, 4326),
    theme text,
    category text,
    component text,
    severity text CHECK (severity IN ('danger', 'high', 'normal', 'low')),
    nature text CHECK (nature IN ('maintenance', 'investment', 'behaviour', 'information')),
    origin_kind text NOT NULL DEFAULT 'system' CHECK (origin_kind IN ('walk', 'meeting', 'association',
        'bailleur', 'city', 'resident_relay', 'institution', 'system')),
    reported_by_actor_id uuid NOT NULL,
    reported_institution_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners', 'confidential', 'internal')),
    status text NOT NULL DEFAULT 'submitted' CHECK (status IN ('submitted', 'qualified', 'assigned', 'accepted',
        'planned', 'in_progress', 'on_hold', 'treated', 'resolved', 'duplicate', 'no_action', 'withdrawn')),
    stage text NOT NULL,
    status_reason text,
    public_explanation text CHECK (length(public_explanation) BETWEEN 1 AND 2000),
    public_note text CHECK (length(public_note) BETWEEN 1 AND 2000),
    master_id uuid,
    recurrence_of_id uuid,
    supporters_count int NOT NULL DEFAULT 0 CHECK (supporters_count >= 0),
    bounce_count int NOT NULL DEFAULT 0,
    reopen_count int NOT NULL DEFAULT 0,
    external_refs jsonb NOT NULL DEFAULT '[]',
    lead_actor_id uuid,
    lead_institution_id uuid,
    contributors uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(contributors) <= 20),
    executants uuid[] NOT NULL DEFAULT '{}',
    rule_id uuid,
    assigned_at timestamptz,
    due_on date,
    planned_on date,
    held_from text,
    held_at timestamptz,
    hold_cause text,
    hold_review_on date,
    hold_days int NOT NULL DEFAULT 0,
    decline_reason text,
    suggested_actor_id uuid,
    decision_meeting_id uuid,
    evidence jsonb NOT NULL DEFAULT '[]',
    treated_at timestamptz,
    resolved_at timestamptz,
    verifier_actor_id uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    edited_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id),
    FOREIGN KEY (programme_id, site_id) REFERENCES site (programme_id, id),
    FOREIGN KEY (programme_id, reported_by_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, lead_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, master_id) REFERENCES issue (programme_id, id),
    FOREIGN KEY (programme_id, recurrence_of_id) REFERENCES issue (programme_id, id),
    CONSTRAINT duplicate_names_its_master CHECK ((status = 'duplicate') = (master_id IS NOT NULL)),
    CONSTRAINT personal_data_stays_internal CHECK (NOT personal_data_acknowledged OR visibility = 'internal'),
    -- Nobody works on what nobody else sees.
    CONSTRAINT internal_before_work CHECK (visibility <> 'internal'
        OR status IN ('submitted', 'duplicate', 'no_action', 'withdrawn'))
);
CREATE INDEX issue_master ON issue (master_id) WHERE master_id IS NOT NULL;
CREATE INDEX issue_site_category ON issue (site_id, category, created_at);
CALL protect('issue', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');
-- What an institution keeps for itself is not audited, not even by its own
-- control service: it may name persons.
DROP POLICY auditor_select ON issue;
CREATE POLICY auditor_select ON issue FOR SELECT TO gusp_auditor
    USING (visibility <> 'internal' AND seen_by && (SELECT keys()));

-- Institutions of some actors, as the keys or pens that name them.
CREATE FUNCTION institutions_of(actors uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT a.institution_id), '{}')
            FROM gusp.actor AS a
            WHERE a.id = ANY ($1));
END $$;

-- Rule that names who leads -----------------------------------------------------------

-- The rule of responsibility for what is found at a site: lead, contributors
-- and due date. The most specific of the highest priority. Where tenure is
-- unknown nobody is named: that is a question for the city, not for a table.
CREATE FUNCTION proposal(issue gusp.issue)
RETURNS TABLE (rule_id uuid, lead_actor_id uuid, contributors uuid[], due_on date)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT r.id, r.lead_actor_id, r.contributors,
           gusp.days_later(gusp.today(), r.target_days, r.calendar)
    FROM gusp.site AS s
    JOIN gusp.rule AS r
      ON r.programme_id = s.programme_id
     AND r.status = 'active'
     AND coalesce(r.match_site_id = s.id, true)
     AND coalesce(r.match_tenure = s.tenure, true)
     AND coalesce(r.match_kind = s.kind, true)
     AND coalesce(r.match_category = issue.category, r.match_category IS NULL)
     AND CASE WHEN r.match_theme IS NULL THEN true
              ELSE r.match_theme IN (issue.theme, (
                  SELECT t.parent_code FROM gusp.term AS t
                  WHERE t.tenant = s.programme_id AND t.vocabulary = 'themes' AND t.code = issue.theme)) END
     AND coalesce(r.valid_from_on <= gusp.today(), true)
     AND coalesce(r.valid_to_on >= gusp.today(), true)
    WHERE s.id = issue.site_id
      AND s.tenure <> 'unknown'
    ORDER BY r.priority DESC,
             num_nonnulls(r.match_site_id, r.match_category, r.match_theme, r.match_tenure, r.match_kind) DESC,
             r.id
    LIMIT 1
$$;

-- Free texts of an issue name nobody, unless that is said; then it stays with
-- the institution that reported it. Only what changes is looked at.
CREATE FUNCTION check_issue_texts(now_ gusp.issue, was gusp.issue) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF now_.personal_data_acknowledged THEN
        RETURN;
    END IF;
    IF now_.title IS DISTINCT FROM was.title OR was.personal_data_acknowledged THEN
        PERFORM gusp.refuse_personal(now_.title, '/title');
    END IF;
    IF now_.description IS DISTINCT FROM was.description OR was.personal_data_acknowledged THEN
        PERFORM gusp.refuse_personal(now_.description, '/description');
    END IF;
    IF now_.public_note IS DISTINCT FROM was.public_note OR was.personal_data_acknowledged THEN
        PERFORM gusp.refuse_personal(now_.public_note, '/public_note');
    END IF;
    IF now_.public_explanation IS DISTINCT FROM was.public_explanation THEN
        PERFORM gusp.refuse_personal(now_.public_explanation, '/details/public_explanation');
    END IF;
END $$;

-- As check_references(), of the columns of an issue, with a plan that is kept:
-- to make one for each reference takes longer than to read what it names.
CREATE FUNCTION check_issue_references() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    unknown text := CASE
        WHEN NEW.quartier_id IS DISTINCT FROM OLD.quartier_id AND NEW.quartier_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM gusp.quartier AS q
                             WHERE q.id = NEW.quartier_id AND q.programme_id = NEW.programme_id)
        THEN 'quartier_id'
        WHEN NEW.site_id IS DISTINCT FROM OLD.site_id AND NEW.site_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM gusp.site AS s
                             WHERE s.id = NEW.site_id AND s.programme_id = NEW.programme_id)
        THEN 'site_id'
        WHEN NEW.reported_by_actor_id IS DISTINCT FROM OLD.reported_by_actor_id
             AND NEW.reported_by_actor_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM gusp.actor AS a
                             WHERE a.id = NEW.reported_by_actor_id AND a.programme_id = NEW.programme_id)
        THEN 'reported_by_actor_id'
        WHEN NEW.recurrence_of_id IS DISTINCT FROM OLD.recurrence_of_id AND NEW.recurrence_of_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM gusp.issue AS i
                             WHERE i.id = NEW.recurrence_of_id AND i.programme_id = NEW.programme_id)
        THEN 'recurrence_of_id'
        WHEN NEW.suggested_actor_id IS DISTINCT FROM OLD.suggested_actor_id AND NEW.suggested_actor_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM gusp.actor AS a
                             WHERE a.id = NEW.suggested_actor_id AND a.programme_id = NEW.programme_id)
        THEN 'suggested_actor_id' END;
BEGIN
    IF unknown IS NOT NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference', jsonb_build_object('pointer', '/' || unknown));
    END IF;
    RETURN NEW;
END $$;

-- A site lies in the quartier of what is found there; references to other
-- systems name actors that the caller sees.
CREATE FUNCTION check_issue_place(now_ gusp.issue) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gusp.site AS s WHERE s.id = now_.site_id AND s.quartier_id = now_.quartier_id) THEN
        PERFORM gusp.refuse('422', 'site_in_another_quartier', '{"pointer": "/site_id"}');
    END IF;
END $$;

CREATE FUNCTION check_external_refs(refs jsonb, programme uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    SELECT min(r.n) INTO n
    FROM jsonb_array_elements(refs) WITH ORDINALITY AS r (ref, n)
    WHERE NOT EXISTS (SELECT FROM gusp.actor AS a
                      WHERE a.id = (r.ref ->> 'actor_id')::uuid AND a.programme_id = programme);
    IF n IS NOT NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference',
            jsonb_build_object('pointer', format('/external_refs/%s/actor_id', n - 1)));
    END IF;
END $$;

CREATE FUNCTION prepare_issue() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    moving boolean := current_setting('app.moving', true) IS NOT DISTINCT FROM NEW.id::text;
    declined uuid[] := '{}';
    urgent uuid[] := '{}';
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.reported_by_actor_id := coalesce(NEW.reported_by_actor_id, gusp.caller_actor());
        NEW.ref := coalesce(NEW.ref, gusp.reference(NEW.programme_id, NEW.quartier_id, 'I'));
        SELECT a.institution_id INTO NEW.reported_institution_id
        FROM gusp.actor AS a WHERE a.id = NEW.reported_by_actor_id;
        IF gusp.caller_institution() IS NOT NULL AND NEW.reported_institution_id <> gusp.caller_institution() THEN
            PERFORM gusp.refuse('403', 'forbidden');
        END IF;
    ELSE
        IF NOT moving AND gusp.caller_role() IS NOT NULL AND NOT coalesce(OLD.edited_by && gusp.pens(), false) THEN
            PERFORM gusp.refuse('403', 'forbidden');
        END IF;
        IF NEW.quartier_id <> OLD.quartier_id AND OLD.status <> 'submitted' THEN
            PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/quartier_id"}');
        END IF;
        -- Who declines still reads what it declined; so does the answer.
        IF OLD.lead_institution_id = gusp.caller_institution() AND NEW.lead_actor_id IS NULL THEN
            declined := ARRAY[OLD.lead_institution_id];
        END IF;
    END IF;
    IF NEW.occurred_at > now() + interval '5 minutes'
       AND (TG_OP = 'INSERT' OR NEW.occurred_at <> OLD.occurred_at) THEN
        PERFORM gusp.refuse('422', 'occurred_in_the_future', '{"pointer": "/occurred_at"}');
    END IF;
    IF NEW.site_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.site_id IS DISTINCT FROM OLD.site_id
                                    OR NEW.quartier_id <> OLD.quartier_id) THEN
        PERFORM gusp.check_issue_place(NEW);
    END IF;
    IF NEW.external_refs <> '[]' AND (TG_OP = 'INSERT' OR NEW.external_refs <> OLD.external_refs) THEN
        PERFORM gusp.check_external_refs(NEW.external_refs, NEW.programme_id);
    END IF;
    IF NEW.personal_data_acknowledged AND (TG_OP = 'INSERT' OR NOT OLD.personal_data_acknowledged) THEN
        NEW.visibility := 'internal';
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM gusp.check_issue_texts(NEW, NULL);
    ELSE
        PERFORM gusp.check_issue_texts(NEW, OLD);
    END IF;
    NEW.stage := CASE WHEN NEW.status = 'on_hold' THEN 'on_hold:' || NEW.held_from ELSE NEW.status END;
    IF NEW.lead_actor_id IS NULL THEN
        NEW.lead_institution_id := NULL;
        IF NEW.severity = 'danger' THEN
            SELECT gusp.institutions_of(ARRAY[p.lead_actor_id]) INTO urgent FROM gusp.proposal(NEW) AS p;
        END IF;
    ELSE
        SELECT a.institution_id INTO NEW.lead_institution_id FROM gusp.actor AS a WHERE a.id = NEW.lead_actor_id;
    END IF;
    -- Those who do the work never verify it.
    NEW.executants := gusp.institutions_of(NEW.lead_actor_id || NEW.contributors);
    NEW.seen_by := CASE NEW.visibility
        WHEN 'internal' THEN ARRAY['i:' || NEW.reported_institution_id]
        WHEN 'confidential' THEN ARRAY['c:' || NEW.programme_id, 'u:' || NEW.programme_id]
        ELSE ARRAY['w:' || NEW.programme_id, 'q:' || NEW.quartier_id] END;
    IF NEW.visibility <> 'internal' THEN
        NEW.seen_by := NEW.seen_by || ARRAY(
            SELECT DISTINCT 'i:' || i
            FROM unnest(NEW.reported_institution_id || NEW.executants || coalesce(urgent, '{}') || declined) AS i
            ORDER BY 1);
    END IF;
    -- Pens reach only what their keys show: an internal issue is no other's.
    NEW.edited_by := ARRAY['c:' || NEW.programme_id, 'm:issue:' || NEW.programme_id]
        || CASE WHEN NEW.status = 'submitted' OR NEW.visibility = 'internal'
                THEN ARRAY['i:' || NEW.reported_institution_id] ELSE '{}' END;
    -- Who may move it somewhere writes it; which steps are whose, move() says.
    NEW.written_by := NEW.edited_by || ARRAY['i:' || NEW.reported_institution_id,
            'aq:' || NEW.quartier_id, 'aw:' || NEW.programme_id, 'n:' || NEW.programme_id]
        || CASE WHEN NEW.lead_institution_id IS NULL THEN '{}' ELSE ARRAY['i:' || NEW.lead_institution_id] END
        || ARRAY(SELECT 'i:' || d FROM unnest(declined) AS d);
    RETURN NEW;
END $$;

-- What the caller is to an issue. plpgsql, because it keeps the plan of its
-- query from row to row of a list.
CREATE FUNCTION relations_to_issue(programme uuid, quartier uuid, reporter uuid, lead uuid, executants uuid[])
RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    role text := gusp.caller_role();
    mine uuid := gusp.caller_institution();
    works boolean := role IN ('city', 'bailleur', 'association', 'institution');
    mandated boolean := coalesce('m:issue:' || programme = ANY (gusp.pens()), false);
    here boolean := coalesce(ARRAY['aq:' || quartier, 'aw:' || programme] && gusp.pens(), false);
    found text[] := array_remove(ARRAY[
        role,
        CASE WHEN mandated THEN 'mandated' END,
        CASE WHEN (works OR mandated) AND mine = reporter THEN 'submitter' END,
        CASE WHEN works AND mine = lead THEN 'lead' END,
        CASE WHEN mine = ANY (executants) THEN 'executant' END,
        CASE WHEN here THEN 'local_association' END], NULL);
BEGIN
    IF lead IS NULL OR mine = ANY (executants) OR NOT (role IN ('city', 'institution') OR here) THEN
        RETURN found;
    END IF;
    -- The city verifies, unless it is among those who do the work: then an
    -- association of the quartier or another institution does.
    IF EXISTS (SELECT FROM gusp.member AS m
               WHERE m.programme_id = programme AND m.institution_id = ANY (executants) AND m.role = 'city') THEN
        RETURN CASE WHEN here OR role = 'institution' THEN found || 'verifier'::text ELSE found END;
    END IF;
    RETURN CASE WHEN role = 'city' THEN found || 'verifier'::text ELSE found END;
END $$;

CREATE FUNCTION issue_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_issue(i.programme_id, i.quartier_id, i.reported_institution_id,
        i.lead_institution_id, i.executants)
    FROM (SELECT ($1 ->> 'programme_id')::uuid AS programme_id, ($1 ->> 'quartier_id')::uuid AS quartier_id,
                 ($1 ->> 'reported_institution_id')::uuid AS reported_institution_id,
                 ($1 ->> 'lead_institution_id')::uuid AS lead_institution_id,
                 ARRAY(SELECT jsonb_array_elements_text($1 -> 'executants')::uuid) AS executants) AS i
$$;

-- Guards ------------------------------------------------------------------------------

CREATE FUNCTION guard_not_internal(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 ->> 'visibility' <> 'internal'
$$;

CREATE FUNCTION guard_classified(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT num_nonnulls($1 ->> 'theme', $1 ->> 'category', $1 ->> 'severity', $1 ->> 'quartier_id') = 4
$$;

-- The master is another issue that the caller sees, no duplicate itself and no
-- descendant of this one. Duplicates of a programme are named one at a time.
CREATE FUNCTION guard_master_is_no_cycle(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    master uuid := ($2 -> 'details' ->> 'master_id')::uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('duplicates of ' || ($1 ->> 'programme_id'), 0));
    IF NOT EXISTS (SELECT FROM gusp.issue AS i
                   WHERE i.id = master AND i.programme_id = ($1 ->> 'programme_id')::uuid) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/master_id"}');
    END IF;
    RETURN master <> ($1 ->> 'id')::uuid
       AND NOT EXISTS (SELECT FROM gusp.issue AS i WHERE i.id = master AND i.status IN ('duplicate', 'withdrawn'))
       AND NOT EXISTS (
        WITH RECURSIVE above AS (
            SELECT i.id, i.master_id FROM gusp.issue AS i WHERE i.id = master
            UNION
            SELECT i.id, i.master_id FROM gusp.issue AS i JOIN above ON i.id = above.master_id)
        SELECT FROM above WHERE above.id = ($1 ->> 'id')::uuid);
END $$;

-- Whom a step to assigned names: who is said, else who the rule names.
CREATE FUNCTION assignment_of(record jsonb, request jsonb)
RETURNS TABLE (rule_id uuid, lead_actor_id uuid, contributors uuid[], due_on date)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    said jsonb := coalesce($2 -> 'details', '{}');
    proposed record;
BEGIN
    SELECT * INTO proposed FROM gusp.proposal((SELECT i FROM gusp.issue AS i WHERE i.id = ($1 ->> 'id')::uuid));
    lead_actor_id := coalesce((said ->> 'lead_actor_id')::uuid, proposed.lead_actor_id);
    rule_id := CASE WHEN lead_actor_id = proposed.lead_actor_id THEN proposed.rule_id END;
    contributors := CASE WHEN said ? 'contributors'
        THEN ARRAY(SELECT jsonb_array_elements_text(said -> 'contributors')::uuid)
        WHEN rule_id IS NOT NULL THEN proposed.contributors ELSE '{}' END;
    due_on := coalesce((said ->> 'due_on')::date, proposed.due_on);
    RETURN NEXT;
END $$;

CREATE FUNCTION guard_lead_is_member(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a record;
BEGIN
    SELECT * INTO a FROM gusp.assignment_of($1, $2);
    IF a.lead_actor_id IS NULL THEN
        PERFORM gusp.refuse('422', 'guard_lead_required', '{"pointer": "/details/lead_actor_id"}');
    END IF;
    IF EXISTS (SELECT FROM unnest(a.lead_actor_id || a.contributors) AS u (id)
               WHERE NOT EXISTS (SELECT FROM gusp.actor AS x
                                 WHERE x.id = u.id AND x.programme_id = ($1 ->> 'programme_id')::uuid)) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/lead_actor_id"}');
    END IF;
    IF a.due_on IS NULL THEN
        PERFORM gusp.refuse('422', 'guard_due_on_required', '{"pointer": "/details/due_on"}');
    END IF;
    RETURN EXISTS (
        SELECT FROM gusp.actor AS x
        JOIN gusp.member AS m ON m.programme_id = x.programme_id AND m.institution_id = x.institution_id
        WHERE x.id = a.lead_actor_id AND m.status = 'active'
          AND m.role IN ('city', 'bailleur', 'association', 'institution'));
END $$;

-- After the second refusal only a meeting names a third lead.
CREATE FUNCTION guard_third_assignment_is_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT ($1 ->> 'bounce_count')::int < 2
$$;

-- The lead declines with a reason; the city takes an unanswered one back once
-- its day has passed, and says why.
CREATE FUNCTION guard_declined_or_unanswered(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF 'lead' = ANY (gusp.issue_relations($1)) THEN
        IF $2 -> 'details' ->> 'decline_reason' IS NULL THEN
            PERFORM gusp.refuse('422', 'guard_decline_reason_required', '{"pointer": "/details/decline_reason"}');
        END IF;
        RETURN true;
    END IF;
    IF coalesce($2 ->> 'comment', '') = '' THEN
        PERFORM gusp.refuse('422', 'guard_comment_required', '{"pointer": "/comment"}');
    END IF;
    RETURN ($1 ->> 'due_on')::date < gusp.today();
END $$;

CREATE FUNCTION guard_evidence_required(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    given jsonb := coalesce($2 -> 'details' -> 'evidence', '[]');
BEGIN
    FOR n IN 0 .. jsonb_array_length(given) - 1 LOOP
        PERFORM gusp.refuse_personal(given -> n ->> 'note', format('/details/evidence/%s/note', n));
    END LOOP;
    RETURN jsonb_array_length(given) + jsonb_array_length($1 -> 'evidence') > 0;
END $$;

-- The city reopens at any time, an association within sixty days.
CREATE FUNCTION guard_reopen_window(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT gusp.caller_role() = 'city' OR ($1 ->> 'resolved_at')::timestamptz > now() - interval '60 days'
$$;

-- Effects -------------------------------------------------------------------------------

CREATE FUNCTION step_issue_duplicate(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE gusp.issue AS i
    SET supporters_count = i.supporters_count + 1 + ($1 ->> 'supporters_count')::int
    WHERE i.id = ($2 -> 'details' ->> 'master_id')::uuid;
    RETURN jsonb_build_object('master_id', $2 -> 'details' -> 'master_id');
END $$;

CREATE FUNCTION step_issue_no_action(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('status_reason', $2 ->> 'reason_code',
        'public_explanation', $2 -> 'details' ->> 'public_explanation')
$$;

CREATE FUNCTION step_issue_assign(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('lead_actor_id', a.lead_actor_id, 'contributors', a.contributors,
        'rule_id', a.rule_id, 'due_on', a.due_on, 'assigned_at', now(),
        'decline_reason', NULL, 'suggested_actor_id', NULL, 'planned_on', NULL,
        'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
    FROM gusp.assignment_of($1, $2) AS a
$$;

CREATE FUNCTION step_issue_return(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('lead_actor_id', NULL, 'contributors', '[]'::jsonb, 'rule_id', NULL,
        'due_on', NULL, 'assigned_at', NULL,
        'decline_reason', $2 -> 'details' -> 'decline_reason',
        'suggested_actor_id', $2 -> 'details' -> 'suggested_actor_id',
        'bounce_count', ($1 ->> 'bounce_count')::int
            + CASE WHEN 'lead' = ANY (gusp.issue_relations($1)) THEN 1 ELSE 0 END)
$$;

CREATE FUNCTION step_issue_plan(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('planned_on', $2 -> 'details' -> 'planned_on')
$$;

CREATE FUNCTION step_issue_hold(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('held_from', $1 -> 'status', 'held_at', now(),
        'hold_cause', $2 -> 'reason_code', 'hold_review_on', $2 -> 'details' -> 'review_on')
$$;

CREATE FUNCTION step_issue_resume(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('held_from', NULL, 'held_at', NULL, 'hold_cause', NULL, 'hold_review_on', NULL,
        'hold_days', ($1 ->> 'hold_days')::int
            + greatest(extract(day FROM now() - ($1 ->> 'held_at')::timestamptz)::int, 0))
$$;

CREATE FUNCTION step_issue_treat(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('treated_at', now(),
        'evidence', ($1 -> 'evidence') || coalesce($2 -> 'details' -> 'evidence', '[]'))
$$;

CREATE FUNCTION step_issue_verify(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('resolved_at', now(), 'verifier_actor_id', gusp.caller_actor(),
        'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

CREATE FUNCTION step_issue_contest(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('treated_at', NULL, 'reopen_count', ($1 ->> 'reopen_count')::int + 1)
$$;

-- Reopened: the same lead is asked again, with the time its rule gives.
CREATE FUNCTION step_issue_reopen(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('treated_at', NULL, 'resolved_at', NULL, 'verifier_actor_id', NULL,
        'assigned_at', now(), 'reopen_count', ($1 ->> 'reopen_count')::int + 1,
        'due_on', coalesce((SELECT gusp.days_later(gusp.today(), r.target_days, r.calendar)
                            FROM gusp.rule AS r WHERE r.id = ($1 ->> 'rule_id')::uuid), gusp.today() + 30))
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, needs_details, guards, effect, denied) VALUES
    ('issue', 'submitted', 'qualified', 1, '{city,mandated}', '{}', '{}', '{not_internal,classified}', NULL, '{}'),
    ('issue', 'submitted', 'withdrawn', 2, '{submitter}', '{}', '{}', '{}', NULL, '{}'),
    ('issue', 'submitted', 'duplicate', 3, '{city}', '{}', '{master_id}', '{master_is_no_cycle}', 'issue_duplicate', '{}'),
    ('issue', 'submitted', 'no_action', 4, '{city}', '{reason_code}', '{public_explanation}', '{}', 'issue_no_action', '{}'),
    ('issue', 'qualified', 'assigned', 1, '{city,mandated}', '{}', '{}', '{third_assignment_is_decided,lead_is_member}', 'issue_assign', '{}'),
    ('issue', 'qualified', 'duplicate', 2, '{city}', '{}', '{master_id}', '{master_is_no_cycle}', 'issue_duplicate', '{}'),
    ('issue', 'qualified', 'no_action', 3, '{city}', '{reason_code}', '{public_explanation}', '{}', 'issue_no_action', '{}'),
    ('issue', 'assigned', 'accepted', 1, '{lead}', '{}', '{}', '{}', NULL, '{}'),
    ('issue', 'assigned', 'qualified', 2, '{lead,city}', '{}', '{}', '{declined_or_unanswered}', 'issue_return', '{}'),
    ('issue', 'accepted', 'planned', 1, '{lead}', '{}', '{planned_on}', '{}', 'issue_plan', '{}'),
    ('issue', 'accepted', 'in_progress', 2, '{lead}', '{}', '{}', '{}', NULL, '{}'),
    ('issue', 'accepted', 'on_hold', 3, '{lead}', '{reason_code}', '{review_on}', '{}', 'issue_hold', '{}'),
    ('issue', 'accepted', 'treated', 4, '{lead}', '{}', '{}', '{evidence_required}', 'issue_treat', '{}'),
    ('issue', 'planned', 'in_progress', 1, '{lead}', '{}', '{}', '{}', NULL, '{}'),
    ('issue', 'planned', 'on_hold', 2, '{lead}', '{reason_code}', '{review_on}', '{}', 'issue_hold', '{}'),
    ('issue', 'planned', 'treated', 3, '{lead}', '{}', '{}', '{evidence_required}', 'issue_treat', '{}'),
    ('issue', 'in_progress', 'on_hold', 1, '{lead}', '{reason_code}', '{review_on}', '{}', 'issue_hold', '{}'),
    ('issue', 'in_progress', 'treated', 2, '{lead}', '{}', '{}', '{evidence_required}', 'issue_treat', '{}'),
    ('issue', 'on_hold:accepted', 'accepted', 1, '{lead}', '{}', '{}', '{}', 'issue_resume', '{}'),
    ('issue', 'on_hold:planned', 'planned', 1, '{lead}', '{}', '{}', '{}', 'issue_resume', '{}'),
    ('issue', 'on_hold:in_progress', 'in_progress', 1, '{lead}', '{}', '{}', '{}', 'issue_resume', '{}'),
    ('issue', 'treated', 'resolved', 1, '{verifier}', '{}', '{}', '{}', 'issue_verify',
        '{"lead": "self_verification", "executant": "self_verification"}'),
    ('issue', 'treated', 'in_progress', 2, '{city,local_association,submitter}', '{comment}', '{}', '{}', 'issue_contest', '{}'),
    ('issue', 'resolved', 'assigned', 1, '{city,local_association}', '{comment}', '{}', '{reopen_window}', 'issue_reopen', '{}');

-- Assignments ---------------------------------------------------------------------------

-- Who was asked to lead, when, and what it answered: one row each time, kept
-- by trigger. bounce_count and the arbitration list stand on it.
CREATE TABLE assignment (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    issue_id uuid NOT NULL REFERENCES issue,
    n int NOT NULL,
    lead_actor_id uuid NOT NULL,
    contributors uuid[] NOT NULL,
    rule_id uuid,
    assigned_at timestamptz NOT NULL,
    assigned_by uuid,
    due_on date NOT NULL,
    answer text NOT NULL DEFAULT 'pending' CHECK (answer IN ('pending', 'accepted', 'declined', 'unanswered')),
    answered_at timestamptz,
    decline_reason text CHECK (decline_reason IN ('not_my_land', 'not_my_competence', 'already_done',
        'not_found', 'budget', 'other')),
    suggested_actor_id uuid,
    comment text,
    UNIQUE (issue_id, n)
);
CALL protect('assignment', 'EXISTS (SELECT FROM issue AS i WHERE i.id = assignment.issue_id)', NULL);

CREATE FUNCTION keep_assignments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF NEW.status = 'assigned' THEN
        INSERT INTO assignment (programme_id, issue_id, n, lead_actor_id, contributors, rule_id,
            assigned_at, assigned_by, due_on)
        SELECT NEW.programme_id, NEW.id, 1 + count(*), NEW.lead_actor_id, NEW.contributors, NEW.rule_id,
               NEW.assigned_at, caller_actor(), NEW.due_on
        FROM assignment AS a WHERE a.issue_id = NEW.id;
    ELSIF OLD.status = 'assigned' THEN
        UPDATE assignment AS a
        SET answer = CASE WHEN NEW.status = 'accepted' THEN 'accepted'
                          WHEN NEW.decline_reason IS NOT NULL THEN 'declined' ELSE 'unanswered' END,
            answered_at = now(), decline_reason = NEW.decline_reason,
            suggested_actor_id = NEW.suggested_actor_id,
            comment = nullif(current_setting('app.comment', true), '')
        WHERE a.issue_id = NEW.id AND a.answer = 'pending';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION keep_assignments() OWNER TO gusp_definer;

-- Lists ---------------------------------------------------------------------------------

-- Who sees which issue, with what lists filter and sort by. open: somebody
-- still has to do something; orphan: nobody leads; arbitration: refused twice.
-- due_on is 'infinity' where nothing is due, so that it sorts. The cell is that
-- of a point, and -1 for the few lines and areas; west to north is the box of
-- either, in degrees, whose comparisons are leakproof.
CREATE TABLE issue_key (
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL REFERENCES issue,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    quartier_id uuid NOT NULL,
    site_id uuid,
    theme text,
    category text,
    status text NOT NULL,
    severity text,
    visibility text NOT NULL,
    lead_actor_id uuid,
    lead_institution_id uuid,
    reported_institution_id uuid NOT NULL,
    due_on date NOT NULL,
    open boolean NOT NULL,
    orphan boolean NOT NULL,
    arbitration boolean NOT NULL,
    cell bigint,
    west double precision,
    south double precision,
    east double precision,
    north double precision,
    PRIMARY KEY (id, key)
);
-- Four indexes hold all that filters ask, one in each order and one by place:
-- a list walks along one of them, without the table, and passes over what the
-- filters leave out. The others are for what is asked each day and may be rare
-- among all that a key shows. An index more for each filter and order would be
-- forty; each costs every write of an issue once for each of its keys.
CREATE INDEX issue_key_created ON issue_key (key, created_at DESC, id DESC)
    INCLUDE (updated_at, due_on, occurred_at, quartier_id, site_id, theme, category, status, severity,
        visibility, lead_actor_id, lead_institution_id, reported_institution_id, open, orphan, arbitration);
CREATE INDEX issue_key_updated ON issue_key (key, updated_at DESC, id DESC)
    INCLUDE (created_at, due_on, occurred_at, quartier_id, site_id, theme, category, status, severity,
        visibility, lead_actor_id, lead_institution_id, reported_institution_id, open, orphan, arbitration);
CREATE INDEX issue_key_due ON issue_key (key, due_on, id)
    INCLUDE (created_at, updated_at, occurred_at, quartier_id, site_id, theme, category, status, severity,
        visibility, lead_actor_id, lead_institution_id, reported_institution_id, open, orphan, arbitration);
CREATE INDEX issue_key_cell ON issue_key (key, cell)
    INCLUDE (id, west, south, east, north, created_at, updated_at, due_on, occurred_at, quartier_id, site_id,
        theme, category, status, severity, visibility, lead_actor_id, lead_institution_id,
        reported_institution_id, open, orphan, arbitration)
    WHERE cell IS NOT NULL;
CREATE INDEX issue_key_quartier ON issue_key (key, quartier_id, status, created_at DESC, id DESC);
CREATE INDEX issue_key_status ON issue_key (key, status, due_on, id)
    INCLUDE (quartier_id, lead_institution_id, visibility, orphan, arbitration);
CREATE INDEX issue_key_open ON issue_key (key, due_on, id) WHERE open;
CREATE INDEX issue_key_site ON issue_key (key, site_id, created_at DESC, id DESC) WHERE site_id IS NOT NULL;
CREATE INDEX issue_key_lead ON issue_key (key, lead_institution_id, created_at DESC, id DESC)
    INCLUDE (status, lead_actor_id) WHERE lead_institution_id IS NOT NULL;
CREATE INDEX issue_key_reporter ON issue_key (key, reported_institution_id, created_at DESC, id DESC);
CREATE INDEX issue_key_occurred ON issue_key (key, occurred_at);
CALL protect('issue_key', 'key = ANY ((SELECT keys())::text[])', NULL);
DROP POLICY auditor_select ON issue_key;
CREATE POLICY auditor_select ON issue_key FOR SELECT TO gusp_auditor
    USING (visibility <> 'internal' AND key = ANY ((SELECT keys())::text[]));

-- The states in which somebody still has to do something.
CREATE FUNCTION is_open(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT $1 IN ('submitted', 'qualified', 'assigned', 'accepted', 'planned', 'in_progress', 'on_hold', 'treated')
$$;

CREATE FUNCTION key_issue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    place bigint := CASE WHEN ST_GeometryType(NEW.geometry) = 'ST_Point' THEN cell_of(NEW.geometry)
                         WHEN NEW.geometry IS NOT NULL THEN -1 END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM issue_key AS k WHERE k.id = NEW.id;
    END IF;
    INSERT INTO issue_key (key, id, created_at, updated_at, occurred_at, quartier_id, site_id, theme,
        category, status, severity, visibility, lead_actor_id, lead_institution_id,
        reported_institution_id, due_on, open, orphan, arbitration, cell,
        west, south, east, north)
    SELECT s.key, NEW.id, NEW.created_at, NEW.updated_at, NEW.occurred_at, NEW.quartier_id, NEW.site_id,
           NEW.theme, NEW.category, NEW.status, NEW.severity, NEW.visibility, NEW.lead_actor_id,
           NEW.lead_institution_id, NEW.reported_institution_id, coalesce(NEW.due_on, 'infinity'),
           is_open(NEW.status),
           NEW.status = 'qualified' AND NEW.lead_actor_id IS NULL,
           NEW.status = 'qualified' AND NEW.bounce_count >= 2,
           place, ST_XMin(NEW.geometry), ST_YMin(NEW.geometry), ST_XMax(NEW.geometry), ST_YMax(NEW.geometry)
    FROM unnest(NEW.seen_by) AS s (key);
    RETURN NULL;
END $$;
ALTER FUNCTION key_issue() OWNER TO gusp_definer;

-- The ranges of cells in which the issues of a box are: those of its points,
-- and that of all lines and areas.
CREATE FUNCTION issue_cells(bbox text) RETURNS TABLE (lo bigint, hi bigint)
LANGUAGE sql STABLE STRICT ROWS 17 AS $$
    SELECT c.lo, c.hi FROM gusp.bbox_cells($1) AS c
    UNION ALL
    SELECT -1, -1
$$;

-- The caller's lines and areas that touch a box: those whose own boxes do,
-- which an index tells; then PostGIS has the last word.
CREATE FUNCTION issue_shapes_in(bbox text) RETURNS SETOF uuid
LANGUAGE sql STABLE ROWS 20 AS $$
    SELECT i.id
    FROM (SELECT DISTINCT k.id
          FROM unnest(gusp.keys()) AS u (key)
          CROSS JOIN gusp.box_of($1) AS box
          CROSS JOIN LATERAL (
              SELECT k.id
              FROM gusp.issue_key AS k
              WHERE k.key = u.key AND k.cell = -1
                AND k.west <= public.ST_XMax(box) AND k.east >= public.ST_XMin(box)
                AND k.south <= public.ST_YMax(box) AND k.north >= public.ST_YMin(box)
              OFFSET 0) AS k) AS shaped
    JOIN gusp.issue AS i ON i.id = shaped.id
    WHERE public.ST_Intersects(i.geometry, gusp.box_of($1))
$$;

-- "lon,lat" as a point, or a refusal.
CREATE FUNCTION point_of(near text) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    n double precision[];
BEGIN
    IF near ~ '^(-?[0-9]{1,3}(\.[0-9]{1,20})?(,(?=.)|$)){2}$' THEN
        n := string_to_array(near, ',')::double precision[];
    END IF;
    IF n[1] BETWEEN -180 AND 180 AND n[2] BETWEEN -90 AND 90 THEN
        RETURN public.ST_SetSRID(public.ST_MakePoint(n[1], n[2]), 4326);
    END IF;
    PERFORM gusp.refuse('400', 'invalid_near');
END $$;

-- A box that holds all that is within so many metres of a shape, as text.
CREATE FUNCTION box_around(shape geometry, metres double precision) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT format('%s,%s,%s,%s',
        round(greatest(public.ST_XMin(shape) - d.lon, -180)::numeric, 9),
        round(greatest(public.ST_YMin(shape) - d.lat, -90)::numeric, 9),
        round(least(public.ST_XMax(shape) + d.lon, 180)::numeric, 9),
        round(least(public.ST_YMax(shape) + d.lat, 90)::numeric, 9))
    -- A degree of latitude is at least 110 km; one of longitude that by the
    -- cosine, taken at the box's farthest latitude.
    FROM (SELECT $2 / 110000 + 1e-6 AS lat,
                 ($2 / 110000 + 1e-6)
                 / greatest(cos(radians(least(greatest(abs(public.ST_YMin($1)), abs(public.ST_YMax($1)))
                                              + $2 / 110000, 89))), 0.01) AS lon) AS d
$$;

-- Metres between a point and a shape, on the ellipsoid.
CREATE FUNCTION metres_from(lon double precision, lat double precision, shape geography) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.ST_Distance(public.ST_SetSRID(public.ST_MakePoint($1, $2), 4326)::public.geography, $3)
$$;

-- The caller's lines and areas within so many metres of a shape.
CREATE FUNCTION issue_shapes_near(shape geometry, metres double precision) RETURNS SETOF uuid
LANGUAGE sql STABLE STRICT ROWS 20 AS $$
    SELECT i.id
    FROM gusp.issue_shapes_in(gusp.box_around($1, $2)) AS f (id)
    JOIN gusp.issue AS i ON i.id = f.id
    WHERE public.ST_DWithin(i.geometry::public.geography, $1::public.geography, $2)
$$;

-- All of the caller's issues within so many metres of a shape.
CREATE FUNCTION issues_near(shape geometry, metres double precision) RETURNS SETOF uuid
LANGUAGE sql STABLE STRICT ROWS 50 AS $$
    SELECT k.id
    FROM gusp.bbox_cells(gusp.box_around($1, $2)) AS c
    CROSS JOIN unnest(gusp.keys()) AS u (key)
    CROSS JOIN LATERAL (
        SELECT k.id, k.west, k.south
        FROM gusp.issue_key AS k
        WHERE k.key = u.key AND k.cell >= c.lo AND k.cell <= c.hi
        OFFSET 0) AS k
    WHERE gusp.metres_from(k.west, k.south, $1::public.geography) <= $2
    UNION
    SELECT f.id FROM gusp.issue_shapes_near($1, $2) AS f (id)
$$;

-- Issues that may be the same as one: of its category at its site within
-- thirty days; or within thirty metres, while open or within thirty days.
-- What is a duplicate itself, or withdrawn, is none.
CREATE FUNCTION similar_issues(id uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE ROWS 20 AS $$
    SELECT o.id
    FROM gusp.issue AS i
    JOIN gusp.issue AS o ON o.site_id = i.site_id AND o.category = i.category
    WHERE i.id = $1 AND o.id <> i.id
      AND o.created_at >= i.created_at - interval '30 days'
      AND o.created_at <= i.created_at + interval '30 days'
      AND o.status NOT IN ('duplicate', 'withdrawn')
    UNION
    SELECT o.id
    FROM gusp.issue AS i
    CROSS JOIN LATERAL gusp.issues_near(i.geometry, 30) AS n (id)
    JOIN gusp.issue AS o ON o.id = n.id
    WHERE i.id = $1 AND o.id <> i.id
      AND (gusp.is_open(o.status) OR abs(extract(epoch FROM o.created_at - i.created_at)) <= 30 * 86400)
      AND o.status NOT IN ('duplicate', 'withdrawn')
$$;

-- Triggers --------------------------------------------------------------------------------

CALL keep('issue', true, '{ref,title,description}');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON issue
    FOR EACH ROW EXECUTE FUNCTION check_issue_references();
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON issue
    FOR EACH ROW EXECUTE FUNCTION check_terms('theme', 'themes', 'category', 'categories',
        'component', 'components');
CREATE TRIGGER w_key_created AFTER INSERT ON issue
    FOR EACH ROW EXECUTE FUNCTION key_issue();
CREATE TRIGGER w_key_changed AFTER UPDATE ON issue
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_issue();
CREATE TRIGGER w_assignments AFTER UPDATE ON issue
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION keep_assignments();

INSERT INTO field_group (noun, field, grp)
SELECT 'issue', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'edited_by', 'stage', 'executants', 'lead_institution_id',
        'reported_institution_id') THEN 'kept'
    WHEN f IN ('hold_cause', 'external_refs') THEN 'partner'
    ELSE 'public' END
FROM unnest('{id,programme_id,ref,title,description,personal_data_acknowledged,quartier_id,site_id,geometry,theme,category,component,severity,nature,origin_kind,reported_by_actor_id,reported_institution_id,occurred_at,visibility,status,stage,status_reason,public_explanation,public_note,master_id,recurrence_of_id,supporters_count,bounce_count,reopen_count,external_refs,lead_actor_id,lead_institution_id,contributors,executants,rule_id,assigned_at,due_on,planned_on,held_from,held_at,hold_cause,hold_review_on,hold_days,decline_reason,suggested_actor_id,decision_meeting_id,evidence,treated_at,resolved_at,verifier_actor_id,version,created_at,created_by,updated_at,updated_by,seen_by,written_by,edited_by}'::text[]) AS f;

-- What is read --------------------------------------------------------------------------------

CREATE VIEW issue_read WITH (security_invoker = true) AS
SELECT i.id, i.programme_id, i.version, w.writable,
       (jsonb_build_object(
           'id', i.id,
           'programme_id', i.programme_id,
           'ref', i.ref,
           'title', i.title,
           'description', i.description,
           'quartier_id', i.quartier_id,
           'site_id', i.site_id,
           'geometry', geojson_of(i.geometry),
           'theme', i.theme,
           'category', i.category,
           'component', i.component,
           'severity', i.severity,
           'nature', i.nature,
           'origin_kind', i.origin_kind,
           'reported_by_actor_id', i.reported_by_actor_id,
           'reported_institution_id', i.reported_institution_id,
           'personal_data_acknowledged', i.personal_data_acknowledged,
           'occurred_at', instant(i.occurred_at),
           'visibility', i.visibility,
           'status', i.status,
           'status_reason', i.status_reason,
           'public_explanation', i.public_explanation,
           'public_note', i.public_note,
           'master_id', i.master_id,
           'recurrence_of_id', i.recurrence_of_id,
           'supporters_count', i.supporters_count,
           'bounce_count', i.bounce_count,
           'reopen_count', i.reopen_count,
           'arbitration', i.status = 'qualified' AND i.bounce_count >= 2
       ) || jsonb_build_object(
           'lead_actor_id', i.lead_actor_id,
           'lead_institution_id', i.lead_institution_id,
           'contributors', i.contributors,
           'rule_id', i.rule_id,
           'assigned_at', instant(i.assigned_at),
           'due_on', i.due_on,
           'late', coalesce(is_open(i.status) AND i.due_on < today(), false),
           'planned_on', i.planned_on,
           'held_from', i.held_from,
           'held_at', instant(i.held_at),
           'hold_review_on', i.hold_review_on,
           'hold_days', i.hold_days,
           'decline_reason', i.decline_reason,
           'suggested_actor_id', i.suggested_actor_id,
           'decision_meeting_id', i.decision_meeting_id,
           'evidence', i.evidence,
           'treated_at', instant(i.treated_at),
           'resolved_at', instant(i.resolved_at),
           'verifier_actor_id', i.verifier_actor_id,
           'version', i.version,
           'created_at', instant(i.created_at),
           'created_by', i.created_by,
           'updated_at', instant(i.updated_at),
           'updated_by', i.updated_by,
           'notice', CASE WHEN i.severity = 'danger' AND is_open(i.status) THEN
               'Danger : prévenez les secours (112). Cette API n''est pas un service d''urgence.' END,
           'allowed_transitions', allowed_transitions('issue', i.stage,
               relations_to_issue(i.programme_id, i.quartier_id, i.reported_institution_id,
                   i.lead_institution_id, i.executants))
       ) || CASE WHEN 'partner' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('hold_cause', i.hold_cause, 'external_refs', i.external_refs)
            ELSE '{}' END) AS body
FROM issue AS i
CROSS JOIN LATERAL (SELECT writes(i.edited_by) AS writable) AS w;
GRANT SELECT ON issue_read TO gusp_member, gusp_auditor;

CREATE VIEW assignment_read WITH (security_invoker = true) AS
SELECT a.issue_id, a.n,
       json_build_object(
           'id', a.id,
           'issue_id', a.issue_id,
           'n', a.n,
           'lead_actor_id', a.lead_actor_id,
           'contributors', a.contributors,
           'rule_id', a.rule_id,
           'assigned_at', instant(a.assigned_at),
           'assigned_by', a.assigned_by,
           'due_on', a.due_on,
           'answer', a.answer,
           'answered_at', instant(a.answered_at),
           'decline_reason', a.decline_reason,
           'suggested_actor_id', a.suggested_actor_id,
           'comment', a.comment
       ) AS body
FROM assignment AS a;
GRANT SELECT ON assignment_read TO gusp_member, gusp_auditor;

-- Words ---------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('issue_status', 'États d’un constat', false),
    ('severity', 'Gravité', false),
    ('nature', 'Nature de la réponse', false),
    ('origin_kind', 'Origine d’un constat', false),
    ('decline_reason', 'Motifs de refus d’une affectation', false),
    ('assignment_answer', 'Réponses à une affectation', false),
    ('issue_visibility', 'Visibilité d’un constat', false),
    ('evidence_kind', 'Types de preuves', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('issue_status', 10, 'submitted', 'Déposé', 'Signalé', 'Signalé, pas encore examiné par la ville.'),
    ('issue_status', 20, 'qualified', 'Qualifié', 'Compris', 'Thème, catégorie et gravité sont établis ; il reste à dire qui répond.'),
    ('issue_status', 30, 'assigned', 'Affecté', 'Demandé à quelqu’un', 'Une institution est sollicitée, avec une échéance.'),
    ('issue_status', 40, 'accepted', 'Pris en charge', 'Quelqu’un s’en charge', NULL),
    ('issue_status', 50, 'planned', 'Programmé', 'Prévu', 'Une date d’intervention est fixée.'),
    ('issue_status', 60, 'in_progress', 'En cours', 'En cours', NULL),
    ('issue_status', 70, 'on_hold', 'En attente', 'En attente', 'Suspendu, avec une cause et une date de réexamen ; l’échéance court toujours.'),
    ('issue_status', 80, 'treated', 'Déclaré traité', 'Dit réparé', 'Le responsable déclare avoir répondu, preuve à l’appui ; une autre institution vérifie.'),
    ('issue_status', 90, 'resolved', 'Résolu et vérifié', 'Réparé', NULL),
    ('issue_status', 100, 'duplicate', 'Doublon', 'Déjà signalé', NULL),
    ('issue_status', 110, 'no_action', 'Sans suite', 'Sans suite', 'Rien ne sera fait, et il est dit pourquoi.'),
    ('issue_status', 120, 'withdrawn', 'Retiré', 'Retiré', 'Retiré par qui l’avait déposé, avant tout examen.'),

    ('severity', 10, 'danger', 'Danger', 'Dangereux', 'Quelqu’un peut se blesser. Cette application n’est pas un service d’urgence : appelez le 112.'),
    ('severity', 20, 'high', 'Élevée', 'Grave', NULL),
    ('severity', 30, 'normal', 'Normale', 'Normal', NULL),
    ('severity', 40, 'low', 'Faible', 'Peu grave', NULL),

    ('nature', 10, 'maintenance', 'Entretien', 'À entretenir ou à réparer', NULL),
    ('nature', 20, 'investment', 'Investissement', 'Des travaux', NULL),
    ('nature', 30, 'behaviour', 'Usages et comportements', 'La façon de faire', NULL),
    ('nature', 40, 'information', 'Information', 'À expliquer', NULL),

    ('origin_kind', 10, 'walk', 'Diagnostic en marchant', 'Une marche', NULL),
    ('origin_kind', 20, 'meeting', 'Réunion', 'Une réunion', NULL),
    ('origin_kind', 30, 'association', 'Association', 'Une association', NULL),
    ('origin_kind', 40, 'bailleur', 'Bailleur', 'Le bailleur', NULL),
    ('origin_kind', 50, 'city', 'Ville', 'La mairie', NULL),
    ('origin_kind', 60, 'resident_relay', 'Relais d’habitants', 'Des habitants', NULL),
    ('origin_kind', 70, 'institution', 'Institution', 'Une institution', NULL),
    ('origin_kind', 80, 'system', 'Système', 'L’application', NULL),

    ('decline_reason', 10, 'not_my_land', 'Hors de mon domaine', 'Ce n’est pas chez moi', NULL),
    ('decline_reason', 20, 'not_my_competence', 'Hors de ma compétence', 'Ce n’est pas mon travail', NULL),
    ('decline_reason', 30, 'already_done', 'Déjà fait', 'Déjà fait', NULL),
    ('decline_reason', 40, 'not_found', 'Non constaté sur place', 'Je ne l’ai pas trouvé', NULL),
    ('decline_reason', 50, 'budget', 'Sans budget', 'Pas d’argent pour cela', NULL),
    ('decline_reason', 60, 'other', 'Autre motif', 'Autre', NULL),

    ('assignment_answer', 10, 'pending', 'En attente de réponse', 'Pas encore de réponse', NULL),
    ('assignment_answer', 20, 'accepted', 'Acceptée', 'Oui', NULL),
    ('assignment_answer', 30, 'declined', 'Refusée', 'Non', NULL),
    ('assignment_answer', 40, 'unanswered', 'Restée sans réponse', 'Pas de réponse', 'Reprise par la ville une fois l’échéance passée.'),

    ('issue_visibility', 10, 'public', 'Publique', 'Tout le monde', 'Peut être montré au public.'),
    ('issue_visibility', 20, 'partners', 'Partenaires', 'Les partenaires', 'Visible des membres du quartier.'),
    ('issue_visibility', 30, 'confidential', 'Confidentielle', 'Quelques-uns', 'Visible de la ville, de qui répond, de qui a signalé et du contrôle.'),
    ('issue_visibility', 40, 'internal', 'Interne', 'Nous seuls', 'Visible de la seule institution qui a signalé.'),

    ('evidence_kind', 10, 'photo_after', 'Photo après intervention', 'Une photo', NULL),
    ('evidence_kind', 20, 'invoice', 'Facture', 'Une facture', NULL),
    ('evidence_kind', 30, 'work_order', 'Bon de travaux', 'Un bon de travaux', NULL),
    ('evidence_kind', 40, 'minutes', 'Compte rendu', 'Un compte rendu', NULL),
    ('evidence_kind', 50, 'count', 'Comptage', 'Un comptage', NULL),
    ('evidence_kind', 60, 'statement', 'Attestation', 'Une attestation', NULL);

CALL spread_terms();
