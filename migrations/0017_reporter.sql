-- The vault: residents who report, apart from all else. Whoever sees an issue
-- sees a pseudonym, drawn by lot; who is behind it is read on a connection of
-- its own, for a stated purpose, and each reading is remembered. A person is
-- erased without a trace, and nothing that names the pseudonym breaks.
--
-- gusp_privacy, and no other role that serves, reaches this schema. It reads
-- the table but for the person's own columns, and writes nothing: functions of
-- gusp_definer do, so that none can forget the event.

SET search_path = gusp, public;

-- Only a superuser makes schemas here: gusp_owner may not, on purpose.
DO $$
BEGIN
    IF to_regnamespace('vault') IS NULL THEN
        RAISE EXCEPTION 'there is no schema vault yet: run "gusp prepare" once more, as a superuser';
    END IF;
END $$;

-- Others see a pseudonym -----------------------------------------------------------

ALTER TABLE issue ADD reporter_pseudonym text;
INSERT INTO field_group (noun, field, grp) VALUES ('issue', 'reporter_pseudonym', 'personal');

-- As before, and who may read of persons reads the pseudonym.
CREATE OR REPLACE VIEW issue_read WITH (security_invoker = true) AS
SELECT i.id, i.programme_id, i.version, w.writable,
       (jsonb_build_object(
           'id', i.id,
           'programme_id', i.programme_id,
           'ref', i.ref,
           'title', i.title,
           'description', i.description,
           'quartier_id', i.quartier_id,
           'site_id', i.site_id,
           'geometry', geojson_of(i.geometry),
           'theme', i.theme,
           'category', i.category,
           'component', i.component,
           'severity', i.severity,
           'nature', i.nature,
           'origin_kind', i.origin_kind,
           'origin_meeting_id', i.origin_meeting_id,
           'origin_stop_n', i.origin_stop_n,
           'photo_refs', i.photo_refs,
           'reported_by_actor_id', i.reported_by_actor_id,
           'reported_institution_id', i.reported_institution_id,
           'personal_data_acknowledged', i.personal_data_acknowledged,
           'occurred_at', instant(i.occurred_at),
           'visibility', i.visibility,
           'status', i.status,
           'status_reason', i.status_reason,
           'public_explanation', i.public_explanation,
           'public_note', i.public_note,
           'master_id', i.master_id,
           'recurrence_of_id', i.recurrence_of_id,
           'supporters_count', i.supporters_count,
           'bounce_count', i.bounce_count,
           'reopen_count', i.reopen_count,
           'arbitration', i.status = 'qualified' AND i.bounce_count >= 2
       ) || jsonb_build_object(
           'lead_actor_id', i.lead_actor_id,
           'lead_institution_id', i.lead_institution_id,
           'contributors', i.contributors,
           'rule_id', i.rule_id,
           'assigned_at', instant(i.assigned_at),
           'due_on', i.due_on,
           'late', coalesce(is_open(i.status) AND i.due_on < today(), false),
           'planned_on', i.planned_on,
           'held_from', i.held_from,
           'held_at', instant(i.held_at),
           'hold_review_on', i.hold_review_on,
           'hold_days', i.hold_days,
           'decline_reason', i.decline_reason,
           'suggested_actor_id', i.suggested_actor_id,
           'decision_meeting_id', i.decision_meeting_id,
           'evidence', i.evidence,
           'treated_at', instant(i.treated_at),
           'resolved_at', instant(i.resolved_at),
           'verifier_actor_id', i.verifier_actor_id,
           'version', i.version,
           'created_at', instant(i.created_at),
           'created_by', i.created_by,
           'updated_at', instant(i.updated_at),
           'updated_by', i.updated_by,
           'notice', CASE WHEN i.severity = 'danger' AND is_open(i.status) THEN
               'Danger : prévenez les secours (112). Cette API n''est pas un service d''urgence.' END,
           'allowed_transitions', allowed_transitions('issue', i.stage,
               relations_to_issue(i.programme_id, i.quartier_id, i.reported_institution_id,
                   i.lead_institution_id, i.executants) || decision_on_issue(i.id, i.stage, i.executants))
       ) || CASE WHEN 'partner' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('hold_cause', i.hold_cause, 'external_refs', i.external_refs)
            ELSE '{}' END
         || CASE WHEN 'personal' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('reporter_pseudonym', i.reporter_pseudonym)
            ELSE '{}' END) AS body
