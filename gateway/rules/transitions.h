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
 * @contact: (nullable) (inout): JSON: who sent the record
 * @is_xform: it was filled in as an XForm
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
  BaruaText contact;
  gboolean is_xform;
} BaruaTransition;

/** The number of the row `update_clinics`, which may run again as long as a record has no contact
 * (workflows.md 1.1). */
#define BARUA_TRANSITION_UPDATE_CLINICS 1

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
 * barua_transition_name:
 * @index: from 0 on
 *
 * The transitions of workflows.md 1.1 that do something, by the order there, whether they are built or not.
 *
 * Returns: (nullable): %NULL after the last one
 */
const char *barua_transition_name (guint index);

/** Whether a transition is on in @settings and yet does not run (workflows.md 1.2). */
gboolean barua_transition_is_switched_off (const BaruaSettings *settings, const char *name);

/**
 * barua_transition_send:
 * @key: translation key of the text
 * @recipient: phone number as found
 *
 * Adds one message to @transition->tasks (workflows.md 2.4): text in the record's language, denied,
 * duplicate or pending; failed when there is no text.
 */
gboolean barua_transition_send (BaruaTransition *transition, const char *key, BaruaText recipient, GError **error);

/** The same for a text that is made already. */
gboolean barua_transition_send_text (BaruaTransition *transition, BaruaText text,
                                     BaruaText recipient, GError **error);

/** The text of a key in the record's language, its placeholders filled in; absent when nobody
 * translated the key. */
BaruaText barua_transition_text (const BaruaTransition *transition, const char *key);

/**
 * barua_transition_text_of:
 * @message: an entry of `messages` in settings: `translation_key`, else `message`, a text or a list
 *   of `{locale, content}` (workflows.md 2.5)
 *
 * The text of a configured message, likewise.
 */
BaruaText barua_transition_text_of (const BaruaTransition *transition, BaruaJson message);

/** The row `update_clinics` (workflows.md 3). */
gboolean barua_transition_update_clinics_applies (const BaruaTransition *transition);
gboolean barua_transition_update_clinics (BaruaTransition *transition, GError **error);

/** The row `default_responses` (workflows.md 11.1): whether it is for this record, and its work. */
gboolean barua_transition_default_responses_applies (const BaruaTransition *transition);
gboolean barua_transition_default_responses (BaruaTransition *transition, GError **error);

G_END_DECLS
