/* SPDX-License-Identifier: MIT */

/* A document as a client sends it: taken apart, judged, made ready for the store. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-item.h"

#include "gateway/api/document-common.h"
#include "gateway/api/document-users.h"
#include "gateway/http/multipart.h"

#include <string.h>

/* Characters of base64 that are decoded at a time. */
#define BASE64_PIECE (64u * 1024u)

void
barua_item_clear (gpointer data)
{
  BaruaItem *item = data;

  g_clear_pointer (&item->path, g_array_unref);
  g_clear_pointer (&item->attachments, g_array_unref);
  barua_user_secret_free (g_steal_pointer (&item->password));
  g_clear_pointer (&item->hash, g_free);
  if (item->body != NULL)
    g_string_free (g_steal_pointer (&item->body), TRUE);
}

void
barua_item_refuse (BaruaItem *item, BaruaArena *arena, BaruaHttpErrorCode code, const char *reason)
{
  item->is_refused = TRUE;
  item->is_stored = FALSE;
  item->code = code;
  item->reason
      = reason != NULL ? barua_arena_copy (arena, barua_text (reason)) : (BaruaText){ NULL, 0 };
}

void
barua_item_fail (BaruaItem *item, BaruaHttpErrorCode code, const char *reason)
{
  item->is_stored = FALSE;
  item->code = code;
  item->reason = barua_text (reason);
}

/* Sets an error of the whole request; always FALSE. */
static gboolean G_GNUC_PRINTF (3, 4)
    fail (GError **error, BaruaHttpErrorCode code, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  GError *made = g_error_new_valist (BARUA_HTTP_ERROR, (int)code, format, arguments);
  va_end (arguments);
  g_propagate_error (error, made);
  return FALSE;
}

/* ---- attachments ---- */

/* Whether @c is a digit of base64. */
static gboolean
is_base64 (char c)
{
  return g_ascii_isalnum (c) || c == '+' || c == '/';
}

/* Counts the digits of base64 (RFC 4648, section 4; white space between is skipped); FALSE when it
 * is none. */
static gboolean
measure_base64 (BaruaText text, gsize *digits)
{
  gsize padding = 0;

  *digits = 0;
  for (gsize i = 0; i < text.n; i++)
    {
      if (g_ascii_isspace (text.p[i]))
        continue;
      if (text.p[i] == '=')
        padding++;
      else if (padding > 0 || !is_base64 (text.p[i]))
        return FALSE;
      else
        ++*digits;
    }
  if (padding > 0)
    return padding <= 2 && (*digits + padding) % 4 == 0;
  return *digits % 4 != 1;
}

/* Decodes base64 into @arena; FALSE when it is none. */
static gboolean
decode_base64 (BaruaArena *arena, BaruaText text, BaruaText *bytes)
{
  gsize digits = 0, n = 0;
  guint bits = 0;
  int state = 0;

  if (!measure_base64 (text, &digits))
    return FALSE;
  guchar *out = barua_arena_alloc (arena, digits / 4 * 3 + 8);
  for (gsize at = 0; at < text.n; at += BASE64_PIECE)
    n += g_base64_decode_step (text.p + at, MIN (BASE64_PIECE, text.n - at), out + n, &state,
                               &bits);
  if (state != 0) /* the decoder waits for padding that was left out */
    n += g_base64_decode_step ("==", (4 - digits % 4) % 4, out + n, &state, &bits);
  *bytes = (BaruaText){ (const char *)out, digits * 3 / 4 };
  return n <= digits / 4 * 3 + 8;
}

/* Takes the bytes that @attachment has now. */
static gboolean
take_bytes (BaruaAttachmentEdit *attachment, BaruaArena *arena, GError **error)
{
  if (attachment->bytes.n > BARUA_ATTACHMENT_MAX_BYTES)
    return fail (error, BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE, "%.*s", (int)attachment->name.n,
                 attachment->name.p);
  BaruaAttachmentDigest *digest = barua_arena_alloc (arena, sizeof *digest);
  barua_attachment_digest (attachment->bytes, digest);
  attachment->digest = digest;
  attachment->source = BARUA_ATTACHMENT_BYTES;
  return TRUE;
}

