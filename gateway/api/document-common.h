/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/app.h"

G_BEGIN_DECLS

/**
 * BaruaAccess:
 * @BARUA_ACCESS_READ: what is in a database
 * @BARUA_ACCESS_WRITE: its documents
 * @BARUA_ACCESS_MANAGE: the database itself; administrators, and the owner of a
 *   `medic-user-{name}-meta`
 *
 * What a call is about to do (documents.md 9).
 */
typedef enum
{
  BARUA_ACCESS_READ,
  BARUA_ACCESS_WRITE,
  BARUA_ACCESS_MANAGE,
} BaruaAccess;

/**
 * BaruaCall:
 * @name: of the database, decoded; that of the default one for `~`
 * @db: (nullable): the same for the store: %NULL for the default one
 * @is_seed: the dialect (documents.md 6.9)
 * @is_admin: may read hidden documents and write what is the administrators'
 * @has_no_database: barua_call_check_database() has found none
 * @arena: lives as long as the call
 *
 * What all calls of the document API begin with: the first member of their own structs.
 */
typedef struct
{
  BaruaApp *app;
  BaruaRequest *request;
  const char *name;
  const char *db;
  gboolean is_seed;
  gboolean is_admin;
  gboolean has_no_database;
  BaruaArena *arena;
} BaruaCall;

/**
 * barua_call_open:
 * @call: (out caller-allocates): to be closed when %TRUE is returned
 *
 * Finds the database and asks whether the user may do this there (documents.md 1, 9).
 *
 * Returns: %FALSE after an answer
 */
gboolean barua_call_open (BaruaCall *call, BaruaRequest *request, BaruaApp *app,
                          BaruaAccess access);

/** Frees what @call holds, not @call itself. */
void barua_call_close (BaruaCall *call);

/** In a query or job: whether the database exists; sets %BARUA_STORE_ERROR_NOT_FOUND, of which
 * barua_call_fail() then knows what it means. */
gboolean barua_call_check_database (BaruaCall *call, BaruaReader *reader, GError **error);

/** Answers what the store failed with. */
void barua_call_fail (BaruaCall *call, const GError *error);

/** Answers 200 with @out, which is taken, and a newline. */
void barua_call_reply (BaruaCall *call, GString **out);

/** The same with another status. */
void barua_call_reply_status (BaruaCall *call, guint status, GString **out);

/**
 * barua_call_reply_written:
 * @status: 200 or 201
 *
 * Answers what was written, in the dialect of the call, with its ETag, and with its Location for
 * 201 (documents.md 6.9 no. 1).
 */
void barua_call_reply_written (BaruaCall *call, guint status, BaruaText id, BaruaText rev);

/** Appends `{"ok":true,"id":…,"rev":…}`. */
void barua_append_written (GString *out, BaruaText id, BaruaText rev);

/** Whether only administrators write a document of the default database (documents.md 9). @body may
 * be absent. */
gboolean barua_document_is_guarded (BaruaText id, BaruaText body);

/** Whether only administrators read a document of the default database (documents.md 9). */
gboolean barua_document_is_secret (BaruaText body);

/** Whether @text begins with @prefix. */
gboolean barua_text_has_prefix (BaruaText text, const char *prefix);

/* The path and the query. Functions that return %FALSE have answered. */

/** (transfer full): the id in the path: `{id}`, or `_design/{ddoc}`. */
char *barua_request_document_id (BaruaRequest *request);

/** (nullable): the value of a parameter, of @alias when there is none; the literal "undefined" is
 * none (documents.md 2). */
const char *barua_request_parameter (BaruaRequest *request, const char *name, const char *alias);

gboolean barua_request_take_boolean (BaruaRequest *request, const char *name, gboolean *value);

/** A number of 0 or more. */
gboolean barua_request_take_integer (BaruaRequest *request, const char *name, gint64 *value);

/** A JSON value; absent when it was not sent. */
gboolean barua_request_take_json (BaruaRequest *request, const char *name, const char *alias,
                                  BaruaJson *value);

/**
 * BaruaOptions:
 * @body: (nullable): the object of a POST, whose members count when the URL has none of the name
 *   (documents.md 8.8)
 *
 * Where the options of a read come from.
 */
typedef struct
{
  BaruaRequest *request;
  BaruaJson body;
} BaruaOptions;

/** Takes the body of a POST; 400 when it is no object. */
gboolean barua_options_init (BaruaOptions *options, BaruaRequest *request);

gboolean barua_options_boolean (const BaruaOptions *options, const char *name, gboolean *value);
gboolean barua_options_integer (const BaruaOptions *options, const char *name, gint64 *value);
gboolean barua_options_json (const BaruaOptions *options, const char *name, const char *alias,
                             BaruaJson *value);

/** `keys`: an array, or absent. In the native dialect keys and a range at once are refused, as by
 * CouchDB; in the other one the keys count. */
gboolean barua_options_keys (const BaruaOptions *options, BaruaJson *keys);

/* Headers. */

/** Whether If-None-Match names @etag, which has its quotes (RFC 9110, 13.1.2). */
gboolean barua_request_knows_etag (BaruaRequest *request, const char *etag);

/**
 * barua_request_edit_rev:
 * @in_body: (nullable): `_rev` of the body
 * @rev: (out): absent when nobody named one
 *
 * The parent revision that a writing request names: in the body, as `rev=` or as If-Match; 400 when
 * two of them differ (documents.md 2, 6.4).
 */
gboolean barua_request_edit_rev (BaruaRequest *request, BaruaText in_body, BaruaText *rev);

/** Sets why an answer that is made in one piece is not given: it would take more than its limit of memory. */
void barua_answer_too_large (GError **error);

G_END_DECLS
