/* SPDX-License-Identifier: MIT */

/* The file as a whole: backup beside a running server, restoring, and its version.
 *
 * A copy is made with VACUUM INTO: one statement, one snapshot, no gaps, and no write lock while it
 * runs.  It goes into a file with another name first, is synchronised, and only then gets its name. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite.h"
#include "gateway/store/store-files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#define BUSY_TIMEOUT_MS 5000

typedef sqlite3 Handle;

static void
handle_close (Handle *handle)
{
  sqlite3_close (handle);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Handle, handle_close)

static gboolean
fail_file (const char *what, const char *path, GError **error)
{
  const int number = errno;

  g_set_error (error, BARUA_STORE_ERROR,
               number == ENOSPC ? BARUA_STORE_ERROR_FULL : BARUA_STORE_ERROR_FAILED, "%s %s: %s",
               what, path, g_strerror (number));
  return FALSE;
}

/* Opens an existing file of ours that this program can read. */
static Handle *
open_ours (const char *path, gint64 *version, GError **error)
{
  g_autoptr (Handle) handle = NULL;

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_NOT_FOUND, "%s: there is no such file",
                   path);
      return NULL;
    }
  /* not read-only: the log of a file that nobody has open must be read too, and that needs its index */
  if (sqlite3_open_v2 (path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
    barua_sqlite_fail (handle, error);
  else
    {
      sqlite3_busy_timeout (handle, BUSY_TIMEOUT_MS);
      if (barua_sqlite_version (handle, version, error) && *version > 0)
        return g_steal_pointer (&handle);
    }
  if (error != NULL && *error == NULL)
    g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED,
                         "this is no database of barua");
  g_prefix_error (error, "%s: ", path);
  return NULL;
}

/* Makes @path and what is in it last. */
static gboolean
synchronise (const char *path, int flags, GError **error)
{
  const int fd = open (path, flags | O_CLOEXEC);
  const gboolean is_done = fd >= 0 && fsync (fd) == 0;

  if (!is_done)
    fail_file ("cannot synchronise", path, error);
  if (fd >= 0)
    close (fd);
  return is_done;
}

static gboolean
synchronise_folder_of (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return synchronise (folder, O_RDONLY | O_DIRECTORY, error);
}

/* Makes an empty file that nobody else can read, whatever the umask: what comes into it are people's
 * messages and the hashes of passwords.  @like: the file whose owner it gets, when root makes it. */
static gboolean
make_private (const char *path, const char *like, GError **error)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd < 0)
    return fail_file ("cannot make", path, error);
  if (like != NULL)
    barua_sqlite_give_to_owner (fd, like);
  close (fd);
  return TRUE;
}

/* Writes what @handle sees into @target, which comes to nothing when that fails; @like as above. */
static gboolean
copy_into (Handle *handle, const char *target, const char *like, GError **error)
{
  if (!make_private (target, like, error))
    return FALSE;
  char *quoted = sqlite3_mprintf ("VACUUM INTO %Q", target);
  const gboolean is_done
      = barua_sqlite_exec (handle, quoted, error) && synchronise (target, O_RDONLY, error);

  sqlite3_free (quoted);
  if (!is_done)
    g_unlink (target);
  return is_done;
}

gboolean
barua_sqlite_backup (const char *path, const char *target, GError **error)
{
  gint64 version;
  g_autofree char *partial = g_strconcat (target, ".partial", NULL);
  g_autoptr (Handle) handle = open_ours (path, &version, error);

  if (handle == NULL)
    return FALSE;
  g_unlink (partial); /* what a backup that was killed left behind */
  if (!copy_into (handle, partial, NULL, error))
    return FALSE;
  /* link and unlink, not rename: that would replace a file which came meanwhile */
  if (link (partial, target) != 0)
    {
      if (errno == EEXIST)
        g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_EXISTS, "%s exists already", target);
      else
        fail_file ("cannot make", target, error);
      g_unlink (partial);
      return FALSE;
    }
  g_unlink (partial);
  if (synchronise_folder_of (target, error))
    return TRUE;
  g_unlink (target);
  return FALSE;
}

