/* SPDX-License-Identifier: MIT */

/* The session cookie, read and written. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/cookie.h"

#include <string.h>

char *
barua_cookie_get (const char *header, const char *name)
{
  gsize n = strlen (name);

  for (const char *at = header; at != NULL && *at != '\0';)
    {
      at += strspn (at, "; ,\t");
      gsize length = strcspn (at, ";,");
      if (length > n + 1 && strncmp (at, name, n) == 0 && at[n] == '=')
        return g_strchomp (g_strndup (at + n + 1, length - n - 1));
      at += length;
    }
  return NULL;
}

/* `Sun, 21-Nov-2027 16:57:38 GMT`; the names do not follow the locale. */
static char *
cookie_date (gint64 seconds)
{
  static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
  static const char *const months[]
      = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (seconds);

  return g_strdup_printf (
      "%s, %02d-%s-%04d %02d:%02d:%02d GMT", days[g_date_time_get_day_of_week (date) - 1],
      g_date_time_get_day_of_month (date), months[g_date_time_get_month (date) - 1],
      g_date_time_get_year (date), g_date_time_get_hour (date), g_date_time_get_minute (date),
      g_date_time_get_second (date));
}

char *
barua_cookie_for_session (const char *token, gint64 now_s, gboolean is_secure)
{
  int max_age_s = token != NULL ? BARUA_SESSION_SECONDS : 0;
  g_autofree char *expires = cookie_date (token != NULL ? now_s + max_age_s : 0);

  return g_strdup_printf (
      BARUA_SESSION_COOKIE "=%s; Version=1; Expires=%s; Max-Age=%d; Path=/; HttpOnly; "
                           "SameSite=Lax%s",
      token != NULL ? token : "", expires, max_age_s, is_secure ? "; Secure" : "");
}

char *
barua_cookie_for_page (const char *name, const char *value, gint64 now_s, gboolean is_secure)
{
  g_autofree char *expires = cookie_date (now_s + BARUA_SESSION_SECONDS);

  return g_strdup_printf ("%s=%s; Max-Age=%d; Path=/; Expires=%s; SameSite=Lax%s", name, value,
                          BARUA_SESSION_SECONDS, expires, is_secure ? "; Secure" : "");
}

char *
barua_cookie_cleared (const char *name)
{
  return g_strdup_printf ("%s=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", name);
}
