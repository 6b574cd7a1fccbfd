/* SPDX-License-Identifier: MIT */

#include "tests/store-fixture.h"

#include <string.h>

#include <glib/gstdio.h>

/* ---- fixtures ---- */

static char *directory;
char *path;
BaruaStore *store;
BaruaStoreOptions options;

/* Opens the store that the options describe; it must succeed. */
BaruaStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  BaruaStore *opened = barua_store_open (&options, &error);

  ck_assert_msg (opened != NULL, "%s", error != NULL ? error->message : "");
  return opened;
}

void
set_up_memory (void)
{
  options = (BaruaStoreOptions){ .path = ":memory:", .is_server = TRUE };
  store = open_store ();
}

void
set_up_file (void)
{
  directory = g_dir_make_tmp ("barua-store-XXXXXX", NULL);
  path = g_build_filename (directory, "barua.db", NULL);
  options = (BaruaStoreOptions){ .path = path, .is_server = TRUE };
  store = open_store ();
}

/* Removes a file beside the database, if it is there. */
static void
remove_file (const char *suffix)
{
  g_autofree char *name = g_strconcat (path, suffix, NULL);

  g_unlink (name);
}

void
tear_down (void)
{
  static const char *const suffixes[]
      = { "", "-wal", "-shm", ".lock", ".copy", ".copy-wal", ".copy-shm", ".copy.lock" };

  g_clear_pointer (&store, barua_store_close);
  if (path == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    remove_file (suffixes[i]);
  g_rmdir (directory);
  g_clear_pointer (&path, g_free);
  g_clear_pointer (&directory, g_free);
}

/* ---- short forms ---- */

gboolean
put_job (BaruaTx *tx, gpointer data, GError **error)
{
  Put *put = data;

  return barua_tx_put_document (tx, &put->edit, &put->written, error);
}

/* Puts and expects success (-1) or an error code. */
BaruaWritten
put_expecting (BaruaEdit edit, int code)
{
  Put put = { .edit = edit };
  g_autoptr (GError) error = NULL;
  const gboolean is_ok = barua_store_write (store, put_job, &put, &error);

  ck_assert_msg (is_ok == (code < 0), "%s", error != NULL ? error->message : "it was written");
  if (code >= 0)
    ck_assert_msg (g_error_matches (error, BARUA_STORE_ERROR, code), "%s", error->message);
  return put.written;
}

/* An edit of the default database. */
BaruaEdit
edit_of (const char *id, const char *rev, const char *body)
{
  return (BaruaEdit){ .id = barua_text (id), .rev = barua_text (rev), .body = barua_text (body) };
}

BaruaWritten
put (const char *id, const char *rev, const char *body)
{
  return put_expecting (edit_of (id, rev, body), -1);
}

BaruaWritten delete (const char *id, const char *rev)
{
  BaruaEdit edit = edit_of (id, rev, "{}");

  edit.is_deleted = TRUE;
  return put_expecting (edit, -1);
}

/* A document to get. */
typedef struct
{
  const char *db;
  const char *id;
  const char *rev; /* NULL: the winner */
  BaruaDocument *document;
} Get;

static gboolean
get_query (BaruaReader *reader, gpointer data, GError **error)
{
  Get *get = data;

  get->document = get->rev != NULL
                      ? barua_reader_get_revision (reader, get->db, barua_text (get->id),
                                                   barua_text (get->rev), error)
                      : barua_reader_get_document (reader, get->db, barua_text (get->id), error);
  return get->document != NULL;
}

/* The document; NULL with *code when it cannot be had. */
BaruaDocument *
get (const char *id, const char *rev, int *code)
{
  Get request = { .id = id, .rev = rev };
  g_autoptr (GError) error = NULL;

  if (!barua_store_read (store, get_query, &request, &error))
    {
      ck_assert (error->domain == BARUA_STORE_ERROR);
      *code = error->code;
    }
  return request.document;
}

void
assert_body (const char *id, const char *rev, const char *body)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, rev, &code);

  ck_assert_msg (document != NULL, "%s: code %d", id, code);
  ck_assert_str_eq (document->body.p, body);
  ck_assert_str_eq (document->id.p, id);
}

