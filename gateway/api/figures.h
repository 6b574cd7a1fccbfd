/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/gateways.h"
#include "gateway/store/store-census.h"

G_BEGIN_DECLS

/** The databases that export-and-monitoring.md 7 names, in its order. */
typedef enum
{
  BARUA_FIGURES_MEDIC,
  BARUA_FIGURES_SENTINEL,
  BARUA_FIGURES_USERS_META,
  BARUA_FIGURES_USERS,
  BARUA_N_FIGURES,
} BaruaFiguresDatabase;

/**
 * BaruaFigures:
 * @has_database: whether the one with that number could be read
 * @n_over_limit: users whose documents are too many for a phone; -1 when that could not be read
 * @phones: (nullable) (element-type BaruaGatewayReport): gateway accounts by name, that of messages that no
 *   account has first
 *
 * The store in numbers, as of less than some seconds ago.
 */
typedef struct
{
  BaruaDatabaseInfo databases[BARUA_N_FIGURES];
  gboolean has_database[BARUA_N_FIGURES];
  BaruaCensus census;
  gint64 n_over_limit;
  GArray *phones;
} BaruaFigures;

typedef void (*BaruaFiguresFunc) (const BaruaFigures *figures, gpointer data);

/**
 * barua_figures_ask:
 *
 * Reads the figures, at most once a second and at most a tenth of the time, and tells @func from the
 * main loop; who asks meanwhile is told the same.
 */
void barua_figures_ask (BaruaApp *app, BaruaFiguresFunc func, gpointer data);

/** What @app->figures is. */
struct _BaruaFiguresCache *barua_figures_cache_new (void);
void barua_figures_cache_free (struct _BaruaFiguresCache *cache);

G_END_DECLS
