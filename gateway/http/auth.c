/* SPDX-License-Identifier: MIT */

/* Who sent a request: Basic credentials, the cache of verdicts, checks in flight. */

#define G_LOG_DOMAIN "barua-http"

#include "gateway/http/auth.h"

#include "gateway/http/auth-basic.h"
#include "gateway/http/errors.h"
#include "gateway/http/password.h"
#include "gateway/http/rate-limit.h"
#include "gateway/http/refusals.h"
#include "gateway/http/sessions.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

/* How long a verified credential is remembered (spec/users.md 10 no. 9). */
#define CACHE_US (10 * 60 * G_USEC_PER_SEC)
#define CACHE_MAX_ENTRIES 16384u
#define RATE_MAX_KEYS 16384u
/* Different credentials that may wait for a worker, and requests that may wait for them; 503
 * beyond. */
#define MAX_FLIGHTS 1024u
#define MAX_WAITERS 8192u
/* Longest rest of a worker after a wrong password: twice what a hash takes on an idle machine. */
#define MAX_REST_US (100 * 1000)
/* Account names are shorter; longer ones are not looked up. */
#define MAX_NAME_BYTES 256u
/* Times a check starts again because the account changed meanwhile. */
#define MAX_RESTARTS 3u

#define DIGEST_BYTES 32u

typedef struct
{
  guint8 digest[DIGEST_BYTES];
} Key;

typedef struct
{
  Key key;
  BaruaUser *user;
  gint64 expires_us;
  GList link;
} Entry;

typedef struct
{
  BaruaAuthDone done;
  gpointer data;
} Waiter;

/* One credential being checked, and who waits for the verdict. */
typedef struct
{
  Key key;
  BaruaAuth *auth;       /* NULL once that is gone */
  GPtrArray *candidates; /* of BaruaCredential, in the order of trying */
  guint candidate;
  char *address;
  GArray *waiters; /* of Waiter */
  BaruaAuthAccount *account;
  char *new_hash;
  guint n_restarts;
  gint64 took_us; /* the last hash */
  gboolean is_good;
  gboolean is_remembered; /* worth an entry in the cache */
  gboolean is_stale;      /* the account changed while its password was checked */
} Flight;

struct _BaruaAuth
{
  const BaruaAuthBackend *backend;
  gpointer data;
  GHmac *hmac;         /* primed with the key of this process */
  GHashTable *cache;   /* Key -> Entry */
  GQueue cache_order;  /* oldest first */
  GHashTable *flights; /* Key -> Flight */
  GQueue waiting;      /* of Flight, not yet started */
  guint running;
  gboolean is_starting; /* start_waiting() is on the stack */
  guint n_waiters;
  BaruaRateLimit *by_address;
  BaruaRateLimit *by_name;
  BaruaRefusals *refusals;
  BaruaSessions *sessions;
  GHashTable *changes; /* name -> times it was forgotten; as many as there are accounts */
  guint64 all_changes; /* times everything was */
  BaruaAuthStats stats;
};

/* Users and accounts. */

static void
user_clear (gpointer data)
{
  BaruaUser *user = data;

  g_free (user->name);
  g_strfreev (user->roles);
}

BaruaUser *
barua_user_new (const char *name, const char *const *roles)
{
  static const char *const none[] = { NULL };
  BaruaUser *user = g_rc_box_new0 (BaruaUser);

  user->name = g_strdup (name);
  user->roles = g_strdupv ((char **)(roles != NULL ? roles : none));
  user->is_admin = barua_user_has_role (user, "_admin");
  return user;
}

BaruaUser *
barua_user_ref (BaruaUser *user)
{
  return g_rc_box_acquire (user);
}

void
barua_user_unref (BaruaUser *user)
{
  g_rc_box_release_full (user, user_clear);
}

gboolean
barua_user_has_role (const BaruaUser *user, const char *role)
{
  return g_strv_contains ((const char *const *)user->roles, role);
}

