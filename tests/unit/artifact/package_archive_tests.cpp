#include <larder/artifact/package_archive.hpp>
#include <larder/artifact/package_store.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/refusal.hpp"
#include "support/tar_archive.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::package_file;
using larder::package_store;
using support::tar_archive;

struct two_stores {
  support::temporary_folder here{}, there{};
  support::file_provider provider{};
  std::string large = support::pattern(9'000'000);
  std::vector<package_file> files{provider.file("model.bin", large),
                                  provider.file("deep/" + std::string(120, 'n'), "named at length"),
                                  provider.file_without_digest("labels.txt", "cat")};
  package_store from{here / "home"};
  package_store to{there / "home", {.offline = true}};

  two_stores() {
    from.get("org/a", "fp32", files, provider.fetch());
    from.get("\xff", "fp16", {files[0]}, provider.fetch());
  }
  fs::path archive() const { return here / "packages.tar"; }
};

std::string manifest(const std::string& files) {
  return "{\"format\": \"larder package 1\", \"model_id\": \"m\", \"package_id\": \"p\", \"files\": [" + files + "]}";
}

}  // namespace

TEST_CASE("packages go out as one file and come in elsewhere, without a network") {
  two_stores s;
  CHECK(s.from.export_to(s.archive()) == 2);
  CHECK(s.to.import_from(s.archive()) == 2);
  const larder::package p = *s.to.find("org/a", "fp32");
  CHECK(support::content_of(p.path("model.bin")) == s.large);
  CHECK(support::content_of(p.path(s.files[1].name)) == "named at length");
  CHECK(support::content_of(p.path("labels.txt")) == "cat");
  CHECK(s.to.find("\xff", "fp16")->size() == s.large.size());
  CHECK(s.to.usage().blobs == 2);
  CHECK(s.to.usage().unverified == 1);
  CHECK(s.to.verify("org/a", "fp32").is_whole());
  CHECK(s.to.import_from(s.archive()) == 2);  // again: nothing to do
  CHECK(s.to.stats().made == 2);
  // Equal contents, equal archives.
  s.from.export_to(s.here / "again.tar");
  CHECK(support::content_of(s.archive()) == support::content_of(s.here / "again.tar"));
  CHECK(support::files_below(s.there / "home" / "blob-state" / "partial") == 0);
}

TEST_CASE("single packages, and those that are not there") {
  two_stores s;
  CHECK(s.from.export_to(s.archive(), {{"\xff", "fp16"}}) == 1);
  CHECK(s.to.import_from(s.archive()) == 1);
  CHECK(s.to.list().size() == 1);
  CHECK(support::cause_of([&] {
          s.from.export_to(s.here / "x.tar", {{"nobody", "fp16"}});
        }) == larder::error_cause::invalid_argument);
  CHECK_FALSE(fs::exists(s.here / "x.tar"));
  const support::temporary_folder empty;
  CHECK(support::cause_of([&] { package_store{empty.path()}.export_to(s.here / "x.tar"); }) ==
        larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { s.to.import_from(s.here / "x.tar"); }) == larder::error_cause::io);
}

TEST_CASE("a damaged blob is not exported") {
  two_stores s;
  const fs::path blob = s.from.blobs().path_of(*s.files[0].digest);
  {
    std::fstream file(blob, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('x');
  }
  CHECK(support::cause_of([&] { s.from.export_to(s.archive()); }) != std::nullopt);
  CHECK_FALSE(fs::exists(s.archive()));
  CHECK(support::files_below(s.here.path()) == support::files_below(s.here / "home"));
}

TEST_CASE("an archive with a byte changed anywhere is imported right, or refused") {
  two_stores s;
  const support::temporary_folder small;
  package_store from{small / "home"};
  support::file_provider provider;
  from.get("m", "p", {provider.file("a", "aaaa"), provider.file_without_digest("b", "bb")}, provider.fetch());
  from.export_to(small / "a.tar");
  const std::string good = support::content_of(small / "a.tar");
  for (std::size_t at = 0; at < good.size(); at += 37) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x11);
    support::write_file(small / "bad.tar", bad);
    const support::temporary_folder home;
    package_store to{home.path()};
    try {
      to.import_from(small / "bad.tar");
      CHECK(support::content_of(to.find("m", "p")->path("a")) == "aaaa");
      CHECK(support::content_of(to.find("m", "p")->path("b")) == "bb");
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::corruption);
      for (const larder::package_info& p : to.list()) CHECK(to.verify(p.manifest.model_id, p.manifest.package_id).is_whole());
    }
  }
  for (std::size_t size = 0; size < good.size(); size += 511) {
    support::write_file(small / "bad.tar", good.substr(0, size));
    const support::temporary_folder home;
    package_store to{home.path()};
    try {
      to.import_from(small / "bad.tar");
      CHECK(to.verify("m", "p").is_whole());
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::corruption);
    }
  }
}

TEST_CASE("hostile archives are refused, and nothing outside the store is written") {
  const support::temporary_folder folder;
  const std::string digest = larder::digest_of("content", larder::digest_algorithm::sha256).hex();
  const std::string file = "{\"name\": \"f\", \"digest\": \"sha256:" + digest + "\", \"size\": 7, \"kept\": \"relative\"}";
  const auto refused = [&](const tar_archive& archive) {
    const std::string text = archive.text();
    support::write_file(folder / "bad.tar", text);
    package_store store{folder / "home"};
    CHECK(support::cause_of([&] { store.import_from(folder / "bad.tar"); }) == larder::error_cause::corruption);
    CHECK(store.list().empty());
    CHECK(store.usage().blobs == 0);
    CHECK(support::files_below(folder.path()) == 1 + support::files_below(folder / "home"));
    CHECK_FALSE(fs::exists(folder / "evil"));
  };
  refused(tar_archive().file("../evil", "x").end());
  refused(tar_archive().file("/evil", "x").end());
  refused(tar_archive().file("packages/../../evil", "x").end());
  refused(tar_archive().file("evil", "x").end());
  refused(tar_archive().file("blobs/not-a-digest", "x").end());
  refused(tar_archive().file("packages/0.json", manifest(file)).end());  // without its blob
  refused(tar_archive().file("packages/0.json", manifest(file)).file("blobs/" + digest, "CONTENT").end());
  refused(tar_archive().file("packages/0.json", manifest(file)).file("blobs/" + digest, "content and more").end());
  refused(tar_archive()
              .file("packages/0.json", manifest(file))
              .file("blobs/" + digest, "content")
              .file("blobs/" + digest, "content")
              .end());
  refused(tar_archive().file("packages/0.json", "{}").end());
  refused(tar_archive()
              .file("packages/0.json", manifest("{\"name\": \"../evil\", \"digest\": \"sha256:" + digest +
                                                "\", \"size\": 7, \"kept\": \"relative\"}"))
              .file("blobs/" + digest, "content")
              .end());
  refused(tar_archive()
              .file("packages/0.json", manifest("{\"name\": \"f\", \"content\": \"xxh3:" + std::string(32, '1') +
                                                "\", \"size\": 1, \"kept\": \"own\"}"))
              .file("own/0/f", "x")
              .end());
  refused(tar_archive().end());
  refused(tar_archive().raw("nonsense"));
}
