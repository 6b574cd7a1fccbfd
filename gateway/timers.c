/* SPDX-License-Identifier: MIT */

/* Due and expiring messages, old sessions, counters. */

#define G_LOG_DOMAIN "barua"

#include "gateway/timers.h"

#include "gateway/api/gateways.h"
#include "gateway/api/token-login.h"
#include "gateway/http/cookie.h"
#include "gateway/rules/due.h"
#include "gateway/store/store-sessions.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SWEEP_S 300  /* messaging.md 8 */
#define FLUSH_S 60   /* documents.md 14.1, `phone` */
#define BATCH_ROWS 25 /* documents of one job: two or three milliseconds */
#define TRAFFIC_KEPT_MS (25 * (gint64)3600000)

/* What one run does, in this order. */
typedef enum
{
  PHASE_RELEASE,       /* scheduled tasks that are due */
  PHASE_END,           /* tasks with an end of their own */
  PHASE_EXPIRE,        /* pending tasks, by age */
  PHASE_EXPIRE_HANDED, /* those that a phone got and did not confirm */
  PHASE_CLEAN,
  PHASE_NEXT, /* when to wake again */
  N_PHASES,
} Phase;

struct _BaruaTimers
{
  BaruaApp *app;
  guint sweep_id;
  guint flush_id;
  int fd; /* of the wall clock; -1: there is none, and the sweep has to do */
  guint fd_id;
  gint64 armed_ms;
  gboolean is_running;
  gboolean must_run_again;
};

/* One job of a run. */
typedef struct
{
  BaruaApp *app;
  BaruaSettings *settings;
  Phase phase;
  gint64 now_ms;
  gint64 opens_ms; /* of the window for scheduled messages; 0: it is open */
  BaruaDueCursor from;
  guint n_changed; /* tasks, over the whole run */

  /* out: */
  BaruaDueCursor to;
  gboolean is_done;
  guint n_now;
  gint64 next_ms;
} Batch;

/* ---- in the transaction ---- */

/* Makes the changes of one document that are due now. */
static gboolean
change_document (BaruaTx *tx, Batch *batch, const char *id, GError **error)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (BaruaTaskChange));
  g_autoptr (BaruaDocument) document
      = barua_reader_get_document (barua_tx_reader (tx), NULL, barua_text (id), error);

  if (document == NULL)
    return FALSE;
  const BaruaJson json = { document->body.p, document->body.n };
  if (batch->phase == PHASE_RELEASE)
    barua_due_release (batch->settings, json, arena, batch->now_ms, changes);
  else
    barua_due_expire (batch->settings, json, batch->now_ms, changes);

  g_autoptr (GString) body = g_string_sized_new (document->body.n + 128);
  if (changes->len == 0
      || !barua_tasks_apply (document->body, (const BaruaTaskChange *)(void *)changes->data,
                             changes->len, body))
    return TRUE;
  const BaruaEdit edit = { .id = document->id,
                           .rev = document->rev,
                           .body = { body->str, body->len },
                           .is_server_made = TRUE,
                           .is_hidden = document->is_hidden };
  batch->n_now += changes->len;
  return barua_tx_put_document (tx, &edit, NULL, error);
}

/* The tasks that a phase looks for, and until when; FALSE when it has nothing to look for. */
static gboolean
find_range (const Batch *batch, BaruaTaskState *state, BaruaDueCursor *from, gint64 *until_ms)
{
  const gint64 valid_ms = barua_due_valid_ms (batch->settings);

  *from = batch->from;
  *until_ms = batch->now_ms;
  switch (batch->phase)
    {
    case PHASE_RELEASE:
      *state = BARUA_TASK_STATE_SCHEDULED;
      from->ms = MAX (from->ms, batch->now_ms - BARUA_DUE_MAX_AGE_MS - 1);
      return batch->opens_ms == 0;
    case PHASE_END:
      *state = BARUA_TASK_STATE_OTHER;
      return TRUE;
    default:
      *state = batch->phase == PHASE_EXPIRE ? BARUA_TASK_STATE_PENDING
                                            : BARUA_TASK_STATE_FORWARDED_TO_GATEWAY;
      *until_ms -= valid_ms;
      return valid_ms > 0;
    }
}

