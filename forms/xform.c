/* SPDX-License-Identifier: MIT */

/* Reads an XForm with libxml2: one pass, no tree.  A module of its own: see xform-module.c. */

#define G_LOG_DOMAIN "barua-forms"

#include "forms/xform.h"

#include <libxml/parser.h>
#include <string.h>

/* Elements within elements; as deep as JSON may be. */
#define MAX_DEPTH 200

/* libxml2 compares each attribute of a tag with those before it. */
#define MAX_ATTRIBUTES 200

/* Bytes of a start tag, and of a title. */
#define MAX_PIECE_BYTES (64 * 1024)

/* Of what libxml2 says about a fault; it quotes names, which may be long. */
#define MAX_REASON_BYTES 400

/* Bytes given to the parser at a time. */
#define CHUNK_BYTES (16 * 1024)

static const char *const title_path[] = { "h:html", "h:head", "h:title" };
static const char *const instance_path[] = { "h:html", "h:head", "model", "instance" };

/* How far the open elements are those of a path: the first @matched of them. */
typedef struct
{
  const char *const *names;
  guint n_names;
  guint matched;
} Path;

typedef struct
{
  xmlParserCtxt *parser;
  BaruaXForm *xform;
  Path title_at;
  Path instance_at;
  guint depth; /* open elements */
  GString *title;
  gboolean has_root;     /* an element was entered */
  gboolean has_title;    /* it is complete */
  gboolean has_instance; /* the first one was entered */
  gboolean is_done;      /* its first child was seen, or it ended */
  char *fault;
} Reading;

/* Stops with the first fault. */
static void
stop (Reading *reading, const char *reason)
{
  if (reading->fault == NULL)
    reading->fault
        = g_strdup_printf ("line %d, column %d: %s", xmlSAX2GetLineNumber (reading->parser),
                           xmlSAX2GetColumnNumber (reading->parser), reason);
  xmlStopParser (reading->parser);
}

static void
path_enter (Path *path, guint depth, const char *name)
{
  if (path->matched == depth && depth < path->n_names && strcmp (path->names[depth], name) == 0)
    path->matched++;
}

/* Whether the innermost of @depth open elements is the one that the path names. */
static gboolean
path_is_at (const Path *path, guint depth)
{
  return path->matched == path->n_names && depth == path->n_names;
}

static gboolean
has_text (const xmlChar *value)
{
  return value != NULL && *value != '\0';
}

/* The first child of the first instance. */
static void
take_instance (Reading *reading, const xmlChar *name, const xmlChar **attributes)
{
  BaruaXForm *xform = reading->xform;
  const xmlChar *id = NULL, *version = NULL;

  for (guint i = 0; attributes != NULL && attributes[i] != NULL; i += 2)
    if (xmlStrEqual (attributes[i], BAD_CAST "id"))
      id = attributes[i + 1];
    else if (xmlStrEqual (attributes[i], BAD_CAST "version"))
      version = attributes[i + 1];
  xform->has_instance = TRUE;
  xform->has_id = has_text (id);
  xform->form_id = g_strdup ((const char *)(xform->has_id ? id : name));
  if (has_text (version))
    xform->version = g_strdup ((const char *)version);
  reading->is_done = TRUE;
}

/* A text node ends where anything else begins. */
static void
end_text (Reading *reading)
{
  reading->has_title = reading->title->len > 0;
}

static void
start_element (void *data, const xmlChar *name, const xmlChar **attributes)
{
  Reading *reading = data;
  guint n = 0;

  end_text (reading);
  while (attributes != NULL && attributes[n] != NULL)
    n += 2;
  if (reading->depth >= MAX_DEPTH)
    stop (reading, "elements are nested too deeply");
  else if (n / 2 > MAX_ATTRIBUTES)
    stop (reading, "a tag has too many attributes");
  else
    {
      if (path_is_at (&reading->instance_at, reading->depth) && !reading->is_done)
        take_instance (reading, name, attributes);
      reading->has_root = TRUE;
      path_enter (&reading->title_at, reading->depth, (const char *)name);
      path_enter (&reading->instance_at, reading->depth, (const char *)name);
      reading->depth++;
    }
}

static void
end_element (void *data, const xmlChar *name)
{
  Reading *reading = data;

  end_text (reading);
  if (path_is_at (&reading->instance_at, reading->depth))
    reading->is_done = TRUE;
  reading->depth--;
  reading->title_at.matched = MIN (reading->title_at.matched, reading->depth);
  reading->instance_at.matched = MIN (reading->instance_at.matched, reading->depth);
}

static void
characters (void *data, const xmlChar *text, int length)
{
  Reading *reading = data;

  if (reading->has_title || !path_is_at (&reading->title_at, reading->depth))
    return;
  if (reading->title->len + (gsize)length > MAX_PIECE_BYTES)
    stop (reading, "the title is too long");
  else
    g_string_append_len (reading->title, (const char *)text, length);
}

static void
comment (void *data, const xmlChar *text)
{
  end_text (data);
}

