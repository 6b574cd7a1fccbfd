/* SPDX-License-Identifier: MIT */

/* `barua serve`: builds the objects, runs the loop, stops in order. */

#define G_LOG_DOMAIN "barua"

#include "gateway/serve.h"

#include "gateway/accounts.h"
#include "gateway/api/gateways.h"
#include "gateway/api/handlers.h"
#include "gateway/api/push.h"
#include "gateway/app.h"
#include "gateway/cli/cli.h"
#include "gateway/config.h"
#include "gateway/handover.h"
#include "gateway/http/listen.h"
#include "gateway/log.h"
#include "gateway/reload.h"
#include "gateway/successor.h"
#include "gateway/systemd.h"
#include "gateway/timers.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STOP_LIMIT_MS 10000 /* for what is in flight */

/* Reading threads, by cores (cli.md, `readers`). */
#define MIN_READERS 2u
#define MAX_READERS 4u

/* What the command line says. */
typedef struct
{
  BaruaCliPlace place;
  char **listen;
  char *admin_password_file;
  char *web_dir;
  char *tls_certificate;
  char *tls_key;
  gboolean show_config;
  gboolean check_config;
} Options;

/* Why a generation of the server ended. */
typedef enum
{
  END_FAILED, /* it never ran */
  END_STOPPED,
  END_UPGRADE, /* another build is to take over */
} End;

/* The process: generations of the server follow each other in it, and accept from the same sockets. */
typedef struct
{
  const BaruaConfig *config; /* in force */
  BaruaConfig *reloaded;     /* the same; NULL: that of the start */
  const Options *options;
  BaruaAddresses addresses; /* empty before the first generation */
  GArray *kept;    /* of int: connections between two generations */
  BaruaUpgradePlan plan; /* END_UPGRADE */
  char *trouble;   /* (nullable): why the build did not take over */
  struct _Running *running; /* NULL between two generations */
  gboolean is_told; /* to stop, by a signal */
  gboolean is_hung_up; /* SIGHUP came when nobody could reload */
} Process;

static void
process_clear (Process *process)
{
  barua_config_free (process->reloaded);
  barua_addresses_clear (&process->addresses);
  g_clear_pointer (&process->kept, g_array_unref);
  g_clear_pointer (&process->plan.build, barua_build_free);
  g_clear_pointer (&process->trouble, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Process, process_clear)

/* A generation of the server, which runs. */
typedef struct _Running
{
  Process *process;
  BaruaApp *app;
  GMainLoop *loop;
  End end;
  gboolean is_stopping; /* nothing new is taken */
} Running;

static void
options_clear (Options *options)
{
  barua_cli_place_clear (&options->place);
  g_strfreev (options->listen);
  g_free (options->admin_password_file);
  g_free (options->web_dir);
  g_free (options->tls_certificate);
  g_free (options->tls_key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
read_options (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->listen,
      "where to listen, several times if you like (default 127.0.0.1:5988)", "ADDR:PORT" },
    { "show-config", 0, 0, G_OPTION_ARG_NONE, &options->show_config,
      "print every value and where it comes from, and end", NULL },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &options->check_config,
      "say whether the configuration can be used, and end", NULL },
    { "admin-password-file", 0, 0, G_OPTION_ARG_FILENAME, &options->admin_password_file,
      "password of the first account, first line of FILE", "FILE" },
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_certificate,
      "speak https with this certificate, in PEM", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_key, "the key of the certificate, in PEM",
      "FILE" },
    { "web-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->web_dir,
      "files that go in place of the pages compiled in", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("— the server");

  barua_cli_place_add_options (&options->place, context);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (
      context, "Signals: SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reads the configuration "
               "and the certificate again; SIGUSR2 does at once what timers would do.");
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "unexpected argument \"%s\"",
                   (*argv)[1]);
      return FALSE;
    }
  return TRUE;
}

static BaruaConfig *
load_config (const Options *options, GError **error)
{
  const BaruaConfigOptions of_line = { .file = options->place.config_file,
                                       .database = options->place.database,
                                       .listen = (const char *const *)options->listen,
                                       .web_dir = options->web_dir,
                                       .tls_certificate = options->tls_certificate,
                                       .tls_key = options->tls_key };

  return barua_config_load (&of_line, error);
}

/* ---- stopping ---- */

static void
stopped (gpointer data)
{
  g_main_loop_quit (((Running *)data)->loop);
}

