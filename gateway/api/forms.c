/* SPDX-License-Identifier: MIT */

/* /api/v1/forms: which forms there are, and one of them (settings-and-forms.md 4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/download.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/api/token-login.h"
#include "gateway/app.h"

#include <string.h>

/* What a request about XForms waits with. */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  char *name; /* of the form, for one */
  char *base; /* of the links, for a list */
  BaruaXFormQuery query;
} Asking;

static Asking *
asking_new (BaruaRequest *request, BaruaApp *app)
{
  Asking *asking = g_new0 (Asking, 1);

  asking->app = app;
  asking->request = barua_request_ref (request);
  return asking;
}

static void
asking_free (Asking *asking)
{
  barua_xform_query_clear (&asking->query);
  barua_request_unref (asking->request);
  g_free (asking->name);
  g_free (asking->base);
  g_free (asking);
}

/* Whether the forms are there; answered if not, and @asking is then gone. */
static gboolean
asking_finish (Asking *asking, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;

  if (barua_xforms_read_finish (asking->app->store, result, &error))
    return TRUE;
  barua_api_fail (asking->request, error);
  asking_free (asking);
  return FALSE;
}

/* Whether @request may read forms: any user, or everybody with `barua.public_forms`; answered 401
 * if not (settings-and-forms.md 7 no. 1). */
static gboolean
may_read (BaruaRequest *request)
{
  BaruaJson is_public = barua_settings_get (barua_request_settings (request), "barua.public_forms");

  if (barua_request_user (request) != NULL || barua_json_type (is_public) == BARUA_JSON_TRUE)
    return TRUE;
  barua_request_fail (request, BARUA_HTTP_ERROR_UNAUTHORIZED, NULL, NULL);
  return FALSE;
}

/* ---- the lists ---- */

/* Appends one name of a form to an array. */
static void
append_name (GString *json, BaruaText name, const char *suffix)
{
  g_autofree char *file = g_strdup_printf ("%.*s%s", (int)name.n, name.p, suffix);

  if (json->str[json->len - 1] != '[')
    g_string_append_c (json, ',');
  barua_json_append_string (json, barua_text (file));
}

/* XForms by document id, then JSON forms in settings order (settings-and-forms.md 4.1). */
static void
reply_names (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asking *asking = user_data;

  if (!asking_finish (asking, result))
    return;
  const BaruaSettings *settings = barua_request_settings (asking->request);
  GString *json = g_string_new ("[");
  for (guint i = 0; i < asking->query.entries->len; i++)
    {
      const BaruaXFormEntry *entry = asking->query.entries->pdata[i];
      append_name (json, barua_text (entry->name), ".xml");
    }
  for (guint i = 0; i < barua_settings_n_forms (settings); i++)
    append_name (json, barua_form_code (barua_settings_form (settings, i)), ".json");
  g_string_append_c (json, ']');
  barua_request_reply_json (asking->request, 200, json);
  asking_free (asking);
}

static void
reply_openrosa (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asking *asking = user_data;

  if (!asking_finish (asking, result))
    return;
  GString *xml = g_string_new (NULL);
  barua_xforms_append_openrosa (xml, asking->query.entries, asking->base);
  barua_request_add_header (asking->request, "X-OpenRosa-Version", "1.0");
  barua_request_reply (asking->request, 200, "text/xml; charset=utf-8",
                       g_string_free_to_bytes (xml));
  asking_free (asking);
}

void
barua_api_forms_list (BaruaRequest *request, gpointer app)
{
  const char *openrosa = barua_request_header (request, "X-OpenRosa-Version");
  gboolean is_openrosa = openrosa != NULL && *openrosa != '\0';
  g_autofree char *base
      = is_openrosa ? barua_token_base_url (barua_request_settings (request), request) : NULL;

  if (!may_read (request))
    return;
  if (is_openrosa && base == NULL)
    {
      barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, "Invalid Host header", NULL);
      return;
    }
  Asking *asking = asking_new (request, app);
  asking->base = g_steal_pointer (&base);
  asking->query.cache = is_openrosa ? asking->app->xforms : NULL;
  barua_xforms_read_async (asking->app->store, &asking->query,
                           is_openrosa ? reply_openrosa : reply_names, asking);
}

void
barua_api_forms_list_slash (BaruaRequest *request, gpointer app)
{
  if (!may_read (request))
    return;
  barua_request_add_header (request, "Location", "/api/v1/forms");
  barua_request_reply (request, 301, NULL, NULL);
}

/* ---- one form ---- */

/* The form called @name: exactly, or the only one that differs in ASCII case. */
static const BaruaForm *
find_form (const BaruaSettings *settings, BaruaText name)
{
  const BaruaForm *found = barua_settings_find_form (settings, name);
  guint n_found = 0;

  if (found != NULL)
    return found;
  for (guint i = 0; i < barua_settings_n_forms (settings); i++)
    {
      const BaruaForm *form = barua_settings_form (settings, i);
      BaruaText code = barua_form_code (form);
      if (code.n != name.n || g_ascii_strncasecmp (code.p, name.p, code.n) != 0)
        continue;
      found = form;
      n_found++;
    }
  return n_found == 1 ? found : NULL;
}

/* 400 for a name without a form or format (settings-and-forms.md 4.3). */
static void
refuse_name (BaruaRequest *request, const char *form, const char *format)
{
  g_autofree char *message
      = *form == '\0'
            ? g_strdup_printf ("Invalid form name (form=\"%s\", format=\"%s\")", form, format)
            : g_strdup_printf ("Invalid file format (format=\"%s\")", format);

  barua_request_fail (request, BARUA_HTTP_ERROR_BAD_REQUEST, message, NULL);
}

static void
fail_not_found (BaruaRequest *request, const char *form, const char *format)
{
  g_autofree char *message = g_strdup_printf ("Form not found: %s (%s)", form, format);

  barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, message, NULL);
}

static void
reply_xform (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asking *asking = user_data;

  if (!asking_finish (asking, result))
    return;
  const BaruaXFormEntry *entry = barua_xforms_find (asking->query.entries, asking->name);
  if (entry != NULL)
    barua_download_send (asking->request, asking->app, &entry->attachment);
  else
    fail_not_found (asking->request, asking->name, "xml");
  asking_free (asking);
}

static void
reply_json_form (BaruaRequest *request, const char *code)
{
  const BaruaForm *form = find_form (barua_request_settings (request), barua_text (code));

  if (form == NULL)
    {
      fail_not_found (request, code, "json");
      return;
    }
  BaruaJson json = barua_form_json (form);
  barua_request_reply_json (request, 200, g_string_new_len (json.text, (gssize)json.length));
}

void
barua_api_forms_get (BaruaRequest *request, gpointer app)
{
  const char *name = barua_request_param (request, "name");
  const char *dot = strrchr (name, '.');
  g_autofree char *form = g_strndup (name, dot != NULL ? (gsize)(dot - name) : 0);
  const char *format = dot != NULL ? dot + 1 : name;
  gboolean is_json = strcmp (format, "json") == 0;

  if (!may_read (request))
    return;
  if (*form == '\0' || (!is_json && strcmp (format, "xml") != 0))
    refuse_name (request, form, format);
  else if (is_json)
    reply_json_form (request, form);
  else
    {
      Asking *asking = asking_new (request, app);
      asking->name = g_steal_pointer (&form);
      barua_xforms_read_async (asking->app->store, &asking->query, reply_xform, asking);
    }
}
