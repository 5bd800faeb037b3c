"""Who may do what: every operation of the contract, for every role.

A row is an operation, a column a role. A cell holds the status for three
objects of the operation's noun, in this order:

    own      of the caller's own institution, patrimony, quartier or programme
    other    visible, but another institution's
    hidden   outside the membership's quartiers, internal to another
             institution, or in another programme

"-" says that the role has no such object; one status alone stands for every
object there is; "role" is 403 role_forbidden, whatever the object. What own,
other and hidden are of each noun is in test_access.py. For operations that
create, they say for or below whom: a body that names what is hidden is 422
(unknown_reference) even to those who may not write, because who may write can
depend on what is named; a path is 404.

The statuses are those of the access matrix (its rule: default deny; invisible
is 404, visible but not writable 403) and of the contract, never copied from
what the server did.
"""

ROLES = ("city", "bailleur", "association", "institution", "facilitator", "mandated",
         "auditor", "admin", "nobody")

# mandated is a facilitator whose mandate names all it may. The administrator
# opens programmes, keeps members and actors, reads vocabularies: no more.
TABLE = """
operation             city         bailleur     association  institution  facilitator  mandated     auditor      admin        nobody

programme_list        200          200          200          200          200          200          200          200          401
programme_create      role         role         role         role         role         role         role         201          401
programme_read        200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    - 200 -      401
programme_update      200 - 404    role         role         role         403 - 404    200 - 404    role         role         401
programme_transition  200 - 404    role         role         role         403 - 404    200 - 404    role         - 200 -      401
programme_template    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    role         401
programme_history     200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    - 200 -      401

member_list           200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    - 200 -      401
member_create         201 201 404  role         role         role         403 403 404  201 403 404  role         - 201 -      401
member_read           200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 -    401
member_update         200 200 404  role         role         role         403 403 404  403 200 404  role         200 200 -    401
member_transition     200 200 404  role         role         role         403 403 404  403 200 404  role         - 200 -      401
member_history        200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 -    401

actor_list            200          200          200          200          200          200          200          role         401
actor_create          201 201 422  201 403 422  201 403 422  201 403 422  role         role         role         role         401
programme_actor_list  200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    - 200 -      401
programme_actor_create  role        role         role         role         role         role         role         - 201 -      401
actor_read            200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 -    401
actor_update          200 200 404  200 403 404  200 403 404  200 403 404  role         role         role         200 200 -    401
actor_transition      200 200 404  200 403 404  200 403 404  200 403 404  role         role         role         200 200 -    401
actor_history         200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 -    401

contact_list          200          200          200          200          200          200          200          role         401
contact_create        201 201 422  201 403 422  201 403 422  201 403 422  role         role         role         role         401
contact_read          200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401
contact_update        200 200 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401
contact_transition    200 200 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401
contact_history       200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401

objective_list        200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    role         401
objective_create      201 - 404    role         role         role         403 - 404    201 - 404    role         role         401
objective_read        200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    role         401
objective_update      200 - 404    role         role         role         403 - 404    200 - 404    role         role         401
objective_transition  200 - 404    role         role         role         403 - 404    200 - 404    role         role         401
objective_history     200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    role         401

funding_list          200          200          200          200          200          200          200          role         401
funding_create        201 201 422  role         role         role         403 403 422  201 201 422  role         role         401
funding_read          200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401
funding_update        200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
funding_transition    200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
funding_history       200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401

vocabulary_list       200          200          200          200          200          200          200          200          401
vocabulary_read       200          200          200          200          200          200          200          200          401
term_list             200          200          200          200          200          200          200          200          401
term_create           201          role         role         role         403          201          role         role         401
term_read             200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    401
term_update           200 - 404    role         role         role         403 - 404    200 - 404    role         role         401
term_transition       200 - 404    role         role         role         403 - 404    200 - 404    role         role         401
term_history          200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    200 - 404    401

quartier_list         200          200          200          200          200          200          200          role         401
quartier_create       201          role         role         role         403          201          role         role         401
quartier_read         200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
quartier_update       200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
quartier_transition   200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
quartier_history      200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401

context_list          200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
context_create        201 201 404  role         role         role         403 403 404  201 201 404  role         role         401
context_read          200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401
context_update        200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
context_transition    200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
context_history       200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401

site_list             200          200          200          200          200          200          200          role         401
site_create           201 403 422  201 403 422  role         role         role         role         role         role         401
site_read             200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401
site_update           200 403 404  200 403 404  role         role         role         role         role         role         401
site_transition       200 403 404  200 403 404  role         role         role         role         role         role         401
site_history          200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401

rule_list             200          200          200          200          200          200          200          role         401
rule_create           201 201 422  role         role         role         403 403 422  201 201 422  role         role         401
rule_read             200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401
rule_update           200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
rule_transition       200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
rule_history          200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  role         401

issue_list            200          200          200          200          200          200          200          role         401
issue_create          201 201 422  201 - 422    201 - 422    201 201 422  403 403 422  201 201 422  role         role         401
issue_read            200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
issue_update          200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    200 200 404  role         role         401
issue_transition      200 200 404  403 403 404  403 403 404  403 403 404  - 403 404    200 200 404  role         role         401
issue_history         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
issue_assignments     200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
issue_proposal        200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
issue_similar         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
issue_batch           200          200          200          200          200          200          role         role         401

comment_list          200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
comment_create        201 201 404  201 201 404  201 201 404  201 201 404  - 201 404    201 201 404  role         role         401
comment_read          200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    role         401
comment_update        200 403 404  200 403 404  200 403 404  200 403 404  200 403 404  200 403 404  role         role         401
comment_transition    200 403 404  200 403 404  200 403 404  200 403 404  200 403 404  200 403 404  role         role         401

meeting_series_list   200          200          200          200          200          200          200          role         401
meeting_series_create  201 - 422   role         role         role         403 - 422    201 - 422    role         role         401
meeting_series_read   200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
meeting_series_update  200 200 404  role        role         role         403 403 404  200 200 404  role         role         401
meeting_series_transition  200 200 404  role    role         role         403 403 404  200 200 404  role         role         401
meeting_series_history  200 200 404  200 - 404  200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401

meeting_list          200          200          200          200          200          200          200          role         401
meeting_create        201 201 422  role         role         role         403 403 422  201 201 422  role         role         401
meeting_read          200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
meeting_update        200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
meeting_transition    200 200 404  role         role         role         403 403 404  200 200 404  role         role         401
meeting_history       200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
meeting_comment_list  200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
meeting_comment_create  201 201 404  201 - 404  201 - 404    201 201 404  201 201 404  201 201 404  role         role         401

invitation_list       200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
invitation_create     201 201 404  role         role         role         403 403 404  201 201 404  role         role         401
invitation_read       200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
invitation_transition  200 403 404  200 403 404  200 403 404  200 403 404  - 403 404   - 403 404    role         role         401
invitation_history    200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401

attendance_list       200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
attendance_create     201 201 404  201 403 404  201 403 404  201 403 404  403 403 404  201 201 404  role         role         401
attendance_read       200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
attendance_update     200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    - 200 404    role         role         401
attendance_transition  200 200 404  200 403 404  200 403 404  200 403 404  - 403 404   - 200 404    role         role         401
attendance_history    200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401

agenda_point_list     200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
agenda_point_create   201 201 404  201 - 404    201 - 404    201 201 404  403 403 404  201 201 404  role         role         401
agenda_point_read     200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
agenda_point_update   200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    200 200 404  role         role         401
agenda_point_transition  200 403 404  200 403 404  200 403 404  200 403 404  - 403 404  200 403 404  role        role         401
agenda_point_history  200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401

decision_list         200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
decision_create       201 201 404  role         role         role         403 403 404  201 201 404  role         role         401
decision_read         200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
decision_update       200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
decision_transition   200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
decision_history      200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401

document_list         200          200          200          200          200          200          200          role         401
document_create       201 201 422  201 201 422  201 201 422  201 201 422  403 403 422  201 201 422  role         role         401
document_read         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
document_content      200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
document_update       200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    200 403 404  role         role         401
document_transition   200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    200 403 404  role         role         401
document_history      200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401

commitment_list       200          200          200          200          200          200          200          role         401
commitment_create     201 201 422  201 403 422  201 403 422  201 403 422  403 403 422  201 201 422  role         role         401
commitment_read       200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
commitment_update     200 403 404  200 403 404  200 403 404  200 403 404  - 403 404    200 403 404  role         role         401
commitment_transition  200 403 404  200 403 404  200 403 404  200 403 404  - 403 404   200 403 404  role         role         401
commitment_correct    200 403 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401
commitment_history    200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
commitment_cost_read  200 200 404  200 404 404  200 404 404  200 200 404  - 404 404    200 404 404  - 200 404    role         401
commitment_cost_update  200 403 404  200 404 404  200 404 404  200 403 404  - 404 404  200 404 404  role         role         401
commitment_note_read  200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  role         role         401
commitment_note_update  200 200 404  200 200 404  200 200 404  200 200 404  - 200 404  200 200 404  role         role         401

evidence_list         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
evidence_create       201 403 404  201 403 404  201 403 404  201 403 404  role         role         role         role         401
evidence_read         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
evidence_transition   200 403 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401

commitment_trace      200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401

action_plan_list      200          200          200          200          200          200          200          role         401
action_plan_create    201          role         role         role         403          201          role         role         401
action_plan_read      200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
action_plan_update    200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
action_plan_transition  200 - 404  role         role         role         - 403 404    200 - 404    role         role         401
action_plan_history   200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401

action_sheet_list     200          200          200          200          200          200          200          role         401
action_sheet_create   201 201 422  role         role         role         403 403 422  201 201 422  role         role         401
action_sheet_read     200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    200 - 404    - 200 404    role         401
action_sheet_update   200 - 404    200 403 404  200 403 404  200 403 404  - 403 404    200 - 404    role         role         401
action_sheet_transition  200 - 404  role        role         role         - 403 404    200 - 404    role         role         401
action_sheet_history  200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    200 - 404    - 200 404    role         401
action_sheet_trace    200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    200 - 404    - 200 404    role         401
action_sheet_cost_read  200 - 404  200 404 404  200 404 404  200 200 404  - 404 404    404 - 404    - 200 404    role         401
action_sheet_cost_update  200 - 404  200 404 404  200 404 404  200 403 404  role        role        role         role         401

evaluation_list       200          200          200          200          200          200          200          role         401
evaluation_create     201 - 422    role         role         role         403 - 422    201 - 422    role         role         401
evaluation_read       200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
evaluation_update     200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
evaluation_transition  200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
evaluation_history    200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
evaluation_comment_list  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
evaluation_comment_create  201 - 404    - 201 404    - 201 404    - 201 404    - 201 404    201 - 404    role         role         401

lesson_list           200          200          200          200          200          200          200          role         401
lesson_create         201          role         role         role         403          201          role         role         401
lesson_read           200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
lesson_update         200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
lesson_transition     200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
lesson_history        200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401

objective_outcome_list  200          200          200          200          200          200          200          role         401
objective_outcome_create  201 - 422    role         role         role         403 - 422    201 - 422    role         role         401
objective_outcome_read  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
objective_outcome_update  200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
objective_outcome_transition  200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
objective_outcome_history  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401

capitalisation_sheet_list  200          200          200          200          200          200          200          role         401
capitalisation_sheet_create  201          role         role         role         403          201          role         role         401
capitalisation_sheet_read  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
capitalisation_sheet_update  200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
capitalisation_sheet_transition  200 - 404    role         role         role         - 403 404    200 - 404    role         role         401
capitalisation_sheet_history  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
capitalisation_sheet_markdown  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401
capitalisation_sheet_html  200 - 404    - 200 404    - 200 404    - 200 404    - 200 404    200 - 404    - 200 404    role         401

convention_list       200          200          200          200          200          200          200          role         401
convention_create     201 201 422  role         role         role         role         role         role         role         401
convention_read       200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
convention_update     200 - 404    role         role         role         role         role         role         role         401
convention_transition  200 - 404   role         role         role         role         role         role         role         401
convention_amend      201 - 404    role         role         role         role         role         role         role         401
convention_bundle     200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
convention_history    200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
convention_trace      200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401

signature_list        200 - 404    200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
signature_create      201 403 404  201 403 404  201 403 404  201 403 404  role         role         role         role         401
signature_read        200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
signature_transition  403 403 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401

revision_list         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
revision_create       201 403 404  201 403 404  201 403 404  201 403 404  role         role         role         role         401
revision_read         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
revision_transition   200 403 404  200 403 404  200 403 404  200 403 404  role         role         role         role         401

contribution_list     200          200          200          200          200          200          200          role         401
contribution_map      200          200          200          200          200          200          200          role         401
contribution_create   201 201 422  role         201 - 422    role         403 403 422  201 201 422  role         role         401
contribution_read     200 200 404  - 200 404    200 200 404  - 200 404    - 200 404    200 200 404  - 200 404    role         401
contribution_update   200 200 404  role         200 403 404  role         - 403 404    200 200 404  role         role         401
contribution_transition  200 200 404  role      403 403 404  role         - 403 404    200 200 404  role         role         401
contribution_history  200 200 404  - 200 404    200 200 404  - 200 404    - 200 404    200 200 404  - 200 404    role         401
contribution_batch    200          role         200          role         200          200          role         role         401

diagnosis_list        200          200          200          200          200          200          200          role         401
diagnosis_create      201 201 422  role         role         role         403 403 422  201 201 422  role         role         401
diagnosis_read        200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401
diagnosis_update      200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
diagnosis_transition  200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
diagnosis_history     200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401

finding_list          200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401
finding_create        201 201 404  role         role         role         - 403 404    201 201 404  role         role         401
finding_read          200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401
finding_update        200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
finding_agree         200 200 404  - 200 404    - 200 404    - 200 404    role         role         role         role         401
finding_transition    200 200 404  role         role         role         - 403 404    200 200 404  role         role         401
finding_history       200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401

answer_due_list       200          200          200          200          200          200          200          role         401
answer_due_rate       200          200          200          200          200          200          200          role         401
answer_due_read       200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
answer_due_transition  200 200 404  200 403 404  200 403 404  200 403 404  - 403 404    - 200 404    role         role         401
answer_due_history    200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
answer_due_trace      200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    - 200 404    - 200 404    role         401
issue_trace            200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
meeting_trace          200 200 404  200 - 404    200 - 404    200 200 404  200 200 404  200 200 404  200 200 404  role         401
contribution_trace     200 200 404  - 200 404    200 200 404  - 200 404    - 200 404    200 200 404  - 200 404    role         401
diagnosis_trace        200 200 404  - 200 404    - 200 404    - 200 404    - 200 404    200 200 404  - 200 404    role         401
document_trace         200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401

reporter_list         200          role         200          role         role         role         role         role         401
reporter_create       201 201 404  role         201 403 404  role         role         role         role         role         401
reporter_read         200 200 404  role         200 - 404    role         role         role         role         role         401
reporter_update       200 200 404  role         200 - 404    role         role         role         role         role         401
reporter_disclose     200 200 404  role         200 - 404    role         role         role         role         role         401
reporter_history      200 200 404  role         200 - 404    role         role         role         role         role         401
privacy_export        200 200 404  role         200 - 404    role         role         role         role         role         401
privacy_erase         200 200 404  role         200 - 404    role         role         role         role         role         401
privacy_search        200          role         200          role         role         role         role         role         401
privacy_register      200          role         role         role         role         role         role         role         401

ledger_checkpoint     200          200          200          200          200          200          200          role         401
ledger_checkpoint_of  200          200          200          200          200          200          200          role         401
ledger_entries        200          200          200          200          200          200          200          role         401
ledger_openings       200          200          200          200          200          200          200          role         401
ledger_inclusion      200          200          200          200          200          200          200          role         401
ledger_consistency    200          200          200          200          200          200          200          role         401
ledger_tile_2         200          200          200          200          200          200          200          role         401
ledger_proof          200          200          200          200          200          200          200          role         401
ledger_tile           404          404          404          404          404          404          404          role         401
ledger_tile_3         404          404          404          404          404          404          404          role         401
ledger_tile_4         404          404          404          404          404          404          404          role         401
commitment_leaves     200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
ledger_history        200 200 404  200 200 404  200 200 404  200 200 404  - 200 404    200 200 404  - 200 404    role         401
ledger_cosign         204          204          204          204          204          204          role         role         401
"""

# Open to everybody, with the same answer for each role and for nobody. The
# authorisation server knows its callers by their secret or key, not by a token.
PUBLIC = {
    "root_get": 200,
    "livez_get": 200,
    "readyz_get": 200,
    "metrics_get": 200,
    "contract_get": 200,
    "docs_get": 200,
    "docs_page_get": 200,
    "api_catalog_get": 200,
    "security_txt_get": 200,
    "oauth_metadata": 200,
    "jwks_get": 200,
    "oauth_token": 401,
    "oauth_introspect": 401,
    "oauth_revoke": 401,
}
