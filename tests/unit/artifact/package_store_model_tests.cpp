// Random operations on a store, held to a naive model of it.

#include <larder/artifact/package_store.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/file_provider.hpp"
#include "support/pattern.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;

/// What a store should have: packages of files by number, blobs by number; file n has 100 + n bytes.
struct model {
  struct entry {
    std::set<int> files;
    std::int64_t used = 0;
    bool pinned = false;
    int held = 0;
  };
  std::map<int, entry> packages;
  std::set<int> blobs;

  static std::uint64_t size_of(int file) { return 100U + static_cast<std::uint64_t>(file); }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const int blob : blobs) sum += size_of(blob);
    return sum;
  }
  bool wanted(int blob) const {
    return std::any_of(packages.begin(), packages.end(), [&](const auto& p) { return p.second.files.contains(blob); });
  }
  void drop(int id) {
    const std::set<int> files = packages.at(id).files;
    packages.erase(id);
    for (const int file : files)
      if (!wanted(file)) blobs.erase(file);
  }
};

class played_store {
 public:
  void get(int id, const std::set<int>& files) {
    const std::uint64_t before = provider_.bytes();
    clock_ += std::chrono::seconds(1);
    std::vector<larder::package_file> wanted;
    std::uint64_t expected = 0;
    for (const int file : files) {
      wanted.push_back(provider_.file("f" + std::to_string(file), support::pattern(static_cast<std::size_t>(model::size_of(file)),
                                                                                   static_cast<std::uint32_t>(file))));
      if (!model_.blobs.contains(file)) expected += model::size_of(file);
    }
    if (const auto known = model_.packages.find(id);
        known != model_.packages.end() && known->second.held != 0 &&
        !std::includes(files.begin(), files.end(), known->second.files.begin(), known->second.files.end())) {
      // Somebody has files that the package would lose.
      RC_ASSERT_THROWS_AS(store_->get("model", "p" + std::to_string(id), wanted, provider_.fetch()), larder::error);
      RC_ASSERT(provider_.bytes() == before);
      return;
    }
    const larder::package p = store_->get("model", "p" + std::to_string(id), wanted, provider_.fetch());
    RC_ASSERT(provider_.bytes() - before == expected);
    for (const int file : files)
      RC_ASSERT(support::content_of(p.path("f" + std::to_string(file))) ==
                support::pattern(static_cast<std::size_t>(model::size_of(file)), static_cast<std::uint32_t>(file)));
    model_.packages[id].files = files;
    model_.packages[id].used = clock_.now().count();
    model_.blobs.insert(files.begin(), files.end());
  }
  void erase(int id) {
    const bool there = model_.packages.contains(id);
    if (there && model_.packages[id].held != 0) return;
    RC_ASSERT(store_->erase("model", "p" + std::to_string(id)) == there);
    model_.packages.erase(id);
  }
  void hold(int id) {
    if (!model_.packages.contains(id)) return;
    clock_ += std::chrono::seconds(1);
    held_[id] = std::make_unique<larder::package>(store_->find("model", "p" + std::to_string(id)).value());
    model_.packages[id].held = 1;
    model_.packages[id].used = clock_.now().count();
  }
  void let_go(int id) {
    held_.erase(id);
    if (model_.packages.contains(id)) model_.packages[id].held = 0;
  }
  void pin(int id, bool pinned) {
    if (!model_.packages.contains(id)) return;
    pinned ? store_->pin("model", "p" + std::to_string(id)) : store_->unpin("model", "p" + std::to_string(id));
    model_.packages[id].pinned = pinned;
  }
  void collect() {
    std::size_t gone = std::erase_if(model_.blobs, [&](int blob) { return !model_.wanted(blob); });
    RC_ASSERT(store_->gc().blobs == gone);
  }
  void shrink(std::uint64_t most) {
    store_->shrink_to(most);
    // Unreferenced blobs, oldest first: of equal times any. So compare what must hold, and take over which of them went.
    std::uint64_t orphans = 0;
    for (const int blob : model_.blobs)
      if (!model_.wanted(blob)) orphans += model::size_of(blob);
    if (model_.bytes() <= most) return check();
    if (model_.bytes() - orphans <= most) {
      std::erase_if(model_.blobs, [&](int blob) { return !model_.wanted(blob) && !has_blob(blob); });
      RC_ASSERT(model_.bytes() <= most);
      return check();
    }
    std::erase_if(model_.blobs, [&](int blob) { return !model_.wanted(blob); });
    while (model_.bytes() > most) {
      std::optional<int> oldest;
      for (const auto& [id, entry] : model_.packages)
        if (!entry.pinned && entry.held == 0 && (!oldest || entry.used < model_.packages[*oldest].used)) oldest = id;
      if (!oldest) break;
      model_.drop(*oldest);
    }
    check();
  }
  void purge_links() {
    store_->purge(larder::purge_scope::packages);
    std::erase_if(model_.packages, [](const auto& p) { return p.second.held == 0; });
  }
  void remove_package_by_hand(int id) {
    if (!model_.packages.contains(id) || model_.packages[id].held != 0) return;
    fs::remove_all(store_->find_folder(id));
    model_.packages.erase(id);
  }
  void reopen() { store_ = open(); }

