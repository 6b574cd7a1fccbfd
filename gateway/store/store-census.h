/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * BaruaCensus:
 * @messages: (array fixed-size=BARUA_TASK_STATE_CLEAR+1): how many the queue knows in each state; a message
 *   is what has an id, a recipient and a text, and a scheduled task that was not written out yet counts one
 * @oldest_offered_ms: due time of the message that has been due longest of those that no phone
 *   confirmed; %BARUA_NO_TIME when there is none
 * @feedback: documents of feedback
 * @conflicts: documents with more than one live leaf
 * @pages: of the file
 * @free_pages: of these, holding nothing
 * @schema: version of the tables
 * @engine: (not nullable): version of the database engine, static
 *
 * The store in numbers, for who watches it (export-and-monitoring.md 7).
 */
typedef struct
{
  gint64 messages[BARUA_TASK_STATE_CLEAR + 1];
  gint64 oldest_offered_ms;
  gint64 feedback;
  gint64 conflicts;
  gint64 pages;
  gint64 free_pages;
  int schema;
  const char *engine;
} BaruaCensus;

/** Takes the census of the default database; milliseconds for each hundred thousand messages. */
gboolean barua_reader_census (BaruaReader *reader, BaruaCensus *census, GError **error);

G_END_DECLS
