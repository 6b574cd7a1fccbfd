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
    "MiB of a request's body, after unpacking; all bodies together that wait in memory, which attachments do not, have 256" },
  { "http", "max-connections", KIND_NUMBER, "16384", 1, 1000000, FIELD (max_connections),
    "connections at a time; the open-file limit is raised to fit where that is allowed" },
  { "http", "max-connections-per-address", KIND_NUMBER, "256", 1, 1000000, FIELD (max_connections_per_address),
    "connections of one address at a time; loopback and listed proxies may have more" },
  { "http", "request-timeout", KIND_NUMBER, "30", 1, 3600, FIELD (request_timeout_s),
    "seconds in which the head of a request must have arrived; a body may take longer while 256 bytes a second come, and an answer while the client takes of it" },
  { "http", "idle-timeout", KIND_NUMBER, "90", 1, 86400, FIELD (idle_timeout_s),
    "seconds that a connection may rest between two requests" },
  { "http", "trusted-proxies", KIND_LIST, "", 0, 0, FIELD (trusted_proxies),
    "addresses of proxies whose X-Forwarded headers are believed, separated by ';'" },
  { "store", "cache-mib", KIND_NUMBER, "8", 1, 65536, FIELD (cache_mib),
    "MiB of database pages that the writer keeps in memory; each reader keeps 2", TRUE },
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

#define BAD_VALUE G_KEY_FILE_ERROR_INVALID_VALUE
#define OPTION "option" /* where a value of the command line comes from */

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

/* A configuration while it is read. */
typedef struct
{
  const BaruaConfigOptions *options;
  BaruaConfig *config;
  GKeyFile *file;
  const char *path;
  char *text;        /* (nullable): of the file, for the numbers of its lines */
  GPtrArray *faults; /* lines */
  guint n_usage;     /* faults of the command line */
} Loading;

/* The number of the last line that has this key; 0: none. */
static guint
find_line (const char *text, const char *group, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", -1);
  gboolean is_inside = FALSE;
  guint found = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = g_strstrip (lines[i]);
      char *end = strpbrk (lines[i], *line == '[' ? "]" : "=");
      if (*line == '#' || end == NULL)
        continue;
      *end = '\0';
      if (*line == '[')
        is_inside = strcmp (line + 1, group) == 0;
      else if (is_inside && strcmp (g_strchomp (lines[i]), key) == 0)
        found = i + 1;
    }
  return found;
}

/* (transfer full): where a key of the file stands, `FILE:LINE`. */
static char *
place_in_file (const Loading *loading, const char *group, const char *key)
{
  const guint line = find_line (loading->text, group, key);

  return line > 0 ? g_strdup_printf ("%s:%u", loading->path, line) : g_strdup (loading->path);
}

/* BARUA_ + group + key in capitals, '-' as '_'. */
static char *
environment_name (const Key *key)
{
  g_autofree char *joined = g_strdup_printf ("BARUA_%s_%s", key->group, key->key);
  char *name = g_ascii_strup (joined, -1);

  return g_strdelimit (name, "-", '_');
}

/* Notes what is wrong with @key. */
static void G_GNUC_PRINTF (3, 4)
note_fault (Loading *loading, const Key *key, const char *format, ...)
{
  const char *origin = loading->config->origin_of[key - keys];
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *fault = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (strcmp (origin, OPTION) == 0)
    loading->n_usage++;
  g_ptr_array_add (loading->faults,
                   g_strdup_printf ("%s: [%s] %s: %s", origin, key->group, key->key, fault));
}

/* (transfer full): a value as a key file writes it. */
static char *
escape (const char *value)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_set_string (file, "a", "b", value);
  return g_key_file_get_value (file, "a", "b", NULL);
}

