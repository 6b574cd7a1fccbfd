/* SPDX-License-Identifier: MIT */

/* What rules ask, answered from documents and look-up rows. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/rules-lookup.h"

#include "gateway/store/store-views.h"

G_STATIC_ASSERT (BARUA_LOOKUP_ID_SIZE == BARUA_NEW_ID_SIZE);

/* BaruaLookup.count_repeat */
static gboolean
count_repeat (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
              GError **error)
{
  BaruaStoreLookup *lookup = data;

  return barua_tx_count_repeat (lookup->tx, to, text, now_ms, count, error);
}

/* Whether this failure means that there is no such document. */
static gboolean
is_absence (const GError *error)
{
  return g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND)
         || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_DELETED)
         || g_error_matches (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_INVALID);
}

static void
free_document (gpointer document)
{
  g_clear_pointer ((BaruaDocument **)&document, barua_document_free);
}

/* Reads a document that was not asked for before; NULL is kept for one that is not there. */
static gboolean
read_document (BaruaStoreLookup *lookup, char *id, BaruaDocument **document, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (lookup->documents == NULL)
    lookup->documents = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_document);
  *document = barua_reader_get_document (lookup->reader, NULL, barua_text (id), &local);
  if (*document == NULL && !is_absence (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      g_free (id);
      return FALSE;
    }
  g_hash_table_insert (lookup->documents, id, *document);
  return TRUE;
}

/* BaruaLookup.get_document */
static gboolean
get_document (gpointer data, BaruaText id, BaruaStored *stored, GError **error)
{
  BaruaStoreLookup *lookup = data;
  gpointer found = NULL;

  *stored = (BaruaStored){ .id = id };
  if (id.n == 0 || id.n > BARUA_DOCUMENT_ID_MAX_BYTES || memchr (id.p, '\0', id.n) != NULL)
    return TRUE;
  g_autofree char *key = g_strndup (id.p, id.n);
  if (lookup->documents == NULL
      || !g_hash_table_lookup_extended (lookup->documents, key, NULL, &found))
    {
      BaruaDocument *document = NULL;
      if (!read_document (lookup, g_steal_pointer (&key), &document, error))
        return FALSE;
      found = document;
    }
  const BaruaDocument *document = found;
  if (document != NULL)
    *stored = (BaruaStored){ document->id, document->rev, { document->body.p, document->body.n } };
  return TRUE;
}

/* Keeps the id of the first row. */
static gboolean
take_first (const BaruaViewRow *row, gpointer data)
{
  *(char **)data = g_strndup (row->id.p, row->id.n);
  return FALSE;
}

/* Appends the key of a look-up view. */
static void
append_key (GString *out, BaruaContactKey key, BaruaText value)
{
  if (key == BARUA_CONTACT_BY_PHONE)
    {
      barua_json_append_string (out, value);
      return;
    }
  g_string_append (out, key == BARUA_CONTACT_BY_CODE ? "[\"external\"," : "[\"shortcode\",");
  barua_json_append_string (out, value);
  g_string_append_c (out, ']');
}

/* BaruaLookup.find_contact */
static gboolean
find_contact (gpointer data, BaruaContactKey key, BaruaText value, BaruaText *id, GError **error)
{
  BaruaStoreLookup *lookup = data;
  g_autoptr (GString) json = g_string_new (NULL);
  char *found = NULL;

  append_key (json, key, value);
  const BaruaJson view_key = { json->str, json->len };
  const BaruaViewQuery query = {
    .ddoc = "medic-client",
    .view = key == BARUA_CONTACT_BY_PHONE ? "contacts_by_phone" : "contacts_by_reference",
    .keys = &view_key,
    .n_keys = 1,
    .includes_hidden = TRUE,
    .limit = 1,
  };
  if (!barua_reader_view (lookup->reader, &query, NULL, take_first, &found, error))
    return FALSE;
  if (found != NULL)
    {
      if (lookup->texts == NULL)
        lookup->texts = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (lookup->texts, found);
    }
  *id = barua_text (found);
  return TRUE;
}

/* BaruaLookup.new_id */
static void
new_id (gpointer data, char out[BARUA_LOOKUP_ID_SIZE])
{
  BaruaStoreLookup *lookup = data;

  barua_store_new_id (barua_reader_store (lookup->reader), out);
}

void
barua_store_lookup_init (BaruaStoreLookup *lookup, BaruaReader *reader, BaruaTx *tx)
{
  *lookup = (BaruaStoreLookup){
    .lookup = { lookup, count_repeat, get_document, find_contact, new_id },
    .reader = reader,
    .tx = tx,
  };
}

void
barua_store_lookup_clear (BaruaStoreLookup *lookup)
{
  g_clear_pointer (&lookup->documents, g_hash_table_unref);
  g_clear_pointer (&lookup->texts, g_ptr_array_unref);
}
