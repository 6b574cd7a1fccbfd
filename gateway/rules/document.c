/* SPDX-License-Identifier: MIT */

/* Documents as they travel and as they are stored: ids, and the members that begin with `_`. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/document.h"

#include <string.h>

/* Up to this many members are compared with one another; more are looked up in a table. */
#define FEW_MEMBERS 24

static const char *const verdict_reasons[] = {
  [BARUA_ID_FINE] = NULL,
  [BARUA_ID_EMPTY] = "Document id must not be empty",
  [BARUA_ID_RESERVED] = "Only reserved document ids may start with underscore.",
  [BARUA_ID_NOT_TEXT] = "Document id must be a string",
  [BARUA_ID_TOO_LONG] = "Document id is too long",
};

BaruaIdVerdict
barua_id_check (BaruaText id)
{
  static const BaruaText design = BARUA_TEXT ("_design/");

  if (id.n == 0)
    return BARUA_ID_EMPTY;
  if (id.n > BARUA_DOCUMENT_ID_MAX_BYTES)
    return BARUA_ID_TOO_LONG;
  if (!g_utf8_validate_len (id.p, id.n, NULL)) /* refuses U+0000 too */
    return BARUA_ID_NOT_TEXT;
  if (id.p[0] == '_' && (id.n <= design.n || memcmp (id.p, design.p, design.n) != 0))
    return BARUA_ID_RESERVED;
  return BARUA_ID_FINE;
}

/* Names that are paths of the server (documents.md 1). */
static const char *const server_names[]
    = { "api", "cdb", "login", "static", "admin", "metrics", "healthz", "readyz" };

/* Names that begin with `_` and are databases nevertheless. */
static const char *const system_names[] = { "_users", "_replicator" };

/* Whether @name is one of a list. */
static gboolean
is_listed (BaruaText name, const char *const *list, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (barua_text_equal (name, barua_text (list[i])))
      return TRUE;
  return FALSE;
}

gboolean
barua_database_name_is_valid (BaruaText name)
{
  if (is_listed (name, system_names, G_N_ELEMENTS (system_names)))
    return TRUE;
  if (name.n == 0 || name.n > BARUA_DATABASE_NAME_MAX_BYTES || !g_ascii_islower (name.p[0])
      || is_listed (name, server_names, G_N_ELEMENTS (server_names)))
    return FALSE;
  for (gsize i = 1; i < name.n; i++)
    if (!g_ascii_islower (name.p[i]) && !g_ascii_isdigit (name.p[i])
        && memchr ("_$()+/-", name.p[i], 7) == NULL)
      return FALSE;
  return TRUE;
}

const char *
barua_id_verdict_reason (BaruaIdVerdict verdict)
{
  return verdict_reasons[verdict];
}

/* A member of the document: its name decoded, and both texts as received. */
typedef struct
{
  BaruaText name;
  BaruaJson key;
  BaruaJson value;
  char *decoded; /* what @name borrows from when the name had escapes */
} Member;

/* Frees what a member owns. */
static void
member_clear (gpointer member)
{
  g_free (((Member *)member)->decoded);
}

static guint
name_hash (gconstpointer member)
{
  const BaruaText name = ((const Member *)member)->name;
  guint hash = 5381;

  for (gsize i = 0; i < name.n; i++)
    hash = hash * 33 + (guchar)name.p[i];
  return hash;
}

static gboolean
name_equal (gconstpointer a, gconstpointer b)
{
  return barua_text_equal (((const Member *)a)->name, ((const Member *)b)->name);
}

/* Puts a member whose name begins with `_` where it belongs. */
static void
take_special (BaruaSpecialMembers *special, BaruaText name, BaruaJson key, BaruaJson value)
{
  static const char *const ignored[]
      = { "_revs_info", "_conflicts", "_deleted_conflicts", "_local_seq" };
  const struct
  {
    const char *name;
    BaruaJson *value;
  } known[] = { { "_id", &special->id },
                { "_rev", &special->rev },
                { "_revisions", &special->revisions },
                { "_deleted", &special->deleted },
                { "_attachments", &special->attachments } };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (barua_text_equal (name, barua_text (known[i].name)))
      {
        *known[i].value = value;
        return;
      }
  for (gsize i = 0; i < G_N_ELEMENTS (ignored); i++)
    if (barua_text_equal (name, barua_text (ignored[i])))
      return;
  if (special->unknown.p == NULL)
    special->unknown = (BaruaText){ key.text + 1, key.length - 2 };
}

