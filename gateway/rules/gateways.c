/* SPDX-License-Identifier: MIT */

/* Which phone sends what: routes by prefix with weights, limits, and phones that rest. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/gateways.h"

#include <string.h>

G_DEFINE_QUARK (barua_gateways_error, barua_gateways_error)

#define MAX_WEIGHT 1000
#define MAX_SEGMENTS 1000000

typedef struct
{
  char *prefix; /* "": every number */
  char *account;
  guint weight;
  gboolean is_paused;
} Route;

typedef struct
{
  char *account;
  BaruaGatewayLimits limits;
} Limit;

struct _BaruaGatewayPlan
{
  GArray *routes; /* of Route, longest prefix first */
  GArray *limits; /* of Limit */
  GStrv paused;
};

static const struct
{
  const char *name;
  gint64 minutes;
} spans[BARUA_N_SPANS] = {
  [BARUA_SPAN_MINUTE] = { "minute", 1 },
  [BARUA_SPAN_HOUR] = { "hour", 60 },
  [BARUA_SPAN_DAY] = { "day", 24 * 60 },
};

gint64
barua_span_minutes (BaruaSpan span)
{
  return spans[span].minutes;
}

static void
route_clear (gpointer data)
{
  Route *route = data;

  g_free (route->prefix);
  g_free (route->account);
}

static void
limit_clear (gpointer data)
{
  g_free (((Limit *)data)->account);
}

static BaruaGatewayPlan *
plan_new (void)
{
  BaruaGatewayPlan *plan = g_atomic_rc_box_new0 (BaruaGatewayPlan);

  plan->routes = g_array_new (FALSE, FALSE, sizeof (Route));
  plan->limits = g_array_new (FALSE, FALSE, sizeof (Limit));
  plan->paused = g_new0 (char *, 1);
  g_array_set_clear_func (plan->routes, route_clear);
  g_array_set_clear_func (plan->limits, limit_clear);
  return plan;
}

static void
plan_clear (gpointer data)
{
  BaruaGatewayPlan *plan = data;

  g_array_unref (plan->routes);
  g_array_unref (plan->limits);
  g_strfreev (plan->paused);
}

BaruaGatewayPlan *
barua_gateway_plan_ref (const BaruaGatewayPlan *plan)
{
  return g_atomic_rc_box_acquire ((BaruaGatewayPlan *)plan);
}

void
barua_gateway_plan_unref (BaruaGatewayPlan *plan)
{
  g_atomic_rc_box_release_full (plan, plan_clear);
}

/* Refuses an entry. */
static gboolean
refuse (GError **error, const char *entry, const char *form)
{
  g_set_error (error, BARUA_GATEWAYS_ERROR, 0, "\"%s\" is no %s", entry, form);
  return FALSE;
}

/* `PREFIX:ACCOUNT*WEIGHT` */
static gboolean
add_route (BaruaGatewayPlan *plan, const char *entry, GError **error)
{
  static const char form[] = "PREFIX:ACCOUNT or PREFIX:ACCOUNT*WEIGHT (weight 1 to 1000)";
  g_auto (GStrv) halves = g_strsplit (entry, ":", 2);
  guint64 weight = 1;

  if (g_strv_length (halves) != 2)
    return refuse (error, entry, form);
  char *star = strrchr (g_strstrip (halves[1]), '*');
  if (star != NULL)
    {
      *star = '\0';
      if (!g_ascii_string_to_unsigned (star + 1, 10, 1, MAX_WEIGHT, &weight, NULL))
        return refuse (error, entry, form);
    }
  const char *prefix = g_strstrip (halves[0]);
  if (*prefix == '\0' || *halves[1] == '\0')
    return refuse (error, entry, form);
  const Route route = { .prefix = g_strdup (strcmp (prefix, "*") == 0 ? "" : prefix),
                        .account = g_strdup (halves[1]),
                        .weight = (guint)weight };
  g_array_append_val (plan->routes, route);
  return TRUE;
}

/* `N/SPAN` */
static gboolean
read_limit (const char *text, BaruaGatewayLimits *limits)
{
  g_auto (GStrv) halves = g_strsplit (text, "/", 2);
  guint64 n;

  if (g_strv_length (halves) != 2
      || !g_ascii_string_to_unsigned (g_strstrip (halves[0]), 10, 1, MAX_SEGMENTS, &n, NULL))
    return FALSE;
  for (guint i = 0; i < BARUA_N_SPANS; i++)
    if (strcmp (g_strstrip (halves[1]), spans[i].name) == 0)
      {
        limits->segments[i] = (guint)n;
        return TRUE;
      }
  return FALSE;
}

