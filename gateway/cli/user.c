/* SPDX-License-Identifier: MIT */

/* `barua user`: accounts, straight in the database file, beside a running server too. */

#define G_LOG_DOMAIN "barua-cli"

#include "gateway/cli/cli.h"

#include "gateway/accounts.h"
#include "gateway/api/settings-document.h"
#include "gateway/api/user-store.h"
#include "gateway/app.h"
#include "gateway/http/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MAX_PASSWORD_BYTES 1024

/* What the command line says. */
typedef struct
{
  BaruaCliPlace place_of_database;
  char **roles;
  char *fullname;
  char *phone;
  char *place;
  char *contact;
  gboolean is_random;
  gboolean is_json;
  const char *name; /* (nullable) */
} Options;

static void
options_clear (Options *options)
{
  barua_cli_place_clear (&options->place_of_database);
  g_strfreev (options->roles);
  g_free (options->fullname);
  g_free (options->phone);
  g_free (options->place);
  g_free (options->contact);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* One of the four commands. */
typedef struct
{
  const char *name;
  const char *summary;
  gboolean needs_name;
  gboolean (*run) (BaruaStore *store, const Options *options, GError **error);
} Command;

/* ---- passwords ---- */

/* Switches the echo of a terminal; returns whether there is one. */
static gboolean
set_echo (gboolean is_on)
{
  struct termios terminal;

  if (tcgetattr (STDIN_FILENO, &terminal) != 0)
    return FALSE;
  if (is_on)
    terminal.c_lflag |= ECHO;
  else
    terminal.c_lflag &= ~(tcflag_t)ECHO;
  return tcsetattr (STDIN_FILENO, TCSAFLUSH, &terminal) == 0;
}

/* (transfer full) (nullable): the first line of standard input; asked for at a terminal. */
static char *
read_password (GError **error)
{
  char line[MAX_PASSWORD_BYTES];
  const gboolean is_terminal = isatty (STDIN_FILENO) && set_echo (FALSE);

  if (is_terminal)
    fputs ("Password: ", stderr);
  const gboolean has_line = fgets (line, sizeof line, stdin) != NULL;
  if (is_terminal)
    {
      set_echo (TRUE);
      fputc ('\n', stderr);
    }
  if (!has_line)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           "the password is read from standard input, which has none");
      return NULL;
    }
  line[strcspn (line, "\r\n")] = '\0';
  char *password = g_strdup (line);
  explicit_bzero (line, sizeof line);
  return password;
}

/* (transfer full) (nullable): what was typed, or made up. */
static char *
choose_password (const Options *options, GError **error)
{
  return options->is_random ? barua_accounts_random_password (error) : read_password (error);
}

/* ---- add ---- */

/* A job about one account. */
typedef struct
{
  BaruaUserWrite write;
  BaruaUserWritten written;
  const char *name;
} Job;

/* BaruaJob */
static gboolean
create (BaruaTx *tx, gpointer data, GError **error)
{
  Job *job = data;

  return barua_user_create (tx, &job->write, &job->written, error);
}

/* What a request would say. */
static GString *
describe (const Options *options, const char *password)
{
  const struct
  {
    const char *key;
    const char *value;
  } texts[] = { { "username", options->name },
                { "password", password },
                { "fullname", options->fullname },
                { "phone", options->phone },
                { "place", options->place },
                { "contact", options->contact } };
  GString *body = g_string_new ("{");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].value != NULL)
      {
        barua_json_append_key (body, texts[i].key);
        barua_json_append_string (body, barua_text (texts[i].value));
      }
  barua_json_append_key (body, "roles");
  g_string_append_c (body, '[');
  for (guint i = 0; options->roles[i] != NULL; i++)
    {
      g_string_append (body, i > 0 ? "," : "");
      barua_json_append_string (body, barua_text (options->roles[i]));
    }
  g_string_append (body, "]}");
  return body;
}

/* Reads what @body says.  Offline users may do without a place here: on a new database nobody is
 * online but administrators, as no role is configured yet. */
static gboolean
read_input (const BaruaSettings *settings, BaruaJson body, BaruaAccountInput *input, GError **error)
{
  return barua_account_input_read_change (settings, body, input, error)
         && barua_account_input_take_name (input, error);
}

static gboolean
add_with (BaruaStore *store, const BaruaSettings *settings, const Options *options,
          const char *password, GError **error)
{
  GString *body = describe (options, password);
  g_auto (BaruaAccountInput) input = { 0 };
  g_autofree char *hash = NULL;
  Job job = { .write = { .settings = settings,
                         .input = &input,
                         .now_ms = barua_now_ms (),
                         .is_admin = TRUE } };

  gboolean ok = read_input (settings, (BaruaJson){ body->str, body->len }, &input, error);
  if (ok)
    hash = barua_password_hash (password, error);
  job.write.hash = hash;
  ok = ok && hash != NULL && barua_store_write (store, create, &job, error);
  barua_user_written_clear (&job.written);
  explicit_bzero (body->str, body->len);
  g_string_free (body, TRUE);
  return ok;
}

