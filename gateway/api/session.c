/* SPDX-License-Identifier: MIT */

/* /_session: login and logout by cookie (users.md 2.3). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/session.h"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/user-count.h"
#include "gateway/http/body.h"
#include "gateway/http/cookie.h"

#include <string.h>

#define WRONG                                                                                      \
  "{\"code\":401,\"error\":\"unauthorized\",\"reason\":\"Name or password is incorrect.\"}"
#define BAD_TYPE "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"
#define NO_NAME "request body must contain a username"

/* ---- sessions in the store ---- */

/* A session to be made or ended. */
typedef struct
{
  BaruaApp *app;
  char *name;
  char *token;
  guint8 hash[BARUA_SESSION_HASH_BYTES];
  gint64 now_ms;
  guint64 changes; /* of the account, when its password was found good */
  gboolean is_secure;
  BaruaSessionBegun begun;
  BaruaSessionEnded ended;
  gpointer data;
} Session;

static void
session_free (gpointer data)
{
  Session *session = data;

  g_free (session->name);
  explicit_bzero (session->token, strlen (session->token));
  g_free (session->token);
  g_free (session);
}

void
barua_session_hash_from_hex (const char *hex, guint8 hash[BARUA_SESSION_HASH_BYTES])
{
  for (gsize i = 0; i < BARUA_SESSION_HASH_BYTES; i++)
    hash[i]
        = (guint8)(g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
}

/* Takes @token. */
static Session *
session_new (BaruaApp *app, char *token, gpointer data)
{
  Session *session = g_new0 (Session, 1);
  g_autofree char *hex = barua_auth_token_hash (token);

  session->app = app;
  session->token = token;
  session->now_ms = barua_now_ms ();
  session->data = data;
  barua_session_hash_from_hex (hex, session->hash);
  return session;
}

/* BaruaJob */
static gboolean
put_session (BaruaTx *tx, gpointer data, GError **error)
{
  const Session *session = data;
  gint64 oldest_ms = session->now_ms - BARUA_SESSION_SECONDS * (gint64)1000;

  return barua_tx_delete_old_sessions (tx, oldest_ms, error)
         && barua_tx_put_session (tx, session->hash, session->name, session->now_ms, error);
}

static void
session_revoked (const GError *error, gpointer data)
{
  if (error != NULL)
    g_warning ("a session of a former password could not be ended: %s", error->message);
}

/*
 * The password may have been changed after it was found good and before the session was stored:
 * then the change did not end this session.
 */
static void
revoke_if_changed (const Session *session, GError **error)
{
  BaruaAuth *auth = session->app->auth;

  if (barua_auth_changes (auth, session->name) == session->changes)
    return;
  barua_session_end (session->app, session->token, session_revoked, NULL);
  g_set_error_literal (error, BARUA_HTTP_ERROR, BARUA_HTTP_ERROR_UNAVAILABLE,
                       "The account has just been changed.");
}

static void
session_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Session *session = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_write_finish (session->app->store, result, &error))
    revoke_if_changed (session, &error);
  g_autofree char *cookie
      = error == NULL
            ? barua_cookie_for_session (session->token, session->now_ms / 1000, session->is_secure)
            : NULL;
  if (error == NULL)
    barua_user_count_note (session->app, session->name);
  session->begun (cookie, error, session->data);
}

void
barua_session_begin (BaruaApp *app, const char *name, gboolean is_secure, BaruaSessionBegun begun,
                     gpointer data)
{
  Session *session = session_new (app, barua_auth_token_new (), data);

  session->name = g_strdup (name);
  session->changes = barua_auth_changes (app->auth, name);
  session->is_secure = is_secure;
  session->begun = begun;
  barua_store_write_async (app->store, put_session, session, session_free, sizeof *session, NULL,
                           session_put, session);
}

/* BaruaJob */
static gboolean
delete_session (BaruaTx *tx, gpointer data, GError **error)
{
  return barua_tx_delete_session (tx, ((const Session *)data)->hash, error);
}

static void
session_deleted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  const Session *session = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  barua_store_write_finish (session->app->store, result, &error);
  barua_auth_forget_session (session->app->auth, session->token);
  session->ended (error, session->data);
}

void
barua_session_end (BaruaApp *app, const char *token, BaruaSessionEnded ended, gpointer data)
{
  Session *session = session_new (app, g_strdup (token), data);

  session->ended = ended;
  barua_store_write_async (app->store, delete_session, session, session_free, sizeof *session, NULL,
                           session_deleted, session);
}

/* ---- GET ---- */

