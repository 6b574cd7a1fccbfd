/* SPDX-License-Identifier: MIT */

#include "gateway/rules/document.h"
#include "gateway/rules/revision.h"
#include "tests/suites.h"

#include <string.h>

/* A revision as received, and what is read from it. */
typedef struct
{
  const char *text;
  gint64 generation; /* 0: refused */
  const char *hash;
} RevCase;

static const RevCase revs[] = {
  { "1-abc", 1, "abc" },
  { "10-9", 10, "9" },
  { "3-a-b", 3, "a-b" },
  { "01-x", 1, "x" },
  { "999999999999999-x", 999999999999999, "x" },
  { "9999999999999999-x", 0, NULL }, /* no history is that long */
  { "0-abc", 0, NULL },
  { "-1-abc", 0, NULL },
  { "1-", 0, NULL },
  { "1", 0, NULL },
  { "", 0, NULL },
  { "-", 0, NULL },
  { "x-abc", 0, NULL },
  { "undefined", 0, NULL },
  { "+1-abc", 0, NULL },
};

START_TEST (revision_text)
{
  const RevCase *c = &revs[_i];
  BaruaRevision rev;
  const gboolean is_read = barua_revision_parse (barua_text (c->text), &rev);

  ck_assert_msg (is_read == (c->generation > 0), "%s", c->text);
  if (!is_read)
    return;
  ck_assert_int_eq (rev.generation, c->generation);
  ck_assert (barua_text_equal (rev.hash, barua_text (c->hash)));
}
END_TEST

START_TEST (revision_nul)
{
  BaruaRevision rev;

  ck_assert (!barua_revision_parse ((BaruaText){ "1-a\0b", 5 }, &rev));
  ck_assert (!barua_revision_parse ((BaruaText){ NULL, 0 }, &rev));
}
END_TEST

START_TEST (revision_fold)
{
  char out[BARUA_REVISION_HASH_BYTES];
  const BaruaText capitals = BARUA_TEXT ("ABCDEF0123456789abcdef0123456789");
  const BaruaText other = BARUA_TEXT ("ABCDEFG123456789abcdef0123456789");

  ck_assert (barua_text_equal (barua_revision_fold (capitals, out),
                               BARUA_TEXT ("abcdef0123456789abcdef0123456789")));
  ck_assert (barua_text_equal (barua_revision_fold (other, out), other));
  ck_assert (barua_text_equal (barua_revision_fold (BARUA_TEXT ("ABC"), out), BARUA_TEXT ("ABC")));
}
END_TEST

/* Reads a revision that is known to be one. */
static BaruaRevision
rev_of (const char *text)
{
  BaruaRevision rev = { 0 };

  ck_assert (barua_revision_parse (barua_text (text), &rev));
  return rev;
}

START_TEST (revision_order)
{
  ck_assert_int_gt (barua_revision_compare (rev_of ("10-a"), rev_of ("9-b")), 0);
  ck_assert_int_lt (barua_revision_compare (rev_of ("2-a"), rev_of ("2-b")), 0);
  ck_assert_int_lt (barua_revision_compare (rev_of ("2-a"), rev_of ("2-aa")), 0);
  ck_assert_int_gt (barua_revision_compare (rev_of ("2-\xc3\xa9"), rev_of ("2-z")), 0);
  ck_assert_int_eq (barua_revision_compare (rev_of ("2-a"), rev_of ("2-a")), 0);
  /* a deleted leaf never beats a live one, however long its history */
  ck_assert_int_lt (barua_revision_compare_leaves (rev_of ("2-a"), FALSE, rev_of ("9-z"), TRUE), 0);
  ck_assert_int_gt (barua_revision_compare_leaves (rev_of ("9-z"), TRUE, rev_of ("2-a"), FALSE), 0);
  ck_assert_int_lt (barua_revision_compare_leaves (rev_of ("3-b"), FALSE, rev_of ("3-a"), FALSE),
                    0);
  ck_assert_int_lt (barua_revision_compare_leaves (rev_of ("3-a"), TRUE, rev_of ("2-z"), TRUE), 0);
}
END_TEST

