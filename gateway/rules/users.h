/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/lookup.h"
#include "gateway/rules/mask.h"

G_BEGIN_DECLS

/* "Login by SMS" (users.md 8): what is decided and what is written.  The storage side is in
 * gateway/api/token-login.h. */

/**
 * BaruaTokenWish:
 *
 * What a request says in its member `token_login` (users.md 8.2).
 */
typedef enum
{
  BARUA_TOKEN_WISH_NONE,
  BARUA_TOKEN_WISH_ON,
  BARUA_TOKEN_WISH_OFF,
} BaruaTokenWish;

/** Any true value (as JavaScript sees it) switches on, only the boolean `false` switches off. */
BaruaTokenWish barua_token_wish (BaruaJson token_login);

/**
 * BaruaTokenUser:
 *
 * Whom it is about: %BARUA_TOKEN_USER_WITH has a `token_login` record in the user document, also a
 * used or expired one.
 */
typedef enum
{
  BARUA_TOKEN_USER_NEW,
  BARUA_TOKEN_USER_WITHOUT,
  BARUA_TOKEN_USER_WITH,
} BaruaTokenUser;

/**
 * BaruaTokenAction:
 * @BARUA_TOKEN_ISSUE: barua_token_login_issue(): token, two SMS; a given password is ignored; a
 *   valid phone is needed (users.md 5.2 no. 2)
 * @BARUA_TOKEN_REMOVE: barua_token_login_remove(), after the new password was set
 * @BARUA_TOKEN_NEEDS_PASSWORD: without `password` in the request it is refused (users.md 6.2)
 *
 * What is to be done, as bits.
 */
typedef enum
{
  BARUA_TOKEN_NOTHING = 0,
  BARUA_TOKEN_ISSUE = 1 << 0,
  BARUA_TOKEN_REMOVE = 1 << 1,
  BARUA_TOKEN_NEEDS_PASSWORD = 1 << 2,
} BaruaTokenAction;

/** The table of users.md 8.2. @is_enabled: barua_token_login_is_enabled(). */
BaruaTokenAction barua_token_action (BaruaTokenWish wish, BaruaTokenUser user, gboolean is_enabled);

/** Whether `token_login.enabled` is set. */
gboolean barua_token_login_is_enabled (const BaruaSettings *settings);

/** Characters of a token, of `[A-Za-z0-9]` (users.md 8.3). */
#define BARUA_TOKEN_LENGTH 64
#define BARUA_TOKEN_HASH_BYTES 32

/** How long a token is good: 24 hours (users.md 8.3). */
#define BARUA_TOKEN_LIFETIME_MS G_GINT64_CONSTANT (86400000)

/** Makes a token with the kernel's random source, every character equally likely. */
void barua_token_new (char token[BARUA_TOKEN_LENGTH + 1]);

/** The SHA-256 of a token: all that is kept of it. @token may be any text. */
void barua_token_hash (const char *token, guint8 hash[BARUA_TOKEN_HASH_BYTES]);

/** `token:login:` and 32 hex digits, with the NUL. */
#define BARUA_TOKEN_DOCUMENT_ID_SIZE (12 + 32 + 1)

/** The id of the document with the two SMS of a token (users.md 10 no. 1). */
void barua_token_document_id (const guint8 hash[BARUA_TOKEN_HASH_BYTES],
                              char id[BARUA_TOKEN_DOCUMENT_ID_SIZE]);

/**
 * BaruaTokenMessages:
 * @user_id: `org.couchdb.user:jo`
 * @to: E.164
 * @user: the user document
 * @user_settings: the user settings document; @user overlays it as the context of the helper text
 * @base_url: of the link, without a slash at its end
 * @token: goes into the link and nowhere else
 * @expires_ms: of the token; the two messages are `valid_until` then (messaging.md 4.3)
 *
 * What the two SMS are made of.
 */
typedef struct
{
  BaruaText user_id;
  BaruaText to;
  BaruaJson user;
  BaruaJson user_settings;
  const char *base_url;
  const char *token;
  gint64 now_ms;
  gint64 expires_ms;
} BaruaTokenMessages;

/**
 * barua_token_document:
 * @lookup: for the repeat rule, which the helper text obeys and the link does not
 * @body: the document of users.md 8.4 is appended
 * @error: of @lookup
 *
 * Writes the document with the helper text, then the link.
 */
gboolean barua_token_document (const BaruaSettings *settings, const BaruaTokenMessages *messages,
                               const BaruaLookup *lookup, GString *body, GError **error);

/** Whether a document is one with login messages: type `login_token`, or the original's
 * `token_login`. */
gboolean barua_token_document_is (BaruaJson document);

/**
 * barua_token_document_clear:
 * @body: a stored document with login messages
 * @out: receives the new document when %TRUE is returned
 *
 * Sets what no phone has confirmed, `pending` and `forwarded-to-gateway`, to `cleared` (users.md
 * 8.4), and masks the link whatever its state (10 no. 2).
 */
gboolean barua_token_document_clear (BaruaText body, gint64 now_ms, GString *out);

G_END_DECLS
