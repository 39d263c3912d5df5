#include "tensors_in_memory.hpp"

#include <larder/core/digest.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/content_index.hpp>
#include <larder/layer/layer_verification.hpp>
#include <larder/layer/shared_tensors.hpp>
#include <larder/layer/tensor_pages.hpp>
#include <larder/layer/tensor_sharing.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace larder_tests;
using namespace larder::layers;

namespace {

const std::size_t page = mapped_pages::page();

struct counted final : larder::core::byte_owner {
  counted() : byte_owner(larder::residence::heap) {}
  void destroy() noexcept override {}
};

tensor_reference tensor_of(const std::shared_ptr<tensor_pool>& pool, std::uint64_t seed, std::size_t head, std::size_t tail,
                           std::size_t inner, const std::weak_ptr<const void>& origin = {}) {
  std::vector<std::byte> all(head + inner + tail);
  for (std::size_t k = 0; k < all.size(); ++k) all[k] = seeded_byte(seed, k);
  mapped_pages pages = mapped_pages::of_many_places(inner);
  std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(head), inner, pages.data());
  return tensor_reference(new shared_tensor(pool, larder::digest_of(all), all, head, std::move(pages), origin));
}

}  // namespace

TEST_CASE("an index finds what is held, and never what nobody holds any more") {
  content_index index;
  counted first;
  counted second;
  const larder::digest name{1, 2};
  CHECK(index.find(name) == nullptr);
  CHECK(index.add(name, &first));
  CHECK_FALSE(index.add(name, &second));
  CHECK(index.find(name) == &first);
  CHECK(first.references() == 2);
  first.release();
  first.release();
  CHECK(index.find(name) == nullptr);
  CHECK(index.add(name, &second));  // before the first one was removed
  index.remove(name, &first);
  CHECK(index.find(name) == &second);
  index.remove(name, &second);
  CHECK(index.size() == 0);
}

TEST_CASE("a pool knows tensors by content, size and how they lie, and one of each") {
  const auto pool = std::make_shared<tensor_pool>();
  REQUIRE(pool->is_possible());
  tensor_reference first = pool->add(tensor_of(pool, 1, 100, 7, page));
  const larder::digest name = first->content();
  const std::uint64_t size = page + 107;
  CHECK(first->head_bytes().size() == 100);
  CHECK(first->tail_bytes().size() == 7);
  CHECK(first->head_bytes()[99] == seeded_byte(1, 99));
  CHECK(first->tail_bytes()[6] == seeded_byte(1, size - 1));
  CHECK(pool->find(name, size, 100) == first);
  CHECK(pool->find(name, size, 99) == nullptr);
  CHECK(pool->find(name, size + 1, 100) == nullptr);
  CHECK(pool->head_of(name, size) == 100);
  CHECK_FALSE(pool->head_of(name, size + 1));
  CHECK(pool->add(tensor_of(pool, 1, 100, 7, page)) == first);
  const tensor_reference other = pool->add(tensor_of(pool, 1, 50, 57, page));
  CHECK(other != first);
  CHECK(pool->size() == 2);
  CHECK(pool->find(name, size, 50) == other);
  first = nullptr;
  CHECK(pool->find(name, size, 100) == nullptr);
  CHECK_FALSE(pool->head_of(name, size));
  CHECK(pool->find(name, size, 50) == other);
  CHECK(pool->size() == 1);
}

TEST_CASE("a tensor is of whoever read it, while he is there and after") {
  const auto pool = std::make_shared<tensor_pool>();
  auto reader = std::make_shared<int>(1);
  const std::weak_ptr<const void> ours = reader;
  const tensor_reference tensor = tensor_of(pool, 1, 0, 0, page, ours);
  CHECK(tensor->is_of(ours));
  CHECK_FALSE(tensor->is_of(std::make_shared<int>(1)));
  reader = nullptr;
  CHECK(tensor->is_of(ours));
  CHECK_FALSE(tensor->is_of(std::make_shared<int>(1)));
}

