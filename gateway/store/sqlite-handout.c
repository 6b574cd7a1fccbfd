/* SPDX-License-Identifier: MIT */

/* Which messages a poll gets: those of nobody and those of the account, by due time; leases, routes
 * and the limits of a phone. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include "forms/segments.h"

#include <string.h>

#include <sqlite3.h>

/* Messages of one due time are put in the order of their documents as long as they are not more;
 * beyond that they go out as they came in, which is the order of ids that the server made. 2000 cost
 * a poll as much again as its 25 messages. */
#define MAX_TIES 500

/* Leases that one poll looks at when they are over. */
#define MAX_RELEASES 500

/* A message that may be handed out. */
typedef struct
{
  gint64 msgnum;
  gint64 due_ms;
  gint64 docnum;
  char *document_id; /* looked up when it decides, or when the message goes out */
  char *path;
} Candidate;

static void
candidate_clear (gpointer data)
{
  Candidate *candidate = data;

  g_free (candidate->document_id);
  g_free (candidate->path);
}

/* Collects the first candidates of one queue and one holder by due time: @limit, and those that tie
 * with the last. */
static gboolean
collect_candidates (BaruaSqliteConnection *connection, int queue, BaruaText account, gint64 now_ms,
                    guint limit, GArray *candidates, GError **error)
{
  g_autoptr (BaruaStatement) offered
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_OFFERED, error);
  const guint before = candidates->len;
  gboolean has_row = FALSE;

  if (offered == NULL)
    return FALSE;
  sqlite3_bind_int (offered, 1, queue);
  barua_bind_text (offered, 2, account);
  sqlite3_bind_int64 (offered, 3, now_ms);
  for (;;)
    {
      const guint n = candidates->len - before;
      if (!barua_statement_step (offered, &has_row, error))
        return FALSE;
      if (!has_row || n >= limit + MAX_TIES)
        return TRUE;
      Candidate candidate = { .msgnum = sqlite3_column_int64 (offered, 0),
                              .due_ms = sqlite3_column_int64 (offered, 1),
                              .docnum = sqlite3_column_int64 (offered, 2) };
      if (n >= limit
          && g_array_index (candidates, Candidate, before + limit - 1).due_ms != candidate.due_ms)
        return TRUE;
      const BaruaText path = barua_column_text (offered, 3);
      candidate.path = g_strndup (path.p, path.n);
      g_array_append_val (candidates, candidate);
    }
}

/* Looks up the id of a candidate's document. */
static gboolean
load_document_id (BaruaSqliteConnection *connection, Candidate *candidate, GError **error)
{
  g_autoptr (BaruaStatement) find = NULL;
  gboolean has_row = FALSE;

  if (candidate->document_id != NULL)
    return TRUE;
  find = barua_sqlite_statement (connection, BARUA_SQL_MSG_DOC_ID, error);
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, candidate->docnum);
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  const BaruaText id = barua_column_text (find, 0);
  candidate->document_id = g_strndup (id.p != NULL ? id.p : "", id.n);
  return TRUE;
}

/* Orders by due time, document id, place in the document (messaging.md 3.7). */
static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a;
  const Candidate *y = b;

  if (x->due_ms != y->due_ms)
    return x->due_ms < y->due_ms ? -1 : 1;
  const int order = strcmp (x->document_id, y->document_id);
  return order != 0 ? order : strcmp (x->path, y->path);
}

/* By due time, then in the order in which they came in: what needs no document ids. */
static int
compare_due (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a;
  const Candidate *y = b;

  if (x->due_ms != y->due_ms)
    return x->due_ms < y->due_ms ? -1 : 1;
  return x->msgnum < y->msgnum ? -1 : x->msgnum > y->msgnum;
}

/* Keeps the first @limit by due time, and those that tie with the last. */
static void
keep_first (GArray *candidates, guint limit)
{
  guint n = limit;

  g_array_sort (candidates, compare_due);
  if (candidates->len <= limit)
    return;
  while (n < candidates->len
         && g_array_index (candidates, Candidate, n).due_ms
                == g_array_index (candidates, Candidate, limit - 1).due_ms)
    n++;
  g_array_set_size (candidates, n);
}

/* Whether some candidates have the same due time but not the same document. */
static gboolean
has_ties (const GArray *candidates)
{
  for (guint i = 1; i < candidates->len; i++)
    if (g_array_index (candidates, Candidate, i).due_ms
        == g_array_index (candidates, Candidate, i - 1).due_ms)
      return TRUE;
  return FALSE;
}