static void
processing_instruction (void *data, const xmlChar *target, const xmlChar *text)
{
  end_text (data);
}

/* Comes before anything of the declaration is read. */
static void
internal_subset (void *data, const xmlChar *name, const xmlChar *public_id,
                 const xmlChar *system_id)
{
  stop (data, "a document type declaration is not allowed");
}

/* The first error that ends a document counts; later ones follow from it. */
static void
note_error (void *data, const char *format, ...)
{
  Reading *reading = data;
  const xmlError *error = &reading->parser->lastError;

  if (reading->fault != NULL || error->level < XML_ERR_FATAL)
    return;
  const char *message = error->message != NULL ? error->message : "not well-formed";
  /* libxml2 calls all of these "Extra content at the end" */
  if (error->code == XML_ERR_DOCUMENT_END && reading->depth > 0)
    message = "the document ends inside an element";
  else if (error->code == XML_ERR_DOCUMENT_END && !reading->has_root)
    message = "the document ends before its first element does";
  g_autofree char *reason = g_utf8_make_valid (message, -1);
  char *unknown = strstr (reason, " line 0 and "); /* where the tag began; it is not kept for us */
  if (unknown != NULL)
    memmove (unknown, unknown + strlen (" line 0"), strlen (unknown + strlen (" line 0")) + 1);
  if (strlen (reason) > MAX_REASON_BYTES)
    *g_utf8_find_prev_char (reason, reason + MAX_REASON_BYTES) = '\0';
  g_strdelimit (g_strchomp (reason), "\r\n", ' ');
  reading->fault = g_strdup_printf ("line %d, column %d: %s", error->line, error->int2, reason);
}

/* What libxml2 has to say besides. */
static void
ignore (void *data, const char *format, ...)
{
}

/* The first version of this interface, without namespaces: names come as they are written. */
static const xmlSAXHandler handler = {
  .initialized = 1,
  .internalSubset = internal_subset,
  .startElement = start_element,
  .endElement = end_element,
  .characters = characters,
  .cdataBlock = characters,
  .comment = comment,
  .processingInstruction = processing_instruction,
  .warning = ignore,
  .error = note_error,
  .fatalError = note_error,
};

/* What is wrong with a piece whose end has not come yet; NULL when nothing is. */
static const char *
fault_of_rest (const xmlParserCtxt *parser)
{
  const xmlParserInput *input = parser->input;
  if (input == NULL || input->cur == NULL || input->cur[0] != '<')
    return NULL;

  gsize n = (gsize)(input->end - input->cur);
  if (input->cur[1] != '!' && input->cur[1] != '?')
    return n > MAX_PIECE_BYTES ? "a tag is too long" : NULL;
  if (n < 7 || memcmp (input->cur, "<!--", 4) != 0)
    return NULL;
  /* libxml2 copies the whole comment for each of them; four bytes at most come from one */
  const xmlChar *from = input->cur + 4 + (n - 4 > 4 * CHUNK_BYTES ? n - 4 - 4 * CHUNK_BYTES : 0);
  const xmlChar *found = memmem (from, (gsize)(input->end - from) - 1, "--", 2);
  return found != NULL && found[2] != '>' ? "two hyphens in a comment" : NULL;
}

static void
parse (Reading *reading, BaruaText text)
{
  xmlParserCtxt *parser = reading->parser;

  xmlCtxtUseOptions (parser, XML_PARSE_NONET);
  for (gsize at = 0; at < text.n && parser->disableSAX == 0 && reading->fault == NULL;)
    {
      gsize n = MIN (text.n - at, CHUNK_BYTES);
      xmlParseChunk (parser, text.p + at, (int)n, FALSE);
      at += n;
      const char *fault = fault_of_rest (parser);
      if (fault != NULL && reading->fault == NULL)
        stop (reading, fault);
    }
  if (reading->fault == NULL)
    xmlParseChunk (parser, NULL, 0, TRUE);
  if (reading->fault == NULL && !parser->wellFormed)
    stop (reading, "not well-formed");
}

char *
barua_xform_libxml (BaruaText text, BaruaXForm *xform)
{
  Reading reading = {
    .xform = xform,
    .title_at = { title_path, G_N_ELEMENTS (title_path), 0 },
    .instance_at = { instance_path, G_N_ELEMENTS (instance_path), 0 },
    .title = g_string_new (NULL),
  };
  xmlSAXHandler calls = handler;

  if (text.n > BARUA_XFORM_MAX_BYTES)
    reading.fault = g_strdup_printf ("longer than %u MiB", BARUA_XFORM_MAX_BYTES / (1024 * 1024));
  else
    {
      xmlInitParser ();
      reading.parser = xmlCreatePushParserCtxt (&calls, &reading, NULL, 0, NULL);
      if (reading.parser == NULL)
        g_error ("out of memory");
      parse (&reading, text);
      xmlFreeParserCtxt (reading.parser);
    }
  if (reading.title->len > 0)
    xform->title = g_string_free (reading.title, FALSE);
  else
    g_string_free (reading.title, TRUE);
  return reading.fault;
}
