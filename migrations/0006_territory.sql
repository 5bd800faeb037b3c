-- The territory: quartiers with what is said of them, sites with who owns
-- and manages them, and the rules that name who answers for what.

SET search_path = gusp, public;

-- Personal data -------------------------------------------------------------------

-- Whether a free text seems to hold what names a person: an e-mail address,
-- a French telephone number, a social security number or a number plate.
-- Rather too few than too many: a refused sentence teaches people to lie.
CREATE FUNCTION looks_personal(text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        $1 ~* '[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}'
        -- 01 99 00 00 01, 01.99.00.00.01, +33 (0)1 99 00 00 01; the same
        -- separator throughout, so that dates and amounts pass.
        OR $1 ~ '(?<![0-9])0[1-9]([ ./\u00a0\u202f-]?)[0-9]{2}(\1[0-9]{2}){3}(?![0-9])'
        OR $1 ~ '(?<![0-9])(\+|00)(33|262|508|590|594|596|681|687|689)[ .\u00a0\u202f-]?(\(0\))?[ .\u00a0\u202f-]?[0-9]([ .\u00a0\u202f-]?[0-9]{2}){3,4}(?![0-9])'
        -- sex, year, month, department, commune, order, key
        OR $1 ~ '(?<![0-9])[1-478][ \u00a0]?[0-9]{2}[ \u00a0]?(0[1-9]|[1-9][0-9])[ \u00a0]?([0-9]{2}|2[AB])[ \u00a0]?[0-9]{3}[ \u00a0]?[0-9]{3}([ \u00a0]?[0-9]{2})?(?![0-9])'
        -- plates of today, with hyphens in any case, else in capitals
        OR $1 ~* '(?<![a-z0-9-])[a-hj-np-tv-z]{2}-[0-9]{3}-[a-hj-np-tv-z]{2}(?![a-z0-9-])'
        OR $1 ~ '(?<![[:alnum:]])[A-HJ-NP-TV-Z]{2} ?[0-9]{3} ?[A-HJ-NP-TV-Z]{2}(?![[:alnum:]])'
        -- plates of before 2009
        OR $1 ~ '(?<![[:alnum:]])[0-9]{2,4}[ -](?!HLM)[A-HJ-NP-TV-Z]{2,3}[ -](0[1-9]|[1-8][0-9]|9[0-5]|2[AB]|97[1-8])(?![[:alnum:]])',
        false)
$$;

