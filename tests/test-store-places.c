/* SPDX-License-Identifier: MIT */

/* The offset of a page: exact for the snapshot whatever was written before and is being written
 * meanwhile, and at costs that do not grow with the documents. */

#include "gateway/rules/collation.h"
#include "gateway/rules/views.h"
#include "gateway/store/store-databases.h"
#include "gateway/store/store-views.h"
#include "tests/store-fixture.h"

#include <string.h>

#include <sqlite3.h>

#define OTHER "other"
#define N_IDS 4000
#define N_FORMS 40

static GRand *rand_of_test;

/* Documents and their revisions, so that they can be changed; "" for one that is not there. */
static char revs[2][N_IDS][BARUA_REVISION_SIZE];

static guint
below (guint n)
{
  return (guint)g_rand_int_range (rand_of_test, 0, (gint32)n);
}

/* ---- writing ---- */

/* Puts, changes or deletes a document. */
static void
write_one (BaruaTx *tx, guint database, guint number, GError **error)
{
  char *rev = revs[database][number];
  g_autofree char *id = g_strdup_printf ("doc-%04u", number);
  g_autofree char *body
      = g_strdup_printf ("{\"type\":\"data_record\",\"form\":\"F%02u\",\"reported_date\":%u}",
                         below (N_FORMS), number);
  BaruaEdit edit = edit_of (id, *rev != '\0' ? rev : NULL, body);
  BaruaWritten written;

  edit.db = database == 0 ? NULL : OTHER;
  edit.is_deleted = *rev != '\0' && below (3) == 0;
  ck_assert (barua_tx_put_document (tx, &edit, &written, error));
  g_strlcpy (rev, edit.is_deleted ? "" : written.rev, sizeof revs[0][0]);
}

/* A #BaruaJob: a hundred documents after the number that the data are, or so many anywhere. */
static gboolean
fill_job (BaruaTx *tx, gpointer data, GError **error)
{
  const guint first = GPOINTER_TO_UINT (data);

  for (guint i = 0; i < 100; i++)
    write_one (tx, first == G_MAXUINT ? below (2) : 0,
               first == G_MAXUINT ? below (N_IDS) : first + i, error);
  return TRUE;
}

/* A #BaruaJob: few documents, anywhere. */
static gboolean
some_job (BaruaTx *tx, gpointer data, GError **error)
{
  for (guint i = below (4); i > 0; i--)
    write_one (tx, below (2), below (N_IDS), error);
  return TRUE;
}

/* A #BaruaJob: the other database is made anew, perhaps with the number it had. */
static gboolean
drop_job (BaruaTx *tx, gpointer data, GError **error)
{
  memset (revs[1], 0, sizeof revs[1]);
  return barua_tx_drop_database (tx, OTHER, error) && barua_tx_create_database (tx, OTHER, error);
}

static gboolean
create_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_tx_create_database (tx, OTHER, error);
}

/* A #BaruaJob: all rows of views are made again. */
static gboolean
reindex_job (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_sqlite_reindex (tx, error);
}

static void
must_write (BaruaJob job, gpointer data)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_write (store, job, data, &error), "%s",
                 error != NULL ? error->message : "");
}

/* ---- asking ---- */

static gboolean
on_document (const BaruaListingRow *row, gpointer data)
{
  return FALSE;
}

static gboolean
on_view_row (const BaruaViewRow *row, gpointer data)
{
  return FALSE;
}

/* What counting would say, within the same snapshot. */
static gint64
counted (BaruaReader *reader, const char *sql)
{
  gint64 value = -1;

  ck_assert (
      barua_sqlite_query_integer (barua_sqlite_connection (reader)->handle, sql, &value, NULL));
  return value;
}

