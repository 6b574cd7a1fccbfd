/* SPDX-License-Identifier: MIT */

/* SipHash-2-4-128. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/siphash.h"

#include <string.h>

typedef struct
{
  guint64 a, b, c, d; /* v0 to v3 of the paper */
} State;

static guint64
rotate (guint64 x, guint bits)
{
  return x << bits | x >> (64 - bits);
}

static guint64
load (const guint8 *p)
{
  guint64 word;

  memcpy (&word, p, sizeof word);
  return GUINT64_FROM_LE (word);
}

static void
rounds (State *s, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      s->a += s->b;
      s->b = rotate (s->b, 13) ^ s->a;
      s->a = rotate (s->a, 32);
      s->c += s->d;
      s->d = rotate (s->d, 16) ^ s->c;
      s->a += s->d;
      s->d = rotate (s->d, 21) ^ s->a;
      s->c += s->b;
      s->b = rotate (s->b, 17) ^ s->c;
      s->c = rotate (s->c, 32);
    }
}

static void
absorb (State *s, guint64 word)
{
  s->d ^= word;
  rounds (s, 2);
  s->a ^= word;
}

/* Half of the digest. */
static void
squeeze (State *s, guint8 *half)
{
  rounds (s, 4);
  const guint64 word = GUINT64_TO_LE (s->a ^ s->b ^ s->c ^ s->d);
  memcpy (half, &word, sizeof word);
}

void
barua_siphash (const guint8 *key, const void *data, gsize n, guint8 *digest)
{
  const guint64 k0 = load (key), k1 = load (key + 8);
  State s = { k0 ^ G_GUINT64_CONSTANT (0x736f6d6570736575),
              k1 ^ G_GUINT64_CONSTANT (0x646f72616e646f6d) ^ 0xee,
              k0 ^ G_GUINT64_CONSTANT (0x6c7967656e657261),
              k1 ^ G_GUINT64_CONSTANT (0x7465646279746573) };
  const guint8 *p = data;
  guint64 last = (guint64)n << 56;

  for (gsize left = n / 8; left > 0; left--, p += 8)
    absorb (&s, load (p));
  for (gsize i = 0; i < n % 8; i++)
    last |= (guint64)p[i] << (8 * i);
  absorb (&s, last);
  s.c ^= 0xee;
  squeeze (&s, digest);
  s.b ^= 0xdd;
  squeeze (&s, digest + 8);
}
