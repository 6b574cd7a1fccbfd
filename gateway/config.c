/* SPDX-License-Identifier: MIT */

/* The configuration of the server: one table of keys, four sources. */

#define G_LOG_DOMAIN "barua"

#include "gateway/config.h"

#include <string.h>

G_DEFINE_QUARK (barua_config_error, barua_config_error)

typedef enum
{
  KIND_TEXT,
  KIND_LIST,
  KIND_NUMBER,
} Kind;

typedef struct
{
  const char *group;
  const char *key;
  Kind kind;
  const char *fallback;
  guint min, max; /* of a number */
  gsize offset;   /* in BaruaConfig */
  const char *summary; /* for --show-config, and from there for barua.conf(5) and the sample file */
  gboolean is_fixed;   /* only a restart changes it; others change with SIGHUP */
} Key;

#define FIELD(name) G_STRUCT_OFFSET (BaruaConfig, name)

/* cli.md, "Configuration of barua serve". */
/* clang-format off */
static const Key keys[] = {
  { "server", "database", KIND_TEXT, "./barua.db", 0, 0, FIELD (database),
    "the SQLite file; what belongs to it lies beside it", TRUE },
  { "server", "listen", KIND_LIST, "127.0.0.1:5988", 0, 0, FIELD (listen),
    "ADDRESS:PORT to listen on, several separated by ';'; [ADDRESS]:PORT for IPv6, an empty ADDRESS is every one, port 0 any free one" },
  { "server", "default-db", KIND_TEXT, "medic", 0, 0, FIELD (default_db),
    "the database under whose name clients find the documents", TRUE },
  { "server", "web-dir", KIND_TEXT, "", 0, 0, FIELD (web_dir),
    "a folder whose files go in place of the pages of data/web that are compiled in, for who works on them" },
  { "tls", "certificate", KIND_TEXT, "", 0, 0, FIELD (tls_certificate),
    "a file in PEM: the certificate, and those above it; every address then speaks https, and only that" },
  { "tls", "key", KIND_TEXT, "", 0, 0, FIELD (tls_key),
    "a file in PEM: the key of the certificate, without a password; a name without a folder may be a credential of systemd" },
  { "http", "max-body-mib", KIND_NUMBER, "32", 1, 1024, FIELD (max_body_mib),
    "MiB of a request's body, after unpacking" },
  { "http", "max-connections", KIND_NUMBER, "16384", 1, 1000000, FIELD (max_connections),
    "connections at a time; the open-file limit is raised to fit where that is allowed" },
  { "http", "max-connections-per-address", KIND_NUMBER, "256", 1, 1000000, FIELD (max_connections_per_address),
    "connections of one address at a time; loopback and listed proxies may have more" },
  { "http", "request-timeout", KIND_NUMBER, "30", 1, 3600, FIELD (request_timeout_s),
    "seconds in which the head and the body of a request must have arrived" },
  { "http", "idle-timeout", KIND_NUMBER, "90", 1, 86400, FIELD (idle_timeout_s),
    "seconds that a connection may rest between two requests" },
  { "http", "trusted-proxies", KIND_LIST, "", 0, 0, FIELD (trusted_proxies),
    "addresses of proxies whose X-Forwarded headers are believed, separated by ';'" },
  { "store", "cache-mib", KIND_NUMBER, "8", 1, 65536, FIELD (cache_mib),
    "MiB of database pages that are kept in memory", TRUE },
  { "store", "readers", KIND_NUMBER, "0", 0, 64, FIELD (readers),
    "threads that read the database; 0: two to four, by the number of cores", TRUE },
  /*
   * [gateways]: lists separated by ';'. Without them every phone gets every message.
   *   routes = PREFIX:ACCOUNT*WEIGHT; …   the longest prefix of the recipient's number decides, "*" is
   *            every number; several accounts with one prefix share it by weight
   *   limits = ACCOUNT:N/minute,N/hour,N/day; …   SMS parts that one phone may send
   * An account is paused and resumed at run time: POST /api/v1/gateways/ACCOUNT/pause, …/resume.
   */
  { "gateways", "routes", KIND_LIST, "", 0, 0, FIELD (gateway_routes),
    "PREFIX:ACCOUNT*WEIGHT, several separated by ';': the longest prefix of the recipient's number says whose phone sends; * is every number; accounts with one prefix share it by weight; without any, every phone gets every message" },
  { "gateways", "limits", KIND_LIST, "", 0, 0, FIELD (gateway_limits),
    "ACCOUNT:N/minute,N/hour,N/day, several separated by ';': SMS parts that one phone may send" },
  { "log", "level", KIND_TEXT, "info", 0, 0, FIELD (log_level),
    "debug, info, message or warning: what is less important is left out" },
  { "log", "format", KIND_TEXT, "auto", 0, 0, FIELD (log_format),
    "journald, text, or auto: journald where it listens" },
  { "outbound", "africas-talking-url", KIND_TEXT, "", 0, 0, FIELD (africas_talking_url),
    "base URL in place of that of Africa's Talking" },
  { "outbound", "rapidpro-url", KIND_TEXT, "", 0, 0, FIELD (rapidpro_url),
    "base URL in place of that of the application settings" },
  { "outbound", "timeout", KIND_NUMBER, "30", 1, 300, FIELD (outbound_timeout_s),
    "seconds that a request to a carrier may take" },
  { "outbound", "retry", KIND_NUMBER, "60", 1, 3600, FIELD (outbound_retry_s),
    "seconds until a message that was certainly not sent is tried again; doubled up to an hour" },
  { "upgrade", "builds-dir", KIND_TEXT, "", 0, 0, FIELD (builds_dir),
    "folder of the builds that the server may be told to go over to, each in VERSION/barua with its modules beside it; neither the folder nor a build may be writable by others than root and the server's user", TRUE },
};
/* clang-format on */

