// A dataset_cache in a process of its own, for tests of `larder dataset`: caches two data sets under names, "packed" of text that it keeps
// compressed and "numbers" of integers with a quota of 1 MiB, says "open", and has the directory open until standard input ends.
//
// dataset_writer DIRECTORY
// dataset_writer DIRECTORY FILE NAME: streams the file's lines, and then the data set of the name, and says of how many samples how many were there.

#include <larder/codec/zstd.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/text_lines.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace {

int stream(const char* directory, const char* file, const char* name) {
  larder::dataset_cache<larder::bytes> cache{larder::mmap_disk{directory}};
  std::uint64_t samples = 0;
  for (const auto& batch : cache.stream(larder::text_lines{file})) samples += batch.size();
  for (const auto& batch : cache.stream(name, larder::stream_options{.shuffle = true})) samples += batch.size();
  std::cout << samples << ' ' << cache.stats().hits << std::endl;
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 4) return stream(arguments[1], arguments[2], arguments[3]);
  if (count != 2) return 2;
  {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 8; ++i)
      texts.emplace_back((std::size_t{1} << (10 + 2 * i)) + i, static_cast<char>('a' + i));  // 1 KiB to 16 MiB
    larder::dataset_cache<std::string, larder::mmap_disk, larder::zstd> cache{larder::mmap_disk{arguments[1]}, larder::zstd{}};
    cache.cache_dataset("packed", texts);
  }
  larder::dataset_cache<std::int32_t> cache{larder::mmap_disk{arguments[1]}};
  cache.cache_dataset("numbers", std::vector<std::int32_t>{1, 2, 3},
                      larder::preprocess{"times-ten-1", [](std::int32_t number) { return number * 10; }});
  cache.set_quota("numbers", larder::max_bytes{1U << 20U});
  std::cout << "open" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
}
