/* SPDX-License-Identifier: MIT */

/* Pages for people: a frame, a body, and texts in the reader's language. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/pages.h"

#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/http/cookie.h"
#include "gateway/http/query.h"

#include <string.h>

#define RESOURCES "/org/barua/"
#define MAX_LOCALE_BYTES 20u

/* Nothing from elsewhere, no script in the page, in no frame. */
#define POLICY                                                                                     \
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "   \
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/* ---- the language ---- */

gboolean
barua_page_is_locale (const char *locale)
{
  gsize n = locale != NULL ? strlen (locale) : 0;

  if (n == 0 || n > MAX_LOCALE_BYTES)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isalnum (locale[i]) && locale[i] != '-' && locale[i] != '_')
      return FALSE;
  return TRUE;
}

static BaruaText
text_in (const BaruaTexts *texts, BaruaText locale, const char *key)
{
  return barua_texts_lookup (texts, locale, (BaruaText){ NULL, 0 }, barua_text (key));
}

/* The locale as the texts have it: only those are offered that name themselves. */
static BaruaText
find_locale (const BaruaTexts *texts, BaruaText wanted)
{
  for (guint i = 0; i < barua_texts_n_locales (texts); i++)
    {
      BaruaText locale = barua_texts_locale (texts, i);
      if (locale.n == wanted.n && g_ascii_strncasecmp (locale.p, wanted.p, wanted.n) == 0
          && text_in (texts, locale, "login.language").p != NULL)
        return locale;
    }
  return (BaruaText){ NULL, 0 };
}

/* The best language of Accept-Language, which browsers send best first. */
static BaruaText
accepted_locale (const BaruaTexts *texts, const char *accept)
{
  while (accept != NULL && *accept != '\0')
    {
      accept += strspn (accept, " ,");
      gsize tag = strcspn (accept, "-;, ");
      gsize entry = strcspn (accept, ",");
      BaruaText locale = find_locale (texts, (BaruaText){ accept, tag });
      if (locale.p != NULL)
        return locale;
      accept += entry;
    }
  return (BaruaText){ NULL, 0 };
}

/* What the query, the form or the cookie says, in this order. */
static BaruaText
chosen_locale (BaruaRequest *request, const BaruaTexts *texts, const char *in_form)
{
  g_autofree char *cookie = barua_cookie_get (barua_request_header (request, "Cookie"), "locale");
  const char *const chosen[] = { barua_request_query (request, "locale"), in_form, cookie };

  for (gsize i = 0; i < G_N_ELEMENTS (chosen); i++)
    {
      BaruaText locale = chosen[i] != NULL ? find_locale (texts, barua_text (chosen[i]))
                                           : (BaruaText){ NULL, 0 };
      if (locale.p != NULL)
        return locale;
    }
  return (BaruaText){ NULL, 0 };
}

static BaruaText
choose_locale (BaruaRequest *request, const BaruaSettings *settings, const char *in_form)
{
  const BaruaTexts *texts = barua_settings_texts (settings);
  BaruaText locale = chosen_locale (request, texts, in_form);

  if (locale.p == NULL)
    locale = accepted_locale (texts, barua_request_header (request, "Accept-Language"));
  if (locale.p == NULL)
    locale = find_locale (texts, barua_settings_locale (settings));
  return locale.p != NULL ? locale : BARUA_TEXT ("en");
}

/* Whether a language is written from right to left. */
static gboolean
is_rtl (BaruaText locale)
{
  static const char *const codes[] = { "ar", "fa", "he", "ps", "ur" };

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    if (locale.n >= 2 && strncmp (locale.p, codes[i], 2) == 0)
      return TRUE;
  return FALSE;
}

/* ---- filling in ---- */

/* A page while it is made. */
typedef struct
{
  const BaruaPage *page;
  const BaruaTexts *texts;
  BaruaText locale;
  GString *html;
} Writer;

