/* SPDX-License-Identifier: MIT */

/* /api/v1/users: made, changed, deleted (users.md 5 to 7). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/token-login.h"
#include "gateway/api/user-store.h"
#include "gateway/app.h"
#include "gateway/http/password.h"

#include <string.h>

#define EMPTY "Request body is empty or Content-Type header was not set to application/json."
#define MAX_USERS 1000 /* of one request; each takes a hash and a transaction */
#define TOO_MANY "too many users (limit 1000)"
#define NOT_SELF "You do not have permissions to modify this person"
#define NEEDS_BASIC "You must authenticate with Basic Auth to modify your password"

/* One request, from the main loop to a hashing worker, to the writer and back. */
typedef struct _Work Work;
struct _Work
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  char *name;     /* whose; borrowed from the input for a new one */
  char *base_url; /* (nullable) */
  BaruaAccountInput input;
  BaruaUserWrite write;
  BaruaUserWritten written;
  BaruaJob job;
  char *hash;
  GError *error;               /* of the hashing */
  void (*done) (Work *work, const GError *error);
  /* several users */
  BaruaJsonIter iter;
  GString *out; /* (nullable): the answer so far */
};

static void
work_free (Work *work)
{
  barua_account_input_clear (&work->input);
  barua_user_written_clear (&work->written);
  barua_settings_unref (work->settings);
  barua_request_unref (work->request);
  g_clear_error (&work->error);
  if (work->out != NULL)
    g_string_free (work->out, TRUE);
  g_free (work->hash);
  g_free (work->base_url);
  g_free (work->name);
  g_free (work);
}

static Work *
work_new (BaruaApp *app, BaruaRequest *request, BaruaJob job,
          void (*done) (Work *work, const GError *error))
{
  Work *work = g_new0 (Work, 1);

  work->app = app;
  work->request = barua_request_ref (request);
  work->settings = barua_settings_ref (barua_request_settings (request));
  work->base_url = barua_token_base_url (work->settings, request);
  work->job = job;
  work->done = done;
  work->write = (BaruaUserWrite){
    .settings = work->settings,
    .input = &work->input,
    .base_url = work->base_url,
    .now_ms = barua_now_ms (),
    .is_admin = barua_request_user (request)->is_admin,
    .may_create_people = barua_request_may (request, "can_create_people"),
    .may_create_places = barua_request_may (request, "can_create_places"),
  };
  return work;
}

/* ---- running one job ---- */

static void
job_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Work *work = user_data;
  g_autoptr (GError) error = NULL;

  if (barua_store_write_finish (work->app->store, result, &error))
    barua_auth_forget (work->app->auth, work->name);
  work->done (work, error);
}

static void
run_job (Work *work)
{
  barua_store_write_async (work->app->store, work->job, work, NULL, work->input.body.length, NULL,
                           job_done, work);
}

/* barua_password_run() */
static void
hash_password (gpointer data)
{
  Work *work = data;

  work->hash = barua_password_hash (work->input.password, &work->error);
}

static void
password_hashed (gpointer data)
{
  Work *work = data;

  work->write.hash = work->hash;
  if (work->hash == NULL)
    work->done (work, work->error);
  else if (barua_request_is_finished (work->request)) /* the client has gone, maybe the store too */
    work->done (work, NULL);
  else
    run_job (work);
}

/* The input is read: hash its password if there is one, then the job. */
static void
start (Work *work)
{
  if (work->input.password != NULL)
    barua_password_run (hash_password, password_hashed, work);
  else
    run_job (work);
}

/* ---- answers ---- */

/* `"name":{"id":…,"rev":…}` */
static void
append_written (GString *out, const char *name, const char *id, const char *rev)
{
  barua_json_append_key (out, name);
  g_string_append (out, "{\"id\":");
  barua_json_append_string (out, barua_text (id));
  g_string_append (out, ",\"rev\":");
  barua_json_append_string (out, barua_text (rev));
  g_string_append_c (out, '}');
}

/* `"token_login":{"expiration_date":…}`, when there is one. */
static void
append_token (GString *out, const BaruaUserWritten *written)
{
  if (written->token_expires_ms == 0)
    return;
  barua_json_append_key (out, "token_login");
  g_string_append (out, "{\"expiration_date\":");
  barua_json_append_integer (out, written->token_expires_ms);
  g_string_append_c (out, '}');
}

/* users.md 5.3 */
static void
append_created (GString *out, const BaruaUserWritten *written)
{
  g_string_append_c (out, '{');
  if (written->contact_id != NULL)
    append_written (out, "contact", written->contact_id, written->contact_rev);
  append_written (out, "user-settings", written->user_settings.id, written->user_settings.rev);
  append_written (out, "user", written->user.id, written->user.rev);
  append_token (out, written);
  g_string_append_c (out, '}');
}

/* ---- POST /api/v1/users ---- */

