/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/tls.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The two halves of a wire; for wire.c alone, which fills their members. */

/** The reading half. */
#define WIRE_TYPE_INPUT (wire_input_get_type ())
G_DECLARE_FINAL_TYPE (WireInput, wire_input, WIRE, INPUT, GInputStream)

struct _WireInput
{
  GInputStream parent_instance;
  GSocket *socket;
  BaruaTlsSession *tls; /* the wire's; NULL: none, or not yet */
  const guint8 *held; /* read and not yet taken; in kept or in the watch's room */
  gsize n_held;
  GByteArray *kept;   /* NULL when nothing is */
  gint64 lent;      /* bytes that libsoup may read, BARUA_WIRE_ALL or 0 */
  gsize apart;      /* of them, those that no read goes beyond */
  gboolean is_between;
  gboolean is_readable; /* bytes have come since the socket was last empty */
  gboolean is_ending;   /* the end has come; it will be found when all is read */
  gboolean is_over;     /* nothing will be read any more */
  GSource *waiting;     /* what libsoup waits with; NULL when it does not */
};

/** Lets libsoup go on if it waits. */
void wire_input_wake (WireInput *input);

/** Drops the first bytes of those held. */
void wire_input_drop (WireInput *input, gsize n);

/** recv() of what the client says, errno included; notes when there is no more. An end leaves it readable; so does a
 * TLS record, as another may have been read with it. */
gssize wire_input_receive (WireInput *input, void *buffer, gsize count);

/** The writing half of a wire with TLS; without, it is the socket's own. */
#define WIRE_TYPE_OUTPUT (wire_output_get_type ())
G_DECLARE_FINAL_TYPE (WireOutput, wire_output, WIRE, OUTPUT, GOutputStream)

struct _WireOutput
{
  GOutputStream parent_instance;
  GSocket *socket;
  BaruaTlsSession *tls; /* the wire's; NULL: not yet, or not any more */
};

G_END_DECLS
