/* SPDX-License-Identifier: MIT */

/* A compiled application configuration. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/settings.h"

#include <string.h>

#include "forms/characters.h"
#include "forms/error.h"
#include "forms/form-compile.h"

/* Labels are resolved for so many languages; others read like a language without texts. */
#define MAX_LOCALES 256

/* Longer names of languages are none. */
#define MAX_LOCALE_BYTES 35 /* RFC 5646, 4.4.1 */

/* A segment of a path of barua_settings_get(). */
#define MAX_SEGMENT 128

struct _BaruaSettings
{
  gint references;
  GBytes *text;
  char *digest;
  GPtrArray *messages; /* of GBytes; texts are borrowed from them */
  BaruaJson json;
  GHashTable *members; /* name -> BaruaJson: the top level, so that no request walks through all forms */
  BaruaArena *arena;
  BaruaTexts *texts;
  BaruaText locale;
  guint locale_index;
  gboolean forms_only_mode;
  BaruaPhoneRules phone_rules;
  GArray *locales;  /* of BaruaText; the first is absent */
  GPtrArray *forms; /* of BaruaForm, owned by the arena */
  gint32 *slots;    /* hash table of form numbers by code, -1 empty */
  guint32 mask;
};

/* Makes the table of the top level; of a repeated name the last member counts. */
static void
index_members (BaruaSettings *settings)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  settings->members = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  barua_json_iter_init (&iter, settings->json);
  while (barua_json_iter_next (&iter, &key, &value))
    g_hash_table_replace (settings->members, barua_json_string (key, NULL), g_memdup2 (&value, sizeof value));
}

/* Adds the texts of all sources, the strongest first (settings-and-forms.md 3.5). */
static void
compile_texts (BaruaSettings *settings)
{
  BaruaJsonIter iter;
  BaruaJson key, object;

  for (guint i = 0; i < settings->messages->len; i++)
    {
      gsize size;
      const char *data = g_bytes_get_data (g_ptr_array_index (settings->messages, i), &size);
      BaruaJson document;
      if (!barua_json_read (data, (gssize)size, &document, NULL))
        continue;
      BaruaText code
          = barua_arena_json_text (settings->arena, barua_json_member (document, "code"));
      if (code.n == 0)
        continue;
      barua_texts_add (settings->texts, code, barua_json_member (document, "custom"));
      BaruaJson generic = barua_json_member (document, "generic");
      if (barua_json_is_nothing (generic))
        generic = barua_json_member (document, "values");
      barua_texts_add (settings->texts, code, generic);
    }
  barua_json_iter_init (&iter, barua_json_member (settings->json, "translations"));
  while (barua_json_iter_next (&iter, &key, &object))
    if (barua_json_type (object) == BARUA_JSON_OBJECT)
      barua_texts_add (settings->texts, barua_arena_json_text (settings->arena, key), object);
  barua_texts_add_shipped (settings->texts);
}

/* The number of the language @locale; 0 when there is none. */
static guint
find_locale (const BaruaSettings *settings, BaruaText locale)
{
  const BaruaText *locales = (const BaruaText *)(void *)settings->locales->data;

  if (locale.p != NULL)
    for (guint i = 1; i < settings->locales->len; i++)
      if (barua_text_equal (locales[i], locale))
        return i;
  return 0;
}

static void
need_locale (BaruaSettings *settings, BaruaText code)
{
  if (code.n == 0 || code.n > MAX_LOCALE_BYTES || settings->locales->len >= MAX_LOCALES
      || find_locale (settings, code) > 0)
    return;
  g_array_append_val (settings->locales, code);
}

/* Notes the languages of one label. */
static void
collect_label_locales (BaruaSettings *settings, BaruaJson label)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  if (barua_json_type (label) != BARUA_JSON_OBJECT)
    return;
  barua_json_iter_init (&iter, label);
  while (barua_json_iter_next (&iter, &key, &value))
    if (barua_json_type (value) == BARUA_JSON_STRING)
      need_locale (settings, barua_arena_json_text (settings->arena, key));
  barua_json_iter_init (&iter, barua_json_member (label, "translations"));
  while (barua_json_iter_next (&iter, NULL, &value))
    need_locale (settings,
                 barua_arena_json_text (settings->arena, barua_json_member (value, "locale")));
}

