/* SPDX-License-Identifier: MIT */

/* For people who design forms: what becomes of a message (messaging.md 3.9), and what is wrong
 * with definitions (settings-and-forms.md 6.1).  Nothing is stored. */

#define G_LOG_DOMAIN "barua-api"

#include "forms/error.h"
#include "forms/form-check.h"
#include "forms/xform.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/settings-document.h"
#include "gateway/app.h"
#include "parser/error.h"
#include "parser/trial.h"

#include <string.h>

/* ---- explain: read the texts in force, compile and try the message on a worker ---- */

typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaJson body;
  BaruaJson settings;         /* absent: those in force */
  BaruaJson definition;       /* absent: the forms of the settings */
  BaruaSettings *in_force;    /* of the request */
  BaruaSettingsSource source; /* texts in force, for a definition alone */
  GString *answer;
} Explanation;

static void
explanation_free (Explanation *e)
{
  barua_settings_source_clear (&e->source);
  barua_settings_unref (e->in_force);
  if (e->answer != NULL)
    g_string_free (e->answer, TRUE);
  barua_request_unref (e->request);
  g_free (e);
}

/* One member of the body, and what it may be besides absent. */
typedef struct
{
  const char *name;
  gboolean is_required;
  gboolean is_object; /* else text or a number */
} Member;

static const Member members[] = {
  { "message", TRUE, FALSE },  { "from", FALSE, FALSE },      { "locale", FALSE, FALSE },
  { "settings", FALSE, TRUE }, { "definition", FALSE, TRUE },
};

/* What is wrong with the body of a request for an explanation; NULL when nothing is. */
static char *
complaint_about (BaruaJson body)
{
  if (barua_json_type (body) != BARUA_JSON_OBJECT)
    return g_strdup_printf ("the body is %s; expected an object with the member \"message\"",
                            barua_json_type_name (body));
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const Member *member = &members[i];
      BaruaJson value = barua_json_member (body, member->name);
      BaruaJsonType type = barua_json_type (value);
      if (barua_json_is_nothing (value) && !member->is_required)
        continue;
      if (type == BARUA_JSON_ABSENT)
        return g_strdup_printf ("%s: missing; expected the text of an SMS", member->name);
      if (member->is_object && type != BARUA_JSON_OBJECT)
        return g_strdup_printf ("%s: is %s; expected an object", member->name,
                                barua_json_type_name (value));
      if (!member->is_object && type != BARUA_JSON_STRING && type != BARUA_JSON_NUMBER)
        return g_strdup_printf ("%s: is %s; expected a string", member->name,
                                barua_json_type_name (value));
    }
  return NULL;
}

/* The settings that the body asks for; NULL with @error set when they cannot be compiled. */
static BaruaSettings *
compile (const Explanation *e, GError **error)
{
  if (e->settings.text == NULL && e->definition.text == NULL)
    return barua_settings_ref (e->in_force);
  if (e->settings.text == NULL)
    {
      g_autoptr (GBytes) text
          = barua_trial_settings_text (barua_settings_json (e->in_force), e->definition);
      return barua_settings_source_compile (&e->source, text, error);
    }
  g_autoptr (GBytes) text = barua_trial_settings_text (e->settings, e->definition);
  return barua_settings_compile (text, NULL, 0, error);
}

/* GTask, on a worker. */
static void
explain (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  Explanation *e = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (BaruaSettings) settings = compile (e, &error);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaTrial trial = { .settings = settings, .explains = TRUE };
  BaruaMessage message;

  if (settings == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (e->definition.text != NULL)
    trial.form = barua_settings_form (settings, 0);
  barua_message_from_json (e->body, arena, &message);
  message.now_ms = barua_now_ms ();
  if (message.from.p == NULL)
    message.from = BARUA_TEXT (""); /* only a gateway has to name the sender */
  if (barua_trial_append_message (&trial, &message, arena, e->answer, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
explained (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Explanation *e = user_data;
  g_autoptr (GError) error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    barua_request_reply_json (e->request, 200, g_steal_pointer (&e->answer));
  else if (error->domain == BARUA_PARSER_ERROR)
    barua_request_fail (e->request, BARUA_HTTP_ERROR_BAD_REQUEST, error->message, NULL);
  else
    barua_api_fail (e->request, error);
  explanation_free (e);
}

static void
explain_on_worker (Explanation *e)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, explained, e);

  g_task_set_task_data (task, e, NULL);
  g_task_run_in_thread (task, explain);
}

/* The texts of the documents `messages-<code>` are there. */
static void
texts_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Explanation *e = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_read_finish (e->app->store, result, &error))
    explain_on_worker (e);
  else
    {
      barua_api_fail (e->request, error);
      explanation_free (e);
    }
}

/* A member of the body; null counts as absent. */
static BaruaJson
member_or_none (BaruaJson body, const char *name)
{
  BaruaJson value = barua_json_member (body, name);

  return barua_json_is_nothing (value) ? BARUA_JSON_NONE : value;
}

