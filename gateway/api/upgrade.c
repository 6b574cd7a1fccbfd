/* SPDX-License-Identifier: MIT */

/* Asking for an upgrade, and the document that says how it goes (export-and-monitoring.md 8). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/upgrade.h"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/build.h"
#include "gateway/rules/document.h"
#include "gateway/upgrade.h"

#define SCHEMA_VERSION 1
#define NO_BUILD "You must provide a build info body"
#define NOT_STAGED "Cannot find a staged upgrade that is ready for completion"

/* ---- the document ---- */

void
barua_upgrade_state_clear (BaruaUpgradeState *state)
{
  g_free (state->version);
  g_free (state->action);
}

/* Whether the last entry of a log is an error. */
static gboolean
ends_with_error (BaruaJson log)
{
  const guint n = barua_json_type (log) == BARUA_JSON_ARRAY ? barua_json_size (log) : 0;

  return n > 0 && barua_json_truthy (barua_json_member (barua_json_element (log, n - 1), "error"));
}

gboolean
barua_upgrade_document_read (BaruaReader *reader, BaruaUpgradeState *state, gboolean *is_there,
                             GError **error)
{
  g_autoptr (BaruaDocument) document = NULL;

  *state = (BaruaUpgradeState){ 0 };
  if (!barua_reader_find_document (reader, NULL, BARUA_TEXT (BARUA_UPGRADE_DOCUMENT), &document,
                                   error))
    return FALSE;
  *is_there = document != NULL;
  if (document == NULL)
    return TRUE;
  const BaruaJson body = { document->body.p, document->body.n };
  state->version = barua_json_string (
      barua_json_member (barua_json_member (body, "build_info"), "version"), NULL);
  state->action = barua_json_string (barua_json_member (body, "action"), NULL);
  state->is_staged = barua_json_truthy (barua_json_member (body, "staging_complete"));
  state->is_over = ends_with_error (barua_json_member (body, "log"));
  return TRUE;
}

/* The log with one more entry. */
static GString *
make_log (BaruaJson log, const BaruaUpgradeNote *note)
{
  GString *out = g_string_new (NULL);

  if (barua_json_type (log) == BARUA_JSON_ARRAY)
    {
      barua_json_append_minified (out, log);
      g_string_truncate (out, out->len - 1);
    }
  else
    g_string_append_c (out, '[');
  g_string_append (out, out->len > 1 ? ",{" : "{");
  barua_json_append_key (out, "datetime");
  barua_json_append_integer (out, barua_now_ms ());
  barua_json_append_key (out, "message");
  barua_json_append_string (out, barua_text (note->message));
  g_string_append (out, note->is_error ? ",\"error\":true}]" : "}]");
  return out;
}

/* The document as @note makes it. */
static GString *
edit (BaruaJson body, const BaruaUpgradeNote *note)
{
  GString *out = g_string_sized_new (body.length + 256);
  g_autoptr (GString) action = g_string_new (NULL);
  g_autoptr (GString) log = NULL;
  BaruaMemberEdit edits[3];
  gsize n = 0;

  if (note->action != NULL)
    {
      barua_json_append_string (action, barua_text (note->action));
      edits[n++] = (BaruaMemberEdit){ "action", { action->str, action->len } };
    }
  if (note->is_staged)
    edits[n++] = (BaruaMemberEdit){ "staging_complete", BARUA_TEXT ("true") };
  if (note->message != NULL)
    {
      log = make_log (barua_json_member (body, "log"), note);
      edits[n++] = (BaruaMemberEdit){ "log", { log->str, log->len } };
    }
  barua_document_edit (out, body, edits, n);
  return out;
}

gboolean
barua_upgrade_document_note (BaruaTx *tx, const BaruaUpgradeNote *note, GError **error)
{
  BaruaWritten written;
  g_autoptr (BaruaDocument) document = barua_reader_get_document (
      barua_tx_reader (tx), NULL, BARUA_TEXT (BARUA_UPGRADE_DOCUMENT), error);

  if (document == NULL)
    return FALSE;
  g_autoptr (GString) body = edit ((BaruaJson){ document->body.p, document->body.n }, note);
  BaruaEdit change = { .id = document->id,
                       .rev = document->rev,
                       .body = { body->str, body->len },
                       .is_server_made = TRUE,
                       .is_hidden = document->is_hidden };
  if (!barua_tx_put_document (tx, &change, &written, error))
    return FALSE;
  if (!note->deletes)
    return TRUE;
  change.rev = barua_text (written.rev);
  change.body = BARUA_TEXT ("{}");
  change.is_deleted = TRUE;
  return barua_tx_put_document (tx, &change, NULL, error);
}

/* ---- requests ---- */

/* A request, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  gboolean completes; /* go over to it when it is staged */
  GString *document;  /* to be written; NULL for /complete */
  char *version;
  gboolean is_found; /* /complete: a staged build */
} Ask;

static void
ask_free (gpointer data)
{
  Ask *ask = data;

  if (ask->document != NULL)
    g_string_free (ask->document, TRUE);
  g_free (ask->version);
  barua_request_unref (ask->request);
  g_free (ask);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Ask, ask_free)

