/* SPDX-License-Identifier: MIT */

/* What a log may show of a text. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/log-mask.h"

#include <string.h>

#define MIN_NUMBER_DIGITS 7 /* a subscriber's number without its area */
#define MIN_PARTED_DIGITS 9 /* with blanks or dashes: a date has eight */
#define MAX_NUMBER_DIGITS 15 /* ITU-T E.164, 6.1; more digits in a row are taken along */
#define SHOWN_DIGITS 3
#define TOKEN_CHARS 40 /* a token of ours has 43 or 64; an id or a revision has fewer */
#define STARS "***"

/* What is followed by a secret after '=' or, in JSON, after ':'; in lower case. */
static const struct
{
  const char *name;
  gboolean is_header; /* also after a bare ':', which words of our own messages may have */
} secret_names[] = { { "password", TRUE }, { "passwd", TRUE },    { "authorization", TRUE },
                     { "cookie", TRUE },   { "authsession", TRUE }, { "api-key", TRUE },
                     { "apikey", TRUE },   { "api_key", TRUE },     { "token", FALSE },
                     { "secret", FALSE },  { "key", FALSE },        { "startkey", FALSE },
                     { "endkey", FALSE },  { "keys", FALSE },       { "phone", FALSE } };

/* Words between the name and the secret. */
static const char *const schemes[] = { "basic", "bearer", "token" };

/* A text on its way into a log. */
typedef struct
{
  const char *at;
  const char *end;
  const char *run_end;     /* a run of token characters ends here that is too short for a token */
  const char *no_query_before; /* a '?' before this begins no query */
  gboolean is_in_word;     /* the last character was a letter or a digit */
  char *out;
  gsize n;
  gsize size;
} Masking;

/* Appends bytes if all of them fit. */
static void
append (Masking *m, const char *bytes, gsize n)
{
  if (m->n + n >= m->size)
    {
      m->size = m->n + 1; /* full: nothing shorter goes behind what was left out */
      return;
    }
  memcpy (m->out + m->n, bytes, n);
  m->n += n;
}

/* The character at @p and its length; a byte that is no UTF-8 stands for itself. */
static gunichar
character_at (const char *p, const char *end, gsize *length)
{
  const gunichar c = g_utf8_get_char_validated (p, end - p);

  if (c == (gunichar)-1 || c == (gunichar)-2)
    {
      *length = 1;
      return 0xfffd;
    }
  *length = (gsize)g_unichar_to_utf8 (c, NULL);
  return c;
}

static gboolean
is_token_char (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '_';
}

/* Where a value ends that stands bare. */
static gboolean
ends_value (char c)
{
  return g_ascii_isspace (c) || strchr ("\"'&,;}", c) != NULL;
}

/* Passes over a run as long as a token. */
static gboolean
mask_token (Masking *m)
{
  const char *p = m->at;

  if (m->at < m->run_end)
    return FALSE;
  while (p < m->end && is_token_char (*p))
    p++;
  m->run_end = p;
  if (p - m->at < TOKEN_CHARS)
    return FALSE;
  append (m, STARS, 3);
  m->at = p;
  return TRUE;
}

/* Whether the word at @p is @word, in any case; it may be a part of a longer one. */
static gboolean
has_word (const char *p, const char *end, const char *word)
{
  const gsize n = strlen (word);

  return (gsize)(end - p) >= n && g_ascii_strncasecmp (p, word, n) == 0;
}

/* The end of the secret at @p, which may stand in quotation marks and behind the word of a scheme. */
static const char *
pass_secret (const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\\'))
    p++;
  if (p < end && *p == '"')
    {
      for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
          p++;
      return p;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      const char *after = p + strlen (schemes[i]);
      if (has_word (p, end, schemes[i]) && after < end && *after == ' ')
        {
          p = after + 1;
          break;
        }
    }
  while (p < end && !ends_value (*p))
    p++;
  return p;
}

/* Passes over `name=secret`, `name: secret` and `"name":"secret"`. */
static gboolean
mask_secret (Masking *m)
{
  for (gsize i = 0; i < G_N_ELEMENTS (secret_names); i++)
    {
      const char *const end = m->at + strlen (secret_names[i].name);
      const char *p = end;
      if (!has_word (m->at, m->end, secret_names[i].name))
        continue;
      while (p < m->end && (*p == '"' || *p == '\\'))
        p++;
      if (p >= m->end || (*p != '=' && *p != ':')
          || (*p == ':' && p == end && !secret_names[i].is_header))
        continue;
      append (m, m->at, (gsize)(p + 1 - m->at));
      append (m, STARS, 3);
      m->at = pass_secret (p + 1, m->end);
      return TRUE;
    }
  return FALSE;
}

