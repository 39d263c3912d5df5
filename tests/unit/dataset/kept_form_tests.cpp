// Samples preprocessed or raw: as told, or by what each saves per byte.

#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/kept_form.hpp>
#include <larder/dataset/raw_record.hpp>
#include <larder/dataset/text_lines.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using larder::bytes;
using larder::kept_form;
using larder::datasets::kept_choice;
using larder::datasets::raw_record;

/// After `enough` samples of 2 microseconds to read.
std::optional<kept_form> verdict(std::chrono::nanoseconds preprocessing, std::uint64_t raw, std::uint64_t made, std::uint64_t capacity, std::uint64_t known = 0,
                                 std::uint64_t unknown = 0) {
  kept_choice choice;
  for (const auto& took : {4000us, 2000us, 3000us}) choice.note_read(took, 1000);
  for (std::uint64_t i = 0; i < kept_choice::enough; ++i) {
    CHECK_FALSE(choice.verdict(capacity, known, unknown));
    choice.note(preprocessing, raw, made);
  }
  return choice.verdict(capacity, known, unknown);
}

/// Records of 100 bytes, of which all reading is counted; f makes 400 bytes of each.
class slow_source {
 public:
  explicit slow_source(std::uint64_t records) : records_(records) {}
  class shard {
   public:
    explicit shard(std::uint64_t size) : size_(size), text_(100, 'r') {}
    std::uint64_t size() const { return size_; }
    std::string_view record(std::uint64_t) const { return text_; }

   private:
    std::uint64_t size_;
    std::string text_;
  };
  std::string name() const { return "slow"; }
  std::size_t shards() const { return 5; }
  std::uint64_t shard_bytes(std::size_t) const { return 20 * records_; }
  larder::digest fingerprint(std::size_t number) const { return {1, number}; }
  std::optional<std::uint64_t> count(std::size_t) const { return records_ / 5; }
  std::shared_ptr<const shard> open(std::size_t) const {
    const auto until = std::chrono::steady_clock::now() + 10ms;  // what reading costs is measured, so it has to cost something
    while (std::chrono::steady_clock::now() < until) {
    }
    return std::make_shared<const shard>(records_ / 5);
  }

 private:
  std::uint64_t records_;
};

}  // namespace

TEST_CASE("the form that saves more time for each byte is kept") {
  CHECK(verdict(10ns, 100, 400, 1000) == kept_form::raw);              // unfolding is cheap and takes room
  CHECK(verdict(10ms, 100, 400, 1000) == kept_form::preprocessed);     // what was dear
  CHECK(verdict(10ns, 400, 100, 1000) == kept_form::preprocessed);     // made smaller
  CHECK(verdict(10ns, 100, 400, 1000, 3) == kept_form::raw);           // 1200 bytes do not fit 1000
  CHECK(verdict(10ns, 100, 400, 1000, 2) == kept_form::preprocessed);  // 800 do
  CHECK(verdict(10ns, 100, 400, 1000, 0, 300) == kept_form::raw);           // three records by their bytes
  CHECK(verdict(10ns, 100, 400, 1000, 0, 200) == kept_form::preprocessed);  // two
  CHECK(verdict(10ns, 100, 400, 1000, 1, 200) == kept_form::raw);
  CHECK(verdict(10ns, 100, 400, 1000, 1, 100) == kept_form::preprocessed);
  CHECK(verdict(0ns, 0, 0, 1000) == kept_form::preprocessed);
  CHECK(verdict(10ns, 100, 149, 10) == kept_form::preprocessed);       // hardly more than noise
  CHECK(verdict(10ns, 100, 155, 10) == kept_form::raw);
  kept_choice unread;
  for (std::uint64_t i = 0; i < kept_choice::enough; ++i) unread.note(10ns, 100, 400);
  CHECK_FALSE(unread.verdict(10, 0, 0));
  for (const auto& took : {4000us, 3000us, 900us}) unread.note_read(took, 1000);  // the others were held up
  CHECK(unread.verdict(10, 0, 0) == kept_form::preprocessed);  // raw ones save nothing where reading costs nothing
}

TEST_CASE("one shard that took long to read is enough, short ones are not") {
  kept_choice choice;
  for (std::uint64_t i = 0; i < kept_choice::enough; ++i) choice.note(10ns, 100, 400);
  choice.note_read(4999us, 100);
  CHECK_FALSE(choice.verdict(10, 0, 0));
  choice.note_read(5000us, 100);
  CHECK(choice.verdict(10, 0, 0) == kept_form::raw);
}

TEST_CASE("records that are bytes can be kept raw and restored") {
  static_assert(raw_record<std::string_view>::can_be_kept);
  static_assert(raw_record<std::span<const std::byte>>::can_be_kept);
  static_assert(raw_record<const std::string&>::can_be_kept);
  static_assert(raw_record<const std::vector<float>&>::can_be_kept);
  static_assert(raw_record<bytes>::can_be_kept);
  static_assert(raw_record<int>::can_be_kept);
  struct parsed {
    std::string text;
    std::vector<int> fields;
  };
  static_assert(!raw_record<parsed>::can_be_kept);
  CHECK(raw_record<std::string_view>::restore(raw_record<std::string_view>::encode("text")) == "text");
  CHECK(raw_record<int>::restore(raw_record<int>::encode(7)) == 7);
  const std::vector<float> numbers{1, 2, 3};
  CHECK(raw_record<std::vector<float>>::restore(raw_record<std::vector<float>>::encode(numbers)) == numbers);
  const bytes whole = bytes::copy_of("abc");
  CHECK(bytes::copy_of(raw_record<std::span<const std::byte>>::restore(whole)) == whole);
}

