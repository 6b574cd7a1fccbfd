/* SPDX-License-Identifier: MIT */

/* The verbs of the store in numbers. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-census.h"

#include "gateway/store/engine.h"

const BaruaCensusGroup barua_census_groups[BARUA_N_TASK_STATES] = {
  [BARUA_TASK_STATE_PENDING] = BARUA_CENSUS_PENDING,
  [BARUA_TASK_STATE_FORWARDED_TO_GATEWAY] = BARUA_CENSUS_PENDING,
  [BARUA_TASK_STATE_RECEIVED_BY_GATEWAY] = BARUA_CENSUS_PENDING,
  [BARUA_TASK_STATE_FORWARDED_BY_GATEWAY] = BARUA_CENSUS_PENDING,
  [BARUA_TASK_STATE_SENT] = BARUA_CENSUS_FINAL,
  [BARUA_TASK_STATE_DELIVERED] = BARUA_CENSUS_FINAL,
  [BARUA_TASK_STATE_FAILED] = BARUA_CENSUS_FINAL,
  [BARUA_TASK_STATE_DENIED] = BARUA_CENSUS_MUTED,
  [BARUA_TASK_STATE_CLEARED] = BARUA_CENSUS_MUTED,
  [BARUA_TASK_STATE_MUTED] = BARUA_CENSUS_MUTED,
  [BARUA_TASK_STATE_DUPLICATE] = BARUA_CENSUS_MUTED,
};

void
barua_census_init (BaruaCensus *census)
{
  *census = (BaruaCensus){ .oldest_offered_ms = BARUA_NO_TIME,
                           .feedback = BARUA_CENSUS_UNKNOWN,
                           .conflicts = BARUA_CENSUS_UNKNOWN,
                           .pages = BARUA_CENSUS_UNKNOWN,
                           .free_pages = BARUA_CENSUS_UNKNOWN,
                           .schema = BARUA_CENSUS_UNKNOWN,
                           .engine = "" };
}

void
barua_reader_census (BaruaReader *reader, gint64 now_ms, BaruaCensus *census)
{
  barua_census_init (census);
  reader->store->engine->census (reader, now_ms, census);
}

gboolean
barua_tx_note_activity (BaruaTx *tx, const char *name, gint64 now_ms, GError **error)
{
  return tx->reader.store->engine->note_activity (tx, name, now_ms, error);
}
