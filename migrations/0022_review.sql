-- What a review found: rights that follow what is archived too, answers and
-- presences that only their own institution gives, decisions that serve once,
-- and words that stay with the record that they were said of.

SET search_path = gusp, public;

-- What is archived -----------------------------------------------------------------

-- As before, but who sees what is archived still follows the record that it
-- belongs to: else that one could not change who sees it.
CREATE OR REPLACE FUNCTION keep_books() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    rights text[] := '{seen_by,written_by,edited_by,target_seen_by,keys,pens,groups}';
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
       AND gusp.caller_role() IS NOT NULL
       AND to_jsonb(NEW) - rights <> to_jsonb(OLD) - rights THEN
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

-- Auditors ---------------------------------------------------------------------------

-- What an institution keeps for itself is not audited, not even by its own
-- control service: not its documents, nor what an issue was before it was
-- shown to others.
CREATE FUNCTION close_to_auditors() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys := array_remove(NEW.keys, 'i:' || NEW.institution_id);
    RETURN NEW;
END $$;
CREATE TRIGGER c_auditor BEFORE INSERT OR UPDATE ON member
    FOR EACH ROW WHEN (NEW.role = 'auditor') EXECUTE FUNCTION close_to_auditors();

-- Of the memberships there are: no change that anybody made, so no event.
ALTER TABLE member DISABLE TRIGGER USER;
ALTER TABLE member ENABLE TRIGGER b_prepare;
ALTER TABLE member ENABLE TRIGGER c_auditor;
UPDATE member SET keys = keys WHERE role = 'auditor';
ALTER TABLE member ENABLE TRIGGER USER;

-- History ----------------------------------------------------------------------------

-- As before, but a reason that is kept as a field too (the cause of a pause)
-- is told to those who read that field.
CREATE OR REPLACE VIEW event_read WITH (security_invoker = true) AS
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
           'reason_code', CASE WHEN NOT EXISTS (
               SELECT FROM jsonb_each(e.changes) AS g,
                    jsonb_each(g.value) AS f
               WHERE g.key <> ALL ((SELECT groups())::text[])
                 AND f.value ->> 'after' = e.reason_code) THEN e.reason_code END,
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

-- Issues -----------------------------------------------------------------------------

