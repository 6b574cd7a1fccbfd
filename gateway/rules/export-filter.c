/* SPDX-License-Identifier: MIT */

/* Which documents are exported: filters (export-and-monitoring.md 3.1, 4) and free text (3.2). */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/export.h"

#include "forms/characters.h"
#include "gateway/rules/messages.h"

#include <math.h>

#define VERIFIED_TRUE 1u
#define VERIFIED_FALSE 2u
#define VERIFIED_NEITHER 4u

/* Words of a search; each is compared with every key of a document. */
#define MAX_WORDS 64u

/* Keys of free text are longer, in UTF-16 units. */
#define SHORT_KEY 2

/* Ancestors that are looked at; a lineage has no more (contacts.md 5). */
#define MAX_LEVELS 50

/* ---- reading ---- */

/* `Invalid filter "NAME": VALUE`; always FALSE. */
static gboolean
refuse (const char *name, BaruaJson value, GError **error)
{
  g_set_error (error, BARUA_EXPORT_ERROR, 0, "Invalid filter \"%s\": %.*s", name,
               (int)MIN (value.length, 200), value.text);
  return FALSE;
}

/* (transfer full) (nullable): the text of a string, or of a number: ids that are numbers are asked for as such. */
static char *
text_of (BaruaJson value)
{
  return barua_json_type (value) == BARUA_JSON_NUMBER ? g_strndup (value.text, value.length)
                                                      : barua_json_string (value, NULL);
}

/* Adds the text of a filter's element, or of its member @member, without which an object is left out. */
static gboolean
add_text (GPtrArray *texts, BaruaJson element, const char *member, const char *name, GError **error)
{
  const gboolean is_object = barua_json_type (element) == BARUA_JSON_OBJECT;
  char *text = text_of (member != NULL && is_object ? barua_json_member (element, member) : element);

  if (text != NULL && *text != '\0')
    g_ptr_array_add (texts, text);
  else
    g_free (text);
  return text != NULL || (member != NULL && is_object) || barua_json_is_nothing (element)
         || refuse (name, element, error);
}

/* Sets the texts of a list, or a single one; none leave @texts alone.  A list of more than some elements is an
 * object when it stood in a query (section 1.6). */
static gboolean
read_texts (BaruaJson list, const char *member, const char *name, GPtrArray **texts, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const BaruaJsonType type = barua_json_type (list);
  const gboolean is_element
      = type == BARUA_JSON_OBJECT && member != NULL && barua_json_member (list, member).text != NULL;
  BaruaJsonIter iter;
  BaruaJson element;

  if (is_element || (type != BARUA_JSON_ARRAY && type != BARUA_JSON_OBJECT))
    {
      if (!add_text (found, list, member, name, error))
        return FALSE;
    }
  else
    {
      barua_json_iter_init (&iter, list);
      while (barua_json_iter_next (&iter, NULL, &element))
        if (!add_text (found, element, member, name, error))
          return FALSE;
    }
  if (found->len > 0)
    *texts = g_steal_pointer (&found);
  return TRUE;
}

/* Sets the texts of `selected`, unless it holds as many as there are to choose from. */
static gboolean
read_selected (BaruaJson filter, const char *member, const char *name, GPtrArray **texts, GError **error)
{
  const BaruaJson selected = barua_json_member (filter, "selected");
  const BaruaJson options = barua_json_member (filter, "options");

  if (!barua_json_is_nothing (options) && barua_json_type (options) == barua_json_type (selected)
      && barua_json_size (options) == barua_json_size (selected) && barua_json_size (options) > 0)
    return TRUE;
  return read_texts (selected, member, name, texts, error);
}

gboolean
barua_export_read_time (BaruaJson value, gint64 *ms)
{
  g_autofree char *text = barua_json_string (value, NULL);
  char *end = NULL;

  if (text != NULL)
    {
      const double number = g_ascii_strtod (text, &end);
      if (end != text && *end == '\0' && isfinite (number) && fabs (number) < 9e15)
        {
          *ms = (gint64)number;
          return TRUE;
        }
    }
  return barua_message_time (value, ms);
}

/* One end of the range of dates. */
static gboolean
read_date (BaruaJson value, const char *name, gint64 fallback, gint64 *ms, gboolean *is_given,
           GError **error)
{
  *ms = fallback;
  if (barua_json_is_nothing (value) || barua_json_string_is (value, BARUA_TEXT ("")))
    return TRUE;
  *is_given = TRUE;
  return barua_export_read_time (value, ms) || refuse (name, value, error);
}

