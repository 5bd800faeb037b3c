-- Revisions: the one way in which the due date of an accepted commitment
-- moves, and the request by which its owner asks to give it up. Asked for by
-- the owner with a reason, decided by another institution.

SET search_path = gusp, public;

CREATE TABLE revision (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    commitment_id uuid NOT NULL REFERENCES commitment,
    kind text NOT NULL CHECK (kind IN ('due_date', 'abandonment')),
    from_on date NOT NULL,
    to_on date,
    reason_code text NOT NULL CHECK (reason_code IN ('weather', 'procurement', 'budget', 'third_party', 'access',
        'scope', 'other')),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    requested_by uuid,
    decided_at timestamptz,
    decided_by uuid,
    decision_comment text,
    decision_meeting_id uuid,
    status text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'accepted', 'refused', 'withdrawn')),
    stage text NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    CONSTRAINT revision_names_a_day CHECK ((kind = 'due_date') = (to_on IS NOT NULL)),
    CONSTRAINT revision_moves_the_day CHECK (to_on <> from_on)
);
CREATE INDEX revision_commitment ON revision (commitment_id, created_at, id);
CREATE UNIQUE INDEX revision_once ON revision (commitment_id) WHERE status = 'requested';
CALL protect('revision', 'EXISTS (SELECT FROM commitment AS c WHERE c.id = revision.commitment_id)',
    'written_by && (SELECT pens())');

CREATE FUNCTION prepare_revision() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    c gusp.commitment;
BEGIN
    SELECT * INTO c FROM gusp.commitment AS x WHERE x.id = NEW.commitment_id;
    NEW.seen_by := c.seen_by;
    NEW.written_by := ARRAY['i:' || c.owner_institution_id, 'c:' || c.programme_id, 'n:' || c.programme_id];
    NEW.stage := CASE WHEN NEW.status = 'requested' THEN 'requested:' || NEW.kind ELSE NEW.status END;
    IF TG_OP = 'UPDATE' THEN
        RETURN NEW;
    END IF;
    NEW.programme_id := c.programme_id;
    NEW.from_on := c.due_on;
    NEW.requested_by := gusp.caller_actor();
    IF gusp.caller_role() IS NOT NULL AND NOT 'owner' = ANY (gusp.relations_to_commitment(c)) THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    IF NOT gusp.is_due(c.status) THEN
        PERFORM gusp.refuse('409', 'commitment_not_open');
    END IF;
    PERFORM gusp.refuse_personal(NEW.reason, '/reason');
    RETURN NEW;
END $$;

-- Whether a revision was accepted that moves a due date so.
CREATE FUNCTION is_revised(commitment uuid, was date, now_ date) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM gusp.revision AS r
                   WHERE r.commitment_id = $1 AND r.status = 'accepted' AND r.from_on = $2 AND r.to_on = $3)
$$;

-- The due date follows the decision, by whoever took it.
CREATE FUNCTION apply_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    UPDATE commitment AS c SET due_on = NEW.to_on WHERE c.id = NEW.commitment_id;
    RETURN NULL;
END $$;
ALTER FUNCTION apply_revision() OWNER TO gusp_definer;
CREATE TRIGGER t_apply AFTER UPDATE ON revision
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'accepted' AND NEW.kind = 'due_date')
    EXECUTE FUNCTION apply_revision();

-- With the commitment goes the request to give it up, by whoever moved that.
CREATE FUNCTION close_revision() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp.move('revision', r.id, NULL, jsonb_build_object('to', 'accepted', 'comment', NEW.public_reason,
        'details', jsonb_build_object('meeting_id', NEW.decision_meeting_id)))
    FROM gusp.revision AS r
    WHERE r.commitment_id = NEW.id AND r.kind = 'abandonment' AND r.status = 'requested';
    RETURN NULL;
END $$;
CREATE TRIGGER z_close AFTER UPDATE ON commitment
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'abandoned')
    EXECUTE FUNCTION close_revision();

-- The owner asks and withdraws; who decides is not among those who work.
CREATE FUNCTION revision_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN c.status = 'abandoned' AND 'city' = ANY (r) THEN r || 'closing'::text ELSE r END
    FROM gusp.commitment AS c
    CROSS JOIN LATERAL gusp.relations_to_commitment(c) AS r
    WHERE c.id = ($1 ->> 'commitment_id')::uuid
$$;

CREATE FUNCTION guard_commitment_is_due(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM gusp.commitment AS c
                   WHERE c.id = ($1 ->> 'commitment_id')::uuid AND gusp.is_due(c.status))
$$;

-- A meeting that is named must have decided on the commitment.
CREATE FUNCTION guard_named_meeting_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $2 -> 'details' ->> 'meeting_id' IS NULL
        OR gusp.decided(($2 -> 'details' ->> 'meeting_id')::uuid, 'commitment', ($1 ->> 'commitment_id')::uuid)
