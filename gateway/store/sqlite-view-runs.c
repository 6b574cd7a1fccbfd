/* SPDX-License-Identifier: MIT */

/* An external sort of view rows: sorted runs one behind the other in a file without a name, which
 * are then read together. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/sqlite-view-rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* What is read of a run at a time; all runs together stay below 8 MiB, unless rows are longer. */
#define RUN_BUFFER_BYTES 8191 /* and a NUL behind it */
#define MAX_RUNS 1024

/* Rows are packed into so many bytes before they are written. */
#define WRITE_BYTES 65536

/* A row in the file begins with its numbers, 7 bits in a byte, the lowest first. */
#define N_NUMBERS 8
#define MAX_NUMBER_BYTES 10

/* One run: what is left of it in the file, and its first row. */
typedef struct
{
  gint64 at; /* of what was not read yet */
  gint64 end;
  GString *buffer; /* (nullable) before it is read and when it is over */
  gsize taken;     /* of the buffer, with the row */
  BaruaViewRowText row;
} Run;

struct _BaruaViewRuns
{
  int fd;
  gint64 size;
  GArray *runs;    /* of Run */
  GPtrArray *heap; /* of Run, borrowed: a binary heap by their rows; (nullable) before reading */
  gboolean must_step; /* the row of the first was taken */
};

static gboolean
fail (const char *what, GError **error)
{
  const int number = errno;

  g_set_error (error, BARUA_STORE_ERROR,
               number == ENOSPC || number == EDQUOT || number == EFBIG ? BARUA_STORE_ERROR_FULL
                                                                       : BARUA_STORE_ERROR_FAILED,
               "rows of views cannot be sorted: %s: %s", what, g_strerror (number));
  return FALSE;
}

static void
clear_run (gpointer data)
{
  Run *run = data;

  if (run->buffer != NULL)
    g_string_free (g_steal_pointer (&run->buffer), TRUE);
}

BaruaViewRuns *
barua_view_runs_new (const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (path, "-views-XXXXXX", NULL);
  const int fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0600);

  if (fd < 0)
    {
      fail ("opening", error);
      return NULL;
    }
  g_unlink (name);
  BaruaViewRuns *runs = g_new0 (BaruaViewRuns, 1);
  runs->fd = fd;
  runs->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  g_array_set_clear_func (runs->runs, clear_run);
  return runs;
}

void
barua_view_runs_free (BaruaViewRuns *runs)
{
  if (runs->heap != NULL)
    g_ptr_array_unref (runs->heap);
  g_array_unref (runs->runs);
  close (runs->fd);
  g_free (runs);
}

gboolean
barua_view_runs_have_room (const BaruaViewRuns *runs)
{
  return runs->runs->len < MAX_RUNS;
}

/* ---- writing ---- */

static void
append_number (GString *out, guint64 number)
{
  for (; number >= 0x80; number >>= 7)
    g_string_append_c (out, (char)(number | 0x80));
  g_string_append_c (out, (char)number);
}

static void
append_row (GString *out, const BaruaViewRowText *row)
{
  const guint64 numbers[N_NUMBERS]
      = { (guint64)row->viewnum, (guint64)row->n, (guint64)row->docnum, row->kind,
          row->id_length,        row->k_length,   row->key_length,      row->value_length };

  for (guint i = 0; i < N_NUMBERS; i++)
    append_number (out, numbers[i]);
  g_string_append_len (out, row->text->str + row->id_at, row->id_length);
  g_string_append_len (out, row->text->str + row->k_at,
                       (gssize)row->k_length + row->key_length + row->value_length);
}

/* Appends to the file. */
static gboolean
write_all (BaruaViewRuns *runs, GString *data, GError **error)
{
  for (gsize done = 0; done < data->len;)
    {
      const ssize_t n = pwrite (runs->fd, data->str + done, data->len - done, runs->size);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail ("writing", error);
      done += (gsize)n;
      runs->size += n;
    }
  g_string_truncate (data, 0);
  return TRUE;
}

gboolean
barua_view_runs_add (BaruaViewRuns *runs, BaruaViewRows *rows, GError **error)
{
  Run run = { .at = runs->size };
  GString *packed = g_string_sized_new (WRITE_BYTES);
  gboolean is_ok = TRUE;

  g_assert (runs->heap == NULL);
  barua_view_rows_sort (rows, 0);
  for (guint i = 0; is_ok && i < rows->rows->len; i++)
    {
      append_row (packed, barua_view_rows_at (rows, i));
      if (packed->len >= WRITE_BYTES)
        is_ok = write_all (runs, packed, error);
    }
  is_ok = is_ok && write_all (runs, packed, error);
  g_string_free (packed, TRUE);
  barua_view_rows_empty (rows);
  run.end = runs->size;
  if (is_ok && run.end > run.at)
    g_array_append_val (runs->runs, run);
  return is_ok;
}