static void
append_roles (GString *json, const BaruaUser *user)
{
  g_string_append_c (json, '[');
  for (guint i = 0; user->roles[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (json, ',');
      barua_json_append_string (json, barua_text (user->roles[i]));
    }
  g_string_append_c (json, ']');
}

/* `"name":…,"roles":[…]` */
static void
append_name_and_roles (GString *json, const BaruaUser *user)
{
  g_string_append (json, "\"name\":");
  barua_json_append_string (json, barua_text (user->name));
  g_string_append (json, ",\"roles\":");
  append_roles (json, user);
}

void
barua_api_session_get (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);
  GString *json = g_string_new ("{\"ok\":true,\"userCtx\":{");

  append_name_and_roles (json, user);
  g_string_append_printf (json,
                          "},\"info\":{\"authentication_handlers\":[\"cookie\",\"default\"],"
                          "\"authenticated\":\"%s\"}}\n",
                          user->is_cookie ? "cookie" : "default");
  if (user->is_cookie)
    {
      g_autofree char *cookie
          = barua_cookie_for_session (barua_request_session (request), barua_now_ms () / 1000,
                                      barua_request_is_secure (request));
      barua_request_add_header (request, "Set-Cookie", cookie);
      if (!barua_request_is_online (request))
        barua_user_count_note (app, user->name);
    }
  barua_request_add_header (request, "Cache-Control", "must-revalidate");
  barua_request_reply (request, 200, "application/json", g_string_free_to_bytes (json));
}

/* ---- POST ---- */

/* A login between its steps. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaUser *user;
} Login;

static void
login_free (Login *login)
{
  barua_request_unref (login->request);
  g_clear_pointer (&login->user, barua_user_unref);
  g_free (login);
}

/* BaruaSessionBegun */
static void
login_begun (const char *cookie, const GError *error, gpointer data)
{
  Login *login = data;

  if (error != NULL)
    barua_api_fail_document (login->request, error);
  else
    {
      GString *json = g_string_new ("{\"ok\":true,");
      append_name_and_roles (json, login->user);
      g_string_append_c (json, '}');
      barua_request_add_header (login->request, "Set-Cookie", cookie);
      barua_request_add_header (login->request, "Cache-Control", "must-revalidate");
      barua_request_reply_json (login->request, 200, json);
    }
  login_free (login);
}

/* BaruaAuthDone: the verdict about the password. */
static void
password_checked (BaruaUser *user, const GError *error, gpointer data)
{
  Login *login = data;

  if (user != NULL)
    {
      login->user = barua_user_ref (user);
      barua_session_begin (login->app, user->name, barua_request_is_secure (login->request),
                           login_begun, login);
      return;
    }
  if (error->code == BARUA_HTTP_ERROR_UNAUTHORIZED)
    barua_request_reply_static_json (login->request, 401, WRONG);
  else
    barua_request_fail (login->request, (BaruaHttpErrorCode)error->code, NULL, NULL);
  login_free (login);
}

/* (transfer full) (nullable): a member of the body, whatever its form. */
static char *
body_value (BaruaRequest *request, const char *name)
{
  if (barua_request_body_kind (request) == BARUA_BODY_KIND_FORM)
    return g_strdup (barua_request_form (request, name));
  return barua_json_string (barua_json_member (barua_request_json (request), name), NULL);
}

/* Whether the body is of a type that was not read; an empty one of JSON type is just empty. */
static gboolean
has_other_type (BaruaRequest *request)
{
  const char *type = barua_request_header (request, "Content-Type");

  return type != NULL && !barua_media_type_is (type, "application/json");
}

void
barua_api_session_post (BaruaRequest *request, gpointer app)
{
  if (barua_request_body_kind (request) == BARUA_BODY_KIND_NONE && has_other_type (request))
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_CONTENT_TYPE, BAD_TYPE, NULL);
      return;
    }
  g_autofree char *name = body_value (request, "name");
  if (name == NULL)
    name = body_value (request, "username");
  if (name == NULL || *name == '\0')
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, NO_NAME, NULL);
      return;
    }
  char *password = body_value (request, "password");
  Login *login = g_new0 (Login, 1);
  login->app = app;
  login->request = barua_request_ref (request);
  barua_auth_check_password (login->app->auth, name, password != NULL ? password : "",
                             barua_request_address (request), password_checked, login);
  if (password != NULL)
    explicit_bzero (password, strlen (password));
  g_free (password);
}

/* ---- DELETE ---- */

static void
reply_logged_out (BaruaRequest *request)
{
  g_autofree char *cookie = barua_cookie_for_session (NULL, 0, barua_request_is_secure (request));

  barua_request_add_header (request, "Set-Cookie", cookie);
  barua_request_reply_static_json (request, 200, "{\"ok\":true}");
}

/* BaruaSessionEnded */
static void
logged_out (const GError *error, gpointer data)
{
  g_autoptr (BaruaRequest) request = data;

  if (error != NULL)
    barua_api_fail_document (request, error);
  else
    reply_logged_out (request);
}

void
barua_api_session_delete (BaruaRequest *request, gpointer app)
{
  const char *token = barua_request_session (request);

  if (token == NULL || strlen (token) > BARUA_AUTH_MAX_TOKEN_BYTES)
    reply_logged_out (request);
  else
    barua_session_end (app, token, logged_out, barua_request_ref (request));
}
