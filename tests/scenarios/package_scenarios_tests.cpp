// The scenarios of the package store, each under its number.

#include <larder/artifact/http_fetch.hpp>
#include <larder/artifact/package_store.hpp>
#include <larder/core/time.hpp>
#include <larder/testing/blob_server.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/folders.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::package_file;
using larder::package_store;
using larder::package_store_settings;
using namespace std::chrono_literals;

const larder::fetch_function nobody = [](std::string_view, const larder::byte_range&, larder::fetch_sink&) {
  FAIL("the provider was called");
};

std::size_t count_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// What is left of work that was not finished.
std::size_t remains(const fs::path& home) {
  return support::files_below(home / "blob-state" / "partial") + support::files_below(home / "blob-state" / "staging") +
         support::files_below(home / "blob-state" / "locks");
}

}  // namespace

TEST_CASE("R8: two packages share a file by digest: one download, one blob, two links") {
  const support::temporary_folder home;
  larder::testing::blob_server server;
  const std::string weights = support::pattern(3'000'000);
  server.store("/weights", larder::bytes::copy_of(std::string_view(weights)));
  const package_file file{"model.onnx", server.url() + "/weights",
                          larder::digest_of(std::string_view(weights), larder::digest_algorithm::sha256).hex()};
  package_store store{home.path()};
  const larder::http_fetch fetch;
  const larder::package a = store.get("a", "one", {file}, fetch);
  const larder::package b = store.get("b", "two", {{"other/name.onnx", file.url, file.digest}}, fetch);
  CHECK(server.counts()["GET"] == 1);
  CHECK(count_in(home / "shared-blobs") == 1);
  const fs::path blob = home / "shared-blobs" / file.digest->hex();
  for (const fs::path& path : {a.path("model.onnx"), b.path("other/name.onnx")}) {
    CHECK(fs::is_symlink(path));
    CHECK(fs::read_symlink(path).is_relative());
    CHECK(fs::equivalent(path, blob));
    CHECK(support::content_of(path) == weights);
  }
  CHECK(store.usage().bytes() == weights.size());
  CHECK(store.usage().linked_bytes == 2 * weights.size());
  CHECK(store.stats().shared_files == 1);
}

TEST_CASE("R9: a file without a digest lies in the package, and require_digest refuses it before any fetch") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file_without_digest("labels.txt", "cat\ndog\n")};
  {
    package_store store{home.path()};
    const larder::package p = store.get("m", "p", files, provider.fetch());
    CHECK(support::content_of(p.path("labels.txt")) == "cat\ndog\n");
    CHECK(fs::is_regular_file(fs::symlink_status(p.path("labels.txt"))));
    CHECK(count_in(home / "shared-blobs") == 0);
    CHECK(store.stats().unverified_files == 1);
    CHECK(store.usage().unverified == 1);
    CHECK_FALSE(p.files()[0].is_verified());
    store.get("m", "p", files, nobody);
  }
  const std::uint64_t calls = provider.calls();
  const support::temporary_folder other;
  package_store strict{other.path(), {.require_digest = true}};
  const support::refusal refused = support::refusal_of([&] {
    strict.get("m", "p", {provider.file("good", "x"), files[0]}, provider.fetch());
  });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(support::says(refused, "labels.txt"));
  CHECK(provider.calls() == calls);
  CHECK(support::files_below(other.path()) == 0);
}

TEST_CASE("R10: bytes that do not match the digest leave nothing, and the next try works") {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{20'000'000}}) {
    CAPTURE(size);
    const support::temporary_folder home;
    support::file_provider provider;
    const std::string right = support::pattern(size);
    std::string wrong = right;
    wrong[size / 2] = static_cast<char>(wrong[size / 2] ^ 1);
    const package_file file = provider.file("model.bin", right);
    provider.put(file.url, wrong);
    package_store store{home.path()};
    const support::refusal refused = support::refusal_of([&] { store.get("m", "p", {file}, provider.fetch()); });
    CHECK(refused.cause == larder::error_cause::corruption);
    CHECK(support::says(refused, file.digest->text()));
    CHECK(count_in(home / "shared-blobs") == 0);
    CHECK(support::files_below(home / "models-cache") == 0);
    CHECK(count_in(home / "models-cache") == 0);
    CHECK(support::files_below(home / "blob-state" / "partial") == 0);
    CHECK(support::files_below(home / "blob-state" / "staging") == 0);
    CHECK_FALSE(store.find("m", "p"));
    provider.put(file.url, right);
    CHECK(support::content_of(store.get("m", "p", {file}, provider.fetch()).path("model.bin")) == right);
  }
}

