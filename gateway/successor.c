/* SPDX-License-Identifier: MIT */

/* The process that comes after ours. */

#define G_LOG_DOMAIN "barua"

#include "gateway/successor.h"

#include "gateway/version.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_SOCKET 3 /* sd_listen_fds(3) */
#define NUMBER_SIZE 24
/* Set for a build that goes on: one that is another than it says must not go on as itself for ever.
 */
#define FOLLOWED_VARIABLE "BARUA_FOLLOWED"

/* What the child needs between fork() and execve(), made before: only async-signal-safe calls are
 * allowed there. */
typedef struct
{
  char **argv;
  char **envp;
  char *listen_pid;   /* in envp; the digits are written there */
  char *watchdog_pid; /* (nullable) */
  int *from;          /* descriptors, all of them behind where they go */
  guint n;
  gboolean is_ours;
} Child;

/* The arguments that we were started with, for another program. */
static char **
own_arguments (const char *program)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *raw = NULL;
  gsize n = 0;

  g_strv_builder_add (builder, program);
  if (g_file_get_contents ("/proc/self/cmdline", &raw, &n, NULL) && n > 0)
    for (const char *at = raw + strlen (raw) + 1; at < raw + n; at += strlen (at) + 1)
      g_strv_builder_add (builder, at);
  return g_strv_builder_end (builder);
}

/* Room for a variable whose value is a process id. */
static char *
pid_variable (const char *name, char **value)
{
  const gsize n = strlen (name);
  char *text = g_malloc0 (n + 1 + NUMBER_SIZE);

  memcpy (text, name, n);
  text[n] = '=';
  *value = text + n + 1;
  return text;
}

/* Our environment, with what tells of the descriptors. */
static char **
make_environment (Child *child, const BaruaSuccessor *successor)
{
  g_auto (GStrv) base = g_get_environ ();
  const char *const ours[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID",
                               successor->channel_variable };
  g_autofree char *n_sockets = g_strdup_printf ("%u", successor->sockets->len);
  g_autofree char *channel = g_strdup_printf ("%u", FIRST_SOCKET + successor->sockets->len);
  const gboolean has_watchdog = g_environ_getenv (base, "WATCHDOG_USEC") != NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (ours); i++)
    base = g_environ_unsetenv (base, ours[i]);
  base = g_environ_setenv (base, "LISTEN_FDS", n_sockets, TRUE);
  base = g_environ_setenv (base, successor->channel_variable, channel, TRUE);
  const guint n = g_strv_length (base);
  char **envp = g_new0 (char *, n + 3);
  memcpy (envp, base, n * sizeof (char *));
  g_free (g_steal_pointer (&base));
  envp[n] = pid_variable ("LISTEN_PID", &child->listen_pid);
  if (has_watchdog)
    envp[n + 1] = pid_variable ("WATCHDOG_PID", &child->watchdog_pid);
  return envp;
}

/* Copies the descriptors to where none of them is overwritten when they are put in their places;
 * FALSE when there are too many. */
static gboolean
move_up (Child *child, const BaruaSuccessor *successor)
{
  const guint n = successor->sockets->len;
  const int above = FIRST_SOCKET + (int)n + 1;

  child->from = g_new (int, n + 1);
  for (child->n = 0; child->n < n + 1; child->n++)
    {
      const int fd
          = child->n < n ? g_array_index (successor->sockets, int, child->n) : successor->channel;
      child->from[child->n] = fcntl (fd, F_DUPFD_CLOEXEC, above);
      if (child->from[child->n] < 0)
        return FALSE;
    }
  return TRUE;
}

