/* SPDX-License-Identifier: MIT */
#pragma once

#include "gateway/http/router.h"

G_BEGIN_DECLS

/** The route table of the program; ends with an empty row. */
extern const BaruaRoute barua_routes[];

/* One handler for each row of the table; the app is a #BaruaApp. */

void barua_api_sms_ping (BaruaRequest *request, gpointer app);
void barua_api_sms_exchange (BaruaRequest *request, gpointer app);
void barua_api_gateways_list (BaruaRequest *request, gpointer app);
void barua_api_gateways_pause (BaruaRequest *request, gpointer app);
void barua_api_gateways_resume (BaruaRequest *request, gpointer app);
void barua_api_records_v1 (BaruaRequest *request, gpointer app);
void barua_api_records_v2 (BaruaRequest *request, gpointer app);
void barua_api_africas_talking_incoming (BaruaRequest *request, gpointer app);
void barua_api_africas_talking_report (BaruaRequest *request, gpointer app);
void barua_api_rapidpro_incoming (BaruaRequest *request, gpointer app);
void barua_api_segments (BaruaRequest *request, gpointer app);
void barua_api_messages_list (BaruaRequest *request, gpointer app);
void barua_api_messages_page (BaruaRequest *request, gpointer app);
void barua_api_messages_style (BaruaRequest *request, gpointer app);
void barua_api_messages_script (BaruaRequest *request, gpointer app);
void barua_api_messages_post (BaruaRequest *request, gpointer app);
void barua_api_message_resend (BaruaRequest *request, gpointer app);
void barua_api_message_cancel (BaruaRequest *request, gpointer app);
void barua_api_message_retry (BaruaRequest *request, gpointer app);
void barua_api_people_post (BaruaRequest *request, gpointer app);
void barua_api_places_post (BaruaRequest *request, gpointer app);
void barua_api_place_change (BaruaRequest *request, gpointer app);
void barua_api_hydrate (BaruaRequest *request, gpointer app);
void barua_api_contacts_by_phone (BaruaRequest *request, gpointer app);
void barua_api_bulk_delete (BaruaRequest *request, gpointer app);
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
void barua_api_design_docs (BaruaRequest *request, gpointer app);
void barua_api_document_get (BaruaRequest *request, gpointer app);
void barua_api_document_put (BaruaRequest *request, gpointer app);
void barua_api_document_delete (BaruaRequest *request, gpointer app);
void barua_api_bulk_docs (BaruaRequest *request, gpointer app);
void barua_api_bulk_get (BaruaRequest *request, gpointer app);
void barua_api_revs_diff (BaruaRequest *request, gpointer app);
void barua_api_missing_revs (BaruaRequest *request, gpointer app);
void barua_api_attachment_get (BaruaRequest *request, gpointer app);
void barua_api_attachment_put (BaruaRequest *request, gpointer app);
void barua_api_attachment_delete (BaruaRequest *request, gpointer app);
void barua_api_database_put (BaruaRequest *request, gpointer app);
void barua_api_database_delete (BaruaRequest *request, gpointer app);
void barua_api_compact (BaruaRequest *request, gpointer app);
void barua_api_view_cleanup (BaruaRequest *request, gpointer app);
void barua_api_ensure_full_commit (BaruaRequest *request, gpointer app);
void barua_api_security_get (BaruaRequest *request, gpointer app);
void barua_api_security_put (BaruaRequest *request, gpointer app);
void barua_api_revs_limit_get (BaruaRequest *request, gpointer app);
void barua_api_revs_limit_put (BaruaRequest *request, gpointer app);
void barua_api_document_copy (BaruaRequest *request, gpointer app);
void barua_api_document_not_implemented (BaruaRequest *request, gpointer app);
void barua_api_local_list (BaruaRequest *request, gpointer app);
void barua_api_local_get (BaruaRequest *request, gpointer app);
void barua_api_local_put (BaruaRequest *request, gpointer app);
void barua_api_local_delete (BaruaRequest *request, gpointer app);
void barua_api_local_deep (BaruaRequest *request, gpointer app);
void barua_api_changes (BaruaRequest *request, gpointer app);
void barua_api_view (BaruaRequest *request, gpointer app);
void barua_api_find (BaruaRequest *request, gpointer app);
void barua_api_explain (BaruaRequest *request, gpointer app);
void barua_api_index_list (BaruaRequest *request, gpointer app);
void barua_api_index_put (BaruaRequest *request, gpointer app);
void barua_api_index_delete (BaruaRequest *request, gpointer app);
void barua_api_session_get (BaruaRequest *request, gpointer app);
void barua_api_session_post (BaruaRequest *request, gpointer app);
void barua_api_session_delete (BaruaRequest *request, gpointer app);
void barua_api_login_page (BaruaRequest *request, gpointer app);
void barua_api_login (BaruaRequest *request, gpointer app);
void barua_api_login_identity (BaruaRequest *request, gpointer app);
void barua_api_login_link_page (BaruaRequest *request, gpointer app);
void barua_api_login_link (BaruaRequest *request, gpointer app);
void barua_api_logout (BaruaRequest *request, gpointer app);
void barua_api_home (BaruaRequest *request, gpointer app);
void barua_api_page_style (BaruaRequest *request, gpointer app);
void barua_api_page_script (BaruaRequest *request, gpointer app);
void barua_api_users_get (BaruaRequest *request, gpointer app);
void barua_api_users_post (BaruaRequest *request, gpointer app);
void barua_api_user_not_empty (BaruaRequest *request, gpointer app);
void barua_api_user_post (BaruaRequest *request, gpointer app);
void barua_api_user_delete (BaruaRequest *request, gpointer app);
void barua_api_users_v2_get (BaruaRequest *request, gpointer app);
void barua_api_user_v2_get (BaruaRequest *request, gpointer app);
void barua_api_users_info (BaruaRequest *request, gpointer app);
void barua_api_users_doc_count (BaruaRequest *request, gpointer app);
void barua_api_welcome (BaruaRequest *request, gpointer app);
void barua_api_up (BaruaRequest *request, gpointer app);
void barua_api_uuids (BaruaRequest *request, gpointer app);
void barua_api_all_dbs (BaruaRequest *request, gpointer app);
void barua_api_active_tasks (BaruaRequest *request, gpointer app);
void barua_api_replicate (BaruaRequest *request, gpointer app);
void barua_api_deploy_info (BaruaRequest *request, gpointer app);
void barua_api_attachment_types (BaruaRequest *request, gpointer app);
void barua_api_export (BaruaRequest *request, gpointer app);
void barua_api_monitoring (BaruaRequest *request, gpointer app);
void barua_api_monitoring_v2 (BaruaRequest *request, gpointer app);
void barua_api_metrics (BaruaRequest *request, gpointer app);
void barua_api_openapi (BaruaRequest *request, gpointer app);
void barua_api_docs (BaruaRequest *request, gpointer app);
void barua_api_upgrade (BaruaRequest *request, gpointer app);
void barua_api_upgrade_stage (BaruaRequest *request, gpointer app);
void barua_api_upgrade_complete (BaruaRequest *request, gpointer app);
void barua_api_healthz (BaruaRequest *request, gpointer app);
void barua_api_readyz (BaruaRequest *request, gpointer app);

G_END_DECLS
