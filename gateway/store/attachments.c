/* SPDX-License-Identifier: MIT */

/* The verbs of attachments that need no engine, and the one that does. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-attachments.h"

#include "gateway/store/engine.h"

#include <string.h>

void
barua_attachment_digest (BaruaText bytes, BaruaAttachmentDigest *digest)
{
  static const GChecksumType types[] = { G_CHECKSUM_MD5, G_CHECKSUM_SHA256 };
  guint8 *const outs[] = { digest->md5, digest->sha256 };
  gsize sizes[] = { sizeof digest->md5, sizeof digest->sha256 };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      GChecksum *checksum = g_checksum_new (types[i]);
      if (bytes.n > 0)
        g_checksum_update (checksum, (const guchar *)bytes.p, (gssize)bytes.n);
      g_checksum_get_digest (checksum, outs[i], &sizes[i]);
      g_checksum_free (checksum);
    }
}

char *
barua_attachment_name_check (BaruaText name)
{
  if (name.n == 0)
    return g_strdup ("Attachment name must not be empty");
  if (!g_utf8_validate_len (name.p, name.n, NULL)) /* refuses U+0000 too */
    return g_strdup ("Attachment name is not UTF-8 encoded");
  if (name.p[0] == '_')
    return g_strdup_printf ("Attachment name '%.*s' starts with prohibited character '_'",
                            (int)name.n, name.p);
  return NULL;
}

void
barua_attachment_write_digest (const guint8 md5[16], char out[BARUA_ATTACHMENT_DIGEST_SIZE])
{
  g_autofree char *base64 = g_base64_encode (md5, 16);

  g_snprintf (out, BARUA_ATTACHMENT_DIGEST_SIZE, "md5-%s", base64);
}

const BaruaAttachment *
barua_document_find_attachment (const BaruaDocument *document, BaruaText name)
{
  for (gsize i = 0; i < document->n_attachments; i++)
    if (barua_text_equal (document->attachments[i].name, name))
      return &document->attachments[i];
  return NULL;
}

gboolean
barua_reader_read_blob (BaruaReader *reader, gint64 blob, gint64 offset, void *buffer, gsize length,
                        gsize *n_read, GError **error)
{
  g_return_val_if_fail (offset >= 0, FALSE);

  return reader->store->engine->read_blob (reader, blob, offset, buffer, length, n_read, error);
}
