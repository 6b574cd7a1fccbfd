/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/api/document-common.h"
#include "gateway/api/document-item.h"

G_BEGIN_DECLS

typedef struct _BaruaDocumentWrite BaruaDocumentWrite;

/** Answers; the outcomes are in the items. */
typedef void (*BaruaWriteReply) (BaruaDocumentWrite *write);

/**
 * BaruaDocumentWrite:
 * @items: (element-type BaruaItem)
 * @is_bulk: conflicts are outcomes; a single write tells more (documents.md 6.9 no. 5)
 * @is_deletion: answered 200
 * @n_bytes: of texts that the items are read from, besides the body of the request
 *
 * A request that writes documents: read, stored in one job, then answered.
 */
struct _BaruaDocumentWrite
{
  BaruaCall call;
  GArray *items;
  gboolean is_bulk;
  gboolean is_deletion;
  gsize n_bytes;
  BaruaSettings *settings;
  gboolean settings_changed;
  gint64 now_ms;
  GError *error;
  BaruaWriteReply reply;
};

/** Finds the database and asks whether the user may write there; %NULL after an answer. */
BaruaDocumentWrite *barua_document_write_new (BaruaRequest *request, BaruaApp *app);

void barua_document_write_free (BaruaDocumentWrite *write);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaDocumentWrite, barua_document_write_free)

/** Adds an item and gives it back to be filled in; valid until the next one is added. */
BaruaItem *barua_document_write_add (BaruaDocumentWrite *write);

/**
 * barua_document_write_run:
 * @write: (transfer full)
 * @reply: called when all is on the disk and settings that were written are in force; not called
 *   when the whole request failed, which is answered here
 */
void barua_document_write_run (BaruaDocumentWrite *write, BaruaWriteReply reply);

/** Answers the outcome of the only item: what was written, or its failure. */
void barua_document_write_reply_single (BaruaDocumentWrite *write);

G_END_DECLS
