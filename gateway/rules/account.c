/* SPDX-License-Identifier: MIT */

/* Accounts: what a request may say of one, and the two documents that keep it. */

#define G_LOG_DOMAIN "barua-rules"

#include "gateway/rules/account.h"

#include "forms/permissions.h"

#include <string.h>

G_DEFINE_QUARK (barua_account_error, barua_account_error)

#define CHANGEABLE                                                                                 \
  "password, known, place, type, roles, fullname, email, phone, language, contact, external_id, "  \
  "token_login"

/* ---- refusals ---- */

/* A row of users.md 5.2 or 6.2: %s is the detail. */
typedef struct
{
  BaruaAccountError code;
  const char *message;
  const char *key;
  const char *params; /* (nullable): JSON */
} Fault;

/* clang-format off */
static const Fault faults[BARUA_ACCOUNT_N_FAULTS] = {
  [BARUA_ACCOUNT_FAULT_FIELDS] = { BARUA_ACCOUNT_ERROR_FIELDS, "Missing required fields: %s", "fields.required", "{\"fields\":\"%s\"}" },
  [BARUA_ACCOUNT_FAULT_PHONE] = { BARUA_ACCOUNT_ERROR_REFUSED, "A valid phone number is required for SMS login.", "configuration.enable.token.login.phone", NULL },
  [BARUA_ACCOUNT_FAULT_PASSWORD_SHORT] = { BARUA_ACCOUNT_ERROR_REFUSED, "The password must be at least 8 characters long.", "password.length.minimum", "{\"minimum\":8}" },
  [BARUA_ACCOUNT_FAULT_PASSWORD_WEAK] = { BARUA_ACCOUNT_ERROR_REFUSED, "The password is too easy to guess. Include a range of types of characters to increase the score.", "password.weak", NULL },
  [BARUA_ACCOUNT_FAULT_USERNAME] = { BARUA_ACCOUNT_ERROR_REFUSED, "Invalid user name. Valid characters are lower case letters, numbers, underscore (_), and hyphen (-).", "username.invalid", NULL },
  [BARUA_ACCOUNT_FAULT_CONTACT_TYPE] = { BARUA_ACCOUNT_ERROR_REFUSED, "Wrong type, contact is not a person.", "contact.type.wrong", NULL },
  [BARUA_ACCOUNT_FAULT_CONTACT_PLACE] = { BARUA_ACCOUNT_ERROR_REFUSED, "Contact is not within place.", "configuration.user.place.contact", NULL },
  [BARUA_ACCOUNT_FAULT_NO_FIELD] = { BARUA_ACCOUNT_ERROR_FIELDS, "One of the following fields are required: " CHANGEABLE, "fields.one.required", "{\"fields\":\"" CHANGEABLE "\"}" },
  [BARUA_ACCOUNT_FAULT_OFFLINE_FIELD] = { BARUA_ACCOUNT_ERROR_REFUSED, "%s field is required for offline users", "field is required", "{\"field\":\"%s\"}" },
  [BARUA_ACCOUNT_FAULT_PASSWORD_NEEDED] = { BARUA_ACCOUNT_ERROR_REFUSED, "Password is required when disabling token login.", "password.length.minimum", NULL },
};
/* clang-format on */

/* Appends @template with the detail in the place of its %s. */
static void
append_detailed (GString *out, const char *template, const char *detail)
{
  const char *hole = strstr (template, "%s");

  if (hole == NULL)
    {
      g_string_append (out, template);
      return;
    }
  g_string_append_len (out, template, hole - template);
  g_string_append (out, detail);
  g_string_append (out, hole + 2);
}

gboolean
barua_account_refuse (GError **error, BaruaAccountFault fault, const char *detail)
{
  const Fault *row = &faults[fault];
  g_autoptr (GString) message = g_string_new (NULL);
  g_autoptr (GString) json = g_string_new ("{");

  append_detailed (message, row->message, detail);
  barua_json_append_key (json, "message");
  barua_json_append_string (json, (BaruaText){ message->str, message->len });
  barua_json_append_key (json, "translationKey");
  barua_json_append_string (json, barua_text (row->key));
  if (row->params != NULL)
    {
      barua_json_append_key (json, "translationParams");
      append_detailed (json, row->params, detail);
    }
  g_string_append_c (json, '}');
  g_set_error_literal (error, BARUA_ACCOUNT_ERROR, row->code, json->str);
  return FALSE;
}