/* Prints a password that was made up. */
static void
print_random (const Options *options, const char *password)
{
  if (!options->is_random)
    return;
  if (!options->is_json)
    {
      printf ("%s\n", password);
      return;
    }
  GString *json = g_string_new ("{\"name\":");
  barua_json_append_string (json, barua_text (options->name));
  barua_json_append_key (json, "password");
  barua_json_append_string (json, barua_text (password));
  printf ("%s}\n", json->str);
  explicit_bzero (json->str, json->len);
  g_string_free (json, TRUE);
}

static gboolean
add (BaruaStore *store, const Options *options, GError **error)
{
  g_autoptr (BaruaSettings) settings = barua_settings_document_load (store, error);
  char *password = settings != NULL ? choose_password (options, error) : NULL;
  const gboolean ok
      = password != NULL && add_with (store, settings, options, password, error);

  if (ok)
    print_random (options, password);
  barua_secret_free (password);
  return ok;
}

/* ---- passwd ---- */

/* BaruaJob */
static gboolean
set_password (BaruaTx *tx, gpointer data, GError **error)
{
  const Job *job = data;

  return barua_user_set_password (tx, job->name, job->write.hash, error);
}

static gboolean
passwd (BaruaStore *store, const Options *options, GError **error)
{
  g_autoptr (BaruaSettings) settings = barua_settings_document_load (store, error);
  g_autofree char *hash = NULL;
  char *password = settings != NULL ? choose_password (options, error) : NULL;

  if (password != NULL && barua_password_check (settings, password, error))
    hash = barua_password_hash (password, error);
  Job job = { .write = { .hash = hash }, .name = options->name };
  const gboolean ok = hash != NULL && barua_store_write (store, set_password, &job, error);
  if (ok)
    print_random (options, password);
  barua_secret_free (password);
  return ok;
}

/* ---- delete ---- */

/* BaruaJob */
static gboolean
delete_job (BaruaTx *tx, gpointer data, GError **error)
{
  Job *job = data;

  return barua_user_delete (tx, job->name, TRUE, barua_now_ms (), &job->written, error);
}

static gboolean
delete_user (BaruaStore *store, const Options *options, GError **error)
{
  Job job = { .name = options->name };
  const gboolean ok = barua_store_write (store, delete_job, &job, error);

  barua_user_written_clear (&job.written);
  return ok;
}

/* ---- list ---- */

/* The listing on its way. */
typedef struct
{
  gboolean is_json;
  GString *out;
} Listing;

/* BaruaListingFunc */
static gboolean
list_one (const BaruaListingRow *row, gpointer data)
{
  Listing *listing = data;
  const BaruaJson body = { row->body.p, row->body.n };
  const BaruaText name = { row->id.p + strlen (BARUA_USER_ID_PREFIX),
                           row->id.n - strlen (BARUA_USER_ID_PREFIX) };

  if (!listing->is_json)
    {
      g_auto (GStrv) roles = barua_account_roles_of (body);
      g_autofree char *joined = g_strjoinv (",", roles);
      g_string_append_printf (listing->out, "%-20.*s %s\n", (int)name.n, name.p, joined);
      return TRUE;
    }
  g_string_append (listing->out, listing->out->len > 1 ? ",\n{\"name\":" : "{\"name\":");
  barua_json_append_string (listing->out, name);
  barua_json_append_key (listing->out, "roles");
  BaruaJson roles = barua_json_member (body, "roles");
  if (roles.text != NULL)
    barua_json_append_minified (listing->out, roles);
  else
    g_string_append (listing->out, "[]");
  g_string_append_c (listing->out, '}');
  return TRUE;
}

/* BaruaQuery */
static gboolean
list_all (BaruaReader *reader, gpointer data, GError **error)
{
  const BaruaListing listing = {
    .db = BARUA_DB_USERS,
    .start = BARUA_TEXT (BARUA_USER_ID_PREFIX),
    .end = BARUA_TEXT ("org.couchdb.user;"), /* ';' follows ':' */
    .excludes_end = TRUE,
    .includes_docs = TRUE,
    .includes_hidden = TRUE,
    .limit = -1,
  };
  BaruaListingTotals totals;

  return barua_reader_all_docs (reader, &listing, &totals, list_one, data, error);
}

static gboolean
list (BaruaStore *store, const Options *options, GError **error)
{
  g_autoptr (GString) out = g_string_new (options->is_json ? "[" : NULL);
  Listing listing = { options->is_json, out };

  if (!barua_store_read (store, list_all, &listing, error))
    return FALSE;
  if (options->is_json)
    g_string_append (out, "]\n");
  fputs (out->str, stdout);
  return TRUE;
}