FROM issue AS i
CROSS JOIN LATERAL (SELECT writes(i.edited_by) AS writable) AS w;

-- Reporters --------------------------------------------------------------------------

-- One for an issue: who reports twice has two pseudonyms, which nobody can
-- join. held names the columns of the person that are filled. What a reporter
-- of an internal issue says is its collector's alone, like the issue.
CREATE TABLE vault.reporter (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    issue_id uuid NOT NULL UNIQUE REFERENCES issue,
    pseudonym text NOT NULL,
    name text,
    email text,
    phone text,
    held text[] NOT NULL,
    channel text NOT NULL CHECK (channel IN ('desk', 'phone', 'email', 'walk', 'meeting', 'other')),
    notice_version text NOT NULL,
    consent_recall boolean NOT NULL DEFAULT false,
    collected_by_institution_id uuid NOT NULL,
    collected_by_role text NOT NULL CHECK (collected_by_role IN ('city', 'association')),
    internal boolean NOT NULL,
    answered_at timestamptz,
    closed_at timestamptz,
    retention_until timestamptz,
    erased_at timestamptz,
    status text NOT NULL CHECK (status IN ('active', 'erased')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    seen_by text[] NOT NULL,
    UNIQUE (programme_id, pseudonym),
    FOREIGN KEY (programme_id, collected_by_institution_id) REFERENCES actor (programme_id, id),
    CONSTRAINT erased_is_nobody CHECK (erased_at IS NULL OR num_nonnulls(name, email, phone) = 0)
);
CREATE INDEX reporter_list ON vault.reporter (programme_id, created_at DESC, id DESC);
CREATE INDEX reporter_recent ON vault.reporter (programme_id, updated_at DESC, id DESC);
CREATE INDEX reporter_past ON vault.reporter (retention_until) WHERE erased_at IS NULL;

-- Neither the planner's samples nor old versions of rows outlive a person:
-- no statistics of these columns, and vacuum at its next round.
ALTER TABLE vault.reporter
    ALTER name SET STATISTICS 0, ALTER email SET STATISTICS 0, ALTER phone SET STATISTICS 0;
ALTER TABLE vault.reporter SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);

-- The city sees those of its programme; the association that collected one
-- does while the issue is open. Row-level security also keeps the contents of
-- a row out of the errors that the server logs.
ALTER TABLE vault.reporter ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.reporter FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON vault.reporter TO gusp_owner USING (true);
CREATE POLICY definer_all ON vault.reporter TO gusp_definer USING (true);
CREATE POLICY privacy_select ON vault.reporter FOR SELECT TO gusp_privacy
    USING (seen_by && (SELECT keys()) AND (SELECT caller_role()) = ANY ('{city,association}'));
GRANT SELECT, INSERT, UPDATE ON vault.reporter TO gusp_definer;
GRANT USAGE ON SCHEMA vault TO gusp_privacy, gusp_ledger;
GRANT SELECT (id, programme_id, issue_id, pseudonym, held, channel, notice_version, consent_recall,
    collected_by_institution_id, answered_at, closed_at, retention_until, erased_at, status, version,
    created_at, updated_at, seen_by) ON vault.reporter TO gusp_privacy;

