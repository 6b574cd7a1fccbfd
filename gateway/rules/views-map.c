/* SPDX-License-Identifier: MIT */

/* Map functions over contacts, reports and users (documents.md 10). An absent value inside a key is
 * null, as `undefined` is in the originals. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/views-map.h"

#include "forms/arena.h"
#include "forms/characters.h"

/* Levels of parents that are followed; hierarchies have fewer than ten. */
#define MAX_LEVELS 32

static const BaruaText member_names[BARUA_N_MEMBERS] = {
  [BARUA_MEMBER_TYPE] = BARUA_TEXT ("type"),
  [BARUA_MEMBER_FORM] = BARUA_TEXT ("form"),
  [BARUA_MEMBER_TASKS] = BARUA_TEXT ("tasks"),
  [BARUA_MEMBER_SCHEDULED_TASKS] = BARUA_TEXT ("scheduled_tasks"),
  [BARUA_MEMBER_REPORTED_DATE] = BARUA_TEXT ("reported_date"),
  [BARUA_MEMBER_SMS_MESSAGE] = BARUA_TEXT ("sms_message"),
  [BARUA_MEMBER_KUJUA_MESSAGE] = BARUA_TEXT ("kujua_message"),
  [BARUA_MEMBER_CONTACT] = BARUA_TEXT ("contact"),
  [BARUA_MEMBER_FROM] = BARUA_TEXT ("from"),
  [BARUA_MEMBER_PATIENT_ID] = BARUA_TEXT ("patient_id"),
  [BARUA_MEMBER_PLACE_ID] = BARUA_TEXT ("place_id"),
  [BARUA_MEMBER_CASE_ID] = BARUA_TEXT ("case_id"),
  [BARUA_MEMBER_RC_CODE] = BARUA_TEXT ("rc_code"),
  [BARUA_MEMBER_FIELDS] = BARUA_TEXT ("fields"),
  [BARUA_MEMBER_ERRORS] = BARUA_TEXT ("errors"),
  [BARUA_MEMBER_VERIFIED] = BARUA_TEXT ("verified"),
  [BARUA_MEMBER_PHONE] = BARUA_TEXT ("phone"),
  [BARUA_MEMBER_NAME] = BARUA_TEXT ("name"),
  [BARUA_MEMBER_PARENT] = BARUA_TEXT ("parent"),
  [BARUA_MEMBER_DATE_OF_DEATH] = BARUA_TEXT ("date_of_death"),
  [BARUA_MEMBER_MUTED] = BARUA_TEXT ("muted"),
  [BARUA_MEMBER_CONTACT_TYPE] = BARUA_TEXT ("contact_type"),
  [BARUA_MEMBER_CONTACT_ID] = BARUA_TEXT ("contact_id"),
  [BARUA_MEMBER_OIDC_USERNAME] = BARUA_TEXT ("oidc_username"),
  [BARUA_MEMBER_FACILITY_ID] = BARUA_TEXT ("facility_id"),
};

static const BaruaText field_names[BARUA_N_FIELDS] = {
  [BARUA_FIELD_PATIENT_ID] = BARUA_TEXT ("patient_id"),
  [BARUA_FIELD_PLACE_ID] = BARUA_TEXT ("place_id"),
  [BARUA_FIELD_CASE_ID] = BARUA_TEXT ("case_id"),
  [BARUA_FIELD_PATIENT_UUID] = BARUA_TEXT ("patient_uuid"),
  [BARUA_FIELD_PLACE_UUID] = BARUA_TEXT ("place_uuid"),
  [BARUA_FIELD_YEAR] = BARUA_TEXT ("year"),
  [BARUA_FIELD_MONTH] = BARUA_TEXT ("month"),
  [BARUA_FIELD_WEEK] = BARUA_TEXT ("week"),
};

/* Places from the top to the bottom, then `contact`, whose place its own type says. */
static const char *const contact_types[]
    = { "district_hospital", "health_center", "clinic", "person", "contact" };

