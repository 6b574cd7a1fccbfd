/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/** What stands in the place of a number that could not be read (export-and-monitoring.md 7). */
#define BARUA_CENSUS_UNKNOWN (-1)

/** Days that the activity of users is told for: ten years. */
#define BARUA_CENSUS_DAYS 3650

/** Messages of a group of states whose last changes are looked at (export-and-monitoring.md 7.1). */
#define BARUA_CENSUS_LATEST 100

/** The groups of states of `last_hundred` (export-and-monitoring.md 7.1). */
typedef enum
{
  BARUA_CENSUS_NO_GROUP,
  BARUA_CENSUS_PENDING,
  BARUA_CENSUS_FINAL,
  BARUA_CENSUS_MUTED,
  BARUA_N_CENSUS_GROUPS,
} BaruaCensusGroup;

/** The group of each state. */
extern const BaruaCensusGroup barua_census_groups[BARUA_N_TASK_STATES];

/**
 * BaruaCensus:
 * @has_messages: whether @messages could be counted; likewise for what follows
 * @messages: how many the queue knows in each state; a message is what has an id, a recipient and a
 *   text, and a scheduled task that was not written out yet counts one
 * @week: of these, what was due in the last seven days
 * @latest: the states of the hundred messages of each group that changed last
 * @oldest_offered_ms: due time of the message that has been due longest of those that no phone
 *   confirmed; %BARUA_NO_TIME when there is none
 * @activity: how many users were heard of last so many whole days ago
 * @feedback: documents of feedback
 * @conflicts: documents with more than one live leaf
 * @pages: of the file
 * @free_pages: of these, holding nothing
 * @schema: version of the tables
 * @engine: (not nullable): version of the database engine, static
 *
 * The store in numbers, for who watches it (export-and-monitoring.md 7). Each figure fails alone: a number
 * is then %BARUA_CENSUS_UNKNOWN.
 */
typedef struct
{
  gboolean has_messages, has_week, has_latest, has_oldest, has_activity;
  gint64 messages[BARUA_N_TASK_STATES];
  gint64 week[BARUA_N_TASK_STATES];
  guint latest[BARUA_N_TASK_STATES];
  gint64 oldest_offered_ms;
  guint activity[BARUA_CENSUS_DAYS];
  gint64 feedback;
  gint64 conflicts;
  gint64 pages;
  gint64 free_pages;
  int schema;
  const char *engine;
} BaruaCensus;

/** A census of which nothing could be read. */
void barua_census_init (BaruaCensus *census);

/** Takes the census of the default database: milliseconds, and some for each hundred thousand messages of a week.
 * What cannot be read is logged and told as unknown. */
void barua_reader_census (BaruaReader *reader, gint64 now_ms, BaruaCensus *census);

/** Notes when an account was heard of; one that is not there is nobody's concern. */
gboolean barua_tx_note_activity (BaruaTx *tx, const char *name, gint64 now_ms, GError **error);

G_END_DECLS