/* Appends text, so that it is nothing but text, in an attribute too. */
static void
append_escaped (GString *html, BaruaText text)
{
  for (gsize i = 0; i < text.n; i++)
    switch (text.p[i])
      {
      case '<':
        g_string_append (html, "&lt;");
        break;
      case '>':
        g_string_append (html, "&gt;");
        break;
      case '&':
        g_string_append (html, "&amp;");
        break;
      case '"':
        g_string_append (html, "&quot;");
        break;
      case '\'':
        g_string_append (html, "&#39;");
        break;
      default:
        g_string_append_c (html, text.p[i]);
      }
}

static void
append_translated (Writer *writer, const char *key)
{
  BaruaText text
      = barua_texts_lookup (writer->texts, writer->locale, BARUA_TEXT ("en"), barua_text (key));

  append_escaped (writer->html, text.p != NULL ? text : barua_text (key));
}

static void
append_title (Writer *writer)
{
  append_translated (writer, writer->page->title);
}

static void
append_message (Writer *writer)
{
  if (writer->page->message == NULL)
    return;
  g_string_append (writer->html, "<p id=\"message\" class=\"message\" role=\"alert\">");
  append_translated (writer, writer->page->message);
  g_string_append (writer->html, "</p>");
}

static void
append_user (Writer *writer)
{
  append_escaped (writer->html, barua_text (writer->page->user));
}

static void
append_redirect (Writer *writer)
{
  append_escaped (writer->html, barua_text (writer->page->redirect));
}

static void
append_locale (Writer *writer)
{
  append_escaped (writer->html, writer->locale);
}

static void
append_direction (Writer *writer)
{
  g_string_append (writer->html, is_rtl (writer->locale) ? "rtl" : "ltr");
}

/* A link to this page in another language. */
static void
append_language (Writer *writer, BaruaText locale)
{
  g_autofree char *redirect
      = writer->page->redirect != NULL ? barua_percent_encode (writer->page->redirect) : NULL;

  g_string_append (writer->html, "<a href=\"?locale=");
  append_escaped (writer->html, locale);
  if (redirect != NULL)
    g_string_append_printf (writer->html, "&amp;redirect=%s", redirect);
  g_string_append_printf (writer->html, "\" hreflang=\"%.*s\" lang=\"%.*s\">", (int)locale.n,
                          locale.p, (int)locale.n, locale.p);
  append_escaped (writer->html, text_in (writer->texts, locale, "login.language"));
  g_string_append (writer->html, "</a>");
}

static void
append_languages (Writer *writer)
{
  for (guint i = 0; i < barua_texts_n_locales (writer->texts); i++)
    {
      BaruaText locale = barua_texts_locale (writer->texts, i);
      BaruaText name = text_in (writer->texts, locale, "login.language");
      g_autofree char *code = g_strndup (locale.p, locale.n);

      if (name.p == NULL || !barua_page_is_locale (code))
        continue;
      g_string_append (writer->html, "<li>");
      if (barua_text_equal (locale, writer->locale))
        {
          g_string_append (writer->html, "<span aria-current=\"true\">");
          append_escaped (writer->html, name);
          g_string_append (writer->html, "</span>");
        }
      else
        append_language (writer, locale);
      g_string_append (writer->html, "</li>\n");
    }
}

/* What `{{name}}` in a file stands for; any other name is the key of a text. */
static const struct
{
  const char *name;
  void (*append) (Writer *writer);
} places[] = {
  { "title", append_title },         { "message", append_message },
  { "user", append_user },           { "redirect", append_redirect },
  { "locale", append_locale },       { "direction", append_direction },
  { "languages", append_languages },
};

static void
fill (Writer *writer, const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    if (strcmp (places[i].name, name) == 0)
      {
        places[i].append (writer);
        return;
      }
  append_translated (writer, name);
}

/* ---- the files ---- */

static char *web_folder; /* NULL: what is compiled in */

void
barua_pages_use_folder (const char *folder)
{
  g_free (web_folder);
  web_folder = folder != NULL && *folder != '\0' ? g_strdup (folder) : NULL;
}

/* (nullable): the file of that name in the folder. Names are ours, never a client's; a link is not
 * followed, so that all that is shown lies in the folder. */
