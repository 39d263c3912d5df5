// What a package store has to bear: links on the way, wrecks in its home, purges against readers, a working directory that is another one.

#include <larder/artifact/package_store.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/in_child.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::package_file;
using larder::package_store;

struct working_directory {
  explicit working_directory(const fs::path& here) : before(fs::current_path()) { fs::current_path(here); }
  ~working_directory() { fs::current_path(before); }
  fs::path before;
};

}  // namespace

TEST_CASE(
    "R20: a folder on the way inside a package that became a symbolic link is not followed: what it leads to is untouched") {
  const support::temporary_folder home, outside;
  support::file_provider provider;
  package_store store{home.path()};
  const std::vector<package_file> files{provider.file("sub/model.onnx", "weights"),
                                        provider.file_without_digest("sub/labels.txt", "cat\n")};
  const fs::path folder = store.get("m", "p", files, provider.fetch()).folder();
  fs::remove_all(folder / "sub");
  for (const char* const name : {"model.onnx", "labels.txt"}) std::ofstream(outside / name) << "not yours";
  std::ofstream(outside / "labels.txt") << "dog\n";  // of the same size
  fs::create_directory_symlink(outside.path(), folder / "sub");
  CHECK_FALSE(store.verify("m", "p", larder::verify_depth::quick).is_whole());
  CHECK_THROWS_AS(store.get("m", "p", files, provider.fetch()), larder::error);
  CHECK(store.erase("m", "p"));
  CHECK(support::content_of(outside / "model.onnx") == "not yours");
  CHECK(support::content_of(outside / "labels.txt") == "dog\n");
}

TEST_CASE("A link in the place of a draft or a use file of one package keeps neither the quota nor gc nor others from working") {
  for (const char* const name : {".larder.draft.json", ".larder.use", ".larder.json"}) {
    CAPTURE(name);
    const support::temporary_folder home, outside;
    support::file_provider provider;
    package_store store{home.path(), {.quota = 1'000'000}};
    const fs::path wreck = store.get("wreck", "p", {provider.file("a", "aaa")}, provider.fetch()).folder();
    std::ofstream(outside / "target") << "untouched";
    fs::remove(wreck / name);
    fs::create_symlink(outside / "target", wreck / name);
    const package_file big = provider.file("b", support::pattern(900'000));
    const package_file bigger = provider.file("c", support::pattern(950'000));
    CHECK(fs::exists(store.get("m", "b", {big}, provider.fetch()).path("b")));
    CHECK(fs::exists(store.get("m", "c", {bigger}, provider.fetch()).path("c")));
    CHECK_FALSE(fs::exists(home / "shared-blobs" / big.digest->hex()));
    CHECK_NOTHROW(store.gc());
    CHECK_NOTHROW(store.usage());
    CHECK_NOTHROW(store.list());
    CHECK_NOTHROW(store.purge());
    CHECK(support::content_of(outside / "target") == "untouched");
  }
}

TEST_CASE("A package that somebody has does not become another one under his hands") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()}, other{home.path()};
  const package_file first = provider.file("model.onnx", "first"), second = provider.file("model.onnx", "second");
  const package_file labels = provider.file("labels.txt", "cat");
  provider.put(first.url, "first");
  std::optional<larder::package> held = store.get("m", "p", {first, labels}, provider.fetch());
  provider.put(second.url, "second");
  const std::uint64_t calls = provider.calls();
  for (const std::vector<package_file>& files : {std::vector<package_file>{second, labels}, std::vector<package_file>{first}}) {
    const support::refusal refused = support::refusal_of([&] { other.get("m", "p", files, provider.fetch()); });
    CHECK(refused.cause == larder::error_cause::invalid_argument);
    CHECK(support::says(refused, "in use"));
    CHECK(support::content_of(held->path("model.onnx")) == "first");
    CHECK(support::content_of(held->path("labels.txt")) == "cat");
  }
  CHECK(provider.calls() == calls);
  fs::remove(held->path("labels.txt"));  // what is missing comes back, whoever has it; and more files may come
  const package_file more = provider.file("more.txt", "more");
  CHECK(support::content_of(other.get("m", "p", {first, labels, more}, provider.fetch()).path("labels.txt")) == "cat");
  held.reset();
  CHECK(support::content_of(other.get("m", "p", {second}, provider.fetch()).path("model.onnx")) == "second");
  CHECK_FALSE(fs::exists(store.find("m", "p")->folder() / "more.txt"));
}

TEST_CASE("A home that is relative stays where it was made when the working directory is another one") {
  const support::temporary_folder here, elsewhere;
  support::file_provider provider;
  const working_directory first(here.path());
  package_store store{"home"};
  const std::vector<package_file> files{provider.file("model.onnx", "weights")};
  const larder::package p = store.get("m", "p", files, provider.fetch());
  const working_directory second(elsewhere.path());
  CHECK(support::content_of(p.path("model.onnx")) == "weights");
  store.get("m", "p", files, provider.fetch());
  CHECK(provider.calls() == 1);
  CHECK(fs::is_empty(elsewhere.path()));
}

TEST_CASE("R16: blobs that are purged while packages are taken are never those of a package in use") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()}, other{home.path()};
  std::vector<package_file> files;
  for (int i = 0; i < 40; ++i) files.push_back(provider.file("part-" + std::to_string(i), "content " + std::to_string(i)));
  std::atomic<bool> over{false};
  std::thread purging([&] {
    while (!over) other.purge(larder::purge_scope::blobs);
  });
  std::size_t lost = 0;
  for (int round = 0; round < 300; ++round) {
    const larder::package p = store.get("m", "p", files, provider.fetch());
    std::this_thread::yield();
    for (const package_file& file : files) lost += fs::exists(p.path(file.name)) ? 0 : 1;
  }
  over = true;
  purging.join();
  CHECK(lost == 0);
}

