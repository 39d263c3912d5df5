#pragma once

#include <string>

namespace passes {

/// Prints what the cache in a folder has, least recently used first; an array of objects with `json`. The exit code.
int list_entries(const std::string& folder, bool json);

/// Prints all that is known of one entry; 1 when there is none that has the id or begins with it.
int show_entry(const std::string& folder, const std::string& id, bool json);

}  // namespace passes
