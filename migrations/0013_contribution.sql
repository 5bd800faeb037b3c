-- Contributions: what residents say of a place, gathered for them under a
-- pseudonym: troubles and assets, uses, ideas, paths and feelings; and the
-- answer that is owed for each.

SET search_path = gusp, public;

-- What a mandate opens before others see it --------------------------------------

-- Some records are for those who sort or write them first. A facilitator who
-- is mandated for them holds the pen of the mandate as a key too.
CREATE FUNCTION open_mandate() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys := NEW.keys || ARRAY(
        SELECT 'm:' || s || ':' || NEW.programme_id
        FROM unnest(NEW.mandate_scope) AS s
        WHERE s IN ('contribution', 'diagnosis')
        ORDER BY s);
    RETURN NEW;
END $$;
CREATE TRIGGER c_mandate BEFORE INSERT OR UPDATE ON member
    FOR EACH ROW WHEN (NEW.mandate_scope <> '{}') EXECUTE FUNCTION open_mandate();

-- Of the memberships there are: no change that anybody made, so no event.
ALTER TABLE member DISABLE TRIGGER USER;
ALTER TABLE member ENABLE TRIGGER b_prepare;
ALTER TABLE member ENABLE TRIGGER c_mandate;
UPDATE member SET keys = keys WHERE mandate_scope <> '{}';
ALTER TABLE member ENABLE TRIGGER USER;

-- Maps ----------------------------------------------------------------------------

-- A record with a geometry as a GeoJSON feature (RFC 7946 3.2).
CREATE FUNCTION feature(record jsonb) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_build_object('type', 'Feature', 'id', $1 -> 'id', 'geometry', $1 -> 'geometry',
        'properties', $1 - 'geometry')
$$;

-- Contributions ----------------------------------------------------------------------

-- contributor_code is a pseudonym that its collector gave; nothing here leads
-- from it to a person. client_ref is the number of the collector's device.
-- document_id is a photograph. set_aside_reason is told to the resident.
CREATE TABLE contribution (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    client_ref uuid,
    meeting_id uuid,
    collected_by_actor_id uuid NOT NULL,
    collected_by_institution_id uuid NOT NULL,
    contributor_code text CHECK (contributor_code ~ '^[A-Z][A-Z0-9]{0,9}-[0-9]{1,6}$'),
    kind text NOT NULL CHECK (kind IN ('problem', 'asset', 'use', 'idea', 'path', 'feeling')),
    theme text,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    quartier_id uuid NOT NULL,
    geometry geometry(Geometry, 4326),
    document_id uuid,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL DEFAULT 'collected' CHECK (status IN ('collected', 'retained', 'set_aside', 'merged',
        'linked', 'answered')),
    retained_at timestamptz,
    set_aside_reason text CHECK (length(set_aside_reason) BETWEEN 1 AND 1000),
    merged_into_id uuid,
    links jsonb NOT NULL DEFAULT '[]',
    answer jsonb,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    edited_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, collected_by_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id),
    FOREIGN KEY (programme_id, meeting_id) REFERENCES meeting (programme_id, id),
    FOREIGN KEY (programme_id, document_id) REFERENCES document (programme_id, id),
    FOREIGN KEY (programme_id, merged_into_id) REFERENCES contribution (programme_id, id),
    CONSTRAINT set_aside_says_why CHECK (status <> 'set_aside' OR set_aside_reason IS NOT NULL),
    CONSTRAINT merged_names_its_master CHECK ((status = 'merged') = (merged_into_id IS NOT NULL)),
    CONSTRAINT linked_has_links CHECK (status <> 'linked' OR links <> '[]'),
    CONSTRAINT links_follow_retention CHECK (status IN ('linked', 'answered') OR links = '[]'),
    CONSTRAINT answered_has_its_answer CHECK ((status = 'answered') = (answer IS NOT NULL))
);
CREATE UNIQUE INDEX contribution_client_ref ON contribution (programme_id, collected_by_institution_id, client_ref)
    WHERE client_ref IS NOT NULL;
