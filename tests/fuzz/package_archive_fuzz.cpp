// Any bytes as an archive of packages, and changes to one that is right, with the checksums that tar wants: refused, or packages that are made as
// their manifests say, from what lies in the archive. Nothing is written beside the store.

#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/package_archive.hpp>
#include <larder/artifact/package_store.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/changed_text.hpp"
#include "support/tar_archive.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::package_manifest;

void must(bool holds) {
  if (!holds) std::abort();
}

std::string right() {
  const larder::content_digest blob = larder::digest_of("content", larder::digest_algorithm::sha256);
  const package_manifest manifest{"org/a",
                                  "p",
                                  {{"model.bin", blob, 7, larder::file_keeping::relative},
                                   {"deep/b", larder::digest_of("bb", larder::digest_algorithm::xxh3_128), 2, larder::file_keeping::own}}};
  return support::tar_archive()
      .file("packages/0.json", larder::artifacts::manifest_text(manifest))
      .file("blobs/" + larder::artifacts::blob_folder::name_of(blob), "content")
      .file("own/0/deep/b", "bb")
      .end()
      .text();
}

/// Each block with the checksum that it would have as a header.
std::string sealed(std::string text) {
  for (std::size_t at = 0; at + 512 <= text.size(); at += 512) {
    const std::string block = text.substr(at, 512);
    if (block.substr(257, 5) == "ustar") text.replace(at, 512, support::tar_archive::sealed(block));
  }
  return text;
}

void import(const std::string& text) {
  static const support::temporary_folder folder;
  fs::remove_all(folder / "home");
  support::write_file(folder / "packages.tar", text);
  larder::package_store store(folder / "home");
  bool is_whole = false;
  std::size_t packages = 0;
  try {
    packages = store.import_from(folder / "packages.tar");
    is_whole = true;
  } catch (const larder::error& e) {
    must(e.cause() == larder::error_cause::corruption || e.cause() == larder::error_cause::invalid_argument);
  }
  const std::vector<larder::package_info> all = store.list();
  must(!is_whole || (packages != 0 && !all.empty() && all.size() <= packages));
  for (const larder::package_info& info : all)
    must(store.verify(info.manifest.model_id, info.manifest.package_id).is_whole());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path()))
    must(entry.path().filename() == "home" || entry.path().filename() == "packages.tar");
}

/// An archive that nothing is made of costs no store.
void read(const std::string& text) {
  static const support::temporary_folder folder;
  support::write_file(folder / "packages.tar", text);
  try {
    const larder::artifacts::archive_reader reader(folder / "packages.tar");
    must(!reader.packages().empty());
  } catch (const larder::error& e) {
    must(e.cause() == larder::error_cause::corruption);
    return;
  }
  import(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string given(reinterpret_cast<const char*>(data), size);
  read(given);
  read(sealed(given));
  static const std::string archive = right();
  const std::string changed = support::changed_text(archive, {data, size});
  read(changed);
  read(sealed(changed));
  return 0;
}
