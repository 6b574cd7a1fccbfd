/* SPDX-License-Identifier: MIT */

/* Password hashes by libxcrypt, on threads of their own. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/password.h"

#include <crypt.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* yescrypt, the method new hashes are made with. */
#define METHOD "$y$"

/* Added to the nice value of a worker, so that guessing passwords does not delay other requests; not
 * more, since logins must not starve beside other programs. Where it is refused (the unit's system
 * call filter) auth.c's pauses after wrong passwords must do. */
#define WORKER_NICE 10

typedef struct
{
  void (*work) (gpointer data);
  void (*done) (gpointer data);
  gpointer data;
} Job;

void
barua_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* A fresh setting: method, cost and random salt. */
static gboolean
make_setting (char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
  return crypt_gensalt_rn (METHOD, 0, NULL, 0, setting, CRYPT_GENSALT_OUTPUT_SIZE) != NULL;
}

/* The hash of a password under a setting or an older hash; NULL when that is no good. */
static char *
hash_with (const char *password, const char *setting)
{
  g_autofree struct crypt_data *scratch = g_new0 (struct crypt_data, 1);
  g_autofree char *hash = g_strdup (crypt_rn (password, setting, scratch, sizeof *scratch));

  explicit_bzero (scratch, sizeof *scratch);
  return hash != NULL && *hash != '*' ? g_steal_pointer (&hash) : NULL;
}

char *
barua_password_hash (const char *password, GError **error)
{
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  char *hash = make_setting (setting) ? hash_with (password, setting) : NULL;

  if (hash == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the password cannot be hashed");
  return hash;
}

/* Whether two hashes are equal, in a time that depends on their length alone. */
static gboolean
is_same_hash (const char *a, const char *b)
{
  gsize n = strlen (a);
  guint differs = 0;

  if (n != strlen (b))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    differs |= (guchar)a[i] ^ (guchar)b[i];
  return differs == 0;
}

gboolean
barua_password_verify (const char *password, const char *hash)
{
  g_autofree char *made = hash != NULL ? hash_with (password, hash) : NULL;

  if (made != NULL)
    return is_same_hash (made, hash);
  g_free (barua_password_hash (password, NULL));
  return FALSE;
}

/* The cost letters of a yescrypt hash, "j9T" in "$y$j9T$…": where they begin and how many they are.
 */
static const char *
cost_of (const char *hash, gsize *n)
{
  if (!g_str_has_prefix (hash, METHOD))
    return NULL;
  const char *cost = hash + strlen (METHOD);
  *n = strcspn (cost, "$");
  return cost;
}

gboolean
barua_password_is_outdated (const char *hash)
{
  static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  gsize n_old = 0, n_new = 0;

  if (!make_setting (setting))
    return FALSE;
  const char *new_cost = cost_of (setting, &n_new);
  const char *old_cost = cost_of (hash, &n_old);
  if (old_cost == NULL || new_cost == NULL)
    return old_cost == NULL;
  gboolean is_lower = FALSE;
  for (gsize i = 0; i < MIN (n_old, n_new); i++)
    {
      const char *old_digit = strchr (digits, old_cost[i]);
      const char *new_digit = strchr (digits, new_cost[i]);

      if (old_digit > new_digit)
        return FALSE;
      is_lower = is_lower || old_digit < new_digit;
    }
  return is_lower || n_old < n_new;
}

static gboolean
finish_job (gpointer data)
{
  Job *job = data;

  job->done (job->data);
  g_free (job);
  return G_SOURCE_REMOVE;
}

static void
run_job (gpointer data, gpointer user_data)
{
  static GPrivate is_nice;
  Job *job = data;

  if (g_private_get (&is_nice) == NULL)
    {
      g_private_set (&is_nice, GINT_TO_POINTER (1));
      setpriority (PRIO_PROCESS, (id_t)gettid (), WORKER_NICE);
    }
  job->work (job->data);
  g_idle_add_full (G_PRIORITY_DEFAULT, finish_job, job, NULL);
}

void
barua_password_run (void (*work) (gpointer data), void (*done) (gpointer data), gpointer data)
{
  static gsize pool = 0;
  Job *job = g_new (Job, 1);

  *job = (Job){ work, done, data };
  if (g_once_init_enter (&pool))
    g_once_init_leave (
        &pool, (gsize)g_thread_pool_new (run_job, NULL, BARUA_PASSWORD_WORKERS, TRUE, NULL));
  g_thread_pool_push ((GThreadPool *)pool, job, NULL);
}

typedef struct
{
  char *password;
  char *hash;
  GError *error;
  GTask *task;
} HashWork;

static void
hash_work (gpointer data)
{
  HashWork *work = data;

  work->hash = barua_password_hash (work->password, &work->error);
}

static void
hash_done (gpointer data)
{
  HashWork *work = data;

  if (work->hash != NULL)
    g_task_return_pointer (work->task, work->hash, g_free);
  else
    g_task_return_error (work->task, work->error);
  barua_secret_free (work->password);
  g_object_unref (work->task);
  g_free (work);
}

void
barua_password_hash_async (const char *password, GAsyncReadyCallback callback, gpointer data)
{
  HashWork *work = g_new0 (HashWork, 1);

  work->password = g_strdup (password);
  work->task = g_task_new (NULL, NULL, callback, data);
  barua_password_run (hash_work, hash_done, work);
}

char *
barua_password_hash_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
