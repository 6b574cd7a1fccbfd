/* SPDX-License-Identifier: MIT */

/* XForms: the reader is loaded when it is first needed; what it found is judged here. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/xform.h"

#include <pthread.h>

#include "forms/error.h"
#include "forms/module.h"

static BaruaXFormEngine *loaded;

static void
load (void)
{
  loaded = (BaruaXFormEngine *)barua_module_symbol ("barua-xform.so", "barua_xform_libxml");
}

gboolean
barua_xform_read (BaruaText text, BaruaXForm *xform, GError **error)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  BaruaXForm found = { 0 };

  pthread_once (&once, load);
  if (loaded == NULL)
    {
      g_set_error_literal (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_NO_READER,
                           "the reader of XForms is not there");
      return FALSE;
    }
  g_autofree char *fault = loaded (text, &found);
  if (fault != NULL)
    {
      g_set_error_literal (error, BARUA_FORMS_ERROR, BARUA_FORMS_ERROR_XML, fault);
      barua_xform_clear (&found);
      return FALSE;
    }
  *xform = found;
  return TRUE;
}

void
barua_xform_clear (BaruaXForm *xform)
{
  g_free (xform->title);
  g_free (xform->form_id);
  g_free (xform->version);
  *xform = (BaruaXForm){ 0 };
}

const char *
barua_xform_fault (const BaruaXForm *xform)
{
  if (xform->title == NULL)
    return "no title: expected text in /h:html/h:head/h:title";
  if (!xform->has_instance)
    return "no instance: expected an element in /h:html/h:head/model/instance";
  if (!xform->has_id)
    return "no id: the first element in /h:html/h:head/model/instance needs the attribute \"id\"";
  return NULL;
}
