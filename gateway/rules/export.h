/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/csv.h"
#include "gateway/rules/lineage.h"

G_BEGIN_DECLS

/* What is exported, and how its rows look (export-and-monitoring.md 1 to 5). Everything works on
 * hydrated documents (contacts.md 6.2) and keeps nothing of them. */

#define BARUA_EXPORT_ERROR (barua_export_error_quark ())
GQuark barua_export_error_quark (void);

typedef enum
{
  BARUA_EXPORT_MESSAGES,
  BARUA_EXPORT_REPORTS,
  BARUA_EXPORT_CONTACTS,
  BARUA_EXPORT_FEEDBACK,
  BARUA_EXPORT_DHIS,
  BARUA_N_EXPORTS,
} BaruaExportType;

/** Finds the type of that name; %FALSE when there is none. */
gboolean barua_export_type (const char *name, BaruaExportType *type);
const char *barua_export_type_name (BaruaExportType type);

/**
 * BaruaExportFilters:
 * @codes: (nullable) (element-type utf8): forms of reports
 * @has_dates: whether @from_ms and @to_ms count, both included
 * @valid: -1: all; 0: with errors; 1: without
 * @verified: bits: 1 for true, 2 for false, 4 for neither; 0: all
 * @facilities: (nullable) (element-type utf8): places above the sender
 * @subjects: (nullable) (element-type utf8)
 * @types: (nullable) (element-type utf8): of contacts
 * @states: (nullable) (element-type utf8): of messages
 * @words: (nullable) (element-type utf8): of the search, in lower case
 *
 * Which documents are exported: those that all filters let through.
 */
typedef struct
{
  GPtrArray *codes;
  gboolean has_dates;
  gint64 from_ms;
  gint64 to_ms;
  int valid;
  guint verified;
  GPtrArray *facilities;
  GPtrArray *subjects;
  GPtrArray *types;
  GPtrArray *states;
  GPtrArray *words;
} BaruaExportFilters;

/**
 * BaruaExport:
 * @all_columns: the two more that later versions have for contacts
 * @bom: begin with a byte order mark
 * @page: documents read at a time
 * @skips_header: no header line
 * @fields: (nullable) (element-type utf8): names of fields that become columns of reports, see
 *   barua_export_collect_fields()
 *
 * One export.
 */
typedef struct
{
  BaruaExportType type;
  BaruaSettings *settings;
  BaruaExportFilters filters;
  BaruaCsvDialect dialect;
  gboolean is_human;
  gboolean all_columns;
  gboolean has_bom;
  gboolean skips_header;
  guint page;
  GHashTable *field_names;
  GPtrArray *fields;
} BaruaExport;

/**
 * barua_export_read:
 * @filters: what was asked, maybe nothing
 * @options: likewise
 * @now_ms: the end of a range of dates that names none
 * @export: (out caller-allocates): end it with barua_export_clear(), on failure too
 * @error: a #BARUA_EXPORT_ERROR: what is wrong, for the client's eyes
 *
 * Reads what is to be exported (sections 1.5, 2, 3.1, 4).
 */
gboolean barua_export_read (BaruaExportType type, BaruaSettings *settings, BaruaJson filters,
                            BaruaJson options, gint64 now_ms, BaruaExport *export, GError **error);
void barua_export_clear (BaruaExport *export);

/**
 * barua_export_read_old:
 * @format: `csv`, or nothing
 * @skip_header_row: whether there is no header line
 *
 * Reads what the first version of the interface had beside @options; only feedback still knows it (section 5).
 */
gboolean barua_export_read_old (BaruaExport *export, BaruaJson format, BaruaJson skip_header_row,
                                GError **error);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaExport, barua_export_clear)

/** Whether the filters let @document through; @id: its own. */
gboolean barua_export_matches (const BaruaExport *export, BaruaJson document);

/** Whether contacts are filtered at all, which changes their order (section 4). */
gboolean barua_export_filters_contacts (const BaruaExport *export);

/** Notes which fields @document has, flattened. */
void barua_export_collect_fields (BaruaExport *export, BaruaJson document);

/** Notes the fields that the definition of a form names, if it has one; those of selected forms need no call. */
void barua_export_add_form (BaruaExport *export, BaruaText code);

/** After all reports were seen: adds what the definitions of selected forms name, and sorts. */
void barua_export_sort_fields (BaruaExport *export);

/** Appends the header line, with what is to stand before it; of reports as much as is known from the beginning. */
void barua_export_append_header (const BaruaExport *export, GString *out);

/** Of reports, after barua_export_sort_fields(): the rest of the header line. */
void barua_export_append_columns (const BaruaExport *export, GString *out);

/** How much of what @document points to its rows need. */
BaruaLineageDepth barua_export_depth (const BaruaExport *export, BaruaJson document);

/** Appends the rows of one document, hydrated so far: of a record as many as it has messages, of others one. */
void barua_export_append_rows (const BaruaExport *export, BaruaArena *arena, BaruaJson document,
                               GString *out);

/** Reads the time of a filter: a number of milliseconds, or the text of one or of a date. */
gboolean barua_export_read_time (BaruaJson value, gint64 *ms);

/** Whether free text finds @document by all @words (section 3.2). @takes_fields: those of `fields` too */
gboolean barua_export_finds (GPtrArray *words, BaruaJson document, gboolean takes_fields);

/* Private to gateway/rules/export*.c */

/** The cells of a row, each with its comma but the first. */
typedef struct
{
  const BaruaExport *export;
  BaruaArena *arena;
  GString *out;
  guint n;
} BaruaExportRow;

gboolean barua_export_read_filters (const BaruaExport *export, BaruaJson filters, gint64 now_ms,
                                    BaruaExportFilters *out, GError **error);

void barua_export_value (BaruaExportRow *row, BaruaJson value);
void barua_export_text (BaruaExportRow *row, BaruaText text);
void barua_export_time (BaruaExportRow *row, BaruaJson time);
void barua_export_end_row (BaruaExportRow *row);

void barua_export_report (BaruaExportRow *row, BaruaJson document);
void barua_export_messages (BaruaExportRow *row, BaruaJson document);
/** Whether a scheduled task has no messages yet, so that they are written for the export. */
gboolean barua_export_has_unwritten (BaruaJson document);

G_END_DECLS
