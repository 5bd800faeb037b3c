-- Meetings: from the call to the published minutes; who was asked and who
-- came, as counts; what was decided; and what issues owe to them.

SET search_path = gusp, public;

-- Series -------------------------------------------------------------------------

-- Meetings that come back: the inter-bailleurs of each month, a committee.
CREATE TABLE meeting_series (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (kind IN ('neighbourhood', 'resident_workshop', 'walk', 'interview', 'restitution',
        'technical', 'inter_bailleurs', 'transversal', 'tech_committee', 'steering_committee',
        'resident_council', 'other')),
    rhythm text NOT NULL CHECK (rhythm IN ('weekly', 'monthly', 'every_two_months', 'quarterly', 'half_yearly',
        'yearly', 'irregular')),
    quartiers uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(quartiers) <= 100),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id)
);
CREATE INDEX meeting_series_list ON meeting_series (programme_id, title, id);
CREATE INDEX meeting_series_recent ON meeting_series (programme_id, updated_at DESC, id DESC);
CALL protect('meeting_series', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- The keys of those who see what concerns some quartiers: everyone, if none
-- is named.
CREATE FUNCTION keys_of_quartiers(programme uuid, quartiers uuid[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN $2 = '{}' THEN ARRAY['p:' || $1]
        ELSE 'w:' || $1 || ARRAY(SELECT 'q:' || q FROM unnest($2) AS q) END
$$;

-- The pens of those who run meetings.
CREATE FUNCTION pens_of_meetings(programme uuid) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['c:' || $1, 'm:meeting:' || $1]
$$;

CREATE FUNCTION prepare_meeting_series() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp.refuse_personal(NEW.title, '/title');
    NEW.seen_by := gusp.keys_of_quartiers(NEW.programme_id, NEW.quartiers);
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id);
    RETURN NEW;
END $$;

-- Meetings -------------------------------------------------------------------------

-- phase is the part of the démarche that the meeting serves. A walk has a
-- route, groups and numbered stops; nothing else has them. minutes_version
-- counts publications: each correction is one more.
CREATE TABLE meeting (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    ref text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('neighbourhood', 'resident_workshop', 'walk', 'interview', 'restitution',
        'technical', 'inter_bailleurs', 'transversal', 'tech_committee', 'steering_committee',
        'resident_council', 'other')),
    phase text CHECK (phase IN ('diagnosis', 'search', 'implementation', 'evaluation')),
    series_id uuid,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    quartiers uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(quartiers) <= 100),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    venue_text text CHECK (length(venue_text) BETWEEN 1 AND 300),
    venue_actor_id uuid,
    convenor_actor_id uuid,
    facilitators uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(facilitators) <= 20),
    supports jsonb NOT NULL DEFAULT '[]',
    communications jsonb NOT NULL DEFAULT '[]',
    priorities jsonb NOT NULL DEFAULT '[]',
    route geometry(LineString, 4326),
    weather text CHECK (length(weather) BETWEEN 1 AND 200),
    groups jsonb NOT NULL DEFAULT '[]',
    stops jsonb NOT NULL DEFAULT '[]',
    synthesis text CHECK (length(synthesis) BETWEEN 1 AND 20000),
    minutes_document_id uuid,
    minutes_version int NOT NULL DEFAULT 0,
    minutes_published_at timestamptz,
    answers_due_on date,
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'called', 'held', 'minutes_draft',
        'minutes_published', 'cancelled', 'postponed')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, series_id) REFERENCES meeting_series (programme_id, id),
    FOREIGN KEY (programme_id, venue_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, convenor_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, minutes_document_id) REFERENCES document (programme_id, id),
    CONSTRAINT meeting_ends_after_start CHECK (ends_at > starts_at),
    CONSTRAINT itinerary_is_of_a_walk CHECK (kind = 'walk'
        OR (route IS NULL AND weather IS NULL AND groups = '[]' AND stops = '[]'))
);
-- Those that arbitrate, by their day.
CREATE INDEX meeting_arbitrating ON meeting (programme_id, starts_at, id)
    WHERE kind IN ('inter_bailleurs', 'transversal') AND status IN ('planned', 'called');
CALL protect('meeting', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Who is asked to come. The institution answers itself.
CREATE TABLE invitation (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    meeting_id uuid NOT NULL REFERENCES meeting,
    actor_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    answered_at timestamptz,
    status text NOT NULL DEFAULT 'invited' CHECK (status IN ('invited', 'accepted', 'excused', 'withdrawn')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (meeting_id, actor_id),
    FOREIGN KEY (programme_id, actor_id) REFERENCES actor (programme_id, id)
);
CREATE INDEX invitation_list ON invitation (meeting_id, created_at, id);
CALL protect('invitation', 'EXISTS (SELECT FROM meeting AS m WHERE m.id = invitation.meeting_id)',
    'written_by && (SELECT pens())');

-- The members of the objects in a list, as what is wrong with them is told:
-- what they refer to is seen by the caller, their texts name nobody, their
-- numbers are each other's.
CREATE FUNCTION check_parts(parts jsonb, pointer text, refers text, noun text, programme uuid, texts text[])
RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    part jsonb;
    member text;
    at text;
    known boolean;
    numbers int[] := '{}';
BEGIN
    FOR n IN 0 .. jsonb_array_length(parts) - 1 LOOP
        part := parts -> n;
        at := format('%s/%s/', pointer, n);
        IF part ->> refers IS NOT NULL THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM gusp.%I AS t WHERE t.id = $1 AND t.programme_id = $2)', noun)
                INTO known USING (part ->> refers)::uuid, programme;
            IF NOT known THEN
                PERFORM gusp.refuse('422', 'unknown_reference', jsonb_build_object('pointer', at || refers));
            END IF;
        END IF;
        FOREACH member IN ARRAY texts LOOP
            PERFORM gusp.refuse_personal(part ->> member, at || member);
        END LOOP;
        IF (part ->> 'n')::int = ANY (numbers) THEN
            PERFORM gusp.refuse('422', 'repeated_number', jsonb_build_object('pointer', at || 'n'));
        END IF;
        numbers := numbers || (part ->> 'n')::int;
    END LOOP;
END $$;

-- Stops as they are kept: their points sound and in the territory, their
-- instants as the interface writes them.
CREATE FUNCTION stops_of(stops jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(s.stop || jsonb_build_object(
               'point', gusp.geojson_of(gusp.geometry_of(s.stop -> 'point', format('/stops/%s/point', s.n - 1))),
               'planned_at', gusp.instant((s.stop ->> 'planned_at')::timestamptz)) ORDER BY s.n), '[]')
    FROM jsonb_array_elements($1) WITH ORDINALITY AS s (stop, n)
$$;

-- Institutions that see a meeting wherever it is: those that it invites, and
-- those that call, host and lead it.
CREATE FUNCTION institutions_at(meeting gusp.meeting) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT u.id), '{}')
            FROM (SELECT unnest(gusp.institutions_of(
                      ARRAY[meeting.venue_actor_id, meeting.convenor_actor_id] || meeting.facilitators))
                  UNION
                  SELECT i.institution_id FROM gusp.invitation AS i
                  WHERE i.meeting_id = meeting.id AND i.status <> 'withdrawn') AS u (id));
END $$;

CREATE FUNCTION prepare_meeting() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.meeting;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.ref := gusp.reference(NEW.programme_id,
            CASE WHEN cardinality(NEW.quartiers) = 1 THEN NEW.quartiers[1] END, 'M');
        NEW.convenor_actor_id := coalesce(NEW.convenor_actor_id, gusp.caller_actor());
    ELSE
        was := OLD;
        IF OLD.status = 'minutes_published'
           AND (NEW.kind, NEW.synthesis, NEW.priorities, NEW.minutes_document_id, NEW.answers_due_on)
               IS DISTINCT FROM
               (OLD.kind, OLD.synthesis, OLD.priorities, OLD.minutes_document_id, OLD.answers_due_on) THEN
            PERFORM gusp.refuse('409', 'frozen');
        END IF;
        IF NEW.starts_at > now() AND OLD.starts_at <> NEW.starts_at
           AND OLD.status IN ('held', 'minutes_draft', 'minutes_published') THEN
            PERFORM gusp.refuse('422', 'guard_meeting_has_begun', '{"pointer": "/starts_at"}');
        END IF;
    END IF;
    IF NEW.stops IS DISTINCT FROM was.stops THEN
        NEW.stops := gusp.stops_of(NEW.stops);
        -- What issues come from stays; the caller's view tells of no others.
        IF EXISTS (SELECT FROM gusp.issue AS i
                   WHERE i.origin_meeting_id = NEW.id AND i.origin_stop_n IS NOT NULL
                     AND NOT NEW.stops @> jsonb_build_array(jsonb_build_object('n', i.origin_stop_n))) THEN
            PERFORM gusp.refuse('422', 'stop_in_use', '{"pointer": "/stops"}');
        END IF;
    END IF;
    PERFORM gusp.check_meeting_texts(NEW, was);
    NEW.seen_by := gusp.keys_of_quartiers(NEW.programme_id, NEW.quartiers)
        || ARRAY(SELECT 'i:' || i FROM unnest(gusp.institutions_at(NEW)) AS i ORDER BY 1);
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id);
    RETURN NEW;
