/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/request.h"

G_BEGIN_DECLS

/**
 * barua_api_fail:
 * @error: (transfer none): of the parser, the store, the forms layer or HTTP
 *
 * Answers @error: the table of what a failure below means to a client of /api/. What is no client's
 * mistake is logged and answered without a word of it.
 */
void barua_api_fail (BaruaRequest *request, const GError *error);

/** Appends what stands in `error` of that answer, a JSON value: for one of several things that one
 * request asks for. */
void barua_api_append_failure (GString *out, const GError *error);

/** The same for the document API: documents.md 13. */
void barua_api_fail_document (BaruaRequest *request, const GError *error);

G_END_DECLS
