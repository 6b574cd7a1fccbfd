/* SPDX-License-Identifier: MIT */

/* /api/v1/settings and what cht-conf calls instead: read, and change (settings-and-forms.md 1, 2).
 */

#define G_LOG_DOMAIN "barua-api"

#include "forms/form-check.h"
#include "forms/settings-edit.h"
#include "gateway/api/document-common.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/settings-document.h"
#include "gateway/api/settings-reload.h"
#include "gateway/app.h"

#include <string.h>

/* How often a change is made again upon settings that were written as a document meanwhile
 * (architecture, flow c). */
#define MAX_ATTEMPTS 3

void
barua_api_settings_get (BaruaRequest *request, gpointer app)
{
  const BaruaSettings *settings = barua_request_settings (request);
  GBytes *text = barua_settings_text (settings);
  g_autofree char *etag = g_strdup_printf ("W/\"%s\"", barua_settings_digest (settings));

  barua_request_add_header (request, "ETag", etag);
  if (barua_request_knows_etag (request, etag))
    barua_request_reply (request, 304, NULL, NULL);
  else
    barua_request_reply (request, 200, "application/json; charset=utf-8", g_bytes_ref (text));
}

/* None yet: every transition that the settings may name is there (3.4). */
void
barua_api_settings_deprecated_transitions (BaruaRequest *request, gpointer app)
{
  barua_request_reply_static_json (request, 200, "[]");
}

/* ---- the alias that reads ---- */

/* Whether the alias is asked of the default database, the one that has settings; FALSE after an
 * answer. */
static gboolean
is_default_database (BaruaRequest *request, BaruaApp *app)
{
  if (strcmp (barua_request_param (request, "db"), barua_store_default_db (app->store)) == 0)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, NULL, NULL);
  return FALSE;
}

/* The member @name, or the element when it is a number and @value an array. */
static BaruaJson
step (BaruaJson value, const char *name)
{
  BaruaJsonIter iter;
  BaruaJson element;

  if (barua_json_type (value) == BARUA_JSON_OBJECT)
    return barua_json_member (value, name);
  if (barua_json_type (value) != BARUA_JSON_ARRAY || *name == '\0' || strlen (name) > 9
      || name[strspn (name, "0123456789")] != '\0')
    return BARUA_JSON_NONE;
  guint64 index = g_ascii_strtoull (name, NULL, 10);
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &element))
    if (index-- == 0)
      return element;
  return BARUA_JSON_NONE;
}

void
barua_api_settings_alias_get (BaruaRequest *request, gpointer app)
{
  const char *path = barua_request_param (request, "path");
  BaruaJson value = barua_settings_json (barua_request_settings (request));

  if (!is_default_database (request, app))
    return;
  g_auto (GStrv) names = g_strsplit (path != NULL ? path : "", ".", -1);
  for (guint i = 0; names[i] != NULL && value.text != NULL; i++)
    value = step (value, names[i]);
  GString *json = g_string_new ("{\"settings\":");
  if (barua_json_truthy (value))
    g_string_append_len (json, value.text, (gssize)value.length);
  else
    g_string_append (json, "{}");
  g_string_append (json, ",\"meta\":{},\"schema\":{}}");
  barua_request_reply_json (request, 200, json);
}

/* ---- a change: read, edit and compile on a worker, write, swap ---- */

typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaJson body;
  BaruaSettingsMode mode;
  gboolean is_lenient;
  gboolean is_alias; /* refused with 200 */
  guint attempts;
  guint serial; /* of the settings in force when @source was read */
  BaruaSettingsSource source;
  GBytes *text; /* the new settings */
  gboolean is_changed;
  BaruaSettings *compiled;
  BaruaFormReport *report;
} Change;

static void read_source (Change *change);

