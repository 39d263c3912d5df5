#pragma once

#include "model.hpp"
#include "options.hpp"

#include <string>
#include <vector>

namespace bench {

/// What reading the model took in a process of Python, without what starting it and its imports did.
struct python_answer {
  double wall;   ///< seconds
  double cpu;    ///< seconds
  double grown;  ///< bytes that were resident at most beyond those before
};

/// A loader of Python that goes once through the model, layer by layer, and touches every page.
struct python_peer {
  std::string name;
  std::string python;
  std::string way;  ///< what peers/read_model.py is asked for

  /// Throws when it fails, or read something else than is in the file.
  python_answer read(const model& m) const;
};

/// Those that this machine has; says once which it has not. `kept`: as its users load a whole model.
std::vector<python_peer> python_peers(const options& wanted, bool kept);

}  // namespace bench
