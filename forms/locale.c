/* SPDX-License-Identifier: MIT */

/* Texts by locale and key, labels, and filling in (parsing.md section 11). */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/locale.h"

#include <gio/gio.h>
#include <string.h>

#include "forms/characters.h"

/* The compiled-in data (data/meson.build). */
extern GResource *barua_data_get_resource (void);

#define FALLBACK_LOCALE BARUA_TEXT ("en")

static const char *const shipped_locales[]
    = { "ar", "bm", "en", "es", "fr", "hi", "id", "ne", "pt", "sw" };

/* One text of a locale. The key is the first member: tables hash entries by it. */
typedef struct
{
  BaruaText key;
  BaruaText value;
  guint source;
} Entry;

typedef struct
{
  BaruaText code;
  GHashTable *entries; /* Entry → itself */
} Locale;

struct _BaruaTexts
{
  BaruaArena *arena; /* entries and decoded texts */
  GArray *locales;   /* of Locale, in the order of adding */
  guint n_sources;
};

static guint
text_hash (gconstpointer key)
{
  return barua_text_hash (*(const BaruaText *)key);
}

static gboolean
text_equal (gconstpointer a, gconstpointer b)
{
  return barua_text_equal (*(const BaruaText *)a, *(const BaruaText *)b);
}

static void
locale_clear (gpointer data)
{
  Locale *locale = data;

  g_hash_table_unref (locale->entries);
}

BaruaTexts *
barua_texts_new (void)
{
  BaruaTexts *texts = g_new0 (BaruaTexts, 1);

  texts->arena = barua_arena_new ();
  texts->locales = g_array_new (FALSE, FALSE, sizeof (Locale));
  g_array_set_clear_func (texts->locales, locale_clear);
  return texts;
}

void
barua_texts_free (BaruaTexts *texts)
{
  g_array_unref (texts->locales);
  barua_arena_free (texts->arena);
  g_free (texts);
}

static const Locale *
find_locale (const BaruaTexts *texts, BaruaText code)
{
  for (guint i = 0; i < texts->locales->len; i++)
    {
      const Locale *locale = &g_array_index (texts->locales, Locale, i);
      if (barua_text_equal (locale->code, code))
        return locale;
    }
  return NULL;
}

/* The locale called @code, made when it is new. */
static const Locale *
need_locale (BaruaTexts *texts, BaruaText code)
{
  const Locale *found = find_locale (texts, code);
  if (found != NULL)
    return found;

  Locale locale = { barua_arena_copy (texts->arena, code),
                    g_hash_table_new (text_hash, text_equal) };
  g_array_append_val (texts->locales, locale);
  return &g_array_index (texts->locales, Locale, texts->locales->len - 1);
}

void
barua_texts_add (BaruaTexts *texts, BaruaText code, BaruaJson object)
{
  const Locale *locale = need_locale (texts, code);
  guint source = ++texts->n_sources;
  BaruaJsonIter iter;
  BaruaJson name, value;

  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &name, &value))
    {
      BaruaText text = barua_arena_json_text (texts->arena, value);
      if (text.n == 0)
        continue;
      BaruaText key = barua_arena_json_text (texts->arena, name);
      Entry *old = g_hash_table_lookup (locale->entries, &key);
      if (old != NULL && old->source == source)
        old->value = text; /* of two members of one name the last counts */
      if (old != NULL)
        continue;
      Entry *entry = barua_arena_alloc (texts->arena, sizeof *entry);
      *entry = (Entry){ key, text, source };
      g_hash_table_add (locale->entries, entry);
    }
}

void
barua_texts_add_shipped (BaruaTexts *texts)
{
  for (gsize i = 0; i < G_N_ELEMENTS (shipped_locales); i++)
    {
      char path[64];
      BaruaJson object;
      g_snprintf (path, sizeof path, "/org/barua/translations/%s.json", shipped_locales[i]);
      g_autoptr (GBytes) bytes
          = g_resource_lookup_data (barua_data_get_resource (), path, 0, NULL);
      gsize size = 0;
      const char *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;
      /* the bytes are part of the program, so that texts may be borrowed from them */
      if (data == NULL || !barua_json_read (data, (gssize)size, &object, NULL))
        g_critical ("%s cannot be used", path);
      else
        barua_texts_add (texts, barua_text (shipped_locales[i]), object);
    }
}

