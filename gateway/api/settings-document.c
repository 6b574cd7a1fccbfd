/* SPDX-License-Identifier: MIT */

/* The settings as a document of the store, and what is compiled from it. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/settings-document.h"

#include "forms/form-check.h"
#include "forms/settings-edit.h"

#define MESSAGES_PREFIX "messages-"

void
barua_settings_source_clear (BaruaSettingsSource *source)
{
  g_clear_pointer (&source->document, barua_document_free);
  g_clear_pointer (&source->messages, g_ptr_array_unref);
}

/* BaruaListingFunc: keeps one document `messages-<code>`. */
static gboolean
keep_messages (const BaruaListingRow *row, gpointer data)
{
  BaruaSettingsSource *source = data;
  g_autoptr (GString) document = g_string_new (NULL);

  barua_document_append (document, row->id, row->rev, row->body, FALSE);
  g_ptr_array_add (source->messages, g_string_free_to_bytes (g_steal_pointer (&document)));
  return TRUE;
}

gboolean
barua_settings_source_read (BaruaReader *reader, gpointer data, GError **error)
{
  BaruaSettingsSource *source = data;
  g_autoptr (GError) local = NULL;
  BaruaListingTotals totals;
  const BaruaListing listing = {
    .start = BARUA_TEXT (MESSAGES_PREFIX),
    .end = BARUA_TEXT (MESSAGES_PREFIX "\xEF\xBF\xB0"), /* U+FFF0: above every code */
    .includes_docs = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };

  barua_settings_source_clear (source);
  source->messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  source->document
      = barua_reader_get_document (reader, NULL, BARUA_TEXT (BARUA_SETTINGS_ID), &local);
  if (source->document == NULL
      && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
      && !g_error_matches (local, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return barua_reader_all_docs (reader, &listing, &totals, keep_messages, source, error);
}

BaruaJson
barua_settings_source_json (const BaruaSettingsSource *source)
{
  if (source->document == NULL)
    return BARUA_JSON_NONE;
  BaruaText body = source->document->body;
  BaruaJson settings = barua_json_member ((BaruaJson){ body.p, body.n }, "settings");
  return barua_json_type (settings) == BARUA_JSON_OBJECT ? settings : BARUA_JSON_NONE;
}

BaruaSettings *
barua_settings_source_compile (const BaruaSettingsSource *source, GBytes *text, GError **error)
{
  return barua_settings_compile (text, (GBytes *const *)source->messages->pdata,
                                 source->messages->len, error);
}

gboolean
barua_settings_source_put (BaruaTx *tx, const BaruaSettingsSource *source, BaruaText text,
                           GError **error)
{
  g_autoptr (GString) body = g_string_sized_new (text.n + 16);
  BaruaEdit edit = { .id = BARUA_TEXT (BARUA_SETTINGS_ID) };

  g_string_append (body, "{\"settings\":");
  g_string_append_len (body, text.p, (gssize)text.n);
  g_string_append_c (body, '}');
  edit.body = (BaruaText){ body->str, body->len };
  if (source->document != NULL)
    edit.rev = source->document->rev;
  return barua_tx_put_document (tx, &edit, NULL, error);
}

gboolean
barua_settings_completion_put (BaruaTx *tx, gpointer completion, GError **error)
{
  const BaruaSettingsCompletion *completed = completion;

  return barua_settings_source_put (tx, completed->source, completed->text, error);
}

/* ---- start-up ---- */

/* Says in the log what is wrong with the forms in force. */
static void
log_report (BaruaJson settings)
{
  g_autoptr (BaruaFormReport) report
      = barua_forms_check (barua_json_member (settings, "forms"), BARUA_JSON_NONE, FALSE);

  for (guint i = 0; i < report->errors->len; i++)
    {
      const BaruaFormFinding *finding = report->errors->pdata[i];
      g_warning ("%s: %s", finding->path, finding->message);
    }
  if (report->n_warnings > 0)
    g_message ("%u warnings about forms; `barua forms check` shows them", report->n_warnings);
}

BaruaSettings *
barua_settings_document_load (BaruaStore *store, GError **error)
{
  g_auto (BaruaSettingsSource) source = { NULL, NULL };

  if (!barua_store_read (store, barua_settings_source_read, &source, error))
    return NULL;
  BaruaJson stored = barua_settings_source_json (&source);
  if (stored.text == NULL)
    return barua_settings_source_compile (&source, g_bytes_new_static ("{}", 2), error);

  g_autoptr (GString) text = barua_settings_edit (stored, stored, BARUA_SETTINGS_OVERWRITE, error);
  if (text == NULL)
    return NULL;
  BaruaSettingsCompletion completion = { &source, { text->str, text->len } };
  if (!barua_text_equal (completion.text, (BaruaText){ stored.text, stored.length })
      && !barua_store_write (store, barua_settings_completion_put, &completion, error))
    return NULL;
  log_report ((BaruaJson){ text->str, text->len });
  g_autoptr (GBytes) bytes = g_string_free_to_bytes (g_steal_pointer (&text));
  return barua_settings_source_compile (&source, bytes, error);
}
