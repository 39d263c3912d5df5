#pragma once

#include <larder/observe/history_ring.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::observe {

/// An engine whose table tells a `history_ring` what became of keys; this says the keys of the puts that made others leave.
template <class Context, class Engine>
class remembering_engine : public Engine {
 public:
  using typename Engine::address;
  using typename Engine::departures;

  explicit remembering_engine(Context& context) : Engine(context), ring_(*context.history()) {}

  template <class Value, class Mode>
  bool write(const address& at, Value&& value, const Mode& mode, departures& gone) {
    const bool stored = Engine::write(at, std::forward<Value>(value), mode, gone);
    if (ring_.wants_names()) [[unlikely]]
      say_key(at);
    return stored;
  }

  bool follow(const address& at) noexcept { return ring_.follow(hash_of(at)); }
  std::vector<key_event> history(const address& at) const { return ring_.of(hash_of(at)); }

 private:
  static std::uint64_t hash_of(const address& at) noexcept {
    if constexpr (requires { at.hash; })
      return at.hash;
    else
      return at.id.low;
  }
  [[gnu::noinline]] void say_key(const address& at) noexcept {
    using key_type = std::remove_cvref_t<decltype(at.key)>;
    if constexpr (std::convertible_to<const key_type&, std::string_view>) {
      ring_.name(hash_of(at), at.key);
    } else if constexpr (std::integral<key_type> && !std::same_as<key_type, bool>) {
      std::array<char, 24> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), at.key);
      ring_.name(hash_of(at), {text.data(), static_cast<std::size_t>(end.ptr - text.data())});
    } else {
      ring_.name(hash_of(at), {});
    }
  }

  history_ring& ring_;
};

}  // namespace larder::observe
