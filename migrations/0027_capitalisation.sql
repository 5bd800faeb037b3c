-- Capitalisation sheets: what a programme was and what it teaches, under the
-- headings of 2007, composed from what is recorded, frozen when published; and
-- templates, the skeleton that another programme starts with.

SET search_path = gusp, public;

-- Canonical JSON --------------------------------------------------------------------

-- One text for one value, so that whoever recomputes a digest gets the same.
CREATE OR REPLACE FUNCTION canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN (SELECT '{' || coalesce(string_agg(to_jsonb(m.key)::text || ':' || gusp.canonical(m.value), ','
                                                  ORDER BY m.key COLLATE "C"), '') || '}'
                FROM jsonb_each(value) AS m);
    WHEN 'array' THEN
        RETURN (SELECT '[' || coalesce(string_agg(gusp.canonical(e.item), ',' ORDER BY e.n), '') || ']'
                FROM jsonb_array_elements(value) WITH ORDINALITY AS e (item, n));
    WHEN 'number' THEN
        RETURN trim_scale(value::numeric)::text;
    ELSE
        RETURN value::text;
    END CASE;
END $$;

-- SHA-256 of a text in UTF-8, in hexadecimal.
CREATE OR REPLACE FUNCTION digest_of(content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')
$$;

-- Headings -----------------------------------------------------------------------------

-- Those of the sheet of 2007, in its order and its spelling; section is NULL
-- for what stands on the first level.
CREATE TABLE sheet_heading (
    position int PRIMARY KEY,
    key text NOT NULL UNIQUE,
    section text REFERENCES sheet_heading (key),
    heading text NOT NULL
);
CALL protect('sheet_heading', 'true', NULL);
INSERT INTO sheet_heading (position, key, section, heading) VALUES
    (1, 'title', NULL, 'Intitulé de l''action'),
    (2, 'territory', NULL, 'Territoire concerné'),
    (3, 'summary', NULL, 'Résumé et finalités'),
    (4, 'purpose', 'summary', 'L''action a été mise en place pour quoi faire ?'),
    (5, 'local_context', NULL, 'Contexte local'),
    (6, 'dates', 'local_context', 'Date de lancement (et de clôture)'),
    (7, 'objectives', 'local_context', 'Objectifs poursuivis'),
    (8, 'target_publics', 'local_context', 'Publics visés'),
    (9, 'bearing', NULL, 'Portage de l''expérience'),
    (10, 'resource_persons', 'bearing', 'Nom, fonction et coordonnées de la « personne ressource »'),
    (11, 'partnership', 'bearing', 'Partenariat de projet'),
    (12, 'funders', 'bearing', 'Partenaires financiers'),
    (13, 'budget', 'bearing', 'Budget de l''action'),
    (14, 'method', NULL, 'Méthode développée'),
    (15, 'human_means', 'method', 'Moyens humains mobilisés'),
    (16, 'material_means', 'method', 'Moyens matériels utilisés'),
    (17, 'tools', 'method', 'Outils élaborés'),
    (18, 'know_how', 'method', 'Savoir-faire développés'),
    (19, 'skills', 'method', 'Compétences requises'),
    (20, 'lessons', NULL, 'Enseignements'),
    (21, 'effects', 'lessons', 'Effets de l''action (écarts entre résultats attendus et obtenus)'),
    (22, 'difficulties', 'lessons', 'Difficultés rencontrées et solutions apportées'),
    (23, 'fragilities', 'lessons', 'Éléments de fragilité et conditions de réussite identifiés'),
    (24, 'perspectives', 'lessons', 'Perspectives envisagées et potentialités de transférabilité'),
    (25, 'evaluation', NULL, 'Evaluation'),
    (26, 'questions', 'evaluation', 'Est-ce que l''action...'),
    (27, 'partnership_score', 'evaluation', 'Consolide le partenariat et la mise en réseau des acteurs ?'),
    (28, 'participation_score', 'evaluation', 'Favorise la participation des habitants / bénéficiaires ?'),
    (29, 'territorial_fit_score', 'evaluation', 'Est articulée au projet du territoire ?'),
    (30, 'innovation_score', 'evaluation', 'Est innovante ?'),
    (31, 'total', 'evaluation', 'Note'),
    (32, 'networks', NULL, 'Réseaux'),
    (33, 'similar_operators', 'networks', 'Contacts opérateurs similaires'),
    (34, 'academic_experts', 'networks',
     'Contacts universitaires et/ou experts sur la thématique traitée à travers l''action'),
    (35, 'institutional_networks', 'networks', 'Contacts réseaux institutionnels'),
    (36, 'documentation', 'networks', 'Sites Internet et centre de documentation ressource...'),
    (37, 'toolbox', NULL, 'Boite à outils'),
    (38, 'leaflets', 'toolbox', 'Plaquette de présentation, bilan...'),
    (39, 'working_tools', 'toolbox', 'Tout outil de travail associé à l''action : charte, outil de suivi...'),
    (40, 'keywords', NULL, 'Mots clé'),
    (41, 'author', NULL, 'Auteur de la fiche ressource'),
    (42, 'dated', NULL, 'Date'),
    (43, 'themes', NULL, 'Thèmes'),
    (44, 'location', NULL, 'Localisation de l''expérience'),
    (45, 'schemes', NULL, 'Dispositifs associés à l''action');

-- Sheets ---------------------------------------------------------------------------------

-- overrides {key of a heading: text}: the sheet's own words, where what is
-- recorded says it less well or not at all; local_context_introduction stands
-- before the quartiers instead. Of a published sheet content is what it says,
-- digest that of its canonical text, and details what names or reaches people
-- (its author, addresses of contacts): apart, so that it can be erased while
-- the digest still holds.
CREATE TABLE capitalisation_sheet (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    title text CHECK (length(title) BETWEEN 1 AND 300),
    author_name text CHECK (length(author_name) BETWEEN 1 AND 200),
    author_actor_id uuid,
    dated_on date,
    keywords text[] NOT NULL DEFAULT '{}' CHECK (cardinality(keywords) <= 20),
    themes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(themes) <= 20),
    location text CHECK (length(location) BETWEEN 1 AND 200),
    evaluation_id uuid,
    overrides jsonb NOT NULL DEFAULT '{}',
    content jsonb,
    details jsonb,
    digest text,
    published_at timestamptz,
    status text NOT NULL DEFAULT 'live' CHECK (status IN ('live', 'published')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, author_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, evaluation_id) REFERENCES evaluation (programme_id, id),
    CONSTRAINT published_is_frozen CHECK ((status = 'published') = (content IS NOT NULL)),
    CONSTRAINT digest_is_of_the_content CHECK (digest IS NOT DISTINCT FROM digest_of(canonical(content)))
);
CREATE INDEX capitalisation_sheet_list ON capitalisation_sheet (programme_id, created_at DESC, id DESC);
CREATE INDEX capitalisation_sheet_recent ON capitalisation_sheet (programme_id, updated_at DESC, id DESC);
CALL protect('capitalisation_sheet', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_capitalisation_sheet() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    own record;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    FOR own IN
        SELECT '/overrides/' || o.key AS pointer, o.value AS words FROM jsonb_each_text(NEW.overrides) AS o
        UNION ALL SELECT '/keywords', k FROM unnest(NEW.keywords) AS k
        UNION ALL SELECT '/title', NEW.title
        UNION ALL SELECT '/author_name', NEW.author_name
        UNION ALL SELECT '/location', NEW.location
    LOOP
        PERFORM gusp.refuse_personal(own.words, own.pointer);
    END LOOP;
    NEW.written_by := gusp.pens_of_evaluations(NEW.programme_id);
    RETURN NEW;
END $$;

-- What is said ----------------------------------------------------------------------------

-- What stands under a heading: paragraphs, points, contacts.
CREATE FUNCTION part(text text[], items text[] DEFAULT '{}', contacts jsonb DEFAULT '[]') RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('text', to_jsonb(array_remove(coalesce($1, '{}'), NULL)),
        'items', to_jsonb(array_remove(coalesce($2, '{}'), NULL)), 'contacts', coalesce($3, '[]'))
$$;

-- A text as it was written, cut at its ends of line.
CREATE FUNCTION paragraphs(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT btrim(p.line) FROM regexp_split_to_table($1, '\s*\n\s*') WITH ORDINALITY AS p (line, n)
                 WHERE btrim(p.line) <> '' ORDER BY p.n)
$$;

-- 12 juillet 2007, whatever the server's locale.
CREATE FUNCTION in_french(day date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT concat_ws(' ', CASE extract(day FROM $1) WHEN 1 THEN '1er' ELSE extract(day FROM $1)::text END,
        (ARRAY['janvier', 'février', 'mars', 'avril', 'mai', 'juin', 'juillet', 'août', 'septembre', 'octobre',
               'novembre', 'décembre'])[extract(month FROM $1)::int], extract(year FROM $1))
$$;

-- 1 234 567,89 €
CREATE FUNCTION in_euros(cents bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(to_char($1 / 100.0, 'FM999,999,999,999,990.00'), ',.', U&'\202F,') || U&'\00A0€'
$$;

-- The label of a term; of what is no term, the words themselves.
CREATE FUNCTION label_of(vocabulary text, code text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT t.label_fr FROM gusp.term AS t
                     WHERE t.tenant = gusp.caller_programme() AND t.vocabulary = $1 AND t.code = $2), $2)
$$;

-- The lessons of some kinds, kind after kind; each difficulty with its
-- solutions behind it.
CREATE FUNCTION lessons_of(kinds text[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT l.text
        FROM gusp.lesson AS l
        LEFT JOIN gusp.lesson AS d ON d.id = l.answers_id AND d.status = 'active'
        WHERE l.programme_id = gusp.caller_programme() AND l.status = 'active' AND l.kind = ANY ($1)
        ORDER BY array_position($1, coalesce(d.kind, l.kind)), coalesce(d.created_at, l.created_at),
                 coalesce(d.id, l.id), d.id IS NOT NULL, l.created_at, l.id)
$$;

-- What was expected of each objective, and what was obtained.
CREATE FUNCTION outcomes_told() RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT concat(o.text, ' — attendu : ' || t.expected, ' — obtenu : ' || t.obtained,
                      ' — écart : ' || t.gap_comment)
        FROM gusp.objective_outcome AS t
        JOIN gusp.objective AS o ON o.id = t.objective_id
        WHERE t.programme_id = gusp.caller_programme() AND t.status = 'active'
        ORDER BY o.n)
$$;

-- Contacts of some kinds that are not an institution's own, without what
-- reaches a person: that is in the details.
CREATE FUNCTION contacts_of(kinds text[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_agg(jsonb_build_object('contact_id', c.id, 'organisation', a.name, 'name', c.name,
               'function', c.function, 'website', c.website) ORDER BY array_position($1, c.kind), c.created_at, c.id)
    FROM gusp.contact AS c
    LEFT JOIN gusp.actor AS a ON a.id = c.actor_id
    WHERE c.programme_id = gusp.caller_programme() AND c.kind = ANY ($1) AND c.status = 'active'
      AND c.visibility <> 'internal'
$$;

-- Means of one kind that the action sheets past their draft name.
CREATE FUNCTION means_of(kind text) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT m.line ->> 'label' || coalesce(' (' || nullif(concat_ws(', ', a.name,
                   replace(m.line ->> 'person_days', '.', ',') || ' jours'), '') || ')', '')
        FROM gusp.action_sheet AS s
        CROSS JOIN jsonb_array_elements(s.means) WITH ORDINALITY AS m (line, n)
        LEFT JOIN gusp.actor AS a ON a.id = (m.line ->> 'actor_id')::uuid
        WHERE s.programme_id = gusp.caller_programme() AND s.status NOT IN ('draft', 'withdrawn')
          AND m.line ->> 'kind' = $1
        ORDER BY s.created_at, s.id, m.n)
$$;

-- Documents of the toolbox that everybody reads.
CREATE FUNCTION toolbox_of(leaflets boolean) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT d.title
        FROM gusp.document AS d
        WHERE d.programme_id = gusp.caller_programme() AND d.toolbox AND d.status = 'active'
          AND d.seen_by = ARRAY['p:' || d.programme_id]
          AND (d.kind IN ('leaflet', 'report')) = $1
        ORDER BY d.created_at, d.id)
$$;

-- The evaluation that a sheet shows: the one it names, unless it is a draft;
-- else the last final one of the programme.
CREATE FUNCTION shown_evaluation(s capitalisation_sheet) RETURNS evaluation
LANGUAGE sql STABLE AS $$
    SELECT e
    FROM gusp.evaluation AS e
    WHERE e.programme_id = s.programme_id
      AND CASE WHEN s.evaluation_id IS NULL THEN e.subject_type = 'programme' AND e.status = 'final'
               ELSE e.id = s.evaluation_id AND e.status <> 'draft' END
    ORDER BY e.evaluated_on DESC, e.id DESC
    LIMIT 1
$$;

-- What the programme itself says.
CREATE FUNCTION parts_of_programme(p programme) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'territory', gusp.part(ARRAY(SELECT string_agg(q.name, ', ' ORDER BY q.name)
            FROM gusp.quartier AS q WHERE q.programme_id = p.id AND q.status = 'active')),
        'purpose', gusp.part(gusp.paragraphs(p.definition) || gusp.paragraphs(p.purpose)),
        'dates', gusp.part(ARRAY['Lancement : ' || gusp.in_french(p.starts_on),
                                 'Clôture : ' || gusp.in_french(p.ends_on)]),
        'objectives', gusp.part('{}', ARRAY(SELECT o.text FROM gusp.objective AS o
            WHERE o.programme_id = p.id AND o.status = 'active' ORDER BY o.n)),
        'target_publics', gusp.part('{}', ARRAY(SELECT gusp.label_of('target_publics', t.code)
            FROM unnest(p.target_publics) WITH ORDINALITY AS t (code, n) ORDER BY t.n)),
        'budget', gusp.part(ARRAY['Prévu : ' || gusp.in_euros((p.budget ->> 'planned_cents')::bigint),
            'Réalisé : ' || gusp.in_euros((p.budget ->> 'actual_cents')::bigint)]),
        'method', gusp.part(gusp.paragraphs(p.method)),
        'skills', gusp.part(ARRAY[nullif(array_to_string(p.skills, ' ; '), '')]),
        'schemes', gusp.part('{}', ARRAY(SELECT gusp.label_of('scheme', s.line ->> 'kind')
                || ' (' || concat_ws('–', left(s.line ->> 'from_on', 4), left(s.line ->> 'to_on', 4)) || ')'
            FROM jsonb_array_elements(p.schemes) WITH ORDINALITY AS s (line, n) ORDER BY s.n)))
$$;

-- What is recorded beside it.
CREATE FUNCTION parts_of_records(p programme) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'local_context', gusp.part('{}', ARRAY(SELECT c.text
            FROM gusp.context AS c JOIN gusp.quartier AS q ON q.id = c.quartier_id
            WHERE c.programme_id = p.id AND c.status = 'active' AND c.visibility <> 'internal'
            ORDER BY q.name, c.as_of_on, c.id)),
        'resource_persons', gusp.part('{}', '{}', gusp.contacts_of('{resource_person}')),
        'partnership', gusp.part(ARRAY(SELECT string_agg(m.name, ', ' ORDER BY m.created_at, m.actor_id)
            FROM (SELECT a.name, b.actor_id, min(b.created_at) AS created_at
                  FROM gusp.member AS b JOIN gusp.actor AS a ON a.id = b.actor_id
                  WHERE b.programme_id = p.id AND b.status = 'active' AND b.role <> 'auditor'
                  GROUP BY a.name, b.actor_id) AS m)),
        'funders', gusp.part(ARRAY(SELECT string_agg(m.name, ', ' ORDER BY m.created_at, m.funder_actor_id)
            FROM (SELECT a.name, f.funder_actor_id, min(f.created_at) AS created_at
                  FROM gusp.funding AS f JOIN gusp.actor AS a ON a.id = f.funder_actor_id
                  WHERE f.programme_id = p.id AND f.status = 'active'
                  GROUP BY a.name, f.funder_actor_id) AS m)),
        'human_means', gusp.part('{}', gusp.means_of('human')),
        'material_means', gusp.part('{}', gusp.means_of('material')),
        'tools', gusp.part('{}', ARRAY(SELECT a.title FROM gusp.action_plan AS a
            WHERE a.programme_id = p.id AND a.status <> 'draft' ORDER BY a.created_at, a.id)),
        'know_how', gusp.part('{}', ARRAY(SELECT DISTINCT gusp.label_of('meeting_kind', m.kind)
            FROM gusp.meeting AS m
            WHERE m.programme_id = p.id AND m.status IN ('held', 'minutes_draft', 'minutes_published')
              AND m.kind IN ('walk', 'resident_workshop', 'interview', 'restitution')
            ORDER BY 1)),
        'effects', gusp.part(gusp.lessons_of('{effect}'), gusp.outcomes_told()),
        'difficulties', gusp.part(gusp.lessons_of('{difficulty,solution}')),
        'fragilities', gusp.part(gusp.lessons_of('{fragility,success_condition}')),
        'perspectives', gusp.part(gusp.lessons_of('{perspective,transferability}')),
        'similar_operators', gusp.part('{}', '{}', gusp.contacts_of('{similar_operator}')),
        'academic_experts', gusp.part('{}', '{}', gusp.contacts_of('{academic_expert}')),
        'institutional_networks', gusp.part('{}', '{}', gusp.contacts_of('{operational_team,institutional_network}')),
        'documentation', gusp.part('{}', '{}', gusp.contacts_of('{documentation}')),
        'leaflets', gusp.part('{}', gusp.toolbox_of(true)),
        'working_tools', gusp.part('{}', gusp.toolbox_of(false)))
