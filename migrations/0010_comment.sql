-- Comments: what institutions say to each other about a record, or note for
-- themselves alone.

SET search_path = gusp, public;

-- Records that are commented on, as far as the caller sees them. What another
-- noun adds is one more SELECT.
CREATE VIEW commentable WITH (security_invoker = true) AS
SELECT 'issue' AS noun, i.id, i.programme_id, i.seen_by
FROM issue AS i;
GRANT SELECT ON commentable TO gusp_member, gusp_auditor;

-- audience: the keys of those who read the comment, if they see its target;
-- an internal one is its institution's alone. seen_by is what an event of it
-- keeps: who saw the target when it was written.
CREATE TABLE comment (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    noun text NOT NULL CHECK (noun IN ('issue')),
    target_id uuid NOT NULL,
    text text CHECK (length(text) BETWEEN 1 AND 4000),
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners', 'internal')),
    personal_data_acknowledged boolean NOT NULL DEFAULT false,
    reply_to_id uuid REFERENCES comment,
    actor_id uuid NOT NULL REFERENCES actor,
    institution_id uuid NOT NULL REFERENCES actor,
    redacted_at timestamptz,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'redacted')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    audience text[] NOT NULL,
    seen_by text[] NOT NULL,
    CONSTRAINT personal_data_stays_internal CHECK (NOT personal_data_acknowledged OR visibility = 'internal'),
    CONSTRAINT redacted_has_no_text CHECK ((status = 'redacted') = (text IS NULL))
);
CREATE INDEX comment_target ON comment (target_id, created_at, id);
CREATE INDEX comment_reply ON comment (reply_to_id) WHERE reply_to_id IS NOT NULL;

CALL protect('comment',
    'audience && (SELECT keys()) AND EXISTS (SELECT FROM commentable AS t WHERE t.noun = comment.noun AND t.id = comment.target_id)',
    'institution_id = (SELECT caller_institution())');
-- What an institution notes for itself is not audited, not even by its own
-- control service.
DROP POLICY auditor_select ON comment;
CREATE POLICY auditor_select ON comment FOR SELECT TO gusp_auditor
    USING (visibility <> 'internal' AND audience && (SELECT keys())
        AND EXISTS (SELECT FROM commentable AS t WHERE t.noun = comment.noun AND t.id = comment.target_id));

CREATE FUNCTION prepare_comment() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    moving boolean := current_setting('app.moving', true) IS NOT DISTINCT FROM NEW.id::text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.actor_id := coalesce(gusp.caller_actor(), NEW.actor_id);
        NEW.institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
    ELSIF NEW.noun <> OLD.noun OR NEW.target_id <> OLD.target_id OR NEW.actor_id <> OLD.actor_id
          OR NEW.institution_id <> OLD.institution_id OR NEW.reply_to_id IS DISTINCT FROM OLD.reply_to_id THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    ELSIF OLD.status = 'redacted' AND NOT moving THEN
        PERFORM gusp.refuse('409', 'frozen');
    END IF;
    IF NEW.personal_data_acknowledged AND (TG_OP = 'INSERT' OR NOT OLD.personal_data_acknowledged) THEN
        NEW.visibility := 'internal';
    END IF;
    IF NOT NEW.personal_data_acknowledged THEN
        PERFORM gusp.refuse_personal(NEW.text, '/text');
    END IF;
    IF NEW.reply_to_id IS NOT NULL AND NEW.visibility <> 'internal'
       AND (SELECT c.visibility FROM gusp.comment AS c WHERE c.id = NEW.reply_to_id) = 'internal' THEN
        PERFORM gusp.refuse('422', 'reply_to_internal', '{"pointer": "/visibility"}');
    END IF;
    NEW.audience := CASE WHEN NEW.visibility = 'internal' THEN ARRAY['i:' || NEW.institution_id]
        ELSE ARRAY['p:' || NEW.programme_id] END;
    NEW.seen_by := CASE WHEN NEW.visibility = 'internal' THEN NEW.audience
        ELSE (SELECT t.seen_by FROM gusp.commentable AS t WHERE t.noun = NEW.noun AND t.id = NEW.target_id) END;
    RETURN NEW;
END $$;

-- The comment that is answered is visible and about the same record.
CREATE FUNCTION check_reply() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gusp.comment AS c
                   WHERE c.id = NEW.reply_to_id AND c.noun = NEW.noun AND c.target_id = NEW.target_id) THEN
        PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/reply_to_id"}');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION comment_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ($1 ->> 'institution_id')::uuid = gusp.caller_institution() THEN '{author}'::text[]
        ELSE '{}' END
$$;

CREATE FUNCTION step_comment_redact(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('text', NULL, 'personal_data_acknowledged', false, 'redacted_at', now())
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, effect) VALUES
    ('comment', 'active', 'redacted', 1, '{author}', 'comment_redact');

CALL keep('comment', true, NULL);
CREATE TRIGGER a_reply BEFORE INSERT ON comment
    FOR EACH ROW WHEN (NEW.reply_to_id IS NOT NULL) EXECUTE FUNCTION check_reply();

-- No event repeats the text: what is redacted is gone.
INSERT INTO field_group (noun, field, grp)
SELECT 'comment', f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'text', 'audience', 'seen_by') THEN 'kept'
    ELSE 'public' END
FROM unnest('{id,programme_id,noun,target_id,text,visibility,personal_data_acknowledged,reply_to_id,actor_id,institution_id,redacted_at,status,version,created_at,created_by,updated_at,updated_by,audience,seen_by}'::text[]) AS f;

CREATE VIEW comment_read WITH (security_invoker = true) AS
SELECT c.id, c.noun, c.target_id, c.created_at, c.updated_at, c.version, w.writable,
       json_build_object(
           'id', c.id,
           'programme_id', c.programme_id,
           'target', json_build_object('type', c.noun, 'id', c.target_id),
           'text', c.text,
           'visibility', c.visibility,
           'personal_data_acknowledged', c.personal_data_acknowledged,
           'reply_to_id', c.reply_to_id,
           'actor_id', c.actor_id,
           'institution_id', c.institution_id,
           'redacted_at', instant(c.redacted_at),
           'status', c.status,
           'version', c.version,
           'created_at', instant(c.created_at),
           'created_by', c.created_by,
           'updated_at', instant(c.updated_at),
           'updated_by', c.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('comment', c.status, '{author}') ELSE '[]' END
       ) AS body
FROM comment AS c
CROSS JOIN LATERAL (SELECT c.institution_id = caller_institution() AND caller_role() <> 'auditor' AS writable) AS w;
GRANT SELECT ON comment_read TO gusp_member, gusp_auditor;

INSERT INTO vocabulary (name, label_fr, extensible) VALUES ('comment_status', 'États d’un commentaire', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('comment_status', 10, 'active', 'Publié', 'Écrit', NULL),
    ('comment_status', 20, 'redacted', 'Effacé', 'Effacé', 'Son texte a été effacé par qui l’avait écrit.');
CALL spread_terms();
