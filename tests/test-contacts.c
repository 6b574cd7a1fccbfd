/* SPDX-License-Identifier: MIT */

#include "gateway/rules/contacts.h"
#include "gateway/rules/lineage.h"
#include "tests/suites.h"

#include <gio/gio.h>
#include <string.h>

#define NOW 1795280132746

/* Documents that are stored: body by id. A chain longer than a lineage may be is made by test. */
static const struct
{
  const char *id;
  const char *body;
} stored_documents[] = {
  { "dh1", "{\"type\":\"district_hospital\",\"name\":\"D\",\"contact\":{\"_id\":\"p1\"}}" },
  { "hc1", "{\"type\":\"health_center\",\"name\":\"H\",\"parent\":{\"_id\":\"dh1\"}}" },
  { "cl1", "{\"type\":\"clinic\",\"name\":\"C\",\"parent\":{\"_id\":\"hc1\",\"parent\":{\"_id\":"
           "\"dh1\"}}}" },
  { "p1", "{\"type\":\"person\",\"name\":\"P\",\"patient_id\":\"123\",\"parent\":{\"_id\":\"cl1\","
          "\"parent\":{\"_id\":\"hc1\",\"parent\":{\"_id\":\"dh1\"}}}}" },
  { "r1", "{\"type\":\"data_record\",\"contact\":{\"_id\":\"p1\"},\"patient\":\"x\",\"fields\":{"
          "\"patient_id\":123}}" },
  { "secret", "{\"type\":\"token_login\",\"name\":\"S\"}" },
  { "leak", "{\"type\":\"person\",\"parent\":{\"_id\":\"secret\"},\"contact\":\"secret\","
            "\"linked_docs\":{\"a\":\"secret\",\"b\":\"r1\",\"c\":\"dh1\"}}" },
};

/* What a look-up of the tests has done. */
typedef struct
{
  guint n_asked;
  guint n_ids;
  gboolean fails;
} Asked;

static gboolean
get_document (gpointer data, BaruaText id, BaruaStored *stored, GError **error)
{
  Asked *asked = data;

  asked->n_asked++;
  *stored = (BaruaStored){ .id = id };
  if (asked->fails)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_IO, "broken");
      return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (stored_documents); i++)
    if (barua_text_equal (id, barua_text (stored_documents[i].id)))
      *stored = (BaruaStored){ barua_text (stored_documents[i].id),
                               BARUA_TEXT ("1-a"),
                               { stored_documents[i].body, strlen (stored_documents[i].body) } };
  return TRUE;
}

static gboolean
find_contact (gpointer data, BaruaContactKey key, BaruaText value, BaruaText *id, GError **error)
{
  if (key == BARUA_CONTACT_BY_SHORTCODE && barua_text_equal (value, BARUA_TEXT ("123")))
    *id = BARUA_TEXT ("p1");
  return TRUE;
}

static void
new_id (gpointer data, char out[BARUA_LOOKUP_ID_SIZE])
{
  g_snprintf (out, BARUA_LOOKUP_ID_SIZE, "new%u", ((Asked *)data)->n_ids++);
}

/* One plan with its surroundings. */
typedef struct
{
  BaruaSettings *settings;
  BaruaArena *arena;
  Asked asked;
  BaruaLookup lookup;
  BaruaContactPlan plan;
  GError *error;
} Fixture;

static void
fixture_init (Fixture *f, const char *settings)
{
  g_autoptr (GBytes) bytes = g_bytes_new (settings, strlen (settings));

  *f = (Fixture){ .settings = barua_settings_compile (bytes, NULL, 0, NULL),
                  .arena = barua_arena_new () };
  ck_assert_ptr_nonnull (f->settings);
  f->lookup = (BaruaLookup){ &f->asked, NULL, get_document, find_contact, new_id };
  f->plan = (BaruaContactPlan){ .settings = f->settings,
                                .lookup = &f->lookup,
                                .arena = f->arena,
                                .now_ms = NOW,
                                .may_create_people = TRUE,
                                .may_create_places = TRUE };
  barua_contact_plan_init (&f->plan);
}

