/* SPDX-License-Identifier: MIT */

/* How a message was read, token by token. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/explain.h"

#include <string.h>

#include "forms/characters.h"
#include "parser/compact.h"
#include "parser/form-code.h"
#include "parser/javarosa.h"
#include "parser/muvuku.h"
#include "parser/record-write.h"
#include "parser/textforms.h"

/* Suggestions that are worth reading. */
#define MAX_NEAREST 5

typedef enum
{
  HEADER,
  CODE,
  LABEL,
  VALUE,
  SEPARATOR,
  IGNORED,
} TokenKind;

static const char *const kind_names[]
    = { "header", "code", "label", "value", "separator", "ignored" };

/* One token; @field is -1 when it went nowhere. */
typedef struct
{
  BaruaText text;
  TokenKind kind;
  int field;
  const char *reason;
} Token;

/* The explanation of one message. */
typedef struct
{
  const BaruaSettings *settings;
  const BaruaRecord *record;
  BaruaText locale; /* of labels */
  BaruaArena *arena;
  BaruaFormCode code;
  GArray *tokens; /* of Token, in the order of the message */
} Explanation;

static void
add_token (Explanation *e, TokenKind kind, BaruaText text, int field, const char *reason)
{
  Token token = { text, kind, field, reason };

  if (text.p != NULL && text.n > 0)
    g_array_append_val (e->tokens, token);
}

/* Adds a value that went to @field, or to none. */
static void
add_value (Explanation *e, BaruaText text, int field, const char *reason)
{
  add_token (e, field >= 0 ? VALUE : IGNORED, text, field, reason);
}

static void
explain_muvuku (Explanation *e)
{
  BaruaText values[64];
  guint n_fields = e->record->n_values, done = 0;
  BaruaText body = e->code.body;

  /* in portions, so that any number of values fits; further portions begin behind the last value */
  while (body.p != NULL)
    {
      guint n = barua_muvuku_split (body, body, values, G_N_ELEMENTS (values));
      guint portion = MIN (n, G_N_ELEMENTS (values));
      for (guint i = 0; i < portion; i++, done++)
        add_value (e, values[i], done < n_fields ? (int)done : -1,
                   done < n_fields ? NULL : "the form has no more fields");
      if (n <= portion)
        return;
      const char *behind = values[portion - 1].p + values[portion - 1].n;
      const char *hash = memchr (behind, '#', (gsize)(body.p + body.n - behind));
      if (hash == NULL)
        return;
      body = (BaruaText){ hash + 1, (gsize)(body.p + body.n - hash - 1) };
    }
}

static const BaruaLabels *
labels_in (const Explanation *e, BaruaText locale)
{
  return barua_form_labels (e->record->definition,
                            barua_settings_locale_index (e->settings, locale));
}

static void
explain_javarosa (Explanation *e)
{
  const BaruaLabels *labels = labels_in (e, barua_settings_locale (e->settings));
  BaruaText rest = e->code.body;

  while (rest.p != NULL)
    {
      gboolean has_escape;
      BaruaText label = barua_text_trim (barua_javarosa_next_piece (&rest, &has_escape));
      if (rest.p == NULL)
        {
          add_token (e, IGNORED, label, -1, "a label without a value");
          return;
        }
      BaruaText value = barua_javarosa_next_piece (&rest, &has_escape);
      int field = barua_labels_find_tiny (labels, label, 0);
      const char *reason = field < 0 ? "no field has this label" : NULL;
      add_token (e, field >= 0 ? LABEL : IGNORED, label, field, reason);
      add_value (e, value, field, reason);
    }
}

/* Whether @piece lies in @text. */
static gboolean
lies_in (BaruaText piece, BaruaText text)
{
  return piece.p >= text.p && piece.p + piece.n <= text.p + text.n;
}

static void
explain_compact (Explanation *e, BaruaText text)
{
  guint n = e->record->n_values;
  g_autofree BaruaText *values = g_new0 (BaruaText, n + 1);
  const char *behind = text.p;

  barua_compact_split (e->record->definition, text, e->arena, values);
  for (guint i = 0; i < n && values[i].p != NULL; i++)
    {
      if (!lies_in (values[i], text)) /* joined of several tokens: all that is left */
        {
          const char *end = text.p + text.n;
          while (behind < end && (*behind == '"' || *behind == ' '))
            behind++;
          values[i] = barua_text_trim ((BaruaText){ behind, (gsize)(end - behind) });
        }
      add_value (e, values[i], (int)i, NULL);
      behind = values[i].p + values[i].n;
    }
}

/* The field that takes the components called @name; @is_sent tells which names came. */
static int
taker_of (const BaruaLabels *labels, int name, const gboolean *is_sent)
{
  for (guint i = 0; i < labels->n_fields; i++)
    {
      const BaruaFieldLabels *field = &labels->fields[i];
      if (field->label_name == name)
        return (int)i;
      if (field->key_name == name && (field->label_name < 0 || !is_sent[field->label_name]))
        return (int)i;
    }
  return -1;
}