BaruaAuthAccount *
barua_auth_account_new (const char *name, const char *hash, const char *const *roles)
{
  BaruaAuthAccount *account = g_new0 (BaruaAuthAccount, 1);

  account->name = g_strdup (name);
  account->hash = g_strdup (hash);
  account->roles = g_strdupv ((char **)roles);
  return account;
}

void
barua_auth_account_free (BaruaAuthAccount *account)
{
  g_free (account->name);
  barua_secret_free (account->hash);
  g_strfreev (account->roles);
  g_free (account);
}

/* The cache. */

static guint
key_hash (gconstpointer data)
{
  guint hash;

  memcpy (&hash, data, sizeof hash);
  return hash;
}

/* Keys are keyed digests: a comparison that ends early tells nothing about a credential. */
static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, DIGEST_BYTES) == 0;
}

static void
entry_free (Entry *entry)
{
  barua_user_unref (entry->user);
  g_free (entry);
}

static void
drop_entry (BaruaAuth *auth, Entry *entry)
{
  g_queue_unlink (&auth->cache_order, &entry->link);
  g_hash_table_remove (auth->cache, &entry->key);
}

/* The key of a credential; @kind keeps those of different meaning apart. */
static Key
make_key (BaruaAuth *auth, char kind, const char *first, const char *second)
{
  Key key;
  gsize length = sizeof key.digest;
  GHmac *hmac = g_hmac_copy (auth->hmac);

  g_hmac_update (hmac, (const guchar *)&kind, 1);
  g_hmac_update (hmac, (const guchar *)first, (gssize)strlen (first) + (second != NULL));
  if (second != NULL)
    g_hmac_update (hmac, (const guchar *)second, (gssize)strlen (second));
  g_hmac_get_digest (hmac, key.digest, &length);
  g_hmac_unref (hmac);
  return key;
}

static void
remember (BaruaAuth *auth, const Key *key, BaruaUser *user)
{
  Entry *old = g_hash_table_lookup (auth->cache, key);

  if (old != NULL)
    drop_entry (auth, old);
  while (g_hash_table_size (auth->cache) >= CACHE_MAX_ENTRIES)
    drop_entry (auth, auth->cache_order.head->data);

  Entry *entry = g_new0 (Entry, 1);
  entry->key = *key;
  entry->user = barua_user_ref (user);
  entry->expires_us = g_get_monotonic_time () + CACHE_US;
  entry->link.data = entry;
  g_queue_push_tail_link (&auth->cache_order, &entry->link);
  g_hash_table_insert (auth->cache, &entry->key, entry);
}

/* (transfer full) (nullable) */
static BaruaUser *
recall (BaruaAuth *auth, const Key *key)
{
  Entry *entry = g_hash_table_lookup (auth->cache, key);

  if (entry == NULL)
    return NULL;
  if (entry->expires_us <= g_get_monotonic_time ())
    {
      drop_entry (auth, entry);
      return NULL;
    }
  auth->stats.cache_hits++;
  return barua_user_ref (entry->user);
}

static char
kind_for (const char *user_agent)
{
  return barua_http_is_gateway (user_agent) ? 'g' : 'b';
}

BaruaUser *
barua_auth_cached (BaruaAuth *auth, const char *authorization, const char *user_agent)
{
  if (g_hash_table_size (auth->cache) == 0)
    return NULL;
  Key key = make_key (auth, kind_for (user_agent), authorization, NULL);
  return recall (auth, &key);
}

/* Failures. */

/* What failures of an address are counted under: IPv6 by its first 64 bits, which one customer has
 * to himself. */
static char *
address_key (const char *address)
{
  struct in6_addr bytes;
  char text[INET6_ADDRSTRLEN];

  if (inet_pton (AF_INET6, address, &bytes) != 1 || IN6_IS_ADDR_V4MAPPED (&bytes))
    return g_strdup (address);
  memset (bytes.s6_addr + 8, 0, 8);
  return g_strdup (inet_ntop (AF_INET6, &bytes, text, sizeof text));
}

