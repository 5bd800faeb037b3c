-- Commitments: what an institution promises, by when, and how it is shown to
-- be done. Only the owner accepts; another institution verifies; what is
-- promised does not change once accepted.
--
-- What not everybody reads of a commitment is not in its row but beside it, in
-- tables with rights and versions of their own: costs (commitment_cost),
-- invoices (evidence) and internal notes (commitment_note). No filter, sort,
-- count, version or history of the commitment can then tell of them.

SET search_path = gusp, public;

-- Commitments ---------------------------------------------------------------------

-- author is who drafts it, owner who promises it: an institution or one of its
-- services. workers are the institutions of the owner, of co-owners and of
-- executants: none of them verifies.
CREATE TABLE commitment (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    ref text NOT NULL UNIQUE,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    deliverable text CHECK (length(deliverable) BETWEEN 1 AND 2000),
    beneficiaries text CHECK (length(beneficiaries) BETWEEN 1 AND 500),
    author_institution_id uuid NOT NULL,
    by_mandate boolean NOT NULL DEFAULT false,
    owner_actor_id uuid NOT NULL,
    owner_institution_id uuid NOT NULL,
    co_owners uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(co_owners) <= 20),
    executants uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(executants) <= 20),
    workers uuid[] NOT NULL,
    quartiers uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(quartiers) <= 20),
    sites uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(sites) <= 50),
    theme text,
    sheet_id uuid,
    origin jsonb NOT NULL DEFAULT '[]',
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners')),
    due_on date,
    initial_due_on date,
    accepted_on date,
    started_on date,
    claimed_on date,
    claimed_at timestamptz,
    verified_on date,
    verifier_actor_id uuid,
    verifier_institution_id uuid,
    decision_meeting_id uuid,
    outcome text CHECK (outcome IN ('full', 'partial')),
    remainder_id uuid,
    waiver text CHECK (length(waiver) BETWEEN 1 AND 2000),
    progress int NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    expected_result text CHECK (length(expected_result) BETWEEN 1 AND 2000),
    obtained_result text CHECK (length(obtained_result) BETWEEN 1 AND 2000),
    public_note text CHECK (length(public_note) BETWEEN 1 AND 2000),
    partner_note text CHECK (length(partner_note) BETWEEN 1 AND 2000),
    decline_reason text CHECK (length(decline_reason) BETWEEN 1 AND 2000),
    blocked_from text,
    blocked_reason text CHECK (length(blocked_reason) BETWEEN 1 AND 2000),
    review_on date,
    abandoned_on date,
    public_reason text CHECK (length(public_reason) BETWEEN 1 AND 2000),
    successor_id uuid,
    corrections_count int NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'proposed', 'accepted', 'in_progress', 'blocked',
        'claimed', 'verified', 'declined', 'abandoned', 'superseded')),
    stage text NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    edited_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, author_institution_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, owner_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, sheet_id) REFERENCES action_sheet (programme_id, id),
    FOREIGN KEY (programme_id, verifier_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, remainder_id) REFERENCES commitment (programme_id, id),
    FOREIGN KEY (programme_id, successor_id) REFERENCES commitment (programme_id, id),
    CONSTRAINT self_verification CHECK (NOT coalesce(verifier_institution_id = ANY (workers), false)),
    CONSTRAINT accepted_has_its_first_date CHECK (
        (initial_due_on IS NULL) = (status IN ('draft', 'proposed', 'declined'))),
    CONSTRAINT verified_has_an_outcome CHECK ((status = 'verified') = (outcome IS NOT NULL)),
    CONSTRAINT partial_has_a_remainder CHECK (
        coalesce(outcome, 'full') = 'full' OR num_nonnulls(remainder_id, waiver) = 1),
    CONSTRAINT remainder_is_another CHECK (remainder_id <> id)
);
CREATE INDEX commitment_sheet ON commitment (sheet_id) WHERE sheet_id IS NOT NULL;
CALL protect('commitment', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');
DROP POLICY auditor_select ON commitment;
CREATE POLICY auditor_select ON commitment FOR SELECT TO gusp_auditor
    USING (status <> 'draft' AND seen_by && (SELECT keys()));

-- The states in which a due date is still to be kept.
CREATE FUNCTION is_due(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT $1 IN ('accepted', 'in_progress', 'blocked')
$$;

-- Every free text names nobody; only what changes is looked at.
CREATE FUNCTION check_commitment_texts(now_ jsonb, was jsonb, at text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    field text;
BEGIN
    FOREACH field IN ARRAY '{
        title,deliverable,beneficiaries,expected_result,obtained_result,public_note,
        partner_note,waiver,decline_reason,blocked_reason,public_reason}'::text[] LOOP
        IF now_ ->> field IS DISTINCT FROM was ->> field THEN
            PERFORM gusp.refuse_personal(now_ ->> field, at || field);
        END IF;
    END LOOP;
END $$;

-- Sites lie in the quartiers of the commitment.
CREATE FUNCTION check_commitment_sites(now_ gusp.commitment) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gusp.site AS s
               WHERE s.id = ANY (now_.sites) AND NOT s.quartier_id = ANY (now_.quartiers)) THEN
        PERFORM gusp.refuse('422', 'site_in_another_quartier', '{"pointer": "/sites"}');
    END IF;
END $$;

-- Which fields may change without a step, and by whom. A draft is its
-- author's; a proposal its owner's and the city's; once accepted, the promise
-- stands: its owner tells how it goes on, the due date follows a revision that
-- was accepted, a correction names its reason.
CREATE FUNCTION check_commitment_change(now_ gusp.commitment, was gusp.commitment) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    free text[] := CASE
        WHEN was.status IN ('accepted', 'in_progress', 'blocked')
        THEN '{progress,public_note,partner_note,executants}'
        WHEN was.status = 'claimed' THEN '{progress,public_note,partner_note}'
        ELSE '{public_note,partner_note}' END;
    fixed text;
BEGIN
    IF was.status NOT IN ('draft', 'proposed') THEN
        IF current_setting('app.correcting', true) = now_.id::text THEN
            free := free || '{title,deliverable,sites,corrections_count}';
        ELSIF now_.due_on IS DISTINCT FROM was.due_on AND gusp.is_revised(was.id, was.due_on, now_.due_on) THEN
            RETURN;
        END IF;
        SELECT n.key INTO fixed
        FROM jsonb_each(to_jsonb(now_) - free) AS n
        WHERE n.value IS DISTINCT FROM to_jsonb(was) -> n.key
        ORDER BY n.key
        LIMIT 1;
        -- Who once did the work stays known as having done so.
        IF NOT now_.executants @> was.executants THEN
            fixed := 'executants';
        END IF;
        IF fixed IS NOT NULL THEN
            PERFORM gusp.refuse('409', 'commitment_frozen', jsonb_build_object('pointer', '/' || fixed));
        END IF;
    END IF;
    IF gusp.caller_role() IS NOT NULL AND NOT coalesce(was.edited_by && gusp.pens(), false) THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
END $$;

-- The city and a mandated facilitator draft for anybody, others for
-- themselves. A draft that was given to one institution is not passed on to
-- another once that has been asked.
CREATE FUNCTION check_commitment_owner(now_ gusp.commitment, was gusp.commitment) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF was.status <> 'draft' AND now_.owner_institution_id <> was.owner_institution_id THEN
        PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/owner_actor_id"}');
    END IF;
    IF gusp.caller_role() NOT IN ('city', 'facilitator')
       AND now_.owner_institution_id <> gusp.caller_institution() THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
END $$;

CREATE FUNCTION prepare_commitment() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    moving boolean := current_setting('app.moving', true) IS NOT DISTINCT FROM NEW.id::text;
    was gusp.commitment;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.author_institution_id := coalesce(gusp.caller_institution(), NEW.author_institution_id);
        NEW.by_mandate := coalesce(gusp.caller_role() = 'facilitator', false);
        NEW.owner_actor_id := coalesce(NEW.owner_actor_id, gusp.caller_actor());
        NEW.ref := coalesce(NEW.ref, gusp.reference(NEW.programme_id, NEW.quartiers[1], 'E'));
    ELSE
        was := OLD;
        IF OLD.initial_due_on IS NOT NULL AND NEW.initial_due_on IS DISTINCT FROM OLD.initial_due_on THEN
            PERFORM gusp.refuse('422', 'immutable_field', '{"pointer": "/initial_due_on"}');
        END IF;
        IF NOT moving THEN
            PERFORM gusp.check_commitment_change(NEW, OLD);
        END IF;
    END IF;
    IF NEW.owner_actor_id IS DISTINCT FROM was.owner_actor_id THEN
        SELECT a.institution_id INTO NEW.owner_institution_id FROM gusp.actor AS a WHERE a.id = NEW.owner_actor_id;
        PERFORM gusp.check_commitment_owner(NEW, was);
    END IF;
    IF NEW.sites <> '{}' AND (NEW.sites, NEW.quartiers) IS DISTINCT FROM (was.sites, was.quartiers) THEN
        PERFORM gusp.check_commitment_sites(NEW);
    END IF;
    IF NEW.origin IS DISTINCT FROM was.origin AND gusp.caller_role() IS NOT NULL THEN
        PERFORM gusp.check_origin(NEW.origin);
    END IF;
    PERFORM gusp.check_commitment_texts(to_jsonb(NEW), to_jsonb(was), CASE WHEN moving THEN '/details/' ELSE '/' END);
    NEW.stage := CASE WHEN NEW.status = 'blocked' THEN 'blocked:' || NEW.blocked_from ELSE NEW.status END;
    NEW.workers := gusp.institutions_of(NEW.owner_actor_id || NEW.co_owners || NEW.executants);
    NEW.edited_by := CASE NEW.status
        WHEN 'draft' THEN ARRAY[CASE WHEN NEW.by_mandate THEN 'm:action_plan:' || NEW.programme_id
                                     ELSE 'i:' || NEW.author_institution_id END]
        WHEN 'proposed' THEN ARRAY['i:' || NEW.owner_institution_id, 'c:' || NEW.programme_id]
        ELSE ARRAY['i:' || NEW.owner_institution_id] END;
    IF NEW.status = 'draft' THEN
        NEW.seen_by := ARRAY(SELECT DISTINCT 'i:' || i
                             FROM unnest(ARRAY[NEW.author_institution_id, NEW.owner_institution_id]) AS i
                             ORDER BY 1);
        NEW.written_by := NEW.edited_by;
        RETURN NEW;
    END IF;
    NEW.seen_by := 'w:' || NEW.programme_id
        || ARRAY(SELECT 'q:' || q FROM unnest(NEW.quartiers) AS q)
        || ARRAY(SELECT DISTINCT 'i:' || i FROM unnest(NEW.author_institution_id || NEW.workers) AS i ORDER BY 1);
    -- Who may move it somewhere writes it; which steps are whose, move() says.
    NEW.written_by := NEW.edited_by
        || ARRAY['c:' || NEW.programme_id, 'n:' || NEW.programme_id, 'aw:' || NEW.programme_id]
        || ARRAY(SELECT 'aq:' || q FROM unnest(NEW.quartiers) AS q)
        || CASE WHEN NEW.by_mandate THEN ARRAY['m:action_plan:' || NEW.programme_id] ELSE '{}' END;
    RETURN NEW;
END $$;

-- Whether a committee found that a commitment is kept: it decided so after the
-- claim, its minutes are published, and somebody was there who had no part in
-- the work.
CREATE FUNCTION kept_says(meeting uuid, commitment uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM gusp.commitment AS c
        JOIN gusp.decision AS d ON d.target_id = c.id AND d.target_type = 'commitment'
        JOIN gusp.meeting AS m ON m.id = d.meeting_id
        JOIN gusp.attendance AS a ON a.meeting_id = m.id
        WHERE c.id = $2 AND d.meeting_id = $1 AND d.status = 'recorded' AND d.created_at > c.claimed_at
          AND m.kind IN ('tech_committee', 'steering_committee') AND m.status = 'minutes_published'
          AND a.kind = 'institution' AND a.status = 'active' AND a.present_count > 0
          AND NOT a.institution_id = ANY (c.workers));
END $$;

-- What the caller is to a commitment. Who works on it neither verifies it nor
-- decides on its dates. Then the city does; where it works itself another
-- institution, or to verify an association of the quartiers. The city then
-- only records what a committee found.
CREATE FUNCTION relations_to_commitment(c gusp.commitment) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    role text := gusp.caller_role();
    mine uuid := gusp.caller_institution();
    active boolean := role IN ('city', 'bailleur', 'association', 'institution');
    mandated boolean := c.by_mandate AND coalesce('m:action_plan:' || c.programme_id = ANY (gusp.pens()), false);
    here boolean := coalesce('aw:' || c.programme_id
        || ARRAY(SELECT 'aq:' || q FROM unnest(c.quartiers) AS q) && gusp.pens(), false);
    found text[] := array_remove(ARRAY[
        role,
        CASE WHEN (active OR mandated) AND mine = c.author_institution_id THEN 'author' END,
        CASE WHEN active AND mine = c.owner_institution_id THEN 'owner' END,
        CASE WHEN mine = ANY (c.workers) THEN 'worker' END], NULL);
BEGIN
    IF c.status = 'claimed' AND role = 'city' AND mine = ANY (c.workers) AND EXISTS (
        SELECT FROM gusp.decision AS d
        WHERE d.target_id = c.id AND d.target_type = 'commitment' AND gusp.kept_says(d.meeting_id, c.id)) THEN
        RETURN found || 'committee'::text;
    END IF;
    IF mine = ANY (c.workers) OR NOT (role IN ('city', 'institution') OR here) THEN
        RETURN found;
    END IF;
    IF role = 'city' THEN
        RETURN found || '{verifier,decider}';
    END IF;
    IF NOT EXISTS (SELECT FROM gusp.member AS m
                   WHERE m.programme_id = c.programme_id AND m.institution_id = ANY (c.workers)
                     AND m.role = 'city') THEN
        RETURN found;
    END IF;
    RETURN found || CASE WHEN role = 'institution' THEN '{verifier,decider}'::text[] ELSE '{verifier}' END;
END $$;

CREATE FUNCTION commitment_relations(record jsonb) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT gusp.relations_to_commitment(jsonb_populate_record(NULL::gusp.commitment, $1))
$$;

-- Costs ---------------------------------------------------------------------------

-- Amounts of a commitment and what it has to do with the TFPB abatement: seen
-- by its owner, the city, the other institutions and the auditors; a draft's,
-- by who sees the draft. Written by its owner, a draft's by its author.
CREATE TABLE commitment_cost (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    commitment_id uuid NOT NULL UNIQUE REFERENCES commitment,
    planned_cents bigint CHECK (planned_cents >= 0),
    actual_cents bigint CHECK (actual_cents >= 0),
    tfpb_eligible boolean NOT NULL DEFAULT false,
    tfpb_axis int CHECK (tfpb_axis BETWEEN 1 AND 8),
    tfpb_year int CHECK (tfpb_year BETWEEN 2001 AND 2200),
    status text NOT NULL DEFAULT 'active' CHECK (status = 'active'),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    CONSTRAINT tfpb_names_its_axis CHECK (NOT tfpb_eligible OR num_nonnulls(tfpb_axis, tfpb_year) = 2)
);
CALL protect('commitment_cost', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Keys of those who read the costs of a commitment that is no draft.
CREATE FUNCTION cost_keys(programme uuid, owner uuid) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['c:' || $1, 'i:' || $2, 'n:' || $1, 'u:' || $1]
$$;

CREATE FUNCTION prepare_commitment_cost() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    c gusp.commitment;
BEGIN
    SELECT * INTO c FROM gusp.commitment AS x WHERE x.id = NEW.commitment_id;
    NEW.programme_id := c.programme_id;
    IF c.status = 'draft' THEN
        NEW.seen_by := c.seen_by;
        NEW.written_by := c.edited_by;
    ELSE
        NEW.seen_by := gusp.cost_keys(c.programme_id, c.owner_institution_id);
        NEW.written_by := ARRAY['i:' || c.owner_institution_id];
    END IF;
    RETURN NEW;
END $$;

-- Costs follow their commitment out of its draft. What was said of the step is
-- not said of them.
CREATE FUNCTION spread_commitment_rights() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    comment text := current_setting('app.comment', true);
    reason text := current_setting('app.reason_code', true);
BEGIN
    PERFORM set_config('app.comment', '', true), set_config('app.reason_code', '', true);
    UPDATE commitment_cost AS k SET seen_by = k.seen_by WHERE k.commitment_id = NEW.id;
    PERFORM set_config('app.comment', coalesce(comment, ''), true),
            set_config('app.reason_code', coalesce(reason, ''), true);
    RETURN NULL;
END $$;
ALTER FUNCTION spread_commitment_rights() OWNER TO gusp_definer;
CREATE TRIGGER z_costs AFTER UPDATE ON commitment
    FOR EACH ROW WHEN (OLD.edited_by <> NEW.edited_by OR OLD.owner_institution_id <> NEW.owner_institution_id)
    EXECUTE FUNCTION spread_commitment_rights();

-- Internal notes ------------------------------------------------------------------

-- What an institution notes for itself about a commitment: one note for each,
-- the owner or not. Nobody else reads it, and no event repeats it.
CREATE TABLE commitment_note (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    commitment_id uuid NOT NULL REFERENCES commitment,
    institution_id uuid NOT NULL REFERENCES actor,
    internal_note text CHECK (length(internal_note) BETWEEN 1 AND 4000),
    status text NOT NULL DEFAULT 'active' CHECK (status = 'active'),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    UNIQUE (commitment_id, institution_id)
);
CALL protect('commitment_note', 'seen_by && (SELECT keys())', 'institution_id = (SELECT caller_institution())');

CREATE FUNCTION prepare_commitment_note() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gusp.refuse_personal(NEW.internal_note, '/internal_note');
    NEW.seen_by := ARRAY['i:' || NEW.institution_id];
    RETURN NEW;
END $$;

-- Evidence ------------------------------------------------------------------------

-- What shows that a promise was kept: a document with the digest it had when it
-- was filed, or what another system or a file of paper calls it. Invoices are
-- for those who read the costs.
CREATE TABLE evidence (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    commitment_id uuid NOT NULL REFERENCES commitment,
    kind text NOT NULL CHECK (kind IN ('photo_after', 'invoice', 'work_order', 'minutes', 'count', 'statement')),
    document_id uuid REFERENCES document,
    sha256 text,
    external_ref text CHECK (length(external_ref) BETWEEN 1 AND 200),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    note text CHECK (length(note) BETWEEN 1 AND 1000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'withdrawn')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    audience text[] NOT NULL,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    CONSTRAINT evidence_shows_something CHECK (num_nonnulls(document_id, external_ref) > 0)
);
CREATE INDEX evidence_commitment ON evidence (commitment_id, created_at, id);
CALL protect('evidence',
    'audience && (SELECT keys()) AND EXISTS (SELECT FROM commitment AS c WHERE c.id = evidence.commitment_id)',
    'written_by && (SELECT pens())');

CREATE FUNCTION prepare_evidence() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    c gusp.commitment;
BEGIN
    SELECT * INTO c FROM gusp.commitment AS x WHERE x.id = NEW.commitment_id;
    NEW.programme_id := c.programme_id;
    NEW.written_by := ARRAY['i:' || c.owner_institution_id];
    NEW.audience := CASE WHEN NEW.kind = 'invoice' THEN gusp.cost_keys(c.programme_id, c.owner_institution_id)
        ELSE ARRAY['p:' || c.programme_id] END;
    NEW.seen_by := CASE WHEN NEW.kind = 'invoice' THEN NEW.audience ELSE c.seen_by END;
    IF gusp.caller_role() IS NOT NULL AND NOT NEW.written_by && gusp.pens() THEN
        PERFORM gusp.refuse('403', 'forbidden');
    END IF;
    IF c.status NOT IN ('accepted', 'in_progress', 'blocked', 'claimed') THEN
        PERFORM gusp.refuse('409', 'commitment_not_open');
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.occurred_at > now() + interval '5 minutes' THEN
            PERFORM gusp.refuse('422', 'occurred_in_the_future', '{"pointer": "/occurred_at"}');
        END IF;
        PERFORM gusp.refuse_personal(NEW.note, '/note');
        SELECT d.sha256 INTO NEW.sha256 FROM gusp.document AS d WHERE d.id = NEW.document_id;
        -- An invoice is seen by nobody else as a document.
        IF NEW.kind = 'invoice' AND EXISTS (SELECT FROM gusp.document AS d
                                            WHERE d.id = NEW.document_id AND NOT d.seen_by <@ NEW.audience) THEN
            PERFORM gusp.refuse('422', 'invoice_is_open', '{"pointer": "/document_id"}');
        END IF;
    END IF;
    RETURN NEW;
END $$;

INSERT INTO transition (noun, from_state, to_state, position, who) VALUES
    ('evidence', 'active', 'withdrawn', 1, '{writer}');

-- Guards ----------------------------------------------------------------------------

CREATE FUNCTION guard_promise_is_whole(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT num_nonnulls($1 ->> 'deliverable', $1 ->> 'due_on') = 2 AND $1 -> 'quartiers' <> '[]'
$$;

-- Somebody can accept it.
CREATE FUNCTION guard_owner_is_member(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM gusp.member AS m
        WHERE m.programme_id = ($1 ->> 'programme_id')::uuid
          AND m.institution_id = ($1 ->> 'owner_institution_id')::uuid
          AND m.status = 'active'
          AND m.role IN ('city', 'bailleur', 'association', 'institution'))
$$;

CREATE FUNCTION guard_evidence_on_file(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM gusp.evidence AS e
                   WHERE e.commitment_id = ($1 ->> 'id')::uuid AND e.status = 'active')
$$;

-- What the TFPB abatement pays for is claimed with what it cost.
CREATE FUNCTION guard_actual_cost_known(record jsonb, request jsonb) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM gusp.commitment_cost AS k
                       WHERE k.commitment_id = ($1 ->> 'id')::uuid
                         AND k.tfpb_eligible AND k.actual_cents IS NULL)
$$;

-- What was not done is promised anew, by the same institution, or given up in
-- so many words.
CREATE FUNCTION guard_remainder_or_waiver(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    said jsonb := $2 -> 'details';
    rest gusp.commitment;
BEGIN
    IF said ->> 'outcome' = 'full' THEN
        RETURN num_nonnulls(said ->> 'remainder_id', said ->> 'waiver') = 0;
    END IF;
    IF said ->> 'remainder_id' IS NOT NULL THEN
        SELECT * INTO rest FROM gusp.commitment AS c WHERE c.id = (said ->> 'remainder_id')::uuid;
        IF NOT FOUND THEN
            PERFORM gusp.refuse('422', 'unknown_reference', '{"pointer": "/details/remainder_id"}');
        END IF;
        RETURN said ->> 'waiver' IS NULL AND rest.id <> ($1 ->> 'id')::uuid
           AND rest.owner_institution_id = ($1 ->> 'owner_institution_id')::uuid
           AND rest.status IN ('proposed', 'accepted', 'in_progress', 'blocked');
    END IF;
    RETURN said ->> 'waiver' IS NOT NULL;
END $$;

-- Another institution verifies; or a committee did, which is named.
CREATE FUNCTION guard_kept_says_another(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    meeting uuid := ($2 -> 'details' ->> 'meeting_id')::uuid;
BEGIN
    IF meeting IS NULL AND NOT 'verifier' = ANY (gusp.commitment_relations($1)) THEN
        PERFORM gusp.refuse('422', 'guard_meeting_id_required', '{"pointer": "/details/meeting_id"}');
    END IF;
    RETURN meeting IS NULL OR gusp.kept_says(meeting, ($1 ->> 'id')::uuid);
END $$;

-- To give up takes the owner's request, and a meeting that decided after it.
CREATE FUNCTION guard_abandonment_requested(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM gusp.revision AS r
                   WHERE r.commitment_id = ($1 ->> 'id')::uuid
                     AND r.kind = 'abandonment' AND r.status = 'requested');
END $$;

CREATE FUNCTION guard_abandonment_decided(record jsonb, request jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN gusp.decided(($2 -> 'details' ->> 'meeting_id')::uuid, 'commitment', ($1 ->> 'id')::uuid)
       AND EXISTS (SELECT FROM gusp.decision AS d
                   JOIN gusp.revision AS r ON r.commitment_id = d.target_id
                   WHERE d.target_id = ($1 ->> 'id')::uuid
                     AND d.meeting_id = ($2 -> 'details' ->> 'meeting_id')::uuid
                     AND d.status = 'recorded' AND d.created_at > r.created_at
                     AND r.kind = 'abandonment' AND r.status = 'requested');
END $$;

-- Effects ---------------------------------------------------------------------------

-- The day on which a step happened.
CREATE FUNCTION day_of(request jsonb) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((($1 ->> 'occurred_at')::timestamptz AT TIME ZONE 'Europe/Paris')::date, gusp.today())
$$;

CREATE FUNCTION step_commitment_accept(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('initial_due_on', $1 -> 'due_on', 'accepted_on', gusp.day_of($2))
$$;

CREATE FUNCTION step_commitment_decline(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('decline_reason', $2 -> 'details' -> 'decline_reason')
$$;

CREATE FUNCTION step_commitment_start(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('started_on', coalesce(($1 ->> 'started_on')::date, gusp.day_of($2)))
$$;

CREATE FUNCTION step_commitment_block(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('blocked_from', $1 -> 'status',
        'blocked_reason', $2 -> 'details' -> 'blocked_reason', 'review_on', $2 -> 'details' -> 'review_on')
$$;

CREATE FUNCTION step_commitment_unblock(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('blocked_from', NULL, 'blocked_reason', NULL, 'review_on', NULL)
$$;

CREATE FUNCTION step_commitment_claim(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('claimed_on', gusp.day_of($2), 'claimed_at', now(),
        'obtained_result', $2 -> 'details' -> 'obtained_result')
$$;

-- Where a committee verified, no actor did.
CREATE FUNCTION step_commitment_verify(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('verified_on', gusp.day_of($2),
        'verifier_actor_id', CASE WHEN m.id IS NULL THEN gusp.caller_actor() END,
        'verifier_institution_id', CASE WHEN m.id IS NULL THEN gusp.caller_institution() END,
        'decision_meeting_id', m.id, 'outcome', $2 -> 'details' -> 'outcome',
        'remainder_id', $2 -> 'details' -> 'remainder_id', 'waiver', $2 -> 'details' -> 'waiver')
    FROM (SELECT $2 -> 'details' ->> 'meeting_id' AS id) AS m
$$;

CREATE FUNCTION step_commitment_contest(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('claimed_on', NULL, 'claimed_at', NULL,
        'started_on', coalesce(($1 ->> 'started_on')::date, gusp.today()))
$$;

CREATE FUNCTION step_commitment_abandon(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT gusp.step_commitment_unblock($1, $2)
        || jsonb_build_object('abandoned_on', gusp.day_of($2), 'public_reason', $2 -> 'details' -> 'public_reason',
            'decision_meeting_id', $2 -> 'details' -> 'meeting_id')
$$;

CREATE FUNCTION step_commitment_supersede(record jsonb, request jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT gusp.step_commitment_unblock($1, $2)
        || jsonb_build_object('successor_id', $2 -> 'details' -> 'successor_id')
$$;

INSERT INTO transition (noun, from_state, to_state, position, who, needs, needs_details, guards, effect, denied) VALUES
    ('commitment', 'draft', 'proposed', 1, '{author}', '{}', '{}', '{promise_is_whole,owner_is_member}', NULL, '{}'),
    ('commitment', 'proposed', 'accepted', 1, '{owner}', '{}', '{}', '{}', 'commitment_accept', '{}'),
    ('commitment', 'proposed', 'declined', 2, '{owner}', '{}', '{decline_reason}', '{}', 'commitment_decline', '{}'),
    ('commitment', 'accepted', 'in_progress', 1, '{owner}', '{}', '{}', '{}', 'commitment_start', '{}'),
    ('commitment', 'accepted', 'blocked', 2, '{owner}', '{}', '{blocked_reason,review_on}',
        '{}', 'commitment_block', '{}'),
    ('commitment', 'accepted', 'claimed', 3, '{owner}', '{}', '{obtained_result}',
        '{evidence_on_file,actual_cost_known}', 'commitment_claim', '{}'),
    ('commitment', 'accepted', 'abandoned', 4, '{city}', '{}', '{public_reason,meeting_id}',
        '{abandonment_requested,abandonment_decided}', 'commitment_abandon', '{}'),
    ('commitment', 'accepted', 'superseded', 5, '{system}', '{}', '{successor_id}', '{}', 'commitment_supersede', '{}'),
    ('commitment', 'in_progress', 'blocked', 1, '{owner}', '{}', '{blocked_reason,review_on}',
        '{}', 'commitment_block', '{}'),
    ('commitment', 'in_progress', 'claimed', 2, '{owner}', '{}', '{obtained_result}',
        '{evidence_on_file,actual_cost_known}', 'commitment_claim', '{}'),
    ('commitment', 'in_progress', 'abandoned', 3, '{city}', '{}', '{public_reason,meeting_id}',
        '{abandonment_requested,abandonment_decided}', 'commitment_abandon', '{}'),
    ('commitment', 'in_progress', 'superseded', 4, '{system}', '{}', '{successor_id}',
        '{}', 'commitment_supersede', '{}'),
    ('commitment', 'blocked:accepted', 'accepted', 1, '{owner}', '{}', '{}', '{}', 'commitment_unblock', '{}'),
    ('commitment', 'blocked:accepted', 'abandoned', 2, '{city}', '{}', '{public_reason,meeting_id}',
        '{abandonment_requested,abandonment_decided}', 'commitment_abandon', '{}'),
    ('commitment', 'blocked:accepted', 'superseded', 3, '{system}', '{}', '{successor_id}',
        '{}', 'commitment_supersede', '{}'),
    ('commitment', 'blocked:in_progress', 'in_progress', 1, '{owner}', '{}', '{}', '{}', 'commitment_unblock', '{}'),
    ('commitment', 'blocked:in_progress', 'abandoned', 2, '{city}', '{}', '{public_reason,meeting_id}',
        '{abandonment_requested,abandonment_decided}', 'commitment_abandon', '{}'),
    ('commitment', 'blocked:in_progress', 'superseded', 3, '{system}', '{}', '{successor_id}',
        '{}', 'commitment_supersede', '{}'),
    ('commitment', 'claimed', 'verified', 1, '{verifier,committee}', '{}', '{outcome}',
        '{kept_says_another,remainder_or_waiver}', 'commitment_verify',
        '{"worker": "self_verification"}'),
    ('commitment', 'claimed', 'in_progress', 2, '{verifier}', '{comment}', '{}', '{}', 'commitment_contest',
        '{"worker": "self_verification"}'),
    ('commitment', 'claimed', 'superseded', 3, '{system}', '{}', '{successor_id}', '{}', 'commitment_supersede', '{}');

-- Making and correcting -------------------------------------------------------------

-- A draft with its costs, of the members of a request.
CREATE FUNCTION create_commitment(said jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO gusp.commitment AS c (programme_id, title, deliverable, beneficiaries, owner_actor_id, co_owners,
        executants, quartiers, sites, theme, sheet_id, origin, visibility, due_on, progress, expected_result,
        public_note, partner_note)
    SELECT gusp.caller_programme(), b.title, b.deliverable, b.beneficiaries, b.owner_actor_id,
           coalesce(b.co_owners, '{}'), coalesce(b.executants, '{}'), coalesce(b.quartiers, '{}'),
           coalesce(b.sites, '{}'), b.theme, b.sheet_id, coalesce(b.origin, '[]'), coalesce(b.visibility, 'partners'),
           b.due_on, coalesce(b.progress, 0), b.expected_result, b.public_note, b.partner_note
    FROM jsonb_populate_record(NULL::gusp.commitment, said - 'cost') AS b
    RETURNING c.id INTO made;
    INSERT INTO gusp.commitment_cost (commitment_id, planned_cents, actual_cents, tfpb_eligible, tfpb_axis, tfpb_year)
    SELECT made, k.planned_cents, k.actual_cents, coalesce(k.tfpb_eligible, false), k.tfpb_axis, k.tfpb_year
    FROM jsonb_populate_record(NULL::gusp.commitment_cost, coalesce(said -> 'cost', '{}')) AS k;
    RETURN made;
END $$;

-- A slip of the pen after acceptance: the owner says what it should have read,
-- and why. How often that happened shows in the record, both texts and the
-- reason in its history.
CREATE FUNCTION correct_commitment(id uuid, versions bigint[], said jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    c gusp.commitment;
BEGIN
    SELECT * INTO c FROM gusp.commitment AS x WHERE x.id = id;
    IF NOT FOUND THEN
        PERFORM refuse('404', 'not_found');
    END IF;
    IF NOT 'owner' = ANY (relations_to_commitment(c)) THEN
        PERFORM refuse('403', 'forbidden');
    END IF;
    IF versions IS NOT NULL AND NOT c.version = ANY (versions) THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    IF c.status NOT IN ('accepted', 'in_progress', 'blocked', 'claimed') THEN
        PERFORM refuse('409', 'commitment_not_open');
    END IF;
    PERFORM refuse_personal(said ->> 'reason', '/reason');
    PERFORM set_config('app.correcting', id::text, true), set_config('app.comment', said ->> 'reason', true);
    UPDATE gusp.commitment AS t
    SET (title, deliverable, sites, corrections_count) = (
        SELECT b.title, b.deliverable, coalesce(b.sites, '{}'),
               t.corrections_count
               + ((b.title, b.deliverable, b.sites) IS DISTINCT FROM (t.title, t.deliverable, t.sites))::int
        FROM jsonb_populate_record(t, said - 'reason') AS b)
    WHERE t.id = id AND t.version = c.version;
    IF NOT FOUND THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    PERFORM set_config('app.correcting', '', true), set_config('app.comment', '', true);
END $$;

-- Lists -------------------------------------------------------------------------------

-- Who sees which commitment, with what lists filter and sort by. A commitment
-- has several quartiers: one row for each key and each of them, and one for
-- all, whose quartier is nil. due_on is 'infinity' where nothing is due.
CREATE TABLE commitment_key (
    key text COLLATE "C" NOT NULL,
    quartier_id uuid NOT NULL,
    id uuid NOT NULL REFERENCES commitment,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    due_on date NOT NULL,
    due boolean NOT NULL,
    status text NOT NULL,
    owner_institution_id uuid NOT NULL,
    theme text,
    sheet_id uuid,
    visibility text NOT NULL,
    PRIMARY KEY (id, key, quartier_id)
);
CREATE INDEX commitment_key_created ON commitment_key (key, quartier_id, created_at DESC, id DESC);
CREATE INDEX commitment_key_updated ON commitment_key (key, quartier_id, updated_at DESC, id DESC);
CREATE INDEX commitment_key_due ON commitment_key (key, quartier_id, due_on, id);
CREATE INDEX commitment_key_late ON commitment_key (key, quartier_id, due_on, id) WHERE due;
CREATE INDEX commitment_key_status ON commitment_key (key, quartier_id, status, created_at DESC, id DESC);
CREATE INDEX commitment_key_owner ON commitment_key (key, quartier_id, owner_institution_id, created_at DESC, id DESC);
CREATE INDEX commitment_key_theme ON commitment_key (key, quartier_id, theme, created_at DESC, id DESC);
CREATE INDEX commitment_key_sheet ON commitment_key (key, quartier_id, sheet_id, created_at DESC, id DESC)
    WHERE sheet_id IS NOT NULL;
CREATE INDEX commitment_key_visibility ON commitment_key (key, quartier_id, visibility, created_at DESC, id DESC);
CALL protect('commitment_key', 'key = ANY ((SELECT keys())::text[])', NULL);
DROP POLICY auditor_select ON commitment_key;
CREATE POLICY auditor_select ON commitment_key FOR SELECT TO gusp_auditor
    USING (status <> 'draft' AND key = ANY ((SELECT keys())::text[]));

CREATE FUNCTION key_commitment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM commitment_key AS k WHERE k.id = NEW.id;
    END IF;
    INSERT INTO commitment_key (key, quartier_id, id, created_at, updated_at, due_on, due, status,
        owner_institution_id, theme, sheet_id, visibility)
    SELECT s.key, q.id, NEW.id, NEW.created_at, NEW.updated_at, coalesce(NEW.due_on, 'infinity'),
           is_due(NEW.status), NEW.status, NEW.owner_institution_id, NEW.theme, NEW.sheet_id, NEW.visibility
    FROM unnest(NEW.seen_by) AS s (key)
    CROSS JOIN unnest('00000000-0000-0000-0000-000000000000'::uuid || NEW.quartiers) AS q (id);
    RETURN NULL;
END $$;
ALTER FUNCTION key_commitment() OWNER TO gusp_definer;

-- Triggers ----------------------------------------------------------------------------

CALL keep('commitment', true, '{ref,title,deliverable}');
CALL keep('commitment_cost', true, NULL);
CALL keep('commitment_note', true, NULL);
CALL keep('evidence', true, NULL);
CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON commitment
    FOR EACH ROW EXECUTE FUNCTION check_references('owner_actor_id', 'actor', 'co_owners', 'actor',
        'executants', 'actor', 'quartiers', 'quartier', 'sites', 'site', 'sheet_id', 'action_sheet');
CREATE TRIGGER a_references_of_documents BEFORE INSERT ON evidence
    FOR EACH ROW EXECUTE FUNCTION check_references('document_id', 'document');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON commitment
    FOR EACH ROW EXECUTE FUNCTION check_terms('theme', 'themes');
CREATE TRIGGER w_key_created AFTER INSERT ON commitment
    FOR EACH ROW EXECUTE FUNCTION key_commitment();
CREATE TRIGGER w_key_changed AFTER UPDATE ON commitment
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_commitment();

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at', 'updated_by',
        'seen_by', 'written_by', 'edited_by', 'audience', 'stage', 'workers', 'by_mandate', 'origin', 'claimed_at',
        'internal_note') OR n.noun = 'commitment_cost' AND f = 'status' THEN 'kept'
    WHEN n.noun = 'commitment' AND f IN ('partner_note', 'blocked_reason', 'blocked_from', 'review_on',
        'decline_reason') THEN 'partner'
    ELSE 'public' END
FROM (VALUES
    ('commitment', '{
        id,programme_id,ref,title,deliverable,beneficiaries,author_institution_id,by_mandate,owner_actor_id,
        owner_institution_id,co_owners,executants,workers,quartiers,sites,theme,sheet_id,origin,visibility,
        due_on,initial_due_on,accepted_on,started_on,claimed_on,claimed_at,verified_on,verifier_actor_id,
        verifier_institution_id,decision_meeting_id,outcome,remainder_id,waiver,progress,expected_result,
        obtained_result,public_note,partner_note,decline_reason,blocked_from,blocked_reason,review_on,
        abandoned_on,public_reason,successor_id,corrections_count,status,stage,version,created_at,created_by,
        updated_at,updated_by,seen_by,written_by,edited_by}'::text[]),
    ('commitment_cost', '{
        id,programme_id,commitment_id,planned_cents,actual_cents,tfpb_eligible,tfpb_axis,tfpb_year,status,
        version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('commitment_note', '{
        id,programme_id,commitment_id,institution_id,internal_note,status,version,created_at,created_by,
        updated_at,updated_by,seen_by}'),
    ('evidence', '{
        id,programme_id,commitment_id,kind,document_id,sha256,external_ref,occurred_at,note,status,version,
        created_at,created_by,updated_at,updated_by,audience,seen_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

-- What meetings decide on, and documents show --------------------------------------------

-- As before, with sheets and commitments. Documents of the costs of one are
-- seen like these.
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
FROM commitment_cost AS k;

ALTER TABLE document DROP CONSTRAINT document_target_type_check,
    ADD CONSTRAINT document_target_type_check
        CHECK (target_type IN ('issue', 'meeting', 'action_sheet', 'commitment', 'commitment_cost'));
CREATE TRIGGER z_documents AFTER UPDATE ON action_sheet
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();
CREATE TRIGGER z_documents AFTER UPDATE ON commitment
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();
CREATE TRIGGER z_documents AFTER UPDATE ON commitment_cost
    FOR EACH ROW WHEN (OLD.seen_by IS DISTINCT FROM NEW.seen_by)
    EXECUTE FUNCTION spread_rights();

-- What is read --------------------------------------------------------------------------

CREATE VIEW commitment_cost_read WITH (security_invoker = true) AS
SELECT k.id, k.commitment_id, k.version, w.writable,
       json_build_object(
           'id', k.id,
           'commitment_id', k.commitment_id,
           'planned_cents', k.planned_cents,
           'actual_cents', k.actual_cents,
           'tfpb_eligible', k.tfpb_eligible,
           'tfpb_axis', k.tfpb_axis,
           'tfpb_year', k.tfpb_year,
           'version', k.version,
           'updated_at', instant(k.updated_at),
           'updated_by', k.updated_by
       ) AS body
FROM commitment_cost AS k
CROSS JOIN LATERAL (SELECT writes(k.written_by) AS writable) AS w;
GRANT SELECT ON commitment_cost_read TO gusp_member, gusp_auditor;

-- The caller's own note; version 0 while there is none.
CREATE VIEW commitment_note_read WITH (security_invoker = true) AS
SELECT c.id AS commitment_id, coalesce(n.version, 0) AS version,
       json_build_object(
           'commitment_id', c.id,
           'internal_note', n.internal_note,
           'version', coalesce(n.version, 0),
           'updated_at', instant(n.updated_at),
           'updated_by', n.updated_by
       ) AS body
FROM commitment AS c
LEFT JOIN commitment_note AS n ON n.commitment_id = c.id AND n.institution_id = caller_institution();
GRANT SELECT ON commitment_note_read TO gusp_member, gusp_auditor;

CREATE VIEW evidence_read WITH (security_invoker = true) AS
SELECT e.id, e.commitment_id, e.created_at, e.updated_at, e.version, w.writable,
       json_build_object(
           'id', e.id,
           'programme_id', e.programme_id,
           'commitment_id', e.commitment_id,
           'kind', e.kind,
           'document_id', e.document_id,
           'sha256', e.sha256,
           'external_ref', e.external_ref,
           'occurred_at', instant(e.occurred_at),
           'note', e.note,
           'status', e.status,
           'version', e.version,
           'created_at', instant(e.created_at),
           'created_by', e.created_by,
           'updated_at', instant(e.updated_at),
           'updated_by', e.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('evidence', e.status, '{writer}') ELSE '[]' END
       ) AS body
FROM evidence AS e
CROSS JOIN LATERAL (SELECT writes(e.written_by) AS writable) AS w;
GRANT SELECT ON evidence_read TO gusp_member, gusp_auditor;

-- Costs and the note are absent where the caller has none to read, what is for
-- partners where it is an association and not the owner.
CREATE VIEW commitment_read WITH (security_invoker = true) AS
SELECT c.id, c.programme_id, c.version, w.writable,
       (jsonb_build_object(
           'id', c.id,
           'programme_id', c.programme_id,
           'ref', c.ref,
           'title', c.title,
           'deliverable', c.deliverable,
           'beneficiaries', c.beneficiaries,
           'author_institution_id', c.author_institution_id,
           'owner_actor_id', c.owner_actor_id,
           'owner_institution_id', c.owner_institution_id,
           'co_owners', c.co_owners,
           'executants', c.executants,
           'quartiers', c.quartiers,
           'sites', c.sites,
           'theme', c.theme,
           'sheet_id', c.sheet_id,
           'origin', visible_origin(c.origin),
           'visibility', c.visibility,
           'initial_due_on', c.initial_due_on,
           'due_on', c.due_on,
           'late', coalesce(is_due(c.status) AND c.due_on < today(), false),
           'slippage_days', c.due_on - c.initial_due_on,
           'accepted_on', c.accepted_on,
           'started_on', c.started_on,
           'claimed_on', c.claimed_on,
           'verified_on', c.verified_on
       ) || jsonb_build_object(
           'verifier_actor_id', c.verifier_actor_id,
           'verifier_institution_id', c.verifier_institution_id,
           'decision_meeting_id', c.decision_meeting_id,
           'outcome', c.outcome,
           'remainder_id', c.remainder_id,
           'waiver', c.waiver,
           'progress', c.progress,
           'expected_result', c.expected_result,
           'obtained_result', c.obtained_result,
           'public_note', c.public_note,
           'abandoned_on', c.abandoned_on,
           'public_reason', c.public_reason,
           'successor_id', c.successor_id,
           'corrections_count', c.corrections_count,
           'status', c.status,
           'version', c.version,
           'created_at', instant(c.created_at),
           'created_by', c.created_by,
           'updated_at', instant(c.updated_at),
           'updated_by', c.updated_by,
           'allowed_transitions', allowed_transitions('commitment', c.stage, relations_to_commitment(c))
       ) || CASE WHEN 'partner' = ANY ((SELECT groups())::text[]) OR c.owner_institution_id = caller_institution()
            THEN jsonb_build_object('partner_note', c.partner_note, 'decline_reason', c.decline_reason,
                'blocked_from', c.blocked_from, 'blocked_reason', c.blocked_reason, 'review_on', c.review_on)
            ELSE '{}' END
         || coalesce((SELECT jsonb_build_object('cost', jsonb_build_object(
                          'planned_cents', k.planned_cents, 'actual_cents', k.actual_cents,
                          'tfpb_eligible', k.tfpb_eligible, 'tfpb_axis', k.tfpb_axis, 'tfpb_year', k.tfpb_year))
                      FROM commitment_cost AS k WHERE k.commitment_id = c.id), '{}')
         || coalesce((SELECT jsonb_build_object('internal_note', n.internal_note)
                      FROM commitment_note AS n
                      WHERE n.commitment_id = c.id AND n.institution_id = caller_institution()), '{}')
       ) AS body
FROM commitment AS c
CROSS JOIN LATERAL (SELECT writes(c.edited_by) AS writable) AS w;
GRANT SELECT ON commitment_read TO gusp_member, gusp_auditor;

-- The records whose events are a commitment's history, as far as the caller
-- sees them: its own and those beside it.
CREATE FUNCTION commitment_records(id uuid) RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT $1
        || ARRAY(SELECT k.id FROM gusp.commitment_cost AS k WHERE k.commitment_id = $1)
        || ARRAY(SELECT n.id FROM gusp.commitment_note AS n
                 WHERE n.commitment_id = $1 AND n.institution_id = gusp.caller_institution())
        || ARRAY(SELECT e.id FROM gusp.evidence AS e WHERE e.commitment_id = $1)
$$;

-- Words ---------------------------------------------------------------------------------

INSERT INTO vocabulary (name, label_fr, extensible) VALUES
    ('commitment_status', 'États d’un engagement', false),
    ('commitment_visibility', 'Visibilité d’un engagement', false),
    ('outcome', 'Résultats d’une vérification', false),
    ('origin_type', 'Origines d’un engagement', false),
    ('evidence_status', 'États d’une preuve', false);

INSERT INTO term (vocabulary, position, code, label_fr, label_fr_plain, definition_fr) VALUES
    ('commitment_status', 10, 'draft', 'Brouillon', 'En préparation',
        'Visible de qui le rédige et de qui le porterait, de personne d’autre.'),
    ('commitment_status', 20, 'proposed', 'Proposé', 'Proposé', 'Le porteur est sollicité ; lui seul peut accepter.'),
    ('commitment_status', 30, 'accepted', 'Engagé', 'Promis',
        'Le porteur s’engage ; la première échéance est fixée pour toujours.'),
    ('commitment_status', 40, 'in_progress', 'En cours', 'En cours', NULL),
    ('commitment_status', 50, 'blocked', 'Bloqué', 'Bloqué',
        'Arrêté, avec une cause et une date de réexamen ; l’échéance court toujours.'),
    ('commitment_status', 60, 'claimed', 'Déclaré réalisé', 'Dit fait',
        'Le porteur déclare avoir tenu, preuve à l’appui ; une autre institution vérifie.'),
    ('commitment_status', 70, 'verified', 'Vérifié', 'Fait', NULL),
    ('commitment_status', 80, 'declined', 'Refusé', 'Refusé', NULL),
    ('commitment_status', 90, 'abandoned', 'Abandonné', 'Abandonné',
        'Abandonné à la demande du porteur, par une décision motivée.'),
    ('commitment_status', 100, 'superseded', 'Remplacé par avenant', 'Remplacé', NULL),

    ('commitment_visibility', 10, 'public', 'Publique', 'Tout le monde', 'Peut être montré au public.'),
    ('commitment_visibility', 20, 'partners', 'Partenaires', 'Les partenaires',
        'Visible des membres des quartiers concernés.'),

    ('outcome', 10, 'full', 'Réalisé en entier', 'Tout est fait', NULL),
    ('outcome', 20, 'partial', 'Réalisé en partie', 'Une partie est faite',
        'Le reste fait l’objet d’un autre engagement ou d’un renoncement motivé.'),

    ('origin_type', 10, 'issue', 'Constat', 'Un constat', NULL),
    ('origin_type', 20, 'contribution', 'Contribution d’habitants', 'Une parole d’habitant', NULL),
    ('origin_type', 30, 'finding', 'Constat du diagnostic', 'Le diagnostic', NULL),
    ('origin_type', 40, 'decision', 'Décision de réunion', 'Une décision', NULL),

    ('evidence_status', 10, 'active', 'Versée', 'Montrée', NULL),
    ('evidence_status', 20, 'withdrawn', 'Retirée', 'Retirée', 'Versée par erreur ; elle ne prouve plus rien.');

CALL spread_terms();
