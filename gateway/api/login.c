/* SPDX-License-Identifier: MIT */

/* /medic/login: the page, its POST, identity and logout (users.md 2.4); the home page. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/login.h"

#include "forms/permissions.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/pages.h"
#include "gateway/api/session.h"
#include "gateway/http/body.h"
#include "gateway/http/cookie.h"
#include "gateway/http/password.h"
#include "gateway/http/query.h"
#include "gateway/http/redirect.h"

#include <string.h>

#define LOGIN "/medic/login"
#define HOME "/"
#define ADMIN_HOME "/admin/"
#define FOREIGN "Origin does not match the host"

/* ---- what a login leads to ---- */

/* Whether the pages for administrators are for these roles (users.md 2.4). */
static gboolean
is_configurer (const BaruaSettings *settings, const char *const *roles)
{
  BaruaJson json = barua_settings_json (settings);

  return barua_permissions_is_online (json, roles)
         && barua_permissions_may (json, roles, "can_configure");
}

/* (transfer full) */
static char *
choose_target (const BaruaSettings *settings, const char *const *roles, const char *redirect)
{
  char *wanted = barua_redirect_sanitise (redirect);

  return wanted != NULL ? wanted : g_strdup (is_configurer (settings, roles) ? ADMIN_HOME : HOME);
}

/* The cookie that tells scripts who is logged in. */
static void
add_context (BaruaRequest *request, const char *name, const char *const *roles)
{
  g_autoptr (GString) json = g_string_new ("{\"name\":");

  barua_json_append_string (json, barua_text (name));
  g_string_append (json, ",\"roles\":[");
  for (guint i = 0; roles[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      barua_json_append_string (json, barua_text (roles[i]));
    }
  g_string_append_c (json, ']');
  if (is_configurer (barua_request_settings (request), roles))
    g_string_append (json, ",\"home\":\"" ADMIN_HOME "\"");
  g_string_append_c (json, '}');
  g_autofree char *value = barua_percent_encode (json->str);
  g_autofree char *cookie = barua_cookie_for_page ("userCtx", value, barua_now_ms () / 1000,
                                                   barua_request_is_secure (request));
  barua_request_add_header (request, "Set-Cookie", cookie);
}

/* The language for the app: what the page said, else the settings' own. */
static void
add_locale (BaruaRequest *request, const char *locale)
{
  BaruaText fallback = barua_settings_locale (barua_request_settings (request));
  g_autofree char *code
      = barua_page_is_locale (locale) ? g_strdup (locale) : g_strndup (fallback.p, fallback.n);

  if (!barua_page_is_locale (code))
    return;
  g_autofree char *cookie = barua_cookie_for_page ("locale", code, barua_now_ms () / 1000,
                                                   barua_request_is_secure (request));
  barua_request_add_header (request, "Set-Cookie", cookie);
}

/* Sends the browser on: a script reads status and body and must find no Location (users.md 2.4), a
 * form is led by it. */
static void
reply_target (BaruaRequest *request, const char *target, gboolean is_form)
{
  if (is_form)
    barua_request_add_header (request, "Location", target);
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply (request, is_form ? 303 : 302, "text/html; charset=utf-8",
                       g_bytes_new (target, strlen (target)));
}

gboolean
barua_login_is_form (BaruaRequest *request)
{
  return barua_request_body_kind (request) == BARUA_BODY_KIND_FORM;
}

char *
barua_login_value (BaruaRequest *request, const char *name)
{
  if (barua_login_is_form (request))
    return g_strdup (barua_request_form (request, name));
  return barua_json_string (barua_json_member (barua_request_json (request), name), NULL);
}

gboolean
barua_login_fail_for_type (BaruaRequest *request)
{
  const char *type = barua_request_header (request, "Content-Type");

  if (barua_login_is_form (request)
      || (type != NULL && barua_media_type_is (type, "application/json")))
    return FALSE;
  barua_request_fail (request, BARUA_HTTP_ERROR_CONTENT_TYPE, NULL, NULL);
  return TRUE;
}

void
barua_login_reply (BaruaRequest *request, const char *session, const char *name,
                   const char *const *roles, const char *locale, const char *redirect)
{
  g_autofree char *target = choose_target (barua_request_settings (request), roles, redirect);
  g_autofree char *cleared = barua_cookie_cleared ("login");

  barua_request_add_header (request, "Set-Cookie", session);
  add_context (request, name, roles);
  barua_request_add_header (request, "Set-Cookie", cleared);
  add_locale (request, locale);
  reply_target (request, target, barua_login_is_form (request));
}

void
barua_login_reply_known (BaruaRequest *request, const char *redirect)
{
  g_autofree char *target
      = choose_target (barua_request_settings (request),
                       (const char *const *)barua_request_user (request)->roles, redirect);

  reply_target (request, target, barua_login_is_form (request));
}

/* ---- GET /medic/login ---- */

/* A session in use gets its year anew. */
static void
renew_session (BaruaRequest *request)
{
  const BaruaUser *user = barua_request_user (request);

  if (!user->is_cookie)
    return;
  g_autofree char *cookie = barua_cookie_for_session (
      barua_request_session (request), barua_now_ms () / 1000, barua_request_is_secure (request));
  barua_request_add_header (request, "Set-Cookie", cookie);
}

void
barua_api_login_page (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);
  g_autofree char *redirect = barua_redirect_sanitise (barua_request_query (request, "redirect"));

  if (user == NULL || !user->is_cookie)
    {
      const BaruaPage page = { .body = "login.html", .title = "login.title", .redirect = redirect };
      barua_page_reply (request, 200, &page);
      return;
    }
  g_autofree char *target = choose_target (barua_request_settings (request),
                                           (const char *const *)user->roles, redirect);
  renew_session (request);
  add_context (request, user->name, (const char *const *)user->roles);
  barua_request_add_header (request, "Location", target);
  barua_request_add_header (request, "Cache-Control", "no-store");
  barua_request_reply (request, 302, NULL, NULL);
}

