/* SPDX-License-Identifier: MIT */

/* `barua check` and `barua reindex`: care of the database file. */

#define G_LOG_DOMAIN "barua-cli"

#include "gateway/cli/cli.h"
#include "gateway/store/store.h"

#include <stdio.h>

/* Reads the options both commands have; the exit status, or -1 to go on. */
static int
read_options (int argc, char **argv, const char *summary, char **database, gboolean *is_json)
{
  const GOptionEntry entries[] = {
    { "database", 0, 0, G_OPTION_ARG_FILENAME, database, "the SQLite file (default ./barua.db)",
      "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, is_json, "print the report as JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (summary);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (g_option_context_parse (context, &argc, &argv, &error) && argc == 1)
    {
      if (*database == NULL)
        *database = g_strdup ("./barua.db");
      return -1;
    }
  fprintf (stderr, "%s: %s\n", argv[0], error != NULL ? error->message : "unexpected argument");
  return 2;
}

/* Opens an existing file. */
static BaruaStore *
open_file (const char *database, gboolean alone, GError **error)
{
  const BaruaStoreOptions options = { .path = database, .is_server = alone };

  if (!g_file_test (database, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there is no such file");
      return NULL;
    }
  return barua_store_open (&options, error);
}

static void
print_differences (GPtrArray *differences, gboolean is_json)
{
  g_autoptr (GString) out = g_string_new (is_json ? "[" : NULL);

  for (guint i = 0; i < differences->len; i++)
    if (is_json)
      {
        g_string_append (out, i > 0 ? "," : "");
        barua_json_append_string (out, barua_text (differences->pdata[i]));
      }
    else
      g_string_append_printf (out, "%s\n", (const char *)differences->pdata[i]);
  if (is_json)
    g_string_append (out, "]\n");
  fputs (out->str, stdout);
}

int
barua_cli_check (int argc, char **argv)
{
  g_autofree char *database = NULL;
  gboolean is_json = FALSE;
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv, "— compare what is derived with what the documents say",
                             &database, &is_json);

  if (status >= 0)
    return status;
  g_autoptr (BaruaStore) store = open_file (database, FALSE, &error);
  if (store == NULL || !barua_store_check (store, &differences, &error))
    {
      fprintf (stderr, "%s: %s\n", database, error->message);
      return 1;
    }
  print_differences (differences, is_json);
  return differences->len > 0 ? 1 : 0;
}

int
barua_cli_reindex (int argc, char **argv)
{
  g_autofree char *database = NULL;
  gboolean is_json = FALSE;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv, "— make what is derived again from the documents",
                             &database, &is_json);

  if (status >= 0)
    return status;
  g_autoptr (BaruaStore) store = open_file (database, TRUE, &error);
  if (store == NULL || !barua_store_reindex (store, &error))
    {
      fprintf (stderr, "%s: %s\n", database, error->message);
      return 1;
    }
  return 0;
}
