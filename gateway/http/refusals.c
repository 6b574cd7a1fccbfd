/* SPDX-License-Identifier: MIT */

/* Who is refused is told so late. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/refusals.h"

#include "gateway/http/errors.h"

/* 64 connections that guess get no more than 256 answers a second. */
#define LATE_MS 250
/* More than these are told at once: memory and descriptors count, too. */
#define MAX_LATE 2048u

typedef struct
{
  gint64 due_us;
  BaruaAuthDone done;
  gpointer data;
} Refusal;

struct _BaruaRefusals
{
  GQueue waiting; /* of Refusal, in the order of their due times */
  guint timer;
};

BaruaRefusals *
barua_refusals_new (void)
{
  return g_new0 (BaruaRefusals, 1);
}

static void
tell (BaruaHttpErrorCode code, BaruaAuthDone done, gpointer data)
{
  g_autoptr (GError) error
      = g_error_new_literal (BARUA_HTTP_ERROR, code, barua_http_error_info (code)->text);

  done (NULL, error, data);
}

/* Tells the first one that waits, which then is gone. */
static void
tell_first (BaruaRefusals *refusals, BaruaHttpErrorCode code)
{
  g_autofree Refusal *refusal = g_queue_pop_head (&refusals->waiting);

  tell (code, refusal->done, refusal->data);
}

void
barua_refusals_free (BaruaRefusals *refusals)
{
  g_clear_handle_id (&refusals->timer, g_source_remove);
  while (!g_queue_is_empty (&refusals->waiting))
    tell_first (refusals, BARUA_HTTP_ERROR_UNAVAILABLE);
  g_free (refusals);
}

static void arm (BaruaRefusals *refusals);

/* GSourceFunc */
static gboolean
ring (gpointer data)
{
  BaruaRefusals *refusals = data;
  const gint64 now_us = g_get_monotonic_time ();

  refusals->timer = 0;
  while (!g_queue_is_empty (&refusals->waiting)
         && ((Refusal *)refusals->waiting.head->data)->due_us <= now_us)
    tell_first (refusals, BARUA_HTTP_ERROR_TOO_MANY_REQUESTS);
  arm (refusals);
  return G_SOURCE_REMOVE;
}

/* Sets the timer for the first one that waits, unless it is set. */
static void
arm (BaruaRefusals *refusals)
{
  const Refusal *first = g_queue_peek_head (&refusals->waiting);

  if (first == NULL || refusals->timer != 0)
    return;
  const gint64 left_us = MAX (0, first->due_us - g_get_monotonic_time ());
  refusals->timer = g_timeout_add ((guint)(left_us / 1000 + 1), ring, refusals);
}

void
barua_refusals_add (BaruaRefusals *refusals, BaruaAuthDone done, gpointer data)
{
  if (g_queue_get_length (&refusals->waiting) >= MAX_LATE)
    {
      tell (BARUA_HTTP_ERROR_TOO_MANY_REQUESTS, done, data);
      return;
    }
  Refusal *refusal = g_new (Refusal, 1);
  *refusal = (Refusal){ g_get_monotonic_time () + LATE_MS * (gint64)1000, done, data };
  g_queue_push_tail (&refusals->waiting, refusal);
  arm (refusals);
}