guint
barua_texts_n_locales (const BaruaTexts *texts)
{
  return texts->locales->len;
}

BaruaText
barua_texts_locale (const BaruaTexts *texts, guint index)
{
  return g_array_index (texts->locales, Locale, index).code;
}

/* The text of @key in @code alone; absent when there is none. */
static BaruaText
lookup_in (const BaruaTexts *texts, BaruaText code, BaruaText key)
{
  const Locale *locale = code.p != NULL ? find_locale (texts, code) : NULL;
  const Entry *entry = locale != NULL ? g_hash_table_lookup (locale->entries, &key) : NULL;

  return entry != NULL ? entry->value : (BaruaText){ NULL, 0 };
}

BaruaText
barua_texts_lookup (const BaruaTexts *texts, BaruaText locale, BaruaText fallback, BaruaText key)
{
  BaruaText text = lookup_in (texts, locale, key);

  return text.p != NULL ? text : lookup_in (texts, fallback, key);
}

/* The non-empty text of @object for @locale, from its list of translations or its members. */
static BaruaText
object_text (BaruaArena *arena, BaruaJson object, BaruaText locale)
{
  BaruaJsonIter iter;
  BaruaJson key, value;
  BaruaText text = { NULL, 0 };

  barua_json_iter_init (&iter, barua_json_member (object, "translations"));
  while (barua_json_iter_next (&iter, NULL, &value))
    if (barua_json_string_is (barua_json_member (value, "locale"), locale))
      {
        text = barua_arena_json_text (arena, barua_json_member (value, "content"));
        if (text.n > 0)
          return text;
      }
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    if (barua_json_string_is (key, locale))
      text = barua_arena_json_text (arena, value);
  return text;
}

/* The first non-empty text of @object: of its translations, else of its members. */
static BaruaText
first_text (BaruaArena *arena, BaruaJson object)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, barua_json_member (object, "translations"));
  while (barua_json_iter_next (&iter, NULL, &value))
    {
      BaruaText text = barua_arena_json_text (arena, barua_json_member (value, "content"));
      if (text.n > 0)
        return text;
    }
  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      BaruaText text = barua_arena_json_text (arena, value);
      if (text.n > 0)
        return text;
    }
  return (BaruaText){ NULL, 0 };
}

BaruaText
barua_label_translate (const BaruaTexts *texts, BaruaArena *arena, BaruaJson label,
                       BaruaText locale)
{
  BaruaJsonType type = barua_json_type (label);

  if (type == BARUA_JSON_STRING)
    {
      BaruaText key = barua_arena_json_text (arena, label);
      BaruaText text = barua_texts_lookup (texts, locale, FALLBACK_LOCALE, key);
      return text.p != NULL ? text : key;
    }
  if (type != BARUA_JSON_OBJECT)
    return (BaruaText){ NULL, 0 };

  const BaruaText order[] = { locale, BARUA_TEXT ("default"), FALLBACK_LOCALE };
  for (gsize i = 0; i < G_N_ELEMENTS (order); i++)
    {
      BaruaText text = object_text (arena, label, order[i]);
      if (text.n > 0)
        return text;
    }
  return first_text (arena, label);
}

/* Finds the value of a placeholder; FALSE when the name is unknown. */
typedef gboolean (*FindValue) (gconstpointer data, BaruaText name, GString *out);

/* The next `{{name}}` in @text; @rest is what follows it. */
static gboolean
next_placeholder (BaruaText text, BaruaText *before, BaruaText *name, BaruaText *rest)
{
  const char *open = memmem (text.p, text.n, "{{", 2);
  const char *end = text.p + text.n;
  if (open == NULL || end - open < 5)
    return FALSE;
  const char *close = memmem (open + 3, (gsize)(end - open - 3), "}}", 2);
  if (close == NULL)
    return FALSE;
  *before = (BaruaText){ text.p, (gsize)(open - text.p) };
  *name = barua_text_trim ((BaruaText){ open + 2, (gsize)(close - open - 2) });
  *rest = (BaruaText){ close + 2, (gsize)(end - close - 2) };
  return TRUE;
}

