/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/** More parts than this are refused: each costs memory besides its bytes. */
#define BARUA_MULTIPART_MAX_PARTS 1000

/**
 * BaruaPart:
 * @name: (nullable): `filename` of its Content-Disposition
 * @bytes: borrowed from the body
 *
 * One part of a multipart body.
 */
typedef struct
{
  char *name;
  BaruaText bytes;
} BaruaPart;

/**
 * barua_multipart_split:
 * @content_type: the header, which names the boundary
 *
 * Takes a multipart body apart (RFC 2046, 5.1.1); a line may end without its CR. The preamble and
 * what comes after the last delimiter are dropped. Linear time.
 *
 * Returns: (transfer full) (element-type BaruaPart) (nullable): %NULL when there is no boundary, no
 *   part, or no end, or when there are more than %BARUA_MULTIPART_MAX_PARTS
 */
GArray *barua_multipart_split (BaruaText body, const char *content_type);

G_END_DECLS
