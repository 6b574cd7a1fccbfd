/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/store.h"

G_BEGIN_DECLS

/** The document that says how an upgrade goes, in the default database (export-and-monitoring.md 8.1). */
#define BARUA_UPGRADE_DOCUMENT "horti-upgrade"

/**
 * BaruaUpgradeNote:
 * @message: (nullable): one more entry of its `log`
 * @is_error: the entry has `error: true`
 * @is_staged: the build can be gone over to: `staging_complete: true`
 * @action: (nullable): the new `action`
 * @deletes: a tombstone follows
 *
 * A change of the document.
 */
typedef struct
{
  const char *message;
  gboolean is_error;
  gboolean is_staged;
  const char *action;
  gboolean deletes;
} BaruaUpgradeNote;

/**
 * BaruaUpgradeState:
 * @version: (nullable): of its `build_info`, when that is a text
 * @is_staged: `staging_complete`; anybody who writes documents may have put that there
 * @is_over: the last entry of its `log` is an error
 *
 * What stands in the document.
 */
typedef struct
{
  char *version;
  char *action;
  gboolean is_staged;
  gboolean is_over;
} BaruaUpgradeState;

void barua_upgrade_state_clear (BaruaUpgradeState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaUpgradeState, barua_upgrade_state_clear)

/**
 * barua_upgrade_document_read:
 * @is_there: (out): whether there is such a document; @state is else empty
 */
gboolean barua_upgrade_document_read (BaruaReader *reader, BaruaUpgradeState *state, gboolean *is_there,
                                      GError **error);

/** Changes the document as @note says; %BARUA_STORE_ERROR_NOT_FOUND and %BARUA_STORE_ERROR_DELETED when there is
 * none. */
gboolean barua_upgrade_document_note (BaruaTx *tx, const BaruaUpgradeNote *note, GError **error);

G_END_DECLS
