/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/** The document that holds the settings (settings-and-forms.md 2.3). */
#define BARUA_SETTINGS_ID "settings"

/**
 * BaruaSettingsSource:
 * @document: (nullable): the stored document; %NULL when nothing was stored yet
 * @messages: (element-type GBytes): the documents `messages-<code>`, complete
 *
 * Everything that settings are compiled from, read in one snapshot.
 */
typedef struct
{
  BaruaDocument *document;
  GPtrArray *messages;
} BaruaSettingsSource;

void barua_settings_source_clear (BaruaSettingsSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaSettingsSource, barua_settings_source_clear)

/** A #BaruaQuery; its data is an empty #BaruaSettingsSource. */
gboolean barua_settings_source_read (BaruaReader *reader, gpointer source, GError **error);

/** The settings object of @source; absent when nothing was stored. */
BaruaJson barua_settings_source_json (const BaruaSettingsSource *source);

/** Compiles @text, the settings object, with the texts of @source. Returns: (transfer full) */
BaruaSettings *barua_settings_source_compile (const BaruaSettingsSource *source, GBytes *text, GError **error);

/**
 * barua_settings_source_put:
 * @text: the new settings object, minified
 * @error: %BARUA_STORE_ERROR_CONFLICT when the document has moved on since @source was read
 */
gboolean barua_settings_source_put (BaruaTx *tx, const BaruaSettingsSource *source, BaruaText text, GError **error);

/**
 * BaruaSettingsCompletion:
 * @source: what was read
 * @text: its settings with the permissions that were missing
 *
 * The data of barua_settings_completion_put().
 */
typedef struct
{
  const BaruaSettingsSource *source;
  BaruaText text;
} BaruaSettingsCompletion;

/** A #BaruaJob that stores settings whose permissions were completed (settings-and-forms.md 2.3). */
gboolean barua_settings_completion_put (BaruaTx *tx, gpointer completion, GError **error);

/**
 * barua_settings_document_load:
 *
 * Reads and compiles the stored settings; missing permissions are completed first
 * (settings-and-forms.md 2.3). Blocks: for start-up.
 *
 * Returns: (transfer full)
 */
BaruaSettings *barua_settings_document_load (BaruaStore *store, GError **error);

G_END_DECLS