TEST_CASE("R13: model ids of any kind get folders that are distinct, safe, stable and readable") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("f", "content")};
  package_store store{home.path()};
  const std::vector<std::string> ids{"a/b/1",
                                     "../../etc",
                                     "",
                                     "###",
                                     std::string(300, 'x'),
                                     std::string(299, 'x') + "y",
                                     "A/b/1",
                                     "a/b-1",
                                     "a_b/1",
                                     "раypal",
                                     "paypal",
                                     "a/b/1 ",
                                     std::string("a\0b", 3),
                                     "con",
                                     "con.x",
                                     "\xff\xfe",
                                     ".hidden",
                                     "a..b",
                                     "..",
                                     "-"};
  std::set<fs::path> folders;
  for (const std::string& id : ids) {
    CAPTURE(id);
    const larder::package p = store.get(id, "p", files, provider.fetch());
    const fs::path folder = p.folder().parent_path();
    CHECK(folder.parent_path() == home / "models-cache");
    CHECK(larder::is_file_name(folder.filename().string()));
    CHECK(folder.filename().string().size() < 100);
    CHECK(folders.insert(folder).second);
    CHECK(p.model_id() == id);
  }
  CHECK(store.list().size() == ids.size());
  CHECK(provider.calls() == 1);
  // Stable: the folder of an id is the same in every version, or every cache is lost.
  CHECK(store.find("a/b/1", "p")->folder().parent_path().filename() ==
        "a-b-1-" + larder::remote::hex_of(larder::remote::sha256_of("a/b/1")).substr(0, 24));
  CHECK(store.find("###", "p")->folder().parent_path().filename().string().starts_with("model-"));
}

TEST_CASE("R14: package ids that are no folder's name are refused") {
  const support::temporary_folder home;
  package_store store{home.path()};
  for (const std::string& id :
       {std::string("con"), std::string("a/b"), std::string(), std::string(".."), std::string(256, 'x'), std::string("NUL.txt"),
        std::string("."), std::string("a\\b"), std::string("a\0b", 3), std::string("x "), std::string("x."), std::string(".x"),
        std::string("a:b"), std::string("é"), std::string("-rf")}) {
    CAPTURE(id);
    CHECK(support::cause_of([&] { store.get("m", id, {{"f", "u"}}, nobody); }) == larder::error_cause::invalid_argument);
    CHECK(support::cause_of([&] { store.find("m", id); }) == larder::error_cause::invalid_argument);
    CHECK(support::cause_of([&] { store.erase("m", id); }) == larder::error_cause::invalid_argument);
  }
  CHECK(support::files_below(home.path()) == 0);
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("f", "x")};
  CHECK_NOTHROW(store.get("m", std::string(255, 'x'), files, provider.fetch()));
  CHECK_NOTHROW(store.get("m", "onnx-fp32_v1.2+cuda", files, provider.fetch()));
}

