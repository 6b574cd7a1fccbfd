/* SPDX-License-Identifier: MIT */

/* The verbs of the feed of changes. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-changes.h"

#include "gateway/store/engine.h"

gboolean
barua_reader_changes (BaruaReader *reader, const BaruaFeed *feed, BaruaFeedEnd *end,
                      BaruaChangeFunc func, gpointer data, GError **error)
{
  return reader->store->engine->changes (reader, feed, end, func, data, error);
}

void
barua_store_watch (BaruaStore *store, BaruaWatchFunc func, gpointer data)
{
  store->engine->watch (store, func, data);
}
