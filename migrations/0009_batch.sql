-- Issues gathered in the field without a network: a batch of observations,
-- posted once or many times, makes each issue once.

SET search_path = gusp, public;

-- The number that the reporter's own device gave an observation.
ALTER TABLE issue ADD client_ref uuid;
CREATE UNIQUE INDEX issue_client_ref ON issue (programme_id, reported_institution_id, client_ref)
    WHERE client_ref IS NOT NULL;
INSERT INTO field_group (noun, field, grp) VALUES ('issue', 'client_ref', 'kept');

-- The same instant with a counter in the twelve bits behind the version
-- (RFC 9562 6.2, method 1): what one request makes keeps its order.
CREATE FUNCTION uuid7(base uuid, n int) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(overlay(uuid_send($1)
        PLACING substring(int4send(x'7000'::int | ($2 & 4095)) FROM 3)
        FROM 7 FOR 2), 'hex')::uuid
$$;

-- What a new issue is made of: the members of a request, and of a batch's
-- items. origin is what it has if none is said. plpgsql, here and below,
-- because it keeps its plans from item to item.
CREATE FUNCTION create_issue(base uuid, said jsonb, origin text, OUT id uuid, OUT ref text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO gusp.issue AS i (id, programme_id, client_ref, title, description, personal_data_acknowledged,
        quartier_id, site_id, geometry, theme, category, component, severity, nature, origin_kind,
        occurred_at, visibility, recurrence_of_id, external_refs)
    SELECT base, gusp.caller_programme(), b.client_ref, b.title, b.description,
           coalesce((said ->> 'acknowledge_personal_data')::boolean, false),
           b.quartier_id, b.site_id, gusp.geometry_of(said -> 'geometry', '/geometry'),
           b.theme, b.category, b.component, b.severity, b.nature, coalesce(b.origin_kind, origin),
           coalesce(b.occurred_at, now()), coalesce(b.visibility, 'partners'), b.recurrence_of_id,
           coalesce(nullif(b.external_refs, 'null'), '[]')
    FROM jsonb_populate_record(NULL::gusp.issue, said - 'geometry') AS b
    RETURNING i.id, i.ref INTO create_issue.id, create_issue.ref;
END $$;

-- The origin of what a caller reports, where it says none.
CREATE FUNCTION caller_origin() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE gusp.caller_role()
        WHEN 'city' THEN 'city' WHEN 'bailleur' THEN 'bailleur' WHEN 'association' THEN 'association'
        WHEN 'institution' THEN 'institution' WHEN 'facilitator' THEN 'meeting' ELSE 'system' END
$$;

-- The caller's own issues of some numbers of its device: number -> {id, ref}.
CREATE FUNCTION issues_of_client_refs(refs uuid[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(i.client_ref, jsonb_build_object('id', i.id, 'ref', i.ref)), '{}')
    FROM gusp.issue AS i
    WHERE i.programme_id = gusp.caller_programme()
      AND i.reported_institution_id = gusp.caller_institution()
      AND i.client_ref = ANY ($1)
$$;

-- What a refused item is told: the code of a problem as the interface gives
-- it for one issue (classes of SQLSTATE: PostgreSQL 15, appendix A). What is
-- nobody's fault is no answer: the whole batch is to be sent again.
CREATE FUNCTION refusal_code(state text, message text, broken text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN $1 LIKE 'GU4%' THEN $2
        WHEN $1 = '23505' THEN 'already_exists'
        WHEN $1 = '23503' THEN 'unknown_reference'
        WHEN $1 = '23514' AND $3 IN ('personal_data_stays_internal', 'internal_before_work') THEN $3
        WHEN $1 LIKE '23%' THEN 'rule_broken'
        WHEN $1 LIKE '22%' THEN 'bad_value'
        WHEN $1 = '42501' THEN 'forbidden' END
$$;

-- Each item on its own: one that is refused undoes no other.
CREATE FUNCTION batch_issues(items jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    base uuid := gusp.uuid7();
    there jsonb := gusp.issues_of_client_refs(ARRAY(
        SELECT (i ->> 'client_ref')::uuid FROM jsonb_array_elements(items) AS i));
    results jsonb[] := '{}';
    item jsonb;
    number text;
    n int := 0;
    made record;
    result text;
    state text;
    message text;
    detail text;
    broken text;
    code text;
BEGIN
    FOR item IN SELECT i FROM jsonb_array_elements(items) AS i LOOP
        number := item ->> 'client_ref';
        result := CASE WHEN there ? number THEN 'existing' ELSE 'created' END;
        IF result = 'created' THEN
            BEGIN
                SELECT * INTO made FROM gusp.create_issue(gusp.uuid7(base, n), item, 'walk');
                there := there || jsonb_build_object(number, jsonb_build_object('id', made.id, 'ref', made.ref));
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, broken = CONSTRAINT_NAME;
                code := gusp.refusal_code(state, message, broken);
                IF code IS NULL THEN
                    RAISE;
                END IF;
                -- The same observation, posted twice at once?
                IF state = '23505' THEN
                    there := there || gusp.issues_of_client_refs(ARRAY[number::uuid]);
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
