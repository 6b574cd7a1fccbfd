/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/json.h"

G_BEGIN_DECLS

/**
 * BaruaStored:
 * @body: without `_` members; absent when there is no such document
 *
 * A document of the default database as it is stored now; borrowed from the lookup.
 */
typedef struct
{
  BaruaText id;
  BaruaText rev;
  BaruaJson body;
} BaruaStored;

/**
 * BaruaContactKey:
 * @BARUA_CONTACT_BY_PHONE: exactly its `phone`
 * @BARUA_CONTACT_BY_CODE: its `rc_code`, both in capitals
 * @BARUA_CONTACT_BY_SHORTCODE: its `patient_id` or `place_id`
 *
 * By what a contact is found (workflows.md 2.1).
 */
typedef enum
{
  BARUA_CONTACT_BY_PHONE,
  BARUA_CONTACT_BY_CODE,
  BARUA_CONTACT_BY_SHORTCODE,
} BaruaContactKey;

/** Bytes of an id made by @new_id, with its NUL. */
#define BARUA_LOOKUP_ID_SIZE 33

/**
 * BaruaLookup:
 * @data: for the functions
 * @count_repeat: counts one more message of this text to this recipient and tells how often it was
 *   within the last 30 minutes, this time included (messaging.md 5.4)
 * @get_document: the live document of that id; finding none is no error
 * @find_contact: the contact with the lowest id; absent when there is none. A copy: the text lives
 *   as long as the lookup
 * @new_id: makes a document id, NUL-terminated
 *
 * What a rule may ask; the storage side fills it in, a test has its own.
 */
typedef struct
{
  gpointer data;
  gboolean (*count_repeat) (gpointer data, BaruaText to, BaruaText text, gint64 now_ms, guint *count,
                            GError **error);
  gboolean (*get_document) (gpointer data, BaruaText id, BaruaStored *stored, GError **error);
  gboolean (*find_contact) (gpointer data, BaruaContactKey key, BaruaText value, BaruaText *id,
                            GError **error);
  void (*new_id) (gpointer data, char out[BARUA_LOOKUP_ID_SIZE]);
} BaruaLookup;

G_END_DECLS
