#pragma once

#include "options.hpp"
#include "subject.hpp"

#include <string>
#include <vector>

namespace bench {

/// A loader of Python in a process of its own, which goes through the samples in batches.
struct python_peer {
  std::string name;
  std::string python;
  std::string way;  ///< what peers/read_samples.py is asked for
  bool views;       ///< has a way to look at samples where they lie
  bool copies;      ///< has one that gives samples of their own

  void prepare(const site& s) const;
  /// What an epoch took: seconds of the clock and of the processor. Throws when it fails, or used other samples than those of the file.
  std::vector<double> epoch(const site& s, const larder_way& way) const;
};

/// Those that are wanted and that this machine has; says once which it has not.
std::vector<python_peer> python_peers(const options& wanted);

}  // namespace bench
