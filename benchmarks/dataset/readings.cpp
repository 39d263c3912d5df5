#include "catalogue.hpp"

#include "../lap.hpp"
#include "../page_cache.hpp"

#include <larder/dataset/fixed_records.hpp>
#include <larder/storage/memory.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>

namespace bench {
namespace {

/// The file of samples as larder reads files: records of one size, of which the cache keeps none.
class larder_records {
 public:
  explicit larder_records(const site& s)
      : samples_(s.samples), records_(larder::shard_file(s.samples.path), sample_size), cache_(larder::max_bytes{0}) {}

  auto stream(const larder::stream_options& options) { return cache_.stream(records_, options); }
  /// Uses every sample of one epoch, and `each_batch(stream)` behind every batch.
  template <class EachBatch>
  void epoch(const larder::stream_options& options, EachBatch&& each_batch) {
    auto batches = stream(options);
    epoch_marks marks;
    for (const auto& batch : batches) {
      for (const larder::bytes& sample : batch) marks.add(sample.span());
      each_batch();
    }
    marks.check(samples_);
  }

 private:
  const sample_file& samples_;
  larder::fixed_records records_;
  larder::dataset_cache<larder::bytes, larder::memory> cache_;
};

void be_cold(const site& s) {
  if (!make_cold(s.samples.path))
    throw std::runtime_error("the samples do not leave the page cache: its figures would not be those of the disk");
}

std::vector<double> read_turn(const site& s, const std::function<void()>& read) {
  const lap taken = time(read);
  return {static_cast<double>(s.samples.size()) / mebi / taken.wall, static_cast<double>(s.samples.count) / taken.wall / 1e3,
          taken.cpu * 1e9 / static_cast<double>(s.samples.count)};
}

/// A MiB after the other into one room, or MiB by MiB in a shuffled order, and every sample used there.
void read_by_hand(const site& s, bool shuffled) {
  const open_file file(s.samples.path, O_RDONLY);
  constexpr std::size_t at_once = (std::size_t{1} << 20U) / sample_size;
  const auto room = std::make_unique<std::byte[]>(at_once * sample_size);
  std::vector<std::size_t> begins;
  for (std::size_t begin = 0; begin < s.samples.count; begin += at_once) begins.push_back(begin);
  if (shuffled) std::shuffle(begins.begin(), begins.end(), std::minstd_rand(shuffled_seed));
  epoch_marks marks;
  for (const std::size_t begin : begins) {
    const std::size_t count = std::min(at_once, s.samples.count - begin);
    file.read_all(room.get(), count * sample_size, std::uint64_t{begin} * sample_size);
    for (std::size_t i = 0; i < count; ++i) marks.add({room.get() + i * sample_size, sample_size});
  }
  marks.check(s.samples);
}

contest cold(const site& s) {
  contest all{"cold", {{"rate", "MiB/s", 0}, {"samples", "k samples/s", 1, false}, {"cpu", "ns per sample", 0}}, {}};
  for (const bool shuffled : {false, true})
    all.contenders.push_back(
        {shuffled ? "larder, shuffled" : "larder, in order",
         [&s, shuffled] { return read_turn(s, [&] {
                            larder_records(s).epoch(stream_options_of({shuffled, false}), [] {});
                          }); },
         [&s] { be_cold(s); }});
  for (const bool shuffled : {false, true})
    all.contenders.push_back({shuffled ? "pread, MiB shuffled" : "pread, in order",
                              [&s, shuffled] { return read_turn(s, [&] { read_by_hand(s, shuffled); }); }, [&s] { be_cold(s); }});
  return all;
}

/// What is resident at most during an epoch beyond what was before. Nothing is mapped but the program: all of it is memory that is taken.
std::vector<double> memory_turn(const site& s, const larder::stream_options& options) {
  double anonymous = 0;
  const double before = status_bytes("RssAnon:");
  const cost c =
      cost_of([&] { larder_records(s).epoch(options, [&] { anonymous = std::max(anonymous, status_bytes("RssAnon:")); }); });
  const double window = options.shuffle ? static_cast<double>(options.window_bytes) / mebi : 1.0;  // in order: a shard
  const double peak = (c.peak_bytes - c.before) / mebi;
  return {peak, (anonymous - before) / mebi, window, peak - window};
}

contest memory(const site& s) {
  contest all{"cold_memory",
              {{"peak memory", "MiB", 1, false},
               {"anonymous", "MiB", 1, false},
               {"window", "MiB", 0, false},
               {"beside window", "MiB", 1, false}},
              {}};
  const auto add = [&](const char* name, bool shuffled, std::uint64_t window_bytes) {
    larder::stream_options options = stream_options_of({shuffled, false});
    options.window_bytes = window_bytes;
    all.contenders.push_back({name, [&s, options] { return memory_turn(s, options); }, [&s] { be_cold(s); }});
  };
  add("larder, in order", false, std::uint64_t{64} << 20U);
  add("larder, shuffled", true, std::uint64_t{64} << 20U);
  add("larder, shuffled in 16 MiB", true, std::uint64_t{16} << 20U);
  return all;
}

std::vector<double> first_turn(const site& s, bool shuffled, std::size_t batch) {
  larder_records records(s);
  larder::stream_options options = stream_options_of({shuffled, false});
  options.batch_size = batch;
  const double begun = seconds_of(CLOCK_MONOTONIC);
  auto stream = records.stream(options);
  const auto first = stream.begin();
  const double seconds = seconds_of(CLOCK_MONOTONIC) - begun;
  if ((*first).size() != batch) throw std::runtime_error("the first batch is not whole");
  return {100 * static_cast<double>(stream.stats().bytes_read) / static_cast<double>(s.samples.size()),
          static_cast<double>(stream.stats().bytes_read) / mebi, seconds * 1e3};
}

contest first(const site& s) {
  contest all{"first_batch", {{"read", "% of the file", 3, false}, {"read, MiB", "MiB", 1, false}, {"time", "ms", 2, false}}, {}};
  for (const std::size_t batch : {std::size_t{1}, batch_size})
    for (const bool shuffled : {false, true})
      all.contenders.push_back(
          {std::string("larder, ") + (shuffled ? "shuffled" : "in order") + (batch == 1 ? ", one sample" : ", 64 samples"),
           [&s, shuffled, batch] { return first_turn(s, shuffled, batch); }, [&s] { be_cold(s); }});
  return all;
}

}  // namespace

std::vector<contest> readings(const site& s, const options& wanted) {
  if (!wanted.wants_case("cold") && !wanted.wants_case("cold_memory") && !wanted.wants_case("first_batch")) return {};
  if (!make_cold(s.samples.path)) {
    std::printf("cold, cold_memory and first_batch are skipped: the samples do not leave the page cache of this file system\n");
    return {};
  }
  std::vector<contest> all;
  if (wanted.wants_case("cold")) all.push_back(cold(s));
  if (wanted.wants_case("cold_memory")) all.push_back(memory(s));
  if (wanted.wants_case("first_batch")) all.push_back(first(s));
  return all;
}

}  // namespace bench
