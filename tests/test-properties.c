/* SPDX-License-Identifier: MIT */

/* Whatever record can be written in a syntax parses back to itself: generated forms and records,
 * always the same ones. */

#include "forms/bikram-sambat.h"
#include "parser/example.h"
#include "parser/record.h"
#include "tests/parser-cases.h"
#include "tests/suites.h"

#include <string.h>

#define N_FORMS 800
#define N_RECORDS 8
#define MAX_FIELDS 9

/* Of the records, so many in a hundred can be written in every syntax: fewer would mean that the
 * writer refuses what it should not, and the test tests little. */
#define FEWEST_PERCENT 40

/* ---- chance ---- */

/* splitmix64 */
static guint64
next_random (guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT (0x9E3779B97F4A7C15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static guint
pick (guint64 *state, guint n)
{
  return (guint)(next_random (state) % n);
}

static gboolean
is_one_in (guint64 *state, guint n)
{
  return pick (state, n) == 0;
}

/* ---- forms ---- */

/* The kinds of fields. */
typedef enum
{
  TEXT,
  INTEGER,
  BOOLEAN,
  MONTH,
  CALENDAR_DATE,
  NEPALI_DATE,
  CHOSEN_NUMBER,
  CHOSEN_TEXT,
  TELEPHONE,
  N_RANDOM_KINDS,
  NEPALI_YEAR = N_RANDOM_KINDS, /* these four come together */
  NEPALI_MONTH,
  NEPALI_DAY,
  NEPALI_AGGREGATE,
} Kind;

static const char *const definitions[] = {
  [TEXT] = "\"type\":\"string\"",
  [INTEGER] = "\"type\":\"integer\"",
  [BOOLEAN] = "\"type\":\"boolean\"",
  [MONTH] = "\"type\":\"month\"",
  [CALENDAR_DATE] = "\"type\":\"date\"",
  [NEPALI_DATE] = "\"type\":\"bsDate\"",
  [CHOSEN_NUMBER]
  = "\"type\":\"integer\",\"list\":[[1,\"one\"],[2,{\"en\":\"two\"}],[30,\"thirty\"]]",
  [CHOSEN_TEXT]
  = "\"type\":\"string\",\"list\":[[\"F\",\"Facility\"],[\"at home\",{\"en\":\"Home\"}]]",
  [TELEPHONE] = "\"type\":\"phone_number\"",
  [NEPALI_YEAR] = "\"type\":\"bsYear\"",
  [NEPALI_MONTH] = "\"type\":\"bsMonth\"",
  [NEPALI_DAY] = "\"type\":\"bsDay\"",
  [NEPALI_AGGREGATE] = "\"type\":\"bsAggreDate\"",
};

/* A value that a field is to have, and how it is sent; absent when @text is NULL. */
typedef struct
{
  char *text;
  BaruaValueType type;
  double number;
  char *label; /* of BARUA_VALUE_TEXT; NULL: @text itself */
} Sent;

/* One generated form and one record for it. */
typedef struct
{
  guint64 state;
  guint n;
  Kind kinds[MAX_FIELDS];
  char *keys[MAX_FIELDS];
  GString *json;
  BaruaSettings *settings;
  Sent sent[MAX_FIELDS];
} World;

/* A label or key of its own for field @i: letters, the first of them different for each. */
static char *
make_name (World *w, guint i)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz_.*";
  GString *name = g_string_new (NULL);

  g_string_append_c (name, (char)('a' + i));
  for (guint n = pick (&w->state, 4); n > 0; n--)
    g_string_append_c (name, letters[pick (&w->state, 26)]);
  return g_string_free (name, FALSE);
}

/* Appends `,"labels":…` of some shape, or nothing: then the key is the label. */
static void
append_labels (World *w, guint i)
{
  g_autofree char *name = make_name (w, i);

  if (is_one_in (&w->state, 2))
    name[0] = g_ascii_toupper (name[0]);
  switch (pick (&w->state, 5))
    {
    case 0:
      g_string_append_printf (w->json, ",\"labels\":{\"tiny\":\"%s\"}", name);
      break;
    case 1:
      g_string_append_printf (w->json, ",\"labels\":{\"tiny\":{\"sw\":\"zzz%u\",\"en\":\"%s\"}}", i,
                              name);
      break;
    case 2:
      g_string_append_printf (
          w->json,
          ",\"labels\":{\"short\":\"S %s\",\"tiny\":{\"translations\":[{\"locale\":\"en\","
          "\"content\":\"%s\"}]}}",
          name, name);
      break;
    case 3:
      g_string_append_printf (w->json, ",\"labels\":{\"tiny\":\"%s%s\"}", name,
                              is_one_in (&w->state, 2) ? " \xC3\xA9" : "2"); /* not for Textforms */
      break;
    default:
      break;
    }
}

static void
add_field (World *w, Kind kind)
{
  guint i = w->n++;
  g_autofree char *name = make_name (w, i);

  w->kinds[i] = kind;
  w->keys[i] = is_one_in (&w->state, 6) ? g_strdup_printf ("g%u.%s", i, name)
                                        : g_strdup_printf ("%s", name);
  g_string_append_printf (w->json, "%s\"%s\":{%s", i > 0 ? "," : "", w->keys[i], definitions[kind]);
  append_labels (w, i);
  g_string_append_c (w->json, '}');
}

static void
make_form (World *w)
{
  static const char *const codes[] = { "P", "PREG", "V2", "B.1", "\xC3\x89TAT", "J", "12", "_X" };
  const char *code = codes[pick (&w->state, G_N_ELEMENTS (codes))];

  w->json = g_string_new ("{\"default_country_code\":254,\"phone_validation\":\"partial\",");
  g_string_append_printf (w->json, "\"forms\":{\"%s\":{\"meta\":{\"code\":\"%s\"},\"fields\":{",
                          code, code);
  for (guint n = 1 + pick (&w->state, 5); n > 0; n--)
    add_field (w, (Kind)pick (&w->state, N_RANDOM_KINDS));
  if (is_one_in (&w->state, 4))
    for (Kind kind = NEPALI_YEAR; kind <= NEPALI_AGGREGATE; kind++)
      add_field (w, kind);
  g_string_append (w->json, "}}}}");
  w->settings = barua_test_settings_of (w->json->str);
}

/* ---- records ---- */

/* @number in ASCII digits or those of Devanagari, perhaps with a hidden character. */
static char *
spell_number (World *w, int number, int width)
{
  g_autofree char *ascii = g_strdup_printf ("%0*d", width, number);
  GString *out = g_string_new (NULL);
  gunichar zero = is_one_in (&w->state, 4) ? 0x966 : '0';

  for (const char *p = ascii; *p != '\0'; p++)
    {
      if (p > ascii && is_one_in (&w->state, 20))
        g_string_append (out, "\xE2\x80\x8B");
      if (g_ascii_isdigit (*p))
        g_string_append_unichar (out, zero + (gunichar)(*p - '0'));
      else
        g_string_append_c (out, *p);
    }
  return g_string_free (out, FALSE);
}

/* Any text, with everything that means something to some syntax; never empty or blank. */
static char *
make_text (World *w)
{
  static const char *const pieces[] = { "a",
                                        "Ann",
                                        "Z",
                                        "7",
                                        "12",
                                        "2024-01-05",
                                        " ",
                                        "  ",
                                        "-",
                                        "!",
                                        "#",
                                        "\"",
                                        "\\",
                                        "\\#",
                                        ".",
                                        ",",
                                        ":",
                                        "*",
                                        "\t",
                                        "\n",
                                        "\xC3\xA9",
                                        "\xE0\xA4\x95",
                                        "\xE2\x80\x8B",
                                        "\xEF\xBB\xBF",
                                        "/",
                                        "+",
                                        "'",
                                        "b",
                                        "c d",
                                        "0",
                                        "J1!",
                                        "\xF0\x9F\x98\x80" };
  GString *out = g_string_new (NULL);
  /* most people write words */
  guint n_pieces = is_one_in (&w->state, 2) ? 2 : G_N_ELEMENTS (pieces);

  for (guint n = 1 + pick (&w->state, 5); n > 0; n--)
    g_string_append (out, pieces[pick (&w->state, n_pieces)]);
  if (is_one_in (&w->state, 3))
    g_string_append (out, " Ann");
  for (const char *p = out->str; *p != '\0'; p++)
    if (g_ascii_isalnum (*p))
      return g_string_free (out, FALSE);
  g_string_append_c (out, 'x');
  return g_string_free (out, FALSE);
}

static Sent
number_sent (char *text, double number)
{
  return (Sent){ text, BARUA_VALUE_NUMBER, number, NULL };
}

static Sent
text_sent (char *text, char *label)
{
  return (Sent){ text, BARUA_VALUE_TEXT, 0, label };
}

static Sent
send_date (World *w)
{
  int year = 1890 + (int)pick (&w->state, 220), month = 1 + (int)pick (&w->state, 12);
  int day = 1 + (int)pick (&w->state, 28);
  g_autoptr (GDateTime) date = g_date_time_new_utc (year, month, day, 0, 0, 0);
  const char *format = is_one_in (&w->state, 4) ? "%04d/%02d/%02d" : "%04d-%02d-%02d";

  return number_sent (g_strdup_printf (format, year, month, day),
                      (double)g_date_time_to_unix (date) * 1000);
}

static Sent
send_nepali_date (World *w)
{
  int year = 1970 + (int)pick (&w->state, 121), month = 1 + (int)pick (&w->state, 12);
  int day = 1 + (int)pick (&w->state, 29);
  double ms = 0;

  ck_assert (barua_bikram_sambat_to_ms (year, month, day, &ms));
  return number_sent (g_strdup_printf ("%d-%02d-%d", year, month, day), ms);
}

static Sent
send_telephone (World *w)
{
  char *national = g_strdup_printf ("07%08u", pick (&w->state, 100000000));

  return text_sent (national, g_strconcat ("+254", national + 1, NULL));
}

static Sent
send_part (World *w, int number)
{
  return text_sent (spell_number (w, number, 2), g_strdup_printf ("%02d", number));
}

static Sent
make_sent (World *w, Kind kind)
{
  static const char *const numbers[] = { "1", "one", "2", "two", "30", "thirty" };
  static const char *const texts[] = { "F", "Facility", "at home", "Home", "other", "other" };
  int number;

  switch (kind)
    {
    case TEXT:
      return text_sent (make_text (w), NULL);
    case INTEGER:
      number = (int)pick (&w->state, 40000) - 8000;
      return number_sent (spell_number (w, number, is_one_in (&w->state, 8) ? 4 : 1), number);
    case BOOLEAN:
      number = (int)pick (&w->state, 2);
      return (Sent){ spell_number (w, number, 1), number ? BARUA_VALUE_TRUE : BARUA_VALUE_FALSE };
    case MONTH:
      number = 1 + (int)pick (&w->state, 13);
      return number_sent (spell_number (w, number, 1), number);
    case CALENDAR_DATE:
      return send_date (w);
    case NEPALI_DATE:
      return send_nepali_date (w);
    case CHOSEN_NUMBER:
      number = 2 * (int)pick (&w->state, 3);
      return text_sent (g_strdup (numbers[number]), g_strdup (numbers[number + 1]));
    case CHOSEN_TEXT:
      number = 2 * (int)pick (&w->state, 3);
      return text_sent (g_strdup (texts[number]), g_strdup (texts[number + 1]));
    case TELEPHONE:
      return send_telephone (w);
    case NEPALI_YEAR:
      return send_part (w, 2070 + (int)pick (&w->state, 20));
    case NEPALI_MONTH:
      return send_part (w, 1 + (int)pick (&w->state, 12));
    case NEPALI_DAY:
      return send_part (w, 1 + (int)pick (&w->state, 29));
    default:
      return (Sent){ NULL, BARUA_VALUE_ABSENT };
    }
}

/* The number of a part that was sent, else 1. */
static int
part_of (const Sent *sent)
{
  return sent->text != NULL ? (int)g_ascii_strtoll (sent->label, NULL, 10) : 1;
}

/* What the aggregate date must be; nothing is sent for it. */
static void
expect_aggregate (Sent *sent)
{
  Sent *aggregate = &sent[3];

  if (sent[0].text == NULL)
    return;
  aggregate->type = BARUA_VALUE_NUMBER;
  ck_assert (barua_bikram_sambat_to_ms (part_of (&sent[0]), part_of (&sent[1]), part_of (&sent[2]),
                                        &aggregate->number));
}

static void
make_record (World *w)
{
  for (guint i = 0; i < w->n; i++)
    {
      w->sent[i] = (Sent){ NULL, BARUA_VALUE_ABSENT };
      if (!is_one_in (&w->state, 9))
        w->sent[i] = make_sent (w, w->kinds[i]);
      if (w->kinds[i] == NEPALI_AGGREGATE)
        expect_aggregate (&w->sent[i - 3]);
    }
}

static void
clear_record (World *w)
{
  for (guint i = 0; i < w->n; i++)
    {
      g_free (w->sent[i].text);
      g_free (w->sent[i].label);
    }
}

static void
clear_world (World *w)
{
  for (guint i = 0; i < w->n; i++)
    g_free (w->keys[i]);
  g_string_free (w->json, TRUE);
  barua_settings_unref (w->settings);
}

/* ---- the property ---- */

/* Stops unless field @i of @record has the value that was sent. */
static void
check_field (const World *w, const BaruaRecord *record, guint i, gboolean may_be_null,
             const char *message)
{
  const Sent *sent = &w->sent[i];
  const BaruaValue *value = &record->values[i];
  gboolean is_good = value->type == sent->type;

  if (sent->text == NULL && sent->type == BARUA_VALUE_ABSENT && may_be_null)
    is_good = is_good || value->type == BARUA_VALUE_NULL;
  if (is_good && value->type == BARUA_VALUE_NUMBER)
    is_good = value->number == sent->number;
  if (is_good && value->type == BARUA_VALUE_TEXT)
    is_good = barua_text_equal (value->text,
                                barua_text (sent->label != NULL ? sent->label : sent->text));
  ck_assert_msg (is_good, "field %s of\n%s\nmessage: %s\nfields: %.*s", w->keys[i], w->json->str,
                 message, (int)record->fields.n, record->fields.p);
}

/* Writes the record in @syntax and reads it; FALSE when it cannot be written. */
static gboolean
check_syntax (const World *w, BaruaSyntax syntax)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) message = g_string_new (NULL);
  BaruaText texts[MAX_FIELDS];
  const char *remark = NULL;

  for (guint i = 0; i < w->n; i++)
    texts[i] = barua_text (w->sent[i].text);
  BaruaExample example = { w->settings, barua_settings_form (w->settings, 0), { NULL, 0 }, texts };
  if (!barua_example_write (&example, syntax, arena, message, &remark))
    {
      ck_assert_ptr_nonnull (remark);
      return FALSE;
    }
  BaruaMessage sms
      = { .message = { message->str, message->len }, .from = BARUA_TEXT ("+254712345678") };
  BaruaRecord record;
  ck_assert (barua_record_from_message (w->settings, &sms, arena, &record, NULL));
  ck_assert_msg (record.definition == example.form && record.n_errors == 0,
                 "%s\nmessage: %s\nerror: %s", w->json->str, message->str,
                 record.n_errors > 0 ? record.errors[0].message.p : "no form");
  for (guint i = 0; i < w->n; i++)
    check_field (w, &record, i, syntax == BARUA_SYNTAX_MUVUKU, message->str);
  ck_assert_msg (barua_example_check (&example, syntax, sms.message, arena, &remark), "%s: %s",
                 message->str, remark);
  return TRUE;
}

