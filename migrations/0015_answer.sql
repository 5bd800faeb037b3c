-- Answers due: what is owed to residents once the minutes of a walk, a
-- workshop or a neighbourhood meeting are published; who owes it, until when,
-- and whether it was given.

SET search_path = gusp, public;

-- origin is what residents said or showed: a contribution or an issue.
-- merged: another debt of the same meeting says the same.
CREATE TABLE answer_due (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    meeting_id uuid NOT NULL,
    origin_type text NOT NULL CHECK (origin_type IN ('contribution', 'issue')),
    origin_id uuid NOT NULL,
    origin_seen_by text[] NOT NULL,
    quartier_id uuid NOT NULL,
    due_on date NOT NULL,
    responsible_actor_id uuid NOT NULL,
    responsible_institution_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'given', 'waived', 'merged')),
    answer text CHECK (length(answer) BETWEEN 1 AND 4000),
    channel text CHECK (channel IN ('meeting', 'in_person', 'relay', 'letter', 'phone', 'online', 'notice')),
    given_at timestamptz,
    given_by_actor_id uuid,
    waived_reason text CHECK (length(waived_reason) BETWEEN 1 AND 1000),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (meeting_id, origin_id),
    FOREIGN KEY (programme_id, meeting_id) REFERENCES meeting (programme_id, id),
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id),
    FOREIGN KEY (programme_id, responsible_actor_id) REFERENCES actor (programme_id, id),
    CONSTRAINT given_has_its_answer CHECK ((status = 'given') = (num_nonnulls(answer, given_at, given_by_actor_id) = 3)),
    CONSTRAINT waived_says_why CHECK ((status = 'waived') = (waived_reason IS NOT NULL))
);
CREATE INDEX answer_due_origin ON answer_due (origin_id);
CALL protect('answer_due', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Whoever sees the origin sees what is owed for it, and so does whoever owes.
CREATE FUNCTION prepare_answer_due() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT a.institution_id INTO NEW.responsible_institution_id
    FROM gusp.actor AS a WHERE a.id = NEW.responsible_actor_id;
    NEW.seen_by := NEW.origin_seen_by || CASE
        WHEN 'i:' || NEW.responsible_institution_id = ANY (NEW.origin_seen_by) THEN '{}'
        ELSE ARRAY['i:' || NEW.responsible_institution_id] END;
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:meeting:' || NEW.programme_id,
        'i:' || NEW.responsible_institution_id];
    RETURN NEW;
END $$;

-- Opening ------------------------------------------------------------------------

-- The meetings whose published minutes oblige to answer.
CREATE FUNCTION owes_answers(meeting gusp.meeting) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1.status = 'minutes_published' AND $1.answers_due_on IS NOT NULL
       AND $1.kind IN ('walk', 'neighbourhood', 'resident_workshop')
$$;

-- Who answers where nobody leads: who convened, else the city.
CREATE FUNCTION answerer(meeting gusp.meeting) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT coalesce($1.convenor_actor_id, (
        SELECT m.actor_id
        FROM gusp.member AS m
        WHERE m.programme_id = $1.programme_id AND m.role = 'city' AND m.status = 'active'
        ORDER BY m.created_at, m.id
        LIMIT 1))
$$;

-- The debts of a meeting, or of one of its contributions or issues that came
-- later: each once, however often the minutes are published. What was merged
-- into another is answered by that one. What an institution keeps inside is
-- owed to nobody.
CREATE FUNCTION open_answers(meeting gusp.meeting, origin uuid) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO gusp.answer_due (programme_id, meeting_id, origin_type, origin_id, origin_seen_by, quartier_id,
        due_on, responsible_actor_id, status, answer, channel, given_at, given_by_actor_id)
    SELECT $1.programme_id, $1.id, o.origin_type, o.id, o.seen_by, o.quartier_id, $1.answers_due_on,
           coalesce(o.lead_actor_id, gusp.answerer($1)),
           CASE WHEN o.answer IS NULL THEN 'open' ELSE 'given' END,
           o.answer ->> 'text', o.answer ->> 'channel', (o.answer ->> 'given_at')::timestamptz,
           (o.answer ->> 'by_actor_id')::uuid
    FROM (
        SELECT 'contribution' AS origin_type, m.id, m.seen_by, m.quartier_id, NULL::uuid AS lead_actor_id, m.answer
        FROM gusp.contribution AS c
        JOIN gusp.contribution AS m ON m.id = coalesce(c.merged_into_id, c.id)
        WHERE c.meeting_id = $1.id AND coalesce(c.id = $2, true)
        UNION
        SELECT 'issue', m.id, m.seen_by, m.quartier_id, m.lead_actor_id, NULL
        FROM gusp.issue AS i
        JOIN gusp.issue AS m ON m.id = coalesce(i.master_id, i.id)
        WHERE i.origin_meeting_id = $1.id AND coalesce(i.id = $2, true)
          AND m.status <> 'withdrawn' AND m.visibility <> 'internal') AS o
    ON CONFLICT (meeting_id, origin_id) DO NOTHING
