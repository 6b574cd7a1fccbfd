/* SPDX-License-Identifier: MIT */

/* What a configuration says becomes what a server does, at the start and with SIGHUP. */

#define G_LOG_DOMAIN "barua"

#include "gateway/reload.h"

#include "gateway/api/gateways.h"
#include "gateway/api/pages.h"
#include "gateway/api/push.h"
#include "gateway/http/listen.h"
#include "gateway/log.h"

#include <string.h>
#include <sys/resource.h>

#define SPARE_FILES 64 /* beside connections: the database, its log, readers, standard streams */
#define MIB (1024u * 1024u)

/* ---- files ---- */

void
barua_config_files_clear (BaruaConfigFiles *files)
{
  g_clear_pointer (&files->tls, barua_tls_unref);
  g_clear_pointer (&files->credentials, barua_credentials_unref);
}

gboolean
barua_config_files_read (const BaruaConfig *config, BaruaConfigFiles *files, GError **error)
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
      barua_tls_look_at_end (files->tls);
    }
  files->credentials = barua_credentials_load (config->credentials, error);
  return files->credentials != NULL;
}

/* ---- values ---- */

BaruaServerOptions
barua_config_server_options (const BaruaConfig *config, const char *folder)
{
  BaruaServerOptions options;

  barua_server_options_init (&options);
  options.spool_directory = folder;
  options.max_body_bytes = (gsize)config->max_body_mib * MIB;
  options.max_connections = config->max_connections;
  options.max_connections_per_address = config->max_connections_per_address;
  options.request_timeout_ms = config->request_timeout_s * 1000;
  options.idle_timeout_ms = config->idle_timeout_s * 1000;
  options.trusted_proxies = (const char *const *)config->trusted_proxies;
  return options;
}

static BaruaPushOptions
push_options (const BaruaConfig *config)
{
  return (BaruaPushOptions){
    .africas_talking_url = config->africas_talking_url,
    .rapidpro_url = config->rapidpro_url,
    .timeout_s = config->outbound_timeout_s,
    .retry_s = config->outbound_retry_s,
  };
}

BaruaPush *
barua_config_make_push (const BaruaConfig *config, BaruaApp *app)
{
  const BaruaPushOptions options = push_options (config);

  return barua_push_new (app, &options);
}

void
barua_config_raise_file_limit (const BaruaConfig *config)
{
  struct rlimit limit;
  rlim_t wanted = (rlim_t)config->max_connections + SPARE_FILES;

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
             (unsigned long)limit.rlim_cur - SPARE_FILES, config->max_connections);
}

void
barua_reload_files (BaruaApp *app, const BaruaConfig *config, BaruaConfigFiles *files)
{
  g_clear_pointer (&app->credentials, barua_credentials_unref);
  app->credentials = g_steal_pointer (&files->credentials);
  barua_pages_use_folder (config->web_dir);
  barua_server_set_tls (app->server, files->tls);
}

void
barua_reload_app (BaruaApp *app, const BaruaConfig *config, BaruaConfigFiles *files)
{
  const BaruaServerOptions server_options = barua_config_server_options (config, NULL);
  const BaruaPushOptions options = push_options (config);

  barua_log_set (config->log_level, config->log_format);
  barua_config_raise_file_limit (config);
  barua_server_set_options (app->server, &server_options);
  barua_reload_files (app, config, files);
  barua_push_set_options (app->push, &options);
  barua_push_soon (app->push); /* there may be a secret now */
  barua_gateways_configure (app, config->gateways);
}

/* ---- addresses ---- */

void
barua_addresses_init (BaruaAddresses *addresses)
{
  addresses->fds = barua_listen_sockets_new ();
  addresses->texts = g_ptr_array_new_with_free_func (g_free);
}

void
barua_addresses_clear (BaruaAddresses *addresses)
{
  g_clear_pointer (&addresses->fds, g_array_unref);
  g_clear_pointer (&addresses->texts, g_ptr_array_unref);
}

void
barua_addresses_close (BaruaAddresses *addresses)
{
  g_array_set_size (addresses->fds, 0);
  g_ptr_array_set_size (addresses->texts, 0);
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

/* Whether one of the first @n is for this address. */
static gboolean
has_address (const BaruaAddresses *addresses, guint n, const char *text)
{
  guint at;

  return g_ptr_array_find_with_equal_func (addresses->texts, text, g_str_equal, &at) && at < n;
}

gboolean
barua_addresses_open (BaruaAddresses *addresses, const BaruaConfig *config, GError **error)
{
  const char *scheme = *config->tls_certificate != '\0' ? "https" : "http";
  const guint n = addresses->texts->len;

  for (guint i = 0; config->listen[i] != NULL; i++)
    {
      const char *text = config->listen[i];
      if (has_address (addresses, n, text))
        continue;
      if (!barua_listen_open (text, addresses->fds, error))
        return FALSE;
      while (addresses->texts->len < addresses->fds->len)
        g_ptr_array_add (addresses->texts, g_strdup (text));
      g_autofree char *address = opened_address (
          text, g_array_index (addresses->fds, int, addresses->fds->len - 1));
      g_message ("listening on %s://%s", scheme, address);
    }
  return TRUE;
}

/* Closes those from @from on that are not in the configuration. */
static void
close_dropped (BaruaAddresses *addresses, const BaruaConfig *config)
{
  for (guint i = addresses->fds->len; i > 0; i--)
    {
      const char *text = addresses->texts->pdata[i - 1];
      if (g_strv_contains ((const char *const *)config->listen, text))
        continue;
      g_message ("not listening on %s any more", text);
      g_array_remove_index (addresses->fds, i - 1);
      g_ptr_array_remove_index (addresses->texts, i - 1);
    }
}

/* Forgets what was opened after the first @n. */
static void
close_after (BaruaAddresses *addresses, guint n)
{
  g_array_set_size (addresses->fds, (guint)MIN (n, addresses->fds->len));
  g_ptr_array_set_size (addresses->texts, (int)MIN (n, addresses->texts->len));
}

/* Opens an address again that had to make room in vain. */
static void
open_again (BaruaAddresses *addresses, const char *text)
{
  g_autoptr (GError) error = NULL;

  if (has_address (addresses, addresses->texts->len, text))
    return;
  if (!barua_listen_open (text, addresses->fds, &error))
    g_warning ("not listening on %s any more: %s", text, error->message);
  while (addresses->texts->len < addresses->fds->len)
    g_ptr_array_add (addresses->texts, g_strdup (text));
}

gboolean
barua_addresses_change (BaruaAddresses *addresses, const BaruaConfig *config, GError **error)
{
  const guint n = addresses->fds->len;

  if (addresses->texts->len < n)
    return TRUE; /* they are those of who gave them to us */
  if (barua_addresses_open (addresses, config, NULL))
    {
      close_dropped (addresses, config);
      return TRUE;
    }
  /* one that goes may be in the way of one that comes: 0.0.0.0:80 and 127.0.0.1:80 */
  close_after (addresses, n);
  g_autoptr (GPtrArray) before = g_ptr_array_copy (addresses->texts, (GCopyFunc)(void (*) (void))g_strdup, NULL);
  g_ptr_array_set_free_func (before, g_free);
  close_dropped (addresses, config);
  const guint n_kept = addresses->fds->len;
  if (barua_addresses_open (addresses, config, error))
    return TRUE;
  close_after (addresses, n_kept);
  for (guint i = 0; i < before->len; i++)
    open_again (addresses, before->pdata[i]);
  return FALSE;
}
