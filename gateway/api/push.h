/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaPush:
 *
 * Hands messages to the carrier that `sms.outgoing_service` names, and asks it what became of them
 * (messaging.md 7). Main thread only.
 */
typedef struct _BaruaPush BaruaPush;

/**
 * BaruaPushOptions:
 * @africas_talking_url: "" for the service's own
 * @rapidpro_url: "" for `sms.rapidpro.url`, which must be https
 * @timeout_s: for one request
 * @retry_s: the first wait after something temporary; doubled each time, up to an hour
 */
typedef struct
{
  const char *africas_talking_url;
  const char *rapidpro_url;
  guint timeout_s;
  guint retry_s;
} BaruaPushOptions;

/**
 * barua_push_new:
 * @app: outlives it
 *
 * Starts: what a former process was sending when it ended is settled first, then there is a round every
 * 60 s.
 */
BaruaPush *barua_push_new (BaruaApp *app, const BaruaPushOptions *options);

/** From the next round on; @timeout_s from the next request on. */
void barua_push_set_options (BaruaPush *push, const BaruaPushOptions *options);

/** Stops; a request under way is settled by the next process. Before the store is closed. */
void barua_push_free (BaruaPush *push);

/** There may be something to send. @push: (nullable) */
void barua_push_soon (BaruaPush *push);

/** A round now, whatever was to be waited for. @push: (nullable) */
void barua_push_now (BaruaPush *push);

G_END_DECLS
