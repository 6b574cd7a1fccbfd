/* SPDX-License-Identifier: MIT */

/* Documents as they are served: the text as it was stored, and what the store knows of it around.
 */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-read.h"

#include "gateway/store/store-revisions.h"

/* Bytes of an attachment encoded at a time: a multiple of 3, so that the pieces join. */
#define ENCODED_PIECE_BYTES (48u * 1024u)

void
barua_append_revision_json (GString *out, BaruaRevision revision)
{
  g_autoptr (GString) text = g_string_new (NULL);

  barua_revision_append (text, revision);
  barua_json_append_string (out, (BaruaText){ text->str, text->len });
}

gboolean
barua_shape_needs_tree (const BaruaShape *shape, const BaruaDocument *document)
{
  return shape->has_revisions || shape->has_revs_info || shape->has_deleted_conflicts
         || (shape->has_conflicts && document->n_leaves > 1)
         || (shape->has_data && shape->n_since > 0 && document->n_attachments > 0);
}

/* Index of the revision that @document is. */
static int
find_shown (const BaruaTree *tree, const BaruaDocument *document)
{
  BaruaRevision revision;

  return barua_revision_parse (document->rev, &revision) ? barua_tree_find (tree, revision) : -1;
}

/* `_revisions`: the branch that ends with the one shown. */
static void
append_revisions (GString *out, const BaruaTree *tree, int shown)
{
  g_string_append_printf (out, ",\"_revisions\":{\"start\":%" G_GINT64_FORMAT ",\"ids\":[",
                          tree->revisions[shown].rev.generation);
  for (int i = shown; i >= 0; i = tree->revisions[i].parent)
    {
      if (i != shown)
        g_string_append_c (out, ',');
      barua_json_append_string (out, tree->revisions[i].rev.hash);
    }
  g_string_append (out, "]}");
}

/* `_revs_info`: the same with what is left of each. */
static void
append_revs_info (GString *out, const BaruaTree *tree, int shown)
{
  g_string_append (out, ",\"_revs_info\":[");
  for (int i = shown; i >= 0; i = tree->revisions[i].parent)
    {
      const BaruaTreeRevision *revision = &tree->revisions[i];
      g_string_append (out, i != shown ? ",{\"rev\":" : "{\"rev\":");
      barua_append_revision_json (out, revision->rev);
      g_string_append (out, !revision->has_body    ? ",\"status\":\"missing\"}"
                            : revision->is_deleted ? ",\"status\":\"deleted\"}"
                                                   : ",\"status\":\"available\"}");
    }
  g_string_append_c (out, ']');
}

/* The leaves besides the winner, live or deleted ones; nothing when there is none. */
static void
append_conflicts (GString *out, const BaruaTree *tree, const char *name, gboolean deleted)
{
  gboolean is_first = TRUE;

  for (gsize i = 1; i < tree->n_leaves; i++)
    {
      const BaruaTreeRevision *leaf = &tree->revisions[tree->leaves[i]];
      if (!leaf->is_deleted != !deleted)
        continue;
      if (is_first)
        g_string_append_printf (out, ",\"%s\":[", name);
      else
        g_string_append_c (out, ',');
      is_first = FALSE;
      barua_append_revision_json (out, leaf->rev);
    }
  if (!is_first)
    g_string_append_c (out, ']');
}

/* The bytes of an attachment in base64. */
static gboolean
append_data (GString *out, BaruaReader *reader, const BaruaAttachment *attachment, GError **error)
{
  g_autofree guchar *bytes = g_malloc (ENCODED_PIECE_BYTES);
  gint64 offset = 0;
  gsize n = 0;
  int state = 0, save = 0;

  g_string_append (out, ",\"data\":\"");
  do
    {
      gsize at = out->len;
      if (!barua_reader_read_blob (reader, attachment->blob, offset, bytes, ENCODED_PIECE_BYTES, &n,
                                   error))
        return FALSE;
      offset += (gint64)n;
      g_string_set_size (out, at + n / 3 * 4 + 8);
      g_string_truncate (out,
                         at + g_base64_encode_step (bytes, n, FALSE, out->str + at, &state, &save));
    }
  while (n == ENCODED_PIECE_BYTES);
  gsize at = out->len;
  g_string_set_size (out, at + 8);
  g_string_truncate (out, at + g_base64_encode_close (FALSE, out->str + at, &state, &save));
  g_string_append_c (out, '"');
  return TRUE;
}