/* ---- the command ---- */

static const Command commands[] = {
  { "add", "NAME — make an account; the password is read from standard input", TRUE, add },
  { "passwd", "NAME — set a password, and end the sessions", TRUE, passwd },
  { "list", "— who has an account", FALSE, list },
  { "delete", "NAME — delete an account, and end its sessions", TRUE, delete_user },
};

static void
print_usage (FILE *to)
{
  fprintf (to, "Usage:\n  barua user COMMAND [OPTION…] [NAME]\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-8s %s\n", commands[i].name, commands[i].summary);
  fprintf (to, "\n`barua user COMMAND --help` tells more.\n");
}

static gboolean
read_options (const Command *command, int *argc, char ***argv, Options *options, GError **error)
{
  const gboolean is_add = command->run == add;
  const gboolean is_list = command->run == list;
  const GOptionEntry with_password[]
      = { { "random-password", 0, 0, G_OPTION_ARG_NONE, &options->is_random,
            "make a password up and print it", NULL },
          { "json", 0, 0, G_OPTION_ARG_NONE, &options->is_json,
            "print the password as JSON, with the name", NULL },
          G_OPTION_ENTRY_NULL };
  const GOptionEntry of_add[]
      = { { "role", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->roles,
            "a role, several times if you like; `_admin` for an administrator", "ROLE" },
          { "fullname", 0, 0, G_OPTION_ARG_STRING, &options->fullname, "the full name", "TEXT" },
          { "phone", 0, 0, G_OPTION_ARG_STRING, &options->phone, "the phone number", "TEXT" },
          { "place", 0, 0, G_OPTION_ARG_STRING, &options->place, "where the user works", "ID" },
          { "contact", 0, 0, G_OPTION_ARG_STRING, &options->contact,
            "who the user is, somebody of that place", "ID" },
          G_OPTION_ENTRY_NULL };
  const GOptionEntry of_list[] = { { "json", 0, 0, G_OPTION_ARG_NONE, &options->is_json,
                                     "print the accounts as JSON", NULL },
                                   G_OPTION_ENTRY_NULL };
  g_autoptr (GOptionContext) context = g_option_context_new (command->summary);

  barua_cli_place_add_options (&options->place_of_database, context);
  if (is_add || command->run == passwd)
    g_option_context_add_main_entries (context, with_password, NULL);
  if (is_add)
    g_option_context_add_main_entries (context, of_add, NULL);
  if (is_list)
    g_option_context_add_main_entries (context, of_list, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  const char *fault = command->needs_name && *argc < 2             ? "the name is missing"
                      : *argc > (command->needs_name ? 2 : 1)      ? "unexpected argument"
                      : is_add && options->roles == NULL           ? "at least one --role is needed"
                                                                   : NULL;
  if (fault != NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, fault);
  options->name = *argc > 1 ? (*argv)[1] : NULL;
  return fault == NULL;
}

/* Refusals that clients get as an object are told by their text. */
static void
print_failure (const char *command, const GError *error)
{
  BaruaJson object = BARUA_JSON_NONE;
  g_autofree char *text = NULL;

  if (error->domain == BARUA_ACCOUNT_ERROR && barua_json_read (error->message, -1, &object, NULL))
    text = barua_json_string (barua_json_member (object, "message"), NULL);
  fprintf (stderr, "barua user %s: %s\n", command, text != NULL ? text : error->message);
}

/* Opens the database as the server of this configuration does. */
static BaruaStore *
open_store (const Options *options, GError **error)
{
  g_autoptr (BaruaConfig) config = barua_cli_place_load (&options->place_of_database, error);

  return config != NULL ? barua_cli_open_store (config->database, config->default_db, FALSE, error)
                        : NULL;
}

static int
run (const Command *command, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *program = g_strdup_printf ("barua user %s", command->name);

  g_set_prgname (program);
  if (!read_options (command, &argc, &argv, &options, &error))
    {
      fprintf (stderr, "barua user %s: %s\n", command->name, error->message);
      return 2;
    }
  g_autoptr (BaruaStore) store = open_store (&options, &error);
  if (store == NULL || !command->run (store, &options, &error))
    {
      print_failure (command->name, error);
      return 1;
    }
  return 0;
}

int
barua_cli_user (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      return run (&commands[i], argc - 1, argv + 1);
  const gboolean asks = strcmp (name, "--help") == 0 || strcmp (name, "help") == 0;
  if (!asks && *name != '\0')
    fprintf (stderr, "barua user: unknown command \"%s\"\n", name);
  print_usage (asks ? stdout : stderr);
  return asks ? 0 : 2;
}