-- Until three months after the answer, and at most twelve after the issue is
-- closed; while it is open, without an end.
CREATE FUNCTION vault.prepare_reporter() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := array_remove(ARRAY[
        CASE WHEN NEW.name IS NOT NULL THEN 'name' END,
        CASE WHEN NEW.email IS NOT NULL THEN 'email' END,
        CASE WHEN NEW.phone IS NOT NULL THEN 'phone' END], NULL);
    NEW.status := CASE WHEN NEW.erased_at IS NULL THEN 'active' ELSE 'erased' END;
    NEW.retention_until := CASE WHEN NEW.closed_at IS NOT NULL AND NEW.erased_at IS NULL
        THEN least(NEW.closed_at + interval '12 months', NEW.answered_at + interval '3 months') END;
    NEW.seen_by := CASE
        WHEN NEW.internal THEN ARRAY['i:' || NEW.collected_by_institution_id]
        WHEN NEW.closed_at IS NULL AND NEW.collected_by_role = 'association'
            THEN ARRAY['c:' || NEW.programme_id, 'i:' || NEW.collected_by_institution_id]
        ELSE ARRAY['c:' || NEW.programme_id] END;
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
        NEW.created_at := now();
        NEW.updated_at := now();
    ELSIF NEW IS DISTINCT FROM OLD THEN
        -- What becomes of the issue is no change of what is said here.
        NEW.version := OLD.version + ((NEW.name, NEW.email, NEW.phone, NEW.channel, NEW.notice_version,
                NEW.consent_recall, NEW.answered_at, NEW.erased_at)
            IS DISTINCT FROM (OLD.name, OLD.email, OLD.phone, OLD.channel, OLD.notice_version,
                OLD.consent_recall, OLD.answered_at, OLD.erased_at))::int;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER b_prepare BEFORE INSERT OR UPDATE ON vault.reporter
    FOR EACH ROW EXECUTE FUNCTION vault.prepare_reporter();

-- Events -------------------------------------------------------------------------------

-- What happens to a reporter, and nothing of the person: how many of its
-- members were and are held. Nobody sees these on other lanes.
CREATE FUNCTION vault.note(kind text, reporter vault.reporter, purpose text, comment text, held int[])
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO gusp.event (programme_id, kind, noun, subject_id, subject_version, institution_id, actor_id,
        membership_id, client_id, role, request_id, occurred_at, recorded_at, reason_code, comment, seen_by, changes)
    SELECT $2.programme_id, 'reporter.' || $1, 'reporter', $2.id, $2.version, gusp.caller_institution(),
           gusp.caller_actor(), gusp.membership_id(), gusp.client_id(), coalesce(gusp.caller_role(), 'system'),
           nullif(current_setting('app.request_id', true), ''), now(), clock_timestamp(), $3, $4, '{}',
           CASE WHEN $5 IS NULL THEN '{}' ELSE jsonb_build_object('public', jsonb_build_object(
               'members_held', jsonb_build_object('before', $5[1], 'after', $5[2]))) END
$$;

CREATE FUNCTION vault.remember() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM vault.note('created', NEW, NULL, NULL, ARRAY[0, cardinality(NEW.held)]);
    ELSE
        PERFORM vault.note(CASE WHEN NEW.status = OLD.status THEN 'updated' ELSE 'erased' END, NEW,
            nullif(current_setting('app.erased_for', true), ''), NULL,
            ARRAY[cardinality(OLD.held), cardinality(NEW.held)]);
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION vault.remember() OWNER TO gusp_definer;
CREATE TRIGGER y_created AFTER INSERT ON vault.reporter
    FOR EACH ROW EXECUTE FUNCTION vault.remember();
CREATE TRIGGER y_changed AFTER UPDATE ON vault.reporter
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION vault.remember();

CREATE POLICY privacy_select ON event FOR SELECT TO gusp_privacy
    USING (noun = 'reporter' AND EXISTS (SELECT FROM vault.reporter AS r WHERE r.id = event.subject_id));
GRANT SELECT ON event, event_read TO gusp_privacy;

-- With the issue ---------------------------------------------------------------------------

CREATE FUNCTION follow_issue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    UPDATE vault.reporter AS r
    SET closed_at = CASE WHEN NOT is_open(NEW.status) THEN coalesce(r.closed_at, now()) END,
        internal = NEW.visibility = 'internal'
    WHERE r.issue_id = NEW.id;
    RETURN NULL;
END $$;
ALTER FUNCTION follow_issue() OWNER TO gusp_definer;
CREATE TRIGGER u_reporter AFTER UPDATE ON issue
    FOR EACH ROW WHEN (NEW.reporter_pseudonym IS NOT NULL
        AND (OLD.status, OLD.visibility) IS DISTINCT FROM (NEW.status, NEW.visibility))
    EXECUTE FUNCTION follow_issue();