void
barua_auth_count_failure (BaruaAuth *auth, const char *address, const char *name)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autofree char *key = address_key (address);

  auth->stats.failures++;
  barua_rate_limit_count (auth->by_address, key, now_us);
  if (name != NULL)
    barua_rate_limit_count (auth->by_name, name, now_us);
}

gboolean
barua_auth_is_limited (BaruaAuth *auth, const char *address, const char *name)
{
  gint64 now_us = g_get_monotonic_time ();
  g_autofree char *key = address_key (address);

  return barua_rate_limit_is_reached (auth->by_address, key, now_us)
         || (name != NULL && barua_rate_limit_is_reached (auth->by_name, name, now_us));
}

void
barua_auth_refuse_late (BaruaAuth *auth, BaruaAuthDone done, gpointer data)
{
  auth->stats.limited++;
  barua_refusals_add (auth->refusals, done, data);
}

/* Checks in flight. */

static void
flight_free (Flight *flight)
{
  g_ptr_array_unref (flight->candidates);
  g_array_unref (flight->waiters);
  g_clear_pointer (&flight->account, barua_auth_account_free);
  g_free (flight->address);
  barua_secret_free (flight->new_hash);
  g_free (flight);
}

static const BaruaCredential *
current (const Flight *flight)
{
  return flight->candidates->pdata[flight->candidate];
}

static GError *
verdict_error (BaruaHttpErrorCode code)
{
  return g_error_new_literal (BARUA_HTTP_ERROR, code, barua_http_error_info (code)->text);
}

/* Tells everybody who waits; the list may grow no more by then. */
static void
tell_waiters (Flight *flight, BaruaUser *user, const GError *error)
{
  g_autoptr (GArray) waiters = g_steal_pointer (&flight->waiters);

  flight->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  for (guint i = 0; i < waiters->len; i++)
    {
      const Waiter *waiter = &g_array_index (waiters, Waiter, i);

      waiter->done (user, error, waiter->data);
    }
}

static void start_waiting (BaruaAuth *auth);

/* The end of a flight that is in no queue any more. */
static void
land (BaruaAuth *auth, Flight *flight, BaruaUser *user, BaruaHttpErrorCode code)
{
  g_autoptr (GError) error = user == NULL ? verdict_error (code) : NULL;

  g_hash_table_remove (auth->flights, &flight->key);
  auth->n_waiters -= flight->waiters->len;
  if (user == NULL && code == BARUA_HTTP_ERROR_TOO_MANY_REQUESTS)
    auth->stats.limited += flight->waiters->len;
  flight->auth = NULL;
  tell_waiters (flight, user, error);
  flight_free (flight);
}

/* The end of a flight that had a worker. */
static void
land_running (BaruaAuth *auth, Flight *flight, BaruaUser *user, BaruaHttpErrorCode code)
{
  auth->running--;
  land (auth, flight, user, code);
  start_waiting (auth);
}

/* A worker has rested. */
static gboolean
rested (gpointer data)
{
  BaruaAuth *auth = data;

  auth->running--;
  start_waiting (auth);
  return G_SOURCE_REMOVE;
}

/* The end of a flight whose password was wrong. Its worker rests for as long as it has worked, so that
 * guessing takes half a processor from good requests and not a whole one. */
static void
land_refused (BaruaAuth *auth, Flight *flight)
{
  const gint64 rest_us = MIN (flight->took_us, MAX_REST_US);

  g_timeout_add ((guint)(rest_us / 1000), rested, auth);
  land (auth, flight, NULL, BARUA_HTTP_ERROR_UNAUTHORIZED);
}

/* Whether the flight's address or one of its names has failed too often. */
static gboolean
is_flight_limited (BaruaAuth *auth, const Flight *flight)
{
  const BaruaCredential *first = flight->candidates->pdata[0];

  return barua_auth_is_limited (auth, flight->address, first->name);
}

