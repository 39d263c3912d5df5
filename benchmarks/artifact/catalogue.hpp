#pragma once

#include "../rounds.hpp"
#include "../targets.hpp"
#include "options.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bench {

// A contest for each case, each list in the file of its name. The first contender is what the others are compared with.
std::vector<contest> chains(const std::filesystem::path& folder, const options& wanted);    ///< what is known of passes
std::vector<contest> digests(const std::filesystem::path& folder, const options& wanted);   ///< which content files have
std::vector<contest> packages(const std::filesystem::path& folder, const options& wanted);  ///< packages that are here
std::vector<contest> packing(const std::filesystem::path& folder, const options& wanted);   ///< packages in pieces

/// The names of all cases, in the order in which they run.
inline const std::vector<std::string> case_names{"chain", "chain_shared", "hash", "hash_parallel", "resolve", "list", "pack_tensors", "pack_contents"};

/// What the figures should come to.
std::vector<target> targets();

}  // namespace bench
