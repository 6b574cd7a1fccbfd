/* SPDX-License-Identifier: MIT */

/* Builds in the builds directory: whether they may be run, and running them. */

#define G_LOG_DOMAIN "barua"

#include "gateway/build.h"

#include "forms/module.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "barua"
#define MAX_NAME 64u
#define MAX_FILES 64u
#define MAX_OUTPUT 4096u
#define VERSION_LIMIT_S 10u
#define WAIT_MS 10 /* between two looks at a program that has closed its output */

G_DEFINE_QUARK (barua_build_error, barua_build_error)

BaruaBuild *
barua_build_copy (const BaruaBuild *build)
{
  BaruaBuild *copy = g_new0 (BaruaBuild, 1);

  copy->version = g_strdup (build->version);
  copy->program = g_strdup (build->program);
  copy->digest = g_strdup (build->digest);
  return copy;
}

void
barua_build_free (BaruaBuild *build)
{
  if (build == NULL)
    return;
  g_free (build->version);
  g_free (build->program);
  g_free (build->digest);
  g_free (build);
}

gboolean
barua_build_is_name (const char *version)
{
  const gsize n = strlen (version);

  return n > 0 && n <= MAX_NAME && g_ascii_isalnum (*version)
         && strspn (version, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+~-")
                == n;
}

/* ---- files ---- */

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, BARUA_BUILD_ERROR, 0, message);
  return FALSE;
}

/* Whether nobody but root and we may change what has this status. */
static gboolean
check_owner (const struct stat *status, const char *name, GError **error)
{
  if (status->st_uid != 0 && status->st_uid != geteuid ())
    return fail (error, "%s belongs neither to root nor to the server's user", name);
  if (status->st_mode & (S_IWGRP | S_IWOTH))
    return fail (error, "%s can be written by others", name);
  return TRUE;
}

/* The same for what is open, which must be of this type. */
static gboolean
check_open (int fd, mode_t type, const char *name, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return fail (error, "%s: %s", name, g_strerror (errno));
  if ((status.st_mode & S_IFMT) != type)
    return fail (error, "%s is no %s", name, type == S_IFDIR ? "folder" : "plain file");
  return check_owner (&status, name, error);
}

/* Whether nobody else can put another folder in the place of one that lies in @folder, between our look at that and
 * running what is in it: nobody may rename what is there and above.  A sticky bit leaves that to the owners. */
static gboolean
check_above (const char *folder, GError **error)
{
  g_autofree char *path = g_strdup (folder);
  struct stat status;

  for (;;)
    {
      if (stat (path, &status) != 0)
        return fail (error, "%s: %s", path, g_strerror (errno));
      if (status.st_mode & S_ISVTX)
        status.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
      if (!check_owner (&status, path, error))
        return FALSE;
      if (strcmp (path, "/") == 0)
        return TRUE;
      g_autofree char *lower = g_steal_pointer (&path);
      path = g_path_get_dirname (lower);
    }
}

/* (transfer full) (nullable): @builds_dir without symbolic links above it. */
static char *
resolve (const char *builds_dir, GError **error)
{
  g_autofree char *above = g_path_get_dirname (builds_dir);
  g_autofree char *name = g_path_get_basename (builds_dir);
  char *real = realpath (above, NULL);

  if (real == NULL)
    {
      fail (error, "the builds directory: %s", g_strerror (errno));
      return NULL;
    }
  char *resolved = check_above (real, error) ? g_build_filename (real, name, NULL) : NULL;
  free (real);
  return resolved;
}

