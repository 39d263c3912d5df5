#pragma once

#include <larder/config/settings_error.hpp>

#include <string>
#include <vector>

namespace settings_files {

/// What is wrong with a file of settings, and what is only unwise.
struct file_check {
  std::string file;
  std::vector<larder::settings_mistake> mistakes{};
  std::vector<std::string> warnings{};

  /// As a program would find it that has this file alone; `alone` is without what the environment says.
  static file_check of(const std::string& file, bool alone);

  bool works() const noexcept { return mistakes.empty(); }
  /// For people: a line for each mistake and each warning.
  std::string lines() const;
  /// For programs: one object, in one line.
  std::string json() const;
};

}  // namespace settings_files