/* Whether every page and index of the file is sound. */
static gboolean
check_pages (Handle *handle, const char *path, GError **error)
{
  sqlite3_stmt *statement = NULL;
  const gboolean is_read
      = sqlite3_prepare_v2 (handle, "PRAGMA integrity_check(1)", -1, &statement, NULL) == SQLITE_OK
        && sqlite3_step (statement) == SQLITE_ROW;
  const char *verdict = is_read ? (const char *)sqlite3_column_text (statement, 0) : NULL;
  const gboolean is_sound = g_strcmp0 (verdict, "ok") == 0;

  if (!is_read)
    barua_sqlite_fail (handle, error);
  else if (!is_sound)
    g_set_error (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_FAILED, "the file is damaged: %s", verdict);
  if (!is_sound)
    g_prefix_error (error, "%s: ", path);
  sqlite3_finalize (statement);
  return is_sound;
}

/* Writes the log of the former database back into it, so that the file alone is all of it.  One that
 * cannot even be opened keeps its log. */
static void
settle (const char *path)
{
  gint64 version;
  g_autoptr (Handle) handle = open_ours (path, &version, NULL);

  if (handle != NULL)
    sqlite3_wal_checkpoint_v2 (handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* Gives the former database, if there is one, the name @kept too, and what is left of its log that name
 * alone: a log that stays behind would be taken for that of the file that comes in its place. */
static gboolean
put_aside (const char *path, const char *kept, gboolean *was_there, GError **error)
{
  const char *const endings[] = { "-wal", "-shm" };

  *was_there = link (path, kept) == 0;
  if (!*was_there && errno != ENOENT)
    return fail_file ("cannot keep", path, error);
  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *from = g_strconcat (path, endings[i], NULL);
      g_autofree char *to = g_strconcat (kept, endings[i], NULL);
      if (g_rename (from, to) != 0 && errno != ENOENT)
        return fail_file ("cannot rename", from, error);
    }
  return TRUE;
}

/* A name beside @path that says what it was and when. */
static char *
kept_name (const char *path)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *when = g_date_time_format (now, "%Y%m%dT%H%M%S");

  return g_strdup_printf ("%s.before-restore-%s-%06d", path, when, g_date_time_get_microsecond (now));
}

/* The copy is made and looked at: puts it in its place. */
static gboolean
replace (const char *path, const char *fresh, char **kept, GError **error)
{
  g_autofree char *name = kept_name (path);
  gboolean was_there = FALSE;

  settle (path);
  if (!put_aside (path, name, &was_there, error))
    return FALSE;
  if (g_rename (fresh, path) != 0)
    return fail_file ("cannot rename", fresh, error);
  *kept = was_there ? g_steal_pointer (&name) : NULL;
  return synchronise_folder_of (path, error);
}

gboolean
barua_sqlite_restore (const char *path, const char *backup, char **kept, GError **error)
{
  gint64 version;
  g_autofree char *fresh = g_strconcat (path, ".restoring", NULL);
  const int lock = barua_sqlite_take_lock (path, error);
  g_autoptr (Handle) handle = lock >= 0 ? open_ours (backup, &version, error) : NULL;
  gboolean is_done = FALSE;

  if (handle != NULL && check_pages (handle, backup, error))
    {
      g_unlink (fresh);
      is_done = copy_into (handle, fresh, path, error) && replace (path, fresh, kept, error);
    }
  if (lock >= 0)
    close (lock);
  return is_done;
}

/* Drops a former database that is of no use. */
static void
drop (const char *kept)
{
  const char *const endings[] = { "", "-wal", "-shm" };

  for (gsize i = 0; kept != NULL && i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (kept, endings[i], NULL);
      g_unlink (name);
    }
}

gboolean
barua_sqlite_put_back (const char *path, const char *copy, GError **error)
{
  gint64 version;
  g_autofree char *kept = NULL;
  const int lock = barua_sqlite_take_lock (path, error);
  gboolean is_done = FALSE;

  if (lock < 0)
    return FALSE;
  g_autoptr (Handle) handle = open_ours (copy, &version, error); /* nothing else gets the name */
  if (handle != NULL)
    {
      g_clear_pointer (&handle, handle_close);
      is_done = replace (path, copy, &kept, error);
      drop (kept);
    }
  close (lock);
  return is_done;
}

gboolean
barua_sqlite_schema (const char *path, int *schema, int *known, GError **error)
{
  gint64 version;
  g_autoptr (Handle) handle = open_ours (path, &version, error);

  if (handle == NULL)
    return FALSE;
  *schema = (int)version;
  if (known != NULL)
    *known = barua_sqlite_schema_version ();
  return TRUE;
}