-- As before, but what was said of the duplicate is not said of its master.
CREATE OR REPLACE FUNCTION step_issue_duplicate(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    kept jsonb := gusp.aside(NULL);
BEGIN
    UPDATE gusp.issue AS i
    SET supporters_count = i.supporters_count + 1 + ($1 ->> 'supporters_count')::int
    WHERE i.id = ($2 -> 'details' ->> 'master_id')::uuid;
    PERFORM gusp.resume(kept);
    RETURN jsonb_build_object('master_id', $2 -> 'details' -> 'master_id');
END $$;

-- As before, but nobody else says why a lead declined: taken back for want of
-- an answer is unanswered.
CREATE OR REPLACE FUNCTION step_issue_return(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('lead_actor_id', NULL, 'contributors', '[]'::jsonb, 'rule_id', NULL,
        'due_on', NULL, 'assigned_at', NULL,
        'decline_reason', CASE WHEN r.lead THEN $2 -> 'details' -> 'decline_reason' END,
        'suggested_actor_id', CASE WHEN r.lead THEN $2 -> 'details' -> 'suggested_actor_id' END,
        'bounce_count', ($1 ->> 'bounce_count')::int + r.lead::int)
    FROM (SELECT 'lead' = ANY (gusp.issue_relations($1)) AS lead) AS r
$$;

-- As before, but what was decided before the last refusal is no arbitration
-- of it, whichever meeting named a lead in between.
CREATE OR REPLACE FUNCTION guard_third_assignment_is_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.id IS NULL THEN ($1 ->> 'bounce_count')::int < 2
        ELSE m.id IS DISTINCT FROM ($1 ->> 'decision_meeting_id')::uuid
            AND gusp.decided(m.id, 'issue', ($1 ->> 'id')::uuid)
            AND (($1 ->> 'bounce_count')::int < 2 OR EXISTS (
                SELECT FROM gusp.decision AS d
                WHERE d.meeting_id = m.id AND d.target_type = 'issue' AND d.target_id = ($1 ->> 'id')::uuid
                  AND d.status = 'recorded'
                  AND d.created_at > (SELECT max(a.answered_at) FROM gusp.assignment AS a
                                      WHERE a.issue_id = ($1 ->> 'id')::uuid AND a.answer = 'declined'))) END
    FROM (SELECT ($2 -> 'details' ->> 'meeting_id')::uuid AS id) AS m
$$;

-- As before, but who had no part in the work says itself that it was there:
-- the city, which runs the meeting, does not say it for others.
CREATE OR REPLACE FUNCTION verified_in(meeting uuid, issue uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM gusp.issue AS i
        JOIN gusp.decision AS d ON d.target_id = i.id AND d.target_type = 'issue'
        JOIN gusp.meeting AS m ON m.id = d.meeting_id
        JOIN gusp.attendance AS a ON a.meeting_id = m.id
        JOIN gusp.actor AS w ON w.id = a.updated_by
        WHERE i.id = $2 AND d.meeting_id = $1 AND d.status = 'recorded' AND d.created_at > i.treated_at
          AND m.status = 'minutes_published'
          AND a.kind = 'institution' AND a.status = 'active' AND a.present_count > 0
          AND w.institution_id = a.institution_id
          AND NOT a.institution_id = ANY (i.executants));
END $$;

-- Shapes -------------------------------------------------------------------------------

-- A shape of an issue or a contribution is drawn by hand: pages of two hundred
-- with ten thousand points each would be fifty megabytes.
CREATE FUNCTION refuse_shape() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp.refuse('422', 'bad_geometry', '{"pointer": "/geometry"}');
END $$;
CREATE TRIGGER a_shape BEFORE INSERT OR UPDATE OF geometry ON issue
    FOR EACH ROW WHEN (ST_NPoints(NEW.geometry) > 1000) EXECUTE FUNCTION refuse_shape();
CREATE TRIGGER a_shape BEFORE INSERT OR UPDATE OF geometry ON contribution
    FOR EACH ROW WHEN (ST_NPoints(NEW.geometry) > 1000) EXECUTE FUNCTION refuse_shape();

-- As before, but what lies in a shape of more than some two kilometres is not
-- the same for that: one over a whole territory would ask the distance of
-- every issue there is.
CREATE OR REPLACE FUNCTION similar_issues(id uuid) RETURNS SETOF uuid
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
    CROSS JOIN LATERAL gusp.issues_near(CASE
        WHEN public.ST_XMax(i.geometry) - public.ST_XMin(i.geometry) < 0.02
         AND public.ST_YMax(i.geometry) - public.ST_YMin(i.geometry) < 0.02 THEN i.geometry END, 30) AS n (id)
    JOIN gusp.issue AS o ON o.id = n.id
    WHERE i.id = $1 AND o.id <> i.id
      AND (gusp.is_open(o.status) OR abs(extract(epoch FROM o.created_at - i.created_at)) <= 30 * 86400)
      AND o.status NOT IN ('duplicate', 'withdrawn')
$$;

-- Comments -----------------------------------------------------------------------------

-- What an Idempotency-Key keeps of a redacted comment loses its text too.
CREATE INDEX idempotency_comment ON idempotency (location) WHERE location LIKE '/v1/comments/%';

CREATE FUNCTION forget_comment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    UPDATE idempotency AS i
    SET body = jsonb_set(i.body::jsonb, '{text}', 'null')::text, fingerprint = ''
    WHERE i.location = '/v1/comments/' || NEW.id AND i.location LIKE '/v1/comments/%';
    RETURN NULL;
END $$;
ALTER FUNCTION forget_comment() OWNER TO gusp_definer;
CREATE TRIGGER u_forget AFTER UPDATE ON comment
    FOR EACH ROW WHEN (NEW.status = 'redacted' AND OLD.status <> 'redacted')
    EXECUTE FUNCTION forget_comment();

-- Answers ------------------------------------------------------------------------------

-- What a contribution became part of, however often that was merged itself.
CREATE FUNCTION merged_into(contribution uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above AS (
        SELECT c.id, c.merged_into_id FROM gusp.contribution AS c WHERE c.id = $1
        UNION
        SELECT c.id, c.merged_into_id FROM gusp.contribution AS c JOIN above ON c.id = above.merged_into_id)
    SELECT a.id FROM above AS a WHERE a.merged_into_id IS NULL
$$;

-- The same of an issue and its masters.
CREATE FUNCTION duplicate_of(issue uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE above AS (
        SELECT i.id, i.master_id FROM gusp.issue AS i WHERE i.id = $1
        UNION
        SELECT i.id, i.master_id FROM gusp.issue AS i JOIN above ON i.id = above.master_id)
    SELECT a.id FROM above AS a WHERE a.master_id IS NULL
$$;

-- As before, and what was merged twice is owed once, where it can be answered.
CREATE OR REPLACE FUNCTION open_answers(meeting gusp.meeting, origin uuid) RETURNS void
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
        JOIN gusp.contribution AS m
          ON m.id = CASE WHEN c.merged_into_id IS NULL THEN c.id ELSE gusp.merged_into(c.id) END
        WHERE c.meeting_id = $1.id AND coalesce(c.id = $2, true)
        UNION
        SELECT 'issue', m.id, m.seen_by, m.quartier_id, m.lead_actor_id, NULL
        FROM gusp.issue AS i
        JOIN gusp.issue AS m ON m.id = CASE WHEN i.master_id IS NULL THEN i.id ELSE gusp.duplicate_of(i.id) END
        WHERE i.origin_meeting_id = $1.id AND coalesce(i.id = $2, true)
          AND m.status <> 'withdrawn' AND m.visibility <> 'internal') AS o
    ON CONFLICT (meeting_id, origin_id) DO NOTHING
$$;