/* Notes the languages that texts or labels are written in. */
static void
collect_locales (BaruaSettings *settings, BaruaJson forms)
{
  BaruaText others = { NULL, 0 };
  BaruaJsonIter iter, inner;
  BaruaJson key, definition, field;

  g_array_append_val (settings->locales, others);
  for (guint i = 0; i < barua_texts_n_locales (settings->texts); i++)
    need_locale (settings, barua_texts_locale (settings->texts, i));
  barua_json_iter_init (&iter, forms);
  while (barua_json_iter_next (&iter, &key, &definition))
    {
      barua_json_iter_init (&inner, barua_json_member (definition, "fields"));
      while (barua_json_iter_next (&inner, NULL, &field))
        {
          BaruaJson labels = barua_json_member (field, "labels");
          collect_label_locales (settings, barua_json_member (labels, "tiny"));
          collect_label_locales (settings, barua_json_member (labels, "short"));
        }
    }
}

/* The slot of the form called @code, or the empty one where it belongs. */
static guint32
find_slot (const BaruaSettings *settings, BaruaText code)
{
  guint32 slot = barua_text_hash (code) & settings->mask;

  while (settings->slots[slot] >= 0)
    {
      const BaruaForm *form = g_ptr_array_index (settings->forms, settings->slots[slot]);
      if (barua_text_equal (barua_form_code (form), code))
        break;
      slot = (slot + 1) & settings->mask;
    }
  return slot;
}

/* Compiles all forms. Of two of one code the last counts, at the place of the first. */
static void
compile_forms (BaruaSettings *settings, BaruaJson forms)
{
  BaruaFormContext context
      = { settings->texts, settings->locale, (const BaruaText *)(void *)settings->locales->data,
          settings->locales->len, settings->arena };
  guint32 size = 8;
  BaruaJsonIter iter;
  BaruaJson code, definition;

  while (size < 2 * barua_json_size (forms))
    size *= 2;
  settings->mask = size - 1;
  settings->slots = g_new (gint32, size);
  for (guint32 i = 0; i < size; i++)
    settings->slots[i] = -1;
  barua_json_iter_init (&iter, forms);
  while (barua_json_iter_next (&iter, &code, &definition))
    {
      if (barua_json_type (definition) != BARUA_JSON_OBJECT)
        continue;
      const BaruaForm *form = barua_form_compile (&context, code, definition);
      guint32 slot = find_slot (settings, barua_form_code (form));
      if (settings->slots[slot] >= 0)
        {
          settings->forms->pdata[settings->slots[slot]] = (gpointer)form;
          continue;
        }
      settings->slots[slot] = (gint32)settings->forms->len;
      g_ptr_array_add (settings->forms, (gpointer)form);
    }
}

/* Empty settings around @text, which is read. */
static BaruaSettings *
settings_new (GBytes *text, BaruaJson json)
{
  BaruaSettings *settings = g_new0 (BaruaSettings, 1);

  settings->references = 1;
  settings->text = g_bytes_ref (text);
  settings->json = json;
  settings->digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA1, text);
  settings->messages = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  settings->arena = barua_arena_new ();
  settings->texts = barua_texts_new ();
  settings->locales = g_array_new (FALSE, FALSE, sizeof (BaruaText));
  settings->forms = g_ptr_array_new ();
  index_members (settings);
  return settings;
}

BaruaSettings *
barua_settings_compile (GBytes *text, GBytes *const *messages, guint n_messages, GError **error)
{
  BaruaJson json;
  gsize size;

  g_return_val_if_fail (text != NULL, NULL);

  const char *data = g_bytes_get_data (text, &size);
  if (!barua_json_read (data != NULL ? data : "", (gssize)size, &json, error))
    return NULL;
  if (barua_json_type (json) != BARUA_JSON_OBJECT)
    {
      g_set_error (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_SHAPE,
                   "settings must be an object, not %s", barua_json_type_name (json));
      return NULL;
    }

  BaruaSettings *settings = settings_new (text, json);
  for (guint i = 0; i < n_messages; i++)
    g_ptr_array_add (settings->messages, g_bytes_ref (messages[i]));
  settings->locale = barua_arena_json_text (settings->arena, barua_json_member (json, "locale"));
  if (settings->locale.n == 0)
    settings->locale = BARUA_TEXT ("en");
  settings->forms_only_mode = barua_json_truthy (barua_json_member (json, "forms_only_mode"));
  settings->phone_rules = barua_phone_rules (json);
  compile_texts (settings);

  BaruaJson forms = barua_json_member (json, "forms");
  if (barua_json_type (forms) != BARUA_JSON_OBJECT)
    forms = BARUA_JSON_NONE;
  collect_locales (settings, forms);
  settings->locale_index = find_locale (settings, settings->locale);
  compile_forms (settings, forms);
  return settings;
}

