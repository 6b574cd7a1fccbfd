/* SPDX-License-Identifier: MIT */

/* Jobs and queries between the thread that wants them and the thread that runs them. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/work.h"

#include <errno.h>

/* A thread that waits for its work. */
typedef struct _BaruaWaiter
{
  pthread_mutex_t lock;
  pthread_cond_t done;
  gboolean is_done;
} Waiter;

BaruaWork *
barua_work_new (BaruaJob job, BaruaQuery query, gpointer data, GDestroyNotify destroy, gsize bytes,
                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  BaruaWork *work = g_new0 (BaruaWork, 1);

  work->job = job;
  work->query = query;
  work->data = data;
  work->bytes = bytes;
  work->task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_task_data (work->task, data, destroy);
  g_task_set_check_cancellable (work->task,
                                FALSE); /* what is committed is never called cancelled */
  return work;
}

gboolean
barua_work_is_cancelled (BaruaWork *work)
{
  GCancellable *cancellable = work->task != NULL ? g_task_get_cancellable (work->task) : NULL;

  return cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, &work->error);
}

/* Tells the caller of one work, in its own main context. */
static void
return_result (BaruaWork *work)
{
  if (work->error != NULL)
    g_task_return_error (work->task, work->error);
  else
    g_task_return_boolean (work->task, TRUE);
  g_object_unref (work->task);
  g_free (work);
}

/* Hands out a list that belongs to this main context. */
static gboolean
return_results (gpointer data)
{
  BaruaWork *list = data;

  (void)g_atomic_int_get (&list->is_published);
  while (list != NULL)
    {
      BaruaWork *next = list->next;
      return_result (list);
      list = next;
    }
  return G_SOURCE_REMOVE;
}

/* Wakes the thread that waits for @work; @work lives on that thread's stack. */
static void
wake_waiter (BaruaWork *work)
{
  Waiter *waiter = work->waiter;

  pthread_mutex_lock (&waiter->lock);
  waiter->is_done = TRUE;
  pthread_cond_signal (&waiter->done);
  pthread_mutex_unlock (&waiter->lock);
}

/* Cuts the works at the head of *list that share a main context, and has them handed out there. */
static void
publish_run (BaruaWork **list)
{
  BaruaWork *first = *list;
  BaruaWork *last = first;
  GMainContext *context = g_task_get_context (first->task);

  while (last->next != NULL && last->next->task != NULL
         && g_task_get_context (last->next->task) == context)
    last = last->next;
  *list = last->next;
  last->next = NULL;

  /* Not g_main_context_invoke(): that may run the callbacks here when nobody owns the context. */
  GSource *source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, return_results, first, NULL);
  g_atomic_int_set (&first->is_published, 1); /* what was written here is read there */
  g_source_attach (source, context);
  g_source_unref (source);
}

void
barua_work_complete (BaruaWork *list)
{
  while (list != NULL)
    {
      if (list->task != NULL)
        {
          publish_run (&list);
          continue;
        }
      BaruaWork *next = list->next;
      wake_waiter (list);
      list = next;
    }
}

gboolean
barua_work_run (BaruaStore *store, void (*submit) (BaruaStore *, BaruaWork *), BaruaJob job,
                BaruaQuery query, gpointer data, GError **error)
{
  Waiter waiter = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, FALSE };
  BaruaWork work = { .job = job, .query = query, .data = data, .waiter = &waiter };

  submit (store, &work);
  pthread_mutex_lock (&waiter.lock);
  while (!waiter.is_done)
    pthread_cond_wait (&waiter.done, &waiter.lock);
  pthread_mutex_unlock (&waiter.lock);
  pthread_cond_destroy (&waiter.done);
  pthread_mutex_destroy (&waiter.lock);

  if (work.error == NULL)
    return TRUE;
  g_propagate_error (error, work.error);
  return FALSE;
}

struct _BaruaWorkQueue
{
  pthread_mutex_t lock;
  pthread_cond_t wake;
  BaruaWork *first;
  BaruaWork *last;
  guint n;
  guint n_idle; /* threads in barua_work_queue_pop() */
  gsize bytes;
  gboolean is_closed;
};

