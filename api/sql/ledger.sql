-- The ledger, read by whoever does not trust its host. What may be asked and
-- what is refused is in the functions of 0030_ledger.sql.

-- ledger_checkpoint
SELECT ledger.last_checkpoint() AS body;

-- ledger_checkpoint_of
SELECT c.note AS body, 'forever' AS cache
FROM ledger.ledger_checkpoint AS c
WHERE c.tree_size = :size;

-- ledger_entries
SELECT CASE WHEN p.first < p.last THEN p.first::text END AS position,
       p.last::text AS until,
       CASE WHEN p.constant THEN 'forever' END AS cache,
       json_build_object('Ledger-Start', p.first::text, 'Ledger-End', p.last::text,
           'Ledger-Tree-Size', p.size::text) AS headers
FROM ledger.page_of(:start, :end) AS p;
SELECT string_agg(convert_from(e.leaf, 'UTF8') || E'\n', '' ORDER BY l.leaf_index) AS body,
       nullif(max(l.leaf_index) + 1, :until::bigint)::text AS position
FROM ledger.ledger_leaf AS l
JOIN ledger.ledger_event AS e ON e.event_id = l.event_id
WHERE l.leaf_index >= :position::bigint
  AND l.leaf_index < least(:until::bigint, :position::bigint + 500);

-- ledger_openings
SELECT CASE WHEN p.first < p.last THEN p.first::text END AS position,
       p.last::text AS until,
       json_build_object('Ledger-Start', p.first::text, 'Ledger-End', p.last::text,
           'Ledger-Tree-Size', p.size::text) AS headers
FROM ledger.page_of(:start, :end) AS p;
SELECT coalesce(string_agg(json_build_object(
           'index', l.leaf_index,
           'field', o.field,
           'salt', encode(o.salt, 'base64'),
           'value', convert_from(o.value, 'UTF8'))::text || E'\n', '' ORDER BY l.leaf_index, o.field), '') AS body,
       nullif(least(:until::bigint, :position::bigint + 200), :until::bigint)::text AS position
FROM ledger.ledger_leaf AS l
JOIN ledger.event_opening AS o ON o.event_id = l.event_id
WHERE l.leaf_index >= :position::bigint
  AND l.leaf_index < least(:until::bigint, :position::bigint + 200);

-- ledger_inclusion
SELECT ledger.inclusion_proof(:index, :hash, :size) AS body,
       CASE WHEN :size::bigint IS NOT NULL THEN 'forever' END AS cache;

-- ledger_consistency
SELECT ledger.consistency_proof(:from, :to) AS body, 'forever' AS cache;

-- ledger_tile
SELECT ledger.tile_at(:level, :a) AS body, 'forever' AS cache;

-- ledger_tile_2
SELECT ledger.tile_at(:level, :a || '/' || :b) AS body, 'forever' AS cache;

-- ledger_tile_3
SELECT ledger.tile_at(:level, :a || '/' || :b || '/' || :c) AS body, 'forever' AS cache;

-- ledger_tile_4
SELECT ledger.tile_at(:level, :a || '/' || :b || '/' || :c || '/' || :d) AS body, 'forever' AS cache;

-- ledger_history
-- Of a record that the caller sees, or of whose past it sees something.
SELECT '0' AS position
WHERE EXISTS (SELECT FROM event AS e WHERE e.subject_id = :id AND e.noun = :kind);
SELECT coalesce(string_agg(json_build_object(
           'index', ledger.published_place(h.event_id),
           'leaf', convert_from(h.leaf, 'UTF8'))::text || E'\n', '' ORDER BY h.seq), '') AS body,
       CASE WHEN count(*) = 100 THEN max(h.seq) END::text AS position
FROM (SELECT e.event_id, e.leaf, e.seq
      FROM ledger.ledger_event AS e
      WHERE e.subject_kind = :kind AND e.subject_id = :id
        AND e.seq > :position::int
      ORDER BY e.seq
      LIMIT 100) AS h;

-- commitment_leaves
SELECT '0' AS position
FROM commitment
WHERE id = :id;
SELECT coalesce(string_agg(json_build_object(
           'index', ledger.published_place(h.event_id),
           'leaf', convert_from(h.leaf, 'UTF8'))::text || E'\n', '' ORDER BY h.seq), '') AS body,
       CASE WHEN count(*) = 100 THEN max(h.seq) END::text AS position
FROM (SELECT e.event_id, e.leaf, e.seq
      FROM ledger.ledger_event AS e
      WHERE e.subject_kind = 'commitment' AND e.subject_id = :id
        AND e.seq > :position::int
      ORDER BY e.seq
      LIMIT 100) AS h;

-- ledger_proof
SELECT ledger.proof_of_event(:id) AS body;

-- @ledger_witnesses
-- Keys that a cosignature can be of, and whether its checkpoint was published.
SELECT w.vkey,
       EXISTS (SELECT FROM ledger.ledger_checkpoint AS c
               WHERE c.tree_size = :size::bigint AND c.root_hash = decode(:root::text, 'base64')) AS published
FROM ledger.ledger_witness AS w
WHERE split_part(w.vkey, '+', 1) = :name::text
  AND w.until IS NULL;

-- @ledger_cosign
SELECT ledger.cosign(:vkey::text, :size::bigint, :ts::bigint, :line::text);
