/* SPDX-License-Identifier: MIT */

/* Revision trees with conflicts, and attachments. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "gateway/store/store-attachments.h"
#include "gateway/store/store-revisions.h"
#include "tests/store-fixture.h"

/* ---- short forms ---- */

/* A replicated revision. */
typedef struct
{
  BaruaEdit edit;
  BaruaRevisionPath path;
  BaruaWritten written;
} Merge;

static gboolean
merge_job (BaruaTx *tx, gpointer data, GError **error)
{
  Merge *merge = data;

  return barua_tx_put_revision (tx, &merge->edit, &merge->path, &merge->written, error);
}

/* Merges and expects success (-1) or an error code; returns the sequence number. */
static gint64
merge_edit (BaruaEdit edit, gint64 start, const char *hashes, int code)
{
  g_auto (GStrv) parts = g_strsplit (hashes, " ", -1);
  const gsize n = g_strv_length (parts);
  g_autofree BaruaText *texts = g_new (BaruaText, n);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < n; i++)
    texts[i] = barua_text (parts[i]);
  Merge merge = { .edit = edit, .path = { start, texts, n } };
  const gboolean is_ok = barua_store_write (store, merge_job, &merge, &error);
  ck_assert_msg (is_ok == (code < 0), "%s", error != NULL ? error->message : "it was written");
  if (code >= 0)
    ck_assert_msg (g_error_matches (error, BARUA_STORE_ERROR, code), "%s", error->message);
  return merge.written.seq;
}

static gint64
merge (const char *id, gint64 start, const char *hashes, const char *body)
{
  return merge_edit (edit_of (id, NULL, body), start, hashes, -1);
}

/* A tree to get. */
typedef struct
{
  const char *id;
  BaruaTree *tree;
} GetTree;

static gboolean
tree_query (BaruaReader *reader, gpointer data, GError **error)
{
  GetTree *get = data;

  get->tree = barua_reader_get_tree (reader, NULL, barua_text (get->id), error);
  return get->tree != NULL;
}

static BaruaTree *
get_tree (const char *id)
{
  GetTree get = { id, NULL };

  ck_assert (barua_store_read (store, tree_query, &get, NULL));
  return get.tree;
}

/* The tree in one line: `N-hash` with the parent behind `<`, `*` for a leaf, `!` deleted, `-` for
 * no text; then the leaves. */
static void
assert_tree (const char *id, const char *expected)
{
  g_autoptr (BaruaTree) tree = get_tree (id);
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; i < tree->n_revisions; i++)
    {
      const BaruaTreeRevision *r = &tree->revisions[i];
      g_string_append_printf (text, "%d-%.*s", (int)r->rev.generation, (int)r->rev.hash.n,
                              r->rev.hash.p);
      if (r->parent >= 0)
        g_string_append_printf (text, "<%.*s", (int)tree->revisions[r->parent].rev.hash.n,
                                tree->revisions[r->parent].rev.hash.p);
      g_string_append_printf (text, "%s%s%s ", r->is_leaf ? "*" : "", r->is_deleted ? "!" : "",
                              r->has_body ? "" : "-");
    }
  g_string_append (text, "|");
  for (gsize i = 0; i < tree->n_leaves; i++)
    g_string_append_printf (text, " %.*s", (int)tree->revisions[tree->leaves[i]].rev.hash.n,
                            tree->revisions[tree->leaves[i]].rev.hash.p);
  ck_assert_str_eq (text->str, expected);
}

/* ---- trees ---- */

START_TEST (tree_merge)
{
  const gint64 first = merge ("a", 3, "c b a", "{\"n\":3}");

  ck_assert_int_gt (first, 0);
  assert_tree ("a", "1-a- 2-b<a- 3-c<b* | c");
  assert_body ("a", NULL, "{\"n\":3}");
  assert_no_document ("a", "2-b", BARUA_STORE_ERROR_NOT_FOUND);

  /* what is known is known, leaf or not, and the sequence stays */
  ck_assert_int_eq (merge ("a", 3, "c b a", "{\"n\":9}"), 0);
  ck_assert_int_eq (merge ("a", 2, "b a", "{\"n\":9}"), 0);
  assert_body ("a", NULL, "{\"n\":3}");

  /* a branch: the higher hash wins, the other is a conflict */
  ck_assert_int_gt (merge ("a", 3, "d b a", "{\"n\":4}"), first);
  assert_tree ("a", "1-a- 2-b<a- 3-c<b* 3-d<b* | d c");
  assert_body ("a", NULL, "{\"n\":4}");
  merge ("a", 4, "e c", "{\"n\":5}");
  assert_tree ("a", "1-a- 2-b<a- 3-c<b 3-d<b* 4-e<c* | e d");
  assert_body ("a", NULL, "{\"n\":5}");

  /* a path of _rev alone is a root of its own, until a longer path links it */
  merge ("a", 7, "x", "{\"n\":7}");
  merge ("a", 8, "y x w v e", "{\"n\":8}");
  assert_tree ("a", "1-a- 2-b<a- 3-c<b 3-d<b* 4-e<c 5-v<e- 6-w<v- 7-x<w 8-y<x* | y d");
  assert_sound ();
}
END_TEST

