/* SPDX-License-Identifier: MIT */

#include "forms/json.h"
#include "gateway/http/brackets.h"
#include "tests/suites.h"

typedef struct
{
  const char *query;
  const char *json;
} Case;

/* export-and-monitoring.md 1.6 */
static const Case cases[] = {
  { NULL, "{}" },
  { "", "{}" },
  { "&&", "{}" },
  { "filters[search]=&filters[forms][selected][0][code]=V",
    "{\"filters\":{\"search\":\"\",\"forms\":{\"selected\":[{\"code\":\"V\"}]}}}" },
  { "a%5Bb%5D=1", "{\"a\":{\"b\":\"1\"}}" },
  { "a[%62]=1", "{\"a\":{\"b\":\"1\"}}" },
  { "a[b]=x+y", "{\"a\":{\"b\":\"x y\"}}" },
  { "a[]=1&a[]=2", "{\"a\":[\"1\",\"2\"]}" },
  { "a=1&a=2", "{\"a\":[\"1\",\"2\"]}" },
  { "a=1&a=2&a=3", "{\"a\":[\"1\",\"2\",\"3\"]}" },
  { "a[1]=y&a[0]=x", "{\"a\":[\"x\",\"y\"]}" },
  { "a[0]=x&a[5]=y", "{\"a\":[\"x\",\"y\"]}" },
  { "a[20]=x", "{\"a\":[\"x\"]}" },
  { "a[21]=x", "{\"a\":{\"21\":\"x\"}}" },
  { "a[0]=x&a[21]=y", "{\"a\":{\"0\":\"x\",\"21\":\"y\"}}" },
  { "a[01]=x", "{\"a\":{\"01\":\"x\"}}" },
  { "a[-1]=x", "{\"a\":{\"-1\":\"x\"}}" },
  { "a[]=1&a[b]=2", "{\"a\":{\"0\":\"1\",\"b\":\"2\"}}" },
  { "a[0][b]=1&a[0][c]=2&a[1][b]=3", "{\"a\":[{\"b\":\"1\",\"c\":\"2\"},{\"b\":\"3\"}]}" },
  { "a[b][c][d][e][f][g][h]=1",
    "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"[g][h]\":\"1\"}}}}}}}" },
  { "a", "{\"a\":\"\"}" },
  { "a.b=1", "{\"a.b\":\"1\"}" },
  { "a[b", "{\"a[b\":\"\"}" },
  { "a[b=1", "{\"a[b\":\"1\"}" },
  { "a=%zz&b=%", "{\"a\":\"%zz\",\"b\":\"%\"}" },
  { "a[__proto__]=1&b=2", "{\"b\":\"2\"}" },
  { "__proto__[x]=1", "{}" },
  { "[]=1", "{\"\":\"1\"}" },
  { "[0]=1", "{\"0\":\"1\"}" },
  { "a[b]]=1", "{\"a\":{\"b\":\"1\"}}" },
  { "a=1&a[b]=2", "{\"a\":{\"0\":\"1\",\"b\":\"2\"}}" },
  { "a[b]=2&a=1", "{\"a\":{\"b\":\"2\",\"1\":\"1\"}}" },
  { "a=%22%5C%00", "{\"a\":\"\\\"\\\\\xef\xbf\xbd\"}" },
};

START_TEST (brackets_table)
{
  const Case *c = &cases[_i];
  GString *json = barua_brackets_to_json (c->query, c->query != NULL ? strlen (c->query) : 0);

  ck_assert_str_eq (json->str, c->json);
  g_string_free (json, TRUE);
}
END_TEST

/* Whatever comes, what is made is one JSON object. */
START_TEST (brackets_noise)
{
  static const char alphabet[] = "ab[]0129=&%5B.-_+\xc3";
  GRand *chance = g_rand_new_with_seed (5);

  for (guint round = 0; round < 20000; round++)
    {
      char query[40];
      gsize n = g_rand_int_range (chance, 0, sizeof query);
      BaruaJson value;
      for (gsize i = 0; i < n; i++)
        query[i] = alphabet[g_rand_int_range (chance, 0, sizeof alphabet - 1)];
      GString *json = barua_brackets_to_json (query, n);
      ck_assert_msg (barua_json_read (json->str, (gssize)json->len, &value, NULL), "%.*s -> %s",
                     (int)n, query, json->str);
      ck_assert_int_eq (json->str[0], '{');
      g_string_free (json, TRUE);
    }
  g_rand_free (chance);
}
END_TEST

/* The thousand and first pair is dropped. */
START_TEST (brackets_many)
{
  GString *query = g_string_new (NULL);

  for (guint i = 0; i < BARUA_BRACKETS_PAIRS; i++)
    g_string_append (query, "a[]=1&");
  g_string_append (query, "&&b=2&c=3");
  GString *json = barua_brackets_to_json (query->str, query->len);
  ck_assert_ptr_null (strstr (json->str, "\"b\""));
  ck_assert_uint_eq (json->len, strlen ("{\"a\":[]}") + 4 * BARUA_BRACKETS_PAIRS - 1);
  g_string_free (json, TRUE);
  g_string_free (query, TRUE);
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("brackets");
  TCase *tcase = tcase_create ("query");

  tcase_add_loop_test (tcase, brackets_table, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tcase, brackets_noise);
  tcase_add_test (tcase, brackets_many);
  suite_add_tcase (suite, tcase);
  return suite;
}
