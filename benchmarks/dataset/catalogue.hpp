#pragma once

#include "../rounds.hpp"
#include "../scratch_folder.hpp"
#include "../targets.hpp"
#include "options.hpp"
#include "subject.hpp"

#include <string>
#include <vector>

namespace bench {

// A contest for each case, each list in the file of its name. The first contender is what the others are compared with.
std::vector<contest> walks(const site& s, const options& wanted);     ///< epochs of samples that are cached, and the first looks
std::vector<contest> readings(const site& s, const options& wanted);  ///< epochs out of a file that nothing keeps
std::vector<contest> epochs(const site& s, const scratch_folder& scratch,
                            const options& wanted);  ///< what larder promises of epochs

/// The names of all cases, in the order in which they run.
inline const std::vector<std::string> case_names{"view",        "view_shuffled", "copy", "copy_shuffled", "first_looks", "cold",
                                                 "cold_memory", "first_batch",   "half", "resume",        "fill"};

/// Whether any of the cases wants the samples in a cache.
bool wants_caches(const options& wanted);
/// Writes the samples in the form of every subject that takes part.
void prepare_caches(const site& s, const options& wanted);

/// What the figures of larder should come to.
std::vector<target> targets_of(const figure_list& figures);

inline constexpr double mebi = 1024.0 * 1024.0;

}  // namespace bench
