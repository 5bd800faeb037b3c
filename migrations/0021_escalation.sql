-- Escalation: an issue that a commitment carries from now on, and the trace
-- through plans and promises.

SET search_path = gusp, public;

-- Issues ----------------------------------------------------------------------------

ALTER TABLE issue
    ADD resulting_commitment_id uuid,
    ADD FOREIGN KEY (programme_id, resulting_commitment_id) REFERENCES commitment (programme_id, id),
    DROP CONSTRAINT issue_status_check,
    ADD CONSTRAINT issue_status_check CHECK (status IN ('submitted', 'qualified', 'assigned', 'accepted', 'planned',
        'in_progress', 'on_hold', 'treated', 'resolved', 'escalated', 'duplicate', 'no_action', 'withdrawn')),
    ADD CONSTRAINT escalated_names_its_commitment CHECK (
        (status = 'escalated') = (resulting_commitment_id IS NOT NULL));
INSERT INTO field_group (noun, field, grp) VALUES ('issue', 'resulting_commitment_id', 'public');

-- By accepting the commitment its owner has agreed to carry what it is for.
CREATE FUNCTION guard_commitment_accepted(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    c gusp.commitment;
BEGIN
    SELECT * INTO c FROM gusp.commitment AS x WHERE x.id = ($2 -> 'details' ->> 'commitment_id')::uuid;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/commitment_id"}');
    END IF;
    RETURN c.status IN ('accepted', 'in_progress', 'blocked', 'claimed', 'verified');
END $$;

CREATE FUNCTION step_issue_escalate(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('resulting_commitment_id', $2 -> 'details' -> 'commitment_id')
        || CASE WHEN $1 ->> 'status' = 'on_hold' THEN gusp.step_issue_resume($1, $2) ELSE '{}' END
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs_details, guards, effect)
SELECT 'issue', s, 'escalated', 9, '{city}', '{commitment_id}', '{commitment_accepted}', 'issue_escalate'
FROM unnest('{qualified,assigned,accepted,planned,in_progress,
    on_hold:accepted,on_hold:planned,on_hold:in_progress}'::text[]) AS s;

-- The issue as before, with the state of what carries it.
ALTER VIEW issue_read RENAME TO issue_itself_read;
CREATE VIEW issue_read WITH (security_invoker = true) AS
SELECT r.id, r.programme_id, r.version, r.writable,
       r.body || coalesce((
           SELECT jsonb_build_object('resulting_commitment_id', i.resulting_commitment_id,
               'resulting_commitment', CASE WHEN c.id IS NOT NULL THEN jsonb_build_object('status', c.status,
                   'due_on', c.due_on, 'late', coalesce(is_due(c.status) AND c.due_on < today(), false)) END)
           FROM issue AS i
           LEFT JOIN commitment AS c ON c.id = i.resulting_commitment_id
           WHERE i.id = r.id AND i.status = 'escalated'), '{}') AS body
FROM issue_itself_read AS r;
GRANT SELECT ON issue_read TO gusp_member, gusp_auditor;

-- Trace -----------------------------------------------------------------------------

CREATE TRIGGER t_edges_of_commitments AFTER UPDATE OF resulting_commitment_id ON issue
    FOR EACH ROW EXECUTE FUNCTION keep_edges('issue', 'id',
        'resulting_commitment_id', 'commitment', 'down', 'led_to');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON commitment
    FOR EACH ROW EXECUTE FUNCTION keep_edges('commitment', 'id', 'origin', 'issue', 'up', 'led_to',
        'sheet_id', 'action_sheet', 'up', 'led_to', 'remainder_id', 'commitment', 'down', 'followed_by',
        'successor_id', 'commitment', 'down', 'followed_by', 'decision_meeting_id', 'meeting', 'down', 'decided_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON action_sheet
    FOR EACH ROW EXECUTE FUNCTION keep_edges('action_sheet', 'id', 'origin', 'issue', 'up', 'led_to',
        'plan_id', 'action_plan', 'up', 'led_to', 'decision_meeting_id', 'meeting', 'down', 'decided_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON action_plan
    FOR EACH ROW EXECUTE FUNCTION keep_edges('action_plan', 'id', 'diagnosis_id', 'diagnosis', 'up', 'led_to');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON evidence
    FOR EACH ROW EXECUTE FUNCTION keep_edges('commitment', 'commitment_id',
        'document_id', 'document', 'down', 'proved_by');

-- As before, and what is promised.
CREATE OR REPLACE VIEW node WITH (security_invoker = true) AS
SELECT 'meeting' AS type, m.id, m.ref, m.title, m.status, '/v1/meetings/' AS path FROM meeting AS m
UNION ALL
SELECT 'contribution', c.id, NULL, left(c.text, 120), c.status, '/v1/contributions/' FROM contribution AS c
UNION ALL
SELECT 'issue', i.id, i.ref, i.title, i.status, '/v1/issues/' FROM issue AS i
UNION ALL
SELECT 'finding', f.id, NULL, left(f.statement, 120), f.status, '/v1/findings/' FROM finding AS f
UNION ALL
SELECT 'diagnosis', d.id, NULL, d.version_label, d.status, '/v1/diagnoses/' FROM diagnosis AS d
UNION ALL
SELECT 'answer_due', a.id, NULL, left(a.answer, 120), a.status, '/v1/answers-due/' FROM answer_due AS a
UNION ALL
SELECT 'document', d.id, NULL, d.title, d.status, '/v1/documents/' FROM document AS d
UNION ALL
SELECT 'action_plan', p.id, NULL, p.title, p.status, '/v1/action-plans/' FROM action_plan AS p
UNION ALL
SELECT 'action_sheet', s.id, s.ref, s.title, s.status, '/v1/action-sheets/' FROM action_sheet AS s
UNION ALL
SELECT 'commitment', c.id, c.ref, c.title, c.status, '/v1/commitments/' FROM commitment AS c;

-- Words -----------------------------------------------------------------------------

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('issue_status', 95, 'escalated', 'Porté par un engagement', 'Promis',
        'Un engagement accepté le porte ; son état est celui de cet engagement.');
CALL spread_terms();