END $$;

-- What changes of a meeting names nobody, and refers to what the caller sees.
CREATE FUNCTION check_meeting_texts(now_ gusp.meeting, was gusp.meeting) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    p uuid := now_.programme_id;
    at bigint;
BEGIN
    IF now_.title IS DISTINCT FROM was.title THEN
        PERFORM gusp.refuse_personal(now_.title, '/title');
    END IF;
    IF now_.venue_text IS DISTINCT FROM was.venue_text THEN
        PERFORM gusp.refuse_personal(now_.venue_text, '/venue_text');
    END IF;
    IF now_.synthesis IS DISTINCT FROM was.synthesis THEN
        PERFORM gusp.refuse_personal(now_.synthesis, '/synthesis');
    END IF;
    IF now_.weather IS DISTINCT FROM was.weather THEN
        PERFORM gusp.refuse_personal(now_.weather, '/weather');
    END IF;
    IF now_.supports IS DISTINCT FROM was.supports THEN
        PERFORM gusp.check_parts(now_.supports, '/supports', 'document_id', 'document', p, '{label}');
    END IF;
    IF now_.communications IS DISTINCT FROM was.communications THEN
        PERFORM gusp.check_parts(now_.communications, '/communications', NULL, NULL, p, '{audience,text}');
    END IF;
    IF now_.priorities IS DISTINCT FROM was.priorities THEN
        PERFORM gusp.check_parts(now_.priorities, '/priorities', NULL, NULL, p, '{text}');
        SELECT min(t.n) INTO at
        FROM jsonb_array_elements(now_.priorities) WITH ORDINALITY AS t (priority, n)
        WHERE t.priority ->> 'theme' IS NOT NULL
          AND NOT EXISTS (SELECT FROM gusp.term AS x
                          WHERE x.tenant = p AND x.vocabulary = 'themes' AND x.code = t.priority ->> 'theme'
                            AND x.status = 'active');
        IF at IS NOT NULL THEN
            PERFORM gusp.refuse('422', 'unknown_term',
                jsonb_build_object('pointer', format('/priorities/%s/theme', at - 1)));
        END IF;
    END IF;
    IF now_.groups IS DISTINCT FROM was.groups THEN
        PERFORM gusp.check_parts(now_.groups, '/groups', 'lead_actor_id', 'actor', p, '{label}');
    END IF;
    IF now_.stops IS DISTINCT FROM was.stops THEN
        PERFORM gusp.check_parts(now_.stops, '/stops', NULL, NULL, p, '{label}');
    END IF;
END $$;

-- Guards and effects ---------------------------------------------------------------

CREATE FUNCTION guard_meeting_has_begun(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT ($1 ->> 'starts_at')::timestamptz <= now()
$$;

-- Who asks residents what is wrong says by when they are answered.
CREATE FUNCTION guard_answers_due_on_required(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF $1 ->> 'kind' IN ('walk', 'neighbourhood', 'resident_workshop')
       AND coalesce($2 -> 'details' ->> 'answers_due_on', $1 ->> 'answers_due_on') IS NULL THEN
        PERFORM gusp.refuse('422', 'guard_answers_due_on_required', '{"pointer": "/details/answers_due_on"}');
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION step_meeting_publish(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('minutes_version', ($1 ->> 'minutes_version')::int + 1,
        'minutes_published_at', now(),
        'answers_due_on', coalesce($2 -> 'details' -> 'answers_due_on', $1 -> 'answers_due_on'))
$$;

-- A new day, and as long as it was to last unless that is said too.
CREATE FUNCTION step_meeting_recall(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('starts_at', d.starts_at, 'ends_at', coalesce(
        ($2 -> 'details' ->> 'ends_at')::timestamptz,
        d.starts_at + (($1 ->> 'ends_at')::timestamptz - ($1 ->> 'starts_at')::timestamptz)))
    FROM (SELECT ($2 -> 'details' ->> 'starts_at')::timestamptz AS starts_at) AS d
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, needs_details, guards, effect) VALUES
    ('meeting', 'planned', 'called', 1, '{writer}', '{}', '{}', '{}', NULL),
    ('meeting', 'planned', 'postponed', 2, '{writer}', '{}', '{}', '{}', NULL),
    ('meeting', 'planned', 'cancelled', 3, '{writer}', '{comment}', '{}', '{}', NULL),
    ('meeting', 'called', 'held', 1, '{writer}', '{}', '{}', '{meeting_has_begun}', NULL),
    ('meeting', 'called', 'postponed', 2, '{writer}', '{}', '{}', '{}', NULL),
    ('meeting', 'called', 'cancelled', 3, '{writer}', '{comment}', '{}', '{}', NULL),
    ('meeting', 'postponed', 'called', 1, '{writer}', '{}', '{starts_at}', '{}', 'meeting_recall'),
    ('meeting', 'postponed', 'cancelled', 2, '{writer}', '{comment}', '{}', '{}', NULL),
    ('meeting', 'held', 'minutes_draft', 1, '{writer}', '{}', '{}', '{}', NULL),
    ('meeting', 'minutes_draft', 'minutes_published', 1, '{writer}', '{}', '{}', '{answers_due_on_required}',
        'meeting_publish'),
    ('meeting', 'minutes_published', 'minutes_draft', 1, '{writer}', '{comment}', '{}', '{}', NULL),
    ('meeting_series', 'active', 'archived', 1, '{writer}', '{}', '{}', '{}', NULL),
    ('meeting_series', 'archived', 'active', 2, '{writer}', '{}', '{}', '{}', NULL);

-- Invitations ------------------------------------------------------------------------

-- The meeting that a row stands below, as the caller sees it.
CREATE FUNCTION meeting_of(id uuid) RETURNS gusp.meeting
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT m FROM gusp.meeting AS m WHERE m.id = $1);
END $$;

-- Whether the caller runs the meetings of a programme.
CREATE FUNCTION runs_meetings(programme uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT gusp.writes(gusp.pens_of_meetings($1))
$$;

CREATE FUNCTION prepare_invitation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND gusp.caller_role() IS NOT NULL AND NOT gusp.runs_meetings(NEW.programme_id) THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    SELECT a.institution_id INTO NEW.institution_id FROM gusp.actor AS a WHERE a.id = NEW.actor_id;
    NEW.seen_by := (gusp.meeting_of(NEW.meeting_id)).seen_by || ('i:' || NEW.institution_id);
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id) || ('i:' || NEW.institution_id);
    RETURN NEW;
END $$;

-- Who is invited sees the meeting; who is no longer may not.
CREATE FUNCTION reach_meeting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    comment text := current_setting('app.comment', true);
    reason text := current_setting('app.reason_code', true);
BEGIN
    PERFORM set_config('app.comment', '', true), set_config('app.reason_code', '', true);
    UPDATE meeting AS m SET seen_by = m.seen_by WHERE m.id = NEW.meeting_id;
    PERFORM set_config('app.comment', coalesce(comment, ''), true),
            set_config('app.reason_code', coalesce(reason, ''), true);
    RETURN NULL;
END $$;
ALTER FUNCTION reach_meeting() OWNER TO gusp_definer;

CREATE FUNCTION relations_to_invitation(programme uuid, institution uuid) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN array_remove(ARRAY[
        CASE WHEN gusp.runs_meetings(programme) THEN 'organiser' END,
        CASE WHEN institution = gusp.caller_institution()
              AND gusp.caller_role() IN ('city', 'bailleur', 'association', 'institution') THEN 'invited' END], NULL);
END $$;

CREATE FUNCTION invitation_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_invitation(($1 ->> 'programme_id')::uuid, ($1 ->> 'institution_id')::uuid)
$$;

CREATE FUNCTION step_invitation_answer(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('answered_at', now())
$$;

CREATE FUNCTION step_invitation_again(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('answered_at', NULL)
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, effect) VALUES
    ('invitation', 'invited', 'accepted', 1, '{invited}', 'invitation_answer'),
    ('invitation', 'invited', 'excused', 2, '{invited}', 'invitation_answer'),
    ('invitation', 'invited', 'withdrawn', 3, '{organiser}', NULL),
    ('invitation', 'accepted', 'excused', 1, '{invited}', 'invitation_answer'),
    ('invitation', 'accepted', 'withdrawn', 2, '{organiser}', NULL),
    ('invitation', 'excused', 'accepted', 1, '{invited}', 'invitation_answer'),
    ('invitation', 'excused', 'withdrawn', 2, '{organiser}', NULL),
    ('invitation', 'withdrawn', 'invited', 1, '{organiser}', 'invitation_again');

-- Attendance -----------------------------------------------------------------------------

-- Counts, and no names: of an institution, how many of it came or that it is
-- excused; of residents, how many, and through whom they came.
CREATE TABLE attendance (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    meeting_id uuid NOT NULL REFERENCES meeting,
    kind text NOT NULL CHECK (kind IN ('institution', 'residents')),
    actor_id uuid,
    institution_id uuid,
    via_actor_id uuid,
    present_count int NOT NULL DEFAULT 0 CHECK (present_count BETWEEN 0 AND 10000),
    excused boolean NOT NULL DEFAULT false,
    women int CHECK (women >= 0),
    youth int CHECK (youth >= 0),
    seniors int CHECK (seniors >= 0),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, via_actor_id) REFERENCES actor (programme_id, id),
    CONSTRAINT attendance_of_one_kind CHECK (CASE kind
        WHEN 'institution' THEN actor_id IS NOT NULL AND num_nonnulls(via_actor_id, women, youth, seniors) = 0
        ELSE actor_id IS NULL AND NOT excused END),
    CONSTRAINT excused_is_not_present CHECK (NOT excused OR present_count = 0),
    CONSTRAINT brackets_within_count CHECK (coalesce(women, 0) <= present_count
        AND coalesce(youth, 0) + coalesce(seniors, 0) <= present_count)
);
CREATE INDEX attendance_list ON attendance (meeting_id, created_at, id);
CREATE UNIQUE INDEX attendance_institution ON attendance (meeting_id, actor_id)
    WHERE kind = 'institution' AND status = 'active';
CREATE UNIQUE INDEX attendance_residents ON attendance (meeting_id, via_actor_id) NULLS NOT DISTINCT
    WHERE kind = 'residents' AND status = 'active';
CALL protect('attendance', 'EXISTS (SELECT FROM meeting AS m WHERE m.id = attendance.meeting_id)',
    'written_by && (SELECT pens())');

-- The associations that call or host a meeting.
CREATE FUNCTION hosts_of(meeting gusp.meeting) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT b.institution_id), '{}')
            FROM gusp.member AS b
            WHERE b.programme_id = meeting.programme_id AND b.role = 'association' AND b.status = 'active'
              AND b.institution_id = ANY (
                  gusp.institutions_of(ARRAY[meeting.venue_actor_id, meeting.convenor_actor_id])));