/* The group whose keys are names that are not ours: a webhook or service, and the file with its secret. */
#define CREDENTIALS "credentials"

static const char *const log_levels[] = { "debug", "info", "message", "warning", NULL };
static const char *const log_formats[] = { "auto", "journald", "text", NULL };

static const Key *
find_key (const char *group, const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (strcmp (keys[i].group, group) == 0 && strcmp (keys[i].key, name) == 0)
      return &keys[i];
  return NULL;
}

/* The comment above a key: what it is for, what it may be, what it is when nobody says. */
static char *
describe (const Key *key)
{
  g_autofree char *range
      = key->kind == KIND_NUMBER ? g_strdup_printf ("%u to %u; ", key->min, key->max) : g_strdup ("");

  return g_strdup_printf ("# %s (%sdefault: %s%s)", key->summary, range,
                          *key->fallback != '\0' ? key->fallback : "none",
                          key->is_fixed ? "; only a restart changes it" : "");
}

/* BARUA_ + group + key in capitals, '-' as '_'. */
static char *
environment_name (const Key *key)
{
  g_autofree char *joined = g_strdup_printf ("BARUA_%s_%s", key->group, key->key);
  char *name = g_ascii_strup (joined, -1);

  return g_strdelimit (name, "-", '_');
}

/* Puts one value in its place. */
static gboolean
set_value (BaruaConfig *config, const Key *key, const char *value, const char *origin,
           GError **error)
{
  gpointer field = G_STRUCT_MEMBER_P (config, key->offset);
  guint64 number = 0;

  switch (key->kind)
    {
    case KIND_TEXT:
      *(char **)field = g_strdup (value);
      break;
    case KIND_LIST:
      *(char ***)field = *value != '\0' ? g_strsplit (value, ";", -1) : g_new0 (char *, 1);
      break;
    default:
      if (!g_ascii_string_to_unsigned (value, 10, key->min, key->max, &number, NULL))
        {
          g_set_error (error, BARUA_CONFIG_ERROR, 0,
                       "%s: [%s] %s: \"%s\" is no whole number from %u to %u", origin, key->group,
                       key->key, value, key->min, key->max);
          return FALSE;
        }
      *(guint *)field = (guint)number;
    }
  g_ptr_array_add (config->origins, g_strdup_printf ("%s = %s    # %s", key->key, value, origin));
  return TRUE;
}