#define TYPE_CONTACT 4

/* ---- rows ---- */

/* The member of that name; BARUA_N_MEMBERS for none of ours. */
static guint
find_member (BaruaJson key)
{
  BaruaText name;
  guint i = 0;
  const gboolean is_plain = barua_json_string_raw (key, &name);

  while (i < BARUA_N_MEMBERS
         && !(is_plain ? barua_text_equal (name, member_names[i])
                       : barua_json_string_is (key, member_names[i])))
    i++;
  return i;
}

void
barua_mapping_init (BaruaMapping *mapping, const BaruaViewDocument *document, BaruaEmitFunc emit,
                    gpointer data)
{
  BaruaJsonIter iter;
  BaruaJson key;
  BaruaJson value;

  *mapping = (BaruaMapping){ .document = document,
                             .key = g_string_new (NULL),
                             .value = g_string_new (NULL),
                             .emit = emit,
                             .data = data };
  barua_json_iter_init (&iter, document->body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      const guint i = find_member (key);
      if (i < BARUA_N_MEMBERS)
        mapping->members[i] = value;
    }
}

void
barua_mapping_clear (BaruaMapping *mapping)
{
  g_string_free (mapping->key, TRUE);
  g_string_free (mapping->value, TRUE);
}

void
barua_mapping_append (GString *out, BaruaJson value)
{
  if (value.text == NULL)
    g_string_append (out, "null");
  else
    g_string_append_len (out, value.text, (gssize)value.length);
}

void
barua_mapping_append_member (GString *out, const char *name, BaruaJson value)
{
  if (value.text == NULL)
    return;
  barua_json_append_key (out, name);
  barua_mapping_append (out, value);
}

void
barua_mapping_emit (BaruaMapping *m)
{
  if (m->value->len == 0)
    g_string_append (m->value, "null");
  m->emit (m->view, (BaruaText){ m->key->str, m->key->len },
           (BaruaText){ m->value->str, m->value->len }, m->data);
  g_string_truncate (m->key, 0);
  g_string_truncate (m->value, 0);
}

/* Emits a value as it is for the key, null for the value. */
static void
emit_key (BaruaMapping *m, BaruaJson key)
{
  barua_mapping_append (m->key, key);
  barua_mapping_emit (m);
}

/* Emits `[element]`, or the element alone, and the date of the report. */
static void
emit_dated (BaruaMapping *m, BaruaJson element, gboolean is_array)
{
  if (is_array)
    g_string_append_c (m->key, '[');
  barua_mapping_append (m->key, element);
  if (is_array)
    g_string_append_c (m->key, ']');
  barua_mapping_append (m->value, m->members[BARUA_MEMBER_REPORTED_DATE]);
  barua_mapping_emit (m);
}

/* ---- contacts ---- */

/* The place of a type in the hierarchy; -1 for no contact. */
static int
contact_order (BaruaJson type)
{
  for (guint i = 0; i < G_N_ELEMENTS (contact_types); i++)
    if (barua_json_string_is (type, barua_text (contact_types[i])))
      return (int)i;
  return -1;
}

gboolean
barua_contact_type_is (BaruaJson type)
{
  return contact_order (type) >= 0 || barua_json_string_is (type, BARUA_TEXT ("national_office"));
}

/* Whether the document is a contact of the five types of the original. */
static gboolean
is_contact (const BaruaMapping *m)
{
  return contact_order (m->members[BARUA_MEMBER_TYPE]) >= 0;
}

/* The type that a contact counts as. */
static BaruaJson
contact_type (const BaruaMapping *m)
{
  return contact_order (m->members[BARUA_MEMBER_TYPE]) == TYPE_CONTACT
             ? m->members[BARUA_MEMBER_CONTACT_TYPE]
             : m->members[BARUA_MEMBER_TYPE];
}