CREATE FUNCTION refuse_personal(words text, pointer text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF gusp.looks_personal(words) THEN
        PERFORM gusp.refuse('422', 'personal_data_suspected', jsonb_build_object('pointer', pointer));
    END IF;
END $$;

-- Cells -----------------------------------------------------------------------------

-- A place as one number: longitude and latitude scaled to 26 bits each, about
-- half a metre, and interleaved (Z-order). Near places are mostly near
-- numbers, and bigint comparisons are leakproof, unlike the operators of
-- PostGIS: so they reach an index under row-level security.

-- The bits of a number at every other place.
CREATE FUNCTION spread(bits bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    bits := (bits | (bits << 16)) & x'0000FFFF0000FFFF'::bigint;
    bits := (bits | (bits << 8)) & x'00FF00FF00FF00FF'::bigint;
    bits := (bits | (bits << 4)) & x'0F0F0F0F0F0F0F0F'::bigint;
    bits := (bits | (bits << 2)) & x'3333333333333333'::bigint;
    RETURN (bits | (bits << 1)) & x'5555555555555555'::bigint;
END $$;

-- The column and the row of a position, each of 2^26.
CREATE FUNCTION cell_column(lon double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT least(greatest(floor(($1 + 180) / 360 * 67108864)::bigint, 0), 67108863)
$$;

CREATE FUNCTION cell_row(lat double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT least(greatest(floor(($1 + 90) / 180 * 67108864)::bigint, 0), 67108863)
$$;

-- The cell of a geometry's centroid.
CREATE FUNCTION cell_of(geometry) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    centre public.geometry := public.ST_Centroid($1);
BEGIN
    RETURN gusp.spread(gusp.cell_column(public.ST_X(centre)))
        | (gusp.spread(gusp.cell_row(public.ST_Y(centre))) << 1);
END $$;

-- "minLon,minLat,maxLon,maxLat" as a box, or a refusal.
CREATE FUNCTION box_of(bbox text) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    n double precision[];
BEGIN
    IF bbox ~ '^(-?[0-9]{1,3}(\.[0-9]{1,20})?(,(?=.)|$)){4}$' THEN
        n := string_to_array(bbox, ',')::double precision[];
    END IF;
    IF n[1] < n[3] AND n[2] < n[4] AND n[1] >= -180 AND n[3] <= 180
       AND n[2] >= -90 AND n[4] <= 90 THEN
        RETURN public.ST_MakeEnvelope(n[1], n[2], n[3], n[4], 4326);
    END IF;
    PERFORM gusp.refuse('400', 'invalid_bbox');
END $$;

-- The ranges of cells, at most 16, that hold every point of a box; and some
-- outside of it, so that the point itself must still be compared. The squares
-- are the smallest of which four cover the box in each direction.
CREATE FUNCTION bbox_cells(bbox text) RETURNS TABLE (lo bigint, hi bigint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 16 AS $$
DECLARE
    box public.geometry := gusp.box_of(bbox);
    west bigint := gusp.cell_column(public.ST_XMin(box));
    east bigint := gusp.cell_column(public.ST_XMax(box));
    south bigint := gusp.cell_row(public.ST_YMin(box));
    north bigint := gusp.cell_row(public.ST_YMax(box));
    size int := 0;
BEGIN
    WHILE (east >> size) - (west >> size) > 3 OR (north >> size) - (south >> size) > 3 LOOP
        size := size + 1;
    END LOOP;
    -- Squares that follow one another are one range.
    RETURN QUERY
    SELECT min(s.at) << (2 * size), ((max(s.at) + 1) << (2 * size)) - 1
    FROM (SELECT z.at, z.at - row_number() OVER (ORDER BY z.at) AS run
          FROM (SELECT gusp.spread(x) | (gusp.spread(y) << 1) AS at
                FROM generate_series(west >> size, east >> size) AS x,
                     generate_series(south >> size, north >> size) AS y) AS z) AS s
    GROUP BY s.run
    ORDER BY 1;
END $$;

-- Quartiers -------------------------------------------------------------------------

-- A name as an address: lower case, without accents, words joined by hyphens.
CREATE FUNCTION slug_of(text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT trim(BOTH '-' FROM regexp_replace(lower(gusp.unaccented($1)), '[^a-z0-9]+', '-', 'g'))
$$;

-- statuses are the legal ones, each with its period and, where the State gave
-- one, its code: {scheme, code?, from_on, to_on?}. A quartier keeps the codes
-- of all generations.
CREATE TABLE quartier (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    slug text NOT NULL CONSTRAINT slug_invalid CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    aliases text[] NOT NULL DEFAULT '{}' CHECK (cardinality(aliases) <= 50),
    statuses jsonb NOT NULL DEFAULT '[]',
    perimeter geometry(MultiPolygon, 4326),
    population jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    UNIQUE (programme_id, slug),
    CONSTRAINT qpv_code_invalid CHECK (
        NOT jsonb_path_exists(statuses, '$[*] ? (@.scheme == "qpv2015" && @.code <> null
            && !(@.code like_regex "^QP([0-9]{3}|02[AB])[0-9]{3}$"))')
        AND NOT jsonb_path_exists(statuses, '$[*] ? (@.scheme == "qpv2024" && @.code <> null
            && !(@.code like_regex "^QN([0-9]{3}|02[AB])[0-9]{2}[NMI]$"))')),
    CONSTRAINT quartier_status_ends_after_start CHECK (
        NOT jsonb_path_exists(statuses, '$[*] ? (@.to_on < @.from_on)'))
);
CREATE INDEX quartier_list ON quartier (programme_id, name, id);
CREATE INDEX quartier_recent ON quartier (programme_id, updated_at DESC, id DESC);
CALL protect('quartier', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_quartier() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.slug := coalesce(NEW.slug, gusp.slug_of(NEW.name));
    NEW.seen_by := ARRAY['w:' || NEW.programme_id, 'q:' || NEW.id];
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:quartier:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- What is said of a quartier on a day, under a theme. An internal statement
-- is seen by the institution alone that made it.
CREATE TABLE context (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    quartier_id uuid NOT NULL,
    institution_id uuid,
    theme text NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    as_of_on date NOT NULL,
    visibility text NOT NULL DEFAULT 'partners' CHECK (visibility IN ('public', 'partners', 'internal')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id)
);
CREATE INDEX context_list ON context (quartier_id, as_of_on DESC, id DESC);
CREATE INDEX context_recent ON context (quartier_id, updated_at DESC, id DESC);
CALL protect('context', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_context() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.institution_id := coalesce(gusp.caller_institution(), NEW.institution_id);
    ELSIF NEW.quartier_id <> OLD.quartier_id OR NEW.institution_id IS DISTINCT FROM OLD.institution_id THEN
        PERFORM gusp.refuse('422', 'immutable_field');
    END IF;
    IF TG_OP = 'INSERT' OR NEW.text <> OLD.text THEN
        PERFORM gusp.refuse_personal(NEW.text, '/text');
    END IF;
    NEW.seen_by := CASE WHEN NEW.visibility = 'internal' THEN ARRAY['i:' || NEW.institution_id]
        ELSE ARRAY['w:' || NEW.programme_id, 'q:' || NEW.quartier_id] END;
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:quartier:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- Sites -----------------------------------------------------------------------------

-- A place that somebody owns and somebody keeps: a residence, a square, an
-- îlot with its parts below it. Tenure says under which law, and with owner
-- and manager who may write here: a bailleur its own patrimony, the city all
-- that is not a bailleur's.
CREATE TABLE site (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    quartier_id uuid NOT NULL,
    parent_id uuid,
    kind text NOT NULL CHECK (kind IN ('residence', 'building', 'entrance', 'block', 'outdoor',
        'road', 'facility', 'parking', 'play_area')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address text CHECK (length(address) BETWEEN 1 AND 500),
    geometry geometry(Geometry, 4326),
    owner_actor_id uuid,
    manager_actor_id uuid,
    tenure text NOT NULL DEFAULT 'unknown' CHECK (tenure IN ('public_city', 'public_epci',
        'public_other', 'bailleur_private', 'condominium', 'mixed', 'unknown')),
    tenure_source text CHECK (length(tenure_source) BETWEEN 1 AND 500),
    dwellings int CHECK (dwellings BETWEEN 0 AND 100000),
    dwellings_tfpb_eligible int CHECK (dwellings_tfpb_eligible >= 0),
    condition text CHECK (condition IN ('good', 'worn', 'degraded', 'severe')),
    condition_as_of_on date,
    sensitive_note text CHECK (length(sensitive_note) BETWEEN 1 AND 4000),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    seen_by text[] NOT NULL,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    UNIQUE (quartier_id, id),
    FOREIGN KEY (programme_id, quartier_id) REFERENCES quartier (programme_id, id),
    CONSTRAINT site_parts_share_its_quartier
        FOREIGN KEY (quartier_id, parent_id) REFERENCES site (quartier_id, id),
    FOREIGN KEY (programme_id, owner_actor_id) REFERENCES actor (programme_id, id),
    FOREIGN KEY (programme_id, manager_actor_id) REFERENCES actor (programme_id, id),
    CONSTRAINT bailleur_private_needs_owner CHECK (tenure <> 'bailleur_private' OR owner_actor_id IS NOT NULL),
    CONSTRAINT tfpb_eligible_within_dwellings CHECK (
        dwellings_tfpb_eligible IS NULL OR coalesce(dwellings_tfpb_eligible <= dwellings, false))
);
CREATE INDEX site_quartier ON site (quartier_id, parent_id);
CREATE INDEX site_place ON site USING gist (geometry);
CALL protect('site', 'seen_by && (SELECT keys())', 'written_by && (SELECT pens())');

-- Who may say whose a site is: its owner, and the city unless the owner's law
-- rules there. Who only keeps a site has no say in it.
CREATE FUNCTION title_pens(programme uuid, owner uuid, tenure text) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT 'b:' || a.institution_id FROM gusp.actor AS a WHERE a.id = $2)
        || CASE WHEN $3 = 'bailleur_private' THEN '{}' ELSE ARRAY['c:' || $1] END
$$;

CREATE FUNCTION prepare_site() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- Owner and tenure change by their old owner's word; patrimony is declared
    -- by its owner alone. Without a caller pens() is null, and nothing refused.
    IF TG_OP = 'INSERT' OR NEW.owner_actor_id IS DISTINCT FROM OLD.owner_actor_id OR NEW.tenure <> OLD.tenure THEN
        IF TG_OP = 'UPDATE'
           AND NOT gusp.title_pens(OLD.programme_id, OLD.owner_actor_id, OLD.tenure) && gusp.pens() THEN
            PERFORM gusp.refuse('403', 'forbidden');
        END IF;
        IF NEW.tenure = 'bailleur_private' AND NEW.owner_actor_id IS NOT NULL
           AND NOT gusp.title_pens(NEW.programme_id, NEW.owner_actor_id, NEW.tenure) && gusp.pens() THEN
            PERFORM gusp.refuse('403', 'forbidden');
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.sensitive_note IS DISTINCT FROM OLD.sensitive_note THEN
        PERFORM gusp.refuse_personal(NEW.sensitive_note, '/sensitive_note');
    END IF;
    NEW.seen_by := ARRAY['w:' || NEW.programme_id, 'q:' || NEW.quartier_id];
    NEW.written_by := ARRAY(
            SELECT DISTINCT 'b:' || a.institution_id
            FROM gusp.actor AS a
            WHERE a.id IN (NEW.owner_actor_id, NEW.manager_actor_id)
            ORDER BY 1)
        || CASE WHEN NEW.tenure = 'bailleur_private' THEN '{}'
                ELSE ARRAY['c:' || NEW.programme_id] END;
    RETURN NEW;
END $$;

-- A part lies in the quartier of the whole, and no site is part of itself.
-- Those who move parts of one quartier wait for each other.
CREATE FUNCTION check_site_parent() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.quartier_id <> OLD.quartier_id
       AND EXISTS (SELECT FROM gusp.site AS s WHERE s.quartier_id = OLD.quartier_id AND s.parent_id = NEW.id) THEN
        PERFORM gusp.refuse('422', 'site_has_parts', '{"pointer": "/quartier_id"}');
    END IF;
    IF NEW.parent_id IS NULL THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('site parts ' || NEW.quartier_id, 0));
    IF NOT EXISTS (SELECT FROM gusp.site AS s
                   WHERE s.id = NEW.parent_id AND s.quartier_id = NEW.quartier_id) THEN
        PERFORM gusp.refuse('422', 'parent_in_another_quartier', '{"pointer": "/parent_id"}');
    END IF;
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT s.id, s.parent_id FROM gusp.site AS s WHERE s.id = NEW.parent_id
            UNION
            SELECT s.id, s.parent_id FROM gusp.site AS s JOIN above ON s.id = above.parent_id)
        SELECT FROM above WHERE above.id = NEW.id) THEN
        PERFORM gusp.refuse('422', 'parent_cycle', '{"pointer": "/parent_id"}');
    END IF;
    RETURN NEW;
END $$;

-- Who sees which site, with what lists filter and sort by: one row a key. A
-- caller holds either the key of the whole programme or those of quartiers,
-- never both, and so finds each site once.
CREATE TABLE site_key (
    key text COLLATE "C" NOT NULL,
    status text NOT NULL,
    name text NOT NULL,
    updated_at timestamptz NOT NULL,
    id uuid NOT NULL REFERENCES site,
    quartier_id uuid NOT NULL,
    parent_id uuid,
    kind text NOT NULL,
    tenure text NOT NULL,
    owner_actor_id uuid,
    manager_actor_id uuid,
    condition text,
    cell bigint,
    PRIMARY KEY (id, key)
);
CREATE INDEX site_key_name ON site_key (key, status, name, id);
CREATE INDEX site_key_recent ON site_key (key, status, updated_at DESC, id DESC);
CREATE INDEX site_key_quartier ON site_key (key, quartier_id, status, name, id);
CREATE INDEX site_key_quartier_recent ON site_key (key, quartier_id, status, updated_at DESC, id DESC);
CREATE INDEX site_key_owner ON site_key (key, owner_actor_id, status, name, id);
CREATE INDEX site_key_owner_recent ON site_key (key, owner_actor_id, status, updated_at DESC, id DESC);
CREATE INDEX site_key_manager ON site_key (key, manager_actor_id, status, name, id);
CREATE INDEX site_key_manager_recent ON site_key (key, manager_actor_id, status, updated_at DESC, id DESC);
CREATE INDEX site_key_kind ON site_key (key, kind, status, name, id);
CREATE INDEX site_key_kind_recent ON site_key (key, kind, status, updated_at DESC, id DESC);
CREATE INDEX site_key_tenure ON site_key (key, tenure, status, name, id);
CREATE INDEX site_key_tenure_recent ON site_key (key, tenure, status, updated_at DESC, id DESC);
CREATE INDEX site_key_condition ON site_key (key, condition, status, name, id);
CREATE INDEX site_key_condition_recent ON site_key (key, condition, status, updated_at DESC, id DESC);
CREATE INDEX site_key_parent ON site_key (key, parent_id, status, name, id) WHERE parent_id IS NOT NULL;
CALL protect('site_key', 'key = ANY ((SELECT keys())::text[])', NULL);

CREATE FUNCTION key_site() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
BEGIN
    DELETE FROM site_key AS k WHERE k.id = NEW.id AND NOT k.key = ANY (NEW.seen_by);
    INSERT INTO site_key (key, status, name, updated_at, id, quartier_id, parent_id, kind, tenure,
        owner_actor_id, manager_actor_id, condition, cell)
    SELECT s.key, NEW.status, NEW.name, NEW.updated_at, NEW.id, NEW.quartier_id, NEW.parent_id,
           NEW.kind, NEW.tenure, NEW.owner_actor_id, NEW.manager_actor_id, NEW.condition,
           cell_of(NEW.geometry)
    FROM unnest(NEW.seen_by) AS s (key)
    ON CONFLICT (id, key) DO UPDATE
    SET (status, name, updated_at, quartier_id, parent_id, kind, tenure, owner_actor_id,
         manager_actor_id, condition, cell) = (
        excluded.status, excluded.name, excluded.updated_at, excluded.quartier_id,
        excluded.parent_id, excluded.kind, excluded.tenure, excluded.owner_actor_id,
        excluded.manager_actor_id, excluded.condition, excluded.cell);
    RETURN NULL;
END $$;
ALTER FUNCTION key_site() OWNER TO gusp_definer;

-- The caller's sites that touch a box. A site may be large, so its cell does
-- not tell; and the caller's own policies would keep PostGIS from its index.
-- Hence other rights than the caller's, with its keys.
CREATE FUNCTION sites_in(bbox text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 200
SET search_path = gusp, public, pg_temp AS $$
    SELECT s.id
    FROM (SELECT box_of($1) AS shape OFFSET 0) AS box
    JOIN site AS s ON ST_Intersects(s.geometry, box.shape)
    WHERE s.seen_by && (SELECT keys())
$$;
ALTER FUNCTION sites_in(text) OWNER TO gusp_definer;

-- Rules of responsibility -----------------------------------------------------------

-- Who leads, and within which time, on what matches: a site, a tenure, a
-- kind of site, a theme, a category; all that are named must match. Of
-- several rules the one of highest priority counts.
CREATE TABLE rule (
    id uuid PRIMARY KEY DEFAULT uuid7(),
    programme_id uuid NOT NULL REFERENCES programme,
    match_site_id uuid,
    match_tenure text CHECK (match_tenure IN ('public_city', 'public_epci', 'public_other',
        'bailleur_private', 'condominium', 'mixed', 'unknown')),
    match_kind text CHECK (match_kind IN ('residence', 'building', 'entrance', 'block', 'outdoor',
        'road', 'facility', 'parking', 'play_area')),
    match_theme text,
    match_category text,
    lead_actor_id uuid NOT NULL,
    contributors uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(contributors) <= 20),
    target_days int CHECK (target_days BETWEEN 1 AND 3650),
    calendar text NOT NULL DEFAULT 'working' CHECK (calendar IN ('working', 'calendar')),
    priority int NOT NULL DEFAULT 0,
    valid_from_on date,
    valid_to_on date,
    source text CHECK (length(source) BETWEEN 1 AND 500),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    updated_at timestamptz NOT NULL,
    updated_by uuid,
    written_by text[] NOT NULL,
    UNIQUE (programme_id, id),
    FOREIGN KEY (programme_id, match_site_id) REFERENCES site (programme_id, id),
    FOREIGN KEY (programme_id, lead_actor_id) REFERENCES actor (programme_id, id),
    CONSTRAINT rule_matches_nothing CHECK (
        num_nonnulls(match_site_id, match_tenure, match_kind, match_theme, match_category) > 0),
    CONSTRAINT lead_is_no_contributor CHECK (NOT lead_actor_id = ANY (contributors)),
    CONSTRAINT rule_valid_to_after_from CHECK (valid_to_on >= valid_from_on)
);
CREATE INDEX rule_list ON rule (programme_id, priority DESC, id DESC);
CREATE INDEX rule_recent ON rule (programme_id, updated_at DESC, id DESC);
CREATE INDEX rule_site ON rule (match_site_id) WHERE match_site_id IS NOT NULL;
CALL protect('rule', 'programme_id = (SELECT caller_programme())', 'written_by && (SELECT pens())');

CREATE FUNCTION prepare_rule() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_by := ARRAY['c:' || NEW.programme_id, 'm:rule:' || NEW.programme_id];
    RETURN NEW;
END $$;

-- Triggers ------------------------------------------------------------------------

CALL keep('quartier', true, '{name,aliases}');
CALL keep('context', true, NULL);
CALL keep('site', true, '{name,address}');
CALL keep('rule', true, NULL);

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON context
    FOR EACH ROW EXECUTE FUNCTION check_references('quartier_id', 'quartier');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON context
    FOR EACH ROW EXECUTE FUNCTION check_terms('theme', 'themes');

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON site
    FOR EACH ROW EXECUTE FUNCTION check_references('quartier_id', 'quartier', 'parent_id', 'site',
        'owner_actor_id', 'actor', 'manager_actor_id', 'actor');
CREATE TRIGGER c_parent BEFORE INSERT OR UPDATE OF parent_id, quartier_id ON site
    FOR EACH ROW EXECUTE FUNCTION check_site_parent();
CREATE TRIGGER w_key_created AFTER INSERT ON site
    FOR EACH ROW EXECUTE FUNCTION key_site();
CREATE TRIGGER w_key_changed AFTER UPDATE ON site
    FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION key_site();

CREATE TRIGGER a_references BEFORE INSERT OR UPDATE ON rule
    FOR EACH ROW EXECUTE FUNCTION check_references('match_site_id', 'site',
        'lead_actor_id', 'actor', 'contributors', 'actor');
CREATE TRIGGER a_terms BEFORE INSERT OR UPDATE ON rule
    FOR EACH ROW EXECUTE FUNCTION check_terms('match_theme', 'themes', 'match_category', 'categories');

INSERT INTO field_group (noun, field, grp)
SELECT n.noun, f, CASE
    WHEN f IN ('id', 'programme_id', 'version', 'created_at', 'created_by', 'updated_at',
        'updated_by', 'seen_by', 'written_by') THEN 'kept'
    WHEN f = 'sensitive_note' THEN 'partner'
    ELSE 'public' END
FROM (VALUES
    ('quartier', '{id,programme_id,slug,name,aliases,statuses,perimeter,population,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'::text[]),
    ('context', '{id,programme_id,quartier_id,institution_id,theme,text,as_of_on,visibility,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('site', '{id,programme_id,quartier_id,parent_id,kind,name,address,geometry,owner_actor_id,manager_actor_id,tenure,tenure_source,dwellings,dwellings_tfpb_eligible,condition,condition_as_of_on,sensitive_note,status,version,created_at,created_by,updated_at,updated_by,seen_by,written_by}'),
    ('rule', '{id,programme_id,match_site_id,match_tenure,match_kind,match_theme,match_category,lead_actor_id,contributors,target_days,calendar,priority,valid_from_on,valid_to_on,source,status,version,created_at,created_by,updated_at,updated_by,written_by}')
) AS n (noun, fields), unnest(n.fields) AS f;

INSERT INTO transition (noun, from_state, to_state, position, who)
SELECT n, s.from_state, s.to_state, s.position, '{writer}'
FROM unnest('{quartier,context,site,rule}'::text[]) AS n,
     (VALUES ('active', 'archived', 1), ('archived', 'active', 2)) AS s (from_state, to_state, position);

-- What is read --------------------------------------------------------------------

CREATE VIEW quartier_read WITH (security_invoker = true) AS
SELECT q.id, q.programme_id, q.slug, q.name, q.statuses, q.status, q.version, q.updated_at, w.writable,
       json_build_object(
           'id', q.id,
           'programme_id', q.programme_id,
           'slug', q.slug,
           'name', q.name,
           'aliases', q.aliases,
           'statuses', q.statuses,
           'perimeter', geojson_of(q.perimeter),
           'population', q.population,
           'status', q.status,
           'version', q.version,
           'created_at', instant(q.created_at),
           'created_by', q.created_by,
           'updated_at', instant(q.updated_at),
           'updated_by', q.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('quartier', q.status, '{writer}') ELSE '[]' END
       ) AS body
FROM quartier AS q
CROSS JOIN LATERAL (SELECT writes(q.written_by) AS writable) AS w;
GRANT SELECT ON quartier_read TO gusp_member, gusp_auditor;

CREATE VIEW context_read WITH (security_invoker = true) AS
SELECT c.id, c.programme_id, c.quartier_id, c.theme, c.as_of_on, c.visibility, c.status, c.version,
       c.updated_at, w.writable,
       json_build_object(
           'id', c.id,
           'programme_id', c.programme_id,
           'quartier_id', c.quartier_id,
           'institution_id', c.institution_id,
           'theme', c.theme,
           'text', c.text,
           'as_of_on', c.as_of_on,
           'visibility', c.visibility,
           'status', c.status,
           'version', c.version,
           'created_at', instant(c.created_at),
           'created_by', c.created_by,
           'updated_at', instant(c.updated_at),
           'updated_by', c.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('context', c.status, '{writer}') ELSE '[]' END
       ) AS body
FROM context AS c
CROSS JOIN LATERAL (SELECT writes(c.written_by) AS writable) AS w;
GRANT SELECT ON context_read TO gusp_member, gusp_auditor;

CREATE VIEW site_read WITH (security_invoker = true) AS
SELECT s.id, s.programme_id, s.quartier_id, s.parent_id, s.kind, s.name, s.tenure, s.owner_actor_id,
       s.manager_actor_id, s.condition, s.status, s.version, s.updated_at, w.writable,
       jsonb_build_object(
           'id', s.id,
           'programme_id', s.programme_id,
           'quartier_id', s.quartier_id,
           'parent_id', s.parent_id,
           'kind', s.kind,
           'name', s.name,
           'address', s.address,
           'geometry', geojson_of(s.geometry),
           'owner_actor_id', s.owner_actor_id,
           'manager_actor_id', s.manager_actor_id,
           'tenure', s.tenure,
           'tenure_source', s.tenure_source,
           'dwellings', s.dwellings,
           'dwellings_tfpb_eligible', s.dwellings_tfpb_eligible,
           'condition', s.condition,
           'condition_as_of_on', s.condition_as_of_on,
           'status', s.status,
           'version', s.version,
           'created_at', instant(s.created_at),
           'created_by', s.created_by,
           'updated_at', instant(s.updated_at),
           'updated_by', s.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('site', s.status, '{writer}') ELSE '[]' END
       ) || CASE WHEN 'partner' = ANY ((SELECT groups())::text[])
            THEN jsonb_build_object('sensitive_note', s.sensitive_note)
            ELSE '{}' END AS body
FROM site AS s
CROSS JOIN LATERAL (SELECT writes(s.written_by) AS writable) AS w;
GRANT SELECT ON site_read TO gusp_member, gusp_auditor;

CREATE VIEW rule_read WITH (security_invoker = true) AS
SELECT r.id, r.programme_id, r.match_site_id, r.match_tenure, r.match_kind, r.match_theme,
       r.match_category, r.lead_actor_id, r.priority, r.status, r.version, r.updated_at, w.writable,
       json_build_object(
           'id', r.id,
           'programme_id', r.programme_id,
           'match_site_id', r.match_site_id,
           'match_tenure', r.match_tenure,
           'match_kind', r.match_kind,
           'match_theme', r.match_theme,
           'match_category', r.match_category,
           'lead_actor_id', r.lead_actor_id,
           'contributors', r.contributors,
           'target_days', r.target_days,
           'calendar', r.calendar,
           'priority', r.priority,
           'valid_from_on', r.valid_from_on,
           'valid_to_on', r.valid_to_on,
           'source', r.source,
           'status', r.status,
           'version', r.version,
           'created_at', instant(r.created_at),
           'created_by', r.created_by,
           'updated_at', instant(r.updated_at),
           'updated_by', r.updated_by,
           'allowed_transitions', CASE WHEN w.writable
               THEN allowed_transitions('rule', r.status, '{writer}') ELSE '[]' END
       ) AS body
FROM rule AS r
CROSS JOIN LATERAL (SELECT writes(r.written_by) AS writable) AS w;
GRANT SELECT ON rule_read TO gusp_member, gusp_auditor;