static void
fixture_clear (Fixture *f)
{
  barua_contact_plan_clear (&f->plan);
  barua_settings_unref (f->settings);
  barua_arena_free (f->arena);
  g_clear_error (&f->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static BaruaJson
json (const char *text)
{
  BaruaJson value = BARUA_JSON_NONE;

  ck_assert_msg (barua_json_read (text, -1, &value, NULL), "%s", text);
  return value;
}

static void
assert_json (BaruaJson value, const char *text)
{
  ck_assert_msg (barua_json_equal (value, json (text)), "%.*s is not %s", (int)value.length,
                 value.text, text);
}

static void
assert_planned (const Fixture *f, guint i, const char *id, const char *body)
{
  ck_assert_uint_lt (i, f->plan.documents->len);
  const BaruaPlannedDocument *document
      = &g_array_index (f->plan.documents, BaruaPlannedDocument, i);
  ck_assert_msg (barua_text_equal (document->id, barua_text (id)), "%.*s", (int)document->id.n,
                 document->id.p);
  assert_json ((BaruaJson){ document->body.p, document->body.n }, body);
}

static void
assert_refused (Fixture *f, gboolean is_done, BaruaContactsError code, const char *text)
{
  ck_assert (!is_done);
  ck_assert_msg (g_error_matches (f->error, BARUA_CONTACTS_ERROR, (int)code), "%s",
                 f->error->message);
  ck_assert_str_eq (f->error->message, text);
  g_clear_error (&f->error);
}

/* ---- types ---- */

typedef struct
{
  const char *types; /* NULL: the default hierarchy */
  const char *document;
  gboolean is_person;
  gboolean is_place;
} Type;

#define CUSTOM "[{\"id\":\"village\"},{\"id\":\"patient\",\"person\":true}]"

/* contacts.md 1 */
static const Type types[] = {
  { NULL, "{\"type\":\"person\"}", TRUE, FALSE },
  { NULL, "{\"type\":\"clinic\"}", FALSE, TRUE },
  { NULL, "{\"type\":\"national_office\"}", FALSE, TRUE },
  { NULL, "{\"type\":\"contact\",\"contact_type\":\"clinic\"}", FALSE, TRUE },
  { NULL, "{\"type\":\"contact\",\"contact_type\":\"person\"}", TRUE, FALSE },
  { NULL, "{\"type\":\"contact\"}", FALSE, FALSE },
  { NULL, "{\"type\":\"data_record\"}", FALSE, FALSE },
  { NULL, "{\"type\":5}", FALSE, FALSE },
  { NULL, "{}", FALSE, FALSE },
  { "{}", "{\"type\":\"clinic\"}", FALSE, TRUE },
  { "[]", "{\"type\":\"clinic\"}", FALSE, FALSE },
  { "[]", "{\"type\":\"person\"}", TRUE, FALSE },
  { CUSTOM, "{\"type\":\"patient\"}", TRUE, FALSE },
  { CUSTOM, "{\"type\":\"village\"}", FALSE, TRUE },
  { CUSTOM, "{\"type\":\"clinic\"}", FALSE, FALSE },
  { "[{\"id\":\"person\"}]", "{\"type\":\"person\"}", TRUE, FALSE },
};

START_TEST (contact_types)
{
  const Type *v = &types[_i];
  g_autofree char *text
      = v->types != NULL ? g_strdup_printf ("{\"contact_types\":%s}", v->types) : g_strdup ("{}");
  g_auto (Fixture) f = { .settings = NULL };

  fixture_init (&f, text);
  const BaruaContactType type = barua_contact_type (f.settings, f.arena, json (v->document));
  ck_assert_msg (type.is_person == v->is_person && type.is_place == v->is_place, "%s", v->document);
}
END_TEST

/* ---- plans ---- */

/* contacts.md 4.3: every parent before its child, each place before its contact. */
START_TEST (plan_order)
{
  g_auto (Fixture) f = { .settings = NULL };
  BaruaContact place;
  BaruaText created;

  fixture_init (&f, "{}");
  ck_assert (barua_contact_plan_place (
      &f.plan,
      json ("{\"name\":\"H\",\"type\":\"health_center\",\"reported_date\":1,"
            "\"contact\":{\"name\":\"A\"},"
            "\"parent\":{\"name\":\"D\",\"type\":\"district_hospital\"}}"),
      &place, &created, &f.error));
  ck_assert_uint_eq (f.plan.documents->len, 3);
  assert_planned (
      &f, 0, "new0",
      "{\"name\":\"D\",\"type\":\"district_hospital\",\"reported_date\":1795280132746}");
  assert_planned (&f, 1, "new1",
                  "{\"name\":\"H\",\"type\":\"health_center\",\"reported_date\":1,"
                  "\"parent\":{\"_id\":\"new0\"},\"contact\":{\"_id\":\"new2\",\"parent\":{\"_id\":"
                  "\"new1\",\"parent\":{\"_id\":\"new0\"}}}}");
  assert_planned (&f, 2, "new2",
                  "{\"name\":\"A\",\"type\":\"person\",\"reported_date\":1795280132746,"
                  "\"parent\":{\"_id\":\"new1\",\"parent\":{\"_id\":\"new0\"}}}");
  ck_assert_int_eq (place.planned, 1);
  ck_assert (barua_text_equal (created, BARUA_TEXT ("new2")));
}
END_TEST

/* What the creation of users does. */
START_TEST (plan_for_users)
{
  g_auto (Fixture) f = { .settings = NULL };
  BaruaContact place, person, other;

  fixture_init (&f, "{}");
  ck_assert (barua_contact_plan_take_place (
      &f.plan, json ("{\"name\":\"A\",\"type\":\"clinic\",\"parent\":\"hc1\"}"), &place, &f.error));
  ck_assert (barua_contact_plan_take_person (&f.plan, json ("{\"name\":\"M\"}"), &place, &person,
                                             &f.error));
  ck_assert (barua_contact_plan_set_contact (&f.plan, &place, &person, &f.error));
  ck_assert (barua_contact_is_within (&person, &place));
  assert_json (barua_json_member (place.body, "contact"),
               "{\"_id\":\"new1\",\"parent\":{\"_id\":\"new0\",\"parent\":{\"_id\":\"hc1\","
               "\"parent\":{\"_id\":\"dh1\"}}}}");
  ck_assert (barua_contact_plan_take_person (&f.plan, json ("\"p1\""), &place, &other, &f.error));
  ck_assert_int_eq (other.planned, -1);
  ck_assert (barua_text_equal (other.rev, BARUA_TEXT ("1-a")));
  ck_assert (!barua_contact_is_within (&other, &place));
  ck_assert (barua_contact_plan_take_place (&f.plan, json ("\"dh1\""), &place, &f.error));
  ck_assert (barua_contact_is_within (&other, &place) && barua_contact_is_within (&place, &place));
}
END_TEST

START_TEST (plan_permissions)
{
  g_auto (Fixture) f = { .settings = NULL };
  BaruaContact contact;

  fixture_init (&f, "{}");
  f.plan.may_create_people = FALSE;
  assert_refused (
      &f,
      barua_contact_plan_take_person (&f.plan, json ("{\"name\":\"M\"}"), NULL, &contact, &f.error),
      BARUA_CONTACTS_ERROR_FORBIDDEN, "Insufficient privileges");
  ck_assert (barua_contact_plan_take_person (&f.plan, json ("\"p1\""), NULL, &contact, &f.error));
  f.plan.may_create_places = FALSE;
  assert_refused (
      &f, barua_contact_plan_take_place (&f.plan, json ("{\"name\":\"M\"}"), &contact, &f.error),
      BARUA_CONTACTS_ERROR_FORBIDDEN, "Insufficient privileges");
}
END_TEST

/* A look-up that fails is no 404. */
START_TEST (plan_lookup_fails)
{
  g_auto (Fixture) f = { .settings = NULL };
  BaruaContact contact;

  fixture_init (&f, "{}");
  f.asked.fails = TRUE;
  ck_assert (!barua_contact_plan_take_place (&f.plan, json ("\"hc1\""), &contact, &f.error));
  ck_assert (g_error_matches (f.error, G_FILE_ERROR, G_FILE_ERROR_IO));
}
END_TEST

/* ---- lineage ---- */

typedef struct
{
  const char *link;
  const char *minified;
} Minified;

/* contacts.md 5 */
static const Minified minified[] = {
  { "{\"_id\":\"a\",\"name\":\"x\",\"parent\":{\"name\":\"y\",\"_id\":\"b\"}}",
    "{\"_id\":\"a\",\"parent\":{\"_id\":\"b\"}}" },
  { "{\"_id\":\"a\",\"parent\":null}", "{\"_id\":\"a\"}" },
  { "{\"_id\":\"a\",\"parent\":\"\"}", "{\"_id\":\"a\"}" },
  { "{\"_id\":\"a\",\"parent\":{ \"name\" : 1 }}", "{\"_id\":\"a\",\"parent\":{\"name\":1}}" },
  { "{\"_id\":\"a\",\"parent\":{}}", "{\"_id\":\"a\",\"parent\":{}}" },
  { "{\"name\":\"x\"}", "{\"name\":\"x\"}" },
  { "{\"_id\":\"\",\"name\":\"x\"}", "{\"_id\":\"\",\"name\":\"x\"}" },
  { "{}", "{}" },
  { "\"a\"", "\"a\"" },
  { "null", "null" },
};

START_TEST (lineage_minified)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (barua_lineage_append_minified (out, json (minified[_i].link), &error));
  ck_assert_str_eq (out->str, minified[_i].minified);
}
END_TEST

/* A chain of so many levels, from `l0` up. */
static char *
make_chain (guint levels)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < levels; i++)
    g_string_append_printf (text, "%s{\"_id\":\"l%u\"", i > 0 ? ",\"parent\":" : "", i);
  for (guint i = 0; i < levels; i++)
    g_string_append_c (text, '}');
  return g_string_free (text, FALSE);
}