CALL protect('contribution', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Records that others name by their noun and id, as far as the caller sees
-- them: all that is commented on, and more. What another noun adds is one
-- more SELECT.
CREATE VIEW linkable WITH (security_invoker = true) AS
SELECT t.noun, t.id, t.programme_id FROM commentable AS t
UNION ALL
SELECT 'contribution', c.id, c.programme_id FROM contribution AS c;
GRANT SELECT ON linkable TO gusp_member, gusp_auditor;

-- Each of [{type, id}] is a record that the caller sees.
CREATE FUNCTION check_links(links jsonb, programme uuid, pointer text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    missing int;
BEGIN
    SELECT min(l.n) INTO missing
    FROM jsonb_array_elements(links) WITH ORDINALITY AS l (link, n)
    WHERE l.link ->> 'id' IS NOT NULL
      AND NOT EXISTS (SELECT FROM gusp.linkable AS t
                      WHERE t.noun = l.link ->> 'type' AND t.id = (l.link ->> 'id')::uuid
                        AND t.programme_id = programme);
    IF missing IS NOT NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference',
            jsonb_build_object('pointer', format('%s/%s/id', pointer, missing - 1)));
    END IF;
END $$;

-- Whoever the mandate or the city is sorts; before that, a contribution is
-- for them, for its collector and for the associations there. Partners see
-- what was retained.
CREATE FUNCTION prepare_contribution() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.contribution := CASE WHEN TG_OP = 'UPDATE' THEN OLD END;
    moving boolean := current_setting('app.moving', true) IS NOT DISTINCT FROM NEW.id::text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.collected_by_actor_id := coalesce(gusp.caller_actor(), NEW.collected_by_actor_id);
        SELECT a.institution_id INTO NEW.collected_by_institution_id
        FROM gusp.actor AS a WHERE a.id = NEW.collected_by_actor_id;
    ELSIF NOT moving AND gusp.caller_role() IS NOT NULL AND NOT coalesce(OLD.edited_by && gusp.pens(), false) THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    IF NEW.occurred_at IS DISTINCT FROM was.occurred_at AND NEW.occurred_at > now() + interval '5 minutes' THEN
        PERFORM gusp.refuse('422', 'occurred_in_the_future', '{"pointer": "/occurred_at"}');
    END IF;
    IF public.ST_GeometryType(NEW.geometry) NOT IN ('ST_Point', 'ST_LineString', 'ST_Polygon') THEN
        PERFORM gusp.refuse('422', 'bad_geometry', '{"pointer": "/geometry"}');
    END IF;
    IF NEW.text IS DISTINCT FROM was.text THEN
        PERFORM gusp.refuse_personal(NEW.text, '/text');
    END IF;
    IF NEW.links <> '[]' AND NEW.links IS DISTINCT FROM was.links THEN
        PERFORM gusp.check_links(NEW.links, NEW.programme_id, CASE WHEN moving THEN '/details/links' ELSE '/links' END);
    END IF;
    NEW.edited_by := ARRAY['c:' || NEW.programme_id, 'm:contribution:' || NEW.programme_id]
        || CASE WHEN NEW.status = 'collected' THEN ARRAY['i:' || NEW.collected_by_institution_id] ELSE '{}' END;
    -- Its collector brings the answer back; which steps are whose, move() says.
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:contribution:' || NEW.programme_id,
        'i:' || NEW.collected_by_institution_id];
    NEW.seen_by := CASE WHEN NEW.retained_at IS NULL
        THEN ARRAY['c:' || NEW.programme_id, 'u:' || NEW.programme_id, 'm:contribution:' || NEW.programme_id,
            'aw:' || NEW.programme_id, 'aq:' || NEW.quartier_id]
        ELSE ARRAY['w:' || NEW.programme_id, 'q:' || NEW.quartier_id] END
        || ARRAY['i:' || NEW.collected_by_institution_id];
    RETURN NEW;
END $$;

-- What the caller is to a contribution.
CREATE FUNCTION relations_to_contribution(programme uuid, collector uuid) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        gusp.caller_role(),
        CASE WHEN 'm:contribution:' || $1 = ANY (gusp.pens()) THEN 'mandated' END,
        CASE WHEN gusp.caller_role() = 'association' AND $2 = gusp.caller_institution() THEN 'collector' END], NULL)
$$;

CREATE FUNCTION contribution_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_contribution(($1 ->> 'programme_id')::uuid,
        ($1 ->> 'collected_by_institution_id')::uuid)
$$;