static gboolean
read_dates (BaruaJson date, gint64 now_ms, BaruaExportFilters *filters, GError **error)
{
  if (barua_json_is_nothing (date) || barua_json_string_is (date, BARUA_TEXT ("")))
    return TRUE;
  if (barua_json_type (date) != BARUA_JSON_OBJECT)
    return refuse ("date", date, error);
  return read_date (barua_json_member (date, "from"), "date.from", 0, &filters->from_ms,
                    &filters->has_dates, error)
         && read_date (barua_json_member (date, "to"), "date.to", now_ms, &filters->to_ms,
                       &filters->has_dates, error);
}

/* `true` and its text; anything else that is there means false (section 3.1). */
static int
read_valid (BaruaJson valid)
{
  g_autofree char *text = barua_json_string (valid, NULL);

  if (barua_json_is_nothing (valid) || (text != NULL && *text == '\0'))
    return -1;
  return barua_json_type (valid) == BARUA_JSON_TRUE || g_strcmp0 (text, "true") == 0;
}

/* Adds the bit of one value of `verified`; an empty text is none. */
static gboolean
add_verified (BaruaJson value, guint *bits, GError **error)
{
  static const struct
  {
    BaruaText text;
    guint bit;
  } verdicts[] = { { { "true", 4 }, VERIFIED_TRUE },
                   { { "false", 5 }, VERIFIED_FALSE },
                   { { "null", 4 }, VERIFIED_NEITHER } };

  for (gsize i = 0; i < G_N_ELEMENTS (verdicts); i++)
    if (barua_text_equal ((BaruaText){ value.text, value.length }, verdicts[i].text)
        || barua_json_string_is (value, verdicts[i].text))
      {
        *bits |= verdicts[i].bit;
        return TRUE;
      }
  return barua_json_string_is (value, BARUA_TEXT ("")) || refuse ("verified", value, error);
}

/* One value, or a list of them (section 3.1), an object when it is a long one of a query; nothing: all reports. */
static gboolean
read_verified (BaruaJson verified, guint *bits, GError **error)
{
  BaruaJsonIter iter;
  BaruaJson value;

  if (barua_json_is_nothing (verified))
    return TRUE;
  if (barua_json_type (verified) != BARUA_JSON_ARRAY && barua_json_type (verified) != BARUA_JSON_OBJECT)
    return add_verified (verified, bits, error);
  barua_json_iter_init (&iter, verified);
  while (barua_json_iter_next (&iter, NULL, &value))
    if (!add_verified (value, bits, error))
      return FALSE;
  return TRUE;
}

/* Cuts the next word off @rest, which white space separates; FALSE when there is none. */
static gboolean
next_word (BaruaText *rest, BaruaText *word)
{
  const char *end = rest->p + rest->n, *start = rest->p;

  while (start < end && barua_is_white (g_utf8_get_char (start)))
    start = g_utf8_next_char (start);
  const char *stop = start;
  while (stop < end && !barua_is_white (g_utf8_get_char (stop)))
    stop = g_utf8_next_char (stop);
  *word = (BaruaText){ start, (gsize)(stop - start) };
  *rest = (BaruaText){ stop, (gsize)(end - stop) };
  return stop > start;
}

/* Sets the words of a search, in lower case; none leave @words alone.  A number is a word. */
static gboolean
read_search (BaruaJson search, GPtrArray **words, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *text = text_of (search);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText rest, word;

  if (text == NULL)
    return barua_json_is_nothing (search) || refuse ("search", search, error);
  rest = barua_text_lower (arena, barua_text (text));
  while (next_word (&rest, &word))
    g_ptr_array_add (found, g_strndup (word.p, word.n));
  if (found->len > MAX_WORDS)
    {
      g_set_error (error, BARUA_EXPORT_ERROR, 0, "Invalid filter \"search\": more than %u words",
                   MAX_WORDS);
      return FALSE;
    }
  if (found->len > 0)
    *words = g_steal_pointer (&found);
  return TRUE;
}

/* What only reports are filtered by (section 3.1). */
static gboolean
read_report_filters (BaruaJson filters, BaruaExportFilters *out, GError **error)
{
  const BaruaJson facilities = barua_json_member (barua_json_member (filters, "facilities"), "selected");

  out->valid = read_valid (barua_json_member (filters, "valid"));
  return read_selected (barua_json_member (filters, "forms"), "code", "forms.selected", &out->codes, error)
         && read_texts (facilities, "id", "facilities.selected", &out->facilities, error)
         && read_texts (barua_json_member (filters, "subjectIds"), NULL, "subjectIds", &out->subjects, error)
         && read_verified (barua_json_member (filters, "verified"), &out->verified, error);
}

