-- Evaluations: what a programme, a plan or a sheet is worth, criterion by
-- criterion, with reasons that the partners discuss before they are final.

SET search_path = gusp, public;

-- As before, and evaluations: a mandate opens their drafts too.
CREATE OR REPLACE FUNCTION open_mandate() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys := NEW.keys || ARRAY(
        SELECT 'm:' || s || ':' || NEW.programme_id
        FROM unnest(NEW.mandate_scope) AS s
        WHERE s IN ('contribution', 'diagnosis', 'evaluation')
        ORDER BY s);
    RETURN NEW;
END $$;

-- Of the memberships there are: no change that anybody made, so no event.
ALTER TABLE member DISABLE TRIGGER USER;
ALTER TABLE member ENABLE TRIGGER b_prepare;
ALTER TABLE member ENABLE TRIGGER c_keys_of_role;
ALTER TABLE member ENABLE TRIGGER c_mandate;
UPDATE member SET keys = keys WHERE mandate_scope <> '{}';
ALTER TABLE member ENABLE TRIGGER USER;

-- The pens of those who evaluate and draw lessons.
CREATE FUNCTION pens_of_evaluations(programme uuid) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['c:' || $1, 'm:evaluation:' || $1]
$$;

-- grid_version names the grid, reference and document_id what explains it.
-- scores [{criterion, score, out_of, rationale}]: each has its own scale; their
-- total is computed when it is read.
CREATE TABLE evaluation (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    subject_type text NOT NULL CHECK (subject_type IN ('programme', 'action_plan', 'action_sheet')),
    subject_id uuid NOT NULL,
    evaluated_on date NOT NULL,
    grid_version text NOT NULL CHECK (length(grid_version) BETWEEN 1 AND 60),
    reference text CHECK (length(reference) BETWEEN 1 AND 500),
    document_id uuid,
    evaluators uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(evaluators) <= 20),
    scores jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'contradictory', 'final')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, document_id) REFERENCES document (programme_id, id)
);
CREATE INDEX evaluation_list ON evaluation (programme_id, evaluated_on DESC, id DESC);
CREATE INDEX evaluation_recent ON evaluation (programme_id, updated_at DESC, id DESC);
CREATE INDEX evaluation_subject ON evaluation (subject_id, evaluated_on DESC, id DESC);
CALL protect('evaluation', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- What is evaluated is seen by all who will read the evaluation.
CREATE FUNCTION check_subject(kind text, subject uuid, programme uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    seen_by text[];
BEGIN
    CASE kind
    WHEN 'programme' THEN
        SELECT ARRAY['p:' || p.id] INTO seen_by FROM gusp.programme AS p WHERE p.id = subject;
    WHEN 'action_plan' THEN
        SELECT p.seen_by INTO seen_by FROM gusp.action_plan AS p WHERE p.id = subject;
    ELSE
        SELECT s.seen_by INTO seen_by FROM gusp.action_sheet AS s WHERE s.id = subject;
    END CASE;
    IF seen_by IS NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/subject_id"}');
    ELSIF seen_by <> ARRAY['p:' || programme] THEN
        PERFORM gusp.refuse('422', 'subject_is_a_draft', '{"pointer": "/subject_id"}');
    END IF;
END $$;

-- Each criterion at most once, each score within its scale, no reason names
-- anybody.
CREATE FUNCTION check_scores(scores jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    line jsonb;
    n int := 0;
    seen text[] := '{}';
BEGIN
    FOR line IN SELECT jsonb_array_elements(scores) LOOP
        IF line ->> 'criterion' = ANY (seen) THEN
            PERFORM gusp.refuse('422', 'criterion_repeated',
                jsonb_build_object('pointer', format('/scores/%s/criterion', n)));
        ELSIF (line ->> 'score')::int NOT BETWEEN 0 AND (line ->> 'out_of')::int THEN
            PERFORM gusp.refuse('422', 'score_out_of_scale',
                jsonb_build_object('pointer', format('/scores/%s/score', n)));
        END IF;
        PERFORM gusp.refuse_personal(line ->> 'rationale', format('/scores/%s/rationale', n));
        seen := seen || (line ->> 'criterion');
        n := n + 1;
    END LOOP;
END $$;

CREATE FUNCTION prepare_evaluation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM gusp.check_subject(NEW.subject_type, NEW.subject_id, NEW.programme_id);
    ELSIF (NEW.subject_type, NEW.subject_id) <> (OLD.subject_type, OLD.subject_id) THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    ELSIF OLD.status = 'final' AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    PERFORM gusp.check_scores(NEW.scores),
            gusp.refuse_personal(NEW.reference, '/reference');
    NEW.written_by := gusp.pens_of_evaluations(NEW.programme_id);
    NEW.seen_by := CASE WHEN NEW.status = 'draft' THEN NEW.written_by
        ELSE ARRAY['p:' || NEW.programme_id] END;
    RETURN NEW;
END $$;

-- The whole grid is answered before anybody is asked what they think of it.
CREATE FUNCTION guard_criteria_are_scored(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_array_length($1 -> 'scores') = 4
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, guards) VALUES
    ('evaluation', 'draft', 'contradictory', 1, '{writer}', '{criteria_are_scored}'),
    ('evaluation', 'contradictory', 'final', 1, '{writer}', '{criteria_are_scored}');

CALL keep('evaluation', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON evaluation
    FOR EACH ROW EXECUTE FUNCTION check_references('document_id', 'document', 'evaluators', 'actor');

INSERT INTO field_group (noun, field, grp)
SELECT 'evaluation', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
    id,programme_id,subject_type,subject_id,evaluated_on,grid_version,reference,document_id,evaluators,scores,
    status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

-- What partners say of it ----------------------------------------------------------------

-- As before, and evaluations.
CREATE OR REPLACE VIEW commentable WITH (security_invoker = true) AS
SELECT 'issue' AS noun, i.id, i.programme_id, i.seen_by
FROM issue AS i
UNION ALL
SELECT 'meeting', m.id, m.programme_id, m.seen_by
FROM meeting AS m
UNION ALL
SELECT 'action_sheet', s.id, s.programme_id, s.seen_by
FROM action_sheet AS s
UNION ALL
SELECT 'commitment', c.id, c.programme_id, c.seen_by
FROM commitment AS c
UNION ALL
SELECT 'commitment_cost', k.id, k.programme_id, k.seen_by
FROM commitment_cost AS k
UNION ALL
SELECT 'convention', v.id, v.programme_id, v.seen_by
FROM convention AS v
UNION ALL
SELECT 'evaluation', e.id, e.programme_id, e.seen_by
FROM evaluation AS e;

ALTER TABLE comment DROP CONSTRAINT comment_noun_check,
    ADD CONSTRAINT comment_noun_check CHECK (noun IN ('issue', 'meeting', 'evaluation'));

-- What is final is no longer discussed.
CREATE FUNCTION check_evaluation_is_open() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT e.status FROM gusp.evaluation AS e WHERE e.id = NEW.target_id) = 'final' THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_open BEFORE INSERT ON comment
    FOR EACH ROW WHEN (NEW.noun = 'evaluation') EXECUTE FUNCTION check_evaluation_is_open();

-- What is read -------------------------------------------------------------------------------

-- {score, out_of}: 13 of 16.
CREATE FUNCTION total_of(scores jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('score', coalesce(sum((s ->> 'score')::int), 0),
                              'out_of', coalesce(sum((s ->> 'out_of')::int), 0))
    FROM jsonb_array_elements($1) AS s
$$;

CREATE VIEW evaluation_read WITH (security_invoker = true) AS
SELECT e.id, e.programme_id, e.subject_type, e.subject_id, e.evaluated_on, e.status, e.version, e.updated_at,
       w.writable,
       json_build_object(
           'id', e.id,
           'programme_id', e.programme_id,
           'subject_type', e.subject_type,
           'subject_id', e.subject_id,
           'evaluated_on', e.evaluated_on,
           'grid_version', e.grid_version,
           'reference', e.reference,
           'document_id', e.document_id,
           'evaluators', e.evaluators,
           'scores', e.scores,
           'total', total_of(e.scores),
           'status', e.status,
           'version', e.version,
           'created_at', instant(e.created_at),
           'created_by', e.created_by,
           'updated_at', instant(e.updated_at),
           'updated_by', e.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('evaluation', e.status, '{writer}') ELSE '[]' END
       ) AS body
FROM evaluation AS e
CROSS JOIN LATERAL (SELECT writes(e.written_by) AS writable) AS w;
GRANT SELECT ON evaluation_read TO gusp_member, gusp_auditor;

-- Words ------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('evaluation_status', 'États d’une évaluation', false),
    ('evaluation_subject', 'Objets d’une évaluation', false),
    ('criterion', 'Critères d’évaluation', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('evaluation_status', 10, 'draft', 'En préparation', 'En préparation',
     'Visible de la ville et de l’animateur mandaté.'),
    ('evaluation_status', 20, 'contradictory', 'En phase contradictoire', 'À discuter',
     'Les partenaires la lisent et la commentent.'),
    ('evaluation_status', 30, 'final', 'Définitive', 'Finie', 'Ni ses notes ni ses commentaires ne changent plus.'),
    ('evaluation_subject', 10, 'programme', 'Programme', 'Toute la démarche', NULL),
    ('evaluation_subject', 20, 'action_plan', 'Plan d’actions', 'Un plan', NULL),
    ('evaluation_subject', 30, 'action_sheet', 'Fiche-action', 'Une action', NULL),
    ('criterion', 10, 'partnership', 'Partenariat', 'Travailler ensemble',
     'Consolide le partenariat et la mise en réseau des acteurs.'),
    ('criterion', 20, 'participation', 'Participation', 'L’avis des habitants',
     'Favorise la participation des habitants et des bénéficiaires.'),
    ('criterion', 30, 'territorial_fit', 'Articulation au projet du territoire', 'Aller avec le projet du quartier',
     'Est articulée au projet du territoire.'),
    ('criterion', 40, 'innovation', 'Innovation', 'Faire du neuf', 'Est innovante.');
CALL spread_terms();
