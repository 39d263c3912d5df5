#pragma once

#include <string>
#include <vector>

namespace dataset {

struct verify_options {
  std::string directory;
  std::vector<std::string> names;  ///< all when there are none
  bool json = false;
  bool quiet = false;
};
/// Reads each sample of data sets, compares it with its checksums and prints what was found; the exit code: 0 all are there and whole, 1 some
/// are not, 2 the system refused to read some, 130 interrupted.
int verify_datasets(const verify_options& options);

}  // namespace dataset
