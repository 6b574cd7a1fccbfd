/* SPDX-License-Identifier: MIT */

/* XForms: which there are, and what is in them. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/xforms.h"

#include "forms/error.h"
#include "gateway/store/store-views.h"

#include <string.h>

#define FORM_PREFIX "form:"

/* The view that has the documents of type `form` (documents.md 10). */
#define VIEW_DDOC "medic-client"
#define VIEW_NAME "doc_by_type"

/* ---- the cache ---- */

/* One document that was read: @xform is empty when @is_read is not set. */
typedef struct
{
  guint8 md5[16]; /* the key */
  gboolean is_read;
  guint round; /* the last list that it was in */
  BaruaXForm xform;
} Known;

struct _BaruaXFormCache
{
  GMutex lock;
  GHashTable *known; /* set of Known */
  guint round;
};

static guint
known_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, ((const Known *)key)->md5, sizeof hash);
  return hash;
}

static gboolean
known_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (((const Known *)a)->md5, ((const Known *)b)->md5, 16) == 0;
}

static void
known_free (gpointer data)
{
  Known *known = data;

  barua_xform_clear (&known->xform);
  g_free (known);
}

BaruaXFormCache *
barua_xform_cache_new (void)
{
  BaruaXFormCache *cache = g_new0 (BaruaXFormCache, 1);

  g_mutex_init (&cache->lock);
  cache->known = g_hash_table_new_full (known_hash, known_equal, known_free, NULL);
  return cache;
}

void
barua_xform_cache_free (BaruaXFormCache *cache)
{
  if (cache == NULL)
    return;
  g_hash_table_unref (cache->known);
  g_mutex_clear (&cache->lock);
  g_free (cache);
}

static BaruaXForm
copy (const BaruaXForm *xform)
{
  BaruaXForm copied = *xform;

  copied.title = g_strdup (xform->title);
  copied.form_id = g_strdup (xform->form_id);
  copied.version = g_strdup (xform->version);
  return copied;
}

/* Takes over what is known of the bytes; FALSE when nothing is. */
static gboolean
cache_get (BaruaXFormCache *cache, guint round, BaruaXFormEntry *entry)
{
  Known key;

  memcpy (key.md5, entry->attachment.md5, sizeof key.md5);
  g_mutex_lock (&cache->lock);
  Known *known = g_hash_table_lookup (cache->known, &key);
  if (known != NULL)
    {
      known->round = round;
      entry->is_read = known->is_read;
      entry->xform = copy (&known->xform);
    }
  g_mutex_unlock (&cache->lock);
  return known != NULL;
}

/* Keeps what was read. */
static void
cache_put (BaruaXFormCache *cache, guint round, const BaruaXFormEntry *entry)
{
  Known *known = g_new0 (Known, 1);

  memcpy (known->md5, entry->attachment.md5, sizeof known->md5);
  known->is_read = entry->is_read;
  known->round = round;
  known->xform = copy (&entry->xform);
  g_mutex_lock (&cache->lock);
  g_hash_table_add (cache->known, known);
  g_mutex_unlock (&cache->lock);
}

static guint
cache_begin (BaruaXFormCache *cache)
{
  g_mutex_lock (&cache->lock);
  guint round = ++cache->round;
  g_mutex_unlock (&cache->lock);
  return round;
}

/* GHRFunc: what no list since @data had. */
static gboolean
is_unused (gpointer key, gpointer value, gpointer data)
{
  return (gint)(((const Known *)key)->round - GPOINTER_TO_UINT (data)) < 0;
}

static void
cache_end (BaruaXFormCache *cache, guint round)
{
  g_mutex_lock (&cache->lock);
  g_hash_table_foreach_remove (cache->known, is_unused, GUINT_TO_POINTER (round));
  g_mutex_unlock (&cache->lock);
}

/* ---- one document ---- */

static void
entry_free (gpointer data)
{
  BaruaXFormEntry *entry = data;

  g_free (entry->id);
  g_free (entry->name);
  g_free (entry->type);
  barua_xform_clear (&entry->xform);
  g_free (entry);
}

/* Whether an attachment of this name is an XForm: `xml`, or any `*.xml` but `model.xml`, which the
 * original makes from it (settings-and-forms.md 4.1). */
static gboolean
is_xform_name (BaruaText name)
{
  static const BaruaText suffix = BARUA_TEXT (".xml");

  return name.n > suffix.n && memcmp (name.p + name.n - suffix.n, suffix.p, suffix.n) == 0
         && !barua_text_equal (name, BARUA_TEXT ("model.xml"));
}

