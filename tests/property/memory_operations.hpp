#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "memory_composition.hpp"

namespace model {

enum class action : std::uint8_t {
  put,
  put_with_ttl,
  put_if_absent,
  get,
  visit,
  peek,
  contains,
  load,
  erase,
  erase_prefix,
  erase_if,
  clear,
  purge,
  shrink_or_grow,
  wait,
  pin,
  unpin,
};

/// One thing to do; what the numbers mean is the action's business.
struct operation {
  action kind = action::put;
  std::uint32_t key = 0;
  std::uint32_t number = 0;
};
std::ostream& operator<<(std::ostream& out, const operation& o);

/// One of nine keys in three families, the empty key among them.
std::string key_of(const operation& o);
/// A text of 0 to 27 bytes that says which operation wrote it as far as it has room.
std::string value_of(const operation& o);

/// What does one operation and says what was wrong with it; nothing when all was right.
using step = std::function<std::string(const operation&)>;
/// Gives `begin` capacities, and what it returns random operations until that says something: nothing when it never did, else
/// RapidCheck's report. Each name has random numbers of its own.
std::string first_disagreement(const std::string& name, const std::function<step(const amounts&)>& begin);

}  // namespace model
