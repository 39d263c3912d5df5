#include <larder/storage/segment_table.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::storage::file_mapping;
using larder::storage::pinned_ledger;
using larder::storage::segment;
using larder::storage::segment_table;

namespace {

std::shared_ptr<segment> segment_of(std::uint32_t number, std::uint64_t size) {
  return std::make_shared<segment>(number, std::to_string(number), file_mapping::of_zeros(4096), size, false,
                                   std::make_shared<pinned_ledger>());
}

struct known {
  std::uint64_t size = 0;
  std::uint64_t live = 0;
};

void hold_to(const segment_table& table, const std::map<std::uint32_t, known>& model) {
  std::uint64_t size = 0;
  std::uint64_t live = 0;
  for (const auto& [number, one] : model) {
    size += one.size;
    live += one.live;
    const auto found = table.find(number);
    RC_ASSERT(found != nullptr);
    RC_ASSERT(found->live_bytes() == one.live);
  }
  RC_ASSERT(table.size() == model.size());
  RC_ASSERT(table.file_bytes() == size);
  RC_ASSERT(table.live_bytes() == live);
  std::vector<std::uint32_t> told;
  table.for_each([&](const std::shared_ptr<segment>& one) { told.push_back(one->number); });
  std::vector<std::uint32_t> expected;
  for (const auto& [number, one] : model) expected.push_back(number);
  RC_ASSERT(told == expected);
  const auto oldest = table.oldest_but(0);
  RC_ASSERT((oldest == nullptr) == model.empty());
  if (!model.empty()) {
    RC_ASSERT(oldest->number == model.begin()->first);
    const auto next = table.oldest_but(oldest->number);
    RC_ASSERT((next == nullptr) == (model.size() == 1));
    if (next != nullptr) RC_ASSERT(next->number == std::next(model.begin())->first);
  }
}

}  // namespace

TEST_CASE("the sums of a table are those of its segments after any changes") {
  CHECK(rc::check("changes", [] {
    segment_table table;
    std::map<std::uint32_t, known> model;
    const int changes = *rc::gen::inRange(1, 60);
    for (int i = 0; i < changes; ++i) {
      const auto number = *rc::gen::inRange<std::uint32_t>(1, 12);
      const auto size = *rc::gen::inRange<std::uint64_t>(0, 1000);
      const auto found = table.find(number);
      switch (*rc::gen::inRange(0, 7)) {
        case 0:
        case 1:
          table.add(segment_of(number, size));  // in the place of one that is known
          model[number] = {size, 0};
          break;
        case 2:
          table.remove(number);
          model.erase(number);
          break;
        case 3:
          if (found == nullptr) break;
          table.add_live(*found, size);
          model[number].live += size;
          break;
        case 4:
          if (found == nullptr) break;
          table.drop_live(*found, size);  // never below nothing
          model[number].live -= std::min(model[number].live, size);
          break;
        case 5:
          if (found == nullptr) break;
          table.remove(number);
          table.add(found);  // with what counts of it
          break;
        default:
          if (*rc::gen::inRange(0, 10) != 0) break;
          table.clear();
          model.clear();
      }
      hold_to(table, model);
    }
  }));
}

TEST_CASE("whoever goes through a table may remove each segment that he is given") {
  segment_table table;
  for (const std::uint32_t number : {3U, 4U, 7U, 9U}) table.add(segment_of(number, number));
  std::vector<std::uint32_t> told;
  table.for_each([&](const std::shared_ptr<segment>& one) {
    told.push_back(one->number);
    if (one->number != 7) table.remove(one->number);
    CHECK(one->path == std::to_string(one->number));  // it is kept for as long as f looks at it
  });
  CHECK(told == std::vector<std::uint32_t>{3, 4, 7, 9});
  CHECK(table.size() == 1);
  CHECK(table.file_bytes() == 7);
  CHECK(table.oldest_but(0)->number == 7);
  CHECK(table.oldest_but(7) == nullptr);
}