/* Puts one value in its place. */
static void
set_value (Loading *loading, const Key *key, const char *value, const char *origin)
{
  BaruaConfig *config = loading->config;
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
      if (g_ascii_string_to_unsigned (value, 10, key->min, key->max, &number, NULL))
        *(guint *)field = (guint)number;
      else
        note_fault (loading, key, "\"%s\" is no whole number from %u to %u", value, key->min, key->max);
    }
  g_autofree char *escaped = escape (value);
  g_ptr_array_add (config->origins,
                   g_strdup_printf ("# set by: %s\n%s = %s", origin, key->key, escaped));
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
static void
take_value (Loading *loading, const Key *key)
{
  g_autofree char *name = environment_name (key);
  g_autofree char *option = option_value (loading->options, key);
  g_autoptr (GError) error = NULL;
  g_autofree char *written = g_key_file_get_string (loading->file, key->group, key->key, &error);
  const char *variable = g_getenv (name);
  char **origin = &loading->config->origin_of[key - keys];

  if (option != NULL)
    *origin = g_strdup (OPTION);
  else if (variable != NULL)
    *origin = g_strdup (name);
  else if (written != NULL)
    *origin = place_in_file (loading, key->group, key->key);
  else
    *origin = g_strdup ("default");
  if (option == NULL && variable == NULL && g_error_matches (error, G_KEY_FILE_ERROR, BAD_VALUE))
    {
      g_free (*origin);
      *origin = place_in_file (loading, key->group, key->key);
      note_fault (loading, key, "has an escape that no key file has");
    }
  set_value (loading, key,
             option != NULL     ? option
             : variable != NULL ? variable
             : written != NULL  ? g_strstrip (written)
                                : key->fallback,
             *origin);
}

/* Takes the names of files of secrets; the secrets themselves are read by who needs them. */
static void
take_credentials (const Loading *loading)
{
  BaruaConfig *config = loading->config;
  GKeyFile *file = loading->file;
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
      g_autofree char *place = place_in_file (loading, CREDENTIALS, names[i]);
      g_autofree char *escaped = escape (g_strstrip (value));
      g_ptr_array_add (config->origins,
                       g_strdup_printf ("# set by: %s\n%s = %s", place, names[i], escaped));
      g_hash_table_insert (config->credentials, g_strdup (names[i]), g_strdup (value));
    }
}

/* Refuses keys that do not exist: a misspelt one would have no effect. */
static void
check_file (const Loading *loading)
{
  GKeyFile *file = loading->file;
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      g_auto (GStrv) names = g_key_file_get_keys (file, groups[i], NULL, NULL);
      for (guint j = 0; names != NULL && names[j] != NULL; j++)
        if (find_key (groups[i], names[j]) == NULL && strcmp (groups[i], CREDENTIALS) != 0)
          {
            g_autofree char *place = place_in_file (loading, groups[i], names[j]);
            g_ptr_array_add (loading->faults,
                             g_strdup_printf ("%s: [%s] %s: unknown key", place, groups[i], names[j]));
          }
    }
}

/* The number of the first line that no key file can have; 0: none was found. */
static guint
find_bad_line (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  gboolean has_group = FALSE;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = g_strstrip (lines[i]);
      const gboolean is_group = *line == '[' && g_str_has_suffix (line, "]");
      has_group = has_group || is_group;
      if (*line != '\0' && *line != '#' && !is_group && (!has_group || strchr (line, '=') == NULL))
        return i + 1;
    }
  return 0;
}