END $$;

CREATE FUNCTION prepare_attendance() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    m gusp.meeting := gusp.meeting_of(NEW.meeting_id);
BEGIN
    IF TG_OP = 'INSERT' AND m.status NOT IN ('held', 'minutes_draft', 'minutes_published') THEN
        PERFORM gusp.refuse('409', 'meeting_not_held');
    END IF;
    SELECT a.institution_id INTO NEW.institution_id
    FROM gusp.actor AS a WHERE a.id = coalesce(NEW.actor_id, NEW.via_actor_id);
    NEW.seen_by := m.seen_by;
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id) || ARRAY(
        SELECT 'i:' || i
        FROM unnest(CASE NEW.kind WHEN 'institution' THEN ARRAY[NEW.institution_id] ELSE gusp.hosts_of(m) END) AS i);
    RETURN NEW;
END $$;

-- Who hosts may change: then the residents are another's to count.
CREATE FUNCTION spread_hosts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    UPDATE attendance AS a SET seen_by = a.seen_by
    WHERE a.meeting_id = NEW.id AND a.kind = 'residents' AND a.status = 'active';
    RETURN NULL;
END $$;
ALTER FUNCTION spread_hosts() OWNER TO gusp_definer;

-- What a meeting shows of who came: institutions, each once, and residents.
-- Absent is who was invited, did not come and is not excused.
CREATE FUNCTION attendance_of(meeting uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    -- Nobody is absent from what has not taken place.
    held boolean := EXISTS (
        SELECT FROM gusp.meeting AS m
        WHERE m.id = meeting AND m.status IN ('held', 'minutes_draft', 'minutes_published'));
BEGIN
    RETURN (
        SELECT json_build_object(
            'institutions_invited', count(*) FILTER (WHERE s.invited),
            'institutions_present', count(*) FILTER (WHERE s.present),
            'institutions_excused', count(*) FILTER (WHERE s.excused AND NOT s.present),
            'institutions_absent', count(*) FILTER (WHERE s.invited AND NOT s.present AND NOT s.excused AND held),
            'residents', (SELECT coalesce(sum(a.present_count), 0) FROM gusp.attendance AS a
                          WHERE a.meeting_id = meeting AND a.kind = 'residents' AND a.status = 'active'))
        FROM (SELECT bool_or(u.invited) AS invited, bool_or(u.present) AS present, bool_or(u.excused) AS excused
              FROM (SELECT i.institution_id, true, false, i.status = 'excused'
                    FROM gusp.invitation AS i
                    WHERE i.meeting_id = meeting AND i.status <> 'withdrawn'
                    UNION ALL
                    SELECT a.institution_id, false, a.present_count > 0, a.excused
                    FROM gusp.attendance AS a
                    WHERE a.meeting_id = meeting AND a.kind = 'institution' AND a.status = 'active'
                   ) AS u (institution_id, invited, present, excused)
              GROUP BY u.institution_id) AS s);
END $$;

INSERT INTO transition (noun, from_state, to_state, position, who) VALUES
    ('attendance', 'active', 'archived', 1, '{writer}'),
    ('attendance', 'archived', 'active', 2, '{writer}');

-- What meetings speak of --------------------------------------------------------------------

-- As before, and meetings are commented on: their minutes are contested so.
CREATE OR REPLACE VIEW commentable WITH (security_invoker = true) AS
SELECT 'issue' AS noun, i.id, i.programme_id, i.seen_by
FROM issue AS i
UNION ALL
SELECT 'meeting', m.id, m.programme_id, m.seen_by
FROM meeting AS m;

ALTER TABLE comment DROP CONSTRAINT comment_noun_check,
    ADD CONSTRAINT comment_noun_check CHECK (noun IN ('issue', 'meeting'));

-- Points of an agenda, proposed by whoever sees the meeting. automatic: put
-- there because an issue was refused twice.
CREATE TABLE agenda_point (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    meeting_id uuid NOT NULL REFERENCES meeting,
    n int NOT NULL CHECK (n BETWEEN 1 AND 1000),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    text text CHECK (length(text) BETWEEN 1 AND 4000),
    issue_id uuid,
    automatic boolean NOT NULL DEFAULT false,
    proposed_by_actor_id uuid,
    proposed_institution_id uuid,
    status text NOT NULL DEFAULT 'proposed' CHECK (status IN ('proposed', 'accepted', 'refused', 'withdrawn')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, issue_id) REFERENCES issue (programme_id, id)
);
CREATE INDEX agenda_point_list ON agenda_point (meeting_id, n, id);
CREATE UNIQUE INDEX agenda_point_issue ON agenda_point (issue_id, meeting_id)
    WHERE issue_id IS NOT NULL AND status <> 'withdrawn';
-- What is about an issue is for those who see the issue.
CALL protect('agenda_point',
    'EXISTS (SELECT FROM meeting AS m WHERE m.id = agenda_point.meeting_id) '
    'AND CASE WHEN issue_id IS NULL THEN true '
    'ELSE EXISTS (SELECT FROM issue AS i WHERE i.id = agenda_point.issue_id) END',
    'written_by && (SELECT pens())');

CREATE FUNCTION prepare_agenda_point() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    m gusp.meeting := gusp.meeting_of(NEW.meeting_id);
    i gusp.issue;
BEGIN
    IF NOT NEW.automatic AND m.status NOT IN ('planned', 'called', 'postponed', 'held') THEN
        PERFORM gusp.refuse('409', 'agenda_closed');
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT NEW.automatic THEN
            NEW.proposed_by_actor_id := gusp.caller_actor();
            NEW.proposed_institution_id := gusp.caller_institution();
        END IF;
        NEW.n := coalesce(NEW.n, (SELECT coalesce(max(a.n), 0) + 1
                                  FROM gusp.agenda_point AS a WHERE a.meeting_id = NEW.meeting_id));
    ELSIF NEW.n <> OLD.n AND NOT gusp.runs_meetings(NEW.programme_id) THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    PERFORM gusp.refuse_personal(NEW.title, '/title'), gusp.refuse_personal(NEW.text, '/text');
    IF NEW.issue_id IS NOT NULL THEN
        SELECT * INTO i FROM gusp.issue AS x WHERE x.id = NEW.issue_id;
        IF i.visibility = 'internal' THEN
            PERFORM gusp.refuse('422', 'internal_issue_on_agenda', '{"pointer": "/issue_id"}');
        END IF;
    END IF;
    NEW.seen_by := coalesce(i.seen_by, m.seen_by);
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id)
        || CASE WHEN NEW.status IN ('proposed', 'withdrawn') AND NEW.proposed_institution_id IS NOT NULL
                THEN ARRAY['i:' || NEW.proposed_institution_id] ELSE '{}' END;
    RETURN NEW;