/* Puts the candidates in their order and keeps the first @limit. */
static gboolean
choose_candidates (BaruaSqliteConnection *connection, GArray *candidates, guint limit,
                   GError **error)
{
  if (has_ties (candidates))
    {
      for (guint i = 0; i < candidates->len; i++)
        if (!load_document_id (connection, &g_array_index (candidates, Candidate, i), error))
          return FALSE;
      g_array_sort (candidates, compare_candidates);
    }
  if (candidates->len > limit)
    g_array_set_size (candidates, limit);
  return TRUE;
}

/* Puts a message behind all others. */
static gboolean
move_behind (BaruaSqliteConnection *connection, gint64 msgnum, GError **error)
{
  BaruaStatement *back = barua_sqlite_statement (connection, BARUA_SQL_MSG_BACK, error);

  if (back == NULL)
    return FALSE;
  sqlite3_bind_int64 (back, 1, msgnum);
  return barua_statement_run (back, error);
}

/* Leases one message and adds it to what is handed out. */
static gboolean
lease (BaruaSqliteConnection *connection, Candidate *candidate, const char *account,
       gint64 until_ms, GPtrArray *messages, GError **error)
{
  g_autoptr (BaruaStatement) update
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_LEASE, error);
  gboolean has_row = FALSE;

  if (update == NULL || !load_document_id (connection, candidate, error))
    return FALSE;
  sqlite3_bind_int64 (update, 1, candidate->msgnum);
  barua_bind_text (update, 2, barua_text (account));
  sqlite3_bind_int64 (update, 3, until_ms);
  if (!barua_statement_step (update, &has_row, error))
    return FALSE;
  BaruaQueuedMessage message = { .uuid = barua_column_text (update, 0),
                                 .to = barua_column_text (update, 1),
                                 .content = barua_column_text (update, 2),
                                 .document_id = barua_text (candidate->document_id),
                                 .account = barua_text (account),
                                 .state = (BaruaTaskState)sqlite3_column_int (update, 4),
                                 .due_ms = candidate->due_ms,
                                 .handouts = (guint)sqlite3_column_int (update, 6) };
  barua_message_path_read (barua_column_text (update, 3), &message.path);
  g_ptr_array_add (messages, barua_message_new (&message));
  return message.handouts != BARUA_MAX_HANDOUTS
         || move_behind (connection, candidate->msgnum, error);
}

/* Chooses at most @limit messages of one queue and appends them to @chosen: of those that nobody has
 * and those that are the account's. */
static gboolean
choose_from (BaruaSqliteConnection *connection, int queue, const BaruaTake *take, guint limit,
             GArray *chosen, GError **error)
{
  const BaruaText nobody = { NULL, 0 };
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));

  g_array_set_clear_func (candidates, candidate_clear);
  if (limit == 0)
    return TRUE;
  if (!collect_candidates (connection, queue, nobody, take->now_ms, limit, candidates, error))
    return FALSE;
  const guint n_free = candidates->len;
  if (!collect_candidates (connection, queue, barua_text (take->account), take->now_ms, limit,
                           candidates, error))
    return FALSE;
  if (n_free > 0 && candidates->len > n_free)
    keep_first (candidates, limit);
  if (!choose_candidates (connection, candidates, limit, error))
    return FALSE;
  g_array_append_vals (chosen, candidates->data, candidates->len);
  g_array_set_clear_func (candidates, NULL); /* their texts belong to @chosen now */
  return TRUE;
}

/* What is leased until then or earlier is free; all is when there are no leases. */
static gint64
free_from (gint64 now_ms, gint64 lease_ms)
{
  return lease_ms > 0 ? now_ms : G_MAXINT64;
}

/* A lease that ends after that was given by a clock that has been set back since, and would keep the
 * message for as long: no lease is longer, and no carrier has a message held for more than an hour. */
#define CLOCK_SLACK_MS (2 * (gint64)3600000)

static gint64
free_behind (gint64 now_ms, gint64 lease_ms)
{
  return lease_ms > 0 ? now_ms + lease_ms + CLOCK_SLACK_MS : G_MAXINT64;
}

/* Gives messages whose lease is over back to nobody, or to the account of their route. */
static gboolean
release_leases (BaruaSqliteConnection *connection, const BaruaTake *take, GError **error)
{
  struct
  {
    gint64 msgnum;
    BaruaText account;
  } over[MAX_RELEASES];
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_MSG_LEASE_OVER, error);
  gboolean has_row = FALSE;
  guint n = 0;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, free_from (take->now_ms, take->lease_ms));
  barua_bind_text (find, 2, barua_text (take->account));
  sqlite3_bind_int (find, 3, MAX_RELEASES);
  sqlite3_bind_int64 (find, 4, free_behind (take->now_ms, take->lease_ms));
  for (;; n++)
    {
      if (!barua_statement_step (find, &has_row, error))
        return FALSE;
      if (!has_row || n == MAX_RELEASES)
        break;
      over[n].msgnum = sqlite3_column_int64 (find, 0);
      over[n].account = barua_sqlite_route (connection, barua_column_text (find, 1));
    }
  for (guint i = 0; i < n; i++)
    if (!barua_sqlite_assign (connection, over[i].msgnum, over[i].account, error))
      return FALSE;
  return TRUE;
}

