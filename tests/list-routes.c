/* SPDX-License-Identifier: MIT */

/* Prints the route table for tests/http/test_openapi.py: a JSON array of
 * {method, path, permission (null: public), online, body (of its type)}. */

#include "forms/json.h"
#include "gateway/api/handlers.h"

#include <stdio.h>

#define ONLINE_ANY (BARUA_ROUTE_ONLINE | BARUA_ROUTE_ONLINE_DETAILS)

static void
append_route (GString *out, const BaruaRoute *route)
{
  g_string_append (out, route == barua_routes ? "{" : ",\n{");
  barua_json_append_key (out, "method");
  barua_json_append_string (out, barua_text (route->method));
  barua_json_append_key (out, "path");
  barua_json_append_string (out, barua_text (route->path));
  barua_json_append_key (out, "permission");
  if (route->permissions != NULL)
    barua_json_append_string (out, barua_text (route->permissions));
  else
    g_string_append (out, "null");
  g_string_append_printf (out, ",\"online\":%s,\"body\":%d}",
                          (route->flags & ONLINE_ANY) != 0 ? "true" : "false", route->body);
}

int
main (void)
{
  g_autoptr (GString) out = g_string_new ("[");

  for (const BaruaRoute *route = barua_routes; route->method != NULL; route++)
    append_route (out, route);
  g_string_append (out, "]\n");
  return fputs (out->str, stdout) < 0;
}
