/* SPDX-License-Identifier: MIT */

/* `barua forms check`: what is wrong with form definitions, before they are uploaded; and the way
 * to `barua forms guide`. */

#define G_LOG_DOMAIN "barua-cli"

#include "forms/form-check.h"
#include "gateway/cli/cli.h"

#include <stdio.h>
#include <string.h>

/* What was asked for, and what was found so far. */
typedef struct
{
  gboolean is_json;
  guint n_errors;
  guint n_unread;
  GString *out;
} Check;

/* `FILE: PATH: error: MESSAGE` */
static void
add_lines (Check *check, const char *file, GPtrArray *findings, guint n_all, const char *level)
{
  for (guint i = 0; i < findings->len; i++)
    {
      const BaruaFormFinding *finding = findings->pdata[i];
      g_string_append_printf (check->out, "%s: %s: %s: %s\n", file, finding->path, level,
                              finding->message);
    }
  if (n_all > findings->len)
    g_string_append_printf (check->out, "%s: and %u more of level %s\n", file,
                            n_all - findings->len, level);
}

/* One object for each file: `{"file","errors":[…],"warnings":[…]}` */
static void
add_json (Check *check, const char *file, const BaruaFormReport *report)
{
  g_string_append (check->out, check->out->len > 1 ? ",{" : "{");
  barua_json_append_key (check->out, "file");
  barua_json_append_string (check->out, barua_text (file));
  barua_json_append_key (check->out, "errors");
  barua_form_findings_append_json (check->out, report->errors);
  barua_json_append_key (check->out, "warnings");
  barua_form_findings_append_json (check->out, report->warnings);
  g_string_append_c (check->out, '}');
}

static void
check_file (Check *check, const char *file)
{
  g_autofree char *text = NULL;
  gsize n = 0;
  BaruaJson value;
  g_autoptr (GError) error = NULL;

  if (!g_file_get_contents (file, &text, &n, &error)
      || !barua_json_read (text, (gssize)n, &value, &error))
    {
      fprintf (stderr, "%s: %s\n", file, error->message);
      check->n_unread++;
      return;
    }
  if (barua_json_type (value) != BARUA_JSON_OBJECT)
    {
      fprintf (stderr, "%s: is %s; expected app settings or a form definition, an object\n", file,
               barua_json_type_name (value));
      check->n_unread++;
      return;
    }
  g_autoptr (BaruaFormReport) report = barua_forms_check_value (value, FALSE);
  if (report == NULL) /* settings without forms */
    report = barua_forms_check (BARUA_JSON_NONE, BARUA_JSON_NONE, FALSE);
  check->n_errors += report->n_errors;
  if (check->is_json)
    add_json (check, file, report);
  else
    {
      add_lines (check, file, report->errors, report->n_errors, "error");
      add_lines (check, file, report->warnings, report->n_warnings, "warning");
    }
}

/* `barua forms check FILE…`; argv[0] is "check". */
static int
forms_check (int argc, char **argv)
{
  Check check = { .out = NULL };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &check.is_json, "print the report as JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context
      = g_option_context_new ("FILE… — check app settings or form definitions");
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc < 2)
    {
      fprintf (stderr, "barua forms check: %s\n",
               error != NULL ? error->message : "no file was named");
      return 2;
    }
  check.out = g_string_new (check.is_json ? "[" : NULL);
  for (int i = 1; i < argc; i++)
    check_file (&check, argv[i]);
  if (check.is_json)
    g_string_append (check.out, "]\n");
  fputs (check.out->str, stdout);
  g_string_free (check.out, TRUE);
  return check.n_errors > 0 || check.n_unread > 0 ? 1 : 0;
}

static const struct
{
  const char *name;
  const char *summary;
  int (*run) (int argc, char **argv);
} commands[] = {
  { "check", "FILE… — check app settings or form definitions", forms_check },
  { "guide", "— how to write to a form, with examples", barua_cli_forms_guide },
};

static void
print_usage (FILE *to)
{
  fprintf (to, "Usage:\n  barua forms COMMAND [OPTION…]\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-8s %s\n", commands[i].name, commands[i].summary);
  fprintf (to, "\n`barua forms COMMAND --help` tells more.\n");
}

int
barua_cli_forms (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      {
        g_autofree char *program = g_strdup_printf ("barua forms %s", name);
        g_set_prgname (program);
        argv[1] = program;
        return commands[i].run (argc - 1, argv + 1);
      }
  gboolean asks = strcmp (name, "--help") == 0 || strcmp (name, "help") == 0;
  if (!asks && *name != '\0')
    fprintf (stderr, "barua forms: unknown command \"%s\"\n", name);
  print_usage (asks ? stdout : stderr);
  return asks ? 0 : 2;
}