TEST_CASE("raw samples are preprocessed at each use and read once") {
  std::vector<std::string> source;
  for (int i = 0; i < 50; ++i) source.push_back(std::to_string(i));
  std::atomic<int> calls{0};
  const auto number = [&calls](const std::string& text) {
    ++calls;
    return std::stoi(text);
  };
  larder::dataset_cache<int, larder::memory> data;
  for (int epoch = 0; epoch < 2; ++epoch) {
    int expected = 0;
    auto stream = data.stream(source, larder::preprocess{"v1", number}, {.keep = kept_form::raw});
    for (const auto& batch : stream)
      for (const int sample : batch.samples()) CHECK(sample == expected++);
    CHECK(expected == 50);
    CHECK(stream.stats().made == (epoch == 0 ? 50 : 0));
    CHECK(stream.stats().hits == (epoch == 0 ? 0 : 50));
  }
  CHECK(calls == 100);
  std::uint64_t size = 0;
  for (const std::string& text : source) size += text.size();
  CHECK(data.weight() == size);
}

TEST_CASE("samples that all fit are preprocessed once, also where the source does not say how many there are") {
  const support::temporary_folder folder;
  {
    std::ofstream file(folder / "lines.txt");
    for (int i = 0; i < 5000; ++i) file << "line " << i << '\n';
  }
  std::atomic<int> calls{0};
  const auto unfold = [&calls](std::string_view line) {
    ++calls;
    return std::vector<float>(100, static_cast<float>(line.size()));
  };
  larder::dataset_cache<std::vector<float>, larder::memory> data{larder::max_bytes{64'000'000}};
  for (int epoch = 0; epoch < 2; ++epoch)
    for (const auto& batch : data.stream(larder::text_lines{folder / "lines.txt"}, larder::preprocess{"unfold-v1", unfold}))
      for (const std::vector<float>& sample : batch) CHECK(sample.size() == 100);
  CHECK(calls == 5000);
  CHECK(data.weight() == 5000 * 400);
}

TEST_CASE("records that are more than their bytes cannot be kept raw") {
  struct parsed {
    std::string text;
    int number = 0;
  };
  const std::vector<parsed> source(3);
  larder::dataset_cache<int, larder::memory> data;
  CHECK_THROWS_WITH_AS(data.stream(larder::named_source{"parsed", source}, larder::preprocess{"v1", [](const parsed& p) { return p.number; }}, {.keep = kept_form::raw}),
                       doctest::Contains("cannot be kept raw"), larder::error);
}

TEST_CASE("what was measured decides, is remembered, and every sample is right all the while") {
  const support::temporary_folder folder;
  const auto unfold = [](std::string_view text) { return std::string(4 * text.size(), text.front()); };
  const std::uint64_t records = 500;
  for (int run = 0; run < 2; ++run) {
    larder::dataset_cache<std::string> data{larder::mmap_disk{folder / "cache"}, larder::max_bytes{60'000}};
    for (int epoch = 0; epoch < 2; ++epoch) {
      std::uint64_t right = 0;
      auto stream = data.stream(slow_source(records), larder::preprocess{"unfold-v1", unfold});
      for (const auto& batch : stream)
        for (const std::string& sample : batch.samples()) right += sample == std::string(400, 'r') ? 1 : 0;
      CHECK(right == records);
      // 60,000 bytes hold 150 samples of 400 bytes; of those of 100 bytes all that came after the choice.
      if (run != 0 || epoch != 0) CHECK(stream.stats().hits > 300);
    }
    CHECK(data.weight() <= 60'000);
  }
}

TEST_CASE("a quota holds for all streams of a source and version, and across restarts") {
  const support::temporary_folder folder;
  const std::vector<std::string> source(100, std::string(10, 'x'));
  for (int run = 0; run < 2; ++run) {
    larder::dataset_cache<std::string> data{larder::mmap_disk{folder / "cache"}};
    for (int epoch = 0; epoch < 3; ++epoch) {
      auto stream = data.stream(source, {.quota = 500});
      std::uint64_t samples = 0;
      for (const auto& batch : stream) samples += batch.size();
      CHECK(samples == 100);
      CHECK(stream.stats().hits == (run == 0 && epoch == 0 ? 0 : 50));
    }
    CHECK(data.weight() == 500);
    const std::vector<std::string> other(100, std::string(10, 'y'));
    if (run == 1) {
      for (const auto& batch : data.stream(other, larder::preprocess{"v2", [](const std::string& s) { return s; }}, {.quota = 100})) CHECK(batch.size() != 0);
      CHECK(data.weight() == 600);
    }
  }
}
