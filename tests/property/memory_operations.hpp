#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

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

struct capacities {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t weight = 0;
};

/// Gives `begin` capacities, and what it returns random operations until that says something. Whether nothing was ever said.
using subject = std::function<std::string(const operation&)>;
bool always_agree(const std::function<subject(const capacities&)>& begin);

}  // namespace model
