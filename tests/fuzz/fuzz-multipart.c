/* SPDX-License-Identifier: MIT */

/* Any header line, then any body behind it: the parts lie in the body, in its order, and none of
 * them contains what stands between parts. */

#include "gateway/http/multipart.h"

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

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *line_end = size > 0 ? memchr (data, '\n', size) : NULL;

  if (line_end == NULL || memchr (data, '\0', (size_t)(line_end - data)) != NULL)
    return 0;
  g_autofree char *type = g_strndup ((const char *)data, (size_t)(line_end - data));
  const size_t n = size - (size_t)(line_end - data) - 1;
  g_autofree char *exact = g_memdup2 (line_end + 1, n); /* so that reading beyond the end is seen */
  g_autoptr (GArray) parts = barua_multipart_split ((BaruaText){ exact, n }, type);
  const char *at = exact;

  for (guint i = 0; parts != NULL && i < parts->len; i++)
    {
      const BaruaText bytes = g_array_index (parts, BaruaPart, i).bytes;
      demand (bytes.p >= at && bytes.n <= n && bytes.p + bytes.n <= exact + n);
      at = bytes.p + bytes.n;
      demand (!g_str_has_prefix (type, ";boundary=b;") || memmem (bytes.p, bytes.n, "\n--b\n", 5) == NULL);
    }
  demand (parts == NULL || (parts->len > 0 && parts->len <= BARUA_MULTIPART_MAX_PARTS));
  return 0;
}
