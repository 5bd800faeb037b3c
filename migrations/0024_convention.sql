-- Conventions: what the institutions of a programme undertake together.
-- Opened for signature, a convention and the action sheets annexed to it are
-- frozen as text with a digest; each party signs that digest; when all have,
-- and the day has come, it is in force. It is never edited afterwards: an
-- amendment is a convention of its own.

SET search_path = gusp, public;

-- Canonical JSON ----------------------------------------------------------------

-- One text for one value, so that whoever recomputes a digest gets the same:
-- members sorted by the bytes of their names, no space, numbers in plain
-- decimals without useless zeros, strings escaped only where JSON must. The
-- guide for auditors (openapi/guides) says it byte for byte.
CREATE FUNCTION canonical(value jsonb) RETURNS text
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
CREATE FUNCTION digest_of(content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')
$$;

-- Conventions ---------------------------------------------------------------------

-- principles [{n, text}]; parties [{actor_id, required, capacity_label}], one
-- for an institution; sheets are those to annex. An amendment has a parent and
-- says which commitments it replaces, [{commitment_id, successor_id, reason}].
-- content is what is signed, once it is opened.
CREATE TABLE convention (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    ref text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('gup', 'gusp', 'tfpb_use', 'charter', 'contract_annex')),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    parent_id uuid,
    principles jsonb NOT NULL DEFAULT '[]',
    parties jsonb NOT NULL DEFAULT '[]',
    party_institutions uuid[] NOT NULL DEFAULT '{}',
    sheets uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(sheets) <= 100),
    replaces jsonb NOT NULL DEFAULT '[]',
    effective_from_on date,
    effective_to_on date,
    opened_at timestamptz,
    content text,
    content_digest text,
    in_force_on date,
    terminated_on date,
    termination_reason text,
    decision_meeting_id uuid,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'negotiation', 'open_for_signature', 'in_force',
        'expired', 'terminated')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, parent_id) REFERENCES convention (programme_id, id),
    CONSTRAINT convention_ends_after_start CHECK (effective_to_on >= effective_from_on),
    CONSTRAINT only_an_amendment_replaces CHECK (parent_id IS NOT NULL OR replaces = '[]'),
    CONSTRAINT opened_is_frozen CHECK (
        (status IN ('draft', 'negotiation')) = (content IS NULL) AND (content IS NULL) = (opened_at IS NULL)),
    CONSTRAINT digest_is_of_the_content CHECK (content_digest IS NOT DISTINCT FROM digest_of(content))
);
CREATE INDEX convention_list ON convention (programme_id, created_at DESC, id DESC);
CREATE INDEX convention_recent ON convention (programme_id, updated_at DESC, id DESC);
CREATE INDEX convention_amendments ON convention (parent_id, created_at) WHERE parent_id IS NOT NULL;
CREATE INDEX convention_waiting ON convention (id) WHERE status IN ('open_for_signature', 'in_force');
CALL protect('convention', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- A sheet as it was when the convention was opened, with what is promised in
-- it: written once, with the digest that the convention's content repeats.
CREATE TABLE annex (
    programme_id uuid NOT NULL REFERENCES programme,
    convention_id uuid NOT NULL REFERENCES convention,
    sheet_id uuid NOT NULL REFERENCES action_sheet,
    n int NOT NULL,
    sheet_version bigint NOT NULL,
    commitments uuid[] NOT NULL,
    content text NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (convention_id, sheet_id),
    CONSTRAINT digest_is_of_the_content CHECK (digest = digest_of(content))
);
CREATE INDEX annex_sheet ON annex (sheet_id);
CALL protect('annex', 'EXISTS (SELECT FROM convention AS v WHERE v.id = annex.convention_id)', NULL);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON annex
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE annex ENABLE ALWAYS TRIGGER append_only;

-- One line for each signature: of the digest that the party saw. The city may
-- file a paper signature of another party, which that one may dispute.
CREATE TABLE signature (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    convention_id uuid NOT NULL REFERENCES convention,
    actor_id uuid NOT NULL,
    institution_id uuid NOT NULL,
    recorded_by_institution_id uuid NOT NULL,
    signatory_capacity text NOT NULL CHECK (length(signatory_capacity) BETWEEN 1 AND 200),
    signed_on date NOT NULL,
    method text NOT NULL CHECK (method IN ('paper', 'eidas_ref', 'meeting_record')),
    external_ref text CHECK (length(external_ref) BETWEEN 1 AND 200),
    document_id uuid REFERENCES document,
    document_sha256 text,
    digest_seen text NOT NULL,
    disputed_at timestamptz,
    dispute_reason text,
    status text NOT NULL DEFAULT 'recorded' CHECK (status IN ('recorded', 'disputed')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, actor_id) REFERENCES actor (programme_id, id),
    CONSTRAINT signature_refers_to_its_proof CHECK (
        method = 'paper' OR method = 'eidas_ref' AND external_ref IS NOT NULL
        OR method = 'meeting_record' AND document_id IS NOT NULL)
);
CREATE UNIQUE INDEX signature_once ON signature (convention_id, actor_id) WHERE status = 'recorded';
CREATE INDEX signature_list ON signature (convention_id, created_at, id);
CALL protect('signature', 'EXISTS (SELECT FROM convention AS v WHERE v.id = signature.convention_id)',
    'written_by && (SELECT pens())');

-- State ---------------------------------------------------------------------------

-- The required parties that have not signed.
CREATE FUNCTION missing_parties(v gusp.convention) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT (p.party ->> 'actor_id')::uuid
                 FROM jsonb_array_elements(v.parties) WITH ORDINALITY AS p (party, n)
                 WHERE (p.party ->> 'required')::boolean
                   AND NOT EXISTS (SELECT FROM gusp.signature AS s
                                   WHERE s.convention_id = v.id AND s.status = 'recorded'
                                     AND s.actor_id = (p.party ->> 'actor_id')::uuid)
                 ORDER BY p.n);