gboolean
barua_export_read_filters (const BaruaExport *export, BaruaJson filters, gint64 now_ms,
                           BaruaExportFilters *out, GError **error)
{
  const gboolean is_reports = export->type == BARUA_EXPORT_REPORTS;
  const gboolean is_messages = export->type == BARUA_EXPORT_MESSAGES;
  const gboolean is_contacts = export->type == BARUA_EXPORT_CONTACTS;

  return (!is_messages
          || read_texts (barua_json_member (filters, "state"), NULL, "state", &out->states, error))
         && (!(is_reports || is_contacts)
             || read_search (barua_json_member (filters, "search"), &out->words, error))
         && (!is_contacts
             || read_selected (barua_json_member (filters, "types"), "id", "types.selected", &out->types,
                               error))
         && (!is_reports || read_report_filters (filters, out, error))
         && (!(is_reports || is_messages)
             || read_dates (barua_json_member (filters, "date"), now_ms, out, error));
}

/* ---- free text ---- */

/* The words that are looked for, and which were found. */
typedef struct
{
  const GPtrArray *words;
  guint64 found;
  BaruaArena *arena;
} Search;

/* Names that give no keys: ids, kinds, dates, and what is no text for people. */
static gboolean
is_skipped (BaruaText name, gboolean is_report)
{
  static const char *const always[] = { "_id", "_rev", "type", "refid", "_attachments" };
  const BaruaText own = is_report ? BARUA_TEXT ("content") : BARUA_TEXT ("geolocation");

  for (gsize i = 0; i < G_N_ELEMENTS (always); i++)
    if (barua_text_equal (name, barua_text (always[i])))
      return TRUE;
  return barua_text_equal (name, own)
         || (name.n >= 5 && memcmp (name.p + name.n - 5, "_date", 5) == 0);
}

/* Whether a key is too short to count. */
static gboolean
is_short (BaruaText key)
{
  gsize units = 0;

  for (gsize i = 0; i < key.n && units <= SHORT_KEY; i++)
    if (((guchar)key.p[i] & 0xC0) != 0x80)
      units += (guchar)key.p[i] >= 0xF0 ? 2 : 1;
  return units <= SHORT_KEY;
}

/* Compares one key with every word: those with a colon must equal it, others begin it. */
static void
look_at (Search *search, BaruaText key)
{
  if (is_short (key))
    return;
  for (guint i = 0; i < search->words->len; i++)
    {
      const char *word = search->words->pdata[i];
      const gsize n = strlen (word);
      if (n <= key.n && memcmp (word, key.p, n) == 0 && (n == key.n || strchr (word, ':') == NULL))
        search->found |= G_GUINT64_CONSTANT (1) << i;
    }
}

/* Looks at `name:value`. */
static void
look_at_pair (Search *search, BaruaText name, BaruaText value)
{
  g_autoptr (GString) pair = g_string_new_len (name.p, (gssize)name.n);

  g_string_append_c (pair, ':');
  g_string_append_len (pair, value.p, (gssize)value.n);
  look_at (search, (BaruaText){ pair->str, pair->len });
}

/* Looks at the words of a text. */
static void
look_at_words (Search *search, BaruaText text)
{
  BaruaText word;

  while (next_word (&text, &word))
    look_at (search, word);
}

/* Looks at the keys that the members of @object give. */
static void
look_at_members (Search *search, BaruaJson object, gboolean is_report)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, object);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      const BaruaText name
          = barua_text_lower (search->arena, barua_arena_json_text (search->arena, key));
      if (!barua_json_truthy (value) || is_skipped (name, is_report))
        continue;
      if (barua_json_type (value) == BARUA_JSON_NUMBER)
        look_at_pair (search, name, (BaruaText){ value.text, value.length });
      else if (barua_json_type (value) == BARUA_JSON_STRING)
        {
          const BaruaText text
              = barua_text_lower (search->arena, barua_arena_json_text (search->arena, value));
          look_at_words (search, text);
          look_at_pair (search, name, text);
        }
    }
}

gboolean
barua_export_finds (GPtrArray *words, BaruaJson document, gboolean is_report)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  Search search = { .words = words, .arena = arena };
  const guint64 all = G_MAXUINT64 >> (MAX_WORDS - words->len);

  look_at_members (&search, document, is_report);
  if (is_report)
    {
      const BaruaJson contact = barua_json_member (barua_json_member (document, "contact"), "_id");
      look_at_members (&search, barua_json_member (document, "fields"), TRUE);
      if (barua_json_type (contact) == BARUA_JSON_STRING)
        look_at_pair (&search, BARUA_TEXT ("contact"),
                      barua_text_lower (arena, barua_arena_json_text (arena, contact)));
    }
  return search.found == all;
}

