// A cache on mmap_disk that does what standard input says, a line each, and answers each with a line: for tests of `larder disk`.
//
//   put HEXKEY SIZE SEED [TTL]   erase HEXKEY   get HEXKEY   size   clear   advance SECONDS   crash
//
// disk_writer DIRECTORY [AGE]: its clock stands, AGE seconds before the time of day. A key of no bytes is -.
// disk_writer mark DIRECTORY VERSION ORDER: writes a marker that is whole.
// disk_writer runs DIRECTORY SIZE: puts a value of that many equal characters under the key "run", compressed.
// disk_writer later FILE NUMBER OFFSET KIND FLAG: makes a record in a sealed segment one that a later version wrote.

#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/mmap_disk.hpp>

#include "../unit/cache/run_lengths.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace larder::literals;

namespace {

std::string key_of(const std::string& digits) {
  std::string key;
  if (digits == "-") return key;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) key += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return key;
}
std::string value_of(std::uint64_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string value(static_cast<std::size_t>(size), '\0');
  for (char& c : value) c = static_cast<char>(random());
  return value;
}

void mark(const std::string& directory, const std::string& version, const std::string& order) {
  const std::string text = "larder storage, version " + version + "\n" + order + "\n";
  std::ofstream(directory + "/format", std::ios::binary | std::ios::trunc) << text << larder::digest_of(text).hex() << '\n';
}

/// Head and footer stay right, but for the kind and the flags that they name.
void make_later(const std::string& path, std::uint32_t number, std::uint64_t offset, std::uint8_t kind, std::uint8_t flag) {
  namespace format = larder::format;
  std::ifstream in(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_writable_bytes(std::span(content));
  const format::record_place at{number, static_cast<std::uint32_t>(offset / format::record_place::unit_size)};
  const auto record = format::peek_record(bytes.subspan(offset), at);
  const auto footer = format::segment_footer::find(bytes, number);
  if (!record || !footer) std::exit(2);
  bytes[offset + 4] = std::byte{kind};
  bytes[offset + 5] = std::byte{flag};
  const std::uint64_t checksum =
      format::detail::header_checksum(bytes.data() + offset, format::record_key(bytes.subspan(offset), *record), at);
  std::memcpy(bytes.data() + offset + 72, &checksum, sizeof checksum);
  std::vector<format::footer_entry> entries;
  std::vector<std::uint64_t> uses;
  for (std::size_t i = 0; i < footer->size(); ++i) {
    entries.push_back((*footer)[i]);
    uses.push_back(footer->use(i));
    if (entries.back().unit == at.unit) entries.back().kind = static_cast<format::record_kind>(kind);
  }
  const std::vector<std::byte> anew = format::encode_footer(entries, uses, number, footer->records_end());
  std::memcpy(bytes.data() + footer->records_end(), anew.data(), anew.size());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.front() == "mark" && words.size() == 4) return mark(words[1], words[2], words[3]), 0;
  if (words.front() == "later" && words.size() == 6) {
    make_later(words[1], static_cast<std::uint32_t>(std::stoul(words[2])), std::stoul(words[3]),
               static_cast<std::uint8_t>(std::stoul(words[4])), static_cast<std::uint8_t>(std::stoul(words[5])));
    return 0;
  }
  const bool makes_runs = words.front() == "runs" && words.size() == 3;
  larder::mmap_disk storage{makes_runs ? words[1] : words[0], {}};
  storage.options.segment_size = 128_KiB;
  storage.options.file_from = 16_KiB;
  if (makes_runs) {
    auto compressing = larder::make_cache<std::string, std::string>(larder::lru{}, larder::max_bytes{64_MiB}, run_lengths{}, storage);
    return compressing.put("run", std::string(std::stoul(words[2]), 'x')) ? 0 : 1;
  }
  larder::manual_clock clock(larder::wall_time::now() - std::chrono::seconds(count > 2 ? std::atol(arguments[2]) : 0));
  auto cache =
      larder::make_cache<std::string, std::string>(larder::lru{}, larder::max_bytes{64_MiB}, larder::ttl{},
                                                   larder::expire_after_access{160h}, larder::time_source{clock}, storage);
  std::cout << "open" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream parts(line);
    std::string what;
    std::string key;
    std::uint64_t size = 0;
    std::uint32_t seed = 0;
    parts >> what >> key;
    if (what == "put") {
      parts >> size >> seed;
      std::int64_t seconds = 0;
      const bool has_ttl = static_cast<bool>(parts >> seconds);
      const bool stored = has_ttl ? cache.put(key_of(key), value_of(size, seed), std::chrono::seconds(seconds))
                                  : cache.put(key_of(key), value_of(size, seed));
      std::cout << (stored ? "stored" : "refused") << std::endl;
    } else if (what == "erase") {
      std::cout << (cache.erase(key_of(key)) ? "erased" : "missing") << std::endl;
    } else if (what == "get") {
      const std::optional<std::string> found = cache.get(key_of(key));
      std::cout << (found ? std::to_string(found->size()) + " " + larder::digest_of(*found).hex() : "miss") << std::endl;
    } else if (what == "size") {
      std::cout << cache.size() << std::endl;
    } else if (what == "clear") {
      cache.clear();
      std::cout << "cleared" << std::endl;
    } else if (what == "advance") {
      clock.advance(std::chrono::seconds(std::stol(key)));
      std::cout << "advanced" << std::endl;
    } else if (what == "crash") {
      ::kill(::getpid(), SIGKILL);
    } else {
      return 2;
    }
  }
  return 0;
}
