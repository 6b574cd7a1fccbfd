/* SPDX-License-Identifier: MIT */

/* Attachments on their way in. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/spool.h"

#include "gateway/http/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct _BaruaSpool
{
  char *directory;
  gsize limit;
  BaruaBuffer memory;
  int fd; /* -1: still in memory */
  guint64 length;
  GConverter *inflater; /* NULL: stored as they come */
  gboolean is_complete; /* the compressed stream has ended */
};

static gboolean
fail (GError **error, BaruaHttpErrorCode code, const char *message)
{
  g_set_error_literal (error, BARUA_HTTP_ERROR, code, message);
  return FALSE;
}

/* Chooses how the bytes are decoded; FALSE for an unknown coding. */
static gboolean
choose_inflater (BaruaSpool *spool, const char *encoding, GError **error)
{
  if (encoding == NULL || *encoding == '\0' || g_ascii_strcasecmp (encoding, "identity") == 0)
    return TRUE;
  gboolean is_gzip
      = g_ascii_strcasecmp (encoding, "gzip") == 0 || g_ascii_strcasecmp (encoding, "x-gzip") == 0;
  if (!is_gzip && g_ascii_strcasecmp (encoding, "deflate") != 0)
    return fail (error, BARUA_HTTP_ERROR_ENCODING, "unknown Content-Encoding");
  spool->inflater = G_CONVERTER (g_zlib_decompressor_new (is_gzip ? G_ZLIB_COMPRESSOR_FORMAT_GZIP
                                                                  : G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  return TRUE;
}

BaruaSpool *
barua_spool_new (const char *directory, gsize limit, const char *encoding, BaruaBudget *budget,
                 GError **error)
{
  g_autoptr (BaruaSpool) spool = g_new0 (BaruaSpool, 1);

  spool->fd = -1;
  spool->limit = limit;
  spool->directory = g_strdup (directory != NULL ? directory : g_get_tmp_dir ());
  barua_buffer_init (&spool->memory, BARUA_SPOOL_MEMORY_BYTES, budget);
  return choose_inflater (spool, encoding, error) ? g_steal_pointer (&spool) : NULL;
}

void
barua_spool_free (BaruaSpool *spool)
{
  barua_buffer_clear (&spool->memory);
  if (spool->fd >= 0)
    close (spool->fd);
  g_clear_object (&spool->inflater);
  g_free (spool->directory);
  g_free (spool);
}

/* A file without a name, also where the file system cannot make one at once. */
static int
open_nameless (const char *directory)
{
  int fd = open (directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  if (fd >= 0)
    return fd;
  g_autofree char *path = g_build_filename (directory, ".barua-XXXXXX", NULL);
  fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    g_unlink (path);
  return fd;
}

static gboolean
fail_write (const BaruaSpool *spool, int number, GError **error)
{
  gboolean is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;

  g_warning ("%s: %s", spool->directory, g_strerror (number));
  return is_full ? fail (error, BARUA_HTTP_ERROR_INSUFFICIENT_STORAGE, "The disk is full.")
                 : fail (error, BARUA_HTTP_ERROR_UNAVAILABLE, "Service Unavailable");
}

static gboolean
write_all (BaruaSpool *spool, const guint8 *data, gsize length, GError **error)
{
  while (length > 0)
    {
      ssize_t n = write (spool->fd, data, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return fail_write (spool, n < 0 ? errno : EIO, error);
      data += n;
      length -= (gsize)n;
    }
  return TRUE;
}

/* From memory to a file. */
static gboolean
move_to_file (BaruaSpool *spool, GError **error)
{
  spool->fd = open_nameless (spool->directory);
  if (spool->fd < 0)
    return fail_write (spool, errno, error);
  if (!write_all (spool, spool->memory.data, spool->memory.length, error))
    return FALSE;
  barua_buffer_clear (&spool->memory);
  return TRUE;
}

/* Keeps decoded bytes. */
static gboolean
keep (BaruaSpool *spool, const guint8 *data, gsize length, GError **error)
{
  if (length > spool->limit - spool->length)
    return fail (error, BARUA_HTTP_ERROR_ATTACHMENT_TOO_LARGE, "The attachment is too large");
  spool->length += length;
  if (spool->length <= BARUA_SPOOL_MEMORY_BYTES)
    return barua_buffer_append (&spool->memory, data, length, error);
  if (spool->fd < 0 && !move_to_file (spool, error))
    return FALSE;
  return write_all (spool, data, length, error);
}

/* Inflates a stretch of compressed bytes; gzip members may follow one another. */
static gboolean
inflate (BaruaSpool *spool, const guint8 *data, gsize length, GError **error)
{
  guint8 block[16 * 1024];
  gsize at = 0, n_read, n_written;

  do
    {
      g_autoptr (GError) local = NULL;

      if (spool->is_complete && at == length)
        break;
      if (spool->is_complete)
        g_converter_reset (spool->inflater);
      n_read = n_written = 0;
      GConverterResult result
          = g_converter_convert (spool->inflater, data + at, length - at, block, sizeof block,
                                 G_CONVERTER_NO_FLAGS, &n_read, &n_written, &local);
      spool->is_complete = result == G_CONVERTER_FINISHED;
      if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
        break;
      if (result == G_CONVERTER_ERROR)
        return fail (error, BARUA_HTTP_ERROR_BODY, "damaged compressed body");
      at += n_read;
      if (!keep (spool, block, n_written, error))
        return FALSE;
    }
  while (at < length || n_written == sizeof block);
  return TRUE;
}

gboolean
barua_spool_append (BaruaSpool *spool, gconstpointer data, gsize length, GError **error)
{
  if (spool->inflater == NULL)
    return keep (spool, data, length, error);
  return inflate (spool, data, length, error);
}

gboolean
barua_spool_finish (BaruaSpool *spool, GError **error)
{
  if (spool->inflater != NULL && !spool->is_complete)
    return fail (error, BARUA_HTTP_ERROR_BODY, "damaged compressed body");
  if (spool->fd >= 0 && lseek (spool->fd, 0, SEEK_SET) != 0)
    return fail_write (spool, errno, error);
  return TRUE;
}

guint64
barua_spool_length (const BaruaSpool *spool)
{
  return spool->length;
}

int
barua_spool_fd (const BaruaSpool *spool)
{
  return spool->fd;
}

int
barua_spool_steal_fd (BaruaSpool *spool)
{
  int fd = spool->fd;

  spool->fd = -1;
  return fd;
}

BaruaBuffer *
barua_spool_buffer (BaruaSpool *spool)
{
  return &spool->memory;
}
