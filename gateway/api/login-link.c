/* SPDX-License-Identifier: MIT */

/* /medic/login/token: the page of a login link, and its use (users.md 8.5, 8.6). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/account-lookup.h"
#include "gateway/api/handlers.h"
#include "gateway/api/login.h"
#include "gateway/api/pages.h"
#include "gateway/api/session.h"
#include "gateway/api/token-login.h"
#include "gateway/api/user-count.h"
#include "gateway/http/cookie.h"
#include "gateway/http/password.h"

#include <string.h>

/* How the ways to fail are answered: to scripts, and on the page. */
typedef struct
{
  guint status;
  const char *json;
  const char *text; /* key */
} Refusal;

static const Refusal disabled
    = { 400, "{\"error\":\"disabled\",\"reason\":\"Token login disabled\"}", "login.failed" };
static const Refusal missing
    = { 400, "{\"error\":\"missing\",\"reason\":\"Missing required param\"}",
        "login.link.missing" };
static const Refusal invalid = { 401, "{\"error\":\"invalid\"}", "login.link.invalid" };
static const Refusal expired = { 401, "{\"error\":\"expired\"}", "login.link.expired" };
static const Refusal busy
    = { 408, "{\"error\":\"Login failed after 10 retries\"}", "login.link.timeout" };

static void
reply_page (BaruaRequest *request, guint status, const char *message)
{
  g_autofree char *locale
      = barua_login_is_form (request) ? barua_login_value (request, "locale") : NULL;
  const BaruaPage page = {
    .body = "link.html",
    .title = "login.link.title",
    .message = message,
    .locale = locale,
    .is_secret = TRUE,
  };

  barua_page_reply (request, status, &page);
}

static void
refuse (BaruaRequest *request, const Refusal *refusal)
{
  if (barua_login_is_form (request))
    reply_page (request, refusal->status, refusal->text);
  else
    {
      barua_request_add_header (request, "Cache-Control", "no-store");
      barua_request_reply_static_json (request, refusal->status, refusal->json);
    }
}

/* BaruaAuthDone: of who was refused late. */
static void
refuse_limited (BaruaUser *user, const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (barua_login_is_form (request))
    reply_page (request, 429, "login.limited");
  else
    barua_request_fail (request, BARUA_HTTP_ERROR_TOO_MANY_REQUESTS, NULL, NULL);
}

void
barua_api_login_link_page (BaruaRequest *request, gpointer app)
{
  reply_page (request, 200, NULL);
}

/* ---- POST ---- */

/* One use of a link, from the main loop to the writer and back. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  guint8 hash[BARUA_TOKEN_HASH_BYTES];
  char *session; /* the token of the session to be */
  guint8 session_hash[BARUA_SESSION_HASH_BYTES];
  gint64 now_ms;
  BaruaTokenVerdict verdict;
  char *name;
  char **roles;
} LinkUse;

static void
link_use_free (gpointer data)
{
  LinkUse *use = data;

  barua_request_unref (use->request);
  barua_secret_free (use->session);
  g_free (use->name);
  g_strfreev (use->roles);
  g_free (use);
}

/* BaruaJob: the token is used, and the session made, or neither. */
static gboolean
use_link (BaruaTx *tx, gpointer data, GError **error)
{
  LinkUse *use = data;

  if (!barua_token_login_use (tx, use->hash, use->now_ms, &use->verdict, &use->name, error))
    return FALSE;
  if (use->verdict != BARUA_TOKEN_GOOD)
    return TRUE;
  g_clear_pointer (&use->roles, g_strfreev);
  use->roles = barua_account_read_roles (barua_tx_reader (tx), use->name, error);
  return use->roles != NULL
         && barua_tx_put_session (tx, use->session_hash, use->name, use->now_ms, error);
}

/* After the commit of a good one: what was remembered of the account counts no more. */
static void
reply_used (LinkUse *use)
{
  g_autofree char *locale = barua_login_value (use->request, "locale");
  g_autofree char *cookie = barua_cookie_for_session (use->session, use->now_ms / 1000,
                                                      barua_request_is_secure (use->request));

  barua_auth_forget (use->app->auth, use->name);
  barua_user_count_note (use->app, use->name);
  barua_login_reply (use->request, cookie, use->name, (const char *const *)use->roles, locale,
                     NULL);
}

static void
link_used (GObject *source, GAsyncResult *result, gpointer user_data)
{
  LinkUse *use = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (!barua_store_write_finish (use->app->store, result, &error))
    {
      g_warning ("a login link could not be used: %s", error->message);
      refuse (use->request, &busy);
      return;
    }
  if (use->verdict == BARUA_TOKEN_GOOD)
    {
      reply_used (use);
      return;
    }
  barua_auth_count_failure (use->app->auth, barua_request_address (use->request), NULL);
  refuse (use->request, use->verdict == BARUA_TOKEN_EXPIRED ? &expired : &invalid);
}

static void
begin_use (BaruaApp *app, BaruaRequest *request, const char *token)
{
  LinkUse *use = g_new0 (LinkUse, 1);

  use->app = app;
  use->request = barua_request_ref (request);
  use->now_ms = barua_now_ms ();
  use->session = barua_auth_token_new ();
  g_autofree char *hex = barua_auth_token_hash (use->session);
  barua_session_hash_from_hex (hex, use->session_hash);
  barua_token_hash (token, use->hash);
  barua_store_write_async (app->store, use_link, use, link_use_free, sizeof *use, NULL, link_used,
                           use);
}

/* In the order of users.md 8.6; its first row is before authentication. */
void
barua_api_login_link (BaruaRequest *request, gpointer user_data)
{
  BaruaApp *app = user_data;
  const char *token = barua_request_param (request, "token");

  if (barua_login_fail_for_type (request))
    return;
  if (barua_request_user (request) != NULL)
    barua_login_reply_known (request, NULL);
  else if (!barua_token_login_is_enabled (barua_request_settings (request)))
    refuse (request, &disabled);
  else if (token == NULL || *token == '\0')
    refuse (request, &missing);
  else if (barua_auth_is_limited (app->auth, barua_request_address (request), NULL))
    barua_auth_refuse_late (app->auth, refuse_limited, barua_request_ref (request));
  else
    begin_use (app, request, token);
}
