// Any bytes as the manifest of a package, and changes to one that is right: refused with larder::error, or names that lead nowhere else and a text
// that says the same.

#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/relative_name.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/changed_text.hpp"

namespace {

using namespace larder::artifacts;
using larder::file_keeping;
using larder::package_manifest;

void must(bool holds) {
  if (!holds) std::abort();
}

void read(std::string_view text) {
  static manifest_reader reader;  // what an earlier text left in it must not matter
  try {
    const package_manifest manifest = reader.read(text, "it");
    std::vector<std::string_view> names;
    for (const larder::packaged_file& file : manifest.files) names.push_back(file.name);
    must(package_names_fault(names).empty());
    check_package_id(manifest.package_id);  // it throws invalid_argument, which ends the program below
    must(larder::is_relative_name(model_folder_name(manifest.model_id)));
    must(manifest_reader().read(manifest_text(manifest), "it") == manifest);
  } catch (const larder::error& e) {
    must(e.cause() == larder::error_cause::corruption);
  }
}

std::string right() {
  return manifest_text({"org/model",
                        "fp32",
                        {{"model.onnx", larder::digest_of("a", larder::digest_algorithm::sha256), 1, file_keeping::relative},
                         {"deep/er.bin", larder::digest_of("b", larder::digest_algorithm::md5), 7, file_keeping::copy},
                         {"labels.txt", larder::digest_of("c", larder::digest_algorithm::xxh3_128), 3, file_keeping::own}}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read({reinterpret_cast<const char*>(data), size});
  read(support::changed_text(right(), {data, size}));
  return 0;
}