START_TEST (lineage_levels)
{
  g_autofree char *longest = make_chain (BARUA_LINEAGE_MAX_LEVELS);
  g_autofree char *longer = make_chain (BARUA_LINEAGE_MAX_LEVELS + 1);
  g_autofree char *body = g_strdup_printf ("{\"parent\":%s}", longest);
  g_autoptr (GString) out = g_string_new ("kept");
  g_autoptr (GError) error = NULL;

  ck_assert (barua_lineage_append_minified (out, json (longest), NULL));
  ck_assert_str_eq (out->str + 4, longest);
  g_string_truncate (out, 4);
  ck_assert (!barua_lineage_append_minified (out, json (longer), &error));
  ck_assert (g_error_matches (error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_RECURSION));
  g_clear_error (&error);
  ck_assert (!barua_lineage_append_of (out, BARUA_TEXT ("me"), json (body), &error));
  ck_assert_str_eq (error->message, "Could not minify me, possible parent recursion.");
  ck_assert_str_eq (out->str, "kept");
  ck_assert (barua_lineage_has (json (longest), BARUA_TEXT ("l49")));
  ck_assert (!barua_lineage_has (json (longest), BARUA_TEXT ("l50")));
}
END_TEST

/* Hydrates one stored document. */
static char *
hydrate (Fixture *f, const char *id, gsize max_bytes)
{
  const BaruaHydration hydration = { &f->lookup, f->arena, max_bytes };
  g_autoptr (GString) out = g_string_new (NULL);
  BaruaStored stored;

  ck_assert (get_document (&f->asked, barua_text (id), &stored, NULL));
  if (!barua_lineage_append_hydrated (&hydration, &stored, out, &f->error))
    return NULL;
  return g_string_free (g_steal_pointer (&out), FALSE);
}

