/* SPDX-License-Identifier: MIT */

/* `barua forms guide`: how to write to a form, for its senders. */

#define G_LOG_DOMAIN "barua-cli"

#include "forms/form-guide.h"
#include "gateway/cli/cli.h"
#include "parser/example.h"

#include <stdio.h>

/* The options. */
typedef struct
{
  char *settings;
  char *form;
  char *locale;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->settings);
  g_free (options->form);
  g_free (options->locale);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* How each syntax is called in the guide, and its rule. */
static const struct
{
  const char *name;
  const char *rule;
} syntaxes[BARUA_N_SYNTAXES] = {
  [BARUA_SYNTAX_MUVUKU] = { "Muvuku", "values in this order, # between them; nothing between two # "
                                      "leaves one out" },
  [BARUA_SYNTAX_JAVAROSA]
  = { "JavaRosa", "label#value pairs in any order; \\# for a # in a value" },
  [BARUA_SYNTAX_TEXTFORMS]
  = { "Textforms", "label, blank, value; # between the pairs, in any order" },
  [BARUA_SYNTAX_COMPACT] = { "compact", "values in this order, blanks between them; a value with "
                                        "blanks in quotes" },
};

/* Says on stderr what is wrong. */
static void
complain (const char *what, const char *why)
{
  fprintf (stderr, "barua forms guide: %s%s%s\n", what, *what != '\0' ? ": " : "", why);
}

/* Reads the arguments; FALSE, having said why, when they are wrong. */
static gboolean
read_options (int argc, char **argv, Options *options)
{
  const GOptionEntry entries[] = {
    { "settings", 0, 0, G_OPTION_ARG_FILENAME, &options->settings,
      "settings, as of /api/v1/settings", "FILE" },
    { "form", 0, 0, G_OPTION_ARG_STRING, &options->form, "only this form", "CODE" },
    { "locale", 0, 0, G_OPTION_ARG_STRING, &options->locale, "language of the labels", "xx" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("— how to write to a form");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    complain ("", error->message);
  else if (argc > 1)
    complain (argv[1], "unexpected argument");
  else if (options->settings == NULL)
    complain ("", "--settings is needed");
  else
    return TRUE;
  return FALSE;
}

/* The settings of a file; NULL, having said why, when they cannot be read. */
static BaruaSettings *
load_settings (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;
  gsize n = 0;

  if (!g_file_get_contents (path, &text, &n, &error))
    {
      complain (path, error->message);
      return NULL;
    }
  g_autoptr (GBytes) bytes = g_bytes_new_take (text, n);
  BaruaSettings *settings = barua_settings_compile (bytes, NULL, 0, &error);
  if (settings == NULL)
    complain (path, error->message);
  return settings;
}

/* One example, when the server would read it as it was meant; else why there is none. */
static void
append_example (const BaruaExample *example, BaruaSyntax syntax, BaruaArena *arena, GString *out)
{
  g_autoptr (GString) message = g_string_new (NULL);
  const char *remark = NULL;
  gboolean is_good
      = barua_example_write (example, syntax, arena, message, &remark)
        && barua_example_check (example, syntax, (BaruaText){ message->str, message->len }, arena,
                                &remark);

  g_string_append_printf (out, "  %-10s", syntaxes[syntax].name);
  if (is_good)
    {
      g_string_append_len (out, message->str, (gssize)message->len);
      g_string_append_printf (out, "\n  %-10s(%s)\n", "", syntaxes[syntax].rule);
    }
  else
    g_string_append_printf (out, "not possible: %s\n", remark);
}

static void
append_guide (const BaruaSettings *settings, const BaruaForm *form, BaruaText locale, GString *out)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autofree BaruaText *texts = g_new0 (BaruaText, barua_form_n_fields (form) + 1);
  BaruaExample example = { settings, form, locale, texts };

  barua_form_guide_append (settings, form, locale, out);
  barua_example_fill (settings, form, locale, arena, texts);
  for (guint i = 0; i < BARUA_N_SYNTAXES; i++)
    append_example (&example, (BaruaSyntax)i, arena, out);
}

int
barua_cli_forms_guide (int argc, char **argv)
{
  g_auto (Options) options = { NULL };
  if (!read_options (argc, argv, &options))
    return 2;

  g_autoptr (BaruaSettings) settings = load_settings (options.settings);
  if (settings == NULL)
    return 1;
  const BaruaForm *only = options.form != NULL
                              ? barua_settings_find_form (settings, barua_text (options.form))
                              : NULL;
  if (options.form != NULL && only == NULL)
    {
      complain (options.form, "the settings have no such form");
      return 1;
    }
  g_autoptr (GString) out = g_string_new (NULL);
  for (guint i = 0; i < barua_settings_n_forms (settings); i++)
    {
      const BaruaForm *form = barua_settings_form (settings, i);
      if (only != NULL && form != only)
        continue;
      if (out->len > 0)
        g_string_append_c (out, '\n');
      append_guide (settings, form, barua_text (options.locale), out);
    }
  return fwrite (out->str, 1, out->len, stdout) == out->len && fflush (stdout) == 0 ? 0 : 1;
}