void
barua_map_contacts_by_phone (BaruaMapping *m)
{
  if (is_contact (m) && barua_json_truthy (m->members[BARUA_MEMBER_PHONE]))
    emit_key (m, m->members[BARUA_MEMBER_PHONE]);
}

void
barua_map_offices_by_phone (BaruaMapping *m)
{
  if (barua_json_string_is (m->members[BARUA_MEMBER_TYPE], BARUA_TEXT ("national_office"))
      && barua_json_truthy (m->members[BARUA_MEMBER_PHONE]))
    emit_key (m, m->members[BARUA_MEMBER_PHONE]);
}

/* Emits `["shortcode",code]` with the date. */
static void
emit_shortcode (BaruaMapping *m, BaruaMember member)
{
  if (!barua_json_truthy (m->members[member]))
    return;
  g_string_append (m->key, "[\"shortcode\",");
  barua_mapping_append (m->key, m->members[member]);
  g_string_append_c (m->key, ']');
  barua_mapping_append (m->value, m->members[BARUA_MEMBER_REPORTED_DATE]);
  barua_mapping_emit (m);
}

/* A string in capitals, any other value as its text would be. */
static void
append_upper (GString *out, BaruaJson value)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  BaruaText text = barua_arena_json_text (arena, value);

  if (text.p == NULL)
    text = (BaruaText){ value.text, value.length };
  barua_json_append_string (out, barua_text_upper (arena, text));
}

void
barua_map_contacts_by_reference (BaruaMapping *m)
{
  if (!barua_contact_type_is (m->members[BARUA_MEMBER_TYPE]))
    return;
  emit_shortcode (m, BARUA_MEMBER_PLACE_ID);
  emit_shortcode (m, BARUA_MEMBER_PATIENT_ID);
  if (!barua_json_truthy (m->members[BARUA_MEMBER_RC_CODE]))
    return;
  g_string_append (m->key, "[\"external\",");
  append_upper (m->key, m->members[BARUA_MEMBER_RC_CODE]);
  g_string_append_c (m->key, ']');
  barua_mapping_append (m->value, m->members[BARUA_MEMBER_REPORTED_DATE]);
  barua_mapping_emit (m);
}

void
barua_map_docs_by_shortcode (BaruaMapping *m)
{
  static const BaruaMember codes[]
      = { BARUA_MEMBER_PATIENT_ID, BARUA_MEMBER_PLACE_ID, BARUA_MEMBER_CASE_ID };

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    if (barua_json_truthy (m->members[codes[i]]))
      emit_key (m, m->members[codes[i]]);
}

/* The id of a linked document: of the object, or the text itself. */
static BaruaJson
link_id (BaruaJson link)
{
  return barua_json_type (link) == BARUA_JSON_STRING ? link : barua_json_member (link, "_id");
}

void
barua_map_contacts_by_primary_contact (BaruaMapping *m)
{
  const BaruaJson id = link_id (m->members[BARUA_MEMBER_CONTACT]);

  if (is_contact (m) && barua_json_truthy (id))
    emit_key (m, id);
}

/* Emits one level of contacts_by_depth, with and without the depth. */
static void
emit_depth (BaruaMapping *m, BaruaText id, int depth)
{
  const BaruaJson patient = m->members[BARUA_MEMBER_PATIENT_ID];
  const BaruaJson place = m->members[BARUA_MEMBER_PLACE_ID];

  for (int with_depth = 0; with_depth <= 1; with_depth++)
    {
      g_string_append_c (m->key, '[');
      g_string_append_len (m->key, id.p, (gssize)id.n);
      if (with_depth)
        g_string_append_printf (m->key, ",%d", depth);
      g_string_append_c (m->key, ']');
      g_string_append_c (m->value, '{');
      barua_mapping_append_member (m->value, "shortcode", barua_json_truthy (patient) ? patient : place);
      barua_mapping_append_member (m->value, "primary_contact", link_id (m->members[BARUA_MEMBER_CONTACT]));
      g_string_append_c (m->value, '}');
      barua_mapping_emit (m);
    }
}

