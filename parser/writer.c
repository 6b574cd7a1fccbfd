/* SPDX-License-Identifier: MIT */

/* The rare half of writing JSON strings: escapes. */

#define G_LOG_DOMAIN "barua-parser"

#include "parser/writer.h"

const char barua_two_digits[201]
    = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546"
      "4748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293"
      "949596979899";

/* Writes the escape of @c, which needs one (RFC 8259, section 7). */
static char *
write_escape (char *out, guchar c)
{
  static const char hex[] = "0123456789abcdef";
  static const char letters[] = { ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"',
                                  ['\\'] = '\\' };

  *out++ = '\\';
  if (letters[c] != '\0')
    {
      *out++ = letters[c];
      return out;
    }
  memcpy (out, "u00", 3);
  out[3] = hex[c >> 4];
  out[4] = hex[c & 15];
  return out + 5;
}

char *
barua_write_escaped (char *out, const char *p, const char *end)
{
  while (p < end)
    {
      out = write_escape (out, (guchar)*p++);
      gsize run = barua_copy_plain (out, p, (gsize)(end - p));
      out += run;
      p += run;
    }
  *out++ = '"';
  return out;
}
