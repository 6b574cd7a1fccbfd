/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/body.h"

G_BEGIN_DECLS

/** Longer bodies go to a file. */
#define BARUA_SPOOL_MEMORY_BYTES (256u * 1024u)

/**
 * BaruaSpool:
 *
 * The bytes of an attachment while they arrive, in memory or in an unlinked temporary file,
 * inflated on the way in.
 */
typedef struct _BaruaSpool BaruaSpool;

/**
 * barua_spool_new:
 * @directory: (nullable): for the file; %NULL: the system's temporary directory
 * @limit: bytes at most, inflated
 * @encoding: (nullable): the Content-Encoding header
 * @error: %BARUA_HTTP_ERROR_ENCODING
 *
 * Returns: (transfer full)
 */
BaruaSpool *barua_spool_new (const char *directory, gsize limit, const char *encoding,
                             BaruaBudget *budget, GError **error);
void barua_spool_free (BaruaSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaSpool, barua_spool_free)

/**
 * barua_spool_append:
 * @error: a %BARUA_HTTP_ERROR: ATTACHMENT_TOO_LARGE, BODY (damaged gzip), UNAVAILABLE,
 * INSUFFICIENT_STORAGE
 */
gboolean barua_spool_append (BaruaSpool *spool, gconstpointer data, gsize length, GError **error);

/** No more comes. Fails with %BARUA_HTTP_ERROR_BODY when compressed bytes end too early. */
gboolean barua_spool_finish (BaruaSpool *spool, GError **error);

guint64 barua_spool_length (const BaruaSpool *spool);

/** The file, at its beginning; -1 when the bytes are in memory. */
int barua_spool_fd (const BaruaSpool *spool);

/** (transfer full): the same. */
int barua_spool_steal_fd (BaruaSpool *spool);

/** (transfer none): the bytes in memory. */
BaruaBuffer *barua_spool_buffer (BaruaSpool *spool);

G_END_DECLS
