/* SPDX-License-Identifier: MIT */

/* What every export has: options, cells, headers; contacts and feedback. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/export.h"

#include "gateway/rules/mask.h"
#include "gateway/rules/messages.h"

#define PAGE_DOCUMENTS 100
#define MAX_PAGE_DOCUMENTS 1000

G_DEFINE_QUARK (barua_export_error, barua_export_error)

static const char *const names[BARUA_N_EXPORTS]
    = { "messages", "reports", "contacts", "feedback", "dhis" };

/* Header lines; those of reports go on with the fields. */
static const char *const headers[BARUA_N_EXPORTS] = {
  "id,patient_id,reported_date,from,type,state,received,scheduled,pending,sent,cleared,muted,"
  "message_id,sent_by,to_phone,content,contact_name",
  "_id,form,patient_id,reported_date,from,contact.name,contact.parent.name,"
  "contact.parent.parent.name,contact.parent.parent.parent.name",
  "id,rev,name,patient_id,type",
  "id,reported_date,user,app_version,url,info",
  NULL,
};

gboolean
barua_export_type (const char *name, BaruaExportType *type)
{
  for (guint i = 0; i < BARUA_N_EXPORTS; i++)
    if (g_str_equal (names[i], name))
      {
        *type = (BaruaExportType)i;
        return TRUE;
      }
  return FALSE;
}

const char *
barua_export_type_name (BaruaExportType type)
{
  return names[type];
}

/* ---- cells ---- */

/* The comma before every cell but the first. */
static void
begin_cell (BaruaExportRow *row)
{
  if (row->n++ > 0)
    g_string_append_c (row->out, ',');
}

/* Masks the token of a login link in the cell that begins at @start, wherever it stood: in a message, in a field that
 * quotes one, in the address that feedback is about (users.md 10 no. 2). */
static void
mask_cell (BaruaExportRow *row, gsize start)
{
  const BaruaText cell = { row->out->str + start, row->out->len - start };
  const BaruaText masked = barua_token_mask (row->arena, cell);

  if (masked.p == cell.p)
    return;
  g_string_truncate (row->out, start);
  g_string_append_len (row->out, masked.p, (gssize)masked.n);
}

void
barua_export_value (BaruaExportRow *row, BaruaJson value)
{
  begin_cell (row);
  const gsize start = row->out->len;
  barua_csv_value (row->export->dialect, value, row->out);
  mask_cell (row, start);
}

void
barua_export_text (BaruaExportRow *row, BaruaText text)
{
  begin_cell (row);
  const gsize start = row->out->len;
  barua_csv_text (row->export->dialect, text, row->out);
  mask_cell (row, start);
}

void
barua_export_time (BaruaExportRow *row, BaruaJson time)
{
  gint64 ms = 0;

  begin_cell (row);
  barua_message_time (time, &ms);
  barua_csv_date (row->export->dialect, ms, row->export->is_human, row->out);
}

void
barua_export_end_row (BaruaExportRow *row)
{
  g_string_append_c (row->out, '\n');
  row->n = 0;
}

/* ---- headers ---- */

/* A name that the data chose: quoted when it could be misread. */
static void
append_name (const BaruaExport *export, const char *name, GString *out)
{
  if (export->dialect == BARUA_CSV_CHT
      || (strpbrk (name, ",\"\r\n=+-@\t") == NULL && !barua_csv_is_formula (barua_text (name))))
    g_string_append (out, name);
  else
    barua_csv_text (export->dialect, barua_text (name), out);
}

void
barua_export_append_header (const BaruaExport *export, GString *out)
{
  if (export->has_bom)
    g_string_append (out, BARUA_CSV_BOM);
  if (export->skips_header)
    return;
  g_string_append (out, headers[export->type]);
  if (export->type == BARUA_EXPORT_CONTACTS && export->all_columns)
    g_string_append (out, ",contact_type,place_id");
  if (export->type != BARUA_EXPORT_REPORTS)
    g_string_append_c (out, '\n');
}

