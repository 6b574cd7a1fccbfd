/* SPDX-License-Identifier: MIT */
#pragma once

#include "parser/record.h"

G_BEGIN_DECLS

/* Messages tried out against settings or a definition: `barua parse` (cli.md) and
 * `POST /api/v1/forms/explain` (messaging.md 3.9) print the same, by these functions. */

/**
 * barua_trial_settings_text:
 * @settings: an object; absent for `{}`
 * @definition: a form definition; absent when the forms of @settings count
 *
 * The settings to try a message with: @settings, or @settings with @definition as their only form,
 * stored under its `meta.code`.
 *
 * Returns: (transfer full): for barua_settings_compile()
 */
GBytes *barua_trial_settings_text (BaruaJson settings, BaruaJson definition);

/**
 * BaruaTrial:
 * @settings: what the texts are read with
 * @form: (nullable): read everything with this form; %NULL: the one that a message names
 * @locale: the language of messages that name none; absent for the settings' own
 * @explains: whether messages are explained
 *
 * How messages are tried out.
 */
typedef struct
{
  const BaruaSettings *settings;
  const BaruaForm *form;
  BaruaText locale;
  gboolean explains;
} BaruaTrial;

/**
 * barua_trial_append_message:
 * @message: its `now_ms` is set
 * @out: receives one JSON object: the record's members and, if wanted, `explain`; untouched on
 *   failure
 * @error: a #BaruaParserError
 */
gboolean barua_trial_append_message (const BaruaTrial *trial, const BaruaMessage *message,
                                     BaruaArena *arena, GString *out, GError **error);

/**
 * barua_trial_append_record:
 * @body: a record as posted in JSON, with `_meta`
 *
 * The same for a JSON record; records are not explained.
 */
gboolean barua_trial_append_record (const BaruaTrial *trial, BaruaJson body, gint64 now_ms,
                                    BaruaArena *arena, GString *out, GError **error);

G_END_DECLS