static void
flight_work (gpointer data)
{
  Flight *flight = data;
  const BaruaCredential *credential = current (flight);
  const char *hash = flight->account != NULL ? flight->account->hash : NULL;

  const gint64 begun_us = g_get_monotonic_time ();
  flight->is_good = barua_password_verify (credential->password, hash);
  flight->took_us = g_get_monotonic_time () - begun_us;
  if (flight->is_good && barua_password_is_outdated (hash))
    flight->new_hash = barua_password_hash (credential->password, NULL);
}

static void account_found (BaruaAuthAccount *account, const GError *error, gpointer data);

/* Asks the store for the account of the current candidate. */
static void
look_up (Flight *flight)
{
  g_clear_pointer (&flight->account, barua_auth_account_free);
  flight->auth->backend->find_account (flight->auth->data, current (flight)->name, account_found,
                                       flight);
}

/* A good password: remembered, unless the account changed since it was read; then once more. */
static void
flight_succeeded (BaruaAuth *auth, Flight *flight)
{
  if (flight->is_stale && ++flight->n_restarts > MAX_RESTARTS)
    {
      land_running (auth, flight, NULL, BARUA_HTTP_ERROR_UNAVAILABLE);
      return;
    }
  if (flight->is_stale)
    {
      flight->is_stale = flight->is_good = FALSE;
      flight->candidate = 0;
      g_clear_pointer (&flight->new_hash, barua_secret_free);
      look_up (flight);
      return;
    }

  const BaruaAuthAccount *account = flight->account;
  g_autoptr (BaruaUser) user = barua_user_new (account->name, (const char *const *)account->roles);
  barua_rate_limit_clear (auth->by_name, current (flight)->name);
  if (flight->is_remembered)
    remember (auth, &flight->key, user);
  if (flight->new_hash != NULL && auth->backend->rehash != NULL)
    auth->backend->rehash (auth->data, account->name, account->hash, flight->new_hash);
  land_running (auth, flight, user, BARUA_HTTP_ERROR_UNAUTHORIZED);
}

static void
flight_worked (gpointer data)
{
  Flight *flight = data;
  BaruaAuth *auth = flight->auth;

  if (auth == NULL)
    {
      flight_free (flight);
      return;
    }
  auth->stats.checks++;
  if (flight->is_good)
    {
      flight_succeeded (auth, flight);
      return;
    }
  if (flight->candidate + 1 < flight->candidates->len)
    {
      flight->candidate++;
      look_up (flight);
      return;
    }
  const BaruaCredential *first = flight->candidates->pdata[0];
  barua_auth_count_failure (auth, flight->address, first->name);
  land_refused (auth, flight);
}

static void
account_found (BaruaAuthAccount *account, const GError *error, gpointer data)
{
  Flight *flight = data;

  flight->account = account;
  if (flight->auth == NULL)
    flight_free (flight);
  else if (error != NULL)
    {
      g_warning ("accounts cannot be read: %s", error->message);
      land_running (flight->auth, flight, NULL, BARUA_HTTP_ERROR_UNAVAILABLE);
    }
  else
    barua_password_run (flight_work, flight_worked, flight);
}

/* Starts flights while there are workers; a burst of wrong passwords ends here once it is known to
 * be one. */
static void
start_waiting (BaruaAuth *auth)
{
  if (auth->is_starting)
    return;
  auth->is_starting = TRUE;
  while (auth->running < BARUA_PASSWORD_WORKERS && !g_queue_is_empty (&auth->waiting))
    {
      Flight *flight = g_queue_pop_head (&auth->waiting);

      if (is_flight_limited (auth, flight))
        {
          land (auth, flight, NULL, BARUA_HTTP_ERROR_TOO_MANY_REQUESTS);
          continue;
        }
      auth->running++;
      look_up (flight);
    }
  auth->is_starting = FALSE;
}

