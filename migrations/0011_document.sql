-- Documents: photographs, reports, leaflets and the like, with their bytes,
-- whoever may see them, and the toolbox of the démarche.

SET search_path = gusp, public;

-- institution_id is who filed it. media_type, size, sha256, width and height
-- tell of the bytes as they are kept: stripped says that something was taken
-- out of what was sent. target is what it shows, so far an issue: a document
-- is seen by no more than those who see that (target_seen_by).
CREATE TABLE document (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    institution_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('photo', 'report', 'leaflet', 'charter', 'tracking_tool', 'minutes',
        'convention', 'map', 'plan', 'other')),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    keywords text[] NOT NULL DEFAULT '{}' CHECK (cardinality(keywords) <= 20),
    toolbox boolean NOT NULL DEFAULT false,
    licence text CHECK (length(licence) BETWEEN 1 AND 100),
    derived_from_id uuid,
    target_type text CHECK (target_type IN ('issue')),
    target_id uuid,
    target_seen_by text[],
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners', 'internal')),
    faces_plates_checked boolean NOT NULL DEFAULT false,
    personal_data_acknowledged boolean NOT NULL DEFAULT false,
    by_mandate boolean NOT NULL DEFAULT false,
    media_type text NOT NULL CHECK (media_type IN ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    size bigint NOT NULL CHECK (size BETWEEN 1 AND 10485760),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    stripped boolean NOT NULL,
    width bigint CHECK (width > 0),
    height bigint CHECK (height > 0),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, institution_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, derived_from_id) REFERENCES document (programme_id, id),
    CONSTRAINT document_target_is_whole CHECK ((target_type IS NULL) = (target_id IS NULL)),
    CONSTRAINT document_not_cleared CHECK (visibility <> 'public' OR faces_plates_checked),
    CONSTRAINT document_personal_data_is_internal CHECK (
        NOT personal_data_acknowledged OR visibility = 'internal')
);
CREATE INDEX document_target ON document (target_id) WHERE target_id IS NOT NULL;
CALL protect('document', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Whether a title or keywords seem to name a person.
CREATE FUNCTION looks_personal(title text, keywords text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT gusp.looks_personal($1) OR EXISTS (
        SELECT FROM unnest($2) AS k (word) WHERE gusp.looks_personal(k.word))
$$;

CREATE FUNCTION prepare_document() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    suspected boolean := gusp.looks_personal(NEW.title, NEW.keywords);
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
        NEW.by_mandate := coalesce(gusp.caller_role() = 'facilitator', false);
        -- References are read with the caller's rights.
        IF NEW.target_type = 'issue' AND NEW.target_id IS NOT NULL THEN
            SELECT i.seen_by INTO NEW.target_seen_by
            FROM gusp.issue AS i
            WHERE i.id = NEW.target_id AND i.programme_id = NEW.programme_id;
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

-- Bytes -----------------------------------------------------------------------------

-- Pictures do not compress: stored as they are, so that a part of a chunk is
-- read without the rest.
CREATE TABLE document_chunk (
    document_id uuid NOT NULL REFERENCES document,
    seq int NOT NULL CHECK (seq BETWEEN 0 AND 9),
    bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 1048576),
    PRIMARY KEY (document_id, seq)
);
ALTER TABLE document_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
CALL protect('document_chunk', 'EXISTS (SELECT FROM document AS d WHERE d.id = document_chunk.document_id)', NULL);
-- Only by who files the document, in the transaction that does so: created_at
-- is that of its beginning.
CREATE POLICY member_insert ON document_chunk FOR INSERT TO gusp_member
    WITH CHECK (EXISTS (SELECT FROM document AS d
                        WHERE d.id = document_chunk.document_id
                          AND d.created_at = now()
                          AND d.written_by && (SELECT pens())));
GRANT INSERT ON document_chunk TO gusp_member;

-- A document has all of its bytes when its transaction ends.
CREATE FUNCTION check_content() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF NEW.size IS DISTINCT FROM (SELECT sum(octet_length(c.bytes))
                                  FROM document_chunk AS c WHERE c.document_id = NEW.id) THEN
        RAISE EXCEPTION 'document % lacks its bytes', NEW.id USING ERRCODE = 'XX000';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION check_content() OWNER TO gusp_definer;
CREATE CONSTRAINT TRIGGER t_content AFTER INSERT ON document
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_content();

-- Lists -----------------------------------------------------------------------------

-- Who sees which document, with what lists filter and sort by: one row a key.
CREATE TABLE document_key (
    key text COLLATE "C" NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    title text NOT NULL,
    id uuid NOT NULL REFERENCES document,
    kind text NOT NULL,
    toolbox boolean NOT NULL,
    visibility text NOT NULL,
    target_id uuid,
    PRIMARY KEY (id, key)
);
CREATE INDEX document_key_created ON document_key (key, status, created_at DESC, id DESC);
CREATE INDEX document_key_title ON document_key (key, status, title, id);
CREATE INDEX document_key_kind ON document_key (key, kind, status, created_at DESC, id DESC);
CREATE INDEX document_key_target ON document_key (key, target_id, status, created_at DESC, id DESC)
    WHERE target_id IS NOT NULL;
CREATE INDEX document_key_toolbox ON document_key (key, status, created_at DESC, id DESC) WHERE toolbox;
CALL protect('document_key', 'key = ANY ((SELECT keys())::text[])', NULL);

CREATE FUNCTION key_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    DELETE FROM document_key AS k WHERE k.id = NEW.id AND NOT k.key = ANY (NEW.seen_by);
    INSERT INTO document_key (key, status, created_at, updated_at, title, id, kind, toolbox, visibility, target_id)
    SELECT s.key, NEW.status, NEW.created_at, NEW.updated_at, NEW.title, NEW.id, NEW.kind, NEW.toolbox, NEW.visibility,
           NEW.target_id
    FROM unnest(NEW.seen_by) AS s (key)
    ON CONFLICT (id, key) DO UPDATE
    SET (status, updated_at, title, toolbox, visibility) = (
        excluded.status, excluded.updated_at, excluded.title, excluded.toolbox, excluded.visibility);
    RETURN NULL;
END $$;
ALTER FUNCTION key_document() OWNER TO gusp_definer;

-- Triggers --------------------------------------------------------------------------

CALL keep('document', true, '{title,keywords}');
CREATE TRIGGER w_key_created AFTER INSERT ON document
    FOR EACH ROW EXECUTE FUNCTION key_document();
CREATE TRIGGER w_key_changed AFTER UPDATE ON document
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_document();

-- Documents of an issue follow who sees it. What was said of the issue's own
-- step is not said of them.
CREATE FUNCTION spread_issue_rights() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    comment text := current_setting('app.comment', true);
    reason text := current_setting('app.reason_code', true);
BEGIN
    PERFORM set_config('app.comment', '', true), set_config('app.reason_code', '', true);
    UPDATE document AS d
    SET target_seen_by = NEW.seen_by
    WHERE d.target_id = NEW.id AND d.target_type = 'issue';
    PERFORM set_config('app.comment', coalesce(comment, ''), true),
            set_config('app.reason_code', coalesce(reason, ''), true);
    RETURN NULL;
END $$;
ALTER FUNCTION spread_issue_rights() OWNER TO gusp_definer;
CREATE TRIGGER u_documents AFTER UPDATE ON issue
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_issue_rights();

INSERT INTO field_group (noun, field, grp)
SELECT 'document', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'target_seen_by', 'by_mandate', 'personal_data_acknowledged') THEN 'kept'
    ELSE 'public' END
