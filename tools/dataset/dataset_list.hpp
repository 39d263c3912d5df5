#pragma once

#include <string>

namespace dataset {

struct list_options {
  std::string directory;
  bool json = false;
};
/// Prints the data sets of a directory; the exit code: 1 when a manifest cannot be read.
int list_datasets(const list_options& options);

struct info_options {
  std::string directory;
  std::string name;
  bool by_shard = false;
  bool json = false;
};
/// Prints what is known of a data set, and how much of it the directory has.
void print_info(const info_options& options);

}  // namespace dataset
