/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace barua
{

/**
 * DigitPattern:
 *
 * A regular expression over digits as libphonenumber's metadata write them: digits, `\d`, `[2-58]`,
 * `(?:…|…)`, `?`, `{n}`, `{n,m}`.  It becomes an automaton whose states are made when they are
 * first reached, so that a match is one step per digit.  Not for several threads at once.
 */
class DigitPattern
{
public:
  explicit DigitPattern (const std::string &pattern) : text (pattern) {}

  /** Whether the whole of @digits, ASCII digits only, matches; never, when the pattern is written
   * in another way than above. */
  bool matches (const char *digits, size_t n);

private:
  typedef std::vector<unsigned short> Positions; /* sorted */

  /* A part of the expression: what may begin it, what may end it, whether it may be empty. */
  struct Part
  {
    Positions first, last;
    bool is_optional;
  };

  struct State
  {
    Positions positions; /* that were just matched */
    int next[10];        /* by digit; UNKNOWN until it is needed */
    bool is_final;
  };

  bool compile ();
  bool read_alternatives (Part &out);
  bool read_sequence (Part &out);
  bool read_repeated (Part &out);
  bool read_atom (Part &out);
  bool read_class (unsigned &digits);
  bool read_count (int &least, int &most);
  void append (Part &out, const Part &part);
  int state_of (const Positions &positions);
  int step (int state, int digit);

  std::string text;
  size_t at = 0;
  bool is_compiled = false, is_understood = false;
  std::vector<unsigned> accepts;  /* bit d: the position takes digit d */
  std::vector<Positions> follows; /* by position: what may come next */
  Part whole;
  std::map<Positions, int> numbers;
  std::vector<State> states;
};

} // namespace barua