/* A #BaruaQuery: pages of documents from anywhere. */
static gboolean
documents_query (BaruaReader *reader, gpointer data, GError **error)
{
  const gboolean down = below (2);
  const guint database = below (2);
  g_autofree char *start = g_strdup_printf ("doc-%04u%s", below (N_IDS + 10), below (3) ? "" : "x");
  g_autofree char *sql = g_strdup_printf ("SELECT count(*) FROM doc JOIN db USING (dbnum) WHERE "
                                          "name = '%s' AND deleted = 0 AND id %s '%s'",
                                          database == 0 ? "medic" : OTHER, down ? ">" : "<", start);
  const BaruaListing listing = { .db = database == 0 ? NULL : OTHER,
                                 .start = barua_text (start),
                                 .is_descending = down,
                                 .includes_hidden = TRUE,
                                 .limit = 1 };
  BaruaListingTotals totals;

  ck_assert (barua_reader_all_docs (reader, &listing, &totals, on_document, NULL, error));
  ck_assert_msg (totals.offset == counted (reader, sql), "%s: %d", sql, (int)totals.offset);
  return TRUE;
}

/* The number of a view in the file. */
static gint64
number_of (const char *view)
{
  const BaruaSqlite *sqlite = store->engine_data;

  return sqlite->viewnums[barua_view_find (FALSE, "medic-client", view)];
}

/* A #BaruaQuery: pages of a view from anywhere. */
static gboolean
view_query (BaruaReader *reader, gpointer data, GError **error)
{
  const gboolean down = below (2);
  const gboolean has_id = below (2);
  g_autofree char *key = g_strdup_printf ("[\"F%02u\"]", below (N_FORMS + 1));
  g_autofree char *id = g_strdup_printf ("doc-%04u", below (N_IDS));
  const BaruaJson start = { key, strlen (key) };
  g_autoptr (GString) k = g_string_new (NULL);
  g_autoptr (GString) sql = g_string_new (NULL);
  const BaruaViewQuery query = { .ddoc = "medic-client",
                                 .view = "reports_by_form",
                                 .start = start,
                                 .start_id = has_id ? barua_text (id) : (BaruaText){ NULL, 0 },
                                 .is_descending = down,
                                 .includes_hidden = TRUE,
                                 .limit = 1 };
  BaruaListingTotals totals;

  barua_collation_append (k, start);
  g_string_printf (sql, "SELECT count(*) FROM vrow WHERE viewnum = %d AND (k, id) %s (x'",
                   (int)number_of (query.view), down ? ">" : "<");
  for (gsize i = 0; i < k->len; i++)
    g_string_append_printf (sql, "%02x", (guchar)k->str[i]);
  g_string_append_printf (sql, "', '%s')", has_id ? id : down ? "\x7f" : "");
  ck_assert (barua_reader_view (reader, &query, &totals, on_view_row, NULL, error));
  ck_assert_msg (totals.offset == counted (reader, sql->str), "%s: %d", sql->str,
                 (int)totals.offset);
  return TRUE;
}

static void
must_read (BaruaQuery query)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (barua_store_read (store, query, NULL, &error), "%s",
                 error != NULL ? error->message : "");
}

static void
catch_up (void)
{
  ck_assert (barua_store_catch_up (store, NULL, "medic-client", "reports_by_form", NULL));
}

/* ---- tests ---- */

static void
begin (void)
{
  memset (revs, 0, sizeof revs);
  rand_of_test = g_rand_new_with_seed (20261121);
  must_write (create_job, NULL);
}

/* Whatever is written between two pages. */
START_TEST (places_exact)
{
  static const BaruaJob jobs[] = { some_job, some_job, some_job, fill_job, drop_job, reindex_job };

  begin ();
  for (guint i = 0; i < N_IDS / 2; i += 100)
    must_write (fill_job, GUINT_TO_POINTER (i));
  for (guint i = 0; i < 400; i++)
    {
      const guint which = i % 40 == 39 ? 4 + below (2) : below (4);
      must_write (jobs[which], GUINT_TO_POINTER (G_MAXUINT));
      if (below (2))
        catch_up ();
      must_read (documents_query);
      must_read (view_query);
    }
  catch_up ();
  assert_sound ();
  g_rand_free (rand_of_test);
}
END_TEST

