/* SPDX-License-Identifier: MIT */

/* `barua serve`: builds the objects, runs the loop, stops in order. */

#define G_LOG_DOMAIN "barua"

#include "gateway/serve.h"

#include "gateway/accounts.h"
#include "gateway/api/gateways.h"
#include "gateway/api/handlers.h"
#include "gateway/api/pages.h"
#include "gateway/api/push.h"
#include "gateway/app.h"
#include "gateway/config.h"
#include "gateway/handover.h"
#include "gateway/http/listen.h"
#include "gateway/log.h"
#include "gateway/successor.h"
#include "gateway/systemd.h"
#include "gateway/timers.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STOP_LIMIT_MS 10000 /* for what is in flight */
#define SPARE_FILES 64 /* beside connections: the database, its log, readers, standard streams */
#define MIB (1024u * 1024u)

/* What the command line says. */
typedef struct
{
  char *database;
  char **listen;
  char *config_file;
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
  const BaruaConfig *config;
  const Options *options;
  GArray *sockets; /* of int: listening; empty before the first generation */
  GArray *kept;    /* of int: connections between two generations */
  BaruaUpgradePlan plan; /* END_UPGRADE */
  char *trouble;   /* (nullable): why the build did not take over */
  struct _Running *running; /* NULL between two generations */
  gboolean is_told; /* to stop, by a signal */
} Process;

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
  g_free (options->database);
  g_strfreev (options->listen);
  g_free (options->config_file);
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
    { "database", 0, 0, G_OPTION_ARG_FILENAME, &options->database,
      "the SQLite file (default ./barua.db)", "FILE" },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->listen,
      "where to listen, several times if you like (default 127.0.0.1:5988)", "ADDR:PORT" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config_file,
      "the configuration (default " BARUA_CONFIG_FILE " if it is there)", "FILE" },
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

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (
      context, "Signals: SIGTERM and SIGINT stop gracefully; a second one at once.");
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

/* The others between two generations, where they mean nothing; without a source they would end us. */
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
  barua_systemd_watch_no_more ();
  barua_server_hand_over (running->app->server, STOP_LIMIT_MS, running->process->kept, stopped, running);
}

/* SIGHUP: the files that may change under a running server are read again when it starts anew. */
static gboolean
hang_up (gpointer data)
{
  g_message ("SIGHUP: the configuration is read at the start; restart to change it");
  return G_SOURCE_CONTINUE;
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

/* As many open files as connections may need (cli.md, max-connections). */
static void
raise_file_limit (guint connections)
{
  struct rlimit limit;
  rlim_t wanted = (rlim_t)connections + SPARE_FILES;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted)
    limit.rlim_max = wanted; /* works for root */
  if (setrlimit (RLIMIT_NOFILE, &limit) == 0)
    return;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = MIN (wanted, limit.rlim_max);
  setrlimit (RLIMIT_NOFILE, &limit);
  g_message ("the open-file limit allows %lu connections, not %u",
             (unsigned long)limit.rlim_cur - SPARE_FILES, connections);
}

static BaruaServer *
make_server (const BaruaConfig *config, BaruaApp *app)
{
  BaruaServerApp for_server = barua_app_for_server (app);
  BaruaServerOptions options;
  g_autofree char *folder = g_path_get_dirname (config->database);

  barua_server_options_init (&options);
  options.spool_directory = folder; /* where there is room for what will be stored */
  options.max_body_bytes = (gsize)config->max_body_mib * MIB;
  options.max_connections = config->max_connections;
  options.max_connections_per_address = config->max_connections_per_address;
  options.request_timeout_ms = config->request_timeout_s * 1000;
  options.idle_timeout_ms = config->idle_timeout_s * 1000;
  options.trusted_proxies = (const char *const *)config->trusted_proxies;
  return barua_server_new (&options, barua_routes, &for_server, app->auth);
}

static BaruaPush *
make_push (const BaruaConfig *config, BaruaApp *app)
{
  const BaruaPushOptions options = {
    .africas_talking_url = config->africas_talking_url,
    .rapidpro_url = config->rapidpro_url,
    .timeout_s = config->outbound_timeout_s,
    .retry_s = config->outbound_retry_s,
  };

  return barua_push_new (app, &options);
}

/* What the files of the configuration hold, beside the file itself. */
typedef struct
{
  BaruaTls *tls; /* NULL: plain HTTP */
  BaruaCredentials *credentials;
} Files;