static gboolean
fail_data (const BaruaAttachmentEdit *attachment, GError **error)
{
  return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid attachment data for %.*s",
               (int)attachment->name.n, attachment->name.p);
}

/* Reads `data` of an inline attachment. */
static gboolean
read_data (BaruaAttachmentEdit *attachment, BaruaArena *arena, BaruaJson data, GError **error)
{
  BaruaText text = barua_arena_json_text (arena, data);

  if (text.p == NULL || !decode_base64 (arena, text, &attachment->bytes))
    return fail_data (attachment, error);
  return take_bytes (attachment, arena, error);
}

/* Takes the part of the body that an attachment with `follows` means: parts come in the order of
 * the members, or say their names and come in any. */
static gboolean
read_following (BaruaItem *item, BaruaAttachmentEdit *attachment, BaruaArena *arena,
                BaruaJson value, GError **error)
{
  const guint n_parts = item->parts != NULL ? item->parts->len : 0;
  const BaruaPart *part = NULL;
  gint64 length = -1;

  for (guint i = 1; i < n_parts && part == NULL; i++)
    {
      const BaruaPart *named = &g_array_index (item->parts, BaruaPart, i);
      if (named->name != NULL && barua_text_equal (barua_text (named->name), attachment->name))
        part = named;
    }
  guint next = ++item->n_followed;
  if (part == NULL && next < n_parts)
    part = &g_array_index (item->parts, BaruaPart, next);
  if (part == NULL
      || (barua_json_integer (barua_json_member (value, "length"), &length)
          && length != (gint64)part->bytes.n))
    return fail_data (attachment, error);
  attachment->bytes = part->bytes;
  return take_bytes (attachment, arena, error);
}

/* Reads one member of `_attachments`. */
static gboolean
read_attachment (BaruaItem *item, BaruaArena *arena, BaruaText name, BaruaJson value,
                 GError **error)
{
  BaruaAttachmentEdit attachment = { .name = name, .source = BARUA_ATTACHMENT_STUB };
  g_autofree char *fault = barua_attachment_name_check (name);

  if (fault != NULL)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "%s", fault);
  attachment.type = barua_arena_json_text (arena, barua_json_member (value, "content_type"));
  if (!barua_json_integer (barua_json_member (value, "revpos"), &attachment.revpos)
      || attachment.revpos < 0)
    attachment.revpos = 0;
  gboolean is_stub = barua_json_type (barua_json_member (value, "stub")) == BARUA_JSON_TRUE;
  gboolean follows = barua_json_type (barua_json_member (value, "follows")) == BARUA_JSON_TRUE;
  if (!is_stub && follows && !read_following (item, &attachment, arena, value, error))
    return FALSE;
  if (!is_stub && !follows
      && !read_data (&attachment, arena, barua_json_member (value, "data"), error))
    return FALSE;
  g_array_append_val (item->attachments, attachment);
  return TRUE;
}

/* Reads `_attachments`; of several members of one name the last one counts. */
static gboolean
read_attachments (BaruaItem *item, BaruaArena *arena, BaruaJson object, GError **error)
{
  BaruaJsonIter iter;
  BaruaJson key, value;
  g_autoptr (GHashTable) last = g_hash_table_new (g_str_hash, g_str_equal);

  if (barua_json_is_nothing (object))
    return TRUE;
  if (barua_json_type (object) != BARUA_JSON_OBJECT)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "`_attachments` must be a JSON object");
  item->attachments = g_array_new (FALSE, FALSE, sizeof (BaruaAttachmentEdit));
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      BaruaText name = barua_arena_copy (arena, barua_arena_json_text (arena, key));
      gpointer before = NULL;
      if (!read_attachment (item, arena, name, value, error))
        return FALSE;
      if (g_hash_table_lookup_extended (last, name.p, NULL, &before))
        {
          /* the last one takes the place of the one before, and its own goes */
          g_array_remove_index_fast (item->attachments, GPOINTER_TO_UINT (before));
          continue;
        }
      g_hash_table_insert (last, (gpointer)name.p, GUINT_TO_POINTER (item->attachments->len - 1));
    }
  return TRUE;
}