$$;

CREATE FUNCTION step_revision_decide(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('decided_at', now(), 'decided_by', gusp.caller_actor(),
        'decision_comment', $2 -> 'comment', 'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, guards, effect) VALUES
    ('revision', 'requested:due_date', 'accepted', 1, '{decider}', '{comment}',
        '{commitment_is_due,named_meeting_decided}', 'revision_decide'),
    ('revision', 'requested:due_date', 'refused', 2, '{decider}', '{comment}',
        '{named_meeting_decided}', 'revision_decide'),
    ('revision', 'requested:due_date', 'withdrawn', 3, '{owner}', '{}', '{}', NULL),
    ('revision', 'requested:abandonment', 'accepted', 1, '{closing}', '{}', '{}', 'revision_decide'),
    ('revision', 'requested:abandonment', 'refused', 2, '{decider}', '{comment}',
        '{named_meeting_decided}', 'revision_decide'),
    ('revision', 'requested:abandonment', 'withdrawn', 3, '{owner}', '{}', '{}', NULL);

CALL keep('revision', true, NULL);

INSERT INTO field_group (noun, field, grp)
SELECT 'revision', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'stage') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
        id,programme_id,commitment_id,kind,from_on,to_on,reason_code,reason,requested_by,decided_at,decided_by,
        decision_comment,decision_meeting_id,status,stage,version,created_at,created_by,updated_at,updated_by,
        seen_by,written_by}'::text[]) AS f;

CREATE VIEW revision_read WITH (security_invoker = true) AS
SELECT r.id, r.commitment_id, r.created_at, r.updated_at, r.version,
       json_build_object(
           'id', r.id,
           'programme_id', r.programme_id,
           'commitment_id', r.commitment_id,
           'kind', r.kind,
           'from_on', r.from_on,
           'to_on', r.to_on,
           'reason_code', r.reason_code,
           'reason', r.reason,
           'requested_by', r.requested_by,
           'decided_at', instant(r.decided_at),
           'decided_by', r.decided_by,
           'decision_comment', r.decision_comment,
           'decision_meeting_id', r.decision_meeting_id,
           'status', r.status,
           'version', r.version,
           'created_at', instant(r.created_at),
           'created_by', r.created_by,
           'updated_at', instant(r.updated_at),
           'updated_by', r.updated_by,
           'allowed_transitions', CASE WHEN r.status <> 'requested' THEN '[]'
               ELSE allowed_transitions('revision', r.stage, revision_relations(to_jsonb(r))) END
       ) AS body
FROM revision AS r;
GRANT SELECT ON revision_read TO gusp_member, gusp_auditor;

CREATE OR REPLACE FUNCTION commitment_records(id uuid) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT $1
        || ARRAY(SELECT k.id FROM gusp.commitment_cost AS k WHERE k.commitment_id = $1)
        || ARRAY(SELECT n.id FROM gusp.commitment_note AS n
                 WHERE n.commitment_id = $1 AND n.institution_id = gusp.caller_institution())
        || ARRAY(SELECT e.id FROM gusp.evidence AS e WHERE e.commitment_id = $1)
        || ARRAY(SELECT r.id FROM gusp.revision AS r WHERE r.commitment_id = $1)
$$;

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('revision_kind', 'Objets d’une demande de révision', false),
    ('revision_status', 'États d’une révision', false),
    ('revision_reason', 'Motifs de révision', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('revision_kind', 10, 'due_date', 'Report de l’échéance', 'Changer la date', NULL),
    ('revision_kind', 20, 'abandonment', 'Abandon', 'Renoncer', NULL),

    ('revision_status', 10, 'requested', 'Demandée', 'Demandée', NULL),
    ('revision_status', 20, 'accepted', 'Acceptée', 'Oui', NULL),
    ('revision_status', 30, 'refused', 'Refusée', 'Non', NULL),
    ('revision_status', 40, 'withdrawn', 'Retirée', 'Retirée', NULL),

    ('revision_reason', 10, 'weather', 'Intempéries', 'La météo', NULL),
    ('revision_reason', 20, 'procurement', 'Marchés et commandes', 'Les commandes', NULL),
    ('revision_reason', 30, 'budget', 'Budget', 'L’argent', NULL),
    ('revision_reason', 40, 'third_party', 'Tiers', 'Quelqu’un d’autre', NULL),
    ('revision_reason', 50, 'access', 'Accès', 'L’accès', NULL),
    ('revision_reason', 60, 'scope', 'Périmètre', 'Ce qui est à faire', NULL),
    ('revision_reason', 70, 'other', 'Autre motif', 'Autre', NULL);
CALL spread_terms();
