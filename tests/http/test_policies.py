"""Row rights as the database itself sees them: its catalogues are read, not
the migrations, so that what is really there is what is judged."""

import json
import pathlib

import pytest

SERVING = ("gusp_member", "gusp_auditor", "gusp_admin", "gusp_auth", "gusp_privacy")
# Not records: what the runner of migrations notes for itself.
UNPROTECTED = {"migration"}


@pytest.fixture
def rows(database):
    def run(query, *values):
        with database.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall()

    return run


def test_every_table_is_under_forced_row_level_security(rows):
    bare = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname IN ('gusp', 'vault') AND c.relkind IN ('r', 'p')
             AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"""
    )
    assert {name for (name,) in bare} <= UNPROTECTED


def test_no_policy_contains_or(rows):
    policies = rows(
        "SELECT tablename, policyname, coalesce(qual, '') || ' ' || coalesce(with_check, '') "
        "FROM pg_policies WHERE schemaname IN ('gusp', 'vault')"
    )
    assert len(policies) > 50
    assert [p[:2] for p in policies if " OR " in p[2]] == []


def test_no_table_has_two_permissive_policies_for_one_command_and_role(rows):
    twice = rows(
        """SELECT tablename, role, command, count(*)
           FROM pg_policies p, unnest(p.roles) AS role,
                unnest(CASE p.cmd WHEN 'ALL' THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
                                  ELSE ARRAY[p.cmd] END) AS command
           WHERE schemaname IN ('gusp', 'vault') AND permissive = 'PERMISSIVE'
           GROUP BY 1, 2, 3 HAVING count(*) > 1"""
    )
    assert twice == []


def test_no_policy_speaks_to_everybody(rows):
    assert rows("SELECT tablename FROM pg_policies WHERE 'public' = ANY (roles)") == []


def test_no_serving_role_can_step_around_row_level_security(rows):
    strong = rows(
        """SELECT rolname FROM pg_roles
           WHERE rolname = ANY (%s)
             AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
                  OR pg_has_role(rolname, 'gusp_owner', 'MEMBER')
                  OR pg_has_role(rolname, 'gusp_definer', 'MEMBER'))""",
        list(SERVING),
    )
    assert strong == []


@pytest.mark.parametrize("right", ["DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
def test_no_serving_role_deletes_or_reaches_around(rows, right):
    held = rows(
        """SELECT r, c.relname FROM unnest(%s::text[]) AS r, pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname IN ('gusp', 'vault') AND c.relkind = 'r' AND has_table_privilege(r, c.oid, %s)""",
        ["gusp_member", "gusp_auditor", "gusp_admin", "gusp_privacy"],
        right,
    )
    assert held == []


def test_the_auditor_writes_nothing(rows):
    held = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'gusp' AND c.relkind = 'r'
             AND (has_table_privilege('gusp_auditor', c.oid, 'INSERT')
                  OR has_table_privilege('gusp_auditor', c.oid, 'UPDATE'))"""
    )
    assert held == []


def test_the_administrator_has_no_right_on_business_records(rows):
    held = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'gusp' AND c.relname IN ('contact', 'quartier', 'context', 'site', 'site_key', 'word',
               'issue', 'issue_key', 'assignment', 'comment', 'meeting', 'meeting_key', 'meeting_series', 'invitation',
               'attendance', 'agenda_point', 'decision', 'contribution', 'contribution_key', 'diagnosis', 'finding',
               'answer_due', 'answer_due_key', 'edge', 'action_plan', 'action_sheet',
               'action_sheet_cost', 'commitment', 'commitment_key', 'commitment_cost', 'commitment_note', 'evidence', 'revision',
               'convention', 'annex', 'signature', 'evaluation', 'lesson', 'objective_outcome', 'capitalisation_sheet',
               'commitment_version', 'commitment_cost_version', 'commitment_note_version', 'action_sheet_version',
               'action_sheet_cost_version')
             AND has_table_privilege('gusp_admin', c.oid, 'SELECT')"""
    )
    assert held == []


@pytest.mark.parametrize("role", ["gusp_member", "gusp_auditor", "gusp_admin", "gusp_privacy"])
def test_credentials_are_out_of_reach_of_the_roles_that_serve_records(rows, role):
    held = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'v')
             AND has_schema_privilege(%s, n.oid, 'USAGE')
             AND has_table_privilege(%s, c.oid, 'SELECT')""",
        role,
        role,
    )
    assert held == []


@pytest.mark.parametrize("role", ["gusp_member", "gusp_auditor", "gusp_admin", "gusp_auth", "gusp_ledger"])
def test_the_vault_is_out_of_reach_of_all_roles_but_its_own(rows, role):
    held = rows(
        """SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           WHERE n.nspname = 'vault' AND c.relkind IN ('r', 'v')
             AND (has_column_privilege(%s, c.oid, a.attnum, 'SELECT')
                  OR has_column_privilege(%s, c.oid, a.attnum, 'UPDATE'))""",
        role,
        role,
    )
    assert held == []
    # The one who runs what is due may erase what is past, and no more.
    called = rows(
        """SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname = 'vault' AND has_schema_privilege(%s, n.oid, 'USAGE')
             AND has_function_privilege(%s, p.oid, 'EXECUTE')""",
        role,
        role,
    )
    assert called == ([("expire",)] if role == "gusp_ledger" else [])