/* BaruaJob */
static gboolean
create_user (BaruaTx *tx, gpointer data, GError **error)
{
  Work *work = data;

  return barua_user_create (tx, &work->write, &work->written, error);
}

static void
created (Work *work, const GError *error)
{
  if (error != NULL)
    barua_api_fail (work->request, error);
  else
    {
      GString *json = g_string_new (NULL);
      append_created (json, &work->written);
      barua_request_reply_json (work->request, 200, json);
    }
  work_free (work);
}

/* Whether everything that @body would make may be made; deeper things are asked for on the way. */
static gboolean
may_create (const Work *work, BaruaJson body)
{
  const gboolean has_person
      = barua_json_type (barua_json_member (body, "contact")) == BARUA_JSON_OBJECT;
  const gboolean has_place
      = barua_json_type (barua_json_member (body, "place")) == BARUA_JSON_OBJECT;

  return (!has_person || work->write.may_create_people)
         && (!has_place || work->write.may_create_places);
}

/* Reads the next user and says what is wrong with it. */
static gboolean
read_new (Work *work, BaruaJson body, GError **error)
{
  if (!may_create (work, body))
    {
      g_set_error_literal (error, BARUA_ACCOUNT_ERROR, BARUA_ACCOUNT_ERROR_FORBIDDEN,
                           "Insufficient privileges");
      return FALSE;
    }
  if (!barua_account_input_read_new (work->settings, body, &work->input, error))
    return FALSE;
  work->name = g_strdup (work->input.username);
  return TRUE;
}

static void create_next (Work *work);

/* Appends what became of one of several users. */
static void
append_outcome (Work *work, const GError *error)
{
  if (work->out->len > 1)
    g_string_append_c (work->out, ',');
  if (error == NULL)
    {
      append_created (work->out, &work->written);
      return;
    }
  g_string_append (work->out, "{\"error\":");
  if (g_error_matches (error, BARUA_ACCOUNT_ERROR, BARUA_ACCOUNT_ERROR_FIELDS))
    {
      BaruaJson object = { error->message, strlen (error->message) };
      barua_json_append_minified (work->out, barua_json_member (object, "message"));
    }
  else
    barua_api_append_failure (work->out, error);
  g_string_append_c (work->out, '}');
}

/* Makes ready for the next user. */
static void
forget_current (Work *work)
{
  barua_account_input_clear (&work->input);
  barua_user_written_clear (&work->written);
  g_clear_error (&work->error);
  g_clear_pointer (&work->hash, g_free);
  g_clear_pointer (&work->name, g_free);
  work->write.hash = NULL;
  work->write.now_ms = barua_now_ms ();
}

static void
one_created (Work *work, const GError *error)
{
  append_outcome (work, error);
  forget_current (work);
  create_next (work);
}

/* Each user is a transaction of its own; when the client has gone, the rest is left. */
static void
create_next (Work *work)
{
  BaruaJson body;

  while (!barua_request_is_finished (work->request)
         && barua_json_iter_next (&work->iter, NULL, &body))
    {
      g_autoptr (GError) error = NULL;
      if (read_new (work, body, &error))
        {
          start (work);
          return;
        }
      append_outcome (work, error);
      forget_current (work);
    }
  g_string_append_c (work->out, ']');
  barua_request_reply_json (work->request, 200, g_steal_pointer (&work->out));
  work_free (work);
}

void
barua_api_users_post (BaruaRequest *request, gpointer app)
{
  BaruaJson body = barua_request_json (request);
  g_autoptr (GError) error = NULL;

  if (barua_json_size (body) > MAX_USERS && barua_json_type (body) == BARUA_JSON_ARRAY)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, TOO_MANY, NULL);
      return;
    }
  if (barua_json_type (body) == BARUA_JSON_ARRAY)
    {
      Work *several = work_new (app, request, create_user, one_created);
      several->out = g_string_new ("[");
      barua_json_iter_init (&several->iter, body);
      create_next (several);
      return;
    }
  Work *work = work_new (app, request, create_user, created);
  if (read_new (work, body, &error))
    start (work);
  else
    created (work, error);
}

/* ---- POST /api/v1/users/{name} ---- */

/* BaruaJob */
static gboolean
change_user (BaruaTx *tx, gpointer data, GError **error)
{
  Work *work = data;

  return barua_user_change (tx, work->name, &work->write, &work->written, error);
}

static void
changed (Work *work, const GError *error)
{
  if (error != NULL)
    barua_api_fail (work->request, error);
  else
    {
      const BaruaUserWritten *written = &work->written;
      GString *json = g_string_new ("{");
      append_written (json, "user", written->user.id, written->user.rev);
      append_written (json, "user-settings", written->user_settings.id,
                      written->user_settings.rev);
      append_token (json, written);
      g_string_append_c (json, '}');
      barua_request_reply_json (work->request, 200, json);
    }
  work_free (work);
}