void
barua_map_contacts_by_depth (BaruaMapping *m)
{
  g_autoptr (GString) own_id = g_string_new (NULL);
  BaruaJson place = m->members[BARUA_MEMBER_PARENT];

  if (!is_contact (m))
    return;
  barua_json_append_string (own_id, m->document->id);
  emit_depth (m, (BaruaText){ own_id->str, own_id->len }, 0);
  for (int depth = 1; depth < MAX_LEVELS && barua_json_truthy (place); depth++)
    {
      const BaruaJson id = link_id (place);
      if (barua_json_truthy (id))
        emit_depth (m, (BaruaText){ id.text, id.length }, depth);
      place = barua_json_member (place, "parent");
    }
}

/* Appends "order name", the end of what contacts are sorted by. */
static void
append_order (const BaruaMapping *m, GString *out)
{
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  const int order = contact_order (m->members[BARUA_MEMBER_TYPE]);
  const BaruaText name = barua_arena_json_text (arena, m->members[BARUA_MEMBER_NAME]);

  if (order == TYPE_CONTACT)
    {
      const BaruaText type = barua_arena_json_text (arena, m->members[BARUA_MEMBER_CONTACT_TYPE]);
      g_string_append_len (out, type.p != NULL ? type.p : "undefined",
                           type.p != NULL ? (gssize)type.n : -1);
    }
  else
    g_string_append_printf (out, "%d", order);
  g_string_append_c (out, ' ');
  if (name.p == NULL)
    {
      g_string_append (out, "undefined");
      return;
    }
  const BaruaText lower = barua_text_lower (arena, name);
  g_string_append_len (out, lower.p, (gssize)lower.n);
}

/* Sets the value to text as a JSON string. */
static void
set_text_value (BaruaMapping *m, const GString *text)
{
  barua_json_append_string (m->value, (BaruaText){ text->str, text->len });
}

/* Where a contact stands in lists: the dead and the muted last, then by type and name. */
static GString *
order_in_lists (BaruaMapping *m)
{
  GString *order = g_string_new (NULL);

  g_string_append_printf (order, "%s %s ",
                          barua_json_truthy (m->members[BARUA_MEMBER_DATE_OF_DEATH]) ? "true"
                                                                                     : "false",
                          barua_json_truthy (m->members[BARUA_MEMBER_MUTED]) ? "true" : "false");
  append_order (m, order);
  return order;
}

void
barua_map_contacts_by_order (BaruaMapping *m)
{
  if (!is_contact (m))
    return;
  g_autoptr (GString) order = order_in_lists (m);
  barua_json_append_string (m->key, (BaruaText){ order->str, order->len });
  barua_mapping_emit (m);
}

void
barua_map_contacts_by_type (BaruaMapping *m)
{
  if (!is_contact (m))
    return;
  g_autoptr (GString) order = order_in_lists (m);
  g_string_append_c (m->key, '[');
  barua_mapping_append (m->key, contact_type (m));
  g_string_append_c (m->key, ']');
  set_text_value (m, order);
  barua_mapping_emit (m);
}

void
barua_map_contacts_by_parent (BaruaMapping *m)
{
  const BaruaJson id = link_id (m->members[BARUA_MEMBER_PARENT]);

  if (!is_contact (m) || !barua_json_truthy (id))
    return;
  g_string_append_c (m->key, '[');
  barua_mapping_append (m->key, id);
  g_string_append_c (m->key, ',');
  barua_mapping_append (m->key, contact_type (m));
  g_string_append_c (m->key, ']');
  barua_mapping_emit (m);
}

