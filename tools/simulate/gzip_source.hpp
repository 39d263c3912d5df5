#pragma once

#include "simulate/byte_source.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace simulate {

/// Whether a file that begins like this is gzip.
bool is_gzip(std::string_view beginning) noexcept;

/// What a gzip file holds, member after member; `name` is what errors call it.
std::unique_ptr<byte_source> unpack_gzip(std::unique_ptr<byte_source> packed, std::string name);

}  // namespace simulate
