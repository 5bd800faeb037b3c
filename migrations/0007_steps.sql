-- Life-cycles with more in them than a state: steps that take details, change
-- other columns, are forbidden for a reason of their own; and records that
-- more institutions move than may edit them.

SET search_path = gusp, public;

-- needs_details lists members that "details" must carry; effect names a
-- function step_<effect>(record jsonb, request jsonb) RETURNS jsonb, which gives
-- the columns that change with the state; denied maps a relation to the
-- problem (403) that tells its holder why the step is not its own.
ALTER TABLE transition
    ADD needs_details text[] NOT NULL DEFAULT '{}',
    ADD effect text,
    ADD denied jsonb NOT NULL DEFAULT '{}';

-- The state that a step leaves. Where coming back depends on where a record
-- came from, the record says so in a column "stage": on_hold:planned.
CREATE FUNCTION stage_of(record jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce($1 ->> 'stage', $1 ->> 'status')
$$;

CREATE OR REPLACE FUNCTION move(noun text, id uuid, versions bigint[], request jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    record jsonb;
    mine text[];
    step gusp.transition;
    wanted text := request ->> 'to';
    patch jsonb;
    moved boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM gusp.transition AS t WHERE t.noun = move.noun) THEN
        PERFORM refuse('422', 'unknown_transition');
    END IF;
    EXECUTE format('SELECT to_jsonb(t) FROM gusp.%I AS t WHERE t.id = $1', noun)
        INTO record USING id;
    IF record IS NULL THEN
        PERFORM refuse('404', 'not_found');
    END IF;
    mine := relations(noun, record);
    PERFORM check_mover(noun, wanted, mine);
    IF versions IS NOT NULL AND NOT (record ->> 'version')::bigint = ANY (versions) THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    SELECT * INTO step FROM gusp.transition AS t
    WHERE t.noun = move.noun AND t.from_state = stage_of(record) AND t.to_state = wanted;
    IF NOT FOUND THEN
        PERFORM refuse('409', 'transition_illegal', jsonb_build_object(
            'allowed_transitions', allowed_transitions(noun, stage_of(record), mine)));
    END IF;
    IF NOT step.who && mine THEN
        PERFORM refuse('403', denial(step, mine));
    END IF;
    PERFORM check_step(step, record, request);
    PERFORM set_config('app.moving', id::text, true),
            set_config('app.occurred_at', coalesce(request ->> 'occurred_at', ''), true),
            set_config('app.reason_code', coalesce(request ->> 'reason_code', ''), true),
            set_config('app.comment', coalesce(request ->> 'comment', ''), true);
    patch := jsonb_build_object('status', wanted);
    IF step.effect IS NOT NULL THEN
        EXECUTE format('SELECT $3 || gusp.%I($1, $2)', 'step_' || step.effect)
            INTO patch USING record, request, patch;
    END IF;
    EXECUTE (SELECT format('UPDATE gusp.%I AS t SET (%s) = (SELECT %s FROM jsonb_populate_record(t, $1) AS b) '
                           'WHERE t.id = $2 AND t.version = $3 RETURNING true', noun,
                           string_agg(format('%I', k), ', '), string_agg(format('b.%I', k), ', '))
             FROM jsonb_object_keys(patch) AS k)
        INTO moved USING patch, id, (record ->> 'version')::bigint;
    IF moved IS NULL THEN
        PERFORM refuse('412', 'precondition_failed');
    END IF;
    PERFORM set_config('app.moving', '', true);
END $$;

-- The problem that tells a caller why a step is not its own.
CREATE FUNCTION denial(step gusp.transition, relations text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(min(d.value), 'transition_forbidden')
    FROM jsonb_each_text(step.denied) AS d
    WHERE d.key = ANY ($2)
$$;

-- Whether a state is known to a noun, and some step to it is the caller's.
CREATE FUNCTION check_mover(noun text, wanted text, relations text[]) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    known boolean;
    mine boolean;
    code text;
BEGIN
    SELECT count(*) > 0, coalesce(bool_or(t.who && $3), false),
           coalesce(min(gusp.denial(t, $3)) FILTER (WHERE gusp.denial(t, $3) <> 'transition_forbidden'),
                    'transition_forbidden')
    INTO known, mine, code
    FROM gusp.transition AS t
    WHERE t.noun = $1 AND t.to_state = $2;
    IF NOT known THEN
        PERFORM refuse('422', 'unknown_transition', jsonb_build_object('pointer', '/to'));
    END IF;
    IF NOT mine THEN
        PERFORM refuse('403', code);
    END IF;
END $$;

-- What a step needs of its request, and its guards.
CREATE FUNCTION check_step(step gusp.transition, record jsonb, request jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    need text;
    guard text;
    holds boolean;
BEGIN
    FOREACH need IN ARRAY step.needs LOOP
        IF coalesce(request ->> need, '') = '' THEN
            PERFORM refuse('422', 'guard_' || need || '_required',
                jsonb_build_object('pointer', '/' || need));
        END IF;
    END LOOP;
    FOREACH need IN ARRAY step.needs_details LOOP
        IF coalesce(request -> 'details' ->> need, '[]') = '[]' THEN
            PERFORM refuse('422', 'guard_' || need || '_required',
                jsonb_build_object('pointer', '/details/' || need));
        END IF;
    END LOOP;
    FOREACH guard IN ARRAY step.guards LOOP
        EXECUTE format('SELECT gusp.%I($1, $2)', 'guard_' || guard) INTO holds USING record, request;
        IF holds IS NOT TRUE THEN
            PERFORM refuse('422', 'guard_' || guard);
        END IF;
    END LOOP;
    IF (request ->> 'occurred_at')::timestamptz > now() + interval '5 minutes' THEN
        PERFORM refuse('422', 'occurred_in_the_future', jsonb_build_object('pointer', '/occurred_at'));
    END IF;
    -- What is said of a step is remembered for good.
    PERFORM refuse_personal(request ->> 'comment', '/comment');
END $$;

-- More keys and pens: the city's and the auditors' own, for what is
-- confidential; those of the associations of a quartier and of the other
-- institutions, for what they verify and contest.
--   c:<programme>    (key) the city          u:<programme>  (key) auditors
--   aq:<quartier>, aw:<programme>  (both) associations there, or everywhere
--   n:<programme>    (pen) institutions: State, agglomeration, funders
CREATE OR REPLACE FUNCTION prepare_member() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.actor_id <> OLD.actor_id OR NEW.role <> OLD.role) THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.to_on IS NULL AND NEW.to_on IS NOT NULL
       AND NOT gusp.guard_not_last_city(to_jsonb(OLD), NULL) THEN
        PERFORM gusp.refuse('422', 'guard_not_last_city', '{"pointer": "/to_on"}');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.from_on > OLD.from_on AND NEW.from_on > (now() AT TIME ZONE 'Europe/Paris')::date
       AND NOT gusp.guard_not_last_city(to_jsonb(OLD), NULL) THEN
        PERFORM gusp.refuse('422', 'guard_not_last_city', '{"pointer": "/from_on"}');
    END IF;
    SELECT a.institution_id INTO NEW.institution_id FROM gusp.actor AS a WHERE a.id = NEW.actor_id;
    IF NEW.programme_id IS NULL THEN
        NEW.keys := '{admin}';
        NEW.pens := '{*}';
        NEW.groups := '{}';
        NEW.written_by := '{}';
        RETURN NEW;
    END IF;
    NEW.keys := ARRAY['p:' || NEW.programme_id, 'i:' || NEW.institution_id]
        || CASE WHEN NEW.quartiers = '{}' THEN ARRAY['w:' || NEW.programme_id]
                ELSE ARRAY(SELECT 'q:' || q FROM unnest(NEW.quartiers) AS q) END
        || CASE NEW.role
            WHEN 'city' THEN ARRAY['c:' || NEW.programme_id]
            WHEN 'auditor' THEN ARRAY['u:' || NEW.programme_id]
            WHEN 'association' THEN
                CASE WHEN NEW.quartiers = '{}' THEN ARRAY['aw:' || NEW.programme_id]
                     ELSE ARRAY(SELECT 'aq:' || q FROM unnest(NEW.quartiers) AS q) END
            ELSE '{}' END;
    NEW.pens := CASE NEW.role
        WHEN 'city' THEN ARRAY['c:' || NEW.programme_id, 'i:' || NEW.institution_id]
        WHEN 'bailleur' THEN ARRAY['i:' || NEW.institution_id, 'b:' || NEW.institution_id]
        WHEN 'association' THEN 'i:' || NEW.institution_id
            || CASE WHEN NEW.quartiers = '{}' THEN ARRAY['aw:' || NEW.programme_id]
                    ELSE ARRAY(SELECT 'aq:' || q FROM unnest(NEW.quartiers) AS q) END
        WHEN 'institution' THEN ARRAY['i:' || NEW.institution_id, 'n:' || NEW.programme_id]
        WHEN 'facilitator' THEN ARRAY(SELECT 'm:' || s || ':' || NEW.programme_id
                                      FROM unnest(NEW.mandate_scope) AS s)
        ELSE '{}' END;
    NEW.groups := CASE NEW.role
        WHEN 'association' THEN ARRAY['public', 'personal']
        WHEN 'auditor' THEN ARRAY['public', 'partner', 'cost']
        WHEN 'city' THEN ARRAY['public', 'partner', 'personal', 'cost']
        WHEN 'institution' THEN ARRAY['public', 'partner', 'personal', 'cost']
        ELSE ARRAY['public', 'partner', 'personal'] END;
    -- A mandate never reaches the memberships that hold power over others, nor
    -- others of the same institutions: those would open what these keep inside.
    NEW.written_by := CASE WHEN NEW.role IN ('city', 'facilitator', 'auditor')
        OR EXISTS (SELECT FROM gusp.member AS b
                   WHERE b.programme_id = NEW.programme_id AND b.institution_id = NEW.institution_id
                     AND b.role IN ('city', 'facilitator', 'auditor') AND b.status = 'active')
        THEN ARRAY['c:' || NEW.programme_id]
        ELSE ARRAY['c:' || NEW.programme_id, 'm:member:' || NEW.programme_id] END;
    RETURN NEW;
END $$;

-- Of the memberships there are: no change that anybody made, so no event.
ALTER TABLE member DISABLE TRIGGER USER;
ALTER TABLE member ENABLE TRIGGER b_prepare;
UPDATE member SET keys = keys;
ALTER TABLE member ENABLE TRIGGER USER;
