-- Lessons: what a programme learnt, each of one kind, a solution with the
-- difficulty that it answers; and outcomes, what each objective came to.

SET search_path = gusp, public;

-- Lessons ---------------------------------------------------------------------------

-- links [{type, id}] are the records that the lesson was drawn from.
CREATE TABLE lesson (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    kind text NOT NULL CHECK (kind IN ('effect', 'difficulty', 'solution', 'fragility', 'success_condition',
        'perspective', 'transferability')),
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    answers_id uuid,
    links jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, answers_id) REFERENCES lesson (programme_id, id)
);
CREATE INDEX lesson_list ON lesson (programme_id, created_at, id);
CREATE INDEX lesson_recent ON lesson (programme_id, updated_at DESC, id DESC);
CREATE INDEX lesson_answers ON lesson (answers_id, created_at, id) WHERE answers_id IS NOT NULL;
CALL protect('lesson', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');

-- Only what is new is checked: what was linked may since be hidden from who
-- changes the text.
CREATE FUNCTION prepare_lesson() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.lesson := CASE WHEN TG_OP = 'UPDATE' THEN OLD END;
BEGIN
    IF NEW.kind <> was.kind THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/kind"}');
    END IF;
    IF NEW.answers_id IS DISTINCT FROM was.answers_id AND NEW.answers_id IS NOT NULL
       AND (NEW.kind <> 'solution' OR NOT EXISTS (
           SELECT FROM gusp.lesson AS l WHERE l.id = NEW.answers_id AND l.kind = 'difficulty')) THEN
        PERFORM gusp.refuse('422', 'answers_no_difficulty', '{"pointer": "/answers_id"}');
    END IF;
    IF NEW.links IS DISTINCT FROM was.links THEN
        PERFORM gusp.check_links(NEW.links, NEW.programme_id, '/links');
    END IF;
    PERFORM gusp.refuse_personal(NEW.text, '/text');
    NEW.written_by := gusp.pens_of_evaluations(NEW.programme_id);
    RETURN NEW;
END $$;

CALL keep('lesson', true, '{text}');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON lesson
    FOR EACH ROW EXECUTE FUNCTION check_references('answers_id', 'lesson');

-- Outcomes ----------------------------------------------------------------------------

CREATE TABLE objective_outcome (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    objective_id uuid NOT NULL,
    expected text CHECK (length(expected) BETWEEN 1 AND 4000),
    obtained text CHECK (length(obtained) BETWEEN 1 AND 4000),
    gap_comment text CHECK (length(gap_comment) BETWEEN 1 AND 4000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, objective_id) REFERENCES objective (programme_id, id)
);
CREATE UNIQUE INDEX outcome_objective ON objective_outcome (objective_id) WHERE status = 'active';
CREATE INDEX objective_outcome_list ON objective_outcome (programme_id, created_at, id);
CALL protect('objective_outcome', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_objective_outcome() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.objective_id <> OLD.objective_id THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/objective_id"}');
    END IF;
    PERFORM gusp.refuse_personal(NEW.expected, '/expected'),
            gusp.refuse_personal(NEW.obtained, '/obtained'),
            gusp.refuse_personal(NEW.gap_comment, '/gap_comment');
    NEW.written_by := gusp.pens_of_evaluations(NEW.programme_id);
    RETURN NEW;
END $$;

CALL keep('objective_outcome', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON objective_outcome
    FOR EACH ROW EXECUTE FUNCTION check_references('objective_id', 'objective');

-- Both ----------------------------------------------------------------------------------

INSERT INTO transition (noun, from_state, to_state, position, who)
SELECT n, s.from_state, s.to_state, s.position, '{writer}'
FROM unnest('{lesson,objective_outcome}'::text[]) AS n,
     (VALUES ('active', 'archived', 1), ('archived', 'active', 2)) AS s (from_state, to_state, position);

-- What a lesson is linked to is read of the lesson, as far as it is seen: no
-- event repeats it.
INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'written_by', 'links') THEN 'kept'
    ELSE 'public' END
FROM (VALUES
    ('lesson', '{
        id,programme_id,kind,text,answers_id,links,status,version,created_at,created_by,
        updated_at,updated_by,written_by}'::text[]),
    ('objective_outcome', '{
        id,programme_id,objective_id,expected,obtained,gap_comment,status,version,created_at,created_by,
        updated_at,updated_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

-- The solutions of a difficulty. plpgsql, because it keeps its plan.
CREATE FUNCTION solutions_of(difficulty uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(l.id ORDER BY l.created_at, l.id), '[]')
            FROM gusp.lesson AS l
            WHERE l.answers_id = difficulty AND l.status = 'active');
END $$;

CREATE VIEW lesson_read WITH (security_invoker = true) AS
SELECT l.id, l.programme_id, l.kind, l.answers_id, l.status, l.version, l.created_at, l.updated_at, w.writable,
       json_build_object(
           'id', l.id,
           'programme_id', l.programme_id,
           'kind', l.kind,
           'text', l.text,
           'answers_id', l.answers_id,
           'answered_by', solutions_of(l.id),
           'links', visible_origin(l.links),
           'status', l.status,
           'version', l.version,
           'created_at', instant(l.created_at),
           'created_by', l.created_by,
           'updated_at', instant(l.updated_at),
           'updated_by', l.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('lesson', l.status, '{writer}') ELSE '[]' END
       ) AS body
FROM lesson AS l
CROSS JOIN LATERAL (SELECT writes(l.written_by) AS writable) AS w;
GRANT SELECT ON lesson_read TO gusp_member, gusp_auditor;

CREATE VIEW objective_outcome_read WITH (security_invoker = true) AS
SELECT o.id, o.programme_id, o.objective_id, o.status, o.version, o.created_at, o.updated_at, w.writable,
       json_build_object(
           'id', o.id,
           'programme_id', o.programme_id,
           'objective_id', o.objective_id,
           'expected', o.expected,
           'obtained', o.obtained,
           'gap_comment', o.gap_comment,
           'status', o.status,
           'version', o.version,
           'created_at', instant(o.created_at),
           'created_by', o.created_by,
           'updated_at', instant(o.updated_at),
           'updated_by', o.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('objective_outcome', o.status, '{writer}') ELSE '[]' END
       ) AS body
FROM objective_outcome AS o
CROSS JOIN LATERAL (SELECT writes(o.written_by) AS writable) AS w;
GRANT SELECT ON objective_outcome_read TO gusp_member, gusp_auditor;

-- Words ------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('lesson_kind', 'Types d’enseignements', false),
    ('lesson_link_type', 'Sources d’un enseignement', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('lesson_kind', 10, 'effect', 'Effet', 'Ce que ça a changé', NULL),
    ('lesson_kind', 20, 'difficulty', 'Difficulté', 'Ce qui a été difficile', NULL),
    ('lesson_kind', 30, 'solution', 'Solution', 'Ce qu’on a trouvé', 'Répond à une difficulté.'),
    ('lesson_kind', 40, 'fragility', 'Élément de fragilité', 'Ce qui reste fragile', NULL),
    ('lesson_kind', 50, 'success_condition', 'Condition de réussite', 'Ce qu’il faut pour réussir', NULL),
    ('lesson_kind', 60, 'perspective', 'Perspective', 'La suite', NULL),
    ('lesson_kind', 70, 'transferability', 'Potentialité de transfert', 'Ce qui peut servir ailleurs', NULL),
    ('lesson_link_type', 10, 'issue', 'Constat', 'Un constat', NULL),
    ('lesson_link_type', 20, 'meeting', 'Réunion', 'Une réunion', NULL),
    ('lesson_link_type', 30, 'contribution', 'Contribution', 'Ce qu’un habitant a dit', NULL),
    ('lesson_link_type', 40, 'diagnosis', 'Diagnostic', 'Un diagnostic', NULL),
    ('lesson_link_type', 50, 'action_sheet', 'Fiche-action', 'Une action', NULL),
    ('lesson_link_type', 60, 'commitment', 'Engagement', 'Un engagement', NULL),
    ('lesson_link_type', 70, 'evaluation', 'Évaluation', 'Une évaluation', NULL);
CALL spread_terms();