static void
explain_textforms (Explanation *e, BaruaText text)
{
  const BaruaLabels *labels = labels_in (e, e->locale);
  g_autofree gboolean *is_sent = g_new0 (gboolean, labels->n_names + 1);
  BaruaTextformsIter iter;
  BaruaComponent c;

  barua_textforms_iter_init (&iter, text);
  while (barua_textforms_iter_next (&iter, e->arena, &c))
    {
      int name = barua_labels_find_name (labels, barua_text_lower (e->arena, c.key));
      if (name >= 0 && c.value.type != BARUA_VALUE_ABSENT)
        is_sent[name] = TRUE;
    }
  barua_textforms_iter_init (&iter, text);
  while (barua_textforms_iter_next (&iter, e->arena, &c))
    {
      int name = barua_labels_find_name (labels, barua_text_lower (e->arena, c.key));
      int field = name >= 0 ? taker_of (labels, name, is_sent) : -1;
      const char *reason = name < 0    ? "no field has this label"
                           : field < 0 ? "the field's label was sent too"
                                       : NULL;
      add_token (e, field >= 0 ? LABEL : IGNORED, c.key, field, reason);
      add_value (e, c.raw, field, reason);
    }
}

/* The tokens of the values, by syntax. */
static void
explain_values (Explanation *e)
{
  BaruaText format = e->record->format;

  if (e->record->definition == NULL)
    return;
  if (barua_text_equal (format, BARUA_TEXT ("javarosa")))
    explain_javarosa (e);
  else if (e->code.is_muvuku)
    {
      if (barua_text_equal (e->code.header, BARUA_TEXT ("1")))
        explain_muvuku (e);
      else
        add_token (e, IGNORED, e->code.body, -1, "no parser goes with this header");
    }
  else
    {
      BaruaText rest = barua_form_code_remove (e->code.text,
                                               barua_form_meta_code (e->record->definition));
      if (barua_text_equal (format, BARUA_TEXT ("compact")))
        explain_compact (e, rest);
      else
        explain_textforms (e, rest);
    }
}

/* Why a value was not understood; NULL when it was. */
static const char *
refusal (const BaruaField *field, const BaruaValue *value)
{
  if (barua_field_is_wrong_type (field, value))
    return "not of the type of the field";
  if (value->type != BARUA_VALUE_NULL)
    return NULL;
  switch (field->type)
    {
    case BARUA_FIELD_INTEGER:
      return field->has_list ? "not one of the choices" : "not a number";
    case BARUA_FIELD_MONTH:
      return "not a number";
    case BARUA_FIELD_BOOLEAN:
      return "neither 1 nor 0";
    case BARUA_FIELD_DATE:
      return "not a date";
    case BARUA_FIELD_BS_DATE:
      return "not a date of the Bikram Sambat calendar";
    default:
      return "empty";
    }
}

/* Where the text that was read differs from the one received: a code without its zero-width
 * characters. */
typedef struct
{
  const char *begin;  /* of the text that was read */
  const char *behind; /* the code there */
  gsize shift;        /* bytes that are missing before @behind */
} Offsets;

static gsize
offset_of (const Offsets *offsets, const char *p)
{
  return (gsize)(p - offsets->begin) + (p >= offsets->behind ? offsets->shift : 0);
}

/* Whether nothing but what may stand between tokens is in @text. */
static gboolean
is_separator (BaruaText text)
{
  for (const char *p = text.p, *end = text.p + text.n; p < end;)
    {
      gunichar c = barua_next_char (&p, end);
      if (!barua_is_white (c) && !barua_is_zero_width (c)
          && (c >= 0x80 || strchr ("!-,:#\"", (int)c) == NULL))
        return FALSE;
    }
  return TRUE;
}

static void
append_token (const Explanation *e, const Token *token, const Offsets *offsets, GString *out)
{
  gsize from = offset_of (offsets, token->text.p);
  const char *end = token->text.p + token->text.n;
  gsize length = offset_of (offsets, end) - from;
  const char *reason = token->reason;

  if (token->kind != CODE && offsets->shift > 0 && end == offsets->behind)
    length = token->text.n;
  if (out->str[out->len - 1] != '[')
    g_string_append_c (out, ',');
  g_string_append_printf (out, "{\"offset\":%" G_GSIZE_FORMAT ",\"length\":%" G_GSIZE_FORMAT, from,
                          length);
  barua_json_append_key (out, "text");
  barua_json_append_string (out, token->text);
  barua_json_append_key (out, "as");
  barua_json_append_string (out, barua_text (kind_names[token->kind]));
  if (token->field >= 0)
    {
      const BaruaField *field = barua_form_field (e->record->definition, (guint)token->field);
      const BaruaValue *value = &e->record->values[token->field];
      barua_json_append_key (out, "field");
      barua_json_append_string (out, field->key);
      if (token->kind == VALUE)
        {
          barua_json_append_key (out, "value");
          barua_value_append (out, value);
          reason = refusal (field, value);
        }
    }
  if (reason != NULL)
    {
      barua_json_append_key (out, "reason");
      barua_json_append_string (out, barua_text (reason));
    }
  g_string_append_c (out, '}');
}