TEST_CASE("R11: what is left of a download is taken away by gc, also a journal without its data") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path()};
  store.get("m", "p", {provider.file("a", "aaa")}, provider.fetch());
  const fs::path partial = home / "blob-state" / "partial";
  std::ofstream(partial / (std::string(64, 'a') + ".journal")) << "of a blob that was published before its maker was killed";
  std::ofstream(partial / std::string(64, 'b')) << "data";
  std::ofstream(partial / (std::string(64, 'b') + ".journal")) << "and its journal, which is young";
  fs::last_write_time(partial / (std::string(64, 'a') + ".journal"),
                      fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  store.gc();
  CHECK(support::files_below(partial) == 2);
  store.purge();
  CHECK(support::files_below(partial) == 0);
  CHECK(support::files_below(home / "blob-state" / "locks") <= 1);  // that of sweeps
}

TEST_CASE("A quota that cannot be held is counted, and keeps nobody from the package that was just made") {
  const support::temporary_folder home;
  support::file_provider provider;
  package_store store{home.path(), {.quota = 1}};
  const package_file file = provider.file("a", "aaa");
  const larder::fetch_function fetch = provider.fetch();
  const larder::fetch_function spoils = [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
    fs::remove(home / "blob-state" / "locks" / "sweep");
    fs::create_directory(home / "blob-state" / "locks" / "sweep");  // in the place of the lock that who removes takes
    fetch(url, range, sink);
  };
  CHECK(support::content_of(store.get("m", "p", {file}, spoils).path("a")) == "aaa");
  CHECK(store.stats().quota_failures == 1);
  CHECK_THROWS_AS(store.shrink_to(1), larder::error);
}

TEST_CASE("Who may only read a home has the packages that are whole in it") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("sub/model.onnx", "weights"),
                                        provider.file_without_digest("labels.txt", "cat")};
  package_store{home.path()}.get("m", "p", files, provider.fetch());
  fs::permissions(home.path(), fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                                   fs::perms::others_exec);
  support::in_child([&] {
    if (::geteuid() == 0) {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) return false;
    } else {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home.path()))
        if (entry.is_directory() && !entry.is_symlink())
          fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::remove);
    }
    package_store store{home.path()};
    const std::uint64_t calls = provider.calls();
    const larder::package p = store.get("m", "p", files, provider.fetch());
    const bool whole = support::content_of(p.path("sub/model.onnx")) == "weights" &&
                       support::content_of(p.path("labels.txt")) == "cat" && store.find("m", "p") && provider.calls() == calls;
    return whole && support::cause_of([&] { store.get("m", "q", files, provider.fetch()); }) == larder::error_cause::io;
  });
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home.path()))
    if (entry.is_directory() && !entry.is_symlink()) fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
}
