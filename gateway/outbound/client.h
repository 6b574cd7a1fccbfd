/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/outbound/adapter.h"

G_BEGIN_DECLS

/**
 * BaruaOutboundClient:
 *
 * Makes HTTP requests to carriers. Main thread only.
 */
typedef struct _BaruaOutboundClient BaruaOutboundClient;

/** @timeout_s: for one request, from the look-up of the name to the last byte of the answer. */
BaruaOutboundClient *barua_outbound_client_new (guint timeout_s);

/** For requests from now on. */
void barua_outbound_client_set_timeout (BaruaOutboundClient *client, guint timeout_s);

/** Ends requests under way without a word: whoever asked must be ready for that. */
void barua_outbound_client_free (BaruaOutboundClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaOutboundClient, barua_outbound_client_free)

/** Gets the answer, borrowed for the call. */
typedef void (*BaruaOutboundFunc) (const BaruaOutboundAnswer *answer, gpointer data);

/**
 * barua_outbound_client_send:
 * @func: called once from the main loop, never before this function has returned
 *
 * Sends @request on a connection of its own, so that nothing is ever sent a second time by itself, and
 * follows no redirect, so that the secret goes nowhere else. Reads 64 KiB of an answer at most.
 */
void barua_outbound_client_send (BaruaOutboundClient *client, const BaruaOutboundRequest *request,
                                 BaruaOutboundFunc func, gpointer data);

G_END_DECLS
