/* SPDX-License-Identifier: MIT */

/* `barua parse`: one JSON object a line in, one record a line out (cli.md). */

#define G_LOG_DOMAIN "barua-cli"

#include "gateway/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "forms/settings.h"
#include "parser/trial.h"

enum
{
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
};

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
  BaruaTrial trial;
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
      "settings, as of /api/v1/settings", "FILE" },
    { "form", 0, 0, G_OPTION_ARG_STRING, &options->form,
      "read every message with this form of the settings", "CODE" },
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &options->definition,
      "read every message with this form definition", "FILE" },
    { "locale", 0, 0, G_OPTION_ARG_STRING, &options->locale, "language of messages that name none",
      "xx" },
    { "explain", 0, 0, G_OPTION_ARG_NONE, &options->explain, "add how each message was read",
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- messages in, records out");
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (
      context,
      "Reads one JSON object a line on standard input: {\"message\", \"from\", \"locale\", "
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

/* Compiles the files; NULL, having said why, when that is not possible. */
static BaruaSettings *
load_settings (const Options *options)
{
  g_autofree char *settings_text = NULL;
  g_autofree char *definition_text = NULL;
  BaruaJson settings = BARUA_JSON_NONE, definition = BARUA_JSON_NONE;
  g_autoptr (GError) error = NULL;

  if (options->settings != NULL && !read_object (options->settings, &settings_text, &settings))
    return NULL;
  if (options->definition != NULL
      && !read_object (options->definition, &definition_text, &definition))
    return NULL;
  g_autoptr (GBytes) bytes = barua_trial_settings_text (settings, definition);
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

/* Reads a line with `message`. */
static gboolean
parse_message (Session *session, BaruaJson line, GError **error)
{
  BaruaMessage message;

  barua_message_from_json (line, session->arena, &message);
  message.now_ms = g_get_real_time () / 1000;
  return barua_trial_append_message (&session->trial, &message, session->arena, session->out,
                                     error);
}

/* Reads a line with `_meta`. */
static gboolean
parse_record (Session *session, BaruaJson line, GError **error)
{
  return barua_trial_append_record (&session->trial, line, g_get_real_time () / 1000,
                                    session->arena, session->out, error);
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
      static const BaruaText names[] = { { "message", 7 }, { "_meta", 5 } };
      BaruaJson found[G_N_ELEMENTS (names)];
      barua_json_members (line, names, found, G_N_ELEMENTS (names));
      gboolean is_record = barua_json_type (found[1]) != BARUA_JSON_ABSENT
                           && barua_json_type (found[0]) == BARUA_JSON_ABSENT;
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

  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (BaruaSettings) settings = load_settings (&options);
  if (settings == NULL)
    return EXIT_FAILED;

  g_autoptr (GString) out = g_string_sized_new (1024);
  BaruaTrial trial = { .settings = settings,
                       .locale = barua_text (options.locale),
                       .explains = options.explain };
  if (options.definition != NULL)
    trial.form = barua_settings_form (settings, 0);
  else if (options.form != NULL)
    {
      trial.form = barua_settings_find_form (settings, barua_text (options.form));
      if (trial.form == NULL)
        {
          complain (options.form, "the settings have no such form");
          return EXIT_FAILED;
        }
    }
  Session session = { trial, arena, out };
  return run (&session);
}