/* Passes over what follows the '?' of a URL. */
static gboolean
mask_query (Masking *m)
{
  gboolean has_value = FALSE;
  const char *p = m->at + 1;

  if (m->at < m->no_query_before)
    return FALSE;
  for (; p < m->end && !g_ascii_isspace (*p) && *p != '"'; p++)
    has_value = has_value || *p == '=';
  m->no_query_before = p;
  if (!has_value)
    return FALSE;
  append (m, "?" STARS, 4);
  m->at = p;
  return TRUE;
}

/* Passes over the token of a login link. */
static gboolean
mask_link (Masking *m)
{
  static const char part[] = "/token/";

  if (!has_word (m->at, m->end, part))
    return FALSE;
  append (m, part, sizeof part - 1);
  append (m, STARS, 3);
  m->at += sizeof part - 1;
  while (m->at < m->end && !ends_value (*m->at) && *m->at != '/' && *m->at != '?')
    m->at++;
  return TRUE;
}

/* Passes over digits, and says where the last three of them begin. */
static const char *
pass_digits (const char *p, const char *end, gboolean may_be_parted, guint *n_digits,
             const char *last[SHOWN_DIGITS])
{
  while (p < end)
    {
      gsize length, next_length;
      const gunichar c = character_at (p, end, &length);
      if (g_unichar_isdigit (c))
        {
          last[*n_digits % SHOWN_DIGITS] = p;
          ++*n_digits;
        }
      else if (!may_be_parted || *n_digits >= MAX_NUMBER_DIGITS || (c != ' ' && c != '-' && c != 0xa0)
               || p + length >= end
               || !g_unichar_isdigit (character_at (p + length, end, &next_length)))
        return p;
      p += length;
    }
  return p;
}

/* Passes over a number that may be that of a phone; a shorter one is kept as it is. */
static gboolean
mask_number (Masking *m)
{
  const char *last[SHOWN_DIGITS] = { NULL };
  const gboolean has_plus = *m->at == '+';
  const char *begin = m->at + (has_plus ? 1 : 0);
  guint n_digits = 0;
  gsize length;

  if (begin >= m->end || !g_unichar_isdigit (character_at (begin, m->end, &length)))
    return FALSE;
  const gboolean is_dialled = has_plus || *begin == '0';
  const char *p = pass_digits (begin, m->end, TRUE, &n_digits, last);
  if (n_digits < (is_dialled ? MIN_NUMBER_DIGITS : MIN_PARTED_DIGITS))
    {
      n_digits = 0;
      p = pass_digits (begin, m->end, FALSE, &n_digits, last);
    }
  if (n_digits >= MIN_NUMBER_DIGITS)
    {
      append (m, STARS, 3);
      for (guint i = 0; i < SHOWN_DIGITS; i++)
        {
          const char *digit = last[(n_digits + i) % SHOWN_DIGITS];
          character_at (digit, m->end, &length);
          append (m, digit, length);
        }
      m->at = p;
      return TRUE;
    }
  append (m, m->at, (gsize)(p - m->at));
  m->at = p;
  return TRUE;
}

/* Copies one character. */
static void
copy (Masking *m)
{
  gsize length;
  const gunichar c = character_at (m->at, m->end, &length);

  if (c == 0xfffd || g_unichar_iscntrl (c) || c == 0x2028 || c == 0x2029)
    append (m, "?", 1);
  else
    append (m, m->at, length);
  m->at += length;
}

gsize
barua_log_mask (BaruaText text, char *out, gsize size)
{
  Masking m = { .at = text.p, .end = text.p + text.n, .out = out, .size = size };

  g_return_val_if_fail (size > 0, 0);
  m.run_end = m.no_query_before = m.at;
  while (m.at < m.end)
    {
      const char c = *m.at;
      const gboolean was_in_word = m.is_in_word;
      m.is_in_word = g_ascii_isalnum (c);
      if (is_token_char (c) && mask_token (&m))
        continue;
      if (!was_in_word && g_ascii_isalpha (c) && mask_secret (&m))
        continue;
      if ((c == '?' && mask_query (&m)) || (c == '/' && mask_link (&m)))
        continue;
      if (!mask_number (&m))
        copy (&m);
    }
  out[m.n] = '\0';
  return m.n;
}