/* The work of both ways to fill in. */
static BaruaText
fill (BaruaArena *arena, BaruaText text, FindValue find, gconstpointer data)
{
  BaruaText before, name, rest;

  if (text.p == NULL || !next_placeholder (text, &before, &name, &rest))
    return text;

  g_autoptr (GString) out = g_string_sized_new (text.n + 64);
  BaruaText left = text;
  while (next_placeholder (left, &before, &name, &rest))
    {
      g_string_append_len (out, before.p, (gssize)before.n);
      if (!find (data, name, out))
        return text;
      left = rest;
    }
  g_string_append_len (out, left.p, (gssize)left.n);
  return barua_arena_copy (arena, (BaruaText){ out->str, out->len });
}

typedef struct
{
  const BaruaPlaceholder *placeholders;
  guint n;
} PlaceholderList;

static gboolean
find_in_list (gconstpointer data, BaruaText name, GString *out)
{
  const PlaceholderList *list = data;

  for (guint i = 0; i < list->n; i++)
    if (barua_text_equal (barua_text (list->placeholders[i].name), name))
      {
        BaruaText value = list->placeholders[i].value;
        if (value.n > 0)
          g_string_append_len (out, value.p, (gssize)value.n);
        return TRUE;
      }
  return FALSE;
}

BaruaText
barua_text_fill (BaruaArena *arena, BaruaText text, const BaruaPlaceholder *placeholders,
                 guint n_placeholders)
{
  PlaceholderList list = { placeholders, n_placeholders };

  return fill (arena, text, find_in_list, &list);
}

/* Appends a value that is no list as ECMAScript would print it. */
static void
append_scalar (GString *out, BaruaJson value)
{
  g_autofree char *text = NULL;
  gsize length;

  switch (barua_json_type (value))
    {
    case BARUA_JSON_ABSENT:
    case BARUA_JSON_NULL:
      break;
    case BARUA_JSON_STRING:
      text = barua_json_string (value, &length);
      g_string_append_len (out, text, (gssize)length);
      break;
    case BARUA_JSON_NUMBER:
      barua_json_append_number (out, barua_json_number (value));
      break;
    default:
      barua_json_append_minified (out, value);
    }
}

static gboolean
find_in_json (gconstpointer data, BaruaText name, GString *out)
{
  BaruaJson value = *(const BaruaJson *)data;
  g_autofree char *path = g_strndup (name.p, name.n);
  g_auto (GStrv) parts = g_strsplit (path, ".", -1);

  if (parts[0] == NULL)
    return FALSE;
  for (guint i = 0; parts[i] != NULL; i++)
    value = barua_json_member (value, parts[i]);
  if (barua_json_type (value) == BARUA_JSON_ABSENT)
    return FALSE;
  if (barua_json_type (value) != BARUA_JSON_ARRAY)
    {
      append_scalar (out, value);
      return TRUE;
    }
  BaruaJsonIter iter;
  BaruaJson element;
  gboolean is_first = TRUE;
  barua_json_iter_init (&iter, value);
  while (barua_json_iter_next (&iter, NULL, &element))
    {
      if (!is_first)
        g_string_append_c (out, ',');
      is_first = FALSE;
      append_scalar (out, element);
    }
  return TRUE;
}

BaruaText
barua_text_fill_json (BaruaArena *arena, BaruaText text, BaruaJson context)
{
  return fill (arena, text, find_in_json, &context);
}

static gboolean
find_or_nothing (gconstpointer data, BaruaText name, GString *out)
{
  find_in_json (data, name, out);
  return TRUE;
}

BaruaText
barua_text_fill_message (BaruaArena *arena, BaruaText text, BaruaJson context)
{
  return fill (arena, text, find_or_nothing, &context);
}
