/* SPDX-License-Identifier: MIT */

/* /api/v1/forms: which forms there are, and one of them (settings-and-forms.md 4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/handlers.h"
#include "gateway/app.h"

#include <string.h>

/* The list for OpenRosa clients; JSON forms are never in it, and there are no XForms without
 * attachments. */
static const char empty_xforms[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                   "<xforms xmlns=\"http://openrosa.org/xforms/xformsList\"/>";

static void
reply_openrosa (BaruaRequest *request)
{
  barua_request_add_header (request, "X-OpenRosa-Version", "1.0");
  barua_request_reply (request, 200, "text/xml; charset=utf-8",
                       g_bytes_new_static (empty_xforms, sizeof empty_xforms - 1));
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

void
barua_api_forms_list (BaruaRequest *request, gpointer app)
{
  const BaruaSettings *settings = barua_request_settings (request);
  const char *openrosa = barua_request_header (request, "X-OpenRosa-Version");

  if (!may_read (request))
    return;
  if (openrosa != NULL && *openrosa != '\0')
    {
      reply_openrosa (request);
      return;
    }
  GString *json = g_string_new ("[");
  for (guint i = 0; i < barua_settings_n_forms (settings); i++)
    {
      BaruaText code = barua_form_code (barua_settings_form (settings, i));
      g_autofree char *name = g_strdup_printf ("%.*s.json", (int)code.n, code.p);
      if (i > 0)
        g_string_append_c (json, ',');
      barua_json_append_string (json, barua_text (name));
    }
  g_string_append_c (json, ']');
  barua_request_reply_json (request, 200, json);
}

void
barua_api_forms_list_slash (BaruaRequest *request, gpointer app)
{
  if (!may_read (request))
    return;
  barua_request_add_header (request, "Location", "/api/v1/forms");
  barua_request_reply (request, 301, NULL, NULL);
}

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

void
barua_api_forms_get (BaruaRequest *request, gpointer app)
{
  const char *name = barua_request_param (request, "name");
  const char *dot = strrchr (name, '.');
  g_autofree char *code = g_strndup (name, dot != NULL ? (gsize)(dot - name) : 0);
  const char *format = dot != NULL ? dot + 1 : name;
  gboolean is_json = strcmp (format, "json") == 0;

  if (!may_read (request))
    return;
  if (*code == '\0' || (!is_json && strcmp (format, "xml") != 0))
    {
      refuse_name (request, code, format);
      return;
    }
  const BaruaForm *form
      = is_json ? find_form (barua_request_settings (request), barua_text (code)) : NULL;
  if (form == NULL)
    {
      g_autofree char *message = g_strdup_printf ("Form not found: %s (%s)", code, format);
      barua_request_fail (request, BARUA_HTTP_ERROR_NOT_FOUND, message, NULL);
      return;
    }
  BaruaJson json = barua_form_json (form);
  barua_request_reply_json (request, 200, g_string_new_len (json.text, (gssize)json.length));
}