START_TEST (tree_edits)
{
  merge ("a", 1, "x", "{\"n\":1}");
  merge ("a", 1, "y", "{\"n\":2}");
  assert_body ("a", NULL, "{\"n\":2}");
  put_expecting (edit_of ("a", "1-w", "{}"), BARUA_STORE_ERROR_CONFLICT);

  /* the losing leaf is edited and wins by its generation */
  const BaruaWritten edited = put ("a", "1-x", "{\"n\":3}");
  assert_body ("a", NULL, "{\"n\":3}");
  put_expecting (edit_of ("a", "1-x", "{}"), BARUA_STORE_ERROR_CONFLICT);

  /* a deleted leaf never beats a live one, however long */
  const BaruaWritten gone = delete ("a", edited.rev);
  assert_body ("a", NULL, "{\"n\":2}");
  assert_sound ();
  delete ("a", "1-y");
  assert_no_document ("a", NULL, BARUA_STORE_ERROR_DELETED);
  assert_body ("a", gone.rev, "{}");

  /* made again it goes on from the winning tombstone */
  ck_assert (g_str_has_prefix (put ("a", NULL, "{}").rev, "4-"));
  assert_sound ();
}
END_TEST

START_TEST (tree_invalid)
{
  const BaruaEdit edit = edit_of ("a", NULL, "{}");
  BaruaEdit nowhere = edit;

  nowhere.db = "nowhere";
  merge_edit (edit, 1, "b a", BARUA_STORE_ERROR_INVALID_REV);
  merge_edit (edit, 0, "a", BARUA_STORE_ERROR_INVALID_REV);
  merge_edit (edit, 2, "a ", BARUA_STORE_ERROR_INVALID_REV);
  merge_edit (edit_of ("_a", NULL, "{}"), 1, "a", BARUA_STORE_ERROR_INVALID);
  merge_edit (nowhere, 1, "a", BARUA_STORE_ERROR_NOT_FOUND);
  merge ("a", 1, "ABCDEFABCDEFABCDEFABCDEFABCDEF00", "{}");
  assert_tree ("a", "1-abcdefabcdefabcdefabcdefabcdef00* | abcdefabcdefabcdefabcdefabcdef00");
}
END_TEST

/* A path of ten thousand is cut, and what is cut off is not forgotten to be known. */
START_TEST (tree_long_path)
{
  g_autoptr (GString) hashes = g_string_new ("h");

  for (int i = 9999; i > 0; i--)
    g_string_append_printf (hashes, " h%d", i);
  merge ("a", 10000, hashes->str, "{}");
  g_autoptr (BaruaTree) tree = get_tree ("a");
  ck_assert_uint_eq (tree->n_revisions, BARUA_REVISION_PATH_MAX);
  merge ("a", 10001, "i h", "{}");
  assert_sound ();
}
END_TEST

START_TEST (tree_functions)
{
  merge ("a", 3, "c b a", "{}");
  merge ("a", 4, "e d b", "{}");
  g_autoptr (BaruaTree) tree = get_tree ("a");
  const int b = barua_tree_find (tree, (BaruaRevision){ 2, BARUA_TEXT ("b") });
  const int c = barua_tree_find (tree, (BaruaRevision){ 3, BARUA_TEXT ("c") });
  const int e = barua_tree_find (tree, (BaruaRevision){ 4, BARUA_TEXT ("e") });

  ck_assert_int_eq (barua_tree_find (tree, (BaruaRevision){ 9, BARUA_TEXT ("c") }), -1);
  ck_assert_int_eq ((int)barua_tree_winner (tree), e);
  ck_assert_int_eq (barua_tree_latest (tree, b), e);
  ck_assert_int_eq (barua_tree_latest (tree, c), c);
  ck_assert (barua_tree_is_ancestor (tree, b, c) && barua_tree_is_ancestor (tree, c, c));
  ck_assert (!barua_tree_is_ancestor (tree, c, e) && !barua_tree_is_ancestor (tree, c, b));
}
END_TEST

