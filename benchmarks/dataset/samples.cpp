#include "samples.hpp"

#include "../mapped_file.hpp"
#include "../open_file.hpp"

#include <larder/dataset/epoch_order.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

namespace bench {

sample_file write_samples(const std::filesystem::path& path, std::size_t count) {
  sample_file made{path, count, 0};
  open_file file(path, O_RDWR | O_CREAT);
  std::mt19937_64 random(42);
  std::vector<std::byte> sample(sample_size);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t at = 0; at < sample_size; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = random();
      std::memcpy(sample.data() + at, &word, sizeof word);
    }
    file.write_all(sample.data(), sample.size(), std::uint64_t{i} * sample_size);
    made.mark += mark_of(sample);
  }
  file.flush();
  return made;
}

sample_file first_of(const sample_file& all, std::size_t count) {
  const mapped_file file(all.path);
  sample_file some{all.path, count, 0};
  for (std::size_t i = 0; i < count; ++i) some.mark += mark_of(file.bytes().subspan(i * sample_size, sample_size));
  return some;
}

std::vector<std::uint32_t> shuffled_order(std::size_t count) {
  const std::size_t shards = (count + shard_size - 1) / shard_size;
  const larder::datasets::epoch_order order({shuffled_seed, true, 0}, shuffled_epoch, shards);
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < shards; ++i) sizes.push_back(std::min(shard_size, count - order.shard(0, i) * shard_size));
  const larder::datasets::window_order window(order, 0, sizes);
  std::vector<std::uint32_t> numbers(count);
  for (std::size_t k = 0; k < count; ++k) {
    const larder::datasets::sample_place at = window[k];
    numbers[k] = static_cast<std::uint32_t>(at.shard * shard_size + at.index);
  }
  return numbers;
}

void epoch_marks::check(const sample_file& of) const {
  if (count_ != of.count || mark_ != of.mark)
    throw std::runtime_error("it saw " + std::to_string(count_) + " samples, and they are not the " + std::to_string(of.count) +
                             " of the file");
}

}  // namespace bench
