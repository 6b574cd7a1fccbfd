/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/store/store-changes.h"

G_BEGIN_DECLS

/** Waiting feeds at most; more are answered 503 (documents.md 8.4). */
#define BARUA_MAX_FEEDS 500

/** Tells the waiting feeds of @app what was committed. Main thread. */
void barua_feeds_wake (BaruaApp *app, const BaruaNews *news);

G_END_DECLS