BaruaSettings *
barua_settings_ref (BaruaSettings *settings)
{
  g_atomic_int_inc (&settings->references);
  return settings;
}

void
barua_settings_unref (BaruaSettings *settings)
{
  if (!g_atomic_int_dec_and_test (&settings->references))
    return;
  g_free (settings->slots);
  g_ptr_array_unref (settings->forms);
  g_array_unref (settings->locales);
  g_hash_table_unref (settings->members);
  barua_texts_free (settings->texts);
  barua_arena_free (settings->arena);
  g_ptr_array_unref (settings->messages);
  g_bytes_unref (settings->text);
  g_free (settings->digest);
  g_free (settings);
}

GBytes *
barua_settings_text (const BaruaSettings *settings)
{
  return settings->text;
}

const char *
barua_settings_digest (const BaruaSettings *settings)
{
  return settings->digest;
}

BaruaJson
barua_settings_json (const BaruaSettings *settings)
{
  return settings->json;
}

/* The member of the settings object that is called @name. */
static BaruaJson
top_member (const BaruaSettings *settings, const char *name)
{
  const BaruaJson *found = g_hash_table_lookup (settings->members, name);

  return found != NULL ? *found : BARUA_JSON_NONE;
}

BaruaJson
barua_settings_get (const BaruaSettings *settings, const char *path)
{
  BaruaJson value = settings->json;
  char segment[MAX_SEGMENT];

  while (*path != '\0')
    {
      gsize n = strcspn (path, ".");
      if (n >= sizeof segment)
        return BARUA_JSON_NONE;
      memcpy (segment, path, n);
      segment[n] = '\0';
      if (barua_json_type (value) == BARUA_JSON_ARRAY)
        {
          guint64 index;
          if (!g_ascii_string_to_unsigned (segment, 10, 0, G_MAXUINT, &index, NULL))
            return BARUA_JSON_NONE;
          value = barua_json_element (value, (guint)index);
        }
      else if (value.text == settings->json.text)
        value = top_member (settings, segment);
      else
        value = barua_json_member (value, segment);
      path += n;
      path += *path == '.';
    }
  return value;
}

BaruaText
barua_settings_get_text (const BaruaSettings *settings, BaruaArena *arena, const char *path)
{
  return barua_arena_json_text (arena, barua_settings_get (settings, path));
}

BaruaText
barua_settings_locale (const BaruaSettings *settings)
{
  return settings->locale;
}

gboolean
barua_settings_forms_only_mode (const BaruaSettings *settings)
{
  return settings->forms_only_mode;
}

const BaruaPhoneRules *
barua_settings_phone_rules (const BaruaSettings *settings)
{
  return &settings->phone_rules;
}

const BaruaTexts *
barua_settings_texts (const BaruaSettings *settings)
{
  return settings->texts;
}

guint
barua_settings_locale_index (const BaruaSettings *settings, BaruaText locale)
{
  return locale.p == settings->locale.p && locale.n == settings->locale.n
             ? settings->locale_index
             : find_locale (settings, locale);
}

guint
barua_settings_n_forms (const BaruaSettings *settings)
{
  return settings->forms->len;
}

const BaruaForm *
barua_settings_form (const BaruaSettings *settings, guint index)
{
  return g_ptr_array_index (settings->forms, index);
}

const BaruaForm *
barua_settings_find_form (const BaruaSettings *settings, BaruaText code)
{
  if (code.p == NULL)
    return NULL;
  gint32 number = settings->slots[find_slot (settings, code)];
  return number < 0 ? NULL : g_ptr_array_index (settings->forms, number);
}

BaruaText
barua_settings_translate (const BaruaSettings *settings, BaruaText key, BaruaText locale)
{
  BaruaText text = barua_texts_lookup (settings->texts, locale.p != NULL ? locale : settings->locale,
                                       BARUA_TEXT ("en"), key);

  return text.p != NULL ? text : key;
}

BaruaText
barua_settings_translate_label (const BaruaSettings *settings, BaruaArena *arena, BaruaJson label,
                                BaruaText locale)
{
  return barua_label_translate (settings->texts, arena, label,
                                locale.p != NULL ? locale : settings->locale);
}
