#pragma once

#include <larder/core/bytes.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace larder::remote {

/// A part of an object, and what guards the request for the next one.
struct s3_part {
  enum class outcome : std::uint8_t {
    read,     ///< `body` (or `landed` bytes in the target) is the part, cut to the object
    absent,   ///< there is no such object
    changed,  ///< it is no longer the one with that ETag
  };
  outcome result = outcome::absent;
  bytes body{};
  std::optional<std::uint64_t> landed{};
  std::optional<std::uint64_t> object_size{};  ///< where the answer says it
  std::string etag{};
};

}  // namespace larder::remote