/* `ACCOUNT:N/SPAN,N/SPAN` */
static gboolean
add_limit (BaruaGatewayPlan *plan, const char *entry, GError **error)
{
  static const char form[] = "ACCOUNT:N/minute,N/hour,N/day (N from 1 to 1000000 SMS parts)";
  g_auto (GStrv) halves = g_strsplit (entry, ":", 2);
  Limit limit = { 0 };

  if (g_strv_length (halves) != 2 || *g_strstrip (halves[0]) == '\0')
    return refuse (error, entry, form);
  g_auto (GStrv) parts = g_strsplit (halves[1], ",", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    if (!read_limit (parts[i], &limit.limits))
      return refuse (error, entry, form);
  if (parts[0] == NULL)
    return refuse (error, entry, form);
  limit.account = g_strdup (halves[0]);
  g_array_append_val (plan->limits, limit);
  return TRUE;
}

/* Longest prefix first, then by account: the order of the configuration says nothing. */
static int
compare_routes (gconstpointer a, gconstpointer b)
{
  const Route *x = a, *y = b;
  const gsize n = strlen (x->prefix), m = strlen (y->prefix);

  if (n != m)
    return n > m ? -1 : 1;
  const int order = strcmp (x->prefix, y->prefix);
  return order != 0 ? order : strcmp (x->account, y->account);
}

/* What stands behind the last ';' of a list. */
static gboolean
is_empty (const char *entry)
{
  return entry[strspn (entry, " \t")] == '\0';
}

BaruaGatewayPlan *
barua_gateway_plan_new (const char *const *routes, const char *const *limits, GError **error)
{
  g_autoptr (BaruaGatewayPlan) plan = plan_new ();

  for (guint i = 0; routes != NULL && routes[i] != NULL; i++)
    if (!is_empty (routes[i]) && !add_route (plan, routes[i], error))
      return NULL;
  for (guint i = 0; limits != NULL && limits[i] != NULL; i++)
    if (!is_empty (limits[i]) && !add_limit (plan, limits[i], error))
      return NULL;
  g_array_sort (plan->routes, compare_routes);
  return g_steal_pointer (&plan);
}

BaruaGatewayPlan *
barua_gateway_plan_with_paused (const BaruaGatewayPlan *plan, const char *const *accounts)
{
  BaruaGatewayPlan *copy = plan_new ();

  for (guint i = 0; i < plan->routes->len; i++)
    {
      Route route = g_array_index (plan->routes, Route, i);
      route.prefix = g_strdup (route.prefix);
      route.account = g_strdup (route.account);
      route.is_paused = g_strv_contains (accounts, route.account);
      g_array_append_val (copy->routes, route);
    }
  for (guint i = 0; i < plan->limits->len; i++)
    {
      Limit limit = g_array_index (plan->limits, Limit, i);
      limit.account = g_strdup (limit.account);
      g_array_append_val (copy->limits, limit);
    }
  g_strfreev (copy->paused);
  copy->paused = g_strdupv ((char **)accounts);
  return copy;
}

const char *const *
barua_gateway_plan_paused (const BaruaGatewayPlan *plan)
{
  return (const char *const *)plan->paused;
}

gboolean
barua_gateway_plan_is_paused (const BaruaGatewayPlan *plan, const char *account)
{
  return g_strv_contains ((const char *const *)plan->paused, account);
}

const BaruaGatewayLimits *
barua_gateway_plan_limits (const BaruaGatewayPlan *plan, const char *account)
{
  for (guint i = 0; i < plan->limits->len; i++)
    if (strcmp (g_array_index (plan->limits, Limit, i).account, account) == 0)
      return &g_array_index (plan->limits, Limit, i).limits;
  return NULL;
}

/* FNV-1a, 64 bits: any spread will do, but the same in every run. */
static guint64
hash_of (BaruaText to)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < to.n; i++)
    hash = (hash ^ (guchar)to.p[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash ^ hash >> 32;
}

/* The account that @share falls to among routes @first to @end; paused ones only if @paused. */
static const char *
account_at (const BaruaGatewayPlan *plan, guint first, guint end, gboolean paused, guint64 hash)
{
  guint64 total = 0;

  for (guint i = first; i < end; i++)
    {
      const Route *route = &g_array_index (plan->routes, Route, i);
      total += route->is_paused == paused ? route->weight : 0;
    }
  if (total == 0)
    return NULL;
  guint64 share = hash % total;
  for (guint i = first; i < end; i++)
    {
      const Route *route = &g_array_index (plan->routes, Route, i);
      if (route->is_paused != paused)
        continue;
      if (share < route->weight)
        return route->account;
      share -= route->weight;
    }
  return NULL;
}

const char *
barua_gateway_plan_route (const BaruaGatewayPlan *plan, BaruaText to)
{
  const guint n = plan->routes->len;

  for (guint first = 0; first < n; first++)
    {
      const char *prefix = g_array_index (plan->routes, Route, first).prefix;
      const gsize length = strlen (prefix);
      guint end = first + 1;
      if (length > to.n || (length > 0 && memcmp (to.p, prefix, length) != 0))
        continue;
      while (end < n && strcmp (g_array_index (plan->routes, Route, end).prefix, prefix) == 0)
        end++;
      const guint64 hash = hash_of (to);
      const char *account = account_at (plan, first, end, FALSE, hash);
      return account != NULL ? account : account_at (plan, first, end, TRUE, hash);
    }
  return NULL;
}

char *
barua_gateway_plan_fingerprint (const BaruaGatewayPlan *plan)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < plan->routes->len; i++)
    {
      const Route *route = &g_array_index (plan->routes, Route, i);
      g_string_append_printf (text, "%s:%s*%u%s;", route->prefix, route->account, route->weight,
                              route->is_paused ? "!" : "");
    }
  return g_string_free (text, FALSE);
}