/* The typed values as a JSON record come back as they are. */
static void
check_json (const World *w)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) body = g_string_new ("{\"_meta\":{\"form\":");
  const BaruaForm *form = barua_settings_form (w->settings, 0);
  BaruaRecord record;
  BaruaJson json;

  barua_json_append_string (body, barua_form_code (form));
  g_string_append_c (body, '}');
  for (guint i = 0; i < w->n; i++)
    {
      const Sent *sent = &w->sent[i];
      const char *text = sent->label != NULL ? sent->label : sent->text;
      BaruaValue value = { sent->type, sent->number, barua_text (text) };
      if (sent->type == BARUA_VALUE_ABSENT)
        continue;
      barua_json_append_key (body, w->keys[i]);
      barua_value_append (body, &value);
    }
  g_string_append_c (body, '}');
  ck_assert_msg (barua_json_read (body->str, (gssize)body->len, &json, NULL), "%s", body->str);
  ck_assert (
      barua_record_from_json (w->settings, json, barua_text (NULL), 1, arena, &record, NULL));
  ck_assert_msg (record.definition == form && record.n_errors == 0, "%s", body->str);
  for (guint i = 0; i < w->n; i++)
    check_field (w, &record, i, FALSE, body->str);
}

START_TEST (round_trip)
{
  guint n_written[BARUA_N_SYNTAXES] = { 0 };

  for (guint f = 0; f < N_FORMS; f++)
    {
      World w = { .state = f };
      make_form (&w);
      for (guint r = 0; r < N_RECORDS; r++)
        {
          make_record (&w);
          for (guint s = 0; s < BARUA_N_SYNTAXES; s++)
            n_written[s] += check_syntax (&w, (BaruaSyntax)s) ? 1 : 0;
          check_json (&w);
          clear_record (&w);
        }
      clear_world (&w);
    }
  for (guint s = 0; s < BARUA_N_SYNTAXES; s++)
    ck_assert_msg (n_written[s] * 100 >= N_FORMS * N_RECORDS * FEWEST_PERCENT,
                   "%s: only %u of %u were written", barua_syntax_name ((BaruaSyntax)s),
                   n_written[s], N_FORMS * N_RECORDS);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("properties");
  TCase *tc = tcase_create ("properties");

  tcase_add_test (tc, round_trip);
  suite_add_tcase (suite, tc);
  return suite;
}
