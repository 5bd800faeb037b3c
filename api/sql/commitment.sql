-- Commitments: what is promised, by whom, by when, and what it cost.

-- commitment_list
-- One walk along an index for each key, quartier and status; then the first of
-- them all. A caller may hold several keys of one: it is shown once. IS TRUE
-- keeps what words find from being joined, as in site_list. As of an instant the
-- same is asked of what was so then.
--? as_of
SELECT look_back(:as_of)
--?
;
SELECT r.body, jsonb_build_array(p.at, p.id) AS key
FROM (
    SELECT f.at, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (
        SELECT '00000000-0000-0000-0000-000000000000'::uuid AS quartier_id
        --? quartier_id
        WHERE false UNION SELECT :quartier_id
        --?
    ) AS q
    CROSS JOIN (
        SELECT NULL AS status
        --? status
        WHERE false UNION SELECT unnest(:status)
        --?
    ) AS s
    CROSS JOIN LATERAL (
        SELECT k.id,
               --? sort:-created_at
               k.created_at AS at
               --? sort:due_on
               k.due_on AS at
               --? sort:-updated_at
               k.updated_at AS at
               --?
        FROM
          --? as_of
          past.
          --?
          commitment_key AS k
        WHERE k.key = u.key
          AND k.quartier_id = q.quartier_id
          --? status
          AND k.status = s.status
          --? cursor sort:-created_at
          AND (k.created_at, k.id) < (:after_1, :after_2)
          --? cursor sort:due_on
          AND (k.due_on, k.id) > (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? owner_institution_id
          AND k.owner_institution_id = :owner_institution_id
          --? sheet_id
          AND k.sheet_id = :sheet_id
          --? theme
          AND k.theme = :theme
          --? visibility
          AND k.visibility = :visibility
          --? late:true
          AND k.due
          AND k.due_on < today()
          --? late:false
          AND (NOT k.due OR k.due_on >= today())
          --? due_from
          AND k.due_on >= :due_from
          AND k.due_on < 'infinity'
          --? due_to
          AND k.due_on <= :due_to
          --? updated_since
          AND k.updated_at >= :updated_since
          --? q
          AND (k.id IN (SELECT matches('commitment', :q))) IS TRUE
          --?
        ORDER BY
          --? sort:-created_at
          k.created_at DESC, k.id DESC
          --? sort:due_on
          k.due_on, k.id
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    GROUP BY f.at, f.id
    ORDER BY
      --? sort:-created_at
      f.at DESC, f.id DESC
      --? sort:due_on
      f.at, f.id
      --? sort:-updated_at
      f.at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN
  --? as_of
  past.
  --?
  commitment_read AS r ON r.id = p.id
ORDER BY
  --? sort:-created_at
  p.at DESC, p.id DESC
  --? sort:due_on
  p.at, p.id
  --? sort:-updated_at
  p.at DESC, p.id DESC
  --?
;

-- commitment_create
SELECT created(create_commitment(:body));
SELECT body, version AS etag, '/v1/commitments/' || id AS location
FROM commitment_read
WHERE id = created();

-- commitment_read
--? as_of
SELECT look_back(:as_of)
--?
;
SELECT body, version AS etag
FROM
  --? as_of
  past.
  --?
  commitment_read
WHERE id = :id;

-- commitment_update
WITH changed AS (
    UPDATE commitment AS c
    SET (title, deliverable, beneficiaries, owner_actor_id, co_owners, executants, quartiers, sites, theme,
         sheet_id, origin, visibility, due_on, progress, expected_result, public_note, partner_note) = (
        SELECT b.title, b.deliverable, b.beneficiaries, b.owner_actor_id, coalesce(b.co_owners, '{}'),
               coalesce(b.executants, '{}'), coalesce(b.quartiers, '{}'), coalesce(b.sites, '{}'), b.theme,
               b.sheet_id, b.origin, b.visibility, b.due_on, b.progress, b.expected_result,
               b.public_note, b.partner_note
        FROM jsonb_populate_record(c, patched(to_jsonb(c), :body)) AS b)
    WHERE c.id = :id
      AND c.edited_by && pens()
      AND (:versions::bigint[] IS NULL OR c.version = ANY (:versions))
    RETURNING c.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM commitment_read
WHERE id = :id;

-- commitment_transition
SELECT move('commitment', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM commitment_read
WHERE id = :id;

-- commitment_correct
SELECT correct_commitment(:id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM commitment_read
WHERE id = :id;

-- commitment_history
SELECT true AS found
FROM commitment
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = ANY ((SELECT commitment_records(:id))::uuid[])
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;

-- commitment_cost_read
SELECT body, version AS etag, writable
FROM commitment_cost_read
WHERE commitment_id = :id;

-- commitment_cost_update
WITH changed AS (
    UPDATE commitment_cost AS k
    SET (planned_cents, actual_cents, tfpb_eligible, tfpb_axis, tfpb_year) = (
        SELECT b.planned_cents, b.actual_cents, b.tfpb_eligible, b.tfpb_axis, b.tfpb_year
        FROM jsonb_populate_record(k, patched(to_jsonb(k), :body)) AS b)
    WHERE k.commitment_id = :id
      AND (:versions::bigint[] IS NULL OR k.version = ANY (:versions))
    RETURNING k.id
)
SELECT count(*) AS touched FROM changed;
SELECT body, version AS etag, writable
FROM commitment_cost_read
WHERE commitment_id = :id;

-- commitment_note_read
SELECT body, version AS etag, true AS writable
FROM commitment_note_read
WHERE commitment_id = :id;

-- commitment_note_update
-- The first note has version 0 before it: of two that write it at once, one
-- finds the other's.
WITH changed AS (
    INSERT INTO commitment_note AS n (programme_id, commitment_id, institution_id, internal_note)
    SELECT c.programme_id, c.id, caller_institution(), :body ->> 'internal_note'
    FROM commitment AS c
    JOIN commitment_note_read AS r ON r.commitment_id = c.id
    WHERE c.id = :id
      AND :body ? 'internal_note'
      AND (:versions::bigint[] IS NULL OR r.version = ANY (:versions))
    ON CONFLICT (commitment_id, institution_id) DO UPDATE
    SET internal_note = excluded.internal_note
    WHERE :versions::bigint[] IS NULL OR n.version = ANY (:versions)
    RETURNING n.id
)
SELECT greatest(count(*), (NOT :body ? 'internal_note')::int) AS touched FROM changed;
SELECT body, version AS etag, true AS writable
FROM commitment_note_read
WHERE commitment_id = :id;
