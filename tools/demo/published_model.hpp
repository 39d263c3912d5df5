#pragma once

#include "demo/reference.hpp"

#include <filesystem>
#include <string>

namespace demo {

/// Writes the digests of a model beside it, as `larder layers digest MODEL` does.
void write_digests(const reference& model);

/// Puts a model into a folder of chunks under that name, as `larder layers split MODEL DIR` does; chunks that are there stay. How many
/// bytes were written.
std::uint64_t split_into(const std::filesystem::path& folder, const std::string& name, const reference& model);

}  // namespace demo
