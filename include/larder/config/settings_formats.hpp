#pragma once

#include <larder/config/settings_tree.hpp>

#include <string>
#include <string_view>

namespace larder::config {

// Defined by larder/config/toml.hpp and larder/config/yaml.hpp, where a program includes them; else their addresses are null. Weak, so
// that several files may include them, and that what a program can read is known when it runs, in whatever order it is made.
[[gnu::weak]] settings_node read_toml(std::string_view text, const std::string& name);
[[gnu::weak]] settings_node read_yaml(std::string_view text, const std::string& name);

}  // namespace larder::config
