#include "server_fixture.hpp"

#include "support/refusal.hpp"

#include <larder/serve/served_directory.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace serve = larder::serve;

namespace {

serve::chunk_address chunk(std::string_view key) { return {key, false, {}}; }
serve::chunk_address manifest(std::string_view key) { return {key, true, {}}; }

std::string text_of(const serve::chunk_file& file) {
  std::string text(file.stamp.size, '\0');
  REQUIRE(larder::storage::read_at(file.file, text.data(), text.size(), 0, "x") == text.size());
  return text;
}

}  // namespace

TEST_CASE("regular files of the folder are there, and manifests in theirs") {
  const serving::chunk_folder folder;
  folder.write("a", "chunk a");
  folder.write("manifests/m.json", "{}");
  folder.write("m.json", "another");
  const serve::served_directory directory(folder.path());
  CHECK(directory.path() == folder.path());
  REQUIRE(directory.open(chunk("c/a")));
  CHECK(text_of(*directory.open(chunk("c/a"))) == "chunk a");
  CHECK(text_of(*directory.open(manifest("m/m"))) == "{}");
  CHECK(directory.look_at(chunk("c/a"))->size == 7);
  CHECK(directory.look_at(manifest("m/m"))->size == 2);
  CHECK(*directory.look_at(chunk("c/a")) == directory.open(chunk("c/a"))->stamp);
  CHECK_FALSE(directory.open(chunk("c/b")));
  CHECK_FALSE(directory.look_at(chunk("c/b")));
  CHECK_FALSE(directory.open(manifest("m/a")));
  CHECK_FALSE(directory.open(manifest("m/x")));
}

TEST_CASE("nothing else than regular files is there") {
  const serving::chunk_folder folder;
  const support::temporary_folder outside;
  std::filesystem::create_directory(folder / "folder");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  folder.write("real", "x");
  std::filesystem::create_symlink("real", folder / "link");
  std::filesystem::create_symlink("/etc/passwd", folder / "escape");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  const serve::served_directory directory(folder.path());
  for (const char* key : {"c/folder", "c/pipe", "c/link", "c/escape", "c/dangling", "c/manifests"}) {
    CAPTURE(key);
    CHECK_FALSE(directory.open(chunk(key)));
    CHECK_FALSE(directory.look_at(chunk(key)));
  }
  CHECK_FALSE(directory.look_at(manifest("m/real")));

  std::ofstream(outside / "m.json") << "{}";
  std::filesystem::create_directory_symlink(outside.path(), folder / "manifests");  // the folder may not be a link either
  CHECK_FALSE(directory.open(manifest("m/m")));
  CHECK_FALSE(directory.look_at(manifest("m/m")));
}

TEST_CASE("the folder stays what it was when its name becomes another's") {
  const support::temporary_folder root;
  std::filesystem::create_directory(root / "chunks");
  std::ofstream(root / "chunks" / "a") << "first";
  const serve::served_directory directory((root / "chunks").string());
  std::filesystem::rename(root / "chunks", root / "old");
  std::filesystem::create_directory(root / "chunks");
  std::ofstream(root / "chunks" / "a") << "second";
  CHECK(text_of(*directory.open(chunk("c/a"))) == "first");
}

TEST_CASE("a stamp tells a changed file from what it was") {
  const serving::chunk_folder folder;
  folder.write("a", "one");
  const serve::served_directory directory(folder.path());
  const auto before = directory.look_at(chunk("c/a"));
  CHECK(*before == *directory.look_at(chunk("c/a")));
  folder.write("a", "four");
  CHECK_FALSE(*before == *directory.look_at(chunk("c/a")));
  folder.write("b", "four");
  CHECK_FALSE(*directory.look_at(chunk("c/a")) == *directory.look_at(chunk("c/b")));
}

TEST_CASE("a folder that cannot be opened is refused with its name") {
  const support::temporary_folder root;
  const auto missing = support::refusal_of([&] { serve::served_directory((root / "none").string()); });
  CHECK(missing.cause == larder::error_cause::io);
  CHECK(support::says(missing, "none"));
  CHECK(support::says(missing, "chunks_dir"));
  std::ofstream(root / "file") << "x";
  CHECK(support::cause_of([&] { serve::served_directory((root / "file").string()); }) == larder::error_cause::io);
}

TEST_CASE("a file that may not be read is a failure, not an absent one") {
  const serving::chunk_folder folder;
  folder.write("a", "x");
  const serve::served_directory directory(folder.path());
  std::filesystem::permissions(folder / "a", std::filesystem::perms::none);
  using std::filesystem::perms;
  std::filesystem::permissions(folder.path(), perms::owner_all | perms::group_exec | perms::others_exec);
  constexpr uid_t nobody = 65534;
  const bool is_root = ::geteuid() == 0;  // who may read everything
  if (is_root) REQUIRE(::seteuid(nobody) == 0);
  CHECK(support::cause_of([&] { directory.open(chunk("c/a")); }) == larder::error_cause::io);
  CHECK_FALSE(directory.open(chunk("c/b")));
  if (is_root) REQUIRE(::seteuid(0) == 0);
}
