/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaXForm:
 * @title: (nullable): the first text at exactly `/h:html/h:head/h:title`
 * @form_id: (nullable): `id` of the first child of the first `/h:html/h:head/model/instance`, else
 *   the name of that child; %NULL when there is no such path
 * @version: (nullable): `version` of the same child; %NULL when it is empty
 * @has_instance: there is such a child
 * @has_id: it has an `id` that is not empty
 *
 * What a list of forms says of an XForm (settings-and-forms.md 4.2). UTF-8, entities decoded; names
 * are compared with their prefixes as written.
 */
typedef struct
{
  char *title;
  char *form_id;
  char *version;
  gboolean has_instance;
  gboolean has_id;
} BaruaXForm;

/** Larger documents are not read; the largest forms that are known have 2 MiB. */
#define BARUA_XFORM_MAX_BYTES (8u * 1024u * 1024u)

/**
 * barua_xform_read:
 * @text: the document, of any encoding that XML knows
 * @xform: (out): end it with barua_xform_clear()
 * @error: a #BaruaFormsError: %BARUA_FORMS_ERROR_XML with line, column and reason when the document
 *   is not well-formed, has a document type declaration, or exceeds a limit (size, depth of 200
 *   elements, 200 attributes in a tag, 64 KiB in a tag); %BARUA_FORMS_ERROR_NO_READER when the
 *   reader of XML could not be loaded
 *
 * Reads a whole XForm. Nothing is fetched, no entity but the five of XML is known, no tree is built;
 * the time is linear in the length. The first call loads libxml2. Any thread; not the main loop's.
 */
gboolean barua_xform_read (BaruaText text, BaruaXForm *xform, GError **error);

void barua_xform_clear (BaruaXForm *xform);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaXForm, barua_xform_clear)

/** What an XForm needs and @xform has not, for its designer; %NULL when all is there. */
const char *barua_xform_fault (const BaruaXForm *xform);

/** Reads for barua_xform_read(). Returns: (transfer full) (nullable): what is wrong. */
typedef char *(BaruaXFormEngine) (BaruaText text, BaruaXForm *xform);

/** The engine of forms/xform.c, which the module `barua-xform` exports. */
BaruaXFormEngine barua_xform_libxml;

G_END_DECLS
