// Processes that fetch the same packages at once, and processes that are killed over it.

#include <larder/artifact/http_fetch.hpp>
#include <larder/artifact/package_store.hpp>
#include <larder/testing/blob_server.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/file_provider.hpp"
#include "support/in_child.hpp"
#include "support/pattern.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using larder::package_file;
using larder::package_store;

/// A child that is told one line, runs, and says by its exit code whether all was well. Made before this process has threads.
class child {
 public:
  explicit child(const std::function<bool(const std::string&)>& work) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::alarm(120);  // a child that hangs is a failure
      ::close(ends[1]);
      std::string line;
      for (char c = 0; ::read(ends[0], &c, 1) == 1 && c != '\n';) line += c;
      bool well = false;
      try {
        well = work(line);
      } catch (...) {
      }
      ::_exit(well ? 0 : 1);
    }
    ::close(ends[0]);
    to_ = ends[1];
  }
  child(child&& other) noexcept : process_(std::exchange(other.process_, -1)), to_(std::exchange(other.to_, -1)) {}
  child& operator=(child&&) = delete;
  ~child() {
    if (process_ > 0) kill();
    if (to_ >= 0) ::close(to_);
  }

  void tell(const std::string& line) const {
    REQUIRE(::write(to_, (line + "\n").data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1));
  }
  void kill() {
    ::kill(process_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    return status;
  }

 private:
  pid_t process_ = -1;
  int to_ = -1;
};

struct served_files {
  std::vector<std::string> names{"large.bin", "small/a.bin", "small/b.bin"};
  std::vector<std::string> contents{support::pattern(20'000'000, 1), support::pattern(700'000, 2), support::pattern(10'000, 3)};

  std::vector<package_file> at(const std::string& address) const {
    std::vector<package_file> files;
    for (std::size_t i = 0; i < names.size(); ++i)
      files.push_back({names[i], address + "/" + names[i],
                       larder::digest_of(std::string_view(contents[i]), larder::digest_algorithm::sha256)});
    return files;
  }
  void serve(larder::testing::blob_server& server) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      server.store("/" + names[i], larder::bytes::copy_of(std::string_view(contents[i])));
  }
  std::uint64_t size() const {
    std::uint64_t sum = 0;
    for (const std::string& content : contents) sum += content.size();
    return sum;
  }
  bool are_in(const larder::package& p) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (support::content_of(p.path(names[i])) != contents[i]) return false;
    return true;
  }
};

bool nothing_is_left(const fs::path& home) {
  std::size_t drafts = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home / "models-cache"))
    if (entry.path().filename().string().starts_with(".larder") && entry.path().filename() != ".larder.json" &&
        entry.path().filename() != ".larder.use")
      ++drafts;
  return drafts == 0 && support::files_below(home / "blob-state" / "partial") == 0 &&
         support::files_below(home / "blob-state" / "staging") == 0;
}

}  // namespace

TEST_CASE("R12: 16 threads and 4 processes load one package at once: each blob is fetched once, and nobody sees a part of it") {
  const support::temporary_folder home;
  const served_files files;
  std::vector<child> children;
  for (int i = 0; i < 4; ++i)
    children.emplace_back([&](const std::string& address) {
      package_store store{home.path()};
      const larder::http_fetch fetch;
      const std::vector<package_file> wanted = files.at(address);
      std::atomic<int> well{0};
      std::vector<std::thread> threads;
      for (int t = 0; t < 16; ++t)
        threads.emplace_back([&] {
          try {
            if (files.are_in(store.get("org/model", "fp32", wanted, fetch))) ++well;
          } catch (const std::exception& e) {
            std::fprintf(stderr, "a thread failed: %s\n", e.what());
          }
        });
      for (std::thread& t : threads) t.join();
      return well == 16;
    });
  children.emplace_back([&](const std::string&) {  // looks all the time; what it sees is whole
    package_store store{home.path(), {.offline = true}};
    return support::eventually([&] {
      const std::optional<larder::package> seen = store.find("org/model", "fp32");
      if (seen && !files.are_in(*seen)) ::_exit(1);
      return seen.has_value();
    });
  });
  larder::testing::blob_server server(larder::testing::blob_server_options{.bytes_per_second = 20'000'000});  // a second
  files.serve(server);
  for (const child& c : children) c.tell(server.url());
  for (child& c : children) CHECK(c.wait() == 0);
  CHECK(server.counts().body_bytes_out == files.size());
  CHECK(server.counts()["GET"] == 5);  // 3 ranges and 2 small files
  CHECK(nothing_is_left(home.path()));
  package_store store{home.path()};
  CHECK(store.usage().blobs == 3);
  CHECK(store.verify("org/model", "fp32").is_whole());
}