/* ---- passwords and names ---- */

/* The kind of a UTF-16 unit, as a bit; 0 for '_', which is of none. */
static guint
kind_of (gunichar2 unit)
{
  if (unit >= '0' && unit <= '9')
    return 1;
  if (unit >= 'a' && unit <= 'z')
    return 2;
  if (unit >= 'A' && unit <= 'Z')
    return 4;
  return unit == '_' ? 0 : 8;
}

static int
compare_units (gconstpointer a, gconstpointer b)
{
  return (int)*(const gunichar2 *)a - (int)*(const gunichar2 *)b;
}

/* (transfer full): as JavaScript counts it. */
static gunichar2 *
utf16_of (const char *text, glong *n)
{
  gunichar2 *units = g_utf8_to_utf16 (text, -1, NULL, n, NULL);

  if (units == NULL)
    *n = 0;
  return units;
}

guint
barua_password_score (const char *password)
{
  glong n;
  g_autofree gunichar2 *units = utf16_of (password, &n);
  guint kinds = 0, n_kinds = 0, n_different = 0;

  if (n > 1)
    qsort (units, (gsize)n, sizeof *units, compare_units);
  for (glong i = 0; i < n; i++)
    {
      n_different += i == 0 || units[i] != units[i - 1];
      kinds |= kind_of (units[i]);
    }
  for (guint bits = kinds; bits != 0; bits >>= 1)
    n_kinds += bits & 1;
  return (guint)n + 2 * n_different + (n_kinds > 0 ? 15 * (n_kinds - 1) : 0);
}

/* Whether `users.password_rules` is "none" (users.md 5.2). */
static gboolean
has_password_rules (const BaruaSettings *settings)
{
  return !barua_json_string_is (barua_settings_get (settings, "users.password_rules"),
                                BARUA_TEXT ("none"));
}

gboolean
barua_password_check (const BaruaSettings *settings, const char *password, GError **error)
{
  glong n;

  if (password == NULL)
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_PASSWORD_WEAK, NULL);
  if (*password != '\0' && !has_password_rules (settings))
    return TRUE;
  g_autofree G_GNUC_UNUSED gunichar2 *units = utf16_of (password, &n);
  if (n < BARUA_PASSWORD_MIN_LENGTH)
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_PASSWORD_SHORT, NULL);
  if (barua_password_score (password) < BARUA_PASSWORD_MIN_SCORE)
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_PASSWORD_WEAK, NULL);
  return TRUE;
}

gboolean
barua_account_name_is_valid (const char *name)
{
  return *name != '\0' && name[strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

/* ---- roles ---- */

/* What a type stands for, besides itself (users.md 1). */
static const struct
{
  const char *type;
  const char *roles[4];
} types[] = {
  { "national-manager", { "kujua_user", "data_entry", "national_admin" } },
  { "district-manager", { "kujua_user", "data_entry", "district_admin" } },
  { "facility-manager", { "kujua_user", "data_entry" } },
  { "data-entry", { "data_entry" } },
  { "analytics", { "kujua_analytics" } },
  { "gateway", { "kujua_gateway" } },
};

char **
barua_account_roles_of_type (const char *type)
{
  g_autoptr (GStrvBuilder) roles = g_strv_builder_new ();

  g_strv_builder_add (roles, type);
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    for (guint j = 0; g_str_equal (types[i].type, type) && types[i].roles[j] != NULL; j++)
      g_strv_builder_add (roles, types[i].roles[j]);
  return g_strv_builder_end (roles);
}

char **
barua_account_roles_to_store (BaruaJson settings, const char *const *roles)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; roles[i] != NULL; i++)
    if (!g_str_equal (roles[i], BARUA_ROLE_ONLINE)
        && g_hash_table_add (seen, (gpointer)roles[i]))
      g_ptr_array_add (kept, g_strdup (roles[i]));
  g_ptr_array_add (kept, NULL);
  const gboolean is_online
      = barua_permissions_is_online (settings, (const char *const *)kept->pdata);
  if (is_online)
    g_ptr_array_insert (kept, (int)kept->len - 1, g_strdup (BARUA_ROLE_ONLINE));
  return (char **)g_ptr_array_free (g_steal_pointer (&kept), FALSE);
}

