#pragma once

#include <string>

namespace passes {

struct explain_options {
  std::string folder;
  std::string shared;  ///< a container's URL or a file of settings; empty: nothing is shared
  std::string chain;   ///< a file: a JSON list of {"name", "config", "accelerator", "accelerator_agnostic", "evaluator"}
  std::string input;   ///< the id of the model that the chain begins with
  bool json = false;
};
/// Prints what a run of the chain would do, and of passes that would run, why. The exit code: 1 when a pass is known to fail.
int explain_chain(const explain_options& options);

}  // namespace passes
