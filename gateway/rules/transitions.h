/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/lookup.h"
#include "parser/record.h"

G_BEGIN_DECLS

/**
 * BaruaTransition:
 * @settings: in force when the record came in
 * @record: rules add errors to it
 * @message_locale: (nullable): the language that the message itself named
 * @lookup: what may be asked
 * @now_ms: the clock
 * @tasks: the inside of the record's `tasks` array so far; rules append to it
 * @done: (inout): bit n for row n of workflows.md 1.1: rows marked already are left out, those that
 *   run are marked
 *
 * What the rules work on: one record on its way into the store.
 */
typedef struct
{
  const BaruaSettings *settings;
  BaruaArena *arena;
  BaruaRecord *record;
  BaruaText message_locale;
  const BaruaLookup *lookup;
  gint64 now_ms;
  GString *tasks;
  guint64 done;
} BaruaTransition;

/**
 * barua_transitions_run:
 * @error: only what @lookup set: the record must then not be stored
 *
 * Runs the enabled rows of workflows.md 1.1, in their order.
 */
gboolean barua_transitions_run (BaruaTransition *transition, GError **error);

/** Whether `transitions.@name` is on: truthy, and not an object with a truthy `disable` (workflows.md 1.2). */
gboolean barua_transition_is_on (const BaruaSettings *settings, const char *name);

/**
 * barua_transition_send:
 * @key: translation key of the text
 * @recipient: phone number as found
 *
 * Adds one message to @transition->tasks (workflows.md 2.4): text in the record's language, denied,
 * duplicate or pending; failed when there is no text.
 */
gboolean barua_transition_send (BaruaTransition *transition, const char *key, BaruaText recipient, GError **error);

/** The row `default_responses` (workflows.md 11.1): whether it is for this record, and its work. */
gboolean barua_transition_default_responses_applies (const BaruaTransition *transition);
gboolean barua_transition_default_responses (BaruaTransition *transition, GError **error);

G_END_DECLS
