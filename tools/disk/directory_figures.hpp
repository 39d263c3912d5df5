#pragma once

#include <string>

namespace disk {

struct figures_options {
  std::string directory;
  bool by_segment = false;
  bool json = false;
};

/// Prints what a directory holds as figures. Throws `larder::error`.
void print_figures(const figures_options& options);

}  // namespace disk