END $$;

CREATE FUNCTION relations_to_agenda_point(programme uuid, proposer uuid) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN array_remove(ARRAY[
        CASE WHEN gusp.runs_meetings(programme) THEN 'organiser' END,
        CASE WHEN proposer = gusp.caller_institution() AND (gusp.runs_meetings(programme)
              OR gusp.caller_role() IN ('bailleur', 'association', 'institution')) THEN 'proposer' END], NULL);
END $$;

CREATE FUNCTION agenda_point_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_agenda_point(($1 ->> 'programme_id')::uuid, ($1 ->> 'proposed_institution_id')::uuid)
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs) VALUES
    ('agenda_point', 'proposed', 'accepted', 1, '{organiser}', '{}'),
    ('agenda_point', 'proposed', 'refused', 2, '{organiser}', '{comment}'),
    ('agenda_point', 'proposed', 'withdrawn', 3, '{proposer}', '{}'),
    ('agenda_point', 'accepted', 'refused', 1, '{organiser}', '{comment}'),
    ('agenda_point', 'refused', 'accepted', 1, '{organiser}', '{}');

-- Decisions ------------------------------------------------------------------------------------

-- What a meeting decided, about a record or at large. Other parts ask
-- decided(); what a decision may name is what is commentable.
CREATE TABLE decision (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    meeting_id uuid NOT NULL REFERENCES meeting,
    n int NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    target_type text CHECK (target_type IN ('issue', 'commitment')),
    target_id uuid,
    status text NOT NULL DEFAULT 'recorded' CHECK (status IN ('recorded', 'withdrawn')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (meeting_id, n),
    CONSTRAINT decision_target_is_whole CHECK ((target_type IS NULL) = (target_id IS NULL))
);
CREATE INDEX decision_target ON decision (target_id) WHERE target_id IS NOT NULL;
CALL protect('decision',
    'EXISTS (SELECT FROM meeting AS m WHERE m.id = decision.meeting_id) '
    'AND CASE WHEN target_id IS NULL THEN true ELSE EXISTS (SELECT FROM commentable AS t '
    'WHERE t.noun = decision.target_type AND t.id = decision.target_id) END',
    'written_by && (SELECT pens())');

CREATE FUNCTION prepare_decision() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    m gusp.meeting := gusp.meeting_of(NEW.meeting_id);
    target record;
BEGIN
    IF m.status = 'minutes_published' THEN
        PERFORM gusp.refuse('409', 'frozen');
    ELSIF m.status NOT IN ('held', 'minutes_draft') THEN
        PERFORM gusp.refuse('409', 'meeting_not_held');
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.target_type, NEW.target_id) IS DISTINCT FROM (OLD.target_type, OLD.target_id) THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/target_id"}');
    END IF;
    PERFORM gusp.refuse_personal(NEW.text, '/text');
    IF NEW.target_id IS NOT NULL THEN
        SELECT t.seen_by INTO target
        FROM gusp.commentable AS t
        WHERE t.noun = NEW.target_type AND t.id = NEW.target_id AND t.programme_id = NEW.programme_id;
        IF NOT FOUND THEN
            PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/target_id"}');
        END IF;
        NEW.seen_by := target.seen_by;
    ELSE
        NEW.seen_by := m.seen_by;
    END IF;
    IF TG_OP = 'INSERT' THEN
        -- Those who write the minutes of one meeting wait for each other.
        PERFORM pg_advisory_xact_lock(hashtextextended('decisions of ' || NEW.meeting_id, 0));
        NEW.n := gusp.next_decision(NEW.meeting_id);
    END IF;
    NEW.written_by := gusp.pens_of_meetings(NEW.programme_id);
    RETURN NEW;
END $$;

-- The number after those of all decisions, seen by the caller or not.
CREATE FUNCTION next_decision(meeting uuid) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
    SELECT coalesce(max(d.n), 0) + 1 FROM decision AS d WHERE d.meeting_id = $1
$$;
ALTER FUNCTION next_decision(uuid) OWNER TO gusp_definer;

INSERT INTO transition (noun, from_state, to_state, position, who, needs) VALUES
    ('decision', 'recorded', 'withdrawn', 1, '{writer}', '{comment}');

-- Whether a meeting that the caller sees was held and decided on a record.
CREATE FUNCTION decided(meeting uuid, noun text, target uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM gusp.decision AS d
        JOIN gusp.meeting AS m ON m.id = d.meeting_id
        WHERE d.meeting_id = $1 AND d.target_type = $2 AND d.target_id = $3
          AND d.status = 'recorded' AND m.status IN ('held', 'minutes_draft', 'minutes_published'));
END $$;

-- Arbitration -----------------------------------------------------------------------------------

CREATE INDEX issue_waiting ON issue (programme_id) WHERE status = 'qualified' AND bounce_count >= 2;

-- Put each issue that waits for arbitration on the agenda of the next meeting
-- that can arbitrate in its quartier, unless it is on that one or on an
-- earlier one that is not over.
CREATE FUNCTION put_on_agendas(programme uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    comment text := current_setting('app.comment', true);
    reason text := current_setting('app.reason_code', true);
BEGIN
    -- A meeting and a refusal at the same time: the second sees the first.
    PERFORM pg_advisory_xact_lock(hashtextextended('arbitration in ' || programme, 0)),
            set_config('app.comment', '', true), set_config('app.reason_code', '', true);
    INSERT INTO agenda_point (programme_id, meeting_id, issue_id, title, automatic, status)
    SELECT i.programme_id, next.id, i.id, 'Arbitrage du constat ' || i.ref, true, 'accepted'
    FROM issue AS i
    CROSS JOIN LATERAL (
        SELECT m.id, m.starts_at
        FROM meeting AS m
        WHERE m.programme_id = i.programme_id AND m.kind IN ('inter_bailleurs', 'transversal')
          AND m.status IN ('planned', 'called') AND m.starts_at > now()
          AND (m.quartiers = '{}' OR i.quartier_id = ANY (m.quartiers))
        ORDER BY m.starts_at, m.id
        LIMIT 1) AS next
    WHERE i.programme_id = programme AND i.status = 'qualified' AND i.bounce_count >= 2
      AND NOT EXISTS (
        SELECT FROM agenda_point AS a
        JOIN meeting AS m ON m.id = a.meeting_id
        WHERE a.issue_id = i.id AND a.status <> 'withdrawn'
          AND m.kind IN ('inter_bailleurs', 'transversal')
          AND m.status IN ('planned', 'called', 'held', 'minutes_draft') AND m.starts_at <= next.starts_at)
    ORDER BY i.ref;
    PERFORM set_config('app.comment', coalesce(comment, ''), true),
            set_config('app.reason_code', coalesce(reason, ''), true);
END $$;
ALTER FUNCTION put_on_agendas(uuid) OWNER TO gusp_definer;
REVOKE EXECUTE ON FUNCTION put_on_agendas(uuid) FROM gusp_member, gusp_auditor, gusp_admin;

CREATE FUNCTION seek_arbitration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    PERFORM put_on_agendas(NEW.programme_id);
    RETURN NULL;
END $$;
ALTER FUNCTION seek_arbitration() OWNER TO gusp_definer;

CREATE TRIGGER t_arbitration AFTER UPDATE ON issue
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'qualified' AND NEW.bounce_count >= 2)
    EXECUTE FUNCTION seek_arbitration();
CREATE TRIGGER t_arbitration_created AFTER INSERT ON meeting
    FOR EACH ROW WHEN (NEW.kind IN ('inter_bailleurs', 'transversal'))
    EXECUTE FUNCTION seek_arbitration();
CREATE TRIGGER t_arbitration_changed AFTER UPDATE ON meeting
    FOR EACH ROW WHEN (NEW.kind IN ('inter_bailleurs', 'transversal')
        AND (OLD.kind, OLD.status, OLD.quartiers, OLD.starts_at)
            IS DISTINCT FROM (NEW.kind, NEW.status, NEW.quartiers, NEW.starts_at))
    EXECUTE FUNCTION seek_arbitration();
CREATE TRIGGER t_arbitration AFTER UPDATE ON agenda_point
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'withdrawn')
    EXECUTE FUNCTION seek_arbitration();

