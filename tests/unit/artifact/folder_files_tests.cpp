#include <larder/artifact/folder_files.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using support::says;

namespace {

std::vector<std::string> names_in(const std::filesystem::path& folder, bool outside_links = false) {
  std::vector<std::string> names;
  for (const larder::artifacts::folder_file& file : larder::artifacts::folder_files(folder, outside_links, {}).list()) {
    CHECK(std::filesystem::file_size(file.path) == file.stamp.size);
    names.push_back(file.name);
  }
  return names;
}

}  // namespace

TEST_CASE("files are listed by name, those of folders within, too, and empty folders not") {
  const support::temporary_folder folder;
  for (const char* name : {"b", "a/z", "a/b/c", "a.txt", "a-", ".hidden"}) support::write_file(folder / name, name);
  std::filesystem::create_directories(folder / "empty" / "too");
  CHECK(names_in(folder.path()) == std::vector<std::string>{".hidden", "a-", "a.txt", "a/b/c", "a/z", "b"});
  CHECK(names_in(folder / "empty").empty());
}

TEST_CASE("links are followed as long as they stay inside") {
  const support::temporary_folder folder;
  const auto root = folder / "root";
  support::write_file(root / "a" / "f", "f");
  support::write_file(folder / "outside", "o");
  support::write_file(folder / "root2" / "g", "g");
  std::filesystem::create_symlink("a/f", root / "file");
  std::filesystem::create_directory_symlink("a", root / "b");
  CHECK(names_in(root) == std::vector<std::string>{"a/f", "b/f", "file"});
  std::filesystem::create_directory_symlink(root, folder / "home");
  CHECK(names_in(folder / "home") ==
        std::vector<std::string>{"a/f", "b/f", "file"});  // the folder itself may be reached by a link
  for (const char* target : {"../outside", "../root2", "../root2/g", "nowhere", "../root/a/../../outside"}) {
    CAPTURE(target);
    std::filesystem::create_symlink(target, root / "link");
    const support::refusal refused = support::refusal_of([&] { names_in(root); });
    CHECK(refused.cause == error_cause::invalid_argument);
    CHECK(says(refused, (root / "link").string()));
    CHECK(says(refused, std::string(target) == "nowhere" ? "leads nowhere" : "outside of the folder"));
    std::filesystem::remove(root / "link");
  }
  std::filesystem::create_symlink("../outside", root / "link");
  CHECK(names_in(root, true) == std::vector<std::string>{"a/f", "b/f", "file", "link"});
}

TEST_CASE("circles, pipes and names that are no text are named") {
  const support::temporary_folder folder;
  support::write_file(folder / "a" / "f", "f");
  std::filesystem::create_directory_symlink("..", folder / "a" / "up");
  CHECK(says(support::refusal_of([&] { names_in(folder.path()); }), "leads in a circle"));
  std::filesystem::remove(folder / "a" / "up");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(says(support::refusal_of([&] { names_in(folder.path()); }), "neither a file nor a folder"));
  std::filesystem::remove(folder / "pipe");
  support::write_file(folder / "\xFF", "x");
  CHECK(says(support::refusal_of([&] { names_in(folder.path()); }), "not UTF-8"));
  CHECK(support::cause_of([&] { names_in(folder / "none"); }) == error_cause::io);
  std::stop_source stop;
  stop.request_stop();
  CHECK(support::cause_of([&] { larder::artifacts::folder_files(folder / "a", false, stop.get_token()).list(); }) ==
        error_cause::cancelled);
}