void
barua_map_contacts_by_place (BaruaMapping *m)
{
  g_autoptr (GString) order = g_string_new (NULL);
  BaruaJson place = m->members[BARUA_MEMBER_PARENT];

  if (!is_contact (m))
    return;
  append_order (m, order);
  for (int i = 0; i < MAX_LEVELS && barua_json_truthy (place); i++)
    {
      const BaruaJson id = link_id (place);
      if (barua_json_truthy (id))
        {
          g_string_append_c (m->key, '[');
          barua_mapping_append (m->key, id);
          g_string_append_c (m->key, ']');
          set_text_value (m, order);
          barua_mapping_emit (m);
        }
      place = barua_json_member (place, "parent");
    }
}

/* ---- reports ---- */

gboolean
barua_mapping_is_record (const BaruaMapping *m)
{
  return barua_json_string_is (m->members[BARUA_MEMBER_TYPE], BARUA_TEXT ("data_record"));
}

/* The members of `fields`, found in one walk when the first is asked for. */
static const BaruaJson *
read_fields (BaruaMapping *m)
{
  if (!m->has_fields)
    barua_json_members (m->members[BARUA_MEMBER_FIELDS], field_names, m->fields, BARUA_N_FIELDS);
  m->has_fields = TRUE;
  return m->fields;
}

/* Whether it is a record with a form. */
static gboolean
is_report (const BaruaMapping *m)
{
  return barua_mapping_is_record (m) && barua_json_truthy (m->members[BARUA_MEMBER_FORM]);
}

void
barua_map_reports_by_form (BaruaMapping *m)
{
  if (is_report (m))
    emit_dated (m, m->members[BARUA_MEMBER_FORM], TRUE);
}

void
barua_map_reports_by_date (BaruaMapping *m)
{
  if (is_report (m))
    emit_dated (m, m->members[BARUA_MEMBER_REPORTED_DATE], TRUE);
}

/* Emits an id as a string, whatever it is. */
static void
emit_subject (BaruaMapping *m, BaruaJson id)
{
  if (!barua_json_truthy (id))
    return;
  if (barua_json_type (id) == BARUA_JSON_STRING)
    barua_mapping_append (m->key, id);
  else
    barua_json_append_string (m->key, (BaruaText){ id.text, id.length });
  barua_mapping_append (m->value, m->members[BARUA_MEMBER_REPORTED_DATE]);
  barua_mapping_emit (m);
}

void
barua_map_reports_by_subject (BaruaMapping *m)
{
  static const BaruaMember own[]
      = { BARUA_MEMBER_PATIENT_ID, BARUA_MEMBER_PLACE_ID, BARUA_MEMBER_CASE_ID };
  static const BaruaMapField inner[]
      = { BARUA_FIELD_PATIENT_ID, BARUA_FIELD_PLACE_ID, BARUA_FIELD_CASE_ID,
          BARUA_FIELD_PATIENT_UUID, BARUA_FIELD_PLACE_UUID };

  if (!is_report (m))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (own); i++)
    emit_subject (m, m->members[own[i]]);
  for (gsize i = 0; i < G_N_ELEMENTS (inner); i++)
    emit_subject (m, read_fields (m)[inner[i]]);
}

void
barua_map_reports_by_place (BaruaMapping *m)
{
  BaruaJson place = barua_json_member (m->members[BARUA_MEMBER_CONTACT], "parent");

  if (!is_report (m))
    return;
  for (int i = 0; i < MAX_LEVELS && barua_json_truthy (place); i++)
    {
      const BaruaJson id = link_id (place);
      if (barua_json_truthy (id))
        emit_dated (m, id, TRUE);
      place = barua_json_member (place, "parent");
    }
}

void
barua_map_reports_by_validity (BaruaMapping *m)
{
  const BaruaJson errors = m->members[BARUA_MEMBER_ERRORS];

  if (!is_report (m))
    return;
  const gboolean is_valid
      = !barua_json_truthy (errors)
        || (barua_json_type (errors) == BARUA_JSON_ARRAY && barua_json_size (errors) == 0);
  g_string_append (m->key, is_valid ? "[true]" : "[false]");
  barua_mapping_append (m->value, m->members[BARUA_MEMBER_REPORTED_DATE]);
  barua_mapping_emit (m);
}

