#include "simulate/byte_source.hpp"

#include "packed_file.hpp"
#include "refusal.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

namespace {

/// All bytes, asked for in pieces of this size.
std::string all_bytes(const std::string& path, std::size_t piece = 1 << 16) {
  const auto source = simulate::open_bytes(path);
  std::string content;
  std::string buffer(piece, '\0');
  while (const std::size_t n = source->read(buffer.data(), buffer.size())) content.append(buffer, 0, n);
  CHECK(source->read(buffer.data(), buffer.size()) == 0);  // the end stays the end
  return content;
}

/// Text that packs well, and text that does not.
std::string content_of(std::size_t size, bool random) {
  std::string content;
  std::uint64_t state = 1;
  while (content.size() < size) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    content += random ? static_cast<char>(state >> 56) : static_cast<char>('a' + content.size() % 7);
  }
  return content;
}

}  // namespace

TEST_CASE("bytes come as they are, or unpacked when their first bytes say so, whatever the file's name") {
  const file_directory files;
  for (const bool random : {false, true})
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{5}, std::size_t{700'000}}) {
      const std::string content = content_of(size, random);
      CAPTURE(size);
      for (const std::size_t piece : {std::size_t{1} << 16, std::size_t{3}}) {
        if (piece == 3 && size > 1000) continue;
        CHECK(all_bytes(files.file("plain.gz", content), piece) == content);
        CHECK(all_bytes(files.file("gzip.txt", gzipped(content)), piece) == content);
        CHECK(all_bytes(files.file("zstd.gz", zstd_packed(content)), piece) == content);
      }
    }
}

TEST_CASE("several gzip members and several zstd frames are one content; zstd's skippable frames are passed over") {
  const file_directory files;
  const std::string big = content_of(300'000, true);
  CHECK(all_bytes(files.file("a", gzipped("one ") + gzipped(big) + gzipped("two"))) == "one " + big + "two");
  CHECK(all_bytes(files.file("b", zstd_packed("one ") + zstd_packed(big) + zstd_packed("two"))) == "one " + big + "two");
  const std::string skippable("\x5a\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  CHECK(all_bytes(files.file("c", skippable + zstd_packed("text") + skippable)) == "text");
}

TEST_CASE("packed data that ends too early is refused, not taken for all there is") {
  const file_directory files;
  const std::string content = content_of(5'000, true);
  for (const bool zstd : {false, true}) {
    const std::string packed = zstd ? zstd_packed(content) : gzipped(content);
    for (const std::size_t size : {std::size_t{4}, std::size_t{12}, packed.size() / 2, packed.size() - 1}) {
      CAPTURE(size);
      const std::string path = files.file("cut", packed.substr(0, size));
      const std::string what = refusal([&] { all_bytes(path); });
      CHECK(says(what, path));
      CHECK(says(what, zstd ? "ends inside its zstd data" : "ends inside its gzip data"));
    }
  }
}

TEST_CASE("damaged packed data is refused") {
  const file_directory files;
  const std::string content = content_of(50'000, false);
  std::string gzip = gzipped(content);
  gzip[gzip.size() - 6] ^= 1;  // its checksum
  CHECK(says(refusal([&] { all_bytes(files.file("a", gzip)); }), "damaged gzip data"));
  CHECK(says(refusal([&] { all_bytes(files.file("b", gzipped(content) + "and more")); }), "damaged gzip data"));
  std::string zstd = zstd_packed(content);
  zstd[4] = static_cast<char>(0xff);  // its frame header
  CHECK(says(refusal([&] { all_bytes(files.file("c", zstd)); }), "damaged zstd data"));
  CHECK(says(refusal([&] { all_bytes(files.file("d", zstd_packed(content) + "and more")); }), "damaged zstd data"));
}

TEST_CASE("what cannot be opened or read is named, with the way out") {
  const file_directory files;
  const std::string missing = (files.path() / "missing").string();
  const std::string what = refusal([&] { simulate::open_bytes(missing); });
  CHECK(says(what, "\"" + missing + "\" could not be opened"));
  CHECK(says(what, "- for standard input"));
  CHECK(says(refusal([&] { simulate::open_bytes(files.path().string()); }), "could not be read"));
}
