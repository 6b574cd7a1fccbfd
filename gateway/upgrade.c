/* SPDX-License-Identifier: MIT */

/* Staging a build, and saying how it goes. */

#define G_LOG_DOMAIN "barua"

#include "gateway/upgrade.h"

#include "gateway/api/upgrade.h"
#include "gateway/store/store-files.h"
#include "gateway/version.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Trying the migration copies and rewrites the database: a minute for each GiB on a slow disk, and
 * more than we ever want to wait for. */
#define MIGRATION_LIMIT_S 1800u

struct _BaruaUpgrade
{
  BaruaApp *app;
  char *builds_dir;
  char *database;
  BaruaUpgradeFunc go;
  gpointer data;
  struct _Work *work;      /* (nullable): under way */
  BaruaUpgradePlan staged; /* build: NULL when none was */
};

/* One staging, in its thread. */
typedef struct _Work
{
  gatomicrefcount n_refs;
  BaruaUpgrade *upgrade; /* main thread; NULL: given up */
  char *builds_dir;
  char *database;
  char *version;
  gboolean completes;
  BaruaUpgradePlan before; /* what was staged before; the build then need only be the same */
  GCancellable *cancellable;
  /* out: */
  BaruaUpgradePlan plan;
  GError *error;
} Work;

static Work *
work_ref (Work *work)
{
  g_atomic_ref_count_inc (&work->n_refs);
  return work;
}

static void
work_unref (gpointer data)
{
  Work *work = data;

  if (!g_atomic_ref_count_dec (&work->n_refs))
    return;
  g_free (work->builds_dir);
  g_free (work->database);
  g_free (work->version);
  barua_build_free (work->before.build);
  barua_build_free (work->plan.build);
  g_clear_error (&work->error);
  g_object_unref (work->cancellable);
  g_free (work);
}

/* ---- the document ---- */

/* One entry on its way into the document. */
typedef struct
{
  BaruaApp *app;
  Work *work; /* (nullable) */
  char *message;
  BaruaUpgradeNote note;
} Entry;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_clear_pointer (&entry->work, work_unref);
  g_free (entry->message);
  g_free (entry);
}

/* BaruaJob */
static gboolean
write_entry (BaruaTx *tx, gpointer data, GError **error)
{
  const Entry *entry = data;

  return barua_upgrade_document_note (tx, &entry->note, error);
}

/* Without its document an upgrade is given up: that is how somebody says no. */
static void
entry_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Entry *entry = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (entry->app->store == NULL || barua_store_write_finish (entry->app->store, result, &error))
    return;
  g_message ("upgrade: the document " BARUA_UPGRADE_DOCUMENT " cannot be written: %s",
             error->message);
  if (entry->work != NULL)
    g_cancellable_cancel (entry->work->cancellable);
}

/* Adds an entry to the log of the document, and to ours. */
static void
note (BaruaApp *app, Work *work, const BaruaUpgradeNote *what)
{
  Entry *entry = g_new0 (Entry, 1);

  if (what->is_error)
    g_warning ("upgrade: %s", what->message);
  else
    g_message ("upgrade: %s", what->message);
  entry->app = app;
  entry->work = work != NULL ? work_ref (work) : NULL;
  entry->message = g_strdup (what->message);
  entry->note = *what;
  entry->note.message = entry->message;
  barua_store_write_async (app->store, write_entry, entry, entry_free, 0, NULL, entry_written,
                           entry);
}

/* ---- in the thread ---- */

/* Has the main loop call @func, which no other thread may do in its place: g_main_context_invoke()
 * lets it. */
static void
call_later (GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  g_source_attach (source, NULL);
}

/* Progress on its way to the main loop. */
typedef struct
{
  Work *work;
  char *message;
} Progress;

static void
progress_free (gpointer data)
{
  Progress *progress = data;

  work_unref (progress->work);
  g_free (progress->message);
  g_free (progress);
}

/* GSourceFunc */
static gboolean
take_progress (gpointer data)
{
  const Progress *progress = data;
  const BaruaUpgradeNote what = { .message = progress->message };

  if (progress->work->upgrade != NULL)
    note (progress->work->upgrade->app, progress->work, &what);
  return G_SOURCE_REMOVE;
}

G_GNUC_PRINTF (2, 3)
static void
say (Work *work, const char *format, ...)
{
  Progress *progress = g_new0 (Progress, 1);
  va_list arguments;

  va_start (arguments, format);
  progress->message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  progress->work = work_ref (work);
  call_later (take_progress, progress, progress_free);
}

char *
barua_upgrade_backup_path (const char *database)
{
  return g_strconcat (database, ".before-upgrade", NULL);
}