def test_the_role_of_the_vault_reaches_no_person_but_by_its_functions(rows):
    held = rows(
        """SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           WHERE n.nspname = 'vault' AND c.relkind IN ('r', 'v')
             AND (a.attname IN ('name', 'email', 'phone')
                      AND has_column_privilege('gusp_privacy', c.oid, a.attnum, 'SELECT')
                  OR has_column_privilege('gusp_privacy', c.oid, a.attnum, 'INSERT')
                  OR has_column_privilege('gusp_privacy', c.oid, a.attnum, 'UPDATE'))"""
    )
    assert held == []
    tables = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'gusp' AND has_any_column_privilege('gusp_privacy', c.oid, 'SELECT')"""
    )
    assert {name for (name,) in tables} == {"event", "event_read", "idempotency"}


def test_no_role_of_the_application_changes_or_deletes_an_event(database, rows):
    for role in SERVING + ("gusp_definer",):
        held = rows(
            "SELECT has_table_privilege(%s, 'gusp.event', 'UPDATE') OR "
            "has_table_privilege(%s, 'gusp.event', 'DELETE')",
            role,
            role,
        )
        assert held == [(False,)], role
    with database.cursor() as cursor:
        with pytest.raises(Exception, match="append-only"):
            cursor.execute("UPDATE gusp.event SET comment = 'x'")
        with pytest.raises(Exception, match="append-only"):
            cursor.execute("DELETE FROM gusp.event")


def test_every_view_runs_with_the_rights_of_who_asks(rows):
    views = rows(
        """SELECT c.relname, c.reloptions FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname IN ('gusp', 'vault', 'past') AND c.relkind = 'v'"""
    )
    assert len(views) > 5
    assert [n for n, options in views if "security_invoker=true" not in (options or [])] == []


def test_every_definer_function_belongs_to_the_definer_and_pins_its_path(rows):
    functions = rows(
        """SELECT p.proname, pg_get_userbyid(p.proowner), coalesce(array_to_string(p.proconfig, ','), '')
           FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname IN ('gusp', 'auth', 'vault', 'past') AND p.prosecdef"""
    )
    assert len(functions) > 3
    assert [f for f in functions if f[1] != "gusp_definer" or "search_path=" not in f[2]] == []


def test_no_function_is_open_to_everybody(rows):
    # A NULL acl is the default one, which lets everybody execute.
    assert (
        rows(
            """SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname IN ('gusp', 'auth', 'vault', 'past') AND p.prokind = 'f'
             AND (p.proacl IS NULL OR EXISTS (
                 SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE'))"""
        )
        == []
    )


def test_no_column_is_an_enum_since_its_equality_is_not_leakproof(rows):
    assert (
        rows(
            """SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
           WHERE n.nspname IN ('gusp', 'auth', 'vault') AND a.attnum > 0 AND t.typtype = 'e'"""
        )
        == []
    )


def test_every_field_of_a_record_has_a_projection_group(rows):
    unlabelled = rows(
        """SELECT c.relname, a.attname
           FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid AND p.proname = 'remember'
           JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE n.nspname = 'gusp'
             AND NOT EXISTS (SELECT FROM gusp.field_group f
                             WHERE f.noun = c.relname AND f.field = a.attname)"""
    )
    assert unlabelled == []


def test_every_record_is_remembered(rows):
    forgotten = rows(
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute v ON v.attrelid = c.oid AND v.attname = 'version'
           WHERE n.nspname IN ('gusp', 'vault') AND c.relkind = 'r' AND c.relname <> 'migration'
             AND (SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = c.oid AND p.proname = 'remember') < 2"""
    )
    assert forgotten == []


def test_every_state_of_a_record_is_in_its_life_cycle(rows):
    """A status that no transition leaves or reaches is a dead end by mistake."""
    states = rows(
        """SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k
           JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'gusp' AND k.contype = 'c' AND k.conname LIKE '%%status_check'"""
        .replace("%%", "%")
    )
    known = rows("SELECT noun, from_state FROM gusp.transition UNION SELECT noun, to_state FROM gusp.transition")
    known = {(noun, state.split(":")[0]) for noun, state in known}
    nouns = {noun for noun, _ in known}
    for noun, definition in states:
        if noun in nouns:
            for state in [s for s in definition.split("'")[1::2]]:
                assert (noun, state) in known, (noun, state)


def test_enumerations_of_the_contract_have_their_french_labels(rows):
    """The contract's enumerations and the vocabularies name the same codes."""
    contract = json.loads(pathlib.Path("build/openapi.json").read_text())
    labelled = {}
    for vocabulary, code in rows("SELECT vocabulary, code FROM gusp.term WHERE programme_id IS NULL"):
        labelled.setdefault(vocabulary, set()).add(code)
    enumerated = {
        name: set(schema["enum"])
        for name, schema in contract["components"]["schemas"].items()
        if name in labelled and "enum" in schema
    }
    assert {"actor_kind", "contact_kind", "site_kind", "tenure", "issue_status", "severity", "origin_kind", "document_kind",
            "answer_channel", "answer_due_status", "link_type", "diagnosis_status", "polarity", "finding_priority",
            "source_type", "contribution_kind", "contribution_status",
            "decline_reason", "assignment_answer", "issue_visibility", "evidence_kind", "comment_status", "meeting_kind",
            "meeting_status", "rhythm", "support_kind", "communication_channel", "invitation_status", "attendance_kind",
            "agenda_point_status", "decision_status", "decision_target",
            "commitment_status", "commitment_visibility", "outcome", "origin_type", "evidence_status", "revision_kind",
            "revision_status", "revision_reason", "action_plan_status", "action_sheet_status", "means_kind",
            "evaluation_status", "evaluation_subject", "criterion", "lesson_kind", "lesson_link_type",
            "capitalisation_sheet_status",
            "convention_kind", "convention_status", "signing_state", "signature_method", "signature_status"} \
        <= enumerated.keys()
    for name, codes in enumerated.items():
        assert codes == labelled[name], name