/* The bytes of an attachment as they are. */
static gboolean
append_bytes (GString *out, BaruaReader *reader, const BaruaAttachment *attachment, GError **error)
{
  gint64 offset = 0;
  gsize n = 0;

  do
    {
      gsize at = out->len;
      g_string_set_size (out, at + BARUA_BLOB_PIECE_BYTES);
      if (!barua_reader_read_blob (reader, attachment->blob, offset, out->str + at,
                                   BARUA_BLOB_PIECE_BYTES, &n, error))
        return FALSE;
      offset += (gint64)n;
      g_string_truncate (out, at + n);
    }
  while (n == BARUA_BLOB_PIECE_BYTES);
  return TRUE;
}

/* Appends what a client once sent to a header line: it stays one line. */
static void
append_header_text (GString *out, BaruaText text, gboolean is_quoted)
{
  for (gsize i = 0; i < text.n; i++)
    {
      char c = text.p[i];
      if (is_quoted && (c == '"' || c == '\\'))
        g_string_append_c (out, '\\');
      g_string_append_c (out, g_ascii_iscntrl (c) ? ' ' : c);
    }
}

/* One part with the bytes of an attachment; its name in quotes as RFC 9110, 5.6.4 has it. */
static gboolean
append_part (GString *out, BaruaReader *reader, const BaruaAttachment *attachment,
             const char *boundary, GError **error)
{
  g_string_append_printf (out, "\r\n--%s\r\nContent-Disposition: attachment; filename=\"",
                          boundary);
  append_header_text (out, attachment->name, TRUE);
  g_string_append (out, "\"\r\nContent-Type: ");
  append_header_text (out, attachment->type, FALSE);
  g_string_append_printf (out, "\r\nContent-Length: %" G_GINT64_FORMAT "\r\n\r\n",
                          attachment->length);
  return append_bytes (out, reader, attachment, error);
}

/* How an attachment is shown. */
typedef enum
{
  ATTACHMENT_STUB,
  ATTACHMENT_DATA,
  ATTACHMENT_FOLLOWS,
} AttachmentForm;

/* One member of `_attachments` (documents.md 6.7). */
static gboolean
append_attachment (GString *out, BaruaReader *reader, const BaruaAttachment *attachment,
                   AttachmentForm form, GError **error)
{
  char digest[BARUA_ATTACHMENT_DIGEST_SIZE];

  barua_attachment_write_digest (attachment->md5, digest);
  barua_json_append_string (out, attachment->name);
  g_string_append (out, ":{\"content_type\":");
  barua_json_append_string (out, attachment->type);
  g_string_append_printf (out, ",\"revpos\":%" G_GINT64_FORMAT ",\"digest\":\"%s\"",
                          attachment->revpos, digest);
  if (form == ATTACHMENT_DATA)
    {
      if (!append_data (out, reader, attachment, error))
        return FALSE;
      g_string_append_c (out, '}');
      return TRUE;
    }
  g_string_append_printf (out, ",\"length\":%" G_GINT64_FORMAT ",\"%s\":true}", attachment->length,
                          form == ATTACHMENT_FOLLOWS ? "follows" : "stub");
  return TRUE;
}

/* The generation of the newest revision of `atts_since` that is an ancestor of the one shown; 0 for
 * none: then all data is sent. */