#define DH1                                                                                        \
  "{\"_id\":\"dh1\",\"_rev\":\"1-a\",\"type\":\"district_hospital\",\"name\":\"D\",\"contact\":{"  \
  "\"_id\":\"p1\",\"_rev\":\"1-a\",\"type\":\"person\",\"name\":\"P\",\"patient_id\":\"123\","     \
  "\"parent\":{\"_id\":\"cl1\",\"parent\":{\"_id\":\"hc1\",\"parent\":{\"_id\":\"dh1\"}}}}}"
#define HC1                                                                                        \
  "{\"_id\":\"hc1\",\"_rev\":\"1-a\",\"type\":\"health_center\",\"name\":\"H\",\"parent\":" DH1 "}"
#define P1                                                                                         \
  "{\"_id\":\"p1\",\"_rev\":\"1-a\",\"type\":\"person\",\"name\":\"P\",\"patient_id\":\"123\","    \
  "\"parent\":{\"_id\":\"cl1\",\"_rev\":\"1-a\",\"type\":\"clinic\",\"name\":\"C\","               \
  "\"parent\":" HC1 "}}"

/* contacts.md 6.2 */
START_TEST (lineage_hydrated)
{
  static const struct
  {
    const char *id;
    const char *text;
  } cases[] = {
    { "p1", P1 },
    { "hc1", HC1 },
    { "r1", "{\"_id\":\"r1\",\"_rev\":\"1-a\",\"type\":\"data_record\",\"contact\":" P1
            ",\"fields\":{\"patient_id\":123},\"patient\":" P1 "}" },
    { "secret", "{\"_id\":\"secret\",\"_rev\":\"1-a\",\"type\":\"token_login\",\"name\":\"S\"}" },
  };
  g_auto (Fixture) f = { .settings = NULL };

  fixture_init (&f, "{}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hydrate (&f, cases[i].id, 100000);
      ck_assert_str_eq (text, cases[i].text);
    }
}
END_TEST

