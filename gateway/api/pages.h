/* SPDX-License-Identifier: MIT */
#pragma once

#include "forms/settings.h"
#include "gateway/http/request.h"

G_BEGIN_DECLS

/**
 * BaruaPage:
 * @body: the file of data/web that goes into the frame
 * @title: key of the heading
 * @message: (nullable): key of what went wrong
 * @user: (nullable): name to be shown
 * @redirect: (nullable): kept for after the login
 * @locale: (nullable): what the form said
 * @is_secret: the address of the page is a secret
 *
 * One of the pages for people; all of them work without script.
 */
typedef struct
{
  const char *body;
  const char *title;
  const char *message;
  const char *user;
  const char *redirect;
  const char *locale;
  gboolean is_secret;
} BaruaPage;

/** Answers with @page in the language of the reader: what the form or the query says, the cookie
 * `locale`, Accept-Language, the settings' own, English. */
void barua_page_reply (BaruaRequest *request, guint status, const BaruaPage *page);

/** (transfer full): a file of the program itself, by its path below /org/barua/ in
 * data/barua.gresource.xml. */
GBytes *barua_page_load (const char *file);

/** Takes files from @folder in place of those of data/web that are compiled in, where it has them; each is read
 * anew for every request. @folder: (nullable): %NULL or empty: none of them. For who works on the pages. */
void barua_pages_use_folder (const char *folder);

/** Answers with a file of data/web that a page loads. */
void barua_page_reply_file (BaruaRequest *request, const char *file, const char *type);

/** Whether @locale may stand in the cookie `locale`: a language code. */
gboolean barua_page_is_locale (const char *locale);

G_END_DECLS
