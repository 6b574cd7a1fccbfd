/* SPDX-License-Identifier: MIT */

/* The route table: which row is meant by a method and a path. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/router.h"

#include "gateway/http/query.h"

#include <string.h>

/* First segments that are no database (spec/documents.md 1): a parameter there does not take them.
 */
static const char *const reserved[]
    = { "admin", "api", "cdb", "healthz", "login", "metrics", "readyz", "static", NULL };

/* What a segment of a pattern takes; in the order in which patterns are tried. */
typedef enum
{
  SEGMENT_LITERAL,
  SEGMENT_PARAM,
  SEGMENT_REST,
} SegmentKind;

typedef struct
{
  SegmentKind kind;
  BaruaText text; /* the literal, or the parameter's name */
} Segment;

/* All rows of one path. */
typedef struct
{
  const char *path;
  GArray *segments;  /* of Segment */
  GPtrArray *routes; /* of const BaruaRoute */
} Pattern;

struct _BaruaRouter
{
  GPtrArray *patterns;  /* of Pattern, in the order of trying */
  GHashTable *literals; /* path -> Pattern without parameters, borrowed */
};

static void
pattern_free (Pattern *pattern)
{
  g_array_unref (pattern->segments);
  g_ptr_array_unref (pattern->routes);
  g_free (pattern);
}

/* One segment of a route's path as the table writes it. */
static Segment
read_segment (const char *text, gsize n)
{
  if (n < 3 || text[0] != '{' || text[n - 1] != '}')
    return (Segment){ SEGMENT_LITERAL, { text, n } };
  if (n > 5 && memcmp (text + n - 4, "...", 3) == 0)
    return (Segment){ SEGMENT_REST, { text + 1, n - 5 } };
  return (Segment){ SEGMENT_PARAM, { text + 1, n - 2 } };
}

/* The next segment of a path: skips slashes; absent at the end. */
static BaruaText
next_segment (const char **at)
{
  while (**at == '/')
    (*at)++;
  gsize n = strcspn (*at, "/");
  BaruaText segment = { n > 0 ? *at : NULL, n };

  *at += n;
  return segment;
}

static Pattern *
pattern_new (const char *path)
{
  Pattern *pattern = g_new0 (Pattern, 1);
  const char *at = path;
  guint n_params = 0;

  pattern->path = path;
  pattern->segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  pattern->routes = g_ptr_array_new ();
  for (BaruaText text = next_segment (&at); text.p != NULL; text = next_segment (&at))
    {
      Segment segment = read_segment (text.p, text.n);

      n_params += segment.kind != SEGMENT_LITERAL;
      g_array_append_val (pattern->segments, segment);
    }
  g_assert (n_params <= BARUA_ROUTE_MAX_PARAMS);
  return pattern;
}

/* Literal segments before parameters, parameters before rests, from left to right. */
static int
compare_patterns (gconstpointer a, gconstpointer b)
{
  const Pattern *left = *(Pattern *const *)a;
  const Pattern *right = *(Pattern *const *)b;
  guint n = MIN (left->segments->len, right->segments->len);

  for (guint i = 0; i < n; i++)
    {
      int order = (int)g_array_index (left->segments, Segment, i).kind
                  - (int)g_array_index (right->segments, Segment, i).kind;
      if (order != 0)
        return order;
    }
  return (int)left->segments->len - (int)right->segments->len;
}

static gboolean
is_literal (const Pattern *pattern)
{
  for (guint i = 0; i < pattern->segments->len; i++)
    if (g_array_index (pattern->segments, Segment, i).kind != SEGMENT_LITERAL)
      return FALSE;
  return TRUE;
}

