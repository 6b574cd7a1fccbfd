/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/document-common.h"
#include "gateway/http/stream.h"

G_BEGIN_DECLS

/** A page is full from so many bytes on: longer answers are streamed (documents.md 2). */
#define BARUA_PAGE_BYTES (64u * 1024u)

typedef struct _BaruaPages BaruaPages;

/**
 * BaruaPages:
 * @page: appends the next piece to @out until that is full, and sets @is_last with the last one;
 *   each call has a snapshot of its own, so that a slow client holds none
 * @free: frees the whole struct
 *
 * An answer that is read from the store page by page: sent as a whole when one page is all, else
 * streamed, the next page read when the client has taken the one before. The first member of the
 * structs of its users.
 */
struct _BaruaPages
{
  BaruaCall call;
  BaruaQuery page;
  GDestroyNotify free;
  GString *out;
  gboolean is_last;
  gboolean is_reading;
  gboolean is_closed;
  BaruaStream *stream;
};

/** Whether the page has become long enough. */
gboolean barua_pages_is_full (const BaruaPages *pages);

/** Answers. @pages: (transfer full) */
void barua_pages_run (BaruaPages *pages);

/** Frees what #BaruaPages itself holds; for @free. */
void barua_pages_clear (BaruaPages *pages);

G_END_DECLS
