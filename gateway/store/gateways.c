/* SPDX-License-Identifier: MIT */

/* The verbs of store-gateways.h, whatever the engine. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/engine.h"

#define MS_PER_MINUTE 60000

void
barua_tx_set_gateway_plan (BaruaTx *tx, const BaruaGatewayPlan *plan)
{
  BaruaStore *store = tx->reader.store;
  BaruaGatewayPlan *before = store->plan;

  store->plan = barua_gateway_plan_ref (plan);
  g_clear_pointer (&before, barua_gateway_plan_unref);
}

const BaruaGatewayPlan *
barua_tx_gateway_plan (BaruaTx *tx)
{
  return tx->reader.store->plan;
}

gboolean
barua_tx_reroute (BaruaTx *tx, gint64 *cursor, GError **error)
{
  return tx->reader.store->engine->reroute (tx, cursor, error);
}

gboolean
barua_tx_add_traffic (BaruaTx *tx, const char *account, gint64 now_ms, const BaruaTraffic *traffic,
                      GError **error)
{
  return tx->reader.store->engine->add_traffic (tx, account, now_ms / MS_PER_MINUTE, traffic,
                                                error);
}

gboolean
barua_reader_traffic (BaruaReader *reader, const char *account, gint64 now_ms, gint64 minutes,
                      BaruaTraffic *sum, GError **error)
{
  return reader->store->engine->traffic (reader, account, now_ms / MS_PER_MINUTE - minutes, sum,
                                         error);
}

gboolean
barua_tx_forget_traffic (BaruaTx *tx, gint64 before_ms, GError **error)
{
  return tx->reader.store->engine->forget_traffic (tx, before_ms / MS_PER_MINUTE - 1, error);
}

gboolean
barua_tx_put_phone (BaruaTx *tx, const char *account, gint64 polled_ms, gint64 received_ms,
                    GError **error)
{
  return tx->reader.store->engine->put_phone (tx, account, polled_ms, received_ms, error);
}

gboolean
barua_reader_phones (BaruaReader *reader, BaruaPhoneFunc func, gpointer data, GError **error)
{
  return reader->store->engine->phones (reader, func, data, error);
}

gboolean
barua_reader_due_documents (BaruaReader *reader, BaruaTaskState state, BaruaDueCursor *cursor,
                            gint64 until_ms, guint limit, GPtrArray **ids, gboolean *is_done,
                            GError **error)
{
  return reader->store->engine->due_documents (reader, state, cursor, until_ms, limit, ids, is_done,
                                               error);
}

gboolean
barua_reader_next_due (BaruaReader *reader, BaruaTaskState state, gint64 after_ms, gint64 *due_ms,
                       GError **error)
{
  return reader->store->engine->next_due (reader, state, after_ms, due_ms, error);
}