/* Whether the phone may have one more message, and what it costs; *left is what it may still send. */
static gboolean
is_allowed (BaruaSqliteConnection *connection, const Candidate *candidate, const BaruaTake *take,
            gint64 *left, guint *cost, GError **error)
{
  g_autoptr (BaruaStatement) find = NULL;
  gboolean has_row = FALSE;

  *cost = 0;
  if (!take->limits_segments)
    return TRUE;
  find = barua_sqlite_statement (connection, BARUA_SQL_MSG_CONTENT, error);
  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, candidate->msgnum);
  barua_bind_text (find, 2, barua_text (take->account));
  if (!barua_statement_step (find, &has_row, error))
    return FALSE;
  const gboolean is_known = sqlite3_column_int (find, 1) != 0;
  const guint n = is_known ? 0 : barua_segments_count (barua_column_text (find, 0)).segments;
  if (n > *left && !(take->may_exceed && *left == take->segments))
    {
      *left = 0; /* nothing new may pass it by; what the phone has already comes again */
      return FALSE;
    }
  *left = MAX (*left - n, 0);
  *cost = n;
  return TRUE;
}

/* Leases what was chosen, as far as the limits of the phone go. */
static gboolean
lease_chosen (BaruaSqliteConnection *connection, GArray *chosen, const BaruaTake *take,
              GPtrArray *taken, GError **error)
{
  const gint64 until_ms = take->now_ms + MAX (take->lease_ms, 0);
  gint64 left = take->segments;

  for (guint i = 0; i < chosen->len; i++)
    {
      Candidate *candidate = &g_array_index (chosen, Candidate, i);
      g_autoptr (GError) local = NULL;
      guint cost;

      if (is_allowed (connection, candidate, take, &left, &cost, &local))
        {
          if (!lease (connection, candidate, take->account, until_ms, taken, error))
            return FALSE;
          ((BaruaQueuedMessage *)taken->pdata[taken->len - 1])->segments = cost;
        }
      else if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
barua_sqlite_take_messages (BaruaTx *tx, const BaruaTake *take, GPtrArray **messages,
                            GError **error)
{
  static const int queues[] = { BARUA_QUEUE_OFFERED, BARUA_QUEUE_BEHIND };
  BaruaSqliteConnection *connection = barua_sqlite_connection (&tx->reader);
  g_autoptr (GPtrArray) taken
      = g_ptr_array_new_with_free_func ((GDestroyNotify)barua_queued_message_free);
  g_autoptr (GArray) chosen = g_array_new (FALSE, FALSE, sizeof (Candidate));

  gboolean has_any = FALSE;

  g_array_set_clear_func (chosen, candidate_clear);
  if (!barua_sqlite_has_offered_messages (&tx->reader, take->account, take->now_ms, take->lease_ms,
                                          &has_any, error))
    return FALSE;
  if (!has_any) /* most of the time, and found out by a single step */
    {
      *messages = g_steal_pointer (&taken);
      return TRUE;
    }
  if (!release_leases (connection, take, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (queues) && chosen->len < take->limit; i++)
    if (!choose_from (connection, queues[i], take, take->limit - chosen->len, chosen, error))
      return FALSE;
  if (!lease_chosen (connection, chosen, take, taken, error))
    return FALSE;
  *messages = g_steal_pointer (&taken);
  return TRUE;
}

gboolean
barua_sqlite_has_offered_messages (BaruaReader *reader, const char *account, gint64 now_ms,
                                   gint64 lease_ms, gboolean *has_messages, GError **error)
{
  g_autoptr (BaruaStatement) any
      = barua_sqlite_statement (barua_sqlite_connection (reader), BARUA_SQL_MSG_ANY_OFFERED, error);

  if (any == NULL)
    return FALSE;
  barua_bind_text (any, 1, barua_text (account));
  sqlite3_bind_int64 (any, 2, free_from (now_ms, lease_ms));
  sqlite3_bind_int64 (any, 3, free_behind (now_ms, lease_ms));
  return barua_statement_step (any, has_messages, error);
}