static void
add_waiter (BaruaAuth *auth, Flight *flight, BaruaAuthDone done, gpointer data)
{
  Waiter waiter = { done, data };

  g_array_append_val (flight->waiters, waiter);
  auth->n_waiters++;
}

static void
refuse (BaruaHttpErrorCode code, BaruaAuthDone done, gpointer data)
{
  g_autoptr (GError) error = verdict_error (code);

  done (NULL, error, data);
}

/* Joins the flight of the same credential or begins a new one; takes @candidates. */
static void
fly (BaruaAuth *auth, const Key *key, GPtrArray *candidates, const char *address,
     gboolean is_remembered, BaruaAuthDone done, gpointer data)
{
  g_autoptr (GPtrArray) owned = candidates;
  const BaruaCredential *first = candidates->pdata[0];
  Flight *flight = g_hash_table_lookup (auth->flights, key);

  if (auth->n_waiters >= MAX_WAITERS
      || (flight == NULL && g_hash_table_size (auth->flights) >= MAX_FLIGHTS))
    {
      auth->stats.overflow++;
      refuse (BARUA_HTTP_ERROR_UNAVAILABLE, done, data);
      return;
    }
  if (flight != NULL)
    {
      auth->stats.joined++;
      add_waiter (auth, flight, done, data);
      return;
    }
  if (barua_auth_is_limited (auth, address, first->name))
    {
      barua_auth_refuse_late (auth, done, data);
      return;
    }
  flight = g_new0 (Flight, 1);
  flight->key = *key;
  flight->auth = auth;
  flight->candidates = g_steal_pointer (&owned);
  flight->address = g_strdup (address);
  flight->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  flight->is_remembered = is_remembered;
  add_waiter (auth, flight, done, data);
  g_hash_table_insert (auth->flights, &flight->key, flight);
  g_queue_push_tail (&auth->waiting, flight);
  start_waiting (auth);
}

void
barua_auth_check (BaruaAuth *auth, const char *authorization, const char *user_agent,
                  const char *address, BaruaAuthDone done, gpointer data)
{
  Key key = make_key (auth, kind_for (user_agent), authorization, NULL);
  g_autoptr (BaruaUser) user = recall (auth, &key);

  if (user != NULL)
    {
      done (user, NULL, data);
      return;
    }
  GPtrArray *candidates
      = barua_credentials_from_basic (authorization, barua_http_is_gateway (user_agent));
  const BaruaCredential *first = candidates->len > 0 ? candidates->pdata[0] : NULL;
  if (first == NULL || strlen (first->name) > MAX_NAME_BYTES)
    {
      g_ptr_array_unref (candidates);
      refuse (BARUA_HTTP_ERROR_UNAUTHORIZED, done, data);
      return;
    }
  fly (auth, &key, candidates, address, TRUE, done, data);
}

void
barua_auth_check_password (BaruaAuth *auth, const char *name, const char *password,
                           const char *address, BaruaAuthDone done, gpointer data)
{
  if (*name == '\0' || strlen (name) > MAX_NAME_BYTES)
    {
      refuse (BARUA_HTTP_ERROR_UNAUTHORIZED, done, data);
      return;
    }
  Key key = make_key (auth, 'p', name, password);
  GPtrArray *candidates = g_ptr_array_new_with_free_func ((GDestroyNotify)barua_credential_free);
  g_ptr_array_add (candidates, barua_credential_new (name, password));
  fly (auth, &key, candidates, address, FALSE, done, data);
}

void
barua_auth_check_session (BaruaAuth *auth, const char *token, BaruaAuthDone done, gpointer data)
{
  barua_sessions_check (auth->sessions, token, done, data);
}

/* Life. */