/* The md5 of the text that documents.md 4 describes. */
static char *
md5_of (const char *text, gsize n)
{
  return g_compute_checksum_for_data (G_CHECKSUM_MD5, (const guchar *)text, n);
}

START_TEST (revision_hash)
{
  static const char with_attachment[]
      = "br1\n2-ab\nD\n{}\na.txt\0text/plain\0d41d8cd98f00b204e9800998ecf8427e\0"
        "0\n";
  const BaruaRevisionAttachment attachment = { BARUA_TEXT ("a.txt"), BARUA_TEXT ("text/plain"),
                                               BARUA_TEXT ("d41d8cd98f00b204e9800998ecf8427e"), 0 };
  g_autofree char *first = md5_of ("br1\n\nL\n{\"a\":1}\n", strlen ("br1\n\nL\n{\"a\":1}\n"));
  g_autofree char *second = md5_of (with_attachment, sizeof with_attachment - 1);
  char hash[BARUA_REVISION_HASH_BYTES + 1];
  char rev[BARUA_REVISION_SIZE];

  barua_revision_hash ((BaruaText){ NULL, 0 }, FALSE, BARUA_TEXT ("{\"a\":1}"), NULL, 0, hash);
  ck_assert_str_eq (hash, first);
  barua_revision_hash (BARUA_TEXT ("2-ab"), TRUE, BARUA_TEXT ("{}"), &attachment, 1, hash);
  ck_assert_str_eq (hash, second);

  ck_assert_uint_eq (barua_revision_write (999999999999999, hash, rev), strlen (rev));
  ck_assert (g_str_has_prefix (rev, "999999999999999-"));
  ck_assert_str_eq (rev + 16, hash);
}
END_TEST

START_TEST (document_ids)
{
  char longest[BARUA_DOCUMENT_ID_MAX_BYTES + 2];
  memset (longest, 'x', sizeof longest);

  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("a/b c[%+\xf0\x9f\x98\x80")), BARUA_ID_FINE);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("_design/x")), BARUA_ID_FINE);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("_design/")), BARUA_ID_RESERVED);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("_local/x")), BARUA_ID_RESERVED);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("_x")), BARUA_ID_RESERVED);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("")), BARUA_ID_EMPTY);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("a\0b")), BARUA_ID_NOT_TEXT);
  ck_assert_int_eq (barua_id_check (BARUA_TEXT ("a\xff")), BARUA_ID_NOT_TEXT);
  ck_assert_int_eq (barua_id_check ((BaruaText){ longest, BARUA_DOCUMENT_ID_MAX_BYTES }),
                    BARUA_ID_FINE);
  ck_assert_int_eq (barua_id_check ((BaruaText){ longest, BARUA_DOCUMENT_ID_MAX_BYTES + 1 }),
                    BARUA_ID_TOO_LONG);
}
END_TEST

/* A document as received, the text that is stored, and the unknown `_` member. */
typedef struct
{
  const char *text;
  const char *body;
  const char *unknown;
} SplitCase;

static const SplitCase splits[] = {
  { "{}", "{}", NULL },
  { " { \"b\" : 1.50 , \"_id\":\"x\", \"a\":[ 1, 2 ] } ", "{\"b\":1.50,\"a\":[1,2]}", NULL },
  { "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}", NULL },
  { "{\"a\":1,\"\\u0061\":2}", "{\"a\":2}", NULL },
  { "{\"\\u005fid\":\"x\",\"c\":1}", "{\"c\":1}", NULL },
  { "{\"_conflicts\":[],\"_revs_info\":[],\"_local_seq\":1,\"_deleted_conflicts\":[]}", "{}",
    NULL },
  { "{\"_xyz\":1,\"_b\":2,\"n\":null}", "{\"n\":null}", "_xyz" },
  { "{\"\":1,\"x\":{\"_id\":2}}", "{\"\":1,\"x\":{\"_id\":2}}", NULL },
};

