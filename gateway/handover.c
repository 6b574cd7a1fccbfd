/* SPDX-License-Identifier: MIT */

/* Handing the sockets and the database over to another build, and taking them. */

#define G_LOG_DOMAIN "barua"

#include "gateway/handover.h"

#include "gateway/store/store-files.h"
#include "gateway/successor.h"
#include "gateway/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_S 30u /* export-and-monitoring.md 8.2 */
#define READY "ready"
#define GO "go"
#define MAX_RIGHTS 200u /* descriptors of a message; the kernel takes 253 */
#define CHANNEL_VARIABLE "BARUA_HANDOVER_FD"
/* Read instead of READY_S; for tests. */
#define READY_VARIABLE "BARUA_UPGRADE_READY_SECONDS"

/* A hand-over under way. */
typedef struct
{
  const BaruaHandOver *what;
  GMainLoop *loop;
  char *way_back; /* path of the copy */
  GPid pid;       /* 0: no child runs */
  int channel;
  int status; /* the child's, as waitpid() gives it */
  gboolean is_ready;
  gboolean is_overdue;
  gboolean must_stop; /* a signal came */
  gboolean stays;     /* until the child ends */
  gboolean serves;    /* the child does */
} Hand;

/* Where the database is while a build is taking over, if that changes the tables. */
static char *
way_back_path (const char *database)
{
  return g_strconcat (database, ".way-back", NULL);
}

/* ---- what happens meanwhile ---- */

/* SIGTERM, SIGINT */
static gboolean
stop (gpointer data)
{
  Hand *hand = data;

  hand->must_stop = TRUE;
  if (hand->serves && hand->pid > 0)
    kill (hand->pid, SIGTERM);
  else
    g_main_loop_quit (hand->loop);
  return G_SOURCE_CONTINUE;
}

/* Passes a signal on, if somebody is there for it. */
static gboolean
pass (Hand *hand, int number)
{
  if (hand->serves && hand->pid > 0)
    kill (hand->pid, number);
  return G_SOURCE_CONTINUE;
}

static gboolean
hang_up (gpointer data)
{
  return pass (data, SIGHUP);
}

static gboolean
run_timers (gpointer data)
{
  return pass (data, SIGUSR2);
}

/* GSourceFunc: as long as the manager listens to us. */
static gboolean
pulse (gpointer data)
{
  if (!((Hand *)data)->is_ready)
    barua_systemd_pulse ();
  return G_SOURCE_CONTINUE;
}

/* GSourceFunc */
static gboolean
overdue (gpointer data)
{
  Hand *hand = data;

  hand->is_overdue = TRUE;
  g_main_loop_quit (hand->loop);
  return G_SOURCE_CONTINUE;
}

/* GChildWatchFunc */
static void
ended (GPid pid, int status, gpointer data)
{
  Hand *hand = data;

  hand->pid = 0;
  hand->status = status;
  g_main_loop_quit (hand->loop);
}