/* ---- POST /medic/login ---- */

/* A login between its steps. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaUser *user;
  char *name; /* as typed */
  char *redirect;
  char *locale;
} Login;

static void
login_free (Login *login)
{
  barua_request_unref (login->request);
  g_clear_pointer (&login->user, barua_user_unref);
  g_free (login->name);
  g_free (login->redirect);
  g_free (login->locale);
  g_free (login);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Login, login_free)

/* The page again, with the reason. */
static void
reply_page_again (const Login *login, guint status, const char *message)
{
  g_autofree char *redirect = barua_redirect_sanitise (login->redirect);
  const BaruaPage page = {
    .body = "login.html",
    .title = "login.title",
    .message = message,
    .user = login->name,
    .redirect = redirect,
    .locale = login->locale,
  };

  barua_page_reply (login->request, status, &page);
}

static void
refuse (const Login *login, BaruaHttpErrorCode code)
{
  gboolean is_wrong = code == BARUA_HTTP_ERROR_UNAUTHORIZED;

  if (barua_login_is_form (login->request))
    reply_page_again (login, barua_http_error_info (code)->status,
                      is_wrong                                     ? "login.wrong"
                      : code == BARUA_HTTP_ERROR_TOO_MANY_REQUESTS ? "login.limited"
                                                                   : "login.failed");
  else if (is_wrong)
    barua_request_reply_static_json (login->request, 401, "{\"error\":\"Not logged in\"}");
  else
    barua_request_fail (login->request, code, NULL, NULL);
}

/* BaruaSessionBegun */
static void
login_begun (const char *cookie, const GError *error, gpointer data)
{
  g_autoptr (Login) login = data;

  if (error == NULL)
    barua_login_reply (login->request, cookie, login->user->name,
                       (const char *const *)login->user->roles, login->locale, login->redirect);
  else if (barua_login_is_form (login->request))
    refuse (login, BARUA_HTTP_ERROR_UNAVAILABLE);
  else
    barua_api_fail (login->request, error);
}

/* BaruaAuthDone: the verdict about the password. */
static void
password_checked (BaruaUser *user, const GError *error, gpointer data)
{
  Login *login = data;

  if (user == NULL)
    {
      refuse (login, (BaruaHttpErrorCode)error->code);
      login_free (login);
      return;
    }
  login->user = barua_user_ref (user);
  barua_session_begin (login->app, user->name, barua_request_is_secure (login->request),
                       login_begun, login);
}

void
barua_api_login (BaruaRequest *request, gpointer app)
{
  if (barua_login_fail_for_type (request))
    return;
  if (barua_request_is_foreign (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, FOREIGN, NULL);
      return;
    }
  Login *login = g_new0 (Login, 1);
  login->app = app;
  login->request = barua_request_ref (request);
  login->name = barua_login_value (request, "user");
  login->redirect = barua_login_value (request, "redirect");
  login->locale = barua_login_value (request, "locale");
  char *password = barua_login_value (request, "password");
  barua_auth_check_password (login->app->auth, login->name != NULL ? login->name : "",
                             password != NULL ? password : "", barua_request_address (request),
                             password_checked, login);
  barua_secret_free (password);
}

/* ---- identity, logout ---- */

void
barua_api_login_identity (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);

  barua_request_add_header (request, "Cache-Control", "no-store");
  if (user == NULL)
    {
      barua_request_reply (request, 401, NULL, NULL);
      return;
    }
  renew_session (request);
  add_context (request, user->name, (const char *const *)user->roles);
  barua_request_reply_static_json (request, 200, "{\"success\":true}");
}

/* BaruaSessionEnded */
static void
logged_out (const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (error != NULL)
    {
      barua_api_fail (request, error);
      return;
    }
  g_autofree char *session = barua_cookie_for_session (NULL, 0, barua_request_is_secure (request));
  g_autofree char *context = barua_cookie_cleared ("userCtx");
  barua_request_add_header (request, "Set-Cookie", session);
  barua_request_add_header (request, "Set-Cookie", context);
  barua_request_add_header (request, "Location", LOGIN);
  barua_request_reply (request, 303, NULL, NULL);
}

void
barua_api_logout (BaruaRequest *request, gpointer app)
{
  const char *token = barua_request_session (request);

  if (token == NULL || strlen (token) > BARUA_AUTH_MAX_TOKEN_BYTES)
    logged_out (NULL, barua_request_ref (request));
  else
    barua_session_end (app, token, logged_out, barua_request_ref (request));
}

/* ---- home ---- */

void
barua_api_home (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);

  if (user == NULL)
    {
      barua_request_add_header (request, "Location", LOGIN);
      barua_request_add_header (request, "Cache-Control", "no-store");
      barua_request_reply (request, 302, NULL, NULL);
      return;
    }
  const BaruaPage page = { .body = "home.html", .title = "login.home", .user = user->name };
  renew_session (request);
  barua_page_reply (request, 200, &page);
}
