#include <larder/artifact/checked_text.hpp>
#include <larder/artifact/file_pieces.hpp>
#include <larder/artifact/gear_chunks.hpp>
#include <larder/artifact/piece_list.hpp>
#include <larder/artifact/tensor_spans.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <fcntl.h>

#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using support::pattern;
using larder::artifacts::blob_piece;
using larder::artifacts::chunk_size;
using larder::artifacts::file_pieces;
using larder::artifacts::file_span;
using larder::artifacts::gear_chunks;
using larder::artifacts::piece_list;
using larder::artifacts::tensor_spans;

struct named_content {
  std::string name;
  std::string content;
};
std::string safetensors_of(const std::vector<named_content>& tensors, std::string_view metadata = "") {
  std::string json = "{" + std::string(metadata);
  std::string data;
  for (const named_content& one : tensors) {
    if (json.size() > 1 && json.back() != ',') json += ',';
    json += '"' + one.name + R"(":{"dtype":"U8","shape":[)" + std::to_string(one.content.size()) + R"(],"data_offsets":[)" + std::to_string(data.size()) + ',' +
            std::to_string(data.size() + one.content.size()) + "]}";
    data += one.content;
  }
  json += '}';
  std::string file(8, '\0');
  const std::uint64_t length = json.size();
  std::memcpy(file.data(), &length, 8);
  return file + json + data;
}

std::vector<std::string> pieces_of(const fs::path& path) {
  const larder::storage::file_descriptor file = larder::storage::open_file(path.string(), O_RDONLY);
  const std::uint64_t size = fs::file_size(path);
  file_pieces all(file, path.string(), size, tensor_spans(file, path.string(), size));
  std::vector<std::string> pieces;
  for (std::span<const std::byte> piece = all.next(); !piece.empty(); piece = all.next())
    pieces.emplace_back(reinterpret_cast<const char*>(piece.data()), piece.size());
  return pieces;
}
std::string joined(const std::vector<std::string>& pieces) {
  std::string all;
  for (const std::string& one : pieces) all += one;
  return all;
}
std::size_t bytes_not_in(const std::vector<std::string>& pieces, const std::vector<std::string>& others) {
  const std::set<std::string> known(others.begin(), others.end());
  std::size_t sum = 0;
  for (const std::string& one : pieces) sum += known.contains(one) ? 0 : one.size();
  return sum;
}

}  // namespace