/* ---- reading ---- */

/* Has at least so many bytes in the buffer behind what was taken, or as many as there are. */
static gboolean
fill (const BaruaViewRuns *runs, Run *run, gsize needed, GError **error)
{
  GString *buffer = run->buffer;

  if (buffer->len - run->taken >= needed)
    return TRUE;
  g_string_erase (buffer, 0, (gssize)run->taken);
  run->taken = 0;
  while (buffer->len < needed && run->at < run->end)
    {
      const gsize had = buffer->len;
      const gsize wanted = (gsize)MIN ((gint64)MAX (RUN_BUFFER_BYTES, needed) - (gint64)had,
                                       run->end - run->at);
      g_string_set_size (buffer, had + wanted);
      const ssize_t n = pread (runs->fd, buffer->str + had, wanted, run->at);
      g_string_set_size (buffer, had + (n > 0 ? (gsize)n : 0));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          errno = n < 0 ? errno : EIO; /* the file is shorter than what was written to it */
          return fail ("reading", error);
        }
      run->at += n;
    }
  return TRUE;
}

/* Takes a number from the buffer. */
static guint64
take_number (Run *run)
{
  const guint8 *bytes = (const guint8 *)run->buffer->str;
  guint64 number = 0;

  for (guint shift = 0; run->taken < run->buffer->len && shift < 64; shift += 7)
    {
      const guint8 byte = bytes[run->taken++];
      number |= (guint64)(byte & 0x7f) << shift;
      if (byte < 0x80)
        break;
    }
  return number;
}

/* Moves on to the next row of a run; without a buffer it is over. */
static gboolean
step (const BaruaViewRuns *runs, Run *run, GError **error)
{
  guint64 numbers[N_NUMBERS];

  if (!fill (runs, run, N_NUMBERS * MAX_NUMBER_BYTES, error))
    return FALSE;
  if (run->taken == run->buffer->len)
    {
      clear_run (run);
      return TRUE;
    }
  for (guint i = 0; i < N_NUMBERS; i++)
    numbers[i] = take_number (run);
  run->row = (BaruaViewRowText){ .viewnum = (gint64)numbers[0],
                                 .n = (gint64)numbers[1],
                                 .docnum = (gint64)numbers[2],
                                 .kind = (BaruaViewRowKind)numbers[3],
                                 .id_length = (guint)numbers[4],
                                 .k_length = (guint)numbers[5],
                                 .key_length = (guint)numbers[6],
                                 .value_length = (guint)numbers[7],
                                 .text = run->buffer };
  const gsize n_bytes = (gsize)run->row.id_length + run->row.k_length + run->row.key_length
                        + run->row.value_length;
  if (!fill (runs, run, n_bytes, error))
    return FALSE;
  run->row.id_at = run->taken;
  run->row.k_at = run->taken + run->row.id_length;
  run->taken += n_bytes;
  return TRUE;
}

static Run *
heap_at (const BaruaViewRuns *runs, guint i)
{
  return g_ptr_array_index (runs->heap, i);
}

/* Lets the run at no. @i sink to its place in the heap. */
static void
sink (BaruaViewRuns *runs, guint i)
{
  for (;;)
    {
      guint least = i;
      for (guint child = 2 * i + 1; child <= 2 * i + 2 && child < runs->heap->len; child++)
        if (barua_view_row_compare (&heap_at (runs, child)->row, &heap_at (runs, least)->row) < 0)
          least = child;
      if (least == i)
        return;
      gpointer other = runs->heap->pdata[least];
      runs->heap->pdata[least] = runs->heap->pdata[i];
      runs->heap->pdata[i] = other;
      i = least;
    }
}

/* Makes the heap of all runs. */
static gboolean
begin_reading (BaruaViewRuns *runs, GError **error)
{
  runs->heap = g_ptr_array_new ();
  for (guint i = 0; i < runs->runs->len; i++)
    {
      Run *run = &g_array_index (runs->runs, Run, i);
      run->buffer = g_string_sized_new (RUN_BUFFER_BYTES);
      if (!step (runs, run, error))
        return FALSE;
      g_ptr_array_add (runs->heap, run); /* none is empty */
    }
  for (guint i = runs->heap->len / 2; i > 0; i--)
    sink (runs, i - 1);
  return TRUE;
}

const BaruaViewRowText *
barua_view_runs_take (BaruaViewRuns *runs, GError **error)
{
  if (runs->heap == NULL && !begin_reading (runs, error))
    return NULL;
  if (runs->must_step)
    {
      if (!step (runs, heap_at (runs, 0), error))
        return NULL;
      if (heap_at (runs, 0)->buffer == NULL)
        g_ptr_array_remove_index_fast (runs->heap, 0);
      sink (runs, 0);
    }
  runs->must_step = runs->heap->len > 0;
  return runs->must_step ? &heap_at (runs, 0)->row : NULL;
}
