/* SPDX-License-Identifier: MIT */

/* What the parsing engine costs: messages of a corpus to records as JSON, without files or sockets.
 *
 *   bench-parse SETTINGS CORPUS SECONDS
 *
 * SETTINGS is a settings object, CORPUS has lines of kind, id, sender and content with tabs between
 * (gen_corpus.py).  With SECONDS above 0 prints a line `kind messages ns-per-message` for each kind
 * and `peak kB`; with 0 everything is read once to warm up and once more between two
 * client requests, so that callgrind writes one count for each kind: see parse.py. */

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

#include "parser/record.h"

/* Messages of one kind. */
typedef struct
{
  char *name;
  GArray *messages; /* of BaruaMessage */
} Kind;

/* The clock of all messages, milliseconds. */
#define NOW_MS G_GINT64_CONSTANT (1795280132714)

static gint64
cpu_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (gint64)now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* The kind called @name, made when it is new. */
static Kind *
need_kind (GPtrArray *kinds, const char *name)
{
  for (guint i = 0; i < kinds->len; i++)
    {
      Kind *kind = g_ptr_array_index (kinds, i);
      if (strcmp (kind->name, name) == 0)
        return kind;
    }

  Kind *kind = g_new (Kind, 1);
  *kind = (Kind){ g_strdup (name), g_array_new (FALSE, FALSE, sizeof (BaruaMessage)) };
  g_ptr_array_add (kinds, kind);
  return kind;
}

/* The corpus by kind; the texts are borrowed from @corpus. */
static GPtrArray *
read_corpus (char *corpus)
{
  GPtrArray *kinds = g_ptr_array_new ();

  for (char *line = corpus; *line != '\0';)
    {
      char *end = strchrnul (line, '\n');
      char *rest = *end == '\n' ? end + 1 : end;
      *end = '\0';
      char *cells[4] = { line };
      for (guint i = 1; i < G_N_ELEMENTS (cells); i++)
        {
          cells[i] = strchrnul (cells[i - 1], '\t');
          if (*cells[i] == '\t')
            *cells[i]++ = '\0';
        }
      BaruaMessage message = { .message = barua_text (cells[3]),
                               .from = barua_text (cells[2]),
                               .gateway_ref = barua_text (cells[1]),
                               .now_ms = NOW_MS };
      g_array_append_val (need_kind (kinds, cells[0])->messages, message);
      line = rest;
    }
  return kinds;
}

/* Reads all messages of a kind; returns how many bytes their records take. @out: NULL when they are
 * not written. */
static gsize
read_messages (const BaruaSettings *settings, const Kind *kind, BaruaArena *arena, GString *out)
{
  gsize bytes = 0;

  for (guint i = 0; i < kind->messages->len; i++)
    {
      BaruaRecord record;
      barua_arena_reset (arena);
      if (!barua_record_from_message (settings, &g_array_index (kind->messages, BaruaMessage, i),
                                      arena, &record, NULL)
          || out == NULL)
        continue;
      g_string_truncate (out, 0);
      barua_record_append_json (&record, NULL, out);
      bytes += out->len;
    }
  return bytes;
}

/* Normalises the senders alone, which read_messages() does too. */
static gsize
normalise_senders (const BaruaSettings *settings, const Kind *kind)
{
  gsize n = 0;

  for (guint i = 0; i < kind->messages->len; i++)
    {
      char e164[BARUA_PHONE_SIZE];
      n += barua_phone_normalise (barua_settings_phone_rules (settings),
                                  g_array_index (kind->messages, BaruaMessage, i).from, e164);
    }
  return n;
}

/* Reads a kind again and again for @seconds of CPU time; prints what one message takes. */
static void
measure_time (const BaruaSettings *settings, const Kind *kind, BaruaArena *arena, GString *out,
              double seconds)
{
  gint64 begun = cpu_ns (), taken;
  guint64 n = 0;

  do
    {
      read_messages (settings, kind, arena, out);
      n += kind->messages->len;
      taken = cpu_ns () - begun;
    }
  while ((double)taken < seconds * 1e9);
  g_print ("%s %u %.1f\n", kind->name, kind->messages->len, (double)taken / (double)n);
}

/* Reads a kind twice, the second time under the eyes of callgrind. */
static void
measure_instructions (const BaruaSettings *settings, const Kind *kind, BaruaArena *arena,
                      GString *out)
{
  g_autofree char *senders = g_strconcat ("senders-", kind->name, NULL);
  g_autofree char *unwritten = g_strconcat ("unwritten-", kind->name, NULL);

  read_messages (settings, kind, arena, out);
  CALLGRIND_ZERO_STATS;
  gsize bytes = read_messages (settings, kind, arena, out);
  CALLGRIND_DUMP_STATS_AT (kind->name);
  normalise_senders (settings, kind);
  CALLGRIND_DUMP_STATS_AT (senders);
  read_messages (settings, kind, arena, NULL);
  CALLGRIND_DUMP_STATS_AT (unwritten);
  g_print ("%s %u %.1f\n", kind->name, kind->messages->len,
           (double)bytes / kind->messages->len);
}

static void
kind_free (Kind *kind)
{
  g_free (kind->name);
  g_array_unref (kind->messages);
  g_free (kind);
}

int
main (int argc, char **argv)
{
  g_autofree char *settings_text = NULL;
  g_autofree char *corpus = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (argc != 4)
    {
      g_printerr ("usage: bench-parse SETTINGS CORPUS SECONDS\n");
      return 2;
    }
  if (!g_file_get_contents (argv[1], &settings_text, &length, &error)
      || !g_file_get_contents (argv[2], &corpus, NULL, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_autoptr (GBytes) bytes = g_bytes_new (settings_text, length);
  g_autoptr (BaruaSettings) settings = barua_settings_compile (bytes, NULL, 0, &error);
  if (settings == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  const double seconds = g_ascii_strtod (argv[3], NULL);
  g_autoptr (BaruaArena) arena = barua_arena_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GPtrArray) kinds = read_corpus (corpus);

  g_ptr_array_set_free_func (kinds, (GDestroyNotify)kind_free);
  for (guint i = 0; i < kinds->len; i++)
    if (seconds > 0)
      measure_time (settings, g_ptr_array_index (kinds, i), arena, out, seconds);
    else
      measure_instructions (settings, g_ptr_array_index (kinds, i), arena, out);

  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  g_print ("peak %ld\n", usage.ru_maxrss);
  return 0;
}