FROM unnest('{id,programme_id,institution_id,kind,title,keywords,toolbox,licence,derived_from_id,target_type,target_id,target_seen_by,visibility,faces_plates_checked,personal_data_acknowledged,by_mandate,media_type,size,sha256,stripped,width,height,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]) AS f;

INSERT INTO transition (noun, from_state, to_state, position, who) VALUES
    ('document', 'active', 'archived', 1, '{writer}'),
    ('document', 'archived', 'active', 2, '{writer}');

-- What is read ------------------------------------------------------------------------

CREATE VIEW document_read WITH (security_invoker = true) AS
SELECT d.id, d.programme_id, d.title, d.created_at, d.status, d.version, w.writable,
       json_build_object(
           'id', d.id,
           'programme_id', d.programme_id,
           'institution_id', d.institution_id,
           'kind', d.kind,
           'title', d.title,
           'keywords', d.keywords,
           'toolbox', d.toolbox,
           'licence', d.licence,
           'derived_from_id', d.derived_from_id,
           'target_type', d.target_type,
           'target_id', d.target_id,
           'visibility', d.visibility,
           'faces_plates_checked', d.faces_plates_checked,
           'media_type', d.media_type,
           'size', d.size,
           'sha256', d.sha256,
           'stripped', d.stripped,
           'width', d.width,
           'height', d.height,
           'status', d.status,
           'version', d.version,
           'created_at', instant(d.created_at),
           'created_by', d.created_by,
           'updated_at', instant(d.updated_at),
           'updated_by', d.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('document', d.status, '{writer}') ELSE '[]' END
       ) AS body
FROM document AS d
CROSS JOIN LATERAL (SELECT writes(d.written_by) AS writable) AS w;
GRANT SELECT ON document_read TO gusp_member, gusp_auditor;

-- Proofs ------------------------------------------------------------------------------

-- What a step gives as proof: a document that the caller sees comes with the
-- digest of its bytes as they are kept.
CREATE FUNCTION proofs(given jsonb, programme uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
    kept jsonb := '[]';
    proof jsonb;
    digest text;
BEGIN
    FOR n IN 0 .. coalesce(jsonb_array_length(given), 0) - 1 LOOP
        proof := given -> n;
        PERFORM gusp.refuse_personal(proof ->> 'note', format('/details/evidence/%s/note', n));
        IF num_nonnulls(proof ->> 'document_id', proof ->> 'external_ref', proof ->> 'note') = 0 THEN
            PERFORM gusp.refuse('422', 'evidence_empty', jsonb_build_object('pointer', format('/details/evidence/%s', n)));
        END IF;
        IF proof ->> 'document_id' IS NOT NULL THEN
            SELECT d.sha256 INTO digest
            FROM gusp.document AS d
            WHERE d.id = (proof ->> 'document_id')::uuid AND d.programme_id = programme AND d.status = 'active';
            IF NOT FOUND THEN
                PERFORM gusp.refuse('422', 'unknown_reference',
                    jsonb_build_object('pointer', format('/details/evidence/%s/document_id', n)));
            END IF;
            proof := proof || jsonb_build_object('sha256', digest);
        END IF;
        kept := kept || proof;
    END LOOP;
    RETURN kept;
END $$;

CREATE OR REPLACE FUNCTION guard_evidence_required(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT jsonb_array_length(gusp.proofs($2 -> 'details' -> 'evidence', ($1 ->> 'programme_id')::uuid))
         + jsonb_array_length($1 -> 'evidence') > 0
$$;

CREATE OR REPLACE FUNCTION step_issue_treat(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('treated_at', now(), 'evidence', ($1 -> 'evidence')
        || gusp.proofs($2 -> 'details' -> 'evidence', ($1 ->> 'programme_id')::uuid))
$$;

-- Words -------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible, parent_vocabulary) VALUES
    ('document_kind', 'Types de documents', false, NULL);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('document_kind', 10, 'photo', 'Photographie', 'Une photo', 'Vue d’un lieu, avant ou après ; sans visage ni plaque lisible.'),
    ('document_kind', 20, 'report', 'Bilan ou rapport', 'Un bilan', NULL),
    ('document_kind', 30, 'leaflet', 'Plaquette', 'Un dépliant', 'Document d’information remis aux habitants ou aux partenaires.'),
    ('document_kind', 40, 'charter', 'Charte', 'Une charte', NULL),
    ('document_kind', 50, 'tracking_tool', 'Outil de suivi', 'Un tableau de suivi', NULL),
    ('document_kind', 60, 'minutes', 'Compte rendu', 'Le compte rendu', NULL),
    ('document_kind', 70, 'convention', 'Convention', 'La convention', NULL),
    ('document_kind', 80, 'map', 'Carte', 'Une carte', NULL),
    ('document_kind', 90, 'plan', 'Plan', 'Un plan', 'Plan de masse, plan d’aménagement, plan d’actions.'),
    ('document_kind', 100, 'other', 'Autre document', 'Autre', NULL);

CALL spread_terms();