/* The reference: every revision ever given, as a flat list. */
typedef struct
{
  int generation;
  char hash[8];
  int parent;
  gboolean has_child;
  gboolean is_deleted;
} Naive;

/* Whether leaf @a wins over leaf @b. */
static gboolean
naive_wins (const Naive *a, const Naive *b)
{
  if (a->is_deleted != b->is_deleted)
    return !a->is_deleted;
  if (a->generation != b->generation)
    return a->generation > b->generation;
  return strcmp (a->hash, b->hash) > 0;
}

/* Sends revision @at with its ancestors. */
static gint64
merge_naive (const Naive *all, int at)
{
  g_autoptr (GString) hashes = g_string_new (all[at].hash);
  BaruaEdit edit = edit_of ("t", NULL, "{}");

  edit.is_deleted = all[at].is_deleted;
  for (int i = all[at].parent; i >= 0; i = all[i].parent)
    g_string_append_printf (hashes, " %s", all[i].hash);
  return merge_edit (edit, all[at].generation, hashes->str, -1);
}

/* The winner and the leaves are those of a naive reference, whatever the order of arrival. */
START_TEST (tree_random)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32)_i + 1);
  const int n = g_rand_int_range (rand, 1, 40);
  Naive all[40];
  gboolean is_sent[40] = { FALSE };

  for (int i = 0; i < n; i++)
    {
      const int parent = i == 0 ? -1 : g_rand_int_range (rand, -1, i);
      all[i] = (Naive){ .parent = parent,
                        .generation = parent < 0 ? 1 : all[parent].generation + 1,
                        .is_deleted = g_rand_int_range (rand, 0, 4) == 0 };
      g_snprintf (all[i].hash, sizeof all[i].hash, "%c%d",
                  (char)('a' + g_rand_int_range (rand, 0, 26)), i);
    }
  for (int round = 0; round < n; round++)
    {
      const int at = g_rand_int_range (rand, 0, n);
      gboolean was_known = FALSE;
      for (int i = 0; i < n; i++)
        if (is_sent[i])
          for (int j = i; j >= 0; j = all[j].parent)
            was_known = was_known || j == at;
      ck_assert_int_eq (merge_naive (all, at) == 0, was_known);
      is_sent[at] = TRUE;
    }

  g_autoptr (BaruaTree) tree = get_tree ("t");
  const Naive *best = NULL;
  gsize n_leaves = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      if (is_sent[j])
        for (int k = all[j].parent; k >= 0; k = all[k].parent)
          all[i].has_child = all[i].has_child || k == i;
  for (int i = 0; i < n; i++)
    if (is_sent[i] && !all[i].has_child)
      {
        n_leaves++;
        if (best == NULL || naive_wins (&all[i], best))
          best = &all[i];
      }
  const BaruaTreeRevision *winner = &tree->revisions[barua_tree_winner (tree)];
  ck_assert_uint_eq (tree->n_leaves, n_leaves);
  ck_assert_int_eq ((int)winner->rev.generation, best->generation);
  ck_assert_uint_eq (winner->rev.hash.n, strlen (best->hash));
  ck_assert_int_eq (memcmp (winner->rev.hash.p, best->hash, winner->rev.hash.n), 0);
  assert_sound ();
}
END_TEST

/* ---- what is missing ---- */

/* Writes what is missing as text. */
static void
on_missing (const BaruaAskedRevisions *asked, const gsize *missing, gsize n_missing,
            const BaruaText *ancestors, gsize n_ancestors, gpointer data)
{
  GString *text = data;

  g_string_append_printf (text, "%.*s:", (int)asked->id.n, asked->id.p);
  for (gsize i = 0; i < n_missing; i++)
    g_string_append_printf (text, " %.*s", (int)asked->revs[missing[i]].n,
                            asked->revs[missing[i]].p);
  g_string_append (text, " |");
  for (gsize i = 0; i < n_ancestors; i++)
    g_string_append_printf (text, " %.*s", (int)ancestors[i].n, ancestors[i].p);
  g_string_append (text, "\n");
}

