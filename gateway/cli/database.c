/* SPDX-License-Identifier: MIT */

/* `barua check`, `reindex`, `backup`, `restore` and `migrate`: care of the database file. */

#define G_LOG_DOMAIN "barua-cli"

#include "gateway/cli/cli.h"
#include "gateway/store/store-files.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

void
barua_cli_place_clear (BaruaCliPlace *place)
{
  g_clear_pointer (&place->database, g_free);
  g_clear_pointer (&place->config_file, g_free);
}

void
barua_cli_place_add_options (BaruaCliPlace *place, GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "database", 0, 0, G_OPTION_ARG_FILENAME, &place->database,
      "the SQLite file (default: that of the configuration, else ./barua.db)", "FILE" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &place->config_file,
      "the configuration (default: " BARUA_CONFIG_FILE " if it is there)", "FILE" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

BaruaConfig *
barua_cli_place_load (const BaruaCliPlace *place, GError **error)
{
  const BaruaConfigOptions options = { .file = place->config_file, .database = place->database };

  return barua_config_load (&options, error);
}

/* Reads the options of a command: those of the place, @more, and @n_names words after them. The exit
 * status, or -1 to go on; the words are then argv[1]… */
static int
read_options (int argc, char **argv, const char *summary, const GOptionEntry *more, int n_names,
              BaruaConfig **config, gboolean *is_json)
{
  g_auto (BaruaCliPlace) place = { NULL };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, is_json, "print the report as JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (summary);
  g_autoptr (GError) error = NULL;

  barua_cli_place_add_options (&place, context);
  g_option_context_add_main_entries (context, entries, NULL);
  if (more != NULL)
    g_option_context_add_main_entries (context, more, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 1 + n_names)
    {
      const char *reason = argc <= n_names ? "a file must be named" : "unexpected argument";
      fprintf (stderr, "%s: %s\n", argv[0], error != NULL ? error->message : reason);
      return 2;
    }
  *config = barua_cli_place_load (&place, &error);
  if (*config != NULL)
    return -1;
  fprintf (stderr, "%s: %s\n", argv[0], error->message);
  return 1;
}

/* Says why the work failed; the exit status. */
static int
fail (const char *command, const GError *error)
{
  fprintf (stderr, "%s: %s\n", command, error->message);
  return 1;
}

BaruaStore *
barua_cli_open_store (const char *database, const char *default_db, gboolean alone, GError **error)
{
  const BaruaStoreOptions options
      = { .path = database, .default_db = default_db, .is_server = alone };

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

/* Prints `{"key":"FILE"}`; null without one. */
static void
print_file (const char *key, const char *file)
{
  g_autoptr (GString) out = g_string_new ("{");

  barua_json_append_key (out, key);
  if (file != NULL)
    barua_json_append_string (out, barua_text (file));
  else
    g_string_append (out, "null");
  g_string_append (out, "}\n");
  fputs (out->str, stdout);
}

int
barua_cli_check (int argc, char **argv)
{
  g_autoptr (BaruaConfig) config = NULL;
  gboolean is_json = FALSE;
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv, "— compare what is derived with what the documents say", NULL,
                             0, &config, &is_json);

  if (status >= 0)
    return status;
  g_autoptr (BaruaStore) store
      = barua_cli_open_store (config->database, config->default_db, FALSE, &error);
  if (store == NULL || !barua_store_check (store, &differences, &error))
    {
      fprintf (stderr, "%s: %s\n", config->database, error->message);
      return 1;
    }
  print_differences (differences, is_json);
  return differences->len > 0 ? 1 : 0;
}

int
barua_cli_reindex (int argc, char **argv)
{
  g_autoptr (BaruaConfig) config = NULL;
  gboolean is_json = FALSE;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv, "— make what is derived again from the documents", NULL, 0,
                             &config, &is_json);

  if (status >= 0)
    return status;
  g_autoptr (BaruaStore) store
      = barua_cli_open_store (config->database, config->default_db, TRUE, &error);
  if (store == NULL || !barua_store_reindex (store, &error))
    {
      fprintf (stderr, "%s: %s\n", config->database, error->message);
      return 1;
    }
  if (is_json)
    print_file ("database", config->database);
  return 0;
}

int
barua_cli_backup (int argc, char **argv)
{
  g_autoptr (BaruaConfig) config = NULL;
  gboolean is_json = FALSE;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv,
                             "FILE — write a copy of the database, also beside a running server",
                             NULL, 1, &config, &is_json);

  if (status >= 0)
    return status;
  if (!barua_store_backup (config->database, argv[1], &error))
    return fail (argv[0], error);
  if (is_json)
    print_file ("backup", argv[1]);
  return 0;
}

int
barua_cli_restore (int argc, char **argv)
{
  g_autoptr (BaruaConfig) config = NULL;
  gboolean is_json = FALSE;
  g_autofree char *kept = NULL;
  g_autoptr (GError) error = NULL;
  int status = read_options (argc, argv, "FILE — put a backup in the place of the database", NULL,
                             1, &config, &is_json);

  if (status >= 0)
    return status;
  if (!barua_store_restore (config->database, argv[1], &kept, &error))
    return fail (argv[0], error);
  if (is_json)
    print_file ("kept", kept);
  else if (kept != NULL)
    printf ("the former database is %s\n", kept);
  return 0;
}

/* Brings the file to the schema of this program. */
static gboolean
migrate (const char *path, const char *default_db, GError **error)
{
  g_autoptr (BaruaStore) store = barua_cli_open_store (path, default_db, TRUE, error);

  return store != NULL;
}

/* Does the same to a copy, and drops that. */
static gboolean
try_to_migrate (const char *path, const char *default_db, GError **error)
{
  const char *const endings[] = { "", "-wal", "-shm", ".lock" };
  g_autofree char *copy = g_strdup_printf ("%s.dry-run-%d", path, (int)getpid ());
  const gboolean is_done
      = barua_store_backup (path, copy, error) && migrate (copy, default_db, error);

  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (copy, endings[i], NULL);
      g_unlink (name);
    }
  return is_done;
}

int
barua_cli_migrate (int argc, char **argv)
{
  g_autoptr (BaruaConfig) config = NULL;
  gboolean is_dry = FALSE, is_json = FALSE;
  int schema, known;
  g_autoptr (GError) error = NULL;
  const GOptionEntry more[] = {
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &is_dry, "only try it, on a copy beside the database",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  int status = read_options (argc, argv, "— bring the tables of the database up to date", more, 0,
                             &config, &is_json);

  if (status >= 0)
    return status;
  if (!barua_store_schema (config->database, &schema, &known, &error)
      || !(is_dry ? try_to_migrate : migrate) (config->database, config->default_db, &error))
    return fail (argv[0], error);
  if (is_json)
    printf ("{\"schema\":%d,\"known\":%d,\"is_migrated\":%s}\n", schema, known,
            is_dry || schema == known ? "false" : "true");
  else if (schema == known)
    printf ("schema %d is up to date\n", schema);
  else
    printf (is_dry ? "schema %d can become %d\n" : "schema %d became %d\n", schema, known);
  return 0;
}