void
barua_export_append_columns (const BaruaExport *export, GString *out)
{
  if (export->skips_header)
    return;
  for (guint i = 0; i < export->fields->len; i++)
    {
      g_string_append_c (out, ',');
      append_name (export, export->fields->pdata[i], out);
    }
  g_string_append_c (out, '\n');
}

/* ---- contacts and feedback ---- */

static void
append_contact (BaruaExportRow *row, BaruaJson document)
{
  static const char *const members[]
      = { "_id", "_rev", "name", "patient_id", "type", "contact_type", "place_id" };
  const guint n = row->export->all_columns ? G_N_ELEMENTS (members) : 5;

  for (guint i = 0; i < n; i++)
    barua_export_value (row, barua_json_member (document, members[i]));
  barua_export_end_row (row);
}

/* The JSON of `info`; in the original's dialect with its commas escaped before the cell is. */
static void
append_info (BaruaExportRow *row, BaruaJson info)
{
  g_autoptr (GString) json = g_string_new (NULL);

  if (info.text != NULL)
    barua_csv_json (info, json);
  if (row->export->dialect == BARUA_CSV_CHT)
    g_string_replace (json, ",", "\\,", 0);
  barua_export_text (row, info.text != NULL ? (BaruaText){ json->str, json->len }
                                            : (BaruaText){ NULL, 0 });
}

static void
append_feedback (BaruaExportRow *row, BaruaJson document)
{
  const BaruaJson meta = barua_json_member (document, "meta");

  barua_export_value (row, barua_json_member (document, "_id"));
  barua_export_value (row, barua_json_member (meta, "time"));
  barua_export_value (row, barua_json_member (barua_json_member (meta, "user"), "name"));
  barua_export_value (row, barua_json_member (meta, "version"));
  barua_export_value (row, barua_json_member (meta, "url"));
  append_info (row, barua_json_member (document, "info"));
  barua_export_end_row (row);
}

BaruaLineageDepth
barua_export_depth (const BaruaExport *export, BaruaJson document)
{
  if (export->type == BARUA_EXPORT_REPORTS)
    return BARUA_LINEAGE_NAMES;
  return export->type == BARUA_EXPORT_MESSAGES && barua_export_has_unwritten (document)
             ? BARUA_LINEAGE_ALL /* a template may ask for any of it */
             : BARUA_LINEAGE_PEOPLE;
}

void
barua_export_append_rows (const BaruaExport *export, BaruaArena *arena, BaruaJson document,
                          GString *out)
{
  BaruaExportRow row = { .export = export, .arena = arena, .out = out };

  switch (export->type)
    {
    case BARUA_EXPORT_MESSAGES:
      barua_export_messages (&row, document);
      break;
    case BARUA_EXPORT_REPORTS:
      barua_export_report (&row, document);
      break;
    case BARUA_EXPORT_CONTACTS:
      append_contact (&row, document);
      break;
    default:
      append_feedback (&row, document);
    }
}

/* ---- options ---- */

/* `true`, `"true"` and `"1"` (section 1.5). */
static gboolean
is_set (BaruaJson value)
{
  return barua_json_type (value) == BARUA_JSON_TRUE
         || barua_json_string_is (value, BARUA_TEXT ("true"))
         || barua_json_string_is (value, BARUA_TEXT ("1"));
}

/* The size of a page: a number or the text of one; anything else is ignored. */
static guint
read_page (BaruaJson limit)
{
  gint64 n = 0;
  g_autofree char *text = barua_json_string (limit, NULL);
  guint64 number = 0;

  if (text != NULL
      && g_ascii_string_to_unsigned (text, 10, 1, MAX_PAGE_DOCUMENTS, &number, NULL))
    n = (gint64)number;
  else if (!barua_json_integer (limit, &n))
    n = 0;
  return n >= 1 && n <= MAX_PAGE_DOCUMENTS ? (guint)n : PAGE_DOCUMENTS;
}