static gboolean
missing_query (BaruaReader *reader, gpointer data, GError **error)
{
  const BaruaText a[]
      = { BARUA_TEXT ("1-a"), BARUA_TEXT ("3-c"), BARUA_TEXT ("4-x"), BARUA_TEXT ("2-b") };
  const BaruaText b[] = { BARUA_TEXT ("1-a") };
  const BaruaAskedRevisions asked[]
      = { { BARUA_TEXT ("a"), a, 4 }, { BARUA_TEXT ("never"), b, 1 }, { BARUA_TEXT ("a"), b, 1 } };

  return barua_reader_missing_revisions (reader, NULL, asked, 3, on_missing, data, error);
}

START_TEST (tree_missing)
{
  g_autoptr (GString) text = g_string_new (NULL);

  merge ("a", 3, "c b a", "{}");
  merge ("a", 5, "e", "{}");
  ck_assert (barua_store_read (store, missing_query, text, NULL));
  ck_assert_str_eq (text->str, "a: 4-x | 3-c\nnever: 1-a |\n");
}
END_TEST

/* ---- attachments ---- */

/* An edit with one attachment in memory. */
static BaruaWritten
attach (const char *id, const char *rev, const char *name, BaruaText bytes)
{
  const BaruaAttachmentEdit attachment = { .name = barua_text (name),
                                           .type = BARUA_TEXT ("text/plain"),
                                           .source = BARUA_ATTACHMENT_BYTES,
                                           .bytes = bytes };
  BaruaEdit edit = edit_of (id, rev, "{}");

  edit.attachments = &attachment;
  edit.n_attachments = 1;
  return put_expecting (edit, -1);
}

/* The attachments of a document as text. */
static char *
attachments_of (const char *id, const char *rev)
{
  int code = -1;
  g_autoptr (BaruaDocument) document = get (id, rev, &code);
  GString *text = g_string_new (NULL);

  ck_assert_ptr_nonnull (document);
  for (gsize i = 0; i < document->n_attachments; i++)
    {
      const BaruaAttachment *a = &document->attachments[i];
      char digest[BARUA_ATTACHMENT_DIGEST_SIZE];
      barua_attachment_write_digest (a->md5, digest);
      g_string_append_printf (text, "%s %s %d %d %s;", a->name.p, a->type.p, (int)a->revpos,
                              (int)a->length, digest);
    }
  return g_string_free (text, FALSE);
}

static void
assert_attachments (const char *id, const char *rev, const char *expected)
{
  g_autofree char *text = attachments_of (id, rev);

  ck_assert_str_eq (text, expected);
}

/* A number that SQL gives. */
static gboolean
integer_query (BaruaReader *reader, gpointer data, GError **error)
{
  gpointer *both = data;

  return barua_sqlite_query_integer (((BaruaSqliteConnection *)reader)->handle, both[0], both[1],
                                     error);
}

static gint64
integer_of (const char *sql)
{
  gint64 value = -99;
  gpointer both[] = { (gpointer)sql, &value };

  ck_assert (barua_store_read (store, integer_query, both, NULL));
  return value;
}

#define HELLO_DIGEST "md5-XUFAKrxLKna5cZ2REBfFkg=="

START_TEST (attachment_life)
{
  const BaruaWritten first = attach ("a", NULL, "x.txt", BARUA_TEXT ("hello"));
  const BaruaAttachmentEdit both[] = {
    { .name = BARUA_TEXT ("x.txt"), .source = BARUA_ATTACHMENT_STUB },
    { .name = BARUA_TEXT ("b"), .source = BARUA_ATTACHMENT_BYTES, .bytes = BARUA_TEXT ("") }
  };
  BaruaEdit edit = edit_of ("a", first.rev, "{\"n\":2}");

  assert_attachments ("a", NULL, "x.txt text/plain 1 5 " HELLO_DIGEST ";");
  edit.attachments = both;
  edit.n_attachments = 2;
  const BaruaWritten second = put_expecting (edit, -1);
  assert_attachments ("a", NULL,
                      "b application/octet-stream 2 0 md5-1B2M2Y8AsgTpgAmY7PhCfg==;"
                      "x.txt text/plain 1 5 " HELLO_DIGEST ";");
  assert_sound ();

  /* what the edit leaves out is gone, and the older revision keeps it */
  const BaruaWritten third = put ("a", second.rev, "{\"n\":3}");
  assert_attachments ("a", NULL, "");
  assert_attachments ("a", second.rev,
                      "b application/octet-stream 2 0 md5-1B2M2Y8AsgTpgAmY7PhCfg==;"
                      "x.txt text/plain 1 5 " HELLO_DIGEST ";");
  edit.rev = barua_text (third.rev);
  put_expecting (edit, BARUA_STORE_ERROR_MISSING_STUB);
  assert_sound ();

  /* the same bytes are kept once */
  attach ("b", NULL, "other", BARUA_TEXT ("hello"));
  ck_assert_int_eq (integer_of ("SELECT count(*) FROM blob WHERE len = 5"), 1);
  ck_assert_int_eq (integer_of ("SELECT refs FROM blob WHERE len = 5"), 3);
}
END_TEST