/* Opens something of the builds directory, never through a symbolic link; -1 on failure. */
static int
open_checked (int folder, const char *path, mode_t type, const char *name, GError **error)
{
  const int fd = openat (folder, path,
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
                             | (type == S_IFDIR ? O_DIRECTORY : 0));

  if (fd < 0 && errno == ENOENT)
    fail (error, "%s is not there", name);
  else if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
    fail (error, "%s is no %s", name, type == S_IFDIR ? "folder" : "plain file");
  else if (fd < 0)
    fail (error, "%s: %s", name, g_strerror (errno));
  else if (check_open (fd, type, name, error))
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, sorted; %NULL when there are too many, or on failure. */
static GPtrArray *
list (int folder, const char *name, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const int copy = fcntl (folder, F_DUPFD_CLOEXEC, 0);
  DIR *stream = copy >= 0 ? fdopendir (copy) : NULL;
  const struct dirent *entry;

  if (stream == NULL)
    {
      fail (error, "%s: %s", name, g_strerror (errno));
      return NULL;
    }
  while (names->len <= MAX_FILES && (entry = readdir (stream)) != NULL)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (stream);
  if (names->len > MAX_FILES)
    {
      fail (error, "%s has more than %u files", name, MAX_FILES);
      return NULL;
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* Adds the bytes of a file to @sum. */
static gboolean
add_bytes (int fd, const char *name, GChecksum *sum, GError **error)
{
  guint8 buffer[65536];
  gssize n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    g_checksum_update (sum, buffer, n);
  return n == 0 || fail (error, "%s: %s", name, g_strerror (errno));
}

/* Checks one file of a build, and adds its name and bytes to @sum. */
static gboolean
check_file (int folder, const char *version, const char *file, GChecksum *sum, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s/%s", version, file);
  const int fd = open_checked (folder, file, S_IFREG, name, error);

  if (fd < 0)
    return FALSE;
  g_checksum_update (sum, (const guchar *)file, (gssize)strlen (file) + 1);
  const gboolean is_good
      = add_bytes (fd, name, sum, error)
        && (strcmp (file, PROGRAM) != 0 || faccessat (folder, file, X_OK, AT_EACCESS) == 0
            || fail (error, "%s cannot be executed", name));
  close (fd);
  return is_good;
}

/* Checks all files of a build; the digest of them. */
static char *
check_folder (int folder, const char *version, GError **error)
{
  g_autoptr (GPtrArray) names = list (folder, version, error);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  if (names == NULL)
    return NULL;
  for (guint i = 0; i < names->len; i++)
    if (!check_file (folder, version, names->pdata[i], sum, error))
      return NULL;
  if (!g_ptr_array_find_with_equal_func (names, PROGRAM, g_str_equal, NULL))
    {
      fail (error, "%s/" PROGRAM " is not there", version);
      return NULL;
    }
  for (guint i = 0; barua_modules[i] != NULL; i++)
    if (!g_ptr_array_find_with_equal_func (names, barua_modules[i], g_str_equal, NULL))
      {
        fail (error, "%s/%s is not there: the modules of a build lie beside its program", version,
              barua_modules[i]);
        return NULL;
      }
  return g_strdup (g_checksum_get_string (sum));
}

BaruaBuild *
barua_build_check (const char *builds_dir, const char *version, GError **error)
{
  char *digest = NULL;

  if (*builds_dir == '\0')
    {
      fail (error,
            "there is no builds directory: [upgrade] builds-dir of the configuration is not set");
      return NULL;
    }
  if (!barua_build_is_name (version))
    {
      fail (error, "the version is no name of a folder");
      return NULL;
    }
  g_autofree char *resolved = resolve (builds_dir, error);
  if (resolved == NULL)
    return NULL;
  const int builds = open_checked (AT_FDCWD, resolved, S_IFDIR, "the builds directory", error);
  const int folder = builds >= 0 ? open_checked (builds, version, S_IFDIR, version, error) : -1;
  if (folder >= 0)
    {
      digest = check_folder (folder, version, error);
      close (folder);
    }
  if (builds >= 0)
    close (builds);
  if (digest == NULL)
    return NULL;
  BaruaBuild *build = g_new0 (BaruaBuild, 1);
  build->version = g_strdup (version);
  build->program = g_build_filename (resolved, version, PROGRAM, NULL);
  build->digest = digest;
  return build;
}

/* ---- running ---- */

/* A program of a build that runs. */
typedef struct
{
  GPid pid;
  int output;
  gint64 until_us;
  GString *text;
} Run;

/* Milliseconds until the limit, 0 when it is over. */
static int
time_left (const Run *run)
{
  return (int)MAX ((run->until_us - g_get_monotonic_time ()) / 1000, 0);
}

/* Takes what it prints until it closes its output; FALSE at the limit. */
static gboolean
take_output (Run *run, GCancellable *cancellable)
{
  GPollFD cancel = { .fd = -1 };
  const gboolean has_cancel = g_cancellable_make_pollfd (cancellable, &cancel);
  gboolean is_over = FALSE;
  char buffer[1024];

  while (!is_over && time_left (run) > 0 && !g_cancellable_is_cancelled (cancellable))
    {
      struct pollfd fds[]
          = { { .fd = run->output, .events = POLLIN }, { .fd = cancel.fd, .events = POLLIN } };
      if (poll (fds, has_cancel ? 2 : 1, time_left (run)) <= 0 || fds[0].revents == 0)
        continue;
      const gssize n = read (run->output, buffer, sizeof buffer);
      is_over = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
      if (n > 0) /* what is too much is read, and dropped */
        g_string_append_len (run->text, buffer, MIN (n, (gssize)(MAX_OUTPUT - run->text->len)));
    }
  if (has_cancel)
    g_cancellable_release_fd (cancellable);
  return is_over;
}

/* Waits for the end of it, which it gets at the limit; FALSE when it was that. */
static gboolean
wait_for_end (Run *run, gboolean has_time, GCancellable *cancellable, int *status)
{
  pid_t ended = 0;

  while (has_time && (ended = waitpid (run->pid, status, WNOHANG)) == 0)
    {
      has_time = time_left (run) > 0 && !g_cancellable_is_cancelled (cancellable);
      if (has_time)
        poll (NULL, 0, WAIT_MS);
    }
  if (ended != 0)
    return TRUE;
  kill (run->pid, SIGKILL);
  while (waitpid (run->pid, status, 0) < 0 && errno == EINTR)
    ;
  return FALSE;
}

/* Starts it; what it prints comes out of one pipe. */
static gboolean
start (Run *run, const BaruaBuild *build, const char *const *arguments, GError **error)
{
  const char *const environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL };
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) local = NULL;
  int pipe_ends[2];

  if (pipe2 (pipe_ends, O_CLOEXEC) != 0)
    return fail (error, "no pipe: %s", g_strerror (errno));
  g_ptr_array_add (argv, build->program);
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (char *)arguments[i]);
  g_ptr_array_add (argv, NULL);
  const gboolean is_started = g_spawn_async_with_pipes_and_fds (
      "/", (const char *const *)argv->pdata, environment, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1,
      pipe_ends[1], pipe_ends[1], NULL, NULL, 0, &run->pid, NULL, NULL, NULL, &local);
  close (pipe_ends[1]);
  run->output = pipe_ends[0];
  if (is_started)
    return TRUE;
  close (run->output);
  return fail (error, "%s/" PROGRAM " cannot be run: %s", build->version, local->message);
}