/* ---- revisions ---- */

/* What an invalid revision is: a conflict of the item in the seed dialect, where a client may not
 * tell them apart, and the end of the request in the native one (documents.md 6.9 no. 4). */
static gboolean
refuse_rev (BaruaItem *item, BaruaItemRules rules, GError **error)
{
  if (!rules.is_seed || item->keeps_rev)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format");
  item->is_refused = TRUE;
  return TRUE;
}

/* Reads `_revisions`: `{"start":N,"ids":[newest, …]}`. */
static gboolean
read_path (BaruaItem *item, BaruaArena *arena, BaruaJson revisions, GError **error)
{
  BaruaJson ids = barua_json_member (revisions, "ids"), id;
  BaruaJsonIter iter;

  item->path = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  barua_json_iter_init (&iter, ids);
  while (barua_json_type (ids) == BARUA_JSON_ARRAY && barua_json_iter_next (&iter, NULL, &id))
    {
      BaruaText hash = barua_arena_json_text (arena, id);
      if (hash.n == 0 || memchr (hash.p, '\0', hash.n) != NULL)
        return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format");
      g_array_append_val (item->path, hash);
    }
  if (item->path->len == 0
      || !barua_json_integer (barua_json_member (revisions, "start"), &item->path_start)
      || item->path_start < item->path->len)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format");
  return TRUE;
}

/* The revision of an item that says which one it is. */
static gboolean
read_kept_rev (BaruaItem *item, BaruaArena *arena, const BaruaSpecialMembers *special,
               GError **error)
{
  BaruaRevision revision;

  if (!barua_json_is_nothing (special->revisions))
    return read_path (item, arena, special->revisions, error);
  if (item->rev.p == NULL)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST,
                 "When `new_edits: false`, the document needs `_rev` or `_revisions` specified");
  if (!barua_revision_parse (item->rev, &revision))
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid rev format");
  item->path = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  item->path_start = revision.generation;
  g_array_append_val (item->path, revision.hash);
  return TRUE;
}

/* The revision that the item continues, or is. */
static gboolean
read_rev (BaruaItem *item, BaruaItemRules rules, BaruaArena *arena,
          const BaruaSpecialMembers *special, GError **error)
{
  BaruaRevision revision;

  if (item->rev.p == NULL && special->rev.text != NULL)
    {
      item->rev = barua_arena_json_text (arena, special->rev);
      if (item->rev.p == NULL)
        return refuse_rev (item, rules, error);
    }
  if (item->keeps_rev)
    return read_kept_rev (item, arena, special, error);
  if (item->rev.p == NULL || barua_revision_parse (item->rev, &revision))
    return TRUE;
  return refuse_rev (item, rules, error);
}

/* ---- the whole ---- */

/* The id, by the URL before the body. */
static gboolean
read_id (BaruaItem *item, BaruaArena *arena, BaruaJson id, GError **error)
{
  if (id.text != NULL && barua_json_type (id) != BARUA_JSON_STRING)
    return fail (error, BARUA_HTTP_ERROR_ILLEGAL_DOCID, "Document id must be a string");
  if (item->id.p == NULL && id.text != NULL)
    item->id = barua_arena_json_text (arena, id);
  if (item->id.p == NULL)
    return TRUE;
  item->is_local = barua_text_has_prefix (item->id, "_local/") && item->id.n > strlen ("_local/");
  BaruaIdVerdict verdict = barua_id_check (item->id);
  return verdict == BARUA_ID_FINE || (item->is_local && verdict == BARUA_ID_RESERVED)
         || fail (error, BARUA_HTTP_ERROR_ILLEGAL_DOCID, "%s", barua_id_verdict_reason (verdict));
}

