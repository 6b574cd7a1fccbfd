/* SPDX-License-Identifier: MIT */

/* New people and places, and changes of places (contacts.md 2, 4). */

#define G_LOG_DOMAIN "barua-api"

#include "gateway/api/contact-write.h"
#include "gateway/api/failure.h"
#include "gateway/api/handlers.h"
#include "gateway/app.h"
#include "gateway/store/rules-lookup.h"

typedef struct _Post Post;

/* What one of the endpoints plans. @created: the person made as its contact, if any. */
typedef gboolean (*Planner) (Post *post, BaruaContactPlan *plan, BaruaContact *contact,
                             BaruaText *created, GError **error);

/* A request, from the main loop to the writer and back. */
struct _Post
{
  BaruaApp *app;
  BaruaRequest *request;
  BaruaSettings *settings;
  BaruaArena *arena;
  Planner plan;
  gboolean may_create_people;
  gboolean may_create_places;
  gboolean says_ok; /* the answer has `ok` (contacts.md 2.3, 4.5) */
  GString *answer;
};

static void
post_free (gpointer data)
{
  Post *post = data;

  barua_settings_unref (post->settings);
  barua_arena_free (post->arena);
  if (post->answer != NULL)
    g_string_free (post->answer, TRUE);
  barua_request_unref (post->request);
  g_free (post);
}

/* Planner */
static gboolean
plan_person (Post *post, BaruaContactPlan *plan, BaruaContact *contact, BaruaText *created,
             GError **error)
{
  return barua_contact_plan_person (plan, barua_request_json (post->request), contact, error);
}

/* Planner */
static gboolean
plan_place (Post *post, BaruaContactPlan *plan, BaruaContact *contact, BaruaText *created,
            GError **error)
{
  return barua_contact_plan_place (plan, barua_request_json (post->request), contact, created,
                                   error);
}

/* Planner */
static gboolean
plan_change (Post *post, BaruaContactPlan *plan, BaruaContact *contact, BaruaText *created,
             GError **error)
{
  return barua_contact_plan_change_place (plan,
                                          barua_text (barua_request_param (post->request, "id")),
                                          barua_request_json (post->request), contact, error);
}

/* Makes the answer. */
static void
make_answer (Post *post, const BaruaContact *contact, const char *rev, BaruaText created)
{
  GString *out = post->answer;

  g_string_assign (out, post->says_ok ? "{\"ok\":true,\"id\":" : "{\"id\":");
  barua_json_append_string (out, contact->id);
  g_string_append (out, ",\"rev\":");
  barua_json_append_string (out, barua_text (rev));
  if (created.p != NULL)
    {
      g_string_append (out, ",\"contact\":{\"id\":");
      barua_json_append_string (out, created);
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, '}');
}

/* Job: plans everything, then writes it. */
static gboolean
post_job (BaruaTx *tx, gpointer data, GError **error)
{
  Post *post = data;
  g_auto (BaruaStoreLookup) lookup = { .reader = NULL };
  g_autoptr (GPtrArray) revs = NULL;
  BaruaText created = { NULL, 0 };
  BaruaContact contact;

  barua_store_lookup_init (&lookup, barua_tx_reader (tx), tx);
  g_auto (BaruaContactPlan) plan = { .settings = post->settings,
                                     .lookup = &lookup.lookup,
                                     .arena = post->arena,
                                     .now_ms = barua_now_ms (),
                                     .may_create_people = post->may_create_people,
                                     .may_create_places = post->may_create_places };
  barua_contact_plan_init (&plan);
  if (!post->plan (post, &plan, &contact, &created, error)
      || !barua_contact_plan_put (tx, &plan, &revs, error))
    return FALSE;
  make_answer (post, &contact, revs->pdata[contact.planned], created);
  return TRUE;
}

static void
post_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Post *post = user_data; /* freed by the store afterwards */
  g_autoptr (GError) error = NULL;

  if (barua_store_write_finish (post->app->store, result, &error))
    barua_request_reply_json (post->request, 200, g_steal_pointer (&post->answer));
  else
    barua_api_fail (post->request, error);
}

static void
post_run (BaruaRequest *request, BaruaApp *app, Planner plan, gboolean says_ok)
{
  Post *post = g_new0 (Post, 1);

  post->app = app;
  post->request = barua_request_ref (request);
  post->settings = barua_settings_ref (barua_request_settings (request));
  post->arena = barua_arena_new ();
  post->plan = plan;
  post->says_ok = says_ok;
  post->may_create_people = barua_request_may (request, "can_create_people");
  post->may_create_places = barua_request_may (request, "can_create_places");
  post->answer = g_string_new (NULL);
  barua_store_write_async (app->store, post_job, post, post_free,
                           barua_request_body_length (request), NULL, post_done, post);
}

void
barua_api_people_post (BaruaRequest *request, gpointer app)
{
  post_run (request, app, plan_person, TRUE);
}

void
barua_api_places_post (BaruaRequest *request, gpointer app)
{
  post_run (request, app, plan_place, TRUE);
}

void
barua_api_place_change (BaruaRequest *request, gpointer app)
{
  post_run (request, app, plan_change, FALSE);
}