TEST_CASE("a layer's memory begins where it is to, and is its tensors' one after the other") {
  const auto pool = std::make_shared<tensor_pool>();
  const std::uint64_t size = 4 * page;
  const larder::tensor_info before{"a", larder::dtype::u8, {50}, 0, 50};
  const larder::tensor_info tensor{"b", larder::dtype::u8, {3 * page}, 50, 3 * page};
  tensor_pages first(size, 24);
  REQUIRE(first);
  CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % page == 24);
  CHECK(first.head_of(tensor) == page - 74);
  CHECK(first.inner_size(tensor) == 2 * page);
  CHECK(first.inner_size(before) == 0);
  CHECK(first.inner_size({"c", larder::dtype::u8, {1}, page - 24, page - 1}) == 0);
  CHECK(first.inner_size({"c", larder::dtype::u8, {1}, page - 24, page}) == page);
  first.make_shareable(1, tensor);
  CHECK_FALSE(first.has_taken());
  for (std::size_t k = 0; k < size; ++k) first.data()[k] = seeded_byte(5, k);
  const std::array<std::optional<larder::digest>, 2> names{std::nullopt,
                                                           larder::digest_of(std::span(first.data() + 50, 3 * page))};
  const auto reader = std::make_shared<int>(1);
  first.publish(pool, names, reader);
  CHECK(pool->size() == 1);
  CHECK(first.bytes_of_others(reader) == 0);
  CHECK(first.bytes_of_others(std::make_shared<int>(2)) == 3 * page);

  tensor_pages second(size, 24);
  tensor_reference found = pool->find(*names[1], 3 * page, second.head_of(tensor));
  REQUIRE(found != nullptr);
  REQUIRE(second.take(1, tensor, std::move(found)));
  CHECK(second.has_taken());
  CHECK(second.has_taken(1));
  CHECK_FALSE(second.has_taken(0));
  CHECK(std::equal(second.data() + 50, second.data() + 50 + 3 * page, first.data() + 50));
  CHECK(second.data()[49] == std::byte{0});
  CHECK(second.data()[50 + 3 * page] == std::byte{0});
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  second.for_each_gap(size, [&](std::uint64_t begin, std::uint64_t end) { gaps.emplace_back(begin, end); });
  CHECK(gaps == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 50}, {50 + 3 * page, size}});
}

TEST_CASE("what is still to be read are the runs between the tensors that are there, with the others in them") {
  const auto pool = std::make_shared<tensor_pool>();
  const auto once = std::make_shared<model_in_memory>(std::vector<model_in_memory::tensors_of_layer>{
      {{1, 10}, {2, 100'000, 6}, {3, 0}, {4, 100'000}, {5, 20}, {6, 30, 2}, {7, 100'000}}});
  const layer_verifier verifier(once->digests, once->infos, larder::verify::first_read);
  const tensor_sharing sharing(pool, once->infos, verifier);
  const larder::layer_info& info = once->infos[0];
  const auto first = sharing.pages_for(0, info, {}, false);
  REQUIRE(first != nullptr);
  CHECK_FALSE(first->has_taken());
  REQUIRE(sharing.unread(0, info, *first).size() == 1);
  CHECK(sharing.unread(0, info, *first)[0].tensors.size() == 6);  // one has no bytes
  std::ranges::copy(once->contents[0], first->data());
  sharing.publish(0, *first, std::make_shared<int>(1));
  CHECK(pool->size() == 3);
  const auto whole = sharing.pages_for(0, info, {}, true);
  CHECK_FALSE(whole->has_taken());
  const auto second = sharing.pages_for(0, info, {}, false);
  const std::vector<unread_range> rest = sharing.unread(0, info, *second);
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].begin == 0);
  CHECK(rest[0].end == 16);
  CHECK(rest[0].indexes == std::vector<std::size_t>{0});
  CHECK(rest[1].begin == 200'016);
  CHECK(rest[1].end == 200'068);
  CHECK(rest[1].indexes == std::vector<std::size_t>{4, 5});
  CHECK(rest[1].tensors[0].offset == 0);
  CHECK(rest[1].tensors[1].offset == 22);
  CHECK(rest[1].tensors[1].size == 30);
  CHECK(rest[1].expected[1] == once->digests[0][5]);
}