static GBytes *
load_from_folder (const char *name)
{
  g_autofree char *path = g_build_filename (web_folder, name, NULL);
  char *text;
  gsize n;

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR) || g_file_test (path, G_FILE_TEST_IS_SYMLINK)
      || !g_file_get_contents (path, &text, &n, NULL))
    return NULL;
  return g_bytes_new_take (text, n);
}

GBytes *
barua_page_load (const char *file)
{
  GBytes *own = web_folder != NULL && g_str_has_prefix (file, "web/") ? load_from_folder (file + 4)
                                                                      : NULL;
  if (own != NULL)
    return own;

  g_autofree char *path = g_strconcat (RESOURCES, file, NULL);
  GBytes *bytes = g_resources_lookup_data (path, 0, NULL);

  if (bytes == NULL)
    g_error ("%s is not part of this program", path);
  return bytes;
}

/* Appends a file with its places filled in. */
static void
append_file (Writer *writer, const char *file)
{
  g_autofree char *path = g_strconcat ("web/", file, NULL);
  g_autoptr (GBytes) bytes = barua_page_load (path);
  gsize length;
  const char *at = g_bytes_get_data (bytes, &length);
  const char *end = at + length;

  for (;;)
    {
      const char *open = memmem (at, (gsize)(end - at), "{{", 2);
      const char *close = open != NULL ? memmem (open, (gsize)(end - open), "}}", 2) : NULL;
      if (close == NULL)
        break;
      g_string_append_len (writer->html, at, open - at);
      g_autofree char *name = g_strndup (open + 2, (gsize)(close - open - 2));
      fill (writer, name);
      at = close + 2;
    }
  g_string_append_len (writer->html, at, end - at);
}

/* ---- answering ---- */

/* The reader chose a language: the browser keeps it. */
static void
keep_choice (BaruaRequest *request, BaruaText locale)
{
  const char *chosen = barua_request_query (request, "locale");
  g_autofree char *code = g_strndup (locale.p, locale.n);

  if (chosen == NULL || g_ascii_strcasecmp (chosen, code) != 0)
    return;
  g_autofree char *cookie = barua_cookie_for_page ("locale", code, barua_now_ms () / 1000,
                                                   barua_request_is_secure (request));
  barua_request_add_header (request, "Set-Cookie", cookie);
}

void
barua_page_reply (BaruaRequest *request, guint status, const BaruaPage *page)
{
  BaruaSettings *settings = barua_request_settings (request);
  Writer writer = {
    .page = page,
    .texts = barua_settings_texts (settings),
    .locale = choose_locale (request, settings, page->locale),
    .html = g_string_sized_new (8192),
  };

  append_file (&writer, "head.html");
  append_file (&writer, page->body);
  append_file (&writer, "foot.html");
  keep_choice (request, writer.locale);
  barua_request_add_header (request, "Cache-Control", "no-store");
  /* same-origin: with no-referrer a browser would send our own forms with `Origin: null` */
  barua_request_add_header (request, "Referrer-Policy",
                            page->is_secret ? "no-referrer" : "same-origin");
  barua_request_add_header (request, "Content-Security-Policy", POLICY);
  barua_request_add_header (request, "X-Frame-Options", "DENY");
  barua_request_reply (request, status, "text/html; charset=utf-8",
                       g_string_free_to_bytes (writer.html));
}

/* ---- what the pages load ---- */

void
barua_page_reply_file (BaruaRequest *request, const char *file, const char *type)
{
  g_autofree char *path = g_strconcat ("web/", file, NULL);

  barua_request_add_header (request, "Cache-Control",
                            web_folder != NULL ? "no-store" : "max-age=3600");
  barua_request_reply (request, 200, type, barua_page_load (path));
}

void
barua_api_page_style (BaruaRequest *request, gpointer app)
{
  barua_page_reply_file (request, "login.css", "text/css; charset=utf-8");
}

void
barua_api_page_script (BaruaRequest *request, gpointer app)
{
  barua_page_reply_file (request, "login.js", "text/javascript; charset=utf-8");
}
