/* SPDX-License-Identifier: MIT */

/* The store in numbers.  Each is kept by triggers (tally), or comes from an index alone that holds only
 * what is counted. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"

#include <sqlite3.h>

#define DAY_MS (24 * 60 * 60 * G_GINT64_CONSTANT (1000))
#define WEEK_MS (7 * DAY_MS)

/* A message that changed lately. */
typedef struct
{
  gint64 updated_ms;
  guint state;
} Latest;

/* Reads how many messages are in each state. */
static gboolean
read_tally (BaruaSqliteConnection *connection, gint64 counts[BARUA_N_TASK_STATES], GError **error)
{
  g_autoptr (BaruaStatement) count
      = barua_sqlite_statement (connection, BARUA_SQL_CENSUS_STATES, error);
  gboolean has_row = FALSE;

  if (count == NULL)
    return FALSE;
  while (barua_statement_step (count, &has_row, error))
    {
      if (!has_row)
        return TRUE;
      const gint64 state = sqlite3_column_int64 (count, 0);
      if (state >= 0 && state < BARUA_N_TASK_STATES)
        counts[state] = sqlite3_column_int64 (count, 1);
    }
  return FALSE;
}

/* Adds @factor times what a statement counts for each state from @first on between two due times. */
static gboolean
count_week (BaruaSqliteConnection *connection, BaruaSql which, int factor, int first, gint64 now_ms,
            gint64 counts[BARUA_N_TASK_STATES], GError **error)
{
  gboolean has_row = FALSE;

  for (int state = first; state < BARUA_N_TASK_STATES; state++)
    {
      g_autoptr (BaruaStatement) count = barua_sqlite_statement (connection, which, error);
      if (count == NULL)
        return FALSE;
      sqlite3_bind_int (count, 1, state);
      sqlite3_bind_int64 (count, 2, now_ms - WEEK_MS);
      sqlite3_bind_int64 (count, 3, now_ms);
      if (!barua_statement_step (count, &has_row, error))
        return FALSE;
      counts[state] += factor * sqlite3_column_int64 (count, 0);
    }
  return TRUE;
}

/* GCompareFunc: the latest first. */
static int
compare_latest (gconstpointer a, gconstpointer b)
{
  const gint64 left = ((const Latest *)a)->updated_ms, right = ((const Latest *)b)->updated_ms;

  return (left < right) - (left > right);
}

/* Adds the messages of one state that changed last, as many as can be among the last of all. */
static gboolean
add_latest (BaruaSqliteConnection *connection, guint state, GArray *latest, GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_CENSUS_LATEST, error);
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int (find, 1, (int)state);
  sqlite3_bind_int (find, 2, BARUA_CENSUS_LATEST);
  while (barua_statement_step (find, &has_row, error))
    {
      const Latest found = { sqlite3_column_int64 (find, 0), state };
      if (!has_row)
        return TRUE;
      g_array_append_val (latest, found);
    }
  return FALSE;
}

/* Counts the states of the messages of one group that changed last. */
static gboolean
count_latest (BaruaSqliteConnection *connection, BaruaCensusGroup group, BaruaCensus *census,
              GError **error)
{
  g_autoptr (GArray) latest = g_array_new (FALSE, FALSE, sizeof (Latest));

  for (guint state = 0; state < BARUA_N_TASK_STATES; state++)
    if (barua_census_groups[state] == group && !add_latest (connection, state, latest, error))
      return FALSE;
  g_array_sort (latest, compare_latest);
  for (guint i = 0; i < MIN (latest->len, BARUA_CENSUS_LATEST); i++)
    census->latest[g_array_index (latest, Latest, i).state]++;
  return TRUE;
}

