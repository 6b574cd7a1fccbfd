/* SPDX-License-Identifier: MIT */

#include "tests/faulty-vfs.h"

#include <errno.h>

#include <sqlite3.h>

const char *const fault_names[N_FAULTS]
    = { "read", "write", "full", "sync", "truncate", "open", "size", "map" };

static const int results[N_FAULTS]
    = { SQLITE_IOERR_READ,     SQLITE_IOERR_WRITE, SQLITE_FULL,        SQLITE_IOERR_FSYNC,
        SQLITE_IOERR_TRUNCATE, SQLITE_CANTOPEN,    SQLITE_IOERR_FSTAT, SQLITE_IOERR_SHMMAP };

/* What is armed; the count goes down, and the operation that finds 1 fails. */
static int armed_fault = -1;
static int armed_count;
static int armed_stays;
static int n_failed;

/* A file of ours; that of the file system below follows it in memory. */
typedef struct
{
  sqlite3_file base;
  sqlite3_file *real;
} File;

static sqlite3_file *
real (sqlite3_file *file)
{
  return ((File *)file)->real;
}

/* Whether this operation is the one. */
static gboolean
fails (Fault fault)
{
  if (g_atomic_int_get (&armed_fault) != (int)fault)
    return FALSE;
  const int count = g_atomic_int_add (&armed_count, -1);
  const gboolean is_hit = count == 1 || (count < 1 && g_atomic_int_get (&armed_stays));

  if (is_hit)
    g_atomic_int_inc (&n_failed);
  return is_hit;
}

static int
file_close (sqlite3_file *file)
{
  return real (file)->pMethods->xClose (real (file));
}

static int
file_read (sqlite3_file *file, void *buffer, int n, sqlite3_int64 offset)
{
  return fails (FAULT_READ) ? results[FAULT_READ]
                            : real (file)->pMethods->xRead (real (file), buffer, n, offset);
}

static int
file_write (sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
  if (fails (FAULT_FULL))
    return results[FAULT_FULL];
  if (!fails (FAULT_WRITE))
    return real (file)->pMethods->xWrite (real (file), bytes, n, offset);
  real (file)->pMethods->xWrite (real (file), bytes, n / 2, offset);
  return results[FAULT_WRITE];
}

static int
file_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  return fails (FAULT_TRUNCATE) ? results[FAULT_TRUNCATE]
                                : real (file)->pMethods->xTruncate (real (file), size);
}

static int
file_sync (sqlite3_file *file, int flags)
{
  return fails (FAULT_SYNC) ? results[FAULT_SYNC] : SQLITE_OK;
}

static int
file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return fails (FAULT_SIZE) ? results[FAULT_SIZE]
                            : real (file)->pMethods->xFileSize (real (file), size);
}

static int
file_lock (sqlite3_file *file, int level)
{
  return real (file)->pMethods->xLock (real (file), level);
}

static int
file_unlock (sqlite3_file *file, int level)
{
  return real (file)->pMethods->xUnlock (real (file), level);
}

static int
file_check_lock (sqlite3_file *file, int *is_locked)
{
  return real (file)->pMethods->xCheckReservedLock (real (file), is_locked);
}

static int
file_control (sqlite3_file *file, int operation, void *argument)
{
  return real (file)->pMethods->xFileControl (real (file), operation, argument);
}

static int
file_sector (sqlite3_file *file)
{
  return real (file)->pMethods->xSectorSize (real (file));
}

static int
file_device (sqlite3_file *file)
{
  return real (file)->pMethods->xDeviceCharacteristics (real (file));
}

static int
file_map (sqlite3_file *file, int page, int n, int extends, void volatile **memory)
{
  if (!fails (FAULT_MAP))
    return real (file)->pMethods->xShmMap (real (file), page, n, extends, memory);
  *memory = NULL;
  return results[FAULT_MAP];
}

static int
file_map_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return real (file)->pMethods->xShmLock (real (file), offset, n, flags);
}

static void
file_map_barrier (sqlite3_file *file)
{
  real (file)->pMethods->xShmBarrier (real (file));
}

static int
file_unmap (sqlite3_file *file, int removes)
{
  return real (file)->pMethods->xShmUnmap (real (file), removes);
}

static const sqlite3_io_methods methods = {
  .iVersion = 2,
  .xClose = file_close,
  .xRead = file_read,
  .xWrite = file_write,
  .xTruncate = file_truncate,
  .xSync = file_sync,
  .xFileSize = file_size,
  .xLock = file_lock,
  .xUnlock = file_unlock,
  .xCheckReservedLock = file_check_lock,
  .xFileControl = file_control,
  .xSectorSize = file_sector,
  .xDeviceCharacteristics = file_device,
  .xShmMap = file_map,
  .xShmLock = file_map_lock,
  .xShmBarrier = file_map_barrier,
  .xShmUnmap = file_unmap,
};

static int
vfs_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
  sqlite3_vfs *below = vfs->pAppData;
  File *ours = (File *)file;

  file->pMethods = NULL;
  if (fails (FAULT_OPEN))
    return results[FAULT_OPEN];
  ours->real = (sqlite3_file *)(ours + 1);
  const int result = below->xOpen (below, name, ours->real, flags, flags_out);
  if (ours->real->pMethods != NULL)
    file->pMethods = &methods;
  return result;
}

static int
vfs_last_error (sqlite3_vfs *vfs, int n, char *text)
{
  return EIO;
}

void
faulty_vfs_register (void)
{
  static sqlite3_vfs vfs;
  sqlite3_vfs *below = sqlite3_vfs_find (NULL);

  if (below == &vfs)
    return;
  vfs = *below;
  vfs.zName = "faulty";
  vfs.pNext = NULL;
  vfs.pAppData = below;
  vfs.szOsFile = (int)sizeof (File) + below->szOsFile;
  vfs.xOpen = vfs_open;
  vfs.xGetLastError = vfs_last_error;
  sqlite3_vfs_register (&vfs, 1);
}

void
faulty_vfs_arm (Fault fault, guint n, gboolean stays)
{
  g_atomic_int_set (&n_failed, 0);
  g_atomic_int_set (&armed_count, (int)n);
  g_atomic_int_set (&armed_stays, stays);
  g_atomic_int_set (&armed_fault, (int)fault);
}

guint
faulty_vfs_disarm (void)
{
  g_atomic_int_set (&armed_fault, -1);
  return faulty_vfs_failed ();
}

guint
faulty_vfs_failed (void)
{
  return (guint)g_atomic_int_get (&n_failed);
}
