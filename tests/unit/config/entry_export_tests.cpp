#include <larder/config/cache_manager.hpp>

#include <doctest/doctest.h>

#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace fs = std::filesystem;
using larder::bytes;
using larder::managed_cache;
using larder::settings;
using support::make_manager;
using support::refusal_of;
using support::says;

namespace {

settings exporting(const char* format) {
  settings all;
  all.caches["cache"].memory_size = 1'000'000U;
  all.caches["cache"].policy = "lru";
  if (format != nullptr) all.caches["cache"].format = format;
  return all;
}
std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("entries as safetensors: a tensor of bytes for each, by name") {
  const support::temporary_folder folder;
  const auto manager = make_manager(exporting(nullptr));
  managed_cache& c = manager->at("cache");
  c.put("layer.1", bytes::copy_of(std::string("second")));
  c.put("layer.0", bytes::copy_of(std::string("first")));
  c.put("empty \"é\"", bytes());
  CHECK(manager->export_entries("cache", folder / "out.safetensors") == 3);
  const std::string file = content_of(folder / "out.safetensors");
  const std::size_t head = static_cast<unsigned char>(file[0]) + 256U * static_cast<unsigned char>(file[1]);
  CHECK((8 + head) % 8 == 0);
  CHECK(file.substr(8 + head) == "firstsecond");
  const std::string text = file.substr(8, head);
  CHECK(text.find(R"("layer.1":{"dtype":"U8","shape":[6],"data_offsets":[5,11]})") != std::string::npos);
  CHECK(text.find(R"("empty \"é\"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})") != std::string::npos);
}

TEST_CASE("entries as tar, which the system's tar reads") {
  const support::temporary_folder folder;
  const auto manager = make_manager(exporting("tar"));
  managed_cache& c = manager->at("cache");
  c.put("a/b.txt", bytes::copy_of(std::string("in a folder")));
  c.put(std::string(150, 'n'), bytes::copy_of(std::string(2000, 'l')));
  CHECK(manager->export_entries("cache", folder / "out.tar") == 2);
  fs::create_directory(folder / "unpacked");
  REQUIRE(std::system(("tar -xf '" + (folder / "out.tar").string() + "' -C '" + (folder / "unpacked").string() + "'").c_str()) ==
          0);  // NOLINT
  CHECK(content_of(folder / "unpacked/a/b.txt") == "in a folder");
  CHECK(content_of(folder / "unpacked" / std::string(150, 'n')) == std::string(2000, 'l'));
}

TEST_CASE("keys that cannot be names, and files that are there, are refused") {
  const support::temporary_folder folder;
  for (const std::string& key : {std::string("../x"), std::string(), std::string("nul\0", 4), std::string("\xff"),
                                 std::string("/etc/passwd"), std::string("a/"), std::string("__metadata__")}) {
    CAPTURE(key);
    const auto manager = make_manager(exporting("tar"));
    manager->at("cache").put(key, bytes::copy_of(std::string("x")));
    CHECK(says(refusal_of([&] { manager->export_entries("cache", folder / "out.tar"); }), "cannot be a name in a tar file"));
    CHECK_FALSE(fs::exists(folder / "out.tar"));
  }
  const auto manager = make_manager(exporting("tar"));
  CHECK(manager->export_entries("cache", folder / "out.tar") == 0);
  CHECK(says(refusal_of([&] { manager->export_entries("cache", folder / "out.tar"); }), "is there already"));
}
