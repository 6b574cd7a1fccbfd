/* SPDX-License-Identifier: MIT */

/* Any bytes as the head of a request: what we take for one that leaves nothing to be interpreted,
 * libsoup reads as the same. */

#include "gateway/http/head.h"

#include <libsoup/soup.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
demand (gboolean is_so)
{
  if (!is_so)
    abort ();
}

/* Whether a text of ours is libsoup's. */
static gboolean
is_same (BaruaText ours, const char *theirs)
{
  return theirs != NULL && barua_text_equal (ours, barua_text (theirs));
}

/* The end of a head is the same however its bytes come; what is read of one without is within it. */
static void
look_at_part (const char *bytes, size_t size)
{
  gsize from = 0, from_piece = 0, found = 0;
  BaruaHead head;

  const gsize end = barua_head_end (bytes, size, &from);
  demand (end <= size && from <= size);
  for (gsize n = 0; n <= size && found == 0; n++)
    found = barua_head_end (bytes, n, &from_piece);
  demand (found == end);
  barua_head_read_part (bytes, size, &head);
  BaruaHeadCopy *copy = barua_head_copy (&head);
  demand (is_same (head.method, barua_head_copy_method (copy)));
  demand (is_same (head.path, barua_head_copy_path (copy)) && *barua_head_copy_path (copy) == '/');
  barua_head_copy_free (copy);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *exact = g_memdup2 (data, size > 0 ? size : 1); /* so that reading beyond the end is seen */
  g_autofree char *method = NULL, *path = NULL;
  SoupHTTPVersion version = SOUP_HTTP_1_0;
  BaruaHead head;

  if (exact != NULL)
    look_at_part (exact, size);
  const BaruaHeadKind kind = exact != NULL ? barua_head_read (exact, size, &head) : BARUA_HEAD_OTHER;
  if (kind == BARUA_HEAD_OTHER)
    return 0;
  demand (head.length <= size && memcmp (exact + head.length - 4, "\r\n\r\n", 4) == 0);
  SoupMessageHeaders *headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  demand (soup_headers_parse_request (exact, (int)head.length - 2, headers, &method, &path, &version) == 200);
  demand (version == SOUP_HTTP_1_1 && is_same (head.method, method) && is_same (head.path, path));
  BaruaHeadCopy *copy = barua_head_copy (&head);
  demand (is_same (head.path, barua_head_copy_path (copy)));
  for (guint i = 0; i < head.n_fields; i++)
    {
      g_autofree char *name = g_strndup (head.names[i].p, head.names[i].n);
      demand (is_same (head.values[i], soup_message_headers_get_list (headers, name)));
      demand (is_same (head.values[i], barua_head_copy_get (copy, name)));
    }
  demand ((guint64)soup_message_headers_get_content_length (headers) == head.body_length);
  demand (kind != BARUA_HEAD_PLAIN || (strcmp (method, "GET") == 0) == (soup_message_headers_get_one (headers, "Content-Length") == NULL));
  barua_head_copy_free (copy);
  soup_message_headers_unref (headers);
  return 0;
}