char **
barua_account_roles_of (BaruaJson user)
{
  g_autoptr (GStrvBuilder) roles = g_strv_builder_new ();
  BaruaJsonIter iter;
  BaruaJson role;

  barua_json_iter_init (&iter, barua_json_member (user, "roles"));
  while (barua_json_iter_next (&iter, NULL, &role))
    {
      g_autofree char *name = barua_json_string (role, NULL);
      if (name != NULL)
        g_strv_builder_add (roles, name);
    }
  return g_strv_builder_end (roles);
}

/* ---- requests ---- */

void
barua_account_input_clear (BaruaAccountInput *input)
{
  if (input->password != NULL)
    explicit_bzero (input->password, strlen (input->password));
  g_free (input->password);
  g_free (input->username);
  g_strfreev (input->roles);
  g_free (input->language);
  *input = (BaruaAccountInput){ 0 };
}

/* (transfer full) (nullable): the text of a member; NULL also for one that holds a NUL. */
static char *
text_member (BaruaJson object, const char *name)
{
  gsize n = 0;
  g_autofree char *text = barua_json_string (barua_json_member (object, name), &n);

  return text != NULL && strlen (text) == n ? g_steal_pointer (&text) : NULL;
}

/* (nullable) (transfer full): the roles in @body: of its type, else the list, else the one text. */
static char **
read_roles (BaruaJson body)
{
  g_autofree char *type = text_member (body, "type");
  BaruaJson roles = barua_json_member (body, "roles");

  if (type != NULL && *type != '\0')
    return barua_account_roles_of_type (type);
  if (barua_json_type (roles) == BARUA_JSON_ARRAY)
    {
      g_auto (GStrv) list = barua_account_roles_of (body);
      return g_strv_length (list) == barua_json_size (roles) ? g_steal_pointer (&list) : NULL;
    }
  g_autofree char *one = text_member (body, "roles");
  char *const list[] = { one, NULL };
  return one != NULL && *one != '\0' ? g_strdupv ((char **)list) : NULL;
}

/* `{"code":"sw"}` or `"sw"`. */
static char *
read_language (BaruaJson body)
{
  BaruaJson language = barua_json_member (body, "language");

  return barua_json_type (language) == BARUA_JSON_OBJECT ? text_member (language, "code")
                                                         : text_member (body, "language");
}

/* Takes the password that @body has. */
static gboolean
read_password (const BaruaSettings *settings, BaruaAccountInput *input, GError **error)
{
  input->password = text_member (input->body, "password");
  return barua_password_check (settings, input->password, error);
}

/* What both requests have in common. */
static void
read_common (const BaruaSettings *settings, BaruaJson body, BaruaAccountInput *input)
{
  g_auto (GStrv) roles = read_roles (body);
  BaruaJson object = barua_settings_json (settings);

  input->body = body;
  input->wish = barua_token_wish (barua_json_member (body, "token_login"));
  input->is_token_enabled = barua_token_login_is_enabled (settings);
  input->language = read_language (body);
  if (roles == NULL)
    return;
  input->roles = barua_account_roles_to_store (object, (const char *const *)roles);
  input->is_offline
      = !barua_permissions_is_online (object, (const char *const *)input->roles);
}

/* Whether it is to get a login link. */
static gboolean
gets_token (const BaruaAccountInput *input)
{
  return input->wish == BARUA_TOKEN_WISH_ON && input->is_token_enabled;
}

static gboolean
is_missing (const BaruaAccountInput *input, const char *name)
{
  return !barua_json_truthy (barua_json_member (input->body, name));
}

/* users.md 5.2 no. 1 */
static gboolean
check_required (const BaruaAccountInput *input, GError **error)
{
  const char *names[] = { "username", gets_token (input) ? "phone" : "password",
                          input->is_offline ? "place" : NULL, input->is_offline ? "contact" : NULL };
  g_autoptr (GString) missing = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] != NULL && is_missing (input, names[i]))
      g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", names[i]);
  if (input->roles == NULL)
    g_string_append_printf (missing, "%stype or roles", missing->len > 0 ? ", " : "");
  return missing->len == 0
         || barua_account_refuse (error, BARUA_ACCOUNT_FAULT_FIELDS, missing->str);
}