void
barua_api_forms_explain (BaruaRequest *request, gpointer app)
{
  BaruaJson body = barua_request_json (request);
  g_autofree char *complaint = complaint_about (body);

  if (complaint != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, complaint, NULL);
      return;
    }
  Explanation *e = g_new0 (Explanation, 1);
  e->app = app;
  e->request = barua_request_ref (request);
  e->body = body;
  e->settings = member_or_none (body, "settings");
  e->definition = member_or_none (body, "definition");
  e->in_force = barua_settings_ref (barua_request_settings (request));
  e->answer = g_string_new (NULL);
  if (e->definition.text != NULL && e->settings.text == NULL)
    barua_store_read_async (e->app->store, barua_settings_source_read, &e->source, NULL, NULL,
                            texts_read, e);
  else
    explain_on_worker (e);
}

/* ---- validate: check on a worker ---- */

typedef struct
{
  BaruaRequest *request;
  BaruaJson body;
  gboolean is_lenient;
  BaruaFormReport *report; /* NULL: the body holds no forms */
} Validation;

static void
validation_free (Validation *v)
{
  g_clear_pointer (&v->report, barua_form_report_free);
  barua_request_unref (v->request);
  g_free (v);
}

/* GTask, on a worker. */
static void
validate (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  Validation *v = data;

  v->report = barua_forms_check_value (v->body, v->is_lenient);
  g_task_return_boolean (task, TRUE);
}

/* 400: the errors as details, beside them the warnings. */
static void
reply_problems (const Validation *v)
{
  guint n = v->report->n_errors;
  g_autofree char *summary = g_strdup_printf ("%u problem%s in forms", n, n == 1 ? "" : "s");
  GString *json = g_string_new ("{\"code\":400");

  barua_json_append_key (json, "error");
  barua_json_append_string (json, barua_text (summary));
  barua_json_append_key (json, "details");
  barua_form_findings_append_json (json, v->report->errors);
  barua_json_append_key (json, "warnings");
  barua_form_findings_append_json (json, v->report->warnings);
  g_string_append_c (json, '}');
  barua_request_reply_json (v->request, 400, json);
}

static void
reply_good (const Validation *v)
{
  GString *json = g_string_new ("{\"ok\":true");

  barua_json_append_key (json, "warnings");
  barua_form_findings_append_json (json, v->report->warnings);
  g_string_append_c (json, '}');
  barua_request_reply_json (v->request, 200, json);
}

static void
validated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Validation *v = user_data;

  if (v->report == NULL)
    barua_request_fail (v->request, BARUA_HTTP_ERROR_BAD_REQUEST,
                        "expected a form definition, an object of definitions by code, or "
                        "settings with \"forms\"",
                        NULL);
  else if (v->report->n_errors > 0)
    reply_problems (v);
  else
    reply_good (v);
  validation_free (v);
}

/* ---- validate an XForm, on a worker too ---- */

/* GTask, on a worker: the task's data is the body, its answer what is wrong. */
static void
validate_xform (GTask *task, gpointer source_object, gpointer data, GCancellable *cancellable)
{
  gsize length = 0;
  const char *bytes = g_bytes_get_data (data, &length);
  g_auto (BaruaXForm) xform = { 0 };
  GError *error = NULL;

  if (barua_xform_read ((BaruaText){ bytes, length }, &xform, &error))
    g_task_return_pointer (task, g_strdup (barua_xform_fault (&xform)), g_free);
  else
    g_task_return_error (task, error);
}

/* 400 `{"error":reason}` (settings-and-forms.md 6.1). */
static void
reply_fault (BaruaRequest *request, const char *reason)
{
  GString *json = g_string_new ("{\"error\":");

  barua_json_append_string (json, barua_text (reason));
  g_string_append_c (json, '}');
  barua_request_reply_json (request, 400, json);
}

static void
xform_validated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (BaruaRequest) request = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *fault = g_task_propagate_pointer (G_TASK (result), &error);

  if (g_error_matches (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_XML))
    reply_fault (request, error->message);
  else if (error != NULL)
    barua_api_fail (request, error);
  else if (fault != NULL)
    reply_fault (request, fault);
  else
    barua_request_reply_static_json (request, 200, "{\"ok\":true}");
}

void
barua_api_forms_validate (BaruaRequest *request, gpointer app)
{
  const char *rules = barua_request_query (request, "form_rules");
  BaruaBodyKind kind = barua_request_body_kind (request);

  if (kind == BARUA_BODY_KIND_NONE)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_CONTENT_TYPE,
                          "Content-Type must be application/xml, text/plain or application/json",
                          NULL);
      return;
    }
  if (kind == BARUA_BODY_KIND_RAW)
    {
      g_autoptr (GTask) task
          = g_task_new (NULL, NULL, xform_validated, barua_request_ref (request));
      g_task_set_task_data (task, g_bytes_ref (barua_request_body (request)),
                            (GDestroyNotify)g_bytes_unref);
      g_task_run_in_thread (task, validate_xform);
      return;
    }
  Validation *v = g_new0 (Validation, 1);
  v->request = barua_request_ref (request);
  v->body = barua_request_json (request);
  v->is_lenient = rules != NULL && strcmp (rules, "warn") == 0;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, validated, v);
  g_task_set_task_data (task, v, NULL);
  g_task_run_in_thread (task, validate);
}
