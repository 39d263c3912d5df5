#pragma once

#include <larder/remote/url.hpp>

#include <cstdint>
#include <string>

namespace larder {

/// Whether the service refuses, by itself, to replace an object (`If-None-Match: *`; at Google x-goog-if-generation-match).
/// `yes`: create_only trusts in it. `no`: create_only looks first and then writes, which two writers can do at once: the
/// later one replaces the earlier one's object, whole. `automatic`: `yes` for AWS and Google; elsewhere it looks first AND
/// says the condition, which a service that does not know it ignores or refuses (501, after which it is left out). Google
/// knows no condition for objects in parts: there it is always as with `no`.
enum class s3_conditional_put : std::uint8_t { automatic, yes, no };

namespace remote {

/// What a client needs to know of the bucket; `larder::s3` makes it.
struct s3_bucket {
  url address{};
  std::string folder{};  ///< empty, or with a slash at its end
  bool google = false;
  s3_conditional_put condition = s3_conditional_put::automatic;
  std::uint64_t part_size = std::uint64_t{8} << 20U;
  std::uint64_t max_object = std::uint64_t{16} << 30U;
};

}  // namespace remote
}  // namespace larder