BaruaAuth *
barua_auth_new (const BaruaAuthBackend *backend, gpointer data)
{
  BaruaAuth *auth = g_new0 (BaruaAuth, 1);
  guint8 key[DIGEST_BYTES];

  if (getrandom (key, sizeof key, 0) != (ssize_t)sizeof key)
    g_error ("no random bytes");
  auth->backend = backend;
  auth->data = data;
  auth->hmac = g_hmac_new (G_CHECKSUM_SHA256, key, sizeof key);
  explicit_bzero (key, sizeof key);
  auth->cache = g_hash_table_new_full (key_hash, key_equal, NULL, (GDestroyNotify)entry_free);
  auth->flights = g_hash_table_new (key_hash, key_equal);
  auth->by_address = barua_rate_limit_new (RATE_MAX_KEYS);
  auth->by_name = barua_rate_limit_new (RATE_MAX_KEYS);
  auth->refusals = barua_refusals_new ();
  auth->sessions = barua_sessions_new (backend, data);
  auth->changes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return auth;
}

/* Answers a flight whose BaruaAuth ends; one that a worker or the store has is freed when it comes
 * back. */
static void
abandon (gpointer key, gpointer value, gpointer data)
{
  Flight *flight = value;
  g_autoptr (GError) error = verdict_error (BARUA_HTTP_ERROR_UNAVAILABLE);

  flight->auth = NULL;
  tell_waiters (flight, NULL, error);
}

void
barua_auth_free (BaruaAuth *auth)
{
  while (g_source_remove_by_user_data (auth)) /* workers that rest */
    ;
  barua_refusals_free (auth->refusals);
  barua_sessions_free (auth->sessions);
  g_hash_table_foreach (auth->flights, abandon, NULL);
  g_queue_clear_full (&auth->waiting, (GDestroyNotify)flight_free);
  g_hash_table_unref (auth->flights);
  g_hash_table_unref (auth->cache);
  g_hash_table_unref (auth->changes);
  g_hmac_unref (auth->hmac);
  barua_rate_limit_free (auth->by_address);
  barua_rate_limit_free (auth->by_name);
  g_free (auth);
}

/* Marks the checks of @name that are under way: their account may be the old one. */
static void
mark_stale (BaruaAuth *auth, const char *name)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, auth->flights);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Flight *flight = value;

      for (guint i = 0; i < flight->candidates->len; i++)
        {
          const BaruaCredential *credential = flight->candidates->pdata[i];

          if (name == NULL || strcmp (credential->name, name) == 0)
            flight->is_stale = TRUE;
        }
    }
}

guint64
barua_auth_changes (BaruaAuth *auth, const char *name)
{
  return auth->all_changes + GPOINTER_TO_UINT (g_hash_table_lookup (auth->changes, name));
}

/* Counts a change for barua_auth_changes(). */
static void
count_change (BaruaAuth *auth, const char *name)
{
  if (name == NULL)
    {
      auth->all_changes++;
      return;
    }
  guint before = GPOINTER_TO_UINT (g_hash_table_lookup (auth->changes, name));
  g_hash_table_insert (auth->changes, g_strdup (name), GUINT_TO_POINTER (before + 1));
}

void
barua_auth_forget (BaruaAuth *auth, const char *name)
{
  GList *next;

  for (GList *link = auth->cache_order.head; link != NULL; link = next)
    {
      Entry *entry = link->data;

      next = link->next;
      if (name == NULL || strcmp (entry->user->name, name) == 0)
        drop_entry (auth, entry);
    }
  count_change (auth, name);
  barua_sessions_forget_user (auth->sessions, name);
  mark_stale (auth, name);
}

void
barua_auth_forget_session (BaruaAuth *auth, const char *token)
{
  barua_sessions_forget (auth->sessions, token);
}

void
barua_auth_forget_all (BaruaAuth *auth)
{
  barua_auth_forget (auth, NULL);
}

const BaruaAuthStats *
barua_auth_stats (BaruaAuth *auth)
{
  return &auth->stats;
}
