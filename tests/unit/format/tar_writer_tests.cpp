#include <larder/format/tar_members.hpp>
#include <larder/format/tar_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <ios>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/temporary_folder.hpp"

namespace {

using namespace larder::format;
using files = std::vector<std::pair<std::string, std::string>>;

std::string archive_of(const files& all) {
  std::string text;
  for (const auto& [name, content] : all) text += tar_member_head(name, content.size()) + content + tar_padding(content.size());
  return text + tar_end();
}
files read(const std::string& archive) {
  files all;
  for (const tar_member& m : tar_members_of(std::as_bytes(std::span(archive)), "a.tar"))
    all.emplace_back(m.name, archive.substr(static_cast<std::size_t>(m.offset), static_cast<std::size_t>(m.size)));
  return all;
}

}  // namespace

TEST_CASE("what is written is read: names of any length, contents of any size") {
  files all;
  for (const std::size_t length : {1U, 99U, 100U, 101U, 155U, 256U, 985U, 990U, 1000U, 3000U})
    all.emplace_back(std::string(length, 'n') + "x", std::string(length % 600, 'c'));
  all.emplace_back("empty", "");
  all.emplace_back("block", std::string(512, 'b'));
  CHECK(read(archive_of(all)) == all);
  CHECK(rc::check("any", [] {
    files some;
    for (const auto& content : *rc::gen::arbitrary<std::vector<std::string>>())
      some.emplace_back("f" + std::to_string(some.size()) + std::string(content.size() * 9, 'x'), content);
    RC_ASSERT(read(archive_of(some)) == some);
  }));
}

TEST_CASE("sizes beyond what octal digits hold") {
  for (const std::uint64_t size :
       {(std::uint64_t{1} << 33U) - 1, std::uint64_t{1} << 33U, std::uint64_t{100'000'000'000}, std::uint64_t{1} << 62U}) {
    const std::string head = tar_member_head("large", size);
    CHECK(parse_tar_header(std::as_bytes(std::span(head)), 0, "a.tar").size == size);
  }
}

TEST_CASE("the system's tar reads it") {
  const support::temporary_folder folder;
  const files all{{"a/b.txt", "hello"}, {std::string(180, 'd') + "/" + std::string(60, 'e'), "long"}};
  std::ofstream(folder / "a.tar", std::ios::binary) << archive_of(all);
  const std::string command = "cd '" + folder.path().string() + "' && tar xf a.tar 2>/dev/null";
  if (std::system("tar --version > /dev/null 2>&1") != 0) {
    MESSAGE("skipped: there is no tar");
    return;
  }
  REQUIRE(std::system(command.c_str()) == 0);
  for (const auto& [name, content] : all) {
    std::ifstream in(folder / name);
    std::string text;
    std::getline(in, text);
    CHECK(text == content);
  }
}
