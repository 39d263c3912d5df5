#pragma once

#include <array>
#include <string_view>

namespace larder::config {

/// What a remote tier may be: the stores of `http_blob`, and `redis`.
inline constexpr std::array<std::string_view, 4> remote_type_names{"azure", "s3", "webdav", "redis"};
/// How it takes writes: the names of `tier_mode`.
inline constexpr std::array<std::string_view, 3> remote_mode_names{"write_through", "write_back", "read_only"};
/// What it is shown: nothing, what the machine has where the store's own tools look, or a secret in a variable.
inline constexpr std::array<std::string_view, 6> credential_names{"none", "chain", "key", "sas", "token", "password"};

}  // namespace larder::config
