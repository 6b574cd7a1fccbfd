/* SPDX-License-Identifier: MIT */

/* "Login by SMS": the state table, tokens, and the document with the two messages. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/users.h"

#include "gateway/rules/guards.h"
#include "gateway/rules/tasks.h"

#include <string.h>
#include <sys/random.h>

#define LINK_PATH "/medic/login/token/"
#define MASK "********" /* users.md 10 no. 2 */

/* ---- the table ---- */

BaruaTokenWish
barua_token_wish (BaruaJson token_login)
{
  if (barua_json_truthy (token_login))
    return BARUA_TOKEN_WISH_ON;
  return barua_json_type (token_login) == BARUA_JSON_FALSE ? BARUA_TOKEN_WISH_OFF
                                                           : BARUA_TOKEN_WISH_NONE;
}

BaruaTokenAction
barua_token_action (BaruaTokenWish wish, BaruaTokenUser user, gboolean is_enabled)
{
  static const BaruaTokenAction table[][3] = {
    /* user:                   new                 without             with */
    [BARUA_TOKEN_WISH_NONE] = { BARUA_TOKEN_NOTHING, BARUA_TOKEN_NOTHING, BARUA_TOKEN_NOTHING },
    [BARUA_TOKEN_WISH_ON] = { BARUA_TOKEN_ISSUE, BARUA_TOKEN_ISSUE, BARUA_TOKEN_ISSUE },
    [BARUA_TOKEN_WISH_OFF]
    = { BARUA_TOKEN_NOTHING, BARUA_TOKEN_NOTHING, BARUA_TOKEN_REMOVE | BARUA_TOKEN_NEEDS_PASSWORD },
  };

  return table[wish == BARUA_TOKEN_WISH_ON && !is_enabled ? BARUA_TOKEN_WISH_NONE : wish][user];
}

gboolean
barua_token_login_is_enabled (const BaruaSettings *settings)
{
  return barua_json_truthy (barua_settings_get (settings, "token_login.enabled"));
}

/* ---- tokens ---- */

void
barua_token_new (char token[BARUA_TOKEN_LENGTH + 1])
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const guint n_letters = sizeof alphabet - 1;
  const guint limit = 256 - 256 % n_letters; /* bytes from here on would favour some letters */
  guint8 bytes[BARUA_TOKEN_LENGTH];
  guint n = 0;

  while (n < BARUA_TOKEN_LENGTH)
    {
      /* up to 256 bytes are never cut short once the pool is ready (getrandom(2)) */
      if (getrandom (bytes, sizeof bytes, 0) != (gssize)sizeof bytes)
        continue;
      for (guint i = 0; i < sizeof bytes && n < BARUA_TOKEN_LENGTH; i++)
        if (bytes[i] < limit)
          token[n++] = alphabet[bytes[i] % n_letters];
    }
  token[n] = '\0';
  explicit_bzero (bytes, sizeof bytes);
}

void
barua_token_hash (const char *token, guint8 hash[BARUA_TOKEN_HASH_BYTES])
{
  gsize n = BARUA_TOKEN_HASH_BYTES;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (sum, (const guchar *)token, (gssize)strlen (token));
  g_checksum_get_digest (sum, hash, &n);
}

void
barua_token_document_id (const guint8 hash[BARUA_TOKEN_HASH_BYTES],
                         char id[BARUA_TOKEN_DOCUMENT_ID_SIZE])
{
  char *at = id + g_strlcpy (id, "token:login:", BARUA_TOKEN_DOCUMENT_ID_SIZE);

  for (guint i = 0; i < 16; i++, at += 2)
    g_snprintf (at, 3, "%02x", hash[i]);
}

/* ---- links ---- */

/* Whether @c may stand in a token, ours or one of the original (users.md 8.3). */
static gboolean
is_token_char (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr (".,:!$-=", c) != NULL);
}