BaruaRouter *
barua_router_new (const BaruaRoute *routes)
{
  g_return_val_if_fail (routes != NULL, NULL);

  BaruaRouter *router = g_new0 (BaruaRouter, 1);
  g_autoptr (GHashTable) by_path = g_hash_table_new (g_str_hash, g_str_equal);

  router->patterns = g_ptr_array_new_with_free_func ((GDestroyNotify)pattern_free);
  router->literals = g_hash_table_new (g_str_hash, g_str_equal);
  for (const BaruaRoute *route = routes; route->method != NULL; route++)
    {
      Pattern *pattern = g_hash_table_lookup (by_path, route->path);

      if (pattern == NULL)
        {
          pattern = pattern_new (route->path);
          g_hash_table_insert (by_path, (gpointer)route->path, pattern);
          g_ptr_array_add (router->patterns, pattern);
          if (is_literal (pattern))
            g_hash_table_insert (router->literals, (gpointer)route->path, pattern);
        }
      g_ptr_array_add (pattern->routes, (gpointer)route);
    }
  g_ptr_array_sort (router->patterns, compare_patterns);
  return router;
}

void
barua_router_free (BaruaRouter *router)
{
  g_hash_table_unref (router->literals);
  g_ptr_array_unref (router->patterns);
  g_free (router);
}

void
barua_match_clear (BaruaMatch *match)
{
  for (guint i = 0; i < match->n_params; i++)
    g_clear_pointer (&match->values[i], g_free);
  match->n_params = 0;
  g_clear_pointer (&match->allow, g_free);
}

/* The row of @pattern for a method; a path with a slash too much only matches rows that allow one.
 */
static const BaruaRoute *
route_for (const Pattern *pattern, const char *method, gboolean has_slash)
{
  for (guint i = 0; i < pattern->routes->len; i++)
    {
      const BaruaRoute *route = pattern->routes->pdata[i];

      if (has_slash && (route->flags & BARUA_ROUTE_SLASH) == 0)
        continue;
      if (strcmp (route->method, method) == 0)
        return route;
    }
  return NULL;
}

/* Decodes every segment of a path; NULL when one cannot be. */
static GPtrArray *
decode_segments (const char *path)
{
  g_autoptr (GPtrArray) segments = g_ptr_array_new_with_free_func (g_free);

  for (BaruaText text = next_segment (&path); text.p != NULL; text = next_segment (&path))
    {
      char *decoded = barua_percent_decode (text.p, text.n);

      if (decoded == NULL)
        return NULL;
      g_ptr_array_add (segments, decoded);
    }
  return g_steal_pointer (&segments);
}

static gboolean
pattern_matches (const Pattern *pattern, const GPtrArray *segments)
{
  guint n = pattern->segments->len;
  gboolean has_rest
      = n > 0 && g_array_index (pattern->segments, Segment, n - 1).kind == SEGMENT_REST;

  if (has_rest ? segments->len < n : segments->len != n)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const Segment *segment = &g_array_index (pattern->segments, Segment, i);

      if (segment->kind == SEGMENT_LITERAL
          && !barua_text_equal (segment->text, barua_text (segments->pdata[i])))
        return FALSE;
    }
  return TRUE;
}

/* All segments from @first on, joined with '/'. */
static char *
join_rest (const GPtrArray *segments, guint first)
{
  GString *rest = g_string_new (segments->pdata[first]);

  for (guint i = first + 1; i < segments->len; i++)
    {
      g_string_append_c (rest, '/');
      g_string_append (rest, segments->pdata[i]);
    }
  return g_string_free (rest, FALSE);
}

static void
take_params (BaruaMatch *match, const Pattern *pattern, const GPtrArray *segments)
{
  for (guint i = 0; i < pattern->segments->len; i++)
    {
      const Segment *segment = &g_array_index (pattern->segments, Segment, i);

      if (segment->kind == SEGMENT_LITERAL)
        continue;
      match->names[match->n_params] = segment->text;
      match->values[match->n_params++]
          = segment->kind == SEGMENT_REST ? join_rest (segments, i) : g_strdup (segments->pdata[i]);
    }
}