void
barua_map_reports_by_verification (BaruaMapping *m)
{
  if (is_report (m))
    emit_dated (m, m->members[BARUA_MEMBER_VERIFIED], TRUE);
}

/* Records, and whatever else has messages: what an export of messages holds. */
void
barua_map_records_by_date (BaruaMapping *m)
{
  const BaruaJson date = m->members[BARUA_MEMBER_REPORTED_DATE];

  if (!barua_mapping_is_record (m) && barua_json_size (m->members[BARUA_MEMBER_TASKS]) == 0
      && barua_json_size (m->members[BARUA_MEMBER_SCHEDULED_TASKS]) == 0)
    return;
  barua_mapping_append (m->key, barua_json_truthy (date) ? date : (BaruaJson){ "null", 4 });
  barua_mapping_emit (m);
}

void
barua_map_data_records_by_type (BaruaMapping *m)
{
  if (!barua_mapping_is_record (m))
    return;
  g_string_append (m->key, is_report (m) ? "\"report\"" : "\"message\"");
  barua_mapping_emit (m);
}

/* The id of the place above the sender; absent without one. */
static BaruaJson
parent_place (const BaruaMapping *m)
{
  return link_id (barua_json_member (m->members[BARUA_MEMBER_CONTACT], "parent"));
}

void
barua_map_reports_by_form_and_parent (BaruaMapping *m)
{
  const BaruaJson parent = parent_place (m);
  const BaruaJson date = m->members[BARUA_MEMBER_REPORTED_DATE];

  if (!is_report (m) || !barua_json_truthy (parent))
    return;
  g_string_append_c (m->key, '[');
  barua_mapping_append (m->key, m->members[BARUA_MEMBER_FORM]);
  g_string_append_c (m->key, ',');
  barua_mapping_append (m->key, parent);
  g_string_append_c (m->key, ']');
  barua_mapping_append (m->value, barua_json_truthy (date) ? date : (BaruaJson){ "0", 1 });
  barua_mapping_emit (m);
}

/* Emits `[form, year, @unit, parent, reported_date]` when all of them are there. */
static void
emit_period (BaruaMapping *m, BaruaMapField unit)
{
  if (!is_report (m))
    return;
  const BaruaJson *fields = read_fields (m);
  const BaruaJson parts[] = { m->members[BARUA_MEMBER_FORM], fields[BARUA_FIELD_YEAR], fields[unit],
                              parent_place (m), m->members[BARUA_MEMBER_REPORTED_DATE] };
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    if (!barua_json_truthy (parts[i]))
      return;
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_string_append_c (m->key, i == 0 ? '[' : ',');
      barua_mapping_append (m->key, parts[i]);
    }
  g_string_append_c (m->key, ']');
  barua_mapping_emit (m);
}

void
barua_map_reports_by_month (BaruaMapping *m)
{
  emit_period (m, BARUA_FIELD_MONTH);
}

void
barua_map_reports_by_week (BaruaMapping *m)
{
  emit_period (m, BARUA_FIELD_WEEK);
}

/* ---- others ---- */

void
barua_map_doc_by_type (BaruaMapping *m)
{
  const BaruaJson type = m->members[BARUA_MEMBER_TYPE];

  if (!barua_json_string_is (type, BARUA_TEXT ("form"))
      && !barua_json_string_is (type, BARUA_TEXT ("user-settings")))
    return;
  g_string_append_c (m->key, '[');
  barua_mapping_append (m->key, type);
  g_string_append_c (m->key, ']');
  barua_mapping_emit (m);
}

