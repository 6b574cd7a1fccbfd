/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/router.h"

G_BEGIN_DECLS

/** The route table of the program; ends with an empty row. */
extern const BaruaRoute barua_routes[];

/* One handler for each row of the table; the app is a #BaruaApp. */

void barua_api_sms_ping (BaruaRequest *request, gpointer app);
void barua_api_sms_exchange (BaruaRequest *request, gpointer app);
void barua_api_records_v1 (BaruaRequest *request, gpointer app);
void barua_api_records_v2 (BaruaRequest *request, gpointer app);
void barua_api_settings_get (BaruaRequest *request, gpointer app);
void barua_api_settings_put (BaruaRequest *request, gpointer app);
void barua_api_settings_deprecated_transitions (BaruaRequest *request, gpointer app);
void barua_api_settings_alias_get (BaruaRequest *request, gpointer app);
void barua_api_settings_alias_put (BaruaRequest *request, gpointer app);
void barua_api_forms_list (BaruaRequest *request, gpointer app);
void barua_api_forms_list_slash (BaruaRequest *request, gpointer app);
void barua_api_forms_get (BaruaRequest *request, gpointer app);
void barua_api_forms_explain (BaruaRequest *request, gpointer app);
void barua_api_forms_validate (BaruaRequest *request, gpointer app);
void barua_api_database_get (BaruaRequest *request, gpointer app);
void barua_api_all_docs (BaruaRequest *request, gpointer app);
void barua_api_document_get (BaruaRequest *request, gpointer app);
void barua_api_session_get (BaruaRequest *request, gpointer app);
void barua_api_session_post (BaruaRequest *request, gpointer app);
void barua_api_session_delete (BaruaRequest *request, gpointer app);
void barua_api_welcome (BaruaRequest *request, gpointer app);
void barua_api_up (BaruaRequest *request, gpointer app);
void barua_api_uuids (BaruaRequest *request, gpointer app);
void barua_api_all_dbs (BaruaRequest *request, gpointer app);
void barua_api_active_tasks (BaruaRequest *request, gpointer app);
void barua_api_replicate (BaruaRequest *request, gpointer app);
void barua_api_deploy_info (BaruaRequest *request, gpointer app);
void barua_api_attachment_types (BaruaRequest *request, gpointer app);
void barua_api_healthz (BaruaRequest *request, gpointer app);

G_END_DECLS
