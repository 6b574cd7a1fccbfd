/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

/* A file system below SQLite that fails when a test wants it to. Everything else goes to the one
 * that SQLite would use; a synchronisation is only counted, since no test here cuts the power. */

/** What can fail. */
typedef enum
{
  FAULT_READ,
  FAULT_WRITE, /* the first half of the bytes is written */
  FAULT_FULL,  /* a write, and nothing is written: no room */
  FAULT_SYNC,
  FAULT_TRUNCATE,
  FAULT_OPEN,
  FAULT_SIZE, /* asking how long a file is */
  FAULT_MAP,  /* the index of the log */
  N_FAULTS,
} Fault;

extern const char *const fault_names[N_FAULTS];

/** Makes it SQLite's default. Before the first store is opened. */
void faulty_vfs_register (void);

/** From now on the @n-th (from 1) operation of this kind fails, and with @stays all after it. */
void faulty_vfs_arm (Fault fault, guint n, gboolean stays);

/** Nothing fails any more; returns how many operations did. */
guint faulty_vfs_disarm (void);

/** How many have failed since it was armed. */
guint faulty_vfs_failed (void);
