#pragma once

// Which tensors make up a layer, and in which order layers are used. A layer is the tensors that share their name up to
// and including the first component that is all digits ("model.layers.7.mlp.weight" -> "model.layers.7"), else their
// first component. Layers are in the order of their first byte in the file; the numbered layers of one prefix stand
// together, where the first of them stands, by ascending number (writers that sort by name put 10 before 2).

#include <larder/core/error.hpp>
#include <larder/format/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder {

/// Layers by a function of one's own: f(tensor's name) -> layer's name.
template <class F>
struct group_by {
  F f;
  explicit group_by(F function) : f(std::move(function)) {}
};

/// A layer by list: its name and its tensors' full names, in the order in which they shall lie in memory.
struct layer_group {
  std::string name;
  std::vector<std::string> tensors;
};

namespace layers {

inline bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The layer that a tensor belongs to by its name.
inline std::string_view layer_of(std::string_view tensor) noexcept {
  std::size_t begin = 0;
  while (begin <= tensor.size()) {
    const std::size_t end = std::min(tensor.find('.', begin), tensor.size());
    if (all_digits(tensor.substr(begin, end - begin))) return tensor.substr(0, end);
    begin = end + 1;
  }
  return tensor.substr(0, tensor.find('.'));
}

/// A layer's name as prefix and number; the number is empty when there is none.
struct numbered_name {
  std::string_view prefix;
  std::string_view number;  // without leading zeros
};
inline numbered_name split_number(std::string_view name) noexcept {
  const std::size_t dot = name.rfind('.');
  const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
  std::string_view number = name.substr(begin);
  if (!all_digits(number)) return {name, {}};
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return {name.substr(0, begin), number};
}

/// Which tensors (by their index in `tensors`, which are in file order) make up a layer.
struct tensor_group {
  std::string name;
  std::vector<std::size_t> tensors;
};

/// Groups by a function of the names, in the order of use.
template <class F>
std::vector<tensor_group> group_tensors(std::span<const tensor_info> tensors, group_by<F>& grouping) {
  static_assert(std::is_convertible_v<std::invoke_result_t<F&, std::string_view>, std::string> ||
                    std::is_constructible_v<std::string, std::invoke_result_t<F&, std::string_view>>,
                "larder: group_by needs a function that takes a tensor's name and gives its layer's name");
  std::vector<tensor_group> groups;
  std::unordered_map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::string name(grouping.f(std::string_view(tensors[i].name)));
    const auto [place, is_new] = by_name.try_emplace(std::move(name), groups.size());
    if (is_new) groups.push_back({place->first, {}});
    groups[place->second].tensors.push_back(i);
  }
  // Tensors come in file order, so a group's index is the rank of its first byte; a family has the rank of its first group.
  struct ranked {
    std::size_t family;
    std::string_view number;
    std::size_t rank;
  };
  std::unordered_map<std::string_view, std::size_t> families;
  std::vector<ranked> order;
  order.reserve(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const numbered_name parts = split_number(groups[i].name);
    const std::size_t family = parts.number.empty() ? i : families.try_emplace(parts.prefix, i).first->second;
    order.push_back({family, parts.number, i});
  }
  std::sort(order.begin(), order.end(), [](const ranked& a, const ranked& b) {
    return std::tuple(a.family, a.number.size(), a.number, a.rank) < std::tuple(b.family, b.number.size(), b.number, b.rank);
  });
  std::vector<tensor_group> sorted;
  sorted.reserve(groups.size());
  for (const ranked& r : order) sorted.push_back(std::move(groups[r.rank]));
  return sorted;
}

/// Groups by a list; throws `larder::error` for a tensor that is not there or that one group names twice.
inline std::vector<tensor_group> group_tensors(std::span<const tensor_info> tensors, const std::vector<layer_group>& list,
                                               std::string_view file) {
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < tensors.size(); ++i) by_name.emplace(tensors[i].name, i);
  std::vector<tensor_group> groups;
  for (const layer_group& wanted : list) {
    tensor_group group{wanted.name, {}};
    for (const std::string& name : wanted.tensors) {
      const auto found = by_name.find(name);
      if (found == by_name.end())
        core::fail(error_cause::invalid_argument, std::string(file) + ": layer \"" + wanted.name + "\" names the tensor \"" + name +
                                                      "\", which is not in the file");
      if (std::find(group.tensors.begin(), group.tensors.end(), found->second) != group.tensors.end())
        core::fail(error_cause::invalid_argument,
                   std::string(file) + ": layer \"" + wanted.name + "\" names the tensor \"" + name + "\" twice");
      group.tensors.push_back(found->second);
    }
    for (const tensor_group& other : groups)
      if (other.name == group.name)
        core::fail(error_cause::invalid_argument, std::string(file) + ": two layers are named \"" + group.name + "\"");
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace layers
}  // namespace larder