/* Has the build bring a copy of the database up to date. */
static gboolean
try_migration (Work *work, const char *copy)
{
  const char *const arguments[] = { "migrate", "--dry-run", "--database", copy, NULL };
  g_autofree char *said = NULL;
  int schema = 0;

  if (!barua_build_run (work->plan.build, arguments, MIGRATION_LIMIT_S, work->cancellable, &said,
                        &work->error)
      || !barua_store_schema (copy, &schema, NULL, &work->error))
    return FALSE;
  /* the verdict is the last line, behind what is logged; in doubt it does change the tables */
  const char *newline = strrchr (said, '\n');
  const char *verdict = newline != NULL ? newline + 1 : said;
  g_autofree char *nothing_to_do = g_strdup_printf ("schema %d is up to date", schema);
  work->plan.must_copy = strcmp (verdict, nothing_to_do) != 0;
  say (work, "The migration was tried on the copy: %s", verdict);
  return TRUE;
}

/* Drops what trials that were killed left behind. */
static void
drop_trials (const char *copy)
{
  g_autofree char *folder = g_path_get_dirname (copy);
  g_autofree char *name = g_path_get_basename (copy);
  g_autofree char *prefix = g_strconcat (name, ".dry-run-", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (entry, prefix))
      {
        g_autofree char *path = g_build_filename (folder, entry, NULL);
        g_unlink (path);
      }
}

/* Copies the database, and tries on that. */
static gboolean
rehearse (Work *work)
{
  g_autofree char *copy = barua_upgrade_backup_path (work->database);

  drop_trials (copy);
  g_unlink (copy);
  if (!barua_store_backup (work->database, copy, &work->error)
      || g_cancellable_set_error_if_cancelled (work->cancellable, &work->error))
    return FALSE;
  g_autofree char *name = g_path_get_basename (copy);
  say (work, "The database was copied to %s", name);
  return try_migration (work, copy);
}

/* The whole work; FALSE with an error. */
static gboolean
do_work (Work *work)
{
  const BaruaBuild *before = work->before.build;

  work->plan.build = barua_build_check (work->builds_dir, work->version, &work->error);
  if (work->plan.build == NULL)
    return FALSE;
  if (before != NULL && strcmp (before->digest, work->plan.build->digest) != 0)
    {
      g_set_error (&work->error, BARUA_BUILD_ERROR, 0, "%s is not what it was when it was staged",
                   work->version);
      return FALSE;
    }
  if (!barua_build_check_version (work->plan.build, work->cancellable, &work->error))
    return FALSE;
  if (before != NULL)
    {
      work->plan.must_copy = work->before.must_copy;
      return TRUE;
    }
  say (work, "The build %s is in order (SHA-256 %s)", work->version, work->plan.build->digest);
  return rehearse (work);
}

static gboolean work_done (gpointer data);

/* GThreadFunc */
static gpointer
work_main (gpointer data)
{
  do_work (data);
  call_later (work_done, data, work_unref);
  return NULL;
}

/* ---- in the main loop ---- */

/* Keeps what was staged. */
static void
keep (BaruaUpgrade *upgrade, const BaruaUpgradePlan *plan)
{
  barua_build_free (upgrade->staged.build);
  upgrade->staged
      = (BaruaUpgradePlan){ .build = plan != NULL ? barua_build_copy (plan->build) : NULL,
                            .must_copy = plan != NULL && plan->must_copy };
}

/* The document says that we go; now we do, unless it was deleted. */
static void
ready_to_go (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Entry *entry = user_data; /* freed by the store afterwards */
  BaruaUpgrade *upgrade = entry->work->upgrade;
  g_autoptr (GError) error = NULL;

  if (upgrade == NULL)
    return;
  g_clear_pointer (&upgrade->work, work_unref);
  if (!barua_store_write_finish (upgrade->app->store, result, &error)
      || g_cancellable_set_error_if_cancelled (entry->work->cancellable, &error))
    g_message ("upgrade: given up: %s", error->message);
  else
    upgrade->go (&entry->work->plan, upgrade->data);
}

static void
go (BaruaUpgrade *upgrade, Work *work)
{
  Entry *entry = g_new0 (Entry, 1);

  g_message ("upgrade: going over to %s", work->version);
  entry->app = upgrade->app;
  entry->work = work_ref (work);
  entry->message = g_strdup_printf ("Going over from %s to %s", barua_version, work->version);
  entry->note = (BaruaUpgradeNote){ .message = entry->message };
  barua_store_write_async (upgrade->app->store, write_entry, entry, entry_free, 0, NULL,
                           ready_to_go, entry);
}