TEST_CASE("R15: links that were purged come back without a fetch, blobs that were purged are fetched again") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a.bin", support::pattern(50'000, 1)),
                                        provider.file("deep/b.bin", support::pattern(70'000, 2))};
  package_store store{home.path()};
  store.get("m", "p", files, provider.fetch());
  const std::uint64_t once = provider.calls();
  const auto is_whole = [&](const larder::package& p) {
    return support::content_of(p.path("a.bin")) == support::pattern(50'000, 1) &&
           support::content_of(p.path("deep/b.bin")) == support::pattern(70'000, 2);
  };

  SUBCASE("by purge: packages") {
    CHECK(store.purge(larder::purge_scope::packages).packages == 1);
    CHECK(store.list().empty());
    CHECK(count_in(home / "shared-blobs") == 2);
    CHECK(is_whole(store.get("m", "p", files, nobody)));
  }
  SUBCASE("by hand: one link") {
    fs::remove(store.find("m", "p")->path("a.bin"));
    CHECK(is_whole(store.get("m", "p", files, nobody)));
  }
  SUBCASE("by hand: the folder of packages") {
    fs::remove_all(home / "models-cache");
    CHECK(is_whole(store.get("m", "p", files, nobody)));
  }
  SUBCASE("by purge: blobs") {
    CHECK(store.purge(larder::purge_scope::blobs).blobs == 2);
    CHECK(count_in(home / "shared-blobs") == 0);
    CHECK(support::cause_of([&] { store.find("m", "p"); }) == larder::error_cause::io);
    CHECK(is_whole(store.get("m", "p", files, provider.fetch())));
    CHECK(provider.calls() == once + 2);
  }
  SUBCASE("by hand: one blob") {
    fs::remove(home / "shared-blobs" / files[1].digest->hex());
    CHECK(is_whole(store.get("m", "p", files, provider.fetch())));
    CHECK(provider.calls() == once + 1);
  }
  SUBCASE("by hand: the folder of blobs") {
    fs::remove_all(home / "shared-blobs");
    CHECK(is_whole(store.get("m", "p", files, provider.fetch())));
    CHECK(provider.calls() == once + 2);
  }
  SUBCASE("by hand: everything") {
    for (const fs::directory_entry& entry : fs::directory_iterator(home.path())) fs::remove_all(entry.path());
    CHECK(is_whole(store.get("m", "p", files, provider.fetch())));
    CHECK(provider.calls() == once + 2);
  }
}

TEST_CASE("R16: no quota unless set; with one unreferenced blobs go, then the least recently used packages, never those in use") {
  const support::temporary_folder home;
  support::file_provider provider;
  larder::manual_clock clock(larder::wall_time::now());
  const auto settings = [&](std::optional<std::uint64_t> quota) {
    package_store_settings chosen;
    chosen.quota = quota;
    chosen.clock = [&] { return clock.now(); };
    return chosen;
  };
  const auto file = [&](const std::string& name) {
    return provider.file(name, support::pattern(100'000, static_cast<std::uint32_t>(name.back())));
  };
  const auto get = [&](package_store& store, const std::string& id) {
    clock += 1s;
    return store.get("m", id, {file("f" + id)}, provider.fetch());
  };
  const auto ids = [](const package_store& store) {
    std::string all;
    for (const larder::package_info& p : store.list()) all += p.manifest.package_id;
    return all;
  };
  {
    package_store unlimited{home.path(), settings({})};
    for (const char* const id : {"a", "b", "c"}) get(unlimited, id);
    CHECK(ids(unlimited) == "abc");
    CHECK(unlimited.usage().bytes() == 300'000);
    get(unlimited, "a");  // used last but one
    unlimited.erase("m", "c");
    CHECK(unlimited.usage().unreferenced_blobs == 1);  // nothing is removed unasked
  }
  package_store store{home.path(), settings(300'000)};
  get(store, "d");  // 400,000: c's blob goes, which nobody has
  CHECK(ids(store) == "abd");
  CHECK(store.usage().bytes() == 300'000);
  CHECK(store.stats().evicted_packages == 0);
  get(store, "e");  // b was used longest ago
  CHECK(ids(store) == "ade");
  const larder::package held = *store.find("m", "a");
  for (const char* const id : {"d", "e"}) {
    clock += 1s;
    store.get("m", id, {file("f" + std::string(id))}, nobody);
  }
  get(store, "g");  // a was used longest ago and is in use
  CHECK(ids(store) == "aeg");
  CHECK(support::content_of(held.path("fa")) == support::pattern(100'000, 'a'));
  store.pin("m", "e");
  get(store, "h");
  CHECK(ids(store) == "aeh");
  store.unpin("m", "e");
  get(store, "i");
  CHECK(ids(store) == "ahi");

  // A file that a package in use shares stays, whoever else had it.
  const larder::package first = store.get("m", "x", {file("fx")}, provider.fetch());
  clock += 1s;
  store.get("m", "y", {file("fx")}, provider.fetch());
  store.shrink_to(0);
  CHECK(ids(store) == "ax");
  CHECK(support::content_of(first.path("fx")) == support::pattern(100'000, 'x'));
  CHECK(store.usage().bytes() == 200'000);
}

TEST_CASE("R17: offline, what is cached works without the provider, and what is missing is named") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a.bin", "aaa"), provider.file_without_digest("b.txt", "bbb")};
  larder::manual_clock clock(larder::wall_time::now());
  {
    package_store online{home.path()};
    online.get("m", "p", files, provider.fetch());
  }
  clock.set(larder::wall_time::now() + 24h * 365 * 10);
  package_store offline{home.path(), {.offline = true, .clock = [&] { return clock.now(); }}};
  CHECK(support::content_of(offline.get("m", "p", files, nobody).path("a.bin")) == "aaa");
  CHECK(support::content_of(offline.get("m", "q", {files[0]}, nobody).path("a.bin")) ==
        "aaa");  // another package of what is here

  std::vector<package_file> more = files;
  more.push_back(provider.file("missing.onnx", "ccc"));
  support::refusal refused = support::refusal_of([&] { offline.get("m", "p", more, nobody); });
  CHECK(refused.cause == larder::error_cause::io);
  CHECK(support::says(refused, "missing.onnx"));
  CHECK(support::content_of(offline.get("m", "p", files, nobody).path("b.txt")) == "bbb");  // it is what it was
  fs::remove(offline.find("m", "p")->path("b.txt"));
  refused = support::refusal_of([&] { offline.get("m", "p", files, nobody); });
  CHECK(support::says(refused, "b.txt"));
  CHECK(support::cause_of([&] { offline.get("nobody", "p", more, nobody); }) == larder::error_cause::io);
}

TEST_CASE("R18: the home folder is renamed and everything still works") {
  const support::temporary_folder folder;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("deep/er/a.bin", support::pattern(200'000)),
                                        provider.file_without_digest("b.txt", "bbb")};
  {
    package_store store{folder / "home"};
    store.get("m", "p", files, provider.fetch());
  }
  fs::rename(folder / "home", folder / "elsewhere");
  const fs::path model = fs::directory_iterator(folder / "elsewhere" / "models-cache")->path();
  CHECK(support::content_of(model / "p" / "deep/er/a.bin") == support::pattern(200'000));
  package_store store{folder / "elsewhere"};
  const larder::package p = store.get("m", "p", files, nobody);
  CHECK(support::content_of(p.path("deep/er/a.bin")) == support::pattern(200'000));
  CHECK(store.verify("m", "p").is_whole());
}

TEST_CASE(
    "R20: a manifest, a blob, a lock or a package's folder that is a symbolic link is refused, and its target stays as it was") {
  const support::temporary_folder home;
  const support::temporary_folder outside;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a.bin", "aaa")};
  support::write_file(outside / "target", "precious");
  const auto unharmed = [&] {
    return support::content_of(outside / "target") == "precious" && support::files_below(outside.path()) == 1;
  };
  package_store store{home.path()};
  const fs::path folder = store.get("m", "p", files, provider.fetch()).folder();

  SUBCASE("the manifest") {
    fs::remove(folder / ".larder.json");
    fs::create_symlink(outside / "target", folder / ".larder.json");
    CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::invalid_argument);
  }
  SUBCASE("the file of its use") {
    fs::remove(folder / ".larder.use");
    fs::create_symlink(outside / "target", folder / ".larder.use");
    CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::invalid_argument);
  }
  SUBCASE("the package's folder") {
    fs::remove_all(folder);
    fs::create_directory_symlink(outside.path(), folder);
    CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::invalid_argument);
  }
  SUBCASE("a blob") {
    const fs::path blob = home / "shared-blobs" / files[0].digest->hex();
    fs::remove(blob);
    fs::create_symlink(outside / "target", blob);
    CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::invalid_argument);
  }
  SUBCASE("locks") {
    fs::remove_all(home / "models-cache");
    fs::remove_all(home / "shared-blobs");
    const larder::artifacts::store_layout layout{home.path()};
    for (const fs::path& lock : {layout.package_lock("m", "p"), layout.blob_lock(files[0].digest->hex()), layout.sweep_lock()}) {
      CAPTURE(lock);
      fs::remove(lock);
      fs::create_symlink(outside / "target", lock);
      CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::invalid_argument);
      CHECK(unharmed());
      fs::remove(lock);
    }
  }
  SUBCASE("a partial file") {
    fs::remove_all(home / "models-cache");
    fs::remove_all(home / "shared-blobs");
    fs::create_symlink(outside / "target", home / "blob-state" / "partial" / files[0].digest->hex());
    CHECK(support::cause_of([&] { store.get("m", "p", files, provider.fetch()); }) == larder::error_cause::io);
  }
  SUBCASE("a file of the package: replaced") {
    fs::remove(folder / "a.bin");
    fs::create_symlink(outside / "target", folder / "a.bin");
    CHECK(support::content_of(store.get("m", "p", files, nobody).path("a.bin")) == "aaa");
  }
  CHECK(unharmed());
}

TEST_CASE("R22: the guard is asked before a cached package is handed out, and can refuse") {
  const support::temporary_folder home;
  support::file_provider provider;
  const std::vector<package_file> files{provider.file("a.bin", "aaa")};
  std::vector<std::string> asked;
  bool permits = true;
  package_store store{home.path(), {.guard = [&](const larder::access_request& request) {
                        asked.push_back(std::string(request.model_id) + "/" + std::string(request.package_id));
                        return permits;
                      }}};
  store.get("m", "p", files, provider.fetch());
  CHECK(asked.empty());  // the provider was asked just now
  store.get("m", "p", files, provider.fetch());
  CHECK(asked == std::vector<std::string>{"m/p"});
  permits = false;
  const support::refusal refused = support::refusal_of([&] { store.get("m", "p", files, provider.fetch()); });
  CHECK(refused.cause == larder::error_cause::unauthorized);
  CHECK(support::cause_of([&] { store.find("m", "p"); }) == larder::error_cause::unauthorized);
  // Another package of the same files: nothing would be fetched, so nobody else would ask.
  CHECK(support::cause_of([&] { store.get("other", "p", files, provider.fetch()); }) == larder::error_cause::unauthorized);
  CHECK(store.stats().denied == 3);
  package_store other{home.path(), {.guard = [&](const larder::access_request&) { return false; }}};
  CHECK(support::cause_of([&] { other.get("m", "p", files, nobody); }) == larder::error_cause::unauthorized);
}

TEST_CASE(
    "R23: a package that was fetched with a key loads without one and without the provider; purge and removal by hand are safe") {
  const support::temporary_folder home;
  larder::testing::blob_server server(larder::testing::blob_server_options{.authorization = "Bearer key-123"});
  const std::string content = support::pattern(100'000);
  server.store("/f", larder::bytes::copy_of(std::string_view(content)));
  const std::vector<package_file> files{
      {"f", server.url() + "/f?token=hush-hush", larder::digest_of(std::string_view(content), larder::digest_algorithm::md5)}};
  larder::http_fetch_settings with_key;
  with_key.headers = {{"Authorization", larder::secret("Bearer key-123")}};
  package_store store{home.path()};
  const support::refusal refused =
      support::refusal_of([&] { store.get("m", "p", files, larder::http_fetch{}); }, {"hush-hush", "key-123"});
  CHECK(refused.cause == larder::error_cause::unauthorized);
  store.get("m", "p", files, larder::http_fetch{with_key});
  const std::uint64_t requests = server.counts()["GET"];
  CHECK(support::content_of(store.get("m", "p", files, larder::http_fetch{}).path("f")) == content);
  CHECK(support::content_of(store.find("m", "p")->path("f")) == content);
  CHECK(server.counts()["GET"] == requests);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home.path())) {
    CHECK(entry.path().string().find("hush") == std::string::npos);
    if (entry.is_regular_file()) CHECK(support::content_of(entry.path()).find("hush-hush") == std::string::npos);
  }

  std::optional<larder::package> held = store.find("m", "p");
  CHECK(store.purge().in_use == 1);  // it is in use, and stays
  CHECK(support::content_of(held->path("f")) == content);
  held.reset();
  CHECK(store.purge().packages == 1);
  CHECK(support::files_below(home / "shared-blobs") + support::files_below(home / "models-cache") == 0);
  CHECK(store.usage().bytes() == 0);
  held = store.get("m", "p", files, larder::http_fetch{with_key});
  fs::remove_all(home.path());
  CHECK_NOTHROW(store.list());
  CHECK_NOTHROW(store.gc());
  CHECK_NOTHROW(store.purge());
  CHECK_FALSE(store.find("m", "p"));
  CHECK(support::content_of(store.get("m", "p", files, larder::http_fetch{with_key}).path("f")) == content);
  CHECK(remains(home.path()) <= 1);  // the lock of sweeps
}

TEST_CASE("A package of the real models, served over HTTP") {
  const fs::path real = support::shared_folder() / "real";
  if (!fs::exists(real / "onnx")) {
    MESSAGE("skipped: there are no real inputs in " << real);
    return;
  }
  const support::temporary_folder home;
  larder::testing::blob_server server;
  std::vector<package_file> files;
  for (const char* const name :
       {"onnx/silero_vad_16k_op15.onnx", "onnx/silero_vad_half.onnx", "safetensors/silero_vad_16k.safetensors"}) {
    const std::string content = support::content_of(real / name);
    server.store("/" + std::string(name), larder::bytes::copy_of(std::string_view(content)));
    files.push_back(
        {name, server.url() + "/" + name, larder::digest_of(std::string_view(content), larder::digest_algorithm::sha256)});
  }
  package_store store{home.path()};
  const larder::package p = store.get("silero/vad", "all", files, larder::http_fetch{});
  for (const package_file& file : files) CHECK(support::content_of(p.path(file.name)) == support::content_of(real / file.name));
  CHECK(store.verify("silero/vad", "all").is_whole());
}