TEST_CASE("R12: threads of one process follow the progress of the one that fetches") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("f", support::pattern(10'000'000))};
  package_store store{home.path()};
  std::atomic<bool> others_wait{false};
  const larder::fetch_function slow = [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
    REQUIRE(support::eventually([&] { return others_wait.load(); }));
    provider.fetch()(url, range, sink);
  };
  std::atomic<std::uint64_t> told{0};
  std::thread first([&] { store.get("m", "p", files, slow); });
  std::thread second([&] {
    REQUIRE(support::eventually([&] { return fs::exists(home / "blob-state" / "partial" / files[0].digest->hex()); }));
    store.get("m", "p", files, slow, {{}, [&](std::uint64_t done, std::uint64_t total) {
                                        if (total == 10'000'000) told = std::max(told.load(), done);
                                      }});
  });
  others_wait = true;
  first.join();
  second.join();
  CHECK(provider.bytes() == 10'000'000);
  CHECK(store.stats().made == 1);
}

TEST_CASE("R11: a process killed in mid-download: the next run goes on from there, completes, and nothing is left over") {
  const served_files files;
  for (const std::uint64_t after :
       {std::uint64_t{0}, std::uint64_t{3'000'000}, std::uint64_t{9'500'000}, std::uint64_t{17'500'000}}) {
    CAPTURE(after);
    const support::temporary_folder home;
    const auto run = [&](const std::string& address) {
      package_store store{home.path(), {.streams = 1}};
      return files.are_in(store.get("m", "p", files.at(address), larder::http_fetch{}));
    };
    child victim(run);
    larder::testing::blob_server server(larder::testing::blob_server_options{.bytes_per_second = 30'000'000});
    files.serve(server);
    victim.tell(server.url());
    REQUIRE(support::eventually([&] { return server.counts()["GET"] > 0 && server.counts().body_bytes_out >= after; }));
    victim.kill();
    larder::testing::blob_server another;  // the first one may still be sending to the victim
    files.serve(another);
    package_store store{home.path(), {.streams = 1}};
    CHECK(files.are_in(store.get("m", "p", files.at(another.url()), larder::http_fetch{})));
    // A whole chunk of 8 MiB that the victim had written is not fetched again.
    const std::uint64_t again = another.counts().body_bytes_out;
    CHECK(again <= files.size());
    if (after >= 17'500'000) CHECK(again <= files.size() - larder::artifacts::chunk_size);
    if (after >= 17'500'000) CHECK(store.stats().resumed_bytes >= larder::artifacts::chunk_size);
    CHECK(nothing_is_left(home.path()));
    CHECK(store.verify("m", "p").is_whole());
  }
}