/* Appends what stands between two tokens. */
static void
append_gap (const Explanation *e, const char *from, const char *to, const Offsets *offsets,
            GString *out)
{
  if (from >= to)
    return;
  Token gap = { { from, (gsize)(to - from) }, SEPARATOR, -1, NULL };
  if (!is_separator (gap.text))
    gap.kind = IGNORED;
  append_token (e, &gap, offsets, out);
}

/* Appends all tokens, with the gaps between them. */
static void
append_tokens (const Explanation *e, BaruaText received, GString *out)
{
  BaruaText text = e->code.text;
  Offsets offsets = { text.p, text.p + text.n, received.n - text.n };
  const char *at = text.p;

  if (e->code.token.p != NULL)
    offsets.behind = e->code.token.p + e->code.token.n;
  g_string_append (out, "{\"tokens\":[");
  for (guint i = 0; i < e->tokens->len; i++)
    {
      const Token *token = &g_array_index (e->tokens, Token, i);
      if (!lies_in (token->text, text) || token->text.p < at)
        continue;
      append_gap (e, at, token->text.p, &offsets, out);
      append_token (e, token, &offsets, out);
      at = token->text.p + token->text.n;
    }
  append_gap (e, at, text.p + text.n, &offsets, out);
  g_string_append_c (out, ']');
}

/* Whether one letter inserted, removed, replaced, or two neighbours exchanged make @b of @a. */
static gboolean
is_near (BaruaText a, BaruaText b)
{
  BaruaText longer = a.n >= b.n ? a : b, shorter = a.n >= b.n ? b : a;
  gsize i = 0;

  if (longer.n - shorter.n > 1 || shorter.n == 0)
    return FALSE;
  while (i < shorter.n && longer.p[i] == shorter.p[i])
    i++;
  gsize rest = shorter.n - i;
  if (longer.n > shorter.n)
    return memcmp (longer.p + i + 1, shorter.p + i, rest) == 0;
  if (rest == 0)
    return FALSE;
  if (memcmp (longer.p + i + 1, shorter.p + i + 1, rest - 1) == 0)
    return TRUE;
  return rest >= 2 && longer.p[i] == shorter.p[i + 1] && longer.p[i + 1] == shorter.p[i]
         && memcmp (longer.p + i + 2, shorter.p + i + 2, rest - 2) == 0;
}

/* Appends a suggestion: the message with @length bytes of its code replaced. */
static void
append_suggestion (const Explanation *e, BaruaText form, gsize length, const char *between,
                   GString *out)
{
  BaruaText text = e->code.text, token = e->code.token;
  g_autoptr (GString) message = g_string_new_len (text.p, token.p - text.p);

  g_string_append_len (message, form.p, (gssize)form.n);
  g_string_append (message, between);
  g_string_append_len (message, token.p + length,
                       (gssize)(text.p + text.n - token.p) - (gssize)length);
  if (out->str[out->len - 1] != '[')
    g_string_append_c (out, ',');
  g_string_append_c (out, '{');
  barua_json_append_key (out, "form");
  barua_json_append_string (out, form);
  barua_json_append_key (out, "message");
  barua_json_append_string (out, (BaruaText){ message->str, message->len });
  g_string_append_c (out, '}');
}

/* Appends the nearest codes of a message that named no known form. */
static void
append_nearest (const Explanation *e, GString *out)
{
  BaruaText code = e->record->code;
  guint n = 0;

  g_string_append (out, ",\"nearest\":[");
  for (guint i = 0; i < barua_settings_n_forms (e->settings) && n < MAX_NEAREST && code.n > 0; i++)
    {
      BaruaText form = barua_form_code (barua_settings_form (e->settings, i));
      gsize length;
      if (!e->code.is_muvuku && form.n > 0 && form.n < code.n
          && barua_text_has_folded_prefix (e->code.token, barua_text_fold (e->arena, form),
                                           &length))
        {
          append_suggestion (e, form, length, " ", out);
          n++;
        }
      if (is_near (code, form))
        {
          append_suggestion (e, form, e->code.token.n, "", out);
          n++;
        }
    }
  g_string_append_c (out, ']');
}

void
barua_explain_append (const BaruaSettings *settings, const BaruaMessage *message,
                      const BaruaRecord *record, BaruaArena *arena, GString *out)
{
  BaruaText text = barua_record_clean_text (arena, message->message);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (Token));
  Explanation e = { .settings = settings, .record = record, .arena = arena, .tokens = tokens };

  e.locale = message->locale.n > 0 ? message->locale : barua_settings_locale (settings);
  barua_form_code_read (text, arena, &e.code);
  if (record->definition != NULL && barua_text_has_zero_width (e.code.code))
    barua_form_code_find (settings, arena, &e.code);
  if (e.code.is_muvuku)
    add_token (&e, HEADER, e.code.header, -1, NULL);
  add_token (&e, CODE, e.code.token, -1,
             record->definition == NULL ? "no form has this code" : NULL);
  explain_values (&e);
  append_tokens (&e, text, out);
  if (record->definition == NULL)
    append_nearest (&e, out);
  g_string_append_c (out, '}');
}