static void
stop (Running *running)
{
  const gboolean is_stopping = running->is_stopping; /* for an upgrade, which is off */

  running->end = END_STOPPED;
  running->is_stopping = TRUE;
  g_message ("stopping");
  barua_systemd_stopping ();
  barua_addresses_close (&running->process->addresses); /* who comes now is refused, not kept waiting */
  if (!is_stopping)
    barua_server_stop (running->app->server, STOP_LIMIT_MS, stopped, running);
}

/* SIGTERM, SIGINT */
static gboolean
told_to_stop (gpointer data)
{
  Process *process = data;

  if (process->is_told)
    _exit (EXIT_FAILURE);
  process->is_told = TRUE;
  if (process->running != NULL)
    stop (process->running);
  return G_SOURCE_CONTINUE;
}

/* SIGHUP between two generations: for the next. */
static gboolean
hang_up_later (gpointer data)
{
  Process *process = data;

  process->is_hung_up |= process->running == NULL;
  return G_SOURCE_CONTINUE;
}

/* SIGUSR2 between two generations, where it means nothing; without a source it would end us. */
static gboolean
ignore (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* BaruaUpgradeFunc: answers what is in flight; who waits goes on waiting, for the next. */
static void
upgrade (const BaruaUpgradePlan *plan, gpointer data)
{
  Running *running = data;

  if (running->is_stopping)
    return;
  running->is_stopping = TRUE;
  running->end = END_UPGRADE;
  running->process->plan = (BaruaUpgradePlan){ barua_build_copy (plan->build), plan->must_copy };
  barua_server_hand_over (running->app->server, STOP_LIMIT_MS, running->process->kept, stopped, running);
}

/* SIGUSR2 */
static gboolean
run_timers (gpointer data)
{
  g_message ("SIGUSR2: timers run");
  barua_timers_run (((Running *)data)->app->timers);
  barua_push_now (((Running *)data)->app->push);
  return G_SOURCE_CONTINUE;
}

/* ---- starting ---- */

static BaruaServer *
make_server (const BaruaConfig *config, BaruaApp *app)
{
  BaruaServerApp for_server = barua_app_for_server (app);
  g_autofree char *folder = g_path_get_dirname (config->database); /* there is room for what will be stored */
  const BaruaServerOptions options = barua_config_server_options (config, folder);

  return barua_server_new (&options, barua_routes, &for_server, app->auth);
}

/* Sockets that were handed over, by the service manager or the server before us, go in place of those of
 * the configuration. */
static gboolean
open_sockets (const BaruaConfig *config, BaruaAddresses *addresses, GError **error)
{
  g_autofree int *handed = NULL;
  const guint n_handed = barua_systemd_sockets (&handed);

  if (n_handed == 0)
    return barua_addresses_open (addresses, config, error);
  g_array_append_vals (addresses->fds, handed, n_handed);
  g_message ("listening on %u socket%s of the %s", n_handed, n_handed > 1 ? "s" : "",
             barua_take_over_is_due () ? "server before" : "service manager");
  return TRUE;
}

/* Has @server accept from @sockets, which stay open when it ends. */
static gboolean
listen_on (BaruaServer *server, const GArray *sockets, GError **error)
{
  for (guint i = 0; i < sockets->len; i++)
    {
      const int fd = fcntl (g_array_index (sockets, int, i), F_DUPFD_CLOEXEC, 0);
      if (fd < 0)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "too many open files");
          return FALSE;
        }
      if (!barua_server_listen_fd (server, fd, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- another configuration ---- */

/* Has the server accept from the addresses of @config, and if that cannot be from those it had. */
static gboolean
change_addresses (const Running *running, const BaruaConfig *config, GError **error)
{
  BaruaAddresses *addresses = &running->process->addresses;
  g_autoptr (GError) trouble = NULL;

  barua_server_unlisten (running->app->server);
  const gboolean is_done = barua_addresses_change (addresses, config, error);
  if (!listen_on (running->app->server, addresses->fds, &trouble))
    g_warning ("not all addresses are listened on: %s", trouble->message);
  return is_done;
}

/* Reads the configuration again, and puts all of it in force or nothing. */
static gboolean
reload (const Running *running, GError **error)
{
  Process *process = running->process;
  g_auto (BaruaConfigFiles) files = { 0 };
  g_autoptr (BaruaConfig) config = load_config (process->options, error);

  if (config == NULL || !barua_config_files_read (config, &files, error))
    return FALSE;
  g_autofree char *fixed = barua_config_keep_fixed (config, process->config);
  if (!change_addresses (running, config, error))
    return FALSE;
  barua_reload_app (running->app, config, &files);
  if (fixed != NULL)
    g_warning ("SIGHUP: only a restart changes %s", fixed);
  if (process->addresses.texts->len < process->addresses.fds->len
      && !g_strv_equal ((const char *const *)config->listen, (const char *const *)process->config->listen))
    g_warning ("SIGHUP: [server] listen does not count, the sockets were given to us");
  barua_config_free (process->reloaded);
  process->config = process->reloaded = g_steal_pointer (&config);
  return TRUE;
}

/* SIGHUP */
static gboolean
hang_up (gpointer data)
{
  const Running *running = data;
  g_autoptr (GError) error = NULL;

  running->process->is_hung_up = running->is_stopping; /* for who comes after us */
  if (running->is_stopping)
    return G_SOURCE_CONTINUE;
  barua_systemd_reloading ();
  if (reload (running, &error))
    g_message ("SIGHUP: the configuration is in force");
  else
    g_warning ("SIGHUP: the old configuration stays in force: %s", error->message);
  barua_systemd_reloaded (error != NULL ? error->message : NULL);
  return G_SOURCE_CONTINUE;
}

/* Opens everything; nothing is written yet but what the tables need. */
static BaruaApp *
start (const BaruaConfig *config, const Options *options, GError **error)
{
  const BaruaStoreOptions store_options = {
    .path = config->database,
    .default_db = config->default_db,
    .cache_mib = config->cache_mib,
    .readers = config->readers > 0 ? config->readers
                                   : CLAMP (g_get_num_processors (), MIN_READERS, MAX_READERS),
    .is_server = TRUE,
  };
  g_auto (BaruaConfigFiles) files = { 0 };

  if (!barua_config_files_read (config, &files, error))
    return NULL;
  BaruaStore *store = barua_store_open (&store_options, error);
  if (store == NULL)
    {
      g_prefix_error (error, "%s: ", config->database);
      return NULL;
    }
  if (!barua_accounts_ensure_admin (store, options->admin_password_file, error))
    {
      barua_store_close (store);
      return NULL;
    }
  g_autoptr (BaruaApp) app = barua_app_new (store, error);
  if (app == NULL)
    return NULL;
  app->gateways = barua_gateways_new (app, config->gateways, error);
  if (app->gateways == NULL)
    return NULL;
  app->server = make_server (config, app);
  barua_reload_files (app, config, &files);
  return g_steal_pointer (&app);
}

/* Job: nothing. */
static gboolean
do_nothing (BaruaTx *tx, gpointer data, GError **error)
{
  return TRUE;
}

/* What can fail before the first request is taken; a build that takes over then waits for its turn. */
static gboolean
prepare (Process *process, BaruaApp *app, GError **error)
{
  if (process->addresses.fds->len == 0 && !open_sockets (process->config, &process->addresses, error))
    return FALSE;
  return !barua_take_over_is_due ()
         || (barua_store_write (app->store, do_nothing, NULL, error)
             && barua_take_over (process->kept, error));
}

/* Begins what the server does of itself, and takes requests: nothing of that may happen before. */
static gboolean
begin (Process *process, BaruaApp *app, GError **error)
{
  if (!prepare (process, app, error))
    return FALSE;
  app->timers = barua_timers_new (app);
  app->push = barua_config_make_push (process->config, app);
  if (!listen_on (app->server, process->addresses.fds, error))
    return FALSE;
  for (guint i = 0; i < process->kept->len; i++)
    {
      int *fd = &g_array_index (process->kept, int, i);
      barua_server_adopt (app->server, *fd);
      *fd = -1; /* it is the server's */
    }
  g_array_set_size (process->kept, 0);
  barua_upgrade_settle (app->upgrade, process->trouble);
  g_clear_pointer (&process->trouble, g_free);
  return TRUE;
}

/* Runs until something ends it. */
static End
run_until_end (Process *process, BaruaApp *app, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Running running = { .process = process, .app = app, .loop = loop, .end = END_STOPPED };
  const guint sources[]
      = { g_unix_signal_add (SIGHUP, hang_up, &running),
          g_unix_signal_add (SIGUSR2, run_timers, &running) };

  process->running = &running;
  app->upgrade = barua_upgrade_new (app, process->config->builds_dir, process->config->database, upgrade,
                                    &running);
  /* listening comes last: who hears of it may stop us at once */
  if (begin (process, app, error))
    {
      barua_systemd_ready (app);
      if (process->is_hung_up)
        hang_up (&running);
      g_main_loop_run (loop);
      barua_systemd_watch_no_more ();
    }
  else
    running.end = END_FAILED;
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  process->running = NULL;
  return running.end;
}

/* One generation from opening to closing everything but the sockets. */
static End
run_generation (Process *process, GError **error)
{
  BaruaApp *app = start (process->config, process->options, error);

  if (app == NULL)
    return END_FAILED;
  const End end = run_until_end (process, app, error);
  barua_app_free (app);
  return end;
}

/* Has the build take over; TRUE when it did not, and the next generation is ours again. */
static gboolean
hand_over (Process *process, End *end, int *status)
{
  g_autoptr (GError) error = NULL;
  const BaruaHandOver what = { .database = process->config->database,
                               .plan = &process->plan,
                               .sockets = process->addresses.fds,
                               .kept = process->kept,
                               .is_told = &process->is_told,
                               .is_hung_up = &process->is_hung_up };
  const BaruaHandOverEnd result = barua_hand_over (&what, status, &error);

  g_clear_pointer (&process->plan.build, barua_build_free);
  if (result == BARUA_HAND_OVER_STOPPED)
    *end = END_STOPPED;
  if (result == BARUA_HAND_OVER_FAILED)
    process->trouble = g_strdup (error->message);
  return result == BARUA_HAND_OVER_FAILED;
}

static int
run (const BaruaConfig *config, const Options *options)
{
  g_autoptr (GError) error = NULL;
  g_auto (Process) process = { .config = config, .options = options, .kept = barua_listen_sockets_new () };
  int status = 0;
  End end;

  signal (SIGPIPE, SIG_IGN); /* who reads our log may go before us */
  signal (SIGCHLD, SIG_DFL); /* who started us may have ignored it, and then no child tells how it ended */
  const guint sources[]
      = { g_unix_signal_add (SIGTERM, told_to_stop, &process),
          g_unix_signal_add (SIGINT, told_to_stop, &process),
          g_unix_signal_add (SIGHUP, hang_up_later, &process), g_unix_signal_add (SIGUSR2, ignore, NULL) };
  barua_addresses_init (&process.addresses);
  barua_config_raise_file_limit (config);
  do
    end = run_generation (&process, &error);
  while (end == END_UPGRADE && hand_over (&process, &end, &status));
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  if (end == END_FAILED)
    {
      fprintf (stderr, "barua serve: %s\n", error->message);
      return 1;
    }
  if (end == END_STOPPED)
    g_message ("stopped");
  return status;
}

/* Prints an error that may be several. */
static void
print_lines (const GError *error)
{
  g_auto (GStrv) lines = g_strsplit (error->message, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    fprintf (stderr, "barua serve: %s\n", lines[i]);
}

int
barua_serve (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  g_autoptr (GError) error = NULL;

  if (!read_options (&argc, &argv, &options, &error))
    {
      fprintf (stderr, "barua serve: %s\n", error->message);
      return 2;
    }
  g_autoptr (BaruaConfig) config = load_config (&options, &error);
  if (config == NULL)
    {
      print_lines (error);
      return g_error_matches (error, BARUA_CONFIG_ERROR, BARUA_CONFIG_ERROR_USAGE) ? 2 : 1;
    }
  if (options.show_config)
    {
      g_autofree char *text = barua_config_show (config);
      fputs (text, stdout);
    }
  g_auto (BaruaConfigFiles) files = { 0 };
  if (options.check_config && !barua_config_files_read (config, &files, &error))
    {
      fprintf (stderr, "barua serve: %s\n", error->message);
      return 1;
    }
  if (options.show_config || options.check_config)
    return 0;
  barua_log_init (config->log_level, config->log_format);
  umask (S_IRWXG | S_IRWXO); /* the files hold people's messages and the hashes of passwords */
  if (!barua_take_over_is_due ())
    {
      barua_successor_follow (config->builds_dir, config->database);
      if (!barua_hand_over_recover (config->database, &error))
        {
          fprintf (stderr, "barua serve: %s\n", error->message);
          return 1;
        }
    }
  return run (config, &options);
}