/* Reads what is to be changed, and has it done. */
static void
change (BaruaRequest *request, BaruaApp *app, gboolean is_cookie_only)
{
  g_autoptr (GError) error = NULL;
  Work *work = work_new (app, request, change_user, changed);

  work->name = g_strdup (barua_request_param (request, "name"));
  work->write.is_cookie_only = is_cookie_only;
  if (barua_account_input_read_change (work->settings, barua_request_json (request), &work->input,
                                       &error))
    start (work);
  else
    changed (work, error);
}

/* users.md 6.1 nos. 2 to 5. @basic: (nullable): who the Basic header names. */
static void
judge_change (BaruaRequest *request, BaruaApp *app, const BaruaUser *basic)
{
  const BaruaUser *user = barua_request_user (request);
  const char *name = barua_request_param (request, "name");
  BaruaJson body = barua_request_json (request);
  const gboolean is_cookie_only = basic == NULL;
  const gboolean is_delicate = barua_json_member (body, "password").text != NULL
                               || barua_json_member (body, "token_login").text != NULL;

  if (barua_request_may (request, "can_update_users"))
    change (request, app, FALSE);
  else if (!g_str_equal (user->name, name) || (basic != NULL && !g_str_equal (basic->name, name)))
    barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NOT_SELF, NULL);
  else if (is_cookie_only && is_delicate)
    barua_request_fail (request, BARUA_HTTP_ERROR_FORBIDDEN, NEEDS_BASIC, NULL);
  else if (!barua_account_is_self_change (body))
    barua_request_fail (request, BARUA_HTTP_ERROR_UNAUTHORIZED, NULL, NULL);
  else
    change (request, app, is_cookie_only);
}

/* A request that waits for the verdict about its Basic header. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
} Check;

/* BaruaAuthDone */
static void
basic_checked (BaruaUser *user, const GError *error, gpointer data)
{
  g_autofree Check *check = data;
  g_autoptr (BaruaRequest) request = check->request;

  if (user != NULL)
    judge_change (request, check->app, user);
  else
    barua_request_fail (request, (BaruaHttpErrorCode)error->code, NULL, NULL);
}

/* The session was good; that does not help a Basic header that is wrong (users.md 6.1 no. 1). */
static void
check_basic (BaruaRequest *request, BaruaApp *app, const char *authorization)
{
  const char *user_agent = barua_request_user_agent (request);
  g_autoptr (BaruaUser) known = barua_auth_cached (app->auth, authorization, user_agent);

  if (known != NULL)
    {
      judge_change (request, app, known);
      return;
    }
  Check *check = g_new0 (Check, 1);
  check->app = app;
  check->request = barua_request_ref (request);
  barua_auth_check (app->auth, authorization, user_agent, barua_request_address (request),
                    basic_checked, check);
}

/* (nullable): the Authorization header, when it is of the scheme Basic. */
static const char *
basic_header (BaruaRequest *request)
{
  const char *header = barua_request_header (request, "Authorization");

  return header != NULL && g_ascii_strncasecmp (header, "Basic ", 6) == 0 ? header : NULL;
}

void
barua_api_user_not_empty (BaruaRequest *request, gpointer app)
{
  if (barua_json_size (barua_request_json (request)) == 0)
    barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, EMPTY, NULL);
}

void
barua_api_user_post (BaruaRequest *request, gpointer app)
{
  const BaruaUser *user = barua_request_user (request);
  const char *authorization = basic_header (request);

  if (!user->is_cookie)
    judge_change (request, app, user);
  else if (authorization != NULL)
    check_basic (request, app, authorization);
  else
    judge_change (request, app, NULL);
}

/* ---- DELETE /api/v1/users/{name} ---- */

/* BaruaJob */
static gboolean
delete_user (BaruaTx *tx, gpointer data, GError **error)
{
  Work *work = data;

  return barua_user_delete (tx, work->name, work->write.is_admin, work->write.now_ms,
                            &work->written, error);
}

/* `{"ok":true,"id":…,"rev":…}` */
static void
append_deleted (GString *out, const BaruaWritten *written)
{
  g_string_append (out, out->len > 1 ? ",{\"ok\":true,\"id\":" : "{\"ok\":true,\"id\":");
  barua_json_append_string (out, barua_text (written->id));
  g_string_append (out, ",\"rev\":");
  barua_json_append_string (out, barua_text (written->rev));
  g_string_append_c (out, '}');
}

static void
deleted (Work *work, const GError *error)
{
  if (error != NULL)
    barua_api_fail (work->request, error);
  else
    {
      GString *json = g_string_new ("[");
      append_deleted (json, &work->written.user);
      if (*work->written.user_settings.id != '\0')
        append_deleted (json, &work->written.user_settings);
      g_string_append_c (json, ']');
      barua_request_reply_json (work->request, 200, json);
    }
  work_free (work);
}

void
barua_api_user_delete (BaruaRequest *request, gpointer app)
{
  Work *work = work_new (app, request, delete_user, deleted);

  work->name = g_strdup (barua_request_param (request, "name"));
  run_job (work);
}