TEST_CASE("R12: a holder that is killed at any point is replaced, and what it left is used or taken away") {
  // Where it dies: before the first byte, within the first chunk, behind it, when all bytes are there, in the second file, in the guard when all is done.
  for (int point = 0; point < 7; ++point) {
    CAPTURE(point);
    const support::temporary_folder home;
    const std::string large = support::pattern(18'000'000, 4);
    const std::string small = support::pattern(5'000, 5);
    support::file_provider provider;
    const std::vector<package_file> files{provider.file("large", large), provider.file("small", small),
                                          provider.file_without_digest("labels", "cat")};
    child victim([&](const std::string&) {
      std::uint64_t given = 0;
      const auto die_at = [&](int here) {
        if (point == here) ::raise(SIGKILL);
      };
      package_store store{home.path(), {.streams = 1}};
      const larder::fetch_function fetch = [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
        die_at(0);
        if (url == "mem://small") die_at(4);
        if (url == "mem://labels") die_at(5);
        const std::string& content = url == "mem://large" ? large : small;
        sink.total(content.size());
        for (std::uint64_t at = range.offset; at < std::min<std::uint64_t>(content.size(), range.offset + range.size);
             at += 100'000) {
          sink(std::string_view(content).substr(static_cast<std::size_t>(at), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                                                  100'000, range.offset + range.size - at))));
          given += 100'000;
          if (given > 1'000'000) die_at(1);
          if (given > 10'000'000) die_at(2);
        }
      };
      store.get("m", "p", files, fetch, {{}, [&](std::uint64_t done, std::uint64_t) {
                                           if (done >= large.size()) die_at(3);
                                         }});
      die_at(6);
      return true;
    });
    victim.tell("");
    CHECK(WIFSIGNALED(victim.wait()));
    package_store store{home.path(), {.streams = 1}};
    CHECK(store.list().size() == (point == 6 ? 1 : 0));
    if (point != 6) CHECK_FALSE(store.find("m", "p"));
    const larder::package p = store.get("m", "p", files, provider.fetch());
    CHECK(support::content_of(p.path("large")) == large);
    CHECK(support::content_of(p.path("small")) == small);
    if (point >= 2) CHECK(provider.bytes() <= large.size() + small.size() + 3 - larder::artifacts::chunk_size);
    CHECK(nothing_is_left(home.path()));
    CHECK(store.verify("m", "p").is_whole());
  }
}

TEST_CASE("What a killed process left of a package is taken away by a collection, and its blobs with it") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a", support::pattern(1'000, 6)),
                                        provider.file("b", support::pattern(9'000'000, 7))};
  child victim([&](const std::string&) {
    package_store store{home.path(), {.streams = 1}};
    store.get("m", "p", files, [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
      if (url == "mem://b" && range.offset != 0) ::raise(SIGKILL);
      provider.fetch()(url, range, sink);
    });
    return true;
  });
  victim.tell("");
  CHECK(WIFSIGNALED(victim.wait()));
  package_store store{home.path()};
  CHECK(store.usage().unreferenced_blobs == 1);
  CHECK(store.gc().blobs == 1);
  CHECK(support::files_below(home / "models-cache") == 0);
  CHECK(store.usage().blobs == 0);
  CHECK(support::files_below(home / "blob-state" / "partial") == 2);  // data and journal: the next try goes on from there
  store.purge();
  CHECK(support::files_below(home / "blob-state" / "partial") == 0);
}

TEST_CASE("The maker of a package keeps its blobs while another process collects what nobody wants") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a", "first"), provider.file("b", "second")};
  package_store store{home.path(), {.streams = 1}};
  store.get("m", "p", files, [&](std::string_view url, const larder::byte_range& range, larder::fetch_sink& sink) {
    if (url == "mem://b") {  // by now the blob of a is there, and no manifest names it
      package_store other{home.path()};
      CHECK(other.usage().blobs == 1);
      CHECK(other.gc().blobs == 0);
      CHECK(other.purge().blobs == 0);
      CHECK(other.shrink_to(0).blobs == 0);
    }
    provider.fetch()(url, range, sink);
  });
  CHECK(support::content_of(store.find("m", "p")->path("a")) == "first");
}

TEST_CASE("A child of fork uses the store of its parent") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a", "first")};
  package_store store{home.path()};
  const larder::package held = store.get("m", "p", files, provider.fetch());
  child one([&](const std::string&) {
    return support::content_of(store.get("m", "p", files, nullptr).path("a")) == "first" &&
           support::content_of(store.get("m", "q", files, nullptr).path("a")) == "first";
  });
  one.tell("");
  CHECK(one.wait() == 0);
  CHECK(store.list().size() == 2);
  CHECK(support::content_of(held.path("a")) == "first");
}

TEST_CASE("who may only read a store uses its packages as they are, and is told why nothing can be mended or made there") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: becoming somebody else needs root");
    return;
  }
  const support::temporary_folder home;
  fs::permissions(home.path(), fs::perms(0755));
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a/b", "first"), provider.file("c", "second")};
  {
    package_store store{home.path()};
    store.get("m", "p", files, provider.fetch());
  }
  const std::uint64_t asked = provider.calls();
  support::in_child([&] {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
      return false;
    package_store store{home.path()};
    const larder::package given = store.get("m", "p", files, provider.fetch());
    const std::optional<larder::package> found = store.find("m", "p");
    const auto refused = [&](auto&& work) {
      try {
        work();
        return false;
      } catch (const larder::error& e) {
        return std::string(e.what()).find(home.path().string()) != std::string::npos;
      }
    };
    if (provider.calls() != asked) return false;
    const std::vector<package_file> others{provider.file("c", "third")};
    return support::content_of(given.path("a/b")) == "first" && support::content_of(given.path("c")) == "second" && found &&
           support::content_of(found->path("c")) == "second" &&
           refused([&] { store.repair("m", "p", files, provider.fetch()); }) &&
           refused([&] { store.get("m", "p", others, provider.fetch()); }) &&
           refused([&] { store.get("m", "q", files, provider.fetch()); });
  });
}