-- Another one that the caller sees, itself merged into none: so there is no
-- cycle. Contributions of a programme are merged one at a time.
CREATE FUNCTION guard_merged_into_another(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    master gusp.contribution;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('merging of ' || ($1 ->> 'programme_id'), 0));
    SELECT * INTO master FROM gusp.contribution AS c
    WHERE c.id = ($2 -> 'details' ->> 'merged_into_id')::uuid
      AND c.programme_id = ($1 ->> 'programme_id')::uuid;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/merged_into_id"}');
    END IF;
    RETURN master.id <> ($1 ->> 'id')::uuid AND master.status <> 'merged';
END $$;

CREATE FUNCTION step_contribution_retain(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('retained_at', now())
$$;

CREATE FUNCTION step_contribution_set_aside(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM gusp.refuse_personal($2 -> 'details' ->> 'set_aside_reason', '/details/set_aside_reason');
    RETURN jsonb_build_object('set_aside_reason', $2 -> 'details' -> 'set_aside_reason');
END $$;

CREATE FUNCTION step_contribution_merge(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('merged_into_id', $2 -> 'details' -> 'merged_into_id')
$$;

CREATE FUNCTION step_contribution_link(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('links', $2 -> 'details' -> 'links')
$$;

-- What residents are told names nobody; whoever is said to answer is an actor
-- that the caller sees.
CREATE FUNCTION step_contribution_answer(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    said jsonb := $2 -> 'details' -> 'answer';
    given timestamptz := coalesce((said ->> 'given_at')::timestamptz, now());
    author uuid := coalesce((said ->> 'by_actor_id')::uuid, gusp.caller_actor());
BEGIN
    PERFORM gusp.refuse_personal(said ->> 'text', '/details/answer/text');
    IF NOT EXISTS (SELECT FROM gusp.actor AS a
                   WHERE a.id = author AND a.programme_id = ($1 ->> 'programme_id')::uuid) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/answer/by_actor_id"}');
    END IF;
    IF given > now() + interval '5 minutes' THEN
        PERFORM gusp.refuse('422', 'occurred_in_the_future', '{"pointer": "/details/answer/given_at"}');
    END IF;
    RETURN jsonb_build_object('answer', jsonb_build_object(
        'text', said ->> 'text', 'by_actor_id', author, 'given_at', gusp.instant(given),
        'channel', said ->> 'channel'));
END $$;

-- An answer is owed for what is set aside as for what is retained; a merged
-- one is answered by the one that it became part of.
INSERT INTO transition (noun, from_state, to_state, position, who, needs_details, guards, effect) VALUES
    ('contribution', 'collected', 'retained', 1, '{city,mandated}', '{}', '{}', 'contribution_retain'),
    ('contribution', 'collected', 'set_aside', 2, '{city,mandated}', '{set_aside_reason}', '{}',
        'contribution_set_aside'),
    ('contribution', 'collected', 'merged', 3, '{city,mandated}', '{merged_into_id}', '{merged_into_another}',
        'contribution_merge'),
    ('contribution', 'retained', 'linked', 1, '{city,mandated}', '{links}', '{}', 'contribution_link'),
    ('contribution', 'retained', 'answered', 2, '{city,mandated,collector}', '{answer}', '{}', 'contribution_answer'),
    ('contribution', 'set_aside', 'answered', 1, '{city,mandated,collector}', '{answer}', '{}', 'contribution_answer'),
    ('contribution', 'linked', 'answered', 1, '{city,mandated,collector}', '{answer}', '{}', 'contribution_answer');

-- Lists ---------------------------------------------------------------------------------

-- Who sees which contribution, with what lists filter and sort by: one row a
-- key. Places as in issue_key: the cell of a point, -1 for a line or an area.
CREATE TABLE contribution_key (
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL REFERENCES contribution,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    meeting_id uuid,
    quartier_id uuid NOT NULL,
    kind text NOT NULL,
    theme text,
    status text NOT NULL,
    collected_by_institution_id uuid NOT NULL,
    cell bigint,
    west double precision,
    south double precision,
    east double precision,
    north double precision,
    PRIMARY KEY (id, key)
);
CREATE INDEX contribution_key_created ON contribution_key (key, created_at DESC, id DESC);
CREATE INDEX contribution_key_updated ON contribution_key (key, updated_at DESC, id DESC);
CREATE INDEX contribution_key_occurred ON contribution_key (key, occurred_at DESC, id DESC);
CREATE INDEX contribution_key_status ON contribution_key (key, status, created_at DESC, id DESC);
CREATE INDEX contribution_key_quartier ON contribution_key (key, quartier_id, status, created_at DESC, id DESC);
CREATE INDEX contribution_key_kind ON contribution_key (key, kind, created_at DESC, id DESC);
CREATE INDEX contribution_key_theme ON contribution_key (key, theme, created_at DESC, id DESC);
CREATE INDEX contribution_key_meeting ON contribution_key (key, meeting_id, created_at DESC, id DESC)
    WHERE meeting_id IS NOT NULL;
CREATE INDEX contribution_key_collector
    ON contribution_key (key, collected_by_institution_id, created_at DESC, id DESC);
CREATE INDEX contribution_key_cell ON contribution_key (key, cell) WHERE cell IS NOT NULL;
CALL protect('contribution_key', 'key = ANY ((SELECT keys())::text[])', NULL);

CREATE FUNCTION key_contribution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    place bigint := CASE WHEN ST_GeometryType(NEW.geometry) = 'ST_Point' THEN cell_of(NEW.geometry)
                         WHEN NEW.geometry IS NOT NULL THEN -1 END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM contribution_key AS k WHERE k.id = NEW.id;
    END IF;
    INSERT INTO contribution_key (key, id, created_at, updated_at, occurred_at, meeting_id, quartier_id, kind,
        theme, status, collected_by_institution_id, cell, west, south, east, north)
    SELECT s.key, NEW.id, NEW.created_at, NEW.updated_at, NEW.occurred_at, NEW.meeting_id, NEW.quartier_id,
           NEW.kind, NEW.theme, NEW.status, NEW.collected_by_institution_id, place,
           ST_XMin(NEW.geometry), ST_YMin(NEW.geometry), ST_XMax(NEW.geometry), ST_YMax(NEW.geometry)
    FROM unnest(NEW.seen_by) AS s (key);
    RETURN NULL;
END $$;
ALTER FUNCTION key_contribution() OWNER TO gusp_definer;

-- The caller's lines and areas that touch a box; PostGIS has the last word.
CREATE FUNCTION contribution_shapes_in(bbox text) RETURNS SETOF uuid
LANGUAGE sql STABLE ROWS 20 AS $$
    SELECT c.id
    FROM (SELECT DISTINCT k.id
          FROM unnest(gusp.keys()) AS u (key)
          CROSS JOIN LATERAL (
              SELECT k.id FROM gusp.contribution_key AS k WHERE k.key = u.key AND k.cell = -1
              OFFSET 0) AS k) AS shaped
    JOIN gusp.contribution AS c ON c.id = shaped.id
    WHERE public.ST_Intersects(c.geometry, gusp.box_of($1))
$$;

-- The caller's lines and areas within so many metres of a shape.
CREATE FUNCTION contribution_shapes_near(shape geometry, metres double precision) RETURNS SETOF uuid
LANGUAGE sql STABLE STRICT ROWS 20 AS $$
    SELECT c.id
    FROM gusp.contribution_shapes_in(gusp.box_around($1, $2)) AS f (id)
    JOIN gusp.contribution AS c ON c.id = f.id
    WHERE public.ST_DWithin(c.geometry::public.geography, $1::public.geography, $2)
$$;

-- Triggers --------------------------------------------------------------------------------

CALL keep('contribution', true, '{text}');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON contribution
    FOR EACH ROW EXECUTE FUNCTION check_references('meeting_id', 'meeting', 'quartier_id', 'quartier',
        'document_id', 'document');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON contribution
    FOR EACH ROW EXECUTE FUNCTION check_terms('theme', 'themes');
CREATE TRIGGER w_key_created AFTER INSERT ON contribution
    FOR EACH ROW EXECUTE FUNCTION key_contribution();
CREATE TRIGGER w_key_changed AFTER UPDATE ON contribution
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_contribution();

INSERT INTO field_group (noun, field, grp)
SELECT 'contribution', f, CASE
    WHEN f IN ('id', 'programme_id', 'client_ref', 'collected_by_institution_id', 'version', 'created_at',
        'created_by', 'updated_at', 'updated_by', 'seen_by', 'written_by', 'edited_by') THEN 'kept'
    WHEN f = 'contributor_code' THEN 'personal'
    ELSE 'public' END
FROM unnest('{
    id,programme_id,client_ref,meeting_id,collected_by_actor_id,collected_by_institution_id,contributor_code,
    kind,theme,text,quartier_id,geometry,document_id,occurred_at,status,retained_at,set_aside_reason,
    merged_into_id,links,answer,version,created_at,created_by,updated_at,updated_by,seen_by,written_by,edited_by}'::text[]) AS f;

-- Batches ---------------------------------------------------------------------------------

CREATE FUNCTION create_contribution(base uuid, said jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gusp.contribution (id, programme_id, client_ref, meeting_id, contributor_code, kind, theme, text,
        quartier_id, geometry, document_id, occurred_at)
    SELECT base, gusp.caller_programme(), b.client_ref, b.meeting_id, b.contributor_code, b.kind, b.theme, b.text,
           b.quartier_id, gusp.geometry_of(said -> 'geometry', '/geometry'), b.document_id,
           coalesce(b.occurred_at, now())
    FROM jsonb_populate_record(NULL::gusp.contribution, said - 'geometry') AS b;
    RETURN base;
END $$;

-- Of each noun that comes in batches: what an item becomes, and which of the
-- caller's own are there already, by the numbers of its device; both as what
-- is told of a record. plpgsql, because it keeps its plans from item to item.
CREATE FUNCTION batched_issue(base uuid, said jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', i.id, 'ref', i.ref) FROM gusp.create_issue($1, $2, 'walk') AS i);
END $$;

CREATE FUNCTION batched_contribution(base uuid, said jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object('id', gusp.create_contribution($1, $2));
END $$;

CREATE FUNCTION contributions_of_client_refs(refs uuid[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(c.client_ref, jsonb_build_object('id', c.id)), '{}')
    FROM gusp.contribution AS c
    WHERE c.programme_id = gusp.caller_programme()
      AND c.collected_by_institution_id = gusp.caller_institution()
      AND c.client_ref = ANY ($1)
$$;

-- Each item on its own: one that is refused undoes no other.
CREATE FUNCTION batch(noun text, items jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    known text := format('SELECT gusp.%I($1)', noun || 's_of_client_refs');
    make text := format('SELECT gusp.%I($1, $2)', 'batched_' || noun);
    base uuid := gusp.uuid7();
    there jsonb;
    results jsonb[] := '{}';
    item jsonb;
    number text;
    n int := 0;
    made jsonb;
    result text;
    state text;
    message text;
    detail text;
    broken text;
    code text;
BEGIN
    EXECUTE known INTO there USING ARRAY(
        SELECT (i ->> 'client_ref')::uuid FROM jsonb_array_elements(items) AS i);
    FOR item IN SELECT i FROM jsonb_array_elements(items) AS i LOOP
        number := item ->> 'client_ref';
        result := CASE WHEN there ? number THEN 'existing' ELSE 'created' END;
        IF result = 'created' THEN
            BEGIN
                EXECUTE make INTO made USING gusp.uuid7(base, n), item;
                there := there || jsonb_build_object(number, made);
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, broken = CONSTRAINT_NAME;
                code := gusp.refusal_code(state, message, broken);
                IF code IS NULL THEN
                    RAISE;
                END IF;
                -- The same observation, posted twice at once?
                IF state = '23505' THEN
                    EXECUTE known INTO made USING ARRAY[number::uuid];
                    there := there || made;
                END IF;
                result := CASE WHEN there ? number THEN 'existing' ELSE 'refused' END;
            END;
        END IF;
        results := results || (jsonb_build_object('client_ref', number, 'result', result) || CASE
            WHEN result = 'refused' THEN jsonb_build_object('code', code, 'pointer',
                '/items/' || n || coalesce(CASE WHEN state LIKE 'GU4%' AND detail LIKE '{%'
                                                THEN detail::jsonb ->> 'pointer' END, ''))
            ELSE there -> number END);
        n := n + 1;
    END LOOP;
    RETURN to_jsonb(results);
END $$;

-- All issues of a batch come from one meeting, if that is said, and then each
-- from a stop of it.
CREATE OR REPLACE FUNCTION batch_issues(meeting uuid, items jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    IF $1 IS NOT NULL AND gusp.meeting_of($1) IS NULL THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/meeting_id"}');
    END IF;
    -- A batch calls a stop stop_n, an issue origin_stop_n.
    RETURN replace(gusp.batch('issue', (
        SELECT jsonb_agg(i.item || jsonb_build_object('origin_meeting_id', $1, 'origin_stop_n', i.item -> 'stop_n')
                         ORDER BY i.n)
        FROM jsonb_array_elements($2) WITH ORDINALITY AS i (item, n)))::text, '/origin_stop_n', '/stop_n')::jsonb;
END $$;

-- What is read ------------------------------------------------------------------------------

CREATE VIEW contribution_read WITH (security_invoker = true) AS
SELECT c.id, c.programme_id, c.version, writes(c.edited_by) AS writable,
       (jsonb_build_object(
           'id', c.id,
           'programme_id', c.programme_id,
           'meeting_id', c.meeting_id,
           'collected_by_actor_id', c.collected_by_actor_id,
           'collected_by_institution_id', c.collected_by_institution_id,
           'kind', c.kind,
           'theme', c.theme,
           'text', c.text,
           'quartier_id', c.quartier_id,
           'geometry', geojson_of(c.geometry),
           'document_id', c.document_id,
           'occurred_at', instant(c.occurred_at),
           'status', c.status,
           'retained_at', instant(c.retained_at),
           'set_aside_reason', c.set_aside_reason,
           'merged_into_id', c.merged_into_id,
           'links', c.links,
           'answer', c.answer,
           'version', c.version,
           'created_at', instant(c.created_at),
           'created_by', c.created_by,
           'updated_at', instant(c.updated_at),
           'updated_by', c.updated_by,
           'allowed_transitions', allowed_transitions('contribution', c.status,
               relations_to_contribution(c.programme_id, c.collected_by_institution_id))
       ) || CASE WHEN 'personal' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('contributor_code', c.contributor_code) ELSE '{}' END) AS body
FROM contribution AS c;
GRANT SELECT ON contribution_read TO gusp_member, gusp_auditor;

-- Words ---------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('contribution_kind', 'Types de contributions', false),
    ('contribution_status', 'États d’une contribution', false),
    ('answer_channel', 'Moyens de répondre aux habitants', false),
    ('link_type', 'Suites d’une contribution', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('contribution_kind', 10, 'problem', 'Point noir', 'Ce qui ne va pas', NULL),
    ('contribution_kind', 20, 'asset', 'Atout', 'Ce qui va bien',
        'Ce qui compte pour les habitants et qu’il faut garder.'),
    ('contribution_kind', 30, 'use', 'Usage', 'Ce qu’on y fait',
        'Comment un lieu est utilisé, par qui et quand, sans nommer personne.'),
    ('contribution_kind', 40, 'idea', 'Proposition', 'Une idée', NULL),
    ('contribution_kind', 50, 'path', 'Parcours', 'Un chemin', 'Un trajet du quotidien, à pied le plus souvent.'),
    ('contribution_kind', 60, 'feeling', 'Ressenti', 'Ce qu’on ressent', NULL),

    ('contribution_status', 10, 'collected', 'Recueillie', 'Notée', 'Notée auprès d’un habitant, pas encore triée.'),
    ('contribution_status', 20, 'retained', 'Retenue', 'Gardée',
        'Retenue au tri ; les partenaires du quartier la voient.'),
    ('contribution_status', 30, 'set_aside', 'Écartée', 'Mise de côté',
        'Écartée au tri, pour un motif que l’on peut dire à l’habitant.'),
    ('contribution_status', 40, 'merged', 'Fusionnée', 'Réunie à une autre',
        'Dit la même chose qu’une autre, à laquelle on répond.'),
    ('contribution_status', 50, 'linked', 'Reliée', 'Suivie d’effet',
        'A donné lieu à un constat, à un diagnostic ou à un engagement.'),
    ('contribution_status', 60, 'answered', 'Répondue', 'On a répondu', NULL),

    ('answer_channel', 10, 'meeting', 'En réunion', 'En réunion', NULL),
    ('answer_channel', 20, 'in_person', 'De vive voix', 'En parlant', NULL),
    ('answer_channel', 30, 'relay', 'Par une association relais', 'Par une association', NULL),
    ('answer_channel', 40, 'letter', 'Par courrier', 'Par une lettre', NULL),
    ('answer_channel', 50, 'phone', 'Par téléphone', 'Par téléphone', NULL),
    ('answer_channel', 60, 'online', 'En ligne', 'Sur internet', 'Message électronique, site, lettre d’information.'),
    ('answer_channel', 70, 'notice', 'Par affichage', 'Sur une affiche', NULL),

    ('link_type', 10, 'issue', 'Constat', 'Un constat', NULL),
    ('link_type', 20, 'diagnosis', 'Diagnostic', 'Un diagnostic', NULL),
    ('link_type', 30, 'commitment', 'Engagement', 'Un engagement', NULL);

CALL spread_terms();