/* More rows leave their places between two pages than the file remembers. */
START_TEST (places_forgotten)
{
  begin ();
  for (guint i = 0; i < 1000; i += 100)
    must_write (fill_job, GUINT_TO_POINTER (i));
  catch_up ();
  must_read (view_query);
  exec ("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO moved (viewnum, k, id) SELECT 99, x'00', '' FROM n");
  for (guint i = 0; i < 20; i++)
    {
      for (guint j = 0; j < 1000; j += 100)
        must_write (fill_job, GUINT_TO_POINTER (j));
      catch_up ();
      must_read (view_query);
    }
  must_read (documents_query);
  const gint64 n_kept = 32768 + 1024 + 1000;
  BaruaSqlite *sqlite = store->engine_data;
  gint64 n;
  ck_assert (
      barua_sqlite_query_integer (sqlite->writer->handle, "SELECT count(*) FROM moved", &n, NULL));
  ck_assert_int_le (n, n_kept);
  g_rand_free (rand_of_test);
}
END_TEST

/* A phone, and how many rows of contacts_by_phone stand before it. */
typedef struct
{
  const char *phone;
  gint64 offset;
} Phone;

/* A #BaruaQuery: the data are a #Phone. */
static gboolean
phone_query (BaruaReader *reader, gpointer data, GError **error)
{
  Phone *phone = data;
  g_autofree char *key = g_strdup_printf ("\"%s\"", phone->phone);
  const BaruaViewQuery query = { .ddoc = "medic-client",
                                 .view = "contacts_by_phone",
                                 .start = { key, strlen (key) },
                                 .includes_hidden = TRUE,
                                 .limit = 1 };
  BaruaListingTotals totals;

  ck_assert (barua_reader_view (reader, &query, &totals, on_view_row, NULL, error));
  phone->offset = totals.offset;
  return TRUE;
}

static gint64
offset_of_phone (const char *text)
{
  Phone phone = { .phone = text };

  ck_assert (barua_store_read (store, phone_query, &phone, NULL));
  return phone.offset;
}

/* A #BaruaJob: people with phones of 2,000 digits. */
static gboolean
long_job (BaruaTx *tx, gpointer data, GError **error)
{
  g_autofree char *digits = g_strnfill (2000, '7');

  for (guint i = 0; i < 700; i++)
    {
      g_autofree char *id = g_strdup_printf ("p-%03u", i);
      g_autofree char *body
          = g_strdup_printf ("{\"type\":\"person\",\"phone\":\"%03u%s\"}", i, digits);
      const BaruaEdit edit = edit_of (id, NULL, body);
      ck_assert (barua_tx_put_document (tx, &edit, NULL, error));
    }
  return TRUE;
}

/* Keys that are too long to be remembered. */
START_TEST (places_long_keys)
{
  begin ();
  must_write (long_job, NULL);
  ck_assert_int_eq (offset_of_phone ("699"), 699);
  ck_assert_int_eq (offset_of_phone ("5"), 500);
  BaruaDocument *document = get ("p-000", NULL, NULL);
  g_autofree char *rev = g_strndup (document->rev.p, document->rev.n);
  barua_document_free (document);
  put ("p-000", rev, "{\"type\":\"person\",\"phone\":\"9\"}");
  ck_assert_int_eq (offset_of_phone ("5"), 499);
  ck_assert_int_eq (offset_of_phone ("9"), 699);
  g_rand_free (rand_of_test);
}
END_TEST

