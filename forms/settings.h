/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/form.h"

G_BEGIN_DECLS

/**
 * BaruaSettings:
 *
 * A compiled application configuration: settings, forms, texts. Immutable and atomically
 * reference-counted: readers keep what they took while a writer puts a new one in its place.
 */
typedef struct _BaruaSettings BaruaSettings;

/**
 * barua_settings_compile:
 * @text: the settings object as JSON; kept
 * @messages: (nullable) (array length=n_messages): documents `messages-<code>` as JSON
 *   (settings-and-forms.md 3.5); one that is not usable is skipped
 * @error: a #BaruaFormsError when @text is not JSON or no object
 *
 * Compilation is tolerant: whatever a running installation has stored is accepted, and a part that
 * cannot be used counts as absent (parsing.md D4).
 *
 * Returns: (transfer full)
 */
BaruaSettings *barua_settings_compile (GBytes *text, GBytes *const *messages, guint n_messages,
                                       GError **error);

BaruaSettings *barua_settings_ref (BaruaSettings *settings);
void barua_settings_unref (BaruaSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaSettings, barua_settings_unref)

/** The text that was compiled. */
GBytes *barua_settings_text (const BaruaSettings *settings);

/** Hex digits that are others for another text; lives as long as @settings. */
const char *barua_settings_digest (const BaruaSettings *settings);

/** The settings object. */
BaruaJson barua_settings_json (const BaruaSettings *settings);

/** The value at a dotted path of member names or list indices ("sms.outgoing_service"); absent when there is none. */
BaruaJson barua_settings_get (const BaruaSettings *settings, const char *path);

/** The text at a path, decoded; absent when it is no text. Borrowed from @settings. */
BaruaText barua_settings_get_text (const BaruaSettings *settings, BaruaArena *arena,
                                   const char *path);

/** `locale`, else "en". */
BaruaText barua_settings_locale (const BaruaSettings *settings);

gboolean barua_settings_forms_only_mode (const BaruaSettings *settings);

/** `default_country_code` and `phone_validation`. */
const BaruaPhoneRules *barua_settings_phone_rules (const BaruaSettings *settings);

/** All texts. */
const BaruaTexts *barua_settings_texts (const BaruaSettings *settings);

/** The index of a language for barua_form_labels(); 0 for one that nothing is written in. */
guint barua_settings_locale_index (const BaruaSettings *settings, BaruaText locale);

/** Forms in the order of the settings. */
guint barua_settings_n_forms (const BaruaSettings *settings);
const BaruaForm *barua_settings_form (const BaruaSettings *settings, guint index);

/** The form called @code exactly. Returns: (nullable) */
const BaruaForm *barua_settings_find_form (const BaruaSettings *settings, BaruaText code);

/**
 * barua_settings_translate:
 * @key: a translation key
 * @locale: absent for the settings locale
 *
 * Returns: the text in @locale, else English, else @key itself; placeholders are left as they are
 */
BaruaText barua_settings_translate (const BaruaSettings *settings, BaruaText key, BaruaText locale);

/**
 * barua_settings_translate_label:
 * @label: a key or an object of locales
 *
 * barua_label_translate() with the settings' texts; @locale absent for the settings locale.
 */
BaruaText barua_settings_translate_label (const BaruaSettings *settings, BaruaArena *arena,
                                          BaruaJson label, BaruaText locale);

G_END_DECLS