/* Ends the change that is at work; the next one that waits begins. */
static void
change_end (Change *change)
{
  BaruaApp *app = change->app;

  g_queue_pop_head (&app->settings_changes);
  barua_settings_source_clear (&change->source);
  g_clear_pointer (&change->text, g_bytes_unref);
  g_clear_pointer (&change->compiled, barua_settings_unref);
  g_clear_pointer (&change->report, barua_form_report_free);
  barua_request_unref (change->request);
  g_free (change);
  Change *next = g_queue_peek_head (&app->settings_changes);
  if (next != NULL && app->store != NULL)
    read_source (next);
}

/* false, 0, no, off and the empty text are false (settings-and-forms.md 2.1). */
static gboolean
is_true (const char *value)
{
  static const char *const no[] = { "", "false", "0", "no", "off" };

  if (value == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    if (g_ascii_strcasecmp (value, no[i]) == 0)
      return FALSE;
  return TRUE;
}

static void
reply_done (Change *change)
{
  GString *json = g_string_new ("{\"success\":true,\"updated\":");

  g_string_append (json,
                   change->is_changed ? "true,\"upgraded\":true" : "false,\"upgraded\":false");
  if (change->report != NULL && change->report->n_warnings > 0)
    {
      barua_json_append_key (json, "warnings");
      barua_form_findings_append_json (json, change->report->warnings);
    }
  g_string_append_c (json, '}');
  barua_request_reply_json (change->request, 200, json);
  change_end (change);
}

/* cht-conf would try five times more if this were an error, and not show why (5.5). */
static void
reply_refused_alias (Change *change)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  GString *json = g_string_new ("{\"success\":false,\"error\":");

  barua_form_findings_append_text (lines, change->report->errors, change->report->n_errors);
  if (lines->len > 0 && lines->str[lines->len - 1] == '\n')
    g_string_truncate (lines, lines->len - 1);
  barua_json_append_string (json, (BaruaText){ lines->str, lines->len });
  g_string_append_c (json, '}');
  barua_request_reply_json (change->request, 200, json);
}

/* The report: text lines, or the list as details (settings-and-forms.md 5.5). */
static void
reply_refused (Change *change)
{
  guint n = change->report->n_errors;
  GPtrArray *errors = change->report->errors;

  if (change->is_alias)
    reply_refused_alias (change);
  else if (barua_http_wants_json (barua_request_header (change->request, "Accept")))
    {
      g_autofree char *summary
          = g_strdup_printf ("settings refused: %u problem%s in forms", n, n == 1 ? "" : "s");
      g_autoptr (GString) details = g_string_new (NULL);
      barua_form_findings_append_json (details, errors);
      barua_request_fail (change->request, BARUA_HTTP_ERROR_BAD_REQUEST, summary, details->str);
    }
  else
    {
      g_autoptr (GString) lines = g_string_new (NULL);
      barua_form_findings_append_text (lines, errors, n);
      barua_request_reply_text (change->request, 400, lines->str);
    }
  change_end (change);
}

static void
fail (Change *change, const GError *error)
{
  barua_api_fail (change->request, error);
  change_end (change);
}

/* Whether `barua.form_rules` or the request ask for warnings instead of errors
 * (settings-and-forms.md 5.4). */
static gboolean
wants_warnings (const Change *change, BaruaJson settings)
{
  BaruaJson rules = barua_json_member (barua_json_member (settings, "barua"), "form_rules");

  return change->is_lenient || barua_json_string_is (rules, BARUA_TEXT ("warn"));
}