$$;

CREATE FUNCTION publish_answers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF owes_answers(NEW) THEN
        PERFORM open_answers(NEW, NULL);
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION publish_answers() OWNER TO gusp_definer;
CREATE TRIGGER v_answers AFTER UPDATE ON meeting
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'minutes_published')
    EXECUTE FUNCTION publish_answers();

-- What is told of a meeting after its minutes were published.
CREATE FUNCTION open_late_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    held gusp.meeting;
BEGIN
    SELECT * INTO held FROM meeting AS m WHERE m.id = (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
    IF owes_answers(held) THEN
        PERFORM open_answers(held, NEW.id);
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION open_late_answer() OWNER TO gusp_definer;
CREATE TRIGGER v_answer AFTER INSERT ON contribution
    FOR EACH ROW WHEN (NEW.meeting_id IS NOT NULL) EXECUTE FUNCTION open_late_answer('meeting_id');
CREATE TRIGGER v_answer AFTER INSERT ON issue
    FOR EACH ROW WHEN (NEW.origin_meeting_id IS NOT NULL) EXECUTE FUNCTION open_late_answer('origin_meeting_id');

-- Following their origin -----------------------------------------------------------

-- A change that follows from another record's, whose own step may be under
-- way: what was said of that step is not said of this. aside() says which
-- record's state follows now, and gives what resume() brings back.
CREATE FUNCTION aside(moving uuid) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    kept jsonb := jsonb_object_agg(s.name, coalesce(current_setting('app.' || s.name, true), ''))
        FROM unnest('{moving,comment,reason_code}'::text[]) AS s (name);
BEGIN
    PERFORM set_config('app.moving', coalesce($1::text, ''), true),
            set_config('app.comment', '', true),
            set_config('app.reason_code', '', true);
    RETURN kept;
END $$;

CREATE FUNCTION resume(kept jsonb) RETURNS void
LANGUAGE sql AS $$
    SELECT set_config('app.' || k.key, k.value, true) FROM jsonb_each_text($1) AS k
$$;

-- What was owed for one is owed for the other that says the same.
CREATE FUNCTION merge_answers(origin uuid, master uuid, master_seen_by text[]) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    debt gusp.answer_due;
    kept jsonb;
BEGIN
    FOR debt IN SELECT * FROM gusp.answer_due AS d WHERE d.origin_id = origin AND d.status = 'open' LOOP
        kept := gusp.aside(debt.id);
        IF EXISTS (SELECT FROM gusp.answer_due AS d WHERE d.meeting_id = debt.meeting_id AND d.origin_id = master) THEN
            UPDATE gusp.answer_due AS d SET status = 'merged' WHERE d.id = debt.id;
        ELSE
            UPDATE gusp.answer_due AS d SET origin_id = master, origin_seen_by = master_seen_by WHERE d.id = debt.id;
        END IF;
        PERFORM gusp.resume(kept);
    END LOOP;
END $$;

CREATE FUNCTION answers_follow_issue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    kept jsonb;
BEGIN
    IF NEW.master_id IS NOT NULL THEN
        PERFORM merge_answers(NEW.id, m.id, m.seen_by) FROM issue AS m WHERE m.id = NEW.master_id;
    END IF;
    kept := aside(NULL);
    UPDATE answer_due AS d
    SET origin_seen_by = NEW.seen_by,
        responsible_actor_id = CASE WHEN d.status = 'open' THEN coalesce(NEW.lead_actor_id, answerer(m))
                                    ELSE d.responsible_actor_id END
    FROM meeting AS m
    WHERE d.origin_id = NEW.id AND m.id = d.meeting_id;
    PERFORM resume(kept);
    RETURN NULL;
END $$;
ALTER FUNCTION answers_follow_issue() OWNER TO gusp_definer;
CREATE TRIGGER v_answers AFTER UPDATE ON issue
    FOR EACH ROW WHEN ((OLD.seen_by, OLD.lead_actor_id, OLD.master_id)
        IS DISTINCT FROM (NEW.seen_by, NEW.lead_actor_id, NEW.master_id))
    EXECUTE FUNCTION answers_follow_issue();

-- Whoever answers a contribution has paid the debt, and the other way round.
CREATE FUNCTION answers_follow_contribution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    debt uuid;
    kept jsonb;
BEGIN
    IF NEW.merged_into_id IS NOT NULL THEN
        PERFORM merge_answers(NEW.id, m.id, m.seen_by) FROM contribution AS m WHERE m.id = NEW.merged_into_id;
    END IF;
    kept := aside(NULL);
    UPDATE answer_due AS d SET origin_seen_by = NEW.seen_by WHERE d.origin_id = NEW.id;
    IF NEW.status = 'answered' THEN
        FOR debt IN SELECT d.id FROM answer_due AS d WHERE d.origin_id = NEW.id AND d.status = 'open' LOOP
            PERFORM aside(debt);
            UPDATE answer_due AS d
            SET status = 'given', answer = NEW.answer ->> 'text', channel = NEW.answer ->> 'channel',
                given_at = (NEW.answer ->> 'given_at')::timestamptz,
                given_by_actor_id = (NEW.answer ->> 'by_actor_id')::uuid
            WHERE d.id = debt;
        END LOOP;
    END IF;
    PERFORM resume(kept);
    RETURN NULL;
END $$;
ALTER FUNCTION answers_follow_contribution() OWNER TO gusp_definer;
CREATE TRIGGER v_answers AFTER UPDATE ON contribution
    FOR EACH ROW WHEN ((OLD.seen_by, OLD.status) IS DISTINCT FROM (NEW.seen_by, NEW.status))
    EXECUTE FUNCTION answers_follow_contribution();

CREATE FUNCTION contribution_follows_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    kept jsonb := aside(NEW.origin_id);
BEGIN
    UPDATE contribution AS c
    SET status = 'answered',
        answer = jsonb_build_object('text', NEW.answer, 'by_actor_id', NEW.given_by_actor_id,
            'given_at', instant(NEW.given_at), 'channel', NEW.channel)
    WHERE c.id = NEW.origin_id AND c.status <> 'answered';
    PERFORM resume(kept);
    RETURN NULL;
END $$;
ALTER FUNCTION contribution_follows_answer() OWNER TO gusp_definer;

-- Life-cycle -------------------------------------------------------------------------

CREATE FUNCTION relations_to_answer_due(programme uuid, responsible uuid) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        gusp.caller_role(),
        CASE WHEN 'm:meeting:' || $1 = ANY (gusp.pens()) THEN 'mandated' END,
        CASE WHEN gusp.caller_role() IN ('city', 'bailleur', 'association', 'institution')
              AND $2 = gusp.caller_institution() THEN 'responsible' END], NULL)
