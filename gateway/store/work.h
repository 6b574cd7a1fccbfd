/* SPDX-License-Identifier: MIT */
#pragma once

#include <time.h>

#include <pthread.h>

#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * BaruaWork:
 * @next: in whatever list it stands
 * @job: (nullable): what to run in a writing transaction, or
 * @query: (nullable): what to run on a snapshot
 * @is_hot: barua_store_write_hot_async()
 * @error: (nullable): how it failed; set by the engine before it completes the work
 *
 * One call of barua_store_write_async() and its like on its way through an engine.
 */
typedef struct _BaruaWork BaruaWork;
struct _BaruaWork
{
  BaruaWork *next;
  BaruaJob job;
  BaruaQuery query;
  gpointer data;
  gsize bytes;
  gboolean is_hot;
  GError *error;

  /*< private >*/
  GTask *task;                 /* who is told, or */
  struct _BaruaWaiter *waiter; /* who waits */
  int is_published;
};

/** Work whose end @callback learns in the thread-default main context of this thread. Takes @data
 * over. */
BaruaWork *barua_work_new (BaruaJob job, BaruaQuery query, gpointer data, GDestroyNotify destroy,
                           gsize bytes, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data);

/** Sets @error of work that was cancelled before it began, and says whether it was. */
gboolean barua_work_is_cancelled (BaruaWork *work);

/**
 * barua_work_complete:
 * @list: (transfer full): in the order of completion
 *
 * Hands results out: one turn of the main loop for all that belong to the same main context.
 */
void barua_work_complete (BaruaWork *list);

/** Runs @submit with work that this thread waits for; sets @error as the work did. */
gboolean barua_work_run (BaruaStore *store, void (*submit) (BaruaStore *, BaruaWork *),
                         BaruaJob job, BaruaQuery query, gpointer data, GError **error);

/**
 * BaruaWorkQueue:
 *
 * Work that waits for a thread. POSIX mutexes, because those of GLib are futexes of their own that
 * the thread sanitizer cannot see.
 */
typedef struct _BaruaWorkQueue BaruaWorkQueue;

BaruaWorkQueue *barua_work_queue_new (void);

/** Frees an empty queue. */
void barua_work_queue_free (BaruaWorkQueue *queue);

/**
 * barua_work_queue_push:
 * @max_works: with so many waiting nothing is taken, 0 for no limit
 * @max_bytes: likewise
 * @n_idle: (out) (optional): threads that waited, @work not counted
 * @n_queued: (out) (optional): works that wait now
 *
 * Returns: %FALSE when the queue is full; @work still belongs to the caller
 */
gboolean barua_work_queue_push (BaruaWorkQueue *queue, BaruaWork *work, guint max_works,
                                gsize max_bytes, guint *n_idle, guint *n_queued);

/** The next work, waiting for it; %NULL when the queue is closed and empty. */
BaruaWork *barua_work_queue_pop (BaruaWorkQueue *queue);

/** As barua_work_queue_pop(), but waits at most so long; @is_timeout says that nothing came. */
BaruaWork *barua_work_queue_pop_within (BaruaWorkQueue *queue, guint ms, gboolean *is_timeout);

/** The next work if there is one now. */
BaruaWork *barua_work_queue_try_pop (BaruaWorkQueue *queue);

/** Wakes every thread that waits; what is queued is still handed out. */
void barua_work_queue_close (BaruaWorkQueue *queue);

/** How much waits. */
void barua_work_queue_length (BaruaWorkQueue *queue, guint *n, gsize *bytes);

/** Makes a condition whose waits end by the monotonic clock: setting the clock back a day must not
 * make a thread sleep for a day. */
void barua_work_cond_init (pthread_cond_t *cond);

/** The time so many milliseconds from now, for pthread_cond_timedwait() on such a condition. */
struct timespec barua_work_time_after (guint ms);

G_END_DECLS
