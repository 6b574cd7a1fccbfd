/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/contacts.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/**
 * barua_contact_plan_put:
 * @revs: (out) (transfer full) (element-type utf8) (optional): the new revisions, as many as
 *   @plan->documents
 * @error: %BARUA_STORE_ERROR_CONFLICT when an id is in use; the job must then fail
 *
 * Writes everything that @plan holds, in its order. In a job:
 * |[
 *   g_auto (BaruaStoreLookup) lookup = { 0 };
 *   barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
 *   g_auto (BaruaContactPlan) plan = { .settings = …, .lookup = &lookup.lookup, .arena = …,
 *                                      .now_ms = …, .may_create_people = …, .may_create_places = …
 * }; barua_contact_plan_init (&plan); BaruaContact place, person; if
 * (!barua_contact_plan_take_place (&plan, json_place, &place, error)
 *       || !barua_contact_plan_take_person (&plan, json_contact, &place, &person, error)
 *       || (place.planned >= 0
 *           && !barua_contact_plan_set_contact (&plan, &place, &person, error)))
 *     return FALSE;
 *   if (!barua_contact_is_within (&person, &place)) …
 *   return barua_contact_plan_put (tx, &plan, &revs, error);
 * ]|
 * `person.planned` is then the index of its revision in @revs, or -1 with @rev of a stored one.
 */
gboolean barua_contact_plan_put (BaruaTx *tx, const BaruaContactPlan *plan, GPtrArray **revs,
                                 GError **error);

/** Writes one document; what is attached to the revision it replaces stays attached. */
gboolean barua_contact_put (BaruaTx *tx, const BaruaPlannedDocument *planned, BaruaWritten *written,
                            GError **error);

G_END_DECLS
