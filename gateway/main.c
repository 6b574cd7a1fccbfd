/* SPDX-License-Identifier: MIT */

/* The table of commands. */

#define G_LOG_DOMAIN "barua"

#include "gateway/cli/cli.h"
#include "gateway/serve.h"
#include "gateway/version.h"

#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORDS 2 /* of a command: `user add` */

typedef struct
{
  const char *name;
  int (*run) (int argc, char **argv);
  const char *summary;
} Command;

static const Command commands[] = {
  { "serve", barua_serve, "the server" },
  { "parse", barua_cli_parse, "messages in, records out" },
  { "forms", barua_cli_forms, "check form definitions, and tell senders how to write to them" },
  { "user", barua_cli_user, "make, list and delete accounts, set passwords" },
  { "backup", barua_cli_backup, "write a copy of the database, also beside a running server" },
  { "restore", barua_cli_restore, "put a backup in the place of the database" },
  { "migrate", barua_cli_migrate, "bring the tables of the database up to date" },
  { "check", barua_cli_check, "compare what is derived with what the documents say" },
  { "reindex", barua_cli_reindex, "make what is derived again from the documents" },
};

static void
print_usage (FILE *to)
{
  fprintf (to, "Usage:\n  barua COMMAND [OPTION…]\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-8s %s\n", commands[i].name, commands[i].summary);
  fprintf (to, "\n`barua COMMAND --help` tells more; `barua --version` prints the version.\n");
}

/* The exit status: what could not be printed was not done. */
static int
end (int status)
{
  return fflush (stdout) != 0 || ferror (stdout) ? MAX (status, 1) : status;
}

int
main (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";

  setlocale (LC_CTYPE, "C.UTF-8"); /* what is printed is UTF-8; nothing else follows the locale */
  /* with any command, too */
  if (argc <= MAX_WORDS + 2 && strcmp (argv[MAX (argc, 1) - 1], "--version") == 0)
    {
      printf ("barua %s\n", barua_version);
      return end (0);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      {
        g_autofree char *program = g_strdup_printf ("barua %s", name);
        g_set_prgname (program);
        argv[1] = program;
        const int status = commands[i].run (argc - 1, argv + 1);
        return end (status);
      }
  gboolean asks = strcmp (name, "--help") == 0 || strcmp (name, "help") == 0;
  if (!asks && *name != '\0')
    fprintf (stderr, "barua: unknown command \"%s\"\n", name);
  print_usage (asks ? stdout : stderr);
  return end (asks ? 0 : 2);
}