/* The dialect; an unknown one is refused: the wrong one could be read wrongly. */
static gboolean
read_dialect (BaruaJson value, BaruaCsvDialect *dialect, GError **error)
{
  static const struct
  {
    BaruaText name;
    BaruaCsvDialect dialect;
  } dialects[] = { { { "cht", 3 }, BARUA_CSV_CHT }, { { "raw", 3 }, BARUA_CSV_RAW } };

  if (!barua_json_truthy (value))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (dialects); i++)
    if (barua_json_string_is (value, dialects[i].name))
      {
        *dialect = dialects[i].dialect;
        return TRUE;
      }
  g_set_error_literal (error, BARUA_EXPORT_ERROR, 0,
                       "Invalid option \"csv\": it is \"cht\", \"raw\" or absent");
  return FALSE;
}

static gboolean
read_format (BaruaJson format, GError **error)
{
  g_autofree char *text = barua_json_string (format, NULL);

  if (text == NULL || *text == '\0' || g_str_equal (text, "csv"))
    return TRUE;
  g_set_error (error, BARUA_EXPORT_ERROR, 0, "Unsupported format \"%s\"", text);
  return FALSE;
}

gboolean
barua_export_read (BaruaExportType type, BaruaSettings *settings, BaruaJson filters,
                   BaruaJson options, gint64 now_ms, BaruaExport *export, GError **error)
{
  *export = (BaruaExport){
    .type = type,
    .settings = barua_settings_ref (settings),
    .filters = { .valid = -1 },
    .is_human = is_set (barua_json_member (options, "humanReadable")),
    .all_columns = barua_json_string_is (barua_json_member (options, "columns"), BARUA_TEXT ("all")),
    .has_bom = is_set (barua_json_member (options, "bom")),
    .skips_header = is_set (barua_json_member (options, "skip_header_row")),
    .page = read_page (barua_json_member (options, "limit")),
  };
  if (type == BARUA_EXPORT_REPORTS)
    export->field_names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!barua_json_is_nothing (filters) && barua_json_type (filters) != BARUA_JSON_OBJECT)
    {
      g_set_error_literal (error, BARUA_EXPORT_ERROR, 0, "filters must be an object");
      return FALSE;
    }
  if (!barua_json_is_nothing (options) && barua_json_type (options) != BARUA_JSON_OBJECT)
    {
      g_set_error_literal (error, BARUA_EXPORT_ERROR, 0, "options must be an object");
      return FALSE;
    }
  return read_dialect (barua_json_member (options, "csv"), &export->dialect, error)
         && read_format (barua_json_member (options, "format"), error)
         && barua_export_read_filters (export, filters, now_ms, &export->filters, error);
}

gboolean
barua_export_read_old (BaruaExport *export, BaruaJson format, BaruaJson skip_header_row,
                       GError **error)
{
  if (export->type != BARUA_EXPORT_FEEDBACK)
    return TRUE;
  export->skips_header = export->skips_header || is_set (skip_header_row);
  return read_format (format, error);
}

void
barua_export_clear (BaruaExport *export)
{
  BaruaExportFilters *filters = &export->filters;

  g_clear_pointer (&export->settings, barua_settings_unref);
  g_clear_pointer (&filters->codes, g_ptr_array_unref);
  g_clear_pointer (&filters->facilities, g_ptr_array_unref);
  g_clear_pointer (&filters->subjects, g_ptr_array_unref);
  g_clear_pointer (&filters->types, g_ptr_array_unref);
  g_clear_pointer (&filters->states, g_ptr_array_unref);
  g_clear_pointer (&filters->words, g_ptr_array_unref);
  g_clear_pointer (&export->fields, g_ptr_array_unref);
  g_clear_pointer (&export->field_names, g_hash_table_unref);
}