static const BaruaAttachment *
find_xform (const BaruaViewRow *row)
{
  const BaruaAttachment *found = NULL;

  for (gsize i = 0; i < row->n_attachments; i++)
    if (barua_text_equal (row->attachments[i].name, BARUA_TEXT ("xml")))
      return &row->attachments[i];
    else if (found == NULL && is_xform_name (row->attachments[i].name))
      found = &row->attachments[i];
  return found;
}

/* `internalId`, else the id without its prefix. */
static char *
name_of (BaruaText id, BaruaJson body)
{
  BaruaJson internal = barua_json_member (body, "internalId");
  g_autofree char *name = NULL;

  if (barua_json_type (internal) == BARUA_JSON_STRING)
    name = barua_json_string (internal, NULL);
  if (name != NULL && *name != '\0')
    return g_steal_pointer (&name);
  gsize skipped = strlen (FORM_PREFIX);
  if (id.n <= skipped || memcmp (id.p, FORM_PREFIX, skipped) != 0)
    skipped = 0;
  return g_strndup (id.p + skipped, id.n - skipped);
}

static BaruaXFormEntry *
entry_new (const BaruaViewRow *row, const BaruaAttachment *attachment)
{
  BaruaXFormEntry *entry = g_new0 (BaruaXFormEntry, 1);
  BaruaJson body = { row->body.p, row->body.n };
  BaruaJson context = barua_json_member (body, "context");

  entry->id = g_strndup (row->id.p, row->id.n);
  entry->name = name_of (row->id, body);
  entry->type = g_strndup (attachment->type.p, attachment->type.n);
  entry->attachment = *attachment;
  entry->attachment.name = (BaruaText){ NULL, 0 };
  entry->attachment.type = barua_text (entry->type);
  entry->is_collect = barua_json_truthy (barua_json_member (context, "collect"));
  return entry;
}

/* ---- the query ---- */

typedef struct
{
  BaruaStore *store;
  BaruaXFormQuery *query;
} Listing;

/* BaruaViewFunc */
static gboolean
take_row (const BaruaViewRow *row, gpointer data)
{
  GPtrArray *entries = data;
  const BaruaAttachment *attachment = find_xform (row);

  if (attachment != NULL)
    g_ptr_array_add (entries, entry_new (row, attachment));
  return TRUE;
}

/* The bytes of an attachment that is not too large to be a form. */
static GBytes *
read_bytes (BaruaReader *reader, const BaruaAttachment *attachment, GError **error)
{
  gsize length = (gsize)attachment->length, at = 0;
  g_autofree char *bytes = g_malloc (MAX (length, 1));

  while (at < length)
    {
      gsize n = 0;
      if (!barua_reader_read_blob (reader, attachment->blob, (gint64)at, bytes + at, length - at,
                                   &n, error))
        return NULL;
      if (n == 0)
        break;
      at += n;
    }
  return g_bytes_new_take (g_steal_pointer (&bytes), at);
}

/* Reads one XForm that nothing is known of; FALSE when none could be read at all. */
static gboolean
read_unknown (BaruaReader *reader, BaruaXFormEntry *entry, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (entry->attachment.length > (gint64)BARUA_XFORM_MAX_BYTES)
    {
      g_warning ("the form \"%s\" is left out of the list: it is too large", entry->id);
      return TRUE;
    }
  g_autoptr (GBytes) bytes = read_bytes (reader, &entry->attachment, error);
  if (bytes == NULL)
    return FALSE;
  gsize length = 0;
  const char *text = g_bytes_get_data (bytes, &length);
  entry->is_read = barua_xform_read ((BaruaText){ text, length }, &entry->xform, &local);
  if (entry->is_read)
    return TRUE;
  if (!g_error_matches (local, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_XML))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_warning ("the form \"%s\" is left out of the list: %s", entry->id, local->message);
  return TRUE;
}

/* Fills in what is in the forms of OpenRosa clients. */
static gboolean
read_xforms (BaruaReader *reader, BaruaXFormQuery *query, GError **error)
{
  guint round = cache_begin (query->cache);

  for (guint i = 0; i < query->entries->len; i++)
    {
      BaruaXFormEntry *entry = query->entries->pdata[i];
      if (!entry->is_collect || cache_get (query->cache, round, entry))
        continue;
      if (!read_unknown (reader, entry, error))
        return FALSE;
      cache_put (query->cache, round, entry);
    }
  cache_end (query->cache, round);
  return TRUE;
}

