/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/xform.h"
#include "gateway/store/store-attachments.h"

G_BEGIN_DECLS

/* XForms: documents of type `form` with an attachment that is one (settings-and-forms.md 4). */

/**
 * BaruaXFormCache:
 *
 * What was read from XForms, by the digest of their bytes: a document that changes has another one,
 * so nothing here is ever out of date. As large as the last list. Any thread.
 */
typedef struct _BaruaXFormCache BaruaXFormCache;

BaruaXFormCache *barua_xform_cache_new (void);
void barua_xform_cache_free (BaruaXFormCache *cache);

/**
 * BaruaXFormEntry:
 * @id: of the document
 * @name: its `internalId`; without one, the id behind `form:`
 * @type: of the attachment, as stored
 * @attachment: its texts other than @type are not there
 * @is_collect: `context.collect` is truthy: it is for OpenRosa clients
 * @is_read: @xform was asked for, and could be read
 */
typedef struct
{
  char *id;
  char *name;
  char *type;
  BaruaAttachment attachment;
  gboolean is_collect;
  gboolean is_read;
  BaruaXForm xform;
} BaruaXFormEntry;

/**
 * BaruaXFormQuery:
 * @cache: (nullable): read the forms for OpenRosa clients; one that cannot be read is logged when it
 *   is seen first
 * @entries: (out) (element-type BaruaXFormEntry): by document id
 *
 * The data of barua_xforms_read().
 */
typedef struct
{
  BaruaXFormCache *cache;
  GPtrArray *entries;
} BaruaXFormQuery;

void barua_xform_query_clear (BaruaXFormQuery *query);

/**
 * barua_xforms_read_async:
 * @query: lives until @callback, which gets the result of barua_xforms_read_finish()
 *
 * Lists the XForms of the default database, those of all that was stored before this call. Parsing
 * goes on beside the main loop.
 */
void barua_xforms_read_async (BaruaStore *store, BaruaXFormQuery *query,
                              GAsyncReadyCallback callback, gpointer user_data);
gboolean barua_xforms_read_finish (BaruaStore *store, GAsyncResult *result, GError **error);

/** The form called @name exactly, the first of several; else the only one that differs in ASCII
 * case. Returns: (nullable) */
const BaruaXFormEntry *barua_xforms_find (const GPtrArray *entries, const char *name);

/**
 * barua_xforms_append_openrosa:
 * @base: `https://host`, without a slash at its end
 *
 * Appends the list for OpenRosa clients (settings-and-forms.md 4.2); forms that could not be read
 * are left out.
 */
void barua_xforms_append_openrosa (GString *out, const GPtrArray *entries, const char *base);

G_END_DECLS
