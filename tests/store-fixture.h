/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/store/sqlite.h"
#include "gateway/store/store.h"
#include "tests/suites.h"

/* What the suites of the store share: a store in memory or on a file, and short forms for its
 * verbs. */

/** The store under test. */
extern BaruaStore *store;

/** How it was opened; a test may change it and open again. */
extern BaruaStoreOptions options;

/** Its file; %NULL in memory. */
extern char *path;

void set_up_memory (void);
void set_up_file (void);
void tear_down (void);

/** Opens a store by the options; it must succeed. */
BaruaStore *open_store (void);

/** An edit, what came of it, and the verdict: -1 for none, else the code it must have. */
typedef struct
{
  BaruaEdit edit;
  BaruaWritten written;
  int code;
} Put;

/** A #BaruaJob: the data are a #Put. */
gboolean put_job (BaruaTx *tx, gpointer data, GError **error);

/** Puts and expects success (-1) or an error code. */
BaruaWritten put_expecting (BaruaEdit edit, int code);

/** An edit of the default database. */
BaruaEdit edit_of (const char *id, const char *rev, const char *body);

BaruaWritten put (const char *id, const char *rev, const char *body);
BaruaWritten delete (const char *id, const char *rev);

/** The document, the winner without @rev; %NULL with *code when it cannot be had. */
BaruaDocument *get (const char *id, const char *rev, int *code);

void assert_body (const char *id, const char *rev, const char *body);
void assert_no_document (const char *id, const char *rev, int code);

/** What is derived must say what the documents say. */
void assert_sound (void);

/** A #BaruaQuery: the data are a #BaruaDatabaseInfo of the default database. */
gboolean info_query (BaruaReader *reader, gpointer data, GError **error);

/** Jobs whose ends a test waits for. */
typedef struct
{
  guint n_done;
  guint n_failed;
  int last_code;
} Tally;

/** Counts the end of a job in a #Tally. */
void on_written (GObject *source, GAsyncResult *result, gpointer data);

/** Runs the main loop until so many jobs have ended. */
void wait_for (Tally *tally, guint n);

/** A #BaruaJob that keeps the writer busy until the gate is not 0. */
gboolean gate_job (BaruaTx *tx, gpointer data, GError **error);
extern int gate;

/** A #BaruaJob: puts `job-N`, and fails after that when N, the data, is divisible by three. */
gboolean third_fails_job (BaruaTx *tx, gpointer data, GError **error);

/** Puts a document with one message. */
BaruaWritten put_message (const char *id, const char *rev, const char *uuid, const char *state,
                          int due);

/** Takes messages and compares their uuids, each with a blank behind it; returns the hand-outs of
 * the last. */
guint assert_take (const char *account, guint limit, gint64 now_ms, gint64 lease_ms,
                   const char *uuids);

/** Runs SQL behind the store's back. */
void exec (const char *sql);
