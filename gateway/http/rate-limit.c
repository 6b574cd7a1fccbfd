/* SPDX-License-Identifier: MIT */

/* Who failed too often of late. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/rate-limit.h"

/* The times of a key's last failures, a ring. */
typedef struct
{
  char *key;
  gint64 times_us[BARUA_RATE_FAILURES];
  guint next;
  GList link; /* in the order of the last failure, oldest first */
} Counter;

struct _BaruaRateLimit
{
  GHashTable *counters; /* key -> Counter */
  GQueue order;
  guint max_keys;
};

static void
counter_free (Counter *counter)
{
  g_free (counter->key);
  g_free (counter);
}

BaruaRateLimit *
barua_rate_limit_new (guint max_keys)
{
  BaruaRateLimit *limit = g_new0 (BaruaRateLimit, 1);

  limit->counters
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)counter_free);
  limit->max_keys = max_keys;
  return limit;
}

void
barua_rate_limit_free (BaruaRateLimit *limit)
{
  g_hash_table_unref (limit->counters);
  g_free (limit);
}

void
barua_rate_limit_clear (BaruaRateLimit *limit, const char *key)
{
  Counter *counter = g_hash_table_lookup (limit->counters, key);

  if (counter == NULL)
    return;
  g_queue_unlink (&limit->order, &counter->link);
  g_hash_table_remove (limit->counters, key);
}

/* A counter for a new key; makes room for it. */
static Counter *
add_counter (BaruaRateLimit *limit, const char *key)
{
  while (g_hash_table_size (limit->counters) >= limit->max_keys)
    barua_rate_limit_clear (limit, ((Counter *)limit->order.head->data)->key);

  Counter *counter = g_new0 (Counter, 1);
  counter->key = g_strdup (key);
  counter->link.data = counter;
  for (guint i = 0; i < BARUA_RATE_FAILURES; i++)
    counter->times_us[i] = G_MININT64;
  g_hash_table_insert (limit->counters, counter->key, counter);
  return counter;
}

void
barua_rate_limit_count (BaruaRateLimit *limit, const char *key, gint64 now_us)
{
  Counter *counter = g_hash_table_lookup (limit->counters, key);

  if (counter != NULL)
    g_queue_unlink (&limit->order, &counter->link);
  else
    counter = add_counter (limit, key);
  counter->times_us[counter->next] = now_us;
  counter->next = (counter->next + 1) % BARUA_RATE_FAILURES;
  g_queue_push_tail_link (&limit->order, &counter->link);
}

gboolean
barua_rate_limit_is_reached (BaruaRateLimit *limit, const char *key, gint64 now_us)
{
  const Counter *counter = g_hash_table_lookup (limit->counters, key);

  return counter != NULL && counter->times_us[counter->next] > now_us - BARUA_RATE_WINDOW_US;
}

guint
barua_rate_limit_size (BaruaRateLimit *limit)
{
  return g_hash_table_size (limit->counters);
}
