#pragma once

#include <larder/core/time.hpp>

#include <type_traits>
#include <utility>

namespace larder {

namespace artifacts {

/// What cannot be derived from: a number, an enumeration, a final class.
template <class T>
class held_value {
 public:
  explicit held_value(T value) : value_(std::move(value)) {}
  operator const T&() const noexcept { return value_; }

 private:
  T value_;
};

template <class T>
using resolved_base = std::conditional_t<std::is_class_v<T> && !std::is_final_v<T>, T, held_value<T>>;

}  // namespace artifacts

/// An answer, and where it is from. It is a `T` as it stands: its members are there, and it goes wherever a `const T&` does.
template <class T>
class resolution : public artifacts::resolved_base<T> {
 public:
  struct origin {
    bool from_cache = false;
    bool is_stale = false;
    duration age{0};
  };

  resolution(T value, const origin& from) : artifacts::resolved_base<T>(std::move(value)), from_(from) {}

  const T& value() const noexcept { return *this; }
  /// The resolver did not run for it: it was kept, or somebody else's resolver ran.
  bool from_cache() const noexcept { return from_.from_cache; }
  /// Its time is over, and the provider could not be asked.
  bool is_stale() const noexcept { return from_.is_stale; }
  /// Since the provider was asked.
  duration age() const noexcept { return from_.age; }

 private:
  origin from_;
};

}  // namespace larder
