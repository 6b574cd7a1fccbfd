/* SPDX-License-Identifier: MIT */

/* The engine of libphonenumber: loaded when it is first needed, asked once for each number. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/phone-engine.h"

#include <pthread.h>
#include <string.h>

#include "forms/characters.h"
#include "forms/module.h"

/* 4,096 numbers, 256 KiB when all are in use. */
#define SETS 1024
#define WAYS 4

/* Longer texts are asked for each time; E.164 has 15 digits. */
#define MAX_CACHED_BYTES 32

/* The answer for one number as typed under one rule; one line of the processor's cache. */
typedef struct
{
  guint32 hash;
  guint16 country_code;
  guint8 validation;
  guint8 n; /* bytes of @number; 0 in a vacant entry */
  char number[MAX_CACHED_BYTES];
  char e164[BARUA_PHONE_SIZE]; /* empty when it is no phone number */
} Entry;

G_STATIC_ASSERT (sizeof (Entry) == 64);

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

/* Under @cache_lock. */
static struct
{
  guint8 next[SETS]; /* the way to be replaced next */
  Entry entries[SETS][WAYS];
} cache;

static BaruaPhoneEngine *loaded;

static void
load (void)
{
  loaded = (BaruaPhoneEngine *)barua_module_symbol ("barua-phone.so", "barua_phone_google_normalise");
  if (loaded == NULL)
    g_warning ("phone numbers are judged by their length only");
}

BaruaPhoneEngine *
barua_phone_module (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once (&once, load);
  return loaded;
}

/* What is asked, as an entry without an answer. */
static void
fill_question (Entry *entry, const BaruaPhoneRules *rules, BaruaText number)
{
  entry->country_code = (guint16)rules->country_code;
  entry->validation = (guint8)rules->validation;
  entry->n = (guint8)number.n;
  memcpy (entry->number, number.p, number.n);
  memset (entry->number + number.n, 0, MAX_CACHED_BYTES - number.n);
  entry->hash = barua_text_hash (number) ^ (guint32)(entry->country_code * 4 + entry->validation);
}

/* Whether both ask for the same number under the same rules. */
static gboolean
is_same_question (const Entry *a, const Entry *b)
{
  return a->hash == b->hash
         && memcmp (&a->country_code, &b->country_code,
                    G_STRUCT_OFFSET (Entry, e164) - G_STRUCT_OFFSET (Entry, country_code))
                == 0;
}

/* Copies the answer into @question; FALSE when nobody asked it lately. */
static gboolean
look_up (Entry *question)
{
  const Entry *set = cache.entries[question->hash % SETS];
  gboolean is_found = FALSE;

  pthread_mutex_lock (&cache_lock);
  for (guint i = 0; i < WAYS && !is_found; i++)
    if (is_same_question (&set[i], question))
      {
        memcpy (question->e164, set[i].e164, BARUA_PHONE_SIZE);
        is_found = TRUE;
      }
  pthread_mutex_unlock (&cache_lock);
  return is_found;
}

static void
remember (const Entry *answered)
{
  guint set = answered->hash % SETS;

  pthread_mutex_lock (&cache_lock);
  cache.entries[set][cache.next[set]++ % WAYS] = *answered;
  pthread_mutex_unlock (&cache_lock);
}

gboolean
barua_phone_cached (BaruaPhoneEngine *engine, const BaruaPhoneRules *rules, BaruaText number,
                    char e164[BARUA_PHONE_SIZE])
{
  Entry question;

  if (number.n == 0 || number.n > MAX_CACHED_BYTES || rules->country_code < 0
      || rules->country_code > G_MAXUINT16)
    return engine (rules, number, e164);
  fill_question (&question, rules, number);
  if (!look_up (&question))
    {
      memset (question.e164, 0, sizeof question.e164);
      engine (rules, number, question.e164);
      remember (&question);
    }
  if (question.e164[0] == '\0')
    return FALSE;
  memcpy (e164, question.e164, BARUA_PHONE_SIZE);
  return TRUE;
}