$$;

CREATE FUNCTION parts_of_evaluation(e evaluation) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'evaluation', gusp.part(ARRAY[e.reference]),
        'total', gusp.part(ARRAY[concat_ws('/', t.total ->> 'score', t.total ->> 'out_of')]))
        || (SELECT coalesce(jsonb_object_agg(s.line ->> 'criterion' || '_score',
                gusp.part(concat_ws('/', s.line ->> 'score', s.line ->> 'out_of')
                          || gusp.paragraphs(s.line ->> 'rationale'))), '{}')
            FROM jsonb_array_elements(e.scores) AS s (line))
    FROM gusp.total_of(e.scores) AS t (total)
    WHERE e.id IS NOT NULL
$$;

-- What the sheet itself says; its author's name is in the details.
CREATE FUNCTION parts_of_sheet(s capitalisation_sheet, p programme) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'title', gusp.part(ARRAY[coalesce(s.title, p.title)]),
        'keywords', gusp.part(ARRAY[nullif(array_to_string(s.keywords, ', '), '')]),
        'author', gusp.part(ARRAY(SELECT coalesce(a.short_name, a.name) FROM gusp.actor AS a
            WHERE a.id = s.author_actor_id)),
        'dated', gusp.part(ARRAY[gusp.in_french(s.dated_on)]),
        'themes', gusp.part(ARRAY(SELECT string_agg(gusp.label_of('themes', t.code), ', ' ORDER BY t.n)
            FROM unnest(s.themes) WITH ORDINALITY AS t (code, n))),
        'location', gusp.part(ARRAY[coalesce(s.location,
            p.commune_name || coalesce(' (' || p.departement || ')', ''))]))
