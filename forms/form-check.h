/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/** Findings that a report holds at most; further ones are only counted (settings-and-forms.md 5.5). */
#define BARUA_FORM_REPORT_MAX 50

/**
 * BaruaFormFinding:
 * @rule: its number in settings-and-forms.md 5.4
 * @is_error: the definition is refused
 * @path: for instance `forms.P.fields.lmp.type`
 * @message: what was found and what would do, in one line
 */
typedef struct
{
  guint rule;
  gboolean is_error;
  char *path;
  char *message;
} BaruaFormFinding;

/**
 * BaruaFormReport:
 * @errors: (element-type BaruaFormFinding): in the order of forms, fields, rules
 * @warnings: (element-type BaruaFormFinding): the same
 * @n_errors: also those beyond %BARUA_FORM_REPORT_MAX
 * @n_warnings: the same
 */
typedef struct
{
  GPtrArray *errors;
  GPtrArray *warnings;
  guint n_errors;
  guint n_warnings;
} BaruaFormReport;

void barua_form_report_free (BaruaFormReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaFormReport, barua_form_report_free)

/**
 * barua_forms_check:
 * @forms: the `forms` of settings
 * @in_force: the `forms` in force; a form that stands there unchanged is not checked. Absent: all are
 * @is_lenient: every error but those of rules 1, 7 and 18 becomes a warning
 *
 * Checks definitions by the upload rules of settings-and-forms.md 5.4.
 *
 * Returns: (transfer full)
 */
BaruaFormReport *barua_forms_check (BaruaJson forms, BaruaJson in_force, gboolean is_lenient);

/**
 * barua_form_check_definition:
 * @code: (nullable): the code it would be stored under; absent: that of its `meta.code`, and rules 2 to 4 are left out
 *
 * Checks one definition; paths begin with `form`, or with `forms.CODE`.
 *
 * Returns: (transfer full)
 */
BaruaFormReport *barua_form_check_definition (BaruaText code, BaruaJson definition);

/**
 * barua_forms_check_value:
 * @value: a form definition (it has `fields` or `meta`), settings (they have `forms`), or the `forms`
 *   of settings (some member is a definition; empty; or no object at all, which rule 1 refuses)
 * @is_lenient: as for barua_forms_check(); settings may ask for it by `barua.form_rules`
 *
 * Checks what a designer hands in, telling by its members what it is. A member `forms` comes first.
 *
 * Returns: (transfer full) (nullable): %NULL when @value is an object without any form
 */
BaruaFormReport *barua_forms_check_value (BaruaJson value, gboolean is_lenient);

/** Appends one line a finding: `PATH: MESSAGE`, joined by newlines, then how many were left out. */
void barua_form_findings_append_text (GString *out, GPtrArray *findings, guint n_all);

/** Appends `[{"path":…,"message":…}, …]`. */
void barua_form_findings_append_json (GString *out, GPtrArray *findings);

G_END_DECLS