/* GTask, on a worker: applies the change, checks the forms, compiles. */
static void
prepare (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  Change *change = data;
  BaruaJson stored = barua_settings_source_json (&change->source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = barua_settings_edit (stored, change->body, change->mode, &error);

  if (text == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  BaruaJson edited = { text->str, text->len };
  change->is_changed = !barua_text_equal ((BaruaText){ text->str, text->len },
                                          (BaruaText){ stored.text, stored.length });
  change->report
      = barua_forms_check (barua_json_member (edited, "forms"), barua_json_member (stored, "forms"),
                           wants_warnings (change, edited));
  change->text = g_string_free_to_bytes (g_steal_pointer (&text));
  if (change->is_changed && change->report->n_errors == 0)
    {
      change->compiled = barua_settings_source_compile (&change->source, change->text, &error);
      if (change->compiled == NULL)
        {
          g_task_return_error (task, g_steal_pointer (&error));
          return;
        }
    }
  g_task_return_boolean (task, TRUE);
}

/* Job: the new revision of the document. */
static gboolean
put_settings (BaruaTx *tx, gpointer data, GError **error)
{
  Change *change = data;
  gsize n = 0;
  const char *text = g_bytes_get_data (change->text, &n);

  return barua_settings_source_put (tx, &change->source, (BaruaText){ text, n }, error);
}

static void
reloaded (gpointer data)
{
  reply_done (data);
}

/* What was compiled, or what is stored by now: texts may have come into force meanwhile. */
static void
put_in_force (Change *change)
{
  if (change->app->settings_serial != change->serial)
    {
      barua_settings_reload (change->app, reloaded, change);
      return;
    }
  barua_app_set_settings (change->app, change->compiled);
  reply_done (change);
}

static void
put_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_write_finish (change->app->store, result, &error))
    {
      put_in_force (change);
      return;
    }
  if (!g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT))
    fail (change, error);
  else if (change->attempts < MAX_ATTEMPTS)
    read_source (change);
  else
    {
      barua_request_fail (change->request, BARUA_HTTP_ERROR_CONFLICT, "Document update conflict.",
                          NULL);
      change_end (change);
    }
}

static void
prepared (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    fail (change, error);
  else if (change->report->n_errors > 0)
    reply_refused (change);
  else if (!change->is_changed)
    reply_done (change);
  else
    barua_store_write_async (change->app->store, put_settings, change, NULL,
                             g_bytes_get_size (change->text), NULL, put_done, change);
}

static void
source_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Change *change = user_data;
  g_autoptr (GError) error = NULL;

  if (!barua_store_read_finish (change->app->store, result, &error))
    {
      fail (change, error);
      return;
    }
  g_autoptr (GTask) task = g_task_new (NULL, NULL, prepared, change);
  g_task_set_task_data (task, change, NULL);
  g_task_run_in_thread (task, prepare);
}

/* The beginning of an attempt. */
static void
read_source (Change *change)
{
  change->attempts++;
  change->serial = change->app->settings_serial;
  g_clear_pointer (&change->text, g_bytes_unref);
  g_clear_pointer (&change->compiled, barua_settings_unref);
  g_clear_pointer (&change->report, barua_form_report_free);
  barua_store_read_async (change->app->store, barua_settings_source_read, &change->source, NULL,
                          NULL, source_read, change);
}

static void
begin_change (BaruaRequest *request, BaruaApp *app, gboolean is_alias)
{
  Change *change = g_new0 (Change, 1);
  const char *rules = barua_request_query (request, "form_rules");

  change->app = app;
  change->request = barua_request_ref (request);
  change->body = barua_request_json (request);
  change->is_alias = is_alias;
  change->is_lenient = rules != NULL && strcmp (rules, "warn") == 0;
  if (is_true (barua_request_query (request, "overwrite")))
    change->mode = BARUA_SETTINGS_OVERWRITE;
  else if (is_true (barua_request_query (request, "replace")))
    change->mode = BARUA_SETTINGS_REPLACE;
  /* one after the other: a change is made upon the one before, and nobody has to try again */
  g_queue_push_tail (&app->settings_changes, change);
  if (g_queue_get_length (&app->settings_changes) == 1)
    read_source (change);
}

void
barua_api_settings_put (BaruaRequest *request, gpointer app)
{
  begin_change (request, app, FALSE);
}

void
barua_api_settings_alias_put (BaruaRequest *request, gpointer app)
{
  if (is_default_database (request, app))
    begin_change (request, app, TRUE);
}