/* users.md 5.2 no. 2 */
static gboolean
read_phone (const BaruaSettings *settings, BaruaJson value, BaruaAccountInput *input,
            GError **error)
{
  gsize n = 0;
  g_autofree char *phone = barua_json_string (value, &n);

  return (phone != NULL
          && barua_phone_normalise (barua_settings_phone_rules (settings), (BaruaText){ phone, n },
                                    input->phone))
         || barua_account_refuse (error, BARUA_ACCOUNT_FAULT_PHONE, NULL);
}

gboolean
barua_account_input_take_name (BaruaAccountInput *input, GError **error)
{
  input->username = text_member (input->body, "username");
  return (input->username != NULL && barua_account_name_is_valid (input->username))
         || barua_account_refuse (error, BARUA_ACCOUNT_FAULT_USERNAME, NULL);
}

gboolean
barua_account_input_read_new (const BaruaSettings *settings, BaruaJson body,
                              BaruaAccountInput *input, GError **error)
{
  read_common (settings, body, input);
  if (!check_required (input, error))
    return FALSE;
  if (!(gets_token (input) ? read_phone (settings, barua_json_member (body, "phone"), input, error)
                           : read_password (settings, input, error)))
    return FALSE;
  return barua_account_input_take_name (input, error);
}

/* Members that change something (users.md 6.2). */
static const char *const changeable[]
    = { "password", "known", "place", "type",     "roles",   "fullname",
        "email",    "phone", "language", "contact", "external_id", "token_login" };

/* Whether there is anything to do at all. */
static gboolean
changes_something (BaruaJson body)
{
  for (gsize i = 0; i < G_N_ELEMENTS (changeable); i++)
    if (!barua_json_is_nothing (barua_json_member (body, changeable[i])))
      return TRUE;
  return barua_json_type (barua_json_member (body, "place")) == BARUA_JSON_NULL
         || barua_json_type (barua_json_member (body, "contact")) == BARUA_JSON_NULL;
}

gboolean
barua_account_input_read_change (const BaruaSettings *settings, BaruaJson body,
                                 BaruaAccountInput *input, GError **error)
{
  read_common (settings, body, input);
  if (!changes_something (body))
    return barua_account_refuse (error, BARUA_ACCOUNT_FAULT_NO_FIELD, NULL);
  return gets_token (input) || barua_json_is_nothing (barua_json_member (body, "password"))
         || read_password (settings, input, error);
}

gboolean
barua_account_input_take_phone (const BaruaSettings *settings, BaruaAccountInput *input,
                                BaruaJson before, GError **error)
{
  BaruaJson given = barua_json_member (input->body, "phone");
  BaruaJson phone = barua_json_is_nothing (given) ? barua_json_member (before, "phone") : given;

  return read_phone (settings, phone, input, error);
}

gboolean
barua_account_is_self_change (BaruaJson body)
{
  static const BaruaText allowed[]
      = { { "password", 8 }, { "known", 5 },    { "fullname", 8 },   { "email", 5 },
          { "phone", 5 },    { "language", 8 }, { "token_login", 11 } };
  BaruaJsonIter iter;
  BaruaJson key, value;

  barua_json_iter_init (&iter, body);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      gsize i = 0;
      while (i < G_N_ELEMENTS (allowed) && !barua_json_string_is (key, allowed[i]))
        i++;
      if (i == G_N_ELEMENTS (allowed))
        return FALSE;
    }
  return TRUE;
}

/* ---- documents ---- */

/* What becomes of a member. */
typedef struct
{
  const char *name;
  GString *value;   /* JSON; NULL: stays as it is */
  gboolean is_gone; /* is taken away */
} Member;

#define MAX_MEMBERS 12

/* The members of a document that change, in the order in which new ones are appended. */
typedef struct
{
  Member list[MAX_MEMBERS];
  guint n;
} Members;