/* Collects the ordinary members of @document and hands the others to take_special(). */
static GArray *
collect_members (BaruaJson document, BaruaSpecialMembers *special)
{
  GArray *members = g_array_new (FALSE, FALSE, sizeof (Member));
  BaruaJsonIter iter;
  BaruaJson key;
  BaruaJson value;

  g_array_set_clear_func (members, member_clear);
  barua_json_iter_init (&iter, document);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      Member member = { .key = key, .value = value };
      if (!barua_json_string_raw (key, &member.name))
        {
          member.decoded = barua_json_string (key, &member.name.n);
          member.name.p = member.decoded;
        }
      if (member.name.n > 0 && member.name.p[0] == '_')
        {
          take_special (special, member.name, key, value);
          member_clear (&member);
          continue;
        }
      g_array_append_val (members, member);
    }
  return members;
}

/* The earlier member of the same name among few, or NULL. */
static Member *
find_among_few (GArray *members, guint before)
{
  const Member *member = &g_array_index (members, Member, before);

  for (guint i = 0; i < before; i++)
    if (name_equal (&g_array_index (members, Member, i), member))
      return &g_array_index (members, Member, i);
  return NULL;
}

/* Gives the first member of each name the last value, and empties the key of the later ones. */
static void
merge_duplicates (GArray *members)
{
  g_autoptr (GHashTable) seen
      = members->len > FEW_MEMBERS ? g_hash_table_new (name_hash, name_equal) : NULL;

  for (guint i = 0; i < members->len; i++)
    {
      Member *member = &g_array_index (members, Member, i);
      Member *first
          = seen != NULL ? g_hash_table_lookup (seen, member) : find_among_few (members, i);
      if (first == NULL)
        {
          if (seen != NULL)
            g_hash_table_add (seen, member);
          continue;
        }
      first->value = member->value;
      member->key = BARUA_JSON_NONE;
    }
}

void
barua_document_split (BaruaJson document, BaruaSpecialMembers *special, GString *body)
{
  *special = (BaruaSpecialMembers){ 0 };
  g_autoptr (GArray) members = collect_members (document, special);
  merge_duplicates (members);

  g_string_append_c (body, '{');
  gboolean is_first = TRUE;
  for (guint i = 0; i < members->len; i++)
    {
      const Member *member = &g_array_index (members, Member, i);
      if (member->key.text == NULL)
        continue;
      if (!is_first)
        g_string_append_c (body, ',');
      is_first = FALSE;
      g_string_append_len (body, member->key.text, (gssize)member->key.length);
      g_string_append_c (body, ':');
      barua_json_append_minified (body, member->value);
    }
  g_string_append_c (body, '}');
}

void
barua_document_append (GString *out, BaruaText id, BaruaText rev, BaruaText body, gboolean deleted)
{
  g_string_append (out, "{\"_id\":");
  barua_json_append_string (out, id);
  g_string_append (out, ",\"_rev\":");
  barua_json_append_string (out, rev);
  if (body.n > 2)
    {
      g_string_append_c (out, ',');
      g_string_append_len (out, body.p + 1, (gssize)body.n - 2);
    }
  g_string_append (out, deleted ? ",\"_deleted\":true}" : "}");
}

/* Appends a member; @key as JSON. */
static void
append_pair (GString *out, BaruaText key, BaruaText json)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append_len (out, key.p, (gssize)key.n);
  g_string_append_c (out, ':');
  g_string_append_len (out, json.p, (gssize)json.n);
}

/* The number of the edit of a member; -1 when it stays. */
static int
find_edit (BaruaJson key, const BaruaMemberEdit *edits, gsize n_edits)
{
  for (gsize i = 0; i < n_edits; i++)
    if (barua_json_string_is (key, barua_text (edits[i].name)))
      return (int)i;
  return -1;
}

void
barua_document_edit (GString *out, BaruaJson body, const BaruaMemberEdit *edits, gsize n_edits)
{
  guint64 done = 0;
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_return_if_fail (n_edits <= 64);
  g_string_append_c (out, '{');
  barua_json_iter_init (&iter, body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      const int i = find_edit (key, edits, n_edits);
      const BaruaText json = i >= 0 ? edits[i].json : (BaruaText){ value.text, value.length };
      if (i >= 0 && (done >> i & 1) != 0)
        continue;
      if (i >= 0)
        done |= G_GUINT64_CONSTANT (1) << i;
      if (json.p != NULL)
        append_pair (out, (BaruaText){ key.text, key.length }, json);
    }
  for (gsize i = 0; i < n_edits; i++)
    if ((done >> i & 1) == 0 && edits[i].json.p != NULL)
      {
        g_autoptr (GString) name = g_string_new (NULL);
        barua_json_append_string (name, barua_text (edits[i].name));
        append_pair (out, (BaruaText){ name->str, name->len }, edits[i].json);
      }
  g_string_append_c (out, '}');
}

void
barua_document_append_with (GString *out, BaruaJson body, const char *name, BaruaText value)
{
  const BaruaMemberEdit change = { name, value };

  barua_document_edit (out, body, &change, 1);
}