void
assert_no_document (const char *id, const char *rev, int code)
{
  int found = -1;
  g_autoptr (BaruaDocument) document = get (id, rev, &found);

  ck_assert_ptr_null (document);
  ck_assert_int_eq (found, code);
}

/* The derived rows must say what the documents say, whatever a test did. */
void
assert_sound (void)
{
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_check (store, &differences, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_msg (differences->len == 0, "%s",
                 differences->len > 0 ? (char *)differences->pdata[0] : "");
}

gboolean
info_query (BaruaReader *reader, gpointer data, GError **error)
{
  return barua_reader_database_info (reader, NULL, data, error);
}

void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  Tally *tally = data;
  g_autoptr (GError) error = NULL;

  tally->n_done++;
  if (barua_store_write_finish (store, result, &error))
    return;
  tally->n_failed++;
  tally->last_code = error->code;
}

void
wait_for (Tally *tally, guint n)
{
  while (tally->n_done < n)
    g_main_context_iteration (NULL, TRUE);
}

int gate;

gboolean
gate_job (BaruaTx *tx, gpointer data, GError **error)
{
  while (!g_atomic_int_get (&gate))
    g_usleep (100);
  return TRUE;
}

/* Puts "job-N", and fails after that when N is divisible by three. */
gboolean
third_fails_job (BaruaTx *tx, gpointer data, GError **error)
{
  const guint n = GPOINTER_TO_UINT (data);
  g_autofree char *id = g_strdup_printf ("job-%u", n);
  const BaruaEdit edit = edit_of (id, NULL, "{}");

  if (!barua_tx_put_document (tx, &edit, NULL, error))
    return FALSE;
  if (n % 3 != 0)
    return TRUE;
  g_set_error_literal (error, BARUA_STORE_ERROR, BARUA_STORE_ERROR_CONFLICT, "as the test wants");
  return FALSE;
}

/* A document with one message, uuid = id, due as given. */
BaruaWritten
put_message (const char *id, const char *rev, const char *uuid, const char *state, int due)
{
  g_autofree char *body = g_strdup_printf (
      "{\"type\":\"data_record\",\"tasks\":[{\"messages\":[{\"uuid\":\"%s\",\"to\":\"+1\","
      "\"message\":\"hello\"}],\"state\":\"%s\",\"due\":%d}]}",
      uuid, state, due);

  return put (id, rev, body);
}

/* A hand-out and the uuids it gave, each with a blank. */
typedef struct
{
  const char *account;
  guint limit;
  gint64 now_ms;
  gint64 lease_ms;
  GString *uuids;
  guint handouts; /* of the last one */
} Take;

static gboolean
take_job (BaruaTx *tx, gpointer data, GError **error)
{
  Take *take = data;
  g_autoptr (GPtrArray) messages = NULL;

  g_string_truncate (take->uuids, 0);
  const BaruaTake wanted = { .account = take->account,
                             .limit = take->limit,
                             .now_ms = take->now_ms,
                             .lease_ms = take->lease_ms };
  if (!barua_tx_take_messages (tx, &wanted, &messages, error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++)
    {
      const BaruaQueuedMessage *message = g_ptr_array_index (messages, i);
      g_string_append_printf (take->uuids, "%s ", message->uuid.p);
      ck_assert_str_eq (message->content.p, "hello");
      ck_assert_str_eq (message->to.p, "+1");
      ck_assert_str_eq (message->account.p, take->account);
      take->handouts = message->handouts;
    }
  return TRUE;
}

/* Takes messages and compares their uuids; returns the hand-outs of the last. */
guint
assert_take (const char *account, guint limit, gint64 now_ms, gint64 lease_ms, const char *uuids)
{
  Take take = { account, limit, now_ms, lease_ms, g_string_new (NULL), 0 };

  ck_assert (barua_store_write (store, take_job, &take, NULL));
  ck_assert_str_eq (take.uuids->str, uuids);
  g_string_free (take.uuids, TRUE);
  return take.handouts;
}

/* Runs SQL behind the store's back. */
static gboolean
exec_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_sqlite_exec (((BaruaSqliteConnection *)tx)->handle, data, error);
}

void
exec (const char *sql)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_write (store, exec_job, (gpointer)sql, &error), "%s",
                 error != NULL ? error->message : "");
}
