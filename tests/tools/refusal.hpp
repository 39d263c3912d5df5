#pragma once

#include <larder/core/error.hpp>

#include <string>
#include <string_view>

/// What the `larder::error` says that f throws; empty when it throws none.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    return e.what();
  }
  return {};
}
inline bool says(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
