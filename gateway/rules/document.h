/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/** Bytes of the longest document id (documents.md 1). */
#define BARUA_DOCUMENT_ID_MAX_BYTES 512

/**
 * BaruaIdVerdict:
 *
 * What is wrong with a document id; barua_id_verdict_reason() has the words of documents.md 13.
 */
typedef enum
{
  BARUA_ID_FINE,
  BARUA_ID_EMPTY,
  BARUA_ID_RESERVED,
  BARUA_ID_NOT_TEXT,
  BARUA_ID_TOO_LONG,
} BaruaIdVerdict;

/** Judges an id for writing: `_design/x` is fine, `_local/x` and any other `_x` are reserved. */
BaruaIdVerdict barua_id_check (BaruaText id);

/** Bytes of the longest name of a database (documents.md 1). */
#define BARUA_DATABASE_NAME_MAX_BYTES 238

/** Whether a database of that name may be created (documents.md 1). */
gboolean barua_database_name_is_valid (BaruaText name);

/** The reason for the client; %NULL for %BARUA_ID_FINE. */
const char *barua_id_verdict_reason (BaruaIdVerdict verdict);

/**
 * BaruaSpecialMembers:
 * @unknown: (nullable): the name of the first `_` member that documents.md 4 does not know
 *
 * The `_` members of a document as received: the last one of each name, absent where there is none.
 */
typedef struct
{
  BaruaJson id;
  BaruaJson rev;
  BaruaJson revisions;
  BaruaJson deleted;
  BaruaJson attachments;
  BaruaText unknown;
} BaruaSpecialMembers;

/**
 * barua_document_split:
 * @document: an object
 * @special: (out): the `_` members, borrowed from @document
 * @body: the other members are appended, minified, in the order received; a name that comes again
 *   keeps its first place and the last value (documents.md 3, 6)
 *
 * Takes a received document apart into what is stored and what addresses it. Linear in the text.
 */
void barua_document_split (BaruaJson document, BaruaSpecialMembers *special, GString *body);

/**
 * barua_document_append:
 * @body: the stored text, an object
 *
 * Appends the document as it is served: `_id`, `_rev`, the body, and `_deleted` for a tombstone
 * (documents.md 3, 2).
 */
void barua_document_append (GString *out, BaruaText id, BaruaText rev, BaruaText body,
                            gboolean deleted);

/**
 * barua_document_append_with:
 * @name: of a member, without characters that JSON escapes
 * @value: (nullable): JSON; absent removes the member
 *
 * Appends @body with another value of one member, in its place or at the end; everything else stays
 * as it is, byte for byte.
 */
void barua_document_append_with (GString *out, BaruaJson body, const char *name, BaruaText value);

/**
 * BaruaMemberEdit:
 * @json: (nullable): the new value; absent: the member is left out
 *
 * A change of one member.
 */
typedef struct
{
  const char *name;
  BaruaText json;
} BaruaMemberEdit;

/**
 * barua_document_edit:
 * @body: an object, minified
 * @edits: (array length=n_edits): different names
 *
 * Appends @body with members changed in their places, and those that were not there at its end.
 */
void barua_document_edit (GString *out, BaruaJson body, const BaruaMemberEdit *edits,
                          gsize n_edits);

G_END_DECLS
