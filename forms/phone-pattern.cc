/* SPDX-License-Identifier: MIT */

/* Patterns over digits, matched by an automaton: Glushkov's construction, determined lazily. */

#include "forms/phone-pattern.h"

#include <algorithm>
#include <iterator>

namespace barua
{

/* A position is one digit of the pattern written out; Germany's needs some hundreds. */
constexpr size_t max_positions = 8000;

/* States of one pattern; more are forgotten and made again. */
constexpr size_t max_states = 1000;

constexpr unsigned any_digit = 0x3ff;
constexpr int start = 0, unknown = -1;

static void
unite (std::vector<unsigned short> &into, const std::vector<unsigned short> &from)
{
  std::vector<unsigned short> both;

  std::set_union (into.begin (), into.end (), from.begin (), from.end (),
                  std::back_inserter (both));
  into.swap (both);
}

/* Puts @part behind @out. */
void
DigitPattern::append (Part &out, const Part &part)
{
  for (unsigned short p : out.last)
    unite (follows[p], part.first);
  if (out.is_optional)
    unite (out.first, part.first);
  if (part.is_optional)
    unite (out.last, part.last);
  else
    out.last = part.last;
  out.is_optional = out.is_optional && part.is_optional;
}

bool
DigitPattern::read_alternatives (Part &out)
{
  if (!read_sequence (out))
    return false;
  while (at < text.size () && text[at] == '|')
    {
      Part other;
      at++;
      if (!read_sequence (other))
        return false;
      unite (out.first, other.first);
      unite (out.last, other.last);
      out.is_optional = out.is_optional || other.is_optional;
    }
  return true;
}

bool
DigitPattern::read_sequence (Part &out)
{
  out = Part{ {}, {}, true };
  while (at < text.size () && text[at] != '|' && text[at] != ')')
    {
      Part part;
      if (!read_repeated (part))
        return false;
      append (out, part);
    }
  return true;
}

/* `?`, `{n}` or `{n,m}`, or nothing for once. */
bool
DigitPattern::read_count (int &least, int &most)
{
  least = most = 1;
  if (at < text.size () && text[at] == '?')
    {
      least = 0;
      at++;
    }
  else if (at < text.size () && text[at] == '{')
    {
      size_t end = text.find ('}', at);
      if (end == std::string::npos || end - at > 6)
        return false;
      std::string count = text.substr (at + 1, end - at - 1);
      size_t comma = count.find (',');
      if (count.find_first_not_of ("0123456789,") != std::string::npos || count.empty ()
          || comma == 0 || comma + 1 == count.size ())
        return false;
      least = std::stoi (count);
      most = comma == std::string::npos ? least : std::stoi (count.substr (comma + 1));
      at = end + 1;
    }
  return most <= 20 && least <= most;
}

/* An atom as often as its count says: it is read again for each time. */
bool
DigitPattern::read_repeated (Part &out)
{
  size_t begin = at;
  int least, most;

  if (!read_atom (out) || !read_count (least, most) || most < 1)
    return false;
  size_t end = at;
  out.is_optional = out.is_optional || least < 1;
  for (int i = 1; i < most; i++)
    {
      Part again;
      at = begin;
      if (!read_atom (again))
        return false;
      again.is_optional = again.is_optional || i >= least;
      append (out, again);
    }
  at = end;
  return true;
}

/* The digits of `[2-58]`, from behind the bracket on. */
bool
DigitPattern::read_class (unsigned &digits)
{
  int before = -1;

  for (digits = 0; at < text.size () && text[at] != ']'; at++)
    {
      bool is_range = text[at] == '-';
      if (is_range)
        at++;
      if (at >= text.size () || text[at] < '0' || text[at] > '9' || (is_range && before < 0))
        return false;
      int digit = text[at] - '0';
      for (int d = is_range ? before : digit; d <= digit; d++)
        digits |= 1u << d;
      before = is_range ? -1 : digit;
    }
  return at++ < text.size ();
}

bool
DigitPattern::read_atom (Part &out)
{
  unsigned digits;

  if (at < text.size () && text[at] >= '0' && text[at] <= '9')
    digits = 1u << (text[at++] - '0');
  else if (text.compare (at, 2, "\\d") == 0)
    {
      digits = any_digit;
      at += 2;
    }
  else if (text.compare (at, 1, "[") == 0)
    {
      at++;
      if (!read_class (digits))
        return false;
    }
  else if (text.compare (at, 3, "(?:") == 0)
    {
      at += 3;
      return read_alternatives (out) && at < text.size () && text[at++] == ')';
    }
  else
    return false;

  unsigned short position = static_cast<unsigned short> (accepts.size ());
  accepts.push_back (digits);
  follows.push_back ({});
  out = Part{ { position }, { position }, false };
  return accepts.size () < max_positions;
}

bool
DigitPattern::compile ()
{
  is_compiled = true;
  is_understood = read_alternatives (whole) && at == text.size ();
  return is_understood;
}

/* The state of these positions; the start has none, and is not the dead end that has none. */
int
DigitPattern::state_of (const Positions &positions)
{
  auto found = numbers.find (positions);
  if (found != numbers.end ())
    return found->second;

  State state = { positions, {}, false };
  std::fill (state.next, state.next + 10, unknown);
  for (unsigned short p : positions)
    state.is_final
        = state.is_final || std::binary_search (whole.last.begin (), whole.last.end (), p);
  int number = static_cast<int> (states.size ());
  states.push_back (state);
  numbers.emplace (positions, number);
  return number;
}

int
DigitPattern::step (int state, int digit)
{
  Positions reached;

  if (state == start)
    reached = whole.first;
  else
    for (unsigned short p : states[static_cast<size_t> (state)].positions)
      unite (reached, follows[p]);
  reached.erase (std::remove_if (reached.begin (), reached.end (),
                                 [&] (unsigned short p) { return !(accepts[p] >> digit & 1); }),
                 reached.end ());
  int next = state_of (reached);
  states[static_cast<size_t> (state)].next[digit] = next;
  return next;
}

bool
DigitPattern::matches (const char *digits, size_t n)
{
  if (is_compiled ? !is_understood : !compile ())
    return false;
  if (states.empty () || states.size () > max_states)
    {
      states.clear ();
      numbers.clear ();
      states.push_back (State{ {}, {}, whole.is_optional });
      std::fill (states[start].next, states[start].next + 10, unknown);
    }
  int state = start;
  for (size_t i = 0; i < n; i++)
    {
      int digit = digits[i] - '0';
      int next = states[static_cast<size_t> (state)].next[digit];
      state = next != unknown ? next : step (state, digit);
    }
  return states[static_cast<size_t> (state)].is_final;
}

} // namespace barua