  void check() {
    std::map<std::string, bool> listed;
    for (const larder::package_info& info : store_->list()) {
      const int id = std::stoi(info.manifest.package_id.substr(1));
      RC_ASSERT(model_.packages.contains(id));
      RC_ASSERT(info.pinned == model_.packages[id].pinned);
      RC_ASSERT(info.last_use.count() == model_.packages[id].used);
      RC_ASSERT(info.manifest.files.size() == model_.packages[id].files.size());
      listed[info.manifest.package_id] = true;
    }
    RC_ASSERT(listed.size() == model_.packages.size());
    const larder::store_usage usage = store_->usage();
    RC_ASSERT(usage.blobs == model_.blobs.size());
    RC_ASSERT(usage.bytes() == model_.bytes());
    RC_ASSERT(usage.unreferenced_blobs == static_cast<std::uint64_t>(std::count_if(model_.blobs.begin(), model_.blobs.end(),
                                                                                   [&](int b) { return !model_.wanted(b); })));
  }

 private:
  struct subject : larder::package_store {
    using package_store::package_store;
    fs::path find_folder(int id) const {
      return larder::artifacts::store_layout{home()}.package("model", "p" + std::to_string(id));
    }
  };
  std::unique_ptr<subject> open() {
    larder::package_store_settings settings;
    settings.streams = 1;
    settings.clock = [this] { return clock_.now(); };
    return std::make_unique<subject>(home_.path(), settings);
  }
  fs::path path_of(int blob) const {
    return home_ / "shared-blobs" /
           larder::digest_of(support::pattern(static_cast<std::size_t>(model::size_of(blob)), static_cast<std::uint32_t>(blob)),
                             larder::digest_algorithm::sha256)
               .hex();
  }
  bool has_blob(int blob) const { return fs::exists(path_of(blob)); }

  support::temporary_folder home_;
  larder::manual_clock clock_{larder::wall_time::now()};
  support::file_provider provider_;
  std::unique_ptr<subject> store_ = open();
  std::map<int, std::unique_ptr<larder::package>> held_;
  model model_;
};

}  // namespace

TEST_CASE("random operations on a store do what they do on a naive model") {
  CHECK(rc::check("a store", [] {
    played_store store;
    const int steps = *rc::gen::inRange(5, 40);
    for (int i = 0; i < steps; ++i) {
      const int id = *rc::gen::inRange(0, 4);
      switch (*rc::gen::inRange(0, 12)) {
        case 0:
        case 1:
        case 2: {
          std::set<int> files;
          for (int n = *rc::gen::inRange(1, 4); n > 0; --n) files.insert(*rc::gen::inRange(0, 6));
          store.get(id, files);
          break;
        }
        case 3:
          store.erase(id);
          break;
        case 4:
          store.hold(id);
          break;
        case 5:
          store.let_go(id);
          break;
        case 6:
          store.pin(id, *rc::gen::inRange(0, 2) == 1);
          break;
        case 7:
          store.collect();
          break;
        case 8:
          store.shrink(static_cast<std::uint64_t>(*rc::gen::inRange(0, 700)));
          break;
        case 9:
          store.purge_links();
          break;
        case 10:
          store.remove_package_by_hand(id);
          break;
        default:
          store.reopen();
          break;
      }
      store.check();
    }
  }));
}
