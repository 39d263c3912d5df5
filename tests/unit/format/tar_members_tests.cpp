#include <larder/format/tar_members.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/folders.hpp"
#include "support/refusal.hpp"
#include "support/tar_archive.hpp"
#include "support/temporary_folder.hpp"

namespace {

using larder::format::tar_member;
using larder::format::tar_members_of;
using support::tar_archive;
using files = std::vector<std::pair<std::string, std::string>>;  // name, content

std::vector<tar_member> members(const std::string& archive) { return tar_members_of(std::as_bytes(std::span(archive)), "a.tar"); }
files contents(const std::string& archive) {
  files all;
  for (const tar_member& m : members(archive))
    all.emplace_back(m.name, archive.substr(static_cast<std::size_t>(m.offset), static_cast<std::size_t>(m.size)));
  return all;
}
support::refusal why_not(const tar_archive& archive) {
  support::refusal refused = support::refusal_of([&] { members(archive.text()); });
  CHECK(refused.cause == larder::error_cause::corruption);
  CHECK(says(refused, "a.tar: not a valid tar archive: byte "));
  return refused;
}
std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("files are handed out in their order, and what is none is passed over") {
  tar_archive archive;
  archive.pax(tar_archive::pax_record("comment", "of all"), 'g').file("d/", "", '5').file("d/a.txt", "A").file("d/link", "", '2');
  archive.file("d/hard", "", '1').file("tty", "", '3').file("disk", "", '4').file("pipe", "", '6').file("label", "", 'V').file("list", "names", 'D');
  archive.file("old/", "", '\0').file("old/b", std::string(513, 'b'), '\0').file("d/c", "", '7');
  archive.end().raw("whatever follows");
  CHECK(contents(archive.text()) == files{{"d/a.txt", "A"}, {"old/b", std::string(513, 'b')}, {"d/c", ""}});
  CHECK(members(tar_archive().end().text()).empty());
  CHECK(members(std::string(512, '\0')).empty());
  CHECK(members(std::string(10'240, '\0')).empty());
  CHECK(contents(tar_archive().pax(tar_archive::pax_record("linkpath", "x")).file("link", "", '2').file("a", "1").text()) == files{{"a", "1"}});
  const std::string long_link = tar_archive::header("././@LongLink", 2, 'K') + tar_archive::padded("x");
  CHECK(contents(tar_archive().raw(long_link).file("l", "", '2').file("a", "1").text()) == files{{"a", "1"}});
}

TEST_CASE("what is written in any of the formats is read") {
  CHECK(rc::check("formats", [] {
    files written;
    tar_archive archive;
    const auto count = *rc::gen::inRange(0, 8);
    for (int i = 0; i < count; ++i) {
      const auto length = *rc::gen::inRange<std::size_t>(1, 300);
      std::string name = *rc::gen::container<std::string>(length, rc::gen::elementOf(std::string("ab/.-\xc3\xa9")));
      name = "n" + name + "z";
      if (!larder::format::tar_rules::name_fault(name).empty()) name.resize(1);
      const auto size = *rc::gen::inRange<std::size_t>(0, 1600);
      const std::string content(size, static_cast<char>('a' + i));
      switch (*rc::gen::inRange(0, 3)) {
        case 0: archive.file(name, content); break;
        case 1: archive.gnu_file(name, content); break;
        default: archive.pax_file(name, content); break;
      }
      written.emplace_back(name, content);
    }
    if (written.empty() || *rc::gen::arbitrary<bool>()) archive.end();
    RC_ASSERT(contents(archive.text()) == written);
  }));
}

TEST_CASE("an archive may stop behind a member; cut anywhere else it is refused with the offset") {
  tar_archive archive;
  archive.file("a", std::string(600, 'a')).pax_file("b", "b").gnu_file(std::string(200, 'c'), std::string(512, 'c'));
  const files all = contents(archive.text());
  REQUIRE(all.size() == 3);
  const std::string whole = archive.text();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    files got;
    const support::refusal refused = support::refusal_of([&] { got = contents(whole.substr(0, size)); });
    // Behind the content of a, or in what fills its block; the same of b. c's content fills its block.
    const bool behind_a = size >= 512 + 600 && size <= 512 + 1024;
    const bool behind_b = size >= 3072 + 1 && size <= 3072 + 512;
    CAPTURE(size);
    REQUIRE(refused.cause.has_value() == !(behind_a || behind_b));
    if (behind_a) REQUIRE(got.size() == 1);
    if (behind_b) REQUIRE(got.size() == 2);
    if (refused.cause && size > 0) REQUIRE(refused.message.find("is cut off") != std::string::npos);
  }
  CHECK(says(support::refusal_of([] { members(""); }), "byte 0: it is empty"));
  CHECK(says(why_not(tar_archive().raw(whole.substr(0, 700))), "byte 0: the archive is cut off: \"a\" has 600 bytes, and 188 are left"));
  CHECK(says(why_not(tar_archive().raw(whole.substr(0, 512 + 1024 + 100))),
             "byte 1536: the archive is cut off: a header has 512 bytes, and 100 are left"));
}

TEST_CASE("names that lead elsewhere are refused with the reason") {
  for (const std::string name : {"/etc/passwd", "\\x", "..", "../x", "a/../x", "a/..", "a\\..\\x"}) {
    const char* const why = name.find("..") == std::string::npos ? "is absolute" : "component \"..\"";
    CHECK(says(why_not(tar_archive().file(name, "x")), why));
    CHECK(says(why_not(tar_archive().file("ok", "").gnu_file(name, "x")), why));
    CHECK(says(why_not(tar_archive().pax_file(name, "x")), why));
  }
  CHECK(says(why_not(tar_archive().file("", "x")), "empty name"));
  CHECK(says(why_not(tar_archive().gnu_file("", "x")), "empty name"));
  CHECK(contents(tar_archive().file("./a..b/.c", "x").file("..d", "y").text()) == files{{"./a..b/.c", "x"}, {"..d", "y"}});
  CHECK(why_not(tar_archive().file("/\x1b[2J", "x")).message.find('\x1b') == std::string::npos);
}

TEST_CASE("what readers could take in two ways is refused") {
  const std::string path = tar_archive::pax_record("path", "p");
  for (const char type : {'1', '2', '3', '4', '5', '6'}) CHECK(says(why_not(tar_archive().file("x", "content", type)), "has a size of 7"));
  CHECK(says(why_not(tar_archive().file("folder/", "content")), "has a size of 7"));
  CHECK(says(why_not(tar_archive().pax(tar_archive::pax_record("size", "4")).file("l", "", '1')), "has a size of 4"));
  CHECK(says(why_not(tar_archive().file("a", "x").raw(std::string(512, '\0')).file("b", "x")), "byte 1024: a single block of zeros"));
  CHECK(says(why_not(tar_archive().pax(path).pax(path).file("a", "x")), "two pax headers"));
  CHECK(says(why_not(tar_archive().pax(path).gnu_file("a", "x")), "a long name and a pax header"));
  const std::string name = tar_archive::header("L", 2, 'L') + tar_archive::padded("b");
  CHECK(says(why_not(tar_archive().gnu_file("a", "").raw(name).gnu_file("c", "")), "two long names"));
  const std::string link = tar_archive::header("K", 2, 'K') + tar_archive::padded("b");
  CHECK(says(why_not(tar_archive().raw(link).raw(link).file("l", "", '2')), "two long link names"));
  for (const std::string& of_all : {path, tar_archive::pax_record("size", "1"), tar_archive::pax_record("GNU.sparse.size", "1")})
    CHECK(says(why_not(tar_archive().pax(of_all, 'g').file("a", "x")), "global pax header"));
  CHECK(says(why_not(tar_archive().file("s", "x", 'S')), "holes left out"));
  CHECK(says(why_not(tar_archive().pax(tar_archive::pax_record("GNU.sparse.major", "1")).file("s", "x")), "holes left out"));
  CHECK(says(why_not(tar_archive().file("m", "x", 'M')), "another volume"));
  CHECK(says(why_not(tar_archive().file("q", "x", 'Q')), "the unknown type \"Q\""));
  CHECK(says(why_not(tar_archive().file("q", "x", '\x01')), "the unknown type \"\\x01\""));
  for (const std::string& alone : {name, link})
    for (const std::string& end : {std::string(), std::string(1024, '\0')})
      CHECK(says(why_not(tar_archive().file("a", "x").raw(alone).raw(end)),
                 "byte 1024: the archive is cut off: the member that this header is about"));
}

TEST_CASE("sizes that no archive has cost nothing and are refused") {
  for (const std::uint64_t size : {std::uint64_t{1} << 33U, (std::uint64_t{1} << 63U) - 1, std::uint64_t{1} << 40U})
    for (const char type : {'0', 'L', 'x', 'g'}) CHECK(says(why_not(tar_archive().raw(tar_archive::header("a", size, type))), "is cut off"));
  CHECK(says(why_not(tar_archive().pax(tar_archive::pax_record("size", "18446744073709551615")).file("a", "x")), "is cut off"));
  const std::string large = tar_archive::pax_record("comment", std::string(1 << 20, 'c'));
  CHECK(says(why_not(tar_archive().pax(large).file("a", "x")), "above the limit of 1048576"));
}

TEST_CASE("only headers are read, and never more than the archive has") {
  tar_archive archive;
  archive.file("a", std::string(100'000, 'a')).pax_file("b", std::string(50'000, 'b')).file("c", "c").end();
  const auto whole = std::as_bytes(std::span(archive.text()));
  std::uint64_t read = 0;
  std::vector<tar_member> hopped;
  larder::format::for_each_tar_member(
      whole.size(),
      [&](std::uint64_t offset, std::uint64_t size) {
        REQUIRE((offset <= whole.size() && size <= whole.size() - offset));
        read += size;
        return whole.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
      },
      "a.tar", [&](tar_member&& m) { hopped.push_back(std::move(m)); });
  CHECK(hopped == members(archive.text()));
  CHECK(read < 8 * 512);
}

TEST_CASE("mutated archives are refused or give members inside the archive only") {
  tar_archive archive;
  archive.file("a.txt", "A").pax_file("b.txt", std::string(700, 'b')).gnu_file(std::string(150, 'c'), "C").file("d/", "", '5').end();
  std::mt19937 random(20240601);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutant = archive.text();
    const std::size_t block = random() % (mutant.size() / 512) * 512;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      static constexpr std::size_t fields[] = {0, 1, 124, 125, 134, 135, 156, 257, 345};
      const std::size_t at = random() % 2 == 0 ? fields[random() % std::size(fields)] : random() % 512;
      mutant[block + at] = static_cast<char>(random() & 0xffU);
    }
    if (random() % 4 != 0) mutant.replace(block, 512, tar_archive::sealed(mutant.substr(block, 512)));
    try {
      for (const tar_member& m : members(mutant)) REQUIRE((m.offset <= mutant.size() && m.size <= mutant.size() - m.offset));
      ++accepted;
    } catch (const larder::error&) {
    }
  }
  CHECK(accepted > 100);
  CHECK(accepted < 19'000);
}

TEST_CASE("archives of tar itself are read, in all of its formats") {
  if (std::system("tar --version > /dev/null 2>&1") != 0) {
    MESSAGE("skipped: there is no tar here");
    return;
  }
  const support::temporary_folder folder;
  std::filesystem::create_directories(folder / "data/sub");
  const std::string deep = "sub/" + std::string(90, 'd');
  std::filesystem::create_directories(folder / "data" / deep);
  const std::string unsplittable = std::string(180, 'u') + ".bin";
  std::ofstream(folder / "data/plain.txt") << "plain";
  std::ofstream(folder / "data/sub/empty");
  std::ofstream(folder / "data" / deep / "x.bin") << std::string(5000, 'x');
  std::filesystem::create_symlink("plain.txt", folder / "data/link");
  for (const char* format : {"v7", "ustar", "oldgnu", "gnu", "posix"}) {
    CAPTURE(format);
    const bool any_name = format[0] != 'v' && format[0] != 'u';
    if (any_name) std::ofstream(folder / "data" / unsplittable) << std::string(513, 'u');
    const std::string inside = "cd '" + (folder / "data").string() + "' && ";
    const std::string made = inside + "tar --format=" + format + " -cf ../a.tar plain.txt sub/empty link" +
                             (format[0] == 'v' ? "" : " '" + deep + "'") + (any_name ? " " + unsplittable : "") + " 2> /dev/null";
    if (std::system(made.c_str()) != 0) {
      MESSAGE("skipped: this tar does not write " << format);
      continue;
    }
    files expected{{"plain.txt", "plain"}, {"sub/empty", ""}};
    if (format[0] != 'v') expected.emplace_back(deep + "/x.bin", std::string(5000, 'x'));
    if (any_name) expected.emplace_back(unsplittable, std::string(513, 'u'));
    CHECK(contents(read_file(folder / "a.tar")) == expected);

    // A file with a hole, stored without it: what is in the archive is not the file.
    std::filesystem::resize_file(folder / "data/sub/empty", 1'000'000);
    const std::string sparse = inside + "tar --sparse --format=" + format + " -cf ../s.tar sub/empty 2> /dev/null";
    if (any_name && std::system(sparse.c_str()) == 0 && std::filesystem::file_size(folder / "s.tar") < 1'000'000)
      CHECK(says(support::refusal_of([&] { members(read_file(folder / "s.tar")); }), "write it without --sparse"));
    std::filesystem::resize_file(folder / "data/sub/empty", 0);
  }
}

TEST_CASE("archives of WebDataset's own tests are read") {
  const auto folder = support::shared_folder() / "real/webdataset";
  if (!std::filesystem::exists(folder / "mpdata.tar")) {
    MESSAGE("skipped: there is no " << folder.string());
    return;
  }
  const std::string packed = read_file(folder / "mpdata.tar");
  const files of_packed = contents(packed);
  CHECK(of_packed.size() == 100);
  CHECK(of_packed.front().first == "000000.mp");
  CHECK(of_packed.back().first == "000099.mp");
  CHECK(of_packed[12].second.size() == 8);
  const files compressed = contents(read_file(folder / "compressed.tar"));
  REQUIRE(compressed.size() == 3);
  CHECK(compressed[2].first == "compressed/0003.txt.gz");
  CHECK(compressed[2].second.substr(0, 2) == "\x1f\x8b");
}
