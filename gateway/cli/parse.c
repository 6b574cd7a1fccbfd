/* SPDX-License-Identifier: MIT */

/* `barua parse`: one JSON object a line in, one record a line out (cli.md). */

#define G_LOG_DOMAIN "barua-cli"

#include "gateway/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "forms/settings.h"
#include "parser/explain.h"
#include "parser/record.h"

enum
{
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
};

/* The code of a definition that has none of its own; no message needs it. */
#define NAMELESS_FORM "DEFINITION"

/* The options. */
typedef struct
{
  char *settings;
  char *form;
  char *definition;
  char *locale;
  gboolean explain;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->settings);
  g_free (options->form);
  g_free (options->definition);
  g_free (options->locale);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* What the lines are read with. */
typedef struct
{
  const Options *options;
  const BaruaSettings *settings;
  const BaruaForm *form; /* NULL: the one that the message names */
  BaruaArena *arena;
  GString *out;
} Session;

/* Says on stderr what is wrong. */
static void
complain (const char *what, const char *why)
{
  fprintf (stderr, "barua parse: %s%s%s\n", what, *what != '\0' ? ": " : "", why);
}

/* Reads the arguments; FALSE, having said why, when they are wrong. */
static gboolean
read_options (int argc, char **argv, Options *options)
{
  const GOptionEntry entries[] = {
    { "settings", 0, 0, G_OPTION_ARG_FILENAME, &options->settings,
      "Settings, as of /api/v1/settings", "FILE" },
    { "form", 0, 0, G_OPTION_ARG_STRING, &options->form,
      "Read every message with this form of the settings", "CODE" },
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &options->definition,
      "Read every message with this form definition", "FILE" },
    { "locale", 0, 0, G_OPTION_ARG_STRING, &options->locale,
      "Language of messages that name none", "xx" },
    { "explain", 0, 0, G_OPTION_ARG_NONE, &options->explain,
      "Add how each message was read", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- messages in, records out");
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (
      context, "Reads one JSON object a line on standard input: {\"message\", \"from\", \"locale\", "
               "\"sent_timestamp\"},\nor a record with \"_meta\". Prints one JSON object for each.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    complain ("", error->message);
  else if (argc > 1)
    complain (argv[1], "unexpected argument");
  else if (options->settings == NULL && options->definition == NULL)
    complain ("", "--settings or --definition is needed");
  else if (options->form != NULL && options->definition != NULL)
    complain ("", "--form and --definition exclude each other");
  else
    return TRUE;
  return FALSE;
}

/* Reads a file of one JSON object; FALSE, having said why, when that is not possible. */
static gboolean
read_object (const char *path, char **text, BaruaJson *object)
{
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!g_file_get_contents (path, text, &length, &error)
      || !barua_json_read (*text, (gssize)length, object, &error))
    {
      complain (path, error->message);
      return FALSE;
    }
  if (barua_json_type (*object) != BARUA_JSON_OBJECT)
    {
      complain (path, "must hold an object");
      return FALSE;
    }
  return TRUE;
}

/* The settings' text with @definition as their only form, called @code. */
static void
append_with_definition (GString *out, BaruaJson settings, BaruaText code, BaruaJson definition)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, settings);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      if (barua_json_string_is (key, BARUA_TEXT ("forms")))
        continue;
      barua_json_append_minified (out, key);
      g_string_append_c (out, ':');
      barua_json_append_minified (out, value);
      g_string_append_c (out, ',');
    }
  g_string_append (out, "\"forms\":{");
  barua_json_append_string (out, code);
  g_string_append_c (out, ':');
  barua_json_append_minified (out, definition);
  g_string_append (out, "}}");
}

/* The code that the definition calls itself by. */
static BaruaText
definition_code (BaruaJson definition, BaruaArena *arena)
{
  BaruaJson meta = barua_json_member (definition, "meta");
  BaruaText code = barua_arena_json_text (arena, barua_json_member (meta, "code"));

  return code.n > 0 ? code : BARUA_TEXT (NAMELESS_FORM);
}

/* Compiles the files; NULL, having said why, when that is not possible. */
static BaruaSettings *
load_settings (const Options *options, BaruaArena *arena)
{
  g_autofree char *settings_text = NULL;
  g_autofree char *definition_text = NULL;
  BaruaJson settings = { "{}", 2 }, definition = BARUA_JSON_NONE;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  if (options->settings != NULL && !read_object (options->settings, &settings_text, &settings))
    return NULL;
  if (options->definition != NULL
      && !read_object (options->definition, &definition_text, &definition))
    return NULL;
  if (options->definition != NULL)
    append_with_definition (text, settings, definition_code (definition, arena), definition);
  else
    g_string_append_len (text, settings.text, (gssize)settings.length);

  gsize length = text->len;
  g_autoptr (GBytes) bytes
      = g_bytes_new_take (g_string_free (g_steal_pointer (&text), FALSE), length);
  BaruaSettings *compiled = barua_settings_compile (bytes, NULL, 0, &error);
  if (compiled == NULL)
    complain ("", error->message);
  return compiled;
}

static void
append_error (GString *out, const char *message)
{
  g_string_append_c (out, '{');
  barua_json_append_key (out, "error");
  barua_json_append_string (out, barua_text (message));
  g_string_append_c (out, '}');
}