/* The next token of a link in @text from *@at on: where it begins and ends. */
static gboolean
find_token (BaruaText text, gsize at, gsize *start, gsize *end)
{
  while (at < text.n)
    {
      const char *found = memmem (text.p + at, text.n - at, LINK_PATH, strlen (LINK_PATH));
      if (found == NULL)
        return FALSE;
      *start = (gsize)(found - text.p) + strlen (LINK_PATH);
      for (*end = *start; *end < text.n && is_token_char (text.p[*end]);)
        ++*end;
      if (*end > *start)
        return TRUE;
      at = *start;
    }
  return FALSE;
}

gboolean
barua_token_append_masked (GString *out, BaruaText text)
{
  gsize copied = 0, start, end;

  while (find_token (text, copied, &start, &end))
    {
      g_string_append_len (out, text.p + copied, (gssize)(start - copied));
      g_string_append (out, MASK);
      copied = end;
    }
  g_string_append_len (out, text.p + copied, (gssize)(text.n - copied));
  return copied > 0;
}

BaruaText
barua_token_mask (BaruaArena *arena, BaruaText text)
{
  gsize start, end;

  if (!find_token (text, 0, &start, &end))
    return text;
  g_autoptr (GString) masked = g_string_sized_new (text.n);
  barua_token_append_masked (masked, text);
  return barua_arena_copy (arena, (BaruaText){ masked->str, masked->len });
}

/* ---- the document ---- */

gboolean
barua_token_document_is (BaruaJson document)
{
  BaruaJson type = barua_json_member (document, "type");

  return barua_json_string_is (type, BARUA_TEXT ("login_token"))
         || barua_json_string_is (type, BARUA_TEXT ("token_login"));
}

/* The language of a message that answers nothing (messaging.md 5.5). */
static BaruaText
message_locale (const BaruaSettings *settings, BaruaArena *arena)
{
  BaruaText outgoing = barua_settings_get_text (settings, arena, "locale_outgoing");

  return outgoing.p != NULL && outgoing.n > 0 ? outgoing : barua_settings_locale (settings);
}

/* The helper text before it is filled in; absent when nobody wrote one (users.md 8.1). */
static BaruaText
helper_template (const BaruaSettings *settings, BaruaArena *arena)
{
  const BaruaTexts *texts = barua_settings_texts (settings);
  BaruaText locale = message_locale (settings, arena);
  BaruaJson message = barua_settings_get (settings, "token_login.message");
  BaruaText key = barua_settings_get_text (settings, arena, "token_login.translation_key");

  if (key.p != NULL && key.n > 0)
    return barua_texts_lookup (texts, locale, BARUA_TEXT ("en"), key);
  if (barua_json_type (message) == BARUA_JSON_STRING)
    return barua_arena_json_text (arena, message);
  if (barua_json_type (message) != BARUA_JSON_ARRAY)
    return (BaruaText){ NULL, 0 };
  g_autofree char *label
      = g_strdup_printf ("{\"translations\":%.*s}", (int)message.length, message.text);
  BaruaText kept = barua_arena_copy (arena, barua_text (label));
  return barua_label_translate (texts, arena, (BaruaJson){ kept.p, kept.n }, locale);
}

/* The members of both; those of @over come last, and the last of a name counts. */
static void
append_overlaid (GString *out, BaruaJson under, BaruaJson over)
{
  const BaruaJson parts[] = { under, over };

  g_string_append_c (out, '{');
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      if (barua_json_type (parts[i]) != BARUA_JSON_OBJECT || barua_json_size (parts[i]) == 0)
        continue;
      if (out->len > 1)
        g_string_append_c (out, ',');
      g_string_append_len (out, parts[i].text + 1, (gssize)parts[i].length - 2);
    }
  g_string_append_c (out, '}');
}

/* The helper text; absent when there is none. */
static BaruaText
helper_text (const BaruaSettings *settings, BaruaArena *arena, const BaruaTokenMessages *messages)
{
  BaruaText text = helper_template (settings, arena);

  if (text.p == NULL || text.n == 0)
    return (BaruaText){ NULL, 0 };
  g_autoptr (GString) context = g_string_new (NULL);
  append_overlaid (context, messages->user_settings, messages->user);
  return barua_text_fill_message (arena, text, (BaruaJson){ context->str, context->len });
}

