-- Answers due: what is owed to residents, and what was answered.

-- answer_due_list
-- One walk along an index for each key; who holds several keys of one finds
-- it by each of them, and it is shown once.
SELECT r.body, jsonb_build_array(
    --? sort:due_on
    p.due_on, p.id
    --? sort:-updated_at
    p.updated_at, p.id
    --?
    ) AS key
FROM (
    SELECT f.due_on, f.updated_at, f.id
    FROM unnest(keys()) AS u (key)
    CROSS JOIN (
        SELECT NULL AS status
        --? status
        WHERE false UNION SELECT unnest(:status)
        --?
    ) AS s
    CROSS JOIN LATERAL (
        SELECT k.due_on, k.updated_at, k.id
        FROM answer_due_key AS k
        WHERE k.key = u.key
          --? status
          AND k.status = s.status
          --? cursor sort:due_on
          AND (k.due_on, k.id) > (:after_1, :after_2)
          --? cursor sort:-updated_at
          AND (k.updated_at, k.id) < (:after_1, :after_2)
          --? overdue:true
          AND k.status = 'open'
          AND k.due_on < today()
          --? overdue:false
          AND (k.status <> 'open' OR k.due_on >= today())
          --? quartier_id
          AND k.quartier_id = :quartier_id
          --? meeting_id
          AND k.meeting_id = :meeting_id
          --? responsible_institution_id
          AND k.responsible_institution_id = :responsible_institution_id
          --? origin_type
          AND k.origin_type = :origin_type
          --? origin_id
          AND k.origin_id = :origin_id
          --? due_from
          AND k.due_on >= :due_from
          --? due_to
          AND k.due_on <= :due_to
          --? updated_since
          AND k.updated_at >= :updated_since
          --?
        ORDER BY
          --? sort:due_on
          k.due_on, k.id
          --? sort:-updated_at
          k.updated_at DESC, k.id DESC
          --?
        LIMIT :limit
    ) AS f
    GROUP BY f.due_on, f.updated_at, f.id
    ORDER BY
      --? sort:due_on
      f.due_on, f.id
      --? sort:-updated_at
      f.updated_at DESC, f.id DESC
      --?
    LIMIT :limit
) AS p
JOIN answer_due_read AS r ON r.id = p.id
ORDER BY
  --? sort:due_on
  p.due_on, p.id
  --? sort:-updated_at
  p.updated_at DESC, p.id DESC
  --?
;

-- answer_due_rate
-- Of what the caller sees: no total tells of what it does not.
WITH debt AS (
    SELECT DISTINCT k.id, k.status, k.due_on, k.responsible_institution_id
    FROM unnest(keys()) AS u (key)
    JOIN answer_due_key AS k ON k.key = u.key
    WHERE true
      --? quartier_id
      AND k.quartier_id = :quartier_id
      --? meeting_id
      AND k.meeting_id = :meeting_id
      --? responsible_institution_id
      AND k.responsible_institution_id = :responsible_institution_id
      --? due_from
      AND k.due_on >= :due_from
      --? due_to
      AND k.due_on <= :due_to
      --?
), counted AS (
    SELECT d.responsible_institution_id AS institution_id,
           count(*) FILTER (WHERE d.status IN ('open', 'given')) AS due,
           count(*) FILTER (WHERE d.status = 'given') AS given,
           count(*) FILTER (WHERE d.status = 'open' AND d.due_on < today()) AS overdue,
           count(*) FILTER (WHERE d.status = 'waived') AS waived,
           count(*) FILTER (WHERE d.status = 'merged') AS merged
    FROM debt AS d
    GROUP BY GROUPING SETS ((), (d.responsible_institution_id))
), shown AS (
    SELECT c.institution_id, a.name, jsonb_build_object(
               'numerator', c.given,
               'denominator', c.due,
               'rate', round(100.0 * c.given / nullif(c.due, 0), 1),
               'small_population', c.due < 5,
               'overdue', c.overdue,
               'exclusions', jsonb_build_object('waived', c.waived, 'merged', c.merged)
           ) AS figures
    FROM counted AS c
    LEFT JOIN actor AS a ON a.id = c.institution_id
)
SELECT t.figures || jsonb_build_object(
           'indicator', 'answer_rate',
           'definition_fr', 'Taux de retour aux habitants, en pour cent : réponses données ÷ réponses dues. '
               'Les réponses levées avec un motif et celles réunies à une autre ne sont pas comptées.',
           'as_of', instant(now()),
           'by_institution', coalesce((
               SELECT jsonb_agg(jsonb_build_object('institution_id', i.institution_id, 'name', i.name) || i.figures
                                ORDER BY i.name, i.institution_id)
               FROM shown AS i
               WHERE i.institution_id IS NOT NULL), '[]')) AS body
FROM shown AS t
WHERE t.institution_id IS NULL;

-- answer_due_read
SELECT body, version AS etag, writable
FROM answer_due_read
WHERE id = :id;

-- answer_due_transition
SELECT move('answer_due', :id, :versions, :body);
SELECT body, version AS etag, NULL::text AS location
FROM answer_due_read
WHERE id = :id;

-- answer_due_history
SELECT true AS found
FROM answer_due
WHERE id = :id;
SELECT e.body, jsonb_build_array(e.seq) AS key
FROM event_read AS e
WHERE e.subject_id = :id
  --? cursor
  AND e.seq > :after_1
  --?
ORDER BY e.seq
LIMIT :limit;
