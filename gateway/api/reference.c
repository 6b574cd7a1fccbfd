/* SPDX-License-Identifier: MIT */

/* /api/openapi.json and /api/docs: the description of this interface, made when the program is
 * built (data/reference.py) and sent as it lies. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/document-common.h"
#include "gateway/api/handlers.h"
#include "gateway/api/pages.h"

#define TAG_DIGITS 32 /* of a SHA-256: enough to tell two builds apart */

/* A file in one coding, and its strong validator, which another coding must not share (RFC 9110,
 * 8.8.3.3). */
typedef struct
{
  GBytes *bytes;
  char *etag;
} Form;

/* A file as it is sent; read once, in the main thread, and kept. */
typedef struct
{
  const char *plain_file;
  const char *gzip_file;
  const char *type;
  Form plain;
  Form gzip;
} File;

static File description
    = { "reference/openapi.json", "reference/openapi.json.gz", "application/json; charset=utf-8" };
static File page = { "reference/docs.html", "reference/docs.html.gz", "text/html; charset=utf-8" };

static void
read_form (Form *form, const char *file)
{
  if (form->bytes != NULL)
    return;
  form->bytes = barua_page_load (file);
  g_autofree char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, form->bytes);
  form->etag = g_strdup_printf ("\"%.*s\"", TAG_DIGITS, digest);
}

/* Sends a file, or 304 to a client that has it. */
static void
reply (BaruaRequest *request, File *file)
{
  const gboolean is_gzip = barua_request_takes_gzip (request);
  Form *form = is_gzip ? &file->gzip : &file->plain;

  read_form (form, is_gzip ? file->gzip_file : file->plain_file);
  barua_request_add_header (request, "ETag", form->etag);
  barua_request_add_header (request, "Cache-Control", "no-cache"); /* a new build says new things */
  if (barua_request_knows_etag (request, form->etag))
    {
      barua_request_add_header (request, "Vary", "Accept-Encoding");
      barua_request_reply (request, 304, NULL, NULL);
      return;
    }
  if (is_gzip)
    barua_request_add_header (request, "Content-Encoding", "gzip");
  barua_request_reply (request, 200, file->type, g_bytes_ref (form->bytes));
}

void
barua_api_openapi (BaruaRequest *request, gpointer app)
{
  /* tools that run in pages of other origins read it too: there is no secret in it */
  barua_request_add_header (request, "Access-Control-Allow-Origin", "*");
  reply (request, &description);
}

void
barua_api_docs (BaruaRequest *request, gpointer app)
{
  static char *policy;

  if (policy == NULL)
    {
      g_autoptr (GBytes) bytes = barua_page_load ("reference/docs.csp");
      policy = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    }
  barua_request_add_header (request, "Content-Security-Policy", policy);
  barua_request_add_header (request, "Referrer-Policy", "no-referrer");
  reply (request, &page);
}