static Ask *
ask_new (BaruaRequest *request, BaruaApp *app, gboolean completes)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->app = app;
  ask->request = barua_request_ref (request);
  ask->completes = completes;
  return ask;
}

/* BaruaJob: the document of a new upgrade; there must be none. */
static gboolean
create (BaruaTx *tx, gpointer data, GError **error)
{
  const Ask *ask = data;
  const BaruaEdit change = { .id = BARUA_TEXT (BARUA_UPGRADE_DOCUMENT),
                             .body = { ask->document->str, ask->document->len } };

  return barua_tx_put_document (tx, &change, NULL, error);
}

/* BaruaJob: the document says that its build is to be gone over to. */
static gboolean
complete (BaruaTx *tx, gpointer data, GError **error)
{
  Ask *ask = data;
  g_auto (BaruaUpgradeState) state = { 0 };
  const BaruaUpgradeNote note = { .action = "complete" };

  if (!barua_upgrade_document_read (barua_tx_reader (tx), &state, &ask->is_found, error))
    return FALSE;
  ask->is_found = ask->is_found && state.is_staged && state.version != NULL;
  if (!ask->is_found)
    return TRUE;
  g_free (ask->version);
  ask->version = g_steal_pointer (&state.version);
  return barua_upgrade_document_note (tx, &note, error);
}

static void
written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Ask *ask = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (ask->app->store, result, &error))
    {
      barua_api_fail (ask->request, error);
      return;
    }
  if (ask->document == NULL && !ask->is_found)
    {
      barua_request_fail (ask->request, BARUA_HTTP_ERROR_NOT_FOUND, NOT_STAGED, NULL);
      return;
    }
  barua_request_reply_static_json (ask->request, 200, "{\"ok\":true}");
  if (ask->document == NULL)
    barua_upgrade_complete (ask->app->upgrade, ask->version);
  else
    barua_upgrade_stage (ask->app->upgrade, ask->version, ask->completes);
}

/* What is wrong with the `build` of a body, %NULL for nothing; its version. */
static const char *
judge (BaruaJson build, char **version)
{
  const BaruaJson name_space = barua_json_member (build, "namespace");
  const BaruaJson application = barua_json_member (build, "application");

  if (!barua_json_truthy (build))
    return NO_BUILD;
  if (barua_json_type (build) != BARUA_JSON_OBJECT)
    return "build must be an object";
  if (name_space.text != NULL && !barua_json_string_is (name_space, BARUA_TEXT ("medic")))
    return "build.namespace must be \"medic\"";
  if (application.text != NULL && !barua_json_string_is (application, BARUA_TEXT ("medic")))
    return "build.application must be \"medic\"";
  gsize n = 0;
  g_autofree char *name = barua_json_string (barua_json_member (build, "version"), &n);
  if (name == NULL || strlen (name) != n || !barua_build_is_name (name))
    return "build.version must be the name of a folder in the builds directory";
  *version = g_steal_pointer (&name);
  return NULL;
}

/* The document of a new upgrade, as the original writes it. */
static GString *
make_document (BaruaRequest *request, BaruaJson build, const char *action)
{
  GString *out = g_string_new ("{");

  barua_json_append_key (out, "schema_version");
  barua_json_append_integer (out, SCHEMA_VERSION);
  barua_json_append_key (out, "user");
  barua_json_append_string (out, barua_text (barua_request_user (request)->name));
  barua_json_append_key (out, "created");
  barua_json_append_integer (out, barua_now_ms ());
  barua_json_append_key (out, "action");
  barua_json_append_string (out, barua_text (action));
  barua_json_append_key (out, "build_info");
  barua_json_append_minified (out, build);
  g_string_append_c (out, '}');
  return out;
}

/* POST /api/v1/upgrade and …/stage */
static void
begin (BaruaRequest *request, BaruaApp *app, gboolean completes)
{
  g_autoptr (Ask) ask = ask_new (request, app, completes);
  const BaruaJson build = barua_json_member (barua_request_json (request), "build");
  const char *trouble = judge (build, &ask->version);

  if (trouble != NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, trouble, NULL);
      return;
    }
  if (barua_upgrade_is_busy (app->upgrade)) /* also when somebody has deleted its document */
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_CONFLICT, NULL, NULL);
      return;
    }
  ask->document = make_document (request, build, completes ? "install" : "stage");
  const gsize n = ask->document->len;
  Ask *given = g_steal_pointer (&ask);
  barua_store_write_async (app->store, create, given, ask_free, n, NULL, written, given);
}

void
barua_api_upgrade (BaruaRequest *request, gpointer app)
{
  begin (request, app, TRUE);
}

void
barua_api_upgrade_stage (BaruaRequest *request, gpointer app)
{
  begin (request, app, FALSE);
}

void
barua_api_upgrade_complete (BaruaRequest *request, gpointer app)
{
  Ask *ask = ask_new (request, app, TRUE);

  barua_store_write_async (((BaruaApp *)app)->store, complete, ask, ask_free, 0, NULL, written,
                           ask);
}