/* Adds the methods of @pattern to @allow, each once, in the order of the table. */
static void
add_methods (GString *allow, BaruaMatch *match, const Pattern *pattern, gboolean has_slash)
{
  for (guint i = 0; i < pattern->routes->len; i++)
    {
      const BaruaRoute *route = pattern->routes->pdata[i];

      if (has_slash && (route->flags & BARUA_ROUTE_SLASH) == 0)
        continue;
      if (strstr (allow->str, route->method) != NULL)
        continue;
      if (allow->len == 0)
        match->flags = route->flags;
      /* `/_session` is CouchDB's, though its GET is refused as the API does (users.md 2.3) */
      match->flags |= route->flags & BARUA_ROUTE_DOCUMENT_NATIVE;
      g_string_append_printf (allow, "%s%s", allow->len > 0 ? ", " : "", route->method);
      if (strcmp (route->method, "GET") == 0)
        g_string_append (allow, ", HEAD");
    }
}

/* Whether a pattern begins with a parameter: the mount of the databases. */
static gboolean
begins_open (const Pattern *pattern)
{
  return pattern->segments->len > 0
         && g_array_index (pattern->segments, Segment, 0).kind != SEGMENT_LITERAL;
}

/* Whether a pattern names something of the document API below a database: `_all_docs`. */
static gboolean
has_operation (const Pattern *pattern)
{
  for (guint i = 1; i < pattern->segments->len; i++)
    {
      const Segment *segment = &g_array_index (pattern->segments, Segment, i);

      if (segment->kind == SEGMENT_LITERAL && segment->text.p[0] == '_')
        return TRUE;
    }
  return FALSE;
}

/* The path split and decoded, pattern by pattern; for another method a fixed path is never a
 * database's, and an operation never a document's. */
static gboolean
match_slowly (BaruaRouter *router, const char *method, const char *path, gboolean has_slash,
              BaruaMatch *match)
{
  g_autoptr (GPtrArray) segments = decode_segments (path);
  g_autoptr (GString) allow = g_string_new (NULL);

  if (segments == NULL)
    return FALSE;
  gboolean is_fixed = segments->len > 0 && g_strv_contains (reserved, segments->pdata[0]);
  gboolean is_operation = FALSE;
  for (guint i = 0; i < router->patterns->len; i++)
    {
      const Pattern *pattern = router->patterns->pdata[i];

      if ((is_fixed && begins_open (pattern)) || (is_operation && !has_operation (pattern))
          || !pattern_matches (pattern, segments))
        continue;
      is_fixed = is_fixed || !begins_open (pattern);
      is_operation = is_operation || has_operation (pattern);
      gboolean is_slash_odd = has_slash && pattern->path[strlen (pattern->path) - 1] != '/'
                              && segments->len == pattern->segments->len;
      match->route = route_for (pattern, method, is_slash_odd);
      if (match->route != NULL)
        {
          match->flags = match->route->flags;
          take_params (match, pattern, segments);
          return TRUE;
        }
      add_methods (allow, match, pattern, is_slash_odd);
    }
  if (allow->len > 0)
    match->allow = g_string_free (g_steal_pointer (&allow), FALSE);
  return TRUE;
}

/* The dialect in which a path that cannot be decoded is refused. */
static BaruaRouteFlags
flags_of_broken (const char *path)
{
  path += strspn (path, "/");
  if (g_str_has_prefix (path, "api/"))
    return BARUA_ROUTE_PLAIN;
  return g_str_has_prefix (path, "cdb/") ? BARUA_ROUTE_DOCUMENT_SEED : BARUA_ROUTE_DOCUMENT_NATIVE;
}

gboolean
barua_router_match (BaruaRouter *router, const char *method, const char *path, BaruaMatch *match)
{
  *match = (BaruaMatch){ 0 };
  const char *wanted = strcmp (method, "HEAD") == 0 ? "GET" : method;

  const Pattern *pattern = g_hash_table_lookup (router->literals, path);
  if (pattern != NULL)
    match->route = route_for (pattern, wanted, FALSE);
  if (match->route != NULL)
    {
      match->flags = match->route->flags;
      return TRUE;
    }
  gsize length = strlen (path);
  if (match_slowly (router, wanted, path, length > 1 && path[length - 1] == '/', match))
    return TRUE;
  match->flags = flags_of_broken (path);
  return FALSE;
}
