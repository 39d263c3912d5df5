#pragma once

#include <larder/core/digest.hpp>
#include <larder/serve/chunk_name.hpp>

#include <optional>
#include <string_view>

namespace larder::serve {

/// What a client may ask for, as it stands in the address below `/v1/`: `c/<name>` is a chunk, `m/<model>` a model's manifest.
struct chunk_address {
  std::string_view key;  ///< names it in the cache; of the name alone what follows the second character
  bool manifest = false;
  std::optional<digest> content{};  ///< of a chunk that is named by its content

  std::string_view name() const noexcept { return key.substr(2); }
};

/// The address that the target of a request means; nothing when it means none or its name is not safe. It refers to the target's characters.
constexpr std::optional<chunk_address> parse_chunk_target(std::string_view target) noexcept {
  constexpr std::string_view root = "/v1/";
  constexpr std::string_view chunk = "c/";
  constexpr std::string_view model = "m/";
  constexpr std::string_view tail = "/manifest";
  if (!target.starts_with(root)) return std::nullopt;
  target.remove_prefix(root.size());
  chunk_address result;
  if (target.starts_with(chunk)) {
    result.key = target;
    result.content = digest::parse(result.name());
  } else if (target.starts_with(model) && target.ends_with(tail) && target.size() >= model.size() + tail.size()) {
    result.key = target.substr(0, target.size() - tail.size());
    result.manifest = true;
  } else {
    return std::nullopt;
  }
  if (!is_chunk_name(result.name())) return std::nullopt;
  return result;
}

/// Whether a target is made of safe names, or could be.
constexpr bool is_target_of_names(std::string_view target) noexcept {
  if (!target.starts_with('/')) return false;
  while (!target.empty()) {
    target.remove_prefix(1);
    const std::string_view part = target.substr(0, target.find('/'));
    if (!is_chunk_name(part) && !(part.empty() && target.empty())) return false;
    target.remove_prefix(part.size());
  }
  return true;
}

}  // namespace larder::serve