-- A meeting that names who leads must have decided on the issue; after the
-- second refusal one must, and each decision serves once.
CREATE OR REPLACE FUNCTION guard_third_assignment_is_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN $2 -> 'details' ->> 'meeting_id' IS NULL THEN ($1 ->> 'bounce_count')::int < 2
        ELSE $2 -> 'details' ->> 'meeting_id' IS DISTINCT FROM $1 ->> 'decision_meeting_id'
            AND gusp.decided(($2 -> 'details' ->> 'meeting_id')::uuid, 'issue', ($1 ->> 'id')::uuid) END
$$;

-- Verification by a meeting ------------------------------------------------------------------------

-- Whether a meeting found that an issue is solved: it decided so after the
-- work was declared done, its minutes are published, and somebody was there
-- who had no part in the work.
CREATE FUNCTION verified_in(meeting uuid, issue uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM gusp.issue AS i
        JOIN gusp.decision AS d ON d.target_id = i.id AND d.target_type = 'issue'
        JOIN gusp.meeting AS m ON m.id = d.meeting_id
        JOIN gusp.attendance AS a ON a.meeting_id = m.id
        WHERE i.id = $2 AND d.meeting_id = $1 AND d.status = 'recorded' AND d.created_at > i.treated_at
          AND m.status = 'minutes_published'
          AND a.kind = 'institution' AND a.status = 'active' AND a.present_count > 0
          AND NOT a.institution_id = ANY (i.executants));
END $$;

