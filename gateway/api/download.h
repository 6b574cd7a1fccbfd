/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"
#include "gateway/store/store-attachments.h"

G_BEGIN_DECLS

/**
 * barua_download_send:
 * @attachment: of any document; borrowed for the call
 *
 * Answers @request with the bytes of an attachment, in pieces as the client takes them: its type as
 * stored, an ETag, ranges, and headers that keep uploaded pages from running (documents.md 8.3).
 */
void barua_download_send (BaruaRequest *request, BaruaApp *app, const BaruaAttachment *attachment);

G_END_DECLS