/* What the command line says of @key. */
static char *
option_value (const BaruaConfigOptions *options, const Key *key)
{
  if (key->offset == FIELD (database))
    return g_strdup (options->database);
  if (key->offset == FIELD (listen) && options->listen != NULL)
    return g_strjoinv (";", (char **)options->listen);
  if (key->offset == FIELD (web_dir))
    return g_strdup (options->web_dir);
  if (key->offset == FIELD (tls_certificate))
    return g_strdup (options->tls_certificate);
  if (key->offset == FIELD (tls_key))
    return g_strdup (options->tls_key);
  return NULL;
}

/* Finds the value of @key and where it comes from. */
static gboolean
take_value (BaruaConfig *config, const Key *key, const BaruaConfigOptions *options, GKeyFile *file,
            const char *path, GError **error)
{
  g_autofree char *name = environment_name (key);
  g_autofree char *option = option_value (options, key);
  g_autofree char *written = g_key_file_get_string (file, key->group, key->key, NULL);
  const char *variable = g_getenv (name);

  if (option != NULL)
    return set_value (config, key, option, "option", error);
  if (variable != NULL)
    return set_value (config, key, variable, name, error);
  if (written != NULL)
    return set_value (config, key, g_strstrip (written), path, error);
  return set_value (config, key, key->fallback, "default", error);
}

/* Takes the names of files of secrets; the secrets themselves are read by who needs them. */
static void
take_credentials (BaruaConfig *config, GKeyFile *file, const char *path)
{
  g_auto (GStrv) names = g_key_file_get_keys (file, CREDENTIALS, NULL, NULL);

  config->credentials = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_ptr_array_add (config->origins,
                   g_strdup ("\n# one key a webhook or service: a file whose first line is its secret "
                             "(africastalking.com:incoming, africastalking.com:outgoing, "
                             "rapidpro:incoming, rapidpro:outgoing)\n[" CREDENTIALS "]"));
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *value = g_key_file_get_string (file, CREDENTIALS, names[i], NULL);
      if (value == NULL)
        continue;
      g_ptr_array_add (config->origins,
                       g_strdup_printf ("%s = %s    # %s", names[i], g_strstrip (value), path));
      g_hash_table_insert (config->credentials, g_strdup (names[i]), g_strdup (value));
    }
}

/* Refuses keys that do not exist: a misspelt one would have no effect. */
static gboolean
check_file (GKeyFile *file, const char *path, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      g_auto (GStrv) names = g_key_file_get_keys (file, groups[i], NULL, NULL);
      for (guint j = 0; names != NULL && names[j] != NULL; j++)
        if (find_key (groups[i], names[j]) == NULL && strcmp (groups[i], CREDENTIALS) != 0)
          {
            g_set_error (error, BARUA_CONFIG_ERROR, 0, "%s: [%s] %s: unknown key", path, groups[i],
                         names[j]);
            return FALSE;
          }
    }
  return TRUE;
}

static gboolean
load_file (GKeyFile *file, const char *path, gboolean is_required, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local))
    return check_file (file, path, error);
  if (!is_required && g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", path);
  return FALSE;
}

/* Texts that have only some values. */
static gboolean
check_choice (const char *name, const char *value, const char *const *choices, GError **error)
{
  if (g_strv_contains (choices, value))
    return TRUE;
  g_autofree char *list = g_strjoinv (", ", (char **)choices);
  g_set_error (error, BARUA_CONFIG_ERROR, 0, "[log] %s: \"%s\" is none of %s", name, value, list);
  return FALSE;
}

