/* SPDX-License-Identifier: MIT */

/* The store in numbers.  Each comes from an index alone: that of the messages' states is walked, the
 * others hold only what is counted. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

/* Adds @factor for each row of a statement that counts by state. */
static gboolean
count_states (BaruaSqliteConnection *connection, BaruaSql which, int factor, BaruaCensus *census,
              GError **error)
{
  g_autoptr (BaruaStatement) count = barua_sqlite_statement (connection, which, error);
  gboolean has_row = FALSE;

  if (count == NULL)
    return FALSE;
  while (barua_statement_step (count, &has_row, error))
    {
      if (!has_row)
        return TRUE;
      const gint64 state = sqlite3_column_int64 (count, 0);
      if (state >= 0 && state < (gint64)G_N_ELEMENTS (census->messages))
        census->messages[state] += factor * sqlite3_column_int64 (count, 1);
    }
  return FALSE;
}

/* The number that a statement without parameters gives; @fallback for NULL. */
static gboolean
read_number (BaruaSqliteConnection *connection, BaruaSql which, gint64 fallback, gint64 *number,
             GError **error)
{
  g_autoptr (BaruaStatement) ask = barua_sqlite_statement (connection, which, error);
  gboolean has_row = FALSE;

  if (ask == NULL || !barua_statement_step (ask, &has_row, error))
    return FALSE;
  const gboolean is_null = !has_row || sqlite3_column_type (ask, 0) == SQLITE_NULL;
  *number = is_null ? fallback : sqlite3_column_int64 (ask, 0);
  return TRUE;
}

gboolean
barua_sqlite_census (BaruaReader *reader, BaruaCensus *census, GError **error)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);

  *census = (BaruaCensus){ .schema = barua_sqlite_schema_version (), .engine = sqlite3_libversion () };
  return count_states (connection, BARUA_SQL_CENSUS_STATES, 1, census, error)
         && count_states (connection, BARUA_SQL_CENSUS_NO_MESSAGES, -1, census, error)
         && read_number (connection, BARUA_SQL_CENSUS_OLDEST, BARUA_NO_TIME,
                         &census->oldest_offered_ms, error)
         && read_number (connection, BARUA_SQL_CENSUS_FEEDBACK, 0, &census->feedback, error)
         && read_number (connection, BARUA_SQL_CENSUS_CONFLICTS, 0, &census->conflicts, error)
         && read_number (connection, BARUA_SQL_CENSUS_PAGES, 0, &census->pages, error)
         && read_number (connection, BARUA_SQL_CENSUS_FREE_PAGES, 0, &census->free_pages, error);
}
