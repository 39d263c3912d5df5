#pragma once

#include "../figures.hpp"
#include "options.hpp"
#include "../scratch_folder.hpp"
#include "subject.hpp"
#include "turn.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// A case: so many values of one size.
struct scenario {
  std::string name;
  std::size_t count;
  std::size_t value_size;
  bool flushed = false;  ///< each put is followed by a flush, and nothing else is measured
  std::vector<std::string> among = {};  ///< the only subjects that take part beside the floors; empty: all
  content made_of = content::noise;

  /// A floor takes part in every case: it is what the others are divided by.
  bool has(const candidate& who) const;
  std::uint64_t payload() const { return static_cast<std::uint64_t>(count) * value_size; }
};

/// In the order in which they run, at the scale that is wanted.
std::vector<scenario> scenarios(const options& wanted);

/// What rounds come to: a median for each subject and metric, and ratios, each of one round. `rounds[r][s]` is what subject s
/// measured in round r; a subject without measurements in a round is left out.
void add_figures(figure_list& all, const scenario& s, const candidates& field,
                 const std::vector<std::vector<measurements>>& rounds);

/// Runs the rounds, adds their figures and prints their table. False when a subject failed: it is told, and left out.
bool run(const scenario& s, const candidates& field, const options& wanted, const scratch_folder& scratch, figure_list& all);

}  // namespace bench
