/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/rules/account.h"
#include "gateway/store/store.h"

G_BEGIN_DECLS

/* Users in jobs: made, changed, deleted (users.md 5 to 7). What a request says has been read by
 * gateway/rules/account.h before. */

/**
 * BaruaUserWrite:
 * @input: what is asked for; a phone for a login link is written into it
 * @hash: (nullable): of @input's password
 * @base_url: (nullable): of login links, see barua_token_base_url()
 * @is_admin: who asks has `_admin`: others neither give that role nor touch who has it
 * @is_cookie_only: who asks changes himself and has shown no password (users.md 6.1)
 * @may_create_people: else a `contact` that is an object is refused
 * @may_create_places: likewise
 */
typedef struct
{
  const BaruaSettings *settings;
  BaruaAccountInput *input;
  const char *hash;
  const char *base_url;
  gint64 now_ms;
  gboolean is_admin;
  gboolean is_cookie_only;
  gboolean may_create_people;
  gboolean may_create_places;
} BaruaUserWrite;

/**
 * BaruaUserWritten:
 * @user: in `_users`
 * @user_settings: in the main database; an empty id when there is none
 * @contact_id: (nullable): of the person that the request named or described
 * @token_expires_ms: of the login link, 0 without one
 *
 * What was written. Initialise with {0}, end with barua_user_written_clear(); a job that runs again
 * begins with that.
 */
typedef struct
{
  BaruaWritten user;
  BaruaWritten user_settings;
  char *contact_id;
  char *contact_rev;
  gint64 token_expires_ms;
} BaruaUserWritten;

void barua_user_written_clear (BaruaUserWritten *written);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BaruaUserWritten, barua_user_written_clear)

/**
 * barua_user_create:
 * @write: read by barua_account_input_read_new(), hashed
 * @error: a #BaruaAccountError, a #BaruaContactsError, or of the store; the job must fail
 *
 * Makes place, person, both documents of the user, the account and the login link: users.md 5.2
 * from no. 6 on, and 5.3.
 */
gboolean barua_user_create (BaruaTx *tx, const BaruaUserWrite *write, BaruaUserWritten *written,
                            GError **error);

/** Changes a user: users.md 6.2. A new password ends the sessions. After the commit call
 * barua_auth_forget(). */
gboolean barua_user_change (BaruaTx *tx, const char *name, const BaruaUserWrite *write,
                            BaruaUserWritten *written, GError **error);

/** Deletes a user: users.md 7. Likewise. */
gboolean barua_user_delete (BaruaTx *tx, const char *name, gboolean is_admin, gint64 now_ms,
                            BaruaUserWritten *written, GError **error);

/** Gives the account another password and ends its sessions; `Failed to find user.` when there is
 * none. Likewise. */
gboolean barua_user_set_password (BaruaTx *tx, const char *name, const char *hash, GError **error);

G_END_DECLS
