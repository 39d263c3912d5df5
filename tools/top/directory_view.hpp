#pragma once

#include "top/view.hpp"

#include <memory>
#include <string>

namespace top {

/// A directory of `mmap_disk`, seen without writing to it or locking anything.
std::unique_ptr<view> view_of_directory(std::string directory);

}  // namespace top