static void
members_clear (Members *members)
{
  for (guint i = 0; i < members->n; i++)
    if (members->list[i].value != NULL)
      g_string_free (members->list[i].value, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Members, members_clear)

/* (transfer none): the value of one more member, to be filled in. */
static GString *
add_member (Members *members, const char *name)
{
  g_return_val_if_fail (members->n < MAX_MEMBERS, NULL);
  members->list[members->n++] = (Member){ name, g_string_new (NULL), FALSE };
  return members->list[members->n - 1].value;
}

static void
add_text (Members *members, const char *name, BaruaText text)
{
  if (text.p != NULL)
    barua_json_append_string (add_member (members, name), text);
}

/* A member of the request that is stored as it came. */
static void
add_given (Members *members, const char *name, BaruaJson body)
{
  BaruaJson value = barua_json_member (body, name);

  if (!barua_json_is_nothing (value))
    barua_json_append_minified (add_member (members, name), value);
}

static void
drop_member (Members *members, const char *name)
{
  members->list[members->n++] = (Member){ name, NULL, TRUE };
}

static void
add_roles (Members *members, char **roles)
{
  if (roles == NULL)
    return;
  GString *value = add_member (members, "roles");
  g_string_append_c (value, '[');
  for (guint i = 0; roles[i] != NULL; i++)
    {
      g_string_append (value, i > 0 ? "," : "");
      barua_json_append_string (value, barua_text (roles[i]));
    }
  g_string_append_c (value, ']');
}

/* The facility, or the contact. */
static void
add_link (Members *members, const char *name, BaruaText id, gboolean is_dropped)
{
  if (is_dropped)
    drop_member (members, name);
  else
    add_text (members, name, id);
}

static Member *
find_member (Members *members, BaruaJson key)
{
  for (guint i = 0; i < members->n; i++)
    if (barua_json_string_is (key, barua_text (members->list[i].name)))
      return &members->list[i];
  return NULL;
}

/* Appends one member of the result. */
static void
append_value (GString *out, const char *name, const GString *value)
{
  barua_json_append_key (out, name);
  g_string_append_len (out, value->str, (gssize)value->len);
}

/* Appends @before with the members changed: known ones in their places, new ones behind. */
static void
append_changed (GString *out, BaruaJson before, Members *members)
{
  BaruaJsonIter iter;
  BaruaJson key, value;

  g_string_append_c (out, '{');
  const gsize start = out->len;
  barua_json_iter_init (&iter, before);
  while (barua_json_iter_next (&iter, &key, &value))
    {
      Member *member = find_member (members, key);
      if (member != NULL && (member->is_gone || member->value == NULL))
        continue;
      if (out->len > start)
        g_string_append_c (out, ',');
      g_string_append_len (out, key.text, (gssize)key.length);
      g_string_append_c (out, ':');
      if (member == NULL)
        g_string_append_len (out, value.text, (gssize)value.length);
      else
        {
          g_string_append_len (out, member->value->str, (gssize)member->value->len);
          g_string_free (g_steal_pointer (&member->value), TRUE); /* is in its place */
        }
    }
  for (guint i = 0; i < members->n; i++)
    if (members->list[i].value != NULL)
      append_value (out, members->list[i].name, members->list[i].value);
  g_string_append_c (out, '}');
}

/* What both documents have: name, type and roles. */
static void
add_common (Members *members, BaruaJson before, const char *name, const char *type,
            const BaruaAccountInput *input)
{
  if (before.text == NULL)
    {
      add_text (members, "name", barua_text (name));
      add_text (members, "type", barua_text (type));
    }
  add_roles (members, input->roles);
}

void
barua_account_append_user (GString *out, BaruaJson before, const char *name,
                           const BaruaAccountInput *input, const BaruaAccountLinks *links)
{
  g_auto (Members) members = { 0 };

  add_common (&members, before, name, "user", input);
  add_link (&members, "facility_id", links->facility, links->drops_facility);
  add_given (&members, "known", input->body);
  append_changed (out, before, &members);
}

void
barua_account_append_settings (GString *out, BaruaJson before, const char *name,
                               const BaruaAccountInput *input, const BaruaAccountLinks *links)
{
  g_auto (Members) members = { 0 };

  add_common (&members, before, name, "user-settings", input);
  add_link (&members, "facility_id", links->facility, links->drops_facility);
  add_link (&members, "contact_id", links->contact, links->drops_contact);
  add_given (&members, "fullname", input->body);
  add_given (&members, "email", input->body);
  if (*input->phone != '\0')
    add_text (&members, "phone", barua_text (input->phone));
  else
    add_given (&members, "phone", input->body);
  add_text (&members, "language", barua_text (input->language));
  add_given (&members, "known", input->body);
  add_given (&members, "external_id", input->body);
  append_changed (out, before, &members);
}

void
barua_account_append_inactive (GString *out, BaruaJson before, gint64 now_ms)
{
  g_auto (Members) members = { 0 };

  g_string_append (add_member (&members, "inactive"), "true");
  barua_json_append_integer (add_member (&members, "deletion_date"), now_ms);
  append_changed (out, before, &members);
}