/* ---- filters ---- */

/* Whether a value is one of the texts. */
static gboolean
is_one_of (BaruaJson value, const GPtrArray *texts)
{
  for (guint i = 0; i < texts->len; i++)
    if (barua_json_string_is (value, barua_text (texts->pdata[i])))
      return TRUE;
  return FALSE;
}

/* Whether an id is one of the texts, also when it is a number (as in the view reports_by_subject). */
static gboolean
is_subject (BaruaJson id, const GPtrArray *subjects)
{
  if (barua_json_type (id) != BARUA_JSON_NUMBER)
    return is_one_of (id, subjects);
  for (guint i = 0; i < subjects->len; i++)
    if (barua_text_equal ((BaruaText){ id.text, id.length }, barua_text (subjects->pdata[i])))
      return TRUE;
  return FALSE;
}

static gboolean
has_subject (BaruaJson document, const GPtrArray *subjects)
{
  static const char *const own[] = { "patient_id", "place_id", "case_id" };
  static const char *const inner[]
      = { "patient_id", "place_id", "case_id", "patient_uuid", "place_uuid" };
  const BaruaJson fields = barua_json_member (document, "fields");

  for (gsize i = 0; i < G_N_ELEMENTS (own); i++)
    if (is_subject (barua_json_member (document, own[i]), subjects))
      return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (inner); i++)
    if (is_subject (barua_json_member (fields, inner[i]), subjects))
      return TRUE;
  return FALSE;
}

/* Whether one of the places stands above the sender, in the lineage that is stored. */
static gboolean
is_below (BaruaJson document, const GPtrArray *places)
{
  BaruaJson place = barua_json_member (barua_json_member (document, "contact"), "parent");

  for (guint level = 0; level < MAX_LEVELS && barua_json_truthy (place); level++)
    {
      if (is_one_of (barua_json_member (place, "_id"), places))
        return TRUE;
      place = barua_json_member (place, "parent");
    }
  return FALSE;
}

static gboolean
is_valid (BaruaJson document)
{
  const BaruaJson errors = barua_json_member (document, "errors");

  return !barua_json_truthy (errors)
         || (barua_json_type (errors) == BARUA_JSON_ARRAY && barua_json_size (errors) == 0);
}

static gboolean
has_verdict (BaruaJson document, guint bits)
{
  const BaruaJsonType type = barua_json_type (barua_json_member (document, "verified"));

  if (type == BARUA_JSON_TRUE)
    return (bits & VERIFIED_TRUE) != 0;
  if (type == BARUA_JSON_FALSE)
    return (bits & VERIFIED_FALSE) != 0;
  return (bits & VERIFIED_NEITHER) != 0
         && (type == BARUA_JSON_ABSENT || type == BARUA_JSON_NULL);
}

static gboolean
is_within (BaruaJson document, const BaruaExportFilters *filters)
{
  gint64 ms = 0;

  return barua_message_time (barua_json_member (document, "reported_date"), &ms)
         && ms >= filters->from_ms && ms <= filters->to_ms;
}

/* A contact's type: the configured one where it has one. */
static BaruaJson
type_of (BaruaJson document)
{
  const BaruaJson type = barua_json_member (document, "type");
  const BaruaJson configured = barua_json_member (document, "contact_type");

  return barua_json_string_is (type, BARUA_TEXT ("contact")) && barua_json_truthy (configured)
             ? configured
             : type;
}

gboolean
barua_export_filters_contacts (const BaruaExport *export)
{
  return export->filters.types != NULL || export->filters.words != NULL;
}

gboolean
barua_export_matches (const BaruaExport *export, BaruaJson document)
{
  const BaruaExportFilters *f = &export->filters;
  const gboolean is_report = export->type == BARUA_EXPORT_REPORTS;

  return (!f->has_dates || is_within (document, f))
         && (f->codes == NULL || is_one_of (barua_json_member (document, "form"), f->codes))
         && (f->valid < 0 || is_valid (document) == f->valid)
         && (f->verified == 0 || has_verdict (document, f->verified))
         && (f->facilities == NULL || is_below (document, f->facilities))
         && (f->subjects == NULL || has_subject (document, f->subjects))
         && (f->types == NULL || is_one_of (type_of (document), f->types))
         && (f->words == NULL || barua_export_finds (f->words, document, is_report));
}
