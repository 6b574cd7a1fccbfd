/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BARUA_FORMS_ERROR (barua_forms_error_quark ())
GQuark barua_forms_error_quark (void);

/**
 * BaruaFormsError:
 * @BARUA_FORMS_ERROR_JSON: the text is not JSON; the message names line, column and reason
 * @BARUA_FORMS_ERROR_SHAPE: valid JSON of a shape that cannot be used; the message names the path
 * @BARUA_FORMS_ERROR_XML: not an XML document that is taken; the message names line, column and
 *   reason
 * @BARUA_FORMS_ERROR_NO_READER: the reader of XML could not be loaded; the log says why
 */
typedef enum
{
  BARUA_FORMS_ERROR_JSON,
  BARUA_FORMS_ERROR_SHAPE,
  BARUA_FORMS_ERROR_XML,
  BARUA_FORMS_ERROR_NO_READER,
} BaruaFormsError;

G_END_DECLS
