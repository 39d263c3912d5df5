// Scenarios in which a resolution and the package that it names work together, as a loader of models uses them.

#include <larder/artifact/package_store.hpp>
#include <larder/artifact/resolution_cache.hpp>
#include <larder/codec/codec.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/file_provider.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;

/// Negotiates, and loads what came of it.
class loader {
 public:
  explicit loader(const fs::path& home, bool off = false, bool offline = false)
      : resolved_(home,
                  {.valid = [this](const std::string& choice) { return is_whole(choice); }, .offline = offline, .off = off}),
        store_(home, {.offline = offline}) {}

  larder::package load(support::file_provider& provider, const std::string& key = "key-0123456789") {
    const std::string choice = resolved_.resolve(larder::request{}.field("model_id", "a/b").secret("api_key", key), [&] {
      ++negotiations;
      return std::string("onnxfp32");
    });
    return store_.get("a/b", choice,
                      {provider.file("model.onnx", "weights"), provider.file("sub/config.json", "{}"),
                       provider.file_without_digest("labels.txt", "cat")},
                      provider.fetch());
  }

  int negotiations = 0;

 private:
  /// As a provider's answer is good while all that it names is there.
  bool is_whole(const std::string& choice) const {
    for (const larder::package_info& info : store_.list())
      if (info.manifest.package_id == choice) return store_.verify("a/b", choice, larder::verify_depth::quick).is_whole();
    return false;
  }

  larder::resolution_cache<std::string> resolved_;
  larder::package_store store_;
};

}  // namespace

TEST_CASE("R5: of a resolved package one file was deleted: one new resolution, and only that file is downloaded") {
  for (const char* const name : {"model.onnx", "labels.txt"}) {
    CAPTURE(name);
    const support::temporary_folder home;
    support::file_provider provider;
    loader models(home.path());
    const fs::path folder = models.load(provider).folder();
    models.load(provider);
    CHECK(models.negotiations == 1);
    CHECK(provider.calls() == 3);
    fs::remove(fs::canonical(folder / name));  // the blob, or the file itself
    CHECK(support::content_of(models.load(provider).path("model.onnx")) == "weights");
    CHECK(models.negotiations == 2);
    CHECK(provider.calls() == 4);
    CHECK(provider.calls(std::string("mem://") + name) == 2);
    models.load(provider);
    CHECK(models.negotiations == 2);
    CHECK(provider.calls() == 4);
  }
}

TEST_CASE("R7: with the resolution cache off the resolver runs each time, and package files are still reused") {
  const support::temporary_folder home;
  support::file_provider provider;
  loader models(home.path(), true);
  for (int n = 1; n < 4; ++n) {
    models.load(provider);
    CHECK(models.negotiations == n);
    CHECK(provider.calls() == 3);
  }
  CHECK_FALSE(fs::exists(home / "auto-resolution-cache"));
}

TEST_CASE("R17, R18: offline and in a renamed home what was resolved and loaded is loaded again, without anybody being asked") {
  const support::temporary_folder folder;
  support::file_provider provider;
  loader(folder / "home").load(provider);
  const std::uint64_t calls = provider.calls();
  fs::rename(folder / "home", folder / "elsewhere");
  loader offline(folder / "elsewhere", false, true);
  CHECK(support::content_of(offline.load(provider).path("sub/config.json")) == "{}");
  CHECK(offline.negotiations == 0);
  CHECK(provider.calls() == calls);
  CHECK(support::cause_of([&] { offline.load(provider, "another-key-0123"); }) == larder::error_cause::network);
}
