-- What a person may ask for, and what the programme answers for.

-- privacy_export
SELECT vault.export(:pseudonym) AS body;

-- privacy_erase
SELECT vault.erase(:pseudonym);
SELECT body, version AS etag
FROM vault.reporter_read
WHERE programme_id = caller_programme()
  AND pseudonym = :pseudonym;

-- privacy_search
SELECT vault.search(:body ->> 'contact') AS body;

-- privacy_register
SELECT vault.register() AS body;