/* Writes a number without snprintf(), which is not async-signal-safe. */
static void
write_number (char *out, unsigned long number)
{
  char digits[NUMBER_SIZE];
  int n = 0;

  do
    digits[n++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (n > 0)
    *out++ = digits[--n];
  *out = '\0';
}

/* In the child, until it is another program. */
static void
become (const Child *child, pid_t parent)
{
  const pid_t pid = getpid ();

  if (child->is_ours)
    {
      setpgid (0, 0); /* what the terminal sends comes through the parent, once */
      prctl (PR_SET_PDEATHSIG, SIGTERM);
      if (getppid () != parent)
        return;
    }
  write_number (child->listen_pid, (unsigned long)pid);
  if (child->watchdog_pid != NULL)
    write_number (child->watchdog_pid, (unsigned long)pid);
  for (guint i = 0; i < child->n; i++)
    if (dup2 (child->from[i], FIRST_SOCKET + (int)i) < 0)
      return;
  execve (child->argv[0], child->argv, child->envp);
}

GPid
barua_successor_start (const BaruaSuccessor *successor)
{
  Child child = { .argv = own_arguments (successor->program), .is_ours = successor->is_ours };
  const pid_t parent = getpid ();
  pid_t pid = -1;

  child.envp = make_environment (&child, successor);
  if (move_up (&child, successor) && (pid = fork ()) == 0)
    {
      become (&child, parent);
      _exit (127);
    }
  const int number = errno;
  for (guint i = 0; i < child.n; i++)
    close (child.from[i]);
  g_free (child.from);
  g_strfreev (child.argv);
  g_strfreev (child.envp);
  errno = number;
  return pid;
}

/* ---- the next start ---- */

/* What the file says. */
typedef struct
{
  char **words;
  const char *version;
  const char *digest;
  const char *base; /* the program that the service manager starts */
} Note;

static char *
note_path (const char *database)
{
  return g_strconcat (database, ".build", NULL);
}

static void
note_clear (Note *note)
{
  g_strfreev (note->words);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Note, note_clear)

/* Reads the file; FALSE when there is none that can be understood. */
static gboolean
read_note (const char *database, Note *note)
{
  g_autofree char *path = note_path (database);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  note->words = g_strsplit (g_strstrip (text), " ", 4);
  if (g_strv_length (note->words) != 3)
    return FALSE;
  note->version = note->words[0];
  note->digest = note->words[1];
  note->base = note->words[2];
  return TRUE;
}

gboolean
barua_successor_note (const char *database, const BaruaBuild *build, GError **error)
{
  g_autofree char *path = note_path (database);
  g_auto (Note) before = { NULL };
  const gboolean is_next
      = read_note (database, &before) && strcmp (before.version, barua_version) == 0;
  g_autofree char *text = g_strdup_printf ("%s %s %s\n", build->version, build->digest,
                                           is_next ? before.base : barua_version);

  return g_file_set_contents_full (
      path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640, error);
}

void
barua_successor_forget (const char *database)
{
  g_autofree char *path = note_path (database);

  g_unlink (path);
}

void
barua_successor_follow (const char *builds_dir, const char *database)
{
  g_auto (Note) note = { NULL };
  g_autoptr (GError) error = NULL;
  const gboolean was_followed = g_getenv (FOLLOWED_VARIABLE) != NULL;

  g_unsetenv (FOLLOWED_VARIABLE);
  if (was_followed || *builds_dir == '\0' || !read_note (database, &note)
      || strcmp (note.version, barua_version) == 0)
    return;
  if (strcmp (note.base, barua_version) != 0)
    {
      g_message ("the build %s took over from %s, not from %s: it is not followed", note.version,
                 note.base, barua_version);
      return;
    }
  g_autofree char *folder = g_canonicalize_filename (builds_dir, NULL);
  g_autoptr (BaruaBuild) build = barua_build_check (folder, note.version, &error);
  if (build != NULL && strcmp (build->digest, note.digest) == 0)
    {
      g_auto (GStrv) argv = own_arguments (build->program);
      g_message ("the build %s goes on: %s", note.version, build->program);
      g_setenv (FOLLOWED_VARIABLE, note.version, TRUE);
      execv (build->program, argv);
      g_unsetenv (FOLLOWED_VARIABLE);
      g_set_error_literal (&error, BARUA_BUILD_ERROR, 0, g_strerror (errno));
    }
  g_warning ("the build %s, which took over, is not followed: %s", note.version,
             error != NULL ? error->message : "it is not what it was then");
}