gboolean
barua_build_run (const BaruaBuild *build, const char *const *arguments, guint limit_s,
                 GCancellable *cancellable, char **output, GError **error)
{
  Run run = { .until_us = g_get_monotonic_time () + limit_s * (gint64)G_USEC_PER_SEC };
  g_autofree char *name = g_strdup_printf ("%s/" PROGRAM " %s", build->version, arguments[0]);
  int status = 0;

  if (!start (&run, build, arguments, error))
    return FALSE;
  run.text = g_string_new (NULL);
  const gboolean has_time = take_output (&run, cancellable);
  const gboolean has_ended = wait_for_end (&run, has_time, cancellable, &status);
  close (run.output);
  g_autofree char *raw = g_string_free (run.text, FALSE);
  g_autofree char *text = g_utf8_make_valid (g_strstrip (raw), -1);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (!has_ended)
    return fail (error, "%s did not end within %u s", name, limit_s);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    return fail (error, "%s %s %d%s%s", name,
                 WIFEXITED (status) ? "ended with status" : "was ended by signal",
                 WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status),
                 *text != '\0' ? ": " : "", text);
  *output = g_steal_pointer (&text);
  return TRUE;
}

gboolean
barua_build_check_version (const BaruaBuild *build, GCancellable *cancellable, GError **error)
{
  const char *const arguments[] = { "--version", NULL };
  g_autofree char *said = NULL;
  g_autofree char *expected = g_strdup_printf ("barua %s", build->version);

  if (!barua_build_run (build, arguments, VERSION_LIMIT_S, cancellable, &said, error))
    return FALSE;
  if (strcmp (said, expected) == 0)
    return TRUE;
  g_autofree char *shown = g_utf8_substring (said, 0, MIN (g_utf8_strlen (said, -1), 80));
  return fail (error, "%s/" PROGRAM " says that it is \"%s\"", build->version, shown);
}
