#pragma once

#include <larder/artifact/expected_digest.hpp>
#include <larder/artifact/relative_name.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

/// A file that a package is to have: `{"model.onnx", "https://...", "sha256:..."}`.
struct package_file {
  std::string name;                     ///< below the package's folder, parts with '/' between them
  std::string url{};                    ///< what `fetch` is given; may carry a secret, and is stored nowhere
  expected_digest digest{};             ///< without it the file is kept in the package alone, and counts as unverified
  std::optional<std::uint64_t> size{};  ///< another one is refused
};

namespace artifacts {

/// Names that begin so are the store's own.
inline constexpr std::string_view reserved_prefix = ".larder";

/// Why files of these names may not lie in one package; empty when they may.
inline std::string package_names_fault(std::span<const std::string_view> names) {
  std::vector<std::string_view> sorted(names.begin(), names.end());
  for (const std::string_view name : names) {
    if (const std::string_view fault = relative_name_fault(name); !fault.empty())
      return "the file " + format::printable_name(name) + " may not be called so: " + std::string(fault);
    if (name.starts_with(reserved_prefix) || name.find("/.larder") != std::string_view::npos)
      return "the file " + format::printable_name(name) + " may not be called so: names with \".larder\" are the store's own";
  }
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    return "the file " + format::printable_name(*twice) + " is there twice";
  for (const std::string_view name : sorted)
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1))
      if (std::binary_search(sorted.begin(), sorted.end(), name.substr(0, slash)))
        return format::printable_name(name.substr(0, slash)) + " is both a file and a folder";
  return {};
}

}  // namespace artifacts
}  // namespace larder
