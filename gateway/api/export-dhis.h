/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/** Answers `dhis` (export-and-monitoring.md 6). @filters: borrowed for the call */
void barua_export_dhis (BaruaRequest *request, BaruaApp *app, BaruaJson filters, gboolean is_human);

/** Adds `Content-Disposition` with the type, the local time and @ending (1.3). */
void barua_export_add_file_name (BaruaRequest *request, const char *type, const char *ending);

G_END_DECLS
