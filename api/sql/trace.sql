-- The trace: why a record exists, and what came of it.

-- meeting_trace
SELECT t.body
FROM trace('meeting', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- contribution_trace
SELECT t.body
FROM trace('contribution', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- issue_trace
SELECT t.body
FROM trace('issue', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- diagnosis_trace
SELECT t.body
FROM trace('diagnosis', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- answer_due_trace
SELECT t.body
FROM trace('answer_due', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- document_trace
SELECT t.body
FROM trace('document', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- action_sheet_trace
SELECT t.body
FROM trace('action_sheet', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- commitment_trace
SELECT t.body
FROM trace('commitment', :id) AS t (body)
WHERE t.body IS NOT NULL;

-- convention_trace
SELECT t.body
FROM trace('convention', :id) AS t (body)
WHERE t.body IS NOT NULL;
