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
 */
typedef enum
{
  BARUA_FORMS_ERROR_JSON,
  BARUA_FORMS_ERROR_SHAPE,
} BaruaFormsError;

G_END_DECLS
