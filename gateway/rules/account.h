/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/rules/users.h"

G_BEGIN_DECLS

/* Accounts: what a request may say of one, and the two documents that keep it (users.md 1, 3, 5,
 * 6).  Pure. */

#define BARUA_ACCOUNT_ERROR (barua_account_error_quark ())
GQuark barua_account_error_quark (void);

/**
 * BaruaAccountError:
 * @BARUA_ACCOUNT_ERROR_REFUSED: 400; the message is the JSON object that clients get as `error`
 * @BARUA_ACCOUNT_ERROR_FIELDS: the same for missing members; in arrays clients get the text alone
 *   (users.md 5.4)
 * @BARUA_ACCOUNT_ERROR_PLAIN: 400; the message is the text
 * @BARUA_ACCOUNT_ERROR_FORBIDDEN: 403; the message is the text
 * @BARUA_ACCOUNT_ERROR_NOT_FOUND: 404; the message is the text
 * @BARUA_ACCOUNT_ERROR_TAKEN: 409
 */
typedef enum
{
  BARUA_ACCOUNT_ERROR_REFUSED,
  BARUA_ACCOUNT_ERROR_FIELDS,
  BARUA_ACCOUNT_ERROR_PLAIN,
  BARUA_ACCOUNT_ERROR_FORBIDDEN,
  BARUA_ACCOUNT_ERROR_NOT_FOUND,
  BARUA_ACCOUNT_ERROR_TAKEN,
} BaruaAccountError;

/**
 * BaruaAccountFault:
 *
 * What is told with a translation key (users.md 5.2, 6.2).
 */
typedef enum
{
  BARUA_ACCOUNT_FAULT_FIELDS, /* detail: the names */
  BARUA_ACCOUNT_FAULT_PHONE,
  BARUA_ACCOUNT_FAULT_PASSWORD_SHORT,
  BARUA_ACCOUNT_FAULT_PASSWORD_WEAK,
  BARUA_ACCOUNT_FAULT_USERNAME,
  BARUA_ACCOUNT_FAULT_CONTACT_TYPE,
  BARUA_ACCOUNT_FAULT_CONTACT_PLACE,
  BARUA_ACCOUNT_FAULT_NO_FIELD,
  BARUA_ACCOUNT_FAULT_OFFLINE_FIELD, /* detail: `Place` or `Contact` */
  BARUA_ACCOUNT_FAULT_PASSWORD_NEEDED,
  BARUA_ACCOUNT_N_FAULTS
} BaruaAccountFault;

/** Sets the error of a row. @detail: (nullable): see #BaruaAccountFault. Returns: %FALSE */
gboolean barua_account_refuse (GError **error, BaruaAccountFault fault, const char *detail);

/* Passwords and names */

/** Least length of a password, in UTF-16 units (users.md 5.2 no. 3). */
#define BARUA_PASSWORD_MIN_LENGTH 8

/** Least score (users.md 5.2 no. 4). */
#define BARUA_PASSWORD_MIN_SCORE 50

/** The score of users.md 5.2: length, different characters, kinds. */
guint barua_password_score (const char *password);

/** users.md 5.2 nos. 3 and 4, unless `users.password_rules` switches them off. @password:
 * (nullable): %NULL for one that is no usable text. */
gboolean barua_password_check (const BaruaSettings *settings, const char *password,
                               GError **error);

/** Whether @name is made of `a-z0-9_-` only. */
gboolean barua_account_name_is_valid (const char *name);

/* Roles */

/** The bookkeeping role of online users (users.md 1). */
#define BARUA_ROLE_ONLINE "mm-online"

/** (transfer full) (array zero-terminated=1): the roles that a `type` stands for. */
char **barua_account_roles_of_type (const char *type);

/**
 * barua_account_roles_to_store:
 * @roles: (array zero-terminated=1)
 *
 * Each role once, with `mm-online` at the end for users that are online by @settings, and without it
 * for others.
 *
 * Returns: (transfer full) (array zero-terminated=1)
 */
char **barua_account_roles_to_store (BaruaJson settings, const char *const *roles);

/** (transfer full) (array zero-terminated=1): the texts in `roles` of a user document. */
char **barua_account_roles_of (BaruaJson user);

/* Requests */

/**
 * BaruaAccountInput:
 * @body: the object received; borrowed
 * @username: (nullable): of a new account
 * @password: (nullable): to be set; %NULL also when one was given that token login makes needless
 * @roles: (nullable) (array zero-terminated=1): as they will be stored; %NULL: not given
 * @is_offline: by @roles
 * @wish: what `token_login` says
 * @is_token_enabled: token login is switched on in the settings
 * @phone: normalised, once it is known that it gets a login link; else empty
 * @language: (nullable): the bare code
 *
 * One user as a request describes it, checked as far as that goes without the store. Initialise
 * with {0}, end with barua_account_input_clear().
 */
typedef struct
{
  BaruaJson body;
  char *username;
  char *password;
  char **roles;
  gboolean is_offline;
  BaruaTokenWish wish;
  gboolean is_token_enabled;
  char phone[BARUA_PHONE_SIZE];
  char *language;
} BaruaAccountInput;

/** Overwrites the password. */
void barua_account_input_clear (BaruaAccountInput *input);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaAccountInput, barua_account_input_clear)

/** Reads and checks a user to be created: users.md 5.2 nos. 1 to 5. @input is to be cleared in any
 * case. */
gboolean barua_account_input_read_new (const BaruaSettings *settings, BaruaJson body,
                                       BaruaAccountInput *input, GError **error);

/** Takes `username`: users.md 5.2 no. 5. A part of barua_account_input_read_new(). */
gboolean barua_account_input_take_name (BaruaAccountInput *input, GError **error);

/** Reads and checks the change of a user: the rows of users.md 6.2 that need no account. @input is
 * to be cleared in any case. */
gboolean barua_account_input_read_change (const BaruaSettings *settings, BaruaJson body,
                                          BaruaAccountInput *input, GError **error);

/**
 * barua_account_input_take_phone:
 * @before: the settings document as stored
 *
 * For a change that makes a login link: the phone that was given, else the stored one, must be
 * good (users.md 6.2).
 */
gboolean barua_account_input_take_phone (const BaruaSettings *settings, BaruaAccountInput *input,
                                         BaruaJson before, GError **error);

/** Whether a user may change about himself what @body says: users.md 6.1 no. 5. */
gboolean barua_account_is_self_change (BaruaJson body);

/* Documents */

#define BARUA_USER_ID_PREFIX "org.couchdb.user:"

/**
 * BaruaAccountLinks:
 * @facility: (nullable): id of the place; absent: stays as it is
 * @contact: (nullable): id of the person; absent: stays as it is
 * @drops_facility: the link to the place is taken away
 * @drops_contact: likewise
 *
 * Where a user belongs.
 */
typedef struct
{
  BaruaText facility;
  BaruaText contact;
  gboolean drops_facility;
  gboolean drops_contact;
} BaruaAccountLinks;

/**
 * barua_account_append_user:
 * @before: the document as stored; absent for a new one
 * @name: of the account
 *
 * Appends the document of `_users` (users.md 3): no secrets are in it.
 */
void barua_account_append_user (GString *out, BaruaJson before, const char *name,
                                const BaruaAccountInput *input, const BaruaAccountLinks *links);

/** The same for the document in the main database. */
void barua_account_append_settings (GString *out, BaruaJson before, const char *name,
                                    const BaruaAccountInput *input, const BaruaAccountLinks *links);

/** Appends the settings document of a deleted user. */
void barua_account_append_inactive (GString *out, BaruaJson before, gint64 now_ms);

G_END_DECLS
