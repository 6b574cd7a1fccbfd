/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/views.h"

G_BEGIN_DECLS

/* Private to gateway/rules/views*.c: the map functions of documents.md 10. */

/** Members of a document that some view reads. */
typedef enum
{
  BARUA_MEMBER_TYPE,
  BARUA_MEMBER_FORM,
  BARUA_MEMBER_TASKS,
  BARUA_MEMBER_SCHEDULED_TASKS,
  BARUA_MEMBER_REPORTED_DATE,
  BARUA_MEMBER_SMS_MESSAGE,
  BARUA_MEMBER_KUJUA_MESSAGE,
  BARUA_MEMBER_CONTACT,
  BARUA_MEMBER_FROM,
  BARUA_MEMBER_PATIENT_ID,
  BARUA_MEMBER_PLACE_ID,
  BARUA_MEMBER_CASE_ID,
  BARUA_MEMBER_RC_CODE,
  BARUA_MEMBER_FIELDS,
  BARUA_MEMBER_ERRORS,
  BARUA_MEMBER_VERIFIED,
  BARUA_MEMBER_PHONE,
  BARUA_MEMBER_NAME,
  BARUA_MEMBER_PARENT,
  BARUA_MEMBER_DATE_OF_DEATH,
  BARUA_MEMBER_MUTED,
  BARUA_MEMBER_CONTACT_TYPE,
  BARUA_MEMBER_CONTACT_ID,
  BARUA_MEMBER_OIDC_USERNAME,
  BARUA_MEMBER_FACILITY_ID,
  BARUA_N_MEMBERS,
} BaruaMember;

/** Members of `fields` that some view reads. */
typedef enum
{
  BARUA_FIELD_PATIENT_ID,
  BARUA_FIELD_PLACE_ID,
  BARUA_FIELD_CASE_ID,
  BARUA_FIELD_PATIENT_UUID,
  BARUA_FIELD_PLACE_UUID,
  BARUA_FIELD_YEAR,
  BARUA_FIELD_MONTH,
  BARUA_FIELD_WEEK,
  BARUA_N_FIELDS,
} BaruaMapField;

/**
 * BaruaMapping:
 * @fields: of `fields`, once @has_fields
 * @view: whose rows are made
 * @key: of the row to come
 * @value: likewise
 *
 * A document on its way through the map functions.
 */
typedef struct
{
  const BaruaViewDocument *document;
  BaruaJson members[BARUA_N_MEMBERS];
  BaruaJson fields[BARUA_N_FIELDS];
  gboolean has_fields;
  guint view;
  GString *key;
  GString *value;
  BaruaEmitFunc emit;
  gpointer data;
} BaruaMapping;

void barua_mapping_init (BaruaMapping *mapping, const BaruaViewDocument *document,
                         BaruaEmitFunc emit, gpointer data);
void barua_mapping_clear (BaruaMapping *mapping);

void barua_map_contacts_by_phone (BaruaMapping *m);

/** National offices, which contacts_by_phone leaves out as the original does (contacts.md 1). */
void barua_map_offices_by_phone (BaruaMapping *m);
void barua_map_contacts_by_reference (BaruaMapping *m);
void barua_map_docs_by_shortcode (BaruaMapping *m);
void barua_map_contacts_by_primary_contact (BaruaMapping *m);
void barua_map_contacts_by_depth (BaruaMapping *m);
void barua_map_contacts_by_type (BaruaMapping *m);
void barua_map_contacts_by_parent (BaruaMapping *m);
void barua_map_contacts_by_place (BaruaMapping *m);
void barua_map_reports_by_form_and_parent (BaruaMapping *m);
void barua_map_reports_by_month (BaruaMapping *m);
void barua_map_reports_by_week (BaruaMapping *m);
void barua_map_reports_by_form (BaruaMapping *m);
void barua_map_reports_by_date (BaruaMapping *m);
void barua_map_reports_by_subject (BaruaMapping *m);
void barua_map_reports_by_place (BaruaMapping *m);
void barua_map_reports_by_validity (BaruaMapping *m);
void barua_map_reports_by_verification (BaruaMapping *m);
void barua_map_contacts_by_order (BaruaMapping *m);
void barua_map_records_by_date (BaruaMapping *m);
void barua_map_data_records_by_type (BaruaMapping *m);
void barua_map_messages_by_contact_date (BaruaMapping *m);
void barua_map_messages_by_state (BaruaMapping *m);
void barua_map_gateway_messages_by_state (BaruaMapping *m);
void barua_map_messages_by_gateway_ref (BaruaMapping *m);
void barua_map_messages_by_uuid (BaruaMapping *m);
void barua_map_messages_by_last_updated_state (BaruaMapping *m);
void barua_map_message_queue (BaruaMapping *m);
void barua_map_doc_by_type (BaruaMapping *m);
void barua_map_docs_by_holder (BaruaMapping *m);
void barua_map_conflicts (BaruaMapping *m);
void barua_map_users_by_field (BaruaMapping *m);

/* views-map.c, for views-messages.c */

/** Appends a value, null when it is absent. */
void barua_mapping_append (GString *out, BaruaJson value);

/** Appends `"name":value`; nothing when it is absent. */
void barua_mapping_append_member (GString *out, const char *name, BaruaJson value);

/** Hands the row over, and begins the next one; an empty value is null. */
void barua_mapping_emit (BaruaMapping *m);

/** Whether it is a record: of phones or of people. */
gboolean barua_mapping_is_record (const BaruaMapping *m);

G_END_DECLS