/* Appends one of the two tasks, with a uuid of its own. */
static void
append_task (GString *tasks, const BaruaTokenMessages *messages, BaruaNewTask task)
{
  char uuid[BARUA_UUID_SIZE];

  barua_uuid_new (messages->now_ms, uuid);
  task.uuid = barua_text (uuid);
  task.to = messages->to;
  task.now_ms = messages->now_ms;
  task.valid_until_ms = messages->expires_ms;
  barua_task_append (tasks, &task);
}

/* The task that says what the link is for. Without a text it stays, with the error (users.md 8.4,
 * workflows.md 2.4). */
static gboolean
append_helper (GString *tasks, const BaruaSettings *settings, const BaruaTokenMessages *messages,
               const BaruaLookup *lookup, BaruaArena *arena, GError **error)
{
  BaruaNewTask task = { .message = helper_text (settings, arena, messages) };
  guint count = 0;

  if (task.message.p == NULL)
    {
      task.state = BARUA_TASK_STATE_FAILED;
      task.error = BARUA_TEXT ("messages.errors.message.empty");
      task.details = BARUA_TEXT ("\"messages.errors.message.empty\"");
    }
  else
    {
      if (!lookup->count_repeat (lookup->data, messages->to, task.message, messages->now_ms, &count,
                                 error))
        return FALSE;
      task.state = count > barua_guard_repeat_limit (settings) ? BARUA_TASK_STATE_DUPLICATE
                                                               : BARUA_TASK_STATE_PENDING;
    }
  append_task (tasks, messages, task);
  return TRUE;
}

gboolean
barua_token_document (const BaruaSettings *settings, const BaruaTokenMessages *messages,
                      const BaruaLookup *lookup, GString *body, GError **error)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) tasks = g_string_new ("[");

  if (!append_helper (tasks, settings, messages, lookup, arena, error))
    return FALSE;
  char *link = g_strconcat (messages->base_url, LINK_PATH, messages->token, NULL);
  append_task (tasks, messages,
               (BaruaNewTask){ .state = BARUA_TASK_STATE_PENDING, .message = barua_text (link) });
  explicit_bzero (link, strlen (link));
  g_free (link);
  g_string_append_printf (
      body, "{\"type\":\"login_token\",\"reported_date\":%" G_GINT64_FORMAT ",\"user\":",
      messages->now_ms);
  barua_json_append_string (body, messages->user_id);
  g_string_append_printf (body, ",\"tasks\":%s]}", tasks->str);
  explicit_bzero (tasks->str, tasks->len);
  return TRUE;
}

/* ---- afterwards ---- */

/* Whether no phone has confirmed a task yet. */
static gboolean
is_unsent (BaruaJson task)
{
  BaruaJson state = barua_json_member (task, "state");

  return barua_json_string_is (state, BARUA_TEXT ("pending"))
         || barua_json_string_is (state, BARUA_TEXT ("forwarded-to-gateway"));
}

gboolean
barua_token_document_clear (BaruaText body, gint64 now_ms, GString *out)
{
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (BaruaTaskChange));
  g_autoptr (GString) cleared = g_string_sized_new (body.n + 128);
  BaruaTaskChange change
      = { BARUA_MESSAGE_LIST_TASKS, 0, BARUA_TASK_STATE_CLEARED, { NULL, 0 }, now_ms };
  BaruaJsonIter iter;
  BaruaJson task;

  barua_json_iter_init (&iter, barua_json_member ((BaruaJson){ body.p, body.n }, "tasks"));
  for (; barua_json_iter_next (&iter, NULL, &task); change.task++)
    if (is_unsent (task))
      g_array_append_val (changes, change);
  gboolean is_changed = barua_tasks_apply (body, (const BaruaTaskChange *)(void *)changes->data,
                                           changes->len, cleared);
  BaruaText after = is_changed ? (BaruaText){ cleared->str, cleared->len } : body;
  gboolean is_masked = barua_token_append_masked (out, after);
  return is_changed || is_masked;
}
