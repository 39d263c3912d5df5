#pragma once

#include "model.hpp"
#include "options.hpp"

#include <filesystem>
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
  std::string way;             ///< what peers/read_model.py is asked for
  std::filesystem::path file;  ///< what it reads: the model, or the same in its own format

  /// Throws when it fails, or read something else than is in the file.
  python_answer read(const model& m) const;
};

/// Those that this machine has; says once which it has not. `kept`: as its users load a whole model. A file that one of them needs is
/// written beside the model.
std::vector<python_peer> python_peers(const model& m, const options& wanted, bool kept);
/// Whether torch takes part, which needs room for the model in its format.
bool wants_torch(const options& wanted);

}  // namespace bench