/* BaruaQuery */
static gboolean
read_list (BaruaReader *reader, gpointer data, GError **error)
{
  BaruaXFormQuery *query = data;
  BaruaListingTotals totals;
  const BaruaViewQuery view = {
    .ddoc = VIEW_DDOC,
    .view = VIEW_NAME,
    .start = { "[\"form\"]", strlen ("[\"form\"]") },
    .end = { "[\"form\"]", strlen ("[\"form\"]") },
    .includes_docs = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };

  barua_xform_query_clear (query);
  query->entries = g_ptr_array_new_with_free_func (entry_free);
  return barua_reader_view (reader, &view, &totals, take_row, query->entries, error)
         && (query->cache == NULL || read_xforms (reader, query, error));
}

void
barua_xform_query_clear (BaruaXFormQuery *query)
{
  g_clear_pointer (&query->entries, g_ptr_array_unref);
}

static void
list_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Listing *listing = g_task_get_task_data (task);
  GError *error = NULL;

  if (barua_store_read_finish (listing->store, result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
caught_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Listing *listing = g_task_get_task_data (task);
  GError *error = NULL;

  if (barua_store_catch_up_finish (listing->store, result, &error))
    {
      barua_store_read_async (listing->store, read_list, listing->query, NULL, NULL, list_read,
                              task);
      return;
    }
  g_task_return_error (task, error);
  g_object_unref (task);
}

void
barua_xforms_read_async (BaruaStore *store, BaruaXFormQuery *query, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Listing *listing = g_new0 (Listing, 1);

  listing->store = store;
  listing->query = query;
  g_task_set_task_data (task, listing, g_free);
  barua_store_catch_up_async (store, NULL, VIEW_DDOC, VIEW_NAME, NULL, caught_up, task);
}

gboolean
barua_xforms_read_finish (BaruaStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

const BaruaXFormEntry *
barua_xforms_find (const GPtrArray *entries, const char *name)
{
  const BaruaXFormEntry *found = NULL;
  guint n_found = 0;

  for (guint i = 0; i < entries->len; i++)
    {
      const BaruaXFormEntry *entry = entries->pdata[i];
      if (strcmp (entry->name, name) == 0)
        return entry;
      if (g_ascii_strcasecmp (entry->name, name) != 0)
        continue;
      found = entry;
      n_found++;
    }
  return n_found == 1 ? found : NULL;
}

/* ---- the list for OpenRosa clients ---- */

/* Appends `<name>text</name>` on a line, nothing for an absent text. */
static void
append_element (GString *out, const char *name, const char *text)
{
  if (text == NULL)
    return;
  g_string_append_printf (out, "    <%s>", name);
  for (const char *at = text; *at != '\0'; at++)
    switch (*at)
      {
      case '&':
        g_string_append (out, "&amp;");
        break;
      case '<':
        g_string_append (out, "&lt;");
        break;
      case '>':
        g_string_append (out, "&gt;");
        break;
      case '\r': /* read as a line feed otherwise (XML 1.0, 2.11) */
        g_string_append (out, "&#13;");
        break;
      default:
        g_string_append_c (out, *at);
      }
  g_string_append_printf (out, "</%s>\n", name);
}

static void
append_hash (GString *out, const guint8 md5[16])
{
  g_string_append (out, "    <hash>md5:");
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (out, "%02x", md5[i]);
  g_string_append (out, "</hash>\n");
}

void
barua_xforms_append_openrosa (GString *out, const GPtrArray *entries, const char *base)
{
  static const char root[] = "<xforms xmlns=\"http://openrosa.org/xforms/xformsList\"";
  gboolean is_empty = TRUE;

  g_string_append_printf (out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s", root);
  for (guint i = 0; i < entries->len; i++)
    {
      const BaruaXFormEntry *entry = entries->pdata[i];
      if (!entry->is_collect || !entry->is_read)
        continue;
      g_autofree char *name
          = g_uri_escape_string (entry->name, G_URI_RESERVED_CHARS_ALLOWED_IN_PATH_ELEMENT, FALSE);
      g_autofree char *url = g_strconcat (base, "/api/v1/forms/", name, ".xml", NULL);
      g_string_append (out, is_empty ? ">\n  <xform>\n" : "  <xform>\n");
      is_empty = FALSE;
      append_element (out, "name", entry->xform.title);
      append_element (out, "formID", entry->xform.form_id);
      append_element (out, "version", entry->xform.version);
      append_hash (out, entry->attachment.md5);
      append_element (out, "downloadUrl", url);
      g_string_append (out, "  </xform>\n");
    }
  g_string_append (out, is_empty ? "/>" : "</xforms>");
}