$$;

-- All that a sheet says, as the caller sees it: each heading, the empty ones
-- too.
CREATE FUNCTION sheet_content(s capitalisation_sheet) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    p gusp.programme;
    e gusp.evaluation := gusp.shown_evaluation(s);
    parts jsonb;
BEGIN
    SELECT * INTO p FROM gusp.programme AS x WHERE x.id = s.programme_id;
    parts := gusp.parts_of_programme(p) || gusp.parts_of_records(p) || coalesce(gusp.parts_of_evaluation(e), '{}')
        || gusp.parts_of_sheet(s, p)
        || (SELECT coalesce(jsonb_object_agg(o.key, gusp.part(gusp.paragraphs(o.value))), '{}')
            FROM jsonb_each_text(s.overrides) AS o);
    IF s.overrides ? 'local_context_introduction' THEN
        parts := jsonb_set(parts, '{local_context,text}',
            parts #> '{local_context_introduction,text}' || (parts #> '{local_context,text}'));
    END IF;
    RETURN jsonb_build_object(
        'format', 'gusp.capitalisation_sheet/1',
        'programme_id', p.id,
        'evaluation', CASE WHEN e.id IS NOT NULL THEN jsonb_build_object('id', e.id, 'version', e.version,
            'grid_version', e.grid_version, 'scores', e.scores, 'total', gusp.total_of(e.scores)) END,
        'sections', (
            SELECT jsonb_agg(coalesce(parts -> h.key, gusp.part('{}'))
                || jsonb_build_object('key', h.key, 'heading', h.heading, 'entries', (
                    SELECT coalesce(jsonb_agg(coalesce(parts -> below.key, gusp.part('{}'))
                        || jsonb_build_object('key', below.key, 'heading', below.heading)
                        ORDER BY below.position), '[]')
                    FROM gusp.sheet_heading AS below WHERE below.section = h.key)) ORDER BY h.position)
            FROM gusp.sheet_heading AS h
            WHERE h.section IS NULL));
END $$;

-- Who wrote it, and how its contacts are reached.
CREATE FUNCTION sheet_details(s capitalisation_sheet) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('author_name', s.author_name, 'contacts', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('contact_id', c.id, 'email', c.email, 'phone', c.phone)
                                  ORDER BY c.created_at, c.id), '[]')
        FROM gusp.contact AS c
        WHERE c.programme_id = s.programme_id AND c.status = 'active' AND c.visibility <> 'internal'
          AND c.kind <> 'other'
          AND coalesce(c.email, c.phone) IS NOT NULL));
