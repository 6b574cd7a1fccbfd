/* SPDX-License-Identifier: MIT */

/* Revisions as text: reading, ordering and the deterministic hash of documents.md 4. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/revision.h"

#include <string.h>

/* More digits than any history has, and few enough for a gint64. */
#define GENERATION_MAX_DIGITS 15

gboolean
barua_revision_parse (BaruaText text, BaruaRevision *revision)
{
  gint64 generation = 0;
  gsize i = 0;

  for (; i < text.n && i < GENERATION_MAX_DIGITS && g_ascii_isdigit (text.p[i]); i++)
    generation = generation * 10 + (text.p[i] - '0');
  if (generation < 1 || i + 1 >= text.n || text.p[i] != '-')
    return FALSE;

  const BaruaText hash = { text.p + i + 1, text.n - i - 1 };
  if (memchr (hash.p, '\0', hash.n) != NULL)
    return FALSE;
  *revision = (BaruaRevision){ generation, hash };
  return TRUE;
}

BaruaText
barua_revision_fold (BaruaText hash, char out[BARUA_REVISION_HASH_BYTES])
{
  if (hash.n != BARUA_REVISION_HASH_BYTES)
    return hash;
  for (gsize i = 0; i < hash.n; i++)
    {
      if (!g_ascii_isxdigit (hash.p[i]))
        return hash;
      out[i] = g_ascii_tolower (hash.p[i]);
    }
  return (BaruaText){ out, hash.n };
}

int
barua_revision_compare (BaruaRevision a, BaruaRevision b)
{
  if (a.generation != b.generation)
    return a.generation < b.generation ? -1 : 1;
  return barua_text_compare (a.hash, b.hash);
}

int
barua_revision_compare_leaves (BaruaRevision a, gboolean a_deleted, BaruaRevision b,
                               gboolean b_deleted)
{
  if (!a_deleted != !b_deleted)
    return a_deleted ? 1 : -1;
  return barua_revision_compare (b, a);
}

/* Feeds a text that may be absent. */
static void
update (GChecksum *checksum, BaruaText text)
{
  if (text.n > 0)
    g_checksum_update (checksum, (const guchar *)text.p, text.n);
}

/* Feeds what the hash takes from one attachment. */
static void
update_attachment (GChecksum *checksum, const BaruaRevisionAttachment *attachment)
{
  char length[24];
  const int n = g_snprintf (length, sizeof length, "%" G_GUINT64_FORMAT "\n", attachment->length);

  update (checksum, attachment->name);
  update (checksum, (BaruaText){ "", 1 });
  update (checksum, attachment->type);
  update (checksum, (BaruaText){ "", 1 });
  update (checksum, attachment->md5_hex);
  update (checksum, (BaruaText){ "", 1 });
  update (checksum, (BaruaText){ length, (gsize)n });
}

void
barua_revision_hash (BaruaText parent, gboolean deleted, BaruaText body,
                     const BaruaRevisionAttachment *attachments, gsize n_attachments,
                     char out[BARUA_REVISION_HASH_BYTES + 1])
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_MD5);

  update (checksum, BARUA_TEXT ("br1\n"));
  update (checksum, parent);
  update (checksum, deleted ? BARUA_TEXT ("\nD\n") : BARUA_TEXT ("\nL\n"));
  update (checksum, body);
  update (checksum, BARUA_TEXT ("\n"));
  for (gsize i = 0; i < n_attachments; i++)
    update_attachment (checksum, &attachments[i]);
  memcpy (out, g_checksum_get_string (checksum), BARUA_REVISION_HASH_BYTES + 1);
  g_checksum_free (checksum);
}

void
barua_revision_append (GString *out, BaruaRevision revision)
{
  barua_json_append_integer (out, revision.generation);
  g_string_append_c (out, '-');
  g_string_append_len (out, revision.hash.p, (gssize)revision.hash.n);
}

gsize
barua_revision_write (gint64 generation, const char *hash, char out[BARUA_REVISION_SIZE])
{
  char digits[20];
  gsize n_digits = 0;
  gsize n = 0;

  do
    digits[n_digits++] = (char)('0' + generation % 10);
  while ((generation /= 10) > 0);
  while (n_digits > 0)
    out[n++] = digits[--n_digits];
  out[n++] = '-';
  memcpy (out + n, hash, BARUA_REVISION_HASH_BYTES);
  n += BARUA_REVISION_HASH_BYTES;
  out[n] = '\0';
  return n;
}