END $$;

-- The state that a convention is in today, which its row follows within the
-- minute: signed by all and its day come, it is in force; not signed any more,
-- it is open again; past its end, and that of amendments that prolong it, it
-- has expired. An amendment is in force no longer than what it amends.
CREATE FUNCTION convention_state(v gusp.convention) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    parent gusp.convention;
    above text;
BEGIN
    IF v.status NOT IN ('open_for_signature', 'in_force') THEN
        RETURN v.status;
    END IF;
    IF v.parent_id IS NOT NULL THEN
        SELECT * INTO parent FROM gusp.convention AS x WHERE x.id = v.parent_id;
        above := gusp.convention_state(parent);
    END IF;
    IF above IN ('expired', 'terminated')
       OR v.effective_to_on < gusp.today()
          AND NOT EXISTS (SELECT FROM gusp.convention AS a
                          WHERE a.parent_id = v.id AND a.status = 'in_force'
                            AND coalesce(a.effective_to_on, 'infinity') >= gusp.today()) THEN
        RETURN CASE WHEN v.status = 'in_force' THEN 'expired' ELSE v.status END;
    END IF;
    RETURN CASE WHEN v.effective_from_on <= gusp.today() AND coalesce(above, 'in_force') = 'in_force'
                     AND gusp.missing_parties(v) = '{}' THEN 'in_force'
                ELSE 'open_for_signature' END;
END $$;

-- Writing -------------------------------------------------------------------------

-- Parties as they are kept: each an actor that the caller sees, no two of one
-- institution.
CREATE FUNCTION parties_of(parties jsonb, programme uuid) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    PERFORM gusp.check_parts(parties, '/parties', 'actor_id', 'actor', programme, '{capacity_label}');
    SELECT max(p.n) INTO n
    FROM jsonb_array_elements(parties) WITH ORDINALITY AS p (party, n)
    JOIN gusp.actor AS a ON a.id = (p.party ->> 'actor_id')::uuid
    GROUP BY a.institution_id
    HAVING count(*) > 1
    LIMIT 1;
    IF n IS NOT NULL THEN
        PERFORM gusp.refuse('422', 'party_twice', jsonb_build_object('pointer', format('/parties/%s/actor_id', n - 1)));
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('actor_id', p.party -> 'actor_id',
                'required', coalesce(p.party -> 'required', 'true'), 'capacity_label', p.party -> 'capacity_label')
                ORDER BY p.n), '[]')
            FROM jsonb_array_elements(parties) WITH ORDINALITY AS p (party, n));
END $$;

-- What an amendment replaces, as it is kept: commitments of the convention
-- that it amends or of other amendments to that, each once, by another one or,
-- for a reason that is told, by none.
CREATE FUNCTION replaced_of(lines jsonb, parent uuid, programme uuid) RETURNS jsonb
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    line jsonb;
    at text;
    replaced uuid[] := '{}';
BEGIN
    PERFORM gusp.check_parts(lines, '/replaces', 'commitment_id', 'commitment', programme, '{reason}'),
            gusp.check_parts(lines, '/replaces', 'successor_id', 'commitment', programme, '{}');
    FOR n IN 0 .. jsonb_array_length(lines) - 1 LOOP
        line := lines -> n;
        at := format('/replaces/%s/', n);
        IF NOT EXISTS (SELECT FROM gusp.annex AS a
                       JOIN gusp.convention AS v ON v.id = a.convention_id
                       WHERE (line ->> 'commitment_id')::uuid = ANY (a.commitments)
                         AND v.in_force_on IS NOT NULL AND parent IN (v.id, v.parent_id)) THEN
            PERFORM gusp.refuse('422', 'commitment_of_another_convention',
                jsonb_build_object('pointer', at || 'commitment_id'));
        END IF;
        IF (line ->> 'commitment_id')::uuid = ANY (replaced) THEN
            PERFORM gusp.refuse('422', 'replaced_twice', jsonb_build_object('pointer', at || 'commitment_id'));
        END IF;
        replaced := replaced || (line ->> 'commitment_id')::uuid;
        IF line ->> 'successor_id' = line ->> 'commitment_id'
           OR num_nonnulls(line ->> 'successor_id', line ->> 'reason') = 0 THEN
            PERFORM gusp.refuse('422', 'successor_or_reason', jsonb_build_object('pointer', at || 'successor_id'));
        END IF;
    END LOOP;
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('commitment_id', l.line -> 'commitment_id',
                'successor_id', l.line -> 'successor_id', 'reason', l.line -> 'reason') ORDER BY l.n), '[]')
            FROM jsonb_array_elements(lines) WITH ORDINALITY AS l (line, n));
END $$;