/* ADDRESS:PORT, with brackets around an IPv6 address; an empty ADDRESS is every one. */
static gboolean
check_address (const char *address, GError **error)
{
  const char *colon = strrchr (address, ':');
  guint64 port;

  if (colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return TRUE;
  g_set_error (error, BARUA_CONFIG_ERROR, 0, "[server] listen: \"%s\" is no ADDRESS:PORT", address);
  return FALSE;
}

/* Both or none. */
static gboolean
check_tls (const BaruaConfig *config, GError **error)
{
  const gboolean has_certificate = *config->tls_certificate != '\0';
  const gboolean has_key = *config->tls_key != '\0';

  if (has_certificate == has_key)
    return TRUE;
  g_set_error (error, BARUA_CONFIG_ERROR, 0, "[tls] %s is missing: %s alone is of no use",
               has_certificate ? "key" : "certificate", has_certificate ? "certificate" : "key");
  return FALSE;
}

/* What was taken can be used, as far as that is seen without opening anything. */
static gboolean
check_values (BaruaConfig *config, GError **error)
{
  if (!check_choice ("level", config->log_level, log_levels, error)
      || !check_choice ("format", config->log_format, log_formats, error)
      || !check_tls (config, error))
    return FALSE;
  for (guint i = 0; config->listen[i] != NULL; i++)
    if (!check_address (config->listen[i], error))
      return FALSE;
  config->gateways = barua_gateway_plan_new ((const char *const *)config->gateway_routes,
                                             (const char *const *)config->gateway_limits, error);
  if (config->gateways == NULL)
    g_prefix_error (error, "[gateways] ");
  return config->gateways != NULL;
}

BaruaConfig *
barua_config_load (const BaruaConfigOptions *options, GError **error)
{
  g_autoptr (BaruaConfig) config = g_new0 (BaruaConfig, 1);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  const char *path = options->file != NULL ? options->file : BARUA_CONFIG_FILE;

  config->origins = g_ptr_array_new_with_free_func (g_free);
  g_key_file_set_list_separator (file, ';');
  if (!load_file (file, path, options->file != NULL, error))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      if (i == 0 || strcmp (keys[i].group, keys[i - 1].group) != 0)
        g_ptr_array_add (config->origins,
                         g_strdup_printf ("%s[%s]", i > 0 ? "\n" : "", keys[i].group));
      g_ptr_array_add (config->origins, describe (&keys[i]));
      if (!take_value (config, &keys[i], options, file, path, error))
        return NULL;
    }
  take_credentials (config, file, path);
  if (!check_values (config, error))
    return NULL;
  return g_steal_pointer (&config);
}

void
barua_config_free (BaruaConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->database);
  g_strfreev (config->listen);
  g_free (config->default_db);
  g_free (config->web_dir);
  g_free (config->tls_certificate);
  g_free (config->tls_key);
  g_strfreev (config->trusted_proxies);
  g_strfreev (config->gateway_routes);
  g_strfreev (config->gateway_limits);
  g_clear_pointer (&config->gateways, barua_gateway_plan_unref);
  g_free (config->log_level);
  g_free (config->log_format);
  g_free (config->africas_talking_url);
  g_free (config->rapidpro_url);
  g_free (config->builds_dir);
  g_clear_pointer (&config->credentials, g_hash_table_unref);
  if (config->origins != NULL)
    g_ptr_array_unref (config->origins);
  g_free (config);
}

/* Takes one value, a text or a number, from another configuration; whether it was another one. */
static gboolean
keep (const Key *key, BaruaConfig *config, const BaruaConfig *before)
{
  gpointer mine = G_STRUCT_MEMBER_P (config, key->offset);
  gconstpointer theirs = G_STRUCT_MEMBER_P (before, key->offset);

  if (key->kind == KIND_NUMBER)
    {
      const guint was = *(guint *)mine;
      *(guint *)mine = *(const guint *)theirs;
      return was != *(const guint *)theirs;
    }
  if (strcmp (*(char **)mine, *(char *const *)theirs) == 0)
    return FALSE;
  g_free (*(char **)mine);
  *(char **)mine = g_strdup (*(char *const *)theirs);
  return TRUE;
}

char *
barua_config_keep_fixed (BaruaConfig *config, const BaruaConfig *before)
{
  GString *names = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (keys[i].is_fixed && keep (&keys[i], config, before))
      g_string_append_printf (names, "%s[%s] %s", names->len > 0 ? ", " : "", keys[i].group,
                              keys[i].key);
  return g_string_free (names, names->len == 0);
}

char *
barua_config_show (const BaruaConfig *config)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < config->origins->len; i++)
    g_string_append_printf (out, "%s\n", (const char *)config->origins->pdata[i]);
  return g_string_free (out, FALSE);
}