/* Others write all the time. */
START_TEST (places_beside_writers)
{
  Tally tally = { 0 };

  begin ();
  for (guint i = 0; i < N_IDS / 2; i += 100)
    must_write (fill_job, GUINT_TO_POINTER (i));
  for (guint i = 0; i < 200; i++)
    {
      barua_store_write_async (store, third_fails_job, GINT_TO_POINTER ((int)i), NULL, 0, NULL,
                               on_written, &tally);
      must_read (documents_query);
      must_read (view_query);
    }
  wait_for (&tally, 200);
  g_rand_free (rand_of_test);
}
END_TEST

/* Steps of SQLite's machine in the statements that count. */
static gint64
steps_of (BaruaReader *reader)
{
  static const BaruaSql counting[]
      = { BARUA_SQL_DOC_COUNT,   BARUA_SQL_DOC_COUNT_THROUGH, BARUA_SQL_DOC_PLACES,
          BARUA_SQL_DOC_CHANGED, BARUA_SQL_VROW_COUNT,        BARUA_SQL_VROW_COUNT_THROUGH,
          BARUA_SQL_VROW_PLACES, BARUA_SQL_VDOC_CHANGED,      BARUA_SQL_MOVED_SINCE,
          BARUA_SQL_DOC_LIST_UP, BARUA_SQL_DOC_LIST_DOWN,     BARUA_SQL_VROW_UP,
          BARUA_SQL_VROW_DOWN,   BARUA_SQL_DATABASE_BY_NAME,  BARUA_SQL_VIEW_BUILT };
  BaruaSqliteConnection *connection = barua_sqlite_connection (reader);
  gint64 n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (counting); i++)
    if (connection->statements[counting[i]] != NULL)
      n += sqlite3_stmt_status (connection->statements[counting[i]], SQLITE_STMTSTATUS_VM_STEP,
                                TRUE);
  return n;
}

/* A #BaruaQuery: the steps of one page from anywhere, the most of twenty. */
static gboolean
steps_query (BaruaReader *reader, gpointer data, GError **error)
{
  gint64 *most = data;

  documents_query (reader, NULL, error); /* what was changed since the last time */
  view_query (reader, NULL, error);
  for (guint i = 0; i < 20; i++)
    {
      steps_of (reader);
      documents_query (reader, NULL, error);
      view_query (reader, NULL, error);
      *most = MAX (*most, steps_of (reader));
    }
  return TRUE;
}

/* A page costs no more with more documents. */
START_TEST (places_flat)
{
  gint64 most_of_few = 0;
  gint64 most = 0;

  begin ();
  for (guint i = 0; i < 500; i += 100)
    must_write (fill_job, GUINT_TO_POINTER (i));
  catch_up ();
  ck_assert (barua_store_read (store, steps_query, &most_of_few, NULL));
  for (guint i = 500; i < N_IDS; i += 100)
    must_write (fill_job, GUINT_TO_POINTER (i));
  catch_up ();
  for (guint i = 0; i < 20; i++) /* until every fence is counted */
    {
      must_read (documents_query);
      must_read (view_query);
    }
  ck_assert (barua_store_read (store, steps_query, &most, NULL));
  /* Two fences' worth of rows for each of the two pages, some ten steps each; counting all of the
   * 4,000 would be 80,000. */
  ck_assert_msg (most < 2 * 2 * 256 * 10, "%d steps, %d with few", (int)most, (int)most_of_few);
  g_rand_free (rand_of_test);
}
END_TEST

/* One reader, so that every page is asked of the same connection. */
static void
set_up_reader (void)
{
  set_up_file ();
  g_clear_pointer (&store, barua_store_close);
  options.readers = 1;
  store = open_store ();
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-places");
  TCase *tc = tcase_create ("places");

  tcase_add_checked_fixture (tc, set_up_reader, tear_down);
  tcase_add_test (tc, places_exact);
  tcase_add_test (tc, places_forgotten);
  tcase_add_test (tc, places_long_keys);
  tcase_add_test (tc, places_beside_writers);
  tcase_add_test (tc, places_flat);
  suite_add_tcase (suite, tc);
  return suite;
}
