/* SPDX-License-Identifier: MIT */

/* The verbs of a store as a whole. */

#define G_LOG_DOMAIN "barua-store"

#include "gateway/store/store-files.h"

#include "gateway/store/engine.h"

gboolean
barua_store_backup (const char *path, const char *target, GError **error)
{
  g_return_val_if_fail (path != NULL && target != NULL, FALSE);

  return barua_sqlite_engine.backup (path, target, error);
}

gboolean
barua_store_restore (const char *path, const char *backup, char **kept, GError **error)
{
  g_return_val_if_fail (path != NULL && backup != NULL && kept != NULL, FALSE);

  return barua_sqlite_engine.restore (path, backup, kept, error);
}

gboolean
barua_store_put_back (const char *path, const char *copy, GError **error)
{
  g_return_val_if_fail (path != NULL && copy != NULL, FALSE);

  return barua_sqlite_engine.put_back (path, copy, error);
}

gboolean
barua_store_schema (const char *path, int *schema, int *known, GError **error)
{
  g_return_val_if_fail (path != NULL && schema != NULL, FALSE);

  return barua_sqlite_engine.schema (path, schema, known, error);
}
