#include <larder/layer/tensor_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::layers::tensor_group;
using larder::layers::tensor_layout;

/// A file of letters that notes what is read of it.
struct noting_file {
  void read(std::uint64_t offset, std::span<std::byte> destination) const {
    reads.emplace_back(offset, destination.size());
    for (std::size_t i = 0; i < destination.size(); ++i)
      destination[i] = static_cast<std::byte>('a' + static_cast<int>(offset + i));
  }
  mutable std::vector<std::pair<std::uint64_t, std::uint64_t>> reads{};
};
using reads = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

std::vector<larder::tensor_info> tensors_at(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& places) {
  std::vector<larder::tensor_info> tensors(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    tensors[i].offset = places[i].first;
    tensors[i].size = places[i].second;
  }
  return tensors;
}
tensor_layout layout_of(const std::vector<larder::tensor_info>& tensors, const std::vector<tensor_group>& groups,
                        std::uint64_t alignment) {
  return tensor_layout(
      groups, tensors, [&](std::size_t i) { return tensors[i].offset; }, [=](const larder::tensor_info&) { return alignment; });
}
std::string read(const tensor_layout& layout, const noting_file& file, std::uint64_t offset, std::size_t size) {
  std::string out(size, '?');
  layout.read(file, 0, offset, std::as_writable_bytes(std::span(out)));
  for (char& c : out)
    if (c == '\0') c = '.';
  return out;
}

}  // namespace

TEST_CASE("what touches in the file and in memory is one read, and padding is nobody's") {
  const noting_file file;
  const auto close = tensors_at({{0, 3}, {3, 2}, {5, 4}});
  CHECK(read(layout_of(close, {{"l", {0, 1, 2}}}, 1), file, 0, 9) == "abcdefghi");
  CHECK(file.reads == reads{{0, 9}});
  const noting_file padded;
  const auto apart = tensors_at({{0, 3}, {4, 2}, {8, 4}});
  CHECK(read(layout_of(apart, {{"l", {0, 1, 2}}}, 4), padded, 0, 12) == "abc.ef..ijkl");
  CHECK(padded.reads == reads{{0, 3}, {4, 2}, {8, 4}});
}

TEST_CASE("what is no neighbour in the file is a read of its own, and gaps between are zeros") {
  const noting_file file;
  const auto tensors = tensors_at({{0, 3}, {10, 2}, {20, 0}, {12, 1}});
  const tensor_layout layout = layout_of(tensors, {{"l", {0, 1, 2, 3}}}, 4);
  CHECK(layout.layers()[0].tensors[1].offset == 4);
  CHECK(layout.layers()[0].size == 9);
  CHECK(read(layout, file, 0, 9) == "abc.kl..m");
  CHECK(file.reads == reads{{0, 3}, {10, 2}, {12, 1}});
  CHECK(layout.place_of(0, 2) == 2U);
  CHECK_FALSE(layout.place_of(0, 3).has_value());  // in a gap
  CHECK(layout.place_of(0, 5) == 11U);
  CHECK(layout.place_of(0, 8) == 12U);
  CHECK_FALSE(layout.place_of(0, 9).has_value());
}

TEST_CASE("any piece of a layer is what the whole has there") {
  const auto tensors = tensors_at({{0, 3}, {10, 2}, {12, 1}});
  const tensor_layout layout = layout_of(tensors, {{"l", {0, 1, 2}}}, 4);
  const noting_file file;
  const std::string whole = read(layout, file, 0, 9);
  for (std::size_t begin = 0; begin < whole.size(); ++begin)
    for (std::size_t size = 1; size <= whole.size() - begin; ++size)
      CHECK(read(layout, file, begin, size) == whole.substr(begin, size));
}

TEST_CASE("a layer has a place where it lies as it does in memory, gaps and all, and no other one does") {
  const auto place = [](const std::vector<std::pair<std::uint64_t, std::uint64_t>>& places, std::uint64_t alignment) {
    const auto tensors = tensors_at(places);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < places.size(); ++i) all.push_back(i);
    return layout_of(tensors, {{"l", all}}, alignment).place_of_layer(0);
  };
  CHECK(place({{7, 3}, {10, 2}}, 1) == 7U);
  CHECK(place({{8, 3}, {12, 2}, {16, 4}}, 4) == 8U);
  CHECK(place({{9, 3}, {13, 2}}, 4) == 9U);
  CHECK(place({{8, 0}, {8, 3}}, 4) == 8U);
  CHECK_FALSE(place({{8, 3}, {11, 2}}, 4).has_value());  // closer in the file
  CHECK_FALSE(place({{8, 3}, {16, 2}}, 4).has_value());  // further
  CHECK_FALSE(place({{8, 4}, {12, 4}, {20, 4}}, 4).has_value());
  CHECK_FALSE(place({{12, 4}, {8, 4}}, 4).has_value());
  CHECK_FALSE(place({{8, 3}, {12, 0}}, 4).has_value());  // which ends in a gap that the file need not have
  CHECK_FALSE(place({{8, 0}}, 4).has_value());
  CHECK_FALSE(place({}, 4).has_value());
}