static gint64
newest_ancestor (const BaruaShape *shape, const BaruaTree *tree, int shown)
{
  gint64 newest = 0;

  for (gsize i = 0; tree != NULL && shown >= 0 && i < shape->n_since; i++)
    {
      BaruaRevision revision;
      int index = barua_revision_parse (shape->since[i], &revision)
                      ? barua_tree_find (tree, revision)
                      : -1;
      if (index >= 0 && revision.generation > newest && barua_tree_is_ancestor (tree, index, shown))
        newest = revision.generation;
    }
  return newest;
}

static gboolean
append_attachments (GString *out, BaruaReader *reader, const BaruaDocument *document,
                    const BaruaShape *shape, const BaruaTree *tree, int shown, GError **error)
{
  gint64 since = newest_ancestor (shape, tree, shown);

  if (document->n_attachments == 0)
    return TRUE;
  g_string_append (out, ",\"_attachments\":{");
  for (gsize i = 0; i < document->n_attachments; i++)
    {
      const BaruaAttachment *attachment = &document->attachments[i];
      gboolean is_stub = !shape->has_data || attachment->revpos <= since;
      if (i > 0)
        g_string_append_c (out, ',');
      if (!append_attachment (out, reader, attachment,
                              is_stub                   ? ATTACHMENT_STUB
                              : shape->boundary != NULL ? ATTACHMENT_FOLLOWS
                                                        : ATTACHMENT_DATA,
                              error))
        return FALSE;
    }
  g_string_append_c (out, '}');
  return TRUE;
}

/* What comes behind the document in a multipart/related body. */
static gboolean
append_parts (GString *out, BaruaReader *reader, const BaruaDocument *document,
              const BaruaShape *shape, const BaruaTree *tree, int shown, GError **error)
{
  gint64 since = newest_ancestor (shape, tree, shown);

  for (gsize i = 0; i < document->n_attachments; i++)
    if (document->attachments[i].revpos > since
        && !append_part (out, reader, &document->attachments[i], shape->boundary, error))
      return FALSE;
  g_string_append_printf (out, "\r\n--%s--", shape->boundary);
  return TRUE;
}

gboolean
barua_document_is_multipart (const BaruaDocument *document, const BaruaShape *shape)
{
  return shape->has_data && shape->boundary != NULL && document->n_attachments > 0;
}

gboolean
barua_document_append_shaped (GString *out, BaruaReader *reader, const char *db,
                              const BaruaDocument *document, const BaruaTree *tree,
                              const BaruaShape *shape, GError **error)
{
  g_autoptr (BaruaTree) own = NULL;

  if (tree == NULL && barua_shape_needs_tree (shape, document))
    {
      own = barua_reader_get_tree (reader, db, document->id, error);
      if (own == NULL)
        return FALSE;
      tree = own;
    }
  int shown = tree != NULL ? find_shown (tree, document) : -1;
  gboolean is_multipart = barua_document_is_multipart (document, shape);
  if (is_multipart)
    g_string_append_printf (out, "--%s\r\nContent-Type: application/json\r\n\r\n", shape->boundary);
  barua_document_append (out, document->id, document->rev, document->body, document->is_deleted);
  g_string_truncate (out, out->len - 1);
  if (shape->has_revisions && shown >= 0)
    append_revisions (out, tree, shown);
  if (shape->has_revs_info && shown >= 0)
    append_revs_info (out, tree, shown);
  if (shape->has_conflicts && tree != NULL)
    append_conflicts (out, tree, "_conflicts", FALSE);
  if (shape->has_deleted_conflicts && tree != NULL)
    append_conflicts (out, tree, "_deleted_conflicts", TRUE);
  if (shape->has_local_seq)
    g_string_append_printf (out, ",\"_local_seq\":%" G_GINT64_FORMAT, document->seq);
  if (!append_attachments (out, reader, document, shape, tree, shown, error))
    return FALSE;
  g_string_append_c (out, '}');
  return !is_multipart || append_parts (out, reader, document, shape, tree, shown, error);
}