/* Changes the next documents of a phase. */
static gboolean
change_documents (BaruaTx *tx, Batch *batch, GError **error)
{
  BaruaTaskState state;
  gint64 until_ms;
  g_autoptr (GPtrArray) ids = NULL;

  if (!find_range (batch, &state, &batch->to, &until_ms))
    return TRUE;
  if (!barua_reader_due_documents (barua_tx_reader (tx), state, &batch->to, until_ms, BATCH_ROWS,
                                   &ids, &batch->is_done, error))
    return FALSE;
  for (guint i = 0; i < ids->len; i++)
    if (!change_document (tx, batch, ids->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* BaruaJob: one batch of one phase. */
static gboolean
run_batch (BaruaTx *tx, gpointer data, GError **error)
{
  Batch *batch = data;

  batch->is_done = TRUE;
  batch->n_now = 0;
  switch (batch->phase)
    {
    case PHASE_CLEAN:
      return barua_tx_delete_old_sessions (
                 tx, batch->now_ms - BARUA_SESSION_SECONDS * (gint64)1000, error)
             && barua_token_login_sweep (tx, batch->now_ms, error)
             && barua_tx_forget_traffic (tx, batch->now_ms - TRAFFIC_KEPT_MS, error);
    case PHASE_NEXT:
      return barua_reader_next_due (barua_tx_reader (tx), BARUA_TASK_STATE_SCHEDULED,
                                    batch->now_ms, &batch->next_ms, error);
    default:
      return change_documents (tx, batch, error);
    }
}

/* ---- one batch after the other ---- */

static void
batch_free (gpointer data)
{
  Batch *batch = data;

  barua_settings_unref (batch->settings);
  g_free (batch);
}

static void batch_done (GObject *source, GAsyncResult *result, gpointer user_data);

static void
submit (Batch *batch)
{
  barua_store_write_async (batch->app->store, run_batch, batch, batch_free, 0, NULL, batch_done,
                           batch);
}

/* Sets the alarm for @at_ms by the wall clock; %G_MAXINT64: only a clock that is set wakes it. */
static void
arm (BaruaTimers *timers, gint64 at_ms)
{
  const gint64 far_ms = barua_now_ms () + (gint64)86400000 * 3650;
  const gint64 ms = CLAMP (at_ms, 1, far_ms);
  const struct itimerspec when
      = { .it_value = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 } };

  timers->armed_ms = at_ms;
  if (timers->fd >= 0)
    timerfd_settime (timers->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

/* A run is over. */
static void
end_run (BaruaTimers *timers, gint64 next_ms)
{
  timers->is_running = FALSE;
  arm (timers, next_ms);
  if (timers->must_run_again)
    barua_timers_run (timers);
}

static void
batch_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Batch *batch = user_data; /* freed by the store afterwards */
  BaruaTimers *timers = batch->app->timers;
  g_autoptr (GError) error = NULL;

  if (timers == NULL) /* we are stopping */
    return;
  if (!barua_store_write_finish (batch->app->store, result, &error))
    {
      g_warning ("timers stopped half-way and try again later: %s", error->message);
      end_run (timers, G_MAXINT64);
      return;
    }
  if (batch->phase == PHASE_NEXT)
    {
      if (batch->n_changed > 0)
        g_message ("timers: %u messages became due or expired", batch->n_changed);
      end_run (timers, batch->opens_ms > 0 ? batch->opens_ms : batch->next_ms);
      return;
    }
  Batch *next = g_new0 (Batch, 1);
  *next = *batch;
  next->settings = barua_settings_ref (batch->settings);
  next->n_changed += batch->n_now;
  next->from = batch->is_done ? (BaruaDueCursor){ 0 } : batch->to;
  next->phase = batch->is_done ? batch->phase + 1 : batch->phase;
  submit (next);
}

void
barua_timers_run (BaruaTimers *timers)
{
  BaruaTls *tls = barua_server_tls (timers->app->server);

  if (tls != NULL)
    barua_tls_look_at_end (tls);
  timers->must_run_again = timers->is_running;
  if (timers->is_running)
    return;

  Batch *batch = g_new0 (Batch, 1);
  timers->is_running = TRUE;
  batch->app = timers->app;
  batch->settings = barua_settings_ref (timers->app->settings);
  batch->now_ms = barua_now_ms ();
  barua_due_is_open (batch->settings, batch->now_ms, &batch->opens_ms);
  submit (batch);
}

void
barua_timers_hear (BaruaTimers *timers, gint64 due_ms)
{
  if (timers == NULL || due_ms >= timers->armed_ms)
    return;
  if (timers->is_running)
    timers->must_run_again = TRUE;
  else
    arm (timers, MAX (due_ms, barua_now_ms ()));
}

/* ---- waking ---- */

/* The alarm rang, or somebody set the clock. */
static gboolean
rang (int fd, GIOCondition condition, gpointer data)
{
  guint64 n;

  if (read (fd, &n, sizeof n) < 0 && errno == ECANCELED)
    g_message ("the clock was set: timers run");
  barua_timers_run (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
sweep (gpointer timers)
{
  barua_timers_run (timers);
  return G_SOURCE_CONTINUE;
}

static gboolean
flush (gpointer timers)
{
  BaruaApp *app = ((BaruaTimers *)timers)->app;

  if (app->gateways != NULL)
    barua_gateways_flush (app->gateways);
  return G_SOURCE_CONTINUE;
}

BaruaTimers *
barua_timers_new (BaruaApp *app)
{
  BaruaTimers *timers = g_new0 (BaruaTimers, 1);

  timers->app = app;
  timers->armed_ms = G_MAXINT64;
  timers->fd = timerfd_create (CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timers->fd >= 0)
    timers->fd_id = g_unix_fd_add (timers->fd, G_IO_IN, rang, timers);
  else
    g_warning ("no timer of the wall clock: scheduled messages may be five minutes late");
  timers->sweep_id = g_timeout_add_seconds (SWEEP_S, sweep, timers);
  timers->flush_id = g_timeout_add_seconds (FLUSH_S, flush, timers);
  barua_timers_run (timers);
  return timers;
}

void
barua_timers_free (BaruaTimers *timers)
{
  if (timers == NULL)
    return;
  g_source_remove (timers->sweep_id);
  g_source_remove (timers->flush_id);
  g_clear_handle_id (&timers->fd_id, g_source_remove);
  if (timers->fd >= 0)
    close (timers->fd);
  g_free (timers);
}