START_TEST (document_split)
{
  const SplitCase *c = &splits[_i];
  g_autoptr (GString) body = g_string_new (NULL);
  BaruaSpecialMembers special;
  BaruaJson json;

  ck_assert (barua_json_read (c->text, -1, &json, NULL));
  barua_document_split (json, &special, body);
  ck_assert_str_eq (body->str, c->body);
  ck_assert_msg (barua_text_equal (special.unknown, barua_text (c->unknown)), "%s", c->text);
}
END_TEST

START_TEST (document_special)
{
  g_autoptr (GString) body = g_string_new (NULL);
  BaruaSpecialMembers special;
  BaruaJson json;

  ck_assert (barua_json_read ("{\"_id\":\"x\",\"_rev\":\"1-a\",\"_deleted\":false,\"_id\":\"y\","
                              "\"_revisions\":{},\"_attachments\":{\"f\":1}}",
                              -1, &json, NULL));
  barua_document_split (json, &special, body);
  ck_assert (barua_json_string_is (special.id, BARUA_TEXT ("y")));
  ck_assert (barua_json_string_is (special.rev, BARUA_TEXT ("1-a")));
  ck_assert_int_eq (barua_json_type (special.deleted), BARUA_JSON_FALSE);
  ck_assert_int_eq (barua_json_type (special.revisions), BARUA_JSON_OBJECT);
  ck_assert_uint_eq (barua_json_size (special.attachments), 1);
}
END_TEST

/* Many members take the table; the result must not differ from that of few. */
START_TEST (document_many)
{
  g_autoptr (GString) text = g_string_new ("{");
  g_autoptr (GString) body = g_string_new (NULL);
  BaruaSpecialMembers special;
  BaruaJson json;

  for (int i = 0; i < 2000; i++)
    g_string_append_printf (text, "\"k%d\":%d,", i % 1000, i);
  g_string_append (text, "\"_id\":\"z\"}");
  ck_assert (barua_json_read (text->str, -1, &json, NULL));
  barua_document_split (json, &special, body);
  ck_assert (barua_json_read (body->str, -1, &json, NULL));
  ck_assert_uint_eq (barua_json_size (json), 1000);
  ck_assert (g_str_has_prefix (body->str, "{\"k0\":1000,\"k1\":1001,"));
  ck_assert (g_str_has_suffix (body->str, "\"k999\":1999}"));
}
END_TEST

START_TEST (document_append)
{
  g_autoptr (GString) out = g_string_new (NULL);

  barua_document_append (out, BARUA_TEXT ("a\"b"), BARUA_TEXT ("1-x"), BARUA_TEXT ("{\"z\":1}"),
                         FALSE);
  ck_assert_str_eq (out->str, "{\"_id\":\"a\\\"b\",\"_rev\":\"1-x\",\"z\":1}");
  g_string_truncate (out, 0);
  barua_document_append (out, BARUA_TEXT ("a"), BARUA_TEXT ("2-x"), BARUA_TEXT ("{}"), TRUE);
  ck_assert_str_eq (out->str, "{\"_id\":\"a\",\"_rev\":\"2-x\",\"_deleted\":true}");
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("revision");
  TCase *tc = tcase_create ("revision");

  tcase_add_loop_test (tc, revision_text, 0, G_N_ELEMENTS (revs));
  tcase_add_test (tc, revision_nul);
  tcase_add_test (tc, revision_fold);
  tcase_add_test (tc, revision_order);
  tcase_add_test (tc, revision_hash);
  suite_add_tcase (suite, tc);

  tc = tcase_create ("document");
  tcase_add_test (tc, document_ids);
  tcase_add_loop_test (tc, document_split, 0, G_N_ELEMENTS (splits));
  tcase_add_test (tc, document_special);
  tcase_add_test (tc, document_many);
  tcase_add_test (tc, document_append);
  suite_add_tcase (suite, tc);
  return suite;
}