/* Links show contacts, and records where documents are linked, but nothing else. */
START_TEST (lineage_shows_nothing_else)
{
  g_auto (Fixture) f = { .settings = NULL };

  fixture_init (&f, "{}");
  g_autofree char *text = hydrate (&f, "leak", 100000);
  ck_assert_ptr_null (strstr (text, "token_login"));
  ck_assert_ptr_nonnull (strstr (text, "\"parent\":{\"_id\":\"secret\"}"));
  ck_assert_ptr_nonnull (strstr (text, "\"a\":\"secret\""));
  ck_assert_ptr_nonnull (strstr (text, "\"b\":{\"_id\":\"r1\""));
  ck_assert_ptr_nonnull (strstr (text, "\"c\":{\"_id\":\"dh1\""));
}
END_TEST

START_TEST (lineage_limit)
{
  g_auto (Fixture) f = { .settings = NULL };

  fixture_init (&f, "{}");
  g_autofree char *fits = hydrate (&f, "p1", strlen (P1));
  ck_assert_str_eq (fits, P1);
  ck_assert_ptr_null (hydrate (&f, "p1", 100));
  ck_assert (g_error_matches (f.error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_TOO_LARGE));
}
END_TEST

Suite *
barua_suite (void)
{
  Suite *suite = suite_create ("contacts");
  TCase *tc = tcase_create ("contacts");

  tcase_add_loop_test (tc, contact_types, 0, (int)G_N_ELEMENTS (types));
  tcase_add_test (tc, plan_order);
  tcase_add_test (tc, plan_for_users);
  tcase_add_test (tc, plan_permissions);
  tcase_add_test (tc, plan_lookup_fails);
  tcase_add_loop_test (tc, lineage_minified, 0, (int)G_N_ELEMENTS (minified));
  tcase_add_test (tc, lineage_levels);
  tcase_add_test (tc, lineage_hydrated);
  tcase_add_test (tc, lineage_shows_nothing_else);
  tcase_add_test (tc, lineage_limit);
  suite_add_tcase (suite, tc);
  return suite;
}