/* The hash of a revision takes its attachments in (documents.md 4). */
START_TEST (attachment_hash)
{
  const BaruaWritten plain = put ("a", NULL, "{}");
  const BaruaWritten with = attach ("b", NULL, "x", BARUA_TEXT ("hello"));
  g_autofree char *expected = g_compute_checksum_for_data (
      G_CHECKSUM_MD5,
      (const guchar *)"br1\n\nL\n{}\nx\0text/plain\0005d41402abc4b2a76b9719d911017c592\0005\n",
      strlen ("br1..L.{}.x.text/plain.5d41402abc4b2a76b9719d911017c592.5."));

  ck_assert_str_ne (plain.rev, with.rev);
  ck_assert_str_eq (with.rev + 2, expected);
}
END_TEST

START_TEST (attachment_stubs)
{
  const BaruaWritten first = attach ("a", NULL, "x", BARUA_TEXT ("hello"));
  BaruaAttachmentEdit stub = { .name = BARUA_TEXT ("x"), .revpos = 7 };
  BaruaEdit edit = edit_of ("a", first.rev, "{}");
  edit.attachments = &stub;
  edit.n_attachments = 1;

  put_expecting (edit, BARUA_STORE_ERROR_MISSING_STUB); /* another revpos */
  stub.revpos = 1;
  stub.name = BARUA_TEXT ("y");
  put_expecting (edit, BARUA_STORE_ERROR_MISSING_STUB);
  stub.name = BARUA_TEXT ("x");
  const BaruaWritten second = put_expecting (edit, -1);

  /* a server's change keeps them without naming them */
  edit = edit_of ("a", second.rev, "{\"n\":2}");
  edit.is_server_made = TRUE;
  put_expecting (edit, -1);
  assert_attachments ("a", NULL, "x text/plain 1 5 " HELLO_DIGEST ";");
  assert_sound ();

  edit = edit_of ("new", NULL, "{}");
  edit.attachments = &stub;
  edit.n_attachments = 1;
  put_expecting (edit, BARUA_STORE_ERROR_MISSING_STUB);
}
END_TEST

START_TEST (attachment_replicated)
{
  const BaruaAttachmentEdit bytes = { .name = BARUA_TEXT ("x"),
                                      .source = BARUA_ATTACHMENT_BYTES,
                                      .bytes = BARUA_TEXT ("hello"),
                                      .revpos = 2 };
  const BaruaAttachmentEdit stub = { .name = BARUA_TEXT ("x"), .revpos = 2 };
  BaruaEdit edit = edit_of ("a", NULL, "{}");

  edit.attachments = &bytes;
  edit.n_attachments = 1;
  merge_edit (edit, 3, "c b a", -1);
  edit.attachments = &stub;
  merge_edit (edit, 5, "e d c", -1);
  assert_attachments ("a", NULL, "x application/octet-stream 2 5 " HELLO_DIGEST ";");
  merge_edit (edit, 5, "z", BARUA_STORE_ERROR_MISSING_STUB);
  assert_sound ();
}
END_TEST

/* A blob to read, by pieces of an odd size. */
typedef struct
{
  gint64 blob;
  gint64 offset;
  char buffer[50000];
  gsize n;
} Piece;

static gboolean
piece_query (BaruaReader *reader, gpointer data, GError **error)
{
  Piece *piece = data;

  return barua_reader_read_blob (reader, piece->blob, piece->offset, piece->buffer,
                                 sizeof piece->buffer, &piece->n, error);
}

