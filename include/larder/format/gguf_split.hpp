#pragma once

// A model in several GGUF files, as llama.cpp's gguf-split writes them: `NAME-00001-of-00003.gguf` and its like in one folder.
// Each says by `split.no` (from 0) and `split.count` which of them it is, and by `split.tensors.count` how many tensors there are
// in all.

#include <larder/core/error.hpp>
#include <larder/format/gguf_header.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace larder::format {

/// A file's place in its model.
struct gguf_split {
  std::uint64_t number = 0;              ///< from 0
  std::uint64_t count = 1;               ///< files; 1: the model is in one
  std::optional<std::uint64_t> tensors;  ///< of all of them
};

/// The place that a header's metadata say; throws `larder::error` (corruption) for what cannot be one.
inline gguf_split split_of(const std::map<std::string, gguf_value, std::less<>>& metadata, std::string_view file = "gguf") {
  constexpr std::uint64_t most_files = 99'999;  // what the names have digits for
  const auto number = [&](std::string_view key) -> std::optional<std::uint64_t> {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return std::nullopt;
    if (const auto* plain = std::get_if<std::uint64_t>(&found->second)) return *plain;
    if (const auto* with_sign = std::get_if<std::int64_t>(&found->second); with_sign != nullptr && *with_sign >= 0)
      return static_cast<std::uint64_t>(*with_sign);
    gguf_rules::refuse(file, std::string(key) + " is not a number of files or tensors");
  };
  gguf_split out;
  out.count = number("split.count").value_or(1);
  out.number = number("split.no").value_or(0);
  out.tensors = number("split.tensors.count");
  if (out.count == 0 && out.number == 0) out.count = 1;  // so says a writer that splits nothing
  if (out.count > most_files || out.number >= out.count)
    gguf_rules::refuse(
        file, "it is file " + std::to_string(out.number) + " (from 0) of " + std::to_string(out.count) + " by its own word");
  return out;
}

/// The name of file `number` of a model, from that of the first; nothing when that is not called as first files are.
inline std::optional<std::string> split_name(std::string_view first, std::uint64_t number, std::uint64_t count) {
  const auto five_digits = [](std::uint64_t n) {
    const std::string digits = std::to_string(n);
    return std::string(5 - digits.size(), '0') + digits;
  };
  const std::string of = "-of-" + five_digits(count) + ".gguf";
  const std::string ending = "-" + five_digits(1) + of;
  if (!first.ends_with(ending)) return std::nullopt;
  return std::string(first.substr(0, first.size() - ending.size())) + "-" + five_digits(number + 1) + of;
}

}  // namespace larder::format