CREATE FUNCTION prepare_convention() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was gusp.convention;
    parent gusp.convention;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.ref := coalesce(NEW.ref, gusp.reference(NEW.programme_id, NULL, 'V'));
    ELSE
        was := OLD;
        IF OLD.status NOT IN ('draft', 'negotiation') AND to_jsonb(NEW) <> to_jsonb(OLD)
           AND current_setting('app.moving', true) IS DISTINCT FROM NEW.id::text THEN
            PERFORM gusp.refuse('409', 'convention_frozen');
        END IF;
    END IF;
    IF NEW.parent_id IS DISTINCT FROM was.parent_id THEN
        SELECT * INTO parent FROM gusp.convention AS x WHERE x.id = NEW.parent_id;
        IF parent.parent_id IS NOT NULL OR gusp.convention_state(parent) <> 'in_force' THEN
            PERFORM gusp.refuse('409', 'convention_not_in_force');
        END IF;
    END IF;
    IF NEW.title IS DISTINCT FROM was.title THEN
        PERFORM gusp.refuse_personal(NEW.title, '/title');
    END IF;
    IF NEW.principles IS DISTINCT FROM was.principles THEN
        PERFORM gusp.check_parts(NEW.principles, '/principles', 'id', 'actor', NEW.programme_id, '{text}');
    END IF;
    IF NEW.parties IS DISTINCT FROM was.parties THEN
        NEW.parties := gusp.parties_of(NEW.parties, NEW.programme_id);
        NEW.party_institutions := gusp.institutions_of(ARRAY(
            SELECT (p ->> 'actor_id')::uuid FROM jsonb_array_elements(NEW.parties) AS p));
    END IF;
    -- Readers are told which sheets are annexed: none that they may not read.
    IF NEW.sheets IS DISTINCT FROM was.sheets AND EXISTS (
        SELECT FROM gusp.action_sheet AS s WHERE s.id = ANY (NEW.sheets) AND s.status = 'draft') THEN
        PERFORM gusp.refuse('422', 'sheet_is_a_draft', '{"pointer": "/sheets"}');
    END IF;
    IF NEW.parent_id IS NOT NULL AND NEW.replaces IS DISTINCT FROM was.replaces THEN
        NEW.replaces := gusp.replaced_of(NEW.replaces, NEW.parent_id, NEW.programme_id);
    END IF;
    NEW.seen_by := CASE
        WHEN NEW.in_force_on IS NOT NULL THEN ARRAY['p:' || NEW.programme_id]
        WHEN NEW.status = 'draft' THEN ARRAY['c:' || NEW.programme_id]
        ELSE ARRAY['c:' || NEW.programme_id, 'u:' || NEW.programme_id]
            || ARRAY(SELECT 'i:' || i FROM unnest(NEW.party_institutions) AS i) END;
    NEW.written_by := ARRAY['c:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- An amendment begins with the kind, the parties and the end of what it amends.
CREATE FUNCTION create_amendment(of uuid, said jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO gusp.convention AS a (programme_id, parent_id, kind, title, principles, parties, sheets, replaces,
        effective_from_on, effective_to_on)
    SELECT v.programme_id, v.id, v.kind, b.title, coalesce(b.principles, '[]'), coalesce(b.parties, v.parties),
           coalesce(b.sheets, '{}'), coalesce(b.replaces, '[]'), b.effective_from_on,
           CASE WHEN said ? 'effective_to_on' THEN b.effective_to_on ELSE v.effective_to_on END
    FROM gusp.convention AS v
    CROSS JOIN jsonb_populate_record(NULL::gusp.convention, said) AS b
    WHERE v.id = of
    RETURNING a.id INTO made;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('404', 'not_found');
    END IF;
    RETURN made;
END $$;

-- Freezing ------------------------------------------------------------------------

CREATE FUNCTION name_of(actor uuid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT a.name FROM gusp.actor AS a WHERE a.id = $1
$$;

-- What is promised in a sheet and not yet given up, but for what is replaced.
CREATE FUNCTION promised_in(sheet uuid, replaced uuid[]) RETURNS SETOF gusp.commitment
LANGUAGE sql STABLE AS $$
    SELECT c.*
    FROM gusp.commitment AS c
    WHERE c.sheet_id = $1
      AND c.status IN ('accepted', 'in_progress', 'blocked', 'claimed', 'verified')
      AND NOT c.id = ANY ($2)
$$;

-- A sheet as it is annexed. Its costs are not: they are for fewer readers.
CREATE FUNCTION annexed(s gusp.action_sheet, replaced uuid[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('format', 'gusp.annex/1', 'sheet_id', s.id, 'ref', s.ref, 'version', s.version,
        'title', s.title, 'themes', s.themes, 'quartiers', s.quartiers, 'target_publics', s.target_publics,
        'finding', s.finding, 'objectives', s.objectives, 'description', s.description, 'method', s.method,
        'pilot_actor_id', s.pilot_actor_id, 'pilot_name', gusp.name_of(s.pilot_actor_id), 'partners', s.partners,
        'calendar', s.calendar, 'expected_results', s.expected_results, 'indicators', s.indicators, 'means', s.means,
        'commitments', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'ref', c.ref, 'title', c.title,
                'deliverable', c.deliverable, 'beneficiaries', c.beneficiaries, 'owner_actor_id', c.owner_actor_id,
                'owner_name', gusp.name_of(c.owner_actor_id), 'co_owners', c.co_owners, 'quartiers', c.quartiers,
                'sites', c.sites, 'theme', c.theme, 'initial_due_on', c.initial_due_on, 'due_on', c.due_on,
                'expected_result', c.expected_result) ORDER BY c.ref COLLATE "C"), '[]')
            FROM gusp.promised_in(s.id, replaced) AS c))
$$;

CREATE FUNCTION replaced_in(replaces jsonb) RETURNS uuid[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT (r ->> 'commitment_id')::uuid FROM jsonb_array_elements($1) AS r)
$$;

-- What is signed, and its digest. All that is promised in a sheet is annexed,
-- whoever sees it.
CREATE FUNCTION freeze_convention() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    replaced uuid[] := replaced_in(NEW.replaces);
BEGIN
    INSERT INTO annex (programme_id, convention_id, sheet_id, n, sheet_version, commitments, content, digest)
    SELECT NEW.programme_id, NEW.id, s.id, u.n, s.version,
           ARRAY(SELECT c.id FROM promised_in(s.id, replaced) AS c), t.content, digest_of(t.content)
    FROM unnest(NEW.sheets) WITH ORDINALITY AS u (id, n)
    JOIN action_sheet AS s ON s.id = u.id
    CROSS JOIN LATERAL canonical(annexed(s, replaced)) AS t (content);
    NEW.content := canonical(jsonb_build_object('format', 'gusp.convention/1', 'convention_id', NEW.id, 'ref', NEW.ref,
        'kind', NEW.kind, 'title', NEW.title, 'parent_id', NEW.parent_id,
        'parent_digest', (SELECT v.content_digest FROM convention AS v WHERE v.id = NEW.parent_id),
        'principles', NEW.principles,
        'parties', (SELECT jsonb_agg(p.party || jsonb_build_object('name', name_of((p.party ->> 'actor_id')::uuid))
                                     ORDER BY p.n)
                    FROM jsonb_array_elements(NEW.parties) WITH ORDINALITY AS p (party, n)),
        'annexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('sheet_id', a.sheet_id, 'version', a.sheet_version,
                        'digest', a.digest) ORDER BY a.n), '[]')
                    FROM annex AS a WHERE a.convention_id = NEW.id),
        'replaces', NEW.replaces,
        'effective_from_on', NEW.effective_from_on, 'effective_to_on', NEW.effective_to_on));
    NEW.content_digest := digest_of(NEW.content);
    RETURN NEW;