$$;

CREATE FUNCTION answer_due_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_answer_due(($1 ->> 'programme_id')::uuid, ($1 ->> 'responsible_institution_id')::uuid)
$$;

-- A contribution is sorted before it is answered.
CREATE FUNCTION guard_contribution_is_sorted(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $1 ->> 'origin_type' <> 'contribution' OR EXISTS (
        SELECT FROM gusp.contribution AS c
        WHERE c.id = ($1 ->> 'origin_id')::uuid AND c.status <> 'collected')
$$;

CREATE FUNCTION step_answer_due_give(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    said jsonb := $2 -> 'details';
    given timestamptz := coalesce((said ->> 'given_at')::timestamptz, now());
BEGIN
    PERFORM gusp.refuse_personal(said ->> 'answer', '/details/answer');
    IF given > now() + interval '5 minutes' THEN
        PERFORM gusp.refuse('422', 'occurred_in_the_future', '{"pointer": "/details/given_at"}');
    END IF;
    RETURN jsonb_build_object('answer', said -> 'answer', 'channel', said -> 'channel',
        'given_at', given, 'given_by_actor_id', gusp.caller_actor());
END $$;

CREATE FUNCTION step_answer_due_waive(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM gusp.refuse_personal($2 -> 'details' ->> 'waived_reason', '/details/waived_reason');
    RETURN jsonb_build_object('waived_reason', $2 -> 'details' -> 'waived_reason');
END $$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs_details, guards, effect) VALUES
    ('answer_due', 'open', 'given', 1, '{city,mandated,responsible}', '{answer,channel}', '{contribution_is_sorted}', 'answer_due_give'),
    ('answer_due', 'open', 'waived', 2, '{city}', '{waived_reason}', '{}', 'answer_due_waive'),
    ('answer_due', 'open', 'merged', 3, '{system}', '{}', '{}', NULL);

-- Lists ------------------------------------------------------------------------------

CREATE TABLE answer_due_key (
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL REFERENCES answer_due,
    due_on date NOT NULL,
    updated_at timestamptz NOT NULL,
    status text NOT NULL,
    quartier_id uuid NOT NULL,
    meeting_id uuid NOT NULL,
    responsible_institution_id uuid NOT NULL,
    origin_type text NOT NULL,
    origin_id uuid NOT NULL,
    PRIMARY KEY (id, key)
);
CREATE INDEX answer_due_key_due ON answer_due_key (key, due_on, id);
CREATE INDEX answer_due_key_updated ON answer_due_key (key, updated_at DESC, id DESC);
CREATE INDEX answer_due_key_status ON answer_due_key (key, status, due_on, id);
CREATE INDEX answer_due_key_responsible ON answer_due_key (key, responsible_institution_id, status, due_on, id);
CREATE INDEX answer_due_key_quartier ON answer_due_key (key, quartier_id, status, due_on, id);
CREATE INDEX answer_due_key_meeting ON answer_due_key (key, meeting_id, due_on, id);
CREATE INDEX answer_due_key_origin ON answer_due_key (key, origin_id, due_on, id);
CALL protect('answer_due_key', 'key = ANY ((SELECT keys())::text[])', NULL);

CREATE FUNCTION key_answer_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM answer_due_key AS k WHERE k.id = NEW.id;
    END IF;
    INSERT INTO answer_due_key (key, id, due_on, updated_at, status, quartier_id, meeting_id,
        responsible_institution_id, origin_type, origin_id)
    SELECT s.key, NEW.id, NEW.due_on, NEW.updated_at, NEW.status, NEW.quartier_id, NEW.meeting_id,
           NEW.responsible_institution_id, NEW.origin_type, NEW.origin_id
    FROM unnest(NEW.seen_by) AS s (key);
    RETURN NULL;
END $$;
ALTER FUNCTION key_answer_due() OWNER TO gusp_definer;

CALL keep('answer_due', true, NULL);
CREATE TRIGGER v_contribution AFTER UPDATE ON answer_due
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'given' AND NEW.origin_type = 'contribution')
    EXECUTE FUNCTION contribution_follows_answer();
CREATE TRIGGER w_key_created AFTER INSERT ON answer_due
    FOR EACH ROW EXECUTE FUNCTION key_answer_due();
CREATE TRIGGER w_key_changed AFTER UPDATE ON answer_due
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_answer_due();

INSERT INTO field_group (noun, field, grp)
SELECT 'answer_due', f, CASE
    WHEN f IN ('id', 'programme_id', 'origin_seen_by', 'responsible_institution_id', 'version', 'created_at',
        'created_by', 'updated_at', 'updated_by', 'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{id,programme_id,meeting_id,origin_type,origin_id,origin_seen_by,quartier_id,due_on,responsible_actor_id,responsible_institution_id,status,answer,channel,given_at,given_by_actor_id,waived_reason,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

-- What is read -------------------------------------------------------------------------

CREATE VIEW answer_due_read WITH (security_invoker = true) AS
SELECT d.id, d.version, writes(d.written_by) AS writable,
       json_build_object(
           'id', d.id,
           'programme_id', d.programme_id,
           'meeting_id', d.meeting_id,
           'origin_type', d.origin_type,
           'origin_id', d.origin_id,
           'quartier_id', d.quartier_id,
           'due_on', d.due_on,
           'late', d.status = 'open' AND d.due_on < today(),
           'responsible_actor_id', d.responsible_actor_id,
           'responsible_institution_id', d.responsible_institution_id,
           'status', d.status,
           'answer', d.answer,
           'channel', d.channel,
           'given_at', instant(d.given_at),
           'given_by_actor_id', d.given_by_actor_id,
           'waived_reason', d.waived_reason,
           'version', d.version,
           'created_at', instant(d.created_at),
           'created_by', d.created_by,
           'updated_at', instant(d.updated_at),
           'updated_by', d.updated_by,
           'allowed_transitions', allowed_transitions('answer_due', d.status,
               relations_to_answer_due(d.programme_id, d.responsible_institution_id))
       ) AS body
FROM answer_due AS d;
GRANT SELECT ON answer_due_read TO gusp_member, gusp_auditor;

-- Words ----------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('answer_due_status', 'États d’une réponse due', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('answer_due_status', 10, 'open', 'Due', 'On doit répondre', 'Les habitants attendent une réponse.'),
    ('answer_due_status', 20, 'given', 'Donnée', 'On a répondu', NULL),
    ('answer_due_status', 30, 'waived', 'Levée', 'Pas de réponse', 'Aucune réponse ne sera donnée, et il est dit pourquoi.'),
    ('answer_due_status', 40, 'merged', 'Réunie à une autre', 'Réunie à une autre', 'La même réponse est due pour un autre constat ou une autre contribution.');
CALL spread_terms();