-- Where the city did some of the work, it records what a meeting found: only
-- then is it anything to the step. The first test spares all other rows.
CREATE FUNCTION decision_on_issue(issue uuid, stage text, executants uuid[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
BEGIN
    IF stage <> 'treated' OR gusp.caller_role() <> 'city' OR NOT gusp.caller_institution() = ANY (executants) THEN
        RETURN '{}';
    END IF;
    RETURN CASE WHEN EXISTS (
        SELECT FROM gusp.decision AS d
        WHERE d.target_id = issue AND d.target_type = 'issue' AND gusp.verified_in(d.meeting_id, issue))
        THEN '{decision}'::text[] ELSE '{}' END;
END $$;

CREATE OR REPLACE FUNCTION issue_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_issue(i.programme_id, i.quartier_id, i.reported_institution_id,
            i.lead_institution_id, i.executants)
        || gusp.decision_on_issue(($1 ->> 'id')::uuid, $1 ->> 'stage', i.executants)
    FROM (SELECT ($1 ->> 'programme_id')::uuid AS programme_id, ($1 ->> 'quartier_id')::uuid AS quartier_id,
                 ($1 ->> 'reported_institution_id')::uuid AS reported_institution_id,
                 ($1 ->> 'lead_institution_id')::uuid AS lead_institution_id,
                 ARRAY(SELECT jsonb_array_elements_text($1 -> 'executants')::uuid) AS executants) AS i
$$;

-- Another institution verifies; or a meeting did, which is named.
CREATE FUNCTION guard_verified_by_another(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    meeting uuid := ($2 -> 'details' ->> 'meeting_id')::uuid;
    verifier boolean := 'verifier' = ANY (gusp.issue_relations($1));
BEGIN
    IF meeting IS NULL AND NOT verifier THEN
        PERFORM gusp.refuse('422', 'guard_meeting_id_required', '{"pointer": "/details/meeting_id"}');
    END IF;
    RETURN meeting IS NULL OR gusp.verified_in(meeting, ($1 ->> 'id')::uuid);
END $$;

-- Where a meeting verified, no actor did.
CREATE OR REPLACE FUNCTION step_issue_verify(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('resolved_at', now(),
        'verifier_actor_id', CASE WHEN 'verifier' = ANY (gusp.issue_relations($1)) THEN gusp.caller_actor() END,
        'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

UPDATE transition SET who = '{verifier,decision}', guards = '{verified_by_another}'
WHERE noun = 'issue' AND from_state = 'treated' AND to_state = 'resolved';

-- Where an issue comes from --------------------------------------------------------------------------

ALTER TABLE issue
    ADD origin_meeting_id uuid,
    ADD origin_stop_n int,
    -- What the reporter's device calls its photographs, which are filed later.
    ADD photo_refs text[] NOT NULL DEFAULT '{}' CHECK (cardinality(photo_refs) <= 10),
    ADD FOREIGN KEY (programme_id, origin_meeting_id) REFERENCES meeting (programme_id, id);
CREATE INDEX issue_origin ON issue (origin_meeting_id, origin_stop_n) WHERE origin_meeting_id IS NOT NULL;
INSERT INTO field_group (noun, field, grp) VALUES
    ('issue', 'origin_meeting_id', 'public'),
    ('issue', 'origin_stop_n', 'public'), ('issue', 'photo_refs', 'public');

-- The meeting is one that the caller sees, and the stop one of its walk.
CREATE FUNCTION check_issue_origin() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    m gusp.meeting;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.origin_meeting_id, NEW.origin_stop_n)
            IS NOT DISTINCT FROM (OLD.origin_meeting_id, OLD.origin_stop_n) THEN
        RETURN NEW;
    END IF;
    m := gusp.meeting_of(NEW.origin_meeting_id);
    IF NEW.origin_meeting_id IS NOT NULL AND (m.id IS NULL OR m.programme_id <> NEW.programme_id) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/origin_meeting_id"}');
    END IF;
    IF NEW.origin_stop_n IS NOT NULL
       AND NOT coalesce(m.stops @> jsonb_build_array(jsonb_build_object('n', NEW.origin_stop_n)), false) THEN
        PERFORM gusp.refuse('422', 'unknown_stop', '{"pointer": "/origin_stop_n"}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_origin BEFORE INSERT OR UPDATE OF origin_meeting_id, origin_stop_n ON issue
    FOR EACH ROW WHEN (NEW.origin_meeting_id IS NOT NULL OR NEW.origin_stop_n IS NOT NULL)
    EXECUTE FUNCTION check_issue_origin();

CREATE OR REPLACE FUNCTION create_issue(base uuid, said jsonb, origin text, OUT id uuid, OUT ref text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO gusp.issue AS i (id, programme_id, client_ref, title, description, personal_data_acknowledged,
        quartier_id, site_id, geometry, theme, category, component, severity, nature, origin_kind,
        origin_meeting_id, origin_stop_n, occurred_at, visibility, recurrence_of_id, external_refs, photo_refs)
    SELECT base, gusp.caller_programme(), b.client_ref, b.title, b.description,
           coalesce((said ->> 'acknowledge_personal_data')::boolean, false),
           b.quartier_id, b.site_id, gusp.geometry_of(said -> 'geometry', '/geometry'),
           b.theme, b.category, b.component, b.severity, b.nature,
           coalesce(b.origin_kind, CASE (gusp.meeting_of(b.origin_meeting_id)).kind
               WHEN 'walk' THEN 'walk' ELSE CASE WHEN b.origin_meeting_id IS NOT NULL THEN 'meeting' END END, origin),
           b.origin_meeting_id, b.origin_stop_n,
           coalesce(b.occurred_at, now()), coalesce(b.visibility, 'partners'), b.recurrence_of_id,
           coalesce(nullif(b.external_refs, 'null'), '[]'), coalesce(b.photo_refs, '{}')
    FROM jsonb_populate_record(NULL::gusp.issue, said - 'geometry') AS b
    RETURNING i.id, i.ref INTO create_issue.id, create_issue.ref;
END $$;

-- Each item on its own: one that is refused undoes no other. All come from one
-- meeting, if that is said, and then each from a stop of it.
DROP FUNCTION batch_issues(jsonb);
CREATE FUNCTION batch_issues(meeting uuid, items jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    base uuid := gusp.uuid7();
    there jsonb := gusp.issues_of_client_refs(ARRAY(
        SELECT (i ->> 'client_ref')::uuid FROM jsonb_array_elements(items) AS i));
    results jsonb[] := '{}';
    item jsonb;
    number text;
    n int := 0;
    made record;
    result text;
    state text;
    message text;
    detail text;
    broken text;
    code text;
BEGIN
    IF meeting IS NOT NULL AND gusp.meeting_of(meeting) IS NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/meeting_id"}');
    END IF;
    FOR item IN SELECT i FROM jsonb_array_elements(items) AS i LOOP
        number := item ->> 'client_ref';
        result := CASE WHEN there ? number THEN 'existing' ELSE 'created' END;
        IF result = 'created' THEN
            BEGIN
                SELECT * INTO made FROM gusp.create_issue(gusp.uuid7(base, n), item || jsonb_build_object(
                    'origin_meeting_id', meeting, 'origin_stop_n', item -> 'stop_n'), 'walk');
                there := there || jsonb_build_object(number, jsonb_build_object('id', made.id, 'ref', made.ref));
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, broken = CONSTRAINT_NAME;
                code := gusp.refusal_code(state, message, broken);
                IF code IS NULL THEN
                    RAISE;
                END IF;
                -- The same observation, posted twice at once?
                IF state = '23505' THEN
                    there := there || gusp.issues_of_client_refs(ARRAY[number::uuid]);
                END IF;
                result := CASE WHEN there ? number THEN 'existing' ELSE 'refused' END;
            END;
        END IF;
        results := results || (jsonb_build_object('client_ref', number, 'result', result) || CASE
            WHEN result = 'refused' THEN jsonb_build_object('code', code, 'pointer',
                '/items/' || n || coalesce(CASE WHEN code = 'unknown_stop' THEN '/stop_n'
                                                WHEN state LIKE 'GU4%' AND detail LIKE '{%'
                                                THEN detail::jsonb ->> 'pointer' END, ''))
            ELSE there -> number END);
        n := n + 1;
    END LOOP;
    RETURN to_jsonb(results);
END $$;

-- The list of what a meeting gave.
ALTER TABLE issue_key ADD origin_meeting_id uuid;
CREATE INDEX issue_key_origin ON issue_key (key, origin_meeting_id, created_at DESC, id DESC)
    WHERE origin_meeting_id IS NOT NULL;

CREATE OR REPLACE FUNCTION key_issue() RETURNS trigger
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
        west, south, east, north, origin_meeting_id)
    SELECT s.key, NEW.id, NEW.created_at, NEW.updated_at, NEW.occurred_at, NEW.quartier_id, NEW.site_id,
           NEW.theme, NEW.category, NEW.status, NEW.severity, NEW.visibility, NEW.lead_actor_id,
           NEW.lead_institution_id, NEW.reported_institution_id, coalesce(NEW.due_on, 'infinity'),
           is_open(NEW.status),
           NEW.status = 'qualified' AND NEW.lead_actor_id IS NULL,
           NEW.status = 'qualified' AND NEW.bounce_count >= 2,
           place, ST_XMin(NEW.geometry), ST_YMin(NEW.geometry), ST_XMax(NEW.geometry), ST_YMax(NEW.geometry),
           NEW.origin_meeting_id
    FROM unnest(NEW.seen_by) AS s (key);
    RETURN NULL;
END $$;

CREATE OR REPLACE VIEW issue_read WITH (security_invoker = true) AS
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
           'origin_meeting_id', i.origin_meeting_id,
           'origin_stop_n', i.origin_stop_n,
           'photo_refs', i.photo_refs,
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
                   i.lead_institution_id, i.executants) || decision_on_issue(i.id, i.stage, i.executants))
       ) || CASE WHEN 'partner' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('hold_cause', i.hold_cause, 'external_refs', i.external_refs)
            ELSE '{}' END) AS body
FROM issue AS i
CROSS JOIN LATERAL (SELECT writes(i.edited_by) AS writable) AS w;

-- Documents of meetings --------------------------------------------------------------------------------

ALTER TABLE document DROP CONSTRAINT document_target_type_check,
    ADD CONSTRAINT document_target_type_check CHECK (target_type IN ('issue', 'meeting'));

-- As before, of whatever is commentable.
CREATE OR REPLACE FUNCTION prepare_document() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    suspected boolean := gusp.looks_personal(NEW.title, NEW.keywords);
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
        NEW.by_mandate := coalesce(gusp.caller_role() = 'facilitator', false);
        -- References are read with the caller's rights.
        IF NEW.target_type IS NOT NULL AND NEW.target_id IS NOT NULL THEN
            SELECT t.seen_by INTO NEW.target_seen_by
            FROM gusp.commentable AS t
            WHERE t.noun = NEW.target_type AND t.id = NEW.target_id AND t.programme_id = NEW.programme_id;
            IF NOT FOUND THEN
                PERFORM gusp.refuse('422', 'unknown_reference', '{"parameter": "target_id"}');
            END IF;
        END IF;
        IF NEW.derived_from_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM gusp.document AS d
            WHERE d.id = NEW.derived_from_id AND d.programme_id = NEW.programme_id) THEN
            PERFORM gusp.refuse('422', 'unknown_reference', '{"parameter": "derived_from_id"}');
        END IF;
    ELSIF (NEW.institution_id, NEW.kind, NEW.by_mandate, NEW.media_type, NEW.size, NEW.sha256, NEW.stripped,
           NEW.width, NEW.height, NEW.target_type, NEW.target_id, NEW.derived_from_id)
          IS DISTINCT FROM
          (OLD.institution_id, OLD.kind, OLD.by_mandate, OLD.media_type, OLD.size, OLD.sha256, OLD.stripped,
           OLD.width, OLD.height, OLD.target_type, OLD.target_id, OLD.derived_from_id) THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    END IF;
    -- Suspected and acknowledged: it stays with its institution for as long
    -- as the words are there.
    IF suspected AND NOT NEW.personal_data_acknowledged THEN
        PERFORM gusp.refuse('422', 'personal_data_suspected', CASE TG_OP
            WHEN 'INSERT' THEN jsonb_build_object('parameter', 'title')
            ELSE jsonb_build_object('pointer', '/title') END);
    END IF;
    IF suspected AND (TG_OP = 'INSERT' OR NOT OLD.personal_data_acknowledged) THEN
        NEW.visibility := 'internal';
    END IF;
    NEW.personal_data_acknowledged := suspected;
    IF NEW.visibility = 'internal' THEN
        NEW.seen_by := ARRAY['i:' || NEW.institution_id];
        NEW.written_by := NEW.seen_by;
    ELSE
        NEW.seen_by := coalesce(NEW.target_seen_by, ARRAY['p:' || NEW.programme_id]);
        NEW.written_by := ARRAY['c:' || NEW.programme_id, 'i:' || NEW.institution_id];
    END IF;
    -- A facilitator has no pen of its institution, only those of its mandate.
    IF NEW.by_mandate THEN
        NEW.written_by := NEW.written_by
            || ARRAY['m:issue:' || NEW.programme_id, 'm:meeting:' || NEW.programme_id];
    END IF;
    RETURN NEW;
END $$;

-- Documents follow who sees what they show. What was said of that one's own
-- step is not said of them.
CREATE FUNCTION spread_rights() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    comment text := current_setting('app.comment', true);
    reason text := current_setting('app.reason_code', true);
BEGIN
    PERFORM set_config('app.comment', '', true), set_config('app.reason_code', '', true);
    UPDATE document AS d
    SET target_seen_by = NEW.seen_by
    WHERE d.target_id = NEW.id AND d.target_type = TG_TABLE_NAME;
    PERFORM set_config('app.comment', coalesce(comment, ''), true),
            set_config('app.reason_code', coalesce(reason, ''), true);
    RETURN NULL;
END $$;
ALTER FUNCTION spread_rights() OWNER TO gusp_definer;
CREATE OR REPLACE TRIGGER u_documents AFTER UPDATE ON issue
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();
DROP FUNCTION spread_issue_rights();
CREATE TRIGGER u_documents AFTER UPDATE ON meeting
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();

-- Lists -----------------------------------------------------------------------------------------------

-- Who sees which meeting, with what lists filter and sort by: for each key
-- one row for all quartiers (the nil UUID), and one for each that it names.
CREATE TABLE meeting_key (
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL REFERENCES meeting,
    quartier_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    series_id uuid,
    convenor_actor_id uuid,
    PRIMARY KEY (id, key, quartier_id)
);
CREATE INDEX meeting_key_starts ON meeting_key (key, quartier_id, starts_at, id);
CREATE INDEX meeting_key_recent ON meeting_key (key, quartier_id, updated_at DESC, id DESC);
CREATE INDEX meeting_key_kind ON meeting_key (key, quartier_id, kind, starts_at, id);
CREATE INDEX meeting_key_status ON meeting_key (key, quartier_id, status, starts_at, id);
CREATE INDEX meeting_key_series ON meeting_key (key, quartier_id, series_id, starts_at, id)
    WHERE series_id IS NOT NULL;
CREATE INDEX meeting_key_convenor ON meeting_key (key, quartier_id, convenor_actor_id, starts_at, id);
CALL protect('meeting_key', 'key = ANY ((SELECT keys())::text[])', NULL);

CREATE FUNCTION key_meeting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM meeting_key AS k WHERE k.id = NEW.id;
    END IF;
    INSERT INTO meeting_key (key, id, quartier_id, starts_at, updated_at, kind, status, series_id, convenor_actor_id)
    SELECT s.key, NEW.id, q.id, NEW.starts_at, NEW.updated_at, NEW.kind, NEW.status, NEW.series_id,
           NEW.convenor_actor_id
    FROM unnest(NEW.seen_by) AS s (key)
    CROSS JOIN unnest('00000000-0000-0000-0000-000000000000'::uuid || NEW.quartiers) AS q (id);
    RETURN NULL;
END $$;
ALTER FUNCTION key_meeting() OWNER TO gusp_definer;

-- Triggers ---------------------------------------------------------------------------------------------

CALL keep('meeting_series', true, '{title}');
CALL keep('meeting', true, '{ref,title,venue_text,synthesis}');
CALL keep('invitation', true, NULL);
CALL keep('attendance', true, NULL);
CALL keep('agenda_point', true, NULL);
CALL keep('decision', true, NULL);

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON meeting_series
    FOR EACH ROW EXECUTE FUNCTION check_references('quartiers', 'quartier');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON meeting
    FOR EACH ROW EXECUTE FUNCTION check_references('series_id', 'meeting_series', 'quartiers', 'quartier',
        'venue_actor_id', 'actor', 'convenor_actor_id', 'actor', 'facilitators', 'actor',
        'minutes_document_id', 'document');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON invitation
    FOR EACH ROW EXECUTE FUNCTION check_references('actor_id', 'actor');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON attendance
    FOR EACH ROW EXECUTE FUNCTION check_references('actor_id', 'actor', 'via_actor_id', 'actor');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON agenda_point
    FOR EACH ROW EXECUTE FUNCTION check_references('issue_id', 'issue');

CREATE TRIGGER w_key_created AFTER INSERT ON meeting
    FOR EACH ROW EXECUTE FUNCTION key_meeting();
CREATE TRIGGER w_key_changed AFTER UPDATE ON meeting
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_meeting();
CREATE TRIGGER u_hosts AFTER UPDATE ON meeting
    FOR EACH ROW WHEN ((OLD.venue_actor_id, OLD.convenor_actor_id)
        IS DISTINCT FROM (NEW.venue_actor_id, NEW.convenor_actor_id))
    EXECUTE FUNCTION spread_hosts();
CREATE TRIGGER u_reach_created AFTER INSERT ON invitation
    FOR EACH ROW EXECUTE FUNCTION reach_meeting();
CREATE TRIGGER u_reach_changed AFTER UPDATE ON invitation
    FOR EACH ROW WHEN ((OLD.status = 'withdrawn') <> (NEW.status = 'withdrawn'))
    EXECUTE FUNCTION reach_meeting();

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM (VALUES
    ('meeting_series', '{id,programme_id,title,kind,rhythm,quartiers,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]),
    ('meeting', '{id,programme_id,ref,kind,phase,series_id,title,quartiers,starts_at,ends_at,venue_text,venue_actor_id,convenor_actor_id,facilitators,supports,communications,priorities,route,weather,groups,stops,synthesis,minutes_document_id,minutes_version,minutes_published_at,answers_due_on,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('invitation', '{id,programme_id,meeting_id,actor_id,institution_id,answered_at,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('attendance', '{id,programme_id,meeting_id,kind,actor_id,institution_id,via_actor_id,present_count,excused,women,youth,seniors,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('agenda_point', '{id,programme_id,meeting_id,n,title,text,issue_id,automatic,proposed_by_actor_id,proposed_institution_id,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('decision', '{id,programme_id,meeting_id,n,text,target_type,target_id,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

-- What is read --------------------------------------------------------------------------------------------

CREATE VIEW meeting_series_read WITH (security_invoker = true) AS
SELECT s.id, s.programme_id, s.title, s.kind, s.status, s.updated_at, s.version, w.writable,
       json_build_object(
           'id', s.id,
           'programme_id', s.programme_id,
           'title', s.title,
           'kind', s.kind,
           'rhythm', s.rhythm,
           'quartiers', s.quartiers,
           'status', s.status,
           'version', s.version,
           'created_at', instant(s.created_at),
           'created_by', s.created_by,
           'updated_at', instant(s.updated_at),
           'updated_by', s.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('meeting_series', s.status, '{writer}') ELSE '[]' END
       ) AS body
FROM meeting_series AS s
CROSS JOIN LATERAL (SELECT writes(s.written_by) AS writable) AS w;
GRANT SELECT ON meeting_series_read TO gusp_member, gusp_auditor;

-- Minutes are contested for fifteen days, by comments.
CREATE VIEW meeting_read WITH (security_invoker = true) AS
SELECT m.id, m.programme_id, m.version, w.writable,
       json_build_object(
           'id', m.id,
           'programme_id', m.programme_id,
           'ref', m.ref,
           'kind', m.kind,
           'phase', m.phase,
           'series_id', m.series_id,
           'title', m.title,
           'quartiers', m.quartiers,
           'starts_at', instant(m.starts_at),
           'ends_at', instant(m.ends_at),
           'venue_text', m.venue_text,
           'venue_actor_id', m.venue_actor_id,
           'convenor_actor_id', m.convenor_actor_id,
           'facilitators', m.facilitators,
           'supports', m.supports,
           'communications', m.communications,
           'priorities', m.priorities,
           'route', geojson_of(m.route),
           'weather', m.weather,
           'groups', m.groups,
           'stops', m.stops,
           'attendance', attendance_of(m.id),
           'synthesis', m.synthesis,
           'minutes_document_id', m.minutes_document_id,
           'minutes_version', m.minutes_version,
           'minutes_published_at', instant(m.minutes_published_at),
           'contest_until', (m.minutes_published_at AT TIME ZONE 'Europe/Paris')::date + 15,
           'answers_due_on', m.answers_due_on,
           'status', m.status,
           'version', m.version,
           'created_at', instant(m.created_at),
           'created_by', m.created_by,
           'updated_at', instant(m.updated_at),
           'updated_by', m.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('meeting', m.status, '{writer}') ELSE '[]' END
       ) AS body
FROM meeting AS m
CROSS JOIN LATERAL (SELECT writes(m.written_by) AS writable) AS w;
GRANT SELECT ON meeting_read TO gusp_member, gusp_auditor;

CREATE VIEW invitation_read WITH (security_invoker = true) AS
SELECT i.id, i.meeting_id, i.status, i.created_at, i.updated_at, i.version,
       json_build_object(
           'id', i.id,
           'programme_id', i.programme_id,
           'meeting_id', i.meeting_id,
           'actor_id', i.actor_id,
           'institution_id', i.institution_id,
           'answered_at', instant(i.answered_at),
           'status', i.status,
           'version', i.version,
           'created_at', instant(i.created_at),
           'created_by', i.created_by,
           'updated_at', instant(i.updated_at),
           'updated_by', i.updated_by,
           'allowed_transitions', allowed_transitions('invitation', i.status,
               relations_to_invitation(i.programme_id, i.institution_id))
       ) AS body
FROM invitation AS i;
GRANT SELECT ON invitation_read TO gusp_member, gusp_auditor;

CREATE VIEW attendance_read WITH (security_invoker = true) AS
SELECT a.id, a.meeting_id, a.kind, a.status, a.created_at, a.updated_at, a.version, w.writable,
       json_build_object(
           'id', a.id,
           'programme_id', a.programme_id,
           'meeting_id', a.meeting_id,
           'kind', a.kind,
           'actor_id', a.actor_id,
           'institution_id', a.institution_id,
           'via_actor_id', a.via_actor_id,
           'present_count', a.present_count,
           'excused', a.excused,
           'women', a.women,
           'youth', a.youth,
           'seniors', a.seniors,
           'status', a.status,
           'version', a.version,
           'created_at', instant(a.created_at),
           'created_by', a.created_by,
           'updated_at', instant(a.updated_at),
           'updated_by', a.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('attendance', a.status, '{writer}') ELSE '[]' END
       ) AS body
FROM attendance AS a
CROSS JOIN LATERAL (SELECT writes(a.written_by) AS writable) AS w;
GRANT SELECT ON attendance_read TO gusp_member, gusp_auditor;

CREATE VIEW agenda_point_read WITH (security_invoker = true) AS
SELECT a.id, a.meeting_id, a.n, a.issue_id, a.status, a.updated_at, a.version, w.writable,
       json_build_object(
           'id', a.id,
           'programme_id', a.programme_id,
           'meeting_id', a.meeting_id,
           'n', a.n,
           'title', a.title,
           'text', a.text,
           'issue_id', a.issue_id,
           'automatic', a.automatic,
           'proposed_by_actor_id', a.proposed_by_actor_id,
           'proposed_institution_id', a.proposed_institution_id,
           'status', a.status,
           'version', a.version,
           'created_at', instant(a.created_at),
           'created_by', a.created_by,
           'updated_at', instant(a.updated_at),
           'updated_by', a.updated_by,
           'allowed_transitions', allowed_transitions('agenda_point', a.status,
               relations_to_agenda_point(a.programme_id, a.proposed_institution_id))
       ) AS body
FROM agenda_point AS a
CROSS JOIN LATERAL (SELECT writes(a.written_by) AS writable) AS w;
GRANT SELECT ON agenda_point_read TO gusp_member, gusp_auditor;

CREATE VIEW decision_read WITH (security_invoker = true) AS
SELECT d.id, d.meeting_id, d.n, d.status, d.updated_at, d.version, w.writable,
       json_build_object(
           'id', d.id,
           'programme_id', d.programme_id,
           'meeting_id', d.meeting_id,
           'n', d.n,
           'text', d.text,
           'target_type', d.target_type,
           'target_id', d.target_id,
           'status', d.status,
           'version', d.version,
           'created_at', instant(d.created_at),
           'created_by', d.created_by,
           'updated_at', instant(d.updated_at),
           'updated_by', d.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('decision', d.status, '{writer}') ELSE '[]' END
       ) AS body
FROM decision AS d
CROSS JOIN LATERAL (SELECT writes(d.written_by) AS writable) AS w;
GRANT SELECT ON decision_read TO gusp_member, gusp_auditor;

-- Words -----------------------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('meeting_kind', 'Types de réunions', false),
    ('meeting_phase', 'Étapes de la démarche', false),
    ('meeting_status', 'États d’une réunion', false),
    ('rhythm', 'Rythmes de réunions', false),
    ('support_kind', 'Supports d’animation', false),
    ('communication_channel', 'Moyens d’information', false),
    ('invitation_status', 'Réponses à une invitation', false),
    ('attendance_kind', 'Qui était présent', false),
    ('agenda_point_status', 'États d’un point à l’ordre du jour', false),
    ('decision_status', 'États d’une décision', false),
    ('decision_target', 'Objets d’une décision', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('meeting_kind', 10, 'neighbourhood', 'Réunion de quartier', 'Une réunion avec les habitants', 'État des lieux et thèmes prioritaires, avec les habitants.'),
    ('meeting_kind', 20, 'resident_workshop', 'Atelier habitants', 'Un atelier avec les habitants', 'Cartographie participative et propositions, en petits groupes.'),
    ('meeting_kind', 30, 'walk', 'Diagnostic en marchant', 'Une marche dans le quartier', 'Un itinéraire, des arrêts numérotés, des constats faits sur place.'),
    ('meeting_kind', 40, 'interview', 'Entretien', 'Un entretien', 'Avec une personne ou un petit groupe, en marchant ou sur place.'),
    ('meeting_kind', 50, 'restitution', 'Restitution', 'Le retour aux habitants', 'Le diagnostic partagé ou les réponses, présentés à qui y a contribué.'),
    ('meeting_kind', 60, 'technical', 'Réunion technique', 'Une réunion de travail', 'Bailleurs et services : rédaction des plans d’actions et des fiches.'),
    ('meeting_kind', 70, 'inter_bailleurs', 'Réunion inter-bailleurs', 'Une réunion des bailleurs', 'Les bailleurs entre eux, avec la ville ; arbitre qui répond.'),
    ('meeting_kind', 80, 'transversal', 'Réunion transversale', 'Une réunion de tous les partenaires', 'Tous les acteurs institutionnels ; arbitre qui répond.'),
    ('meeting_kind', 90, 'tech_committee', 'Comité technique', 'Le comité technique', 'COTECH.'),
    ('meeting_kind', 100, 'steering_committee', 'Comité de pilotage', 'Le comité qui décide', 'COPIL.'),
    ('meeting_kind', 110, 'resident_council', 'Conseil citoyen', 'Le conseil citoyen', 'Conseil citoyen, table de quartier.'),
    ('meeting_kind', 120, 'other', 'Autre réunion', 'Autre', NULL),

    ('meeting_phase', 10, 'diagnosis', 'Diagnostic', 'Regarder ce qui va et ne va pas', NULL),
    ('meeting_phase', 20, 'search', 'Recherche de solutions', 'Chercher des solutions', NULL),
    ('meeting_phase', 30, 'implementation', 'Mise en œuvre', 'Faire', NULL),
    ('meeting_phase', 40, 'evaluation', 'Évaluation', 'Voir si cela a marché', NULL),

    ('meeting_status', 10, 'planned', 'Prévue', 'Prévue', NULL),
    ('meeting_status', 20, 'called', 'Convoquée', 'Annoncée', 'La date et l’ordre du jour sont annoncés.'),
    ('meeting_status', 30, 'held', 'Tenue', 'Elle a eu lieu', NULL),
    ('meeting_status', 40, 'minutes_draft', 'Compte rendu en rédaction', 'Le compte rendu s’écrit', NULL),
    ('meeting_status', 50, 'minutes_published', 'Compte rendu diffusé', 'Le compte rendu est là', 'Il peut être contesté pendant quinze jours ; une correction en est une nouvelle version.'),
    ('meeting_status', 60, 'cancelled', 'Annulée', 'Annulée', NULL),
    ('meeting_status', 70, 'postponed', 'Reportée', 'Reportée', 'Une nouvelle date est à fixer.'),

    ('rhythm', 10, 'weekly', 'Hebdomadaire', 'Chaque semaine', NULL),
    ('rhythm', 20, 'monthly', 'Mensuelle', 'Chaque mois', NULL),
    ('rhythm', 30, 'every_two_months', 'Bimestrielle', 'Tous les deux mois', NULL),
    ('rhythm', 40, 'quarterly', 'Trimestrielle', 'Tous les trois mois', NULL),
    ('rhythm', 50, 'half_yearly', 'Semestrielle', 'Deux fois par an', NULL),
    ('rhythm', 60, 'yearly', 'Annuelle', 'Chaque année', NULL),
    ('rhythm', 70, 'irregular', 'Selon les besoins', 'Quand il le faut', NULL),

    ('support_kind', 10, 'photo', 'Photographies', 'Des photos', NULL),
    ('support_kind', 20, 'map', 'Carte', 'Une carte', 'Fond de plan pour la cartographie participative.'),
    ('support_kind', 30, 'plan', 'Plan', 'Un plan', NULL),
    ('support_kind', 40, 'other', 'Autre support', 'Autre', NULL),

    ('communication_channel', 10, 'poster', 'Affichage', 'Des affiches', NULL),
    ('communication_channel', 20, 'letterbox', 'Boîtage', 'Un papier dans la boîte aux lettres', NULL),
    ('communication_channel', 30, 'letter', 'Courrier', 'Une lettre', NULL),
    ('communication_channel', 40, 'email', 'Courriel', 'Un courriel', NULL),
    ('communication_channel', 50, 'sms', 'SMS', 'Un SMS', NULL),
    ('communication_channel', 60, 'door_to_door', 'Porte-à-porte', 'De porte en porte', NULL),
    ('communication_channel', 70, 'local_relay', 'Relais de quartier', 'Les associations du quartier', NULL),
    ('communication_channel', 80, 'press', 'Presse', 'Le journal', NULL),
    ('communication_channel', 90, 'website', 'Site internet', 'Le site internet', NULL),
    ('communication_channel', 100, 'social_media', 'Réseaux sociaux', 'Les réseaux sociaux', NULL),
    ('communication_channel', 110, 'other', 'Autre moyen', 'Autre', NULL),

    ('invitation_status', 10, 'invited', 'Invitée', 'Pas encore de réponse', NULL),
    ('invitation_status', 20, 'accepted', 'Viendra', 'Oui', NULL),
    ('invitation_status', 30, 'excused', 'Excusée', 'Ne peut pas venir', NULL),
    ('invitation_status', 40, 'withdrawn', 'Retirée', 'Plus invitée', NULL),

    ('attendance_kind', 10, 'institution', 'Institution', 'Une institution', NULL),
    ('attendance_kind', 20, 'residents', 'Habitants', 'Des habitants', 'Un nombre, jamais de nom.'),

    ('agenda_point_status', 10, 'proposed', 'Proposé', 'Proposé', NULL),
    ('agenda_point_status', 20, 'accepted', 'Retenu', 'On en parlera', NULL),
    ('agenda_point_status', 30, 'refused', 'Écarté', 'On n’en parlera pas', NULL),
    ('agenda_point_status', 40, 'withdrawn', 'Retiré', 'Retiré', 'Retiré par qui l’avait proposé.'),

    ('decision_status', 10, 'recorded', 'Enregistrée', 'Décidé', NULL),
    ('decision_status', 20, 'withdrawn', 'Retirée', 'Retirée', 'Inscrite par erreur, avant la diffusion du compte rendu.'),

    ('decision_target', 10, 'issue', 'Constat', 'Un problème signalé', NULL),
    ('decision_target', 20, 'commitment', 'Engagement', 'Une promesse', NULL);

CALL spread_terms();
