/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/api/document-item.h"

G_BEGIN_DECLS

/**
 * barua_document_run_rules:
 * @item: a document of the default database, stored by the same job a moment ago
 *
 * Runs the enabled rows of workflows.md 1.1 over a record that a client wrote, as it came; what
 * they change is one more revision (1.1, no. 3). The client is told its own revision.
 */
gboolean barua_document_run_rules (BaruaTx *tx, const BaruaSettings *settings,
                                   const BaruaItem *item, gint64 now_ms, GError **error);

G_END_DECLS