TEST_CASE("what is inserted into content moves no cut far behind it") {
  const support::temporary_folder folder;
  const std::string before = pattern(2 << 20, 1);
  std::string after = before;
  after.insert(700'000, "something new");
  after.erase(10, 3);
  support::write_file(folder / "a", before);
  support::write_file(folder / "b", after);
  const std::vector<std::string> a = pieces_of(folder / "a");
  const std::vector<std::string> b = pieces_of(folder / "b");
  CHECK(joined(a) == before);
  CHECK(joined(b) == after);
  CHECK(bytes_not_in(b, a) < 4 * gear_chunks::most);
  for (std::size_t i = 0; i + 1 < a.size(); ++i) {
    CHECK(a[i].size() > gear_chunks::least);
    CHECK(a[i].size() <= gear_chunks::most);
  }
  CHECK(a.size() > before.size() / (2 * gear_chunks::wanted));
  CHECK(a.size() < 2 * before.size() / gear_chunks::wanted);
}

TEST_CASE("content that never says where to cut is cut at the most, and the last piece is what is left") {
  const support::temporary_folder folder;
  support::write_file(folder / "zeros", std::string(150'000, '\0'));
  const std::vector<std::string> zeros = pieces_of(folder / "zeros");
  CHECK(joined(zeros) == std::string(150'000, '\0'));
  for (std::size_t i = 1; i + 1 < zeros.size(); ++i) CHECK(zeros[i].size() == zeros[0].size());
  support::write_file(folder / "empty", "");
  CHECK(pieces_of(folder / "empty").empty());
  support::write_file(folder / "small", "12345");
  CHECK(pieces_of(folder / "small") == std::vector<std::string>{"12345"});
}

TEST_CASE("tensors are pieces wherever they lie, large ones in parts of 8 MiB") {
  const support::temporary_folder folder;
  const std::string wide = pattern(2 * chunk_size + 12'345, 2);
  const std::string narrow = pattern(50'000, 3);
  const std::string scale = pattern(16, 4);
  support::write_file(folder / "a", safetensors_of({{"narrow", narrow}, {"scale", scale}, {"wide", wide}}));
  support::write_file(folder / "b", safetensors_of({{"wide", wide}, {"another", pattern(9'999, 5)}, {"narrow", narrow}}, R"("__metadata__":{"tuned":"yes"},)"));
  const std::vector<std::string> a = pieces_of(folder / "a");
  const std::vector<std::string> b = pieces_of(folder / "b");
  for (const auto& pieces : {a, b}) {
    CHECK(std::count(pieces.begin(), pieces.end(), narrow) == 1);
    CHECK(std::count(pieces.begin(), pieces.end(), wide.substr(0, chunk_size)) == 1);
    CHECK(std::count(pieces.begin(), pieces.end(), wide.substr(chunk_size, chunk_size)) == 1);
    CHECK(std::count(pieces.begin(), pieces.end(), wide.substr(2 * chunk_size)) == 1);
  }
  CHECK(bytes_not_in(b, a) < 11'000);
  std::ifstream in(folder / "a", std::ios::binary);
  CHECK(joined(a) == std::string(std::istreambuf_iterator<char>(in), {}));
}

TEST_CASE("a file that only looks like one with tensors is cut by its content") {
  const support::temporary_folder folder;
  std::string broken = safetensors_of({{"t", pattern(100'000, 6)}});
  broken.replace(broken.find("100000]"), 7, "100001]");
  support::write_file(folder / "broken", broken);
  CHECK(pieces_of(folder / "broken").size() > 2);
  CHECK(joined(pieces_of(folder / "broken")) == broken);
  support::write_file(folder / "gguf", "GGUF" + pattern(100'000, 7));
  CHECK(joined(pieces_of(folder / "gguf")).size() == 100'004);
}

TEST_CASE("pieces of any file with any tensors are the file") {
  CHECK(rc::check("joined again", [] {
    const support::temporary_folder folder;
    std::vector<named_content> tensors;
    const int count = *rc::gen::inRange(0, 8);
    for (int i = 0; i < count; ++i)
      tensors.push_back({"t" + std::to_string(i), pattern(*rc::gen::element<std::size_t>(0, 1, 4095, 4096, 4097, 65'536, 70'000, chunk_size, chunk_size + 1), static_cast<std::uint32_t>(i))});
    const std::string file = safetensors_of(tensors);
    support::write_file(folder / "f", file);
    const std::vector<std::string> pieces = pieces_of(folder / "f");
    RC_ASSERT(joined(pieces) == file);
    for (const std::string& one : pieces) RC_ASSERT(!one.empty() && one.size() <= chunk_size);
    for (const named_content& one : tensors)
      if (one.content.size() >= 4096 && one.content.size() <= chunk_size) RC_ASSERT(std::count(pieces.begin(), pieces.end(), one.content) == 1);
  }));
}

TEST_CASE("a file that became shorter is an error, and no short piece") {
  const support::temporary_folder folder;
  const std::string path = (folder / "f").string();
  support::write_file(path, pattern(100'000, 8));
  const larder::storage::file_descriptor file = larder::storage::open_file(path, O_RDONLY);
  file_pieces all(file, path, 200'000, {});
  CHECK(support::cause_of([&] {
          while (!all.next().empty()) {
          }
        }) == larder::error_cause::corruption);
}

TEST_CASE("a list of pieces is read as it was written, and refused when anything of it is not right") {
  piece_list list{300, {{{1, 2}, 100}, {{3, 4}, 200}}};
  CHECK(piece_list::parse(list.text()) == list);
  CHECK(piece_list::parse(piece_list{}.text()) == piece_list{});
  const std::string text = list.text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 0x10);
    CHECK(!piece_list::parse(other));
    CHECK(!piece_list::parse(text.substr(0, i)));
  }
  CHECK(!piece_list::parse(piece_list{301, list.pieces}.text()));                                  // does not add up
  CHECK(!piece_list::parse(piece_list{0, {{{1, 2}, 0}}}.text()));                                  // a piece of nothing
  CHECK(!piece_list::parse(piece_list{chunk_size + 1, {{{1, 2}, chunk_size + 1}}}.text()));        // too large a piece
  CHECK(!piece_list::parse(piece_list{4, {{{1, 2}, ~std::uint64_t{0} - 2}, {{3, 4}, 7}}}.text()));  // adds up by overflow
}
