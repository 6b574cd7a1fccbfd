/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/document-common.h"
#include "gateway/rules/selector.h"
#include "gateway/store/store-changes.h"

G_BEGIN_DECLS

/**
 * BaruaChangeFilter:
 * @selector: (nullable): of `filter=_selector`
 * @view: (nullable) (array length=barua_views_count()): of `filter=_view`: the one that is wanted
 *
 * Which rows of `_changes` a client gets, where that depends on the documents (documents.md 8.4,
 * 12). Initialise with {0}.
 */
typedef struct
{
  BaruaSelector *selector;
  gboolean *view;
} BaruaChangeFilter;

void barua_change_filter_clear (BaruaChangeFilter *filter);

/** Reads `selector` of the body; %FALSE after an answer. */
gboolean barua_change_filter_take_selector (BaruaChangeFilter *filter, BaruaCall *call);

/** Reads `view=ddoc/name`, of the registry; %FALSE after an answer. */
gboolean barua_change_filter_take_view (BaruaChangeFilter *filter, BaruaCall *call);

/** Whether there is a filter: its rows need their documents. */
gboolean barua_change_filter_is_set (const BaruaChangeFilter *filter);

/** Whether @change, which has its body, passes. No view has rows of tombstones. */
gboolean barua_change_filter_passes (const BaruaChangeFilter *filter, const BaruaChange *change);

G_END_DECLS