/* What a local document has instead of revisions and attachments (documents.md 8.7). */
static gboolean
read_local (BaruaItem *item, BaruaArena *arena, const BaruaSpecialMembers *special, GError **error)
{
  if (barua_json_size (special->attachments) > 0)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST,
                 "_local documents do not accept attachments.");
  if (item->keeps_rev)
    item->rev = (BaruaText){ NULL, 0 };
  else if (item->rev.p == NULL)
    item->rev = barua_arena_json_text (arena, special->rev);
  return TRUE;
}

/* What follows from the `_` members. */
static gboolean
read_special (BaruaItem *item, BaruaItemRules rules, BaruaArena *arena,
              const BaruaSpecialMembers *special, GError **error)
{
  if (special->unknown.p != NULL)
    return fail (error, BARUA_HTTP_ERROR_DOC_VALIDATION, "Bad special document member: %.*s",
                 (int)special->unknown.n, special->unknown.p);
  if (special->deleted.text != NULL)
    {
      item->is_deleted = barua_json_type (special->deleted) == BARUA_JSON_TRUE;
      if (!item->is_deleted && barua_json_type (special->deleted) != BARUA_JSON_FALSE)
        return fail (error, BARUA_HTTP_ERROR_DOC_VALIDATION, "`_deleted` must be a boolean");
    }
  if (!read_id (item, arena, special->id, error))
    return FALSE;
  if (item->is_local)
    return read_local (item, arena, special, error);
  return read_rev (item, rules, arena, special, error)
         && read_attachments (item, arena, special->attachments, error);
}

gboolean
barua_item_read (BaruaItem *item, BaruaItemRules rules, BaruaArena *arena, GError **error)
{
  BaruaSpecialMembers special = { 0 };

  item->is_stored = TRUE;
  if (item->json.text != NULL && barua_json_type (item->json) != BARUA_JSON_OBJECT)
    return fail (error, BARUA_HTTP_ERROR_BAD_REQUEST, "Document must be a JSON object");
  if (item->body == NULL)
    {
      item->body = g_string_sized_new (item->json.length + 2);
      if (item->json.text != NULL)
        barua_document_split (item->json, &special, item->body);
      else
        g_string_append (item->body, "{}");
    }
  if (!read_special (item, rules, arena, &special, error))
    return FALSE;
  if (item->body->len > BARUA_DOCUMENT_MAX_BYTES)
    return fail (error, BARUA_HTTP_ERROR_DOCUMENT_TOO_LARGE, "%.*s", (int)item->id.n,
                 item->id.p != NULL ? item->id.p : "");
  gboolean has_bad_rev = item->is_refused;
  if (rules.is_users)
    barua_user_item_read (item, arena);
  if (has_bad_rev)
    barua_item_refuse (item, arena, BARUA_HTTP_ERROR_CONFLICT, NULL);
  return TRUE;
}

void
barua_item_append_rev (GString *out, const BaruaItem *item)
{
  if (!item->keeps_rev || item->is_local)
    {
      g_string_append (out, item->written.rev);
      return;
    }
  barua_revision_append (
      out, (BaruaRevision){ item->path_start, g_array_index (item->path, BaruaText, 0) });
}

void
barua_item_append_outcome (GString *out, const BaruaItem *item, gboolean is_seed)
{
  const BaruaHttpErrorInfo *info = barua_http_error_info (item->code);
  BaruaText reason = item->reason;

  if (item->is_stored)
    {
      g_string_append (out, "{\"ok\":true,\"id\":");
      barua_json_append_string (out, barua_text (item->written.id));
      g_string_append (out, ",\"rev\":");
      barua_json_append_string (out, barua_text (item->written.rev));
      g_string_append_c (out, '}');
      return;
    }
  if (reason.p == NULL)
    reason = barua_text (item->code == BARUA_HTTP_ERROR_CONFLICT && is_seed ? "conflict"
                                                                            : info->doc_reason);
  g_string_append (out, "{\"id\":");
  barua_json_append_string (out, item->id.p != NULL ? item->id : BARUA_TEXT (""));
  g_string_append (out, ",\"error\":");
  barua_json_append_string (out, barua_text (info->doc_error));
  g_string_append (out, ",\"reason\":");
  barua_json_append_string (out, reason);
  g_string_append_c (out, '}');
}