END $$;
ALTER FUNCTION freeze_convention() OWNER TO gusp_definer;

-- What follows by itself is done by the system, not by whoever's request it
-- follows from: the caller steps aside, and comes back.
CREATE FUNCTION leave_caller() RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    names text[] := '{app.role,app.actor,app.institution,app.membership,app.client,app.keys,app.pens,app.groups}';
    settings jsonb := (SELECT jsonb_object_agg(n, current_setting(n, true)) FROM unnest(names) AS n);
BEGIN
    PERFORM set_config(n, '', true) FROM unnest(names) AS n;
    RETURN settings;
END $$;

CREATE FUNCTION resume_caller(settings jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config(s.key, coalesce(s.value, ''), true) FROM jsonb_each_text(settings) AS s;
END $$;

CREATE FUNCTION annex_sheets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    caller jsonb := leave_caller();
BEGIN
    PERFORM move('action_sheet', s.id, NULL, '{"to": "annexed"}')
    FROM action_sheet AS s
    WHERE s.id = ANY (NEW.sheets) AND s.status = 'adopted';
    PERFORM resume_caller(caller);
    RETURN NULL;
END $$;
ALTER FUNCTION annex_sheets() OWNER TO gusp_definer;

-- Commitments that an amendment replaces end as it enters into force.
CREATE FUNCTION supersede_commitments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    caller jsonb := leave_caller();
BEGIN
    PERFORM move('commitment', c.id, NULL, jsonb_build_object('to', 'superseded', 'details', r.line))
    FROM jsonb_array_elements(NEW.replaces) AS r (line)
    JOIN commitment AS c ON c.id = (r.line ->> 'commitment_id')::uuid
    WHERE c.status IN ('accepted', 'in_progress', 'blocked', 'claimed');
    PERFORM resume_caller(caller);
    RETURN NULL;
END $$;
ALTER FUNCTION supersede_commitments() OWNER TO gusp_definer;

-- By none, for a reason: an amendment is the one way to give up what is
-- contractual.
UPDATE transition SET needs_details = '{}' WHERE noun = 'commitment' AND to_state = 'superseded';
CREATE OR REPLACE FUNCTION step_commitment_supersede(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT gusp.step_commitment_unblock($1, $2)
        || jsonb_build_object('successor_id', $2 -> 'details' -> 'successor_id',
            'public_reason', $2 -> 'details' -> 'reason')
$$;

-- What is bound -------------------------------------------------------------------

-- Whether a convention binds a sheet, and what is promised in it, also for who
-- may not read that convention.
CREATE FUNCTION is_annexed(sheet uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM annex AS a
                   JOIN convention AS v ON v.id = a.convention_id
                   WHERE a.sheet_id = $1 AND v.status IN ('open_for_signature', 'in_force'))
$$;
ALTER FUNCTION is_annexed(uuid) OWNER TO gusp_definer;

CREATE FUNCTION is_contractual(commitment uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM commitment AS c
                   JOIN annex AS a ON a.sheet_id = c.sheet_id AND c.id = ANY (a.commitments)
                   JOIN convention AS v ON v.id = a.convention_id
                   WHERE c.id = $1 AND v.status IN ('open_for_signature', 'in_force'))
$$;
ALTER FUNCTION is_contractual(uuid) OWNER TO gusp_definer;

-- What is annexed stands, but for what is measured once work has begun; else
-- as before.
ALTER FUNCTION check_sheet_change(action_sheet, action_sheet) RENAME TO check_free_sheet_change;
CREATE FUNCTION check_sheet_change(now_ gusp.action_sheet, was gusp.action_sheet) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    told text[] := CASE WHEN was.status = 'running' THEN '{calendar,indicators}' ELSE '{}' END;
    fixed text;
BEGIN
    SELECT n.key INTO fixed
    FROM jsonb_each(to_jsonb(now_) - told) AS n
    WHERE n.value IS DISTINCT FROM to_jsonb(was) -> n.key
    ORDER BY n.key
    LIMIT 1;
    IF fixed IS NOT NULL AND gusp.is_annexed(was.id) THEN
        PERFORM gusp.refuse('409', 'frozen_by_convention', jsonb_build_object('pointer', '/' || fixed));
    END IF;
    PERFORM gusp.check_free_sheet_change(now_, was);
END $$;

-- A meeting is named where the due date is contractual; it has decided, as
-- before.
ALTER FUNCTION guard_named_meeting_decided(jsonb, jsonb) RENAME TO named_meeting_decided;
CREATE FUNCTION guard_named_meeting_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF $2 -> 'details' ->> 'meeting_id' IS NULL AND $2 ->> 'to' = 'accepted'
       AND gusp.is_contractual(($1 ->> 'commitment_id')::uuid) THEN
        PERFORM gusp.refuse('422', 'guard_meeting_id_required', '{"pointer": "/details/meeting_id"}');
    END IF;
    RETURN gusp.named_meeting_decided($1, $2);
END $$;

CREATE FUNCTION guard_not_contractual(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT gusp.is_contractual(($1 ->> 'id')::uuid)
$$;
UPDATE transition SET guards = '{not_contractual}' || guards WHERE noun = 'commitment' AND to_state = 'abandoned';

-- Life-cycle ----------------------------------------------------------------------

CREATE FUNCTION guard_convention_has_parties(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT $1 -> 'parties' <> '[]'
$$;

CREATE FUNCTION guard_convention_is_whole(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $1 -> 'principles' <> '[]' AND $1 -> 'parties' @> '[{"required": true}]'
       AND $1 ->> 'effective_from_on' IS NOT NULL
       AND coalesce(($1 ->> 'effective_to_on')::date, 'infinity') >= gusp.today()
$$;

CREATE FUNCTION guard_sheets_are_adopted(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM jsonb_array_elements_text($1 -> 'sheets') AS u (id)
                       JOIN gusp.action_sheet AS s ON s.id = u.id::uuid
                       WHERE s.status NOT IN ('adopted', 'annexed', 'running'))
$$;

-- What takes the place of a contractual commitment is promised, and annexed too.
CREATE FUNCTION guard_successors_are_annexed(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT FROM jsonb_array_elements($1 -> 'replaces') AS r (line)
        WHERE r.line ->> 'successor_id' IS NOT NULL
          AND NOT EXISTS (SELECT FROM gusp.commitment AS c
                          WHERE c.id = (r.line ->> 'successor_id')::uuid
                            AND c.status IN ('accepted', 'in_progress', 'blocked', 'claimed', 'verified')
                            AND $1 -> 'sheets' ? c.sheet_id::text))
$$;

CREATE FUNCTION guard_termination_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT gusp.decided(($2 -> 'details' ->> 'meeting_id')::uuid, 'convention', ($1 ->> 'id')::uuid)
$$;

CREATE FUNCTION step_convention_open(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('opened_at', now())
$$;

CREATE FUNCTION step_convention_enter(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('in_force_on', coalesce($1 ->> 'in_force_on', gusp.today()::text))
$$;

CREATE FUNCTION step_convention_terminate(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('terminated_on', gusp.today(), 'termination_reason', $2 -> 'comment',
        'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, needs_details, guards, effect) VALUES
    ('convention', 'draft', 'negotiation', 1, '{city}', '{}', '{}', '{convention_has_parties}', NULL),
    ('convention', 'negotiation', 'open_for_signature', 1, '{city}', '{}', '{}',
        '{convention_is_whole,sheets_are_adopted,successors_are_annexed}', 'convention_open'),
    ('convention', 'open_for_signature', 'in_force', 1, '{system}', '{}', '{}', '{}', 'convention_enter'),
    ('convention', 'open_for_signature', 'terminated', 2, '{city}', '{comment}', '{meeting_id}',
        '{termination_decided}', 'convention_terminate'),
    ('convention', 'in_force', 'open_for_signature', 1, '{system}', '{}', '{}', '{}', NULL),
    ('convention', 'in_force', 'expired', 2, '{system}', '{}', '{}', '{}', NULL),
    ('convention', 'in_force', 'terminated', 3, '{city}', '{comment}', '{meeting_id}',
        '{termination_decided}', 'convention_terminate');

CALL keep('convention', true, '{ref,title}');
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON convention
    FOR EACH ROW EXECUTE FUNCTION check_references('parent_id', 'convention', 'sheets', 'action_sheet');
CREATE TRIGGER c_freeze BEFORE UPDATE ON convention
    FOR EACH ROW WHEN (OLD.status = 'negotiation' AND NEW.status = 'open_for_signature')
    EXECUTE FUNCTION freeze_convention();
CREATE TRIGGER z_annex AFTER UPDATE ON convention
    FOR EACH ROW WHEN (OLD.status = 'negotiation' AND NEW.status = 'open_for_signature')
    EXECUTE FUNCTION annex_sheets();
CREATE TRIGGER z_supersede AFTER UPDATE ON convention
    FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'in_force' AND NEW.replaces <> '[]')
    EXECUTE FUNCTION supersede_commitments();

-- Signatures ------------------------------------------------------------------------

-- A party signs for its own institution; the city may file what another one
-- signed on paper, with its scan.
CREATE FUNCTION check_signatory(s gusp.signature) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF s.institution_id = s.recorded_by_institution_id THEN
        RETURN;
    END IF;
    IF gusp.caller_role() <> 'city' OR s.method <> 'paper' THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    IF s.document_id IS NULL THEN
        PERFORM gusp.refuse('422', 'scan_required', '{"pointer": "/document_id"}');
    END IF;
END $$;

CREATE FUNCTION prepare_signature() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    v gusp.convention;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF current_setting('app.moving', true) IS DISTINCT FROM NEW.id::text AND to_jsonb(NEW) <> to_jsonb(OLD) THEN
            PERFORM gusp.refuse('409', 'frozen');
        END IF;
        RETURN NEW;
    END IF;
    -- Those who sign one convention wait for each other: the last one is it.
    PERFORM pg_advisory_xact_lock(hashtextextended('signatures of ' || NEW.convention_id, 0));
    SELECT * INTO v FROM gusp.convention AS x WHERE x.id = NEW.convention_id;
    NEW.programme_id := v.programme_id;
    NEW.institution_id := coalesce((gusp.institutions_of(ARRAY[NEW.actor_id]))[1], gusp.caller_institution());
    NEW.recorded_by_institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
    SELECT (p.party ->> 'actor_id')::uuid INTO NEW.actor_id
    FROM jsonb_array_elements(v.parties) AS p (party)
    JOIN gusp.actor AS a ON a.id = (p.party ->> 'actor_id')::uuid
    WHERE a.institution_id = NEW.institution_id;
    IF NOT FOUND THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    PERFORM gusp.check_signatory(NEW);
    IF gusp.convention_state(v) NOT IN ('open_for_signature', 'in_force') THEN
        PERFORM gusp.refuse('409', 'convention_not_open');
    END IF;
    IF NEW.digest_seen <> v.content_digest THEN
        PERFORM gusp.refuse('422', 'digest_differs', '{"pointer": "/digest_seen"}');
    END IF;
    IF NEW.signed_on NOT BETWEEN (v.opened_at AT TIME ZONE 'Europe/Paris')::date AND gusp.today() THEN
        PERFORM gusp.refuse('422', 'signed_out_of_time', '{"pointer": "/signed_on"}');
    END IF;
    PERFORM gusp.refuse_personal(NEW.signatory_capacity, '/signatory_capacity');
    SELECT d.sha256 INTO NEW.document_sha256 FROM gusp.document AS d WHERE d.id = NEW.document_id;
    NEW.seen_by := v.seen_by;
    NEW.written_by := ARRAY['i:' || NEW.institution_id, 'i:' || NEW.recorded_by_institution_id];
    RETURN NEW;
END $$;

-- A party disputes what another filed for it.
CREATE FUNCTION relations_to_signature(party uuid, recorded_by uuid) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN gusp.caller_role() IN ('city', 'bailleur', 'association', 'institution')
                     AND $1 = gusp.caller_institution() AND $2 <> $1
           THEN '{party}'::text[] ELSE '{}' END
$$;

CREATE FUNCTION signature_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_signature(($1 ->> 'institution_id')::uuid, ($1 ->> 'recorded_by_institution_id')::uuid)
$$;

CREATE FUNCTION guard_disputed_in_time(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT ($1 ->> 'created_at')::timestamptz > now() - interval '30 days'
$$;

CREATE FUNCTION step_signature_dispute(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('disputed_at', now(), 'dispute_reason', $2 -> 'comment')
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, guards, effect) VALUES
    ('signature', 'recorded', 'disputed', 1, '{party}', '{comment}', '{disputed_in_time}', 'signature_dispute');

CALL keep('signature', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT ON signature
    FOR EACH ROW EXECUTE FUNCTION check_references('actor_id', 'actor', 'document_id', 'document');

-- By itself -------------------------------------------------------------------------

-- Bring the row of a convention to the state that it is in.
CREATE FUNCTION tend_convention(id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    v convention;
    wanted text;
    caller jsonb;
BEGIN
    SELECT * INTO v FROM convention AS x WHERE x.id = id FOR UPDATE;
    wanted := convention_state(v);
    IF wanted = v.status THEN
        RETURN false;
    END IF;
    caller := leave_caller();
    PERFORM move('convention', id, NULL, jsonb_build_object('to', wanted));
    PERFORM resume_caller(caller);
    RETURN true;
END $$;
ALTER FUNCTION tend_convention(uuid) OWNER TO gusp_definer;

-- Those whose day has come, amendments after what they amend: how many moved.
-- One that cannot be moved does not hold back the others.
CREATE FUNCTION conventions_tend() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    due uuid;
    moved int := 0;
BEGIN
    FOR due IN
        SELECT v.id FROM convention AS v
        WHERE v.status IN ('open_for_signature', 'in_force') AND convention_state(v) <> v.status
        ORDER BY v.parent_id NULLS FIRST, v.id
    LOOP
        BEGIN
            moved := moved + tend_convention(due)::int;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'convention % stays as it is: %', due, SQLERRM;
        END;
    END LOOP;
    RETURN moved;
END $$;
ALTER FUNCTION conventions_tend() OWNER TO gusp_definer;
REVOKE EXECUTE ON FUNCTION tend_convention(uuid), conventions_tend() FROM gusp_member, gusp_auditor, gusp_admin;
GRANT USAGE ON SCHEMA gusp TO gusp_ledger;
GRANT EXECUTE ON FUNCTION conventions_tend() TO gusp_ledger, gusp_owner;

-- The last signature brings a convention into force; a dispute takes it out.
CREATE FUNCTION count_signatures() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    PERFORM tend_convention(NEW.convention_id);
    RETURN NULL;
END $$;
ALTER FUNCTION count_signatures() OWNER TO gusp_definer;
CREATE TRIGGER z_count AFTER INSERT OR UPDATE ON signature
    FOR EACH ROW EXECUTE FUNCTION count_signatures();

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'party_institutions', 'content') THEN 'kept'
    ELSE 'public' END
FROM (VALUES
    ('convention', '{
        id,programme_id,ref,kind,title,parent_id,principles,parties,party_institutions,sheets,replaces,
        effective_from_on,effective_to_on,opened_at,content,content_digest,in_force_on,terminated_on,
        termination_reason,decision_meeting_id,status,version,created_at,created_by,updated_at,updated_by,
        seen_by,written_by}'::text[]),
    ('signature', '{
        id,programme_id,convention_id,actor_id,institution_id,recorded_by_institution_id,signatory_capacity,
        signed_on,method,external_ref,document_id,document_sha256,digest_seen,disputed_at,dispute_reason,status,
        version,created_at,created_by,updated_at,updated_by,seen_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

-- Decisions and documents ---------------------------------------------------------------

-- As before, with conventions: meetings decide to end them, documents show them.
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
FROM convention AS v;

ALTER TABLE decision DROP CONSTRAINT decision_target_type_check,
    ADD CONSTRAINT decision_target_type_check
        CHECK (target_type IN ('issue', 'commitment', 'action_sheet', 'convention'));
ALTER TABLE document DROP CONSTRAINT document_target_type_check,
    ADD CONSTRAINT document_target_type_check
        CHECK (target_type IN ('issue', 'meeting', 'action_sheet', 'commitment', 'commitment_cost', 'convention'));
CREATE TRIGGER z_documents AFTER UPDATE ON convention
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();

-- Trace -----------------------------------------------------------------------------

CREATE TRIGGER t_edges AFTER INSERT ON annex
    FOR EACH ROW EXECUTE FUNCTION keep_edges('convention', 'convention_id',
        'sheet_id', 'action_sheet', 'up', 'annexed_to');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON convention
    FOR EACH ROW EXECUTE FUNCTION keep_edges('convention', 'id', 'parent_id', 'convention', 'up', 'amended_by',
        'decision_meeting_id', 'meeting', 'down', 'decided_by');

-- As before, and conventions.
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
SELECT 'commitment', c.id, c.ref, c.title, c.status, '/v1/commitments/' FROM commitment AS c
UNION ALL
SELECT 'convention', v.id, v.ref, v.title, convention_state(v), '/v1/conventions/' FROM convention AS v;

-- What is read ------------------------------------------------------------------------

-- How far the signing is: of the required parties.
CREATE FUNCTION signing_of(v gusp.convention) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    required int := (SELECT count(*) FROM jsonb_array_elements(v.parties) AS p WHERE (p ->> 'required')::boolean);
    missing uuid[] := gusp.missing_parties(v);
    signed int := required - cardinality(missing);
BEGIN
    RETURN jsonb_build_object(
        'state', CASE WHEN signed = 0 THEN 'none' WHEN missing = '{}' THEN 'complete' ELSE 'partial' END,
        'required', required, 'signed', signed, 'missing', missing);
END $$;

CREATE VIEW convention_read WITH (security_invoker = true) AS
SELECT v.id, v.programme_id, v.kind, v.parent_id, v.party_institutions, s.state, v.version, v.created_at, v.updated_at,
       w.writable,
       json_build_object(
           'id', v.id,
           'programme_id', v.programme_id,
           'ref', v.ref,
           'kind', v.kind,
           'title', v.title,
           'parent_id', v.parent_id,
           'principles', v.principles,
           'parties', v.parties,
           'sheets', v.sheets,
           'annexes', (SELECT coalesce(json_agg(json_build_object('sheet_id', a.sheet_id, 'version', a.sheet_version,
                           'digest', a.digest) ORDER BY a.n), '[]')
                       FROM annex AS a WHERE a.convention_id = v.id),
           'replaces', v.replaces,
           'effective_from_on', v.effective_from_on,
           'effective_to_on', v.effective_to_on,
           'opened_at', instant(v.opened_at),
           'content_digest', v.content_digest,
           'signing', signing_of(v),
           'in_force_on', v.in_force_on,
           'terminated_on', v.terminated_on,
           'termination_reason', v.termination_reason,
           'decision_meeting_id', v.decision_meeting_id,
           'status', s.state,
           'version', v.version,
           'created_at', instant(v.created_at),
           'created_by', v.created_by,
           'updated_at', instant(v.updated_at),
           'updated_by', v.updated_by,
           'allowed_transitions', allowed_transitions('convention', s.state, ARRAY[caller_role()])
       ) AS body
FROM convention AS v
CROSS JOIN LATERAL (SELECT convention_state(v) AS state) AS s
CROSS JOIN LATERAL (SELECT writes(v.written_by) AS writable) AS w;
GRANT SELECT ON convention_read TO gusp_member, gusp_auditor;

CREATE VIEW signature_read WITH (security_invoker = true) AS
SELECT s.id, s.convention_id, s.created_at, s.updated_at, s.version,
       json_build_object(
           'id', s.id,
           'programme_id', s.programme_id,
           'convention_id', s.convention_id,
           'actor_id', s.actor_id,
           'institution_id', s.institution_id,
           'recorded_by_institution_id', s.recorded_by_institution_id,
           'signatory_capacity', s.signatory_capacity,
           'signed_on', s.signed_on,
           'method', s.method,
           'external_ref', s.external_ref,
           'document_id', s.document_id,
           'document_sha256', s.document_sha256,
           'digest_seen', s.digest_seen,
           'disputed_at', instant(s.disputed_at),
           'dispute_reason', s.dispute_reason,
           'status', s.status,
           'version', s.version,
           'created_at', instant(s.created_at),
           'created_by', s.created_by,
           'updated_at', instant(s.updated_at),
           'updated_by', s.updated_by,
           'allowed_transitions', allowed_transitions('signature', s.status,
               relations_to_signature(s.institution_id, s.recorded_by_institution_id))
       ) AS body
FROM signature AS s;
GRANT SELECT ON signature_read TO gusp_member, gusp_auditor;

-- All that was signed, by whom, and how it was amended; the contents as the
-- very texts whose digests they are.
CREATE VIEW convention_bundle_read WITH (security_invoker = true) AS
SELECT v.id,
       json_build_object(
           'convention', r.body,
           'content', v.content,
           'content_digest', v.content_digest,
           'annexes', (SELECT coalesce(json_agg(json_build_object('sheet_id', a.sheet_id, 'version', a.sheet_version,
                           'digest', a.digest, 'content', a.content) ORDER BY a.n), '[]')
                       FROM annex AS a WHERE a.convention_id = v.id),
           'signatures', (SELECT coalesce(json_agg(s.body ORDER BY s.created_at, s.id), '[]')
                          FROM signature_read AS s WHERE s.convention_id = v.id),
           'parent', (SELECT json_build_object('id', p.id, 'ref', p.ref, 'content_digest', p.content_digest)
                      FROM convention AS p WHERE p.id = v.parent_id),
           'amendments', (SELECT coalesce(json_agg(json_build_object('id', a.id, 'ref', a.ref,
                              'status', convention_state(a), 'content_digest', a.content_digest)
                              ORDER BY a.created_at, a.id), '[]')
                          FROM convention AS a WHERE a.parent_id = v.id)
       ) AS body
FROM convention AS v
JOIN convention_read AS r ON r.id = v.id;
GRANT SELECT ON convention_bundle_read TO gusp_member, gusp_auditor;

-- The commitment as before, with the convention that binds it (the one in
-- force, or the last), for who may read that.
ALTER VIEW commitment_read RENAME TO commitment_itself_read;
CREATE VIEW commitment_read WITH (security_invoker = true) AS
SELECT r.id, r.programme_id, r.version, r.writable,
       r.body || coalesce((
           SELECT jsonb_build_object('contractual', jsonb_build_object(
               'convention_id', v.id, 'annexed_version', a.sheet_version))
           FROM commitment AS c
           JOIN annex AS a ON a.sheet_id = c.sheet_id AND c.id = ANY (a.commitments)
           JOIN convention AS v ON v.id = a.convention_id
           WHERE c.id = r.id AND v.status IN ('open_for_signature', 'in_force')
           ORDER BY v.status = 'in_force' DESC, v.opened_at DESC, v.id DESC
           LIMIT 1), '{}') AS body
FROM commitment_itself_read AS r;
GRANT SELECT ON commitment_read TO gusp_member, gusp_auditor;

-- Words -----------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('convention_kind', 'Types de conventions', false),
    ('convention_status', 'États d’une convention', false),
    ('signing_state', 'Avancement des signatures', false),
    ('signature_method', 'Façons de signer', false),
    ('signature_status', 'États d’une signature', false);
INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('convention_kind', 10, 'gup', 'Convention de gestion urbaine de proximité', 'Une convention GUP', NULL),
    ('convention_kind', 20, 'gusp', 'Convention de gestion urbaine et sociale de proximité', 'Une convention GUSP',
        NULL),
    ('convention_kind', 30, 'tfpb_use', 'Convention d’utilisation de l’abattement de TFPB', 'Une convention TFPB',
        NULL),
    ('convention_kind', 40, 'charter', 'Charte', 'Une charte', NULL),
    ('convention_kind', 50, 'contract_annex', 'Annexe au contrat de ville', 'Une annexe', NULL),

    ('convention_status', 10, 'draft', 'Brouillon', 'En préparation', 'Visible de la ville seule.'),
    ('convention_status', 20, 'negotiation', 'En négociation', 'À discuter', 'Visible des parties et des auditeurs.'),
    ('convention_status', 30, 'open_for_signature', 'Ouverte à la signature', 'À signer',
        'Le texte et les fiches annexées sont figés, avec leurs empreintes.'),
    ('convention_status', 40, 'in_force', 'En vigueur', 'Valable',
        'Toutes les parties requises ont signé et la date d’effet est venue.'),
    ('convention_status', 50, 'expired', 'Expirée', 'Finie', NULL),
    ('convention_status', 60, 'terminated', 'Résiliée', 'Arrêtée',
        'La ville y met fin, par une décision motivée.'),

    ('signing_state', 10, 'none', 'Aucune signature', 'Personne n’a signé', NULL),
    ('signing_state', 20, 'partial', 'Signée en partie', 'Il manque des signatures', NULL),
    ('signing_state', 30, 'complete', 'Signée par toutes les parties requises', 'Tout le monde a signé', NULL),

    ('signature_method', 10, 'paper', 'Sur papier', 'Sur papier', NULL),
    ('signature_method', 20, 'eidas_ref', 'Signature électronique (eIDAS)', 'En ligne',
        'La référence est celle du prestataire de confiance.'),
    ('signature_method', 30, 'meeting_record', 'Au procès-verbal d’une réunion', 'Pendant une réunion', NULL),

    ('signature_status', 10, 'recorded', 'Enregistrée', 'Signée', NULL),
    ('signature_status', 20, 'disputed', 'Contestée', 'Contestée',
        'La partie conteste la signature enregistrée pour elle : elle n’a pas signé.'),

    ('decision_target', 40, 'convention', 'Convention', 'Une convention', NULL);
CALL spread_terms();
