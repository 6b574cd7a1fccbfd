/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/auth.h"

G_BEGIN_DECLS

/**
 * BaruaRefusals:
 *
 * Answers of 429 that are given a little late: whoever guesses on although refused would else be
 * served as fast as the server can, and take the processor from those who poll. One timer for all.
 * Main thread only.
 */
typedef struct _BaruaRefusals BaruaRefusals;

BaruaRefusals *barua_refusals_new (void);

/** Those who still wait are told %BARUA_HTTP_ERROR_UNAVAILABLE. */
void barua_refusals_free (BaruaRefusals *refusals);

/** Calls @done with %BARUA_HTTP_ERROR_TOO_MANY_REQUESTS, later; at once when very many wait. */
void barua_refusals_add (BaruaRefusals *refusals, BaruaAuthDone done, gpointer data);

G_END_DECLS