/* Appends `"name":` and the text, or null when there is none. */
static void
append_text_or_null (GString *out, const char *name, BaruaText text)
{
  barua_json_append_key (out, name);
  if (text.p != NULL)
    barua_json_append_string (out, text);
  else
    g_string_append (out, "null");
}

/* Appends the members of a record that cli.md names, then the others, but for the last brace. */
static void
append_record (GString *out, const BaruaRecord *record)
{
  g_string_append_c (out, '{');
  append_text_or_null (out, "form", record->code.n > 0 ? record->code : (BaruaText){ NULL, 0 });
  append_text_or_null (out, "format", record->format);
  barua_json_append_key (out, "fields");
  g_string_append_len (out, record->fields.p, (gssize)record->fields.n);
  barua_json_append_key (out, "errors");
  g_string_append_c (out, '[');
  for (guint i = 0; i < record->n_errors; i++)
    {
      g_string_append (out, i > 0 ? ",{" : "{");
      append_text_or_null (out, "code", record->errors[i].code);
      append_text_or_null (out, "message", record->errors[i].message);
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, ']');
  if (record->from.p != NULL)
    append_text_or_null (out, "from", record->from);
  barua_json_append_key (out, "reported_date");
  barua_json_append_number (out, record->reported_date_ms);
  if (record->refid.p != NULL)
    {
      barua_json_append_key (out, "refid");
      g_string_append_len (out, record->refid.p, (gssize)record->refid.n);
    }
  barua_json_append_key (out, "sms_message");
  g_string_append_len (out, record->sms_message.p, (gssize)record->sms_message.n);
}

/* Reads a line with `message`. */
static gboolean
parse_message (Session *session, BaruaJson line, GError **error)
{
  BaruaMessage message;
  BaruaRecord record;

  barua_message_from_json (line, session->arena, &message);
  message.now_ms = g_get_real_time () / 1000;
  if (message.locale.n == 0)
    message.locale = barua_text (session->options->locale);
  if (!barua_record_from_definition (session->settings, session->form, &message, session->arena,
                                     &record, error))
    return FALSE;
  append_record (session->out, &record);
  if (session->options->explain)
    {
      barua_json_append_key (session->out, "explain");
      barua_explain_append (session->settings, &message, &record, session->arena, session->out);
    }
  g_string_append_c (session->out, '}');
  return TRUE;
}

/* Reads a line with `_meta`. */
static gboolean
parse_record (Session *session, BaruaJson line, GError **error)
{
  BaruaRecord record;

  if (!barua_record_from_json_definition (session->settings, session->form, line,
                                          barua_text (session->options->locale),
                                          g_get_real_time () / 1000, session->arena, &record,
                                          error))
    return FALSE;
  append_record (session->out, &record);
  g_string_append_c (session->out, '}');
  return TRUE;
}

/* Answers one line; FALSE when it is not JSON. */
static gboolean
parse_line (Session *session, const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  BaruaJson line;
  gboolean is_json = barua_json_read (text, (gssize)length, &line, &error);

  barua_arena_reset (session->arena);
  g_string_truncate (session->out, 0);
  if (is_json)
    {
      BaruaJson message = barua_json_member (line, "message");
      BaruaJson meta = barua_json_member (line, "_meta");
      gboolean is_record = barua_json_type (meta) != BARUA_JSON_ABSENT
                           && barua_json_type (message) == BARUA_JSON_ABSENT;
      is_record ? parse_record (session, line, &error) : parse_message (session, line, &error);
    }
  if (error != NULL)
    append_error (session->out, error->message);
  g_string_append_c (session->out, '\n');
  return is_json;
}

/* Answers all lines of standard input. */
static int
run (Session *session)
{
  char *line = NULL; /* of getline() */
  size_t size = 0;
  ssize_t n;
  int status = EXIT_DONE;

  while ((n = getline (&line, &size, stdin)) >= 0)
    {
      gsize length = (gsize)n;
      if (length > 0 && line[length - 1] == '\n')
        line[--length] = '\0';
      if (!parse_line (session, line, length))
        status = EXIT_FAILED;
      if (fwrite (session->out->str, 1, session->out->len, stdout) != session->out->len)
        {
          complain ("standard output", g_strerror (errno));
          status = EXIT_FAILED;
          break;
        }
    }
  free (line);
  if (fflush (stdout) != 0)
    status = EXIT_FAILED;
  return status;
}

int
barua_cli_parse (int argc, char **argv)
{
  g_auto (Options) options = { NULL };
  if (!read_options (argc, argv, &options))
    return EXIT_USAGE;

  g_autoptr (BaruaArena) kept = barua_arena_new ();
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (BaruaSettings) settings = load_settings (&options, kept);
  if (settings == NULL)
    return EXIT_FAILED;

  g_autoptr (GString) out = g_string_sized_new (1024);
  Session session = { &options, settings, NULL, arena, out };
  if (options.definition != NULL)
    session.form = barua_settings_form (settings, 0);
  else if (options.form != NULL)
    {
      session.form = barua_settings_find_form (settings, barua_text (options.form));
      if (session.form == NULL)
        {
          complain (options.form, "the settings have no such form");
          return EXIT_FAILED;
        }
    }
  return run (&session);
}
