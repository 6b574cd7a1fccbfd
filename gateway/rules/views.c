/* SPDX-License-Identifier: MIT */

/* The registry of views, and the reducers. What the views emit is in views-map.c. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/views.h"

#include "gateway/rules/views-map.h"

#include <string.h>

/* A view with its map function. */
typedef struct
{
  BaruaView view;
  void (*map) (BaruaMapping *mapping);
} Entry;

/* clang-format off */
static const Entry entries[] = {
  /* ddoc               name                              version look-up users reducer */
  { { "medic-client",    "contacts_by_phone",              1, TRUE,  FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_phone },
  { { "barua",           "offices_by_phone",               1, TRUE,  FALSE, BARUA_REDUCE_NONE }, barua_map_offices_by_phone },
  { { "medic-client",    "contacts_by_reference",          1, TRUE,  FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_reference },
  { { "medic",           "docs_by_shortcode",              1, TRUE,  FALSE, BARUA_REDUCE_NONE }, barua_map_docs_by_shortcode },
  { { "medic",           "contacts_by_primary_contact",    1, TRUE,  FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_primary_contact },
  { { "medic",           "messages_by_state",              2, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_messages_by_state },
  { { "medic",           "contacts_by_depth",              1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_depth },
  { { "medic",           "reports_by_form_and_parent",     1, FALSE, FALSE, BARUA_REDUCE_STATS }, barua_map_reports_by_form_and_parent },
  { { "medic",           "reports_by_form_year_month_parent_reported_date", 1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_month },
  { { "medic",           "reports_by_form_year_week_parent_reported_date",  1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_week },
  { { "medic-sms",       "gateway_messages_by_state",      2, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_gateway_messages_by_state },
  { { "medic-sms",       "messages_by_gateway_ref",        1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_messages_by_gateway_ref },
  { { "medic-sms",       "messages_by_uuid",               1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_messages_by_uuid },
  { { "medic-sms",       "messages_by_last_updated_state", 1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_messages_by_last_updated_state },
  { { "medic-admin",     "message_queue",                  2, FALSE, FALSE, BARUA_REDUCE_COUNT }, barua_map_message_queue },
  { { "medic-client",    "reports_by_form",                1, FALSE, FALSE, BARUA_REDUCE_COUNT }, barua_map_reports_by_form },
  { { "medic-client",    "reports_by_date",                1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_date },
  { { "medic-client",    "reports_by_subject",             1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_subject },
  { { "medic-client",    "reports_by_place",               1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_place },
  { { "medic-client",    "reports_by_validity",            1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_validity },
  { { "medic-client",    "reports_by_verification",        1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_reports_by_verification },
  { { "medic-client",    "data_records_by_type",           1, FALSE, FALSE, BARUA_REDUCE_COUNT }, barua_map_data_records_by_type },
  { { "medic-client",    "messages_by_contact_date",       1, FALSE, FALSE, BARUA_REDUCE_LATEST }, barua_map_messages_by_contact_date },
  { { "medic-client",    "contacts_by_type",               1, FALSE, FALSE, BARUA_REDUCE_COUNT }, barua_map_contacts_by_type },
  { { "medic-client",    "contacts_by_parent",             1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_parent },
  { { "medic-client",    "contacts_by_place",              1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_place },
  { { "medic-client",    "doc_by_type",                    1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_doc_by_type },
  { { "medic-conflicts", "conflicts",                      1, FALSE, FALSE, BARUA_REDUCE_COUNT }, barua_map_conflicts },
  { { "barua",           "docs_by_holder",                 1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_docs_by_holder },
  { { "barua",           "records_by_date",                1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_records_by_date },
  { { "barua",           "contacts_by_order",              1, FALSE, FALSE, BARUA_REDUCE_NONE }, barua_map_contacts_by_order },
  { { "users",           "users_by_field",                 1, FALSE, TRUE,  BARUA_REDUCE_NONE }, barua_map_users_by_field },
};
/* clang-format on */

guint
barua_views_count (void)
{
  return G_N_ELEMENTS (entries);
}

const BaruaView *
barua_view (guint number)
{
  return &entries[number].view;
}

int
barua_view_find (gboolean is_of_users, const char *ddoc, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    if (!entries[i].view.is_of_users == !is_of_users && g_str_equal (entries[i].view.ddoc, ddoc)
        && g_str_equal (entries[i].view.name, name))
      return (int)i;
  return -1;
}

gboolean
barua_view_has_ddoc (gboolean is_of_users, const char *ddoc)
{
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    if (!entries[i].view.is_of_users == !is_of_users && g_str_equal (entries[i].view.ddoc, ddoc))
      return TRUE;
  return FALSE;
}

void
barua_views_map (const BaruaViewDocument *document, const gboolean *wants, BaruaEmitFunc emit,
                 gpointer data)
{
  BaruaMapping mapping;

  barua_mapping_init (&mapping, document, emit, data);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      if (!wants[i])
        continue;
      mapping.view = i;
      entries[i].map (&mapping);
    }
  barua_mapping_clear (&mapping);
}

/* ---- reducers ---- */

/* Takes a number in. */
static void
add_number (BaruaReduction *reduction, double number)
{
  reduction->min = reduction->n == 0 ? number : MIN (reduction->min, number);
  reduction->max = reduction->n == 0 ? number : MAX (reduction->max, number);
  reduction->sum += number;
  reduction->sum_of_squares += number * number;
}

/* Keeps the value if it is the latest. */
static void
add_dated (BaruaReduction *reduction, BaruaJson value)
{
  const double date = barua_json_number (barua_json_member (value, "date"));

  if (reduction->n > 0 && date <= reduction->latest)
    return;
  if (reduction->value == NULL)
    reduction->value = g_string_new (NULL);
  g_string_truncate (reduction->value, 0);
  g_string_append_len (reduction->value, value.text, (gssize)value.length);
  reduction->latest = date;
}

void
barua_reduction_add (BaruaReduction *reduction, BaruaReducer reducer, BaruaJson value)
{
  if (reducer == BARUA_REDUCE_SUM || reducer == BARUA_REDUCE_STATS)
    add_number (reduction, barua_json_number (value));
  else if (reducer == BARUA_REDUCE_LATEST)
    add_dated (reduction, value);
  reduction->n++;
}

/* Appends `"name":number`. */
static void
append_member (GString *out, const char *name, double number)
{
  barua_json_append_key (out, name);
  barua_json_append_number (out, number);
}

/* Appends the object of `_stats`. */
static void
append_stats (const BaruaReduction *reduction, GString *out)
{
  g_string_append_c (out, '{');
  append_member (out, "sum", reduction->sum);
  append_member (out, "count", (double)reduction->n);
  append_member (out, "min", reduction->min);
  append_member (out, "max", reduction->max);
  append_member (out, "sumsqr", reduction->sum_of_squares);
  g_string_append_c (out, '}');
}

void
barua_reduction_end (BaruaReduction *reduction, BaruaReducer reducer, GString *out)
{
  GString *const value = reduction->value;

  if (reducer == BARUA_REDUCE_STATS)
    append_stats (reduction, out);
  else if (reducer == BARUA_REDUCE_SUM)
    barua_json_append_number (out, reduction->sum);
  else if (reducer == BARUA_REDUCE_LATEST && value != NULL)
    g_string_append_len (out, value->str, (gssize)value->len);
  else
    barua_json_append_integer (out, reduction->n);
  *reduction = (BaruaReduction){ .value = value };
}

void
barua_reduction_clear (BaruaReduction *reduction)
{
  if (reduction->value != NULL)
    g_string_free (g_steal_pointer (&reduction->value), TRUE);
}

void
barua_view_append_group (GString *out, BaruaJson key, guint level)
{
  BaruaJsonIter iter;
  BaruaJson element;

  if (barua_json_type (key) != BARUA_JSON_ARRAY)
    {
      g_string_append_len (out, key.text, (gssize)key.length);
      return;
    }
  g_string_append_c (out, '[');
  barua_json_iter_init (&iter, key);
  for (guint i = 0; i < level && barua_json_iter_next (&iter, NULL, &element); i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      g_string_append_len (out, element.text, (gssize)element.length);
    }
  g_string_append_c (out, ']');
}