/* Counts users by the days since they were heard of; a clock that was set back makes no future. */
static gboolean
count_activity (BaruaSqliteConnection *connection, gint64 now_ms, BaruaCensus *census,
                GError **error)
{
  g_autoptr (BaruaStatement) find
      = barua_sqlite_statement (connection, BARUA_SQL_CENSUS_ACTIVITY, error);
  gboolean has_row = FALSE;

  if (find == NULL)
    return FALSE;
  sqlite3_bind_int64 (find, 1, now_ms - BARUA_CENSUS_DAYS * DAY_MS);
  while (barua_statement_step (find, &has_row, error))
    {
      if (!has_row)
        return TRUE;
      census->activity[MAX (now_ms - sqlite3_column_int64 (find, 0), 0) / DAY_MS]++;
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

/* Says that a figure could not be read; the others can be. */
static gboolean
note_failure (const char *figure, gboolean is_read, GError *error)
{
  if (!is_read)
    g_warning ("no figure of %s: %s", figure, error->message);
  g_clear_error (&error);
  return is_read;
}

/* Takes what is told of messages. */
static void
count_messages (BaruaSqliteConnection *connection, gint64 now_ms, BaruaCensus *census)
{
  GError *error = NULL;
  gboolean is_read = read_tally (connection, census->messages, &error);

  census->has_messages = note_failure ("messages", is_read, g_steal_pointer (&error));
  /* scheduled ones count before they are written out, and there may be many */
  is_read = count_week (connection, BARUA_SQL_CENSUS_WEEK, 1, 0, now_ms, census->week, &error)
            && count_week (connection, BARUA_SQL_CENSUS_WEEK_NO_MESSAGES, -1, BARUA_TASK_STATE_PENDING,
                           now_ms, census->week, &error);
  census->has_week = note_failure ("the messages of a week", is_read, g_steal_pointer (&error));
  is_read = TRUE;
  for (guint group = BARUA_CENSUS_PENDING; is_read && group < BARUA_N_CENSUS_GROUPS; group++)
    is_read = count_latest (connection, (BaruaCensusGroup)group, census, &error);
  census->has_latest = note_failure ("the latest messages", is_read, g_steal_pointer (&error));
  is_read = read_number (connection, BARUA_SQL_CENSUS_OLDEST, BARUA_NO_TIME,
                         &census->oldest_offered_ms, &error);
  census->has_oldest = note_failure ("the oldest message", is_read, g_steal_pointer (&error));
}

void
barua_sqlite_census (BaruaReader *reader, gint64 now_ms, BaruaCensus *census)
{
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  const struct
  {
    const char *name;
    BaruaSql which;
    gint64 *number;
  } numbers[] = { { "feedback", BARUA_SQL_CENSUS_FEEDBACK, &census->feedback },
                  { "conflicts", BARUA_SQL_CENSUS_CONFLICTS, &census->conflicts },
                  { "pages", BARUA_SQL_CENSUS_PAGES, &census->pages },
                  { "free pages", BARUA_SQL_CENSUS_FREE_PAGES, &census->free_pages } };
  GError *error = NULL;

  census->schema = barua_sqlite_schema_version ();
  census->engine = sqlite3_libversion ();
  count_messages (connection, now_ms, census);
  gboolean is_read = count_activity (connection, now_ms, census, &error);
  census->has_activity = note_failure ("active users", is_read, g_steal_pointer (&error));
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      is_read = read_number (connection, numbers[i].which, 0, numbers[i].number, &error);
      note_failure (numbers[i].name, is_read, g_steal_pointer (&error));
    }
}

gboolean
barua_sqlite_note_activity (BaruaTx *tx, const char *name, gint64 now_ms, GError **error)
{
  BaruaStatement *note = barua_sqlite_statement (barua_sqlite_connection (&tx->reader),
                                                 BARUA_SQL_ACCOUNT_NOTE_ACTIVITY, error);

  if (note == NULL)
    return FALSE;
  barua_bind_text (note, 1, barua_text (name));
  sqlite3_bind_int64 (note, 2, now_ms);
  return barua_statement_run (note, error);
}