END $$;

-- Life ------------------------------------------------------------------------------------

CREATE FUNCTION guard_evaluation_is_final(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(e.status = 'final', $1 ->> 'evaluation_id' IS NULL)
    FROM gusp.shown_evaluation(jsonb_populate_record(NULL::gusp.capitalisation_sheet, $1)) AS e
$$;

CREATE FUNCTION step_capitalisation_publish(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s gusp.capitalisation_sheet := jsonb_populate_record(NULL::gusp.capitalisation_sheet, record);
    content jsonb := gusp.sheet_content(s);
BEGIN
    RETURN jsonb_build_object('content', content, 'details', gusp.sheet_details(s),
        'digest', gusp.digest_of(gusp.canonical(content)), 'published_at', now());
END $$;

INSERT INTO transition (noun, from_state, to_state, position, who, guards, effect) VALUES
    ('capitalisation_sheet', 'live', 'published', 1, '{writer}', '{evaluation_is_final}', 'capitalisation_publish');

CALL keep('capitalisation_sheet', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON capitalisation_sheet
    FOR EACH ROW EXECUTE FUNCTION check_references('author_actor_id', 'actor', 'evaluation_id', 'evaluation');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON capitalisation_sheet
    FOR EACH ROW EXECUTE FUNCTION check_terms('themes', 'themes');

-- No event repeats what names a person or is long: the digest stands for it.
INSERT INTO field_group (noun, field, grp)
SELECT 'capitalisation_sheet', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'written_by', 'author_name', 'content', 'details') THEN 'kept'
    ELSE 'public' END
FROM unnest('{
    id,programme_id,title,author_name,author_actor_id,dated_on,keywords,themes,location,evaluation_id,overrides,
    content,details,digest,published_at,status,version,created_at,created_by,updated_at,
    updated_by,written_by}'::text[]) AS f;

-- OFFSET 0: what a sheet says is composed once.
CREATE VIEW capitalisation_sheet_read WITH (security_invoker = true) AS
SELECT s.id, s.programme_id, s.status, s.version, s.created_at, s.updated_at, w.writable, w.content, w.details,
       jsonb_build_object(
           'id', s.id,
           'programme_id', s.programme_id,
           'title', s.title,
           'author_actor_id', s.author_actor_id,
           'dated_on', s.dated_on,
           'keywords', s.keywords,
           'themes', s.themes,
           'location', s.location,
           'evaluation_id', s.evaluation_id,
           'overrides', s.overrides,
           'content', w.content,
           'digest', s.digest,
           'published_at', instant(s.published_at),
           'status', s.status,
           'version', s.version,
           'created_at', instant(s.created_at),
           'created_by', s.created_by,
           'updated_at', instant(s.updated_at),
           'updated_by', s.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('capitalisation_sheet', s.status, '{writer}') ELSE '[]' END
       ) || CASE WHEN w.details IS NULL THEN '{}'
            ELSE jsonb_build_object('author_name', s.author_name, 'details', w.details) END AS body
FROM capitalisation_sheet AS s
CROSS JOIN LATERAL (
    SELECT writes(s.written_by) AS writable,
           coalesce(s.content, sheet_content(s)) AS content,
           CASE WHEN 'personal' = ANY ((SELECT groups())::text[])
               THEN coalesce(s.details, sheet_details(s)) END AS details
    OFFSET 0) AS w;
GRANT SELECT ON capitalisation_sheet_read TO gusp_member, gusp_auditor;

-- On paper ---------------------------------------------------------------------------------

-- A contact as the sheet writes it: whom to ask first and documentation
-- without the words before each line.
CREATE FUNCTION contact_lines(contact jsonb, reached jsonb, bare boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT concat_ws(E'\n',
        CASE WHEN NOT $3 THEN 'Contact ' ELSE '' END || ($1 ->> 'organisation'),
        concat_ws(', ', $1 ->> 'name', $1 ->> 'function'),
        CASE WHEN NOT $3 THEN 'Mail : ' ELSE '' END || ($2 ->> 'email'),
        'Tel : ' || ($2 ->> 'phone'),
        CASE WHEN NOT $3 THEN 'Site Internet : ' ELSE '' END || '<' || ($1 ->> 'website') || '>')
$$;

-- Each heading of a sheet with its paragraphs and points. The name of an
-- author who may be named stands before the institution.
CREATE FUNCTION sheet_lines(content jsonb, details jsonb)
RETURNS TABLE (n bigint, level int, heading text, paragraphs text[], items text[])
LANGUAGE sql IMMUTABLE AS $$
    WITH heading AS (
        SELECT s.n * 100 + coalesce(e.n, 0) AS n, CASE WHEN e.n IS NULL THEN 2 ELSE 3 END AS level,
               coalesce(e.part, s.part) AS part
        FROM jsonb_array_elements($1 -> 'sections') WITH ORDINALITY AS s (part, n)
        CROSS JOIN LATERAL (
            SELECT NULL::jsonb AS part, NULL::bigint AS n
            UNION ALL
            SELECT x.part, x.n FROM jsonb_array_elements(s.part -> 'entries') WITH ORDINALITY AS x (part, n)) AS e)
    SELECT h.n, h.level, h.part ->> 'heading',
           CASE WHEN h.part ->> 'key' = 'author' AND $2 ->> 'author_name' IS NOT NULL
               THEN ARRAY[concat_ws(', ', $2 ->> 'author_name', h.part #>> '{text,0}')]
               ELSE ARRAY(SELECT jsonb_array_elements_text(h.part -> 'text')) END
           || ARRAY(
               SELECT gusp.contact_lines(c.contact,
                   (SELECT r.line FROM jsonb_array_elements($2 -> 'contacts') AS r (line)
                    WHERE r.line -> 'contact_id' = c.contact -> 'contact_id'),
                   h.part ->> 'key' IN ('resource_persons', 'documentation'))
               FROM jsonb_array_elements(h.part -> 'contacts') WITH ORDINALITY AS c (contact, n)
               ORDER BY c.n),
           ARRAY(SELECT jsonb_array_elements_text(h.part -> 'items'))
    FROM heading AS h
$$;

-- Words that CommonMark takes as they are; an address between < and > is one
-- for it too.
CREATE FUNCTION in_markdown(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace($1,
        '([\\`*_\[\]#&]|<(?!https?://[^<>\s]+>))', '\\\1', 'g'),
        '^(\s*)([-+=~>|])', '\1\\\2', 'ng'),
        '^(\s*[0-9]+)([.)])', '\1\\\2', 'ng'),
        '[\t\r ]+(?=\n|$)', '', 'g'), E'\n', E'  \n')
$$;

CREATE FUNCTION sheet_markdown(content jsonb, details jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '# ' || gusp.in_markdown($1 #>> '{sections,0,text,0}') || E'\n\n' || string_agg(
        concat_ws(E'\n\n',
            repeat('#', h.level) || ' ' || gusp.in_markdown(h.heading),
            nullif((SELECT string_agg(gusp.in_markdown(p.words), E'\n\n' ORDER BY p.n)
                    FROM unnest(h.paragraphs) WITH ORDINALITY AS p (words, n)), ''),
            nullif((SELECT string_agg('- ' || replace(gusp.in_markdown(i.words), E'\n', E'\n  '), E'\n' ORDER BY i.n)
                    FROM unnest(h.items) WITH ORDINALITY AS i (words, n)), '')), E'\n\n' ORDER BY h.n) || E'\n'
    FROM gusp.sheet_lines($1, $2) AS h
$$;

CREATE FUNCTION in_html(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(replace(replace(replace($1, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'),
        '''', '&#39;')
$$;

CREATE FUNCTION sheet_html(content jsonb, details jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT concat(
        '<!DOCTYPE html>', E'\n', '<html lang="fr">', E'\n', '<head>', E'\n', '<meta charset="utf-8">', E'\n',
        '<title>', t.title, '</title>', E'\n', '</head>', E'\n', '<body>', E'\n', '<h1>', t.title, '</h1>', E'\n',
        (SELECT string_agg(concat(
            '<h', h.level, '>', gusp.in_html(h.heading), '</h', h.level, '>', E'\n',
            (SELECT string_agg('<p>' || replace(gusp.in_html(p.words), E'\n', E'<br>\n') || E'</p>\n', '' ORDER BY p.n)
             FROM unnest(h.paragraphs) WITH ORDINALITY AS p (words, n)),
            (SELECT E'<ul>\n' || string_agg('<li>' || replace(gusp.in_html(i.words), E'\n', E'<br>\n') || E'</li>\n',
                                            '' ORDER BY i.n) || E'</ul>\n'
             FROM unnest(h.items) WITH ORDINALITY AS i (words, n))), '' ORDER BY h.n)
         FROM gusp.sheet_lines($1, $2) AS h),
        '</body>', E'\n', '</html>', E'\n')
    FROM (SELECT gusp.in_html($1 #>> '{sections,0,text,0}') AS title) AS t
$$;

-- Templates ------------------------------------------------------------------------------------

-- The terms that a programme added to the platform's, or calls otherwise. A
-- member does not read the platform's own.
CREATE FUNCTION own_terms() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('vocabulary', t.vocabulary, 'code', t.code,
               'parent_code', t.parent_code, 'label_fr', t.label_fr, 'label_fr_plain', t.label_fr_plain,
               'definition_fr', t.definition_fr, 'position', t.position)
               ORDER BY t.vocabulary, t.position, t.code), '[]')
    FROM term AS t
    LEFT JOIN term AS known ON known.programme_id IS NULL AND known.vocabulary = t.vocabulary AND known.code = t.code
    WHERE t.programme_id = caller_programme() AND t.status = 'active'
      AND (known.parent_code, known.label_fr, known.label_fr_plain, known.definition_fr, known.position)
          IS DISTINCT FROM (t.parent_code, t.label_fr, t.label_fr_plain, t.definition_fr, t.position)
$$;
ALTER FUNCTION own_terms() OWNER TO gusp_definer;

-- The skeleton of a programme: how it works and what it calls things, nothing
-- of where, who and when.
CREATE FUNCTION programme_template(programme uuid) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'format', 'gusp.programme_template/1',
        'nature', p.nature,
        'definition', p.definition,
        'method', p.method,
        'skills', p.skills,
        'target_publics', p.target_publics,
        'terms', gusp.own_terms(),
        'meeting_series', (
            SELECT coalesce(json_agg(json_build_object('title', m.title, 'kind', m.kind, 'rhythm', m.rhythm)
                                     ORDER BY m.title, m.id), '[]')
            FROM gusp.meeting_series AS m
            WHERE m.programme_id = p.id AND m.status = 'active' AND m.quartiers = '{}'))
    FROM gusp.programme AS p
    WHERE p.id = $1
$$;

-- Fill a programme that this transaction opens. The administrator, who opens
-- it, has no right on its records.
CREATE FUNCTION apply_template(programme uuid, template jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    n int;
BEGIN
    IF NOT EXISTS (SELECT FROM programme AS p WHERE p.id = programme AND p.created_at = now()) THEN
        PERFORM refuse('403', 'forbidden');
    END IF;
    UPDATE term AS t
    SET parent_code = b.parent_code, label_fr = b.label_fr, label_fr_plain = b.label_fr_plain,
        definition_fr = b.definition_fr, position = coalesce(b.position, t.position)
    FROM jsonb_populate_recordset(NULL::term, template -> 'terms') AS b
    WHERE t.programme_id = programme AND t.vocabulary = b.vocabulary AND t.code = b.code;
    SELECT min(b.n) INTO n
    FROM jsonb_array_elements(template -> 'terms') WITH ORDINALITY AS b (term, n)
    WHERE NOT EXISTS (SELECT FROM term AS t
                      WHERE t.programme_id = programme AND t.vocabulary = b.term ->> 'vocabulary'
                        AND t.code = b.term ->> 'code')
      AND NOT EXISTS (SELECT FROM vocabulary AS v WHERE v.name = b.term ->> 'vocabulary' AND v.extensible);
    IF n IS NOT NULL THEN
        PERFORM refuse('422', 'unknown_vocabulary',
            jsonb_build_object('pointer', format('/from_template/terms/%s/vocabulary', n - 1)));
    END IF;
    INSERT INTO term (programme_id, vocabulary, code, parent_code, label_fr, label_fr_plain, definition_fr, position)
    SELECT programme, b.vocabulary, b.code, b.parent_code, b.label_fr, b.label_fr_plain, b.definition_fr,
           coalesce(b.position, 0)
    FROM jsonb_populate_recordset(NULL::term, template -> 'terms') AS b
    ON CONFLICT DO NOTHING;
    INSERT INTO meeting_series (programme_id, title, kind, rhythm)
    SELECT programme, b.title, b.kind, b.rhythm
    FROM jsonb_populate_recordset(NULL::meeting_series, template -> 'meeting_series') AS b;
END $$;
ALTER FUNCTION apply_template(uuid, jsonb) OWNER TO gusp_definer;
REVOKE EXECUTE ON FUNCTION apply_template(uuid, jsonb) FROM gusp_member, gusp_auditor;

-- As before, from a template if the body has one; its own members go first.
CREATE OR REPLACE FUNCTION open_programme(body jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    template jsonb := coalesce(nullif(body -> 'from_template', 'null'), '{}');
    b gusp.programme := jsonb_populate_record(NULL::gusp.programme,
        template - '{format,terms,meeting_series}'::text[] || (body - '{city,from_template}'::text[]));
    c gusp.actor := jsonb_populate_record(NULL::gusp.actor, body -> 'city');
    opened uuid;
    city uuid;
BEGIN
    INSERT INTO gusp.programme (title, purpose, definition, nature, commune_insee, commune_name,
        epci_siren, departement, starts_on, ends_on, target_publics, method, skills, schemes, budget)
    VALUES (b.title, b.purpose, b.definition, coalesce(b.nature, 'permanent'), b.commune_insee,
        b.commune_name, b.epci_siren, b.departement, b.starts_on, b.ends_on,
        coalesce(b.target_publics, '{}'), b.method, coalesce(b.skills, '{}'),
        coalesce(b.schemes, '[]'), coalesce(b.budget, '{}'))
    RETURNING id INTO opened;
    IF template <> '{}' THEN
        PERFORM gusp.apply_template(opened, template);
    END IF;
    INSERT INTO gusp.actor (programme_id, kind, name, short_name, siren, siret, address, website, links)
    VALUES (opened, 'city', c.name, c.short_name, c.siren, c.siret, c.address, c.website,
        coalesce(c.links, '{}'))
    RETURNING id INTO city;
    INSERT INTO gusp.member (programme_id, actor_id, role) VALUES (opened, city, 'city');
    RETURN opened;
END $$;

-- Words ------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('capitalisation_sheet_status', 'États d’une fiche de capitalisation', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('capitalisation_sheet_status', 10, 'live', 'Vivante', 'En préparation',
     'Se compose de ce qui est enregistré aujourd’hui.'),
    ('capitalisation_sheet_status', 20, 'published', 'Publiée', 'Finie',
     'Figée, avec l’empreinte de ce qu’elle dit.');
CALL spread_terms();