/* GSourceFunc: the thread has ended. */
static gboolean
work_done (gpointer data)
{
  Work *work = data;
  BaruaUpgrade *upgrade = work->upgrade;

  if (upgrade == NULL)
    return G_SOURCE_REMOVE;
  if (work->error != NULL)
    {
      const BaruaUpgradeNote what = { .message = work->error->message, .is_error = TRUE };
      g_clear_pointer (&upgrade->work, work_unref);
      keep (upgrade, NULL);
      note (upgrade->app, NULL, &what);
      return G_SOURCE_REMOVE;
    }
  if (work->before.build == NULL)
    {
      const BaruaUpgradeNote what = { .message = "Staged", .is_staged = TRUE };
      keep (upgrade, &work->plan);
      note (upgrade->app, work, &what);
    }
  if (work->completes)
    go (upgrade, work);
  else
    g_clear_pointer (&upgrade->work, work_unref);
  return G_SOURCE_REMOVE;
}

/* Starts the thread; @before: (nullable): what was staged. */
static void
start (BaruaUpgrade *upgrade, const char *version, gboolean completes,
       const BaruaUpgradePlan *before)
{
  Work *work;

  if (upgrade->work != NULL)
    return;
  work = g_new0 (Work, 1);
  g_atomic_ref_count_init (&work->n_refs);
  work->upgrade = upgrade;
  work->builds_dir = g_strdup (upgrade->builds_dir);
  work->database = g_strdup (upgrade->database);
  work->version = g_strdup (version);
  work->completes = completes;
  work->cancellable = g_cancellable_new ();
  if (before != NULL)
    work->before = (BaruaUpgradePlan){ barua_build_copy (before->build), before->must_copy };
  upgrade->work = work;
  g_thread_unref (g_thread_new ("barua-upgrade", work_main, work_ref (work)));
}

void
barua_upgrade_stage (BaruaUpgrade *upgrade, const char *version, gboolean completes)
{
  start (upgrade, version, completes, NULL);
}

void
barua_upgrade_complete (BaruaUpgrade *upgrade, const char *version)
{
  const BaruaBuild *build = upgrade->staged.build;
  const gboolean is_ours = build != NULL && strcmp (build->version, version) == 0;

  start (upgrade, version, TRUE, is_ours ? &upgrade->staged : NULL);
}

gboolean
barua_upgrade_is_busy (const BaruaUpgrade *upgrade)
{
  return upgrade->work != NULL;
}

/* BaruaJob: what a document that is there at the start is told. */
static gboolean
settle (BaruaTx *tx, gpointer data, GError **error)
{
  Entry *entry = data;
  g_auto (BaruaUpgradeState) state = { 0 };
  gboolean is_there = FALSE;

  if (!barua_upgrade_document_read (barua_tx_reader (tx), &state, &is_there, error))
    return FALSE;
  if (!is_there)
    return TRUE;
  const gboolean is_asked_for = g_strcmp0 (state.action, "stage") != 0;
  if (entry->message == NULL && is_asked_for && g_strcmp0 (state.version, barua_version) == 0)
    entry->note = (BaruaUpgradeNote){ .message = "The build has taken over", .deletes = TRUE };
  else if (entry->message != NULL)
    entry->note = (BaruaUpgradeNote){ .message = entry->message, .is_error = TRUE };
  else if (!state.is_over && (is_asked_for || !state.is_staged))
    entry->note = (BaruaUpgradeNote){ .message = "The server was started anew before this was done",
                                      .is_error = TRUE };
  else
    return TRUE;
  return barua_upgrade_document_note (tx, &entry->note, error);
}

void
barua_upgrade_settle (BaruaUpgrade *upgrade, const char *trouble)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->app = upgrade->app;
  entry->message = g_strdup (trouble);
  barua_store_write_async (upgrade->app->store, settle, entry, entry_free, 0, NULL, entry_written,
                           entry);
}

BaruaUpgrade *
barua_upgrade_new (BaruaApp *app, const char *builds_dir, const char *database,
                   BaruaUpgradeFunc go_on, gpointer data)
{
  BaruaUpgrade *upgrade = g_new0 (BaruaUpgrade, 1);

  upgrade->app = app;
  upgrade->builds_dir
      = *builds_dir != '\0' ? g_canonicalize_filename (builds_dir, NULL) : g_strdup ("");
  upgrade->database = g_canonicalize_filename (database, NULL);
  upgrade->go = go_on;
  upgrade->data = data;
  return upgrade;
}

void
barua_upgrade_free (BaruaUpgrade *upgrade)
{
  if (upgrade == NULL)
    return;
  if (upgrade->work != NULL)
    {
      upgrade->work->upgrade = NULL;
      g_cancellable_cancel (upgrade->work->cancellable);
      work_unref (upgrade->work);
    }
  barua_build_free (upgrade->staged.build);
  g_free (upgrade->builds_dir);
  g_free (upgrade->database);
  g_free (upgrade);
}
