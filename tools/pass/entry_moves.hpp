#pragma once

#include <larder/artifact/pass_prune.hpp>

#include <string>
#include <vector>

namespace passes {

struct prune_options {
  std::string folder;
  std::string shared;  ///< prune what is shared there instead; empty: prune the folder
  larder::prune_limits limits;
  bool json = false;
  bool quiet = false;
};
/// Removes what the limits name, and says how much that was. The exit code.
int prune_entries(const prune_options& options);

struct move_options {
  std::string folder;
  std::string shared;
  std::vector<std::string> ids;  ///< of push: none means all that are not published
  bool json = false;
  bool quiet = false;
};
/// Brings entries from the shared store, or puts them there. The exit code: 1 when one of them could not be moved.
int pull_entries(const move_options& options);
int push_entries(const move_options& options);

}  // namespace passes
