#pragma once

#include "simulate/byte_source.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace simulate {

/// Whether a file that begins like this is zstd, skippable frames included.
bool is_zstd(std::string_view beginning) noexcept;

/// What a zstd file holds, frame after frame; `name` is what errors call it.
std::unique_ptr<byte_source> unpack_zstd(std::unique_ptr<byte_source> packed, std::string name);

}  // namespace simulate