-- What is owed to residents for an issue is given: so who reported it has the
-- answer, unless somebody said so before.
CREATE FUNCTION follow_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    UPDATE vault.reporter AS r
    SET answered_at = NEW.given_at
    WHERE r.issue_id = NEW.origin_id AND r.answered_at IS NULL AND r.erased_at IS NULL;
    RETURN NULL;
END $$;
ALTER FUNCTION follow_answer() OWNER TO gusp_definer;
CREATE TRIGGER u_reporter AFTER UPDATE ON answer_due
    FOR EACH ROW WHEN (NEW.origin_type = 'issue' AND NEW.status = 'given' AND OLD.status <> 'given')
    EXECUTE FUNCTION follow_answer();

-- A letter and six figures, drawn by lot: A12-0031. Letters that are read as
-- figures are left out.
CREATE FUNCTION vault.draw() RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT substr('ABCDEFGHJKLMNPRSTUVWXYZ', 1 + floor(random() * 23)::int, 1)
        || lpad(floor(random() * 100)::text, 2, '0') || '-' || lpad(floor(random() * 10000)::text, 4, '0')
$$;

-- Say who reported an issue; the pseudonym. The association that reported it
-- does, and the city, while it is open.
CREATE FUNCTION vault.entrust(issue uuid, said jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i gusp.issue;
    made text;
BEGIN
    SELECT t.* INTO i FROM gusp.issue AS t
    WHERE t.id = issue AND t.programme_id = caller_programme() AND t.seen_by && keys()
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('404', 'not_found');
    END IF;
    IF caller_role() <> 'city' AND i.reported_institution_id <> caller_institution() THEN
        PERFORM refuse('403', 'forbidden');
    END IF;
    IF NOT is_open(i.status) THEN
        PERFORM refuse('409', 'reporter_of_closed_issue');
    END IF;
    IF i.reporter_pseudonym IS NOT NULL THEN
        PERFORM refuse('409', 'reporter_exists');
    END IF;
    WHILE made IS NULL LOOP
        INSERT INTO vault.reporter AS r (programme_id, issue_id, pseudonym, name, email, phone, channel,
            notice_version, consent_recall, collected_by_institution_id, collected_by_role, internal)
        VALUES (i.programme_id, i.id, vault.draw(), said ->> 'name', said ->> 'email', said ->> 'phone',
            said ->> 'channel', said ->> 'notice_version', coalesce((said ->> 'consent_recall')::boolean, false),
            caller_institution(), caller_role(), i.visibility = 'internal')
        ON CONFLICT (programme_id, pseudonym) DO NOTHING
        RETURNING r.pseudonym INTO made;
    END LOOP;
    -- Not an edit of the issue by its caller, who may have none.
    PERFORM set_config('app.moving', issue::text, true);
    UPDATE gusp.issue AS t SET reporter_pseudonym = made WHERE t.id = issue;
    PERFORM set_config('app.moving', '', true);
    RETURN made;
END $$;
ALTER FUNCTION vault.entrust(uuid, jsonb) OWNER TO gusp_definer;

-- Behind the pseudonym -----------------------------------------------------------------------

-- The reporter that the caller may see, or 404. For gusp_definer: its row
-- rights are no caller's, so they are asked here.
CREATE FUNCTION vault.found(pseudonym text) RETURNS vault.reporter
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    r vault.reporter;
BEGIN
    SELECT t.* INTO r FROM vault.reporter AS t
    WHERE t.programme_id = gusp.caller_programme() AND t.pseudonym = pseudonym
      AND t.seen_by && gusp.keys() AND gusp.caller_role() = ANY ('{city,association}')
    FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('404', 'not_found');
    END IF;
    RETURN r;
END $$;

-- The one way to read a person. No event is ever rewritten: what is said with
-- a reading must not name who is read.
CREATE FUNCTION vault.disclose(pseudonym text, purpose text, comment text) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    r vault.reporter;
BEGIN
    r := vault.found(pseudonym);
    PERFORM refuse_personal(comment, '/comment');
    IF ARRAY(SELECT w FROM unnest(stems(r.name)) AS w WHERE length(w) > 2) && stems(comment) THEN
        PERFORM refuse('422', 'personal_data_suspected', '{"pointer": "/comment"}');
    END IF;
    PERFORM vault.note('read', r, purpose, comment, NULL);
    RETURN json_build_object('pseudonym', r.pseudonym, 'purpose', purpose, 'read_at', instant(now()),
        'name', r.name, 'email', r.email, 'phone', r.phone,
        'consent_recall', r.consent_recall, 'erased_at', instant(r.erased_at));
END $$;
ALTER FUNCTION vault.disclose(text, text, text) OWNER TO gusp_definer;

-- How many reporters a merge-patch changed: none if it is another version.
CREATE FUNCTION vault.correct(pseudonym text, versions bigint[], said jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    r vault.reporter;
BEGIN
    r := vault.found(pseudonym);
    IF versions IS NOT NULL AND NOT r.version = ANY (versions) THEN
        RETURN 0;
    END IF;
    IF r.erased_at IS NOT NULL THEN
        PERFORM refuse('409', 'frozen');
    END IF;
    IF (said ->> 'answered_at')::timestamptz > now() + interval '5 minutes' THEN
        PERFORM refuse('422', 'occurred_in_the_future', '{"pointer": "/answered_at"}');
    END IF;
    UPDATE vault.reporter AS t
    SET (name, email, phone, channel, notice_version, consent_recall, answered_at) = (
        SELECT b.name, b.email, b.phone, b.channel, b.notice_version, b.consent_recall, b.answered_at
        FROM jsonb_populate_record(r, said) AS b)
    WHERE t.id = r.id;
    RETURN 1;
END $$;
ALTER FUNCTION vault.correct(text, bigint[], jsonb) OWNER TO gusp_definer;

-- Erase persons; how many. What an Idempotency-Key keeps of the request that
-- named one is a digest of it: it goes too, and the key stays used.
CREATE FUNCTION vault.wipe(ids uuid[], reason text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM set_config('app.erased_for', reason, true);
    UPDATE vault.reporter AS r
    SET name = NULL, email = NULL, phone = NULL, consent_recall = false, erased_at = now()
    WHERE r.id = ANY (ids) AND r.erased_at IS NULL;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM set_config('app.erased_for', '', true);
    UPDATE gusp.idempotency AS i
    SET fingerprint = ''
    FROM vault.reporter AS r, gusp.member AS m
    WHERE r.id = ANY (ids) AND i.body IS NULL AND i.location = '/v1/reporters/' || r.pseudonym
      AND m.id = i.membership_id AND m.programme_id = r.programme_id;
    RETURN n;
END $$;

CREATE FUNCTION vault.erase(pseudonym text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    r vault.reporter;
BEGIN
    r := vault.found(pseudonym);
    PERFORM vault.wipe(ARRAY[r.id], 'request');
END $$;
ALTER FUNCTION vault.erase(text) OWNER TO gusp_definer;

-- Erase those whose time is over, a part at a time; how many.
CREATE FUNCTION vault.expire() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
    SELECT vault.wipe(ARRAY(
        SELECT r.id FROM vault.reporter AS r
        WHERE r.retention_until <= now() AND r.erased_at IS NULL
        ORDER BY r.retention_until LIMIT 1000
        FOR UPDATE SKIP LOCKED), 'retention')
$$;
ALTER FUNCTION vault.expire() OWNER TO gusp_definer;

-- All that is known of a person, for that person (GDPR, article 15): with who
-- read it, which this too is.
CREATE FUNCTION vault.export(pseudonym text) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    r vault.reporter;
    person json;
BEGIN
    r := vault.found(pseudonym);
    person := vault.disclose(pseudonym, 'access_request', NULL);
    RETURN json_build_object(
        'person', person,
        'reporter', (SELECT v.body FROM vault.reporter_read AS v WHERE v.id = r.id),
        'issue', (SELECT json_build_object('id', i.id, 'ref', i.ref, 'title', i.title, 'status', i.status,
                             'created_at', instant(i.created_at))
                  FROM issue AS i WHERE i.id = r.issue_id),
        'readings', (SELECT json_agg(json_build_object('read_at', instant(e.recorded_at),
                                'institution_id', e.institution_id, 'purpose', e.reason_code) ORDER BY e.seq)
                     FROM event AS e WHERE e.subject_id = r.id AND e.kind = 'reporter.read'));
END $$;
ALTER FUNCTION vault.export(text) OWNER TO gusp_definer;

-- A telephone number as it is compared: its last nine figures, so that
-- 06 39 98 00 01 is +33 6 39 98 00 01.
CREATE FUNCTION vault.figures(phone text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT right(regexp_replace($1, '[^0-9]', '', 'g'), 9)
$$;

-- The reporters who gave a mail address or a telephone number: who asks for
-- their own data may have forgotten every pseudonym. Each one found is told.
CREATE FUNCTION vault.search(contact text) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    r vault.reporter;
    told json[] := '{}';
BEGIN
    FOR r IN
        SELECT t.* FROM vault.reporter AS t
        WHERE t.programme_id = caller_programme() AND t.seen_by && keys()
          AND caller_role() = ANY ('{city,association}')
          AND CASE WHEN contact LIKE '%@%' THEN lower(t.email) = lower(contact)
                   ELSE vault.figures(t.phone) = vault.figures(contact) END
        ORDER BY t.created_at, t.id
        LIMIT 200
    LOOP
        PERFORM vault.note('found', r, 'access_request', NULL, NULL);
        told := told || (SELECT v.body FROM vault.reporter_read AS v WHERE v.id = r.id);
    END LOOP;
    RETURN json_build_object('items', to_json(told));
END $$;
ALTER FUNCTION vault.search(text) OWNER TO gusp_definer;

-- What others than the person's readers are told --------------------------------------------

CREATE VIEW vault.reporter_read WITH (security_invoker = true) AS
SELECT r.id, r.programme_id, r.pseudonym, r.status, r.created_at, r.updated_at, r.version,
       json_build_object(
           'id', r.id,
           'programme_id', r.programme_id,
           'pseudonym', r.pseudonym,
           'issue_id', r.issue_id,
           'held', r.held,
           'channel', r.channel,
           'notice_version', r.notice_version,
           'consent_recall', r.consent_recall,
           'collected_by_institution_id', r.collected_by_institution_id,
           'answered_at', gusp.instant(r.answered_at),
           'retention_until', gusp.instant(r.retention_until),
           'erased_at', gusp.instant(r.erased_at),
           'status', r.status,
           'version', r.version,
           'created_at', gusp.instant(r.created_at),
           'updated_at', gusp.instant(r.updated_at)
       ) AS body
FROM vault.reporter AS r;
GRANT SELECT ON vault.reporter_read TO gusp_privacy, gusp_definer;

-- Extract of the register of processing activities (GDPR, article 30): what
-- the programme keeps of persons, why and for how long; how many reporters.
CREATE FUNCTION vault.register() RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'programme_id', gusp.caller_programme(),
        'as_of', gusp.instant(now()),
        'activities', json_agg(json_build_object(
            'code', a.code, 'name', a.name, 'purpose', a.purpose, 'legal_basis', a.legal_basis,
            'categories', a.categories, 'recipients', a.recipients, 'retention', a.retention,
            'counts', CASE WHEN a.code = 'reporters' THEN (
                SELECT json_build_object(
                    'held', count(*) FILTER (WHERE r.held <> '{}'),
                    'without_person', count(*) FILTER (WHERE r.held = '{}' AND r.erased_at IS NULL),
                    'erased', count(*) FILTER (WHERE r.erased_at IS NOT NULL),
                    'past_due', count(*) FILTER (WHERE r.retention_until <= now()))
                FROM vault.reporter AS r WHERE r.programme_id = gusp.caller_programme()) END)
            ORDER BY a.n))
    FROM (VALUES
        (1, 'reporters', 'Habitants qui signalent', 'Répondre à qui a signalé un constat, le préciser avec lui',
         'Mission d’intérêt public (RGPD, art. 6.1.e)', ARRAY['nom', 'courriel', 'téléphone', 'canal'],
         ARRAY['la ville', 'l’association qui a recueilli, tant que le constat est ouvert'],
         'Trois mois après la réponse, douze mois au plus après la clôture du constat ; puis effacement'),
        (2, 'contacts', 'Contacts professionnels', 'Joindre le bon service d’un partenaire',
         'Mission d’intérêt public (RGPD, art. 6.1.e)',
         ARRAY['nom', 'fonction', 'courriel et téléphone professionnels'],
         ARRAY['les membres du programme'], 'Le temps de la fonction ; revue annuelle'),
        (3, 'texts', 'Textes signalés comme nominatifs', 'Garder la note interne d’une institution',
         'Mission d’intérêt public (RGPD, art. 6.1.e)', ARRAY['texte libre'],
         ARRAY['l’institution qui a écrit'], 'Jusqu’à leur effacement par l’institution qui les a écrits'),
        (4, 'access', 'Journaux d’accès', 'Sécurité et traçabilité des accès',
         'Intérêt légitime (RGPD, art. 6.1.f)',
         ARRAY['client d’API', 'adhésion', 'opération', 'instant'], ARRAY['l’exploitant'], 'Douze mois au plus')
    ) AS a (n, code, name, purpose, legal_basis, categories, recipients, retention)
$$;

-- Rights --------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA gusp TO gusp_privacy;
GRANT EXECUTE ON FUNCTION enter(uuid, uuid, text, uuid, bigint, text, text, text), keys(), groups(),
    caller_role(), caller_programme(), client_id(), membership_id(), idempotency_key(),
    idempotency_fingerprint(), instant(timestamptz) TO gusp_privacy;
GRANT EXECUTE ON FUNCTION vault.entrust(uuid, jsonb), vault.disclose(text, text, text),
    vault.correct(text, bigint[], jsonb), vault.erase(text), vault.export(text), vault.search(text),
    vault.register() TO gusp_privacy;
GRANT EXECUTE ON FUNCTION vault.note(text, vault.reporter, text, text, int[]), vault.draw(), vault.found(text),
    vault.wipe(uuid[], text), vault.figures(text) TO gusp_definer;
GRANT EXECUTE ON FUNCTION vault.expire() TO gusp_privacy, gusp_ledger;

-- Where an answer has no body, only its place is kept.
ALTER TABLE idempotency ALTER body DROP NOT NULL;
CREATE INDEX idempotency_private ON idempotency (location) WHERE body IS NULL;
CREATE POLICY privacy_select ON idempotency FOR SELECT TO gusp_privacy
    USING (client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id()));
CREATE POLICY privacy_insert ON idempotency FOR INSERT TO gusp_privacy
    WITH CHECK (client_id = (SELECT client_id()) AND membership_id = (SELECT membership_id()));
GRANT SELECT, INSERT ON idempotency TO gusp_privacy;

-- Words ---------------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('reporter_status', 'États d’un signalant', false),
    ('reporter_channel', 'Voies de recueil', false),
    ('reporter_purpose', 'Motifs de lecture de données personnelles', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('reporter_status', 10, 'active', 'Conservé', 'Gardé', 'Un pseudonyme, et ce que la personne a dit d’elle.'),
    ('reporter_status', 20, 'erased', 'Effacé', 'Effacé', 'Plus rien n’est connu de la personne, que le pseudonyme.'),

    ('reporter_channel', 10, 'desk', 'Accueil', 'Sur place', NULL),
    ('reporter_channel', 20, 'phone', 'Téléphone', 'Par téléphone', NULL),
    ('reporter_channel', 30, 'email', 'Courriel', 'Par courriel', NULL),
    ('reporter_channel', 40, 'walk', 'Diagnostic en marchant', 'Pendant une marche', NULL),
    ('reporter_channel', 50, 'meeting', 'Réunion', 'En réunion', NULL),
    ('reporter_channel', 60, 'other', 'Autre voie', 'Autrement', NULL),

    ('reporter_purpose', 10, 'answer', 'Répondre à la personne', 'Répondre', NULL),
    ('reporter_purpose', 20, 'clarify', 'Préciser le constat', 'Mieux comprendre', NULL),
    ('reporter_purpose', 30, 'appointment', 'Convenir d’un rendez-vous', 'Se voir', 'Pour une visite ou des travaux.'),
    ('reporter_purpose', 40, 'access_request', 'Demande de la personne', 'La personne le demande',
        'Accès, rectification ou effacement (RGPD, articles 15 à 17).');

CALL spread_terms();
