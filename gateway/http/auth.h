/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * BaruaUser:
 * @name: account name
 * @roles: (array zero-terminated=1): roles, never %NULL
 * @is_admin: has the role `_admin`, which passes every permission check
 * @is_cookie: authenticated by a session cookie, not by Basic (spec/users.md 2.3)
 *
 * Who sent a request. Immutable, counted.
 */
typedef struct
{
  char *name;
  char **roles;
  gboolean is_admin;
  gboolean is_cookie;
} BaruaUser;

/** (transfer full) */
BaruaUser *barua_user_new (const char *name, const char *const *roles);
BaruaUser *barua_user_ref (BaruaUser *user);
void barua_user_unref (BaruaUser *user);
gboolean barua_user_has_role (const BaruaUser *user, const char *role);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaUser, barua_user_unref)

/**
 * BaruaAuthAccount:
 * @hash: crypt(5) text of the password
 *
 * What the store knows about a name.
 */
typedef struct
{
  char *name;
  char *hash;
  char **roles;
} BaruaAuthAccount;

BaruaAuthAccount *barua_auth_account_new (const char *name, const char *hash,
                                          const char *const *roles);
void barua_auth_account_free (BaruaAuthAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaAuthAccount, barua_auth_account_free)

/**
 * BaruaAccountFound:
 * @account: (transfer full) (nullable): %NULL when there is none of this name, or on @error
 * @error: (transfer none) (nullable): the store could not answer; the request gets 503
 *
 * To be called exactly once, in the main thread, at once or later.
 */
typedef void (*BaruaAccountFound) (BaruaAuthAccount *account, const GError *error, gpointer data);

/**
 * BaruaAuthBackend:
 * @find_account: looks an account up by its name
 * @rehash: (nullable): a verified password was hashed with outdated parameters; store @new_hash if
 * the account still has @old_hash
 * @find_session: (nullable): looks up the account of a session by the SHA-256 of its token, 64
 * lower case hex digits; @hash of the account is not read. %NULL: cookies are ignored
 *
 * What authentication asks the store; called in the main thread with the `data` of
 * barua_auth_new().
 */
typedef struct
{
  void (*find_account) (gpointer data, const char *name, BaruaAccountFound found,
                        gpointer found_data);
  void (*rehash) (gpointer data, const char *name, const char *old_hash, const char *new_hash);
  void (*find_session) (gpointer data, const char *token_hash, BaruaAccountFound found,
                        gpointer found_data);
} BaruaAuthBackend;

/**
 * BaruaAuthStats:
 *
 * Counters for metrics.
 */
typedef struct
{
  guint64 cache_hits;
  guint64 checks; /* passwords hashed to verify */
  guint64 joined; /* requests that waited for another request's check of the same credential */
  guint64 failures;
  guint64 limited;  /* answered 429 */
  guint64 overflow; /* answered 503: too many waiting */
} BaruaAuthStats;

/**
 * BaruaAuth:
 *
 * Verifies names and passwords. Main thread only; hashing runs on workers, at most two at a time.
 * Verified credentials are remembered for ten minutes under a keyed hash; wrong ones never
 * (spec/users.md 10 nos. 9 and 10).
 */
typedef struct _BaruaAuth BaruaAuth;

/**
 * barua_auth_new:
 * @backend: (not nullable): static
 * @data: passed to @backend; must outlive every check
 */
BaruaAuth *barua_auth_new (const BaruaAuthBackend *backend, gpointer data);
void barua_auth_free (BaruaAuth *auth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaruaAuth, barua_auth_free)

/** Drops what is remembered of @name: to be called after the commit that changed or deleted the
 * account. */
void barua_auth_forget (BaruaAuth *auth, const char *name);

/** How often barua_auth_forget() was called for @name, or for all: equal numbers mean that the
 * account did not change in between. */
guint64 barua_auth_changes (BaruaAuth *auth, const char *name);

/** Drops what is remembered of a session: to be called after the commit that ended it. */
void barua_auth_forget_session (BaruaAuth *auth, const char *token);

/** Drops everything that is remembered. */
void barua_auth_forget_all (BaruaAuth *auth);

const BaruaAuthStats *barua_auth_stats (BaruaAuth *auth);

/**
 * barua_auth_cached:
 * @authorization: (not nullable): the Authorization header
 * @user_agent: (nullable): the User-Agent header; the gateway app's credentials may be
 * percent-encoded
 *
 * Costs one keyed hash; looks at no counter.
 *
 * Returns: (transfer full) (nullable): the user whose credentials were verified in the last ten
 * minutes
 */
BaruaUser *barua_auth_cached (BaruaAuth *auth, const char *authorization, const char *user_agent);

/**
 * BaruaAuthDone:
 * @user: (transfer none) (nullable): %NULL on @error
 * @error: (transfer none) (nullable): a %BARUA_HTTP_ERROR of code %BARUA_HTTP_ERROR_UNAUTHORIZED,
 *   %BARUA_HTTP_ERROR_TOO_MANY_REQUESTS or %BARUA_HTTP_ERROR_UNAVAILABLE
 */
typedef void (*BaruaAuthDone) (BaruaUser *user, const GError *error, gpointer data);

/**
 * barua_auth_check:
 * @address: text of the client's address, for the failure counters
 * @done: called exactly once, in the main thread, possibly before this function returns
 *
 * Verifies an Authorization header of the scheme Basic; bytes as UTF-8, then as ISO-8859-1, and for
 * the gateway app also once percent-decoded (spec/messaging.md 11 no. 13).
 */
void barua_auth_check (BaruaAuth *auth, const char *authorization, const char *user_agent,
                       const char *address, BaruaAuthDone done, gpointer data);

/** The same for a name and a password that came in a body (`/_session`, `/medic/login`); nothing is
 * remembered. */
void barua_auth_check_password (BaruaAuth *auth, const char *name, const char *password,
                                const char *address, BaruaAuthDone done, gpointer data);

/** Bytes of a token at most; longer cookies are no sessions. */
#define BARUA_AUTH_MAX_TOKEN_BYTES 128u

/** (transfer full): 64 lower case hex digits, the SHA-256 of @token: what the store keeps. */
char *barua_auth_token_hash (const char *token);

/** (transfer full): a new token: 32 random bytes in base64url, without '='. */
char *barua_auth_token_new (void);

/**
 * barua_auth_check_session:
 * @token: text of the cookie `AuthSession`
 * @done: called exactly once, in the main thread, possibly before this function returns; the user
 *   has `is_cookie` set
 *
 * Finds the user of a session. Good ones are remembered for a few seconds; wrong ones count as no
 * failure, as nobody guesses 32 random bytes.
 */
void barua_auth_check_session (BaruaAuth *auth, const char *token, BaruaAuthDone done,
                               gpointer data);

/** Counts a failure that this object did not see (a wrong login token); @name may be %NULL. */
void barua_auth_count_failure (BaruaAuth *auth, const char *address, const char *name);

/** For who is to be answered 429: calls @done with that error, but late, so that guessing on costs
 * the others nothing. */
void barua_auth_refuse_late (BaruaAuth *auth, BaruaAuthDone done, gpointer data);

/** Whether @address or @name (nullable) has failed too often and is to be answered 429. */
gboolean barua_auth_is_limited (BaruaAuth *auth, const char *address, const char *name);

G_END_DECLS
