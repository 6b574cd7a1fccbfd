/* SPDX-License-Identifier: MIT */

/* What rules ask, answered from documents and look-up rows. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/rules-lookup.h"

#include "gateway/store/store-views.h"

#include <string.h>

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

/* BaruaViewFunc: keeps the ids of rows. */
static gboolean
take_id (const BaruaViewRow *row, gpointer ids)
{
  g_ptr_array_add (ids, g_strndup (row->id.p, row->id.n));
  return TRUE;
}

/* Appends the ids of the rows with one key. */
static gboolean
find_rows (BaruaReader *reader, const char *ddoc, const char *view, BaruaJson key, gint64 limit,
           GPtrArray *ids, GError **error)
{
  const BaruaViewQuery query = {
    .ddoc = ddoc, .view = view, .keys = &key, .n_keys = 1, .includes_hidden = TRUE, .limit = limit
  };

  return barua_reader_view (reader, &query, NULL, take_id, ids, error);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

gboolean
barua_reader_find_phone (BaruaReader *reader, BaruaText phone, gint64 limit, GPtrArray *ids,
                         GError **error)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_string (json, phone);
  const BaruaJson key = { json->str, json->len };
  if (!find_rows (reader, "medic-client", "contacts_by_phone", key, limit, ids, error))
    return FALSE;
  const guint n_others = ids->len;
  if (!find_rows (reader, "barua", "offices_by_phone", key, limit, ids, error))
    return FALSE;
  if (n_others > 0 && ids->len > n_others)
    g_ptr_array_sort (ids, compare_ids);
  return TRUE;
}

/* Appends the id of the contact with a code of one kind; @code: JSON. */
static gboolean
find_code (BaruaReader *reader, const char *kind, BaruaText code, GPtrArray *ids, GError **error)
{
  g_autoptr (GString) json = g_string_new ("[");

  barua_json_append_string (json, barua_text (kind));
  g_string_append_c (json, ',');
  g_string_append_len (json, code.p, (gssize)code.n);
  g_string_append_c (json, ']');
  return find_rows (reader, "medic-client", "contacts_by_reference",
                    (BaruaJson){ json->str, json->len }, 1, ids, error);
}

/* Whether the text is what a natural number looks like in JSON. */
static gboolean
is_natural (BaruaText text)
{
  gsize n = 0;

  while (n < text.n && g_ascii_isdigit (text.p[n]))
    n++;
  return n == text.n && n > 0 && n <= 15 && text.p[0] != '0';
}

/* Appends the id of the contact with a shortcode: its text counts, so a number is one too
 * (workflows.md 2.1). */
static gboolean
find_shortcode (BaruaReader *reader, BaruaText code, GPtrArray *ids, GError **error)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_string (json, code);
  if (!find_code (reader, "shortcode", (BaruaText){ json->str, json->len }, ids, error))
    return FALSE;
  return ids->len > 0 || !is_natural (code) || find_code (reader, "shortcode", code, ids, error);
}

/* Appends the id of the contact with a code of its own; the view has it in capitals. */
static gboolean
find_external (BaruaReader *reader, BaruaText code, GPtrArray *ids, GError **error)
{
  g_autoptr (GString) json = g_string_new (NULL);

  barua_json_append_string (json, code);
  return find_code (reader, "external", (BaruaText){ json->str, json->len }, ids, error);
}

/* Appends the id of the contact that a rule asks for, if there is one. */
static gboolean
find_ids (BaruaReader *reader, BaruaContactKey key, BaruaText value, GPtrArray *ids, GError **error)
{
  switch (key)
    {
    case BARUA_CONTACT_BY_PHONE:
      return barua_reader_find_phone (reader, value, 1, ids, error);
    case BARUA_CONTACT_BY_CODE:
      return find_external (reader, value, ids, error);
    case BARUA_CONTACT_BY_SHORTCODE:
    default:
      return find_shortcode (reader, value, ids, error);
    }
}

/* BaruaLookup.find_contact */
static gboolean
find_contact (gpointer data, BaruaContactKey key, BaruaText value, BaruaText *id, GError **error)
{
  BaruaStoreLookup *lookup = data;

  if (lookup->texts == NULL)
    lookup->texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  if (!find_ids (lookup->reader, key, value, ids, error))
    return FALSE;
  *id = (BaruaText){ NULL, 0 };
  if (ids->len > 0)
    {
      char *found = g_ptr_array_steal_index (ids, 0);
      g_ptr_array_add (lookup->texts, found);
      *id = barua_text (found);
    }
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
