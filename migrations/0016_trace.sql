-- The trace: why a record exists, and what came of it. Up from a verified
-- answer to what residents said, down from a workshop to what was done.

SET search_path = gusp, public;

-- One row for each link between two records: up is the earlier of the two in
-- the life of the matter. Written by trigger from the columns that say so.
CREATE TABLE edge (
    programme_id uuid NOT NULL REFERENCES programme,
    up_type text NOT NULL,
    up_id uuid NOT NULL,
    down_type text NOT NULL,
    down_id uuid NOT NULL,
    relation text NOT NULL,
    PRIMARY KEY (up_id, down_id, relation)
);
CREATE INDEX edge_down ON edge (down_id);
CALL protect('edge', 'programme_id = (SELECT caller_programme())', NULL);

-- The records that a column names: one, several, or a list of objects with
-- type and id; what has no type of its own is of the type given.
CREATE FUNCTION named_records(value jsonb, type text) RETURNS TABLE (type text, id uuid)
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(n.item ->> 'type', $2),
           (CASE jsonb_typeof(n.item) WHEN 'object' THEN coalesce(n.item ->> 'id', n.item ->> ($2 || '_id'))
                                      ELSE n.item #>> '{}' END)::uuid
    FROM jsonb_array_elements(CASE jsonb_typeof($1) WHEN 'array' THEN $1 WHEN 'null' THEN '[]'
                                                    ELSE jsonb_build_array($1) END) AS n (item)
$$;

-- Arguments: the type of the record that the row tells of and the column that
-- holds its id; then for each column that names others: the column, their type
-- (or the column that says it, after @), 'up' or 'down', and the relation.
CREATE FUNCTION keep_edges() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gusp, public, pg_temp AS $$
DECLARE
    now_ jsonb := to_jsonb(NEW);
    was jsonb := CASE WHEN TG_OP = 'UPDATE' THEN to_jsonb(OLD) ELSE '{}' END;
    subject uuid := (now_ ->> TG_ARGV[1])::uuid;
    field text;
    kind text;
    upwards boolean;
    linked text;
BEGIN
    FOR i IN 0 .. (TG_NARGS - 2) / 4 - 1 LOOP
        field := TG_ARGV[4 * i + 2];
        kind := TG_ARGV[4 * i + 3];
        upwards := TG_ARGV[4 * i + 4] = 'up';
        linked := TG_ARGV[4 * i + 5];
        CONTINUE WHEN coalesce(now_ -> field, 'null') = coalesce(was -> field, 'null');
        IF kind LIKE '@%' THEN
            kind := now_ ->> substr(kind, 2);
        END IF;
        DELETE FROM edge AS e
        USING named_records(coalesce(was -> field, 'null'), kind) AS r
        WHERE e.relation = linked
          AND e.up_id = CASE WHEN upwards THEN r.id ELSE subject END
          AND e.down_id = CASE WHEN upwards THEN subject ELSE r.id END;
        INSERT INTO edge (programme_id, up_type, up_id, down_type, down_id, relation)
        SELECT (now_ ->> 'programme_id')::uuid,
               CASE WHEN upwards THEN r.type ELSE TG_ARGV[0] END, CASE WHEN upwards THEN r.id ELSE subject END,
               CASE WHEN upwards THEN TG_ARGV[0] ELSE r.type END, CASE WHEN upwards THEN subject ELSE r.id END,
               linked
        FROM named_records(coalesce(now_ -> field, 'null'), kind) AS r
        WHERE r.id IS NOT NULL AND r.id <> subject
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN NULL;
END $$;
ALTER FUNCTION keep_edges() OWNER TO gusp_definer;

CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON contribution
    FOR EACH ROW EXECUTE FUNCTION keep_edges('contribution', 'id',
        'meeting_id', 'meeting', 'up', 'said_at', 'merged_into_id', 'contribution', 'down', 'merged_into',
        'links', 'issue', 'down', 'led_to', 'document_id', 'document', 'down', 'shown_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON issue
    FOR EACH ROW EXECUTE FUNCTION keep_edges('issue', 'id',
        'origin_meeting_id', 'meeting', 'up', 'said_at', 'master_id', 'issue', 'down', 'merged_into',
        'recurrence_of_id', 'issue', 'up', 'recurs_as', 'decision_meeting_id', 'meeting', 'down', 'decided_by',
        'evidence', 'document', 'down', 'proved_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON finding
    FOR EACH ROW EXECUTE FUNCTION keep_edges('finding', 'id',
        'sources', 'statistic', 'up', 'source_of', 'diagnosis_id', 'diagnosis', 'down', 'part_of');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON diagnosis
    FOR EACH ROW EXECUTE FUNCTION keep_edges('diagnosis', 'id',
        'restitutions', 'meeting', 'down', 'restituted_at', 'previous_id', 'diagnosis', 'up', 'followed_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON answer_due
    FOR EACH ROW EXECUTE FUNCTION keep_edges('answer_due', 'id', 'origin_id', '@origin_type', 'up', 'answered_by');
CREATE TRIGGER t_edges AFTER INSERT OR UPDATE ON document
    FOR EACH ROW EXECUTE FUNCTION keep_edges('document', 'id', 'target_id', '@target_type', 'up', 'shown_by',
        'derived_from_id', 'document', 'up', 'source_of');

-- What there was before.
INSERT INTO edge (programme_id, up_type, up_id, down_type, down_id, relation)
SELECT i.programme_id, 'issue', i.id, 'issue', i.master_id, 'merged_into' FROM issue AS i WHERE i.master_id IS NOT NULL
UNION ALL
SELECT i.programme_id, 'issue', i.recurrence_of_id, 'issue', i.id, 'recurs_as'
FROM issue AS i WHERE i.recurrence_of_id IS NOT NULL
UNION ALL
SELECT d.programme_id, d.target_type, d.target_id, 'document', d.id, 'shown_by'
FROM document AS d WHERE d.target_id IS NOT NULL
UNION ALL
SELECT d.programme_id, 'document', d.derived_from_id, 'document', d.id, 'source_of'
FROM document AS d WHERE d.derived_from_id IS NOT NULL;

-- Records that a trace leads through, as far as the caller sees them. What
-- another noun adds is one more SELECT.
CREATE VIEW node WITH (security_invoker = true) AS
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
SELECT 'document', d.id, NULL, d.title, d.status, '/v1/documents/' FROM document AS d;
GRANT SELECT ON node TO gusp_member, gusp_auditor;

-- What a record comes from and what came of it: the records on the way, from
-- the nearest to the farthest, and how they are linked. A way ends at a record
-- that the caller does not see; and at a meeting that decided on a record or
-- heard it, whose other matters come neither from it nor to it. NULL where the
-- caller does not see the first.
CREATE FUNCTION trace(type text, id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    WITH RECURSIVE subject AS (
        SELECT n.type, n.id, n.ref, n.title, n.status, n.path
        FROM gusp.node AS n
        WHERE n.type = $1 AND n.id = $2
    ), walk AS (
        SELECT s.type, s.id, w.way, 0 AS depth, false AS ends
        FROM subject AS s, (VALUES ('up'), ('down')) AS w (way)
        UNION
        SELECT n.type, n.id, w.way, w.depth + 1, e.ends
        FROM walk AS w
        CROSS JOIN LATERAL (
            SELECT e.down_type AS type, e.down_id AS id, e.relation IN ('decided_by', 'restituted_at') AS ends
            FROM gusp.edge AS e WHERE w.way = 'down' AND e.up_id = w.id
            UNION
            SELECT e.up_type, e.up_id, false
            FROM gusp.edge AS e
            WHERE w.way = 'up' AND e.down_id = w.id
              AND (w.depth = 0 OR e.relation NOT IN ('decided_by', 'restituted_at'))
        ) AS e
        JOIN gusp.node AS n ON n.type = e.type AND n.id = e.id
        WHERE w.depth < 12 AND NOT w.ends
    ), nearest AS (
        SELECT w.way, w.type, w.id, min(w.depth) AS depth
        FROM walk AS w
        WHERE w.depth > 0 AND w.id <> $2
        GROUP BY w.way, w.type, w.id
        ORDER BY min(w.depth), w.id
        LIMIT 501
    ), shown AS (
        SELECT n.*, row_number() OVER (ORDER BY n.depth, n.id, n.way) AS place FROM nearest AS n
    ), told AS (
        SELECT s.way, s.depth, s.place, s.id, jsonb_build_object('type', s.type, 'id', s.id, 'ref', n.ref,
                   'title', n.title, 'status', n.status, 'href', n.path || s.id, 'depth', s.depth) AS body
        FROM shown AS s
        JOIN gusp.node AS n ON n.type = s.type AND n.id = s.id
        WHERE s.place <= 500
    )
    SELECT jsonb_build_object(
               'subject', jsonb_build_object('type', s.type, 'id', s.id, 'ref', s.ref, 'title', s.title,
                   'status', s.status, 'href', s.path || s.id),
               'up', coalesce((SELECT jsonb_agg(t.body ORDER BY t.place) FROM told AS t WHERE t.way = 'up'), '[]'),
               'down', coalesce((SELECT jsonb_agg(t.body ORDER BY t.place) FROM told AS t WHERE t.way = 'down'), '[]'),
               'links', coalesce((
                   SELECT jsonb_agg(jsonb_build_object('from', e.up_id, 'to', e.down_id, 'relation', e.relation)
                                    ORDER BY e.up_id, e.down_id, e.relation)
                   FROM gusp.edge AS e
                   WHERE e.up_id IN (SELECT t.id FROM told AS t UNION SELECT $2)
                     AND e.down_id IN (SELECT t.id FROM told AS t UNION SELECT $2)), '[]'),
               'truncated', (SELECT count(*) > 500 FROM shown))
    FROM subject AS s);
END $$;
