#include <larder/codec/zstd.hpp>

#include <larder/core/concepts.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

using larder::zstd;

static_assert(larder::compression_policy<zstd>);
static_assert(larder::compressor<zstd::compressor>);
static_assert(std::is_aggregate_v<zstd>, "its fields are named where it is used");

namespace {

using memory = std::vector<std::byte>;

/// Text that compresses to a third or so.
std::string sentences(std::size_t size, std::uint32_t seed = 1) {
  static constexpr std::array<const char*, 8> words{"layer ", "weight ", "token ", "cache ", "model ", "shard ", "epoch ", "batch "};
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) text += words[random() % words.size()];
  text.resize(size);
  return text;
}
std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}
std::span<const std::byte> raw(const std::string& text) { return std::as_bytes(std::span(text)); }

memory compressed(const zstd::compressor& by, const std::string& text) {
  memory made(text.size() + text.size() / 128 + 64);
  made.resize(by.compress(raw(text), made));
  return made;
}
/// In memory of exactly that size, so that the address sanitizer sees a write behind it.
bool gives_back(const zstd::compressor& by, const memory& frame, std::string& text, std::size_t size) {
  std::vector<std::byte> to(size);
  if (!by.may_become(frame, size) || !by.decompress(frame, to)) return false;
  text.assign(reinterpret_cast<const char*>(to.data()), to.size());
  return true;
}

}  // namespace

TEST_CASE("what was compressed comes back, at every level and size") {
  for (const int level : {-7, 0, 1, 3, 19})
    for (const std::size_t size : {1U, 2U, 100U, 4095U, 4096U, 128U * 1024U, 128U * 1024U + 1, 1'000'000U}) {
      CAPTURE(level);
      CAPTURE(size);
      const zstd::compressor by(zstd{.level = level});
      for (const std::string& text : {sentences(size), std::string(size, '\0'), noise(size)}) {
        std::string back;
        REQUIRE(gives_back(by, compressed(by, text), back, size));
        CHECK(back == text);
      }
    }
}

TEST_CASE("a higher level makes less of it") {
  const std::string text = sentences(200'000);
  CHECK(compressed(zstd::compressor(zstd{.level = 19}), text).size() < compressed(zstd::compressor(zstd{.level = 1}), text).size());
}

TEST_CASE("too little room is said, whatever the room, and the room is enough when it is as much as is needed") {
  const zstd::compressor by(zstd{});
  const std::string text = sentences(20'000);
  const std::size_t needed = compressed(by, text).size();
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{17}, needed / 2, needed - 1}) {
    memory made(room);
    CHECK(by.compress(raw(text), made) == 0);
  }
  const std::string random = noise(100'000);
  memory made(random.size() - random.size() / 8);
  CHECK(by.compress(raw(random), made) == 0);
}

TEST_CASE("the most that a frame can stand for may become of it, and no more is believed") {
  const zstd::compressor by(zstd{.level = 19});
  const std::string zeros(64 << 20, '\0');
  const memory frame = compressed(by, zeros);
  CHECK(frame.size() < 8192);
  CHECK(by.may_become(frame, zeros.size()));
  CHECK_FALSE(by.may_become(frame, zeros.size() + 1));
  CHECK_FALSE(by.may_become(frame, 0));
  // A frame of 13 bytes that says that it is 4 GiB.
  memory forged(13);
  const std::uint32_t magic = 0xFD2FB528;
  std::memcpy(forged.data(), &magic, 4);
  forged[4] = std::byte{0xe0};  // one segment, a content size of eight bytes
  const std::uint64_t size = 0xffff'ffff;
  std::memcpy(forged.data() + 5, &size, 8);
  CHECK_FALSE(by.may_become(forged, size));
}

TEST_CASE("a frame that is cut, has something behind it, or is several, is none") {
  const zstd::compressor by(zstd{});
  const std::string text = sentences(5000);
  const memory frame = compressed(by, text);
  std::string back;
  for (std::size_t size = 0; size < frame.size(); ++size) CHECK_FALSE(gives_back(by, memory(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)), back, 5000));
  memory longer = frame;
  longer.push_back(std::byte{0});
  CHECK_FALSE(gives_back(by, longer, back, 5000));
  memory twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  CHECK_FALSE(gives_back(by, twice, back, 5000));
  CHECK_FALSE(gives_back(by, twice, back, 10'000));
  // A skippable frame is nothing that compress makes.
  memory skippable(12);
  const std::uint32_t magic = 0x184D2A50;
  const std::uint32_t size = 4;
  std::memcpy(skippable.data(), &magic, 4);
  std::memcpy(skippable.data() + 4, &size, 4);
  CHECK_FALSE(by.may_become(skippable, 0));
  skippable.insert(skippable.end(), frame.begin(), frame.end());
  CHECK_FALSE(gives_back(by, skippable, back, 5000));
}

TEST_CASE("a flipped bit is noticed, or gives as many bytes as were asked for and writes none behind them") {
  const zstd::compressor by(zstd{});
  const memory frame = compressed(by, sentences(3000));
  std::size_t noticed = 0;
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    memory flipped = frame;
    flipped[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    std::string back;
    if (!gives_back(by, flipped, back, 3000))
      ++noticed;
    else
      CHECK(back.size() == 3000);
  }
  CHECK(noticed > 0);
}

TEST_CASE("another size than the frame's is refused") {
  const zstd::compressor by(zstd{});
  const memory frame = compressed(by, sentences(5000));
  std::string back;
  for (const std::size_t size : {0U, 1U, 4999U, 5001U, 1'000'000U}) CHECK_FALSE(gives_back(by, frame, back, size));
}

TEST_CASE("a level that libzstd does not have is refused with a sentence") {
  for (const int level : {23, 1000, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
    try {
      const zstd::compressor refused(zstd{.level = level});
      FAIL("level ", level, " was taken");
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
      CHECK(std::string(e.what()).find(std::to_string(level)) != std::string::npos);
    }
  }
}

TEST_CASE("many threads at once, more than contexts are kept for; what is kept is counted") {
  const zstd::compressor by(zstd{});
  CHECK(by.memory() == 0);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 12; ++t)
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 20; ++i) {
        const std::string text = sentences(10'000 + i, t * 100 + i);
        std::string back;
        if (!gives_back(by, compressed(by, text), back, text.size()) || back != text) ++wrong;
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(wrong == 0);
  CHECK(by.memory() > 100'000);
  CHECK(by.memory() < 50'000'000);
}