/* Emits the recipients of the messages in one list of tasks; returns how many there were. */
static guint
emit_recipients (BaruaMapping *m, BaruaMember list)
{
  BaruaJsonIter tasks, messages;
  BaruaJson task, message;
  guint n = 0;

  barua_json_iter_init (&tasks, m->members[list]);
  while (barua_json_iter_next (&tasks, NULL, &task))
    {
      barua_json_iter_init (&messages, barua_json_member (task, "messages"));
      while (barua_json_iter_next (&messages, NULL, &message))
        {
          const BaruaJson id = link_id (barua_json_member (message, "contact"));
          if (!barua_json_truthy (id))
            continue;
          emit_key (m, id);
          n++;
        }
    }
  return n;
}

/* Whether a report names whom it is about. */
static gboolean
has_subject (BaruaMapping *m)
{
  const BaruaJson *fields = read_fields (m);

  return barua_json_truthy (m->members[BARUA_MEMBER_PATIENT_ID])
         || barua_json_truthy (m->members[BARUA_MEMBER_PLACE_ID])
         || barua_json_truthy (fields[BARUA_FIELD_PATIENT_ID])
         || barua_json_truthy (fields[BARUA_FIELD_PATIENT_UUID])
         || barua_json_truthy (fields[BARUA_FIELD_PLACE_ID])
         || barua_json_truthy (fields[BARUA_FIELD_PLACE_UUID]);
}

/*
 * Who holds a document beside those it is about (reports_by_subject): the sender of a record, the
 * recipients of messages, the user of a task; null for a record that is nobody's (users.md 9.1).
 */
void
barua_map_docs_by_holder (BaruaMapping *m)
{
  const BaruaJson sender = link_id (m->members[BARUA_MEMBER_CONTACT]);

  if (barua_json_string_is (m->members[BARUA_MEMBER_TYPE], BARUA_TEXT ("task")))
    {
      const BaruaJson user = barua_json_member (m->document->body, "user");
      if (barua_json_truthy (user))
        emit_key (m, user);
      return;
    }
  if (!barua_mapping_is_record (m))
    return;
  guint n = 0;
  if (barua_json_truthy (sender))
    {
      emit_key (m, sender);
      n++;
    }
  if (!is_report (m))
    n += emit_recipients (m, BARUA_MEMBER_TASKS);
  if (n == 0 && !(is_report (m) && has_subject (m)))
    emit_key (m, (BaruaJson){ "null", 4 });
}

void
barua_map_conflicts (BaruaMapping *m)
{
  if (m->document->n_losers == 0)
    return;
  for (gsize i = 0; i < m->document->n_losers; i++)
    {
      g_string_append_c (m->key, i == 0 ? '[' : ',');
      barua_json_append_string (m->key, m->document->losers[i]);
    }
  g_string_append_c (m->key, ']');
  barua_mapping_emit (m);
}

/* Emits `[name, value]`. */
static void
emit_field (BaruaMapping *m, const char *name, BaruaJson value)
{
  if (!barua_json_truthy (value))
    return;
  g_string_append_printf (m->key, "[\"%s\",", name);
  barua_mapping_append (m->key, value);
  g_string_append_c (m->key, ']');
  barua_mapping_emit (m);
}

void
barua_map_users_by_field (BaruaMapping *m)
{
  const BaruaJson facility = m->members[BARUA_MEMBER_FACILITY_ID];
  BaruaJsonIter iter;
  BaruaJson one;

  emit_field (m, "contact_id", m->members[BARUA_MEMBER_CONTACT_ID]);
  emit_field (m, "oidc_username", m->members[BARUA_MEMBER_OIDC_USERNAME]);
  if (barua_json_type (facility) != BARUA_JSON_ARRAY)
    {
      emit_field (m, "facility_id", facility);
      return;
    }
  barua_json_iter_init (&iter, facility);
  while (barua_json_iter_next (&iter, NULL, &one))
    emit_field (m, "facility_id", one);
}