/* Bytes of a file come in and go out in pieces. */
START_TEST (attachment_file)
{
  const gsize n = 300001;
  g_autofree char *bytes = g_malloc (n);
  g_autofree char *name = g_build_filename (g_get_tmp_dir (), "barua-att-XXXXXX", NULL);
  const int fd = g_mkstemp (name);
  int code = -1;

  for (gsize i = 0; i < n; i++)
    bytes[i] = (char)(i * 7 + i / 65536);
  ck_assert_int_eq ((int)write (fd, bytes, n), (int)n);
  BaruaAttachmentEdit file
      = { .name = BARUA_TEXT ("f"), .source = BARUA_ATTACHMENT_FILE, .fd = fd, .length = n };
  BaruaEdit edit = edit_of ("a", NULL, "{}");
  edit.attachments = &file;
  edit.n_attachments = 1;
  put_expecting (edit, -1);
  attach ("b", NULL, "same", (BaruaText){ bytes, n });
  ck_assert_int_eq (integer_of ("SELECT count(*) FROM blob"), 1);

  g_autoptr (BaruaDocument) document = get ("a", NULL, &code);
  const BaruaAttachment *a = barua_document_find_attachment (document, BARUA_TEXT ("f"));
  Piece piece = { .blob = a->blob };
  do
    {
      ck_assert (barua_store_read (store, piece_query, &piece, NULL));
      ck_assert_int_eq (memcmp (piece.buffer, bytes + piece.offset, piece.n), 0);
      piece.offset += (gint64)piece.n;
    }
  while (piece.n > 0);
  ck_assert_int_eq ((int)piece.offset, (int)n);
  piece.blob = 4711;
  ck_assert (!barua_store_read (store, piece_query, &piece, NULL));

  file.length = n + 1; /* a file that lies about its length changes nothing */
  edit.id = BARUA_TEXT ("c");
  put_expecting (edit, BARUA_STORE_ERROR_FAILED);
  assert_no_document ("c", NULL, BARUA_STORE_ERROR_NOT_FOUND);
  assert_sound ();
  close (fd);
  unlink (name);
}
END_TEST

/* Damage that the check must see, and whether making it again repairs it. */
static const struct
{
  const char *sql;
  gboolean is_repaired;
} damages[] = {
  { "UPDATE blob SET refs = refs + 1", TRUE },
  { "UPDATE blob SET unused = 5", TRUE },
  { "DELETE FROM att", TRUE },
  { "DELETE FROM piece", FALSE },
  { "UPDATE att SET hash = 'x'", FALSE },
  { "UPDATE att SET blobnum = 99", FALSE },
};

START_TEST (attachment_check)
{
  g_autoptr (GPtrArray) differences = NULL;

  attach ("a", NULL, "x", BARUA_TEXT ("hello"));
  assert_sound ();
  exec (damages[_i].sql);
  ck_assert (barua_store_check (store, &differences, NULL));
  ck_assert_msg (differences->len > 0, "not seen: %s", damages[_i].sql);
  ck_assert (barua_store_reindex (store, NULL));
  if (damages[_i].is_repaired)
    assert_sound ();
}
END_TEST

START_TEST (attachment_names)
{
  static const char *const bad[] = { "", "_x", "\xff" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *reason = barua_attachment_name_check (barua_text (bad[i]));
      ck_assert_ptr_nonnull (reason);
    }
  ck_assert_ptr_null (barua_attachment_name_check (BARUA_TEXT ("dir/f 1.txt")));
}
END_TEST

/* The verbs that must work on every kind of store. */
static TCase *
verbs (const char *name, void (*set_up) (void))
{
  TCase *tc = tcase_create (name);

  tcase_add_checked_fixture (tc, set_up, tear_down);
  tcase_add_test (tc, tree_merge);
  tcase_add_test (tc, tree_edits);
  tcase_add_test (tc, tree_invalid);
  tcase_add_test (tc, tree_long_path);
  tcase_add_test (tc, tree_functions);
  tcase_add_test (tc, tree_missing);
  tcase_add_test (tc, attachment_life);
  tcase_add_test (tc, attachment_hash);
  tcase_add_test (tc, attachment_stubs);
  tcase_add_test (tc, attachment_replicated);
  tcase_add_test (tc, attachment_file);
  return tc;
}

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("store-tree");
  TCase *tc = verbs ("memory", set_up_memory);

  tcase_add_loop_test (tc, tree_random, 0, 60);
  tcase_add_test (tc, attachment_names);
  tcase_add_loop_test (tc, attachment_check, 0, G_N_ELEMENTS (damages));
  suite_add_tcase (suite, tc);
  suite_add_tcase (suite, verbs ("file", set_up_file));
  return suite;
}
