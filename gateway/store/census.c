/* SPDX-License-Identifier: MIT */

/* The verb of the store in numbers. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-census.h"

#include "gateway/store/engine.h"

gboolean
barua_reader_census (BaruaReader *reader, BaruaCensus *census, GError **error)
{
  return reader->store->engine->census (reader, census, error);
}