static void
files_clear (Files *files)
{
  g_clear_pointer (&files->tls, barua_tls_unref);
  g_clear_pointer (&files->credentials, barua_credentials_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Files, files_clear)

/* Reads them all, so that one that cannot be used is found before anything is changed. */
static gboolean
read_files (const BaruaConfig *config, Files *files, GError **error)
{
  if (*config->web_dir != '\0' && !g_file_test (config->web_dir, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, BARUA_CONFIG_ERROR, 0, "[server] web-dir: %s is no folder", config->web_dir);
      return FALSE;
    }
  if (*config->tls_certificate != '\0')
    {
      g_autofree char *certificate = barua_credentials_path (config->tls_certificate);
      g_autofree char *key = barua_credentials_path (config->tls_key);
      files->tls = barua_tls_new (certificate, key, error);
      if (files->tls == NULL)
        {
          g_prefix_error (error, "[tls] ");
          return FALSE;
        }
    }
  files->credentials = barua_credentials_load (config->credentials, error);
  return files->credentials != NULL;
}

/* "ADDRESS:0" becomes "ADDRESS:PORT": what was really opened. */
static char *
opened_address (const char *address, int fd)
{
  const char *colon = g_strrstr (address, ":");

  if (colon == NULL || g_strcmp0 (colon, ":0") != 0)
    return g_strdup (address);
  return g_strdup_printf ("%.*s:%u", (int)(colon - address), address, barua_listen_port (fd));
}

/* Sockets that were handed over, by the service manager or the server before us, go in place of those of
 * the configuration. */
static gboolean
open_sockets (const BaruaConfig *config, GArray *sockets, GError **error)
{
  g_autofree int *handed = NULL;
  const guint n_handed = barua_systemd_sockets (&handed);

  if (n_handed > 0)
    {
      g_array_append_vals (sockets, handed, n_handed);
      g_message ("listening on %u socket%s of the %s", n_handed, n_handed > 1 ? "s" : "",
                 barua_take_over_is_due () ? "server before" : "service manager");
      return TRUE;
    }
  for (guint i = 0; config->listen[i] != NULL; i++)
    {
      if (!barua_listen_open (config->listen[i], sockets, error))
        return FALSE;
      g_autofree char *address
          = opened_address (config->listen[i], g_array_index (sockets, int, sockets->len - 1));
      g_message ("listening on %s://%s", *config->tls_certificate != '\0' ? "https" : "http", address);
    }
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

/* Opens everything; nothing is written yet but what the tables need. */
static BaruaApp *
start (const BaruaConfig *config, const Options *options, GError **error)
{
  const BaruaStoreOptions store_options = {
    .path = config->database,
    .default_db = config->default_db,
    .cache_mib = config->cache_mib,
    .readers = config->readers,
    .is_server = TRUE,
  };
  g_auto (Files) files = { 0 };

  if (!read_files (config, &files, error))
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
  app->credentials = g_steal_pointer (&files.credentials);
  barua_pages_use_folder (config->web_dir);
  app->server = make_server (config, app);
  barua_server_set_tls (app->server, files.tls);
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
  if (process->sockets->len == 0 && !open_sockets (process->config, process->sockets, error))
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
  app->push = make_push (process->config, app);
  if (!listen_on (app->server, process->sockets, error))
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
      = { g_unix_signal_add (SIGHUP, hang_up, NULL),
          g_unix_signal_add (SIGUSR2, run_timers, &running) };

  process->running = &running;
  app->upgrade = barua_upgrade_new (app, process->config->builds_dir, process->config->database, upgrade,
                                    &running);
  /* listening comes last: who hears of it may stop us at once */
  if (begin (process, app, error))
    {
      barua_systemd_ready (app);
      g_main_loop_run (loop);
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
                               .sockets = process->sockets,
                               .kept = process->kept,
                               .is_told = &process->is_told };
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
  g_autoptr (GArray) sockets = barua_listen_sockets_new ();
  g_autoptr (GArray) kept = barua_listen_sockets_new ();
  g_autoptr (GError) error = NULL;
  Process process = { .config = config, .options = options, .sockets = sockets, .kept = kept };
  int status = 0;
  End end;

  signal (SIGPIPE, SIG_IGN); /* who reads our log may go before us */
  const guint sources[]
      = { g_unix_signal_add (SIGTERM, told_to_stop, &process),
          g_unix_signal_add (SIGINT, told_to_stop, &process), g_unix_signal_add (SIGHUP, ignore, NULL),
          g_unix_signal_add (SIGUSR2, ignore, NULL) };
  raise_file_limit (config->max_connections);
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
  const BaruaConfigOptions config_options
      = { .file = options.config_file,
          .database = options.database,
          .listen = (const char *const *)options.listen,
          .web_dir = options.web_dir,
          .tls_certificate = options.tls_certificate,
          .tls_key = options.tls_key };
  g_autoptr (BaruaConfig) config = barua_config_load (&config_options, &error);
  if (config == NULL)
    {
      fprintf (stderr, "barua serve: %s\n", error->message);
      return error->domain == BARUA_CONFIG_ERROR && options.config_file == NULL ? 2 : 1;
    }
  if (options.show_config)
    {
      g_autofree char *text = barua_config_show (config);
      fputs (text, stdout);
    }
  g_auto (Files) files = { 0 };
  if (options.check_config && !read_files (config, &files, &error))
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