/* The child says something, or closes its end. */
static gboolean
hear (int fd, GIOCondition condition, gpointer data)
{
  Hand *hand = data;
  char text[16] = "";
  const gssize n = recv (fd, text, sizeof text - 1, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  hand->is_ready = n > 0 && strcmp (text, READY) == 0;
  if (hand->is_ready)
    g_main_loop_quit (hand->loop);
  return G_SOURCE_REMOVE; /* at the end of the channel comes the end of the child, or the limit */
}

/* ---- the copy ---- */

/* GTaskThreadFunc */
static void
copy_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Hand *hand = data;
  GError *error = NULL;

  g_unlink (hand->way_back);
  if (barua_store_backup (hand->what->database, hand->way_back, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
copied (GObject *source, GAsyncResult *result, gpointer data)
{
  Hand *hand = data;

  g_main_loop_quit (hand->loop);
}

/* Copies the database, if there is no way back without that; the watchdog is told meanwhile. */
static gboolean
copy_database (Hand *hand, GError **error)
{
  if (!hand->what->plan->must_copy)
    return TRUE;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, copied, hand);
  g_task_set_task_data (task, hand, NULL);
  g_task_run_in_thread (task, copy_thread);
  while (!g_task_get_completed (task)) /* a signal quits the loop, too */
    g_main_loop_run (hand->loop);
  return g_task_propagate_boolean (task, error);
}

/* Puts the copy back if there is one. */
static gboolean
put_back (const char *database, const char *way_back, GError **error)
{
  return !g_file_test (way_back, G_FILE_TEST_EXISTS)
         || barua_store_put_back (database, way_back, error);
}

gboolean
barua_hand_over_recover (const char *database, GError **error)
{
  g_autofree char *way_back = way_back_path (database);

  if (!g_file_test (way_back, G_FILE_TEST_EXISTS))
    return TRUE;
  g_message ("an upgrade was cut short: the database is put back");
  return put_back (database, way_back, error);
}

/* ---- the child ---- */

static gboolean
fail (GError **error, const char *what, int number)
{
  g_set_error (error, BARUA_BUILD_ERROR, 0, "%s: %s", what, g_strerror (number));
  return FALSE;
}

/* Starts the build. */
static gboolean
start (Hand *hand, GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail (error, "no channel to the build", errno);
  const BaruaSuccessor successor = { .program = hand->what->plan->build->program,
                                     .sockets = hand->what->sockets,
                                     .channel = ends[1],
                                     .channel_variable = CHANNEL_VARIABLE,
                                     .is_ours = hand->stays };
  hand->channel = ends[0];
  hand->pid = barua_successor_start (&successor);
  const int number = errno;
  close (ends[1]);
  return hand->pid > 0 || fail (error, "the build cannot be started", number);
}

/* How long it may take to become ready. */
static guint
ready_s (void)
{
  const char *text = g_getenv (READY_VARIABLE);
  guint64 number;

  return text != NULL && g_ascii_string_to_unsigned (text, 10, 1, 3600, &number, NULL)
             ? (guint)number
             : READY_S;
}

/* Waits until the child is ready, has ended, is overdue, or we are to stop. */
static void
wait_for_child (Hand *hand)
{
  const guint channel = g_unix_fd_add (hand->channel, G_IO_IN | G_IO_HUP, hear, hand);
  const guint limit = g_timeout_add_seconds (ready_s (), overdue, hand);

  while (hand->pid > 0 && !hand->is_ready && !hand->is_overdue && !hand->must_stop)
    g_main_loop_run (hand->loop);
  if (g_main_context_find_source_by_id (NULL, channel) != NULL)
    g_source_remove (channel);
  g_source_remove (limit);
}

/* Ends a child that is of no use. */
static void
end_child (Hand *hand)
{
  if (hand->pid > 0)
    kill (hand->pid, SIGKILL);
  while (hand->pid > 0)
    g_main_loop_run (hand->loop);
}

/* Why the child is not ready. */
static void
explain (const Hand *hand, GError **error)
{
  const char *version = hand->what->plan->build->version;

  if (hand->must_stop)
    g_set_error (error, BARUA_BUILD_ERROR, 0, "The server was stopped while %s was starting",
                 version);
  else if (hand->is_overdue)
    g_set_error (error, BARUA_BUILD_ERROR, 0, "%s was not ready within %u s; all is as it was",
                 version, ready_s ());
  else if (WIFSIGNALED (hand->status))
    g_set_error (error, BARUA_BUILD_ERROR, 0,
                 "%s was ended by signal %d while it started; all is as it was", version,
                 WTERMSIG (hand->status));
  else
    g_set_error (error, BARUA_BUILD_ERROR, 0,
                 "%s ended with status %d while it started; all is as it was", version,
                 WEXITSTATUS (hand->status));
}

/* Sends "go" and some descriptors. */
static gboolean
send_some (int channel, const int *fds, guint n)
{
  char control[CMSG_SPACE (sizeof (int) * MAX_RIGHTS)] = { 0 };
  struct iovec part = { .iov_base = (char[]){ GO }, .iov_len = strlen (GO) };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (n > 0)
    {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE (sizeof (int) * n);
      struct cmsghdr *header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int) * n);
      memcpy (CMSG_DATA (header), fds, sizeof (int) * n);
    }
  gssize sent;
  do
    sent = sendmsg (channel, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent > 0;
}

/* Lets the child serve; what cannot be sent is closed, and the clients come again. */
static void
let_go (const Hand *hand)
{
  GArray *kept = hand->what->kept;
  gboolean goes_on = send_some (hand->channel, NULL, 0);

  for (guint i = 0; goes_on && i < kept->len; i += MAX_RIGHTS)
    goes_on
        = send_some (hand->channel, &g_array_index (kept, int, i), MIN (kept->len - i, MAX_RIGHTS));
  close (hand->channel);
  g_array_set_size (kept, 0);
  g_array_set_size (hand->what->sockets, 0);
}

/* Makes the names in the folder of @path last. */
static gboolean
synchronise_folder_of (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  const int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const gboolean is_done = fd >= 0 && fsync (fd) == 0;
  const int number = errno;

  if (fd >= 0)
    close (fd);
  errno = number;
  return is_done;
}

/* Renames the copy, for good: one that came back under its old name when the machine went down would go over what the
 * child has acknowledged since. */
static gboolean
give_up_way_back (const Hand *hand, GError **error)
{
  g_autofree char *backup = barua_upgrade_backup_path (hand->what->database);

  if (!hand->what->plan->must_copy)
    return TRUE;
  const gboolean is_renamed = g_rename (hand->way_back, backup) == 0;
  if (is_renamed && synchronise_folder_of (backup))
    return TRUE;
  fail (error, "the copy of the database cannot be renamed", errno);
  if (is_renamed)
    g_rename (backup, hand->way_back);
  return FALSE;
}

/* Nothing is left to fail: the next start finds the build, and there is no way back any more. */
static gboolean
seal (const Hand *hand, GError **error)
{
  if (!barua_successor_note (hand->what->database, hand->what->plan->build, error))
    return FALSE;
  if (give_up_way_back (hand, error))
    return TRUE;
  barua_successor_forget (hand->what->database);
  return FALSE;
}

/* The child serves: until it ends, for who started us, or not at all. */
static int
retire (Hand *hand)
{
  while (!hand->stays && g_main_context_iteration (NULL, FALSE)) /* the last that we hear of signals */
    ;
  hand->serves = TRUE;
  if (*hand->what->is_hung_up)
    pass (hand, SIGHUP);
  if (!hand->stays)
    return 0;
  malloc_trim (0);
  if (hand->must_stop) /* it came when the child was about to serve */
    kill (hand->pid, SIGTERM);
  while (hand->pid > 0)
    g_main_loop_run (hand->loop);
  return WIFEXITED (hand->status) ? WEXITSTATUS (hand->status) : 128 + WTERMSIG (hand->status);
}

/* From the copy to the child that serves. */
static gboolean
hand_over (Hand *hand, int *status, GError **error)
{
  if (!copy_database (hand, error) || hand->must_stop || !start (hand, error))
    return FALSE;
  const guint watch = g_child_watch_add (hand->pid, ended, hand);
  wait_for_child (hand);
  if (hand->pid > 0 && hand->is_ready && seal (hand, error))
    {
      if (!hand->stays)
        barua_systemd_hand_over (hand->pid);
      g_message ("upgrade: %s serves", hand->what->plan->build->version);
      let_go (hand);
      *status = retire (hand);
      if (hand->pid > 0)
        g_source_remove (watch);
      return TRUE;
    }
  end_child (hand);
  close (hand->channel);
  if (error != NULL && *error == NULL)
    explain (hand, error);
  return FALSE;
}

BaruaHandOverEnd
barua_hand_over (const BaruaHandOver *what, int *status, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autofree char *way_back = way_back_path (what->database);
  g_autoptr (GError) local = NULL;
  Hand hand = { .what = what, .loop = loop, .way_back = way_back };
  const guint sources[]
      = { g_unix_signal_add (SIGTERM, stop, &hand), g_unix_signal_add (SIGINT, stop, &hand),
          g_unix_signal_add (SIGHUP, hang_up, &hand),
          g_unix_signal_add (SIGUSR2, run_timers, &hand),
          g_timeout_add (barua_systemd_pulse_ms (), pulse, &hand) };

  hand.stays = !barua_systemd_can_hand_over ();
  barua_systemd_pulse ();
  while (g_main_context_iteration (NULL, FALSE)) /* what came before there was anybody to hear it */
    ;
  hand.must_stop = hand.must_stop || *what->is_told;
  const gboolean is_done = !hand.must_stop && hand_over (&hand, status, error);
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  if (is_done)
    return BARUA_HAND_OVER_DONE;
  if (!put_back (what->database, way_back, &local))
    g_warning ("the database could not be put back: %s", local->message);
  return hand.must_stop ? BARUA_HAND_OVER_STOPPED : BARUA_HAND_OVER_FAILED;
}

/* ---- the other side ---- */

gboolean
barua_take_over_is_due (void)
{
  return g_getenv (CHANNEL_VARIABLE) != NULL;
}

/* Takes one message; -1 for no message, 0 for the end. */
static gssize
take_message (int channel, GArray *kept)
{
  char text[16] = "";
  char control[CMSG_SPACE (sizeof (int) * MAX_RIGHTS)] = { 0 };
  struct iovec part = { .iov_base = text, .iov_len = sizeof text - 1 };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  gssize n;

  do
    n = recvmsg (channel, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  for (struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR (&message) : NULL; header != NULL;
       header = CMSG_NXTHDR (&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
      g_array_append_vals (kept, CMSG_DATA (header),
                           (guint)((header->cmsg_len - CMSG_LEN (0)) / sizeof (int)));
  return n > 0 && strcmp (text, GO) != 0 ? -1 : n;
}

gboolean
barua_take_over (GArray *kept, GError **error)
{
  guint64 number = 0;
  gboolean may_serve = FALSE;

  if (!g_ascii_string_to_unsigned (g_getenv (CHANNEL_VARIABLE), 10, 3, G_MAXINT, &number, NULL))
    return fail (error, CHANNEL_VARIABLE, EINVAL);
  const int channel = (int)number;
  g_unsetenv (CHANNEL_VARIABLE);
  fcntl (channel, F_SETFD, FD_CLOEXEC);
  if (send (channel, READY, strlen (READY), MSG_NOSIGNAL) > 0)
    while (take_message (channel, kept) > 0)
      may_serve = TRUE;
  close (channel);
  if (!may_serve)
    g_set_error_literal (error, BARUA_BUILD_ERROR, 0, "the server before us goes on");
  return may_serve;
}