static gboolean
load_file (Loading *loading, gboolean is_required, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize n = 0;

  if (!g_file_get_contents (loading->path, &loading->text, &n, &local))
    {
      if (!is_required && g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", loading->path);
      return FALSE;
    }
  if (n == 0 || g_key_file_load_from_data (loading->file, loading->text, n, G_KEY_FILE_NONE, &local))
    {
      check_file (loading);
      return TRUE;
    }
  const guint line = find_bad_line (loading->text);
  g_autofree char *place = line > 0 ? g_strdup_printf ("%s:%u", loading->path, line)
                                    : g_strdup (loading->path);
  g_set_error (error, BARUA_CONFIG_ERROR, BARUA_CONFIG_ERROR_FILE, "%s: %s", place, local->message);
  return FALSE;
}

/* Texts that have only some values. */
static void
check_choice (Loading *loading, const char *name, const char *value, const char *const *choices)
{
  if (g_strv_contains (choices, value))
    return;
  g_autofree char *list = g_strjoinv (", ", (char **)choices);
  note_fault (loading, find_key ("log", name), "\"%s\" is none of %s", value, list);
}

/* ADDRESS:PORT, with brackets around an IPv6 address; an empty ADDRESS is every one. */
static void
check_address (Loading *loading, const char *address)
{
  const char *colon = strrchr (address, ':');
  guint64 port;

  if (colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return;
  note_fault (loading, find_key ("server", "listen"), "\"%s\" is no ADDRESS:PORT", address);
}

/* Both or none. */
static void
check_tls (Loading *loading)
{
  const BaruaConfig *config = loading->config;
  const gboolean has_certificate = *config->tls_certificate != '\0';
  const gboolean has_key = *config->tls_key != '\0';

  if (has_certificate != has_key)
    note_fault (loading, find_key ("tls", has_certificate ? "certificate" : "key"),
                "alone it is of no use: %s is missing", has_certificate ? "key" : "certificate");
}

/* What was taken can be used, as far as that is seen without opening anything. */
static void
check_values (Loading *loading)
{
  BaruaConfig *config = loading->config;
  g_autoptr (GError) error = NULL;

  check_choice (loading, "level", config->log_level, log_levels);
  check_choice (loading, "format", config->log_format, log_formats);
  check_tls (loading);
  for (guint i = 0; config->listen[i] != NULL; i++)
    check_address (loading, config->listen[i]);
  config->gateways = barua_gateway_plan_new ((const char *const *)config->gateway_routes,
                                             (const char *const *)config->gateway_limits, &error);
  if (config->gateways != NULL)
    return;
  /* which of the two lists is to blame: the one without which it works */
  const char *const none[] = { NULL };
  g_autoptr (BaruaGatewayPlan) routes_alone
      = barua_gateway_plan_new ((const char *const *)config->gateway_routes, none, NULL);
  note_fault (loading, find_key ("gateways", routes_alone == NULL ? "routes" : "limits"), "%s",
              error->message);
}

/* Everything that is wrong, a line each. */
static void
tell_faults (const Loading *loading, GError **error)
{
  GString *lines = g_string_new (NULL);

  for (guint i = 0; i < loading->faults->len; i++)
    g_string_append_printf (lines, "%s%s", i > 0 ? "\n" : "", (const char *)loading->faults->pdata[i]);
  g_set_error_literal (error, BARUA_CONFIG_ERROR,
                       loading->n_usage == loading->faults->len ? BARUA_CONFIG_ERROR_USAGE
                                                                : BARUA_CONFIG_ERROR_FILE,
                       lines->str);
  g_string_free (lines, TRUE);
}

BaruaConfig *
barua_config_load (const BaruaConfigOptions *options, GError **error)
{
  g_autoptr (BaruaConfig) config = g_new0 (BaruaConfig, 1);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GPtrArray) faults = g_ptr_array_new_with_free_func (g_free);
  Loading loading = { .options = options,
                      .config = config,
                      .file = file,
                      .path = options->file != NULL ? options->file : BARUA_CONFIG_FILE,
                      .faults = faults };

  config->origins = g_ptr_array_new_with_free_func (g_free);
  config->origin_of = g_new0 (char *, G_N_ELEMENTS (keys) + 1);
  const gboolean is_read = load_file (&loading, options->file != NULL, error);
  g_autofree G_GNUC_UNUSED char *text = loading.text;
  if (!is_read)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      if (i == 0 || strcmp (keys[i].group, keys[i - 1].group) != 0)
        g_ptr_array_add (config->origins,
                         g_strdup_printf ("%s[%s]", i > 0 ? "\n" : "", keys[i].group));
      g_ptr_array_add (config->origins, describe (&keys[i]));
      take_value (&loading, &keys[i]);
    }
  take_credentials (&loading);
  check_values (&loading);
  if (faults->len == 0)
    return g_steal_pointer (&config);
  tell_faults (&loading, error);
  return NULL;
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
  for (gsize i = 0; config->origin_of != NULL && i < G_N_ELEMENTS (keys); i++)
    g_free (config->origin_of[i]);
  g_free (config->origin_of);
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