BaruaWorkQueue *
barua_work_queue_new (void)
{
  BaruaWorkQueue *queue = g_new0 (BaruaWorkQueue, 1);

  pthread_mutex_init (&queue->lock, NULL);
  barua_work_cond_init (&queue->wake);
  return queue;
}

void
barua_work_queue_free (BaruaWorkQueue *queue)
{
  pthread_cond_destroy (&queue->wake);
  pthread_mutex_destroy (&queue->lock);
  g_free (queue);
}

/* Whether @work would go beyond a limit; one work alone never does. */
static gboolean
is_full (const BaruaWorkQueue *queue, const BaruaWork *work, guint max_works, gsize max_bytes)
{
  if (max_works > 0 && queue->n >= max_works)
    return TRUE;
  return max_bytes > 0 && queue->n > 0 && queue->bytes + work->bytes > max_bytes;
}

gboolean
barua_work_queue_push (BaruaWorkQueue *queue, BaruaWork *work, guint max_works, gsize max_bytes,
                       guint *n_idle, guint *n_queued)
{
  pthread_mutex_lock (&queue->lock);
  const gboolean is_taken = !is_full (queue, work, max_works, max_bytes);
  if (is_taken)
    {
      work->next = NULL;
      *(queue->last != NULL ? &queue->last->next : &queue->first) = work;
      queue->last = work;
      queue->n++;
      queue->bytes += work->bytes;
    }
  if (n_idle != NULL)
    *n_idle = queue->n_idle;
  if (n_queued != NULL)
    *n_queued = queue->n;
  if (is_taken && queue->n_idle > 0)
    pthread_cond_signal (&queue->wake);
  pthread_mutex_unlock (&queue->lock);
  return is_taken;
}

/* Takes the first work out; the lock is held. */
static BaruaWork *
take_first (BaruaWorkQueue *queue)
{
  BaruaWork *work = queue->first;

  if (work == NULL)
    return NULL;
  queue->first = work->next;
  if (queue->first == NULL)
    queue->last = NULL;
  queue->n--;
  queue->bytes -= work->bytes;
  work->next = NULL;
  return work;
}

BaruaWork *
barua_work_queue_pop (BaruaWorkQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  queue->n_idle++;
  while (queue->first == NULL && !queue->is_closed)
    pthread_cond_wait (&queue->wake, &queue->lock);
  queue->n_idle--;
  BaruaWork *work = take_first (queue);
  pthread_mutex_unlock (&queue->lock);
  return work;
}

void
barua_work_cond_init (pthread_cond_t *cond)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attributes);
  pthread_condattr_destroy (&attributes);
}

struct timespec
barua_work_time_after (guint ms)
{
  struct timespec until;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(ms % 1000) * 1000000;
  until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  return until;
}

BaruaWork *
barua_work_queue_pop_within (BaruaWorkQueue *queue, guint ms, gboolean *is_timeout)
{
  const struct timespec until = barua_work_time_after (ms);

  *is_timeout = FALSE;
  pthread_mutex_lock (&queue->lock);
  queue->n_idle++;
  while (queue->first == NULL && !queue->is_closed && !*is_timeout)
    *is_timeout = pthread_cond_timedwait (&queue->wake, &queue->lock, &until) == ETIMEDOUT;
  queue->n_idle--;
  BaruaWork *work = take_first (queue);
  *is_timeout = *is_timeout && work == NULL && !queue->is_closed;
  pthread_mutex_unlock (&queue->lock);
  return work;
}

BaruaWork *
barua_work_queue_try_pop (BaruaWorkQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  BaruaWork *work = take_first (queue);
  pthread_mutex_unlock (&queue->lock);
  return work;
}

void
barua_work_queue_close (BaruaWorkQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  queue->is_closed = TRUE;
  pthread_cond_broadcast (&queue->wake);
  pthread_mutex_unlock (&queue->lock);
}

void
barua_work_queue_length (BaruaWorkQueue *queue, guint *n, gsize *bytes)
{
  pthread_mutex_lock (&queue->lock);
  *n = queue->n;
  *bytes = queue->bytes;
  pthread_mutex_unlock (&queue->lock);
}
