/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"

G_BEGIN_DECLS

/* Values of a month for DHIS2, summed up by org unit (export-and-monitoring.md 6). */

/**
 * BaruaDhis:
 *
 * One export: what it asks for, and the sums so far.
 */
typedef struct _BaruaDhis BaruaDhis;

/**
 * barua_dhis_new:
 * @filters: `{dataSet, date: {from}, orgUnit?}`
 * @is_human: names in place of ids
 * @error: a #BARUA_EXPORT_ERROR with the text for the client
 *
 * Returns: (transfer full) (nullable)
 */
BaruaDhis *barua_dhis_new (BaruaSettings *settings, BaruaJson filters, gboolean is_human,
                           GError **error);
void barua_dhis_free (BaruaDhis *dhis);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaDhis, barua_dhis_free)

/** The ids of the target documents of the month begin with this. */
const char *barua_dhis_prefix (const BaruaDhis *dhis);

/** Notes the org units of a contact; before any barua_dhis_add_target(). */
void barua_dhis_add_contact (BaruaDhis *dhis, BaruaText id, BaruaJson contact);

/** Adds the values of a target document. @owner: the contact it is about; absent when there is none */
void barua_dhis_add_target (BaruaDhis *dhis, BaruaJson document, BaruaText owner_id, BaruaJson owner);

/** (transfer full): the data value set. */
GString *barua_dhis_json (const BaruaDhis *dhis);

G_END_DECLS
