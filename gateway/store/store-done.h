/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Which rows of workflows.md 1.1 ran over a document of the default database. */

/**
 * barua_reader_get_done:
 * @written: what was written of the document, in the same transaction
 * @rows: (out): bit n stands for row n; 0 when nothing is noted
 * @is_noted: (out): whether anything is
 */
gboolean barua_reader_get_done (BaruaReader *reader, const BaruaWritten *written, guint64 *rows,
                                gboolean *is_noted, GError **error);

/** Notes @rows instead of what was noted before. */
gboolean barua_tx_put_done (BaruaTx *tx, const BaruaWritten *written, guint64 rows, GError **error);

G_END_DECLS
