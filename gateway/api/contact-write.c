/* SPDX-License-Identifier: MIT */

/* Plans of people and places become documents. */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/contact-write.h"

#include "gateway/api/document-common.h"
#include "gateway/api/document-item.h"
#include "gateway/api/settings-reload.h"

/* What a client may not make this way, whoever it is. */
static gboolean
check_document (const BaruaPlannedDocument *document, GError **error)
{
  if (barua_document_is_guarded (document->id, document->body)
      || barua_settings_is_source (document->id))
    {
      g_set_error_literal (error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_FORBIDDEN,
                           "Insufficient privileges");
      return FALSE;
    }
  if (document->body.n > BARUA_DOCUMENT_MAX_BYTES)
    {
      g_set_error_literal (error, BARUA_CONTACTS_ERROR, BARUA_CONTACTS_ERROR_TOO_LARGE,
                           "a document is too large");
      return FALSE;
    }
  return TRUE;
}

/* Stubs for what is attached to the document now: (element-type BaruaAttachmentEdit). */
static GArray *
keep_attachments (const BaruaDocument *document)
{
  GArray *edits = g_array_new (FALSE, TRUE, sizeof (BaruaAttachmentEdit));

  for (gsize i = 0; i < document->n_attachments; i++)
    {
      const BaruaAttachmentEdit stub
          = { .name = document->attachments[i].name, .source = BARUA_ATTACHMENT_STUB, .fd = -1 };
      g_array_append_val (edits, stub);
    }
  return edits;
}

gboolean
barua_contact_put (BaruaTx *tx, const BaruaPlannedDocument *planned, BaruaWritten *written,
                   GError **error)
{
  g_autoptr (BaruaDocument) old = NULL;
  g_autoptr (GArray) attachments = NULL;
  BaruaEdit edit = { .id = planned->id, .rev = planned->rev, .body = planned->body };

  if (planned->rev.p != NULL)
    {
      old = barua_reader_get_document (barua_tx_reader (tx), NULL, planned->id, error);
      if (old == NULL)
        return FALSE;
      attachments = keep_attachments (old);
      edit.attachments = (const BaruaAttachmentEdit *)(void *)attachments->data;
      edit.n_attachments = attachments->len;
      edit.is_hidden = old->is_hidden;
    }
  return barua_tx_put_document (tx, &edit, written, error);
}

gboolean
barua_contact_plan_put (BaruaTx *tx, const BaruaContactPlan *plan, GPtrArray **revs, GError **error)
{
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < plan->documents->len; i++)
    {
      const BaruaPlannedDocument *document
          = &g_array_index (plan->documents, BaruaPlannedDocument, i);
      BaruaWritten written;
      if (!check_document (document, error) || !barua_contact_put (tx, document, &written, error))
        return FALSE;
      g_ptr_array_add (made, g_strdup (written.rev));
    }
  if (revs != NULL)
    *revs = g_steal_pointer (&made);
  return TRUE;
}
