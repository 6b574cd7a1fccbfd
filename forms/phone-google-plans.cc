/* SPDX-License-Identifier: MIT */

/* Numbering plans from the metadata that libphonenumber carries, for the short way through
 * forms/phone-google.cc.  What is repeated of libphonenumber: PhoneNumberUtil::IsValidNumber and
 * IsPossibleNumber for a code of one region. */

#include "forms/phone-google-plans.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <phonenumbers/phonemetadata.pb.h>

#include "forms/phone-pattern.h"

/* Exported by the library, in none of its installed headers. */
namespace i18n
{
namespace phonenumbers
{
int metadata_size ();
const void *metadata_get ();
}
}

namespace barua
{

using i18n::phonenumbers::PhoneMetadata;
using i18n::phonenumbers::PhoneMetadataCollection;
using i18n::phonenumbers::PhoneNumberDesc;

constexpr gsize max_codes = 1000;

/* E.164 numbers and libphonenumber's longest. */
constexpr gsize min_national = 2, max_national = 17, min_digits = 7;

/* One kind of number: mobile, fixed line … */
struct Kind
{
  guint32 lengths; /* bit n: may have n digits */
  DigitPattern pattern;
};

struct Plan
{
  guint32 possible_lengths; /* also inside an area only */
  std::string prefixes;     /* `0|005`: what the number must not begin with */
  Kind general;
  std::vector<Kind> kinds;
};

/* By calling code; built once, then changed under the lock only: patterns learn. */
static std::unique_ptr<Plan> plans[max_codes];
static std::mutex lock;
static std::once_flag once;

/* What @desc says; no lengths when there are no such numbers. */
static Kind
read_kind (const PhoneNumberDesc &desc)
{
  Kind kind = { 0, DigitPattern (desc.national_number_pattern ()) };

  for (int n : desc.possible_length ())
    if (n > 0 && n < 32)
      kind.lengths |= 1u << n;
  if (desc.possible_length_size () == 0 && !desc.national_number_pattern ().empty ())
    kind.lengths = ~0u; /* those of the plan */
  return kind;
}

/* NULL for a plan with rules beyond patterns and plain prefixes. */
static std::unique_ptr<Plan>
read_plan (const PhoneMetadata &region)
{
  const std::string &prefixes = region.national_prefix_for_parsing ();
  if (region.has_national_prefix_transform_rule ()
      || prefixes.find_first_not_of ("0123456789|") != std::string::npos
      || region.general_desc ().possible_length_size () == 0)
    return nullptr;

  std::unique_ptr<Plan> plan (new Plan{ 0, prefixes, read_kind (region.general_desc ()), {} });
  plan->possible_lengths = plan->general.lengths;
  for (int n : region.general_desc ().possible_length_local_only ())
    if (n > 0 && n < 32)
      plan->possible_lengths |= 1u << n;

  const PhoneNumberDesc *const descs[]
      = { &region.mobile (),          &region.fixed_line (),  &region.premium_rate (),
          &region.toll_free (),       &region.shared_cost (), &region.voip (),
          &region.personal_number (), &region.pager (),       &region.uan (),
          &region.voicemail () };
  for (const PhoneNumberDesc *desc : descs)
    {
      Kind kind = read_kind (*desc);
      if (kind.lengths != 0)
        plan->kinds.push_back (kind);
    }
  return plan;
}

static void
read_plans ()
{
  PhoneMetadataCollection all;
  guint8 n_regions[max_codes] = { 0 };

  if (!all.ParseFromArray (i18n::phonenumbers::metadata_get (),
                           i18n::phonenumbers::metadata_size ()))
    return;
  for (const PhoneMetadata &region : all.metadata ())
    if (region.country_code () > 0 && region.country_code () < static_cast<int> (max_codes))
      n_regions[region.country_code ()]++;
  for (const PhoneMetadata &region : all.metadata ())
    if (region.country_code () > 0 && region.country_code () < static_cast<int> (max_codes)
        && n_regions[region.country_code ()] == 1)
      plans[region.country_code ()] = read_plan (region);
}

/* The plan of the code that @digits begin with, NULL for none; no code begins another. */
static Plan *
plan_of (const char *digits, gsize n, gsize *code_length)
{
  gsize code = 0;

  for (gsize i = 0; i < 3 && i < n && digits[0] != '0'; i++)
    {
      code = code * 10 + static_cast<gsize> (digits[i] - '0');
      *code_length = i + 1;
      if (plans[code] != nullptr)
        return plans[code].get ();
    }
  return nullptr;
}

/* Whether @digits begin with one of `0|005`. */
static bool
has_prefix (const std::string &prefixes, const char *digits)
{
  for (gsize at = 0; at < prefixes.size ();)
    {
      gsize end = std::min (prefixes.find ('|', at), prefixes.size ());
      if (prefixes.compare (at, end - at, digits, std::min (end - at, std::strlen (digits))) == 0)
        return true;
      at = end + 1;
    }
  return false;
}

static bool
is_valid (Plan *plan, const char *national, gsize n)
{
  auto matches = [=] (Kind &kind) {
    return (kind.lengths >> n & 1) != 0 && kind.pattern.matches (national, n);
  };
  std::lock_guard<std::mutex> guard (lock);

  if (!matches (plan->general))
    return false;
  for (Kind &kind : plan->kinds)
    if (matches (kind))
      return true;
  return false;
}

bool
is_plainly_good (BaruaPhoneValidation validation, BaruaText number)
{
  char digits[max_national + 4];
  gsize n = number.n - 1, code_length;

  if (number.n < 1 + min_digits || number.n > sizeof digits || number.p[0] != '+')
    return false;
  std::memcpy (digits, number.p + 1, n);
  digits[n] = '\0';
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isdigit (digits[i]))
      return false;

  std::call_once (once, read_plans);
  Plan *plan = plan_of (digits, n, &code_length);
  if (plan == nullptr)
    return false;
  const char *national = digits + code_length;
  n -= code_length;
  if (n < min_national || n > max_national || has_prefix (plan->prefixes, national))
    return false;
  if (validation == BARUA_PHONE_FULL)
    return is_valid (plan, national, n);
  return validation == BARUA_PHONE_NONE || (plan->possible_lengths >> n & 1) != 0;
}

} // namespace barua
